"""Case files: every example loads, every way of getting a key wrong is told in one clear line, and nothing else is."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import dumps, faults, mutations

from miecsim import case as c
from miecsim.case import Case, apply_override, case_from_dict, case_from_text, load_case
from miecsim.constants import FARADAY, VACUUM_PERMITTIVITY
from miecsim.errors import InputError

EXAMPLES = Path(__file__).parent / "case_examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.toml"))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")


def example(name: str) -> Case:
    return load_case(EXAMPLES / f"{name}.toml")


def lines_of(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        case_from_text(text, "case.toml")
    return [line.removeprefix("case.toml: ") for line in str(caught.value).split("\n")]


def changed(name: str, *replacements: tuple[str, str]) -> str:
    text = text_of(name)
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


# ---------------------------------------------------------------------------------------------- good cases


def test_the_examples_cover_the_format() -> None:
    everything = "\n".join(text_of(name.removesuffix(".toml")) for name in NAMES)
    words = [*c.laws.LAWS, *c.presets.PRESETS, *c.presets.POISSON_PRESETS, *c.layers.MODELS, *c.studies.REFERENCES]
    assert [
        word for word in (*words, "custom", "lattice_gas", "neutralise", "per area", "set") if word not in everything
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_loads_and_comes_back_the_same_from_what_is_stored(name: str) -> None:
    case = load_case(EXAMPLES / name)
    stored = json.loads(json.dumps(case.resolved))
    again = case_from_dict(stored, case.file)
    assert again.input_hash == case.input_hash
    assert (again.layers, again.studies, again.grid) == (case.layers, case.studies, case.grid)
    assert case_from_text(dumps(case.raw), case.file) == case
    for study in case.studies:
        variant = case.for_study(study.name)
        assert [s.name for s in variant.studies] == [study.name]
        assert {check.study for check in variant.checks} <= {study.name}
        assert variant.for_study(study.name) == variant


def test_composite_in_si() -> None:
    case = example("composite_cathode")
    assert (case.temperature, case.area, case.per_area) == (298.15, 7.85e-5, False)
    assert case.grid == c.Grid(1, "cartesian", None, 1.0, 4, 0.0)
    layer = case.layer("cathode")
    assert (layer.thickness, layer.carriers, layer.mobile) == (4.7e-4, ("ion", "electron"), ("ion", "electron"))
    material = layer.material
    assert isinstance(material, c.Composite)
    assert material.ion == c.Rail(0.0166)
    assert material.electron is not None
    assert math.isclose(material.electron.conductivity, 0.056, rel_tol=1e-12)
    assert material.interface == c.VolumeInterface(5e5, c.RCPE(alpha=0.9, R=0.01, Q=0.1, Rs=0.0))
    assert material.cross_conductivity == 1e-4
    assert case.checks[0] == c.Check("ion_blocking", "R_dc", 107.0, "ohm", 0.02, "doi:10.1149/1945-7111/abf8d7")
    assert case.checks[1].unit == ""


def test_frequencies_and_preset_terminals() -> None:
    study = example("composite_cathode").study("battery")
    assert (len(study.frequency), study.frequency[0], study.frequency[-1]) == (91, 1e6, 1e-3)
    assert math.isclose(study.frequency[10], 1e5, rel_tol=1e-12)
    left, right = study.terminals
    assert (left.name, left.contacts) == ("A", (c.Contact("left", "ion", c.Reversible()),))
    assert (right.name, right.contacts) == ("B", (c.Contact("right", "electron", c.Reversible()),))
    assert example("composite_stack").study("three_electrode").frequency == (0.1, 1.0, 10.0, 1000.0)
    ceria = example("ceria").study("as_given")
    assert [contact.carrier for t in ceria.terminals for contact in t.contacts] == ["electron", "electron"]
    assert c.presets.carrier_in_part(example("ceria").layers[0], "ion") == "vacancy"
    plates = example("pnp_blocking").study("reversible").terminals
    assert [contact.carrier for contact in plates[1].contacts] == ["potential", "cation", "anion"]
    assert [contact.carrier for t in example("pnp_blocking").study("blocking").terminals for contact in t.contacts] == [
        "potential",
        "potential",
    ]


def test_totals_become_values_per_area() -> None:
    stack = example("composite_stack")  # 1 cm^2
    assert stack.interfaces == (c.Interface("separator", "cathode", "ion", c.RC(R=1e-4, C=1e-2, Rs=0.0)),)
    anode, collector = stack.study("three_electrode").terminals
    law = anode.contacts[0].law
    assert isinstance(law, c.RCPE)
    assert [law.R, law.Q, law.Rs] == pytest.approx([5e-4, 1e-2, 5e-5], rel=1e-14)
    assert collector.contacts[0].law == c.Resistance(1e-5)
    assert collector.contacts[1].law == c.Blocking()
    assert stack.study("three_electrode").links == (c.Link("right", c.Capacitor(5e-2)),)
    planes = stack.study("three_electrode").reference_planes
    assert planes[0] == c.ReferencePlane("middle", "separator", 0.5, "ion")
    assert example("composite_stack").layers[0].carriers == ("ion",)


def test_carriers_in_si() -> None:
    material = example("mixed_carriers").layers[0].material
    assert isinstance(material, c.MixedCarriers)
    vacancy, _, dopant = material.species
    assert vacancy == c.Carrier("vacancy", 2, 2089.0, 1e-12, True, "lattice_gas", 84000.0)
    assert (dopant.mobile, dopant.diffusivity, material.mobile) == (False, 0.0, ("vacancy", "electron"))
    solid, liquid = (layer.material for layer in example("pnp_custom").layers)
    assert isinstance(solid, c.Poisson) and isinstance(liquid, c.Poisson)
    assert (solid.fixed_charge, solid.neutralise, solid.permittivity) == (-FARADAY * 10.0, True, 2.6e-10)
    assert (liquid.fixed_charge, liquid.permittivity) == (-9.6, 80.0 * VACUUM_PERMITTIVITY)
    rails = example("mixed_dielectric").layers[0].material
    assert isinstance(rails, c.MixedRails)
    assert (rails.chemical_capacitance, rails.permittivity) == (None, 2.6e-10)
    assert rails.electron.chemical_capacitance == 2e8
    ceria = example("ceria").layers[0].material
    assert isinstance(ceria, c.AcceptorDopedCeria)
    assert math.isclose(ceria.pO2, 101325e-18, rel_tol=1e-14)


def test_a_study_sets_its_own_values() -> None:
    case = example("ceria")
    assert case.study("reduced").overrides == ("layer.ceria.defects.pO2", "temperature", "grid.cells")
    variant = case.for_study("reduced")
    material = variant.layers[0].material
    assert isinstance(material, c.AcceptorDopedCeria)
    assert math.isclose(material.pO2, 101325e-21, rel_tol=1e-14)
    assert (variant.temperature, variant.grid.cells, variant.studies[0].overrides) == (983.15, 50, ())
    assert (case.for_study("as_given").temperature, case.grid.cells) == (973.15, None)
    assert (case.for_study("as_given").checks, len(variant.checks)) == ((), 1)
    assert variant.input_hash != case.input_hash


def test_the_hash_knows_what_matters() -> None:
    text = text_of("mixed_rails")
    known = case_from_text(text, "a").input_hash
    assert case_from_text(f"# a comment\n{text}", "b").input_hash == known
    assert case_from_text(text.replace("grading = 1.0", "grading = 1"), "a").input_hash == known
    assert case_from_text(text.replace("grading = 1.0\n", ""), "a").input_hash == known
    assert case_from_text(text.replace('"1 um"', '"2 um"'), "a").input_hash != known


# ---------------------------------------------------------------------------------------- one thing wrong


@pytest.mark.parametrize("name", NAMES)
def test_every_way_of_getting_a_key_wrong(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    data = tomllib.loads(text)
    assert tomllib.loads(dumps(data)) == data
    found = [
        fault for label, path, mutated in mutations(text, once=True) for fault in faults(label, path, mutated, data)
    ]
    assert found == []
