"""Studies of one case in different models: what they set, what their terminals belong to, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

import miecsim.case as c
from miecsim.case import case_from_text
from miecsim.errors import InputError

TEXT = (Path(__file__).resolve().parent / "case_examples" / "two_models.toml").read_text(encoding="utf-8")


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def test_a_study_can_be_of_another_model() -> None:
    """Its terminals are read against the stack that its `set` makes, and totals against the area that it sets."""
    case = case_from_text(TEXT, "case.toml")
    assert isinstance(case.layers[0].material, c.Poisson)
    assert [contact.carrier for t in case.study("full").terminals for contact in t.contacts] == ["potential"] * 2
    own = case.for_study("line")
    assert (own.model, own.area) == ("mixed_conductor", 3.5e-5)
    assert own.layers[0].material == c.MixedRails(c.Rail(0.04), c.Rail(0.09), 1.5e7, None)
    law = c.RC(R=pytest.approx(1.05e-4, rel=1e-14), C=pytest.approx(2e-6 / 3.5e-5, rel=1e-14), Rs=0.0)
    assert own.study("line").terminals == case.study("line").terminals
    assert own.study("line").terminals[0].contacts == (c.Contact("left", "ion", law),)
    thin = case_from_text(changed("[study.set]", '[study.set]\n"layer.film.thickness" = "7 nm"'), "x")
    assert thin.for_study("line").layers[0].thickness == 7e-9 and thin.layers[0].thickness == 9e-8
    own_list = case.resolved["study"][1]["set"]["layer"]
    assert [layer["cross_conductivity"] for layer in own_list] == ["0 S/m"]  # defaults are written out there too


_LIST = """[[study.set.layer]]
name = "film"
thickness = "90 nm"
chemical_capacitance = "1.5e7 F/m^3"
ion = { conductivity = "0.04 S/m" }
electron = { conductivity = "0.09 S/m" }
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('model = "mixed_conductor"\n', "", "study.line.set.layer.film.fixed_charge: read nothing"),
        ('model = "mixed_conductor"', 'modell = "mixed_conductor"', "study.line.set.modell: read an unknown key"),
        ('model = "mixed_conductor"', 'model = "mixed"', 'study.line.set.model: read "mixed"; expected one of'),
        ('ion = { conductivity = "0.04 S/m" }\n', "", "study.line.set.layer.film.ion: read nothing"),
        ('"0.04 S/m"', '"0.04 S"', 'study.line.set.layer.film.ion.conductivity: read "0.04 S"'),
        ('carrier = "ion"', 'carrier = "vacancy"', 'study.line.terminal.A.contacts.0.carrier: read "vacancy"'),
        ('terminals = "blocking"', 'terminals = "battery"', 'study.full.terminals: read "battery"; expected one of'),
        (_LIST, "layer = []\n", "study.line.set.layer: read an empty list"),
        (_LIST, 'layer = 7\n"layer.film.thickness" = "1 nm"\n', 'study.line.set.layer.film.thickness: read "film" in'),
    ],
)
def test_what_is_wrong_with_another_model_is_told_of_its_study(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        case_from_text(changed(old, new), "case.toml")
    lines = [line.removeprefix("case.toml: ") for line in str(caught.value).split("\n")]
    assert any(line.startswith(told) for line in lines), lines
    assert all(line.startswith(told.split(".set")[0].split(".term")[0]) for line in lines), lines
