"""Carriers that no terminal exchanges in a steady state: found from the blocks, each holding its inventory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import Blocks
from miecsim.system import System
from miecsim.typing import Array, Bools


@dataclass(frozen=True)
class Group:
    """Carriers in a connected region that no terminal can exchange: one inventory, one pinned node."""

    members: Bools  # (N, m)
    node: int
    row: int


def floating_groups(blocks: Blocks) -> list[Group]:
    """Connected sets of (node, carrier) without any steady path to a terminal; the electrostatic potential is never
    one of them unless nothing fixes it."""
    n, m = blocks.n_nodes, blocks.n_fields
    index = np.arange(n * m).reshape(n, m)
    row, column = [], []
    diagonal = np.arange(m)
    joined = (np.abs(blocks.K_left[:, diagonal, diagonal]) > 0) & blocks.active[blocks.left]
    face, k = np.nonzero(joined & blocks.active[blocks.right])
    row.append(index[blocks.left[face], k])
    column.append(index[blocks.right[face], k])
    # a steady reaction between two carriers of one node: rows that share a conductance and are not the phi row
    coupling = np.abs(blocks.S_g) > 0
    node, a, b = np.nonzero(coupling)
    phi_row = np.array([_is_constraint_row(blocks, k) for k in range(m)])
    chemical = (a != b) & ~phi_row[a] & ~phi_row[b]
    row.append(index[node[chemical], a[chemical]])
    column.append(index[node[chemical], b[chemical]])
    i, j = np.concatenate(row), np.concatenate(column)
    graph = coo_matrix((np.ones(i.size), (i, j)), shape=(n * m, n * m))
    _, label = connected_components(graph, directed=False)
    grounded = set()
    for c in blocks.contacts:
        held = c.strong | (c.conductance > 0) | (c.charge_row & (c.capacitance > 0))
        grounded |= set(label[index[c.nodes[np.broadcast_to(held, c.nodes.shape)], c.row]].tolist())
    return [
        group
        for tag in np.unique(label[index[blocks.active]])
        if tag not in grounded and (group := _group(blocks, label.reshape(n, m) == tag, phi_row)) is not None
    ]


def _is_constraint_row(blocks: Blocks, k: int) -> bool:
    """Whether row k is Poisson's or neutrality (it stores nothing and is not a rail's balance)."""
    return k == blocks.n_fields - 1 and blocks.has_phi


def _group(blocks: Blocks, members: Bools, phi_row: Bools) -> Group | None:
    members = members & blocks.active
    if not members.any():
        return None
    rows = np.flatnonzero(members.any(axis=0))
    if phi_row[rows].all():
        has_flux = np.any(blocks.K_left[:, rows[0], rows[0]] != 0)
        if not has_flux:
            return None  # neutrality: a local constraint
    node, row = np.argwhere(members)[members.sum() // 2]
    return Group(members, int(node), int(row))


def inventories(system: System, u: Array, groups: list[Group]) -> Array:
    """Stored charge [C] of each floating group."""
    return np.array([stored_charge(system, u)[g.members].sum() for g in groups])


def stored_charge(system: System, u: Array) -> Array:
    """Charge held by each (node, field), (N, m) [C], by volumes, interfaces and contacts."""
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
