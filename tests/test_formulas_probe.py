"""Probes against images summed at high precision and fields solved by a charge density or a conformal map."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad

from miecsim.errors import InputError
from miecsim.techniques import formulas_probe as fp


def test_worked_slab():
    assert float(fp.four_point_slab(1.81, 0.00257, 0.000794)) == pytest.approx(502.9818687536348, rel=1e-14)  # P024


@pytest.mark.parametrize("ratio", [4e-3, 0.031, 0.3, 0.77, 1.0, 1.93, 1.99999, 2.00001, 3.7, 91.0])
def test_slab_against_its_images(ratio):
    """t/s = ratio; the images are summed by Euler and Maclaurin at 30 digits."""
    with mp.workdps(30):
        t = mp.mpf(ratio)

        def image(n):
            return 1 / mp.sqrt(1 + (2 * n * t) ** 2) - 1 / mp.sqrt(4 + (2 * n * t) ** 2)

        first = max(60, int(20 / ratio))
        step = mp.mpf(1) / 10**6
        slope = (image(first + step) - image(first - step)) / (2 * step)
        third = sum(c * image(first + k) for c, k in ((-0.5, -2), (1, -1), (-1, 1), (0.5, 2)))
        tail = (mp.log(2) - mp.asinh(2 * first * t) + mp.asinh(first * t)) / (2 * t)
        head = mp.fsum(image(n) for n in range(1, first)) + image(first) / 2
        total = head + tail - slope / 12 + third / 720
        exact = float((1 + 4 * total) / (2 * mp.pi))
    assert float(fp.four_point_slab(1.0, 1.0, ratio)) == pytest.approx(exact, rel=1e-11)


def test_slab_between_bulk_and_sheet_and_the_usual_law():
    rho, s = 3.7, 0.0021
    assert float(fp.four_point_slab(rho, s, 1e4 * s)) == pytest.approx(float(fp.four_point_bulk(rho, s)), rel=2e-4)
    assert float(fp.four_point_slab(rho, s, 1e-4 * s)) == pytest.approx(float(fp.four_point_sheet(rho, 1e-4 * s)))
    thickness = s * np.geomspace(1e-3, 1e3, 4001)
    error = fp.four_point_usual_error(s, thickness)
    worst = np.argmax(np.abs(error))
    assert error[worst] == pytest.approx(0.0811, abs=1e-4) and thickness[worst] / s == pytest.approx(1, abs=0.03)
    lowest = np.argmin(error)
    assert error[lowest] == pytest.approx(-0.0046, abs=1e-4) and thickness[lowest] / s == pytest.approx(4.4, abs=0.1)
    assert np.max(np.abs(error[[0, -1]])) < 1e-6
    usual = np.log(np.sinh(1.7) / np.sinh(0.85)) * rho / (np.pi * 1.7 * s)
    assert float(fp.four_point_slab_usual(rho, s, 1.7 * s)) == pytest.approx(usual, rel=1e-14)
    off = fp.four_point_sheet(1.0, 0.44) / fp.four_point_slab(1.0, 1.0, 0.44) - 1
    assert float(off) == pytest.approx(-1e-3, abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.floats(-4, 4))
def test_slab_is_above_both_limits_and_falls_with_thickness(log_ratio):
    t = 10.0 ** (log_ratio + np.array([0, 0.01]))
    exact = fp.four_point_slab(1.0, 1.0, t)
    assert exact[0] > exact[1] >= float(fp.four_point_bulk(1.0, 1.0))
    assert np.all(exact >= fp.four_point_sheet(1.0, t) * (1 - 1e-15))


def test_four_lines_against_the_field_of_the_strip():
    """Potential on the top face from a line source there, integrated from its cosine transform over the depth."""
    rho, s, t, w = 0.83, 0.0017, 0.0011, 0.0093

    def field(x):
        """-dV/dx [V/m] at distance x per ampere fed: a plug flow and modes that decay along the strip."""
        n = np.arange(1, 400)
        return rho / (2 * t * w) * (1 + 2 * np.exp(-n * np.pi * x / t).sum())

    drop = quad(field, s, 2 * s, epsabs=0, epsrel=1e-12)[0]
    assert float(fp.four_line_slab(rho, s, t, w)) == pytest.approx(2 * drop, rel=1e-11)
    assert float(fp.four_line_slab(rho, s, 1e-3 * s, w)) == pytest.approx(rho * s / (w * 1e-3 * s), rel=1e-12)
    assert float(fp.four_line_slab(rho, s, 1e5 * s, w)) == pytest.approx(2 * rho * np.log(2) / (np.pi * w), rel=1e-9)


def test_disc_carries_its_current_at_one_potential():
    rho, a = 2.9, 3.1e-8
    mean = 1 / (np.pi * a**2)
    total = quad(lambda u: fp.disc_current_density(a * np.sin(u), a) * np.sin(u) * np.cos(u), 0, np.pi / 2)[0]
    assert 2 * total == pytest.approx(1, rel=1e-10)
    # at the centre: V = int rho i/(2 pi r) dS = rho int i dr
    centre = quad(lambda u: rho * mean * fp.disc_current_density(a * np.sin(u), a) * a * np.cos(u), 0, np.pi / 2)[0]
    assert centre == pytest.approx(float(fp.disc_resistance(rho, a)), rel=1e-10)
    assert np.isinf(fp.disc_current_density(a, a)) and float(fp.disc_current_density(0.0, a)) == 0.5


def test_hemisphere_is_the_sum_of_its_shells():
    rho, a = 2.9, 3.1e-8
    shells = quad(lambda v: rho / (2 * np.pi * a), 0, 1)[0]  # r = a/v
    assert shells == pytest.approx(float(fp.hemisphere_resistance(rho, a)), rel=1e-12)
    assert_allclose(fp.hemisphere_resistance(rho, a) / fp.disc_resistance(rho, a), 2 / np.pi, rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fp.four_point_slab(1.0, 0.0, 1.0), "spacing must be positive"),
        (lambda: fp.four_line_slab(1.0, 1.0, np.inf, 1.0), "thickness must be finite"),
        (lambda: fp.disc_current_density([0.5, 1.1], 1.0), "at most the radius"),
        (lambda: fp.disc_current_density(-0.1, 1.0), "r must not be negative"),
    ],
)
def test_what_cannot_be_is_said(call, told):
    with pytest.raises(InputError, match=told):
        call()
