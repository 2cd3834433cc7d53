"""Direct-current formulas against quadrature at 40 digits, differential equations and each other."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import solve_bvp

from miecsim.circuit.steps import polarisation_voltage
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.techniques import formulas_polarisation as fp

LOGS = st.floats(-7, 3)


def test_worked_hebb_wagner_curve():
    E = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.25, 0.4]
    i = [
        -0.8115509594710975, -0.06013339512616761, -0.007366003922498101, 0.005937841836742514, 0.02066406123481882,
        0.03666081177036328, 0.08356630520636825,
    ]  # fmt: skip
    cell = 1.241e-05, 0.0005753, 0.001782, 1031.0
    assert_allclose(fp.hebb_wagner_current(E, *cell), i, rtol=1e-12)  # P017
    assert_allclose(fp.hebb_wagner_voltage(i, *cell), E, rtol=1e-11)
    assert_allclose(fp.hebb_wagner_fit(E, i, *cell[2:]), cell[:2], rtol=1e-11)


def test_differential_conductivity_is_that_of_the_blocking_side():
    sigma_n, sigma_p, L, T = 3.1e-6, 0.00071, 0.0013, 941.0
    E = np.linspace(-0.2, 0.55, 1501)
    u = E * FARADAY / (GAS_CONSTANT * T)
    read = fp.electronic_conductivity(E, fp.hebb_wagner_current(E, sigma_n, sigma_p, L, T), L)
    assert_allclose(read, sigma_n * np.exp(u) + sigma_p * np.exp(-u), rtol=2e-5)


@settings(max_examples=200, deadline=None)
@given(LOGS, LOGS, st.floats(-1.7, 1.7), st.floats(250, 1600))
def test_voltage_undoes_current(log_n, log_p, E, T):
    cell = 10.0**log_n, 10.0**log_p, 0.0037, T
    i = fp.hebb_wagner_current(E, *cell)
    # a plateau maps many voltages to one current: what must come back is the current, to the rounding of its terms
    back = fp.hebb_wagner_voltage(i, *cell)
    u = FARADAY * E / (GAS_CONSTANT * T)
    terms = GAS_CONSTANT * T / (FARADAY * 0.0037) * (cell[0] * abs(np.expm1(u)) + cell[1] * abs(np.expm1(-u)))
    assert abs(float(fp.hebb_wagner_current(back, *cell) - i)) <= 1e-13 * terms


def test_voltage_at_the_plateaus_of_one_carrier():
    L, T = 0.0011, 1000.0
    plateau = GAS_CONSTANT * T / (FARADAY * L)
    i = np.array([-3.0, -1e-9, 0.0, 1e-9, 0.3, 0.999999]) * plateau * 0.02
    E = fp.hebb_wagner_voltage(i, 0.0, 0.02, L, T)
    assert_allclose(fp.hebb_wagner_current(E, 0.0, 0.02, L, T), i, rtol=1e-10, atol=0)
    assert_allclose(fp.hebb_wagner_voltage(-i, 0.02, 0.0, L, T), -E, rtol=1e-10)
    with pytest.raises(InputError, match="plateau"):
        fp.hebb_wagner_voltage(plateau * 0.02, 0.0, 0.02, L, T)
    with pytest.raises(InputError, match="plateau"):
        fp.hebb_wagner_voltage(-plateau * 0.021, 0.02, 0.0, L, T)


# ---- membranes ----


def test_worked_membrane():
    laws = 0.21, 6.594e-18, 0.2204, 0.004102, 4.828e-08
    assert float(fp.oxygen_flux(*laws, 0.00111, 1214.0)) == pytest.approx(9.059593351357086e-07, rel=1e-12)  # P018
    assert float(fp.open_circuit_voltage(*laws, 1214.0)) == pytest.approx(0.9920688938862251, rel=1e-12)


def by_quadrature(high, low, sigma_ion, sigma_p, sigma_n):
    """int t_ion dln p and int (1 - t_ion) dln p."""
    with mp.workdps(30):
        a, b, c = mp.mpf(sigma_p), mp.mpf(sigma_ion), mp.mpf(sigma_n)
        ends = [mp.log(mp.mpf(low)), mp.log(mp.mpf(high))]
        turns = [4 * mp.log(c / b) if c else 0, 4 * mp.log(b / a) if a else 0, 2 * mp.log(c / a) if a and c else 0]
        panels = [ends[0], *sorted(t for t in turns if min(ends) < t < max(ends)), ends[1]]

        def leak(y):
            e = a * mp.exp(y / 4) + c * mp.exp(-y / 4)
            return e / (b + e)

        electronic = mp.quad(leak, panels, maxdegree=10)
        return float(ends[1] - ends[0] - electronic), float(electronic)


@pytest.mark.parametrize(
    ("high", "low", "sigma_ion", "sigma_p", "sigma_n"),
    [
        (0.21, 1.3e-19, 3.1, 2.7e-9, 1.1e-13),  # hardly any leak: the flux keeps its digits
        (0.21, 1.3e-19, 3.1, 0.0, 1.1e-13),
        (0.37, 3.1e-7, 0.013, 0.31, 0.0),
        (0.37, 3.1e-7, 0.013, 0.0, 0.0),
        (1.7, 2.3e-9, 0.11, 0.43, 0.29),  # d^2 < 0
        (1.7, 2.3e-9, 2.0, 1.0, 1.0),  # d = 0
        (1.7, 2.3e-9, 2.0, 1.0, 1.0 - 1e-13),
        (0.2100000001, 0.21, 0.7, 0.013, 3e-4),  # hardly any driving force
        (3.3e-6, 0.41, 0.7, 0.013, 3e-4),  # driven the other way
        (55.0, 1e-22, 0.19, 0.083, 6e-5),
        (3.3e-20, 49.5, 1.013, 6.9e-6, 2.8e-5),  # far the other way
        (0.21, 0.21, 0.7, 0.013, 3e-4),
    ],
)
def test_membrane_against_quadrature(high, low, sigma_ion, sigma_p, sigma_n):
    through, leak = by_quadrature(high, low, sigma_ion, sigma_p, sigma_n)
    L, T = 0.00037, 1123.0
    got = fp.mean_transference(high, low, sigma_ion, sigma_p, sigma_n)
    assert float(got) == pytest.approx(through, rel=2e-13)
    flux = float(fp.oxygen_flux(high, low, sigma_ion, sigma_p, sigma_n, L, T))
    assert flux == pytest.approx(GAS_CONSTANT * T * sigma_ion * leak / (16 * FARADAY**2 * L), rel=1e-12, abs=1e-300)


@settings(max_examples=100, deadline=None)
@given(LOGS, LOGS, LOGS, st.floats(-20, 1), st.floats(0.01, 15))
def test_membrane_bounds(log_ion, log_p, log_n, log_low, decades):
    laws = 10.0**log_ion, 10.0**log_p, 10.0**log_n
    low, high, highest = 10.0 ** (log_low + np.array([0, decades, decades + 0.5]))
    through = fp.mean_transference([high, highest], low, *laws)
    # rounding of p^(1/4) is seen where hardly anything lies between the pressures
    assert 0 < through[0] <= np.log(high / low) * (1 + 1e-12) and through[1] > through[0]
    flux = fp.oxygen_flux([high, highest], low, *laws, 0.001, 1000.0)
    assert 0 < flux[0] < flux[1]
    swapped = fp.oxygen_flux(low, high, *laws, 0.001, 1000.0)
    assert float(swapped) == pytest.approx(-flux[0], rel=1e-11)


# ---- electrolytes ----


def test_limited_current_against_the_transport_equations():
    """Nernst-Planck of both ions between electrodes that pass cations, the amount of salt fixed."""
    D_plus, c0, L, T, i = 3.1e-11, 730.0, 4.7e-5, 343.0, 47.0
    f, limit = FARADAY / (GAS_CONSTANT * T), fp.limiting_current(D_plus, c0, L)

    def slopes(x, y):
        c, _, amount = y
        # N_- = 0 gives c f dphi/dx = dc/dx; N_+ = i/F
        drift = -i / (FARADAY * D_plus * 2)
        return np.stack([np.full_like(c, drift), drift / (f * c), c]) * L

    def ends(a, b):
        return np.array([a[1], a[2], b[2] - c0 * L])

    x = np.linspace(0, 1, 40)
    run = solve_bvp(slopes, ends, x, np.stack([np.full_like(x, c0), 0 * x, c0 * L * x]), tol=1e-10, max_nodes=20000)
    c, phi = run.y[0], run.y[1]
    V = phi[0] - phi[-1] + np.log(c[0] / c[-1]) / f
    assert float(fp.polarised_salt_current(V, limit, T)) == pytest.approx(i, rel=1e-8)
    assert float(fp.polarised_salt_voltage(i, limit, T)) == pytest.approx(V, rel=1e-8)


def test_bruce_vincent_returns_the_number_of_its_circuit():
    """Ohmic: both ions at first, cations alone at last, interfaces in series that changed in between."""
    sigma_plus, sigma_minus, R0, Rs, V = 0.0031, 0.0174, 0.27, 0.41, 0.01
    first = V / (1 / (sigma_plus + sigma_minus) / 90 + R0)
    last = V / (1 / sigma_plus / 90 + Rs)
    assert fp.bruce_vincent_number(V, first, last, R0, Rs) == pytest.approx(
        sigma_plus / (sigma_plus + sigma_minus), rel=1e-13
    )
    with pytest.raises(InputError, match="interfaces"):
        fp.bruce_vincent_number(V, first, last, 1.01 * V / first, Rs)


def test_bruce_vincent_is_the_small_signal_limit_of_the_salt():
    D_plus, D_minus, c0, L, T, V = 3.1e-11, 1.3e-10, 730.0, 4.7e-5, 343.0, 1e-6
    first = FARADAY**2 * c0 * (D_plus + D_minus) / (GAS_CONSTANT * T) * V / L
    last = float(fp.polarised_salt_current(V, fp.limiting_current(D_plus, c0, L), T))
    assert fp.bruce_vincent_number(V, first, last, 0, 0) == pytest.approx(D_plus / (D_plus + D_minus), rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.floats(-3, 3), st.integers(-3, 3).filter(bool), LOGS, LOGS, st.floats(250, 1600))
def test_constant_field_flux_against_multiprecision(V, z, log_left, log_right, T):
    assume(abs(V) > 1e-200 or V == 0)
    D, L, left, right = 3.7e-12, 2.3e-7, 10.0**log_left, 10.0**log_right
    with mp.workdps(60):
        u = mp.mpf(z) * mp.mpf(V) / (mp.mpf(GAS_CONSTANT * T / FARADAY))
        weight = u / mp.expm1(u) if u else mp.mpf(1)
        exact = float(mp.mpf(D) / L * weight * (left * mp.exp(u) - right))
        larger = float(mp.mpf(D) / L * weight * (left * mp.exp(u) + right))
    got = float(fp.constant_field_flux(V, z, D, left, right, L, T))
    assert abs(got - exact) <= 1e-13 * larger
    assert float(fp.constant_field_flux(-V, z, D, right, left, L, T)) == pytest.approx(
        -got, rel=1e-12, abs=1e-14 * larger
    )


def test_constant_field_limits():
    N = fp.constant_field_flux([0.0, 40.0, -40.0], 1, 2e-12, 13.0, 5.0, 3e-6, 300.0)
    drift = 2e-12 * FARADAY * 40.0 / (GAS_CONSTANT * 300.0) / 3e-6
    assert_allclose(N, [2e-12 * 8 / 3e-6, 13 * drift, -5 * drift], rtol=1e-14)
    nernst = GAS_CONSTANT * 300 / FARADAY / 2 * np.log(5.0 / 13.0)
    assert abs(float(fp.constant_field_flux(nernst, 2, 2e-12, 13.0, 5.0, 3e-6, 300.0))) < 1e-14 * 13 * 2e-12 / 3e-6


def test_partial_conductivities_and_the_tail_of_a_polarisation():
    sigma_ion, sigma_eon, L, A, D = 0.0173, 0.41, 0.0021, 7.3e-5, 3.1e-10
    R_eon, R_ion = L / (A * sigma_eon), L / (A * sigma_ion)
    assert_allclose(fp.partial_conductivities(L, A, R_eon, R_ion), [sigma_ion, sigma_eon], rtol=1e-15)
    t = np.array([0.7, 0.8]) * L**2 / D
    U = polarisation_voltage(np.array([*t, 9 * L**2 / D]), sigma_ion, sigma_eon, D, L, A)
    assert U[2] == pytest.approx(R_eon, rel=1e-12)
    slope = np.diff(np.log(U[2] - U[:2]))[0] / np.diff(t)[0]
    assert fp.polarisation_diffusivity(slope, L) == pytest.approx(D, rel=1e-8)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fp.hebb_wagner_current(0.1, 0, 0, 1, 300), "both 0"),
        (lambda: fp.hebb_wagner_current(np.nan, 1, 0, 1, 300), "voltage must be finite"),
        (lambda: fp.hebb_wagner_fit([0.1, 0.0], [1.0, 0.0], 1, 300), "two points"),
        (lambda: fp.hebb_wagner_fit([0.1, 0.2], [1.0], 1, 300), "2 voltages but 1"),
        (lambda: fp.electronic_conductivity([0, 1], [0, 1], 1), "three voltages"),
        (lambda: fp.mean_transference(0.0, 1.0, 1, 1, 1), "high must be positive"),
        (lambda: fp.oxygen_flux(1.0, 0.1, 1, -1, 1, 1, 1000), "sigma_p must not be negative"),
        (lambda: fp.polarised_salt_voltage(2.0, 2.0, 300), "below 2 A/m2"),
        (lambda: fp.polarisation_diffusivity(0.1, 1.0), "negative"),
    ],
)
def test_what_cannot_be_is_said(call, told):
    with pytest.raises(InputError, match=told):
        call()
