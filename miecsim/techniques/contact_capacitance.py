"""Differential capacitance of a blocking metal contact under bias, in Nernst-Planck-Poisson."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.grid.spacing import around
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model, debye_length
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import Progress
from miecsim.solvers.sweep import sweep_steady
from miecsim.system import System, build_system
from miecsim.techniques.checks import array, finite, positive
from miecsim.techniques.formulas_space_charge import (
    FixedBackground,
    SymmetricSalt,
    depletion_capacitance,
    finite_cell,
    gouy_chapman_capacitance,
    mott_schottky_capacitance,
)
from miecsim.techniques.record import Compared, TechniqueRecord
from miecsim.techniques.space_charge import half_space
from miecsim.typing import Array

QUASI_STATIC = 1e-6  # of the rate at which a cell of this length relaxes: where its capacitance is read
DEEP = 4.0  # R T/zF of depletion from which 1/C^2 counts as a straight line


def contact_capacitance(
    model: Model,
    voltages: Sequence[float] | Array,
    *,
    flat_band: float = 0.0,
    area: float | None = None,
    per_debye: int = 20,
    progress: Progress | None = None,
) -> TechniqueRecord:
    """C = dq/dV of a blocking metal contact under bias, and what Gouy and Chapman, or Mott and Schottky, read from it.

    model: one layer in Nernst-Planck-Poisson. Two carriers of charges +z and -z lie between two blocking plates, in
    number conserved; a single carrier on a fixed background meets a blocking plate at the left and a metal reversible
    to it at the right. voltages V [V] of the left plate, at least three, increasing; flat_band V_fb [V]: where it holds
    no charge (the contact potential of the two metals). area [m2] (None: per m2). per_debye: cells per Debye length.

    True: Im(Y)/w of the model far below its relaxation. Textbook for two carriers: C = (eps/2 lambda) cosh[z F (V -
    V_fb)/(4 R T)], two diffuse layers in series that share V and a bulk that loses no ions, and the bulk's
    concentration from the least C = eps/(2 lambda). For one: 1/C^2 = 2 (V - V_fb - R T/zF)/(eps z F N); its straight
    line over the voltages beyond DEEP R T/zF yields N and V_fb, the latter also without the term R T/zF.
    Table "capacitance": V, C, textbook (nan where it does not deplete), the exact formula beside it (`finite_cell`,
    `depletion_capacitance`), the plate's charge, and C by its central differences over V. Table "line": the two
    ends of the line.

    G. Gouy, J. Phys. Radium 9 (1910) 457; D. L. Chapman, Phil. Mag. 25 (1913) 475; W. Schottky, Z. Phys. 118 (1942)
    539. InputError for another model.
    """
    layer = model.layers[0]
    if len(model.layers) != 1 or not isinstance(layer, ChargedLayer):
        raise InputError("contact capacitance: the model is one layer given by its carriers")
    mobile, half = half_space(layer, model.temperature)
    V = _asked(voltages, flat_band)
    positive("contact capacitance", per_debye=per_debye, area=1.0 if area is None else area)
    cells = _contact_cells(layer, half, V - flat_band, per_debye)
    system = build_system(model, _plates(mobile, flat_band), mesh=Mesh(cells=[cells]))
    C, charge = _measured(system, layer, V, flat_band, progress)
    textbook, exact = _expected(half, layer.thickness, V - flat_band)
    line = _line(half, V - flat_band, C)
    compared = _compared(half, V, C, textbook) + _read(half, C, line, flat_band)
    remarks = _remarks(half, layer.thickness, V - flat_band)
    tables = {"capacitance": _table(V, C, charge, textbook, exact)}
    if line is not None:
        tables["line"] = line.table(V, flat_band)
    if area is not None:
        tables = {key: {name: _total(*column, area) for name, column in table.items()} for key, table in tables.items()}
        compared = [_total_of(one, area) for one in compared]
    return TechniqueRecord("contact_capacitance", tables, tuple(compared), remarks)


def _table(V: Array, C: Array, charge: Array, textbook: Array, exact: Array) -> dict[str, tuple[Array, str]]:
    return {
        "voltage": (V, "V"),
        "capacitance": (C, "F/m^2"),
        "textbook": (textbook, "F/m^2"),
        "formula": (exact, "F/m^2"),
        "charge": (charge, "C/m^2"),
        "differences": (np.gradient(charge, V, edge_order=2), "F/m^2"),
    }


def _asked(voltages: Sequence[float] | Array, flat_band: float) -> Array:
    finite("contact capacitance", voltages=voltages, flat_band=flat_band)
    V = array(voltages)
    if V.ndim != 1 or V.size < 3 or np.any(np.diff(V) <= 0):
        raise InputError("contact capacitance: needs at least three voltages, increasing")
    return V


def _total(values: Array, unit: str, area: float) -> tuple[Array, str]:
    """What is per m2 as that of the whole contact."""
    power, whole = {"F/m^2": (1, "F"), "C/m^2": (1, "C"), "m^4/F^2": (-2, "1/F^2")}.get(unit, (0, unit))
    return area**power * values, whole


def _total_of(one: Compared, area: float) -> Compared:
    (read, true), unit = _total(np.array([one.textbook, one.true]), one.unit, area)
    return Compared(one.quantity, float(read), float(true), unit, one.how)


def _plates(mobile: Sequence[CarrierIn], flat_band: float) -> Wiring:
    """Blocking plates; the right one reversible to a single carrier."""
    left = Terminal("A", (Contact("left", "potential", Reversible(), emf=-flat_band),))
    passes = [Contact("right", c.name, Reversible()) for c in mobile if len(mobile) == 1]
    return Wiring((left, Terminal("B", (*passes, Contact("right", "potential", Reversible())))))


def _contact_cells(layer: ChargedLayer, half: FixedBackground | SymmetricSalt, V: Array, per_debye: int) -> Array:
    """Small at the plates: as the charge that the largest voltage can gather demands."""
    reduced = V / half.unit / (2 if isinstance(half, SymmetricSalt) else 1)
    # what gathers is attracted: either sign of a salt, the negative side of a single carrier
    gathers = np.max(np.abs(reduced)) if isinstance(half, SymmetricSalt) else max(0.0, float(-reduced.min()))
    size = half.debye_length / per_debye * np.exp(-gathers / 2)
    marks = [(0.0, float(size)), (layer.thickness, float(size))]
    return around(layer.thickness, marks, 1 + 1 / per_debye, layer.thickness / 10)


def _measured(
    system: System, layer: ChargedLayer, V: Array, flat_band: float, progress: Progress | None
) -> tuple[Array, Array]:
    """C [F/m2] by impedance and the left plate's charge [C/m2] at each voltage."""
    T, eps = system.model.temperature, layer.permittivity
    assert eps is not None  # half_space saw to it
    sigma = sum(layer.sigma(k, T) for k, c in enumerate(layer.carriers) if c.mobile)
    f = np.array([QUASI_STATIC * sigma / eps / (2 * pi) * debye_length(layer, T) / layer.thickness])
    row = len(system.laws.state_map.carriers)
    left = system.nodes.sides["left"][0]
    middle = int(np.argmin(np.abs(V - flat_band)))
    upper = sweep_steady(system, "A", V[middle:], progress=progress)
    lower = sweep_steady(system, "A", V[middle::-1], start=upper[0], progress=progress)[1:]
    C, q = [], []
    first = np.flatnonzero(system.nodes.volume > 0)[0]
    half_width = system.nodes.volume[first] / 2
    for point in lower[::-1] + upper:
        C.append(float((1 / impedance(point, f).Z[0]).imag / (2 * pi * f[0])))
        q.append(float(eps * (point.u[row, left] - point.u[row, first]) / half_width))
    return np.array(C), np.array(q)


def _expected(half: FixedBackground | SymmetricSalt, length: float, V: Array) -> tuple[Array, Array]:
    """(textbook, exact) C [F/m2] at voltages V [V] against the flat band; the textbook nan where it has no answer."""
    if isinstance(half, SymmetricSalt):
        cells = [finite_cell(length, float(v), half).capacitance for v in V]
        return gouy_chapman_capacitance(V / 2, half) / 2, np.array(cells)
    textbook = np.full(V.size, np.nan)
    depletes = V / half.unit > 1
    if np.any(depletes):
        textbook[depletes] = mott_schottky_capacitance(V[depletes], half)
    return textbook, depletion_capacitance(V, half)


def _compared(half: FixedBackground | SymmetricSalt, V: Array, C: Array, textbook: Array) -> list[Compared]:
    how = "Gouy-Chapman" if isinstance(half, SymmetricSalt) else "Mott-Schottky"
    rows = zip(V, C, textbook, strict=True)
    return [Compared("capacitance", float(t), float(c), "F/m^2", f"{how}, {v:.4g} V") for v, c, t in rows if t > 0]


@dataclass(frozen=True)
class _Line:
    """1/C^2 = slope (V - foot), V [V] against the flat band, slope [m4/(F2 V)]."""

    slope: float
    foot: float

    def table(self, V: Array, flat_band: float) -> dict[str, tuple[Array, str]]:
        """Its ends: the foot, and the voltage furthest from the flat band on its side."""
        ends = np.array([self.foot, V[-1] - flat_band if self.slope > 0 else V[0] - flat_band])
        return {"voltage": (ends + flat_band, "V"), "inverse_square": (self.slope * (ends - self.foot), "m^4/F^2")}


def _line(half: FixedBackground | SymmetricSalt, V: Array, C: Array) -> _Line | None:
    """By least squares over the voltages that deplete by more than DEEP; None where there are less than two."""
    deep = V / half.unit > DEEP
    if isinstance(half, SymmetricSalt) or np.count_nonzero(deep) < 2:
        return None
    slope, at_zero = (float(x) for x in np.polyfit(V[deep], C[deep] ** -2, 1))
    return _Line(slope, -at_zero / slope)


def _read(half: FixedBackground | SymmetricSalt, C: Array, line: _Line | None, flat_band: float) -> list[Compared]:
    """The carriers of the bulk, and the flat band, as an experimenter reads them from C over V."""
    if isinstance(half, SymmetricSalt):
        lam = half.permittivity / (2 * float(C.min()))
        c = half.permittivity * half.unit / (2 * half.charge_number * FARADAY * lam**2)
        return [Compared("carriers of the bulk", c, half.concentration, "mol/m^3", "least capacitance")]
    if line is None:
        return []
    N, how = 2 / (half.permittivity * half.charge_number * FARADAY * line.slope), "line of 1/C^2 over V"
    foot = line.foot + flat_band
    return [
        Compared("carriers of the bulk", N, half.concentration, "mol/m^3", how),
        Compared("flat-band voltage", foot - half.unit, flat_band, "V", how),
        Compared("flat-band voltage", foot, flat_band, "V", "its foot, without R T/zF"),
    ]


def _remarks(half: FixedBackground | SymmetricSalt, length: float, V: Array) -> tuple[str, ...]:
    """What the half spaces of the textbook leave out."""
    if isinstance(half, FixedBackground):
        return ()
    most = float(V[np.argmax(np.abs(V))])
    left = finite_cell(length, most, half).middle_concentration / half.concentration
    return (
        f"{length / half.debye_length:.3g} Debye lengths between the plates: {most:+.4g} V from the flat band "
        f"{100 * left:.3g} % of the salt is left in the middle, the textbook's bulk loses none",
    )
