"""A case as TOML text again, after it was changed; also with a key that is there twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

KeyPath = tuple[str | int, ...]


def dumps(data: dict[str, Any], twice: KeyPath | None = None) -> str:
    """TOML text of a case; the key at the path `twice` is defined two times."""
    return "\n".join(_lines(data, (), (), twice)) + "\n"


def _lines(table: dict[str, Any], header: tuple[str, ...], path: KeyPath, twice: KeyPath | None) -> Iterator[str]:
    nested = {k: v for k, v in table.items() if _is_table(v) or _is_tables(v)}
    for key, value in table.items():
        if key not in nested:
            yield f"{_key(key)} = {_inline(value, (*path, key), twice)}"
        if (*path, key) == twice:
            yield f"{_key(key)} = {_inline(1 if key in nested else value)}"
    for key, value in nested.items():
        here = (*header, _key(key))
        for index, item in enumerate(value if _is_tables(value) else [value]):
            yield f"\n[[{'.'.join(here)}]]" if _is_tables(value) else f"\n[{'.'.join(here)}]"
            yield from _lines(item, here, (*path, key, index) if _is_tables(value) else (*path, key), twice)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _inline(value: Any, path: KeyPath = (), twice: KeyPath | None = None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item, (*path, i), twice) for i, item in enumerate(value)) + "]"
    if isinstance(value, dict):
        pairs = [f"{_key(k)} = {_inline(v, (*path, k), twice)}" for k, v in value.items()]
        return "{" + ", ".join(pairs) + "}"
    return repr(value)
