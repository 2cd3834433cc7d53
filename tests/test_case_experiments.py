"""Experiments and biased studies in case files: what they read as in SI, and how mistakes in them are told.

Every way of getting one of their keys wrong is in test_case_schema.py, which takes the same examples."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

import miecsim.case as c
from miecsim.case import case_from_dict, case_from_text, load_case
from miecsim.case.parameters import Parameters
from miecsim.case.technique_conductivity import ConductivityRelaxation, FourLineProbe
from miecsim.case.technique_insertion import Gitt, GittErrorMap, Pitt, Spot
from miecsim.case.technique_polarisation import (
    BruceVincent,
    CurrentCarrying,
    DcPolarisation,
    HebbWagner,
    OxygenMembrane,
)
from miecsim.case.technique_profiles import ReferenceElectrode, SpaceCharge
from miecsim.case.techniques import TECHNIQUES
from miecsim.errors import InputError
from miecsim.plot.techniques import FIGURES
from miecsim.run.experiments import RUNNERS

EXAMPLES = Path(__file__).resolve().parent / "case_examples"
EXPERIMENTS = (
    "microstructure",
    "protocol",
    "insertion",
    "probes",
    "polarisation",
    "electrolyte",
    "contact",
    "tips",
    "reference_electrodes",
    "grain_boundary",
)


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")


def example(name: str, *overrides: str) -> c.Case:
    return load_case(EXAMPLES / f"{name}.toml", overrides)


def lines_of(name: str, *changes: tuple[str, str]) -> list[str]:
    text = text_of(name)
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    with pytest.raises(InputError) as caught:
        case_from_text(text, "case.toml")
    lines = [line.removeprefix("case.toml: ") for line in str(caught.value).split("\n")]
    assert all("; expected " in line for line in lines)
    return lines


def test_every_technique_is_read_run_and_drawn() -> None:
    assert TECHNIQUES.keys() == RUNNERS.keys() == FIGURES.keys()
    used = {e.technique for name in EXPERIMENTS for e in example(name).experiments}
    assert used == TECHNIQUES.keys()


def test_parameters_in_si() -> None:
    insertion, probes = example("insertion"), example("probes")
    assert insertion.experiment("steps").parameters == Pitt((4e-3, 1.5e-3), 1200.0, 0.0, tolerance=1e-6)
    pulses = insertion.experiment("pulses").parameters
    assert isinstance(pulses, Gitt)
    assert pulses.current == pytest.approx(-0.65e-3, rel=1e-14)  # 0.5 mA/cm2 on 1.3 cm2
    assert dataclasses.replace(pulses, current=-1.0) == Gitt(-1.0, 40.0, 900.0, 2, None, -0.4, (0.04, 0.9))
    spheres = insertion.experiment("spheres").parameters
    assert spheres == GittErrorMap((2e-6, 5e-6), (30.0, 300.0), None, 2e-4, (Spot(5e-6, 300.0),))
    lines = probes.experiment("lines").parameters
    assert lines == FourLineProbe(6e-5, (2e-5, 1.5e-4), 3e-3, (-3e-5,), 4e-6, "electron", (10.0, 1e3), 2, 1.5)
    relaxation = probes.experiment("relaxation").parameters
    law = c.RC(R=pytest.approx(4e-5, rel=1e-14), C=pytest.approx(20.0, rel=1e-14), Rs=0.0)
    assert relaxation == ConductivityRelaxation(law, 1e-3, 5e-4, ("vacancy", "electron"), 7200.0, 1e-7)


def test_parameters_of_direct_current_in_si() -> None:
    both, curve, film, leak = (experiment.parameters for experiment in example("polarisation").experiments)
    contact = c.Resistance(pytest.approx(7e-5, rel=1e-14))
    frequency = (1e-3, 0.1, 10.0)
    assert both == DcPolarisation(-3e-3, 480.0, "ion", "electron", contact, c.Reversible(), frequency, 1e-6)
    assert curve == HebbWagner((-0.03, -0.01, 0.0, 0.015, 0.04), "ion", 0.035)
    assert isinstance(film, CurrentCarrying)
    assert film.currents == (4e-6, pytest.approx(-5.4e-6, rel=1e-14)) and len(film.frequency or ()) == 17
    assert isinstance(leak, OxygenMembrane) and leak.thicknesses == (2e-4, 5e-4, 1e-3)
    assert leak.low == pytest.approx(202.65) and leak.surface_resistance == pytest.approx((3e-3, 4e-3))
    (steps,) = (experiment.parameters for experiment in example("electrolyte").experiments)
    assert isinstance(steps, BruceVincent) and (steps.voltages, steps.duration) == ((9e-3,), 14400.0)
    assert steps.contact == c.RC(R=pytest.approx(4e-3, rel=1e-14), C=pytest.approx(0.02, rel=1e-14), Rs=0.0)


def test_parameters_of_profiles_in_si() -> None:
    probes, boundary = (example(name).experiments[0].parameters for name in EXPERIMENTS[-2:])
    assert isinstance(probes, ReferenceElectrode) and isinstance(boundary, SpaceCharge)
    assert probes == ReferenceElectrode(3e-4, (1.1e-5, 5.2e-5), 3e-6, (1.0, 10.0, 1e3))
    assert (boundary.per_debye, len(boundary.frequency or ())) == (15, 19)


def test_what_an_experiment_is_wired_to() -> None:
    case = example("insertion")
    steps, pulses = case.experiment("steps"), case.experiment("pulses")
    contacts = [(t.name, contact.side, contact.carrier) for t in steps.terminals for contact in t.contacts]
    assert contacts == [("A", "left", "lithium"), ("B", "right", "electron")]
    assert pulses.terminals[0].contacts[0].law == c.Resistance(pytest.approx(90 * 1.3e-4, rel=1e-14))
    assert (steps.preset, pulses.preset, example("probes").experiment("lines").terminals) == ("battery", "custom", ())


def test_an_experiment_sets_its_own_values_and_keeps_its_checks() -> None:
    case = example("insertion")
    own = case.for_experiment("pulses")
    assert (own.grid.cells, case.grid.cells) == (31, 24)
    assert [e.name for e in own.experiments] == ["pulses"] and own.studies == ()
    assert [check.experiment for check in own.checks] == ["pulses"]
    assert own.for_experiment("pulses") == own and own.input_hash != case.input_hash
    assert case.for_study("polarised").experiments == ()
    assert case.for_experiment("spheres").grid.coordinates == "spherical"
    with pytest.raises(InputError, match=r'experiment: read "pulse"; expected .*; did you mean pulses\?'):
        case.for_experiment("pulse")


def test_what_is_stored_is_the_case_again() -> None:
    for name in EXPERIMENTS:
        case = example(name)
        again = case_from_dict(json.loads(json.dumps(case.resolved)), case.file)
        assert (again.experiments, again.checks, again.input_hash) == (case.experiments, case.checks, case.input_hash)


def test_a_default_is_the_same_case_as_its_value_written_out() -> None:
    case = example("insertion")
    stored = case.resolved["experiment"][0]
    assert (stored["electron"], case.resolved["experiment"][1]["electron"]) == ("electron", "electron")
    # no value stands for the reference state, and for the size of a pulse
    assert not {"start", "tolerance"} & set(case.resolved["experiment"][1])
    spelt = text_of("insertion").replace('start = "0 V"', 'start = "0 V"\nelectron = "electron"')
    assert case_from_text(spelt, "x").input_hash == case.input_hash
    plain = (str, int, float)
    for technique in TECHNIQUES.values():
        for field in dataclasses.fields(technique.parameters):  # type: ignore[arg-type]
            default = field.default
            held = default if isinstance(default, tuple) else (default,)
            assert default in (None, dataclasses.MISSING) or all(isinstance(v, plain) for v in held), field.name


def test_overrides_reach_parameters_and_sets() -> None:
    case = example("insertion", "experiment.pulses.count=7", "experiment.pulses.set.grid.cells=12")
    pulses = case.experiment("pulses").parameters
    assert isinstance(pulses, Gitt) and pulses.count == 7
    assert case.for_experiment("pulses").grid.cells == 12


@pytest.mark.parametrize(
    ("name", "frequency"), [("steps", 1 / 1.2), ("pulses", 25.0), ("spheres", 1 / 30e-3), ("lines", 0.0)]
)
def test_the_automatic_grid_knows_how_fast_an_experiment_is(name: str, frequency: float) -> None:
    """A thousandth of a step or of a pulse."""
    case = example("probes" if name == "lines" else "insertion")
    assert math.isclose(case.experiment(name).parameters.resolve, frequency, rel_tol=1e-12)
    assert Parameters().resolve == 0.0


def test_a_case_without_any_study() -> None:
    assert (len(example("probes").studies), len(example("probes").experiments)) == (0, 2)
    text = text_of("probes")
    alone = text[: text.index("[[experiment]]")]
    with pytest.raises(InputError) as caught:
        case_from_text(alone, "case.toml")
    told = "case.toml: study: read nothing (the key is missing); expected one or more tables, written [[study]] or"
    assert str(caught.value).startswith(told)


# ------------------------------------------------------------------------------------------------------ bias


def test_bias_in_si() -> None:
    case = example("insertion")
    assert case.study("polarised").bias == c.Bias((("A", 2e-3), ("B", -3e-4)), ())
    assert case.study("driven").bias == c.Bias((), (("A", 1.1e-8),))
    density = case_from_text(text_of("insertion").replace('"11 nA"', '"11 nA/cm^2"'), "x").study("driven").bias
    assert density is not None and density.currents[0] == ("A", pytest.approx(1.43e-8, rel=1e-13))


PER_AREA = ('area = "1.3 cm^2"', 'area = "per area"')
Change = tuple[str, str]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([('{ A = "11 nA" }', '{ A = "11 nA", B = "1 nA" }')], "study.driven.bias: read a current for every terminal"),
        ([('{ A = "11 nA" }', '{ C = "11 nA" }')], 'study.driven.bias.C: read "C"; expected the name of a terminal'),
        ([('{ A = "11 nA" }', "{}")], "study.driven.bias: read an empty table; expected a table: terminal = voltage"),
        ([('"11 nA"', '"11 nC"')], 'study.driven.bias.A: read "11 nC" (a charge); expected a current density or'),
        ([('"2 mV"', '"5 kV"')], 'study.polarised.bias.A: read "5 kV" (physically impossible); expected a potential'),
        (
            [('reference = "none"', 'reference = "mixed_conductor"')],
            'study.polarised.reference: read "mixed_conductor" beside a bias; expected "none"',
        ),
    ],
)
def test_what_is_wrong_with_a_bias(changes: list[Change], told: str) -> None:
    (line,) = lines_of("insertion", *changes)
    assert line.startswith(told), line


def test_a_total_current_needs_an_area() -> None:
    lines = lines_of("insertion", PER_AREA)
    assert 'study.driven.bias.A: read "11 nA" (a current)' in lines[0] and lines[0].endswith('"per area")')
    assert lines[1].startswith("experiment.pulses.terminal.ions.contacts.0.R") and len(lines) == 2


# ------------------------------------------------------------------------------------------------- mistakes

INSERTION: list[tuple[Change, str]] = [
    (
        ('technique = "pitt"', 'technique = "pit"'),
        'experiment.steps.technique: read "pit"; expected a technique: one of',
    ),
    (('technique = "pitt"\n', ""), "experiment.steps.technique: read nothing (the key is missing); expected a techn"),
    (
        ("count = 2", "coumt = 2"),
        "experiment.pulses.coumt: read an unknown key; expected one of technique, name, set, ",
    ),
    (
        ("[0.04, 0.9]", "[0.9, 0.04]"),
        "experiment.pulses.window: read [0.9, 0.04]; expected shares of a pulse that rise",
    ),
    (
        ('electron = "electron"', 'electron = "eletron"'),
        'experiment.pulses.electron: read "eletron"; expected a mobile',
    ),
    (('"-0.5 mA/cm^2"', '"0 A"'), 'experiment.pulses.current: read "0 A" (no current); expected'),
    (
        ('sizes = ["2 um", "5 um"]', 'sizes = ["2 um"]'),
        "experiment.spheres.sizes: read a list of 1; expected a list of",
    ),
    (
        ('{ size = "5 um", pulse = "300 s" }', '{ size = "5 um", puls = "300 s" }'),
        "experiment.spheres.spots.0.puls: read an unknown key; expected one of size, pulse; did you mean pulse?",
    ),
    (
        ('"grid.cells" = 31', '"experiment.steps.duration" = "1 s"'),
        "experiment.pulses.set.experiment.steps.duration: read a key that an experiment cannot set",
    ),
    (
        ('"grid.coordinates" = "spherical"', '"layer.host.carrier.electron.name" = "hole"'),
        "experiment.spheres.terminal.metal.contacts.0.carrier: read",
    ),
    (('name = "pulses"', 'name = "steps"'), 'experiment.1.name: read "steps" a second time; expected a name that no'),
    (('experiment = "steps"', 'experiment = "step"'), 'check.0.experiment: read "step"; expected the name of one that'),
    (
        ('read = "error"\n', ""),
        "check.0.read: read nothing (the key is missing); expected one of textbook, true, error",
    ),
    (('experiment = "steps"\n', ""), "check.0.study: read nothing (the key is missing); expected the name of a study,"),
    (('study = "polarised"', 'study = "polarised"\nread = "true"'), "check.2.read: read read beside study; expected"),
    (
        ('quantity = "conservation"', 'quantity = "conservation"\nhow = "fit"'),
        'check.1.how: read how beside quantity = "conservation"; expected how only for what an experiment compares',
    ),
]
PROBES: list[tuple[Change, str]] = [
    (('carrier = "electron"', 'carrier = "elektron"'), 'experiment.lines.carrier: read "elektron"; expected a mobile'),
    (('["-30 um"]', '["1 um", "2 um", "3 um"]'), "experiment.lines.offset: read a list of 3; expected one, or as many"),
    (('width = "3 mm"', 'width = "3 mm"\nterminals = "battery"'), "experiment.lines.terminals: read an unknown key;"),
    (('law = "r_c"', 'law = "capacitor"'), 'experiment.relaxation.exchange.law: read "capacitor"; expected one of'),
    (('"0.4 ohm*cm^2"', '"0.4 ohm"'), 'experiment.relaxation.exchange.R: read "0.4 ohm" (a resistance); expected a'),
    (
        ('["vacancy", "electron"]', '["vacancy", "hole"]'),
        'experiment.relaxation.carriers.1: read "hole"; expected a mo',
    ),
    (('values = ["10 Hz", "1 kHz"]', 'from = "10 Hz"'), "experiment.lines.frequency.to: read nothing"),
    (('experiment = "lines"', 'study = "lines"'), 'check.0.study: read "lines"; expected a case with [[study]]'),
]


POLARISATION: list[tuple[Change, str]] = [
    (('"0 mV", "15 mV"', '"15 mV", "0 mV"'), "experiment.curve.voltages: read potentials that do not rise; expected"),
    (('ion = "ion"\nelectron', 'ion = "iom"\nelectron'), 'experiment.both_cells.ion: read "iom"; expected a mobile'),
    (('law = "resistance"', 'law = "cpe"'), 'experiment.both_cells.ion_contact.law: read "cpe"; expected one of rev'),
    (('"-9 uA/cm^2"', '"-9 uV"'), 'experiment.film.currents.1: read "-9 uV" (a potential); expected a current'),
]


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        *(("insertion", *pair) for pair in INSERTION),
        *(("probes", *pair) for pair in PROBES),
        *(("polarisation", *pair) for pair in POLARISATION),
        (
            *("reference_electrodes", ('"52 um"', '"79.5 um"')),
            "experiment.probes.positions.1: read 79.5 um; expected a place within the stack, 0 to 80 um",
        ),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else "",
)
def test_what_does_not_fit(name: str, change: Change, told: str) -> None:
    lines = lines_of(name, change)
    assert any(line.startswith(told) for line in lines), lines


def test_an_experiment_at_the_centre_of_a_sphere() -> None:
    spoilt = text_of("insertion").replace(
        '{ side = "right", carrier = "lithium"', '{ side = "left", carrier = "lithium"'
    )
    with pytest.raises(InputError, match='grid.inner_radius: read "0 m", while experiment "spheres" contacts the left'):
        case_from_text(spoilt, "case.toml")


def test_a_technique_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """One class and one entry teach the case file a technique."""
    from miecsim.case.fields import DURATION
    from miecsim.case.table import key
    from miecsim.case.techniques import Technique

    @dataclasses.dataclass(frozen=True)
    class Wait(Parameters):
        span: float = key(DURATION)

    monkeypatch.setitem(TECHNIQUES, "wait", Technique(Wait, ("time",), wired=False))
    text = text_of("probes") + '\n[[experiment]]\nname = "pause"\ntechnique = "wait"\nspan = "2 min"\n'
    assert case_from_text(text, "x").experiment("pause").parameters == Wait(120.0)
    with pytest.raises(InputError, match=r'experiment\.pause\.span: read "2 m" \(a length\); expected a time'):
        case_from_text(text.replace('"2 min"', '"2 m"'), "case.toml")
