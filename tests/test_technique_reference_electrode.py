"""Micro-reference electrodes: what they see of a line with linear kinetics is exact, and off it as it should be."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import miecsim as mx
from miecsim.physics.elements import Element
from miecsim.plot.technique_reference_electrode import technique_reference_electrode
from miecsim.system import System
from miecsim.techniques.record import TechniqueRecord
from miecsim.techniques.reference_electrode import CURVATURE, LINE, WIDTH, at, reference_electrode

LENGTH, AREA, T = 8.3e-5, 1.3e-4, 313.15
S_ION, S_EON, DENSITY = 0.021, 0.13, 6.1e5
R_CT, C_DL = 0.083, 0.11
THERMAL = 8.31446261815324 * T / 96485.33212331001
CURRENT = 3.1e-3
DEPTHS = [9e-6, 31.7e-6, 77e-6]
LINEAR = mx.Lumped(R=R_CT, C=C_DL)
DECAY = sqrt(R_CT / DENSITY * S_ION * S_EON / (S_ION + S_EON))


def composite(law: Element = LINEAR, cells: int = 200, wiring: mx.Wiring | None = None) -> System:
    layer = mx.CompositeLayer("electrode", LENGTH, S_ION, S_EON, law, DENSITY)
    model = mx.composite_electrode([layer], temperature=T)
    return mx.build_system(model, wiring or mx.preset("battery"), area=AREA, mesh=mx.Mesh(cells=cells))


def newman_tobias(y: float) -> float:
    """Local reaction [A/m3], ions in at 0 and electrons out at L, from cosh directly."""
    x, share = LENGTH / DECAY, S_ION / (S_ION + S_EON)
    inward, outward = np.cosh((LENGTH - y) / DECAY), np.cosh(y / DECAY)
    return float(CURRENT / (AREA * DECAY * np.sinh(x)) * ((1 - share) * inward + share * outward))


def test_linear_kinetics_follow_newman_and_tobias() -> None:
    record = reference_electrode(composite(), CURRENT, DEPTHS)
    for y in DEPTHS:
        reaction = record.figure(at("reaction", y), LINE)
        assert reaction.textbook == pytest.approx(newman_tobias(y), rel=1e-11)
        assert reaction.true == pytest.approx(newman_tobias(y), rel=2e-5)
        for name in ("Phi_ion", "overpotential"):
            assert abs(record.figure(at(name, y), LINE).error) < 2e-5
    profile = {name: values for name, (values, _) in record.tables["profile"].items()}
    whole = np.trapezoid(profile["reaction"], profile["position"]) * AREA
    assert whole == pytest.approx(CURRENT, rel=1e-4)


def test_profiles_converge_with_the_square_of_the_cell() -> None:
    # depths on faces and centres of neither mesh, so that the reading between nodes counts
    errors = []
    for cells in (40, 160):
        record = reference_electrode(composite(cells=cells), CURRENT, [0.3137 * LENGTH, 0.7771 * LENGTH])
        errors.append(max(abs(one.error) for one in record.compared if one.how == LINE))
    assert errors[0] / errors[1] > 8
    assert errors[1] < 3e-5


def test_width_blurs_by_the_curvature_of_the_potential() -> None:
    """Mean over w less the middle is w^2 Phi''/24, Phi'' = reaction/sigma_ion; with side-by-side electrodes s apart the
    second difference reads (s^2/12 + w^2/24)/lambda^2 too much of a field that decays over lambda."""
    w, y = 6.3e-6, 31.7e-6
    record = reference_electrode(composite(cells=800), CURRENT, [y], width=w)
    one = record.figure(at("Phi_ion", y), WIDTH)
    assert one.textbook - one.true == pytest.approx(w**2 / 24 * newman_tobias(y) / S_ION, rel=5e-3)
    blur = record.figure(at("reaction", y), CURVATURE).error
    assert blur == pytest.approx((w**2 / 12 + w**2 / 24) / DECAY**2, rel=2e-2)


def test_electrodes_near_an_end_cannot_show_curvature() -> None:
    record = reference_electrode(composite(cells=50), CURRENT, [1e-6, 40e-6])
    assert np.isnan(record.tables["readings"]["reaction, curvature"][0][0])
    assert record.figure(at("reaction", 40e-6), CURVATURE).textbook > 0
    with pytest.raises(KeyError):
        record.figure(at("reaction", 1e-6), CURVATURE)


def test_alternating_current_follows_the_line_and_the_reference_planes() -> None:
    f = np.geomspace(0.3, 3e4, 9)
    record = reference_electrode(composite(cells=400), CURRENT, DEPTHS, frequency=f)
    planes = tuple(mx.ReferencePlane(f"{1e6 * y:.6g}", y, "ion") for y in DEPTHS)
    wiring = mx.Wiring(mx.preset("battery").terminals, reference_planes=planes)
    spectrum = mx.impedance(mx.solve_steady(composite(cells=400, wiring=wiring)), f)
    table = {name: values for name, (values, _) in record.tables["spectra"].items()}
    for plane in planes:
        seen = table[f"Z real, {plane.name} um"] + 1j * table[f"Z imaginary, {plane.name} um"]
        line = table[f"Z real, line, {plane.name} um"] + 1j * table[f"Z imaginary, line, {plane.name} um"]
        np.testing.assert_allclose(seen, spectrum.plane(plane.name), rtol=1e-9)
        np.testing.assert_allclose(seen, line, rtol=2e-3)
    middle = f"{LINE}, {f[4]:.4g} Hz"
    for y in DEPTHS:
        assert abs(record.figure(at("|Phi_ion|", y), middle).error) < 1e-4
        assert abs(record.figure(at("|overpotential|", y), middle).error) < 1e-4


def test_a_reaction_lost_in_rounding_is_neither_drawn_nor_compared() -> None:
    """The reaction decays over 3.5 % of the electrode at 10 kHz, where its middle is seen, over 0.35 % at 1 MHz."""
    record = reference_electrode(composite(cells=400), CURRENT, [0.5 * LENGTH], frequency=[1e4, 1e6, 1e8])
    table = {name: values for name, (values, _) in record.tables["waves"].items()}
    lost = np.isnan(table["reaction real"]).reshape(3, -1)
    assert not lost[0].any() and lost[2].sum() > 0.5 * lost.shape[1] and not lost[2, [0, -1]].any()
    for name in table:  # the line and both parts have the same gap
        if name not in ("frequency", "position"):
            np.testing.assert_array_equal(np.isnan(table[name]).reshape(3, -1), lost)
    assert any("is rounding: no phase" in remark for remark in record.remarks)
    assert not any(one.quantity.startswith("|overpotential|") for one in record.compared)
    phase = technique_reference_electrode(record).axes[3].lines[4].get_ydata()
    x = table["position"].reshape(3, -1)[2]
    seen = np.flatnonzero(~lost[2])
    left, right = seen[x[seen] < LENGTH / 2], seen[x[seen] > LENGTH / 2]
    assert np.isnan(phase[lost[2]]).all() and not np.isnan(phase[~lost[2]]).any()
    for flank, sign in ((left, -1), (right, 1)):
        assert np.all(sign * np.diff(phase[flank]) > 0)
    fine = reference_electrode(composite(cells=400), CURRENT, [0.5 * LENGTH], frequency=[1e4])
    assert abs(fine.figure(at("|overpotential|", 0.5 * LENGTH)).error) < 0.01
    # diffusive waves: the phase falls by k = sqrt(w r c/2) along x
    k = sqrt((1 / S_ION + 1 / S_EON) * DENSITY * C_DL * 2 * np.pi * 1e4 / 2)
    slow = technique_reference_electrode(fine).axes[3].lines[0].get_ydata()
    here = (x > 3 / k) & (x < 0.4 * LENGTH)
    assert np.polyfit(x[here], np.radians(slow[here]), 1)[0] == pytest.approx(-k, rel=0.02)


def test_an_interface_that_blocks_shows_only_alternating_current() -> None:
    law = mx.Lumped(C=C_DL)
    system = composite(law, wiring=mx.preset("ion_blocking"))
    record = reference_electrode(system, CURRENT, [20e-6, 60e-6], frequency=[2.0, 50.0, 3e3])
    assert any("no direct current passes" in remark for remark in record.remarks)
    wave = {name: values for name, (values, _) in record.tables["waves"].items()}
    here = wave["frequency"] == 50.0
    reaction = wave["reaction real"][here] + 1j * wave["reaction imaginary"][here]
    line = wave["reaction real, line"][here] + 1j * wave["reaction imaginary, line"][here]
    np.testing.assert_allclose(reaction, line, atol=2e-4 * np.abs(line).max())
    # what enters the ions' rail on one side leaves it on the other
    assert abs(np.trapezoid(reaction, wave["position"][here])) < 1e-3 * np.abs(line).max() * LENGTH


@pytest.mark.parametrize("current", [2e-5, 0.017])
def test_kinetics_crowd_a_large_current(current: float) -> None:
    """Butler-Volmer with the same resistance at rest: the line holds for small currents only."""
    law = mx.ButlerVolmer(THERMAL / R_CT, THERMAL, C=C_DL)
    record = reference_electrode(composite(law), current, [9e-6, 31.7e-6])
    near, far = (record.figure(at("reaction", y), LINE) for y in (9e-6, 31.7e-6))
    if current < 1e-4:
        assert max(abs(near.error), abs(far.error)) < 1e-4
        assert not any("not linear" in remark for remark in record.remarks)
    else:
        assert near.true / far.true > 1.2 * near.textbook / far.textbook
        assert any("not linear" in remark for remark in record.remarks)
        # sinh laws: a_v 2 i_0 sinh(u/2V_T), by hand from the overpotential there
        u = record.figure(at("overpotential", 9e-6), LINE).true
        by_hand = DENSITY * 2 * THERMAL / R_CT * np.sinh(u / (2 * THERMAL))
        assert near.true == pytest.approx(by_hand, rel=2e-3)


def test_contacts_with_resistance_shift_the_potential() -> None:
    R = 0.0123
    ends = (("A", "left", "ion"), ("B", "right", "electron"))
    law = mx.Lumped(R=R)
    wiring = mx.Wiring(tuple(mx.Terminal(name, (mx.Contact(side, carrier, law),)) for name, side, carrier in ends))
    plain, shifted = (reference_electrode(composite(wiring=w), CURRENT, DEPTHS) for w in (None, wiring))
    for y in DEPTHS:
        a, b = (r.figure(at("Phi_ion", y), LINE) for r in (plain, shifted))
        assert b.true - a.true == pytest.approx(CURRENT * R / AREA, rel=1e-6)
        assert b.textbook == pytest.approx(b.true, rel=2e-5)


def test_arguments_that_make_no_measurement() -> None:
    for positions, width in (([-1e-6], 0.0), ([LENGTH], 1e-6), ([], 0.0)):
        with pytest.raises(mx.InputError, match="does not lie inside"):
            reference_electrode(composite(cells=20), CURRENT, positions, width=width)
    with pytest.raises(mx.InputError, match="current must not be 0"):
        reference_electrode(composite(cells=20), 0.0, DEPTHS)
    with pytest.raises(mx.InputError, match="width must not be negative"):
        reference_electrode(composite(cells=20), CURRENT, DEPTHS, width=-1e-6)
    with pytest.raises(mx.InputError, match="frequency must be positive"):
        reference_electrode(composite(cells=20), CURRENT, DEPTHS, frequency=[0.0])
    film = mx.mixed_conductor([mx.ConductorLayer("film", LENGTH, S_ION, S_EON, chemical_capacitance=1e5)])
    with pytest.raises(mx.InputError, match="one composite layer"):
        reference_electrode(mx.build_system(film, mx.preset("battery")), CURRENT, DEPTHS)


def test_the_figure_shows_readings_and_waves() -> None:
    record = reference_electrode(composite(cells=60), CURRENT, DEPTHS, width=4e-6, frequency=[1.0, 40.0, 2e3])
    potential, reaction, size, phase = technique_reference_electrode(record).axes
    assert potential.get_ylabel() == "potential / mV" and "reaction" in reaction.get_ylabel()
    assert len(size.lines) == len(phase.lines) == 6
    assert len(technique_reference_electrode(reference_electrode(composite(cells=60), CURRENT, DEPTHS)).axes) == 2
    with pytest.raises(mx.InputError, match="reference electrode"):
        technique_reference_electrode(TechniqueRecord("pitt", {}, ()))
