"""Second and third harmonics against the exponentials they come from, and against time."""

from __future__ import annotations

import numpy as np
import pytest
import systems
from scipy.special import iv

import miecsim as mx
from miecsim.solvers.transient.harmonics import harmonics
from miecsim.solvers.transient.protocol import Sine, Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient


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


def test_bad_questions() -> None:
    point = mx.solve_steady(systems.poisson(1))
    with pytest.raises(mx.InputError, match="expected one of A, B"):
        harmonics(point, np.array([1.0]), "C")
    with pytest.raises(mx.InputError, match="positive"):
        harmonics(point, np.array([-1.0]))
