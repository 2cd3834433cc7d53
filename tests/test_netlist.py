"""The circuit is the discretisation: entry by entry, by its solution, by its signs and by its number of sources."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.blocks import Blocks
from miecsim.circuit import tlm
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance, nodal_admittance, solve
from miecsim.constants import FARADAY
from miecsim.linearise import linearise
from miecsim.physics.fluxes import Drift
from miecsim.physics.storage import SpaceCharge
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System

FREQUENCY = np.logspace(-3, 5, 9)
EVERY = [(name, d, bias) for name in systems.ALL for d in (1, 2) for bias in (0.0, 0.11)]
every_point = pytest.mark.parametrize(("name", "dimension", "bias"), EVERY)


def point_of(name: str, dimension: int, bias: float) -> OperatingPoint:
    return mx.solve_steady(systems.ALL[name](dimension), {"A": bias})


# --- the finite-volume matrix, assembled here from the blocks without any solver ------------------


def volume_matrix(blocks: Blocks, omega: float) -> np.ndarray:
    """Rows: every balance (none replaced), then the current into the cell from each port; columns: every unknown, every
    port."""
    n, m, p = blocks.n_nodes, blocks.n_fields, blocks.n_ports
    w, size = np.array([omega]), n * m
    Y = np.zeros((size + p, size + p), dtype=complex)

    def at(node: int) -> slice:
        return slice(node * m, node * m + m)

    K_left, K_right = blocks.K_left.astype(complex), blocks.K_right.astype(complex)
    for j in blocks.junctions:
        y = 0.0 if j.law is None else j.law(w)[0]
        K_left[j.faces] += 1j * omega * j.left_c + y * j.left_e
        K_right[j.faces] += 1j * omega * j.right_c + y * j.right_e
    for f, (a, b) in enumerate(zip(blocks.left, blocks.right, strict=True)):
        for row, sign in ((a, 1.0), (b, -1.0)):
            Y[at(row), at(a)] += sign * K_left[f]
            Y[at(row), at(b)] -= sign * K_right[f]
    for node in range(n):
        Y[at(node), at(node)] += blocks.S_g[node] + 1j * omega * blocks.S_c[node]
    for extra in blocks.extras:
        for i, node in enumerate(extra.nodes):
            Y[at(node), at(node)] += extra.law(w)[0] * extra.matrix[i]
    for c in blocks.contacts:
        if c.strong:
            continue
        y = c.admittance(w)[0]
        for i, node in enumerate(c.nodes):
            outward = 1j * omega if c.charge_row else 1.0
            Y[node * m + c.row, at(node)] += y[i] * c.t[i]
            Y[node * m + c.row, size + c.port] -= y[i]
            Y[size + c.port, at(node)] -= outward * y[i] * c.t[i]
            Y[size + c.port, size + c.port] += outward * y[i]
    return Y


def in_potentials(system: System, blocks: Blocks, omega: float) -> tuple[np.ndarray, np.ndarray]:
    """`volume_matrix` with potentials as columns and the rows of phi as currents (i w times a charge); and the sums of
    magnitudes, to which the change of basis is accurate."""
    n, m, p = blocks.n_nodes, blocks.n_fields, blocks.n_ports
    change = np.eye(n * m + p)
    for node, block in enumerate(np.linalg.inv(blocks.regular_potential())):
        change[node * m : node * m + m, node * m : node * m + m] = block
    Y = volume_matrix(blocks, omega)
    Y, size = Y @ change, np.abs(Y) @ np.abs(change)
    if blocks.has_phi:
        factor = np.ones(n, dtype=complex)
        for store in system.laws.stores:
            if isinstance(store, SpaceCharge):
                volume = system.nodes.volume[store.nodes]
                factor[store.nodes] = np.where(volume > 0, volume / store.measure, 1.0)
        Y[m - 1 : n * m : m] *= 1j * omega * factor[:, None]
        size[m - 1 : n * m : m] *= omega * np.abs(factor)[:, None]
    return Y, size


def circuit_nodes(system: System, netlist: Netlist) -> np.ndarray:
    """(N m + P, n_circuit) of zeros and ones: which circuit node each potential and port is."""
    n, m, p = system.nodes.n, system.n_fields, system.n_ports
    T = np.zeros((n * m + p, netlist.n_nodes))
    T[n * m + np.arange(p), np.arange(p)] = 1
    for node in range(p, netlist.n_nodes):
        T[netlist.node_place[node] * m + netlist.node_rail[node], node] = 1
    for port in system.strong():
        T[port.nodes * m + port.row, port.port] = 1
    return T


@every_point
def test_nodal_admittance_is_the_finite_volume_matrix(name: str, dimension: int, bias: float) -> None:
    point = point_of(name, dimension, bias)
    netlist = netlist_of(point)
    blocks = linearise(point.system, point.u, point.voltages)
    T = circuit_nodes(point.system, netlist)
    for omega in (1e-2, 31.0, 1e6):
        volumes, size = (T.T @ matrix @ T for matrix in in_potentials(point.system, blocks, omega))
        circuit = nodal_admittance(netlist, omega).toarray()
        for group in netlist.elements:  # a divider's row is a constraint: its size is free
            if group.process == "electroneutrality":
                rows = np.unique(group.plus)
                size[rows] /= np.abs(volumes[rows, rows])[:, None]
                volumes[rows] /= volumes[rows, rows][:, None]
                circuit[rows] /= circuit[rows, rows][:, None]
        assert np.all(np.abs(circuit - volumes) <= 1e-12 * np.abs(volumes) + 1e-15 * size)


@every_point
def test_spectrum_and_potentials_by_nodal_analysis(name: str, dimension: int, bias: float) -> None:
    point = point_of(name, dimension, bias)
    netlist = netlist_of(point)
    response = solve(netlist, FREQUENCY)
    np.testing.assert_allclose(response.Z, mx.impedance(point, FREQUENCY).Z, rtol=1e-10)
    along = mx.amplitudes(point, FREQUENCY).potential
    inner = np.flatnonzero(netlist.node_rail >= 0)
    volts = response.voltage[:, inner] / response.Z[:, None]
    np.testing.assert_allclose(volts, along[:, netlist.node_place[inner], netlist.node_rail[inner]], atol=1e-10)


def test_three_terminals_and_a_tie() -> None:
    """Z between any two terminals with the third open, and a rail end closed by a reversible link."""
    layer = mx.CompositeLayer("electrode", systems.LENGTH, 0.013, 0.41, mx.Lumped(R=0.03, Q=0.2, alpha=0.8), 3e5)
    wiring = systems.wires(
        ("one", mx.Contact("left", "ion", mx.Reversible())),
        ("two", mx.Contact("left", "electron", mx.Lumped(R=1e-5))),
        ("three", mx.Contact("right", "electron", mx.Lumped(R=2e-4, C=0.1))),
        links=(mx.Link("right", ("ion", "electron"), mx.Lumped(C=0.3)),),
    )
    point = mx.solve_steady(mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mx.Mesh(cells=9)))
    netlist, spectrum = netlist_of(point), mx.impedance(point, FREQUENCY)
    for pair in (("one", "two"), ("one", "three"), ("three", "two")):
        np.testing.assert_allclose(netlist_impedance(netlist, FREQUENCY, pair), spectrum.between(*pair), rtol=1e-10)
    with pytest.raises(mx.InputError, match="one, two, three"):
        netlist.terminal("four")
    with pytest.raises(mx.InputError, match="twice"):
        netlist_impedance(netlist, FREQUENCY, ("one", "one"))
    with pytest.raises(mx.InputError, match="positive"):
        netlist_impedance(netlist, np.array([0.0]))
    tied = mx.Wiring(mx.preset("both_rails_left").terminals, (mx.Link("right", ("electron", "ion"), mx.Reversible()),))
    point = mx.solve_steady(mx.build_system(mx.composite_electrode([layer]), tied, mesh=mx.Mesh(cells=9)))
    netlist = netlist_of(point)
    assert netlist.name(2) == "tie_2"
    np.testing.assert_allclose(netlist_impedance(netlist, FREQUENCY), mx.impedance(point, FREQUENCY).Z, rtol=1e-10)


@pytest.mark.parametrize("configuration", ["ion_blocking", "electron_blocking", "battery", "both_rails_left"])
def test_netlist_is_the_ladder_of_circuit_theory(configuration: str) -> None:
    """N equal cells against the closed form of the N-cell ladder, without any finite volume in between."""
    s1, s2, a_v, cells = 0.031, 0.47, 2.7e5, 23
    wall = mx.Lumped(R=0.021, Q=0.17, alpha=0.83)
    layer = mx.CompositeLayer("electrode", systems.LENGTH, s1, s2, wall, a_v)
    system = mx.build_system(
        mx.composite_electrode([layer]), mx.preset(configuration), area=systems.AREA, mesh=mx.Mesh(cells=cells)
    )
    netlist = netlist_of(mx.solve_steady(system))
    w = 2 * np.pi * FREQUENCY
    z_f = 1 / (systems.AREA * a_v * (1 / 0.021 + 0.17 * (1j * w) ** 0.83))
    z1, z2 = 1 / (s1 * systems.AREA), 1 / (s2 * systems.AREA)
    line = tlm.ladder_admittance(z1, z2, z_f, systems.LENGTH, cells)
    ends = {
        "ion_blocking": [(0, 1, "left", 0), (1, 1, "right", 0)],
        "electron_blocking": [(0, 0, "left", 0), (1, 0, "right", 0)],
        "battery": [(0, 0, "left", 0), (1, 1, "right", 0)],
        "both_rails_left": [(0, 0, "left", 0), (1, 1, "left", 0)],
    }[configuration]
    ladder = tlm.two_terminal(tlm.terminate(line, ends))
    np.testing.assert_allclose(netlist_impedance(netlist, FREQUENCY), ladder, rtol=1e-12)
    assert netlist.count("R") == 2 * (cells + 1) + cells


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", list(systems.ALL))
def test_at_rest_no_source_and_every_element_positive(name: str, dimension: int) -> None:
    netlist = netlist_of(point_of(name, dimension, 0.0))
    assert netlist.controlled_sources == 0
    assert netlist.reciprocal
    assert netlist.negative() == []
    assert {group.kind for group in netlist.elements} <= {"R", "C", "CPE", "Z", "G"}
    pairs = [group for group in netlist.elements if group.mutual]  # Onsager: equal in both directions
    assert bool(pairs) == (name == "cross")
    for one, other in zip(pairs[::2], pairs[1::2], strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.plus, other.control_plus)


def sources_by_theory(point: OperatingPoint) -> int:
    """Two for each face and carrier with a steady current, less those that read a concentration which contacts pin;
    and one per carrier at each neutral face without volume next to such a current."""
    system, u = point.system, point.u
    state_map, nodes = system.laws.state_map, system.nodes
    phi = len(state_map.carriers)
    pinned: dict[tuple[int, int], int] = {(int(i), p.row): p.port for p in system.strong() for i in p.nodes}
    count, read = 0, set()
    for law, faces in system.laws.transports:
        if not isinstance(law, Drift):
            continue
        left, right = nodes.left[faces], nodes.right[faces]
        current = law.current(state_map.at(u[:, left], left), state_map.at(u[:, right], right))[0]
        one_way = FARADAY * law.conductance * np.maximum(u[law.carrier, left], u[law.carrier, right])
        live = np.abs(current) > 1e-9 * one_way
        for i in np.flatnonzero(live):
            for node in (int(left[i]), int(right[i])):
                fixed = pinned.get((node, law.carrier), -1), pinned.get((node, phi), -2)
                count += fixed[0] != fixed[1]
                read.add(node)
    neutral = not any(law.process == "displacement" for law, _ in system.laws.transports)
    if neutral and state_map.has_phi:
        count += sum(int(system.laws.active[i, :phi].sum()) for i in read if nodes.volume[i] == 0)
    return count


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", list(systems.ALL))
def test_controlled_sources_at_bias_are_as_many_as_theory_says(name: str, dimension: int) -> None:
    point = point_of(name, dimension, 0.11)
    netlist = netlist_of(point)
    assert netlist.controlled_sources == sources_by_theory(point)
    assert (netlist.controlled_sources > 0) == (name in ("neutral", "poisson"))
    assert netlist.reciprocal == (name not in ("neutral", "poisson"))


def test_equilibrium_with_a_space_charge_needs_no_source() -> None:
    """A blocking cell under 0.3 V is far from flat and still at equilibrium: only R and C, all of them positive."""
    carriers = (mx.CarrierIn("cation", 1, 1.3, 2.1e-10), mx.CarrierIn("anion", -1, 1.3, 7.7e-10))
    layer = mx.ChargedLayer("electrolyte", 41e-9, carriers, permittivity=6.1e-10)
    system = mx.build_system(
        mx.nernst_planck_poisson([layer]), mx.metal_plates(), area=systems.AREA, mesh=mx.Mesh(cells=30, grading=20.0)
    )
    point = mx.solve_steady(system, {"A": 0.3})
    c = point.u[0]
    assert c.max() / c.min() > 50
    netlist = netlist_of(point)
    assert netlist.controlled_sources == 0
    assert netlist.negative() == []
    np.testing.assert_allclose(netlist_impedance(netlist, FREQUENCY), mx.impedance(point, FREQUENCY).Z, rtol=1e-10)


def test_a_spinodal_is_a_negative_capacitor() -> None:
    """A thermodynamic factor below zero, by an attractive excess term: the netlist says so."""
    unstable = mx.CarrierIn("ion", 1, 310.0, 3e-11, ln_gamma=lambda c: -4.0 * c / 310.0)
    layer = mx.ChargedLayer("host", systems.LENGTH, (unstable, mx.CarrierIn("electron", -1, 310.0, 2e-9)))
    system = mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking"), mesh=mx.Mesh(cells=6))
    flagged = netlist_of(mx.solve_steady(system)).negative()
    assert {group.kind for group, _ in flagged} == {"C"}
    assert {group.rail for group, _ in flagged} == {"ion"}
    assert len(flagged) == 6


def test_layers_share_a_face_by_its_two_half_resistances() -> None:
    """A separator in front of an electrode: what the faces give to it is its own resistance to the last bits."""
    L, sigma = 210e-6, 0.31
    layers = [
        mx.CompositeLayer("separator", L, sigma),
        mx.CompositeLayer("cathode", systems.LENGTH, 0.013, 0.41, mx.Lumped(C=0.2), 3e5),
    ]
    system = mx.build_system(mx.composite_electrode(layers), mx.preset("battery"), mesh=mx.Mesh(cells=8))
    netlist = netlist_of(mx.solve_steady(system))
    for layer, expected in ((0, L / sigma), (1, systems.LENGTH / 0.013)):
        total = 0.0
        for group in netlist.elements:
            if group.kind == "R" and group.rail == "ion":
                place = group.place
                share = np.where(place.left == layer, place.share, 0.0) + np.where(
                    place.right == layer, 1.0 - place.share, 0.0
                )
                total += float(np.sum(share / group.value))
        assert abs(total / expected - 1) < 1e-13
