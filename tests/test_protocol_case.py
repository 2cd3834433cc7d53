"""Protocols in time from a case file: what the steps read as, what passes against closed forms, what is kept of it, and
runs that are interrupted and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import miecsim.solvers.transient.run as transient
from miecsim.case import Case, case_from_text, load_case
from miecsim.case.technique_protocol import Protocol, StepLimit
from miecsim.commands.run import _forget_others
from miecsim.errors import InputError, InterruptedRunError
from miecsim.plot.style import save
from miecsim.plot.techniques import FIGURES
from miecsim.results import read_result
from miecsim.results.checkpoint import Checkpoint, fingerprint, save_progress
from miecsim.run.build import system_of
from miecsim.run.experiments import run_experiment
from miecsim.solvers.steady import solve_steady
from miecsim.solvers.transient.protocol import Limit, Sine, Step, current, voltage
from miecsim.solvers.transient.run import Progress, Tolerance, solve_transient
from miecsim.system import System
from miecsim.techniques.record import TechniqueRecord

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "tests" / "case_examples" / "protocol.toml"


def quiet(what: str, part: float = 0.0, /) -> None:
    """Nobody listens."""


@cache
def everything() -> TechniqueRecord:
    return run_experiment(load_case(EXAMPLE), "everything", quiet)[0].record


# ------------------------------------------------------------------------------------------------ reading


def test_steps_in_si() -> None:
    p = load_case(EXAMPLE).experiment("everything").parameters
    assert isinstance(p, Protocol)
    kinds = [one.kind for one in p.step]
    group = ["pulse", "rest", "pulse", "rest", "sine"]
    assert kinds == ["hold", "current", "ramp", "ramp", *group, *group, "rest"]
    hold, constant, falling, rising = p.step[:4]
    assert (hold.quantity, hold.start, hold.duration, hold.others) == ("voltage", 0.031, 9.0, (("B", "voltage", 2e-3),))
    assert hold.limits == (StepLimit("concentration", "cation", "below", 650.0, False),)
    assert hold.outputs == (0.4, 1.0, 3.0, 6.0, 9.0)  # kept, a spectrum, and three points
    assert constant.start == pytest.approx(0.2e-3 * 0.83, rel=1e-14)  # A: 0.2 mA/cm2 on 0.83 cm2
    assert constant.limits == (StepLimit("voltage", "B", "above", 0.4, True),)
    assert (falling.start, falling.end, falling.duration) == (5e-3, -6e-3, pytest.approx(5.5, rel=1e-14))
    assert (rising.quantity, rising.start, rising.end) == ("current", 0.0, 1e-4)
    pulse, rest, sine = p.step[4], p.step[5], p.step[8]
    assert (pulse.start, pulse.duration, rest.quantity, rest.start, rest.duration) == (-1.5e-4, 1.5, "current", 0, 2.5)
    assert (sine.start, sine.amplitude, sine.frequency, sine.duration) == (1e-3, 4e-3, 2.0, 1.5)
    assert (p.start, p.resolve) == ((("B", "voltage", 3e-3),), 1 / 1.5e-3)


# ------------------------------------------------------------------------------- a line against closed forms

# ions enter a film at the left, electrons (much faster) at the right: a line of R = L/(sigma A) = 37/(0.21 * 0.6) ohm
LINE = """
title = "A line"
model = "mixed_conductor"
source = "chosen for this test"
temperature = "33 degC"
area = "0.6 cm^2"
grid = { dimension = 1, cells = 240, grading = 12.0 }

[[layer]]
name = "film"
thickness = "37 um"
chemical_capacitance = "2.3e6 F/m^3"
ion = { conductivity = "2.1e-6 S/m" }
electron = { conductivity = "1e3 S/m" }

[[experiment]]
name = "run"
technique = "protocol"
terminals = "battery"
tolerance = 1e-8
"""
L, SIGMA, CHEM, AREA = 37e-6, 2.1e-6, 2.3e6, 0.6e-4
C, TAU = CHEM * L * AREA, L**2 * CHEM / SIGMA  # F, s
RATES = ((np.arange(4000) + 0.5) * np.pi) ** 2 / TAU
SHARES = 2 / (RATES * TAU)


COARSE = LINE.replace("cells = 240", "cells = 30").replace("1e-8", "1e-5")


def line(steps: str) -> Case:
    return case_from_text(LINE + steps, "line")


def stepped(t: np.ndarray) -> np.ndarray:
    """Charge over C after a unit step of the voltage: 1 - sum 2/b^2 exp(-b^2 t/tau), b = (n + 1/2) pi."""
    return np.array([1 - np.sum(SHARES * np.exp(-RATES * s)) if s > 0 else 0.0 for s in t])


def ramped(t: np.ndarray) -> np.ndarray:
    """The same for a voltage that rises by 1 V/s: the integral of `stepped`."""
    return np.array([s + np.sum(SHARES / RATES * np.expm1(-RATES * s)) if s > 0 else 0.0 for s in t])


def swung(t: np.ndarray, omega: float) -> np.ndarray:
    """The same for sin(omega t): Duhamel's integral of cos(omega s) with `stepped`."""
    out = []
    for s in np.maximum(t, 0.0):
        late = (RATES * np.cos(omega * s) + omega * np.sin(omega * s) - RATES * np.exp(-RATES * s)) / (
            RATES**2 + omega**2
        )
        out.append(np.sin(omega * s) - omega * np.sum(SHARES * late))
    return np.array(out)


def test_hold_ramp_and_sine_pass_the_charge_of_the_closed_form() -> None:
    """Steps that join without a jump are one superposition, whatever the state they begin in."""
    f = 2.4 / TAU
    case = line(
        f"""
step = [
  {{ kind = "hold", voltage = "13 mV", duration = "{0.31 * TAU} s" }},
  {{ kind = "ramp", from = "13 mV", to = "-8 mV", rate = "{21 / (0.45 * TAU)} mV/s" }},
  {{ kind = "sine", offset = "-8 mV", amplitude = "5 mV", frequency = "{f} Hz", periods = 2, points = 50 }},
]
"""
    )
    record = run_experiment(case, "run", quiet)[0].record
    table = {name: values for name, (values, _) in record.tables["record"].items()}
    t, t_1, t_2 = table["time"], 0.31 * TAU, 0.76 * TAU
    rate = 21e-3 / (0.45 * TAU)
    exact = 13e-3 * stepped(t) - rate * (ramped(t - t_1) - ramped(t - t_2)) + 5e-3 * swung(t - t_2, 2 * np.pi * f)
    later = t > 1e-3 * TAU  # when the front is wider than a cell
    np.testing.assert_allclose(table["charge"][later], C * exact[later], atol=3e-5 * C * 13e-3, rtol=0)
    assert np.ptp(exact[table["step"] == 3]) > 2e-3  # the sine moves charge
    ends = {one.how: one.textbook for one in record.compared if one.quantity == "charge"}
    at = np.array([t_1, t_2, t_2 + 2 / f])
    np.testing.assert_allclose(np.cumsum(list(ends.values())), table["charge"][np.searchsorted(t, at * (1 - 1e-12))])
    assert list(ends) == ["hold, step 1", "ramp, step 2", "sine, step 3"]
    assert 0 < record.conservation < 1e-9


def test_a_limit_ends_a_step_or_the_run_at_the_time_of_the_closed_form() -> None:
    """V(t) = (I/C)(t + tau/3 - sum 2 tau/(n pi)^2 exp(-n^2 pi^2 t/tau)) of a constant current."""
    amperes, cut = 0.4 * C / TAU * 50e-3, 17.3e-3
    case = line(
        f"""
[[experiment.step]]
kind = "repeat"
times = 3

[[experiment.step.step]]
kind = "current"
current = "{amperes} A"
duration = "{5 * TAU} s"
profiles_at = ["{0.1 * TAU} s", "{4 * TAU} s"]
limits = [{{ above = "{cut} V", ends_run = true }}]
"""
    )
    record = run_experiment(case, "run", quiet)[0].record
    n = np.arange(1, 200) * np.pi

    def volts(t: float) -> float:
        return float(amperes / C * (t + TAU / 3 - np.sum(2 * TAU / n**2 * np.exp(-(n**2) * t / TAU))))

    lasted = record.tables["steps"]["lasted"][0]
    assert lasted.size == 1  # the run ended there
    assert volts(float(lasted[0])) == pytest.approx(cut, rel=2e-5)
    (told,) = record.remarks
    for part in ("current, step 1: ended after", "voltage of A above 17.3 mV", "nothing is kept of", "the run ended"):
        assert part in told
    assert np.unique(record.tables["profiles"]["time"][0]) == pytest.approx([0.1 * TAU])


def test_a_hold_tends_to_its_steady_state_and_a_rest_keeps_what_was_stored() -> None:
    case = line(
        f"""
frequency = {{ values = ["{0.01 / TAU} Hz", "{40 / TAU} Hz"] }}
step = [
  {{ kind = "current", current = "{C * 9e-3 / TAU} A", duration = "{1.5 * TAU} s" }},
  {{ kind = "rest", duration = "{6 * TAU} s", spectra_at = ["{6 * TAU} s"] }},
  {{ kind = "hold", voltage = "4 mV", duration = "{6 * TAU} s" }},
]
"""
    )
    record = run_experiment(case, "run", quiet)[0].record
    rest = record.figure("voltage", "rest, step 2")
    assert (rest.textbook, rest.true) == (pytest.approx(13.5e-3, rel=1e-6), pytest.approx(13.5e-3, rel=1e-6))
    assert "voltage" not in {one.quantity for one in record.compared if one.how == "current, step 1"}  # it only rises
    assert record.figure("current", "hold, step 3").true == 0.0
    # coth(x)/x of a blocked line
    s = np.sqrt(2j * np.pi * np.array([0.01, 40.0]))
    Z = L / (SIGMA * AREA) / (s * np.tanh(s))
    table = {name: values for name, (values, _) in record.tables["spectra"].items()}
    np.testing.assert_allclose(table["Z_real"] + 1j * table["Z_imag"], Z, rtol=2e-4)
    np.testing.assert_allclose(table["Z_real"], table["Z_real_steady"], rtol=1e-9)
    np.testing.assert_array_less(table["drift"], 1e-6)


# ----------------------------------------------------------------------------------- what is kept and told


def test_what_is_kept_of_a_run_with_every_kind_of_step() -> None:
    record = everything()
    tables = record.tables
    assert list(tables) == ["record", "steps", "profiles", "spectra"]
    assert tables["record"]["step"][0][-1] == 15 and "voltage, B" in tables["record"]
    assert np.unique(tables["profiles"]["time"][0]) == pytest.approx([0.4])  # the limit came before 9 s
    c, x = (tables["profiles"][name][0] for name in ("concentration_cation", "position"))
    assert np.trapezoid(c, x) / 37e-6 == pytest.approx(700, rel=1e-3) and 650 < c.min() < c.max()
    assert tables["spectra"]["time"][0].tolist() == [1.0, 1.0]
    drifts = tables["spectra"]["drift"][0] * tables["spectra"]["frequency"][0]
    assert drifts[0] == pytest.approx(drifts[1], rel=1e-12)  # one rate, over two periods
    told = " | ".join(record.remarks)
    assert "concentration of cation below 650" in told and "spectrum of hold, step 1, 1 s: the state drifts by" in told
    assert "within a period at 0.3 Hz" in told
    assert 0 < record.conservation < 1e-9
    assert all(abs(one.error) < 1e-9 for one in record.compared if one.quantity == "charge")


@pytest.mark.parametrize("leave", [(), ("profiles", "spectra")])
def test_the_figure(leave: tuple[str, ...], tmp_path: Path) -> None:
    record = everything()
    tables = {name: table for name, table in record.tables.items() if name not in leave}
    figure = FIGURES["protocol"](TechniqueRecord("protocol", tables, ()))
    assert len(figure.axes) == 4 - len(leave)
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert labels[:2] == [("", "V / mV"), ("time / s", "I / mA")]
    if not leave:
        assert labels[2:] == [("x / µm", "c of cation / mol m⁻³"), ("Z′ / Ω", "−Z″ / Ω")]
        assert figure.axes[3].get_aspect() == 1.0
    png, svg = save(figure, tmp_path / "figure")
    assert png.stat().st_size > 5000 and svg.exists()
    with pytest.raises(InputError, match='read a record of "GITT"'):
        FIGURES["protocol"](TechniqueRecord("GITT", {}, ()))


def test_progress_is_told_by_protocols_and_by_gitt() -> None:
    heard: list[tuple[str, float]] = []

    def hear(what: str, part: float = 0.0, /) -> None:
        heard.append((what, part))

    run_experiment(line('step = [{ kind = "hold", voltage = "3 mV", duration = "1 h" }]'), "run", hear)
    parts = [part for what, part in heard if what.startswith("step 1 (hold), ")]
    assert parts == sorted(parts) and 0 <= parts[0] <= parts[-1] <= 1
    assert heard[0][0] == "steady state" and heard[1][0].endswith("% of the protocol")
    heard.clear()
    run_experiment(load_case(ROOT / "tests" / "case_examples" / "insertion.toml"), "pulses", hear)
    assert heard[0][0].startswith("step pulse 1, 0% of")


# ---------------------------------------------------------------------------------------- interruption


def system() -> System:
    case = case_from_text(COARSE + 'step = [{ kind = "rest", duration = "1 h" }]', "coarse")
    return system_of(case, case.experiments[0], None)


STEPS = [
    Step("hold", {"A": voltage(6e-3)}, 0.4 * TAU, outputs=(0.01 * TAU, 0.2 * TAU)),
    Step("sine", {"A": voltage(Sine(6e-3, 2e-3, 3 / TAU))}, 0.7 * TAU),
    Step("rest", {"A": current(0.0)}, TAU),
]


@pytest.mark.parametrize("calls", [170, 430])
def test_an_interrupted_run_goes_on_to_the_same_answer_to_the_last_bit(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was stopped, within a step too, when the integrator starts afresh every so often."""
    monkeypatch.setattr(transient, "AFRESH", 70)
    point = solve_steady(system())
    counted: list[Progress] = []
    whole = solve_transient(point, STEPS, progress=counted.append)
    assert len(counted) > 440
    left = iter([False] * calls + [True])
    mark = fingerprint(point, STEPS, Tolerance())
    with pytest.raises(InterruptedRunError):
        solve_transient(point, STEPS, progress=Checkpoint(tmp_path / "c.npz", mark, stop=lambda: next(left)))
    again = Checkpoint(tmp_path / "c.npz", mark)
    resume = again.resume()
    assert resume is not None and calls - 75 < len(resume.kept.time) <= calls + 5
    rest = solve_transient(point, STEPS, resume=resume, progress=again)
    for name in ("time", "step", "voltage", "current", "charge", "stored", "state_time", "state", "state_rate"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name), err_msg=name)
    assert rest.conservation == whole.conservation


def test_what_is_on_disk_is_for_one_run_alone(tmp_path: Path) -> None:
    one, other = solve_steady(system()), solve_steady(system(), {"A": 1e-3})
    mark = fingerprint(one, STEPS, Tolerance())
    assert mark == fingerprint(solve_steady(system()), list(STEPS), Tolerance())
    marks = {
        mark,
        fingerprint(other, STEPS, Tolerance()),
        fingerprint(one, STEPS[:2], Tolerance()),
        fingerprint(one, STEPS, Tolerance(1e-5)),
        fingerprint(one, STEPS, Tolerance(), "a case"),
    }
    assert len(marks) == 5
    kept: list[Progress] = []
    solve_transient(one, STEPS[:1], progress=kept.append)
    save_progress(tmp_path / "c.npz", kept[-1], mark)
    assert Checkpoint(tmp_path / "c.npz", mark).resume() is not None
    assert Checkpoint(tmp_path / "d.npz", mark).resume() is None
    with pytest.raises(InputError, match="a checkpoint of another system or protocol"):
        Checkpoint(tmp_path / "c.npz", "another").resume()


def test_a_run_that_a_limit_ended_stays_ended() -> None:
    limit = Limit("voltage", "A", "above", 4e-3, ends_run=True)
    steps = [Step("charge", {"A": current(C * 5e-3 / TAU)}, 3 * TAU, [limit]), STEPS[2]]
    kept: list[Progress] = []
    point = solve_steady(system())
    whole = solve_transient(point, steps, progress=kept.append)
    again = solve_transient(point, steps, resume=kept[-1])
    np.testing.assert_array_equal(again.time, whole.time)
    assert set(whole.step) == {0} and whole.events == again.events and whole.time[-1] < TAU


def test_a_run_is_kept_while_it_goes_on(tmp_path: Path) -> None:
    seen: list[bool] = []
    point = solve_steady(system())
    checkpoint = Checkpoint(tmp_path / "c.npz", "x", every=0.0)

    def progress(now: Progress) -> None:
        checkpoint(now)
        seen.append(checkpoint.path.exists())

    solve_transient(point, STEPS, progress=progress)
    assert not seen[0] and seen[-1]


MANY = """
step = [
  { kind = "hold", voltage = "5 mV", duration = "100 s", spectra_at = ["100 s"] },
  { kind = "repeat", times = 8, step = [
    { kind = "hold", voltage = "2 mV", duration = "90 s", profiles_at = ["3 s"] },
    { kind = "current", current = "-0.3 uA", duration = "40 s" },
  ] },
]
frequency = { values = ["1 Hz", "10 Hz"] }
"""
# as `miecsim run`, but what is kept goes to disk at once
EAGER = """
from miecsim.results.checkpoint import Checkpoint
from miecsim.cli import main
Checkpoint.__init__.__kwdefaults__["every"] = 0.0
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_and_the_same_command_again(tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text(COARSE + MANY, encoding="utf-8")
    out, mark = tmp_path / "results", tmp_path / "results" / "run.checkpoint.npz"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = ["run", str(tmp_path)]

    def call(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "miecsim", *command, *more], env=environment, capture_output=True, text=True
        )

    running = subprocess.Popen(
        [sys.executable, "-c", EAGER, *command],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not mark.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    (told,) = errors.strip().split("\n")
    assert told.startswith("interrupted: experiment run after ") and told.endswith(
        "the same command goes on from there"
    )
    assert mark.exists() and not (out / "result.h5").exists()

    other = call("--set", "layer.film.thickness=38 um")
    assert other.returncode == 2 and "holds an interrupted run of another input" in other.stderr
    assert other.stderr.count("\n") == 1
    _forget_others(out, load_case(tmp_path))  # as --force does
    assert mark.exists()
    copy = out / "copy" / mark.name
    copy.parent.mkdir()
    copy.write_bytes(mark.read_bytes())
    _forget_others(copy.parent, load_case(tmp_path, ["layer.film.thickness=38 um"]))
    assert not copy.exists()
    assert call().returncode == 0 and not mark.exists()
    resumed = read_result(out / "result.h5").experiments[0].record
    whole = run_experiment(load_case(tmp_path), "run", quiet)[0].record
    for name, table in whole.tables.items():
        for column, (values, _) in table.items():
            np.testing.assert_array_equal(resumed.tables[name][column][0], values)
