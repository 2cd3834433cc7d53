"""Processes that solve the points of a sweep, one point at a time each, and outlive none of their parent's points."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from miecsim.sweep.found import Found, read
from miecsim.sweep.solve import Job, result_of, solve, write_failure

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TRIES = 2  # of a point whose worker is killed: what killed it may have been meant for another


class _Worker:
    """A spawned process, the pipe to it, and the job that it has."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.job: Job | None = None
        self.process.start()
        theirs.close()  # so that the death of either end is seen at the other

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def _serve(pipe: Connection) -> None:
    """Solve what comes through the pipe until nobody is at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C, and stops its workers
    try:
        pipe.send(None)
        while True:
            job = pipe.recv()
            reason = solve(job)
            pipe.send((reason, None if reason else read(result_of(job.folder, job.hash))))
    except (EOFError, OSError):
        return


def solve_all(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, str, Found | None]]:
    """Each job as it is finished, why it failed ("" where it was solved) and what its result says:
    to read thousands of results afterwards, in one process, would take longer than to solve some of them.

    A worker that dies is replaced, and its job is given to another; a job of which `TRIES` workers died has failed.
    """
    todo = list(reversed(jobs))
    deaths: dict[str, int] = {}
    staff: list[_Worker] = []
    try:
        with _one_thread():
            staff += [_Worker() for _ in range(min(workers, len(jobs)))]
        while staff:
            for pipe in wait([worker.pipe for worker in staff]):
                worker = next(worker for worker in staff if worker.pipe is pipe)
                try:
                    (reason, found), lost = worker.pipe.recv() or (None, None), False
                except (EOFError, OSError):
                    reason, found, lost = None, None, True
                job, worker.job = worker.job, None
                if lost:
                    reason = _bury(worker, job, todo, deaths)
                    staff.remove(worker)
                    if todo:
                        with _one_thread():
                            staff.append(_Worker())
                elif todo:
                    _give(worker, todo.pop())
                else:
                    staff.remove(worker)
                    worker.stop()
                if job is not None and reason is not None:
                    yield job, reason, found
    finally:
        for worker in staff:
            worker.stop()


def _give(worker: _Worker, job: Job) -> None:
    """Hand a job over; where the worker has died meanwhile, its pipe says so when it is read."""
    worker.job = job
    try:
        worker.pipe.send(job)
    except OSError:
        return


def _bury(worker: _Worker, job: Job | None, todo: list[Job], deaths: dict[str, int]) -> str | None:
    """What becomes of the job of a worker that died: None where it is tried again, else why it has failed."""
    worker.stop()
    name = "" if job is None else job.hash
    deaths[name] = deaths.get(name, 0) + 1
    if job is None:
        if deaths[name] > TRIES:
            raise RuntimeError(f"workers die before they begin (exit code {worker.process.exitcode})")
        return None
    if deaths[name] < TRIES:
        todo.append(job)
        return None
    return write_failure(
        job, f"the process that solved it was killed {TRIES} times (exit code {worker.process.exitcode})"
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started within have one thread each for linear algebra: there are as many of them as cores."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
