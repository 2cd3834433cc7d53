"""The transference number of a binary electrolyte between two electrodes of its cation, by a small step of the voltage.

J. Evans, C. A. Vincent, P. G. Bruce, Polymer 28 (1987) 2324.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid.spacing import resolved
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.models import Model
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.trace import Trace
from miecsim.techniques.blocking import (
    PLUS,
    SETTLED,
    blocking_cell,
    mean_conductivity,
    relaxation_time,
    two_carriers,
)
from miecsim.techniques.checks import array, positive
from miecsim.techniques.formulas_polarisation import bruce_vincent_number
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex

BY_IMPEDANCE, KNOWN = "interfaces by impedance", "interfaces known"
DECADES = (3e-3, 1e9)  # of the reciprocal relaxation time, slowest and fastest: ends of the default spectra
PER_DECADE = 9
SMALL_SIGNAL = 0.5  # thermal voltages across the electrolyte, above which a step is remarked
FINEST, GROWTH, COARSEST = 3e-4, 1.1, 1 / 20  # of a layer: cells at its ends, over its smaller share of the current
REMARKED, REFUSED = 1e-3, 0.05  # of the bulk, added by the grid; of the steady current, not reached at the end


@dataclass(frozen=True)
class _Reading:
    """One step of the voltage V [V]: its run, the first, the last and the steady current [A], the spectra before and
    after, and resistances [ohm] of the interfaces, before and after, as read and as they are."""

    voltage: float
    trace: Trace
    first: float
    last: float
    steady: float
    before: Complex
    after: Complex
    read: tuple[float, float]
    known: tuple[float, float]

    def number(self, how: str) -> float:
        start, end = self.read if how == BY_IMPEDANCE else self.known
        return bruce_vincent_number(self.voltage, self.first, self.last, start, end)


def bruce_vincent(
    model: Model,
    voltages: Sequence[float],
    *,
    frequency: npt.ArrayLike | None = None,
    contact: Element | Reversible | None = None,
    duration: float | None = None,
    area: float | None = None,
    mesh: Mesh | None = None,
    cation: str = "cation",
    anion: str = "anion",
    tolerance: Tolerance | None = None,
) -> TechniqueRecord:
    """Step a cell at rest to each of `voltages` > 0 [V], wait until the current is steady, and read t_+ of the cation.

    model: an electrolyte of two carriers; its cation meets both metals through `contact` (default reversible), its
    anion meets neither. frequency [Hz] of the spectra before and after each step, from which the interfaces' resistance
    is read: from the intercept at the highest frequency, which counts as the bulk, to the valley between the arc of the
    interfaces and that of diffusion (0 where there is no such arc). The first current is V over bulk and interfaces: no
    instrument is quick enough for it. duration [s] (default: 100 mean relaxation times of the cell, or of the
    electrolyte alone where that is slower). mesh: default graded towards the electrodes; one that adds more than 5 % to
    the bulk at high frequency, where half a cell at each electrode lets the cation alone pass, is refused.

    True is sigma_+/(sigma_+ + sigma_-) of the model at rest, (sigma_+ + sigma_cross)/(sum of all) where flows couple.
    Tables: 'current' (every step in time), 'steps' (one row for each voltage), 'spectra'. InputError for another kind
    of model, voltages that are not positive, a grid too coarse, or interfaces that take the whole voltage.
    """
    V = np.atleast_1d(array(voltages))
    positive("Bruce-Vincent", voltages=V)
    sigma_c, sigma_a = two_carriers(model, cation, anion)
    law = contact or Reversible()
    cross = np.array([getattr(layer, "sigma_cross", 0.0) for layer in model.layers])
    mesh = mesh or _graded(model, sigma_c + cross, sigma_a + cross)
    rest, bare = (
        solve_steady(blocking_cell(model, cation, area=area, mesh=mesh, contact=one)) for one in (law, Reversible())
    )
    # interfaces that outweigh the salt relax first and hide its own time in the mean
    times = relaxation_time(rest), relaxation_time(bare)
    added = _added_by_grid(bare, mean_conductivity(model, sigma_c + sigma_a + 2 * cross), min(times))
    duration = SETTLED * max(times) if duration is None else duration
    f = _frequencies(times) if frequency is None else np.sort(np.atleast_1d(frequency))
    positive("Bruce-Vincent", duration=duration, frequency=f)
    readings = [_read(rest, law, float(v), duration, f, tolerance) for v in V]
    c, a = mean_conductivity(model, sigma_c + cross), mean_conductivity(model, sigma_a + cross)
    compared = tuple(
        Compared("t_cation", reading.number(how), c / (c + a), "-", f"{how}, {1e3 * reading.voltage:.6g} mV")
        for reading in readings
        for how in (BY_IMPEDANCE, KNOWN)
    )
    tables = {
        "current": _currents(readings, area is None),
        "steps": _steps(readings, c / (c + a), rest, area is None),
        "spectra": _spectra(readings, f, "ohm m^2" if area is None else "ohm"),
    }
    remarks = (*_unresolved(readings, added), *_remarks(model, readings, rest.system.laws.state_map.thermal_voltage))
    return TechniqueRecord(
        "bruce_vincent", tables, compared, remarks, max(reading.trace.conservation for reading in readings)
    )


def interface_resistance(Z: Complex) -> float:
    """Width [ohm] of the arc of the interfaces, Z (n,) at rising frequencies: Re Z at the deepest inner minimum of
    -Im Z less Re Z at the highest frequency; 0 where -Im Z has no minimum between two arcs."""
    y = -Z.imag
    inner = np.flatnonzero((y[1:-1] < y[:-2]) & (y[1:-1] < y[2:])) + 1
    arcs = [k for k in inner if y[k:].max() > 1.05 * y[k]]
    if not arcs:
        return 0.0
    valley = min(arcs, key=lambda k: float(y[k]))
    return max(float(Z[valley].real - Z[-1].real), 0.0)  # an arc above all frequencies ends in rounding


def _graded(model: Model, sigma_c: Array, sigma_a: Array) -> Mesh:
    """Cells of every layer so small at its ends that what they add to the bulk is of the order of FINEST."""
    share = np.minimum(sigma_c, sigma_a) / (sigma_c + sigma_a)
    cells = [
        resolved(layer.thickness, FINEST * float(t) * layer.thickness, GROWTH, COARSEST * layer.thickness)
        for layer, t in zip(model.layers, share, strict=True)
    ]
    return Mesh(cells=cells)


def _added_by_grid(bare: OperatingPoint, sigma: float, time: float) -> float:
    """Share of the bulk, L/sigma [ohm m2], that the grid adds to it above every frequency. InputError above REFUSED.

    The anion is blocked at the metal and stored at the middle of the first cell: between them the cation alone carries.
    """
    thickness, nodes = bare.system.model.thickness, bare.system.nodes
    smallest = 2 * min(float(d[d > 0].min()) for d in (nodes.d_left, nodes.d_right))
    # a thousand times faster than the smallest cell empties; much beyond, rounding is all that is left of the rails
    beyond = np.array([1e3 * (thickness / smallest) ** 2 / time])
    bulk = thickness / (sigma * bare.system.area)
    added = float(impedance(bare, beyond).Z[0].real) / bulk - 1
    if added > REFUSED:
        raise InputError(
            f"Bruce-Vincent: the grid adds {100 * added:.2g} % to the bulk resistance, and so to t_+; make the cells "
            "at the electrodes smaller (more of them, or graded), or leave the grid to the technique"
        )
    return added


def _frequencies(times: tuple[float, float]) -> Array:
    """Of the default spectra [Hz], for relaxation times [s] of the cell and of its electrolyte alone."""
    ends = DECADES[0] / (2 * np.pi * max(times)), DECADES[1] / (2 * np.pi * min(times))
    return np.geomspace(*ends, int(np.ceil(PER_DECADE * np.log10(ends[1] / ends[0]))) + 1)


def _read(
    rest: OperatingPoint, law: Element | Reversible, V: float, duration: float, f: Array, tolerance: Tolerance | None
) -> _Reading:
    """One step and the spectra on both sides of it."""
    before = impedance(rest, f).Z
    trace = solve_transient(rest, [Step("polarise", {PLUS: voltage(V)}, duration)], tolerance=tolerance)
    after = solve_steady(rest.system, {PLUS: V}, start=rest)
    later = impedance(after, f).Z
    last = float(trace.of(PLUS)[1][-1])
    read = interface_resistance(before), interface_resistance(later)
    known = 2 * _resistance(law, 0.0) / rest.system.area, _steady_interfaces(after, law)
    first = V / (float(before[-1].real) + read[0])
    return _Reading(V, trace, first, last, float(after.currents[0]), before, later, read, known)


def _resistance(law: Element | Reversible, drive: float) -> float:
    """v/i [ohm m2] of a contact at the voltage `drive` [V], its slope where that is 0."""
    if isinstance(law, Reversible):
        return 0.0
    if drive == 0:
        drive = 1e-9
    return drive / float(law.current(np.array([drive]))[0])


def _steady_interfaces(point: OperatingPoint, law: Element | Reversible) -> float:
    """Resistance [ohm] of both contacts at the current of a steady state: what they take of the voltage over it."""
    if isinstance(law, Reversible):
        return 0.0
    system = point.system
    i = float(point.currents[0]) / system.area
    state = system.laws.state_map.at(point.u, np.arange(point.u.shape[1]))
    drops = [abs(float(point.voltages[p.port] - state.Phi[p.row, p.nodes[0]])) for p in system.ports]
    return sum(drops) / (abs(i) * system.area)


def _currents(readings: list[_Reading], per_area: bool) -> Table:
    """Every run below the other, with the voltage of its step."""
    after = [r.trace.time > 0 for r in readings]
    columns = [(r.trace.time[a], r.trace.of(PLUS)[1][a]) for r, a in zip(readings, after, strict=True)]
    return {
        "step": (
            np.concatenate([np.full(t.size, r.voltage) for r, (t, _) in zip(readings, columns, strict=True)]),
            "V",
        ),
        "time": (np.concatenate([t for t, _ in columns]), "s"),
        "current": (np.concatenate([i for _, i in columns]), "A/m^2" if per_area else "A"),
    }


def _steps(readings: list[_Reading], true: float, rest: OperatingPoint, per_area: bool) -> Table:
    ohm, ampere = ("ohm m^2", "A/m^2") if per_area else ("ohm", "A")
    return {
        "voltage": (np.array([r.voltage for r in readings]), "V"),
        "first_current": (np.array([r.first for r in readings]), ampere),
        "steady_current": (np.array([r.last for r in readings]), ampere),
        "interfaces_before": (np.array([r.read[0] for r in readings]), ohm),
        "interfaces_after": (np.array([r.read[1] for r in readings]), ohm),
        "true_before": (np.array([r.known[0] for r in readings]), ohm),
        "true_after": (np.array([r.known[1] for r in readings]), ohm),
        "t_read": (np.array([r.number(BY_IMPEDANCE) for r in readings]), "-"),
        "t_known": (np.array([r.number(KNOWN) for r in readings]), "-"),
        "t_true": (np.full(len(readings), true), "-"),
    }


def _spectra(readings: list[_Reading], f: Array, unit: str) -> Table:
    columns: dict[str, tuple[Array, str]] = {"frequency": (f, "Hz")}
    pairs = [("at rest", readings[0].before)] + [(f"at {1e3 * r.voltage:.6g} mV", r.after) for r in readings]
    for name, Z in pairs:
        columns[f"Z real, {name}"], columns[f"Z imaginary, {name}"] = (Z.real, unit), (Z.imag, unit)
    return columns


def _unresolved(readings: list[_Reading], added: float) -> list[str]:
    """What the grid and the duration leave out, where that is more than REMARKED."""
    out = []
    if added > REMARKED:
        out.append(
            f"the grid adds {100 * added:.2g} % to the bulk at high frequency, and as much to t_+: its cells at the "
            "electrodes are too large"
        )
    early = max((abs(r.last / r.steady - 1) for r in readings), default=0.0)
    if early > REMARKED:
        out.append(f"the run ends while the current is still {100 * early:.2g} % off its steady value")
    return out


def _remarks(model: Model, readings: list[_Reading], thermal: float) -> tuple[str, ...]:
    """What limits the formula, in numbers."""
    out = []
    across = [(r.voltage - r.last * r.known[1]) / thermal for r in readings]
    if max(across) > SMALL_SIGNAL:
        low = 1 - float(np.tanh(max(across) / 4)) / (max(across) / 4)
        out.append(
            f"up to {max(across):.3g} R T/F across the electrolyte: the salt no longer follows in proportion, and an "
            f"ideal dilute 1:1 salt reads t_+ {100 * low:.2g} % low"
        )
    if readings[0].read[0] == 0 and readings[0].known[0] > 0:
        out.append(
            f"interfaces of {readings[0].known[0]:.3g} show no arc of their own at these frequencies and count as bulk"
        )
    elif readings[0].known[0] > 0:
        off = max(abs(read / known - 1) for r in readings for read, known in zip(r.read, r.known, strict=True))
        out.append(f"the arc of the interfaces reads their resistance within {100 * off:.2g} %")
        bulk = readings[0].voltage / readings[0].first - readings[0].read[0]
        times = readings[0].known[0] / bulk
        if times > 1:
            out.append(f"the interfaces outweigh the bulk: 1 % of their resistance is {times:.2g} % of t_+")
    if any(getattr(layer, "sigma_cross", 0.0) != 0 for layer in model.layers):
        out.append("flows of the two carriers are coupled: the steady current gives the current fraction, not t_+")
    return tuple(out)
