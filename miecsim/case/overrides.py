"""Changes single keys of a case before it is read: `--set layer.cathode.thickness="300 um"`, and the `set` of a study.

Keys are dotted. Items of a list are addressed by their `name`, or by their index from 0.
"""

from __future__ import annotations

import copy
import tomllib
from typing import Any

from miecsim.case.messages import Refused, join_key, nearest, one_of, refuse
from miecsim.case.table import Raw
from miecsim.errors import InputError
from miecsim.units import quoted

MEASURED = ("study", "experiment")  # tables of what is measured on the stack, each item with a `set` of its own


def read_value(text: str) -> Any:
    """The value that stands behind `key=`: TOML where it is TOML, else the text itself ("300 um" needs no quotes)."""
    try:
        parsed = tomllib.loads(f"value = {text}\n")
    except (ValueError, RecursionError):
        return text.strip()
    return parsed["value"] if set(parsed) == {"value"} else text.strip()


def _names(items: list[Any]) -> list[str]:
    named = [item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    return named or [str(index) for index in range(len(items))]


def _index(items: list[Any], part: str, at: str) -> int:
    """Where the item called `part` stands in a list; the name goes before the index."""
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == part:
            return index
    if part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(items):
        return int(part)
    names = _names(items)
    expected = f"{one_of(names)} in {at}" if names else f"nothing: {at} is empty"
    raise refuse(f"{quoted(part)} in the key", expected, nearest(part, names))


def _split(raw: Raw, key: str) -> list[str]:
    """The parts of a dotted key; what follows the `set` of a study or an experiment is itself one dotted key."""
    parts = key.split(".")
    if any(not part.strip() for part in parts):
        raise refuse(f"the key {quoted(key)}", "a dotted key, such as layer.cathode.thickness")
    if len(parts) > 3 and parts[0] in MEASURED and parts[2] == "set":
        return [*parts[:3], ".".join(parts[3:])]
    return [part.strip() for part in parts]


def set_key(raw: Raw, key: str, value: Any) -> Raw:
    """A copy of the case `raw` with the dotted `key` set to `value`.

    Tables on the way that are missing are made: whether their keys exist is told when the case is read. Raises Refused
    where a named item does not exist, and where the key leads into a value that is no table.
    """
    result = copy.copy(raw)
    put(result, key, value)
    return result


def put(raw: Raw, key: str, value: Any) -> None:
    """Sets the dotted `key` in `raw` itself, as `set_key` does in a copy. Tables and lists on the way are replaced by
    copies: `raw` may share them with the case that it was made from."""
    parts = _split(raw, key)
    node: Any = raw
    for depth, part in enumerate(parts):
        at = join_key("", *parts[:depth])
        last = depth == len(parts) - 1
        if isinstance(node, list):
            place: Any = _index(node, part, at)
            found = node[place]
        elif isinstance(node, dict):
            place, found = part, node.get(part, {})
        else:
            raise refuse(f"{quoted(part)} in the key, but {at} is a value", f"a key that ends at {at}")
        node[place] = value if last else copy.copy(found)
        node = node[place]


def value_at(raw: Raw, key: str) -> Any:
    """What the case `raw` has under the dotted `key`, None where it has nothing there. Raises Refused as `set_key`."""
    parts = _split(raw, key)
    node: Any = raw
    for depth, part in enumerate(parts):
        at = join_key("", *parts[:depth])
        if isinstance(node, list):
            node = node[_index(node, part, at)]
        elif isinstance(node, dict):
            if part not in node:
                return None
            node = node[part]
        else:
            raise refuse(f"{quoted(part)} in the key, but {at} is a value", f"a key that ends at {at}")
    return node


def in_order(changes: Raw) -> list[tuple[str, Any]]:
    """(dotted key, value) of the `set` of a study, whole tables before the keys in them: TOML writes tables last."""
    return sorted(changes.items(), key=lambda item: item[0].count("."))


def stack_of(raw: Raw) -> Raw:
    """The case `raw` without what is measured on it, ready for `put`: what the `set` of a study can change."""
    return {name: value for name, value in raw.items() if name not in (*MEASURED, "check", "sweep", "fit")}


def stack_for(raw: Raw, study: Raw) -> Raw:
    """The stack of the case `raw` as a study or an experiment, an item of the file, sees it, its `set` applied.

    Raises Refused where one of them leads nowhere.
    """
    result = stack_of(raw)
    for key, value in in_order(study.get("set", {})):
        put(result, key, value)
    return result


def apply_override(raw: Raw, text: str, file: str = "--set") -> Raw:
    """A copy of the case `raw` with the override `text`, "key=value", applied.

    Raises InputError, one line that begins with `file`, where the text has no "=" or the key leads nowhere.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise InputError(
            f"{file}: --set: read {quoted(text)}; expected key=value, such as layer.cathode.thickness=300 um"
        )
    try:
        return set_key(raw, name, read_value(value))
    except Refused as error:
        raise InputError(f"{file}: {join_key('', *name.split('.'))}: {error}") from None


def dotted(node: Raw, at: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) of nested tables: TOML makes one of a dotted key that is not in quotes."""
    out: list[tuple[str, Any]] = []
    for name, value in node.items():
        here = f"{at}.{name}" if at else name
        out += dotted(value, here) if isinstance(value, dict) and value else [(here, value)]
    return out
