"""Space charge at a grain boundary as its papers draw it: the profiles, and the arcs of bulk and boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.nyquist import nyquist_axes, nyquist_marks
from miecsim.plot.scales import decade_limits, decades, impedance_display, length_display, value_limits
from miecsim.plot.style import GREY, POINT, SINGLE, legend, legend_height, panels, series, style
from miecsim.plot.technique_common import LEFT, MODEL, expect
from miecsim.plot.window import nyquist_window
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

RIGHT = 0.35  # cm
SHAPE = (0.3, 1.0)  # height over width of the arcs' axes, least and most
SHOWN = 1e-2  # of the highest potential: how far from the core the profiles are drawn


def technique_space_charge(record: TechniqueRecord) -> Figure:
    """phi and the concentrations over those of the bulk, along the distance from the middle of the core; beside them
    what was read from resistance and conductance.

    InputError for the record of another technique.
    """
    expect(record, "space_charge", "space charge")
    table = record.tables["profile"]
    x, phi = table["position"][0], table["potential"][0]
    names = [name for name in table if name not in ("position", "potential")]
    x = x - (x[0] + x[-1]) / 2
    far = float(np.max(np.abs(x[np.abs(phi) > SHOWN * np.abs(phi).max()])))
    show = length_display(far)
    with style():
        handles = [Line2D([], [], label=name, color=series(k)["color"], linestyle="-") for k, name in enumerate(names)]
        figure, (top, bottom) = panels(SINGLE, [2.8, 3.4], left=LEFT, top=legend_height(len(handles), 3))
        top.add_line(Line2D(show.factor * x, 1e3 * phi, color="black"))
        top.set_ylim(*value_limits(min(0.0, 1e3 * float(phi.min())), max(0.0, 1e3 * float(phi.max())), smallest=1e-3))
        top.set_ylabel("φ / mV")
        top.set_xlim(-show.factor * far, show.factor * far)
        shares = [table[name][0] / table[name][0][0] for name in names]
        for share, handle in zip(shares, handles, strict=True):
            bottom.add_line(Line2D(show.factor * x, share, color=handle.get_color()))
        bottom.axhline(1.0, color=GREY, linewidth=0.5)
        low, high = decade_limits(np.concatenate(shares))
        bottom.set_yscale("log")
        bottom.set_ylim(low, high)
        decades(bottom.yaxis, low, high)
        bottom.set_ylabel("c / c(bulk)")
        bottom.set_xlabel(f"distance from the core / {show.unit}")
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def space_charge_arcs(record: TechniqueRecord) -> Figure:
    """-Z'' over Z' of the boundary and the bulk on equal axes, decades marked, with the direct-current resistances of
    the bulk and of the whole on the real axis. InputError for the record of another technique."""
    expect(record, "space_charge", "space charge")
    table = record.tables["spectrum"]
    order = np.argsort(table["frequency"][0])
    f, Z = table["frequency"][0][order], (table["Z_real"][0] + 1j * table["Z_imag"][0])[order]
    window = nyquist_window([(f, Z)], shapes=SHAPE)
    show = impedance_display("ohm m^2", max(map(abs, window.x)))
    room = SINGLE - LEFT - RIGHT
    height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
    marks = [_parallel(record.tables["resistances"][name][0]) for name in ("bulk", "whole")]
    with style():
        figure, (axes,) = panels(SINGLE, [height], left=LEFT, right=RIGHT, top=legend_height(2, 2))
        axes.add_line(Line2D(show.factor * Z.real, -show.factor * Z.imag, **MODEL))
        nyquist_axes(axes, window, show)
        nyquist_marks(axes, window, [(f, Z)], show.factor, (room / POINT, height / POINT))
        direct: dict[str, Any] = {
            "color": "black",
            "linestyle": "none",
            "marker": "|",
            "markersize": 8,
            "markeredgewidth": 1.2,
        }
        axes.add_line(Line2D([show.factor * mark for mark in marks], [0.0, 0.0], clip_on=False, zorder=5, **direct))
        handles = [Line2D([], [], label="model", **MODEL), Line2D([], [], label="bulk, whole (DC)", **direct)]
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _parallel(values: Array) -> float:
    """Resistance of all carriers side by side."""
    return float(1 / np.sum(1 / values))
