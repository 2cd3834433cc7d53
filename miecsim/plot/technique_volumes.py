"""How large a picture must be: how much its sub-volumes differ over their edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from miecsim.errors import InputError
from miecsim.plot.scales import Display, decade_limits, decades, length_display, round_values
from miecsim.plot.style import BLUE, GREY, SINGLE, VERMILLION, legend, legend_height, panels, readable, style
from miecsim.plot.technique_common import LEFT, expect
from miecsim.techniques.effective_transport import TECHNIQUE
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array

HEIGHT = 4.2  # cm, of a phase
LOOKS = {"fraction": ("fraction", BLUE, "o"), "conductivity": ("σ along the axis", VERMILLION, "s")}
OPEN: Any = {"markerfacecolor": "white", "markersize": 3.6, "linewidth": 0.9}
AIR = 0.13  # of the height, for what is written above
FEW = 100.0  # largest over smallest value up to which 1, 2 and 5 of every decade are written out


def technique_volumes(record: TechniqueRecord) -> Figure:
    """For each phase the coefficient of variation of its fraction and of its effective conductivity over the edge of
    sub-volumes, with the fitted powers up to the variation that is wanted, and the edge at which they reach it; the
    edge of the picture dashed. Nothing stands for a size at which all are alike. InputError for a record without
    sub-volumes."""
    expect(record, TECHNIQUE, "sub-volumes")
    phases = [name.removeprefix("volumes_") for name in record.tables if name.startswith("volumes_")]
    if not phases:
        raise InputError("figure of sub-volumes: the record of effective transport has none; give parts")
    edges, variations = _drawn(record, phases)
    lengths = length_display(float(edges.max()))
    x, (low, high) = decade_limits(edges * lengths.factor), decade_limits(variations)
    y = low, high * (high / low) ** (AIR / (1 - AIR))
    with style():
        handles = _handles(record, phases)
        figure, axes = panels(SINGLE, [HEIGHT] * len(phases), left=LEFT, top=legend_height(len(handles), 2))
        for each, phase in zip(axes, phases, strict=True):
            each.set_xscale("log")
            each.set_yscale("log")
            each.set_xlim(*x)
            each.set_ylim(*y)
            _phase(each, record.tables[f"volumes_{phase}"], record.tables[f"decay_{phase}"], lengths)
            each.text(0.03, 0.98, readable(phase), transform=each.transAxes, va="top")
            each.set_ylabel("coefficient of variation")
            _ticks(each, x, y)
        axes[-1].set_xlabel(f"edge of the sub-volume / {lengths.unit}")
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _handles(record: TechniqueRecord, phases: list[str]) -> list[Line2D]:
    wanted = float(record.tables[f"decay_{phases[0]}"]["wanted"][0][0])
    looks = [Line2D([], [], color=colour, marker=mark, label=word, **OPEN) for word, colour, mark in LOOKS.values()]
    dotted = Line2D([], [], color=GREY, linewidth=0.8, linestyle=":", label=f"wanted: {100 * wanted:.3g} %")
    return [*looks, dotted, Line2D([], [], color=GREY, linewidth=0.8, linestyle="--", label="edge of the picture")]


def _drawn(record: TechniqueRecord, phases: list[str]) -> tuple[Array, Array]:
    """All edges [m] and variations that the axes must hold."""
    edges, variations = [], []
    for phase in phases:
        sizes, fit = record.tables[f"volumes_{phase}"], record.tables[f"decay_{phase}"]
        edges += [sizes["edge"][0], fit["edge"][0], *(fit[f"edge_{name}"][0] for name in LOOKS)]
        variations += [fit["wanted"][0], *(sizes[f"variation_{name}"][0] for name in LOOKS)]
    x, y = np.concatenate(edges), np.concatenate(variations)
    return x[np.isfinite(x)], y[np.isfinite(y) & (y > 0)]


def _phase(axes: Axes, sizes: Table, fit: Table, lengths: Display) -> None:
    edge, whole, wanted = sizes["edge"][0], float(fit["edge"][0][0]), float(fit["wanted"][0][0])
    axes.axhline(wanted, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    axes.axvline(whole * lengths.factor, ymax=1 - AIR, color=GREY, linewidth=0.8, linestyle="--", zorder=1)
    low, high = axes.get_ylim()
    for number, (name, (_, colour, mark)) in enumerate(LOOKS.items()):
        values = sizes[f"variation_{name}"][0]
        on = values > 0
        axes.plot(edge[on] * lengths.factor, values[on], linestyle="none", marker=mark, color=colour, **OPEN)
        exponent, at_whole, needed = (float(fit[f"{word}_{name}"][0][0]) for word in ("exponent", "variation", "edge"))
        if not exponent > 0:
            continue
        reach = np.array([edge.min(), np.nanmax([edge.max(), needed])])
        axes.plot(reach * lengths.factor, at_whole * (reach / whole) ** -exponent, color=colour, linewidth=0.9)
        words = f"∝ edge$^{{-{exponent:.2f}}}$"
        place = {"transform": axes.transAxes, "va": "top", "color": colour, "parse_math": True}
        axes.text(0.38 + 0.32 * number, 0.98, words, **place)  # type: ignore[arg-type]
        if np.isfinite(needed):
            axes.plot([needed * lengths.factor] * 2, [low, wanted], color=colour, linewidth=0.7, zorder=1)


def _ticks(axes: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    for axis, (low, high) in ((axes.xaxis, x), (axes.yaxis, y)):
        if high / low >= FEW:
            decades(axis, low, high)
            continue
        ticks = round_values(low, high)
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
        axis.set_minor_locator(NullLocator())
