"""The blocks of a small-signal problem as sparse matrices: fluxes, nodes and contacts, static parts and laws apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import AdmittanceLaw, Blocks, PortContact
from miecsim.errors import InputError
from miecsim.typing import Array, Complex, Ints


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
        )

    def factors(self, omega: Array) -> Complex:
        """s = (1, i w, law_1(w), ...) per frequency, (n_f, k)."""
        s = [np.ones_like(omega, dtype=complex), 1j * omega, *(np.asarray(law(omega)) for law in self.laws)]
        return np.stack(s, axis=1)

    def strengths(self) -> Array:
        """(F m,) of each flux: its largest coefficient, relative to the same coefficient of all faces."""
        m = self.shape[1]
        out = np.zeros(self.incidence.shape[1])
        for part in self.faces.parts:
            entries = abs(part).tocoo()
            kind = (entries.row % m) * m + entries.col % m  # coefficients of different unknowns do not compare
            largest = np.zeros(m * m)
            np.maximum.at(largest, kind, entries.data)
            np.maximum.at(out, entries.row, entries.data / largest[kind])
        return out

    def connected(self, fluxes: Ints) -> Ints:
        """Label (N m,) of the set of balances that some of the fluxes join."""
        used = abs(self.incidence).tocsc()[:, fluxes]
        return np.asarray(connected_components(used @ used.T, directed=False)[1], dtype=np.int64)


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
