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
from mutations import SPOILT, dumps, faults, mutations

from miecsim import case as c
from miecsim.case import Case, apply_override, case_from_dict, case_from_text, load_case
from miecsim.constants import FARADAY, VACUUM_PERMITTIVITY
from miecsim.errors import InputError

EXAMPLES = Path(__file__).parent / "case_examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.toml"))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def text_of(name: str) -> str:
    """An example, or a shipped case by the name of its folder."""
    shipped = EXAMPLES.parent.parent / "cases" / name / "case.toml"
    return (shipped if shipped.is_file() else EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")


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
    words = [*c.laws.LAWS, *c.presets.PRESETS, *c.presets.POISSON_PRESETS, *c.layers.MODELS]
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
    assert (case.temperature, case.area) == (298.15, 7.85e-5)
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
    (between,) = stack.interfaces
    assert (between.left, between.right, between.carrier) == ("separator", "cathode", "ion")
    assert isinstance(between.law, c.RC)
    assert [between.law.R, between.law.C, between.law.Rs] == pytest.approx([1e-4, 1e-2, 0.0], rel=1e-14)
    anode, collector = stack.study("three_electrode").terminals
    law = anode.contacts[0].law
    assert isinstance(law, c.RCPE)
    assert [law.R, law.Q, law.Rs] == pytest.approx([5e-4, 1e-2, 5e-5], rel=1e-14)
    assert collector.contacts[0].law == c.Resistance(1e-5)
    assert collector.contacts[1].law == c.Blocking()
    (link,) = stack.study("three_electrode").links
    assert (link.side, link.law) == ("right", c.Capacitor(pytest.approx(5e-2, rel=1e-14)))
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
    spoiled = mutations(text, SPOILT, beside=False)
    assert [fault for label, path, wrong in spoiled for fault in faults(label, path, wrong, data)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_way_of_getting_every_key_wrong(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    data = tomllib.loads(text)
    found = [fault for label, path, wrong in mutations(text) for fault in faults(label, path, wrong, data)]
    assert found == []


MISTAKES = tomllib.loads((Path(__file__).parent / "case_mistakes.toml").read_text(encoding="utf-8"))["mistake"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{m['case']}: {m['told'][0][:60]}" for m in MISTAKES])
def test_what_does_not_fit_together(mistake: dict[str, Any]) -> None:
    told = mistake["told"]
    found = lines_of(changed(mistake["case"], *mistake["change"]))
    assert [line[: len(start)] for line, start in zip(found, told, strict=False)] == told
    assert len(found) == len(told), found


def test_everything_wrong_is_told_at_once() -> None:
    found = lines_of(
        changed(
            "composite_stack",
            ('"333.15 K"', '"1 m"'),
            ("cells = 40", "cells = 1"),
            ('thickness = "0.2 mm"', "thickness = 0.2"),
            ('"0.1 mA/cm^2"', '"-0.1 mA/cm^2"'),
            ('carrier = "ion"\nlaw = "r_c"', 'carrier = "iron"\nlaw = "r_c"'),
            ('reference = "none"', 'reference = "nothing"'),
            (
                'side = "left", carrier = "ion", law = "r_cpe", R = "5 ohm"',
                'side = "left", carrier = "ion", law = "r_cpe"',
            ),
        )
    )
    keys = [line.split(": ")[0] for line in found]
    assert keys == [
        "temperature",
        "grid.cells",
        "layer.separator.thickness",
        "layer.cathode.interface.exchange_current",
        "study.three_electrode.reference",
        "study.three_electrode.terminal.anode.contacts.0.R",
    ]


# ------------------------------------------------------------------------------------------ files and TOML


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('title = "a"\ntitle = "b"', 'line 2: read "title = "b""; expected each key and table once (Cannot overwrite'),
        ("[grid]\n[grid]\n", 'line 2: read "[grid]"; expected each key and table once (Cannot declare'),
        ("x = { a = 1, a = 2 }", 'line 1: read "x = { a = 1, a = 2 }"; expected each key and table once (Duplicate'),
        ("title = a text", 'line 1: read "title = a text"; expected TOML, with texts and quantities in quotes'),
        ('\n\ntitle = "open', 'line 3: read "title = "open"; expected TOML'),
        ("x = [1, 2\n\n\n", 'line 1: read "x = [1, 2"; expected TOML'),
        ("x = " + "[" * 5000, "read brackets nested too deep; expected a case file"),
        ("x = " + "9" * 5000, "read a number with too many digits; expected a case file"),
        ("title = 0x" + "f" * 5000, "title: read an integer near 10^6021; expected a text"),
        ("", "title: read nothing (the key is missing); expected a text: what the case shows"),
        ('"" = 1', '"": read an unknown key; expected one of title, model'),
        ('"a\\nb" = 1', '"a\\nb": read an unknown key; expected one of title, model'),
        ("title = 1979-05-27", "title: read 1979-05-27; expected a text: what the case shows"),
    ],
)
def test_broken_files(text: str, expected: str) -> None:
    found = lines_of(text)
    assert found[0].startswith(expected)
    assert all(len(line) < 400 and line.isprintable() for line in found)


def test_where_a_case_is_looked_for(tmp_path: Path) -> None:
    folder = tmp_path / "301_cathode"
    folder.mkdir()
    with pytest.raises(InputError, match=r"301_cathode: read a directory without case\.toml; expected the directory"):
        load_case(folder)
    (folder / "case.toml").write_bytes(b"\xef\xbb\xbf" + text_of("ceria").replace("\n", "\r\n").encode())
    assert load_case(folder).file == str(folder / "case.toml")
    assert load_case(folder).input_hash == load_case(folder / "case.toml").input_hash == example("ceria").input_hash
    with pytest.raises(InputError) as caught:
        load_case(tmp_path / "301_catode")
    assert str(caught.value).endswith(f"its case.toml; did you mean {folder}?")
    with pytest.raises(InputError, match="no such file"):
        load_case(tmp_path / "nowhere" / "else")
    for odd in ("a" * 5000, "a\0b", "a\nb", ""):
        with pytest.raises(InputError) as caught:
            load_case(tmp_path / "sub" / odd)
        assert "; expected a case" in str(caught.value) and str(caught.value).isprintable()
    (folder / "case.toml").write_bytes(b'title = "a"\nsource = "\xff"\n')
    with pytest.raises(InputError, match=r"case\.toml: line 2: read bytes that are not UTF-8; expected a text file"):
        load_case(folder)
    (folder / "case.toml").write_bytes(b"#" * (10**7 + 1))
    with pytest.raises(InputError, match="read 10000001 bytes; expected a case file of at most 10000000"):
        load_case(folder)


# ----------------------------------------------------------------------------------------------- overrides


@pytest.mark.parametrize(
    ("name", "override", "read"),
    [
        ("composite_cathode", "layer.cathode.thickness=300 um", lambda case: case.layers[0].thickness == 3e-4),
        ("composite_cathode", 'layer.0.thickness = "300 um"', lambda case: case.layers[0].thickness == 3e-4),
        ("composite_cathode", "grid.cells=25", lambda case: case.grid.cells == 25),
        ("composite_cathode", "grid.cells=auto", lambda case: case.grid.cells is None),
        ("composite_cathode", "title=a = b", lambda case: case.title == "a = b"),
        ("composite_cathode", "study.battery.frequency.to=1 Hz", None),
        ("composite_cathode", "study.battery.frequency.to=0.1 mHz", lambda case: case.studies[2].frequency[-1] == 1e-4),
        (
            "composite_cathode",
            'study.2.profiles=["1 Hz", "2 Hz", "3 Hz"]',
            lambda c: c.studies[2].profiles == (1, 2, 3),
        ),
        ("composite_cathode", "study.battery.profiles.0=2 mHz", lambda case: case.studies[2].profiles[0] == 2e-3),
        (
            "composite_cathode",
            "study.battery.set.temperature=300 K",
            lambda c: c.for_study("battery").temperature == 300,
        ),
        (
            "ceria",
            "study.reduced.set.layer.ceria.defects.pO2=1 Pa",
            lambda c: c.for_study("reduced").layers[0].material.pO2 == 1,
        ),
        ("mixed_carriers", "layer.pellet.carrier.vacancy.mobile=false", None),
        (
            "mixed_carriers",
            "layer.pellet.carrier.vacancy.charge=1",
            lambda case: case.layers[0].material.species[0].charge == 1,
        ),
        ("mixed_carriers", "study.partly_blocking.terminal.B.contacts.0.law=blocking", None),
    ],
)
def test_overrides(name: str, override: str, read: Any) -> None:
    if read is None:
        with pytest.raises(InputError):
            load_case(EXAMPLES / f"{name}.toml", [override])
        return
    case = load_case(EXAMPLES / f"{name}.toml", [override])
    assert read(case)
    assert (case.input_hash != example(name).input_hash) is (case.raw != example(name).raw)
    assert case.raw == apply_override(example(name).raw, override)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("layer.catode.thickness=1 um", 'layer.catode.thickness: read "catode" in the key; expected cathode in layer'),
        ("layer.cathode.thicknes=1 um", "layer.cathode.thicknes: read an unknown key; expected one of name, thickness"),
        ("layer.3.thickness=1 um", 'layer.3.thickness: read "3" in the key; expected cathode in layer'),
        ("layers.cathode.thickness=1 um", "layers: read an unknown key; expected one of"),
        ("title.text=a", 'title.text: read "text" in the key, but title is a value; expected a key that ends at title'),
        ("study.none.reference=none", 'study.none.reference: read "none" in the key; expected one of ion_blocking'),
        ("layer.cathode.thickness=1 S", 'layer.cathode.thickness: read "1 S" (a conductance); expected a length'),
        ("layer.cathode.thickness", '--set: read "layer.cathode.thickness"; expected key=value, such as'),
        ("=1", '--set: read "=1"; expected key=value'),
        ("a..b=1", 'a."".b: read the key "a..b"; expected a dotted key'),
        ("grid.cells=inf", "grid.cells: read inf; expected"),
        ("grid.cells=1\nx = 2", 'grid.cells: read "1\\nx = 2"; expected'),
    ],
)
def test_overrides_that_lead_nowhere(override: str, expected: str) -> None:
    file = EXAMPLES / "composite_cathode.toml"
    with pytest.raises(InputError) as caught:
        load_case(file, [override])
    line, *more = str(caught.value).split("\n")
    assert line.startswith(f"{file}: {expected}")
    assert not more


def test_names_that_are_not_there() -> None:
    case = example("composite_cathode")
    with pytest.raises(InputError, match=r'study: read "batery"; expected .*; did you mean battery\?'):
        case.study("batery")
    with pytest.raises(InputError, match='layer: read "anode"; expected the name of a layer: cathode'):
        case.layer("anode")
    with pytest.raises(InputError):
        case.for_study("none")


# ---------------------------------------------------------------------------------------- whatever is read

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["1 m", "1 S/m", "nan ohm", "1e400 F", "auto", "per area", "ion", "r_c", "custom", "-1 K", "1 Hz"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@QUICK
@given(data=st.data(), name=st.sampled_from(NAMES), value=VALUES)
def test_any_value_anywhere_loads_or_is_told(data: st.DataObject, name: str, value: Any) -> None:
    raw = tomllib.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    node: Any = raw
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = value
        break
    try:
        case_from_dict(raw, "case.toml")
    except InputError as error:
        assert all(line.startswith("case.toml: ") and "; expected " in line for line in str(error).splitlines())


@QUICK
@given(text=st.text(max_size=60) | st.text("[]{}=\"'#\n abt.1", max_size=40))
def test_any_text_is_told_to_be_no_case(text: str) -> None:
    with pytest.raises(InputError) as caught:
        case_from_text(text, "case.toml")
    assert all(line.startswith("case.toml: ") and line.isprintable() for line in str(caught.value).split("\n"))


@QUICK
@given(text=st.text(max_size=40) | st.text('layer.0cthod=1 "', max_size=30))
def test_any_override_applies_or_is_told(text: str) -> None:
    raw = tomllib.loads(text_of("composite_cathode"))
    known = json.dumps(raw)
    try:
        apply_override(raw, text)
    except InputError as error:
        assert str(error).isprintable()
    assert json.dumps(raw) == known


def test_reading_a_case_stays_light() -> None:
    """A case is read before anything is computed: that must not cost the imports of the solvers, or of pint."""
    code = (
        "import sys; from miecsim.case import load_case; load_case(sys.argv[1]);"
        "print([m for m in ('numpy', 'scipy', 'fipy', 'pint', 'pydantic', 'h5py', 'matplotlib') if m in sys.modules])"
    )
    file = str(EXAMPLES / "composite_cathode.toml")
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
