"""Figures of a fit: data and model on Nyquist plots, residuals, correlations, likelihoods."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.interpolate import CubicSpline

from miecsim.fitting.record import FitRecord, ProfileRecord, SpectrumRecord
from miecsim.plot.common import columns_that_fit
from miecsim.plot.nyquist import BOTTOM, LEFT, REMARK, RIGHT, SHAPES, nyquist_axes, nyquist_marks, tail_remark
from miecsim.plot.scales import decade_limits, decades, impedance_display, log_values, round_values
from miecsim.plot.style import (
    BLUE,
    COLOURS,
    DASHES,
    DPI,
    GREY,
    MARKERS,
    POINT,
    SINGLE,
    SMALL,
    VERMILLION,
    legend,
    legend_height,
    panels,
    readable,
    style,
)
from miecsim.plot.sweeps import display_of, label_of
from miecsim.plot.window import nyquist_window
from miecsim.typing import Array, Complex

CONTINUUM = "continuum"
CELL = 0.75  # cm, of the correlation matrix
FINE = 8  # points of a curve for one of the data
NARROW = 1.3  # decades below which an axis carries plain numbers


def parameter_label(name: str) -> str:
    """'composite ion bulk conductivity' of layer.composite.ion.bulk_conductivity, with the group of data if any."""
    key, bracket, group = name.partition(" [")
    return label_of(key) + (f" ({group.rstrip(']')})" if bracket else "")


def models_of(record: FitRecord, data: str) -> list[tuple[str, Complex]]:
    """Name and fitted spectrum of every model of one of the data, the continuum first."""
    own = next(one for one in record.spectra if one.name == data)
    return [(CONTINUUM, own.fitted), *((c.name, c.fitted) for c in record.circuits if c.data == data)]


def fit_nyquist(record: FitRecord, spectrum: SpectrumRecord) -> Figure:
    """One measured spectrum (points), the fit of the continuum (line) and of circuits (dashed), on equal axes; points
    that were left out as grey crosses."""
    models, order = models_of(record, spectrum.name), np.argsort(spectrum.frequency, kind="stable")
    frequency = spectrum.frequency[order]
    spectra: list[tuple[Array, Complex]] = [(frequency, Z[order]) for Z in (spectrum.Z, *(Z for _, Z in models))]
    window = nyquist_window(spectra[:2], shapes=SHAPES[1])
    display = impedance_display(spectrum.unit, max(abs(v) for v in (*window.x, *window.y)))
    room = SINGLE - LEFT - RIGHT
    how: dict[str, Any] = {"color": BLUE, "marker": "o", "markerfacecolor": "white", "linestyle": "none"}
    crosses: dict[str, Any] = {"color": GREY, "marker": "x", "linestyle": "none"}
    lines: list[dict[str, Any]] = [
        {"color": "black" if i == 0 else COLOURS[i], "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.0}
        for i in range(len(models))
    ]
    with style():
        handles = [Line2D([], [], label=readable(spectrum.name), markersize=3.4, **how)]
        handles += [Line2D([], [], label=readable(name), **line) for (name, _), line in zip(models, lines, strict=True)]
        if spectrum.removed:
            handles.append(Line2D([], [], label="left out", markersize=3.4, **crosses))
        per_row = columns_that_fit(handles, SINGLE - LEFT)
        remark = tail_remark(window, spectra[:1], spectrum.unit)
        top = legend_height(len(handles), per_row) + (REMARK if remark else 0.0)
        height = room * (window.y[1] - window.y[0]) / (window.x[1] - window.x[0])
        figure, (axes,) = panels(SINGLE, [height], left=LEFT, right=RIGHT, bottom=BOTTOM, top=top)
        for (f, Z), line in zip(spectra[1:], lines, strict=True):
            _curve(axes, np.asarray(_between(f, Z) * display.factor), zorder=2.5, **line)
        _curve(axes, np.asarray(spectra[0][1] * display.factor), zorder=2.0, markersize=3.2, **how)
        gone = np.array([r.Z for r in spectrum.removed], dtype=complex)
        _curve(axes, np.asarray(gone * display.factor), zorder=3.2, markersize=4.0, **crosses)
        nyquist_axes(axes, window, display)
        box = (room / POINT, height / POINT)
        nyquist_marks(axes, window, spectra[:1], display.factor, box, lines=[Z for _, Z in spectra[1:]])
        if remark:
            axes.text(0.0, 1.0 + 0.14 / height, remark, transform=axes.transAxes, fontsize=SMALL, color=GREY)
        legend(figure, handles, columns=per_row, left=LEFT)
    return figure


def _between(frequency: Array, Z: Complex) -> Complex:
    """Z of a model along a curve through its values, which are smooth in ln f: data have few points in an arc."""
    f, at = np.unique(frequency, return_index=True)
    if f.size < 4:
        return Z
    x = np.log(f)
    fine = np.interp(np.linspace(0, f.size - 1, FINE * (f.size - 1) + 1), np.arange(f.size), x)
    return np.asarray(CubicSpline(x, Z[at])(fine))


def _curve(axes: Axes, Z: Complex, **how: Any) -> None:
    axes.add_line(Line2D(Z.real, -Z.imag, **how))


def fit_residuals(record: FitRecord, spectrum: SpectrumRecord) -> Figure:
    """(Z - fit)/|Z| in per cent, real and imaginary part, against frequency; one panel for each model."""
    models = models_of(record, spectrum.name)
    parts = [100 * (spectrum.Z - Z) / np.abs(spectrum.Z) for _, Z in models]
    with style():
        looks: list[dict[str, Any]] = [
            {"color": colour, "marker": MARKERS[i], "markerfacecolor": "white", "linestyle": "none"}
            for i, colour in enumerate((BLUE, VERMILLION))
        ]
        names = ("real part", "imaginary part")
        handles = [Line2D([], [], label=n, **look) for n, look in zip(names, looks, strict=True)]
        figure, axes = panels(SINGLE, [2.7] * len(models), left=LEFT, right=RIGHT, bottom=1.0, top=legend_height(2, 2))
        for each, (name, _), values in zip(axes, models, parts, strict=True):
            most = 1.15 * float(np.max(np.abs([values.real, values.imag]))) or 1.0
            each.axhline(0.0, color=GREY, linewidth=0.4, zorder=1)
            for part, look in zip((values.real, values.imag), looks, strict=True):
                each.add_line(Line2D(spectrum.frequency, part, markersize=2.6, **look))
            each.set_ylim(-most, 1.35 * most)  # the name of the model stands above the points
            each.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
            each.set_ylabel("residual / %")
            each.text(0.02, 0.97, readable(name), transform=each.transAxes, fontsize=SMALL, va="top")
        low, high = decade_limits(spectrum.frequency)
        axes[-1].set_xscale("log")
        axes[-1].set_xlim(low, high)
        decades(axes[-1].xaxis, low, high)
        for upper in axes[:-1]:
            upper.tick_params(labelbottom=False)
        axes[-1].set_xlabel("frequency / Hz")
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def fit_correlation(record: FitRecord) -> Figure:
    """Correlation coefficients of the parameters, written in and coloured."""
    n = len(record.parameters)
    labels = [f"{i + 1}  {parameter_label(p.name)}" for i, p in enumerate(record.parameters)]
    left = 0.5 + 0.15 * max(map(len, labels))
    width, height = left + n * CELL + 0.3, 0.7 + n * CELL + 0.3
    with style():
        figure = Figure(figsize=(width / 2.54, height / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((left / width, 0.3 / height, n * CELL / width, n * CELL / height))
        axes.imshow(record.correlation, cmap="RdBu_r", vmin=-1.7, vmax=1.7)  # pale enough for the numbers
        for i in range(n):
            for j in range(n):
                text = f"{record.correlation[i, j]:.2f}".replace("-", "−")
                axes.text(j, i, text, ha="center", va="center", fontsize=SMALL)
        axes.set_yticks(range(n), labels)
        axes.set_xticks(range(n), [str(i + 1) for i in range(n)])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def fit_profiles(record: FitRecord) -> Figure:
    """The rise of chi2 along each parameter that was followed, with its 95 % limit."""
    shown = [p for p in record.profiles if p.values.size]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    left, gap, wide, tall = 1.35, 1.5, 6.6, 4.0
    width = left + columns * wide + (columns - 1) * gap + 0.4
    height = 0.5 + rows * (tall + 1.35)
    with style():
        figure = Figure(figsize=(width / 2.54, height / 2.54), dpi=DPI)
        FigureCanvasAgg(figure)
        for number, profile in enumerate(shown):
            row, column = divmod(number, columns)
            x, y = left + column * (wide + gap), height - 0.5 - row * (tall + 1.35) - tall
            axes = figure.add_axes((x / width, y / height, wide / width, tall / height))
            best = next(p.value for p in record.parameters if p.name == profile.name)
            _profile(axes, profile, best)
            if column == 0:
                axes.set_ylabel("rise of χ²")
    return figure


def _profile(axes: Axes, profile: ProfileRecord, best: float) -> None:
    display = display_of(profile.unit, best)
    values = profile.values * display.factor
    order = np.argsort(values)
    axes.axhline(profile.limit, color=GREY, linewidth=0.8, linestyle=DASHES[1])
    axes.axvline(best * display.factor, color=GREY, linewidth=0.6)
    axes.plot(values[order], profile.rise[order], color=BLUE, marker="o", markerfacecolor="white", markersize=2.8)
    axes.set_ylim(-0.06 * profile.limit, max(1.7 * profile.limit, 1.05 * float(profile.rise.max())))
    axes.text(
        0.99, profile.limit, "95 %", transform=axes.get_yaxis_transform(), fontsize=SMALL, ha="right", va="bottom"
    )
    if profile.log and float(values.max() / values.min()) > 1.5:
        axes.set_xscale("log")
        _log_axis(axes, values)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    label = parameter_label(profile.name) + (f" / {display.unit}" if display.unit else "")
    axes.set_xlabel("\n".join(textwrap.wrap(label, 42)))


def _log_axis(axes: Axes, values: Array) -> None:
    low, high = decade_limits(values)
    axes.set_xlim(low, high)
    if math.log10(high / low) > NARROW:
        decades(axes.xaxis, low, high)
        return
    log_values(axes.xaxis, low, high)
    ticks: Sequence[float] = round_values(low, high)
    if len(ticks) >= 3:
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
