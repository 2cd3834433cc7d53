"""BPX files to cases: every value arrives in the engine, by another reading of the JSON; mistakes are one line each."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from miecsim.case import load_case
from miecsim.case.bpx import read_bpx
from miecsim.cli import app
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.porous import PorousLayer
from miecsim.run.cells import porous_layers
from miecsim.run.run import run_case

ELECTRODE: dict[str, Any] = {
    "Particle radius [m]": 3.1e-06,
    "Thickness [m]": 4.3e-05,
    "Diffusivity [m2.s-1]": 2.7e-14,
    "OCP [V]": "0.71 * exp(-31.0 * x) + 0.12 - 0.05*tanh(12*(x - 0.4))",
    "Entropic change coefficient [V.K-1]": "(-0.11 * x + 0.03) / 1000",
    "Conductivity [S.m-1]": 0.37,
    "Surface area per unit volume [m-1]": 510000,
    "Porosity": 0.29,
    "Transport efficiency": 0.13,
    "Reaction rate constant [mol.m-2.s-1]": 5.2e-06,
    "Minimum stoichiometry": 0.011,
    "Maximum stoichiometry": 0.79,
    "Maximum concentration [mol.m-3]": 29100,
    "Diffusivity activation energy [J.mol-1]": 31000,
    "Reaction rate constant activation energy [J.mol-1]": 54000,
}
TINY: dict[str, Any] = {
    "Header": {"BPX": "0.4.0", "Title": 'A "tiny" cell', "Model": "DFN"},
    "Parameterisation": {
        "Cell": {
            "Ambient temperature [K]": 308.0,
            "Reference temperature [K]": 298.15,
            "Electrode area [m2]": 0.017,
            "Number of electrode pairs connected in parallel to make a cell": 3,
            "Nominal cell capacity [A.h]": 1.1,
            "Lower voltage cut-off [V]": 2.7,
        },
        "Electrolyte": {
            "Initial concentration [mol.m-3]": 1050,
            "Cation transference number": 0.26,
            "Conductivity [S.m-1]": "0.13 * (x / 1000) ** 3 - 2.5 * (x / 1000) ** 1.5 + 3.3 * (x / 1000)",
            "Diffusivity [m2.s-1]": 3.1e-10,
            "Conductivity activation energy [J.mol-1]": 17000,
        },
        "Negative electrode": ELECTRODE,
        "Separator": {"Thickness [m]": 1.9e-05, "Porosity": 0.46, "Transport efficiency": 0.31},
        "Positive electrode": {
            "Thickness [m]": 5.1e-05,
            "Conductivity [S.m-1]": 0.79,
            "Porosity": 0.28,
            "Transport efficiency": 0.15,
            "Particle": {
                "Big ones": ELECTRODE
                | {
                    "Surface area per unit volume [m-1]": 190000,
                    "Particle radius [m]": 6e-6,
                    "OCP [V]": {"x": [0.2, 0.4, 0.6, 0.8, 0.99], "y": [4.3, 4.0, 3.8, 3.7, 3.3]},
                    "Entropic change coefficient [V.K-1]": 0,
                },
                "2nd": ELECTRODE
                | {
                    "Surface area per unit volume [m-1]": 400000,
                    "Particle radius [m]": 1e-6,
                    "OCP [V]": "4.5 - 1.1*x",
                    "Entropic change coefficient [V.K-1]": -1e-4,
                },
            },
        },
    },
}
FILES = ("lfp_18650_cell_BPX", "nmc_pouch_cell_BPX", "nmc_pouch_cell_BPX_blended_electrode")


def new(tmp_path: Path, source: Path) -> Path:
    target = tmp_path / "cell"
    done = CliRunner().invoke(app, ["new", str(target), "--from-bpx", str(source)], catch_exceptions=False)
    assert done.exit_code == 0
    return target


def by_python(text: str, x: float) -> float:
    """A formula of the tests' own files, as Python reads it."""
    names = {name: getattr(math, name) for name in ("exp", "tanh", "cosh", "sinh")}
    return float(eval(compile(text.strip(), "formula", "eval"), {"__builtins__": {}}, names | {"x": x}))


def ocp(value: Any, x: float) -> float | None:
    return by_python(value, x) if isinstance(value, str) else None


def kinds_of(electrode: dict[str, Any]) -> list[dict[str, Any]]:
    return list(electrode.get("Particle", {"": electrode}).values())


def compare(raw: dict[str, Any], layers: tuple[PorousLayer, ...], T: float) -> None:
    """Every number of the file, as PyBaMM reads the standard, against the layers that the case makes."""
    p = raw["Parameterisation"]
    T_ref = p["Cell"]["Reference temperature [K]"]
    names = ("Negative electrode", "Separator", "Positive electrode")
    salt = layers[0].electrolyte
    assert isinstance(salt, BinarySalt) and callable(salt.conductivity)
    e = p["Electrolyte"]
    c = 1.3 * e["Initial concentration [mol.m-3]"]
    hot = math.exp(e.get("Conductivity activation energy [J.mol-1]", 0) / GAS_CONSTANT * (1 / T_ref - 1 / T))
    expected = by_python(e["Conductivity [S.m-1]"], c) * hot
    assert float(np.real(salt.conductivity(np.array([c]))[0])) == pytest.approx(expected, rel=1e-12)
    assert salt.transference_number == e["Cation transference number"]
    for name, layer in zip(names, layers, strict=True):
        own = p[name]
        assert (layer.thickness, layer.porosity) == (own["Thickness [m]"], own["Porosity"])
        assert layer.transport == own["Transport efficiency"]
        if name == "Separator":
            continue
        assert layer.sigma_eon == own["Conductivity [S.m-1]"]
        for kind, particles in zip(kinds_of(own), layer.particles, strict=True):
            assert particles.area_density == pytest.approx(kind["Surface area per unit volume [m-1]"], rel=1e-12)
            assert particles.host.c_max == kind["Maximum concentration [mol.m-3]"]
            x, ce0 = particles.stoichiometry, e["Initial concentration [mol.m-3]"]
            fast = math.exp(
                kind["Reaction rate constant activation energy [J.mol-1]"] / GAS_CONSTANT * (1 / T_ref - 1 / T)
            )
            k = kind["Reaction rate constant [mol.m-2.s-1]"] * fast
            i0 = float(np.real(particles.kinetics.i0(np.array([0.7 * ce0]), np.array([x]))[0]))
            assert i0 == pytest.approx(FARADAY * k * math.sqrt(0.7 * x * (1 - x)), rel=1e-10)
            D = kind["Diffusivity [m2.s-1]"] * math.exp(
                kind["Diffusivity activation energy [J.mol-1]"] / GAS_CONSTANT * (1 / T_ref - 1 / T)
            )
            assert particles.host.diffusivity == pytest.approx(D)
            U, dU_dT = ocp(kind["OCP [V]"], x), kind["Entropic change coefficient [V.K-1]"]
            if U is not None and not isinstance(dU_dT, dict):
                shift = by_python(dU_dT, x) if isinstance(dU_dT, str) else dU_dT
                assert particles.open_circuit == pytest.approx(U + (T - T_ref) * shift, rel=1e-9)


def test_a_tiny_cell_arrives_whole(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    case = load_case(new(tmp_path, tmp_path / "tiny.json"))
    assert (case.temperature, case.area) == (308.0, pytest.approx(0.051))
    assert 'A "tiny" cell' in case.title and "tiny.json" in case.source
    layers = porous_layers(case)
    compare(TINY, layers, 308.0)
    assert [p.name for p in layers[2].particles] == ["Big_ones", "particles_2nd"]
    graphite, (big, _) = layers[0].particles[0], layers[2].particles
    assert graphite.stoichiometry == pytest.approx(0.5 * (0.011 + 0.79))
    curve = np.interp(0.6, [0.4, 0.6, 0.8], [4.0, 3.8, 3.7])
    assert float(np.real(big.host.potential(np.array([0.6]))[0])) == pytest.approx(curve)


@pytest.mark.parametrize("name", FILES)
def test_published_files(name: str, data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "params" / "BPX" / f"{name}.json"
    if not source.is_file():
        pytest.skip(f"no {source}")
    case = load_case(new(tmp_path, source))
    compare(json.loads(source.read_text(encoding="utf-8")), porous_layers(case), 298.15)


def test_discharge_of_a_published_cell(data_dir: Path, tmp_path: Path) -> None:
    """1C of the NMC111 pouch cell against what was measured on it, which the file holds."""
    source = data_dir / "params" / "BPX" / "nmc_pouch_cell_BPX.json"
    if not source.is_file():
        pytest.skip(f"no {source}")
    case = load_case(new(tmp_path, source))
    record = run_case(case).experiments[0].record
    time, volts = (record.tables["record"][name][0] for name in ("time", "voltage"))
    measured = json.loads(source.read_text(encoding="utf-8"))["Validation"]["1C discharge"]
    t, V = np.array(measured["Time [s]"]), np.array(measured["Voltage [V]"])
    inside = (t > 0) & (t < 0.95 * time[-1])
    off = np.interp(t[inside], time, volts) - V[inside]
    assert float(np.sqrt(np.mean(off**2))) < 0.02, off
    assert record.conservation < 1e-10


def spoilt(*path: Any) -> str:
    raw = copy.deepcopy(TINY)
    node: Any = raw
    *way, last, value = path
    for part in way:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(raw)


P, N = "Parameterisation", "Negative electrode"
MISTAKES = [
    ("{", "line 1: read "),
    ("[1]", "Parameterisation: read nothing (the key is missing); expected a BPX file"),
    (
        spoilt(P, "Separator", None),
        "Parameterisation / Separator: read nothing (the key is missing); expected an object",
    ),
    (spoilt(P, "Cell", 3), "Parameterisation / Cell: read 3; expected an object"),
    (spoilt(P, N, "OCP [V]", None), f"{N} / OCP [V]: read nothing (the key is missing); expected a number, a formula"),
    (spoilt(P, N, "OCP [V]", "open(x)"), f'{N} / OCP [V]: read the function "open" in a formula; expected one of exp'),
    (spoilt(P, N, "OCP [V]", {"x": [0.1, 0.2], "y": ["a", "b"]}), f"{N} / OCP [V]: read a table; expected a number, a"),
    (spoilt(P, N, "OCP [V]", {"x": [0.1, 0.2], "y": [1.0]}), f"{N} / OCP [V]: read 2 x and 1 y; expected as many y as"),
    (spoilt(P, N, "Porosity", "a lot"), f'{N} / Porosity: read "a lot"; expected a finite number'),
    (
        spoilt(P, "Positive electrode", "Particle", "2nd", 7),
        "Positive electrode / Particle / 2nd: read 7; expected an object",
    ),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_a_mistake_is_one_clear_line(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_bpx(text, "cell.json")
    assert str(caught.value).split("\n")[0].startswith(f"cell.json: {told}"), str(caught.value)


def test_a_value_that_cannot_be_leaves_no_case_behind(tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(spoilt(P, N, "Porosity", 0.9), encoding="utf-8")
    done = CliRunner().invoke(app, ["new", str(tmp_path / "cell"), "--from-bpx", str(tmp_path / "cell.json")])
    assert isinstance(done.exception, InputError)
    assert "layer.negative: read porosity and particles that fill 1.427 of the volume" in str(done.exception)
    assert not (tmp_path / "cell").exists()


def test_either_a_case_or_a_bpx_file(tmp_path: Path) -> None:
    for arguments in ([], ["--from", "301", "--from-bpx", "x.json"]):
        done = CliRunner().invoke(app, ["new", str(tmp_path / "cell"), *arguments])
        assert isinstance(done.exception, InputError) and "either --from or --from-bpx" in str(done.exception)
