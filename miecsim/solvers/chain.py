"""Spectra of a one-dimensional chain by block elimination in flux form, NumPy, vectorised over frequency.

With the flux f_i = Ka_i u_i - Kb_i u_{i+1} across face i, the balance of node i is

    S_i u_i + f_i - f_{i-1} = b_i,    S_i = S_g + i w S_c + Y_k(w) S_k  (+ what the ends add).

Going forward, u_i = z_i + X_i u_{i+1}. Since D_i X_i = Kb_i with D_i = P_i + Ka_i, the flux is
f_i = Ka_i z_i - P_i X_i u_{i+1}, so

    P_i = S_i + P_{i-1} X_{i-1},   D_i = P_i + Ka_i,   X_i = D_i^-1 Kb_i,   z_i = D_i^-1 (b_i + Ka_{i-1} z_{i-1}).

No conductance is ever subtracted from another: the summed diagonal Ka_i + Kb_{i-1} + S_i of the assembled matrix, in
which the 1e-9 Hz leak of a blocked carrier drowns, is not formed. The measurement c_first u_first + c_last u_last is
the sum of t_i z_i over the adjoint rows t_i = c_i + t_{i-1} X_{i-1} of the same sweep, so that no profile is stored.

Row k of a block must own unknown k (a pivot is always a diagonal element; exchanging rows would lose digits): carriers
first, phi last, and S = 1, K = 0 on the diagonal of a field that is absent. Nothing here checks that results are
finite; a floating chain at w = 0 gives inf or nan silently, and the caller looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.typing import Array, Complex, Ints

REFINE_ABOVE = 1e-14  # backward error above which a profile is refined; a healthy one is near 2e-16
_LANES = 128  # frequencies eliminated together
_NODES = 32  # nodes whose S is evaluated together: keeps it in cache
_STORED = 2**22  # complex numbers kept for a profile (64 MiB)


@dataclass(frozen=True)
class Chain:
    """Interior of a chain of n nodes and n - 1 faces, m unknowns a node.

    The flux across face i, from node i to node i + 1, is K_left[i] u_i - K_right[i] u_{i+1}. A node has at most one
    frequency-dependent element: S_i += extra_values[extra_index[i], f] * extra_matrix[i], none where extra_index is -1.
    """

    K_left: Array  # (n-1, m, m)
    K_right: Array  # (n-1, m, m)
    S_g: Array  # (n, m, m)
    S_c: Array  # (n, m, m)
    extra_index: Ints  # (n,)
    extra_matrix: Array  # (n, m, m)


@dataclass(frozen=True)
class Ends:
    """What the two end regions add to the first and last node, per frequency: p excitations, q measurements."""

    S_first: Complex  # (n_f, m, m)
    S_last: Complex  # (n_f, m, m)
    b_first: Complex  # (n_f, m, p)
    b_last: Complex  # (n_f, m, p)
    c_first: Complex  # (n_f, q, m)
    c_last: Complex  # (n_f, q, m)


@dataclass(frozen=True)
class Junctions:
    """Faces whose K depends on frequency; they replace K of the chain there."""

    faces: Ints  # (n_j,)
    K_left: Complex  # (n_f, n_j, m, m)
    K_right: Complex  # (n_f, n_j, m, m)


def response(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None = None
) -> Complex:
    """Measurement c_first u_first + c_last u_last per unit of each excitation, shape (n_f, q, p).

    omega (n_f,) [rad/s], extra_values (n_extra, n_f); see the module docstring. Units are those of b and c.
    """
    out = np.empty((len(omega), ends.c_first.shape[1], ends.b_first.shape[2]), dtype=complex)
    for lanes in _split(chain, ends, omega, extra_values, junctions, _LANES):
        total = np.zeros(out.shape[1:] + (len(lanes.omega),), dtype=complex)
        _sweep(chain, lanes, lanes.c_first, lanes.c_last, None, total, None)
        out[lanes.at] = total.transpose(2, 0, 1)
    return out


def profile(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None = None
) -> Complex:
    """Unknowns of every node per unit of each excitation, shape (n_f, n, m, p)."""
    return _profile(chain, ends, omega, extra_values, junctions, None)


def backward_error(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, x: Complex
) -> Array:
    """max_i |r| / max_i (|A||x| + |b|), the worst over equations and excitations, per frequency (n_f,).

    Maxima run over the nodes i for one equation (row of the blocks) at a time. The residual r is taken face by face,
    each flux leaving one node as it enters the next: the assembled matrix cannot see what its rounded diagonal leaks.
    """
    error = np.empty(len(omega))
    for lanes in _split(chain, ends, omega, extra_values, junctions, _width(chain, ends)):
        residual, scale = _residual(chain, lanes, x[lanes.at].transpose(1, 2, 3, 0))
        worst, largest = np.abs(residual).max(axis=0), scale.max(axis=0)
        ratio = np.divide(worst, largest, out=np.where(worst == 0.0, 0.0, np.inf), where=largest > 0.0)
        error[lanes.at] = np.where(np.isnan(worst), np.nan, ratio).max(axis=(0, 1))
    return error


def refined_profile(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None = None
) -> tuple[Complex, Array]:
    """Profile and its backward error (n_f,), after one step of refinement where that error exceeds 1e-14.

    The step solves for the face-by-face residual, and is kept where it lowers the error.
    """
    x = profile(chain, ends, omega, extra_values, junctions)
    error = backward_error(chain, ends, omega, extra_values, junctions, x)
    poor = np.flatnonzero(error > REFINE_ABOVE)
    if len(poor) == 0:
        return x, error
    part = _select(ends, omega, extra_values, junctions, poor)
    better = x[poor]
    residual = np.empty_like(better)
    for lanes in _split(chain, *part, _width(chain, ends)):
        residual[lanes.at] = _residual(chain, lanes, better[lanes.at].transpose(1, 2, 3, 0))[0].transpose(3, 0, 1, 2)
    better += _profile(chain, *part, residual)
    new = backward_error(chain, *part, better)
    keep = new < error[poor]
    x[poor[keep]], error[poor[keep]] = better[keep], new[keep]
    return x, error


# ---------------------------------------------------------------- frequencies, in lanes


@dataclass(frozen=True)
class _Lanes:
    """A group of frequencies with the frequency as the last, contiguous axis of every array."""

    at: slice
    omega: Array  # (f,)
    extra: Complex  # (n_extra, f)
    S_first: Complex  # (m, m, f)
    S_last: Complex
    b_first: Complex  # (m, p, f)
    b_last: Complex
    c_first: Complex  # (q, m, f)
    c_last: Complex
    left: dict[int, Complex]  # face -> (m, m, f)
    right: dict[int, Complex]


def _split(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, width: int
) -> Iterator[_Lanes]:
    """The frequencies in groups of at most `width`."""
    for start in range(0, len(omega), width):
        at = slice(start, min(start + width, len(omega)))
        yield _Lanes(
            at=at,
            omega=omega[at],
            extra=extra_values[:, at],
            S_first=_last_axis(ends.S_first[at]),
            S_last=_last_axis(ends.S_last[at]),
            b_first=_last_axis(ends.b_first[at]),
            b_last=_last_axis(ends.b_last[at]),
            c_first=_last_axis(ends.c_first[at]),
            c_last=_last_axis(ends.c_last[at]),
            left={} if junctions is None else _by_face(junctions.faces, junctions.K_left[at]),
            right={} if junctions is None else _by_face(junctions.faces, junctions.K_right[at]),
        )


def _last_axis(a: Complex) -> Complex:
    return np.ascontiguousarray(np.moveaxis(a, 0, -1))


def _by_face(faces: Ints, K: Complex) -> dict[int, Complex]:
    return {int(face): _last_axis(K[:, j]) for j, face in enumerate(faces)}


def _width(chain: Chain, ends: Ends) -> int:
    """Frequencies whose stored elimination fits in memory."""
    n, m, _ = chain.S_g.shape
    return max(1, min(_LANES, _STORED // int(n * m * (m + ends.b_first.shape[2]))))


def _select(
    ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, which: Ints
) -> tuple[Ends, Array, Complex, Junctions | None]:
    """The same problem at some of the frequencies."""
    few = Ends(
        ends.S_first[which],
        ends.S_last[which],
        ends.b_first[which],
        ends.b_last[which],
        ends.c_first[which],
        ends.c_last[which],
    )
    if junctions is not None:
        junctions = Junctions(junctions.faces, junctions.K_left[which], junctions.K_right[which])
    return few, omega[which], extra_values[:, which], junctions


def _cells(chain: Chain, lanes: _Lanes, start: int, stop: int) -> Complex:
    """S of nodes start..stop-1, shape (nodes, m, m, f), as matrix products with [1, i w, Y_k(w)]."""
    index = chain.extra_index[start:stop]
    has = np.flatnonzero(index >= 0)
    used, column = np.unique(index[has], return_inverse=True)
    weights = np.zeros((*chain.S_g[start:stop].shape, 2 + len(used)), dtype=complex)
    weights[..., 0], weights[..., 1] = chain.S_g[start:stop], chain.S_c[start:stop]
    weights[has, :, :, 2 + column] = chain.extra_matrix[start + has]
    basis = np.concatenate([np.ones_like(lanes.omega)[None], 1j * lanes.omega[None], lanes.extra[used]])
    # One small product per node: a single large one would set BLAS threads spinning.
    S: Complex = (weights.reshape(stop - start, -1, len(basis)) @ basis).reshape(*weights.shape[:3], -1)
    if start == 0:
        S[0] += lanes.S_first
    if stop == len(chain.S_g):
        S[-1] += lanes.S_last
    return S


# ---------------------------------------------------------------- elimination


class _Work:
    """Arrays of one elimination, [D | Kb | rhs] -> [. | X | z], and the views that its steps act on, made once."""

    def __init__(self, m: int, p: int, q: int, f: int) -> None:
        self.table = np.zeros((m, 2 * m + p, f), dtype=complex)
        self.diagonal = self.table[:, :m]
        self.right = self.table[:, m : 2 * m]
        self.rhs = self.table[:, 2 * m :]
        self.solved = self.table[:, m:]  # X and z side by side
        self.rows = np.zeros((m + q, m, f), dtype=complex)  # P above t
        self.product = np.zeros((m + q, m + p, f), dtype=complex)
        self.term = np.empty_like(self.product)
        self.pairs = [(self.rows[:, j, None], self.solved[None, j]) for j in range(m)]
        inverse = np.empty((m, f), dtype=complex)
        factor = np.empty((m, 1, f), dtype=complex)
        scratch = np.empty_like(self.table)
        a = self.table
        self.down = [
            (a[k, k], inverse[k], a[k + 1 :, k, None], factor[k + 1 :], a[None, k, k + 1 :], a[k + 1 :, k + 1 :])
            + (scratch[k + 1 :, k + 1 :],)
            for k in range(m)
        ]
        self.up = [(inverse[k], a[k, m:], a[:k, k, None], a[None, k, m:], a[:k, m:], scratch[:k, m:]) for k in range(m)]
        self.up.reverse()

    def solve(self) -> None:
        """Gauss elimination without exchange of rows: row k owns unknown k."""
        for pivot, inverse, below, factor, row, rest, scratch in self.down:
            np.divide(1.0, pivot, out=inverse)
            if len(below):
                np.multiply(below, inverse, out=factor)
                np.multiply(factor, row, out=scratch)
                np.subtract(rest, scratch, out=rest)
        for inverse, own, above, row, rest, scratch in self.up:
            np.multiply(own, inverse, out=own)
            if len(above):
                np.multiply(above, row, out=scratch)
                np.subtract(rest, scratch, out=rest)

    def multiply(self) -> None:
        """product = [P; t] [X | z]."""
        (left, right), *others = self.pairs
        np.multiply(left, right, out=self.product)
        for left, right in others:
            np.multiply(left, right, out=self.term)
            np.add(self.product, self.term, out=self.product)


def _sweep(
    chain: Chain,
    lanes: _Lanes,
    c_first: Complex,
    c_last: Complex,
    sources: Complex | None,
    total: Complex,
    stored: Complex | None,
) -> None:
    """Eliminate from the first node to the last.

    Adds the measurements to `total` (q, p, f) and writes [X_i | z_i] into `stored` (n, m, m + p, f). The right-hand
    side is that of the ends, or `sources` (n, m, p, f).
    """
    n, m, _ = chain.S_g.shape
    work = _Work(m, lanes.b_first.shape[1], len(c_first), len(lanes.omega))
    left, right = chain.K_left.astype(complex), chain.K_right.astype(complex)
    P, t = work.rows[:m], work.rows[m:]
    passed, measured = work.product[:m, :m], work.product[m:, :m]
    measured[...] = c_first
    carried = np.zeros_like(work.rhs, order="C")  # Ka_{i-1} z_{i-1} = s_{i-1} - P_{i-1} z_{i-1}
    given = np.zeros_like(carried)  # s_i = b_i + carried
    with np.errstate(all="ignore"):
        for i in range(n):
            if i % _NODES == 0:
                S = _cells(chain, lanes, i, min(i + _NODES, n))
            np.add(S[i % _NODES], passed, out=P)
            np.add(measured, c_last if i == n - 1 else 0.0, out=t)
            np.add(carried, _source(i, n, lanes) if sources is None else sources[i], out=given)
            work.rhs[...] = given
            _load(work, i, left, right, lanes)
            work.solve()
            work.multiply()
            total += work.product[m:, m:]
            if stored is not None:
                stored[i] = work.solved
            if i < n - 1:
                _carry(work, given, lanes.left.get(i, left[i, :, :, None]), carried)


def _carry(work: _Work, given: Complex, face: Complex, carried: Complex) -> None:
    """What the sources pass on to the next node, row by row from the less cancelling of its two expressions.

    Ka z is a difference of drift and diffusion that must vanish where a carrier is blocked; there s - P z holds the
    little that was stored. Where node and face are tightly coupled it is the other way about.
    """
    m = len(carried)
    z = work.rhs
    through = _times(face, z)
    lost_at_face, lost_at_node = _times(_size(face), _size(z)), _size(given) + _times(_size(work.rows[:m]), _size(z))
    np.copyto(carried, given - work.product[:m, m:])
    np.copyto(carried, through, where=lost_at_face < lost_at_node)


def _size(a: Complex) -> Array:
    """|Re| + |Im|, cheaper than the modulus and as good for comparing."""
    return np.asarray(np.abs(a.real) + np.abs(a.imag))


def _load(work: _Work, i: int, left: Complex, right: Complex, lanes: _Lanes) -> None:
    """[D_i | Kb_i] of node i; beyond the last node there is no face."""
    P = work.rows[: work.diagonal.shape[0]]
    if i == len(left):
        work.diagonal[...] = P
        work.right[...] = 0.0
    elif i in lanes.left:
        np.add(P, lanes.left[i], out=work.diagonal)
        work.right[...] = lanes.right[i]
    else:
        np.add(P, left[i, :, :, None], out=work.diagonal)
        work.right[...] = right[i, :, :, None]


def _source(i: int, n: int, lanes: _Lanes) -> Complex | float:
    """b_i of the ends; both act on the one node of a chain without faces."""
    if n == 1:
        return lanes.b_first + lanes.b_last
    return lanes.b_first if i == 0 else lanes.b_last if i == n - 1 else 0.0


def _profile(
    chain: Chain,
    ends: Ends,
    omega: Array,
    extra_values: Complex,
    junctions: Junctions | None,
    sources: Complex | None,
) -> Complex:
    """Profiles for the right-hand side of the ends, or for `sources` (n_f, n, m, p)."""
    n, m, _ = chain.S_g.shape
    p = ends.b_first.shape[2]
    out = np.empty((len(omega), n, m, p), dtype=complex)
    for lanes in _split(chain, ends, omega, extra_values, junctions, _width(chain, ends)):
        f = len(lanes.omega)
        b = None if sources is None else sources[lanes.at].transpose(1, 2, 3, 0)
        stored = np.empty((n, m, m + p, f), dtype=complex)
        none = np.empty((0, m, f), dtype=complex)
        _sweep(chain, lanes, none, none, b, np.empty((0, p, f), dtype=complex), stored)
        u = stored[:, :, m:]
        with np.errstate(all="ignore"):
            for i in range(n - 2, -1, -1):
                u[i] += _times(stored[i, :, :m], u[i + 1])
        out[lanes.at] = u.transpose(3, 0, 1, 2)
    return out


# ---------------------------------------------------------------- residual


def _times(K: npt.NDArray[Any], u: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """K u for blocks K (..., m, m, f) and columns u (..., m, p, f)."""
    total: npt.NDArray[Any] = K[..., :, 0, None, :] * u[..., None, 0, :, :]
    for j in range(1, K.shape[-2]):
        total += K[..., :, j, None, :] * u[..., None, j, :, :]
    return total


def _residual(chain: Chain, lanes: _Lanes, u: Complex) -> tuple[Complex, Array]:
    """b - A u, face by face, and |A||u| + |b|, for u of shape (n, m, p, f)."""
    n, m, _, f = u.shape
    left, right = (np.empty((n - 1, m, m, f), dtype=complex) for _ in range(2))
    left[...], right[...] = chain.K_left[..., None], chain.K_right[..., None]
    for face in lanes.left:
        left[face], right[face] = lanes.left[face], lanes.right[face]
    S = _cells(chain, lanes, 0, n)
    with np.errstate(all="ignore"):
        size = np.abs(u)
        residual, scale = -_times(S, u), _times(np.abs(S), size)
        residual[0] += lanes.b_first
        residual[-1] += lanes.b_last
        scale[0] += np.abs(lanes.b_first)
        scale[-1] += np.abs(lanes.b_last)
        # Differences of neighbours first: exact for the slowly varying part, unlike Ka u_i - Kb u_{i+1}.
        flux = _times(left, u[:-1] - u[1:]) + _times(left - right, u[1:])
        residual[:-1] -= flux
        residual[1:] += flux
        exchanged = _times(np.abs(left), size[:-1]) + _times(np.abs(right), size[1:])
        scale[:-1] += exchanged
        scale[1:] += exchanged
    return residual, scale
