"""The tables that a run prints: headline figures with units, and the checks of the case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from miecsim.results import ExperimentRecord, Quantity, RunRecord, StudyRecord
from miecsim.techniques.record import Compared
from miecsim.units import format_quantity

# Order and reading of the figures; what is not listed follows in its own order.
NAMES = {
    "sigma_ion": "ionic conductivity",
    "sigma_eon": "electronic conductivity",
    "transference_number_ion": "sigma_ion / sum",
    "transference_number_eon": "sigma_eon / sum",
    "sigma_amb": "ambipolar conductivity",
    "chemical_capacitance": "per volume",
    "D_chem": "chemical diffusion",
    "debye_length": "",
    "R_ion": "ion rail, L/(sigma A)",
    "R_eon": "electron rail, L/(sigma A)",
    "R_high": "high-frequency intercept",
    "R_low": "low-frequency intercept",
    "C_low": "low-frequency capacitance",
    "R_dc": "DC resistance",
    "shortcut_ratio": "3 (R_low - R_high) / R_ion",
    "reference_error": "against the closed form",
    "R_ct": "particles in parallel, RT/(F i0 a L A)",
    "R_total": "all, diffusion included",
    "potential": "open circuit, against lithium",
    "open_circuit_voltage": "",
    "capacity": "",
    "area_density": "of the particles, per volume",
    "stoichiometry": "at rest",
    "diffusion_time": "a^2/D",
    "voltage": "of the terminal, operating point",
    "current": "into the cell, operating point",
}


_GAP = 3  # characters between columns
# With more studies side by side the table needs its width for figures.
MOST_WITH_MEANING = 2
# With more figures of one experiment those of one analysis (of every pulse, say) are put together.
MOST_ROWS = 12
# Errors from here on are told as a ratio.
MANYFOLD = 10.0
# What is compared with what: a method's reading with the truth of the model; a protocol's record with the steady state,
# the cell at rest, or what passed the other terminals.
HEADINGS = {"protocol": ("in time", "compared with")}


def summary_tables(record: RunRecord, width: int) -> list[Table]:
    """One row per figure, one column per study; more tables below each other where the studies do not fit into `width`
    characters, each without the figures that none of its studies has."""
    names = sorted(dict.fromkeys(name for study in record.studies for name in study.summary), key=_rank)
    left = width - _GAP - max((len(name) for name in names), default=0)
    tables: list[Table] = []
    for group in _groups(record.studies, names, left):
        title = None if tables else record.title
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("figure", no_wrap=True)
        for study in group:
            table.add_column(study.name, justify="right", no_wrap=True)
        few = len(record.studies) <= MOST_WITH_MEANING
        if few:
            table.add_column("meaning", style="dim", overflow="fold")
        for name in (name for name in names if any(name in study.summary for study in group)):
            cells = [_cell(study.summary.get(name)) for study in group]
            table.add_row(name, *cells, *([_meaning(name, record)] if few else []))
        tables.append(table)
    return tables


def _groups(studies: Sequence[StudyRecord], names: Sequence[str], width: int) -> list[list[StudyRecord]]:
    """Neighbouring studies whose columns fit side by side into `width` characters; at least one in each group."""
    groups: list[list[StudyRecord]] = []
    left = 0
    for study in studies:
        column = _GAP + max(len(text) for text in (study.name, *(_cell(study.summary.get(name)) for name in names)))
        if not groups or column > left:
            groups.append([])
            left = width
        groups[-1].append(study)
        left -= column
    return groups


def _rank(name: str) -> tuple[int, str]:
    order = list(NAMES)
    stem, _, layer = name.partition(".")
    return (order.index(stem) if stem in order else len(order), layer)


def _meaning(name: str, record: RunRecord) -> str:
    """What a figure is; where it was read, if that is the same in all studies."""
    notes = {study.summary[name].note for study in record.studies if name in study.summary} - {""}
    return notes.pop() if len(notes) == 1 else NAMES.get(name.partition(".")[0], "")


def _cell(quantity: Quantity | None, digits: int = 3) -> str:
    if quantity is None or quantity.value != quantity.value:
        return "-"
    if quantity.unit == "1":
        return f"{quantity.value:.{digits}g}"
    return format_quantity(quantity.value, quantity.unit.replace(" ", "*"), digits)


def check_table(record: RunRecord, binding: Sequence[bool]) -> Table:
    """Each figure that the case expects, what was read and whether it is within its tolerance.

    A check that is not binding (its parameters were overridden) has changed, not failed.
    """
    table = Table(
        title="Checks of the case", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in ("", "check", "read", "expected", "error (allowed)"):
        table.add_column(column, justify="left" if column in ("", "check") else "right", no_wrap=column != "check")
    for c, must in zip(record.checks, binding, strict=True):
        unit = "1" if c["unit"] in ("", "-", "1") else c["unit"]
        table.add_row(
            "ok" if c["passed"] else "FAILED" if must else "changed",
            checked(c),
            _cell(Quantity(c["read"], unit), 5),
            _cell(Quantity(c["expected"], unit), 5),
            f"{c['error']:.1g} ({c['tolerance']:g})",
        )
    return table


def checked(check: Mapping[str, Any]) -> str:
    """What a check is of: 'battery R_ion', 'steps D_chem (textbook, Cottrell slope)'."""
    name = check["experiment"] if "experiment" in check else check["study"]
    ways = ", ".join(word for word in (check.get("of", ""), check.get("how", "")) if word)
    return f"{name} {check['quantity']}" + (f" ({ways})" if ways else "")


def experiment_table(experiment: ExperimentRecord) -> Table:
    """What the textbook's analysis of an experiment reads beside what is true of the model; of a protocol, what it gave
    in time beside what that is compared with.

    Where more than MOST_ROWS figures are compared, those of one analysis share a row with their ranges, the two ends
    of each below one another.
    """
    title = f"Experiment {experiment.name}: {experiment.record.technique}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("quantity", min_width=_longest(one.quantity for one in experiment.record.compared))
    for column in (*HEADINGS.get(experiment.record.technique, ("textbook", "true")), "error"):
        table.add_column(column, justify="right", no_wrap=True)
    compared = experiment.record.compared
    table.add_column("how", style="dim", overflow="fold", min_width=_longest(one.how for one in compared))
    together = len(compared) > MOST_ROWS
    rows: dict[tuple[str, str], list[Compared]] = {}
    for one in compared:
        rows.setdefault((one.quantity, one.how.rpartition(", ")[0] or one.how if together else one.how), []).append(one)
    for row in rows.values():
        unit = "1" if row[0].unit == "-" else row[0].unit
        columns = ([one.textbook for one in row], [one.true for one in row])
        values = [_range([_cell(Quantity(value, unit), 4) for value in _ends(column)]) for column in columns]
        error = _range([_error(one) for one in _worst(row)])
        last = row[-1].how.rpartition(", ")[2]
        table.add_row(row[0].quantity, *values, error, row[0].how if len(row) == 1 else f"{row[0].how} to {last}")
    return table


def _longest(texts: Iterable[str]) -> int:
    """Length of the longest word."""
    return max((len(word) for text in texts for word in text.split()), default=0)


def _ends(values: Sequence[float]) -> list[float]:
    """The smallest and the largest of those that could be read."""
    known = [value for value in values if value == value] or list(values)
    return [min(known), max(known)]


def _worst(row: Sequence[Compared]) -> list[Compared]:
    """The comparisons of the smallest and of the largest error among those that could be read."""
    known = [one for one in row if one.error == one.error] or list(row)
    return [min(known, key=lambda one: one.error), max(known, key=lambda one: one.error)]


def _range(ends: Sequence[str]) -> str:
    """Both ends on a line of its own each, the unit of the first left out where it is that of the last."""
    first, last = ends
    if first == last:
        return first
    value, _, unit = first.partition(" ")
    return f"{value if unit == last.partition(' ')[2] else first} to\n{last}"


def _error(one: Compared) -> str:
    """In per cent of the true value; from MANYFOLD on as the ratio to it. '-' where nothing is read, or true."""
    share = one.error
    if share != share or one.true == 0:
        return "-"
    return f"{1 + share:.3g} times" if share >= MANYFOLD else f"{100 * share:+.3g} %"


def experiment_notes(experiment: ExperimentRecord) -> list[str]:
    """The remarks on an experiment, and its conservation of charge where something was stepped in time."""
    lost = experiment.record.conservation
    kept = [f"charge lost over charge passed: {lost:.1e}"] if lost else []
    return [*experiment.record.remarks, *kept]
