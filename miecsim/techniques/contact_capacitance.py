"""Differential capacitance of a blocking metal contact under bias, in Nernst-Planck-Poisson."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.grid.spacing import around
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model, debye_length
from miecsim.physics.terminals import Contact, Terminal, Wiring, metal_plates
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
)
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.techniques.space_charge import half_space
from miecsim.typing import Array

QUASI_STATIC = 1e-6  # of the rate at which a cell of this length relaxes: where its capacitance is read
DEEP = 4.0  # R T/zF of depletion from which 1/C^2 counts as a straight line


def contact_capacitance(
    model: Model, voltages: Sequence[float] | Array, *, per_debye: int = 20, progress: Progress | None = None
) -> TechniqueRecord:
    """C = dq/dV of a blocking metal contact under bias, against the formulas.

    model: one layer in Nernst-Planck-Poisson. Two carriers of charges +z and -z lie between two blocking plates, in
    number conserved (`finite_cell`); a single carrier on a fixed background meets a blocking plate at the left and a
    metal reversible to it at the right (`depletion_capacitance`, and 1/C^2 over V of Mott and Schottky). voltages [V]
    of the left plate. True: Im(Y)/w of the model at rest, far below its relaxation; the formula beside it.

    Table "capacitance": V, C, its formula, the same by the charge of the plate (central differences of it over V).
    Mott-Schottky's straight line 1/C^2 = 2 (V - R T/zF)/(eps z F N) over the depleting voltages reads N. InputError
    for another model.
    """
    layer = model.layers[0]
    if len(model.layers) != 1 or not isinstance(layer, ChargedLayer):
        raise InputError("contact capacitance: the model is one layer given by its carriers")
    mobile, half = half_space(layer, model.temperature)
    finite("contact capacitance", voltages=voltages)
    V = array(voltages)
    if V.ndim != 1 or V.size < 3 or np.any(np.diff(V) <= 0):
        raise InputError("contact capacitance: needs at least three voltages, increasing")
    system = build_system(model, _plates(mobile), mesh=Mesh(cells=[_contact_cells(layer, half, V, per_debye)]))
    C, charge = _measured(system, layer, V, progress)
    expected = _expected(half, layer.thickness, V)
    table: Table = {
        "voltage": (V, "V"),
        "capacitance": (C, "F/m^2"),
        "formula": (expected, "F/m^2"),
        "charge": (charge, "C/m^2"),
        "differences": (np.gradient(charge, V, edge_order=2), "F/m^2"),
    }
    compared = [
        Compared("capacitance", float(e), float(c), "F/m^2", f"formula at {v:.4g} V")
        for v, c, e in zip(V, C, expected, strict=True)
    ]
    compared += _mott_schottky_line(half, V, C)
    return TechniqueRecord("contact_capacitance", {"capacitance": table}, tuple(compared))


def _plates(mobile: Sequence[CarrierIn]) -> Wiring:
    """Blocking plates; the right one reversible to a single carrier."""
    if len(mobile) == 2:
        return metal_plates()
    left = Terminal("A", (Contact("left", "potential", Reversible()),))
    passes = (Contact("right", mobile[0].name, Reversible()), Contact("right", "potential", Reversible()))
    return Wiring((left, Terminal("B", passes)))


def _contact_cells(layer: ChargedLayer, half: FixedBackground | SymmetricSalt, V: Array, per_debye: int) -> Array:
    """Small at the plates: as the charge that the largest voltage can gather demands."""
    positive("contact capacitance", per_debye=per_debye)
    reduced = V / half.unit / (2 if isinstance(half, SymmetricSalt) else 1)
    # what gathers is attracted: either sign of a salt, the negative side of a single carrier
    gathers = np.max(np.abs(reduced)) if isinstance(half, SymmetricSalt) else max(0.0, float(-reduced.min()))
    size = half.debye_length / per_debye * np.exp(-gathers / 2)
    marks = [(0.0, float(size)), (layer.thickness, float(size))]
    return around(layer.thickness, marks, 1 + 1 / per_debye, layer.thickness / 10)


def _measured(system: System, layer: ChargedLayer, V: Array, progress: Progress | None) -> tuple[Array, Array]:
    """C [F/m2] by impedance and the left plate's charge [C/m2] at each voltage."""
    T, eps = system.model.temperature, layer.permittivity
    assert eps is not None  # half_space saw to it
    sigma = sum(layer.sigma(k, T) for k, c in enumerate(layer.carriers) if c.mobile)
    f = np.array([QUASI_STATIC * sigma / eps / (2 * pi) * debye_length(layer, T) / layer.thickness])
    row = len(system.laws.state_map.carriers)
    left = system.nodes.sides["left"][0]
    middle = int(np.argmin(np.abs(V)))
    upper = sweep_steady(system, "A", V[middle:], progress=progress)
    lower = sweep_steady(system, "A", V[middle::-1], start=upper[0], progress=progress)[1:]
    C, q = [], []
    first = np.flatnonzero(system.nodes.volume > 0)[0]
    half_width = system.nodes.volume[first] / 2
    for point in lower[::-1] + upper:
        C.append(float((1 / impedance(point, f).Z[0]).imag / (2 * pi * f[0])))
        q.append(float(eps * (point.u[row, left] - point.u[row, first]) / half_width))
    return np.array(C), np.array(q)


def _expected(half: FixedBackground | SymmetricSalt, length: float, V: Array) -> Array:
    if isinstance(half, FixedBackground):
        return depletion_capacitance(V, half)
    return np.array([finite_cell(length, float(v), half).capacitance for v in V])


def _mott_schottky_line(half: FixedBackground | SymmetricSalt, V: Array, C: Array) -> list[Compared]:
    """N from the slope of 1/C^2 over the voltages that deplete by more than DEEP."""
    if isinstance(half, SymmetricSalt):
        return []
    deep = V / half.unit > DEEP
    if np.count_nonzero(deep) < 2:
        return []
    slope = float(np.polyfit(V[deep], C[deep] ** -2, 1)[0])
    N = 2 / (half.permittivity * half.charge_number * FARADAY * slope)
    return [Compared("carriers of the bulk", N, half.concentration, "mol/m^3", "line of 1/C^2 over V")]
