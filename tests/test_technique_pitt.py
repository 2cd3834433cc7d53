"""PITT: exact where the textbook is exact, off where theory says by how much."""

from __future__ import annotations

from math import inf, pi

import numpy as np
import pytest
import systems
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.plot.technique_pitt import technique_pitt
from miecsim.solvers.transient.run import Tolerance
from miecsim.system import System
from miecsim.techniques.formulas_diffusion import exchange_roots, pitt_current
from miecsim.techniques.host import host_of, insertion_electrode
from miecsim.techniques.pitt import pitt

SIZE, AREA, C0, D_ION, W = 1.3e-6, 2.3e-4, 11370.0, 3.1e-15, 2.3


def electrode(shape="planar", electron=3e-11, size=SIZE, area=AREA, diffusivity=D_ION, cells=60, **more) -> System:
    return insertion_electrode(size, area, C0, diffusivity, electron, shape=shape, factor=W, cells=cells, **more)


def potential(step: float) -> float:
    """E of a dilute host after its composition rose by the share `step`: E = -(1 + W) V_T ln(c/c0)."""
    return float(-(1 + W) * systems.V_T * np.log1p(step))


def test_published_currents() -> None:
    """Current of a slab, reversible surface, 12 digits by an independent spectral solution: id P019."""
    Q, L, D = 0.001377, 4.157e-07, 7.407e-13
    t = np.array([0.002333, 0.01167, 0.04666, 0.1167, 0.35])
    expected = [0.03329988872986561, 0.01488897229867088, 0.007345742336108147, 0.003436000852248388]
    expected.append(0.0002913798587320652)
    D_e = 3e-9
    D_i = 1 / ((1 + W) / D - 1 / D_e)
    system = electrode(electron=D_e, size=L, area=3.1e-3, diffusivity=D_i, collector="surface", cells=80)
    record = pitt(system, [potential(Q / (FARADAY * 3.1e-3 * L * C0))])
    time, current = (record.tables["record"][name][0] for name in ("time", "current"))
    read = np.exp(CubicSpline(np.log(time), np.log(-current))(np.log(t)))
    np.testing.assert_allclose(read, expected, rtol=2e-3)
    np.testing.assert_allclose(record.tables["steps"]["charge"][0], [-Q], rtol=1e-4)


@pytest.mark.parametrize("shape", ["planar", "sphere"])
def test_a_surface_that_follows_gives_the_diffusivity(shape: str) -> None:
    """Steps of any size, while D does not depend on the composition; the charge is that between the potentials."""
    system = electrode(shape, collector="surface")
    record = pitt(system, [potential(0.31), potential(-0.17)])
    for k in (1, 2):
        assert abs(record.figure("D_chem", f"Cottrell slope, step {k}").error) < 2e-3
        assert abs(record.figure("D_chem", f"long-time slope, step {k}").error) < 5e-3
        assert abs(record.figure("D_chem", f"Montella fit, step {k}").error) < 2e-3
    true = (1 + W) / (1 / D_ION + 1 / 3e-11)
    np.testing.assert_allclose(record.tables["steps"]["D_true"][0], true, rtol=1e-12)
    content = FARADAY * C0 * AREA * SIZE / (3 if shape == "sphere" else 1)
    np.testing.assert_allclose(record.tables["steps"]["charge"][0], content * np.array([-0.31, 0.48]), rtol=2e-4)
    assert record.conservation < 1e-9
    assert record.remarks == ()


@pytest.mark.slow
def test_closer_with_more_cells() -> None:
    """Both slopes by the square of the cell size."""
    errors = []
    for cells in (6, 12, 24):
        system = electrode(cells=cells, grading=6.0, collector="surface")
        record = pitt(system, [potential(0.02)], tolerance=Tolerance(1e-7))
        errors.append(
            [record.figure("D_chem", f"{how}, step 1").error for how in ("Cottrell slope", "long-time slope")]
        )
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2) < 0.2), (errors, orders)


@pytest.mark.parametrize("shape", ["planar", "sphere"])
def test_charge_transfer_misleads_both_slopes_as_theory_says(shape: str) -> None:
    """Small step behind a resistance: Montella's fit finds D and Lambda; the slopes err by the formula's own error."""
    system = electrode(shape, resistance=7.3e-4)
    host = host_of(system)
    D, biot = host.diffusivity(C0), host.biot(C0)
    assert 5 < biot < 30
    record = pitt(system, [potential(3e-4)])
    assert abs(record.figure("D_chem", "Montella fit, step 1").error) < 3e-3
    assert abs(record.figure("Lambda", "Montella fit, step 1").error) < 5e-3
    at_once = pi if shape == "sphere" else pi / 2
    expected = (exchange_roots(biot, 1, shape)[0] / at_once) ** 2 - 1
    assert abs(record.figure("D_chem", "long-time slope, step 1").error - expected) < 5e-3
    # Cottrell's slope of the exact current between 5 and 35 % of the charge
    t = np.geomspace(1e-9, 3, 200001) * SIZE**2 / D
    exact = pitt_current(t, 1.0, D, SIZE, biot, shape)
    passed = np.concatenate([[0], np.cumsum(np.diff(t) * (exact[1:] + exact[:-1]) / 2)])
    window = np.geomspace(*np.interp([0.05, 0.35], passed, t), 60)
    slope = np.polyfit(window**-0.5, pitt_current(window, 1.0, D, SIZE, biot, shape), 1)[0]
    fed = SIZE / (3 if shape == "sphere" else 1)
    read = pi * (fed * slope) ** 2 / D - 1
    assert read < -0.2
    assert abs(record.figure("D_chem", "Cottrell slope, step 1").error - read) < 1e-2
    assert any("lags" in remark for remark in record.remarks)


def test_ions_that_carry_current_and_a_far_collector() -> None:
    """The tail of the two-rail line decays with the lowest zero of its impedance, not with (pi/2)^2 D/L^2.

    Z = 0 with x = i b: t_i t_e (b sin b - 2) = (t_i^2 + t_e^2) cos b.
    """
    record = pitt(electrode(electron=10 * D_ION), [potential(5e-4)])
    t_i, t_e = 1 / 11, 10 / 11
    b = brentq(lambda b: t_i * t_e * (b * np.sin(b) - 2) - (t_i**2 + t_e**2) * np.cos(b), 1.0, 2.5)
    expected = (b / (pi / 2)) ** 2 - 1
    assert expected > 0.04
    assert abs(record.figure("D_chem", "long-time slope, step 1").error - expected) < 5e-3
    assert any("far collector" in remark for remark in record.remarks)


def test_short_steps_say_so() -> None:
    system = electrode(collector="surface")
    D = host_of(system).diffusivity(C0)
    record = pitt(system, [potential(0.01)], 0.4 * SIZE**2 / D)
    assert not any(one.how.startswith("long") for one in record.compared)
    assert any("no long-time slope" in remark for remark in record.remarks)
    slow = electrode(cells=10, resistance=0.1, collector="surface")
    with pytest.raises(mx.InputError, match="^pitt: a step ends after 5 s, before 35 % of its charge"):
        pitt(slow, [potential(0.01)], 5.0)


def test_starts_from_any_equilibrium() -> None:
    """A lattice gas: the composition before and after follow from E = -V_T [ln c/(1-c) + ...] by the model's own E."""
    system = electrode(site_density=26000.0, collector="surface")
    host = host_of(system)
    E = [host.potential(c) for c in (14000.0, 15000.0)]
    record = pitt(system, [E[1]], start=E[0])
    np.testing.assert_allclose(record.tables["steps"]["composition"][0], 14500.0, rtol=1e-4)
    x = np.array([C0, 14000.0]) / 26000
    law = systems.V_T * (np.log(x / (1 - x)) + (W - 1) * np.log(x) + np.log(x))
    np.testing.assert_allclose(E[0], -(law[1] - law[0]), rtol=1e-9)
    assert abs(record.figure("D_chem", "Montella fit, step 1").error) < 0.05


def test_no_experiment_without_steps_or_a_host() -> None:
    system = electrode(cells=6)
    with pytest.raises(mx.InputError, match="^pitt: needs one potential or more"):
        pitt(system, [])
    with pytest.raises(mx.InputError, match="^pitt: needs one potential or more"):
        pitt(system, [0.0])
    with pytest.raises(mx.InputError, match="^pitt: potentials must be finite"):
        pitt(system, [inf])
    with pytest.raises(mx.InputError, match="^pitt: duration must be positive"):
        pitt(system, [0.01], -1.0)
    with pytest.raises(mx.InputError, match="two mobile carriers, one named"):
        pitt(system, [0.01], electron="hole")
    with pytest.raises(mx.InputError, match="one layer of carriers"):
        pitt(systems.composite(1), [0.01])
    with pytest.raises(mx.InputError, match="start must be finite"):
        pitt(system, [0.01], start=inf)


def test_figure() -> None:
    """Both axes hold the record, its fit and the formula of every step."""
    record = pitt(electrode(cells=20, collector="surface"), [0.004, -0.003])
    figure = technique_pitt(record)
    left, right = figure.axes
    assert len(left.lines) == len(right.lines) == 6
    t, root = left.lines[2].get_data()
    D = record.tables["steps"]["D_true"][0][0]
    middle = (t > 1e-2 * SIZE**2 / D) & (t < 0.1 * SIZE**2 / D)
    np.testing.assert_allclose(root[middle], np.sqrt(D / pi) / SIZE, rtol=1e-2)
    with pytest.raises(mx.InputError, match="figure of PITT"):
        technique_pitt(type(record)("gitt", {}, ()))
