"""Operating points under imposed voltages, currents and mixtures; driving forces of contacts."""

from __future__ import annotations

import numpy as np
import pytest
import systems
from systems import AREA, LENGTH, V_T, wires

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.linearise import linearise
from miecsim.solvers.bordered import assembly, current_rows, inventory_row
from miecsim.solvers.floating import floating_groups, inventories
from miecsim.solvers.sweep import current_voltage, sweep_steady
from miecsim.system import System, terminal_currents

MODELS = ["composite", "conductor", "neutral", "poisson", "cross"]
REVERSIBLE = mx.Reversible()
SIX_POINTS = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def _oxide(*contacts: tuple[str, mx.Contact], links: tuple[mx.Link, ...] = (), cells: int = 12) -> System:
    """An electroneutral conductor of vacancies (+2) and electrons (-1)."""
    carriers = (mx.CarrierIn("vacancy", 2, 310.0, 3.3e-10), mx.CarrierIn("electron", -1, 620.0, 2.1e-9))
    model = mx.mixed_conductor([mx.ChargedLayer("oxide", LENGTH, carriers)])
    return mx.build_system(model, wires(*contacts, links=links), area=AREA, mesh=mx.Mesh(cells=cells))


def _capped_oxide() -> System:
    """Vacancies reach the terminals only through capacitors as large as their own chemical capacitance."""
    return _oxide(
        ("A", mx.Contact("left", "vacancy", mx.Lumped(C=2.3e4))),
        ("A", mx.Contact("left", "electron", REVERSIBLE)),
        ("B", mx.Contact("right", "vacancy", mx.Lumped(C=4.1e4))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=1e-4))),
    )


def _shared_end() -> System:
    """Two terminals on one rail end, one reversible and one through a resistance: C's current passes through A."""
    return _oxide(
        ("A", mx.Contact("left", "electron", REVERSIBLE)),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=1e-4))),
        ("C", mx.Contact("left", "electron", mx.Lumped(R=2e-3))),
        ("B", mx.Contact("right", "vacancy", mx.Lumped(R=3e-4))),
    )


def _oxide_pair(resistance: float) -> System:
    ends = [
        (name, mx.Contact(side, carrier, mx.Lumped(R=resistance)))
        for name, side in (("A", "left"), ("B", "right"))
        for carrier in ("vacancy", "electron")
    ]
    return _oxide(*ends)


def _probed_oxide() -> System:
    """Electrons through A and B, an electrode C that exchanges vacancies only."""
    return _oxide(
        ("A", mx.Contact("left", "electron", REVERSIBLE)),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=1e-4))),
        ("C", mx.Contact("left", "vacancy", REVERSIBLE)),
    )


def _tied_electrode(law: mx.Reversible | mx.Lumped, dimension: int = 1) -> System:
    layer = mx.CompositeLayer("electrode", LENGTH, 0.043, 0.71, mx.ButlerVolmer(1.7, V_T, 0.37, C=0.21), 3.1e5)
    wiring = mx.Wiring(mx.preset("both_rails_left").terminals, (mx.Link("right", ("electron", "ion"), law),))
    mesh = systems.mesh(dimension, 9)
    return mx.build_system(mx.composite_electrode([layer]), wiring, area=AREA, mesh=mesh)


# ---------------------------------------------------------------- what is imposed


@pytest.mark.parametrize(("name", "dimension"), [*((name, 1) for name in MODELS), ("neutral", 2), ("poisson", 2)])
def test_current_control_finds_the_point_of_voltage_control(name: str, dimension: int) -> None:
    system = systems.ALL[name](dimension)
    by_voltage = mx.solve_steady(system, {"A": 0.13, "B": -0.021})
    by_current = mx.solve_steady(system, {"B": -0.021}, currents={"A": by_voltage.currents[0]})
    assert by_current.voltages[0] == pytest.approx(0.13, rel=1e-9)
    assert by_current.voltages[1] == -0.021
    size = np.abs(by_voltage.u).max(axis=1, keepdims=True)
    assert np.all(np.abs(by_current.u - by_voltage.u) <= 1e-9 * size)
    assert by_current.residual < 1e-12


@pytest.mark.parametrize("name", MODELS)
def test_newton_converges_quadratically_under_current_control(name: str) -> None:
    """From a state 2 % away in current: errors square, so that four steps and one that confirms them do."""
    system = systems.ALL[name](1)
    point = mx.solve_steady(system, {"A": 0.13})
    near = mx.solve_steady(system, currents={"A": 0.98 * point.currents[0]}, start=point)
    assert near.steps <= 5
    assert near.currents[0] == pytest.approx(0.98 * point.currents[0], rel=1e-12)


@pytest.mark.parametrize("name", ["conductor", "cross"])
def test_what_answers_linearly_takes_any_current_at_once(name: str) -> None:
    system = systems.ALL[name](1)
    current = 400 * mx.dc_admittance(mx.solve_steady(system))[0, 0]
    point = mx.solve_steady(system, currents={"A": current})
    assert point.steps <= 3
    assert point.voltages[0] == pytest.approx(400.0, rel=1e-11)


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", [*MODELS, "capped", "shared"])
def test_derivatives_beside_the_balances_are_exact(name: str, dimension: int) -> None:
    """Port currents and inventories along a random direction of unknowns and voltages, by differences."""
    own = {"capped": _capped_oxide, "shared": _shared_end}
    system = own[name]() if name in own else systems.ALL[name](dimension)
    u, V = systems.random_state(system, 5, 0.3), np.array([0.031, -0.017, 0.023])[: system.n_ports]
    rng = np.random.default_rng(6)
    du = np.where(system.laws.active.T, rng.standard_normal(u.shape), 0.0) * np.abs(
        systems.random_state(system, 7, 0.3)
    )
    dV = V_T * rng.standard_normal(system.n_ports)
    blocks = linearise(system, u, V)
    asm = assembly(blocks)
    by_u, by_V = current_rows(blocks, asm)
    groups = floating_groups(blocks)
    assert len(groups) == (name == "capped")
    rows = [inventory_row(blocks, asm, g) for g in groups]
    exact = np.r_[by_u @ du.T.ravel() + by_V @ dV, [r @ du.T.ravel() + v @ dV for r, v in rows]]
    h, slope = 1e-3, 0.0
    for k, weight in SIX_POINTS:
        for sign in (1, -1):
            at = u + sign * k * h * du, V + sign * k * h * dV
            values = np.r_[terminal_currents(system, *at), inventories(system, at[0], groups, at[1])]
            slope = slope + sign * weight * values / h
    np.testing.assert_allclose(exact, slope, rtol=1e-7, atol=1e-9 * np.abs(slope).max())


def test_three_terminals_under_voltage_and_current() -> None:
    """A held, B driven, C driven the other way: the same state as by three voltages, whichever terminals are driven."""
    system = _oxide(
        ("A", mx.Contact("left", "electron", mx.Lumped(R=3e-4))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=1e-4))),
        ("C", mx.Contact("left", "vacancy", mx.Lumped(R=2e-3))),
        ("A", mx.Contact("right", "vacancy", mx.Lumped(R=4e-4))),
    )
    volts = {"A": 0.04, "B": -0.07, "C": 0.11}
    known = mx.solve_steady(system, volts)
    assert abs(known.currents.sum()) < 1e-13 * np.abs(known.currents).max()
    for driven in (["B"], ["C"], ["B", "C"], ["A", "C"]):
        held = {n: v for n, v in volts.items() if n not in driven}
        given = {n: known.currents[system.terminals.index(n)] for n in driven}
        found = mx.solve_steady(system, held, currents=given)
        np.testing.assert_allclose(found.voltages, known.voltages, rtol=1e-10)
        np.testing.assert_allclose(found.currents, known.currents, rtol=1e-10)


def test_an_electrode_without_current_reads_the_potential_and_keeps_the_ions() -> None:
    """Electrons are driven; C exchanges vacancies but carries none in sum, so that their number stays."""
    system = _probed_oxide()
    point = mx.solve_steady(system, {"B": 0.03}, currents={"A": 0.17, "C": 0.0})
    volume = system.nodes.volume
    assert (point.u[0] * volume).sum() == pytest.approx(310.0 * volume.sum(), rel=1e-12)
    assert point.currents[0] == pytest.approx(0.17, rel=1e-12)
    assert abs(point.currents[2]) < 1e-13
    assert point.u[0].max() > 1.01 * point.u[0].min()  # the ions did move
    state = system.laws.state_map.at(point.u, np.arange(system.nodes.n))
    assert point.voltages[2] == pytest.approx(state.Phi[0].mean(), rel=1e-9)  # at rest everywhere


def test_what_cannot_be_imposed_is_told_in_one_line() -> None:
    system = _probed_oxide()
    for voltages, currents, told in (
        ({}, {"A": 0.02, "C": 1e-3}, "C = 0.001 A; expected a sum of zero"),
        ({}, {"A": 0.02, "B": 0.01, "C": 0.0}, "at least one terminal to keep a voltage"),
        ({"A": 0.1}, {"A": 0.02}, "terminal A: read a voltage and a current"),
        ({"D": 0.1}, {}, "terminal: read 'D'; expected one of A, B, C"),
        ({}, {"A": np.nan}, "terminal A: read nan; expected a finite"),
    ):
        with pytest.raises(mx.InputError) as error:
            mx.solve_steady(system, voltages, currents=currents)
        assert told in str(error.value) and "\n" not in str(error.value)


def test_start_from_another_system_or_shape() -> None:
    """A state of another system of this shape leads to the same end; unknowns of another shape are told."""
    near = mx.solve_steady(_oxide_pair(2e-3), {"A": 0.14})
    system = _oxide_pair(7e-4)
    found, expected = (mx.solve_steady(system, {"A": -0.11}, start=start) for start in (near, None))
    assert found.currents[0] == pytest.approx(expected.currents[0], rel=1e-10)
    assert found.voltages[0] == -0.11  # to the last bit, wherever it started
    with pytest.raises(mx.InputError, match="start: read unknowns of shape"):
        mx.solve_steady(systems.poisson(1), start=near)


@pytest.mark.parametrize("dimension", [1, 2])
def test_ions_between_blocking_metals_keep_their_number_at_imposed_electron_current(dimension: int) -> None:
    carriers = (mx.CarrierIn("cation", 2, 1.3, 2.1e-10), mx.CarrierIn("electron", -1, 2.6, 7.7e-9))
    layer = mx.ChargedLayer("film", 41e-9, carriers, 6.1e-10, 0.0)
    ends = [
        (n, mx.Contact(s, c, REVERSIBLE)) for n, s in (("A", "left"), ("B", "right")) for c in ("electron", "potential")
    ]
    model, mesh = mx.nernst_planck_poisson([layer]), systems.mesh(dimension, 24)
    system = mx.build_system(model, wires(*ends), area=AREA, mesh=mesh)
    small = mx.solve_steady(system, {"A": 0.02}).currents[0]
    point = mx.solve_steady(system, currents={"A": 7.3 * small})
    volume = system.nodes.volume
    assert (point.u[0] * volume).sum() == pytest.approx(1.3 * volume.sum(), rel=1e-12)
    assert point.currents[0] == pytest.approx(7.3 * small, rel=1e-11)
    assert point.u[0].max() > 2 * point.u[0].min()


def test_blocked_cell_left_open_keeps_the_charge_of_its_plates() -> None:
    """Charged to 0.2 V, then open: nothing passes, so that the voltage stays; uncharged, it stays at zero."""
    carriers = (mx.CarrierIn("cation", 2, 1.3, 2.1e-10), mx.CarrierIn("anion", -2, 1.3, 7e-10))
    layer = mx.ChargedLayer("electrolyte", 41e-9, carriers, 6.1e-10, 0.0)
    system = mx.build_system(mx.nernst_planck_poisson([layer]), mx.metal_plates(), area=AREA, mesh=systems.mesh(1, 20))
    charged = mx.solve_steady(system, {"A": 0.2})
    opened = mx.solve_steady(system, currents={"A": 0.0}, start=charged)
    assert opened.voltages[0] == pytest.approx(0.2, rel=1e-12)
    assert mx.solve_steady(system, currents={"A": 0.0}).voltages[0] == 0.0
    shifted = mx.solve_steady(system, {"B": -0.3}, currents={"A": 0.0}, start=charged)
    assert shifted.voltages[0] == pytest.approx(0.2 - 0.3, rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 2])
def test_ends_tied_together_carry_no_current_at_bias(dimension: int) -> None:
    """A reversible link at bias is the limit of a small resistance, in the state, its slope and the spectrum."""
    tied, joined = (_tied_electrode(law, dimension) for law in (REVERSIBLE, mx.Lumped(R=1e-11)))
    point, limit = (mx.solve_steady(system, {"A": 0.2}) for system in (tied, joined))
    assert abs(point.currents[2]) < 1e-13 * abs(point.currents[0])
    assert point.currents[0] == pytest.approx(-point.currents[1], rel=1e-12)
    assert point.currents[0] == pytest.approx(limit.currents[0], rel=1e-8)
    np.testing.assert_allclose(mx.dc_admittance(point), mx.dc_admittance(limit), rtol=1e-8)
    f = np.logspace(-9, 4, 5)
    np.testing.assert_allclose(mx.impedance(point, f).Z, mx.impedance(limit, f).Z, rtol=1e-8)


# ---------------------------------------------------------------- slopes and spectra


@pytest.mark.parametrize(
    ("name", "dimension"),
    [("composite", 1), ("conductor", 1), ("neutral", 1), ("poisson", 1), ("neutral", 2), ("capped", 1)],
)
def test_impedance_at_zero_frequency_is_the_slope_under_current_control(name: str, dimension: int) -> None:
    """Six-point difference of V(I) along a sweep of the current, against Z as w -> 0 of the point in the middle."""
    system = _capped_oxide() if name == "capped" else systems.ALL[name](dimension)
    middle = mx.solve_steady(system, {"A": 0.11})
    step = 1e-3 * mx.dc_admittance(middle)[0, 0]
    currents = middle.currents[0] + step * np.arange(-3, 4)
    points = sweep_steady(system, "A", currents, "current")
    V, current = current_voltage(points, "A", against="B")
    np.testing.assert_allclose(current, currents, rtol=1e-11)
    slope = sum(weight * (V[3 + k] - V[3 - k]) for k, weight in SIX_POINTS) / step
    assert mx.impedance(points[3], np.array([1e-9])).Z[0].real == pytest.approx(slope, rel=1e-7)


# ---------------------------------------------------------------- driving forces


def _layers() -> list[mx.ConductorLayer]:
    return [
        mx.ConductorLayer("a", LENGTH, 0.013, 0.41, capacitance_ion=3.1e6, capacitance_eon=0.9e6),
        mx.ConductorLayer("b", 0.6 * LENGTH, 0.13, 0.0071, capacitance_ion=3.1e6, capacitance_eon=0.9e6),
    ]


@pytest.mark.parametrize("dimension", [1, 2])
def test_open_circuit_voltage_of_an_ohmic_membrane(dimension: int) -> None:
    """E = emf R_e / (R_i + R_e), R_k the resistance of rail k through both layers; loaded, E - R I."""
    wiring = wires(
        ("A", mx.Contact("left", "ion", REVERSIBLE, emf=0.237)),
        ("A", mx.Contact("left", "electron", REVERSIBLE)),
        ("B", mx.Contact("right", "ion", mx.Lumped(R=3e-4), emf=-0.031)),
        ("B", mx.Contact("right", "electron", REVERSIBLE)),
    )
    system = mx.build_system(mx.mixed_conductor(_layers()), wiring, area=AREA, mesh=systems.mesh(dimension))
    ions = (LENGTH / 0.013 + 0.6 * LENGTH / 0.13 + 3e-4) / AREA
    electrons = (LENGTH / 0.41 + 0.6 * LENGTH / 0.0071) / AREA
    opened = (0.237 + 0.031) * electrons / (ions + electrons)
    inner = ions * electrons / (ions + electrons)
    for current in (0.0, 3.1e-4):
        point = mx.solve_steady(system, currents={"A": current})
        assert point.voltages[0] == pytest.approx(inner * current - opened, rel=1e-9)
    # the emf moves the state, not the linear response
    assert 1 / mx.dc_admittance(point)[0, 0] == pytest.approx(inner, rel=1e-9)


@pytest.mark.parametrize("emf", [0.02, -0.11])
def test_open_circuit_voltage_of_a_leaky_electrolyte(emf: float) -> None:
    """Two dilute carriers keep t_ion = z D_v / (z D_v + D_e) whatever their concentration (Wagner): E = t_ion emf."""
    ends = [
        (name, mx.Contact(side, carrier, REVERSIBLE, emf=drive if carrier == "vacancy" else 0.0))
        for name, side, drive in (("A", "left", emf), ("B", "right", -0.013))
        for carrier in ("vacancy", "electron")
    ]
    point = mx.solve_steady(_oxide(*ends, cells=400), currents={"A": 0.0})
    t_ion = 2 * 3.3e-10 / (2 * 3.3e-10 + 2.1e-9)
    assert point.voltages[0] == pytest.approx(-t_ion * (emf + 0.013), rel=3e-5)


@pytest.mark.parametrize("emf", [0.05, -0.08])
def test_permeation_through_a_tied_end(emf: float) -> None:
    """Ambipolar diffusion between c(emf) and the reference: I = z F D~ [c(emf) - c_ref] / L,
    D~ = (z + 1) D_v D_e / (z D_v + D_e), c(emf) = c_ref exp[emf / (V_T (1 + 1/z))]."""
    link = mx.Link("right", ("electron", "vacancy"), REVERSIBLE)
    ends = (
        ("ion", mx.Contact("left", "vacancy", REVERSIBLE, emf=emf)),
        ("electron", mx.Contact("left", "electron", REVERSIBLE)),
    )
    point = mx.solve_steady(_oxide(*ends, links=(link,), cells=200))
    D = 3 * 3.3e-10 * 2.1e-9 / (2 * 3.3e-10 + 2.1e-9)
    rise = 310.0 * np.expm1(emf / (1.5 * V_T))
    assert point.currents[0] == pytest.approx(2 * FARADAY * D * rise / LENGTH * AREA, rel=2e-4)
    assert point.currents[1] == pytest.approx(-point.currents[0], rel=1e-12)


def test_emf_drives_an_exchange_current() -> None:
    """Through Butler-Volmer the element sees V + emf - Phi: the same state as the voltage that replaces it."""
    contacts = lambda emf: (  # noqa: E731
        ("A", mx.Contact("left", "vacancy", mx.ButlerVolmer(20.0, V_T, 0.4), emf=emf)),
        ("B", mx.Contact("right", "vacancy", REVERSIBLE)),
        ("B", mx.Contact("right", "electron", REVERSIBLE)),
    )
    driven = mx.solve_steady(_oxide(*contacts(0.09)))
    applied = mx.solve_steady(_oxide(*contacts(0.0)), {"A": 0.09})
    np.testing.assert_allclose(driven.u, applied.u, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(driven.currents, applied.currents, rtol=1e-10)
    f = np.logspace(-3, 5, 5)
    np.testing.assert_allclose(mx.impedance(driven, f).Z, mx.impedance(applied, f).Z, rtol=1e-9)
    with pytest.raises(mx.InputError, match="emf: read inf"):
        mx.Contact("left", "vacancy", REVERSIBLE, emf=np.inf)


def test_large_driving_force_is_raised_step_by_step() -> None:
    """-2 V behind Butler-Volmer contacts, at open circuit: no direct jump gets there. The same state where the ion
    contact is a terminal of its own at that voltage."""
    exchange, told = mx.ButlerVolmer(20.0, V_T, 0.4), []

    def membrane(poles: str, emf: float) -> System:
        return _oxide(
            (poles[0], mx.Contact("left", "vacancy", exchange, emf)),
            (poles[1], mx.Contact("left", "electron", REVERSIBLE)),
            ("B", mx.Contact("right", "vacancy", exchange)),
            ("B", mx.Contact("right", "electron", mx.ButlerVolmer(5.0, V_T, 0.5))),
        )

    opened = mx.solve_steady(membrane("AA", -2.0), currents={"A": 0.0}, progress=told.append)
    assert "steady state: 100 % of the emf of contacts" in told
    level = opened.voltages[0]
    apart = mx.solve_steady(membrane("IA", 0.0), {"I": level - 2.0, "A": level})
    assert abs(apart.currents[0] + apart.currents[1]) < 1e-9 * abs(apart.currents[0])
    np.testing.assert_allclose(opened.u, apart.u, rtol=1e-8)
