"""What figures of pictures share: a section of voxels, panels that keep its shape, colours of phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from miecsim.errors import InputError
from miecsim.plot.scales import Display, decades, length_display
from miecsim.plot.style import DPI, GREY, readable
from miecsim.results.records import GridRecord, StudyRecord
from miecsim.typing import Array, Ints

# Far apart in grey, too; the last for a fifth phase that conducts and beyond. White is for what does not conduct.
PHASES = ("#44546A", "#EAD9A2", "#8FB3A5", "#B5784F", "#C9C9C9")
PORE = "#FFFFFF"
LEFT, RIGHT, BOTTOM, GAP = 1.35, 0.6, 1.0, 0.35  # cm
TALLEST = 9.0  # cm, of one panel


@dataclass(frozen=True)
class Section:
    """A layer of voxels: edges along x and y in the unit of `lengths`, labels (nx, ny); `pick` takes values of cells
    (n_cells,) to (nx, ny)."""

    x: Array
    y: Array
    labels: Ints
    names: tuple[str, ...]
    lengths: Display
    cells: Ints
    pores: frozenset[int] = frozenset()  # labels of phases in which no carrier lives

    def pick(self, values: Array) -> Array:
        return np.asarray(values[self.cells])

    @property
    def shape(self) -> float:
        """Height over width."""
        return float((self.y[-1] - self.y[0]) / (self.x[-1] - self.x[0]))


def section_of(study: StudyRecord, grid: GridRecord, layer: int | None = None) -> Section:
    """The picture of a study; of three dimensions the `layer` along z, by default the middle one.

    Raises InputError for a study without a picture, and for a layer that does not exist."""
    if "phase" not in study.fields or len(grid.faces) < 2:
        raise InputError(f"study {study.name} stores no picture")
    counts = tuple(axis.size - 1 for axis in grid.faces)
    cells = np.arange(int(np.prod(counts))).reshape(counts, order="F")
    if len(counts) == 3:
        at = counts[2] // 2 if layer is None else layer
        if not 0 <= at < counts[2]:
            raise InputError(f"section: read layer {layer}; the picture has layers 0 to {counts[2] - 1}")
        cells = cells[:, :, at]
    lengths = length_display(float(max(axis[-1] - axis[0] for axis in grid.faces[:2])))
    labels = study.fields["phase"][0].astype(int)[cells]
    x, y = (axis * lengths.factor for axis in grid.faces[:2])
    return Section(x, y, labels, grid.region_names, lengths, cells, _pores(study))


def _pores(study: StudyRecord) -> frozenset[int]:
    """Phases in which no field of a carrier has a value."""
    phase = study.fields["phase"][0].astype(int)
    rails = [values for name, (values, unit) in study.fields.items() if unit == "V/V"]
    inside = np.any(np.isfinite(rails), axis=0) if rails else np.ones(phase.shape, dtype=bool)
    return frozenset(np.unique(phase).tolist()) - frozenset(np.unique(phase[inside]).tolist())


def picture_panels(
    section: Section, rows: int, columns: int, *, width: float, top: float, bottom: float = BOTTOM
) -> tuple[Figure, list[list[Axes]], float]:
    """A figure of `width` [cm] with panels of the picture's shape, axes labelled at the left and the bottom alone, and
    the width of a panel [cm]; columns narrower than asked where panels would be too tall."""
    room = (width - LEFT - RIGHT - GAP * (columns - 1)) / columns
    wide = min(room, TALLEST / section.shape)
    high = wide * section.shape
    whole, total = LEFT + RIGHT + columns * wide + GAP * (columns - 1), top + bottom + rows * high + GAP * (rows - 1)
    whole = max(whole, 6.5)  # so that legends and scales find room
    figure = Figure(figsize=(whole / 2.54, total / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    out: list[list[Axes]] = []
    for row in range(rows):
        out.append([])
        for column in range(columns):
            x, y = LEFT + column * (wide + GAP), bottom + (rows - 1 - row) * (high + GAP)
            axes = figure.add_axes((x / whole, y / total, wide / whole, high / total))
            _frame(axes, section)
            axes.tick_params(labelbottom=row == rows - 1, labelleft=column == 0)
            if row == rows - 1:
                axes.set_xlabel(f"x / {section.lengths.unit}")
            if column == 0:
                axes.set_ylabel(f"y / {section.lengths.unit}")
            out[-1].append(axes)
    return figure, out, wide


def _frame(axes: Axes, section: Section) -> None:
    axes.set_xlim(float(section.x[0]), float(section.x[-1]))
    axes.set_ylim(float(section.y[0]), float(section.y[-1]))
    axes.set_aspect("equal")
    axes.minorticks_off()
    for axis, end, begin in ((axes.xaxis, section.x[-1], section.x[0]), (axes.yaxis, section.y[-1], section.y[0])):
        ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(float(begin), float(end))
        # a number at the very end of one panel would run into the next
        axis.set_ticks([t for t in ticks if begin <= t <= begin + 0.96 * (end - begin)])


def draw_phases(axes: Axes, section: Section) -> list[Patch]:
    """The phases in their colours; returns legend handles of those that are there."""
    count = len(section.names)
    conducting = [k for k in range(count) if k not in section.pores]
    colours = [PORE] * count
    for place, k in enumerate(conducting):
        colours[k] = PHASES[min(place, len(PHASES) - 1)]
    how = {"cmap": ListedColormap(colours), "norm": Normalize(-0.5, count - 0.5)}
    mesh(axes, section, section.labels.astype(float), **how)
    present = np.unique(section.labels)
    return [
        Patch(facecolor=colours[k], edgecolor=GREY, linewidth=0.5, label=readable(section.names[k])) for k in present
    ]


def mesh(axes: Axes, section: Section, values: Array, **how: object) -> QuadMesh:
    """Values (nx, ny) of the voxels, nan left blank."""
    return axes.pcolormesh(section.x, section.y, values.T, rasterized=True, **how)  # type: ignore[arg-type]


def outline(axes: Axes, section: Section, colour: str = "black", width: float = 0.3) -> None:
    """Lines along the faces between phases."""
    labels, x, y = section.labels, section.x, section.y
    i, j = np.nonzero(labels[1:] != labels[:-1])
    upright = [[(x[a + 1], y[b]), (x[a + 1], y[b + 1])] for a, b in zip(i, j, strict=True)]
    i, j = np.nonzero(labels[:, 1:] != labels[:, :-1])
    level = [[(x[a], y[b + 1]), (x[a + 1], y[b + 1])] for a, b in zip(i, j, strict=True)]
    axes.add_collection(LineCollection(upright + level, colors=colour, linewidths=width, rasterized=True))


def scale_below(figure: Figure, axes: Sequence[Axes], drawn: QuadMesh, words: str, extend: str = "neither") -> None:
    """A colour scale along the bottom of the figure, which must be left 2.0 cm high, under the panels `axes`."""
    high = 2.54 * float(figure.get_size_inches()[1])
    first, last = axes[0].get_position(), axes[-1].get_position()
    width = min(last.x1 - first.x0, 0.6)
    box = (0.5 * (first.x0 + last.x1 - width), 0.85 / high, width, 0.2 / high)
    bar = figure.colorbar(drawn, cax=figure.add_axes(box), orientation="horizontal", extend=extend)
    bar.set_label(words, fontsize=7, labelpad=1)
    bar.ax.tick_params(labelsize=6.5, length=2)
    if isinstance(drawn.norm, LogNorm):
        decades(bar.ax.xaxis, *drawn.get_clim())
