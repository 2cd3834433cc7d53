"""`miecsim run` and `miecsim check`: a case directory in, results, figures and a table out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from miecsim.case import Case, load_case
from miecsim.case.picture_data import Resolved
from miecsim.commands.folders import check_writable
from miecsim.commands.table import check_table, checked, experiment_notes, experiment_table, summary_tables
from miecsim.errors import CheckError, InputError
from miecsim.results import RunRecord, read_result


def run_command(directory: Path, overrides: list[str], out: Path | None, force: bool) -> None:
    """Solve the case and write everything to `out` (default DIR/results); CheckError where a check fails."""
    console = Console()
    case = load_case(directory, overrides)
    folder = out or _home(directory) / "results"
    done = _finished(folder, case, force)
    if done is not None:
        console.print(f"{folder / 'result.h5'} is up to date with this input (--force runs it again).")
        _report(console, done, overrides)
        _refuse_failed(done, case, overrides)
        return
    if force:
        _forget_others(folder, case)
    check_writable(folder)
    record = _solve(case, console, folder)
    from miecsim.commands.files import write_all

    started = time.perf_counter()
    written = write_all(record, folder)
    for path in _checkpoints(folder, case).values():
        path.unlink(missing_ok=True)
    _report(console, record, overrides)
    solved = record.timings["solve"]
    console.print(
        f"{len(written)} files in {folder}: solved in {solved:.2g} s, written in {time.perf_counter() - started:.2g} s."
    )
    _refuse_failed(record, case, overrides)


def _home(directory: Path) -> Path:
    return directory if directory.is_dir() else directory.parent


def _finished(folder: Path, case: Case, force: bool) -> RunRecord | None:
    """The record that is already there for this very input; InputError where it belongs to another."""
    path = folder / "result.h5"
    if force or not path.exists():
        return None
    try:
        found = read_result(path)
    except (InputError, OSError):
        raise InputError(f"{path}: not a result of miecsim; remove it, or choose another folder with --out") from None
    if found.input_hash != case.input_hash:
        raise InputError(
            f"{path}: holds the results of another input (or of the case before it was edited); "
            "--force overwrites them, --out DIR keeps both"
        )
    return found


def _checkpoints(folder: Path, case: Case) -> dict[str, Path]:
    """Where each experiment keeps how far it has come."""
    return {experiment.name: folder / f"{experiment.name}.checkpoint.npz" for experiment in case.experiments}


def _forget_others(folder: Path, case: Case) -> None:
    """Remove what interrupted runs of another input have left."""
    from miecsim.results.checkpoint import label_of

    for name, path in _checkpoints(folder, case).items():
        if path.exists() and label_of(path) != case.for_experiment(name).input_hash:
            path.unlink()


def _solve(case: Case, console: Console, folder: Path) -> RunRecord:
    from miecsim.run.run import run_case

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("grid", total=1.0)
        return run_case(case, lambda what, part: progress.update(task, description=what, completed=part), folder)


def _report(console: Console, record: RunRecord, overrides: list[str]) -> None:
    for table in summary_tables(record, console.width) if record.studies else ():
        console.print(table)
    for experiment in record.experiments:
        console.print(experiment_table(experiment))
        for note in experiment_notes(experiment):
            console.print(Text(f"- {note}"))
    if record.checks:
        console.print(check_table(record, [_binding(c, overrides) for c in record.checks]))


def _binding(check: Mapping[str, Any], overrides: list[str]) -> bool:
    """Whether a check must hold: with parameters overridden only the agreement with the closed form still must."""
    other_physics = any(not override.startswith("grid.") for override in overrides)
    return check["quantity"] == "reference_error" or not other_physics


def _refuse_failed(record: RunRecord, case: Case, overrides: list[str]) -> None:
    failed = [c for c in record.checks if not c["passed"] and _binding(c, overrides)]
    if failed:
        raise CheckError(
            "\n".join(
                f"{case.file}: {_whose(c)} is {_with_unit(c['read'], c['unit'])}, expected "
                f"{_with_unit(c['expected'], c['unit'])} within {c['tolerance']:g} (off by {c['error']:.2g})"
                for c in failed
            )
        )


def _whose(check: Mapping[str, Any]) -> str:
    """'study battery: R_ion', 'experiment steps: D_chem (textbook)'."""
    kind = "experiment" if "experiment" in check else "study"
    name, _, what = checked(check).partition(" ")
    return f"{kind} {name}: {what}"


def _with_unit(value: float, unit: str) -> str:
    return f"{value:.4g}" + ("" if unit in ("", "1") else f" {unit}")


def check_command(directory: Path, overrides: list[str]) -> None:
    """Read and describe a case."""
    console = Console()
    case = load_case(directory, overrides)
    from miecsim.run.build import system_of

    table = Table(title=case.title, title_justify="left")
    for column in ("study", "terminals", "frequencies", "nodes", "unknowns", "reference"):
        table.add_column(column)
    for study in case.studies:
        own = case.for_study(study.name)
        system = system_of(own, own.studies[0], None)
        f = study.frequency
        table.add_row(
            study.name,
            study.preset,
            f"{len(f)} from {max(f):.3g} to {min(f):.3g} Hz",
            str(system.nodes.n),
            str(system.nodes.n * system.n_fields),
            study.reference,
        )
    first = case.layers[0].material if case.layers else None
    parts, noun = (first.phases, "phase") if isinstance(first, Resolved) else (case.layers, "layer")
    count = len(parts)
    console.print(f"{case.file}: a valid {case.model} case of {count} {noun}{'' if count == 1 else 's'}")
    if case.studies:
        console.print(table)
    if case.experiments:
        console.print(_experiments(case))
    if case.sweep is not None:
        console.print(_swept(case))
    if case.fit is not None:
        free, data = len(case.fit.parameters), len(case.fit.data)
        console.print(f"fit: {free} free keys, {data} sets of data (miecsim fit)")


def _swept(case: Case) -> str:
    """What the sweep of a case consists of."""
    from miecsim.sweep.plan import points_of

    points = points_of(case)
    refused = sum(1 for point in points if point.refused)
    remark = f", {refused} of which cannot be read as a case" if refused else ""
    return f"sweep: {len(points)} points over {', '.join(points[0].settings)}{remark} (miecsim sweep)"


def _experiments(case: Case) -> Table:
    table = Table()
    for column in ("experiment", "technique", "terminals"):
        table.add_column(column)
    for experiment in case.experiments:
        table.add_row(experiment.name, experiment.technique, experiment.preset or "its own")
    return table
