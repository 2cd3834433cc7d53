"""Analytic bounds and models beside what a picture conducts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.circuit import media
from miecsim.microstructure.structure import Microstructure


@dataclass(frozen=True)
class Bounds:
    """Effective conductivities [S/m] that the fractions of a picture allow, and what models say.

    series, parallel: Wiener's bounds, of every picture in every direction (kept by the voxels themselves, too).
    lower, upper: Hashin and Shtrikman's, of isotropic composites in as many dimensions as the picture has: a small or
    layered picture may leave them. symmetric: Bruggeman's effective medium, a model.
    """

    series: float
    lower: float
    symmetric: float
    upper: float
    parallel: float


def conductivity_bounds(structure: Microstructure, sigma: Mapping[str, float]) -> Bounds:
    """Bounds of a picture's effective conductivity from its fractions alone; phases not named insulate."""
    for name in sigma:
        structure.index(name)
    fractions = np.bincount(structure.labels.ravel(), minlength=len(structure.names)) / structure.labels.size
    phi, s = fractions.tolist(), [float(sigma.get(name, 0.0)) for name in structure.names]
    lower, upper = media.hashin_shtrikman(phi, s, structure.dim)
    ends = (media.series(phi, s), media.bruggeman(phi, s, structure.dim), media.parallel(phi, s))
    low, middle, high = (float(np.real(value)) for value in ends)
    return Bounds(low, lower, middle, upper, high)
