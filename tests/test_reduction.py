"""Reduced spectra against direct ones, dense eigenvalues and closed forms; what can be reduced, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import systems
from scipy.linalg import eigh, solve_triangular
from sparse_blocks import EE, IE, II, H, rails, uniform
from two_phase import ELECTRON, ION, VOID, incidence, random_labels, two_phase, two_poles

import miecsim as mx
from miecsim.blocks import Blocks, PortContact
from miecsim.errors import InputError, SolveError
from miecsim.solvers import reduced, reduction, shifted, sparse
from miecsim.solvers.nodal_form import NONE, NotReducible, nodal_form
from miecsim.solvers.reduced import reduce
from miecsim.solvers.reduction import reduce_network

LOW, HIGH = 1e-5, 1e7  # Hz
WIDE = 2 * np.pi * np.geomspace(LOW, HIGH, 200)
CONTRASTS = [1.0, 37.0, 1e3, 1e-4, 1e6]


def cpe(omega):
    return 0.3 * (1j * omega) ** 0.83


def direct(blocks, omega):
    """Z (n_f, P - 1, P - 1) with the last port grounded, and unknowns per volt on each port."""
    x, _ = sparse.solve(blocks, omega)
    Y = sparse.port_currents(blocks, omega, x)
    return np.linalg.inv(Y[:, :-1, :-1]), x


def impedances(found, omega):
    return np.linalg.inv(found.response(omega)[0][:, :-1, :-1])


def pairs(Z):
    """Between every two terminals, others open."""
    Z = np.pad(Z, ((0, 0), (0, 1), (0, 1)))
    P = Z.shape[1]
    return [Z[:, i, i] + Z[:, j, j] - Z[:, i, j] - Z[:, j, i] for i in range(P) for j in range(i)]


def relative(Z, reference):
    axes = tuple(range(1, Z.ndim))
    size = np.abs(reference) if not axes else np.linalg.norm(reference, axis=axes)
    return (np.abs(Z - reference) if not axes else np.linalg.norm(Z - reference, axis=axes)) / size


def holds(found, omega, reference):
    """The tolerance is met, and no true error exceeds three times its estimate."""
    error = np.max([relative(a, b) for a, b in zip(pairs(impedances(found, omega)), pairs(reference), strict=True)], 0)
    assert error.max() < 1e-6
    assert np.all(error <= 3 * found.estimate(omega))


# ---------------------------------------------------------------- the accuracy of spectra


def by_modes(labels, sigma, omega, g=100.0):
    """Z by dense orthogonal transformations of the two-poles of the picture, which are never added up.

    With R^T R = G + C/tau and the capacitors' share Q_c of the orthonormal factor, gamma are Q_c's singular values
    squared.
    """
    middle, n = np.sqrt(omega[0] * omega[-1]), labels.size
    parts = two_poles(labels, sigma, g)
    E = [
        np.sqrt(f * value)[:, None] * incidence(ends, n + 2)[:, :-1]
        for f, (ends, value) in zip((1.0, middle), parts, strict=True)
    ]
    Q, R = np.linalg.qr(np.concatenate(E))
    _, sine, V = np.linalg.svd(Q[len(E[0]) :], full_matrices=True)
    gamma = np.zeros(n + 1)
    gamma[: len(sine)] = np.minimum(sine, 1.0) ** 2
    drive = (V @ solve_triangular(R, np.eye(n + 1)[:, -1], trans=1)) ** 2
    return (drive / (1 - gamma + 1j * (omega / middle)[:, None] * gamma)).sum(axis=1)


@pytest.mark.parametrize("seed", range(10))
def test_ten_microstructures_at_200_frequencies(seed):
    """12 decades, contrasts from 1 to 1e6, against dense modes, which the direct path vouches for."""
    labels, sigma = random_labels((15 + seed, 22), seed), (0.13, 0.13 * CONTRASTS[seed % 5])
    blocks = two_phase(labels, sigma)
    found = reduce_network(nodal_form(blocks), LOW, HIGH)
    Z = by_modes(labels, sigma, WIDE)
    some = [0, 99, 199]
    assert relative(Z[some], direct(blocks, WIDE[some])[0][:, 0, 0]).max() < 1e-9
    holds(found, WIDE, Z[:, None, None])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_microstructures_against_the_direct_path(seed):
    """The same at every one of 200 frequencies by the direct path, on 32 to 41 x 40 cells."""
    sigma = (0.13, 0.13 * CONTRASTS[seed % 5])
    blocks = two_phase(random_labels((32 + seed, 40), 100 + seed), sigma)
    holds(reduce_network(nodal_form(blocks), LOW, HIGH), WIDE, direct(blocks, WIDE)[0])


@pytest.mark.parametrize("C", [0.0, 0.05])
def test_constant_phase_elements(C):
    blocks, omega = two_phase(random_labels((24, 21), 5), C=C, law=cpe), WIDE[::9]
    holds(reduce_network(nodal_form(blocks), LOW, HIGH), omega, direct(blocks, omega)[0])


def test_three_terminals():
    """Every entry of Y; Z between two with the third open; fields with the third open."""
    blocks, omega = two_phase(random_labels((23, 26), 8), terminals=3), WIDE[::13]
    found = reduce_network(nodal_form(blocks), LOW, HIGH)
    Z, x = direct(blocks, omega)
    holds(found, omega, Z)
    Y = sparse.port_currents(blocks, omega, x)
    assert np.abs(found.response(omega)[0] / Y - 1).max() < 1e-5
    between = Z[:, 0, 0] - Z[:, 0, 1] - Z[:, 1, 0] + Z[:, 1, 1]
    assert relative(found.Z(omega), between).max() < 1e-6
    open_third = -Y[:, 2, 0] / Y[:, 2, 2]
    fields = x[..., 0] + open_third[:, None, None] * x[..., 2]
    assert np.abs(found.fields(omega) - fields).max() < 1e-4


def test_currents_inside_instead_of_ports():
    """A grounded cell driven by distributed currents: what they do to themselves, against the assembled matrix."""
    blocks, omega = two_phase(random_labels((21, 23), 3)), 2 * np.pi * np.geomspace(1e2, 1e7, 17)
    blocks = dataclasses.replace(blocks, n_ports=1, contacts=(dataclasses.replace(blocks.contacts[1], port=0),))
    form = nodal_form(blocks)
    drive = np.random.default_rng(2).standard_normal(form.n)
    found = reduce_network(form, 1e2, 1e7, readings=[drive])
    G, C = (part.matrix.toarray() for part in form.parts)
    Z = np.array([drive @ np.linalg.solve(G + 1j * w * C, drive) for w in omega])
    error = relative(found.network.responses(omega, np.ones((1, 1)))[:, 0, 0], Z)
    assert error.max() < 1e-6 and np.all(error <= 3 * found.estimate(omega))


@pytest.mark.parametrize("contacts", [IE, II, EE], ids=["ie", "ii", "ee"])
def test_blocking_rails(contacts):
    """Rails of very different conductivity in every cell; a blocking path has no direct current."""
    sigma = np.exp(np.random.default_rng(3).normal(0, 2, (2, 12, 17))) * np.array([1.0, 3e-4])[:, None, None]
    blocks, omega = rails(sigma, 1e6, contacts), WIDE[::9]
    holds(reduce_network(nodal_form(blocks), LOW, HIGH), omega, direct(blocks, omega)[0])


def test_three_dimensions_by_multigrid():
    blocks, omega = two_phase(random_labels((13, 12, 14), 4), sigma=(0.1, 100.0)), WIDE[[5, 60, 111, 180]]
    form = nodal_form(blocks)
    found = reduce_network(form, LOW, HIGH, dimension=3, iterative=True)
    assert found.iterated and 1e-12 < found.solve_error <= 1e-4
    holds(found, omega, direct(blocks, omega)[0])
    assert not reduce_network(form, 1.0, 1e4, dimension=3).iterated


@pytest.mark.parametrize("tolerance", [1e-5, 1e-10])
def test_the_tolerance_sets_the_number_of_shifts(tolerance):
    blocks, omega = two_phase(random_labels((30, 24), 11), sigma=(0.1, 0.3)), WIDE[::9]
    loose, found = (reduce_network(nodal_form(blocks), LOW, HIGH, t) for t in (1e-2, tolerance))
    assert relative(impedances(found, omega), direct(blocks, omega)[0]).max() < tolerance
    assert loose.error.max() > tolerance >= found.error.max()


def test_a_narrow_band():
    blocks, omega = two_phase(random_labels((24, 21), 2)), np.array([2 * np.pi * 31.0])
    holds(reduce_network(nodal_form(blocks), 31.0, 31.0), omega, direct(blocks, omega)[0])


def test_what_too_few_shifts_leave_is_refused(monkeypatch):
    monkeypatch.setattr(reduction, "MOST_SHIFTS", 3)
    monkeypatch.setattr(reduction, "BLOCKS", 3)
    with pytest.raises(SolveError, match="3 shifts leave an estimated error of"):
        reduce_network(nodal_form(two_phase(random_labels((40, 40), 2))), LOW, HIGH)


# ---------------------------------------------------------------- the network


def test_what_nothing_reaches_is_left_out():
    """An island of ions in a void is no unknown; one of electrons in the ions is."""
    labels = np.zeros((15, 13), dtype=np.int64)
    labels[9:], labels[4, 5] = ELECTRON, ELECTRON
    labels[1:4, 8:12], labels[2, 9] = VOID, ION
    labels[11, 3] = VOID
    blocks = two_phase(labels)
    form = nodal_form(blocks)
    assert form.n == (labels != VOID).sum() - 1 + 1  # the island less, the terminal on the left more
    cell = np.arange(labels.size).reshape(labels.shape, order="F")
    assert form.place[cell[2, 9], ION] == NONE
    assert form.place[cell[4, 5], ELECTRON] != NONE
    found, G = reduce_network(form, LOW, HIGH), form.parts[0].matrix
    omega = WIDE[::20]
    labels[2, 9] = VOID
    Z, x = direct(two_phase(labels), omega)
    holds(found, omega, Z)
    assert np.abs(found.fields(omega) - x[..., 0]).max() < 1e-4
    assert (G.diagonal() > 0).all()


def test_the_parts_are_the_picture():
    labels, values = random_labels((9, 8), 9), ((0.3, 70.0), 11.0, 0.7)
    form = nodal_form(two_phase(labels, *values))
    place = form.place[np.arange(labels.size), labels.ravel(order="F")]
    order = np.append(place, form.ports[0])
    assert np.array_equal(np.sort(order), np.arange(form.n))
    for part, (ends, value) in zip(form.parts, two_poles(labels, *values), strict=True):
        E = incidence(ends, labels.size + 2)[:, :-1]
        np.testing.assert_allclose(part.matrix.toarray()[np.ix_(order, order)], E.T @ (value[:, None] * E), rtol=1e-13)


@pytest.mark.parametrize("name", ["composite", "cross", "conductor", "poisson"])
@pytest.mark.parametrize("method", ["reduced", "iterative"])
def test_models_at_rest(name, method):
    """Every law, contact and link: dielectric rails, Onsager's cross conductivity, CPE, space charge."""
    point, f = mx.solve_steady(systems.ALL[name](2)), np.geomspace(1e-3, 1e6, 12)
    found, reference = (mx.impedance(point, f, method=m) for m in (method, "sparse"))
    assert found.method == method and reference.error_estimate is None
    ground = reference.terminals[-1]
    assert relative(found.matrix(ground), reference.matrix(ground)).max() < 1e-6
    assert found.error_estimate.shape == f.shape and found.error_estimate.max() <= 1e-6
    fields = [mx.amplitudes(point, f[::4], method=m).potential for m in (method, "auto")]
    assert np.abs(fields[0] - fields[1]).max() < 1e-5


def test_reference_planes_and_open_terminals():
    """Readings inside, one in the phase that blocks, with a third terminal that a capacitor alone joins."""
    planes = (mx.ReferencePlane("near", 11e-6, "ion"), mx.ReferencePlane("far", 33e-6, "electron"))
    third = mx.Terminal("R", (mx.Contact("bottom", "ion", mx.Lumped(C=0.02)),))
    wiring = mx.Wiring((*mx.preset("battery").terminals, third), (), planes)
    layer = mx.CompositeLayer("electrode", 45e-6, 0.043, 0.21, mx.Lumped(R=0.4, C=0.1), 2.1e5)
    mesh = mx.Mesh(cells=11, dimension=2, lateral_cells=4, width=20e-6)
    point = mx.solve_steady(mx.build_system(mx.composite_electrode([layer]), wiring, mesh=mesh))
    f = np.geomspace(1e-5, 1e7, 23)
    found, reference = (mx.impedance(point, f, method=m) for m in ("reduced", "sparse"))
    for plus, minus in (("A", "B"), ("A", "R"), ("R", "B")):
        np.testing.assert_allclose(found.between(plus, minus), reference.between(plus, minus), rtol=1e-6)
    np.testing.assert_allclose(found.plane_voltage, reference.plane_voltage, atol=1e-6)
    for name in ("near", "far"):
        assert np.abs(found.plane(name) - reference.plane(name)).max() < 1e-6 * np.abs(reference.Z).max()


def biased_poisson():
    return mx.solve_steady(systems.poisson(2), {"A": 0.07})


def test_what_is_no_network_is_refused():
    point, f = biased_poisson(), np.array([1.0, 10.0])
    with pytest.raises(InputError, match="method 'reduced': a flux is not reciprocal"):
        mx.impedance(point, f, method="reduced")
    with pytest.raises(InputError, match="method 'iterative': a flux is not reciprocal"):
        mx.amplitudes(point, f, method="iterative")
    with pytest.raises(NotReducible, match="no current passes between some of the terminals"):
        nodal_form(two_phase(np.full((4, 4), ION)))
    with pytest.raises(NotReducible, match="a flux has a negative conductance or capacitance"):
        nodal_form(two_phase(random_labels((9, 8), 9), sigma=(0.1, -1.0)))


@pytest.mark.parametrize("law", [lambda w: 1.0 - 1j * w, lambda w: -0.1 * (1j * w) ** 0.5, lambda w: float(w[0]) * 1j])
def test_laws_that_are_not_passive_are_refused(law):
    form = nodal_form(two_phase(random_labels((12, 12), 9), law=law))
    with pytest.raises(NotReducible, match="an admittance law"):
        reduce_network(form, 1.0, 100.0)


def test_arguments_are_checked():
    point = mx.solve_steady(systems.composite(2))
    with pytest.raises(InputError, match=r"tolerance: read 0.5; expected a number from 1e-12 to 1e-2"):
        mx.impedance(point, np.array([1.0]), tolerance=0.5)
    with pytest.raises(InputError, match="method: read 'plain'; expected 'auto', 'reduced' or 'iterative'"):
        mx.amplitudes(point, np.array([1.0]), method="plain")


def three_fields(storage):
    """Three carriers on four nodes in a row, with the same storage (3, 3) in each; contacts to the first and second."""
    rng, t, none = np.random.default_rng(8), np.eye(3), np.zeros(1)
    K = np.exp(rng.standard_normal((3, 3)))[:, :, None] * np.eye(3)
    contacts = tuple(
        PortContact(p, p, np.array([3 * p]), t[p : p + 1], False, False, np.array([0.7 + p]), none, none, None)
        for p in range(2)
    )
    S = np.exp(rng.standard_normal(4))[:, None, None] * storage
    return Blocks(np.arange(3), np.arange(1, 4), K, K, 0 * S, S, np.ones((4, 3), dtype=bool), 2, contacts)


def test_storage_that_couples_three_carriers():
    """Mutual capacitances of either sign: a semidefinite block, not a network of two-poles."""
    v = np.array([[1.0, 1.0, -2.0], [0.3, -1.0, 0.7]])
    blocks, omega = three_fields(v.T @ v), np.geomspace(1e-4, 1e4, 17)
    assert blocks.S_c[0, 0, 1] > 0
    found = reduce_network(nodal_form(blocks), 1e-5, 1e4)
    np.testing.assert_allclose(found.Z(omega), direct(blocks, omega)[0][:, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(found.poles().Z(omega), found.Z(omega), rtol=1e-9)
    with pytest.raises(NotReducible, match="depends on the level of all potentials"):
        nodal_form(three_fields(v.T @ v + 0.1 * np.eye(3)))
    with pytest.raises(NotReducible, match="is not passive"):
        nodal_form(three_fields(v[:1].T @ v[:1] - 0.1 * v[1:].T @ v[1:]))


# ---------------------------------------------------------------- the choice of the path


def test_large_grids_at_rest_are_reduced(monkeypatch):
    f = np.geomspace(1e-2, 1e5, 12)
    point = mx.solve_steady(systems.composite(2))
    assert mx.impedance(point, f).method == "sparse"
    monkeypatch.setattr(reduced, "UNKNOWNS", 10)
    assert mx.impedance(point, f).method == "reduced"
    assert mx.impedance(point, f[:3]).method == "sparse"
    assert mx.impedance(biased_poisson(), f).method == "sparse"
    monkeypatch.setattr(reduced, "MEMORY", 1e3)
    monkeypatch.setattr(shifted, "MEMORY", 1e3)
    assert mx.impedance(point, f[:3]).method == "iterative"


def test_factors_take_over_where_iterations_fail(monkeypatch):
    form = nodal_form(two_phase(random_labels((13, 12, 14), 4)))
    monkeypatch.setattr(shifted, "ITERATED_3D", 1000)
    assert reduce_network(form, 1.0, 1e4, dimension=3).iterated
    assert not reduce_network(form, 1.0, 1e4, dimension=2).iterated
    monkeypatch.setattr(shifted, "STEPS", 1)
    assert not reduce_network(form, 1.0, 1e4, dimension=3).iterated
    with pytest.raises(SolveError, match="conjugate gradients: residual .* after 1 steps on 21"):
        reduce_network(form, 1.0, 1e4, iterative=True)


def test_memory_of_the_factors():
    """The estimate by which conjugate gradients are chosen, against factors of the kind."""
    for shape in ((90, 90), (17, 17, 17)):
        form = nodal_form(two_phase(random_labels(shape, 3)))
        lu = shifted.Factorised.of(form.matrix(1.0), shifted.elimination_order(form)).factor._lu
        estimate = shifted.factor_bytes(form.n, form.n_nodes, len(shape))
        assert 0.6 < 12 * lu.nnz / estimate < 1.2


# ---------------------------------------------------------------- relaxation times


def test_poles_of_uniform_rails():
    """Blocked rails between ion contacts: the cosine modes of the ladder, of which every other is driven."""
    n, s_1, s_2, C = 14, 0.31, 0.023, 2e5
    blocks = rails(uniform(n, s_1, s_2)[:, :1], C, II)
    found = reduce_network(nodal_form(blocks), 1e-3, 1e9).poles()
    odd = np.arange(n - 1 + n % 2, 0, -2)
    tau = C * H * H * (1 / s_1 + 1 / s_2) / (4 * np.sin(odd * np.pi / (2 * n)) ** 2)
    np.testing.assert_allclose(found.tau, tau, rtol=1e-10)
    assert found.C_dc == np.inf
    np.testing.assert_allclose(found.R_inf + found.R.sum(), n / s_1, rtol=1e-10)


def test_poles_are_those_of_the_discretisation():
    labels, sigma = random_labels((18, 17), 6), (0.1, 3.0)
    reduced_network = reduce_network(nodal_form(two_phase(labels, sigma)), LOW, HIGH)
    found = reduced_network.poles()
    G, C = (E.T @ (v[:, None] * E) for E, v in ((incidence(e, 308)[:, :-1], v) for e, v in two_poles(labels, sigma)))
    rate = 1 / eigh(C, G)[0][-np.linalg.matrix_rank(C) :]  # of G v = rate C v
    for tau in found.tau[found.R > 1e-6 * found.R.sum()]:
        assert np.min(np.abs(rate * tau - 1)) < 1e-6
    np.testing.assert_allclose(found.Z(WIDE), by_modes(labels, sigma, WIDE), rtol=1e-7)
    assert np.all(found.R > 0) and np.all(np.diff(found.tau) >= 0)


def test_poles_of_a_blocking_electrode(monkeypatch):
    """No direct current: a capacitance beside the poles. Reduced poles say the same within the band."""
    labels = random_labels((26, 21), 9)
    blocks = two_phase(labels, g=0.0)
    network = reduce_network(nodal_form(blocks), LOW, HIGH)
    found, omega = network.poles(), WIDE[::9]
    Z = direct(blocks, omega)[0][:, 0, 0]
    np.testing.assert_allclose(found.Z(omega), Z, rtol=1e-8)
    assert np.isfinite(found.C_dc)
    monkeypatch.setattr(reduction, "EXACT", 10)
    few = network.poles()
    assert len(few.tau) < len(found.tau)
    np.testing.assert_allclose(few.Z(omega), Z, rtol=1e-6)
    np.testing.assert_allclose(few.C_dc, found.C_dc, rtol=1e-8)


def test_a_cpe_has_no_poles():
    with pytest.raises(InputError, match="relaxation times: read an element such as a CPE"):
        reduce_network(nodal_form(two_phase(random_labels((10, 9), 9), law=cpe)), 1.0, 100.0).poles()


def test_of_an_operating_point():
    point, f = mx.solve_steady(systems.conductor(2)), np.geomspace(1e-2, 1e5, 9)
    found = reduce(point, f[0], f[-1])
    Z = mx.impedance(point, f, method="sparse").Z
    np.testing.assert_allclose(found.Z(2 * np.pi * f), Z, rtol=1e-6)
    np.testing.assert_allclose(found.poles().Z(2 * np.pi * f), Z, rtol=1e-6)
