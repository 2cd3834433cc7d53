"""The Bruce-Vincent method: exact for a small step on an ideal salt, and off by what its steady state says."""

from __future__ import annotations

from math import tanh

import numpy as np
import pytest

import miecsim as mx
from miecsim.grid.spacing import resolved
from miecsim.physics.models import Model
from miecsim.plot.technique_bruce_vincent import technique_bruce_vincent
from miecsim.solvers.transient.run import Tolerance
from miecsim.techniques.bruce_vincent import BY_IMPEDANCE, KNOWN, bruce_vincent, interface_resistance

LENGTH, AREA, C0, T = 1.7e-4, 1.9e-4, 870.0, 343.15
D_PLUS, D_MINUS = 0.9e-11, 2.3e-11
TRUE = 0.9 / 3.2
THERMAL = 8.31446261815324 * T / 96485.33212331001
MESH = mx.Mesh(cells=[resolved(LENGTH, 2e-4 * LENGTH, 1.25, LENGTH / 16)])
QUICK = Tolerance(1e-5)


def salt(factor: float = 1.0) -> Model:
    carriers = (
        mx.CarrierIn("cation", 1, C0, D_PLUS, thermodynamic_factor=factor),
        mx.CarrierIn("anion", -1, C0, D_MINUS, thermodynamic_factor=factor),
    )
    return mx.mixed_conductor([mx.ChargedLayer("salt", LENGTH, carriers)], temperature=T)


def test_an_ideal_salt_reads_low_by_the_steady_state_that_bends() -> None:
    """I_s = i_lim tanh(F V/4RT) and I_0 = V sigma/L: t_+ tanh(v/4)/(v/4), v = F V/RT."""
    V = [1.3e-3, 0.034, 0.12]
    record = bruce_vincent(salt(), V, area=AREA, mesh=MESH, tolerance=QUICK)
    for v in V:
        one = record.figure("t_cation", f"{BY_IMPEDANCE}, {1e3 * v:.6g} mV")
        x = v / (4 * THERMAL)
        assert one.true == pytest.approx(TRUE, rel=1e-12)
        assert one.textbook == pytest.approx(TRUE * tanh(x) / x, rel=1.5e-3)
    assert record.conservation < 1e-9
    assert any("across the electrolyte" in remark for remark in record.remarks)


def test_the_techniques_own_grid_resolves_the_electrodes() -> None:
    """t_+ within 1e-3 without a word about the grid, for a cation that carries little too."""
    for D_plus in (0.9e-11, 0.07e-11):
        carriers = (mx.CarrierIn("cation", 1, C0, D_plus), mx.CarrierIn("anion", -1, C0, D_MINUS))
        model = mx.mixed_conductor([mx.ChargedLayer("salt", LENGTH, carriers)], temperature=T)
        record = bruce_vincent(model, [1.3e-3], area=AREA, tolerance=QUICK)
        assert abs(record.figure("t_cation").error) < 1e-3
        assert record.remarks == ()


def test_a_coarse_grid_is_told_by_what_it_adds_and_refused_beyond_five_per_cent() -> None:
    """Half a cell at each electrode lets the cation alone pass: N equal cells add (1/t_+ - 1)/N to the bulk."""
    excess = 1 / TRUE - 1
    for cells in (74, 148, 296):
        record = bruce_vincent(salt(), [1.3e-3], area=AREA, mesh=mx.Mesh(cells=cells), tolerance=QUICK)
        read = record.figure("t_cation").textbook / TRUE - 1
        assert read == pytest.approx(excess / cells, rel=0.02, abs=3e-4)
        told = [f"{100 * excess / cells:.2g} %" in remark for remark in record.remarks if "grid adds" in remark]
        assert told == [True]
    with pytest.raises(mx.InputError, match="grid adds 13 % to the bulk"):
        bruce_vincent(salt(), [1.3e-3], area=AREA, mesh=mx.Mesh(cells=20), tolerance=QUICK)


def test_interfaces_that_relax_first_do_not_end_the_run_before_the_salt() -> None:
    """Interfaces of five times the bulk: the default run still lasts until the salt is steady; a short one says so."""
    sigma = 96485.33212331001 * C0 * (D_PLUS + D_MINUS) / THERMAL
    R, V = 2.5 * LENGTH / sigma, 2.1e-3
    how = {"contact": mx.Lumped(R=R, C=0.02), "area": AREA, "mesh": MESH, "tolerance": QUICK}
    record = bruce_vincent(salt(), [V], **how)
    steady = V * AREA / (2 * R + LENGTH / (sigma * TRUE))
    assert record.tables["steps"]["steady_current"][0][0] == pytest.approx(steady, rel=5e-4)
    assert not any("off its steady value" in remark for remark in record.remarks)
    assert any("1 % of their resistance is 5 % of t_+" in remark for remark in record.remarks)
    brief = bruce_vincent(salt(), [V], duration=0.1 * LENGTH**2 / D_PLUS, **how)
    assert any("off its steady value" in remark for remark in brief.remarks)


def test_thermodynamic_factors_leave_a_small_step_alone() -> None:
    """Without coupled flows: D_chem and the time change with W, the steady current of a small step does not."""
    record = bruce_vincent(salt(2.7), [1.1e-3], area=AREA, mesh=MESH, tolerance=QUICK)
    assert abs(record.figure("t_cation").error) < 1.5e-3
    assert record.conservation < 1e-9


def test_interfaces_are_taken_out_where_their_arc_stands_alone() -> None:
    """The arc 300 times as fast as diffusion: its width reads the interfaces to a few per cent, t_+ follows."""
    R, V = 2.3e-3, 2.1e-3
    record = bruce_vincent(salt(), [V], contact=mx.Lumped(R=R, C=0.02), area=AREA, mesh=MESH, tolerance=QUICK)
    steps = {name: values[0] for name, (values, _) in record.tables["steps"].items()}
    assert steps["true_before"] == pytest.approx(2 * R / AREA, rel=1e-6)
    assert steps["true_after"] == pytest.approx(2 * R / AREA, rel=1e-6)
    assert steps["interfaces_before"] == pytest.approx(2 * R / AREA, rel=0.02)
    assert abs(record.figure("t_cation", f"{BY_IMPEDANCE}, 2.1 mV").error) < 0.05
    # The step against all resistances in series: the salt's is L/(sigma t_+)
    sigma = 96485.33212331001 * C0 * (D_PLUS + D_MINUS) / THERMAL
    assert steps["steady_current"] == pytest.approx(V * AREA / (2 * R + LENGTH / (sigma * TRUE)), rel=1e-3)


def test_interfaces_without_an_arc_count_as_bulk() -> None:
    """No capacitance, no arc: I_s/I_0 alone is (R_b + R_i)/(R_b/t_+ + R_i)."""
    R = 2.3e-3
    record = bruce_vincent(salt(), [2e-3], contact=mx.Lumped(R=R), area=AREA, mesh=MESH, tolerance=QUICK)
    bulk = LENGTH * THERMAL / (96485.33212331001 * C0 * (D_PLUS + D_MINUS))
    blind = (bulk + 2 * R) / (bulk / TRUE + 2 * R)
    assert record.figure("t_cation", f"{BY_IMPEDANCE}, 2 mV").textbook == pytest.approx(blind, rel=1.5e-3)
    assert abs(record.figure("t_cation", f"{KNOWN}, 2 mV").error) < 1.5e-3
    assert any("no arc of their own" in remark for remark in record.remarks)


def test_coupled_flows_give_the_current_fraction() -> None:
    """I_s/I_0 = (sigma_1 - sigma_12^2/sigma_2)/(sum of all), not (sigma_1 + sigma_12)/(sum of all)."""
    s1, s2, s12 = 0.021, 0.047, -0.011
    layer = mx.ConductorLayer("melt", LENGTH, s1, s2, chemical_capacitance=3.3e6, sigma_cross=s12)
    names = {"cation": "ion", "anion": "electron"}
    record = bruce_vincent(mx.mixed_conductor([layer]), [1e-3], mesh=MESH, tolerance=QUICK, **names)
    fraction = (s1 - s12**2 / s2) / (s1 + s2 + 2 * s12)
    assert record.figure("t_cation").textbook == pytest.approx(fraction, rel=1.5e-3)
    assert record.figure("t_cation").true == pytest.approx((s1 + s12) / (s1 + s2 + 2 * s12), rel=1e-12)
    assert any("current fraction" in remark for remark in record.remarks)


def test_width_of_an_arc() -> None:
    w = 2 * np.pi * np.geomspace(1e-4, 1e7, 200)
    two = 3.1 + 7.7 / (1 + 1j * w * 1e-5) + 4.2 / (1 + 1j * w * 10.0)
    assert interface_resistance(two) == pytest.approx(7.7, rel=1e-4)
    assert interface_resistance(3.1 + 7.7 / (1 + 1j * w * 1e-2)) == 0.0


def test_arguments_that_make_no_measurement() -> None:
    with pytest.raises(mx.InputError, match="voltages must be positive"):
        bruce_vincent(salt(), [0.01, -0.01])
    with pytest.raises(mx.InputError, match='"cation" and "TFSI"'):
        bruce_vincent(salt(), [0.01], anion="TFSI")
    with pytest.raises(mx.InputError, match="frequency must be positive"):
        bruce_vincent(salt(), [0.01], frequency=[0.0], mesh=MESH)


def test_the_figure_shows_current_spectra_and_numbers() -> None:
    record = bruce_vincent(salt(), [0.02, 0.07], area=AREA, mesh=MESH, tolerance=QUICK)
    current, spectra, numbers = technique_bruce_vincent(record).axes
    assert len(current.lines) == 2 and len(spectra.lines) == 3 and len(numbers.lines) == 3
    assert float(current.lines[1].get_ydata()[-1]) < float(current.lines[0].get_ydata()[-1])
    with pytest.raises(mx.InputError, match="Bruce-Vincent"):
        technique_bruce_vincent(type(record)("pitt", {}, ()))
