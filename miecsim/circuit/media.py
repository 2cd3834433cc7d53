"""Effective conductivity of composites: bounds, models and exact results of two or more phases.

Fractions phi_i and conductivities sigma_i [S/m] in the same order. Models that are analytic in sigma accept complex
ones (sigma + i w eps), with real parts >= 0; bounds that order real numbers do not. Of diffusivities, permittivities or
heat conductivities the same holds.

O. Wiener (1912); D. A. G. Bruggeman (1935); Z. Hashin, S. Shtrikman, J. Appl. Phys. 33 (1962) 3125; A. M. Dykhne
(1971); G. W. Milton, The Theory of Composites (2002); S. Torquato, Random Heterogeneous Materials (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from miecsim.errors import InputError
from miecsim.typing import Array, Values

CONTINUATION = 100  # steps from equal phases to the given ones, complex conductivities


def series(fractions: Sequence[float], sigma: Sequence[complex]) -> complex:
    """Layers crossed one after the other, Wiener's lower bound: 1 / sum phi_i / sigma_i. 0 where a phase insulates."""
    phi, s = _phases(fractions, sigma)
    present = phi > 0
    return 0.0 if np.any(s[present] == 0) else _number(1 / np.sum(phi[present] / s[present]))


def parallel(fractions: Sequence[float], sigma: Sequence[complex]) -> complex:
    """Layers side by side, Wiener's upper bound: sum phi_i sigma_i."""
    phi, s = _phases(fractions, sigma)
    return _number(np.sum(phi * s))


def maxwell(fractions: Sequence[float], sigma: Sequence[complex], matrix: complex, dim: int = 3) -> complex:
    """Spheres (dim 3) or discs (dim 2), each coated by a matrix of conductivity sigma_m, filling all space:

        1/(sigma + (d - 1) sigma_m) = sum_i phi_i/(sigma_i + (d - 1) sigma_m),   the matrix among the phases.

    Exact for that assemblage (Hashin & Shtrikman); Maxwell's result for dilute ones. Complex sigma allowed.
    """
    phi, s = _phases(fractions, sigma)
    z = (_dimension(dim) - 1) * matrix
    present = phi > 0
    if np.any(s[present] + z == 0):
        return 0.0
    return _number(1 / np.sum(phi[present] / (s[present] + z)) - z)


def hashin_shtrikman(fractions: Sequence[float], sigma: Sequence[float], dim: int = 3) -> tuple[float, float]:
    """Lower and upper bound [S/m] of isotropic composites in two or three dimensions, any number of real phases.

    `maxwell` with the worst, or best, conducting phase present as the matrix; attained for two phases.
    """
    phi, s = _phases(fractions, sigma)
    if np.iscomplexobj(s):
        raise InputError("sigma: bounds need real conductivities; a complex one has a region in the plane")
    present = s[phi > 0]
    low, high = (float(np.real(maxwell(phi.tolist(), s.tolist(), z, dim))) for z in (present.min(), present.max()))
    return low, high


def bruggeman(fractions: Sequence[float], sigma: Sequence[complex], dim: int = 3) -> complex:
    """Effective medium of any number of phases on an equal footing (symmetric, self-consistent):

        sum_i phi_i (sigma_i - sigma)/(sigma_i + (d - 1) sigma) = 0.

    A model: no given picture has to follow it. Of an insulating phase it percolates at phi = 1/d. Complex
    conductivities (none zero): the root that grows out of equal phases.
    """
    phi, s = _phases(fractions, sigma)
    d = _dimension(dim)
    phi, s = phi[phi > 0], s[phi > 0]
    if not np.iscomplexobj(s):
        return _bruggeman_real(phi, s, d)
    if np.any(s == 0):
        raise InputError("sigma: complex phases of an effective medium have to conduct, be it little")
    middle, found = np.sum(phi * np.log(s)), 0j
    for t in np.linspace(0, 1, CONTINUATION + 1):
        now = np.exp((1 - t) * middle + t * np.log(s))
        found = found or complex(now[0])
        for _ in range(40):
            below = now + (d - 1) * found
            step = np.sum(phi * (now - found) / below) / np.sum(phi * d * now / below**2)
            found += step
            if abs(step) < 1e-14 * abs(found):
                break
    return found


def _bruggeman_real(phi: Array, s: Array, d: int) -> float:
    """In x = ln(sigma): d sum phi_i sigma_i/(sigma_i + (d - 1) sigma) - 1 falls from the worst to the best phase."""
    if s.min() == s.max():
        return float(s[0])
    if s.min() == 0 and d * phi[s > 0].sum() <= 1:
        return 0.0

    def excess(x: float) -> float:
        return float(np.sum(phi * (s - np.exp(x)) / (s + (d - 1) * np.exp(x))))

    high = np.log(s.max())
    low = np.log(s.min()) if s.min() > 0 else np.log(s[s > 0].min() * (d * phi[s > 0].sum() - 1)) - 1
    return float(np.exp(brentq(excess, low, high, xtol=1e-15, rtol=1e-15, maxiter=300)))


def differential(fraction: float, inclusion: complex, matrix: complex, dim: int = 3) -> complex:
    """Inclusions of all sizes put into a matrix little by little (Bruggeman's unsymmetric medium):

        ((sigma_i - sigma)/(sigma_i - sigma_m)) (sigma_m/sigma)^(1/d) = 1 - phi,

    d = dim; of insulating spheres sigma_m (1 - phi)^(3/2), which battery people call Bruggeman's tortuosity
    (1 - phi)^(-1/2), of discs (1 - phi)^2. The matrix percolates at every phi < 1. Complex sigma allowed.
    """
    _phases([fraction, 1 - fraction], [inclusion, matrix])
    d = _dimension(dim)
    if fraction == 1 or inclusion == matrix:
        return inclusion
    if matrix == 0:
        return 0.0
    if inclusion == 0:
        return _number(matrix * (1 - fraction) ** (d / (d - 1)))
    ratio = inclusion / matrix

    def slope(_: float, y: Values) -> Values:  # y = ln(sigma/sigma_m) over -ln(1 - phi)
        return d * (ratio - np.exp(y)) / ((d - 1) * np.exp(y) + ratio)

    end, start = -np.log1p(-fraction), np.zeros(1, dtype=np.result_type(np.float64, ratio))
    y = solve_ivp(slope, (0.0, end), start, method="DOP853", rtol=1e-10, atol=1e-12).y[0, -1]
    for _ in range(20):  # Newton on the closed form, its logarithm free of branches in these small differences
        e = np.exp(y)
        step = (1 - (1 - fraction) * np.exp(y / d) * (ratio - 1) / (ratio - e)) / (1 / d + e / (ratio - e))
        y = y + step
        if abs(step) < 1e-15:
            break
    return _number(matrix * np.exp(y))


def laminate(fractions: Sequence[float], sigma: Sequence[complex], normal: Sequence[float]) -> Values:
    """Tensor [S/m] (d, d) of layers across the direction `normal` (d,), of any length: exact.

    series n n + parallel (1 - n n).
    """
    n = np.asarray(normal, dtype=np.float64)
    if n.ndim != 1 or not np.all(np.isfinite(n)) or not np.any(n):
        raise InputError(f"normal: read {normal!r}; expected a direction")
    along = np.outer(n, n) / (n @ n)
    out: Values = series(fractions, sigma) * along + parallel(fractions, sigma) * (np.eye(len(n)) - along)
    return out


def checkerboard(one: complex, other: complex) -> complex:
    """sqrt(sigma_1 sigma_2): checkerboards, and every medium in two dimensions that is the same with phases exchanged.

    Exact (Dykhne 1971; Mendelson 1975), for complex sigma, too: of a resistor and a capacitor a constant phase element
    of exponent 1/2.
    """
    _phases([0.5, 0.5], [one, other])
    return _number(np.sqrt(one) * np.sqrt(other))


def checkerboard_order(contrast: float) -> float:
    """Order (8/pi) atan(contrast^(-1/2)) at which cell-centred finite volumes approach `checkerboard`, at most 2.

    The potential at a corner is as r^(order/2): at contrast 100 the order is 0.25, and hopeless.
    """
    if not (np.isfinite(contrast) and contrast > 0):
        raise InputError(f"contrast: read {contrast!r}; expected a positive number")
    return float(8 / np.pi * np.arctan(1 / np.sqrt(max(contrast, 1 / contrast))))


def _phases(fractions: Sequence[float], sigma: Sequence[complex]) -> tuple[Array, Values]:
    phi, s = np.asarray(fractions, dtype=np.float64), np.asarray(sigma) * 1.0
    if phi.ndim != 1 or s.shape != phi.shape or len(phi) == 0:
        raise InputError(f"fractions: read {len(np.atleast_1d(phi))} for {len(np.atleast_1d(s))} conductivities")
    if not (np.all(phi >= 0) and abs(phi.sum() - 1) <= 1e-9):
        raise InputError(f"fractions: read {fractions!r}; expected numbers from 0 to 1 that add up to 1")
    if not (np.all(np.isfinite(s)) and np.all(s.real >= 0)):
        raise InputError(f"sigma: read {sigma!r}; expected finite values with real parts of at least 0")
    return phi, s


def _number(value: Any) -> complex:
    """A plain complex number, or a float where the value is real by type."""
    return complex(value) if np.iscomplexobj(value) else float(value)


def _dimension(dim: int) -> int:
    if dim not in (2, 3):
        raise InputError(f"dim: read {dim!r}; expected 2 or 3")
    return dim
