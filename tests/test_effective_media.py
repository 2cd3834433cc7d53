"""Closed forms of composites against their defining equations, 30 digits, limits and each other."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miecsim.circuit import media
from miecsim.errors import InputError

decades = st.floats(-6, 6).map(lambda x: 10.0**x)
shares = st.lists(st.floats(0.02, 1.0), min_size=2, max_size=4).map(lambda x: [v / sum(x) for v in x])
angle = st.floats(-1.5, 1.5)


@st.composite
def composites(draw, complex_too=False):
    phi = draw(shares)
    s = [draw(decades) * (np.exp(1j * draw(angle)) if complex_too else 1.0) for _ in phi]
    return phi, s


def test_worked_checkerboard():
    assert media.checkerboard(0.007947, 0.06125) == pytest.approx(0.02206249645892323, rel=1e-12)
    for contrast, order in ((2, 1.57), (4, 1.18), (10, 0.78), (100, 0.25)):
        assert media.checkerboard_order(contrast) == pytest.approx(order, abs=0.005)
        assert media.checkerboard_order(1 / contrast) == media.checkerboard_order(contrast)
    w = np.logspace(-3, 3, 7)
    Z = np.array([1 / media.checkerboard(1 / 3.7, 1j * each * 0.21) for each in w])
    np.testing.assert_allclose(Z, np.sqrt(3.7 / 0.21) * (1j * w) ** -0.5, rtol=1e-14)  # a constant phase element


@settings(max_examples=30, deadline=None)
@given(composites(), st.sampled_from([2, 3]))
def test_bounds_and_models_in_order(composite, dim):
    phi, s = composite
    low, high = media.hashin_shtrikman(phi, s, dim)
    slack = 1 + 1e-12
    assert media.series(phi, s) <= low * slack and low <= high * slack and high <= media.parallel(phi, s) * slack
    model = media.bruggeman(phi, s, dim)
    assert low <= model * slack and model <= high * slack
    if len(phi) == 2:
        for k, matrix in ((0, 1), (1, 0)):
            assert low <= media.differential(phi[k], s[k], s[matrix], dim) * slack <= high * slack**2


@settings(max_examples=20, deadline=None)
@given(composites(complex_too=True), st.sampled_from([2, 3]))
def test_effective_medium_solves_its_equation(composite, dim):
    phi, s = composite
    found = media.bruggeman(phi, s, dim)
    terms = [p * (v - found) / (v + (dim - 1) * found) for p, v in zip(phi, s, strict=True)]
    assert abs(sum(terms)) < 1e-11
    assert found.real > 0
    args = np.angle(s)  # the composite dissipates and stores between what its phases do
    assert args.min() - 1e-12 <= np.angle(found) <= args.max() + 1e-12
    real = np.abs(s)
    turned = media.bruggeman(phi, (real * (2 - 1j)).tolist(), dim)
    assert turned == pytest.approx(media.bruggeman(phi, real.tolist(), dim) * (2 - 1j), rel=1e-11)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 0.97), decades, decades, angle, st.sampled_from([2, 3]))
def test_differential_medium_solves_its_equation(phi, inclusion, matrix, turn, dim):
    with mp.workdps(40):
        for s_i in (inclusion, inclusion * np.exp(1j * turn)):
            e = mp.mpmathify(media.differential(phi, s_i, matrix, dim)) / matrix
            r = mp.mpmathify(s_i) / matrix
            if abs(r - 1) < 1e-9:
                continue
            excess = mp.log((r - e) / (r - 1) / (1 - mp.mpf(phi)) / e ** (mp.mpf(1) / dim))
            assert abs(excess / (mp.mpf(1) / dim + e / (r - e))) < 1e-10  # Newton's next step of ln(sigma)


def test_limits():
    for phi in (0.137, 0.61):
        assert media.differential(phi, 0.0, 2.3) == pytest.approx(2.3 * (1 - phi) ** 1.5, rel=1e-14)
        assert media.differential(phi, 0.0, 2.3, dim=2) == pytest.approx(2.3 * (1 - phi) ** 2, rel=1e-14)
        assert media.differential(phi, 2.3e-13, 2.3) == pytest.approx(2.3 * (1 - phi) ** 1.5, rel=1e-9)
        assert media.bruggeman([phi, 1 - phi], [1.9, 0.0]) == pytest.approx(1.9 * max(0, 1.5 * phi - 0.5), rel=1e-12)
        assert media.bruggeman([phi, 1 - phi], [1.9, 0.0], 2) == pytest.approx(1.9 * max(0, 2 * phi - 1), rel=1e-12)
        assert media.hashin_shtrikman([phi, 1 - phi], [0.0, 1.9])[0] == 0.0
        # insulating spheres in a matrix: 2 (1 - phi)/(2 + phi)
        upper = media.hashin_shtrikman([phi, 1 - phi], [0.0, 1.9])[1]
        assert upper == pytest.approx(1.9 * 2 * (1 - phi) / (2 + phi), rel=1e-13)
    # half and half of two phases in two dimensions, a symmetric medium, follows the theorem of exchanged phases
    s1, s2 = 0.31 + 0.2j, 1.7 - 0.4j
    assert media.bruggeman([0.5, 0.5], [s1, s2], 2) == pytest.approx(media.checkerboard(s1, s2), rel=1e-12)
    # Keller's exchange: the product of a coated disc and its opposite is s1 s2, whatever the fraction
    one = media.maxwell([0.3, 0.7], [s1, s2], s2, 2)
    assert one * media.maxwell([0.3, 0.7], [s2, s1], s1, 2) == pytest.approx(s1 * s2, rel=1e-13)
    # dilute: sigma_m (1 + d phi (s_i - s_m)/(s_i + (d - 1) s_m)) for all three
    phi, s_i, s_m = 1e-6, 7.1, 0.9
    slope = 3 * (s_i - s_m) / (s_i + 2 * s_m)
    for value in (
        media.maxwell([phi, 1 - phi], [s_i, s_m], s_m),
        media.differential(phi, s_i, s_m),
        media.bruggeman([phi, 1 - phi], [s_i, s_m]),
    ):
        assert (value / s_m - 1) / phi == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(("dim", "s_i", "s_m", "phi"), [(2, 7.3, 0.41, 0.33), (3, 0.02, 1.9, 0.48), (3, 5j, 1.3, 0.2)])
def test_coated_sphere_is_a_neutral_inclusion(dim, s_i, s_m, phi):
    """The field outside a coated sphere stays uniform in a medium of `maxwell`: f'' + (d-1)(f'/r - f/r^2) = 0."""
    found = media.maxwell([phi, 1 - phi], [s_i, s_m], s_m, dim)
    r = phi ** (1 / dim)  # core radius, coat of radius 1; potential f(r) cos: core r, coat a r + b r^(1 - d)
    A = np.array([[r, r ** (1 - dim)], [s_m, s_m * (1 - dim) * r**-dim]])
    a, b = np.linalg.solve(A, np.array([r, s_i]))
    assert s_m * (a + (1 - dim) * b) / (a + b) == pytest.approx(found, rel=1e-12)


def test_laminate_tensor():
    phi, s, angle = [0.37, 0.63], [0.021, 1.9], 0.43
    tensor = media.laminate(phi, s, [np.cos(angle), np.sin(angle)])
    low, high = media.series(phi, s), media.parallel(phi, s)
    turned = high * np.sin(angle) ** 2 + low * np.cos(angle) ** 2
    np.testing.assert_allclose(tensor[0, 0], turned, rtol=1e-14)
    np.testing.assert_allclose(tensor[0, 1], (low - high) * np.sin(2 * angle) / 2, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.eigvalsh(tensor), [low, high], rtol=1e-13)
    assert media.laminate(phi, [1.0, 2j], [0, 0, 3.0])[2, 2] == pytest.approx(1 / (0.37 + 0.63 / 2j), rel=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: media.series([0.4, 0.5], [1.0, 2.0]), "add up to 1"),
        (lambda: media.parallel([1.0], [1.0, 2.0]), "read 1 for 2"),
        (lambda: media.parallel([0.5, 0.5], [1.0, -2.0]), "real parts"),
        (lambda: media.hashin_shtrikman([0.5, 0.5], [1.0, 2j]), "real conductivities"),
        (lambda: media.maxwell([0.5, 0.5], [1.0, 2.0], 2.0, dim=4), "expected 2 or 3"),
        (lambda: media.bruggeman([0.5, 0.5], [1j, 0.0]), "have to conduct"),
        (lambda: media.laminate([0.5, 0.5], [1.0, 2.0], [0.0, 0.0]), "direction"),
        (lambda: media.checkerboard_order(0.0), "positive number"),
    ],
)
def test_impossible_media(call, words):
    with pytest.raises(InputError, match=words):
        call()
