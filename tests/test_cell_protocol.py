"""Published cells as shipped cases, and what happens to a cell in a protocol: discharge, the same at rest, figures."""

from __future__ import annotations

import copy
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chen_case import chen
from published_cells import CELLS, with_meshes

from miecsim.case import case_from_dict, load_case
from miecsim.constants import FARADAY
from miecsim.physics.curves import curve
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.porous import PorousLayer
from miecsim.plot.techniques import FIGURES
from miecsim.run.cells import porous_layers
from miecsim.run.rested import rested
from miecsim.run.run import run_case
from miecsim.run.technique import Bench
from miecsim.system import rest_state
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "tests" / "case_examples"


PUBLISHED = (
    ("307_chen2020_cell", "Chen2020"),
    ("308_chen2020_biased", "Chen2020"),
    ("312_marquis2019_cell", "Marquis2019"),
)


@pytest.mark.parametrize(("name", "published"), PUBLISHED)
def test_shipped_cells_are_the_published_ones(name: str, published: str) -> None:
    """Number by number, and law by law at compositions of the salt and of the particles."""
    case, cell = load_case(ROOT / "cases" / name), with_meshes(CELLS[published](), 20, 30.0, double_layer=True)
    assert case.area == pytest.approx(cell.area, rel=1e-12) and case.temperature == 298.15
    for mine, hand in zip(porous_layers(case), cell.layers, strict=True):
        for quantity in ("thickness", "porosity", "transport", "sigma_eon"):
            assert getattr(mine, quantity) == pytest.approx(getattr(hand, quantity), rel=1e-12), quantity
        own, salt = mine.electrolyte, hand.electrolyte
        assert isinstance(own, BinarySalt) and isinstance(salt, BinarySalt)
        c, x = np.linspace(200.0, 2500.0, 9), np.linspace(0.03, 0.97, 40)
        for law in ("conductivity", "diffusivity", "transference_number", "thermodynamic_factor"):
            values = [curve(getattr(one, law))(c) for one in (own, salt)]
            np.testing.assert_allclose(*values, rtol=1e-12, err_msg=law)
        assert own.concentration == salt.concentration and len(mine.particles) == len(hand.particles)
        for p, q in zip(mine.particles, hand.particles, strict=True):
            for quantity in ("radius", "volume_fraction", "stoichiometry", "area_density"):
                assert getattr(p, quantity) == pytest.approx(getattr(q, quantity), rel=1e-12), quantity
            for quantity in ("shape", "shells", "grading", "double_layer"):
                assert getattr(p, quantity) == getattr(q, quantity), quantity
            assert (p.film, p.host.c_max, p.kinetics.alpha) == (None, q.host.c_max, q.kinetics.alpha)
            np.testing.assert_allclose(p.host.potential(x), q.host.potential(x), rtol=0, atol=1e-13)
            np.testing.assert_allclose(*(curve(one.host.diffusivity)(x) for one in (p, q)), rtol=1e-12)
            np.testing.assert_allclose(*(one.kinetics.i0(np.full(40, 730.0), x) for one in (p, q)), rtol=1e-12)


def protocol(*steps: dict[str, Any], **keys: Any) -> list[dict[str, Any]]:
    own = {"name": "run", "technique": "protocol", "terminals": "full_cell", "driven": "B", "step": list(steps)}
    return [own | keys]


@cache
def discharged() -> TechniqueRecord:
    """Half an hour at 1C of the charged cell of Chen et al., on to 2.5 V, and a rest."""
    raw = chen()
    del raw["study"]
    first = {"kind": "current", "current": "-5 A", "duration": "30 min", "spectra_at": ["30 min"]}
    second = {"kind": "current", "current": "-5 A", "duration": "2 h", "limits": [{"below": "2.5 V"}]}
    rest = {"kind": "rest", "duration": "10 h", "spectra_at": ["10 h"], "profiles_at": ["10 s"]}
    raw["experiment"] = protocol(first, second | {"profiles_at": ["20 min"]}, rest, tolerance=1e-5)
    raw["experiment"][0]["frequency"] = {"values": ["10 kHz", "1 Hz", "1 mHz"]}
    return run_case(case_from_dict(raw, "case.toml")).experiments[0].record


def test_a_discharge_runs_through_the_protocol() -> None:
    """1C from the charged cell of Chen et al.: the charge is what passed, and the cell ends at its lowest voltage."""
    record = discharged()
    steps = {name: values for name, (values, _) in record.tables["steps"].items()}
    assert steps["voltage"][1] == pytest.approx(2.5, abs=1e-6) and 3500 < steps["start"][2] < 3600
    assert record.conservation < 1e-10
    profiles = {name: values for name, (values, _) in record.tables["profiles"].items()}
    first = profiles["time"] == profiles["time"][0]
    surface, mean = (profiles[f"{of}_stoichiometry_NMC"][first] for of in ("surface", "mean"))
    known = ~np.isnan(mean)
    assert np.all(surface[known] > mean[known])  # it fills from its surface


def test_a_cell_is_compared_with_itself_at_rest() -> None:
    """The open-circuit voltage of what has passed, and the spectrum of the cell with that state of charge."""
    record = discharged()
    half = record.figure("voltage", "current, step 1")
    n, p = FARADAY * 0.75 * 33133 * 85.2e-6 * 0.1027, FARADAY * 0.665 * 63104 * 75.6e-6 * 0.1027
    raw = chen()
    raw["layer"][0]["particles"][0]["stoichiometry"] -= 9000 / n
    raw["layer"][2]["particles"][0]["stoichiometry"] += 9000 / p
    raw["study"][0]["frequency"] = {"values": ["10 kHz", "1 Hz", "1 mHz"]}
    still = run_case(case_from_dict(raw, "case.toml")).studies[0]
    assert half.textbook == pytest.approx(3.5105, abs=5e-3) and half.true > half.textbook + 0.2
    assert half.true == pytest.approx(still.summary["open_circuit_voltage"].value, abs=3e-5)  # but for double layers
    table = {name: values for name, (values, _) in record.tables["spectra"].items()}
    first, last = table["step"] == 1, table["step"] == 3
    Z = table["Z_real_rest"] + 1j * table["Z_imag_rest"]
    order = np.argsort(still.frequency)
    np.testing.assert_allclose(Z[first][np.argsort(table["frequency"][first])], still.Z[order], rtol=1e-4)
    assert table["Z_real"][first][1] < 0.7 * table["Z_real_rest"][first][1]  # charge transfer under current
    assert np.all(np.isnan(table["Z_real_steady"]))
    after = record.figure("voltage", "rest, step 3")
    assert after.textbook == pytest.approx(after.true, abs=1e-3) and after.true > 2.9
    np.testing.assert_allclose(table["Z_real"][last], table["Z_real_rest"][last], rtol=0.02)


def test_a_blend_at_rest_shares_its_lithium_anew() -> None:
    """Whatever the state: the kinds of particle agree, and each layer holds what it held."""
    raw = copy.deepcopy(load_case(EXAMPLES / "porous_cell.toml").raw)
    del raw["study"]
    raw["experiment"] = protocol({"kind": "rest", "duration": "1 h"})
    case = case_from_dict(raw, "case.toml")
    bench = Bench(case, case.experiments[0], lambda what, part=0.0, /: None)
    u = rest_state(bench.system).copy()
    row = bench.system.laws.state_map.row("lithium")
    trees = bench.system.nodes.trees
    for tree, factor in zip(trees, np.linspace(0.93, 1.06, len(trees)), strict=True):
        u[row, tree.shells] *= factor + 0.02 * np.linspace(-1, 1, tree.shells.shape[1])
    point = rested(bench, u)

    def held(state: Array, first: int, last: int) -> float:
        return math.fsum(
            float(np.sum(state[row, tree.shells] * bench.system.nodes.volume[tree.shells]))
            for tree in trees[first:last]
        )

    layers = [layer for layer in point.system.model.layers if isinstance(layer, PorousLayer)]
    start = 0
    for layer in layers:
        end = start + len(layer.particles)
        assert held(point.u, start, end) == pytest.approx(held(u, start, end), rel=1e-9)
        assert np.ptp([kind.open_circuit for kind in layer.particles] or [0.0]) < 1e-9
        start = end
    assert start == len(trees) and not np.allclose(point.u[row], u[row], rtol=1e-3)


def test_the_figure_of_a_discharge() -> None:
    """Voltage over capacity, both parts of it as one line; stoichiometries below the salt; instants by how long."""
    figure = FIGURES["protocol"](discharged())
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert labels == [
        ("", "V / V"),
        ("time / h", "I / A"),
        ("charge passed / A h", "V / V"),
        ("", "c / mol m⁻³"),
        ("x / µm", "stoichiometry"),
        ("Z′ / mΩ", "−Z″ / mΩ"),
    ]
    voltage, _, capacity, *_, nyquist = figure.axes
    assert voltage.get_xscale() == "linear" and 2.3 < voltage.get_ylim()[0] < 2.5
    (line, *dots) = capacity.get_lines()
    assert line.get_label() == "discharge, 5 A" and float(line.get_xdata()[-1]) == pytest.approx(4.93, abs=0.03)
    assert len(dots) == 2 and nyquist.get_aspect() == 1.0
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told[:4] == ["30 min", "50 min", "rest, 10 s", "rest, 10 h"] and "at rest, same charge" in told
