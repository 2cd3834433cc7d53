"""Space charge against quadrature of the Poisson-Boltzmann equation at 30 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad, solve_ivp

from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.techniques import formulas_space_charge as fs

SALT = fs.SymmetricSalt(2, 3.74, 2.845e-10, 329.0)
HOLES = fs.FixedBackground(1, 41.0, 3.1e-10, 647.0)
VACANCIES = fs.FixedBackground(2, 730.0, 2.7e-10, 820.0)


def test_worked_layer():
    x = [5.015e-10, 1.672e-09, 5.015e-09]
    phi = [0.02015439793539157, 0.00969816341169954, 0.001300127074478706]
    assert_allclose(fs.gouy_chapman_potential(x, 0.02824, SALT), phi, rtol=1e-12)  # P013
    assert float(fs.gouy_chapman_charge(0.02824, SALT)) == pytest.approx(0.00564174722149051, rel=1e-12)
    assert float(fs.gouy_chapman_capacitance(0.02824, SALT)) == pytest.approx(0.2618562363351979, rel=1e-12)
    assert_allclose(
        fs.gouy_chapman_excesses(0.02824, SALT), [-7.885381770762201e-09, 2.135091299723556e-08], rtol=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(st.floats(-12, 2.7), st.floats(-9, 2), st.sampled_from([-1, 1]))
def test_layer_against_multiprecision(log_psi, log_depth, sign):
    psi, depth = sign * 10.0**log_psi, 10.0**log_depth
    got = float(fs.gouy_chapman_potential(depth * SALT.debye_length, psi * SALT.unit, SALT)) / SALT.unit
    with mp.workdps(600):
        exact = float(4 * mp.atanh(mp.tanh(mp.mpf(psi) / 4) * mp.exp(-mp.mpf(depth))))
    assert got == pytest.approx(exact, rel=1e-13, abs=1e-300)


@settings(max_examples=60, deadline=None)
@given(st.floats(-60, 60))
def test_layer_is_one_of_charge_and_capacitance(psi):
    phi = psi * SALT.unit
    q = float(fs.gouy_chapman_charge(phi, SALT))
    cations, anions = fs.gouy_chapman_excesses(phi, SALT)
    assert 2 * FARADAY * float(anions - cations) == pytest.approx(q, rel=1e-11, abs=1e-300)
    assert float(fs.gouy_chapman_capacitance(phi, SALT)) >= SALT.permittivity / SALT.debye_length * (1 - 1e-15)
    assert float(fs.gouy_chapman_charge(-phi, SALT)) == -q


@pytest.mark.parametrize("psi", [2.3, -3.1])
def test_excesses_are_integrals_over_the_layer(psi):
    sigma_plus, sigma_minus = 0.013, 0.0047
    phi, lam = psi * SALT.unit, SALT.debye_length

    def reduced(depth):
        return float(fs.gouy_chapman_potential(depth * lam, phi, SALT)) / SALT.unit

    def integral(f):
        return lam * quad(lambda v: f(reduced(-np.log(v))) / v, 0, 1, epsabs=0, epsrel=1e-10)[0]

    along = integral(lambda y: sigma_plus * np.expm1(-y) + sigma_minus * np.expm1(y))
    got = fs.gouy_chapman_excess_conductance(phi, sigma_plus, sigma_minus, SALT)
    assert float(got) == pytest.approx(along, rel=1e-8)
    for sign, sigma in ((1, sigma_plus), (-1, sigma_minus)):
        across = integral(lambda y, k=sign, s=sigma: np.expm1(k * y) / s)
        assert float(fs.gouy_chapman_excess_resistance(phi, sigma, sign, SALT)) == pytest.approx(across, rel=1e-8)


# ---- the cell ----


def cell_integrals(A, e, psi):
    """int d psi/psi' and int A cosh(psi) d psi/psi' from 0 to psi, in panels about where psi' leaves e."""
    bend = e / mp.sqrt(A)
    ends = [mp.mpf(0)]
    while bend < psi:
        ends.append(bend)
        bend *= 8
    ends.append(mp.mpf(psi))

    def inverse(y):
        return 1 / mp.sqrt(e * e + 4 * A * mp.sinh(y / 2) ** 2)

    return mp.quad(inverse, ends), mp.quad(lambda y: A * mp.cosh(y) * inverse(y), ends)


CELLS = [(1.3, 2.1), (7.0, 3.3), (25.0, 3.1), (150.0, 12.7), (0.013, 0.0011), (2.1, 31.0), (0.4, 0.7), (61.0, 0.47)]


@pytest.mark.parametrize(("psi", "half"), CELLS)
def test_cell_meets_both_its_conditions(psi, half):
    unit, lam = SALT.unit, SALT.debye_length
    cell = fs.finite_cell(2 * half * lam, -2 * psi * unit, SALT)
    assert cell.charge < 0 and cell.middle_field < 0
    with mp.workdps(30):
        A, e = mp.mpf(cell.middle_concentration / SALT.concentration), mp.mpf(-cell.middle_field * lam / unit)
        span, amount = cell_integrals(A, e, psi)
        wall = mp.sqrt(e * e + 4 * A * mp.sinh(mp.mpf(psi) / 2) ** 2)
    assert float(span) == pytest.approx(half, rel=1e-12)
    assert float(amount) == pytest.approx(half, rel=1e-12)
    assert -cell.charge == pytest.approx(float(wall) * SALT.permittivity * unit / lam, rel=1e-13)


@pytest.mark.parametrize(
    ("psi", "half"),
    [
        (1.3, 2.1),
        (7.0, 3.3),
        (0.4, 0.7),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in [(25.0, 3.1), (2.1, 6.7)]),
    ],
)
def test_cell_capacitance_is_the_slope_of_its_charge(psi, half):
    """Both conditions solved anew at 22 digits for two voltages beside the one asked for."""
    cell = fs.finite_cell(2 * half * SALT.debye_length, 2 * psi * SALT.unit, SALT)
    start = (
        np.log(cell.middle_concentration / SALT.concentration),
        np.log(cell.middle_field * SALT.debye_length / SALT.unit),
    )
    with mp.workdps(22):

        def wall(y):
            def missing(a, e):
                span, amount = cell_integrals(mp.exp(a), mp.exp(e), y)
                return span / half - 1, amount / half - 1

            a, e = mp.findroot(missing, start, tol=1e-34)
            return mp.sqrt(mp.exp(2 * e) + 4 * mp.exp(a) * mp.sinh(y / 2) ** 2)

        step = mp.mpf(10) ** -6
        slope = float((wall(psi + step) - wall(psi - step)) / (2 * step))
    assert cell.capacitance == pytest.approx(slope * SALT.permittivity / (2 * SALT.debye_length), rel=1e-11)


def test_cell_limits():
    lam, eps = SALT.debye_length, SALT.permittivity
    for half in (1e-4, 0.83, 5.0, 31.9, 32.1, 300.0, 1e7):
        cell = fs.finite_cell(2 * half * lam, 0.0, SALT)
        assert cell.charge == 0 and cell.middle_concentration == SALT.concentration
        assert cell.capacitance == pytest.approx(eps / (2 * lam) / np.tanh(half), rel=1e-13)  # Macdonald's
    # a thick cell is two layers of Gouy and Chapman in series, to the salt that they took: 2 (C - 1)/l
    thick = fs.finite_cell(2e7 * lam, 6.2 * SALT.unit, SALT)
    assert thick.charge == pytest.approx(float(fs.gouy_chapman_charge(3.1 * SALT.unit, SALT)), rel=1e-6)
    assert thick.capacitance == pytest.approx(float(fs.gouy_chapman_capacitance(3.1 * SALT.unit, SALT)) / 2, rel=1e-6)
    # a thin one under a large voltage is a plate condenser whose ions are used up
    L, V = 0.4 * lam, 500 * SALT.unit
    thin = fs.finite_cell(L, V, SALT)
    used = 2 * FARADAY * SALT.concentration * L
    assert thin.charge == pytest.approx(eps * V / L + used, rel=2e-3)
    assert thin.capacitance == pytest.approx(eps / L, rel=1e-3)


def test_cell_capacitance_is_that_of_a_worked_spectrum_at_low_frequency():
    """A spectral solution of the biased cell, seven digits; what 512 Hz is above rest falls with frequency squared."""
    salt = fs.SymmetricSalt(1, 0.8213, 4.025e-10, 313.5)
    capacitance = fs.finite_cell(1.497e-07, 0.1286, salt).capacitance * 3.193e-05
    low, high = -282.0712599206511 * 512.2, -28.21108243871074 * 5122.0  # P014: Im Z x f
    at_rest = (100 * low - high) / 99
    assert -1 / (2 * np.pi * capacitance) == pytest.approx(at_rest, rel=2e-7)


@settings(max_examples=80, deadline=None)
@given(st.floats(-4, 2.4), st.floats(-5, 6))
def test_cell_charge_is_the_integral_of_its_capacitance(log_psi, log_half):
    psi, half = 10.0**log_psi, 10.0**log_half
    L, width = 2 * half * SALT.debye_length, min(0.1 * psi, 0.8)
    nodes, weights = np.polynomial.legendre.leggauss(10)
    cells = [fs.finite_cell(L, 2 * (psi + width * v) * SALT.unit, SALT) for v in (0, *((nodes + 1) / 2), 1)]
    passed = weights @ [c.capacitance for c in cells[1:-1]] * width * SALT.unit
    assert cells[-1].charge - cells[0].charge == pytest.approx(passed, rel=1e-9, abs=2e-13 * cells[-1].charge)
    assert cells[0].charge > 0 and min(c.capacitance for c in cells) >= SALT.permittivity / L * (1 - 1e-12)
    middle = [c.middle_concentration for c in cells]
    assert middle[-1] <= middle[0] * (1 + 1e-13) <= SALT.concentration * (1 + 2e-13)


@pytest.mark.parametrize("half", [31.999, 32.5, 40.0])
def test_cell_passes_from_one_form_to_the_other(half):
    """Around where the plates stop seeing each other the charge goes on smoothly."""
    grid = half + np.array([-0.6, -0.3, 0, 0.3, 0.6])
    q = np.array([fs.finite_cell(2 * width * SALT.debye_length, 5 * SALT.unit, SALT).charge for width in grid])
    assert abs(np.array([1, -4, 6, -4, 1]) @ q) < 3e-7 * abs(q[2])
    C = np.array([fs.finite_cell(2 * width * SALT.debye_length, 5 * SALT.unit, SALT).capacitance for width in grid])
    assert abs(np.array([1, -4, 6, -4, 1]) @ C) < 3e-7 * abs(C[2])


# ---- depletion ----


@pytest.mark.parametrize("background", [HOLES, VACANCIES, fs.FixedBackground(-1, 88.0, 1.1e-10, 300.0)])
@pytest.mark.parametrize("psi", [-7.0, -0.31, 3e-5, 0.4, 0.999, 1.001, 3.7, 29.0])
def test_depletion_against_quadrature(background, psi):
    sigma, phi = 0.37, psi * background.unit
    unit, lam = background.unit, background.debye_length
    with mp.workdps(34):

        def field(y):
            return mp.sqrt(2 * (y - 1 + mp.exp(-y)))

        y = mp.mpf(psi)
        edges = mp.linspace(0, y, 9)
        along = mp.quad(lambda v: mp.sign(y) * mp.expm1(-v) / field(v), edges, method="gauss-legendre")
        across = mp.quad(lambda v: mp.sign(y) * mp.expm1(v) / field(v), edges, method="gauss-legendre")
        E0 = float(mp.sign(y) * field(y)) * unit / lam
        C = float(abs(-mp.expm1(-y)) / field(y)) * background.permittivity / lam
        along, across = float(along) * sigma * lam, float(across) * lam / sigma
    assert float(fs.depletion_field(phi, background)) == pytest.approx(E0, rel=1e-13)
    assert float(fs.depletion_capacitance(phi, background)) == pytest.approx(C, rel=1e-13)
    assert float(fs.depletion_excess_conductance(phi, sigma, background)) == pytest.approx(along, rel=1e-12)
    assert fs.depletion_excess_resistance(phi, sigma, background) == pytest.approx(across, rel=1e-12)


def test_depletion_against_the_differential_equation():
    """From far inside outwards along the growing solution; the profile's end is the wall."""
    psi, z, N, eps, T = 4.3, 2, 730.0, 2.7e-10, 820.0
    f = z * FARADAY / (GAS_CONSTANT * T)
    lam = np.sqrt(eps / (z * FARADAY * N * f))
    start = 1e-6

    def reached(_, y):
        return y[0] - psi

    reached.terminal = True
    run = solve_ivp(
        lambda _, y: [y[1], -np.expm1(-y[0])], (0, 40), [start, start], events=reached, rtol=1e-11, atol=1e-14
    )
    assert float(fs.depletion_field(psi / f, VACANCIES)) == pytest.approx(run.y[1, -1] / (f * lam), rel=1e-5)


def test_zero_potential_and_the_usual_approximations():
    assert float(fs.depletion_field(0.0, HOLES)) == 0 and fs.depletion_excess_resistance(0.0, 1.0, HOLES) == 0
    assert float(fs.depletion_capacitance(0.0, HOLES)) == pytest.approx(HOLES.permittivity / HOLES.debye_length)
    phi = 8 * HOLES.unit
    exact = float(fs.depletion_capacitance(phi, HOLES))
    assert float(fs.mott_schottky_capacitance(phi, HOLES)) / exact - 1 == pytest.approx(3.6e-4, rel=0.01)
    plain = np.sqrt(HOLES.permittivity * FARADAY * HOLES.concentration / (2 * phi))
    assert plain / exact - 1 == pytest.approx(-0.06, abs=0.005)
    assert 1 / float(fs.mott_schottky_capacitance(phi, HOLES)) ** 2 == pytest.approx(
        2 * (phi - GAS_CONSTANT * 647 / FARADAY) / (3.1e-10 * FARADAY * 41.0), rel=1e-12
    )
    assert float(fs.mott_schottky_width(phi, HOLES)) == pytest.approx(
        np.sqrt(2 * 3.1e-10 * phi / (FARADAY * 41.0)), rel=1e-13
    )
    phi = np.array([40.0, 80.0]) * HOLES.unit
    exact = np.array([fs.depletion_excess_resistance(p, 0.3, HOLES) for p in phi])
    error = fs.mott_schottky_excess_resistance(phi, 0.3, HOLES) / exact - 1
    assert_allclose(error * [40, 80], -1, atol=0.06)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fs.SymmetricSalt(0, 1, 1, 1), "charge_number must be positive"),
        (lambda: fs.FixedBackground(0, 1, 1, 1), "must not be 0"),
        (lambda: fs.gouy_chapman_charge(40.0, SALT), "at most 8.50"),
        (lambda: fs.gouy_chapman_potential(-1e-9, 0.1, SALT), "x must not be negative"),
        (lambda: fs.gouy_chapman_excess_resistance(0.1, 1.0, 2, SALT), "1 or -1"),
        (lambda: fs.finite_cell(0.0, 0.1, SALT), "length must be positive"),
        (lambda: fs.finite_cell(1e-9, 50.0, SALT), "at most"),
        (lambda: fs.mott_schottky_width(-0.1, HOLES), "beyond 0 V"),
        (lambda: fs.mott_schottky_capacitance(0.5 * HOLES.unit, HOLES), "beyond 0.055"),
    ],
)
def test_what_cannot_be_is_said(call, told):
    with pytest.raises(InputError, match=told):
        call()
