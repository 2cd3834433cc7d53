"""Homogenisation: spectra of the picture, of its line and of the line with the closure, and their distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.nyquist import SHAPES, nyquist_axes, nyquist_marks
from miecsim.plot.scales import decade_limits, decades, impedance_display
from miecsim.plot.style import (
    BLUE,
    GREEN,
    POINT,
    SINGLE,
    VERMILLION,
    legend,
    legend_height,
    panels,
    place_label,
    style,
)
from miecsim.plot.technique_common import expect
from miecsim.plot.window import nyquist_window
from miecsim.techniques.homogenise import TECHNIQUE
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Complex

LEFT, RIGHT, BOTTOM, GAP = 1.6, 0.35, 1.0, 1.3  # cm
ERROR = 2.6  # cm, height of the lower panel
SMALLEST = 1e-9  # what is below is round-off
BETWEEN = 3.0  # Hz, no decade: lines without marks, of which labels keep clear
LOOKS: dict[str, dict[str, Any]] = {
    "Z": {"color": BLUE, "marker": "o", "markerfacecolor": "white", "markersize": 3.2, "label": "picture"},
    "line": {"color": VERMILLION, "linestyle": (0, (4, 1.5)), "label": "its line"},
    "closure": {"color": GREEN, "linestyle": (0, (1, 1)), "linewidth": 1.6, "label": "line with closure"},
}
ERRORS = (("error", "line"), ("error closure", "closure"))


def technique_homogenise(record: TechniqueRecord) -> Figure:
    """Nyquist plot of the three spectra on equal axes; below, how far both lines are from the picture over frequency.
    InputError for the record of another technique."""
    expect(record, TECHNIQUE, "homogenisation")
    table = record.tables["spectrum"]
    f = table["frequency"][0]
    spectra = {name: _complex(table, name) for name in LOOKS}
    window = nyquist_window([(f, Z) for Z in spectra.values()], shapes=SHAPES[1])
    display = impedance_display(table["Z real"][1], max(abs(v) for v in (*window.x, *window.y)))
    room = SINGLE - LEFT - RIGHT
    height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
    with style():
        handles = [Line2D([], [], **how) for how in LOOKS.values()]
        below = BOTTOM + ERROR + GAP
        figure, (axes,) = panels(SINGLE, [height], left=LEFT, right=RIGHT, bottom=below, top=legend_height(3, 3))
        for name, Z in spectra.items():
            axes.add_line(Line2D(display.factor * Z.real, -display.factor * Z.imag, **LOOKS[name]))
        nyquist_axes(axes, window, display)
        others = [(np.full(f.shape, BETWEEN), spectra[name]) for name in LOOKS if name != "Z"]
        nyquist_marks(axes, window, [(f, spectra["Z"]), *others], display.factor, (room / POINT, height / POINT))
        total = 2.54 * float(figure.get_size_inches()[1])
        lower = figure.add_axes((LEFT / SINGLE, BOTTOM / total, room / SINGLE, ERROR / total))
        place_label(lower, LEFT, room)
        _errors(lower, table)
        legend(figure, handles, columns=3, left=0.8)
    return figure


def _complex(table: Table, name: str) -> Complex:
    return np.asarray(table[f"{name} real"][0] + 1j * table[f"{name} imaginary"][0])


def _errors(axes: Axes, table: Table) -> None:
    f = table["frequency"][0]
    values = {name: np.maximum(table[name][0], SMALLEST) for name, _ in ERRORS}
    for name, look in ERRORS:
        axes.plot(f, values[name], **{k: v for k, v in LOOKS[look].items() if k != "label"})
    low, high = decade_limits(np.concatenate(list(values.values())))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(float(f[0]), float(f[-1]))
    axes.set_ylim(low, high)
    decades(axes.xaxis, float(f[0]), float(f[-1]))
    decades(axes.yaxis, low, high, labels=4)
    axes.set_xlabel("f / Hz")
    axes.set_ylabel("|Z/Z(picture) − 1|")
