"""Parameter sweeps run: what the index says, that nothing is lost when processes are killed, that the index is the same
however it came about, the command, and the figures."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from swept_pore import CAPACITANCE, GRID, PORE, ROOT, SMALL, THICKNESS, case_with, one_by_one, same_index, solved_pore

from miecsim.case import load_case
from miecsim.commands.sweep import refuse_failed
from miecsim.errors import CheckError, InputError, SolveError
from miecsim.plot.sweeps import headline, is_log, numeric_keys, nyquist_family
from miecsim.report.sweep_page import write_page
from miecsim.sweep import points_of, read_index, run_sweep
from miecsim.sweep.run import _remove_halves
from miecsim.sweep.solve import Job, failure_of, result_of, solve
from miecsim.sweep.workers import solve_all


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return solved_pore(tmp_path_factory.mktemp("sweep"))


def test_the_index_holds_what_the_points_found(swept):
    """R_low against L/(3 sigma_ion A) and C_low against C a L A, at every point."""
    case, folder = swept
    index = read_index(folder)
    assert index.status == ("done",) * 8 and index.checks == (0,) * 8
    length, unit = index.settings[THICKNESS]
    C = index.settings[CAPACITANCE][0]
    assert unit == "m" and index.settings[CAPACITANCE][1] == "F/m^2"
    np.testing.assert_allclose(C, [0.11, 0.29] * 4, rtol=1e-14)
    sigma, area = 6.4 * 0.65 / 1.5, 1.13e-4
    np.testing.assert_allclose(index.figures["pore.R_low", "ohm"], length / (3 * sigma * area), rtol=1e-3)
    np.testing.assert_allclose(index.figures["pore.C_low", "F"], C * 1e8 * length * area, rtol=1e-3)
    assert index.spectra["pore"].Z.shape == (8, index.spectra["pore"].frequency.size)
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["pore.R_low [ohm]"]) for row in rows] == index.figures["pore.R_low", "ohm"].tolist()
    assert [row["hash"] for row in rows] == [point.hash for point in points_of(case)]


def test_a_point_too_far_from_its_closed_form_is_counted(tmp_path):
    case = load_case(PORE, [*SMALL, 'sweep={ kind = "list", point = [{ grid.cells = 5 }, { grid.cells = "auto" }] }'])
    one_by_one(case, tmp_path / "out")
    index = read_index(tmp_path / "out")
    assert index.checks == (1, 0) and index.figures["pore.reference_error", "1"][0] > 5e-4
    with pytest.raises(CheckError, match=r"1 of 2 points are further .* grid.cells = 5$"):
        refuse_failed(case, index)


def test_the_index_opens_in_xarray(swept):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    _, folder = swept
    with xarray.open_dataset(folder / "index.h5", engine="h5netcdf") as data:
        assert data["pore.R_low"].dims == ("point",) and data[THICKNESS].attrs["units"] == "m"
        table = data[["pore.R_low", THICKNESS, CAPACITANCE]].load().set_index(point=[THICKNESS, CAPACITANCE])
        assert dict(table.unstack("point").sizes) == {THICKNESS: 4, CAPACITANCE: 2}
        Z = data["pore.Z_real"].values + 1j * data["pore.Z_imag"].values
    np.testing.assert_array_equal(Z, read_index(folder).spectra["pore"].Z)


def test_workers_give_the_same_index_when_one_is_killed(swept, tmp_path):
    case, alone = swept
    killed = []

    def tell(done, job, reason):
        if job is not None and not killed:
            killed.append(multiprocessing.active_children()[0])
            killed[0].kill()

    run_sweep(case, tmp_path, 2, tell)
    assert killed and same_index(tmp_path, alone)
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "points").iterdir()}
    (tmp_path / "index.csv").unlink()
    run_sweep(case, tmp_path, 2)  # nothing is left to do
    assert same_index(tmp_path, alone)
    assert times == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "points").iterdir()}


class Deadly:
    """What ends the process that reads it from a pipe."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_point_that_kills_its_workers_fails_and_the_rest_goes_on(swept, tmp_path):
    case, _ = swept
    point = points_of(case)[0]
    bad = Job("bad", {"x": 1}, {"title": Deadly()}, case.file, tmp_path)
    good = Job(point.hash, point.settings, point.raw, case.file, tmp_path)
    found = {job.hash: reason for job, reason, _ in solve_all([bad, good], 1)}
    assert found[point.hash] == "" and result_of(tmp_path, point.hash).exists()
    assert "killed 2 times (exit code 9)" in found["bad"]
    assert json.loads(failure_of(tmp_path, "bad").read_text())["reason"] == found["bad"]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SolveError("{file}: study pore: no convergence"), "study pore: no convergence"),
        (ZeroDivisionError("float division"), "internal error: ZeroDivisionError: float division"),
    ],
)
def test_a_failed_point_leaves_its_reason_and_is_tried_again(swept, tmp_path, monkeypatch, error, reason):
    case, _ = swept
    point = points_of(case)[0]
    job = Job(point.hash, point.settings, point.raw, case.file, tmp_path)

    def fail(case):
        raise type(error)(str(error).format(file=case.file))

    with monkeypatch.context() as patch:
        patch.setattr("miecsim.run.run.run_case", fail)
        assert solve(job) == reason
    told = json.loads(failure_of(tmp_path, point.hash).read_text())
    assert told == {"hash": point.hash, "settings": dict(point.settings), "reason": reason}
    assert solve(job) == ""
    assert not failure_of(tmp_path, point.hash).exists() and result_of(tmp_path, point.hash).exists()


def test_halves_of_dead_processes_are_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead, alive = (tmp_path / f".x.h5.{pid}.0123abcd.tmp" for pid in (gone.pid, os.getpid()))
    for path in (dead, alive, tmp_path / "x.h5"):
        path.touch()
    _remove_halves(tmp_path)
    assert not dead.exists() and alive.exists() and (tmp_path / "x.h5").exists()


# command line


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "miecsim", "sweep", *map(str, arguments)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def children_of(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def lives(process: int) -> bool:
    """Whether it runs still; a process that waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_and_wait(running: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the parent, after which its workers must end by themselves."""
    family = children_of(running.pid)
    running.send_signal(signal.SIGKILL)
    running.wait()
    until = time.monotonic() + 30.0
    while any(lives(pid) for pid in family):
        assert time.monotonic() < until, "workers outlive their parent"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_killing_the_parent_loses_only_points_in_flight(swept, tmp_path):
    case, alone = swept
    home, out = Path(case.file).parent, tmp_path / "out"
    arguments = command(home, *(a for s in SMALL for a in ("--set", s)), "--out", out, "--workers", "2")
    running = subprocess.Popen(arguments, env=environment(), stdout=subprocess.DEVNULL)
    while not list(out.glob("points/*.h5")):
        assert running.poll() is None
        time.sleep(0.002)
    kill_and_wait(running)
    before = {path: path.read_bytes() for path in out.glob("points/*.h5")}
    assert before and not (out / "index.h5").exists()
    run_sweep(case, out, 1)
    assert same_index(out, alone)
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.slow
def test_ten_kills_at_random_moments_change_nothing(tmp_path):
    """SIGKILL to the parent or to one of its workers, whatever they are doing."""
    random.seed(20)
    sweep = GRID.replace("points = 4", "points = 60")
    case = load_case(case_with(tmp_path / "case", sweep), SMALL)
    one_by_one(case, tmp_path / "alone")
    out = tmp_path / "out"
    arguments = command(tmp_path / "case", *(a for s in SMALL for a in ("--set", s)), "--out", out, "--workers", "2")
    for kill in range(10):
        running = subprocess.Popen(arguments, env=environment(), stdout=subprocess.DEVNULL)
        time.sleep(random.uniform(0.5, 4.5))
        family = children_of(running.pid) if running.poll() is None else []
        if kill % 2 and family:
            os.kill(random.choice(family), signal.SIGKILL)
            time.sleep(random.uniform(0.0, 1.0))
        if running.poll() is None:
            kill_and_wait(running)
    finished = subprocess.run(arguments, env=environment(), capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert same_index(out, tmp_path / "alone")
    names = sorted(path.name for path in (out / "points").iterdir())
    assert names == sorted(f"{point.hash}.h5" for point in points_of(case))


def test_the_command_solves_tells_what_failed_and_draws(tmp_path):
    """A porosity of 0.9 beside 0.35 of metal is no electrode: that point fails, with exit code 3."""
    key = "layer.electrode.ion.volume_fraction"
    text = f'\n[sweep]\n[[sweep.axis]]\nkey = "{key}"\nvalues = [0.31, 0.9, 0.57]\n'
    home = case_with(tmp_path / "case", text)
    arguments = command(home, *(a for s in SMALL for a in ("--set", s)), "--workers", "1")
    done = subprocess.run(arguments, env=environment(), capture_output=True, text=True)
    assert done.returncode == 3
    assert f"failed: {key} = 0.9: layer.electrode: read " in done.stdout and "2 of 3 points done" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {home / 'case.toml'}: 1 of 3 points failed, the first at {key} = 0.9: ")
    folder = home / "results" / "sweep"
    index = read_index(folder)
    assert index.status == ("done", "failed", "done") and index.reason[1].startswith("layer.electrode: read")
    assert np.isnan(index.figures["pore.R_low", "ohm"]).tolist() == [False, True, False]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "2 of 3 points" in page and index.reason[1].split(";")[0].split("(")[0] in page.replace("&#34;", '"')
    for name in ("pore_nyquist", "pore_R_low"):
        assert f'src="{name}.svg"' in page and (folder / f"{name}.png").stat().st_size > 5000


# figures


def test_figures_show_every_point(swept, tmp_path):
    _, folder = swept
    index = read_index(folder)
    assert numeric_keys(index) == [THICKNESS, CAPACITANCE]
    axes = nyquist_family(index, "pore").axes[0]
    assert len([line for line in axes.lines if len(line.get_xdata()) > 2]) == 8 and axes.get_aspect() == 1.0
    cells = headline(index, "pore.R_low", "ohm").axes[0].collections[0].get_array()
    expected = index.figures["pore.R_low", "ohm"].reshape(4, 2).T
    shown = np.asarray(cells).reshape(2, 4)
    np.testing.assert_allclose(shown / shown[0, 0], expected / expected[0, 0], rtol=1e-12)
    assert is_log(np.array([1.0, 9.0])) and not is_log(np.array([-1.0, 9.0])) and not is_log(np.array([1.0, 2.0]))
    shutil.copytree(folder, tmp_path / "copy")
    assert write_page(tmp_path / "copy", index).read_text(encoding="utf-8").count("<tr>") == 9
    with pytest.raises(InputError, match="no such figure"):
        headline(index, "pore.nothing", "ohm")
