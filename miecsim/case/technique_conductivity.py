"""Parameters of the techniques that read a conductivity with contacts of their own: four lines, and relaxation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.data import Layer
from miecsim.case.fields import DURATION, THICKNESS, TOLERANCE, integer, list_of, number, quantity, text
from miecsim.case.laws import Law
from miecsim.case.nested import FREQUENCIES, surface_law
from miecsim.case.parameters import Conflict, Parameters, unknown_carrier
from miecsim.case.table import key

_OFFSET = quantity("length", 1e-10, 10.0, zero=True, signed=True)
_EXCHANGE = ("resistance", "r_c", "r_cpe", "butler_volmer")  # what passes a direct current


@dataclass(frozen=True)
class FourLineProbe(Parameters):
    """Four lines across a slab whose layers lie side by side along x: one reading for each thickness and offset."""

    spacing: float = key(THICKNESS)  # m, between neighbouring lines
    thickness: tuple[float, ...] = key(list_of(THICKNESS, 1, 1000, 'lengths, such as ["0.1 mm", "1 mm"]'))  # m
    width: float = key(THICKNESS)  # m, of slab and lines
    offset: tuple[float, ...] | None = key(  # m, of the probe's middle from the slab's
        list_of(_OFFSET, 1, 1000, 'lengths, such as ["0 mm", "2 mm"]'), default=None
    )
    line: float | None = key(THICKNESS, default=None)  # m, breadth of a line; None: spacing/50
    carrier: str = key(text("the name of the carrier that the lines exchange"), default="electron")
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz
    line_cells: int = key(integer(1, 100), default=1)
    fineness: float = key(number(1.0, 100.0), default=1.0)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("carrier", self.carrier, layers)
        offsets, readings = 1 if self.offset is None else len(self.offset), len(self.thickness)
        if offsets != readings and 1 not in (offsets, readings):
            yield "offset", f"a list of {offsets}", f"one, or as many as of thickness, {readings}"


@dataclass(frozen=True)
class ConductivityRelaxation(Parameters):
    """A step of the atmosphere around a bar; the layer reaches from the middle of the bar to its surface."""

    exchange: Law = key(surface_law(*_EXCHANGE))
    step: float = key(quantity("potential", 1e-12, 10.0, signed=True))  # V, of Phi_ion - Phi_electron in equilibrium
    half_width: float | None = key(THICKNESS, default=None)  # m, of the other side of the section; None: a slab
    carriers: tuple[str, ...] | None = key(
        list_of(text("the name of a carrier"), 2, 2, "carriers: the ion, the electron"), default=None
    )
    duration: float | None = key(DURATION, default=None)  # s; None: until 1e-7 of the step is left
    tolerance: float | None = key(TOLERANCE, default=None)  # None: 1e-4 of the change, at most 1e-6

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        for index, carrier in enumerate(self.carriers or ()):
            yield from unknown_carrier(f"carriers.{index}", carrier, layers)
