"""Fits of a case: the model and its gradients, data read, truths found, what is stored, the case that comes out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fitted_composites import (
    ALPHA,
    BOTH,
    CELLS,
    ELECTRON,
    FREE,
    FREQUENCY,
    HEAD,
    ION,
    TRUTH,
    Q,
    case_in,
    closed_form,
    noisy,
    write_csv,
)

import miecsim.fitting.run as engine
from miecsim.case import load_case
from miecsim.errors import InputError, SolveError
from miecsim.fitting.data import assigned, load
from miecsim.fitting.fitted_case import fitted_case
from miecsim.fitting.model import CaseForward, free_parameters, seats_of
from miecsim.fitting.run import prepare, run_fit
from miecsim.fitting.store import read_fit, write_fit
from miecsim.plot.fit import fit_nyquist, fit_profiles, fit_residuals
from miecsim.run.run import run_case

TWO = ", ".join(f'{{ key = "{key}", from = "1 mS/m", to = "1 S/m" }}' for key in (ION, ELECTRON))
TWO = f"fit.parameter=[{TWO}]"
KEYS = {ION: "ion", ELECTRON: "electron", Q: "Q", ALPHA: "alpha"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return case_in(tmp_path_factory.mktemp("fit") / "case")


@pytest.fixture(scope="module")
def job(folder):
    return prepare(load_case(folder), [])


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Both spectra at once, a likelihood and a circuit beside it."""
    circuit = '[[fit.circuit]]\nname = "arc"\nstring = "R0-p(R1,CPE1)"\n'
    table = HEAD + f'profile = ["{ION}"]\n' + FREE + BOTH + circuit
    return run_fit(prepare(load_case(case_in(tmp_path_factory.mktemp("both") / "case", table)), []))


def forward_of(case, at=None):
    data = case.fit.data
    seats = seats_of(case.fit, data)
    start = np.array([p.start for p in free_parameters(seats)])
    return CaseForward(case, seats, [(one, FREQUENCY) for one in data], start if at is None else at), start


# ---- the model ----


def test_the_model_is_the_closed_form(folder):
    forward, _ = forward_of(load_case(folder))
    Z = forward.spectra(np.array(list(TRUTH.values())))
    for found, study in zip(Z, CELLS, strict=True):
        assert np.max(np.abs(found / closed_form(study) - 1)) < 2e-3  # of 45 cells


def test_gradients_are_the_slopes_of_the_spectra(tmp_path):
    thickness = '[[fit.parameter]]\nkey = "layer.composite.thickness"\nfrom = "50 um"\nto = "0.2 mm"\n'
    forward, start = forward_of(load_case(case_in(tmp_path, HEAD + FREE + thickness + BOTH)))
    found = forward.gradients(start)
    step = 1e-3
    for i, value in enumerate(start):
        ends = []
        for way in (2, 1, -1, -2):
            moved = start.copy()
            moved[i] += way * step * value
            ends.append(forward.spectra(moved))
        for k, (_, dZ) in enumerate(found):
            a, b, c, d = (end[k] for end in ends)
            slope = (8 * (b - c) - (a - d)) / (12 * step * value)
            assert np.max(np.abs(dZ[i] - slope)) < 1e-6 * np.max(np.abs(slope))


def test_gradients_at_a_bound_that_is_the_last_possible_value(folder):
    forward, start = forward_of(load_case(folder))
    at, beside = np.array([*start[:3], 1.0]), np.array([*start[:3], 0.999])
    for (Z, dZ), (_, inside), spectrum in zip(
        forward.gradients(at), forward.gradients(beside), forward.spectra(at), strict=True
    ):
        assert pytest.approx(spectrum, rel=1e-9) == Z and np.array_equal(dZ, inside)


def test_a_bias_that_is_free_moves_the_spectrum(tmp_path):
    """Its slope is that of the spectra."""
    text = (case_in(tmp_path) / "case.toml").read_text()
    head = text[: text.index("[[study]]")].replace(
        'law = "cpe"\nQ = "0.04 F*s^(alpha-1)/m^2"\nalpha = 0.8',
        'law = "butler_volmer"\nexchange_current = "0.7 A/m^2"\nalpha = 0.5\nC = "0.2 F/m^2"',
    )
    study = '[[study]]\nname = "s"\nterminals = "battery"\nreference = "none"\nbias = { B = "50 mV" }\n'
    study += 'frequency = { from = "93 kHz", to = "31 mHz", points_per_decade = 4 }\n'
    study += 'profiles = ["1 Hz", "9 Hz", "1 kHz"]\n'
    free = '[fit]\n[[fit.parameter]]\nkey = "study.s.bias.B"\nfrom = "5 mV"\nto = "0.2 V"\nstart = "20 mV"\n'
    (tmp_path / "case.toml").write_text(head + study + free + '[[fit.data]]\nfile = "s.csv"\n')
    forward, start = forward_of(load_case(tmp_path, ["grid.cells=20"]))
    assert start == pytest.approx([0.02])
    V, step = 0.053, 1e-4
    ((Z, dZ),) = forward.gradients(np.array([V]))
    ends = [forward.spectra(np.array([V + sign * step]))[0] for sign in (1, -1)]
    assert dZ[0] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)
    assert np.abs(Z / forward.spectra(start)[0] - 1).max() > 0.05


def test_values_that_make_no_case_have_no_spectrum(folder):
    forward, start = forward_of(load_case(folder))
    with pytest.raises(SolveError, match="alpha"):
        forward.spectra(np.array([*start[:3], 1.2]))


def test_automatic_cells_follow_where_the_fit_ends(folder):
    case = load_case(folder, ["grid.cells=auto", "grid.grading=1.0"])
    forward, start = forward_of(case)
    far = start * np.array([0.02, 1.0, 1.0, 1.0])
    assert forward.resolves(start) and forward.resolves(start * 1.05) and not forward.resolves(far)
    finer = forward.gridded(far)
    assert finer.resolves(far)
    exact = closed_form("electron_blocking", dict(zip(TRUTH, far, strict=True)))
    coarse, fine = (np.max(np.abs(f.spectra(far)[1] / exact - 1)) for f in (forward, finer))
    assert fine < 4e-4 and coarse > 2 * fine


# ---- fits ----


def test_both_spectra_tell_all_parameters(record):
    for p in record.parameters:
        truth = TRUTH[KEYS[p.key]]
        off = np.log(p.value / truth) if p.log else p.value - truth
        assert p.identified and abs(off) < 3.5 * p.error + 2e-3 * (1 if p.log else truth)
        assert p.low < p.value < p.high
    assert 0.6 < record.chi2 / record.dof < 1.5
    assert [a.systematic for a in record.agreements if a.model == "continuum"] == ["", ""]


def test_a_circuit_that_cannot_be_the_composite_is_told(record):
    told = {a.data: a for a in record.agreements if a.model == "arc"}
    assert "residuals correlate" in told["electron_blocking"].systematic
    assert told["electron_blocking"].rms > 5 * told["ion_blocking"].rms


def test_the_likelihood_has_the_limits_of_the_covariance(record):
    (profile,) = record.profiles
    own = next(p for p in record.parameters if p.key == ION)
    assert profile.name == ION and (own.low, own.high) == (profile.low, profile.high)
    assert np.log(profile.high / profile.low) == pytest.approx(2 * 1.96 * own.error, rel=0.05)
    assert profile.rise.min() < 1e-3 and profile.rise.max() > profile.limit


def test_one_spectrum_at_low_frequency_does_not_tell_everything(folder):
    data = '[{ study = "ion_blocking", frequency = { to = "0.2 Hz" } }]'
    case = load_case(folder, [TWO, f"fit.data={data}"])
    found = run_fit(prepare(case, [str(folder / "ion_blocking.csv")]))
    ion, electron = found.parameters
    assert electron.identified and electron.value == pytest.approx(TRUTH["electron"], rel=0.03)
    assert not ion.identified and "not identified" in ion.statement


def test_each_group_has_a_value_of_its_own(tmp_path):
    warm = TRUTH | {"ion": 0.061}
    folder = case_in(tmp_path)
    each = (HEAD + FREE).replace('to = "1 S/m"', 'to = "1 S/m"\neach = true', 1)
    text = ""
    for seed, (name, truth) in enumerate({"cold": TRUTH, "warm": warm}.items()):
        for study in CELLS:
            write_csv(folder / f"{name}_{study}.csv", noisy(closed_form(study, truth), 7 + seed))
            degrees = "25 degC" if name == "cold" else "60 degC"
            text += f'[[fit.data]]\nname = "{name}_{study}"\nstudy = "{study}"\nfile = "{name}_{study}.csv"\n'
            text += f'group = "{name}"\nset = {{ temperature = "{degrees}" }}\n'
    case = load_case(case_in(folder, each + text))
    own = prepare(case, [])
    found = run_fit(own)
    assert [p.name for p in found.parameters] == [f"{ION} [cold]", f"{ION} [warm]", ELECTRON, Q, ALPHA]
    for p, truth in zip(found.parameters, (0.0213, 0.061), strict=False):
        assert p.value == pytest.approx(truth, rel=4 * p.error + 2e-3)
    best = [p.value for p in found.parameters]
    (tmp_path / "fitted.toml").write_text(fitted_case(case, own.seats, best, [one.of for one in own.loaded]))
    again = load_case(tmp_path / "fitted.toml")
    assert again.for_study("warm_ion_blocking").temperature == pytest.approx(333.15)
    for spectrum in run_case(again).studies:
        truth = warm if spectrum.name.startswith("warm") else TRUTH
        exact = closed_form(spectrum.name.partition("_")[2], truth, spectrum.frequency)
        assert np.max(np.abs(spectrum.Z / exact - 1)) < 1.5e-2


def test_a_prior_decides_what_the_data_do_not(folder):
    prior = '{ mean = "30 mS/m", spread = 0.2 }'
    only = f'fit.parameter=[{{ key = "{ION}", from = "1 mS/m", to = "1 S/m", prior = {prior} }}]'
    case = load_case(folder, [only, 'fit.data=[{ study = "ion_blocking", frequency = { to = "0.2 Hz" } }]'])
    (p,) = run_fit(prepare(case, [str(folder / "ion_blocking.csv")])).parameters
    assert p.identified and p.value == pytest.approx(0.03, rel=0.02) and p.error == pytest.approx(0.2, rel=0.02)


def test_an_interrupted_likelihood_leaves_the_fit(folder, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "profile", stop)
    found = run_fit(prepare(load_case(folder, ["fit.profile=true", TWO]), []))
    assert not found.profiles and found.remarks[-1].startswith("interrupted: ")


def test_several_starts_are_remembered(folder):
    found = run_fit(prepare(load_case(folder, ["fit.starts=2", "fit.seed=3", TWO]), []))
    assert len(found.starts) == 2 and found.starts[0].cost <= found.starts[1].cost
    assert "starts ended at the best misfit" in found.remarks[0]


# ---- data ----


def loaded(case, *given):
    return load(case, assigned(case, [str(one) for one in given]))


def test_a_window_and_the_filter_keep_a_record(folder, tmp_path):
    Z = closed_form("ion_blocking")
    Z[11] *= 1.08
    write_csv(tmp_path / "a.csv", Z)
    one = '{ study = "ion_blocking", frequency = { from = "50 kHz", to = "0.1 Hz" } }'
    case = load_case(folder, [f"fit.data=[{one}]", "fit.kramers_kronig=0.03"])
    (found,) = loaded(case, tmp_path / "a.csv")
    assert {r.why.split(" ")[0] for r in found.removed} == {"outside", "Kramers-Kronig"}
    assert [r.frequency for r in found.removed if r.why.startswith("Kramers")] == pytest.approx([FREQUENCY[11]])
    assert found.data.frequency.max() < 50e3 and found.data.frequency.size + len(found.removed) == 23
    assert any("largest residual of the points kept" in remark for remark in found.remarks)


def test_units_and_areas_lead_to_those_of_the_model(folder, tmp_path):
    Z, area = closed_form("ion_blocking"), 0.785e-4
    write_csv(tmp_path / "kohm.csv", Z / 1e3, unit="kOhm")
    write_csv(tmp_path / "area.csv", Z * area * 1e4, unit="Ohm cm2")
    only = 'fit.data=[{ study = "ion_blocking" }]'
    other = 'fit.data=[{ study = "ion_blocking", area = "1.57 cm^2" }]'
    total, per_area = load_case(folder, [only]), load_case(folder, [only, "area=per area"])
    for case, file, factor in (
        (total, "kohm.csv", 1.0),
        (total, "area.csv", 1.0),
        (load_case(folder, [other]), "kohm.csv", 2.0),  # a sample of twice the area, as one of the case's would be
        (per_area, "area.csv", area),
        (load_case(folder, [other, "area=per area"]), "kohm.csv", 2 * area),
    ):
        (found,) = loaded(case, tmp_path / file)
        assert found.data.Z == pytest.approx(factor * Z, rel=1e-9)
    sized = 'fit.data=[{ study = "ion_blocking", set = { area = "3.14 cm^2" } }]'
    (found,) = loaded(load_case(folder, [sized]), tmp_path / "area.csv")
    assert found.data.Z == pytest.approx(Z / 4, rel=1e-9)
    with pytest.raises(InputError, match=r"fit\.data\.ion_blocking: .*case per area; expected area"):
        loaded(per_area, tmp_path / "kohm.csv")


@pytest.mark.parametrize(("unit", "factor"), [("ohm", 1.0), ("mohm", 1e-3), ("relative", None)])
def test_measured_noise_weighs(folder, tmp_path, unit, factor):
    Z = closed_form("ion_blocking")
    noise = np.linspace(0.3, 0.9, 23)
    write_csv(tmp_path / "a.csv", Z, more={"deviation": noise})
    one = f'{{ study = "ion_blocking", noise_column = "deviation", noise_unit = "{unit}" }}'
    table = ["fit.weighting=measured", f"fit.data=[{one}]"]
    text = (folder / "case.toml").read_text().replace("noise = 0.005\n", "")
    (tmp_path / "case.toml").write_text(text)
    (found,) = loaded(load_case(tmp_path, table), tmp_path / "a.csv")
    assert found.data.known
    assert found.data.sigma == pytest.approx(noise * (np.abs(Z) if factor is None else factor), rel=1e-9)


def test_weights_by_modulus_and_by_one(folder, tmp_path):
    Z = closed_form("electron_blocking")
    write_csv(tmp_path / "a.csv", Z)
    only = 'fit.data=[{ study = "electron_blocking" }]'
    (one,) = loaded(load_case(folder, [only]), tmp_path / "a.csv")
    assert one.data.known and one.data.sigma == pytest.approx(0.005 * np.abs(Z), rel=1e-9)
    (one,) = loaded(load_case(folder, [only, "fit.weighting=unit"]), tmp_path / "a.csv")
    assert one.data.sigma == pytest.approx(np.full(23, 0.005 * np.sqrt(np.mean(np.abs(Z) ** 2))), rel=1e-9)


# ---- what is kept ----


def same(one, other) -> bool:
    """Whether two records, or parts of them, are equal to the last bit."""
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, tuple) and one and dataclasses.is_dataclass(one[0]):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


def test_a_record_is_read_back(record, tmp_path):
    write_fit(tmp_path / "fit.h5", record)
    again = read_fit(tmp_path / "fit.h5")
    for f in dataclasses.fields(record):
        assert same(getattr(record, f.name), getattr(again, f.name)), f.name
    (tmp_path / "other.h5").write_text("no")
    for name in ("none.h5", "other.h5"):
        with pytest.raises(InputError, match=name):
            read_fit(tmp_path / name)


def test_the_fitted_case_gives_the_fitted_spectra(job, record, tmp_path):
    text = fitted_case(job.case, job.seats, [p.value for p in record.parameters], [one.of for one in job.loaded])
    (tmp_path / "case.toml").write_text(text)
    case = load_case(tmp_path, [f"study.{name}.frequency={{ values = {hertz(FREQUENCY)} }}" for name in CELLS])
    assert case.fit is None and len(case.checks) == 2
    for study, spectrum in zip(run_case(case).studies, record.spectra, strict=True):
        assert study.Z == pytest.approx(spectrum.fitted, rel=1e-9)


def test_what_is_free_in_a_study_belongs_to_its_data(tmp_path):
    """A contact of 7 ohm in the ion-blocking cell alone."""
    case_in(tmp_path, HEAD)
    contacts = """terminals = "custom"
terminal = [
  { name = "A", contacts = [{ side = "left", carrier = "electron", law = "resistance", R = "5 ohm" }] },
  { name = "B", contacts = [{ side = "right", carrier = "electron", law = "reversible" }] },
]"""
    free = '\n[[fit.parameter]]\nkey = "study.ion_blocking.terminal.A.contacts.0.R"\nfrom = "0.1 ohm"\nto = "1 kohm"\n'
    text = (tmp_path / "case.toml").read_text().replace('terminals = "ion_blocking"', contacts) + FREE + free + BOTH
    (tmp_path / "case.toml").write_text(text)
    write_csv(tmp_path / "ion_blocking.csv", noisy(closed_form("ion_blocking") + 7.0, 1))
    case = load_case(tmp_path)
    own = prepare(case, [])
    contact = run_fit(own).parameters[-1]
    assert contact.identified and contact.value == pytest.approx(7.0, rel=4 * contact.error + 2e-3)
    best = [p.start for p in free_parameters(own.seats)][:-1] + [contact.value]
    (tmp_path / "fitted.toml").write_text(fitted_case(case, own.seats, best, [one.of for one in own.loaded]))
    again = load_case(tmp_path / "fitted.toml")
    assert again.study("ion_blocking").terminals[0].contacts[0].law.R == pytest.approx(contact.value * 0.785e-4)


def hertz(frequency) -> str:
    return "[" + ", ".join(f'"{float(f)!r} Hz"' for f in frequency) + "]"


def test_figures_have_equal_axes_units_and_all_points(record):
    spectrum = record.spectra[1]
    (axes,) = fit_nyquist(record, spectrum).axes
    assert axes.get_aspect() == 1.0 and "Ω" in axes.get_xlabel() and "Ω" in axes.get_ylabel()
    figure = fit_residuals(record, spectrum)
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["continuum", "arc"]
    shown = figure.axes[0].lines[1].get_ydata()
    assert shown == pytest.approx(100 * ((spectrum.Z - spectrum.fitted) / np.abs(spectrum.Z)).real)
    (axes,) = fit_profiles(record).axes
    assert axes.get_xlabel() == "composite ion conductivity / mS/m"
