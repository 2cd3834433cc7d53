"""Figures of a sweep: families of Nyquist curves coloured by a parameter, and one figure over the parameters."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, LogLocator, MaxNLocator, NullFormatter

from miecsim.errors import InputError
from miecsim.plot.nyquist import BOTTOM, LEFT, nyquist_axes, tail_remark
from miecsim.plot.scales import PREFIXES, Display, decades, impedance_display, prefix_power
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    SINGLE,
    SMALL,
    legend,
    legend_height,
    panels,
    place_label,
    readable,
    style,
)
from miecsim.plot.window import nyquist_window
from miecsim.sweep.index import Index
from miecsim.typing import Array

COLOURMAP = "viridis"  # its lightness rises evenly: also read in grey and with every common colour vision
RIGHT = 1.5  # cm, colour bar and its numbers
WIDER = 1.75  # cm, left of axes whose label can have two lines
BAR_LABEL = 0.45  # cm, what stands above the colour bar
LONGEST = 30  # characters of a line of such a label
WIDE = 8.0  # values of an axis whose largest is this many times the smallest are shown along a logarithm
TEXTS = 6  # most texts that are told apart by colour and dash


def numeric_keys(index: Index) -> list[str]:
    """Keys that are quantities or numbers and take more than one value, in order."""
    found = [key for key, (values, _) in index.settings.items() if isinstance(values, np.ndarray)]
    return [key for key in found if np.unique(_numbers(index, key)).size > 1]


def is_log(values: Array) -> bool:
    """Whether values are shown along a logarithm: all above 0, and far apart."""
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() > 0.0 and known.max() > WIDE * known.min())


def label_of(key: str) -> str:
    """'composite thickness' of layer.composite.thickness, 'interface 2 R' of interface.1.R, and 'battery A R' of
    study.battery.terminal.A.contacts.0.R."""
    parts = key.split(".")
    if len(parts) > 2 and parts[1].isdigit():
        parts[1] = str(int(parts[1]) + 1)
    elif len(parts) > 2:
        parts = parts[1:]
    words = [part for i, part in enumerate(parts) if i == 0 or part not in ("terminal", "contacts", "0")]
    return readable(" ".join(words))


def display_of(unit: str, largest: float) -> Display:
    """Factor and unit that bring values up to `largest` [unit] to short numbers, where the unit takes a prefix."""
    first = re.match(r"([A-Za-z]+)(?![\^A-Za-z])", unit)
    power = prefix_power(largest) if first and first[1] not in ("K", "kg") else 0
    plain = unit.replace("ohm", "Ω").replace("^2", "²").replace("^3", "³").replace("*", " ")
    return Display(10.0**-power, "" if unit in ("", "1") else PREFIXES[power] + plain)


def with_unit(text: str, display: Display) -> str:
    """'composite thickness / µm'."""
    return f"{text} / {display.unit}" if display.unit else text


def nyquist_family(index: Index, study: str) -> Figure:
    """-Im Z against Re Z of `study` at every point on equal axes, coloured by the first parameter that is a number, or
    by the first text. Raises InputError where no spectra of this study can be drawn together."""
    if study not in index.spectra or np.isnan(index.spectra[study].Z).all():
        raise InputError(f"study {study}: its points have no common frequencies, so that no family can be drawn")
    own = index.spectra[study]
    rows = np.flatnonzero(~np.isnan(own.Z.real).any(axis=1))
    order = np.argsort(own.frequency)
    spectra = [(own.frequency[order], own.Z[row, order]) for row in rows]
    window = nyquist_window(spectra, shapes=(0.5, 1.0))
    display = impedance_display(own.unit, max(abs(v) for v in (*window.x, *window.y)))
    room = SINGLE - LEFT - RIGHT
    with style():
        styles, handles, mapped = _styles(index, rows)
        remark = tail_remark(window, spectra, own.unit)
        top = legend_height(len(handles), 2) + (0.42 if remark else 0.0) + (BAR_LABEL if mapped else 0.0)
        height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
        figure, (axes,) = panels(SINGLE, [height], left=LEFT, right=RIGHT, bottom=BOTTOM, top=top)
        for (_, Z), how in zip(spectra, styles, strict=True):
            axes.add_line(Line2D(Z.real * display.factor, -Z.imag * display.factor, linewidth=0.9, **how))
        nyquist_axes(axes, window, display)
        if remark:
            above = 1.0 + (0.14 + (BAR_LABEL if mapped else 0.0)) / height
            axes.text(0.0, above, remark, transform=axes.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=2, left=LEFT)
        if mapped is not None:
            _bar(figure, axes, *mapped)
    return figure


def _styles(index: Index, rows: Any) -> tuple[list[dict[str, Any]], list[Line2D], tuple[Any, str, Array] | None]:
    """How the curve of each row is drawn; entries of a legend, or what a colour bar is made of."""
    keys = numeric_keys(index)
    if keys:
        text, values = _shown(index, keys[0])
        values = values[rows]
        norm = _norm(values)
        colours = mpl.colormaps[COLOURMAP](norm(values))
        scale = ScalarMappable(norm=norm, cmap=COLOURMAP)
        return [{"color": tuple(colour)} for colour in colours], [], (scale, text, values)
    texts = [values for values, _ in index.settings.values() if isinstance(values, tuple)]
    chosen = next((values for values in texts if len(set(values)) > 1), None)
    if chosen is None or len(set(chosen)) > TEXTS:
        return [{"color": BLUE} for _ in rows], [], None
    known = list(dict.fromkeys(chosen))
    looks = [{"color": COLOURS[i], "linestyle": DASHES[i]} for i in range(len(known))]
    handles = [Line2D([], [], label=readable(text), **look) for text, look in zip(known, looks, strict=True)]
    return [looks[known.index(chosen[row])] for row in rows], handles, None


def headline(index: Index, name: str, unit: str) -> Figure:
    """The figure `name` [unit] over the first parameter that is a number; over the first two as a map, of coloured
    cells where the points are a grid of these two, else of coloured points. Raises InputError where there is none."""
    keys = numeric_keys(index)
    values = index.figures.get((name, unit))
    if values is None or not np.isfinite(values).any() or not keys:
        raise InputError(f"{name}: no such figure at the points of this sweep, or no parameter that is a number")
    display = display_of(unit, float(np.nanmax(np.abs(values))))
    text, own = with_unit(readable(name.replace(".", " ")), display), values * display.factor
    with style():
        if len(keys) == 1:
            return _line(index, keys[0], text, own)
        figure, (axes,) = panels(SINGLE, [5.2], left=WIDER, right=RIGHT, bottom=BOTTOM, top=0.2 + BAR_LABEL)
        (x_text, x), (y_text, y) = (_shown(index, key) for key in keys[:2])
        norm = _norm(own)
        if _is_grid(x, y):
            drawn: Any = _cells(axes, x, y, own, norm)
        else:
            drawn = axes.scatter(x, y, c=own, cmap=COLOURMAP, norm=norm, s=14, edgecolors=GREY, linewidths=0.3)
            _limits(axes, x, y)
        _axis(axes.xaxis, x)
        _axis(axes.yaxis, y)
        axes.set_xlabel(x_text)
        lines = textwrap.wrap(y_text, LONGEST)
        axes.set_ylabel("\n".join(lines))
        place_label(axes, WIDER - 0.17 * (len(lines) - 1), SINGLE - WIDER - RIGHT)
        _bar(figure, axes, drawn, text, own)
    return figure


def _line(index: Index, key: str, text: str, values: Array) -> Figure:
    figure, (axes,) = panels(SINGLE, [5.0], left=LEFT, right=0.35, bottom=BOTTOM, top=0.3)
    x_text, x = _shown(index, key)
    order = np.argsort(x, kind="stable")
    alone = np.unique(x).size == x.size  # else several points share a value, and a line would join what has no order
    how: dict[str, Any] = {"color": BLUE, "marker": "o", "markerfacecolor": "white", "markersize": 3.2}
    axes.plot(x[order], values[order], linestyle="-" if alone else "none", **how)
    for axis, along in ((axes.xaxis, x), (axes.yaxis, values)):
        if is_log(along):
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
        _axis(axis, along)
    axes.set_xlabel(x_text)
    axes.set_ylabel(text)
    return figure


def _numbers(index: Index, key: str) -> Array:
    """The values of a key that is no text."""
    return np.asarray(index.settings[key][0], dtype=float)


def _shown(index: Index, key: str) -> tuple[str, Array]:
    """Label and values of a key as a figure shows them."""
    unit, values = index.settings[key][1], _numbers(index, key)
    display = display_of(unit, float(np.max(np.abs(values))))
    return with_unit(label_of(key), display), values * display.factor


def _norm(values: Array) -> Normalize:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    return LogNorm(low, high) if is_log(values) else Normalize(low, high if high > low else low + 1.0)


def _is_grid(x: Array, y: Array) -> bool:
    """Whether each pair of a value of x and one of y is there once."""
    pairs = set(zip(x.tolist(), y.tolist(), strict=True))
    return len(pairs) == x.size == np.unique(x).size * np.unique(y).size


def _cells(axes: Axes, x: Array, y: Array, values: Array, norm: Normalize) -> Any:
    """One cell for each point; what has no value stays white."""
    (xs, i), (ys, j) = (np.unique(along, return_inverse=True) for along in (x, y))
    table = np.full((ys.size, xs.size), np.nan)
    table[j, i] = values
    for set_scale, along in ((axes.set_xscale, x), (axes.set_yscale, y)):
        if is_log(along):
            set_scale("log")
    return axes.pcolormesh(_edges(xs), _edges(ys), np.ma.masked_invalid(table), cmap=COLOURMAP, norm=norm)


def _edges(centres: Array) -> Array:
    """Edges of cells around rising centres, half-way between them (of their logarithms, where these are shown)."""
    log = is_log(centres)
    at = np.log(centres) if log else centres
    inner = 0.5 * (at[1:] + at[:-1])
    edges = np.concatenate(([2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]))
    return np.asarray(np.exp(edges) if log else edges)


def _limits(axes: Axes, x: Array, y: Array) -> None:
    for set_scale, set_limits, along in ((axes.set_xscale, axes.set_xlim, x), (axes.set_yscale, axes.set_ylim, y)):
        low, high = float(along.min()), float(along.max())
        if is_log(along):
            set_scale("log")
            set_limits(low * (low / high) ** 0.05, high * (high / low) ** 0.05)
        else:
            set_limits(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _axis(axis: Axis, values: Array) -> None:
    """Ticks: decades where a logarithm is shown over more than two of them, else plain numbers."""
    if not is_log(values):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        return
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high > 100.0 * low:
        decades(axis, low, high)
        return
    marks = [m for m in LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(low, high) if 0.99 * low <= m <= 1.01 * high]
    axis.set_major_locator(FixedLocator(marks))
    axis.set_major_formatter(FixedFormatter([f"{m:g}" for m in marks]))
    axis.set_minor_formatter(NullFormatter())


def _bar(figure: Figure, axes: Axes, mapped: Any, text: str, values: Array) -> None:
    """A colour bar to the right of the axes, as high as these, and what it shows above it."""
    box, (width, height) = axes.get_position(), (2.54 * inches for inches in figure.get_size_inches())
    bar = figure.colorbar(mapped, cax=figure.add_axes((box.x1 + 0.2 / width, box.y0, 0.25 / width, box.height)))
    bar.outline.set_linewidth(0.4)
    _axis(bar.ax.yaxis, values)
    figure.text(1 - 0.2 / width, box.y1 + 0.2 / height, text, ha="right", fontsize=mpl.rcParams["legend.fontsize"])
