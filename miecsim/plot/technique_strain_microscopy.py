"""Electrochemical strain microscopy: rise of the surface over frequency, and where the composition changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import decade_limits, decades, with_prefix
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DOUBLE,
    GREY,
    REFERENCE,
    VERMILLION,
    legend,
    legend_height,
    panels,
    style,
)
from miecsim.plot.technique_afm_impedance import DECADES, LEVELS, SHOWN, TIP, scale_bar
from miecsim.plot.technique_common import beside, expect, logarithmic
from miecsim.techniques.record import Table, TechniqueRecord

LEFT, LEFT_WIDTH, GAP, RIGHT_WIDTH, ROW_GAP = 1.45, 7.0, 1.8, 5.3, 1.25  # cm
HEIGHTS = (3.0, 2.2, 2.6)  # cm
PICOMETRES = 1e12
LARGEST = 3.0  # of what is on the axis: more, at the rim of a tip that blocks ions, is cut off


def technique_strain_microscopy(record: TechniqueRecord) -> Figure:
    """Left, over frequency: amplitude of the rise under the tip per volt, dashed what planar diffusion from an imposed
    composition would give; its phase; the radius to which the change of concentration at the surface reaches, and the
    depth above which half of the rise comes from. Right: the change along the surface, over that on the axis, at three
    frequencies, and its magnitude in the film at the middle one.
    InputError for the record of another technique."""
    expect(record, "strain_microscopy", "strain microscopy")
    table, surface = record.tables["displacement"], record.tables["surface"]
    shown = np.unique(surface["frequency"][0])
    with style():
        handles: list[Any] = [
            Line2D([], [], color=BLUE, marker="o", markersize=2.4, markerfacecolor="white", label="model"),
            Line2D([], [], label="planar diffusion", **REFERENCE),
        ]
        handles += [
            Line2D([], [], color=COLOURS[k + 1], linestyle=DASHES[k], label=with_prefix(float(f), "Hz"))
            for k, f in enumerate(shown)
        ]
        handles += [Line2D([], [], label=name, **how) for name, how in _reaches()]
        right = DOUBLE - LEFT - LEFT_WIDTH
        figure, (size, phase, reach) = panels(
            DOUBLE, HEIGHTS, left=LEFT, right=right, top=legend_height(len(handles), 4)
        )
        _over_frequency(size, phase, table)
        along = beside(figure, size, size, GAP, RIGHT_WIDTH)
        _along(along, surface, record)
        _reach(reach, table, record)
        _map(figure, along, reach, record)
        legend(figure, handles, columns=4, left=LEFT)
    return figure


def _reaches() -> tuple[tuple[str, dict[str, Any]], ...]:
    return (
        ("half width of Δc", {"color": VERMILLION, "marker": "s", "markersize": 2.2}),
        ("50 % of the rise above", {"color": GREY, "marker": "^", "markersize": 2.2}),
    )


def _over_frequency(size: Axes, phase: Axes, table: Table) -> None:
    f, amplitude, planar = (table[name][0] for name in ("frequency", "amplitude", "planar diffusion"))
    model: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 2.4, "markerfacecolor": "white"}
    low, high = decade_limits(PICOMETRES * amplitude)
    size.plot(f, PICOMETRES * planar, **REFERENCE)
    size.plot(f, PICOMETRES * amplitude, **model)
    logarithmic(size, [PICOMETRES * amplitude])
    size.set_ylim(low, high)
    size.set_xscale("log")
    limits = decade_limits(f)
    size.set_xlim(*limits)
    decades(size.xaxis, *limits)
    size.set_ylabel("|u₃| / pm V⁻¹")
    phase.plot(f, table["phase"][0], **model)
    phase.set_ylabel("phase / °")


def _along(axes: Axes, surface: Table, record: TechniqueRecord) -> None:
    a = _radius(record)
    f, r, c = (surface[name][0] for name in ("frequency", "r", "concentration"))
    largest = 1.0
    for k, here in enumerate(np.unique(f)):
        at = f == here
        largest = max(largest, float(np.max(c[at] / c[at][0])))
        axes.plot(r[at] / a, c[at] / c[at][0], color=COLOURS[k + 1], linestyle=DASHES[k])
    axes.set_xlim(0, 4)
    axes.set_ylim(0, 1.1 * min(largest, LARGEST))
    axes.set_xlabel("r / a", labelpad=1)
    axes.set_ylabel("|Δc| / on axis")


def _reach(axes: Axes, table: Table, record: TechniqueRecord) -> None:
    a, f = _radius(record), table["frequency"][0]
    drawn = [table["half width"][0] / a, table["depth of 50 %"][0] / a]
    for values, (_, how) in zip(drawn, _reaches(), strict=True):
        axes.plot(f, values, **how | {"markerfacecolor": "white", "linewidth": 0.9})
    logarithmic(axes, [np.concatenate(drawn)[np.isfinite(np.concatenate(drawn))]])
    axes.set_xlabel("frequency / Hz")
    axes.set_ylabel("reach / a")


def _map(figure: Figure, upper: Axes, lower: Axes, record: TechniqueRecord) -> None:
    table, a = record.tables["map"], _radius(record)
    r, depth = table["r"][0] / a, table["depth"][0] / a
    size = np.abs(table["concentration real"][0] + 1j * table["concentration imaginary"][0])
    near = (r < 2 * SHOWN) & (depth < 2 * SHOWN)
    level = np.log10(np.maximum(size / size[near].max(), 10.0**-DECADES))
    top, bottom = upper.get_position(), lower.get_position()
    room = top.y0 - bottom.y0 - ROW_GAP / 2.54 / float(figure.get_size_inches()[1])
    axes = figure.add_axes((top.x0, bottom.y0, top.width, room))
    x, depth, level = np.concatenate([-r[near], r[near]]), np.tile(depth[near], 2), np.tile(level[near], 2)
    drawn = axes.tricontourf(x, depth, level, levels=LEVELS, cmap="viridis")
    axes.set_xlim(0, SHOWN)
    axes.set_ylim(SHOWN, 0)
    axes.set_aspect("equal", adjustable="box", anchor="W")
    axes.plot([0, 1], [0, 0], **TIP)
    axes.set_xlabel("r / a")
    axes.set_ylabel("depth / a")
    scale_bar(figure, axes, drawn, "|Δc| / largest")


def _radius(record: TechniqueRecord) -> float:
    """Of the tip [m]."""
    return float(record.tables["tip"]["radius"][0][0])
