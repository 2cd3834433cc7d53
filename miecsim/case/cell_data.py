"""What a case says of a cell of porous layers, as plain frozen data in SI."""

from __future__ import annotations

from dataclasses import dataclass

from miecsim.case.laws import Law
from miecsim.case.properties import Material


@dataclass(frozen=True)
class ElectrolyteIn:
    """[electrolyte]: a single-ion conductor, or a binary salt (which has all of the other properties)."""

    kind: str  # single_ion | binary_salt
    conductivity: Material  # S/m, dense
    concentration: float | None = None  # mol/m^3 at rest
    diffusivity: Material | None = None  # m^2/s
    transference_number: Material | None = None
    thermodynamic_factor: Material | None = None  # 1 + dlnf/dlnc

    @property
    def mobile(self) -> tuple[str, ...]:
        return ("ion", "anion") if self.kind == "binary_salt" else ("ion",)


@dataclass(frozen=True)
class CellState:
    """[state]: of a cell at rest, one of the two."""

    soc: float | None  # 0 discharged, 1 charged
    voltage: float | None  # V, right terminal minus left; of one electrode its potential against lithium


@dataclass(frozen=True)
class Sizes:
    """Classes of particle size: radius [m] of each, and its share of the volume (they add up to 1); median and spread
    where they stand for a log-normal distribution."""

    radii: tuple[float, ...]
    shares: tuple[float, ...]
    log_normal: tuple[float, float] | None = None


@dataclass(frozen=True)
class ExchangeCurrentIn:
    """i0: a number or formula ("given"), by mass action from i0 at a reference state ("reference"), or from a rate
    constant, in mol/m^2/s ("flux", activities relative to `concentration`), in m^2.5/mol^0.5/s ("rate") or, with its
    charge, in A*m^2.5/mol^1.5 ("current_rate")."""

    kind: str
    value: Material
    concentration: float | None = None  # mol/m^3
    stoichiometry: float | None = None


@dataclass(frozen=True)
class KineticsIn:
    """[layer.particles.kinetics]. With a reorganisation energy [V] the law is Marcus-Hush-Chidsey."""

    exchange_current: ExchangeCurrentIn
    alpha: float
    reorganisation_energy: float | None


@dataclass(frozen=True)
class ParticlesIn:
    """One kind of particle. Its stoichiometry at rest is given, or follows from the state of layer or cell."""

    name: str
    shape: str
    sizes: Sizes
    volume_fraction: float
    maximum_concentration: float  # mol/m^3
    potential: Material  # V
    diffusivity: Material  # m^2/s
    self_diffusion: bool
    kinetics: KineticsIn
    double_layer: Law | None
    film: Law | None
    shells: int
    grading: float
    electronic_conductivity: Material | None  # S/m, of a mixed conductor: electrons then have a rail in the particle
    contact_resistance: float | None  # ohm m^2 of surface, on the electrons' way into it
    stoichiometry: float | None
    discharged: float | None  # stoichiometries of the discharged and of the charged cell
    charged: float | None


@dataclass(frozen=True)
class Porous:
    """A separator (no particles), or an electrode."""

    electrolyte: ElectrolyteIn
    porosity: float
    transport: float  # kappa_eff/kappa
    sigma_eon: float  # S/m, effective; 0 in a separator
    particles: tuple[ParticlesIn, ...]
    potential: float | None  # V against lithium, at rest

    @property
    def carriers(self) -> tuple[str, ...]:
        inside = ("lithium",) if self.particles else ()
        return (*self.mobile, *inside)

    @property
    def mobile(self) -> tuple[str, ...]:
        ion, *anion = self.electrolyte.mobile
        return (ion, *(("electron",) if self.sigma_eon > 0 else ()), *anion)
