"""The current-carrying electrode: its two I-V lines, and both spectra from their common start to R_ee and R_ii."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import Display, impedance_display, scaled
from miecsim.plot.style import DOUBLE, GREY, SMALL, legend, legend_height, panels, series, style
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.current_carrying import BY_EXCESS, BY_STEADY
from miecsim.techniques.record import Table, TechniqueRecord

LEFT, RIGHT, GAP, HEIGHT = 1.35, 0.4, 1.75, 5.2  # cm
ROOM = (DOUBLE - LEFT - RIGHT - GAP) / 2  # cm, of one of two axes side by side
CELLS = (("ee", "electrons' contacts"), ("ii", "ions' contacts"))


def technique_current_carrying(record: TechniqueRecord) -> Figure:
    """Left: voltage over current with the lines of R_ee and R_ii. Right: spectra of both cells, with direct current as
    filled marks and the common resistance at high frequency as a grey line. InputError for another record."""
    expect(record, "current_carrying_electrode", "the current-carrying electrode")
    with style():
        handles = [Line2D([], [], label=label, **series(k)) for k, (_, label) in enumerate(CELLS)]
        figure, (left,) = panels(DOUBLE, [HEIGHT], left=LEFT, right=RIGHT + ROOM + GAP, top=legend_height(2, 2))
        _lines(left, record)
        _spectra(beside(figure, left, left, GAP, ROOM), record)
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _lines(axes: Axes, record: TechniqueRecord) -> None:
    table = record.tables["lines"]
    most = max(float(np.max(np.abs(table[f"current_{name}"][0]))) for name, _ in CELLS)
    ampere = scaled(most, table["current_ee"][1])
    for k, (name, _) in enumerate(CELLS):
        current, V = table[f"current_{name}"][0], table[f"voltage_{name}"][0]
        resistance = record.figure(f"R_{name}", "direct current").textbook
        ends = np.array([current.min(), current.max()])
        look = series(k)
        axes.plot(ampere.factor * current, 1e3 * V, **look | {"linestyle": "none"})
        axes.plot(ampere.factor * ends, 1e3 * resistance * ends, color=look["color"], linewidth=0.9)
    axes.axhline(0, color=GREY, linewidth=0.4)
    axes.axvline(0, color=GREY, linewidth=0.4)
    axes.set_xlabel(f"current / {ampere.unit}")
    axes.set_ylabel("voltage / mV")
    found = [
        f"{label}: t_ion = {one.textbook:.4f} ({100 * one.error:+.2f} %)"
        for how, label in ((BY_STEADY, "R_ee / (R_ee + R_ii)"), (BY_EXCESS, "excess over R_HF"))
        for one in record.compared
        if (one.quantity, one.how) == ("t_ion", how)
    ]
    axes.set_ylim(1.5e3 * _lowest(table), None)
    axes.text(0.98, 0.03, "\n".join(found), transform=axes.transAxes, fontsize=SMALL, ha="right", linespacing=1.5)


def _lowest(table: Table) -> float:
    return min(float(table[f"voltage_{name}"][0].min()) for name, _ in CELLS)


def _spectra(axes: Axes, record: TechniqueRecord) -> None:
    table = record.tables["spectra"]
    unit = table["Z real, ee"][1]
    largest = max(record.figure(f"R_{name}").textbook for name, _ in CELLS)
    shown: Display = impedance_display(unit, largest)
    for k, (name, _) in enumerate(CELLS):
        x, y = (shown.factor * table[f"Z {part}, {name}"][0] for part in ("real", "imaginary"))
        look: dict[str, Any] = series(k)
        axes.plot(x, -y, **look)
        direct = shown.factor * record.figure(f"R_{name}").textbook
        axes.plot([direct], [0.0], **look | {"markerfacecolor": look["color"], "linestyle": "none", "markersize": 4.2})
    high = shown.factor * record.figure("R_HF").true
    axes.axvline(high, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)))
    axes.annotate(
        "R_ion || R_eon",
        (high, 0.5 * shown.factor * largest),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=SMALL,
    )
    span = 1.06 * shown.factor * largest
    axes.set_xlim(0, span)
    axes.set_ylim(-0.04 * span, span * (HEIGHT / ROOM - 0.04))
    axes.set_xlabel(f"Re Z / {shown.unit}")
    axes.set_ylabel(f"−Im Z / {shown.unit}")
