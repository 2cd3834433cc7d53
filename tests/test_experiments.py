"""Experiments of a case from the command line to the files: what a technique finds, what is written and checked of its
record."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import synthetic_result as synthetic
from matplotlib.figure import Figure
from test_results import assert_same

import miecsim.run.experiments as runs
from miecsim.case import load_case
from miecsim.case.bias import cell_current
from miecsim.case.fields import number
from miecsim.case.parameters import Parameters
from miecsim.case.table import key
from miecsim.case.techniques import TECHNIQUES, Technique
from miecsim.cli import main
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError, SolveError
from miecsim.plot.techniques import FIGURES
from miecsim.results import ExperimentRecord, read_result, summary_dict, write_result
from miecsim.run.run import run_case
from miecsim.run.technique import Bench
from miecsim.solvers.steady import solve_steady
from miecsim.techniques.record import Compared, TechniqueRecord

EXAMPLES = Path(__file__).resolve().parent / "case_examples"

# ----------------------------------------------------------------- a technique of the tests' own, and its case

CASE = """
title = "Ohm's law"
model = "mixed_conductor"
source = "chosen for this test"
temperature = "40 degC"
area = "0.37 cm^2"
grid = { dimension = 1, cells = 9 }

[[layer]]
name = "film"
thickness = "0.3 mm"
chemical_capacitance = "2e6 F/m^3"
ion = { conductivity = "0.7 S/m" }
electron = { conductivity = "11 S/m" }

[[experiment]]
name = "two_points"
technique = "ohm"
terminals = "electron_blocking"
current = "-3 mA/cm^2"
lead = 0.12

[[experiment]]
name = "thin"
technique = "ohm"
terminals = "electron_blocking"
current = "2 mA"
set = { "layer.film.thickness" = "80 um" }

[[check]]
experiment = "two_points"
quantity = "R_ion"
read = "true"
expected = "11.583011583 ohm"
tolerance = 1e-9
source = "L/(sigma A)"

[[check]]
experiment = "two_points"
quantity = "R_ion"
read = "error"
how = "without leads"
expected = 0.0
tolerance = 1e-9
source = "Ohm"
"""


@dataclass(frozen=True)
class Ohm(Parameters):
    current: float = key(cell_current())
    lead: float = key(number(0.0, 10.0), default=0.0)

    @property
    def resolve(self) -> float:
        return 10.0


def ohm(bench: Bench) -> TechniqueRecord:
    """R of the ions from one current and one voltage, with leads of `lead` ohm and without."""
    p, layer = bench.parameters(Ohm), bench.case.layers[0]
    point = solve_steady(bench.system, currents={"A": p.current})
    R = point.voltages[0] / point.currents[0]
    true = layer.thickness / (layer.material.ion.conductivity * bench.case.area)
    table = {"current": (point.currents, "A"), "voltage": (point.voltages, "V")}
    compared = (
        Compared("R_ion", R + p.lead, true, "ohm", "two wires"),
        Compared("power", R * p.current**2, true * p.current**2, "W", "RI^2"),
        Compared("R_ion", R, true, "ohm", "without leads"),
    )
    return TechniqueRecord("Ohm's law", {"points": table}, compared, ("leads count",), 3e-17)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A case of the technique 'ohm', which the program knows for the time of the test."""
    monkeypatch.setitem(TECHNIQUES, "ohm", Technique(Ohm, ("R_ion", "power")))
    monkeypatch.setitem(runs.RUNNERS, "ohm", ohm)
    monkeypatch.setitem(FIGURES, "ohm", lambda record: Figure())
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case.toml").write_text(CASE, encoding="utf-8")
    return tmp_path / "case"


@pytest.fixture
def cli(monkeypatch, capsys):
    """(exit code, stdout, stderr) of `miecsim ...`, run in this process."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["miecsim", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(stop.value.code or 0), out, err

    return call


def test_a_technique_finds_the_cell_of_the_file(bench) -> None:
    run = run_case(load_case(bench))
    one, thin = (experiment.record for experiment in run.experiments)
    R = 0.3e-3 / (0.7 * 0.37e-4)
    np.testing.assert_allclose(one.tables["points"]["current"][0], [-1.11e-3, 1.11e-3], rtol=1e-12)
    np.testing.assert_allclose(one.tables["points"]["voltage"][0][0], -1.11e-3 * R, rtol=1e-9)
    assert one.figure("R_ion").error == pytest.approx(0.12 / R, rel=1e-8)
    assert thin.figure("R_ion").textbook == pytest.approx(R * 80 / 300, rel=1e-9)
    assert [check["passed"] for check in run.checks] == [True, True]
    assert (run.checks[1]["read"], run.checks[1]["unit"]) == (pytest.approx(0.0, abs=1e-9), "1")
    assert run.grid.volumes.size == 9 and run.studies == () and run.summary == {}
    assert {"experiment two_points", "experiment thin", "solve"} == set(run.timings)


def test_progress_counts_studies_and_experiments(bench) -> None:
    told: list[tuple[str, float]] = []
    run_case(load_case(bench), lambda what, part: told.append((what, part)))
    assert told == [("two_points: ohm", 0.0), ("thin: ohm", 0.5)]


def test_run_writes_tables_figures_and_summary(cli, bench) -> None:
    code, out, err = cli("run", bench)
    assert (code, err) == (0, "")
    for words in ("Experiment two_points: Ohm's law", "without leads", "- leads count", "11.7 ohm", "+1.04 %"):
        assert words in out
    folder = bench / "results"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("result.h5", "summary.json", "two_points_ohm.png", "two_points_ohm.svg"),
        *("thin_ohm.png", "thin_ohm.svg"),
    }
    with h5py.File(folder / "result.h5") as file:
        group = file["technique/two_points"]
        assert group.attrs["technique"] == "ohm" and group["points/voltage"].attrs["units"] == "V"
        assert group["points/voltage"].dims[0][0].name == "/technique/two_points/points/current"
        assert list(group["compared/R_ion/row"]) == [0, 2]
        assert group["compared/R_ion/textbook"].attrs["units"] == "ohm"
        assert group["compared/R_ion/how"].asstr()[1] == "without leads"
    summary = json.loads((folder / "summary.json").read_text())
    first = summary["experiments"]["two_points"]
    assert [one["quantity"] for one in first["compared"]] == ["R_ion", "power", "R_ion"]
    assert (first["technique"], first["remarks"], first["conservation"]) == ("ohm", ["leads count"], 3e-17)
    code, out, _ = cli("run", bench)
    assert code == 0 and "up to date" in out and "without leads" in out


def test_check_describes_experiments(cli, bench) -> None:
    code, out, _ = cli("check", bench)
    assert code == 0 and "two_points" in out and "ohm" in out and "electron_blocking" in out


def test_a_failed_check_of_an_experiment(cli, bench) -> None:
    text = CASE.replace('how = "without leads"\n', "")  # the first comparison, with the leads
    (bench / "case.toml").write_text(text)
    code, out, err = cli("run", bench)
    assert code == 4 and "FAILED" in out
    assert "experiment two_points: R_ion (error) is 0.01036, expected 0 within 1e-09" in err
    code, _, err = cli("run", bench)
    assert code == 4  # also where the results are there
    code, out, _ = cli("run", bench, "--set", "layer.film.thickness=1 mm", "--force")
    assert code == 0 and "changed" in out


def test_a_figure_that_is_not_there_fails(cli, bench) -> None:
    (bench / "case.toml").write_text(CASE.replace('how = "without leads"', 'how = "by magic"'))
    code, _, err = cli("run", bench)
    assert code == 4 and "R_ion (error, by magic) is nan" in err
    (bench / "case.toml").write_text(CASE.replace('"11.583011583 ohm"', '"11.583011583 V"'))
    assert cli("run", bench, "--force")[0] == 4


def test_a_quantity_of_another_technique_is_told_before_anything_runs(cli, bench, monkeypatch) -> None:
    monkeypatch.setitem(runs.RUNNERS, "ohm", lambda bench: pytest.fail("it ran"))
    (bench / "case.toml").write_text(CASE.replace('quantity = "R_ion"', 'quantity = "R_iom"', 1))
    code, _, err = cli("run", bench)
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert "check of experiment two_points: read quantity 'R_iom'; expected one of R_ion, power, conservation" in err
    assert err.strip().endswith("did you mean 'R_ion'?")


@pytest.mark.parametrize(("error", "code"), [(SolveError("too far"), 3), (InputError("no such electrode"), 2)])
def test_what_goes_wrong_in_a_technique_names_the_experiment(cli, bench, monkeypatch, error, code) -> None:
    def fail(bench: Bench) -> TechniqueRecord:
        raise error

    monkeypatch.setitem(runs.RUNNERS, "ohm", fail)
    got, _, err = cli("run", bench)
    assert got == code and f"case.toml: experiment two_points: {error}" in err and len(err.strip().splitlines()) == 1
    assert not (bench / "results").exists()


# --------------------------------------------------------------------------------------------------- records


def record() -> TechniqueRecord:
    t = np.geomspace(1e-3, 40.0, 7)
    compared = (
        Compared("D", 2.1e-13, 2e-13, "m^2/s", "slope, pulse 1"),
        Compared("k/(1/R + 1/S)", float("nan"), 3e-7, "m/s", "fit"),
        Compared("D", 1.9e-13, 2e-13, "m^2/s", "slope, pulse 2"),
    )
    tables = {"record": {"time": (t, "s"), "current": (np.exp(-t), "A")}, "fit": {"time": (t[:3], "s")}}
    return TechniqueRecord("gitt", tables, compared, ("short pulses", "µ and Ω"), 2.5e-11)


def test_records_come_back_to_the_last_bit(tmp_path) -> None:
    experiments = (
        ExperimentRecord("b", "gitt", record()),
        ExperimentRecord("a", "pitt", replace(record(), remarks=())),
    )
    run = replace(synthetic.run(), experiments=experiments)
    write_result(tmp_path / "r.h5", run)
    found = read_result(tmp_path / "r.h5")
    np.testing.assert_equal(found.experiments[0].record.compared[1].textbook, np.nan)
    clean = [replace(e, record=replace(e.record, compared=e.record.compared[::2])) for e in found.experiments]
    assert_same([replace(e, record=replace(e.record, compared=e.record.compared[::2])) for e in experiments], clean)
    assert [e.name for e in found.experiments] == ["b", "a"]
    assert found.experiments[0].record.compared[1].quantity == "k/(1/R + 1/S)"
    assert json.dumps(summary_dict(run)["experiments"]["b"]["remarks"]) == json.dumps(["short pulses", "µ and Ω"])


def test_every_dataset_of_an_experiment_has_units_and_opens_in_xarray(tmp_path) -> None:
    write_result(tmp_path / "r.h5", replace(synthetic.run(), experiments=(ExperimentRecord("b", "gitt", record()),)))
    with h5py.File(tmp_path / "r.h5") as file:
        missing: list[str] = []
        file["technique"].visititems(
            lambda name, item: (
                missing.append(name) if isinstance(item, h5py.Dataset) and "units" not in item.attrs else None
            )
        )
        assert missing == []
    xarray = pytest.importorskip("xarray")
    for group, name in (("record", "time"), ("compared/D", "row"), ("", "remarks")):
        where = f"technique/b/{group}".rstrip("/")
        with xarray.open_dataset(tmp_path / "r.h5", group=where, engine="h5netcdf") as opened:
            assert name in opened.coords


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tables": {"compared": {"t": (np.zeros(2), "s")}}}, "a table called 'compared'"),
        ({"tables": {"a": {"t": (np.zeros(2), "s"), "i": (np.zeros(3), "A")}}}, "table a has columns of the shapes"),
        ({"tables": {"a": {"t": (np.zeros((2, 2)), "s")}}}, "table a has columns of the shapes"),
        (
            {"compared": (Compared("D", 1.0, 1.0, "m", "x"), Compared("D", 1.0, 1.0, "s", "y"))},
            "D in m and in s, expected one unit",
        ),
    ],
)
def test_a_record_that_cannot_be_written(tmp_path, change, words) -> None:
    spoilt = ExperimentRecord("b", "gitt", replace(record(), **change))
    with pytest.raises(InputError, match="experiment b: ") as caught:
        write_result(tmp_path / "r.h5", replace(synthetic.run(), experiments=(spoilt,)))
    assert words in str(caught.value) and not (tmp_path / "r.h5").exists()


def test_experiments_need_different_names(tmp_path) -> None:
    twice = (ExperimentRecord("b", "gitt", record()),) * 2
    with pytest.raises(InputError, match="experiments need different names, read b, b"):
        write_result(tmp_path / "r.h5", replace(synthetic.run(), experiments=twice))


# ----------------------------------------------------------------------------------- the techniques themselves


def test_the_shipped_techniques_from_a_case_file(cli, tmp_path) -> None:
    """Every one, in a coarse grid: its own parameters arrive, its true figures are those of the material."""
    faster = ("--set", "experiment.pulses.count=1", "--set", "experiment.pulses.set.grid.cells=16")
    case = EXAMPLES / "insertion.toml"
    code, out, _ = cli("run", case, "--out", tmp_path / "a", "--set", "grid.cells=16", *faster)
    assert code == 0 and "FAILED" not in out
    run = read_result(tmp_path / "a" / "result.h5")
    D = (1 + 4.2) * 3e-14 * 2e-9 / (3e-14 + 2e-9)
    for experiment in run.experiments:
        assert experiment.record.figure("D_chem").true == pytest.approx(D, rel=1e-3), experiment.name
        assert experiment.record.conservation < 1e-9
    steps, pulses, spheres = (experiment.record for experiment in run.experiments)
    np.testing.assert_allclose(steps.tables["steps"]["potential"][0], [4e-3, 1.5e-3])
    assert abs(steps.figure("D_chem", "Montella fit, step 2").error) < 0.01
    assert pulses.tables["record"]["time"][0][-1] == pytest.approx(940.0)
    assert np.abs(pulses.tables["record"]["current"][0]).max() == pytest.approx(0.65e-3, rel=1e-9)
    assert list(spheres.tables["map"]["size"][0]) == [2e-6, 2e-6, 5e-6, 5e-6]
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"steps_pitt.png", "pulses_gitt.svg", "spheres_gitt_error_map.png", "polarised_rails.png"} <= names


def test_the_techniques_that_bring_their_own_contacts(tmp_path) -> None:
    overrides = ("grid.cells=8", "experiment.lines.fineness=1.0", "experiment.lines.line_cells=1")
    run = run_case(load_case(EXAMPLES / "probes.toml", (*overrides, "experiment.relaxation.tolerance=1e-6")))
    assert [check["passed"] for check in run.checks] == [True, True]
    assert run.grid.volumes.size == 8
    lines, relaxation = (experiment.record for experiment in run.experiments)
    assert list(lines.tables["readings"]["thickness"][0]) == [2e-5, 1.5e-4]
    assert list(lines.tables["impedance"]["frequency"][0]) == [10.0, 1e3]
    # at the 800 degC that the experiment sets: D_v c_v z^2 and D_e c_e in parallel, over dPhi/dc
    sv, se = 4 * 700 * 2e-9, 90 * 3e-7
    D = sv * se / (sv + se) * (1 / (4 * 700) + 1 / 90)
    assert relaxation.figure("diffusivity").true == pytest.approx(D, rel=1e-9)
    assert abs(relaxation.figure("diffusivity").error) < 0.03
    assert relaxation.tables["relaxation"]["time"][0][-1] == pytest.approx(7200.0)


def test_the_techniques_of_direct_current(cli, tmp_path) -> None:
    """Their true figures are those of the two carriers: z^2 F^2 D c/RT each, over the length and the area."""
    code, _, err = cli("run", EXAMPLES / "polarisation.toml", "--out", tmp_path / "a", "--set", "grid.cells=10")
    assert (code, err) == (0, "")
    both, curve, film, leak = (e.record for e in read_result(tmp_path / "a" / "result.h5").experiments)
    per_volume = FARADAY / thermal_voltage(973.15)
    sigma_i, sigma_e = 4 * 700 * 2e-10 * per_volume, 0.4 * 3e-8 * per_volume
    R_i, R_e = (0.8e-3 / (sigma * 0.6e-4) for sigma in (sigma_i, sigma_e))
    assert both.figure("sigma_eon").true == pytest.approx(sigma_e, rel=1e-9)
    assert abs(both.figure("sigma_eon").error) < 1e-3
    # the ions' contact has two times 0.7 ohm cm2 of its own
    read = both.figure("R_electron_blocked", "direct current")
    assert read.textbook == pytest.approx(R_i + 2 * 0.7e-4 / 0.6e-4, rel=1e-3) and read.true == pytest.approx(R_i)
    assert both.tables["ion-blocked cell"]["current"][0][-1] == pytest.approx(-3e-3 / R_e, rel=1e-3)
    np.testing.assert_allclose(curve.tables["curve"]["voltage"][0], [-30e-3, -10e-3, 0, 15e-3, 40e-3])
    slope = np.gradient(curve.tables["curve"]["current"][0], curve.tables["curve"]["voltage"][0])[2]
    assert slope == pytest.approx(sigma_e * 0.6e-4 / 0.8e-3, rel=0.1)  # the area of the case
    assert curve.figure("sigma_n").true == pytest.approx(sigma_e, rel=1e-9)
    assert film.figure("R_ee").true == pytest.approx(R_e) and film.figure("R_ii").true == pytest.approx(R_i)
    assert abs(film.figure("t_ion").error) < 1e-3
    assert set(np.round(1e6 * np.abs(film.tables["lines"]["current_ee"][0]), 9)) == {4.0, 5.4}
    assert list(leak.tables["membrane"]["thickness"][0]) == [2e-4, 5e-4, 1e-3]
    assert leak.tables["membrane"]["flux"][1] == "mol/s"
    assert leak.figure("oxygen flux", "Wagner's integral, 200 um").true == leak.tables["membrane"]["flux"][0][0]
    assert abs(leak.figure("characteristic thickness").error) < 0.1
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {
        "both_cells_dc_polarisation.png",
        "curve_hebb_wagner.png",
        "film_current_carrying.svg",
        "leak_oxygen_membrane.png",
    } <= names


def test_a_transference_number_per_area(cli, tmp_path) -> None:
    code, _, err = cli("run", EXAMPLES / "electrolyte.toml", "--out", tmp_path / "a")
    assert (code, err) == (0, "")
    (experiment,) = read_result(tmp_path / "a" / "result.h5").experiments
    assert experiment.record.figure("t_cation").true == pytest.approx(3 / 12)
    assert abs(experiment.record.figure("t_cation").error) < 0.02
    assert (tmp_path / "a" / "steps_bruce_vincent.png").exists()


@pytest.mark.parametrize(
    ("name", "quantity", "bound"),
    [
        ("reference_electrodes", "overpotential at 52 um", 2e-3),
        ("grain_boundary", "resistance across, vacancy", 2e-3),
        ("contact", "carriers of the bulk", 2e-3),
    ],
)
def test_the_techniques_that_look_inside(cli, tmp_path, name, quantity, bound) -> None:
    """Their textbook formulas hold here: linear kinetics at 2 mV, one carrier in a depletion layer."""
    code, out, err = cli("run", EXAMPLES / f"{name}.toml", "--out", tmp_path / "a")
    assert (code, err) == (0, "") and "FAILED" not in out
    (experiment,) = read_result(tmp_path / "a" / "result.h5").experiments
    assert abs(experiment.record.figure(quantity).error) < bound
    assert (tmp_path / "a" / f"{experiment.name}_{experiment.technique}.svg").exists()
    assert (tmp_path / "a" / "boundary_space_charge_arcs.png").exists() == (name == "grain_boundary")
