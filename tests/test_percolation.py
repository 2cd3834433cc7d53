"""Exact percolation: counted boxes, self-dual boxes, and the threshold of the square lattice."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from miecsim.errors import InputError
from miecsim.microstructure.networks import power, through
from miecsim.microstructure.percolation import (
    percolation_threshold,
    self_dual_box,
    spanning_counts,
    spanning_probability,
    spanning_share,
)


def spans(sites):
    """By a walk from every occupied site of the first column."""
    seen, todo = set(), [(0, y) for y in range(len(sites[0])) if sites[0][y]]
    while todo:
        x, y = todo.pop()
        if (x, y) in seen:
            continue
        seen.add((x, y))
        near = ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1))
        todo += [(i, j) for i, j in near if 0 <= i < len(sites) and 0 <= j < len(sites[0]) and sites[i][j]]
    return any((len(sites) - 1, y) in seen for y in range(len(sites[0])))


def test_spanning_polynomials():
    assert spanning_counts(2) == (0, 0, 2, 4, 1)  # 2 p^2 - p^4
    p = np.array([0.0, 0.213, 0.59, 0.871, 1.0])
    np.testing.assert_allclose(spanning_probability(p, 2), 2 * p**2 - p**4, rtol=1e-14)
    np.testing.assert_allclose(spanning_probability(p, 1), p, rtol=1e-15)
    counted = [0] * 10
    for sites in itertools.product((0, 1), repeat=9):
        counted[sum(sites)] += spans(np.reshape(sites, (3, 3)).tolist())
    assert spanning_counts(3) == tuple(counted)
    assert spanning_counts(4)[16] == 1 and spanning_counts(4)[4] == 4
    draw, hits = np.random.default_rng(11), 0
    for _ in range(2000):
        hits += spans((draw.random((4, 4)) < 0.6).tolist())
    assert hits / 2000 == pytest.approx(float(spanning_probability(0.6, 4)), abs=3.5 * 0.5 / 2000**0.5)
    share = Fraction(3, 5)
    exact = sum(a * share**k * (1 - share) ** (16 - k) for k, a in enumerate(spanning_counts(4)))
    assert float(spanning_probability(0.6, 4)) == pytest.approx(float(exact), rel=1e-14)


def test_first_spanning_share():
    draw = np.random.default_rng(2)
    for n in (3, 7):
        rank = draw.permutation(n * n).reshape(n, n)
        first = next(k for k in range(n * n + 1) if spans((rank < k).tolist()))
        assert spanning_share(rank) == first / n**2
        assert spanning_share(rank, 0.2) == pytest.approx(first / n**2, abs=0.1 + 1 / n**2)


def boxes(n):
    """Every configuration of a self-dual box: bonds (2^m, m)."""
    m = (n + 1) ** 2 + n * n
    return ((np.arange(2**m)[:, None] >> np.arange(m)) & 1).astype(bool)


@pytest.mark.parametrize("n", [1, 2])
def test_half_of_all_self_dual_boxes_conduct(n):
    network = self_dual_box(boxes(n) * 1.0, n)
    first, second = network.reached()
    crossed = (first & second).reshape(len(boxes(n)), -1).any(axis=1)
    assert 2 * crossed.sum() == len(crossed)


@pytest.mark.parametrize(("s1", "s2"), [(1.7, 0.031), (2.3, 4e-6), (1.0, 0.4j)])
@pytest.mark.parametrize("n", [1, 2])
def test_mean_logarithm_of_self_dual_boxes(n, s1, s2):
    """<ln G> = ln(s1 s2)/2 for every finite n, over all configurations."""
    network = self_dual_box(np.where(boxes(n), s1, s2), n)
    solved = through(network)
    nodes = np.concatenate([network.left, network.node])
    inside = nodes // (n * (n + 1))
    spent = power(network, solved.potential)
    G = np.bincount(inside, spent.real) + 1j * np.bincount(inside, np.imag(spent))
    assert len(G) == 2 ** ((n + 1) ** 2 + n * n)
    assert abs(np.mean(np.log(G)) - np.log(s1 * s2 + 0j) / 2) < 1e-12
    assert abs(np.sum(G) - solved.conductance) < 1e-12 * abs(np.sum(G))


def test_wheatstone_bridge():
    """n = 1: two arms of two resistors and a bridge, by the textbook's star and delta."""
    a, b, c, d, bridge = 1.1, 2.3, 0.4, 0.9, 3.7  # conductances: a, b along the first row, c, d along the second
    ra, rb, rc, rd, r5 = (1 / x for x in (a, b, c, d, bridge))
    total = ra + rc + r5
    star = ra * rc / total, ra * r5 / total, rc * r5 / total
    one, two = star[1] + rb, star[2] + rd
    expected = 1 / (star[0] + one * two / (one + two))
    assert through(self_dual_box(np.array([[a, b, c, d, bridge]]), 1)).conductance == pytest.approx(expected, rel=1e-14)


def test_threshold_of_the_square_lattice():
    found = percolation_threshold(samples=300, seed=4)
    assert found.value == pytest.approx(0.59274605, abs=0.003)
    assert found.error < 0.0012 and abs(found.value - 0.59274605) < 3.5 * found.error
    assert found.size.tolist() == [24, 48, 96] and np.all(np.diff(found.mean_error) < 0)


def test_impossible_percolation():
    for call, words in (
        (lambda: spanning_counts(5), "1 to 4"),
        (lambda: spanning_probability(1.2, 2), "from 0 to 1"),
        (lambda: percolation_threshold((32,)), "two sizes"),
        (lambda: self_dual_box(np.ones((1, 4)), 1), "has 5"),
    ):
        with pytest.raises(InputError, match=words):
            call()
