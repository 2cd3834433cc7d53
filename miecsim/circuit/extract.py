"""From an operating point to its circuit: every linearised law read as R, C and, away from rest, controlled sources.

With every potential as a circuit node, a flux law of one carrier between two control volumes reads

    dI = g (dPhi_left - dPhi_right) + a (dPhi - dphi)_left + b (dPhi - dphi)_right,

the second and third term because the conductance depends on the concentrations, which Phi - phi decides. Both are the
driving force times the derivative of a conductance: zero at equilibrium, and two controlled sources per face and per
carrier that carries a steady current. Storage of a carrier is a capacitor from Phi to phi, z F dc/dPhi > 0 unless its
free energy is beyond the spinodal; Poisson's equation times i w is Kirchhoff's law of the rail phi, with eps A/d as its
capacitors (Jamnik and Maier 2001, 10.1039/b100180i). Where electroneutrality takes the place of Poisson's equation
a face without volume has a phi that is a weighted mean of its Phi_k: a voltage divider that loads nobody, made of
one-sided sources, and left out where no current depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from miecsim.blocks import PortContact, regular
from miecsim.circuit.netlist import NOWHERE, Elements, Kind, Netlist, Place
from miecsim.errors import InputError
from miecsim.linearise import (
    branch_jacobian,
    face_jacobians,
    linearised_contact,
    potential_jacobian,
    store_jacobians,
)
from miecsim.physics.branches import Branch
from miecsim.physics.elements import Admittance, Element, Lumped, Reversible
from miecsim.physics.fluxes import Displacement, Drift, Ohmic
from miecsim.physics.models import Transport
from miecsim.physics.storage import SpaceCharge
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, is_phi
from miecsim.typing import Array, Ints

# A controlled source below this part of the conductance beside it is round-off of the operating point.
ROUND_OFF = 1e-12


@dataclass(frozen=True)
class _Nodes:
    """Circuit node of each potential, (N, m), before those that nobody reads are dropped; and what they are."""

    of: Ints
    rail: Ints
    place: Ints
    x: Array


def netlist_of(point: OperatingPoint) -> Netlist:
    """The circuit of `point`: `Netlist`. Its nodal admittance is the finite-volume matrix, entry by entry.

    Raises InputError where a law has no circuit: storage that is not reciprocal.
    """
    system, u = point.system, point.u
    potential = potential_jacobian(system, u)
    nodes = _circuit_nodes(system)
    groups: list[Elements] = []
    direction: Array = np.linalg.inv(regular(potential, system.laws.active)).astype(float)
    for law, faces in system.laws.transports:
        groups += _transport(system, nodes, law, faces, u, direction)
    groups += _stores(system, nodes, u, direction)
    for branch in system.branches:
        groups += _branch(system, nodes, branch, u)
    for port in system.ports:
        if not isinstance(port.element, Reversible):
            groups += _contact(
                system, nodes, port.element, linearised_contact(system, port, u, potential, point.voltages)
            )
    return _finished(system, nodes, [group for group in map(_without_zeros, groups) if group.n])


def _circuit_nodes(system: System) -> _Nodes:
    """Number the ports, then every potential that no reversible contact ties to one of them."""
    n, m, p = system.nodes.n, system.n_fields, system.n_ports
    of = np.full((n, m), -2)
    for port in system.strong():
        of[port.nodes, port.row] = port.port
    free = np.argwhere((of == -2) & system.laws.active)
    of[free[:, 0], free[:, 1]] = p + np.arange(free.shape[0])
    rail = np.concatenate([np.full(p, -1), free[:, 1]])
    place = np.concatenate([np.arange(p), free[:, 0]])
    x = np.concatenate([np.full(p, np.nan), system.nodes.position[free[:, 0], 0]])
    return _Nodes(of, rail, place, x)


# --- places ---------------------------------------------------------------------------------------


def _at_nodes(system: System, nodes: Ints) -> Place:
    x, region = system.nodes.position[nodes, 0], system.region[nodes]
    return Place(x, x, region, region, np.ones(nodes.size))


def _at_faces(system: System, faces: Ints, share: Array) -> Place:
    left, right, x = system.nodes.left[faces], system.nodes.right[faces], system.nodes.position[:, 0]
    return Place(x[left], x[right], system.region[left], system.region[right], share)


# --- flux laws ------------------------------------------------------------------------------------


def _transport(
    system: System, nodes: _Nodes, law: Transport, faces: Ints, u: Array, direction: Array
) -> list[Elements]:
    K_left, K_right = face_jacobians(system, law, faces, u)
    K_right = -K_right
    left, right = system.nodes.left[faces], system.nodes.right[faces]
    names = system.laws.state_map.names
    groups: list[Elements] = []
    for i, row in enumerate(law.rows):
        place = _at_faces(system, faces, np.broadcast_to(law.share, (len(law.rows), faces.size))[i])
        ends = nodes.of[left, row], nodes.of[right, row]
        if isinstance(law, Displacement):
            groups.append(Elements("C", law.process, names[row], *ends, K_left[:, row, row], place))
        elif isinstance(law, Ohmic):
            process = f"{names[row]} transport"
            groups.append(Elements("R", process, names[row], *ends, K_left[:, row, row], place))
            for other in (o for o in law.rows if o != row):
                control = nodes.of[left, other], nodes.of[right, other]
                groups.append(_source(process, names[row], ends, control, K_left[:, row, other], place, mutual=True))
        elif isinstance(law, Drift):
            groups += _drift(system, nodes, law, (left, right), (K_left, K_right), direction, place)
    return groups


def _drift(
    system: System,
    nodes: _Nodes,
    law: Drift,
    sides: tuple[Ints, Ints],
    K: tuple[Array, Array],
    direction: Array,
    place: Place,
) -> list[Elements]:
    """g from a shift of all potentials of one side at constant concentration; a and b from what is left of dI/dPhi."""
    k, phi = law.carrier, len(system.laws.state_map.carriers)
    rail = system.laws.state_map.names[k]
    ends = nodes.of[sides[0], k], nodes.of[sides[1], k]
    g = K[0][:, k, phi]
    groups = [Elements("R", law.process, rail, *ends, g, place)]
    for at, matrix, sign in ((sides[0], K[0], 1.0), (sides[1], K[1], -1.0)):
        source = sign * (matrix[:, k, k] * direction[at, k, k] - g)
        source = np.where(np.abs(source) <= ROUND_OFF * np.abs(g), 0.0, source)
        groups.append(_source(law.process, rail, ends, (nodes.of[at, k], nodes.of[at, phi]), source, place))
    return groups


def _source(
    process: str,
    rail: str,
    ends: tuple[Ints, Ints],
    control: tuple[Ints, Ints],
    value: Array,
    place: Place,
    mutual: bool = False,
) -> Elements:
    return Elements(
        "G", process, rail, *ends, value, place, control_plus=control[0], control_minus=control[1], mutual=mutual
    )


# --- storage --------------------------------------------------------------------------------------


def _stores(system: System, nodes: _Nodes, u: Array, direction: Array) -> list[Elements]:
    """Capacitors of the control volumes, and the dividers that electroneutrality puts on faces."""
    S_g, S_c = store_jacobians(system, u)
    m, carriers = system.n_fields, len(system.laws.state_map.carriers)
    charge = S_c @ direction
    if system.laws.state_map.has_phi:
        charge[:, carriers] = (S_g @ direction)[:, carriers] * _own_volume(system)[:, None]
    names, groups = system.laws.state_map.names, []
    everywhere = np.arange(system.nodes.n)
    for a in range(m):
        for b in range(a + 1, m):
            forth, back = -charge[:, a, b], -charge[:, b, a]
            size = np.maximum(np.abs(forth), np.abs(back))
            mutual = (np.abs(forth - back) <= 1e-10 * size) & (size > 0)
            divider = (forth == 0) & (back != 0)
            if np.any((size > 0) & ~mutual & ~divider) or (np.any(divider) and b != carriers):
                raise InputError(f"storage of {names[a]} and {names[b]}: it is not reciprocal, so it has no capacitors")
            at = everywhere[mutual]
            ends = nodes.of[at, a], nodes.of[at, b]
            rail = names[a] if b == carriers else f"{names[a]}-{names[b]}"
            groups.append(Elements("C", "chemical capacitance", rail, *ends, forth[at], _at_nodes(system, at)))
            at = everywhere[divider]
            ends, whole = (nodes.of[at, b], np.full(at.size, NOWHERE)), charge[at, b, b]
            control, place = (ends[0], nodes.of[at, a]), _at_nodes(system, at)
            groups.append(_source("electroneutrality", names[b], ends, control, back[at] / whole, place))
    return groups


def _own_volume(system: System) -> Array:
    """Factor (N,) from the row of phi to charge: electroneutrality is a constraint and may carry any measure."""
    factor = np.ones(system.nodes.n)
    for store in system.laws.stores:
        if isinstance(store, SpaceCharge):
            volume = system.nodes.volume[store.nodes]
            factor[store.nodes] = np.where(volume > 0, volume / store.measure, 1.0)
    return factor


# --- branches -------------------------------------------------------------------------------------


def _branch(system: System, nodes: _Nodes, b: Branch, u: Array) -> list[Elements]:
    names = system.laws.state_map.names
    ends = nodes.of[b.nodes_a, b.row_a], nodes.of[b.nodes_b, b.row_b]
    g, c = branch_jacobian(system, b, u)
    if b.process == "charge transfer":
        processes, rail = ("charge transfer", "interface capacitance"), f"{names[b.row_a]}-{names[b.row_b]}"
    else:
        label = {"interface": "layer interfaces", "terminal": "terminals"}[b.process]
        processes, rail = (label, label), names[b.row_a]
    place = _at_nodes(system, b.nodes_a)
    return _two_poles(b.element, *processes, rail, ends, (g, c, b.weight), place)


def _contact(system: System, nodes: _Nodes, element: Element, contact: PortContact) -> list[Elements]:
    ends = np.full(contact.nodes.size, contact.port), nodes.of[contact.nodes, contact.row]
    place, rail = _at_nodes(system, contact.nodes), system.laws.state_map.names[contact.row]
    if is_phi(system, contact.row):
        return [Elements("C", "terminals", rail, *ends, contact.capacitance, place)]
    values = contact.conductance, contact.capacitance, contact.weight
    return _two_poles(element, "terminals", "terminals", rail, ends, values, place)


def _two_poles(
    element: Element,
    faradaic: str,
    capacitive: str,
    rail: str,
    ends: tuple[Ints, Ints],
    values: tuple[Array, Array, Array],
    place: Place,
) -> list[Elements]:
    """R, C and CPE of an element, or one Z where a series resistance or a user's admittance does not come apart."""
    g, c, weight = values
    if isinstance(element, Admittance) or (isinstance(element, Lumped) and element.Rs > 0):
        return [Elements("Z", faradaic, rail, *ends, weight, place, law=element)]

    def group(kind: Kind, process: str, value: Array, alpha: float = 1.0) -> Elements:
        return Elements(kind, process, rail, *ends, value, place, alpha=alpha)

    groups = [group("R", faradaic, g), group("C", capacitive, c)]
    if isinstance(element, Lumped) and element.Q is not None:
        groups.append(group("CPE", capacitive, element.Q * weight, element.alpha))
    return groups


# --- finish ---------------------------------------------------------------------------------------


def _without_zeros(group: Elements) -> Elements:
    """Without elements of no value, and without those whose ends (or controls) a contact has tied together."""
    keep = (group.value != 0) & (group.plus != group.minus)
    if group.kind == "G":
        keep &= group.control_plus != group.control_minus
    return group.select(keep)


def _finished(system: System, nodes: _Nodes, groups: list[Elements]) -> Netlist:
    """Drop the dividers whose result nobody reads, then the nodes without elements, and number what remains."""
    total = nodes.rail.size
    read = np.zeros(total, dtype=bool)
    for group in groups:
        if group.process != "electroneutrality":
            for index in (group.plus, group.minus, group.control_plus, group.control_minus):
                read[index] = True
    kept = []
    for group in groups:
        own = group.select(read[group.plus]) if group.process == "electroneutrality" else group
        if own.n:
            kept.append(own)
    read[: system.n_ports] = True
    number = np.where(read, np.cumsum(read) - 1, NOWHERE)

    def at(index: Ints) -> Ints:
        return np.asarray(np.where(index == NOWHERE, NOWHERE, number[index]))

    def renamed(group: Elements) -> Elements:
        near, far = at(group.control_plus), at(group.control_minus)
        return replace(group, plus=at(group.plus), minus=at(group.minus), control_plus=near, control_minus=far)

    state_map = system.laws.state_map
    return Netlist(
        terminals=system.terminals,
        rails=state_map.names,
        regions=tuple(layer.name for layer in system.model.layers),
        node_rail=nodes.rail[read],
        node_place=nodes.place[read],
        node_x=nodes.x[read],
        elements=tuple(renamed(group) for group in kept),
        unit="ohm m^2" if system.per_area else "ohm",
        extent=(float(system.nodes.position[:, 0].min()), float(system.nodes.position[:, 0].max())),
        spectators=int(total - np.count_nonzero(read)),
    )
