"""Lines whose total current is the same in every face: one unknown less, and no subtraction of what the rails share.

Where the rows of a line are all balances of charge, nothing that happens at a node adds to their sum, and contacts sit
at the two ends only, one to an end, then the current I through a cell passes every face. With u = gamma w + E v, gamma
the common shift of all potentials, w one of them (of a carrier that is present everywhere) and v all other unknowns,

    I = kappa (w_L - w_R) + a . v_L - b . v_R,    kappa = 1^T K gamma,  a = 1^T K_L E,  b = 1^T K_R E,

gives the fluxes of the other rows, G = K gamma, X = K E:

    f_r = G_r I/kappa + [(X_L)_r - G_r a/kappa] v_L - [(X_R)_r - G_r b/kappa] v_R.

The brackets are sums over rows s of (X_r G_s - G_r X_s)/kappa, in which r = s drops out: the weaker rail keeps its
digits beside a stronger one. Z is the sum of (w_L - w_R)/I over the faces, and of what the contacts add; the potential
of a reference plane is the same sum from there to the end. (Newman's electrode, solved so: recursion of a scalar
ladder for two rails, of two unknowns for a cell with salt.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from miecsim.blocks import Blocks, PortContact
from miecsim.solvers import chain as plain
from miecsim.solvers.chain import Chain, Ends
from miecsim.solvers.condense import Condensed
from miecsim.typing import Array, Bools, Complex, Ints

if TYPE_CHECKING:
    from miecsim.solvers.chain_pairs_compiled import Prepared

EXACT = 1e-11  # relative, of what conservation of charge makes equal

# (name, nodes, weights, row) of reference planes, rows counted in the fields of the line.
Planes = tuple[tuple[str, Ints, Array, int], ...]


@dataclass(frozen=True)
class KnownCurrent:
    """A line per unit of current from its first node to its last.

    chain: m - 1 unknowns a node, with sources b (n, m-1, 1) and measurements c (n, 1 + R, m-1): the voltage, and the
    potential of R planes over that of the last contact; constant (1 + R,) is to be added to them.
    ports: those of the first and the last contact.
    """

    condensed: Condensed
    chain: Chain
    constant: Array
    first: PortContact
    last: PortContact

    @property
    def ports(self) -> tuple[int, int]:
        return self.first.port, self.last.port

    def values(self, omega: Array, compiled: bool) -> Complex:
        """Scalars of the elements of the chain, (n_extra, n_f)."""
        own = [np.asarray(extra.law(omega), dtype=complex)[None] for extra in self.condensed.trunk.extras]
        particles = [v.reshape(-1, omega.size) for v in self.condensed.values(omega, compiled)]
        return np.concatenate([*own, *particles])

    def response(self, omega: Array, compiled: bool = False) -> tuple[Complex, Complex, float]:
        """Z (n_f,), transfer impedance of each plane against the last contact (n_f, R), and the largest backward error
        at a few frequencies."""
        values = self.values(omega, compiled)
        if compiled and self._prepared is not None:
            from miecsim.solvers import chain_pairs_compiled

            found, error = chain_pairs_compiled.response(self._prepared, omega, values)
        else:
            found, error = self._plainly(omega, values)
        measured = found + self.constant + self._contacts(omega)
        return measured[:, 0], measured[:, 1:], error

    @cached_property
    def _prepared(self) -> Prepared | None:
        """For the kernel of up to two unknowns a node; None where there are more."""
        if self.chain.S_g.shape[1] > 2:
            return None
        from miecsim.solvers import chain_pairs_compiled

        return chain_pairs_compiled.prepare(self.chain)

    def _plainly(self, omega: Array, values: Complex) -> tuple[Complex, float]:
        ends = self._ends(omega.size, self.constant.size)
        found, errors = plain.checked_response(self.chain, ends, omega, values, _probe(omega))
        return found[:, :, 0], float(np.max(errors))

    def _contacts(self, omega: Array) -> Complex:
        """1/y of the contacts: of both in the voltage, of the last in the planes, (n_f, 1 + R)."""
        out = np.zeros((omega.size, self.constant.size), dtype=complex)
        for contact, where in ((self.first, slice(0, 1)), (self.last, slice(None))):
            if not contact.strong:
                out[:, where] += 1 / contact.admittance(omega)[:, :1]
        return out

    def _ends(self, n_f: int, q: int) -> Ends:
        m = self.chain.S_g.shape[1]
        block, b, c = (np.zeros((n_f, *shape), dtype=complex) for shape in ((m, m), (m, 1), (q, m)))
        return Ends(block, block, b, b, c, c)


def _probe(omega: Array) -> Ints:
    return np.unique([0, omega.size // 2, omega.size - 1])


def known_current(condensed: Condensed, planes: Planes) -> KnownCurrent | None:
    """The reduced form of a line; None where the sum of currents is not the same in every face."""
    blocks = condensed.trunk
    contacts = _contacts(blocks)
    shared = np.flatnonzero(blocks.active.all(axis=0))
    if contacts is None or not shared.size or blocks.n_fields < 2:
        return None
    gamma = np.einsum("nij,nj->ni", np.linalg.inv(blocks.regular_potential()), blocks.active.astype(float))
    if np.any(gamma[:, shared[0]] == 0) or not _conserved(condensed, gamma):
        return None
    return _Reduction(condensed, gamma, int(shared[0])).form(contacts, planes)


def _contacts(blocks: Blocks) -> tuple[PortContact, PortContact] | None:
    """The contacts at the first and the last node, where there are no others."""
    if not blocks.chain or blocks.n_nodes < 4 or blocks.has_phi or blocks.junctions or len(blocks.contacts) != 2:
        return None
    by_node = {int(c.nodes[0]): c for c in blocks.contacts if len(c.nodes) == 1 and not c.charge_row}
    if set(by_node) != {0, blocks.n_nodes - 1}:
        return None
    first, last = by_node[0], by_node[blocks.n_nodes - 1]
    return (first, last) if first.port != last.port and blocks.n_ports == 2 else None


def _conserved(condensed: Condensed, gamma: Array) -> bool:
    """Whether no node adds to the sum of currents, and neither nodes nor faces answer to a shift of all potentials."""
    blocks = condensed.trunk
    nodes = [(blocks.S_g, gamma), (blocks.S_c, gamma)]
    nodes += [(extra.matrix, gamma[extra.nodes]) for extra in blocks.extras]
    nodes += [(matrix, gamma[p.nodes]) for p in condensed.pendants for matrix in p.matrix]
    for S, shift in nodes:
        if not (_vanishes(S, S.sum(axis=1)) and _vanishes(S, np.einsum("nij,nj->ni", S, shift))):
            return False
    by_left = np.einsum("fij,fj->fi", blocks.K_left, gamma[blocks.left])
    by_right = np.einsum("fij,fj->fi", blocks.K_right, gamma[blocks.right])
    return _vanishes(blocks.K_left, by_left - by_right)


def _vanishes(blocks: Array, combination: Array) -> bool:
    """Column by column, beside the size of the blocks that were combined."""
    return bool(np.all(np.abs(combination) <= EXACT * np.abs(blocks).max(axis=(1, 2))[:, None]))


class _Reduction:
    """The parts of the reduced form; `ref` is the field that is eliminated."""

    def __init__(self, condensed: Condensed, gamma: Array, ref: int) -> None:
        self.condensed, self.blocks, self.gamma, self.ref = condensed, condensed.trunk, gamma, ref
        self.keep = np.array([k for k in range(self.blocks.n_fields) if k != ref])
        self.left, self.right = (K[:, :, self.keep] for K in (self.blocks.K_left, self.blocks.K_right))
        self.G = np.einsum("fij,fj->fi", self.blocks.K_left, gamma[self.blocks.left])
        self.kappa = self.G.sum(axis=1)

    def form(self, contacts: tuple[PortContact, PortContact], planes: Planes) -> KnownCurrent | None:
        first, last = contacts
        if not np.all(self.kappa > 0):
            return None
        index, matrix = self._extras()
        lines = [self._voltage(first, last), *(self._plane(plane, last) for plane in planes)]
        measurements, constant = np.stack([line[0] for line in lines]), np.array([line[1] for line in lines])
        chain = Chain(
            self._reduced(self.left),
            self._reduced(self.right),
            self._node(self.blocks.S_g, ~self.blocks.active[:, self.keep]),
            self._node(self.blocks.S_c),
            index,
            matrix,
            self._sources(first, last)[:, :, None],
            np.ascontiguousarray(measurements.swapaxes(0, 1)),
        )
        return KnownCurrent(self.condensed, chain, constant, first, last)

    def _reduced(self, X: Array) -> Array:
        """X_r - G_r 1^T X/kappa for the rows that are kept, term by term."""
        G, kept = self.G, X[:, self.keep]
        minors = kept[:, :, None] * G[:, None, :, None] - G[:, self.keep, None, None] * X[:, None]
        return np.asarray(minors.sum(axis=2) / self.kappa[:, None, None])

    def _node(self, S: Array, absent: Bools | None = None) -> Array:
        out = np.ascontiguousarray(S[..., self.keep, :][..., self.keep])
        if absent is not None:
            node, k = np.nonzero(absent)
            out[node, k, k] = 1.0
        return out

    def _extras(self) -> tuple[Ints, Array]:
        """Index (n, E) and matrix (n, E, m-1, m-1) of the elements of every node."""
        found: list[list[tuple[int, Array]]] = [[] for _ in range(self.blocks.n_nodes)]
        count = 0
        for extra in self.blocks.extras:
            for node, block in zip(extra.nodes, self._node(extra.matrix), strict=True):
                found[node].append((count, block))
            count += 1
        for p in self.condensed.pendants:
            groups = len(p.ladders.link)
            for j, matrix in enumerate(self._node(p.matrix)):
                for node, state, block in zip(p.nodes, p.state, matrix, strict=True):
                    found[node].append((count + j * groups + int(state), block))
            count += len(p.matrix) * groups
        n, m, most = len(found), len(self.keep), max(1, *(len(f) for f in found))
        index, blocks = np.full((n, most), -1), np.zeros((n, most, m, m))
        for node, elements in enumerate(found):
            for e, (number, block) in enumerate(elements):
                index[node, e], blocks[node, e] = number, block
        return index, blocks

    def _sources(self, first: PortContact, last: PortContact) -> Array:
        """What unit current brings into every node in the rows that are kept, (n, m-1)."""
        share = self.G[:, self.keep] / self.kappa[:, None]
        b = np.zeros((self.blocks.n_nodes, len(self.keep)))
        b[:-1] -= share
        b[1:] += share
        for contact, node, sign in ((first, 0, 1.0), (last, -1, -1.0)):
            b[node] += sign * (self.keep == contact.row)
        return b

    def _falls(self, faces: slice) -> tuple[Array, float]:
        """Sum of w_L - w_R over some faces per unit current: over v (n, m-1), and a constant."""
        kappa = self.kappa[faces]
        c = np.zeros((self.blocks.n_nodes, len(self.keep)))
        c[:-1][faces] -= self.left[faces].sum(axis=1) / kappa[:, None]
        c[1:][faces] += self.right[faces].sum(axis=1) / kappa[:, None]
        return c, float(np.sum(1 / kappa))

    def _voltage(self, first: PortContact, last: PortContact) -> tuple[Array, float]:
        c, constant = self._falls(slice(None))
        c[0] += first.t[0, self.keep]
        c[-1] -= last.t[0, self.keep]
        return c, constant

    def _plane(self, plane: tuple[str, Ints, Array, int], last: PortContact) -> tuple[Array, float]:
        """Potential at a plane over that of the last contact."""
        c, constant = np.zeros((self.blocks.n_nodes, len(self.keep))), 0.0
        _, nodes, weights, row = plane
        for node, weight in zip(nodes, weights, strict=True):
            fall, rest = self._falls(slice(int(node), None))
            fall[node] += self.blocks.potential[node, row, self.keep]
            fall[-1] -= last.t[0, self.keep]
            c += weight * fall
            constant += float(weight) * rest
        return c, constant
