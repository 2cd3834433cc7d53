"""Instrument formats that need more than a line of titles: BioLogic, Gamry, ZView, VersaStudio, RelaxIS.

Each reader returns the tables of a file; a file of another kind is passed on by its first lines.
"""

from __future__ import annotations

import re

from miecsim.inverse.readers_text import Table, Text, fitted, is_number, pairs, said, split

_ZVIEW_COLUMNS = 9


def biologic(text: Text) -> list[Table]:
    """EC-Lab or BT-Lab text (.mpt): "Nb header lines : N", of which the last holds the titles, divided by tabs."""
    match = re.match(r"Nb header lines\s*:\s*(\d+)", text.lines[1]) if len(text.lines) > 1 else None
    if match is None:
        raise text.refuse(min(1, text.last), said(text.lines[min(1, text.last)]), '"Nb header lines : N"')
    title_at = int(match[1]) - 1
    if not 2 <= title_at < len(text.lines):
        raise text.refuse(
            text.last, f"the end of the file, cut off in its header of {title_at + 1} lines", "a spectrum"
        )
    titles = split(text.lines[title_at].rstrip("\t "), "\t")
    if not any(title.startswith("freq/") for title in titles):
        raise text.refuse(
            title_at, f"a BioLogic file without freq/Hz among {', '.join(titles)[:120]}", "an impedance file"
        )
    rows, at = _rows(text, title_at + 1, len(text.lines), "\t", len(titles))
    return [Table(titles, rows, at, title_at, pairs(text.lines[2:title_at]), signed=True)]


def _rows(
    text: Text, begin: int, end: int, delimiter: str, width: int
) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Rows of the lines from `begin` up to `end`, blank lines left out, and their line indices."""
    at = tuple(i for i in range(begin, end) if text.lines[i].strip())
    return tuple(fitted(text, i, split(text.lines[i], delimiter), width) for i in at), at


def gamry(text: Text) -> list[Table]:
    """Gamry text (.DTA): each ZCURVE table, with a line of titles, one of units, and rows that begin with a tab."""
    begins = [i for i, line in enumerate(text.lines) if re.match(r"ZCURVE\S*\tTABLE", line)]
    if not begins:
        raise text.refuse(
            text.last, "a Gamry file without a ZCURVE table", 'an impedance measurement ("ZCURVE\tTABLE")'
        )
    metadata = _gamry_header(text.lines[: begins[0]])
    tables = []
    for begin in begins:
        if begin + 2 > text.last:
            raise text.refuse(text.last, "the end of the file in the titles of ZCURVE", "titles, units and rows")
        titles, units = (split(text.lines[begin + i].rstrip("\t "), "\t")[1:] for i in (1, 2))
        end = begin + 3
        while end < len(text.lines) and text.lines[end].startswith("\t"):
            end += 1
        named = tuple(f"{title} ({unit})" for title, unit in zip(titles, units + ("",) * len(titles), strict=False))
        rows, at = _rows(text, begin + 3, end, "\t", len(titles) + 1)
        complete = end < len(text.lines)
        tables.append(Table(named, tuple(r[1:] for r in rows), at, begin + 1, metadata, signed=True, complete=complete))
    return tables


def _gamry_header(lines: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for line in lines:
        cells = line.split("\t")
        if len(cells) > 2 and cells[0] and cells[1] in ("LABEL", "QUANT", "POTEN", "PSTAT", "IQUANT", "SELECTOR"):
            found[cells[0]] = " ".join(cells[2:]).strip()
        elif len(cells) == 2 and cells[0] == "TAG":
            found["TAG"] = cells[1]
    return found


def zview(text: Text) -> list[Table]:
    """ZView and ZPlot (.z), and Autolab's Z60W: the titles end in GD, Err, Range; a count of points stands above."""
    title_at = next((i for i, line in enumerate(text.lines) if re.search(r"Freq.*Z'\(a\).*Z''\(b\)", line)), None)
    if title_at is None:
        raise text.refuse(
            text.last, "a ZView file without a line of titles", "titles such as Freq(Hz) Ampl ... Z'(a) Z''(b)"
        )
    begin = title_at + 1
    if text.lines[0].startswith("ZPLOT2"):
        ends = [i for i, line in enumerate(text.lines) if line.strip() == "End Comments"]
        if not ends:
            raise text.refuse(text.last, "the end of the file", '"End Comments" and data')
        begin = ends[0] + 1
    count = re.search(r"^(?:\s*Data Points:\s*)?(\d+)\s*$", text.lines[title_at - 1]) if title_at else None
    delimiter = "," if begin < len(text.lines) and "," in text.lines[begin] else "\t"
    if delimiter == "," and "\t" in text.lines[begin]:  # decimal commas
        delimiter = "\t"
    rows, at = _rows(text, begin, len(text.lines), delimiter, _ZVIEW_COLUMNS)
    short = count is not None and len(rows) < int(count[1])  # a sweep that was stopped, or a file cut between lines
    note = f"the header announces {count[1]} points, the file holds {len(rows)}" if count and short else ""
    titles = ("Freq (Hz)", "Ampl", "Bias", "Time (Sec)", "Z' (ohm)", "Z'' (ohm)", "GD", "Err", "Range")
    return [
        Table(
            titles,
            rows,
            at,
            title_at,
            pairs(text.lines[:title_at]),
            signed=True,
            complete=count is not None and not short,
            note=note,
        )
    ]


def versastudio(text: Text) -> list[Table]:
    """VersaStudio (.par): each <SegmentN> ... </SegmentN> with its Definition= of titles; rows divided by commas."""
    tables = []
    for begin, line in enumerate(text.lines):
        match = re.fullmatch(r"<(Segment\d+)>", line.strip())
        if match is None:
            continue
        title_at, end = begin, begin
        while end < len(text.lines) and text.lines[end].strip() != f"</{match[1]}>":
            title_at = end if text.lines[end].startswith("Definition=") else title_at
            end += 1
        if end == len(text.lines) or title_at == begin:
            raise text.refuse(text.last, f"the end of the file inside <{match[1]}>", f"</{match[1]}>: it is cut off")
        titles = split(text.lines[title_at].partition("=")[2], ",")[:-1]  # the last one is always an empty "0"
        if "Z Real" in titles:
            rows, at = _rows(text, title_at + 1, end, ",", len(titles))
            metadata = pairs(text.lines[:begin])
            tables.append(Table(titles, rows, at, title_at, metadata, signed=True, complete=True))
    if not tables:
        raise text.refuse(text.last, "a VersaStudio file without a segment of impedance", "one with Z Real and Z Imag")
    return tables


def relaxis(text: Text) -> list[Table]:
    """RelaxIS text: titles "Data: Frequency", ... ; below them a line on the spectrum, then its rows, tab-divided."""
    title_at = next((i for i, line in enumerate(text.lines) if line.startswith("Data:")), None)
    if title_at is None:
        raise text.refuse(text.last, "a RelaxIS file without titles", 'a line that begins with "Data:"')
    titles = split(text.lines[title_at].rstrip("\t "), "\t")
    starts = [
        i
        for i in range(title_at + 1, len(text.lines))
        if text.lines[i].strip() and not is_number(text.lines[i].split("\t")[0].strip())
    ]
    if not starts:
        raise text.refuse(text.last, "titles without data below them", "a line on the spectrum, and its rows")
    head = pairs(text.lines[:title_at])
    tables = []
    for begin, end in zip(starts, [*starts[1:], len(text.lines)], strict=True):
        rows, at = _rows(text, begin + 1, end, "\t", len(titles))
        about = {**head, "spectrum": text.lines[begin].strip()}
        tables.append(Table(titles, rows, at, title_at, about, signed=True, complete=end < len(text.lines)))
    return tables


# What the first line of a file begins with, and its reader.
FORMATS = (
    ("EC-Lab ASCII FILE", biologic),
    ("BT-Lab ASCII FILE", biologic),
    ("EXPLAIN", gamry),
    ("ZPLOT2 ASCII", zview),
    ('"ZPlotW Data File', zview),
    ('"Z60W Data File', zview),
    ("<Application>", versastudio),
    ("RelaxIS", relaxis),
)
