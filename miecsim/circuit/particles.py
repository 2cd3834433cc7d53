"""Insertion particles: diffusion in slab, cylinder and sphere, the surface around it, and electrodes made of them.

J. P. Meyers, M. Doyle, R. M. Darling, J. Newman, J. Electrochem. Soc. 147 (2000) 2930. The wiring of film and double
layer is stated in `particle_impedance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ive

from miecsim.circuit.diffusion import over_frequency
from miecsim.circuit.elements import as_complex, coth_excess_of_square, lumped, piecewise, reciprocal, scaled
from miecsim.circuit.tlm import two_rail_impedance
from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.typing import Array, Complex

Shape = Literal["planar", "cylinder", "sphere"]
SURFACE_TO_VOLUME = {"planar": 1.0, "cylinder": 2.0, "sphere": 3.0}  # times volume fraction/radius: a_v


@dataclass(frozen=True)
class Particle:
    """One kind of particle; everything electrical per unit of its surface."""

    shape: Shape
    radius: float  # m; half the thickness of a slab open at both faces
    diffusivity: float  # m2/s
    dU_dc: float  # V m3/mol, |dU/dc| of the open-circuit potential
    R_ct: float = 0.0  # ohm m2
    C_dl: float = 0.0  # F/m2
    R_film: float = 0.0  # ohm m2
    C_film: float = 0.0  # F/m2

    def __post_init__(self) -> None:
        if self.shape not in SURFACE_TO_VOLUME:
            raise InputError(f"particle: shape {self.shape!r}; allowed {', '.join(SURFACE_TO_VOLUME)}")
        if not (self.radius > 0 and self.diffusivity > 0 and self.dU_dc > 0):
            raise InputError("particle: radius, diffusivity and |dU/dc| must be positive")
        for name in ("R_ct", "C_dl", "R_film", "C_film"):
            if not getattr(self, name) >= 0:
                raise InputError(f"particle: {name} is {getattr(self, name)}; it must not be negative")


@np.errstate(under="ignore")
def diffusion_shape(omega: Array, shape: Shape, tau: float) -> Complex:
    """Z_D F D/(U' a) [-] (n_f,) at s = sqrt(j w tau), tau = a^2/D [s]:

    planar coth(s)/s;   cylinder I_0(s)/(s I_1(s));   sphere tanh(s)/(s - tanh(s)) = 1/(s coth s - 1).

    1/s^2 + 1/3, 2/s^2 + 1/4 and 3/s^2 + 1/5 for s -> 0, where real and imaginary parts are each right to rounding;
    1/s for s -> infinity; infinite at w = 0.
    """
    square = as_complex(1j * np.atleast_1d(np.asarray(omega, dtype=np.float64)) * tau)
    if shape not in SURFACE_TO_VOLUME:
        raise InputError(f"particle: shape {shape!r}; allowed {', '.join(SURFACE_TO_VOLUME)}")
    if shape == "planar":
        return over_frequency(1 + coth_excess_of_square(square), square)
    first, above = (2, _cylinder_above) if shape == "cylinder" else (3, lambda q: 1 / coth_excess_of_square(q))
    return piecewise(np.abs(square) < 1, square, lambda q: over_frequency(_fraction(q, first), q), above)


def _fraction(square: Complex, first: int) -> Complex:
    """b + s^2/(b + 2 + s^2/(b + 4 + ...)), |s| <= 1: s^2 times the cylinder (b = 2) or the sphere (b = 3)."""
    total = np.full_like(square, first + 18)
    for b in range(first + 16, first - 1, -2):
        total = b + square / total
    return total


@np.errstate(under="ignore")
def _cylinder_above(square: Complex) -> Complex:
    """I_0(s)/(s I_1(s)), |s| >= 1, beyond |s| = 200 by the expansion of I_1/I_0 that solves w' + w^2 + w/s = 1."""
    s = np.sqrt(square)
    t = 1 / s
    series = (-1 / 2, -1 / 8, -1 / 8, -25 / 128, -13 / 32, -1073 / 1024)
    ratio = np.zeros_like(t)
    for coefficient in reversed(series):
        ratio = t * (coefficient + ratio)
    near = np.where(np.abs(s) < 200, s, 1)
    return np.where(np.abs(s) < 200, ive(0, near) / (near * ive(1, near)), t / (1 + ratio))


@np.errstate(under="ignore")
def particle_impedance(omega: Array, particle: Particle) -> Complex:
    """Impedance [ohm m2] (n_f,) per unit particle surface, film in series with double layer || (transfer + diffusion):

    Z = R_film/(1 + j w R_film C_film) + 1/(j w C_dl + 1/(R_ct + Z_D)),   Z_D = U' a/(F D) times `diffusion_shape`,

    one electron per inserted ion. omega [rad/s] (n_f,) >= 0; infinite at w = 0.
    """
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    p = particle
    unit = p.dU_dc * p.radius / (FARADAY * p.diffusivity)
    diffusion = scaled(diffusion_shape(w, p.shape, p.radius**2 / p.diffusivity), unit)
    surface = reciprocal(1j * w * p.C_dl + reciprocal(p.R_ct + diffusion))
    return surface + lumped(w, R=p.R_film, C=p.C_film)


def lognormal_particles(
    particle: Particle, spread: float, volume_fraction: float, classes: int = 12
) -> list[tuple[Particle, float]]:
    """Classes (particle, a_v [1/m]) of particles whose radius is log-normal by volume.

    particle.radius is the median, `spread` the standard deviation of ln(radius), volume_fraction that of all classes.
    Gauss and Hermite's nodes: every power of the radius up to the (2 classes - 1)th in ln(radius) is averaged exactly,
    so that for spheres sum a_v = 3 phi exp(spread^2/2)/median. InputError for values that are not positive.
    """
    if not (spread > 0 and 0 < volume_fraction <= 1 and classes >= 1):
        raise InputError("particle sizes: spread > 0, 0 < volume fraction <= 1 and at least 1 class are needed")
    nodes, weights = np.polynomial.hermite.hermgauss(classes)
    found = []
    for node, weight in zip(nodes, weights, strict=True):
        radius = float(particle.radius * np.exp(np.sqrt(2) * spread * node))
        share = volume_fraction * weight / np.sqrt(np.pi)
        found.append((replace(particle, radius=radius), float(SURFACE_TO_VOLUME[particle.shape] * share / radius)))
    return found


@np.errstate(under="ignore")
def particle_wall(omega: Array, populations: Sequence[tuple[Particle, float]], area: float) -> Complex:
    """z_f [ohm m] (n_f,) of a two-rail line through an electrode of area [m2]: 1/z_f = A sum_k a_v,k/Z_k.

    populations: (particle, a_v [1/m]) pairs, a_v the particles' surface per electrode volume.
    """
    if not populations:
        raise InputError("a porous electrode needs at least one class of particles")
    admittance = sum(a_v * reciprocal(particle_impedance(omega, particle)) for particle, a_v in populations)
    return reciprocal(area * as_complex(admittance))


def porous_electrode(
    omega: Array,
    kappa: float,
    sigma: float,
    length: float,
    area: float,
    populations: Sequence[tuple[Particle, float]],
    configuration: str = "ie",
) -> Complex:
    """Impedance [ohm] (n_f,) of a porous or composite electrode of particles, see `two_rail_impedance`.

    kappa, sigma [S/m] effective conductivities of electrolyte and electrode, length [m], area [m2]. Exact where the
    electrolyte has no concentration gradient (a solid one with transference number 1). Infinite at w = 0.
    """
    z1, z2 = 1 / (kappa * area), 1 / (sigma * area)
    return two_rail_impedance(z1, z2, particle_wall(omega, populations, area), length, configuration)
