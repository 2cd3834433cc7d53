"""What flows where in a microstructure: potentials with current lines, the reaction, and who owns which share of Z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from scipy.ndimage import binary_opening

from miecsim.errors import InputError
from miecsim.plot.pictures import Section, mesh, outline, picture_panels, scale_below, section_of
from miecsim.plot.scales import with_prefix
from miecsim.plot.style import DOUBLE, SMALL, readable, style
from miecsim.results.records import GridRecord, StudyRecord
from miecsim.typing import Array

BELOW = 2.3  # cm, axis label and colour scale
TOP = 0.6  # cm
ABSENT = "#E4E4E4"  # voxels in which a carrier does not live
LINES = 0.9  # as matplotlib counts the density of current lines, across a square
POTENTIAL = {"displacement": "potential"}  # what drives a current, where that has another name
LEAST = 1e-3  # of the largest current density, below which no line is drawn; of the largest reaction, the palest colour


def current_maps(study: StudyRecord, grid: GridRecord, *, layer: int | None = None) -> Figure:
    """For each carrier (rows) and frequency (columns) Re Phi per volt applied as colours, and the lines of the current
    in phase with the voltage, thicker where it is denser; grey where the carrier does not live. Displacement current
    stands beside the electrostatic potential.

    Raises InputError for a study without such maps.
    """
    marks, rails = _marks(study), _rails(study)
    with style():
        section = section_of(study, grid, layer)
        figure, panels, _ = picture_panels(section, len(rails), len(marks), width=DOUBLE, top=TOP, bottom=BELOW)
        for row, rail in zip(panels, rails, strict=True):
            for axes, mark in zip(row, marks, strict=True):
                values = section.pick(study.fields[f"{POTENTIAL.get(rail, rail)}_real_{mark}"][0])
                axes.set_facecolor(ABSENT)
                drawn = mesh(axes, section, values, cmap="viridis", norm=Normalize(0.0, 1.0))
                if rail not in POTENTIAL or _matters(study, rail, rails, mark):
                    _lines(axes, section, *(_part(study, section, f"current_{rail}_{x}_{mark}") for x in "xy"))
            _beside(row[-1], rail if rail in POTENTIAL else f"{readable(rail)}s")
        _titles(panels[0], marks)
        scale_below(figure, panels[-1], drawn, "Φ′ per volt between the terminals", extend="both")
    return figure


def reaction_maps(study: StudyRecord, grid: GridRecord, *, layer: int | None = None) -> Figure:
    """Where current passes from carrier to carrier, at each frequency: |reaction| of a voxel over the largest, on a
    logarithmic scale. Raises InputError for a study without a reaction."""
    marks = _marks(study)
    if any(f"reaction_{mark}" not in study.fields for mark in marks):
        raise InputError(f"study {study.name} stores no reaction")
    with style():
        section = section_of(study, grid, layer)
        figure, (row,), _ = picture_panels(section, 1, len(marks), width=DOUBLE, top=TOP, bottom=BELOW)
        for axes, mark in zip(row, marks, strict=True):
            size = section.pick(study.fields[f"reaction_{mark}"][0])
            shown = np.where(size > 0, np.maximum(size / (size.max() or 1.0), LEAST), np.nan)
            axes.set_facecolor(ABSENT)
            drawn = mesh(axes, section, shown, cmap="magma_r", norm=LogNorm(LEAST, 1.0))
            outline(axes, section, width=0.2)
        _titles(row, marks)
        scale_below(figure, row, drawn, "reaction of a voxel over the largest at that frequency", extend="min")
    return figure


def share_maps(study: StudyRecord, grid: GridRecord, *, layer: int | None = None) -> Figure:
    """Who owns Z′: at each frequency the share of a voxel times the number of voxels, 1 where all own alike. A share
    is negative where a larger resistance would lower Z′. Raises InputError for a study without attribution."""
    marks = _marks(study)
    if any(f"share_{mark}" not in study.fields for mark in marks):
        raise InputError(f"study {study.name} stores no attribution")
    with style():
        section = section_of(study, grid, layer)
        count = study.fields["phase"][0].size
        shares = [section.pick(study.fields[f"share_{mark}"][0]) * count for mark in marks]
        limit = _round_up(float(np.percentile(np.abs(np.stack(shares)), 98)))
        figure, (row,), _ = picture_panels(section, 1, len(marks), width=DOUBLE, top=TOP, bottom=BELOW)
        for axes, share in zip(row, shares, strict=True):
            drawn = mesh(axes, section, share, cmap="PuOr_r", norm=Normalize(-limit, limit))
            outline(axes, section, width=0.2)
        _titles(row, marks)
        scale_below(figure, row, drawn, "share of Z′ of a voxel × number of voxels", extend="both")
    return figure


def _marks(study: StudyRecord) -> list[str]:
    """The frequencies as the names of the fields have them."""
    return [f"{f:.4g}Hz" for f in study.profile_frequency]


def _rails(study: StudyRecord) -> list[str]:
    mark = _marks(study)[0]
    ends = "current_", f"_x_{mark}"
    names = [name for name in study.fields if name.startswith(ends[0]) and name.endswith(ends[1])]
    found = [name.removeprefix(ends[0]).removesuffix(ends[1]) for name in names]
    if not found:
        raise InputError(f"study {study.name} stores no map of currents")
    return found


def _matters(study: StudyRecord, rail: str, rails: Sequence[str], mark: str) -> bool:
    """Whether what flows along a rail in phase with the voltage is not next to nothing beside the others."""
    most = {
        word: max(float(np.abs(study.fields[f"current_{word}_{x}_{mark}"][0]).max()) for x in "xy") for word in rails
    }
    return most[rail] > LEAST * max(most.values())


def _part(study: StudyRecord, section: Section, name: str) -> Array:
    return section.pick(study.fields[name][0])


def _lines(axes: Axes, section: Section, i_x: Array, i_y: Array) -> None:
    """Current lines; none where next to nothing flows."""
    size = np.hypot(i_x, i_y)
    most = float(np.percentile(size[size > 0], 99)) if np.any(size > 0) else 0.0
    flows = binary_opening(size > LEAST * most, np.ones((2, 2)))  # lines cannot follow what is one voxel thin
    x, y = (0.5 * (edges[1:] + edges[:-1]) for edges in (section.x, section.y))
    if min(x.size, y.size) < 2 or not flows.any():
        return
    axes.streamplot(
        _even(x),
        _even(y),
        np.where(flows, i_x, np.nan).T,
        np.where(flows, i_y, np.nan).T,
        density=(LINES, max(0.1, min(LINES, LINES * section.shape))),
        linewidth=0.25 + 0.9 * np.clip(size / most, 0.0, 1.0).T,
        color="white",
        arrowsize=0.45,
        arrowstyle="-|>",
        minlength=0.05,
    )
    axes.set_xlim(float(section.x[0]), float(section.x[-1]))
    axes.set_ylim(float(section.y[0]), float(section.y[-1]))


def _even(centres: Array) -> Array:
    """Exactly even, as stream lines want it."""
    return np.linspace(float(centres[0]), float(centres[-1]), centres.size)


def _titles(row: Sequence[Axes], marks: Sequence[str]) -> None:
    for axes, mark in zip(row, marks, strict=True):
        axes.set_title(with_prefix(float(mark.removesuffix("Hz")), "Hz"), fontsize=8, pad=3, loc="left")


def _beside(axes: Axes, words: str) -> None:
    place = {"xycoords": "axes fraction", "rotation": 270, "va": "center", "fontsize": SMALL}
    axes.annotate(words, (1.02, 0.5), **place)  # type: ignore[arg-type]


def _round_up(value: float) -> float:
    """1, 2 or 5 times a power of ten."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * next(s for s in (1, 2, 5, 10) if s * power >= value))
