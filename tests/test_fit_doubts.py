"""What a fit says of measured spectra that are doubtful: spoilt points, a wrong sign, one measurement twice."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_composites import ALPHA, BOTH, CELLS, ELECTRON, FREE, HEAD, ION, case_in, closed_form, noisy, write_csv

from miecsim.case import load_case
from miecsim.errors import InputError
from miecsim.fitting.data import assigned, load
from miecsim.fitting.doubts import contradicted, outliers, sign_doubt, threshold_of
from miecsim.fitting.run import prepare, run_fit
from miecsim.inverse.closed_forms import ClosedForm, circuit_formula
from miecsim.inverse.fit import BEFOREHAND, fit
from miecsim.inverse.forward import FitData, FreeParameter
from miecsim.report.fit_words import statements

F = np.geomspace(87e3, 29e-3, 47)
TWO = ", ".join(f'{{ key = "{key}", from = "1 mS/m", to = "1 S/m" }}' for key in (ION, ELECTRON))
ONLY = f'[fit]\nstarts = 1\nnext = false\nparameter = [{TWO}]\n[[fit.data]]\nstudy = "ion_blocking"\nfile = "a.csv"\n'


def loaded(folder, table, Z, frequency=F):
    case_in(folder, table)
    write_csv(folder / "a.csv", Z, frequency)
    case = load_case(folder)
    return load(case, assigned(case, []))


@pytest.mark.parametrize("noise", [0.002, 0.011])
def test_the_filter_learns_the_noise_and_leaves_it_in(tmp_path, noise):
    """Thresholds below the noise cut its tails off: errors then come out too small."""
    table = ONLY.replace("starts = 1", "starts = 1\nkramers_kronig = true")
    Z = noisy(closed_form("ion_blocking", frequency=F), 5, noise)
    (found,) = loaded(tmp_path, table, Z)
    assert not found.removed
    assert threshold_of(F, Z) == pytest.approx(max(0.01, 4 * noise), rel=0.3)
    spoilt = Z.copy()
    spoilt[[17, 31]] *= 1 + 9 * max(noise, 0.005)
    (found,) = loaded(tmp_path, table, spoilt)
    assert [one.frequency for one in found.removed] == pytest.approx(F[[17, 31]])


@pytest.mark.parametrize("study", list(CELLS))
@pytest.mark.parametrize("noise", [0.0, 0.004, 0.03])
def test_a_wrong_sign_is_told_and_a_right_one_is_not(study, noise):
    Z = noisy(closed_form(study, frequency=F), 3, noise)
    assert sign_doubt(F, Z) == []
    if noise < 0.01 or study == "electron_blocking":
        assert "wrong sign" in sign_doubt(F, Z.conj())[0]


def test_a_sign_is_not_told_of_a_wire_and_of_few_points():
    wire = 0.3 + 2j * np.pi * F * 4e-6
    assert sign_doubt(F, wire) == [] and sign_doubt(F[:7], closed_form("ion_blocking", frequency=F[:7]).conj()) == []


def test_points_that_are_zero_are_left_out_with_a_reason(tmp_path):
    Z = np.append(closed_form("ion_blocking", frequency=F), 0.0)
    (found,) = loaded(tmp_path, ONLY, Z, np.append(F, 0.017))
    (gone,) = found.removed
    assert (gone.frequency, gone.why) == (0.017, "Z = 0 is no measurement") and found.data.Z.size == F.size


def test_one_measurement_counts_once(tmp_path):
    folder = case_in(tmp_path, HEAD + FREE + BOTH.replace("electron_blocking.csv", "ion_blocking.csv"))
    case = load_case(folder)
    with pytest.raises(InputError, match="electron_blocking.file: the same file as that of ion_blocking"):
        load(case, assigned(case, []))
    part = 'file = "ion_blocking.csv"\nfrequency = {{ {} = "1 Hz" }}'
    halves = BOTH.replace('file = "ion_blocking.csv"', part.format("from"))
    case_in(folder, HEAD + FREE + halves.replace('file = "electron_blocking.csv"', part.format("to")))
    case = load_case(folder)
    assert sum(one.data.Z.size for one in load(case, assigned(case, []))) == 23
    with pytest.raises(InputError, match="b.csv: read a second file for ion_blocking; expected one"):
        assigned(case, ["ion_blocking=a.csv", "ion_blocking=b.csv"])


def test_equal_weights_are_of_the_points_that_are_fitted(tmp_path):
    """A point that the window leaves out says nothing of the noise of the others."""
    table = ONLY.replace("starts = 1", 'starts = 1\nnoise = 0.01\nweighting = "unit"')
    table += 'frequency = { from = "1 Hz" }\n'
    Z = closed_form("ion_blocking", frequency=F)
    Z[-1] *= 1e3
    (found,) = loaded(tmp_path, table, Z)
    kept = Z[F >= 1.0]
    assert found.data.sigma == pytest.approx(np.full(kept.size, 0.01 * np.sqrt(np.mean(np.abs(kept) ** 2))))


def test_a_short_spectrum_is_refused_by_name_of_its_data(tmp_path):
    table = ONLY.replace("starts = 1", "starts = 1\nkramers_kronig = true")
    with pytest.raises(InputError, match=r"case.toml: fit.data.ion_blocking: spectrum: 5 points; at least 6"):
        loaded(tmp_path, table, closed_form("ion_blocking", frequency=F[:5]), F[:5])


def test_outliers_are_named():
    formula = circuit_formula("R0-p(R1,C1)")
    truth = np.array([11.3, 37.0, 2.1e-6])
    model = ClosedForm((formula,), (F,))
    free = [FreeParameter(name, v, v / 1e3, v * 1e3) for name, v in zip(formula.names, truth, strict=True)]
    Z = noisy(model.spectra(truth)[0], 4, 0.003)
    for factor, told in ((1.0, 0), (1.21, 1)):
        Z[21] *= factor
        lines = outliers(fit(model, free, [FitData("cell", F, Z, np.abs(Z))]))
        assert len(lines) == told
    assert lines[0].startswith(f"cell: 1 of {F.size} points lies ") and f"({F[21]:.4g} Hz)" in lines[0]


def test_a_prior_that_the_data_contradict_is_named():
    formula = circuit_formula("R0-p(R1,C1)")
    truth = np.array([11.3, 37.0, 2.1e-6])
    model = ClosedForm((formula,), (F,))
    priors = ((13.7, 0.05), (37.9, 0.05), None)
    free = [
        FreeParameter(name, v, v / 1e3, v * 1e3, prior=prior, unit="ohm")
        for name, v, prior in zip(formula.names, truth, priors, strict=True)
    ]
    Z = noisy(model.spectra(truth)[0], 4, 0.003)
    (line,) = contradicted(fit(model, free, [FitData("cell", F, Z, np.abs(Z))]))
    off = np.log(13.7 / 11.3) / 0.05
    assert line.startswith("R0: ") and "13.7 ohm" in line and f"{off:.1f}"[:2] in line


def test_what_only_a_prior_says_is_not_called_identified_by_the_data(tmp_path):
    """At low frequencies an ion-blocking cell tells of electrons alone."""
    prior = ONLY.replace(f'key = "{ION}",', f'key = "{ION}", prior = {{ mean = "43 mS/m", spread = 0.06 }},')
    case_in(tmp_path, prior + 'frequency = { to = "0.2 Hz" }\n')
    write_csv(tmp_path / "a.csv", noisy(closed_form("ion_blocking", frequency=F), 2, 0.004), F)
    record = run_fit(prepare(load_case(tmp_path, ["grid.cells=20"]), []))
    ion, electron = record.parameters
    assert ion.value == pytest.approx(0.043, rel=1e-3) and electron.value == pytest.approx(0.171, rel=0.02)
    lines = statements(record)
    assert ion.statement in lines and ion.statement.endswith(BEFOREHAND)
    assert not any("identified by these data" in line for line in lines)


def test_a_model_that_misses_the_data_is_not_said_to_know(tmp_path):
    table = ONLY.replace("ion_blocking", "electron_blocking")
    case_in(tmp_path, table)
    write_csv(tmp_path / "a.csv", noisy(closed_form("electron_blocking", frequency=F), 2, 0.004), F)
    record = run_fit(prepare(load_case(tmp_path, ["grid.cells=20"]), []))
    lines = statements(record)
    assert any("if the model is right; it misses data" in line for line in lines)
    assert any(line.startswith("residuals, taken as noise: ") for line in lines)


@pytest.mark.parametrize(("cells", "told"), [(9, True), (150, False)])
def test_a_grid_too_coarse_for_the_data_is_told_by_what_it_moves(tmp_path, cells, told):
    """The fit is blind to it: what is left is noise, and the exponent wrong by several of its standard errors."""
    case_in(tmp_path, HEAD + "next = false\n" + FREE + BOTH)
    record = run_fit(prepare(load_case(tmp_path, [f"grid.cells={cells}"]), []))
    lines = [line for line in record.remarks if "the grid is too coarse" in line]
    alpha = record.parameters[-1]
    assert bool(lines) == told
    if told:
        fine = run_fit(prepare(load_case(tmp_path, ["grid.cells=150"]), [])).parameters[-1].value
        said = float(lines[0].split(f"{ALPHA} by ")[1].split()[0].rstrip(","))
        assert said == pytest.approx((alpha.value - fine) / alpha.error, rel=0.5) and said > 2


def test_a_circuit_that_cannot_be_fitted_does_not_lose_the_fit(tmp_path):
    """Three points are too few for its seven values, which shows when the fit of the case is done."""
    circuit = '[[fit.circuit]]\nname = "arcs"\nstring = "R0-p(R1,CPE1)-p(R2,CPE2)"\n'
    case_in(tmp_path, ONLY + 'frequency = { from = "300 Hz", to = "800 Hz" }\n' + circuit)
    write_csv(tmp_path / "a.csv", noisy(closed_form("ion_blocking", frequency=F), 2, 0.004), F)
    case = load_case(tmp_path, ["grid.cells=20"])
    record = run_fit(prepare(case, []))
    assert record.spectra[0].frequency.size == 3 and not record.circuits
    (line,) = (remark for remark in record.remarks if remark.startswith("circuit"))
    assert line.startswith("circuit arcs: ion_blocking: left out, ") and "3 points for 7 parameters" in line
