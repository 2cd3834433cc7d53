"""Direct-current polarisation: the decay of the current, what it gives after each wait, and what a leak does to it."""

from __future__ import annotations

from math import pi, sqrt, tanh

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit.tlm import two_rail_impedance
from miecsim.plot.technique_dc_polarisation import technique_dc_polarisation
from miecsim.solvers.transient.run import Tolerance
from miecsim.techniques.dc_polarisation import ELECTRON_BLOCKED, ION_BLOCKED, SPECTRUM, STEADY, dc_polarisation
from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array

LENGTH, AREA = 4.3e-4, 1.7e-4
S_ION, S_EON, STORED = 0.0137, 0.0046, 2.1e5
MESH = mx.Mesh(cells=100, grading=100.0)
QUICK = Tolerance(1e-5)


def pellet(**more: float) -> mx.ConductorLayer:
    return mx.ConductorLayer("pellet", LENGTH, S_ION, S_EON, chemical_capacitance=STORED, **more)


def stepped_current(t: Array, configuration: str, V: float) -> Array:
    """V L^-1[1/(s Z(s))](t) of the two-rail line, by Talbot's contour in the form of Abate and Whitt (2006)."""
    M = 24
    theta = np.arange(1, M) * pi / M
    cot = 1 / np.tan(theta)
    points = np.concatenate([[0.4 * M], 0.4 * theta * M * (cot + 1j)])
    weight = np.concatenate([[0.5 * np.exp(0.4 * M)], (1 + 1j * theta * (1 + cot**2) - 1j * cot) * np.exp(points[1:])])
    out = np.zeros(t.size)
    for k, time in enumerate(t):
        s = points / time
        Z = two_rail_impedance(1 / (S_ION * AREA), 1 / (S_EON * AREA), 1 / (s * STORED * AREA), LENGTH, configuration)
        out[k] = 0.4 / time * float(np.sum((weight / (s * Z)).real))
    return V * out


@pytest.fixture(scope="module")
def record() -> TechniqueRecord:
    return dc_polarisation(mx.mixed_conductor([pellet()]), step=7.3e-3, area=AREA, mesh=MESH)


@pytest.mark.parametrize(("name", "configuration"), [(ION_BLOCKED, "ee"), (ELECTRON_BLOCKED, "ii")])
def test_the_current_decays_as_the_line_says(record: TechniqueRecord, name: str, configuration: str) -> None:
    t, current = (record.tables[name][column][0] for column in ("time", "current"))
    tau = LENGTH**2 * STORED * (1 / S_ION + 1 / S_EON) / pi**2
    some = np.flatnonzero((t > 1e-3 * tau) & (t < 8 * tau))[::7]
    assert some.size > 10
    np.testing.assert_allclose(current[some], stepped_current(t[some], configuration, 7.3e-3), rtol=7e-4)


def test_after_long_waiting_both_conductivities_are_right(record: TechniqueRecord) -> None:
    assert abs(record.figure("sigma_ion", STEADY).error) < 1e-6
    assert abs(record.figure("sigma_eon", STEADY).error) < 1e-6
    assert record.figure("t_ion", STEADY).textbook == pytest.approx(S_ION / (S_ION + S_EON), rel=1e-6)
    assert record.figure("R_ion_blocked", STEADY).textbook == pytest.approx(LENGTH / (AREA * S_EON), rel=1e-6)
    assert record.figure("sigma_ion", SPECTRUM).error == pytest.approx(0.0, abs=1e-4)
    assert record.figure("sigma_total", f"{SPECTRUM}, {ELECTRON_BLOCKED}").error == pytest.approx(0.0, abs=1e-2)
    assert record.conservation < 1e-9


def test_how_long_one_must_wait(record: TechniqueRecord) -> None:
    """The reading of sigma at t is I(t) L/(A V): its error is that of the current, at every waiting time."""
    waiting = {name: values for name, (values, _) in record.tables["waiting"].items()}
    some = slice(40, 72, 5)
    for column, configuration, sigma in (("error_eon", "ee", S_EON), ("error_ion", "ii", S_ION)):
        right = stepped_current(waiting["time"][some], configuration, 1.0) * LENGTH / (AREA * sigma) - 1
        np.testing.assert_allclose(waiting[column][some], right, rtol=2e-2, atol=1e-4)
    patience = {name: values for name, (values, _) in record.tables["patience"].items()}
    assert np.all(np.diff(patience["time_ion"]) >= 0)
    # the electrons carry less here: more of the first current is the blocked ions', and more has to decay
    one = list(patience["error"]).index(0.01)
    t = patience["time_eon"][one]
    step = float(waiting["time"][1] / waiting["time"][0])
    above, below = (stepped_current(np.array([t * f]), "ee", 1.0)[0] for f in (1 / step, 1.0))
    assert above * LENGTH / (AREA * S_EON) - 1 > 0.0098
    assert below * LENGTH / (AREA * S_EON) - 1 < 0.0102


def test_the_composite_of_the_literature() -> None:
    """NCM622-Li6PS5Cl, 42 vol% NCM (Minnmann et al. 2021, 10.1149/1945-7111/abf8d7): 107 and 360 ohm."""
    law = mx.Lumped(Q=0.02, alpha=0.85)
    layer = mx.CompositeLayer("composite", 470e-6, 0.16 * 0.447 / 4.3, 1.0 * 0.42 / 7.5, law, 5e5)
    model = mx.composite_electrode([layer])
    record = dc_polarisation(model, area=0.785e-4, mesh=mx.Mesh(cells=40, grading=20.0), tolerance=QUICK)
    assert record.figure("R_ion_blocked", STEADY).textbook == pytest.approx(107, rel=0.01)
    assert record.figure("R_electron_blocked", STEADY).textbook == pytest.approx(360, rel=0.01)
    assert record.figure("R_electron_blocked", SPECTRUM).textbook == pytest.approx(360, rel=0.01)
    assert record.figure("t_ion", STEADY).textbook == pytest.approx(107 / 467, rel=0.01)
    assert record.conservation < 1e-9


def test_a_leak_between_the_rails_stays_however_long_one_waits() -> None:
    """Each blocked rail goes round by the other: R = z_p L + 2 lambda z^2/z_s tanh(L/2 lambda)."""
    R_ct, density = 6.1, 3.3e5
    layer = mx.CompositeLayer("leaky", LENGTH, S_ION, S_EON, mx.Lumped(R=R_ct, C=0.21), density)
    record = dc_polarisation(mx.composite_electrode([layer]), area=AREA, mesh=mx.Mesh(cells=160), tolerance=QUICK)
    z_1, z_2 = 1 / (S_ION * AREA), 1 / (S_EON * AREA)
    decay = sqrt(R_ct / (AREA * density) / (z_1 + z_2))
    share = 2 * decay / (z_1 + z_2) * tanh(LENGTH / (2 * decay))
    ion_blocked, electron_blocked = (z_1 * z_2 / (z_1 + z_2) * LENGTH + share * z**2 for z in (z_2, z_1))
    assert ion_blocked < 0.9 * z_2 * LENGTH
    assert record.figure("R_ion_blocked", STEADY).textbook == pytest.approx(ion_blocked, rel=1e-4)
    assert record.figure("R_electron_blocked", STEADY).textbook == pytest.approx(electron_blocked, rel=1e-4)
    assert record.figure("sigma_ion", STEADY).error == pytest.approx(z_1 * LENGTH / electron_blocked - 1, rel=1e-3)
    assert any("charge transfer between the rails" in remark for remark in record.remarks)
    assert np.isnan(record.tables["patience"]["time_eon"][0][-1])


def test_contacts_and_coupling_show_in_the_readings() -> None:
    R, cross = 8.3e-3, 0.0031
    model = mx.mixed_conductor([pellet(sigma_cross=cross)])
    mesh = mx.Mesh(cells=30)
    record = dc_polarisation(model, mesh=mesh, ion_contact=mx.Lumped(R=R), frequency=[1e-3], tolerance=QUICK)
    ion_blocked = LENGTH / (S_EON - cross**2 / S_ION)
    electron_blocked = LENGTH / (S_ION - cross**2 / S_EON) + 2 * R
    assert record.figure("R_ion_blocked", STEADY).textbook == pytest.approx(ion_blocked, rel=1e-5)
    assert record.figure("R_electron_blocked", STEADY).textbook == pytest.approx(electron_blocked, rel=1e-5)
    assert sum("contacts have resistances" in r or "coupled" in r for r in record.remarks) == 2
    assert record.figure("R_ion_blocked").unit == "ohm m^2"


def test_a_salt_with_carriers_keeps_its_amount() -> None:
    """Both cells of a salt, named carriers: sigma_k = F^2 c D_k/(R T)."""
    c, D_plus, D_minus, L = 310.0, 0.7e-10, 2.9e-10, 5.2e-4
    carriers = (mx.CarrierIn("Li", 1, c, D_plus), mx.CarrierIn("X", -1, c, D_minus))
    model = mx.mixed_conductor([mx.ChargedLayer("salt", L, carriers)], temperature=333.15)
    mesh = mx.Mesh(cells=40)
    record = dc_polarisation(model, step=1e-3, ion="Li", electron="X", mesh=mesh, frequency=[1e-6], tolerance=QUICK)
    scale = 96485.33212331001**2 * c / (8.31446261815324 * 333.15)
    assert record.figure("sigma_ion", STEADY).textbook == pytest.approx(scale * D_plus, rel=2e-4)
    assert record.figure("sigma_eon", STEADY).textbook == pytest.approx(scale * D_minus, rel=2e-4)
    assert record.conservation < 1e-9


def test_arguments_that_make_no_polarisation() -> None:
    model = mx.mixed_conductor([pellet()])
    with pytest.raises(mx.InputError, match="must not be 0 V"):
        dc_polarisation(model, step=0.0)
    with pytest.raises(mx.InputError, match="duration must be positive"):
        dc_polarisation(model, duration=-3.0, frequency=[1.0], mesh=MESH)
    with pytest.raises(mx.InputError, match="step must be finite"):
        dc_polarisation(model, step=np.inf)
    with pytest.raises(mx.InputError, match='carriers "Li" and "electron"'):
        dc_polarisation(model, ion="Li")
    still = mx.composite_electrode([mx.CompositeLayer("still", LENGTH, S_ION, S_EON, mx.Lumped(R=3.3), 2e5)])
    with pytest.raises(mx.InputError, match="nothing in it relaxes"):
        dc_polarisation(still, mesh=MESH)


def test_the_figure_shows_both_runs(record: TechniqueRecord) -> None:
    course, error, spectra = technique_dc_polarisation(record).axes
    assert course.get_ylabel() == "V / I / Ω" and "error" in error.get_ylabel() and "Re Z" in spectra.get_xlabel()
    last = [float(line.get_ydata()[-1]) for line in course.lines if len(line.get_xdata()) > 2]
    np.testing.assert_allclose(last, [LENGTH / (AREA * S_EON), LENGTH / (AREA * S_ION)], rtol=1e-5)
    with pytest.raises(mx.InputError, match="dc polarisation"):
        technique_dc_polarisation(TechniqueRecord("pitt", {}, ()))
