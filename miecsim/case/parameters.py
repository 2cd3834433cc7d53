"""What the parameters of every technique have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from miecsim.case.messages import one_of
from miecsim.units import shown

if TYPE_CHECKING:
    from miecsim.case.data import Layer

Conflict = tuple[str, str, str]  # key, what was read, what is expected


class Parameters:
    """Base of the parameters of a technique: a frozen dataclass whose fields are read with `key(leaf)`.

    Defaults are what TOML would hold (a number, a word, a tuple of them) or None, so that they can be written out.
    """

    @property
    def resolve(self) -> float:
        """Frequency [Hz] of the fastest change that the automatic grid must resolve; 0 for a technique that divides the
        stack itself."""
        return 0.0

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        """What does not fit together, or not to the layers (None: one that could not be read)."""
        yield from ()

    def miswired(self, terminals: Sequence[str]) -> Iterator[Conflict]:
        """What does not fit to the terminals that the experiment wires."""
        yield from ()


def unknown_carrier(key: str, carrier: str, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
    """A conflict for the first layer in which `carrier` cannot move."""
    for layer in layers:
        if layer is not None and carrier not in layer.mobile:
            yield key, shown(carrier), f"a mobile carrier of {layer.name}: {one_of(layer.mobile)}"
            return
