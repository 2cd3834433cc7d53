"""Porous layers: electrolyte, electronic conductor and insertion particles, as plain data in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.pendants import DIMENSION, Shape
from miecsim.physics.curves import curve
from miecsim.physics.electrolytes import Electrolyte, SingleIon
from miecsim.physics.elements import Lumped
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics

# Default shells of a particle, and how much thicker the innermost is than that at the surface.
SHELLS, GRADING = 30, 30.0


@dataclass(frozen=True)
class ActiveParticles:
    """One kind of particle in an electrode.

    volume_fraction of the electrode; radius [m] (half the thickness of a slab); stoichiometry x = c/c_max at rest;
    double_layer: Lumped without R, per surface; film: Lumped R (and C) per surface, in series with both (the wiring of
    Meyers et al. 2000); contact_resistance [ohm m2], per surface, of the electrons' way into a host that is a mixed
    conductor; shells and grading of the particle's mesh.
    """

    name: str
    host: Host
    radius: float
    volume_fraction: float
    kinetics: Kinetics
    stoichiometry: float
    shape: Shape = "sphere"
    double_layer: Lumped | None = None
    film: Lumped | None = None
    contact_resistance: float | None = None
    shells: int = SHELLS
    grading: float = GRADING

    def __post_init__(self) -> None:
        what = f"particles {self.name}"
        if self.shape not in DIMENSION:
            raise InputError(f"{what}: shape {self.shape!r}; allowed {', '.join(DIMENSION)}")
        if not (self.radius > 0 and 0 < self.volume_fraction <= 1):
            raise InputError(f"{what}: needs a positive radius and a volume fraction in (0, 1]")
        if not 0 < self.stoichiometry < 1:
            raise InputError(f"{what}: stoichiometry is {self.stoichiometry!r}; expected 0 < x < 1")
        if self.host.self_diffusion and self.host.slope(self.stoichiometry) > 0:
            raise InputError(
                f"{what}: at x = {self.stoichiometry:g} dU/dx is positive: ions that follow their potential would "
                "separate into two phases; give the chemical diffusivity instead, or another stoichiometry"
            )
        if self.double_layer is not None and (self.double_layer.R is not None or self.double_layer.Rs > 0):
            raise InputError(f"{what}: a double layer is a capacitor or a constant phase element, without resistances")
        if self.film is not None and (self.film.R is None or self.film.Rs > 0):
            raise InputError(f"{what}: a film is a resistance, with a capacitor beside it or none")
        if (self.host.sigma_eon is None) != (self.contact_resistance is None) or not (self.contact_resistance or 1) > 0:
            raise InputError(f"{what}: a mixed conductor, and only that, needs a positive contact_resistance")

    @property
    def area_density(self) -> float:
        """Surface per volume of electrode, d eps/a [1/m]."""
        return DIMENSION[self.shape] * self.volume_fraction / self.radius

    @property
    def open_circuit(self) -> float:
        """U [V] at rest."""
        return float(np.real(self.host.potential(np.array([self.stoichiometry]))[0]))


@dataclass(frozen=True)
class PorousLayer:
    """A separator, or an electrode with particles.

    porosity: volume fraction of electrolyte; transport: kappa_eff/kappa = D_eff/D, e.g. porosity^1.5 (Bruggeman) or
    porosity over a tortuosity factor; sigma_eon [S/m] the effective electronic conductivity (0: none).
    """

    name: str
    thickness: float
    electrolyte: Electrolyte
    porosity: float = 1.0
    transport: float = 1.0
    sigma_eon: float = 0.0
    particles: tuple[ActiveParticles, ...] = ()

    def __post_init__(self) -> None:
        what = f"layer {self.name}"
        if not (self.thickness > 0 and 0 < self.porosity <= 1 and 0 < self.transport <= 1):
            raise InputError(f"{what}: needs a positive thickness, and porosity and transport factor in (0, 1]")
        if self.particles and not self.sigma_eon > 0:
            raise InputError(f"{what}: particles need electrons: sigma_eon is {self.sigma_eon!r}")
        filled = self.porosity + sum(p.volume_fraction for p in self.particles)
        if filled > 1 + 1e-12:
            raise InputError(f"{what}: porosity and particles fill {filled:.4g} of the volume")
        potentials = [p.open_circuit for p in self.particles]
        if potentials and max(potentials) - min(potentials) > 1e-6:
            told = ", ".join(f"{p.name} at {U:.6g} V" for p, U in zip(self.particles, potentials, strict=True))
            raise InputError(f"{what}: its particles are not in equilibrium with each other: {told}")

    @property
    def sigma_ion(self) -> float:
        """kappa_eff [S/m] at rest."""
        if isinstance(self.electrolyte, SingleIon):
            return self.transport * self.electrolyte.conductivity
        at_rest = np.array([self.electrolyte.concentration])
        return self.transport * float(np.real(curve(self.electrolyte.conductivity)(at_rest)[0]))
