"""What no terminal exchanges in a steady state: carriers in connected regions, and ports left to float, found from the
blocks, each set holding its inventory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import Blocks, PortContact
from miecsim.physics.elements import Reversible
from miecsim.system import System, contact_voltage, is_phi, unreplaced_balance
from miecsim.typing import Array, Bools, Ints


@dataclass(frozen=True)
class Group:
    """Carriers in a connected region that no terminal of given voltage can exchange: one inventory takes the place of
    one equation that the others imply.

    That is the balance of (node, row), whose Phi is pinned; or, where free ports (voltages unknown, currents given)
    share in the group, the current of `port`. Port -1: none.
    """

    members: Bools  # (N, m)
    node: int
    row: int
    ports: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    port: int = -1


def floating_groups(blocks: Blocks, free: Sequence[int] = ()) -> list[Group]:
    """Connected sets of (node, carrier) and of ports listed in `free`, without any steady path to another port; the
    electrostatic potential is never one of them unless nothing fixes it."""
    n, m = blocks.n_nodes, blocks.n_fields
    index = np.arange(n * m).reshape(n, m)
    phi_row = np.array([_is_constraint_row(blocks, k) for k in range(m)])
    i, j = _steady_paths(blocks, phi_row)
    size = n * m + blocks.n_ports
    graph = coo_matrix((np.ones(i.size), (i, j)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    grounded = {int(label[n * m + p]) for p in range(blocks.n_ports) if p not in free}
    for c in blocks.contacts:
        if c.charge_row and (c.strong or np.any(c.capacitance > 0)):
            grounded |= set(label[index[c.nodes, c.row]].tolist())
    found = []
    for tag in np.unique(np.concatenate([label[index[blocks.active]], label[n * m :]])):
        if tag not in grounded:
            ports = np.flatnonzero(label[n * m :] == tag)
            group = _group(blocks, label[: n * m].reshape(n, m) == tag, phi_row, ports)
            found += [] if group is None else [group]
    return found


def _steady_paths(blocks: Blocks, phi_row: Bools) -> tuple[Ints, Ints]:
    """Pairs of (node, carrier) and ports, numbered in this order, between which a steady current can pass."""
    n, m = blocks.n_nodes, blocks.n_fields
    index = np.arange(n * m).reshape(n, m)
    diagonal = np.arange(m)
    joined = (np.abs(blocks.K_left[:, diagonal, diagonal]) > 0) & blocks.active[blocks.left]
    face, k = np.nonzero(joined & blocks.active[blocks.right])
    row, column = [index[blocks.left[face], k]], [index[blocks.right[face], k]]
    # a steady reaction between two carriers of one node: rows that share a conductance and are not the phi row
    node, a, b = np.nonzero(np.abs(blocks.S_g) > 0)
    chemical = (a != b) & ~phi_row[a] & ~phi_row[b]
    row.append(index[node[chemical], a[chemical]])
    column.append(index[node[chemical], b[chemical]])
    for c in blocks.contacts:
        if not c.charge_row:
            held = np.broadcast_to(c.strong | (c.conductance > 0), c.nodes.shape)
            row.append(index[c.nodes[held], c.row])
            column.append(np.full(int(held.sum()), n * m + c.port))
    return np.concatenate(row), np.concatenate(column)


def _is_constraint_row(blocks: Blocks, k: int) -> bool:
    """Whether row k is Poisson's or neutrality (it stores nothing and is not a rail's balance)."""
    return k == blocks.n_fields - 1 and blocks.has_phi


def _group(blocks: Blocks, members: Bools, phi_row: Bools, ports: Ints) -> Group | None:
    members = members & blocks.active
    if ports.size:
        return Group(members, -1, -1, ports, int(ports[-1]))
    if not members.any():
        return None
    rows = np.flatnonzero(members.any(axis=0))
    if phi_row[rows].all():
        has_flux = np.any(blocks.K_left[:, rows[0], rows[0]] != 0)
        if not has_flux:
            return None  # neutrality: a local constraint
    node, row = np.argwhere(members)[members.sum() // 2]
    return Group(members, int(node), int(row))


def contact_share(group: Group, contact: PortContact) -> Array:
    """How the charge (n,) that a contact stores counts in the inventory of a group: it came from a port of the group,
    or has left a terminal outside for a member."""
    share = np.full(contact.nodes.size, float(contact.port in group.ports))
    return share if contact.charge_row else share - group.members[contact.nodes, contact.row]


def inventories(system: System, u: Array, groups: list[Group], voltages: Array | None = None) -> Array:
    """Charge [C] that each floating group has taken up: what its members store, less what capacitors at their contacts
    gave them, and what plates and capacitors on its ports hold. `voltages` (P,), zeros if None."""
    voltages = np.zeros(system.n_ports) if voltages is None else voltages
    if not groups:
        return np.empty(0)
    stored, at_contacts = stored_charge(system, u), contact_charge(system, u, voltages)
    out = np.array([stored[g.members].sum() for g in groups])
    for p, q in zip(system.ports, at_contacts, strict=True):
        for k, g in enumerate(groups):
            member = 0.0 if is_phi(system, p.row) else g.members[p.nodes, p.row]
            out[k] += np.sum((float(p.port in g.ports) - member) * q)
    return out


def contact_charge(system: System, u: Array, voltages: Array) -> list[Array]:
    """Charge [C] at the nodes of every contact: on a metal plate, or in a capacitor; none where reversible to a
    carrier."""
    rows = unreplaced_balance(system, u, voltages)
    out = []
    for p in system.ports:
        if not isinstance(p.element, Reversible):
            out.append(np.asarray(p.element.charge(contact_voltage(system, p, u, voltages)) * p.weight, dtype=float))
        else:
            out.append(rows[p.row, p.nodes] if is_phi(system, p.row) else np.zeros(p.nodes.size))
    return out


def stored_charge(system: System, u: Array) -> Array:
    """Charge held by each (node, field), (N, m) [C], by volumes and interfaces."""
    out = np.zeros((system.nodes.n, system.n_fields))
    state_map = system.laws.state_map
    for store in system.laws.stores:
        held = store.storage(state_map.at(u[:, store.nodes], store.nodes))
        if held is not None:
            for row, values in zip(store.rows, held * store.measure, strict=True):
                np.add.at(out[:, row], store.nodes, values)
    for b in system.branches:
        ends = []
        for row, at in ((b.row_a, b.nodes_a), (b.row_b, b.nodes_b)):
            ends.append(state_map.at(u[:, at], at).Phi[row])
        q = np.asarray(b.element.charge(ends[0] - ends[1]), dtype=float) * b.weight
        np.add.at(out[:, b.row_a], b.nodes_a, q)
        np.add.at(out[:, b.row_b], b.nodes_b, -q)
    return out
