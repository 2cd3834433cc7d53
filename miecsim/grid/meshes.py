"""Grids from FiPy meshes: layered lines and boxes, and an adapter for any other FiPy mesh.

FiPy builds the mesh and its connectivity; it is read once into plain arrays (`miecsim.grid.Grid`). Lines and boxes then
take areas, volumes and half-distances from the cell widths themselves. Differences of coordinates would lose digits: a
cell of 0.1 pm at the right end of 0.5 mm keeps only 6 of them.

Nothing else in the program imports FiPy.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid import Grid, Side
from miecsim.typing import Array, Bools, Ints

COORDINATES = ("cartesian", "cylindrical", "spherical")
SIDES = (("left", "right"), ("bottom", "top"), ("front", "back"))
Layers = Sequence[tuple[str, Array]]


def load_fipy() -> Any:
    """The FiPy package, imported so that it sees nothing of our command line and leaves no trace.

    FiPy reads sys.argv (`--petsc`, `--inline`, ...), logs the whole environment at DEBUG, warns about its own use of
    NumPy, and imports matplotlib only to note its version (0.2 s, twice its own share).
    """
    if "fipy" in sys.modules:
        return sys.modules["fipy"]
    os.environ.setdefault("FIPY_SOLVERS", "scipy")
    log = logging.getLogger("fipy")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    argv, hide = sys.argv, "matplotlib" not in sys.modules
    sys.argv = argv[:1]
    if hide:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]  # Python's own way to say "not installed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import fipy
    finally:
        sys.argv = argv
        if hide:
            del sys.modules["matplotlib"]
    return fipy


def line(layers: Layers, coordinates: str = "cartesian", inner_radius: float = 0.0, area: float = 1.0) -> Grid:
    """One-dimensional grid of layers, each (name, cell widths [m] from left to right); regions carry the layers' names.

    Cells run from left to right and face i joins cells i and i + 1. `area` [m^2] is the cross section of a Cartesian
    line. A cylinder (1 m long) or a sphere starts at `inner_radius` [m]: areas 2 pi r and 4 pi r^2, volumes
    pi (b^2 - a^2) and 4/3 pi (b^3 - a^3) exactly. Raises InputError on widths, names or coordinates that cannot be.
    """
    if coordinates not in COORDINATES:
        raise InputError(f'grid: read coordinates "{coordinates}"; allowed are {", ".join(COORDINATES)}')
    widths, region, names = _layered(layers)
    _one_of("inner_radius", inner_radius, 0.0, coordinates == "cartesian", "a cylinder or a sphere")
    _one_of("area", area, 1.0, coordinates != "cartesian", "Cartesian coordinates")
    if not (np.isfinite(inner_radius) and inner_radius >= 0.0):
        raise InputError(f"grid: read inner_radius = {inner_radius:g} m; it must be zero or positive")
    if not (np.isfinite(area) and area > 0.0):
        raise InputError(f"grid: read area = {area:g} m^2; it must be positive")
    edges = _edges(widths, inner_radius)
    grid = _unit_line(coordinates, len(widths))
    face_areas, volumes = _shells(edges[:-1], widths, coordinates, area)
    return _with_widths(grid, [widths], [face_areas], (edges,), volumes=volumes, region=region, region_names=names)


@cache
def _unit_line(coordinates: str, n: int) -> Grid:
    """A line of n cells of 1 m: its connectivity is that of all lines of n cells, whose widths are put in afterwards.
    FiPy takes longer to make a mesh than a spectrum to be solved, and a fit needs hundreds."""
    factories = {"cartesian": "Grid1D", "cylindrical": "CylindricalGrid1D", "spherical": "SphericalGrid1D"}
    return _read(getattr(load_fipy(), factories[coordinates])(dx=np.ones(n)))


def box(layers: Layers, widths_y: Array, widths_z: Array | None = None, depth: float = 1.0) -> Grid:
    """Two- or three-dimensional Cartesian grid of layers along x; cell i + n_x (j + n_y k), regions as in `line`.

    widths_y, widths_z: cell widths [m]. Without `widths_z` the grid is two-dimensional and `depth` [m] thick: face
    areas are width times depth, volumes include it. Raises InputError on widths or names that cannot be.
    """
    widths_x, region, names = _layered(layers)
    widths = [widths_x, _checked("widths_y", widths_y)]
    if widths_z is not None:
        widths.append(_checked("widths_z", widths_z))
    _one_of("depth", depth, 1.0, widths_z is not None, "two-dimensional grids")
    if not (np.isfinite(depth) and depth > 0.0):
        raise InputError(f"grid: read depth = {depth:g} m; it must be positive")
    edges = tuple(_edges(w) for w in widths)
    grid = _read(_cartesian_mesh(widths))
    index = np.unravel_index(np.arange(grid.n_cells), [len(w) for w in widths], order="F")
    extent = [w[i] for w, i in zip(widths, index, strict=True)]
    volumes = np.prod(extent, axis=0) * depth
    cross_section = [(volumes / e, volumes / e) for e in extent]
    return _with_widths(
        grid, extent, cross_section, edges, volumes=volumes, region=region[index[0]], region_names=names
    )


def from_fipy(mesh: Any, regions: Mapping[str, npt.ArrayLike] | None = None) -> Grid:
    """Grid of any FiPy mesh: Grid1D/2D/3D, the cylindrical and spherical ones, Tri2D, Gmsh meshes.

    `regions`: name -> mask (n_cells,); every cell belongs to exactly one. Without it, one region named "all".
    A 2D mesh is 1 m deep; cylindrical and spherical meshes are full bodies (see `Grid`). FiPy's own volumes in
    spherical coordinates do not belong to its areas (mid-point rule on uniform meshes, 3/2 too large on others) and
    are computed here. Raises InputError where the faces do not close around the cells (periodic or tangled meshes).
    """
    grid = _read(mesh)
    _check_closed(grid)
    if regions is None:
        return grid
    masks = np.array([np.asarray(mask, dtype=bool) for mask in regions.values()])
    if masks.shape != (len(regions), grid.n_cells) or not np.all(masks.sum(axis=0) == 1):
        raise InputError(f"grid: regions are masks over {grid.n_cells} cells, and each cell belongs to exactly one")
    return replace(grid, region=masks.argmax(axis=0).astype(np.int64), region_names=tuple(regions))


def _read(mesh: Any) -> Grid:
    """The arrays of a mesh, through the attributes that every FiPy mesh has and without its half-distances."""
    centers, faces, normals = (_plain(a).T for a in (mesh.cellCenters, mesh.faceCenters, mesh.faceNormals))
    coordinates = _coordinates(mesh)
    area, volumes = _full_body(mesh, coordinates, faces)
    cells = np.ma.filled(mesh.faceCellIDs, -1).astype(np.int64)
    inside, outside = np.flatnonzero(cells[1] >= 0), np.flatnonzero(cells[1] < 0)
    # FiPy's normal points from the first cell to the second; ours towards larger x (or y, or z, where normal to x)
    normal = normals[inside]
    forward = normal[np.arange(len(inside)), (np.abs(normal) > 1e-6).argmax(axis=1)] > 0
    left, right = np.where(forward, cells[:, inside], cells[::-1, inside])
    return Grid(
        dim=int(mesh.dim),
        coordinates=coordinates,
        centers=centers,
        volumes=volumes,
        left=left,
        right=right,
        area=area[inside],
        d_left=_along(faces[inside] - centers[left], normal),
        d_right=_along(faces[inside] - centers[right], normal),
        face_centers=faces[inside],
        sides=_sides(outside, cells[0], centers, faces, normals, area),
        region=np.zeros(len(volumes), dtype=np.int64),
        region_names=("all",),
        edges=_structured_edges(faces, normals, len(volumes)),
        skew=_skew(centers[right] - centers[left], normal),
    )


def _full_body(mesh: Any, coordinates: str, faces: Array) -> tuple[Array, Array]:
    """Face areas and cell volumes; FiPy gives those of a cylinder per radian and of a sphere per steradian."""
    area, volumes = _plain(mesh.scaledFaceAreas), _plain(mesh.cellVolumes)
    if coordinates == "cylindrical":
        return 2 * np.pi * area, 2 * np.pi * volumes
    if coordinates == "spherical":
        radii = faces[np.ma.getdata(mesh.cellFaceIDs), 0]
        inner, outer = radii.min(axis=0), radii.max(axis=0)
        return 4 * np.pi * area, _shells(inner, outer - inner, "spherical")[1]
    return area, volumes


def _along(vectors: Array, normals: Array) -> Array:
    """Length (n,) of the component of each vector (n, dim) along its unit normal."""
    length: Array = np.abs(np.einsum("fd,fd->f", vectors, normals))
    return length


def _skew(joints: Array, normals: Array) -> float:
    across = np.linalg.norm(joints - np.einsum("fd,fd,fe->fe", joints, normals, normals), axis=1)
    return float(np.max(across / np.maximum(np.linalg.norm(joints, axis=1), np.finfo(float).tiny), initial=0.0))


def _sides(outside: Ints, behind: Ints, centers: Array, faces: Array, normals: Array, area: Array) -> dict[str, Side]:
    """Exterior faces by geometry: those that lie in the extreme plane of an axis and are normal to it."""

    def side(ids: Ints) -> Side:
        cells = behind[ids]
        distance = _along(faces[ids] - centers[cells], normals[ids])
        return Side(cells=cells, area=area[ids], distance=distance, centers=faces[ids])

    found: dict[str, Side] = {}
    rest = np.ones(len(outside), dtype=bool)
    for axis in range(faces.shape[1]):
        position = faces[outside, axis]
        flat = np.abs(normals[outside, axis]) > 1 - 1e-9
        low, high = position.min(), position.max()
        for name, extreme in zip(SIDES[axis], (low, high), strict=True):
            on = flat & (np.abs(position - extreme) <= 1e-9 * (high - low))
            if on.any():
                found[name] = side(outside[on])
                rest &= ~on
    if rest.any():
        found["outer"] = side(outside[rest])
    return found


def _with_widths(
    grid: Grid,
    extent: Sequence[Array],
    cross_section: Sequence[tuple[Array, Array]],
    edges: tuple[Array, ...],
    **given: Any,
) -> Grid:
    """The same cells and faces, with areas and distances from the cell widths instead of from coordinates.

    extent[axis] (n_cells,) cell widths; cross_section[axis] (n_cells,) areas of the faces before and after each cell;
    `given` replaces further fields. Faces are sorted by axis, then by cell.
    """
    index = np.unravel_index(np.arange(grid.n_cells), [len(e) - 1 for e in edges], order="F")
    half, cross = np.array(extent) / 2, np.array(cross_section)
    centers = np.stack([e[i] + h for e, i, h in zip(edges, index, half, strict=True)], axis=1)
    axis = np.argmax([i[grid.left] != i[grid.right] for i in index], axis=0)
    order = np.lexsort((grid.left, axis))
    left, right, axis = grid.left[order], grid.right[order], axis[order]
    face_centers = centers[left]
    face_centers[np.arange(len(left)), axis] = np.choose(axis, [e[i[right]] for e, i in zip(edges, index, strict=True)])
    sides = {}
    for a, end in itertools.product(range(grid.dim), (0, 1)):
        cells = grid.sides[SIDES[a][end]].cells.copy()
        middle = centers[cells]
        middle[:, a] = edges[a][-end]
        sides[SIDES[a][end]] = Side(cells=cells, area=cross[a, end, cells], distance=half[a, cells], centers=middle)
    return replace(
        grid,
        centers=centers,
        left=left,
        right=right,
        area=cross[axis, 1, left],
        d_left=half[axis, left],
        d_right=half[axis, right],
        face_centers=face_centers,
        sides=sides,
        edges=edges,
        skew=0.0,
        **given,
    )


def _check_closed(grid: Grid) -> None:
    """Each cell is the sum of the pyramids over its faces: sum of area x distance = dim x volume (Cartesian)."""
    if not np.all(grid.volumes > 0) or not np.all(np.concatenate((grid.d_left, grid.d_right)) > 0):
        raise InputError("grid: the mesh has cells of no or negative volume, or a cell centre outside its cell")
    if grid.coordinates != "cartesian":
        return
    total, surface = np.zeros(grid.n_cells), np.zeros(grid.n_cells)
    ends = [(grid.left, grid.area, grid.d_left), (grid.right, grid.area, grid.d_right)]
    for cells, area, distance in ends + [(s.cells, s.area, s.distance) for s in grid.sides.values()]:
        np.add.at(total, cells, area * distance)
        np.add.at(surface, cells, area)
    round_off = surface * 8 * np.finfo(float).eps * np.abs(grid.face_centers).max(initial=0.0)
    open_ = np.abs(total - grid.dim * grid.volumes) > 1e-6 * grid.dim * grid.volumes + round_off
    if open_.any():
        raise InputError(
            f"grid: the faces of {open_.sum()} of {grid.n_cells} cells do not close around them; "
            "periodic and tangled meshes are not supported"
        )


def _coordinates(mesh: Any) -> str:
    names = " ".join(cls.__name__ for cls in type(mesh).__mro__)
    return next((c for c in COORDINATES[1:] if c.capitalize() in names), "cartesian")


def _plain(values: Any) -> Array:
    """A FiPy variable, masked array or array as a plain array. Nothing read here has masked entries that matter."""
    return np.array(np.ma.getdata(getattr(values, "value", values)), dtype=np.float64)


def _structured_edges(faces: Array, normals: Array, n_cells: int) -> tuple[Array, ...]:
    """Face coordinates along each axis, if the cells are exactly the product of them; else empty."""
    edges = tuple(np.unique(faces[np.abs(normals[:, a]) > 1 - 1e-9, a]) for a in range(faces.shape[1]))
    return edges if np.prod([len(e) - 1 for e in edges]) == n_cells else ()


def _edges(widths: Array, start: float = 0.0) -> Array:
    """Face coordinates [m]. Raises InputError where round-off would let neighbouring cells coincide."""
    edges = start + np.concatenate(([0.0], np.cumsum(widths)))
    if widths.min() < 4 * np.finfo(float).eps * edges[-1]:
        raise InputError(
            f"grid: a cell of {widths.min():g} m is lost in the round-off of coordinates up to {edges[-1]:g} m"
        )
    return edges


def _shells(inner: Array, widths: Array, coordinates: str, area: float = 1.0) -> tuple[tuple[Array, Array], Array]:
    """Areas of the inner and outer face and volume of each cell (n,), free of cancellation in thin shells."""
    outer = inner + widths
    if coordinates == "cylindrical":
        return (2 * np.pi * inner, 2 * np.pi * outer), np.pi * widths * (inner + outer)
    if coordinates == "spherical":
        volumes = 4 / 3 * np.pi * widths * (inner**2 + inner * outer + outer**2)
        return (4 * np.pi * inner**2, 4 * np.pi * outer**2), volumes
    flat = np.full(len(widths), area)
    return (flat, flat), area * widths


def _cartesian_mesh(widths: Sequence[Array]) -> Any:
    """FiPy's uniform grids are built much faster (64^3: 0.2 s in place of 1.6 s) wherever all widths are equal."""
    fipy = load_fipy()
    factory = fipy.Grid2D if len(widths) == 2 else fipy.Grid3D
    if all(np.all(w == w[0]) for w in widths):
        return factory(
            **{f"d{a}": w[0] for a, w in zip("xyz", widths, strict=False)},
            **{f"n{a}": len(w) for a, w in zip("xyz", widths, strict=False)},
        )
    return factory(**{f"d{a}": w for a, w in zip("xyz", widths, strict=False)})


def _layered(layers: Layers) -> tuple[Array, Ints, tuple[str, ...]]:
    """Widths (n,), region index (n,) and names of a stack of layers."""
    names = tuple(name for name, _ in layers)
    if not names or len(set(names)) < len(names):
        raise InputError(f"grid: read layers {', '.join(names) or '(none)'}; at least one, each with its own name")
    parts = [_checked(f"layer {name}", widths) for name, widths in layers]
    region = np.repeat(np.arange(len(parts), dtype=np.int64), [len(p) for p in parts])
    return np.concatenate(parts), region, names


def _checked(name: str, widths: npt.ArrayLike) -> Array:
    values = np.asarray(widths, dtype=np.float64)
    good: Bools = np.isfinite(values) & (values > 0)
    if values.ndim != 1 or values.size == 0 or not good.all():
        raise InputError(f"grid: {name}: cell widths [m] are a list of positive, finite numbers")
    return values


def _one_of(name: str, value: float, neutral: float, meaningless: bool, where: str) -> None:
    if meaningless and value != neutral:
        raise InputError(f"grid: read {name} = {value:g}, which has a meaning only in {where}")
