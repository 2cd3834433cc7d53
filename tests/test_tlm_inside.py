"""Inside a line, and its answers to steps: against the equations at 50 digits and against what the ends say."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import strategies as st
from lines import close, decades, effort, hold, passive, precise, relative

from miecsim.circuit import elements, profiles, steps, tlm
from miecsim.errors import InputError

STRICT = {"all": "raise"}
OMEGA = 2 * np.pi * np.logspace(-4, 6, 11)
LINE = (2.3e4, 7.1e2, elements.lumped(OMEGA, R=0.31, Q=1.7, alpha=0.88), 1.3e-3)
DEPTHS = np.linspace(0, LINE[3], 9)


# --- profiles -------------------------------------------------------------------------------------


@effort(40)
def test_one_sided_excitations_keep_every_digit(examples):
    """A potential difference, or a circulating current, at one end only: each of u and j is a single term."""

    def check(z1, z2, z_f, length, share):
        y = np.array([share * length])
        with np.errstate(**STRICT):
            by_u = [
                profiles.profile_from_potentials(y, z1, z2, z_f, length, ends[:2], ends[2:])
                for ends in ((1, 0, 0, 0), (0, 0, 1, 0))
            ]
            by_j = [profiles.profile_from_currents(y, z1, z2, z_f, length, (i, -i), end) for i, end in ((1, 0), (0, 1))]
        with mp.workdps(50):
            a, b, zf, ln, at = precise(z1, z2, z_f, length, y[0])
            lam = mp.sqrt(zf / (a + b))
            for own, other, u, j in ((ln - at, 1, by_u[0], by_j[0]), (at, -1, by_u[1], by_j[1])):
                ratio = mp.sinh(own / lam) / mp.sinh(ln / lam)
                slope = other * mp.cosh(own / lam) / mp.sinh(ln / lam)
                if abs(ratio) > 1e-280:  # below, it is zero
                    # the depth's own rounding moves the decay by |y/lambda| eps
                    bound = 1e-13 * max(1, float(abs(mp.log(abs(ratio)))))
                    close(u.u, ratio, bound)
                    close(j.i_1, ratio, bound)
                    close(j.u, slope * lam * (a + b), bound)

    hold(
        check,
        examples,
        z1=decades,
        z2=decades,
        z_f=passive,
        length=decades,
        share=st.integers(0, 64).map(lambda k: k / 64),
    )


@effort(30)
def test_any_ends(examples):
    """Potentials and currents within the line, relative to the largest term that makes them up."""

    def check(z1, z2, z12, z_f, length, share, ends):
        y, z12 = np.array([share * length]), z12 * z1 * z2 / (z1 + z2)
        with np.errstate(**STRICT):
            p = profiles.profile_from_potentials(y, z1, z2, z_f, length, ends[:2], ends[2:], z12)
        with mp.workdps(60):
            a, b, c, zf, ln, at = precise(z1, z2, z12, z_f, length, y[0])
            p1, p2, q1, q2 = (mp.mpf(value) for value in ends)
            lam, z_s = mp.sqrt(zf / (a + b)), a + b
            t1, t2, u0, uL = b / z_s, a / z_s, p1 - p2, q1 - q2
            near, far = mp.sinh((ln - at) / lam) / mp.sinh(ln / lam), mp.sinh(at / lam) / mp.sinh(ln / lam)
            u = u0 * near + uL * far
            star = (t1 * p1 + t2 * p2) * (1 - at / ln) + (t1 * q1 + t2 * q2) * at / ln
            total = (t1 * (p1 - q1) + t2 * (p2 - q2)) / ((a * b / z_s + c) * ln)
            terms = u0 * mp.cosh((ln - at) / lam), uL * mp.cosh(at / lam)
            j = (terms[0] - terms[1]) / mp.sinh(ln / lam) / mp.sqrt(z_s * zf)
            potential, current = max(map(abs, ends)), abs(t1 * total) + abs(t2 * total) + abs(j)
            for value, exact, size in (
                (p.Phi_1, star + t2 * u, potential),
                (p.Phi_2, star - t1 * u, potential),
                (p.i_1, t1 * total + j, current),
                (p.i_2, t2 * total - j, current),
            ):
                if size > 1e-280:  # below, it is zero
                    assert abs(mp.mpc(complex(value[0, 0])) - exact) <= 1e-10 * size

    unit = st.integers(-8, 8).map(lambda k: k / 8)
    ends = st.tuples(unit, unit, unit, unit)
    share = st.integers(0, 64).map(lambda k: k / 64)
    z12 = st.integers(-7, 40).map(lambda k: k / 10)
    hold(check, examples, z1=decades, z2=decades, z12=z12, z_f=passive, length=decades, share=share, ends=ends)


def test_profiles_obey_the_equations():
    """Slopes by Chebyshev differences of the profile itself."""
    nodes = np.polynomial.chebyshev.chebpts2(48)
    y = LINE[3] * (nodes + 1) / 2
    z1, z2, z_f, length = LINE[0], LINE[1], LINE[2][:7], LINE[3]
    p = profiles.profile_from_currents(y, z1, z2, z_f, length, (0.7, 0.3), 0.1, z12=55.0)
    total = p.i_1 + p.i_2
    assert relative(total, 1.0) < 1e-14

    def slope(values):
        fit = np.polynomial.chebyshev.chebfit(nodes, values.T, 47)
        return np.polynomial.chebyshev.chebval(nodes, np.polynomial.chebyshev.chebder(fit)) * 2 / length

    for value, expected in (
        (p.Phi_1, -z1 * p.i_1 - 55.0 * total),
        (p.Phi_2, -z2 * p.i_2 - 55.0 * total),
        (p.i_1, -(p.Phi_1 - p.Phi_2) / z_f[:, None]),
        (p.i_2, (p.Phi_1 - p.Phi_2) / z_f[:, None]),
    ):
        assert np.max(np.abs(slope(value) - expected) / np.max(np.abs(expected), axis=1)[:, None]) < 1e-8


def test_what_the_ends_say():
    """Impedances of named terminals from end currents; end currents from end potentials by the admittance."""
    p = profiles.profile_from_currents(DEPTHS, *LINE, (1, 0), 0)
    assert relative(p.Phi_1[:, 0] - p.Phi_2[:, -1], tlm.two_rail_impedance(*LINE, "ie")) < 1e-13
    p = profiles.profile_from_currents(DEPTHS, *LINE, (1, 0), 1)
    assert relative(p.Phi_1[:, 0] - p.Phi_1[:, -1], tlm.two_rail_impedance(*LINE, "ii")) < 1e-13
    p = profiles.profile_from_currents(DEPTHS, *LINE, (1, -1), 0)
    assert relative(p.u[:, 0], tlm.two_rail_impedance(*LINE, "ie_same")) < 1e-13
    assert np.all(p.Phi_2[:, 0] == 0)
    ends = np.array([0.4, -0.1, 0.25, 0.9])
    p = profiles.profile_from_potentials(DEPTHS, *LINE, ends[:2], ends[2:])
    currents = tlm.two_rail_admittance(*LINE) @ ends
    found = np.stack([p.i_1[:, 0], p.i_2[:, 0], -p.i_1[:, -1], -p.i_2[:, -1]], axis=1)
    assert relative(found, currents) < 1e-11
    back = profiles.profile_from_currents(DEPTHS, *LINE, (p.i_1[:, 0], p.i_2[:, 0]), p.i_1[:, -1])
    assert np.max(np.abs(back.Phi_1 - back.Phi_2[:, -1:] - (p.Phi_1 - p.Phi_2[:, -1:]))) < 1e-11


def test_a_line_without_interface_is_two_resistors():
    p = profiles.profile_from_potentials(DEPTHS, 2.0, 3.0, np.inf, LINE[3], (1.0, 0.5), (0.0, 0.1))
    assert relative(p.i_1, 1.0 / (2.0 * LINE[3])) < 1e-14 and relative(p.i_2, 0.4 / (3.0 * LINE[3])) < 1e-14
    np.testing.assert_allclose(p.Phi_2[0].real, 0.5 - 0.4 * DEPTHS / LINE[3], rtol=1e-14)
    # rails seven decades apart, where the mean potential of the ends differs in its last digits only
    p = profiles.profile_from_potentials(DEPTHS, 0.01, 1e5, 1.0, LINE[3], (0.125, 0.125), (0.125, 0.0))
    share = 0.01 / (0.01 + 1e5)
    assert relative(p.i_1 + p.i_2, share * 0.125 / (share * 1e5 * LINE[3])) < 1e-9
    with pytest.raises(InputError, match="give the potentials"):
        profiles.profile_from_currents(DEPTHS, 2.0, 3.0, np.inf, LINE[3], (1.0, 0.0), 1.0)
    with pytest.raises(InputError, match="give the currents"):
        profiles.profile_from_potentials(DEPTHS, 2.0, 0.0, 1.0, LINE[3], (1.0, 0.0), (0.0, 0.0))
    with pytest.raises(InputError, match="depths"):
        profiles.profile_from_currents(2 * DEPTHS, 2.0, 3.0, 1.0, LINE[3], (1.0, 0.0), 1.0)
    with pytest.raises(InputError, match="both rails"):
        profiles.profile_from_currents(DEPTHS, 0.0, 0.0, 1.0, LINE[3], (1.0, 0.0), 1.0)


def test_a_line_of_any_termination():
    """Potentials of the four rail ends, and with them the whole inside, obey Ohm's law at every contact and link."""
    z = {name: elements.lumped(OMEGA, R=r, C=1e-3, Rs=0.3) for name, r in zip("abcdx", (9, 40, 2, 7, 5), strict=True)}
    contacts = [(0, 0, "left", z["a"]), (0, 1, "left", z["b"]), (1, 0, "right", z["c"]), (1, 1, "right", z["d"])]
    for z12 in (0.0, 300.0):
        line, common = tlm.two_rail_admittance(*LINE), z12 * LINE[3]
        ends = profiles.rail_end_potentials(line, contacts, [("right", z["x"])], common)
        Z = tlm.two_terminal(tlm.terminate(line, contacts, [("right", z["x"])], common))
        p = profiles.profile_from_potentials(DEPTHS, *LINE, ends[:, :2].T, ends[:, 2:].T, z12)
        assert relative(p.i_1[:, 0], (Z - ends[:, 0]) / z["a"]) < 1e-9
        assert relative(p.i_2[:, 0], (Z - ends[:, 1]) / z["b"]) < 1e-9
        across = (ends[:, 2] - ends[:, 3]) / z["x"]
        assert relative(p.i_1[:, -1], ends[:, 2] / z["c"] + across) < 1e-9
        assert relative(p.i_2[:, -1], ends[:, 3] / z["d"] - across) < 1e-9
        assert relative(p.i_1 + p.i_2, 1.0) < 1e-9
    # ideal contacts, and rail ends that only the line holds: a reference at the blocked ions' end of a film
    ends = profiles.rail_end_potentials(line, [(0, 1, "left", 0), (1, 1, "right", 0)])
    assert relative(ends[:, 1], tlm.two_rail_impedance(*LINE, "ee")) < 1e-13 and np.all(ends[:, 3] == 0)
    p = profiles.profile_from_currents(DEPTHS, *LINE, (0, 1), 0)
    for k, inside in ((0, p.Phi_1[:, 0]), (2, p.Phi_1[:, -1])):
        assert relative(ends[:, k], inside - p.Phi_2[:, -1]) < 1e-11
    separator = tlm.two_rail_admittance(2.0, np.inf, np.inf, 1.0)
    ends = profiles.rail_end_potentials(separator, [(0, 0, "left", 0), (1, 0, "right", 0)])
    assert ends[0, 0] == 2.0 and np.isnan(ends[0, 1])


# --- steps ----------------------------------------------------------------------------------------

exponent = st.floats(-12.0, 2.0)


def series(tau, term):
    """sum over n >= 0, as many terms as exp(-n^2 pi^2 tau) needs at 50 digits."""
    return mp.fsum(term(n) for n in range(int(mp.sqrt(120 / tau) / mp.pi) + 3))


@effort(60)
def test_charging_a_pore(examples):
    def check(R, C, voltage, exponent):
        time = np.array([R * C * 10**exponent])
        with np.errstate(**STRICT):
            current = steps.pore_charging_current(time, R, C, voltage)
        with mp.workdps(50):
            r, c, v, t = precise(R, C, voltage, time[0])
            tau = t / (r * c)
            if tau < 1e-4:  # the square root law is then exact to exp(-1e4)
                close(current, v * mp.sqrt(c / (mp.pi * r * t)), 1e-14)
            else:
                exact = 2 * v / r * series(tau, lambda n: mp.exp(-(((n + mp.mpf(1) / 2) * mp.pi) ** 2) * tau))
                close(current, exact, 1e-15 * (10 + 3 * float(tau)))

    hold(check, examples, R=decades, C=decades, voltage=decades, exponent=exponent)


def test_the_charge_that_enters_a_pore():
    """Integral of the current: C V, by Gauss's rule in the logarithm of time."""
    R, C, V = 37.0, 2.3e-4, 0.4
    x, w = np.polynomial.legendre.leggauss(400)
    log_t = np.log(R * C) + (x + 1) / 2 * 46 - 42
    t = np.exp(log_t)
    charge = np.sum(w * 23 * t * steps.pore_charging_current(t, R, C, V))
    before = 2 * V * np.sqrt(C * np.exp(np.log(R * C) - 42) / (np.pi * R))
    assert charge + before == pytest.approx(C * V, rel=1e-12)
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="positive"):
            steps.pore_charging_current(np.array([bad]), R, C)
    with pytest.raises(InputError, match="R is 0"):
        steps.pore_charging_current(np.array([1.0]), 0.0, C)


@effort(60)
def test_polarisation(examples):
    def check(ion, eon, d_chem, length, area, exponent):
        time = np.array([length**2 / d_chem * 10**exponent])
        with np.errstate(**STRICT):
            found = steps.polarisation_voltage(time, ion, eon, d_chem, length, area, 0.7)
        with mp.workdps(50):
            s1, s2, d, ln, a, t = precise(ion, eon, d_chem, length, area, time[0])
            tau = d * t / ln**2
            if tau < 1e-4:
                p = 4 * mp.sqrt(tau / mp.pi)
            else:
                odd = series(4 * tau, lambda n: mp.exp(-((2 * n + 1) ** 2) * mp.pi**2 * tau) / (2 * n + 1) ** 2)
                p = 1 - 8 / mp.pi**2 * odd
            close(found, mp.mpf(0.7) * ln / (a * (s1 + s2)) * (1 + s1 / s2 * p), 1e-14)

    names = ("ion", "eon", "d_chem", "length", "area")
    hold(check, examples, **dict.fromkeys(names, decades), exponent=exponent)


def test_polarisation_goes_from_both_carriers_to_one():
    """From L/(sigma A) to L/(sigma_eon A)."""
    times = np.array([1e-12, 1e6])
    first, last = steps.polarisation_voltage(times, 0.987, 0.2, 3e-9, 1.1e-3, 2e-4)
    assert first == pytest.approx(1.1e-3 / (1.187 * 2e-4), rel=1e-5)
    assert last == pytest.approx(1.1e-3 / (0.2 * 2e-4), rel=1e-14)
    with pytest.raises(InputError, match="positive"):
        steps.polarisation_voltage(times, 0.0, 0.2, 3e-9, 1.1e-3, 2e-4)
