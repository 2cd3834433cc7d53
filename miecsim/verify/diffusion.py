"""Diffusion elements: what each of them is as a continuum."""

from __future__ import annotations

import numpy as np

from miecsim.circuit import diffusion, particles
from miecsim.constants import FARADAY
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CompositeLayer, ConductorLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor
from miecsim.physics.terminals import Link, Wiring, preset
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Formula, Sample, continuum, direct_current, kramers_kronig, wired

FAMILY = "diffusion"
AREA, LENGTH, R, TAU = 3.7e-5, 61.3e-9, 12.63, 0.2212
SHORT = 1e15  # conductivity of the other rail, in units of this one: its resistance is lost in rounding


def _sample(
    name: str, title: str, model: Model, wiring: Wiring, exact: Formula, band: tuple[float, float], source: str
) -> Sample:
    equation = {
        "open": "Z = R coth(s)/s, s = √(jωτ)",
        "short": "Z = R tanh(s)/s, s = √(jωτ)",
        "gerischer": "Z = R/√(1 + jωτ)",
    }[name]
    return Sample(f"{FAMILY}.{name}", title, FAMILY, model, wiring, AREA, band, exact, equation, source)


def _film() -> Model:
    """An ion rail of resistance R and capacitance tau/R beside an electron rail without resistance."""
    sigma = LENGTH / (R * AREA)
    return mixed_conductor([ConductorLayer("film", LENGTH, sigma, SHORT * sigma, TAU / R / (LENGTH * AREA))])


def _reactive() -> Model:
    """Diffusion with a reaction over twelve reaction lengths, R = sqrt(r z_f) with z_f = R_ct || C and tau = R_ct C."""
    decay = LENGTH / 12
    sigma, wall = decay / (R * AREA), Lumped(R=0.31, C=TAU / 0.31)
    density = 0.31 * sigma / decay**2  # decay = sqrt(sigma R_ct/a_v)
    return composite_electrode([CompositeLayer("electrode", LENGTH, sigma, SHORT * sigma, wall, density)])


def _particle(shape: particles.Shape, coordinates: str, equation: str) -> Sample:
    """Diffusion in a round particle, its electrons without resistance, seen from its surface."""
    radius, D, slope = 3.7e-6, 2.3e-14, 1.9e-5  # m, m2/s, V m3/mol
    storage = FARADAY / slope
    layer = ConductorLayer("particle", radius, D * storage, SHORT * D * storage, storage)
    rate = D / radius**2

    def exact(omega: Array) -> Complex:
        return np.asarray(slope * radius / (FARADAY * D * AREA) * particles.diffusion_shape(omega, shape, 1 / rate))

    return Sample(
        f"{FAMILY}.{shape}", f"diffusion in a {shape}", FAMILY, mixed_conductor([layer]),
        wired(("A", "right", "ion", Reversible()), ("B", "right", "electron", Reversible())), AREA,
        (0.03 * rate, 300 * rate), exact, equation, "Meyers, Doyle, Darling and Newman 2000, 10.1149/1.1393627",
        coordinates,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Both Warburg elements as mixed conductors beside a perfect rail, Gerischer's as a deep electrode, particles."""
    battery = preset("battery")
    ended = Wiring(preset("both_rails_left").terminals, (Link("right", ("ion", "electron"), Reversible()),))
    band = (7e-3 / TAU, 1.1e3 / TAU)

    def of(element: str) -> Formula:
        return lambda omega: _formula(element, omega)

    warburg = "Warburg 1899; Franceschetti and Macdonald 1979"
    opened = _sample("open", "finite-space Warburg", _film(), battery, of("warburg_open"), band, warburg)
    short = _sample("short", "finite-length Warburg", _film(), ended, of("warburg_short"), band, warburg)
    reactive = _sample(
        "gerischer", "Gerischer element", _reactive(), battery, of("gerischer"), (1e-3 / TAU, 2e1 / TAU),
        "Gerischer 1951, Z. Phys. Chem. 198, 286",
    )  # fmt: skip
    found = [continuum(sample, settings) for sample in (opened, short, reactive)]
    found += [kramers_kronig(sample, settings) for sample in (opened, short, reactive)]
    sphere = _particle("sphere", "spherical", "Z_D = (U′a/FD) tanh s/(s − tanh s), s = a√(jω/D)")
    cylinder = _particle("cylinder", "cylindrical", "Z_D = (U′a/FD) I₀(s)/(s I₁(s)), s = a√(jω/D)")
    for sample in (sphere, cylinder):
        found += [continuum(sample, settings), kramers_kronig(sample, settings)]
    return [*found, direct_current(short, R), direct_current(reactive, R)]


def _formula(element: str, omega: Array) -> Complex:
    """The element looked up when it is needed."""
    return np.asarray(getattr(diffusion, element)(omega, R, TAU))
