"""PITT: steps of the potential of an intercalation electrode, read at short times, at long times and as a whole.

C. J. Wen et al., J. Electrochem. Soc. 126 (1979) 2258; C. Montella, J. Electroanal. Chem. 518 (2002) 61.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, pi

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System
from miecsim.techniques.checks import array, finite, positive
from miecsim.techniques.formulas_diffusion import (
    cottrell_diffusivity,
    exchange_roots,
    long_step_diffusivity,
    pitt_current,
)
from miecsim.techniques.host import Host, at_rest, host_of, tolerance_for
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

EARLY = (0.05, 0.35)  # shares of the charge of a step between which the Cottrell slope is read
LATE = (0.85, 0.995)  # and the slope of ln I
WHOLE = (0.02, 0.995)  # and the fit
POINTS = 60
FROM = 1e-4  # of a step: from where its current is given by formula
TIME_CONSTANTS = 10.0  # default length of a step, in those of the slowest mode
AT_ONCE = 100.0  # Lambda from which the surface follows a step as good as at once
COTTRELL, LONG, FIT = "Cottrell slope", "long-time slope", "Montella fit"


@dataclass(frozen=True)
class Relaxation:
    """One step as the instrument has it: t [s] since the step, I [A], charge passed [C] (n,), and the charge of the
    whole step, its tail continued exponentially."""

    t: Array
    current: Array
    charge: Array
    total: float

    def between(self, shares: tuple[float, float], *, log: bool) -> tuple[Array, Array]:
        """(t, I) at POINTS times between two shares of the charge, even in log t or in t; empty where never reached."""
        passed = self.charge / self.total
        if passed[-1] <= shares[0]:
            return np.zeros(0), np.zeros(0)
        # between the integrator's steps, which have nothing to do with the shares
        first, last = np.exp(np.interp(shares, passed[1:], np.log(self.t[1:])))
        space = np.geomspace if log else np.linspace
        t = np.clip(space(first, last, POINTS), first, last)
        scale = np.copysign(np.max(np.abs(self.current)), self.total)
        kept = self.current / scale > 0  # all but the last digits of a long tail
        curve = CubicSpline(np.log(self.t[kept]), np.log(self.current[kept] / scale))
        return t, np.asarray(scale * np.exp(curve(np.log(t))))


@dataclass(frozen=True)
class Read:
    """What a step says: D [m2/s] by each analysis (nan where the step is too short for it) and Lambda of the fit."""

    cottrell: float
    long: float
    fit: float
    biot: float


def pitt(
    system: System,
    potentials: Sequence[float],
    duration: float | None = None,
    *,
    start: float | None = None,
    electron: str = "electron",
    tolerance: Tolerance | None = None,
) -> TechniqueRecord:
    """Hold the electrode at each of `potentials` E [V] in turn for `duration` [s], from equilibrium at `start` [V].

    system: see `host.host_of`; current and E are those of the electrons' terminal. duration defaults to ten time
    constants of the slowest mode; start to the reference state; tolerance to time steps that resolve the smallest step
    to 1e-3.

    Each step gives D_chem three times: by the slope of I over t^-1/2 while 5 to 35 % of the charge pass; by the slope
    of ln I over t while 85 to 99.5 % do, the surface taken to follow at once; and by a fit of the exact current of a
    body behind a resistance (Montella), which gives Lambda = R_d/R too. The true values are those of the model at the
    mean composition of the step. Tables: record, steps, curves (currents by formula). InputError for
    arguments that make no steps, or steps too short for any analysis.
    """
    E = np.atleast_1d(array(potentials))
    finite("pitt", potentials=E)
    host = host_of(system, electron)
    point, c0 = at_rest(host, start)
    held = np.concatenate([[point.voltages[host.system.terminals.index(host.electron)]], E])
    if E.ndim != 1 or E.size == 0 or np.any(np.diff(held) == 0):
        raise InputError(f"pitt: needs one potential or more, each different from the one before, read {held.tolist()}")
    if duration is None:
        first = exchange_roots(host.biot(c0), 1, host.shape)[0]
        duration = TIME_CONSTANTS * host.size**2 / (host.diffusivity(c0) * float(first) ** 2)
    positive("pitt", duration=duration)
    steps = [Step(f"hold {value:.6g} V", {host.electron: voltage(float(value))}, duration) for value in E]
    swing = float(np.min(np.abs(np.diff(held)))) / abs(host.slope(c0) * c0)
    trace = solve_transient(point, steps, tolerance=tolerance or tolerance_for(swing))
    relaxations = [_relaxation(trace, host, k, duration) for k in range(E.size)]
    return _record(host, trace, relaxations, c0, held, duration)


def _charge(trace: Trace, host: Host) -> Array:
    """Charge [C] into the electrons' terminal since the beginning, (n_t,)."""
    return trace.charge[:, [p.row for p in trace.system.ports].index(host.rows[1])]


def _relaxation(trace: Trace, host: Host, k: int, duration: float) -> Relaxation:
    """Cut one step out of the record."""
    here = trace.step == k
    _, current = trace.of(host.electron)
    passed = _charge(trace, host)
    before = float(passed[trace.step == k - 1][-1]) if k else 0.0
    t, i, charge = trace.time[here] - k * duration, current[here], passed[here] - before
    tail = t > 0.8 * t[-1]
    rate = np.log(i[tail][0] / i[-1]) / (t[-1] - t[tail][0]) if np.all(i[tail] * i[-1] > 0) else inf
    left = float(i[-1] / rate) if rate > 0 else 0.0
    return Relaxation(t, i, charge, float(charge[-1]) + left)


def _read(host: Host, step: Relaxation) -> Read:
    """All analyses of one step."""
    if step.charge[-1] / step.total < EARLY[1]:
        share = f"{100 * EARLY[1]:.0f} % of its charge"
        raise InputError(f"pitt: a step ends after {step.t[-1]:.3g} s, before {share} has passed; make it longer")
    fed = host.size / (3 if host.shape == "sphere" else 1)  # volume over area
    t, i = step.between(EARLY, log=True)
    cottrell = cottrell_diffusivity(float(np.polyfit(t**-0.5, i, 1)[0]), step.total, fed)
    t, i = step.between(LATE, log=False)
    long = np.nan
    if t.size:
        long = long_step_diffusivity(float(np.polyfit(t, np.log(i / i[0]), 1)[0]), host.size, shape=host.shape)
    return Read(cottrell, long, *_fit(host, step, cottrell))


def _fit(host: Host, step: Relaxation, first: float) -> tuple[float, float]:
    """D [m2/s] and Lambda by least squares of ln I over the whole step; 1/Lambda >= 0 is what is fitted."""
    t, i = step.between(WHOLE, log=True)

    def residual(x: Array) -> Array:
        biot = 1 / x[1] if x[1] > 0 else inf
        model = pitt_current(t, step.total, first * np.exp(x[0]), host.size, biot, host.shape)
        return np.asarray(1e3 * np.log(model / i))

    best = [
        least_squares(residual, [0.0, guess], bounds=([-12.0, 0.0], [12.0, 1e4]), xtol=1e-12, ftol=1e-12, gtol=1e-12)
        for guess in (0.02, 2.0)
    ]
    x = min(best, key=lambda found: float(found.cost)).x
    return float(first * np.exp(x[0])), float(1 / x[1]) if x[1] > 0 else inf


def _record(
    host: Host, trace: Trace, steps: Sequence[Relaxation], c0: float, held: Array, duration: float
) -> TechniqueRecord:
    reads = [_read(host, step) for step in steps]
    ends = c0 - np.cumsum([0.0, *(step.total for step in steps)]) / (host.charge * FARADAY * host.volume)
    composition = (ends[1:] + ends[:-1]) / 2
    true, biot = [host.diffusivity(c) for c in composition], [host.biot(c) for c in composition]
    compared = []
    for k, (r, D, Lambda) in enumerate(zip(reads, true, biot, strict=True), 1):
        for how, value in ((COTTRELL, r.cottrell), (LONG, r.long), (FIT, r.fit)):
            if np.isfinite(value):
                compared.append(Compared("D_chem", value, D, "m^2/s", f"{how}, step {k}"))
        if Lambda < AT_ONCE:
            compared.append(Compared("Lambda", r.biot, Lambda, "-", f"{FIT}, step {k}"))
    E, current = trace.of(host.electron)
    record = {
        "time": (trace.time, "s"),
        "current": (current, "A"),
        "potential": (E, "V"),
        "charge": (_charge(trace, host), "C"),
    }
    table = {
        "step": (np.arange(1.0, len(reads) + 1), "-"),
        "start": (array(duration * np.arange(len(reads))), "s"),
        "potential_before": (held[:-1], "V"),
        "potential": (held[1:], "V"),
        "composition": (array(composition), "mol/m^3"),
        "charge": (array([step.total for step in steps]), "C"),
        "D_cottrell": (array([r.cottrell for r in reads]), "m^2/s"),
        "D_long": (array([r.long for r in reads]), "m^2/s"),
        "D_fit": (array([r.fit for r in reads]), "m^2/s"),
        "D_true": (array(true), "m^2/s"),
        "Lambda_fit": (array([r.biot for r in reads]), "-"),
        "Lambda_true": (array(biot), "-"),
    }
    tables = {"record": record, "steps": table, "curves": _curves(host, steps, reads, true)}
    return TechniqueRecord("pitt", tables, tuple(compared), _remarks(host, reads, biot, ends), trace.conservation)


def _curves(host: Host, steps: Sequence[Relaxation], reads: Sequence[Read], true: Sequence[float]) -> Table:
    """Currents by formula at times even in log t: of the fit, and with the true D of a surface that follows at once."""
    number, time, fit, at_once = [], [], [], []
    for k, (step, r, D) in enumerate(zip(steps, reads, true, strict=True), 1):
        t = np.geomspace(FROM * step.t[-1], step.t[-1], POINTS)
        number.append(np.full(POINTS, float(k)))
        time.append(t)
        fit.append(pitt_current(t, step.total, r.fit, host.size, r.biot, host.shape))
        at_once.append(pitt_current(t, step.total, D, host.size, inf, host.shape))
    return {
        "step": (np.concatenate(number), "-"),
        "time": (np.concatenate(time), "s"),
        "fit": (np.concatenate(fit), "A"),
        "at_once": (np.concatenate(at_once), "A"),
    }


def _remarks(host: Host, reads: Sequence[Read], biot: Sequence[float], ends: Array) -> tuple[str, ...]:
    """What limits the analyses here, in numbers."""
    out = []
    slowest = min(biot)
    if slowest < AT_ONCE:
        at_once = pi / 2 if host.shape == "planar" else pi
        low = 1 - (float(exchange_roots(slowest, 1, host.shape)[0]) / at_once) ** 2
        out.append(
            f"Lambda = {slowest:.3g}: the surface lags behind the step; there is no Cottrell range, and the long-time "
            f"slope of a body fed on one side reads D {100 * low:.2g} % low"
        )
    short = sum(1 for r in reads if not np.isfinite(r.long))
    if short:
        out.append(
            f"{short} of {len(reads)} steps end before {100 * LATE[0]:.0f} % of their charge: no long-time slope"
        )
    widest = _widest([host.diffusivity(float(c)) for c in ends])
    if widest > 1.02:
        out.append(f"D_chem itself varies {widest:.3g}-fold within a step")
    widest = _widest([host.slope(float(c)) for c in ends])
    if slowest < AT_ONCE and widest > 1.02:
        out.append(f"E bends: dE/dc varies {widest:.3g}-fold within a step, where the fit takes E and R as linear")
    return (*out, *host.two_sided(ends))


def _widest(values: Sequence[float]) -> float:
    """Largest ratio (>= 1) of two neighbouring values."""
    return max(max(a / b, b / a) for a, b in zip(values, values[1:], strict=False))
