"""A measured spectrum and whether it obeys the Kramers-Kronig relations: the points, and what a filter left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from miecsim.errors import InputError
from miecsim.inverse.kramers_kronig import Filtered
from miecsim.inverse.measured import Measured
from miecsim.plot.nyquist import REMARK, SHAPES, nyquist_axes, nyquist_marks, tail_remark
from miecsim.plot.scales import decade_limits, decades, impedance_display
from miecsim.plot.style import (
    BLUE,
    DOUBLE,
    DPI,
    GREY,
    POINT,
    REFERENCE,
    SINGLE,
    SMALL,
    VERMILLION,
    legend,
    legend_height,
    place_label,
    style,
)
from miecsim.plot.window import Window, nyquist_window
from miecsim.typing import Array, Bools, Complex

LEFT, RIGHT, BOTTOM, GAP, RESIDUALS = 1.35, 0.35, 1.0, 1.15, 3.0  # cm
BAND = "#DDDDDD"
LIMITS = 1.6  # of the residuals' axis, over the threshold or the largest residual of a point kept
EDGE = 0.95  # of the axis: where the arrows stand
FINE = 40  # points a decade of the fitted curve
KEPT: dict[str, Any] = {"color": GREY, "marker": "o", "markerfacecolor": "white", "markersize": 3.2}
LOOSE: dict[str, Any] = {"linestyle": "none", "zorder": 3}
GONE: dict[str, Any] = {"color": VERMILLION, "marker": "x", "markersize": 4.6, "linestyle": "none", "zorder": 3.5}
PARTS: tuple[tuple[str, str, str], ...] = (("Z′", BLUE, "o"), ("Z″", VERMILLION, "s"))


def kramers_kronig_residuals(data: Measured, filtered: Filtered, *, columns: int = 1) -> Figure:
    """Nyquist plot of the points kept and left out, on equal axes, above the residuals (Z - fit)/|Z| over frequency.

    data: what was given to `filter_points`, point for point. The band is its threshold; a cross is a point left out,
    an arrow at the edge one whose residual lies beyond the axis. `columns` is the width on paper. Raises InputError
    where data and filter differ in length.
    """
    if len(data) != filtered.mask.size:
        raise InputError(f"{data.source}: {len(data)} points, but the filter had {filtered.mask.size}")
    f, Z = data.frequency, data.Z
    order = np.argsort(f[filtered.mask], kind="stable")
    kept = f[filtered.mask][order], Z[filtered.mask][order]
    window = nyquist_window([kept], shapes=SHAPES[min(columns, 2)])
    width = SINGLE if columns == 1 else DOUBLE
    room = width - LEFT - RIGHT
    height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
    with style():
        handles, remark = _handles(bool(filtered.dropped)), _remark(data, filtered, window)
        per_row = 2 if columns == 1 else 5
        top = legend_height(len(handles), per_row) + (REMARK if remark else 0.0)
        total = BOTTOM + RESIDUALS + GAP + height + top
        figure = Figure(figsize=(width / 2.54, total / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        boxes = ((BOTTOM + RESIDUALS + GAP, height), (BOTTOM, RESIDUALS))
        upper, lower = (figure.add_axes((LEFT / width, y / total, room / width, h / total)) for y, h in boxes)
        for axes in (upper, lower):
            place_label(axes, LEFT, room)
        _spectrum(upper, data, filtered, kept, window, (room / POINT, height / POINT))
        _residuals(lower, data, filtered)
        if remark:
            upper.text(0.0, 1.0 + 0.14 / height, remark, transform=upper.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=per_row, left=LEFT)
    return figure


def _handles(dropped: bool) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], label="Kramers-Kronig fit", **REFERENCE),
        Patch(facecolor=BAND, label="threshold"),
    ]
    handles += [Line2D([], [], linestyle="none", label=f"residual of {name}", **_open(c, m)) for name, c, m in PARTS]
    if dropped:
        handles.append(Line2D([], [], label="left out", **(GONE | {"color": "black"})))
    return handles


def _open(colour: str, marker: str) -> dict[str, Any]:
    return {"color": colour, "marker": marker, "markerfacecolor": "white", "markersize": 3.2}


def _spectrum(
    axes: Axes,
    data: Measured,
    filtered: Filtered,
    kept: tuple[Array, Complex],
    window: Window,
    box: tuple[float, float],
) -> None:
    display = impedance_display(data.units, max(abs(v) for v in (*window.x, *window.y)))
    f = kept[0]
    fine = np.geomspace(f[0], f[-1], max(2, int(FINE * np.log10(f[-1] / f[0]))))
    fit = filtered.check.at(fine) * display.factor
    axes.add_line(Line2D(fit.real, -fit.imag, **REFERENCE))
    Z = kept[1] * display.factor
    axes.add_line(Line2D(Z.real, -Z.imag, linestyle="none", **KEPT))
    gone = data.Z[~filtered.mask] * display.factor
    if gone.size:
        axes.add_line(Line2D(gone.real, -gone.imag, **(GONE | {"color": "black"})))
    nyquist_axes(axes, window, display)
    nyquist_marks(axes, window, [kept], display.factor, box, colour="black")


def _residuals(axes: Axes, data: Measured, filtered: Filtered) -> None:
    """Percent, of the points kept and left out; those beyond the axis as arrows at its edge."""
    found = 100 * (data.Z - filtered.check.at(data.frequency)) / np.abs(data.Z)
    kept = found[filtered.mask]
    largest = max(100 * filtered.threshold, float(np.abs(kept.real).max()), float(np.abs(kept.imag).max()))
    limit = LIMITS * largest
    for edge in (-1, 1):
        axes.axhline(edge * 100 * filtered.threshold, color=GREY, linewidth=0.4, zorder=1)
    axes.axhspan(-100 * filtered.threshold, 100 * filtered.threshold, color=BAND, linewidth=0, zorder=0.5)
    axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
    for (_, colour, marker), values in zip(PARTS, (found.real, found.imag), strict=True):
        inside = np.abs(values) <= limit
        gone = GONE | {"color": colour}
        looks: tuple[tuple[Bools, dict[str, Any]], ...] = (
            (filtered.mask, _open(colour, marker)),
            (~filtered.mask & inside, gone),
            (~filtered.mask & (values > limit), gone | {"marker": "^"}),
            (~filtered.mask & (values < -limit), gone | {"marker": "v"}),
        )
        for points, look in looks:
            if points.any():
                y = np.clip(values[points], -EDGE * limit, EDGE * limit)
                axes.add_line(Line2D(data.frequency[points], y, **(LOOSE | look)))
    low, high = decade_limits(data.frequency)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades(axes.xaxis, low, high)
    axes.set_ylim(-limit, limit)
    axes.set_xlabel("frequency / Hz")
    axes.set_ylabel("residual / %")


def _remark(data: Measured, filtered: Filtered, window: Window) -> str:
    """What the figure cannot show, and how many points went."""
    hidden = int(np.sum(~window.holds(data.Z[~filtered.mask])))
    said = [f"{len(filtered.dropped)} of {len(data)} points left out"] if filtered.dropped else []
    if hidden:
        said.append(f"{hidden} of them beyond these axes")
    if not filtered.consistent:
        said.append("points kept exceed the threshold")
    tail = tail_remark(window, [(data.frequency[filtered.mask], data.Z[filtered.mask])], data.units)
    return "; ".join([*said, *([tail] if tail else [])])
