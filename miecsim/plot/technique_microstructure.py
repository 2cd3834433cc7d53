"""Effective transport between its bounds, and the diagrams of shortest paths, from the records of experiments."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from miecsim.microstructure.paths import PathLengths
from miecsim.microstructure.structure import Microstructure
from miecsim.plot.paths import path_diagrams, path_distributions, path_maps
from miecsim.plot.scales import decade_limits, decades, round_values
from miecsim.plot.style import BLUE, GREY, SINGLE, SMALL, VERMILLION, legend, legend_height, panels, style
from miecsim.plot.technique_common import expect
from miecsim.techniques.effective_transport import AXES, BOUNDS
from miecsim.techniques.effective_transport import TECHNIQUE as TRANSPORT
from miecsim.techniques.optimal_paths import TECHNIQUE as PATHS
from miecsim.techniques.record import TechniqueRecord

LEFT, ROW = 2.3, 0.8  # cm
CARRIERS = ("ion", "electron")
COLOUR = {"ion": BLUE, "electron": VERMILLION}
FEW = 30.0
SMALLEST = 1e-4  # of the largest conductivity, what still has a place on the axis


def technique_effective_transport(record: TechniqueRecord) -> Figure:
    """sigma_eff of each carrier along each axis on a logarithmic axis, between the bounds that its fractions allow:
    Wiener's thin, those of Hashin and Shtrikman thick, the effective medium a bar. A value of zero, or one far below
    all others, is written out at the left. InputError for the record of another technique."""
    expect(record, TRANSPORT, "effective transport")
    rows = [(c, i) for c in CARRIERS if c in record.tables for i in range(len(record.tables[c]["axis"][0]))]
    drawn = np.concatenate([record.tables[c][word][0] for c, _ in rows for word in ("effective", *BOUNDS)])
    drawn = drawn[drawn > SMALLEST * drawn.max()] if drawn.max() > 0 else np.ones(1)
    low, high = decade_limits(drawn)
    with style():
        handles = [
            Line2D([], [], linestyle="none", marker="o", color="black", markersize=4, label="on the voxels"),
            Line2D([], [], linestyle="none", marker="|", color=GREY, markersize=7, label="effective medium"),
            Line2D([], [], color=GREY, linewidth=3.5, alpha=0.5, label="Hashin-Shtrikman"),
            Line2D([], [], color=GREY, linewidth=0.8, label="series to parallel"),
        ]
        figure, (axes,) = panels(SINGLE, [ROW * len(rows) + 0.4], left=LEFT, top=legend_height(len(handles), 2))
        for number, (carrier, i) in enumerate(rows):
            value = {word: float(record.tables[carrier][word][0][i]) for word in ("effective", *BOUNDS)}
            _row(axes, -float(number), value, COLOUR[carrier], low)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _ticks(axes, low, high)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        names = [f"{c}s, {AXES[int(record.tables[c]['axis'][0][i])]}" for c, i in rows]
        axes.yaxis.set_major_locator(FixedLocator([-float(k) for k in range(len(rows))]))
        axes.yaxis.set_major_formatter(FixedFormatter(names))
        axes.set_xlabel("effective conductivity / S m⁻¹")
        legend(figure, handles, columns=2, left=0.6)
    return figure


def _ticks(axes: Axes, low: float, high: float) -> None:
    """Decades, or over less than two of them round numbers written out."""
    if high / low >= FEW:
        decades(axes.xaxis, low, high)
        return
    ticks = round_values(low, high)
    if len(ticks) < 3:
        ticks = round_values(low, high, (1, 2, 3, 4, 5, 7))
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())


def _row(axes: Axes, y: float, value: dict[str, float], colour: str, low: float) -> None:
    """One conductivity between its bounds; what is below the axis is written out at its left end."""
    thin, thick = {"linewidth": 0.8}, {"linewidth": 3.5, "alpha": 0.5}
    for start, end, how in (("series", "parallel", thin), ("lower", "upper", thick)):
        axes.hlines(y, max(value[start], low), max(value[end], low), colors=GREY, **how)  # type: ignore[arg-type]
    axes.plot([value["symmetric"]], [y], linestyle="none", marker="|", color=GREY, markersize=7)
    if value["effective"] > low:
        axes.plot([value["effective"]], [y], linestyle="none", marker="o", color=colour, markersize=4, zorder=3)
    else:
        text = "0" if value["effective"] == 0 else f"{value['effective']:.2g}"
        axes.text(low, y + 0.18, f" ← {text}", fontsize=SMALL, color=colour, va="bottom")


def technique_optimal_paths(record: TechniqueRecord) -> Figure:
    """L*_eon against L*_ion, and the resistances that decide. InputError for the record of another technique."""
    return path_diagrams(_paths(record)[1])


def path_map_figure(record: TechniqueRecord) -> Figure:
    """Maps of L* over the picture. InputError for the record of another technique."""
    return path_maps(*_paths(record))


def path_distribution_figure(record: TechniqueRecord) -> Figure:
    """Distributions of L* over the area. InputError for the record of another technique."""
    return path_distributions(_paths(record)[1])


def _paths(record: TechniqueRecord) -> tuple[Microstructure, PathLengths]:
    """The picture and the paths that the tables hold."""
    expect(record, PATHS, "optimal paths")
    shape = tuple(int(n) for n in record.tables["picture"]["voxels"][0])
    edges = tuple(float(h) for h in record.tables["picture"]["edge"][0])
    phases = {name: values for name, (values, _) in record.tables["phases"].items()}
    voxels = {name: values.reshape(shape, order="F") for name, (values, _) in record.tables["voxels"].items()}
    sites = {name: values for name, (values, _) in record.tables["sites"].items()}
    structure = Microstructure(voxels["phase"].astype(np.int64), edges, tuple(phases))
    paths = PathLengths(
        position=np.stack([sites[f"position_{AXES[k]}"] for k in range(len(shape))], axis=1),
        area=sites["area"],
        cells=np.stack([sites["cell_left"], sites["cell_right"]], axis=1).astype(np.int64),
        depth_ion=sites["depth_ion"],
        depth_eon=sites["depth_eon"],
        L_ion=sites["L_ion"],
        L_eon=sites["L_eon"],
        sigma_ion=max(float(of[0]) for of in phases.values()),
        sigma_eon=max(float(of[1]) for of in phases.values()),
        map_ion=voxels["L_ion"],
        map_eon=voxels["L_eon"],
        phases_ion=tuple(name for name, of in phases.items() if of[0] > 0),
        phases_eon=tuple(name for name, of in phases.items() if of[1] > 0),
    )
    return structure, paths
