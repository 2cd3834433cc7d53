"""summary.json: the headline figures of a run with their units."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miecsim.results.atomic import atomic
from miecsim.results.records import ExperimentRecord, Quantity, RunRecord, StudyRecord, reference_errors


def summary_dict(run: RunRecord) -> dict[str, Any]:
    """The summary as plain JSON data: figures {value, unit, note}, errors against references, checks."""
    return {
        "title": run.title,
        "model": run.model,
        "source": run.source,
        "area": None if run.area is None else {"value": run.area, "unit": "m^2"},
        "passed": all(bool(check["passed"]) for check in run.checks),
        "summary": _figures(run.summary),
        "studies": {study.name: _study(study) for study in run.studies},
        "experiments": {experiment.name: _experiment(experiment) for experiment in run.experiments},
        "checks": [dict(check) for check in run.checks],
        "input_hash": run.input_hash,
        "versions": dict(run.versions),
        "timings": {name: {"value": seconds, "unit": "s"} for name, seconds in run.timings.items()},
    }


def write_summary(path: str | Path, run: RunRecord) -> None:
    """Write `summary_dict(run)` as strict JSON (nan and inf become null), atomically."""
    text = to_json(summary_dict(run), indent=2) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_json(data: Any, indent: int | None = None) -> str:
    """Strict JSON of nested data that may hold NumPy scalars and arrays; what is not finite becomes null."""
    return json.dumps(_plain(data), indent=indent, allow_nan=False, ensure_ascii=False)


def _study(study: StudyRecord) -> dict[str, Any]:
    errors = reference_errors(study)
    return {
        "terminals": list(study.terminals),
        "ground": study.ground,
        "unit_of_Z": study.unit,
        "frequencies": int(study.frequency.size),
        "summary": _figures(study.summary),
        "references": {
            name: {
                "max_relative_error": {"value": error, "unit": "1"},
                "at_frequency": {"value": frequency, "unit": "Hz"},
            }
            for name, (error, frequency) in errors.items()
        },
        "solver": dict(study.solver),
    }


def _experiment(experiment: ExperimentRecord) -> dict[str, Any]:
    record = experiment.record
    return {
        "technique": experiment.technique,
        "compared": [
            {name: getattr(one, name) for name in ("quantity", "textbook", "true", "error", "unit", "how")}
            for one in record.compared
        ],
        "remarks": list(record.remarks),
        "conservation": record.conservation,
    }


def _figures(figures: Mapping[str, Quantity]) -> dict[str, dict[str, Any]]:
    return {
        name: {"value": q.value, "unit": q.unit} | ({"note": q.note} if q.note else {}) for name, q in figures.items()
    }


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, np.ndarray):
        return _plain(data.tolist())
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if isinstance(data, np.generic):
        data = data.item()
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
