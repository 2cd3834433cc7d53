"""Shortest conduction paths from a side of an electrode, inside the phases that conduct, to where reactions happen.

L* is a length [m]: along a path, the local resistivity over a reference resistivity adds up,

    L*(x) = min over paths from the side to x of  integral (sigma_ref/sigma) ds,

which is the length of the path where one phase conducts. What such a path costs is its resistance r = L*/sigma_ref
[ohm m^2], and it is r of ions against r of electrons that says which of the two is held up, not L* against L*.

A shortest path is a picture of transport, not a solution of it: current spreads over all paths at once.
`miecsim.microstructure.travel` has the other meaning of the symbol, how far a carrier gets in a given time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from miecsim.errors import InputError
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import face_area, face_weights
from miecsim.typing import Array, Bools, Ints

SIDES = ("left", "right")
REFINE = {2: 3, 3: 1}


@dataclass(frozen=True, eq=False)
class PathLengths:
    """Paths to the n reaction sites of a structure, and to every voxel.

    cells (n, 2): the voxels before and after each site along its axis, numbered x fastest. position (n, dim) [m] and
    area (n,) of each site: [m^2], in two dimensions [m], per depth of the section.
    depth_ion, depth_eon (n,) [m]: distance from the side where ions, or electrons, come from.
    L_ion, L_eon (n,) [m]: L*, infinite where no path leads to. sigma_ion, sigma_eon [S/m]: the conductivities that L*
    is weighted with. map_ion, map_eon (shape of the picture) [m]: L* at the centres of the voxels.
    phases_ion, phases_eon: which phases conduct.
    """

    cells: Ints = field(repr=False)
    position: Array = field(repr=False)
    area: Array = field(repr=False)
    depth_ion: Array = field(repr=False)
    depth_eon: Array = field(repr=False)
    L_ion: Array = field(repr=False)
    L_eon: Array = field(repr=False)
    sigma_ion: float
    sigma_eon: float
    map_ion: Array = field(repr=False)
    map_eon: Array = field(repr=False)
    phases_ion: tuple[str, ...]
    phases_eon: tuple[str, ...]

    @property
    def r_ion(self) -> Array:
        """Resistance L*/sigma of the ions' path [ohm m^2], (n,)."""
        return self.L_ion / self.sigma_ion

    @property
    def r_eon(self) -> Array:
        """Resistance L*/sigma of the electrons' path [ohm m^2], (n,)."""
        return self.L_eon / self.sigma_eon

    @property
    def tortuosity_ion(self) -> Array:
        """L*/depth of the ions' path, (n,), at least 1 in one phase."""
        return self.L_ion / self.depth_ion

    @property
    def tortuosity_eon(self) -> Array:
        """L*/depth of the electrons' path, (n,), at least 1 in one phase."""
        return self.L_eon / self.depth_eon

    @property
    def reached(self) -> Bools:
        """Sites that both ions and electrons get to, (n,)."""
        reached: Bools = np.isfinite(self.L_ion) & np.isfinite(self.L_eon)
        return reached

    def unreached(self) -> dict[str, float]:
        """Shares of the area of all sites without a path for "ion", for "eon", and for at least one, "either"."""
        without = {"ion": ~np.isfinite(self.L_ion), "eon": ~np.isfinite(self.L_eon), "either": ~self.reached}
        return {name: float(self.area[mask].sum() / self.area.sum()) for name, mask in without.items()}


@dataclass(frozen=True)
class Limits:
    """What holds back the reaction, by the resistances of the paths: shares of the area that both carriers reach.

    ion: r_ion > r_eon; eon: the opposite. misjudged: the share where a comparison of lengths, L*_ion with L*_eon,
    names the wrong one. ion_current, eon_current: the same shares of the reaction current, None where it is unknown.
    """

    ion: float
    eon: float
    misjudged: float
    ion_current: float | None = None
    eon_current: float | None = None


def shortest_paths(
    structure: Microstructure,
    sigma: Mapping[str, float],
    side: str = "left",
    *,
    reference: float | None = None,
    refine: int | None = None,
) -> Array:
    """L* [m] at the centre of each voxel, (shape), inf where no path leads; paths cross faces, edges and corners only
    within the phases that conduct.

    |grad L*| = sigma_ref/sigma with L* = 0 on the side, solved voxel by voxel from the side inwards (fast marching over
    simplices: exact along straight fronts, half a voxel or a little more too long behind each corner). Each voxel is
    first cut into `refine` pieces along each axis, an odd number, which shortens that excess as much.

    sigma: conductivity [S/m] of each phase that conducts; side: "left" or "right"; reference: sigma_ref [S/m], by
    default the largest of `sigma`; refine: by default 3 in two dimensions, 1 in three. Where the picture repeats, paths
    go on; but not along x, which ends at the sides. Raises InputError for a side or phase that does not exist, a
    conductivity that is not positive, an even `refine`.
    """
    pieces = REFINE[structure.dim] if refine is None else refine
    if pieces < 1 or pieces % 2 == 0:
        raise InputError(f"shortest paths: read refine {refine}; expected an odd number, so that centres stay centres")
    w = _slowness(structure, sigma, reference)
    for axis in range(structure.dim):
        w = np.repeat(w, pieces, axis)
    if side not in SIDES:
        raise InputError(f'shortest paths: read side "{side}"; the sides are {", ".join(SIDES)}')
    first, step = (0 if side == "left" else -1), np.array([*structure.voxel, 1.0])[:3] / pieces
    T = np.full(w.shape, np.inf)
    T[first] = np.where(w[first] > 0, 0.5 * step[0] * w[first], np.inf)
    deep = w.shape + (1,) * (3 - structure.dim)
    wraps = np.array([int(axis in structure.periodic and axis > 0) for axis in range(3)])
    from miecsim.microstructure.paths_compiled import march

    march(T.reshape(deep), w.reshape(deep), step, wraps)
    return T[(slice(pieces // 2, None, pieces),) * structure.dim]


def _slowness(structure: Microstructure, sigma: Mapping[str, float], reference: float | None = None) -> Array:
    """sigma_ref/sigma of each voxel, (shape), 0 where nothing conducts."""
    if not sigma:
        raise InputError("shortest paths: no phase conducts; expected the conductivity of at least one")
    for name, value in sigma.items():
        if not (np.isfinite(value) and value > 0):
            raise InputError(f'shortest paths: read conductivity {value} of "{name}"; expected a positive number [S/m]')
    if reference is not None and not (np.isfinite(reference) and reference > 0):
        raise InputError(f"shortest paths: read reference {reference}; expected a positive conductivity [S/m]")
    of_label = np.zeros(len(structure.names))
    for name, value in sigma.items():
        of_label[structure.index(name)] = (reference or max(sigma.values())) / value
    w: Array = of_label[structure.labels]
    return w


def path_lengths(
    structure: Microstructure,
    sigma_ion: Mapping[str, float],
    sigma_eon: Mapping[str, float],
    *,
    sites: Sequence[tuple[str, str]] | None = None,
    sides: tuple[str, str] = ("left", "right"),
    refine: int | None = None,
    staircase: bool = False,
) -> PathLengths:
    """Shortest paths of ions and electrons to each reaction site: each voxel face between two phases.

    sigma_ion, sigma_eon: conductivities [S/m] of the phases that carry ions, and electrons; L* is weighted with the
    largest of each. sites: pairs of phases that react where they touch, by default each phase that carries ions with
    each other one that carries electrons. sides: where the ions and the electrons come from.

    A carrier comes to a site through whichever of its two voxels conducts (of a mixed conductor in a gas, the same
    voxel for both), and L* is that of the face itself. Areas are those of a smooth surface, as
    `miecsim.microstructure.surfaces.face_weights` estimates them; `staircase` keeps those of the voxels. `refine` is
    that of `shortest_paths`. Raises InputError as it does, and where no such phases touch.
    """
    pairs = [(i, e) for i in sigma_ion for e in sigma_eon if i != e] if sites is None else list(sites)
    maps: list[Array] = []
    depths: list[Array] = []
    lengths: list[Array] = []
    faces = _faces(structure, pairs)
    position = np.concatenate([f.position(structure) for f in faces])
    for sigma, side in ((sigma_ion, sides[0]), (sigma_eon, sides[1])):
        L, w = shortest_paths(structure, sigma, side, refine=refine), _slowness(structure, sigma)
        depth = position[:, 0] if side == "left" else structure.extent[0] - position[:, 0]
        at_faces = np.concatenate([f.arrival(structure, L, w, side) for f in faces])
        maps.append(L)
        depths.append(depth)
        lengths.append(np.maximum(at_faces, depth))  # never below the straight line through the best conductor
    area = np.concatenate([f.area(structure, staircase) for f in faces])
    return PathLengths(
        np.concatenate([np.stack([f.left, f.right], axis=1) for f in faces]),
        *(position, area, depths[0], depths[1], lengths[0], lengths[1]),
        sigma_ion=max(sigma_ion.values()),
        sigma_eon=max(sigma_eon.values()),
        map_ion=maps[0],
        map_eon=maps[1],
        phases_ion=tuple(sigma_ion),
        phases_eon=tuple(sigma_eon),
    )


@dataclass(frozen=True, eq=False)
class _Faces:
    """Faces across one axis between the voxels with the flat numbers `left` and `right` (x fastest)."""

    axis: int
    left: Ints
    right: Ints

    def position(self, structure: Microstructure) -> Array:
        """Centres (n, dim) [m]; of faces across which the picture repeats, on its far side."""
        at = np.stack(np.unravel_index(self.left, structure.shape, order="F"), axis=1) + 0.5
        at[:, self.axis] += 0.5
        return np.asarray(at * np.array(structure.voxel), dtype=np.float64)

    def area(self, structure: Microstructure, staircase: bool) -> Array:
        """Area of the surface that each face stands for, (n,)."""
        full = face_area(structure, self.axis)
        if staircase:
            return np.full(len(self.left), full)
        return full * face_weights(structure, self.left, self.right, self.axis)

    def arrival(self, structure: Microstructure, L: Array, w: Array, side: str) -> Array:
        """L* at the faces, (n,), through the voxel to their left or to their right, whichever is the shorter way."""
        leftwards = _extrapolated(structure, L, w, side, self.axis, self.right, -1)
        return np.minimum(_extrapolated(structure, L, w, side, self.axis, self.left, 1), leftwards)


def _extrapolated(
    structure: Microstructure, L: Array, w: Array, side: str, axis: int, cells: Ints, towards: int
) -> Array:
    """L* on that face of each cell that lies `towards` the end (1) or the start (-1) of the axis.

    From the centre on, L* grows by what it grew up to there from the cell behind, at most by straight motion; in a
    channel one voxel wide, with no cell behind, the path runs along the face.
    """
    at = list(np.unravel_index(cells, structure.shape, order="F"))
    here, slope = L[tuple(at)], w[tuple(at)] * structure.voxel[axis]
    at[axis] = at[axis] - towards
    outside = (at[axis] < 0) | (at[axis] >= structure.shape[axis])
    at[axis] = at[axis] % structure.shape[axis]
    behind = L[tuple(at)]
    if axis == 0 or axis not in structure.periodic:
        enters = axis == 0 and towards == (1 if side == "left" else -1)
        behind = np.where(outside, here - slope if enters else np.inf, behind)
    known = np.isfinite(here) & np.isfinite(behind)
    growth = np.subtract(here, behind, out=np.zeros(len(here)), where=known)
    grown: Array = here + 0.5 * np.clip(growth, -slope, slope)
    return grown


def _faces(structure: Microstructure, pairs: Sequence[tuple[str, str]]) -> list[_Faces]:
    """The faces between the phases of each pair, axis by axis."""
    meets = np.zeros((len(structure.names),) * 2, dtype=bool)
    for a, b in pairs:
        meets[structure.index(a), structure.index(b)] = meets[structure.index(b), structure.index(a)] = True
    np.fill_diagonal(meets, False)
    number = np.arange(structure.labels.size).reshape(structure.shape, order="F")
    found = []
    for axis in range(structure.dim):
        left = number if axis in structure.periodic and axis > 0 else number[_upto(structure, axis)]
        right = np.roll(number, -1, axis)[tuple(slice(n) for n in left.shape)]
        flat = structure.labels.ravel(order="F")
        chosen = meets[flat[left], flat[right]]
        found.append(_Faces(axis, left[chosen], right[chosen]))
    if not any(len(f.left) for f in found):
        words = ", ".join(f"{a} and {b}" for a, b in pairs) or "(none)"
        raise InputError(f"shortest paths: no reaction site; none of these phases touch: {words}")
    return found


def _upto(structure: Microstructure, axis: int) -> tuple[slice, ...]:
    """All voxels but the last along an axis."""
    return tuple(slice(n - (a == axis)) for a, n in enumerate(structure.shape))


def limits(paths: PathLengths, current: Array | None = None) -> Limits:
    """Which carrier's path has the larger resistance L*/sigma, by area, and by the reaction current [A] (n,) if given.

    Raises InputError where no site is reached by both carriers, and for a current that is not one number per site.
    """
    on = paths.reached
    if not on.any():
        raise InputError("shortest paths: ions and electrons reach no common site")
    ion, eon = paths.r_ion[on] > paths.r_eon[on], paths.r_ion[on] < paths.r_eon[on]
    longer, shorter = paths.L_ion[on] > paths.L_eon[on], paths.L_ion[on] < paths.L_eon[on]

    def share(mask: Bools, weight: Array) -> float:
        return float(weight[mask].sum() / weight.sum())

    area = paths.area[on]
    by_area = share(ion, area), share(eon, area), share((ion & shorter) | (eon & longer), area)
    if current is None:
        return Limits(*by_area)
    size = site_current(paths, current)[on]
    return Limits(*by_area, share(ion, size), share(eon, size))


def site_current(paths: PathLengths, current: Array) -> Array:
    """Size of the reaction current at each site (n,). Raises InputError unless it is one finite number per site and
    some of it flows."""
    size: Array = np.abs(np.asarray(current))
    if size.shape != paths.area.shape or not np.isfinite(size).all() or not size[paths.reached].any():
        raise InputError(
            f"shortest paths: read {size.shape} reaction currents; expected {len(paths.area)} finite numbers, not all "
            "zero where both carriers arrive"
        )
    return size


def quantiles(values: Array, weight: Array, at: Sequence[float] = (0.1, 0.5, 0.9)) -> Array:
    """Values below which the shares `at` of the weight lie, (len(at),); infinite values are left out.

    Raises InputError where nothing is left.
    """
    on = np.isfinite(values) & (weight > 0)
    if not on.any():
        raise InputError("shortest paths: a distribution of nothing: no site is reached")
    found: Array = np.quantile(values[on], np.asarray(at), weights=weight[on], method="inverted_cdf")
    return found


def histogram(values: Array, weight: Array, edges: Array) -> Array:
    """Share of the weight of all finite values between edges (n + 1,), per unit of the values, (n,).

    Raises InputError where nothing is left.
    """
    on = np.isfinite(values) & (weight > 0)
    if not on.any():
        raise InputError("shortest paths: a distribution of nothing: no site is reached")
    counts, _ = np.histogram(values[on], edges, weights=weight[on])
    density: Array = counts / (weight[on].sum() * np.diff(edges))
    return density
