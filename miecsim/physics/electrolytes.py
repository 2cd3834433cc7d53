"""Electrolytes in pores: a single-ion conductor, or a concentrated binary salt as two coupled rails.

A salt Li+ X- carries, in the field's usual (Newman's) terms, with Phi_ion read by a lithium reference electrode,

    i_e = -kappa grad Phi_ion + kappa (1 - t) grad(mu/F),     F N_- = -F D grad c - (1 - t) i_e,

mu the chemical potential of the salt, d(mu/F) = 2 V_T (1 + dlnf/dlnc) dln c. With the anion's potential
Phi_anion = Phi_ion - mu/F the same two equations are Ohm's law of two coupled rails,

    i_a = -sum_b L_ab grad Phi_b,   L = [[kappa t^2 + g, kappa t t' - g], [kappa t t' - g, kappa t'^2 + g]],

t' = 1 - t, g = F D dc/d(mu/F): symmetric (Onsager), two independent rails where g = kappa t t' (Nernst-Einstein). The
salt in a pore is the chemical capacitor F eps dc/d(mu/F) between them: a transmission line like that of any mixed
conductor, with anions in the part of the electrons.

J. Newman, K. E. Thomas-Alyea, Electrochemical Systems (2004), chapters 11 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.physics.curves import Property, curve
from miecsim.physics.fluxes import half_share
from miecsim.physics.state import LinearIn, State
from miecsim.typing import Array, Bools, Ints, Values


@dataclass(frozen=True)
class SingleIon:
    """A conductor of cations only (a solid electrolyte, t = 1): conductivity [S/m] of the dense material."""

    conductivity: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.conductivity) and self.conductivity > 0):
            raise InputError(f"electrolyte: conductivity is {self.conductivity!r}; expected a positive number of S/m")


@dataclass(frozen=True)
class BinarySalt:
    """Li+ X- in a solvent: concentration [mol/m3] at rest; conductivity [S/m], diffusivity [m2/s],
    transference_number of the cation and thermodynamic_factor 1 + dlnf/dlnc [-], numbers or functions of c [mol/m3]."""

    concentration: float
    conductivity: Property
    diffusivity: Property
    transference_number: Property
    thermodynamic_factor: Property = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.concentration) and self.concentration > 0):
            raise InputError(f"electrolyte: concentration is {self.concentration!r}; expected a positive one")


Electrolyte = SingleIon | BinarySalt

# Gauss-Legendre over ln c: exact to round-off for any law as smooth as measured ones are.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class OfSalt:
    """The anion's potential: Phi_anion = Phi_ion - (mu(c) - mu(c_0))/F  [V], the salt's chemical potential integrated
    from its rest concentration c_0. present (N,): where there is electrolyte."""

    salt: BinarySalt
    ion: int
    thermal_voltage: float
    present: Bools

    @property
    def site_density(self) -> Array:
        return np.full(self.present.size, np.inf)

    def chemical(self, c: Values) -> Values:
        """(mu(c) - mu(c_0))/F = 2 V_T int (1 + dlnf/dlnc) dln c  [V]."""
        span = np.log(c / self.salt.concentration)
        if not callable(self.salt.thermodynamic_factor):
            return np.asarray(2 * self.thermal_voltage * self.salt.thermodynamic_factor * span)
        at = self.salt.concentration * np.exp(0.5 * span[..., None] * (1 + _POINTS))
        return np.asarray(self.thermal_voltage * span * (self.salt.thermodynamic_factor(at) @ _WEIGHTS))

    def potential(self, c: Values, Phi: Values, nodes: Ints) -> Values:
        at = np.flatnonzero(self.present[nodes])
        out = np.zeros(c.shape, dtype=c.dtype)
        out[at] = Phi[self.ion, at] - self.chemical(c[at])
        return out


@dataclass(frozen=True)
class ConcentratedSolution:
    """Currents of cations and anions [A/m2] across a face, in the terms of the module: kappa and D of the two half
    cells in series, t at the mean concentration. Zero where both potentials are level."""

    ion: int
    anion: int
    salt: BinarySalt
    left: Array  # (n_faces,) d/(kappa_eff/kappa) of the half cell on the left [m]
    right: Array
    process: str = "electrolyte transport"
    linear_in: ClassVar[LinearIn] = ""
    share: Array = field(default_factory=half_share)

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.ion, self.anion)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.ion, self.anion)

    def current(self, left: State, right: State) -> Values:
        c_l, c_r = left.c[self.anion], right.c[self.anion]
        kappa, D = (self._series(curve(law), c_l, c_r) for law in (self.salt.conductivity, self.salt.diffusivity))
        t = curve(self.salt.transference_number)(0.5 * (c_l + c_r))
        d_ion, d_anion = (left.Phi[row] - right.Phi[row] for row in self.rows)
        total = kappa * (t * d_ion + (1 - t) * d_anion)
        anion = (1 - t) * total - FARADAY * D * (c_l - c_r)
        return np.asarray(np.stack([total - anion, anion]))

    def _series(self, law: object, c_l: Values, c_r: Values) -> Values:
        """Per area, of the two half cells in series."""
        assert callable(law)
        return np.asarray(1 / (self.left / law(c_l) + self.right / law(c_r)))
