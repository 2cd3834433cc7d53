"""Sparse spectra against SciPy's default direct solver on the same matrices: time per frequency, in one run.

`spsolve` gets what is assembled from the blocks by adding up, entries that are zero left out, in the order of the cells.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
from test_sparse import nernst_planck_poisson

from miecsim.blocks import Blocks
from miecsim.solvers import sparse

OMEGA = 2 * np.pi * np.array([1e-2, 1e2, 1e5])


def assembled(blocks: Blocks, omega: float) -> tuple[sp.csc_array, np.ndarray]:
    """A(w) and b for 1 V on port 0, of blocks without strong contacts and laws."""
    n, m = blocks.n_nodes, blocks.n_fields
    rows, columns, values = [], [], []

    def add(at, of, block):
        rows.append(np.repeat(at[:, None] * m + np.arange(m), m, axis=1).ravel())
        columns.append(np.tile(of[:, None] * m + np.arange(m), (1, m)).ravel())
        values.append(np.asarray(block, dtype=complex).ravel())

    for at, sign in ((blocks.left, 1.0), (blocks.right, -1.0)):
        add(at, blocks.left, sign * blocks.K_left)
        add(at, blocks.right, -sign * blocks.K_right)
    add(np.arange(n), np.arange(n), blocks.S_g + 1j * omega * blocks.S_c)
    b = np.zeros((n, m), dtype=complex)
    for c in blocks.contacts:
        y = c.admittance(np.array([omega]))[0]
        block = np.zeros((len(c.nodes), m, m), dtype=complex)
        block[:, c.row] = y[:, None] * c.t
        add(c.nodes, c.nodes, block)
        b[c.nodes, c.row] += y * (c.port == 0)
    triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    A = sp.csc_array(sp.coo_array(triplets, shape=(n * m, n * m)))
    A.eliminate_zeros()
    return A, b.ravel()


def seconds(task) -> tuple[float, object]:
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


@pytest.mark.parametrize("reversible", [(), ((1, 0),)], ids=["blocking", "half-blocking"])
def test_a_spectrum_in_two_dimensions(reversible, record_property):
    """100 x 100 cells x (c1, c2, phi): at least four times faster per frequency, and the same answer."""
    blocks = nernst_planck_poisson(100, 100, 1e-8, reversible=reversible)
    prepared, pattern = seconds(lambda: sparse.SparsePattern.from_blocks(blocks))
    ours, theirs = [], []
    for omega in OMEGA:
        A, b = assembled(blocks, omega)
        t, found = seconds(lambda w=omega: next(sparse.responses(blocks, np.array([w]), [0], pattern=pattern)))
        ours.append(t)
        t, x = seconds(lambda A=A, b=b: spsolve(A, b))
        theirs.append(t)
        phi = found.x[:, 2, 0]
        # the comparison loses what its diagonal has lost: 1e-4 at the lowest frequency
        assert np.max(np.abs(x.reshape(-1, 3)[:, 2] - phi)) < 1e-3 * np.max(np.abs(phi))
    ratio = np.sum(theirs) / np.sum(ours)
    told = (
        f"preparing {prepared:.2f} s; per frequency {np.mean(ours):.3f} s against {np.mean(theirs):.3f} s "
        f"of spsolve: {ratio:.1f} times ({', '.join(f'{a / b:.1f}' for a, b in zip(theirs, ours, strict=True))})"
    )
    record_property("speed", told)
    print(told)
    assert ratio >= 4.0, told
