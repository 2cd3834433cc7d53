"""Relaxation times of lines in closed form: their sums against impedances, against poles of discretised lines, and
what a distribution of relaxation times shows of them."""

from __future__ import annotations

import numpy as np
import pytest
import systems
from numpy.testing import assert_allclose
from scipy.integrate import quad

import miecsim as mx
from miecsim.circuit import diffusion, elements, tlm
from miecsim.errors import InputError
from miecsim.inverse.line_times import (
    finite_length_times,
    finite_space_times,
    gerischer_gamma,
    gerischer_resistance,
    pore_times,
    two_rail_times,
)
from miecsim.inverse.poles import model_poles
from miecsim.inverse.relaxation_times import relaxation_times

F = np.geomspace(1e-4, 30.0, 19)
W = 2 * np.pi * F
DRIVEN = [name for name in tlm.CONFIGURATIONS if name != "both_both"]
MANY = 2000


# ---- sums of the series


@pytest.mark.parametrize("configuration", DRIVEN)
@pytest.mark.parametrize("R_ct", [np.inf, 3.7, 0.013])
@pytest.mark.parametrize("alpha", [1.0, 0.81])
def test_modes_add_up_to_the_line(configuration, R_ct, alpha):
    """Every configuration of the two-rail line against its impedance, also where the reaction is fast."""
    R1, R2, Q = 13.1, 2.3, 0.037
    wall = elements.lumped(W, R=None if np.isinf(R_ct) else R_ct, Q=Q, alpha=alpha)
    Z = tlm.two_rail_impedance(R1, R2, wall, 1.0, configuration)
    line = two_rail_times(R1, R2, Q, configuration, MANY, R_ct=R_ct, alpha=alpha)
    assert_allclose(line.Z(F), Z, rtol=1e-6)
    assert len(line.tau) == MANY and np.all(np.diff(line.tau) < 0) and np.all(line.R > 0)
    assert 0 < line.rest < 1e-2 * line.polarisation
    few = two_rail_times(R1, R2, Q, configuration, 3, R_ct=R_ct, alpha=alpha)
    assert_allclose(few.tau, line.tau[:3], rtol=1e-14)
    assert few.polarisation == pytest.approx(line.polarisation, rel=1e-12)
    assert_allclose(few.Z(1e-6), line.Z(1e-6), rtol=1e-3 if alpha < 1 else 1e-8)


def test_polarisation_is_the_resistance_between_the_ends_of_the_spectrum():
    for configuration in DRIVEN:
        line = two_rail_times(13.1, 2.3, 0.037, configuration, R_ct=3.7)
        ends = tlm.two_rail_impedance(13.1, 2.3, elements.lumped(np.array([0.0]), R=3.7, C=0.037), 1.0, configuration)
        assert line.R_inf + line.polarisation == pytest.approx(ends[0].real, rel=1e-12)


def test_rails_alike_hide_the_slowest_time():
    """From rail 1 to rail 2 the odd modes go with (R1 - R2)^2."""
    line = two_rail_times(5.0, 5.0, 0.3, "ie")
    assert line.tau[0] == pytest.approx(10.0 * 0.3 / (2 * np.pi) ** 2, rel=1e-12)
    unlike = two_rail_times(5.0, 4.0, 0.3, "ie")
    assert unlike.R[0] == pytest.approx(2 / 9 / np.pi**2, rel=1e-12)
    assert unlike.tau[0] == pytest.approx(2.7 / np.pi**2, rel=1e-12)


def test_diffusion():
    """Finite length, finite space in a slab and in a sphere, against the elements."""
    R, tau = 5.1, 1.7
    assert_allclose(finite_length_times(R, tau, MANY).Z(F), diffusion.warburg_short(W, R, tau), rtol=1e-5)
    assert_allclose(finite_space_times(R, tau, MANY).Z(F), diffusion.warburg_open(W, R, tau), rtol=1e-5)
    t = np.tanh(s := np.sqrt(1j * W * tau))
    sphere = finite_space_times(R, tau, MANY, "sphere")
    assert_allclose(sphere.Z(F), R * t / (s - t), rtol=1e-5)
    assert tau / sphere.tau[0] == pytest.approx(4.493409457909064**2, rel=1e-13)  # tan p = p
    assert sphere.polarisation == pytest.approx(R / 5, rel=1e-14)
    assert finite_length_times(R, tau).R[0] == pytest.approx(0.81057 * R, rel=1e-4)


def test_a_pore_becomes_gerischers_cut():
    """A long pore with a reaction: the sum of the lines slower than tau tends to the integral of the cut."""
    r, g, c, length = 1.3, 0.7, 0.21, 300.0
    line = pore_times(r * length, c * length, 20_000, R_ct=1 / (g * length))
    R, tau_0 = np.sqrt(r / g), c / g
    assert line.tau[0] == pytest.approx(tau_0, rel=1e-12)
    for tau in (0.9 * tau_0, 0.31 * tau_0, 1e-3 * tau_0):
        assert line.R[line.tau > tau].sum() == pytest.approx(gerischer_resistance(tau, R, tau_0), rel=5e-3)
    assert line.polarisation == pytest.approx(R, rel=1e-12)


def test_gerischers_distribution():
    R, tau_0 = 2.3, 0.31
    assert gerischer_resistance(0.5 * tau_0, R, tau_0) == pytest.approx(R / 2, rel=1e-14)
    assert gerischer_resistance(1.1 * tau_0, R, tau_0) == 0
    between = gerischer_resistance(0.02, R, tau_0) - gerischer_resistance(0.29, R, tau_0)
    area = quad(lambda x: float(gerischer_gamma(np.exp(x), R, tau_0)), np.log(0.02), np.log(0.29))[0]
    assert between == pytest.approx(area, rel=1e-9)
    # with tau = tau_0 sin^2(a) the density is even in a: 2 R/pi da
    a = (np.arange(4000) + 0.5) * np.pi / 8000
    Z = [np.mean(R / (1 + 1j * w * tau_0 * np.sin(a) ** 2)) for w in W]
    assert_allclose(Z, diffusion.gerischer(W, R, tau_0), rtol=1e-6)
    assert_allclose(gerischer_gamma(np.array([1e-4, 0.5, 0.31]), R, tau_0)[1:], 0)


def test_modes_of_a_constant_phase_element_are_spread():
    """The distribution's integral gives the modes' part of Z back."""
    line = two_rail_times(13.1, 2.3, 0.37, "ie", 40, alpha=0.77)
    x = np.linspace(-60, 40, 20_001)
    gamma = line.gamma(np.exp(x))
    for w in (0.01, 1.0, 70.0):
        Z = np.trapezoid(gamma / (1 + 1j * w * np.exp(x)), x)
        rest = line.R_inf + line.rest + 1 / (line.C_dc * (1j * w) ** 0.77)
        assert Z == pytest.approx(line.Z(w / (2 * np.pi))[0] - rest, rel=1e-6)
    with pytest.raises(InputError, match="separate lines"):
        two_rail_times(13.1, 2.3, 0.37, "ie").gamma(np.exp(x))


# ---- against poles of the discretised line


PRESETS = {"battery": "ie", "ion_blocking": "ee", "electron_blocking": "ii"}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("R_ct", [None, 0.02])
def test_poles_of_the_model_approach_them_with_the_square_of_the_cells(preset, R_ct):
    length, s1, s2, C, a_v = systems.LENGTH, 0.043, 0.21, 0.1, 2.1e5
    layer = mx.CompositeLayer("electrode", length, s1, s2, mx.Lumped(R=R_ct, C=C), a_v)
    whole = {} if R_ct is None else {"R_ct": R_ct / (a_v * length)}
    line = two_rail_times(length / s1, length / s2, C * a_v * length, PRESETS[preset], 4, **whole)
    errors = []
    for cells in (24, 48):
        system = mx.build_system(mx.composite_electrode([layer]), mx.preset(preset), mesh=mx.Mesh(cells=cells))
        found = model_poles(mx.netlist_of(mx.solve_steady(system)), 1e-3, 1e6)
        slow, R = found.tau[::-1][:4], found.R[::-1][:4]
        errors.append(np.abs(np.concatenate([slow / line.tau, R / line.R]) - 1))
        assert found.C_dc == pytest.approx(line.C_dc, rel=1e-9)
    coarse, fine = errors
    there = coarse > 1e-9  # the uniform mode has no error
    order = np.log2(coarse[there] / fine[there])
    # the highest mode compared is the seventh: (7 pi/96)^2/3 in tau, twice that in R
    assert fine.max() < 1.01 * 2 / 3 * (7 * np.pi / 96) ** 2 and there.sum() >= 6
    assert_allclose(order, 2.0, atol=0.15)


# ---- what a distribution of relaxation times shows


def test_a_line_looks_like_several_processes():
    """The first times of a blocked line as peaks, 4 to 1 in tau and in resistance; what follows runs into them."""
    f = np.geomspace(1e-4, 1e4, 91)
    Z = tlm.two_rail_impedance(13.1, 0.0, elements.lumped(2 * np.pi * f, C=0.37), 1.0, "ie_same") + 2.0
    line = pore_times(13.1, 0.37)
    found = relaxation_times(f, Z, capacitance=True, regularisation=1e-11, a_decade=40)
    slow = found.peaks()[::-1]
    assert slow[0].tau == pytest.approx(line.tau[0], rel=0.05)
    assert slow[0].resistance == pytest.approx(line.R[0], rel=0.05)
    assert slow[1].tau == pytest.approx(line.tau[1], rel=0.06)
    assert slow[1].resistance == pytest.approx(line.R[1], rel=0.06)
    assert 1 / found.inverse_C == pytest.approx(line.C_dc, rel=1e-3)
    assert found.polarisation + found.R_inf == pytest.approx(2.0 + 13.1 / 3, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_rail_times(1, 1, 1, "both_both"), "read 'both_both'; allowed ie, ii"),
        (lambda: two_rail_times(0, 0, 1, "ie"), "both rails have zero resistance"),
        (lambda: two_rail_times(1, -1, 1, "ie"), "R2: read -1; expected zero or a positive number"),
        (lambda: two_rail_times(1, 1, np.inf, "ie"), "C: read inf; expected a positive number"),
        (lambda: pore_times(1, 1, R_ct=0.0), "R_ct: read 0.0; expected a positive number"),
        (lambda: pore_times(1, 1, alpha=1.2), "alpha: read 1.2; expected 0 < alpha <= 1"),
        (lambda: pore_times(1, 1, 0), "read 0; at least 1 is needed"),
        (lambda: finite_length_times(1, 0.0), "tau: read 0.0"),
        (lambda: finite_space_times(1, 1, 5, "cube"), "shape: read 'cube'; allowed plane, sphere"),
        (lambda: gerischer_gamma(np.ones(1), -1.0, 1.0), "R: read -1.0"),
    ],
)
def test_what_is_no_line_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
