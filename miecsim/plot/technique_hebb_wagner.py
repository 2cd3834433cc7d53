"""Hebb-Wagner polarisation as its papers draw it: the current over the voltage, and how far the formula is off."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.constants import ATMOSPHERE
from miecsim.plot.scales import value_limits
from miecsim.plot.style import COLOURS, GREY, REFERENCE, SINGLE, SMALL, legend, legend_height, panels, style
from miecsim.plot.technique_common import EXACT, LEFT, MODEL, expect, logarithmic
from miecsim.techniques.record import TechniqueRecord

ION: dict[str, Any] = {"color": COLOURS[2], "linewidth": 1.0, "linestyle": (0, (1, 1))}


def technique_hebb_wagner(record: TechniqueRecord) -> Figure:
    """|i| over E with the formula at the true coefficients and the integral over sigma_e; sigma_e of the blocking side
    read as L di/dE and true; the error of the formula. Where the electrolytic domain ends within the curve, sigma_ion
    and a line through all panels.

    InputError for the record of another technique.
    """
    expect(record, "hebb_wagner", "Hebb-Wagner polarisation")
    curve, sigma = record.tables["curve"], record.tables["conductivity"]
    E = curve["voltage"][0]
    ends = [one for one in record.compared if one.quantity.startswith("domain boundary") and E[0] < one.true < E[-1]]
    labelled = [("model", MODEL), ("textbook", REFERENCE), ("integral", EXACT), *[("σ_ion", ION) for _ in ends[:1]]]
    with style():
        handles = [Line2D([], [], label=name, **how) for name, how in labelled]
        columns = 2 if ends else 3
        top = legend_height(len(handles), columns)
        figure, (current, slope, error) = panels(SINGLE, [3.8, 2.6, 2.0], left=LEFT, top=top)
        flows = E != 0
        for name, how in (("integral", EXACT), ("textbook", REFERENCE), ("current", MODEL)):
            current.add_line(Line2D(E[flows], np.abs(curve[name][0][flows]), **how))
        logarithmic(current, [np.abs(curve[name][0][flows]) for name in ("current", "textbook")])
        current.set_ylabel("|i| / A m⁻²" if curve["current"][1] == "A/m^2" else "|I| / A")
        x, align = (0.03, "left") if ends else (0.5, "center")
        current.text(x, 0.97, _found(record), transform=current.transAxes, fontsize=SMALL, va="top", ha=align)
        drawn = {"true": EXACT, "differences": MODEL} | ({"ion": ION} if ends else {})
        for name, how in drawn.items():
            slope.add_line(Line2D(E, sigma[name][0], **how))
        logarithmic(slope, [sigma[name][0] for name in drawn])
        slope.set_ylabel("L di/dE / S m⁻¹")
        off = 100 * curve["textbook_error"][0]
        error.axhline(0.0, color=GREY, linewidth=0.5)
        error.add_line(Line2D(E, off, **MODEL))
        error.set_ylim(*value_limits(float(off.min()), float(off.max()), smallest=1e-3))
        error.set_ylabel("error / %")
        error.set_xlim(*value_limits(float(E[0]), float(E[-1]), smallest=1e-3))
        error.set_xlabel("E / V")
        _mark(record, (current, slope, error))
        legend(figure, handles, columns=columns, left=LEFT)
    return figure


def _mark(record: TechniqueRecord, panels: tuple[Axes, Axes, Axes]) -> None:
    """A line at each end of the electrolytic domain, with its pressure where it is known."""
    pressure = {one.quantity.rpartition(", ")[2]: one for one in record.compared if one.quantity.startswith("pO2")}
    low, high = panels[0].get_xlim()
    for one in record.compared:
        if not (one.quantity.startswith("domain boundary") and low < one.true < high):
            continue
        for axes in panels:
            axes.axvline(one.true, color=GREY, linewidth=0.5)
        carrier = one.quantity.rpartition(", ")[2]
        text = f"{'σ_n' if carrier == 'electrons' else 'σ_p'} = σ_ion"
        if carrier in pressure:
            text += f"\npO₂ = {pressure[carrier].true / ATMOSPHERE:.2g} atm"
        left = one.true > (low + high) / 2
        panels[1].annotate(
            text,
            (one.true, 0.06),
            (-3 if left else 3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=SMALL,
            ha="right" if left else "left",
            va="bottom",
        )


def _found(record: TechniqueRecord) -> str:
    """The fitted conductivities, each with its error."""
    return "\n".join(
        f"{one.quantity.replace('sigma', 'σ')} = {one.textbook:.4g} {one.unit} ({100 * one.error:+.2g} %)"
        for one in record.compared
        if one.how.startswith("least squares")
    )
