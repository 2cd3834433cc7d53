"""Current-voltage curves: steady states one after the other, and the limiting currents that they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.solvers.control import Named, terminal_index
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.newton import Solution, extrapolated
from miecsim.solvers.steady import OperatingPoint, Progress, UnreachedError, advance, demand_of, solve_steady
from miecsim.system import System
from miecsim.typing import Array

FURTHEST = 4.0  # times the last step, beyond which an extrapolation is not trusted
RAISED = 1.25  # ratio of voltages on the way to a limiting current
STILL_RISING = 0.5  # d ln I / d ln V above which no plateau is recognised


def sweep_steady(
    system: System,
    terminal: str,
    values: Sequence[float] | Array,
    control: str = "voltage",
    *,
    voltages: Named | None = None,
    currents: Named | None = None,
    start: Array | OperatingPoint | None = None,
    progress: Progress | None = None,
) -> tuple[OperatingPoint, ...]:
    """Steady states with `terminal` at each of `values` in turn, voltages [V] or currents [A] as `control` says, the
    other terminals as in `solve_steady`. Each starts from the two before it, extrapolated.

    Raises InputError for a bad terminal, control or value, and UnreachedError at the first value that cannot be
    reached, with the last good point and in `points` all before it.
    """
    if control not in ("voltage", "current"):
        raise InputError(f"control: read {control!r}; expected 'voltage' or 'current'")
    terminal_index(system, terminal)
    points: list[OperatingPoint] = []
    asked = [float(value) for value in values]
    for k, value in enumerate(asked):
        given = [dict(voltages or {}), dict(currents or {})]
        given[control == "current"][terminal] = value
        try:
            if k == 0:
                point = solve_steady(system, given[0], currents=given[1], start=start, progress=progress)
            else:
                point = _next(points, asked[: k + 1], given[0], given[1], progress)
        except UnreachedError as error:
            raise UnreachedError(f"sweep at {terminal} = {value:.6g}: {error}", error.point, tuple(points)) from error
        points.append(point)
        if progress is not None:
            progress(f"sweep: {k + 1} of {len(asked)} points")
    return tuple(points)


def _next(
    points: list[OperatingPoint], values: list[float], voltages: Named, currents: Named, progress: Progress | None
) -> OperatingPoint:
    """The point at the last of `values`, guessed along a secant through the two points before it."""
    last = points[-1]
    demand, good = demand_of(last.system, voltages, currents, last)
    guess = good
    if len(points) > 1 and values[-2] != values[-3]:
        ratio = (values[-1] - values[-2]) / (values[-2] - values[-3])
        if abs(ratio) <= FURTHEST:
            before = Solution(points[-2].u, points[-2].voltages, 0.0, 0)
            guess = extrapolated(demand, before, good, ratio)
    return advance(demand, good, guess, progress)


def current_voltage(points: Sequence[OperatingPoint], terminal: str, against: str | None = None) -> tuple[Array, Array]:
    """(voltage (n,) [V], current (n,) [A]) of a terminal along a sweep; the voltage counts from terminal `against`,
    from zero if None. InputError for an unknown name."""
    if not points:
        return np.empty(0), np.empty(0)
    port = terminal_index(points[0].system, terminal)
    V = np.array([point.voltages[port] for point in points])
    if against is not None:
        other = terminal_index(points[0].system, against)
        V = V - np.array([point.voltages[other] for point in points])
    return V, np.array([point.currents[port] for point in points])


@dataclass(frozen=True)
class Plateau:
    """A limiting current: where the I-V curve is flattest, d ln I / d ln V = `exponent`.

    current [A] and slope dI/dV [S] there, the voltage [V] by which the terminal was raised, and the points that led
    there and beyond.
    """

    current: float
    slope: float
    voltage: float
    exponent: float
    point: OperatingPoint
    points: tuple[OperatingPoint, ...]


def limiting_current(
    system: System,
    terminal: str,
    *,
    direction: int = 1,
    voltages: Named | None = None,
    largest: float | None = None,
    tolerance: float = 1e-5,
    progress: Progress | None = None,
) -> Plateau:
    """The current into `terminal` [A] (A/m2 where no area was given) at which its rise with the voltage stops.

    The voltage is raised (direction 1) or lowered (-1) from that in `voltages`, each step a quarter longer than the
    last, up to `largest` [V] (100 thermal voltages if None), until a doubled voltage would add less than `tolerance`.
    Where the current goes on rising slowly (a space charge that widens), the flattest place counts. Raises InputError
    for a bad terminal, direction or bound; SolveError where there is no plateau.
    """
    v_t = system.laws.state_map.thermal_voltage
    largest = 100 * v_t if largest is None else largest
    if direction not in (1, -1) or not largest > 0:
        raise InputError(f"limiting current: read direction {direction!r}, largest {largest!r}; expected 1 or -1, > 0")
    port, base = terminal_index(system, terminal), dict(voltages or {})
    zero = solve_steady(system, base)
    points, raised, exponents, slopes = [zero], [0.0], [np.inf], [0.0]
    while raised[-1] < largest and _goes_on(exponents, tolerance):
        raised.append(min(largest, max(v_t, RAISED * raised[-1])))
        target = base | {terminal: base.get(terminal, 0.0) + direction * raised[-1]}
        try:
            points.append(_next(points, raised, target, {}, progress))
        except UnreachedError:
            raised.pop()
            break
        slopes.append(float(dc_admittance(points[-1])[port, port]))
        rise = abs(points[-1].currents[port] - zero.currents[port])
        exponents.append(slopes[-1] * raised[-1] / rise if rise > 0 else np.inf)
        if progress is not None:
            progress(f"limiting current: {raised[-1]:.4g} V, exponent {exponents[-1]:.2g}")
    at = int(np.argmin(exponents))
    if not exponents[at] < STILL_RISING:
        raise SolveError(
            f"limiting current: none at terminal {terminal} up to {raised[-1]:.4g} V; the current rises on"
        )
    current = float(points[at].currents[port])
    return Plateau(current, slopes[at], raised[at], float(exponents[at]), points[at], tuple(points))


def _goes_on(exponents: list[float], tolerance: float) -> bool:
    """Whether the curve may still become flatter."""
    least = min(exponents)
    return least > tolerance and not (least < STILL_RISING and exponents[-1] > 1.5 * least)
