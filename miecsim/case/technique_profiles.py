"""Parameters of the techniques that look inside: reference electrodes along a composite, and space charge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.bias import cell_current
from miecsim.case.data import Layer
from miecsim.case.fields import THICKNESS, VOLTAGE, integer, list_of, quantity
from miecsim.case.nested import FREQUENCIES
from miecsim.case.parameters import Conflict, Parameters
from miecsim.case.table import key
from miecsim.units import format_quantity

_PLACE = quantity("length", 1e-10, 10.0, zero=True)


@dataclass(frozen=True)
class ReferenceElectrode(Parameters):
    """Potentials that small electrodes in the ions' phase read while a current passes the first two terminals."""

    current: float = key(cell_current())  # A (A/m^2 per area)
    positions: tuple[float, ...] = key(
        list_of(_PLACE, 1, 1000, 'lengths, such as ["10 um", "40 um"]')
    )  # m, from the left
    width: float | None = key(THICKNESS, default=None)  # m, of each electrode; None: a point
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz

    @property
    def resolve(self) -> float:
        return max(self.frequency or (1.0,))

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        known = [layer.thickness for layer in layers if layer is not None]
        half, end = (self.width or 0.0) / 2, sum(known) * (1 + 1e-9)
        for index, place in enumerate(self.positions):
            if known and len(known) == len(layers) and not half <= place <= end - half:
                read = format_quantity(place, "m")
                yield f"positions.{index}", read, f"a place within the stack, 0 to {format_quantity(end, 'm')}"


@dataclass(frozen=True)
class SpaceCharge(Parameters):
    """The space charge on both sides of a core: three layers, grain, core and grain."""

    per_debye: int = key(integer(2, 1000), default=20)  # cells
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz; None: about the boundary's relaxation


@dataclass(frozen=True)
class ContactCapacitance(Parameters):
    """Differential capacitance of a blocking metal contact on one layer: of Gouy and Chapman for two carriers, of Mott
    and Schottky for one."""

    voltages: tuple[float, ...] = key(list_of(VOLTAGE, 3, 1000, 'rising potentials, ["-0.1 V", "0 V", "0.1 V"]'))
    flat_band: float = key(VOLTAGE, default=0.0)  # V
    per_debye: int = key(integer(2, 1000), default=20)  # cells

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        if any(high <= low for low, high in zip(self.voltages, self.voltages[1:], strict=False)):
            yield "voltages", "potentials that do not rise", "each larger than the one before"
