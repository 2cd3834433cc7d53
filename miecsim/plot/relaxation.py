"""Relaxation times of data and of a model in one figure: the distribution that data show, and the poles behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from miecsim.errors import InputError
from miecsim.inverse.poles import Poles
from miecsim.inverse.relaxation_times import RelaxationTimes, relaxation_times
from miecsim.plot.attribution import HATCHES, process_colours
from miecsim.plot.scales import decades, impedance_display, with_prefix
from miecsim.plot.style import DOUBLE, GREY, MARKERS, SINGLE, SMALL, legend, legend_height, panels, readable, style
from miecsim.results.records import StudyRecord
from miecsim.typing import Array, Bools

LEFT, RIGHT = 1.45, 0.35  # cm
EDGE = 0.2  # cm, where the legend begins
REMARK = 0.42  # cm, height of the line of small text above the axes
SHOWN = 4.0  # decades of R_k below the largest
LAMBDA = 1e-3  # of the inversion: with noise of half a percent cross-validation takes 1e-4 to 3e-2
PALE = "#EEEEEE"
MODEL: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 2))}


def relaxation(
    poles: Poles, shown: RelaxationTimes, data: RelaxationTimes | None = None, *, columns: int = 1
) -> Figure:
    """Distribution of relaxation times gamma(ln tau) above, the model's poles R_k below, over tau.

    `shown`: what the inversion makes of the model's spectrum (`poles.seen(data)`, so that it is as blunt as that of the
    data), drawn as an area divided by the processes that own the poles there; `data`: that of a measurement, a line.
    Every pole stands at its own tau below, in the colour and with the marker of its owner, those under 1e-4 of the
    largest left out. Grey: outside the range 1/w of the spectrum. `columns` is the width on paper. Raises InputError
    for a model without poles.
    """
    if not len(poles.tau):
        raise InputError("relaxation times: the model has no poles; it does not relax")
    low, high = float(shown.tau[0]), float(shown.tau[-1])
    owners = np.array(poles.owner, dtype=object)
    largest = float(poles.R[(poles.tau >= low) & (poles.tau <= high)].max(initial=0.0)) or float(poles.R.max())
    drawn = (poles.R > 10**-SHOWN * largest) & (poles.tau >= low) & (poles.tau <= high)
    names = [name for name in poles.by_owner() if np.any(drawn & (owners == name))]
    colours = process_colours(names)
    with style():
        handles = _handles(colours, data is not None)
        longest = max(len(str(handle.get_label())) for handle in handles)
        per_row = (2 if longest < 23 else 1) if columns == 1 else (4 if longest < 23 else 3)
        remark = _remark(poles, low, high)
        top = legend_height(len(handles), per_row) + (REMARK if remark else 0.0)
        width = SINGLE if columns == 1 else DOUBLE
        figure, (upper, lower) = panels(width, [4.4, 2.9], left=LEFT, right=RIGHT, top=top)
        _distribution(upper, poles, shown, data, colours)
        _stems(lower, poles, drawn, colours)
        for axes in (upper, lower):
            _outside(axes, shown)
        lower.set_xscale("log")
        lower.set_xlim(low, high)
        decades(lower.xaxis, low, high)
        lower.set_xlabel("relaxation time τ / s")
        if remark:
            upper.text(0.0, 1.0 + 0.14 / 4.4, remark, transform=upper.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=per_row, left=EDGE)
    return figure


def relaxation_of_study(study: StudyRecord) -> Figure:
    """`relaxation` of a study's own spectrum: what a measurement of these frequencies, good to about half a percent,
    would show of its poles. Raises InputError without poles."""
    if study.poles is None:
        raise InputError(f"study {study.name} stores no relaxation times")
    blocked = bool(np.isfinite(study.poles.C_dc))
    shown = relaxation_times(
        study.frequency, study.poles.Z(study.frequency), regularisation=LAMBDA, capacitance=blocked, inductance=False
    )
    return relaxation(study.poles, shown)


def _handles(colours: Mapping[str, str], measured: bool) -> list[Artist]:
    handles: list[Artist] = [Line2D([], [], color="black", linewidth=1.2, label="data")] if measured else []
    handles.append(Line2D([], [], label="model", **MODEL))
    for number, (name, colour) in enumerate(colours.items()):
        handles.append(Patch(label=readable(name), linewidth=0, **_fill(number, colour)))
    return handles


def _fill(number: int, colour: str) -> dict[str, Any]:
    return {"facecolor": colour, "alpha": 0.75, "edgecolor": "white", "hatch": HATCHES[number % len(HATCHES)]}


def _distribution(
    axes: Axes,
    poles: Poles,
    shown: RelaxationTimes,
    data: RelaxationTimes | None,
    colours: Mapping[str, str],
) -> None:
    curves = [shown, *([data] if data is not None else [])]
    display = impedance_display(poles.unit, max(float(curve.gamma.max()) for curve in curves))
    gamma, base = shown.gamma * display.factor, np.zeros(shown.tau.size)
    parts = owner_parts(poles, shown.tau, tuple(colours))
    for number, (name, colour) in enumerate(colours.items()):
        top = base + gamma * parts[name]
        axes.fill_between(shown.tau, base, top, linewidth=0.3, zorder=1.5, **_fill(number, colour))
        base = top
    axes.add_line(Line2D(shown.tau, gamma, zorder=2.5, **MODEL))
    if data is not None:
        axes.add_line(Line2D(data.tau, data.gamma * display.factor, color="black", linewidth=1.2, zorder=2.6))
    high = max(float(curve.gamma.max()) for curve in curves) * display.factor
    least = min(0.0, *(float(curve.gamma.min()) for curve in curves)) * display.factor
    axes.set_ylim(1.08 * least, 1.08 * high or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_ylabel(f"γ(ln τ) / {display.unit}")


def owner_parts(poles: Poles, tau: Array, names: Sequence[str]) -> dict[str, Array]:
    """Part (n,) of each of the owners `names` in what the poles contribute at tau (n,) [s]; together 1.

    A pole at tau_k counts R_k/cosh(ln(tau/tau_k))^2: its share of the slope of Re Z over ln w at w = 1/tau.
    """
    x = np.log(tau[:, None] / poles.tau)
    weight = poles.R / np.cosh(np.clip(x, -300, 300)) ** 2
    owner = np.array(poles.owner, dtype=object)
    parts = {name: weight[:, owner == name].sum(axis=1) for name in names}
    total = np.sum(list(parts.values()), axis=0)
    return {name: part / total for name, part in parts.items()}


def _stems(axes: Axes, poles: Poles, drawn: Bools, colours: Mapping[str, str]) -> None:
    """A stem for each pole drawn, on a logarithmic axis, with the marker of its owner."""
    largest = float(poles.R[drawn].max())
    display = impedance_display(poles.unit, largest)
    low, high = 10**-SHOWN * largest * display.factor, 2.5 * largest * display.factor
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decades(axes.yaxis, low, high, labels=5)
    owner = np.array(poles.owner, dtype=object)
    for number, (name, colour) in enumerate(colours.items()):
        own = drawn & (owner == name)
        tau, R = poles.tau[own], poles.R[own] * display.factor
        axes.vlines(tau, low, R, color=colour, linewidth=0.9)
        how: dict[str, Any] = {"linestyle": "none", "color": colour, "marker": MARKERS[number % len(MARKERS)]}
        edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.3}  # yellow is hard to see in print
        axes.add_line(Line2D(tau, R, markersize=3.6, label=name, **edge, **how))
    axes.set_ylabel(f"Rₖ / {display.unit}")


def _outside(axes: Axes, shown: RelaxationTimes) -> None:
    """Grey where 1/w of the spectrum does not reach."""
    omega = 2 * np.pi * shown.frequency
    for edges in (
        (float(shown.tau[0]) / 2, 1 / float(omega.max())),
        (1 / float(omega.min()), 2 * float(shown.tau[-1])),
    ):
        axes.axvspan(*edges, color=PALE, linewidth=0, zorder=0.5)


def _remark(poles: Poles, low: float, high: float) -> str:
    """What poles lie beyond the axes and what they amount to, "" where that is less than a hundredth of all."""
    display = impedance_display(poles.unit)
    said = []
    for word, beyond in (("faster", poles.tau < low), ("slower", poles.tau > high)):
        R = float(poles.R[beyond].sum())
        if R > 0.01 * poles.polarisation:
            count = int(beyond.sum())
            said.append(f"{count} {word} ({with_prefix(R * display.factor, display.unit)})")
    return f"beyond: {', '.join(said)}" if said else ""
