"""The capacitance of a contact as its papers draw it: C over V with the textbook's curve, and 1/C^2 with its line."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import SUPERSCRIPT, Display, scaled, value_limits
from miecsim.plot.style import GREY, REFERENCE, SINGLE, SMALL, legend, legend_height, panels, style
from miecsim.plot.technique_common import EXACT, LEFT, MODEL, expect, logarithmic
from miecsim.techniques.record import Table, TechniqueRecord

INVERSE = {"µF cm⁻²": "cm⁴ µF⁻²"}
LABELS = {"Gouy-Chapman": "fixed amount of ions", "Mott-Schottky": "depletion layer"}


def technique_contact_capacitance(record: TechniqueRecord) -> Figure:
    """C over V with the textbook's curve (Gouy-Chapman's cosh, or Mott-Schottky's) and the exact one; below, 1/C^2 over
    V with the line that was fitted and its foot, or the error of the cosh where there is no line.

    InputError for the record of another technique.
    """
    expect(record, "contact_capacitance", "contact capacitance")
    table = record.tables["capacitance"]
    V, (C, unit) = table["voltage"][0], table["capacitance"]
    show = Display(1e2, "µF cm⁻²") if unit == "F/m^2" else scaled(float(C.max()), unit)
    name = next(
        (one.how.partition(",")[0] for one in record.compared if one.quantity == "capacitance"), "Mott-Schottky"
    )
    curves = {"textbook": (name, REFERENCE), "formula": (LABELS[name], EXACT), "capacitance": ("model", MODEL)}
    with style():
        handles = [Line2D([], [], label=label, **how) for label, how in reversed(curves.values())]
        figure, (top, bottom) = panels(SINGLE, [4.0, 2.8], left=LEFT, top=legend_height(3, 2))
        for column, (_, how) in curves.items():
            top.add_line(Line2D(V, show.factor * table[column][0], **how))
        logarithmic(top, [show.factor * table[column][0] for column in curves])
        top.set_ylabel(f"C / {show.unit}")
        x, align = (0.97, "right") if "line" in record.tables else (0.5, "center")
        top.text(x, 0.96, _found(record), transform=top.transAxes, fontsize=SMALL, va="top", ha=align)
        if "line" in record.tables:
            _inverse_square(bottom, table, record.tables["line"], show)
        else:
            _error(bottom, table)
        low, high = min((V[0], *_foot(record))), max((V[-1], *_foot(record)))
        bottom.set_xlim(*value_limits(float(low), float(high), smallest=1e-3))
        bottom.set_xlabel("V / V")
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _foot(record: TechniqueRecord) -> tuple[float, ...]:
    """Ends of the line of 1/C^2 [V], where there is one."""
    return tuple(record.tables["line"]["voltage"][0]) if "line" in record.tables else ()


def _inverse_square(axes: Axes, table: Table, line: Table, show: Display) -> None:
    """1/C^2 of the model, and the line down to where it meets zero."""
    V, C = table["voltage"][0], show.factor * table["capacitance"][0]
    straight = line["inverse_square"][0] / show.factor**2
    largest = float(max(straight.max(), np.max(C**-2)))
    power = 0 if 0.05 < largest < 1e3 else int(np.floor(np.log10(largest)))
    factor = 10.0**-power
    axes.axhline(0.0, color=GREY, linewidth=0.5)
    axes.add_line(Line2D(line["voltage"][0], factor * straight, **REFERENCE))
    axes.add_line(Line2D(V, factor * C**-2, **MODEL))
    axes.set_ylim(-0.06 * factor * largest, 1.08 * factor * largest)
    times = "" if power == 0 else f"10{str(power).translate(SUPERSCRIPT)} "
    axes.set_ylabel(f"C⁻² / {times}{INVERSE.get(show.unit, f'({show.unit})⁻²')}")


def _error(axes: Axes, table: Table) -> None:
    off = 100 * (table["textbook"][0] / table["capacitance"][0] - 1)
    axes.axhline(0.0, color=GREY, linewidth=0.5)
    axes.add_line(Line2D(table["voltage"][0], off, **MODEL))
    axes.set_ylim(*value_limits(min(0.0, float(off.min())), max(0.0, float(off.max())), smallest=1e-4))
    axes.set_ylabel("error of the cosh / %")


def _found(record: TechniqueRecord) -> str:
    """What was read from the line or from the least capacitance, with its error."""
    out = []
    for one in record.compared:
        if one.quantity == "carriers of the bulk":
            out.append(f"N = {one.textbook:.4g} mol m⁻³ ({100 * one.error:+.2g} %)")
        elif one.quantity == "flat-band voltage" and one.how.startswith("line"):
            out.append(f"V_fb = {1e3 * one.textbook:.4g} mV (true {1e3 * one.true:.4g})")
    return "\n".join(out)
