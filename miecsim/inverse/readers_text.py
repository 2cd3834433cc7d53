"""Text of an instrument file, its tables as cells with line numbers, and the one line that refuses a file."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miecsim.errors import InputError
from miecsim.units import quoted

_MOST_BYTES = 10**8
_EXPORT = "export the spectrum as text"
# What a binary file begins with, or how its name ends; and what to do instead.
_BINARY = (
    (b"BIO-LOGIC MODULAR FILE", ".mpr", "a BioLogic .mpr file", "export it from EC-Lab as text (.mpt)"),
    (None, ".ism", "a Zahner .ism file", "export it from Zahner Analysis as text or CSV"),
    (b"\x93NUMPY", ".npy", "a NumPy array", "make a Measured from its arrays, or save CSV"),
    (b"\x89HDF\r\n", ".h5", "an HDF5 file", "make a Measured from its arrays, or save CSV"),
    (b"PK\x03\x04", ".xlsx", "a workbook or archive", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", ".xls", "a workbook", "save the sheet as CSV"),
)


class LastLineError(InputError):
    """A file spoilt in its last line, which may be cut."""


@dataclass(frozen=True)
class Text:
    """Lines of a text file without their ends; ended: the last line has its line end."""

    source: str
    lines: tuple[str, ...]
    ended: bool

    def refuse(self, at: int, read: str, expected: str) -> InputError:
        """An error at line index `at` (from 0), told in one line."""
        last = " (the last)" if at >= self.last else ""
        kind = LastLineError if last else InputError
        return kind(f"{self.source}, line {at + 1}{last}: read {read}; expected {expected}")

    @property
    def last(self) -> int:
        """Index of the last line that is not blank."""
        return max((i for i, line in enumerate(self.lines) if line.strip()), default=0)


@dataclass(frozen=True)
class Table:
    """Titles of columns and the cells below them; at: line index of each row, title_at: of the titles.

    signed: the format fixes the sign of Im Z. complete: the format itself says that the table has ended. note: what
    the user must know of it, "" for nothing.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    at: tuple[int, ...]
    title_at: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    signed: bool = False
    complete: bool = False
    note: str = ""


def load(path: str | os.PathLike[str]) -> Text:
    """The text of a file in UTF-8 (with or without a mark), UTF-16 with a mark, or Latin-1.

    Raises InputError for a file that cannot be read, is empty, too large, or binary.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: read {path.stat().st_size} bytes; expected a spectrum of at most {_MOST_BYTES}")
        raw = path.read_bytes()
    except OSError as reason:
        raise InputError(f"{path}: cannot be read ({reason.strerror or reason})") from None
    for begins, suffix, what, instead in _BINARY:
        if (begins is not None and raw.startswith(begins)) or path.suffix.lower() == suffix:
            raise InputError(f"{path}: read {what}, which is binary; {instead}")
    text = _decoded(raw)
    if "\0" in text:
        raise InputError(f"{path}: read a binary file; {_EXPORT}")
    if not text.strip():
        raise InputError(f"{path}: read an empty file; expected a spectrum")
    text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return Text(str(path), tuple(lines[:-1] if lines[-1] == "" else lines), lines[-1] == "")


def _decoded(raw: bytes) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def split(line: str, delimiter: str) -> tuple[str, ...]:
    """Cells of a line: "\\t", ";" and "," divide as in CSV, "  " where two blanks or more stand, " " at any blank."""
    if delimiter == "  ":
        cells = re.split(r"\s{2,}", line.strip())
    elif delimiter == " ":
        cells = line.split()
    elif delimiter == "\t":
        cells = line.split("\t")
    else:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    return tuple(cell.strip().strip('"').strip() for cell in cells)


def fitted(text: Text, at: int, cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """A row of `width` cells; empty cells at its end are let go. Raises InputError for any other number of cells."""
    while len(cells) > width and cells[-1] == "":
        cells = cells[:-1]
    if len(cells) == width:
        return cells
    cut = ", as if the file were cut off" if len(cells) < width and at >= text.last else ""
    raise text.refuse(at, f"{len(cells)} values{cut}", f"{width} as in the line of titles")


def number(cell: str, comma: bool) -> float:
    """A number with a decimal point, or with a decimal comma where `comma`; NaN for anything else."""
    if comma:
        cell = "?" if "." in cell else cell.replace(",", ".", 1)
    try:
        value = math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def is_number(cell: str) -> bool:
    return any(not math.isnan(number(cell, comma)) for comma in (False, True))


def is_remark(line: str) -> bool:
    return line.lstrip().startswith(("#", "%", "//"))


def pairs(lines: tuple[str, ...]) -> dict[str, str]:
    """What a header says as `key : value` or `key = value`; other lines are passed over."""
    found = {}
    for line in lines:
        match = re.match(r"^[\s#%/\"]*([^:=]{1,60}?)\s*[:=]\s*(.*?)[\s\"]*$", line)
        if match and match[1]:
            found[match[1]] = match[2]
    return found


def said(line: str) -> str:
    """A line as it is quoted in a message."""
    return quoted(line.strip(), 60)
