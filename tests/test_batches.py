"""Spectra of many parameter sets at once: against one system after the other, and against LU in 60 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.errors import InputError, SolveError
from miecsim.inverse.batches import COMPILE_FROM, spectra
from miecsim.inverse.parameters import value_of, with_values
from miecsim.linearise import linearise
from miecsim.system import rest_state

FREQUENCY = np.array([1e-6, 3.1e-4, 0.7, 410.0, 2.3e5, 1e7])
WALL = mx.ButlerVolmer(1.7, systems.V_T, 0.4, C=0.13)
PHASE = mx.Lumped(R=0.02, Q=0.3, alpha=0.83, Rs=1.3e-3)
CONTACT = {
    "A ion": ("A", "left", "ion", mx.Lumped(R=3e-3, C=0.02)),
    "A electron": ("A", "left", "electron", mx.ButlerVolmer(11.0, systems.V_T, 0.44, C=0.13)),
    "B ion": ("B", "right", "ion", mx.Lumped(R=7e-4, Q=0.02, alpha=0.9, Rs=1e-5)),
    "B electron": ("B", "right", "electron", mx.Admittance(lambda w: 90.0 + 3.0 * np.sqrt(1j * w), 90.0)),
    "B metal": ("B", "right", "electron", mx.Reversible()),
}


def wired(*names: str, links: tuple[mx.Link, ...] = ()) -> mx.Wiring:
    return systems.wires(*((CONTACT[n][0], mx.Contact(*CONTACT[n][1:])) for n in names), links=links)


def electrode(
    wiring: mx.Wiring | str, interface: object = WALL, mesh: mx.Mesh | None = None, **more: float
) -> mx.System:
    layer = mx.CompositeLayer("cathode", 71e-6, 0.021, 0.4, interface, 3e5, **more)
    wiring = mx.preset(wiring) if isinstance(wiring, str) else wiring
    model = mx.composite_electrode([layer])
    return mx.build_system(model, wiring, area=3e-5, mesh=mesh or mx.Mesh(cells=8, grading=3.0))


def stack(wiring: mx.Wiring) -> mx.System:
    """Layers without electrons, with both rails, and without ions."""
    layers = [
        mx.CompositeLayer("separator", 2e-5, 0.31),
        mx.CompositeLayer("cathode", 7e-5, 0.021, 0.4, WALL, 3e5),
        mx.CompositeLayer("graded", 4e-5, 0.051, 0.1, PHASE, 2e5),
        mx.CompositeLayer("collector", 1e-5, 0.0, 70.0),
    ]
    return mx.build_system(mx.composite_electrode(layers), wiring, mesh=mx.Mesh(cells=5))


def seamed() -> mx.System:
    """A seam that ions do not pass, and electrons through a constant phase element; both rails at one side."""
    layers = [
        mx.CompositeLayer(n, 3e-5, 0.1, 0.4, mx.Lumped(R=0.03, C=c), 3e5) for n, c in (("front", 0.1), ("back", 2.0))
    ]
    laws = [mx.Junction(("front", "back"), "ion", None)]
    laws.append(mx.Junction(("front", "back"), "electron", mx.Lumped(R=2e-4, Q=3.0, alpha=0.7)))
    model = mx.composite_electrode(layers, junctions=laws)
    return mx.build_system(model, mx.preset("both_rails_left"), mesh=mx.Mesh(cells=5))


def conductor(wiring: mx.Wiring, mesh: mx.Mesh) -> mx.System:
    layers = [mx.ConductorLayer("core", 3e-5, 0.013, 0.41, 3.1e6), mx.ConductorLayer("shell", 1e-5, 0.2, 0.03, 5e5)]
    return mx.build_system(mx.mixed_conductor(layers), wiring, area=2e-5, mesh=mesh)


RAILS = ("cathode.sigma_ion", "cathode.sigma_eon", "cathode.area_density")
LAW = tuple(f"cathode.interface.{name}" for name in ("exchange_current", "C"))
LINK = (mx.Link("right", ("ion", "electron"), mx.Lumped(R=0.05, C=0.3)),)
PIPE = mx.Mesh(cells=6, coordinates="cylindrical", inner_radius=1.3e-5)
CASES = {
    **{name: (electrode(name), (*RAILS, *LAW, "temperature")) for name in ("ion_blocking", "electron_blocking")},
    "battery": (electrode("battery", PHASE), (*RAILS, *(f"cathode.interface.{n}" for n in ("R", "Q", "alpha", "Rs")))),
    "both left": (electrode("both_rails_left"), (*RAILS, *LAW)),
    "short": (electrode("symmetric", PHASE), RAILS),
    "short right": (electrode("electron_both"), (*RAILS, "cathode.interface.thermal_voltage")),
    "laws": (electrode(wired("A ion", "B electron", links=LINK)), (*RAILS, "A.ion.R", "A.ion.C", "right.link.R")),
    "laws at both rails": (
        electrode(wired("A ion", "A electron", "B ion", "B metal", links=LINK)),
        (*RAILS, "A.ion.R", "A.electron.exchange_current", "B.ion.Q", "B.ion.alpha", "right.link.C"),
    ),
    "cross": (electrode("battery", sigma_cross=0.03), ("cathode.sigma_eon", *LAW)),
    "stack": (
        stack(wired("A ion", "B metal")),
        ("separator.sigma_ion", "graded.sigma_eon", "graded.interface.R", *RAILS),
    ),
    "seams": (
        systems.composite(1),
        (
            *("separator.sigma_ion", "electrode.sigma_eon", "electrode.area_density", "graded.sigma_ion"),
            *("separator|electrode.ion.exchange_current", "electrode|graded.electron.R", "right.link.R", "B.ion.R"),
        ),
    ),
    "blocked seam": (seamed(), ("front.sigma_ion", "back.sigma_eon", "back.area_density", "front|back.electron.Q")),
    "conductor": (conductor(mx.preset("ion_blocking"), PIPE), ("core.sigma_ion", "shell.chemical_capacitance")),
}


def random_sets(system: mx.System, addresses: tuple[str, ...], count: int, seed: int) -> dict[str, np.ndarray]:
    """Numbers over six decades; exponents and temperatures near their own."""
    rng, out = np.random.default_rng(seed), {}
    for address in addresses:
        tame = address.endswith(("alpha", "temperature"))
        scale = rng.uniform(0.8, 1.07, count) if tame else 10 ** rng.uniform(-3, 3, count)
        out[address] = value_of(system, address) * scale
    if value_of(system, f"{system.model.layers[0].name}.sigma_cross"):
        out["cathode.sigma_eon"] = 0.05 * 10 ** rng.uniform(0, 6, count)
    return out


@pytest.mark.parametrize("name", CASES)
def test_compiled_equals_one_after_the_other(name):
    """Within what the plain way itself loses where rails are coupled a million times better than they conduct."""
    system, addresses = CASES[name]
    sets = random_sets(system, addresses, 3, len(name))
    one = spectra(system, sets, FREQUENCY, method="compiled")
    other = spectra(system, sets, FREQUENCY, method="plain")
    assert (one.method, other.method, one.alone.size) == ("ladder", "plain", 0)
    assert one.unit == other.unit == ("ohm m^2" if system.per_area else "ohm")
    np.testing.assert_allclose(one.Z, other.Z, rtol=1e-9)


@mp.workdps(60)
def exact(system: mx.System, frequency: float) -> mp.mpc:
    """Z by LU in 60 digits of the nodal matrix, with the voltage of A as one more unknown and B at zero."""
    b, omega = linearise(system, rest_state(system), np.zeros(2)), np.array([2 * np.pi * frequency])
    m, n = b.n_fields, b.n_nodes * b.n_fields
    A, iw = mp.zeros(n + 1, n + 1), mp.mpc(0, omega[0])

    def add(i, j, block):
        for k in range(m):
            for el in range(m):
                A[i * m + k, j * m + el] += block[k, el]

    def cross(face, here, there):
        for row, sign in ((b.left[face], 1), (b.right[face], -1)):
            add(row, b.left[face], sign * here)
            add(row, b.right[face], -sign * there)

    for face, blocks in enumerate(zip(b.K_left, b.K_right, strict=True)):
        cross(face, *(mp.matrix(block.tolist()) for block in blocks))
    for seam in b.junctions:
        y = 0 if seam.law is None else mp.mpmathify(complex(seam.law(omega)[0]))
        for k, face in enumerate(seam.faces):
            parts = ((seam.left_c, seam.left_e), (seam.right_c, seam.right_e))
            cross(face, *(iw * mp.matrix(c[k].tolist()) + y * mp.matrix(e[k].tolist()) for c, e in parts))
    for i in range(b.n_nodes):
        add(i, i, mp.matrix(b.S_g[i].tolist()) + iw * mp.matrix(b.S_c[i].tolist()))
    for extra in b.extras:
        for i, matrix in zip(extra.nodes, extra.matrix, strict=True):
            add(i, i, mp.mpmathify(complex(extra.law(omega)[0])) * mp.matrix(matrix.tolist()))
    for i, k in zip(*np.nonzero(~b.active), strict=True):
        A[int(i) * m + int(k), int(i) * m + int(k)] = 1
    whole, rhs = A.copy(), mp.zeros(n + 1, 1)
    rhs[n] = 1  # ampere into A
    for c in b.contacts:
        i = int(c.nodes[0]) * m + c.row
        assert b.active[c.nodes[0], c.row]
        if c.strong:
            for j in range(n):
                A[n, j] += whole[i, j] if c.port == 0 else 0
                A[i, j] = 0
            A[i, i], A[i, n] = 1, -1 if c.port == 0 else 0
        else:
            y = mp.mpmathify(complex(c.admittance(omega)[0, 0]))
            A[i, i] += y
            if c.port == 0:
                A[i, n], A[n, i], A[n, n] = -y, A[n, i] - y, A[n, n] + y
    return mp.lu_solve(A, rhs)[n]


@pytest.mark.parametrize(
    "name", ["ion_blocking", "electron_blocking", "battery", "short right", "laws at both rails", "cross", "seams"]
)
def test_every_digit(name):
    """Real and imaginary part each to rounding, also where one is 1e-12 of the other."""
    system, addresses = CASES[name]
    sets = random_sets(system, addresses, 1, 5)
    f = np.array([1e-6, 2.3e5])
    Z = spectra(system, sets, f, method="compiled").Z[0]
    one = with_values(system, {address: float(v[0]) for address, v in sets.items()})
    for value, frequency in zip(Z, f, strict=True):
        z = exact(one, frequency)
        assert abs(value.real / z.real - 1) < 1e-12, (value, z)
        assert abs(value.imag / z.imag - 1) < 1e-12, (value, z)


def test_many_sets_and_frequencies():
    """More frequencies than go through at once, in any order, more sets than a chunk; 'auto' compiles then."""
    system, addresses = CASES["battery"]
    sets = random_sets(system, addresses, 700, 3)
    f = np.random.default_rng(1).permutation(np.logspace(-2, 6, 71))
    batch = spectra(system, sets, f)
    assert batch.method == "ladder" and batch.Z.shape == (700, 71) and list(batch.parameters) == list(addresses)
    for i in (0, 461, 699):
        own = {address: float(v[i]) for address, v in sets.items()}
        Z = mx.impedance(mx.rest_point(with_values(system, own)), f).Z
        np.testing.assert_allclose(batch.Z[i], Z, rtol=1e-9)
    np.testing.assert_allclose(spectra(system, sets, f[13], method="compiled").Z[:, 0], batch.Z[:, 13], rtol=1e-13)


def test_few_sets_are_solved_plainly():
    system, addresses = CASES["battery"]
    assert spectra(system, random_sets(system, addresses, 2, 1), [1.0]).method == "plain"
    assert COMPILE_FROM > 2


def test_biased():
    """About a steady state: the plain way, and not what rest would give."""
    system = electrode("battery")
    sets = {"cathode.interface.exchange_current": [0.9, 2.7]}
    batch = spectra(system, sets, FREQUENCY, bias={"A": 0.13})
    assert batch.method == "plain"
    for i0, Z in zip(sets["cathode.interface.exchange_current"], batch.Z, strict=True):
        fresh = electrode("battery", mx.ButlerVolmer(i0, systems.V_T, 0.4, C=0.13))
        np.testing.assert_allclose(Z, mx.impedance(mx.solve_steady(fresh, {"A": 0.13}), FREQUENCY).Z, rtol=1e-12)
    assert np.max(np.abs(batch.Z / spectra(system, sets, FREQUENCY).Z - 1)) > 0.1


@pytest.mark.parametrize("name", ["conductor", "neutral", "poisson"])
def test_other_models_are_solved_plainly(name):
    system = systems.ALL[name](1)
    address = {"conductor": "film.sigma_ion", "neutral": "left.hole.diffusivity"}
    where = address.get(name, "electrolyte.anion.diffusivity")
    value = value_of(system, where)
    batch = spectra(system, {where: [value, 1.7 * value]}, [3.0, 410.0])
    own = mx.impedance(mx.rest_point(system), np.array([3.0, 410.0])).Z
    assert batch.method == "plain"
    np.testing.assert_allclose(batch.Z[0], own, rtol=1e-13)
    assert np.max(np.abs(batch.Z[1] / own - 1)) > 1e-6
    with pytest.raises(InputError, match="compiled"):
        spectra(system, {where: [value]}, [3.0], method="compiled")


def test_a_set_that_fails_is_named():
    system = electrode("ion_blocking")
    with pytest.raises(InputError, match=r"set 1 \(cathode.sigma_eon = 0\): .*both must conduct"):
        spectra(system, {"cathode.sigma_eon": [0.3, 0.0]}, [1.0], method="compiled")
    with pytest.raises(InputError, match="exchange_current"):
        spectra(system, {"cathode.interface.exchange_current": [0.3, -1.0]}, [1.0], method="compiled")
    crossed = electrode("battery", sigma_cross=0.03)
    with pytest.raises(InputError, match="set 2 .*cross conductivity"):
        spectra(crossed, {"cathode.sigma_cross": [0.01, 0.02, 0.1]}, [1.0], method="compiled")
    with pytest.raises(InputError, match="set 1 .*cross conductivity and an interface law"):
        spectra(seamed(), {"front.sigma_cross": [0.0, 0.02]}, [1.0], method="compiled")


def test_a_capacitance_without_a_rail_is_named():
    system = conductor(mx.preset("battery"), PIPE)
    with pytest.raises(InputError, match="set 0 .*chemical capacitance needs"):
        spectra(system, {"core.sigma_eon": [0.0]}, [1.0], method="compiled")


def test_a_law_across_to_where_there_is_no_such_rail_is_refused():
    law = mx.Junction(("separator", "cathode"), "electron", mx.Lumped(R=1e-3))
    layers = [
        mx.CompositeLayer("separator", 2e-5, 0.31, 1.0),
        mx.CompositeLayer("cathode", 7e-5, 0.02, 0.4, WALL, 3e5),
    ]
    model = mx.composite_electrode(layers, junctions=(law,))
    system = mx.build_system(model, mx.preset("battery"), mesh=mx.Mesh(cells=5))
    with pytest.raises(InputError, match="set 1 .*separator has no electron, so no law of it acts across"):
        spectra(system, {"separator.sigma_eon": [1e-3, 0.0]}, FREQUENCY, method="compiled")


def test_a_set_without_a_current_is_named():
    """An interface that passes nothing joins no rails: a battery then has no impedance."""
    with pytest.raises(SolveError, match=r"set 1 \(cathode.area_density = 0\)"):
        spectra(electrode("battery"), {"cathode.area_density": [3e5, 0.0]}, [1.0], method="compiled")


def test_an_interface_to_a_rail_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="set 0 .*layer graded: an interface joins ions and electrons"):
        spectra(CASES["stack"][0], {"graded.sigma_ion": [0.0, 1e-3]}, FREQUENCY, method="compiled")


def test_what_the_ladder_cannot_is_solved_alone():
    """An admittance that underflows when squared: not a number in the kernel, the electrons' resistance in fact."""
    system = electrode("ion_blocking", mx.Lumped(R=0.02))
    batch = spectra(system, {"cathode.interface.R": [0.02, 1e200]}, [1.0, 50.0], method="compiled")
    assert batch.alone.tolist() == [1]
    np.testing.assert_allclose(batch.Z[1], 71e-6 / 0.4 / 3e-5, rtol=1e-12)


@pytest.mark.parametrize(
    ("sets", "frequency", "method", "told"),
    [
        ({}, [1.0], "auto", "read none"),
        ({"cathode.sigma_on": [1.0]}, [1.0], "auto", "did you mean cathode.sigma_"),
        ({"cathode.sigma_ion": [1.0], "temperature": [300.0, 310.0]}, [1.0], "auto", r"expected \(1,\)"),
        ({"cathode.sigma_ion": [np.nan]}, [1.0], "auto", "finite"),
        ({"cathode.thickness": [1e-5]}, [1.0], "auto", "decides the grid"),
        ({"cathode.sigma_ion": [1.0]}, [0.0], "auto", "frequency"),
        ({"cathode.sigma_ion": [1.0]}, [1.0], "fast", "method"),
    ],
)
def test_bad_input(sets, frequency, method, told):
    with pytest.raises(InputError, match=told):
        spectra(electrode("battery"), sets, frequency, method=method)


def test_terminals_that_no_ladder_has():
    with pytest.raises(InputError, match="compiled"):
        spectra(electrode("both_rails_each_pole"), {"cathode.sigma_ion": [0.1]}, [1.0], method="compiled")
