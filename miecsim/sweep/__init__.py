"""Many runs of one case: the points of its [sweep], their results in one folder, and the index of them.

A folder of a sweep holds `sweep.json` (which points there are), `points/<hash>.h5` (the result of each, as
`miecsim run` writes it), `points/<hash>.failed.json` (why one has none), and `index.csv` and `index.h5`, which are made
from the files before and from nothing else.
"""

from __future__ import annotations

from miecsim.sweep.cluster import on_dask
from miecsim.sweep.index import Index, read_index, write_index
from miecsim.sweep.plan import Plan, Point, plan_of, points_of, read_plan
from miecsim.sweep.run import run_sweep
from miecsim.sweep.slurm import Slurm, on_slurm

__all__ = [
    "Index",
    "Plan",
    "Point",
    "Slurm",
    "on_dask",
    "on_slurm",
    "plan_of",
    "points_of",
    "read_index",
    "read_plan",
    "run_sweep",
    "write_index",
]
