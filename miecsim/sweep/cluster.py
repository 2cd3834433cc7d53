"""The points of a sweep solved by workers of Dask, on other machines too: all of them see the folder of the sweep."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from miecsim.errors import InputError, InterruptedRunError
from miecsim.sweep.found import Found, read
from miecsim.sweep.solve import Job, result_of, solve, write_failure

Solver = Callable[[Sequence[Job]], Iterator[tuple[Job, str, Found | None]]]

IN_FLIGHT = 1000  # points that the scheduler knows at a time
PATIENCE = 15.0  # s, until a scheduler must have answered
_ALONE = threading.Lock()


@contextmanager
def on_dask(address: str) -> Iterator[Solver]:
    """What solves points on the workers of a running scheduler: `tcp://host:8786`, or the file that it wrote.

    Raises InputError where Dask is not installed, nothing answers, or a worker has more than one thread.
    """
    distributed = needed("distributed", "--dask")
    with quiet():
        found = _answering(address)
        with distributed.Client(found, timeout=PATIENCE, set_as_default=False) as client:
            threads = max(client.nthreads().values(), default=1)
            if threads > 1:
                raise InputError(
                    f"--dask: read workers of {threads} threads at {address}; expected one each, as "
                    "`dask worker ADDRESS --nworkers N --nthreads 1` starts them"
                )
            yield partial(solve_all, client)


def _answering(address: str) -> str:
    """The address of a scheduler that answers. It is asked before there is a client, as a client that finds nobody
    holds the program up when it ends."""
    import asyncio

    from distributed.comm import connect
    from distributed.security import Security

    where = address if "://" in address else _in_file(Path(address))

    async def knock() -> None:
        comm = await connect(where, timeout=PATIENCE, **Security().get_connection_args("client"))
        await comm.close()

    try:
        asyncio.run(knock())
    except (OSError, ValueError, TypeError) as error:
        problem = str(error) or type(error).__name__
        raise InputError(f"--dask: no scheduler answers at {where} ({problem.splitlines()[0]})") from None
    return where


def _in_file(path: Path) -> str:
    """The address in the file that a scheduler wrote."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        expected = "the address of a scheduler, as tcp://host:8786, or the file that it wrote"
        raise InputError(f"--dask: read {path}; expected {expected}") from None


def solve_all(client: Any, jobs: Sequence[Job]) -> Iterator[tuple[Job, str, Found | None]]:
    """Each job as a worker of `client` (distributed.Client) has finished it, as `workers.solve_all` tells it.

    Dask gives the job of a worker that dies to another, and gives it up after some deaths (`allowed-failures` of its
    scheduler). Jobs that only waited beside the one that killed the worker are given up as well: so each of these is
    tried a second time, alone, and has failed if it is given up again.

    Raises InterruptedRunError where the scheduler is gone.
    """
    from distributed import KilledWorker

    given_up: list[Job] = []
    for job, outcome in _finished(client, jobs):
        if isinstance(outcome, KilledWorker):
            given_up.append(job)
        else:
            yield job, *_told(job, outcome)
    for job in given_up:
        for _, outcome in _finished(client, [job]):
            if isinstance(outcome, KilledWorker):
                deaths = 2 * (outcome.allowed_failures + 1)
                outcome = InputError(f"the processes that were to solve it were killed {deaths} times")
            yield job, *_told(job, outcome)


def _finished(client: Any, jobs: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
    """Each job with what `_solve_there` made of it, or the exception that ended it."""
    from distributed import as_completed

    waiting, owner = iter(jobs), {}

    def submit(count: int) -> list[Any]:
        futures = []
        for job in islice(waiting, count):
            future = client.submit(_solve_there, _packed(job), pure=False)
            owner[future.key] = job
            futures.append(future)
        return futures

    running = as_completed(submit(IN_FLIGHT), loop=client.loop, with_results=True, raise_errors=False)
    for future, result in running:
        running.update(submit(1))
        if future.status not in ("finished", "error"):
            raise InterruptedRunError(
                "the scheduler is gone; what is solved is kept, and the same command goes on from it"
            )
        yield owner.pop(future.key), result[1] if future.status == "error" else result


def _packed(job: Job) -> bytes:
    """A job for another machine, where nothing is found by paths that begin in the directory of this process; in bytes,
    as Dask looks for its own keys in everything else."""
    return pickle.dumps(replace(job, file=str(Path(job.file).resolve()), folder=job.folder.resolve()))


def _solve_there(packed: bytes) -> tuple[str, Found | None]:
    """Why the job failed ("" where it was solved) and what its result says: runs on a worker.

    One at a time: a worker of several threads that came later shares one linear algebra among them.
    """
    job: Job = pickle.loads(packed)
    if not job.folder.is_dir():
        raise InputError(
            f"the worker on {socket.gethostname()} does not see {job.folder}; expected a folder that all machines share"
        )
    with _ALONE:
        reason = solve(job)
    return reason, None if reason else read(result_of(job.folder, job.hash))


def _told(job: Job, outcome: Any) -> tuple[str, Found | None]:
    """What a worker said; where an exception came instead, it is left as the reason for which the job failed."""
    if not isinstance(outcome, BaseException):
        reason, found = outcome
        return reason, found
    reason = str(outcome) if isinstance(outcome, InputError) else f"internal error: {type(outcome).__name__}: {outcome}"
    return write_failure(job, reason), None


def needed(package: str, option: str) -> Any:
    """The package that an option needs. Raises InputError where it is not installed."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f'{option}: {package} is not installed; pip install "miecsim[hpc]" brings it') from None


@contextmanager
def quiet() -> Iterator[None]:
    """Dask tells on stderr of each worker that is lost, which here is no news; its loggers have a level each."""
    every = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = [logger.level for logger in every]
    for logger in every:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(every, before, strict=True):
            logger.setLevel(level)
