"""Columns of CSV files that a case names, put into the case as numbers, so that it is whole without its directory."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from miecsim.case.messages import Problems, join_key, nearest, one_of, sentence
from miecsim.case.table import Raw
from miecsim.units import quoted, shown

_MOST_BYTES = 10**7


def with_columns(raw: Raw, folder: Path, problems: Problems) -> Raw:
    """`raw` with every { table = "file.csv", x = "column", y = "column" } given the numbers of its columns.

    Files are looked for in `folder`, and not beyond it. What cannot be read goes to `problems`, one line each.
    """
    found: Raw = _filled(raw, "", folder, problems)
    return found


def _filled(node: Any, at: str, folder: Path, problems: Problems) -> Any:
    if isinstance(node, dict):
        out = {name: _filled(value, join_key(at, name), folder, problems) for name, value in node.items()}
        wanted = [name for name in ("x", "y") if isinstance(node.get(name), str)]
        if isinstance(node.get("table"), str) and wanted:
            columns = _columns(node["table"], join_key(at, "table"), folder, problems)
            for name in wanted if columns is not None else ():
                out[name] = _column(columns or {}, node[name], node["table"], join_key(at, name), problems)
        return out
    if isinstance(node, list):
        return [_filled(item, join_key(at, _label(item, i)), folder, problems) for i, item in enumerate(node)]
    return node


def _label(item: Any, index: int) -> str | int:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) and name else index


def _columns(name: str, at: str, folder: Path, problems: Problems) -> dict[str, list[str]] | None:
    """Texts of each column of a CSV file with a header line; lines that begin with # are remarks."""
    path = folder / name
    expected = f"a CSV file in {folder or '.'}"
    try:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            problems.add(at, f"{shown(name)} (outside the directory of the case)", "a CSV file beside the case")
            return None
        if path.stat().st_size > _MOST_BYTES:
            problems.add(at, f"{shown(name)} ({path.stat().st_size} bytes)", f"at most {_MOST_BYTES} bytes")
            return None
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        problems.add(at, f"{shown(name)}, which cannot be read", expected)
        return None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    if len(rows) < 2 or len(set(rows[0])) < len(rows[0]):
        problems.add(at, f"{shown(name)} without a header of different names and a line below it", expected)
        return None
    return {title: [row[i] if i < len(row) else "" for row in rows[1:]] for i, title in enumerate(rows[0])}


def _column(columns: dict[str, list[str]], title: str, file: str, at: str, problems: Problems) -> Any:
    if title not in columns:
        problems.add(at, shown(title), f"a column of {file}: {one_of(tuple(columns))}", nearest(title, columns))
        return title
    numbers = []
    for i, cell in enumerate(columns[title]):
        try:
            numbers.append(float(cell))
        except ValueError:
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]):
            problems.note(at, sentence(f"{quoted(cell, 20)} in row {i + 1} of {file}", "a finite number"))
            return title
    return numbers
