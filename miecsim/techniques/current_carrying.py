"""The current-carrying electrode: one film on a substrate that blocks, measured along itself by both of its carriers.

Electrons in and out at the two ends give R_ee, ions in and out R_ii; at high frequency both carriers flow in either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.models import Model
from miecsim.solvers.impedance import Spectrum, impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.solvers.sweep import current_voltage, sweep_steady
from miecsim.system import System
from miecsim.techniques.blocking import (
    MINUS,
    PLUS,
    blocking_cell,
    leaks,
    mean_conductivity,
    relaxation_time,
    two_carriers,
)
from miecsim.techniques.checks import array, finite, positive
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

BY_STEADY, BY_EXCESS = "R_ee/(R_ee + R_ii)", "excess over R_HF"
LARGEST = 5e-3  # V across the film by default
CURRENTS = np.array([-1.0, -0.5, 0.5, 1.0])  # of the largest
DECADES = (1e-2, 1e6)  # of the reciprocal relaxation time
PER_DECADE = 6
CONSISTENT = 0.02  # misfit of the check that is worth a remark


@dataclass(frozen=True)
class _Wire:
    """The film contacted for one carrier: the points of its I-V line and its spectrum."""

    carrier: str
    points: tuple[OperatingPoint, ...]
    spectrum: Spectrum

    def line(self) -> tuple[Array, Array]:
        """(V, I) of the points."""
        return current_voltage(self.points, PLUS, MINUS)

    @property
    def direct(self) -> float:
        """Slope [ohm] of the I-V line through the origin, by least squares."""
        V, current = self.line()
        return float(V @ current / (current @ current))

    @property
    def bend(self) -> float:
        """Largest distance of a point from that line, over the largest voltage."""
        V, current = self.line()
        return float(np.max(np.abs(V - self.direct * current)) / np.max(np.abs(V)))

    @property
    def high(self) -> float:
        """Re Z [ohm] at the highest frequency."""
        return float(self.spectrum.Z[-1].real)


def current_carrying_electrode(
    model: Model,
    *,
    currents: Sequence[float] | None = None,
    frequency: npt.ArrayLike | None = None,
    area: float | None = None,
    mesh: Mesh | None = None,
    ion: str = "ion",
    electron: str = "electron",
    contact: Element | Reversible | None = None,
) -> TechniqueRecord:
    """R_ee and R_ii of one film from I-V lines at direct current, and R_HF from the spectra of both.

    model: the film along the current, from one end to the other; what lies below it blocks. currents [A] (A/m2 without
    `area`) of the lines, none of them 0 (default: four up to 5 mV); frequency [Hz]; contact: element at all ends
    (default reversible). With R_1 = L/(sigma_ion A) and R_2 = L/(sigma_eon A), two-rail theory has R_ii = R_1, R_ee =
    R_2 and R_HF = R_1 R_2/(R_1 + R_2) for either, hence

        t_ion = R_ee/(R_ee + R_ii),      R_HF (1/R_ee + 1/R_ii) = 1  as a check.

    At any frequency, 0 included, Z_ee = R_HF + k z_2^2 and Z_ii = R_HF + k z_1^2 with one k (two-rail theory). The
    falls d = R - Re Z(f) of both cells from direct current to the highest frequency therefore give t_ion = sqrt(d_ee)
    /[sqrt(d_ee) + sqrt(d_ii)] of a uniform film whatever leaks from rail to rail, and then R_2 = R_HF/(1 - t_ion),
    R_1 = R_HF/t_ion. Both analyses are compared. Tables: 'lines', 'spectra', 'profiles' (potentials along the
    film at the largest current). InputError for another kind of model or bad currents.
    """
    sigma = two_carriers(model, ion, electron)
    law = contact or Reversible()
    rest = [solve_steady(blocking_cell(model, c, area=area, mesh=mesh, contact=law)) for c in (electron, ion)]
    if frequency is None:
        slow = max(relaxation_time(point) for point in rest)
        decades = float(np.log10(DECADES[1] / DECADES[0]))
        frequency = np.geomspace(*DECADES, round(PER_DECADE * decades) + 1) / (2 * np.pi * slow)
    f = np.sort(np.atleast_1d(array(frequency)))
    positive("current-carrying electrode", frequency=f)
    true = [model.thickness / (mean_conductivity(model, s) * rest[0].system.area) for s in sigma]
    wires = [
        _measured(point, carrier, currents, resistance, f)
        for point, carrier, resistance in zip(rest, (electron, ion), reversed(true), strict=True)
    ]
    per_area = area is None
    tables: dict[str, Table] = {
        "lines": _lines(wires, per_area),
        "spectra": _spectra(wires),
        "profiles": _profiles(wires, ion, electron),
    }
    compared = _compared(wires, true)
    return TechniqueRecord("current_carrying_electrode", tables, compared, _remarks(model, wires, law))


def _measured(
    rest: OperatingPoint, carrier: str, currents: Sequence[float] | None, resistance: float, f: Array
) -> _Wire:
    asked = CURRENTS * (LARGEST / resistance) if currents is None else np.atleast_1d(array(currents))
    finite("current-carrying electrode", currents=asked)
    if asked.ndim != 1 or asked.size == 0 or np.any(asked == 0):
        raise InputError(f"current-carrying electrode: needs one current or more, none of them 0, read {asked}")
    points = sweep_steady(rest.system, PLUS, np.sort(asked), "current", start=rest)
    return _Wire(carrier, points, impedance(rest, f))


def transference_by_excess(electron: float, ion: float) -> float:
    """t_ion [-] = sqrt(d_ee)/[sqrt(d_ee) + sqrt(d_ii)], d = R_direct - Re Z(f) [ohm] of each cell at one frequency.

    electron, ion: d of the cells that contact electrons and ions. Exact for a uniform two-rail line with any transfer
    between the rails. InputError unless both are positive.
    """
    if not (electron > 0 and ion > 0):
        raise InputError(
            f"current-carrying electrode: the excess of direct current over high frequency must be positive, read "
            f"{electron:.6g} and {ion:.6g} ohm; go to higher frequencies"
        )
    a, b = np.sqrt(electron), np.sqrt(ion)
    return float(a / (a + b))


def _compared(wires: Sequence[_Wire], true: Sequence[float]) -> tuple[Compared, ...]:
    """true: R_1 and R_2 [ohm] of the ions and of the electrons."""
    by_electron, by_ion = wires
    R_ion, R_electron = true
    t_true, parallel = R_electron / (R_electron + R_ion), R_ion * R_electron / (R_electron + R_ion)
    unit = by_electron.spectrum.unit
    ee, ii = by_electron.direct, by_ion.direct
    high = min(by_electron.high, by_ion.high)  # of the rail that resists less: nearer to its limit
    out = [
        Compared("R_ee", ee, R_electron, unit, "direct current"),
        Compared("R_ii", ii, R_ion, unit, "direct current"),
        Compared("t_ion", ee / (ee + ii), t_true, "-", BY_STEADY),
        Compared("R_HF", by_electron.high, parallel, unit, "electrons' contacts"),
        Compared("R_HF", by_ion.high, parallel, unit, "ions' contacts"),
        Compared("R_HF (1/R_ee + 1/R_ii)", high * (1 / ee + 1 / ii), 1.0, "-", "consistency"),
    ]
    excess = ee - by_electron.high, ii - by_ion.high
    if min(excess) > 0:
        t = transference_by_excess(*excess)
        out.append(Compared("t_ion", t, t_true, "-", BY_EXCESS))
        out.append(Compared("R_electron", high / (1 - t), R_electron, unit, BY_EXCESS))
        out.append(Compared("R_ion", high / t, R_ion, unit, BY_EXCESS))
    return tuple(out)


def _lines(wires: Sequence[_Wire], per_area: bool) -> Table:
    columns: dict[str, tuple[Array, str]] = {}
    for wire, name in zip(wires, ("ee", "ii"), strict=True):
        V, current = wire.line()
        columns[f"current_{name}"] = (current, "A/m^2" if per_area else "A")
        columns[f"voltage_{name}"] = (V, "V")
    return columns


def _spectra(wires: Sequence[_Wire]) -> Table:
    first = wires[0].spectrum
    columns: dict[str, tuple[Array, str]] = {"frequency": (first.frequency, "Hz")}
    for wire, name in zip(wires, ("ee", "ii"), strict=True):
        columns[f"Z real, {name}"] = (wire.spectrum.Z.real, first.unit)
        columns[f"Z imaginary, {name}"] = (wire.spectrum.Z.imag, first.unit)
    return columns


def _profiles(wires: Sequence[_Wire], ion: str, electron: str) -> Table:
    """Both potentials at the largest current of either cell, against the terminal "minus"."""
    system: System = wires[0].points[0].system
    x = system.nodes.position[:, 0]
    order = np.argsort(x, kind="stable")
    columns: dict[str, tuple[Array, str]] = {"position": (x[order], "m")}
    for wire, name in zip(wires, ("ee", "ii"), strict=True):
        point = wire.points[-1]
        state_map = point.system.laws.state_map
        Phi = state_map.at(point.u, np.arange(point.u.shape[1])).Phi
        zero = point.voltages[point.system.terminals.index(MINUS)]
        for carrier, label in ((ion, "ion"), (electron, "eon")):
            columns[f"Phi_{label}, {name}"] = (Phi[state_map.row(carrier), order] - zero, "V")
    return columns


def _remarks(model: Model, wires: Sequence[_Wire], law: Element | Reversible) -> tuple[str, ...]:
    """What limits the figures, in numbers."""
    by_electron, by_ion = wires
    out = []
    high = min(by_electron.high, by_ion.high)
    off = high * (1 / by_electron.direct + 1 / by_ion.direct) - 1
    if abs(off) > CONSISTENT:
        out.append(
            f"R_HF is {100 * off:+.2g} % off R_ee and R_ii in parallel: the film is not two separate, uniform rails "
            "between contacts without resistance, or R_HF is read at too low a frequency"
        )
    spread = by_electron.high / by_ion.high - 1
    if abs(spread) > CONSISTENT:
        out.append(f"R_HF differs by {100 * abs(spread):.2g} % between the two cells: higher frequencies are needed")
    if leaks(model):
        out.append(
            "charge transfer between the rails passes direct current: t_ion of R_ee and R_ii tends to 1/2 with it; the "
            "excess over R_HF stays right"
        )
    if not isinstance(law, Reversible):
        out.append("contacts have impedances of their own: R_ee and R_ii contain them, R_HF where no capacitor shorts")
    bend = max(wire.bend for wire in wires)
    if bend > 1e-3:
        out.append(f"the I-V lines bend by {100 * bend:.2g} % of the largest voltage: use smaller currents")
    if len(model.layers) > 1:
        out.append(f"{len(model.layers)} layers in series: the figures are means, and R_HF need not be R_1 || R_2")
    return tuple(out)
