"""Leaves for values that are tables: read on their own, their mistakes told under the key that holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from miecsim.case.laws import read_law
from miecsim.case.messages import Problems, Refused, refuse
from miecsim.case.studies import read_frequency
from miecsim.case.table import Context, Leaf, Raw, read_table
from miecsim.units import shown


def nested(what: str, reader: Callable[[Raw, Problems, Context], Any]) -> Leaf:
    """A table that `reader` turns into a value; `what` names its keys."""
    expected = f"a table: {what}"

    def check(value: object, _siblings: Mapping[str, Any], context: Context) -> Any:
        if not isinstance(value, dict):
            raise refuse(shown(value), expected)
        problems = Problems("")
        found = reader(value, problems, context)
        if problems.items:
            raise Refused(*((problem.key, problem.text) for problem in problems.items))
        return found

    return Leaf(expected, check)


def row(cls: type, what: str) -> Leaf:
    """A table read into `cls`."""
    return nested(what, lambda raw, problems, context: read_table(cls, raw, "", problems, context))


def surface_law(*allowed: str) -> Leaf:
    """One of the laws `allowed`, with parameters per area of the surface that it stands for."""

    def reader(raw: Raw, problems: Problems, _context: Context) -> Any:
        return read_law(raw, "", problems, Context(totals=False), allowed)

    return nested("a law and its parameters", reader)


FREQUENCIES = nested(
    "from, to and points_per_decade, or values", lambda raw, problems, _context: read_frequency(raw, "", problems)
)
