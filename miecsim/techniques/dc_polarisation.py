"""Direct-current polarisation: a film or composite between contacts that block one of its two carriers.

After a small step of the voltage the current falls from that of both carriers to that of the one which passes: M. H.
Hebb, J. Chem. Phys. 20 (1952) 185; I. Yokota, J. Phys. Soc. Japan 16 (1961) 2213.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.models import Model
from miecsim.solvers.impedance import Spectrum, impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.trace import Trace
from miecsim.techniques.blocking import (
    PLUS,
    SETTLED,
    blocking_cell,
    leaks,
    mean_conductivity,
    relaxation_time,
    two_carriers,
)
from miecsim.techniques.checks import finite, positive
from miecsim.techniques.formulas_polarisation import partial_conductivities
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

STEADY, SPECTRUM = "direct current", "spectrum"
ION_BLOCKED, ELECTRON_BLOCKED = "ion-blocked cell", "electron-blocked cell"
WAITS = (0.1, 0.03, 0.01, 3e-3, 1e-3)  # errors whose waiting time is reported
READINGS = 80  # of the waiting table
EARLIEST = 1e-6  # of the run: from where currents are drawn and read
DECADES = (2e-3, 1e6)  # of the reciprocal relaxation time: ends of the default spectrum
PER_DECADE = 6


@dataclass(frozen=True)
class _Cell:
    """One of the two cells: which carrier passes, its run, its spectrum and the voltage of the step [V]."""

    name: str
    carrier: str
    trace: Trace
    spectrum: Spectrum
    step: float

    def course(self) -> tuple[Array, Array]:
        """(t [s], I [A]) from the first internal step on."""
        current = self.trace.of(PLUS)[1]
        after = self.trace.time > 0
        return self.trace.time[after], current[after]

    def resistance(self, t: Array) -> Array:
        """V/I [ohm] at times t, interpolated in log t."""
        time, current = self.course()
        return np.asarray(self.step / np.interp(np.log(t), np.log(time), current))


def dc_polarisation(
    model: Model,
    *,
    step: float = 5e-3,
    duration: float | None = None,
    area: float | None = None,
    mesh: Mesh | None = None,
    ion: str = "ion",
    electron: str = "electron",
    ion_contact: Element | Reversible | None = None,
    electron_contact: Element | Reversible | None = None,
    frequency: Array | None = None,
    tolerance: Tolerance | None = None,
) -> TechniqueRecord:
    """Step the voltage of two cells of the same electrode, one that passes electrons only and one that passes ions
    only, wait, and read sigma_eon = L/(A R_ion-blocked), sigma_ion = L/(A R_electron-blocked).

    model: layers that all conduct the carriers `ion` and `electron`, and no others. step [V]; duration [s] of each run
    (default: 100 mean relaxation times of the slower cell); area A [m2] (None: per m2, currents in A/m2); contacts:
    elements between a carrier and its metal (default reversible, which the textbook assumes); frequency [Hz] of the two
    spectra, from which the same figures are read: direct current from the lowest, both carriers at once,
    sigma_ion + sigma_eon, from the highest.

    True values are those of the layers in series, L/sum(L_i/sigma_i). Tables: the two records (time, current,
    resistance), 'waiting' (what would be read after each time, and its error), 'patience' (the time at which an error
    is reached for good; nan: never), 'spectra'. InputError for another kind of model, a step of 0 V or a duration that
    is not positive.
    """
    sigma_i, sigma_e = two_carriers(model, ion, electron)
    finite("dc polarisation", step=step)
    if step == 0:
        raise InputError("dc polarisation: the step of the voltage must not be 0 V")
    laws = {electron: electron_contact or Reversible(), ion: ion_contact or Reversible()}
    points = [solve_steady(blocking_cell(model, c, area=area, mesh=mesh, contact=law)) for c, law in laws.items()]
    if duration is None or frequency is None:
        slow = max(relaxation_time(point) for point in points)
        duration = SETTLED * slow if duration is None else duration
        frequency = _frequencies(slow) if frequency is None else frequency
    positive("dc polarisation", duration=duration)
    cells = [
        _run(point, name, carrier, step, duration, frequency, tolerance)
        for point, name, carrier in zip(points, (ION_BLOCKED, ELECTRON_BLOCKED), laws, strict=True)
    ]
    true = mean_conductivity(model, sigma_i), mean_conductivity(model, sigma_e)
    scale = model.thickness, points[0].system.area
    unit = "ohm m^2" if area is None else "ohm"
    waiting = _waiting(cells, scale, true, duration)
    patience = _patience(waiting)
    tables: dict[str, Table] = {cell.name: _record(cell, unit, area is None) for cell in cells}
    tables |= {"waiting": waiting, "patience": patience, "spectra": _spectra(cells)}
    compared = _compared(model, cells, scale, true, duration, mean_conductivity(model, sigma_i + sigma_e))
    remarks = _remarks(model, compared, patience, laws)
    return TechniqueRecord("dc_polarisation", tables, compared, remarks, max(cell.trace.conservation for cell in cells))


def _frequencies(slow: float) -> Array:
    decades = float(np.log10(DECADES[1] / DECADES[0]))
    return np.asarray(np.geomspace(*DECADES, round(PER_DECADE * decades) + 1) / (2 * np.pi * slow))


def _run(
    point: OperatingPoint,
    name: str,
    carrier: str,
    step: float,
    duration: float,
    frequency: Array,
    tolerance: Tolerance | None,
) -> _Cell:
    trace = solve_transient(point, [Step("polarise", {PLUS: voltage(step)}, duration)], tolerance=tolerance)
    return _Cell(name, carrier, trace, impedance(point, np.sort(np.atleast_1d(frequency))), step)


def _record(cell: _Cell, unit: str, per_area: bool) -> Table:
    t, i = cell.course()
    return {
        "time": (t, "s"),
        "current": (i, "A/m^2" if per_area else "A"),
        "resistance": (cell.step / i, unit),
    }


def _waiting(cells: list[_Cell], scale: tuple[float, float], true: tuple[float, float], duration: float) -> Table:
    """What would be read after each time."""
    t = np.geomspace(EARLIEST * duration, duration, READINGS)
    ion_blocked, electron_blocked = (cell.resistance(t) for cell in cells)
    length, area = scale
    ion, electron = length / (area * electron_blocked), length / (area * ion_blocked)
    return {
        "time": (t, "s"),
        "sigma_ion": (ion, "S/m"),
        "sigma_eon": (electron, "S/m"),
        "error_ion": (ion / true[0] - 1, "-"),
        "error_eon": (electron / true[1] - 1, "-"),
    }


def _patience(waiting: Table) -> Table:
    """From when on each reading stays within each of WAITS."""
    t = waiting["time"][0]

    def since(error: Array, bound: float) -> float:
        beyond = np.flatnonzero(np.abs(error) > bound)
        if beyond.size == 0:
            return float(t[0])
        return float(t[beyond[-1] + 1]) if beyond[-1] + 1 < t.size else float("nan")

    columns = {
        f"time_{k}": (np.array([since(waiting[f"error_{k}"][0], b) for b in WAITS]), "s") for k in ("ion", "eon")
    }
    return {"error": (np.array(WAITS), "-"), **columns}


def _spectra(cells: list[_Cell]) -> Table:
    first = cells[0].spectrum
    columns: dict[str, tuple[Array, str]] = {"frequency": (first.frequency, "Hz")}
    for cell in cells:
        name = cell.name.removesuffix(" cell")
        columns[f"Z real, {name}"] = (cell.spectrum.Z.real, first.unit)
        columns[f"Z imaginary, {name}"] = (cell.spectrum.Z.imag, first.unit)
    return columns


def _compared(
    model: Model,
    cells: list[_Cell],
    scale: tuple[float, float],
    true: tuple[float, float],
    duration: float,
    together: float,
) -> tuple[Compared, ...]:
    length, area = scale
    at_end = np.array([duration])
    unit = cells[0].spectrum.unit
    out: list[Compared] = []
    read = {
        STEADY: [float(cell.resistance(at_end)[0]) for cell in cells],
        SPECTRUM: [float(cell.spectrum.Z[0].real) for cell in cells],
    }
    for how, (ion_blocked, electron_blocked) in read.items():
        ion, electron = partial_conductivities(length, area, ion_blocked, electron_blocked)
        out += [
            Compared("R_ion_blocked", ion_blocked, length / (area * true[1]), unit, how),
            Compared("R_electron_blocked", electron_blocked, length / (area * true[0]), unit, how),
            Compared("sigma_ion", ion, true[0], "S/m", how),
            Compared("sigma_eon", electron, true[1], "S/m", how),
            Compared("t_ion", ion / (ion + electron), true[0] / sum(true), "-", how),
        ]
    for cell in cells:
        value = length / (area * float(cell.spectrum.Z[-1].real))
        out.append(Compared("sigma_total", value, together, "S/m", f"{SPECTRUM}, {cell.name}"))
    return tuple(out)


def _remarks(
    model: Model, compared: tuple[Compared, ...], patience: Table, laws: dict[str, Element | Reversible]
) -> tuple[str, ...]:
    """What limits the readings, in numbers."""
    by = {(one.quantity, one.how): one for one in compared}
    ion, electron = (by[name, STEADY].error for name in ("sigma_ion", "sigma_eon"))
    out = []
    wait = {k: float(patience[f"time_{k}"][0][WAITS.index(0.01)]) for k in ("ion", "eon")}
    for k, blocked in (("eon", ION_BLOCKED), ("ion", ELECTRON_BLOCKED)):
        reached = f"after {wait[k]:.3g} s" if np.isfinite(wait[k]) else "not within the run"
        out.append(f"{blocked}: sigma_{k} is within 1 % {reached}")
    if leaks(model):
        out.append(
            "charge transfer between the rails passes direct current: blocked carriers go round by the other rail, "
            f"so that sigma_ion reads {100 * ion:+.2g} % and sigma_eon {100 * electron:+.2g} % however long one waits"
        )
    if any(not isinstance(law, Reversible) for law in laws.values()):
        out.append("contacts have resistances of their own, which two-point readings count as the electrode's")
    if any(getattr(layer, "sigma_cross", 0.0) != 0 for layer in model.layers):
        out.append("flows of ions and electrons are coupled: each cell reads sigma_k - sigma_cross^2/sigma_other")
    return tuple(out)
