"""Local probes in case files: parameters in SI, what does not fit told in one line, and a run of all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from miecsim.case import load_case
from miecsim.case.laws import RC, Resistance
from miecsim.case.technique_tip import AfmImpedance, LocalImpedance, StrainMicroscopy
from miecsim.errors import InputError
from miecsim.run.run import run_case

EXAMPLE = Path(__file__).resolve().parent / "case_examples" / "tips.toml"
F = (10.0, 1e3)


def test_parameters_in_si() -> None:
    case = load_case(EXAMPLE)
    rc, resistance = RC(R=2e-8, C=pytest.approx(0.03), Rs=0.0), Resistance(R=2e-8)
    scan = LocalImpedance(3e-8, (1.1e-7, 1.7e-7), 9e-8, 2e-6, F, "vacancy", rc, 0.5)
    assert case.experiment("scan").parameters == scan
    tip = AfmImpedance((1.5e-8, 4e-8), F, (7e-8,), 6e-8, "vacancy", resistance, 0.5)
    assert case.experiment("tip").parameters == tip
    swelling = case.experiment("swelling").parameters
    assert isinstance(swelling, StrainMicroscopy) and swelling.expansion == pytest.approx(2.5e-6, rel=1e-14)
    assert (swelling.tip, swelling.base, swelling.elastic) == (("vacancy", "electron"), ("electron",), "clamped")
    assert swelling.contact == resistance and swelling.poisson_ratio == 0.22


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ('experiment.scan.positions=["0.29 um"]', "the whole strip lies on the film, which ends at 300 nm"),
        ("experiment.scan.carrier=cation", "a mobile carrier of film"),
        ('experiment.tip.grain=["70 nm", "80 nm", "90 nm"]', "one, or as many as of radius, 2"),
        ("experiment.tip.carrier=cation", "a mobile carrier of"),
        ('experiment.swelling.base=["hole"]', "experiment.swelling.base.0: read"),
        ("experiment.swelling.elastic=plate", "half_space"),
    ],
)
def test_what_does_not_fit_is_told(override: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace(".", r"\.")):
        load_case(EXAMPLE, (override,))


def test_all_of_them_run_from_the_file() -> None:
    run = run_case(load_case(EXAMPLE))
    assert [check["passed"] for check in run.checks] == [True]
    scan, tip, swelling = (experiment.record for experiment in run.experiments)
    np.testing.assert_allclose(scan.tables["scan"]["position"][0], [1.1e-7, 1.7e-7])
    np.testing.assert_allclose(tip.tables["readings"]["grain"][0], 7e-8)
    assert any("arc of its own" in remark for remark in tip.remarks)
    assert tip.figure("conductivity").true == pytest.approx(4 * 700 * 2e-13 * 96485.33212**2 / (8.314462618 * 298.15))
    assert swelling.tables["displacement"]["frequency"][0].tolist() == [10.0, 1e3]
