"""The chain kernels beside a loop of sparse LU over the same matrices: 60 frequencies, 200 nodes, three unknowns.

The loop is spsolve(G + 1j w C, b) with G and C assembled beforehand, free of charge. Only ratios of times taken in one
run are asserted, each the best of several, the contenders taking turns; a busy machine gets a few more attempts.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve
from stopwatch import shortest

from miecsim.solvers import chain as plain
from miecsim.solvers.chain import Chain, Ends

ATTEMPTS = 8


def problem(n, m=3, n_f=60):
    """Carriers that conduct and share storage, a contact at each end; m unknowns, every block full."""
    rng = np.random.default_rng(1)
    one = np.eye(m)
    K = n * (one * np.exp(rng.normal(size=(n - 1, m, 1))) + 0.1 * rng.uniform(size=(n - 1, m, m)))
    S_c = (one + 0.1 * rng.uniform(size=(n, m, m))) / n
    none = np.zeros((n, m, m))
    chain = Chain(K, K, none, S_c, np.full(n, -1), none)
    S, first = np.zeros((n_f, m, m), dtype=complex), np.zeros((n_f, m, 1), dtype=complex)
    S[:] = one
    first[:, 0] = 1.0
    ends = Ends(S, S, first, 0 * first, 0 * first.transpose(0, 2, 1), first.transpose(0, 2, 1).copy())
    return chain, ends, np.logspace(-2, 4, n_f), np.empty((0, n_f), dtype=complex)


def matrices(chain, ends):
    """G and C of the assembled system, compressed by columns as SuperLU wants them, and the right-hand side."""
    n, m, _ = chain.S_g.shape
    diagonal = chain.S_g.copy()
    diagonal[0] += ends.S_first[0].real
    diagonal[-1] += ends.S_last[0].real
    diagonal[:-1] += chain.K_left
    diagonal[1:] += chain.K_right
    at = np.arange(n)
    row, column = np.concatenate([at, at[:-1], at[1:]]), np.concatenate([at, at[1:], at[:-1]])
    G = blocks(row, column, np.concatenate([diagonal, -chain.K_right, -chain.K_left]), n)
    rhs = np.zeros(n * m, dtype=complex)
    rhs[:m] = ends.b_first[0, :, 0]
    return G, blocks(at, at, chain.S_c, n), rhs


def blocks(row, column, values, n):
    m = values.shape[1]
    i, j = np.meshgrid(np.arange(m), np.arange(m), indexing="ij")
    place = ((m * k[:, None, None] + inner).ravel() for k, inner in ((row, i), (column, j)))
    return coo_array((values.ravel(), tuple(place)), shape=(n * m, n * m)).tocsc()


def test_beside_sparse_lu(record_property):
    compiled = pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError)
    case = problem(200)
    chain, ends, omega, _ = case
    G, C, rhs = matrices(chain, ends)

    def sparse():
        return np.array([spsolve(G + 1j * w * C, rhs)[-3:] @ ends.c_last[0, 0] for w in omega])

    reference = sparse()
    for z in (compiled.response(*case), plain.response(*case)):
        np.testing.assert_allclose(z[:, 0, 0], reference, rtol=1e-9)
    for _ in range(ATTEMPTS):
        lu, numpy, numba = shortest([sparse, lambda: plain.response(*case), lambda: compiled.response(*case)], 5, 0.02)
        told = f"LU {lu * 1e3:.0f} ms, NumPy {lu / numpy:.1f} times, compiled {lu / numba:.0f} times as fast"
        if lu / numba >= 50 and lu / numpy >= 2:
            break
    print(told)
    record_property("chain", told)
    assert lu / numba >= 50, told
    assert lu / numpy >= 2, told


@pytest.mark.parametrize("kernel", ["plain", "compiled"])
def test_cost_is_linear_in_nodes(kernel, record_property):
    """Exponent of time against nodes, 100 to 10,000, least squares."""
    if kernel == "compiled":
        response = pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError).response
    else:
        response = plain.response
    nodes = np.array([100, 300, 1000, 3000, 10000])
    n_f = 60 if kernel == "compiled" else 8
    cases = [problem(n, n_f=n_f) for n in nodes]
    response(*cases[0])
    for _ in range(ATTEMPTS):
        times = shortest([lambda case=case: response(*case) for case in cases], 3, 0.02)
        exponent = np.polyfit(np.log(nodes), np.log(times), 1)[0]
        if exponent <= 1.1:
            break
    told = f"{kernel}: time ~ nodes^{exponent:.2f}, {times[-1] * 1e3:.0f} ms at {nodes[-1]}"
    print(told)
    record_property("chain_scaling", told)
    assert exponent <= 1.1, told
