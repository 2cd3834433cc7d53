"""Z divided among its elements: exactly, in any grouping, and equal to the derivatives that it claims to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.circuit import tlm
from miecsim.circuit.attribution import attribute, sensitivity
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance
from miecsim.solvers.steady import OperatingPoint

FREQUENCY = np.logspace(-4, 6, 11)
EVERY = [(name, d, bias) for name in systems.ALL for d in (1, 2) for bias in (0.0, 0.11)]


def netlist(name: str, dimension: int, bias: float) -> tuple[OperatingPoint, Netlist]:
    point = mx.solve_steady(systems.ALL[name](dimension), {"A": bias})
    return point, netlist_of(point)


@pytest.mark.parametrize(("name", "dimension", "bias"), EVERY)
def test_parts_add_up_to_the_spectrum(name: str, dimension: int, bias: float) -> None:
    """Against Z of the finite volumes, which knows nothing of the netlist; by element, process, layer and cell."""
    point, circuit = netlist(name, dimension, bias)
    parts = attribute(circuit, FREQUENCY)
    np.testing.assert_allclose(parts.total, parts.Z, rtol=1e-12)
    np.testing.assert_allclose(parts.total, mx.impedance(point, FREQUENCY).Z, rtol=1e-10)
    edges = np.linspace(0, circuit.extent[1], 6)
    for split in (parts.by_process(), parts.by_layer(), parts.by_process_and_layer()):
        np.testing.assert_allclose(sum(split.values()), parts.Z, rtol=1e-12)
    np.testing.assert_allclose(sum(p.sum(axis=1) for p in parts.along(edges).values()), parts.Z, rtol=1e-12)


def by_circle(f: Callable[[complex], np.ndarray], radius: float = 1e-2, points: int = 6) -> np.ndarray:
    """df/dh at h = 0 of an analytic f by Cauchy's integral on a small circle: the complex step for a complex f."""
    turn = np.exp(2j * np.pi * np.arange(points) / points)
    return sum(f(radius * t) / t for t in turn) / (points * radius)


def scaled(circuit: Netlist, i: int, index: int, h: complex) -> Netlist:
    """The netlist with the impedance of one element multiplied by exp(h)."""
    group = circuit.elements[i]
    value = group.value.astype(complex)
    value[index] *= np.exp(h if group.kind == "G" else -h)
    changed = replace(group, value=value)
    return replace(circuit, elements=(*circuit.elements[:i], changed, *circuit.elements[i + 1 :]))


SOME = [(name, 1, bias) for name in systems.ALL for bias in (0.0, 0.11)] + [("neutral", 2, 0.11)]


@pytest.mark.parametrize(("name", "dimension", "bias"), SOME)
def test_sensitivities_are_the_derivatives(name: str, dimension: int, bias: float) -> None:
    """One element of every group, at rest and at bias, against differentiation in the complex plane."""
    _, circuit = netlist(name, dimension, bias)
    f = np.array([7.0, 2e4])
    exact, Z = sensitivity(circuit, f), netlist_impedance(circuit, f)
    rng = np.random.default_rng(3)
    for i, group in enumerate(circuit.elements):
        index = int(rng.integers(group.n))
        slope = by_circle(lambda h, i=i, index=index: netlist_impedance(scaled(circuit, i, index, h), f))
        sign = -1.0 if group.kind == "G" else 1.0
        assert np.all(np.abs(sign * exact[i][:, index] - slope) <= 1e-8 * np.abs(slope) + 1e-12 * np.abs(Z))
    if circuit.reciprocal:
        for part, slope in zip(attribute(circuit, f).parts, exact, strict=True):
            np.testing.assert_array_equal(part, slope)


def test_parts_of_a_line_are_the_derivatives_of_its_formula() -> None:
    """Ion transport = dZ/d ln z1, electron transport = dZ/d ln z2, interface = dZ/d ln z_f of the closed form of N
    cells."""
    s1, s2, a_v, cells, L, A = 0.031, 0.47, 2.7e5, 23, systems.LENGTH, systems.AREA
    layer = mx.CompositeLayer("electrode", L, s1, s2, mx.Lumped(R=0.021, Q=0.17, alpha=0.83), a_v)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), area=A, mesh=mx.Mesh(cells=cells))
    parts = attribute(netlist_of(mx.solve_steady(system)), FREQUENCY).by_process()
    w = 2 * np.pi * FREQUENCY
    z1, z2 = 1 / (s1 * A), 1 / (s2 * A)
    y_R, y_Q = A * a_v / 0.021, A * a_v * 0.17 * (1j * w) ** 0.83

    def formula(h1: complex = 0, h2: complex = 0, hR: complex = 0, hQ: complex = 0) -> np.ndarray:
        z_f = 1 / (y_R * np.exp(-hR) + y_Q * np.exp(-hQ))
        line = tlm.ladder_admittance(z1 * np.exp(h1), z2 * np.exp(h2), z_f, L, cells)
        return tlm.two_terminal(tlm.terminate(line, [(0, 0, "left", 0), (1, 1, "right", 0)]))

    Z = formula()
    for name, slope in (
        ("ion transport", by_circle(lambda h: formula(h1=h))),
        ("electron transport", by_circle(lambda h: formula(h2=h))),
        ("charge transfer", by_circle(lambda h: formula(hR=h))),
        ("interface capacitance", by_circle(lambda h: formula(hQ=h))),
    ):
        assert np.all(np.abs(parts[name] - slope) <= 1e-11 * np.abs(Z)), name


def test_a_separator_owns_its_resistance_at_every_frequency() -> None:
    L, sigma = 210e-6, 0.31
    layers = [
        mx.CompositeLayer("separator", L, sigma),
        mx.CompositeLayer("cathode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03, C=0.2), 3e5),
    ]
    wiring = systems.wires(
        ("A", mx.Contact("left", "ion", mx.Lumped(R=0.004))), ("B", mx.Contact("right", "electron", mx.Reversible()))
    )
    system = mx.build_system(mx.composite_electrode(layers), wiring, mesh=mx.Mesh(cells=8))
    parts = attribute(netlist_of(mx.solve_steady(system)), FREQUENCY)
    layers_of = parts.by_layer()
    assert list(layers_of) == ["separator", "cathode", "terminals"]
    np.testing.assert_allclose(layers_of["separator"], L / sigma, rtol=1e-12)
    np.testing.assert_allclose(layers_of["terminals"], 0.004, rtol=1e-12)
    np.testing.assert_allclose(parts.by_process_and_layer()["ion transport", "separator"], L / sigma, rtol=1e-12)


def test_where_the_current_crosses_over() -> None:
    """Blocking double layer, high frequency: current leaves the ion rail at once if the electron rail is better, so the
    ion part sits in the first cells, and the slow rail's part is negative where a larger slow resistance would turn
    current to the fast one."""
    layer = mx.CompositeLayer("electrode", systems.LENGTH, 0.013, 0.41, mx.Lumped(C=0.2), 3e5)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("electron_blocking"), mesh=mx.Mesh(cells=60))
    circuit = netlist_of(mx.solve_steady(system))
    low, high = 1e-3, 3e3
    parts = attribute(circuit, np.array([low, high]))
    R_ion = systems.LENGTH / 0.013
    np.testing.assert_allclose(parts.by_process()["ion transport"][0], R_ion, rtol=1e-3)
    along = parts.along(np.linspace(0, systems.LENGTH, 11))["ion transport"].real
    np.testing.assert_allclose(along[0], R_ion / 10, rtol=1e-2)  # the same everywhere
    assert along[1, 0] > 5 * along[1, 4]  # only near the ends
    assert parts.dominant()[0] == "ion transport"


def test_edges_are_checked() -> None:
    _, circuit = netlist("cross", 1, 0.0)
    parts = attribute(circuit, FREQUENCY[:1])
    for edges in (np.array([0.0]), np.array([0.0, circuit.extent[1] / 2]), np.array([circuit.extent[1], 0.0])):
        with pytest.raises(mx.InputError, match="edges"):
            parts.along(edges)
