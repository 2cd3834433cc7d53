"""`miecsim fit` as a user meets it: what it writes and says, exit codes, one clear line for each mistake."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import numpy as np
import pytest
from fitted_composites import BOTH, ELECTRON, HEAD, ION, TRUTH, case_in, closed_form, noisy, write_csv

import miecsim.fitting.run as engine
from miecsim.cli import main
from miecsim.commands.fit import fit_command
from miecsim.errors import SolveError
from miecsim.fitting.store import read_fit
from miecsim.report.fit_words import statements, value_cells

FREE = f"""
[[fit.parameter]]
key = "{ION}"
from = "1 mS/m"
to = "1 S/m"
start = "30 mS/m"
[[fit.parameter]]
key = "{ELECTRON}"
from = "1 mS/m"
to = "10 S/m"
"""
KNOWN = (  # what is not fitted here
    "layer.composite.interface.Q=0.0137 F*s^(alpha-1)/m^2",
    "layer.composite.interface.alpha=0.913",
    "grid.cells=40",
)


@pytest.fixture
def cli(monkeypatch, capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        settings = [word for setting in KNOWN for word in ("--set", setting)]
        monkeypatch.setattr(sys, "argv", ["miecsim", *map(str, arguments), *settings])
        monkeypatch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(stop.value.code or 0), out, err

    return call


@pytest.fixture
def folder(tmp_path):
    return case_in(tmp_path / "case", HEAD + FREE + BOTH)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A directory in which `miecsim fit` was run, and what it said."""
    folder = case_in(tmp_path_factory.mktemp("fitted") / "case", HEAD + FREE + BOTH)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        fit_command(folder, [], list(KNOWN), None, False)
    return folder, said.getvalue()


def test_a_fit_writes_everything(fitted):
    folder, out = fitted
    results = folder / "results" / "fit"
    names = {path.name for path in results.iterdir()}
    assert {"fit.h5", "fit.json", "fitted_case.toml", "index.html", "correlation.png"} <= names
    assert {
        f"{study}_{what}.png" for study in ("ion_blocking", "electron_blocking") for what in ("nyquist", "residuals")
    } <= names
    assert not [name for name in names if name.endswith(".tmp")]
    told = json.loads((results / "fit.json").read_text())["parameters"]
    for key, truth in ((ION, "ion"), (ELECTRON, "electron")):
        assert told[key]["value"] == pytest.approx(TRUTH[truth], rel=0.02) and told[key]["unit"] == "S/m"
        assert told[key]["low"] < told[key]["value"] < told[key]["high"]
    record = read_fit(results / "fit.h5")
    page = (results / "index.html").read_text()
    for p in record.parameters:
        value, error, _ = value_cells(p)
        assert value in out and error in out and value in page
    assert all(line in page for line in statements(record))


def test_a_fit_is_not_repeated_and_not_overwritten(cli, fitted):
    folder, _ = fitted
    code, out, _ = cli("fit", folder)
    assert code == 0 and "is up to date" in out and "composite.ion.conductivity" in out
    code, _, err = cli("fit", folder, "--set", "fit.noise=0.004")
    assert code == 2 and "--force overwrites it" in err
    write_csv(folder / "ion_blocking.csv", noisy(closed_form("ion_blocking"), 9))
    code, _, err = cli("fit", folder)
    assert code == 2 and "--force overwrites it" in err


def test_the_fitted_case_runs(cli, fitted):
    folder, _ = fitted
    code, _, err = cli("run", folder / "results" / "fit" / "fitted_case.toml", "--out", folder / "again")
    assert (code, err) == (0, "")
    summary = json.loads((folder / "again" / "summary.json").read_text())["studies"]["ion_blocking"]["summary"]
    assert summary["sigma_ion"]["value"] == pytest.approx(TRUTH["ion"], rel=0.02)


def test_files_of_the_command_line_take_the_place_of_those_of_the_case(cli, folder, tmp_path):
    other = TRUTH | {"electron": 0.33}
    for study in ("ion_blocking", "electron_blocking"):
        write_csv(tmp_path / f"{study}=.csv", noisy(closed_form(study, other), 3))
    given = [f"{study}={tmp_path / study}=.csv" for study in ("ion_blocking", "electron_blocking")]
    code, _, err = cli("fit", folder, *given, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    found = read_fit(tmp_path / "out" / "fit.h5")
    assert found.parameters[1].value == pytest.approx(0.33, rel=0.02)
    assert [one.file for one in found.spectra] == [str(tmp_path / f"{one.name}=.csv") for one in found.spectra]


def test_what_is_not_identified_is_no_number(cli, folder, tmp_path):
    low = '[[fit.data]]\nstudy = "ion_blocking"\nfile = "ion_blocking.csv"\nfrequency = { to = "0.2 Hz" }\n'
    case_in(folder, HEAD + FREE + low)
    code, out, err = cli("fit", folder)
    assert (code, err) == (0, "")
    assert f"{ION} is not identified" in " ".join(out.split())
    told = json.loads((folder / "results" / "fit" / "fit.json").read_text())["parameters"]
    assert told[ION]["value"] is None and told[ELECTRON]["value"] is not None


def test_a_model_that_has_no_spectrum_is_exit_code_3(cli, folder, monkeypatch):
    def fail(*_, **__):
        raise SolveError("fit: no start of 1 led to a fit: no steady state")

    monkeypatch.setattr(engine, "fit", fail)
    code, _, err = cli("fit", folder)
    assert code == 3 and err == f"error: {folder / 'case.toml'}: fit: no start of 1 led to a fit: no steady state\n"
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "change", "told"),
    [
        ([], ("ion_blocking.csv", "none.csv"), "fit.data.ion_blocking.file: {folder}/none.csv: no such file"),
        ([], ('file = "ion_blocking.csv"', ""), "file: read nothing (the key is missing); expected a file, here or as"),
        (["ion_blockin=a.csv"], None, 'read "ion_blockin"; expected the name of data or of a study'),
        (["a.csv"], None, "a.csv: read a file for one of ion_blocking, electron_blocking; expected NAME=a.csv"),
        ([], ("[fit]", "[fit]\nweighting = 'measured'"), "fit.noise: read 0.005 with weighting"),
        ([], ('file = "ion_blocking.csv"', 'file = "case.toml"'), "fit.data.ion_blocking: {folder}/case.toml, line 2:"),
        ([], ('file = "ion_blocking.csv"', 'file = "$MIECSIM_DATA/a.csv"'), "while MIECSIM_DATA is not set"),
        ([], ("[[fit.data]]", '[[fit.circuit]]\nname = "a"\nstring = "R0-q(R1)"\n[[fit.data]]'), "circuit.a.string: "),
        ([], ("[fit]", "[fut]"), "fut: read an unknown key"),
    ],
)  # fmt: skip
def test_mistakes_are_a_line_and_exit_code_2(cli, folder, monkeypatch, arguments, change, told):
    monkeypatch.delenv("MIECSIM_DATA", raising=False)
    if change is not None:
        file = folder / "case.toml"
        text = file.read_text()
        assert change[0] in text
        file.write_text(text.replace(*change, 1))
    code, _, err = cli("fit", folder, *arguments)
    assert code == 2 and told.format(folder=folder) in err and err.startswith("error: "), err
    assert not (folder / "results").exists()


def test_a_case_without_a_fit_is_told(cli, folder):
    (folder / "case.toml").write_text((folder / "case.toml").read_text().partition("[fit]")[0])
    code, _, err = cli("fit", folder)
    assert code == 2 and "fit: read nothing (the key is missing); expected a [fit] table" in err


def test_an_interrupted_fit_is_not_the_last_word(cli, folder, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "profile", stop)
        code, out, _ = cli("fit", folder, "--set", "fit.profile=true")
    assert code == 0 and "interrupted: of 2 profiles" in out
    code, out, _ = cli("fit", folder, "--set", "fit.profile=true")
    assert code == 0 and "interrupted: " not in out and "up to date" not in out
    assert len(read_fit(folder / "results" / "fit" / "fit.h5").profiles) == 2


def test_a_folder_that_cannot_be_is_told_before_the_fit(cli, folder, monkeypatch):
    monkeypatch.setattr(engine, "fit", None)
    code, _, err = cli("fit", folder, "--out", folder / "case.toml" / "fit")
    assert (
        code == 2
        and err == f"error: {folder / 'case.toml'}: is a file; expected a folder for the results, as --out names one\n"
    )


def test_ctrl_c_ends_without_anything_written(cli, folder, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "fit", stop)
    code, _, err = cli("fit", folder)
    assert code == 130 and "interrupted" in err and not (folder / "results").exists()


def test_numbers_are_shown_with_their_errors(fitted):
    folder, _ = fitted
    ion, electron = read_fit(folder / "results" / "fit" / "fit.h5").parameters
    value, error, limits = value_cells(ion)
    assert value.endswith(" mS/m") and error.endswith(" %")
    low, high = (float(end) for end in limits.split(" to "))
    assert low < float(value.split()[0]) < high
    assert np.log(high / low) == pytest.approx(2 * 1.96 * ion.error, rel=0.1)
    assert value_cells(electron)[0].endswith("mS/m")
