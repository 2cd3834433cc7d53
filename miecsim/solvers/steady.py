"""Steady states under any mixture of imposed voltages and currents: a direct jump, and continuation where that fails.

Voltages and driving forces are raised together. Where currents are imposed, the voltage of the terminal that answers
most is raised instead and the share of the demand that it carries is found, so that a current beyond a limiting one
ends with the largest that can flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.linearise import linearise
from miecsim.solvers.control import Control, Named, check_currents, control_of
from miecsim.solvers.floating import floating_groups, inventories
from miecsim.solvers.newton import Demand, Solution, extrapolated, residual, row_scale, solve, tangent
from miecsim.solvers.small_signal import SmallSignal
from miecsim.system import System, balance, rest_state, terminal_currents
from miecsim.typing import Array

# a second name, until the transient solver takes it from solvers.newton
Progress = Callable[[str], None]
LEAST_WIDTH = 1e-4  # of a demand
LEAST_MOVE = 1e-3  # of a voltage that is raised, counted from 10 thermal voltages
MOST_STEPS = 20  # of Newton on the way, where a shorter step may do
# An imposed current that a doubled voltage would raise by less than this is all that can be reached.
SATURATED = 1e-3
LARGEST_VOLTAGE = 1e5  # thermal voltages


@dataclass(frozen=True)
class OperatingPoint:
    """A solved state: unknowns u (m, N), port voltages (P,) [V], port currents (P,) [A], and how it was reached.

    kind is 'steady'; residual is the largest balance, or deviation from an imposed current, left over relative to its
    parts; steps counts Newton iterations.
    """

    system: System
    u: Array
    voltages: Array
    currents: Array
    kind: str
    residual: float
    steps: int

    @cached_property
    def small_signal(self) -> SmallSignal:
        """What spectra of this point need before any frequency is known, found once."""
        return SmallSignal(self.system, self.u, self.voltages)


class UnreachedError(SolveError):
    """A demand that the cell cannot meet. `point`: the last good operating point on the way to it, None if none;
    `points`: those of a sweep before it."""

    def __init__(self, message: str, point: OperatingPoint | None, points: tuple[OperatingPoint, ...] = ()) -> None:
        super().__init__(message)
        self.point = point
        self.points = points


def solve_steady(
    system: System,
    voltages: Named | None = None,
    *,
    currents: Named | None = None,
    start: Array | OperatingPoint | None = None,
    progress: Progress | None = None,
) -> OperatingPoint:
    """Steady state at terminal voltages [V] and currents into the cell [A] (A/m2 where no area was given).

    A terminal named in neither is at 0 V; at least one must keep a voltage. Ends that a reversible link ties together
    carry no current in sum. Starts from the flat reference state, from unknowns `start` (m, N), which count as standing
    at 0 V, or from an operating point; what no terminal exchanges keeps the inventory of the start. Jumps to the full
    demand and falls back to continuation.

    Raises InputError for terminals, values or currents that make no steady demand, UnreachedError (a SolveError)
    naming the largest part of the demand that was reached, with the last good point.
    """
    demand, first = demand_of(system, voltages, currents, start)
    return advance(demand, first, first, progress, from_rest=not _is_solved(start, system))


def advance(
    demand: Demand, good: Solution, guess: Solution, progress: Progress | None = None, *, from_rest: bool = False
) -> OperatingPoint:
    """The end of `demand`, tried from `guess`, then by continuation from `good`, the solution at its beginning, or,
    where `from_rest`, what leads to one when the driving forces of contacts are raised."""
    try:
        return point_of(demand, solve(demand, replace(guess, share=1.0)))
    except SolveError as error:
        cause = error
    if from_rest:
        good = _beginning(demand, good, cause, progress)
    if not np.any(demand.direction):
        return point_of(demand, good)
    follow = _slide if np.any(demand.direction[list(demand.base.free)]) else _march
    return point_of(demand, follow(demand, good, cause, progress))


def _beginning(demand: Demand, start: Solution, cause: SolveError, progress: Progress | None) -> Solution:
    """The solution before anything is imposed, with the driving forces of contacts in place."""
    if any(p.emf for p in demand.system.ports):
        return _raised_emf(demand, start, cause, progress)
    try:
        return solve(demand, start)
    except SolveError:
        raise UnreachedError(str(cause), None) from None


def point_of(demand: Demand, found: Solution) -> OperatingPoint:
    """The operating point of a solution."""
    currents = terminal_currents(demand.system, found.u, found.voltages)
    left = residual(demand, found)
    return OperatingPoint(demand.system, found.u, found.voltages, currents, "steady", left, found.steps)


def relative_residual(system: System, u: Array, voltages: Array) -> float:
    """Largest residual over the size of its parts, row by row (parts: what one thermal voltage would drive)."""
    r = np.abs(balance(system, u, voltages))
    return float(np.max(r / row_scale(linearise(system, u, voltages), system)))


def _is_solved(start: Array | OperatingPoint | None, system: System) -> bool:
    """Whether a start is a steady state of this very system."""
    return isinstance(start, OperatingPoint) and start.kind == "steady" and start.system is system


def demand_of(
    system: System, voltages: Named | None, currents: Named | None, start: Array | OperatingPoint | None
) -> tuple[Demand, Solution]:
    """The way from the start to what is imposed, and the start. Raises InputError as `solve_steady` does."""
    target = control_of(system, voltages, currents)
    if isinstance(start, OperatingPoint):
        u, V, begin = start.u, start.voltages, np.where(target.held, start.voltages, start.currents)
    else:
        u, V = rest_state(system) if start is None else start.copy(), np.zeros(system.n_ports)
        begin = V
    if u.shape != system.laws.rest.shape or V.shape != (system.n_ports,):
        raise InputError(f"start: read unknowns of shape {u.shape}; expected {system.laws.rest.shape}")
    groups = tuple(floating_groups(linearise(system, u, V), target.free))
    check_currents(system, target, groups)
    inventory = inventories(system, u, list(groups), V)
    demand = Demand(system, Control(target.held, begin), target.value, groups, inventory)
    return demand, Solution(u, V, 0.0, 0)


def _raised_emf(demand: Demand, start: Solution, cause: SolveError, progress: Progress | None) -> Solution:
    """The state at the beginning of the demand with the driving forces of contacts in place, raised from zero."""

    def scaled(share: float) -> Demand:
        ports = tuple(replace(p, emf=share * p.emf) for p in demand.system.ports)
        system = replace(demand.system, ports=ports)
        held = inventories(system, start.u, list(demand.groups), start.voltages)
        return Demand(system, demand.base, demand.base.value, demand.groups, held)

    found = _raised(scaled, start, "emf of contacts", progress)
    if found.share < 1.0:
        point = None if found.share == 0 else point_of(scaled(found.share), found)
        reached = f"continuation reached {100 * found.share:.3g} % of the emf of contacts"
        raise UnreachedError(f"{cause}; {reached}", point)
    return replace(found, share=0.0)


def _growth(steps: int) -> float:
    return 2.0 if steps <= 6 else 0.5 if steps > 9 else 1.0


def _tell(progress: Progress | None, share: float, what: str) -> None:
    if progress is not None:
        progress(f"steady state: {100 * share:.0f} % of the {what}")


def _march(demand: Demand, now: Solution, cause: SolveError, progress: Progress | None) -> Solution:
    """The end of a demand by raising its share; raises UnreachedError with what was reached."""
    found = _raised(lambda _: demand, now, "demand", progress)
    if found.share < 1.0:
        raise _unreached(demand, found, cause)
    return found


def _raised(at: Callable[[float], Demand], now: Solution, what: str, progress: Progress | None) -> Solution:
    """Raise the share in steps: doubled when easy, halved when hard, a third when Newton fails. The last solution."""
    width, total = 0.25, 0
    before: Solution | None = None
    while now.share < 1.0 and width >= LEAST_WIDTH:
        ahead = min(1.0, now.share + width)
        demand, guess = at(ahead), now
        if before is not None:
            guess = _guess(demand, before, now, (ahead - now.share) / (now.share - before.share))
        try:
            before, now = now, solve(demand, replace(guess, share=ahead), most=MOST_STEPS)
        except SolveError:
            width /= 3
            continue
        total += now.steps
        width *= _growth(now.steps)
        _tell(progress, now.share, what)
    return replace(now, steps=total)


def _guess(demand: Demand, before: Solution, last: Solution, ratio: float) -> Solution:
    """Extrapolated, not further than the last step went."""
    return extrapolated(demand, before, last, min(ratio, 1.0))


def _slide(demand: Demand, now: Solution, cause: SolveError, progress: Progress | None) -> Solution:
    """Raise the voltage of the free port that answers most, finding the share of the demand that flows, until it is
    the whole or rises no more."""
    v_t = demand.system.laws.state_map.thermal_voltage
    width, total = v_t, now.steps
    before: Solution | None = None
    while True:
        port, slope = _steepest(demand, now)
        least = LEAST_MOVE * max(10 * v_t, abs(now.voltages[port]))
        if port < 0 or _is_saturated(demand, now, port, slope) or width < least:
            raise _unreached(demand, now, cause)
        try:
            ahead = _slid(demand, before, now, port, np.sign(slope) * width)
        except SolveError:
            width /= 3
            continue
        before, now, total = now, ahead, total + ahead.steps
        width *= _growth(now.steps)
        _tell(progress, now.share, "demand")
        if now.share == 1.0:
            return replace(now, steps=total)


def _slid(demand: Demand, before: Solution | None, now: Solution, port: int, dV: float) -> Solution:
    """The solution with the voltage of `port` moved by dV, or the end of the demand where that lies between."""
    guess, last_move = now, 0.0 if before is None else now.voltages[port] - before.voltages[port]
    if before is not None and last_move * dV > 0:
        guess = _guess(demand, before, now, dV / last_move)
    voltages = guess.voltages.copy()
    voltages[port] = now.voltages[port] + dV
    ahead = solve(demand, replace(guess, voltages=voltages), port, MOST_STEPS)
    if ahead.share < now.share:
        raise SolveError("the share of the demand falls as the voltage rises")
    if ahead.share < 1.0:
        return ahead
    between = (1.0 - now.share) / (ahead.share - now.share) - 1.0
    last = solve(demand, replace(extrapolated(demand, now, ahead, between), share=1.0))
    return replace(last, steps=ahead.steps + last.steps)


def _steepest(demand: Demand, now: Solution) -> tuple[int, float]:
    """The free port whose voltage answers most to the demand, and dV/ds [V]; port -1 where none answers."""
    try:
        slopes = tangent(demand, now)
    except (SolveError, np.linalg.LinAlgError):
        return -1, 0.0
    free = list(demand.base.free)
    port = free[int(np.argmax(np.abs(slopes[free])))]
    return (port, float(slopes[port])) if np.isfinite(slopes[port]) and slopes[port] != 0 else (-1, 0.0)


def _is_saturated(demand: Demand, now: Solution, port: int, slope: float) -> bool:
    """Whether a doubled voltage would add next to nothing to any of the imposed currents, or is beyond reason."""
    V, v_t = abs(now.voltages[port]), demand.system.laws.state_map.thermal_voltage
    free = list(demand.base.free)
    rise = np.abs(demand.direction[free]) * max(V, v_t) / abs(slope)
    return bool(np.all(rise <= SATURATED * np.abs(demand.at(now.share).value[free])) or V > LARGEST_VOLTAGE * v_t)


def _unreached(demand: Demand, now: Solution, cause: SolveError) -> UnreachedError:
    """What was asked and what was reached, in one line."""
    system, asked, got = demand.system, demand.at(1.0), demand.at(now.share)
    ampere, moved = "A/m^2" if system.per_area else "A", demand.direction != 0

    def told(control: Control, held: bool) -> str:
        named = [(p, name) for p, name in enumerate(system.terminals) if asked.held[p] == held and moved[p]]
        return ", ".join(f"{name} = {control.value[p]:.6g} {'V' if held else ampere}" for p, name in named)

    share = f"continuation reached {100 * now.share:.3g} % of the demand"
    if not np.any(moved & ~asked.held):
        return UnreachedError(f"{cause}; {share} ({told(got, True)})", point_of(demand, now))
    text = f"steady state: current {told(asked, False)} cannot be reached; largest {told(got, False)} ({share})"
    beside = f", at {told(got, True)}" if np.any(moved & asked.held) else ""
    return UnreachedError(text + beside, point_of(demand, now))
