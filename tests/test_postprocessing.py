"""The scripts of postprocessing/, run as a user runs them, on a real result file."""

from __future__ import annotations

import ast
import csv
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import matplotlib as mpl
import numpy as np
import pytest
import synthetic_result as synthetic

from miecsim.results import write_result

SCRIPTS = Path(__file__).resolve().parents[1] / "postprocessing"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs in folders of their own, the second in 2D."""
    folder = tmp_path_factory.mktemp("runs")
    write_result(folder / "first" / "results" / "result.h5", synthetic.run())
    write_result(folder / "second" / "results" / "result.h5", synthetic.run(dimension=2))
    return folder


def script(name, *options):
    """Standard output of a script run from the shell, warnings as errors."""
    command = [sys.executable, "-W", "error", str(SCRIPTS / name), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def inside(monkeypatch, capsys):
    """Run a script in this process, which saves its start-up: (exit code, standard output, error stream)."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def call(name, *options):
        monkeypatch.setattr(sys, "argv", [str(SCRIPTS / name), *map(str, options)])
        code = 0
        with mpl.rc_context():
            try:
                runpy.run_path(str(SCRIPTS / name), run_name="__main__")
            except SystemExit as end:
                code = end.code
        return (code, *capsys.readouterr())

    return call


def is_png(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


def test_nyquist_overlays_runs(runs, tmp_path):
    script("nyquist.py", runs / "first", runs / "second", "-s", "battery", "-o", tmp_path / "n.svg")
    text = (tmp_path / "n.svg").read_text(encoding="utf-8")
    assert "first: battery" in text and "second: battery" in text and "Z′ / Ω" in text and "tail cut off" in text


def test_bode(runs, tmp_path):
    script("bode.py", runs / "first" / "results" / "result.h5", "--out", tmp_path / "b.png")
    assert is_png(tmp_path / "b.png")


@pytest.mark.parametrize("name", ["nyquist.py", "bode.py", "panels.py"])
def test_a_cell_that_nothing_crosses_is_left_out(name, tmp_path, inside):
    open_circuit = replace(
        synthetic.study("battery"), name="open", references={}, Z=np.full(synthetic.FREQUENCY.size, np.inf + 0j)
    )
    write_result(tmp_path / "both.h5", synthetic.run(synthetic.study("battery"), open_circuit))
    write_result(tmp_path / "open.h5", synthetic.run(open_circuit))
    code, *_ = inside(name, tmp_path / "both.h5", "-o", tmp_path / "f.png")
    assert code == 0 and is_png(tmp_path / "f.png")
    code, _, said = inside(name, tmp_path / "open.h5", "-o", tmp_path / "g.png")
    assert code == 2 and said.count("\n") == 1 and "no study whose impedance is finite" in said


def test_profiles(runs, tmp_path, inside):
    script("profiles.py", runs / "second", "--kind", "map", "-o", tmp_path / "map.png")
    for kind in ("rails", "steady"):
        code, out, _ = inside("profiles.py", runs / "second", "--kind", kind, "-o", tmp_path / f"{kind}.png")
        assert code == 0 and out.strip().endswith(f"{kind}.png")
    assert all(is_png(tmp_path / f"{kind}.png") for kind in ("map", "rails", "steady"))


def test_compare_tells_the_largest_error(runs, tmp_path):
    out = script("compare.py", runs / "first", "-o", tmp_path / "c.png")
    assert is_png(tmp_path / "c.png")
    line = next(line for line in out.splitlines() if line.startswith("battery against two_rail"))
    assert float(line.split()[5]) == pytest.approx(1e-4, rel=1e-2)


def test_csv_keeps_every_digit(runs, tmp_path):
    script("export_csv.py", runs / "first", "-s", "ion_blocking", "-o", tmp_path / "csv")
    with (tmp_path / "csv" / "ion_blocking.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    study = synthetic.study("ion_blocking")
    Z = np.array([complex(float(r["Z_real [ohm]"]), float(r["Z_imag [ohm]"])) for r in rows])
    assert np.array_equal(Z, study.Z)
    assert np.array_equal([float(r["frequency [Hz]"]) for r in rows], study.frequency)
    assert np.array_equal([float(r["two_rail_real [ohm]"]) for r in rows], study.references["two_rail"].real)
    with (tmp_path / "csv" / "ion_blocking_profiles.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 48
    assert float(rows[49]["ion_imag [V/V]"]) == study.profile_rails["ion"][1, 1].imag
    assert (tmp_path / "csv" / "ion_blocking_steady.csv").is_file()
    assert not (tmp_path / "csv" / "battery.csv").exists()


def test_errors_are_one_line_and_exit_code_2(runs, tmp_path, inside):
    foreign, text = tmp_path / "foreign.h5", tmp_path / "text.h5"
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    text.write_text("text")
    cases = {
        ("nyquist.py", tmp_path / "none.h5"): "nyquist.py: ",
        ("nyquist.py", tmp_path / "absent.h5"): "no such file",
        ("bode.py", tmp_path): "no such file",  # a folder without a result
        ("compare.py", foreign): "not a miecsim result",
        ("export_csv.py", text): "not an HDF5 file",
        ("bode.py", runs / "first", "-s", "bttery"): "no study 'bttery'; it has battery, ion_blocking",
        ("profiles.py", runs / "first", "--kind", "map"): "no fields",
        ("profiles.py", runs / "second", "--kind", "map", "--field", "c"): "no field 'c'; it has Phi_ion",
        ("bode.py", runs / "first", "-o", tmp_path / "b.docx"): "must end in .png, .svg or .pdf",
    }
    for (name, *options), message in cases.items():
        code, out, error = inside(name, *options)
        assert code == 2 and out == ""
        assert message in error and error.count("\n") == 1, error


@pytest.mark.parametrize("name", sorted(p.name for p in SCRIPTS.glob("[a-z]*.py")))
def test_help(name, inside):
    code, out, _ = inside(name, "--help")
    assert code == 0 and out.startswith("usage:") and "--out" in out
    assert "--study" in out or name == "arrhenius.py"  # which reads a fit


def test_scripts_need_nothing_but_h5py_numpy_and_matplotlib():
    allowed = {"h5py", "numpy", "matplotlib", "_reading"} | set(sys.stdlib_module_names)
    for path in SCRIPTS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and (node.module or "").split(".")[0] in allowed, path
