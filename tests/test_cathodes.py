"""Mixed conducting oxygen electrodes: worked figures, 50 digits over twelve decades, and the lines that they are."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from golden_closed import BY_CASE
from hypothesis import strategies as st
from lines import close, decades, effort, formula, hold, precise, relative

from miecsim.circuit import cathodes, diffusion, tlm
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError

STRICT = {"all": "raise"}
OMEGA = 2 * np.pi * np.logspace(-5, 6, 23)
LSCF = (1011.0, 1.9, 143.0, 3.1e-10, 2.2e-6, 6.9e5, 0.37, 1.44)  # T, gamma, c_v, D, k, a, eps, tau


def test_porous_cathode():
    figures = BY_CASE["P021"]
    p, z = figures["params"], figures["expected"]["Z"]
    cathode = cathodes.als_from_chemical(p["T"], p["gamma"], p["c_v"], p["D"], p["k"], p["a"], p["eps"], p["tau"])
    found = cathodes.als_impedance(2 * np.pi * np.array(p["freq_hz"]), cathode, p["L"])
    np.testing.assert_allclose(found.real, z["re"], rtol=figures["rtol"])
    np.testing.assert_allclose(found.imag, z["im"], rtol=figures["rtol"])


@effort(30)
def test_cathodes_in_multiprecision(examples):
    def check(values, eps, sigma, length, omega):
        w, (gamma, c_v, D, k, a, tau) = np.array([omega]), values
        with np.errstate(**STRICT):
            cathode = cathodes.als_from_chemical(987.0, gamma, c_v, D, k, a, eps, tau)
            thick, thin = cathodes.als_impedance(w, cathode), cathodes.als_impedance(w, cathode, length)
            resistive = {
                name: cathodes.als_with_electrons(w, cathode, sigma, length, name) for name in tlm.CONFIGURATIONS
            }
        with mp.workdps(50):
            gamma, c_v, D, k, a, tau, eps, s_e, ln, w = precise(*values, eps, sigma, length, omega)
            unit = mp.mpf(GAS_CONSTANT) * 987 * gamma / (4 * mp.mpf(FARADAY) ** 2 * c_v)
            d_eff = (1 - eps) * D / tau
            q = mp.sqrt(1 + mp.mpc(0, w * (1 - eps) / (a * k)))
            r = unit / mp.sqrt(d_eff * a * k)
            close(thick, r / q)
            close(thin, r / q * mp.coth(ln / mp.sqrt(d_eff / (a * k)) * q))
            z_f = unit / (mp.mpc(0, w * (1 - eps)) + a * k)
            for name, z in resistive.items():
                close(z, formula(unit / d_eff, 1 / s_e, z_f, length, name))

    hold(
        check,
        examples,
        values=st.tuples(*[decades] * 6),
        eps=st.integers(0, 99).map(lambda percent: percent / 100),
        **dict.fromkeys(("sigma", "length", "omega"), decades),
    )


@effort(30)
def test_films_in_multiprecision(examples):
    def check(sigma, c_chem, length, surface, interface, omega):
        with np.errstate(**STRICT):
            found = cathodes.thin_film(np.array([omega]), sigma, c_chem, length, surface, interface)
        with mp.workdps(50):
            s, c, ln, r_s, r_i, w = precise(sigma, c_chem, length, surface, interface, omega)
            z_c, t = 1 / mp.sqrt(mp.mpc(0, w) * c * s), mp.tanh(ln * mp.sqrt(mp.mpc(0, w) * c / s))
            close(found, r_i + z_c * (r_s + z_c * t) / (z_c + r_s * t))

    hold(check, examples, **dict.fromkeys(("sigma", "c_chem", "length", "surface", "interface", "omega"), decades))


def test_a_porous_cathode_is_a_pore_and_a_gerischer_element():
    cathode = cathodes.als_from_chemical(*LSCF)
    temperature, gamma, c_v, D, k, a, eps, tau = LSCF
    unit = GAS_CONSTANT * temperature * gamma / (4 * FARADAY**2 * c_v)
    D_eff = (1 - eps) * D / tau
    assert cathode.sigma_ion == pytest.approx(D_eff / unit, rel=1e-14)
    assert cathode.c_chem == pytest.approx((1 - eps) / unit, rel=1e-14)
    assert cathode.exchange == pytest.approx(a * k / unit, rel=1e-14)
    for length in (1e-8, 2e-5, 3.0):
        pore = tlm.de_levie(unit / D_eff, unit / (1j * OMEGA * (1 - eps) + a * k), length)
        assert relative(cathodes.als_impedance(OMEGA, cathode, length), pore) < 1e-13
        conductor = cathodes.als_with_electrons(OMEGA, cathode, 1e30, length)
        assert relative(conductor, pore) < 1e-13
    thick = cathodes.als_impedance(OMEGA, cathode)
    assert relative(thick, cathodes.als_impedance(OMEGA, cathode, 60 * cathode.depth)) < 1e-14
    assert relative(thick, diffusion.gerischer(OMEGA, cathode.R_chem, cathode.time)) < 1e-14


def test_both_parameterisations():
    """R_chem = (R T/4 F^2) sqrt(tau/((1 - eps) c_v D_v a r_0 alphas)), whatever the thermodynamic factor."""
    temperature, c_v, D_v, r_0, alphas, a, eps, tau = 1011.0, 143.0, 1.7e-10, 3.3e-4, 0.9, 6.9e5, 0.37, 1.44
    expected = GAS_CONSTANT * temperature / (4 * FARADAY**2) * np.sqrt(tau / ((1 - eps) * c_v * D_v * a * r_0 * alphas))
    for gamma in (1.0, 2.6):
        one = cathodes.als_from_kinetics(temperature, gamma, c_v, D_v, r_0, alphas, a, eps, tau)
        assert one.R_chem == pytest.approx(expected, rel=1e-14)
        assert one.time == pytest.approx((1 - eps) * c_v / (a * gamma * r_0 * alphas), rel=1e-14)
        assert one.depth == pytest.approx(np.sqrt((1 - eps) * D_v * c_v / (tau * a * r_0 * alphas)), rel=1e-14)


def test_thin_film_limits():
    """Fast transport leaves R_int + R_s || c_chem L; a sealed film is a finite-space element."""
    R_s = cathodes.surface_resistance(1011.0, 3e-8, 8.9e4)
    assert R_s == pytest.approx(8.31446261815324 * 1011 / (4 * 96485.33212331001**2 * 3e-8 * 8.9e4), rel=1e-14)
    z = cathodes.thin_film(OMEGA, 1e9, 2e8, 1e-7, R_s, 0.1)
    assert relative(z, 0.1 + R_s / (1 + 1j * OMEGA * R_s * 2e8 * 1e-7)) < 1e-8
    sealed = cathodes.thin_film(OMEGA, 1e-4, 2e8, 1e-7, np.inf)
    assert relative(sealed, diffusion.warburg_open(OMEGA, 1e-3, 1e-14 * 2e8 / 1e-4)) < 1e-13
    static = cathodes.thin_film(np.array([0.0]), 1e-4, 2e8, 1e-7, R_s, 0.1)
    assert static[0] == pytest.approx(0.1 + R_s + 1e-3, rel=1e-14)
    assert np.isinf(cathodes.thin_film(np.array([0.0]), 1e-4, 2e8, 1e-7, np.inf)[0])


def test_what_is_refused():
    with pytest.raises(InputError, match="porosity"):
        cathodes.als_from_chemical(*LSCF[:6], 1.0, 1.4)
    with pytest.raises(InputError, match="positive"):
        cathodes.als_from_chemical(*LSCF[:5], 0.0, 0.3, 1.4)
    with pytest.raises(InputError, match="positive"):
        cathodes.als_from_kinetics(1000.0, 1.0, 100.0, 0.0, 1e-4, 1.0, 1e5, 0.3, 1.4)
    with pytest.raises(InputError, match="length"):
        cathodes.als_impedance(OMEGA, cathodes.als_from_chemical(*LSCF), 0.0)
