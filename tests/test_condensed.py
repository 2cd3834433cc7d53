"""Spectra of cells with their particles eliminated, and with the total current known, against the whole system solved
by sparse LU: at rest, in states far from it, with films, double layers, several kinds of particles, in one and two
dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, SingleIon
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.physics.terminals import Contact, Link, ReferencePlane, Terminal, Wiring
from miecsim.solvers import chain, known_current, line, sparse
from miecsim.solvers.chain import Chain, Ends
from miecsim.solvers.impedance import impedance
from miecsim.solvers.ladders import Ladders
from miecsim.solvers.rest import rest_point
from miecsim.solvers.small_signal import SmallSignal
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step, current, voltage
from miecsim.solvers.transient.run import solve_transient
from miecsim.system import rest_state

T = 307.0
TOLERANCE = 1e-10
FREQUENCY = np.logspace(-5.3, 5.1, 13)
SALT = BinarySalt(870.0, lambda c: 1.13e-3 * c * np.exp(-c / 1430.0), 2.7e-10, 0.31, lambda c: 1 + c / 1900.0)
OXIDE = Host("oxide", 4.7e4, lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), lambda x: 1.7e-14 * (1.3 - x))
CARBON = Host("carbon", 2.9e4, lambda x: 0.1 + 0.5 * np.exp(-19 * x) - 0.05 * np.tanh(7 * (x - 0.5)), 3.1e-14)
SLOW = replace(OXIDE, name="slow", diffusivity=2.3e-15)
DOUBLE = Lumped(C=0.17)
CPE = Lumped(Q=0.23, alpha=0.83)
IN_CELL = {
    "bare": {},
    "double layer": {"double_layer": DOUBLE},
    "phase element": {"double_layer": CPE},
    "film": {"film": Lumped(R=0.013, C=0.02), "double_layer": DOUBLE},
    "film alone": {"film": Lumped(R=0.013)},
    "phase elements": {"film": Lumped(R=0.013, Q=0.05, alpha=0.91), "double_layer": CPE},
}


def metal(left: str = "electron", planes: tuple[ReferencePlane, ...] = (), links: tuple[Link, ...] = ()) -> Wiring:
    ends = (("B", "right", "electron"), ("A", "left", left))
    return Wiring(tuple(Terminal(n, (Contact(s, k, Reversible()),)) for n, s, k in ends), links, planes)


def particles(host: Host, x: float, radius: float, **more: object) -> ActiveParticles:
    kinetics = Kinetics(MassAction(1.3, 870.0, alpha=0.43))
    one = ActiveParticles("p", host, radius, 0.49, kinetics, x, shells=7, grading=9.0)
    return replace(one, **more)  # type: ignore[arg-type]


def full_cell(wiring: Wiring | None = None, mesh: mx.Mesh | None = None, **more: object) -> mx.System:
    layers = [
        PorousLayer("anode", 81e-6, SALT, 0.33, 0.19, 97.0, (particles(CARBON, 0.81, 6.3e-6, **more),)),
        PorousLayer("separator", 23e-6, SALT, 0.47, 0.33),
        PorousLayer("cathode", 67e-6, SALT, 0.35, 0.21, 0.9, (particles(OXIDE, 0.37, 3.9e-6, **more),)),
    ]
    model = porous_cell(layers, temperature=T)
    return mx.build_system(model, wiring or metal(), mesh=mesh or mx.Mesh(cells=5, grading=4.0))


def composite(wiring: Wiring | None = None, mesh: mx.Mesh | None = None, **more: object) -> mx.System:
    """A solid electrolyte, with two kinds of particles that differ in size, diffusivity and double layer."""
    coarse = particles(OXIDE, 0.38, 5.2e-6, volume_fraction=0.3, **more)
    fine = particles(SLOW, 0.38, 0.7e-6, name="fine", volume_fraction=0.2, shells=5, shape="cylinder")
    layers = [
        PorousLayer("separator", 31e-6, SingleIon(0.17)),
        PorousLayer("cathode", 63e-6, SingleIon(0.17), 0.41, 0.22, 1.7, (coarse, fine)),
    ]
    model = porous_cell(layers, temperature=T)
    return mx.build_system(model, wiring or metal("ion"), mesh=mesh or mx.Mesh(cells=6, grading=4.0))


def disturbed(system: mx.System) -> OperatingPoint:
    """A state in which no two nodes are alike: a spectrum asks nothing of a state but that it is one."""
    rng = np.random.default_rng(7)
    u = rest_state(system)
    for k, carrier in enumerate(system.laws.state_map.carriers):
        wave = rng.uniform(-1, 1, u.shape[1])
        u[k] = u[k] * (1 + 0.06 * wave) if carrier.stored else u[k] + 0.7 * thermal_voltage(T) * wave
    voltages = np.zeros(system.n_ports)
    return OperatingPoint(system, u, voltages, np.zeros(system.n_ports), "transient", 0.0, 0)


SYSTEMS: dict[str, Callable[[], mx.System]] = {
    f"cell, {name}": lambda more=more: full_cell(**more) for name, more in IN_CELL.items()
}
SYSTEMS |= {f"composite, {name}": lambda more=IN_CELL[name]: composite(**more) for name in ("bare", "phase elements")}
STATES = {"rest": rest_point, "disturbed": disturbed}


@pytest.fixture(scope="module", params=[(s, p) for s in SYSTEMS for p in STATES], ids=lambda x: f"{x[0]}, {x[1]}")
def solved(request: pytest.FixtureRequest) -> tuple[OperatingPoint, np.ndarray]:
    """An operating point and its spectrum by sparse LU of everything."""
    name, state = request.param
    point = STATES[state](SYSTEMS[name]())
    spectrum = impedance(point, FREQUENCY, method="sparse")
    assert spectrum.method == "sparse"
    return point, spectrum.Z


@pytest.mark.parametrize("method", ["plain", "compiled"])
def test_known_current(solved: tuple[OperatingPoint, np.ndarray], method: str) -> None:
    point, exact = solved
    assert point.small_signal.known_current is not None
    spectrum = impedance(point, FREQUENCY, method=method)
    assert spectrum.method == method
    assert spectrum.backward_error < 1e-14
    np.testing.assert_allclose(spectrum.Z, exact, rtol=TOLERANCE)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_condensed_line(solved: tuple[OperatingPoint, np.ndarray], compiled: bool) -> None:
    """All rails kept, particles eliminated: the chain kernels."""
    point, exact = solved
    omega = 2 * np.pi * FREQUENCY
    blocks = point.small_signal.condensed.at(omega)
    Y = line.port_response(line.prepare(blocks, omega, [0]), [0], compiled)
    np.testing.assert_allclose(-1 / Y[:, 1, 0], exact, rtol=TOLERANCE)


def test_condensed_sparse(solved: tuple[OperatingPoint, np.ndarray]) -> None:
    point, exact = solved
    omega = 2 * np.pi * FREQUENCY[::4]
    blocks = point.small_signal.condensed.at(omega)
    x, _ = sparse.solve(blocks, omega, [0])
    Y = sparse.port_currents(blocks, omega, x, [0])
    np.testing.assert_allclose(-1 / Y[:, 1, 0], exact[::4], rtol=TOLERANCE)


def test_during_a_discharge() -> None:
    point = rest_point(full_cell(double_layer=DOUBLE))
    step = Step("discharge", {"B": current(-17.0), "A": voltage(point.voltages[1])}, 700.0, outputs=(700.0,))
    snapshot = mx.snapshot(solve_transient(point, [step]), 0)
    exact = impedance(snapshot, FREQUENCY, method="sparse").Z
    at_rest = impedance(point, FREQUENCY).Z
    assert np.max(np.abs(exact / at_rest - 1)) > 0.05
    for method in ("plain", "compiled"):
        np.testing.assert_allclose(impedance(snapshot, FREQUENCY, method=method).Z, exact, rtol=TOLERANCE)


@pytest.mark.parametrize("build", [full_cell, composite])
@pytest.mark.parametrize("method", ["plain", "compiled"])
def test_reference_planes(build: Callable[..., mx.System], method: str) -> None:
    """Planes in the separator and in an electrode, seen from either terminal."""
    planes = (ReferencePlane("middle", 29e-6, "ion"), ReferencePlane("deep", 76e-6, "ion"))
    left = "electron" if build is full_cell else "ion"
    point = disturbed(build(wiring=metal(left, planes), double_layer=CPE))
    exact, found = (impedance(point, FREQUENCY, method=m) for m in ("sparse", method))
    assert found.method == method
    for name in ("middle", "deep"):
        for ends in (("A", "B"), ("B", "A")):
            np.testing.assert_allclose(found.plane(name, *ends), exact.plane(name, *ends), rtol=TOLERANCE)


def test_amplitudes_inside_particles(solved: tuple[OperatingPoint, np.ndarray]) -> None:
    """Every potential at every node, those of shells and films included, against the whole system."""
    point, _ = solved
    f = FREQUENCY[1::4]
    x, _ = sparse.solve(point.small_signal.blocks, 2 * np.pi * f, [0])
    exact = np.einsum("nkm,fnm->fnk", point.small_signal.blocks.potential, x[..., 0])
    found = mx.amplitudes(point, f)
    assert found.backward_error < 1e-14
    np.testing.assert_allclose(found.potential, exact, rtol=1e-8, atol=1e-10)


CONTACTS = {
    "elements": (Contact("left", "ion", Lumped(R=0.004, C=3.0)), Contact("right", "electron", Lumped(R=0.002))),
    "phase element": (
        Contact("left", "ion", Lumped(R=0.004, Q=3.0, alpha=0.8)),
        Contact("right", "electron", Reversible()),
    ),
    "ions on the right": (Contact("left", "ion", Reversible()), Contact("right", "ion", Lumped(R=0.01))),
}


@pytest.mark.parametrize("contacts", CONTACTS.values(), ids=CONTACTS.keys())
@pytest.mark.parametrize("method", ["plain", "compiled"])
def test_contacts(contacts: tuple[Contact, Contact], method: str) -> None:
    """Contacts that are elements, with a link between the rails at one end."""
    links = (Link("right", ("electron", "ion"), Lumped(R=0.05, C=0.3)),)
    wiring = Wiring(tuple(Terminal(name, (c,)) for name, c in zip("AB", contacts, strict=True)), links)
    system = composite(wiring, double_layer=DOUBLE)
    point = disturbed(system)
    assert point.small_signal.known_current is not None
    exact = impedance(point, FREQUENCY, method="sparse").Z
    np.testing.assert_allclose(impedance(point, FREQUENCY, method=method).Z, exact, rtol=TOLERANCE)


@pytest.mark.parametrize("method", ["plain", "compiled"])
def test_two_contacts_at_one_end(method: str) -> None:
    """The current enters by two rails at once: not known, so all rails are kept."""
    both = (Contact("left", "ion", Lumped(R=0.003)), Contact("right", "electron", Lumped(R=0.002)))
    wiring = Wiring((Terminal("A", both[:1]), Terminal("B", (both[1], Contact("right", "ion", Lumped(R=0.004))))))
    point = disturbed(composite(wiring))
    assert point.small_signal.known_current is None
    exact = impedance(point, FREQUENCY, method="sparse").Z
    found = impedance(point, FREQUENCY, method=method)
    assert found.method == method
    np.testing.assert_allclose(found.Z, exact, rtol=TOLERANCE)


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_two_dimensions(state: Callable[[mx.System], OperatingPoint]) -> None:
    """A current collector that covers a part of the electrode only."""
    patches = (mx.Patch("tab", "right", 0.0, 40e-6),)
    mesh = mx.Mesh(cells=3, dimension=2, width=100e-6, lateral_cells=[np.full(5, 20e-6)], patches=patches)
    ends = (("B", "tab", "electron"), ("A", "left", "electron"))
    wiring = Wiring(tuple(Terminal(n, (Contact(s, k, Reversible()),)) for n, s, k in ends))
    point = state(full_cell(wiring, mesh, double_layer=DOUBLE))
    f = FREQUENCY[::4]
    exact, found = (impedance(point, f, method=m) for m in ("sparse", "auto"))
    assert (exact.method, found.method) == ("sparse", "condensed")
    np.testing.assert_allclose(found.Z, exact.Z, rtol=TOLERANCE)


@pytest.mark.parametrize("more", IN_CELL.values(), ids=IN_CELL.keys())
def test_plateau(more: dict[str, object]) -> None:
    """Where the open-circuit potential does not answer to the content, nothing comes back from the shells; and between
    spinodals it answers the wrong way."""
    for slope in (0.0, 0.004):
        host = Host("two phases", 2.3e4, lambda x, slope=slope: 3.43 + slope * (x - 0.5), 3e-15)
        layer = PorousLayer("c", 63e-6, SALT, 0.41, 0.22, 1.7, (particles(host, 0.44, 2e-6, **more),))
        point = rest_point(mx.build_system(porous_cell([layer], temperature=T), metal("ion"), mesh=mx.Mesh(cells=5)))
        assert point.small_signal.known_current is not None
        exact, found = (impedance(point, FREQUENCY, method=m) for m in ("sparse", "plain"))
        assert found.method == "plain"
        np.testing.assert_allclose(found.Z, exact.Z, rtol=TOLERANCE)


def test_many_states_in_two_dimensions_stay_whole() -> None:
    """Particles of many states would each be a matrix of their own to sparse LU."""
    mesh = mx.Mesh(cells=5, dimension=2, width=100e-6, lateral_cells=7)
    point = disturbed(full_cell(mesh=mesh))
    assert impedance(point, FREQUENCY[:1]).method == "sparse"
    assert impedance(rest_point(point.system), FREQUENCY[:1]).method == "condensed"


def test_weaker_rail_keeps_its_digits() -> None:
    """Electrons conduct better and better until nothing changes; the spectrum must then stand still, not crumble."""

    def electrode(sigma_eon: float) -> mx.System:
        layer = PorousLayer("c", 63e-6, SingleIon(0.17), 0.41, 0.22, sigma_eon, (particles(OXIDE, 0.38, 4e-6),))
        return mx.build_system(porous_cell([layer], temperature=T), metal("ion"), mesh=mx.Mesh(cells=9))

    Z = [impedance(rest_point(electrode(sigma)), FREQUENCY).Z for sigma in (1e12, 1e15, 1e18)]
    assert np.max(np.abs(Z[0] / Z[1] - 1)) < 1e-11
    assert np.max(np.abs(Z[1] / Z[2] - 1)) < 1e-13


def test_alike_particles_are_evaluated_once() -> None:
    at_rest, moving = (state(full_cell()).small_signal.condensed for state in (rest_point, disturbed))
    assert [len(p.ladders.link) for p in at_rest.pendants] == [1, 1]
    assert [len(p.ladders.link) for p in moving.pendants] == [5, 5]


def test_a_second_spectrum_prepares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    point = rest_point(full_cell())
    first = impedance(point, FREQUENCY).Z

    def refuse(*_: object) -> None:
        raise AssertionError("prepared again")

    for name in ("linearise", "condense", "known_current"):
        monkeypatch.setattr(f"miecsim.solvers.small_signal.{name}", refuse)
    np.testing.assert_array_equal(impedance(point, FREQUENCY).Z, first)


def test_digits_that_cannot_be_vouched_for_are_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    point = rest_point(full_cell())
    exact = impedance(point, FREQUENCY[:3], method="sparse").Z
    wrong = np.full(3, 1 + 1j)
    monkeypatch.setattr(
        known_current.KnownCurrent, "response", lambda *_: (wrong, np.zeros((3, 0), dtype=complex), 1e-12)
    )
    found = impedance(point, FREQUENCY[:3], method="plain")
    assert found.method == "sparse"
    np.testing.assert_array_equal(found.Z, exact)


def test_current_is_not_taken_for_known_where_charge_is_made() -> None:
    """A node that adds to the sum of the rows, or answers to a common shift of all potentials, forbids it."""
    ready = rest_point(full_cell()).small_signal
    condensed = ready.condensed
    for row, column in ((0, 0), (1, 2)):
        S_g = condensed.trunk.S_g.copy()
        S_g[4, row, column] += 1e-6 * np.abs(condensed.trunk.S_c).max()
        leaky = replace(condensed, trunk=replace(condensed.trunk, S_g=S_g))
        assert known_current.known_current(leaky, ()) is None
    assert known_current.known_current(condensed, ()) is not None


def test_a_tree_of_another_form_is_not_condensed() -> None:
    """Storage at the surface, which no law here has, leaves the system whole; its spectrum is that of all nodes."""
    system = full_cell()
    ready = rest_point(system).small_signal
    S_c = ready.blocks.S_c.copy()
    S_c[system.nodes.trees[0].surface[2], 3, 3] = 1e-3
    other = SmallSignal(system, ready.u, ready.voltages)
    other.__dict__["blocks"] = replace(ready.blocks, S_c=S_c)
    assert ready.condensed is not None
    assert other.condensed is None


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_shells_against_their_matrix(compiled: bool) -> None:
    """y of a chain of shells whose conductances differ from side to side, against the inverse of its matrix."""
    rng = np.random.default_rng(3)
    groups, n = 4, 11
    K_left, V, k = (
        np.exp(rng.normal(size=(groups, n))),
        np.exp(rng.normal(size=(groups, n))),
        np.exp(rng.normal(size=groups)),
    )
    K_right = K_left * np.exp(0.3 * rng.normal(size=(groups, n)))
    omega = np.logspace(-6, 6, 9)
    found = Ladders.of(K_left, K_right, V, k).passing(omega, compiled)
    for g in range(groups):
        for f, w in enumerate(omega):
            A = np.diag(np.r_[0.0, 1j * w * V[g]])
            for j in range(n):
                A[j, j] += K_left[g, j]
                A[j, j + 1] -= K_right[g, j]
                A[j + 1, j + 1] += K_right[g, j]
                A[j + 1, j] -= K_left[g, j]
            y = 1 / np.linalg.inv(A)[0, 0]
            assert found[g, f] == pytest.approx(y / (y + k[g]), rel=3e-9)


def test_shells_do_not_overflow() -> None:
    """Hundreds of shells, each many decay lengths thick: what lies behind the outermost is felt no more."""
    one = np.ones((1, 400))
    omega = np.array([1e9])
    for compiled in (False, True):
        found = Ladders.of(one, one, one, np.ones(1)).passing(omega, compiled)[0, 0]
        assert found == pytest.approx(0.5, rel=1e-8)  # y = K of the first face


def pairs_problem(n: int, n_f: int, seed: int, m: int = 2) -> tuple[Chain, Ends, np.ndarray, np.ndarray]:
    """A chain of m unknowns a node with sources, two measurements and up to two elements everywhere."""
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-3, 3, (n, 1, 1))
    S_g, S_c = (spread * (rng.uniform(-0.4, 0.4, (n, m, m)) + s * np.eye(m)) for s in (1.7, 0.9))
    K = 10.0 ** rng.uniform(-2, 2, (n - 1, 1, 1)) * (rng.uniform(-0.3, 0.3, (n - 1, m, m)) + 1.3 * np.eye(m))
    K_right = K * np.exp(0.2 * rng.normal(size=K.shape))
    b, c = rng.normal(size=(n, m, 1)), rng.normal(size=(n, 2, m))
    index, matrix = rng.integers(-1, 3, (n, 2)), rng.uniform(0.0, 1.0, (n, 2, m, m))
    block, source, read = (np.zeros((n_f, *shape), dtype=complex) for shape in ((m, m), (m, 1), (2, m)))
    ends = Ends(block, block, source, source, read, read)
    values = np.exp(rng.normal(size=(3, n_f)) + 0.7j * rng.uniform(0, 1, (3, n_f)))
    return Chain(K, K_right, S_g, S_c, index, matrix, b, c), ends, np.logspace(-4.3, 3.9, n_f), values


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize(("n", "n_f"), [(4, 1), (7, 9), (62, 60), (31, 64), (30, 131)])
def test_one_and_two_unknowns_a_node(n: int, n_f: int, m: int) -> None:
    """The kernel that is written out for them, against the elimination for any number."""
    pairs = pytest.importorskip("miecsim.solvers.chain_pairs_compiled", exc_type=ImportError)
    problem, ends, omega, values = pairs_problem(n, n_f, n + n_f, m)
    found, error = pairs.response(pairs.prepare(problem), omega, values)
    expected = chain.response(problem, ends, omega, values)[:, :, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert 1e-18 < error < 1e-15


@pytest.mark.parametrize("at", [0, 33, 59])
def test_two_unknowns_show_what_is_not_a_number(at: int) -> None:
    pairs = pytest.importorskip("miecsim.solvers.chain_pairs_compiled", exc_type=ImportError)
    problem, _, omega, values = pairs_problem(20, 60, seed=5)
    values[:, at] = np.nan
    found, error = pairs.response(pairs.prepare(problem), omega, values)
    assert np.array_equal(np.flatnonzero(np.isnan(found).any(axis=1)), [at])
    assert np.isnan(error)  # each of these is among the frequencies that are checked


@pytest.mark.parametrize(("n", "n_f"), [(7, 9), (30, 131)])
def test_one_sweep_gives_response_and_error(n: int, n_f: int) -> None:
    """The same numbers as of the two asked for one after the other, also over several groups of frequencies."""
    problem, ends, omega, values = pairs_problem(n, n_f, seed=3 * n)
    probe = np.array([0, n_f // 2, n_f - 1])
    found, error = chain.checked_response(problem, ends, omega, values, probe)
    np.testing.assert_array_equal(found, chain.response(problem, ends, omega, values))
    few = Ends(*(getattr(ends, name)[probe] for name in Ends.__dataclass_fields__))
    expected = chain.refined_profile(problem, few, omega[probe], values[:, probe])[1]
    np.testing.assert_allclose(error, expected, rtol=1, atol=1e-16)


def test_compiled_check_sees_lost_digits() -> None:
    """Where an elimination without exchange of rows loses digits, both checks say so, and alike."""
    pairs = pytest.importorskip("miecsim.solvers.chain_pairs_compiled", exc_type=ImportError)
    n, n_f = 6, 2
    errors = []
    for pivot in (1.0, 1e-9):
        S = np.tile(np.array([[pivot, 1.0], [1.0, 0.3]]), (n, 1, 1))
        K = np.tile(0.1 * pivot * np.eye(2), (n - 1, 1, 1))
        b, c = np.zeros((n, 2, 1)), np.zeros((n, 1, 2))
        b[0, 0], b[3, 1] = 1.0, -0.7
        none = np.zeros((n_f, 2, 2), dtype=complex)
        ends = Ends(none, none, none[:, :, :1], none[:, :, :1], none[:, :1], none[:, :1])
        problem = Chain(K, 0.9 * K, S, 0.01 * S, np.full(n, -1), np.zeros((n, 2, 2)), b, c)
        omega, values = np.array([0.1, 3.0]), np.zeros((0, n_f), dtype=complex)
        x = chain.profile(problem, ends, omega, values)
        plain = chain.backward_error(problem, ends, omega, values, None, x)
        own = pairs.response(pairs.prepare(problem), omega, values)[1]
        errors.append((plain.max(), own))
    assert max(errors[0]) < 1e-14
    assert min(errors[1]) > 1e-12
