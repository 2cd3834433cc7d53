"""Leaves: how single values of a case file are checked and converted to SI, with what is physically possible."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from miecsim.case.messages import Refused, nearest, one_of, refuse, sentence
from miecsim.case.table import Context, Leaf
from miecsim.units import DIMENSIONS, UnitError, describe, format_quantity, read_quantity, shown

_LONGEST_TEXT = 1999
_LONGEST_NAME = 100
_MOST_ITEMS = 1000


def _plain(value: float) -> str:
    return format_quantity(value, "")


def _spell(low: float, high: float, zero: bool, signed: bool, what: str, unit: str) -> str:
    span = f"{what} from {_plain(low)} to {_plain(high)}" + (f" {unit}" if unit else "")
    return span + (" in magnitude" if signed else "") + (", or 0" if zero else "")


def _inside(value: float, low: float, high: float, zero: bool, signed: bool) -> bool:
    return (zero and value == 0.0) or low <= (abs(value) if signed else value) <= high


def quantity(dimension: str, low: float, high: float, zero: bool = False, signed: bool = False) -> Leaf:
    """A string with a unit, in SI within [low, high] (by magnitude where `signed`), or 0 where `zero`."""
    about = DIMENSIONS[dimension]
    span = _spell(low, high, zero, signed, about.phrase, about.unit)

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> float:
        try:
            number, _ = read_quantity(value, (dimension,))
        except UnitError as reason:
            raise Refused(("", str(reason))) from None
        if not _inside(number, low, high, zero, signed):
            raise refuse(f"{shown(value)} (physically impossible)", span)
        return number + 0.0  # no negative zero

    return Leaf(describe((dimension,)), check)


def number(low: float, high: float, zero: bool = False, signed: bool = False, what: str | None = None) -> Leaf:
    """A TOML number within [low, high] (by magnitude where `signed`), or 0 where `zero`. `what`: other words for it."""
    expected = what or _spell(low, high, zero, signed, "a number", "")

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(shown(value), expected)
        if not _inside(value, low, high, zero, signed):
            raise refuse(shown(value), expected)
        return float(value) + 0.0  # no negative zero

    return Leaf(expected, check)


def integer(low: int, high: int, nonzero: bool = False) -> Leaf:
    """A TOML integer from `low` to `high`."""
    expected = f"a whole number from {low} to {high}" + (", not 0" if nonzero else "")

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high or (nonzero and not value):
            raise refuse(shown(value), expected)
        return value

    return Leaf(expected, check)


def text(what: str) -> Leaf:
    """A string that says something, shorter than 2000 characters."""

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> str:
        if not isinstance(value, str) or not value.strip():
            raise refuse(shown(value), f"a text: {what}")
        if len(value) > _LONGEST_TEXT:
            raise refuse(f"a text of {len(value)} characters", f"at most {_LONGEST_TEXT} characters: {what}")
        return value

    return Leaf(f"a text: {what}", check)


def name(reserved: tuple[str, ...] = ()) -> Leaf:
    """A name that can be addressed in a dotted key."""
    expected = "a name of letters, digits, _ and - that begins with a letter"

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> str:
        good = isinstance(value, str) and len(value) <= _LONGEST_NAME and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", value)
        if not good:
            raise refuse(shown(value), f"{expected}, at most {_LONGEST_NAME} characters")
        if value in reserved:
            raise refuse(shown(value), f"another name ({value} has a meaning of its own)")
        return str(value)

    return Leaf(expected, check)


def choice(*options: str) -> Leaf:
    """One of a few words."""
    expected = one_of(options)

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> str:
        if not isinstance(value, str) or value not in options:
            raise refuse(shown(value), expected, nearest(value, options) if isinstance(value, str) else None)
        return value

    return Leaf(expected, check)


def _flag(value: object, _siblings: Mapping[str, Any], _context: Context) -> bool:
    if not isinstance(value, bool):
        raise refuse(shown(value), "true or false")
    return value


def list_of(leaf: Leaf, least: int, most: int, what: str) -> Leaf:
    """A list of `least` to `most` values read by `leaf`."""
    count = f"{least}" if least == most else f"{least} to {most}"
    expected = f"a list of {count} {what}"

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[Any, ...]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise refuse(shown(value), expected)
        wrong: list[tuple[str, str]] = []
        result: list[Any] = []
        for index, item in enumerate(value):
            try:
                result.append(leaf.check(item, siblings, context))
            except Refused as error:
                wrong += [(f"{index}.{rest}" if rest else f"{index}", why) for rest, why in error.parts]
        if wrong:
            raise Refused(*wrong)
        return tuple(result)

    return Leaf(expected, check)


def table(what: str) -> Leaf:
    """A table, which is read on its own; `what` names its keys."""
    expected = f"a table: {what}"

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refuse(shown(value), expected)
        return value

    return Leaf(expected, check)


def tables(what: str, least: int = 0) -> Leaf:
    """An array of tables, which are read on their own; `what` shows how it is written."""
    expected = f"{'one or more tables' if least else 'an array of tables'}, written {what}"

    def check(value: object, _siblings: Mapping[str, Any], _context: Context) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not least <= len(value) <= _MOST_ITEMS:
            raise refuse(shown(value), expected)
        wrong = [(str(i), sentence(shown(t), expected)) for i, t in enumerate(value) if not isinstance(t, dict)]
        if wrong:
            raise Refused(*wrong)
        return value

    return Leaf(expected, check)


def _why_no_total(context: Context) -> str:
    if not context.totals:
        return " (per interface area)"
    return ' (the area of the case is "per area")' if context.per_area else ""


def surface(per_area: str, total: str, low: float, high: float, zero: bool = False) -> Leaf:
    """A quantity per area, or a total that is converted with the area of the case: "ohm*m^2" or "ohm", "F/m^2" or "F".

    The range holds for the value per area. Where the context allows no totals, or the case is per area, a total is
    refused. A total resistance is multiplied by the area, every other total divided. A CPE reads its exponent from its
    sibling `alpha`.
    """
    about = DIMENSIONS[per_area]
    span = _spell(low, high, zero, False, about.phrase, about.unit)

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> float:
        alpha = siblings.get("alpha")
        if alpha is None and "alpha" in about.unit:
            return 0.0  # alpha is wrong itself, or missing: nothing can be said of this value yet
        kinds = (total, per_area) if context.totals and not context.per_area else (per_area,)
        try:
            number, kind = read_quantity(value, kinds, alpha)
        except UnitError as reason:
            raise Refused(("", f"{reason}{_why_no_total(context)}")) from None
        if kind == total and context.area is None:
            return number  # the case is refused for its area
        if kind == total and context.area is not None:
            number = number * context.area if total == "resistance" else number / context.area
        if not math.isfinite(number) or not _inside(number, low, high, zero, False):
            raise refuse(f"{shown(value)} (physically impossible)", span)
        return number

    return Leaf(describe((total, per_area)), check)


FLAG = Leaf("true or false", _flag)
FREQUENCY = quantity("frequency", 1e-12, 1e16)
PRESSURE = quantity("pressure", 1e-60, 1e10)
THICKNESS = quantity("length", 1e-10, 10.0)
DURATION = quantity("time", 1e-12, 1e12)
VOLTAGE = quantity("potential", 1e-12, 1e3, zero=True, signed=True)
TOLERANCE = number(1e-12, 1e-2)
CONDUCTIVITY = quantity("conductivity", 1e-30, 1e9)
CROSS_CONDUCTIVITY = quantity("conductivity", 1e-30, 1e9, zero=True, signed=True)
CONCENTRATION = quantity("concentration", 1e-20, 1e7)
DIFFUSIVITY = quantity("diffusivity", 1e-30, 1e2)
PERMITTIVITY = quantity("permittivity", 1e-13, 1e-3)
VOLUME_CAPACITANCE = quantity("volume_capacitance", 1e-6, 1e18)
ALPHA = number(1e-3, 1.0)
