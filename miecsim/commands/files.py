"""Files of a run: result.h5, summary.json and the figures, each written whole or not at all."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from miecsim.plot import (
    attribution_map,
    bode,
    current_maps,
    nyquist,
    parts_nyquist,
    parts_stacked,
    phase_map,
    plane_parts,
    rail_profiles,
    reaction_maps,
    save,
    share_maps,
    steady,
)
from miecsim.results import RunRecord, StudyRecord, layer_spans, write_result, write_summary

# Spectra whose widths differ by more are drawn on a Nyquist plot each.
LARGEST_RATIO = 12.0
FEWEST_POINTS = 6  # of a spectrum whose distribution of relaxation times is drawn


def write_all(record: RunRecord, folder: Path) -> list[Path]:
    """Write the result first, then the summary, then the figures; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    result, summary = folder / "result.h5", folder / "summary.json"
    write_result(result, record)
    write_summary(summary, record)
    figures = figures_of(record)
    _draw(figures, folder)
    return [result, summary, *(folder / f"{name}{suffix}" for name in figures for suffix in (".png", ".svg"))]


def figures_of(record: RunRecord) -> dict[str, Callable[[], Figure]]:
    """What draws each figure of a run, by the name of its file."""
    figures = _figures_of_experiments(record)
    if not record.studies:
        return figures
    figures |= _figures_of_spectra(record.studies)
    pictured = record.model == "microstructure"
    spans = [] if pictured else layer_spans(record.grid)
    for i, study in enumerate(record.studies):
        figures[f"{study.name}_rails"] = partial(rail_profiles, study, layers=spans)
        if study.reference_planes:
            figures[f"{study.name}_planes"] = partial(plane_parts, study)
        if study.attribution is not None:
            figures |= _figures_of_parts(study, spans)
        figures |= _figures_of_poles(study)
        if pictured:
            figures |= _figures_of_picture(record, study)
        elif not any(_same_state(study, earlier) for earlier in record.studies[:i]):
            figures[f"{study.name}_steady"] = partial(steady, study, layers=spans)
    return figures


def _figures_of_experiments(record: RunRecord) -> dict[str, Callable[[], Figure]]:
    if not record.experiments:
        return {}
    from miecsim.plot.techniques import FIGURES, further

    figures: dict[str, Callable[[], Figure]] = {}
    for experiment in record.experiments:
        name, technique = f"{experiment.name}_{experiment.technique}", experiment.technique
        figures[name] = partial(FIGURES[technique], experiment.record)
        figures |= {
            f"{name}_{what}": partial(draw, experiment.record)
            for what, draw in further(technique, experiment.record).items()
        }
    return figures


def _figures_of_spectra(studies: Sequence[StudyRecord]) -> dict[str, Callable[[], Figure]]:
    """Bode and Nyquist plots, without studies whose terminals nothing joins (Z infinite)."""
    finite = [study for study in studies if np.all(np.isfinite(study.Z))]
    if not finite:
        return {}
    figures: dict[str, Callable[[], Figure]] = {"bode": partial(bode, finite)}
    if _comparable(finite):
        return figures | {"nyquist": partial(nyquist, finite)}
    return figures | {f"{study.name}_nyquist": partial(nyquist, study) for study in finite}


def _figures_of_parts(study: StudyRecord, spans: list[tuple[str, float, float]]) -> dict[str, Callable[[], Figure]]:
    figures: dict[str, Callable[[], Figure]] = {
        f"{study.name}_parts": partial(parts_stacked, study),
        f"{study.name}_parts_nyquist": partial(parts_nyquist, study),
        f"{study.name}_parts_map": partial(attribution_map, study, layers=spans),
    }
    if len(spans) > 1:
        figures[f"{study.name}_parts_by_layer"] = partial(parts_stacked, study, by="layer")
    return figures


def _figures_of_poles(study: StudyRecord) -> dict[str, Callable[[], Figure]]:
    if study.poles is None or not study.poles.tau.size or study.frequency.size < FEWEST_POINTS:
        return {}
    from miecsim.plot.relaxation import relaxation_of_study

    return {f"{study.name}_relaxation": partial(relaxation_of_study, study)}


def _figures_of_picture(record: RunRecord, study: StudyRecord) -> dict[str, Callable[[], Figure]]:
    """Maps of a study on a microstructure; none where its picture is not that of the stored grid."""
    figures: dict[str, Callable[[], Figure]] = {}
    if study.fields:
        figures[f"{study.name}_picture"] = partial(phase_map, study, record.grid)
    if any(name.startswith("current_") for name in study.fields):
        figures[f"{study.name}_currents"] = partial(current_maps, study, record.grid)
    if any(name.startswith("reaction_") for name in study.fields):
        figures[f"{study.name}_reaction"] = partial(reaction_maps, study, record.grid)
    if any(name.startswith("share_") for name in study.fields):
        figures[f"{study.name}_shares"] = partial(share_maps, study, record.grid)
    return figures


def _comparable(studies: Sequence[StudyRecord]) -> bool:
    """Whether all studies can be read on one Nyquist plot."""
    size = [float(np.ptp(study.Z.real)) for study in studies]
    return max(size) <= LARGEST_RATIO * min(size)


def _same_state(one: StudyRecord, other: StudyRecord) -> bool:
    """Whether two studies start from the same steady state, which is then drawn once."""
    return one.steady.keys() == other.steady.keys() and all(
        np.array_equal(values, other.steady[name][0], equal_nan=True) for name, (values, _) in one.steady.items()
    )


def _draw(figures: dict[str, Callable[[], Figure]], folder: Path) -> None:
    """Draw and save. Rendering is most of the time of a small case, so a second process takes every other figure."""
    names = list(figures)
    theirs = names[1::2] if _may_fork() else []
    child = _start(figures, theirs, folder) if theirs else 0
    ours = [name for name in names if name not in theirs]
    for name in ours:
        save(figures[name](), folder / name)
    if child and os.waitpid(child, 0)[1] != 0:
        for name in theirs:  # again where its error can be seen
            save(figures[name](), folder / name)


def _may_fork() -> bool:
    """A fork is safe while no other Python thread runs; macOS forbids it behind some of its libraries."""
    return sys.platform.startswith("linux") and threading.active_count() == 1 and (os.cpu_count() or 1) > 1


def _start(figures: dict[str, Callable[[], Figure]], names: list[str], folder: Path) -> int:
    """Process number of a child that saves the figures `names` and exits with 0 if all are there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the BLAS, which looks after itself
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        for name in names:
            save(figures[name](), folder / name)
        code = 0
    finally:
        os._exit(code)
