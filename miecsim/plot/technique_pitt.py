"""PITT as its papers draw it: I sqrt(t) with its Cottrell range, and the decay of ln I."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import decade_limits, decades
from miecsim.plot.style import COLOURS, DOUBLE, REFERENCE, legend, legend_height, panels, style
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT, RIGHT, GAP, HEIGHT = 1.35, 0.3, 1.75, 5.2  # cm
ROOM = (DOUBLE - LEFT - RIGHT - GAP) / 2  # cm, of one of two axes side by side
FROM = 1e-4  # of a step: from where it is drawn
LEAST = 1e-4  # of the largest current drawn: the tail where steps end
FIT: dict[str, Any] = {"linewidth": 2.4, "alpha": 0.35}

Curve = tuple[Array, Array]  # t [s], |I|/Q [1/s]


def technique_pitt(record: TechniqueRecord) -> Figure:
    """Every step of `pitt`: |I| sqrt(t)/Q over t, and |I|/Q over t; Q the charge of the step.

    Thin lines are the record, broad ones the fit, dashed black ones the exact current with the true D were the surface
    to follow at once: flat on the left where Cottrell's law holds, straight on the right in the tail. InputError for
    the record of another technique.
    """
    expect(record, "pitt", "PITT")
    volts = record.tables["steps"]["potential"][0]
    with style():
        colours = [COLOURS[k % len(COLOURS)] for k in range(volts.size)]
        handles = [
            Line2D([], [], color=c, label=f"{1e3 * E:.4g} mV".replace("-", "−"))
            for c, E in zip(colours, volts, strict=True)
        ]
        handles.append(Line2D([], [], color="black", label="fit", **FIT))
        handles.append(Line2D([], [], label="no resistance, true D", **REFERENCE))
        top = legend_height(len(handles), 5)
        figure, (left,) = panels(DOUBLE, [HEIGHT], left=LEFT, right=RIGHT + ROOM + GAP, top=top)
        right = beside(figure, left, left, GAP, ROOM)
        curves = [_curves(record, k) for k in range(volts.size)]
        for colour, (raw, fit, at_once) in zip(colours, curves, strict=True):
            for (t, rate), how in ((fit, {"color": colour, **FIT}), (at_once, REFERENCE), (raw, {"color": colour})):
                left.add_line(Line2D(t, rate * np.sqrt(t), **how))
                right.add_line(Line2D(t, rate, **how))
        _axes(left, right, [raw for raw, _, _ in curves])
        legend(figure, handles, columns=5, left=LEFT)
    return figure


def _curves(record: TechniqueRecord, k: int) -> tuple[Curve, Curve, Curve]:
    """Record, fit and the current without resistance of step k."""
    steps, table = record.tables["steps"], record.tables["curves"]
    charge = steps["charge"][0][k]
    here = table["step"][0] == k + 1
    t = table["time"][0][here]
    fit, at_once = (table[name][0][here] / charge for name in ("fit", "at_once"))
    began = steps["start"][0][k]
    since = record.tables["record"]["time"][0] - began
    rate = record.tables["record"]["current"][0] / charge
    drawn = (since >= FROM * t[-1]) & (since <= t[-1] * (1 + 1e-9)) & (rate > 0)
    return (since[drawn], rate[drawn]), (t, fit), (t, at_once)


def _axes(left: Axes, right: Axes, raw: Sequence[Curve]) -> None:
    t = np.concatenate([t for t, _ in raw])
    rate = np.concatenate([rate for _, rate in raw])
    shown = rate > LEAST * rate.max()
    left.set_xscale("log")
    left.set_yscale("log")
    root = (rate * np.sqrt(t))[shown]
    first, last = decade_limits(t)
    left.set_xlim(first, last)
    decades(left.xaxis, first, last)
    low, high = decade_limits(root[root > 0.02 * root.max()])
    left.set_ylim(low, high)
    decades(left.yaxis, low, high)
    left.set_xlabel("time since the step / s")
    left.set_ylabel("|I| √t / Q / s⁻¹ᐟ²")
    right.set_yscale("log")
    low, high = decade_limits(rate[shown])
    right.set_ylim(low, high)
    decades(right.yaxis, low, high)
    right.set_xlim(0, float(t[shown].max()))
    right.set_xlabel("time since the step / s")
    right.set_ylabel("|I| / Q / s⁻¹")
