"""Second and third harmonics against the exponentials they come from, and against time."""

from __future__ import annotations

import numpy as np
import pytest
import systems
from scipy.special import iv

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.solvers.transient.harmonics import harmonics
from miecsim.solvers.transient.protocol import Sine, Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.system import System


def test_a_butler_volmer_interface_alone() -> None:
    """Rails without resistance: i = i0 (exp(alpha x) - exp(-(1 - alpha) x)) swings as its power series."""
    i0, alpha, v_t, a_v, L = 1.7, 0.37, systems.V_T, 2.1e5, 37e-6
    layer = mx.CompositeLayer("electrode", L, 1e4, 1e4, mx.ButlerVolmer(i0, v_t, alpha), a_v)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("both_rails_left"), mesh=mx.Mesh(cells=4))
    bias = 0.013
    point = mx.solve_steady(system, {"B": bias})
    found = harmonics(point, np.array([0.7]), "B")
    p, q = np.exp(alpha * bias / v_t), np.exp(-(1 - alpha) * bias / v_t)

    def derivative(n: int) -> float:
        return a_v * L * i0 * ((alpha / v_t) ** n * p - (-(1 - alpha) / v_t) ** n * q)

    np.testing.assert_allclose(found.Y_1[0], derivative(1), rtol=3e-6)
    np.testing.assert_allclose(found.rectified[0], derivative(2) / 4, rtol=1e-5)
    np.testing.assert_allclose(found.Y_2[0], derivative(2) / 4, rtol=1e-5)
    np.testing.assert_allclose(found.Y_31[0], derivative(3) / 8, rtol=3e-4)
    np.testing.assert_allclose(found.Y_3[0], derivative(3) / 24, rtol=3e-4)
    # all orders together: modified Bessel functions of the amplitude
    amplitude = 2e-3
    fundamental = 2 * a_v * L * i0 * (p * iv(1, alpha * amplitude / v_t) + q * iv(1, (1 - alpha) * amplitude / v_t))
    np.testing.assert_allclose(1 / found.apparent_impedance(amplitude)[0], fundamental / amplitude, rtol=3e-6)


@pytest.mark.parametrize("name", ["composite", "neutral", "poisson"])
def test_first_harmonic_is_the_impedance(name: str) -> None:
    point = mx.solve_steady(systems.ALL[name](1), {"A": 0.07})
    f = np.logspace(0, 3, 4)
    np.testing.assert_allclose(1 / harmonics(point, f).Y_1, mx.impedance(point, f).Z, rtol=1e-5)


def test_harmonics_of_a_sine_in_time() -> None:
    """Space charge and unequal ions: a sine of 5 mV, Fourier-analysed, shows the same first and second harmonic.

    The third, 1e-6 of the first, is below what the integrator resolves.
    """
    system = systems.poisson(1)
    point = mx.solve_steady(system, {"A": 0.05})
    f, a = 3e5, 5e-3
    per_period, periods = 32, 6
    times = np.arange(1, per_period * periods) / (per_period * f)
    step = Step("sine", {"A": voltage(Sine(0.05, a, f, np.pi / 2))}, periods / f, outputs=times)
    trace = solve_transient(point, [step], tolerance=Tolerance(1e-8))
    at = np.searchsorted(trace.time, times[-per_period:] * (1 - 1e-12))
    angle, current = 2 * np.pi * f * trace.time[at], trace.current[at, 0]
    found = harmonics(point, np.array([f]))
    expected = (found.Y_1[0] * a + found.Y_31[0] * a**3, found.Y_2[0] * a**2)
    for h, value, bound in zip((1, 2), expected, (1e-3, 1e-2), strict=True):
        measured = 2 * np.mean(current * np.exp(-1j * h * angle))
        assert abs(measured / value - 1) < bound, h


C0, D, LENGTH = 137.0, 3.1e-10, 53e-6


def salt(cells: int, site_density: float = np.inf) -> System:
    """Between metals that exchange its cation; the anion moves 2.3 times as fast and stays inside: all of the
    nonlinearity is in the bulk."""
    carriers = (mx.CarrierIn("cation", 1, C0, D, site_density=site_density), mx.CarrierIn("anion", -1, C0, 2.3 * D))
    ends = (("A", "left"), ("B", "right"))
    wiring = systems.wires(*((name, mx.Contact(side, "cation", mx.Reversible())) for name, side in ends))
    layer = mx.ChargedLayer("electrolyte", LENGTH, carriers)
    return mx.build_system(mx.mixed_conductor([layer]), wiring, mesh=mx.Mesh(cells=cells, grading=10.0))


@pytest.mark.parametrize("bias", [0.0, 0.061])
def test_slow_harmonics_of_a_salt_are_the_derivatives_of_its_current(bias: float) -> None:
    """i = i_lim tanh(F V/4 R T) at rest and under bias: all orders, the third closer by the square of the cell size."""
    limit, v = 4 * FARADAY * D * C0 / LENGTH, 4 * systems.V_T
    t = np.tanh(bias / v)
    first, second = (1 - t**2) / v, -2 * t * (1 - t**2) / v**2
    third = -2 * (1 - t**2) * (1 - 3 * t**2) / v**3
    scale = limit * np.array([first, 1 / v**2, third / 8, third / 24])
    exact = limit * np.array([first, second / 4, third / 8, third / 24])
    errors = []
    for cells in (20, 40):
        found = harmonics(mx.solve_steady(salt(cells), {"A": bias}), np.array([1e-5 * D / LENGTH**2]))
        read = np.array([found.Y_1[0], found.Y_2[0], found.Y_31[0], found.Y_3[0]]).real
        errors.append(np.abs((read - exact) / scale))
    assert np.max(errors[1]) < 2e-3
    if bias == 0.0:  # under bias the third derivative is near its zero, at tanh = 1/sqrt(3)
        np.testing.assert_allclose(errors[0][3] / errors[1][3], 4.0, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("site_density", [np.inf, 2.4 * C0])
def test_third_harmonic_in_the_bulk_in_time(site_density: float) -> None:
    """Dilute and on a lattice, under bias, where diffusion keeps pace by half: sines of V_T and V_T/2 in time, their
    third harmonics over the cube of the amplitude extrapolated to none by its square."""
    point = mx.solve_steady(salt(12, site_density), {"A": 0.031})
    relaxation = LENGTH**2 / (np.pi**2 * 1.4 * D)
    f = 0.8 / (2 * np.pi * relaxation)
    found = harmonics(point, np.array([f]))
    read = [_in_time(point, 0.031, a, f) for a in (systems.V_T, systems.V_T / 2)]
    third, first = ((4 * half - whole) / 3 for whole, half in zip(*read, strict=True))
    assert abs(third / found.Y_3[0] - 1) < 0.01
    # the fundamental over the amplitude: Y_1 + a^2 Y_31
    assert abs(first / found.Y_1[0] - 1) < 1e-4
    drift = (read[0][1] - read[1][1]) / (0.75 * systems.V_T**2)
    assert abs(drift / found.Y_31[0] - 1) < 0.1


def _in_time(point: mx.OperatingPoint, bias: float, a: float, f: float) -> np.ndarray:
    """Third harmonic over a^3, and first over a, of the last of six periods."""
    per_period, periods = 32, 6
    times = np.arange(1, per_period * periods) / (per_period * f)
    step = Step("sine", {"A": voltage(Sine(bias, a, f, np.pi / 2))}, periods / f, outputs=times)
    trace = solve_transient(point, [step], tolerance=Tolerance(1e-8))
    at = np.searchsorted(trace.time, times[-per_period:] * (1 - 1e-12))
    angle, current = 2 * np.pi * f * trace.time[at], trace.current[at, 0]
    return np.array([2 * np.mean(current * np.exp(-1j * h * angle)) / a**h for h in (3, 1)])


def test_bad_questions() -> None:
    point = mx.solve_steady(systems.poisson(1))
    with pytest.raises(mx.InputError, match="expected one of A, B"):
        harmonics(point, np.array([1.0]), "C")
    with pytest.raises(mx.InputError, match="positive"):
        harmonics(point, np.array([-1.0]))
