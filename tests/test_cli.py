"""The command line as a user meets it: exit codes, one clear line per mistake, nothing lost, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

import miecsim.run.run as engine
from miecsim.cli import main
from miecsim.errors import SolveError

ROOT = Path(__file__).resolve().parent.parent
CASE = ROOT / "cases" / "102_two_rail_battery"


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `miecsim arguments...`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["miecsim", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return int(stop.value.code or 0), out, err


@pytest.fixture
def cli(monkeypatch, capsys):
    return lambda *arguments: call(monkeypatch, capsys, *map(str, arguments))


def test_run_writes_everything(cli, tmp_path) -> None:
    code, out, err = cli("run", CASE, "--out", tmp_path / "out")
    assert code == 0 and err == ""
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"result.h5", "summary.json", "nyquist.png", "nyquist.svg", "bode.png", "battery_rails.svg"} <= names
    assert not [name for name in names if name.endswith((".tmp", ".part"))]
    with h5py.File(tmp_path / "out" / "result.h5") as file:
        study = file["impedance/battery"]
        assert study["Z"].dtype == complex and study["Z"].attrs["units"] == "ohm"
        assert study["reference/two_rail"].shape == study["frequency"].shape
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "R_ion" in json.dumps(summary)
    for word in ("R_ion", "ohm", "sigma_eon", "R_dc", "reference_error"):
        assert word in out


def test_run_does_not_repeat_or_overwrite(cli, tmp_path) -> None:
    folder = tmp_path / "out"
    assert cli("run", CASE, "--out", folder)[0] == 0
    before = (folder / "result.h5").read_bytes()
    code, out, _ = cli("run", CASE, "--out", folder)
    assert code == 0 and "up to date" in out
    code, _, err = cli("run", CASE, "--out", folder, "--set", "layer.electrode.thickness=80 um")
    assert code == 2 and "--force" in err and "--out" in err
    assert (folder / "result.h5").read_bytes() == before
    # the thickness changes nothing of the closed form's agreement, so the checks still hold
    assert cli("run", CASE, "--out", folder, "--set", "layer.electrode.cells=3", "--force")[0] == 2
    assert (folder / "result.h5").read_bytes() == before
    (folder / "result.h5").write_text("not a result")
    code, _, err = cli("run", CASE, "--out", folder)
    assert code == 2 and "not a result" in err


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("layer.electrode.thickness=74 S", ("layer.electrode.thickness", "length")),
        ("layer.electrode.thicknes=74 um", ("thicknes", "thickness")),
        ("layer.cathode.thickness=74 um", ("cathode", "electrode")),
        ("temperature=-3 K", ("temperature",)),
        ("study.battery.terminals=batery", ("batery", "battery")),
        ("layer.electrode.interface.alpha=1.7", ("alpha",)),
    ],
)
def test_bad_override_is_one_line_and_exit_code_2(cli, tmp_path, override, words) -> None:
    code, out, err = cli("run", CASE, "--set", override, "--out", tmp_path / "out")
    assert code == 2 and out == ""
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "out").exists()


def test_missing_case_and_bad_usage(cli, tmp_path) -> None:
    code, _, err = cli("run", tmp_path / "nowhere")
    assert code == 2 and "nowhere" in err and len(err.strip().splitlines()) == 1
    code, _, err = cli("run", CASE, "--frce")
    assert code == 2 and "--frce" in err
    code, _, err = cli("rnu", CASE)
    assert code == 2 and "rnu" in err


def test_failed_check_is_exit_code_4_and_results_are_kept(cli, tmp_path) -> None:
    text = (CASE / "case.toml").read_text()
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case.toml").write_text(text.replace("tolerance = 5e-4", "tolerance = 1e-14", 1))
    code, _, err = cli("run", tmp_path / "case")
    assert code == 4 and "reference_error" in err and "expected" in err
    assert (tmp_path / "case" / "results" / "result.h5").exists()


def test_failed_solve_is_exit_code_3(cli, tmp_path, monkeypatch) -> None:
    def fail(system):
        raise SolveError("steady state: Newton did not converge")

    monkeypatch.setattr(engine, "solve_steady", fail)
    code, _, err = cli("run", CASE, "--out", tmp_path / "out")
    assert code == 3 and "study battery" in err and "Newton" in err
    assert not (tmp_path / "out").exists()


def test_interrupt_leaves_nothing_half_written(cli, tmp_path, monkeypatch) -> None:
    def stop(system):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "solve_steady", stop)
    code, _, err = cli("run", CASE, "--out", tmp_path / "out")
    assert code == 130 and "interrupted" in err
    assert not (tmp_path / "out").exists()


def test_unexpected_fault_says_that_it_is_ours(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(engine, "solve_steady", lambda system: 1 / 0)
    code, _, err = cli("run", CASE, "--out", tmp_path / "out")
    assert code == 1 and "fault of miecsim" in err


def test_check_describes_without_solving(cli) -> None:
    code, out, _ = cli("check", CASE)
    assert code == 0 and "valid" in out and "two_rail" in out


def test_list_and_new(cli, tmp_path) -> None:
    code, out, _ = cli("list", ROOT / "cases")
    assert code == 0
    for path in sorted((ROOT / "cases").glob("*/case.toml")):
        assert path.parent.name in out
    target = tmp_path / "mine"
    code, out, _ = cli("new", target, "--from", "301")
    assert code == 0 and (target / "case.toml").exists()
    assert cli("check", target)[0] == 0
    code, _, err = cli("new", target, "--from", "301")
    assert code == 2 and "exists" in err
    code, _, err = cli("new", tmp_path / "other", "--from", "301_ncm622_lpscl_compsite")
    assert code == 2 and "301_ncm622_lpscl_composite" in err
    code, _, err = cli("list", tmp_path / "mine")
    assert code == 2


def test_the_command_runs_from_the_shell(tmp_path) -> None:
    """One whole process, as the README has it, with --set."""
    command = [sys.executable, "-m", "miecsim", "run", str(CASE), "--out", str(tmp_path / "out")]
    command += ["--set", "study.battery.frequency.points_per_decade=3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_overridden_parameters_change_checks_without_failing(cli, tmp_path) -> None:
    """The figures of a case belong to its own parameters; agreement with the closed form is demanded all the same."""
    out = ("--out", tmp_path / "out")
    code, printed, _ = cli("run", CASE, "--set", "layer.electrode.thickness=123 um", *out)
    assert code == 0 and "changed" in printed and "FAILED" not in printed
    coarse = ("--set", "grid.cells=5", "--out", tmp_path / "coarse")
    first, second = cli("run", CASE, *coarse), cli("run", CASE, *coarse)
    assert first[0] == second[0] == 4  # also where the results were already there
    assert "reference_error" in first[2]


def test_check_of_an_unknown_quantity_is_told_before_solving(cli, tmp_path) -> None:
    text = (CASE / "case.toml").read_text().replace('"reference_error"', '"referense_error"')
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case.toml").write_text(text)
    code, _, err = cli("run", tmp_path / "case")
    assert code == 2 and "case.toml" in err and "'reference_error'?" in err
    assert not (tmp_path / "case" / "results").exists()


def test_check_of_a_figure_that_vanished_fails_and_keeps_the_run(cli, tmp_path) -> None:
    case = ROOT / "cases" / "203_nernst_planck_poisson"
    code, printed, _ = cli("run", case, "--set", "study.blocking.terminals=reversible", "--out", tmp_path / "out")
    assert code == 0 and "changed" in printed
    assert (tmp_path / "out" / "result.h5").exists()


def test_results_cannot_go_into_a_file(cli, tmp_path) -> None:
    """Told before anything is solved, by every command that writes a folder."""
    place = tmp_path / "place"
    place.write_text("mine", encoding="utf-8")
    shipped = {"run": "101_blocking_pore", "sweep": "601_which_transport_limits", "fit": "602_blocking_pair_fit"}
    for command, name in shipped.items():
        code, _, err = cli(command, ROOT / "cases" / name, "--out", place)
        assert code == 2 and err.count("\n") == 1, command
        assert "is a file; expected a folder for the results" in err
    assert place.read_text(encoding="utf-8") == "mine"
