"""`miecsim fit`: a case fitted to measured spectra; a record, a fitted case, figures, a page and a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from miecsim.case import load_case
from miecsim.commands.folders import check_writable
from miecsim.errors import InputError
from miecsim.fitting.record import FitRecord
from miecsim.fitting.run import Job, prepare, run_fit
from miecsim.fitting.store import read_fit, write_fit, write_summary
from miecsim.report.fit_words import agreement_rows, further_lines, statements, value_cells

NAME = 28  # characters of a parameter on one line of the table
RESULT, SUMMARY, FITTED = "fit.h5", "fit.json", "fitted_case.toml"


def fit_command(directory: Path, given: Sequence[str], overrides: list[str], out: Path | None, force: bool) -> None:
    """Fit the case to its data and write everything to `out` (default DIR/results/fit)."""
    console = Console()
    case = load_case(directory, overrides)
    job = prepare(case, given)
    home = directory if directory.is_dir() else directory.parent
    folder = out or home / "results" / "fit"
    check_writable(folder)
    done = _finished(folder, job, force)
    if done is not None:
        console.print(f"{folder / RESULT} is up to date with this input and these data (--force fits again).")
        report(console, done)
        return
    record = _solve(job, console)
    page = write_all(job, record, folder)
    report(console, record)
    seconds = sum(record.timings.values())
    console.print(f"{RESULT}, {SUMMARY} and {FITTED} in {folder}, figures in {page}; fitted in {seconds:.2g} s.")


def write_all(job: Job, record: FitRecord, folder: Path) -> Path:
    """The result, the summary, the case with the values of the fit, the figures and the page; returns its path."""
    from miecsim.fitting.fitted_case import fitted_case
    from miecsim.report.fit_page import write_page
    from miecsim.results import atomic

    folder.mkdir(parents=True, exist_ok=True)
    write_fit(folder / RESULT, record)
    write_summary(folder / SUMMARY, record)
    text = fitted_case(job.case, job.seats, [p.value for p in record.parameters], [one.of for one in job.loaded])
    with atomic(folder / FITTED) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return write_page(folder, record)


def _finished(folder: Path, job: Job, force: bool) -> FitRecord | None:
    """The record that is already there for this very input and data, unless it was interrupted; InputError where it
    belongs to others."""
    path = folder / RESULT
    if force or not path.exists():
        return None
    try:
        found = read_fit(path)
    except (InputError, OSError):
        raise InputError(f"{path}: not a fit of miecsim; remove it, or choose another folder with --out") from None
    if found.input_hash != job.input_hash:
        raise InputError(
            f"{path}: holds the fit of another input or of other data (or of files before they were edited); "
            "--force overwrites it, --out DIR keeps both"
        )
    return None if found.interrupted else found


def _solve(job: Job, console: Console) -> FitRecord:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("grid", total=1.0)
        return run_fit(job, lambda what, part: progress.update(task, description=what, completed=part))


# ---- what is printed ----


def report(console: Console, record: FitRecord) -> None:
    """The table of values, how well each spectrum is explained, what is not identified, and what would tell more."""
    console.print(value_table(record))
    console.print(agreement_table(record))
    for line in statements(record):
        console.print(Text(f"- {line}"))
    further = further_lines(record)
    if further:
        console.print("Further experiments:")
    for line in further:
        console.print(Text(f"- {line}"))


def value_table(record: FitRecord) -> Table:
    """Each parameter with its standard error and 95 % limits, or that it is not identified."""
    table = Table(title=record.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("parameter", no_wrap=True)
    for column in ("value", "± (1 σ)", "95 %"):
        table.add_column(column, justify="right")
    for p in record.parameters:
        table.add_row(escape(folded(p.name)), *value_cells(p))
    return table


def folded(name: str) -> str:
    """A dotted key on lines of at most NAME characters, broken behind dots."""
    lines = [""]
    for part in re.findall(r"[^. ]+[. ]?", name.removeprefix("layer.")):
        if len(lines[-1]) + len(part) > NAME and lines[-1]:
            lines.append("  ")
        lines[-1] += part
    return "\n".join(lines)


def agreement_table(record: FitRecord) -> Table:
    """How far the continuum, and each circuit, is from each of the data."""
    table = Table(
        title="Residuals, of |Z|", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("data")
    table.add_column("model")
    for column in ("values", "rms", "largest", "at"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("kind")
    for row in agreement_rows(record):
        table.add_row(*row)
    return table
