"""Conductivity relaxation as its papers draw it: the normalised conductivity over time, and what the fit leaves."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import decade_limits, decades
from miecsim.plot.style import GREY, REFERENCE, SINGLE, SMALL, legend, legend_height, panels, series, style
from miecsim.plot.technique_common import expect
from miecsim.techniques.record import TechniqueRecord

LEFT = 1.6  # cm


def technique_conductivity_relaxation(record: TechniqueRecord) -> Figure:
    """g over log time with the fitted curve, D and k of the fit with their errors; below, readings less the fit.

    InputError for the record of another technique.
    """
    expect(record, "conductivity_relaxation", "conductivity relaxation")
    table = record.tables["relaxation"]
    t, g, fitted = (table[name][0][1:] for name in ("time", "normalised", "fitted"))
    readings = series(0) | {"linestyle": "none", "markersize": 2.8}
    with style():
        handles = [Line2D([], [], label="model", **readings), Line2D([], [], label="fit of D and k", **REFERENCE)]
        figure, (course, rest) = panels(SINGLE, [4.4, 1.8], left=LEFT, top=legend_height(2, 2))
        course.add_line(Line2D(t, g, **readings))
        course.add_line(Line2D(t, fitted, **REFERENCE | {"zorder": 3.0}))
        course.set_ylim(-0.04, 1.06)
        course.set_ylabel("(σ − σ₀) / (σ∞ − σ₀)")
        course.text(0.03, 0.95, _found(record), transform=course.transAxes, fontsize=SMALL, va="top", linespacing=1.5)
        left = 1e3 * (g - fitted)
        rest.axhline(0.0, color=GREY, linewidth=0.5)
        rest.add_line(Line2D(t, left, **readings))
        room = 1.25 * max(float(np.max(np.abs(left))), 0.1)
        rest.set_ylim(-room, room)
        rest.set_ylabel("10³ (g − fit)")
        low, high = decade_limits(t)
        rest.set_xscale("log")
        rest.set_xlim(low, high)
        decades(rest.xaxis, low, high)
        rest.set_xlabel("time / s")
        course.tick_params(labelbottom=False)
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _found(record: TechniqueRecord) -> str:
    """D and k of the fit, each with its error."""
    D, k = record.figure("diffusivity"), record.figure("exchange coefficient")
    units = ((D, "D", "m² s⁻¹"), (k, "k", "m s⁻¹"))
    return "\n".join(f"{name} = {one.textbook:.3g} {unit} ({100 * one.error:+.2g} %)" for one, name, unit in units)
