"""The elimination of `miecsim.solvers.ladders`, compiled with Numba: same arguments and results."""

from __future__ import annotations

import numpy as np

from miecsim.solvers.chain_compiled import compiled
from miecsim.typing import Array, Complex

RESCALE = 8


def passing(a: Array, b: Array, link: Array, omega: Array) -> Complex:
    """y/(y + k) (G, n_f); see `miecsim.solvers.ladders.Ladders.passing`."""
    return np.asarray(_passing(a, b, link, omega))


@compiled
def _passing(a: Array, b: Array, link: Array, omega: Array) -> Complex:
    n, groups, n_f = len(a), len(link), len(omega)
    out = np.empty((groups, n_f), dtype=np.complex128)
    wr, wi, Fr, Fi = np.empty(n_f), np.empty(n_f), np.empty(n_f), np.empty(n_f)
    for g in range(groups):
        for f in range(n_f):
            wr[f], wi[f], Fr[f], Fi[f] = 1.0, 0.0, 0.0, omega[f] * b[n - 1, g]
        for j in range(n - 1, -1, -1):
            step, store = a[j, g], b[j - 1, g] if j > 0 else 0.0
            for f in range(n_f):
                wr[f] += step * Fr[f]
                wi[f] += step * Fi[f]
                Fr[f] -= omega[f] * store * wi[f]
                Fi[f] += omega[f] * store * wr[f]
            if j % RESCALE == 0:
                for f in range(n_f):
                    size = 1.0 / (abs(wr[f]) + abs(wi[f]))
                    wr[f], wi[f], Fr[f], Fi[f] = wr[f] * size, wi[f] * size, Fr[f] * size, Fi[f] * size
        k = link[g]
        for f in range(n_f):
            re, im = Fr[f] + k * wr[f], Fi[f] + k * wi[f]
            d = 1.0 / (re * re + im * im)
            out[g, f] = complex((Fr[f] * re + Fi[f] * im) * d, (Fi[f] * re - Fr[f] * im) * d)
    return out
