"""Parameters of the techniques on a microstructure: effective transport and optimal paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.data import Layer
from miecsim.case.fields import DURATION, FLAG, choice, integer, list_of, number
from miecsim.case.parameters import Conflict, Parameters
from miecsim.case.picture_data import Resolved
from miecsim.case.table import key

_SIDE = choice("left", "right")
_PARTS = list_of(integer(2, 1000), 2, 20, "numbers of pieces into which each edge is cut")


def _elsewhere(layers: Sequence[Layer | None]) -> bool:
    """Whether the layers are known, and are no microstructure."""
    return any(layer is not None and not isinstance(layer.material, Resolved) for layer in layers)


def in_their_field(technique: str, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
    """Of a technique that asks phases for their conductivities."""
    if any(layer is not None and isinstance(layer.material, Resolved) and layer.material.charged for layer in layers):
        read = f'"{technique}" of carriers in their own field'
        yield "technique", read, "phases by sigma_ion and sigma_eon"


@dataclass(frozen=True)
class EffectiveTransport(Parameters):
    """What the picture conducts along each axis, with bounds, tortuosity factors, percolation and areas; with `parts`
    also how much sub-volumes of it differ, and how large a picture must be for a wanted `variation`."""

    axes: tuple[str, ...] = key(list_of(choice("x", "y", "z"), 1, 3, 'axes, such as ["x", "y"]'), default=("x",))
    cell_problem: bool = key(FLAG, default=False)
    blocking: bool = key(FLAG, default=False)
    parts: tuple[int, ...] = key(_PARTS, default=())
    variation: float = key(number(1e-6, 1.0), default=0.05)  # standard deviation over mean

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        if _elsewhere(layers):
            yield "technique", '"effective_transport" without a picture', 'model = "microstructure"'
        yield from in_their_field("effective_transport", layers)
        if len(set(self.axes)) < len(self.axes):
            yield "axes", "an axis twice", "each axis once"
        if len(set(self.parts)) < len(self.parts):
            yield "parts", "a number twice", "each number once"


@dataclass(frozen=True)
class OptimalPaths(Parameters):
    """Shortest paths of ions and electrons to every reaction site: each place where phases with a law between their
    carriers meet (where there are none: phases of different carriers)."""

    ions_from: str = key(_SIDE, default="left")
    electrons_from: str = key(_SIDE, default="right")
    duration: float | None = key(DURATION, default=None)  # s, of the travel lengths

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        if _elsewhere(layers):
            yield "technique", '"optimal_paths" without a picture', 'model = "microstructure"'
        yield from in_their_field("optimal_paths", layers)
        for layer in layers:
            if layer is not None and isinstance(layer.material, Resolved) and len(layer.carriers) < 2:
                yield "technique", '"optimal_paths" of one carrier', "phases that conduct ions and phases for electrons"
