"""Acceptor-doped ceria against a worked figure, Brouwer's limits and the published Ce0.9Gd0.1O1.95 record."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from golden import BY_CASE
from hypothesis import given
from hypothesis import strategies as st

from miecsim.circuit.mixed import mixed_conductor_parameters
from miecsim.constants import ATMOSPHERE, BOLTZMANN, ELEMENTARY_CHARGE, FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.physics import defects


def test_worked_figure():
    """P022 in site fractions per formula unit and mobilities, converted to mol/m3 and diffusivities."""
    p, expected = BY_CASE["P022"]["params"], BY_CASE["P022"]["expected"]
    rt = GAS_CONSTANT * p["T"]
    k_sites = np.exp(p["dS"] / GAS_CONSTANT - p["dH"] / rt)
    assert k_sites == pytest.approx(expected["K"], rel=1e-12)
    dopant, k = p["A"] / p["Vm"], k_sites / p["Vm"] ** 3
    found = defects.ceria_defects(p["p"] * ATMOSPHERE, dopant, k)
    assert found.vacancy * p["Vm"] == pytest.approx(expected["V"], rel=1e-12)
    assert found.electron * p["Vm"] == pytest.approx(expected["n"], rel=1e-12)
    # mobility u = z F D/(R T)
    d_v = p["uV0"] / p["T"] * np.exp(-p["EV"] / rt) * rt / (2 * FARADAY)
    d_e = p["un0"] / p["T"] * np.exp(-p["En"] / rt) * rt / FARADAY
    sigma_ion, sigma_eon = defects.ceria_conductivities(found, d_v, d_e, p["T"])
    assert sigma_ion == pytest.approx(expected["sigma_i"], rel=1e-9)
    assert sigma_eon == pytest.approx(expected["sigma_e"], rel=1e-9)
    assert sigma_ion / (sigma_ion + sigma_eon) == pytest.approx(expected["t_i"], rel=1e-9)
    assert defects.electrolytic_domain_boundary(dopant, k, d_v, d_e) == pytest.approx(
        expected["p_EDB"] * ATMOSPHERE, rel=1e-9
    )
    m = mixed_conductor_parameters([2, -1], [float(found.vacancy), float(found.electron)], [d_v, d_e], p["T"])
    assert m.c_chem == pytest.approx(expected["c_chem"], rel=1e-9)
    assert pytest.approx(expected["D_chem"], rel=1e-9) == m.D_chem
    assert m.sigma_amb == pytest.approx(expected["sigma_amb"], rel=1e-9)


@given(st.floats(-60, 8), st.one_of(st.none(), st.floats(-6, 6)), st.floats(-30, 15))
def test_both_equations_hold_at_any_pressure(pressure, dopant, k):
    pressure, k, a = 10**pressure, 10**k, 0.0 if dopant is None else 10**dopant
    found = defects.ceria_defects(pressure, a, k)
    with mp.workdps(60):
        right = 2 * mp.mpf(k) / mp.sqrt(mp.mpf(pressure) / mp.mpf(ATMOSPHERE))
        # the only positive root, by bisection-safe Newton from above
        n = max(mp.cbrt(right), mp.mpf(0))
        for _ in range(200):
            n, last = n - (n**3 + a * n**2 - right) / (3 * n**2 + 2 * a * n), n
            if abs(n - last) < abs(n) * mp.mpf(10) ** -40:
                break
        assert abs(found.electron - n) < 1e-15 * n * 2
        assert abs(found.vacancy - (n + a) / 2) < 1e-15 * (n + a)


def test_brouwer_limits():
    p = np.logspace(-30, -25, 6) * ATMOSPHERE
    pure = defects.ceria_defects(p, 0.0, 1e3)
    assert pure.electron == pytest.approx(2000.0 ** (1 / 3) * (p / ATMOSPHERE) ** (-1 / 6), rel=1e-14)
    assert pure.vacancy == pytest.approx(pure.electron / 2, rel=1e-15)
    doped = defects.ceria_defects(np.array([1e-4, 1.0, 1e4]), 4000.0, 1e-12)
    assert doped.vacancy == pytest.approx(2000.0, rel=1e-8)
    assert doped.electron == pytest.approx(
        np.sqrt(2e-12 / 4000) * (np.array([1e-4, 1, 1e4]) / ATMOSPHERE) ** -0.25, rel=1e-8
    )
    # the reduced range is reached without a step
    p = np.logspace(-40, 5, 400)
    n = defects.ceria_defects(p, 4000.0, 1e-6).electron
    slope = np.diff(np.log(n)) / np.diff(np.log(p))
    assert np.all(np.diff(slope) < 1e-10) and slope[0] == pytest.approx(-1 / 6, abs=2e-2)
    assert slope[-1] == pytest.approx(-1 / 4, rel=1e-6)


def test_shapes():
    assert defects.ceria_defects(1.0, 1.0, 1.0).electron.shape == ()
    found = defects.ceria_defects(np.ones((3, 1)), np.ones(2), 1.0)
    assert found.electron.shape == found.vacancy.shape == (3, 2)


@pytest.mark.parametrize(
    ("temperature", "sigma_ion", "sigma_1atm", "crossing"),
    [(873.15, 1.70, 1.49e-6, 5.9e-25), (973.15, 3.84, 4.12e-5, 1.3e-20), (1073.15, 7.38, 6.08e-4, 4.6e-17)],
)
def test_gadolinia_doped_ceria(temperature, sigma_ion, sigma_1atm, crossing):
    """Ce0.9Gd0.1O1.95 at 600, 700, 800 C (github.com/QianZhangNU/PO2distribution)."""
    dopant = 2 * 2089.0
    d_v = 10 ** (-3405 / temperature - 1.8995) * 1e-4
    d_e = 10 ** (-4301 / temperature + 0.1301) * 1e-4
    law = 4e9 / temperature * np.exp(-2.51 * ELEMENTARY_CHARGE / (BOLTZMANN * temperature)) * 100
    assert law == pytest.approx(sigma_1atm, rel=5e-3)
    k = defects.reduction_constant_from_dilute_conductivity(law, d_e, dopant, temperature)
    p = np.array([1e-8, 1e-2, 1.0]) * ATMOSPHERE
    ion, eon = defects.ceria_conductivities(defects.ceria_defects(p, dopant, k), d_v, d_e, temperature)
    assert ion == pytest.approx(sigma_ion, rel=5e-3)
    assert eon == pytest.approx(law * (p / ATMOSPHERE) ** -0.25, rel=1e-3)
    assert (law / ion[-1]) ** 4 == pytest.approx(crossing, rel=1e-2)
    # the dilute law's crossing lies near the true one, where n is no longer small against A
    boundary = defects.electrolytic_domain_boundary(dopant, k, d_v, d_e)
    at_boundary = defects.ceria_conductivities(defects.ceria_defects(boundary, dopant, k), d_v, d_e, temperature)
    assert at_boundary[0] == pytest.approx(at_boundary[1], rel=1e-13)
    assert boundary / ATMOSPHERE == pytest.approx(crossing, rel=0.1)


@pytest.mark.parametrize(
    "arguments", [(0.0, 1.0, 1.0), (np.nan, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, np.inf)]
)
def test_impossible_input_is_refused(arguments):
    with pytest.raises(InputError, match="must be positive and finite"):
        defects.ceria_defects(*arguments)


def test_electrons_slower_than_vacancies_never_take_over():
    with pytest.raises(InputError, match="never take over"):
        defects.electrolytic_domain_boundary(1.0, 1.0, 1.0, 2.0)
