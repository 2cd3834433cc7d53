"""Reads [[patch]]: parts of the sides of a picture that contacts may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miecsim.case.fields import choice, list_of, name, quantity, tables
from miecsim.case.messages import Problems, join_key
from miecsim.case.picture_data import PatchIn
from miecsim.case.table import Context, Leaf, Raw, Row, key, named_items, read_table
from miecsim.units import shown

SIDES = ("left", "right", "bottom", "top", "front", "back")
PATCHES = tables('[[patch]] with name = "tip", side = "left", start and stop')
_ALONG = quantity("length", 1e-10, 10.0, zero=True)


def _ends() -> Leaf:
    both = list_of(_ALONG, 2, 2, 'lengths, such as ["0 m", "2 um"]')

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[float, ...]:
        if isinstance(value, list):
            found: tuple[float, ...] = both.check(value, siblings, context)
            return found
        return (float(_ALONG.check(value, siblings, context)),)

    return Leaf(f"{_ALONG.expected}, or a list of one for each of the two axes along the side", check)


class _PatchTable(Row):
    name: str = key(name(reserved=(*SIDES, "outer")))
    side: str = key(choice(*SIDES))
    start: tuple[float, ...] = key(_ends())
    stop: tuple[float, ...] = key(_ends())


def sides_in(raw: Raw) -> tuple[str, ...]:
    """What the contacts of the case `raw` may name as their side: those of a picture, and its patches."""
    names = (item.get("name") for _, item in named_items(raw, "patch", "", Problems("")))
    return (*SIDES, *(word for word in names if isinstance(word, str) and word not in SIDES))


def read_patches(raw: Raw, problems: Problems) -> tuple[PatchIn, ...]:
    """The patches of a case; what cannot be read is left out and told. Whether they fit the picture and do not overlap
    is told when it is made."""
    result = []
    for at, item in named_items(raw, "patch", "", problems):
        found = read_table(_PatchTable, item, at, problems)
        if found is None:
            continue
        if len(found.start) != len(found.stop):
            problems.add(join_key(at, "stop"), f"{len(found.stop)} ends", f"as many as start has, {len(found.start)}")
        elif any(stop <= start for start, stop in zip(found.start, found.stop, strict=True)):
            expected = f"an end after the start, {shown(item['start'])}"
            problems.add(join_key(at, "stop"), shown(item["stop"]), expected)
        result.append(PatchIn(found.name, found.side, found.start, found.stop))
    return tuple(result)
