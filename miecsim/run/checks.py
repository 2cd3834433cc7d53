"""The figures that a case expects of itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.data import Check
from miecsim.errors import InputError
from miecsim.results import Quantity, StudyRecord, reference_errors
from miecsim.run.summary import FIGURES
from miecsim.units import format_quantity


def refuse_unknown(checks: Sequence[Check]) -> None:
    """InputError, before anything is solved, for a check of a quantity that no study has."""
    for check in checks:
        stem = check.quantity.partition(".")[0]
        if stem not in FIGURES:
            near = difflib.get_close_matches(stem, FIGURES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"check of study {check.study}: read quantity {check.quantity!r}; expected one of "
                f"{', '.join(FIGURES)} (with .layer where there are several){hint}"
            )


def evaluate(checks: Sequence[Check], studies: Sequence[StudyRecord]) -> tuple[dict[str, Any], ...]:
    """One record per check: relative error, or absolute where zero is expected. A quantity that the study does not
    have (a capacitance where direct current flows) and one in another unit fail with nothing read."""
    by_name = {study.name: study for study in studies}
    return tuple(_evaluate(check, by_name[check.study]) for check in checks)


def _evaluate(check: Check, study: StudyRecord) -> dict[str, Any]:
    read = figures_of(study).get(check.quantity)
    if read is None or (check.unit or "1") != _si(read.unit):
        read = Quantity(float("nan"), check.unit or "1")
    error = abs(read.value - check.expected) / (abs(check.expected) or 1.0)
    return {
        "study": check.study,
        "quantity": check.quantity,
        "expected": check.expected,
        "read": read.value,
        "unit": read.unit,
        "tolerance": check.tolerance,
        "error": error,
        "passed": bool(error <= check.tolerance),
        "source": check.source,
    }


def _si(unit: str) -> str:
    return unit.replace(" ", "*")


def figures_of(study: StudyRecord) -> Mapping[str, Quantity]:
    """The summary of a study and its largest relative distance to the closed forms, 'reference_error'."""
    out = dict(study.summary)
    errors = reference_errors(study)
    if errors:
        worst = max(errors.values())
        out["reference_error"] = Quantity(worst[0], "1", f"worst at {format_quantity(worst[1], 'Hz')}")
    return out
