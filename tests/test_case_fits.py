"""The [fit] table of a case: what is read, defaults, and one clear line for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fitted_composites import ALPHA, BOTH, CELLS, ELECTRON, FREE, HEAD, ION, Q, case_text

from miecsim.case import fit_data
from miecsim.case.load import case_from_text, fitted_variant
from miecsim.errors import InputError
from miecsim.fitting.circuits import circuits_of
from miecsim.inverse import readers
from miecsim.sweep import points_of


def case_with(fit: str):
    return case_from_text(case_text(fit), "case.toml")


def refused(fit: str) -> list[str]:
    with pytest.raises(InputError) as error:
        case_with(fit)
    return str(error.value).splitlines()


def parameter(text: str) -> str:
    return HEAD + f'[[fit.parameter]]\nkey = "{ION}"\nfrom = "1 mS/m"\nto = "1 S/m"\n' + text


def test_parameters_have_si_bounds_and_start_at_the_case_itself():
    fit = case_with(HEAD + FREE + BOTH).fit
    ion, electron, coefficient, exponent = fit.parameters
    assert [p.key for p in fit.parameters] == [ION, ELECTRON, Q, ALPHA]
    assert (ion.start, ion.low, ion.high, ion.unit, ion.log) == (0.05, 1e-3, 1.0, "S/m", True)
    assert (coefficient.start, coefficient.unit) == (0.04, "F*s^(alpha-1)/m^2")
    assert (exponent.start, exponent.unit, exponent.log) == (0.8, "", False)
    assert electron.start == 0.06 and not electron.each and electron.prior is None
    assert (fit.weighting, fit.noise, fit.starts, fit.profile, fit.kramers_kronig) == ("modulus", 0.005, 1, (), None)
    assert [(d.name, d.study, d.group, d.file) for d in fit.data] == [(n, n, n, f"{n}.csv") for n in CELLS]


def test_a_start_outside_the_bounds_is_their_middle():
    fit = case_with(HEAD + f'[[fit.parameter]]\nkey = "{ION}"\nfrom = "0.2 S/m"\nto = "0.8 S/m"\n').fit
    assert fit.parameters[0].start == pytest.approx(0.4)


def test_priors_starts_and_profiles():
    text = parameter('start = "3 mS/m"\neach = true\nprior = { mean = "20 mS/m", spread = 0.1 }\n')
    fit = case_with(text.replace("[fit]", "[fit]\nprofile = true\nkramers_kronig = 0.03")).fit
    (one,) = fit.parameters
    assert (one.start, one.prior, one.each) == (0.003, (0.02, 0.1), True)
    assert fit.profile == (ION,) and fit.kramers_kronig == 0.03


def test_the_threshold_of_the_filter_follows_the_noise():
    assert case_with(HEAD.replace("0.005", "0.02") + "kramers_kronig = true\n" + FREE).fit.kramers_kronig == 0.08
    assert case_with("[fit]\nkramers_kronig = true\n" + FREE).fit.kramers_kronig == 0.0  # that of the data


def test_data_say_what_differs_and_how_they_are_read():
    text = """
[[fit.data]]
name = "warm"
study = "ion_blocking"
file = "a.csv"
group = "60 degC"
set = { temperature = "60 degC", "layer.composite.thickness" = "91 um" }
frequency = { from = "1 MHz", to = "1 Hz" }
area = "1.13 cm^2"
columns = { frequency = "f", real = 2 }
imaginary = "-Im"
duplicates = "average"
"""
    case = case_with(HEAD + FREE + text)
    (one,) = case.fit.data
    assert one.settings == (("temperature", "60 degC"), ("layer.composite.thickness", "91 um"))
    assert (one.group, one.window) == ("60 degC", (1.0, 1e6))
    assert one.reading["area"] == pytest.approx(1.13e-4)
    assert one.reading["columns"] == {"frequency": "f", "real": 2} and one.reading["duplicates"] == "average"
    own = fitted_variant(case.raw, one.study, one.settings)
    assert own["temperature"] == "60 degC" and [s["name"] for s in own["study"]] == ["ion_blocking"]


def test_the_table_of_the_manual_reads():
    manual = (Path(__file__).resolve().parent.parent / "cases" / "FORMAT.md").read_text(encoding="utf-8")
    table = "\n".join(re.findall(r"```toml\n(.*?)```", manual.partition("## Fits")[2], flags=re.DOTALL))
    fit = case_with(table).fit
    assert fit.parameters[0].each and fit.parameters[0].prior == (0.02, 0.2)
    assert fit.data[0].name == "cold" and fit.circuits[0].bounds == {"R0": (1.0, 100.0)}
    (circuit,) = circuits_of(fit, "case.toml")
    assert list(circuit.parameters()) == ["R0", "R1", "CPE1.Q", "CPE1.alpha"]


def test_words_are_those_of_the_readers():
    assert (fit_data.ROLES, fit_data.SIGNS, fit_data.DUPLICATES) == (readers.ROLES, readers.SIGNS, readers.DUPLICATES)


def test_a_fit_is_no_part_of_what_one_run_or_one_point_of_a_sweep_computes():
    sweep = f'[sweep]\n[[sweep.axis]]\nkey = "{ION}"\nvalues = ["1 mS/m", "2 mS/m"]\n'
    assert case_with(HEAD + FREE).input_hash == case_with("").input_hash
    assert not any("fit" in point.raw for point in points_of(case_with(sweep + HEAD + FREE)))


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        (HEAD, "fit.parameter: read nothing (the key is missing)"),
        (HEAD + "weigthing = 'unit'\n" + FREE, "fit.weigthing: read an unknown key; expected one of weighting,"),
        (HEAD + "weighting = 'units'\n" + FREE, 'fit.weighting: read "units"; expected one of modulus, unit, measured'),
        (HEAD + "profile = ['layer.x']\n" + FREE, 'fit.profile.0: read "layer.x"; expected a key of [[fit.parameter]]'),
        (HEAD + FREE + FREE, f'fit.parameter.4.key: read "{ION}" a second time; expected a key that no other has'),
        (HEAD + FREE.replace("ion.conductivity", "ion.conductivty"), "did you mean bulk_conductivity?"),
        (HEAD + FREE.replace("composite.ion", "compsite.ion"), "did you mean composite?"),
        (HEAD + FREE.replace("interface.Q", "interface.law"), 'which is "cpe"; expected a key whose value is a'),
        (HEAD + FREE.replace('key = "layer.composite.ion.conductivity"', 'key = "title"'), 'read "title"; expected a'),
        (HEAD + FREE.replace('from = "1 mS/m"', 'from = "1 mS"', 1), 'fit.parameter.0.to: read "1 S/m"; expected a'),
        (HEAD + FREE.replace('from = "1 mS/m"', 'from = "2 S/m"', 1), "fit.parameter.0.to: read"),
        (HEAD + FREE.replace('from = "1 mS/m"', "from = 0.1", 1), "fit.parameter.0.to: read"),
        (HEAD + FREE.replace("to = 1.0", "to = 1.3"), "fit.parameter.3.to: layer.composite.interface.alpha: read 1.3"),
        (HEAD + FREE.replace("from = 0.5", "from = -0.5").replace('"linear"', '"log"'), 'with scale = "log"; expected'),
        (parameter('start = "2 S/m"\n'), 'fit.parameter.0.start: read "2 S/m"; expected a value from "1 mS/m"'),
        (parameter('prior = { mean = "2 S/m" }\n'), "fit.parameter.0.prior.spread: read nothing"),
        (parameter('prior = { mean = "2 S", spread = 1 }\n'), "fit.parameter.0.prior.mean: read"),
        (parameter('prior = { mean = "2 S/m", spread = "1 S/m" }\n'), "the standard deviation of ln p"),
        (HEAD + FREE + BOTH.replace('"ion_blocking"', '"ion_blockin"'), "did you mean ion_blocking?"),
        (HEAD + FREE + BOTH + BOTH, "a second time; expected a name that no other data has"),
        (HEAD + FREE + "[[fit.data]]\nfile = 'a.csv'\n", "fit.data.0.study: read nothing (the key is missing)"),
        (HEAD + FREE + BOTH + "colums = {}\n", "did you mean columns?"),
        (HEAD + FREE + BOTH + "columns = { freq = 1 }\n", "columns.freq: read an unknown key"),
        (HEAD + FREE + BOTH + "set = { temprature = '3 K' }\n", "fit.data.1.set: temprature: read an unknown key"),
        (HEAD + FREE + BOTH + f"set = {{ '{ION}' = '1 S/m' }}\n", "which is a free parameter, in the set of the data"),
        (HEAD + FREE + BOTH + "set = { study = 'x' }\n", "fit.data.1.set.study: read a key that data cannot set"),
        (HEAD + FREE + BOTH + "frequency = { from = '1 Hz', to = '1 Hz' }\n", "read the same frequency as from"),
        ("[fit]\nweighting = 'measured'\n" + FREE + BOTH, "noise_column: read nothing (the key is missing)"),
        (HEAD + FREE + BOTH + "noise_column = 'sd'\n", 'fit.data.1.noise_column: read "sd" with weighting = "modulus"'),
        (HEAD + "weighting = 'measured'\n" + FREE, "fit.noise: read 0.005 with weighting"),
        (HEAD + FREE + "[[fit.circuit]]\nname = 'a'\nstring = 'R0'\nbounds = { R0 = [3, 1] }\n", "bounds.R0: read"),
    ],
)
def test_mistakes_are_told_in_a_line(fit, told):
    lines = refused(fit)
    assert any(told in line for line in lines), lines
    assert all(line.startswith("case.toml: fit") for line in lines)
