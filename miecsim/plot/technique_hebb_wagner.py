"""Hebb-Wagner polarisation as its papers draw it: the current over the voltage, and how far the formula is off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.errors import InputError
from miecsim.plot.scales import decade_limits, decades, value_limits
from miecsim.plot.style import (
    COLOURS,
    GREY,
    REFERENCE,
    SINGLE,
    SMALL,
    legend,
    legend_height,
    panels,
    series,
    style,
)
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT = 1.6  # cm
MODEL: dict[str, Any] = series(0) | {"linestyle": "none", "markersize": 2.8}
EXACT: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.0}


def technique_hebb_wagner(record: TechniqueRecord) -> Figure:
    """|i| over E with the formula at the true coefficients and the integral over sigma_e; sigma_e of the blocking side
    read as L di/dE and true; the error of the formula.

    InputError for the record of another technique.
    """
    if record.technique != "hebb_wagner":
        raise InputError(f'figure of Hebb-Wagner polarisation: read a record of "{record.technique}"')
    curve, sigma = record.tables["curve"], record.tables["conductivity"]
    E = curve["voltage"][0]
    with style():
        labelled = (("model", MODEL), ("textbook", REFERENCE), ("integral", EXACT))
        handles = [Line2D([], [], label=name, **how) for name, how in labelled]
        figure, (current, slope, error) = panels(SINGLE, [3.8, 2.6, 2.0], left=LEFT, top=legend_height(3, 3))
        flows = E != 0
        for name, how in (("integral", EXACT), ("textbook", REFERENCE), ("current", MODEL)):
            current.add_line(Line2D(E[flows], np.abs(curve[name][0][flows]), **how))
        _logarithmic(current, [np.abs(curve[name][0][flows]) for name in ("current", "textbook")])
        current.set_ylabel("|i| / A m⁻²")
        current.text(0.5, 0.97, _found(record), transform=current.transAxes, fontsize=SMALL, va="top", ha="center")
        for name, how in (("true", EXACT), ("differences", MODEL)):
            slope.add_line(Line2D(E, sigma[name][0], **how))
        _logarithmic(slope, [sigma[name][0] for name in ("true", "differences")])
        slope.set_ylabel("L di/dE / S m⁻¹")
        off = 100 * curve["textbook_error"][0]
        error.axhline(0.0, color=GREY, linewidth=0.5)
        error.add_line(Line2D(E, off, **MODEL))
        error.set_ylim(*value_limits(float(off.min()), float(off.max()), smallest=1e-3))
        error.set_ylabel("error / %")
        error.set_xlim(*value_limits(float(E[0]), float(E[-1]), smallest=1e-3))
        error.set_xlabel("E / V")
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def _logarithmic(axes: Axes, drawn: Sequence[Array]) -> None:
    """A logarithmic y axis around all positive values."""
    values = np.concatenate(list(drawn))
    axes.set_yscale("log")
    low, high = decade_limits(values[values > 0])
    axes.set_ylim(low, high)
    decades(axes.yaxis, low, high)


def _found(record: TechniqueRecord) -> str:
    """The fitted conductivities, each with its error."""
    return "\n".join(
        f"{one.quantity.replace('sigma', 'σ')} = {one.textbook:.4g} {one.unit} ({100 * one.error:+.2g} %)"
        for one in record.compared
        if one.how.startswith("least squares")
    )
