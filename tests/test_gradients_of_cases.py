"""Derivatives of the spectra of shipped cases by the numbers of their layers and interfaces, against differences of Z.

Every case whose study is a spectrum of a stack of layers or of a picture is taken at the bias that it has. By default
some of them, with `-m slow` all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miecsim.case.fits import DataSet, FreeKey, as_written
from miecsim.case.load import Case, case_from_dict, load_case
from miecsim.case.overrides import put
from miecsim.errors import InputError
from miecsim.fitting.model import CaseForward, Seat
from miecsim.units import parse_any

CASES = Path(__file__).resolve().parent.parent / "cases"
SOME = ("201", "302", "306")
FREQUENCY = np.array([3e-2, 11.0, 4e3])
MOST = 5  # parameters of a case
STEP, FLOOR = 6e-3, 0.1  # of the parameter; of |Z|/p, below which differences of Z are its own last digits


def shipped() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("[1-5]*/case.toml")):
        case = load_case(path.parent)
        if case.studies and case.model != "microstructure" and case.grid.dimension == 1:
            number = path.parent.name[:3]
            marks = () if number in SOME else (pytest.mark.slow,)
            found.append(pytest.param(path.parent, id=path.parent.name, marks=marks))
    return found


def numbers(node: dict[str, Any], at: str) -> Iterator[tuple[str, float, str]]:
    """(dotted key, value in SI, unit) of every quantity and pure number below a table."""
    for name, value in node.items():
        key = f"{at}.{name}"
        if isinstance(value, dict):
            yield from numbers(value, key)
        elif isinstance(value, float) and value > 0:
            yield key, value, ""
        elif isinstance(value, str):
            try:
                found, unit = parse_any(value, key)
            except InputError:
                continue
            if found > 0:
                yield key, found, unit


def free_keys(case: Case) -> list[FreeKey]:
    """Some numbers of the layers, spread over all that there are."""
    every = []
    for kind in ("layer", "interface"):
        for item in case.raw.get(kind, []):
            if "name" in item:
                every += list(numbers({k: v for k, v in item.items() if k != "name"}, f"{kind}.{item['name']}"))
    every = [one for one in every if can_move(case, *one)]
    chosen = [every[i] for i in np.unique(np.linspace(0, len(every) - 1, MOST).round().astype(int))]
    return [FreeKey(k, v, v / 2, v * 2, unit, True, None, False) for k, v, unit in chosen]


def can_move(case: Case, key: str, value: float, unit: str) -> bool:
    """Whether a number is not at the end of what it can be, as a porosity of 1 is."""
    ends = [copy.deepcopy(case.raw) for _ in range(2)]
    try:
        for raw, share in zip(ends, (1 - 4 * STEP, 1 + 4 * STEP), strict=True):
            put(raw, key, as_written(share * value, unit))
            case_from_dict(raw, case.file)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("directory", shipped())
def test_derivatives_of_a_shipped_case(directory: Path) -> None:
    case = load_case(directory)
    study = case.studies[0]
    keys = free_keys(case)
    data = DataSet("data", study.name, "", "", (), (0.0, np.inf), "", "", {})
    at = np.array([key.start for key in keys])
    forward = CaseForward(case, [Seat(key) for key in keys], [(data, FREQUENCY)], at)
    ((Z, dZ),) = forward.gradients(at)
    for i, key in enumerate(keys):
        slopes = []
        for k in (1, 2, 3):
            ends = []
            for sign in (1, -1):
                moved = at.copy()
                moved[i] *= 1 + sign * k * STEP
                ends.append(forward.spectra(moved)[0])
            slopes.append((ends[0] - ends[1]) / (2 * k * STEP * at[i]))
        reference = 1.5 * slopes[0] - 0.6 * slopes[1] + 0.1 * slopes[2]
        size = np.maximum(np.abs(reference), FLOOR * np.abs(Z) / at[i])
        assert np.max(np.abs(dZ[i] - reference) / size) < 1e-7, key.key
