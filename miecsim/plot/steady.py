"""Steady profiles: potentials and concentrations along the electrode at the operating point."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from miecsim.errors import InputError
from miecsim.plot.profiles import Spans, draw_layers, rail_look
from miecsim.plot.scales import Display, decade_limits, decades, length_display, scaled, value_limits
from miecsim.plot.style import SINGLE, panels, readable, style
from miecsim.results.records import StudyRecord
from miecsim.typing import Array

LEFT = 1.6  # cm
SMALL_CHANGE, SAME = 1e-3, 1e-9  # of the value: shown as a difference; not shown at all
WIDE = 30.0  # ratio of largest to smallest from which positive values stand on a logarithmic axis
NAMES = {"V": "Φ", "mol/m^3": "c", "A/m^2": "i", "C/m^3": "ρ", "1": "stoichiometry"}
SHOWN = {"mol/m^3": "mol m⁻³", "A/m^2": "A m⁻²", "C/m^3": "C m⁻³"}


def steady(study: StudyRecord, *, layers: Spans = ()) -> Figure:
    """Every steady profile of a study along x, one panel per unit, 8.5 cm wide.

    `layers` (name, start, end) [m], as from `layer_spans`, draws and names the layers. Raises InputError when the study
    stores no steady profiles.
    """
    if not study.steady or not study.steady_position.size:
        raise InputError(f"study {study.name} stores no steady profiles")
    groups: dict[str, dict[str, Array]] = {}
    for name, (values, unit) in study.steady.items():
        groups.setdefault(unit, {})[name] = values
    display = length_display(float(np.max(np.abs(study.steady_position))))
    x = study.steady_position * display.factor
    with style():
        figure, axes = panels(SINGLE, [3.6] * len(groups), left=LEFT, top=0.5 if layers else 0.25)
        for number, (panel, (unit, profiles)) in enumerate(zip(axes, groups.items(), strict=True)):
            _panel(panel, x, profiles, unit)
            draw_layers(panel, layers, display.factor, named=number == 0)
        axes[-1].set_xlim(float(x[0]), float(x[-1]))
        axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axes[-1].set_xlabel(f"x / {display.unit}")
    return figure


def _panel(axes: Axes, x: Array, profiles: dict[str, Array], unit: str) -> None:
    finite = np.concatenate([values[np.isfinite(values)] for values in profiles.values()])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    symbol, name = SHOWN.get(unit, unit), NAMES.get(unit, "value")
    if low > 0 and high > WIDE * low:
        display, base = Display(1.0, symbol), 0.0
        axes.set_yscale("log")
        axes.set_ylim(*decade_limits(finite))
        decades(axes.yaxis, *axes.get_ylim(), labels=5)
    else:
        base = _base(low, high)
        low, high = low - base, high - base
        display = Display(1.0, "") if unit == "1" else scaled(max(abs(low), abs(high)), symbol)
        # where nothing changes but the last digits, the axis must not magnify them
        flat = high - low <= SAME * max(abs(low), abs(high))
        smallest = (0.1 * max(abs(low), abs(high)) * display.factor or 1.0) if flat else 0.0
        axes.set_ylim(*value_limits(low * display.factor, high * display.factor, smallest=smallest))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    for number, (label, values) in enumerate(profiles.items()):
        said = readable(label.replace("_stoichiometry", "") if unit == "1" else label)  # which its axis says
        axes.add_line(Line2D(x, (values - base) * display.factor, label=said, **rail_look(number)))
    named = name if base == 0.0 else f"({name} − {base:g})" if display.unit else f"{name} − {base:g}"
    axes.set_ylabel(f"{named} / {display.unit}" if display.unit else named)
    axes.legend(loc="best", borderaxespad=0.4, handlelength=2.2, labelspacing=0.3)


def _base(low: float, high: float) -> float:
    """A round number to subtract where the profile is a small change on a large value, 0 elsewhere."""
    largest, span = max(abs(low), abs(high)), high - low
    if not SAME * largest < span < SMALL_CHANGE * largest:
        return 0.0
    return round(low, 1 - math.ceil(math.log10(span)))
