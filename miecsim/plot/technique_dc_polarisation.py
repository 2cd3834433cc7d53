"""Direct-current polarisation: resistance over time, what is read after each wait, and both spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import Display, decade_limits, decades, impedance_display
from miecsim.plot.style import DOUBLE, REFERENCE, legend, legend_height, panels, series, style
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.dc_polarisation import ELECTRON_BLOCKED, ION_BLOCKED, STEADY
from miecsim.techniques.record import TechniqueRecord

LEFT, RIGHT, GAP, HEIGHTS = 1.35, 0.4, 1.75, (3.6, 2.6)  # cm
ROOM = (DOUBLE - LEFT - RIGHT - GAP) / 2  # cm, of one of two columns
LEAST = 1e-5  # the smallest error that is drawn
CELLS = ((ION_BLOCKED, "eon", "R_ion_blocked"), (ELECTRON_BLOCKED, "ion", "R_electron_blocked"))


def technique_dc_polarisation(record: TechniqueRecord) -> Figure:
    """Left: V/I of both cells over the time since the step, with L/(sigma A) of the carrier that passes dashed; below,
    the magnitude of the error of its conductivity. Right: the spectra of both cells, direct current as filled marks.
    InputError for the record of another technique."""
    expect(record, "dc_polarisation", "dc polarisation")
    with style():
        handles = [Line2D([], [], label=name, **series(k)) for k, (name, _, _) in enumerate(CELLS)]
        handles.append(Line2D([], [], label="L / (σ A), true", **REFERENCE))
        right = RIGHT + ROOM + GAP
        figure, (course, error) = panels(DOUBLE, HEIGHTS, left=LEFT, right=right, top=legend_height(3, 3))
        largest = max(record.figure(name).true for _, _, name in CELLS)
        shown = impedance_display(record.tables["spectra"]["Z real, ion-blocked"][1], largest)
        _course(course, record, shown)
        _errors(error, record)
        _spectra(beside(figure, course, error, GAP, ROOM), record, shown)
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def _course(axes: Axes, record: TechniqueRecord, shown: Display) -> None:
    first = record.tables["waiting"]["time"][0][0]
    top = 0.0
    for k, (name, _, quantity) in enumerate(CELLS):
        t, R = (record.tables[name][column][0] for column in ("time", "resistance"))
        drawn = t >= first
        axes.plot(t[drawn], shown.factor * R[drawn], color=series(k)["color"])
        true = shown.factor * record.figure(quantity, STEADY).true
        axes.axhline(true, **REFERENCE)
        top = max(top, true, float(shown.factor * R[drawn].max()))
    axes.set_ylim(0, 1.08 * top)
    axes.set_ylabel(f"V / I / {shown.unit}")
    low, high = decade_limits(record.tables["waiting"]["time"][0])
    axes.set_xscale("log")
    axes.set_xlim(low, high)


def _errors(axes: Axes, record: TechniqueRecord) -> None:
    table = record.tables["waiting"]
    t = table["time"][0]
    values = []
    for k, (_, carrier, _) in enumerate(CELLS):
        error = np.maximum(np.abs(table[f"error_{carrier}"][0]), LEAST)
        axes.plot(t, error, color=series(k)["color"])
        values.append(error)
    low, high = decade_limits(np.concatenate(values))
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decades(axes.yaxis, low, high)
    axes.set_ylabel("|error of σ|")
    low, high = decade_limits(t)
    decades(axes.xaxis, low, high)
    axes.set_xlabel("time since the step / s")


def _spectra(axes: Axes, record: TechniqueRecord, shown: Display) -> None:
    table = record.tables["spectra"]
    for k, (name, _, quantity) in enumerate(CELLS):
        label = name.removesuffix(" cell")
        x, y = (shown.factor * table[f"Z {part}, {label}"][0] for part in ("real", "imaginary"))
        look: dict[str, Any] = series(k)
        axes.plot(x, -y, **look)
        direct = shown.factor * record.figure(quantity, STEADY).textbook
        axes.plot([direct], [0.0], **look | {"markerfacecolor": look["color"], "linestyle": "none", "markersize": 4.2})
    tall = (sum(HEIGHTS) + 0.25) / ROOM  # equal scales of both axes
    span = 1.06 * shown.factor * max(record.figure(q).true for _, _, q in CELLS)
    axes.set_xlim(0, span)
    axes.set_ylim(-0.04 * span, span * (tall - 0.04))
    axes.set_xlabel(f"Re Z / {shown.unit}")
    axes.set_ylabel(f"−Im Z / {shown.unit}")
