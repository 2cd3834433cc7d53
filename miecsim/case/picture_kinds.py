"""What each kind of [microstructure] takes: an image, and the generators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from miecsim.case.fields import FLAG, choice, integer, list_of, number, quantity, text
from miecsim.case.messages import Refused, refuse
from miecsim.case.table import Context, Leaf, key
from miecsim.units import shown

Conflict = tuple[str, str, str]  # key, what was read, what is expected
_PHASE = text("the name of a phase")
_GREY = integer(-(2**31), 2**32)
_LENGTH = quantity("length", 1e-10, 1e-1)
_SHARE = number(1e-6, 1.0)
_SEED = integer(0, 2**31)
_VOXELS = list_of(integer(1, 10**5), 2, 3, "numbers of voxels along x, y (and z)")


def _greys() -> Leaf:
    """{ AM = 255, SE = [0, 128] } as ((phase, (values)), ...)."""
    several = list_of(_GREY, 1, 1000, "grey values")
    expected = "a table: the grey value, or values, of each phase in the image"

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[tuple[str, tuple[int, ...]], ...]:
        if not isinstance(value, dict) or not value:
            raise refuse(shown(value), expected)
        found, wrong = [], []
        for name, greys in value.items():
            try:
                leaf = several if isinstance(greys, list) else _GREY
                read = leaf.check(greys, siblings, context)
                found.append((name, read if isinstance(read, tuple) else (read,)))
            except Refused as error:
                wrong += [(f"{name}.{rest}" if rest else name, why) for rest, why in error.parts]
        if wrong:
            raise Refused(*wrong)
        return tuple(found)

    return Leaf(expected, check)


@dataclass(frozen=True)
class Image:
    """A segmented image file; `through`: its axis that leads from left to right."""

    file: str = key(text('a file beside the case, or "$MIECSIM_DATA/..."'))
    grey: tuple[tuple[str, tuple[int, ...]], ...] = key(_greys())
    through: str = key(choice("x", "y", "z", "-x", "-y", "-z"), default="x")

    def phase_names(self) -> dict[str, tuple[str, ...]]:
        return {f"grey.{name}": (name,) for name, _ in self.grey}


@dataclass(frozen=True)
class Laminate:
    """Flat layers that repeat, their normal turned by `angle` [degrees] from x."""

    voxels: tuple[int, ...] = key(_VOXELS)
    phases: tuple[str, ...] = key(list_of(_PHASE, 2, 8, "names of phases"))
    fractions: tuple[float, ...] = key(list_of(_SHARE, 2, 8, "volume fractions"))
    period: float = key(_LENGTH)  # m
    angle: float = key(number(-360.0, 360.0, what="an angle in degrees"), default=0.0)
    offset: float = key(number(0.0, 1.0), default=0.0)  # of a period

    def phase_names(self) -> dict[str, tuple[str, ...]]:
        return {"phases": self.phases}

    def conflicts(self) -> Iterator[Conflict]:
        if len(self.fractions) != len(self.phases):
            yield "fractions", f"{len(self.fractions)} for {len(self.phases)} phases", "one for each phase"
        elif abs(math.fsum(self.fractions) - 1.0) > 1e-9:
            yield "fractions", f"a sum of {math.fsum(self.fractions):g}", "volume fractions that add up to 1"


@dataclass(frozen=True)
class Checkerboard:
    """Squares (cubes) of two phases in turn, `pixels` voxels wide."""

    voxels: tuple[int, ...] = key(_VOXELS)
    phases: tuple[str, ...] = key(list_of(_PHASE, 2, 2, "names of phases"))
    pixels: int = key(integer(1, 10**5))

    def phase_names(self) -> dict[str, tuple[str, ...]]:
        return {"phases": self.phases}

    def conflicts(self) -> Iterator[Conflict]:
        if any(n % self.pixels for n in self.voxels):
            yield "pixels", str(self.pixels), "a number that divides voxels along each axis"


def _one_or_several(leaf: Leaf, what: str) -> Leaf:
    several = list_of(leaf, 1, 100, what)

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[float, ...]:
        found = several.check(value, siblings, context) if isinstance(value, list) else None
        return found or (leaf.check(value, siblings, context),)

    return Leaf(f"{leaf.expected}, or a list of {what}", check)


@dataclass(frozen=True)
class _Particles:
    """Two phases: a matrix, and what is in it."""

    voxels: tuple[int, ...] = key(_VOXELS)
    matrix: str = key(_PHASE)
    particle: str = key(_PHASE)

    def phase_names(self) -> dict[str, tuple[str, ...]]:
        return {"matrix": (self.matrix,), "particle": (self.particle,)}

    def conflicts(self) -> Iterator[Conflict]:
        if self.matrix == self.particle:
            yield "particle", shown(self.particle), "another phase than the matrix"
        if len(self.voxels) != getattr(self, "DIMENSION", len(self.voxels)):
            yield "voxels", f"{len(self.voxels)} numbers", "2 for packed_discs, 3 for packed_spheres"


@dataclass(frozen=True)
class PackedDiscs(_Particles):
    """Discs at random, up to a fraction of the area; see microstructure.generators."""

    fraction: float = key(number(1e-6, 0.999999))
    diameter: tuple[float, ...] = key(_one_or_several(_LENGTH, "lengths"))  # m
    seed: int = key(_SEED)
    spread: float = key(number(1e-6, 2.0, zero=True), default=0.0)
    overlap: float = key(number(1e-6, 1.0, zero=True), default=0.0)

    DIMENSION = 2


@dataclass(frozen=True)
class PackedSpheres(PackedDiscs):
    """Spheres at random, up to a fraction of the volume."""

    DIMENSION = 3


@dataclass(frozen=True)
class RandomSites(_Particles):
    """Each voxel for itself a particle with the probability `fraction`, or just that many of them."""

    fraction: float = key(_SHARE)
    seed: int = key(_SEED)
    exact: bool = key(FLAG, default=False)


@dataclass(frozen=True)
class Graded(_Particles):
    """A fraction that varies along x: `profile`, evenly spaced from left to right, straight lines between."""

    profile: tuple[float, ...] = key(list_of(number(1e-9, 1.0, zero=True), 2, 1000, "fractions, from left to right"))
    seed: int = key(_SEED)
    grain: float = key(quantity("length", 1e-10, 1e-2, zero=True), default=0.0)  # m


GENERATORS: dict[str, type] = {
    "laminate": Laminate,
    "checkerboard": Checkerboard,
    "packed_discs": PackedDiscs,
    "packed_spheres": PackedSpheres,
    "random_sites": RandomSites,
    "graded": Graded,
}
