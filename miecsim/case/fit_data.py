"""The data of a fit, [[fit.data]], and further experiments that it weighs, [[fit.candidate]]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miecsim.case.fields import FREQUENCY, choice, integer, name, quantity, table, text
from miecsim.case.messages import MISSING, Problems, Refused, join_key, nearest, one_of, refuse, sentence
from miecsim.case.overrides import dotted
from miecsim.case.studies import read_frequency
from miecsim.case.table import Context, Leaf, Raw, Row, key, named_items, read_table
from miecsim.units import quoted, shown

Value = str | int | float | bool
ROLES = ("frequency", "real", "imaginary", "-imaginary", "modulus", "phase", "-phase", "loop")
DUPLICATES = ("keep", "average", "refuse")
SIGNS = ("auto", "Im", "-Im")
RELATIVE = "relative"
NOT_FREE = ("title", "source", "study", "experiment", "check", "sweep", "fit")  # what no fit changes
_READING = ("area", "unit", "columns", "imaginary", "loop", "duplicates", "cut")


@dataclass(frozen=True)
class DataSet:
    """One measured spectrum: the study that models it, what differs for it, where it lies and how it is read."""

    name: str
    study: str
    file: str  # "" where the command line names it
    group: str  # data of one group share the values of `each` parameters
    settings: tuple[tuple[str, Value], ...]
    window: tuple[float, float]  # Hz, kept
    noise_column: str
    noise_unit: str
    reading: Mapping[str, Any]  # options of read_spectrum


@dataclass(frozen=True)
class Further:
    """An experiment that could still be done: the study that models it, what differs for it, the group of data whose
    values of `each` parameters it shares, and its frequencies [Hz], () for those of the study."""

    name: str
    study: str
    group: str
    settings: tuple[tuple[str, Value], ...]
    frequency: tuple[float, ...]


def _columns(value: object, _siblings: Any, _context: Context) -> Any:
    if not isinstance(value, dict) or not value:
        raise refuse(shown(value), 'a table of titles or numbers, such as { frequency = "f", real = 2 }')
    wrong = [
        (role, sentence("an unknown key", one_of(ROLES), nearest(role, ROLES))) for role in value if role not in ROLES
    ]
    for role, title in value.items():
        if isinstance(title, bool) or not isinstance(title, str | int):
            wrong.append((role, sentence(shown(title), "the title of a column, or its number from 1")))
    if wrong:
        raise Refused(*wrong)
    return dict(value)


class _DataKeys(Row):
    name: str | None = key(name(), default=None)
    study: str | None = key(text("the name of a study"), default=None)
    file: str | None = key(text('a file beside the case, or "$MIECSIM_DATA/..."'), default=None)
    group: str | None = key(text("a word that data with the same values share"), default=None)
    settings: Raw | None = key(table("dotted keys in quotes, and their values"), default=None, toml="set")
    frequency: Raw | None = key(table("from and to"), default=None)
    area: float | None = key(quantity("area", 1e-20, 1e4), default=None)
    unit: str | None = key(text('the unit of Z, such as "kohm" or "ohm cm^2"'), default=None)
    columns: Any = key(Leaf("a table of titles or numbers", _columns), default=None)
    imaginary: str | None = key(choice(*SIGNS), default=None)
    loop: int | None = key(integer(1, 10**6), default=None)
    duplicates: str | None = key(choice(*DUPLICATES), default=None)
    cut: str | None = key(choice("refuse", "drop"), default=None)
    noise_column: str | None = key(text("the title of the column that holds the standard deviation"), default=None)
    noise_unit: str | None = key(text(f'a unit such as "ohm", or "{RELATIVE}"'), default=None)


class _CandidateKeys(Row):
    name: str = key(name())
    study: str | None = key(text("the name of a study"), default=None)
    group: str | None = key(text("a word that data with the same values share"), default=None)
    settings: Raw | None = key(table("dotted keys in quotes, and their values"), default=None, toml="set")
    frequency: Raw | None = key(table("from, to and points_per_decade, or values"), default=None)


class _WindowKeys(Row):
    start: float | None = key(FREQUENCY, default=None, toml="from")
    stop: float | None = key(FREQUENCY, default=None, toml="to")


def read_data_sets(raw: Raw, own: Raw, weighting: str, problems: Problems) -> list[DataSet]:
    """The [[fit.data]] of the fit `own` of the case `raw`; what is wrong goes to `problems`."""
    known = _studies(raw)
    result: list[DataSet] = []
    for at, item in named_items(own, "data", "fit", problems):
        found = read_table(_DataKeys, item, at, problems)
        if found is None:
            continue
        one = _data_set(found, known, at, problems)
        if one is None:
            continue
        if any(one.name == other.name for other in result):
            problems.add(join_key(at, "name"), f"{quoted(one.name)} a second time", "a name that no other data has")
        if weighting == "measured" and not one.noise_column:
            problems.add(join_key(at, "noise_column"), MISSING, 'the title of a column, with weighting = "measured"')
        if weighting != "measured" and one.noise_column:
            told = f'{quoted(one.noise_column)} with weighting = "{weighting}"'
            problems.add(join_key(at, "noise_column"), told, 'weighting = "measured"')
        result.append(one)
    return result


def _data_set(found: Any, studies: list[str], at: str, problems: Problems) -> DataSet | None:
    before = len(problems.items)
    study, settings = _variant(found, studies, at, problems)
    window = (
        None
        if found.frequency is None
        else read_table(_WindowKeys, found.frequency, join_key(at, "frequency"), problems)
    )
    ends = () if window is None else tuple(f for f in (window.start, window.stop) if f is not None)
    if len(ends) == 2 and ends[0] == ends[1]:
        problems.add(join_key(at, "frequency.to"), "the same frequency as from", "another frequency")
    if len(problems.items) > before:
        return None
    low, high = (min(ends), max(ends)) if len(ends) == 2 else (0.0, math.inf)
    if len(ends) == 1 and window is not None:  # "from" alone is where the kept part begins
        low, high = (ends[0], math.inf) if window.stop is None else (0.0, ends[0])
    label = found.name or study
    reading = {word: getattr(found, word) for word in _READING if getattr(found, word) is not None}
    noise = (found.noise_column or "", found.noise_unit or "ohm")
    return DataSet(label, study, found.file or "", found.group or label, settings, (low, high), *noise, reading)


def _studies(raw: Raw) -> list[str]:
    items = raw.get("study")
    names = [item.get("name") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [word for word in names if isinstance(word, str)]


def _variant(found: Any, studies: list[str], at: str, problems: Problems) -> tuple[str, tuple[tuple[str, Value], ...]]:
    """The study of one of the data, and what differs for it."""
    study = found.study or (studies[0] if len(studies) == 1 else "")
    if not study:
        problems.add(join_key(at, "study"), MISSING, f"the name of a study: {one_of(studies)}")
    elif study not in studies:
        expected = f"the name of a study: {one_of(studies)}" if studies else "a case with [[study]]"
        problems.add(join_key(at, "study"), quoted(study), expected, nearest(study, studies))
    settings = tuple(dotted(found.settings or {}))
    for path, value in settings:
        if not isinstance(value, str | int | float):
            problems.add(join_key(at, "set", path), shown(value), "a value as the key takes it")
        elif path.split(".")[0] in NOT_FREE:
            problems.add(join_key(at, "set", path), "a key that data cannot set", "a key of layer, grid, or the like")
    return study, settings


def read_further(raw: Raw, own: Raw, problems: Problems) -> list[Further]:
    """The [[fit.candidate]] of the fit `own` of the case `raw`; what is wrong goes to `problems`."""
    result = []
    for at, item in named_items(own, "candidate", "fit", problems):
        found = read_table(_CandidateKeys, item, at, problems)
        if found is None:
            continue
        study, settings = _variant(found, _studies(raw), at, problems)
        frequency: tuple[float, ...] | None = ()
        if found.frequency is not None:
            frequency = read_frequency(found.frequency, join_key(at, "frequency"), problems)
        result.append(Further(found.name, study, found.group or found.name, settings, frequency or ()))
    return result
