"""`miecsim sweep`: every point of a case's [sweep], on all cores, and the index, figures and page of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from miecsim.case import load_case
from miecsim.case.load import Case
from miecsim.errors import CheckError, InterruptedRunError, SolveError
from miecsim.sweep.expand import LIST, SCRIPT, expand
from miecsim.sweep.index import DONE, FAILED, Index
from miecsim.sweep.run import run_sweep
from miecsim.sweep.solve import Job


def sweep_command(
    directory: Path, overrides: list[str], out: Path | None, workers: int | None, cases: Path | None
) -> None:
    """Solve the points that have no result yet; SolveError where points failed, CheckError where a check did."""
    console = Console()
    case = load_case(directory, overrides)
    if cases is not None:
        found = expand(case, cases)
        console.print(f"{len(found)} cases in {cases}, listed in {LIST}; {SCRIPT} runs them under SLURM.")
        return
    home = directory if directory.is_dir() else directory.parent
    folder = out or home / "results" / "sweep"
    index = _run(case, folder, workers, console)
    from miecsim.report.sweep_page import write_page

    page = write_page(folder, index)
    done = index.status.count(DONE)
    console.print(f"{done} of {len(index.status)} points done; index.csv and index.h5 in {folder}, figures in {page}.")
    refuse_failed(case, index)


def _run(case: Case, folder: Path, workers: int | None, console: Console) -> Index:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as progress:
        total = 1 if case.sweep is None else _count(case)
        task = progress.add_task("points", total=total)

        def tell(finished: int, job: Job | None, reason: str) -> None:
            progress.update(task, completed=finished)
            if job is not None and reason:
                progress.console.print(f"failed: {escape(_told(job.settings))}: {escape(reason)}", highlight=False)

        try:
            return run_sweep(case, folder, workers, tell)
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
