"""The continuum on the picture itself: carriers where their phase is, laws where phases meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.grid.patches import Patch, with_patches
from miecsim.grid.voxels import face_axis, voxel_grid, without_faces
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import face_weights
from miecsim.physics.layers import ConductorLayer
from miecsim.physics.models import Model
from miecsim.physics.terminals import Wiring
from miecsim.system import System, build_on_grid
from miecsim.typing import Bools, Ints


@dataclass(frozen=True)
class Gap:
    """A part of the interface between two phases where they do not touch: lost contact.

    fraction of its area; patches of about `correlation` [m] across, single voxel faces where 0; `seed` of the random
    field whose highest part they are. InputError for a fraction outside 0 to 1.
    """

    between: tuple[str, str]
    fraction: float
    correlation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise InputError(f"gap between {' and '.join(self.between)}: read {self.fraction:g}; expected 0 to 1")
        if not self.correlation >= 0:
            raise InputError(f"gap: read a correlation of {self.correlation:g} m; expected zero or a length")


def phase(
    name: str,
    sigma_ion: float = 0.0,
    sigma_eon: float = 0.0,
    chemical_capacitance: float = 0.0,
) -> ConductorLayer:
    """A phase by its conductivities [S/m], zero for what it does not conduct (a pore: both), and, of a phase that
    conducts both, its chemical capacitance [F/m3]: lithium then diffuses with D = sigma_amb / c_chem, 1/sigma_amb =
    1/sigma_ion + 1/sigma_eon."""
    return ConductorLayer(name, 0.0, sigma_ion, sigma_eon, chemical_capacitance)


def resolved_system(
    structure: Microstructure,
    model: Model,
    wiring: Wiring,
    *,
    area: float | None = None,
    gaps: Sequence[Gap] = (),
    patches: Sequence[Patch] = (),
    staircase: bool = False,
) -> System:
    """`model`, whose layers are the phases by name, on the voxels of `structure`, wired at its sides.

    area [m2] of the electrode normal to x, of which the picture is a sample (None: per m2). Interface laws act on the
    area that the phases have, which stairs of voxels overestimate (by 4/pi in two dimensions and 3/2 in three for
    surfaces of all directions); `staircase` keeps theirs. `patches` are parts of sides, in metres of the picture, which
    contacts may name as their side. Raises InputError as `build_on_grid` and `with_patches`.
    """
    if any(axis == 0 for axis in structure.periodic):
        raise InputError("microstructure: the axis between the contacts (x) cannot be periodic")
    grid = voxel_grid(structure.labels, structure.names, structure.voxel, structure.periodic, area or 1.0)
    grid = with_patches(grid, patches)
    if not staircase:
        grid = with_surface(grid, structure)
    for gap in gaps:
        grid = without_faces(grid, gap_faces(grid, structure, gap))
    return build_on_grid(model, wiring, grid, area=area)


def with_surface(grid: Grid, structure: Microstructure) -> Grid:
    """The voxel grid with the share that each face between two phases has of their true interface."""
    surface = np.ones(grid.n_faces)
    between, axis = np.flatnonzero(grid.region[grid.left] != grid.region[grid.right]), face_axis(grid)
    for a in range(structure.dim):
        at = between[axis[between] == a]
        surface[at] = face_weights(structure, grid.left[at], grid.right[at], a)
    return replace(grid, surface=surface)


def gap_faces(grid: Grid, structure: Microstructure, gap: Gap) -> Bools:
    """Mask (n_faces,) of the faces of a gap: those of the highest random values that make up its share of the area."""
    a, b = (structure.index(name) for name in gap.between)
    at = _between(grid, a, b)
    value = np.random.default_rng(gap.seed).standard_normal(structure.shape)
    if gap.correlation > 0:
        width = [gap.correlation / (2 * edge) for edge in structure.voxel]
        modes = ["wrap" if axis in structure.periodic else "reflect" for axis in range(structure.dim)]
        value = gaussian_filter(value, width, mode=modes)
    flat = value.ravel(order="F")
    order = np.argsort(-(flat[grid.left[at]] + flat[grid.right[at]]), kind="stable")
    area = grid.area[at] * (grid.surface[at] if grid.surface.size else 1.0)
    lost = np.cumsum(area[order]) <= gap.fraction * area.sum() * (1 + 1e-12)
    gone = np.zeros(grid.n_faces, dtype=bool)
    gone[at[order[lost]]] = True
    return gone


def _between(grid: Grid, a: int, b: int) -> Ints:
    left, right = grid.region[grid.left], grid.region[grid.right]
    return np.flatnonzero(((left == a) & (right == b)) | ((left == b) & (right == a)))
