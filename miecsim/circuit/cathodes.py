"""Mixed conducting oxygen electrodes: the porous cathode of Adler, Lane and Steele, and the dense thin film.

S. B. Adler, J. A. Lane, B. C. H. Steele, J. Electrochem. Soc. 143 (1996) 3554. The formulas were derived anew from

    (1 - eps) dc/dt = D_eff c'' - a k c,   D_eff = (1 - eps) D/tau,   eta = R T gamma c/(2 F c_v),

c the small change of the vacancy concentration [mol/m3], gamma = -(1/2) dln pO2/dln c_v. From them follows 4 F^2 where
some print 2 F^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit.elements import Impedance, as_complex, coth_excess_of_square, reciprocal
from miecsim.circuit.tlm import de_levie, two_rail_impedance
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.typing import Array, Complex


@dataclass(frozen=True)
class PorousCathode:
    """A porous mixed conductor whose electrons meet no resistance."""

    R_chem: float  # ohm m2, direct-current resistance of a thick electrode
    time: float  # s, (1 - eps)/(a k)
    depth: float  # m, sqrt(D_eff/(a k)), how deep the reaction reaches

    @property
    def sigma_ion(self) -> float:
        """Effective ionic conductivity 4 F^2 c_v D_eff/(R T gamma) = depth/R_chem [S/m]."""
        return self.depth / self.R_chem

    @property
    def c_chem(self) -> float:
        """Chemical capacitance per electrode volume 4 F^2 c_v (1 - eps)/(R T gamma) = time/(R_chem depth) [F/m3]."""
        return self.time / (self.R_chem * self.depth)

    @property
    def exchange(self) -> float:
        """Exchange conductance per electrode volume a/r_s = 4 F^2 c_v a k/(R T gamma) [S/m3]."""
        return 1 / (self.R_chem * self.depth)


def als_from_chemical(
    temperature: float, gamma: float, c_v: float, D: float, k: float, a: float, eps: float, tau: float
) -> PorousCathode:
    """R_chem = R T gamma/(4 F^2 c_v sqrt(D_eff a k)) and its fellows from the chemical D and k of vacancies.

    temperature [K], gamma [-], vacancies c_v [mol/m3], chemical diffusivity D [m2/s], exchange coefficient k [m/s],
    surface per electrode volume a [1/m], porosity eps, tortuosity of the solid tau. InputError for what is not
    positive or a porosity outside [0, 1).
    """
    if not (min(temperature, gamma, c_v, D, k, a, tau) > 0 and 0 <= eps < 1):
        raise InputError("porous cathode: properties must be positive and the porosity within [0, 1)")
    D_eff, rate = (1 - eps) * D / tau, a * k
    R_chem = GAS_CONSTANT * temperature * gamma / (4 * FARADAY**2 * c_v * np.sqrt(D_eff * rate))
    return PorousCathode(float(R_chem), (1 - eps) / rate, float(np.sqrt(D_eff / rate)))


def als_from_kinetics(
    temperature: float,
    gamma: float,
    c_v: float,
    D_v: float,
    r_0: float,
    alphas: float,
    a: float,
    eps: float,
    tau: float,
) -> PorousCathode:
    """The same from the vacancies' own diffusivity and the exchange rate of oxygen atoms at equilibrium.

    D_v [m2/s], r_0 [mol/(m2 s)] per O atom and affinity of (1/2) O2, alphas = alpha_f + alpha_b [-]: D = gamma D_v,
    k = gamma r_0 alphas/c_v, so that R_chem = (R T/4 F^2) sqrt(tau/((1 - eps) c_v D_v a r_0 alphas)) is free of gamma.
    """
    if not min(D_v, r_0, alphas, c_v) > 0:
        raise InputError("porous cathode: properties must be positive")
    return als_from_chemical(temperature, gamma, c_v, gamma * D_v, gamma * r_0 * alphas / c_v, a, eps, tau)


@np.errstate(under="ignore")
def als_impedance(omega: Array, cathode: PorousCathode, length: float | None = None) -> Complex:
    """Impedance [ohm m2] (n_f,): Z = R_chem/q coth((L/l) q), q = sqrt(1 + j w t); Gerischer's element without L.

    omega [rad/s] (n_f,), length L [m] of the electrode, l = cathode.depth, t = cathode.time.
    """
    square = as_complex(1 + 1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * cathode.time)
    if length is None:
        return as_complex(cathode.R_chem / np.sqrt(square))
    if not length > 0:
        raise InputError(f"porous cathode: length {length} m; it must be positive")
    ratio = length / cathode.depth
    return as_complex(cathode.R_chem / ratio * (1 + coth_excess_of_square(ratio**2 * square)) / square)


def als_with_electrons(
    omega: Array, cathode: PorousCathode, sigma_eon: float, length: float, configuration: str = "ie"
) -> Complex:
    """`als_impedance` of electrons that meet an effective conductivity sigma_eon [S/m]: [ohm m2] (n_f,).

    The two-rail line of 1/z_f = a/r_s + j w c_chem per area; configurations as in `two_rail_impedance`.
    """
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    z_f = as_complex(1 / (cathode.exchange + 1j * w * cathode.c_chem))
    return two_rail_impedance(1 / cathode.sigma_ion, 1 / sigma_eon, z_f, length, configuration)


def surface_resistance(temperature: float, k_q: float, c_O: float) -> float:
    """R_s = R T/(4 F^2 k_q c_O) [ohm m2] of oxygen exchange; k_q [m/s] electrical, c_O [mol/m3] of oxygen ions."""
    return GAS_CONSTANT * temperature / (4 * FARADAY**2 * k_q * c_O)


def thin_film(
    omega: Array,
    sigma_ion: float,
    c_chem: float,
    length: float,
    R_surface: Impedance,
    Z_interface: Impedance = 0.0,
) -> Complex:
    """Impedance [ohm m2] (n_f,) of a dense film between electrolyte and gas, its electrons without resistance.

    Z = Z_int + Z_c (R_s + Z_c tanh x)/(Z_c + R_s tanh x), Z_c = 1/sqrt(j w c_chem sigma_ion),
    x = L sqrt(j w c_chem/sigma_ion): Z_int + R_s/(1 + j w R_s c_chem L) where transport is fast. sigma_ion [S/m],
    c_chem [F/m3], length [m]; R_surface [ohm m2] to the gas, infinite where it is sealed.
    """
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    return as_complex(de_levie(1 / sigma_ion, reciprocal(1j * w * c_chem), length, R_surface) + Z_interface)
