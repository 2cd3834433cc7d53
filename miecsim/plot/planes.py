"""What a reference electrode makes of a cell: the spectrum and its two parts, on one pair of axes for each plane."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.errors import InputError
from miecsim.plot.common import by_frequency, columns_that_fit
from miecsim.plot.nyquist import Spectrum, nyquist_axes, nyquist_marks, tail_remark
from miecsim.plot.scales import impedance_display
from miecsim.plot.style import DOUBLE, DPI, GREY, POINT, SINGLE, SMALL, legend, legend_height, readable, series, style
from miecsim.plot.window import Window, nyquist_window
from miecsim.results.records import StudyRecord

LEFT, RIGHT, BOTTOM, GAP, TITLE = 1.35, 0.35, 1.0, 0.55, 0.85  # cm
AIR = 0.35  # cm, of the title above a remark
ACROSS = 3  # planes in one row


def plane_parts(study: StudyRecord) -> Figure:
    """-Im Z against Re Z, on the same equal axes for every reference plane: the cell, the part from the first terminal
    to the plane and the part from the plane to the second; at each frequency the two add up to the cell.

    Raises InputError where the study has no reference plane.
    """
    if not study.reference_planes:
        raise InputError(f"study {study.name} has no reference plane")
    order = by_frequency(study)
    f, Z = study.frequency[order], study.Z[order]
    parts = [(Z - behind, behind) for behind in study.Z_reference[order].T]
    columns = min(len(parts), ACROSS)
    rows = -(-len(parts) // ACROSS)
    spectra = [(f, Z), *((f, part) for pair in parts for part in pair)]
    window = nyquist_window(spectra, shapes=(0.5, 1.0), whole=False)
    display = impedance_display(study.unit, max(abs(v) for v in (*window.x, *window.y)))
    width = SINGLE if columns == 1 else DOUBLE
    room = (width - LEFT - RIGHT - GAP * (columns - 1)) / columns
    height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
    first, second = study.terminals[:2]
    names = ("cell", f"{readable(first)} to reference", f"reference to {readable(second)}")
    remark = tail_remark(window, spectra, study.unit)
    title = TITLE if remark else TITLE - AIR
    with style():
        handles = [Line2D([], [], label=name, **_look(i)) for i, name in enumerate(names)]
        per_row = columns_that_fit(handles, width - LEFT)
        top = legend_height(len(handles), per_row)
        total = top + rows * (title + height + BOTTOM)
        figure = Figure(figsize=(width / 2.54, total / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        for i, (plane, pair) in enumerate(zip(study.reference_planes, parts, strict=True)):
            row, column = divmod(i, ACROSS)
            left = LEFT + column * (room + GAP)
            bottom = total - top - row * (title + height + BOTTOM) - title - height
            axes = figure.add_axes((left / width, bottom / total, room / width, height / total))
            nyquist_axes(axes, window, display)
            _draw(axes, [(f, Z), (f, pair[0]), (f, pair[1])], window, display.factor, (room, height))
            if column:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
            axes.text(
                0.0, 1 + (title - 0.4) / height, f"reference: {readable(plane)}", transform=axes.transAxes, fontsize=8
            )
            if remark and i == 0:
                axes.text(0.0, 1 + 0.12 / height, remark, transform=axes.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=per_row, left=LEFT)
    return figure


def _look(number: int) -> dict[str, Any]:
    return series(number) | {"linewidth": 0.6, "markersize": 2.8}


def _draw(axes: Axes, spectra: list[Spectrum], window: Window, factor: float, box: tuple[float, float]) -> None:
    for i, (_, Z) in enumerate(spectra):
        axes.add_line(Line2D(Z.real * factor, -Z.imag * factor, **_look(i)))
    nyquist_marks(axes, window, spectra, factor, (box[0] / POINT, box[1] / POINT))
