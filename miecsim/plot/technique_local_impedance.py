"""Local impedance: the conductivity that a micro-contact reads along a scan, its arc, and what it sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from miecsim.plot.scales import PREFIXES, length_display, prefix_power, value_limits
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DOUBLE,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    REFERENCE,
    VERMILLION,
    legend,
    legend_height,
    panels,
    style,
)
from miecsim.plot.technique_afm_impedance import SHOWN, draw_power
from miecsim.plot.technique_common import expect
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array

LEFT, LEFT_WIDTH, GAP = 1.45, 7.2, 1.9  # cm
MAP_WIDTH = 5.5  # cm
HEIGHTS = (3.2, 2.2, 2.2)  # cm
NYQUIST, ROW_GAP = 3.1, 1.35  # cm: the lower part of the right column, and what is free above it
JOINT: dict[str, Any] = {"color": GREY, "linestyle": "-", "linewidth": 0.5}
DEPTHS = (("depth of 50 %", BLUE, "s"), ("depth of 75 %", VERMILLION, "^"), ("depth of 90 %", GREEN, "D"))


def technique_local_impedance(record: TechniqueRecord) -> Figure:
    """Left, over the position of the contact: conductivity as read and true; real part gained from the highest to the
    lowest frequency; distances that hold 50, 75 and 90 % of Re Z. Right: the power per area of the section with the
    contact nearest to the first joint; spectra on either side of it and at the first place, on equal axes. InputError
    for the record of another technique."""
    expect(record, "local_impedance", "local impedance")
    scan, sample = record.tables["scan"], record.tables["sample"]
    x, joints = scan["position"][0], sample["end"][0][:-1]
    low, high = value_limits(float(x[0]), float(x[-1]), smallest=float(x[0]) * 1e-3)
    length = length_display(float(x[-1]))
    with style():
        handles: list[Any] = [Line2D([], [], label="read", **_look(BLUE, "o"))]
        handles += [Line2D([], [], label="true", **REFERENCE), Line2D([], [], label="joint", **JOINT)]
        handles.append(Line2D([], [], label="arc", **_look(ORANGE, "v")))
        handles += [Line2D([], [], label=name, **_look(colour, mark)) for name, colour, mark in DEPTHS]
        places = _shown(x, joints)
        handles += [
            Line2D([], [], label=f"at {length.factor * x:.4g} {length.unit}", **_place(k)) for k, x in enumerate(places)
        ]
        right = DOUBLE - LEFT - LEFT_WIDTH
        figure, columns = panels(DOUBLE, HEIGHTS, left=LEFT, right=right, top=legend_height(len(handles), 5))
        _conductivity(columns[0], scan, sample, (low, high), length.factor)
        _arc(columns[1], scan, length.factor)
        _depths(columns[2], scan, length.factor)
        for axes in columns:
            axes.set_xlim(low * length.factor, high * length.factor)
            for joint in joints[(joints > low) & (joints < high)]:
                axes.axvline(joint * length.factor, **JOINT)
        columns[-1].set_xlabel(f"middle of the contact / {length.unit}")
        _right(figure, columns, record, places)
        legend(figure, handles, columns=5, left=LEFT)
    return figure


def _look(colour: str, mark: str) -> dict[str, Any]:
    return {"color": colour, "marker": mark, "markersize": 2.4, "markerfacecolor": "white", "linewidth": 0.9}


def _conductivity(axes: Axes, scan: Table, sample: Table, shown: tuple[float, float], factor: float) -> None:
    read, ends, sigma = scan["conductivity"][0], sample["end"][0], sample["conductivity"][0]
    inside = ends[(ends > shown[0]) & (ends < shown[1])]
    edges = np.concatenate([[shown[0]], inside, [shown[1]]])
    true = sigma[np.searchsorted(ends, (edges[1:] + edges[:-1]) / 2)]
    highest = float(max(read.max(), true.max()))
    power = prefix_power(highest)
    axes.plot(factor * np.repeat(edges, 2)[1:-1], 10.0**-power * np.repeat(true, 2), **REFERENCE)
    axes.plot(factor * scan["position"][0], 10.0**-power * read, **_look(BLUE, "o"))
    axes.set_ylim(0, 1.1 * highest * 10.0**-power)
    axes.set_ylabel(f"σ / {PREFIXES[power]}S m⁻¹")


def _arc(axes: Axes, scan: Table, factor: float) -> None:
    arc = scan["arc"][0]
    power = prefix_power(float(np.max(np.abs(arc))))
    arc = arc * 10.0**-power
    axes.plot(factor * scan["position"][0], arc, **_look(ORANGE, "v"))
    axes.set_ylim(min(0.0, 1.1 * float(arc.min())), 1.15 * float(max(arc.max(), 1e-30)))
    axes.set_ylabel(f"arc / {PREFIXES[power]}Ω")


def _depths(axes: Axes, scan: Table, factor: float) -> None:
    values = [scan[name][0] for name, _, _ in DEPTHS]
    length = length_display(float(np.max(values)))
    for depth, (_, colour, mark) in zip(values, DEPTHS, strict=True):
        axes.plot(factor * scan["position"][0], length.factor * depth, **_look(colour, mark))
    axes.set_ylim(0, 1.15 * length.factor * float(np.max(values)))
    axes.set_ylabel(f"depth / {length.unit}")


def _right(figure: Figure, columns: list[Axes], record: TechniqueRecord, places: Array) -> None:
    """Below, the spectra of a few places on equal axes; above, the section with the contact nearest to a joint."""
    top, bottom = columns[0].get_position(), columns[-1].get_position()
    left, width, total = top.x1 + GAP / DOUBLE, MAP_WIDTH / DOUBLE, 2.54 * float(figure.get_size_inches()[1])
    spectra = figure.add_axes((left, bottom.y0, width, NYQUIST / total))
    _spectra(spectra, record.tables["impedance"], places)
    floor = bottom.y0 + (NYQUIST + ROW_GAP) / total
    _section(figure, figure.add_axes((left, floor, width, top.y1 - floor)), record)


def _spectra(axes: Axes, table: Table, places: Array) -> None:
    Z = table["Z real"][0] + 1j * table["Z imaginary"][0]
    drawn = [Z[table["position"][0] == x] for x in places]
    low, high = (float(f(np.concatenate(drawn).real)) for f in (np.min, np.max))
    tall = float(max(np.max(-np.concatenate(drawn).imag), 0.0)) * MAP_WIDTH / NYQUIST
    span, power = 1.12 * max(high - low, 1.05 * tall, 1e-3 * high), prefix_power(high)
    shown = 10.0**-power
    for k, spectrum in enumerate(drawn):
        axes.plot(shown * spectrum.real, -shown * spectrum.imag, **_place(k))
    middle = (low + high) / 2
    axes.set_xlim(shown * (middle - span / 2), shown * (middle + span / 2))
    axes.set_ylim(-0.04 * shown * span, (NYQUIST / MAP_WIDTH - 0.04) * shown * span)
    axes.set_aspect("equal", adjustable="box")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_xlabel(f"Re Z / {PREFIXES[power]}Ω")
    axes.set_ylabel(f"−Im Z / {PREFIXES[power]}Ω")


def _place(index: int) -> dict[str, Any]:
    return _look(COLOURS[3:][index % 3], MARKERS[index]) | {"linestyle": DASHES[index]}


def _shown(x: Array, joints: Array) -> Array:
    """Places whose spectra are drawn: the first, and those nearest to the first joint on either side."""
    if joints.size == 0:
        return x[:1]
    left, right = x[x <= joints[0]], x[x > joints[0]]
    return np.unique(np.concatenate([x[:1], left[-1:], right[:1]]))


def _section(figure: Figure, axes: Axes, record: TechniqueRecord) -> None:
    """Around the contact that was nearest to a joint; lengths in half breadths."""
    table, joints = record.tables["map"], record.tables["sample"]["end"][0][:-1]
    middle, half = float(table["contact"][0][0]), float(table["half breadth"][0][0])
    share = table["share per area"][0] * half**2
    draw_power(figure, axes, (table["x"][0] - middle) / half, table["depth"][0] / half, share, "share per a²")
    for joint in (joints - middle) / half:
        if abs(joint) < SHOWN:
            axes.axvline(joint, color="white", linewidth=0.9, linestyle=(0, (3, 1.5)))
    axes.set_xlabel("x − middle / a,  a = b/2", labelpad=1)
