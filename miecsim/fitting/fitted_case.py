"""The case with the best values put in, as a case file of its own: one study for each of the data."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from miecsim.case.fit_data import DataSet, Value
from miecsim.case.fits import as_written
from miecsim.case.load import Case, case_from_dict
from miecsim.case.messages import Refused
from miecsim.case.overrides import in_order, put
from miecsim.case.table import Raw
from miecsim.case.toml import toml_of
from miecsim.errors import InputError
from miecsim.fitting.model import Seat

_DROPPED = ("sweep", "fit", "check", "study")  # checks are of the case's own values, but for closed forms


def fitted_case(case: Case, seats: Sequence[Seat], values: Sequence[float], data: Sequence[DataSet]) -> str:
    """The text of the case at the values (n_p,) of the seats: what is common stands in its tables, what belongs to some
    of the data in the `set` of their studies. Raises InputError where no case can be made of them."""
    raw: Raw = {name: copy.deepcopy(value) for name, value in case.raw.items() if name not in _DROPPED}
    found = [(seat, as_written(value, seat.key.unit)) for seat, value in zip(seats, values, strict=True)]
    try:
        for seat, value in found:
            if not seat.group and not seat.key.study:
                put(raw, seat.key.key, value)
        raw["study"] = [_study(case, one, found) for one in data]
    except Refused as error:
        raise InputError(f"{case.file}: {error}") from None
    named = {study["name"]: study["reference"] for study in raw["study"]}
    kept = [check for check in case.raw.get("check", ()) if check["quantity"] == "reference_error"]
    checks = [check for check in kept if named.get(check.get("study"), "none") != "none" or "experiment" in check]
    if checks:
        raw["check"] = copy.deepcopy(checks)
    case_from_dict(raw, case.file)
    return toml_of(raw)


def _study(case: Case, one: DataSet, found: Sequence[tuple[Seat, Value]]) -> Raw:
    """The study of one of the data, with the values of its own contacts and of its group."""
    item = next(item for item in case.raw["study"] if item["name"] == one.study)
    study: Raw = copy.deepcopy(item)
    own = {}
    for seat, value in found:
        if seat.key.study == one.study and seat.group in ("", one.group):
            alone: Raw = {"study": [study]}
            put(alone, seat.key.key, value)
            study = alone["study"][0]
        elif seat.group == one.group and not seat.key.study:
            own[seat.key.key] = value
    changes = dict(in_order({**study.get("set", {}), **dict(one.settings), **own}))
    study["name"] = one.name
    if changes:
        study["set"] = changes
    return study
