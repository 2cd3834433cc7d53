"""The elimination of `miecsim.solvers.chain` for one or two unknowns a node, compiled, with its own backward error.

For chains without ends or junctions and with one excitation: all sources and measurements stand in `chain.b` and
`chain.c`. Written out for two unknowns, one node of one frequency lives in the registers of the processor; eight
frequencies, spread over all, keep their factors, and the profile that these give is put into the equations face by
face. A chain of one unknown has an idle second one.

Frequencies run innermost, `W` lanes at a time; row k of an array of lanes starts at k W, real part before imaginary.
Pivots must lie between 1e-150 and 1e150 in size. Nothing fails on a number that is not finite: the results show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.solvers.chain import Chain
from miecsim.solvers.chain_compiled import NEGLIGIBLE, _inline, compiled
from miecsim.typing import Array, Complex, Ints

W = 64
PROBES = 8  # frequencies whose backward error is found: one vector


@dataclass(frozen=True)
class Prepared:
    """The arrays of a chain of n nodes as the kernel reads them, K with a face of zeros after the last node: blocks
    (n, 4 x 4) of K_left, K_right, S_g and S_c; index (n, E); matrix (n, E, 4); b (n, 2); c (q, n, 2)."""

    blocks: Array
    index: Ints
    matrix: Array
    b: Array
    c: Array


def prepare(chain: Chain) -> Prepared:
    """What depends on no frequency."""
    n, m, _ = chain.S_g.shape
    assert m <= 2 and chain.b is not None and chain.b.shape[2] == 1 and chain.c is not None
    blocks = np.zeros((n, 4, 2, 2))
    blocks[:, 2] = np.eye(2)  # of an idle unknown: S = 1, nothing else
    for k, part in enumerate((chain.K_left, chain.K_right, chain.S_g, chain.S_c)):
        blocks[: len(part), k, :m, :m] = part
    index = np.array(chain.extra_index, dtype=np.int64).reshape(n, -1)
    matrix, b, c = np.zeros((*index.shape, 2, 2)), np.zeros((n, 2)), np.zeros((chain.c.shape[1], n, 2))
    matrix[..., :m, :m] = chain.extra_matrix.reshape(*index.shape, m, m)
    b[:, :m], c[..., :m] = chain.b[:, :, 0], chain.c.swapaxes(0, 1)
    return Prepared(blocks.reshape(n, -1), index, matrix.reshape(*index.shape, 4), b, c)


def response(prepared: Prepared, omega: Array, values: Complex) -> tuple[Complex, float]:
    """Measurements per unit of the excitation, (n_f, q), and the largest backward error at eight frequencies.

    omega (n_f,) [rad/s]; values (n_extra, n_f) of the elements. The error is max_i |r| / max_i (|A||x| + |b|), the
    worst over equations, as of `miecsim.solvers.chain.backward_error`.
    """
    p, last = prepared, len(omega) - 1
    probes = np.arange(PROBES) * last // (PROBES - 1) if last >= PROBES else np.arange(last + 1)
    kept = np.zeros((len(p.blocks), 12 * PROBES))
    measured = _sweep(p.blocks, p.index, p.matrix, p.b, p.c, omega, values, probes, kept)
    errors = _errors(kept, p.blocks, p.index, p.matrix, p.b, omega, values, probes)
    return measured, float(errors.max())


# ---------------------------------------------------------------- one lane


@_inline
def _inverse(z: complex) -> complex:
    d = 1.0 / (z.real * z.real + z.imag * z.imag)
    return complex(z.real * d, -z.imag * d)


@_inline
def _size(z: complex) -> float:
    """|Re z| + |Im z|: within a factor of 1.5 of |z|, at a fraction of its cost."""
    return abs(z.real) + abs(z.imag)


@_inline
def _get(a: Array, k: int, w: int) -> complex:
    """Number k, of lane w."""
    return complex(a[2 * k * W + w], a[(2 * k + 1) * W + w])


@_inline
def _put(a: Array, k: int, w: int, z: complex) -> None:
    a[2 * k * W + w] = z.real
    a[(2 * k + 1) * W + w] = z.imag


@_inline
def _from(a: Array, k: int, j: int) -> complex:
    """Number k of probe j."""
    return complex(a[2 * k * PROBES + j], a[(2 * k + 1) * PROBES + j])


@_inline
def _to(a: Array, k: int, j: int, z: complex) -> None:
    a[2 * k * PROBES + j] = z.real
    a[(2 * k + 1) * PROBES + j] = z.imag


@_inline
def _carried(s: complex, k0: float, k1: float, p0: complex, p1: complex, z0: complex, z1: complex) -> complex:
    """K z or s - P z of one row, whichever loses less: see `carry` in `miecsim.solvers.chain`."""
    face, node = k0 * z0 + k1 * z1, s - p0 * z0 - p1 * z1
    size0, size1 = _size(z0), _size(z1)
    lost_at_face = abs(k0) * size0 + abs(k1) * size1
    lost_at_node = _size(s) + _size(p0) * size0 + _size(p1) * size1
    at_face = lost_at_face < lost_at_node
    return complex(face.real if at_face else node.real, face.imag if at_face else node.imag)


# ---------------------------------------------------------------- one node, all lanes


@_inline
def _add_element(P: Array, element: Array, M: Array, lanes: int) -> None:
    """P += y M; P stands row by row."""
    for w in range(lanes):
        y = _get(element, 0, w)
        _put(P, 0, w, _get(P, 0, w) + M[0] * y)
        _put(P, 1, w, _get(P, 1, w) + M[1] * y)
        _put(P, 2, w, _get(P, 2, w) + M[2] * y)
        _put(P, 3, w, _get(P, 3, w) + M[3] * y)


@_inline
def _node(P: Array, s: Array, x: Array, omega: Array, K: Array, b: Array, lanes: int) -> None:
    """From what the nodes before pass on, P (2, 2) and s (2,): [X | z] of this node into x, row by row, and what it
    passes on. K: its K_left, K_right, S_g and S_c."""
    for w in range(lanes):
        o = omega[w]
        p00, p01 = _get(P, 0, w) + complex(K[8], o * K[12]), _get(P, 1, w) + complex(K[9], o * K[13])
        p10, p11 = _get(P, 2, w) + complex(K[10], o * K[14]), _get(P, 3, w) + complex(K[11], o * K[15])
        s0, s1 = _get(s, 0, w) + b[0], _get(s, 1, w) + b[1]
        first = _inverse(p00 + K[0])
        above, below = (p01 + K[1]) * first, p10 + K[2]
        second = _inverse(p11 + K[3] - below * above)
        x00, x01, z0 = K[4] * first, K[5] * first, s0 * first
        x10, x11, z1 = (K[6] - below * x00) * second, (K[7] - below * x01) * second, (s1 - below * z0) * second
        x00, x01, z0 = x00 - above * x10, x01 - above * x11, z0 - above * z1
        _put(x, 0, w, x00)
        _put(x, 1, w, x01)
        _put(x, 2, w, z0)
        _put(x, 3, w, x10)
        _put(x, 4, w, x11)
        _put(x, 5, w, z1)
        _put(P, 0, w, p00 * x00 + p01 * x10)
        _put(P, 1, w, p00 * x01 + p01 * x11)
        _put(P, 2, w, p10 * x00 + p11 * x10)
        _put(P, 3, w, p10 * x01 + p11 * x11)
        _put(s, 0, w, _carried(s0, K[0], K[1], p00, p01, z0, z1))
        _put(s, 1, w, _carried(s1, K[2], K[3], p10, p11, z0, z1))


@_inline
def _measure(t: Array, x: Array, c: Array, lanes: int) -> None:
    """t (2,), then the sum of t z: the adjoint rows t = c + t X of the nodes before."""
    for w in range(lanes):
        t0, t1 = _get(t, 0, w) + c[0], _get(t, 1, w) + c[1]
        _put(t, 2, w, _get(t, 2, w) + t0 * _get(x, 2, w) + t1 * _get(x, 5, w))
        _put(t, 0, w, t0 * _get(x, 0, w) + t1 * _get(x, 3, w))
        _put(t, 1, w, t0 * _get(x, 1, w) + t1 * _get(x, 4, w))


@_inline
def _flush(a: Array, size: int) -> None:
    """What has died away is zero: numbers near 1e-308 would cost a hundred times the time."""
    for k in range(size):
        a[k] = 0.0 if abs(a[k]) < NEGLIGIBLE else a[k]


# ---------------------------------------------------------------- the profile of the probes


@_inline
def _profile(u: Array, x: Array, n: int, lanes: int) -> None:
    """u_i = z_i + X_i u_{i+1} from the last node; u (n, 2), x (n, 2, 3)."""
    for j in range(lanes):
        _to(u[n - 1], 0, j, _from(x[n - 1], 2, j))
        _to(u[n - 1], 1, j, _from(x[n - 1], 5, j))
    for i in range(n - 2, -1, -1):
        here, before, solved = u[i], u[i + 1], x[i]
        for j in range(lanes):
            u0, u1 = _from(before, 0, j), _from(before, 1, j)
            _to(here, 0, j, _from(solved, 2, j) + _from(solved, 0, j) * u0 + _from(solved, 1, j) * u1)
            _to(here, 1, j, _from(solved, 5, j) + _from(solved, 3, j) * u0 + _from(solved, 4, j) * u1)


@compiled
def _errors(
    x: Array, blocks: Array, index: Ints, matrix: Array, b: Array, omega: Array, values: Complex, probes: Ints
) -> Array:
    """Backward error at every probe: residuals face by face, each flux leaving one node as it enters the next."""
    n, lanes = len(blocks), len(probes)
    u = np.zeros((n, 4 * PROBES))
    _profile(u, x, n, lanes)
    worst, largest, lost = np.zeros(2 * PROBES), np.zeros(2 * PROBES), np.zeros(PROBES)
    flux, size, S = np.zeros(4 * PROBES), np.zeros(2 * PROBES), np.zeros(8 * PROBES)
    for i in range(n):
        K, here, there = blocks[i], u[i], u[min(i + 1, n - 1)]  # no flux leaves the last node: K = 0
        for k in range(4):
            for j in range(lanes):
                _to(S, k, j, complex(K[8 + k], omega[probes[j]] * K[12 + k]))
        for e in range(index.shape[1]):
            if index[i, e] >= 0:
                for j in range(lanes):
                    y = values[index[i, e], probes[j]]
                    for k in range(4):
                        _to(S, k, j, _from(S, k, j) + matrix[i, e, k] * y)
        for r in range(2):
            for j in range(lanes):
                h0, h1, t0, t1 = _from(here, 0, j), _from(here, 1, j), _from(there, 0, j), _from(there, 1, j)
                s0, s1 = _from(S, 2 * r, j), _from(S, 2 * r + 1, j)
                a0, a1, d0, d1 = K[2 * r], K[2 * r + 1], K[4 + 2 * r], K[5 + 2 * r]
                # differences of neighbours first: exact for the slowly varying part
                leaves = a0 * (h0 - t0) + (a0 - d0) * t0 + a1 * (h1 - t1) + (a1 - d1) * t1
                passes = abs(a0) * _size(h0) + abs(a1) * _size(h1) + abs(d0) * _size(t0) + abs(d1) * _size(t1)
                left_over = _size(b[i, r] + _from(flux, r, j) - leaves - s0 * h0 - s1 * h1)
                whole = abs(b[i, r]) + _size(s0) * _size(h0) + _size(s1) * _size(h1)
                whole += passes + size[r * PROBES + j]
                _to(flux, r, j, leaves)
                size[r * PROBES + j] = passes
                at = r * PROBES + j
                worst[at] = left_over if left_over > worst[at] else worst[at]
                largest[at] = whole if whole > largest[at] else largest[at]
                lost[j] += 0.0 * left_over  # not a number once anything is not finite
    for j in range(lanes):
        first = worst[j] / largest[j] if largest[j] > 0.0 else 0.0
        second = worst[PROBES + j] / largest[PROBES + j] if largest[PROBES + j] > 0.0 else 0.0
        lost[j] += max(first, second)
    return lost


# ---------------------------------------------------------------- all nodes


@compiled
def _sweep(
    blocks: Array,
    index: Ints,
    matrix: Array,
    b: Array,
    c: Array,
    omega: Array,
    values: Complex,
    probes: Ints,
    kept: Array,
) -> Complex:
    """Measurements (n_f, q); [X | z] of the probes is left in `kept`."""
    n, n_f, n_c, n_x = len(blocks), len(omega), len(c), len(values)
    groups = -(-n_f // W)
    lanes = -(-n_f // (8 * groups)) * 8  # whole vectors; what is left over repeats the last frequency
    o, y = np.zeros(W), np.zeros((n_x, 2 * W))
    out = np.zeros((n_f, n_c), dtype=np.complex128)
    for start in range(0, groups * lanes, lanes):
        P, s, x, t = np.zeros(8 * W), np.zeros(4 * W), np.zeros(12 * W), np.zeros((n_c, 6 * W))
        for w in range(lanes):
            f = min(start + w, n_f - 1)
            o[w] = omega[f]
            for e in range(n_x):
                y[e, w], y[e, W + w] = values[e, f].real, values[e, f].imag
        for i in range(n):
            for e in range(index.shape[1]):
                if index[i, e] >= 0:
                    _add_element(P, y[index[i, e]], matrix[i, e], lanes)
            if i % 8 == 0:
                _flush(s, 4 * W)
                for k in range(n_c):
                    _flush(t[k], 4 * W)
            _node(P, s, x, o, blocks[i], b[i], lanes)
            for k in range(n_c):
                _measure(t[k], x, c[k, i], lanes)
            for j in range(len(probes)):
                w = probes[j] - start
                if 0 <= w < lanes:
                    for k in range(12):
                        kept[i, k * PROBES + j] = x[k * W + w]
        for w in range(min(lanes, n_f - start)):
            for k in range(n_c):
                out[start + w, k] = complex(t[k, 4 * W + w], t[k, 5 * W + w])
    return out
