"""Small-signal profiles: the complex amplitude of each rail's potential along the electrode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from miecsim.errors import InputError
from miecsim.plot.scales import length_display, value_limits, with_prefix
from miecsim.plot.style import (
    COLOURS,
    DASHES,
    DOUBLE,
    DPI,
    GREY,
    SMALL,
    legend,
    legend_height,
    place_label,
    readable,
    style,
)
from miecsim.results.records import StudyRecord
from miecsim.typing import Array, Complex

LEFT, RIGHT, BOTTOM, GAP = 1.35, 0.3, 1.0, 0.25  # cm
UPPER, LOWER, TITLE = 3.6, 2.8, 0.45  # cm
NOTHING = 1e-4  # a modulus below this fraction of the largest cannot be seen, and its phase misleads

Spans = Sequence[tuple[str, float, float]]


def rail_profiles(study: StudyRecord, *, layers: Spans = ()) -> Figure:
    """Modulus [V per V applied] and phase [degrees] of each rail along x: one column per stored frequency.

    `layers` (name, start, end) [m], as from `layer_spans`, draws the borders of layers. Raises InputError when
    the study stores no profiles.
    """
    n_k = study.profile_frequency.size
    if not (study.profile_rails and n_k and study.profile_position.size):
        raise InputError(f"study {study.name} stores no profiles")
    display = length_display(float(np.max(np.abs(study.profile_position))))
    x = study.profile_position * display.factor
    with style():
        handles = rail_handles(list(study.profile_rails))
        figure, axes = _panels(n_k, legend_height(len(handles), 4))
        for k in range(n_k):
            for number, values in enumerate(study.profile_rails.values()):
                how = rail_look(number)
                axes[0][k].add_line(Line2D(x, np.abs(values[k]), **how))
                axes[1][k].add_line(Line2D(x, phase_along(values[k]), **how))
            frequency = with_prefix(float(study.profile_frequency[k]), "Hz")
            axes[0][k].set_title(frequency, fontsize=8, pad=3, loc="left")
            axes[1][k].set_xlabel(f"x / {display.unit}")
            axes[1][k].set_xlim(float(x[0]), float(x[-1]))
            # the last label of a panel would run into the first of the next
            prune = "upper" if k < n_k - 1 else None
            axes[1][k].xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10], prune=prune))
            for upper_or_lower in (axes[0][k], axes[1][k]):
                draw_layers(upper_or_lower, layers, display.factor, named=False)
        _limits(axes, study)
        legend(figure, handles, columns=4, left=LEFT)
    return figure


def phase_along(values: Complex) -> Array:
    """Phase [degrees] along x without jumps of 360, nan where there is no amplitude to speak of."""
    modulus = np.abs(values)
    known = np.isfinite(modulus)
    if known.any():
        known &= modulus > NOTHING * np.max(modulus[known])
    phase = np.full(values.shape, np.nan)
    phase[known] = np.unwrap(np.angle(values[known], deg=True), period=360.0)
    return phase


def rail_look(number: int) -> dict[str, Any]:
    """Colour and dash of a rail."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.2}


def rail_handles(names: Sequence[str]) -> list[Line2D]:
    """Legend entries of some rails."""
    return [Line2D([], [], label=readable(name), **rail_look(number)) for number, name in enumerate(names)]


def draw_layers(axes: Axes, layers: Spans, factor: float, *, named: bool) -> None:
    """Thin lines at the borders between layers and, with `named`, the layers' names along the top."""
    for number, (name, start, end) in enumerate(layers):
        if number:
            axes.axvline(start * factor, color=GREY, linewidth=0.4, linestyle=(0, (1, 1.5)), zorder=0.5)
        if named:
            middle = 0.5 * (start + end) * factor
            axes.annotate(
                readable(name),
                (middle, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=SMALL,
                color=GREY,
            )


def _panels(columns: int, top: float) -> tuple[Figure, list[list[Axes]]]:
    """Two rows of axes: x shared down a column, y along a row."""
    total = BOTTOM + LOWER + GAP + UPPER + TITLE + top
    width = (DOUBLE - LEFT - RIGHT - GAP * (columns - 1)) / columns
    figure = Figure(figsize=(DOUBLE / 2.54, total / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    rows: list[list[Axes]] = [[], []]
    for k in range(columns):
        left = (LEFT + k * (width + GAP)) / DOUBLE
        for row, (edge, height) in enumerate([(BOTTOM + LOWER + GAP, UPPER), (BOTTOM, LOWER)]):
            box = (left, edge / total, width / DOUBLE, height / total)
            axes = figure.add_axes(box, sharex=rows[0][k] if row else None, sharey=rows[row][0] if k else None)
            axes.tick_params(labelbottom=row == 1, labelleft=k == 0)
            rows[row].append(axes)
    rows[0][0].set_ylabel("|Φ| / (V/V)")
    rows[1][0].set_ylabel("phase / °")
    for row_axes in rows:
        place_label(row_axes[0], LEFT, width)
    return figure, rows


def _limits(axes: list[list[Axes]], study: StudyRecord) -> None:
    moduli = np.concatenate([np.abs(v).ravel() for v in study.profile_rails.values()])
    phases = np.concatenate([phase_along(row) for v in study.profile_rails.values() for row in v])
    largest = float(np.nanmax(moduli)) or 1.0
    axes[0][0].set_ylim(-0.03 * largest, 1.06 * largest)
    axes[0][0].yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    known = phases[np.isfinite(phases)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    low, high = value_limits(low, high, smallest=10.0)
    step = next((s for s in (2.0, 5.0, 10.0, 15.0, 30.0, 45.0) if (high - low) / s <= 5), 90.0)
    axes[1][0].set_ylim(low, high)
    axes[1][0].yaxis.set_major_locator(MultipleLocator(step))
