"""What the figures of several techniques share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from miecsim.errors import InputError
from miecsim.plot.scales import decade_limits, decades, log_values
from miecsim.plot.style import COLOURS, place_label, series
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT = 1.6  # cm
MODEL: dict[str, Any] = series(0) | {"linestyle": "none", "markersize": 2.8}
EXACT: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.0}
FEW = 30.0  # largest over smallest value up to which numbers are written out,
SHORT = 1e-3  # from here to its inverse


def expect(record: TechniqueRecord, technique: str, words: str) -> None:
    """InputError, with the `words` for the figure, unless the record is that of the technique."""
    if record.technique != technique:
        raise InputError(f'figure of {words}: read a record of "{record.technique}"')


def beside(figure: Figure, first: Axes, last: Axes, gap: float, width: float, clear: float = 0.1) -> Axes:
    """Axes `width` cm wide, `gap` cm to the right of those from `first` (above) to `last` (below) and as high as they
    are together; the y label stands `clear` cm nearer to them than at the edge of a figure."""
    page = 2.54 * float(figure.get_size_inches()[0])
    top, bottom = first.get_position(), last.get_position()
    axes = figure.add_axes((top.x1 + gap / page, bottom.y0, width / page, top.y1 - bottom.y0))
    place_label(axes, gap - clear, width)
    return axes


def logarithmic(axes: Axes, drawn: Sequence[Array]) -> None:
    """A logarithmic y axis around all positive values."""
    values = np.concatenate(list(drawn))
    low, high = decade_limits(values[values > 0])
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    if high / low < FEW and low > SHORT and high < 1 / SHORT:
        log_values(axes.yaxis, low, high)
    else:
        decades(axes.yaxis, low, high)
