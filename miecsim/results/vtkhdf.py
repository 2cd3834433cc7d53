"""The grid as ParaView and VTK read it: an UnstructuredGrid of quadrilaterals or hexahedra in VTKHDF 2.

VTKHDF has no rectilinear grid, hence the unstructured one. Source: VTK documentation, VTKHDF file format, version 2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.results.records import GridRecord
from miecsim.typing import Array, Ints

VERSION = (2, 2)
VTK_QUAD = 9
VTK_HEXAHEDRON = 12
COMPRESS_ABOVE = 4096  # elements


def write_vtkhdf(group: Any, grid: GridRecord) -> Any:
    """Fill `group` (/VTKHDF) with the points and cells of a 2D or 3D structured grid; returns its CellData group.

    Raises InputError when the grid's face coordinates do not match its cells.
    """
    points, connectivity = points_and_cells(grid)
    n_cells, corners = connectivity.shape
    group.attrs["Version"] = np.array(VERSION, dtype=np.int64)
    group.attrs["Type"] = np.bytes_("UnstructuredGrid")  # fixed-length ASCII: VTK does not read other strings
    arrays: dict[str, tuple[Any, str]] = {
        "NumberOfPoints": (np.array([points.shape[0]], dtype=np.int64), "1"),
        "NumberOfCells": (np.array([n_cells], dtype=np.int64), "1"),
        "NumberOfConnectivityIds": (np.array([connectivity.size], dtype=np.int64), "1"),
        "Points": (points, "m"),
        "Connectivity": (connectivity.ravel(), "1"),
        "Offsets": (np.arange(n_cells + 1, dtype=np.int64) * corners, "1"),
        "Types": (np.full(n_cells, VTK_QUAD if corners == 4 else VTK_HEXAHEDRON, dtype=np.uint8), "1"),
    }
    for name, (values, units) in arrays.items():
        packing = {"compression": "gzip", "compression_opts": 1} if values.size > COMPRESS_ABOVE else {}
        group.create_dataset(name, data=values, **packing).attrs["units"] = units
    return group.create_group("CellData", track_order=True)


def points_and_cells(grid: GridRecord) -> tuple[Array, Ints]:
    """Corner points (n_points, 3) [m] and corner numbers of each cell (n_cells, 4 or 8), in VTK's order."""
    counts = [axis.size - 1 for axis in grid.faces]
    if int(np.prod(counts)) != grid.volumes.size:
        raise InputError(f"grid: {grid.volumes.size} cells, but its faces enclose {int(np.prod(counts))}")
    _check_order(grid, counts)
    axes = [*grid.faces, *([np.zeros(1)] * (3 - len(grid.faces)))]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), z.ravel()])
    row = counts[0] + 1
    i, j = np.arange(counts[0]), np.arange(counts[1])
    quad = np.array([0, 1, 1 + row, row])
    first = (j[:, None] * row + i[None, :]).ravel()
    if len(counts) == 3:
        layer = row * (counts[1] + 1)
        first = (np.arange(counts[2])[:, None] * layer + first[None, :]).ravel()
        quad = np.concatenate([quad, quad + layer])
    return points, (first[:, None] + quad[None, :]).astype(np.int64)


def _check_order(grid: GridRecord, counts: list[int]) -> None:
    """The first cells must run along x, then y: fields would otherwise be drawn in the wrong place without a sign."""
    shape = tuple(reversed(counts))
    for axis, faces in enumerate(grid.faces):
        centers = 0.5 * (faces[1:] + faces[:-1])
        along = np.moveaxis(grid.centers[:, axis].reshape(shape), len(counts) - 1 - axis, -1)
        if not np.allclose(along, centers, rtol=1e-9, atol=1e-6 * float(np.min(np.diff(faces)))):
            raise InputError(f"grid: cell centres do not follow the {'xyz'[axis]} faces, x running fastest")
