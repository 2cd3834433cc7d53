"""The grid of a stack of layers: by default graded so that what happens at the ends of each layer is resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.grid.meshes import box, line
from miecsim.grid.patches import Patch, patch_marks, with_patches
from miecsim.grid.spacing import around, graded, resolved, uniform
from miecsim.grid.voxels import scaled
from miecsim.typing import Array

# Cell at a layer's end, in units of the shortest decay length. The error of a cell-centred line at fixed frequency is
# (h/lambda)^2/8 relative: with these two figures default meshes stay below 3e-4.
FINEST = 0.03
GROWTH = 1.04
PATCH_GROWTH = 1.1  # away from the ends of patches, where the error falls with the size of their own cells


@dataclass(frozen=True)
class Mesh:
    """How to divide the layers.

    cells: "auto" (graded from both ends of each layer, resolving frequencies up to `resolve` [Hz]), a number per
    layer, or the cell widths [m] of each layer. grading: largest over smallest cell for a given number. dimension 2
    and 3 add `lateral_cells` across `width` [m] (default: the total thickness): a number, "auto" (graded from patches),
    or the cell widths [m] along y (and z). coordinates: cartesian, cylindrical or spherical (dimension 1, from
    inner_radius [m]; areas are scaled so that the outer surface has the system's area).

    patches (dimension 2 and 3): parts of sides that contacts can name. "auto" cells end at their ends and are graded
    from there; given cells must do so, too.
    """

    cells: str | int | Sequence[Array] = "auto"
    grading: float = 1.0
    dimension: int = 1
    lateral_cells: int | str | Sequence[Array] = 4
    width: float | None = None
    coordinates: str = "cartesian"
    inner_radius: float = 0.0
    resolve: float = 1e6
    patches: tuple[Patch, ...] = ()


def layer_widths(thickness: float, decay_length: float, mesh: Mesh, index: int) -> Array:
    """Cell widths of one layer [m], summing to its thickness."""
    if isinstance(mesh.cells, str):
        if mesh.cells != "auto":
            raise InputError(f"cells: read {mesh.cells!r}; expected 'auto', a number, or the widths of each layer")
        if not np.isfinite(decay_length):
            return uniform(thickness, 20)
        return resolved(thickness, min(FINEST * decay_length, thickness / 20), GROWTH, thickness / 20)
    if isinstance(mesh.cells, int | np.integer):
        n = int(mesh.cells)
        return uniform(thickness, n) if mesh.grading == 1 else graded(thickness, n, mesh.grading)
    return np.asarray(mesh.cells[index], dtype=float)


def stack_grid(layers: Sequence[tuple[str, float]], decay_lengths: Sequence[float], mesh: Mesh, area: float) -> Grid:
    """Grid of (name, thickness [m]) layers along x with cross section `area` [m2]. Raises InputError on an
    impossible mesh."""
    if mesh.dimension not in (1, 2, 3):
        raise InputError(f"dimension: read {mesh.dimension!r}; expected 1, 2 or 3")
    if mesh.coordinates != "cartesian" and mesh.dimension != 1:
        raise InputError(f"coordinates {mesh.coordinates!r} need dimension 1")
    widths = _layered(layers, decay_lengths, mesh)
    if mesh.dimension == 1:
        if mesh.coordinates == "cartesian":
            return line(widths, area=area)
        grid = line(widths, mesh.coordinates, mesh.inner_radius)
        return scaled(grid, area / float(grid.sides["right"].area[0]))
    across = mesh.width or sum(thickness for _, thickness in layers)
    extents = (across, area / across)[: mesh.dimension - 1]
    lateral = [_lateral(mesh, axis, extent) for axis, extent in enumerate(extents, start=1)]
    if mesh.dimension == 3:
        return with_patches(box(widths, lateral[0], lateral[1]), mesh.patches)
    grid = box(widths, lateral[0], None, depth=area / across)
    return with_patches(grid, mesh.patches)


def _layered(
    layers: Sequence[tuple[str, float]], decay_lengths: Sequence[float], mesh: Mesh
) -> list[tuple[str, Array]]:
    """(name, cell widths [m]) of each layer; automatic ones heed the patches."""
    out, start = [], 0.0
    marks = patch_marks(mesh.patches, 0, mesh.dimension, sum(thickness for _, thickness in layers))
    for i, ((name, thickness), decay) in enumerate(zip(layers, decay_lengths, strict=True)):
        if mesh.patches and isinstance(mesh.cells, str) and mesh.cells == "auto":
            end = min(FINEST * decay, thickness / 20)
            near = [(position - start, size) for position, size in marks]
            widths = around(thickness, [(0.0, end), (thickness, end), *near], PATCH_GROWTH, thickness / 20)
        else:
            widths = layer_widths(thickness, decay, mesh, i)
        out.append((name, widths))
        start += thickness
    return out


def _lateral(mesh: Mesh, axis: int, extent: float) -> Array:
    """Cell widths [m] along y (axis 1) or z (axis 2)."""
    cells = mesh.lateral_cells
    if isinstance(cells, str):
        if cells != "auto":
            raise InputError(f"lateral_cells: read {cells!r}; expected 'auto', a number, or the widths along y (and z)")
        return around(extent, patch_marks(mesh.patches, axis, mesh.dimension, extent), PATCH_GROWTH, extent / 20)
    if isinstance(cells, int | np.integer):
        return uniform(extent, int(cells))
    if len(cells) != mesh.dimension - 1:
        raise InputError(f"lateral_cells: read widths along {len(cells)} axes; expected {mesh.dimension - 1}")
    widths = np.asarray(cells[axis - 1], dtype=float)
    if abs(widths.sum() - extent) > 1e-9 * extent:
        raise InputError(f"lateral_cells: read widths that sum to {widths.sum():.9g} m; expected {extent:.9g} m")
    return widths
