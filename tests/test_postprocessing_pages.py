"""The scripts that put several studies on one page, and the cases that were made for them."""

from __future__ import annotations

import importlib
import runpy
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import matplotlib as mpl
import numpy as np
import pytest
import synthetic_result as synthetic
from scipy.optimize import brentq

from miecsim.case import load_case
from miecsim.case.presets import PRESETS
from miecsim.results import Quantity, write_result
from miecsim.run.run import run_case

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "postprocessing"


@pytest.fixture
def inside(monkeypatch, capsys):
    """Run a script in this process: (exit code, standard output, error stream)."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def call(name, *options):
        monkeypatch.setattr(sys, "argv", [str(SCRIPTS / name), *map(str, options)])
        code = 0
        with mpl.rc_context():
            try:
                runpy.run_path(str(SCRIPTS / name), run_name="__main__")
            except SystemExit as end:
                code = end.code
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def panels(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("panels")


def study(name, terminals, **more):
    return {"name": name, "terminals": terminals, **more}


def contact(side, carrier, law="reversible"):
    return {"side": side, "carrier": carrier, "law": law}


@pytest.fixture
def run(tmp_path):
    """Three studies, in an order that is not that of the alphabet: the third is the second times 1.002."""
    own = [
        {"name": "A", "contacts": [contact("left", "electron")]},
        {"name": "B", "contacts": [contact("right", "electron", "r_c"), contact("left", "ion", "blocking")]},
        {"name": "C", "contacts": [contact("right", "ion"), contact("right", "electron")]},
    ]
    names = ("z_first", "battery", "again")
    spectra = [synthetic.study("ion_blocking"), synthetic.study("battery"), synthetic.study("battery")]
    spectra[2] = replace(spectra[2], Z=1.002 * spectra[2].Z)
    record = synthetic.run(*(replace(s, name=name) for s, name in zip(spectra, names, strict=True)))
    listed = [study("z_first", "custom", terminal=own, link=[{"side": "left", "law": "resistance"}])]
    listed += [study("battery", "battery"), study("again", "blocking")]
    write_result(tmp_path / "result.h5", replace(record, case={**record.case, "study": listed}))
    return tmp_path / "result.h5"


def test_a_page_has_every_study_its_wiring_and_frequencies(run, tmp_path, inside):
    code, out, error = inside("panels.py", run, "-o", tmp_path / "page.svg")
    assert (code, error) == (0, "") and out.strip().endswith("page.svg")
    text = (tmp_path / "page.svg").read_text(encoding="utf-8")
    order = [text.index(f">{name}<") for name in ("z first", "battery", "again")]
    assert order == sorted(order)  # as in the case, not as stored
    for word in ("pole A", "pole B", "no net current", "closed form", "tail cut off", "10 Hz", "Z′ / Ω", "−Z″ / Ω"):
        assert word in text, word


def test_studies_in_one_panel_are_compared(run, tmp_path, inside):
    code, out, _ = inside("panels.py", run, "--panel", "battery, again", "--panel", "z_first", "-o", tmp_path / "p.png")
    line = next(line for line in out.splitlines() if line.startswith("again and battery"))
    assert code == 0 and float(line.split("at most ")[1].split()[0]) == pytest.approx(2e-3, rel=1e-3)
    assert (tmp_path / "p.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_wiring_is_read_from_the_case(run, panels):
    with h5py.File(run) as file:
        terminals, links = panels.wiring(file, "z_first")
        assert terminals[0] == [("left", "electron", False)]
        assert terminals[1] == [
            ("right", "electron", True)
        ]  # what blocks is not drawn, what has an impedance is marked
        assert terminals[2] == [("right", "ion", False), ("right", "electron", False)]
        assert links == ["left"]
        assert panels.wiring(file, "battery")[0] == [[("left", "ion", False)], [("right", "electron", False)]]
        assert panels.wiring(file, "again") is None  # metal plates of a Nernst-Planck-Poisson cell: no rails to wire


def test_presets_mean_the_same_as_in_a_case(panels):
    assert {name: [set(ends) for ends in poles] for name, poles in panels.PRESETS.items()} == {
        name: [set(ends) for ends in poles] for name, poles in PRESETS.items()
    }


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (2, 2), (9, 3), (5, 4)])
def test_axes_are_equal_and_inside_the_page(panels, count, columns):
    tail = synthetic.battery(synthetic.FREQUENCY)
    box = panels.window([tail, synthetic.ion_blocking(synthetic.FREQUENCY)], None)
    assert box[0] < 0 < 155 < box[1] and box[3] < 0.01 * -tail.imag.min()  # resistances shown, the tail cut
    with mpl.rc_context():
        figure, pairs = panels.page(count, columns, box)
    size = figure.get_size_inches()
    places = [axes.get_position() for axes, _ in pairs]
    for place, (_, drawing) in zip(places, pairs, strict=True):
        scale = place.width * size[0] / (box[1] - box[0]), place.height * size[1] / (box[3] - box[2])
        assert scale[0] == pytest.approx(scale[1], rel=1e-9)
        assert place.x0 > 0 and place.x1 < 1 and place.y0 > 0 and drawing.get_position().y1 < 1
    assert all(not a.overlaps(b) for i, a in enumerate(places) for b in places[:i])


def blocked(name, beta):
    """A spectrum between battery terminals with R_ion = 40 ohm, its exact high-frequency end, and its figures."""
    R1, R2, C = 40.0, 40.0 * beta, 3e-4
    frequency = np.logspace(12, -4, synthetic.FREQUENCY.size)
    decay = np.sqrt(1 / (2j * np.pi * frequency * C * (R1 + R2)))  # over L
    e = np.exp(-1 / decay)
    csch, coth = 2 * e / (1 - e**2), (1 + e**2) / (1 - e**2)
    Z = R1 * R2 / (R1 + R2) * (1 + 2 * decay * csch) + decay * (R1**2 + R2**2) / (R1 + R2) * coth
    values = {"R_ion": R1, "R_eon": R2, "R_high": Z[0].real, "R_low": Z[-1].real}
    summary = {key: Quantity(value, "ohm") for key, value in values.items()}
    summary["shortcut_ratio"] = Quantity(3 * (Z[-1].real - Z[0].real) / R1, "1", "3 (R_low - R_high) / R_ion")
    return replace(synthetic.study(), name=name, frequency=frequency, Z=Z, references={}, summary=summary)


def test_shortcut_page_tells_what_is_read_and_what_the_formula_says(tmp_path, inside):
    write_result(tmp_path / "result.h5", synthetic.run(blocked("large", 3.7), blocked("small", 0.27)))
    code, out, error = inside("shortcut.py", tmp_path, "-o", tmp_path / "s.svg")
    assert (code, error) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("small:") and lines[1].startswith("large:")
    for line, expected in zip(lines, (1.27 - 0.81 / 1.27, 4.7 - 11.1 / 4.7), strict=False):
        read, formula = (float(line.split(word)[1].split(",")[0]) for word in ("shortcut/R_ion ", "formula "))
        assert read == pytest.approx(expected, rel=1e-3) and formula == pytest.approx(expected, rel=1e-3)
    text = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert "small: 0.632" in text and "100 Hz" in text


def test_errors_are_one_line_and_exit_code_2(run, tmp_path, inside):
    cases = {
        ("shortcut.py", run): "no chosen study has a shortcut_ratio",
        ("panels.py", run, "--panel", "battery,bttery"): "no study 'bttery'",
        ("panels.py", run, "--columns", "0"): "--columns 0: at least 1",
        ("panels.py", tmp_path / "absent.h5"): "no such file",
    }
    for (name, *options), message in cases.items():
        code, out, error = inside(name, *options)
        assert code == 2 and out == "" and message in error and error.count("\n") == 1, error


@cache
def studies_of(number):
    case = next((ROOT / "cases").glob(f"{number}_*"))
    return {s.name: s for s in run_case(load_case(case, ())).studies}


def test_battery_terminals_do_not_tell_the_rails_apart_and_blocking_cells_do():
    found = studies_of(107)
    battery, swapped = found["battery"].Z, found["battery_swapped"].Z
    np.testing.assert_allclose(swapped, battery, rtol=1e-10)
    for one, other in (("ion_blocking", "electron_blocking"), ("electron_blocking", "ion_blocking")):
        np.testing.assert_allclose(found[f"{one}_swapped"].Z, found[other].Z, rtol=1e-10)
        assert np.abs(found[f"{one}_swapped"].Z / found[one].Z - 1).max() > 0.7


def test_three_boundary_conditions_give_both_rails_and_the_reaction():
    """By hand, without a fit: P = R_ion R_eon/(R_ion + R_eon), T = tanh(v/2)/v and v^2 = (R_ion + R_eon)/R_ct."""
    found = studies_of(108)
    read = {name: s.summary["R_dc"].value for name, s in found.items()}
    P = found["electrons_through"].summary["R_high"].value
    ratio = np.sqrt((read["ions_through"] - P) / (read["electrons_through"] - P))  # R_ion / R_eon
    R_ion, R_eon = P * (1 + ratio), P * (1 + 1 / ratio)
    T = 0.5 * (1 + (read["same_face"] - read["opposite_faces"]) / P)
    nu = brentq(lambda v: np.tanh(v / 2) / v - T, 1e-3, 1e3)
    R_ct = (R_ion + R_eon) / nu**2
    given = found["same_face"].summary
    assert R_ion == pytest.approx(given["R_ion"].value, rel=2e-3)
    assert R_eon == pytest.approx(given["R_eon"].value, rel=2e-3)
    assert R_ct == pytest.approx(1.3 / (5e5 * 470e-6 * 0.785e-4), rel=2e-3)
    # what each cell alone would have said
    assert read["electrons_through"] < 0.93 * R_eon and read["ions_through"] < 0.75 * R_ion
