"""Diffusion in a slab as an element: Warburg impedances of all three ends, and Gerischer's with a reaction.

M. E. Orazem, B. Tribollet, Electrochemical Impedance Spectroscopy (Wiley, 2008).
"""

from __future__ import annotations

import numpy as np

from miecsim.circuit.elements import as_complex, coth_excess_of_square
from miecsim.errors import InputError
from miecsim.typing import Array, Complex


def over_frequency(value: Complex, square: Complex) -> Complex:
    """value/square, infinite at frequency zero, where a closed slab takes up whatever is put in."""
    static = square == 0
    if not static.any():
        return as_complex(value / square)
    return np.where(static, complex(np.inf, 0), value / np.where(static, 1, square))


def _square(omega: Array, tau: float) -> Complex:
    """s^2 = j w tau (n_f,), real part exactly 0."""
    return as_complex(1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * tau)


def warburg_infinite(omega: Array, A: float) -> Complex:
    """Semi-infinite diffusion A/sqrt(j w) [ohm] (n_f,); A [ohm s^-1/2] = sqrt(2) times the Warburg coefficient.

    The high-frequency limit of both finite elements, A = R/sqrt(tau); infinite at w = 0.
    """
    return over_frequency(as_complex(A), np.sqrt(_square(omega, 1.0)))


def warburg_short(omega: Array, R: float, tau: float) -> Complex:
    """Finite-length (transmissive) diffusion R tanh(s)/s [ohm] (n_f,), s = sqrt(j w tau): R at low frequency."""
    return R / (1 + coth_excess_of_square(_square(omega, tau)))


def warburg_open(omega: Array, R: float, tau: float) -> Complex:
    """Finite-space (reflective) diffusion R coth(s)/s [ohm] (n_f,), s = sqrt(j w tau).

    R/3 + R/(j w tau) at low frequency, infinite at w = 0.
    """
    square = _square(omega, tau)
    return over_frequency(R * (1 + coth_excess_of_square(square)), square)


def gerischer(omega: Array, R: float, tau: float) -> Complex:
    """Semi-infinite diffusion with a reaction of rate 1/tau: R/sqrt(1 + j w tau) [ohm] (n_f,)."""
    return as_complex(R / np.sqrt(1 + _square(omega, tau)))


def warburg_short_poles(R: float, tau: float, count: int) -> tuple[Array, Array]:
    """The slowest `count` relaxations (R_k [ohm], tau_k [s]) of `warburg_short`, each shape (count,).

    R tanh(s)/s = sum_k R_k/(1 + j w tau_k), R_k = 2 R/((k - 1/2) pi)^2, tau_k = tau/((k - 1/2) pi)^2, k = 1, 2, ...
    What is left out is at most 2 R/(pi^2 count). B. A. Boukamp, Electrochim. Acta 252 (2017) 154.
    """
    if count < 1:
        raise InputError(f"relaxations of a Warburg element: read {count}; at least 1 is needed")
    squares = np.asarray(((np.arange(count) + 0.5) * np.pi) ** 2, dtype=np.float64)
    return 2 * R / squares, tau / squares
