"""Reads [[check]]: the figures that must come out of a study or an experiment."""

from __future__ import annotations

import math
from typing import Any

from miecsim.case.contacts import Names
from miecsim.case.data import Check
from miecsim.case.fields import choice, number, text
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of, refuse
from miecsim.case.table import Context, Leaf, Raw, Row, key, named_items, read_table
from miecsim.errors import InputError
from miecsim.units import parse_any, quoted, shown


def _expected() -> Leaf:
    words = 'a quantity with its unit, such as "107 ohm", or a number without quotes'
    plain = number(1e-30, 1e30, zero=True, signed=True)

    def check(value: object, siblings: Any, context: Context) -> tuple[float, str]:
        if not isinstance(value, str):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise refuse(shown(value), words)
            return plain.check(value, siblings, context), ""
        try:
            result, unit = parse_any(value, "")
        except InputError:
            raise refuse(shown(value), words) from None
        if not unit and "%" not in value and "percent" not in value:
            raise refuse(shown(value), words)
        plain.check(result, siblings, context)
        return result, unit

    return Leaf(words, check)


READS = ("textbook", "true", "error")
CONSERVATION = "conservation"  # the one figure of an experiment that is not compared with a true value


class _CheckTable(Row):
    study: str = key(text("the name of a study"), default="")
    experiment: str = key(text("the name of an experiment"), default="")
    quantity: str = key(text("a key of the summary"))
    read: str = key(choice(*READS), default="")
    how: str = key(text("how an experiment reads the quantity"), default="")
    expected: tuple[float, str] = key(_expected())
    tolerance: float = key(number(1e-15, math.nextafter(1.0, 0.0), what="a relative tolerance above 0 and below 1"))
    source: str = key(text("where the expected figure comes from"))


def read_checks(raw: Raw, problems: Problems, studies: Names, experiments: Names) -> tuple[Check, ...]:
    """The checks of a case, each on one of its `studies` or `experiments` (None where those are not all known)."""
    result = []
    for at, item in named_items(raw, "check", "", problems):
        found = read_table(_CheckTable, item, at, problems)
        for word, known in (("study", studies), ("experiment", experiments)):
            _check_name(item, word, at, problems, known)
        _check_kind(item, at, problems)
        if found is not None:
            value, unit = found.expected
            kind = (found.experiment, found.read, found.how)
            result.append(Check(found.study, found.quantity, value, unit, found.tolerance, found.source, *kind))
    return tuple(result)


def _check_name(item: Raw, word: str, at: str, problems: Problems, names: Names) -> None:
    value = item.get(word)
    if names is None or not isinstance(value, str) or not value.strip() or value in names:
        return
    expected = f"the name of one that the case has: {one_of(names)}" if names else f"a case with [[{word}]]"
    if word == "study" and names:
        expected = f"the name of a study: {one_of(names)}"
    problems.add(join_key(at, word), shown(value), expected, nearest(value, names))


def _check_kind(item: Raw, at: str, problems: Problems) -> None:
    """A check is of a study or of an experiment; only the latter can be read in more than one way."""
    if "study" not in item and "experiment" not in item:
        problems.add(join_key(at, "study"), MISSING, "the name of a study, or a key experiment")
    if "study" in item and "experiment" in item:
        problems.add(join_key(at, "experiment"), "an experiment beside a study", "study or experiment")
    of_record = "experiment" in item and item.get("quantity") != CONSERVATION
    if of_record and "read" not in item:
        problems.add(join_key(at, "read"), MISSING, one_of(READS))
    for word in ("read", "how"):
        if not of_record and word in item:
            beside = f"{word} beside {'study' if 'study' in item else f'quantity = {quoted(CONSERVATION)}'}"
            problems.add(join_key(at, word), beside, f"{word} only for what an experiment compares")
