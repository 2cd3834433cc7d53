"""What makes each kind of generated picture from the parameters of a case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from miecsim.case import picture_kinds as kinds
from miecsim.microstructure import generators
from miecsim.microstructure.structure import Microstructure
from miecsim.typing import Array

Voxel = float | Sequence[float]


def _laminate(p: kinds.Laminate, voxel: Voxel, periodic: tuple[int, ...]) -> Microstructure:
    angle = np.deg2rad(p.angle)
    normal = np.round([np.cos(angle), np.sin(angle), 0.0], 15)[: len(p.voxels)]
    fractions = dict(zip(p.phases, p.fractions, strict=True))
    return generators.laminate(
        p.voxels, voxel, fractions, p.period, normal=normal.tolist(), offset=p.offset, periodic=periodic
    )


def _checkerboard(p: kinds.Checkerboard, voxel: Voxel, periodic: tuple[int, ...]) -> Microstructure:
    cells = [n // p.pixels for n in p.voxels]
    return generators.checkerboard(cells, p.pixels, voxel, names=(p.phases[0], p.phases[1]), periodic=periodic)


def _packed(p: kinds.PackedDiscs, voxel: Voxel, periodic: tuple[int, ...]) -> Microstructure:
    maker = generators.packed_discs if len(p.voxels) == 2 else generators.packed_spheres
    return maker(
        p.voxels,
        voxel,
        p.fraction,
        p.diameter,
        p.seed,
        spread=p.spread,
        overlap=p.overlap,
        periodic=periodic,
        names=(p.matrix, p.particle),
    )


def _random_sites(p: kinds.RandomSites, voxel: Voxel, periodic: tuple[int, ...]) -> Microstructure:
    names = (p.matrix, p.particle)
    return generators.random_sites(p.voxels, voxel, p.fraction, p.seed, exact=p.exact, names=names, periodic=periodic)


def _graded(p: kinds.Graded, voxel: Voxel, periodic: tuple[int, ...]) -> Microstructure:
    at = np.linspace(0.0, 1.0, len(p.profile))

    def profile(x: Array) -> Array:
        return np.interp(x, at, p.profile)

    names = (p.matrix, p.particle)
    return generators.graded(p.voxels, voxel, profile, p.seed, grain=p.grain, names=names, periodic=periodic)


BUILDERS: dict[str, Callable[[Any, Voxel, tuple[int, ...]], Microstructure]] = {
    "laminate": _laminate,
    "checkerboard": _checkerboard,
    "packed_discs": _packed,
    "packed_spheres": _packed,
    "random_sites": _random_sites,
    "graded": _graded,
}
