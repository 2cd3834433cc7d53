"""Side by side with PyBaMM: the Doyle-Fuller-Newman cells Chen2020 and Marquis2019, spectra at rest and discharges.

PyBaMM runs in an interpreter of its own, named by MIECSIM_PYBAMM (without it these tests are skipped, save the first).
Both programs get the same meshes, and a third way without a mesh (`cell_modes`) says which one is right. What differs
by intention, and is measured here:

- PyBaMM rounds the square roots of i0 off below 1e-3 of their scale: R_ct up to 3e-5 higher (`laws`).
- PyBaMM's double layer takes its charge from the anions, ours from the cations: up to 1e-4 of Z, none without it.
- PyBaMM extrapolates c at a particle's surface and v at the ends of an electrode from two nodes; here a half cell
  lies between node and surface. Both are of second order; on coarse uniform shells the errors have opposite signs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cell_modes
import numpy as np
import pytest
from peers.asking import Level, ask, spectrum
from published_cells import CELLS, build, with_meshes
from scipy.interpolate import PchipInterpolator

import miecsim as mx
from miecsim.typing import Array, Complex

SETS = tuple(CELLS)
FREQUENCY = np.logspace(-4, 4, 25)
COARSE, MIDDLE, FINE = (Level(n, 30.0, 2 * n, 1e3) for n in (20, 40, 80))
FORM = {False: "algebraic", True: "differential"}  # of PyBaMM's surface form, without and with a double layer


def off(Z: Complex, reference: Complex) -> float:
    return float(np.abs(Z / reference - 1).max())


@cache
def ours(name: str, level: Level, double_layer: bool) -> Complex:
    cell = with_meshes(CELLS[name](), level.shells, level.shell_grading, double_layer)
    return mx.impedance(mx.rest_point(build(cell, level.cells, level.grading)), FREQUENCY).Z


@cache
def theirs(name: str, level: Level | None, double_layer: bool, laws: str = "") -> Complex:
    question: dict[str, Any] = {"set": name, "what": "eis", "frequency": FREQUENCY.tolist(), "laws": laws}
    return spectrum(ask(question | {"surface_form": FORM[double_layer]}, level))


def exact(name: str, double_layer: bool, charged_by_anions: bool = False) -> Complex:
    return cell_modes.impedance(with_meshes(CELLS[name](), 2, 1.0, double_layer), FREQUENCY, charged_by_anions)


def told(*columns: object) -> None:
    print("  ".join(f"{c:9.2e}" if isinstance(c, float) else f"{c!s:14}" for c in columns))


# --- spectra ---


@pytest.mark.parametrize("double_layer", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_spectrum_against_modes(name: str, double_layer: bool) -> None:
    """Against eigenmodes, without a mesh: second order."""
    coarse, middle = (off(ours(name, level, double_layer), exact(name, double_layer)) for level in (COARSE, MIDDLE))
    told(name, FORM[double_layer], coarse, middle)
    assert 3.3 < coarse / middle < 4.7
    assert middle < 2.6e-3


@pytest.mark.parametrize("name", SETS)
def test_spectrum_beside_pybamm(name: str) -> None:
    """Within 1e-3 of each other and of the modes, 1e-4 to 1e4 Hz, at 40 cells and 80 shells, graded."""
    Z, peer, modes = ours(name, MIDDLE, False), theirs(name, MIDDLE, False), exact(name, False)
    told(name, "to each other", off(peer, Z), "PyBaMM, miecsim to modes", off(peer, modes), off(Z, modes))
    assert off(peer, Z) < 1e-3
    assert off(peer, modes) < 1e-3
    assert off(Z, modes) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("double_layer", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_convergence_to_each_other(name: str, double_layer: bool) -> None:
    """Three meshes and what each program extrapolates to (Richardson, second order), beside the modes: of the double
    layer as each has it."""
    mine, other = exact(name, double_layer), exact(name, double_layer, charged_by_anions=True)
    told(name, FORM[double_layer], "apart", "miecsim", "PyBaMM")
    Z, peer = [], []
    for level in (COARSE, MIDDLE, FINE):
        Z.append(ours(name, level, double_layer))
        peer.append(theirs(name, level, double_layer))
        told("", f"{level.cells}/{level.shells}", off(peer[-1], Z[-1]), off(Z[-1], mine), off(peer[-1], other))
    limit, their_limit = ((4 * fine - middle) / 3 for _, middle, fine in (Z, peer))
    told("", "extrapolated", off(their_limit, limit), off(limit, mine), off(their_limit, other))
    told("", "by the anions", off(other, mine), "PyBaMM to the modes with cations:", off(their_limit, mine))
    assert off(peer[-1], Z[-1]) < 1e-3
    assert off(limit, mine) < 1e-4
    assert off(their_limit, other) < 1e-4
    assert off(Z[-1], mine) < 0.35 * off(Z[-2], mine)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_default_meshes(name: str) -> None:
    """20 equal cells and 20 equal shells, PyBaMM's default, and 100 of each: errors against the modes."""
    default, finer = Level(20, 1.0, 20, 1.0), Level(100, 1.0, 100, 1.0)
    for double_layer in (False, True):
        mine, other = exact(name, double_layer), exact(name, double_layer, charged_by_anions=True)
        errors = []
        for level in (default, finer):
            Z, peer = ours(name, level, double_layer), theirs(name, level, double_layer)
            errors.append((off(Z, mine), off(peer, other)))
            told(name, f"{FORM[double_layer]} {level.cells}/{level.shells}", *errors[-1])
        graded = off(ours(name, COARSE, double_layer), mine)
        told(name, "graded 20/40", graded)
        assert max(errors[1]) < 0.35 * max(errors[0])
        assert graded < min(errors[0])
    # with no mesh given, PyBaMM takes the one that it is given above
    np.testing.assert_allclose(theirs(name, None, True), theirs(name, default, True), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_rounded_square_roots(name: str) -> None:
    """sqrt(x) -> x (x^2 + 1e-6)^(-1/4): i0 falls by 1e-6/4 of the sum of 1/x^2 over c_e, x and 1 - x; so Z moves by no
    more, in the sense of a larger charge-transfer resistance."""
    layers = CELLS[name]().layers
    x = np.array([layers[0].particles[0].stoichiometry, layers[2].particles[0].stoichiometry])
    most = float((0.25e-6 * (1 + 1 / x**2 + 1 / (1 - x) ** 2)).max())
    as_it_is, published = theirs(name, COARSE, False), theirs(name, COARSE, False, "published")
    moved = (as_it_is / published - 1)[-1].real
    told(name, moved, "at most", most)
    assert 0.02 * most < moved < most


# --- discharges ---


def outputs(rate: float) -> Array:
    """Times [s], dense where the voltage turns: at the beginning and towards the end."""
    whole = 3600 / rate
    ends = np.geomspace(1e-4, 0.05, 15)
    return whole * np.concatenate([ends, np.linspace(0.06, 0.9, 43), np.linspace(0.905, 1.1, 40)])


@cache
def discharged(name: str, level: Level, rate: float) -> Array:
    """Voltages [V] at outputs(rate), nan after the cut-off, and the time [s] of the cut-off."""
    cell = with_meshes(CELLS[name](), level.shells, level.shell_grading)
    point, times = mx.rest_point(build(cell, level.cells, level.grading)), outputs(rate)
    ground = float(point.voltages[1])
    controls = {"positive": mx.current(-rate * cell.current_1C), "negative": mx.voltage(ground)}
    limit = mx.Limit("voltage", "positive", "below", cell.cut_off + ground)
    trace = mx.solve_transient(point, [mx.Step("discharge", controls, times[-1], [limit])])
    assert trace.conservation < 1e-10
    # some 400 steps: between them a monotone cubic is good to a few microvolts
    between = PchipInterpolator(trace.time, trace.voltage[:, 0] - trace.voltage[:, 1], extrapolate=False)
    return np.append(between(times), trace.time[-1])


@cache
def discharged_by_pybamm(name: str, level: Level, rate: float) -> Array:
    times = outputs(rate)
    question = {"set": name, "what": "discharge", "current": rate * CELLS[name]().current_1C, "times": times.tolist()}
    answer = ask(question, level)
    t, v = np.array(answer["time"]), np.array(answer["voltage"])
    reached = times[times < t[-1]]
    k = np.abs(t[:, None] - reached).argmin(axis=0)
    np.testing.assert_allclose(t[k], reached, rtol=1e-9)
    return np.concatenate([v[k], np.full(times.size - reached.size, np.nan), t[-1:]])


def millivolts(a: Array, b: Array) -> float:
    """Root mean square in time of the difference while both go on; both have run to the cut-off."""
    both = np.isfinite(a[:-1]) & np.isfinite(b[:-1])
    assert both.sum() > 70
    t, d = outputs(1.0)[both], 1e3 * (a[:-1] - b[:-1])[both]
    return float(np.sqrt(np.trapezoid(d**2, t) / (t[-1] - t[0])))


@pytest.mark.parametrize("name", SETS)
def test_discharge_beside_pybamm(name: str) -> None:
    """1C to the cut-off voltage, within 1 mV; the cut-off within 3e-4 of the time, which is PyBaMM's error on 20 shells
    (a particle that fills evenly is exact on ours)."""
    level = Level(20, 10.0, 20, 30.0)
    mine, peer = discharged(name, level, 1.0), discharged_by_pybamm(name, level, 1.0)
    told(name, "1C, mV", millivolts(mine, peer), f"to {mine[-1]:.2f} and {peer[-1]:.2f} s")
    assert millivolts(mine, peer) < 1.0
    assert mine[-1] == pytest.approx(peer[-1], rel=3e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.0, 0.1])
@pytest.mark.parametrize("name", SETS)
def test_discharges_converge(name: str, rate: float) -> None:
    """Three meshes, in mV: apart, and each from its own next mesh."""
    levels = [Level(n, 10.0, n, 30.0) for n in (10, 20, 40)]
    told(name, f"{rate:g} C", "apart, mV", "miecsim", "PyBaMM")
    apart, moved = [], []
    for i, level in enumerate(levels):
        mine, peer = discharged(name, level, rate), discharged_by_pybamm(name, level, rate)
        apart.append(millivolts(mine, peer))
        if i:
            moved.append(millivolts(mine, discharged(name, levels[i - 1], rate)))
            their = millivolts(peer, discharged_by_pybamm(name, levels[i - 1], rate))
            told("", f"{level.cells}/{level.shells}", apart[-1], moved[-1], their, f"{mine[-1]:.2f} {peer[-1]:.2f} s")
    assert max(apart[1:]) < 1.0
    assert apart[2] < apart[1] or apart[2] < 0.1
    assert moved[1] < 0.4 * moved[0]
