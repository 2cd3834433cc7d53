"""Porous electrodes and cells that between them use every law of one; parameters away from round numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, SingleIon
from miecsim.physics.elements import ButlerVolmer, Lumped, Reversible
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.physics.terminals import Contact, ReferencePlane, Terminal, Wiring
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step, current, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.snapshot import snapshot
from miecsim.system import System, build_system

T = 309.0
V_T = thermal_voltage(T)
OXIDE = Host(
    "oxide", 4.7e4, lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), lambda x: 1.7e-14 * (1.6 - 1.1 * x)
)
GRAPHITE = Host("graphite", 3.1e4, lambda x: 0.09 + 0.5 * np.exp(-9 * x) - 0.07 * x, 3.9e-14)
LATTICE = Host("lattice gas", 2.9e4, lambda x: 3.4 - V_T * (np.log(x) - np.log(1 - x)), 2.3e-14, self_diffusion=True)
# conductivity, diffusivity, transference number and thermodynamic factor all change with the concentration
SALT = BinarySalt(
    1130.0,
    lambda c: 0.12 + 1.9e-3 * c * np.exp(-c / 900.0),
    lambda c: 3.3e-10 * np.exp(-c / 1700.0),
    lambda c: 0.29 - 3e-5 * (c - 1000.0),
    lambda c: 1.0 + 0.31 * (c / 1000.0) ** 1.5,
)
SOLID = SingleIon(0.21)


def particles(name: str, host: Host, stoichiometry: float, **more: object) -> ActiveParticles:
    plain: dict[str, object] = {
        "radius": 2.6e-6,
        "volume_fraction": 0.37,
        "kinetics": Kinetics(MassAction(1.6, 1000.0, 0.4, 0.43), 0.43),
        "double_layer": Lumped(C=0.15),
        "shells": 5,
        "grading": 7.0,
    }
    return ActiveParticles(name, host, stoichiometry=stoichiometry, **(plain | more))  # type: ignore[arg-type]


def ends(*contacts: tuple[str, str, str, object], planes: tuple[ReferencePlane, ...] = ()) -> Wiring:
    """(terminal, side, carrier, law) of each contact."""
    return Wiring(
        tuple(Terminal(name, (Contact(side, carrier, law),)) for name, side, carrier, law in contacts),  # type: ignore[arg-type]
        reference_planes=planes,
    )


def solid_half_cell() -> System:
    """Single-ion conductor, a separator, Butler-Volmer at the metal, particles with a self-diffusion coefficient."""
    lattice = particles("p", LATTICE, 0.31, kinetics=Kinetics(MassAction(2.2)))
    layers = [
        PorousLayer("separator", 23e-6, SOLID),
        PorousLayer("cathode", 61e-6, SOLID, 0.41, 0.41**1.7, 3.1, (lattice,)),
    ]
    wiring = ends(
        ("A", "left", "ion", ButlerVolmer(13.0, V_T, 0.44, C=0.09)), ("B", "right", "electron", Lumped(R=2e-5))
    )
    return build_system(porous_cell(layers, temperature=T), wiring, mesh=mx.Mesh(cells=4))


def salt_cell() -> System:
    """Graphite | separator | oxide in a salt, with a reference electrode in the separator; an area."""
    layers = [
        PorousLayer(
            "anode", 71e-6, SALT, 0.31, 0.31**1.5, 90.0, (particles("g", GRAPHITE, 0.63, radius=5.1e-6, film=None),)
        ),
        PorousLayer("separator", 19e-6, SALT, 0.47, 0.47**1.5),
        PorousLayer("cathode", 63e-6, SALT, 0.35, 0.35**1.5, 2.3, (particles("o", OXIDE, 0.42),)),
    ]
    wiring = ends(
        ("+", "right", "electron", Reversible()),
        ("-", "left", "electron", Reversible()),
        planes=(ReferencePlane("ref", 79.3e-6, "ion"),),
    )
    return build_system(porous_cell(layers, temperature=T), wiring, area=0.0131, mesh=mx.Mesh(cells=5))


def film_half_cell() -> System:
    """Two kinds of particles, one beneath a film with a capacity and a CPE as its double layer, one without either."""
    x = 0.38
    first = particles("coarse", OXIDE, x, film=Lumped(R=0.02, C=0.004), double_layer=Lumped(Q=0.11, alpha=0.87))
    second = particles(
        "fine", OXIDE, x, radius=0.7e-6, volume_fraction=0.11, shape="cylinder", double_layer=None,
        kinetics=Kinetics(0.9, reorganisation=0.27),
    )  # fmt: skip
    layers = [
        PorousLayer("separator", 17e-6, SALT, 0.51, 0.4),
        PorousLayer("cathode", 63e-6, SALT, 0.31, 0.21, 3.1, (first, second)),
    ]
    wiring = ends(("A", "left", "ion", Lumped(R=7e-4, C=0.2)), ("B", "right", "electron", Reversible()))
    return build_system(porous_cell(layers, temperature=T), wiring, mesh=mx.Mesh(cells=4, grading=2.0))


def mixed_half_cell() -> System:
    """Particles whose electrons have a rail of their own, in a salt."""
    host = replace(LATTICE, sigma_eon=lambda x: 3e-7 * (1 + 2 * x))
    p = particles("mixed", host, 0.31, kinetics=Kinetics(MassAction(2.2, 900.0)), contact_resistance=3e-3)
    layers = [
        PorousLayer("separator", 23e-6, SALT, 0.6, 0.43),
        PorousLayer("cathode", 61e-6, SALT, 0.41, 0.3, 3.1, (p,)),
    ]
    wiring = ends(("A", "left", "ion", Lumped(R=1e-4)), ("B", "right", "electron", Reversible()))
    return build_system(porous_cell(layers, temperature=T), wiring, mesh=mx.Mesh(cells=4))


ALL: dict[str, Callable[[], System]] = {
    "solid half cell": solid_half_cell,
    "salt cell": salt_cell,
    "films and two kinds": film_half_cell,
    "mixed conductors": mixed_half_cell,
}
DISCHARGED_AT = 25.0  # A/m2 for 300 s


@cache
def rest(name: str) -> OperatingPoint:
    return rest_point(ALL[name]())


@cache
def discharged(name: str) -> OperatingPoint:
    """The end of 300 s of discharge, the current still flowing, far from rest in every law."""
    point = rest(name)
    driven, other = point.system.terminals
    into = -DISCHARGED_AT if driven == "+" else DISCHARGED_AT
    controls = {driven: current(into * point.system.area), other: voltage(float(point.voltages[1]))}
    return snapshot(solve_transient(point, [Step("discharge", controls, 300.0)], tolerance=Tolerance(1e-6)))
