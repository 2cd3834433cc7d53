"""Sweeps past one machine: the workers of a Dask scheduler and the jobs of SLURM leave what local processes leave, and
the command says in one line what it cannot use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from swept_pore import GRID, ROOT, SMALL, case_with, one_by_one, same_index, solved_pore

from miecsim.case import load_case
from miecsim.cli import main
from miecsim.errors import InputError
from miecsim.results import write_result
from miecsim.run.run import run_case
from miecsim.sweep import Slurm, on_dask, on_slurm, points_of, read_index, run_sweep
from miecsim.sweep.cluster import solve_all
from miecsim.sweep.collect import collect
from miecsim.sweep.expand import expand
from miecsim.sweep.run import _remove_old_halves
from miecsim.sweep.slurm import cluster_of, slurm_of
from miecsim.sweep.solve import Job, failure_of, result_of, solve
from miecsim.sweep.workers import THREADS

POROSITY = "layer.electrode.ion.volume_fraction"
LIST = f"""
[sweep]
[[sweep.axis]]
key = "{POROSITY}"
values = [0.31, 0.9, 0.57]
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return solved_pore(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def client():
    """Two processes as workers, whose scheduler gives a point up when its worker dies."""
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 0, "distributed.deploy.lost-worker-timeout": "10 minutes"}
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def times_of(folder: Path) -> dict[str, int]:
    """When each point was written; what a killed worker left half written is nobody's result."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "points").glob("[!.]*")}


def in_this_process(jobs):
    return ((job, solve(job), None) for job in jobs)


# Dask


def test_a_failed_point_and_an_unseen_folder_leave_their_reasons(client, tmp_path, monkeypatch):
    """A porosity of 0.7 beside 0.35 of metal is no electrode; paths that begin in the directory of this process mean
    the same to workers, which run elsewhere."""
    monkeypatch.chdir(tmp_path)
    case_with(Path("case"), LIST)
    case = load_case(Path("case"), SMALL)
    here = run_sweep(case, Path("here"), solver=in_this_process)
    there = run_sweep(case, Path("there"), solver=partial(solve_all, client))
    assert here.status == there.status == ("done", "failed", "done") and same_index(Path("here"), Path("there"))
    assert there.reason[1].startswith("layer.electrode: read")
    point = points_of(case)[0]
    job = Job(point.hash, point.settings, point.raw, case.file, tmp_path / "unseen")
    ((_, reason, found),) = solve_all(client, [job])
    assert found is None and "does not see" in reason and "that all machines share" in reason


def test_dask_gives_the_same_index_when_a_worker_is_killed_and_goes_on(swept, client, tmp_path):
    case, alone = swept
    address = client.scheduler.address
    killed = []

    def tell(done, job, reason):
        assert reason == ""
        if job is not None and not killed:
            killed.append(client.run(os.getpid))
            os.kill(next(iter(killed[0].values())), signal.SIGKILL)

    with on_dask(address) as solver:
        run_sweep(case, tmp_path, tell=tell, solver=solver)
        assert killed and same_index(tmp_path, alone)
        times = times_of(tmp_path)
        assert sorted(times) == sorted(f"{point.hash}.h5" for point in points_of(case))
        missing = points_of(case)[5].hash
        result_of(tmp_path / "points", missing).unlink()
        (tmp_path / "index.csv").unlink()
        run_sweep(case, tmp_path, solver=solver)  # one point is left to do
    assert same_index(tmp_path, alone)
    assert {name for name, time in times_of(tmp_path).items() if time != times[name]} == {f"{missing}.h5"}


def test_workers_of_dask_have_one_thread_for_linear_algebra(client):
    assert set(client.run(os.environ.get, "OPENBLAS_NUM_THREADS").values()) == {"1"}


def test_points_beside_one_that_kills_its_workers_are_tried_alone(tmp_path, monkeypatch):
    KilledWorker = pytest.importorskip("distributed").KilledWorker
    jobs = [Job(name, {}, {}, "case.toml", tmp_path) for name in ("good", "bad", "beside")]
    asked = []

    def finished(client, group):
        asked.append([job.hash for job in group])
        for job in group:
            dies = job.hash == "bad" or (job.hash == "beside" and len(group) > 1)
            yield job, KilledWorker("task", None, 3) if dies else ("", None)

    monkeypatch.setattr("miecsim.sweep.cluster._finished", finished)
    found = {job.hash: reason for job, reason, _ in solve_all(None, jobs)}
    assert asked == [["good", "bad", "beside"], ["bad"], ["beside"]]
    assert found == {"good": "", "beside": "", "bad": "the processes that were to solve it were killed 8 times"}
    assert [path.name for path in tmp_path.iterdir()] == ["bad.failed.json"]


class Deadly:
    """What ends the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (9,)


@pytest.mark.slow
def test_a_point_that_kills_its_workers_fails_and_the_rest_goes_on(swept, client, tmp_path):
    case, _ = swept
    points = points_of(case)[:3]
    bad = Job("bad", {"x": 1}, {"title": Deadly()}, case.file, tmp_path)
    good = [Job(point.hash, point.settings, point.raw, case.file, tmp_path) for point in points]
    found = {job.hash: (reason, data) for job, reason, data in solve_all(client, [bad, *good])}
    assert len(found) == 4
    for point in points:
        reason, data = found[point.hash]
        assert reason == "" and data is not None and result_of(tmp_path, point.hash).exists()
    assert found["bad"] == ("the processes that were to solve it were killed 2 times", None)
    assert json.loads(failure_of(tmp_path, "bad").read_text())["reason"] == found["bad"][0]


def test_workers_of_several_threads_are_refused():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", silence_logs=50
        ) as cluster,
        pytest.raises(
            InputError, match=r"^--dask: read workers of 2 threads at .*; expected one each, as `dask worker"
        ),
        on_dask(cluster.scheduler_address),
    ):
        pass


def test_force_solves_all_points_again(swept, tmp_path):
    case, alone = swept
    shutil.copytree(alone, tmp_path / "out")
    place = tmp_path / "out" / "points"
    names = [point.hash for point in points_of(case)]
    failure_of(place, names[2]).write_text('{"reason": "of long ago"}\n', encoding="utf-8")
    result_of(place, names[3]).write_bytes(b"not a result")
    other = result_of(place, "0" * 64)
    other.write_bytes(b"of another sweep")
    before = times_of(tmp_path / "out")
    run_sweep(case, tmp_path / "out", solver=in_this_process, force=True)
    after = times_of(tmp_path / "out")
    assert same_index(tmp_path / "out", alone) and set(after) == {f"{name}.h5" for name in names} | {other.name}
    assert {name for name in after if after[name] == before[name]} == {other.name}


def test_files_that_another_machine_may_be_writing_are_left(tmp_path):
    old, young = (tmp_path / f".x.h5.{number}.0123abcd.tmp" for number in (99999997, 99999998))
    for path in (old, young, tmp_path / "x.h5"):
        path.touch()
    for path in (old, tmp_path / "x.h5"):
        os.utime(path, (1e9, 1e9))
    _remove_old_halves(tmp_path)
    assert not old.exists() and young.exists() and (tmp_path / "x.h5").exists()


# results of expanded cases


def test_results_of_expanded_cases_are_collected(swept, tmp_path):
    case, alone = swept
    folders = expand(case, tmp_path / "cases")
    out = tmp_path / "out"
    index, count = collect(case, tmp_path / "cases", out)
    assert count == 0 and index.status == ("waiting",) * 8
    for folder in folders[:3]:
        write_result(folder / "results" / "result.h5", run_case(load_case(folder)))
    index, count = collect(case, tmp_path / "cases", out)
    assert count == 3 and index.status == ("done",) * 3 + ("waiting",) * 5
    assert collect(case, tmp_path / "cases", out)[1] == 0
    times = times_of(out)
    run_sweep(case, out, solver=in_this_process)
    assert same_index(out, alone) and all(times_of(out)[name] == time for name, time in times.items())


def test_what_is_no_result_of_the_sweep_is_not_collected(swept, tmp_path):
    case, alone = swept
    with pytest.raises(InputError, match=r"points\.txt: no such file; expected a directory that --expand has written$"):
        collect(case, tmp_path, tmp_path / "out")
    folder = expand(case, tmp_path / "cases")[0]
    result = folder / "results" / "result.h5"
    result.parent.mkdir()
    shutil.copyfile(result_of(alone / "points", points_of(case)[0].hash), result)
    other = load_case(case.file, [*SMALL, "layer.electrode.electron.volume_fraction=0.33"])
    with pytest.raises(InputError, match="read 1 results, none of which is of a point of"):
        collect(other, tmp_path / "cases", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result.write_bytes(b"torn")
    with pytest.raises(InputError, match=r"result\.h5: not a result of miecsim; run that case again$"):
        collect(case, tmp_path / "cases", tmp_path / "out")


# SLURM


def test_the_job_of_slurm_is_as_asked(tmp_path):
    pytest.importorskip("dask_jobqueue")
    slurm = slurm_of("cores=3, memory=6GiB,walltime=07:30:00,queue=long,jobs=11,account=ab12")
    assert slurm == Slurm("6GiB", 3, 11, "07:30:00", "long", "ab12")
    with cluster_of(slurm, tmp_path / "logs") as cluster:
        lines = cluster.job_script().splitlines()
    assert lines[0].startswith("#!") and "#SBATCH -J miecsim" in lines
    for asked in ("-p long", "-A ab12", "-n 1", "--cpus-per-task=3", "--mem=6G", "-t 07:30:00"):
        assert f"#SBATCH {asked}" in lines
    for stream, end in ("o", "out"), ("e", "err"):
        assert f"#SBATCH -{stream} {tmp_path}/logs/miecsim-%J.{end}" in lines
    assert {f"export {name}=1" for name in THREADS} < set(lines)
    (worker,) = (line for line in lines if "dask_worker" in line)
    assert worker.startswith(sys.executable) and "--nthreads 1 " in worker and "--nworkers 3 " in worker
    assert "--memory-limit 2.00GiB " in worker


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("memory=8GB,core=3", "read 'core=3'; expected KEY=VALUE with a key of memory, .*; did you mean cores\\?"),
        ("memory", "read 'memory'; expected KEY=VALUE"),
        ("cores=2", "memory: read nothing; expected memory of one job, such as 8GB"),
        ("memory=8", "memory: read '8'; expected memory of one job"),
        ("memory=8GB,cores=0", "cores: read '0'; expected cores of one job, 1 or more"),
        ("memory=8GB,jobs=many", "jobs: read 'many'; expected how many jobs"),
        ("memory=8GB,walltime=soon", "walltime: read 'soon'; expected time of one job"),
        ("memory=8GB,queue=a b", "queue: read 'a b'; expected a partition"),
        ("memory=8GB,memory=9GB", "memory: read twice"),
    ],
)
def test_a_wrong_slurm_option_is_told_in_one_line(text, said):
    with pytest.raises(InputError, match=f"^--slurm: {said}") as caught:
        slurm_of(text)
    assert "\n" not in str(caught.value)


# the command


def refused(monkeypatch, capsys, *arguments: str | Path) -> str:
    """The one line with which the command ends, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["miecsim", "sweep", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert stop.value.code == 2 and said.out == ""
    return line


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["--dask", "tcp://localhost:8786"], "distributed"),
        (["--slurm", "memory=2GB"], "distributed"),
        (["--slurm", "memory=2GB"], "dask_jobqueue"),
    ],
)
def test_the_absence_of_dask_is_told_in_one_line(swept, tmp_path, monkeypatch, capsys, arguments, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    line = refused(monkeypatch, capsys, swept[0].file, "--out", tmp_path / "out", *arguments)
    assert line == f'error: {arguments[0]}: {missing} is not installed; pip install "miecsim[hpc]" brings it'
    assert not (tmp_path / "out").exists()


def test_options_that_cannot_be_used_are_told_in_one_line(swept, tmp_path, monkeypatch, capsys):
    say = partial(refused, monkeypatch, capsys, swept[0].file, "--out", tmp_path / "out")
    assert say("--dask", "tcp://a:1", "--workers", "2") == (
        "error: sweep: read --dask and --workers; expected one of them"
    )
    assert "read --expand and --collect" in say("--expand", "a", "--collect", "b")
    assert "read --collect and --force" in say("--collect", "b", "--force")
    assert "--slurm: cores: read '-1'" in say("--slurm", "memory=1GB,cores=-1")


def test_a_cluster_that_cannot_be_used_is_told_in_one_line(swept, tmp_path, monkeypatch, capsys):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr("miecsim.sweep.cluster.PATIENCE", 0.2)
    say = partial(refused, monkeypatch, capsys, swept[0].file, "--out", tmp_path / "out")
    assert "error: --dask: read node7; expected the address of a scheduler, as tcp://" in say("--dask", "node7")
    assert "error: --dask: no scheduler answers at tcp://127.0.0.1:9 (" in say("--dask", "tcp://127.0.0.1:9")
    (tmp_path / "s.json").write_text('{"address": "tcp://127.0.0.1:9"}', encoding="utf-8")
    assert "no scheduler answers at tcp://127.0.0.1:9 (" in say("--dask", str(tmp_path / "s.json"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    slurm = ("--slurm", "memory=2GB,queue=nowhere")
    assert say(*slurm) == "error: --slurm: found no sbatch here; expected a machine from which jobs are submitted"
    program(tmp_path / "bin", "sbatch", "echo 'sbatch: error: invalid partition: nowhere' >&2\nexit 1\n")
    assert say(*slurm) == "error: --slurm: sbatch refuses the job: sbatch: error: invalid partition: nowhere"
    assert not list((tmp_path / "out").glob("points"))


# the command on a cluster


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "miecsim", "sweep", *map(str, arguments)]


def environment(**own: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | own


@pytest.mark.slow
def test_the_command_goes_on_after_ctrl_c_and_after_its_scheduler_has_died(tmp_path):
    distributed = pytest.importorskip("distributed")
    home, out = case_with(tmp_path / "case", GRID.replace("points = 4", "points = 40")), tmp_path / "out"
    small = [argument for setting in SMALL for argument in ("--set", setting)]
    case = load_case(home, SMALL)

    def started(address: str, count: int) -> subprocess.Popen[str]:
        """The command, as soon as there are `count` results."""
        arguments = command(home, *small, "--out", out, "--dask", address)
        running = subprocess.Popen(arguments, env=environment(), stderr=subprocess.PIPE, text=True)
        while len(list(out.glob("points/*.h5"))) < count:
            assert running.poll() is None
            time.sleep(0.01)
        return running

    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--port", "0"]
    file = tmp_path / "scheduler.json"
    dying = subprocess.Popen([*scheduler, "--scheduler-file", str(file)], stderr=subprocess.DEVNULL)
    while not file.exists():
        time.sleep(0.05)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
    working = subprocess.Popen([*worker, "--no-dashboard"], env=environment(), stderr=subprocess.DEVNULL)
    running = started(str(file), 5)
    dying.kill()
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130 and len(said.splitlines()) == 1
    assert said.startswith("interrupted: the scheduler is gone; what is solved is kept")
    working.terminate()
    assert (dying.wait(), working.wait(timeout=60)) != (0, None)
    assert "done" in read_index(out).status and "waiting" in read_index(out).status

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        running = started(cluster.scheduler_address, len(list(out.glob("points/*.h5"))) + 20)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        assert running.returncode == 130 and said.splitlines()[-1].startswith(f"interrupted: {out}: what is solved is")
        assert "waiting" in read_index(out).status
        done = subprocess.run(
            command(home, *small, "--out", out, "--dask", cluster.scheduler_address), env=environment(), text=True
        )
    assert done.returncode == 0
    one_by_one(case, tmp_path / "alone")
    assert same_index(out, tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 2])
def test_jobs_whose_time_is_over_are_submitted_again(tmp_path, monkeypatch, cores):
    """Programs in place of SLURM's run each job at once; the only one there is ends when a few points are solved."""
    pytest.importorskip("dask_jobqueue")
    import dask

    if shutil.which("setsid") is None:
        pytest.skip("no setsid")
    jobs = tmp_path / "jobs"
    program(
        tmp_path / "bin",
        "sbatch",
        f"""[ "$1" = --test-only ] && exit 0
cp "$1" {jobs}.$$.sh
setsid bash {jobs}.$$.sh > /dev/null 2>&1 &
echo $! >> {jobs}
echo Submitted batch job $!
""",
    )
    program(tmp_path / "bin", "scancel", 'kill -- -"$1"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("miecsim.sweep.slurm.EVERY", 1.0)
    case = load_case(case_with(tmp_path / "case", GRID.replace("points = 4", "points = 20")), SMALL)

    def tell(done, job, reason):
        if done == 5:
            os.killpg(int(jobs.read_text()), signal.SIGKILL)

    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "2s"}),
        on_slurm(Slurm("1GB", cores), tmp_path / "out" / "slurm") as solver,
    ):
        run_sweep(case, tmp_path / "out", tell=tell, solver=solver)
    assert len(jobs.read_text().split()) == 2
    one_by_one(case, tmp_path / "alone")
    assert same_index(tmp_path / "out", tmp_path / "alone")
