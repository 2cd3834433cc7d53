"""Grids of voxels: pictures, whose phases are the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from miecsim.grid import Grid
from miecsim.grid.meshes import SIDES, box
from miecsim.typing import Array, Bools, Ints


def voxel_grid(
    labels: Ints, names: Sequence[str], voxel: Sequence[float], periodic: Sequence[int] = (), area: float = 1.0
) -> Grid:
    """Grid of the voxels of `labels` (nx, ny) or (nx, ny, nz), cell i + nx (j + ny k), whose regions are `names`.

    voxel [m]: edges along each axis. The last voxels along the axes `periodic` are neighbours of the first, which then
    have no sides there. Areas and volumes are scaled so that the cross section normal to x is `area` [m2], whatever
    the picture shows of it. InputError on a voxel that cannot be.
    """
    shape = labels.shape
    widths = [np.full(n, float(edge)) for n, edge in zip(shape, voxel, strict=True)]
    grid = box([("all", widths[0])], widths[1], widths[2] if len(shape) == 3 else None)
    for axis in periodic:
        grid = _wrapped(grid, axis)
    scale = area / float(np.prod([n * edge for n, edge in zip(shape[1:], voxel[1:], strict=True)]))
    return replace(scaled(grid, scale), region=labels.ravel(order="F").astype(np.int64), region_names=tuple(names))


def scaled(grid: Grid, factor: float) -> Grid:
    """The grid with every area and volume times `factor`: so many of the same side by side."""
    sides = {name: replace(side, area=side.area * factor) for name, side in grid.sides.items()}
    return replace(grid, volumes=grid.volumes * factor, area=grid.area * factor, sides=sides)


def without_faces(grid: Grid, gone: Bools) -> Grid:
    """The grid with gaps in the place of the faces `gone` (n_faces,): nothing crosses them."""
    keep = ~gone
    surface = grid.surface[keep] if grid.surface.size else grid.surface
    return replace(
        grid,
        left=grid.left[keep],
        right=grid.right[keep],
        area=grid.area[keep],
        d_left=grid.d_left[keep],
        d_right=grid.d_right[keep],
        face_centers=grid.face_centers[keep],
        surface=surface,
    )


def face_axis(grid: Grid) -> Ints:
    """The axis (n_faces,) that each interior face of a Cartesian grid is normal to."""
    step = grid.centers[grid.right] - grid.centers[grid.left]
    return np.asarray(np.argmax(np.abs(step), axis=1))


def _wrapped(grid: Grid, axis: int) -> Grid:
    """The grid whose last cells along an axis are neighbours of its first."""
    first, last = (grid.sides[name] for name in SIDES[axis])
    sides = {name: side for name, side in grid.sides.items() if name not in SIDES[axis]}

    def joined(old: Array, new: Array) -> Array:
        return np.concatenate([old, new])

    return replace(
        grid,
        left=np.concatenate([grid.left, last.cells]),
        right=np.concatenate([grid.right, first.cells]),
        area=joined(grid.area, last.area),
        d_left=joined(grid.d_left, last.distance),
        d_right=joined(grid.d_right, first.distance),
        face_centers=joined(grid.face_centers, last.centers),
        sides=sides,
    )
