"""The picture itself: which phase is where."""

from __future__ import annotations

from matplotlib.figure import Figure

from miecsim.plot.pictures import LEFT, draw_phases, picture_panels, section_of
from miecsim.plot.style import SINGLE, legend, legend_height, style
from miecsim.results.records import GridRecord, StudyRecord


def phase_map(study: StudyRecord, grid: GridRecord, *, layer: int | None = None) -> Figure:
    """Map of the phases, x from the left contact to the right one; of a picture in three dimensions the `layer` along
    z, by default the middle one. Raises InputError for a study without a picture."""
    with style():
        section = section_of(study, grid, layer)
        top = legend_height(len(section.names), 4)
        figure, ((axes,),), _ = picture_panels(section, 1, 1, width=SINGLE, top=top)
        legend(figure, draw_phases(axes, section), columns=4, left=LEFT)
    return figure
