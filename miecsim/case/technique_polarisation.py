"""Parameters of the techniques that read a mixed conductor in direct current: blocking contacts, and membranes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.bias import cell_current
from miecsim.case.data import AcceptorDopedCeria, Layer
from miecsim.case.fields import DURATION, PRESSURE, THICKNESS, TOLERANCE, VOLTAGE, list_of, quantity, text
from miecsim.case.laws import Law
from miecsim.case.nested import FREQUENCIES, surface_law
from miecsim.case.parameters import Conflict, Parameters, unknown_carrier
from miecsim.case.table import key
from miecsim.units import format_quantity

ION = text("the name of the ionic carrier")
ELECTRON = text("the name of the electronic carrier")
_CONTACT = surface_law("reversible", "resistance", "r_c", "r_cpe", "butler_volmer")  # what passes a direct current
EARLIEST = 1e-3  # of the run: what the automatic grid resolves


@dataclass(frozen=True)
class DcPolarisation(Parameters):
    """A voltage step on two cells of the stack, one that blocks the ions and one that blocks the electrons."""

    step: float = key(quantity("potential", 1e-12, 10.0, signed=True))  # V
    duration: float | None = key(DURATION, default=None)  # s; None: 100 relaxation times of the slower cell
    ion: str = key(ION, default="ion")
    electron: str = key(ELECTRON, default="electron")
    ion_contact: Law | None = key(_CONTACT, default=None)  # between carrier and metal; None: reversible
    electron_contact: Law | None = key(_CONTACT, default=None)
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz, of the two spectra
    tolerance: float | None = key(TOLERANCE, default=None)

    @property
    def resolve(self) -> float:
        return max(*(self.frequency or (0.0,)), 0.0 if self.duration is None else 1 / (EARLIEST * self.duration))

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("ion", self.ion, layers)
        yield from unknown_carrier("electron", self.electron, layers)


@dataclass(frozen=True)
class HebbWagner(Parameters):
    """The I-V curve of a cell whose ions are blocked at one side, its other electrode in the reference state."""

    voltages: tuple[float, ...] = key(list_of(VOLTAGE, 3, 1000, 'rising potentials, ["-0.1 V", "0 V", "0.1 V"]'))
    ion: str = key(ION, default="ion")
    fit_up_to: float | None = key(quantity("potential", 1e-12, 1e3), default=None)  # V, largest |E| that is fitted
    reference: float | None = key(PRESSURE, default=None)  # Pa, of the reversible electrode; None: that of the defects

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("ion", self.ion, layers)
        if any(high <= low for low, high in zip(self.voltages, self.voltages[1:], strict=False)):
            yield "voltages", "potentials that do not rise", "each larger than the one before"
        if self.reference is not None and any(isinstance(x.material, AcceptorDopedCeria) for x in layers if x):
            read = format_quantity(self.reference, "Pa")
            yield "reference", read, "no such key: the defects of the layer have their own pO2"


@dataclass(frozen=True)
class CurrentCarrying(Parameters):
    """I-V lines and spectra of one film between ends that pass one carrier, once the ions and once the electrons."""

    currents: tuple[float, ...] | None = key(
        list_of(cell_current(), 1, 1000, 'currents, such as ["1 mA"]'), default=None
    )  # A (A/m^2 per area); None: four up to 5 mV
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz; None: about the relaxation time
    ion: str = key(ION, default="ion")
    electron: str = key(ELECTRON, default="electron")
    contact: Law | None = key(_CONTACT, default=None)  # at all ends; None: reversible

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("ion", self.ion, layers)
        yield from unknown_carrier("electron", self.electron, layers)


@dataclass(frozen=True)
class BruceVincent(Parameters):
    """Voltage steps on an electrolyte of two carriers between metals that exchange its cation."""

    voltages: tuple[float, ...] = key(list_of(quantity("potential", 1e-12, 1e3), 1, 1000, 'potentials, ["10 mV"]'))  # V
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz; None: about the relaxation time
    contact: Law | None = key(_CONTACT, default=None)  # of the cation and the metals; None: reversible
    duration: float | None = key(DURATION, default=None)  # s; None: 100 relaxation times
    cation: str = key(text("the name of the cation"), default="cation")
    anion: str = key(text("the name of the anion"), default="anion")
    tolerance: float | None = key(TOLERANCE, default=None)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("cation", self.cation, layers)
        yield from unknown_carrier("anion", self.anion, layers)


@dataclass(frozen=True)
class OxygenMembrane(Parameters):
    """The steady flux of oxygen, and the voltage without current, between two pressures of oxygen."""

    high: float = key(PRESSURE)  # Pa, of the gas at the left
    low: float = key(PRESSURE)  # Pa, at the right
    surface_resistance: tuple[float, ...] | None = key(  # ohm m2, at both sides, or left and right; None: none
        list_of(quantity("area_resistance", 1e-18, 1e15, zero=True), 1, 2, 'resistances, such as ["1 ohm*cm^2"]'),
        default=None,
    )
    thicknesses: tuple[float, ...] | None = key(  # m; None: that of the layer
        list_of(THICKNESS, 1, 1000, 'lengths, such as ["0.1 mm", "1 mm"]'), default=None
    )
    reference: float | None = key(PRESSURE, default=None)  # Pa, with which the concentrations are; None: 1 atm
    ion: str = key(ION, default="ion")

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("ion", self.ion, layers)
