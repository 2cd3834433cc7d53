"""The chain of `miecsim.solvers.adjoint`, solved forward and transposed, compiled: same arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from miecsim.solvers.chain_compiled import compiled
from miecsim.typing import Array, Complex, Ints

Solved = tuple[Complex, Complex, Complex]


def solve(faces: tuple[Array, Array], junction: Ints, joints: tuple[Complex, Complex], cells: Any, ends: Any) -> Solved:
    """See `miecsim.solvers.adjoint.solve_chain`."""
    m = faces[0].shape[-1]
    S_g, S_c, omega, index, matrix, values = cells
    real = (np.require(a, float, "C") for a in (*faces, S_g, S_c, omega))
    extra = np.require(index, np.int64, "C"), np.require(matrix, float, "C"), np.require(values, complex, "C")
    at_ends = (np.require(a, complex, "C") for a in (*joints, *ends))
    found: Solved = _kernel(m)(*real, *extra, np.require(junction, np.int64, "C"), *at_ends)
    return found


@cache
def _kernel(m: int) -> Callable[..., Any]:
    """Compiled for m unknowns a node."""

    def adjoint(Ka, Kb, Sg, Sc, omega, index, matrix, values, junction, Ja, Jb, S0, S1, b0, b1, c):  # type: ignore[no-untyped-def]
        n, n_f, p, q = len(Sg), len(omega), b0.shape[2], c.shape[2]
        x = np.zeros((n_f, n, m, p), dtype=np.complex128)
        weights = np.zeros((n_f, n, m, q), dtype=np.complex128)
        total = np.zeros((n_f, q, p), dtype=np.complex128)
        inverse = np.empty((n, m, m), dtype=np.complex128)
        X = np.empty((n, m, m), dtype=np.complex128)
        t = np.zeros((n, q, m), dtype=np.complex128)
        P, D = np.zeros((m, m), dtype=np.complex128), np.zeros((m, m), dtype=np.complex128)
        s = np.zeros((m, p), dtype=np.complex128)
        A, B = np.zeros((m, m), dtype=np.complex128), np.zeros((m, m), dtype=np.complex128)
        old, column = np.zeros((m, m), dtype=np.complex128), np.zeros(m, dtype=np.complex128)
        for f in range(n_f):
            s[:] = 0.0
            for i in range(n):
                # the cell, and the two matrices of the face on its right
                for r in range(m):
                    for k in range(m):
                        old[r, k] = P[r, k]
                for r in range(m):
                    for k in range(m):
                        value = Sg[i, r, k] + 1j * omega[f] * Sc[i, r, k]
                        if i == 0:
                            value += S0[f, r, k]
                        else:
                            for j in range(m):
                                value += old[r, j] * X[i - 1, j, k]
                        if i == n - 1:
                            value += S1[f, r, k]
                        P[r, k] = value
                for e in range(index.shape[1]):
                    if index[i, e] >= 0:
                        y = values[index[i, e], f]
                        for r in range(m):
                            for k in range(m):
                                P[r, k] += y * matrix[i, e, r, k]
                for r in range(m):
                    for k in range(m):
                        if i == n - 1:
                            A[r, k] = B[r, k] = 0.0
                        elif junction[i] >= 0:
                            A[r, k], B[r, k] = Ja[f, junction[i], r, k], Jb[f, junction[i], r, k]
                        else:
                            A[r, k], B[r, k] = Ka[i, r, k], Kb[i, r, k]
                        D[r, k] = P[r, k] + A[r, k]
                # inverse of D, no exchange of rows
                for r in range(m):
                    for k in range(m):
                        inverse[i, r, k] = 1.0 if r == k else 0.0
                for k in range(m):
                    pivot = 1.0 / D[k, k]
                    for j in range(m):
                        D[k, j] *= pivot
                        inverse[i, k, j] *= pivot
                    for r in range(m):
                        if r != k:
                            factor = D[r, k]
                            for j in range(m):
                                D[r, j] -= factor * D[k, j]
                                inverse[i, r, j] -= factor * inverse[i, k, j]
                for r in range(m):
                    for k in range(m):
                        value = 0j
                        for j in range(m):
                            value += inverse[i, r, j] * B[j, k]
                        X[i, r, k] = value
                # sources and measurements
                for d in range(p):
                    for r in range(m):
                        column[r] = s[r, d]
                        if i == 0:
                            column[r] += b0[f, r, d]
                        if i == n - 1:
                            column[r] += b1[f, r, d]
                    for r in range(m):
                        value = 0j
                        for j in range(m):
                            value += inverse[i, r, j] * column[j]
                        x[f, i, r, d] = value
                    # what goes on to the next node: K z, or s - P z, whichever loses less
                    for r in range(m):
                        face, cell = 0j, column[r]
                        at_face, at_cell = 0.0, abs(column[r])
                        for j in range(m):
                            size = abs(x[f, i, j, d])
                            face += A[r, j] * x[f, i, j, d]
                            cell -= P[r, j] * x[f, i, j, d]
                            at_face += abs(A[r, j]) * size
                            at_cell += abs(P[r, j]) * size
                        s[r, d] = face if at_face < at_cell else cell
                for k in range(q):
                    for r in range(m):
                        value = c[f, i, k, r]
                        if i > 0:
                            for j in range(m):
                                value += X[i - 1, j, r] * t[i - 1, k, j]
                        t[i, k, r] = value
                    for d in range(p):
                        for r in range(m):
                            total[f, k, d] += t[i, k, r] * x[f, i, r, d]
            for back in range(n):
                i = n - 1 - back
                for d in range(p):
                    if back > 0:
                        for r in range(m):
                            value = x[f, i, r, d]
                            for j in range(m):
                                value += X[i, r, j] * x[f, i + 1, j, d]
                            x[f, i, r, d] = value
                for k in range(q):
                    for r in range(m):
                        column[r] = t[i, k, r]
                        if back > 0:
                            if junction[i] >= 0:
                                for j in range(m):
                                    column[r] += Ja[f, junction[i], j, r] * weights[f, i + 1, j, k]
                            else:
                                for j in range(m):
                                    column[r] += Ka[i, j, r] * weights[f, i + 1, j, k]
                    for r in range(m):
                        value = 0j
                        for j in range(m):
                            value += inverse[i, j, r] * column[j]
                        weights[f, i, r, k] = value
        return x, weights, total

    adjoint.__qualname__ = adjoint.__name__ = f"adjoint_{m}"
    return compiled(adjoint)
