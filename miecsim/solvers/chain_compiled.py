"""The elimination of `miecsim.solvers.chain`, compiled with Numba: same arguments, same results, ten times as fast.

Importing this module imports Numba (0.3 s), and each (m, p, q) compiles once per installation (5 s, then cached on
disk), so callers import it only when a long calculation is ahead.

Frequencies run innermost, 64 lanes at a time: a quantity is a row of a float64 array, 64 real parts then 64 imaginary
parts, and every complex operation is a loop over lanes that the compiler turns into vector instructions. The functions
that it inlines stand at module level, and the kernel is a closure over integers only: a closure over functions would
be compiled anew in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numba
import numpy as np

from miecsim.solvers.chain import Chain, Ends, Junctions
from miecsim.typing import Array, Complex, Ints

W = 64
F = TypeVar("F", bound=Callable[..., Any])


def response(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None = None
) -> Complex:
    """Measurement c_first u_first + c_last u_last per unit of each excitation, shape (n_f, q, p).

    See `miecsim.solvers.chain.response`: arguments and results are the same, not-finite ones included.
    """
    n, m, _ = chain.S_g.shape
    n_f, p, q = len(omega), ends.b_first.shape[2], ends.c_first.shape[1]
    spectral = [ends.S_first, ends.S_last, ends.b_first, ends.b_last, ends.c_first, ends.c_last, extra_values.T]
    junction_of = np.full(n, -1)
    K_left, K_right = chain.K_left, chain.K_right
    if junctions is not None:
        junction_of[junctions.faces] = np.arange(len(junctions.faces))
        spectral += [junctions.K_left, junctions.K_right]
        K_left, K_right = K_left.copy(), K_right.copy()
        K_left[junctions.faces] = K_right[junctions.faces] = 0.0
    groups = -(-n_f // W)
    lanes = -(-n_f // (8 * groups)) * 8  # whole vectors
    blocks = (K_left, K_right, chain.S_g, chain.S_c, chain.extra_matrix)
    total = _kernel(m, p, q)(
        *(_flat(a, n, m) for a in blocks),
        np.array(chain.extra_index, dtype=np.int64),
        junction_of,
        0 if junctions is None else len(junctions.faces),
        len(extra_values),
        lanes,
        _grouped(omega[:, None].astype(complex), groups, lanes),
        _grouped(np.concatenate([a.reshape(n_f, -1) for a in spectral], axis=1), groups, lanes),
    )
    z = total[:, :, :lanes] + 1j * total[:, :, W : W + lanes]
    return np.ascontiguousarray(z.transpose(0, 2, 1)).reshape(-1, q, p)[:n_f]


def _flat(blocks: Array, n: int, m: int) -> Array:
    """Blocks as rows of m * m; faces get a row of zeros for the one that the last node lacks."""
    out = np.zeros((n, m * m))
    out[: len(blocks)] = blocks.reshape(len(blocks), m * m)
    return out


def _grouped(a: Complex, groups: int, lanes: int) -> Array:
    """(n_f, rows) -> (groups, rows, 2 W); lanes left over repeat the last frequency."""
    full = a[np.minimum(np.arange(groups * lanes), len(a) - 1)].reshape(groups, lanes, -1).transpose(0, 2, 1)
    out = np.zeros((groups, full.shape[1], 2 * W))
    out[:, :, :lanes], out[:, :, W : W + lanes] = full.real, full.imag
    return out


# ---------------------------------------------------------------- operations on lanes: row k of x, and so on


def _inline(function: F) -> F:
    return cast(F, numba.njit(inline="always")(function))


@_inline
def _set(x: Array, k: int, value: float, lanes: int) -> None:
    for w in range(lanes):
        x[k, w] = value
        x[k, W + w] = 0.0


@_inline
def _copy(x: Array, k: int, a: Array, i: int, value: float, lanes: int) -> None:
    """x = a + value, real value."""
    for w in range(lanes):
        x[k, w] = a[i, w] + value
        x[k, W + w] = a[i, W + w]


@_inline
def _add(x: Array, k: int, a: Array, i: int, value: float, lanes: int) -> None:
    """x += value a, real value."""
    for w in range(lanes):
        x[k, w] += value * a[i, w]
        x[k, W + w] += value * a[i, W + w]


@_inline
def _add_product(x: Array, k: int, a: Array, i: int, b: Array, j: int, lanes: int) -> None:
    for w in range(lanes):
        re, im = x[k, w] + a[i, w] * b[j, w], x[k, W + w] + a[i, w] * b[j, W + w]
        x[k, w] = re - a[i, W + w] * b[j, W + w]
        x[k, W + w] = im + a[i, W + w] * b[j, w]


@_inline
def _multiply(x: Array, k: int, b: Array, j: int, lanes: int) -> None:
    """x *= b."""
    for w in range(lanes):
        re, im = x[k, w], x[k, W + w]
        x[k, w] = re * b[j, w] - im * b[j, W + w]
        x[k, W + w] = re * b[j, W + w] + im * b[j, w]


@_inline
def _subtract_one(x: Array, k: int, i: int, j: int, lanes: int) -> None:
    """x[k] -= x[i] x[j]."""
    for w in range(lanes):
        re, im = x[k, w] - x[i, w] * x[j, w], x[k, W + w] - x[i, w] * x[j, W + w]
        x[k, w] = re + x[i, W + w] * x[j, W + w]
        x[k, W + w] = im - x[i, W + w] * x[j, w]


@_inline
def _subtract_two(x: Array, k: int, i: int, j: int, step: int, lanes: int) -> None:
    """x[k] -= x[i] x[j] + x[i + 1] x[j + step]."""
    for w in range(lanes):
        re, im = x[k, w] - x[i, w] * x[j, w], x[k, W + w] - x[i, w] * x[j, W + w]
        re, im = re + x[i, W + w] * x[j, W + w], im - x[i, W + w] * x[j, w]
        re, im = re - x[i + 1, w] * x[j + step, w], im - x[i + 1, w] * x[j + step, W + w]
        re, im = re + x[i + 1, W + w] * x[j + step, W + w], im - x[i + 1, W + w] * x[j + step, w]
        x[k, w] = re
        x[k, W + w] = im


@_inline
def _finish_one(x: Array, k: int, i: int, j: int, b: Array, n: int, lanes: int) -> None:
    """x[k] = (x[k] - x[i] x[j]) b[n]."""
    for w in range(lanes):
        re, im = x[k, w] - x[i, w] * x[j, w], x[k, W + w] - x[i, w] * x[j, W + w]
        re, im = re + x[i, W + w] * x[j, W + w], im - x[i, W + w] * x[j, w]
        x[k, w] = re * b[n, w] - im * b[n, W + w]
        x[k, W + w] = re * b[n, W + w] + im * b[n, w]


@_inline
def _finish_two(x: Array, k: int, i: int, j: int, step: int, b: Array, n: int, lanes: int) -> None:
    """x[k] = (x[k] - x[i] x[j] - x[i + 1] x[j + step]) b[n]."""
    for w in range(lanes):
        re, im = x[k, w] - x[i, w] * x[j, w], x[k, W + w] - x[i, w] * x[j, W + w]
        re, im = re + x[i, W + w] * x[j, W + w], im - x[i, W + w] * x[j, w]
        re, im = re - x[i + 1, w] * x[j + step, w], im - x[i + 1, w] * x[j + step, W + w]
        re, im = re + x[i + 1, W + w] * x[j + step, W + w], im - x[i + 1, W + w] * x[j + step, w]
        x[k, w] = re * b[n, w] - im * b[n, W + w]
        x[k, W + w] = re * b[n, W + w] + im * b[n, w]


@_inline
def _invert(x: Array, k: int, a: Array, i: int, lanes: int) -> None:
    """x = 1 / a, for |a| between 1e-150 and 1e150."""
    for w in range(lanes):
        d = 1.0 / (a[i, w] * a[i, w] + a[i, W + w] * a[i, W + w])
        x[k, w] = a[i, w] * d
        x[k, W + w] = -a[i, W + w] * d


@_inline
def _cell_plus_dot(
    x: Array,
    k: int,
    g: float,
    c: float,
    omega: Array,
    a: Array,
    i: int,
    b: Array,
    j: int,
    step: int,
    m: int,
    lanes: int,
) -> None:
    """x = g + j w c + sum of a[i + l] b[j + l step], m terms (m is a constant here: the inner loop unrolls)."""
    for w in range(lanes):
        re, im = g, c * omega[0, w]
        for n in range(m):
            re, im = re + a[i + n, w] * b[j + n * step, w], im + a[i + n, w] * b[j + n * step, W + w]
            re, im = re - a[i + n, W + w] * b[j + n * step, W + w], im + a[i + n, W + w] * b[j + n * step, w]
        x[k, w] = re
        x[k, W + w] = im


@_inline
def _real_dot(x: Array, k: int, K: Array, i: int, b: Array, j: int, step: int, m: int, lanes: int) -> None:
    """x = sum of K[i + l] b[j + l step], m terms, real K."""
    for w in range(lanes):
        re, im = 0.0, 0.0
        for n in range(m):
            re += K[i + n] * b[j + n * step, w]
            im += K[i + n] * b[j + n * step, W + w]
        x[k, w] = re
        x[k, W + w] = im


# ---------------------------------------------------------------- stages of one node, inlined


@_inline
def _advance(
    rows: Array, old: Array, table: Array, S_g: Array, S_c: Array, omega: Array, m: int, p: int, q: int, lanes: int
) -> None:
    """P = S + P_old X, t = t_old X."""
    for r in range(m + q):
        for c in range(m):
            k = r * m + c
            g, s = (S_g[k], S_c[k]) if r < m else (0.0, 0.0)
            _cell_plus_dot(rows, k, g, s, omega, old, r * m, table, m + c, 2 * m + p, m, lanes)


@_inline
def _add_extra(rows: Array, S_x: Array, given: Array, at: int, m: int, lanes: int) -> None:
    for k in range(m * m):
        if S_x[k] != 0.0:
            _add(rows, k, given, at, S_x[k], lanes)


@_inline
def _add_rows(x: Array, at: int, a: Array, start: int, number: int, lanes: int) -> None:
    for k in range(number):
        _add(x, at + k, a, start + k, 1.0, lanes)


@_inline
def _load_table(
    table: Array, rows: Array, carried: Array, K_left: Array, K_right: Array, m: int, p: int, lanes: int
) -> None:
    """[P + Ka | Kb | Ka_{i-1} z_{i-1}]."""
    cols = 2 * m + p
    for r in range(m):
        for c in range(m):
            _copy(table, r * cols + c, rows, r * m + c, K_left[r * m + c], lanes)
            _set(table, r * cols + m + c, K_right[r * m + c], lanes)
        for c in range(p):
            _copy(table, r * cols + 2 * m + c, carried, r * p + c, 0.0, lanes)


@_inline
def _add_junction(table: Array, given: Array, at_left: int, at_right: int, m: int, p: int, lanes: int) -> None:
    """Onto a table whose K is zero."""
    cols = 2 * m + p
    for r in range(m):
        _add_rows(table, r * cols, given, at_left + r * m, m, lanes)
        _add_rows(table, r * cols + m, given, at_right + r * m, m, lanes)


@_inline
def _add_source(table: Array, given: Array, at: int, m: int, p: int, lanes: int) -> None:
    for r in range(m):
        _add_rows(table, r * (2 * m + p) + 2 * m, given, at + r * p, p, lanes)


@_inline
def _reduce(table: Array, k: int, i: int, j: int, step: int, terms: int, lanes: int) -> None:
    """table[k] -= sum of table[i + l] table[j + l step]."""
    for n in range(0, terms - 1, 2):
        _subtract_two(table, k, i + n, j + n * step, step, lanes)
    if terms % 2:
        _subtract_one(table, k, i + terms - 1, j + (terms - 1) * step, lanes)


@_inline
def _finish(table: Array, k: int, i: int, j: int, step: int, terms: int, inverse: Array, n: int, lanes: int) -> None:
    """The same, then times inverse[n]."""
    left = terms - 2 if terms > 0 and terms % 2 == 0 else terms - terms % 2
    for l in range(0, left, 2):
        _subtract_two(table, k, i + l, j + l * step, step, lanes)
    if left == terms:
        _multiply(table, k, inverse, n, lanes)
    elif left == terms - 1:
        _finish_one(table, k, i + left, j + left * step, inverse, n, lanes)
    else:
        _finish_two(table, k, i + left, j + left * step, step, inverse, n, lanes)


@_inline
def _solve(table: Array, at: Ints, inverse: Array, m: int, p: int, lanes: int) -> None:
    """[D | Kb | rhs] -> [. | X | z] by LU without exchange of rows, row by row; U has a unit diagonal.

    Row and column stand in row at[r, c] of the table. Looked up, not computed: the compiler would test once, for whole
    ranges of r and c, whether operands overlap, find that they do, and fall back to scalar code.
    """
    cols = 2 * m + p
    for r in range(m):
        for c in range(r + 1):
            _reduce(table, at[r, c], at[r, 0], at[0, c], cols, c, lanes)
        _invert(inverse, r, table, at[r, r], lanes)
        for c in range(r + 1, cols):
            _finish(table, at[r, c], at[r, 0], at[0, c], cols, r, inverse, r, lanes)
    for r in range(m - 2, -1, -1):
        for c in range(m, cols):
            _reduce(table, at[r, c], at[r, r + 1], at[r + 1, c], cols, m - 1 - r, lanes)


@_inline
def _measure(out: Array, rows: Array, table: Array, m: int, p: int, q: int, lanes: int) -> None:
    """out += t z."""
    for r in range(q):
        for c in range(p):
            for k in range(m):
                _add_product(out, r * p + c, rows, (m + r) * m + k, table, k * (2 * m + p) + 2 * m + c, lanes)


@_inline
def _carry(carried: Array, table: Array, K_left: Array, m: int, p: int, lanes: int) -> None:
    """Ka_i z_i."""
    for r in range(m):
        for c in range(p):
            _real_dot(carried, r * p + c, K_left, r * m, table, 2 * m + c, 2 * m + p, m, lanes)


@_inline
def _carry_junction(carried: Array, table: Array, given: Array, at_left: int, m: int, p: int, lanes: int) -> None:
    for r in range(m):
        for c in range(p):
            for k in range(m):
                _add_product(carried, r * p + c, given, at_left + r * m + k, table, k * (2 * m + p) + 2 * m + c, lanes)


# ---------------------------------------------------------------- the kernel


@cache
def _kernel(m: int, p: int, q: int) -> Callable[..., Array]:
    """Compiled elimination for m unknowns a node, p excitations and q measurements."""
    # Rows of `given`: S_first, S_last, b_first, b_last, c_first, c_last, extra values, junctions left, junctions right.
    b_first = 2 * m * m
    b_last = b_first + m * p
    c_first = b_last + m * p
    c_last = c_first + q * m
    at_extra = c_last + q * m

    def kernel(Ka, Kb, Sg, Sc, Sx, extra, junction_of, n_j, n_extra, lanes, omega, given):  # type: ignore[no-untyped-def]
        n = len(Sg)
        out = np.zeros((len(given), q * p, 2 * W))
        table = np.zeros((m * (2 * m + p), 2 * W))
        rows, old = np.zeros(((m + q) * m, 2 * W)), np.zeros(((m + q) * m, 2 * W))  # P above t
        carried = np.zeros((m * p, 2 * W))
        inverse = np.zeros((m, 2 * W))
        at = np.arange(m * (2 * m + p)).reshape(m, 2 * m + p)
        for g in range(len(given)):
            rows[:] = 0.0
            table[:] = 0.0
            carried[:] = 0.0
            for i in range(n):
                rows, old = old, rows
                _advance(rows, old, table, Sg[i], Sc[i], omega[g], m, p, q, lanes)
                if extra[i] >= 0:
                    _add_extra(rows, Sx[i], given[g], at_extra + extra[i], m, lanes)
                if i == 0:
                    _add_rows(rows, 0, given[g], 0, m * m, lanes)
                    _add_rows(rows, m * m, given[g], c_first, q * m, lanes)
                if i == n - 1:
                    _add_rows(rows, 0, given[g], m * m, m * m, lanes)
                    _add_rows(rows, m * m, given[g], c_last, q * m, lanes)
                j = junction_of[i]
                left = at_extra + n_extra + j * m * m
                _load_table(table, rows, carried, Ka[i], Kb[i], m, p, lanes)
                if j >= 0:
                    _add_junction(table, given[g], left, left + n_j * m * m, m, p, lanes)
                if i == 0:
                    _add_source(table, given[g], b_first, m, p, lanes)
                if i == n - 1:
                    _add_source(table, given[g], b_last, m, p, lanes)
                _solve(table, at, inverse, m, p, lanes)
                _measure(out[g], rows, table, m, p, q, lanes)
                _carry(carried, table, Ka[i], m, p, lanes)
                if j >= 0:
                    _carry_junction(carried, table, given[g], left, m, p, lanes)
        return out

    try:
        return _compile(kernel, True)
    except RuntimeError:  # there is nowhere to write a cache
        return _compile(kernel, False)


def _compile(kernel: F, cached: bool) -> F:
    """No reassociation, no assumption of finite numbers: results keep the digits, and not-finite ones stay visible."""
    fast = {"contract", "nsz", "arcp"}
    return cast(F, numba.njit(kernel, cache=cached, fastmath=fast, error_model="numpy", nogil=True))
