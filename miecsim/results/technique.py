"""The records of experiments in result.h5, written and read back without loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.results.hdf5 import group_in, put, scale
from miecsim.results.records import ExperimentRecord
from miecsim.techniques.record import Compared, TechniqueRecord
from miecsim.typing import Array

RESERVED = ("compared", "conservation", "remarks")  # names beside the tables


def check_experiment(experiment: ExperimentRecord) -> None:
    """Raise InputError, naming experiment and table, unless the columns of each table have one length, its name is not
    one of RESERVED, and all figures of one quantity have one unit."""
    where = f"experiment {experiment.name}"
    for name, table in experiment.record.tables.items():
        if name in RESERVED or "/" in name:
            raise InputError(f"{where}: a table called {name!r}, expected a name without / that is none of {RESERVED}")
        shapes = {column: values.shape for column, (values, _) in table.items()}
        if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise InputError(f"{where}: table {name} has columns of the shapes {shapes}, expected one length")
    units: dict[str, str] = {}
    for one in experiment.record.compared:
        if units.setdefault(one.quantity, one.unit) != one.unit:
            raise InputError(f"{where}: {one.quantity} in {units[one.quantity]} and in {one.unit}, expected one unit")


def write_experiment(group: Any, experiment: ExperimentRecord) -> None:
    """Fill `group`. The first column of a table is the coordinate of the others."""
    record = experiment.record
    group.attrs["technique"] = experiment.technique
    group.attrs["title"] = record.technique
    put(group, "conservation", record.conservation)
    scale(group, "remarks", np.array(record.remarks, dtype=object))
    for name, table in record.tables.items():
        inside, along = group_in(group, name), list[Any]()
        for column, (values, unit) in table.items():
            if along:
                put(inside, column, values, unit, along)
            else:
                along = [scale(inside, column, values, unit)]
    compared = group_in(group, "compared")
    for quantity in dict.fromkeys(one.quantity for one in record.compared):
        rows = [(i, one) for i, one in enumerate(record.compared) if one.quantity == quantity]
        inside = group_in(compared, quantity.replace("/", ":"))  # a slash would open a group
        inside.attrs["quantity"] = quantity
        _write_compared(inside, rows)


def _write_compared(group: Any, rows: list[tuple[int, Compared]]) -> None:
    unit = rows[0][1].unit
    row = [scale(group, "row", [i for i, _ in rows])]
    put(group, "textbook", [one.textbook for _, one in rows], unit, row)
    put(group, "true", [one.true for _, one in rows], unit, row)
    put(group, "error", [one.error for _, one in rows], "1", row)
    put(group, "how", [one.how for _, one in rows], "1", row)


def read_experiments(group: Any) -> tuple[ExperimentRecord, ...]:
    """The experiments under /technique, in their order."""
    return tuple(_experiment(name, group[name]) for name in group)


def _experiment(name: str, group: Any) -> ExperimentRecord:
    tables = {
        table: {column: (_column(values), str(values.attrs["units"])) for column, values in inside.items()}
        for table, inside in group.items()
        if table not in RESERVED
    }
    found = [one for inside in group["compared"].values() for one in _compared(inside)]
    compared = tuple(one for _, one in sorted(found, key=lambda item: item[0]))
    remarks = tuple(group["remarks"].asstr()[()])
    record = TechniqueRecord(str(group.attrs["title"]), tables, compared, remarks, float(group["conservation"][()]))
    return ExperimentRecord(name, str(group.attrs["technique"]), record)


def _column(dataset: Any) -> Array:
    return np.asarray(dataset[()])


def _compared(group: Any) -> list[tuple[int, Compared]]:
    quantity = str(group.attrs["quantity"])
    unit, how = str(group["textbook"].attrs["units"]), group["how"].asstr()[()]
    figures = zip(group["row"][()], group["textbook"][()], group["true"][()], how, strict=True)
    return [(int(i), Compared(quantity, float(t), float(true), unit, str(way))) for i, t, true, way in figures]
