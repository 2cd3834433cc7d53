"""Discs and strips on films, how deep a disc sees, and how a surface swells: against integrals done another way."""

from __future__ import annotations

from math import log, pi

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from miecsim.errors import InputError
from miecsim.techniques import formulas_tip as ft
from miecsim.techniques.formulas_probe import disc_current_density, disc_resistance

RHO, A = 2.7, 37e-9


def test_a_disc_on_a_film_tends_to_a_half_space_and_to_a_column() -> None:
    for t in (41 * A, 310 * A):
        image = disc_resistance(RHO, A) * (1 - 2 * log(2) / pi * A / t)
        assert ft.disc_on_film(RHO, A, t) == pytest.approx(image, rel=(A / t) ** 2)
    wide = [ft.disc_on_film(RHO, A, A / n) / (RHO * A / n / (pi * A**2)) for n in (4.3, 8.6, 17.2)]
    # the edge of the column lets current out: a + (2 ln 2/pi) t is the radius of an equal one without (Kirchhoff)
    np.testing.assert_allclose(wide, [(1 + 2 * log(2) / pi / n) ** -2 for n in (4.3, 8.6, 17.2)], rtol=6e-3)
    with pytest.raises(InputError, match="at most 20"):
        ft.disc_on_film(RHO, A, A / 21)


def test_a_disc_on_a_film_needs_no_more_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grid of `test_cylinder` finds the same film; here the equation itself is solved with twice the points."""
    ratios = (0.05, 0.9, 4.0)
    coarse = [ft.disc_on_film(RHO, A, A / ratio) for ratio in ratios]
    monkeypatch.setattr(ft, "_NODES", 160)
    fine = [ft.disc_on_film(RHO, A, A / ratio) for ratio in ratios]
    np.testing.assert_allclose(coarse, fine, rtol=1e-9)


def test_a_strip_on_a_film_tends_to_a_column_and_to_a_line() -> None:
    t, w = 1.3e-6, 2e-4
    assert ft.strip_on_film(RHO, 1e-4 * t, t, w) == pytest.approx(RHO / (pi * w) * log(16e4 / pi), rel=1e-8)
    # each edge of a broad strip adds (2 ln 2/pi) t to its breadth
    assert ft.strip_on_film(RHO, 6 * t, t, w) == pytest.approx(RHO / (w * (6 + 4 * log(2) / pi)), rel=1e-4)
    k = mp.tanh(mp.pi * 0.31 / 4)
    exact = RHO / (2 * w) * mp.ellipk(1 - k**2) / mp.ellipk(k**2)
    assert ft.strip_on_film(RHO, 0.31 * t, t, w) == pytest.approx(float(exact), rel=1e-13)


def test_the_share_within_a_spheroid_is_the_power_of_the_disc() -> None:
    """Power within the spheroid: I times the potential that falls up to it, by the current density under the disc."""
    fall = [1 - ft.disc_share(xi) for xi in (0.4, 1.0, 4.0)]
    for xi, rest in zip((0.4, 1.0, 4.0), fall, strict=True):
        depth = xi * A  # potential on the axis there, from rings of current below the disc; 4 A V/rho is the current

        def ring(theta: float, depth: float = depth) -> float:
            r = A * np.sin(theta)
            density = float(disc_current_density(r, A)) / (pi * A**2) * 4 * A
            return density * r / np.hypot(r, depth) * A * np.cos(theta)

        assert quad(ring, 0, pi / 2 - 1e-9, epsrel=1e-10)[0] == pytest.approx(rest, rel=1e-7)
    assert ft.spheroid_depth(0.0, 4.4 * A, A) == pytest.approx(4.4, rel=1e-12)
    assert ft.spheroid_depth(A * np.hypot(1, 0.7), 0.0, A) == pytest.approx(0.7, rel=1e-12)
    xi, eta = 1e-5, 0.62  # just below the disc, where the usual formula cancels
    r, z = A * np.sqrt((1 + xi**2) * (1 - eta**2)), A * xi * eta
    assert ft.spheroid_depth(r, z, A) == pytest.approx(xi, rel=1e-9)


def test_a_joint_far_from_a_disc_is_seen_by_its_image() -> None:
    """Insulating beyond the plane: two discs of the same current, 2 d apart, each at the potential rho I/(2 pi 2 d)."""
    d = 13 * A
    own, image = float(disc_resistance(RHO, A)), RHO / (2 * pi * 2 * d)
    assert ft.disc_near_joint(RHO, A, d, 1e12 * RHO) == pytest.approx(own + image, rel=1e-10)
    assert ft.disc_near_joint(RHO, A, d, RHO) == pytest.approx(own, rel=1e-14)


def test_swelling_weights_are_the_integral_of_the_kernel_over_rings() -> None:
    r1, r2, z1, z2 = np.array([0.0, 0.7, 2.0]), np.array([0.7, 1.1, 2.4]), np.array([0.2, 0.0, 1.3]), 1.9
    found = ft.swelling_weights(r1, r2, z1, np.full(3, z2))
    for i in range(3):
        low = max(float(z1[i]), 1e-9)
        exact, _ = dblquad(lambda z, r: 2 * pi * r * z / (r * r + z * z) ** 1.5, r1[i], r2[i], low, z2, epsrel=1e-9)
        assert found[i] == pytest.approx(exact, rel=1e-6)


def test_an_endless_layer_rises_by_its_clamped_strain_and_what_the_substrate_gives_way() -> None:
    """A layer that wants to grow by e pushes outward with E e h/(1 - nu) at its far rim; Cerruti's ring of horizontal
    forces lifts the middle by (1 - 2 nu)(1 + nu)/E of that; clamped, the layer rises by (1 + nu)/(1 - nu) e h."""
    nu, e, h = 0.27, 1.3e-4, 3e-9
    rim = (1 - 2 * nu) * (1 + nu) * e * h / (1 - nu)
    W = ft.swelling_weights(np.array([0.0]), np.array([1e9 * h]), np.array([5 * h]), np.array([6 * h]))[0]
    assert (1 + nu) / pi * W * e == pytest.approx(ft.clamped_swelling(nu) * e * h + rim, rel=1e-7)
