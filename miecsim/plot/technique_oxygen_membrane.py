"""An oxygen membrane as its papers draw it: flux over thickness, surface-limited to Wagner's, and the voltage."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from miecsim.plot.scales import decade_limits, decades, length_display, scaled, value_limits
from miecsim.plot.style import COLOURS, GREY, REFERENCE, SINGLE, SMALL, legend, legend_height, panels, style
from miecsim.plot.technique_common import EXACT, LEFT, MODEL, expect, logarithmic
from miecsim.techniques.record import TechniqueRecord

SURFACES: dict[str, Any] = {"color": COLOURS[2], "linewidth": 1.0, "linestyle": (0, (1, 1))}
LABELLED = (
    ("model", "flux", "voltage", MODEL),
    ("Wagner between gases", "wagner", "wagner_voltage", REFERENCE),
    ("with 2 L_c / L", "with_surfaces", "", SURFACES),
    ("Wagner inside", "integral", "integral_voltage", EXACT),
)


def technique_oxygen_membrane(record: TechniqueRecord) -> Figure:
    """j over L with Wagner's flux between the gases, with its surface factor and between the pressures at the
    surfaces; a line at 2 L_c where it was read; below, the open-circuit voltage.

    InputError for the record of another technique.
    """
    expect(record, "oxygen_membrane", "an oxygen membrane")
    table = record.tables["membrane"]
    order = np.argsort(table["thickness"][0])
    show = length_display(float(table["thickness"][0].max()))
    L = show.factor * table["thickness"][0][order]
    drawn = np.concatenate([table[n][0] for n in ("voltage", "wagner_voltage")])
    volt = scaled(float(np.max(np.abs(drawn))), "V")
    with style():
        figure, (flux, voltage) = panels(SINGLE, [4.4, 2.2], left=LEFT, top=legend_height(4, 2))
        for _, name, volts, how in LABELLED:
            flux.add_line(Line2D(L, np.abs(table[name][0][order]), **how))
            if volts:
                voltage.add_line(Line2D(L, volt.factor * table[volts][0][order], **how))
        handles = [Line2D([], [], label=label, **how) for label, _, _, how in LABELLED]
        limits = decade_limits(L)
        flux.set_xscale("log")
        flux.set_xlim(*limits)
        decades(flux.xaxis, *limits)
        logarithmic(flux, [np.abs(table[n][0]) for n in ("flux", "with_surfaces")])
        flux.set_ylabel("|j(O₂)| / mol s⁻¹" if table["flux"][1] == "mol/s" else "|j(O₂)| / mol m⁻² s⁻¹")
        critical = [2 * one.true for one in record.compared if one.quantity == "characteristic thickness"]
        for axes in (flux, voltage):
            for each in critical:
                axes.axvline(show.factor * each, color=GREY, linewidth=0.5)
        flux.text(0.03, 0.05, _found(record), transform=flux.transAxes, fontsize=SMALL, linespacing=1.5)
        low, high = volt.factor * float(drawn.min()), volt.factor * float(drawn.max())
        voltage.set_ylim(*value_limits(low, high, smallest=1e-3 * max(abs(low), abs(high))))
        voltage.set_ylabel(f"E / {volt.unit}")
        voltage.set_xlabel(f"thickness / {show.unit}")
        flux.tick_params(labelbottom=False)
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _found(record: TechniqueRecord) -> str:
    """What was read from the line of 1/j, each with its error."""
    symbols = {"characteristic thickness": "L_c", "ambipolar conductivity": "σ_amb"}
    return "\n".join(
        f"{symbols[one.quantity]} = {one.textbook:.3g} {one.unit} ({100 * one.error:+.2g} %)"
        for one in record.compared
        if one.quantity in symbols
    )
