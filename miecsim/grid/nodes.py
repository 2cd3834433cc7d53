"""From cells to balance nodes: every cell, plus nodes of zero volume on terminal faces and on interfaces of materials.

A contact acts on the potential *at* the electrode, half a cell away from the nearest cell centre. Giving that face a
node of its own (no volume, so no storage) keeps the contact law exact and the half-cell resistance where it belongs:
the discretisation is then the T-cell ladder with its half resistances at both ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.typing import Array, Bools, Ints

if TYPE_CHECKING:
    from miecsim.grid.pendants import Tree


@dataclass(frozen=True)
class Seam:
    """Where two materials a and b meet: their cells, and the face nodes on either side. near (n,) is on the side of a,
    far (n,) on that of b; one and the same where the seam has a single node. area (n,) [m2] of the interface, which
    curved surfaces have less of than the faces of the grid."""

    near: Ints
    far: Ints
    cell_a: Ints
    cell_b: Ints
    area: Array

    @property
    def single(self) -> bool:
        return self.near is self.far


@dataclass(frozen=True)
class Nodes:
    """N balance nodes and F faces between them.

    volume (N,) [m3], zero on faces; cell (N,) the cell whose material the node has; position (N, dim) [m]; left, right
    (F,) nodes; area (F,) [m2]; d_left, d_right (F,) [m] distance to the face in each node's material; junction (F,)
    index of the junction that the face crosses, -1 in the bulk; before, after (F,) index of the junction whose near
    side the face reaches, or whose far side it leaves, -1 elsewhere; seams: all junctions, in the order of their
    numbers. trees: particles that hang from nodes; theirs are the last nodes and faces, at the
    position of their parent. chain: apart from those, face i joins nodes i and i + 1.
    """

    volume: Array
    cell: Ints
    position: Array
    left: Ints
    right: Ints
    area: Array
    d_left: Array
    d_right: Array
    junction: Ints
    before: Ints
    after: Ints
    sides: dict[str, Ints]
    side_area: dict[str, Array]
    chain: bool
    seams: tuple[Seam, ...] = ()
    trees: tuple[Tree, ...] = ()

    @property
    def n(self) -> int:
        return int(self.volume.size)

    @property
    def trunk(self) -> int:
        """Number of nodes that belong to no particle; they come first."""
        return self.n - sum(int(tree.ids.size) for tree in self.trees)

    def distances(self, interrupted: Collection[int], reaching: Collection[int] = ()) -> tuple[Array, Array, Bools]:
        """Half distances (d_left, d_right) and the mask of faces that conduct, for a field that junctions
        `interrupted` stop, and one that lives on the near side of the junctions `reaching` and ends at their far nodes.

        A field that passes a junction freely has its far node moved half-way into the next cell, and one that reaches
        the far node its near node half-way back: the series resistance stays what it was, and no infinite conductance
        is needed.
        """
        d_left, d_right = self.d_left.copy(), self.d_right.copy()
        conducts = np.ones(self.left.size, dtype=bool)
        for j in range(int(self.junction.max(initial=-1)) + 1):
            across, beyond = self.junction == j, self.after == j
            if j in interrupted:
                conducts[across] = False
            elif j in reaching:
                d_left[self.before == j] *= 0.5
                d_left[across] = d_left[self.before == j]
                d_right[across] = 0.0
            else:
                d_right[across] *= 0.5
                d_right[beyond] *= 0.5
        return d_left, d_right, conducts


class _Faces:
    """Face table under construction."""

    def __init__(self) -> None:
        self.columns: list[tuple[np.ndarray, ...]] = []

    def add(
        self,
        ends: tuple[Ints, Ints],
        area: Array,
        distances: tuple[Array, Array],
        junction: int = -1,
        before: int = -1,
        after: int = -1,
    ) -> None:
        numbers = (np.full(area.size, number) for number in (junction, before, after))
        self.columns.append((*ends, area, *distances, *numbers))

    def join(self) -> list[np.ndarray]:
        return [np.concatenate(column) for column in zip(*self.columns, strict=True)]


def build_nodes(
    grid: Grid,
    sides: Sequence[str],
    junctions: Sequence[tuple[int, int]] = (),
    single: Collection[int] = (),
) -> Nodes:
    """Nodes of `grid` with face nodes on `sides` and wherever the regions (a, b) of `junctions` meet, whichever of them
    is on the left: one on either side, or a common one for the junctions numbered `single`.

    In one dimension the nodes are numbered along the line, so that face i joins nodes i and i + 1.
    Raises InputError for a side that the grid does not have.
    """
    table = _NodeTable(grid)
    faces = _Faces()
    bulk = np.ones(grid.left.size, dtype=bool)
    seams = []
    for j, pair in enumerate(junctions):
        at, cells, distances = _meeting(grid, pair)
        bulk[at] = False
        seams.append(_seam(grid, table, faces, j, (at, cells, distances), j in single))
    of_bulk = grid.d_left[bulk], grid.d_right[bulk]
    faces.add((grid.left[bulk], grid.right[bulk]), grid.area[bulk], of_bulk)

    side_nodes, side_area = {}, {}
    for name in sides:
        if name not in grid.sides:
            raise InputError(f"grid has no side {name!r}; it has {', '.join(sorted(grid.sides))}")
        side = grid.sides[name]
        ids = table.add(side.centers, side.cells, 0.0)
        zero = np.zeros(side.cells.size)
        if (side.patch_of or name) in ("left", "bottom", "front"):
            faces.add((ids, side.cells), side.area, (zero, side.distance))
        else:
            faces.add((side.cells, ids), side.area, (side.distance, zero))
        side_nodes[name], side_area[name] = ids, side.area
    return _numbered(grid, table, faces, (side_nodes, side_area), tuple(seams))


class _NodeTable:
    """Nodes under construction: the cells of a grid, then face nodes."""

    def __init__(self, grid: Grid) -> None:
        self.position, self.cell = [grid.centers], [np.arange(grid.n_cells)]
        self.tie = [np.zeros(grid.n_cells)]
        self.count = grid.n_cells

    def add(self, at: Array, owner: Ints, rank: float) -> Ints:
        """Numbers of new nodes at positions `at`, of the material of the cells `owner`; of several at one place those
        of lower rank come first."""
        self.position.append(at)
        self.cell.append(owner)
        self.tie.append(np.full(owner.size, rank))
        self.count += owner.size
        return np.arange(self.count - owner.size, self.count)


def _meeting(grid: Grid, pair: tuple[int, int]) -> tuple[Ints, tuple[Ints, Ints], tuple[Array, Array]]:
    """Faces where regions (a, b) meet, the cells on the sides of a and b, and their distances [m] to the face."""
    a, b = pair
    forth = np.flatnonzero((grid.region[grid.left] == a) & (grid.region[grid.right] == b))
    back = np.flatnonzero((grid.region[grid.left] == b) & (grid.region[grid.right] == a))
    cells = np.r_[grid.left[forth], grid.right[back]], np.r_[grid.right[forth], grid.left[back]]
    distances = np.r_[grid.d_left[forth], grid.d_right[back]], np.r_[grid.d_right[forth], grid.d_left[back]]
    return np.r_[forth, back], cells, distances


def _seam(
    grid: Grid,
    table: _NodeTable,
    faces: _Faces,
    number: int,
    meeting: tuple[Ints, tuple[Ints, Ints], tuple[Array, Array]],
    single: bool,
) -> Seam:
    """Face nodes of one junction, and the faces that they divide the old ones into; `left` is the side of a."""
    at, (cell_a, cell_b), (d_a, d_b) = meeting
    x, area, zero = grid.face_centers[at], grid.area[at], np.zeros(at.size)
    near = table.add(x, cell_a, 1.0)
    far = near if single else table.add(x, cell_b, 2.0)
    if single:
        faces.add((cell_a, near), area, (d_a, zero))
        faces.add((near, cell_b), area, (zero, d_b))
    else:
        faces.add((cell_a, near), area, (d_a, zero), before=number)
        faces.add((near, far), area, (zero, d_b), junction=number)
        faces.add((far, cell_b), area, (zero, d_b), after=number)
    surface = area * grid.surface[at] if grid.surface.size else area
    return Seam(near, far, cell_a, cell_b, surface)


def _numbered(
    grid: Grid,
    table: _NodeTable,
    faces: _Faces,
    sides: tuple[dict[str, Ints], dict[str, Array]],
    seams: tuple[Seam, ...],
) -> Nodes:
    """Collect the tables; along a line, renumber nodes and faces from left to right."""
    volume = np.concatenate([grid.volumes, np.zeros(table.count - grid.n_cells)])
    x, owner = np.concatenate(table.position), np.concatenate(table.cell)
    left, right, area, d_left, d_right, junction, before, after = faces.join()
    order, along, chain = np.arange(table.count), np.arange(left.size), False
    rank = order
    if grid.dim == 1:
        order = np.lexsort((np.concatenate(table.tie), x[:, 0]))
        rank = np.argsort(order)
        along = np.argsort(rank[left])
        chain = bool(np.all(rank[right][along] - rank[left][along] == 1)) and {"left", "right"} <= sides[0].keys()
    return Nodes(
        volume=volume[order],
        cell=owner[order],
        position=x[order],
        left=rank[left][along],
        right=rank[right][along],
        area=area[along],
        d_left=d_left[along],
        d_right=d_right[along],
        junction=junction[along],
        before=before[along],
        after=after[along],
        sides={name: rank[ids] for name, ids in sides[0].items()},
        side_area=sides[1],
        chain=chain,
        seams=tuple(_renumbered(seam, rank) for seam in seams),
    )


def _renumbered(seam: Seam, rank: Ints) -> Seam:
    near = rank[seam.near]
    return replace(seam, near=near, far=near if seam.single else rank[seam.far])
