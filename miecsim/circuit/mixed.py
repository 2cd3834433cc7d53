"""Mixed conductors of an ionic and an electronic carrier: the two-rail line with z_f = 1/(j w c_chem A).

z1 = 1/(sigma_ion A), z2 = 1/(sigma_eon A) [ohm/m], c_chem [F/m3] the chemical capacitance. With A = 1 every result is
per area [ohm m2].

J. Jamnik, J. Maier, J. Electrochem. Soc. 146 (1999) 4183 and Phys. Chem. Chem. Phys. 3 (2001) 1668; W. Lai, S. M.
Haile, J. Am. Ceram. Soc. 88 (2005) 2979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.circuit.elements import Impedance, as_complex, coth_excess_of_square, reciprocal, scaled
from miecsim.circuit.pnp import FlatContact, rails_impedance
from miecsim.circuit.tlm import Contact, Side, de_levie, rail_resistances, terminate, two_rail_admittance, two_terminal
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.typing import Array, Complex


@dataclass(frozen=True)
class MixedConductor:
    """Transport of an ion (1) and an electronic carrier (2) on an immobile background."""

    sigma_ion: float  # S/m
    sigma_eon: float  # S/m
    sigma_amb: float  # S/m, sigma_ion sigma_eon/(sigma_ion + sigma_eon)
    c_chem: float  # F/m^3, chemical capacitance per volume
    D_chem: float  # m^2/s, sigma_amb/c_chem


def mixed_conductor_parameters(
    charges: Sequence[float], concentrations: Sequence[float], diffusivities: Sequence[float], temperature: float
) -> MixedConductor:
    """Dilute mixed conductor: sigma_k = z_k^2 F^2 c_k D_k/RT, c_chem = (F^2/RT)/(1/(z_1^2 c_1) + 1/(z_2^2 c_2)).

    charges [-], concentrations [mol/m3], diffusivities [m2/s] of (ion, electron or hole); temperature [K]. Jamnik and
    Maier 2001.
    """
    scale = FARADAY**2 / (GAS_CONSTANT * temperature)
    kappa_1, kappa_2 = (scale * z * z * c for z, c in zip(charges, concentrations, strict=True))
    sigma_ion, sigma_eon = kappa_1 * diffusivities[0], kappa_2 * diffusivities[1]
    sigma_amb = sigma_ion * sigma_eon / (sigma_ion + sigma_eon)
    c_chem = kappa_1 * kappa_2 / (kappa_1 + kappa_2)
    return MixedConductor(sigma_ion, sigma_eon, sigma_amb, c_chem, sigma_amb / c_chem)


@np.errstate(under="ignore")
def symmetric_mixed_conductor(
    omega: Array,
    sigma_ion: float,
    sigma_eon: float,
    c_chem: float,
    length: float,
    area: float = 1.0,
    contact_ion: Impedance = 0.0,
    contact_eon: Impedance = 0.0,
) -> Complex:
    """Impedance [ohm] (n_f,) of contact | mixed conductor | contact, both contacts equal; infinite contact = blocking.

    With a, b the contact impedances of ions and electrons, X = Z_c tanh(x/2), t the transference numbers:
    Z = L/(sigma A) + 2 [a b + X(t_ion^2 a + t_eon^2 b)]/(a + b + X). Jamnik and Maier 1999; W. Lai, S. M. Haile, J. Am.
    Ceram. Soc. 88 (2005) 2979.
    """
    sigma = sigma_ion + sigma_eon
    t_ion, t_eon = sigma_ion / sigma, sigma_eon / sigma
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    z_s = sigma / (sigma_ion * sigma_eon * area)
    line = z_s * length / 2 / (1 + coth_excess_of_square(1j * w * (c_chem * area * z_s * length**2 / 4)))
    a, b = np.broadcast_arrays(as_complex(contact_ion), as_complex(contact_eon))
    blocked_a, blocked_b = np.isinf(a), np.isinf(b)
    a, b = np.where(blocked_a, 0, a), np.where(blocked_b, 0, b)
    partial = (a * b + line * (t_ion**2 * a + t_eon**2 * b)) / (a + b + line)
    partial = np.where(blocked_a, b + t_ion**2 * line, np.where(blocked_b, a + t_eon**2 * line, partial))
    total = length / (sigma * area) + 2 * partial
    return np.where(blocked_a & blocked_b, complex(np.inf, 0), total)


@np.errstate(under="ignore")
def mixed_conductor_impedance(
    omega: Array,
    sigma_ion: float,
    sigma_eon: float,
    c_chem: float,
    length: float,
    area: float = 1.0,
    left: tuple[Impedance, Impedance] = (0.0, 0.0),
    right: tuple[Impedance, Impedance] = (0.0, 0.0),
    sigma_cross: float = 0.0,
    C_geo: float = 0.0,
) -> Complex:
    """Impedance [ohm] (n_f,) of metal | mixed conductor | metal with contacts (Z_ion, Z_eon) [ohm] of their own.

    omega [rad/s] (n_f,) >= 0; conductivities and their cross term [S/m], c_chem [F/m3], length [m], area [m2]. A
    contact impedance is 0 where reversible, infinite where blocking, or any passive Z (n_f,): a reversible electrode
    at one side and a membrane, a cathode or a blocking metal at the other. The four-terminal line of the two rails,
    between the contacts by Kirchhoff's laws; infinite where nothing passes.

    C_geo [F] = permittivity x area/length in parallel with everything is the usual shortcut for the displacement
    current, off by terms of the order of Debye length/length and worse at high frequency, where the space charge
    shunts the contacts; `dielectric_mixed_conductor` is exact. Jamnik and Maier 2001; Lai and Haile 2005.
    """
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    z1, z2, z12 = rail_resistances(sigma_ion, sigma_eon, area, sigma_cross)
    line = two_rail_admittance(z1, z2, reciprocal(1j * w * c_chem * area), length)
    sides: tuple[tuple[int, Side, tuple[Impedance, Impedance]], ...] = ((0, "left", left), (1, "right", right))
    contacts = [Contact(port, rail, side, pair[rail]) for port, side, pair in sides for rail in (0, 1)]
    z = two_terminal(terminate(line, contacts, common=z12 * length))
    return z if C_geo == 0 else reciprocal(reciprocal(z) + 1j * w * C_geo)


@np.errstate(under="ignore")
def dielectric_mixed_conductor(
    omega: Array,
    sigma: tuple[float, float],
    kappa: tuple[float, float],
    permittivity: float,
    length: float,
    area: float = 1.0,
    left: tuple[Impedance, Impedance] = (0.0, 0.0),
    right: tuple[Impedance, Impedance] = (0.0, 0.0),
    stern: tuple[float | None, float | None] = (None, None),
) -> Complex:
    """`mixed_conductor_impedance` with the displacement current on a rail of its own: exact about a flat state.

    sigma (ion, electron) [S/m]; kappa = z^2 F^2 c/(R T) or (z F)^2 dc/dmu [F/m3] of each, 1/c_chem = 1/kappa_ion +
    1/kappa_eon; absolute permittivity [F/m]; stern [F/m2] the capacitance between either metal and the potential
    beside it, None where they are equal. Poisson-Nernst-Planck, see `miecsim.circuit.pnp`.
    """
    ends = [
        FlatContact(capacitance, tuple(reciprocal(scaled(as_complex(z), area)) for z in pair))
        for capacitance, pair in zip(stern, (left, right), strict=True)
    ]
    return rails_impedance(omega, sigma, kappa, permittivity, length, ends[0], ends[1]) / area


@np.errstate(under="ignore")
def film_on_blocking_substrate(
    omega: Array, R_0: float, R_i: float, C_i: float, C_e: float, R_s: float, C_s: float
) -> Complex:
    """Impedance (n_f,) of a mixed-conducting film on an electron-blocking substrate.

    The ion line of R_i and C_i ends in the surface exchange z_a = R_s/(1 + s R_s C_s), s = j w; the interface to the
    substrate, z_d = 1/(s C_e), lies in parallel, R_0 in series. With a = sqrt(s R_i C_i) this is the printed
    Z = R_0 + [R_i z_d tanh a + z_d z_a a]/[(R_i + z_a z_d a^2/R_i) tanh a + (z_a + z_d) a]
    of the authors' fitting program for La1-xSrxMnO3 microelectrodes (github.com/hailegroup/LSM-type_fitting).
    """
    s = 1j * np.atleast_1d(np.asarray(omega, dtype=np.float64))
    film = de_levie(R_i, reciprocal(s * C_i), 1.0, as_complex(R_s / (1 + s * R_s * C_s)))
    return as_complex(R_0 + 1 / (1 / film + s * C_e))
