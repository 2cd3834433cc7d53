"""Sparse direct solves: scaling, ordering, and small-signal systems against closed ladders and multiprecision."""

from __future__ import annotations

import dataclasses

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from miecsim.blocks import Blocks, JunctionBlocks, NodeExtra, PortContact
from miecsim.constants import FARADAY, VACUUM_PERMITTIVITY, thermal_voltage
from miecsim.errors import InputError, SolveError
from miecsim.solvers import linear, sparse
from miecsim.solvers.linear import equilibrate, factorise, nested_dissection

H = 1e-6  # cell size of the two-rail grids [m]
JOINED = np.array([[1.0, -1.0], [-1.0, 1.0]])
IE, II, EE = (("left", 0, 0), ("right", 1, 1)), (("left", 0, 0), ("right", 0, 1)), (("left", 1, 0), ("right", 1, 1))
WIDE = 2 * np.pi * np.logspace(-9, 9, 7)


# ---------------------------------------------------------------- problems


def rails(sigma, C, contacts, strong=True, g=0.0, extra=None):
    """Two rails on a grid, sigma (2, ny, nx) [S/m], joined in each cell by g + i w C [S/m3]; unit depth.

    contacts: (side, rail, port), over half a cell: a strong contact on a node of zero volume, or its conductance.
    """
    _, ny, nx = sigma.shape
    cell, m = np.arange(ny * nx).reshape(ny, nx), 2
    left, right, K = [], [], []

    def join(a, b, conductance):
        left.append(a.ravel())
        right.append(b.ravel())
        K.append(np.einsum("rf,rs->frs", conductance.reshape(m, -1), np.eye(m)))

    def series(a, b):
        return 2 * a * b / (a + b)

    join(cell[:, :-1], cell[:, 1:], series(sigma[:, :, :-1], sigma[:, :, 1:]))
    join(cell[:-1], cell[1:], series(sigma[:, :-1], sigma[:, 1:]))
    n, used, active = ny * nx, [], [np.ones((ny * nx, m), dtype=bool)]
    for side, rail, port in contacts:
        column = 0 if side == "left" else nx - 1
        half, t, none = 2 * sigma[rail, :, column], np.zeros((ny, m)), np.zeros(ny)
        t[:, rail] = 1.0
        if strong:
            wall, n = np.arange(n, n + ny), n + ny
            join(cell[:, column], wall, np.where(np.arange(m)[:, None] == rail, half, 0.0))
            active.append(t > 0)
            used.append(PortContact(port, rail, wall, t, True, False, none, none, none, None))
        else:
            used.append(PortContact(port, rail, cell[:, column], t, False, False, half, none, none, None))
    storage = np.zeros((n, m, m))
    storage[: ny * nx] = H * H * JOINED
    extras = () if extra is None else (NodeExtra(extra, np.arange(ny * nx), storage[: ny * nx]),)
    K = np.concatenate(K)
    return Blocks(
        *(np.concatenate(ends) for ends in (left, right)),
        *(K, K.copy(), g * storage, C * storage, np.concatenate(active), 2, tuple(used), extras),
    )


def uniform(n, sigma_1, sigma_2):
    return np.stack([np.full((n, n), sigma_1), np.full((n, n), sigma_2)])


def nernst_planck_poisson(nx, ny, h, c=1000.0, D=(1e-12, 1e-14), eps_r=10.0, reversible=(), reaction=0.0, bias=0.0):
    """Two carriers (+1, -1) and phi in (c1, c2, phi), Scharfetter-Gummel about uniform c; unit depth, SI units.

    Both ends have metal plates behind half a cell of dielectric; `reversible` lists the (port, carrier) that pass too.
    `reaction` [mol/m3/s] recombines the carriers; bias [thermal voltages] is the step of phi from cell to cell.
    """
    V_T, z = thermal_voltage(298.15), (1.0, -1.0)
    cell = np.arange(nx * ny).reshape(ny, nx)
    left = np.concatenate([cell[:, :-1].ravel(), cell[:-1].ravel()])
    right = np.concatenate([cell[:, 1:].ravel(), cell[1:].ravel()])
    along = np.arange(len(left)) < ny * (nx - 1)
    K_left, K_right = np.zeros((2, len(left), 3, 3))
    S_g, S_c = np.zeros((2, nx * ny, 3, 3))
    for k in range(2):
        step = np.where(along, z[k] * bias, 0.0)
        forward, back = (np.where(s == 0, 1.0, s / np.expm1(np.where(s == 0, 1.0, s))) for s in (step, -step))
        K_left[:, k, k], K_right[:, k, k] = z[k] * FARADAY * D[k] * forward, z[k] * FARADAY * D[k] * back
        K_left[:, k, 2] = K_right[:, k, 2] = FARADAY * D[k] * c / V_T
        S_c[:, k, k], S_g[:, 2, k] = z[k] * FARADAY * h * h, -z[k] * FARADAY * h * h
        S_g[:, 0, k], S_g[:, 1, k] = FARADAY * h * h * reaction / c * np.array([1.0, -1.0])
    K_left[:, 2, 2] = K_right[:, 2, 2] = eps_r * VACUUM_PERMITTIVITY
    contacts, none = [], np.zeros(ny)
    for port, at in enumerate((cell[:, 0], cell[:, -1])):
        t = np.tile([0.0, 0.0, 1.0], (ny, 1))
        plate = np.full(ny, 2 * eps_r * VACUUM_PERMITTIVITY)
        contacts.append(PortContact(port, 2, at, t, False, True, none, plate, none, None))
        for k in (k for p, k in reversible if p == port):
            t = np.tile([0.0, 0.0, 1.0], (ny, 1))
            t[:, k] = V_T / (z[k] * c)
            half = np.full(ny, 2 * FARADAY * D[k] * c / V_T)
            contacts.append(PortContact(port, k, at, t, False, False, half, none, none, None))
    active = np.ones((nx * ny, 3), dtype=bool)
    return Blocks(left, right, K_left, K_right, S_g, S_c, active, 2, tuple(contacts), has_phi=True)


# ---------------------------------------------------------------- references


def ladder(sigma_1, sigma_2, C, n, omega, contacts, g=0.0):
    """Z of n cells with half resistances at both ends: the continuum formulas with Z_c -> Z_T, x -> n theta."""
    mp.mp.dps = 60
    z_1, z_2, h = 1 / mp.mpf(sigma_1), 1 / mp.mpf(sigma_2), mp.mpf(H)
    z_s, z_f = z_1 + z_2, 1 / (mp.mpf(g) + mp.mpc(0, float(omega)) * mp.mpf(C))
    x = 2 * n * mp.asinh(mp.sqrt(z_s * h * h / z_f) / 2)
    scale, parallel = mp.sqrt(z_f / z_s) * mp.sqrt(1 + z_s * h * h / (4 * z_f)), z_1 * z_2 / z_s
    if contacts == IE:
        Z = parallel * (n * h + 2 * scale / mp.sinh(x)) + scale * (z_1**2 + z_2**2) / z_s * mp.coth(x)
    else:
        own = z_1 if contacts == II else z_2
        Z = parallel * n * h + 2 * scale * own**2 / z_s * mp.tanh(x / 2)
    return complex(Z)


def exact(blocks, omega, digits=70):
    """Y (P, P) and x (N m, P) by a dense solve in multiprecision; the sums over faces lose nothing there."""
    mp.mp.dps = digits
    n, m, jw = blocks.n_nodes * blocks.n_fields, blocks.n_fields, mp.mpc(0, float(omega))
    A, ports = {}, range(blocks.n_ports)

    def add(row, column, values, factor=1):
        for i in range(m):
            for j in range(m):
                if values[i, j] != 0.0:
                    key = (int(row) * m + i, int(column) * m + j)
                    A[key] = A.get(key, 0) + factor * mp.mpf(float(values[i, j]))

    def law(element):
        return mp.mpc(complex(element.law(np.array([omega]))[0]))

    def face(f, K_left, K_right, factor=1):
        for node, sign in ((blocks.left[f], 1), (blocks.right[f], -1)):
            add(node, blocks.left[f], K_left, sign * factor)
            add(node, blocks.right[f], K_right, -sign * factor)

    for f in range(len(blocks.left)):
        face(f, blocks.K_left[f], blocks.K_right[f])
    for j in blocks.junctions:
        for k, f in enumerate(j.faces):
            face(f, j.left_c[k], j.right_c[k], jw)
            if j.law is not None:
                face(f, j.left_e[k], j.right_e[k], law(j))
    for node in range(blocks.n_nodes):
        add(node, node, blocks.S_g[node])
        add(node, node, blocks.S_c[node], jw)
    for extra in blocks.extras:
        for node, values in zip(extra.nodes, extra.matrix, strict=True):
            add(node, node, values, law(extra))
    balance, b, held, contacts = dict(A), mp.zeros(n, len(ports)), {}, []
    for c in blocks.contacts:
        for e, node in enumerate(c.nodes):
            row, y = int(node) * m + c.row, None
            t = [(int(node) * m + j, mp.mpf(float(c.t[e, j]))) for j in range(m)]
            if c.strong:
                held[row] = t
                b[row, c.port] = 1
            else:
                y = mp.mpf(float(c.conductance[e])) + (1 if c.charge_row else jw) * mp.mpf(float(c.capacitance[e]))
                y += law(c) * mp.mpf(float(c.weight[e])) if c.law is not None else 0
                for column, value in t:
                    A[row, column] = A.get((row, column), 0) + y * value
                b[row, c.port] += y
            contacts.append((c, row, t, y))
    held |= {int(row): [(int(row), mp.mpf(1))] for row in np.flatnonzero(~blocks.active.ravel())}
    M = mp.zeros(n, n)
    for (row, column), value in A.items():
        M[row, column] = value if row not in held else 0
    for row, t in held.items():
        for column, value in t:
            M[row, column] = value
    lu, swaps = mp.mp.LU_decomp(M)
    x = [mp.mp.U_solve(lu, mp.mp.L_solve(lu, b[:, p], swaps)) for p in ports]
    Y = np.zeros((len(ports), len(ports)), dtype=complex)
    for p in ports:
        total = [mp.mpf(0) for _ in ports]
        for c, row, t, y in contacts:
            if c.strong:
                current = mp.fsum(v * x[p][j] for (i, j), v in balance.items() if i == row)
            else:
                current = y * ((p == c.port) - mp.fsum(v * x[p][j] for j, v in t))
            total[c.port] += current * (jw if c.charge_row else 1)
        Y[:, p] = [complex(v) for v in total]
    return Y, np.array([[complex(v) for v in column] for column in x]).T


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
