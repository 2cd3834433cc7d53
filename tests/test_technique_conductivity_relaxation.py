"""Conductivity relaxation of slabs and bars: D and k from the fit, what the Biot number hides, and large steps."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import miecsim as mx
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.physics.elements import Element
from miecsim.physics.models import Model
from miecsim.plot.technique_conductivity_relaxation import technique_conductivity_relaxation
from miecsim.techniques.conductivity_relaxation import conductivity_relaxation, true_coefficients
from miecsim.techniques.formulas_diffusion import conductivity_relaxation as relaxation
from miecsim.techniques.record import TechniqueRecord

T, H1, H2 = 1023.15, 0.43e-3, 0.61e-3
V_T = thermal_voltage(T)
C_ION, C_EON, SITES, FACTOR = 310.0, 770.0, 9000.0, 1.7
D_ION, D_EON = 3.1e-10, 2.3e-9  # near enough for the ions to carry a part of the current


def bar(h: float = H1, d_eon: float = D_EON) -> Model:
    """Oxide-ion vacancies on a lattice, electrons that are not ideal."""
    carriers = (
        mx.CarrierIn("vacancy", 2, C_ION, D_ION, site_density=SITES),
        mx.CarrierIn("electron", -1, C_EON, d_eon, thermodynamic_factor=FACTOR),
    )
    return mx.mixed_conductor([mx.ChargedLayer("bar", h, carriers)], temperature=T)


def by_hand() -> tuple[float, float]:
    """D [m2/s] and c_chem [F/m3] of the bar: sigma_k = z^2 F c D/V_T, 1/c_chem = (V_T/F) sum W/(z^2 c)."""
    s_i, s_e = 4 * FARADAY * C_ION * D_ION / V_T, FARADAY * C_EON * D_EON / V_T
    stiffness = V_T / FARADAY * ((1 + C_ION / (SITES - C_ION)) / (4 * C_ION) + FACTOR / C_EON)
    return s_i * s_e / (s_i + s_e) * stiffness, 1 / stiffness


def surface(biot: float) -> mx.Lumped:
    """The resistance with which h_1 k/D is `biot`."""
    D, c_chem = by_hand()
    return mx.Lumped(R=H1 / (biot * D * c_chem))


@cache
def relaxed(biot: float, cells: int, width: float | None, step: float = 2e-4) -> TechniqueRecord:
    return conductivity_relaxation(bar(), surface(biot), step=step, half_width=width, cells=cells)


def errors(record: TechniqueRecord) -> np.ndarray:
    return np.array([record.figure("diffusivity").error, record.figure("exchange coefficient").error])


def test_true_coefficients_by_hand() -> None:
    D, c_chem = by_hand()
    layer = bar().layers[0]
    assert isinstance(layer, mx.ChargedLayer)
    np.testing.assert_allclose(true_coefficients(layer, T, 0.37), (D, 1 / (0.37 * c_chem)), rtol=1e-12)
    record = relaxed(1.7, 12, None)
    np.testing.assert_allclose([one.true for one in record.compared], (D, 1.7 * D / H1), rtol=1e-12)


def small(biot: float, cells: int, width: float | None) -> np.ndarray:
    """Errors of D and k for a step so small that its size does not count: two signs of it cancel."""
    return (errors(relaxed(biot, cells, width)) + errors(relaxed(biot, cells, width, -2e-4))) / 2


@pytest.mark.parametrize(("width", "cells", "bound"), [(None, (12, 24), 1e-3), (H2, (6, 12), 3e-3)])
def test_the_fit_recovers_the_model(width: float | None, cells: tuple[int, int], bound: float) -> None:
    """A small step: D and k within a part of what readings good to 1e-3 could tell, closer with the square of the
    cells; in a bar, exchanging on four sides, as in a slab."""
    found = [small(1.7, n, width) for n in cells]
    assert np.all(np.abs(found[1]) < bound)
    assert np.all(np.abs(found[1]) < 0.35 * np.abs(found[0]))
    record = relaxed(1.7, cells[1], width)
    table = {name: values for name, (values, _) in record.tables["relaxation"].items()}
    D, _ = by_hand()
    halves = (H1,) if width is None else (H1, width)
    exact, _ = relaxation(table["time"], halves, D, 1.7 * D / H1)
    assert np.max(np.abs(table["normalised"] - exact)) < 2e-3
    assert record.conservation < 1e-9
    # the conductivity before and after, from the contents in equilibrium with either gas
    assert table["conductivity"][-1] == pytest.approx(conductivity(0.0), rel=1e-8)
    assert table["conductivity"][0] == pytest.approx(conductivity(uptake(-2e-4)), rel=1e-8)


def conductivity(taken: float) -> float:
    """sigma [S/m] with `taken` [mol/m3] more vacancies."""
    return FARADAY / V_T * (4 * D_ION * (C_ION + taken) + D_EON * (C_EON + 2 * taken))


def potential(taken: float) -> float:
    """Phi_vacancy - Phi_electron [V] with `taken` [mol/m3] more vacancies, by the statistics."""
    c = C_ION + taken
    ln_ion = np.log(c / C_ION) - np.log((SITES - c) / (SITES - C_ION))
    return float(V_T * (ln_ion / 2 + FACTOR * np.log((C_EON + 2 * taken) / C_EON)))


def uptake(volts: float) -> float:
    return float(brentq(lambda taken: potential(taken) - volts, -0.9 * C_ION, 20 * C_ION, xtol=1e-13))


def test_the_biot_number_hides_one_of_the_two() -> None:
    """Slow exchange: k is found and D is not known; fast exchange: the other way round."""
    slow, fast = relaxed(0.04, 12, None), relaxed(70.0, 16, None)
    assert abs(small(0.04, 12, None)[1]) < 1e-3 and abs(small(70.0, 16, None)[0]) < 3e-3
    assert any("surface limits" in r for r in slow.remarks) and "D is known to nothing" in slow.remarks[0]
    assert any("diffusion limits" in r for r in fast.remarks)
    between = relaxed(1.7, 12, None)
    assert not any("limits" in r for r in between.remarks)


@pytest.mark.parametrize("step", [0.03, -0.03])
@pytest.mark.parametrize(
    "law", [mx.Lumped(R=1.0), mx.ButlerVolmer(V_T, V_T, 0.37)], ids=["resistance", "Butler-Volmer"]
)
def test_a_large_step_limited_by_the_surface(step: float, law: Element) -> None:
    """One balance of the whole bar, h 2F d(uptake)/dt = -i(potential), with its own statistics, by another solver.

    The electrons are fast and the bar is thin, so that it stays uniform: Biot number 2e-3."""
    D, c_chem = by_hand()
    h = 2e-3 * D * c_chem  # with a surface of 1 ohm m2
    record = conductivity_relaxation(bar(h), law, step=step, cells=6)
    table = {name: values for name, (values, _) in record.tables["relaxation"].items()}

    def rate(_: float, taken: np.ndarray) -> list[float]:
        return [-float(law.current(np.array([potential(float(taken[0]))]))[0]) / (2 * FARADAY * h)]

    t = table["time"]
    start = [uptake(-step)]
    found = solve_ivp(rate, (0.0, t[-1]), start, method="LSODA", rtol=1e-9, atol=1e-10, t_eval=t)
    expected = np.array([conductivity(x) for x in found.y[0]])
    span = abs(expected[-1] - expected[0])
    assert np.max(np.abs(table["conductivity"] - expected)) < 1e-3 * span
    assert record.conservation < 1e-9
    # the fit cannot know: it leaves a curve that no D and k give, and says so
    assert abs(errors(record)[1]) > 0.03
    assert any("not small" in r for r in record.remarks) and any("no D and k" in r for r in record.remarks)


def test_the_error_of_a_step_grows_with_it_and_turns_with_its_sign() -> None:
    """First order in the step: twice the step, twice the error; oxidation and reduction err to opposite sides."""
    base = small(1.7, 12, None)
    off = {s: errors(relaxed(1.7, 12, None, s)) - base for s in (-0.008, 0.004, 0.008)}
    np.testing.assert_allclose(off[0.008], 2 * off[0.004], rtol=0.1)
    np.testing.assert_allclose(off[0.008], -off[-0.008], rtol=0.1)
    assert np.all(np.abs(off[0.008]) > 0.01)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"step": 0.0}, "not zero"),
        ({"step": np.nan}, "not zero"),
        ({"step": 40.0}, "no composition"),
        ({"half_width": -H2}, "half_thickness must be positive"),
        ({"duration": 0.0}, "duration must be positive"),
        ({"cells": 3}, "cells = 3"),
        ({"carriers": ("vacancy", "hole")}, "vacancy, hole"),
        ({"exchange": mx.Lumped(C=0.3)}, "passes no current"),
        ({"model": mx.mixed_conductor([mx.ConductorLayer("a", H1, 1.0, 2.0, 3e6)])}, "one electroneutral layer"),
        ({"model": mx.mixed_conductor([mx.ChargedLayer("a", H1, (mx.CarrierIn("b", 1, 9.0, 1e-9),))])}, "expected two"),
    ],
)
def test_impossible_relaxations(given: dict, says: str) -> None:
    arguments = {"model": bar(), "exchange": surface(1.0), "step": 1e-3} | given
    with pytest.raises(mx.InputError, match=says) as caught:
        conductivity_relaxation(arguments.pop("model"), arguments.pop("exchange"), **arguments)
    assert "\n" not in str(caught.value)


def test_figure() -> None:
    record = relaxed(1.7, 12, None)
    figure = technique_conductivity_relaxation(record)
    course, rest = figure.axes
    table = record.tables["relaxation"]
    np.testing.assert_array_equal(course.get_lines()[0].get_ydata(), table["normalised"][0][1:])
    left = table["normalised"][0][1:] - table["fitted"][0][1:]
    np.testing.assert_allclose(rest.get_lines()[-1].get_ydata(), 1e3 * left)
    assert f"{record.figure('diffusivity').textbook:.3g}" in course.texts[0].get_text()
    with pytest.raises(mx.InputError, match="other"):
        technique_conductivity_relaxation(TechniqueRecord("other", {}, ()))
