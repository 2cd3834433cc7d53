"""Parameters of the techniques that average composites: homogenisation, and conductivity over volume fraction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.data import Layer
from miecsim.case.fields import integer, list_of, number
from miecsim.case.nested import FREQUENCIES
from miecsim.case.parameters import Conflict, Parameters
from miecsim.case.picture_data import Resolved
from miecsim.case.picture_kinds import PackedDiscs, RandomSites
from miecsim.case.table import key
from miecsim.case.technique_microstructure import in_their_field
from miecsim.units import shown

SWEPT = (RandomSites, PackedDiscs)  # spheres are discs, too
_SHARE = number(1e-6, 1.0)


def _no_picture(technique: str, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
    if any(layer is not None and not isinstance(layer.material, Resolved) for layer in layers):
        yield "technique", f"{shown(technique)} without a picture", 'model = "microstructure"'
    yield from in_their_field(technique, layers)


@dataclass(frozen=True)
class Homogenise(Parameters):
    """A resolved electrode beside the line of its averages, without a fit."""

    frequency: tuple[float, ...] = key(FREQUENCIES)  # Hz

    @property
    def resolve(self) -> float:
        return max(self.frequency)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from _no_picture("homogenise", layers)
        for layer in layers:
            if layer is not None and isinstance(layer.material, Resolved):
                between = [one for one in layer.material.interfaces if one.to is not None]
                if len(between) != 1:
                    read = f"{len(between)} laws from carrier to carrier"
                    yield "technique", read, "one law, from the electrons of a phase to the ions of another"


@dataclass(frozen=True)
class FractionSweep(Parameters):
    """Conductivity over the fraction of particles of a generated picture, each fraction with several seeds."""

    fractions: tuple[float, ...] = key(list_of(_SHARE, 2, 200, "rising fractions of particles"))
    seeds: int = key(integer(1, 1000), default=8)  # from that of the picture on
    threshold: float | None = key(_SHARE, default=None)
    window: tuple[float, ...] = key(list_of(number(1e-6, 1.0, zero=True), 2, 2, "shares"), default=(0.03, 0.15))

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from _no_picture("fraction_sweep", layers)
        for layer in layers:
            if layer is not None and isinstance(layer.material, Resolved):
                picture = layer.material.picture
                if not isinstance(picture.parameters, SWEPT):
                    kinds = "random_sites, packed_discs or packed_spheres"
                    yield "technique", f'"fraction_sweep" of kind {shown(picture.kind)}', f"a picture of {kinds}"
        if any(b <= a for a, b in zip(self.fractions, self.fractions[1:], strict=False)):
            yield "fractions", "fractions that do not rise", "each larger than the one before"
        if self.window[1] <= self.window[0]:
            yield "window", "an end at or below the beginning", "[from, to] above the threshold"
