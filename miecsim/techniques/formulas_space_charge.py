"""Space charge at rest: Gouy-Chapman layers, a thin cell with a fixed amount of ions, depletion layers.

Ions are points in a uniform dielectric and every carrier is at equilibrium (Poisson-Boltzmann). Potentials are counted
from the bulk or, in a cell, from its middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, log

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import elliprd, elliprf, exprel

from miecsim.constants import FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.techniques.checks import array, finite, not_negative, positive
from miecsim.typing import Array

_GREATEST = 600.0  # largest |z F phi/R T|, well before its exponential overflows
_GREATEST_CELL = 300.0  # the same in a cell, where fourth powers are formed


def _reduced(potential: npt.ArrayLike, unit: float, greatest: float) -> Array:
    """potential/unit, refused where its exponential would overflow."""
    finite("space charge", potential=potential)
    psi = array(potential) / unit
    if np.any(np.abs(psi) > greatest):
        raise InputError(
            f"space charge: |potential| must be at most {greatest * abs(unit):.4g} V, read {array(potential)}"
        )
    return psi


# ---- Gouy-Chapman ----


@dataclass(frozen=True)
class SymmetricSalt:
    """A z:z salt: charge number z > 0, concentration c_0 [mol/m3] of each ion, permittivity [F/m], temperature [K]."""

    charge_number: int
    concentration: float
    permittivity: float
    temperature: float

    def __post_init__(self) -> None:
        positive("salt", **vars(self))

    @property
    def unit(self) -> float:
        """R T/(z F) [V]."""
        return thermal_voltage(self.temperature) / self.charge_number

    @property
    def debye_length(self) -> float:
        """sqrt(eps R T/(2 z^2 F^2 c_0)) [m]."""
        strength = 2 * self.charge_number**2 * self.concentration
        return float(np.sqrt(self.permittivity * GAS_CONSTANT * self.temperature / strength) / FARADAY)


def gouy_chapman_potential(x: npt.ArrayLike, surface: float, salt: SymmetricSalt) -> Array:
    """Potential [V] (the shape of x) at x [m] >= 0 from a wall at `surface` phi_0 [V] against the bulk.

    tanh(z F phi/4 R T) = tanh(z F phi_0/4 R T) exp(-x/lambda). G. Gouy, J. Phys. Radium 9 (1910) 457; D. L. Chapman,
    Phil. Mag. 25 (1913) 475. Dilute point ions; |z F phi_0/R T| up to 600.
    """
    not_negative("Gouy-Chapman", x=x)
    psi = float(_reduced(surface, salt.unit, _GREATEST))
    half = abs(psi) / 2
    slope, short = -expm1(-half) / (1 + exp(-half)), 2 * exp(-half) / (1 + exp(-half))  # tanh and 1 - tanh
    depth = array(x) / salt.debye_length
    with np.errstate(under="ignore"):
        fallen = np.exp(-depth)
        below = short * fallen - np.expm1(-depth)  # 1 - tanh exp(-x/lambda), of positive terms
    return np.asarray(np.copysign(2 * salt.unit, psi) * np.log1p(2 * slope * fallen / below))


def gouy_chapman_charge(surface: npt.ArrayLike, salt: SymmetricSalt) -> Array:
    """Charge of the wall q = sqrt(8 eps R T c_0) sinh(z F phi_0/2 R T) [C/m2]."""
    psi = _reduced(surface, salt.unit, _GREATEST)
    return np.asarray(2 * salt.permittivity * salt.unit / salt.debye_length * np.sinh(psi / 2))


def gouy_chapman_capacitance(surface: npt.ArrayLike, salt: SymmetricSalt) -> Array:
    """Differential capacitance dq/dphi_0 = (eps/lambda) cosh(z F phi_0/2 R T) [F/m2]."""
    psi = _reduced(surface, salt.unit, _GREATEST)
    return np.asarray(salt.permittivity / salt.debye_length * np.cosh(psi / 2))


def gouy_chapman_excesses(surface: npt.ArrayLike, salt: SymmetricSalt) -> tuple[Array, Array]:
    """Surface excesses (Gamma_+, Gamma_-) [mol/m2] = 2 c_0 lambda [exp(-+ z F phi_0/2 R T) - 1]."""
    psi = _reduced(surface, salt.unit, _GREATEST)
    amount = 2 * salt.concentration * salt.debye_length
    return np.asarray(amount * np.expm1(-psi / 2)), np.asarray(amount * np.expm1(psi / 2))


def gouy_chapman_excess_conductance(
    surface: npt.ArrayLike, sigma_plus: float, sigma_minus: float, salt: SymmetricSalt
) -> Array:
    """Excess sheet conductance along one layer [S]: 2 lambda sum_k sigma_k [exp(-+ z F phi_0/2 R T) - 1].

    sigma_+, sigma_- [S/m] of the bulk; mobilities as in the bulk. J. Maier, Prog. Solid State Chem. 23 (1995) 171.
    """
    not_negative("Gouy-Chapman", sigma_plus=sigma_plus, sigma_minus=sigma_minus)
    cations, anions = gouy_chapman_excesses(surface, salt)
    return np.asarray((sigma_plus * cations + sigma_minus * anions) / salt.concentration)


def gouy_chapman_excess_resistance(surface: npt.ArrayLike, sigma: float, sign: int, salt: SymmetricSalt) -> Array:
    """Excess resistance across one layer [ohm m2] to carriers of charge `sign` (+1 or -1) z alone.

    (2 lambda/sigma_k) [exp(+- z F phi_0/2 R T) - 1], sigma_k [S/m] of the bulk; negative where they accumulate. The
    current is small and carried by one ion only (the other is blocked). J. Maier, as above.
    """
    positive("Gouy-Chapman", sigma=sigma)
    if sign not in (1, -1):
        raise InputError(f"Gouy-Chapman: sign must be 1 or -1, read {sign}")
    psi = _reduced(surface, salt.unit, _GREATEST)
    return np.asarray(2 * salt.debye_length / sigma * np.expm1(sign * psi / 2))


# ---- a cell with a fixed amount of ions ----


@dataclass(frozen=True)
class FiniteCell:
    """What `finite_cell` finds: wall charge [C/m2], concentration [mol/m3] and field [V/m] at mid-plane, dq/dV [F/m2].

    The field points from the positive plate to the other and has the sign of the voltage.
    """

    charge: float
    middle_concentration: float
    middle_field: float
    capacitance: float


def finite_cell(length: float, voltage: float, salt: SymmetricSalt) -> FiniteCell:
    """Two blocking plates at +-V/2, `length` L [m] apart, the ions between them conserved (mean c_0 of each).

    psi = z F phi/R T, x in Debye lengths of c_0, l = L/(2 lambda), psi_0 = z F V/(2 R T): psi'^2 = e^2 + 4 A
    sinh^2(psi/2) with A = c_mid/c_0 and e the reduced field at mid-plane, from int_0^psi_0 d psi/psi' = l and
    int A cosh(psi) d psi/psi' = l. Both are elliptic; with s = sinh(psi_0/2), C = cosh(psi_0/2), S = 2 sqrt(A) s/e,
        l = (S/sqrt(A)) R_F(1, 1 + S^2, C^2),   1/A = 1 + (2/3) s^2 R_D(1 + S^2, C^2, 1)/R_F(1, 1 + S^2, C^2)
    in Carlson's integrals (DLMF 19.16), one equation for S. Where the plates do not see each other (S > 1e13 C) it has
    the root ln[4 S/(1 + C)] = sqrt((C - 1)^2 + l^2) - (C - 1). q = (eps R T/z F lambda) psi'(psi_0). dq/dV at constant
    amount, the limit w -> 0 of the impedance under bias, by the complex step. |z F V/2 R T| up to 300.
    """
    positive("cell", length=length)
    psi = float(_reduced(voltage, 2 * salt.unit, _GREATEST_CELL))
    half = length / (2 * salt.debye_length)
    log_s = _middle(abs(psi), half)
    share, slope = _cell_state(complex(abs(psi)), complex(log_s), half)
    field = salt.unit / salt.debye_length
    middle = 2 * np.sqrt(share.real) * np.sinh(abs(psi) / 2) * np.exp(-log_s)
    return FiniteCell(
        charge=float(np.copysign(salt.permittivity * field * slope.real, voltage)),
        middle_concentration=float(share.real * salt.concentration),
        middle_field=float(np.copysign(field * middle, voltage)),
        capacitance=salt.permittivity / (2 * salt.debye_length) * _slope_change(abs(psi), log_s, half),
    )


def _apart(psi: float, half: float) -> float:
    """ln[4 S/(1 + C)] of plates that do not see each other."""
    excess = 2 * np.sinh(psi / 4) ** 2  # C - 1
    return float(half * (half / (np.hypot(excess, half) + excess)))


def _thick(psi: float, half: float) -> bool:
    return _apart(psi, half) > 32


def _middle(psi: float, half: float) -> float:
    """ln S of the cell's equation."""
    log_wall = log((1 + np.cosh(psi / 2)) / 4)
    if _thick(psi, half):
        return _apart(psi, half) + log_wall

    def mismatch(log_s: float) -> float:
        return log(_cell_thickness(complex(psi), complex(log_s)).real / half)

    low, high = log(min(half, 1.0)) - 1, log_wall + 36
    while mismatch(low) > 0:
        low -= 4 + psi
    while mismatch(high) < 0:
        high += 4
    return float(brentq(mismatch, low, high, xtol=1e-15, rtol=1e-15))


def _carlson(psi: complex, log_s: complex) -> tuple[complex, complex]:
    """R_F and 1/A = 1 + (2/3) s^2 R_D/R_F of a cell."""
    wall, s = np.cosh(psi / 2) ** 2, np.exp(log_s)
    first = elliprf(1, 1 + s * s, wall)
    return first, 1 + 2 / 3 * np.sinh(psi / 2) ** 2 * elliprd(1 + s * s, wall, 1) / first


def _cell_thickness(psi: complex, log_s: complex) -> complex:
    """l = S R_F/sqrt(A) that belongs to S."""
    first, inverse = _carlson(psi, log_s)
    return complex(np.exp(log_s) * first * np.sqrt(inverse))


def _cell_state(psi: complex, log_s: complex, half: float) -> tuple[complex, complex]:
    """A and psi' at the wall."""
    if _thick(psi.real, half):
        excess = 2 * np.sinh(psi / 4) ** 2
        apart = half * half / (np.sqrt(excess * excess + half * half) + excess)
        share = apart / (apart + 2 * excess)
        return complex(share), complex(2 * np.sqrt(share) * np.sinh(psi / 2))
    share = 1 / _carlson(psi, log_s)[1]
    return complex(share), complex(2 * np.sqrt(share * (1 + np.exp(-2 * log_s))) * np.sinh(psi / 2))


def _slope_change(psi: float, log_s: float, half: float) -> float:
    """d psi'(wall)/d psi_0 at constant amount and thickness."""
    h = 1e-30
    direct = _cell_state(complex(psi, h), complex(log_s), half)[1].imag / h
    if _thick(psi, half):
        return direct
    inner = _cell_state(complex(psi), complex(log_s, h), half)[1].imag
    thicker = _cell_thickness(complex(psi), complex(log_s, h)).imag
    return direct - inner * (_cell_thickness(complex(psi, h), complex(log_s)).imag / h) / thicker


# ---- depletion and accumulation on a fixed background ----


@dataclass(frozen=True)
class FixedBackground:
    """One mobile carrier, charge number z (signed), on an immobile charge that neutralises its bulk N [mol/m3].

    permittivity [F/m], temperature [K].
    """

    charge_number: int
    concentration: float
    permittivity: float
    temperature: float

    def __post_init__(self) -> None:
        positive("background", **{name: value for name, value in vars(self).items() if name != "charge_number"})
        if self.charge_number == 0:
            raise InputError("background: the charge number must not be 0")

    @property
    def unit(self) -> float:
        """R T/(z F) [V], of the sign of z."""
        return thermal_voltage(self.temperature) / self.charge_number

    @property
    def debye_length(self) -> float:
        """sqrt(eps R T/(z^2 F^2 N)) [m]."""
        strength = self.charge_number**2 * self.concentration
        return float(np.sqrt(self.permittivity * GAS_CONSTANT * self.temperature / strength) / FARADAY)


def _root(psi: Array) -> Array:
    """sqrt(2 (psi - 1 + exp(-psi)))/psi, 1 at psi = 0."""
    small = np.abs(psi) < 1
    near, far = np.where(small, psi, 0), np.where(small, 1, psi)
    series = np.zeros_like(near)
    for n in range(20, 0, -1):  # sum_n 2 (-psi)^n/(n + 2)!
        series = (1 + series) * -near / (n + 2)
    return np.asarray(np.where(small, np.sqrt(1 + series), np.sqrt(2 * (far + np.expm1(-far))) / np.abs(far)))


def depletion_field(surface: npt.ArrayLike, background: FixedBackground) -> Array:
    """Field at the wall E_0 = (R T/z F lambda) sqrt(2 (Psi - 1 + exp(-Psi))) [V/m], Psi = z F phi_0/R T of any sign.

    phi_0 [V] against the bulk: Psi > 0 depletes, < 0 accumulates; E_0 has the sign of phi_0, the wall's charge is eps
    E_0. Exact for one mobile carrier of Boltzmann statistics in a half space. S. M. Sze, K. K. Ng, Physics of
    Semiconductor Devices (Wiley, 2006).
    """
    psi = _reduced(surface, background.unit, _GREATEST)
    return np.asarray(background.unit / background.debye_length * psi * _root(psi))


def depletion_capacitance(surface: npt.ArrayLike, background: FixedBackground) -> Array:
    """Differential capacitance d(eps E_0)/d phi_0 = (eps/lambda) |1 - exp(-Psi)|/sqrt(2 (Psi - 1 + exp(-Psi))) [F/m2].

    eps/lambda at Psi = 0; source as for `depletion_field`.
    """
    psi = _reduced(surface, background.unit, _GREATEST)
    return np.asarray(background.permittivity / background.debye_length * exprel(-psi) / _root(psi))


def depletion_excess_resistance(surface: float, sigma: float, background: FixedBackground) -> float:
    """Excess resistance across one layer [ohm m2]: (lambda/sigma) int_0^Psi (e^y - 1)/sqrt(2 (y - 1 + e^-y)) dy.

    sigma [S/m] of the bulk, carried by the mobile carrier; a small current, the layer at equilibrium. Negative where
    the carrier accumulates. A grain boundary has two layers. Quadrature by Gauss's rule, to rounding.
    """
    positive("depletion", sigma=sigma)
    psi = float(_reduced(surface, background.unit, _GREATEST))
    panels = max(1, int(np.ceil(abs(psi) / 4)))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    y = (np.arange(panels)[:, None] + (nodes + 1) / 2) * (psi / panels)
    total = abs(psi) / (2 * panels) * np.sum(weights * np.sign(psi) * exprel(y) / _root(y))
    return float(background.debye_length / sigma * total)


def depletion_excess_conductance(surface: npt.ArrayLike, sigma: float, background: FixedBackground) -> Array:
    """Excess sheet conductance along one layer [S]: -sigma lambda sign(Psi) sqrt(2 (Psi - 1 + exp(-Psi))).

    The mobility times the charge that the layer holds; negative where the carrier is depleted.
    """
    positive("depletion", sigma=sigma)
    psi = _reduced(surface, background.unit, _GREATEST)
    return np.asarray(-sigma * background.debye_length * psi * _root(psi))


def mott_schottky_width(surface: npt.ArrayLike, background: FixedBackground) -> Array:
    """Width of a layer taken as empty of carriers, w = sqrt(2 eps phi_0/(z F N)) [m]; Psi > 0."""
    return np.asarray(background.debye_length * np.sqrt(2 * _depleting(surface, background, 0)))


def mott_schottky_capacitance(surface: npt.ArrayLike, background: FixedBackground) -> Array:
    """C = sqrt(eps z F N/(2 (phi_0 - R T/z F))) [F/m2], the approximation of a depleted layer; Psi > 1.

    3.6e-4 above `depletion_capacitance` at Psi = 8 and better beyond; 6 % off there without the term R T/z F.
    W. Schottky, Z. Phys. 118 (1942) 539.
    """
    psi = _depleting(surface, background, 1)
    return np.asarray(background.permittivity / background.debye_length / np.sqrt(2 * (psi - 1)))


def mott_schottky_excess_resistance(surface: npt.ArrayLike, sigma: float, background: FixedBackground) -> Array:
    """(w/sigma) exp(Psi)/(2 Psi) [ohm m2], the usual estimate across one depleted layer of width w; Psi > 0.

    The leading term for large Psi of the parabolic potential. J. Fleig, S. Rodewald, J. Maier, J. Appl. Phys. 87
    (2000) 2372. The error against `depletion_excess_resistance` falls as 1/Psi only.
    """
    positive("depletion", sigma=sigma)
    psi = _depleting(surface, background, 0)
    return np.asarray(background.debye_length / sigma * np.exp(psi) / np.sqrt(2 * psi))


def _depleting(surface: npt.ArrayLike, background: FixedBackground, least: float) -> Array:
    """Psi, refused at or below `least`, where the layer is no depletion layer."""
    psi = _reduced(surface, background.unit, _GREATEST)
    if not np.all(psi > least):
        least_voltage = least * background.unit
        raise InputError(
            f"Mott-Schottky: needs a depleting potential beyond {least_voltage:.4g} V, read {array(surface)}"
        )
    return psi
