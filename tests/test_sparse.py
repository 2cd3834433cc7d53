"""Sparse direct solves: scaling, ordering, and small-signal systems against closed ladders and multiprecision."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import splu
from sparse_blocks import EE, IE, II, JOINED, H, exact, ladder, nernst_planck_poisson, rails, uniform

from miecsim.blocks import Blocks, JunctionBlocks, NodeExtra, PortContact
from miecsim.errors import InputError, SolveError
from miecsim.solvers import linear, sparse
from miecsim.solvers.linear import equilibrate, factorise, nested_dissection

WIDE = 2 * np.pi * np.logspace(-9, 9, 7)


def relative(value, reference):
    return float(np.max(np.abs(value - reference) / np.abs(reference)))


def admittance(blocks, omega):
    x, error = sparse.solve(blocks, omega)
    return sparse.port_currents(blocks, omega, x), error


def field_errors(x, reference, m):
    """Largest error of each field relative to its largest value."""
    parts = [(x[k::m], reference[k::m]) for k in range(m)]
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in parts if np.any(b))


# ---------------------------------------------------------------- linear algebra


def badly_scaled(n, rng, dtype):
    """A diagonally dominant matrix D1 A D2, scales over 10 decades each, and a solution of comparable parts."""
    A = sp.random_array((n, n), density=0.05, rng=rng).astype(dtype)
    A = A + 1j * abs(A) if dtype is complex else A
    A = A + sp.diags_array(np.asarray(abs(A).sum(axis=1)).ravel() + 1.0)
    rows, columns = 10.0 ** rng.uniform(-5, 5, (2, n))
    x = rng.standard_normal((n, 2)) + (1j * rng.standard_normal((n, 2)) if dtype is complex else 0)
    return sp.csc_array(sp.diags_array(rows) @ A @ sp.diags_array(columns)), x / columns[:, None], columns


@pytest.mark.parametrize("dtype", [float, complex])
def test_badly_scaled_system(dtype):
    A, x, columns = badly_scaled(200, np.random.default_rng(3), dtype)
    factor = factorise(A)
    assert not factor.pivoting
    assert np.max(np.abs(factor.solve(A @ x) - x) * columns[:, None]) < 1e-13
    assert np.max(np.abs(factor.solve(A @ x[:, 0]) - x[:, 0]) * columns) < 1e-13


def test_real_matrix_complex_right_side():
    A, x, columns = badly_scaled(60, np.random.default_rng(4), float)
    z = x[:, 0] + 2j * x[:, 1]
    assert np.max(np.abs(factorise(A).solve(A @ z) - z) * columns) < 1e-13


def test_equilibration_is_exact():
    A, *_ = badly_scaled(80, np.random.default_rng(5), complex)
    scaled, row, column = equilibrate(A)
    assert np.array_equal(scaled.toarray(), row[:, None] * A.toarray() * column)
    assert np.all(np.log2(row) == np.round(np.log2(row)))
    largest = abs(scaled).max(axis=1).toarray(), abs(scaled).max(axis=0).toarray()
    assert all(0.1 < part.min() and part.max() < 4.0 for part in largest)


@pytest.mark.parametrize(
    ("A", "b", "said"),
    [
        (np.diag([1.0, 0.0]), np.ones(2), "singular"),
        (np.array([[1.0, 2.0], [0.5, 1.0]]), np.ones(2), "singular"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), np.ones(2), "not finite"),
        (np.eye(2), np.array([1.0, np.inf]), "not finite"),
        (np.ones((2, 3)), np.ones(2), "not square"),
    ],
)
def test_what_cannot_be_solved(A, b, said):
    with pytest.raises(SolveError, match=said):
        factorise(sp.csc_array(A)).solve(b)


def spoiled_lu(scaled, pivoting, ordered):
    """Factors of another matrix unless free pivoting is asked for."""
    matrix = scaled if pivoting else scaled + sp.diags_array(np.full(scaled.shape[0], 3.0))
    return splu(sp.csc_array(matrix))


def test_pivoting_takes_over(monkeypatch):
    monkeypatch.setattr(linear, "_lu", spoiled_lu)
    A, x, columns = badly_scaled(60, np.random.default_rng(6), complex)
    factor = factorise(A)
    assert np.max(np.abs(factor.solve(A @ x) - x) * columns[:, None]) < 1e-12
    assert factor.pivoting


def grid_graph(*shape):
    cell = np.arange(np.prod(shape)).reshape(shape)
    pairs = [(np.delete(cell, -1, a).ravel(), np.delete(cell, 0, a).ravel()) for a in range(len(shape))]
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = sp.coo_array((np.ones(len(a)), (a, b)), shape=(cell.size, cell.size))
    return sp.csr_array(graph + graph.T)


@pytest.mark.parametrize(("shape", "gain"), [((60, 60), 0.95), ((14, 14, 14), 0.6)])
def test_nested_dissection_limits_fill(shape, gain):
    """Operations against minimum degree on cells numbered at random, as an unstructured mesh numbers them."""
    shuffled = np.random.default_rng(1).permutation(np.prod(shape))
    graph = sp.csr_array(grid_graph(*shape)[shuffled][:, shuffled])
    matrix = sp.csc_array(graph * -1.0 + sp.diags_array(np.full(graph.shape[0], 7.0)))
    order = nested_dissection(graph)
    assert np.array_equal(np.sort(order), np.arange(graph.shape[0]))

    def operations(A, spec):
        lu = splu(sp.csc_array(A), permc_spec=spec, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        return float(np.sum(np.diff(lu.L.indptr).astype(float) ** 2))

    assert operations(matrix[order][:, order], "NATURAL") < gain * operations(matrix, "MMD_AT_PLUS_A")


def test_nested_dissection_of_pieces():
    graph = sp.block_diag([grid_graph(20, 20), sp.csr_array((7, 7)), grid_graph(300, 1)])
    assert np.array_equal(np.sort(nested_dissection(graph, 50)), np.arange(graph.shape[0]))


# ---------------------------------------------------------------- two rails


@pytest.mark.parametrize("strong", [True, False], ids=["strong", "ordinary"])
@pytest.mark.parametrize(("sigma_1", "sigma_2"), [(1.0, 1.0), (3.0, 7e-4), (1e7, 1e-5), (1e-12, 1.0), (1e6, 1e6)])
@pytest.mark.parametrize("contacts", [IE, II, EE], ids=["ie", "ii", "ee"])
def test_a_square_is_a_ladder(contacts, sigma_1, sigma_2, strong):
    """20 x 20 cells, blocking, 1e-9 to 1e9 Hz: every port admittance, driven ones included, to round-off."""
    n, C = 20, 1e6
    Y, error = admittance(rails(uniform(n, sigma_1, sigma_2), C, contacts, strong), WIDE)
    Z = np.array([ladder(sigma_1, sigma_2, C, n, w, contacts) for w in WIDE]) / (n * H)
    assert relative(Y, np.array([[1, -1], [-1, 1]]) / Z[:, None, None]) < 1e-13
    assert error.max() < 1e-14


def test_leaky_interface():
    n, C, g = 20, 1e6, 3e4
    Y, _ = admittance(rails(uniform(n, 0.3, 0.02), C, IE, g=g), WIDE)
    Z = np.array([ladder(0.3, 0.02, C, n, w, IE, g=g) for w in WIDE]) / (n * H)
    assert relative(Y[:, 0, 0], 1 / Z) < 1e-13


def random_rails(seed):
    """A 4 x 4 microstructure with contrast up to 1e12 in each rail, everything else at random too."""
    rng = np.random.default_rng(seed)
    contrast = 10.0 ** rng.uniform(6, 12)
    sigma = 10.0 ** rng.uniform(-6, 7) * np.where(rng.random((2, 4, 4)) < 0.5, 1.0, 1 / contrast)
    contacts = [IE, II, (*IE, ("right", 0, 1)), (("left", 0, 0), ("left", 1, 1))][seed % 4]
    extra = (lambda w: 1e3 * (1j * w) ** 0.7) if seed % 3 == 0 else None
    return rails(sigma, 10.0 ** rng.uniform(0, 8), contacts, bool(rng.integers(2)), extra=extra)


@pytest.mark.parametrize("seed", range(12))
def test_random_microstructures(seed):
    """Against 70 digits, at some frequency from 1e-9 to 1e9 Hz."""
    blocks = random_rails(seed)
    omega = 2 * np.pi * 10.0 ** np.random.default_rng(1000 + seed).uniform(-9, 9, 1)
    Y, x = exact(blocks, omega[0])
    found, error = sparse.solve(blocks, omega)
    assert relative(sparse.port_currents(blocks, omega, found)[0], Y) < 1e-9
    assert field_errors(found[0].reshape(x.shape), x, 2) < 1e-9
    assert error.max() < 1e-14


def test_inventories_are_what_holds_a_sealed_rail(monkeypatch):
    """Without them the same system is refused, or wrong: the test above has teeth."""
    blocks, omega = rails(uniform(8, 1e-3, 1e7), 1e6, II), WIDE[:1]
    Y, _ = admittance(blocks, omega)
    Z = ladder(1e-3, 1e7, 1e6, 8, omega[0], II) / (8 * H)
    assert relative(Y[0, 0, 0], 1 / Z) < 1e-13
    monkeypatch.setattr(sparse.Inventories, "needed", lambda self, s: np.zeros(len(self.targets), dtype=bool))
    with pytest.raises(SolveError, match=r"at 1e-09 Hz"):
        sparse.solve(blocks, omega)


def test_zero_frequency_is_the_limit():
    blocks = rails(uniform(6, 0.3, 0.02), 1e6, II)
    x, _ = sparse.solve(blocks, np.array([0.0, 1e-9]))
    assert np.max(np.abs(x[0] - x[1])) < 1e-9
    assert np.ptp(x[0, :36, 1, 0].real) < 1e-15  # the sealed rail is flat, at the mean potential of the other
    assert abs(x[0, :36, 1, 0].mean() - x[0, :36, 0, 0].mean()) < 1e-15


def test_nothing_fixes_a_sealed_rail_without_storage():
    blocks = rails(uniform(5, 0.3, 0.02), 0.0, II)
    with pytest.raises(SolveError, match=r"at 1.592 Hz: nothing fixes the level of field 1 around node \d+"):
        sparse.solve(blocks, np.array([10.0]))


def test_what_rounding_destroyed_is_refused():
    """Grains of both rails shorted through 1e28 times what joins them: solved where that does no harm, or refused."""
    omega, refused = np.array([2e9 * np.pi]), 0
    for seed in range(12):
        sigma = np.where(np.random.default_rng(seed).random((2, 4, 4)) < 0.5, 1e3, 1e-24)
        blocks = rails(sigma, 1e6, IE, strong=False)
        try:
            x, _ = sparse.solve(blocks, omega)
        except SolveError as error:
            assert "small signal at 1e+09 Hz: " in str(error) and "singular" in str(error)
            refused += 1
            continue
        reference = exact(blocks, omega[0], digits=90)[1]
        assert field_errors(x[0].reshape(reference.shape), reference, 2) < 1e-9
    assert 0 < refused < 8


def test_pivoting_takes_over_in_a_spectrum(monkeypatch):
    monkeypatch.setattr(linear, "_lu", spoiled_lu)
    blocks = rails(uniform(6, 0.3, 0.02), 1e6, IE)
    (found,) = sparse.responses(blocks, np.array([1e3]))
    assert found.pivoting
    Y = sparse.port_currents(blocks, np.array([1e3]), found.x[None])
    assert relative(Y[0, 0, 0] * ladder(0.3, 0.02, 1e6, 6, 1e3, IE) / (6 * H), 1.0) < 1e-12


# ---------------------------------------------------------------- other elements


@pytest.mark.parametrize("reversible", [(), ((1, 0),), ((0, 0), (1, 0)), ((0, 0), (0, 1), (1, 0), (1, 1))])
@pytest.mark.parametrize("h", [1e-9, 1e-6])
@pytest.mark.parametrize("bias", [0.0, 0.7])
def test_nernst_planck_poisson(reversible, h, bias):
    """A chain with carriers blocked or not, from a tenth of a Debye length per cell to a thousand, with 70 digits."""
    blocks = nernst_planck_poisson(9, 1, h, reversible=reversible, bias=bias)
    for omega in 2 * np.pi * np.array([1e-9, 1e-2, 1e4]):
        Y, _ = admittance(blocks, np.array([omega]))
        assert relative(Y[0], exact(blocks, omega)[0]) < 1e-11


@pytest.mark.parametrize("reaction", [1.0, 1e5, 1e10])
def test_recombination_and_blocked_carriers(reaction):
    """Carriers that only each other's loss can replace: charge is conserved 1e16 times slower than it is exchanged."""
    blocks, omega = nernst_planck_poisson(8, 1, 1e-8, reaction=reaction), np.array([2e-9 * np.pi])
    x, _ = sparse.solve(blocks, omega)
    Y, reference = exact(blocks, omega[0])
    assert relative(sparse.port_currents(blocks, omega, x)[0], Y) < 1e-11
    assert field_errors(x[0].reshape(reference.shape), reference, 3) < 1e-9


def test_a_row_of_chains_is_a_chain():
    omega = 2 * np.pi * np.array([1e-6, 1.0, 1e6])
    one, many = (admittance(nernst_planck_poisson(12, ny, 1e-8), omega)[0] for ny in (1, 15))
    assert relative(many, 15 * one) < 1e-12


def test_junctions_laws_and_absent_fields():
    """Capacitive and CPE faces, a CPE contact, a field that does not live in half of the nodes."""
    rng = np.random.default_rng(8)
    n, at = 6, np.array([1, 3])

    def cpe(w):
        return (1j * w) ** 0.6

    active = np.ones((n, 2), dtype=bool)
    active[3:, 1] = False
    K = np.einsum("f,rs->frs", rng.uniform(1, 2, n - 1), np.eye(2)) * (active[:-1] & active[1:])[:, :, None]
    e = np.array([1e-2, 3e-2])[:, None, None] * K[at]
    S = np.where(active[:, :, None] & active[:, None, :], JOINED, 0.0) + np.diag([0.1, 0.0])
    t, one, none = np.array([[1.0, 0.0]]), np.ones(1), np.zeros(1)
    contacts = (
        PortContact(0, 0, np.array([0]), t, False, False, 0.3 * one, 2.0 * one, 0.7 * one, cpe),
        PortContact(1, 0, np.array([n - 1]), t, True, False, none, none, none, None),
    )
    junctions = (JunctionBlocks(at, 2 * e, 2 * e, cpe, e, e),)
    extras = (NodeExtra(cpe, np.array([2]), 0.4 * S[2:3]),)
    left = np.arange(n - 1)
    blocks = Blocks(left, left + 1, K, 1.3 * K, S, 0.2 * S, active, 2, contacts, extras, junctions)
    for omega in (0.0, 1e-2, 1e2):
        x, _ = sparse.solve(blocks, np.array([omega]))
        Y, reference = exact(blocks, omega)
        assert field_errors(x[0].reshape(reference.shape), reference, 2) < 1e-14
        assert relative(sparse.port_currents(blocks, np.array([omega]), x)[0], Y) < 1e-14
        assert np.all(x[0, 3:, 1] == 0.0)


@pytest.mark.parametrize("strong", [True, False])
def test_a_plate_capacitor(strong):
    """One charge row between plates: I = i w eps A / L (V1 - V2), whichever way the plates hold it."""
    n, eps, omega = 7, 3e-11, np.array([0.0, 5.0])
    left, one = np.arange(n - 1), np.ones(1)
    K = np.full((n - 1, 1, 1), eps)
    contacts = tuple(
        PortContact(p, 0, np.array([i]), one[:, None], strong, True, 0 * one, 2 * eps * one, 0 * one, None)
        for p, i in enumerate((0, n - 1))
    )
    zero = np.zeros((n, 1, 1))
    blocks = Blocks(left, left + 1, K, K, zero, zero, np.ones((n, 1), dtype=bool), 2, contacts, has_phi=True)
    Y, _ = admittance(blocks, omega)
    length = n - 1 if strong else n
    assert np.all(Y[0] == 0.0)
    assert relative(Y[1], 5j * eps / length * np.array([[1, -1], [-1, 1]])) < 1e-14


# ---------------------------------------------------------------- the interface


def test_some_ports_one_pattern_and_progress():
    blocks, omega, told = rails(uniform(5, 0.3, 0.02), 1e6, IE), np.array([1.0, 1e5]), []
    pattern = sparse.SparsePattern.from_blocks(blocks)
    every, _ = sparse.solve(blocks, omega, pattern=pattern, progress=lambda *p: told.append(p))
    second, error = sparse.solve(blocks, omega, [1])
    assert told == [(1, 2), (2, 2)]
    assert every.shape == (2, 35, 2, 2) and second.shape == (2, 35, 2, 1) and error.shape == (2,)
    assert np.max(np.abs(every[..., 1:] - second)) < 1e-14
    Y, column = sparse.port_currents(blocks, omega, every), sparse.port_currents(blocks, omega, second, [1])
    assert relative(column, Y[:, :, 1:]) < 1e-12


@pytest.mark.parametrize("omega", [[-1.0], [np.nan], [], [[1.0]]])
def test_wrong_frequencies(omega):
    with pytest.raises(InputError, match="omega"):
        sparse.solve(rails(uniform(3, 1.0, 1.0), 1.0, IE), np.array(omega))


def test_two_voltages_on_one_field():
    blocks = rails(uniform(3, 1.0, 1.0), 1.0, II)
    first, second = blocks.contacts
    twice = dataclasses.replace(blocks, contacts=(first, dataclasses.replace(second, nodes=first.nodes)))
    with pytest.raises(InputError, match="two strong contacts"):
        sparse.solve(twice, np.array([1.0]))
