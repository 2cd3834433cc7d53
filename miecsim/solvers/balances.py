"""The blocks of a small-signal problem as sparse matrices: fluxes, nodes and contacts, static parts and laws apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import AdmittanceLaw, Blocks, PortContact
from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Complex, Ints


@dataclass(frozen=True)
class Terms:
    """A matrix M(w) = sum_k s_k(w) parts[k], with s = (1, i w, law_1(w), ...)."""

    parts: tuple[Any, ...]  # CSR, real, one shape

    def times(self, s: Complex, x: Complex) -> Complex:
        """M(w) x, (n, P); part by part, so that large static terms cancel before others join."""
        real = np.ascontiguousarray(x).view(float)
        out = np.zeros((self.parts[0].shape[0], x.shape[1]), dtype=complex)
        for part, factor in zip(self.parts, s, strict=True):
            if part.nnz:
                out += factor * (part @ real).view(complex)
        return out

    def magnitude(self, s: Complex, x: Array) -> Array:
        """|M(w)| x for x >= 0, term by term."""
        out = np.zeros((self.parts[0].shape[0], x.shape[1]))
        for part, factor in zip(self.parts, s, strict=True):
            if part.nnz:
                out += abs(factor) * (abs(part) @ x)
        return out

    def after(self, left: Any) -> Terms:
        """left @ M(w), without entries that cancel."""
        return Terms(tuple(clean(left @ part) for part in self.parts))

    def plus(self, other: Terms) -> Terms:
        return Terms(tuple(clean(a + b) for a, b in zip(self.parts, other.parts, strict=True)))


def clean(part: Any) -> Any:
    """CSR, sorted, without stored zeros."""
    part = sp.csr_matrix(part)
    part.eliminate_zeros()
    part.sort_indices()
    return part


class _Collector:
    """Collects dense blocks into the parts of a Terms."""

    def __init__(self, n_parts: int, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.entries: list[list[tuple[Ints, Ints, Array]]] = [[] for _ in range(n_parts)]

    def add(self, part: int, rows: Ints, columns: Ints, values: Array) -> None:
        """values (n, a, b) at rows (n, a) and columns (n, b)."""
        rows, columns, values = np.broadcast_arrays(rows[:, :, None], columns[:, None, :], values)
        keep = values != 0.0
        self.entries[part].append((rows[keep], columns[keep], values[keep]))

    def terms(self) -> Terms:
        parts = []
        for entries in self.entries:
            rows, columns, values = (np.concatenate(e) for e in zip(*entries, strict=True)) if entries else ([], [], [])
            parts.append(clean(sp.coo_matrix((values, (rows, columns)), shape=self.shape)))
        return Terms(tuple(parts))


@dataclass(frozen=True)
class Balances:
    """The blocks as sparse matrices over the unknowns node * m + field, faces and nodes and contacts apart.

    faces: fluxes (F m) from unknowns; incidence E: +1 where a flux leaves, -1 where it enters; nodes: S without
    contacts; contacts: y t; drive: y, (N m, P), per port voltage.
    """

    shape: tuple[int, int]
    laws: tuple[AdmittanceLaw, ...]
    incidence: Any
    faces: Terms
    nodes: Terms
    contacts: Terms
    drive: Terms
    fixed: Any  # (N m, N m): t of strong contacts, 1 where a field is absent
    fixed_drive: Any  # (N m, P)
    current: Bools  # (N m,) whether a row is in amperes: all but that of phi

    @classmethod
    def from_blocks(cls, blocks: Blocks) -> Balances:
        """Raises InputError when two strong contacts take the same balance."""
        m, size, n_faces = blocks.n_fields, blocks.n_nodes * blocks.n_fields, len(blocks.left)
        laws = _laws(blocks)
        at = {id(law): 2 + k for k, law in enumerate(laws)}
        faces = _Collector(2 + len(laws), (n_faces * m, size))
        nodes, contacts = (_Collector(2 + len(laws), (size, size)) for _ in range(2))
        drive = _Collector(2 + len(laws), (size, blocks.n_ports))
        every, of_face = np.arange(blocks.n_nodes), unknowns(np.arange(n_faces), m)
        left, right = unknowns(blocks.left, m), unknowns(blocks.right, m)
        faces.add(0, of_face, left, blocks.K_left)
        faces.add(0, of_face, right, -blocks.K_right)
        nodes.add(0, unknowns(every, m), unknowns(every, m), blocks.S_g)
        nodes.add(1, unknowns(every, m), unknowns(every, m), blocks.S_c)
        for extra in blocks.extras:
            nodes.add(at[id(extra.law)], unknowns(extra.nodes, m), unknowns(extra.nodes, m), extra.matrix)
        for j in blocks.junctions:
            for part, K_left, K_right in ((1, j.left_c, j.right_c), (at.get(id(j.law), 0), j.left_e, j.right_e)):
                if part:
                    faces.add(part, of_face[j.faces], left[j.faces], K_left)
                    faces.add(part, of_face[j.faces], right[j.faces], -K_right)
        for contact in blocks.contacts:
            for part, y in _admittance_parts(contact, at):
                row = (contact.nodes * m + contact.row)[:, None]
                contacts.add(part, row, unknowns(contact.nodes, m), (y[:, None] * contact.t)[:, None, :])
                drive.add(part, row, np.full_like(row, contact.port), y[:, None, None])
        active = sp.diags(blocks.active.ravel().astype(float))
        incidence = sp.coo_matrix(
            (np.repeat([1.0, -1.0], n_faces * m), (np.r_[left.ravel(), right.ravel()], np.tile(of_face.ravel(), 2))),
            shape=(size, n_faces * m),
        )
        return cls(
            (blocks.n_nodes, m),
            laws,
            clean(active @ incidence),
            faces.terms(),
            nodes.terms().after(active),
            contacts.terms().after(active),
            drive.terms().after(active),
            *_fixed(blocks),
            (np.arange(size) % m < m - 1) | (not blocks.has_phi),
        )

    def factors(self, omega: Array) -> Complex:
        """s = (1, i w, law_1(w), ...) per frequency, (n_f, k)."""
        s = [np.ones_like(omega, dtype=complex), 1j * omega, *(np.asarray(law(omega)) for law in self.laws)]
        return np.stack(s, axis=1)

    def strengths(self) -> tuple[Array, Array]:
        """Of each flux (F m,) and each balance's contacts (N m,): the largest coefficient relative to that of faces.

        Only coefficients of the same unknown in the same equation compare. Contacts count by their static part.
        """
        m = self.shape[1]
        faces = [abs(part).tocoo() for part in self.faces.parts]
        largest = np.zeros((len(faces), m * m))
        for part, of_part in zip(faces, largest, strict=True):
            np.maximum.at(of_part, _kind(part, m), part.data)
        flux, contact = np.zeros(self.incidence.shape[1]), np.zeros(self.incidence.shape[0])
        for part, of_part in zip(faces, largest, strict=True):
            np.maximum.at(flux, part.row, part.data / of_part[_kind(part, m)])
        held = abs(self.contacts.parts[0]).tocoo()
        reference = largest[0][_kind(held, m)]
        np.maximum.at(contact, held.row, np.divide(held.data, reference, out=held.data.copy(), where=reference > 0))
        return flux, contact

    def connected(self, fluxes: Ints, exchange: bool = False) -> Ints:
        """Label (N m,) of the set of balances that some of the fluxes join, or an exchange of charge within a node."""
        joints = [abs(self.incidence).tocsc()[:, fluxes]]
        for part in self.nodes.parts if exchange else ():
            currents = sp.diags(self.current.astype(float)) @ part
            net, gross = (np.abs(np.asarray(v.sum(axis=0)).ravel()) for v in (currents, abs(currents)))
            joints.append(abs(currents) @ sp.diags((net <= 1e-3 * gross).astype(float)))
        used = sp.hstack(joints)
        return np.asarray(connected_components(used @ used.T, directed=False)[1], dtype=np.int64)


def _kind(entries: Any, m: int) -> Ints:
    return np.asarray((entries.row % m) * m + entries.col % m)


def unknowns(nodes: Ints, m: int) -> Ints:
    """The numbers node * m + field of the unknowns of nodes, (n, m)."""
    return np.asarray(nodes)[:, None] * m + np.arange(m)


def _laws(blocks: Blocks) -> tuple[AdmittanceLaw, ...]:
    found = [e.law for e in blocks.extras] + [j.law for j in blocks.junctions] + [c.law for c in blocks.contacts]
    return tuple({id(law): law for law in found if law is not None}.values())


def _admittance_parts(contact: PortContact, at: dict[int, int]) -> list[tuple[int, Array]]:
    if contact.strong:
        return []
    parts = [(0, contact.conductance), (0 if contact.charge_row else 1, contact.capacitance)]
    return parts + ([(at[id(contact.law)], contact.weight)] if contact.law is not None else [])


def _fixed(blocks: Blocks) -> tuple[Any, Any]:
    """Rows that are not balances: t . u = V of strong contacts, u = 0 of absent fields."""
    m, size = blocks.n_fields, blocks.n_nodes * blocks.n_fields
    rows = _Collector(1, (size, size))
    drive = _Collector(1, (size, blocks.n_ports))
    absent = np.flatnonzero(~blocks.active.ravel())[:, None]
    rows.add(0, absent, absent, np.ones((len(absent), 1, 1)))
    for contact in blocks.contacts:
        if contact.strong:
            row = (contact.nodes * m + contact.row)[:, None]
            rows.add(0, row, unknowns(contact.nodes, m), contact.t[:, None, :])
            drive.add(0, row, np.full_like(row, contact.port), np.ones((len(row), 1, 1)))
    (fixed,), (fixed_drive,) = rows.terms().parts, drive.terms().parts
    if fixed_drive.nnz and np.diff(fixed_drive.indptr).max() > 1:
        raise InputError("contacts: two strong contacts impose a voltage on the same field at the same node")
    return fixed, fixed_drive


@dataclass(frozen=True)
class Readings:
    """How the currents of the ports are read from a solution, each with a bound of its rounding noise.

    The current of one field at a port is that of its contacts (`pair`: connected set of balances, port). All pairs of a
    set together carry what its nodes take up, and all ports together what the cell takes up (nothing, where each
    node passes on all charge it gets). The noisiest of such currents is known from the others: near a driven contact
    every flux is a difference of potentials near 1 V, and may be far smaller than what that rounds away.
    """

    blocks: Blocks
    balances: Balances
    rows: Ints  # (e,) balance that each node of each contact acts on
    pair: Any  # (pairs, e) sums them over one port and one connected set
    port: Any  # (P, pairs) sums those over the sets
    charge: Bools  # (pairs,) whether the balance is one of charge
    first: Ints  # (sets + 1,) where the pairs of each set begin
    sums: Any  # (sets, N m) sum over the balances of a set
    leaving: Any  # (sets, F m) fluxes that leave the set
    uptake: Terms  # (1, N m) what all nodes take up, with factors (s, i w s)

    @classmethod
    def of(cls, blocks: Blocks) -> Readings:
        own, contacts, m = Balances.from_blocks(blocks), blocks.contacts, blocks.n_fields
        label = own.connected(np.flatnonzero(own.strengths()[0] > 0))
        rows = np.concatenate([c.nodes * m + c.row for c in contacts])
        port = np.concatenate([np.full(len(c.nodes), c.port) for c in contacts])
        pairs, pair = np.unique(np.stack([label[rows], port]), axis=1, return_inverse=True)
        sets, first = np.unique(pairs[0], return_index=True)
        charge = np.zeros(pairs.shape[1], dtype=bool)
        charge[pair] = np.concatenate([np.full(len(c.nodes), c.charge_row) for c in contacts])
        sums = clean(_summing(label)[sets])
        return cls(
            blocks,
            own,
            rows,
            _summing(pair),
            _summing(pairs[1], blocks.n_ports),
            charge,
            np.append(first, pairs.shape[1]),
            sums,
            clean(sums @ own.incidence),
            _uptake(own),
        )

    def currents(self, omega: float, s: Complex, x: Complex, V: Complex) -> Complex:
        """(P, P_exc) of the unknowns x (N, m, P_exc) for port voltages V (P, P_exc)."""
        x = x.reshape(-1, V.shape[1])
        read, doubt, total, total_doubt = self._at_contacts(omega, s, x, V)
        current, doubt = _cleanest(self.pair @ read, self.pair @ doubt, total, total_doubt, self.first)
        current[self.charge] *= 1j * omega
        doubt[self.charge] *= omega
        uptake, every = np.concatenate([s, 1j * omega * s]), np.array([0, len(V)])
        total, total_doubt = self.uptake.times(uptake, x), self.uptake.magnitude(uptake, np.abs(x))
        return _cleanest(self.port @ current, self.port @ doubt, total, total_doubt, every)[0]

    def _at_contacts(self, omega: float, s: Complex, x: Complex, V: Complex) -> tuple[Complex, Array, Complex, Array]:
        """Currents (or charges) at the nodes of all contacts and into all sets, each with its noise."""
        own, size = self.balances, np.abs(x)
        nodes, noise, flux = own.nodes.times(s, x), own.nodes.magnitude(s, size), own.faces.times(s, x)
        total = self.sums @ nodes + self.leaving @ flux
        total_doubt = self.sums @ noise + abs(self.leaving) @ own.faces.magnitude(s, size)
        balance = nodes + own.contacts.times(s, x) + own.incidence @ flux - own.drive.times(s, V)
        noise = noise + abs(own.incidence) @ own.faces.magnitude(s, size)
        read, doubt, end = balance[self.rows], noise[self.rows], 0
        for c in self.blocks.contacts:
            start, end = end, end + len(c.nodes)
            if not c.strong:
                y = c.admittance(np.array([omega]))[0][:, None]
                u = x.reshape(*own.shape, -1)[c.nodes]
                read[start:end] = y * (V[c.port] - np.einsum("nm,nmp->np", c.t, u))
                doubt[start:end] = np.abs(y) * (np.abs(V[c.port]) + np.einsum("nm,nmp->np", np.abs(c.t), np.abs(u)))
        return read, doubt, total, total_doubt


def _summing(into: Ints, n: int | None = None) -> Any:
    """Matrix (n, len(into)) that adds entry k to row into[k]."""
    n = int(into.max()) + 1 if n is None else n
    return sp.csr_matrix((np.ones(len(into)), (into, np.arange(len(into)))), shape=(n, len(into)))


def _uptake(balances: Balances) -> Terms:
    """What all nodes take up, (1, N m), with factors (s, i w s): current rows count as they are, charge rows by i w."""
    current = balances.nodes.after(sp.csr_matrix(balances.current.astype(float))).parts
    stored = balances.nodes.after(sp.csr_matrix((~balances.current).astype(float))).parts
    joined = clean(current[1] + stored[0])
    return Terms((current[0], joined, *current[2:], sp.csr_matrix(stored[0].shape), *stored[1:]))


def _cleanest(current: Complex, doubt: Array, total: Complex, total_doubt: Array, first: Ints) -> tuple[Complex, Array]:
    """Replace the most doubtful of each segment of currents by the total less the others, where that is cleaner."""
    current, doubt, every = current.copy(), doubt.copy(), np.arange(current.shape[1])
    for k, (a, z) in enumerate(zip(first, first[1:], strict=False)):
        worst = a + doubt[a:z].argmax(axis=0)
        others = total[k] - (current[a:z].sum(axis=0) - current[worst, every])
        other_doubt = total_doubt[k] + doubt[a:z].sum(axis=0) - doubt[worst, every]
        better = other_doubt < doubt[worst, every]
        current[worst[better], every[better]] = others[better]
        doubt[worst[better], every[better]] = other_doubt[better]
    return current, doubt
