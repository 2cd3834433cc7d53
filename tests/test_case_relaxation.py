"""relaxation = true in a study: poles in the record, in the result file and in a figure."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose

from miecsim.case import case_from_text
from miecsim.commands.files import figures_of
from miecsim.errors import InputError
from miecsim.plot.relaxation import relaxation_of_study
from miecsim.results.read import read_result
from miecsim.results.write import write_result
from miecsim.run.run import run_case

TEXT = """
title = "A film between two contacts"
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
electron = { conductivity = "1.1 S/m" }

[[study]]
name = "rest"
terminals = "custom"
frequency = { from = "100 kHz", to = "1 mHz", points_per_decade = 4 }
profiles = ["1 mHz", "1 Hz", "1 kHz"]
reference = "none"
relaxation = true
terminal = [
  { name = "A", contacts = [{ side = "left", carrier = "ion", law = "r_c", R = "0.9 ohm", C = "7 mF" }] },
  { name = "B", contacts = [{ side = "right", carrier = "ion", law = "reversible" }] },
]
"""


def run(text=TEXT):
    return run_case(case_from_text(text, "case.toml"))


def test_a_study_stores_its_relaxation_times(tmp_path):
    record = run()
    (study,) = record.studies
    found = study.poles
    assert_allclose(found.Z(study.frequency), study.Z, rtol=1e-10)
    assert found.tau[found.owner.index("terminals")] == pytest.approx(0.9 * 7e-3, rel=1e-9)
    path = tmp_path / "result.h5"
    write_result(path, record)
    (again,) = read_result(path).studies
    for name in ("tau", "R", "R_inf", "C_dc", "shares", "storage"):
        assert_allclose(getattr(again.poles, name), getattr(found, name), rtol=0, atol=0)
    for name in ("processes", "unit", "exact", "ladder_error", "owner", "keeper"):
        assert getattr(again.poles, name) == getattr(found, name)
    with h5py.File(path) as file:
        group = file["impedance/rest/poles"]
        assert group["R"].attrs["units"] == "ohm" and group["C_dc"].attrs["units"] == "F"
        assert group["shares"].dims[0][0] == group["tau"] and group["shares"].dims[1][0] == group["process"]


def test_its_figure_is_drawn():
    record = run()
    draw = figures_of(record)["rest_relaxation"]
    figure = draw()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["model", "ion transport", "terminals"]
    (study,) = record.studies
    few = replace(study, frequency=study.frequency[:5], Z=study.Z[:5])
    assert "rest_relaxation" not in figures_of(replace(record, studies=(few,)))
    with pytest.raises(InputError, match="stores no relaxation times"):
        relaxation_of_study(replace(study, poles=None))


def test_it_is_left_out_unless_asked_for():
    case = case_from_text(TEXT.replace("relaxation = true\n", ""), "case.toml")
    assert case.resolved["study"][0]["relaxation"] is False
    (study,) = run_case(case).studies
    assert study.poles is None


def test_a_study_under_bias_has_none():
    with pytest.raises(InputError, match="relaxation: read true beside a bias; expected relaxation times at rest"):
        case_from_text(TEXT.replace("relaxation = true", 'relaxation = true\nbias = { A = "4 mA" }'), "case.toml")


def test_poles_of_another_shape_are_not_written(tmp_path):
    record = run()
    (study,) = record.studies
    wrong = replace(study.poles, R=np.append(study.poles.R, 1.0))
    with pytest.raises(InputError, match="R of the poles has shape"):
        write_result(tmp_path / "result.h5", replace(record, studies=(replace(study, poles=wrong),)))
