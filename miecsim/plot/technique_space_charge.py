"""Space charge as its papers draw it: profiles at a grain boundary, the two arcs, and the capacitance of a contact."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.errors import InputError
from miecsim.plot.scales import decade_limits, decades, impedance_display, length_display, value_limits
from miecsim.plot.style import GREY, REFERENCE, SINGLE, SMALL, legend, legend_height, panels, series, style
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT = 1.6  # cm
SHOWN = 1e-2  # of the highest potential: how far from the core the profiles are drawn
MODEL: dict[str, Any] = series(0) | {"linestyle": "none", "markersize": 2.8}


def _expect(record: TechniqueRecord, technique: str) -> None:
    if record.technique != technique:
        raise InputError(f'figure of {technique.replace("_", " ")}: read a record of "{record.technique}"')


def technique_space_charge(record: TechniqueRecord) -> Figure:
    """phi and the concentrations over those of the bulk, along the distance from the middle of the core; beside them
    what was read from resistance and conductance.

    InputError for the record of another technique.
    """
    _expect(record, "space_charge")
    table = record.tables["profile"]
    x, phi = table["position"][0], table["potential"][0]
    names = [name for name in table if name not in ("position", "potential")]
    x = x - (x[0] + x[-1]) / 2
    far = float(np.max(np.abs(x[np.abs(phi) > SHOWN * np.abs(phi).max()])))
    show = length_display(far)
    with style():
        handles = [Line2D([], [], label=name, color=series(k)["color"], linestyle="-") for k, name in enumerate(names)]
        figure, (top, bottom) = panels(SINGLE, [2.8, 3.4], left=LEFT, top=legend_height(len(handles), 3))
        top.add_line(Line2D(show.factor * x, 1e3 * phi, color="black"))
        top.set_ylim(*value_limits(min(0.0, 1e3 * float(phi.min())), max(0.0, 1e3 * float(phi.max())), smallest=1e-3))
        top.set_ylabel("φ / mV")
        top.set_xlim(-show.factor * far, show.factor * far)
        shares = [table[name][0] / table[name][0][0] for name in names]
        for share, handle in zip(shares, handles, strict=True):
            bottom.add_line(Line2D(show.factor * x, share, color=handle.get_color()))
        bottom.axhline(1.0, color=GREY, linewidth=0.5)
        low, high = decade_limits(np.concatenate(shares))
        bottom.set_yscale("log")
        bottom.set_ylim(low, high)
        decades(bottom.yaxis, low, high)
        bottom.set_ylabel("c / c(bulk)")
        bottom.set_xlabel(f"distance from the core / {show.unit}")
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def space_charge_arcs(record: TechniqueRecord) -> Figure:
    """-Im Z over Re Z of the boundary and the bulk, with the direct-current resistances of bulk and whole as ticks on
    the axis. InputError for the record of another technique."""
    _expect(record, "space_charge")
    table = record.tables["spectrum"]
    resistances = record.tables["resistances"]
    real, imaginary = table["Z_real"][0], -table["Z_imag"][0]
    show = impedance_display("ohm m^2", float(real.max()))
    with style():
        figure, (axes,) = panels(SINGLE, [4.4], left=LEFT, top=legend_height(2, 2))
        axes.add_line(Line2D(show.factor * real, show.factor * imaginary, **MODEL))
        marks = [_parallel(resistances[name][0]) for name in ("bulk", "whole")]
        for mark in marks:
            axes.axvline(show.factor * mark, **REFERENCE)
        axes.set_xlim(0.0, 1.05 * show.factor * float(real.max()))
        axes.set_ylim(0.0, 1.2 * show.factor * float(imaginary.max()))
        axes.set_xlabel(f"Re Z / {show.unit}")
        axes.set_ylabel(f"−Im Z / {show.unit}")
        handles = [Line2D([], [], label="model", **MODEL), Line2D([], [], label="bulk, whole (DC)", **REFERENCE)]
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _parallel(values: Array) -> float:
    """Resistance of all carriers side by side."""
    return float(1 / np.sum(1 / values))


def contact_capacitance_curve(record: TechniqueRecord) -> Figure:
    """C over V with its formula, and the error of the formula. InputError for the record of another technique."""
    _expect(record, "contact_capacitance")
    table = record.tables["capacitance"]
    V, C, formula = (table[name][0] for name in ("voltage", "capacitance", "formula"))
    with style():
        handles = [Line2D([], [], label="model", **MODEL), Line2D([], [], label="formula", **REFERENCE)]
        figure, (top, bottom) = panels(SINGLE, [4.0, 1.8], left=LEFT, top=legend_height(2, 2))
        top.add_line(Line2D(V, 1e2 * C, **MODEL))
        top.add_line(Line2D(V, 1e2 * formula, **REFERENCE))
        low, high = decade_limits(1e2 * np.concatenate([C, formula]))
        top.set_yscale("log")
        top.set_ylim(low, high)
        decades(top.yaxis, low, high)
        top.set_ylabel("C / µF cm⁻²")
        bulk = [one for one in record.compared if one.quantity == "carriers of the bulk"]
        for one in bulk:
            text = f"1/C²: N = {one.textbook:.4g} {one.unit} ({100 * one.error:+.2g} %)"
            top.text(0.97, 0.95, text, transform=top.transAxes, fontsize=SMALL, va="top", ha="right")
        off = 100 * (formula / C - 1)
        bottom.axhline(0.0, color=GREY, linewidth=0.5)
        bottom.add_line(Line2D(V, off, **MODEL))
        bottom.set_ylim(*value_limits(min(0.0, float(off.min())), max(0.0, float(off.max())), smallest=1e-4))
        bottom.set_ylabel("error / %")
        bottom.set_xlim(*value_limits(float(V[0]), float(V[-1]), smallest=1e-3))
        bottom.set_xlabel("V / V")
        legend(figure, handles, columns=2, left=LEFT)
    return figure
