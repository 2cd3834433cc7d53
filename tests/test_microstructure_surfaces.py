"""Areas of staircases: circles, spheres, planes and layers whose area is known."""

from __future__ import annotations

import numpy as np
import pytest

from miecsim.errors import InputError
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import connected_area, face_weights, interface_area, interface_faces

VOXEL = 1.3e-7


def ball(radius, dim, seed=1, voxel=None, at_corner=False):
    """A disc or sphere of `radius` (in voxels, or [m] with `voxel` given) about a random point within a voxel."""
    edges = np.full(dim, VOXEL) if voxel is None else np.array(voxel)
    r = radius * VOXEL if voxel is None else radius
    shape = tuple(int(n) for n in 2 * r / edges + 14)
    rng = np.random.default_rng(seed)
    centre = (np.array(shape) / 2 + rng.uniform(-0.5, 0.5, dim)) * edges
    if at_corner:
        centre = np.zeros(dim)
    at = (np.indices(shape) + 0.5) * edges.reshape(-1, *[1] * dim)
    offset = at - centre.reshape(-1, *[1] * dim)
    if at_corner:  # seen through periodic seams
        length = (np.array(shape) * edges).reshape(-1, *[1] * dim)
        offset -= length * np.round(offset / length)
    inside = np.sum(offset**2, axis=0) < r**2
    periodic = tuple(range(dim)) if at_corner else ()
    return Microstructure(inside.astype(np.uint8), tuple(edges), ("outside", "inside"), periodic)


# Radius [voxels], largest error of the corrected length [%] over six positions; the staircase errs by 27 %
CIRCLES = ((5, 1.6), (7.3, 1.3), (10, 0.7), (15.1, 0.5), (20, 0.35), (30, 0.45), (45.2, 0.45), (60, 0.4))
SPHERES = ((5, 0.5), (7.3, 0.6), (10, 0.2), (15.1, 0.15), (20, 0.15), (30, 0.15))


@pytest.mark.parametrize("radius, percent", CIRCLES)
def test_circles(radius, percent):
    exact = 2 * np.pi * radius * VOXEL
    for seed in range(6):
        s = ball(radius, 2, seed)
        assert interface_area(s, "inside", "outside") == pytest.approx(exact, rel=percent / 100)
        stairs = interface_area(s, "inside", "outside", corrected=False)
        assert stairs == pytest.approx(4 / np.pi * exact, rel=0.03)


@pytest.mark.parametrize("radius, percent", SPHERES)
def test_spheres(radius, percent):
    exact = 4 * np.pi * (radius * VOXEL) ** 2
    for seed in range(3 if radius < 25 else 1):
        s = ball(radius, 3, seed)
        assert interface_area(s, "outside", "inside") == pytest.approx(exact, rel=percent / 100)
        assert interface_area(s, "outside", "inside", corrected=False) == pytest.approx(1.5 * exact, rel=0.025)


@pytest.mark.slow
@pytest.mark.parametrize("radius", [45.2, 60])
def test_large_spheres(radius):
    exact = 4 * np.pi * (radius * VOXEL) ** 2
    assert interface_area(ball(radius, 3), "outside", "inside") == pytest.approx(exact, rel=2e-3)


def test_voxels_that_are_no_cubes():
    """The ends of the circle are five voxels in radius, counted along the long edge."""
    exact = 2 * np.pi * 1.9e-6
    found = [
        interface_area(ball(1.9e-6, 2, seed, voxel=(0.8e-7, 1.7e-7)), "inside", "outside") / exact for seed in range(8)
    ]
    assert np.mean(found) == pytest.approx(1, abs=0.01) and np.allclose(found, 1, atol=0.015)
    sphere = ball(1.9e-6, 3, voxel=(0.8e-7, 1.7e-7, 1.1e-7))
    assert interface_area(sphere, "inside", "outside") == pytest.approx(4 * np.pi * 1.9e-6**2, rel=0.01)


@pytest.mark.parametrize("dim", [2, 3])
def test_seams_of_periodic_axes(dim):
    r = 14.3
    s = ball(r, dim, at_corner=True)
    exact = 2 * np.pi * r * VOXEL if dim == 2 else 4 * np.pi * (r * VOXEL) ** 2
    assert interface_area(s, "inside", "outside") == pytest.approx(exact, rel=0.008)
    # without the seams the same picture shows the quarters in its corners
    shown = Microstructure(s.labels, s.voxel, s.names)
    assert interface_area(shown, "inside", "outside") == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
    "waves, percent",
    [((1, 1), 1e-5), ((1, 3), 0.05), ((2, 5), 0.2), ((3, 4), 0.25), ((7, 9), 0.4), ((1, 7), 0.8), ((1, 20), 0.6)],
)
def test_planes_at_odd_angles(waves, percent):
    """Stripes that close in a periodic box: two interfaces per period, whose length is the box over the period."""
    n, (k, m) = 200, waves
    x, y = (np.indices((n, n)) + 0.5) / n
    s = Microstructure(((k * x + m * y + 0.1234567) % 1 < 0.5).astype(np.uint8), (VOXEL, VOXEL), ("a", "b"), (0, 1))
    exact = 2 * n * VOXEL * np.hypot(k, m)
    assert interface_area(s, "a", "b") == pytest.approx(exact, rel=percent / 100)
    stairs = interface_area(s, "a", "b", corrected=False)
    assert stairs == pytest.approx(2 * n * VOXEL * (k + m), rel=1e-9)


def test_a_plane_at_an_odd_angle_in_three_dimensions():
    n, waves = 48, (1, 2, 3)
    phase = sum(k * u for k, u in zip(waves, (np.indices((n,) * 3) + 0.5) / n, strict=True)) + 0.05
    s = Microstructure((phase % 1 < 0.5).astype(np.uint8), (VOXEL,) * 3, ("a", "b"), (0, 1, 2))
    exact = 2 * (n * VOXEL) ** 2 * np.sqrt(14)
    assert interface_area(s, "a", "b") == pytest.approx(exact, rel=0.004)
    assert interface_area(s, "a", "b", corrected=False) == pytest.approx(exact * 6 / np.sqrt(14), rel=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("period", [2, 3, 4, 12])
def test_layers_along_an_axis_are_exact(axis, period):
    """Even those of one voxel, where the smoothed picture is grey."""
    at = np.indices((12, 12, 12))[axis]
    s = Microstructure((at % period >= period // 2).astype(np.uint8), (1.1, 0.7, 2.3), ("a", "b"), (axis,))
    face = 1.1 * 0.7 * 2.3 / s.voxel[axis] * 144
    assert interface_area(s, "a", "b") == pytest.approx(24 // period * face, rel=1e-12)
    open_ = Microstructure(s.labels, s.voxel, s.names)
    assert interface_area(open_, "a", "b") == pytest.approx((24 // period - 1) * face, rel=1e-12)


def test_three_phases_around_one_disc():
    """A disc half in one phase and half in another: each half counts for itself, and the faces add up."""
    s = ball(25.3, 2)
    labels = s.labels.astype(np.uint8) * 2
    half = np.indices(s.shape)[0] >= s.shape[0] // 2
    labels[half & (labels == 0)] = 1
    three = Microstructure(labels, s.voxel, ("west", "east", "disc"))
    left, right = interface_area(three, "disc", "west"), interface_area(three, "disc", "east")
    assert left + right == pytest.approx(2 * np.pi * 25.3 * VOXEL, rel=0.01)
    assert left == pytest.approx(right, rel=0.05)
    straight = (s.shape[1] - 2 * 25.3) * VOXEL
    assert interface_area(three, "west", "east") == pytest.approx(straight, rel=0.05)


@pytest.mark.parametrize("periodic", [(), (0, 2)])
def test_weights_of_single_faces_are_those_of_the_interface(periodic):
    labels = np.random.default_rng(4).integers(0, 3, (8, 7, 6)).astype(np.uint8)
    s = Microstructure(np.kron(labels, np.ones((3, 3, 3))).astype(np.uint8), (1.0, 2.0, 1.5), ("a", "b", "c"), periodic)
    flat = s.labels.ravel(order="F")
    for axis in range(3):
        for one, other in (("a", "b"), ("c", "b")):
            faces = interface_faces(s, one, other)[axis]
            assert set(flat[faces.cells_a]) == {s.index(one)} and set(flat[faces.cells_b]) == {s.index(other)}
            # in any order, and from either side
            draw = np.random.default_rng(1).permutation(len(faces.weights))
            found = face_weights(s, faces.cells_b[draw], faces.cells_a[draw], axis)
            assert np.allclose(found, faces.weights[draw], rtol=1e-6)
            assert np.all((faces.weights >= 0) & (faces.weights <= 1)) and len(np.unique(faces.weights)) > 20
    assert np.array_equal(face_weights(s, np.array([0, 3]), np.array([1, 4]), 0), [1.0, 1.0])  # inside one phase


def test_faces_across_seams_are_neighbours():
    labels = np.zeros((5, 4), dtype=np.uint8)
    labels[0] = 1
    s = Microstructure(labels, (1.0, 3.0), ("a", "b"), (0,))
    across, along = interface_faces(s, "b", "a")
    assert sorted(zip(across.cells_a.tolist(), across.cells_b.tolist(), strict=True)) == sorted(
        (5 * y, 5 * y + x) for y in range(4) for x in (1, 4)
    )
    assert across.area == 3.0 and len(along.weights) == 0 and along.total() == 0.0


def test_only_what_both_carriers_reach_is_active():
    # c reaches the right side, but for one voxel at the top; it holds a hole of a, and a holds an island of b
    rows = ("aaaaacb", "aacccbb", "aacaacc", "aaccccc", "abaaacb", "aaaaacb")
    labels = np.array([["abc".index(c) for c in row] for row in rows[::-1]], dtype=np.uint8).T
    s = Microstructure(labels, (1.0, 1.0), ("a", "b", "c"))
    assert interface_area(s, "a", "b", corrected=False) == 4.0  # the island
    assert connected_area(s, "a", "b", corrected=False) == 0.0  # which hangs on nothing
    assert interface_area(s, "a", "c", corrected=False) == 18.0
    assert connected_area(s, "a", "c", corrected=False) == 11.0  # without the hole's six, and the one at the top
    assert connected_area(s, "c", "a", "right", "left", corrected=False) == 11.0
    assert connected_area(s, "a", "c", side_b="left", corrected=False) == 0.0
    assert 0 < connected_area(s, "a", "c") < 11.0


def test_what_cannot_be_asked():
    s = ball(5, 2)
    with pytest.raises(InputError, match='read phase "inside" on both sides'):
        interface_area(s, "inside", "inside")
    with pytest.raises(InputError, match='read phase "shell"; the phases are outside, inside'):
        interface_area(s, "inside", "shell")
    with pytest.raises(InputError, match="the sides are left and right"):
        connected_area(s, "inside", "outside", "top")
