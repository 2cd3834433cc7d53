"""Small-signal equations at rest as a network of passive two-poles, in the potentials of the circuit.

At equilibrium, in the potentials Phi_k and phi, every balance is Kirchhoff's law, and the network is

    E^T diag(w) E  summed over its parts:  conductances, (i w) capacitances, y_k(w) times weights,

with one row of E for each element: the voltage across it. That row is +1 at one end and -1 at the other, except where
one law couples several currents (Onsager's cross conductivity), whose positive semidefinite block is factorised. Kept
this way the parts can be projected, or applied, without ever adding a large conductance to a small one. Poisson's row,
a charge, is a current once multiplied by i w: what it holds are capacitors.

The node of a terminal is an unknown too, that of the last one is the ground.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import AdmittanceLaw, Blocks
from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Complex, Ints

# What laws of physics make equal, relative to the diagonal of the local matrix: rounding, and a rest state that was
# found by iteration. The asymmetry that a bias leaves is that bias over the thermal voltage.
EQUAL = 1e-10
NONE = -1  # no such unknown


class NotReducible(InputError):
    """The equations are no network of passive two-poles; the message says why."""


@dataclass(frozen=True)
class Part:
    """Elements of one kind: voltages E p (n_e,), with E (n_e, n) sparse, and their weights (n_e,), all positive."""

    E: Any  # CSR
    weight: Array

    @cached_property
    def matrix(self) -> Any:
        """E^T diag(weight) E, (n, n) CSR."""
        return (self.E.T @ sp.diags(self.weight) @ self.E).tocsr()

    def times(self, x: Array) -> Array:
        """E^T diag(weight) E x, (n, k), every voltage formed once."""
        return np.asarray(self.E.T @ (self.weight[:, None] * (self.E @ x)))

    def between(self, x: Array, y: Array, rows: int = 20_000) -> Array:
        """x^T E^T diag(weight) E y, (k, l), summed element by element."""
        out = np.zeros((x.shape[1], y.shape[1]))
        for start in range(0, len(self.weight), rows):
            E, w = self.E[start : start + rows], self.weight[start : start + rows, None]
            out += (E @ x).T @ (w * (E @ y))
        return out

    def root(self, x: Array, rows: int = 20_000) -> Array:
        """R (k', k), triangular, with R^T R = x^T E^T diag(weight) E x and its small directions kept, of x (n, k)."""
        R = np.empty((0, x.shape[1]))
        for start in range(0, len(self.weight), rows):
            E, w = self.E[start : start + rows], self.weight[start : start + rows, None]
            R = np.asarray(np.linalg.qr(np.concatenate([R, np.sqrt(w) * (E @ x)]), mode="r"))
        return R


@dataclass(frozen=True)
class NodalForm:
    """A network of n unknown potentials; parts: conductances [S], capacitances [F], then one for each of `laws`.

    place (N, m): the unknown of every node and field, `n` where it is the ground, NONE where there is none or nothing
    that a terminal drives reaches it; ports (P - 1,): unknowns of all terminals but the last; node (n,): the node of
    the grid behind each unknown, NONE for a terminal.
    """

    n: int
    place: Ints
    ports: Ints
    node: Ints
    parts: tuple[Part, ...]
    laws: tuple[AdmittanceLaw, ...]

    @property
    def n_nodes(self) -> int:
        """Nodes of the grid that carry unknowns, and one for terminals."""
        return len(np.unique(self.node))

    def factors(self, s: float) -> Array:
        """Of the parts at a real s = i w [rad/s]: (1, s, law_1, ...). NotReducible where a law is not positive there,
        or does not take s."""
        out = [1.0, s]
        for law in self.laws:
            y = _at_real(law, s)
            if not (np.isfinite(y) and abs(y.imag) <= EQUAL * abs(y) and y.real >= 0.0):
                raise NotReducible(f"an admittance law is {y:.3g} at s = {s:.3g} rad/s, no positive number")
            out.append(y.real)
        return np.array(out)

    def factors_at(self, omega: Array) -> Complex:
        """Of the parts at i w, (n_f, parts). NotReducible where a law leaves the first quadrant."""
        one = np.ones_like(omega, dtype=complex)
        out = np.stack([one, 1j * omega, *(np.asarray(law(omega)) * one for law in self.laws)], axis=1)
        if np.any(np.minimum(out.real, out.imag) < -EQUAL * np.abs(out)):
            raise NotReducible("an admittance law leaves the first quadrant of the complex plane")
        return out

    def matrix(self, s: float) -> Any:
        """The network at a real s, (n, n) CSR, symmetric and positive definite for s > 0."""
        return sum(f * part.matrix for f, part in zip(self.factors(s), self.parts, strict=True)).tocsr()

    def lifted(self, p: Complex, ground: Complex) -> Complex:
        """Potentials (n, k) of the unknowns and (k,) of the ground as (N, m, k), 0 where there is none."""
        padded = np.concatenate([p, np.broadcast_to(ground, (1, p.shape[1])), np.zeros((1, p.shape[1]))])
        return padded[np.where(self.place == NONE, self.n + 1, self.place)]

    def functional(self, nodes: Ints, weights: Array, row: int) -> Array:
        """The weighted mean of a field over nodes as a vector (n,) that acts on the unknowns. NotReducible where the
        field is driven by no terminal there."""
        at = self.place[nodes, row]
        if np.any(at == NONE):
            raise NotReducible("a reference plane lies where nothing that a terminal drives reaches it")
        out = np.zeros(self.n + 1)
        np.add.at(out, at, weights)
        return out[: self.n]


def _at_real(law: AdmittanceLaw, s: float) -> complex:
    """law at i w = s; a law that cannot take a complex w counts as not a number."""
    try:
        with warnings.catch_warnings(action="error", category=np.exceptions.ComplexWarning):
            return complex(np.asarray(law(np.array([-1j * s])))[0])
    except (TypeError, ValueError, np.exceptions.ComplexWarning):
        return complex("nan")


def nodal_form(blocks: Blocks) -> NodalForm:
    """The network of `blocks`. Raises NotReducible where they are none: away from rest, or with storage or reactions
    that are not reciprocal or not passive."""
    raw = _RawElements(blocks)
    raw.add_faces()
    raw.add_nodes()
    merged = raw.add_contacts()
    return _compressed(blocks, raw, merged)


class _RawElements:
    """Elements by part, between unknowns numbered node * m + field and terminals N m + port."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, m = blocks, blocks.n_fields
        self.direction = np.linalg.inv(blocks.regular_potential()) if len(blocks.potential) else None
        used = [e.law for e in blocks.extras] + [j.law for j in blocks.junctions] + [c.law for c in blocks.contacts]
        self.laws = tuple({id(law): law for law in used if law is not None}.values())
        self.part_of = {id(law): 2 + k for k, law in enumerate(self.laws)}
        self.two_poles: list[list[tuple[Ints, Ints, Array]]] = [[] for _ in range(2 + len(self.laws))]
        self.others: list[list[tuple[Ints, Array, Array]]] = [[] for _ in range(2 + len(self.laws))]
        self.ids = np.arange(blocks.n_nodes * m).reshape(-1, m)
        self.charge = np.arange(m) == m - 1 if blocks.has_phi else np.zeros(m, dtype=bool)

    def _in_potentials(self, values: Array, nodes: Ints | slice) -> Array:
        """Columns per potential, of unknowns that are there."""
        found = values if self.direction is None else values @ self.direction[nodes]
        return np.asarray(found * self.blocks.active[nodes][:, None, :])

    def _by_row(self, part: int, values: Array) -> list[tuple[int, Array]]:
        """Rows of currents stay in `part`; charges count as capacitances."""
        if not self.charge.any():
            return [(part, values)]
        charges = values * self.charge[:, None]
        if part and np.any(charges):
            raise NotReducible("the row of the electrostatic potential stores charge at a rate")
        return [(part, values * ~self.charge[:, None]), (1, charges)]

    def add_faces(self) -> None:
        b = self.blocks
        every = np.arange(len(b.left))
        local = {0: [(every, b.K_left, b.K_right)]}
        for j in b.junctions:
            local.setdefault(1, []).append((j.faces, j.left_c, j.right_c))
            if j.law is not None:
                local.setdefault(self.part_of[id(j.law)], []).append((j.faces, j.left_e, j.right_e))
        for part, groups in local.items():
            for faces, K_left, K_right in groups:
                left, right = b.left[faces], b.right[faces]
                K = np.concatenate([self._in_potentials(K_left, left), -self._in_potentials(K_right, right)], axis=2)
                for to, rows in self._by_row(part, K):
                    self._add_local_faces(to, left, right, rows)

    def _add_local_faces(self, part: int, left: Ints, right: Ints, K: Array) -> None:
        """Fluxes K (n, m, 2 m) from left to right, of the potentials of both."""
        some = np.any(K != 0.0, axis=(1, 2))
        left, right, K = left[some], right[some], K[some]
        m, active = self.blocks.n_fields, self.blocks.active
        M = np.concatenate([K * active[left][:, :, None], -K * active[right][:, :, None]], axis=1)
        M, network = _reciprocal(M, "a flux")
        self._add_network(part, np.concatenate([self.ids[left], self.ids[right]], axis=1)[network], M[network])
        G = M[~network]
        if len(G):
            scale = EQUAL * np.abs(G).max(axis=(1, 2), keepdims=True)
            if np.any(np.abs(G[:, :m, :m] + G[:, :m, m:]) > scale) or np.any(
                np.abs(G[:, :m, :m] - G[:, m:, m:]) > scale
            ):
                raise NotReducible("a flux does not follow the difference of potentials across its face")
            ids = np.concatenate([self.ids[left], self.ids[right]], axis=1)[~network]
            for values, weight in _factors(G[:, :m, :m], "a flux"):
                self._add_general(part, ids, np.concatenate([values, -values], axis=1), weight)

    def add_nodes(self) -> None:
        b, every = self.blocks, np.arange(self.blocks.n_nodes)
        groups = [(0, every, b.S_g), (1, every, b.S_c)]
        groups += [(self.part_of[id(e.law)], e.nodes, e.matrix) for e in b.extras]
        total: dict[int, list[tuple[Ints, Array]]] = {}
        for part, nodes, S in groups:
            for to, rows in self._by_row(part, self._in_potentials(S, nodes)):
                total.setdefault(to, []).append((nodes, rows * b.active[nodes][:, :, None]))
        for part, pieces in total.items():
            M = np.zeros_like(b.S_g)
            for nodes, rows in pieces:
                np.add.at(M, nodes, rows)
            some = np.any(M != 0.0, axis=(1, 2))
            ids, M = self.ids[some], M[some]
            M, network = _reciprocal(M, "storage or a reaction")
            self._add_network(part, ids[network], M[network])
            if not network.all():
                for values, weight in _factors(M[~network], "storage or a reaction"):
                    if np.any((np.abs(values.sum(axis=1)) > EQUAL) & (weight > 0)):
                        raise NotReducible("storage or a reaction depends on the level of all potentials of a node")
                    self._add_general(part, ids[~network], values, weight)

    def add_contacts(self) -> list[tuple[Ints, int]]:
        """Elements between nodes and terminals; returns the unknowns that strong contacts make one with a terminal."""
        merged, first = [], self.ids.size
        for c in self.blocks.contacts:
            t = c.t if self.direction is None else np.einsum("nm,nmk->nk", c.t, self.direction[c.nodes])
            if np.any(np.abs(t - (np.arange(t.shape[1]) == c.row)) > EQUAL):
                raise NotReducible("a contact does not act on a potential alone")
            at, port = self.ids[c.nodes, c.row], first + c.port
            if c.strong:
                merged.append((at, port))
                continue
            to = np.full_like(at, port)
            for part, y in ((0, c.conductance), (1, c.capacitance)):
                self._add_two_poles(part, at, to, y, "a contact")
            if c.law is not None:
                self._add_two_poles(self.part_of[id(c.law)], at, to, c.weight, "a contact")
        return merged

    def _add_network(self, part: int, ids: Ints, M: Array) -> None:
        """Two-poles from the off-diagonals of local matrices M (n, k, k)."""
        for i in range(M.shape[1]):
            for j in range(i + 1, M.shape[1]):
                self._add_two_poles(part, ids[:, i], ids[:, j], -M[:, i, j], "a local law")

    def _add_two_poles(self, part: int, a: Ints, b: Ints, weight: Array, what: str) -> None:
        if np.any(weight < 0):
            raise NotReducible(f"{what} has a negative conductance or capacitance")
        keep = weight > 0
        if keep.any():
            self.two_poles[part].append((a[keep], b[keep], weight[keep]))

    def _add_general(self, part: int, ids: Ints, values: Array, weight: Array) -> None:
        keep = weight > 0
        if keep.any():
            self.others[part].append((ids[keep], values[keep], weight[keep]))


def _reciprocal(M: Array, what: str) -> tuple[Array, Bools]:
    """Local matrices (n, k, k) made symmetric, and which of them are networks of two-poles: no positive off-diagonal,
    no sum of a row but zero. NotReducible where they are not symmetric to rounding.

    Of two entries that should be equal the smaller is taken: the other may be what a large diagonal has rounded.
    """
    diagonal = np.einsum("nii->ni", M)
    size = np.maximum(diagonal[:, :, None], diagonal[:, None, :])
    mirror = M.transpose(0, 2, 1)
    if np.any(diagonal < 0):
        raise NotReducible(f"{what} has a negative conductance or capacitance")
    if np.any(np.abs(M - mirror) > EQUAL * size):
        raise NotReducible(f"{what} is not reciprocal: the system is not at rest, or its laws are not symmetric")
    M = np.where(np.abs(M) <= np.abs(mirror), M, mirror)
    noise = 1e-13 * np.sqrt(diagonal[:, :, None] * diagonal[:, None, :])
    off = ~np.eye(M.shape[1], dtype=bool)
    M = np.where(off & (np.abs(M) <= noise), 0.0, M)
    network = ~np.any((M > 0) & off, axis=(1, 2)) & np.all(np.abs(M.sum(axis=2)) <= EQUAL * diagonal, axis=1)
    return M, network


def _factors(M: Array, what: str) -> list[tuple[Array, Array]]:
    """Vectors (n, k) and weights (n,) with M = sum of weight v v^T, by elimination without square roots. NotReducible
    unless positive semidefinite to rounding."""
    rest, diagonal, out = M.copy(), np.einsum("nii->ni", M), []
    for i in range(M.shape[1]):
        pivot = rest[:, i, i]
        if np.any(pivot < -EQUAL * diagonal[:, i]):
            raise NotReducible(f"{what} is not passive")
        keep = pivot > 1e-14 * diagonal[:, i]
        vector = np.where(keep[:, None], rest[:, i] / np.where(keep, pivot, 1.0)[:, None], 0.0)
        weight = np.where(keep, pivot, 0.0)
        rest = rest - weight[:, None, None] * vector[:, :, None] * vector[:, None, :]
        out.append((vector, weight))
    if np.any(np.abs(rest) > EQUAL * diagonal.max(axis=1)[:, None, None]):
        raise NotReducible(f"{what} is not passive")
    return out


def _compressed(blocks: Blocks, raw: _RawElements, merged: Sequence[tuple[Ints, int]]) -> NodalForm:
    """Number what terminals reach, those unknowns that are one with a terminal as that terminal."""
    size, P = raw.ids.size, blocks.n_ports
    same = np.arange(size + P)
    for at, port in merged:
        if np.any(same[at] != at):
            raise NotReducible("two strong contacts impose a voltage on the same field at the same node")
        same[at] = port
    parts = [[(same[a], same[b], w) for a, b, w in part] for part in raw.two_poles]
    others = [[(same[ids], values, w) for ids, values, w in part] for part in raw.others]
    label = _connected(size + P, parts, others)
    if np.any(label[size:] != label[-1]):
        raise NotReducible("no current passes between some of the terminals at any frequency")
    reached = label == label[-1]
    reached[:size] &= blocks.active.ravel() & (same[:size] == np.arange(size))
    reached[-1] = False
    n = int(reached.sum())
    number = np.full(size + P, NONE)
    number[reached] = np.arange(n)
    number[-1] = n  # the ground
    place = np.where(blocks.active.ravel(), number[same[:size]], NONE).reshape(raw.ids.shape)
    node = np.where(np.arange(size + P) < size, np.arange(size + P) // blocks.n_fields, NONE)[reached]
    built = tuple(_part(n, number, own, other) for own, other in zip(parts, others, strict=True))
    return NodalForm(n, place, number[size : size + P - 1], node, built, raw.laws)


def _connected(size: int, parts: Sequence[Any], others: Sequence[Any]) -> Ints:
    """Label (size,) of the set of unknowns that elements of any part join."""
    ends = [(a, b) for part in parts for a, b, _ in part]
    for ids, values, _ in (group for part in others for group in part):
        first = ids[np.arange(len(ids)), np.argmax(values != 0.0, axis=1)]
        ends += [(first[values[:, k] != 0.0], ids[values[:, k] != 0.0, k]) for k in range(ids.shape[1])]
    a, b = (np.concatenate(side) for side in zip(*ends, strict=True))
    graph = sp.coo_matrix((np.ones(len(a)), (a, b)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _part(n: int, number: Ints, two_poles: Sequence[Any], others: Sequence[Any]) -> Part:
    """Elements among numbered unknowns, without those that nothing reaches or whose ends are one."""
    rows, columns, values, weights, count = [], [], [], [], 0
    groups = [(np.stack([a, b], axis=1), np.tile([1.0, -1.0], (len(a), 1)), w) for a, b, w in two_poles]
    for ids, coefficients, w in [*groups, *others]:
        at = number[ids]
        rows.append(np.repeat(count + np.arange(len(w)), ids.shape[1]))
        live = (at != NONE) & (at < n)
        columns.append(np.where(live, at, 0).ravel())
        values.append(np.where(live, coefficients, 0.0).ravel())
        weights.append(w)
        count += len(w)
    if not count:
        return Part(sp.csr_matrix((0, n)), np.empty(0))
    E = sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, n))
    E.eliminate_zeros()
    weight = np.concatenate(weights)
    keep = np.flatnonzero(np.diff(E.indptr) > 0)
    return Part(E[keep], weight[keep])
