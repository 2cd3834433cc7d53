"""Percolation on lattices: exact spanning probabilities, the threshold of the square lattice, self-dual boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import label

from miecsim.errors import InputError
from miecsim.microstructure.networks import Network
from miecsim.typing import Array, Bools, Ints, Values

LARGEST_EXACT = 4
# The mean spanning threshold of an L x L box nears that of the lattice as L^-(1/nu + 1), nu = 4/3 (Ziff 1992).
DRIFT = 1.75
SPREAD = 0.75  # spanning thresholds spread as L^-(1/nu)


@cache
def spanning_counts(n: int) -> tuple[int, ...]:
    """Configurations of an n x n square lattice with k occupied sites (k = 0..n^2) that join left and right: exact.

    Neighbours share an edge. Counted over all 2^(n^2) configurations, n <= 4; InputError beyond.
    """
    if n not in range(1, LARGEST_EXACT + 1):
        raise InputError(f"percolation: read n = {n!r}; spanning is counted for 1 to {LARGEST_EXACT}")
    occupied = np.arange(1 << (n * n), dtype=np.uint32)  # bit x + n y is site (x, y)
    columns = [np.uint32(sum(1 << (x + n * y) for y in range(n))) for x in range(n)]
    not_first, not_last = (~columns[0], ~columns[-1])
    joined = occupied & columns[0]
    while True:
        beside = ((joined & not_last) << np.uint32(1)) | ((joined & not_first) >> np.uint32(1))
        grown = occupied & (joined | beside | (joined << np.uint32(n)) | (joined >> np.uint32(n)))
        if np.array_equal(grown, joined):
            break
        joined = grown
    spans = (joined & columns[-1]) != 0
    return tuple(int(c) for c in np.bincount(np.bitwise_count(occupied)[spans], minlength=n * n + 1))


def spanning_probability(p: Array | float, n: int) -> Array:
    """Probability that n x n sites, each occupied with probability p, join left and right: exact, n <= 4.

    P = sum_k a_k p^k (1 - p)^(n^2 - k)   with a_k of `spanning_counts`; p of any shape
    """
    share = np.asarray(p, dtype=np.float64)
    if not np.all((share >= 0) & (share <= 1)):
        raise InputError("percolation: probabilities are from 0 to 1")
    terms = [a * share**k * (1 - share) ** (n * n - k) for k, a in enumerate(spanning_counts(n))]
    total: Array = np.sum(terms, axis=0)
    return total


@dataclass(frozen=True, eq=False)
class Threshold:
    """Finite-size scaling: value and its standard error; mean spanning threshold, its standard error, of each size."""

    value: float
    error: float
    size: Ints
    mean: Array
    mean_error: Array


def percolation_threshold(sizes: tuple[int, ...] = (24, 48, 96), samples: int = 500, seed: int = 0) -> Threshold:
    """Site percolation threshold of the square lattice, 0.592746 (edge neighbours), by finite-size scaling.

    In each of `samples` boxes of L x L sites, L of `sizes`, sites are occupied in random order until left and right are
    joined; the mean share m_L at which that happens follows m_L = p_c + b L^-1.75, fitted by weighted least squares.
    """
    if len(set(sizes)) < 2 or min(sizes) < 2 or samples < 2:
        raise InputError("percolation: a threshold takes two sizes or more, each of two sites or more, and two samples")
    draw = np.random.default_rng(seed)
    size = np.array(sorted(set(sizes)))
    found = [
        np.array([spanning_share(draw.permutation(L * L).reshape(L, L), L**-SPREAD / 20) for _ in range(samples)])
        for L in size
    ]
    mean = np.array([each.mean() for each in found])
    error = np.array([each.std(ddof=1) for each in found]) / np.sqrt(samples)
    design = np.column_stack([np.ones(len(size)), size**-DRIFT]) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    value = covariance @ design.T @ (mean / error)
    return Threshold(float(value[0]), float(np.sqrt(covariance[0, 0])), size, mean, error)


def spanning_share(rank: Ints, width: float = 0.0) -> float:
    """Share of sites occupied when left and right are first joined; rank: (n, m), the order of occupation from 0.

    Found by halving until it is known exactly, or to within `width`, of which it is the middle.
    """
    low, high = 0, rank.size  # joined with `high` sites, not with `low`
    while high - low > max(1.0, width * rank.size):
        middle = (low + high) // 2
        low, high = (low, middle) if _spans(rank < middle) else (middle, high)
    return (low + 1 + high) / (2 * rank.size)


def _spans(occupied: Bools) -> bool:
    cluster = label(occupied)[0]
    return bool(np.any(np.isin(cluster[0], cluster[-1]) & (cluster[0] > 0)))


def self_dual_box(g: Values, n: int) -> Network:
    """Bond lattices of n + 2 columns and n + 1 rows of nodes, the outer columns being the two contacts.

    g: conductances [S] (boxes, m), m = (n + 1)^2 + n^2: of every box first the bonds along x, row by row from contact 0
    to contact 1, then the n^2 between rows. All boxes stand side by side between the contacts: node k of box b is
    k + b n (n + 1). With each bond s1 or s2 with probability 1/2, <ln G> = ln(s1 s2)/2 for every n; of bonds that are
    there or not, half of all boxes conduct: the box is its own dual.
    """
    g = np.atleast_2d(g)
    across, along = (n + 1) ** 2, n * n
    if n < 1 or g.shape[1] != across + along:
        raise InputError(f"percolation: read {g.shape[1]} bonds; a self-dual box of n = {n} has {across + along}")
    node = np.arange(n * (n + 1)).reshape(n + 1, n)  # row, column
    rows = g[:, :across].reshape(-1, n + 1, n + 1)
    offset = n * (n + 1) * np.arange(len(g))[:, None]
    pairs = [(node[:, :-1], node[:, 1:], rows[:, :, 1:-1]), (node[:-1], node[1:], g[:, across:])]
    ends = [(node[:, 0], 0, rows[:, :, 0]), (node[:, -1], 1, rows[:, :, -1])]
    return Network(
        n=n * (n + 1) * len(g),
        left=np.concatenate([(offset + a.ravel()).ravel() for a, _, _ in pairs]),
        right=np.concatenate([(offset + b.ravel()).ravel() for _, b, _ in pairs]),
        g=np.concatenate([values.reshape(len(g), -1).ravel() for _, _, values in pairs]),
        node=np.concatenate([(offset + at).ravel() for at, _, _ in ends]),
        side=np.repeat([0, 1], (n + 1) * len(g)),
        g_contact=np.concatenate([values.ravel() for _, _, values in ends]),
    )
