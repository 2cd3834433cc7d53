"""What a fit shows of its data: Kramers-Kronig's check, and relaxation times beside those of the model, by process."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fitted_composites import BOTH, FREE, HEAD, case_in

from miecsim.case import load_case
from miecsim.fitting.run import prepare, run_fit
from miecsim.fitting.store import read_fit, write_fit
from miecsim.plot.fit_data import fit_kramers_kronig, fit_relaxation
from miecsim.report.fit_page import write_page


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """One point of the first spectrum is spoilt by 12 %."""
    folder = case_in(
        tmp_path_factory.mktemp("relaxed") / "case", HEAD + "relaxation = true\nkramers_kronig = true\n" + FREE + BOTH
    )
    lines = (folder / "ion_blocking.csv").read_text(encoding="utf-8").splitlines()
    f, real, imaginary = lines[9].split(",")
    lines[9] = f"{f},{1.12 * float(real):.9g},{imaginary}"
    (folder / "ion_blocking.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return run_fit(prepare(load_case(folder), []))


def test_poles_are_those_of_the_fitted_model(record) -> None:
    """Constant phase elements as ladders, good to 1e-8 in their own range."""
    for one in record.spectra:
        np.testing.assert_allclose(one.poles.Z(one.frequency), one.fitted, rtol=1e-5)
        assert set(one.poles.owner) <= {"ion transport", "electron transport", "constant phase element"}


def test_poles_and_threshold_are_kept(record, tmp_path) -> None:
    write_fit(tmp_path / "fit.h5", record)
    for one, other in zip(record.spectra, read_fit(tmp_path / "fit.h5").spectra, strict=True):
        assert other.threshold == one.threshold > 0
        for field in dataclasses.fields(one.poles):
            np.testing.assert_array_equal(getattr(other.poles, field.name), getattr(one.poles, field.name))


def test_the_check_shows_the_point_that_was_left_out(record) -> None:
    one = record.spectra[0]
    assert [r.why.split()[0] for r in one.removed] == ["Kramers-Kronig"]
    upper, lower = fit_kramers_kronig(one).axes
    crosses = [line for line in upper.lines if line.get_marker() == "x"]
    assert crosses and crosses[0].get_xdata() == pytest.approx([one.removed[0].Z.real])
    assert lower.get_ylabel() == "residual / %"


def test_data_and_model_are_drawn_together(record, tmp_path) -> None:
    upper, lower = fit_relaxation(record.spectra[0]).axes
    assert {"data", "model"} <= {text.get_text() for text in upper.figure.legends[0].get_texts()}
    assert lower.get_xlabel() == "relaxation time τ / s" and upper.get_ylabel() == "γ(ln τ) / mΩ"
    page = write_page(tmp_path, record).read_text(encoding="utf-8")
    for name in ("ion_blocking", "electron_blocking"):
        for what in ("kramers_kronig", "relaxation"):
            assert f"{name}_{what}.png" in page and (tmp_path / f"{name}_{what}.png").exists()
    assert fit_relaxation(dataclasses.replace(record.spectra[0], poles=None)) is None
