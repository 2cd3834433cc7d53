"""Textbook answers of probes on a conductor: four points, four lines, discs and hemispheres.

Every probe is a point or a line of no size unless it says otherwise; the specimen reaches far beyond the probes, has
one resistivity rho [ohm m] and insulating faces.
"""

from __future__ import annotations

from math import log, pi

import numpy as np
import numpy.typing as npt
from scipy.special import binom, k0, zeta

from miecsim.errors import InputError
from miecsim.techniques.checks import array, not_negative, positive
from miecsim.typing import Array

_THIN = 0.5  # spacing/thickness from which the Bessel series is used


def four_point_bulk(resistivity: float, spacing: npt.ArrayLike) -> Array:
    """V/I = rho/(2 pi s) [ohm] of four points in a row, s [m] apart, on a half space; outer pair feeds, inner reads."""
    positive("four points", resistivity=resistivity, spacing=spacing)
    return np.asarray(resistivity / (2 * pi * array(spacing)))


def four_point_sheet(resistivity: float, thickness: npt.ArrayLike) -> Array:
    """V/I = rho ln 2/(pi t) [ohm] on a sheet much thinner than the spacing; 1e-3 low at t = 0.44 s."""
    positive("four points", resistivity=resistivity, thickness=thickness)
    return np.asarray(resistivity * log(2) / (pi * array(thickness)))


@np.errstate(under="ignore")
def _slab_factor(ratio: Array) -> Array:
    """V/I in units of rho/(pi t) for ratio = s/t."""
    shape = (-1, *[1] * ratio.ndim)
    thin = ratio > _THIN
    wide, close = np.where(thin, ratio, 1), np.where(thin, _THIN, ratio)
    n = np.arange(1, 26).reshape(shape)
    far = log(2) + 2 * (k0(n * pi * wide) - k0(2 * n * pi * wide)).sum(axis=0)
    # images in powers of (s/t)^2, their sums over n being zeta(2 k + 1)
    k = np.arange(1, 28).reshape(shape)
    weights = binom(-0.5, k) * (1 - 4.0**k) * zeta(2 * k + 1)
    near = close**-1 / 2 + (weights * (close / 2) ** (2 * k)).sum(axis=0)
    return np.asarray(np.where(thin, far, near))


def four_point_slab(resistivity: float, spacing: npt.ArrayLike, thickness: npt.ArrayLike) -> Array:
    """V/I [ohm] of four points in a row on a slab of thickness t with an insulating base; exact for any t/s.

    (rho/2 pi s) [1 + 4 sum_n (1/sqrt(1 + (2 n t/s)^2) - 1/sqrt(4 + (2 n t/s)^2))]
      = (rho/pi t) [ln 2 + 2 sum_n (K_0(n pi s/t) - K_0(2 n pi s/t))],
    the second for s/t > 1/2. L. B. Valdes, Proc. IRE 42 (1954) 420.
    """
    positive("four points", resistivity=resistivity, spacing=spacing, thickness=thickness)
    s, t = array(spacing), array(thickness)
    return np.asarray(resistivity / (pi * t) * _slab_factor(s / t))


def four_point_slab_usual(resistivity: float, spacing: npt.ArrayLike, thickness: npt.ArrayLike) -> Array:
    """V/I = (rho/pi t) ln[sinh(t/s)/sinh(t/2 s)] [ohm], the usual interpolation: right at both ends only.

    8.1 % high at t = s, 0.5 % low at t = 4.4 s (`four_point_usual_error`).
    """
    positive("four points", resistivity=resistivity, spacing=spacing, thickness=thickness)
    half = array(thickness) / (2 * array(spacing))
    with np.errstate(under="ignore"):
        return np.asarray(resistivity / (pi * array(thickness)) * (half + np.log1p(np.exp(-2 * half))))


def four_point_usual_error(spacing: npt.ArrayLike, thickness: npt.ArrayLike) -> Array:
    """`four_point_slab_usual` over `four_point_slab`, less 1 [-]: the resistivity read by it is low by that."""
    usual, exact = (law(1.0, spacing, thickness) for law in (four_point_slab_usual, four_point_slab))
    return np.asarray(usual / exact - 1)


def four_line_slab(resistivity: float, spacing: npt.ArrayLike, thickness: npt.ArrayLike, width: npt.ArrayLike) -> Array:
    """V/I = (2 rho/pi w) ln[2 cosh(pi s/2 t)] [ohm] of four lines across a slab of width w [m], exact for any t/s.

    s [m] apart; tends to rho s/(w t) for a thin slab (the bar) and to 2 rho ln 2/(pi w) for a thick one. Conformal map
    of the strip of insulating faces.
    """
    positive("four lines", resistivity=resistivity, spacing=spacing, thickness=thickness, width=width)
    x = pi * array(spacing) / (2 * array(thickness))
    with np.errstate(under="ignore"):
        return np.asarray(2 * resistivity / (pi * array(width)) * (x + np.log1p(np.exp(-2 * x))))


def disc_resistance(resistivity: float, radius: npt.ArrayLike) -> Array:
    """rho/(4 a) [ohm] from a disc of one potential on a half space to far away. J. Newman, J. Electrochem. Soc. 113
    (1966) 501.
    """
    positive("disc", resistivity=resistivity, radius=radius)
    return np.asarray(resistivity / (4 * array(radius)))


def disc_current_density(r: npt.ArrayLike, radius: float) -> Array:
    """Current density over its mean under a disc of one potential, 1/(2 sqrt(1 - r^2/a^2)) [-]; infinite at the edge.

    r [m] (any shape) from 0 to the radius a [m]. J. Newman, as above.
    """
    positive("disc", radius=radius)
    not_negative("disc", r=r)
    ratio = array(r) / radius
    if np.any(ratio > 1):
        raise InputError(f"disc: r must be at most the radius {radius:g} m, read {array(r)}")
    with np.errstate(divide="ignore"):
        return np.asarray(0.5 / np.sqrt((1 - ratio) * (1 + ratio)))


def hemisphere_resistance(resistivity: float, radius: npt.ArrayLike) -> Array:
    """rho/(2 pi a) [ohm] from a hemisphere of radius a [m], sunk into a half space, to far away."""
    positive("hemisphere", resistivity=resistivity, radius=radius)
    return np.asarray(resistivity / (2 * pi * array(radius)))
