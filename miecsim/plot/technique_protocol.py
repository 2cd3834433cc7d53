"""A protocol in time: voltage and current, profiles at instants, and spectra at instants beside the steady one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from miecsim.plot.nyquist import nyquist_axes
from miecsim.plot.scales import Display, decades, impedance_display, length_display, scaled, value_limits, with_prefix
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DOUBLE,
    DPI,
    GREY,
    REFERENCE,
    legend,
    legend_height,
    place_label,
    readable,
    style,
)
from miecsim.plot.technique_common import expect
from miecsim.plot.window import nyquist_window
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array, Bools

LEFT, RIGHT, BOTTOM = 1.5, 0.3, 1.0  # cm
GAP, ROW_GAP, HEIGHT, BETWEEN = 1.7, 1.3, 5.2, 0.25  # cm: between parts, side by side and above each other; within
PARTS = 3  # side by side; more make two rows
FROM = 1e-5  # of a step: from where its current is drawn, after the charging of what follows at once
STILL = 0.01  # change within a period from which a point of a spectrum is drawn open
EVEN = 1e-9  # relative: a current or voltage that changes by less is constant
LASTING = 0.08  # of the run: a constant current for so long is a discharge or a charge
SHOWN = {"mol/m^3": "mol m⁻³", "A/m^2": "A m⁻²"}
# unit of a charge -> per mA h cm^-2 or A h, and the unit of the current that passes it
CAPACITY = {"C": (1 / 3600, "A h", 1.0, "A"), "C/m^2": (1 / 36e3, "mA h cm⁻²", 0.1, "mA cm⁻²")}


def technique_protocol(record: TechniqueRecord) -> Figure:
    """Voltage and current of the driven terminal over time (log t for a single relaxation); voltage over capacity where
    a constant current lasts; profiles (of the first concentration, or else potential, and of the particles' surfaces)
    and spectra at the kept instants, the steady state that each tends to dashed, a cell at rest with the same content
    thin. Points of a spectrum are open where the state moves by more than 1 % within their period. InputError for the
    record of another technique."""
    expect(record, "protocol", "a protocol")
    tables = record.tables
    lasting = _lasting(record)
    parts = ["time", *(["capacity"] if lasting else []), *(name for name in ("profiles", "spectra") if name in tables)]
    kept = [tables[name]["time"][0] for name in ("profiles", "spectra") if name in tables]
    times = np.unique(np.concatenate(kept)) if kept else np.zeros(0)
    clock = _clock(tables, bool(lasting))
    with style():
        handles = _handles(record, times, bool(lasting))
        columns = 5 if any(str(one.get_label()).startswith("rest,") for one in handles) else 6
        top = legend_height(len(handles), columns)
        sheet = _Sheet(len(parts), top)
        upper, lower = sheet.stacked(0)
        _over_time(upper, lower, tables, clock)
        for k, name in enumerate(parts[1:], 1):
            if name == "capacity":
                _over_capacity(sheet.single(k), tables, lasting, times)
            elif name == "profiles":
                shown = _profiles_shown(tables[name])
                stack = sheet.stacked(k) if len(shown) > 1 else [sheet.single(k)]
                for axes, what in zip(stack, shown, strict=True):
                    _profiles(axes, tables[name], what, times, ticks=9 // len(stack), lowest=axes is stack[-1])
            else:
                _spectra(sheet.single(k), tables[name], times, HEIGHT / sheet.room)
        legend(sheet.figure, handles, columns=columns, left=LEFT)
    return sheet.figure


class _Sheet:
    """A figure two columns wide that holds some parts, in one row or in two of two."""

    def __init__(self, count: int, top: float) -> None:
        self.columns = count if count <= PARTS else 2
        rows = -(-count // self.columns)
        self.room = (DOUBLE - LEFT - RIGHT - (self.columns - 1) * GAP) / self.columns
        self.height = BOTTOM + rows * HEIGHT + (rows - 1) * ROW_GAP + top
        self.top = top
        self.figure = Figure(figsize=(DOUBLE / 2.54, self.height / 2.54), dpi=DPI)
        FigureCanvasAgg(self.figure)

    def single(self, k: int) -> Axes:
        return self._axes(k, 0.0, HEIGHT)

    def stacked(self, k: int) -> list[Axes]:
        """Two axes, one above the other, with one x axis."""
        half = (HEIGHT - BETWEEN) / 2
        upper = self._axes(k, half + BETWEEN, half)
        upper.tick_params(labelbottom=False)
        return [upper, self._axes(k, 0.0, half, sharex=upper)]

    def _axes(self, k: int, above: float, height: float, **shared: Any) -> Axes:
        row, column = divmod(k, self.columns)
        x = LEFT + column * (self.room + GAP)
        y = self.height - self.top - HEIGHT - row * (HEIGHT + ROW_GAP) + above
        box = (x / DOUBLE, y / self.height, self.room / DOUBLE, height / self.height)
        axes = self.figure.add_axes(box, **shared)
        place_label(axes, GAP - 0.1 if column else LEFT, self.room)
        return axes


# ----------------------------------------------------------------------------------------- what is drawn, and its names


def _lasting(record: TechniqueRecord) -> list[list[int]]:
    """Steps (from 0) that pass a constant current, those that go on with the same one together; none where all are
    short."""
    table, ends = record.tables["record"], record.tables["steps"]
    step, current, voltage = (table[name][0] for name in ("step", "current", "voltage"))
    lasted, end = ends["lasted"][0], ends["current"][0]
    found: list[list[int]] = []
    for k in range(lasted.size):
        i, v = current[step == k + 1], voltage[step == k + 1]
        if end[k] != 0 and np.ptp(i) <= EVEN * abs(end[k]) and np.ptp(v) > EVEN * np.max(np.abs(v)):
            goes_on = found and found[-1][-1] == k - 1 and abs(end[k - 1] - end[k]) <= EVEN * abs(end[k])
            found = [*found[:-1], [*found[-1], k]] if goes_on else [*found, [k]]
    longest = max((float(np.sum(lasted[steps])) for steps in found), default=0.0)
    return found if longest >= LASTING * float(lasted.sum()) else []


def _clock(tables: Mapping[str, Table], capacity: bool) -> Display:
    """How to show times: of a discharge in minutes or hours, else in seconds, or hours in runs of several steps."""
    end, single = float(tables["record"]["time"][0][-1]), tables["steps"]["start"][0].size == 1
    if capacity and 600 <= end < 7200:
        return Display(1 / 60, "min")
    if end >= 7200 and (capacity or not single):
        return Display(1 / 3600, "h")
    return Display(1.0, "s") if single else scaled(end, "s")


def _handles(record: TechniqueRecord, times: Array, capacity: bool) -> list[Line2D]:
    steps = record.tables["steps"]

    def label(t: float) -> str:
        if not capacity:
            return with_prefix(t, "s") if t < 1 else f"{t:.6g} s"
        k = max(0, int(np.searchsorted(steps["start"][0] * (1 + EVEN), t)) - 1)
        resting = steps["current"][0][k] == 0
        return f"rest, {_told(t - float(steps['start'][0][k]))}" if resting else _told(t)

    handles = [Line2D([], [], label=label(t), **_look(times, t)) for t in times]
    if "spectra" in record.tables:
        spectra = record.tables["spectra"]
        if np.any(np.isfinite(spectra["Z_real_steady"][0])):
            handles.append(Line2D([], [], label="steady", **REFERENCE))
        if "Z_real_rest" in spectra:
            handles.append(Line2D([], [], label="at rest, same charge", **(REFERENCE | AT_REST)))
        if np.any(spectra["drift"][0] > STILL):
            open_mark: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}
            handles.append(Line2D([], [], color="black", label="moves > 1 % in a period", **open_mark))
    return handles


def _told(t: float) -> str:
    """A time as people say it."""
    factor, unit = (1.0, "s") if t < 60 else (1 / 60, "min") if t < 7200 else (1 / 3600, "h")
    return f"{t * factor:.3g} {unit}"


def _look(times: Array, t: float) -> dict[str, Any]:
    k = int(np.searchsorted(times, t))
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}


AT_REST: dict[str, Any] = {"linewidth": 0.7, "linestyle": "-"}  # of a spectrum at rest, in the colour of its instant


# ---------------------------------------------------------------------------------------- over time, over capacity


def _over_time(upper: Axes, lower: Axes, tables: Mapping[str, Table], clock: Display) -> None:
    table = tables["record"]
    t, step = table["time"][0], table["step"][0]
    began, lasted = (tables["steps"][name][0] for name in ("start", "lasted"))
    k = step.astype(int) - 1
    drawn = t - began[k] >= FROM * lasted[k]
    if began.size == 1 and _relaxes(table, drawn):
        upper.set_xscale("log")
        limits = float(t[drawn][0]) * clock.factor, float(t[-1]) * clock.factor
        upper.set_xlim(*limits)
        decades(lower.xaxis, *limits)
    else:
        upper.set_xlim(0, t[-1] * clock.factor)
        lower.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    for axes, name, symbol in ((upper, "voltage", "V"), (lower, "current", "I")):
        values, unit = table[name]
        display = scaled(float(np.max(np.abs(values[drawn]))) or 1.0, SHOWN.get(unit, unit))
        for at in began[1:] if began.size <= 20 else ():
            axes.axvline(at * clock.factor, color=GREY, linewidth=0.4, linestyle=(0, (1, 2)), zorder=1)
        shown = values[drawn] * display.factor
        axes.add_line(Line2D(t[drawn] * clock.factor, shown, color=BLUE))
        _value_axis(axes, shown, f"{symbol} / {display.unit}", zero=name == "current")
    lower.set_xlabel(f"time / {clock.unit}")


def _relaxes(table: Table, drawn: Bools) -> bool:
    """Whether a voltage is held, or nothing passes, all the time."""
    V, current = table["voltage"][0][drawn], table["current"][0][drawn]
    return bool(np.ptp(V) <= EVEN * np.max(np.abs(V)) or np.all(current == 0))


def _value_axis(axes: Axes, shown: Array, label: str, *, zero: bool = False, ticks: int = 4) -> None:
    """Limits, ticks and label of an axis of values; zero belongs to it where asked for, or where it costs little."""
    low, high = float(shown.min()), float(shown.max())
    if zero or low * high <= 0 or min(abs(low), abs(high)) < 0.5 * max(abs(low), abs(high)):
        low, high = min(0.0, low), max(0.0, high)
        axes.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
    axes.set_ylim(*value_limits(low, high, smallest=1e-12))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.set_ylabel(label)


def _over_capacity(axes: Axes, tables: Mapping[str, Table], lasting: Sequence[Sequence[int]], times: Array) -> None:
    """Voltage over the charge that passed since each step with a constant current began; one colour for each current,
    and dots at the kept instants."""
    table = tables["record"]
    t, step, V, charge, current = (table[name][0] for name in ("time", "step", "voltage", "charge", "current"))
    factor, unit, per_current, unit_of_current = CAPACITY[table["charge"][1]]
    ends, shown, names = [], [], []
    for steps in lasting:
        here = np.flatnonzero((step > steps[0]) & (step <= steps[-1] + 1))
        passed = np.abs(charge[here] - (charge[here[0] - 1] if here[0] else 0.0)) * factor
        way = "discharge" if np.mean(V[here] * current[here]) < 0 else "charge"
        name = f"{way}, {abs(current[here[-1]]) * per_current:.3g} {unit_of_current}"
        label = name if name not in names else "_"  # matplotlib's mark of a line without an entry
        names += [] if name in names else [name]
        dashes = DASHES[names.index(name) % len(DASHES)]
        axes.add_line(Line2D(passed, V[here], color="black", linestyle=dashes, label=label))
        for at in times[(times >= t[here[0]]) & (times <= t[here[-1]])]:
            place = np.interp(at, t[here], passed), np.interp(at, t[here], V[here])
            axes.plot(*place, "o", color=_look(times, at)["color"], zorder=3)
        ends.append(float(passed.max()))
        shown.append(V[here])
    axes.set_xlim(0.0, 1.03 * max(ends))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(f"charge passed / {unit}")
    _value_axis(axes, np.concatenate(shown), "V / V", ticks=7)
    if len(names) <= len(DASHES):
        axes.legend(loc="lower left", borderpad=0)


# ------------------------------------------------------------------------------------------------- profiles and spectra


def _profiles_shown(table: Table) -> list[list[str]]:
    """Names of what each axes shows: the first concentration, or else the first potential; and the surfaces of
    particles."""
    names = [name for name in table if name not in ("time", "position")]
    first = next((n for n in names if n.startswith("concentration_")), names[0])
    surfaces = [name for name in names if name.startswith("surface_stoichiometry_")]
    return [[first], surfaces] if surfaces else [[first]]


def _profiles(axes: Axes, table: Table, names: Sequence[str], times: Array, *, ticks: int, lowest: bool) -> None:
    x, at = table["position"][0], table["time"][0]
    values, unit = np.concatenate([table[name][0] for name in names]), table[names[0]][1]
    length = length_display(float(np.max(np.abs(x))))
    share = unit == "1"
    display = Display(1.0, "") if share else scaled(float(np.nanmax(np.abs(values))) or 1.0, SHOWN.get(unit, unit))
    for t in np.unique(at):
        for name in names:
            shown = table[name][0][at == t] * display.factor
            axes.add_line(Line2D(x[at == t] * length.factor, shown, **_look(times, t)))
    low, high = float(np.nanmin(values)) * display.factor, float(np.nanmax(values)) * display.factor
    axes.set_ylim(*value_limits(low, high, smallest=0.02 * max(abs(low), abs(high), 1e-12)))
    axes.set_xlim(float(x.min()) * length.factor, float(x.max()) * length.factor)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=ticks))
    if lowest:
        axes.set_xlabel(f"x / {length.unit}")
    kind, _, carrier = names[0].partition("_")
    symbol = "c" if kind == "concentration" else "Φ"
    whose = f" of {readable(carrier)}" if carrier and ticks > 4 else ""  # no room beside a low axis
    axes.set_ylabel("stoichiometry" if share else f"{symbol}{whose} / {display.unit}")


def _spectra(axes: Axes, table: Table, times: Array, shape: float) -> None:
    at, f, moves = (table[name][0] for name in ("time", "frequency", "drift"))
    Z = table["Z_real"][0] + 1j * table["Z_imag"][0]
    references = [
        (table[f"Z_real_{kind}"][0] + 1j * table[f"Z_imag_{kind}"][0], look)
        for kind, look in (("steady", REFERENCE), ("rest", AT_REST))
        if f"Z_real_{kind}" in table
    ]
    spectra = [_rising(f, values, at == t) for t in np.unique(at) for values in (Z, *(one for one, _ in references))]
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
        for reference, style_of in references:
            _, values = _rising(f, reference, at == t)
            own = {"color": look["color"]} | style_of
            axes.add_line(Line2D(values.real * display.factor, -values.imag * display.factor, **own))
    nyquist_axes(axes, window, display)
    axes.set_anchor("SW")


def _rising(f: Array, values: Any, here: Bools) -> tuple[Array, Any]:
    """Frequencies of one spectrum, rising, and its values in that order."""
    order = np.argsort(f[here])
    return f[here][order], values[here][order]
