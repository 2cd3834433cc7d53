"""Every shipped case: it reads, runs, reaches the figures it expects of itself, and survives nothing that is wrong
with it."""

from __future__ import annotations

import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import SPOILT, faults, mutations

from miecsim.case import load_case
from miecsim.results import RunRecord
from miecsim.run.run import run_case

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted(path.parent for path in (ROOT / "cases").glob("*/case.toml"))


def _lacks_data(case: Path) -> bool:
    """Whether the case works on a picture that is not on this machine."""
    folder = Path(os.environ.get("MIECSIM_DATA", "absent"))
    named = re.findall(r'"\$MIECSIM_DATA/([^"]+)"', (case / "case.toml").read_text(encoding="utf-8"))
    return not all((folder / name).is_file() for name in named)


WITHOUT_DATA = pytest.mark.skip(reason="the picture of this case is not in the folder MIECSIM_DATA")
SHIPPED = [pytest.param(case, marks=[WITHOUT_DATA] if _lacks_data(case) else []) for case in CASES]


@cache
def record(case: Path, *overrides: str) -> RunRecord:
    return run_case(load_case(case, overrides))


@pytest.mark.parametrize("case", SHIPPED, ids=lambda path: path.name)
def test_case_reaches_its_figures(case: Path) -> None:
    run = record(case)
    assert run.checks, "a case checks its own figures"
    failed = [c for c in run.checks if not c["passed"]]
    assert not failed
    for study in run.studies:
        assert np.all(np.isfinite(study.Z)) and np.all(study.Z.real > 0)
        if "estimated error" in study.solver:  # of a large grid, reduced to the tolerance asked for
            assert float(study.solver["estimated error"]) <= 1e-6
        else:
            assert float(study.solver["backward error"]) < 1e-13


@pytest.mark.parametrize("case", SHIPPED, ids=lambda path: path.name)
def test_case_is_documented(case: Path) -> None:
    text = (case / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) > 20
    figures = [part.split(")")[0] for part in text.split("](")[1:] if part.split(")")[0].endswith(".png")]
    assert figures and all((case / figure).is_file() for figure in figures)


@pytest.mark.parametrize("case", SHIPPED, ids=lambda path: path.name)
def test_ways_of_getting_a_key_wrong_are_told(case: Path) -> None:
    """Missing, misspelt, wrong type, wrong dimension, negative, zero, NaN, infinite, duplicated, enormous: one line
    each. Keys that an earlier case or example of the tests has, too, are left to the slow walk over all."""
    assert _faults(case, SPOILT, beside=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", SHIPPED, ids=lambda path: path.name)
def test_every_way_of_getting_a_key_wrong_is_told(case: Path) -> None:
    assert _faults(case, set()) == []


def _faults(case: Path, spoilt: set[Any], beside: bool = True) -> list[str]:
    text = (case / "case.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return [
        fault for label, path, wrong in mutations(text, spoilt, beside) for fault in faults(label, path, wrong, data)
    ]


@pytest.mark.parametrize("number", ["101", "301"])
def test_two_dimensional_variant_gives_the_same_spectrum(number: str) -> None:
    case = next(path for path in CASES if path.name.startswith(number))
    line, sheet = record(case), record(case, "grid.dimension=2")
    assert sheet.grid.dimension == 2
    for one, two in zip(line.studies, sheet.studies, strict=True):
        np.testing.assert_allclose(two.Z, one.Z, rtol=1e-10)


def test_published_resistances_of_the_composite_are_recovered() -> None:
    """R_el 107 ohm and R_ion 360 ohm read off the low-frequency end of the two blocking spectra."""
    case = next(path for path in CASES if path.name.startswith("301"))
    ion_blocking, electron_blocking = record(case).studies
    assert ion_blocking.summary["R_low"].value == pytest.approx(107.0, rel=0.01)
    assert electron_blocking.summary["R_low"].value == pytest.approx(360.0, rel=0.01)
    # both start from the two rails in parallel
    parallel = 107.0 * 360.0 / 467.0
    for study in (ion_blocking, electron_blocking):
        assert study.Z[np.argmax(study.frequency)].real == pytest.approx(parallel, rel=0.02)


def test_per_area_is_per_area() -> None:
    """The same pore stated per area: Z in ohm m^2, and every figure with it."""
    case = next(path for path in CASES if path.name.startswith("101"))
    own, per_area = record(case).studies[0], record(case, "area=per area").studies[0]
    assert (own.unit, per_area.unit) == ("ohm", "ohm m^2")
    np.testing.assert_allclose(per_area.Z, own.Z * 1.13e-4, rtol=1e-10)
    assert per_area.summary["R_ion"].unit == "ohm m^2"
    assert per_area.summary["C_low"].unit == "F/m^2"
