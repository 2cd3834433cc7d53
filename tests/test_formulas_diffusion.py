"""Pulses, potential steps and relaxations of a body with diffusion, against the Laplace transform they came from.

The transforms are exact and inverted at 25 digits by Talbot's contour: no series of ours has a part in it.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.techniques import formulas_diffusion as fd

TAUS = [3.7e-9, 4.1e-4, 1.9e-3, 2.1e-3, 0.0249, 0.0251, 0.2499, 0.2501, 2.93]
SHAPES = ["planar", "cylinder", "sphere"]
BIOTS = [1e-9, 0.31, 1.0, 1.0000001, 811.0, 1e9]


def inverse(transform, tau):
    with mp.workdps(25):
        return float(mp.invertlaplace(transform, mp.mpf(tau), method="talbot"))


def slope_of_surface(shape):
    """s c'/c at the surface of a body in units of its size, for the transformed diffusion equation."""
    return {
        "planar": lambda s: s * mp.tanh(s),
        "cylinder": lambda s: s * mp.besseli(1, s) / mp.besseli(0, s),
        "sphere": lambda s: s * mp.coth(s) - 1,
    }[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_pulse_response_inverts_its_transform(shape):
    g = slope_of_surface(shape)
    exact = [inverse(lambda p: 1 / (p * g(mp.sqrt(p))), tau) for tau in TAUS]
    assert_allclose(fd.pulse_response(TAUS, shape), exact, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_square_root_excess_keeps_its_digits(shape):
    g = slope_of_surface(shape)
    for tau in [t for t in TAUS if t > 1e-3]:
        with mp.workdps(40):
            p = mp.invertlaplace(lambda p: 1 / (p * g(mp.sqrt(p))), mp.mpf(tau), method="talbot")
            exact = float(p * mp.sqrt(mp.pi / tau) / 2 - 1)
        assert float(fd.square_root_excess(tau, shape)) == pytest.approx(exact, rel=1e-11, abs=1e-15)
    # The first correction is curvature's: (d - 1)/4 sqrt(pi tau)
    small = np.array([1e-14, 1e-18])
    expected = (SHAPES.index(shape)) / 4 * np.sqrt(np.pi * small)
    assert_allclose(fd.square_root_excess(small, shape), expected, rtol=3e-7, atol=1e-30)


def test_where_the_square_root_law_holds():
    planar = fd.square_root_excess([0.1, 0.2, 0.5, 1.0], "planar")
    sphere = fd.square_root_excess([1e-4, 0.01, 0.1], "sphere")
    assert_allclose(planar, [4e-6, 1e-3, 0.04, 0.18], rtol=0.16)
    assert_allclose(sphere, [0.009, 0.096, 0.36], rtol=0.02)


def surface_on_a_grid(n, shape, starts, fluxes, times, D, a):
    """Surface concentration after each of `times`, on n shells, integrated exactly from one jump to the next."""
    d = SHAPES.index(shape) + 1
    faces = np.linspace(0, 1, n + 1) * a
    areas, volumes = faces ** (d - 1), np.diff(faces**d) / d
    conductance = D * areas[1:-1] * n / a
    stiff = np.diag([*conductance, 0]) + np.diag([0, *conductance])
    stiff -= np.diag(conductance, 1) + np.diag(conductance, -1)
    root = np.sqrt(volumes)
    rates, modes = np.linalg.eigh(stiff / np.outer(root, root))
    rates[0] = 0  # the mean stays
    feed = modes.T @ ([0] * (n - 1) + [areas[-1] / root[-1]])

    def advanced(state, flux, dt):
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(rates == 0, dt, -np.expm1(-rates * dt) / rates)
        return state * np.exp(-rates * dt) + feed * flux * gain

    surface, state = [], np.zeros(n)
    ends = [*starts[1:], np.inf]
    for begin, end, flux in zip(starts, ends, fluxes, strict=True):
        for t in times[(times > begin) & (times <= end)]:
            c = (modes @ advanced(state, flux, t - begin)) / root
            surface.append((9 * c[-1] - c[-2] + 3 * flux * a / (n * D)) / 8)  # a parabola of the known slope
        state = advanced(state, flux, end - begin) if np.isfinite(end) else state
    return np.array(surface)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_train_of_pulses_against_the_diffusion_equation(shape):
    D, a = 3.3e-15, 4.7e-7
    starts, fluxes = fd.pulse_train(2.1e-6, 3.9, 11.0, 3)
    times = np.array([2.0, 3.9, 9.3, 14.8, 17.1, 33.0, 44.7])
    coarse, fine = (surface_on_a_grid(n, shape, starts, fluxes, times, D, a) for n in (100, 200))
    got = fd.flux_steps_response(times, starts, fluxes, shape, D, a)
    assert_allclose(got, fine + (fine - coarse) / 3, rtol=2e-5)


def test_a_long_train_keeps_its_inventory():
    starts, fluxes = fd.pulse_train(1.7e-7, 30.0, 170.0, 400)
    late = fd.flux_steps_response(1e9, starts, fluxes, "sphere", 1e-14, 8e-7)
    assert float(late) == pytest.approx(3 / 8e-7 * 1.7e-7 * 30 * 400, rel=1e-12)


def test_weppner_huggins_reads_a_short_pulse_and_errs_as_stated():
    current, V_m, area, D, L = 3.1e-5, 2.13e-5, 0.0173, 4.4e-15, 7.1e-6
    slope = -0.71  # dE/dx
    t = np.array([1.0, 1.0001])
    flux = current / (FARADAY * area)
    step = fd.flux_steps_response(t, [0.0], [flux], "planar", D, L)
    dE = slope * V_m * np.diff(step)[0] / np.diff(np.sqrt(t))[0]
    assert fd.weppner_huggins(current, V_m, 1, area, slope, dE) == pytest.approx(D, rel=1e-9)
    # Two-step form: rise of the mean content against the rise of the surface
    for shape in SHAPES:
        tau, d = 0.05, SHAPES.index(shape) + 1
        pulse = tau * L**2 / D
        along = float(fd.pulse_response(tau, shape))
        read = fd.weppner_huggins_steps(pulse, L, d * tau, along, shape)
        assert read == pytest.approx(D / float(1 + fd.square_root_excess(tau, shape)) ** 2, rel=1e-12)
    assert_allclose(fd.short_pulse_response(2.0, flux, D), 2 * flux * np.sqrt(2.0 / (np.pi * D)), rtol=1e-15)


# ---- steps ----


@pytest.mark.parametrize("shape", ["planar", "sphere"])
@pytest.mark.parametrize("biot", [*BIOTS, np.inf])
def test_exchange_roots_are_exact(shape, biot):
    roots = fd.exchange_roots(biot, 9, shape)
    with mp.workdps(50):
        for n, b in enumerate(roots):
            if np.isinf(biot):
                exact = (n + mp.mpf(1 if shape == "sphere" else 0.5)) * mp.pi
            else:
                L = mp.mpf(biot)
                planar = lambda x, L=L: x * mp.sin(x) - L * mp.cos(x)  # noqa: E731
                sphere = lambda x, L=L: mp.sin(x) - x * mp.cos(x) - L * mp.sin(x)  # noqa: E731
                f = planar if shape == "planar" else sphere
                exact = mp.findroot(f, (mp.mpf(b) * (1 - mp.mpf(10) ** -9), mp.mpf(b)), solver="secant")
            assert abs(b / exact - 1) < 1e-15
    phase = np.pi / 2 if shape == "planar" else np.pi
    n = np.arange(9) * np.pi
    assert np.all((roots > n) & (roots <= n + phase))


@pytest.mark.parametrize("shape", ["planar", "sphere"])
@pytest.mark.parametrize("biot", [*BIOTS, np.inf])
def test_step_current_inverts_its_transform(shape, biot):
    g, d = slope_of_surface(shape), SHAPES.index(shape) + 1

    def transform(p):
        slope = g(mp.sqrt(p))
        return d * slope / (p * (1 if np.isinf(biot) else 1 + slope / mp.mpf(biot)))

    exact = [inverse(transform, tau) for tau in TAUS]
    Q, D, a = 0.0037, 2.9e-13, 3.3e-6
    got = fd.pitt_current(np.array(TAUS) * a**2 / D, Q, D, a, biot, shape)
    assert_allclose(got, np.array(exact) * Q * D / a**2, rtol=1e-12)


@pytest.mark.parametrize("biot", [*BIOTS, np.inf])
def test_uptake_inverts_its_transform(biot):
    def transform(p):
        slope = mp.sqrt(p) * mp.tanh(mp.sqrt(p))
        return slope / (p * p * (1 if np.isinf(biot) else 1 + slope / mp.mpf(biot)))

    taus = [t for t in TAUS if t < 1]
    reached, remaining = fd.slab_uptake(taus, biot)
    exact = np.array([inverse(transform, tau) for tau in taus])
    assert_allclose(reached, exact, rtol=1e-12)
    assert_allclose(remaining, 1 - exact, rtol=1e-12)


def test_worked_step_and_relaxation():
    got = fd.pitt_current([0.002333, 0.01167, 0.04666, 0.1167, 0.35], 0.001377, 7.407e-13, 4.157e-07)
    expected = [
        0.03329988872986561, 0.01488897229867088, 0.007345742336108147, 0.003436000852248388, 0.0002913798587320652
    ]  # fmt: skip
    assert_allclose(got, expected, rtol=1e-12)  # P019
    g, rest = fd.conductivity_relaxation(
        [24.95, 124.8, 499.1, 1248.0, 2495.0, 4991.0], [0.0002825], 2.556e-10, 1.294e-7
    )
    expected = [
        0.01108997464233952, 0.05347554317136503, 0.1963124648243965, 0.4206416506141093, 0.6640545495455661,
        0.8871420505618783,
    ]  # fmt: skip
    assert_allclose(g, expected, rtol=1e-12)  # P020
    assert_allclose(g + rest, 1, rtol=1e-15)


def test_relaxation_of_a_bar_against_two_dimensional_diffusion():
    """Richardson of a finite-volume quarter section with exchange on two sides, integrated exactly in time."""
    h, D, k, t = (0.00037, 0.00081), 3.1e-10, 9.3e-7, 170.0

    def mean_rest(n):
        def matrix(side):
            dx = side / n
            m = np.diag(np.full(n, -2.0)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)
            m[0, 0] = -1
            m[-1, -1] = -1 - dx / (D / k + dx / 2)
            return m * D / dx**2

        one, two = np.eye(n), matrix
        full = np.kron(two(h[0]), one) + np.kron(one, two(h[1]))
        values, vectors = np.linalg.eigh(full)
        start = vectors.T @ np.ones(n * n)
        return float(np.exp(values * t) @ start**2) / n**2

    coarse, fine = mean_rest(12), mean_rest(24)
    _, rest = fd.conductivity_relaxation(t, h, D, k)
    assert float(rest) == pytest.approx(fine + (fine - coarse) / 3, rel=2e-5)


def test_analyses_of_a_step_return_the_diffusivity():
    Q, D, a = 0.0021, 6.1e-14, 2.2e-6
    t = np.array([1e-3, 1.1e-3]) * a**2 / D
    slope = np.diff(fd.pitt_current(t, Q, D, a))[0] / np.diff(t**-0.5)[0]
    assert fd.cottrell_diffusivity(slope, Q, a) == pytest.approx(D, rel=1e-12)
    assert_allclose(fd.cottrell_current(t, Q, D, a), fd.pitt_current(t, Q, D, a), rtol=1e-14)
    off = fd.pitt_current(0.13 * a**2 / D, Q, D, a) / fd.cottrell_current(0.13 * a**2 / D, Q, D, a)
    assert float(off) == pytest.approx(1 - 1e-3, abs=1e-4)
    for shape in ("planar", "sphere"):
        for biot in (0.02, 3.7, np.inf):
            late = np.array([6.0, 7.0]) * a**2 / D / min(biot, 1)
            tail = np.diff(np.log(fd.pitt_current(late, Q, D, a, biot, shape)))[0] / np.diff(late)[0]
            assert fd.long_step_diffusivity(tail, a, biot, shape) == pytest.approx(D, rel=1e-11)
        assert fd.long_step_diffusivity(tail, a, np.inf, shape) == pytest.approx(D, rel=1e-11)


@settings(max_examples=60, deadline=None)
@given(st.floats(-10, 2), st.floats(-9, 9), st.sampled_from(SHAPES))
def test_order_and_signs(log_tau, log_biot, shape):
    tau, biot = 10.0 ** (log_tau + np.array([0, 0.2])), 10.0**log_biot
    d = SHAPES.index(shape) + 1
    p = fd.pulse_response(tau, shape)
    assert np.all(np.diff(p) > 0) and np.all(p >= d * tau) and np.all(fd.square_root_excess(tau, shape) >= 0)
    reached, rest = fd.slab_uptake(tau, biot)
    assert np.all(np.diff(reached) >= 0) and np.all(np.diff(rest) <= 0) and np.all((reached >= 0) & (reached <= 1))
    assert np.all(reached <= fd.slab_uptake(tau, np.inf)[0] * (1 + 1e-13))
    if shape != "cylinder":
        current = fd.pitt_current(tau, 1.0, 1.0, 1.0, biot, shape)
        assert np.all(np.diff(current) <= 0) and np.all(current >= 0)
        assert np.all(current <= d * biot * (1 + 1e-12))  # what the interface lets through at first


def test_bars_with_more_sides_relax_faster_and_shapes_follow_the_times():
    t = np.array([[3.0, 40.0, 700.0], [11.0, 90.0, 5000.0]])
    one = fd.conductivity_relaxation(t, [3e-4], 2e-10, 4e-7)[0]
    three = fd.conductivity_relaxation(t, [3e-4, 5e-4, 9e-4], 2e-10, 4e-7)[0]
    assert one.shape == t.shape and np.all(three > one)
    assert fd.flux_steps_response(t, [0.0], [1e-6], "cylinder", 2e-15, 1e-6).shape == t.shape
    assert fd.pitt_current(t, 1e-3, 2e-15, 1e-6, 4.0, "sphere").shape == t.shape
    assert fd.conductivity_relaxation(0.0, [3e-4], 2e-10, 4e-7)[0] == 0
    assert fd.pulse_response(0.0, "sphere") == 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fd.pulse_response(-1.0, "planar"), "tau must not be negative"),
        (lambda: fd.pulse_response(1.0, "cube"), "allowed: planar, cylinder, sphere"),
        (lambda: fd.pitt_current(0.0, 1, 1, 1), "time must be positive"),
        (lambda: fd.pitt_current(1.0, 1, 1, 1, 0.0), "Lambda"),
        (lambda: fd.pitt_current(1.0, 1, 1, 1, 2.0, "cylinder"), "allowed: planar, sphere"),
        (lambda: fd.flux_steps_response(1.0, [0, 0], [1, 2], "planar", 1, 1), "increasing"),
        (lambda: fd.conductivity_relaxation(1.0, [1, 1, 1, 1], 1, 1), "1 to 3"),
        (lambda: fd.weppner_huggins(1, 1, 1, 1, 1, 0), "shows no diffusion"),
        (lambda: fd.weppner_huggins_steps(1, 1, 1, 0, "planar"), "shows no diffusion"),
        (lambda: fd.long_step_diffusivity(1.0, 1.0), "must be negative in the tail"),
        (lambda: fd.cottrell_diffusivity(1.0, 0.0, 1.0), "charge"),
    ],
)
def test_what_cannot_be_is_said(call, told):
    with pytest.raises(InputError, match=told):
        call()
