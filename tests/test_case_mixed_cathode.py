"""How deep oxygen reacts in a mixed-conducting cathode (case 407), against a strip in closed form."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from miecsim.case import Case, load_case
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.microstructure.conduction import conduct
from miecsim.run.build import system_of
from miecsim.run.flows import reaction_depth
from miecsim.run.microstructure import picture_figures, picture_of
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import amplitudes
from miecsim.solvers.rest import rest_point

CASE = Path(__file__).resolve().parent.parent / "cases" / "407_mixed_cathode"
R_S, GDC, WIDTH, PERIOD = 34.94e-4, 7.38, 0.5e-6, 1e-6  # ohm m2, S/m, m, m


@cache
def shipped() -> Case:
    return load_case(CASE)


def strip(sigma: float, width: float, length: float, terms: int = 300) -> tuple[float, float]:
    """Resistance times depth [ohm m] and mean depth of the reaction [m] of a strip 0 < x < length, |y| < width/2, at
    1 V at x = 0, whose sides react with R_S to 0 V: the sum of A_n cos(k_n y) cosh(k_n (length - x))/cosh(k_n length)
    with k_n b tan(k_n b) = b/(sigma R_S), b = width/2 (Carslaw and Jaeger 1959)."""
    b = width / 2
    biot = b / (sigma * R_S)
    q = np.array(
        [brentq(lambda v: v * np.sin(v) - biot * np.cos(v), m * np.pi, (m + 0.5) * np.pi) for m in range(terms)]
    )
    k, share = q / b, 4 * np.sin(q) / (2 * q + np.sin(2 * q))
    x = np.minimum(k * length, 300.0)
    current = 2 * sigma * np.sum(share * np.sin(q) * np.tanh(x))
    reaction = share * np.cos(q) / k
    return 1 / current, float(np.sum(reaction / k * (1 - 1 / np.cosh(x))) / np.sum(reaction * np.tanh(x)))


def solved(study: str, *overrides: str) -> tuple[float, float]:
    """R_dc [ohm m2] and the depth of the reaction [m]; `overrides` of what the study itself sets."""
    case = load_case(CASE, [f"study.{study}.set.{text}" for text in overrides]) if overrides else shipped()
    own = case.for_study(study)
    point = rest_point(system_of(own, own.study(study), None))
    depth = reaction_depth(point, amplitudes(point, np.array([1e-6])))["reaction_depth"].value
    return 1 / float(dc_admittance(point)[0, 0]), depth


def test_a_thin_strip_is_a_fin() -> None:
    sigma, length = 1.8, 80e-6
    reach = np.sqrt(sigma * R_S * WIDTH / 2)
    R, depth = strip(sigma, WIDTH, length)
    assert R == pytest.approx(reach / (sigma * WIDTH) / np.tanh(length / reach), rel=1e-4)
    assert depth == pytest.approx(reach * np.tanh(length / (2 * reach)), rel=1e-4)


def test_the_exchange_resistance_follows_from_the_exchange_current() -> None:
    """i_0 = 2 F 1994.64 exp(-149861/RT) pO2^0.25 A/m2 in air, two electrons: R_s = RT/(2 F i_0)."""
    V_T = thermal_voltage(1073.15)
    i_0 = 2 * FARADAY * 1994.64 * np.exp(-149861 / (V_T * FARADAY)) * 0.21**0.25
    assert i_0 == pytest.approx(13.2, rel=0.005)
    assert V_T / (2 * i_0) == pytest.approx(R_S, rel=1e-3)


def test_the_reaction_reaches_as_the_root_of_the_conductivity() -> None:
    """sqrt(sigma r_s w/2) over a decade, each value within 1 %, and the exponent."""
    sigma = np.array([0.011, 0.035, 0.11])
    fine = ("microstructure.voxels=[200, 4]", 'microstructure.voxel=["0.4 um", "0.25 um"]')
    found = np.array([solved("columns", f'phase.LSCF.sigma_ion="{s} S/m"', *fine) for s in sigma])
    reach = np.sqrt(sigma * R_S * WIDTH / 2)
    np.testing.assert_allclose(found[:, 1], reach, rtol=0.01)
    np.testing.assert_allclose(found[:, 0] - 8e-6 / GDC, reach / (sigma * WIDTH / PERIOD), rtol=0.01)
    assert np.polyfit(np.log(sigma), np.log(found[:, 1]), 1)[0] == pytest.approx(0.5, abs=0.005)
    assert np.polyfit(np.log(sigma), np.log(found[:, 0]), 1)[0] == pytest.approx(-0.5, abs=0.01)


def test_beside_the_three_phase_boundary_the_series_is_approached() -> None:
    """Bi = 7: no fin. Voxels of 50, 25 and 12.5 nm against the series, whose current is singular at the corner."""
    R_exact, exact = strip(1e-5, WIDTH, 0.8e-6)
    R_exact = R_exact * PERIOD + 0.25e-6 / GDC
    found = []
    for n in (1, 2, 4):
        size = (f"microstructure.voxels=[{16 * n}, {10 * n}]", f'microstructure.voxel="{50 / n} nm"')
        found.append(solved("lsm_like", *size))
    errors = np.array(found) / (R_exact, exact) - 1
    assert np.all(errors > 0) and np.all(errors[1:] < 0.65 * errors[:-1])
    assert np.all(errors[-1] < 0.025)
    extrapolated = np.array(found[2]) - (np.array(found[1]) - found[2]) ** 2 / (
        np.array(found[0]) - 2 * np.array(found[1]) + found[2]
    )
    np.testing.assert_allclose(extrapolated, (R_exact, exact), rtol=0.01)
    assert exact > 1.3 * np.sqrt(1e-5 * R_S * WIDTH / 2)  # what the formula of the fin would have said


def test_the_porous_picture_is_nearly_its_own_line() -> None:
    """sigma_eff and area of the picture in l coth(L/l)/sigma_eff: pores much smaller than the reach."""
    own = shipped().for_study("porous")
    figures = picture_figures(own, own.study("porous"))
    assert figures["active_share.LSCF-pore"].value == pytest.approx(1.0)
    bare = shipped().for_experiment("porous_transport")
    sigma = conduct(picture_of(bare), {"LSCF": 1.8}, axis=0).conductivity
    area, length = figures["area_density.LSCF-pore"].value * 45 / 40, 40e-6
    reach = np.sqrt(sigma * R_S / area)
    line = reach / sigma / np.tanh(length / reach) + 5e-6 / GDC
    R, depth = solved("porous")
    assert line == pytest.approx(R, rel=0.005)
    assert depth == pytest.approx(reach * np.tanh(length / (2 * reach)), rel=0.07)
