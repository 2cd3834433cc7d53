"""A protocol in time: voltage and current, profiles at instants, and spectra at instants beside the steady one."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from miecsim.errors import InputError
from miecsim.plot.nyquist import nyquist_axes
from miecsim.plot.scales import Display, decades, impedance_display, length_display, scaled, value_limits, with_prefix
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DOUBLE,
    GREY,
    REFERENCE,
    legend,
    legend_height,
    panels,
    place_label,
    readable,
    style,
)
from miecsim.plot.window import nyquist_window
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array, Bools

LEFT, RIGHT, GAP, HEIGHT, BETWEEN = 1.35, 0.3, 1.7, 5.2, 0.25  # cm
FROM = 1e-5  # of a step: from where its current is drawn, after the charging of what follows at once
STILL = 0.01  # change within a period from which a point of a spectrum is drawn open
SHOWN = {"mol/m^3": "mol m⁻³", "A/m^2": "A m⁻²"}


def technique_protocol(record: TechniqueRecord) -> Figure:
    """Voltage and current of the driven terminal over time (log t for a single step); profiles (of the first
    concentration, or else potential) and spectra at the kept instants, the steady state that each tends to dashed.
    Points of a spectrum are open where the state moves by more than 1 % within their period. InputError for the record
    of another technique."""
    if record.technique != "protocol":
        raise InputError(f'figure of a protocol: read a record of "{record.technique}"')
    parts = [name for name in ("profiles", "spectra") if name in record.tables]
    times = np.unique(np.concatenate([record.tables[name]["time"][0] for name in parts])) if parts else np.zeros(0)
    with style():
        handles = _handles(record, times)
        top = legend_height(len(handles), 6)
        room = (DOUBLE - LEFT - RIGHT - len(parts) * GAP) / (len(parts) + 1)
        height = (HEIGHT - BETWEEN) / 2
        figure, (upper, lower) = panels(DOUBLE, [height, height], left=LEFT, right=DOUBLE - LEFT - room, top=top)
        _over_time(upper, lower, record)
        for k, name in enumerate(parts, 1):
            axes = _beside(figure, upper, lower, k, room)
            table = record.tables[name]
            _profiles(axes, table, times) if name == "profiles" else _spectra(axes, table, times, HEIGHT / room)
        legend(figure, handles, columns=6, left=LEFT)
    return figure


def _beside(figure: Figure, upper: Axes, lower: Axes, k: int, room: float) -> Axes:
    first, last = upper.get_position(), lower.get_position()
    axes = figure.add_axes((first.x0 + k * (room + GAP) / DOUBLE, last.y0, room / DOUBLE, first.y1 - last.y0))
    place_label(axes, GAP - 0.1, room)
    return axes


def _handles(record: TechniqueRecord, times: Array) -> list[Line2D]:
    handles = [Line2D([], [], label=with_prefix(t, "s") if t < 1 else f"{t:.6g} s", **_look(times, t)) for t in times]
    if "spectra" in record.tables:
        handles.append(Line2D([], [], label="steady", **REFERENCE))
        if np.any(record.tables["spectra"]["drift"][0] > STILL):
            open_mark: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}
            handles.append(Line2D([], [], color="black", label="moves > 1 % in a period", **open_mark))
    return handles


def _look(times: Array, t: float) -> dict[str, Any]:
    k = int(np.searchsorted(times, t))
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}


def _over_time(upper: Axes, lower: Axes, record: TechniqueRecord) -> None:
    table = record.tables["record"]
    t, step = table["time"][0], table["step"][0]
    began, lasted = (record.tables["steps"][name][0] for name in ("start", "lasted"))
    k = step.astype(int) - 1
    drawn = t - began[k] >= FROM * lasted[k]
    if began.size == 1:
        upper.set_xscale("log")
        limits = float(t[drawn][0]), float(t[-1])
        upper.set_xlim(*limits)
        decades(lower.xaxis, *limits)
        clock = Display(1.0, "s")
    else:
        clock = Display(1 / 3600, "h") if t[-1] >= 7200 else scaled(float(t[-1]), "s")
        upper.set_xlim(0, t[-1] * clock.factor)
        lower.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    for axes, name, symbol in ((upper, "voltage", "V"), (lower, "current", "I")):
        values, unit = table[name]
        display = scaled(float(np.max(np.abs(values[drawn]))) or 1.0, SHOWN.get(unit, unit))
        axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
        for at in began[1:] if began.size <= 20 else ():
            axes.axvline(at * clock.factor, color=GREY, linewidth=0.4, linestyle=(0, (1, 2)), zorder=1)
        axes.add_line(Line2D(t[drawn] * clock.factor, values[drawn] * display.factor, color=BLUE))
        shown = values[drawn] * display.factor
        axes.set_ylim(*value_limits(min(0.0, float(shown.min())), max(0.0, float(shown.max())), smallest=1e-12))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
        axes.set_ylabel(f"{symbol} / {display.unit}")
    lower.set_xlabel(f"time / {clock.unit}")


def _profiles(axes: Axes, table: Table, times: Array) -> None:
    names = [name for name in table if name not in ("time", "position")]
    name = next((n for n in names if n.startswith("concentration_")), names[0])
    values, unit = table[name]
    x, at = table["position"][0], table["time"][0]
    length = length_display(float(np.max(np.abs(x))))
    display = scaled(float(np.nanmax(np.abs(values))) or 1.0, SHOWN.get(unit, unit))
    for t in np.unique(at):
        axes.add_line(Line2D(x[at == t] * length.factor, values[at == t] * display.factor, **_look(times, t)))
    low, high = float(np.nanmin(values)) * display.factor, float(np.nanmax(values)) * display.factor
    axes.set_ylim(*value_limits(low, high, smallest=0.02 * max(abs(low), abs(high), 1e-12)))
    axes.set_xlim(float(x.min()) * length.factor, float(x.max()) * length.factor)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(f"x / {length.unit}")
    kind, _, carrier = name.partition("_")
    symbol = "c" if kind == "concentration" else "Φ"
    axes.set_ylabel(f"{symbol}{f' of {readable(carrier)}' if carrier else ''} / {display.unit}")


def _spectra(axes: Axes, table: Table, times: Array, shape: float) -> None:
    at, f, moves = (table[name][0] for name in ("time", "frequency", "drift"))
    Z = table["Z_real"][0] + 1j * table["Z_imag"][0]
    steady = table["Z_real_steady"][0] + 1j * table["Z_imag_steady"][0]
    spectra = [_rising(f, values, at == t) for t in np.unique(at) for values in (Z, steady)]
    window = nyquist_window([one for one in spectra if np.all(np.isfinite(one[1]))], shapes=(0.5, shape))
    display = impedance_display(table["Z_real"][1], max(abs(v) for v in (*window.x, *window.y)))
    for t in np.unique(at):
        _, values = _rising(f, Z, at == t)
        _, still = _rising(f, moves <= STILL, at == t)
        look = _look(times, t)
        axes.add_line(Line2D(values.real * display.factor, -values.imag * display.factor, **look))
        for which, face in ((still, look["color"]), (~still, "white")):
            marks: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 2.6, "markerfacecolor": face}
            x, y = values.real[which] * display.factor, -values.imag[which] * display.factor
            axes.add_line(Line2D(x, y, color=look["color"], **marks))
        _, values = _rising(f, steady, at == t)
        axes.add_line(Line2D(values.real * display.factor, -values.imag * display.factor, **REFERENCE))
    nyquist_axes(axes, window, display)
    axes.set_anchor("SW")


def _rising(f: Array, values: Any, here: Bools) -> tuple[Array, Any]:
    """Frequencies of one spectrum, rising, and its values in that order."""
    order = np.argsort(f[here])
    return f[here][order], values[here][order]
