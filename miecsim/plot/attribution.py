"""Who owns which part of Z: stacked parts over frequency, a Nyquist plot coloured by process, a map over x and f."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from miecsim.errors import InputError
from miecsim.plot.common import by_frequency
from miecsim.plot.nyquist import nyquist_axes, nyquist_marks
from miecsim.plot.profiles import Spans, draw_layers
from miecsim.plot.scales import decade_limits, decades, impedance_display, length_display
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DOUBLE,
    DPI,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    POINT,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    legend,
    legend_height,
    panels,
    readable,
    style,
)
from miecsim.plot.window import nyquist_window
from miecsim.results.records import AttributionRecord, StudyRecord
from miecsim.typing import Array, Complex

LEFT, RIGHT, BOTTOM, GAP = 1.35, 0.35, 1.0, 0.35  # cm
POINTS = ("terminals", "layer interfaces")  # processes without an extent along x
MAPPED = 3  # processes that get a map of their own, after the sum of all
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "||||", "----", "++++", "oooo", "//\\\\..")
# The same process has the same colour in every figure; further ones take what is left.
OWN = {
    "ion transport": BLUE,
    "electron transport": VERMILLION,
    "charge transfer": GREEN,
    "interface capacitance": SKY,
    "chemical capacitance": PURPLE,
    "displacement": ORANGE,
    "terminals": GREY,
    "layer interfaces": "#F0E442",  # yellow of the same palette
    # of cells, whose processes are more than the palette's colours: from the muted one of Paul Tol, as readable
    "salt diffusion": "#332288",  # indigo
    "electrolyte storage": PURPLE,
    "particle diffusion": ORANGE,
    "particle storage": "#882255",  # wine
    "film": "#BBBBBB",
    "electron contact": "#999933",  # olive
    "electron transport in particles": "#DDCC77",  # sand
}


def _parts(study: StudyRecord) -> AttributionRecord:
    if study.attribution is None:
        raise InputError(f"study {study.name} stores no attribution")
    return study.attribution


def process_colours(names: Sequence[str]) -> dict[str, str]:
    """Colour of each process."""
    free = [c for c in COLOURS if c not in {OWN[n] for n in names if n in OWN}] or list(COLOURS)
    others = [n for n in names if n not in OWN]
    return {n: OWN[n] if n in OWN else free[others.index(n) % len(free)] for n in names}


def _handles(colours: Mapping[str, str], hatched: bool = True) -> list[Artist]:
    return [
        Patch(
            facecolor=colour,
            alpha=0.75 if hatched else 1.0,
            edgecolor="white",
            linewidth=0,
            hatch=HATCHES[number % len(HATCHES)] if hatched else "",
            label=readable(name),
        )
        for number, (name, colour) in enumerate(colours.items())
    ]


def parts_stacked(study: StudyRecord, by: str = "process") -> Figure:
    """Re Z and -Im Z against frequency as stacked parts of the processes (or, by="layer", of the layers), negative
    parts stacked below zero.

    The black line is Z: the sum of what stands above and below zero. Raises InputError without an attribution.
    """
    found, order = _parts(study), by_frequency(study)
    parts = found.layers if by == "layer" else found.processes
    f, colours = study.frequency[order], process_colours(list(parts))
    display = impedance_display(study.unit, float(np.max(np.abs(study.Z.real))))
    with style():
        handles = [*_handles(colours), Line2D([], [], color="black", linewidth=1.2, label="Z")]
        top = legend_height(len(handles), 3)
        figure, axes = panels(DOUBLE, [4.6, 4.6], left=LEFT, right=RIGHT, top=top)
        largest = float(np.max(np.abs(study.Z.real))) * display.factor
        for each, component in zip(axes, (np.real, lambda z: -np.imag(z)), strict=True):
            stack = {n: component(part[order]) * display.factor for n, part in parts.items()}
            _stack(each, f, stack, colours)
            each.add_line(Line2D(f, component(study.Z[order]) * display.factor, color="black", linewidth=1.2))
            each.axhline(0.0, color=GREY, linewidth=0.5)
            each.set_ylim(*_stack_limits(stack, largest))
            each.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axes[0].set_ylabel(f"Z′ / {display.unit}")
        axes[1].set_ylabel(f"−Z″ / {display.unit}")
        _frequency(axes[-1], f, "x")
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def _stack(axes: Axes, f: Array, parts: Mapping[str, Array], colours: Mapping[str, str]) -> None:
    """Bands from zero up for what is positive and from zero down for what is negative."""
    up, down = np.zeros(f.size), np.zeros(f.size)
    for number, (name, part) in enumerate(parts.items()):
        for sign, base in ((1.0, up), (-1.0, down)):
            height = np.where(sign * part > 0, part, 0.0)
            if not height.any():
                continue
            axes.fill_between(
                f,
                base,
                base + height,
                facecolor=colours[name],
                alpha=0.75,
                edgecolor="white",
                linewidth=0.3,
                hatch=HATCHES[number % len(HATCHES)],
            )
            base += height


def _stack_limits(parts: Mapping[str, Array], largest: float) -> tuple[float, float]:
    """Limits that hold the stacks; a capacitive tail beyond 1.3 times the `largest` real part leaves the axes."""
    up = float(np.max(sum(np.maximum(part, 0.0) for part in parts.values())))
    down = float(np.min(sum(np.minimum(part, 0.0) for part in parts.values())))
    most = 1.3 * largest if largest > 1e-6 * max(up, -down) else np.inf
    high, low = min(up, most), max(down, -most)
    if high == low:
        return 0.0, 1.0
    air = 0.04 * (high - low)
    return low - (air if low < 0 else 0.0), high + air


def _frequency(axes: Axes, f: Array, axis: str) -> None:
    low, high = decade_limits(f)
    if axis == "x":
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        decades(axes.xaxis, low, high)
        axes.set_xlabel("frequency / Hz")
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        decades(axes.yaxis, low, high)


def parts_nyquist(study: StudyRecord) -> Figure:
    """-Im Z against Re Z on equal axes, twice: each point in the colour of the process with the largest |part| of Z
    (left) and of Im Z (right, where a resistance that is the same at all frequencies owns nothing).

    Raises InputError without an attribution.
    """
    parts, order = _parts(study), by_frequency(study)
    f, Z = study.frequency[order], study.Z[order]
    stack = np.stack([part[order] for part in parts.processes.values()])
    owners = np.abs(stack).argmax(axis=0), np.abs(stack.imag).argmax(axis=0)
    names, colours = list(parts.processes), process_colours(list(parts.processes))
    window = nyquist_window([(f, Z)], shapes=(0.5, 1.0), whole=False)
    display = impedance_display(study.unit, max(abs(v) for v in (*window.x, *window.y)))
    gap = 1.5
    room = (DOUBLE - LEFT - RIGHT - gap) / 2
    height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
    with style():
        shown = {name: colours[name] for i, name in enumerate(names) if any(np.any(o == i) for o in owners)}
        handles = _handles(shown, hatched=False)
        top = legend_height(len(handles), 4) + 0.35
        total = BOTTOM + height + top
        figure = Figure(figsize=(DOUBLE / 2.54, total / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        for column, (owner, title) in enumerate(zip(owners, ("largest part of Z", "largest part of Z″"), strict=True)):
            left = LEFT + column * (room + gap)
            axes = figure.add_axes((left / DOUBLE, BOTTOM / total, room / DOUBLE, height / total))
            scaled = Z * display.factor
            axes.add_line(Line2D(scaled.real, -scaled.imag, color=GREY, linewidth=0.6))
            for i, name in enumerate(names):
                how: dict[str, Any] = {"linestyle": "none", "color": colours[name], "marker": MARKERS[i % len(MARKERS)]}
                axes.add_line(Line2D(scaled.real[owner == i], -scaled.imag[owner == i], markersize=3.6, **how))
            nyquist_axes(axes, window, display)
            nyquist_marks(axes, window, [(f, Z)], display.factor, (room / POINT, height / POINT), colour="black")
            axes.set_title(title, fontsize=8, pad=3, loc="left")
        legend(figure, handles, columns=4, left=LEFT)
    return figure


def attribution_map(study: StudyRecord, *, layers: Spans = ()) -> Figure:
    """Where along the cell and at which frequency Z arises: (dZ/dx) L/|Z| for all processes and the largest of them.

    Contacts and interfaces between layers have no extent along x and are left out.

    Upper row the real, lower row minus the imaginary part; 1 is the mean of a cell whose places share Z alike. Raises
    InputError without an attribution.
    """
    parts, order = _parts(study), by_frequency(study)
    f = study.frequency[order]
    width = np.diff(parts.edges)
    weight = (parts.edges[-1] - parts.edges[0]) / np.abs(study.Z[order])[:, None]
    density = {n: part[order] / width * weight for n, part in parts.along.items() if n not in POINTS}
    largest = sorted(density, key=lambda name: -float(np.sum(np.abs(density[name]))))[:MAPPED]
    columns = {"all processes": np.sum(list(density.values()), axis=0)} | {name: density[name] for name in largest}
    with style():
        figure, axes = _map_panels(len(columns))
        even = np.linspace(parts.edges[0], parts.edges[-1], 202)[1:-1]
        at = np.searchsorted(parts.edges, even) - 1
        limit = _colour_limit([values[:, at] for values in columns.values()])
        display = length_display(float(parts.edges[-1]))
        for column, (name, values) in enumerate(columns.items()):
            for row, component in enumerate((values.real, -values.imag)):
                mesh = _mesh(axes[row][column], parts.edges * display.factor, f, component, limit)
                draw_layers(axes[row][column], layers, display.factor, named=False)
            axes[0][column].set_title(readable(name), fontsize=8, pad=3, loc="left")
            axes[1][column].set_xlabel(f"x / {display.unit}")
        for row, symbol in enumerate(("Z′", "−Z″")):
            axes[row][0].set_ylabel("frequency / Hz")
            axes[row][0].yaxis.set_label_coords(-0.32, 0.5)
            axes[row][-1].annotate(
                f"parts of {symbol}", (1.03, 0.5), xycoords="axes fraction", rotation=270, va="center", fontsize=SMALL
            )
        _colour_bar(figure, mesh)
    return figure


def _colour_limit(values: Sequence[Complex]) -> float:
    """99th percentile of the moduli, rounded up to 1, 2 or 5: a few cells at an end would bleach all others."""
    high = float(np.percentile(np.abs(np.concatenate([v.ravel() for v in values])), 99)) or 1.0
    power = 10.0 ** np.floor(np.log10(high))
    return float(power * next(s for s in (1, 2, 5, 10) if s * power >= high))


def _map_panels(columns: int) -> tuple[Figure, list[list[Axes]]]:
    height, bottom, top, right = 3.3, 2.0, 0.55, 0.65
    total = bottom + 2 * height + GAP + top
    left = 1.75
    width = (DOUBLE - left - right - GAP * (columns - 1)) / columns
    figure = Figure(figsize=(DOUBLE / 2.54, total / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    rows: list[list[Axes]] = [[], []]
    for column in range(columns):
        for row in range(2):
            x, y = left + column * (width + GAP), bottom + (1 - row) * (height + GAP)
            axes = figure.add_axes((x / DOUBLE, y / total, width / DOUBLE, height / total))
            axes.tick_params(labelbottom=row == 1, labelleft=column == 0)
            rows[row].append(axes)
    return figure, rows


def _mesh(axes: Axes, edges: Array, f: Array, values: Array, limit: float) -> QuadMesh:
    logs = np.log10(f)
    middle = 0.5 * (logs[1:] + logs[:-1]) if f.size > 1 else np.zeros(0)
    first, last = (logs[0] - 0.05, logs[-1] + 0.05) if f.size < 2 else (logs[0], logs[-1])
    rows = 10.0 ** np.concatenate([[first], middle, [last]])
    mesh = axes.pcolormesh(edges, rows, values, cmap="PuOr_r", vmin=-limit, vmax=limit, rasterized=True)
    _frequency(axes, f, "y")
    axes.set_ylim(float(rows[0]), float(rows[-1]))
    low, high = float(edges[0]), float(edges[-1])
    axes.set_xlim(low, high)
    ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(low, high)
    # a number at the end of one map would run into the first of the next
    axes.set_xticks([t for t in ticks if low <= t <= low + 0.94 * (high - low)])
    return mesh


def _colour_bar(figure: Figure, mesh: QuadMesh) -> None:
    total = 2.54 * float(figure.get_size_inches()[1])
    box = (0.3, 0.75 / total, 0.45, 0.22 / total)
    bar = figure.colorbar(mesh, cax=figure.add_axes(box), orientation="horizontal", extend="both")
    bar.set_label("part per length × L / |Z|", fontsize=SMALL, labelpad=1)
    bar.ax.tick_params(labelsize=SMALL, length=2)
