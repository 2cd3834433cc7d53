"""The backward error of `miecsim.solvers.chain` for a few frequencies, compiled with Numba.

Solves for the profile by an elimination of its own, one frequency after the other, and puts it into the equations face
by face. For chains without ends or junctions: all sources stand in `chain.b`.
"""

from __future__ import annotations

import numpy as np

from miecsim.solvers.chain import Chain
from miecsim.solvers.chain_compiled import compiled
from miecsim.typing import Array, Complex, Ints


def backward_error(chain: Chain, omega: Array, values: Complex) -> Array:
    """max_i |r| / max_i (|A||x| + |b|) of one excitation, the worst over equations, per frequency (n_f,)."""
    n, m, _ = chain.S_g.shape
    assert chain.b is not None
    index = np.array(chain.extra_index, dtype=np.int64).reshape(n, -1)
    matrix = np.ascontiguousarray(chain.extra_matrix).reshape(*index.shape, m, m)
    b = np.ascontiguousarray(chain.b[:, :, 0])
    return np.asarray(
        _errors(
            chain.K_left, chain.K_right, chain.S_g, chain.S_c, index, matrix, b, omega, np.ascontiguousarray(values)
        )
    )


@compiled
def _size(z: complex) -> float:
    """|Re z| + |Im z|: within a factor of 1.5 of |z|, at a fraction of its cost."""
    return abs(z.real) + abs(z.imag)


@compiled
def _node(
    S: Complex, i: int, Sg: Array, Sc: Array, index: Ints, matrix: Array, w: float, values: Complex, f: int
) -> None:
    """S of node i at one frequency."""
    m = len(S)
    for r in range(m):
        for c in range(m):
            S[r, c] = Sg[i, r, c] + 1j * w * Sc[i, r, c]
            for e in range(index.shape[1]):
                if index[i, e] >= 0:
                    S[r, c] += values[index[i, e], f] * matrix[i, e, r, c]


@compiled
def _solve(D: Complex) -> None:
    """D (m, m + k) -> the solution in its last k columns, row k owning unknown k."""
    m, columns = D.shape
    for k in range(m):
        pivot = 1.0 / D[k, k]
        for c in range(k, columns):
            D[k, c] *= pivot
        for r in range(m):
            if r != k:
                factor = D[r, k]
                for c in range(k, columns):
                    D[r, c] -= factor * D[k, c]


@compiled
def _carry(s: Complex, Ka: Array, P: Complex, z: Complex) -> None:
    """s becomes K z or s - P z, whichever loses less: see `carry` in `miecsim.solvers.chain`."""
    m = len(s)
    for r in range(m):
        face, node, lost_at_face, lost_at_node = 0j, s[r], 0.0, _size(s[r])
        for c in range(m):
            face += Ka[r, c] * z[c]
            node -= P[r, c] * z[c]
            lost_at_face += _size(Ka[r, c]) * _size(z[c])
            lost_at_node += _size(P[r, c]) * _size(z[c])
        s[r] = face if lost_at_face < lost_at_node else node


@compiled
def _profile(
    u: Complex,
    Ka: Array,
    Kb: Array,
    Sg: Array,
    Sc: Array,
    index: Ints,
    matrix: Array,
    b: Array,
    w: float,
    values: Complex,
    f: int,
) -> None:
    """Unknowns u (n, m), by elimination in flux form."""
    n, m = u.shape
    X, S = np.zeros((n, m, m), dtype=np.complex128), np.zeros((m, m), dtype=np.complex128)
    P, s, D = np.zeros_like(S), np.zeros(m, dtype=np.complex128), np.zeros((m, 2 * m + 1), dtype=np.complex128)
    for i in range(n):
        _node(S, i, Sg, Sc, index, matrix, w, values, f)
        for r in range(m):
            for c in range(m):
                for k in range(m):
                    S[r, c] += P[r, k] * X[i - 1, k, c] if i > 0 else 0.0
        P[:] = S
        for r in range(m):
            s[r] += b[i, r]
            D[r, 2 * m] = s[r]
            for c in range(m):
                D[r, c] = P[r, c] + (Ka[i, r, c] if i < n - 1 else 0.0)
                D[r, m + c] = Kb[i, r, c] if i < n - 1 else 0.0
        _solve(D)
        for r in range(m):
            u[i, r] = D[r, 2 * m]
            for c in range(m):
                X[i, r, c] = D[r, m + c]
        if i == n - 1:
            break
        _carry(s, Ka[i], P, u[i])
    for i in range(n - 2, -1, -1):
        for r in range(m):
            for c in range(m):
                u[i, r] += X[i, r, c] * u[i + 1, c]


@compiled
def _errors(
    Ka: Array, Kb: Array, Sg: Array, Sc: Array, index: Ints, matrix: Array, b: Array, omega: Array, values: Complex
) -> Array:
    """Backward error at every frequency."""
    n, m, _ = Sg.shape
    out, S = np.zeros(len(omega)), np.zeros((m, m), dtype=np.complex128)
    for f in range(len(omega)):
        u = np.zeros((n, m), dtype=np.complex128)
        _profile(u, Ka, Kb, Sg, Sc, index, matrix, b, omega[f], values, f)
        flux, size, worst, largest = np.zeros(m, dtype=np.complex128), np.zeros(m), np.zeros(m), np.zeros(m)
        for i in range(n):
            _node(S, i, Sg, Sc, index, matrix, omega[f], values, f)
            for r in range(m):
                left_over, whole = b[i, r] + flux[r], _size(b[i, r]) + size[r]
                for c in range(m):
                    left_over -= S[r, c] * u[i, c]
                    whole += _size(S[r, c]) * _size(u[i, c])
                flux[r], size[r] = 0j, 0.0
                for c in range(m if i < n - 1 else 0):
                    here, there = u[i, c], u[i + 1, c]
                    flux[r] += Ka[i, r, c] * (here - there) + (Ka[i, r, c] - Kb[i, r, c]) * there
                    size[r] += _size(Ka[i, r, c]) * _size(here) + _size(Kb[i, r, c]) * _size(there)
                left_over -= flux[r]
                worst[r] = max(worst[r], _size(left_over)) if left_over == left_over else np.nan
                largest[r] = max(largest[r], whole + size[r])
        for r in range(m):
            error = worst[r] / largest[r] if largest[r] > 0.0 else 0.0
            if not error <= out[f]:
                out[f] = error
    return out
