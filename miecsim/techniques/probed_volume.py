"""What a small contact sees: how the power that it dissipates is shared among the places of the specimen.

With the voltages v_b and currents y_b v_b of all elements of the circuit per current I through the contact,

    Re Z = sum over b of Re(y_b) |v_b/I|^2,

every term positive (Tellegen 1952 with the conjugate current). In a place without storage a term is at direct current
also the sensitivity dZ / d ln rho of that place: the integral of |grad Phi|^2/(rho I^2) over it. The smallest region
around the contact that holds a part of the sum over all resistance of transport is the volume probed to that part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Elements, Netlist
from miecsim.circuit.nodal import element_voltage, solve
from miecsim.errors import InputError
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Bools, Ints

PARTS = (0.5, 0.75, 0.9)
TRANSPORT = " transport"


@dataclass(frozen=True)
class Dissipation:
    """Z [ohm] at `frequency` [Hz]; cells (n_cells,) the part of Re Z [ohm] that transport has in each cell of the grid;
    elsewhere [ohm]: what interfaces, contacts and other processes have of it, by name."""

    frequency: float
    Z: complex
    cells: Array
    elsewhere: Mapping[str, float]


def dissipation(point: OperatingPoint, frequency: float) -> Dissipation:
    """Share the real part of the impedance between the first two terminals out among the cells. InputError away from
    rest, where sources stand beside the resistors."""
    netlist = netlist_of(point)
    if any(group.kind == "G" and group.process != "electroneutrality" for group in netlist.elements):
        raise InputError("probed volume: a steady current flows; powers are shared out at rest only")
    response = solve(netlist, np.array([frequency]))
    omega = 2 * np.pi * response.frequency
    system = point.system
    cells, elsewhere = np.zeros(system.grid.n_cells), dict[str, float]()
    for group in netlist.elements:
        if group.kind == "G":
            continue
        power = group.admittance(omega)[0].real * np.abs(element_voltage(group, response.voltage)[0]) ** 2
        if group.process.endswith(TRANSPORT):
            left, right = _cells(netlist, group, system.nodes.cell)
            np.add.at(cells, left, power * group.place.share)
            np.add.at(cells, right, power * (1 - group.place.share))
        else:
            elsewhere[group.process] = elsewhere.get(group.process, 0.0) + float(power.sum())
    return Dissipation(frequency, complex(response.Z[0]), cells, elsewhere)


def reach(distance: Array, held: Array, part: float) -> float:
    """Distance (of those given for each cell) within which `part` of the sum of `held` lies. InputError unless part is
    between 0 and 1."""
    if not 0 < part < 1:
        raise InputError(f"probed volume: read a part of {part:g}; expected between 0 and 1")
    order = np.argsort(distance, kind="stable")
    amount = held[order]
    total = np.cumsum(amount)
    return float(np.interp(part * total[-1], total - amount / 2, distance[order]))


def _cells(netlist: Netlist, group: Elements, cell: Ints) -> tuple[Ints, Ints]:
    """Cells of the two ends of each element; an end at a terminal is in the cell of the other."""
    on_grid = [netlist.node_rail[end] >= 0 for end in (group.plus, group.minus)]
    at = [_cell(netlist, end, inside, cell) for end, inside in zip((group.plus, group.minus), on_grid, strict=True)]
    return np.where(on_grid[0], at[0], at[1]), np.where(on_grid[1], at[1], at[0])


def _cell(netlist: Netlist, end: Ints, inside: Bools, cell: Ints) -> Ints:
    return np.where(inside, cell[np.where(inside, netlist.node_place[end], 0)], 0)
