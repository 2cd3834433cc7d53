"""Cases 601 to 605, beyond what every case is asked in test_cases.py: the sweep, the fits and the scripts that read
them, and that their data are what their pages say."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from swept_pore import CASES, ROOT, one_by_one

from miecsim.case import load_case
from miecsim.fitting.model import CaseForward, free_parameters, seats_of
from miecsim.fitting.run import prepare, run_fit
from miecsim.sweep import read_index

MAP, PAIR, CELL, SERIES, PELLET = (next(CASES.glob(f"{n}_*")) for n in (601, 602, 603, 604, 605))
MEASURED = Path(os.environ.get("MIECSIM_DATA", ROOT.parent / "shared" / "data")) / "eis" / "hybrid-drt"
BLOCKING, AT_REST = "PEIS_LPSCl_IonBlocking_-25C.txt", "webinar_SSB_Sample2_PEIS_AtRest.csv"
PAIR_TRUTH = np.array([0.0183, 0.0521, 0.0217, 0.871, 3.4, 61.7])  # in the order of [[fit.parameter]]
SHORT = ("study.battery.frequency.points_per_decade=2", "study.battery.frequency.from=20 kHz")
RT_F = 8.314462618 * 298.15 / 96485.33212


@pytest.fixture
def script(monkeypatch, capsys):
    """A script of postprocessing/, called with options: (exit code, output, errors)."""

    def call(name: str, *options: object) -> tuple[int, str, str]:
        monkeypatch.syspath_prepend(ROOT / "postprocessing")
        monkeypatch.setattr("sys.argv", [f"{name}.py", *map(str, options)])
        code = 0
        try:
            importlib.import_module(name).main()
        except SystemExit as end:
            code = int(end.code or 0)
        return (code, *capsys.readouterr())

    return call


def measured(name: str) -> Path:
    path = MEASURED / name
    if not path.is_file():
        pytest.skip("the measured spectrum is not in the folder MIECSIM_DATA")
    return path


def reduced(case: Path, *overrides: str):
    return load_case(case, overrides)


# ---- 601 ----


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Nine points of the sweep, in each of its five regions at least one, with a short spectrum."""
    folder = tmp_path_factory.mktemp("map") / "out"
    axes = (
        '{ key = "layer.cathode.electron.conductivity", values = ["0.41 mS/m", "0.071 S/m", "3.7 S/m"] }, '
        '{ key = "layer.cathode.thickness", values = ["9.3 um", "86 um", "740 um"] }'
    )
    case = reduced(MAP, f"sweep={{ axis = [{axes}] }}", *SHORT)
    one_by_one(case, folder)
    return folder


def resistance(sigma_eon, L):
    """R at zero frequency [ohm m2]."""
    wall, r, e = RT_F / 0.7 / 5e5, 1 / 0.0166, 1 / sigma_eon
    u = L / np.sqrt(wall / (r + e))
    ends = 2 * r * e / np.sinh(u) + (r**2 + e**2) / np.tanh(u)
    return (r * e * L + L / u * ends) / (r + e)


def test_points_of_the_map_have_the_resistances_of_theory(swept):
    index = read_index(swept)
    sigma, L = (index.settings[f"layer.cathode.{key}"][0] for key in ("electron.conductivity", "thickness"))
    assert index.status == ("done",) * 9 and sum(index.checks) == 0
    np.testing.assert_allclose(index.figures["battery.R_dc", "ohm m^2"], resistance(sigma, L), rtol=2e-4)


def test_the_map_names_what_limits(swept, script, tmp_path):
    """Parts by attribution against derivatives of R by differences, and in the words of the script."""
    code, out, error = script("transport_map", swept, "-o", tmp_path / "map.svg")
    assert (code, error) == (0, "")
    told = re.search(r"R_ct/a (\S+) ohm m3; R_dc within (\S+) of theory, parts (\S+)", out)
    assert float(told[1]) == pytest.approx(RT_F / 0.7 / 5e5, rel=2e-4)
    assert float(told[2]) < 2e-4 and float(told[3]) < 1e-4
    # 9.3 um: charge transfer; in the middle and to the right what the page says of the two rails
    assert "ion transport largest at 3; electron transport largest at 2; charge transfer largest at 4 of 9" in out
    text = (tmp_path / "map.svg").read_text(encoding="utf-8")
    for word in ("thickness / µm", "R at zero frequency / Ω cm²", "equal parts, theory"):
        assert word in text
    map_of = importlib.import_module("transport_map")
    exact = map_of.parts_of(1 / 0.0166, 1 / 0.071, RT_F / 0.7 / 5e5, 740e-6)
    step = 1e-4
    up, down = (resistance(0.071 * np.exp(s), 740e-6) for s in (-step, step))
    assert exact[1] == pytest.approx((up - down) / (2 * step), rel=1e-6)
    assert exact.sum() == pytest.approx(resistance(0.071, 740e-6), rel=1e-12)
    assert exact[1] > exact[0] > exact[2]  # electrons, though they conduct four times better


def test_what_is_no_map_is_refused(swept, script, tmp_path):
    code, _, error = script("transport_map", tmp_path)
    assert code == 2 and "no such file; expected the folder of a sweep" in error
    code, _, error = script("transport_map", swept, "-s", "pore")
    assert code == 2 and "name one --study of those with R_dc: battery" in error


# ---- 602 ----


@pytest.mark.parametrize("case", [PAIR, SERIES], ids=lambda path: path.name)
def test_data_are_those_of_the_page(case, tmp_path, monkeypatch):
    """The code on the page makes the files beside it."""
    code = re.search(r"```python\n(.*?)```", (case / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    made = sorted(tmp_path.glob("*.csv"))
    assert [path.name for path in made] == sorted(path.name for path in case.glob("*.csv"))
    for path in made:
        own, shipped = (np.loadtxt(p, delimiter=",", skiprows=1) for p in (path, case / path.name))
        np.testing.assert_allclose(own, shipped, rtol=2e-5, atol=2e-5)


def test_both_spectra_together_tell_the_truth():
    record = run_fit(prepare(reduced(PAIR, "fit.starts=1"), []))
    assert all(p.identified for p in record.parameters)
    for p, truth in zip(record.parameters, PAIR_TRUTH, strict=True):
        assert abs(np.log(p.value / truth)) < 3 * p.error, p.name
    assert 0.75 < record.chi2 / record.dof < 1.3
    assert record.parameters[0].error < 0.003 and record.parameters[1].error < 0.005
    assert [how.systematic for how in record.agreements] == ["", ""]


def test_one_spectrum_leaves_one_combination_open():
    """Singular values of the weighted gradients at the truth: of one spectrum's five unknowns, one is nothing."""
    case = reduced(PAIR)
    job = prepare(case, [])
    sets = [(one.of, one.data.frequency) for one in job.loaded]
    forward = CaseForward(case, job.seats, sets, PAIR_TRUTH)
    assert [p.name for p in free_parameters(seats_of(case.fit, [s for s, _ in sets]))] == list(forward.names)
    rows = [dZ * PAIR_TRUTH[:, None] / (0.005 * np.abs(Z)) for Z, dZ in forward.gradients(PAIR_TRUTH)]
    both = np.concatenate([part for row in rows for part in (row.real, row.imag)], axis=1)
    for row in rows:
        own = np.linalg.svd(np.concatenate([row.real, row.imag], axis=1), compute_uv=False)
        assert own[3] > 10.0 and own[4] < 1e-6 and own[5] < 1e-6  # and the contact of the other cell
    assert np.linalg.svd(both, compute_uv=False)[-1] > 5.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ion_blocking", "electron_blocking"])
def test_one_spectrum_alone_is_said_not_to_tell(name):
    alone = f'fit.data=[{{ study = "{name}", file = "{name}.csv" }}]'
    record = run_fit(prepare(reduced(PAIR, "fit.starts=1", alone), []))
    identified = {p.key for p in record.parameters if p.identified}
    assert "layer.composite.interface.alpha" in identified
    other = "ion" if name == "ion_blocking" else "electron"  # the rail without contacts
    assert not {f"layer.composite.{other}.conductivity", f"study.{name}.terminal.A.contacts.0.R"} & identified
    assert len(record.open_combinations) == 2
    for p, truth in zip(record.parameters, PAIR_TRUTH, strict=True):
        assert p.low <= truth <= p.high, p.name


# ---- 603, 605: measured ----


ONE_ARC = 'fit.circuit=[{ name = "one_arc", string = "R0-p(R1,CPE1)-CPE2" }]'


def pellet(*overrides):
    """The fit of the pellet; resistances [ohm] of its layer and of its arc; the element values of its circuits."""
    record = run_fit(prepare(reduced(PELLET, "fit.starts=1", *overrides), [str(measured(BLOCKING))]))
    R = 0.8e-3 / (record.parameters[0].value * 0.785e-4)
    found = [{n: v for n, v in zip(c.names, c.values, strict=True)} for c in record.circuits]
    return record, R, record.parameters[1].value, found


def test_the_pellet_is_its_circuit():
    record, R, arc, (one,) = pellet(ONE_ARC)
    assert pytest.approx(one["R0"], rel=1e-3) == R and pytest.approx(one["R1"], rel=1e-3) == arc
    assert pytest.approx(1461.2, rel=2e-3) == R + arc
    assert all(how.systematic for how in record.agreements)


@pytest.mark.slow
def test_the_arc_of_the_pellet_is_not_told_apart():
    _, R, arc, (_, two) = pellet()
    assert two["R0"] + two["R1"] + two["R2"] == pytest.approx(R + arc, rel=0.015)
    assert two["R0"] < 0.7 * R  # further than the 95 % bounds of either


CELL_FITTED = np.array(  # what the page says, of [[fit.parameter]] in order
    [0.2403, 27.2, 1.243e-9, 18.18, 8.851e-7, 0.7604, 2.01e-3, 0.726, 0.5555, 0.02719, 0.777, 200.5, 0.0158, 0.2556]
)


def test_the_rails_of_the_measured_cell_can_be_exchanged():
    """Both lie on the measured spectrum, and on each other."""
    case = reduced(CELL)
    job = prepare(case, [str(measured(AT_REST))])
    (data,) = [one.data for one in job.loaded]
    forward = CaseForward(case, job.seats, [(one.of, one.data.frequency) for one in job.loaded], CELL_FITTED)
    rails = [forward.names.index(f"layer.cathode.{rail}.conductivity") for rail in ("ion", "electron")]
    turned = CELL_FITTED.copy()
    turned[rails] = CELL_FITTED[rails[::-1]]
    (Z,), (other,) = forward.spectra(CELL_FITTED), forward.spectra(turned)
    np.testing.assert_allclose(other, Z, rtol=1e-4)
    assert np.sqrt(np.mean(np.abs(Z / data.Z - 1) ** 2)) < 0.004


@pytest.mark.slow
def test_the_measured_cell_and_what_it_does_not_tell():
    """From one start: the other order of the rails is a minimum of its own, which the two starts of the case find."""
    record = run_fit(prepare(reduced(CELL, "fit.starts=1", "fit.circuit=[]"), [str(measured(AT_REST))]))
    by = {p.key: p for p in record.parameters}
    rails = [by[f"layer.cathode.{rail}.conductivity"] for rail in ("ion", "electron")]
    fast, slow = sorted(rails, key=lambda p: -p.value)
    assert not fast.identified and slow.value == pytest.approx(2.01e-3, rel=0.03)
    assert by["layer.cathode.interface.R"].value == pytest.approx(0.5555, rel=0.02)
    assert record.agreements[0].rms < 0.004


# ---- 604 ----

TRUTH_AT = {  # of E [eV] and p_0 [SI], times T for the conductivity
    "ion_diffusivity": (3405 * np.log(10) * 8.617333262e-5, 1e-4 * 10**-1.8995),
    "electron_diffusivity": (4301 * np.log(10) * 8.617333262e-5, 1e-4 * 10**0.1301),
    "electron_conductivity_1atm": (2.51, 4e11),
}


def write_fit(path, temperatures, E, ln_p0, covariance, identified):
    """A fit of one conductivity at several temperatures, by hand."""
    n, kelvin = len(temperatures), np.array(temperatures) + 273.15
    groups = [f"at_{t}" for t in temperatures]
    with h5py.File(path, "w") as file:
        file.attrs["miecsim_fit_format"] = 1
        for group, t in zip(groups, temperatures, strict=True):
            own = file.create_group(f"data/{group}")
            own.attrs["group"], own.attrs["settings"] = group, f'{{"temperature": "{t} degC"}}'
        own = file.create_group("parameters")
        own["key"], own["group"], own["unit"] = ["layer.a.ion.conductivity"] * n, groups, ["S/m"] * n
        own["value"] = np.exp(ln_p0 - E / (8.617333262e-5 * kelvin)) / kelvin
        own["covariance"], own["identified"], own["log"] = covariance, identified, np.ones(n, bool)


def test_lines_through_points_of_a_line(script, tmp_path):
    """E and p_0 of exact points, their errors with independent ones as of any textbook, and a point left out."""
    T = np.array([417.0, 466.0, 533.0, 581.0])
    errors = np.array([0.011, 0.007, 0.013, 0.009])
    write_fit(tmp_path / "fit.h5", [417, 466, 533, 581], 0.913, 12.7, np.diag(errors**2), np.ones(4, bool))
    code, out, error = script("arrhenius", tmp_path, "-o", tmp_path / "a.svg")
    assert (code, error) == (0, "")
    told = re.search(r"E (\S+) \+- (\S+) eV, p_0 (\S+) S K/m \+- (\S+) %, chi2 (\S+) of 2", out)
    x, w = 1 / (8.617333262e-5 * (T + 273.15)), errors**-2
    spread = 1 / np.sqrt(np.sum(w * (x - np.sum(w * x) / np.sum(w)) ** 2))
    assert float(told[1]) == pytest.approx(0.913, rel=1e-4) and float(told[3]) == pytest.approx(np.exp(12.7), rel=1e-3)
    assert float(told[2]) == pytest.approx(spread, rel=0.05) and float(told[5]) < 1e-12
    assert "temperature / °C" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    known = np.array([True, True, True, False])
    write_fit(tmp_path / "fit.h5", [417, 466, 533, 581], 0.913, 12.7, np.diag(errors**2), known)
    assert " of 1\n" in script("arrhenius", tmp_path, "-o", tmp_path / "a.svg")[1]
    known[0] = False
    write_fit(tmp_path / "fit.h5", [417, 466, 533, 581], 0.913, 12.7, np.diag(errors**2), known)
    code, _, error = script("arrhenius", tmp_path)
    assert code == 2 and "no parameter that is identified at three or more temperatures" in error


def test_an_end_of_the_series_is_found():
    """Conductivity and diffusivities at 800 degC, from those of 700 degC."""
    one = '{ name = "at_800", study = "pellet", file = "800.csv", set.temperature = "800 degC" }'
    record = run_fit(prepare(reduced(SERIES, f"fit.data=[{one}]"), []))
    for p in record.parameters:
        E, p0 = TRUTH_AT[p.key.rsplit(".", 1)[-1]]
        truth = p0 * np.exp(-E / (8.617333262e-5 * 1073.15)) / (1073.15 if "conductivity" in p.key else 1.0)
        assert p.identified and abs(np.log(p.value / truth)) < 3 * p.error, p.name
        assert p.error < 0.01


@pytest.mark.slow
def test_activation_energies_of_the_series(script, tmp_path):
    from miecsim.fitting.store import write_fit as store

    store(tmp_path / "fit.h5", run_fit(prepare(reduced(SERIES), [])))
    out = script("arrhenius", tmp_path, "-o", tmp_path / "a.png")[1]
    for key, (E, p0) in TRUTH_AT.items():
        told = re.search(
            rf"{key.replace('_', ' ')}.*: E (\S+) \+- (\S+) eV, p_0 (\S+) .* \+- (\S+) %, chi2 (\S+) of 3", out
        )
        assert abs(float(told[1]) - E) < 3 * float(told[2]) < 0.02
        assert abs(np.log(float(told[3]) / p0)) < 0.03 * float(told[4])
        assert float(told[5]) < 14.2  # 0.3 % of chi2 with 3 degrees of freedom
