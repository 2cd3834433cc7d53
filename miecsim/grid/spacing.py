"""Cell widths along one axis [m], from left to right. Each function returns (n,) and sums to `length` to round-off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array

FEWEST_CELLS = 20
MOST_CELLS = 4000
SAME = 1e-9  # of the length: marks that are no further apart are one


def uniform(length: float, n: int) -> Array:
    """`n` equal cells."""
    _positive("length", length)
    _count("n", n)
    return np.full(n, length / n)


def graded(length: float, n: int, ratio: float, towards: str = "both") -> Array:
    """`n` cells in geometric progression; `ratio` = largest / smallest cell, the small ones lie `towards` that end.

    With `ratio` held fixed, doubling `n` refines one smooth mesh map everywhere, so that orders of convergence can be
    read from such a family (a fixed growth per cell would leave the large cells as they are).
    `towards` is "both", "left" or "right". Raises InputError on impossible arguments.
    """
    _positive("length", length)
    _count("n", n)
    if not (math.isfinite(ratio) and ratio >= 1.0):
        raise InputError(f"grid spacing: read ratio = {ratio:g}; it is the largest over the smallest cell, at least 1")
    i = np.arange(n)
    steps = {"left": i, "right": i[::-1], "both": np.minimum(i, i[::-1])}
    if towards not in steps:
        raise InputError(f'grid spacing: read towards = "{towards}"; it is "both", "left" or "right"')
    step = steps[towards]
    return _scaled(ratio ** (step / max(int(step.max()), 1)), length)


def resolved(length: float, smallest: float, growth: float = 1.06, largest: float | None = None) -> Array:
    """Mirror-symmetric cells that grow by `growth` from `smallest` at both ends until they meet in the middle.

    No cell is wider than `largest` (where given), the end cells are at most `smallest`, and there are at least
    20 cells: widths are scaled down, never up, to fit `length`. The number of cells grows with
    log(length / smallest); more than 4000 is refused with an InputError that says how many it would take.
    """
    _positive("length", length)
    _positive("smallest", smallest)
    if not 1.0 < growth <= 2.0:
        raise InputError(
            f"grid spacing: read growth = {growth:g}; the ratio of neighbouring cells is above 1, at most 2"
        )
    cap = length if largest is None else largest
    _positive("largest", cap)
    first, half = min(smallest, cap), length / 2
    # geometric cells up to the cap, then cells of the width of the cap
    rising = math.floor(math.log(cap / first) / math.log(growth)) + 1
    risen = first * math.expm1(rising * math.log(growth)) / (growth - 1)
    if risen >= half:
        n = math.ceil(math.log1p(half / first * (growth - 1)) / math.log(growth))
    else:
        n = rising + math.ceil((half - risen) / cap)
    if 2 * n > MOST_CELLS:
        raise InputError(
            f"grid spacing: {2 * n} cells from {smallest:g} m over {length:g} m; at most {MOST_CELLS}: "
            f"raise smallest, growth ({growth:g}) or largest ({cap:g} m)"
        )
    step = np.minimum(np.arange(max(n, FEWEST_CELLS // 2)), rising)  # beyond the cap a power could overflow
    widths = np.minimum(first * growth**step, cap)
    return _scaled(np.concatenate((widths, widths[::-1])), length)


def around(length: float, marks: Sequence[tuple[float, float]], growth: float, largest: float) -> Array:
    """Cells that are small at each of `marks`, (position, cell size) [m], and grow away from it by `growth` a cell.

    Wanted at x is h = min(size + (growth - 1) |x - position|) over the marks, at most `largest` [m]; marks between the
    ends are faces of the mesh, those beyond them only bear on h. Halving the sizes, growth - 1 and largest together
    refines one smooth mesh map between faces that stay. InputError on more than 4000 cells or impossible arguments.
    """
    _positive("length", length)
    _positive("largest", largest)
    for _, size in marks:
        _positive("cell size", size)
    if not 1.0 < growth <= 2.0:
        raise InputError(
            f"grid spacing: read growth = {growth:g}; the ratio of neighbouring cells is above 1, at most 2"
        )
    at = np.array([position for position, _ in marks] or [0.0])
    sizes = np.array([size for _, size in marks] or [largest])
    inside = np.unique(at[(at > SAME * length) & (at < (1 - SAME) * length)])
    inside = inside[np.diff(inside, prepend=0.0) > SAME * length]
    ends = np.concatenate(([0.0], inside, [length]))
    parts: list[Array] = []
    for a, b in zip(ends[:-1], ends[1:], strict=True):
        parts.append(_scaled(np.diff(_followed(a, b, at, sizes, growth - 1, largest)), float(b - a)))
        if sum(p.size for p in parts) > MOST_CELLS:
            raise InputError(
                f"grid spacing: more than {MOST_CELLS} cells from {sizes.min():g} m over {length:g} m; "
                f"raise the sizes, growth ({growth:g}) or largest ({largest:g} m)"
            )
    return np.concatenate(parts)


def _followed(a: float, b: float, at: Array, size: Array, slope: float, largest: float) -> Array:
    """Edges from a to b whose distances follow h: the curve dx/dn = h(x) in steps of 1/16 cell, at whole numbers of
    n scaled to end at b."""
    # so few, and asked so often, that arrays are slower
    marks: list[tuple[float, float]] = list(zip(at.tolist(), size.tolist(), strict=True))

    def wanted(x: float) -> float:
        return min(largest, min(h + slope * abs(x - p) for p, h in marks))

    part = 1 / 16
    x = [a]
    while x[-1] < b and len(x) <= MOST_CELLS / part + 1:
        x.append(x[-1] + part * wanted(x[-1] + part / 2 * wanted(x[-1])))
    n = part * np.arange(len(x))
    last = float(np.interp(b, x, n))
    cells = max(1, math.ceil(last - 1e-9))
    edges = np.interp(np.linspace(0.0, last, cells + 1), n, x)
    edges[0], edges[-1] = a, b
    return np.asarray(edges)


def _scaled(widths: Array, length: float) -> Array:
    scaled: Array = widths * (length / math.fsum(widths))
    return scaled


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise InputError(f"grid spacing: read {name} = {value:g} m; it must be positive and finite")


def _count(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"grid spacing: read {name} = {value}; at least 1 cell is needed")
