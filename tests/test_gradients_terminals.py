"""Gradients along a line where terminals, links and laws between layers are the parameters: by the line's own equations
and by the circuit that they are read as, and against differences of Z by the sparse solver."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.inverse.gradients import gradients
from miecsim.physics.models import Model

FREQUENCY = np.array([2e-3, 0.7, 31.0, 4.1e3, 2.3e5])
CELLS = mx.Mesh(cells=9, grading=3.0)
V_T = thermal_voltage(298.15)
FLOOR = 0.05  # of |Z|/p: where rails share a large capacitive current, smaller derivatives lose digits to it


def layers(p: Mapping[str, float]) -> Model:
    """Laws across a seam on both rails, one with a series resistance and a constant phase element."""
    left = mx.CompositeLayer("a", 31e-6, p["ion"], 0.8, mx.ButlerVolmer(p["i0"], V_T, 0.37, 0.1), 2e5)
    right = mx.CompositeLayer("b", 57e-6, 0.04, p["eon"], mx.Lumped(R=0.03, C=0.2), 3e5)
    seams = (
        mx.Junction(("a", "b"), "ion", mx.Lumped(R=p["Rj"], Q=p["Qj"], alpha=p["alpha"], Rs=p["Rs"])),
        mx.Junction(("a", "b"), "electron", mx.Lumped(R=2e-4, C=p["Cj"])),
    )
    return mx.composite_electrode([left, right], junctions=seams)


def three_terminals(p: Mapping[str, float]) -> mx.System:
    """A third terminal beside the second, and a leak between the rails at the first."""
    terminals = (
        mx.Terminal("A", (mx.Contact("left", "ion", mx.Lumped(R=p["Rc"], C=0.7, Rs=1e-4)),)),
        mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()),)),
        mx.Terminal("C", (mx.Contact("right", "ion", mx.Lumped(R=3e-4, Q=p["Qc"], alpha=0.8)),)),
    )
    wiring = mx.Wiring(terminals, (mx.Link("left", ("electron", "ion"), mx.Lumped(R=p["Rl"], C=0.3)),))
    return mx.build_system(layers(p), wiring, area=2e-4, mesh=CELLS)


def tied_rails(p: Mapping[str, float]) -> mx.System:
    """A port without a name: the rails are tied together at the left, and terminals contact one each at the right."""
    terminals = (
        mx.Terminal("A", (mx.Contact("right", "ion", mx.Lumped(R=p["Rc"], C=0.7)),)),
        mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()),)),
    )
    wiring = mx.Wiring(terminals, (mx.Link("left", ("electron", "ion"), mx.Reversible()),))
    return mx.build_system(layers(p), wiring, area=2e-4, mesh=CELLS)


def stern(p: Mapping[str, float]) -> mx.System:
    """Charges 2 and -1, sites for the anions, Stern layers at both plates, and a cation that passes them."""
    ions = (mx.CarrierIn("cation", 2, 3.0, p["D+"]), mx.CarrierIn("anion", -1, 6.0, p["D-"], site_density=900.0))
    layer = mx.ChargedLayer("salt", 2.3e-7, ions, permittivity=p["eps"])
    plates = [mx.Contact(side, "potential", mx.Lumped(C=C)) for side, C in (("left", p["Cs"]), ("right", 0.3))]
    terminals = (
        mx.Terminal("A", (mx.Contact("left", "cation", mx.Lumped(R=p["R"], C=0.02)), plates[0])),
        mx.Terminal("B", (mx.Contact("right", "cation", mx.Reversible()), plates[1])),
    )
    mesh = mx.Mesh(cells=14, grading=8.0)
    return mx.build_system(mx.nernst_planck_poisson([layer]), mx.Wiring(terminals), mesh=mesh)


def dielectric(p: Mapping[str, float]) -> mx.System:
    """Two rails on that of the electric potential; ions blocked."""
    layer = mx.ConductorLayer("m", 3e-6, p["ion"], p["eon"], 0.0, p["c"], 2e7, permittivity=p["eps"])
    metal = [mx.Contact(side, "potential", mx.Reversible()) for side in ("left", "right")]
    terminals = (
        mx.Terminal("A", (mx.Contact("left", "electron", mx.Lumped(R=1e-5)), metal[0])),
        mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()), metal[1])),
    )
    return mx.build_system(mx.mixed_conductor([layer]), mx.Wiring(terminals), area=3e-5, mesh=CELLS)


def crossed(p: Mapping[str, float]) -> mx.System:
    layer = mx.ConductorLayer("m", 3e-6, p["ion"], p["eon"], 4e7, sigma_cross=p["cross"])
    return mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking"), area=3e-5, mesh=CELLS)


STACK = {
    **{"i0": 1.4, "ion": 0.05, "eon": 0.6, "Rj": 3e-4, "Qj": 0.4, "alpha": 0.87, "Rs": 7e-5},
    **{"Cj": 0.05, "Rc": 5e-4, "Qc": 0.6, "Rl": 2e-3},
}
SALT = {"D+": 3e-12, "D-": 8e-12, "eps": 4e-10, "R": 2e-4, "Cs": 0.11}
FAMILIES: dict[str, tuple[mx.Family, dict[str, float]]] = {
    "three terminals": (mx.Family(three_terminals), STACK),
    "three terminals under voltages": (mx.Family(three_terminals, lambda p: {"A": 0.09, "C": -0.03}), STACK),
    "three terminals under currents": (
        mx.Family(three_terminals, lambda p: {"B": 0.0}, lambda p: {"A": 3e-2, "C": 1e-3}),
        STACK,
    ),
    "tied rails": (mx.Family(tied_rails), {name: v for name, v in STACK.items() if name not in ("Qc", "Rl")}),
    "Stern layers": (mx.Family(stern), SALT),
    "Stern layers under bias": (mx.Family(stern, lambda p: {"A": 0.03}), SALT),
    "dielectric rail": (mx.Family(dielectric), {"ion": 1e-3, "eon": 0.02, "c": 3e7, "eps": 3e-10}),
    "cross conductivity": (mx.Family(crossed), {"ion": 1e-3, "eon": 0.02, "cross": -1.3e-3}),
}


@pytest.mark.parametrize("case", FAMILIES)
def test_line_and_circuit_agree(case: str) -> None:
    family, parameters = FAMILIES[case]
    line = gradients(family, parameters, FREQUENCY, method="line")
    circuit = gradients(lambda p: family(p), parameters, FREQUENCY, method="circuit")
    np.testing.assert_allclose(line.Z, circuit.Z, rtol=1e-9)
    size = np.maximum(np.abs(circuit.dZ), FLOOR * np.abs(circuit.Z / circuit.values[:, None]))
    assert np.max(np.abs(line.dZ - circuit.dZ) / size) < 1e-7


@pytest.mark.parametrize("case", ["three terminals under voltages", "Stern layers under bias"])
def test_the_line_gives_differences_of_the_spectrum(case: str) -> None:
    """Of the sixth order, by the sparse solver."""
    family, parameters = FAMILIES[case]
    found, h = gradients(family, parameters, FREQUENCY, method="line"), 3e-3
    for i, (name, value) in enumerate(parameters.items()):

        def Z(steps: int, name: str = name, value: float = value) -> np.ndarray:
            moved = family({**parameters, name: value * (1 + steps * h)})
            return mx.impedance(moved, FREQUENCY, method="sparse").Z

        slopes = [(Z(k) - Z(-k)) / (2 * k * h * value) for k in (1, 2, 3)]
        reference = 1.5 * slopes[0] - 0.6 * slopes[1] + 0.1 * slopes[2]
        size = np.maximum(np.abs(reference), FLOOR * np.abs(found.Z / value))
        assert np.max(np.abs(found.dZ[i] - reference) / size) < 1e-7, name
