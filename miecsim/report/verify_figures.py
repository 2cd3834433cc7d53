"""Figures of the page of proofs: spectra on what they should be, misprints, and errors on refined meshes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, MultipleLocator, NullLocator

from miecsim.plot.scales import decade_limits, decades, impedance_display
from miecsim.plot.style import (
    COLOURS,
    DASHES,
    DOUBLE,
    DPI,
    GREY,
    MARKERS,
    REFERENCE,
    SMALL,
    VERMILLION,
    legend,
    legend_height,
    panels,
    series,
    style,
)
from miecsim.plot.window import nyquist_window
from miecsim.verify.proof import Row, SpectrumCurve

ACROSS = 4  # Nyquist plots side by side
LEFT, GAP, RIGHT = 1.15, 1.15, 0.2  # cm, beside and between them
ABOVE, BELOW, LEGEND = 0.55, 1.05, 0.6  # cm, for the title, the labels and the legend
SHAPE = 0.72  # height / width of every Nyquist plot
WIDEST = (1e-2, 1e2)  # ratios beyond stand at the edge, as an arrow
CONTINUUM: dict[str, Any] = series(0) | {"linestyle": "none", "markersize": 4.0}
PRINTED: dict[str, Any] = series(1) | {"linestyle": "none", "markersize": 4.0, "markerfacecolor": VERMILLION}
ROUNDING = 1e-13  # errors below this are rounding


def label_of(row: Row) -> str:
    """The id of a row without family and kind: its sample."""
    return (
        row.id.removeprefix(f"{row.family}.")
        .removesuffix(".continuum")
        .removesuffix(".nodal")
        .replace(".", ", ")
        .replace("_", " ")
    )


def nyquist_grid(rows: Sequence[Row]) -> Figure | None:
    """One Nyquist plot per row that has a spectrum, its reference dashed; None where no row has."""
    shown = [row for row in rows if row.spectrum is not None]
    if not shown:
        return None
    width = (DOUBLE - LEFT - RIGHT - GAP * (ACROSS - 1)) / ACROSS
    height = SHAPE * width
    lines = -(-len(shown) // ACROSS)
    total = LEGEND + lines * (ABOVE + height + BELOW)
    with style():
        figure = Figure(figsize=(DOUBLE / 2.54, total / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        for number, row in enumerate(shown):
            line, column = divmod(number, ACROSS)
            bottom = total - LEGEND - line * (ABOVE + height + BELOW) - ABOVE - height
            box = (LEFT + column * (width + GAP), bottom, width, height)
            axes = figure.add_axes((box[0] / DOUBLE, box[1] / total, box[2] / DOUBLE, box[3] / total))
            assert row.spectrum is not None
            _nyquist(axes, row.spectrum, label_of(row))
        handles = [
            Line2D([], [], label="computed", linestyle="none", **series(0) | {"markersize": 3.4}),
            Line2D([], [], label="what it should be", **REFERENCE),
        ]
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _nyquist(axes: Axes, curve: SpectrumCurve, title: str) -> None:
    window = nyquist_window([(curve.frequency, curve.Z)], shapes=(SHAPE, SHAPE))
    display = impedance_display(curve.unit, max(abs(v) for v in (*window.x, *window.y)))
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(window.x[0] * display.factor, window.x[1] * display.factor)
    axes.set_ylim(window.y[0] * display.factor, window.y[1] * display.factor)
    for Z, how in (
        (curve.exact, REFERENCE),
        (curve.Z, series(0) | {"linestyle": "none", "markersize": 2.6, "zorder": 2.0}),
    ):
        axes.add_line(Line2D(Z.real * display.factor, -Z.imag * display.factor, **how))
    ticks = np.asarray(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(*axes.get_xlim()))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(float(ticks[1] - ticks[0])))  # one step for both: equal axes
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
    axes.tick_params(labelsize=SMALL)
    axes.set_xlabel(f"Z′ / {display.unit}", fontsize=SMALL + 0.5, labelpad=1.5)
    axes.set_ylabel(f"−Z″ / {display.unit}", fontsize=SMALL + 0.5, labelpad=1.5)
    axes.set_title(title, fontsize=SMALL + 0.5, loc="left", pad=3)


def convergence(rows: Sequence[Row]) -> Figure | None:
    """Error against the number of cells, beside a slope of two; None where nothing converges."""
    shown = [row for row in rows if row.convergence is not None and row.convergence.error.max() > ROUNDING]
    if not shown:
        return None
    with style():
        handles = [Line2D([], [], label=label_of(row), **_look(number)) for number, row in enumerate(shown)]
        handles.append(Line2D([], [], label="N⁻²", **REFERENCE))
        columns = min(4, len(handles))
        figure, (axes,) = panels(DOUBLE, [6.0], left=LEFT + 0.3, top=legend_height(len(handles), columns))
        curves = [row.convergence for row in shown if row.convergence is not None]
        axes.set_xscale("log")
        axes.set_yscale("log")
        for number, curve in enumerate(curves):
            axes.add_line(Line2D(curve.cells, np.maximum(curve.error, ROUNDING), **_look(number)))
        cells = np.concatenate([curve.cells for curve in curves])
        errors = np.maximum(np.concatenate([curve.error for curve in curves]), ROUNDING)
        middle = 0.3 * float(np.sqrt(errors.min() * errors.max()))  # clear of the curves where there is one
        guide = np.array([cells.min(), cells.max()])
        slope = middle * (guide / np.sqrt(guide[0] * guide[1])) ** -2
        axes.add_line(Line2D(guide, slope, **REFERENCE))
        axes.set_xlim(*decade_limits(cells))
        low, high = (
            10.0 ** np.floor(np.log10(min(errors.min(), slope[1]) / 1.2)),
            10.0 ** np.ceil(np.log10(1.2 * errors.max())),
        )
        axes.set_ylim(low, high)
        meshes = np.unique(cells)
        axes.xaxis.set_major_locator(FixedLocator([float(n) for n in meshes]))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{n:g}" for n in meshes]))
        axes.xaxis.set_minor_locator(NullLocator())
        decades(axes.yaxis, low, high)
        axes.set_xlabel(", ".join(dict.fromkeys(curve.each for curve in curves)))
        axes.set_ylabel("largest relative error")
        legend(figure, handles, columns=columns, left=LEFT)
    return figure


def misprints(rows: Sequence[Row]) -> Figure | None:
    """What the printed formulas give, as a multiple of the right figure, beside the continuum; None without any."""
    shown = [row for row in rows if row.printed is not None and row.value is not None and row.reference]
    if not shown:
        return None
    low, high = WIDEST
    margin = 5.5  # cm, for the titles
    with style():
        figure, (axes,) = panels(DOUBLE, [0.62 * len(shown)], left=margin, right=1.6, top=legend_height(2, 2))
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.axvline(1.0, color=GREY, linewidth=0.4, zorder=1)
        for y, row in enumerate(shown):
            assert row.printed is not None and row.value is not None and row.reference is not None
            ratio = row.printed / row.reference
            inside = low < ratio < high
            at = min(max(ratio, low * 1.15), high / 1.15)
            axes.plot([at], [y], **PRINTED | ({} if inside else {"marker": "<" if ratio < low else ">"}))
            axes.plot([row.value / row.reference], [y], **CONTINUUM)
            axes.text(1.02, y, f"× {ratio:.2g}", transform=axes.get_yaxis_transform(), fontsize=SMALL, va="center")
        axes.yaxis.set_major_locator(FixedLocator(list(range(len(shown)))))
        axes.yaxis.set_major_formatter(FixedFormatter([row.title for row in shown]))
        axes.tick_params(axis="y", labelsize=SMALL, length=0)
        decades(axes.xaxis, low, high)
        axes.set_xlabel("figure / right figure")
        handles = [Line2D([], [], label="continuum", **CONTINUUM), Line2D([], [], label="as printed", **PRINTED)]
        legend(figure, handles, columns=2, left=margin)
    return figure


def _look(number: int) -> dict[str, Any]:
    """Colour, marker and dash of a series; dashes change when the colours begin again."""
    colour = COLOURS[number % len(COLOURS)]
    return {
        "color": colour,
        "marker": MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
        "markerfacecolor": "white",
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
    }
