"""The record of the grid that a case was solved on."""

from __future__ import annotations

import numpy as np

from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.load import Case
from miecsim.grid import Grid
from miecsim.grid.stack import stack_grid
from miecsim.results import GridRecord
from miecsim.run.build import mesh_of, model_of


def grid_record(grid: Grid) -> GridRecord:
    """What result.h5 keeps of a grid."""
    return GridRecord(grid.dim, grid.volumes, grid.centers, grid.region_names, grid.region, grid.edges)


def stack_record(case: Case, resolve: float) -> GridRecord:
    """The stack as the case divides it, fine enough for `resolve` [Hz] (0: uniform where the case leaves it open)."""
    if case.model == MICROSTRUCTURE:
        from miecsim.run.microstructure import picture_grid

        return grid_record(picture_grid(case))
    model = model_of(case)
    omega = 2 * np.pi * resolve
    lengths = [model.decay_length(i, omega) if omega else np.inf for i in range(len(model.layers))]
    stack = [(layer.name, layer.thickness) for layer in model.layers]
    return grid_record(stack_grid(stack, lengths, mesh_of(case, None, resolve), case.area or 1.0))
