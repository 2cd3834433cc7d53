"""Cells as circuits: salt rails, particles as ladders, films; entry by entry the linearised discretisation."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import porous_cells as cells
import pytest
from test_netlist import in_potentials
from test_spice import SPAN, dense_impedance

import miecsim as mx
from miecsim.case import load_case
from miecsim.circuit.attribution import attribute, sensitivity
from miecsim.circuit.exchange import netlist_json, read_netlist_json
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance, nodal_admittance, solve
from miecsim.circuit.spice import run_ngspice, spice_text
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.linearise import linearise
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, ConcentratedSolution
from miecsim.physics.elements import Reversible
from miecsim.physics.hosts import Host, HostDiffusion, MixedDiffusion
from miecsim.physics.kinetics import Insertion
from miecsim.physics.porous import PorousLayer
from miecsim.plot.attribution import process_colours
from miecsim.run.build import system_of
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, build_system

FREQUENCY = np.logspace(-4, 5, 10)
EVERY = [(name, when) for name in cells.ALL for when in ("rest", "discharged")]
every_point = pytest.mark.parametrize(("name", "when"), EVERY)
every_cell = pytest.mark.parametrize("name", list(cells.ALL))


def point_of(name: str, when: str) -> OperatingPoint:
    return cells.rest(name) if when == "rest" else cells.discharged(name)


def circuit_basis(system: System, netlist: Netlist) -> np.ndarray:
    """(N m + P, n_circuit): every potential and port by the circuit's nodes. Lithium's own potential is that of the ion
    in the particle less that of the electrons: in the node where they are carried, or in the parent."""
    n, m, p = system.nodes.n, system.n_fields, system.n_ports
    lithium, electron = (system.laws.state_map.row(name) for name in ("lithium", "electron"))
    T = np.zeros((n * m + p, netlist.n_nodes))
    T[n * m + np.arange(p), np.arange(p)] = 1
    for node in range(p, netlist.n_nodes):
        T[netlist.node_place[node] * m + netlist.node_rail[node], node] = 1
    for port in system.strong():
        T[port.nodes * m + port.row, port.port] = 1
    for tree in system.nodes.trees:
        for parent, ids in zip(tree.particles.parents, tree.ids, strict=True):
            for node in ids:
                home = node if system.laws.active[node, electron] else parent
                T[node * m + lithium] -= T[home * m + electron]
    return T


@every_point
def test_nodal_admittance_is_the_finite_volume_matrix(name: str, when: str) -> None:
    """The balances of a particle's lithium, in one sum with those of the electrons, are what T transposed makes; in a
    mixed conductor lithium's row counts ions already, and T acts on the columns only."""
    point = point_of(name, when)
    netlist = netlist_of(point)
    columns = circuit_basis(point.system, netlist)
    rows = columns.copy()
    if name == "mixed conductors":
        m, lithium = point.system.n_fields, point.system.laws.state_map.row("lithium")
        for tree in point.system.nodes.trees:
            at = tree.ids.ravel() * m + lithium
            rows[at] = np.maximum(rows[at], 0.0)
    blocks = linearise(point.system, point.u, point.voltages)
    for omega in (1e-2, 31.0, 1e6):
        volumes, size = in_potentials(point.system, blocks, omega)
        volumes, size = rows.T @ volumes @ columns, np.abs(rows).T @ size @ np.abs(columns)
        circuit = nodal_admittance(netlist, omega).toarray()
        assert np.all(np.abs(circuit - volumes) <= 1e-12 * np.abs(volumes) + 2e-15 * size)


@every_point
def test_spectrum_and_potentials_by_nodal_analysis(name: str, when: str) -> None:
    point = point_of(name, when)
    netlist = netlist_of(point)
    response = solve(netlist, FREQUENCY)
    np.testing.assert_allclose(response.Z, mx.impedance(point, FREQUENCY).Z, rtol=1e-10)
    along = mx.amplitudes(point, FREQUENCY).potential
    state_map, trees = point.system.laws.state_map, point.system.nodes.trees
    lithium, electron = state_map.row("lithium"), state_map.row("electron")
    for tree in trees:  # the ion's potential in the particle
        for parent, ids in zip(tree.particles.parents, tree.ids, strict=True):
            home = np.where(point.system.laws.active[ids, electron], ids, parent)
            along[:, ids, lithium] += along[:, home, electron]
    inner = np.flatnonzero(netlist.node_rail >= 0)
    volts = response.voltage[:, inner] / response.Z[:, None]
    np.testing.assert_allclose(volts, along[:, netlist.node_place[inner], netlist.node_rail[inner]], atol=1e-10)


@pytest.mark.parametrize("when", ["rest", "discharged"])
def test_reference_electrode(when: str) -> None:
    """The potential of the reference plane, read off the circuit's ion rail between the two nodes beside it."""
    point = point_of("salt cell", when)
    netlist, spectrum = netlist_of(point), mx.impedance(point, FREQUENCY)
    response = solve(netlist, FREQUENCY)
    ((_, nodes, weights, row),) = point.system.planes
    seen = np.zeros(FREQUENCY.size, dtype=complex)
    for node, weight in zip(nodes, weights, strict=True):
        (at,) = np.flatnonzero((netlist.node_place == node) & (netlist.node_rail == row))
        seen += weight * response.voltage[:, at]
    np.testing.assert_allclose(seen, spectrum.plane("ref"), rtol=1e-10)


# --- signs and numbers ----------------------------------------------------------------------------


@every_cell
def test_at_rest_no_source_and_every_element_positive(name: str) -> None:
    netlist = netlist_of(cells.rest(name))
    assert netlist.controlled_sources == 0
    assert netlist.reciprocal
    assert netlist.negative() == []
    pairs = [group for group in netlist.elements if group.mutual]
    assert bool(pairs) == (name != "solid half cell")
    for one in pairs:
        (other,) = [g for g in pairs if g.process == one.process and g.rail != one.rail]
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.plus, other.control_plus)


@every_cell
def test_during_a_discharge_resistors_and_capacitors_stay_positive(name: str) -> None:
    assert netlist_of(cells.discharged(name)).negative() == []


def crosses(system: System, faces: np.ndarray) -> int:
    """Faces of the electrolyte through which a current of ions or salt passes: all but the ends that block both."""
    nodes = system.nodes
    contacted = {int(i) for p in system.ports if p.row == system.laws.state_map.row("ion") for i in p.nodes}
    ends = {int(i) for ids in nodes.sides.values() for i in ids}
    return sum(not ({int(nodes.left[f]), int(nodes.right[f])} & (ends - contacted)) for f in faces)


def sources_by_theory(system: System) -> int:
    """Under current: four for each face of a salt (two rails, the concentration on either side); two for each carrier
    of a face inside a particle; at each surface one where i0 depends on x and one where it depends on the salt."""
    count = 0
    for law, faces in system.laws.transports:
        if isinstance(law, ConcentratedSolution):
            count += 4 * crosses(system, faces)
        elif isinstance(law, HostDiffusion | MixedDiffusion):
            count += 2 * len(law.rows) * faces.size
        elif isinstance(law, Insertion) and callable(law.kinetics.exchange_current):
            count += faces.size * (1 if law.anion is None else 2)
    return count


@every_cell
def test_controlled_sources_under_current_are_as_many_as_theory_says(name: str) -> None:
    netlist = netlist_of(cells.discharged(name))
    assert netlist.controlled_sources == sources_by_theory(cells.discharged(name).system) > 0
    assert not netlist.reciprocal


def test_numbers_of_elements() -> None:
    """The full cell: 15 control volumes, 10 of them with 5 shells."""
    netlist = netlist_of(cells.rest("salt cell"))
    count = {}
    for group in netlist.elements:
        key = group.process, group.kind
        count[key] = count.get(key, 0) + group.n
    assert count == {
        ("ion transport", "R"): 2 * 16,
        ("ion transport", "G"): 2 * 16,
        ("salt diffusion", "R"): 2 * 16,
        ("salt diffusion", "G"): 2 * 16,
        ("electron transport", "R"): 2 * 5,  # 4 between cells and one to the collector; the far ends carry none
        ("charge transfer", "R"): 10,
        ("particle diffusion", "R"): 10 * 5,
        ("particle storage", "C"): 10 * 5,
        ("electrolyte storage", "C"): 15,
        ("interface capacitance", "C"): 10,
    }


def test_values_of_elements() -> None:
    """Onsager's conductances, salt and particle, from the parameters and the mesh at rest."""
    point = cells.rest("salt cell")
    netlist, salt, c = netlist_of(point), cells.SALT, cells.SALT.concentration
    kappa, D, t, tdf = (
        float(law(c))
        for law in (salt.conductivity, salt.diffusivity, salt.transference_number, salt.thermodynamic_factor)
    )
    v_t = thermal_voltage(cells.T)
    by = {(g.process, g.rail, g.kind): g for g in netlist.elements}
    per_volt = c / (2 * v_t * tdf)
    face = 0.0131 * 0.47**1.5 / (19e-6 / 5)  # between two cells of the separator
    within = (by["ion transport", "ion", "R"].place.left == 1) & (by["ion transport", "ion", "R"].place.right == 1)
    for key, value in {
        ("ion transport", "ion", "R"): kappa * t**2,
        ("ion transport", "anion", "R"): kappa * (1 - t) ** 2,
        ("ion transport", "ion", "G"): kappa * t * (1 - t),
        ("salt diffusion", "ion", "R"): FARADAY * D * per_volt,
        ("salt diffusion", "anion", "G"): -FARADAY * D * per_volt,
    }.items():
        np.testing.assert_allclose(by[key].value[within], value * face, rtol=1e-12)
    store = by["electrolyte storage", "ion-anion", "C"]
    pore = 0.47 * 0.0131 * 19e-6 / 5
    np.testing.assert_allclose(store.value[store.place.left == 1], FARADAY * pore * per_volt, rtol=1e-12)
    shells = by["particle storage", "lithium-electron", "C"]
    capacity = 0.37 * 0.0131 * 63e-6 * cells.OXIDE.capacity_density(0.42)
    assert float(shells.value[shells.place.left == 2].sum()) == pytest.approx(capacity, rel=1e-12)
    transfer = by["charge transfer", "lithium-ion", "R"]
    i0 = 1.6 * (c / 1000) ** 0.43 * ((1 - 0.42) / 0.6) ** 0.43 * (0.42 / 0.4) ** 0.57
    area = 3 * 0.37 / 2.6e-6 * 0.0131 * 63e-6
    assert float(transfer.value[transfer.place.left == 2].sum()) == pytest.approx(area * i0 / v_t, rel=1e-12)


def test_nernst_and_einstein_make_two_independent_rails() -> None:
    """g = kappa t t': the mutual conductances of conduction and diffusion cancel, and only the salt's capacitors join
    cations and anions."""
    c, t, D_plus, D_minus, v_t = 830.0, 0.37, 1.9e-10, 1.9e-10 * 0.63 / 0.37, thermal_voltage(cells.T)
    salt = BinarySalt(c, FARADAY / v_t * c * (D_plus + D_minus), 2 * D_plus * D_minus / (D_plus + D_minus), t)
    layer = PorousLayer("separator", 31e-6, salt, 0.43, 0.31)
    system = build_system(
        porous_cell([layer], temperature=cells.T),
        cells.ends(("A", "left", "ion", Reversible()), ("B", "right", "ion", Reversible())),
        mesh=mx.Mesh(cells=7),
    )
    netlist = netlist_of(rest_point(system))
    resistive = replace(netlist, elements=tuple(g for g in netlist.elements if g.kind in "RG"))
    Y = nodal_admittance(resistive, 1.0).toarray()
    anion = netlist.node_rail == system.laws.state_map.row("anion")
    rails = netlist.node_rail >= 0
    coupling = Y[np.ix_(anion, rails & ~anion)]
    assert np.max(np.abs(coupling)) < 1e-14 * np.max(np.abs(Y))
    assert np.max(np.abs(Y[np.ix_(anion, anion)])) > 0.1 * np.max(np.abs(Y))


def lone(host: Host, x: float) -> System:
    layer = PorousLayer("cathode", 50e-6, cells.SOLID, 0.4, 0.3, 3.0, (cells.particles("p", host, x),))
    wiring = cells.ends(("A", "left", "ion", Reversible()), ("B", "right", "electron", Reversible()))
    return build_system(porous_cell([layer], temperature=cells.T), wiring, mesh=mx.Mesh(cells=3))


def test_beyond_the_spinodal_elements_are_negative() -> None:
    """Between the spinodals of a two-phase curve, with Fick's diffusivity: every shell is a negative capacitor behind
    negative resistors (their product, the time of diffusion, is positive), and the netlist names them all."""
    host = replace(cells.OXIDE, U=lambda x: 3.4 - cells.V_T * (np.log(x) - np.log(1 - x) + 4.3 * (1 - 2 * x)))
    assert host.slope(0.5) > 0
    point = rest_point(lone(host, 0.5))
    netlist = netlist_of(point)
    flagged = {(group.process, group.kind) for group, _ in netlist.negative()}
    assert flagged == {("particle storage", "C"), ("particle diffusion", "R")}
    assert len(netlist.negative()) == 2 * 3 * 5
    f = np.array([0.03, 4.0])
    np.testing.assert_allclose(netlist_impedance(netlist, f), mx.impedance(point, f).Z, rtol=1e-10)


def test_a_plateau_has_no_capacitor() -> None:
    system = lone(replace(cells.OXIDE, U=3.41), 0.5)
    point = OperatingPoint(system, system.laws.rest, np.array([0.0, 3.41]), np.zeros(2), "steady", 0.0, 0)
    with pytest.raises(InputError, match="potential of lithium at node .* does not change with its content"):
        netlist_of(point)


# --- attribution ----------------------------------------------------------------------------------


@every_point
def test_parts_add_up_to_the_spectrum(name: str, when: str) -> None:
    point = point_of(name, when)
    circuit = netlist_of(point)
    parts = attribute(circuit, FREQUENCY)
    np.testing.assert_allclose(parts.total, parts.Z, rtol=1e-12)
    np.testing.assert_allclose(parts.total, mx.impedance(point, FREQUENCY).Z, rtol=1e-10)
    edges = np.linspace(0, circuit.extent[1], 6)
    for split in (parts.by_process(), parts.by_layer(), parts.by_process_and_layer()):
        np.testing.assert_allclose(sum(split.values()), parts.Z, rtol=1e-12)
    np.testing.assert_allclose(sum(p.sum(axis=1) for p in parts.along(edges).values()), parts.Z, rtol=1e-12)


PROCESSES = {
    "solid half cell": {"terminals"},
    "salt cell": {"salt diffusion", "electrolyte storage"},
    "films and two kinds": {"salt diffusion", "electrolyte storage", "film", "terminals"},
    "mixed conductors": {
        *("salt diffusion", "electrolyte storage", "electron contact", "electron transport in particles", "terminals"),
    },
}


@every_cell
def test_names_of_the_processes(name: str) -> None:
    common = {"ion transport", "electron transport", "charge transfer", "interface capacitance"}
    common |= {"particle diffusion", "particle storage"}
    found = netlist_of(cells.rest(name)).processes()
    assert set(found) == common | PROCESSES[name]
    assert len(set(process_colours(found).values())) == len(found)  # each has a colour of its own in figures


@pytest.mark.parametrize(("name", "when"), [("films and two kinds", "rest"), ("salt cell", "discharged")])
def test_sensitivities_are_the_derivatives(name: str, when: str) -> None:
    """d Z/d ln z of a whole group against differences of two circuits, the group scaled up and down."""
    circuit, f, h = netlist_of(point_of(name, when)), np.array([0.011, 70.0]), 1e-4
    exact, Z = sensitivity(circuit, f), netlist_impedance(circuit, f)
    for i, group in enumerate(circuit.elements):
        around = []
        for sign in (1, -1):
            scaled = replace(group, value=group.value * np.exp(-sign * h))
            elements = (*circuit.elements[:i], scaled, *circuit.elements[i + 1 :])
            around.append(netlist_impedance(replace(circuit, elements=elements), f))
        up, down = around
        slope = (up - down) / (2 * h)
        assert np.all(np.abs(exact[i].sum(axis=1) - slope) <= 1e-7 * np.abs(slope) + 1e-8 * np.abs(Z))


def test_a_separator_conducts_and_diffuses() -> None:
    """Li | salt | Li: conduction owns L/kappa at every frequency; diffusion and storage of the salt own the rest, and
    at low frequency diffusion alone."""
    layer = PorousLayer("separator", 31e-6, cells.SALT, 0.43, 0.31)
    wiring = cells.ends(("A", "left", "ion", Reversible()), ("B", "right", "ion", Reversible()))
    system = build_system(porous_cell([layer], temperature=cells.T), wiring, mesh=mx.Mesh(cells=12))
    parts = attribute(netlist_of(rest_point(system)), np.array([1e-5, 0.01, 1.0, 1e5])).by_process()
    assert set(parts) == {"ion transport", "salt diffusion", "electrolyte storage"}
    kappa = 0.31 * float(cells.SALT.conductivity(1130.0))
    np.testing.assert_allclose(parts["ion transport"], 31e-6 / kappa, rtol=1e-12)
    diffusion, storage = parts["salt diffusion"], parts["electrolyte storage"]
    assert diffusion[0].real > 0.1 * 31e-6 / kappa and abs(storage[0]) < 1e-4 * diffusion[0].real
    # above all storage the salt diffuses only from the electrodes to the first nodes: two half cells of twelve cells
    np.testing.assert_allclose(diffusion[-1] + storage[-1], diffusion[0] / 12, rtol=1e-3)


# --- written down ---------------------------------------------------------------------------------


@every_point
def test_written_and_read_back(name: str, when: str) -> None:
    netlist = netlist_of(point_of(name, when))
    text = netlist_json(netlist)
    again = read_netlist_json(text)
    assert netlist_json(again) == text
    np.testing.assert_array_equal(netlist_impedance(again, FREQUENCY[:3]), netlist_impedance(netlist, FREQUENCY[:3]))


@every_point
def test_deck_is_the_circuit(name: str, when: str) -> None:
    point = point_of(name, when)
    text = spice_text(netlist_of(point), SPAN)
    f = np.array([1e-3, 0.37, 1.9e3, 1e6])
    own = np.array([dense_impedance(text, each) for each in f])
    assert np.max(np.abs(own / mx.impedance(point, f).Z - 1)) < 1e-7


@every_point
def test_ngspice_agrees(name: str, when: str) -> None:
    if shutil.which("ngspice") is None:
        if os.environ.get("MIECSIM_REQUIRE_NGSPICE") == "1":
            pytest.fail("ngspice is not installed, and MIECSIM_REQUIRE_NGSPICE=1")
        pytest.skip("ngspice is not installed (Debian, Ubuntu: apt-get install ngspice)")
    point = point_of(name, when)
    f, Z = run_ngspice(spice_text(netlist_of(point), SPAN, 3, control=True))
    np.testing.assert_allclose(Z, mx.impedance(point, f).Z, rtol=1e-6)


def test_far_above_the_frequencies_of_particles_without_a_double_layer() -> None:
    """The shipped cell of Chen et al. at 0.1 and 1 MHz: nodal voltages settle slowly, and to the last digits."""
    case = load_case(Path(__file__).resolve().parent.parent / "cases" / "307_chen2020_cell").for_study("charged")
    point, f = rest_point(system_of(case, case.studies[0], None)), np.array([1e5, 1e6])
    np.testing.assert_allclose(netlist_impedance(netlist_of(point), f), impedance(point, f).Z, rtol=1e-11)
