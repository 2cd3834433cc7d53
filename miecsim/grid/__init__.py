"""Control volumes as plain arrays: all that the rest of the program knows about geometry.

Everything after this room is blind to the dimension: cells, faces between two cells, and sides. The meshes come from
FiPy (`miecsim.grid.meshes`), which is imported nowhere else; the cell widths come from `miecsim.grid.spacing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Ints


@dataclass(frozen=True, eq=False)
class Side:
    """The exterior faces on one side of a grid, one entry per face.

    cells     (n,)      the cell behind each face
    area      (n,)      face area [m^2]
    distance  (n,)      from the cell centre to the plane of the face, along its normal [m]
    centers   (n, dim)  centre of each face [m]
    patch_of            the side that this is a patch of, None for a side itself
    """

    cells: Ints
    area: Array
    distance: Array
    centers: Array
    patch_of: str | None = None


@dataclass(frozen=True, eq=False)
class Grid:
    """Control volumes, the faces that join them and the sides that bound them.

    Areas and volumes are those of the body itself: a Cartesian line has the cross section that it was given, a
    cylindrical line is a full cylinder of 1 m length and a spherical one a full sphere.

    dim           1, 2 or 3: number of coordinates
    coordinates   "cartesian", "cylindrical" (r or r, z) or "spherical" (r)
    centers       (n_cells, dim)  cell centres [m]
    volumes       (n_cells,)      [m^3]
    left, right   (n_faces,)      the two cells joined by each interior face; `left` is the one at smaller x
                                  (at smaller y or z where the face is normal to that axis)
    area          (n_faces,)      interior face area [m^2]
    d_left        (n_faces,)      from the centre of the left cell to the plane of the face [m]; `d_right` likewise
    face_centers  (n_faces, dim)  [m]
    sides         left and right (x), bottom and top (y), front and back (z), less what patches take out of them; the
                  patches by their names; exterior faces on none of these: outer.
                  A cylinder or sphere that reaches the axis has a left side of zero area.
    region        (n_cells,)      index into `region_names`
    edges         face coordinates along each axis [m] where the grid is structured, else empty
    surface       (n_faces,) area of a curved surface that each face stands for, over its own: stairs of voxels are
                  longer than what they follow. Empty: 1
    skew          largest sine of the angle between a face normal and the line joining the two cell centres. A flux
                  that uses only the two neighbouring cells converges only where this is (nearly) 0.
    """

    dim: int
    coordinates: str
    centers: Array
    volumes: Array
    left: Ints
    right: Ints
    area: Array
    d_left: Array
    d_right: Array
    face_centers: Array
    sides: dict[str, Side]
    region: Ints
    region_names: tuple[str, ...]
    edges: tuple[Array, ...] = field(default=())
    skew: float = 0.0
    surface: Array = field(default_factory=lambda: np.empty(0))

    @property
    def n_cells(self) -> int:
        return len(self.volumes)

    @property
    def n_faces(self) -> int:
        return len(self.area)

    def in_region(self, name: str) -> Bools:
        """Mask (n_cells,) of the cells of one region. Raises InputError for a name that the grid does not have."""
        if name not in self.region_names:
            raise InputError(f'grid: read region "{name}"; the regions are {", ".join(self.region_names)}')
        mask: Bools = self.region == self.region_names.index(name)
        return mask
