"""Responses of a line and of its transpose: with both, what any change of the equations does to Z is a sum of products.

The balances of a line at angular frequency w, with port voltages V and what its contacts y pass,

    bal_r = sum_faces (+/-) [K_left u_left - K_right u_right]_r + [S u]_r + y (t . u - V) = 0,

are the constraints of the port currents I = sum over contacts of y (V - t . u), or, where a contact is reversible
(t . u = V), of its balance itself. With x the unknowns for 1 A from one terminal to another, and v the multipliers of
the balances for the transposed problem (a circuit's voltages for 1 A with every controlled source turned round; at rest
x and v are one and the same),

    dZ = - sum_rows v_r (d bal_r)[x] - sum over contacts of (v_r - V_adj) [dy (t . x - V) + y dt . x]

(Director and Rohrer 1969; the factors of one elimination serve both). v_r of a reversible contact's balance is V_adj,
and its constraint has a multiplier of its own. Charge rows (Poisson) count i w times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from miecsim.blocks import Blocks, PortContact
from miecsim.errors import InputError, SolveError
from miecsim.solvers import line as line_solver
from miecsim.solvers.ends import End
from miecsim.typing import Array, Complex, Ints

Solved = tuple[Complex, Complex, Complex]
COMPILE_ABOVE = 3e6  # products of nodes, fields cubed and frequencies above which the kernel pays


@dataclass(frozen=True)
class Adjoint:
    """For 1 A from the first terminal to the second, the others open: Z (n_f,), unknowns x (n_f, N, m) and port
    voltages V (n_f, P); the multipliers v (n_f, N, m) of the balances of the transposed problem, its port voltages
    V_adj (n_f, P), and `imposed` (n_f, N, m), those of the constraints of reversible contacts."""

    Z: Complex
    x: Complex
    V: Complex
    v: Complex
    V_adj: Complex
    imposed: Complex


def adjoint(blocks: Blocks, omega: Array, compiled: bool | None = None) -> Adjoint:
    """Both responses of a line at angular frequencies (n_f,) [rad/s]; compiled: which twin, None the sooner.

    Raises InputError for what is no line, SolveError where a number is not finite.
    """
    if not line_solver.is_line(blocks):
        raise InputError("adjoint: expected a one-dimensional line")
    if compiled is None:
        compiled = blocks.n_nodes * blocks.n_fields**3 * omega.size > COMPILE_ABOVE
    ports = list(range(blocks.n_ports))
    line = line_solver.prepare(blocks, omega, ports)
    with np.errstate(all="ignore"):
        x, multipliers, total = _solve(line, compiled)
        V, V_adj = _port_voltages(total + line.first.d + line.last.d)
        inner, w = x @ V[:, None, :, None], -(multipliers @ V_adj[:, None, :, None])
        ends = [_end(e, at, V, V_adj, inner, w, blocks, omega) for e, at in ((line.first, 0), (line.last, -1))]
    (x_0, v_0, first), (x_n, v_n, last) = ends
    x, v = (
        np.concatenate([a[:, None], b[..., 0], c[:, None]], axis=1) for a, b, c in ((x_0, inner, x_n), (v_0, w, v_n))
    )
    imposed = np.zeros_like(v)
    imposed[:, 0], imposed[:, -1] = first, last
    v[:, ~blocks.active] = 0.0
    Z = V[:, 0] - V[:, 1]
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(v)) and np.all(np.isfinite(Z))):
        raise SolveError("adjoint: a response is not finite; refine or rescale the problem")
    return Adjoint(Z, x, V, v, V_adj, imposed)


def _port_voltages(Y: Complex) -> tuple[Complex, Complex]:
    """Voltages of all ports for 1 A from the first to the second, which is at 0 V, of Y and of its transpose.

    Each diagonal entry is minus the others of its column: currents are read where nothing is imposed.
    """
    full = Y.copy()
    ports = range(Y.shape[1])
    for p in ports:
        full[:, p, p] = 0.0
        full[:, p, p] = -full[:, :, p].sum(axis=1)
    keep = [p for p in ports if p != 1]
    reduced = full[:, keep][:, :, keep]
    unit = np.zeros((len(keep), 1))
    unit[0] = 1.0
    out = []
    for matrix in (reduced, reduced.transpose(0, 2, 1)):
        V = np.zeros(Y.shape[:2], dtype=complex)
        V[:, keep] = np.linalg.solve(matrix, np.broadcast_to(unit, (*matrix.shape[:2], 1)))[..., 0]
        out.append(V)
    return out[0], out[1]


@dataclass(frozen=True)
class _Problem:
    """A chain as both twins take it; see `solve_chain`."""

    faces: tuple[Array, Array]
    junction: Ints
    joints: tuple[Complex, Complex]
    cells: tuple[Any, ...]
    ends: tuple[Complex, Complex, Complex, Complex]

    def solve(self, c: Complex, compiled: bool, forward: bool = True) -> Solved:
        """For the measurements c (n_f, n, q, m); without `forward` for no excitation."""
        S0, S1, b0, b1 = self.ends
        ends = (S0, S1, *((b0, b1) if forward else (b0[..., :0], b1[..., :0])), c)
        if compiled:
            from miecsim.solvers import adjoint_compiled

            return adjoint_compiled.solve(self.faces, self.junction, self.joints, self.cells, ends)
        return solve_chain(self.faces, self.junction, self.joints, self.cells, ends)

    def left_over(self, c: Complex, multipliers: Complex) -> Complex:
        """c - A^T lambda (n_f, n, q, m), face by face."""
        S_g, S_c, omega, index, matrix, values = self.cells
        n = len(S_g)
        S = S_g + 1j * omega[:, None, None, None] * S_c
        for e in range(index.shape[1]):
            some = np.flatnonzero(index[:, e] >= 0)
            S[:, some] += values[index[some, e]].T[:, :, None, None] * matrix[some, e]
        S[:, 0] += self.ends[0]
        S[:, -1] += self.ends[1]
        left, right = (np.broadcast_to(K, (omega.size, *K.shape)) for K in self.faces)
        joints = np.flatnonzero(self.junction[: n - 1] >= 0)
        if joints.size:
            left, right = left.astype(complex), right.astype(complex)
            left[:, joints] = self.joints[0][:, self.junction[joints]]
            right[:, joints] = self.joints[1][:, self.junction[joints]]
        out = c - np.einsum("fnrk,fnrq->fnqk", S, multipliers)
        fall = multipliers[:, :-1] - multipliers[:, 1:]
        out[:, :-1] -= np.einsum("fnrk,fnrq->fnqk", left, fall)
        out[:, 1:] += np.einsum("fnrk,fnrq->fnqk", right, fall)
        return np.asarray(out)


def _solve(line: line_solver.Line, compiled: bool) -> Solved:
    chain, ends = line.chain, line.ends
    n, m, _ = chain.S_g.shape
    junction, joints = np.full(n, -1), (np.zeros((line.omega.size, 1, m, m), dtype=complex),) * 2
    if line.junctions is not None:
        junction[line.junctions.faces] = np.arange(len(line.junctions.faces))
        joints = (line.junctions.K_left, line.junctions.K_right)
    index = chain.extra_index.reshape(n, -1)
    cells = (chain.S_g, chain.S_c, line.omega, index, chain.extra_matrix.reshape(*index.shape, m, m), line.extra_values)
    at_ends = (ends.S_first, ends.S_last, ends.b_first, ends.b_last)
    problem = _Problem((chain.K_left, chain.K_right), junction, joints, cells, at_ends)
    c = np.zeros((line.omega.size, n, ends.c_first.shape[1], m), dtype=complex)
    c[:, 0] += ends.c_first
    c[:, -1] += ends.c_last
    x, multipliers, total = problem.solve(c, compiled)
    if line.blocks.has_phi:
        # levels of carriers that are blocked, of which only differences count, lose digits: one step gives them back
        multipliers = multipliers + problem.solve(problem.left_over(c, multipliers), compiled, forward=False)[1]
    return x, multipliers, total


def solve_chain(
    faces: tuple[Array, Array], junction: Ints, joints: tuple[Complex, Complex], cells: Any, ends: Any
) -> Solved:
    """Unknowns (n_f, n, m, p) of a chain for each excitation, multipliers (n_f, n, m, q) of its balances for each
    measurement, A^T lambda = c, and the measurements (n_f, q, p).

    faces: K_left and K_right (n-1, m, m); junction (n,): number of the joint on the right of each node, -1 for none;
    joints: their K_left and K_right (n_f, n_j, m, m); cells: S_g, S_c, omega, and index, matrix and values of the
    frequency-dependent elements; ends: S and b, each first and last, and c (n_f, n, q, m). With D and X of
    `miecsim.solvers.chain`,

        x_i = D_i^-1 s_i + X_i x_{i+1},   t_i = c_i + X_{i-1}^T t_{i-1},
        lambda_i = D_i^-T (t_i + K_left_i^T lambda_{i+1}).
    """
    S_g, S_c, omega, index, matrix, values = cells
    S0, S1, b0, b1, c = ends
    n, m, _ = S_g.shape
    n_f = omega.size
    inverse, X = (np.zeros((n, n_f, m, m), dtype=complex) for _ in range(2))
    z = np.zeros((n, n_f, m, b0.shape[2]), dtype=complex)
    t = np.zeros((n, n_f, m, c.shape[2]), dtype=complex)
    none = np.zeros((1, m, m))

    def face(i: int) -> tuple[Any, Any]:
        if i == n - 1:
            return none, none
        if junction[i] >= 0:
            return joints[0][:, junction[i]], joints[1][:, junction[i]]
        return faces[0][i], faces[1][i]

    P = np.zeros((n_f, m, m), dtype=complex)
    s, total = np.zeros_like(z[0]), np.zeros((n_f, c.shape[2], b0.shape[2]), dtype=complex)
    for i in range(n):
        P = S_g[i] + 1j * omega[:, None, None] * S_c[i] + (P @ X[i - 1] if i else S0)
        for e in range(index.shape[1]):
            if index[i, e] >= 0:
                P = P + values[index[i, e]][:, None, None] * matrix[i, e]
        P = P + S1 if i == n - 1 else P
        s = s + b0 if i == 0 else s
        s = s + b1 if i == n - 1 else s
        Ka, Kb = face(i)
        inverse[i] = np.linalg.inv(P + Ka)
        X[i], z[i] = inverse[i] @ Kb, inverse[i] @ s
        t[i] = c[:, i].transpose(0, 2, 1)
        if i > 0:
            t[i] += X[i - 1].transpose(0, 2, 1) @ t[i - 1]
        total += t[i].transpose(0, 2, 1) @ z[i]
        by_face = np.abs(Ka) @ np.abs(z[i]) < np.abs(s) + np.abs(P) @ np.abs(z[i])
        s = np.where(by_face, Ka @ z[i], s - P @ z[i])  # one and the same; what loses less
    x, w = np.empty((n_f, n, m, z.shape[3]), dtype=complex), np.empty((n_f, n, m, t.shape[3]), dtype=complex)
    for i in range(n - 1, -1, -1):
        here, there = z[i], t[i]
        if i < n - 1:
            here = here + X[i] @ x[:, i + 1]
            there = there + np.swapaxes(face(i)[0], -1, -2) @ w[:, i + 1]
        x[:, i], w[:, i] = here, inverse[i].transpose(0, 2, 1) @ there
    return x, w, total


# ---------------------------------------------------------------- the nodes at the two ends


def _end(
    end: End, at: int, V: Complex, V_adj: Complex, x: Complex, v: Complex, blocks: Blocks, omega: Array
) -> tuple[Complex, Complex, Complex]:
    """Unknowns and multipliers (n_f, m) of an end node from those of its neighbour, and multipliers of constraints."""
    node, face = (0, 0) if at == 0 else (blocks.n_nodes - 1, blocks.n_nodes - 2)
    Ka = blocks.K_left[face] if at == 0 else blocks.K_right[face]
    u = (end.X @ x[:, at])[..., 0] + (end.Z @ V[..., None])[..., 0]
    load = (Ka.T @ v[:, at])[..., 0]
    own = np.zeros(v.shape[::2][:1] + (Ka.shape[0],), dtype=complex)
    strong = np.zeros(Ka.shape[0], dtype=bool)
    for c in (c for c in blocks.contacts if node in c.nodes):
        held = _weight(c, omega) * V_adj[:, c.port]
        i = int(np.flatnonzero(c.nodes == node)[0])
        if c.strong:
            load -= held[:, None] * (end.own[:, c.row] + Ka[c.row])
            own[:, c.row], strong[c.row] = held, True
        else:
            load += (c.admittance(omega)[:, i] * held)[:, None] * c.t[i]
    found = np.linalg.solve(end.E.transpose(0, 2, 1), load[..., None])[..., 0]
    return u, np.where(strong, own, found), np.where(strong, found, 0.0)


def _weight(contact: PortContact, omega: Array) -> Complex:
    """What a contact's row counts in the current of its port: 1, or i w where it is a charge."""
    return np.asarray(1j * omega if contact.charge_row else np.ones(omega.size), dtype=complex)
