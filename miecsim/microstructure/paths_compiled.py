"""The march of `miecsim.microstructure.paths` through the voxels, compiled with Numba.

Around a voxel x, the 48 (in two dimensions 8) simplices of a neighbour p across a face, a neighbour q of p across an
edge of x, and a neighbour r of q across a corner of x fill space. Within one of them a front is a plane: with T linear
between p, q and r, |grad T| = w gives T at x, in closed form because the edges x-p, p-q and q-r are perpendicular. The
angles at x are acute, so that x is never earlier than what it was computed from, and voxels can be settled for good
from the earliest to the latest, as in Dijkstra's method (Tsitsiklis 1995; Sethian 1996).
"""

from __future__ import annotations

import heapq
import math
from itertools import permutations, product

import numpy as np

from miecsim.solvers.chain_compiled import compiled
from miecsim.typing import Array, Ints


def _ways() -> Ints:
    """(144, 4): x, p, q, r as places in the 3 x 3 x 3 voxels around one that is p, q or r of x."""
    ways = []
    for axes in permutations(range(3)):
        for signs in product((-1, 1), repeat=3):
            steps = [sign * np.eye(3, dtype=np.int64)[axis] for axis, sign in zip(axes, signs, strict=True)]
            corners = np.cumsum([np.zeros(3, dtype=np.int64), *steps], axis=0)
            ways += [(corners - corners[role] + 1) @ (9, 3, 1) for role in (1, 2, 3)]
    return np.array(ways, dtype=np.int64)


WAYS = _ways()
LENGTHS = np.array([axes for axes in permutations(range(3)) for _ in range(8 * 3)], dtype=np.int64)  # axes of p, q, r


def march(T: Array, w: Array, step: Array, wraps: Ints) -> None:
    """Solve |grad T| = w in place, from the start values in T (nx, ny, nz), inf elsewhere.

    w (nx, ny, nz): slowness, 0 in voxels that the front does not enter; step (3,): edges of a voxel; wraps (3,): 1 for
    axes along which the last voxels touch the first.
    """
    shape = np.array(T.shape)
    beside = np.tile(np.arange(max(shape) + 2), (3, 1))  # of a frame of voxels that no front enters
    for axis in np.flatnonzero(wraps):
        beside[axis, [0, shape[axis] + 1]] = shape[axis], 1
    framed_T, framed_w = np.pad(T, 1, constant_values=np.inf), np.pad(w, 1)
    _march(framed_T.ravel(), framed_w.ravel(), shape + 2, beside, step[LENGTHS], WAYS)
    T[...] = framed_T[1:-1, 1:-1, 1:-1]


@compiled
def _march(T: Array, w: Array, shape: Ints, beside: Ints, edges: Array, ways: Ints) -> None:
    known = np.zeros(len(T), dtype=np.bool_)
    queue = [(T[n], n) for n in range(len(T)) if T[n] < np.inf]
    heapq.heapify(queue)
    near, times, slow = np.zeros(27, dtype=np.int64), np.zeros(27), np.zeros(27)
    while queue:
        _, settled = heapq.heappop(queue)
        if known[settled]:
            continue
        known[settled] = True
        i, j, k = settled // (shape[1] * shape[2]), settled // shape[2] % shape[1], settled % shape[2]
        for m in range(27):
            at = (beside[0, i + m // 9 - 1] * shape[1] + beside[1, j + m // 3 % 3 - 1]) * shape[2]
            near[m] = at + beside[2, k + m % 3 - 1]
            slow[m] = w[near[m]]
            times[m] = T[near[m]] if known[near[m]] else np.inf
        for s in range(len(ways)):
            x, p, q, r = ways[s]
            to = near[x]
            if slow[x] == 0.0 or known[to] or slow[p] == 0.0:
                continue
            wq = slow[q]
            if s % 3 > 0 and (wq == 0.0 or (s % 3 == 2 and slow[r] == 0.0)):
                continue  # the voxel just settled is behind a corner
            Tq = times[q] if wq > 0.0 else np.inf
            Tr = times[r] if wq > 0.0 and slow[r] > 0.0 else np.inf
            a, b, c = edges[s]
            new = _arrival(times[p], Tq, Tr, a, b, c, slow[x], slow[p], wq, slow[r])
            if new < T[to]:
                T[to] = new
                heapq.heappush(queue, (new, to))


@compiled
def _arrival(
    Tp: float, Tq: float, Tr: float, a: float, b: float, c: float, wx: float, wp: float, wq: float, wr: float
) -> float:
    """Time at x from p, q, r with edges x-p = a, p-q = b, q-r = c: the earliest by a corner, an edge or inside.

    Half of each way lies in x itself, the other half in the voxels whose times are used.
    """
    xq, pr = math.sqrt(a * a + b * b), math.sqrt(b * b + c * c)
    T = min(Tp + 0.5 * (wx + wp) * a, Tq + 0.5 * (wx + wq) * xq)
    T = min(T, Tr + 0.5 * (wx + wr) * math.sqrt(a * a + pr * pr))
    T = min(T, _across(Tp, Tq, a, b, 0.5 * wx + 0.25 * (wp + wq)))
    if Tr == np.inf:
        return T
    T = min(T, _across(Tp, Tr, a, pr, 0.5 * wx + 0.25 * (wp + wr)))
    T = min(T, _across(Tq, Tr, xq, c, 0.5 * wx + 0.25 * (wq + wr)))
    if Tp < np.inf and Tq < np.inf:
        gb, gc, w = (Tp - Tq) / b, (Tq - Tr) / c, 0.5 * wx + (wp + wq + wr) / 6.0
        rest = w * w - gb * gb - gc * gc
        if rest > 0.0:
            s = math.sqrt(rest)
            if 0.0 <= gc / c <= gb / b <= s / a:  # the ray through x meets the triangle p, q, r
                T = min(T, Tp + a * s)
    return T


@compiled
def _across(T1: float, T2: float, d: float, e: float, w: float) -> float:
    """Time at a point at distance d from T1, square to the edge of length e from T1 to T2; inf where no ray between
    the two gets there."""
    if T1 == np.inf or T2 == np.inf:
        return np.inf
    g = (T1 - T2) / e
    if g < 0.0 or g >= w:
        return np.inf
    s = math.sqrt(w * w - g * g)
    return T1 + d * s if d * g <= e * s else np.inf
