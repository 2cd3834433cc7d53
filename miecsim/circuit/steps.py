"""Answers of lines to a step, where a series is known for long times and another for short ones.

Each series is summed on its own side of the time where both converge alike, so that a handful of terms is exact to
rounding at any time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfcx

from miecsim.errors import InputError
from miecsim.typing import Array


def _times(time: Array, scale: float, what: str) -> Array:
    t = np.atleast_1d(np.asarray(time, dtype=np.float64)) / scale
    if not (np.all(t > 0) and np.all(np.isfinite(t))):
        raise InputError(f"{what}: times and the time constant must be positive and finite")
    return t


def _even_powers(first: float, count: int, t: Any) -> Array:
    """exp(-(first + n)^2 t) for n = 0..count-1, shape (count, n_t)."""
    n = first + np.arange(count)
    return np.asarray(np.exp(-((n * n)[:, None] * t)))


@np.errstate(under="ignore")
def pore_charging_current(time: Array, R: float, C: float, voltage: float = 1.0) -> Array:
    """Current [A] (n_t,) into a blocking pore (total R [ohm] along it, C [F] of its wall) after a step of `voltage`.

    I(t) = (2 V/R) sum_{n>=0} exp(-((n + 1/2) pi)^2 t/(R C)), and by the theta function's transformation
    I(t) = V sqrt(C/(pi R t)) [1 + 2 sum_{m>=1} (-1)^m exp(-m^2 R C/t)]: the first from t/(R C) = 1/pi on. R. de Levie,
    Electrochim. Acta 8 (1963) 751. InputError for a time that is not positive.
    """
    if not (R > 0 and C > 0):
        raise InputError(f"pore: R is {R} and C is {C}; both must be positive")
    tau = _times(time, R * C, "pore")
    late = tau * np.pi > 1
    slow, fast = np.where(late, tau, 1), np.where(late, 1, tau)
    long = 2 * _even_powers(0.5, 5, np.pi**2 * slow).sum(axis=0)
    sign = np.array([-1, 1, -1, 1])[:, None]
    short = (1 + 2 * (sign * _even_powers(1, 4, 1 / fast)).sum(axis=0)) / np.sqrt(np.pi * fast)
    return np.asarray(voltage / R * np.where(late, long, short))


@np.errstate(under="ignore")
def polarisation_voltage(
    time: Array, sigma_ion: float, sigma_eon: float, D_chem: float, length: float, area: float, current: float = 1.0
) -> Array:
    """Voltage [V] (n_t,) of a mixed conductor between ion-blocking, electron-reversible contacts after a current step.

    U(t) = I L/(A sigma) {1 + (sigma_ion/sigma_eon) p(tau)}, sigma = sigma_ion + sigma_eon, tau = D_chem t/L^2,
    p = 1 - (8/pi^2) sum_{n odd} exp(-n^2 pi^2 tau)/n^2
      = 4 sqrt(tau) [1/sqrt(pi) + 2 sum_{m>=1} (-1)^m ierfc(m/(2 sqrt(tau)))], the second up to tau = 0.1.
    Swap the conductivities for electron-blocking contacts. I. Yokota, J. Phys. Soc. Japan 16 (1961) 2213. InputError
    for a time or a property that is not positive.
    """
    if not (sigma_ion > 0 and sigma_eon > 0 and D_chem > 0 and length > 0 and area > 0):
        raise InputError("polarisation: conductivities, diffusivity, length and area must be positive")
    tau = _times(time, length * length / D_chem, "polarisation")
    late = tau > 0.1
    slow, fast = np.where(late, tau, 1), np.where(late, 0.1, tau)
    odd = np.array([1, 3, 5, 7])[:, None]
    long = 1 - 8 / np.pi**2 * (np.exp(-(odd**2) * np.pi**2 * slow) / odd**2).sum(axis=0)
    sign, m = np.array([-1, 1, -1, 1])[:, None], np.arange(1, 5)[:, None]
    z = m / (2 * np.sqrt(np.where(late, 0.1, fast)))
    ierfc = np.exp(-z * z) * (1 / np.sqrt(np.pi) - z * erfcx(z))
    short = 4 * np.sqrt(fast) * (1 / np.sqrt(np.pi) + 2 * (sign * ierfc).sum(axis=0))
    p = np.where(late, long, short)
    return np.asarray(current * length / (area * (sigma_ion + sigma_eon)) * (1 + sigma_ion / sigma_eon * p))
