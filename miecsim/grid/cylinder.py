"""Bodies of revolution in (r, z): a disc on top of a stack of layers, with cells graded to its edge and surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid import Grid, Side
from miecsim.grid.meshes import Layers, box
from miecsim.grid.patches import Patch, with_patches
from miecsim.grid.spacing import around
from miecsim.typing import Array, Bools

TIP = "tip"
EDGE = 1 / 200  # of the tip's radius: the cells at its edge at fineness 1
GROWTH = 1.16  # from cell to cell at fineness 1
FINEST = 0.04  # of the skin: the cells at the surface at fineness 1
COARSEST = 1 / 10  # of the extent of an axis: the largest cell at fineness 1


@dataclass(frozen=True)
class TipMesh:
    """A disc of `radius` a [m] on the top of a stack that reaches out to `outer` [m], on its axis.

    fineness n: cells at the edge of the disc are a/(200 n^2), and n times as many lie wherever the field is smooth. The
    field of a disc has a singular edge, where the error is of the first order in the size of the cells there; so
    graded, the whole error falls as 1/n^2. rings [m]: radii where cells are to end, as at the boundary of a grain.
    skin [m]: depth below the surface that is to be resolved as well, as that to which something diffuses in a cycle.
    """

    radius: float
    outer: float
    fineness: float = 1.0
    rings: tuple[float, ...] = ()
    skin: float = math.inf

    def __post_init__(self) -> None:
        if not (np.isfinite(self.outer) and 0 < self.radius < self.outer):
            raise InputError(f"tip: read radius {self.radius:g} m in a body of {self.outer:g} m; it must fit in it")
        if not 0.5 <= self.fineness <= 20:
            raise InputError(f"tip: read fineness {self.fineness:g}; expected 0.5 to 20")
        if not self.skin > 0:
            raise InputError(f"tip: read skin {self.skin:g} m; it must be positive")


def cylinder(layers: Layers, widths_r: npt.ArrayLike) -> Grid:
    """Grid of a full cylinder: layers along z, each (name, cell widths [m]) from bottom to top; cell i + n_r j.

    Areas and volumes are exactly those of the rings, 2 pi r dr = pi (b^2 - a^2); the axis, r = 0, is a left side of no
    area. Raises InputError on widths or names that cannot be.
    """
    names = [name for name, _ in layers]
    if not names or len(set(names)) < len(names):
        raise InputError(f"grid: read layers {', '.join(names) or '(none)'}; at least one, each with its own name")
    heights = [np.atleast_1d(np.asarray(w, dtype=float)) for _, w in layers]
    flat = box([("all", np.asarray(widths_r, dtype=float))], np.concatenate(heights))
    layer = np.repeat(np.arange(len(heights)), [h.size for h in heights])
    return replace(
        flat,
        coordinates="cylindrical",
        volumes=_around(flat.volumes, flat.centers),
        area=_around(flat.area, flat.face_centers),
        sides={name: _turned(side) for name, side in flat.sides.items()},
        region=np.repeat(layer, len(flat.edges[0]) - 1),
        region_names=tuple(names),
    )


def under_tip(layers: Sequence[tuple[str, float]], mesh: TipMesh) -> Grid:
    """The cylinder of layers (name, thickness [m]), from bottom to top, with the disc as a side of its own, `TIP`."""
    patch = Patch(TIP, "top", 0.0, mesh.radius, 1)
    size, growth = mesh.radius * EDGE / mesh.fineness**2, 1 + (GROWTH - 1) / mesh.fineness
    coarsest, height = COARSEST / mesh.fineness, sum(thickness for _, thickness in layers)
    rings = [(ring, max(size, (growth - 1) * abs(ring - mesh.radius))) for ring in mesh.rings]
    at_edge = [(mesh.radius, size), *rings]
    at_axis = [(0.0, mesh.radius * (growth - 1))]
    widths = around(mesh.outer, at_edge + at_axis, growth, coarsest * mesh.outer)
    at_top = min(size, FINEST * mesh.skin / mesh.fineness)
    surface = [(height, at_top)]
    stack, start = [], 0.0
    for name, thickness in layers:
        near = [(position - start, cell) for position, cell in surface]
        stack.append((name, around(thickness, near, growth, coarsest * thickness)))
        start += thickness
    return with_patches(cylinder(stack, widths), [patch])


def as_region(grid: Grid, name: str, cells: Bools) -> Grid:
    """The grid with the `cells` (n_cells,) put into the region `name`, which may be a new one."""
    names = grid.region_names if name in grid.region_names else (*grid.region_names, name)
    region = np.where(cells, names.index(name), grid.region)
    used = [i for i in range(len(names)) if np.any(region == i)]
    place = np.searchsorted(used, region)
    return replace(grid, region=place.astype(np.int64), region_names=tuple(names[i] for i in used))


def _turned(side: Side) -> Side:
    return replace(side, area=_around(side.area, side.centers))


def _around(measure: Array, centers: Array) -> Array:
    """What measures of the half plane become when they are turned about the axis, exactly (Pappus)."""
    return np.asarray(2 * np.pi * centers[:, 0] * measure)
