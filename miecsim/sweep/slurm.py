"""The points of a sweep solved in jobs of SLURM, each of which runs workers of Dask until no point is left."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miecsim.case.messages import nearest, sentence
from miecsim.errors import InputError
from miecsim.sweep.cluster import Solver, needed, quiet, solve_all
from miecsim.sweep.found import Found
from miecsim.sweep.solve import Job
from miecsim.sweep.workers import THREADS

OPTION = "--slurm"
EVERY = 10.0  # s, between two looks at whether there are workers


@dataclass(frozen=True)
class Slurm:
    """What is asked of SLURM: `jobs` jobs of `cores` cores (a worker each) and `memory`, for `walltime` each, in a
    queue (partition) and on an account; `interface` is the network between the machines (ib0). What is None is as
    Dask's jobqueue.yaml says."""

    memory: str
    cores: int = 1
    jobs: int = 1
    walltime: str | None = None
    queue: str | None = None
    account: str | None = None
    interface: str | None = None


_FORMS = {
    "memory": (r"\d+(\.\d+)?[kKMGT](i?B)?", "memory of one job, such as 8GB"),
    "cores": (r"[1-9]\d*", "cores of one job, 1 or more"),
    "jobs": (r"[1-9]\d*", "how many jobs, 1 or more"),
    "walltime": (r"(\d+-)?\d+(:[0-5]\d){0,2}", "time of one job, such as 01:00:00"),
    "queue": (r"[\w.-]+", "a partition"),
    "account": (r"[\w.-]+", "an account"),
    "interface": (r"[\w.:-]+", "a network interface, such as ib0"),
}


def slurm_of(text: str) -> Slurm:
    """`cores=4,memory=8GB,walltime=01:00:00,queue=main,jobs=10`. Raises InputError for anything else."""
    found: dict[str, str] = {}
    for item in text.split(","):
        name, equals, value = (part.strip() for part in item.partition("="))
        if name not in _FORMS or not equals:
            expected = f"KEY=VALUE with a key of {', '.join(_FORMS)}"
            raise InputError(f"{OPTION}: {sentence(repr(item.strip()), expected, nearest(name, _FORMS))}")
        pattern, expected = _FORMS[name]
        if not re.fullmatch(pattern, value):
            raise InputError(f"{OPTION}: {name}: read {value!r}; expected {expected}")
        if name in found:
            raise InputError(f"{OPTION}: {name}: read twice; expected once")
        found[name] = value
    if "memory" not in found:
        raise InputError(f"{OPTION}: memory: read nothing; expected {_FORMS['memory'][1]}")
    others = [found.get(name) for name in ("walltime", "queue", "account", "interface")]
    return Slurm(found["memory"], int(found.get("cores", 1)), int(found.get("jobs", 1)), *others)


def cluster_of(slurm: Slurm, logs: Path) -> Any:
    """dask_jobqueue.SLURMCluster that has submitted nothing yet; jobs write what they say into `logs`."""
    jobqueue = needed("dask_jobqueue", OPTION)
    import dask

    def settings(name: str) -> Any:
        return dask.config.get(f"jobqueue.slurm.{name}", None)

    own = {name: value for name in ("walltime", "queue", "account") if (value := getattr(slurm, name)) is not None}
    if settings("log-directory") is None:
        own["log_directory"] = str(logs.resolve())
    prologue = settings("job-script-prologue") or []
    return jobqueue.SLURMCluster(
        cores=slurm.cores,
        processes=slurm.cores,
        memory=slurm.memory,
        interface=slurm.interface,
        job_name="miecsim",
        job_script_prologue=[*prologue, *(f"export {name}=1" for name in THREADS)],
        scheduler_options={"dashboard": False, "dashboard_address": ":0"} | (settings("scheduler-options") or {}),
        **own,
    )


@contextmanager
def on_slurm(slurm: Slurm, logs: Path) -> Iterator[Solver]:
    """What solves points in jobs of SLURM, submitted when there are any, and cancelled at the end.

    Raises InputError where Dask is not installed, there is no `sbatch`, or it refuses such a job.
    """
    distributed = needed("distributed", OPTION)
    needed("dask_jobqueue", OPTION)
    if shutil.which("sbatch") is None:
        raise InputError(f"{OPTION}: found no sbatch here; expected a machine from which jobs are submitted")
    with quiet(), cluster_of(slurm, logs) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        _refuse_job(cluster.job_script())

        def solver(jobs: Sequence[Job]) -> Iterator[tuple[Job, str, Found | None]]:
            if jobs:
                with _kept(cluster, client, min(slurm.jobs, -(-len(jobs) // slurm.cores))):
                    yield from solve_all(client, jobs)

        yield solver


def _refuse_job(script: str) -> None:
    """InputError where `sbatch` would not take the job; when it is submitted there is nobody to hear why."""
    tried = subprocess.run(["sbatch", "--test-only"], input=script, capture_output=True, text=True)
    if tried.returncode:
        said = (tried.stderr or tried.stdout).strip().splitlines() or [f"exit code {tried.returncode}"]
        raise InputError(f"{OPTION}: sbatch refuses the job: {said[0]}")


@contextmanager
def _kept(cluster: Any, client: Any, count: int) -> Iterator[None]:
    """`count` jobs within. One whose time is over is submitted again; Dask does not notice it where a job has several
    workers, so that these are all submitted again when the last of them is gone."""
    over = threading.Event()

    def keep() -> None:
        missing = -1  # looks in a row that found no worker, after there were some
        while not over.wait(EVERY):
            missing = 0 if client.nthreads() else missing + (missing >= 0)
            if missing == 2:
                cluster.scale(0)  # and up again at the next look: at once, Dask would do neither
                missing = -1
            else:
                cluster.scale(jobs=count)

    cluster.scale(jobs=count)
    watch = threading.Thread(target=keep, daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()
