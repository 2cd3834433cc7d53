"""Steady states: Newton on the exact Jacobian, with bounded logarithmic updates and continuation in the applied voltages.

The correction is sought in the potentials (Phi, phi), where a step of one thermal voltage is the natural unit, and applied to what is
stored. Carriers that no terminal exchanges keep their inventory: in one cell the balance gives way to a pin on Phi, and the
multiple of its response that restores sum V q is added (a bordered row, without forming the border).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import Blocks
from miecsim.errors import SolveError
from miecsim.linearise import linearise
from miecsim.solvers.linear import factorise
from miecsim.system import System, balance, rest_state, terminal_currents
from miecsim.typing import Array, Bools, Ints

TOLERANCE = 1e-9  # largest relative change of a concentration, or of a potential in thermal voltages, in the last step
MAX_STEPS = 60
# A state whose residual is this small against the currents and charges that make it up needs no step at all.
ROUND_OFF = 1e-13


@dataclass(frozen=True)
class OperatingPoint:
    """A solved state: unknowns u (m, N), port voltages (P,) [V], port currents (P,) [A], and how it was reached.

    kind is 'steady'; residual is the largest balance left over relative to its parts; steps counts Newton iterations.
    """

    system: System
    u: Array
    voltages: Array
    currents: Array
    kind: str
    residual: float
    steps: int


@dataclass(frozen=True)
class _Group:
    """Carriers in a connected region that no terminal can exchange: one inventory, one pinned node."""

    members: Bools  # (N, m)
    node: int
    row: int


def solve_steady(
    system: System,
    voltages: dict[str, float] | None = None,
    *,
    start: Array | None = None,
    progress: Callable[[str], None] | None = None,
) -> OperatingPoint:
    """Steady state at terminal voltages [V] (missing names: 0 V; all zero: rest).

    Starts from the flat reference state, or from unknowns `start` (m, N), jumps to the full voltages and falls back to
    continuation. Raises SolveError naming the largest fraction of the voltages that was reached.
    """
    target = np.zeros(system.n_ports)
    for name, value in (voltages or {}).items():
        if name not in system.terminals:
            raise SolveError(f"terminal: read {name!r}; expected one of {', '.join(system.terminals)}")
        target[system.terminals.index(name)] = value
    u0 = rest_state(system) if start is None else start.copy()
    groups = floating_groups(linearise(system, u0, target))
    inventory = _inventories(system, u0, groups)
    try:
        u, steps = _newton(system, u0, target, groups, inventory)
    except SolveError as error:
        if not np.any(target):
            raise
        u, steps = _continue(system, u0, target, groups, inventory, progress, error)
    residual = relative_residual(system, u, target)
    return OperatingPoint(system, u, target, terminal_currents(system, u, target), "steady", residual, steps)


def relative_residual(system: System, u: Array, voltages: Array) -> float:
    """Largest residual over the size of its parts, row by row (parts: what one thermal voltage would drive)."""
    r = np.abs(balance(system, u, voltages))
    scale = _row_scale(linearise(system, u, voltages), system)
    return float(np.max(r / scale))


def _row_scale(blocks: Blocks, system: System) -> Array:
    """(m, N): the size of each balance row if every potential moved by one thermal voltage independently."""
    v_t = system.laws.state_map.thermal_voltage
    inverse = np.linalg.inv(_regular(blocks))
    total = np.zeros((blocks.n_nodes, blocks.n_fields))
    for nodes, K in ((blocks.left, blocks.K_left), (blocks.right, blocks.K_right)):
        np.add.at(total, blocks.left, np.abs(K @ inverse[nodes]).sum(axis=2) * v_t)
        np.add.at(total, blocks.right, np.abs(K @ inverse[nodes]).sum(axis=2) * v_t)
    total += np.abs(blocks.S_g @ inverse).sum(axis=2) * v_t
    for c in blocks.contacts:
        total[c.nodes, c.row] = v_t if c.strong else total[c.nodes, c.row] + c.conductance * v_t
        if c.charge_row and not c.strong:
            total[c.nodes, c.row] += c.capacitance * v_t
    return np.where(total > 0, total, 1.0).T


def _regular(blocks: Blocks) -> Array:
    """d(Phi)/du with ones where a field is absent, so that it can be inverted."""
    out = blocks.potential.copy()
    node, k = np.nonzero(~blocks.active)
    out[node, k, :] = 0.0
    out[node, k, k] = 1.0
    return np.asarray(out)


def floating_groups(blocks: Blocks) -> list[_Group]:
    """Connected sets of (node, carrier) without any steady path to a terminal; the electrostatic potential is never one of them
    unless nothing fixes it."""
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


def _group(blocks: Blocks, members: Bools, phi_row: Bools) -> _Group | None:
    members = members & blocks.active
    if not members.any():
        return None
    rows = np.flatnonzero(members.any(axis=0))
    if phi_row[rows].all():
        has_flux = np.any(blocks.K_left[:, rows[0], rows[0]] != 0)
        if not has_flux:
            return None  # neutrality: a local constraint
    node, row = np.argwhere(members)[members.sum() // 2]
    return _Group(members, int(node), int(row))


def _inventories(system: System, u: Array, groups: list[_Group]) -> Array:
    """Stored charge [C] of each floating group."""
    return np.array([_stored(system, u)[g.members].sum() for g in groups])


def _stored(system: System, u: Array) -> Array:
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


def assemble(blocks: Blocks) -> csc_matrix:
    """The steady small-signal matrix as one sparse matrix (N m, N m), contacts and absent fields included, node-major."""
    n, m = blocks.n_nodes, blocks.n_fields
    S = blocks.S_g.copy()
    K_left, K_right = blocks.K_left, blocks.K_right
    data = {(0, 0): K_left, (0, 1): -K_right, (1, 0): -K_left, (1, 1): K_right}
    keep = blocks.active.copy()
    imposed = np.zeros_like(blocks.S_g)
    for c in blocks.contacts:
        if c.strong:
            keep[c.nodes, c.row] = False
            imposed[c.nodes, c.row] = c.t
        else:
            y = c.conductance + (c.capacitance if c.charge_row else 0.0)
            np.add.at(S, (c.nodes, c.row), y[:, None] * c.t)
    node, k = np.nonzero(~blocks.active)
    imposed[node, k, k] = 1.0
    S = np.where(keep[:, :, None], S, 0.0) + imposed
    rows, columns, values = [], [], []
    local = np.arange(m)

    def add(at_row: Ints, at_column: Ints, block: Array) -> None:
        r = np.broadcast_to((at_row[:, None] * m + local)[:, :, None], block.shape)
        c = np.broadcast_to((at_column[:, None] * m + local)[:, None, :], block.shape)
        used = block != 0
        rows.append(r[used])
        columns.append(c[used])
        values.append(block[used])

    ends = (blocks.left, blocks.right)
    for (i, j), block in data.items():
        add(ends[i], ends[j], np.where(keep[ends[i]][:, :, None], block, 0.0))
    add(np.arange(n), np.arange(n), S)
    triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_matrix(triplets, shape=(n * m, n * m)).tocsc()


def _basis(blocks: Blocks, v_t: float) -> Array:
    """du/d(Phi/V_T) of every node (N, m, m): the basis in which Newton's correction is sought."""
    return np.asarray(np.linalg.inv(_regular(blocks)) * v_t)


def _correction(
    system: System, u: Array, voltages: Array, groups: list[_Group], inventory: Array
) -> tuple[Array, Array, Array]:
    """Newton's correction of u, the same in (Phi, phi)/V_T, and the residual norm, each (m, N)."""
    blocks = linearise(system, u, voltages)
    n, m = blocks.n_nodes, blocks.n_fields
    basis = _basis(blocks, system.laws.state_map.thermal_voltage)
    r = balance(system, u, voltages)
    w = bordered_solve(blocks, basis, -r.T.reshape(-1, 1), groups, inventory - _inventories(system, u, groups))
    w = w[:, 0].reshape(n, m)
    return np.einsum("nij,nj->in", basis, w), w.T, np.asarray(np.abs(r) / _row_scale(blocks, system))


def bordered_solve(blocks: Blocks, basis: Array, b: Array, groups: list[_Group], missing: Array) -> Array:
    """Solve the steady matrix for right-hand sides b (N m, k) in the basis, with each floating group's inventory raised by `missing`."""
    n, m = blocks.n_nodes, blocks.n_fields
    spread = _block_diagonal(basis)
    A = (assemble(blocks) @ spread).tolil() if groups else assemble(blocks) @ spread
    rhs = np.concatenate([b, np.zeros((n * m, len(groups)))], axis=1)
    for j, g in enumerate(groups):
        at = g.node * m + g.row
        A[at, :] = 0.0
        A[at, at] = 1.0
        rhs[at, :] = 0.0
        rhs[at, b.shape[1] + j] = 1.0
    factor = factorise(csc_matrix(A))
    x = factor.solve(rhs)
    if not groups:
        return np.asarray(x)
    storage = _block_diagonal(blocks.S_c @ basis)
    held = storage @ x
    own = np.array([[held[g.members.reshape(-1), i].sum() for i in range(x.shape[1])] for g in groups])
    response = own[:, b.shape[1] :]
    empty = np.abs(np.diag(response)) == 0
    response = response + np.diag(empty.astype(float))  # no storage: the group's level is a free gauge
    want = np.where(empty[:, None], 0.0, missing[:, None] - own[:, : b.shape[1]])
    return np.asarray(x[:, : b.shape[1]] + x[:, b.shape[1] :] @ np.linalg.solve(response, want))


def _block_diagonal(blocks: Array) -> csc_matrix:
    n, m, _ = blocks.shape
    base = np.arange(n)[:, None, None] * m
    rows = np.broadcast_to(base + np.arange(m)[None, :, None], blocks.shape)
    columns = np.broadcast_to(base + np.arange(m)[None, None, :], blocks.shape)
    return coo_matrix((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(n * m, n * m)).tocsc()


def _newton(
    system: System, u: Array, voltages: Array, groups: list[_Group], inventory: Array
) -> tuple[Array, int]:
    """Newton from u; returns the solution and the number of steps. Raises SolveError with the field and place that failed."""
    u = u.copy()
    if relative_residual(system, u, voltages) < ROUND_OFF and not groups:
        return u, 0
    if relative_residual(system, u, voltages) < ROUND_OFF:
        held = _inventories(system, u, groups)
        if np.allclose(held, inventory, rtol=1e-14, atol=0):
            return u, 0
    worst = np.zeros_like(u)
    for step in range(1, MAX_STEPS + 1):
        du, w, worst = _correction(system, u, voltages, groups, inventory)
        if not np.all(np.isfinite(du)):
            break
        size = _size(system, u, du, w)
        u = _linear_step(system, u, du, voltages, worst) if size > 1 else _bounded(system, u, du, w)
        if size < TOLERANCE:
            return u, step
    row, node = np.unravel_index(int(np.nanargmax(worst)), worst.shape)
    x = system.nodes.position[node]
    where = ", ".join(f"{value:.3g}" for value in x)
    raise SolveError(
        f"steady state: Newton did not converge in {MAX_STEPS} steps; largest residual in the balance of "
        f"{system.laws.state_map.names[row]} at ({where}) m, layer {system.grid.region_names[system.region[node]]}"
    )


def _linear_step(system: System, u: Array, du: Array, voltages: Array, worst: Array) -> Array:
    """The full step where the problem answers linearly to it, the bounded one otherwise."""
    full = u + du
    stored = [k for k, c in enumerate(system.laws.state_map.carriers) if c.stored]
    if np.all(full[stored] > 0):
        with np.errstate(over="ignore", invalid="ignore"):
            residual = relative_residual(system, full, voltages)
        if residual < 1e-6 * float(worst.max()):
            return np.asarray(full)
    return _bounded(system, u, du, du / system.laws.state_map.thermal_voltage)


def _size(system: System, u: Array, du: Array, w: Array) -> float:
    """Largest relative change of a concentration or change of a potential in thermal voltages."""
    active = system.laws.active.T
    parts = [0.0]
    for k, carrier in enumerate(system.laws.state_map.carriers):
        change = du[k] / u[k] if carrier.stored else w[k]
        parts.append(float(np.max(np.abs(change[active[k]]), initial=0.0)))
    if system.laws.state_map.has_phi:
        parts.append(float(np.max(np.abs(w[-1]))))
    return max(parts)


def _bounded(system: System, u: Array, du: Array, w: Array) -> Array:
    """ln c += ln(1 + lambda) where lambda > -0.9, else 2.558 lambda, not below -20; potentials by 5 (1 + ln(|x|/5)) V_T beyond 5 V_T."""
    v_t = system.laws.state_map.thermal_voltage
    out = u.copy()
    for k, carrier in enumerate(system.laws.state_map.carriers):
        if carrier.stored:
            lam = du[k] / u[k]
            grow = np.where(lam > -0.9, np.log1p(np.maximum(lam, -0.9)), np.maximum(2.558 * lam, -20.0))
            out[k] = u[k] * np.exp(grow)
        else:
            out[k] = u[k] + v_t * _limited(w[k])
    if system.laws.state_map.has_phi:
        out[-1] = u[-1] + _limited(du[-1] / v_t) * v_t
    return np.where(system.laws.active.T, out, u)


def _limited(x: Array) -> Array:
    big = np.abs(x) > 5
    return np.where(big, np.sign(x) * 5 * (1 + np.log(np.maximum(np.abs(x), 5) / 5)), x)


def _continue(
    system: System,
    u: Array,
    target: Array,
    groups: list[_Group],
    inventory: Array,
    progress: Callable[[str], None] | None,
    cause: SolveError,
) -> tuple[Array, int]:
    """Raise the voltages in steps: doubled when easy, halved when hard, a third when Newton fails."""
    reached, width, total = 0.0, 0.25, 0
    while reached < 1.0:
        if width < 1e-4:
            raise SolveError(
                f"{cause}; continuation reached {100 * reached:.3g} % of the voltages "
                f"({', '.join(f'{n} = {v * reached:.4g} V' for n, v in zip(system.terminals, target, strict=False))})"
            )
        ahead = min(1.0, reached + width)
        try:
            u_next, steps = _newton(system, u, target * ahead, groups, inventory)
        except SolveError:
            width /= 3
            continue
        u, reached, total = u_next, ahead, total + steps
        if progress is not None:
            progress(f"steady state: {100 * reached:.0f} % of the applied voltage")
        width *= 2 if steps <= 5 else 0.5 if steps > 9 else 1
    return u, total


def dc_admittance(point: OperatingPoint) -> Array:
    """Port admittance at w = 0, (P, P) [S]: the slope dI/dV of the steady state, floating inventories held."""
    from miecsim.solvers.sparse import port_currents

    system = point.system
    blocks = linearise(system, point.u, point.voltages)
    groups = floating_groups(blocks)
    n, m = blocks.n_nodes, blocks.n_fields
    b = np.zeros((n, m, blocks.n_ports))
    for c in blocks.contacts:
        y = np.ones(c.nodes.size) if c.strong else c.conductance + (c.capacitance if c.charge_row else 0.0)
        for i, node in enumerate(c.nodes):
            if c.strong:
                b[node, c.row] = 0.0
            b[node, c.row, c.port] += y[i]
    basis = _basis(blocks, system.laws.state_map.thermal_voltage)
    w = bordered_solve(blocks, basis, b.reshape(n * m, -1), groups, np.zeros(len(groups)))
    x = np.einsum("nij,njp->nip", basis, w.reshape(n, m, -1))
    Y = port_currents(blocks, np.zeros(1), x[None].astype(complex), list(range(blocks.n_ports)))[0].real
    off = Y - np.diag(np.diag(Y))
    return np.asarray(off - np.diag(off.sum(axis=0)))
