"""Cells with electrodes of their own: reference planes, lithium and indium counter electrodes, thick cathodes."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miecsim.case import Case, case_from_dict, load_case
from miecsim.circuit.attribution import Attribution, attribute
from miecsim.circuit.extract import netlist_of
from miecsim.commands.files import figures_of
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.plot import plane_parts
from miecsim.results import RunRecord, StudyRecord
from miecsim.run.build import system_of
from miecsim.run.run import run_case
from miecsim.solvers.impedance import Spectrum, impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint

CASES = Path(__file__).resolve().parent.parent / "cases"
HALVES, COUNTERS = CASES / "309_three_electrode", CASES / "310_lithium_and_indium_counter"
FEW = "study.{}.frequency={{ values = ['100 uHz', '10 mHz', '0.7 Hz', '41 Hz', '3 kHz', '100 kHz'] }}"
V_T = thermal_voltage(298.15)


@cache
def point_of(path: Path, study: str) -> tuple[OperatingPoint, np.ndarray]:
    own = load_case(path).for_study(study)
    return rest_point(system_of(own, own.studies[0], None)), np.asarray(own.studies[0].frequency)


def spectrum_of(path: Path, study: str) -> Spectrum:
    return impedance(*point_of(path, study))


# ------------------------------------------------------------------------------------------ reference planes (309)


@pytest.mark.parametrize("method", ["plain", "sparse"])
def test_halves_add_up_to_the_cell(method: str) -> None:
    """Each half read against its own terminal, with the current sent from either side, at every plane."""
    point, frequency = point_of(HALVES, "full_cell")
    found = impedance(point, frequency[::6], method=method)
    assert found.planes == ("middle", "edge", "inside")
    for plane in found.planes:
        positive, negative = found.plane(plane, "A", "B"), found.plane(plane, "B", "A")
        np.testing.assert_allclose(positive + negative, found.Z, rtol=1e-10)
        assert np.min(np.abs(negative)) > 1e-5  # neither is the whole


def test_half_of_a_symmetric_cell_is_half() -> None:
    found = spectrum_of(HALVES, "symmetric")
    np.testing.assert_allclose(found.plane("middle"), found.Z / 2, rtol=1e-10)


def test_positive_half_does_not_know_the_negative_electrode_at_zero_frequency() -> None:
    """With salt gradients a half is not a cell of its own, until they have come to their end."""
    full, symmetric = (run_study(HALVES, name).summary for name in ("full_cell", "symmetric"))
    assert full["R_total.middle"].value == pytest.approx(symmetric["R_total.middle"].value, rel=1e-8)
    between = [spectrum_of(HALVES, name).plane("middle") for name in ("full_cell", "symmetric")]
    assert 1e-3 < np.max(np.abs(between[0] / between[1] - 1)) < 0.1


def test_edge_moves_ohms_at_high_and_salt_at_low_frequency() -> None:
    """The step between two planes in the separator is its resistance at high frequency, and at zero frequency 1 + rho
    kappa times that; it is an arc between."""
    figures = run_study(HALVES, "full_cell").summary
    step = {end: figures[f"{end}.edge"].value - figures[f"{end}.middle"].value for end in ("R_high", "R_total")}
    kappa, D, t, area = 0.9487, 1.7694e-10, 0.2594, 0.1027
    ohmic = 6e-6 / (0.47**1.5 * kappa * area)
    assert step["R_high"] == pytest.approx(ohmic, rel=0.02)
    salt = (1 - t) ** 2 * 2 * V_T / (FARADAY * 1000.0 * D) * kappa
    assert step["R_total"] == pytest.approx(ohmic * (1 + salt), rel=0.03)


@cache
def run_study(path: Path, name: str) -> StudyRecord:
    case = load_case(path)
    raw = {k: v for k, v in case.raw.items() if k != "check"}
    only = case_from_dict(raw | {"study": [s for s in case.raw["study"] if s["name"] == name]}, "case.toml")
    return run_case(only).studies[0]


def test_the_figure_of_planes_draws_what_adds_up() -> None:
    study = run_study(HALVES, "full_cell")
    axes = plane_parts(study).axes
    assert len(axes) == 3
    for each in axes:
        assert each.get_aspect() == 1.0
        whole, first, second = (np.asarray(line.get_xydata()) for line in each.get_lines()[1:4])
        np.testing.assert_allclose(first + second, whole, atol=1e-9)
        rising = np.argsort(study.frequency)
        np.testing.assert_allclose(whole[:, 0], 1e3 * study.Z[rising].real, rtol=1e-9)  # milliohm
    assert [t.get_text() for each in axes for t in each.texts if t.get_text().startswith("reference")] == [
        "reference: middle",
        "reference: edge",
        "reference: inside",
    ]


def test_a_run_draws_its_planes_where_there_are_any() -> None:
    case = load_case(COUNTERS, [FEW.format(name) for name in ("lithium_at_rest", "ideal_counter")])
    raw = {k: v for k, v in case.raw.items() if k != "check"}
    raw["study"] = [s for s in raw["study"] if s["name"] in ("lithium_at_rest", "ideal_counter")]
    for study in raw["study"]:
        study["profiles"] = ["0.7 Hz", "41 Hz", "3 kHz"]
    record: RunRecord = run_case(case_from_dict(raw, "case.toml"))
    drawn = figures_of(record)
    assert "lithium_at_rest_planes" in drawn and "ideal_counter_planes" not in drawn
    with pytest.raises(InputError, match="study ideal_counter has no reference plane"):
        plane_parts(record.studies[1])


# ---------------------------------------------------------------------------------------- counter electrodes (310)


@cache
def indium() -> tuple[Spectrum, Attribution]:
    point, frequency = point_of(COUNTERS, "indium_counter")
    return impedance(point, frequency[::5]), attribute(netlist_of(point), frequency[::5])


def test_attribution_finds_the_counter_electrode() -> None:
    """Its part is R_ct beside C_dl, and what is left is the cell with an ideal counter electrode."""
    spectrum, parts = indium()
    area, omega = 0.785e-4, 2 * np.pi * spectrum.frequency
    own = 1 / (20.0 / V_T + 1j * omega * 0.2) / area
    np.testing.assert_allclose(parts.by_process()["terminals"], own, rtol=1e-9)
    point, frequency = point_of(COUNTERS, "ideal_counter")
    np.testing.assert_allclose(spectrum.Z - own, impedance(point, frequency[::5]).Z, rtol=1e-9)


def test_a_plane_divides_the_circuit_at_its_place() -> None:
    """Where ions alone pass, what Tellegen's theorem gives to the elements left of the plane is the part of Z there."""
    spectrum, parts = indium()
    length = 380e-6
    along = parts.along(np.array([0.0, 150e-6, length]))
    left = sum(part[:, 0] for name, part in along.items())
    np.testing.assert_allclose(spectrum.Z - spectrum.plane("ref"), left, rtol=1e-9)


def test_an_emf_moves_the_voltage_and_not_the_spectrum() -> None:
    raw = raw_of("indium_counter")
    raw["study"][0]["terminal"][0]["contacts"][0].pop("emf")
    own = case_from_dict(raw, "case.toml").for_study("indium_counter")
    without = rest_point(system_of(own, own.studies[0], None))
    with_emf, frequency = point_of(COUNTERS, "indium_counter")
    np.testing.assert_allclose(impedance(without, frequency[::9]).Z, impedance(with_emf, frequency[::9]).Z, rtol=1e-12)
    voltage = [point.voltages[1] - point.voltages[0] for point in (without, with_emf)]
    assert voltage[0] - voltage[1] == pytest.approx(0.62, abs=1e-12)


# ------------------------------------------------------------------------------------------- salt_cell as reference


def raw_of(study: str) -> dict[str, Any]:
    raw = copy.deepcopy(load_case(COUNTERS).raw)
    raw.pop("check")
    raw["study"] = [s for s in raw["study"] if s["name"] == study]
    return raw


def case_of(raw: dict[str, Any]) -> Case:
    return case_from_dict(raw, "case.toml")


def test_salt_cell_knows_every_property_of_the_salt() -> None:
    """Formulas of c and T, a thermodynamic factor, other contacts, and everything per area."""
    raw = raw_of("lithium_at_rest")
    raw |= {"area": "per area", "temperature": "41 degC"}
    raw["electrolyte"] |= {
        "concentration": "1370 mol/m^3",
        "conductivity": {"expression": "0.7*(c/1000) - 0.1*(c/1000)^2", "unit": "S/m"},
        "diffusivity": {"expression": "2.3e-10*exp(-0.3*c/1000)*T/300", "unit": "m^2/s"},
        "transference_number": 0.37,
        "thermodynamic_factor": {"expression": "1 + 6e-4*c"},
    }
    left, right = (t["contacts"] for t in raw["study"][0]["terminal"])
    left[0] = {"side": "left", "carrier": "ion", "law": "reversible"}
    right[0] = {
        "side": "right",
        "carrier": "ion",
        "law": "r_c",
        "R": "13 ohm*cm^2",
        "C": "6 uF/cm^2",
        "Rs": "1 mohm*m^2",
    }
    study = run_case(case_of(raw)).studies[0]
    assert study.unit == "ohm m^2" and study.summary["reference_error"].value < 5e-4
    c, te, V = 1370.0, 0.47**1.5, thermal_voltage(314.15)
    kappa, D = 0.7 * 1.37 - 0.1 * 1.37**2, 2.3e-10 * np.exp(-0.3 * 1.37) * 314.15 / 300
    salt = 0.63**2 * 2 * V * (1 + 6e-4 * c) / (FARADAY * c * D)
    expected = 260e-6 / te * (1 / kappa + salt) + 13e-4 + 1e-3
    assert study.summary["R_dc"].value == pytest.approx(expected, rel=1e-8)


def break_electrolyte(raw: dict[str, Any]) -> None:
    raw["electrolyte"] = {"kind": "single_ion", "conductivity": "0.1 S/m"}


def break_terminals(raw: dict[str, Any]) -> None:
    raw["study"][0]["terminal"][1]["contacts"][0]["side"] = "left"


def break_layers(raw: dict[str, Any]) -> None:
    raw["layer"].append(raw["layer"][0] | {"name": "second"})


def break_number(raw: dict[str, Any]) -> None:
    raw["study"][0]["terminal"][1]["contacts"].append(
        {"side": "left", "carrier": "ion", "law": "resistance", "R": "1 ohm"}
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (break_electrolyte, "it needs one layer with a salt and without particles"),
        (break_layers, "it needs one layer with a salt and without particles"),
        (break_terminals, "it needs one terminal on the ions at either side"),
        (break_number, "it needs one terminal on the ions at either side"),
    ],
)
def test_salt_cell_refuses_what_it_does_not_describe(change: Any, why: str) -> None:
    raw = raw_of("lithium_at_rest")
    change(raw)
    with pytest.raises(InputError, match=f"'salt_cell' does not describe this case: {why}"):
        run_case(case_of(raw))
