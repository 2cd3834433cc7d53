"""The netlist as SPICE: read back by a small reader written here, and solved by ngspice where it is installed.

On a developer's machine without ngspice the tests that need it are skipped; MIECSIM_REQUIRE_NGSPICE=1, which the
continuous checks set, makes its absence a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.case import load_case
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance
from miecsim.circuit.spice import ladders_of, run_ngspice, spice_text
from miecsim.errors import InputError, SolveError
from miecsim.run.build import system_of
from miecsim.solvers.steady import OperatingPoint

ROOT = Path(__file__).resolve().parent.parent
SPAN = (1e-3, 1e6)


@pytest.fixture(scope="session")
def ngspice() -> None:
    if shutil.which("ngspice") is None:
        if os.environ.get("MIECSIM_REQUIRE_NGSPICE") == "1":
            pytest.fail("ngspice is not installed, and MIECSIM_REQUIRE_NGSPICE=1")
        pytest.skip("ngspice is not installed (Debian, Ubuntu: apt-get install ngspice)")


def onsager(bias: float = 0.0, area: float | None = 3.1e-5) -> OperatingPoint:
    """Two layers with mutual conductances; R || C in series with a resistance, and R || CPE, at the contacts."""
    layers = [
        mx.CompositeLayer("first", 37e-6, 0.043, 0.21, mx.Lumped(R=0.02, C=0.3), 2.1e5, sigma_cross=0.031),
        mx.CompositeLayer("second", 21e-6, 0.11, 0.07, mx.Lumped(Q=0.2, alpha=0.71), 1.3e5, sigma_cross=-0.02),
    ]
    contacts = [
        ("A", mx.Contact("left", "ion", mx.Lumped(R=1e-4, C=0.2, Rs=3e-5))),
        ("B", mx.Contact("right", "electron", mx.Lumped(R=2e-4, Q=0.4, alpha=0.88, Rs=1e-5))),
    ]
    mesh = mx.Mesh(cells=8, grading=2.0)
    system = mx.build_system(mx.composite_electrode(layers), systems.wires(*contacts), area=area, mesh=mesh)
    return mx.solve_steady(system, {"A": bias})


def shipped(name: str, study: str) -> OperatingPoint:
    case = load_case(ROOT / "cases" / name).for_study(study)
    return mx.solve_steady(system_of(case, case.studies[0], None))


def of_systems(name: str, dimension: int, bias: float) -> Callable[[], OperatingPoint]:
    return lambda: mx.solve_steady(systems.ALL[name](dimension), {"A": bias})


POINTS: dict[str, Callable[[], OperatingPoint]] = {
    "composite, 1D": of_systems("composite", 1, 0.0),
    "composite, 2D, at bias": of_systems("composite", 2, 0.11),
    "conductor, 2D": of_systems("conductor", 2, 0.0),
    "neutral, 1D, at bias": of_systems("neutral", 1, 0.11),
    "neutral, 2D, at bias": of_systems("neutral", 2, 0.11),
    "poisson, 1D": of_systems("poisson", 1, 0.0),
    "poisson, 1D, at bias": of_systems("poisson", 1, 0.11),
    "poisson, 2D, at bias": of_systems("poisson", 2, 0.11),
    "Onsager pairs": onsager,
    "Onsager pairs, unit area": lambda: onsager(area=None),
}


# --- a reader of SPICE that knows R, C, G and I only ----------------------------------------------


def cards(text: str) -> list[list[str]]:
    """The element lines, split into words; the first line of a deck is its title."""
    lines = text.splitlines()[1:]
    return [line.split() for line in lines if line and line[0] in "RCGI"]


def dense_impedance(text: str, f: float) -> complex:
    """v of the node that the current source feeds, by dense nodal analysis of the deck."""
    index: dict[str, int] = {}
    for card in cards(text):
        for node in card[1 : 5 if card[0][0] == "G" else 3]:
            index.setdefault(node, len(index))
    Y = np.zeros((len(index), len(index)), dtype=complex)
    current = np.zeros(len(index))
    for name, *words in cards(text):
        if name[0] == "I":
            assert words[0] == "0" and words[2:] == ["dc", "0", "ac", "1"]
            first = index[words[1]]
            current[first] = 1.0
            continue
        value, controls = float(words[-1]), words[2:4] if name[0] == "G" else words[:2]
        y = {"R": 1 / value, "C": 2j * np.pi * f * value, "G": value}[name[0]]
        for node, sign in ((words[0], 1), (words[1], -1)):
            for control, turn in ((controls[0], 1), (controls[1], -1)):
                Y[index[node], index[control]] += sign * turn * y
    keep = [i for node, i in index.items() if node != "0"]
    v = np.linalg.solve(Y[np.ix_(keep, keep)], current[keep])
    return complex(v[keep.index(first)])


@pytest.mark.parametrize("name", POINTS)
def test_deck_is_the_circuit(name: str) -> None:
    point = POINTS[name]()
    text = spice_text(netlist_of(point), SPAN)
    f = np.array([1e-3, 0.37, 1.9e3, 1e6])
    own = np.array([dense_impedance(text, each) for each in f])
    assert np.max(np.abs(own / mx.impedance(point, f).Z - 1)) < 1e-7


@pytest.mark.parametrize("name", POINTS)
def test_names_and_counts(name: str) -> None:
    """Every element has a name of its own, and there are as many as the netlist and its ladders have."""
    netlist = netlist_of(POINTS[name]())
    text = spice_text(netlist, SPAN, control=True)
    assert text.isascii() and text == spice_text(netlist, SPAN, control=True)
    names = [card[0].lower() for card in cards(text)]
    assert len(set(names)) == len(names)
    assert max(map(len, text.splitlines())) < 200
    sources = [n for n in names if n[0] == "g"]
    assert len(sources) == sum(group.n for group in netlist.elements if group.kind == "G")
    ladders = ladders_of(netlist, SPAN)
    branches = sum(group.n * ladders[group.alpha].n for group in netlist.elements if group.kind == "CPE")
    assert sum("__" in n and "series" not in n for n in names) >= 2 * branches
    for ladder in ladders.values():
        assert ladder.error <= 1e-9
        assert f"alpha = {ladder.alpha:g}: {ladder.n} branches, largest relative error {ladder.error:.2e}" in text


def test_unit_area_is_told() -> None:
    text = spice_text(netlist_of(onsager(area=None)), SPAN)
    assert "[ohm m^2]" in text and "all values are those of 1 m^2" in text
    assert "1 m^2" not in spice_text(netlist_of(onsager()), SPAN)


def awkward(first: str, second: str, cation: str, anion: str, layer: str) -> OperatingPoint:
    """A biased electrolyte whose names are those given."""
    carriers = (mx.CarrierIn(cation, 2, 1.3, 2.1e-10), mx.CarrierIn(anion, -1, 2.6, 7.7e-10))
    model = mx.nernst_planck_poisson([mx.ChargedLayer(layer, 41e-9, carriers, permittivity=6.1e-10)])
    contacts = (
        (first, mx.Contact("left", "potential", mx.Lumped(C=0.05))),
        (first, mx.Contact("left", cation, mx.Lumped(R=3e-5))),
        (second, mx.Contact("right", "potential", mx.Reversible())),
        (second, mx.Contact("right", cation, mx.Lumped(R=3e-5, Q=0.1, alpha=0.9))),
    )
    system = mx.build_system(model, systems.wires(*contacts), mesh=mx.Mesh(cells=5, grading=3.0))
    return mx.solve_steady(system, {first: 0.07})


AWKWARD = [
    ("a", "A", "Poly", "value", "table"),
    ("gnd", "0", "Na+", "Na-", "V(1)"),
    ("temper", "TIME", "\u03bc ion", "hertz", "layer {x} 'y'"),
    ("t", "tie", "tie", "t", "line\nbreak"),
]


@pytest.mark.parametrize("names", AWKWARD)
def test_names_that_spice_would_misread(names: tuple[str, ...]) -> None:
    point = awkward(*names)
    text = spice_text(netlist_of(point), SPAN)
    assert text.isascii() and all(line[:1] in ("", "*", "R", "C", "G", "I", ".") for line in text.splitlines())
    f = np.array([0.02, 3.1e4])
    own = np.array([dense_impedance(text, each) for each in f])
    assert np.max(np.abs(own / mx.impedance(point, f).Z - 1)) < 1e-8


def test_terminals_can_be_chosen() -> None:
    netlist = netlist_of(POINTS["neutral, 1D, at bias"]())
    f = 3.1
    for pair in (("A", "B"), ("B", "A")):
        Z = dense_impedance(spice_text(netlist, SPAN, terminals=pair), f)
        assert pytest.approx(netlist_impedance(netlist, np.array([f]), pair)[0], rel=1e-9) == Z


def test_what_has_no_spice_form() -> None:
    netlist = netlist_of(mx.solve_steady(systems.cross(1)))
    with pytest.raises(InputError, match="charge transfer of rail electron-ion is a user's admittance law") as error:
        spice_text(netlist, SPAN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frequency": (2.0, 2.0)}, "frequency: read 2.0 to 2.0 Hz; expected 0 < f_min < f_max"),
        ({"frequency": (0.0, 2.0)}, "frequency: read 0.0 to 2.0 Hz"),
        ({"points_per_decade": 0}, "points per decade: read 0; expected 1 or more"),
        ({"terminals": ("A", "C")}, "terminal: read 'C'; expected one of A, B"),
        ({"terminals": ("A", "A")}, "terminals: read 'A' twice; expected two different ones"),
        ({"tolerance": 1e-15}, "tolerance: read 1e-15; expected a number from 1e-12 to 0.1"),
    ],
)
def test_bad_input_is_one_line(options: dict, words: str) -> None:
    with pytest.raises(InputError) as error:
        spice_text(netlist_of(onsager()), **{"frequency": SPAN, **options})
    assert words in str(error.value) and "\n" not in str(error.value)


# --- ngspice --------------------------------------------------------------------------------------


def against(point: OperatingPoint, span: tuple[float, float], **options: object) -> tuple[np.ndarray, np.ndarray]:
    """Relative differences of ngspice from the finite-volume spectrum and from our nodal analysis."""
    netlist: Netlist = netlist_of(point)
    f, Z = run_ngspice(spice_text(netlist, span, 2, control=True, **options))
    assert f[0] == pytest.approx(span[0]) and f[-1] == pytest.approx(span[1], rel=1e-9)
    assert f.size == 1 + round(2 * np.log10(span[1] / span[0]))
    return np.abs(Z / mx.impedance(point, f).Z - 1), np.abs(Z / netlist_impedance(netlist, f) - 1)


@pytest.mark.parametrize("name", POINTS)
def test_ngspice_finds_the_impedance_over_nine_decades(ngspice: None, name: str) -> None:
    """ngspice adds up the conductances at a node and so loses digits where a weak element stands beside a strong one;
    the median shows that nothing else is lost."""
    for error in against(POINTS[name](), SPAN):
        assert np.max(error) < 1e-7 and np.median(error) < 1e-9


@pytest.mark.parametrize(
    ("name", "study", "span"),
    [
        ("301_ncm622_lpscl_composite", "ion_blocking", (1e-2, 1e6)),
        ("203_nernst_planck_poisson", "blocking", (1.0, 1e9)),
        ("302_composite_cathode_with_separator", "battery", (1e-2, 1e6)),
    ],
)
def test_ngspice_on_shipped_cases(ngspice: None, name: str, study: str, span: tuple[float, float]) -> None:
    for error in against(shipped(name, study), span):
        assert np.max(error) < 1e-6 and np.median(error) < 2e-9


def test_the_ladder_is_the_error_of_the_deck(ngspice: None) -> None:
    """With a coarse tolerance ngspice is off by the ladder's error, and by no more than it states."""
    stated = max(ladder.error for ladder in ladders_of(netlist_of(onsager()), SPAN, 1e-3).values())
    error, _ = against(onsager(), SPAN, tolerance=1e-3)
    assert 0.1 * stated < np.max(error) < 2 * stated < 2e-3


@pytest.mark.parametrize("area", [1e-18, 1e9])
@pytest.mark.parametrize("name", ["neutral", "composite"])
def test_ngspice_on_cells_of_any_size(ngspice: None, monkeypatch: pytest.MonkeyPatch, name: str, area: float) -> None:
    """With the absolute pivot threshold that ngspice has by default the smallest cell came out wrong without a word."""
    monkeypatch.setattr(systems, "AREA", area)
    for error in against(of_systems(name, 1, 0.11)(), SPAN):
        assert np.max(error) < 1e-7


@pytest.mark.parametrize("names", AWKWARD)
def test_ngspice_takes_any_name(ngspice: None, names: tuple[str, ...]) -> None:
    for error in against(awkward(*names), SPAN):
        assert np.max(error) < 1e-7


def test_negative_elements_pass(ngspice: None) -> None:
    """A negative capacitance, as beyond a spinodal, is written and solved as it stands."""
    netlist = netlist_of(POINTS["poisson, 1D"]())
    groups = [replace(g, value=-0.3 * g.value) if g.process == "chemical capacitance" else g for g in netlist.elements]
    netlist = replace(netlist, elements=tuple(groups))
    assert netlist.negative()
    f, Z = run_ngspice(spice_text(netlist, SPAN, 2, control=True))
    np.testing.assert_allclose(Z, netlist_impedance(netlist, f), rtol=1e-9)


# --- running it -----------------------------------------------------------------------------------


def test_absent_program_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no such program on the PATH"):
        run_ngspice(spice_text(netlist_of(onsager()), SPAN, control=True))


def test_deck_without_output_is_refused() -> None:
    with pytest.raises(InputError, match="control=True"):
        run_ngspice(spice_text(netlist_of(onsager()), SPAN))


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """A program called ngspice that does what `script` says."""
    program = folder / "ngspice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for ngspice")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo noise; echo 'Error: singular matrix' >&2; exit 1", r"ngspice: Error: singular matrix \(exit code 1\)"),
        ("exit 0", r"ngspice: no output \(exit code 0\)"),
        ("exec sleep 30", "ngspice: no result within 0.3 s"),
        ("echo '1.0 nan 0.0' > impedance.txt", "ngspice: its table of results is empty or holds what is no number"),
        ("echo '1.0 2.0' > impedance.txt", "ngspice: its table of results"),
    ],
)
def test_failures_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str) -> None:
    pretend(monkeypatch, tmp_path, script)
    text = spice_text(netlist_of(onsager()), SPAN, control=True)
    with pytest.raises(SolveError, match=words) as error:
        run_ngspice(text, time_limit=0.3 if "sleep" in script else 60.0)
    assert "\n" not in str(error.value)


def test_a_circuit_that_hangs_on_nothing_is_refused() -> None:
    """ngspice would answer with a number: for a terminal that nothing contacts, and for a rail of its own."""
    netlist = netlist_of(POINTS["poisson, 1D"]())
    groups = tuple(group for group in netlist.elements if group.process != "terminals")
    with pytest.raises(InputError, match="no element joins .* to the terminal B, so nothing fixes its potential"):
        spice_text(replace(netlist, elements=groups), SPAN)
    layer = mx.CompositeLayer("electrode", 37e-6, 0.043, 0.21)  # two rails that nothing joins
    contacts = (("A", mx.Contact("left", "electron", mx.Lumped(R=1e-4, C=0.1))),)
    contacts += (("B", mx.Contact("right", "electron", mx.Reversible())),)
    system = mx.build_system(mx.composite_electrode([layer]), systems.wires(*contacts), mesh=mx.Mesh(cells=5))
    with pytest.raises(InputError, match="no element joins ion_0 to the terminal B"):
        spice_text(netlist_of(mx.solve_steady(system)), SPAN)
