"""The two ends of a line, eliminated frequency by frequency before the chain is swept.

At an end node sit the contacts. Its unknowns follow from its neighbour's, u_0 = X u_1 + Z V, and what it hands on to
the neighbour's balance is minus the flux between them. That flux can be read from the end node's own balance (contacts
and links) or from the face; taking, row by row, the one with the smaller conductance never subtracts two nearly equal
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.blocks import Blocks, PortContact
from miecsim.errors import SolveError
from miecsim.typing import Array, Complex

# Beyond this ratio of a link to the cell beside it more than eight digits would be lost.
LARGEST_LINK = 1e8


@dataclass(frozen=True)
class End:
    """One eliminated end. u_end = X u_next + Z V, with V (P,) the port voltages; all (n_f, ...).

    S (n_f, m, m) and b (n_f, m, P): what it adds to its neighbour's balance; c (n_f, P, m) and d (n_f, P, P): currents
    of the ports at this end, I = c u_next + d V, exact for ports that are not driven. E (n_f, m, m): its own equations,
    rows of reversible contacts and of absent fields replaced; own (n_f, m, m): its balances without the face.
    """

    E: Complex
    own: Complex
    X: Complex
    Z: Complex
    S: Complex
    b: Complex
    c: Complex
    d: Complex


def eliminate_end(blocks: Blocks, node: int, face: int, omega: Array) -> End:
    """Eliminate end node `node`, which only `face` joins to the rest, at angular frequencies `omega` [rad/s]."""
    here_is_left = bool(blocks.left[face] == node)
    Ka = blocks.K_left[face] if here_is_left else blocks.K_right[face]  # flux out of the end = Ka u_end - Kb u_next
    Kb = blocks.K_right[face] if here_is_left else blocks.K_left[face]
    n_f, m = omega.size, blocks.n_fields
    contacts = [(c, int(np.flatnonzero(c.nodes == node)[0])) for c in blocks.contacts if node in c.nodes]
    own = _node_terms(blocks, node, omega)
    source = np.zeros((n_f, m, blocks.n_ports), dtype=complex)
    for c, i in contacts:
        if not c.strong:
            y = c.admittance(omega)[:, i]
            own[:, c.row] += y[:, None] * c.t[i]
            source[:, c.row, c.port] += y
    _refuse_drowned(blocks, node, own, Ka)
    E, F, h = own + Ka, np.broadcast_to(Kb, (n_f, m, m)).astype(complex), source.copy()
    for c, i in contacts:
        if c.strong:
            E[:, c.row], F[:, c.row], h[:, c.row] = c.t[i], 0.0, 0.0
            h[:, c.row, c.port] = 1.0
    for k in np.flatnonzero(~blocks.active[node]):
        E[:, k], F[:, k], h[:, k] = np.eye(m)[k], 0.0, 0.0
    X, Z = np.split(np.linalg.solve(E, np.concatenate([F, h], axis=2)), [m], axis=2)
    by_face = _read_at_face(blocks, node, own, Ka, [c.row for c, _ in contacts if c.strong])
    S = np.where(by_face[..., None], Kb - Ka @ X, own @ X)
    b = np.where(by_face[..., None], Ka @ Z, source - own @ Z)
    silent = ~blocks.active[node] | ~(np.any(Ka != 0, axis=1) | np.any(Kb != 0, axis=1))
    S[:, silent], b[:, silent] = 0.0, 0.0
    c_out, d_out = _port_currents(contacts, own, source, Ka, Kb, X, Z, omega, blocks.n_ports)
    return End(E, own, X, Z, S, b, c_out, d_out)


def _node_terms(blocks: Blocks, node: int, omega: Array) -> Complex:
    """S of one node without its contacts, (n_f, m, m)."""
    own = blocks.S_g[node] + 1j * omega[:, None, None] * blocks.S_c[node]
    for extra in blocks.extras:
        for i in np.flatnonzero(extra.nodes == node):
            own = own + extra.law(omega)[:, None, None] * extra.matrix[i]
    return np.asarray(own, dtype=complex)


def _refuse_drowned(blocks: Blocks, node: int, own: Complex, Ka: Array) -> None:
    """A link far better than the cell beside it leaves no digits of that cell in the sum of the two."""
    direction = np.linalg.inv(blocks.regular_potential()[node])
    link = np.abs(own @ direction) * ~np.eye(Ka.shape[0], dtype=bool)
    if blocks.has_phi:
        link[:, -1], link[:, :, -1] = 0.0, 0.0
    face = np.abs(np.diag(Ka @ direction))
    worst = float(np.max(link / np.where(face > 0, face, np.inf)[None, :, None]))
    if worst > LARGEST_LINK:
        raise SolveError(
            f"a link at the end of the line conducts {worst:.1e} times better than the cell beside it; "
            "make it reversible"
        )


def _read_at_face(blocks: Blocks, node: int, own: Complex, Ka: Array, strong_rows: list[int]) -> np.ndarray:
    """Rows (n_f, m) whose flux is read at the face: imposed ones, and those whose contact conducts better than the
    face."""
    direction = np.linalg.inv(blocks.regular_potential()[node])  # columns: d u / d Phi_k
    face_g = np.abs(np.einsum("kj,jk->k", Ka, direction))
    own_g = np.abs(np.einsum("fkj,jk->fk", own, direction))
    out = own_g > face_g
    out[:, strong_rows] = True
    return np.asarray(out)


def _port_currents(
    contacts: list[tuple[PortContact, int]],
    own: Complex,
    source: Complex,
    Ka: Array,
    Kb: Array,
    X: Complex,
    Z: Complex,
    omega: Array,
    n_ports: int,
) -> tuple[Complex, Complex]:
    """I_p = c u_next + d V of the ports at this end."""
    n_f, m = omega.size, Ka.shape[0]
    c_out, d_out = np.zeros((n_f, n_ports, m), dtype=complex), np.zeros((n_f, n_ports, n_ports), dtype=complex)
    for c, i in contacts:
        per_charge = 1j * omega if c.charge_row else np.ones(n_f, dtype=complex)
        if c.strong:
            left_over = own[:, c.row] + Ka[c.row]
            row_c = np.einsum("fj,fjk->fk", left_over, X) - Kb[c.row]
            row_d = np.einsum("fj,fjp->fp", left_over, Z) - source[:, c.row]
        else:
            y = c.admittance(omega)[:, i]
            row_c = -y[:, None] * (c.t[i] @ X)
            row_d = -y[:, None] * (c.t[i] @ Z)
            row_d[:, c.port] += y
        c_out[:, c.port] += per_charge[:, None] * row_c
        d_out[:, c.port] += per_charge[:, None] * row_d
    return c_out, d_out
