"""Closed forms of small contacts: discs and strips on films, how far their field reaches, and how a surface swells.

Discs and hemispheres on a half space without a bottom are in `formulas_probe`.
"""

from __future__ import annotations

from math import pi

import numpy as np
import numpy.typing as npt
from scipy.special import ellipkm1

from miecsim.errors import InputError
from miecsim.techniques.checks import array, not_negative, positive
from miecsim.typing import Array

_NODES = 80


def disc_on_film(resistivity: float, radius: float, thickness: float) -> float:
    """R [ohm] from a disc of one potential to the metal below a film of thickness t [m] without lateral end.

    phi = int A(k) sinh k(t - z)/cosh kt J_0(kr) dk with A(k) = int_0^a g(s) cos ks ds carries no current outside the
    disc for any g; phi = V below it is Abel's equation and becomes, with R = rho V/(2 pi int g ds),

        g(s) - (2/pi) int_0^a g(u) int_0^inf 2 cos ks cos ku/(e^(2kt) + 1) dk du = 2 V/pi,

    of the second kind and smooth: solved here with 80 Gauss points, to 1e-9 for a up to 4 t. Tends to rho/(4a)
    [1 - (2 ln 2/pi) a/t] for thick films and to rho t/(pi a^2) for thin ones. InputError above a = 20 t.
    """
    positive("disc on a film", resistivity=resistivity, radius=radius, thickness=thickness)
    ratio = radius / thickness
    if ratio > 20:
        raise InputError(f"disc on a film: read a/t = {ratio:.4g}; at most 20, beyond it rho t/(pi a^2) is close")
    x, w = np.polynomial.legendre.leggauss(_NODES)
    s, ds = (x + 1) / 2, w / 2  # in units of a
    k, dk = (x + 1) * 20 / 2, w * 20 / 2  # in units of 1/t; e^-40 is left
    panels = max(1, int(np.ceil(ratio)))
    k = np.concatenate([(k + 20 * i) / panels for i in range(panels)])
    dk = np.tile(dk, panels) / panels
    wave = np.cos(np.outer(s * ratio, k))
    kernel = (2 / pi) * ratio * (wave * (2 / (np.exp(2 * k) + 1) * dk)) @ wave.T
    g = np.linalg.solve(np.eye(_NODES) - kernel * ds, np.full(_NODES, 2 / pi))
    return float(resistivity / (2 * pi * radius * (g @ ds)))


def strip_on_film(resistivity: float, breadth: npt.ArrayLike, thickness: npt.ArrayLike, width: npt.ArrayLike) -> Array:
    """R = (rho/2w) K(k')/K(k) [ohm], k = tanh(pi b/4t), from a strip of breadth b [m] across a film of width w and
    thickness t to the metal below it; K the complete elliptic integral of modulus k. Conformal map of the strip.

    Tends to rho t/(w b) for broad strips and to (rho/pi w) ln(16 t/pi b) for narrow ones.
    """
    positive("strip on a film", resistivity=resistivity, breadth=breadth, thickness=thickness, width=width)
    x = pi * array(breadth) / (4 * array(thickness))
    with np.errstate(under="ignore", over="ignore"):
        m, m1 = np.tanh(x) ** 2, 1 / np.cosh(x) ** 2
    return np.asarray(resistivity / (2 * array(width)) * ellipkm1(m) / ellipkm1(m1))


def disc_near_joint(resistivity: float, radius: float, distance: npt.ArrayLike, other: float) -> Array:
    """R [ohm] of a disc on a half space of resistivity rho that meets another of rho' in a plane normal to the surface,
    at a distance d >> a [m]: (rho/4a) [1 + k a/(pi d)], k = (rho' - rho)/(rho' + rho), by the image of a point."""
    positive("disc near a joint", resistivity=resistivity, radius=radius, distance=distance, other=other)
    k = (other - resistivity) / (other + resistivity)
    return np.asarray(resistivity / (4 * radius) * (1 + k * radius / (pi * array(distance))))


def spheroid_depth(r: npt.ArrayLike, z: npt.ArrayLike, radius: float) -> Array:
    """xi [-] of the oblate spheroid through (r, z) [m] whose focal circle is the rim of a disc of radius a: it reaches
    a xi deep and a sqrt(1 + xi^2) wide, and is an equipotential of the disc on a half space."""
    positive("disc", radius=radius)
    a2, z2 = radius**2, array(z) ** 2
    half = (array(r) ** 2 + z2 - a2) / 2
    root = np.hypot(half, radius * np.abs(array(z)))
    # the larger root of xi^4 - 2 half/a^2 xi^2 - z^2/a^2 = 0, without cancellation inside the rim
    return np.asarray(np.sqrt(np.where(half > 0, half + root, a2 * z2 / np.maximum(root - half, 1e-300)) / a2))


def disc_share(depth: npt.ArrayLike) -> Array:
    """Share (2/pi) arctan xi [-] of the resistance rho/(4a) that lies within the spheroid `depth` = xi radii deep.

    0.50 at one radius, 0.84 at four, 0.94 at ten. (Of a sunk hemisphere 1 - a/R lies within R: 0.75 at four radii.)
    """
    not_negative("disc", depth=depth)
    return np.asarray(2 / pi * np.arctan(array(depth)))


def swelling_weights(r_inner: Array, r_outer: Array, z_upper: Array, z_lower: Array) -> Array:
    """W = int z/(r^2 + z^2)^(3/2) dV [m] of rings r_inner to r_outer, at depths z_upper to z_lower [m], exactly.

    The free surface of an isotropic elastic half space rises, above the axis, by u_3 = (1 + nu)/pi sum W beta delta_c
    where the stress-free linear strain is beta delta_c: Mogi's dilating point, of strain volume 3 beta delta_c dV, in
    every place (Morozovska et al. 2010 use the same kernel). A layer without end of thickness h has W = 2 pi h and so
    u_3 = 2 (1 + nu) beta delta_c h: more than the (1 + nu)/(1 - nu) beta delta_c h of a layer whose far ends are
    held, since the substrate gives way. Shapes (n,).
    """
    inner = np.hypot(r_inner, z_lower) - np.hypot(r_inner, z_upper)
    outer = np.hypot(r_outer, z_lower) - np.hypot(r_outer, z_upper)
    return np.asarray(2 * pi * (inner - outer))


def clamped_swelling(nu: float) -> float:
    """(1 + nu)/(1 - nu) [-]: rise of a film on a rigid substrate per integral of its stress-free linear strain."""
    return (1 + nu) / (1 - nu)
