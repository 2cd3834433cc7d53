"""The steady small-signal equations with what stands beside them: ports whose current is imposed (their voltages are
unknown), and the inventories of floating groups.

The balances are solved as if all ports were held at given voltages, once for each unknown beside them; the few
equations that remain (a border) are then small and dense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import coo_matrix, csc_matrix

from miecsim.blocks import Blocks
from miecsim.solvers.floating import Group, contact_share
from miecsim.solvers.linear import factorise
from miecsim.typing import Array, Ints


def correction_basis(blocks: Blocks, v_t: float) -> Array:
    """du/d(Phi/V_T) of every node (N, m, m): the basis in which Newton's correction is sought."""
    return np.asarray(np.linalg.inv(blocks.regular_potential()) * v_t)


@dataclass(frozen=True)
class Assembly:
    """Steady rows over the unknowns node * m + field: matrix du - drive dV, with strong contacts and absent fields in
    place of balances; and conservation du - supply dV, the balances themselves."""

    matrix: csc_matrix  # (N m, N m)
    drive: Array  # (N m, P)
    conservation: Any  # (N m, N m)
    supply: Array  # (N m, P)


def assemble(blocks: Blocks) -> csc_matrix:
    """The steady small-signal matrix as one sparse matrix (N m, N m), contacts and absent fields included,
    node-major."""
    return assembly(blocks).matrix


def assembly(blocks: Blocks) -> Assembly:
    """The steady rows of `blocks`, replaced and not."""
    n, m = blocks.n_nodes, blocks.n_fields
    S = blocks.S_g.copy()
    supply, drive = np.zeros((n, m, blocks.n_ports)), np.zeros((n, m, blocks.n_ports))
    keep, imposed = blocks.active.copy(), np.zeros_like(blocks.S_g)
    for c in blocks.contacts:
        if c.strong:
            keep[c.nodes, c.row] = False
            imposed[c.nodes, c.row] = c.t
            drive[c.nodes, c.row, c.port] = 1.0
        else:
            y = c.conductance + (c.capacitance if c.charge_row else 0.0)
            np.add.at(S, (c.nodes, np.full_like(c.nodes, c.row)), y[:, None] * c.t)
            np.add.at(supply, (c.nodes, np.full_like(c.nodes, c.row), np.full_like(c.nodes, c.port)), y)
    node, k = np.nonzero(~blocks.active)
    imposed[node, k, k] = 1.0
    balances = _collected(blocks, np.where(blocks.active[:, :, None], S, 0.0))
    kept = sp.diags(keep.ravel().astype(float))
    matrix = csc_matrix(kept @ balances + block_diagonal(imposed))
    matrix.eliminate_zeros()
    drive += np.where(keep[:, :, None], supply, 0.0)
    return Assembly(matrix, drive.reshape(n * m, -1), balances, supply.reshape(n * m, -1))


def _collected(blocks: Blocks, S: Array) -> Any:
    """Faces and node blocks S as one CSR matrix; rows of absent fields are zero."""
    n, m = blocks.n_nodes, blocks.n_fields
    rows, columns, values = [], [], []
    local = np.arange(m)

    def add(at_row: Ints, at_column: Ints, block: Array) -> None:
        r = np.broadcast_to((at_row[:, None] * m + local)[:, :, None], block.shape)
        c = np.broadcast_to((at_column[:, None] * m + local)[:, None, :], block.shape)
        used = block != 0
        rows.append(r[used])
        columns.append(c[used])
        values.append(block[used])

    left, right = blocks.left, blocks.right
    for at, other, K in ((left, left, blocks.K_left), (left, right, -blocks.K_right)):
        add(at, other, np.where(blocks.active[at][:, :, None], K, 0.0))
    for at, other, K in ((right, left, -blocks.K_left), (right, right, blocks.K_right)):
        add(at, other, np.where(blocks.active[at][:, :, None], K, 0.0))
    add(np.arange(n), np.arange(n), S)
    triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_matrix(triplets, shape=(n * m, n * m)).tocsr()


@dataclass(frozen=True)
class Border:
    """What is unknown beside the fields: voltages of the free ports, a multiple for each pinned group, and, where a
    port is named in `slide`, the share s of a demand that moves as (voltages of held ports, currents of free ones) =
    s * direction (P,), while that port (a free one) keeps its voltage."""

    free: tuple[int, ...] = ()
    groups: tuple[Group, ...] = ()
    slide: int = -1
    direction: Array | None = None


@dataclass(frozen=True)
class Load:
    """Right-hand sides, k of them: of the balances (N m, k), changes of the voltages of held ports [V] or of the
    currents of free ones [A] (P, k), and of the inventories [C] (G, k)."""

    balances: Array
    ports: Array
    inventories: Array


@dataclass(frozen=True)
class Response:
    """w (N m, k) in the basis, voltages of all ports (P, k) and s (k,)."""

    w: Array
    voltages: Array
    share: Array


def bordered_solve(blocks: Blocks, basis: Array, load: Load, border: Border) -> Response:
    """Solve the steady equations in the basis. Raises SolveError where they are singular to rounding."""
    asm, spread = assembly(blocks), block_diagonal(basis)
    k, ports, pinned = load.ports.shape[1], blocks.n_ports, [g for g in border.groups if g.port < 0]
    free = np.zeros(ports, dtype=bool)
    free[list(border.free)] = True
    moves = _moves(border, ports, free)  # (P, unknowns beside the fields but the pins)
    imposed = np.where(free[:, None], 0.0, load.ports)
    given = load.balances + asm.drive @ imposed
    rhs = np.concatenate([given, asm.drive @ moves, np.zeros((given.shape[0], len(pinned)))], axis=1)
    matrix = asm.matrix @ spread
    if pinned:
        at = _pins(blocks, basis, pinned)
        kept = np.ones(rhs.shape[0])
        kept[at] = 0.0
        matrix = sp.diags(kept) @ matrix + sp.diags(1.0 - kept)
        rhs[at] = 0.0
        rhs[at, k + moves.shape[1] + np.arange(at.size)] = 1.0
    x = np.asarray(factorise(csc_matrix(matrix)).solve(rhs))
    if rhs.shape[1] == k:
        return Response(x, imposed, np.zeros(k))
    moves = np.concatenate([moves, np.zeros((ports, len(pinned)))], axis=1)
    y = _edge(blocks, asm, spread, load, border, x, imposed, moves)
    share = y[len(border.free)] if border.slide >= 0 else np.zeros(k)
    return Response(x[:, :k] + x[:, k:] @ y, imposed + moves @ y, share)


def _pins(blocks: Blocks, basis: Array, pinned: list[Group]) -> Ints:
    """The balance of each group that gives way: where most is stored, for a level is best held there."""
    held = np.abs(np.einsum("nij,nji->ni", blocks.S_c, basis))
    at = np.array([g.node * blocks.n_fields + g.row for g in pinned])
    for k, g in enumerate(pinned):
        stored = np.where(g.members, held, 0.0).ravel()
        if stored.any():
            at[k] = int(np.argmax(stored))
    return at


def _moves(border: Border, ports: int, free: Any) -> Array:
    """(P, F + S): voltages of the ports per unknown voltage, and per share s."""
    moves = np.eye(ports)[:, list(border.free)]
    if border.slide < 0 or border.direction is None:
        return moves
    return np.column_stack([moves, np.where(free, 0.0, border.direction)])


def _edge(
    blocks: Blocks, asm: Assembly, spread: Any, load: Load, border: Border, x: Array, imposed: Array, moves: Array
) -> Array:
    """The unknowns beside the fields, (E, k): currents of free ports, inventories, and the voltage that is kept."""
    k = load.ports.shape[1]
    current_u, current_V = current_rows(blocks, asm)
    given_up = [g.port for g in border.groups]
    free = [p for p in border.free if p not in given_up]
    inside = [inventory_row(blocks, asm, g) for g in border.groups]
    rows_u = [current_u[p].toarray()[0] for p in free] + [u for u, _ in inside]
    rows_V = [current_V[p] for p in free] + [V for _, V in inside]
    target = [load.ports[p] for p in free] + list(load.inventories)
    shares = [border.direction[p] if border.direction is not None else 0.0 for p in free] + [0.0] * len(inside)
    if border.slide >= 0:
        rows_u.append(np.zeros(x.shape[0]))
        rows_V.append(np.eye(blocks.n_ports)[border.slide])
        target.append(np.zeros(k))
        shares.append(0.0)
    U, V = np.array(rows_u) @ spread, np.array(rows_V)
    E = U @ x[:, k:] + V @ moves
    b = np.array(target) - U @ x[:, :k] - V @ imposed
    if border.slide >= 0:
        E[:, len(border.free)] -= np.array(shares)
    return _small_solve(E, b, _own_unknowns(border), len(free))


def _own_unknowns(border: Border) -> list[int]:
    """Column of the unknown that stands for each group: the voltage of its port, or its multiple."""
    pins = iter(range(len(border.free) + int(border.slide >= 0), len(border.free) + len(border.groups) + 1))
    return [border.free.index(g.port) if g.port >= 0 else next(pins) for g in border.groups]


def _small_solve(E: Array, b: Array, own: list[int], first: int) -> Array:
    """Solve E y = b, scaled. A group that stores nothing (row first + j) has a free level: its unknown is zero."""
    for j, column in enumerate(own):
        if not np.any(E[first + j]):
            E[first + j, column] = 1.0
            b[first + j] = 0.0
    row = np.abs(E).max(axis=1)
    E = E / np.where(row > 0, row, 1.0)[:, None]
    size = np.where(np.abs(E).max(axis=0) > 0, np.abs(E).max(axis=0), 1.0)
    return np.asarray(np.linalg.solve(E / size, b / np.where(row > 0, row, 1.0)[:, None]) / size[:, None])


def current_rows(blocks: Blocks, asm: Assembly) -> tuple[Any, Array]:
    """Steady currents into the cell: d I/du (P, N m) sparse and d I/dV (P, P). A row of phi carries none."""
    m, shape = blocks.n_fields, asm.conservation.shape
    by_V = np.zeros((blocks.n_ports, blocks.n_ports))
    by_u = sp.csr_matrix((blocks.n_ports, shape[1]))
    for c in blocks.contacts:
        if c.charge_row:
            continue
        at = c.nodes * m + c.row
        if c.strong:
            one = sp.csr_matrix((np.ones(at.size), (np.full(at.size, c.port), at)), shape=by_u.shape)
            by_u = by_u + one @ asm.conservation
            by_V[c.port] -= asm.supply[at].sum(axis=0)
            continue
        columns = c.nodes[:, None] * m + np.arange(m)
        entries = (-(c.conductance[:, None] * c.t)).ravel()
        by_u = by_u + sp.csr_matrix((entries, (np.full(entries.size, c.port), columns.ravel())), shape=by_u.shape)
        by_V[c.port, c.port] += c.conductance.sum()
    return by_u, by_V


def inventory_row(blocks: Blocks, asm: Assembly, group: Group) -> tuple[Array, Array]:
    """Derivative of a group's inventory over the unknowns (N m,) and over the port voltages (P,)."""
    m = blocks.n_fields
    by_u = np.where(group.members[:, :, None], blocks.S_c, 0.0).sum(axis=1).ravel()
    by_V = np.zeros(blocks.n_ports)
    for c in blocks.contacts:
        share, at = contact_share(group, c), c.nodes * m + c.row
        if c.strong and c.charge_row:
            by_u += share @ asm.conservation[at]
            by_V -= share @ asm.supply[at]
        elif not c.strong:
            np.add.at(by_u, c.nodes[:, None] * m + np.arange(m), -(share * c.capacitance)[:, None] * c.t)
            by_V[c.port] += share @ c.capacitance
    return by_u, by_V


def block_diagonal(blocks: Array) -> csc_matrix:
    """Blocks (n, m, m) along the diagonal of one sparse matrix (n m, n m)."""
    n, m, _ = blocks.shape
    base = np.arange(n)[:, None, None] * m
    rows = np.broadcast_to(base + np.arange(m)[None, :, None], blocks.shape)
    columns = np.broadcast_to(base + np.arange(m)[None, None, :], blocks.shape)
    return coo_matrix((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(n * m, n * m)).tocsc()
