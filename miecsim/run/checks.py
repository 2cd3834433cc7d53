"""The figures that a case expects of itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.data import Check
from miecsim.errors import InputError
from miecsim.results import Quantity, StudyRecord, reference_errors
from miecsim.units import format_quantity


def evaluate(checks: Sequence[Check], studies: Sequence[StudyRecord]) -> tuple[dict[str, Any], ...]:
    """One record per check: relative error, or absolute where zero is expected. InputError for an unknown quantity
    or another unit."""
    by_name = {study.name: study for study in studies}
    return tuple(_evaluate(check, by_name[check.study]) for check in checks)


def _evaluate(check: Check, study: StudyRecord) -> dict[str, Any]:
    figures = figures_of(study)
    if check.quantity not in figures:
        near = difflib.get_close_matches(check.quantity, figures, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"check of study {check.study}: read quantity {check.quantity!r}; "
            f"expected one of {', '.join(figures)}{hint}"
        )
    read = figures[check.quantity]
    if (check.unit or "1") != _si(read.unit):
        raise InputError(
            f"check of study {check.study}: {check.quantity} is in {read.unit}; "
            f"read an expected value in {check.unit or '1'}"
        )
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
