"""Oxygen membrane: the worked flux and voltage, one carrier exactly, and the surfaces' share over the thickness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from miecsim.case import load_case
from miecsim.constants import FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor
from miecsim.physics.recombination import recombining
from miecsim.plot.technique_oxygen_membrane import technique_oxygen_membrane
from miecsim.run.run import run_case
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


def test_every_thickness_is_compared_and_an_area_makes_totals() -> None:
    lengths, R, area = [2.3e-6, 3.1e-5, 4.7e-4], (1.3e-3, 3.7e-4), 0.29e-4
    per_area, whole = (
        oxygen_membrane(
            *(_model(0.0, 0.031), AIR, 2.9e-6),
            surface_resistance=R,
            thicknesses=lengths,
            reference=1.0,
            area=A,
            cells=12,
        )
        for A in (None, area)
    )
    for L, place in zip(lengths, ("2.3 um", "31 um", "470 um"), strict=True):
        true = _holes_and_surfaces(L, AIR, 2.9e-6, R, 0.031)
        for how in ("Wagner's integral", "with 2 L_c/L"):
            found = whole.figure("oxygen flux", f"{how}, {place}")
            assert found.true == pytest.approx(area * true, rel=1e-7) and found.unit == "mol/s"
            assert found.error == pytest.approx(per_area.figure("oxygen flux", f"{how}, {place}").error, rel=1e-9)
        Wagner = per_area.figure("oxygen flux", f"Wagner's integral, {place}")
        assert Wagner.textbook == pytest.approx(
            _holes_and_surfaces(1.0, AIR, 2.9e-6, (0.0, 1e-30), 0.031) / L, rel=1e-6
        )
        assert per_area.figure("open-circuit voltage", f"Wagner, {place}").error > 0
    for name in ("characteristic thickness", "ambipolar conductivity"):
        assert whole.figure(name).textbook == pytest.approx(per_area.figure(name).textbook, rel=1e-9)
        assert whole.figure(name).unit == per_area.figure(name).unit
    assert any("sigma_ion of the reference state" in line for line in whole.remarks)
    assert technique_oxygen_membrane(whole).axes[0].get_ylabel() == "|j(O₂)| / mol s⁻¹"


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
        ({"area": 0.0}, "area must be positive"),
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


# ---- the same cell as a plain study, its electrodes given by their gas ----

CELL = (
    """
title = "A leaky electrolyte between two gases"
model = "mixed_conductor"
source = "chosen for this test"
temperature = "1214 K"
area = "0.83 cm^2"

[grid]
dimension = 1
cells = 20

[[layer]]
name = "membrane"
thickness = "1.11 mm"
carrier = [
  { name = "ion", charge = 2, concentration = "1e5 mol/m^3", diffusivity = "6e-13 m^2/s" },
  { name = "hole", charge = 1, concentration = "1e-7 mol/m^3", diffusivity = "0.9 m^2/s" },
]

[[study]]
name = "open"
terminals = "custom"
bias = { air = "0 A" }
frequency = { values = ["1 mHz", "1 Hz", "1 kHz"] }
profiles = ["1 mHz", "1 Hz", "1 kHz"]
reference = "none"

[[study.terminal]]
name = "air"
contacts = [
  { side = "left", carrier = "ion", law = "reversible", pO2 = "0.21 atm", pO2_reference = "0.037 atm" },
  { side = "left", carrier = "hole", law = "reversible" },
]

[[study.terminal]]
name = "lean"
contacts = [
  { side = "right", carrier = "ion", law = "reversible", emf = "EMF V" },
  { side = "right", carrier = "hole", law = "reversible" },
]

[[experiment]]
name = "leak"
technique = "oxygen_membrane"
high = "0.21 atm"
low = "2.9e-6 atm"
reference = "0.037 atm"
"""
).replace('m^2/s" }', 'm^2/s", mobile = true, statistics = "dilute" }')


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    emf = -thermal_voltage(T) / 4 * np.log(2.9e-6 / 0.037)
    (tmp_path / "case.toml").write_text(CELL.replace("EMF", f"{emf:.12f}"), encoding="utf-8")
    return tmp_path


def test_the_voltage_of_a_study_at_open_circuit_is_wagners(cell: Path) -> None:
    """sigma_ion constant: int t_ion d ln p in closed form, and what the technique finds."""
    run = run_case(load_case(cell))
    found = run.studies[0].summary
    sigma_ion, sigma_p = (FARADAY / thermal_voltage(T) * D for D in (4 * 1e5 * 6e-13, 1e-7 * 0.9))
    p = np.array([0.21, 2.9e-6]) / 0.037
    leaks = np.log1p(sigma_ion / sigma_p * p**-0.25)  # int dx/(x (1 + sigma_p x/sigma_ion)), x = p^(1/4)
    wagner = thermal_voltage(T) * (leaks[1] - leaks[0])
    assert found["voltage.air"].value == pytest.approx(wagner, rel=1e-8)
    assert found["voltage.air"].value == pytest.approx(
        run.experiments[0].record.figure("open-circuit voltage").true, rel=1e-8
    )
    assert found["voltage.lean"].value == 0.0 and abs(found["current.air"].value) < 1e-12


def test_without_a_bias_the_electrodes_are_at_one_voltage(cell: Path) -> None:
    """A short circuit: all of the gases' difference falls within, and the ions' current is that of their emf alone."""
    text = (cell / "case.toml").read_text(encoding="utf-8").replace('bias = { air = "0 A" }\n', "")
    (cell / "case.toml").write_text(text.partition("[[experiment]]")[0], encoding="utf-8")
    found = run_case(load_case(cell)).studies[0].summary
    sigma_ion, v_t = 4 * 1e5 * 6e-13 * FARADAY / thermal_voltage(T), thermal_voltage(T)
    ions = sigma_ion * v_t / 4 * np.log(0.21 / 2.9e-6) / 1.11e-3 * 0.83e-4
    # the electrons' own level is flat, so that they carry nothing
    assert found["current.lean"].value == pytest.approx(ions, rel=1e-6)
    assert (found["voltage.air"].value, found["voltage.lean"].value) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('reference = "none"', 'reference = "mixed_conductor"'), 'reference: read "mixed_conductor" beside an emf'),
        (('"reversible", emf = "', '"blocking", emf = "'), 'law: read "blocking" beside an emf'),
        ((', pO2_reference = "0.037 atm" }', " }"), "pO2_reference: read nothing"),
        (('pO2 = "0.21 atm", ', ""), 'pO2_reference: read "0.037 atm" without pO2'),
        (('pO2 = "0.21 atm", ', 'pO2 = "0.21 V", '), 'pO2: read "0.21 V"'),
        (('pO2 = "0.21 atm", ', 'pO2 = "0.21 atm", emf = "1 mV", '), 'emf: read "1 mV" beside pO2'),
        (('"reversible", emf =', '"reversible", emk ='), "did you mean emf"),
        (("charge = 2, ", "charge = 1, "), 'pO2: read "0.21 atm" on ion'),
    ],
)
def test_an_electrode_that_cannot_be_is_told(cell: Path, change: tuple[str, str], told: str) -> None:
    text = (cell / "case.toml").read_text(encoding="utf-8")
    assert text.count(change[0]) == 1
    (cell / "case.toml").write_text(text.replace(*change).replace('bias = { air = "0 A" }\n', ""), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_case(cell)
    assert told in str(error.value)


def test_an_experiment_takes_no_emf(cell: Path) -> None:
    text = (cell / "case.toml").read_text(encoding="utf-8")
    wires = text[text.index("[[study.terminal]]") : text.index("[[experiment]]")].replace("study", "experiment")
    text = text[: text.index("[[study]]")] + '[[experiment]]\nname = "steps"\ntechnique = "pitt"\n'
    text += 'potentials = ["1 mV"]\nduration = "1 s"\nterminals = "custom"\n' + wires
    (cell / "case.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="experiment.steps.terminal: read a contact with an emf"):
        load_case(cell)


def test_the_defects_of_ceria_know_their_own_pressure(cell: Path) -> None:
    text = (cell / "case.toml").read_text(encoding="utf-8")
    layer = text[text.index("carrier = [") : text.index("[[study]]")]
    ceria = """[layer.defects]
model = "acceptor_doped_ceria"
pO2 = "0.037 atm"
dopant_concentration = "4178 mol/m^3"
ion_diffusivity = "4e-6 cm^2/s"
electron_diffusivity = "5.1e-5 cm^2/s"
electron_conductivity_1atm = "4.12e-5 S/m"

"""
    text = text.replace(layer, ceria).replace('"ion"', '"vacancy"').replace('"hole"', '"electron"')
    (cell / "case.toml").write_text(text.partition("[[experiment]]")[0], encoding="utf-8")
    with pytest.raises(InputError, match="pO2_reference: read .* have their own pO2"):
        load_case(cell)
    (cell / "case.toml").write_text(
        text.partition("[[experiment]]")[0].replace(', pO2_reference = "0.037 atm"', ""), encoding="utf-8"
    )
    case = load_case(cell)
    assert case.study("open").terminals[0].contacts[0].oxygen == pytest.approx((0.21 * 101325, 0.037 * 101325))
    found = run_case(case).studies[0].summary["voltage.air"].value
    assert found == pytest.approx(thermal_voltage(T) / 4 * np.log(0.21 / 2.9e-6), rel=1e-3)  # hardly a leak
