"""Conductivity over volume fraction: means over seeds, the effective medium, what hangs together, and the power law."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from miecsim.plot.scales import decade_limits, decades
from miecsim.plot.style import BLUE, DOUBLE, VERMILLION, legend, legend_height, panels, style
from miecsim.plot.technique_common import beside, expect
from miecsim.techniques.fraction_sweep import TECHNIQUE
from miecsim.techniques.record import Table, TechniqueRecord
from miecsim.typing import Array

LEFT, WIDTH, GAP = 1.6, 8.2, 2.0  # cm
HEIGHTS = (4.2, 3.4)  # cm
COLOUR = {"ion": BLUE, "electron": VERMILLION}
MARKER = {"ion": "o", "electron": "s"}
MEDIUM: Any = (0, (4, 1.5))
SHARES = {"percolating": "-", "dead_end": (0, (1, 1)), "isolated": (0, (5, 1, 1, 1))}
WIDE = 200.0  # largest over smallest value up to which numbers are written out
NEAREST = 1e-3  # to the threshold, of what still has a place on the logarithmic axis


def technique_fraction_sweep(record: TechniqueRecord) -> Figure:
    """Left, over the fraction of particles: sigma_eff over that of the pure phases with its standard error, and the
    effective medium; shares of the conducting phases that percolate, are dead ends, and are islands. Right: sigma_eff
    over what is above the threshold on logarithmic axes, with the fitted power. InputError for the record of another
    technique."""
    expect(record, TECHNIQUE, "a sweep of fractions")
    carriers = [c for c in COLOUR if c in record.tables]
    with style():
        handles = _handles(carriers)
        top = legend_height(len(handles), 4)
        figure, (upper, lower) = panels(DOUBLE, HEIGHTS, left=LEFT, right=DOUBLE - LEFT - WIDTH, top=top)
        side = beside(figure, upper, lower, GAP, DOUBLE - LEFT - WIDTH - GAP - 0.4, 0.3)
        for carrier in carriers:
            pure = float(record.tables[f"scaling_{carrier}"]["pure"][0][0])
            _left(upper, lower, record.tables[carrier], carrier, pure)
        for axes in (upper, lower):
            axes.set_ylim(-0.03, 1.03)
        x = record.tables[carriers[0]]["fraction"][0]
        lower.set_xlim(max(0.0, float(x[0]) - 0.03), min(1.0, float(x[-1]) + 0.03))
        upper.set_ylabel("σ / σ of the pure phase")
        lower.set_ylabel("share of the phase")
        lower.set_xlabel("fraction of particles")
        _scaling(side, record, carriers)
        legend(figure, handles, columns=4, left=LEFT)
    return figure


def _handles(carriers: list[str]) -> list[Line2D]:
    points = [Line2D([], [], linestyle="none", label=f"{c}s", **_look(c)) for c in carriers]
    lines = [("effective medium", MEDIUM), *((word.replace("_", " "), dash) for word, dash in SHARES.items())]
    return points + [Line2D([], [], color="black", linewidth=1.0, linestyle=dash, label=word) for word, dash in lines]


def _look(carrier: str) -> dict[str, Any]:
    return {"color": COLOUR[carrier], "marker": MARKER[carrier], "markersize": 3.2, "markerfacecolor": "white"}


def _left(upper: Axes, lower: Axes, table: Table, carrier: str, pure: float) -> None:
    x = table["fraction"][0]
    sigma, error = (table[name][0] / pure for name in ("sigma", "sigma error"))
    upper.errorbar(x, sigma, yerr=error, linestyle="none", elinewidth=0.7, **_look(carrier))
    upper.plot(x, table["medium"][0] / pure, color=COLOUR[carrier], linewidth=1.0, linestyle=MEDIUM)
    for word, dash in SHARES.items():
        lower.plot(x, table[word][0], color=COLOUR[carrier], linewidth=1.0, linestyle=dash)


def _scaling(axes: Axes, record: TechniqueRecord, carriers: list[str]) -> None:
    drawn: list[tuple[Array, Array]] = []
    for carrier in carriers:
        table = record.tables[carrier]
        fit = {name: float(column[0]) for name, (column, _) in record.tables[f"scaling_{carrier}"].items()}
        above, sigma = table["conducting"][0] - fit["threshold"], table["sigma"][0] / fit["pure"]
        on = (above > NEAREST) & (sigma > 0)
        axes.plot(above[on], sigma[on], linestyle="none", **_look(carrier))
        drawn.append((above[on], sigma[on]))
        ends = np.array([max(fit["from"], NEAREST), fit["to"]])
        line = fit["prefactor"] / fit["pure"] * ends ** fit["exponent"]
        axes.plot(ends, line, color=COLOUR[carrier], linewidth=0.8)
    _logarithmic(axes, drawn)
    axes.set_xlabel("fraction above the threshold")
    axes.set_ylabel("σ / σ of the pure phase")


def _logarithmic(axes: Axes, drawn: list[tuple[Array, Array]]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, limits, part in ((axes.xaxis, axes.set_xlim, 0), (axes.yaxis, axes.set_ylim, 1)):
        values = np.concatenate([each[part] for each in drawn])
        low, high = decade_limits(values if values.size else np.ones(1))
        limits(low, high)
        if high / low < WIDE:
            _written_out(axis, low, high)
        else:
            decades(axis, low, high)


def _written_out(axis: Axis, low: float, high: float) -> None:
    """1, 2 and 5 of every decade."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [t for p in powers for t in (10.0**p, 2 * 10.0**p, 5 * 10.0**p) if low <= t <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    axis.set_minor_locator(NullLocator())
