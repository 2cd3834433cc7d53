"""What flows where on a grid of voxels: current densities, reaction, and which voxel owns which share of Z.

Rails store their potentials; of stored carriers the amplitudes of the unknowns follow from those of the potentials.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from miecsim.blocks import regular
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import NOWHERE, Elements, Netlist
from miecsim.circuit.nodal import element_current, element_voltage
from miecsim.linearise import branch_jacobian, face_jacobians, potential_jacobian
from miecsim.physics.branches import Branch
from miecsim.results import Quantity
from miecsim.solvers.impedance import Amplitudes
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, is_phi
from miecsim.typing import Array, Complex, Ints
from miecsim.units import format_quantity

Fields = dict[str, tuple[Array, str]]  # values per cell, unit
# Share of the reaction's current that must be left when its two directions are set off: else its mean depth is chance.
# Islands, which pass current on, take some of it in one direction and give it back in the other.
LEFT_OVER = 0.1


def flow_fields(point: OperatingPoint, profile: Amplitudes, shares: bool = False) -> Fields:
    """Per cell, frequency [Hz] and volt between the first two terminals: |i| [A/m2] of each carrier, with Poisson's
    equation also of displacement, and the parts of i along each axis that are in phase with the voltage, means over the
    two faces of a cell; |reaction| [A/m3], the current from carrier to carrier; with `shares` the share of Re Z that
    the cell has (they add up to 1)."""
    netlist = netlist_of(point) if shares else None
    out: Fields = {}
    for potential, f in zip(profile.potential, profile.frequency, strict=True):
        known = np.where(point.system.laws.active, potential, 0.0)
        mark = f"{f:.4g}Hz"
        out |= _densities(point, _unknowns(point, known), 2 * np.pi * f, mark)
        reaction = _reaction(point, known, 2 * np.pi * f)
        if reaction.any():
            out[f"reaction_{mark}"] = (np.abs(reaction), "S/m^3")
        if netlist is not None:
            out[f"share_{mark}"] = (_shares(point.system, netlist, known, 2 * np.pi * f), "1")
    return out


def _unknowns(point: OperatingPoint, potential: Complex) -> Complex:
    """Amplitudes (N, m) of the unknowns, from those of the potentials."""
    system = point.system
    if not any(carrier.stored for carrier in system.laws.state_map.carriers):
        return potential
    change = regular(potential_jacobian(system, point.u), system.laws.active)
    return np.asarray(np.linalg.solve(change, potential[..., None])[..., 0])


def _densities(point: OperatingPoint, state: Complex, omega: float, mark: str) -> Fields:
    """|i| and the real parts of i of every carrier that flows, and of displacement; state (N, m)."""
    system, grid = point.system, point.system.grid
    total = np.zeros((system.n_fields, grid.dim, grid.n_cells), dtype=complex)
    for law, faces in system.laws.transports:
        K_left, K_right = face_jacobians(system, law, faces, point.u)
        ends = system.nodes.left[faces], system.nodes.right[faces]
        axis, sign = _directions(system, faces)
        for row in law.rows:
            current = sum(
                np.einsum("fj,fj->f", K[:, row], state[end]) for K, end in zip((K_left, K_right), ends, strict=True)
            )
            if is_phi(system, row):
                current = 1j * omega * current
            for end in ends:
                cells = end < grid.n_cells  # the others are nodes on faces
                np.add.at(total[row], (axis[cells], end[cells]), (sign * current)[cells])
    density = total / (2 * _face_areas(system))
    out: Fields = {}
    for row, (name, i) in enumerate(zip(system.laws.state_map.names, density, strict=True)):
        if is_phi(system, row):
            name = "displacement"
        if i.any():
            out[f"current_{name}_{mark}"] = (np.sqrt(np.sum(np.abs(i) ** 2, axis=0)), "S/m^2")
            out |= {f"current_{name}_{x}_{mark}": (part.real, "S/m^2") for x, part in zip("xyz", i, strict=False)}
    return out


def _directions(system: System, faces: Ints) -> tuple[Ints, Array]:
    """Axis (n,) of each face, and the sign (n,) of a current from its left node to its right one along it."""
    nodes = system.nodes
    left, right = nodes.left[faces], nodes.right[faces]
    step = nodes.position[right] - nodes.position[left]
    axis = np.argmax(np.abs(step), axis=1)
    along = step[np.arange(faces.size), axis]
    # a node on the seam of a periodic axis lies at its far end
    wrapped = np.abs(along) > 1.5 * (nodes.d_left[faces] + nodes.d_right[faces])
    sign = np.where(wrapped, -np.sign(along), np.sign(along))
    between_cells = np.maximum(left, right) < system.grid.n_cells
    return axis, np.where(between_cells, 1.0, sign)


def _face_areas(system: System) -> Array:
    """Area (dim, n_cells) [m2] of the faces of each cell across every axis."""
    widths: list[Array] = [np.diff(edges) for edges in system.grid.edges]
    number = np.unravel_index(np.arange(system.grid.n_cells), [w.size for w in widths], order="F")
    return np.stack([system.grid.volumes / w[n] for w, n in zip(widths, number, strict=True)])


def reaction_depth(point: OperatingPoint, profile: Amplitudes) -> dict[str, Quantity]:
    """How far from where it can begin the reaction lies: the mean of x - x_0 over the current from carrier to carrier,
    in phase with the whole of it, at the lowest frequency of the profiles; x_0 is the left end of the first voxels
    that have a surface on which it can act. Nothing where it acts at one depth alone, or runs both ways
    so much alike (between two ion contacts) that the mean is none."""
    system, at = point.system, int(np.argmin(profile.frequency))
    known = np.where(system.laws.active, profile.potential[at], 0.0)
    found = list(_reactions(point, known, 2 * np.pi * profile.frequency[at]))
    if not found:
        return {}
    x = np.concatenate([system.nodes.position[branch.nodes_a, 0] for branch, _ in found])
    current = np.concatenate([current for _, current in found])
    if not abs(np.sum(current)) > LEFT_OVER * np.sum(np.abs(current)) or np.ptp(x) == 0:
        return {}
    mean = float((np.sum(x * current) / np.sum(current)).real)
    if not x.min() <= mean <= x.max():
        return {}
    edges = system.grid.edges[0]
    inside = np.searchsorted(edges, x.min() + 1e-9 * (edges[-1] - edges[0]), side="right") - 1
    return {"reaction_depth": Quantity(mean - edges[inside], "m", f"at {format_quantity(profile.frequency[at], 'Hz')}")}


def _reactions(point: OperatingPoint, potential: Complex, omega: float) -> Iterator[tuple[Branch, Complex]]:
    """Each law from carrier to carrier, and its current [A] at every one of its nodes."""
    for branch in point.system.branches:
        if branch.process == "charge transfer":
            g, c = branch_jacobian(point.system, branch, point.u)
            y = g + 1j * omega * c
            if branch.element.excess is not None:
                y = y + branch.weight * branch.element.excess(np.array([omega]))[0]
            yield branch, y * (potential[branch.nodes_a, branch.row_a] - potential[branch.nodes_b, branch.row_b])


def _reaction(point: OperatingPoint, potential: Complex, omega: float) -> Complex:
    """Current from carrier to carrier [A/m3] at the faces of each cell, (n_cells,)."""
    system, other = point.system, _beyond(point.system)
    total = np.zeros(system.grid.n_cells, dtype=complex)
    for branch, current in _reactions(point, potential, omega):
        for cells in (system.nodes.cell[branch.nodes_a], other[branch.nodes_a]):
            np.add.at(total, cells, current)
    return np.asarray(total / system.grid.volumes)


def _beyond(system: System) -> Ints:
    """The cell on the other side of each node on an interface, (N,); of other nodes their own cell."""
    other = system.nodes.cell.copy()
    for seam in system.nodes.seams:
        other[seam.near] = seam.cell_b
        if not seam.single:
            other[seam.far] = seam.cell_a
    return np.asarray(other)


def _shares(system: System, netlist: Netlist, potential: Complex, omega: float) -> Array:
    """Share of Re Z of each cell (n_cells,), by Tellegen's theorem: elements between two cells divided as their
    resistance is, those on an interface halved between the two phases."""
    voltage = _node_voltages(system, netlist, potential)
    parts = np.zeros(system.grid.n_cells, dtype=complex)
    for group in netlist.elements:
        if np.any(group.minus == NOWHERE):
            continue
        current = element_current(group, voltage, np.array([omega]))
        product = np.nan_to_num(element_voltage(group, voltage) * current)[0]
        for cells, weight in _owners(system, netlist, group):
            np.add.at(parts, cells, weight * product)
    through = parts.sum()  # with 1 V applied, the current
    return np.asarray((parts / through**2).real / (1 / through).real)


def _node_voltages(system: System, netlist: Netlist, potential: Complex) -> Complex:
    """Voltage (1, n_nodes) of every circuit node; nan of a terminal that floats behind an element."""
    voltage = np.full(netlist.n_nodes, np.nan, dtype=complex)
    for port in system.strong():
        voltage[port.port] = potential[port.nodes[0], port.row]
    voltage[:2] = 1.0, 0.0
    on = netlist.node_rail >= 0
    voltage[on] = potential[netlist.node_place[on], netlist.node_rail[on]]
    return voltage[None, :]


def _owners(system: System, netlist: Netlist, group: Elements) -> list[tuple[Ints, Array]]:
    """Cells (n,) on both ends of each element, and the part of it that is theirs."""
    ends = group.plus, group.minus
    at_terminal = [netlist.node_rail[end] < 0 for end in ends]
    place = [np.where(bare, 0, netlist.node_place[end]) for bare, end in zip(at_terminal, ends, strict=True)]
    place = [np.where(at_terminal[0], place[1], place[0]), np.where(at_terminal[1], place[0], place[1])]
    one, two = (system.nodes.cell[nodes] for nodes in place)
    same = place[0] == place[1]
    two = np.where(same, _beyond(system)[place[1]], two)
    share = group.place.share if group.process.endswith("transport") else np.full(group.n, 0.5)
    share = np.where(at_terminal[0] | at_terminal[1], 0.5, share)
    return [(one, share), (two, 1 - share)]
