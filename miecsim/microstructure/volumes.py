"""How large a picture has to be: statistics of sub-volumes of growing size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.transport import tortuosity_factor
from miecsim.typing import Array, Ints

FEWEST = 4  # sub-volumes of one size from which a spread is told


@dataclass(frozen=True, eq=False)
class Decay:
    """Spread of one property over sub-volumes of each size, and its fitted decay.

    mean, spread (standard deviation, n - 1), variation = spread / |mean|: (sizes,), nan where fewer than two values are
    finite; missing: share of sub-volumes without a finite value (that do not conduct). Fit over the sizes with a
    positive variation: variation = prefactor * (length [m])^(-exponent); dim/2 where far voxels know nothing of each
    other, less where structures are long. nan with fewer than two such sizes.
    """

    mean: Array
    spread: Array
    variation: Array
    missing: Array
    prefactor: float
    exponent: float

    def length_for(self, variation: float) -> float:
        """Edge [m] of the cube (square) at which the coefficient of variation has fallen to a wanted value."""
        if not (np.isfinite(variation) and variation > 0):
            raise InputError(f"variation: read {variation!r}; expected a positive number")
        if not self.exponent > 0:
            raise InputError("representative volume: the spread does not fall over the sizes that were sampled")
        return float((self.prefactor / variation) ** (1 / self.exponent))


@dataclass(frozen=True, eq=False)
class Volumes:
    """Sub-volumes that do not overlap, sampled of each size.

    voxels: edge lengths (sizes, dim); length [m]: edge of the cube (square) of equal volume (sizes,); count (sizes,).
    fraction, conductivity (sigma_eff/sigma_0 of the phase alone), tortuosity: `Decay` each.
    """

    phase: str
    axis: int
    voxels: Ints
    length: Array
    count: Ints
    fraction: Decay
    conductivity: Decay
    tortuosity: Decay


def representative_volume(
    structure: Microstructure, phase: str, parts: tuple[int, ...], axis: int = 0, most: int = 64, seed: int = 0
) -> Volumes:
    """Fraction, relative conductivity and tortuosity factor of a phase in ever smaller sub-volumes.

    parts: into how many pieces each edge is cut, one size for each, as (8, 6, 4, 3, 2); voxels that are left over stay
    out. At most `most` sub-volumes of a size, drawn by seed. Sub-volumes are cut out, insulated at their sides.
    They do not overlap, so that they are independent where the picture is large; the sizes share voxels. InputError
    where a size leaves fewer than four sub-volumes or less than two voxels.
    """
    structure.index(phase)
    draw = np.random.default_rng(seed)
    edges, rows = [], []
    for n in sorted(set(parts), reverse=True):
        edge = np.array(structure.shape) // n if n > 0 else np.zeros(structure.dim, dtype=np.int64)
        if edge.min() < 2 or n**structure.dim < FEWEST:
            raise InputError(f"parts: read {n}; a picture of {structure.shape} voxels is not cut into so many pieces")
        corners = np.array(list(np.ndindex(*(n,) * structure.dim)))
        chosen = draw.permutation(len(corners))[:most]
        edges.append(edge)
        rows.append(np.array([_properties(structure, phase, axis, corners[k] * edge, edge) for k in np.sort(chosen)]))
    voxels = np.array(edges)
    length = np.prod(voxels * np.array(structure.voxel), axis=1) ** (1 / structure.dim)
    fraction, conductivity, tortuosity = (_decay(length, [row[:, k] for row in rows]) for k in range(3))
    count = np.array([len(row) for row in rows])
    return Volumes(phase, axis, voxels, length, count, fraction, conductivity, tortuosity)


def _properties(
    structure: Microstructure, phase: str, axis: int, corner: Ints, edge: Ints
) -> tuple[float, float, float]:
    """Fraction, sigma_eff/sigma_0 and tau (nan where nothing is conducted) of one sub-volume."""
    box = tuple(slice(int(at), int(at + width)) for at, width in zip(corner, edge, strict=True))
    part = Microstructure(structure.labels[box], structure.voxel, structure.names)
    if not part.where(phase).any():
        return 0.0, 0.0, np.nan
    found = tortuosity_factor(part, phase, axis)
    return found.fraction, found.relative, found.tau if np.isfinite(found.tau) else np.nan


def _decay(length: Array, values: list[Array]) -> Decay:
    held = [v[np.isfinite(v)] for v in values]
    mean = np.array([v.mean() if len(v) else np.nan for v in held])
    spread = np.array([v.std(ddof=1) if len(v) > 1 else np.nan for v in held])
    variation = np.divide(spread, np.abs(mean), out=np.full(len(mean), np.nan), where=np.abs(mean) > 0)
    missing = np.array([1 - len(v) / len(whole) for v, whole in zip(held, values, strict=True)])
    prefactor, exponent = np.nan, np.nan
    usable = variation > 0
    if usable.sum() > 1:
        count = np.array([len(v) for v in held])[usable]  # the logarithm of a spread of n values errs by 1/sqrt(2n - 2)
        slope, start = np.polyfit(np.log(length[usable]), np.log(variation[usable]), 1, w=np.sqrt(count - 1))
        prefactor, exponent = float(np.exp(start)), float(-slope)
    return Decay(mean, spread, variation, missing, prefactor, exponent)
