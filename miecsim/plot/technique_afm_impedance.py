"""AFM impedance: spectra of all readings over a disc's resistance, how far the tip sees, and a map of the power."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from miecsim.plot.scales import decades, with_prefix
from miecsim.plot.style import COLOURS, DASHES, DOUBLE, DPI, MARKERS, REFERENCE, legend, legend_height, style
from miecsim.plot.technique_common import expect
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array

HEIGHT, BOTTOM = 4.2, 1.05  # cm
BOXES = ((1.45, 4.3), (7.2, 3.9), (12.55, 3.4))  # cm: left edge and width of the three panels
SHOWN = 6.0  # tip radii: how far the map reaches
DECADES = 4.0  # below which a map has one colour
LEVELS = np.linspace(-DECADES, 0, 17)
TIP: dict[str, Any] = {"color": "black", "linewidth": 3.0, "solid_capstyle": "butt", "clip_on": False}


def technique_afm_impedance(record: TechniqueRecord) -> Figure:
    """Left: -Im Z against Re Z, both over rho/(4a), on equal axes. Middle: the share of the film's part of Re Z at the
    lowest frequency within a distance from the tip; dashed 1 - a/R of a sunk hemisphere. Right: power per volume of the
    first reading, the tip in black. InputError for the record of another technique."""
    expect(record, "afm_impedance", "AFM impedance")
    readings = record.tables["readings"]
    a, grain = readings["radius"][0], readings["grain"][0]
    with style():
        handles: list[Any] = [
            Line2D([], [], label=_name(float(a[i]), float(grain[i])), **_look(i)) for i in range(a.size)
        ]
        handles.append(Line2D([], [], label="1 − a/R", **REFERENCE))
        top = legend_height(len(handles), 3)
        figure, (spectra, held, power) = row(BOXES, HEIGHT, BOTTOM, top)
        _spectra(spectra, record)
        _held(held, record.tables["held"], a)
        table = record.tables["map"]
        first = float(a[0])
        share = table["share per volume"][0] * first**3
        draw_power(figure, power, table["r"][0] / first, table["depth"][0] / first, share, "share of Re Z per a³")
        power.set_xlabel("r / a")
        legend(figure, handles, columns=3, left=BOXES[0][0])
    return figure


def row(
    boxes: tuple[tuple[float, float], ...], height: float, bottom: float, top: float
) -> tuple[Figure, tuple[Axes, ...]]:
    """A page of two columns' width with axes (left edge, width) [cm] side by side."""
    total = bottom + height + top
    figure = Figure(figsize=(DOUBLE / 2.54, total / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    places = [(left / DOUBLE, bottom / total, width / DOUBLE, height / total) for left, width in boxes]
    return figure, tuple(figure.add_axes(place) for place in places)


def draw_power(figure: Figure, axes: Axes, x: Array, depth: Array, share: Array, name: str) -> None:
    """Map of the share of Re Z that each unit of space has, over x and depth in tip radii on equal axes. A half plane
    (x >= 0) begins on the axis; a section has the tip in its middle."""
    section = bool(np.any(x < 0))
    if not section:  # the axis lies between the first cell and its mirror image
        x, depth, share = np.concatenate([-x, x]), np.tile(depth, 2), np.tile(share, 2)
    near = (np.abs(x) < 2 * SHOWN) & (depth < 2 * SHOWN)
    level = np.clip(np.log10(np.maximum(share[near], 1e-300)), -DECADES, 0)
    drawn = axes.tricontourf(x[near], depth[near], level, levels=LEVELS, cmap="viridis")
    axes.set_xlim(-SHOWN if section else 0, SHOWN)
    axes.set_ylim(SHOWN, 0)
    axes.set_aspect("equal", adjustable="box", anchor="NW")
    axes.plot([-1.0 if section else 0.0, 1.0], [0, 0], **TIP)
    axes.set_ylabel("depth / a")
    scale_bar(figure, axes, drawn, name)


def scale_bar(figure: Figure, axes: Axes, drawn: Any, name: str) -> None:
    """A bar for a map of powers of ten, to the right of its axes."""
    axes.apply_aspect()
    box = axes.get_position()
    width = float(figure.get_size_inches()[0]) * 2.54
    bar = figure.colorbar(drawn, cax=figure.add_axes((box.x1 + 0.25 / width, box.y0, 0.25 / width, box.height)))
    ticks = np.arange(-DECADES, 0.5)
    bar.set_ticks(ticks.tolist(), labels=[f"10{str(int(t)).translate(_RAISED)}" if t else "1" for t in ticks])
    bar.set_label(name)
    bar.outline.set_linewidth(0.5)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _name(a: float, grain: float) -> str:
    tip = f"a = {with_prefix(a, 'm')}"
    return tip if np.isnan(grain) else f"{tip}, grain {with_prefix(grain, 'm')}"


def _look(index: int) -> dict[str, Any]:
    colour = COLOURS[index % len(COLOURS)]
    return {
        "color": colour,
        "linestyle": DASHES[index % len(DASHES)],
        "linewidth": 1.0,
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 2.4,
        "markerfacecolor": "white",
    }


def _spectra(axes: Axes, record: TechniqueRecord) -> None:
    """Equal axes around all spectra, in units of the disc's resistance."""
    table, a = record.tables["impedance"], record.tables["readings"]["radius"][0]
    unit = record.tables["readings"]["disc"][0]
    shown = []
    for i in range(a.size):
        here = table["reading"][0] == i + 1
        Z = (table["Z real"][0][here] + 1j * table["Z imaginary"][0][here]) / unit[i]
        axes.plot(Z.real, -Z.imag, **_look(i))
        shown.append(Z)
    Z = np.concatenate(shown)
    low, high = float(Z.real.min()), float(Z.real.max())
    tall = float(max((-Z.imag).max(), 0.0)) * BOXES[0][1] / HEIGHT
    span = 1.12 * max(high - low, 1.05 * tall, 1e-3 * high)
    middle = (low + high) / 2
    axes.set_xlim(middle - span / 2, middle + span / 2)
    axes.set_ylim(-0.03 * span, (HEIGHT / BOXES[0][1] - 0.03) * span)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_xlabel("Re Z 4a / ρ")
    axes.set_ylabel("−Im Z 4a / ρ")


def _held(axes: Axes, table: Table, a: Array) -> None:
    number = table["reading"][0]
    for i in range(a.size):
        here = number == i + 1
        axes.plot(table["distance"][0][here] / a[i], table["share"][0][here], **_look(i) | {"marker": ""})
    x = np.geomspace(1, 100, 100)
    axes.plot(x, 1 - 1 / x, **REFERENCE)
    axes.set_xscale("log")
    axes.set_xlim(0.3, 100)
    axes.set_ylim(0, 1.02)
    decades(axes.xaxis, 0.3, 100)
    axes.set_xlabel("distance R / a")
    axes.set_ylabel("share of Re Z within R")
