"""Layers of material, as plain data in SI units. A stack is a sequence of layers of one kind, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from miecsim.constants import FARADAY, thermal_voltage
from miecsim.physics.elements import Element
from miecsim.physics.state import ActivityLaw


def effective_conductivity(bulk: float, volume_fraction: float, tortuosity_factor: float) -> float:
    """sigma_eff = sigma_bulk * volume_fraction / tortuosity_factor  [S/m] (tortuosity factor tau^2 in some papers)."""
    return bulk * volume_fraction / tortuosity_factor


@dataclass(frozen=True)
class CompositeLayer:
    """An ion rail and an electron rail with an interface between them; sigma = 0 where a rail is absent (a separator).

    thickness [m]; sigma_ion, sigma_eon effective conductivities [S/m]; interface law per interface area; area_density
    interface area per volume [1/m]; sigma_cross Onsager cross conductivity [S/m], |sigma_cross| < sqrt(sigma_ion
    sigma_eon).
    """

    name: str
    thickness: float
    sigma_ion: float = 0.0
    sigma_eon: float = 0.0
    interface: Element | None = None
    area_density: float = 0.0
    sigma_cross: float = 0.0


@dataclass(frozen=True)
class ConductorLayer:
    """A mixed conductor by its coefficients: partial conductivities [S/m] and chemical capacitance [F/m3].

    Without `permittivity` [F/m] the layer is electroneutral and chemical_capacitance joins the rails. With it,
    capacitance_ion and capacitance_eon [F/m3] join each rail to the electrostatic rail (their series value is the
    chemical capacitance).
    """

    name: str
    thickness: float
    sigma_ion: float
    sigma_eon: float
    chemical_capacitance: float = 0.0
    capacitance_ion: float = 0.0
    capacitance_eon: float = 0.0
    permittivity: float | None = None
    sigma_cross: float = 0.0


@dataclass(frozen=True)
class CarrierIn:
    """One carrier in one layer: charge number z, concentration [mol/m3] in the reference state, diffusivity [m2/s].

    Flux = -(D c) grad(eta): D is the self-diffusivity (Nernst-Einstein). site_density [mol/m3] for a lattice gas (inf:
    dilute); thermodynamic_factor W = d ln a / d ln c; ln_gamma any further ln(activity coefficient) of c. A carrier
    that is not mobile is fixed charge.
    """

    name: str
    charge: int
    concentration: float
    diffusivity: float = 0.0
    mobile: bool = True
    site_density: float = inf
    thermodynamic_factor: float = 1.0
    ln_gamma: ActivityLaw | None = None


@dataclass(frozen=True)
class ChargedLayer:
    """A medium with carriers. permittivity [F/m], or None for electroneutral transport; fixed_charge [C/m3], or None
    for the background that makes the reference state neutral."""

    name: str
    thickness: float
    carriers: tuple[CarrierIn, ...]
    permittivity: float | None = None
    fixed_charge: float | None = None

    def sigma(self, index: int, temperature: float) -> float:
        """sigma_k = z^2 F c D / V_T  [S/m] of carrier `index` in the reference state (Nernst-Einstein)."""
        c = self.carriers[index]
        return c.charge**2 * FARADAY * c.concentration * c.diffusivity / thermal_voltage(temperature)

    def chemical_capacitance(self, temperature: float) -> float:
        """c_chem = (F/V_T) / sum_k W_k / (z_k^2 c_k)  [F/m3] of two mobile carriers (Jamnik and Maier 2001)."""
        stiffness = sum(thermodynamic_factor(c) / (c.charge**2 * c.concentration) for c in self.carriers if c.mobile)
        return FARADAY / thermal_voltage(temperature) / stiffness


def thermodynamic_factor(carrier: CarrierIn) -> float:
    """W = d ln a / d ln c in the reference state."""
    c = carrier.concentration
    extra = 0.0
    if carrier.ln_gamma is not None:
        step = 1e-30 * c
        extra = float(np.imag(carrier.ln_gamma(np.array([c + 1j * step])))[0] / step * c)
    return carrier.thermodynamic_factor + c / (carrier.site_density - c) + extra


@dataclass(frozen=True)
class Junction:
    """An interface law between two neighbouring layers, or wherever two phases of a microstructure meet.

    Without `to` it acts on `carrier` across the interface, which the other carriers pass freely; None: nothing of it
    crosses. With `to` its current
    flows from `carrier` in the first material to the carrier `to` in the second: charge transfer from the electrons of
    an active material to the ions of an electrolyte, and the double layer between them. Where the second material (a
    pore) has no such carrier it is that of the first: a reaction at its surface.
    """

    between: tuple[str, str]
    carrier: str
    law: Element | None
    to: str | None = None
