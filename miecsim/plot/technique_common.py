"""What the figures of several techniques share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from miecsim.errors import InputError
from miecsim.plot.scales import decade_limits, decades, log_values
from miecsim.plot.style import COLOURS, series
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
