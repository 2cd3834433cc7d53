"""Patches: contacts on a part of a side, such as line electrodes on the top of a slab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from miecsim.errors import InputError
from miecsim.grid import Grid, Side
from miecsim.grid.meshes import SIDES
from miecsim.typing import Array, Bools

_AXIS = {name: axis for axis, pair in enumerate(SIDES) for name in pair}
ON_EDGE = 1e-6  # of the cell next to it: how close a patch must come to a face between two cells


@dataclass(frozen=True)
class Patch:
    """A part of a side of a 2D or 3D grid, which becomes a side of its own, `name`; the side keeps the rest.

    start, stop [m]: extent along the axes that lie in the side, in the order x, y, z: one number for the first of them
    (the patch then runs across the whole of any other), or a tuple of one for each. cells: how many cells an automatic
    mesh puts across it; 1 makes it a line electrode. InputError on a patch that cannot be.
    """

    name: str
    side: str
    start: float | tuple[float, ...]
    stop: float | tuple[float, ...]
    cells: int = 4

    def __post_init__(self) -> None:
        if self.side not in _AXIS:
            raise InputError(f"patch {self.name}: read side {self.side!r}; expected one of {', '.join(_AXIS)}")
        if not self.name or self.name in (*_AXIS, "outer"):
            raise InputError(f"patch: read name {self.name!r}; it must not be empty or the name of a side")
        start, stop = np.atleast_1d(self.start), np.atleast_1d(self.stop)
        if start.shape != stop.shape or not np.all(np.isfinite(start) & np.isfinite(stop) & (start < stop)):
            raise InputError(f"patch {self.name}: read from {self.start} to {self.stop} m; it must end after it starts")
        if self.cells < 1:
            raise InputError(f"patch {self.name}: read cells = {self.cells}; at least 1")

    @property
    def normal(self) -> int:
        """The axis that the side is normal to: 0 (x), 1 (y) or 2 (z)."""
        return _AXIS[self.side]

    def spans(self, dim: int) -> dict[int, tuple[float, float]]:
        """(start, stop) [m] by axis, where the patch is bounded. InputError where the grid has no such side or axis."""
        if dim < 2 or self.normal >= dim:
            raise InputError(f"patch {self.name}: the {self.side} of a grid of dimension {dim} cannot hold a patch")
        along = [a for a in range(dim) if a != self.normal]
        start, stop = np.atleast_1d(self.start).tolist(), np.atleast_1d(self.stop).tolist()
        if len(start) > len(along):
            raise InputError(f"patch {self.name}: read {len(start)} coordinates; the {self.side} has {len(along)}")
        return {a: (float(b), float(e)) for a, b, e in zip(along, start, stop, strict=False)}


def patch_marks(patches: Sequence[Patch], axis: int, dim: int, extent: float) -> list[tuple[float, float]]:
    """(position, cell size) [m] along one axis where patches ask for small cells: their ends, and the side under them
    where the axis is normal to it. `extent` [m] is the length of the axis."""
    marks: list[tuple[float, float]] = []
    for patch in patches:
        spans = patch.spans(dim)
        if axis in spans:
            start, stop = spans[axis]
            marks += [(start, (stop - start) / patch.cells), (stop, (stop - start) / patch.cells)]
        elif axis == patch.normal:
            smallest = min(stop - start for start, stop in spans.values()) / patch.cells
            marks.append((0.0 if patch.side == SIDES[axis][0] else extent, smallest))
    return marks


def with_patches(grid: Grid, patches: Sequence[Patch]) -> Grid:
    """`grid` with the faces of each patch taken out of its side and made a side of their own.

    InputError for a name given twice, a side that the grid does not have, an end of a patch that does not lie between
    two cells, patches that overlap, and patches that leave nothing of their side.
    """
    names = [p.name for p in patches]
    if len(set(names)) < len(names):
        raise InputError(f"patches: read {', '.join(names)}; each needs its own name")
    sides = dict(grid.sides)
    free = {name: np.ones(side.cells.size, dtype=bool) for name, side in sides.items()}
    for patch in patches:
        if patch.side not in grid.sides:  # of an axis that the grid lacks, or along which it is periodic
            patch.spans(grid.dim)
            raise InputError(f"patch {patch.name}: the grid has no {patch.side} side; it has {', '.join(grid.sides)}")
        inside = _faces_of(patch, grid)
        if not np.all(free[patch.side][inside]):
            raise InputError(f"patch {patch.name}: it overlaps another patch on the {patch.side}")
        free[patch.side][inside] = False
        sides[patch.name] = replace(_part(grid.sides[patch.side], inside), patch_of=patch.side)
    for name in {p.side for p in patches}:
        if not free[name].any():
            raise InputError(f"patches cover all of the {name}: contact one part of it as {name!r} itself")
        sides[name] = _part(grid.sides[name], free[name])
    return replace(grid, sides=sides)


def _part(side: Side, faces: Bools) -> Side:
    return Side(side.cells[faces], side.area[faces], side.distance[faces], side.centers[faces])


def _faces_of(patch: Patch, grid: Grid) -> Bools:
    """Mask of the faces of the patch's side that lie in it."""
    if not grid.edges:
        raise InputError(f"patch {patch.name}: patches need a grid whose cells lie in rows and columns")
    spans = patch.spans(grid.dim)
    side = grid.sides[patch.side]
    inside = np.ones(side.cells.size, dtype=bool)
    for axis, (start, stop) in spans.items():
        for end in (start, stop):
            _check_on_edge(patch, end, grid.edges[axis])
        inside &= (side.centers[:, axis] > start) & (side.centers[:, axis] < stop)
    return inside


def _check_on_edge(patch: Patch, end: float, edges: Array) -> None:
    nearest = int(np.argmin(np.abs(edges - end)))
    cell = np.min(np.diff(edges)[max(nearest - 1, 0) : nearest + 1])
    if abs(edges[nearest] - end) > ON_EDGE * cell:
        raise InputError(
            f"patch {patch.name}: read an end at {end:.9g} m; ends lie between cells, the nearest at "
            f"{edges[nearest]:.9g} m"
        )
