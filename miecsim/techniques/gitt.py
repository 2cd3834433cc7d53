"""GITT: a train of current pulses and rests on an intercalation electrode, read as Weppner and Huggins do and by a fit.

W. Weppner, R. A. Huggins, J. Electrochem. Soc. 124 (1977) 1569.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.solvers.transient.protocol import Limit, Step, pulse_train
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.tell import Teller
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System
from miecsim.techniques.checks import array, finite, positive
from miecsim.techniques.formulas_diffusion import flux_steps_response, square_root_excess, weppner_huggins_steps
from miecsim.techniques.host import Host, HostShape, at_rest, host_of, tolerance_for
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Bools

SHARES = np.linspace(1e-3**0.5, 1, 60) ** 2  # of a pulse, and of a rest, at which E is read: evenly in sqrt(t)
EARLY = 0.1  # share of a pulse from which E is extrapolated to t = 0, by a parabola in sqrt(t)
SLOPE, STEPS, FIT = "Weppner-Huggins slope", "Weppner-Huggins steps", "full fit"


@dataclass(frozen=True)
class Pulse:
    """One pulse and its rest as the instrument has them: t [s] since the pulse began, E [V]; first what was before it.

    began, lasted [s]: of the pulse, on the clock of the train. before, after [V]: E at the end of the rest before the
    pulse and after it.
    """

    began: float
    lasted: float
    before: float
    after: float
    t_pulse: Array
    E_pulse: Array
    t_rest: Array
    E_rest: Array


@dataclass(frozen=True)
class Read:
    """What a pulse says: composition [mol/m3] in the middle of it, D [m2/s] by each analysis, R [ohm] of the fit;
    line: slope [V s^-1/2] and intercept [V] of E over sqrt(t)."""

    composition: float
    line: tuple[float, float]
    slope: float
    steps: float
    fit: float
    resistance: float


def gitt(
    system: System,
    amperes: float,
    pulse: float,
    rest: float,
    count: int,
    *,
    start: float | None = None,
    cut_off: float | None = None,
    window: tuple[float, float] = (0.05, 1.0),
    electron: str = "electron",
    tolerance: Tolerance | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> TechniqueRecord:
    """`count` pulses of `amperes` [A] (A/m2 where the system has no area) for `pulse` [s], each with a rest of `rest`
    [s].

    system: see `host.host_of`; current and E are those of the electrons' terminal, so that a negative current inserts
    ions. start [V]: E of the equilibrium at the beginning (default: the reference state). cut_off [V]: E that ends the
    run; pulses not finished by then are not read. window: shares of a pulse between which dE/d sqrt(t) is fitted.
    tolerance of the time steps: by default one that resolves a pulse to 1e-3. progress is told which step is run, and
    the share of the train that is over.

    Each pulse gives D_chem three times: by the slope of E over sqrt(t); by the steps of E between rests and along the
    pulse, its jump extrapolated to t = 0; and by a least-squares fit of the exact response of the body to all pulses so
    far, E = E_0 + R I + s dc + q dc^2, which holds at any pulse length. The true value is that of the model at the
    composition in the middle of the pulse. Tables: record, pulses. InputError for arguments that make no train, or a
    cut-off within the first pulse.
    """
    positive("gitt", pulse=pulse, rest=rest, count=count)
    finite("gitt", amperes=amperes)
    if amperes == 0 or np.count_nonzero(_inside(SHARES, window)) < 3:
        raise InputError(f"gitt: needs a current, and a window within 0 to 1, read {amperes} A and {window}")
    host = host_of(system, electron)
    point, c0 = at_rest(host, start)
    limits: list[Limit] = []  # of the pulses: a rest moves E back
    if cut_off is not None:
        limits = [Limit("voltage", host.electron, "below" if amperes < 0 else "above", cut_off, ends_run=True)]
    train = pulse_train(host.electron, amperes, pulse, rest, count, limits)
    swing = abs(amperes * pulse / (host.charge * FARADAY * host.volume * c0))
    tell = None if progress is None else Teller(progress, train)
    trace = solve_transient(point, train, tolerance=tolerance or tolerance_for(swing), progress=tell)
    pulses = _pulses(trace, host, point.voltages[host.system.terminals.index(host.electron)], train)
    if not pulses:
        raise InputError(f"gitt: the cut-off of {cut_off} V was reached within the first pulse")
    reads = [_read(host, pulses[: k + 1], amperes, c0, window) for k in range(len(pulses))]
    return _record(host, trace, pulses, reads, amperes, count)


def _pulses(trace: Trace, host: Host, before: float, train: Sequence[Step]) -> list[Pulse]:
    """Cut the record into finished pulses with their rests, read by splines of E over sqrt(t)."""
    E, _ = trace.of(host.electron)
    out, began = [], 0.0
    for k in range(0, int(trace.step[-1]), 2):
        on, off = (trace.step == k), (trace.step == k + 1)
        lasted, resting = train[k].duration, train[k + 1].duration
        t_pulse, E_pulse = _sampled(trace.time[on] - began, E[on], lasted)
        t_rest, E_rest = _sampled(trace.time[off] - began - lasted, E[off], resting)
        after = float(E[off][-1])
        out.append(Pulse(began, lasted, before, after, t_pulse, E_pulse, lasted + t_rest, E_rest))
        before, began = after, began + lasted + resting
    return out


def _sampled(t: Array, E: Array, duration: float) -> tuple[Array, Array]:
    at = np.minimum(np.sqrt(SHARES * duration), np.sqrt(t[-1]))
    return at**2, np.asarray(CubicSpline(np.sqrt(t), E)(at))


def _inside(shares: Array, window: tuple[float, float]) -> Bools:
    return (shares >= window[0]) & (shares <= window[1])


def _read(host: Host, pulses: Sequence[Pulse], amperes: float, c0: float, window: tuple[float, float]) -> Read:
    """All analyses of the last pulse of `pulses`."""
    now = pulses[-1]
    inside, first = _inside(SHARES, window), SHARES <= EARLY
    slope, intercept = np.polyfit(np.sqrt(now.t_pulse[inside]), now.E_pulse[inside], 1)
    jumped = float(np.polyfit(np.sqrt(now.t_pulse[first]), now.E_pulse[first], 2)[2])
    rests = now.after - now.before
    by_slope, by_steps = (
        weppner_huggins_steps(now.lasted, host.size, rests, step, host.shape)
        for step in (float(slope) * np.sqrt(now.lasted), float(now.E_pulse[-1]) - jumped)
    )
    fitted, resistance = _fit(host, pulses, amperes, by_steps)
    passed = amperes * (sum(p.lasted for p in pulses) - now.lasted / 2)
    composition = c0 - passed / (host.charge * FARADAY * host.volume)
    return Read(composition, (float(slope), float(intercept)), by_slope, by_steps, fitted, resistance)


def _fit(host: Host, pulses: Sequence[Pulse], amperes: float, first: float) -> tuple[float, float]:
    """D [m2/s] and R [ohm] by least squares of E = E_0 + R I + s dc + q dc^2 over the last pulse and its rest.

    dc is the exact answer of the surface to every pulse so far; only D enters nonlinearly, E_0, R, s and q are solved
    for at each D.
    """
    now = pulses[-1]
    starts = np.array([edge for p in pulses for edge in (p.began, p.began + p.lasted)])
    fluxes = np.tile([host.flux(amperes), 0.0], len(pulses))
    t = np.concatenate([[0.0], now.t_pulse, now.t_rest])
    E = np.concatenate([[now.before], now.E_pulse, now.E_rest])
    flows = np.zeros(t.size)
    flows[1 : 1 + now.t_pulse.size] = 1.0
    scale = float(np.ptp(E))

    def parts(log_d: float) -> tuple[Array, Array]:
        u = flux_steps_response(t + now.began, starts, fluxes, host.shape, float(np.exp(log_d)), host.size)
        u = (u - u[0]) / np.ptp(u)
        columns = np.stack([np.ones(t.size), flows, u, u * u], axis=1)
        linear = np.linalg.lstsq(columns, E, rcond=None)[0]
        return linear, (columns @ linear - E) / scale

    # squares of residuals of 1e-5 and less: scaled so that the tolerances of the solver bite
    found = least_squares(lambda x: 1e3 * parts(float(x[0]))[1], [np.log(first)], xtol=1e-10, ftol=1e-12, gtol=1e-12)
    return float(np.exp(found.x[0])), float(parts(float(found.x[0]))[0][1] / amperes)


def _record(
    host: Host, trace: Trace, pulses: Sequence[Pulse], reads: Sequence[Read], amperes: float, count: int
) -> TechniqueRecord:
    true = [host.diffusivity(r.composition) for r in reads]
    compared = []
    for k, (r, D) in enumerate(zip(reads, true, strict=True), 1):
        for how, value in ((SLOPE, r.slope), (STEPS, r.steps), (FIT, r.fit)):
            compared.append(Compared("D_chem", value, D, "m^2/s", f"{how}, pulse {k}"))
        R = host.resistance(r.composition)
        if R > 0:
            compared.append(Compared("R", r.resistance, R, "ohm", f"{FIT}, pulse {k}"))
    E, current = trace.of(host.electron)
    columns = {
        "pulse": (np.arange(1.0, len(reads) + 1), "-"),
        "start": (array([p.began for p in pulses]), "s"),
        "lasted": (array([p.lasted for p in pulses]), "s"),
        "slope": (array([r.line[0] for r in reads]), "V s^-1/2"),
        "intercept": (array([r.line[1] for r in reads]), "V"),
        "composition": (array([r.composition for r in reads]), "mol/m^3"),
        "rest_before": (array([p.before for p in pulses]), "V"),
        "rest_after": (array([p.after for p in pulses]), "V"),
        "D_slope": (array([r.slope for r in reads]), "m^2/s"),
        "D_steps": (array([r.steps for r in reads]), "m^2/s"),
        "D_fit": (array([r.fit for r in reads]), "m^2/s"),
        "D_true": (array(true), "m^2/s"),
    }
    record = {"time": (trace.time, "s"), "current": (current, "A"), "potential": (E, "V")}
    remarks = _remarks(host, trace, pulses, reads, true, count)
    return TechniqueRecord("gitt", {"record": record, "pulses": columns}, tuple(compared), remarks, trace.conservation)


def _remarks(
    host: Host, trace: Trace, pulses: Sequence[Pulse], reads: Sequence[Read], true: Sequence[float], count: int
) -> tuple[str, ...]:
    """What limits the analyses here, in numbers."""
    out = []
    if len(pulses) < count:
        out.append(f"the cut-off ended the run: {len(pulses)} of {count} pulses were finished and read")
    tau = max(D * p.lasted / host.size**2 for D, p in zip(true, pulses, strict=True))
    excess = float(square_root_excess(tau, host.shape))
    out.append(
        f"pulses of up to {tau:.3g} a^2/D: in a {_NAMES[host.shape]} the sqrt(t) law is {100 * excess:.2g} % off "
        f"at their end, and D read from the steps {100 * (1 - (1 + excess) ** -2):.2g} % low"
    )
    drift = max(abs(p.E_rest[-1] - p.E_rest[-1 - SHARES.size // 10]) / abs(p.after - p.before) for p in pulses)
    if drift > 0.01:
        out.append(f"rests are short: E still moves by {100 * drift:.2g} % of its step in their last fifth")
    if len(true) > 1 and max(true) / min(true) > 1.02:
        out.append(f"D_chem itself varies {max(true) / min(true):.3g}-fold along the run")
    bend = max(_bend(host, trace, k) for k in range(len(reads)))
    if bend > 1.02:
        out.append(
            f"E bends: dE/dc differs {bend:.3g}-fold between the surface at the end of a pulse and the body's mean"
        )
    return (*out, *host.two_sided(r.composition for r in reads))


def _bend(host: Host, trace: Trace, k: int) -> float:
    """Ratio (>= 1) of dE/dc at the surface to that at the mean composition, at the end of pulse k."""
    end = trace.state[2 * k]
    ratio = host.slope(host.surface(end)) / host.slope(host.mean(end))
    return max(ratio, 1 / ratio)


_NAMES = {"planar": "slab", "sphere": "sphere"}


def steps_error(pulse: float, rest: float, size: float, diffusivity: float, shape: HostShape) -> float:
    """D_WH/D - 1 [-] of the step analysis of a first, small pulse, by the exact response of the body.

    D_WH/D = (4/(pi tau)) [(1/d) u(t_p + t_r)/u(t_p)]^2, u the change of the surface concentration; -> (1 + excess)^-2
    - 1 after a long rest (`square_root_excess`). pulse, rest [s], size [m], diffusivity [m2/s].
    """
    starts, fluxes = np.array([0.0, pulse]), np.array([1.0, 0.0])
    at = np.array([pulse, pulse + rest])
    u = flux_steps_response(at, starts, fluxes, shape, diffusivity, size)
    return weppner_huggins_steps(pulse, size, float(u[1]), float(u[0]), shape) / diffusivity - 1


def gitt_error_map(
    build: Callable[[float], System],
    sizes: Sequence[float],
    pulses: Sequence[float],
    *,
    rest: float | None = None,
    swing: float = 1e-3,
    checks: Sequence[tuple[float, float]] = (),
    electron: str = "electron",
    progress: Callable[[str, float], None] | None = None,
) -> TechniqueRecord:
    """Error of Weppner and Huggins' D over pulse length and particle size, by formula, with spot checks by transient.

    build(size) is the electrode of that size [m]; sizes [m] and pulses [s] span the map; rest [s] after each pulse
    (default: long enough to relax to 1e-6). checks: (size, pulse) pairs at which one pulse is run through `gitt`, with
    a current that moves the composition by the share `swing`. Tables: map (one row for each pair: size, pulse, tau,
    error), checks (size, pulse, error by transient, by formula). D_chem is that of the reference state. progress is
    told which transient is run, and the share of them that is over.
    """
    a, t_p = (np.atleast_1d(array(values)) for values in (sizes, pulses))
    positive("gitt error map", sizes=a, pulses=t_p, swing=swing, **({} if rest is None else {"rest": rest}))
    host = host_of(build(float(a[0])), electron)
    D = host.diffusivity(host.reference)

    def resting(size: float) -> float:
        return 1.5 * size**2 / D if rest is None else rest

    size, pulse = (grid.ravel() for grid in np.meshgrid(a, t_p, indexing="ij"))
    error = [steps_error(p, resting(s), s, D, host.shape) for s, p in zip(size, pulse, strict=True)]
    tables: dict[str, Table] = {
        "map": {
            "size": (size, "m"),
            "pulse": (pulse, "s"),
            "tau": (D * pulse / size**2, "-"),
            "error": (array(error), "-"),
        }
    }
    runs = []
    for k, (s, p) in enumerate(checks):
        if progress is not None:
            progress(f"transient {k + 1} of {len(checks)}", k / len(checks))
        runs.append(_check(build(s), p, resting(s), swing, electron))
    compared = tuple(Compared("D_chem", D * (1 + run.error), D, "m^2/s", run.how) for run, _ in runs)
    if checks:
        where = array(checks)
        formula = [steps_error(p, resting(s), s, D, host.shape) for s, p in checks]
        tables["checks"] = {
            "size": (where[:, 0], "m"),
            "pulse": (where[:, 1], "s"),
            "error": (array([run.error for run, _ in runs]), "-"),
            "formula": (array(formula), "-"),
        }
    worst = float(np.max(np.abs(error)))
    remark = f"the map is for small pulses from rest: {_NAMES[host.shape]}, worst error {100 * worst:.3g} %"
    lost = max((conserved for _, conserved in runs), default=0.0)
    return TechniqueRecord("gitt_error_map", tables, compared, (remark,), lost)


def _check(system: System, pulse: float, rest: float, swing: float, electron: str) -> tuple[Compared, float]:
    """One small pulse of insertion through `gitt`."""
    host = host_of(system, electron)
    amperes = -swing * host.charge * FARADAY * host.volume * host.reference / pulse
    run = gitt(system, amperes, pulse, rest, 1, electron=electron)
    figure = run.figure("D_chem", f"{STEPS}, pulse 1")
    how = f"{STEPS}, size {host.size:.4g} m, pulse {pulse:.4g} s"
    return Compared("D_chem", figure.textbook, figure.true, "m^2/s", how), run.conservation
