"""Exact properties of the discretisation: flat potentials, Kirchhoff, reciprocity, passivity, and the two ways to
zero frequency."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.solvers import impedance as module
from miecsim.system import System, rest_state, unreplaced_balance

PASSIVE = [
    name for name in systems.ALL if name != "cross"
]  # a user's sqrt(i w) is passive too, but has no slope at w = 0
FREQUENCY = np.logspace(-6, 8, 15)


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", list(systems.ALL))
def test_flat_potentials_drive_nothing(name: str, dimension: int) -> None:
    """All Phi shifted by one voltage together with all terminals: every balance stays at round-off."""
    system = systems.ALL[name](dimension)
    u, shift = rest_state(system), 0.1234
    for k, carrier in enumerate(system.laws.state_map.carriers):
        if not carrier.stored:
            u[k] += shift
    if system.laws.state_map.has_phi:
        u[-1] += shift
    rows = unreplaced_balance(system, u, np.full(system.n_ports, shift))
    moved = u.copy()  # every other node twice as dense, or a thermal voltage higher: what could be driven
    for k, carrier in enumerate(system.laws.state_map.carriers):
        moved[k, ::2] = moved[k, ::2] * 2.0 if carrier.stored else moved[k, ::2] + systems.V_T
    if system.laws.state_map.has_phi:
        moved[-1, ::2] += systems.V_T
    scale = np.abs(unreplaced_balance(system, moved, np.full(system.n_ports, shift))).max(axis=1)
    assert np.all(np.abs(rows).max(axis=1) <= 1e-14 * scale)


def test_fluxes_vanish_where_concentrations_differ_but_potentials_do_not() -> None:
    """Scharfetter-Gummel in its consistent form: an equilibrium profile in a steep field carries no current, to the
    last bits."""
    system = systems.poisson(1)
    state_map = system.laws.state_map
    u = rest_state(system)
    u[-1] = np.linspace(0, 12 * systems.V_T, u.shape[1])
    for k, carrier in enumerate(state_map.carriers):
        # c gamma exp(z psi) constant: solve for c by bisection on the law itself
        nodes = np.arange(u.shape[1])
        low, high = np.full(u.shape[1], 1e-12), np.full(u.shape[1], 6.999 if k == 0 else 1e9)
        for _ in range(200):
            u[k] = np.sqrt(low * high)
            above = carrier.charge * state_map.at(u, nodes).Phi[k] > 0
            low, high = np.where(above, low, u[k]), np.where(above, u[k], high)
    nodes = system.nodes
    for transport, faces in system.laws.transports:
        left, right = nodes.left[faces], nodes.right[faces]
        if transport.process == "displacement":
            continue
        current = transport.current(state_map.at(u[:, left], left), state_map.at(u[:, right], right))
        k = transport.rows[0]
        # one-way current of the same face: conductance times a thermal voltage
        one_way = 96485.0 * transport.conductance * np.maximum(u[k, left], u[k, right])
        assert np.all(np.abs(current[0]) <= 1e-12 * one_way)


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", list(systems.ALL))
def test_terminal_currents_sum_to_zero(name: str, dimension: int) -> None:
    """At bias, from the nonlinear state: each terminal's current is summed from its own contacts."""
    system = systems.ALL[name](dimension)
    point = mx.solve_steady(system, {"A": 0.13})
    assert abs(point.currents.sum()) <= 1e-12 * np.abs(point.currents).max()


@pytest.mark.parametrize("name", PASSIVE)
@pytest.mark.parametrize("bias", [0.0, 0.11])
def test_zero_frequency_is_the_slope_of_the_steady_state(name: str, bias: float) -> None:
    """Z(w -> 0), the DC slope by the linearised equations, and a six-point difference of the nonlinear solve."""
    system = systems.ALL[name](1)
    point = mx.solve_steady(system, {"A": bias})
    h, slope = 1e-3, 0.0
    for k, weight in ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60)):
        for sign in (1, -1):
            current = mx.solve_steady(system, {"A": bias + sign * k * h}, start=point.u).currents[1]
            slope -= sign * weight * current / h
    dc = mx.dc_admittance(point)
    assert -dc[1, 0] == pytest.approx(slope, rel=1e-8)
    omega_min = np.array([1e-9])
    assert (1 / mx.impedance(point, omega_min).Z[0]).real == pytest.approx(slope, rel=1e-8)


def _three_terminals(model: mx.System, planes: tuple[mx.ReferencePlane, ...] = ()) -> System:
    """Ions in at the left, ions out at the right, electrons at the right: three named terminals."""
    contacts = [("ion_left", "left", "ion"), ("ion_right", "right", "ion"), ("electron", "right", "electron")]
    terminals = tuple(
        mx.Terminal(name, (mx.Contact(side, carrier, mx.Lumped(R=2e-4 * (1 + i), C=0.03)),))
        for i, (name, side, carrier) in enumerate(contacts)
    )
    return mx.build_system(
        model, mx.Wiring(terminals, (), planes), area=systems.AREA, mesh=mx.Mesh(cells=40, grading=5.0)
    )


def _line() -> mx.System:
    layer = mx.CompositeLayer("electrode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03, Q=0.2, alpha=0.8), 3e5)
    return mx.composite_electrode([layer])


@pytest.mark.parametrize("method", ["plain", "compiled", "sparse"])
def test_admittance_is_symmetric_at_equilibrium(method: str) -> None:
    system = _three_terminals(_line())
    spectrum = mx.impedance(mx.solve_steady(system), FREQUENCY, method=method)
    asymmetry = np.abs(spectrum.Y - spectrum.Y.transpose(0, 2, 1)).max(axis=(1, 2))
    assert np.all(asymmetry <= 1e-12 * np.abs(spectrum.Y).max(axis=(1, 2)))
    assert np.all(np.abs(spectrum.Y.sum(axis=1)) <= 1e-12 * np.abs(spectrum.Y).max(axis=(1, 2))[:, None])


def test_row_and_column_sums_come_from_independent_readings() -> None:
    """Each driven column is read at the other terminals only; the last terminal, never driven, must still close
    Kirchhoff's law when it is driven instead."""
    system = _three_terminals(_line())
    point = mx.solve_steady(system)
    blocks = point.small_signal.blocks
    omega = 2 * np.pi * FREQUENCY
    line = module.line_solver.prepare(blocks, omega, [0, 1, 2])
    Y = module.line_solver.port_response(line, [0, 1, 2], compiled=False)
    size = np.abs(Y).max(axis=(1, 2))
    assert np.all(np.abs(Y.sum(axis=1)) <= 1e-12 * size[:, None])  # currents of one excitation
    assert np.all(np.abs(Y.sum(axis=2)) <= 1e-12 * size[:, None])  # one current under equal voltages


@pytest.mark.parametrize("name", PASSIVE)
def test_passive_spectra_have_positive_real_part(name: str) -> None:
    spectrum = mx.impedance(mx.solve_steady(systems.ALL[name](1)), FREQUENCY)
    assert np.all(spectrum.Z.real > 0)


def test_two_terminal_impedance_is_an_entry_of_the_matrix() -> None:
    system = _three_terminals(_line())
    spectrum = mx.impedance(mx.solve_steady(system), FREQUENCY)
    matrix = spectrum.matrix("electron")
    np.testing.assert_allclose(spectrum.between("ion_left", "electron"), matrix[:, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(
        spectrum.between("ion_left", "ion_right"),
        matrix[:, 0, 0] + matrix[:, 1, 1] - matrix[:, 0, 1] - matrix[:, 1, 0],
        rtol=1e-9,
    )


def test_reference_plane_splits_the_impedance() -> None:
    """In the separator the ion rail is a plain resistor: the plane at a fraction of it divides Z by exactly that
    resistance."""
    L, sigma = 210e-6, 0.31
    layers = [
        mx.CompositeLayer("separator", L, sigma),
        mx.CompositeLayer("cathode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03, Q=0.2, alpha=0.8), 3e5),
    ]
    planes = (mx.ReferencePlane("near", 0.27 * L, "ion"), mx.ReferencePlane("end", 0.73 * L, "ion"))
    wiring = mx.Wiring(mx.preset("battery").terminals, (), planes)
    system = mx.build_system(mx.composite_electrode(layers), wiring, area=systems.AREA)
    spectrum = mx.impedance(mx.solve_steady(system), np.logspace(-2, 5, 9))
    R = L / (sigma * systems.AREA)
    np.testing.assert_allclose(spectrum.Z - spectrum.plane("near"), 0.27 * R, rtol=1e-9)
    np.testing.assert_allclose(spectrum.plane("near") - spectrum.plane("end"), 0.46 * R, rtol=1e-9)


def test_reversible_link_equals_its_resistive_limit() -> None:
    layer = mx.CompositeLayer("electrode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03, Q=0.2, alpha=0.8), 3e5)
    Z = []
    for law in (mx.Reversible(), mx.Lumped(R=1e-11)):
        wiring = mx.Wiring(mx.preset("both_rails_left").terminals, (mx.Link("right", ("electron", "ion"), law),))
        system = mx.build_system(mx.composite_electrode([layer]), wiring, area=systems.AREA, mesh=mx.Mesh(cells=60))
        Z.append(mx.impedance(mx.solve_steady(system), FREQUENCY[:10]).Z)
    np.testing.assert_allclose(Z[0], Z[1], rtol=1e-8)  # 1e-11 ohm m2 of 2e-3 in series


def test_a_link_that_drowns_the_line_costs_no_digits_silently() -> None:
    """A link 1e11 times better than the cell beside it: the elimination along the line refuses it, the default goes
    another way."""
    layer = mx.CompositeLayer("electrode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03), 3e5)
    points = []
    for law in (mx.Reversible(), mx.Lumped(R=1e-17)):
        wiring = mx.Wiring(mx.preset("both_rails_left").terminals, (mx.Link("right", ("electron", "ion"), law),))
        system = mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mx.Mesh(cells=60))
        points.append(mx.solve_steady(system))
    ideal, nearly = (mx.impedance(point, FREQUENCY[:9]).Z for point in points)
    np.testing.assert_allclose(nearly, ideal, rtol=1e-9)
    with pytest.raises(mx.SolveError, match="reversible"):
        mx.impedance(points[1], FREQUENCY[:3], method="plain")


def test_impedance_refuses_what_is_not_an_operating_point() -> None:
    system = systems.composite(1)
    with pytest.raises(mx.InputError, match="operating point"):
        mx.impedance(system, FREQUENCY)  # type: ignore[arg-type]
    point = mx.solve_steady(system)
    for bad in ([0.0], [-1.0], [np.nan], []):
        with pytest.raises(mx.InputError, match="frequency"):
            mx.impedance(point, np.array(bad))
