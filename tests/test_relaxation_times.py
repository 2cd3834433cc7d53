"""Relaxation times against distributions known in closed form, with and without noise; the algebra by another route."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from miecsim.errors import InputError
from miecsim.inverse.relaxation_times import hat_columns, relaxation_times, roughness_rows

F = np.geomspace(1.1e6, 0.9e-2, 81)
W = 2 * np.pi * F
CHOICES = ["cross-validation", "L-curve"]


def noisy(Z, level, seed):
    rng = np.random.default_rng(seed)
    return Z * (1 + level * (rng.standard_normal(len(Z)) + 1j * rng.standard_normal(len(Z))))


def zarc(R, tau, alpha):
    return R / (1 + (1j * W * tau) ** alpha)


def gamma_of_zarc(tau, R, tau_0, alpha):
    """gamma [ohm] of R/(1 + (j w tau_0)^alpha): Cole and Cole 1941."""
    x = alpha * np.log(tau / tau_0)
    return R / (2 * np.pi) * np.sin((1 - alpha) * np.pi) / (np.cosh(x) - np.cos((1 - alpha) * np.pi))


ONE = 7.3 + zarc(31, 2.3e-3, 0.82)
TWO = 7.3 + zarc(31, 2.3e-4, 0.82) + zarc(17, 0.094, 0.9)


def off(result, exact):
    """Root of the mean square of gamma's error over the highest gamma."""
    return np.sqrt(np.mean((result.gamma - exact) ** 2)) / exact.max()


# ---- the pieces ----


def test_a_hat_is_integrated_exactly():
    """Hats add up to 1 (x - ln(1 + j w e^x) between the ends) and, weighted, to any straight line."""
    tau = np.geomspace(3e-4, 7.7, 23)
    columns = hat_columns(W, tau)
    exact = np.log(tau[-1] / tau[0]) - np.log((1 + 1j * W * tau[-1]) / (1 + 1j * W * tau[0]))
    assert_allclose(columns.sum(axis=1), exact, rtol=1e-10)
    x = np.linspace(np.log(tau[0]), np.log(tau[-1]), 200_001)
    for w, row in zip(W[::20], columns[::20], strict=True):
        line = np.trapezoid((2 - 0.3 * x) / (1 + 1j * w * np.exp(x)), x)
        assert row @ (2 - 0.3 * np.log(tau)) == pytest.approx(line, rel=1e-8)


def test_roughness_is_the_integral_of_the_square():
    step = 0.21
    x = np.arange(30) * step
    hat = np.eye(30)[11]
    assert np.sum((roughness_rows(30, step, 0) @ hat) ** 2) == pytest.approx(step)
    assert np.sum((roughness_rows(30, step, 1) @ hat) ** 2) == pytest.approx(2 / step)
    inside = (roughness_rows(30, step, 2) @ (1.7 * x**2))[2:-2]
    assert_allclose(inside, 3.4 * np.sqrt(step), rtol=1e-9)
    assert np.sum((roughness_rows(30, step, 1) @ np.ones(30)) ** 2) == pytest.approx(2 / step)  # the fall at both ends


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_ridge_solves_the_normal_equations(order):
    found = relaxation_times(F, ONE, non_negative=False, regularisation=0.013, order=order, inductance=False)
    n, scale = len(found.tau), np.median(np.abs(ONE))
    columns = np.hstack([np.ones((len(F), 1)), hat_columns(W, found.tau)]) * scale / np.abs(ONE)[:, None]
    A, b = np.vstack([columns.real, columns.imag]), np.concatenate([(ONE / abs(ONE)).real, (ONE / abs(ONE)).imag])
    rows = roughness_rows(n, float(np.log(found.tau[1] / found.tau[0])), order)
    P = np.zeros((n + 1, n + 1))
    P[1:, 1:] = rows.T @ rows
    inverse = np.linalg.inv(A.T @ A + 0.013 * P)
    x = inverse @ A.T @ b * scale
    assert_allclose(found.gamma, x[1:], atol=1e-7 * x.max())
    assert found.R_inf == pytest.approx(x[0], rel=1e-7)
    assert found.effective_parameters == pytest.approx(np.trace(A @ inverse @ A.T), rel=1e-7)
    assert found.misfits[0] == pytest.approx(np.sum(np.abs(found.residual) ** 2), rel=1e-7)
    assert_allclose(found.fitted, x[0] + hat_columns(W, found.tau) @ x[1:], rtol=1e-8)


def test_fewer_parameters_the_larger_lambda():
    counts = [
        relaxation_times(F, TWO, non_negative=False, regularisation=v).effective_parameters for v in (1e-7, 1e-4, 1)
    ]
    assert counts[0] > counts[1] > counts[2] > 2
    assert counts[0] < len(F)


# ---- known distributions ----


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("non_negative", [True, False])
@pytest.mark.parametrize("level", [1e-3, 5e-3])
def test_one_zarc(non_negative, choice, level):
    found = relaxation_times(F, noisy(ONE, level, 3), non_negative=non_negative, regularisation=choice)
    assert off(found, gamma_of_zarc(found.tau, 31, 2.3e-3, 0.82)) < 0.05
    assert found.polarisation == pytest.approx(31, rel=0.015)
    assert found.R_inf == pytest.approx(7.3, rel=0.01 if non_negative else 0.05)
    highest = max(found.peaks(), key=lambda peak: peak.height)
    assert highest.tau == pytest.approx(2.3e-3, rel=0.15)
    assert highest.measured
    rms = np.sqrt(np.mean(np.abs(found.residual) ** 2))
    assert rms == pytest.approx(np.sqrt(2 - found.effective_parameters / len(F)) * level, rel=0.15)
    assert np.all(found.gamma >= 0) or not non_negative


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("non_negative", [True, False])
@pytest.mark.parametrize("level", [1e-3, 5e-3])
def test_two_zarcs(non_negative, choice, level):
    found = relaxation_times(F, noisy(TWO, level, 11), non_negative=non_negative, regularisation=choice)
    exact = gamma_of_zarc(found.tau, 31, 2.3e-4, 0.82) + gamma_of_zarc(found.tau, 17, 0.094, 0.9)
    assert off(found, exact) < 0.09
    assert found.polarisation == pytest.approx(48, rel=0.015)
    first, second = sorted(sorted(found.peaks(), key=lambda peak: peak.height)[-2:], key=lambda peak: peak.tau)
    assert [first.tau, second.tau] == pytest.approx([2.3e-4, 0.094], rel=0.15)
    fast = found.tau < 8e-3
    areas = [np.trapezoid(found.gamma[part], np.log(found.tau[part])) for part in (fast, ~fast)]
    expected = [np.trapezoid(exact[part], np.log(found.tau[part])) for part in (fast, ~fast)]
    assert areas == pytest.approx(expected, rel=0.04)


def test_no_seed_goes_astray():
    """Plain cross-validation lets lambda fall by several decades now and then; so does the constraint in force."""
    for seed in range(12):
        found = relaxation_times(F, noisy(ONE, 1e-3, seed))
        assert off(found, gamma_of_zarc(found.tau, 31, 2.3e-3, 0.82)) < 0.05
        assert 1e-6 < found.regularisation < 1e-1


def test_peaks_share_out_the_whole_polarisation():
    found = relaxation_times(F, noisy(TWO, 5e-3, 2))
    assert sum(peak.resistance for peak in found.peaks()) == pytest.approx(found.polarisation, rel=1e-12)
    few = found.peaks(0.3)
    assert len(few) == 2
    assert [peak.resistance for peak in few] == pytest.approx([31, 17], rel=0.06)


def test_the_poles_of_a_finite_warburg_element():
    """R tanh(s)/s, s^2 = j w tau, tau = L^2/D: poles at tau/(pi^2 (n - 1/2)^2), areas 2 R/(pi^2 (n - 1/2)^2)."""
    s = np.sqrt(1j * W * 1.3)
    found = relaxation_times(F, noisy(5.2 + 20 * np.tanh(s) / s, 1e-3, 4))
    square = np.pi**2 * (np.arange(1, 3) - 0.5) ** 2
    slow, fast = found.peaks()[::-1][:2]
    assert slow.tau == pytest.approx(1.3 / square[0], rel=0.05)
    assert slow.resistance == pytest.approx(40 / square[0], rel=0.02)
    # The second carries a twelfth of the resistance, and what the poles above it have is drawn into it
    assert fast.tau == pytest.approx(1.3 / square[1], rel=0.25)
    assert fast.resistance == pytest.approx(40 / square[1], rel=0.2)
    assert found.polarisation == pytest.approx(20, rel=0.01)


def test_one_relaxation_is_as_sharp_as_the_grid():
    found = relaxation_times(F, 4 + 9 / (1 + 1j * W * 0.0123), regularisation=1e-8)
    (peak,) = found.peaks()
    assert peak.tau == pytest.approx(0.0123, rel=0.04)  # a third of the grid's step
    assert peak.resistance == pytest.approx(9, rel=2e-3)
    assert np.ptp(np.log10(found.tau[found.gamma > 0.05 * peak.height])) < 0.5


# ---- ends, parts, weights ----


def test_wires_and_blocking_electrodes():
    Z = ONE + 1j * W * 1.1e-6 + 1 / (1j * W * 0.37)
    found = relaxation_times(F, noisy(Z, 1e-3, 5), capacitance=True)
    assert [found.L, 1 / found.inverse_C] == pytest.approx([1.1e-6, 0.37], rel=0.02)
    assert found.polarisation == pytest.approx(31, rel=0.02)
    without = relaxation_times(F, Z)
    assert without.inverse_C == 0
    assert without.gamma.argmax() == len(without.tau) - 1
    assert not without.peaks()[-1].measured
    assert relaxation_times(F, ONE, inductance=False).L == 0


@pytest.mark.parametrize("part", ["real", "imaginary"])
@pytest.mark.parametrize("non_negative", [True, False])
def test_either_part_alone(part, non_negative):
    Z = noisy(TWO + 1j * W * 1.1e-6, 1e-3, 6)
    found = relaxation_times(F, Z, part=part, non_negative=non_negative)
    assert found.polarisation == pytest.approx(48, rel=0.03)
    assert found.R_inf == pytest.approx(7.3, rel=0.1)
    assert found.L == pytest.approx(1.1e-6, rel=0.05)
    assert np.abs(found.residual).max() < 0.03


def test_negative_arcs_need_the_plain_ridge():
    Z = ONE - 5 / (1 + 1j * W * 0.9)
    ridge, held = relaxation_times(F, Z, non_negative=False), relaxation_times(F, Z)
    near = (ridge.tau > 0.2) & (ridge.tau < 4)
    assert np.trapezoid(ridge.gamma[near], np.log(ridge.tau[near])) == pytest.approx(-5, rel=0.1)
    assert np.all(held.gamma >= 0)
    assert np.abs(held.residual).max() > 0.02 > 10 * np.abs(ridge.residual).max()


def test_units_order_and_the_size_of_the_deviation_do_not_matter():
    Z = noisy(TWO, 2e-3, 7)
    found = relaxation_times(F, Z)
    mixed = np.random.default_rng(0).permutation(len(F))
    again = relaxation_times(F[mixed] * 10, 1e3 * Z[mixed], deviation=0.017 * np.abs(Z[mixed]))
    assert again.regularisation == found.regularisation
    assert_allclose(again.tau, found.tau / 10, rtol=1e-12)
    assert_allclose(again.gamma, 1e3 * found.gamma, atol=1e-5 * 1e3 * found.gamma.max())


def test_points_of_large_deviation_count_little():
    Z, deviation = noisy(ONE, 1e-3, 8), 1e-3 * np.abs(ONE)
    Z[40:44] *= 1.2
    deviation[40:44] *= 1e4
    found = relaxation_times(F, Z, deviation=deviation)
    assert off(found, gamma_of_zarc(found.tau, 31, 2.3e-3, 0.82)) < 0.05
    assert_allclose(np.abs(found.residual[40:44]), 1 / 6, rtol=0.06)


def test_the_grid():
    found = relaxation_times(F, ONE, a_decade=15, extend=0.5, regularisation=1e-3)
    assert_allclose(found.tau[[0, -1]], [1 / W[0] / 10**0.5, 1 / W[-1] * 10**0.5], rtol=1e-12)
    assert 15 <= 1 / np.log10(found.tau[1] / found.tau[0]) < 15.2
    assert found.regularisation == 1e-3
    assert found.lambdas.tolist() == [1e-3]
    assert found.polarisation == pytest.approx(31, rel=0.01)


def test_nothing_relaxes():
    found = relaxation_times(F, np.full(len(F), 3.3 + 0j))
    assert found.R_inf == pytest.approx(3.3, rel=1e-6)
    assert found.polarisation < 1e-5
    silent = relaxation_times(F, -ONE)
    assert silent.peaks() == ()
    assert silent.polarisation == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularisation": "L curve"}, 'read "L curve"; allowed: cross-validation, L-curve, or a number above 0'),
        ({"regularisation": 0.0}, "regularisation: read 0.0"),
        ({"order": 3}, "order: read 3; allowed: 0, 1, 2"),
        ({"a_decade": 4}, "a_decade: read 4; expected 5 or more"),
        ({"extend": -0.1}, "extend: read -0.1"),
        ({"part": "phase"}, 'part: read "phase"'),
        ({"deviation": np.zeros(81)}, "deviation: expected 81 numbers above 0"),
        ({"deviation": np.ones(80)}, "deviation: expected 81 numbers above 0"),
    ],
)
def test_choices_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        relaxation_times(F, ONE, **options)
    with pytest.raises(InputError, match="at least 6"):
        relaxation_times(F[:3], ONE[:3])


def test_a_measured_lithium_ion_cell(data_dir):
    path = data_dir / "eis" / "impedance.py" / "exampleData.csv"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    f, real, imag = np.loadtxt(path, delimiter=",").T
    capacitive = imag < 0
    found = relaxation_times(f[capacitive], (real + 1j * imag)[capacitive], capacitance=True)
    assert np.abs(found.residual).max() < 0.01
    assert found.R_inf + found.polarisation == pytest.approx(0.055, rel=0.05)
