"""Nyquist plots: -Im Z against Re Z on equal axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from miecsim.plot.common import as_studies, by_frequency, columns_that_fit, entries, look
from miecsim.plot.marks import Mark, decades_of, place
from miecsim.plot.scales import Display, impedance_display, with_prefix
from miecsim.plot.style import (
    COLOURS,
    DOUBLE,
    GREY,
    MARKERS,
    POINT,
    REFERENCE,
    SINGLE,
    SMALL,
    legend,
    legend_height,
    panels,
    style,
)
from miecsim.plot.window import Window, nyquist_window
from miecsim.results.records import StudyRecord
from miecsim.typing import Array, Complex

LEFT, RIGHT, BOTTOM = 1.35, 0.35, 1.0  # cm
REMARK = 0.42  # cm, height of the line of small text above the axes

SHAPES = {1: (0.5, 1.0), 2: (0.3, 0.55)}  # height / width of the axes, least and most, by columns on paper

Spectrum = tuple[Array, Complex]


def nyquist(
    studies: StudyRecord | Sequence[StudyRecord],
    *,
    labels: Sequence[str] | None = None,
    columns: int = 1,
    whole: bool = False,
) -> Figure:
    """-Im Z against Re Z of one or more studies on equal axes, decades of frequency marked, closed forms dashed.

    A capacitive tail far larger than the arcs is cut, and a line of small text says so; `whole=True` draws all of it.
    `columns` is the width on paper: 1 (8.5 cm) or 2 (17.8 cm). Raises InputError when the units of Z differ.
    """
    chosen = as_studies(studies)
    spectra = [(study.frequency[order], study.Z[order]) for study in chosen for order in (by_frequency(study),)]
    window = nyquist_window(spectra, shapes=SHAPES[min(columns, 2)], whole=whole)
    display = impedance_display(chosen[0].unit, max(abs(v) for v in (*window.x, *window.y)))
    width = SINGLE if columns == 1 else DOUBLE
    room = width - LEFT - RIGHT
    with style():
        handles = entries(chosen, labels)
        per_row = columns_that_fit(handles, width - LEFT)
        remark = tail_remark(window, spectra, chosen[0].unit)
        top = legend_height(len(handles), per_row) + (REMARK if remark else 0.0)
        height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
        figure, (axes,) = panels(width, [height], left=LEFT, right=RIGHT, bottom=BOTTOM, top=top)
        for number, study in enumerate(chosen):
            order = by_frequency(study)
            for reference in study.references.values():
                _curve(axes, reference[order] * display.factor, **REFERENCE)
            _curve(axes, study.Z[order] * display.factor, **look(study, number, 3.2))
        nyquist_axes(axes, window, display)
        nyquist_marks(axes, window, spectra, display.factor, (room / POINT, height / POINT))
        if remark:
            axes.text(0.0, 1.0 + 0.14 / height, remark, transform=axes.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=per_row, left=LEFT)
    return figure


def _curve(axes: Axes, Z: Complex, **how: object) -> None:
    axes.add_line(Line2D(Z.real, -Z.imag, **how))  # type: ignore[arg-type]


def nyquist_axes(axes: Axes, window: Window, display: Display) -> None:
    """Equal axes over `window`, in the unit of `display`."""
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(window.x[0] * display.factor, window.x[1] * display.factor)
    axes.set_ylim(window.y[0] * display.factor, window.y[1] * display.factor)
    ticks = np.asarray(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(*axes.get_xlim()))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(float(ticks[1] - ticks[0])))  # one step for both: equal axes
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
    axes.set_xlabel(f"Z′ / {display.unit}")
    axes.set_ylabel(f"−Z″ / {display.unit}")


def tail_remark(window: Window, spectra: Sequence[Spectrum], unit: str) -> str:
    """How far a tail rises that leaves `window`, "" where none does."""
    if not window.clipped:
        return ""
    ends = [(f[np.argmax(-Z.imag)], np.max(-Z.imag)) for f, Z in spectra]
    frequency, height = max(ends, key=lambda end: end[1])
    display = impedance_display(unit)
    return (
        f"tail cut off: −Z″ rises to {with_prefix(float(height) * display.factor, display.unit)}"
        f" at {with_prefix(float(frequency), 'Hz')}"
    )


def nyquist_marks(
    axes: Axes,
    window: Window,
    spectra: Sequence[Spectrum],
    factor: float,
    box: tuple[float, float],
    colour: str | None = None,
    lines: Sequence[Complex] = (),
) -> None:
    """Filled markers at the decades, and their labels; `box` is the size of the axes in points. One `colour` for all
    spectra, or (None) that of each. Labels keep clear of further `lines`, too."""
    per_point = (window.x[1] - window.x[0]) / box[0]

    def on_paper(Z: Complex) -> Array:
        return np.stack([Z.real - window.x[0], -Z.imag - window.y[0]], axis=-1) / per_point

    curves, decades = [], []
    for frequency, Z in spectra:
        curves.append(on_paper(Z[window.holds(Z)]))
        shown = [d for d in decades_of(frequency, Z) if window.holds(np.array([complex(d.x, -d.y)]))[0]]
        spots = on_paper(np.array([complex(d.x, -d.y) for d in shown], dtype=complex))
        decades.append([replace(d, x=float(x), y=float(y)) for d, (x, y) in zip(shown, spots, strict=True)])
    ends = np.array([complex(window.x[0], 0.0), complex(window.x[1], 0.0)])
    curves += [on_paper(line[window.holds(line)]) for line in lines]
    curves.append(on_paper(ends))  # labels keep clear of the real axis too
    for mark in place(decades, curves, box, SMALL):
        _draw_mark(axes, mark, window, per_point, factor, colour)


def _draw_mark(axes: Axes, mark: Mark, window: Window, per_point: float, factor: float, one_colour: str | None) -> None:
    def shown(x: float, y: float) -> tuple[float, float]:
        return (x * per_point + window.x[0]) * factor, (y * per_point + window.y[0]) * factor

    colour = one_colour or COLOURS[mark.spectrum % len(COLOURS)]
    symbol = "+" if one_colour else MARKERS[mark.spectrum % len(MARKERS)]
    x, y = shown(mark.x, mark.y)
    axes.add_line(Line2D([x], [y], color=colour, marker=symbol, markersize=4.2, zorder=3))
    if mark.label:
        at = shown(mark.tx, mark.ty)
        axes.text(*at, mark.label, fontsize=SMALL, color=colour, ha="center", va="center", zorder=4)
