"""What micro-reference electrodes see along a composite: potentials, and where the reaction takes place."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import length_display, scaled, with_prefix
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DOUBLE,
    GREEN,
    REFERENCE,
    SINGLE,
    VERMILLION,
    legend,
    legend_height,
    panels,
    style,
)
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array, Complex

LEFT, RIGHT, GAP, HEIGHTS = 1.35, 0.3, 1.75, (3.6, 3.0)  # cm
ROOM = (DOUBLE - LEFT - RIGHT - GAP) / 2  # cm, of one of two columns
RAILS = (("Phi_ion", "Φ_ion", BLUE), ("Phi_eon", "Φ_eon", VERMILLION))
OPEN: dict[str, Any] = {"marker": "o", "linestyle": "none", "markerfacecolor": "white"}


def technique_reference_electrode(record: TechniqueRecord) -> Figure:
    """Potentials of both rails at direct current with the readings, bars as wide as the electrodes; below, the local
    reaction, circles from the curvature of readings. Right, with frequencies: magnitude and phase of the reaction
    along the electrode at the lowest, middle and highest, with a gap where it is rounding. Dashed black lines are the
    two-rail line. InputError for the record of another technique."""
    expect(record, "reference_electrode", "the reference electrode")
    waves = "waves" in record.tables
    with style():
        handles = [Line2D([], [], color=colour, label=label) for _, label, colour in RAILS]
        handles += [Line2D([], [], label="read", color="black", **OPEN), Line2D([], [], color=GREEN, label="reaction")]
        handles.append(Line2D([], [], label="two-rail line", **REFERENCE))
        total = DOUBLE if waves else SINGLE
        if waves:
            handles += [
                Line2D([], [], color=COLOURS[k + 3], linestyle=DASHES[0], label=with_prefix(f, "Hz"))
                for k, f in enumerate(_frequencies(record.tables["waves"]))
            ]
        columns = 8 if waves else 3
        right = RIGHT + (ROOM + GAP if waves else 0.0)
        figure, (upper, lower) = panels(
            total, HEIGHTS, left=LEFT, right=right, top=legend_height(len(handles), columns)
        )
        _potentials(upper, record)
        _reaction(lower, record)
        if waves:
            magnitude, phase = (beside(figure, axes, axes, GAP, ROOM) for axes in (upper, lower))
            _waves(magnitude, phase, record.tables["waves"])
        legend(figure, handles, columns=columns, left=LEFT)
    return figure


def _frequencies(waves: Table) -> Array:
    return np.unique(waves["frequency"][0])


def _depths(axes: Axes, x: Array, *, named: bool) -> float:
    """Set the axis of depth; returns the factor to its unit."""
    shown = length_display(float(x.max()))
    axes.set_xlim(0, shown.factor * float(x.max()))
    axes.tick_params(labelbottom=named)
    if named:
        axes.set_xlabel(f"depth / {shown.unit}")
    return shown.factor


def _potentials(axes: Axes, record: TechniqueRecord) -> None:
    profile, line, readings = (record.tables[name] for name in ("profile", "line", "readings"))
    x = profile["position"][0]
    factor = _depths(axes, x, named=False)
    volt = scaled(float(np.max(np.abs(profile["Phi_ion"][0]))), "V")
    for name, _, colour in RAILS:
        axes.plot(factor * x, volt.factor * profile[name][0], color=colour)
        axes.plot(factor * x, volt.factor * line[name][0], **REFERENCE)
    at, read = factor * readings["position"][0], volt.factor * readings["Phi_ion, read"][0]
    half = factor * readings["width"][0] / 2
    axes.errorbar(at, read, xerr=half, color="black", markersize=3.2, elinewidth=0.9, zorder=4, **OPEN)
    axes.set_ylabel(f"potential / {volt.unit}")


def _reaction(axes: Axes, record: TechniqueRecord) -> None:
    profile, line, readings = (record.tables[name] for name in ("profile", "line", "readings"))
    x = profile["position"][0]
    factor = _depths(axes, x, named=True)
    shown = scaled(float(np.max(np.abs(profile["reaction"][0]))), "A/m³")
    axes.plot(factor * x, shown.factor * profile["reaction"][0], color=GREEN)
    axes.plot(factor * x, shown.factor * line["reaction"][0], **REFERENCE)
    curved = shown.factor * readings["reaction, curvature"][0]
    axes.plot(factor * readings["position"][0], curved, color="black", zorder=4, **OPEN)
    axes.set_ylabel(f"reaction / {shown.unit.replace('A/m³', 'A m⁻³')}")


def _waves(upper: Axes, lower: Axes, waves: Table) -> None:
    table = {name: values for name, (values, _) in waves.items()}
    thickness = float(table["position"].max())
    for k, f in enumerate(_frequencies(waves)):
        here = table["frequency"] == f
        x = table["position"][here]
        factor = _depths(upper, x, named=False)
        _depths(lower, x, named=True)
        for label, how in (("", {"color": COLOURS[k + 3]}), (", line", REFERENCE | {"zorder": 3.0})):
            wave = table[f"reaction real{label}"][here] + 1j * table[f"reaction imaginary{label}"][here]
            mean = np.trapezoid(np.nan_to_num(wave), x) / thickness
            upper.plot(factor * x, np.abs(wave / mean), **how)
            lower.plot(factor * x, _phase(wave / mean), **how)
    upper.set_ylabel("|reaction| / |mean|")
    lower.set_ylabel("phase to mean / °")


def _phase(wave: Complex) -> Array:
    """Continuous phase [degrees], nan where the wave is; from the left, and beyond a gap from the right."""
    phase = np.full(wave.size, np.nan)
    lost = np.flatnonzero(np.isnan(wave))
    ends = (slice(0, lost[0]), slice(lost[-1] + 1, wave.size)) if lost.size else (slice(0, wave.size),)
    for part, way in zip(ends, (1, -1), strict=False):
        phase[part] = np.degrees(np.unwrap(np.angle(wave[part][::way])))[::way]
    return phase
