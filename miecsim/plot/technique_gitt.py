"""GITT as its papers draw it: the train of pulses, one pulse over sqrt(t), D by each analysis; and the error map."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from scipy.interpolate import PchipInterpolator

from miecsim.errors import InputError
from miecsim.plot.scales import decade_limits, decades, length_display, log_values, scaled, superscript, value_limits
from miecsim.plot.style import (
    BLUE,
    DOUBLE,
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
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LEFT, RIGHT, GAP, HEIGHT = 1.7, 0.3, 1.95, 4.8  # cm: room for seven characters before an axis
NARROWEST = 0.01  # of the composition: the shortest axis of it
ANALYSES = (("D_slope", "slope over √t"), ("D_steps", "steps between rests"), ("D_fit", "full fit"))
LEVELS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9)  # of |error|, between the colours of the map
EDGES = (0.0, *LEVELS, np.inf)
FILL = ("#ffffff", "#fff1d6", "#fddc9f", "#f9b95f", "#ee8a3a", "#d55e00", "#a03a00", "#5e1d00")
BAR = 0.3  # cm
MAP_LEFT = 1.35  # cm
NAMED = 0.3  # of the height of the map: lines of constant D t/a^2 at least so high have a name
FINE = 120  # points along a side, between which the map is drawn
SQUARE: dict[str, Any] = {"marker": "s", "markersize": 5, "linestyle": "none", "markeredgecolor": "black"}
POINT: dict[str, Any] = {
    "marker": "o",
    "markersize": 2.0,
    "linestyle": "none",
    "markerfacecolor": "black",
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
}


def technique_gitt(record: TechniqueRecord) -> Figure:
    """A run of `gitt`: E over t, E over sqrt(t) along the middle pulse with its straight line, D over composition.

    InputError for the record of another technique.
    """
    expect(record, "gitt", "GITT")
    with style():
        handles = [Line2D([], [], label=label, **_look(i)) for i, (_, label) in enumerate(ANALYSES)]
        handles.append(Line2D([], [], label="true", **REFERENCE))
        top = legend_height(len(handles), 4)
        width = (DOUBLE - LEFT - RIGHT - 2 * GAP) / 3
        figure, (train,) = panels(DOUBLE, [HEIGHT], left=LEFT, right=DOUBLE - LEFT - width, top=top)
        pulse = beside(figure, train, train, GAP, width, clear=0.15)
        diffusivity = beside(figure, pulse, pulse, GAP, width, clear=0.15)
        _draw_train(train, record)
        _draw_pulse(pulse, record)
        _draw_diffusivity(diffusivity, record)
        legend(figure, handles, columns=4, left=LEFT)
    return figure


def _look(index: int) -> dict[str, Any]:
    return series(index) | {"linewidth": 0.6}


def _limits(axes: Axes, x: Array, y: Array) -> None:
    axes.set_xlim(*value_limits(float(x.min()), float(x.max()), smallest=0.0))
    axes.set_ylim(*value_limits(float(y.min()), float(y.max()), smallest=1e-12))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _draw_train(axes: Axes, record: TechniqueRecord) -> None:
    t, E = (record.tables["record"][name][0] for name in ("time", "potential"))
    clock = scaled(float(t.max()), "s") if t.max() < 7200 else None
    factor, unit = (clock.factor, clock.unit) if clock else (1 / 3600, "h")
    axes.add_line(Line2D(t * factor, 1e3 * E, color=BLUE, linewidth=0.9))
    _limits(axes, t * factor, 1e3 * E)
    axes.set_xlabel(f"time / {unit}")
    axes.set_ylabel("E / mV")


def _draw_pulse(axes: Axes, record: TechniqueRecord) -> None:
    """The middle pulse alone: E over sqrt(t), and the line whose slope Weppner and Huggins read."""
    pulses = record.tables["pulses"]
    k = (pulses["pulse"][0].size - 1) // 2
    t, E, current = (record.tables["record"][name][0] for name in ("time", "potential", "current"))
    since = t - pulses["start"][0][k]
    on = (since > 0) & (since <= pulses["lasted"][0][k] * (1 + 1e-9)) & (current != 0)
    root, along = np.sqrt(since[on]), 1e3 * E[on]
    ends = np.array([0.0, root[-1]])
    line = 1e3 * (pulses["intercept"][0][k] + pulses["slope"][0][k] * ends)
    axes.add_line(Line2D(root, along, **_look(0) | {"linestyle": "none", "markersize": 2.4}))
    axes.add_line(Line2D(ends, line, color=GREY, linewidth=0.8))
    _limits(axes, ends, np.concatenate([along, line]))
    axes.set_xlabel(f"√t of pulse {k + 1} / s¹ᐟ²")
    axes.set_ylabel("E / mV")


def _draw_diffusivity(axes: Axes, record: TechniqueRecord) -> None:
    pulses = record.tables["pulses"]
    names = ["D_true", *(name for name, _ in ANALYSES)]
    power = int(np.floor(np.log10(min(pulses[name][0].min() for name in names))))
    x, curves = 1e-3 * pulses["composition"][0], [pulses[name][0] / 10.0**power for name in names]
    axes.set_yscale("log")
    span = value_limits(float(x.min()), float(x.max()), smallest=NARROWEST * float(x.max()))
    if x.size == 1:
        axes.axhline(float(curves[0][0]), **REFERENCE)
    else:
        axes.add_line(Line2D(x, curves[0], **REFERENCE))
    for i, curve in enumerate(curves[1:]):
        axes.add_line(Line2D(x, curve, **_look(i)))
    low, high = decade_limits(np.concatenate(curves))
    axes.set_ylim(low, high)
    if np.floor(np.log10(high)) > np.ceil(np.log10(low)):
        decades(axes.yaxis, low, high)
    else:
        log_values(axes.yaxis, low, high)
    axes.set_xlim(*span)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.set_xlabel("composition / kmol m⁻³")
    axes.set_ylabel(f"D / {superscript(power)} m² s⁻¹")


def gitt_map(record: TechniqueRecord) -> Figure:
    """The map of `gitt_error_map`: |error| of Weppner and Huggins' D over pulse length and particle size, between the
    computed points (dots) by monotone cubics in ln t and ln a; dashed lines of constant D t/a^2; squares where a
    transient was run, filled with its own error. InputError for the record of another technique."""
    expect(record, "gitt_error_map", "GITT's errors")
    table = record.tables["map"]
    t, a = np.unique(table["pulse"][0]), np.unique(table["size"][0])
    if t.size < 2 or a.size < 2:
        raise InputError("error map of GITT: needs two sizes and two pulse lengths or more")
    order = np.lexsort((table["pulse"][0], table["size"][0]))
    error, tau = (table[name][0][order].reshape(a.size, t.size) for name in ("error", "tau"))
    unit = length_display(float(a.max()))
    with style():
        handles = [Line2D([], [], label="by formula", **POINT)]
        spots = np.zeros((0, 2))
        if "checks" in record.tables:
            size, pulse = (record.tables["checks"][name][0] for name in ("size", "pulse"))
            spots = np.log(np.stack([pulse, size * unit.factor], axis=-1))
            handles.append(Line2D([], [], label="run in time", **SQUARE, markerfacecolor="none"))
        top = legend_height(len(handles), 2)
        figure, (axes,) = panels(SINGLE, [6.0], left=MAP_LEFT, right=1.9, top=top)
        y = a * unit.factor
        fine_t, fine_y = np.geomspace(t[0], t[-1], FINE), np.geomspace(y[0], y[-1], FINE)
        axes.contourf(fine_t, fine_y, np.abs(_between(t, y, error, fine_t, fine_y)), EDGES, colors=FILL)
        axes.plot(*(grid.ravel() for grid in np.meshgrid(t, y)), **POINT, clip_on=False)
        axes.set_xscale("log")
        axes.set_yscale("log")
        decades(axes.xaxis, float(t[0]), float(t[-1]))
        decades(axes.yaxis, float(y[0]), float(y[-1]))
        _scaled_times(axes, t, y, tau, spots)
        axes.set_xlabel("length of a pulse / s")
        axes.set_ylabel(f"size a / {unit.unit}")
        if "checks" in record.tables:
            _checks(axes, record, unit.factor)
        _bar(figure, axes)
        legend(figure, handles, columns=2, left=MAP_LEFT)
    return figure


def _between(t: Array, y: Array, values: Array, fine_t: Array, fine_y: Array) -> Array:
    """`values` (y, t) on a finer grid, interpolated over the logarithms of both by cubics without overshoot."""
    along = PchipInterpolator(np.log(t), values, axis=1)(np.log(fine_t))
    return np.asarray(PchipInterpolator(np.log(y), along, axis=0)(np.log(fine_y)))


def _scaled_times(axes: Axes, t: Array, y: Array, tau: Array, spots: Array) -> None:
    """Lines of constant tau = D t/a^2 (y, t), straight in logarithms, named away from the `spots` (n, 2) in ln t, ln y.

    The shortest, in the corners, go without a name.
    """
    powers = np.arange(np.ceil(np.log10(tau.min())), np.floor(np.log10(tau.max())) + 1)
    axes.set_xlim(t[0], t[-1])
    axes.set_ylim(y[0], y[-1])
    box = axes.get_window_extent()
    angle = float(np.degrees(np.arctan2(box.height / np.log(y[-1] / y[0]), 2 * box.width / np.log(t[-1] / t[0]))))
    for p in powers[:: max(int(np.ceil(powers.size / 6)), 1)]:
        ratio = 10.0**p / (tau[0, 0] * y[0] ** 2 / t[0])
        low, high = max(y[0], np.sqrt(t[0] / ratio)), min(y[-1], np.sqrt(t[-1] / ratio))
        ends = np.array([low, high])
        axes.add_line(Line2D(ratio * ends**2, ends, color=GREY, linewidth=0.6, linestyle="--"))
        if np.log(high / low) > NAMED * np.log(y[-1] / y[0]):
            name = f"Dt/a² = {superscript(round(p))}"
            place = _free_place(low, high, ratio, spots)
            label = axes.text(*place, name, fontsize=SMALL, ha="center", va="center", rotation=angle)
            label.set_path_effects([withStroke(linewidth=1.8, foreground="white")])


def _free_place(low: float, high: float, ratio: float, spots: Array) -> tuple[float, float]:
    """(t, y) on t = ratio y^2 between y = low and high, far from the spots and from the ends of the line."""
    along = np.linspace(0, 1, 21)[1:-1]
    height = np.log(low) + along * np.log(high / low)
    line = np.stack([np.log(ratio) + 2 * height, height], axis=-1)
    room = np.minimum(along, 1 - along) * np.hypot(*(line[-1] - line[0]))
    for spot in spots:
        room = np.minimum(room, np.hypot(*(line - spot).T))
    best = int(np.argmax(room))
    return float(np.exp(line[best, 0])), float(np.exp(line[best, 1]))


def _checks(axes: Axes, record: TechniqueRecord, factor: float) -> None:
    norm = BoundaryNorm(EDGES, len(FILL))
    size, pulse, error = (record.tables["checks"][name][0] for name in ("size", "pulse", "error"))
    for a, t, value in zip(size, pulse, error, strict=True):
        fill = FILL[int(norm(abs(value)))]
        axes.plot(t, a * factor, **SQUARE, markerfacecolor=fill, clip_on=False)


def _bar(figure: Figure, axes: Axes) -> None:
    """The colours beside the map, named by the errors between them."""
    box, (width, _) = axes.get_position(), figure.get_size_inches() * 2.54
    bar = figure.add_axes((box.x1 + 0.3 / width, box.y0, BAR / width, box.height))
    for i, colour in enumerate(FILL):
        bar.axhspan(i, i + 1, color=colour, linewidth=0)
    bar.set_xlim(0, 1)
    bar.set_ylim(0, len(FILL))
    bar.xaxis.set_visible(False)
    bar.yaxis.tick_right()
    bar.yaxis.set_label_position("right")
    bar.set_yticks(np.arange(1, len(FILL)), [f"{100 * level:g} %" for level in LEVELS])
    bar.spines[["top", "right"]].set_visible(True)
    bar.set_ylabel("|error| of D")
