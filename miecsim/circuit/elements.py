"""Lumped elements, hyperbolic functions that never overflow, and the star-mesh reduction of a network.

Impedances follow exp(+j w t): a capacitor is 1/(j w C). An infinite impedance is an open circuit, a zero one a short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Complex

# A scalar or one value per angular frequency.
Impedance: TypeAlias = complex | Array | Complex


def as_complex(value: npt.ArrayLike) -> Complex:
    """`value` as a complex array of at least one dimension (the frequency axis)."""
    return np.atleast_1d(np.asarray(value, dtype=np.complex128))


# --- hyperbolic functions of a complex argument with Re x >= 0 ------------------------------------
#
# A far end that e^(-x) cannot reach is rightly 0, whatever the caller does about underflow.


@np.errstate(under="ignore")
def tanh(x: npt.ArrayLike) -> Complex:
    """tanh x, |x| up to 1e300."""
    z = as_complex(x)
    return as_complex(-np.expm1(-2 * z) / (1 + np.exp(-2 * z)))


def coth(x: npt.ArrayLike) -> Complex:
    """coth x = 1/tanh x; x must not be 0."""
    return 1 / tanh(x)


@np.errstate(under="ignore")
def csch(x: npt.ArrayLike) -> Complex:
    """1/sinh x; x must not be 0."""
    z = as_complex(x)
    return as_complex(-2 * np.exp(-z) / np.expm1(-2 * z))


def coth_excess(x: npt.ArrayLike) -> Complex:
    """f(x) = x coth x - 1 to full relative accuracy: x^2/3 for x -> 0, x - 1 for x -> infinity."""
    z = as_complex(x)
    return piecewise(np.abs(z) < 1, z, lambda low: _lambert(low * low), _coth_excess_by_definition)


def coth_excess_of_square(square: npt.ArrayLike) -> Complex:
    """`coth_excess` of the root of `square`, for where the square is what is known: x^2 = j w tau is exactly imaginary.

    The real part of 1/f, which the root's rounding would hide behind 3/x^2, comes out right.
    """
    q = as_complex(square)
    return piecewise(np.abs(q) < 1, q, _lambert, lambda high: _coth_excess_by_definition(np.sqrt(high)))


def _lambert(square: Complex) -> Complex:
    """x coth x - 1 by Lambert's continued fraction x^2/(3 + x^2/(5 + x^2/(7 + ...))), |x| <= 1."""
    fraction = 17 + square / 19
    for odd in (15, 13, 11, 9, 7, 5, 3):
        fraction = odd + square / fraction
    return as_complex(square / fraction)


@np.errstate(under="ignore")
def _coth_excess_by_definition(x: Complex) -> Complex:
    decay = np.exp(-2 * x)
    return as_complex(x * (1 + decay) / (1 - decay) - 1)


def piecewise(
    low: Bools, x: Complex, below: Callable[[Complex], Complex], above: Callable[[Complex], Complex]
) -> Complex:
    """below(x) where `low`, above(x) elsewhere, neither called on what is not its own."""
    if low.all():
        return below(x)
    if not low.any():
        return above(x)
    result = np.empty_like(x)
    result[low], result[~low] = below(x[low]), above(x[~low])
    return result


@np.errstate(under="ignore")
def csch_deficit(x: npt.ArrayLike) -> Complex:
    """1 - x/sinh x to full relative accuracy: x^2/6 for x -> 0, 1 for x -> infinity."""
    z = as_complex(x)
    return piecewise(
        np.abs(z) < 1,
        z,
        lambda low: _lambert(low * low) - 2 * _lambert(low * low / 4),
        lambda high: 1 - high * csch(high),
    )


def x_coth_x(x: npt.ArrayLike) -> Complex:
    """x coth x, 1 at x = 0."""
    return 1 + coth_excess(x)


@np.errstate(under="ignore")
def x_csch_x(x: npt.ArrayLike) -> Complex:
    """x/sinh x, 1 at x = 0."""
    z = as_complex(x)
    return piecewise(np.abs(z) < 1, z, lambda low: 1 - csch_deficit(low), lambda high: high * csch(high))


def tanh_over_x(x: npt.ArrayLike) -> Complex:
    """(tanh x)/x, 1 at x = 0."""
    return 1 / (1 + coth_excess(x))


# --- lumped elements ------------------------------------------------------------------------------


def lumped(
    omega: Array,
    R: float | None = None,
    C: float | None = None,
    Q: float | None = None,
    alpha: float = 1.0,
    Rs: float = 0.0,
) -> Complex:
    """Rs + 1/(1/R + j w C + Q (j w)^alpha), shape (n_f,), at omega [rad/s] (n_f,).

    R, Rs in ohm, C in F, Q in F s^(alpha-1) (or all per area). None leaves a branch out, all three None is an open
    circuit; R = 0 shorts the other branches. InputError if a value is negative or alpha lies outside (0, 1].
    """
    for name, value in (("R", R), ("C", C), ("Q", Q), ("Rs", Rs)):
        if value is not None and not value >= 0:
            raise InputError(f"lumped element: {name} is {value}; it must not be negative")
    if not 0 < alpha <= 1:
        raise InputError(f"lumped element: alpha is {alpha}; allowed 0 < alpha <= 1")
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    if R == 0:
        return np.full(w.shape, Rs, dtype=np.complex128)
    admittance = np.full(w.shape, 0.0 if R is None else 1.0 / R, dtype=np.complex128)
    if C is not None:
        admittance += 1j * w * C
    if Q is not None:
        admittance += Q * w**alpha * np.exp(0.5j * np.pi * alpha)
    return Rs + reciprocal(admittance)


@np.errstate(all="ignore")
def reciprocal(value: npt.ArrayLike) -> Complex:
    """1/value with 1/0 = infinity and 1/infinity = 0, without warnings: between impedances and admittances."""
    z = as_complex(value)
    plain = 1 / z
    if np.isfinite(plain).all():  # an infinite value may give 0 or NaN
        return as_complex(plain)
    zero, infinite = z == 0, np.isinf(z)
    return np.where(zero, complex(np.inf, 0), np.where(infinite, 0, plain))


def scaled(impedance: Complex, factor: Impedance) -> Complex:
    """impedance * factor, infinite (not NaN) where the impedance is an open circuit."""
    opened = np.isinf(impedance)
    if not opened.any():
        return as_complex(impedance * factor)
    return np.where(opened, complex(np.inf, 0), np.where(opened, 1, impedance) * factor)


def is_short(impedance: Impedance, what: str) -> bool:
    """True for a zero impedance, False for one that never is; InputError if NaN or zero at some frequencies only."""
    z = as_complex(impedance)
    if np.isnan(z).any():
        raise InputError(f"{what}: the impedance is not a number")
    zero: Bools = z == 0
    if zero.any() and not zero.all():
        raise InputError(f"{what}: the impedance is zero at some frequencies and not at others")
    return bool(zero.all())


# --- networks without a ground --------------------------------------------------------------------
#
# Nodal admittances (n_f, n, n) with zero row sums: only the branches (minus the off-diagonal entries) carry
# information, the diagonal is their sum. Eliminating a node by the star-mesh rule y_ij += y_ik y_jk / sum_m y_km never
# subtracts, so a leak of 1e-20 of a conductance survives next to it, which the assembled diagonal would have lost
# (Grassmann, Taksar and Heyman 1985, for Markov chains).


def branches_of(admittance: Complex) -> Complex:
    """Branch admittances y_ij = -Y_ij with a zero diagonal, a new array (n_f, n, n)."""
    branches = -np.array(admittance, dtype=np.complex128)
    _clear_diagonal(branches)
    return branches


@np.errstate(under="ignore")
def nodal_admittance(branches: Complex) -> Complex:
    """The nodal admittance (n_f, n, n) of a network of branches: zero row sums."""
    admittance = -branches
    _clear_diagonal(admittance)
    index = np.arange(branches.shape[-1])
    admittance[:, index, index] = -admittance.sum(axis=2)
    return admittance


@np.errstate(under="ignore")
def eliminate(branches: Complex, nodes: Iterable[int]) -> Complex:
    """Branches between the nodes that remain, in order, when no current enters `nodes`: star-mesh, one by one."""
    left = list(range(branches.shape[-1]))
    for node in sorted(nodes, reverse=True):
        position = left.index(node)
        left.remove(node)
        row = np.delete(branches[:, position, :], position, axis=1)
        share = row * _finite_inverse(row.sum(axis=1))[:, None]
        branches = np.delete(np.delete(branches, position, axis=1), position, axis=2)
        branches += row[:, :, None] * share[:, None, :]
        _clear_diagonal(branches)
    return branches


@np.errstate(under="ignore")
def merge(branches: Complex, groups: Sequence[int]) -> Complex:
    """Branches between groups of nodes tied together; groups[i] = 0..n_groups-1 is the group of node i."""
    member = np.zeros((max(groups) + 1, len(groups)))
    member[list(groups), np.arange(len(groups))] = 1
    merged = member @ branches @ member.T
    _clear_diagonal(merged)
    return merged


@np.errstate(under="ignore")
def add_series(branches: Complex, node: int, impedance: Impedance) -> Complex:
    """The network seen through `impedance` (0 to infinity) put in series with `node`."""
    z = as_complex(impedance)
    row = branches[:, node, :]
    total = row.sum(axis=1)
    opened = np.isinf(z)
    passed = 1 / (1 + np.where(opened, 0, z) * total)
    # Z/(1 + Z S), which is 1/S for an open circuit
    loss = np.where(opened, _finite_inverse(total), np.where(opened, 0, z) * passed)
    passed = np.where(opened, 0, passed)
    seen = branches + row[:, :, None] * (row * loss[:, None])[:, None, :]
    seen[:, node, :] = row * passed[:, None]
    seen[:, :, node] = row * passed[:, None]
    _clear_diagonal(seen)
    return seen


def _finite_inverse(total: Complex) -> Complex:
    """1/total, 0 where a node hangs on nothing."""
    floating = total == 0
    return np.where(floating, 0, 1 / np.where(floating, 1, total))


def _clear_diagonal(matrices: Complex) -> None:
    index = np.arange(matrices.shape[-1])
    matrices[:, index, index] = 0
