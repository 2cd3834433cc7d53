"""The four-line probe: V/I against the formulas over thickness (or distance from an end), and their errors."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import PREFIXES, decade_limits, decades, length_display, log_values, prefix_power, value_limits
from miecsim.plot.style import (
    COLOURS,
    DASHES,
    GREY,
    REFERENCE,
    SINGLE,
    legend,
    legend_height,
    panels,
    series,
    style,
)
from miecsim.plot.technique_common import expect
from miecsim.techniques.formulas_probe import four_line_slab
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT = 1.35  # cm
FORMULAS = ("slab", "thin slab", "thick slab")
LEAST = 1e-6  # the smallest error that is drawn
MARK: dict[str, Any] = {"marker": "o", "markersize": 2.4}
JOINT: dict[str, Any] = {"color": GREY, "linestyle": "-", "linewidth": 0.5}


def technique_four_line_probe(record: TechniqueRecord) -> Figure:
    """Above: V/I over that of a thick slab, 2 ln 2/(pi w sigma), with the three formulas; below: the magnitude of the
    error of the conductivity that each reads, at least 1e-6. Over t/s, or over the distance from the nearer end of the
    slab where only that differs. For a probe that is moved along a slab of several layers: what each formula reads,
    the true conductivity and the joints, over the position of the probe's middle. InputError for the record of another
    technique."""
    expect(record, "four_line_probe", "the four-line probe")
    table = {name: values for name, (values, _) in record.tables["readings"].items()}
    moved = np.ptp(table["thickness"]) == 0 and np.ptp(table["position"]) > 0
    if moved and record.tables["slab"]["end"][0].size > 1:
        return _along(record, table)
    s, t, w, sigma = (table[name] for name in ("spacing", "thickness", "width", "true conductivity"))
    edges = np.ptp(t) == 0 and np.ptp(table["edge distance"]) > 0
    x = table["edge distance"] / s if edges else t / s
    order = np.argsort(x)
    with style():
        marks = series(3) | {"linestyle": "none"}
        handles = [Line2D([], [], label=name, **_line(i)) for i, name in enumerate(FORMULAS)]
        handles.append(Line2D([], [], label="model", **marks))
        figure, (ratio, error) = panels(SINGLE, [4.0, 3.4], left=LEFT, top=legend_height(4, 2))
        low, high = decade_limits(x)
        unit = 2 * log(2) / (pi * w * sigma)
        at = np.geomspace(low, high, 200)
        thickness = np.full(at.size, t[0]) if edges else at * s[0]
        _draw_formulas(ratio, at, thickness / s[0])
        ratio.add_line(Line2D(x, table["resistance"] / unit, **marks))
        for i, name in enumerate(FORMULAS):
            off = np.maximum(np.abs(table[f"conductivity, {name}"] / sigma - 1), LEAST)
            error.add_line(Line2D(x[order], off[order], **_line(i) | MARK))
        _scale(ratio, table["resistance"] / unit, error, record)
        error.set_xscale("log")
        error.set_xlim(low, high)
        (decades if high / low > 20 else log_values)(error.xaxis, low, high)
        ratio.tick_params(labelbottom=False)
        error.set_xlabel("end of the slab from outer line / s" if edges else "t / s")
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _along(record: TechniqueRecord, table: dict[str, Array]) -> Figure:
    """The readings of a probe that is moved over joints."""
    order = np.argsort(table["position"])
    moved = {name: values[order] for name, values in table.items()}
    x, slab = moved["position"], {name: values for name, (values, _) in record.tables["slab"].items()}
    low, high = value_limits(float(x[0]), float(x[-1]), smallest=1e-12)
    joints = slab["end"][:-1][(slab["end"][:-1] > low) & (slab["end"][:-1] < high)]
    length = length_display(float(x[-1]))
    with style():
        handles = [Line2D([], [], label=name, **_line(i) | MARK) for i, name in enumerate(FORMULAS)]
        handles += [Line2D([], [], label="true", **REFERENCE), Line2D([], [], label="joint", **JOINT)]
        figure, (reading, error) = panels(SINGLE, [4.0, 3.4], left=LEFT, top=legend_height(len(handles), 3))
        edges = np.concatenate([[low], joints, [high]])
        _draw_reading(reading, moved, edges, slab, length.factor)
        _draw_error(error, moved, joints, length.factor)
        for axes in (reading, error):
            axes.set_xlim(low * length.factor, high * length.factor)
            for joint in joints:
                axes.axvline(joint * length.factor, **JOINT)
        reading.tick_params(labelbottom=False)
        _error_scale(error, record)
        error.set_xlabel(f"middle of the probe / {length.unit}")
        legend(figure, handles, columns=3, left=LEFT)
    return figure


def _draw_reading(axes: Axes, moved: dict[str, Array], edges: Array, slab: dict[str, Array], factor: float) -> None:
    """What each formula reads, and the true conductivity between the `edges` [m] of joints and axis."""
    reads = [moved[f"conductivity, {name}"] for name in FORMULAS]
    true = slab["conductivity"][np.searchsorted(slab["end"], (edges[1:] + edges[:-1]) / 2)]
    highest = max(float(values.max()) for values in (true, *reads))
    power = prefix_power(highest)
    shown = 10.0**-power
    axes.add_line(Line2D(factor * np.repeat(edges, 2)[1:-1], shown * np.repeat(true, 2), **REFERENCE))
    for i, read in enumerate(reads):
        axes.add_line(Line2D(factor * moved["position"], shown * read, **_line(i) | MARK))
    axes.set_ylim(0, 1.08 * shown * highest)
    axes.set_ylabel(f"σ as read / {PREFIXES[power]}S m⁻¹")


def _draw_error(axes: Axes, moved: dict[str, Array], joints: Array, factor: float) -> None:
    """Magnitude of the errors, broken at joints, where the true value jumps."""
    x = moved["position"]
    for i, name in enumerate(FORMULAS):
        off = np.maximum(np.abs(moved[f"conductivity, {name}"] / moved["true conductivity"] - 1), LEAST)
        for part in np.split(np.arange(x.size), np.searchsorted(x, joints)):
            axes.add_line(Line2D(factor * x[part], off[part], **_line(i) | MARK))


def _line(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index], "linestyle": DASHES[index], "linewidth": 1.0}


def _draw_formulas(axes: Axes, x: Array, ratio: Array) -> None:
    """V/I of the three formulas over the thick slab's, for t/s = `ratio`."""
    slab = four_line_slab(1.0, 1.0, ratio, 1.0) * pi / (2 * log(2))
    thin = pi / (2 * log(2)) / ratio
    for i, values in enumerate((slab, thin, np.ones(x.size))):
        axes.add_line(Line2D(x, values, **_line(i)))


def _scale(ratio: Axes, values: Array, error: Axes, record: TechniqueRecord) -> None:
    low, high = decade_limits(np.append(values, 1.0))
    ratio.set_yscale("log")
    ratio.set_ylim(low, high)
    (decades if high / low > 20 else log_values)(ratio.yaxis, low, high)
    ratio.set_ylabel("(V/I) / thick slab")
    _error_scale(error, record)


def _error_scale(error: Axes, record: TechniqueRecord) -> None:
    low, high = decade_limits(np.array([max(abs(one.error), LEAST) for one in record.compared]))
    error.set_yscale("log")
    error.set_ylim(low, high)
    decades(error.yaxis, low, high)
    error.set_ylabel("|error of σ|")
