"""homogenisation.py: the error of lines read from a result file alone."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import h5py
import pytest

from miecsim.case import load_case
from miecsim.results import write_result
from miecsim.run.run import run_case

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("microstructure.voxels=[8, 12, 12]", 'microstructure.voxel="1.25 um"')


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    text = (ROOT / "cases" / "408_homogenisation_error" / "case.toml").read_text(encoding="utf-8")
    head, *experiments = text[: text.index("[[check]]")].split("[[experiment]]")
    folder = tmp_path_factory.mktemp("408")
    few = "".join("[[experiment]]" + one for one in experiments[:1] + experiments[-1:])
    few = few.replace("[12, 20, 20]", "[8, 12, 12]").replace("[24, 20, 20]", "[8, 12, 12]")
    (folder / "case.toml").write_text(head + few, encoding="utf-8")
    record = run_case(load_case(folder, SMALL))
    (folder / "results").mkdir()
    write_result(folder / "results" / "result.h5", record)
    return folder / "results"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "postprocessing")
    return importlib.import_module("homogenisation")


def test_it_tells_the_errors_that_the_run_found(script, result, monkeypatch, capsys, tmp_path):
    out = tmp_path / "figure.png"
    monkeypatch.setattr("sys.argv", ["homogenisation.py", str(result), "-o", str(out)])
    script.main()
    told = capsys.readouterr().out
    assert out.is_file() and "diameters_2" in told and "fast_reaction" in told
    with h5py.File(result / "result.h5") as file:
        error = file["technique/diameters_2/spectrum/error"][()]
    line = next(row for row in told.splitlines() if row.startswith("diameters_2"))
    assert float(re.split(r"Ω cm²\s+", line)[1].split()[0]) == pytest.approx(error[0], rel=0.06)


def test_an_unknown_experiment_is_one_line(script, result, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["homogenisation.py", str(result), "-s", "thick"])
    with pytest.raises(SystemExit) as stop:
        script.main()
    assert stop.value.code == 2 and "no homogenise experiment 'thick'; it has diameters_2" in capsys.readouterr().err
