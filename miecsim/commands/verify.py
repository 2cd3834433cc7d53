"""`miecsim verify`: run the proofs, print them as a table, write them as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from miecsim.errors import CheckError, InputError
from miecsim.results.atomic import atomic
from miecsim.results.provenance import software_versions
from miecsim.verify.proof import Proof, Row, Settings
from miecsim.verify.run import FAMILIES, proofs_of, run_proofs, select

WIDE = 110  # columns that the table needs


def verify_command(
    families: Sequence[str], quick: bool, cells: int | None, json_file: Path | None, html_file: Path | None
) -> None:
    """Run the proofs of `families` (all if none is named); CheckError, after every file is written, if one fails."""
    chosen = select(families)
    settings = Settings(quick) if cells is None else Settings(quick, cells)
    for option, file in (("--json", json_file), ("--html", html_file)):
        if file is not None and file.is_dir():
            raise InputError(f"{option}: {file} is a directory; name a file in it")
    console = Console()
    skipped: list[tuple[str, str]] = []
    rows = _run(proofs_of(chosen, settings), skipped, console)
    for family in chosen:
        own = [row for row in rows if row.family == family]
        if own:
            console.print((proof_table if console.width >= WIDE else proof_list)(FAMILIES[family], own))
    if json_file is not None:
        _write(json_file, json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False) + "\n", console)
    if html_file is not None:
        _write(html_file, _page(rows, skipped, settings), console)
    for name, reason in skipped:
        console.print(Text(f"not run: {name}: {reason}"))
    held = sum(row.passed for row in rows)
    console.print(f"{held} of {len(rows)} proofs hold, in {sum(row.seconds for row in rows):.3g} s.")
    _refuse_failed(rows)


def _run(proofs: Sequence[Proof], skipped: list[tuple[str, str]], console: Console) -> list[Row]:
    rows = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("proofs", total=len(proofs))
        for proof, row in run_proofs(proofs, lambda proof, why: skipped.append((proof.id, why))):
            progress.update(task, advance=1, description=proof.family)
            if row is not None:
                rows.append(row)
    return rows


def proof_table(title: str, rows: Sequence[Row]) -> Table:
    """One row per proof with its equation and source below it; misprinted figures in a column of their own."""
    printed = any(row.printed is not None for row in rows)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("proof, equation, source", overflow="fold", ratio=1)
    for heading in ("read", "should be", *(["as printed"] if printed else []), "error (allowed)", "order"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        what = Text(row.title)
        what.append(f"\n{row.equation}\n{row.source}", style="dim")
        if not row.passed:
            what.append(f"\n{row.id}: {row.note}")
        table.add_row(
            "ok" if row.passed else "FAILED",
            what,
            f"{_figure(row.value)} {'' if row.unit == '1' else row.unit}".rstrip(),
            _figure(row.reference),
            *([_figure(row.printed)] if printed else []),
            f"{_figure(row.error, 2)} ({row.tolerance:.0e})",
            _figure(row.order, 4),
        )
    return table


def proof_list(title: str, rows: Sequence[Row]) -> Text:
    """The same for a narrow terminal: the figures of each proof below its equation and source."""
    out = Text(f"\n{title}\n")
    for row in rows:
        out.append(f"\n {'ok  ' if row.passed else 'FAILED'} {row.title}\n")
        out.append(f"      {row.equation}\n      {row.source}\n", style="dim")
        unit = "" if row.unit == "1" else f" {row.unit}"
        figures = f"      {_figure(row.value)}{unit}, should be {_figure(row.reference)}"
        figures += "" if row.printed is None else f", as printed {_figure(row.printed)}"
        figures += f"\n      error {_figure(row.error, 2)} ({row.tolerance:.0e} allowed)"
        out.append(figures + ("" if row.order is None else f"; order {row.order:.4g}") + "\n")
        if not row.passed:
            out.append(f"      {row.id}: {row.note}\n")
    return out


def _figure(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _page(rows: Sequence[Row], skipped: Sequence[tuple[str, str]], settings: Settings) -> str:
    from miecsim.report.verify_page import verify_page

    work = f"{settings.cells} cells per layer in ladders and in the coarsest of the refined meshes."
    return verify_page(
        rows,
        FAMILIES,
        skipped=skipped,
        versions=software_versions(),
        settings=("Quick run: " if settings.quick else "") + work,
    )


def _write(file: Path, text: str, console: Console) -> None:
    with atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    console.print(Text(f"written: {file}"))


def _refuse_failed(rows: Sequence[Row]) -> None:
    lines = [
        f"{row.id}: {row.note}"
        if row.error is None
        else f"{row.id}: error {row.error:.2g}, allowed {row.tolerance:g}" + _order(row)
        for row in rows
        if not row.passed
    ]
    if lines:
        raise CheckError("\n".join(lines))


def _order(row: Row) -> str:
    return "" if row.order is None else f"; order of convergence {row.order:.3g}"
