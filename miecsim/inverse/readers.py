"""Spectra out of instrument files and tables: which format, which columns, which sign, which unit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from miecsim.errors import InputError
from miecsim.inverse.measured import Measured
from miecsim.inverse.readers_columns import columns_of
from miecsim.inverse.readers_instruments import FORMATS
from miecsim.inverse.readers_text import LastLineError, Table, Text, load, number
from miecsim.inverse.readers_titles import AmbiguousUnit, Title, read_title, read_unit
from miecsim.typing import Array, Complex, Ints
from miecsim.units import parse

FEWEST = 3  # points of a spectrum: fewer are no spectrum, but the rest of one
ROLES = ("frequency", "real", "imaginary", "-imaginary", "modulus", "phase", "-phase", "loop")
DUPLICATES = ("keep", "average", "refuse")
SIGNS = ("auto", "Im", "-Im")


@dataclass(frozen=True)
class _Options:
    columns: Mapping[str, str | int]
    imaginary: str
    unit: str | None
    area: float | None
    duplicates: str
    cut: str


def read_spectrum(
    path: str | os.PathLike[str],
    *,
    loop: int | None = None,
    columns: Mapping[str, str | int] | None = None,
    imaginary: str = "auto",
    unit: str | None = None,
    area: float | str | None = None,
    duplicates: str = "keep",
    cut: str = "refuse",
) -> Measured:
    """The one spectrum of a file, or its number `loop` (from 1). Options and errors are those of `read_spectra`.

    Raises InputError also for a file of several spectra where `loop` is not given, or is none of them.
    """
    found = read_spectra(
        path, columns=columns, imaginary=imaginary, unit=unit, area=area, duplicates=duplicates, cut=cut
    )
    if loop is None and len(found) > 1:
        raise InputError(f"{path}: read {len(found)} spectra; expected one, or a choice: loop = 1 to {len(found)}")
    if loop is not None and not 1 <= loop <= len(found):
        raise InputError(f"{path}: read loop = {loop}; expected 1 to {len(found)}")
    return found[(loop or 1) - 1]


def read_spectra(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str | int] | None = None,
    imaginary: str = "auto",
    unit: str | None = None,
    area: float | str | None = None,
    duplicates: str = "keep",
    cut: str = "refuse",
) -> list[Measured]:
    """Every spectrum of a file, in its order: BioLogic text, Gamry DTA, ZView, Autolab Z60W, VersaStudio, RelaxIS, and
    tables with titles (CSV, CH Instruments, Parstat, PowerSuite) or of three bare columns (frequency, Re Z, Im Z).

    A file holds several where a column of cycles or loops changes, where rows of zero frequency (direct current) stand
    between them, and where it has several tables. In all, Z is Re + i Im with Im Z < 0 for a capacitor.

    columns: the title, or the number from 1, of the columns meant, by role: frequency, real, imaginary or -imaginary,
    modulus, phase or -phase, loop. Titles are otherwise understood by themselves, with their units.
    imaginary: "Im" or "-Im" says what the column of Im Z (or of the phase) holds. "auto": what its title or the format
    says; in a table, where the title has no minus and Im Z is positive at most frequencies of the lower half
    (counting where it is above 1 % of |Z|), the minus was left out of the title: Z is then conjugated, as a note says.
    unit: of Z where its title has none, such as "kohm" or "ohm cm^2"; ohm otherwise, and a note says so.
    area: of the electrode, [m^2] or text such as "1.13 cm^2": Z is then in ohm m^2. Areas in a header are not used,
    for instruments write 1 where none was given; they stay in `metadata`.
    duplicates: of equal frequency: "keep" them (a note says how many), "average" them, or "refuse" the file.
    cut: "refuse" a file whose last line is cut, or "drop" that line with a note.

    Raises InputError, in one line with file, line number, what was read and what is allowed, for files that are
    binary, of another kind, cut off, without data, or with something that is no number in a column that counts.
    Formats that are not read: make a `Measured` from arrays, as its own text shows.
    """
    options = _Options(dict(columns or {}), imaginary, unit, _area(area), duplicates, cut)
    _check(options)
    text = load(path)
    try:
        return _spectra(text, options)
    except LastLineError as reason:
        if cut == "refuse" or text.last == 0:
            raise
        shorter = Text(text.source, text.lines[: text.last], True)
        try:
            found = _spectra(shorter, options)
        except InputError:
            raise reason from None
    note = f"line {text.last + 1}, the last, is cut: left out"
    return [replace(m, notes=(*m.notes, note)) for m in found]


def _spectra(text: Text, options: _Options) -> list[Measured]:
    found = [spectrum for table in _tables(text, options) for spectrum in _of_table(text, table, options)]
    if len(found) == 1:
        return found
    head = [f"spectrum {i + 1} of {len(found)} in the file" for i in range(len(found))]
    return [replace(m, notes=(which, *m.notes)) for which, m in zip(head, found, strict=True)]


def _area(area: float | str | None) -> float | None:
    if isinstance(area, str):
        area = parse(area, "area", "area")
    if area is not None and not (np.isfinite(area) and area > 0):
        raise InputError(f"area: read {area:g} m^2; expected a positive area")
    return area


def _check(options: _Options) -> None:
    for name, value, allowed in (
        ("imaginary", options.imaginary, SIGNS),
        ("duplicates", options.duplicates, DUPLICATES),
        ("cut", options.cut, ("refuse", "drop")),
        *(("columns", role, ROLES) for role in options.columns),
    ):
        if value not in allowed:
            raise InputError(f'{name}: read "{value}"; expected one of {", ".join(allowed)}')
    if options.unit is not None and not _unit(options.unit)[1].startswith("ohm"):
        raise InputError(f'unit: read "{options.unit}"; expected one of Z, such as "kohm" or "ohm cm^2"')


def _unit(text: str) -> tuple[float, str]:
    try:
        return read_unit(text)
    except AmbiguousUnit as reason:
        raise InputError(f"read {reason}") from None


def _tables(text: Text, options: _Options) -> list[Table]:
    for begins, reader in FORMATS:
        if text.lines[0].startswith(begins):
            return reader(text)
    wanted = tuple(str(title) for title in options.columns.values() if not isinstance(title, int))
    return columns_of(text, wanted, bool(options.columns) and not wanted)


def _of_table(text: Text, table: Table, options: _Options) -> list[Measured]:
    """The spectra of one table."""
    if not table.rows:
        at = min(table.title_at, len(text.lines) - 1)
        raise text.refuse(at, "titles without data below them", f"{FEWEST} rows of a spectrum or more")
    roles = _roles(text, table, options)
    loops = {roles["loop"][0]} if "loop" in roles else set()
    values = _numbers(text, table, _used(roles) | loops)
    frequency = _scaled(values, roles, "frequency" if "frequency" in roles else "omega")
    frequency = frequency if "frequency" in roles else frequency / (2 * np.pi)
    if (frequency < 0).any():
        row = int(np.argmax(frequency < 0))
        raise text.refuse(table.at[row], f"a frequency of {frequency[row]:g} Hz", "none below zero")
    rows = np.flatnonzero(frequency > 0)
    if not len(rows):
        raise text.refuse(table.at[-1], "no frequency above zero", f"{FEWEST} rows of a spectrum or more")
    Z, units, notes = _impedance(text, table, values, roles, options, frequency)
    if not text.ended and not table.complete:
        notes += ("the file ends without a line end: its last number may be cut",)
    notes += (table.note,) if table.note else ()
    skipped = int((frequency == 0).sum())
    notes += (f"{skipped} rows of zero frequency left out",) if skipped else ()
    others = {table.titles[i]: v[rows] for i, v in values.items() if table.titles[i] and i not in _used(roles)}
    loop = values[loops.pop()][rows] if loops else np.zeros(len(rows))
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(loop) != 0)) + 1  # direct current between, or another loop
    parts = np.split(np.arange(len(rows)), breaks)
    long = [part for part in parts if len(part) >= FEWEST]
    lines = np.array(table.at)[rows]
    if not long:
        raise text.refuse(int(lines[-1]), f"a spectrum of {len(parts[-1])} points", f"{FEWEST} or more")
    if len(long) < len(parts):
        notes += (f"{len(parts) - len(long)} stretches of fewer than {FEWEST} points left out",)
    whole = Measured(frequency[rows], Z[rows], units, options.area, others, table.metadata, text.source, notes)
    return [_chosen(text, lines[part], whole.picked(part, _order(whole.frequency[part])), options) for part in long]


def _chosen(text: Text, at: Ints, found: Measured, options: _Options) -> Measured:
    """A spectrum, whose points stand in the lines `at`, with the user's choices on duplicates and area."""
    repeated = found.repeated
    if len(repeated) and options.duplicates == "refuse":
        row = int(np.argmax(found.frequency == repeated[0]))
        read = f"{repeated[0]:.6g} Hz, which another line has, too"
        raise text.refuse(int(at[row]), read, 'each frequency once, or duplicates = "keep" or "average"')
    if len(repeated) and options.duplicates == "keep":
        found = replace(found, notes=(*found.notes, f"{len(repeated)} frequencies occur more than once: all kept"))
    if options.duplicates == "average":
        found = found.averaged()
    return found if options.area is None else found.in_units("ohm m^2")


def _order(frequency: Array) -> str:
    step = np.diff(frequency)
    way = "fall" if (step <= 0).all() else "rise" if (step >= 0).all() else "neither fall nor rise"
    return f"frequencies {way} from {frequency[0]:.6g} to {frequency[-1]:.6g} Hz"


def _roles(text: Text, table: Table, options: _Options) -> dict[str, tuple[int, Title]]:
    """Column and title of each role in use. Raises InputError where frequency or Z has no column."""
    found: dict[str, tuple[int, Title]] = {}
    for i, name in enumerate(table.titles):
        title = _title(text, table, name)
        if title.role:
            found.setdefault(title.role, (i, title))
    given = {role.lstrip("-") for role in options.columns}
    if given & {"modulus", "phase"}:  # the user's columns, not others that say the same
        found = {role: column for role, column in found.items() if role not in ("real", "imaginary")}
    for role, name_or_number in options.columns.items():
        i = _column(table, role, name_or_number, text)
        title = _title(text, table, table.titles[i])
        key = "omega" if role == "frequency" and title.unit == "rad/s" else role.lstrip("-")
        found.pop({"omega": "frequency", "frequency": "omega"}.get(key, key), None)
        found[key] = (i, replace(title, negative=title.negative or role.startswith("-")))
    names = ", ".join(name for name in table.titles if name)
    if not {"frequency", "omega"} & set(found):
        raise text.refuse(
            table.title_at, f"the columns {names[:160]}, none of them frequency", 'one such as "freq/Hz", or `columns`'
        )
    if not {"real", "imaginary"} <= set(found) and not {"modulus", "phase"} <= set(found):
        raise text.refuse(
            table.title_at, f"the columns {names[:160]}", "Re Z and Im Z, or |Z| and phase, among them, or `columns`"
        )
    return found


def _title(text: Text, table: Table, title: str) -> Title:
    try:
        return read_title(title)
    except AmbiguousUnit as reason:
        raise text.refuse(table.title_at, *str(reason).split("; expected ")) from None


def _column(table: Table, role: str, title: str | int, text: Text) -> int:
    if isinstance(title, int):
        if not 1 <= title <= len(table.titles):
            raise InputError(f"{text.source}: read column {title} for {role}; expected 1 to {len(table.titles)}")
        return title - 1
    if title not in table.titles:
        raise text.refuse(table.title_at, f"no column {title} for {role}", "one of " + ", ".join(table.titles))
    return table.titles.index(title)


def _used(roles: Mapping[str, tuple[int, Title]]) -> set[int]:
    names = ("frequency", "omega", "real", "imaginary") if "real" in roles and "imaginary" in roles else tuple(roles)
    return {i for role, (i, _) in roles.items() if role in names and role != "loop"}


def _numbers(text: Text, table: Table, needed: set[int]) -> dict[int, Array]:
    """Columns that hold numbers throughout. Raises InputError where one that is `needed` does not."""
    comma = any("," in row[i] for row in table.rows for i in needed)
    found = {}
    for i in range(len(table.titles)):
        values = np.array([number(row[i], comma) for row in table.rows])
        bad = np.isnan(values)
        if not bad.any():
            found[i] = values
        elif i in needed:
            row = int(np.argmax(bad))
            cell = table.rows[row][i]
            title = table.titles[i] or f"column {i + 1}"
            kind = "a finite number with a decimal comma" if comma else "a finite number"
            raise text.refuse(table.at[row], f'"{cell[:40]}" in column {title}', kind)
    return found


def _scaled(values: Mapping[int, Array], roles: Mapping[str, tuple[int, Title]], role: str) -> Array:
    i, title = roles[role]
    return values[i] * title.factor


def _impedance(
    text: Text,
    table: Table,
    values: Mapping[int, Array],
    roles: Mapping[str, tuple[int, Title]],
    options: _Options,
    frequency: Array,
) -> tuple[Complex, str, tuple[str, ...]]:
    """Z of every row in SI, its units, and notes on the unit and the sign."""
    cartesian = "real" in roles and "imaginary" in roles
    of_size = [roles[role][1] for role in (("real", "imaginary") if cartesian else ("modulus",))]
    units, factors, notes = _sizes(text, table, of_size, options)
    signed = roles["imaginary" if cartesian else "phase"]
    if cartesian:
        real, imaginary = values[roles["real"][0]] * factors[0], values[signed[0]] * factors[1]
    else:
        modulus = values[roles["modulus"][0]] * factors[0]
        angle = np.deg2rad(_scaled(values, roles, "phase"))
        real, imaginary = modulus * np.cos(angle), modulus * np.sin(angle)
    minus, why = _sign(signed[1], table, real + 1j * imaginary, frequency, options)
    name = f"{table.titles[signed[0]]} {'negated' if minus else 'taken as it is'}: {why}"
    return real + 1j * (-imaginary if minus else imaginary), units, (*notes, name)


def _sizes(
    text: Text, table: Table, titles: list[Title], options: _Options
) -> tuple[str, list[float], tuple[str, ...]]:
    """The units of Z, the factors to them of each title, and a note where the file names none."""
    default = options.unit or "ohm"
    factor, si = _unit(default)
    pairs = [(title.factor, title.unit) if title.unit else (factor, si) for title in titles]
    if len({unit for _, unit in pairs}) > 1:
        raise text.refuse(table.title_at, "Re Z and Im Z in ohm and in ohm times area", "both in the same")
    silent = any(not title.unit for title in titles)
    note = (f"no unit of Z in the titles: {default} {'as given' if options.unit else 'assumed'}",) if silent else ()
    return pairs[0][1], [value for value, _ in pairs], note


def _sign(title: Title, table: Table, Z: Complex, frequency: Array, options: _Options) -> tuple[bool, str]:
    """Whether the column holds the negative of Im Z (or of the phase), and how that is known."""
    if options.imaginary != "auto":
        return options.imaginary == "-Im", "as given"
    if "-imaginary" in options.columns or "-phase" in options.columns:
        return True, "as given in columns"
    if title.negative:
        return True, "its title has a minus"
    if table.signed:
        return False, "so the format has it"
    low = (frequency > 0) & (frequency <= np.median(frequency[frequency > 0]))
    low &= np.abs(Z.imag) > 0.01 * np.abs(Z)  # what is smaller may be noise
    if not low.any():
        return False, "too small at low frequencies to tell its sign"
    if np.count_nonzero(Z.imag[low] > 0) > np.count_nonzero(Z.imag[low] < 0):
        return True, 'mostly positive, so a minus is missing in its title (imaginary = "Im" keeps the sign)'
    return False, "mostly negative, as capacitors are"
