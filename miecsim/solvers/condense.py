"""Particles eliminated from small-signal equations, exactly, before anything else is solved.

What hangs behind a control volume answers to the fields of that volume alone, so that at every frequency it is an
admittance of the volume. With a single field at the surface, the response of the particles there, Y(w) = y/(y + k)
with y that of the shells (`solvers.ladders`), multiplies a fixed matrix

    rho (x) K_left    rho: what enters each row per unit of what enters the particle,

and with a second field at the surface, of charge that passes a film (g) after reaction and double layer (s = b Y + d),
two: s g/(s + g) between the two rails, and Y g/(s + g) for what else drives the reaction.

Particles alike in every state share one evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.blocks import AdmittanceLaw, Blocks, JunctionBlocks, NodeExtra
from miecsim.grid.pendants import Tree
from miecsim.solvers.ladders import Ladders
from miecsim.system import System, as_slice
from miecsim.typing import Array, Complex, Ints

EXACT = 1e-12  # relative, of what the laws of physics make equal


@dataclass(frozen=True)
class Side:
    """Admittance per surface g + i w c + sum of weight law(w), each (G,), on one side of a film."""

    g: Array
    c: Array
    laws: tuple[tuple[AdmittanceLaw, Array], ...]

    def at(self, omega: Array) -> Complex:
        y = self.g[:, None] + 1j * omega * self.c[:, None]
        for law, weight in self.laws:
            y = y + weight[:, None] * law(omega)
        return np.asarray(y, dtype=complex)


@dataclass(frozen=True)
class Film:
    """A film in front of a surface: `before` it, from the electrons to the surface, the double layer; the reaction b
    (G,); `through` it. row: number of the field at the surface; e, i: those in front; share (n,): what leaves e per
    unit of what enters the particle."""

    before: Side
    b: Array
    through: Side
    row: int
    e: int
    i: int
    share: Array

    def terms(self, Y: Complex, omega: Array) -> tuple[Complex, Complex]:
        """s g/(s + g) and Y g/(s + g), per surface and per reaction, each (G, n_f)."""
        s = self.b[:, None] * Y + self.before.at(omega)
        g = self.through.at(omega)
        return s * g / (s + g), Y * g / (s + g)


@dataclass(frozen=True)
class Pendant:
    """The particles of one kind behind n control volumes, of G different states.

    state (n,) of each; ladders per surface; into (n, m): K_left of what enters the particle, of all fields; inside: the
    number of that field; matrix (J, n, m, m) over the fields of the trunk, J = 1, or 2 with a film.
    """

    tree: Tree
    state: Ints
    inside: int
    into: Array
    ladders: Ladders
    film: Film | None
    matrix: Array

    @property
    def nodes(self) -> Ints:
        """The control volumes that carry the particles, (n,)."""
        return self.tree.particles.parents


@dataclass(frozen=True)
class Condensed:
    """Small-signal equations without their particles, and what those add.

    trunk: the blocks of the nodes that belong to no particle, in the fields that live there; rows (m,): their numbers
    among all fields.
    """

    trunk: Blocks
    rows: tuple[int, ...]
    pendants: tuple[Pendant, ...]

    @property
    def n_values(self) -> int:
        """Number of frequency-dependent scalars."""
        return sum(len(p.matrix) * len(p.ladders.link) for p in self.pendants)

    def values(self, omega: Array, compiled: bool = False) -> list[Complex]:
        """The scalars of each pendant, (J, G, n_f)."""
        out = []
        for p, Y in zip(self.pendants, self._passing(omega, compiled), strict=True):
            out.append(Y[None] if p.film is None else np.stack(p.film.terms(Y, omega)[: len(p.matrix)]))
        return out

    @cached_property
    def _side_by_side(self) -> list[tuple[Ladders, list[tuple[int, slice]]]]:
        """Ladders of as many shells together, with the pendants that they belong to and their places."""
        by_length: dict[int, list[int]] = {}
        for i, p in enumerate(self.pendants):
            by_length.setdefault(len(p.ladders.a), []).append(i)
        out = []
        for alike in by_length.values():
            parts = [self.pendants[i].ladders for i in alike]
            ends = np.cumsum([0] + [len(part.link) for part in parts])
            places = [slice(int(start), int(stop)) for start, stop in pairwise(ends)]
            out.append((Ladders.joined(parts), list(zip(alike, places, strict=True))))
        return out

    def _passing(self, omega: Array, compiled: bool) -> list[Complex]:
        """Y of each pendant, (G, n_f)."""
        found: dict[int, Complex] = {}
        for ladders, places in self._side_by_side:
            Y = ladders.passing(omega, compiled)
            found.update({i: Y[at] for i, at in places})
        return [found[i] for i in range(len(self.pendants))]

    def at(self, omega: Array) -> Blocks:
        """The blocks of the trunk with the particles as elements, for these frequencies only."""
        extras = list(self.trunk.extras)
        for p, values in zip(self.pendants, self.values(omega), strict=True):
            for matrix, scalars in zip(p.matrix, values, strict=True):
                for g, y in enumerate(scalars):
                    at = np.flatnonzero(p.state == g)
                    extras.append(NodeExtra(Tabulated(omega, y), p.nodes[at], matrix[at]))
        return replace(self.trunk, extras=tuple(extras))


class Tabulated:
    """An admittance known at some angular frequencies, and asked for at those alone."""

    def __init__(self, omega: Array, y: Complex) -> None:
        self.order = np.argsort(omega)
        self.omega, self.y = omega[self.order], y[self.order]

    def __call__(self, omega: Array) -> Complex:
        at = np.searchsorted(self.omega, omega)
        if np.any(at >= self.omega.size) or np.any(self.omega[np.minimum(at, self.omega.size - 1)] != omega):
            raise ValueError("an admittance was asked for at a frequency at which it was not evaluated")
        return self.y[at]


def condense(system: System, u: Array, blocks: Blocks) -> Condensed | None:
    """`blocks`, the linearisation of `system` about u (m, N), with every tree eliminated.

    None where there are no trees, or one is not of the form above (then the whole system is to be solved).
    """
    nodes = system.nodes
    if not nodes.trees:
        return None
    n, n_faces = nodes.trunk, nodes.left.size - sum(tree.faces.size for tree in nodes.trees)
    rows = np.flatnonzero(blocks.active[:n].any(axis=0))
    pendants = []
    for tree in nodes.trees:
        pendant = _Reader(blocks, tree, u, rows).pendant()
        if pendant is None:
            return None
        pendants.append(pendant)
    junctions = tuple(j for j in blocks.junctions if np.all(j.faces < n_faces))
    trunk = _trunk(blocks, n, n_faces, rows, junctions, nodes.chain)
    return Condensed(trunk, tuple(int(r) for r in rows), tuple(pendants))


def _trunk(
    blocks: Blocks, n: int, n_faces: int, rows: Ints, junctions: Sequence[JunctionBlocks], chain: bool
) -> Blocks:
    """The blocks of the first n nodes and n_faces faces, in some of the fields."""

    def part(a: Array) -> Array:
        return np.ascontiguousarray(a[..., rows, :][..., rows])

    number = {int(row): k for k, row in enumerate(rows)}
    return replace(
        blocks,
        left=blocks.left[:n_faces],
        right=blocks.right[:n_faces],
        K_left=part(blocks.K_left[:n_faces]),
        K_right=part(blocks.K_right[:n_faces]),
        S_g=part(blocks.S_g[:n]),
        S_c=part(blocks.S_c[:n]),
        active=blocks.active[:n][:, rows],
        contacts=tuple(replace(c, row=number[c.row], t=c.t[:, rows]) for c in blocks.contacts),
        extras=tuple(replace(e, matrix=part(e.matrix)) for e in blocks.extras),
        junctions=tuple(
            JunctionBlocks(j.faces, part(j.left_c), part(j.right_c), j.law, part(j.left_e), part(j.right_e))
            for j in junctions
        ),
        chain=chain,
        potential=part(blocks.potential[:n]),
    )


class _Reader:
    """Reads the blocks of one tree."""

    def __init__(self, blocks: Blocks, tree: Tree, u: Array, rows: Ints) -> None:
        self.blocks, self.tree, self.rows = blocks, tree, rows
        self.parents = tree.particles.parents
        self.first, self.state = _states(np.concatenate([u[:, self.parents].T, _by_parent(u[:, tree.ids])], axis=1))
        self.K_left, self.K_right = blocks.K_left[tree.faces[:, 0]], blocks.K_right[tree.faces[:, 0]]

    def pendant(self) -> Pendant | None:
        """None where the tree is of another form."""
        shell_fields = np.flatnonzero(_gathered(self.blocks.active, self.tree.ids)[:, 1:].any(axis=(0, 1)))
        surface_fields = np.flatnonzero(self.blocks.active[self.tree.surface].any(axis=0))
        if len(shell_fields) != 1 or len(surface_fields) > 2 or shell_fields[0] not in surface_fields:
            return None
        inside = int(shell_fields[0])
        ladders = self._ladders(inside)
        if ladders is None:
            return None
        others = [int(k) for k in surface_fields if k != inside]
        return self._bare(inside, ladders) if not others else self._filmed(inside, others[0], ladders)

    def _ladders(self, inside: int) -> Ladders | None:
        """One chain of shells for every state, per surface."""
        blocks, ids, surface = self.blocks, self.tree.ids, self.tree.particles.surface
        if np.any(_gathered(blocks.S_g, ids)) or np.any(blocks.S_c[ids[:, 0]]) or self._has_elements():
            return None
        own = (Ellipsis, inside, inside)
        faces = [_gathered(K[own], self.tree.faces) for K in (blocks.K_left, blocks.K_right)]
        absolute = (faces[0][:, 1:], faces[1], _gathered(blocks.S_c[own], ids)[:, 1:])
        parts = [part / surface[:, None] for part in absolute]
        if not all(_alike(part, part[self.first][self.state]) for part in parts):
            return None
        left, right, V = (part[self.first] for part in parts)
        return Ladders.of(left, right[:, 1:], V, right[:, 0])

    def _has_elements(self) -> bool:
        """Whether an element or a junction sits among the shells."""
        ids, inner = self.tree.ids, self.tree.faces[:, 1:]
        return any(np.isin(e.nodes, ids).any() for e in self.blocks.extras) or any(
            np.isin(j.faces, inner).any() for j in self.blocks.junctions
        )

    def _at_surface(self) -> list[JunctionBlocks]:
        return [j for j in self.blocks.junctions if np.isin(j.faces, self.tree.faces[:, 0]).any()]

    def _bare(self, inside: int, ladders: Ladders) -> Pendant | None:
        """One field at the surface: every row carries its share of what enters the particle."""
        share = self._shares(inside)
        into = self.K_left[:, inside]
        if not _are_signs(share) or self._at_surface() or not _alike(self.K_left, share[:, :, None] * into[:, None, :]):
            return None
        matrix = share[:, self.rows, None] * into[:, None, self.rows]
        return Pendant(self.tree, self.state, inside, into, ladders, None, matrix[None])

    def _shares(self, inside: int) -> Array:
        """What leaves the control volume in each row per unit of what enters the particle, (n, m).

        Read from the answer to the content of the surface; on a plateau of the potential, where there is none, from the
        strongest answer to what is in front.
        """
        K = self.K_right[:, :, inside].copy()
        flat = np.flatnonzero(K[:, inside] == 0)
        most = np.argmax(np.abs(self.K_left[flat, inside]), axis=1)
        K[flat] = self.K_left[flat, :, most]
        with np.errstate(all="ignore"):
            share = K / K[:, inside][:, None]
        share[~self.blocks.active[self.parents]] = 0.0
        share[:, inside] = 1.0
        return np.asarray(share)

    def _filmed(self, inside: int, film: int, ladders: Ladders) -> Pendant | None:
        """Two fields at the surface: e, the rail that the reaction feeds on, and i, that behind the film."""
        share, live = self._shares(inside), self.blocks.active[self.parents].all(axis=0)
        touched = [int(k) for k in np.flatnonzero(live & np.any(self.K_left[:, :, :] != 0, axis=(0, 2)))]
        e_rows = [k for k in touched if np.any(share[:, k])]
        i_rows = [k for k in touched if k not in e_rows]
        if len(e_rows) != 1 or len(i_rows) != 1 or not _are_signs(share[:, touched]):
            return None
        e, i = e_rows[0], i_rows[0]
        into, b = self.K_left[:, inside], share[:, e] * self.K_right[:, inside, film]
        before, through = self._side(e, film, share[:, e], inside), self._side(i, film, 0 * b, inside)
        if before is None or through is None or not _alike(share[:, e] * into[:, e], b):
            return None
        b = b / self.tree.particles.surface
        if not _alike(b, b[self.first][self.state]):
            return None
        return self._with_film(ladders, Film(before, b[self.first], through, film, e, i, share[:, e]), inside, into)

    def _with_film(self, ladders: Ladders, film: Film, inside: int, into: Array) -> Pendant:
        m, surface, e, i = self.blocks.n_fields, self.tree.particles.surface, film.e, film.i
        between, rows = np.zeros(m), np.zeros(m)
        between[[e, i]] = 1.0, -1.0
        rest = into.copy()
        rest[:, [e, i]] = 0.0
        rows[[e, i]] = 1.0, -1.0
        matrix = [surface[:, None, None] * np.outer(rows, between)]
        if np.any(rest):
            matrix.append((film.share[:, None] * rest)[:, None, :] * rows[:, None])
        both = np.stack(matrix)[..., self.rows, :][..., self.rows]
        return Pendant(self.tree, self.state, inside, into, ladders, film, both)

    def _side(self, row: int, film: int, share: Array, inside: int) -> Side | None:
        """What joins `row` of the control volume to the field at the surface, per surface, without the reaction."""
        surface = self.tree.particles.surface
        left = self.K_left[:, row] - share[:, None] * self.K_left[:, inside]
        right = self.K_right[:, row] - share[:, None] * self.K_right[:, inside]
        g, size = left[:, row], np.abs(self.K_left[:, row]).max(axis=1)
        c, laws = np.zeros_like(g), []
        if not self._is_conductance(left, right, row, film, size):
            return None
        for j in self._at_surface():
            if not np.array_equal(j.faces, self.tree.faces[:, 0]):
                return None
            for of_left, of_right in ((j.left_c, j.right_c), (j.left_e, j.right_e)):
                if not self._is_conductance(of_left[:, row], of_right[:, row], row, film, np.zeros_like(size)):
                    return None
            c = c + j.left_c[:, row, row]
            if j.law is not None:
                laws.append((j.law, (j.left_e[:, row, row] / surface)[self.first]))
        return Side((g / surface)[self.first], (c / surface)[self.first], tuple(laws))

    def _is_conductance(self, left: Array, right: Array, row: int, film: int, size: Array) -> bool:
        """Whether K of a row acts on the difference of one field on the left and one on the right, and nothing else,
        up to the rounding of `size` (n,)."""
        unit_left, unit_right = np.zeros(left.shape[1]), np.zeros(left.shape[1])
        unit_left[row] = unit_right[film] = 1.0
        g, room = left[:, row, None], EXACT * (np.abs(left[:, row]) + size)[:, None]
        return bool(np.all(np.abs(left - g * unit_left) <= room) and np.all(np.abs(right - g * unit_right) <= room))


def _gathered(a: npt.NDArray[Any], ids: Ints) -> npt.NDArray[Any]:
    """a[ids], a view where `ids` count on from row to row."""
    return a[as_slice(ids.ravel())].reshape(*ids.shape, *a.shape[1:])


def _by_parent(u: Array) -> Array:
    """(m, n, k) -> (n, m k)."""
    return np.moveaxis(u, 1, 0).reshape(u.shape[1], -1)


def _states(values: Array) -> tuple[Ints, Ints]:
    """First of each set of equal rows, and the set of every row."""
    if np.all(values == values[0]):
        return np.zeros(1, dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    _, first, state = np.unique(values, axis=0, return_index=True, return_inverse=True)
    return first, state.reshape(-1)


def _are_signs(share: Array) -> bool:
    """Whether charge is conserved on the way into a particle; false also for what is not a number."""
    return bool(np.all(np.abs(share - np.rint(np.clip(share, -1, 1))) <= EXACT))


def _alike(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) <= EXACT * np.maximum(np.abs(a), np.abs(b))))
