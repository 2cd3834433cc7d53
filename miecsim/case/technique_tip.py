"""Parameters of the local probes: micro-contacts and tips on the surface of a film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.data import Layer
from miecsim.case.fields import THICKNESS, choice, list_of, number, quantity, text
from miecsim.case.laws import Law
from miecsim.case.nested import FREQUENCIES, surface_law
from miecsim.case.parameters import Conflict, Parameters, unknown_carrier
from miecsim.case.table import key
from miecsim.units import format_quantity

_CONTACT = surface_law("reversible", "resistance", "r_c", "r_cpe", "butler_volmer")  # what passes a direct current
_PLACES = list_of(THICKNESS, 1, 1000, 'lengths, such as ["4 um", "5 um"]')
_RADII = list_of(THICKNESS, 1, 100, 'radii, such as ["20 nm", "50 nm"]')
_CARRIERS = list_of(text("the name of a carrier"), 1, 2, "carriers")
_FINENESS = number(0.5, 20.0)


@dataclass(frozen=True)
class LocalImpedance(Parameters):
    """A strip moved over the surface of a film whose layers lie side by side along x."""

    breadth: float = key(THICKNESS)  # m, of the strip
    positions: tuple[float, ...] = key(_PLACES)  # m, of its middle, from the left end
    thickness: float = key(THICKNESS)  # m, of the film
    width: float = key(THICKNESS)  # m, of film and strip
    frequency: tuple[float, ...] = key(FREQUENCIES)  # Hz
    carrier: str = key(text("the name of the carrier that strip and metal exchange"), default="ion")
    contact: Law | None = key(_CONTACT, default=None)  # of the strip; None: reversible
    fineness: float = key(_FINENESS, default=1.0)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("carrier", self.carrier, layers)
        known = [layer.thickness for layer in layers if layer is not None]
        half, end = self.breadth / 2, sum(known)
        for index, place in enumerate(self.positions):
            if known and len(known) == len(layers) and not half < place < end - half:
                expected = f"a place where the whole strip lies on the film, which ends at {format_quantity(end, 'm')}"
                yield f"positions.{index}", format_quantity(place, "m"), expected


@dataclass(frozen=True)
class AfmImpedance(Parameters):
    """A tip on a film (one layer) or on a grain and the film around it (two layers of one thickness)."""

    radius: tuple[float, ...] = key(_RADII)  # m, of the tip
    frequency: tuple[float, ...] = key(FREQUENCIES)  # Hz
    grain: tuple[float, ...] | None = key(_RADII, default=None)  # m
    depth: float | None = key(THICKNESS, default=None)  # m, of the grain; None: that of the film
    carrier: str = key(text("the name of the carrier that tip and metal exchange"), default="ion")
    contact: Law | None = key(_CONTACT, default=None)  # of the tip; None: reversible
    fineness: float = key(_FINENESS, default=1.0)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("carrier", self.carrier, layers)
        readings, grains = len(self.radius), len(self.grain or (0.0,))
        if readings != grains and 1 not in (readings, grains):
            yield "grain", f"a list of {grains}", f"one, or as many as of radius, {readings}"


@dataclass(frozen=True)
class StrainMicroscopy(Parameters):
    """A tip on a film of a mixed conductor, whose surface swells with its composition."""

    radius: float = key(THICKNESS)  # m, of the tip
    frequency: tuple[float, ...] = key(FREQUENCIES)  # Hz
    expansion: float = key(quantity("molar_volume", 1e-9, 1e-3))  # m3/mol, partial molar volume of the ion
    poisson_ratio: float = key(number(1e-3, 0.499), default=0.3)
    tip: tuple[str, ...] | None = key(_CARRIERS, default=None)  # carriers that it exchanges; None: the ion
    base: tuple[str, ...] | None = key(_CARRIERS, default=None)  # None: the electron
    contact: Law | None = key(_CONTACT, default=None)  # of the tip; None: reversible
    elastic: str = key(choice("half_space", "clamped"), default="half_space")
    ion: str = key(text("the name of the ion"), default="ion")
    electron: str = key(text("the name of the electron"), default="electron")
    fineness: float = key(_FINENESS, default=1.0)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("ion", self.ion, layers)
        yield from unknown_carrier("electron", self.electron, layers)
        for name, carriers in (("tip", self.tip), ("base", self.base)):
            for index, carrier in enumerate(carriers or ()):
                yield from unknown_carrier(f"{name}.{index}", carrier, layers)
