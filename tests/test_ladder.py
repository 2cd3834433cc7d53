"""The ladder of a constant phase element: as exact as it says, positive, and no longer than theory asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miecsim.errors import InputError
from miecsim.physics.ladder import Ladder, cpe_ladder

LOW, HIGH = 1.7e-3, 4.3e5
ALPHAS = (0.3, 0.5, 0.71, 0.83, 0.97)


def measured_error(ladder: Ladder, n: int = 3000) -> float:
    """Largest relative error at random frequencies, each branch as the impedance R + 1/(i w C)."""
    f = np.exp(np.random.default_rng(7).uniform(np.log(ladder.f_min), np.log(ladder.f_max), n))
    f = np.concatenate([f, [ladder.f_min, ladder.f_max]])
    w = 2 * np.pi * f
    branches = [1 / (r - 1j / (w * c)) for r, c in zip(ladder.resistance, ladder.capacitance, strict=True)]
    exact = w**ladder.alpha * (np.cos(np.pi * ladder.alpha / 2) + 1j * np.sin(np.pi * ladder.alpha / 2))
    return float(np.max(np.abs(sum(branches) / exact - 1)))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_error_is_the_stated_one_and_within_the_tolerance(alpha: float, tolerance: float) -> None:
    ladder = cpe_ladder(alpha, LOW, HIGH, tolerance)
    assert ladder.error <= tolerance
    slack = 3e-15  # the round-off of both sums
    assert measured_error(ladder) == pytest.approx(ladder.error, rel=0.03, abs=slack)
    assert np.all(ladder.resistance > 0) and np.all(ladder.capacitance > 0)


@given(
    alpha=st.floats(1e-3, 0.9995),
    low=st.floats(-9, 6),
    decades=st.floats(0.01, 14),
    digits=st.floats(1, 12),
)
def test_any_exponent_range_and_tolerance(alpha: float, low: float, decades: float, digits: float) -> None:
    f_min, tolerance = 10.0**low, 10.0**-digits
    ladder = cpe_ladder(alpha, f_min, f_min * 10**decades, tolerance)
    assert measured_error(ladder, 300) <= 1.03 * tolerance
    assert np.all(ladder.resistance > 0) and np.all(ladder.capacitance > 0)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-9])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_branches_per_decade(alpha: float, tolerance: float) -> None:
    """One branch each h = pi^2 / ln(2 sin(pi alpha) / e) in ln f for a trapezoidal rule of error e, here 0.3 of the
    tolerance; and no more than a few digits' worth outside the range."""
    short, long = (cpe_ladder(alpha, LOW, LOW * 10**d, tolerance) for d in (4, 16))
    step = np.pi**2 / np.log(2 * np.sin(np.pi * alpha) / (0.3 * tolerance))
    assert (long.n - short.n) / 12 == pytest.approx(np.log(10) / step, abs=2 / 12)
    assert short.n - 4 * np.log(10) / step <= 2 * np.log10(1 / tolerance)


def test_range_moves_with_the_units_of_time() -> None:
    one, other = cpe_ladder(0.71, LOW, HIGH), cpe_ladder(0.71, 1e7 * LOW, 1e7 * HIGH)
    assert one.n == other.n and one.error == pytest.approx(other.error, rel=1e-4)
    tau = [ladder.resistance * ladder.capacitance for ladder in (one, other)]
    np.testing.assert_allclose(tau[0], 1e7 * tau[1], rtol=1e-12)
    np.testing.assert_allclose(one.resistance, 1e7**0.71 * other.resistance, rtol=1e-12)


def test_blocks_direct_current_and_ends_in_a_resistance() -> None:
    """Beyond its range: a capacitor towards low and a resistor towards high frequencies."""
    ladder = cpe_ladder(0.6, 1.0, 1e3)
    low, high = ladder.admittance(np.array([1e-9, 1e12]))
    assert low == pytest.approx(1e-9j * ladder.capacitance.sum(), rel=1e-6)
    assert high == pytest.approx((1 / ladder.resistance).sum(), rel=1e-6)


def test_exponent_one_is_a_capacitor() -> None:
    ladder = cpe_ladder(1.0, LOW, HIGH)
    assert (ladder.n, ladder.resistance[0], ladder.capacitance[0], ladder.error) == (1, 0.0, 1.0, 0.0)
    assert ladder.admittance(np.array([3.7]))[0] == 3.7j


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0.0, 1.0, 2.0), "alpha: read 0.0; expected 0 < alpha <= 1"),
        ((1.2, 1.0, 2.0), "alpha: read 1.2"),
        ((float("nan"), 1.0, 2.0), "alpha: read nan"),
        ((0.5, 2.0, 1.0), "frequency: read 2.0 to 1.0 Hz"),
        ((0.5, 0.0, 1.0), "frequency: read 0.0 to 1.0 Hz"),
        ((0.5, 1.0, float("inf")), "frequency"),
        ((0.5, 1.0, 2.0, 1e-14), "tolerance: read 1e-14; expected a number from 1e-12 to 0.1"),
        ((0.5, 1.0, 2.0, 0.5), "tolerance: read 0.5"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError) as error:
        cpe_ladder(*arguments)
    assert words in str(error.value) and "\n" not in str(error.value)
