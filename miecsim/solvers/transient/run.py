"""Transients: SUNDIALS IDA on the residual of the steady state and its exact Jacobian, step by step of a protocol.

Integration never runs through a jump: each step of a protocol starts from a consistent state of its own (`start`).
Balances are linear in y', and what is algebraic and linear is kept to rounding (`constraints`), so that charge is
conserved to rounding at any tolerance of the time steps; `Trace.conservation` reports it, `Trace.rounding` what
rounding amounts to.

A. C. Hindmarsh et al., ACM Trans. Math. Softw. 31 (2005) 363.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from miecsim.errors import InputError, SolveError
from miecsim.solvers.linear import equilibrate
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.constraints import Constraints
from miecsim.solvers.transient.protocol import Control, Limit, Step, voltage
from miecsim.solvers.transient.start import consistent
from miecsim.solvers.transient.timeform import Drive, TimeForm, time_form
from miecsim.solvers.transient.trace import Kept, Trace, collect
from miecsim.system import System, is_phi
from miecsim.typing import Array, Ints

FIRST = 1e-9  # of the shortest step: the Euler step that finds a consistent state
MOST_STEPS = 200_000
USED_UP = 1e-60  # of the reference: a carrier at its end under an imposed current
# Internal steps after which the integrator starts afresh, as it does on resuming: from there a run goes on to the same
# answer, to the last bit, whether it was interrupted or not.
AFRESH = 1000


@dataclass(frozen=True)
class Tolerance:
    """Relative tolerance of the time steps; `nothing` times that is the concentration, over its reference, that counts
    as nothing. A carrier that is used up further than that ends a run, unless `nothing` is made smaller."""

    relative: float = 1e-6
    nothing: float = 1e-3


@dataclass
class Progress:
    """Where a run stands: enough to go on from. It changes while the run goes on; `results.checkpoint` stores it."""

    step: int
    t: float  # s since the beginning of the run
    in_step: float  # s since the beginning of the step
    y: Array
    yp: Array
    kept: Kept
    taken: int = 0  # internal steps since the integrator started: at 0, going on from here changes nothing


class StoppedError(SolveError):
    """A run that cannot go on; `progress` is the last good state and the record until then."""

    def __init__(self, message: str, progress: Progress) -> None:
        super().__init__(message)
        self.progress = progress


def solve_transient(
    point: OperatingPoint,
    protocol: Sequence[Step],
    *,
    tolerance: Tolerance | None = None,
    fastest: float | None = None,
    resume: Progress | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Trace:
    """Run `protocol` from an operating point. Returns the Trace.

    fastest [Hz]: up to where the response to a jump must be right, constant phase elements included (default: 1e4 over
    the shortest step).
    progress is called after every internal step and every step of the protocol; what it is given can be stored and
    passed as `resume` (where its `taken` is 0, to the same answer to the last bit). Raises InputError for a protocol
    that does not fit the terminals, StoppedError where the integration cannot go on, naming the time reached; its
    `progress` holds the last good state.
    """
    system = point.system
    steps = list(protocol)
    if not steps:
        raise InputError("protocol: no steps")
    tolerance = tolerance or Tolerance()
    total, shortest = sum(s.duration for s in steps), min(s.duration for s in steps)
    bounds = (1e-2 / total, fastest or 1e4 / shortest)
    first = min(FIRST * shortest, 1e-3 / bounds[1])
    form = form_of(system, steps[0], bounds)
    now = resume or beginning(point, form)
    for number in range(now.step, len(steps)):
        step = steps[number]
        form = form_of(system, step, bounds).chosen_at(now.y)
        try:
            ended = _run_step(form, step, number, now, tolerance, first, progress)
        except SolveError as error:
            raise StoppedError(str(error), now) from None
        over = ended is not None and ended.ends_run
        now.step, now.in_step, now.taken = len(steps) if over else number + 1, 0.0, 0
        if progress is not None:
            progress(now)
        if over:
            break
    return collect(form, now.kept, [s.name for s in steps])


def beginning(point: OperatingPoint, form: TimeForm) -> Progress:
    """y of an operating point: nothing has passed, inner voltages and charges in their steady state."""
    y = np.zeros(form.size)
    y[: form.system.nodes.n * form.system.n_fields] = point.u.T.ravel()
    y[form.first_port :] = point.voltages
    state = form.state(y)
    for memory in form.memory:
        v = form.memory_voltage(memory, y, state)
        if memory.has_charge:
            y[memory.lead] = memory.weight * memory.C * v
        inner = v
        if memory.Rs > 0:
            inner = v / (1 + memory.Rs * memory.g_inner)
            y[memory.lead] = inner
        for k in range(memory.resistance.size):
            y[memory.branch(k)] = inner
    out = np.zeros(form.size)
    form.residual(0.0, y, np.zeros(form.size), out)
    contacts = slice(form.first_charge, form.first_port)
    y[contacts] = np.where([is_phi(form.system, p.row) for p in form.system.ports], -out[contacts], 0.0)
    return Progress(0, 0.0, 0.0, y, np.zeros(form.size), Kept(y.copy()))


def form_of(system: System, step: Step, bounds: tuple[float, float]) -> TimeForm:
    """The DAE of one step; `bounds` [Hz] are those of its ladders. InputError for a name that is not there."""
    unknown = set(step.controls) - set(system.terminals)
    if unknown:
        raise InputError(f"step {step.name}: terminal {min(unknown)!r}; expected one of {', '.join(system.terminals)}")
    for limit in step.limits:
        known = system.laws.state_map.names if limit.quantity == "concentration" else system.terminals
        if limit.name not in known:
            raise InputError(f"step {step.name}: limit of {limit.name!r}; expected one of {', '.join(known)}")
    controls: list[Control] = [step.controls.get(name, voltage(0.0)) for name in system.terminals]
    controls += [Control("current", voltage(0.0).waveform)] * (system.n_ports - len(system.terminals))
    if not any(c.quantity == "voltage" for c in controls):
        raise InputError(f"step {step.name}: every terminal has its current imposed; one must hold a voltage")
    return time_form(system, tuple(_drive(c, step.duration) for c in controls), *bounds)


def _drive(control: Control, duration: float) -> Drive:
    wave = control.waveform
    return Drive(control.quantity, lambda t: wave.at(t, duration), lambda t: wave.rate(t, duration))


def _run_step(
    form: TimeForm,
    step: Step,
    number: int,
    now: Progress,
    tolerance: Tolerance,
    dt: float,
    progress: Callable[[Progress], None] | None,
) -> Limit | None:
    """Integrate one step (or the rest of it); `now` is brought up to date. Returns the limit that ended it."""
    if now.in_step == 0.0:
        now.in_step, now.y, now.yp = consistent(form, now.y, dt)
        now.t += now.in_step
        now.kept.add(number, now.t, now.y, now.yp, form)
    began = now.t - now.in_step
    targets = list(dict.fromkeys(t for t in (*step.outputs, step.duration) if t > now.in_step))
    ida = _Integrator(form, step, now, tolerance, dt)
    now.taken = 0
    while targets:
        if now.taken == AFRESH:
            form = form.chosen_at(now.y)
            ida, began, now.taken = _Integrator(form, step, now, tolerance, dt), now.t - now.in_step, 0
        t, y, yp, event = ida.advance(targets[0])
        now.in_step, now.t, now.y, now.yp = t, began + t, y, yp
        now.taken += 1
        now.kept.add(number, now.t, y, yp, form)
        _refuse_used_up(form, y, step, now.t)
        if event is not None or t >= targets[0]:
            now.kept.keep_state(now.t, y, yp, form)
        if event is not None:
            now.kept.events.append((now.t, number, event))
            return step.limits[event]
        if t >= targets[0]:
            del targets[0]
        if progress is not None:
            progress(now if now.taken < AFRESH else replace(now, taken=0))
    return None


def _refuse_used_up(form: TimeForm, y: Array, step: Step, t: float) -> None:
    """SolveError where a current has used up a carrier: what is left would only make the voltage run away."""
    if all(drive.kind == "voltage" for drive in form.drives):
        return
    laws, u = form.system.laws, form.u(y)
    for k, carrier in enumerate(laws.state_map.carriers):
        if carrier.stored:
            left = np.where(laws.active[:, k], u[k] / laws.state_map.reference[k], np.inf)
            node = int(left.argmin())
            if left[node] < USED_UP:
                x = ", ".join(f"{value:.4g}" for value in form.system.nodes.position[node])
                raise SolveError(
                    f"transient: step {step.name} cannot go on after {t:.6g} s: the current has used up the "
                    f"{carrier.name} at ({x}) m"
                )


# A banded factorisation beats a sparse one up to this many unknowns and diagonals.
BANDED_UNKNOWNS, BANDED_WIDTH = 3000, 40


class _Integrator:
    """IDA on scaled and reordered unknowns and rows: y[order] = column * z, and row * F[order] = 0."""

    def __init__(self, form: TimeForm, step: Step, now: Progress, tolerance: Tolerance, dt: float) -> None:
        from sksundae.ida import IDA

        self.form, self.step, self.constraints = form, step, Constraints(form, dt)
        cj = 1.0 / (1e-3 * step.duration)
        _, row, column = equilibrate(form.jacobian(now.y, cj))
        pattern = form.places.pattern
        order, below, above = _narrow(pattern)
        self.banded = form.size <= BANDED_UNKNOWNS and below + above <= BANDED_WIDTH
        self.order = order if self.banded else np.arange(form.size)
        self.row, self.column = row[self.order], column[self.order]
        at_row, at_column = pattern.indices, np.repeat(np.arange(form.size), np.diff(pattern.indptr))
        self.scale = row[at_row] * column[at_column]  # of each entry of the pattern
        self.in_linear_row = form.places.linear_rows[at_row]
        options: dict[str, Any] = {
            "rtol": tolerance.relative,
            "atol": _absolute(form, tolerance)[self.order] / self.column,
            "jacfn": self._jacobian,
            "max_num_steps": MOST_STEPS,
            "first_step": dt,
        }
        if self.banded:
            place = np.argsort(order)
            self.at = place[at_row], place[at_column]
            options |= {"linsolver": "band", "lband": below, "uband": above}
        else:
            options |= {"linsolver": "sparse", "sparsity": pattern}
        self.buffer, self.y, self.yp = (np.zeros(form.size) for _ in range(3))
        if step.limits:
            options |= {"eventsfn": self._watch(), "num_events": len(step.limits)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the sparsity is not used for differences
            self.ida = IDA(self._residual, **options)
        self.ida.init_step(now.in_step, now.y[self.order] / self.column, now.yp[self.order] / self.column)

    def _unscaled(self, z: Array, out: Array) -> Array:
        out[self.order] = z * self.column
        return out

    def _residual(self, t: float, z: Array, zp: Array, res: Array) -> None:
        with np.errstate(all="ignore"):  # IDA takes back a step whose residual is not finite
            self.form.residual(t, self._unscaled(z, self.y), self._unscaled(zp, self.yp), self.buffer)
            self.constraints.add(t, self.yp, self.buffer)
        res[:] = self.buffer[self.order] * self.row

    def _jacobian(self, t: float, z: Array, zp: Array, res: Array, cj: float, JJ: Array) -> None:
        factor, y = self.constraints.entries(cj), self._unscaled(z, self.y)
        if not self.form.is_state(y):
            JJ[:] = np.nan  # as its residual is: the step is taken back
            return
        with np.errstate(all="ignore"):
            data = self.form.jacobian(y, cj).data * self.scale
        data[self.in_linear_row] *= factor
        if self.banded:
            JJ[:] = 0.0
            JJ[self.at] = data
        else:
            JJ[:] = data

    def _watch(self) -> Callable[[float, Array, Array, Array], None]:
        """A plain function: the solver sets attributes on it, which a method cannot have."""

        def events(t: float, z: Array, zp: Array, out: Array) -> None:
            y, yp = self._unscaled(z, self.y), self._unscaled(zp, self.yp)
            for i, limit in enumerate(self.step.limits):
                out[i] = _quantity(self.form, limit, y, yp) - limit.value

        return events

    def advance(self, target: float) -> tuple[float, Array, Array, int | None]:
        """One internal step towards `target` [s], never beyond it: (t, y, y', number of the limit crossed)."""
        result = self.ida.step(target, method="onestep", tstop=target)
        if result.status < 0:
            raise SolveError(
                f"transient: step {self.step.name} cannot go on after {result.t:.6g} s ({result.message.strip()})"
            )
        self.constraints.between_steps()
        y, yp = (self._unscaled(np.asarray(z), np.empty(self.form.size)) for z in (result.y, result.yp))
        # the last row of i_events says which limits were crossed now, and in which direction
        crossed = int(np.flatnonzero(result.i_events[-1])[0]) if result.status == 2 else None
        return float(result.t), y, yp, crossed


def _narrow(pattern: Any) -> tuple[Ints, int, int]:
    """An order of the unknowns with a narrow band, and the diagonals below and above it."""
    order = np.asarray(reverse_cuthill_mckee(sp.csr_matrix(pattern + pattern.T), symmetric_mode=True))
    place = np.argsort(order)
    entries = sp.coo_matrix(pattern)
    offset = place[entries.row] - place[entries.col]
    return order, int(offset.max(initial=0)), int(-offset.min(initial=0))


def _quantity(form: TimeForm, limit: Limit, y: Array, yp: Array) -> float:
    system = form.system
    if limit.quantity == "concentration":
        k = system.laws.state_map.row(limit.name)
        values = form.u(y)[k, system.laws.active[:, k]]
        return float(values.min() if limit.side == "below" else values.max())
    port = system.terminals.index(limit.name)
    return float((form.voltages(y) if limit.quantity == "voltage" else form.port_currents(yp))[port])


def _absolute(form: TimeForm, tolerance: Tolerance) -> Array:
    """Absolute tolerance of every unknown: concentrations by their reference, potentials by the thermal voltage,
    charges by what one thermal voltage (or the whole content) moves."""
    system, state_map = form.system, form.system.laws.state_map
    n, m = system.nodes.n, system.n_fields
    small = tolerance.relative * tolerance.nothing
    out = np.full(form.size, small * state_map.thermal_voltage)
    u = out[: n * m].reshape(n, m)
    for k, carrier in enumerate(state_map.carriers):
        if carrier.stored:
            u[:, k] = small * state_map.reference[k]
    capacity = float(np.abs(form.M).sum(axis=1).max())
    unit = max((float(state_map.reference[k].max()) for k, c in enumerate(state_map.carriers) if c.stored), default=0.0)
    content = max(capacity * (unit or state_map.thermal_voltage), 1e-30)
    for memory in form.memory:
        if memory.has_charge:
            q = memory.weight * memory.C * state_map.thermal_voltage
            out[memory.lead] = small * q
            content = max(content, float(q.sum()))
    out[form.first_charge : form.first_port] = small * content
    return out
