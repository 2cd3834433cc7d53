"""Time: exact Jacobians, conservation, closed forms, and the way to frequency and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.circuit.steps import polarisation_voltage, pore_charging_current
from miecsim.constants import FARADAY
from miecsim.results.checkpoint import load_progress, save_progress
from miecsim.solvers.transient import timeform
from miecsim.solvers.transient.fourier import step_admittance
from miecsim.solvers.transient.protocol import Limit, Ramp, Sine, Step, current, log_times, repeat, voltage
from miecsim.solvers.transient.run import Progress, StoppedError, Tolerance, form_of, solve_transient
from miecsim.system import System
from miecsim.techniques.host import insertion_electrode

IN_TIME = [name for name in systems.ALL if name != "cross"]  # an admittance without a form in time


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("name", IN_TIME)
def test_jacobian_in_time(name: str, dimension: int) -> None:
    """dF/dy + cj dF/dy' against central differences at a random state, every kind of element and contact."""
    system = systems.ALL[name](dimension)
    form = form_of(system, Step("any", {"A": voltage(Ramp(0.0, 0.3))}, 1.0), (1e-1, 1e1))
    rng = np.random.default_rng(0)
    n, m = system.nodes.n, system.n_fields
    y = 1e-3 * rng.normal(size=form.size)
    y[: n * m] = systems.random_state(system, 1, 0.3).T.ravel()
    yp = rng.normal(size=form.size) * np.maximum(np.abs(y), 1e-3)
    cj = 3.7
    exact = form.jacobian(y, cj).toarray()
    step = 1e-6 * np.maximum(np.abs(y), 1e-3)
    forth, back = np.zeros(form.size), np.zeros(form.size)
    differences = np.zeros_like(exact)
    for j in range(form.size):
        e = np.zeros(form.size)
        e[j] = step[j]
        form.residual(0.3, y + e, yp + cj * e, forth)
        form.residual(0.3, y - e, yp - cj * e, back)
        differences[:, j] = (forth - back) / (2 * step[j])
    row = np.abs(exact).max(axis=1, keepdims=True)
    column = np.abs(exact / row).max(axis=0)
    assert np.max(np.abs(exact - differences) / row / column) < 1e-7


@pytest.mark.parametrize("name", IN_TIME)
def test_charge_is_conserved_and_the_end_is_the_steady_state(name: str) -> None:
    """A jump of voltage, a ramp, rest: what went in is what is stored, at a loose tolerance too."""
    system = systems.ALL[name](1)
    point = mx.solve_steady(system)
    protocol = [
        Step("jump", {"A": voltage(0.05)}, 0.7),
        Step("ramp", {"A": voltage(Ramp(0.05, -0.02))}, 1.3),
        Step("rest", {"A": current(0.0)}, 0.4),
        Step("long", {"A": voltage(0.03)}, 1e6),
    ]
    trace = solve_transient(point, protocol, tolerance=Tolerance(1e-4), fastest=1e3)
    assert trace.conservation < 1e-9
    # a current onto a metal plate is a derivative, known to the tolerance of the time steps only
    assert np.max(np.abs(trace.current.sum(axis=1))) < 1e-5 * np.abs(trace.current).max()
    at_rest = trace.step == 2
    assert np.all(np.abs(trace.current[at_rest, 0][1:]) < 1e-12 * np.abs(trace.current).max())
    np.testing.assert_allclose(trace.voltage[trace.step == 1][-1, 0], -0.02, rtol=1e-9)
    if name in ("composite", "conductor", "poisson"):  # nothing that all terminals block
        steady = mx.solve_steady(system, {"A": 0.03})
        np.testing.assert_allclose(trace.current[-1], steady.currents[:2], rtol=1e-3)
        scale = np.maximum(np.abs(steady.u).max(axis=1, keepdims=True), systems.V_T)
        assert np.max(np.abs(trace.state[-1] - steady.u) / scale) < 1e-4


def plates() -> tuple[System, float]:
    """Two carriers with space charge between metal plates, and its time scale."""
    carriers = (mx.CarrierIn("cation", 1, 11.0, 2.1e-10), mx.CarrierIn("anion", -1, 11.0, 7.7e-10))
    layer = mx.ChargedLayer("electrolyte", 53e-9, carriers, permittivity=6.1e-10)
    return mx.build_system(mx.nernst_planck_poisson([layer]), mx.metal_plates(), mesh=mx.Mesh(cells=40)), 1.7e-5


def host() -> tuple[System, float]:
    """Lithium in a sphere that conducts both, and its time scale."""
    return insertion_electrode(1.3e-6, 2.3e-4, 11370.0, 3.1e-15, 3e-11, shape="sphere", factor=2.3, cells=10), 700.0


SWUNG = {
    "plates": plates,
    "host": host,
    "salt": lambda: (salt(40)[0], 37.0),
    "neutral": lambda: (systems.neutral(1), 2.7),
    "poisson": lambda: (systems.poisson(1), 2.9e-6),
    "composite": lambda: (systems.composite(1), 1.3),
    "conductor": lambda: (systems.conductor(1), 2.9),
}


SWINGS = [
    pytest.param(
        name, swing, marks=[pytest.mark.slow] if swing in (3e-5, 0.5) or (name, swing) == ("composite", 1e-7) else []
    )
    for swing in (1e-7, 3e-5, 2e-2, 0.5)
    for name in SWUNG
    if name != "composite" or swing in (1e-7, 2e-2)
]


@pytest.mark.parametrize(("name", "swing"), SWINGS)
def test_charge_is_conserved_whatever_the_swing(name: str, swing: float) -> None:
    """A jump by as many volts, which moves about this share of the content, and a rest: to 1e-9 of what passed even
    where that is a ten-millionth of the content, and always to rounding."""
    system, duration = SWUNG[name]()
    terminal, epsilon = system.terminals[0], np.finfo(float).eps
    protocol = [
        Step("jump", {terminal: voltage(swing)}, duration),
        Step("rest", {terminal: current(0.0)}, 0.3 * duration),
    ]
    tolerance = Tolerance(1e-4 if name == "composite" else 1e-6)
    trace = solve_transient(mx.solve_steady(system), protocol, tolerance=tolerance)
    assert trace.conservation < min(1e-9, 30 * trace.rounding)
    if name in ("composite", "conductor"):  # at rest their capacitors hold nothing
        assert trace.rounding == epsilon
    else:
        assert 0.1 * swing < epsilon / trace.rounding < 10 * swing


@pytest.mark.parametrize(("wave", "error"), [(Ramp(0.02, -0.07), 1e-15), (Sine(0.01, 0.05, 1.9e5, 0.3), 1e-7)])
def test_a_voltage_that_moves_is_followed(wave: Ramp | Sine, error: float) -> None:
    """A ramp to rounding, a sine within the tolerance of the time steps; charge is conserved to rounding in both."""
    system, duration = plates()
    trace = solve_transient(mx.solve_steady(system), [Step("move", {"A": voltage(wave)}, duration)])
    exact = np.array([wave.at(t, duration) for t in trace.time])
    assert np.max(np.abs(trace.voltage[:, 0] - exact)) < error
    assert trace.conservation < 30 * trace.rounding


def pore(cells: int) -> tuple[System, float, float]:
    L, A, sigma, a_v, C = 47e-6, 2.3e-5, 0.037, 2.7e5, 0.23
    layer = mx.CompositeLayer("pore", L, sigma, sigma * 1e9, mx.Lumped(C=C), a_v)
    mesh = mx.Mesh(cells=cells, grading=30.0)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), area=A, mesh=mesh)
    return system, L / (sigma * A), C * a_v * L * A


def test_charging_of_a_pore() -> None:
    """de Levie's step response, closer by the square of the cell size: the time steps add nothing."""
    errors, V = [], 0.013
    for cells in (40, 80):
        system, R, C = pore(cells)
        times = log_times(1.5 * R * C, 1e-2 * R * C, 8)
        step = Step("step", {"A": voltage(V)}, 1.5 * R * C, outputs=times)
        trace = solve_transient(mx.solve_steady(system), [step], tolerance=Tolerance(1e-7))
        at = np.isin(trace.time, times)
        exact = pore_charging_current(trace.time[at], R, C, V)
        errors.append(np.max(np.abs(trace.current[at, 0] / exact - 1)))
    assert errors[1] < 1e-3
    assert 1.9 < np.log2(errors[0] / errors[1]) < 2.1


def mixed(cells: int = 120) -> tuple[System, tuple[float, float, float, float, float]]:
    s_i, s_e, c, L, A = 0.013, 0.41, 2.2e6, 37.1e-6, 2.3e-5
    layer = mx.ConductorLayer("film", L, s_i, s_e, chemical_capacitance=c)
    mesh = mx.Mesh(cells=cells, grading=20.0)
    system = mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking"), area=A, mesh=mesh)
    return system, (s_i, s_e, s_i * s_e / (s_i + s_e) / c, L, A)


def test_galvanostatic_polarisation() -> None:
    """Yokota: voltage of an ion-blocking cell after a step of current; the electronic resistance at the end."""
    system, parameters = mixed()
    amperes, D, L = 1.7e-3, parameters[2], parameters[3]
    tau = L * L / D
    times = log_times(2 * tau, 1e-3 * tau, 6)
    trace = solve_transient(
        mx.solve_steady(system),
        [Step("step", {"A": current(amperes)}, 2 * tau, outputs=times)],
        tolerance=Tolerance(1e-7),
    )
    at = np.isin(trace.time, times)
    exact = polarisation_voltage(trace.time[at], *parameters, amperes)
    np.testing.assert_allclose(trace.voltage[at, 0], exact, rtol=3e-4)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_fourier_of_a_step_is_the_impedance(tolerance: float) -> None:
    """Five decades from one small step, closer as the integrator's tolerance falls."""
    system = systems.composite(1)
    point = mx.solve_steady(system)
    step = Step("step", {"A": voltage(1e-4)}, 3e4)
    trace = solve_transient(point, [step], tolerance=Tolerance(tolerance), fastest=1e6)
    f = np.logspace(-2, 3, 16)
    charge = trace.charge[:, [i for i, p in enumerate(system.ports) if p.port == 0]].sum(axis=1)
    Y = step_admittance(trace.time, charge, trace.current[:, 0], 1e-4, f)
    error = np.max(np.abs(Y * mx.impedance(point, f).Z - 1))
    assert error < (2e-4 if tolerance == 1e-7 else 5e-3)


def test_a_sine_of_five_millivolts_is_the_impedance() -> None:
    system, parameters = mixed(40)
    f = 0.31 * parameters[2] / parameters[3] ** 2
    point = mx.solve_steady(system)
    per_period, periods = 64, 6
    times = np.arange(1, per_period * periods + 1) / (per_period * f)
    step = Step("sine", {"A": voltage(Sine(0.0, 5e-3, f))}, periods / f, outputs=times[:-1])
    trace = solve_transient(point, [step], tolerance=Tolerance(1e-7))
    at = np.searchsorted(trace.time, times[-per_period:] * (1 - 1e-12))
    wave = np.exp(-2j * np.pi * f * trace.time[at])
    Z = (trace.voltage[at, 0] * wave).sum() / (trace.current[at, 0] * wave).sum()
    np.testing.assert_allclose(Z, mx.impedance(point, np.array([f])).Z[0], rtol=1e-4)


def test_a_limit_ends_a_step_where_it_is_crossed() -> None:
    system, parameters = mixed(40)
    amperes = 1e-3
    cut = 0.985 * amperes * parameters[3] / (parameters[1] * parameters[4])
    steps = [
        Step("charge", {"A": current(amperes)}, 1e4, limits=(Limit("voltage", "A", "above", cut),)),
        Step("rest", {"A": current(0.0)}, 1.0),
    ]
    trace = solve_transient(mx.solve_steady(system), repeat(steps, 2))
    assert [event[1] for event in trace.events] == [0, 2]
    ended = np.searchsorted(trace.time, trace.events[0][0])
    np.testing.assert_allclose(trace.voltage[ended, 0], cut, rtol=1e-7)
    last = Limit("voltage", "A", "above", cut, ends_run=True)
    steps[0] = Step("charge", {"A": current(amperes)}, 1e4, limits=(last,))
    assert set(solve_transient(mx.solve_steady(system), repeat(steps, 2)).step) == {0}


def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    system = systems.poisson(1)
    point = mx.solve_steady(system)
    protocol = [Step("one", {"A": voltage(0.08)}, 3e-6), Step("two", {"A": current(0.0)}, 2e-6)]
    whole = solve_transient(point, protocol)
    file = tmp_path / "run.npz"

    def stop(progress: Progress) -> None:
        if len(progress.kept.time) == 60:
            save_progress(file, progress)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_transient(point, protocol, progress=stop)
    rest = solve_transient(point, protocol, resume=load_progress(file))
    assert rest.time[0] == whole.time[0] and rest.time[-1] == whole.time[-1]
    np.testing.assert_array_equal(rest.voltage[:60], whole.voltage[:60])
    np.testing.assert_allclose(rest.state[-1], whole.state[-1], rtol=1e-4, atol=1e-6)
    assert rest.conservation < 1e-9
    file.write_bytes(b"nothing")
    with pytest.raises(mx.InputError, match="not a checkpoint"):
        load_progress(file)


def test_depletion_stays_positive() -> None:
    """At 0.52 V the concentration at the cathode falls below 1e-4 of where it began."""
    c0, D, L = 137.0, 3.1e-10, 53e-6
    carriers = (mx.CarrierIn("cation", 1, c0, D), mx.CarrierIn("anion", -1, c0, 2.3 * D))
    layer = mx.ChargedLayer("electrolyte", L, carriers)
    wiring = systems.wires(
        ("A", mx.Contact("left", "cation", mx.Reversible())), ("B", mx.Contact("right", "cation", mx.Reversible()))
    )
    system = mx.build_system(mx.mixed_conductor([layer]), wiring, mesh=mx.Mesh(cells=150, grading=100.0))
    V = 0.52
    trace = solve_transient(mx.solve_steady(system), [Step("polarise", {"A": voltage(V)}, 40 * L**2 / D)])
    assert trace.state[:, :2].min() > 0
    c = trace.state[-1, 0]
    assert c[-1] < 1e-4 * c0
    # no anion moves any more: RT ln c - F phi is flat, whatever the mesh
    np.testing.assert_allclose(c[-1] / c[0], np.exp(-V / (2 * systems.V_T)), rtol=1e-6)
    limit = 4 * FARADAY * D * c0 / L
    np.testing.assert_allclose(trace.current[-1, 0], limit * np.tanh(V / (4 * systems.V_T)), rtol=1e-3)
    assert trace.conservation < 1e-9


@pytest.mark.parametrize("V", [0.52, 0.9])
def test_depletion_stays_positive_in_the_steady_state(V: float) -> None:
    """c_B/c_A = exp(-V/2V_T) to the last: 2.5e-8 at 0.9 V."""
    system, c0, _, _ = salt(60)
    c = mx.solve_steady(system, {"A": V}).u[0]
    assert 0 < c.min() < 1e-4 * c0
    np.testing.assert_allclose(c[-1] / c[0], np.exp(-V / (2 * systems.V_T)), rtol=1e-6)


def supported() -> System:
    """A divalent cation, of the most charge, with a little of another, between contacts reversible to the first."""
    carriers = (
        mx.CarrierIn("divalent", 2, 65.0, 2.1e-10),
        mx.CarrierIn("other", 1, 7.0, 4.7e-10),
        mx.CarrierIn("anion", -1, 137.0, 3.3e-10),
    )
    wiring = systems.wires(
        ("A", mx.Contact("left", "divalent", mx.Reversible())), ("B", mx.Contact("right", "divalent", mx.Reversible()))
    )
    layer = mx.ChargedLayer("electrolyte", 30e-6, carriers)
    return mx.build_system(mx.mixed_conductor([layer]), wiring, mesh=mx.Mesh(cells=15, grading=100.0))


def test_a_majority_that_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The carrier whose balance follows from electroneutrality falls below 1e-6 of where it began at one contact and
    comes back: as in the steady state, and as in runs in which another one's balance follows all along."""
    system = supported()
    point, V, duration = mx.solve_steady(system), 0.25, 27.0
    protocol = [
        Step("deplete", {"A": voltage(V)}, duration, outputs=(0.01, 0.1)),
        Step("back", {"A": voltage(0.03)}, 0.1, outputs=(0.01,)),
    ]
    form = form_of(system, protocol[0], (1e-3, 1e3))
    assert np.array_equal(form.total.target[form.total.target >= 0] % 4, np.zeros(45))  # of all carriers in 15 cells
    trace = solve_transient(point, protocol)
    depleted = trace.state[2]
    steady = mx.solve_steady(system, {"A": V})
    assert depleted[0].min() < 1e-6 * 65.0
    np.testing.assert_allclose(depleted, steady.u, rtol=1e-8, atol=1e-12)
    assert np.all(trace.state[:, :3] > 0) and trace.conservation < 1e-12
    y = np.concatenate([depleted.T.ravel(), np.zeros(form.size - depleted.size)])
    changed = form.chosen_at(y).total.target
    changed = changed[changed >= 0] % 4
    assert set(changed.tolist()) == {0, 2}  # the divalent cation at one contact, the anion at the other
    for row in (1, 2):
        choice = timeform._majority(system, point.u)
        monkeypatch.setattr(timeform, "_majority", lambda *_, row=row, choice=choice: np.where(choice < 0, -1, row))
        other = solve_transient(point, protocol)
        # where next to nothing is left, to the absolute tolerance of the time steps
        np.testing.assert_allclose(other.state[:, :3], trace.state[:, :3], rtol=2e-4, atol=1e-9 * 65.0)
        np.testing.assert_allclose(other.current[-1], trace.current[-1], rtol=1e-5)


def salt(cells: int) -> tuple[System, float, float, float]:
    """Binary electrolyte between reversible cations: the system, c0, and the diffusivities of cation and salt."""
    c0, D, ratio = 137.0, 3.1e-10, 2.3
    carriers = (mx.CarrierIn("cation", 1, c0, D), mx.CarrierIn("anion", -1, c0, ratio * D))
    wiring = systems.wires(
        ("A", mx.Contact("left", "cation", mx.Reversible())), ("B", mx.Contact("right", "cation", mx.Reversible()))
    )
    layer = mx.ChargedLayer("electrolyte", 430e-6, carriers)
    mesh = mx.Mesh(cells=cells, grading=200.0)
    return mx.build_system(mx.mixed_conductor([layer]), wiring, mesh=mesh), c0, D, 2 * D * ratio / (1 + ratio)


def test_a_run_that_cannot_go_on_stops_at_sands_time() -> None:
    """Above the limiting current the salt is used up at tau = pi D (F c0/(2 i (1 - t_+)))^2 (Sand 1901): the run ends
    there in one line, with what it reached."""
    system, c0, D, D_salt = salt(80)
    t_minus = 2.3 / 3.3
    i = 6.0 * 4 * FARADAY * D * c0 / 430e-6
    sand = np.pi * D_salt * (FARADAY * c0 / (2 * i * t_minus)) ** 2
    with pytest.raises(StoppedError, match=r"cannot go on after .* used up the cation at \(0.00043\) m") as caught:
        solve_transient(mx.solve_steady(system), [Step("drive", {"A": current(i)}, 10 * sand)])
    reached = caught.value.progress
    assert abs(reached.t / sand - 1) < 0.01
    assert len(reached.kept.time) > 100 and np.all(np.isfinite(reached.y))


def test_of_two_limits_the_one_that_was_crossed_is_named() -> None:
    """A voltage and a concentration, whose distances to their limits cannot be compared."""
    system, c0, D, _ = salt(60)
    i = 0.8 * 4 * FARADAY * D * c0 / 430e-6
    limits = (Limit("voltage", "A", "above", 10.0), Limit("concentration", "cation", "below", 0.5 * c0))
    step = Step("drive", {"A": current(i)}, 1e5, limits=limits)
    trace = solve_transient(mx.solve_steady(system), [step])
    assert [event[1:] for event in trace.events] == [(0, 1)]
    np.testing.assert_allclose(trace.state[-1, 0].min(), 0.5 * c0, rtol=1e-6)


def test_protocols_that_do_not_fit_are_told() -> None:
    system, _ = mixed(6)
    point = mx.solve_steady(system)
    with pytest.raises(mx.InputError, match="no steps"):
        solve_transient(point, [])
    with pytest.raises(mx.InputError, match="expected one of A, B"):
        solve_transient(point, [Step("x", {"C": voltage(1.0)}, 1.0)])
    with pytest.raises(mx.InputError, match="one must hold a voltage"):
        solve_transient(point, [Step("x", {"A": current(1.0), "B": current(-1.0)}, 1.0)])
    with pytest.raises(mx.InputError, match="duration"):
        Step("x", {}, 0.0)
    with pytest.raises(mx.InputError, match="outputs"):
        Step("x", {}, 1.0, outputs=(0.5, 0.4))
    for limit in (Limit("voltage", "C", "above", 1.0), Limit("concentration", "C", "above", 1.0)):
        with pytest.raises(mx.InputError, match="limit of 'C'; expected one of"):
            solve_transient(point, [Step("x", {}, 1.0, limits=(limit,))])
    with pytest.raises(mx.InputError, match="no form in time"):
        solve_transient(mx.solve_steady(systems.cross(1)), [Step("x", {}, 1.0)])
