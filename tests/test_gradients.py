"""Gradients of spectra by parameters against differences of Z, at rest and at bias, of every model; what they tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from porous_cells import SALT, ends, particles

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.errors import InputError
from miecsim.inverse.gradients import Build, gradients
from miecsim.inverse.identifiability import information
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.kinetics import Kinetics, MassAction

FREQUENCY = np.array([2e-3, 0.7, 31.0, 4.1e3, 2.3e5])
V_T = thermal_voltage(298.15)
CELLS = mx.Mesh(cells=9, grading=3.0)


def composite(p: Mapping[str, float]) -> mx.System:
    wall = mx.ButlerVolmer(p["i0"], V_T, 0.4, p["C"])
    layer = mx.CompositeLayer("cathode", p["L"], p["sigma_ion"], p["sigma_eon"], wall, 3e5)
    return mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), area=3e-5, mesh=CELLS)


COMPOSITE = {"i0": 1.7, "C": 0.13, "L": 71e-6, "sigma_ion": 0.021, "sigma_eon": 0.4}


def at_rest(p: Mapping[str, float]) -> mx.OperatingPoint:
    return mx.solve_steady(composite(p))


def under_voltage(p: Mapping[str, float]) -> mx.OperatingPoint:
    return mx.solve_steady(composite(p), {"A": p["E"]})


def under_current(p: Mapping[str, float]) -> mx.OperatingPoint:
    return mx.solve_steady(composite(p), currents={"A": 2.5e-3})


def constant_phase(p: Mapping[str, float]) -> mx.OperatingPoint:
    wall = mx.Lumped(R=p["R"], Q=p["Q"], alpha=p["alpha"], Rs=p["Rs"])
    layer = mx.CompositeLayer("cathode", 71e-6, p["sigma_ion"], 0.4, wall, 3e5)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("ion_blocking"), mesh=CELLS)
    return mx.solve_steady(system)


def salt(p: Mapping[str, float]) -> mx.OperatingPoint:
    """Nernst-Planck-Poisson between plates, one carrier passing, at a bias that depletes it."""
    ions = (mx.CarrierIn("cation", 1, 4.0, p["D+"]), mx.CarrierIn("anion", -1, 4.0, p["D-"]))
    layer = mx.ChargedLayer("salt", 3e-7, ions, permittivity=p["eps"])
    wiring = mx.metal_plates(("cation",))
    system = mx.build_system(mx.nernst_planck_poisson([layer]), wiring, mesh=mx.Mesh(cells=12, grading=8.0))
    return mx.solve_steady(system, {"A": 0.05})


def picture(p: Mapping[str, float]) -> mx.OperatingPoint:
    labels = np.random.default_rng(4).integers(0, 2, (7, 6))
    structure = Microstructure(labels, (1e-6, 1e-6), ("AM", "SE"))
    model = mx.mixed_conductor(
        [mx.phase("AM", sigma_eon=p["sigma_eon"]), mx.phase("SE", sigma_ion=p["sigma_ion"])],
        junctions=(mx.Junction(("AM", "SE"), "electron", mx.Lumped(R=p["R"], C=p["C"]), to="ion"),),
    )
    return mx.rest_point(mx.resolved_system(structure, model, mx.preset("battery")))


def half_cell(p: Mapping[str, float]) -> mx.OperatingPoint:
    """Insertion particles in a salt, at rest: radius, diffusion, kinetics, thickness."""
    host = mx.Host("oxide", 4.7e4, lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), p["D"])
    kinetics = Kinetics(MassAction(p["i0"], 1000.0, 0.4, 0.43), 0.43)
    one = particles("p", host, 0.42, radius=p["radius"], kinetics=kinetics)
    layers = [
        mx.PorousLayer("separator", 19e-6, SALT, 0.47, 0.47**1.5),
        mx.PorousLayer("cathode", p["L"], SALT, 0.35, p["transport"], 2.3, (one,)),
    ]
    wiring = ends(("+", "right", "electron", mx.Reversible()), ("-", "left", "ion", mx.Lumped(R=7e-4, C=0.2)))
    return mx.rest_point(mx.build_system(mx.porous_cell(layers, temperature=309.0), wiring, mesh=mx.Mesh(cells=4)))


CASES: dict[str, tuple[Build, dict[str, float]]] = {
    "composite at rest": (at_rest, COMPOSITE),
    "composite under voltage": (under_voltage, {**COMPOSITE, "E": 0.11}),
    "composite under current": (under_current, COMPOSITE),
    "constant phase": (constant_phase, {"R": 0.02, "Q": 0.09, "alpha": 0.83, "Rs": 0.003, "sigma_ion": 0.02}),
    "salt under bias": (salt, {"D+": 3e-12, "D-": 7e-12, "eps": 3e-10}),
    "half cell": (half_cell, {"D": 2.1e-14, "i0": 1.6, "radius": 2.6e-6, "L": 63e-6, "transport": 0.21}),
    "picture": (picture, {"sigma_eon": 1.9, "sigma_ion": 0.3, "R": 0.01, "C": 0.2}),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_differences_of_the_spectrum(case: str) -> None:
    """Against the spectrum itself by other code, differences of the sixth order."""
    build, parameters = CASES[case]
    found = gradients(build, parameters, FREQUENCY)
    Z = mx.impedance(build(parameters), FREQUENCY, method="sparse").Z
    np.testing.assert_allclose(found.Z, Z, rtol=1e-9)
    for i, (name, value) in enumerate(parameters.items()):
        h = 4e-3 * value
        moved = [
            mx.impedance(build({**parameters, name: value + k * h}), FREQUENCY, method="sparse").Z
            for k in (1, -1, 2, -2, 3, -3)
        ]
        slopes = [(moved[2 * k] - moved[2 * k + 1]) / (2 * h * (k + 1)) for k in range(3)]
        reference = 1.5 * slopes[0] - 0.6 * slopes[1] + 0.1 * slopes[2]
        size = np.maximum(np.abs(reference), 1e-3 * np.abs(Z) / value)
        assert np.max(np.abs(found.dZ[i] - reference) / size) < 1e-7, name


@pytest.mark.parametrize("case", [name for name in CASES if name not in ("half cell", "picture")])
@pytest.mark.parametrize("compiled", [False, True])
def test_line_plain_or_compiled_and_circuit_give_the_same(case: str, compiled: bool) -> None:
    """Two derivations: of the finite-volume equations along a line, and of the circuit that they are read as."""
    build, parameters = CASES[case]
    line = gradients(build, parameters, FREQUENCY, method="line", compiled=compiled)
    circuit = gradients(build, parameters, FREQUENCY, method="circuit")
    np.testing.assert_allclose(line.Z, circuit.Z, rtol=1e-9)
    size = np.maximum(np.abs(circuit.dZ), 1e-3 * np.abs(circuit.Z) / circuit.values[:, None])
    assert np.max(np.abs(line.dZ - circuit.dZ) / size) < 5e-9


def salt_system(p: Mapping[str, float]) -> mx.System:
    return salt(p).system


def half_cell_system(p: Mapping[str, float]) -> mx.System:
    return half_cell(p).system


def picture_system(p: Mapping[str, float]) -> mx.System:
    return picture(p).system


def doped(p: Mapping[str, float]) -> mx.System:
    """Two electroneutral layers whose reference state depends on the parameters, blocking at one end: inventories."""
    layers = []
    for name, thickness in (("one", 2e-6), ("two", 3e-6)):
        ion = mx.CarrierIn("vacancy", 2, p["c"], p["D"], thermodynamic_factor=1.3)
        electron = mx.CarrierIn("electron", -1, p["n"] * (1 if name == "one" else 2), 3e-9)
        layers.append(mx.ChargedLayer(name, thickness, (ion, electron)))
    right = mx.Terminal("B", (mx.Contact("right", "electron", mx.Lumped(R=1e-4)),))
    left = mx.Terminal("A", (mx.Contact("left", "electron", mx.Reversible()),))
    return mx.build_system(mx.mixed_conductor(layers), mx.Wiring((left, right)), mesh=CELLS)


def flat(p: Mapping[str, float]) -> mx.System:
    """A Butler-Volmer composite in two dimensions: no line."""
    wall = mx.ButlerVolmer(p["i0"], V_T, 0.4, p["C"])
    layer = mx.CompositeLayer("cathode", 71e-6, p["sigma_ion"], 0.4, wall, 3e5)
    mesh = mx.Mesh(cells=5, dimension=2, lateral_cells=2)
    return mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), mesh=mesh)


FAMILIES: dict[str, tuple[mx.Family, dict[str, float]]] = {
    "composite at rest": (mx.Family(composite), COMPOSITE),
    "composite under voltage": (mx.Family(composite, lambda p: {"A": p["E"]}), {**COMPOSITE, "E": 0.11}),
    "composite under current": (mx.Family(composite, currents=lambda p: {"A": 2.5e-3}), COMPOSITE),
    "salt under bias": (mx.Family(salt_system, lambda p: {"A": 0.05}), CASES["salt under bias"][1]),
    "half cell": (mx.Family(half_cell_system), CASES["half cell"][1]),
    "picture": (mx.Family(picture_system), CASES["picture"][1]),
    "plane under voltage": (
        mx.Family(flat, lambda p: {"A": p["E"]}),
        {"i0": 1.7, "C": 0.13, "sigma_ion": 0.021, "E": 0.11},
    ),
    "inventory under bias": (
        mx.Family(doped, lambda p: {"A": p["E"]}),
        {"c": 700.0, "D": 2e-11, "n": 9.0, "E": 0.03},
    ),
}


@pytest.mark.parametrize("case", FAMILIES)
def test_a_family_needs_no_second_state(case: str) -> None:
    """Slopes of the state by the implicit function, several parameters moved at once: as if each were solved anew."""
    family, parameters = FAMILIES[case]
    found = gradients(family, parameters, FREQUENCY)
    solved = gradients(lambda p: family(p), parameters, FREQUENCY)
    np.testing.assert_allclose(found.Z, solved.Z, rtol=1e-12)
    size = np.maximum(np.abs(solved.dZ), 1e-3 * np.abs(solved.Z / solved.values[:, None]))
    assert np.max(np.abs(found.dZ - solved.dZ) / size) < 5e-8  # what the states that were solved anew are known to


def test_parameters_that_share_no_equation_are_moved_together() -> None:
    family = mx.Family(composite)
    gradients(family, COMPOSITE, FREQUENCY[:1])
    (colours,) = family.kept.values()
    assert colours.groups == (("i0", "C", "sigma_ion", "sigma_eon"), ("L",))


def test_scaling_of_a_spectrum_is_in_its_gradients() -> None:
    """Z of rails and an interface of degree -1 in all conductances and capacitances over w: Euler's theorem."""
    parameters = {"sigma_eon": 1.9, "sigma_ion": 0.3, "R": 0.01, "C": 0.2}
    found = gradients(picture, parameters, FREQUENCY).relative
    total = found[0] + found[1] - found[2] + found[3]
    np.testing.assert_allclose(total, -1.0, rtol=1e-9)


def blocking(cell: str) -> Build:
    def build(p: Mapping[str, float]) -> mx.OperatingPoint:
        wall = mx.Lumped(Q=p["Q"], alpha=p["alpha"])
        layer = mx.CompositeLayer("composite", 470e-6, p["sigma_ion"], p["sigma_eon"], wall, 5e5)
        model = mx.composite_electrode([layer])
        return mx.solve_steady(mx.build_system(model, mx.preset(cell), area=0.785e-4, mesh=mx.Mesh(cells=30)))

    return build


def test_the_second_blocking_cell_tells_what_one_cannot() -> None:
    """With one cell, at frequencies where its rail alone shows, the other rail is open; with both each is known."""
    parameters = {"sigma_ion": 0.0166, "sigma_eon": 0.056, "Q": 0.02, "alpha": 0.85}
    low = np.logspace(-4, -2.5, 8)
    ion, electron = (gradients(blocking(cell), parameters, low) for cell in ("ion_blocking", "electron_blocking"))
    one, both = information([ion]), information([ion, electron])
    assert "sigma_ion" not in one.identified and "sigma_eon" in one.identified
    assert set(both.identified) >= {"sigma_ion", "sigma_eon"}
    assert both.error[0] < 0.01 < one.error[0]
    assert any("sigma_ion" in words for words in one.open_combinations())
    wide = information([gradients(blocking("ion_blocking"), parameters, np.logspace(-4, 6, 60))])
    assert set(wide.identified) == set(parameters)


def test_information_is_the_spread_of_fits() -> None:
    """Least squares on noisy spectra, linear about the truth: the spread of many is what the information says."""
    parameters = {"sigma_ion": 0.0166, "sigma_eon": 0.056, "Q": 0.02, "alpha": 0.85}
    one = gradients(blocking("ion_blocking"), parameters, np.logspace(-3, 5, 30))
    expected = information([one], noise=0.004)
    g = (one.values[:, None] * one.dZ / np.abs(one.Z)).T
    rows = np.vstack([g.real, g.imag])
    rng = np.random.default_rng(2)
    fits = np.array([np.linalg.lstsq(rows, 0.004 * rng.standard_normal(60), rcond=None)[0] for _ in range(2000)])
    np.testing.assert_allclose(fits.std(axis=0), expected.error, rtol=0.06)
    np.testing.assert_allclose(np.corrcoef(fits.T), expected.correlation, atol=0.06)


def test_what_cannot_be_asked_is_one_line() -> None:
    def own_grid(p: Mapping[str, float]) -> mx.OperatingPoint:
        layer = mx.CompositeLayer("cathode", 71e-6, p["sigma_ion"], 0.4, mx.Lumped(R=0.02, C=0.1), 3e5)
        cells = 5 if p["sigma_ion"] > 0.02 else 6
        mesh = mx.Mesh(cells=cells)
        return mx.solve_steady(mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), mesh=mesh))

    with pytest.raises(InputError, match="a small change of a parameter changes which equations"):
        gradients(own_grid, {"sigma_ion": 0.02}, FREQUENCY[:1])
    found = gradients(at_rest, COMPOSITE, FREQUENCY[:1])
    other = gradients(at_rest, {**COMPOSITE, "C": 0.2}, FREQUENCY[:1])
    with pytest.raises(InputError, match=r"C is 0\.2 in one spectrum and 0\.13 in another"):
        information([found, other])
