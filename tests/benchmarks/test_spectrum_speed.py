"""A Nernst-Planck-Poisson line of 200 cells, three unknowns, 60 frequencies: our elimination beside a loop of spsolve.

Both start from the same G and C: the loop adds G + i w C and solves, the kernels do the same node by node. The time of
the solves alone is told beside it. Shortest of several turns each, in one run.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import spsolve
from stopwatch import shortest

import miecsim as mx
from miecsim.linearise import linearise
from miecsim.solvers import chain, chain_compiled, line
from miecsim.solvers.bordered import assemble, block_diagonal

ATTEMPTS = 8


def _problem() -> tuple[line.Line, Callable[[float], object], np.ndarray]:
    carriers = (mx.CarrierIn("cation", 1, 7.4, 3.1e-11), mx.CarrierIn("anion", -2, 3.7, 9.5e-11))
    layer = mx.ChargedLayer("electrolyte", 3e-7, carriers, permittivity=1.17e-10)
    mesh = mx.Mesh(cells=200, grading=30.0)
    point = mx.solve_steady(mx.build_system(mx.nernst_planck_poisson([layer]), mx.metal_plates(), mesh=mesh))
    omega = 2 * np.pi * np.logspace(0, 7, 60)
    blocks = linearise(point.system, point.u, point.voltages)
    G, C = assemble(blocks), block_diagonal(blocks.S_c)
    rhs = np.zeros(G.shape[0], dtype=complex)
    for contact in blocks.contacts:
        if contact.port == 0:
            rhs[contact.nodes * blocks.n_fields + contact.row] = 1.0
    return line.prepare(blocks, omega, [0]), lambda w: (G + 1j * w * C).tocsc(), rhs


def test_spectrum_beside_a_loop_of_spsolve(record_property) -> None:
    ready, matrix_at, rhs = _problem()
    matrices = [matrix_at(w) for w in ready.omega]
    arguments = (ready.chain, ready.ends, ready.omega, ready.extra_values, ready.junctions)
    contenders = [
        lambda: [spsolve(matrix_at(w), rhs) for w in ready.omega],
        lambda: chain.response(*arguments),
        lambda: chain_compiled.response(*arguments),
        lambda: [spsolve(matrix, rhs) for matrix in matrices],
    ]
    np.testing.assert_allclose(contenders[2](), contenders[1](), rtol=1e-10)
    for _ in range(ATTEMPTS):
        lu, plain, compiled, solves = shortest(contenders, least=0.1)
        if lu / compiled >= 50 and lu / plain >= 2:
            break
    told = f"spsolve {lu * 1e3:.0f} ms; NumPy {lu / plain:.1f} times, compiled {lu / compiled:.0f} times as fast"
    told += f" (against the solves alone {solves / plain:.1f} and {solves / compiled:.0f} times)"
    record_property("spectrum", told)
    print(told)
    assert lu / compiled >= 50, told
    assert lu / plain >= 2, told
