"""The steady small-signal matrix, solved with the inventories of floating carriers held."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix

from miecsim.blocks import Blocks
from miecsim.solvers.floating import Group
from miecsim.solvers.linear import factorise
from miecsim.typing import Array, Ints


def correction_basis(blocks: Blocks, v_t: float) -> Array:
    """du/d(Phi/V_T) of every node (N, m, m): the basis in which Newton's correction is sought."""
    return np.asarray(np.linalg.inv(blocks.regular_potential()) * v_t)


def assemble(blocks: Blocks) -> csc_matrix:
    """The steady small-signal matrix as one sparse matrix (N m, N m), contacts and absent fields included,
    node-major."""
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
            np.add.at(S, (c.nodes, np.full_like(c.nodes, c.row)), y[:, None] * c.t)
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


def bordered_solve(blocks: Blocks, basis: Array, b: Array, groups: list[Group], missing: Array) -> Array:
    """Solve the steady matrix for right-hand sides b (N m, k) in the basis, with each floating group's inventory
    raised by `missing`."""
    n, m = blocks.n_nodes, blocks.n_fields
    spread = block_diagonal(basis)
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
    storage = block_diagonal(blocks.S_c @ basis)
    held = storage @ x
    own = np.array([[held[g.members.reshape(-1), i].sum() for i in range(x.shape[1])] for g in groups])
    response = own[:, b.shape[1] :]
    empty = np.abs(np.diag(response)) == 0
    response = response + np.diag(empty.astype(float))  # no storage: the group's level is a free gauge
    want = np.where(empty[:, None], 0.0, missing[:, None] - own[:, : b.shape[1]])
    return np.asarray(x[:, : b.shape[1]] + x[:, b.shape[1] :] @ np.linalg.solve(response, want))


def block_diagonal(blocks: Array) -> csc_matrix:
    """Blocks (n, m, m) along the diagonal of one sparse matrix (n m, n m)."""
    n, m, _ = blocks.shape
    base = np.arange(n)[:, None, None] * m
    rows = np.broadcast_to(base + np.arange(m)[None, :, None], blocks.shape)
    columns = np.broadcast_to(base + np.arange(m)[None, None, :], blocks.shape)
    return coo_matrix((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(n * m, n * m)).tocsc()
