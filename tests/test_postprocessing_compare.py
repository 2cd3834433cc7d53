"""The scripts that hold spectra against each other and against circuits, on spectra whose answers are known, and what
cases 303 and 304 say with them."""

from __future__ import annotations

import re
import runpy
import sys
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import synthetic_result as synthetic

from miecsim.case import load_case
from miecsim.results import Quantity, StudyRecord, write_result
from miecsim.run.run import run_case
from miecsim.typing import Array, Complex

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "postprocessing"
NAMES = ("neutral", "rails")
FREQUENCY = np.logspace(6, -1, 64)


@cache
def shipped(number: str) -> dict[str, tuple[Array, Complex]]:
    """{study: (frequency, Z)} of a shipped case."""
    case = next((ROOT / "cases").glob(f"{number}_*"))
    return {study.name: (study.frequency, study.Z) for study in run_case(load_case(case)).studies}


def study(name: str, Z: Complex, frequency: Array = FREQUENCY, dc: bool = True) -> StudyRecord:
    """A study that has this spectrum and is otherwise the synthetic one."""
    base = synthetic.study("battery", frequency)
    fields = {k: getattr(base, k) for k in base.__dataclass_fields__}
    summary = {"R_dc": Quantity(float(Z[np.argmin(frequency)].real), "ohm")} if dc else {}
    return StudyRecord(**fields | dict(name=name, Z=Z, references={}, summary=summary))


@pytest.fixture
def script(monkeypatch, capsys, tmp_path):
    """Runs a script on studies: (exit code, standard output, error stream, the figure's path)."""
    monkeypatch.syspath_prepend(SCRIPTS)

    def call(name: str, studies: list[StudyRecord], *options: str):
        write_result(tmp_path / "result.h5", synthetic.run(*studies))
        figure = tmp_path / f"{name}.png"
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path), "-o", str(figure), *options])
        code = 0
        with mpl.rc_context():
            try:
                runpy.run_path(str(SCRIPTS / name), run_name="__main__")
            except SystemExit as end:
                code = end.code
        return (code, *capsys.readouterr(), figure)

    return call


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


# ---------------------------------------------------------------------------------------------- differences.py


def test_difference_passes_the_limit_where_it_should(script) -> None:
    """R beside C against R alone differs by w R C; with the capacitor of the full spectrum's end, by nothing."""
    w, R = 2 * np.pi * FREQUENCY, 37.0
    studies = []
    for name, C in (("3_um", 2.3e-6), ("9_um", 4e-7)):
        studies.append(study(f"full_{name}", 1 / (1 / R + 1j * w * C)))
        studies.append(study(f"simple_{name}", np.full(w.size, R + 0j)))
    code, out, _, figure = script("differences.py", studies, "--full", "full", "--limit", "0.02")
    assert code == 0 and is_png(figure)
    rows = {tuple(line.split(", ")): line for line in (re.sub("  +", ", ", row) for row in out.splitlines())}
    for name, C in (("3_um", 2.3e-6), ("9_um", 4e-7)):
        row = next(line for key, line in rows.items() if key[:2] == ("simple", name))
        lowest, largest, at = row.split(", ")[2:]
        assert float(lowest) == pytest.approx(w.min() * R * C, rel=5e-3)
        assert float(largest) == pytest.approx(w.max() * R * C, rel=5e-3)
        assert float(at.removesuffix(" Hz")) == pytest.approx(0.02 / (2 * np.pi * R * C), rel=5e-3)
        with_capacitor = next(line for key, line in rows.items() if key[:2] == ("simple + C", name)).split(", ")
        assert float(with_capacitor[3]) < 1e-12 and with_capacitor[4] == "nowhere"


def test_differences_refuses_what_it_cannot_compare(script) -> None:
    Z = 1 / (0.1 + 1j * FREQUENCY * 1e-4)
    pair = [study("full_a", Z), study("simple_a", Z)]
    other = study("simple_a", Z[:30], FREQUENCY[:30])
    for studies, options, message in (
        (pair, ["--full", "complete"], "no two studies are named complete_SPECIMEN"),
        (pair, ["--full", "full", "--show", "b"], "no specimen 'b'; it has a"),
        ([pair[0], other], ["--full", "full"], "the studies of a have different frequencies"),
    ):
        code, out, error, _ = script("differences.py", studies, *options)
        assert code == 2 and out == "" and message in error and error.count("\n") == 1


def test_electroneutrality_errs_by_the_debye_length_and_double_layers_by_its_square() -> None:
    """Case 303 at w L^2/D = 1 for 50, 200 and 800 Debye lengths: 1.1 lambda/L, and below (lambda/L)^2 with them."""
    found = shipped("303")
    D, debye = 1.99751e-9, 1.20107e-9
    discretisation = 3e-5  # what two grids differ by
    for thickness in (60, 240, 960):
        f, full = found[f"npp_{thickness}_nm"]
        thin = debye / (thickness * 1e-9)
        slow = 2 * np.pi * f <= D / (thickness * 1e-9) ** 2
        neutral, rails = (np.abs(found[f"{name}_{thickness}_nm"][1] / full - 1)[slow].max() for name in NAMES)
        assert 0.8 * thin < neutral < 1.2 * thin
        assert rails < thin**2 + discretisation


# ---------------------------------------------------------------------------------------------- exponent.py


def told(out: str, name: str) -> dict[str, float]:
    line = next(line for line in out.splitlines() if line.startswith(f"{name}: "))
    return {key: float(value) for key, value in re.findall(r"(alpha|R0|tau/R|tau|R|Q) (-?[0-9.e+-]+)", line)} | {
        "worst": float(re.findall(r"([0-9.e+-]+) at most", line)[0])
    }


def test_circuits_are_found_again(script) -> None:
    s = 2j * np.pi * FREQUENCY
    arc, cpe = 3.7 + 41.0 / (1 + (s * 2.3e-4) ** 0.83), 0.9 + 1 / (4.2e-3 * s**0.91)
    code, out, _, figure = script("exponent.py", [study("arc", arc), study("blocking", cpe, dc=False)])
    assert code == 0 and is_png(figure)
    found = told(out, "arc")
    assert found["worst"] < 1e-9
    for key, value in (("alpha", 0.83), ("R0", 3.7), ("R", 41.0), ("tau", 2.3e-4), ("tau/R", 2.3e-4 / 41)):
        assert found[key] == pytest.approx(value, rel=1e-4)
    found = told(out, "blocking")
    assert found["worst"] < 1e-9
    for key, value in (("alpha", 0.91), ("R0", 0.9), ("Q", 4.2e-3)):
        assert found[key] == pytest.approx(value, rel=1e-4)


def test_an_inductive_part_does_not_stop_the_fit(script) -> None:
    """A lead's inductance is no part of the circuit: the fit ends, tells how far it is off, and stays near the arc."""
    s = 2j * np.pi * FREQUENCY
    Z = 5.0 + 20.0 / (1 + s * 1e-3) + s * 2e-7
    code, out, _, _ = script("exponent.py", [study("with_lead", Z)])
    found = told(out, "with_lead")
    assert code == 0 and found["alpha"] == pytest.approx(1.0, abs=0.05) and 0.01 < found["worst"] < 0.5


def test_what_case_304_says(script) -> None:
    found = shipped("304")
    studies = [study(name, Z, f, dc=name != "pore") for name, (f, Z) in found.items()]
    code, out, _, _ = script("exponent.py", studies)
    assert code == 0
    assert told(out, "cpe")["alpha"] == pytest.approx(0.7, abs=1e-5)
    assert told(out, "cole_cole")["alpha"] == pytest.approx(0.7, abs=2e-3)
    assert told(out, "side_by_side")["alpha"] == pytest.approx(1.0, abs=1e-5)
    assert told(out, "side_by_side")["tau/R"] == pytest.approx(2e-6, rel=1e-3)
    row = told(out, "row")
    assert 0.02 < row["worst"] < 0.05 and row["tau/R"] > 2 * 2e-6 / 15


def test_two_ideal_elements_a_decade_are_a_constant_phase_element() -> None:
    """Cole and Cole's distribution at steps of half a decade against R beside a CPE, written out here."""
    f, Z = shipped("304")["cole_cole"]
    exact = 80e-6 / 0.3 * 1e4 + 15 / (1 + (2j * np.pi * f * 5e-6) ** 0.7)
    assert np.max(np.abs(Z / exact - 1)) < 5e-3
    np.testing.assert_allclose(shipped("304")["cpe"][1], exact, rtol=1e-7)


def test_effective_exponents_of_a_pore_and_of_patches() -> None:
    """De Levie: one half well above 1/(R C), one well below; patches side by side: one R beside one C."""
    f, Z = shipped("304")["pore"]
    slope = -np.diff(np.log(-Z.imag)) / np.diff(np.log(f))
    np.testing.assert_allclose(slope[f[1:] > 2e3], 0.5, atol=2e-4)
    np.testing.assert_allclose(slope[f[:-1] < 2], 1.0, atol=1e-3)
    f, Z = shipped("304")["side_by_side"]
    rails = 1e-6  # ohm: 15 um of 1e5 S/m, twice, in parallel for most of the current
    np.testing.assert_allclose(Z, 1 / (1 / 0.15583368 + 2j * np.pi * f * 2e-6), rtol=0, atol=1.5 * rails)
