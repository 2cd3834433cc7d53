"""Pictures made up: fractions to the voxel, distances between particles, and what geometry says of each definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import pdist, squareform

from miecsim.errors import InputError
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.generators import (
    checkerboard,
    coated,
    cracked,
    graded,
    laminate,
    packed_discs,
    packed_spheres,
    random_sites,
)
from miecsim.microstructure.packing import Packing, Sizes, filled
from miecsim.microstructure.structure import Microstructure

H = 1.7e-7


def packing(shape, fraction, diameter, seed=1, overlap=0.0, spread=0.0, periodic=True):
    sizes = Sizes(np.array([diameter]), spread)
    margin = np.full(len(shape), 0.0 if periodic else 0.5 * sizes.largest)
    made = Packing(shape, np.ones(len(shape)), margin, overlap, np.random.default_rng(seed))
    return filled(made, sizes, round(fraction * np.prod(shape)))


def nearest_approach(p):
    """Least distance of two centres over the sum of their radii, through the seams."""
    apart2 = 0.0
    for k, length in enumerate(p.box):
        d = squareform(pdist(p.centres[:, k : k + 1]))
        apart2 = apart2 + np.minimum(d, length - d) ** 2
    ratio = np.sqrt(apart2) / (p.radii[:, None] + p.radii)
    return np.min(ratio[np.triu_indices(len(p.radii), 1)])


@pytest.mark.parametrize(
    "shape, fraction, diameter, overlap, spread",
    [
        ((120, 90), 0.37, 13.3, 0.0, 0.0),  # where there is room
        ((120, 90), 0.71, 13.3, 0.0, 0.2),  # pushed apart
        ((120, 90), 0.83, 13.3, 0.25, 0.0),
        ((26, 30, 24), 0.28, 9.7, 0.0, 0.3),
        ((26, 30, 24), 0.55, 9.7, 0.0, 0.0),
        ((26, 30, 24), 0.66, 9.7, 0.3, 0.0),
    ],
)
@pytest.mark.parametrize("periodic", [False, True])
def test_no_two_particles_are_nearer_than_allowed(shape, fraction, diameter, overlap, spread, periodic):
    p = packing(shape, fraction, diameter, 3, overlap, spread, periodic)
    assert nearest_approach(p) >= 1 - overlap - 1e-12
    assert p.covered >= fraction * np.prod(shape) - 0.5
    # one particle less would not do: what is shrunk away is less than a few particles
    one = np.pi / 4 * diameter**2 if len(shape) == 2 else np.pi / 6 * diameter**3
    assert p.covered - fraction * np.prod(shape) < 4 * one * np.exp(2.5 * spread * len(shape))
    # the picture is that of the particles
    at = np.stack(np.meshgrid(*[np.arange(n) + 0.5 for n in shape], indexing="ij"), axis=-1) + p.margin
    inside = np.zeros(shape, dtype=bool)
    for centre, radius in zip(p.centres, p.radii, strict=True):
        away = at - centre
        away -= p.box * np.round(away / p.box)
        inside |= np.sum(away**2, axis=-1) <= radius**2
    assert np.array_equal(inside, p.distance <= 0) and p.covered == np.count_nonzero(inside)


@pytest.mark.parametrize("fraction", [0.0, 0.2037, 0.613, 0.79])
@pytest.mark.parametrize("periodic", [(), (1,), (0, 1)])
def test_fractions_to_the_voxel(fraction, periodic):
    s = packed_discs((101, 83), H, fraction, 12.2 * H, 5, overlap=0.1, periodic=periodic, names=("LPSCl", "NCM"))
    assert np.count_nonzero(s.where("NCM")) == round(fraction * 101 * 83)
    assert s.voxel == (H, H) and s.names == ("LPSCl", "NCM") and s.periodic == periodic
    s = packed_spheres((31, 29, 33), (H, 2 * H, H), 0.43, (9.2 * H, 14 * H), 5, spread=0.1, periodic=(1,))
    assert np.count_nonzero(s.where("particle")) == round(0.43 * 31 * 29 * 33)


def test_the_seed_decides():
    def draw(seed):
        return packed_discs((80, 80), H, 0.66, 11 * H, seed, spread=0.2).labels

    assert np.array_equal(draw(4), draw(4)) and not np.array_equal(draw(4), draw(5))


def test_overlap_of_one_is_the_boolean_model():
    """The number of discs of area a that leave the share 1 - f free is -ln(1 - f) V/a on average."""
    counts = [len(packing((110, 110), 0.6, 9.5, seed, overlap=1.0).radii) for seed in range(12)]
    expected = -np.log(0.4) * 110**2 / (np.pi / 4 * 9.5**2)
    assert np.mean(counts) == pytest.approx(expected, rel=0.03)


def test_sides_are_like_any_other_section():
    first, middle = [], []
    for seed in range(30):
        s = packed_discs((60, 60), H, 0.4, 9 * H, seed)
        particle = s.where("particle")
        first += [particle[0].mean(), particle[-1].mean(), particle[:, 0].mean(), particle[:, -1].mean()]
        middle += [particle[30].mean(), particle[:, 30].mean()]
    error = np.std(first) / np.sqrt(len(first)) + np.std(middle) / np.sqrt(len(middle))
    assert abs(np.mean(first) - np.mean(middle)) < 2.5 * error and error < 0.03


def test_discs_go_on_through_the_seams():
    s = packed_discs((70, 60), H, 0.3, 15 * H, 2, periodic=(0, 1))
    tiled = np.tile(s.labels, (2, 2))
    whole, n = ndimage.label(tiled[20:120, 20:100])
    sizes = np.bincount(whole.ravel())[1:]
    touching = np.unique(np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]]))
    free = [sizes[i - 1] for i in range(1, n + 1) if i not in touching]
    assert len(free) > 5 and min(free) > 0.8 * np.pi / 4 * 15**2  # nothing was cut at the seams


def test_sizes_are_lognormal():
    rng = np.random.default_rng(2)
    sizes = Sizes(np.array([3.0]), 0.3)
    drawn = np.log(2 * np.array([sizes.radius(rng) for _ in range(20_000)]) / 3.0)
    assert abs(np.mean(drawn)) < 0.007
    # the normal distribution cut at 2.5: variance 1 - 5 phi(2.5)/(2 Phi(2.5) - 1)
    assert np.std(drawn) == pytest.approx(0.3 * np.sqrt(1 - 5 * 0.0175283 / 0.987581), rel=0.02)
    assert np.exp(np.abs(drawn).max()) * 3 <= sizes.largest and sizes.smallest * sizes.largest == pytest.approx(9.0)
    two = Sizes(np.array([1.0, 4.0]), 0.0)
    assert {two.radius(rng) for _ in range(50)} == {0.5, 2.0}


def test_a_packing_that_cannot_be():
    with pytest.raises(
        InputError, match=r"volume fraction of 0.95 with overlap 0; the largest reached is 0.\d+: allow"
    ):
        packed_discs((40, 40), H, 0.95, 10 * H, 1, periodic=(0, 1))
    for wrong in (1.0, -0.1, np.nan):
        with pytest.raises(InputError, match="read fraction"):
            packed_discs((40, 40), H, wrong, 10 * H, 1)
    with pytest.raises(InputError, match="expected at least two voxels, 3.4e-07 m$"):
        packed_discs((40, 40), H, 0.3, 1.9 * H, 1)
    with pytest.raises(InputError, match="at most a period, 6.8e-06 m"):
        packed_discs((60, 40), H, 0.3, 41 * H, 1, periodic=(1,))
    with pytest.raises(InputError, match="read periodic axes"):
        packed_discs((60, 40), H, 0.3, 9 * H, 1, periodic=(2,))
    with pytest.raises(InputError, match="expected 3 positive numbers"):
        packed_spheres((60, 40), H, 0.3, 9 * H, 1)


def test_layers_across_x():
    s = laminate((24, 5), (1.0, 7.0), {"a": 1, "b": 2, "c": 3}, 12.0)
    assert s.labels[:12, 0].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]
    assert np.array_equal(s.labels[12:], s.labels[:12]) and np.all(s.labels == s.labels[:, :1])
    turned = laminate((5, 24), (7.0, 1.0), {"a": 1, "b": 2, "c": 3}, 12.0, normal=(0, 5), offset=1.0)
    assert np.array_equal(turned.labels.T, s.labels)
    half = laminate((24, 5), (1.0, 7.0), {"a": 1, "b": 2, "c": 3}, 12.0, offset=-0.5)
    assert np.array_equal(half.labels[6:], s.labels[:-6])


def test_layers_at_an_angle():
    """Along a line inclined to the layers each phase takes its share, with the period as seen along that line."""
    s = laminate((900, 700), (1.0, 1.3), {"a": 0.3, "b": 0.7}, 17.0, normal=(2.0, 1.0))
    assert s.fraction("a") == pytest.approx(0.3, abs=0.002)
    changes = np.count_nonzero(np.diff(s.labels.astype(int), axis=0), axis=0).mean()
    assert changes / 2 == pytest.approx(900 / (17.0 * np.sqrt(5) / 2), rel=0.01)
    cube = laminate((30, 30, 30), 1.0, {"a": 0.5, "b": 0.5}, 10.0, normal=(1, 1, 1))
    assert np.array_equal(cube.labels, cube.labels.transpose(2, 0, 1))
    with pytest.raises(InputError, match="read the normal"):
        laminate((30, 30), 1.0, {"a": 0.5, "b": 0.5}, 10.0, normal=(1, 1, 1))
    with pytest.raises(InputError, match="expected positive"):
        laminate((30, 30), 1.0, {"a": 0.5, "b": -0.5}, 10.0)


def test_checkerboards():
    s = checkerboard((3, 2), 2, H)
    assert s.labels[:, 3].tolist() == [1, 1, 0, 0, 1, 1] and s.labels[:, 0].tolist() == [0, 0, 1, 1, 0, 0]
    cube = checkerboard((2, 2, 2), 3, H, periodic=(0, 1, 2))
    assert cube.fraction("odd") == 0.5
    assert np.array_equal(np.roll(cube.labels, (3, 3, 3), (0, 1, 2)), 1 - cube.labels)
    with pytest.raises(InputError, match="periodic axes need even numbers"):
        checkerboard((3, 2), 2, H, periodic=(0,))
    with pytest.raises(InputError, match="expected 2 or 3 positive"):
        checkerboard((3,), 2, H)


def test_sites():
    s = random_sites((400, 300), H, 0.5927, 8)
    assert s.fraction("occupied") == pytest.approx(0.5927, abs=4 * np.sqrt(0.25 / 120_000))
    assert s.fraction("occupied") != random_sites((400, 300), H, 0.5927, 9).fraction("occupied")
    exact = random_sites((40, 30, 5), H, 0.3117, 8, exact=True)
    assert np.count_nonzero(exact.labels) == round(0.3117 * 6000)
    # one voxel knows nothing of the next
    pair = np.mean(s.labels[1:].astype(float) * s.labels[:-1])
    assert pair == pytest.approx(0.5927**2, abs=0.006)
    assert random_sites((9, 9), H, 1.0, 1).fraction("occupied") == 1.0
    with pytest.raises(InputError, match="read probability = 1.2; expected 0 to 1"):
        random_sites((40, 30), H, 1.2, 8)


@pytest.mark.parametrize("grain", [0.0, 3.1 * H])
def test_a_gradient(grain):
    s = graded((50, 37), H, lambda u: 0.15 + 0.7 * u**2, 6, grain=grain, periodic=(1,))
    share = 0.15 + 0.7 * ((np.arange(50) + 0.5) / 50) ** 2
    per_layer = np.count_nonzero(s.labels, axis=1)
    assert np.all(np.abs(per_layer - share * 37) < 1)
    assert np.all(np.abs(np.cumsum(per_layer) - np.cumsum(share * 37)) <= 0.5 + 1e-9)
    alike = np.mean(s.labels[:, 1:] == s.labels[:, :-1])
    assert alike > 0.8 if grain else alike < 0.7
    steps = graded((4, 6, 6), H, [0.0, 0.5, 1.0, 0.25], 6)
    assert np.count_nonzero(steps.labels, axis=(1, 2)).tolist() == [0, 18, 36, 9]
    for wrong in ([0.5] * 3, [0.5, 1.1, 0.0, 0.0]):
        with pytest.raises(InputError, match="expected 4 fractions from 0 to 1"):
            graded((4, 6), H, wrong, 6)


def solid(shape, periodic=()):
    return Microstructure(np.zeros(shape, dtype=np.uint8), (1.0,) * len(shape), ("grain",), periodic)


@pytest.mark.parametrize(
    "shape, fragment, width, density",
    [((260, 240), 17.0, 1.2, 2.0), pytest.param((60, 60, 60), 15.0, 1.1, 2.910, marks=pytest.mark.slow)],
)
def test_cracks_take_the_share_that_geometry_gives(shape, fragment, width, density):
    """Walls of Voronoi cells of random points: 2 lambda^(1/2) of length per area, 2.910 lambda^(1/3) of area per
    volume (Meijering 1953); cracks of width w along them take w times as much, less where they meet."""
    dim = len(shape)
    shares = [
        cracked(solid(shape, tuple(range(dim))), "grain", fragment, width, seed).fraction("void") for seed in range(2)
    ]
    walls = density / fragment
    assert 0.88 * width * walls < np.mean(shares) < 1.02 * width * walls
    # half of the planes open: half of the share, and a little more since less is shared where they meet
    half = cracked(solid(shape, tuple(range(dim))), "grain", fragment, width, 1, share=0.5).fraction("void")
    assert 0.45 < half / np.mean(shares) < 0.58


@pytest.mark.parametrize("shape, periodic", [((110, 90), ()), ((110, 90), (0, 1)), ((34, 30, 32), (1,))])
def test_fragments_do_not_touch(shape, periodic):
    for seed in range(3):
        s = cracked(solid(shape, periodic), "grain", 11.0, 1.0, seed)
        pieces = clusters(s, "grain")
        assert len(pieces.sizes) - 1 >= 0.8 * np.prod(shape) / 11.0 ** len(shape)
        assert pieces.sizes[1:].max() < 6 * 11.0 ** len(shape)
        assert not pieces.percolating.any()


def test_cracks_stay_in_their_phase():
    s = packed_discs((90, 90), H, 0.5, 30 * H, 3)
    broken = cracked(s, "particle", 9 * H, 1.5 * H, 4)
    assert broken.names == ("matrix", "particle", "void")
    assert np.array_equal(broken.labels[s.labels == 0], s.labels[s.labels == 0])
    assert 0.1 < broken.fraction("void") / s.fraction("particle") < 0.4
    filled_ = cracked(s, "particle", 9 * H, 1.5 * H, 4, name="matrix")
    assert filled_.names == s.names and filled_.fraction("matrix") == broken.fraction("matrix") + broken.fraction(
        "void"
    )
    assert np.array_equal(cracked(s, "particle", 9 * H, 1.5 * H, 4, share=0.0).labels, s.labels)
    assert cracked(packed_discs((20, 20), H, 0.0, 9 * H, 3), "particle", 9 * H, 2 * H, 4).fraction("void") == 0.0
    with pytest.raises(InputError, match="expected cracks of at least one voxel, 1.7e-07 m"):
        cracked(s, "particle", 9 * H, 0.9 * H, 4)


@pytest.mark.parametrize("periodic", [(), (0, 1)])
def test_a_shell_around_a_disc(periodic):
    """A ring of the thickness asked for, which goes on through the seams of periodic axes."""
    n, r, t = 80, 22.4, 5.3
    centre = 40.3 if not periodic else 3.3
    away = (np.indices((n, n)) + 0.5) - centre
    away -= n * np.round(away / n) if periodic else 0.0
    disc = np.sum(away**2, axis=0) < r**2
    s = Microstructure(disc.astype(np.uint8), (H, H), ("matrix", "core"), periodic)
    ring = coated(s, "core", t * H, "shell")
    assert ring.names == ("matrix", "core", "shell") and np.array_equal(ring.where("core"), disc)
    assert np.count_nonzero(ring.where("shell")) == pytest.approx(np.pi * ((r + t) ** 2 - r**2), rel=0.04)
    inner = coated(s, "core", t * H, "shell", inward=True)
    assert np.array_equal(inner.where("matrix"), s.where("matrix"))
    assert np.count_nonzero(inner.where("shell")) == pytest.approx(np.pi * (r**2 - (r - t) ** 2), rel=0.04)


def test_shells_of_whole_voxels_and_what_they_spare():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2], dtype=np.uint8)[:, None]
    s = Microstructure(labels, (1.0, 1.0), ("matrix", "core", "void"))
    assert coated(s, "core", 2.0, "shell").labels.ravel().tolist() == [0, 0, 3, 3, 1, 1, 3, 3]
    assert coated(s, "core", 2.0, "shell", keep=["void"]).labels.ravel().tolist() == [0, 0, 3, 3, 1, 1, 2, 2]
    assert coated(s, "core", 1.0, "shell", inward=True).labels.ravel().tolist() == [0, 0, 0, 0, 3, 3, 2, 2]
    spared = coated(s, "core", 1.0, "shell", inward=True, keep=["void"])
    assert spared.labels.ravel().tolist() == [0, 0, 0, 0, 3, 1, 2, 2]
    assert coated(s, "void", 1.0, "core").labels.ravel().tolist() == labels.ravel().tolist()
    none = Microstructure(labels * 0, (1.0, 1.0), ("matrix", "core"))
    assert coated(none, "core", 1.0, "shell").fraction("shell") == 0.0
    with pytest.raises(InputError, match="read a thickness of 0.5 m; a voxel is 1 m wide"):
        coated(s, "core", 0.5, "shell")
