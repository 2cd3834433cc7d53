"""The shipped cell of Chen et al. as a table that tests change."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from miecsim.case import load_case

CHEN = Path(__file__).resolve().parent.parent / "cases" / "307_chen2020_cell"


def chen() -> dict[str, Any]:
    """The shipped cell of Chen et al. on a coarse mesh, with its spectrum alone."""
    raw = copy.deepcopy(load_case(CHEN).raw)
    del raw["experiment"], raw["check"], raw["grid"]["grading"]
    raw["grid"]["cells"] = 8
    raw["study"][0] |= {"attribution": False}
    raw["study"][0]["frequency"]["points_per_decade"] = 2
    for layer in (0, 2):
        raw["layer"][layer]["particles"][0] |= {"shells": 12, "grading": 20.0}
    return raw
