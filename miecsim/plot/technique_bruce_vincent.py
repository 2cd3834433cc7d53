"""The Bruce-Vincent method: the current over time, spectra before and after, and t_+ over the voltage of the step."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import decade_limits, decades, impedance_display
from miecsim.plot.style import COLOURS, DOUBLE, REFERENCE, legend, legend_height, panels, series, style
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.record import TechniqueRecord

LEFT, RIGHT, GAP, HEIGHT = 1.35, 0.3, 1.6, 4.6  # cm
ROOM = (DOUBLE - LEFT - RIGHT - 2 * GAP) / 3  # cm, of one of three axes side by side
EARLIEST = 1e-6  # of the run: from where the current is drawn


def technique_bruce_vincent(record: TechniqueRecord) -> Figure:
    """Current of each step over its first one; spectra at rest (open circles) and polarised; t_+ as read (circles) and
    with the interfaces known (squares), its true value dashed. InputError for the record of another technique."""
    expect(record, "bruce_vincent", "the Bruce-Vincent method")
    V = record.tables["steps"]["voltage"][0]
    with style():
        handles = [Line2D([], [], color=_colour(k), label=f"{1e3 * v:.4g} mV") for k, v in enumerate(V)]
        handles += [
            Line2D([], [], label=label, **_mark(k)) for k, label in enumerate(("t₊ as read", "interfaces known"))
        ]
        handles.append(Line2D([], [], label="true t₊", **REFERENCE))
        right = RIGHT + 2 * (ROOM + GAP)
        figure, (left,) = panels(DOUBLE, [HEIGHT], left=LEFT, right=right, top=legend_height(len(handles), 6))
        _currents(left, record)
        middle = beside(figure, left, left, GAP, ROOM)
        _spectra(middle, record)
        _numbers(beside(figure, middle, middle, GAP, ROOM), record)
        legend(figure, handles, columns=6, left=LEFT)
    return figure


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _mark(k: int) -> dict[str, Any]:
    return series(k) | {"color": "black", "markeredgecolor": "black", "linewidth": 0.6}


def _currents(axes: Axes, record: TechniqueRecord) -> None:
    table = record.tables["current"]
    first = record.tables["steps"]["first_current"][0]
    end = 0.0
    for k, v in enumerate(record.tables["steps"]["voltage"][0]):
        here = table["step"][0] == v
        t, current = table["time"][0][here], table["current"][0][here] / first[k]
        drawn = t > EARLIEST * t[-1]
        axes.plot(t[drawn], current[drawn], color=_colour(k))
        end = max(end, float(t[-1]))
    low, high = decade_limits(np.array([EARLIEST * end, end]))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades(axes.xaxis, low, high)
    axes.set_ylim(0, 1.1)
    axes.set_xlabel("time since the step / s")
    axes.set_ylabel("current / first current")


def _spectra(axes: Axes, record: TechniqueRecord) -> None:
    table = record.tables["spectra"]
    names = [name.removeprefix("Z real, ") for name in table if name.startswith("Z real, ")]
    unit = table[f"Z real, {names[0]}"][1]
    shown = impedance_display(unit, max(float(table[f"Z real, {name}"][0].max()) for name in names))
    span = 0.0
    for k, name in enumerate(names):
        x, y = (shown.factor * table[f"Z {part}, {name}"][0] for part in ("real", "imaginary"))
        colour = "black" if k == 0 else _colour(k - 1)
        marks: dict[str, Any] = {"marker": "o", "linestyle": "none", "markerfacecolor": "none"} if k == 0 else {}
        axes.plot(x, -y, color=colour, markersize=2.6, **marks)
        span = max(span, 1.06 * float(x.max()))
    axes.set_xlim(0, span)
    axes.set_ylim(-0.04 * span, span * (HEIGHT / ROOM - 0.04))
    axes.set_xlabel(f"Re Z / {shown.unit}, circles at rest")
    axes.set_ylabel(f"−Im Z / {shown.unit}")


def _numbers(axes: Axes, record: TechniqueRecord) -> None:
    steps = {name: values for name, (values, _) in record.tables["steps"].items()}
    V = 1e3 * steps["voltage"]
    for k, column in enumerate(("t_read", "t_known")):
        axes.plot(V, steps[column], **_mark(k))
    axes.axhline(float(steps["t_true"][0]), **REFERENCE)
    axes.set_xlim(0, 1.08 * float(V.max()))
    axes.set_ylim(0, 1.2 * max(float(np.max(steps[column])) for column in ("t_read", "t_known", "t_true")))
    axes.set_xlabel("voltage of the step / mV")
    axes.set_ylabel("t₊")
