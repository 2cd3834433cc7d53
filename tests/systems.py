"""Systems that between them use every law, contact and grid; parameters away from round numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.system import System

LENGTH = 37.1e-6
AREA = 2.31e-5
V_T = thermal_voltage(298.15)


def _lattice(c: np.ndarray) -> np.ndarray:
    """A steep excess term: ln gamma rises with c."""
    return 0.7 * (c / 900.0) ** 2


def mesh(dimension: int, cells: int = 7, grading: float = 3.0) -> mx.Mesh:
    return mx.Mesh(cells=cells, grading=grading, dimension=dimension, lateral_cells=3)


def wires(*contacts: tuple[str, mx.Contact], links: tuple[mx.Link, ...] = ()) -> mx.Wiring:
    """Terminals from (name, contact) pairs."""
    names = list(dict.fromkeys(name for name, _ in contacts))
    return mx.Wiring(tuple(mx.Terminal(n, tuple(c for name, c in contacts if name == n)) for n in names), links)


def composite(dimension: int = 1) -> System:
    """Separator | electrode with an R || CPE junction; Butler-Volmer interface; R || C, R || CPE and Butler-Volmer
    contacts; links."""
    layers = [
        mx.CompositeLayer("separator", 0.4 * LENGTH, sigma_ion=0.31),
        mx.CompositeLayer("electrode", LENGTH, 0.043, 0.71, mx.ButlerVolmer(1.7, V_T, 0.37, C=0.21), 3.1e5),
        mx.CompositeLayer("graded", 0.7 * LENGTH, 0.013, 1.71, mx.Lumped(R=0.02, Q=0.3, alpha=0.83), 1.3e5),
    ]
    junctions = [
        mx.Junction(("separator", "electrode"), "ion", mx.ButlerVolmer(40.0, V_T, 0.6, C=0.03)),
        mx.Junction(("electrode", "graded"), "electron", mx.Lumped(R=1e-5, C=0.02)),
    ]
    wiring = wires(
        ("A", mx.Contact("left", "ion", mx.ButlerVolmer(11.0, V_T, 0.44, C=0.13))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=3e-4, Q=0.02, alpha=0.9, Rs=1e-5))),
        ("B", mx.Contact("right", "ion", mx.Lumped(R=0.9, C=0.01))),
        links=(mx.Link("right", ("ion", "electron"), mx.Lumped(R=0.05, C=0.3)),),
    )
    model = mx.composite_electrode(layers, junctions=junctions)
    return mx.build_system(model, wiring, area=AREA, mesh=mesh(dimension, 4))


def cross(dimension: int = 1) -> System:
    """Onsager cross conductivity, user-supplied admittance at the interface, battery terminals."""
    interface = mx.Admittance(lambda w: 2.0 + 0.05 * np.sqrt(1j * w), conductance=2.0)
    layer = mx.CompositeLayer("electrode", LENGTH, 0.043, 0.21, interface, 2.1e5, sigma_cross=0.031)
    return mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), area=AREA, mesh=mesh(dimension))


def conductor(dimension: int = 1) -> System:
    """Mixed conductor by coefficients with the dielectric rail; Stern layers; resistive and capacitive contacts."""
    layer = mx.ConductorLayer(
        "film", LENGTH, 0.013, 0.41, capacitance_ion=3.1e6, capacitance_eon=0.9e6, permittivity=4e-7
    )
    wiring = wires(
        ("A", mx.Contact("left", "ion", mx.Lumped(C=0.2))),
        ("A", mx.Contact("left", "electron", mx.Reversible())),
        ("A", mx.Contact("left", "potential", mx.Lumped(C=0.1))),
        ("B", mx.Contact("right", "ion", mx.Lumped(R=1e-3))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=2e-4, C=0.1))),
        ("B", mx.Contact("right", "potential", mx.Reversible())),
    )
    return mx.build_system(mx.mixed_conductor([layer]), wiring, area=AREA, mesh=mesh(dimension))


def neutral(dimension: int = 1) -> System:
    """Electroneutral transport of three stored carriers with a lattice gas and an activity law, two layers."""
    layers = [
        mx.ChargedLayer(
            "left",
            LENGTH,
            (
                mx.CarrierIn("vacancy", 2, 310.0, 3e-11, site_density=900.0),
                mx.CarrierIn("electron", -1, 140.0, 2e-9, thermodynamic_factor=1.7),
                mx.CarrierIn("hole", 1, 35.0, 9e-10),
            ),
        ),
        mx.ChargedLayer(
            "right",
            0.6 * LENGTH,
            (
                mx.CarrierIn("vacancy", 2, 210.0, 5e-11, ln_gamma=_lattice),
                mx.CarrierIn("electron", -1, 40.0, 1e-9),
                mx.CarrierIn("hole", 1, 55.0, 4e-10),
            ),
        ),
    ]
    wiring = wires(
        ("A", mx.Contact("left", "vacancy", mx.Lumped(C=0.3))),
        ("A", mx.Contact("left", "electron", mx.Reversible())),
        ("B", mx.Contact("right", "vacancy", mx.ButlerVolmer(20.0, V_T, 0.4))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=1e-4))),
        ("B", mx.Contact("right", "hole", mx.Lumped(R=2e-3))),
    )
    return mx.build_system(mx.mixed_conductor(layers), wiring, area=AREA, mesh=mesh(dimension, 5))


def poisson(dimension: int = 1) -> System:
    """Nernst-Planck-Poisson, unequal charges and diffusivities, lattice gas, fixed charge, Stern layer and a leaky
    contact."""
    carriers = (
        mx.CarrierIn("cation", 2, 1.3, 2.1e-10, site_density=7.0),
        mx.CarrierIn("anion", -1, 1.9, 7.7e-10, ln_gamma=lambda c: 0.1 * c / (1 + c)),
        mx.CarrierIn("dopant", -1, 0.7, mobile=False),
    )
    layer = mx.ChargedLayer("electrolyte", 41e-9, carriers, permittivity=6.1e-10, fixed_charge=0.0)
    wiring = wires(
        ("A", mx.Contact("left", "potential", mx.Lumped(C=0.05))),
        ("A", mx.Contact("left", "cation", mx.Lumped(R=3e-5))),
        ("B", mx.Contact("right", "potential", mx.Reversible())),
        ("B", mx.Contact("right", "cation", mx.ButlerVolmer(900.0, V_T, 0.6, C=0.01))),
        ("B", mx.Contact("right", "anion", mx.Reversible())),
    )
    return mx.build_system(mx.nernst_planck_poisson([layer]), wiring, area=AREA, mesh=mesh(dimension))


ALL: dict[str, Callable[[int], System]] = {
    "composite": composite,
    "cross": cross,
    "conductor": conductor,
    "neutral": neutral,
    "poisson": poisson,
}


def random_state(system: System, seed: int, spread: float = 1.0) -> np.ndarray:
    """A state far from rest: concentrations within their site density, potentials of a few thermal voltages."""
    rng = np.random.default_rng(seed)
    u = system.laws.rest.copy()
    for k, carrier in enumerate(system.laws.state_map.carriers):
        if carrier.stored:
            u[k] *= np.exp(spread * rng.uniform(-0.8, 0.8, u.shape[1]))
        else:
            u[k] = spread * 2 * V_T * rng.standard_normal(u.shape[1])
    if system.laws.state_map.has_phi:
        u[-1] = spread * 2 * V_T * rng.standard_normal(u.shape[1])
    return np.where(system.laws.active.T, u, system.laws.rest)
