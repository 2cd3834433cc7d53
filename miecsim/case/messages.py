"""One line per error of a case: `<file>: <key>: read <what>; expected <what is allowed>[; did you mean <nearest>?]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from miecsim.errors import InputError
from miecsim.units import quoted

MISSING = "nothing (the key is missing)"


class Refused(ValueError):
    """A value that a key does not take. `parts` holds (rest of the key, sentence), one for each thing that is wrong."""

    def __init__(self, *parts: tuple[str, str]) -> None:
        super().__init__("; ".join(text for _, text in parts))
        self.parts = parts


def sentence(read: str, expected: str, near: str | None = None) -> str:
    """'read ...; expected ...' with the nearest allowed word, if there is one."""
    return f"read {read}; expected {expected}" + (f"; did you mean {near}?" if near else "")


def refuse(read: str, expected: str, near: str | None = None) -> Refused:
    """The exception for one wrong value of the key itself."""
    return Refused(("", sentence(read, expected, near)))


def nearest(word: object, allowed: Iterable[str]) -> str | None:
    """The allowed word that resembles `word` most, or None."""
    folded = {option.lower(): option for option in allowed}
    found = difflib.get_close_matches(str(word)[:100].lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def one_of(options: Collection[str]) -> str:
    """'one of a, b, c', or the only option."""
    return f"one of {', '.join(options)}" if len(options) > 1 else "".join(options)


def join_key(at: str, *names: str | int) -> str:
    """The dotted key `at` (which may be empty) and what follows it; a name that is no bare TOML key is quoted."""
    texts = [str(name) for name in names]
    return ".".join(([at] if at else []) + [t if re.fullmatch(r"[A-Za-z0-9_.\-]+", t) else quoted(t) for t in texts])


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key."""

    key: str
    text: str


class Problems:
    """Collects everything that is wrong with a case, so that it can be told at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.items: list[Problem] = []

    def add(self, key: str, read: str, expected: str, near: str | None = None) -> None:
        self.note(key, sentence(read, expected, near))

    def note(self, key: str, text: str) -> None:
        problem = Problem(key, text)
        if problem not in self.items:
            self.items.append(problem)

    def refused(self, key: str, error: Refused) -> None:
        for rest, text in error.parts:
            self.note(join_key(key, rest) if rest else key, text)

    def lines(self) -> list[str]:
        return [f"{self.file}: {p.key}: {p.text}" if p.key else f"{self.file}: {p.text}" for p in self.items]

    def raise_if_any(self) -> None:
        """Raises InputError with one line per problem."""
        if self.items:
            raise InputError("\n".join(self.lines()))
