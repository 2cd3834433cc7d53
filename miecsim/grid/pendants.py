"""Particles on a grid: every control volume of an electrode carries chains of shells, from a surface to a centre.

A tree hangs from each of its parents: a surface node of zero volume, joined to the parent by one face (where a reaction
or a film acts), then shells inwards. Trees of one kind are alike but for their size: the surface and the volume that a
parent carries. To everything above they are nodes and faces like any other; a spectrum may eliminate them cell by cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.nodes import Nodes
from miecsim.typing import Array, Ints

Shape = Literal["planar", "cylinder", "sphere"]
# Exponent d of the geometry: areas go as r^(d-1), the surface per volume is d/a.
DIMENSION: dict[str, int] = {"planar": 1, "cylinder": 2, "sphere": 3}


@dataclass(frozen=True)
class Particles:
    """One kind of particle to be hung on `parents` (n,).

    radius [m] (half the thickness of a slab open at both faces); volume (n,) [m3] of particles in each parent; edges
    (n_shells + 1,) [m] from 0 at the centre to the radius.
    """

    name: str
    shape: Shape
    radius: float
    parents: Ints
    volume: Array
    edges: Array

    @property
    def surface(self) -> Array:
        """Surface (n,) [m2] of the particles in each parent: d V/a."""
        return DIMENSION[self.shape] * self.volume / self.radius


@dataclass(frozen=True)
class Tree:
    """Where a kind of particle lies among the nodes: ids (n, 1 + n_shells) of the surface and of the shells inwards;
    faces (n, 1 + n_shells), parent to surface, surface to first shell and on; position r (1 + n_shells,) [m]."""

    particles: Particles
    ids: Ints
    faces: Ints
    radius: Array

    @property
    def surface(self) -> Ints:
        """The surface nodes, (n,)."""
        return np.asarray(self.ids[:, 0])

    @property
    def shells(self) -> Ints:
        """The nodes with volume, (n, n_shells)."""
        return np.asarray(self.ids[:, 1:])


def shell_edges(radius: float, count: int, grading: float = 1.0) -> Array:
    """Edges (count + 1,) [m] of shells that shrink geometrically towards the surface, the innermost `grading` times as
    thick as the outermost. InputError for fewer than 2 shells, or a grading below 1."""
    if count < 2 or not grading >= 1 or not radius > 0:
        raise InputError("particle shells: needs 2 or more, a grading of 1 or more and a positive radius")
    widths = np.geomspace(grading, 1.0, count)
    return np.asarray(radius * np.concatenate([[0.0], np.cumsum(widths) / widths.sum()]))


def hang(nodes: Nodes, kinds: Sequence[Particles]) -> Nodes:
    """`nodes` with the particles of every kind behind them; the nodes and faces that were there keep their numbers."""
    for kind in kinds:
        nodes = _hung(nodes, kind)
    return nodes


def _hung(nodes: Nodes, kind: Particles) -> Nodes:
    n, shells = kind.parents.size, kind.edges.size - 1
    ids = nodes.n + np.arange(n * (shells + 1)).reshape(n, shells + 1)
    faces = nodes.left.size + np.arange(n * (shells + 1)).reshape(n, shells + 1)
    area, d_left, d_right, share, radius = _profile(kind)
    left = np.concatenate([kind.parents[:, None], ids[:, :-1]], axis=1)

    def spread(per_face: Array) -> Array:
        return np.tile(per_face, n)

    def joined(old: Array, new: Array) -> Array:
        return np.concatenate([old, new])

    def numbered(old: Ints, new: Ints) -> Ints:
        return np.concatenate([old, new])

    volume = np.concatenate([np.zeros((n, 1)), kind.volume[:, None] * share], axis=1)
    owner = np.repeat(kind.parents, shells + 1)
    nowhere = np.full(faces.size, -1)
    return replace(
        nodes,
        volume=joined(nodes.volume, volume.ravel()),
        cell=numbered(nodes.cell, nodes.cell[owner]),
        position=joined(nodes.position, nodes.position[owner]),
        left=numbered(nodes.left, left.ravel()),
        right=numbered(nodes.right, ids.ravel()),
        area=joined(nodes.area, (kind.surface[:, None] * area).ravel()),
        d_left=joined(nodes.d_left, spread(d_left)),
        d_right=joined(nodes.d_right, spread(d_right)),
        junction=numbered(nodes.junction, nowhere),
        before=numbered(nodes.before, nowhere),
        after=numbered(nodes.after, nowhere),
        trees=(*nodes.trees, Tree(kind, ids, faces, radius)),
    )


def _profile(kind: Particles) -> tuple[Array, Array, Array, Array, Array]:
    """Of the faces inwards from the parent: area over the surface, distances to the nodes on either side; of the shells
    inwards: share of the volume; of surface and shells: radius of the node.

    A particle that fills evenly has c = A + B r^2, its slope at a face 2 B r: distances (r_face^2 - <r^2>)/(2 r_face),
    <r^2> the mean over a shell's volume, give its flux from the shells' mean concentrations exactly.
    """
    d, r = DIMENSION[kind.shape], kind.edges[::-1]
    volume = r[:-1] ** d - r[1:] ** d
    square = d / (d + 2) * (r[:-1] ** (d + 2) - r[1:] ** (d + 2)) / volume
    inner = (r[1:-1] / kind.radius) ** (d - 1)
    area = np.concatenate([[1.0, 1.0], inner])
    d_left = np.concatenate([[0.0, 0.0], (square[:-1] - r[1:-1] ** 2) / (2 * r[1:-1])])
    d_right = np.concatenate([[0.0], (r[:-1] ** 2 - square) / (2 * r[:-1])])
    return area, d_left, d_right, volume / kind.radius**d, np.concatenate([[kind.radius], np.sqrt(square)])
