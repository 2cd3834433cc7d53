"""Files of columns: CSV and other tables of numbers, with a line of titles or without one, below any header."""

from __future__ import annotations

from miecsim.inverse.readers_text import Table, Text, fitted, is_number, is_remark, pairs, said, split
from miecsim.inverse.readers_titles import AmbiguousUnit, read_title

_DELIMITERS = ("\t", ";", ",", "  ", " ")
_SIGNED = ("Zim (ohms)", 'Z"/ohm')  # what Parstat and CH Instruments call Im Z, and never -Im Z
_BARE = ("frequency", "real", "imaginary")
_EXPECTED = (
    'BioLogic, Gamry, ZView, VersaStudio or RelaxIS text, or columns with titles such as "freq/Hz,Re(Z)/ohm,Im(Z)/ohm"'
)


def columns_of(text: Text, wanted: tuple[str, ...], numbered: bool) -> list[Table]:
    """The table of a file of columns.

    wanted: titles that the caller names, which the line of titles must hold; without them it is the first line with
    two titles of a spectrum. A file of numbers alone is frequency, Re Z, Im Z, and has three columns unless the
    caller numbers those meant (`numbered`). Lines that begin with #, % or // are remarks, but may be the titles.
    """
    first = next((i for i, line in enumerate(text.lines) if line.strip() and not is_remark(line)), None)
    found = _title_line(text, wanted)
    if found is None and numbered:  # titles that say nothing may stand above the numbers
        first = next((i for i, line in enumerate(text.lines) if _delimiter(line.strip(" ")) is not None), first)
    if found is not None:
        title_at, delimiter, titles = found
    elif wanted:
        raise text.refuse(text.last, "no line with the titles " + ", ".join(map(said, wanted)), "them in one line")
    elif first is None:
        raise text.refuse(text.last, "remarks only", _EXPECTED)
    else:
        title_at, delimiter = first - 1, _bare_delimiter(text, first)
        width = len(split(text.lines[first].strip(" ").rstrip("\t "), delimiter))
        if not numbered and width != len(_BARE):
            raise text.refuse(first, f"{width} columns of numbers without titles", "three (frequency, Re Z, Im Z)")
        titles = tuple(str(i + 1) for i in range(width)) if numbered else _BARE
    at = tuple(
        i for i in range(title_at + 1, len(text.lines)) if text.lines[i].strip() and not is_remark(text.lines[i])
    )
    inner = " " if delimiter == "  " else delimiter
    rows = tuple(fitted(text, i, split(text.lines[i].strip(" "), inner), len(titles)) for i in at)
    if (
        rows
        and not any(is_number(cell) for cell in rows[0])
        and _titles_known(text, at[0], _joined(titles, rows[0])) > 1
    ):
        titles, rows, at = _joined(titles, rows[0]), rows[1:], at[1:]
    head = pairs(text.lines[: max(title_at, 0)])
    return [Table(titles, rows, at, max(title_at, 0), head, signed=any(own in titles for own in _SIGNED))]


def _joined(titles: tuple[str, ...], units: tuple[str, ...]) -> tuple[str, ...]:
    """Titles with the units of a line of their own."""
    return tuple(f"{title} [{unit}]" if unit else title for title, unit in zip(titles, units, strict=True))


def _title_line(text: Text, wanted: tuple[str, ...]) -> tuple[int, str, tuple[str, ...]] | None:
    """The first line that reads as titles, with its delimiter; the first row of numbers ends the search."""
    for i, line in enumerate(text.lines):
        plain = line.lstrip("#%/ ").strip(" ") if is_remark(line) else line.strip(" ")
        if not plain.strip():
            continue
        for delimiter in _DELIMITERS:
            cells = split(plain.rstrip("\t "), delimiter)
            if wanted and set(wanted) <= set(cells):
                return i, delimiter, cells
            if not wanted and _titles_known(text, i, cells) >= 2:
                return i, delimiter, cells
        if not wanted and not is_remark(line) and _delimiter(plain) is not None:
            return None
    return None


def _titles_known(text: Text, at: int, cells: tuple[str, ...]) -> int:
    try:
        roles = {read_title(cell).role for cell in cells if not is_number(cell)}
    except AmbiguousUnit as reason:
        raise text.refuse(at, *str(reason).split("; expected ")) from None
    return len(roles - {"", "loop"})


def _delimiter(line: str) -> str | None:
    """What divides a line into three numbers or more; None where nothing does."""
    for delimiter in (d for d in _DELIMITERS if d != "  "):
        cells = split(line.rstrip("\t "), delimiter)
        if len(cells) >= 3 and all(is_number(cell) for cell in cells):
            return delimiter
    return None


def _bare_delimiter(text: Text, first: int) -> str:
    found = _delimiter(text.lines[first].strip(" "))
    if found is None:
        raise text.refuse(first, said(text.lines[first]), _EXPECTED)
    return found
