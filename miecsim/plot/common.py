"""What the plots of Z share: checking the studies, legend entries, drawing one spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from miecsim.errors import InputError
from miecsim.plot.style import REFERENCE, readable, series
from miecsim.results.records import StudyRecord
from miecsim.typing import Ints


def as_studies(studies: StudyRecord | Sequence[StudyRecord]) -> tuple[StudyRecord, ...]:
    """The studies as a tuple; raises InputError when there is none or their Z have different units."""
    chosen = (studies,) if isinstance(studies, StudyRecord) else tuple(studies)
    if not chosen:
        raise InputError("a figure of Z needs at least one study")
    units = {study.unit for study in chosen}
    if len(units) > 1:
        raise InputError(f"studies with Z in {' and '.join(sorted(units))} cannot share a figure")
    return chosen


def look(study: StudyRecord, number: int, size: float) -> dict[str, Any]:
    """Line2D settings of a computed spectrum: markers alone over a closed form, joined by a thin line otherwise."""
    joined: dict[str, Any] = {"linestyle": "none"} if study.references else {"linewidth": 0.6, "linestyle": "-"}
    return series(number) | joined | {"markersize": size, "zorder": 2.0 + 0.01 * number}


def entries(studies: Sequence[StudyRecord], labels: Sequence[str] | None = None) -> list[Line2D]:
    """Legend handles: one per study, then one per closed form."""
    names = [study.name for study in studies] if labels is None else list(labels)
    if len(names) != len(studies):
        raise InputError(f"{len(names)} labels for {len(studies)} studies")
    handles = [
        Line2D([], [], label=readable(name), **look(study, number, 3.4))
        for number, (name, study) in enumerate(zip(names, studies, strict=True))
    ]
    closed = dict.fromkeys(name for study in studies for name in study.references)
    handles += [Line2D([], [], label=f"{readable(name)} (closed form)", **REFERENCE) for name in closed]
    return handles


def columns_that_fit(handles: Sequence[Line2D], width: float) -> int:
    """How many legend columns fit side by side into `width` [cm]."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    return max(1, min(len(handles), int(width / (1.3 + 0.15 * longest))))


def by_frequency(study: StudyRecord) -> Ints:
    """Indices that sort a study by rising frequency."""
    return np.argsort(study.frequency, kind="stable").astype(np.int64)
