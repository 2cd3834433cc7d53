"""From an operating point to its circuit: every linearised law read as R, C and, away from rest, controlled sources.

Every potential is a circuit node (`numbering`) and every flux law a row of resistors, with controlled sources where a
current flows through a conductance that depends on concentrations (`fluxes`): none at equilibrium, and two per face and
per carrier that carries a steady current. Storage of a carrier is a capacitor from Phi to phi, z F dc/dPhi > 0 unless
its free energy is beyond the spinodal; of a salt one between its two rails; of lithium one from the ion in the particle
to its electrons. For the last, the balances of a particle's lithium are taken from that of the electrons of its control
volume, which then sees the currents of the capacitors: a change of basis that keeps the circuit reciprocal.

Poisson's equation times i w is Kirchhoff's law of the rail phi, with eps A/d as its capacitors (Jamnik and Maier 2001,
10.1039/b100180i). Where electroneutrality takes the place of Poisson's equation a face without volume has a phi that is
a weighted mean of its Phi_k: a voltage divider that loads nobody, made of one-sided sources, and left out where no
current depends on it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.blocks import PortContact, regular
from miecsim.circuit.fluxes import flux_elements
from miecsim.circuit.netlist import NOWHERE, Elements, Kind, Netlist, Place
from miecsim.circuit.numbering import CircuitNodes, at_nodes, circuit_nodes, source
from miecsim.errors import InputError
from miecsim.linearise import (
    branch_jacobian,
    linearised_contact,
    potential_jacobian,
    store_jacobians,
)
from miecsim.physics.branches import Branch
from miecsim.physics.elements import Admittance, Element, Lumped, Reversible
from miecsim.physics.storage import NeutralContent, SpaceCharge
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, is_phi
from miecsim.typing import Array, Ints


def netlist_of(point: OperatingPoint) -> Netlist:
    """The circuit of `point`: `Netlist`. Its nodal admittance is the finite-volume matrix, entry by entry.

    Raises InputError where a law has no circuit: storage that is not reciprocal, or a potential that does not change
    with what is stored (a two-phase plateau, a spinodal).
    """
    system, u = point.system, point.u
    potential = potential_jacobian(system, u)
    nodes = circuit_nodes(system)
    groups: list[Elements] = []
    direction = _inverse(potential, system)
    for law, faces in system.laws.transports:
        groups += flux_elements(system, nodes, law, faces, u, direction)
    groups += _stores(system, nodes, u, direction)
    for branch in system.branches:
        groups += _branch(system, nodes, branch, u)
    for port in system.ports:
        if not isinstance(port.element, Reversible):
            groups += _contact(
                system, nodes, port.element, linearised_contact(system, port, u, potential, point.voltages)
            )
    return _finished(system, nodes, [group for group in map(_without_zeros, groups) if group.n])


def _inverse(potential: Array, system: System) -> Array:
    """du/dPhi of every node, (N, m, m)."""
    level = np.argwhere((np.diagonal(potential, axis1=1, axis2=2) == 0) & system.laws.active)
    if level.size:
        node, row = level[0]
        raise InputError(
            f"circuit: the potential of {system.laws.state_map.names[row]} at node {node} does not change with its "
            "content (a plateau, or the top of a spinodal), so its capacitor is infinite"
        )
    return np.asarray(np.linalg.inv(regular(potential, system.laws.active)).astype(float))


# --- storage --------------------------------------------------------------------------------------


def _stores(system: System, nodes: CircuitNodes, u: Array, direction: Array) -> list[Elements]:
    """Capacitors of the control volumes, and the dividers that electroneutrality puts on faces."""
    S_g, S_c = store_jacobians(system, u)
    m, carriers = system.n_fields, len(system.laws.state_map.carriers)
    charge = S_c @ direction
    if system.laws.state_map.has_phi:
        charge[:, carriers] = (S_g @ direction)[:, carriers] * _own_volume(system)[:, None]
    names = system.laws.state_map.names
    groups = _particles(system, nodes, charge)
    salts = {store.rows: store.process for store in system.laws.stores if isinstance(store, NeutralContent)}
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
            process = salts.get((a, b), "chemical capacitance")
            groups.append(Elements("C", process, rail, *ends, forth[at], at_nodes(system, at)))
            at = everywhere[divider]
            ends, whole = (nodes.of[at, b], np.full(at.size, NOWHERE)), charge[at, b, b]
            control, place = (ends[0], nodes.of[at, a]), at_nodes(system, at)
            groups.append(source("electroneutrality", names[b], ends, control, back[at] / whole, place))
    return groups


def _particles(system: System, nodes: CircuitNodes, charge: Array) -> list[Elements]:
    """Capacitors from the ion in every shell to its electrons; takes what it reads out of `charge` (N, m, m)."""
    groups = []
    for tree in system.nodes.trees:
        lithium, electron = (system.laws.state_map.row(name) for name in ("lithium", "electron"))
        at = tree.shells.ravel()
        value, place = charge[at, lithium, lithium], at_nodes(system, at)
        ends, rail = (nodes.of[at, lithium], nodes.of[nodes.home[at], electron]), "lithium-electron"
        groups.append(Elements("C", "particle storage", rail, *ends, value, place))
        for row in (lithium, electron):
            charge[at, row, lithium] = 0.0
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


def _branch(system: System, nodes: CircuitNodes, b: Branch, u: Array) -> list[Elements]:
    names = system.laws.state_map.names
    ends = nodes.of[b.nodes_a, b.row_a], nodes.of[b.nodes_b, b.row_b]
    g, c = branch_jacobian(system, b, u)
    if b.process == "charge transfer":
        processes, rail = ("charge transfer", "interface capacitance"), f"{names[b.row_a]}-{names[b.row_b]}"
    else:
        label = {"interface": "layer interfaces", "terminal": "terminals", "film": "film"}[b.process]
        processes, rail = (label, label), names[b.row_a]
    place = at_nodes(system, b.nodes_a)
    return _two_poles(b.element, *processes, rail, ends, (g, c, b.weight), place)


def _contact(system: System, nodes: CircuitNodes, element: Element, contact: PortContact) -> list[Elements]:
    ends = np.full(contact.nodes.size, contact.port), nodes.of[contact.nodes, contact.row]
    place, rail = at_nodes(system, contact.nodes), system.laws.state_map.names[contact.row]
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


def _finished(system: System, nodes: CircuitNodes, groups: list[Elements]) -> Netlist:
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
