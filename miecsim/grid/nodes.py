"""From cells to balance nodes: every cell, plus nodes of zero volume on terminal faces and on junctions between layers.

A contact acts on the potential *at* the electrode, half a cell away from the nearest cell centre. Giving that face a
node of its own (no volume, so no storage) keeps the contact law exact and the half-cell resistance where it belongs:
the discretisation is then the T-cell ladder with its half resistances at both ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.typing import Array, Bools, Ints

if TYPE_CHECKING:
    from miecsim.grid.pendants import Tree


@dataclass(frozen=True)
class Nodes:
    """N balance nodes and F faces between them.

    volume (N,) [m3], zero on faces; cell (N,) the cell whose material the node has; position (N, dim) [m]; left, right
    (F,) nodes; area (F,) [m2]; d_left, d_right (F,) [m] distance to the face in each node's material; junction (F,)
    index of the junction that the face crosses, -1 in the bulk; after (F,) index of the junction whose far side the
    face leaves, -1 elsewhere. trees: particles that hang from nodes; theirs are the last nodes and faces, at the
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
    after: Ints
    sides: dict[str, Ints]
    side_area: dict[str, Array]
    chain: bool
    trees: tuple[Tree, ...] = ()

    @property
    def n(self) -> int:
        return int(self.volume.size)

    @property
    def trunk(self) -> int:
        """Number of nodes that belong to no particle; they come first."""
        return self.n - sum(int(tree.ids.size) for tree in self.trees)

    def distances(self, interrupted: Collection[int]) -> tuple[Array, Array, Bools]:
        """Half distances (d_left, d_right) and the mask of faces that conduct, for a field that junctions
        `interrupted` stop.

        A field that passes a junction freely has its far node moved half-way into the next cell: the series resistance
        stays what it was, and no infinite conductance is needed.
        """
        d_left, d_right = self.d_left.copy(), self.d_right.copy()
        conducts = np.ones(self.left.size, dtype=bool)
        for j in range(int(self.junction.max(initial=-1)) + 1):
            across, beyond = self.junction == j, self.after == j
            if j in interrupted:
                conducts[across] = False
            else:
                d_right[across] *= 0.5
                d_right[beyond] *= 0.5
        return d_left, d_right, conducts


class _Faces:
    """Face table under construction."""

    def __init__(self) -> None:
        self.columns: list[tuple[Ints, Ints, Array, Array, Array, Ints, Ints]] = []

    def add(
        self, left: Ints, right: Ints, area: Array, d_left: Array, d_right: Array, junction: int, after: int
    ) -> None:
        n = left.size
        self.columns.append((left, right, area, d_left, d_right, np.full(n, junction), np.full(n, after)))

    def join(self) -> list[np.ndarray]:
        return [np.concatenate(column) for column in zip(*self.columns, strict=True)]


def build_nodes(grid: Grid, sides: Sequence[str], junctions: Sequence[tuple[int, int]] = ()) -> Nodes:
    """Nodes of `grid` with face nodes on `sides` and double face nodes where regions (a, b) of `junctions` meet.

    In one dimension the nodes are numbered along the line, so that face i joins nodes i and i + 1.
    Raises InputError for a side that the grid does not have.
    """
    position, cell, tie = [grid.centers], [np.arange(grid.volumes.size)], [np.zeros(grid.volumes.size)]
    count = grid.volumes.size
    faces = _Faces()

    def face_nodes(at: Array, owner: Ints, rank: float) -> Ints:
        nonlocal count
        position.append(at)
        cell.append(owner)
        tie.append(np.full(owner.size, rank))
        count += owner.size
        return np.arange(count - owner.size, count)

    bulk = np.ones(grid.left.size, dtype=bool)
    for j, (a, b) in enumerate(junctions):
        at = (grid.region[grid.left] == a) & (grid.region[grid.right] == b)
        bulk &= ~at
        left, right, x, area = grid.left[at], grid.right[at], grid.face_centers[at], grid.area[at]
        near, far = face_nodes(x, left, 1.0), face_nodes(x, right, 2.0)
        zero = np.zeros(left.size)
        faces.add(left, near, area, grid.d_left[at], zero, -1, -1)
        faces.add(near, far, area, zero, grid.d_right[at], j, -1)
        faces.add(far, right, area, zero, grid.d_right[at], -1, j)
    faces.add(grid.left[bulk], grid.right[bulk], grid.area[bulk], grid.d_left[bulk], grid.d_right[bulk], -1, -1)

    side_nodes, side_area = {}, {}
    for name in sides:
        if name not in grid.sides:
            raise InputError(f"grid has no side {name!r}; it has {', '.join(sorted(grid.sides))}")
        side = grid.sides[name]
        ids = face_nodes(side.centers, side.cells, 0.0)
        zero = np.zeros(side.cells.size)
        inward = (side.patch_of or name) in ("left", "bottom", "front")
        ends = (ids, side.cells, zero, side.distance) if inward else (side.cells, ids, side.distance, zero)
        faces.add(ends[0], ends[1], side.area, ends[2], ends[3], -1, -1)
        side_nodes[name], side_area[name] = ids, side.area
    volume = np.concatenate([grid.volumes, np.zeros(count - grid.volumes.size)])
    return _numbered(grid, volume, position, cell, tie, faces, side_nodes, side_area)


def _numbered(
    grid: Grid,
    volume: Array,
    position: list[Array],
    cell: list[Ints],
    tie: list[Array],
    faces: _Faces,
    side_nodes: dict[str, Ints],
    side_area: dict[str, Array],
) -> Nodes:
    """Collect the tables; along a line, renumber nodes and faces from left to right."""
    x, owner = np.concatenate(position), np.concatenate(cell)
    left, right, area, d_left, d_right, junction, after = faces.join()
    if grid.dim > 1:
        return Nodes(
            volume, owner, x, left, right, area, d_left, d_right, junction, after, side_nodes, side_area, chain=False
        )
    order = np.lexsort((np.concatenate(tie), x[:, 0]))
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    along = np.argsort(rank[left])
    chain = bool(np.all(rank[right][along] - rank[left][along] == 1)) and {"left", "right"} <= side_nodes.keys()
    return Nodes(
        volume[order],
        owner[order],
        x[order],
        rank[left][along],
        rank[right][along],
        area[along],
        d_left[along],
        d_right[along],
        junction[along],
        after[along],
        {name: rank[ids] for name, ids in side_nodes.items()},
        side_area,
        chain=chain,
    )
