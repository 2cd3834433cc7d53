"""The tables that a run prints."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import synthetic_result as synthetic
from rich.console import Console
from rich.table import Table

from miecsim.commands.table import experiment_table, summary_tables
from miecsim.results import ExperimentRecord, Quantity
from miecsim.techniques.record import Compared, TechniqueRecord


def test_a_long_record_is_told_by_its_analyses() -> None:
    """Twenty pulses read in two ways, one of them not at all in pulse 3: two rows, with the range of each."""
    D, pairs = 1.1e-13, list[Compared]()
    for k, slope in enumerate(np.linspace(1e-13, 0.8e-13, 20), 1):
        pairs.append(Compared("D", slope, D, "m^2/s", f"slope, pulse {k}"))
        pairs.append(Compared("D", float("nan") if k == 3 else D, D, "m^2/s", f"fit, pulse {k}"))
    assert [cells(table_of(pairs))[column][0] for column in range(5)] == [
        *("D", "8e-14 to\n1e-13 m^2/s", "1.1e-13 m^2/s", "-27.3 to\n-9.09 %", "slope, pulse 1 to pulse 20"),
    ]
    assert cells(table_of(pairs))[3] == ["-27.3 to\n-9.09 %", "+0 %"]
    assert cells(table_of(pairs[4:6]))[3:] == [["-11 %", "-"], ["slope, pulse 3", "fit, pulse 3"]]


def test_ends_of_a_range_keep_units_that_differ_and_large_errors_are_ratios() -> None:
    pairs = [Compared("R", R, 2.0, "ohm", f"arc, reading {k}") for k, R in enumerate((0.5, 4.2e3, *[2.0] * 11), 1)]
    assert [cells(table_of(pairs))[column][0] for column in (1, 3)] == [
        "500 mohm to\n4.2 kohm",
        "-75 % to\n2.1e+03 times",
    ]
    one = Compared("voltage", 1.8e-3, 0.0, "V", "rest")  # nothing is true: no share of it
    assert cells(table_of([one]))[3] == ["-"]


def test_tables_are_whole_at_eighty_columns() -> None:
    """Long names, long units and ranges on the one hand, many studies on the other: nothing is cut off or broken."""
    compared = [
        Compared(name, 1.2345e-5 * k, 6.789e-5 * (k + 20), "mol/(m^2 s)", f"Wagner's integral, reading {k}")
        for name in ("characteristic thickness", "open-circuit voltage")
        for k in range(1, 11)
    ]
    text = printed(table_of(compared))
    whole = {"characteristic", "thickness", "open-circuit", "umol/(m^2*s)", "Wagner's", "integral,", "reading"}
    assert whole <= set(text.split())
    studies = tuple(
        replace(synthetic.run().studies[0], name=f"electrons_{k}_times_as_fast_as_ions") for k in range(1, 8)
    )
    tables = summary_tables(replace(synthetic.run(), studies=studies), 80)
    assert len(tables) == 4 and [table.title is None for table in tables] == [False, True, True, True]
    shown = "".join(printed(table) for table in tables)
    assert all(study.name in shown for study in studies)
    one = summary_tables(replace(synthetic.run(), studies=studies), 400)
    assert len(one) == 1 and len(one[0].columns) == 8


def test_a_table_leaves_out_what_none_of_its_studies_has() -> None:
    """A figure of the last of seven studies stands in the last table alone, with a dash for what that lacks."""
    study = synthetic.run().studies[0]
    studies = [replace(study, name=f"electrons_{k}_times_as_fast_as_ions") for k in range(1, 8)]
    studies[-1] = replace(studies[-1], summary={"capacity": Quantity(3.1, "A h")})
    *others, last = summary_tables(replace(synthetic.run(), studies=tuple(studies)), 80)
    assert all("capacity" not in cells(table)[0] for table in others)
    assert all(cells(table)[0] == cells(others[0])[0] != [] for table in others)
    assert [row[-1] for row in cells(last)[:1]] == ["capacity"] and "3.1" in cells(last)[-1][-1]


def test_a_protocol_has_no_textbook() -> None:
    pairs = [Compared("voltage", 1.8e-3, 1.7e-3, "V", "hold, step 1")]
    table = experiment_table(ExperimentRecord("a", "run", TechniqueRecord("protocol", {}, tuple(pairs))))
    assert [column.header for column in table.columns] == ["quantity", "in time", "compared with", "error", "how"]
    assert [column.header for column in table_of(pairs).columns][1:3] == ["textbook", "true"]


def printed(table: Table) -> str:
    """As a terminal of 80 columns shows it."""
    console = Console(width=80, file=io.StringIO())
    console.print(table)
    text = console.file.getvalue()
    assert "…" not in text and max(len(line) for line in text.splitlines()) <= 80
    return text


def table_of(compared: list[Compared]) -> Table:
    return experiment_table(ExperimentRecord("a", "gitt", TechniqueRecord("gitt", {}, tuple(compared))))


def cells(table: Table) -> list[list[str]]:
    return [[str(cell) for cell in column.cells] for column in table.columns]
