"""The current-carrying electrode: R_ee, R_ii and the check at high frequency, with and without a leak between rails."""

from __future__ import annotations

from math import sqrt, tanh

import numpy as np
import pytest

import miecsim as mx
from miecsim.physics.models import Model
from miecsim.plot.technique_current_carrying import technique_current_carrying
from miecsim.techniques.current_carrying import BY_EXCESS, BY_STEADY, current_carrying_electrode, transference_by_excess

LENGTH, AREA = 3.7e-4, 1.3e-5
S_ION, S_EON = 0.0131, 0.0617
DENSITY, C_WALL = 4.3e5, 0.17
R_ION, R_EON = (LENGTH / (s * AREA) for s in (S_ION, S_EON))
PARALLEL = R_ION * R_EON / (R_ION + R_EON)
MESH = mx.Mesh(cells=160, grading=60.0)


def film(**wall: float) -> Model:
    layer = mx.CompositeLayer("film", LENGTH, S_ION, S_EON, mx.Lumped(**(wall or {"C": C_WALL})), DENSITY)
    return mx.composite_electrode([layer])


def leaking(R_ct: float) -> tuple[float, float]:
    """R_ee, R_ii of the two-rail line under direct current: z_p L + 2 lambda (z_2^2, z_1^2)/z_s tanh(L/2 lambda)."""
    z_1, z_2 = R_ION / LENGTH, R_EON / LENGTH
    decay = sqrt(R_ct / (AREA * DENSITY) / (z_1 + z_2))
    share = 2 * decay / (z_1 + z_2) * tanh(LENGTH / (2 * decay))
    return PARALLEL + share * z_2**2, PARALLEL + share * z_1**2


def test_a_blocking_film_gives_both_rails_exactly() -> None:
    record = current_carrying_electrode(film(), area=AREA, mesh=MESH)
    assert record.figure("R_ee").textbook == pytest.approx(R_EON, rel=1e-9)
    assert record.figure("R_ii").textbook == pytest.approx(R_ION, rel=1e-9)
    assert record.figure("t_ion", BY_STEADY).textbook == pytest.approx(S_ION / (S_ION + S_EON), rel=1e-9)
    assert record.figure("t_ion", BY_EXCESS).textbook == pytest.approx(S_ION / (S_ION + S_EON), rel=1e-9)
    for how in ("electrons' contacts", "ions' contacts"):
        assert record.figure("R_HF", how).true == pytest.approx(PARALLEL, rel=1e-12)
        assert 0 < record.figure("R_HF", how).error < 0.05
    assert abs(record.figure("R_HF (1/R_ee + 1/R_ii)").error) < 2e-3


def test_the_check_at_high_frequency_closes_as_one_over_root_frequency() -> None:
    """Re Z - R_HF goes as w^-1/2: a hundred times the frequency, a tenth of the misfit."""
    rate = 1 / (C_WALL * DENSITY * LENGTH**2 * (1 / S_ION + 1 / S_EON))  # 1/s, of the slowest mode
    found = []
    for top in (1e2, 1e4):
        f = rate * top * np.array([0.1, 1.0])
        record = current_carrying_electrode(film(), area=AREA, mesh=mx.Mesh(cells=300, grading=200.0), frequency=f)
        found.append(record.figure("R_HF (1/R_ee + 1/R_ii)").error)
    assert found[1] > 0
    assert found[0] / found[1] == pytest.approx(10.0, rel=0.03)


@pytest.mark.parametrize("R_ct", [0.9, 31.0])
def test_a_leak_spoils_direct_current_but_not_the_excess(R_ct: float) -> None:
    record = current_carrying_electrode(film(C=C_WALL, R=R_ct), area=AREA, mesh=mx.Mesh(cells=400))
    ee, ii = leaking(R_ct)
    assert record.figure("R_ee").textbook == pytest.approx(ee, rel=1e-4)
    assert record.figure("R_ii").textbook == pytest.approx(ii, rel=1e-4)
    assert record.figure("t_ion", BY_STEADY).error == pytest.approx(
        ee / (ee + ii) / (S_ION / (S_ION + S_EON)) - 1, 2e-3
    )
    assert record.figure("t_ion", BY_EXCESS).textbook == pytest.approx(S_ION / (S_ION + S_EON), rel=1e-8)
    assert abs(record.figure("R_ion", BY_EXCESS).error) < 4e-3
    check = record.figure("R_HF (1/R_ee + 1/R_ii)").error
    assert check == pytest.approx(PARALLEL * (1 / ee + 1 / ii) - 1, abs=4e-3)
    assert any("charge transfer between the rails" in remark for remark in record.remarks)


def test_layers_in_series_add_and_miss_the_check() -> None:
    """R_1 = sum L/sigma_ion and R_2 likewise, while at high frequency each layer is in parallel by itself."""
    other = mx.CompositeLayer("other", 1.9e-4, 0.083, 0.0094, mx.Lumped(C=C_WALL), DENSITY)
    model = mx.composite_electrode([*film().layers, other])
    record = current_carrying_electrode(model, area=AREA, mesh=mx.Mesh(cells=150, grading=100.0))
    ee, ii = R_EON + 1.9e-4 / (0.0094 * AREA), R_ION + 1.9e-4 / (0.083 * AREA)
    assert record.figure("R_ee").textbook == pytest.approx(ee, rel=1e-9)
    assert record.figure("R_ii").textbook == pytest.approx(ii, rel=1e-9)
    assert record.figure("t_ion", BY_STEADY).error == pytest.approx(0.0, abs=1e-9)
    each = PARALLEL + 1.9e-4 / ((0.083 + 0.0094) * AREA)
    assert record.figure("R_HF (1/R_ee + 1/R_ii)").textbook == pytest.approx(each * (1 / ee + 1 / ii), rel=0.02)
    assert each * (1 / ee + 1 / ii) < 0.6
    assert any("2 layers in series" in remark for remark in record.remarks)


def test_contacts_with_resistance_are_counted_as_the_film() -> None:
    R = 2.9e-4  # ohm m2 at each end
    record = current_carrying_electrode(film(), area=AREA, mesh=MESH, contact=mx.Lumped(R=R))
    assert record.figure("R_ee").textbook == pytest.approx(R_EON + 2 * R / AREA, rel=1e-9)
    assert record.figure("R_ii").textbook == pytest.approx(R_ION + 2 * R / AREA, rel=1e-9)
    assert any("contacts have impedances" in remark for remark in record.remarks)


def test_carriers_bend_the_line_when_the_current_is_large() -> None:
    """A salt whose cation passes: V = (4 R T/F) artanh(i/i_lim), i_lim = 4 F D c/L."""
    c, D, L = 230.0, 4.1e-10, 6.1e-4
    carriers = (mx.CarrierIn("cation", 1, c, D), mx.CarrierIn("anion", -1, c, 1.7e-10))
    model = mx.mixed_conductor([mx.ChargedLayer("salt", L, carriers)], temperature=313.15)
    limit, thermal = 4 * 96485.33212331001 * D * c / L, 8.31446261815324 * 313.15 / 96485.33212331001
    names = {"ion": "cation", "electron": "anion"}
    i = np.array([0.013, 0.21]) * limit
    record = current_carrying_electrode(model, currents=list(i), mesh=mx.Mesh(cells=120), frequency=[1e-4, 10], **names)
    np.testing.assert_allclose(record.tables["lines"]["voltage_ii"][0], 4 * thermal * np.arctanh(i / limit), rtol=1e-4)
    assert any("I-V lines bend" in remark for remark in record.remarks)
    small = current_carrying_electrode(model, mesh=mx.Mesh(cells=20), frequency=[1e-4, 10], **names)
    assert small.figure("t_ion", BY_STEADY).textbook == pytest.approx(4.1 / 5.8, rel=1e-3)


def test_profiles_of_the_other_carrier_are_flat() -> None:
    record = current_carrying_electrode(film(), area=AREA, mesh=MESH, currents=[3.3e-5])
    table = {name: values for name, (values, _) in record.tables["profiles"].items()}
    drop = 3.3e-5 * R_EON
    np.testing.assert_allclose(table["Phi_eon, ee"], drop * (1 - table["position"] / LENGTH), atol=1e-9 * drop)
    inside = (table["position"] > 0) & (table["position"] < LENGTH)
    assert np.ptp(table["Phi_ion, ee"][inside]) < 1e-9 * drop


def test_arguments_that_make_no_measurement() -> None:
    with pytest.raises(mx.InputError, match="none of them 0"):
        current_carrying_electrode(film(), currents=[1e-5, 0.0], mesh=MESH)
    with pytest.raises(mx.InputError, match="frequency must be positive"):
        current_carrying_electrode(film(), frequency=[-1.0], mesh=MESH)
    with pytest.raises(mx.InputError, match='"ion" and "holes"'):
        current_carrying_electrode(film(), electron="holes")
    with pytest.raises(mx.InputError, match="must be positive"):
        transference_by_excess(-0.1, 3.0)
    with_phi = mx.ConductorLayer(
        "film", LENGTH, S_ION, S_EON, capacitance_ion=1e6, capacitance_eon=1e6, permittivity=1e-10
    )
    with pytest.raises(mx.InputError, match="without permittivity"):
        current_carrying_electrode(mx.mixed_conductor([with_phi]))
    separated = [mx.CompositeLayer("separator", 1e-5, S_ION), *film().layers]
    with pytest.raises(mx.InputError, match='every layer must conduct "electron"'):
        current_carrying_electrode(mx.composite_electrode(separated))


def test_the_figure_shows_both_cells() -> None:
    record = current_carrying_electrode(film(), area=AREA, mesh=mx.Mesh(cells=30), frequency=np.geomspace(0.1, 1e5, 13))
    left, right = technique_current_carrying(record).axes
    assert "mV" in left.get_ylabel() and "kΩ" in right.get_xlabel()
    ends = [line.get_xdata()[0] for line in right.lines if len(line.get_xdata()) == 1]
    np.testing.assert_allclose(ends, [1e-3 * R_EON, 1e-3 * R_ION], rtol=1e-6)
    with pytest.raises(mx.InputError, match="current-carrying"):
        technique_current_carrying(type(record)("pitt", record.tables, record.compared))
