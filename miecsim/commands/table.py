"""The tables that a run prints: headline figures with units, and the checks of the case."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from miecsim.results import Quantity, RunRecord
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
}


# With more studies side by side the table needs its width for figures.
MOST_WITH_MEANING = 2


def summary_table(record: RunRecord) -> Table:
    """One row per figure, one column per study."""
    table = Table(title=record.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure", no_wrap=True)
    for study in record.studies:
        table.add_column(study.name, justify="right", no_wrap=True)
    few = len(record.studies) <= MOST_WITH_MEANING
    if few:
        table.add_column("meaning", style="dim", overflow="fold")
    names = list(dict.fromkeys(name for study in record.studies for name in study.summary))
    for name in sorted(names, key=_rank):
        cells = [_cell(study.summary.get(name)) for study in record.studies]
        table.add_row(name, *cells, *([_meaning(name, record)] if few else []))
    return table


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
    table = Table(title="Checks of the case", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("", "check", "read", "expected", "error (allowed)"):
        table.add_column(column, justify="left" if column in ("", "check") else "right", no_wrap=column != "check")
    for c, must in zip(record.checks, binding, strict=True):
        unit = "1" if c["unit"] in ("", "1") else c["unit"]
        table.add_row(
            "ok" if c["passed"] else "FAILED" if must else "changed",
            f"{c['study']} {c['quantity']}",
            _cell(Quantity(c["read"], unit), 5),
            _cell(Quantity(c["expected"], unit), 5),
            f"{c['error']:.1g} ({c['tolerance']:g})",
        )
    return table
