"""Hebb-Wagner polarisation: the worked curve, exact recovery of dilute minorities, and where the formula fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from miecsim.case import load_case
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.defects import (
    ceria_conductivities,
    ceria_defects,
    electrolytic_domain_boundary,
    reduction_constant_from_dilute_conductivity,
)
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor
from miecsim.plot.technique_hebb_wagner import technique_hebb_wagner
from miecsim.techniques.hebb_wagner import hebb_wagner
from miecsim.techniques.record import Compared, TechniqueRecord

T, LENGTH = 1031.0, 0.001782
SIGMA_N, SIGMA_P = 1.241e-5, 5.753e-4


def _model(electron: float, hole: float, *, vacancies: float = 1.1e4, temperature: float = T) -> Model:
    """Concentrations [mol/m3] of electrons and holes (0: absent) with the conductivities SIGMA_N and SIGMA_P."""
    rest = (("electron", -1, electron, SIGMA_N), ("hole", 1, hole, SIGMA_P))
    v_t = thermal_voltage(temperature)
    carriers = [CarrierIn("ion", 2, vacancies, 3.1e-11)]
    carriers += [CarrierIn(name, z, c, sigma * v_t / FARADAY / c) for name, z, c, sigma in rest if c > 0]
    return mixed_conductor([ChargedLayer("sample", LENGTH, tuple(carriers))], temperature=temperature)


def test_the_worked_curve_and_dilute_minorities_are_recovered() -> None:
    E = [-0.3, -0.1, -0.02, 0.02, 0.1, 0.25, 0.4]
    expected = [
        -0.8115509594710975,
        -0.06013339512616761,
        -0.007366003922498101,
        0.005937841836742514,
        0.02066406123481882,
        0.03666081177036328,
        0.08356630520636825,
    ]
    record = hebb_wagner(_model(1.1e-5, 2.3e-5), E, cells=20)
    assert record.tables["curve"]["current"][0] == pytest.approx(expected, rel=3e-8)
    for name, true in (("sigma_n", SIGMA_N), ("sigma_p", SIGMA_P)):
        found = record.figure(name)
        assert found.true == pytest.approx(true, rel=1e-12) and abs(found.error) < 3e-8
    assert record.remarks == ()


def _mixed_current(E: float, electron: float, vacancies: float) -> float:
    """i = (1/L) int sigma_n dE by the electron's concentration as variable, 2 V = n + A, without phi.

    At a flat level of the vacancies dE = V_T (dn/n + dn/(4 V)).
    """
    v_t = thermal_voltage(T)
    acceptor = 2 * vacancies - electron

    def level(n: float) -> float:
        return v_t * (np.log(n / electron) + 0.5 * np.log((n + acceptor) / (electron + acceptor)))

    low, high = electron * np.exp(-abs(E) / v_t), electron * np.exp(abs(E) / v_t)
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if level(middle) < E else (low, middle)
    x, w = leggauss(40)
    n = electron + (low - electron) * (x + 1) / 2
    integrand = SIGMA_N / electron * v_t * (1 + n / (2 * (n + acceptor)))
    return float(np.sum(w * integrand) * (low - electron) / 2 / LENGTH)


def test_electrons_that_are_not_dilute_follow_the_integral_and_leave_the_formula() -> None:
    E = np.linspace(-0.2, 0.7, 10)
    exact = np.array([_mixed_current(float(e), 13.0, 47.0) for e in E])
    errors = []
    for cells in (20, 40):
        record = hebb_wagner(_model(13.0, 0.0, vacancies=47.0), E, cells=cells)
        curve = record.tables["curve"]
        assert curve["integral"][0] == pytest.approx(exact, rel=1e-9)
        errors.append(np.max(np.abs(curve["integral_error"][0])))
    assert errors[1] < 1e-3 and errors[1] < 0.4 * errors[0]
    off = curve["textbook_error"][0]
    formula = SIGMA_N * thermal_voltage(T) / LENGTH * np.expm1(E / thermal_voltage(T))
    rest = np.abs(E) < 1e-12
    true_error = np.where(rest, 0.0, formula / np.where(rest, 1.0, exact) - 1)
    assert off == pytest.approx(true_error, rel=5e-3, abs=1e-4)
    assert np.all(np.diff(off) > 0) and off[-1] > 3
    assert any("above E" in line for line in record.remarks)
    near = hebb_wagner(_model(13.0, 0.0, vacancies=47.0), [-0.004, -0.002, 0.002, 0.004], fit_up_to=0.003, cells=20)
    # the fit adds holes: (sigma_n - sigma_p)/(sigma_n + sigma_p) = V_T d ln sigma_e/dE = 1/(1 + n/4 V)
    assert near.figure("sigma_n").error == pytest.approx((1 / (1 + 13.0 / (4 * 47.0)) - 1) / 2, rel=2e-3)
    assert record.figure("sigma_n").error < -0.5


def test_electrons_and_holes_side_by_side_are_at_one_level() -> None:
    """Neither dilute against the ions: n p stays what it was, and the current is the integral over sigma_e."""
    errors = []
    for cells in (20, 40):
        record = hebb_wagner(_model(3.1, 1.7, vacancies=47.0), np.linspace(-0.45, 0.5, 6), cells=cells)
        errors.append(np.max(np.abs(record.tables["curve"]["integral_error"][0])))
        profile = record.tables["profile"]
        assert profile["electron"][0] * profile["hole"][0] == pytest.approx(3.1 * 1.7 * np.ones(cells), rel=1e-3)
    assert errors[1] < 2e-3 and errors[1] < 0.4 * errors[0]


def test_ceria_is_left_by_the_formula_where_reduction_passes_the_dopant() -> None:
    """Ce0.9Gd0.1O1.95 at 800 C against air, polarised to 2 V; the slope of the curve reads sigma_e."""
    kelvin, dopant = 1073.15, 4178.0
    D_v, D_e = 10 ** (-3405 / kelvin - 5.8995), 10 ** (-4301 / kelvin - 3.8699)
    K = reduction_constant_from_dilute_conductivity(6.1e-4, D_e, dopant, kelvin)
    air = ceria_defects(0.21 * 101325.0, dopant, K)
    carriers = (
        CarrierIn("vacancy", 2, float(air.vacancy), D_v),
        CarrierIn("electron", -1, float(air.electron), D_e),
    )
    model = mixed_conductor([ChargedLayer("ceria", 7.3e-4, carriers)], temperature=kelvin)
    E = np.linspace(0.0, 1.3, 53)
    record = hebb_wagner(model, E, ion="vacancy", cells=30, reference=0.21 * 101325.0)
    low = 0.21 * 101325.0 * np.exp(-4 * E / thermal_voltage(kelvin))
    _, sigma_e = ceria_conductivities(ceria_defects(low, dopant, K), D_v, D_e, kelvin)
    sigma = record.tables["conductivity"]
    assert sigma["true"][0] == pytest.approx(sigma_e, rel=1e-6)
    # differences at a spacing h read sinh(h/V_T)/(h/V_T) of an exponential
    h = (E[1] - E[0]) / thermal_voltage(kelvin)
    dilute = slice(5, 20)
    assert sigma["differences"][0][dilute] == pytest.approx(sigma_e[dilute] * np.sinh(h) / h, rel=1e-3)
    off = record.tables["curve"]["textbook_error"][0]
    assert np.max(np.abs(off[E < 0.7])) < 0.01 < off[-1]
    # the electrolytic domain ends at n = A/(D_e/(2 D_V) - 1), where electrons are not dilute
    boundary = record.figure("pO2 of the domain boundary, electrons")
    assert boundary.true == pytest.approx(electrolytic_domain_boundary(dopant, K, D_v, D_e), rel=1e-9)
    sigma_ion = 4 * FARADAY * float(air.vacancy) * D_v / thermal_voltage(kelvin)
    sigma_n = record.figure("sigma_n").textbook
    assert boundary.textbook == pytest.approx(0.21 * 101325.0 * (sigma_n / sigma_ion) ** 4, rel=1e-9)
    dilute = 0.21 * 101325.0 * (record.figure("sigma_n").true / sigma_ion) ** 4
    assert abs(dilute / boundary.true - 1) > 0.1
    voltage = record.figure("domain boundary, electrons").true
    assert np.interp(voltage, E, np.log(sigma["ion"][0] / sigma["true"][0])) == pytest.approx(0.0, abs=1e-3)


def test_the_electrolytic_domain_of_dilute_electrons_and_holes_has_two_ends() -> None:
    record = hebb_wagner(_model(1.1e-7, 2.3e-7), [-0.3, -0.1, 0.1, 0.4], cells=12)
    v_t, sigma_ion = thermal_voltage(T), 4 * FARADAY * 1.1e4 * 3.1e-11 / thermal_voltage(T)
    for carrier, E in (("electrons", v_t * np.log(sigma_ion / SIGMA_N)), ("holes", v_t * np.log(SIGMA_P / sigma_ion))):
        found = record.figure(f"domain boundary, {carrier}")
        assert found.true == pytest.approx(E, rel=1e-6) and abs(found.error) < 1e-6 and found.unit == "V"
    assert not any(one.quantity.startswith("pO2") for one in record.compared)
    # electrons no more than twice as fast as the vacancies never take over
    slow = mixed_conductor(
        [ChargedLayer("s", LENGTH, (CarrierIn("ion", 2, 47.0, 3.1e-9), CarrierIn("electron", -1, 1e-4, 5.9e-9)))],
        temperature=T,
    )
    quantities = {one.quantity for one in hebb_wagner(slow, [-0.1, 0.1, 0.2], cells=8).compared}
    assert quantities == {"sigma_n", "sigma_e"}


def test_an_area_makes_totals() -> None:
    E, area = [-0.05, 0.07, 0.19], 0.31e-4
    per_area, whole = (hebb_wagner(_model(1.1e-5, 2.3e-5), E, cells=8, area=A) for A in (None, area))
    for name in ("current", "textbook", "integral"):
        values, unit = whole.tables["curve"][name]
        assert unit == "A" and values == pytest.approx(area * per_area.tables["curve"][name][0], rel=1e-12)
    for one, other in zip(whole.compared, per_area.compared, strict=True):
        assert one.textbook == pytest.approx(other.textbook, rel=1e-12) and one.unit == other.unit


def test_figure() -> None:
    figure = technique_hebb_wagner(hebb_wagner(_model(1e-5, 1e-5), [-0.1, 0.0, 0.2], cells=20))
    assert [axes.get_ylabel() for axes in figure.axes] == ["|i| / A m⁻²", "L di/dE / S m⁻¹", "error / %"]
    assert len(figure.axes[1].texts) == 0
    wide = hebb_wagner(_model(1e-5, 1e-5), [-0.7, -0.3, 0.2, 1.2], cells=12, area=1e-4, reference=1e-3 * 101325)
    marked = technique_hebb_wagner(wide).axes
    assert marked[0].get_ylabel() == "|I| / A"
    assert [text.get_text()[:10] for text in marked[1].texts] == ["σ_n = σ_io", "σ_p = σ_io"]
    shown = float(marked[1].texts[0].get_text().split()[-2])
    assert shown == pytest.approx(wide.figure("pO2 of the domain boundary, electrons").true / 101325, rel=0.05)
    assert "σ_n" in figure.axes[0].texts[0].get_text()
    other = TechniqueRecord("pitt", {}, (Compared("D", 1.0, 1.0, "m^2/s", "fit"),))
    with pytest.raises(InputError, match='"pitt"'):
        technique_hebb_wagner(other)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"voltages": [0.1, 0.2]}, "at least three"),
        ({"voltages": [0.1, 0.1, 0.2]}, "increasing"),
        ({"voltages": [0.1, np.nan, 0.2]}, "finite"),
        ({"ion": "vacancy"}, "the mobile carriers are ion"),
        ({"fit_up_to": 0.05}, "fewer than two"),
        ({"area": -1.0}, "area must be positive"),
        ({"reference": 0.0}, "reference must be positive"),
        ({"model": _model(0.0, 0.0)}, "one of each"),
        ({"model": composite_electrode([CompositeLayer("a", 1e-3, 1.0, 1.0)])}, "one electroneutral layer"),
        (
            {
                "model": mixed_conductor(
                    [
                        ChargedLayer(
                            "a",
                            1e-3,
                            (CarrierIn("ion", 2, 1.0, 1e-9, site_density=3.0), CarrierIn("e", -1, 1.0, 1e-9)),
                        )
                    ]
                )
            },
            "must be dilute",
        ),
    ],
)
def test_impossible_experiments_are_refused(changed: dict, told: str) -> None:
    arguments = {"model": _model(1e-5, 1e-5), "voltages": [0.1, 0.2, 0.3]} | changed
    with pytest.raises(InputError, match=told) as error:
        hebb_wagner(arguments.pop("model"), arguments.pop("voltages"), **arguments)
    assert "\n" not in str(error.value)


def test_the_reference_of_ceria_is_that_of_its_defects() -> None:
    case = Path(__file__).resolve().parent.parent / "cases" / "204_hebb_wagner_ceria"
    with pytest.raises(InputError, match="experiment.dilute.reference: read .* have their own pO2"):
        load_case(case, ("experiment.dilute.reference=1 atm",))
    holes = load_case(case, ("experiment.with_holes.reference=0.3 atm",))  # whose layer is given by its carriers
    assert holes.for_experiment("with_holes").experiments[0].parameters.reference == pytest.approx(0.3 * 101325)
