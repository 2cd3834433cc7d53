"""Which voxels a through-current can reach: one depth-first search, compiled with Numba."""

from __future__ import annotations

import numpy as np

from miecsim.solvers.chain_compiled import compiled
from miecsim.typing import Bools

OUTSIDE, NOT_SEEN = -2, -1


def carrying(phase: Bools, periodic: tuple[int, ...], axis: int) -> Bools:
    """Mask of the voxels on some path without repetition from the left side to the right one, shape of `phase`.

    A path steps between voxels that share a face, and never visits a voxel twice. With a node l joined to every voxel
    of the left side, a node r joined to those of the right side and an edge l-r, these voxels and l, r are the
    biconnected component of that edge (Hopcroft & Tarjan 1973). The search starts l -> r; a voxel c found from u
    belongs to the component if u does and the voxels found through c see one that was met before u. O(n).
    """
    across = np.moveaxis(phase, axis, 0)
    full = across.reshape(len(across), -1, across.shape[-1] if phase.ndim == 3 else 1)
    wraps = [(k in periodic) for k in range(phase.ndim) if k != axis] + [False] * (3 - phase.ndim)
    out = _carrying(np.ascontiguousarray(full), wraps[0], wraps[1]).reshape(across.shape)
    return np.asarray(np.moveaxis(out, 0, axis))


@compiled
def _neighbour(v: int, way: int, nx: int, ny: int, nz: int, wrap_y: bool, wrap_z: bool) -> int:
    """Number of the voxel beside v in one of six ways (z runs fastest), or -1 beyond the picture."""
    x, y, z = v // (ny * nz), v // nz % ny, v % nz
    step = 1 if way % 2 else -1
    if way < 2:
        return v + step * ny * nz if 0 <= x + step < nx else -1
    if way < 4:
        if not 0 <= y + step < ny and not wrap_y:
            return -1
        return v + ((y + step) % ny - y) * nz
    if not 0 <= z + step < nz and not wrap_z:
        return -1
    return v + (z + step) % nz - z


@compiled
def _carrying(phase: Bools, wrap_y: bool, wrap_z: bool) -> Bools:
    nx, ny, nz = phase.shape
    inside = phase.ravel()
    n, side = inside.size, ny * nz
    met = np.where(inside, NOT_SEEN, OUTSIDE).astype(np.int32)  # order of discovery: l is 0, r is 1
    low = np.zeros(n, dtype=np.int32)  # earliest that the voxel, or one found through it, has beside it
    found_from = np.full(n, -1, dtype=np.int32)  # -1: from r
    next_way = np.zeros(n, dtype=np.int8)
    order = np.empty(n + 2, dtype=np.int32)
    count = 2
    for start in range(n - side, n):
        if met[start] != NOT_SEEN:
            continue
        v = start
        met[v], order[count] = count, v
        low[v] = 0 if v < side else 1
        count += 1
        while v >= 0:
            if next_way[v] == 6:
                u = found_from[v]
                if u >= 0:
                    low[u] = min(low[u], low[v])
                v = u
                continue
            w = _neighbour(v, next_way[v], nx, ny, nz, wrap_y, wrap_z)
            next_way[v] += 1
            if w < 0 or met[w] == OUTSIDE:
                continue
            if met[w] != NOT_SEEN:
                low[v] = min(low[v], met[w])
                continue
            found_from[w], met[w], order[count] = v, count, w
            low[w] = 0 if w < side else (1 if w >= n - side else count)
            count += 1
            v = w
    carries = np.zeros(n, dtype=np.bool_)
    for i in range(2, count):
        v = order[i]
        u = found_from[v]
        carries[v] = low[v] == 0 if u < 0 else carries[u] and low[v] < met[u]
    return carries.reshape(phase.shape)
