"""The netlist as JSON: reads back to the last bit, says enough to be solved by someone else, and refuses broken files;
and `miecsim export`, which writes it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.case import load_case
from miecsim.circuit.exchange import netlist_json, read_netlist_json
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance
from miecsim.cli import main
from miecsim.errors import InputError
from miecsim.run.run import run_case

ROOT = Path(__file__).resolve().parent.parent
FREQUENCY = np.array([0.013, 1.7, 430.0, 2.9e4])
NAMES = [name for name in systems.ALL if name != "cross"]
EVERY = [(name, d, bias) for name in NAMES for d in (1, 2) for bias in (0.0, 0.11)]


def onsager(per_area: bool = False) -> mx.System:
    """Mutual conductances, and terminals called what nodes of rails are called."""
    layer = mx.CompositeLayer("a layer", 37e-6, 0.043, 0.21, mx.Lumped(R=0.02, C=0.3), 2.1e5, sigma_cross=0.031)
    contacts = [("ion_3", mx.Contact("left", "ion", mx.Lumped(R=1e-4, C=0.2, Rs=3e-5)))]
    contacts.append(("electron_3", mx.Contact("right", "electron", mx.Reversible())))
    area = None if per_area else 3.1e-5
    mesh = mx.Mesh(cells=6, grading=2.0)
    return mx.build_system(mx.composite_electrode([layer]), systems.wires(*contacts), area=area, mesh=mesh)


def netlist_at(name: str, dimension: int, bias: float) -> Netlist:
    return netlist_of(mx.solve_steady(systems.ALL[name](dimension), {"A": bias}))


def same(one: object, other: object) -> bool:
    """Equal in every field, arrays bit by bit."""
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, n), getattr(other, n)) for n in names)
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype == float)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("name", "dimension", "bias"), EVERY)
def test_reads_back_to_the_last_bit(name: str, dimension: int, bias: float) -> None:
    netlist = netlist_at(name, dimension, bias)
    text = netlist_json(netlist)
    again = read_netlist_json(text)
    assert same(netlist, again)
    assert netlist_json(again) == text
    np.testing.assert_array_equal(netlist_impedance(again, FREQUENCY), netlist_impedance(netlist, FREQUENCY))


@pytest.mark.parametrize("per_area", [False, True])
def test_mutual_conductances_and_names_that_collide(per_area: bool) -> None:
    netlist = netlist_of(mx.solve_steady(onsager(per_area)))
    text = netlist_json(netlist)
    raw = json.loads(text)
    assert raw["unit"] == ("ohm m^2" if per_area else "ohm")
    assert {group["unit"] for group in raw["groups"] if group["kind"] == "G"} == {"S/m^2" if per_area else "S"}
    names = [node["name"] for node in raw["nodes"]]
    assert names[:2] == ["ion_3", "electron_3"] and "ion_3 (2)" in names and len(set(names)) == len(names)
    assert same(netlist, read_netlist_json(text))


def solved_from_the_description(text: str, f: float) -> complex:
    """Z from the JSON alone, as the format is described: a dense nodal analysis that knows nothing of the program."""
    raw = json.loads(text)
    w, s = 2 * np.pi * f, 2j * np.pi * f
    index = {node["name"]: i for i, node in enumerate(raw["nodes"])}
    Y = np.zeros((len(index), len(index)), dtype=complex)
    for group in raw["groups"]:
        kind = group["kind"]
        y = {"R": 1.0, "C": s, "G": 1.0}.get(kind)
        if kind == "CPE":
            y = w ** group["alpha"] * np.exp(0.5j * np.pi * group["alpha"])
        if kind == "Z":
            law = group["law"]
            inner = 1 / law["R"] if "R" in law else 0.0
            inner += s * law.get("C", 0.0) + law.get("Q", 0.0) * s ** law.get("alpha", 1.0)
            y = 1 / (law["Rs"] + 1 / inner)
        for element in group["elements"]:
            controls = element.get("controls", element["nodes"])
            for node, sign in zip(element["nodes"], (1, -1), strict=True):
                for control, turn in zip(controls, (1, -1), strict=True):
                    if node is not None:
                        Y[index[node], index[control]] += sign * turn * y * element["value"]
    first, ground = (index[name] for name in raw["terminals"][:2])
    keep = [i for i in index.values() if i != ground]
    current = np.array([1.0 if i == first else 0.0 for i in keep])
    return complex(np.linalg.solve(Y[np.ix_(keep, keep)], current)[keep.index(first)])


@pytest.mark.parametrize(("name", "dimension", "bias"), EVERY)
def test_the_description_is_enough_to_solve_it(name: str, dimension: int, bias: float) -> None:
    """A hand-written reader of the format finds the impedance of the continuum equations."""
    point = mx.solve_steady(systems.ALL[name](dimension), {"A": bias})
    text = netlist_json(netlist_of(point))
    Z = mx.impedance(point, FREQUENCY).Z
    own = np.array([solved_from_the_description(text, f) for f in FREQUENCY])
    assert np.max(np.abs(own / Z - 1)) < 1e-9


def test_mutual_conductances_from_the_description() -> None:
    point = mx.solve_steady(onsager())
    own = [solved_from_the_description(netlist_json(netlist_of(point)), f) for f in FREQUENCY]
    np.testing.assert_allclose(own, mx.impedance(point, FREQUENCY).Z, rtol=1e-11)


def test_a_users_law_cannot_be_written() -> None:
    netlist = netlist_of(mx.solve_steady(systems.cross(1)))
    with pytest.raises(InputError, match="charge transfer of rail electron-ion is a user's admittance law") as error:
        netlist_json(netlist)
    assert "\n" not in str(error.value)


# --- broken files ---------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], object]


def _group(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(group for group in raw["groups"] if group["kind"] == kind)


def _put(table: dict[str, Any], key: str, value: object) -> None:
    table[key] = value


def _element(raw: dict[str, Any], kind: str = "R") -> dict[str, Any]:
    return _group(raw, kind)["elements"][1]


BROKEN: list[tuple[Change, str]] = [
    (lambda r: r.pop("format"), 'format: read null; expected "miecsim netlist"'),
    (lambda r: _put(r, "version", 2), "version: read 2; expected 1"),
    (lambda r: _put(r, "unit", "ohms"), 'unit: read "ohms"; expected ohm, ohm m^2; did you mean ohm?'),
    (lambda r: r.pop("extent"), "extent: read nothing (the key is missing); expected a list of two"),
    (lambda r: _put(r, "extent", [1.0, 0.5]), "extent: read [1.0, 0.5]; expected two numbers, the second larger"),
    (lambda r: _put(r, "colour", 1), 'read the key "colour"; expected format, version'),
    (lambda r: _put(r, "spectators", -1), "spectators: read -1; expected 0, 1, 2, ..."),
    (lambda r: _put(r, "terminals", ["A", "A"]), 'terminals: read ["A", "A"]; expected names that differ'),
    (lambda r: _put(r, "rails", "ion"), 'rails: read "ion"; expected a list of names'),
    (lambda r: _put(r, "nodes", r["nodes"][:1]), "nodes: read 1; expected the 2 terminals, and more"),
    (lambda r: _put(r, "nodes", None), "nodes: read null; expected a list of objects"),
    (lambda r: _put(r["nodes"][0], "name", "B"), 'nodes[0]: name: read "B"; expected the terminal A'),
    (lambda r: _put(r["nodes"][5], "rail", "anoin"), 'nodes[5]: rail: read "anoin"; expected cation, anion'),
    (lambda r: _put(r["nodes"][1], "rail", "anion"), 'nodes[1]: read the key "rail"; expected name'),
    (lambda r: _put(r["nodes"][5], "place", 10**400), "expected 0, 1, 2, ..."),
    (lambda r: _put(r["nodes"][5], "x", 10**400), "expected a number"),
    (lambda r: _put(r["nodes"][5], "x", "0"), 'nodes[5]: x: read "0"; expected a number'),
    (lambda r: _put(r["nodes"][5], "name", "A"), 'nodes[5]: name: read "A"; expected a name that no other node has'),
    (lambda r: _put(r["nodes"][5], "place", 1.5), "nodes[5]: place: read 1.5; expected 0, 1, 2, ..."),
    (lambda r: _put(r["groups"][0], "kind", "L"), 'groups[0]: kind: read "L"; expected R, C, CPE, Z, G'),
    (lambda r: _put(r["groups"][0], "unit", "ohm"), 'groups[0]: unit: read "ohm"; expected S'),
    (lambda r: _put(r["groups"][0], "alpha", 0.5), 'groups[0]: read the key "alpha"; expected kind, process'),
    (lambda r: _put(r["groups"][0], "process", 3), "groups[0]: process: read 3; expected a text"),
    (lambda r: _put(_group(r, "G"), "mutual", "no"), 'mutual: read "no"; expected true or false'),
    (lambda r: _put(_element(r), "value", True), "elements[1]: value: read true; expected a number"),
    (lambda r: _put(_element(r), "value", float("nan")), "elements[1]: value: read NaN; expected a number"),
    (lambda r: _put(_element(r), "nodes", ["cation_1"]), 'nodes: read ["cation_1"]; expected a list of two'),
    (lambda r: _put(_element(r), "nodes", ["A", None]), "elements[1]: nodes: read null; expected"),
    (lambda r: _put(_element(r), "nodes", ["A", "cation_999"]), 'nodes: read "cation_999"; expected one of'),
    (lambda r: _put(_element(r), "layers", ["electrolyt"] * 2), "did you mean electrolyte?"),
    (lambda r: _put(_element(r), "x", [0.0, None]), "elements[1]: x: read null; expected a number"),
    (lambda r: _put(_element(r), "share", 1.5), "elements[1]: share: read 1.5; expected a number from 0 to 1"),
    (lambda r: _element(r).pop("share"), "share: read nothing (the key is missing); expected a number"),
    (lambda r: _element(r, "G").pop("controls"), "controls: read nothing (the key is missing); expected a list of two"),
]


@pytest.mark.parametrize(("change", "words"), BROKEN, ids=[words for _, words in BROKEN])
def test_broken_file_is_told_in_one_line(change: Change, words: str) -> None:
    raw = json.loads(netlist_json(netlist_at("poisson", 1, 0.11)))
    change(raw)
    with pytest.raises(InputError) as error:
        read_netlist_json(json.dumps(raw), "some.json")
    assert str(error.value).startswith("some.json: ") and "\n" not in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: _put(_group(r, "CPE"), "alpha", 1.5), "alpha: read 1.5; expected 0 < alpha <= 1"),
        (lambda r: _put(_group(r, "Z"), "law", []), "law: read []; expected an object with R, C, Q, alpha, Rs"),
        (lambda r: _put(_group(r, "Z")["law"], "R", -1.0), "law: R: read -1.0; expected a positive number"),
        (lambda r: _put(_group(r, "Z")["law"], "L", 1.0), 'law: read the key "L"'),
        (lambda r: _put(_group(r, "Z")["law"], "Q", "1"), 'law: Q: read "1"; expected a number'),
    ],
)
def test_broken_constant_phase_element(change: Change, words: str) -> None:
    raw = json.loads(netlist_json(netlist_at("composite", 1, 0.0)))
    change(raw)
    with pytest.raises(InputError) as error:
        read_netlist_json(json.dumps(raw))
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null", "[" * 100_000])
def test_what_is_no_netlist(text: str) -> None:
    with pytest.raises(InputError) as error:
        read_netlist_json(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


# --- miecsim export -------------------------------------------------------------------------------


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["miecsim", "export", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err and "internal" not in err
        return int(stop.value.code or 0), out, err

    return call


CASE = ROOT / "cases" / "301_ncm622_lpscl_composite"


def test_export_writes_the_circuit_that_run_solves(cli, tmp_path) -> None:
    files = {"--spice": tmp_path / "sub" / "c.cir", "--json": tmp_path / "c.json"}
    options = [part for pair in files.items() for part in pair]
    code, out, err = cli(CASE, "--study", "electron_blocking", "--tolerance", "1e-3", *options)
    assert code == 0 and err == ""
    netlist = read_netlist_json(files["--json"].read_text())
    for kind in ("R", "CPE"):
        assert str(netlist.count(kind)) in out
    assert netlist.count("G") == 0
    assert "alpha = 0.85 is a ladder of" in out and str(files["--spice"]) in out.replace("\n", "")
    (study,) = [s for s in run_case(load_case(CASE)).studies if s.name == "electron_blocking"]
    pick = slice(None, None, 9)
    np.testing.assert_allclose(netlist_impedance(netlist, study.frequency[pick]), study.Z[pick], rtol=1e-8)
    assert {path.name for path in tmp_path.iterdir()} == {"sub", "c.json"}
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["c.cir"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "read neither --spice FILE nor --json FILE"),
        (("--json", "x.json"), "--study: read nothing; expected one of ion_blocking, electron_blocking"),
        (("--json", "x.json", "--study", "ion_bloking"), "read 'ion_bloking'; expected one of ion_blocking, "),
        (("--json", "x.json", "--study", "ion_bloking"), "did you mean ion_blocking?"),
        (("--json", "."), "expected the name of a file to write"),
        (("--json", "x.json", "--set", "layer.compsite.thickness=1 um"), "composite"),
        (("--study", "ion_blocking", "--spice", "x.cir", "--tolerance", "2"), "tolerance: read 2.0; expected"),
        (("--study", "ion_blocking", "--spice", "case.toml/x"), "cannot be written"),
    ],
)
def test_export_refuses_in_one_line(cli, monkeypatch, tmp_path, arguments: tuple[str, ...], words: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.toml").write_text("")
    code, _, err = cli(CASE, *arguments)
    assert code == 2 and words in err and err.startswith("error: ") and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["case.toml"]
