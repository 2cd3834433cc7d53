"""Reduction equilibrium of acceptor-doped ceria, dilute: O_O = 1/2 O2 + V_O + 2 e'.

    V n^2 p^(1/2) = K(T),   2 V = n + A

V, n, A: concentrations [mol/m3] of oxygen vacancies, electrons and (singly charged) acceptors; p = pO2 in atm. K
therefore has the unit (mol/m3)^3 atm^(1/2). Limits (Brouwer): n = sqrt(2 K/A) p^(-1/4) where n << A, n = (2 K)^(1/3)
p^(-1/6) where n >> A. H. L. Tuller, A. S. Nowick, J. Electrochem. Soc. 126 (1979) 209.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.constants import ATMOSPHERE, FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.typing import Array


@dataclass(frozen=True)
class CeriaDefects:
    """Concentrations [mol/m3] in equilibrium with pO2; each has the broadcast shape of the inputs."""

    vacancy: Array
    electron: Array


def ceria_defects(pO2: npt.ArrayLike, dopant: npt.ArrayLike, reduction_constant: npt.ArrayLike) -> CeriaDefects:
    """Vacancies and electrons at pO2 [Pa] for `dopant` A [mol/m3] >= 0 and K [(mol/m3)^3 atm^(1/2)].

    The cubic n^3 + A n^2 = 2 K/sqrt(p) is scaled by that of its two Brouwer roots which is the smaller, so that the
    unknown lies in [0.75, 1] and Newton's method descends to it from 1. Relative accuracy 1e-15 at any pressure.
    InputError unless pO2 and K are positive and finite.
    """
    p, a, k = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (pO2, dopant, reduction_constant)))
    for name, value in (("pO2", p), ("dopant concentration", a), ("reduction constant", k)):
        allowed = value >= 0 if value is a else value > 0
        if not np.all(allowed & np.isfinite(value)):
            raise InputError(f"acceptor-doped ceria: {name} must be positive and finite")
    # roots and quotients taken apart, so that nothing under- or overflows on the way
    quarter = np.sqrt(np.sqrt(p / ATMOSPHERE))
    intrinsic = np.cbrt(2 * k) / np.cbrt(quarter) ** 2
    doped = a >= intrinsic
    safe = np.where(doped, a, 1.0)
    extrinsic = np.sqrt(2 * k / safe) / quarter
    # n = scale y with y^2 (r y + 1) = 1 where doping rules, y^2 (y + r) = 1 where reduction does; r <= 1
    scale = np.where(doped, extrinsic, intrinsic)
    ratio = np.where(doped, extrinsic / safe, a / intrinsic)
    cubic, square = np.where(doped, ratio, 1.0), np.where(doped, 1.0, ratio)
    y = np.ones_like(scale)
    for _ in range(6):  # errors at r = 1: 5e-2, 2e-3, 4e-6, 1e-11, 0
        y = y - (y * y * (cubic * y + square) - 1) / (y * (3 * cubic * y + 2 * square))
    electron = scale * y
    return CeriaDefects(vacancy=(electron + a) / 2, electron=electron)


def reduction_constant_from_dilute_conductivity(
    sigma_1atm: float, diffusivity_e: float, dopant: float, temperature: float
) -> float:
    """K [(mol/m3)^3 atm^(1/2)] behind sigma_eon = sigma_1atm (pO2/atm)^(-1/4) [S/m], a law that holds at V = A/2.

    n at 1 atm is sigma_1atm R T/(F^2 D_e) and K = (A/2) n^2; D_e [m2/s], dopant A [mol/m3], temperature [K].
    """
    electron = sigma_1atm * GAS_CONSTANT * temperature / (FARADAY**2 * diffusivity_e)
    return dopant / 2 * electron**2


def ceria_conductivities(
    defects: CeriaDefects, diffusivity_vacancy: npt.ArrayLike, diffusivity_e: npt.ArrayLike, temperature: npt.ArrayLike
) -> tuple[Array, Array]:
    """(sigma_ion, sigma_eon) [S/m] by Nernst-Einstein: 4 F^2 V D_V/RT and F^2 n D_e/RT; D [m2/s], T [K]."""
    scale = FARADAY**2 / (GAS_CONSTANT * np.asarray(temperature, dtype=np.float64))
    sigma_ion = 4 * scale * defects.vacancy * np.asarray(diffusivity_vacancy, dtype=np.float64)
    return sigma_ion, scale * defects.electron * np.asarray(diffusivity_e, dtype=np.float64)


def electrolytic_domain_boundary(
    dopant: float, reduction_constant: float, diffusivity_vacancy: float, diffusivity_e: float
) -> float:
    """pO2 [Pa] at which sigma_ion = sigma_eon: n = A/(D_e/(2 D_V) - 1), 2 V = n + A. InputError if D_e <= 2 D_V."""
    mobility_ratio = diffusivity_e / (2 * diffusivity_vacancy)
    if not mobility_ratio > 1:
        raise InputError("acceptor-doped ceria: electrons never take over, D_e does not exceed 2 D_V")
    electron = dopant / (mobility_ratio - 1)
    return float(ATMOSPHERE * (reduction_constant / ((electron + dopant) / 2 * electron**2)) ** 2)
