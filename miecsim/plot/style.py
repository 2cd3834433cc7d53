"""The look of every figure: paper column widths, Okabe-Ito colours, one marker and dash per series.

Colours: Okabe & Ito (2002), readable with every common colour vision; markers and dashes tell the series apart in grey.
Figures are built without pyplot, with fixed margins in centimetres: no global state, no layout pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from miecsim.results.atomic import atomic

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
GREY = "#555555"

SINGLE, DOUBLE = 8.5, 17.8  # cm, widths of one and of two columns
POINT = 2.54 / 72  # cm
LABEL = 0.35  # cm from the left edge to where y labels stand
SMALL = 6.5  # pt, marks and remarks
DPI = 200

STYLE: Any = {  # keys of rcParams, whose type differs between releases of matplotlib
    "font.family": "DejaVu Sans",  # the one family that comes with matplotlib: the same figure on every machine
    "font.size": 8,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.2,
    "lines.markeredgewidth": 0.8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.minor.size": 1.6,
    "axes.unicode_minus": True,
    "axes.titley": 1.0,  # fixed: matplotlib's search for a place costs a tenth of a figure
    "axes.formatter.useoffset": False,
    "text.parse_math": False,  # names may hold any character
    "svg.fonttype": "none",  # text stays text in the SVG: editable, searchable, small
    "svg.hashsalt": "miecsim",  # the same figure gives the same bytes
}


def style() -> AbstractContextManager[None]:
    """Context in which figures are built and saved; matplotlib's own settings return afterwards."""
    return mpl.rc_context(STYLE)


def panels(
    width: float, heights: Sequence[float], *, left: float = 1.35, right: float = 0.3, bottom: float = 1.0, top: float
) -> tuple[Figure, list[Axes]]:
    """A figure [cm] with axes stacked from top to bottom, 0.25 cm apart, sharing x; margins in cm."""
    gap = 0.25
    total = bottom + top + sum(heights) + gap * (len(heights) - 1)
    figure = Figure(figsize=(width / 2.54, total / 2.54), dpi=DPI)
    FigureCanvasAgg(figure)
    axes: list[Axes] = []
    edge = total - top
    for height in heights:
        edge -= height
        box = (left / width, edge / total, (width - left - right) / width, height / total)
        axes.append(figure.add_axes(box, sharex=axes[0] if axes else None))
        edge -= gap
    for each in axes:
        place_label(each, left, width - left - right)
    for upper in axes[:-1]:
        upper.tick_params(labelbottom=False)
    return figure, axes


def place_label(axes: Axes, left: float, width: float) -> None:
    """Put the y label LABEL cm from the figure's edge; the axes begin at `left` and are `width` cm wide."""
    axes.yaxis.label.set_verticalalignment("center")
    axes.yaxis.set_label_coords((LABEL - left) / width, 0.5)


def series(index: int) -> dict[str, Any]:
    """Colour and marker of the series with this number, open markers so that lines below stay visible."""
    colour = COLOURS[index % len(COLOURS)]
    marker = MARKERS[index % len(MARKERS)]
    return {"color": colour, "marker": marker, "markerfacecolor": "white", "markeredgecolor": colour}


REFERENCE: dict[str, Any] = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 1.5}


def legend_height(entries: int, columns: int) -> float:
    """Room [cm] that `legend` takes above the axes."""
    rows = -(-entries // columns) if entries else 0
    return 0.3 + 0.36 * rows


def legend(figure: Figure, handles: Sequence[Artist], *, columns: int, left: float, top: float = 0.15) -> None:
    """A frameless legend along the top of the figure, `left` and `top` cm from its edges."""
    width, height = (2.54 * float(inches) for inches in figure.get_size_inches())
    if handles:
        figure.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(left / width, 1 - top / height),
            ncols=columns,
            borderpad=0,
            borderaxespad=0,
            handlelength=2.2,
            handletextpad=0.5,
            columnspacing=1.4,
            labelspacing=0.35,
        )


NAMES = {
    "de_levie": "de Levie",
    "two_rail": "two-rail line",
    "linear_pnp": "linear Poisson-Nernst-Planck",
    "film_on_blocking_substrate": "film on blocking substrate",
}


def readable(name: str) -> str:
    """A name of a study, rail or closed form as it stands in a figure."""
    return NAMES.get(name, name.replace("_", " "))


def save(figure: Figure, path: str | Path) -> tuple[Path, Path]:
    """Write `path`.png (200 dpi) and `path`.svg, each atomically; returns both paths. `path` has no suffix."""
    base = Path(path)
    png, svg = base.with_name(base.name + ".png"), base.with_name(base.name + ".svg")
    with style():
        with atomic(png, durable=False) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI, pil_kwargs={"compress_level": 3})
        with atomic(svg, durable=False) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
    return png, svg
