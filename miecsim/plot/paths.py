"""Shortest paths in a microstructure: maps, the diagrams of lengths and of resistances, distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from miecsim.errors import InputError
from miecsim.microstructure.paths import PathLengths, histogram, limits, quantiles, site_current
from miecsim.microstructure.structure import Microstructure
from miecsim.plot.scales import decade_limits, decades, impedance_display, length_display, round_values
from miecsim.plot.style import (
    BLUE,
    DASHES,
    DOUBLE,
    DPI,
    GREY,
    REFERENCE,
    SMALL,
    VERMILLION,
    legend,
    legend_height,
    readable,
    style,
)
from miecsim.typing import Array, Ints

LEFT, RIGHT, BOTTOM = 1.35, 0.35, 1.0  # cm
CARRIERS = ("ions", "electrons")
LINES = (BLUE, VERMILLION)
WAYS = (DASHES[:2], DASHES[2:4])  # by area, by current
OTHER, UNREACHED = ("#F2F2F2", "#D9D9D9", "#C0C0C0"), VERMILLION
MOST_HEIGHT = 14.0  # cm, of a map
BINS = 48
SHOWN = 0.95  # share of the area that has its L*/depth within the axes: next to a side the ratio has no bound
FEW = 100.0  # largest over smallest value up to which numbers are written out
FAINTEST = 1e-3  # of the largest share, what still gets a colour of its own


def path_maps(structure: Microstructure, paths: PathLengths, *, section: int | None = None) -> Figure:
    """L* of ions and of electrons over the picture, one colour scale for both, x to the right and y up.

    Voxels that conduct but that no path reaches are marked; other phases are grey. section: of a picture in three
    dimensions, the number of the layer along z, by default the middle one. Raises InputError for a layer that does not
    exist and for maps of another picture.
    """
    if paths.map_ion.shape != structure.shape:
        raise InputError(f"map of paths: read paths of {paths.map_ion.shape} and a picture of {structure.shape} voxels")
    labels, maps = _section(structure, (paths.map_ion, paths.map_eon), section)
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    if not finite.size:
        raise InputError("map of paths: no voxel of this section is reached")
    lengths = length_display(float(structure.extent[:2].max()))
    edges = tuple(np.arange(n + 1) * h * lengths.factor for n, h in zip(labels.shape, structure.voxel, strict=False))
    most = float(finite.max()) * lengths.factor
    with style():
        figure, panels, scale = _map_panels(float(structure.extent[1] / structure.extent[0]))
        handles: dict[str, Patch] = {}
        for axes, name, values, phases in zip(
            panels, CARRIERS, maps, (paths.phases_ion, paths.phases_eon), strict=True
        ):
            _phases(axes, edges, structure, labels, values, phases, handles)
            mesh = _mesh(axes, edges, np.where(np.isfinite(values), values * lengths.factor, np.nan))
            mesh.set_clim(0.0, most)
            _outline(axes, edges, labels)
            axes.set_aspect("equal")
            _round_ticks(axes)
            axes.set_xlabel(f"x / {lengths.unit}")
            axes.set_title(f"L* of {name}", fontsize=8, pad=3, loc="left")
        panels[0].set_ylabel(f"y / {lengths.unit}")
        panels[1].tick_params(labelleft=False)
        bar = figure.colorbar(mesh, cax=scale)
        bar.set_label(f"L* / {lengths.unit}")
        legend(figure, list(handles.values()), columns=4, left=LEFT)
    return figure


def _section(structure: Microstructure, maps: tuple[Array, Array], number: int | None) -> tuple[Ints, list[Array]]:
    """Labels and maps (nx, ny) of one layer."""
    if structure.dim == 2:
        return structure.labels, list(maps)
    layers = structure.shape[2]
    at = layers // 2 if number is None else number
    if not 0 <= at < layers:
        raise InputError(f"map of paths: read section {number}; the picture has layers 0 to {layers - 1}")
    return structure.labels[:, :, at], [m[:, :, at] for m in maps]


def _map_panels(shape: float) -> tuple[Figure, list[Axes], Axes]:
    """Two panels side by side of the given height over width, and one for the colour scale."""
    gap, bar, right, top = 0.5, 0.3, 1.4, 1.0
    width = (DOUBLE - LEFT - right - bar - 1.5 * gap) / 2
    height = min(width * shape, MOST_HEIGHT)
    width = height / shape
    total_width, total = LEFT + 2 * width + 1.5 * gap + bar + right, BOTTOM + height + top
    figure = _figure(total_width, total)
    boxes = [(LEFT, width), (LEFT + width + gap, width), (LEFT + 2 * width + 1.5 * gap, bar)]
    axes = [_add(figure, left, BOTTOM, wide, height) for left, wide in boxes]
    return figure, axes[:2], axes[2]


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width / 2.54, height / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def _add(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes in a box given in cm."""
    wide, high = (2.54 * float(inches) for inches in figure.get_size_inches())
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def _mesh(axes: Axes, edges: tuple[Array, ...], values: Array, **look: Any) -> QuadMesh:
    return axes.pcolormesh(*edges, values.T, rasterized=True, **({"cmap": "viridis"} | look))


def _phases(
    axes: Axes,
    edges: tuple[Array, ...],
    structure: Microstructure,
    labels: Ints,
    values: Array,
    phases: tuple[str, ...],
    handles: dict[str, Patch],
) -> None:
    """Grey for what does not conduct, a warning colour for what conducts and is not reached."""
    colours = [*(OTHER[number % len(OTHER)] for number in range(len(structure.names))), UNREACHED]
    conducts = np.isin(labels, [structure.index(name) for name in phases])
    shown = np.where(conducts, len(structure.names), labels)
    _mesh(axes, edges, shown, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5)
    unreached = conducts & ~np.isfinite(values)
    if unreached.any():
        x, y = (0.5 * (e[1:] + e[:-1]) for e in edges)
        axes.contourf(x, y, unreached.T.astype(float), levels=[0.5, 1.5], colors="none", hatches=["/////"])
        handles["unreached"] = Patch(facecolor=UNREACHED, hatch="/////", linewidth=0, label="conducts, not reached")
    for number in np.unique(labels[~conducts]):
        name = structure.names[number]
        handles[name] = Patch(facecolor=colours[number], edgecolor=GREY, linewidth=0.4, label=readable(name))


def _outline(axes: Axes, edges: tuple[Array, ...], labels: Ints) -> None:
    """Lines along the voxel faces between phases."""
    x, y = edges
    i, j = np.nonzero(labels[1:] != labels[:-1])
    upright = np.stack([np.stack([x[i + 1], y[j]], axis=1), np.stack([x[i + 1], y[j + 1]], axis=1)], axis=1)
    i, j = np.nonzero(labels[:, 1:] != labels[:, :-1])
    level = np.stack([np.stack([x[i], y[j + 1]], axis=1), np.stack([x[i + 1], y[j + 1]], axis=1)], axis=1)
    lines = LineCollection([*upright, *level], colors="black", linewidths=0.35, rasterized=True)
    axes.add_collection(lines, autolim=False)


def path_diagrams(paths: PathLengths, current: Array | None = None) -> Figure:
    """L* of electrons against L* of ions, and beside it the resistances L*/sigma that decide, with the lines of
    equality; colour: share of the reaction current [A] (n,) that flows there, or of the area if it is not given.

    With a current, sites that take next to none of it are grey. Raises InputError where no site is reached by both.
    """
    found, on = limits(paths, current), paths.reached
    weight = (paths.area if current is None else site_current(paths, current))[on]
    r_display = impedance_display("ohm m^2", float(max(paths.r_ion[on].max(), paths.r_eon[on].max())))
    lengths = length_display(float(max(paths.L_ion[on].max(), paths.L_eon[on].max())))
    with style():
        size, gap, top, right = 6.5, 1.7, 0.95, 1.5
        figure = _figure(LEFT + 2 * size + gap + 0.7 + right, BOTTOM + size + top)
        left, beside = _add(figure, LEFT, BOTTOM, size, size), _add(figure, LEFT + size + gap, BOTTOM, size, size)
        scale = _add(figure, LEFT + 2 * size + gap + 0.4, BOTTOM, 0.3, size)
        pairs = (
            (left, paths.L_ion[on] * lengths.factor, paths.L_eon[on] * lengths.factor, False),
            (beside, paths.r_ion[on] * r_display.factor, paths.r_eon[on] * r_display.factor, True),
        )
        shares = [_binned(x, y, weight, logarithmic) for _, x, y, logarithmic in pairs]
        most = max(float(share.max()) for _, share, _ in shares)
        for (axes, _, _, logarithmic), (edges, share, count) in zip(pairs, shares, strict=True):
            mesh = _share_mesh(axes, edges, share, count, most)
            _equality(axes, edges, logarithmic)
        for axes, what, unit in ((left, "L*", lengths.unit), (beside, "L*/σ", r_display.unit)):
            axes.set_xlabel(f"{what} of ions / {unit}")
            axes.set_ylabel(f"{what} of electrons / {unit}")
        _remark(left, "lengths", f"name the wrong one on {_percent(found.misjudged)} of the area", size)
        _remark(beside, "resistances", _verdict(found.ion, found.ion_current), size)
        bar = figure.colorbar(mesh, cax=scale, extend="min")
        decades(bar.ax.yaxis, FAINTEST * most, most)
        bar.set_label(f"share of the {'interface area' if current is None else 'reaction current'} / %")
    return figure


def _verdict(ion: float, ion_current: float | None) -> str:
    by_current = "" if ion_current is None else f", {_percent(ion_current)} of the current"
    return f"ions are held up more on {_percent(ion)} of the area{by_current}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _remark(axes: Axes, title: str, words: str, size: float) -> None:
    axes.text(0.0, 1 + 0.5 / size, title, transform=axes.transAxes, fontsize=8)
    axes.text(0.0, 1 + 0.15 / size, words, transform=axes.transAxes, fontsize=SMALL, color=GREY)


def _binned(x: Array, y: Array, weight: Array, logarithmic: bool) -> tuple[Array, Array, Array]:
    """Edges of square bins, the same along both axes, the share of the weight in each [%], and the sites in each."""
    both = np.concatenate([x, y])
    if logarithmic:
        low, high = decade_limits(both[both > 0])
        edges = np.geomspace(low, high, BINS + 1)
    else:
        edges = np.linspace(0.0, 1.04 * float(both.max()), BINS + 1)
    share = np.histogram2d(x, y, (edges, edges), weights=100 * weight / weight.sum())[0]
    return edges, share, np.histogram2d(x, y, (edges, edges))[0]


def _share_mesh(axes: Axes, edges: Array, share: Array, count: Array, most: float) -> QuadMesh:
    """Shares in colour; bins that hold sites and hardly any share in grey; empty ones white."""
    floor = FAINTEST * most
    _mesh(axes, (edges, edges), np.where(count > 0, 0.0, np.nan), cmap=ListedColormap([OTHER[2]]))
    shown = np.where(share >= floor, share, np.nan)
    return _mesh(axes, (edges, edges), shown, cmap="viridis_r", norm=LogNorm(floor, most))


def _equality(axes: Axes, edges: Array, logarithmic: bool) -> None:
    ends = [float(edges[0]), float(edges[-1])]
    axes.add_line(Line2D(ends, ends, **REFERENCE))
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            decades(axis, *ends)
            if ends[1] / ends[0] < FEW:
                _written_out(axis, *ends)
    else:
        _round_ticks(axes)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")


def _written_out(axis: Axis, low: float, high: float) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, written out."""
    ticks = round_values(low, high)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{t:.3g}" for t in ticks]))


def _round_ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def path_distributions(paths: PathLengths, current: Array | None = None) -> Figure:
    """How L* (per length, medians marked on the axis) and L*/depth (cumulative) of ions and electrons are distributed
    over the reached area, and over the reaction current [A] (n,) if given. Raises InputError where none is reached."""
    on = paths.reached
    if not on.any():
        raise InputError("distributions of paths: no site is reached by ions and electrons")
    weights = {"of area": paths.area[on]}
    if current is not None:
        weights["of reaction current"] = site_current(paths, current)[on]
    lengths = length_display(float(max(paths.L_ion[on].max(), paths.L_eon[on].max())))
    L = [each[on] * lengths.factor for each in (paths.L_ion, paths.L_eon)]
    tortuosity = [paths.tortuosity_ion[on], paths.tortuosity_eon[on]]
    with style():
        height, gap, top = 5.0, 1.5, legend_height(2 * len(weights), 2)
        width = (DOUBLE - LEFT - RIGHT - gap) / 2
        figure = _figure(DOUBLE, BOTTOM + height + top)
        left, right = (_add(figure, LEFT + i * (width + gap), BOTTOM, width, height) for i in range(2))
        _densities(left, L, list(weights.values()))
        left.set_xlabel(f"L* / {lengths.unit}")
        left.set_ylabel(f"share per L* / % {lengths.unit}⁻¹")
        _cumulative(right, tortuosity, list(weights.values()))
        right.set_xlabel("L* / depth")
        right.set_ylabel("share up to there / %")
        handles = [
            Line2D([], [], color=colour, linestyle=dash, label=f"{carrier}, share {name}")
            for name, dashes in zip(weights, WAYS, strict=False)
            for carrier, colour, dash in zip(CARRIERS, LINES, dashes, strict=True)
        ]
        legend(figure, handles, columns=2, left=LEFT)
    return figure


def _densities(axes: Axes, values: list[Array], weights: list[Array]) -> None:
    """Stepped histograms [%], and at the axis the medians by the first of the weights."""
    edges, most = np.linspace(0.0, max(float(v.max()) for v in values), BINS + 1), 0.0
    for weight, dashes in zip(weights, WAYS, strict=False):
        for v, colour, dash in zip(values, LINES, dashes, strict=True):
            density = 100 * histogram(v, weight, edges)
            most = max(most, float(density.max()))
            axes.stairs(density, edges, color=colour, linestyle=dash, linewidth=1.0)
    for v, colour, marker in zip(values, LINES, ("^", "v"), strict=True):
        median = float(quantiles(v, weights[0], [0.5])[0])
        axes.plot(median, 0.0, marker=marker, color=colour, clip_on=False, zorder=4, markersize=4)
    axes.set_xlim(0.0, edges[-1])
    axes.set_ylim(0.0, 1.08 * most)
    _round_ticks(axes)


def _cumulative(axes: Axes, values: list[Array], weights: list[Array]) -> None:
    """Share [%] of each weight up to a value, as far as SHOWN of the first weight."""
    end = max(1.1, *(float(quantiles(v, weights[0], [SHOWN])[0]) for v in values))
    at = np.linspace(1.0, end, 8 * BINS)
    for weight, dashes in zip(weights, WAYS, strict=False):
        for v, colour, dash in zip(values, LINES, dashes, strict=True):
            order = np.argsort(v)
            below = np.concatenate([[0.0], np.cumsum(weight[order])])[np.searchsorted(v[order], at, side="right")]
            axes.add_line(Line2D(at, 100 * below / weight.sum(), color=colour, linestyle=dash, linewidth=1.0))
    axes.set_xlim(1.0, end)
    axes.set_ylim(0.0, 102.0)
    _round_ticks(axes)
