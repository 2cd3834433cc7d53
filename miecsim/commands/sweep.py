"""`miecsim sweep`: every point of a case's [sweep], on all cores or a cluster, and the index, figures and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from miecsim.case import load_case
from miecsim.case.load import Case
from miecsim.commands.folders import check_writable
from miecsim.errors import CheckError, InputError, InterruptedRunError, SolveError
from miecsim.sweep.cluster import Solver, on_dask
from miecsim.sweep.collect import collect
from miecsim.sweep.expand import LIST, SCRIPT, expand
from miecsim.sweep.index import DONE, FAILED, WAITING, Index
from miecsim.sweep.run import run_sweep
from miecsim.sweep.slurm import on_slurm, slurm_of
from miecsim.sweep.solve import Job

LOGS = "slurm"  # folder of what jobs say, beside the points


@dataclass(frozen=True)
class Options:
    """What `miecsim sweep` was asked beside the case; None and False where it was not."""

    out: Path | None = None
    workers: int | None = None
    expand: Path | None = None
    collect: Path | None = None
    dask: str | None = None
    slurm: str | None = None
    force: bool = False


def sweep_command(directory: Path, overrides: list[str], options: Options) -> None:
    """Solve the points that have no result yet; SolveError where points failed, CheckError where a check did."""
    console = Console()
    _refuse_conflicts(options)
    case = load_case(directory, overrides)
    if options.expand is not None:
        cases = expand(case, options.expand)
        console.print(f"{len(cases)} cases in {options.expand}, listed in {LIST}; {SCRIPT} runs them under SLURM.")
        return
    home = directory if directory.is_dir() else directory.parent
    folder = options.out or home / "results" / "sweep"
    check_writable(folder)
    if options.collect is not None:
        index, count = collect(case, options.collect, folder)
        console.print(
            f"{count} results of {options.collect} copied; {index.status.count(WAITING)} points have none yet."
        )
    else:
        with _solver(options, folder, console) as solver:
            index = _run(case, folder, options, solver, console)
    from miecsim.report.sweep_page import write_page

    page = write_page(folder, index)
    done = index.status.count(DONE)
    console.print(f"{done} of {len(index.status)} points done; index.csv and index.h5 in {folder}, figures in {page}.")
    refuse_failed(case, index)


def _refuse_conflicts(options: Options) -> None:
    """InputError where two options exclude each other."""
    where = {"--expand": options.expand, "--collect": options.collect, "--dask": options.dask, "--slurm": options.slurm}
    given = [name for name, value in where.items() if value is not None]
    if given and options.workers is not None:
        given.append("--workers")
    if options.force and given[:1] in (["--expand"], ["--collect"]):
        given.append("--force")
    if len(given) > 1:
        raise InputError(f"sweep: read {' and '.join(given)}; expected one of them")


@contextmanager
def _solver(options: Options, folder: Path, console: Console) -> Iterator[Solver | None]:
    """What solves the points on a cluster; None for the processes of this machine."""
    if options.dask is not None:
        with on_dask(options.dask) as solver:
            yield solver
    elif options.slurm is not None:
        logs = folder / LOGS
        with on_slurm(slurm_of(options.slurm), logs) as solver:
            console.print(f"Jobs wait in the queue of SLURM; what they say is in {logs}.")
            yield solver
    else:
        yield None


def _run(case: Case, folder: Path, options: Options, solver: Solver | None, console: Console) -> Index:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as progress:
        total = 1 if case.sweep is None else _count(case)
        task = progress.add_task("points", total=total)

        def tell(finished: int, job: Job | None, reason: str) -> None:
            progress.update(task, completed=finished)
            if job is not None and reason:
                progress.console.print(f"failed: {escape(_told(job.settings))}: {escape(reason)}", highlight=False)

        try:
            return run_sweep(case, folder, options.workers, tell, solver=solver, force=options.force)
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"{folder}: what is solved is kept, and the same command goes on from it"
            ) from None


def _count(case: Case) -> int:
    from miecsim.sweep.plan import settings_of

    return 0 if case.sweep is None else sum(1 for _ in settings_of(case.sweep))


def _told(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


def refuse_failed(case: Case, index: Index) -> None:
    """SolveError where points of the sweep failed; CheckError where one is too far from its closed form."""
    failed = [i for i, status in enumerate(index.status) if status == FAILED]
    if failed:
        settings = _told(index.plan.points[failed[0]][1])
        raise SolveError(
            f"{case.file}: {len(failed)} of {len(index.status)} points failed, the first at {settings}: "
            f"{index.reason[failed[0]].splitlines()[0]}"
        )
    unchecked = [i for i, count in enumerate(index.checks) if count]
    if unchecked:
        settings = _told(index.plan.points[unchecked[0]][1])
        raise CheckError(
            f"{case.file}: {len(unchecked)} of {len(index.status)} points are further from their closed form than the "
            f"case allows, the first at {settings}"
        )
