"""Composites made up from a definition and a seed: packings, layers, boards, lattices, gradients, cracks and shells.

Every generator with a `seed` gives the same picture for the same seed. `shape` counts voxels along x, y[, z]; `voxel`
is their edge [m], one for all axes or one for each. A voxel belongs to what its centre lies in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from miecsim.errors import InputError
from miecsim.microstructure.packing import Packing, Sizes, filled
from miecsim.microstructure.structure import Microstructure, axes_of, axis_name
from miecsim.typing import Array, Bools, Ints

PARTICLES = ("matrix", "particle")
NEXT = 8  # nearest points looked at for the planes around a voxel: near the corner of a cell several are close


def packed_discs(
    shape: Sequence[int],
    voxel: float | Sequence[float],
    fraction: float,
    diameter: float | Sequence[float],
    seed: int,
    *,
    spread: float = 0.0,
    overlap: float = 0.0,
    periodic: tuple[int, ...] = (),
    names: tuple[str, str] = PARTICLES,
) -> Microstructure:
    """Discs that cover the area fraction `fraction` of the picture, to half a voxel.

    diameter [m]: one, or several of which each is as likely. spread: standard deviation of ln(diameter) (a lognormal
    distribution by number whose median is `diameter`, cut at 2.5 standard deviations). overlap: two discs come no
    nearer than (1 - overlap)(r_1 + r_2); 0 is a hard packing, 1 lets them fall anywhere (a Boolean model). They are
    set one after another where there is room; when there is none left, the missing ones are set anywhere and all are
    pushed apart. Discs are set until at least the fraction is covered and then shrunk by the same length, which is a
    small part of a voxel where there are many of them, until it is met. Along axes that are not periodic the picture
    is cut from a larger packing, so that the sides are like any other section.
    names: what is around the discs, and the discs.
    Raises InputError for discs smaller than two voxels or larger than a period, and, with the largest fraction that
    was reached, where a packing cannot be made so dense (hard discs of one size: about 0.88 at most, spheres 0.62).
    """
    return _packed(2, shape, voxel, fraction, diameter, seed, spread, overlap, periodic, names)


def packed_spheres(
    shape: Sequence[int],
    voxel: float | Sequence[float],
    fraction: float,
    diameter: float | Sequence[float],
    seed: int,
    *,
    spread: float = 0.0,
    overlap: float = 0.0,
    periodic: tuple[int, ...] = (),
    names: tuple[str, str] = PARTICLES,
) -> Microstructure:
    """Spheres that fill the volume fraction `fraction`; all else as in `packed_discs`."""
    return _packed(3, shape, voxel, fraction, diameter, seed, spread, overlap, periodic, names)


def _packed(
    dim: int,
    shape: Sequence[int],
    voxel: float | Sequence[float],
    fraction: float,
    diameter: float | Sequence[float],
    seed: int,
    spread: float,
    overlap: float,
    periodic: tuple[int, ...],
    names: tuple[str, str],
) -> Microstructure:
    counts, edges = _grid(shape, voxel, dim)
    _check_axes(periodic, dim)
    _share("fraction", fraction, below_one=True)
    _share("overlap", overlap)
    sizes = Sizes(np.atleast_1d(np.asarray(diameter, dtype=float)), spread)
    period = min((counts[k] * edges[k] for k in periodic), default=np.inf)
    if not (spread >= 0 and sizes.smallest >= 2 * edges.max() and sizes.largest <= period):
        raise InputError(
            f"packing: read diameters from {sizes.smallest:.4g} to {sizes.largest:.4g} m; expected at least two "
            f"voxels, {2 * edges.max():.4g} m" + (f", and at most a period, {period:.4g} m" if periodic else "")
        )
    margin = np.array([0.0 if k in periodic else 0.5 * sizes.largest for k in range(dim)])
    wanted = round(fraction * int(np.prod(counts)))
    packing = filled(Packing(counts, edges, margin, overlap, np.random.default_rng(seed)), sizes, wanted)
    labels = _lowest(packing.distance, wanted)
    return Microstructure(labels, tuple(edges.tolist()), names, periodic)


def laminate(
    shape: Sequence[int],
    voxel: float | Sequence[float],
    fractions: Mapping[str, float],
    period: float,
    *,
    normal: Sequence[float] | None = None,
    offset: float = 0.0,
    periodic: tuple[int, ...] = (),
) -> Microstructure:
    """Flat layers, one of each phase of `fractions` per `period` [m] along `normal` (x unless told), in that order.

    A point at position u = x.n/period + offset lies in the layer that u - floor(u) falls into. Fractions are divided
    by their sum. Raises InputError for a period or a normal that is none.
    """
    counts, edges = _grid(shape, voxel)
    n = np.eye(len(counts))[0] if normal is None else np.asarray(normal, dtype=float)
    shares = np.array(list(fractions.values()), dtype=float)
    if n.shape != edges.shape or not np.linalg.norm(n) > 0:
        raise InputError(f"laminate: read the normal {normal}; expected {len(counts)} numbers, not all zero")
    if not period > 0 or len(shares) == 0 or np.any(shares < 0) or not shares.sum() > 0:
        raise InputError(f"laminate: read the period {period} m and the fractions {dict(fractions)}; expected positive")
    n = n / np.linalg.norm(n)
    u: Array = offset + sum(_along(k, counts, edges) * n[k] / period for k in range(len(counts)))
    ends = np.cumsum(shares / shares.sum())[:-1]
    labels = np.broadcast_to(np.searchsorted(ends, u - np.floor(u), side="right"), counts)
    return Microstructure(labels.astype(np.uint8), tuple(edges.tolist()), tuple(fractions), periodic)


def checkerboard(
    cells: Sequence[int],
    pixels: int,
    voxel: float | Sequence[float],
    *,
    names: tuple[str, str] = ("even", "odd"),
    periodic: tuple[int, ...] = (),
) -> Microstructure:
    """Squares or cubes of `pixels` voxels, `cells` of them along each axis, of the two phases in turn; the first at the
    origin is names[0]. Raises InputError for an odd number of cells along a periodic axis."""
    _check_axes(periodic, len(cells))
    if pixels < 1 or any(cells[k] % 2 for k in periodic):
        raise InputError(f"checkerboard: read {tuple(cells)} cells of {pixels} voxels; periodic axes need even numbers")
    counts, edges = _grid([n * pixels for n in cells], voxel)
    labels = sum(i // pixels for i in np.indices(counts)) % 2
    return Microstructure(labels, tuple(edges.tolist()), names, periodic)


def random_sites(
    shape: Sequence[int],
    voxel: float | Sequence[float],
    probability: float,
    seed: int,
    *,
    exact: bool = False,
    names: tuple[str, str] = ("empty", "occupied"),
    periodic: tuple[int, ...] = (),
) -> Microstructure:
    """Site percolation: each voxel is names[1] with `probability`, whatever its neighbours are.

    exact: just the nearest whole number of voxels to probability * all is occupied, each choice as likely."""
    counts, edges = _grid(shape, voxel)
    _share("probability", probability)
    drawn = np.random.default_rng(seed).random(counts)
    if exact:
        labels = _lowest(drawn, round(probability * drawn.size))
    else:
        labels = (drawn < probability).astype(np.uint8)
    return Microstructure(labels, tuple(edges.tolist()), names, periodic)


def graded(
    shape: Sequence[int],
    voxel: float | Sequence[float],
    profile: Callable[[Array], Array] | Sequence[float],
    seed: int,
    *,
    grain: float = 0.0,
    names: tuple[str, str] = PARTICLES,
    periodic: tuple[int, ...] = (),
) -> Microstructure:
    """A composite whose fraction of names[1] varies along x.

    profile: fraction as a function of x/L (called with the centres of the layers), or its value in each layer. A field
    of independent random numbers is smoothed over the length `grain` [m] (a Gaussian of that standard deviation; 0
    leaves every voxel to itself), and in each layer the voxels where it is lowest are names[1]: as many as the
    profile says, with what is rounded off handed to the next layer, so that every sum from the left is right to half
    a voxel. Raises InputError for fractions outside 0 to 1."""
    counts, edges = _grid(shape, voxel)
    at = (np.arange(counts[0]) + 0.5) / counts[0]
    share = np.asarray(profile(at) if callable(profile) else profile, dtype=float)
    if share.shape != at.shape or not np.all((share >= 0) & (share <= 1)) or not grain >= 0:
        raise InputError(f"graded: expected {counts[0]} fractions from 0 to 1, one for each layer, and a grain >= 0")
    noise = np.random.default_rng(seed).standard_normal(counts)
    if grain > 0:
        mode = ["wrap" if k in periodic else "reflect" for k in range(len(counts))]
        noise = ndimage.gaussian_filter(noise, grain / edges, mode=mode)
    layer = int(np.prod(counts[1:]))
    until = np.floor(np.cumsum(share * layer) + 0.5).astype(int)
    each = np.diff(until, prepend=0)
    labels = np.stack([_lowest(noise[x], each[x]) for x in range(counts[0])])
    return Microstructure(labels, tuple(edges.tolist()), names, periodic)


def cracked(
    s: Microstructure,
    phase: str,
    fragment: float,
    width: float,
    seed: int,
    *,
    name: str = "void",
    share: float = 1.0,
) -> Microstructure:
    """The picture with a phase broken into fragments by cracks filled with phase `name`.

    Fragments are the Voronoi cells of points set at random, one per fragment^dim of volume; a crack takes the voxels of
    the phase within width/2 [m] of the plane between two cells. share: part of these planes that is open, each plane
    with this probability. At a share of 1 no two fragments touch.
    Raises InputError for a crack narrower than a voxel, which would have holes, and an unknown phase."""
    edges = np.array(s.voxel)
    _share("share", share)
    if not width >= edges.max() or not fragment > width:
        raise InputError(
            f"cracked: read fragments of {fragment:.4g} m and cracks of {width:.4g} m; expected cracks of at least one "
            f"voxel, {edges.max():.4g} m, and larger fragments"
        )
    rng = np.random.default_rng(seed)
    seeds = rng.random((max(round(float(np.prod(s.extent)) / fragment**s.dim), 2), s.dim)) * s.extent
    box = np.array([length if k in s.periodic else 0.0 for k, length in enumerate(s.extent)])
    inside = s.where(phase)
    points = (np.argwhere(inside) + 0.5) * edges
    near, which = cKDTree(seeds, boxsize=box).query(points, k=min(NEXT, len(seeds)))
    towards = seeds[which] - points[:, None]  # from the voxel to the nearest image of each point
    towards -= box * np.round(towards / np.where(box > 0, box, np.inf))
    between = towards[:, 1:] - towards[:, :1]
    to_plane = (near[:, 1:] ** 2 - near[:, :1] ** 2) / (2 * np.linalg.norm(between, axis=2))
    low, high = np.minimum(which[:, :1], which[:, 1:]), np.maximum(which[:, :1], which[:, 1:])
    _, pair = np.unique(low * len(seeds) + high, return_inverse=True)
    open_ = rng.random(int(pair.max(initial=0)) + 1)[pair].reshape(to_plane.shape) < share
    crack = np.zeros(s.shape, dtype=bool)
    crack[inside] = np.any((to_plane <= 0.5 * width) & open_, axis=1)
    return _painted(s, crack, name)


def coated(
    s: Microstructure, phase: str, thickness: float, name: str, *, inward: bool = False, keep: Sequence[str] = ()
) -> Microstructure:
    """The picture with a shell of phase `name` around a phase: every voxel outside it whose centre is nearer to its
    surface than `thickness` [m] (the surface lies half a voxel's shortest edge beyond the centres of the outermost
    voxels).

    inward: the shell is cut out of the phase instead, from its surface inwards. keep: phases that the shell neither
    grows over nor grows on. Raises InputError for unknown phases and a thickness below half a voxel, which is none."""
    edges = np.array(s.voxel)
    if not thickness > 0.5 * edges.min():
        raise InputError(f"coated: read a thickness of {thickness:.4g} m; a voxel is {edges.min():.4g} m wide")
    core = s.where(phase)
    kept = np.isin(s.labels, [s.index(other) for other in keep])
    source, target = (~core & ~kept, core) if inward else (core, ~core & ~kept)
    near = _distance(s, source, thickness) - 0.5 * edges.min() < thickness
    return _painted(s, target & near, name)


def _distance(s: Microstructure, mask: Bools, reach: float) -> Array:
    """Distance [m] from each voxel's centre to that of the nearest voxel of the mask, through the seams of periodic
    axes, as far as `reach` and a voxel; inf for an empty mask."""
    if not mask.any():
        return np.full(s.shape, np.inf)
    rim = [
        min(int(np.ceil(reach / edge)) + 2, n) if k in s.periodic else 0
        for k, (edge, n) in enumerate(zip(s.voxel, s.shape, strict=True))
    ]
    around = np.pad(mask, [(r, r) for r in rim], mode="wrap")
    far = ndimage.distance_transform_edt(~around, sampling=s.voxel)
    return np.asarray(far[tuple(slice(r, r + n) for r, n in zip(rim, s.shape, strict=True))])


def _painted(s: Microstructure, where: Bools, name: str) -> Microstructure:
    """The picture with phase `name` where told; a phase that it does not have yet is appended."""
    names = s.names if name in s.names else (*s.names, name)
    labels = np.where(where, np.uint8(names.index(name)), s.labels)
    return Microstructure(labels, s.voxel, names, s.periodic)


def _lowest(values: Array, n: int) -> Ints:
    """Labels, 1 where the n lowest values stand and 0 elsewhere."""
    labels = np.zeros(values.size, dtype=np.uint8)
    if n > 0:
        labels[np.argpartition(values.ravel(), n - 1)[:n]] = 1
    return np.asarray(labels.reshape(values.shape))


def _along(axis: int, counts: tuple[int, ...], edges: Array) -> Array:
    """Centres of the voxels along an axis [m], to be broadcast over the picture."""
    at = (np.arange(counts[axis]) + 0.5) * edges[axis]
    return np.asarray(at.reshape(tuple(-1 if k == axis else 1 for k in range(len(counts)))))


def _grid(
    shape: Sequence[int], voxel: float | Sequence[float], dim: int | None = None
) -> tuple[tuple[int, ...], Array]:
    """Voxels along each axis, and their edges [m]."""
    counts = tuple(int(n) for n in shape)
    if len(counts) not in ((2, 3) if dim is None else (dim,)) or min(counts) < 1:
        raise InputError(f"microstructure: read the shape {counts}; expected {dim or '2 or 3'} positive numbers")
    edges = np.asarray(voxel, dtype=float)
    if edges.ndim > 1 or edges.size not in (1, len(counts)) or not np.all(np.isfinite(edges) & (edges > 0)):
        raise InputError(f"microstructure: read voxel {voxel}; expected one positive length, or {len(counts)}")
    return counts, np.broadcast_to(edges, (len(counts),)).copy()


def _check_axes(periodic: tuple[int, ...], dim: int) -> None:
    if any(k not in range(dim) for k in periodic):
        words = ", ".join(map(axis_name, periodic))
        raise InputError(f"microstructure: read periodic axes {words}; the picture has {axes_of(dim)}")


def _share(what: str, value: float, below_one: bool = False) -> None:
    if not 0 <= value <= 1 or (below_one and value == 1):
        raise InputError(f"microstructure: read {what} = {value}; expected {'0 <= it < 1' if below_one else '0 to 1'}")
