"""The figures that a case expects of itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.checks import CONSERVATION
from miecsim.case.data import Check
from miecsim.case.load import Case
from miecsim.case.techniques import TECHNIQUES
from miecsim.errors import InputError
from miecsim.results import ExperimentRecord, Quantity, StudyRecord, reference_errors
from miecsim.run.summary import FIGURES
from miecsim.units import format_quantity, parse_any


def refuse_unknown(case: Case) -> None:
    """InputError, before anything is solved, for a check of a quantity that no study, or not this experiment, has."""
    for check in case.checks:
        if check.experiment:
            known = (*TECHNIQUES[case.experiment(check.experiment).technique].quantities, CONSERVATION)
            stem = next((k for k in known if check.quantity.startswith((f"{k} at ", f"{k}, "))), check.quantity)
            _refuse(check, stem, known, f"experiment {check.experiment}", "")
        else:
            several = " (with .layer where there are several)"
            _refuse(check, check.quantity.partition(".")[0], FIGURES, f"study {check.study}", several)


def _refuse(check: Check, word: str, known: Sequence[str], whose: str, more: str) -> None:
    if word not in known:
        near = difflib.get_close_matches(word, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"check of {whose}: read quantity {check.quantity!r}; expected one of {', '.join(known)}{more}{hint}"
        )


def evaluate(
    checks: Sequence[Check], studies: Sequence[StudyRecord], experiments: Sequence[ExperimentRecord] = ()
) -> tuple[dict[str, Any], ...]:
    """One record per check: relative error, or absolute where zero is expected. A quantity that is not there (a
    capacitance where direct current flows) and one in another unit fail with nothing read."""
    by_study = {study.name: study for study in studies}
    by_experiment = {experiment.name: experiment for experiment in experiments}
    out = []
    for check in checks:
        if check.experiment:
            found = _of_experiment(check, by_experiment[check.experiment])
            named = {"experiment": check.experiment, "quantity": check.quantity, "of": check.read, "how": check.how}
        else:
            found = figures_of(by_study[check.study]).get(check.quantity)
            named = {"study": check.study, "quantity": check.quantity}
        out.append(named | _evaluate(check, found))
    return tuple(out)


def _of_experiment(check: Check, experiment: ExperimentRecord) -> Quantity | None:
    """What the first comparison of the quantity says (by the analysis that the check names)."""
    if check.quantity == CONSERVATION:
        return Quantity(experiment.record.conservation, "1")
    try:
        found = experiment.record.figure(check.quantity, check.how or None)
    except KeyError:
        return None
    value = {"textbook": found.textbook, "true": found.true}
    return Quantity(found.error, "1") if check.read == "error" else Quantity(value[check.read], found.unit)


def _evaluate(check: Check, read: Quantity | None) -> dict[str, Any]:
    if read is None or check.unit != _si(read.unit):
        read = Quantity(float("nan"), check.unit or "1")
    error = abs(read.value - check.expected) / (abs(check.expected) or 1.0)
    return {
        "expected": check.expected,
        "read": read.value,
        "unit": read.unit,
        "tolerance": check.tolerance,
        "error": error,
        "passed": bool(error <= check.tolerance),
        "source": check.source,
    }


def _si(unit: str) -> str:
    """The unit as the values of checks have it, "" for a pure number."""
    return "" if unit in ("1", "-") else parse_any(f"1 {unit}", "")[1]


def figures_of(study: StudyRecord) -> Mapping[str, Quantity]:
    """The summary of a study and its largest relative distance to the closed forms, 'reference_error'."""
    out = dict(study.summary)
    errors = reference_errors(study)
    if errors:
        worst = max(errors.values())
        out["reference_error"] = Quantity(worst[0], "1", f"worst at {format_quantity(worst[1], 'Hz')}")
    return out
