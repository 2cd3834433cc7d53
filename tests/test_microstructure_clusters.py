"""Clusters, percolation and dead ends, against plain searches of the same pictures."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from miecsim.errors import InputError
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.structure import Microstructure


def picture(*rows, periodic=(), names=("void", "solid")):
    """Rows from the top, as they are read: '#' is solid. x runs to the right, y up."""
    labels = np.array([[c == "#" for c in row] for row in rows[::-1]], dtype=np.uint8).T
    return Microstructure(labels, (1e-6, 1e-6), names, periodic)


def random_picture(seed, shape, p, periodic=()):
    labels = (np.random.default_rng(seed).random(shape) < p).astype(np.uint8)
    return Microstructure(labels, (1e-6,) * len(shape), ("void", "solid"), periodic)


def neighbours(s, v, through):
    for axis, step in product(range(s.dim), (-1, 1)):
        w = list(v)
        w[axis] += step
        if axis in s.periodic and axis != through:
            w[axis] %= s.shape[axis]
        if 0 <= w[axis] < s.shape[axis]:
            yield tuple(w)


def flood(s, through, side):
    """Solid voxels that hang together with a side: a search by hand."""
    layer = 0 if side == "left" else s.shape[through] - 1
    todo = [tuple(v) for v in np.argwhere(s.labels == 1) if v[through] == layer]
    seen = set(todo)
    while todo:
        for w in neighbours(s, todo.pop(), through):
            if s.labels[w] == 1 and w not in seen:
                seen.add(w)
                todo.append(w)
    mask = np.zeros(s.shape, dtype=bool)
    mask[tuple(np.array(sorted(seen), dtype=int).reshape(-1, s.dim).T)] = True
    return mask


def current(s, through):
    """Largest current through a face of each solid voxel, faces of random conductance: what a meter would see."""
    both = flood(s, through, "left") & flood(s, through, "right")
    cells = {tuple(v): i for i, v in enumerate(np.argwhere(both))}
    draw, pairs = np.random.default_rng(5), []
    for v, i in cells.items():
        pairs += [(i, cells[w], draw.uniform(0.5, 2)) for w in neighbours(s, v, through) if cells.get(w, -1) > i]
        pairs += [(i, -1, draw.uniform(0.5, 2))] if v[through] == 0 else []
        pairs += [(i, -2, draw.uniform(0.5, 2))] if v[through] == s.shape[through] - 1 else []
    n = len(cells)
    G, b = sparse.lil_array((n, n)), np.zeros(n)
    for i, j, g in pairs:
        G[i, i] += g
        if j >= 0:
            G[j, j] += g
            G[i, j] -= g
            G[j, i] -= g
        elif j == -1:
            b[i] += g
    phi = np.append(spsolve(G.tocsc(), b), [0.0, 1.0])  # [-2] the right terminal, [-1] the left one
    largest = np.zeros(n + 2)
    for i, j, g in pairs:
        flows = g * abs(phi[i] - phi[j])
        largest[i], largest[j] = max(largest[i], flows), max(largest[j], flows)
    out = np.zeros(s.shape)
    for v, i in cells.items():
        out[v] = largest[i]
    return out


def test_a_picture_with_one_cluster_of_each_kind():
    s = picture(
        "##....#",
        ".....##",
        "..#....",
        "#######",
        "...#...",
        "...##..",
    )
    report = clusters(s, "solid").report()
    assert report == {
        "percolating": 11 / 16,
        "left": 2 / 16,
        "right": 3 / 16,
        "isolated": 0.0,
        "dead_end": 4 / 16,
    }
    assert clusters(picture(".....", ".###.", "....."), "solid").report()["isolated"] == 1.0


def test_a_loop_carries_and_what_hangs_on_it_does_not():
    s = picture(
        ".####..",
        ".#..#.#",
        "##..###",
        ".#..#..",
        ".####..",
        "..#....",
    )
    found = clusters(s, "solid")
    dead = found.percolating & ~found.carrying
    assert sorted(map(tuple, np.argwhere(dead))) == [(2, 0)]
    # the stub at the right side leads to the terminal: a second way out
    assert found.carrying[6, 4]


@pytest.mark.parametrize("shape", [(13, 11), (7, 6, 5)])
@pytest.mark.parametrize("periodic", [(), (1,), (0, 1)])
def test_random_pictures_against_a_search_and_a_current(shape, periodic):
    dead = 0
    for seed in range(12):
        s = random_picture(seed, shape, 0.66 if len(shape) == 2 else 0.42, periodic)
        for axis in (0, 1):
            found = clusters(s, "solid", axis)
            left, right = flood(s, axis, "left"), flood(s, axis, "right")
            assert np.array_equal(found.reaching("left"), left)
            assert np.array_equal(found.reaching("right"), right)
            assert np.array_equal(found.percolating, left & right)
            assert np.array_equal(found.isolated, s.where("solid") & ~(left | right))
            report = found.report()
            assert sum(report[k] for k in ("percolating", "left", "right", "isolated")) == pytest.approx(1, abs=1e-14)
            if found.percolating.any():
                assert np.array_equal(found.carrying, current(s, axis) > 1e-11)
                dead += np.count_nonzero(found.percolating & ~found.carrying)
    assert dead > 50


def test_a_seam_joins_only_across_the_current():
    rows = ("##...", "....#", ".....", "#...#")
    open_, round_ = clusters(picture(*rows), "solid"), clusters(picture(*rows, periodic=(1,)), "solid")
    assert len(open_.sizes) - 1 == 4 and len(round_.sizes) - 1 == 3
    # the seam along x would join left and right without any path between them
    assert not clusters(picture(*rows, periodic=(0, 1)), "solid").percolating.any()


def test_phases_taken_together():
    labels = np.array([[0], [1], [2], [1]], dtype=np.uint8)
    s = Microstructure(labels, (1e-6, 1e-6), ("solid", "active", "carbon"))
    assert clusters(s, "active").report()["percolating"] == 0.0
    assert clusters(s, ["solid", "active", "carbon"]).report()["percolating"] == 1.0
    assert clusters(s, ("active", "carbon")).report()["right"] == 1.0


def test_a_picture_without_the_phase():
    s = Microstructure(np.zeros((4, 3), dtype=np.uint8), (1e-6, 1e-6), ("solid", "active"))
    assert set(clusters(s, "active").report().values()) == {0.0}
    assert not clusters(s, "active").carrying.any()


@pytest.mark.parametrize("p, share", [(0.52, 0.0), (0.66, 1.0)])
def test_percolation_of_the_square_lattice(p, share):
    """Below 0.5927 no cluster joins the sides of a large picture, above it nearly all of it does."""
    found = [clusters(random_picture(seed, (256, 256), p), "solid").report()["percolating"] for seed in range(4)]
    assert np.allclose(found, share, atol=0.06)


def test_what_cannot_be_asked():
    s = picture("##", "..")
    with pytest.raises(InputError, match="axes 0 to 1"):
        clusters(s, "solid", 2)
    with pytest.raises(InputError, match='"sold"; the phases are void, solid'):
        clusters(s, "sold")
    with pytest.raises(InputError, match="the sides are left and right"):
        clusters(s, "solid").reaching("top")
