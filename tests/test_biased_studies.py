"""Studies under bias: spectra are taken at the steady state that voltages and currents of the terminals make."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from scipy.optimize import brentq

from miecsim.case import case_from_text
from miecsim.cli import main
from miecsim.constants import thermal_voltage
from miecsim.run.run import run_case

BIASED = """
title = "Charge transfer under bias"
model = "mixed_conductor"
source = "chosen for this test"
temperature = "40 degC"
area = "0.37 cm^2"
grid = { dimension = 1, cells = 12 }

[[layer]]
name = "film"
thickness = "0.3 mm"
chemical_capacitance = "2e3 F/m^3"
ion = { conductivity = "0.7 S/m" }
electron = { conductivity = "11 S/m" }

[[study]]
name = "driven"
terminals = "custom"
frequency = { from = "100 kHz", to = "1 mHz", points_per_decade = 1 }
profiles = ["1 mHz", "1 Hz", "1 kHz"]
reference = "none"
attribution = true
bias = { A = "4.1 mA" }
terminal = [
  { name = "A", contacts = [{ side = "left", carrier = "ion", law = "butler_volmer", exchange_current = "0.9 mA/cm^2", alpha = 0.41, C = "7 uF/cm^2" }] },
  { name = "B", contacts = [{ side = "right", carrier = "ion", law = "reversible" }] },
]
"""  # noqa: E501
AREA, L_OVER_SIGMA, EXCHANGE, ALPHA = 0.37e-4, 0.3e-3 / 0.7, 9.0, 0.41


def overvoltage(i: float) -> tuple[float, float]:
    """(v, dv/di) of Butler and Volmer's law at i [A/m2]."""
    f = 1 / thermal_voltage(313.15)
    law = lambda v: EXCHANGE * (np.exp(ALPHA * f * v) - np.exp(-(1 - ALPHA) * f * v))  # noqa: E731
    v = brentq(lambda v: law(v) - i, -1, 1, xtol=1e-15, rtol=1e-14)
    return v, 1 / (EXCHANGE * f * (ALPHA * np.exp(ALPHA * f * v) + (1 - ALPHA) * np.exp(-(1 - ALPHA) * f * v)))


@pytest.mark.parametrize("how", ["current", "density", "per area", "voltage"])
def test_a_spectrum_under_bias(how: str) -> None:
    """A spectrum is taken at the steady state that the bias makes: its DC end is dV/dI of the curve there."""
    i = 4.1e-3 / AREA
    v, slope = overvoltage(i)
    V = v + i * L_OVER_SIGMA
    written = {"current": "4.1 mA", "voltage": f"{V!r} V"}.get(how, f"{i!r} A/m^2")
    text = BIASED.replace('"4.1 mA"', f'"{written}"')
    text = text.replace('"0.37 cm^2"', '"per area"') if how == "per area" else text
    (study,) = run_case(case_from_text(text, "case.toml")).studies
    area, unit = (1.0, "A/m^2") if how == "per area" else (AREA, "A")
    figures = study.summary
    assert figures["voltage.A"].value == pytest.approx(V, rel=1e-9)
    assert figures["current.A"].value == pytest.approx(i * area, rel=1e-9) and figures["current.A"].unit == unit
    assert figures["current.B"].value == pytest.approx(-i * area, rel=1e-9)
    assert (figures["voltage.A"].note, figures["current.A"].note) in (("imposed", "follows"), ("follows", "imposed"))
    assert figures["R_dc"].value == pytest.approx((slope + L_OVER_SIGMA) / area, rel=1e-7)
    assert study.Z[np.argmin(study.frequency)].real == pytest.approx((slope + L_OVER_SIGMA) / area, rel=1e-4)
    assert study.attribution is not None
    np.testing.assert_allclose(sum(study.attribution.processes.values()), study.Z, rtol=1e-10)


def test_rest_says_nothing_of_an_operating_point() -> None:
    text = BIASED.replace('bias = { A = "4.1 mA" }\n', "")
    (study,) = run_case(case_from_text(text, "case.toml")).studies
    assert not [name for name in study.summary if name.startswith(("voltage", "current"))]
    R = thermal_voltage(313.15) / EXCHANGE + L_OVER_SIGMA
    assert study.summary["R_dc"].value == pytest.approx(R / AREA, rel=1e-7)


def test_the_table_says_where_a_biased_spectrum_was_taken(monkeypatch, capsys, tmp_path) -> None:
    check = 'study = "driven"\nquantity = "current.B"\nexpected = "-4.1 mA"\ntolerance = 1e-9\nsource = "x"\n'
    (tmp_path / "case.toml").write_text(f"{BIASED}[[check]]\n{check}")
    monkeypatch.setattr(sys, "argv", ["miecsim", "run", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        main()
    out = capsys.readouterr().out
    assert not stop.value.code and "voltage.A" in out and "4.1 mA" in out
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())["studies"]["driven"]["summary"]
    assert summary["current.A"] == {"value": pytest.approx(4.1e-3), "unit": "A", "note": "imposed"}
