"""Poles of a model and who owns them: against its impedance, exact modes of discretised lines, and derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import porous_cells
import pytest
import systems
from numpy.testing import assert_allclose

import miecsim as mx
from miecsim.errors import InputError
from miecsim.inverse import poles
from miecsim.inverse.poles import model_poles
from miecsim.inverse.relaxation_times import relaxation_times

LOW, HIGH = 1e-4, 1e6  # Hz
F = np.geomspace(LOW, HIGH, 31)
L = systems.LENGTH


def composite(element, sigma_ion=0.043, sigma_eon=0.21, cells=20, wiring="battery", **more):
    layer = mx.CompositeLayer("electrode", L, sigma_ion, sigma_eon, element, 2.1e5, **more)
    wiring = mx.preset(wiring) if isinstance(wiring, str) else wiring
    model = mx.composite_electrode([layer])
    return mx.solve_steady(mx.build_system(model, wiring, mesh=mx.Mesh(cells=cells)))


def found(point, **options):
    return model_poles(mx.netlist_of(point), LOW, HIGH, **options)


def holds(point, result, rtol):
    assert_allclose(result.Z(F), mx.impedance(point, F).Z, rtol=rtol)
    assert_allclose(result.shares.sum(axis=1), 1.0, rtol=1e-12)
    assert_allclose(result.storage.sum(axis=1), 1.0, rtol=1e-12)
    assert np.all(result.R > 0) and np.all(np.diff(result.tau) > 0)
    assert sum(result.by_owner().values()) == pytest.approx(result.polarisation, rel=1e-12)


# ---- the poles are those of the impedance


@pytest.mark.parametrize("name", ["conductor", "neutral", "poisson"])
@pytest.mark.parametrize("dimension", [1, 2])
def test_they_add_up_to_the_impedance(name, dimension):
    """Dielectric rails, three carriers, space charge, contacts of every kind; and to its limits at both ends."""
    point = mx.solve_steady(systems.ALL[name](dimension))
    result = found(point)
    holds(point, result, 1e-10)
    assert result.exact and result.ladder_error == 0 and result.unit == "ohm"
    ends = mx.impedance(point, np.array([1e-9, 1e15])).Z.real
    assert result.C_dc == np.inf
    assert result.R_inf + result.polarisation == pytest.approx(ends[0], rel=1e-9)
    assert result.R_inf == pytest.approx(ends[1], rel=1e-6, abs=1e-9 * ends[0])


@pytest.mark.parametrize("name", ["solid half cell", "salt cell", "mixed conductors"])
def test_of_cells_with_particles(name):
    """Onsager's conductances of a binary salt among them; particles store whatever they take up, and block."""
    point = porous_cells.rest(name)
    result = found(point)
    holds(point, result, 1e-9)
    assert np.isfinite(result.C_dc)
    assert_allclose(result.Z(1e-12).imag, -1 / (2 * np.pi * 1e-12 * result.C_dc), rtol=1e-6)
    assert {"particle storage", "interface capacitance"} <= set(result.keeper)


@pytest.mark.parametrize("element", [mx.Lumped(C=0.1), mx.Lumped(R=0.02, C=0.1)], ids=["blocking", "reacting"])
@pytest.mark.parametrize("wiring", ["battery", "ion_blocking", "electron_blocking"])
@pytest.mark.parametrize("sigma_eon", [0.3, 4.3e4])
def test_of_composites(element, wiring, sigma_eon):
    point = composite(element, sigma_eon=sigma_eon, wiring=wiring)
    holds(point, found(point), 1e-9)


def test_of_coupled_rails():
    point = composite(mx.Lumped(R=0.02, C=0.1), sigma_cross=0.031)
    result = found(point)
    holds(point, result, 1e-11)
    apart = found(composite(mx.Lumped(R=0.02, C=0.1)))
    assert np.abs(result.tau[-2] / apart.tau[-2] - 1) > 0.05


def test_of_more_unknowns_than_a_dense_decomposition_takes(monkeypatch):
    point = mx.solve_steady(systems.conductor(2))
    exact = found(point)
    monkeypatch.setattr(poles, "EXACT", 10)
    few = found(point)
    holds(point, few, 1e-8)
    assert exact.exact and not few.exact
    assert [few.R_inf, few.polarisation] == pytest.approx([exact.R_inf, exact.polarisation], rel=1e-6)
    large = exact.R > 1e-3 * exact.polarisation
    for tau, R, shares in zip(exact.tau[large], exact.R[large], exact.shares[large], strict=True):
        near = np.argmin(np.abs(np.log(few.tau / tau)))
        if 10 / (2 * np.pi * HIGH) < tau < 0.1 / (2 * np.pi * LOW):
            assert [few.tau[near], few.R[near]] == pytest.approx([tau, R], rel=1e-5)
            assert few.processes == exact.processes
            assert_allclose(few.shares[near], shares, atol=1e-4)


def test_the_first_instant_is_no_pole():
    """Of a long line, reduced: rails in parallel at once, and nothing of that in a pole."""
    s1, s2, cells = 0.043, 0.21, 310
    result = found(composite(mx.Lumped(R=0.02, C=0.1), s1, s2, cells))
    assert not result.exact
    half = L / cells / 2 * (1 / s1 + 1 / s2)  # from either contact to the first capacitor, along one rail
    assert result.R_inf == pytest.approx(L / (s1 + s2) * (cells - 1) / cells + half, rel=1e-8)
    holds(composite(mx.Lumped(R=0.02, C=0.1), s1, s2, cells), result, 1e-7)


# ---- constant phase elements


@pytest.mark.parametrize("dimension", [1, 2])
def test_of_ladders_in_place_of_constant_phase_elements(dimension):
    """R || CPE between the rails, at an inner junction and, behind a resistor, at a terminal."""
    point = mx.solve_steady(systems.composite(dimension))
    result = found(point)
    holds(point, result, 1e-8)
    assert 0 < result.ladder_error < 1e-8
    assert result.exact == (dimension == 1)
    assert result.R_inf + result.polarisation == pytest.approx(
        mx.impedance(point, np.array([1e-8])).Z[0].real, rel=1e-4
    )


def test_an_arc_that_is_depressed_belongs_to_its_charge_transfer():
    """However fine the ladder is: the resistors inside it own nothing."""
    point = composite(mx.Lumped(R=0.02, Q=0.1, alpha=0.83), 43.0, 210.0, cells=6)
    R_ct = 0.02 / (2.1e5 * L)
    for tolerance in (1e-4, 1e-9):
        result = found(point, tolerance=tolerance)
        assert "constant phase element" in result.processes
        assert result.by_owner()["charge transfer"] == pytest.approx(R_ct, rel=0.01)
        inside = result.owner.index("charge transfer"), int(result.R.argmax())
        assert {result.keeper[i] for i in inside} == {"interface capacitance"}


def test_what_a_lone_constant_phase_element_spreads_is_its_own():
    wiring = systems.wires(
        ("A", mx.Contact("left", "ion", mx.Lumped(Q=0.3, alpha=0.9))),
        ("B", mx.Contact("right", "ion", mx.Lumped(R=0.003))),
    )
    layer = mx.CompositeLayer("separator", L, sigma_ion=0.31)
    point = mx.solve_steady(mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mx.Mesh(cells=5)))
    result = found(point)
    holds(point, result, 1e-8)
    assert set(result.owner) == {"terminals"}
    assert result.shares[:, result.processes.index("constant phase element")].min() > 1 - 1e-9


# ---- known time constants


def ladder_times(whole, cells, k):
    """Times of the cosine modes of `cells` cells: the sum of both rails' resistances times the capacity, over q."""
    return whole / (4 * cells**2 * np.sin(k * np.pi / (2 * cells)) ** 2)


@pytest.mark.parametrize(("wiring", "step"), [("battery", 1), ("ion_blocking", 2), ("electron_blocking", 2)])
def test_a_blocking_line(wiring, step):
    """Cosine modes; rails contacted at both ends alike show every other one."""
    cells, s1, s2 = 23, 0.043, 0.21
    result = found(composite(mx.Lumped(C=0.1), s1, s2, cells, wiring))
    k = np.arange(cells - step, 0, -step)
    assert_allclose(result.tau, ladder_times(0.1 * 2.1e5 * L**2 * (1 / s1 + 1 / s2), cells, k), rtol=1e-10)
    assert np.isfinite(result.C_dc) == (wiring == "battery")
    if wiring == "battery":
        assert result.C_dc == pytest.approx(0.1 * 2.1e5 * L, rel=1e-10)
    # all of the slow rail's and the fast rail's share: in proportion to their resistances
    slow = result.shares[-1, result.processes.index("ion transport")]
    assert slow == pytest.approx((1 / s1) / (1 / s1 + 1 / s2), rel=1e-9)
    assert set(result.keeper) == {"interface capacitance"}


def test_a_mixed_conductor_between_blocking_electrodes():
    """Ions blocked at both ends: tau_k = L^2/(D k^2 pi^2), k odd, D = (1/(1/sigma_ion + 1/sigma_eon))/c_chem."""
    cells, s1, s2, c_chem = 24, 0.013, 0.41, 6.9e5
    layer = mx.ConductorLayer("film", L, s1, s2, c_chem)
    system = mx.build_system(mx.mixed_conductor([layer]), mx.preset("ion_blocking"), mesh=mx.Mesh(cells=cells))
    result = found(mx.solve_steady(system))
    D = 1 / (1 / s1 + 1 / s2) / c_chem
    assert_allclose(result.tau, ladder_times(L**2 / D, cells, np.arange(cells - 1, 0, -2)), rtol=1e-9)
    assert result.tau[-1] == pytest.approx(L**2 / (D * np.pi**2), rel=2e-3)
    assert result.R_inf + result.polarisation == pytest.approx(L / s2, rel=1e-10)
    assert set(result.owner) == {"ion transport"}
    assert set(result.keeper) == {"chemical capacitance"}


def test_one_charge_transfer_between_fast_rails():
    result = found(composite(mx.Lumped(R=0.02, C=0.1), 4.3e3, 2.1e4))
    top = int(result.R.argmax())
    assert (result.owner[top], result.keeper[top]) == ("charge transfer", "interface capacitance")
    assert result.tau[top] == pytest.approx(0.02 * 0.1, rel=1e-9)
    assert result.R[top] == pytest.approx(0.02 / (2.1e5 * L), rel=1e-9)
    assert result.shares[top, result.processes.index("charge transfer")] == pytest.approx(1, rel=1e-9)
    assert result.by_owner()["charge transfer"] == pytest.approx(result.polarisation, rel=1e-3)


def test_two_equal_contacts_are_one_pole():
    arc = mx.Lumped(R=0.007, C=0.21)
    wiring = systems.wires(("A", mx.Contact("left", "ion", arc)), ("B", mx.Contact("right", "ion", arc)))
    layer = mx.CompositeLayer("separator", L, sigma_ion=0.31)
    system = mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mx.Mesh(cells=5))
    result = found(mx.solve_steady(system))
    assert_allclose(result.tau, [0.007 * 0.21], rtol=1e-12)
    assert_allclose(result.R, [0.014], rtol=1e-12)
    assert result.R_inf == pytest.approx(L / 0.31, rel=1e-12)
    assert result.owner == result.keeper == ("terminals",)


def test_resistors_alone_have_none():
    wiring = systems.wires(
        ("A", mx.Contact("left", "ion", mx.Lumped(R=0.02))), ("B", mx.Contact("right", "ion", mx.Reversible()))
    )
    layer = mx.CompositeLayer("separator", L, sigma_ion=0.31)
    system = mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mx.Mesh(cells=5))
    result = found(mx.solve_steady(system))
    assert result.tau.size == 0 and result.owner == () and result.by_owner() == {}
    assert_allclose(result.Z(F), 0.02 + L / 0.31, rtol=1e-12)


# ---- shares


@pytest.mark.parametrize("name", ["conductor", "neutral", "salt cell"])
def test_shares_are_the_derivatives_of_the_times(name):
    """d ln tau/d ln r of everything in a process, and d ln tau/d ln c: by differences of poles of a scaled circuit."""
    point = porous_cells.rest(name) if name == "salt cell" else mx.solve_steady(systems.ALL[name](1))
    circuit = mx.netlist_of(point)
    result = model_poles(circuit, LOW, HIGH)
    large = result.R > 1e-3 * result.polarisation

    def times(process, kinds, factor):
        groups = [
            replace(g, value=g.value * factor) if g.process == process and g.kind in kinds else g
            for g in circuit.elements
        ]
        moved = model_poles(replace(circuit, elements=tuple(groups)), LOW, HIGH)
        return moved.tau[large]

    h = 1e-4
    for i, process in enumerate(result.processes):
        for kinds, shares, sign in ((("R", "G"), result.shares, -1), (("C",), result.storage, 1)):
            slope = np.log(times(process, kinds, 1 + h) / times(process, kinds, 1 - h)) / (2 * h)
            assert_allclose(sign * slope, shares[large, i], atol=1e-6)


# ---- beside data


def test_what_a_measurement_would_show():
    """The distribution of the model's own spectrum is that of its poles, by the same method."""
    point = composite(mx.Lumped(R=0.02, C=0.1))
    result = found(point)
    f = np.geomspace(1e-2, 1e5, 71)
    data = relaxation_times(f, mx.impedance(point, f).Z)
    shown = result.seen(data)
    assert_allclose(shown.gamma, data.gamma, atol=1e-6 * data.gamma.max())
    assert shown.polarisation + shown.R_inf == pytest.approx(result.polarisation + result.R_inf, rel=1e-3)
    assert result.seen(data, non_negative=False).gamma.min() < 0
    blocked = found(composite(mx.Lumped(C=0.1)))
    assert blocked.seen(data).inverse_C == pytest.approx(1 / blocked.C_dc, rel=1e-2)


# ---- what has no poles


def test_what_has_no_poles_is_refused():
    cross = mx.netlist_of(mx.solve_steady(systems.cross(1)))
    with pytest.raises(InputError, match="poles: charge transfer of rail electron-ion is a user's admittance law"):
        model_poles(cross, LOW, HIGH)
    biased = mx.netlist_of(mx.solve_steady(systems.poisson(1), {"A": 0.07}))
    with pytest.raises(InputError, match="controlled sources, .* expected an operating point at rest"):
        model_poles(biased, LOW, HIGH)
    circuit = mx.netlist_of(composite(mx.Lumped(C=0.1)))
    for arguments, message in (
        ({"f_min": 1.0, "f_max": 1.0}, "frequency: read 1.0 to 1.0 Hz; expected 0 < f_min < f_max"),
        ({"terminals": ("A", "A")}, "terminals: read 'A' twice"),
        ({"terminals": ("A", "C")}, "terminal: read 'C'"),
    ):
        with pytest.raises(InputError, match=message):
            model_poles(circuit, **({"f_min": LOW, "f_max": HIGH} | arguments))
    changed = [replace(g, value=-g.value) if g.kind == "C" else g for g in circuit.elements]
    with pytest.raises(InputError, match="has a negative C"):
        model_poles(replace(circuit, elements=tuple(changed)), LOW, HIGH)
    without = tuple(g for g in circuit.elements if g.kind != "C")
    with pytest.raises(InputError, match="no element joins terminals A and B: Z is infinite"):
        model_poles(replace(circuit, elements=without), LOW, HIGH)


@pytest.mark.parametrize("spoil", [lambda v: 40.0 * v, lambda v: np.where(v > 0, 1.5, 0.7) * v])
def test_mutual_conductances_must_be_passive(spoil):
    circuit = mx.netlist_of(composite(mx.Lumped(R=0.02, C=0.1), sigma_cross=0.031))
    halves = [i for i, g in enumerate(circuit.elements) if g.mutual]
    both = spoil(np.ones(1))[0] == 40.0
    groups = list(circuit.elements)
    for i in halves if both else halves[:1]:
        groups[i] = replace(groups[i], value=spoil(groups[i].value))
    message = "are not positive definite" if both else "is not that of two rails and reciprocal"
    with pytest.raises(InputError, match=message):
        model_poles(replace(circuit, elements=tuple(groups)), LOW, HIGH)
