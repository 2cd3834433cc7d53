"""A case as TOML text again, after its keys were changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from miecsim.case.table import Raw


def toml_of(raw: Raw) -> str:
    """The text of a case file that reads as `raw`."""
    return "\n".join(_lines(raw, ())) + "\n"


def _lines(table: Raw, header: tuple[str, ...]) -> Iterator[str]:
    nested = {name: value for name, value in table.items() if isinstance(value, dict) or _is_tables(value)}
    yield from (f"{_key(name)} = {_inline(value)}" for name, value in table.items() if name not in nested)
    for name, value in nested.items():
        here = (*header, _key(name))
        for item in value if isinstance(value, list) else [value]:
            yield f"\n[[{'.'.join(here)}]]" if isinstance(value, list) else f"\n[{'.'.join(here)}]"
            yield from _lines(item, here)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """A basic string, whose escapes are those of JSON but for DEL, which TOML does not take as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    return repr(value)
