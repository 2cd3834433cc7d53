"""Current-voltage curves, limiting currents, and what is said of a demand beyond them."""

from __future__ import annotations

import numpy as np
import pytest
import systems
from systems import AREA, wires

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.solvers.steady import UnreachedError
from miecsim.solvers.sweep import current_voltage, limiting_current, sweep_steady
from miecsim.system import System

REVERSIBLE = mx.Reversible()
SIX_POINTS = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def _salt(z: int = 2, ratio: float = 3.1, *, cells: int = 60, grading: float = 50.0, debye: float = 0.0) -> System:
    """A z:z electrolyte between two electrodes reversible to the cation; with `debye`, a Debye length over the
    thickness, by Poisson's equation between metals."""
    length, c0, D, temperature = 23e-6, 83.0, 2.3e-10, 313.0
    carriers = (mx.CarrierIn("cation", z, c0, D), mx.CarrierIn("anion", -z, c0, ratio * D))
    layer = mx.ChargedLayer("electrolyte", length, carriers)
    names, model = ["cation"], mx.mixed_conductor([layer], temperature=temperature)
    if debye:
        permittivity = (debye * length) ** 2 * 2 * z**2 * FARADAY * c0 / (8.31446261815324 * temperature / FARADAY)
        layer = mx.ChargedLayer("electrolyte", length, carriers, permittivity, 0.0)
        names, model = ["cation", "potential"], mx.nernst_planck_poisson([layer], temperature=temperature)
    ends = [(n, mx.Contact(s, c, REVERSIBLE)) for n, s in (("A", "left"), ("B", "right")) for c in names]
    return mx.build_system(model, wires(*ends), mesh=mx.Mesh(cells=cells, grading=grading))


def _salt_limit(z: int) -> float:
    return 4 * z * FARADAY * 2.3e-10 * 83.0 / 23e-6


@pytest.mark.parametrize(("z", "ratio"), [(1, 3.1), (2, 0.37)])
def test_current_voltage_curve_up_to_the_limiting_current(z: int, ratio: float) -> None:
    """i = i_lim tanh(z F V / 4 R T), i_lim = 4 z F D+ c0 / L whatever the anion's diffusivity, from 0 to 4 V in few
    steps."""
    system = _salt(z, ratio, cells=700, grading=600.0)
    v_t = system.laws.state_map.thermal_voltage
    points = sweep_steady(system, "A", 4.0 * np.linspace(0.0, 1.0, 9) ** 2)
    V, current = current_voltage(points, "A", against="B")
    np.testing.assert_allclose(current / _salt_limit(z), np.tanh(z * V / (4 * v_t)), rtol=0, atol=1e-4)
    assert max(point.steps for point in points) <= 20 and sum(point.steps for point in points) <= 70
    assert all(point.u[:2].min() > 0 for point in points)


@pytest.mark.parametrize(("z", "ratio", "direction"), [(1, 3.1, 1), (2, 0.37, -1)])
def test_limiting_current_is_found(z: int, ratio: float, direction: int) -> None:
    system = _salt(z, ratio, cells=500, grading=200.0)
    plateau = limiting_current(system, "A", direction=direction, tolerance=1e-3)
    assert plateau.current == pytest.approx(direction * _salt_limit(z), rel=1e-4)
    assert plateau.exponent < 1e-3
    assert np.sign(plateau.slope) == 1
    assert len(plateau.points) < 25


@pytest.mark.slow
def test_plateau_with_space_charge_rises_and_flattens_as_the_debye_length_shrinks() -> None:
    found = [limiting_current(_salt(1, debye=d, cells=160, grading=3e3), "A") for d in (1e-3, 1e-4)]
    excess = [plateau.current / _salt_limit(1) - 1 for plateau in found]
    assert 0 < excess[1] < 0.5 * excess[0] < 0.05
    for plateau in found:
        v_t = plateau.point.system.laws.state_map.thermal_voltage
        assert 0 < plateau.slope * v_t < 0.02 * plateau.current
        near = sweep_steady(plateau.point.system, "A", plateau.voltage + 1e-3 * np.arange(-3, 4), start=plateau.point)
        I = [point.currents[0] for point in near]  # noqa: E741
        slope = sum(weight * (I[3 + k] - I[3 - k]) for k, weight in SIX_POINTS) / 1e-3
        assert plateau.slope == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(("z", "demand"), [(1, 1.2), (2, -40.0), (1, 1e6)])
def test_current_beyond_the_limit_ends_in_one_line_with_the_largest(z: int, demand: float) -> None:
    system, told = _salt(z), []
    with pytest.raises(UnreachedError) as error:
        mx.solve_steady(system, currents={"A": demand * _salt_limit(z)}, progress=told.append)
    message, point = str(error.value), error.value.point
    assert isinstance(error.value, mx.SolveError) and "\n" not in message
    largest = float(message.split("largest A = ")[1].split()[0])
    assert largest == pytest.approx(np.sign(demand) * _salt_limit(z), rel=1e-2)
    assert point is not None and point.residual < 1e-10
    assert point.currents[0] == pytest.approx(largest, rel=1e-5)
    assert told and mx.impedance(point, np.array([1.0])).Z[0].real > 0


def test_current_just_below_the_limit_is_reached() -> None:
    point = mx.solve_steady(_salt(1, cells=200), currents={"A": 0.9999 * _salt_limit(1)})
    assert point.currents[0] == pytest.approx(0.9999 * _salt_limit(1), rel=1e-9)


def test_continuation_with_currents_and_voltages_together() -> None:
    """A space charge far beyond its limiting current, which no direct jump reaches, then on to a state by voltage."""
    system = _salt(1, debye=1e-2, cells=80, grading=300.0)
    point = mx.solve_steady(system, {"B": 0.05}, currents={"A": 3.1 * _salt_limit(1)})
    assert point.voltages[1] == 0.05
    check = mx.solve_steady(system, {"A": point.voltages[0], "B": 0.05}, start=point)
    assert check.currents[0] == pytest.approx(3.1 * _salt_limit(1), rel=1e-9)


def test_limit_is_told_with_driving_forces_in_place() -> None:
    """The emf of a contact shifts the voltage, not the limit: the anions' number sets it."""
    carriers = (mx.CarrierIn("cation", 1, 83.0, 2.3e-10), mx.CarrierIn("anion", -1, 83.0, 5e-10))
    model = mx.mixed_conductor([mx.ChargedLayer("electrolyte", 23e-6, carriers)], temperature=313.0)
    ends = [(n, mx.Contact(s, "cation", REVERSIBLE, e)) for n, s, e in (("A", "left", 0.31), ("B", "right", 0.0))]
    system = mx.build_system(model, wires(*ends), mesh=mx.Mesh(cells=60, grading=50.0))
    assert mx.solve_steady(system, currents={"A": 0.0}).voltages[0] == pytest.approx(-0.31, rel=1e-12)
    with pytest.raises(UnreachedError) as error:
        mx.solve_steady(system, currents={"A": 5.0 * _salt_limit(1)})
    assert error.value.point is not None
    assert error.value.point.currents[0] == pytest.approx(_salt_limit(1), rel=1e-2)


def test_blocked_cell_with_compact_layers_up_to_four_volts() -> None:
    """Metal | capacitor | electrolyte: swept from 0 to 4 V in few steps, ions conserved and positive throughout."""
    carriers = (mx.CarrierIn("cation", 2, 1.3, 2.1e-10), mx.CarrierIn("anion", -2, 1.3, 7e-10))
    layer = mx.ChargedLayer("electrolyte", 41e-9, carriers, 6.1e-10, 0.0)
    ends = [(n, mx.Contact(s, "potential", mx.Lumped(C=c))) for n, s, c in (("A", "left", 0.05), ("B", "right", 0.07))]
    system = mx.build_system(
        mx.nernst_planck_poisson([layer]), wires(*ends), area=AREA, mesh=mx.Mesh(cells=40, grading=9.0)
    )
    points = sweep_steady(system, "A", np.linspace(0.0, 4.0, 9))
    volume = system.nodes.volume
    for point in points:
        assert (point.u[:2] * volume).sum(axis=1) == pytest.approx([1.3 * volume.sum()] * 2, rel=1e-12)
        assert point.u[:2].min() > 0
    assert max(point.steps for point in points) <= 10


def test_sweep_tells_where_it_ended_and_keeps_what_it_had() -> None:
    system = _salt(2)
    values = np.array([0.3, 0.6, 0.9, 1.3]) * _salt_limit(2)
    with pytest.raises(UnreachedError, match=r"^sweep at A = .* largest A = ") as error:
        sweep_steady(system, "A", values, "current")
    assert [p.currents[0] / _salt_limit(2) for p in error.value.points] == pytest.approx([0.3, 0.6, 0.9], rel=1e-10)
    with pytest.raises(mx.InputError, match="control: read 'power'"):
        sweep_steady(system, "A", values, "power")


def test_no_plateau_is_told() -> None:
    with pytest.raises(mx.SolveError, match="limiting current: none at terminal A up to 0.7 V"):
        limiting_current(systems.conductor(1), "A", largest=0.7)
