"""After a fit that leaves something open: which further experiment would fix it, and to which error."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from fitted_composites import (
    AREA,
    CELLS,
    FREE,
    HEAD,
    ION,
    LENGTH,
    SURFACE,
    TRUTH,
    Q,
    case_in,
    case_text,
    noisy,
    write_csv,
)
from rich.console import Console

import miecsim.fitting.further as thinking
from miecsim.case import load_case
from miecsim.case.load import case_from_text
from miecsim.circuit.tlm import two_rail_impedance
from miecsim.commands.fit import report
from miecsim.errors import InputError
from miecsim.fitting.further import experiments
from miecsim.fitting.record import FitRecord, FurtherRecord, Prediction
from miecsim.fitting.run import Job, prepare, run_fit
from miecsim.fitting.store import read_fit, write_fit, write_summary
from miecsim.report import fit_page
from miecsim.report.fit_words import further_lines

KEYS = ["[[fit.parameter]]" + text for text in FREE.split("[[fit.parameter]]")[1:]]
KNOWN = ["layer.composite.interface.alpha=0.913", "grid.cells=20", "layer.composite.ion.conductivity=0.02 S/m"]
E_KNOWN = [*KNOWN, "layer.composite.electron.conductivity=0.171 S/m"]
Q_KNOWN = [*KNOWN, "layer.composite.interface.Q=0.0137 F*s^(alpha-1)/m^2"]
THICKNESS = "layer.composite.thickness"


def ion_blocking(window: str) -> str:
    return f'[[fit.data]]\nstudy = "ion_blocking"\nfile = "ion_blocking.csv"\nfrequency = {window}\n'


OPEN = HEAD + KEYS[0] + KEYS[1] + ion_blocking('{ to = "0.2 Hz" }')  # electrons alone pass at low frequency
PRIOR = 'prior = { mean = "0.015 F*s^(alpha-1)/m^2", spread = 0.3 }\n'
VAGUE = HEAD + KEYS[0] + KEYS[2] + PRIOR + ion_blocking('{ from = "10 Hz", to = "1.5 Hz" }')


def measured(folder, one: FurtherRecord, seed: int) -> str:
    """The experiment done, on the true sample, and its [[fit.data]]."""
    frequency = np.geomspace(one.high, one.low, one.points)
    length = float(str(one.settings.get(THICKNESS, f"{LENGTH} m")).removesuffix(" m"))
    wall = 1 / (AREA * SURFACE * TRUTH["Q"] * (2j * np.pi * frequency) ** TRUTH["alpha"])
    rails = 1 / (TRUTH["ion"] * AREA), 1 / (TRUTH["electron"] * AREA)
    Z = two_rail_impedance(*rails, wall, length, CELLS[one.study])
    write_csv(folder / "more.csv", noisy(Z, seed), frequency)
    return (
        f'[[fit.data]]\nname = "more"\nstudy = "{one.study}"\nfile = "more.csv"\n'
        f'set = {{ "{THICKNESS}" = "{length!r} m" }}\n'
    )


def with_experiment(folder, fit: str, known: list[str], one: FurtherRecord, seed: int = 11) -> FitRecord:
    (folder / "case.toml").write_text(case_text(fit + measured(folder, one, seed)), encoding="utf-8")
    return run_fit(prepare(load_case(folder, known), []))


def job_of(folder, fit: str, known: list[str] = E_KNOWN) -> Job:
    return prepare(load_case(case_in(folder, fit), known), [])


def names(job: Job) -> list[str]:
    asked = np.ones(len(job.seats), dtype=np.bool_)
    return [one.name for one in experiments(job.case, job.loaded, job.seats, asked)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A fit that leaves the conductivity of ions wholly open, as it is kept, and what the terminal said of it."""
    folder = case_in(tmp_path_factory.mktemp("open") / "case", OPEN)
    write_fit(folder / "fit.h5", run_fit(prepare(load_case(folder, Q_KNOWN), [])))
    record = read_fit(folder / "fit.h5")
    report(Console(file=(said := io.StringIO()), width=150), record)
    return folder, record, said.getvalue()


def test_the_second_blocking_cell_fixes_what_the_first_cannot_see(told):
    folder, record, _ = told
    assert not record.parameters[0].identified
    best = record.further[0]
    assert (best.name, best.study, best.points) == ("electron_blocking", "electron_blocking", 27)
    (p,) = best.predictions
    assert p.name == ION and p.fixed and p.sure and p.error < 0.01
    assert not any(one.fixes for one in record.further[1:] if one.study == "ion_blocking" and one.high < 0.3)
    after = with_experiment(folder, OPEN, Q_KNOWN, best).parameters[0]
    assert after.identified and after.value == pytest.approx(TRUTH["ion"], rel=5 * p.worst)
    assert p.best / 1.2 < after.error < p.worst * 1.2


def test_the_record_the_page_and_the_terminal_say_so(told, monkeypatch):
    folder, record, said = told
    write_summary(folder / "fit.json", record)
    monkeypatch.setattr(fit_page, "_figures", lambda _: iter(()))
    page, summary = fit_page.write_page(folder, record), json.loads((folder / "fit.json").read_text())
    lines = further_lines(record)
    assert lines[0].startswith(f"electron_blocking: fixes {ION} (to 0.")
    assert "Further experiments:" in said and lines[0][:60] in said
    assert lines[0] in page.read_text(encoding="utf-8")
    assert summary["further"][0]["fixes"] == [ION] and summary["weighed"] == record.weighed > 3
    assert record.timings["next"] < 20.0


def test_predicted_errors_are_those_of_fits_with_the_experiments(tmp_path):
    """Where the fit ends near the truth: of a study, of other thicknesses and of more decades, with a prior."""
    record = run_fit(job_of(tmp_path, VAGUE))
    (at,) = [i for i, p in enumerate(record.parameters) if p.key == Q]
    assert record.parameters[at].error > 0.2
    assert len(record.further) == 3
    for seed, one in enumerate(record.further):
        (p,) = [p for p in one.predictions if p.name == Q]
        after = with_experiment(tmp_path, VAGUE, E_KNOWN, one, 21 + seed).parameters[at]
        assert p.best / 1.2 < after.error < 1.2 * p.worst, one.name
        if p.worst < 1.2 * p.best:
            assert after.error == pytest.approx(p.error, rel=0.2), one.name
        assert not p.sure or after.identified


def test_experiments_are_those_of_the_case_and_those_that_follow_from_it(tmp_path):
    more = '[[fit.candidate]]\nname = "thin"\nstudy = "ion_blocking"\nset = { "layer.composite.thickness" = "9 um" }\n'
    more += 'frequency = { from = "1 Hz", to = "1 mHz", points_per_decade = 2 }\n'
    job = job_of(tmp_path, OPEN + more)
    assert names(job) == [
        "thin",
        "electron_blocking",
        "ion_blocking, composite of 41.5 um",
        "ion_blocking, composite of 166 um",
        "ion_blocking, 310 uHz to 31 mHz",
        "ion_blocking, 120 mHz to 12 Hz",
    ]
    thin, *_, low, high = experiments(job.case, job.loaded, job.seats, np.ones(2, dtype=np.bool_))
    assert thin.of.settings == ((THICKNESS, "9 um"),) and thin.frequency[[0, -1]].tolist() == [1.0, 1e-3]
    window = job.loaded[0].data.frequency
    assert low.frequency.max() < window.min() and high.frequency.min() > window.max()
    assert high.frequency.max() / window.max() == pytest.approx(100.0)


def test_a_free_thickness_is_not_another_experiment(tmp_path):
    free = f'[[fit.parameter]]\nkey = "{THICKNESS}"\nfrom = "50 um"\nto = "0.2 mm"\n'
    assert not any("composite of" in name for name in names(job_of(tmp_path, OPEN + free)))


def test_temperatures_only_where_the_fit_says_what_they_do(tmp_path):
    warm = OPEN.replace("frequency", 'name = "warm"\nset = { temperature = "50 degC" }\nfrequency')
    cold = ion_blocking('{ to = "0.5 Hz" }')
    assert not any("degC" in name for name in names(job_of(tmp_path, warm)))
    found = names(job_of(tmp_path, warm + cold))
    assert [name for name in found if "degC" in name] == ["warm, at 75 degC", "ion_blocking, at 5 degC"]
    assert "electron_blocking, as warm" in found and "electron_blocking, as ion_blocking" in found


def test_a_long_series_does_not_make_a_long_list(tmp_path, monkeypatch):
    monkeypatch.setattr(thinking, "MOST", 2)
    assert names(job_of(tmp_path, OPEN)) == ["electron_blocking", "ion_blocking, composite of 41.5 um"]


def test_values_of_one_group_are_not_fixed_by_data_of_another(tmp_path):
    each = OPEN.replace(KEYS[0], KEYS[0] + "each = true\n")
    other = '[[fit.candidate]]\nname = "other"\nstudy = "electron_blocking"\ngroup = "other sample"\n'
    record = run_fit(job_of(tmp_path, each + other, Q_KNOWN))
    assert [p.name for p in record.parameters if not p.identified] == [f"{ION} [ion_blocking]"]
    fixing = {one.name for one in record.further if one.fixes}
    assert "electron_blocking" in fixing and "other" not in fixing


def test_where_nothing_is_open_or_asked_for_nothing_is_said(tmp_path):
    both = OPEN.partition("[[fit.data]]")[0]
    both += "".join(f'[[fit.data]]\nstudy = "{s}"\nfile = "{s}.csv"\n' for s in CELLS)
    known = run_fit(job_of(tmp_path, both, Q_KNOWN))
    off = run_fit(job_of(tmp_path, OPEN.replace("[fit]", "[fit]\nnext = false"), Q_KNOWN))
    assert all(p.identified for p in known.parameters) and not off.parameters[0].identified
    for record in (known, off):
        assert (record.further, record.weighed, further_lines(record)) == ((), 0, [])


def test_words_say_how_sure_a_prediction_is(told):
    _, record, _ = told
    one = record.further[0]

    def line(**changes) -> str:
        p = dataclasses.replace(Prediction(ION, "S/m", True, 0.02, 0.02, 0.021, True, True), **changes)
        return further_lines(dataclasses.replace(record, further=(dataclasses.replace(one, predictions=(p,)),)))[0]

    assert line() == f"electron_blocking: fixes {ION} (to 2 %)"
    assert line(worst=0.09) == f"electron_blocking: fixes {ION} (to 2–9 %)"
    assert line(worst=1.2, sure=False) == f"electron_blocking: may fix {ION} (to 2–120 %)"
    assert line(worst=np.inf, sure=False) == f"electron_blocking: may fix {ION} (to 2 % at best)"
    none = line(fixed=False, sure=False)
    assert none == f"none of the {record.weighed} further experiments that were weighed would fix {ION}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[fit.candidate]]\nstudy = 'ion_blocking'\n", "fit.candidate.0.name: read nothing (the key is missing)"),
        ("[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blockin'\n", "fit.candidate.a.study: read \"ion_blockin\"; exp"),
        ("[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blocking'\nfile = 'b'\n", "a.file: read an unknown key"),
        ("[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blocking'\nfrequency = { from = '1 Hz' }\n", "a.frequency.to: "),
        (f"[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blocking'\nset = {{ '{ION}' = '1 S/m' }}\n", "a free parameter"),
        ("[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blocking'\nset = { tmperature = '3 K' }\n", "didate.0.set: tm"),
        ("[[fit.candidate]]\nname = 'a'\nstudy = 'ion_blocking'\n" * 2, '1.name: read "a" a second time'),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_line(text, line):
    with pytest.raises(InputError) as error:
        case_from_text(case_text(OPEN + text), "case.toml")
    lines = str(error.value).splitlines()
    assert any(line in one for one in lines), lines
    assert all(one.startswith("case.toml: fit.candidate") for one in lines)


def test_the_next_key_takes_true_or_false():
    with pytest.raises(InputError, match="fit.next: read 3; expected true or false"):
        case_from_text(case_text(OPEN.replace("[fit]", "[fit]\nnext = 3")), "case.toml")
