"""Run a sweep: solve the points that have no result yet, and make the index of all of them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from miecsim.case.load import Case
from miecsim.errors import InputError
from miecsim.sweep.cluster import Solver
from miecsim.sweep.found import Found
from miecsim.sweep.index import Index, read_index, write_index
from miecsim.sweep.plan import POINTS, Point, plan_of, points_of, write_plan
from miecsim.sweep.solve import Job, failure_of, result_of, write_failure
from miecsim.sweep.workers import solve_all

OLD = 3600.0  # s, after which a file that another machine began to write is one that it will not finish

Tell = Callable[[int, Job | None, str], None]  # (points that are finished, the last of them, why it failed)


def run_sweep(
    case: Case,
    folder: Path,
    workers: int | None = None,
    tell: Tell | None = None,
    *,
    solver: Solver | None = None,
    force: bool = False,
) -> Index:
    """Solve every point of the sweep of `case` that has no result in `folder`, in `workers` processes (default: one for
    each core), or by `solver` (of `on_dask` or `on_slurm`), and write the index.

    A point that failed before is tried again. What a killed run has left is gone on with: a result is whole or not
    there. With `force` the results of all points are removed first, so that each is solved again. Raises InputError
    where the sweep has no points, or no point that can be read.
    """
    if workers is not None and workers < 1:
        raise InputError(f"--workers: read {workers}; expected 1 or more processes")
    points = points_of(case)
    place = folder / POINTS
    place.mkdir(parents=True, exist_ok=True)
    tidy = _remove_halves if solver is None else _remove_old_halves
    tidy(place)
    for point in points if force else ():
        result_of(place, point.hash).unlink(missing_ok=True)
        failure_of(place, point.hash).unlink(missing_ok=True)
    write_plan(folder, plan_of(case, points))
    jobs = [_job(point, case.file, place) for point in points if not result_of(place, point.hash).exists()]
    refused = {point.hash: point.refused for point in points if point.refused}
    report = tell or (lambda done, job, reason: None)
    known: dict[str, Found] = {}
    done = len(points) - len(jobs)
    report(done, None, "")
    try:
        for job in (job for job in jobs if job.hash in refused):
            done += 1
            report(done, job, write_failure(job, refused[job.hash]))
        todo = [job for job in jobs if job.hash not in refused]
        for job, reason, found in solver(todo) if solver else solve_all(todo, workers or cores()):
            if found is not None:
                known[job.hash] = found
            done += 1
            report(done, job, reason)
    finally:
        tidy(place)
        index = read_index(folder, known)
        write_index(folder, index)
    return index


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _job(point: Point, file: str, place: Path) -> Job:
    return Job(point.hash, point.settings, point.raw, file, place)


def _remove_halves(place: Path) -> None:
    """Remove temporary files of processes that are gone."""
    for path in place.glob(".*.tmp"):
        found = re.fullmatch(r"\..*\.(\d+)\.[0-9a-f]+\.tmp", path.name)
        if found and not _lives(int(found[1])):
            path.unlink(missing_ok=True)


def _remove_old_halves(place: Path) -> None:
    """Remove temporary files that are old: which processes live on other machines is not known here."""
    for path in place.glob(".*.tmp"):
        with suppress(FileNotFoundError):  # finished meanwhile
            if path.stat().st_mtime < time.time() - OLD:
                path.unlink()


def _lives(process: int) -> bool:
    """Whether there is a process of this number, which one of another user can be, too."""
    if os.name != "posix":  # there, a signal would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
