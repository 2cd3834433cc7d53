"""Oxygen membrane: the worked flux and voltage, one carrier exactly, and the surfaces' share over the thickness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from miecsim.constants import FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor
from miecsim.physics.recombination import recombining
from miecsim.plot.technique_oxygen_membrane import technique_oxygen_membrane
from miecsim.techniques.oxygen_membrane import oxygen_membrane
from miecsim.techniques.record import Compared, TechniqueRecord

T, SIGMA_ION = 1214.0, 0.2204
AIR, LEAN = 0.21, 6.594e-18  # in units of the reference


def _model(sigma_n: float, sigma_p: float, *, charge: int = 2, ions: float = 1e5, level: float = 1e-7) -> Model:
    """Carriers of given conductivities [S/m] at the reference pressure; level: the minorities' concentration."""
    v_t = thermal_voltage(T)
    carriers = [CarrierIn("ion", charge, ions, SIGMA_ION * v_t / FARADAY / ions / 4)]
    for name, z, sigma in (("electron", -1, sigma_n), ("hole", 1, sigma_p)):
        if sigma > 0:
            carriers.append(CarrierIn(name, z, level, sigma * v_t / FARADAY / level))
    return mixed_conductor([ChargedLayer("membrane", 0.00111, tuple(carriers))], temperature=T)


def test_the_worked_flux_and_voltage_are_reached() -> None:
    errors = []
    for cells in (30, 60):
        record = oxygen_membrane(_model(4.828e-8, 0.004102), AIR, LEAN, reference=1.0, cells=cells)
        table = record.tables["membrane"]
        assert table["flux"][0] == pytest.approx([9.059593351357086e-07], rel=2e-5)
        assert table["voltage"][0] == pytest.approx([0.9920688938862251], rel=1e-7)
        errors.append(abs(record.figure("oxygen flux").error))
    assert errors[1] < 0.4 * errors[0] and errors[1] < 5e-6


@pytest.mark.parametrize("charge", [2, -2])
def test_one_electronic_carrier_gives_wagner_on_any_mesh(charge: int) -> None:
    record = oxygen_membrane(_model(0.0, 0.31, charge=charge), AIR, 3.7e-4, reference=1.0, cells=15)
    assert abs(record.figure("oxygen flux").error) < 1e-8
    assert abs(record.figure("open-circuit voltage").error) < 1e-8
    assert record.figure("open-circuit voltage").true > 0
    back = oxygen_membrane(_model(0.0, 0.31, charge=charge), 3.7e-4, AIR, reference=1.0, cells=15)
    for name in ("oxygen flux", "open-circuit voltage"):
        assert back.figure(name).true == pytest.approx(-record.figure(name).true, rel=1e-9)


def _holes_and_surfaces(length: float, high: float, low: float, R: tuple[float, float], sigma_p: float) -> float:
    """Flux by quadrature over ln p between surfaces that linear resistances leave short of the gases."""
    unit = GAS_CONSTANT * T / (16 * FARADAY**2)

    def through(j: float) -> float:
        ends = [np.log(high) - j * R[0] / unit, np.log(low) + j * R[1] / unit]

        def ambipolar(y: float) -> float:
            sigma = sigma_p * np.exp(y / 4)
            return SIGMA_ION * sigma / (SIGMA_ION + sigma)

        return float(unit / length * quad(ambipolar, ends[1], ends[0], epsrel=1e-11, epsabs=0)[0])

    most = unit * np.log(high / low) / sum(R)
    return float(brentq(lambda j: through(j) - j, 0.0, most, xtol=1e-22, rtol=1e-12))


def test_surfaces_limit_thin_membranes() -> None:
    lengths, R = [2.3e-6, 3.1e-5, 4.7e-4], (1.3e-3, 3.7e-4)
    record = oxygen_membrane(
        _model(0.0, 0.031), AIR, 2.9e-6, surface_resistance=R, thicknesses=lengths, reference=1.0, cells=20
    )
    table = record.tables["membrane"]
    expected = [_holes_and_surfaces(L, AIR, 2.9e-6, R, 0.031) for L in lengths]
    assert table["flux"][0] == pytest.approx(expected, rel=1e-7)
    assert table["integral"][0] == pytest.approx(expected, rel=1e-9)
    assert table["voltage"][0] == pytest.approx(table["integral_voltage"][0], rel=1e-7)
    # across a wide range of pressures the surfaces' factor is only a guide, and the voltage falls with the thickness
    assert table["with_surfaces"][0][0] > 1.1 * expected[0] and np.all(np.diff(table["voltage"][0]) > 0)
    assert table["wagner"][0][0] > 5 * expected[0]
    assert any("surfaces limit below" in line for line in record.remarks)


def test_the_line_of_reciprocal_flux_reads_the_characteristic_thickness_for_small_steps() -> None:
    R = (1.3e-3, 3.7e-4)
    errors = []
    for ratio in (1.08, 1.02):
        lengths = np.array([1e-6, 7e-6, 4e-5, 3e-4])
        record = oxygen_membrane(
            _model(0.0, 0.031), AIR * ratio, AIR, surface_resistance=R, thicknesses=lengths, reference=1.0, cells=12
        )
        sigma_p = 0.031 * (AIR * np.sqrt(ratio)) ** 0.25
        sigma_amb = SIGMA_ION * sigma_p / (SIGMA_ION + sigma_p)
        L_c = record.figure("characteristic thickness")
        assert L_c.true == pytest.approx(sigma_amb * sum(R) / 2, rel=1e-4)
        assert abs(record.figure("ambipolar conductivity").error) < 2e-2 * np.log(ratio)
        errors.append(abs(L_c.error))
    assert errors[0] < 2e-3 and errors[1] < 0.3 * errors[0]


def test_membrane_beyond_the_electrolytic_domain_says_so() -> None:
    record = oxygen_membrane(
        _model(4.828e-4, 0.0, ions=3.0e3, level=0.02), 1.0, 1e-16, reference=1.0, cells=30, surface_resistance=0.0
    )
    low = [line for line in record.remarks if "low side" in line]
    assert any("not dilute" in line for line in low) and any("electrolytic domain" in line for line in low)
    assert abs(record.figure("oxygen flux").error) > 1e-3


def test_figure() -> None:
    record = oxygen_membrane(
        _model(0.0, 0.03), AIR, 0.1, surface_resistance=1e-3, thicknesses=[1e-6, 1e-5, 1e-4], reference=1.0, cells=8
    )
    figure = technique_oxygen_membrane(record)
    assert [axes.get_ylabel() for axes in figure.axes] == ["|j(O₂)| / mol m⁻² s⁻¹", "E / mV"]
    assert figure.axes[1].get_xlabel() == "thickness / µm" and "L_c" in figure.axes[0].texts[0].get_text()
    other = TechniqueRecord("pitt", {}, (Compared("D", 1.0, 1.0, "m^2/s", "fit"),))
    with pytest.raises(InputError, match='"pitt"'):
        technique_oxygen_membrane(other)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"high": 0.0}, "must be positive"),
        ({"low": AIR}, "nothing drives"),
        ({"surface_resistance": -1.0}, "must not be negative"),
        ({"thicknesses": [1e-3, 0.0]}, "must be positive"),
        ({"thicknesses": []}, "no thickness"),
        ({"ion": "oxygen"}, "needs a mobile carrier 'oxygen'"),
        ({"model": _model(0.0, 0.1, charge=1)}, "of charge"),
        ({"model": _model(0.0, 0.0)}, "or both"),
        ({"model": composite_electrode([CompositeLayer("a", 1e-3, 1.0, 1.0)])}, "one electroneutral layer"),
    ],
)
def test_impossible_membranes_are_refused(changed: dict, told: str) -> None:
    arguments = {"model": _model(0.0, 0.1), "high": AIR, "low": 0.1, "reference": 1.0} | changed
    with pytest.raises(InputError, match=told) as error:
        oxygen_membrane(arguments.pop("model"), arguments.pop("high"), arguments.pop("low"), **arguments)
    assert "\n" not in str(error.value)


def test_recombination_needs_electrons_and_holes() -> None:
    with pytest.raises(InputError, match=r"'hole' is no carrier of charge \+1"):
        recombining(_model(0.1, 0.0), "electron", "hole", 1.0)
    with pytest.raises(InputError, match="R: read -1"):
        recombining(_model(0.1, 0.1), "electron", "hole", -1.0)
