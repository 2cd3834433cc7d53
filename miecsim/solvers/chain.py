"""Spectra of a one-dimensional chain by block elimination in flux form, NumPy, vectorised over frequency.

With the flux f_i = Ka_i u_i - Kb_i u_{i+1} across face i, the balance of node i is

    S_i u_i + f_i - f_{i-1} = b_i,    S_i = S_g + i w S_c + Y_k(w) S_k  (+ what the ends add).

Going forward, u_i = z_i + X_i u_{i+1}. Since D_i X_i = Kb_i with D_i = P_i + Ka_i, the flux is
f_i = Ka_i z_i - P_i X_i u_{i+1}, so

    P_i = S_i + P_{i-1} X_{i-1},   D_i = P_i + Ka_i,   X_i = D_i^-1 Kb_i,   z_i = D_i^-1 (b_i + Ka_{i-1} z_{i-1}).

No conductance is ever subtracted from another: the summed diagonal Ka_i + Kb_{i-1} + S_i of the assembled matrix, in
which the 1e-9 Hz leak of a blocked carrier drowns, is not formed. The measurement c_first u_first + c_last u_last is
the sum of t_i z_i over the adjoint rows t_i = c_i + t_{i-1} X_{i-1} of the same sweep, so that no profile is stored.
The chain is folded: both halves are eliminated side by side, from its ends to its middle node, in half the steps.

Row k of a block must own unknown k (a pivot is always a diagonal element; exchanging rows would lose digits): carriers
first, phi last, and S = 1, K = 0 on the diagonal of a field that is absent. Nothing here checks that results are
finite; a floating chain at w = 0 gives inf or nan silently, and the caller looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from miecsim.solvers.elimination import Elimination, dot
from miecsim.typing import Array, Bools, Complex, Ints

REFINE_ABOVE = 1e-14  # backward error above which a profile is refined; a healthy one is near 2e-16
_LANES = 128  # frequencies eliminated together
_STEPS = 16  # steps whose S is evaluated together: keeps it in cache
_STORED = 2**22  # complex numbers kept for a profile (64 MiB)


@dataclass(frozen=True)
class Chain:
    """Interior of a chain of n nodes and n - 1 faces, m unknowns a node.

    The flux across face i, from node i to node i + 1, is K_left[i] u_i - K_right[i] u_{i+1}. A node has up to E
    frequency-dependent elements: S_i += extra_values[extra_index[i, e], f] * extra_matrix[i, e], none where extra_index
    is -1. b and c: real sources and measurements at every node, on top of those at the ends.
    """

    K_left: Array  # (n-1, m, m)
    K_right: Array  # (n-1, m, m)
    S_g: Array  # (n, m, m)
    S_c: Array  # (n, m, m)
    extra_index: Ints  # (n, E), or (n,) where E = 1
    extra_matrix: Array  # (n, E, m, m), or (n, m, m)
    b: Array | None = None  # (n, m, p)
    c: Array | None = None  # (n, q, m)


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
        total, _ = _sweep(_fold(chain, lanes), lanes, lanes.b, lanes.c, None)
        out[lanes.at] = total.transpose(2, 0, 1)
    return out


def checked_response(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, probe: Ints
) -> tuple[Complex, Array]:
    """The same without junctions, and the backward error at the frequencies numbered `probe`, of the profile that the
    same elimination gives, refined as in `refined_profile`."""
    n, m, _ = chain.S_g.shape
    p = ends.b_first.shape[2]
    out = np.empty((len(omega), ends.c_first.shape[1], p), dtype=complex)
    x = np.empty((len(probe), n, m, p), dtype=complex)
    for lanes in _split(chain, ends, omega, extra_values, None, _LANES):
        here = np.flatnonzero((probe >= lanes.at.start) & (probe < lanes.at.stop))
        at, fold = probe[here] - lanes.at.start, _fold(chain, lanes)
        stored = np.empty((len(fold.nodes), m, m + p, 2, len(at)), dtype=complex)
        total, middle = _sweep(fold, lanes, lanes.b, lanes.c, stored, at)
        out[lanes.at] = total.transpose(2, 0, 1)
        x[here] = _unfolded(fold, stored, middle[..., at])
    return out, _refined(chain, *_select(ends, omega, extra_values, None, probe), x)[1]


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
        residual, scale = _residual(chain, lanes, x[lanes.at].transpose(2, 3, 1, 0))
        worst, largest = np.abs(residual).max(axis=2), scale.max(axis=2)
        ratio = np.divide(worst, largest, out=np.where(worst == 0.0, 0.0, np.inf), where=largest > 0.0)
        error[lanes.at] = np.where(np.isnan(worst), np.nan, ratio).max(axis=(0, 1))
    return error


def refined_profile(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None = None
) -> tuple[Complex, Array]:
    """Profile and its backward error (n_f,), after one step of refinement where that error exceeds 1e-14.

    The step solves for the face-by-face residual, and is kept where it lowers the error.
    """
    return _refined(chain, ends, omega, extra_values, junctions, profile(chain, ends, omega, extra_values, junctions))


def _refined(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, x: Complex
) -> tuple[Complex, Array]:
    error = backward_error(chain, ends, omega, extra_values, junctions, x)
    poor = np.flatnonzero(error > REFINE_ABOVE)
    if len(poor) == 0:
        return x, error
    part = _select(ends, omega, extra_values, junctions, poor)
    better = x[poor]
    residual = np.empty_like(better)
    for lanes in _split(chain, *part, _width(chain, ends)):
        r, _ = _residual(chain, lanes, better[lanes.at].transpose(2, 3, 1, 0))
        residual[lanes.at] = r.transpose(3, 2, 0, 1)
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
    S: dict[int, Complex]  # node -> (m, m, f), from the ends
    b: dict[int, Complex]  # node -> (m, p, f)
    c: dict[int, Complex]  # node -> (q, m, f)
    left: dict[int, Complex]  # face -> (m, m, f), of junctions
    right: dict[int, Complex]


def _split(
    chain: Chain, ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, width: int
) -> Iterator[_Lanes]:
    """The frequencies in groups of at most `width`."""
    n = len(chain.S_g)
    for start in range(0, len(omega), width):
        at = slice(start, min(start + width, len(omega)))
        yield _Lanes(
            at=at,
            omega=omega[at],
            extra=extra_values[:, at],
            S=_by_node(n, ends.S_first[at], ends.S_last[at]),
            b=_everywhere(chain.b, _by_node(n, ends.b_first[at], ends.b_last[at])),
            c=_everywhere(chain.c, _by_node(n, ends.c_first[at], ends.c_last[at])),
            left={} if junctions is None else _by_face(junctions.faces, junctions.K_left[at]),
            right={} if junctions is None else _by_face(junctions.faces, junctions.K_right[at]),
        )


def _by_node(n: int, first: Complex, last: Complex) -> dict[int, Complex]:
    """First and last node are one and the same in a chain without faces."""
    return {0: _last_axis(first + last)} if n == 1 else {0: _last_axis(first), n - 1: _last_axis(last)}


def _everywhere(inside: Array | None, at_ends: dict[int, Complex]) -> dict[int, Complex]:
    if inside is None:
        return at_ends
    out: dict[int, Complex] = dict(enumerate(inside[..., None].astype(complex)))
    return out | {node: out[node] + value for node, value in at_ends.items()}


def _by_face(faces: Ints, K: Complex) -> dict[int, Complex]:
    return {int(face): _last_axis(K[:, j]) for j, face in enumerate(faces)}


def _last_axis(a: Complex) -> Complex:
    return np.ascontiguousarray(np.moveaxis(a, 0, -1))


def _width(chain: Chain, ends: Ends) -> int:
    """Frequencies whose stored elimination fits in memory."""
    n, m, _ = chain.S_g.shape
    return max(1, min(_LANES, _STORED // int(n * m * (m + ends.b_first.shape[2]))))


def _select(
    ends: Ends, omega: Array, extra_values: Complex, junctions: Junctions | None, which: Ints
) -> tuple[Ends, Array, Complex, Junctions | None]:
    """The same problem at some of the frequencies."""
    few = Ends(**{field.name: getattr(ends, field.name)[which] for field in fields(ends)})
    if junctions is not None:
        junctions = Junctions(junctions.faces, junctions.K_left[which], junctions.K_right[which])
    return few, omega[which], extra_values[:, which], junctions


def _cells(chain: Chain, lanes: _Lanes, nodes: Ints) -> Complex:
    """S of some nodes, shape (nodes, m, m, f); "node n" has S = 1."""
    n, m, _ = chain.S_g.shape
    at = np.flatnonzero(nodes < n)
    real = nodes[at]
    S = np.zeros((len(nodes), m, m, lanes.omega.size), dtype=complex)
    S.real[nodes == n] = np.eye(m)[..., None]
    S.real[at] = chain.S_g[real][..., None]
    S.imag[at] = chain.S_c[real][..., None] * lanes.omega
    index = chain.extra_index[real].reshape(len(real), -1)
    matrix = chain.extra_matrix[real].reshape(*index.shape, m, m)
    for e in range(index.shape[1]):
        has = np.flatnonzero(index[:, e] >= 0)
        if len(has):
            S[at[has]] += matrix[has, e][..., None] * lanes.extra[index[has, e]][:, None, None]
    for node, value in lanes.S.items():
        S[nodes == node] += value
    return S


# ---------------------------------------------------------------- elimination


@dataclass(frozen=True)
class _Folded:
    """The two halves of a chain, step by step from its ends to its middle.

    From the right end a face is seen with Ka and Kb exchanged. "Node n" is none: with an even number of nodes the first
    step of the right half is empty.
    """

    chain: Chain
    nodes: Ints  # (steps, 2)
    Ka: Complex  # (steps, m, m, 2, 1)
    Kb: Complex
    special: dict[int, tuple[Complex, Complex]]  # step -> Ka, Kb (m, m, 2, f), where there is a junction
    cancelling: Bools  # (steps,) whether some row of Ka has several elements


def _fold(chain: Chain, lanes: _Lanes) -> _Folded:
    n, m, _ = chain.S_g.shape
    steps = np.arange(n // 2)
    nodes = np.stack([steps, n - steps - n % 2], axis=1)
    faces = nodes - [0, 1]
    left, right = (np.concatenate([K, np.zeros((1, m, m))]) for K in (chain.K_left, chain.K_right))
    Ka = np.stack([left[faces[:, 0]], right[faces[:, 1]]], axis=-1)[..., None].astype(complex)
    Kb = np.stack([right[faces[:, 0]], left[faces[:, 1]]], axis=-1)[..., None].astype(complex)
    special = {}
    for step in np.flatnonzero(np.isin(faces, list(lanes.left)).any(axis=1)).tolist():
        own = [np.repeat(K[step], len(lanes.omega), axis=-1) for K in (Ka, Kb)]
        for side, face in enumerate(faces[step].tolist()):
            if face in lanes.left:
                own[side][:, :, side], own[1 - side][:, :, side] = lanes.left[face], lanes.right[face]
        special[step] = (own[0], own[1])
    several = np.count_nonzero(Ka, axis=2).max(axis=(1, 2, 3), initial=0) > 1
    several[list(special)] = True
    return _Folded(chain, nodes, Ka, Kb, special, several)


def _sweep(
    fold: _Folded,
    lanes: _Lanes,
    b: dict[int, Complex],
    c: dict[int, Complex],
    stored: Complex | None,
    some: Ints | slice = slice(None),
) -> tuple[Complex, Complex]:
    """Eliminate from both ends to the middle: measurements (q, p, f) and the unknowns of the middle node (m, p, f).

    [X | z] of each step is kept in `stored` (steps, m, m + p, 2, f), where that is given, for `some` frequencies.
    """
    (m, p, f), q = b[0].shape, c[0].shape[0]
    work, middle = Elimination(m, p, q, 2, f), Elimination(m, p, q, 1, f)
    total = np.zeros((q, p, 2, f), dtype=complex)
    with np.errstate(all="ignore"):
        for step, nodes in enumerate(fold.nodes):
            if step % _STEPS == 0:
                S = _cells(fold.chain, lanes, fold.nodes[step : step + _STEPS].ravel())
                S = S.reshape(-1, 2, m, m, f).transpose(0, 2, 3, 1, 4)
                work.flush()
            Ka, Kb = fold.special.get(step, (fold.Ka[step], fold.Kb[step]))
            work.visit(nodes, S[step % _STEPS], Ka, Kb, (b, c))
            total += work.passed[m:, m:]
            if stored is not None:
                stored[step] = work.solved[..., some]
            work.carry(Ka, bool(fold.cancelling[step]))
        work.passed.sum(axis=2, keepdims=True, out=middle.passed)
        work.s.sum(axis=2, keepdims=True, out=middle.s)
        node = np.array([len(fold.nodes)])
        middle.visit(node, _cells(fold.chain, lanes, node)[0][:, :, None], 0.0, 0.0, (b, c))
    return total.sum(axis=2) + middle.passed[m:, m:, 0], middle.solved[:, m:, 0]


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
        f, fold = len(lanes.omega), _fold(chain, lanes)
        b = lanes.b if sources is None else dict(enumerate(sources[lanes.at].transpose(1, 2, 3, 0)))
        stored = np.empty((len(fold.nodes), m, m + p, 2, f), dtype=complex)
        _, u = _sweep(fold, lanes, b, {0: np.empty((0, m, f), dtype=complex)}, stored)
        out[lanes.at] = _unfolded(fold, stored, u)
    return out


def _unfolded(fold: _Folded, stored: Complex, middle: Complex) -> Complex:
    """Unknowns (f, n, m, p) from those of the middle node (m, p, f) outwards."""
    n, (m, p, f) = len(fold.chain.S_g), middle.shape
    out = np.empty((f, n, m, p), dtype=complex)
    out[:, n // 2] = middle.transpose(2, 0, 1)
    u = np.repeat(middle[:, :, None], 2, axis=2)
    with np.errstate(all="ignore"):
        for (left, right), solved in zip(fold.nodes[::-1], stored[::-1], strict=True):
            u = solved[:, m:] + dot(solved[:, :m], u)
            out[:, left] = u[:, :, 0].transpose(2, 0, 1)
            if right < n:
                out[:, right] = u[:, :, 1].transpose(2, 0, 1)
    return out


# ---------------------------------------------------------------- residual


def _residual(chain: Chain, lanes: _Lanes, u: Complex) -> tuple[Complex, Array]:
    """b - A u, face by face, and |A||u| + |b|, for u of shape (m, p, n, f)."""
    m, _, n, f = u.shape
    left, right = (np.repeat(K.transpose(1, 2, 0)[..., None], f, axis=-1) for K in (chain.K_left, chain.K_right))
    if lanes.left:
        left, right = left.astype(complex), right.astype(complex)
        for face in lanes.left:
            left[:, :, face], right[:, :, face] = lanes.left[face], lanes.right[face]
    S = _cells(chain, lanes, np.arange(n)).transpose(1, 2, 0, 3)
    with np.errstate(all="ignore"):
        size = np.abs(u)
        residual, scale = -dot(S, u), dot(np.abs(S), size)
        for node, b in lanes.b.items():
            residual[:, :, node] += b
            scale[:, :, node] += np.abs(b)
        # Differences of neighbours first: exact for the slowly varying part, unlike Ka u_i - Kb u_{i+1}.
        here, there = u[:, :, :-1], u[:, :, 1:]
        flux = dot(left, here - there) + dot(left - right, there)
        residual[:, :, :-1] -= flux
        residual[:, :, 1:] += flux
        exchanged = dot(np.abs(left), size[:, :, :-1]) + dot(np.abs(right), size[:, :, 1:])
        scale[:, :, :-1] += exchanged
        scale[:, :, 1:] += exchanged
    return residual, scale
