"""Shortest conduction paths against plane geometry and a graph of sight lines, and what is concluded from them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from miecsim.circuit.mixed import mixed_conductor_parameters
from miecsim.errors import InputError
from miecsim.microstructure.paths import histogram, limits, path_lengths, quantiles, shortest_paths
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.travel import travel_length, travel_lengths

NAMES = ("se", "am", "void")


def picture(mask, voxel=None, periodic=()):
    """`se` where the mask is true (or where labels are 0), `am` elsewhere."""
    labels = np.where(mask, 0, 1).astype(np.uint8) if mask.dtype == bool else mask
    return Microstructure(labels, voxel or (1.0,) * labels.ndim, NAMES, periodic)


def grid_of(structure):
    axes = ((np.arange(n) + 0.5) * h for n, h in zip(structure.shape, structure.voxel, strict=True))
    return np.meshgrid(*axes, indexing="ij")


@pytest.mark.parametrize("voxel", [(0.37e-6, 0.37e-6), (0.2e-6, 1.3e-6), (0.9e-6, 0.31e-6, 0.5e-6)])
def test_straight_channels_are_exact(voxel):
    """From either side, in two and three dimensions."""
    mask = np.zeros((13, 7, 5)[: len(voxel)], dtype=bool)
    mask[:, 2:6] = True
    s = picture(mask, voxel)
    x = grid_of(s)[0]
    for side, expected in (("left", x), ("right", 13 * voxel[0] - x)):
        L = shortest_paths(s, {"se": 0.31}, side)
        np.testing.assert_allclose(L[mask], expected[mask], rtol=1e-13)
        assert np.all(np.isinf(L[~mask]))


def corner(n, pieces, voxel_ratio=1.0):
    """A channel along x that turns up: largest error of L* in the upright leg, relative to straight lines past the
    corner."""
    wide, high = 4 * n // 10, round(n / voxel_ratio)
    mask = np.zeros((n, high), dtype=bool)
    mask[:, : round(0.3 * high)] = True
    mask[wide:, :] = True
    s = picture(mask, (1.0 / n, 1.0 / high))
    x, y = grid_of(s)
    cx, cy = wide / n, round(0.3 * high) / high
    exact = cx + np.hypot(x - cx, y - cy)
    L = shortest_paths(s, {"se": 2.0}, refine=pieces)
    np.testing.assert_allclose(L[y < cy], x[y < cy], rtol=1e-12)
    return (np.abs(L - exact) / exact)[(x > cx) & (y > cy)].max()


def test_round_a_corner():
    """First order but for a logarithm; within 1 % at 100 voxels, a third of that as it comes."""
    errors = [corner(n, 1) for n in (50, 100, 200)]
    assert errors[1] < 0.01 and errors[0] / errors[1] > 1.7 and errors[1] / errors[2] > 1.7
    assert corner(100, None) < 0.004 and corner(100, 3) == corner(100, None)
    assert corner(100, None, voxel_ratio=2.5) < 0.01


def taut(corners, point):
    """Length of the shortest path from the left side over the top of a convex obstacle to a point behind it."""
    start = np.array([0.0, corners[:, 1].max()])
    hull = [start]
    for at in sorted(map(tuple, [*corners[corners[:, 0] < point[0]], point])):
        while len(hull) > 1 and np.linalg.det([hull[-1] - hull[-2], at - hull[-2]]) >= 0:
            hull.pop()
        hull.append(np.array(at))
    return np.hypot(*np.diff(hull, axis=0).T).sum()


def test_round_a_disc():
    """Along the obstacle to its crest, round it, straight on from the tangent point: within a third of a voxel
    of a string round the staircase, and as the staircase becomes finer, towards that round the disc."""
    R, cx, cy = 0.203, 0.41, 0.5
    errors = []
    for n in (50, 100, 200):
        x, y = (np.arange(n) + 0.5)[:, None] / n, (np.arange(n) + 0.5)[None, :] / n
        mask = (x - cx) ** 2 + (y - cy) ** 2 > R**2
        L = shortest_paths(picture(mask, (1.0 / n, 1.0 / n)), {"se": 1.0})
        d = np.hypot(x - cx, y - cy)
        tangent = np.arccos(np.minimum(R / d, 1)) + np.arctan2(abs(y - cy), x - cx)
        exact = cx + R * (np.pi / 2 - tangent) + np.sqrt(np.maximum(d**2 - R**2, 0))
        behind = (x > cx + 1.5 * R) & (abs(y - cy) < 0.5 * R)
        errors.append((np.abs(L - exact) / exact)[behind].max())
        if n != 100:
            continue
        corners = np.concatenate([np.argwhere(~mask) + c for c in itertools.product((0, 1), repeat=2)])
        over = np.unique(corners, axis=0).astype(float)
        below = over * (1, -1) + (0, n)
        for i, j in itertools.product(range(int((cx + 1.05 * R) * n) + 1, n, n // 7), (2 * n // 5, n // 2, 3 * n // 5)):
            string = min(taut(over, (i + 0.5, j + 0.5)), taut(below, (i + 0.5, n - j - 0.5)))
            assert -1e-9 < n * L[i, j] - string < 0.35
    assert errors[1] < 0.008 and errors[2] < 0.005 and errors[0] / errors[2] > 2


def test_through_an_aperture_in_three_dimensions():
    """A wall that is open in a corner of its plane: behind it, straight lines from the nearest point of the opening."""
    worst = []
    for n in (15, 30, 60):
        mask = np.ones((n, n, n), dtype=bool)
        wall, open_y, open_z = n // 5, 3 * n // 5, 2 * n // 3
        mask[wall] = False
        mask[wall, open_y:, open_z:] = True
        s = picture(mask, (1.0 / n, 1.2 / n, 0.9 / n))
        x, y, z = grid_of(s)
        at = (wall + 1) / n
        off = np.hypot(np.maximum(open_y * 1.2 / n - y, 0), np.maximum(open_z * 0.9 / n - z, 0))
        exact = at + np.hypot(x - at, off)
        error = (shortest_paths(s, {"se": 1.0}) - exact)[x > at] / exact[x > at]
        assert error.min() > -1e-12
        worst.append(error[x[x > at] > 0.6].max())
    assert worst[2] < 0.02 and worst[0] / worst[1] > 1.6 and worst[1] / worst[2] > 1.6


def test_paths_run_ahead_in_the_better_conductor():
    """Layers along x: into the poorer conductor by the critical angle of the better one, or straight, whichever is
    shorter."""
    errors = []
    for n in (40, 80, 160):
        labels = np.zeros((2 * n, n), dtype=np.uint8)
        labels[:, n // 5 :] = 1
        s = picture(labels, (1.0 / n, 1.0 / n))
        x, y = grid_of(s)
        d = np.maximum(y - (n // 5) / n, 0.0)
        w = np.where(d > 0, 2.6 / 1.1, 1.0)
        exact = np.minimum(w * x, x + d * np.sqrt(w**2 - 1))
        L = shortest_paths(s, {"se": 2.6, "am": 1.1}, refine=1)
        errors.append((np.abs(L - exact) / exact)[x > 0.5].max())
        twice = shortest_paths(s, {"se": 2.6, "am": 1.1}, reference=5.2, refine=1)
        np.testing.assert_allclose(twice, 2 * L, rtol=1e-13)
    assert errors[2] < 0.01 and errors[0] / errors[1] > 1.6 and errors[1] / errors[2] > 1.6


def sight_lines(mask):
    """Exact L* at the centres of unit voxels from the left side, by a graph of all sight lines between corners."""
    nx, ny = mask.shape
    framed = np.pad(mask, 1)
    corners = [
        (i, j) for i in range(nx + 1) for j in range(ny + 1) if framed[i : i + 2, j : j + 2].sum() == 3
    ]  # around which a path can bend
    points = np.array([*corners, *(np.argwhere(mask) + 0.5)], dtype=float)
    t = (np.arange(1, 150) / 150 + 1e-4)[None, :]

    def free(a, b):
        """Whether the closed phase holds the segments from a (m, 2) to b (m, 2)."""
        inside = np.zeros((len(a), t.size), dtype=bool)
        for shift in itertools.product((-1e-6, 1e-6), repeat=2):
            at = (a[:, None] + (b - a)[:, None] * t[..., None] + np.array(shift)).reshape(-1, 2)
            i, j = np.floor(at).astype(int).T + 1
            ok = framed[np.clip(i, 0, nx + 1), np.clip(j, 0, ny + 1)]
            inside |= ok.reshape(inside.shape)
        return inside.all(axis=1)

    m = len(corners)
    first, second = np.meshgrid(np.arange(m), np.arange(len(points)), indexing="ij")
    pairs = np.stack([first.ravel(), second.ravel()])[:, (first != second).ravel()]
    seen = pairs[:, free(points[pairs[0]], points[pairs[1]])]
    walls = points * (0, 1)  # straight from the side
    direct = np.flatnonzero(free(points, walls))
    rows = np.concatenate([seen[0], np.full(len(direct), len(points))])
    columns = np.concatenate([seen[1], direct])
    lengths = np.concatenate([np.hypot(*(points[seen[0]] - points[seen[1]]).T), points[direct, 0]])
    graph = csr_array((lengths + 1e-300, (rows, columns)), shape=(len(points) + 1,) * 2)
    exact = np.full(mask.shape, np.inf)
    exact[mask] = dijkstra(graph, directed=False, indices=len(points))[m:-1]
    return exact


@pytest.mark.parametrize("seed", range(4))
def test_a_maze_against_sight_lines(seed):
    """Coarse pictures: the same voxels reached, and L* within half a voxel, on average a tenth, above the exact one."""
    mask = np.random.default_rng(seed).random((14, 11)) < 0.66
    for _ in range(9):  # no two voxels that touch in a corner only
        for i, j in itertools.product(range(13), range(10)):
            block = mask[i : i + 2, j : j + 2]
            if block.sum() == 2 and block[0, 0] == block[1, 1]:
                block[:] = True
    exact, L = sight_lines(mask), shortest_paths(picture(mask), {"se": 1.0})
    np.testing.assert_array_equal(np.isfinite(exact), np.isfinite(L))
    on = np.isfinite(exact)
    assert on.sum() > 60 and exact[on].max() > 13.5
    excess = L[on] - exact[on]
    assert excess.min() > -1e-9 and excess.max() < 0.5 and excess.mean() < 0.11


def test_no_way_through_corners():
    """Voxels that touch in a point do not conduct; past a corner of one conductor a path is a diagonal."""
    mask = np.array([[True, False], [False, True]])
    assert np.isinf(shortest_paths(picture(mask), {"se": 1.0})[1, 1])
    bend = picture(np.array([[True, False], [True, True]]))
    np.testing.assert_allclose(shortest_paths(bend, {"se": 1.0}, refine=1)[1], [1.5, 0.5 + np.sqrt(2)], rtol=1e-14)
    np.testing.assert_allclose(shortest_paths(bend, {"se": 1.0}, refine=81)[1], [1.5, 1 + np.sqrt(0.5)], rtol=3e-3)


def test_paths_go_on_where_the_picture_repeats():
    """Across y, to where the wall is nearest to end; not across x; and wherever the picture is cut."""
    mask = np.ones((30, 40), dtype=bool)
    mask[10, :33] = False
    alone, repeated = (shortest_paths(picture(mask, periodic=p), {"se": 1.0}) for p in ((), (0, 1)))
    x, y = grid_of(picture(mask))
    behind = x > 11
    off = np.maximum(33 - y, 0)
    for L, beside in ((alone, off), (repeated, np.minimum(off, y))):
        exact = 11 + np.hypot(x - 11, beside)
        assert np.abs(L - exact)[behind].max() < 1.0
    for shift in (1, 17, -5):
        rolled = shortest_paths(picture(np.roll(mask, shift, 1), periodic=(1,)), {"se": 1.0})
        np.testing.assert_allclose(rolled, np.roll(repeated, shift, 1), rtol=1e-13)
    mirrored = shortest_paths(picture(mask[::-1].copy(), periodic=(1,)), {"se": 1.0}, "right")
    np.testing.assert_allclose(mirrored, repeated[::-1], rtol=1e-13)


def layers(n=40, h=0.25e-6):
    """Ion conductor below, electron conductor above, both straight from side to side."""
    mask = np.zeros((n, 8), dtype=bool)
    mask[:, :3] = True
    return picture(mask, (h, 2 * h))


def test_sites_between_straight_layers():
    """L*_ion = x and L*_eon = L - x to rounding; E6: it is resistances that decide, and where."""
    s = layers()
    L, sigma_ion, sigma_eon = s.extent[0], 0.013, 0.37
    p = path_lengths(s, {"se": sigma_ion}, {"am": sigma_eon})
    x = (np.arange(40) + 0.5) * 0.25e-6
    np.testing.assert_allclose(p.position, np.stack([x, np.full(40, 1.5e-6)], axis=1), rtol=1e-13)
    np.testing.assert_allclose(p.L_ion, x, rtol=1e-12)
    np.testing.assert_allclose(p.L_eon, L - x, rtol=1e-12)
    np.testing.assert_allclose([p.tortuosity_ion, p.tortuosity_eon], 1.0, rtol=1e-12)
    np.testing.assert_allclose(p.area.sum(), L, rtol=1e-12)
    np.testing.assert_allclose(p.r_ion, x / sigma_ion, rtol=1e-12)
    found = limits(p)
    ion = np.mean(x / sigma_ion > (L - x) / sigma_eon)  # all but the first voxel or two
    assert (found.ion, found.eon) == pytest.approx((ion, 1 - ion)) and found.ion_current is None
    assert found.misjudged == pytest.approx(ion - 0.5)
    current = np.exp(-x / (0.1 * L))
    by_current = limits(p, -current)
    held = x / sigma_ion > (L - x) / sigma_eon
    assert by_current.ion_current == pytest.approx(current[held].sum() / current.sum(), rel=1e-12)
    assert by_current.ion_current + by_current.eon_current == pytest.approx(1.0)
    equal = limits(path_lengths(s, {"se": 1.0}, {"am": 1.0}))
    assert (equal.ion, equal.eon, equal.misjudged) == pytest.approx((0.5, 0.5, 0.0))


@pytest.mark.parametrize("axis", [1, 2])
def test_sites_at_ends_and_across_the_seam(axis):
    """The end of a channel lies half a voxel beyond the last centre; a repeating picture has faces across its seam."""
    labels = np.full((20, 6, 6), 2, dtype=np.uint8)
    seam = (slice(None), slice(None, 2), slice(2, 3)) if axis == 1 else (slice(None), slice(2, 3), slice(None, 2))
    labels[seam] = 1
    labels[:12, 2, 2] = 0
    s = Microstructure(np.roll(labels, -2, axis), (0.5, 0.7, 1.1), NAMES, (axis,))
    p = path_lengths(s, {"se": 1.0}, {"am": 1.0, "void": 0.25}, sites=[("se", "am"), ("se", "void")])
    assert len(p.area) == 12 * 4 + 1
    np.testing.assert_allclose(p.L_ion, p.position[:, 0], rtol=1e-12)
    of_cells = s.labels.ravel(order="F")[p.cells]
    assert np.all(np.sort(of_cells, axis=1)[:, 0] == 0) and np.all(of_cells.max(axis=1) > 0)
    assert np.all(p.cells[:, 0] != p.cells[:, 1])
    end = p.position[:, 0] == 6.0
    assert end.sum() == 1 and np.all(p.L_eon >= p.depth_eon)


def test_every_voxel_of_a_mixed_conductor_serves_both():
    """Surface of a mixed conductor in a gas: paths of ions and electrons end in the same voxel, here both straight."""
    labels = np.full((12, 9), 2, dtype=np.uint8)
    labels[:, 2:5] = 1
    s = Microstructure(labels, (1e-7, 2e-7), NAMES)
    p = path_lengths(s, {"am": 0.2}, {"am": 30.0}, sites=[("am", "void")])
    assert len(p.area) == 24
    np.testing.assert_allclose(p.L_ion, p.position[:, 0], rtol=1e-12)
    np.testing.assert_allclose(p.L_ion + p.L_eon, 12e-7, rtol=1e-12)
    with pytest.raises(InputError, match="no reaction site"):
        path_lengths(s, {"am": 0.2}, {"am": 30.0})


def test_sites_without_a_path_are_counted():
    """An island of active material: its area counts, its paths are infinite, and nothing else changes."""
    s = layers()
    labels = s.labels.copy()
    labels[10:14, 1] = 1
    island = path_lengths(Microstructure(labels, s.voxel, NAMES), {"se": 0.1}, {"am": 1.0}, staircase=True)
    areas = 40 * 0.25 + 8 * 0.25 + 2 * 0.5  # um: the layers, both flanks and both ends of the island
    assert island.unreached() == pytest.approx({"ion": 0.0, "eon": 3 / areas, "either": 3 / areas}, rel=1e-12)
    assert np.all(np.isinf(island.L_eon[~island.reached])) and np.all(np.isfinite(island.L_ion))
    assert limits(island) == limits(path_lengths(s, {"se": 0.1}, {"am": 1.0}))  # the layers are as they were
    smooth = path_lengths(Microstructure(labels, s.voxel, NAMES), {"se": 0.1}, {"am": 1.0})
    np.testing.assert_array_equal(smooth.L_ion, island.L_ion)
    assert np.all(smooth.area <= island.area * (1 + 1e-12)) and smooth.area.sum() < 0.99 * island.area.sum()
    blocked = labels.copy()
    blocked[0, :3] = 2
    with pytest.raises(InputError, match="reach no common site"):
        limits(path_lengths(Microstructure(blocked, s.voxel, NAMES), {"se": 0.1}, {"am": 1.0}))


def test_distributions_are_weighted_with_area():
    values = np.array([3.0, 1.0, np.inf, 2.0])
    weight = np.array([0.1, 0.3, 5.0, 0.6])
    np.testing.assert_array_equal(quantiles(values, weight, (0.29, 0.31, 0.89, 0.95)), [1, 2, 2, 3])
    np.testing.assert_allclose(histogram(values, weight, np.array([0.5, 1.5, 3.5])), [0.3, 0.35])
    for read in (lambda v: quantiles(v, weight), lambda v: histogram(v, weight, np.array([0.0, 1.0]))):
        with pytest.raises(InputError, match="no site is reached"):
            read(np.full(4, np.inf))


def entered(sigma_ion, sigma_eon, wired, t, n=300, steps=300):
    """Charge that a half-space takes up after a unit step of Phi_ion - Phi_eon at its surface, by finite volumes:
    c d(Phi_ion - Phi_eon)/dt = div sigma_ion grad Phi_ion = -div sigma_eon grad Phi_eon with c = 1; a wired
    carrier, unless both are, keeps its surface value everywhere."""
    h = 12.0 * np.sqrt(max(sigma_ion, sigma_eon) * t) / n
    laplace = (np.diag(np.full(n - 1, 1.0), 1) + np.diag(np.full(n - 1, 1.0), -1) - 2 * np.eye(n)) / h**2
    laplace[0, 0], laplace[-1, -1] = -3 / h**2, -1 / h**2
    source = np.zeros(2 * n)
    source[0] = 2 / h**2 * sigma_ion
    one, none = np.eye(n), np.zeros((n, n))
    storage = np.block([[one, -one], [-one, one]])
    flow = np.block([[sigma_ion * laplace, none], [none, sigma_eon * laplace]])
    if wired == "ion":
        flow[:n], storage[:n], source[:n] = np.block([one, none]), 0.0, -1.0
    if wired == "electron":
        flow[n:], storage[n:] = np.block([none, one]), 0.0
    step = np.linalg.inv(storage / (t / steps) - flow)
    u = np.zeros(2 * n)
    for _ in range(steps):
        u = step @ (storage @ u / (t / steps) + source)
    return h * np.sum(u[:n] - u[n:])


def test_travel_lengths_are_what_storage_reaches():
    """2/sqrt(pi) L_travel enters a half-space, by direct solution of both carriers, for each way of wiring."""
    sigma_ion, sigma_eon, t = 0.4, 1.7, 2.3
    found = travel_lengths(sigma_ion, sigma_eon, 1.0, t)
    for wired, length in (("ion", found.ion_wired), ("electron", found.electron_wired), ("both", found.both)):
        assert entered(sigma_ion, sigma_eon, wired, t) == pytest.approx(2 / np.sqrt(np.pi) * length, rel=5e-3)


def test_the_neutral_component_travels_by_chemical_diffusion():
    """Wired at the surface only: D_chem of a dilute mixed conductor, t_e D_i + t_i D_e."""
    c, D_ion, D_eon, t = 1.3e3, 2e-13, 5e-11, 3600.0
    host = mixed_conductor_parameters((1, -1), (c, c), (D_ion, D_eon), 298.15)
    found = travel_lengths(host.sigma_ion, host.sigma_eon, host.c_chem, t)
    assert found.both == pytest.approx(np.sqrt(2 * D_ion * D_eon / (D_ion + D_eon) * t), rel=1e-9)
    assert found.both == pytest.approx(travel_length(host.D_chem, t), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": "top"}, 'side "top"; the sides are left, right'),
        ({"sigma": {}}, "no phase conducts"),
        ({"sigma": {"se": 0.0}}, 'conductivity 0.0 of "se"'),
        ({"sigma": {"electrolyte": 1.0}}, 'read phase "electrolyte"; the phases are se, am, void'),
        ({"reference": -1.0}, "read reference -1.0"),
        ({"refine": 2}, "read refine 2; expected an odd number"),
    ],
)
def test_wrong_input_is_one_line(change, words):
    with pytest.raises(InputError, match=words):
        shortest_paths(layers(), **({"sigma": {"se": 1.0}} | change))


def test_wrong_currents_and_times_are_one_line():
    p = path_lengths(layers(), {"se": 1.0}, {"am": 1.0})
    for current in (np.ones(3), np.zeros(40), np.full(40, np.nan)):
        with pytest.raises(InputError, match="expected 40 finite numbers"):
            limits(p, current)
    with pytest.raises(InputError, match="both must be positive"):
        travel_length(1e-14, 0.0)
    with pytest.raises(InputError, match="read c_chem = -1.0"):
        travel_lengths(1.0, 1.0, -1.0, 1.0)
