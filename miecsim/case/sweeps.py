"""The [sweep] table of a case: which keys take which values, and how they are combined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miecsim.case.fields import choice, integer, table, tables, text
from miecsim.case.messages import MISSING, Problems, Refused, join_key, refuse, sentence
from miecsim.case.overrides import dotted, set_key
from miecsim.case.table import Context, Leaf, Raw, Row, key, read_table, sub_table
from miecsim.errors import InputError
from miecsim.units import parse_any, quoted, shown

Value = str | int | float | bool
DRAWN = ("latin_hypercube", "sobol")
KINDS = ("grid", "zipped", "list", *DRAWN)
MOST_POINTS = 100_000
_DIGITS = 12  # of a value between two ends: the same on every machine, so that its case has the same hash
_FIXED = ("title", "source", "sweep", "check", "fit")
_CELSIUS = ("degC", "celsius", "\u00b0C")


@dataclass(frozen=True)
class Span:
    """All values between two ends, in `unit` ("" for a pure number), along a line or along its logarithm."""

    low: float
    high: float
    unit: str
    log: bool
    whole: bool  # both ends are TOML integers

    def at(self, part: float) -> Value:
        """The value at `part` (0 to 1) of the way, as a case file has it."""
        way = self.low * (self.high / self.low) ** part if self.log else self.low + (self.high - self.low) * part
        digits = f"{way:.{_DIGITS}g}"
        if self.unit:
            return f"{digits} {self.unit}"
        number = float(digits)
        return int(number) if self.whole and number.is_integer() else number


@dataclass(frozen=True)
class Axis:
    """One key and its values; of a drawn sweep, the span that they are drawn from."""

    key: str
    values: tuple[Value, ...]
    span: Span | None = None


@dataclass(frozen=True)
class Sweep:
    """`listed` holds the settings of each point of kind "list", which has no axes; `points` and `seed` are of those
    that are drawn."""

    kind: str
    axes: tuple[Axis, ...]
    listed: tuple[Mapping[str, Value], ...]
    points: int
    seed: int


def _value(value: object, _siblings: Any, _context: Context) -> Any:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise refuse(shown(value), _VALUE)
    return value


def _values(value: object, _siblings: Any, _context: Context) -> tuple[Value, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_POINTS:
        raise refuse(shown(value), _LIST)
    wrong = [(str(i), sentence(shown(v), _VALUE)) for i, v in enumerate(value) if not isinstance(v, str | int | float)]
    wrong += [
        (str(i), sentence(f"{shown(v)} a second time", "each value once"))
        for i, v in enumerate(value)
        if any(v == earlier and type(v) is type(earlier) for earlier in value[:i])
    ]
    if wrong:
        raise Refused(*wrong)
    return tuple(value)


_VALUE = 'a value as the key takes it, such as "50 um" or 0.4'
_LIST = 'a list of values as the key takes them, such as ["50 um", "100 um"]'
_KEY = "a dotted key of the case, such as layer.cathode.thickness"


class _SweepTable(Row):
    kind: str = key(choice(*KINDS), default="grid")
    axis: list[Raw] | None = key(tables("[[sweep.axis]]", least=1), default=None)
    point: list[Raw] | None = key(tables("[[sweep.point]]", least=1), default=None)
    points: int | None = key(integer(1, MOST_POINTS), default=None)
    seed: int | None = key(integer(0, 2**31 - 1), default=None)


class _AxisTable(Row):
    path: str = key(text(_KEY), toml="key")
    values: tuple[Value, ...] | None = key(Leaf(_LIST, _values), default=None)
    first: Value | None = key(Leaf(_VALUE, _value), default=None, toml="from")
    last: Value | None = key(Leaf(_VALUE, _value), default=None, toml="to")
    points: int | None = key(integer(2, MOST_POINTS), default=None)
    scale: str | None = key(choice("linear", "log"), default=None)


SWEEP = table("kind, and [[sweep.axis]] or [[sweep.point]]")


def read_sweep(raw: Raw, problems: Problems) -> Sweep | None:
    """The sweep of the case `raw`; None where it has none, or one that is wrong. `problems` then says what."""
    own = sub_table(raw, "sweep")
    before = len(problems.items)
    found = None if own is None else read_table(_SweepTable, own, "sweep", problems)
    if found is None:
        return None
    _check_kind(found, problems)
    axes = [_axis(raw, found.kind, item, i, problems) for i, item in enumerate(found.axis or ())]
    _check_axes(found.kind, axes, problems)
    listed = [_listed(raw, item, i, problems) for i, item in enumerate(found.point or ())]
    for i, settings in enumerate(listed):
        if set(settings) != set(listed[0]):
            read = f"the keys {', '.join(settings)}"
            problems.add(f"sweep.point.{i}", read, f"those of the first point: {', '.join(listed[0])}")
    if len(problems.items) > before:
        return None
    return Sweep(found.kind, tuple(a for a in axes if a), tuple(listed), found.points or 0, found.seed or 0)


def _check_kind(found: _SweepTable, problems: Problems) -> None:
    """The keys that a kind needs, and those that it cannot have."""
    drawn = found.kind in DRAWN
    wanted, other = ("point", "axis") if found.kind == "list" else ("axis", "point")
    if getattr(found, wanted) is None:
        problems.add(f"sweep.{wanted}", MISSING, f"one or more tables, written [[sweep.{wanted}]]")
    if getattr(found, other) is not None:
        problems.add(f"sweep.{other}", f'[[sweep.{other}]] with kind = "{found.kind}"', f"[[sweep.{wanted}]]")
    for word in ("points", "seed"):
        value = getattr(found, word)
        if value is not None and not drawn:
            where = "; an axis has points of its own" if word == "points" else ""
            problems.add(f"sweep.{word}", f'{value} with kind = "{found.kind}"', f"a kind of {', '.join(DRAWN)}{where}")
    if drawn and found.points is None:
        problems.add("sweep.points", MISSING, f"a whole number from 1 to {MOST_POINTS}")
    elif found.kind == "sobol" and found.points and found.points & (found.points - 1):
        problems.add("sweep.points", str(found.points), "a power of two, of which alone Sobol's points are balanced")


def _check_axes(kind: str, axes: list[Axis | None], problems: Problems) -> None:
    known = [axis for axis in axes if axis is not None]
    for i, axis in enumerate(axes):
        if axis is not None and any(a is not None and a.key == axis.key for a in axes[:i]):
            problems.add(f"sweep.axis.{i}.key", f"{quoted(axis.key)} a second time", "a key that no other axis has")
    counts = [len(axis.values) for axis in known]
    if kind == "zipped" and len(set(counts)) > 1:
        problems.add("sweep.axis", f"{', '.join(map(str, counts))} values", "as many for each axis: they are zipped")
    if kind == "grid" and math.prod(counts) > MOST_POINTS:
        problems.add("sweep.axis", f"{math.prod(counts)} points in all", f"at most {MOST_POINTS}")


def _axis(raw: Raw, kind: str, item: Raw, index: int, problems: Problems) -> Axis | None:
    at = f"sweep.axis.{index}"
    found = read_table(_AxisTable, item, at, problems)
    if found is None:
        return None
    before = len(problems.items)
    span = _span_of(found, kind, at, problems)
    if len(problems.items) > before:
        return None
    if span is None:
        values = found.values or ()
    elif kind in DRAWN:
        values = ()
    else:
        assert found.points is not None  # _check_span asks for it
        values = tuple(span.at(i / (found.points - 1)) for i in range(found.points))
    probes = values or (() if span is None else (span.at(0.0),))
    _check_key(raw, found.path, probes, join_key(at, "key"), problems)
    _check_alike(values, join_key(at, "values"), problems)
    return Axis(found.path, values, span) if len(problems.items) == before else None


def _span_of(found: _AxisTable, kind: str, at: str, problems: Problems) -> Span | None:
    """The span of an axis with `from` and `to`; None where it has `values`."""
    drawn = kind in DRAWN
    given = [word for word, value in (("from", found.first), ("to", found.last)) if value is not None]
    others = given + [word for word in ("points", "scale") if getattr(found, word) is not None]
    if found.values is not None:
        if drawn:
            problems.add(f"{at}.values", f'values with kind = "{kind}"', "from and to, between which it draws")
        elif others:
            problems.add(f"{at}.{others[0]}", f"{others[0]} beside values", "either values, or from, to and points")
        return None
    if not others:
        problems.add(at, "neither values nor from and to", "one of the two")
        return None
    needed = ("from", "to") if drawn else ("from", "to", "points")
    missing = [word for word in needed if word not in others]
    if missing:
        problems.add(f"{at}.{missing[0]}", MISSING, f"{', '.join(needed)} together")
    if drawn and found.points is not None:
        problems.add(f"{at}.points", str(found.points), "the points of [sweep] itself, for all axes")
    if missing or (drawn and found.points is not None):
        return None
    return _span(found.first, found.last, found.scale == "log", at, problems)


def _span(first: object, last: object, log: bool, at: str, problems: Problems) -> Span | None:
    numbers = [v for v in (first, last) if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == 2:
        low, high, unit = float(numbers[0]), float(numbers[1]), ""
    elif isinstance(first, str) and isinstance(last, str):
        try:
            low, high, unit = _quantities(first, last, at)
        except InputError as error:
            problems.note(*str(error).split(": ", 1))
            return None
    else:
        problems.add(f"{at}.to", shown(last), f"a value of the same kind as from, {shown(first)}")
        return None
    if low == high:
        problems.add(f"{at}.to", shown(last), f"another value than from, {shown(first)}")
        return None
    if log and min(low, high) <= 0.0:
        word, value = ("from", first) if low <= 0.0 else ("to", last)
        problems.add(f"{at}.{word}", f'{shown(value)} with scale = "log"', "a value above 0")
        return None
    return Span(low, high, unit, log, all(isinstance(v, int) for v in numbers))


def _quantities(first: str, last: str, at: str) -> tuple[float, float, str]:
    """Both ends in one unit: the one that both are written in, else that of SI. InputError where they have none."""
    parts = [text.strip().split(maxsplit=1) for text in (first, last)]
    same = all(len(p) == 2 for p in parts) and parts[0][1] == parts[1][1] and parts[0][1] not in _CELSIUS
    if same:
        try:
            return float(parts[0][0]), float(parts[1][0]), parts[0][1]
        except ValueError:
            pass  # parse_any says what is wrong with it
    (low, unit), (high, other) = parse_any(first, f"{at}.from"), parse_any(last, f"{at}.to")
    if unit != other:
        raise InputError(f"{at}.to: {sentence(shown(last), f'a quantity like from, {shown(first)}')}")
    return low, high, unit


def _check_key(raw: Raw, name: str, values: tuple[Value, ...], at: str, problems: Problems) -> None:
    if name.split(".")[0] in _FIXED:
        problems.add(at, quoted(name), _KEY)
        return
    try:
        for value in values[:1]:
            set_key(raw, name, value)
    except Refused as error:
        problems.refused(at, error)


def kind_of(value: Value) -> str:
    """The unit of a quantity, "" of a number, and "text" of everything else: what one axis has in common."""
    if isinstance(value, bool) or not isinstance(value, str):
        return "text" if isinstance(value, bool) else ""
    try:
        return parse_any(value, "")[1] or "text"
    except InputError:
        return "text"


def _check_alike(values: tuple[Value, ...], at: str, problems: Problems) -> None:
    """Values of one axis are quantities of one dimension, or numbers, or texts: else one of them is a slip."""
    kinds = [kind_of(value) for value in values]
    for i, kind in enumerate(kinds):
        if kind != kinds[0]:
            problems.add(f"{at}.{i}", shown(values[i]), f"a value like the first, {shown(values[0])}")
            return


def _listed(raw: Raw, item: Raw, index: int, problems: Problems) -> Mapping[str, Value]:
    """The settings of one [[sweep.point]], by dotted key."""
    at = f"sweep.point.{index}"
    settings = dict(dotted(item))
    if not settings:
        problems.add(at, "an empty table", f"{_KEY}, in quotes, and its value")
    for name, value in settings.items():
        try:
            _value(value, None, Context())
        except Refused as error:
            problems.refused(f"{at}.{name}", error)
            continue
        _check_key(raw, name, (value,), f"{at}.{name}", problems)
    return settings
