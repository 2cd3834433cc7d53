"""Files of a run: result.h5, summary.json and the figures, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from miecsim.plot import bode, nyquist, rail_profiles, save, steady
from miecsim.results import RunRecord, StudyRecord, layer_spans, write_result, write_summary

# Spectra whose widths differ by more are drawn on a Nyquist plot each.
LARGEST_RATIO = 12.0


def _comparable(record: RunRecord) -> bool:
    """Whether all studies can be read on one Nyquist plot."""
    size = [float(np.ptp(study.Z.real)) for study in record.studies]
    return max(size) <= LARGEST_RATIO * min(size)


def _same_state(one: StudyRecord, other: StudyRecord) -> bool:
    """Whether two studies start from the same steady state, which is then drawn once."""
    return one.steady.keys() == other.steady.keys() and all(
        np.array_equal(values, other.steady[name][0], equal_nan=True) for name, (values, _) in one.steady.items()
    )


def write_all(record: RunRecord, folder: Path) -> list[Path]:
    """Write the result first, then the summary, then the figures; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    result, summary = folder / "result.h5", folder / "summary.json"
    write_result(result, record)
    write_summary(summary, record)
    figures = {"bode": bode(record.studies)}
    if _comparable(record):
        figures["nyquist"] = nyquist(record.studies)
    else:
        figures |= {f"{study.name}_nyquist": nyquist(study) for study in record.studies}
    spans = layer_spans(record.grid)
    for i, study in enumerate(record.studies):
        figures[f"{study.name}_rails"] = rail_profiles(study, layers=spans)
        if not any(_same_state(study, earlier) for earlier in record.studies[:i]):
            figures[f"{study.name}_steady"] = steady(study, layers=spans)
    written = [result, summary]
    for name, figure in figures.items():
        written += save(figure, folder / name)
    return written
