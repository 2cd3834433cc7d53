"""Which part of the complex plane a Nyquist plot shows.

A blocking electrode's -Im Z grows without bound as 1/f, and drawn whole it flattens every arc. The window then holds
everything above the frequency where that tail sets in, and as much of the tail as fits a readable shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.typing import Array, Complex

STEEP = 0.6  # -d ln(-Im Z)/d ln f: 1 for a capacitor, 0.5 for a Warburg element, which belongs to the arcs
POINT = 1e-3  # a spectrum smaller than this fraction of |Z| is shown as the point that it is


@dataclass(frozen=True)
class Window:
    """Limits of x = Re Z and y = -Im Z, and whether a spectrum runs out of it upwards."""

    x: tuple[float, float]
    y: tuple[float, float]
    clipped: bool

    def holds(self, Z: Complex) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """True where a point lies inside."""
        x, y = Z.real, -Z.imag
        inside = (x >= self.x[0]) & (x <= self.x[1]) & (y >= self.y[0]) & (y <= self.y[1])
        return np.asarray(inside, dtype=bool)


def tail_start(frequency: Array, Z: Complex) -> int:
    """Number of points, from the lowest of the rising frequencies on, that form a capacitive tail (0 when none)."""
    y = -Z.imag
    count = 0
    while count + 1 < y.size and y[count] > 0 and y[count + 1] > 0:
        slope = -np.log(y[count] / y[count + 1]) / np.log(frequency[count] / frequency[count + 1])
        if slope < STEEP:
            break
        count += 1
    return count


def nyquist_window(
    spectra: Sequence[tuple[Array, Complex]], *, shapes: tuple[float, float] = (0.5, 1.0), whole: bool = False
) -> Window:
    """The window of some spectra (frequencies rising, Z), limits in the unit of Z.

    `shapes` are the least and the largest height / width; `whole` never cuts a tail.
    """
    boxes = [_extent(Z if whole else _arcs(frequency, Z)) for frequency, Z in spectra]
    x0, x1 = min(b[0] for b in boxes), max(b[1] for b in boxes)
    y0, y1 = min(0.0, *(b[2] for b in boxes)), max(b[3] for b in boxes)
    everything = np.concatenate([Z for _, Z in spectra])
    size = max(x1 - x0, y1 - y0)
    scale = float(np.max(np.abs([x0, x1, y0, y1])))
    if size <= POINT * scale:
        x0, x1, y0, y1 = min(0.0, 1.4 * x0), max(0.0, 1.4 * x1), y0 - 0.05 * scale, y1 + 0.3 * scale
        if x1 == x0:
            x1 = scale or 1.0
        size = x1 - x0
    tallest = float(np.max(-everything.imag))
    clipped = False
    if tallest > y1:
        y_tail = max(1.05 * y1, 0.9 * min(1.0, shapes[1]) * (x1 - x0))
        clipped = tallest > 1.3 * y_tail
        y1 = y_tail if clipped else tallest
    # a tail may run out sideways, below the height of the arcs
    shown = everything.real[(-everything.imag <= y1)]
    x0, x1 = min(x0, float(shown.min())), max(x1, float(shown.max()))
    if 0.0 < x0 < 0.5 * (x1 - x0):  # the origin costs little: show it
        x0 = 0.0
    x0, x1, y0, y1 = _shape(x0, x1, y0, y1, *shapes)
    return Window((x0, x1), (y0, y1), clipped)


def _arcs(frequency: Array, Z: Complex) -> Complex:
    """The part of a spectrum that lies above its capacitive tail."""
    tail = tail_start(frequency, Z)
    part = Z[tail:]
    if tail and np.max(part.real) - np.min(part.real) <= POINT * np.max(np.abs(Z.real)):
        # All tail. Points nearer to the real axis than to the imaginary one show a resistance; the rest is more tail.
        resistive = Z[np.abs(Z.imag) <= Z.real]
        part = resistive if resistive.size else Z
    return part


def _extent(Z: Complex) -> tuple[float, float, float, float]:
    """(x0, x1, y0, y1) of some points."""
    x, y = Z.real, -Z.imag
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def _shape(x0: float, x1: float, y0: float, y1: float, flat: float, tall: float) -> tuple[float, float, float, float]:
    """Air around the data, then the wider of the two ranges made to fit the allowed shapes."""
    air = 0.06 * max(x1 - x0, y1 - y0)
    x0, x1, y0, y1 = x0 - air, x1 + air, y0 - air, y1 + air
    width, height = x1 - x0, y1 - y0
    if height < flat * width:
        y1 = y0 + flat * width
    elif height > tall * width:
        more = height / tall - width
        x0, x1 = x0 - 0.3 * more, x1 + 0.7 * more
    return x0, x1, y0, y1
