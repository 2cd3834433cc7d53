"""GITT: Weppner and Huggins against the exact response, the fit against the truth, and the map of errors."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.plot.technique_gitt import gitt_map, technique_gitt
from miecsim.system import System
from miecsim.techniques.formulas_diffusion import flux_steps_response, pulse_response, pulse_train
from miecsim.techniques.gitt import gitt, gitt_error_map
from miecsim.techniques.host import host_of, insertion_electrode

SIZE, AREA, C0, D_ION, D_EON, W = 1.3e-6, 2.3e-4, 11370.0, 3.1e-15, 3e-11, 2.3
D = (1 + W) / (1 / D_ION + 1 / D_EON)
TIME = SIZE**2 / D


def electrode(shape="planar", electron=D_EON, cells=60, size=SIZE, **more) -> System:
    return insertion_electrode(size, AREA, C0, D_ION, electron, shape=shape, factor=W, cells=cells, **more)


def amperes(shape: str, share: float, pulse: float) -> float:
    """The current that inserts the share of C0 in a pulse."""
    return -share * FARADAY * C0 * AREA * SIZE / (3 if shape == "sphere" else 1) / pulse


def test_the_record_of_a_train_is_exact_and_closer_with_cells() -> None:
    """A dilute host diffuses linearly at any composition: E = -(1 + W) V_T ln(1 + dc/c0) with the exact dc."""
    pulse, rest = 0.083 * TIME, 0.21 * TIME
    current = amperes("planar", 0.04, pulse)
    errors = []
    for cells in (8, 16, 32):
        record = gitt(electrode(cells=cells, grading=5.0, collector="surface"), current, pulse, rest, 2)
        t, E = (record.tables["record"][name][0] for name in ("time", "potential"))
        starts, fluxes = pulse_train(-current / (FARADAY * AREA), pulse, rest, 2)
        dc = flux_steps_response(t, starts, fluxes, "planar", D, SIZE)
        exact = -(1 + W) * systems.V_T * np.log1p(dc / C0)
        late = ((t - starts[:, None] > 0.3 * pulse) | (t < starts[:, None])).all(axis=0)
        errors.append(np.max(np.abs(E / exact - 1)[late]))
        assert record.conservation < 1e-9
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2) < 0.3), (errors, orders)


@pytest.mark.parametrize("shape", ["planar", "sphere"])
def test_small_pulses(shape: str) -> None:
    """The slab's textbook answer is exact, the sphere's low as its response says; the fit finds D, and R, in both."""
    pulse = 0.011 * TIME
    system = electrode(shape, resistance=2.1e-4)
    record = gitt(system, amperes(shape, 3e-5, pulse), pulse, 1.3 * TIME, 1)
    slope, steps, fit = (
        record.figure("D_chem", f"{how}, pulse 1").error
        for how in ("Weppner-Huggins slope", "Weppner-Huggins steps", "full fit")
    )
    tau = 0.011
    if shape == "planar":
        assert abs(steps) < 3e-3 and abs(slope) < 3e-3
    else:
        chord = 4 / np.pi * tau / pulse_response(tau, "sphere") ** 2 - 1
        assert chord < -0.15
        assert abs(steps - chord) < 3e-3
        share = np.linspace(1e-3**0.5, 1, 60) ** 2
        share = share[share >= 0.05]
        tangent = np.polyfit(np.sqrt(tau * share), pulse_response(tau * share, "sphere"), 1)[0]
        assert abs(slope - (4 / np.pi / tangent**2 - 1)) < 3e-3
    assert abs(fit) < 2e-3
    assert abs(record.figure("R").error) < 3e-3


def test_the_fit_holds_for_long_pulses() -> None:
    """A pulse of 0.9 a^2/D in a sphere: the textbook reads a tenth of D, the fit D."""
    pulse = 0.9 * TIME
    record = gitt(electrode("sphere"), amperes("sphere", 0.002, pulse), pulse, 0.5 * TIME, 1)
    assert record.figure("D_chem", "Weppner-Huggins steps, pulse 1").error < -0.85
    assert abs(record.figure("D_chem", "full fit, pulse 1").error) < 3e-3


def test_a_diffusivity_that_follows_the_composition() -> None:
    """A lattice gas inserts and D rises: every pulse tells the D of its own composition."""
    sites, pulse = 26000.0, 0.004 * TIME
    system = electrode(site_density=sites, cells=30)
    record = gitt(system, amperes("planar", 0.004, pulse), pulse, 0.5 * TIME, 4)
    table = record.tables["pulses"]
    c = table["composition"][0]
    np.testing.assert_allclose(c, C0 * (1 + 0.004 * (np.arange(4) + 0.5)), rtol=1e-9)
    W_i = W + c / (sites - c)
    np.testing.assert_allclose(table["D_true"][0], (1 + W_i) / (1 / D_ION + 1 / D_EON), rtol=1e-12)
    np.testing.assert_allclose(table["D_fit"][0], table["D_true"][0], rtol=0.02)
    assert record.conservation < 1e-9
    assert np.all(np.diff(table["D_fit"][0]) > 0)
    # the equilibrium curve that the rests trace
    np.testing.assert_allclose(table["rest_after"][0][-1], host_of(system).potential(C0 * 1.016), rtol=1e-2)


def test_ions_that_carry_current_and_a_far_collector() -> None:
    """E over both ends of a two-rail line goes as t_i^2 + t_e^2 at short times: D reads the inverse square of that."""
    system = electrode(electron=10 * D_ION, cells=120)
    record = gitt(system, amperes("planar", 1e-5, 1.0), 3.0, 600.0, 1)
    t_i = host_of(system).ion_share(C0)
    np.testing.assert_allclose(t_i, 1 / 11, rtol=1e-12)
    expected = (t_i**2 + (1 - t_i) ** 2) ** -2 - 1
    assert abs(record.figure("D_chem", "Weppner-Huggins steps, pulse 1").error - expected) < 5e-3
    assert any("far collector" in remark for remark in record.remarks)


def test_any_wiring() -> None:
    """Electrons' terminal first, on the left; ions enter on the right by Butler-Volmer kinetics, with an emf."""
    kinetics = mx.ButlerVolmer(71.0, systems.V_T, 0.4)
    wiring = systems.wires(
        ("rod", mx.Contact("left", "e", mx.Reversible())), ("sea", mx.Contact("right", "oxide", kinetics, emf=0.031))
    )
    carriers = (mx.CarrierIn("oxide", -2, C0, D_ION), mx.CarrierIn("e", 1, 0.37 * C0, D_EON, site_density=0.81 * C0))
    layer = mx.ChargedLayer("host", SIZE, carriers)
    mesh = mx.Mesh(cells=60, grading=20.0)
    system = mx.build_system(mx.mixed_conductor([layer]), wiring, area=AREA, mesh=mesh)
    pulse = 0.2
    record = gitt(system, 2e-5, pulse, 60.0, 1, electron="e")
    np.testing.assert_allclose(record.tables["pulses"]["rest_before"][0], 0.031, rtol=1e-9)
    assert record.tables["pulses"]["rest_after"][0][0] > 0.031
    W_e = 1 + 0.37 / (0.81 - 0.37)
    s_i, s_e = 4 * D_ION, 0.37 * D_EON  # sigma V_T/(F c0)
    true = s_i * s_e / (s_i + s_e) * (1 / 4 + W_e / 0.37)
    figure = record.figure("D_chem", "full fit, pulse 1")
    np.testing.assert_allclose(figure.true, true, rtol=1e-3)
    assert abs(figure.error) < 5e-3
    np.testing.assert_allclose(record.figure("R").textbook * AREA, systems.V_T / 71.0, rtol=2e-2)


def test_a_cut_off_ends_the_train() -> None:
    pulse = 0.02 * TIME
    current = amperes("planar", 0.03, pulse)
    whole = gitt(electrode(cells=6), current, pulse, 0.2 * TIME, 3)
    assert any("rests are short" in remark for remark in whole.remarks)
    assert any("E bends" in remark for remark in whole.remarks)
    t, E = (whole.tables["record"][name][0] for name in ("time", "potential"))
    lowest = [E[(t > k * 0.22 * TIME) & (t <= (k * 0.22 + 0.02) * TIME * (1 + 1e-9))].min() for k in range(3)]
    cut = (lowest[1] + lowest[2]) / 2
    record = gitt(electrode(cells=6), current, pulse, 0.2 * TIME, 3, cut_off=cut)
    assert record.tables["pulses"]["pulse"][0].size == 2
    np.testing.assert_allclose(record.tables["record"]["potential"][0][-1], cut, rtol=1e-6)
    assert record.remarks[0].startswith("the cut-off ended the run: 2 of 3")
    with pytest.raises(mx.InputError, match="within the first pulse"):
        gitt(electrode(cells=6), current, pulse, 0.2 * TIME, 3, cut_off=0.9 * lowest[0])


def test_error_map_and_its_checks() -> None:
    """By formula everywhere, and the same by transients where asked, in slabs and spheres."""
    sizes, pulses = [0.7e-6, 1.9e-6, 5.3e-6], [0.4, 7.0, 110.0]
    for shape, checks in (("sphere", [(1.9e-6, 7.0), (0.7e-6, 110.0)]), ("planar", [(0.7e-6, 110.0)])):
        record = gitt_error_map(lambda a, shape=shape: electrode(shape, size=a, cells=45), sizes, pulses, checks=checks)
        table = record.tables["map"]
        tau = D * np.repeat(1.0, 9) * np.tile(pulses, 3) / np.repeat(sizes, 3) ** 2
        np.testing.assert_allclose(table["tau"][0], tau, rtol=1e-12)
        chord = 4 / np.pi * tau / pulse_response(tau, shape) ** 2 - 1
        np.testing.assert_allclose(table["error"][0], chord, atol=2e-6)
        done = record.tables["checks"]
        np.testing.assert_allclose(done["error"][0], done["formula"][0], atol=2e-3)


def test_no_experiment_without_a_train_or_a_host() -> None:
    system = electrode(cells=6)
    for bad in ({"pulse": 0.0}, {"rest": -1.0}, {"count": 0}):
        with pytest.raises(mx.InputError, match=f"^gitt: {next(iter(bad))} must be positive"):
            gitt(system, -1e-5, **({"pulse": 1.0, "rest": 1.0, "count": 1} | bad))
    with pytest.raises(mx.InputError, match="^gitt: needs a current"):
        gitt(system, 0.0, 1.0, 1.0, 1)
    with pytest.raises(mx.InputError, match="window within 0 to 1"):
        gitt(system, -1e-5, 1.0, 1.0, 1, window=(0.99, 1.0))
    blocked = mx.Wiring(
        (
            mx.Terminal("A", (mx.Contact("left", "ion", mx.Lumped(C=0.1)),)),
            mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()),)),
        )
    )
    with pytest.raises(mx.InputError, match="a contact blocks"):
        gitt(mx.build_system(system.model, blocked), -1e-5, 1.0, 1.0, 1)
    ball = mx.Mesh(cells=6, coordinates="spherical", inner_radius=1e-7)
    surface = mx.preset("ion_blocking")
    with pytest.raises(mx.InputError, match="one contacting the ion"):
        gitt(mx.build_system(system.model, surface, mesh=ball), -1e-5, 1.0, 1.0, 1)
    with pytest.raises(mx.InputError, match="full sphere"):
        gitt(mx.build_system(system.model, mx.preset("battery"), mesh=ball), -1e-5, 1.0, 1.0, 1)
    with pytest.raises(mx.InputError, match="^insertion electrode: needs concentration < site_density"):
        electrode(site_density=10.0)


def test_figures() -> None:
    pulse = 0.01 * TIME
    record = gitt(electrode(cells=20), amperes("planar", 0.01, pulse), pulse, 0.1 * TIME, 2)
    train, along, diffusivity = technique_gitt(record).axes
    assert train.lines[0].get_xdata().size == record.tables["record"]["time"][0].size
    raw, line = along.lines
    late = raw.get_xdata() > 0.3 * raw.get_xdata().max()
    straight = np.interp(raw.get_xdata()[late], *line.get_data())
    assert np.max(np.abs(raw.get_ydata()[late] - straight)) < 0.02 * np.ptp(raw.get_ydata())
    assert len(diffusivity.lines) == 4
    chart = gitt_error_map(lambda a: electrode("sphere", size=a, cells=20), [1e-6, 3e-6, 9e-6], [1.0, 10.0, 99.0])
    drawn = gitt_map(chart).axes[0]
    assert "size a" in drawn.get_ylabel()
    dots = drawn.lines[0]  # where it was computed
    np.testing.assert_allclose(np.unique(dots.get_xdata()), [1.0, 10.0, 99.0])
    np.testing.assert_allclose(dots.get_ydata().reshape(3, 3)[:, 0], [1.0, 3.0, 9.0])
    table = {name: values for name, (values, _) in chart.tables["map"].items()}
    assert len(drawn.lines) > 2
    for line in drawn.lines[1:]:  # tau t^-1 a^2 is D everywhere, a power of ten on each line
        t, a = line.get_xdata(), 1e-6 * line.get_ydata()
        power = np.log10(table["tau"][0] * table["size"][0] ** 2 / table["pulse"][0] * t / a**2)
        np.testing.assert_allclose(power, np.round(power[0]), atol=1e-9)
    with pytest.raises(mx.InputError, match="figure of GITT"):
        technique_gitt(chart)
    with pytest.raises(mx.InputError, match="figure of GITT's errors"):
        gitt_map(record)
