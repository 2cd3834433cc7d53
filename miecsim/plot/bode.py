"""Bode plots: modulus and phase of Z against frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from miecsim.plot.common import as_studies, by_frequency, columns_that_fit, entries, look
from miecsim.plot.scales import decade_limits, decades, impedance_display, log_values, value_limits
from miecsim.plot.style import DOUBLE, POINT, REFERENCE, SINGLE, legend, legend_height, panels, style
from miecsim.results.records import StudyRecord
from miecsim.typing import Array, Complex

LEFT, RIGHT = 1.35, 0.3  # cm
NARROW = 1.3  # decades below which an axis carries plain numbers


def bode(
    studies: StudyRecord | Sequence[StudyRecord], *, labels: Sequence[str] | None = None, columns: int = 1
) -> Figure:
    """|Z| and phase [degrees] of one or more studies, closed forms as thin dashed lines.

    `columns` is the width on paper: 1 (8.5 cm) or 2 (17.8 cm). Raises InputError when the units of Z differ.
    """
    chosen = as_studies(studies)
    width = SINGLE if columns == 1 else DOUBLE
    with style():
        handles = entries(chosen, labels)
        per_row = columns_that_fit(handles, width - LEFT)
        top = legend_height(len(handles), per_row)
        figure, (modulus, phase) = panels(width, [4.0, 3.2], left=LEFT, right=RIGHT, top=top)
        moduli = np.concatenate([np.abs(Z) for study in chosen for Z in (study.Z, *study.references.values())])
        factor = _modulus_axis(modulus, moduli, chosen[0].unit)
        for number, study in enumerate(chosen):
            for reference in study.references.values():
                _draw(modulus, phase, study, reference * factor, REFERENCE)
            how = look(study, number, 2.8) | {"markevery": _every(study.frequency, (width - LEFT - RIGHT) / POINT)}
            _draw(modulus, phase, study, study.Z * factor, how)
        _phase_axis(phase, np.concatenate([np.angle(study.Z, deg=True) for study in chosen]))
        _frequency_axis(modulus, phase, np.concatenate([study.frequency for study in chosen]))
        legend(figure, handles, columns=per_row, left=LEFT)
    return figure


def _draw(modulus: Axes, phase: Axes, study: StudyRecord, Z: Complex, how: dict[str, Any]) -> None:
    order = by_frequency(study)
    f, Z = study.frequency[order], Z[order]
    modulus.add_line(Line2D(f, np.abs(Z), **how))
    phase.add_line(Line2D(f, np.angle(Z, deg=True), **how))


def _every(frequency: Array, room: float) -> int:
    """Show each n-th marker, so that they stand 4 pt apart on axes of length `room` [pt]."""
    return max(1, round(4.0 * frequency.size / room))


def _modulus_axis(axes: Axes, moduli: Array, unit: str) -> float:
    """Logarithmic axis for |Z| (in `unit`); returns the factor from `unit` to what the axis shows."""
    low, high = decade_limits(moduli[moduli > 0])
    narrow = np.log10(high / low) < NARROW
    display = impedance_display(unit, high if narrow else None)
    low, high = low * display.factor, high * display.factor
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    (log_values if narrow else decades)(axes.yaxis, low, high)
    axes.set_ylabel(f"|Z| / {display.unit}")
    return display.factor


def _phase_axis(axes: Axes, degrees: Array) -> None:
    low, high = value_limits(float(degrees.min()), float(degrees.max()), smallest=10.0)
    axes.set_ylim(low, high)
    step = next((s for s in (2.0, 5.0, 10.0, 15.0, 30.0) if (high - low) / s <= 6), 45.0)
    axes.yaxis.set_major_locator(MultipleLocator(step))
    axes.set_ylabel("phase / °")


def _frequency_axis(upper: Axes, lower: Axes, frequency: Array) -> None:
    low, high = decade_limits(frequency)
    lower.set_xscale("log")  # shared with the upper axes
    lower.set_xlim(low, high)
    (log_values if np.log10(high / low) < NARROW else decades)(lower.xaxis, low, high)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("frequency / Hz")
