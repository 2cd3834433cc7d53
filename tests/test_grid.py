"""Cell widths, layered lines and boxes, and Laplace's equation on them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg
from hypothesis import given
from hypothesis import strategies as st

from miecsim.errors import InputError
from miecsim.grid.meshes import box, from_fipy, line, load_fipy
from miecsim.grid.spacing import MOST_CELLS, graded, resolved, uniform

EPS = np.finfo(float).eps
SIDES = ("left", "right", "bottom", "top", "front", "back")
W, V, U = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 1.5, 2.0]), np.array([0.3, 0.7])


# ---------------------------------------------------------------------------------------------------- cell widths


@given(
    length=st.floats(1e-9, 1e3),
    n=st.integers(1, 300),
    ratio=st.floats(1.0, 1e9),
    towards=st.sampled_from(["both", "left", "right"]),
)
def test_graded_cells_sum_to_the_length_and_have_the_stated_ratio(length, n, ratio, towards):
    w = graded(length, n, ratio, towards)
    assert w.shape == (n,)
    assert math.fsum(w) == pytest.approx(length, rel=4 * EPS)
    if n > 2:
        assert w.max() / w.min() == pytest.approx(ratio, rel=1e-12)
    growth = {"left": np.diff(w), "right": -np.diff(w), "both": np.diff(w[: (n + 1) // 2])}[towards]
    assert np.all(growth >= -1e-12 * w.max())
    if towards == "both":
        np.testing.assert_allclose(w, w[::-1], rtol=1e-14)


def test_grading_is_geometric():
    w = graded(1.0, 10, 100.0, "left")
    np.testing.assert_allclose(w[1:] / w[:-1], 100 ** (1 / 9), rtol=1e-13)


def test_doubling_the_cells_refines_one_smooth_map():
    """Edges as a function of i/n approach one curve at first order or better, so that errors refine together."""
    edges = [np.concatenate(([0], np.cumsum(graded(1.0, n, 50.0)))) for n in (64, 128, 256)]
    steps = [np.abs(fine[::2] - coarse).max() for coarse, fine in zip(edges[:-1], edges[1:], strict=True)]
    assert steps[0] < 0.02 and steps[1] < 0.55 * steps[0]


@given(
    length=st.floats(1e-8, 1e-2),
    fraction=st.floats(1e-10, 1.0),
    growth=st.floats(1.02, 2.0),
    cap=st.none() | st.floats(0.002, 1.0),
)
def test_resolved_cells_keep_their_promises(length, fraction, growth, cap):
    smallest, largest = fraction * length, None if cap is None else cap * length
    w = resolved(length, smallest, growth, largest)
    assert 20 <= len(w) <= MOST_CELLS
    assert math.fsum(w) == pytest.approx(length, rel=4 * EPS)
    assert w[0] <= smallest * (1 + 1e-12) and w.max() <= (largest or length) * (1 + 1e-12)
    np.testing.assert_allclose(w, w[::-1], rtol=1e-14)
    ratio = w[1 : len(w) // 2] / w[: len(w) // 2 - 1]
    assert np.all(ratio >= 1 - 1e-12) and np.all(ratio <= growth * (1 + 1e-12))
    if len(w) > 20:  # no cell was spent in vain: one fewer on each side would not have reached the middle
        assert w[0] >= 0.4 * min(smallest, largest or length)


def test_resolved_takes_a_logarithmic_number_of_cells():
    counts = [len(resolved(1e-4, 1e-4 * 10.0**-d)) for d in (4, 6, 8, 10)]
    per_two_decades = 2 * math.log(100) / math.log(1.06)
    np.testing.assert_allclose(np.diff(counts), per_two_decades, atol=4)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: uniform(0.0, 3), "length"),
        (lambda: uniform(math.nan, 3), "length"),
        (lambda: uniform(1.0, 0), "at least 1 cell"),
        (lambda: graded(1.0, 5, 0.5), "ratio"),
        (lambda: graded(1.0, 5, 2.0, "top"), "towards"),
        (lambda: resolved(1.0, -1.0), "smallest"),
        (lambda: resolved(1.0, 0.1, growth=1.0), "growth"),
        (lambda: resolved(1.0, 0.1, largest=1e-5), "at most 4000"),
        (lambda: line([]), "at least one"),
        (lambda: line([("a", W), ("a", W)]), "own name"),
        (lambda: line([("a", np.array([1.0, 0.0]))]), "layer a"),
        (lambda: line([("bulk", W), ("skin", np.array([1e-20]))]), "lost in the round-off"),
        (lambda: line([("a", W)], area=-1.0), "area"),
        (lambda: box([("a", W)], V, depth=0.0), "depth"),
        (lambda: line([("a", W)], "polar"), "coordinates"),
        (lambda: line([("a", W)], inner_radius=1.0), "inner_radius"),
        (lambda: line([("a", W)], "spherical", area=2.0), "area"),
        (lambda: line([("a", W)], "spherical", inner_radius=-1.0), "inner_radius"),
        (lambda: box([("a", W)], V, U, depth=2.0), "depth"),
        (lambda: box([("a", W)], np.array([])), "widths_y"),
        (lambda: line([("a", W)]).in_region("b"), "regions are a"),
    ],
)
def test_impossible_grids_are_refused_in_one_line(make, says):
    with pytest.raises(InputError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ lines and boxes


@pytest.mark.parametrize("inner", [0.0, 2.0])
@pytest.mark.parametrize(
    ("coordinates", "volume", "area"),
    [
        ("cartesian", lambda r: 0.785 * r, lambda r: 0.785 + 0 * r),
        ("cylindrical", lambda r: np.pi * r**2, lambda r: 2 * np.pi * r),
        ("spherical", lambda r: 4 / 3 * np.pi * r**3, lambda r: 4 * np.pi * r**2),
    ],
)
def test_line_has_the_volumes_and_areas_of_the_body(coordinates, volume, area, inner):
    if coordinates == "cartesian":
        inner, extra = 0.0, {"area": 0.785}
    else:
        extra = {"inner_radius": inner}
    widths = graded(3.0, 9, 5.0)
    g = line([("core", widths[:4]), ("shell", widths[4:])], coordinates, **extra)
    r = inner + np.concatenate(([0.0], np.cumsum(widths)))
    np.testing.assert_allclose(g.volumes, volume(r[1:]) - volume(r[:-1]), rtol=1e-13)
    assert g.volumes.sum() == pytest.approx(volume(inner + 3.0) - volume(inner), rel=1e-14)
    np.testing.assert_allclose(g.area, area(r[1:-1]), rtol=1e-13)
    np.testing.assert_allclose([g.sides["left"].area[0], g.sides["right"].area[0]], area(r[[0, -1]]), rtol=1e-13)
    np.testing.assert_array_equal(g.left, np.arange(8))
    np.testing.assert_array_equal(g.right, np.arange(1, 9))
    np.testing.assert_array_equal(g.d_left, widths[:-1] / 2)
    np.testing.assert_array_equal(g.d_right, widths[1:] / 2)
    np.testing.assert_allclose(g.centers[:, 0], (r[1:] + r[:-1]) / 2, rtol=1e-14)
    np.testing.assert_array_equal(g.edges[0], r)
    assert (g.dim, g.coordinates, g.n_cells, g.n_faces, g.skew) == (1, coordinates, 9, 8, 0.0)
    assert g.region_names == ("core", "shell") and list(g.in_region("shell")) == [False] * 4 + [True] * 5
    assert list(g.sides) == ["left", "right"]
    assert (g.sides["left"].cells, g.sides["right"].cells) == ([0], [8])
    assert (g.sides["left"].distance, g.sides["right"].distance) == (widths[0] / 2, widths[-1] / 2)
    assert (g.sides["left"].centers, g.sides["right"].centers) == (r[0], r[-1])


def test_line_keeps_the_digits_of_the_smallest_cells():
    """The last cell ends at 475 um and is 0.1 pm wide: as a difference of coordinates it is good to 6 digits only."""
    widths = resolved(475e-6, 1e-13)
    g = line([("a", widths)])
    np.testing.assert_array_equal(g.d_right, widths[1:] / 2)
    np.testing.assert_array_equal(g.volumes, widths)
    read = from_fipy(load_fipy().Grid1D(dx=widths))
    assert 1e-8 < np.abs(read.d_right / g.d_right - 1).max() < 1e-5


def test_one_cell_is_a_grid():
    g = line([("a", np.array([2.0]))])
    assert (g.n_cells, g.n_faces) == (1, 0)
    assert g.sides["left"].distance == g.sides["right"].distance == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-9])
@pytest.mark.parametrize("widths_z", [None, U])
def test_box_agrees_with_the_mesh_it_was_read_from(widths_z, scale):
    """Widths against FiPy's own coordinates; and the cells run along x first."""
    f = load_fipy()
    wx, wy = scale * W, scale * V
    if widths_z is None:
        g, mesh = box([("a", wx[:1]), ("b", wx[1:])], wy, depth=3.0), f.Grid2D(dx=wx, dy=wy)
        depth = 3.0
    else:
        g, mesh = box([("a", wx[:1]), ("b", wx[1:])], wy, scale * U), f.Grid3D(dx=wx, dy=wy, dz=scale * U)
        depth = 1.0
    h = from_fipy(mesh)
    np.testing.assert_allclose(g.volumes, depth * h.volumes, rtol=1e-12)
    np.testing.assert_allclose(g.centers, h.centers, rtol=1e-12)
    order = np.lexsort((h.right, h.left))
    mine = np.lexsort((g.right, g.left))
    np.testing.assert_array_equal(np.c_[g.left, g.right][mine], np.c_[h.left, h.right][order])
    for name, factor in (("area", depth), ("d_left", 1.0), ("d_right", 1.0), ("face_centers", 1.0)):
        np.testing.assert_allclose(getattr(g, name)[mine], factor * getattr(h, name)[order], rtol=1e-12)
    assert set(g.sides) == set(h.sides) == set(SIDES[: 2 * g.dim])
    for name, side in g.sides.items():
        np.testing.assert_array_equal(side.cells, h.sides[name].cells)
        np.testing.assert_allclose(side.area, depth * h.sides[name].area, rtol=1e-12)
        np.testing.assert_allclose(side.distance, h.sides[name].distance, rtol=1e-12)
        np.testing.assert_allclose(side.centers, h.sides[name].centers, rtol=1e-12, atol=1e-12 * scale)
    for mine_, theirs in zip(g.edges, h.edges, strict=True):
        np.testing.assert_allclose(mine_, theirs, rtol=1e-12)
    np.testing.assert_array_equal(g.in_region("a"), g.centers[:, 0] < wx[0])
    np.testing.assert_array_equal(g.centers[:3, 1], np.full(3, wy[0] / 2))


# ---------------------------------------------------------------------------- Laplace's equation, div(k grad u) = 0


def _solve(g, k, fixed):
    """Cell values (n_cells,) with u given on sides (name -> values (n,)) and no flux through the others."""
    conductance = g.area / (g.d_left / k[g.left] + g.d_right / k[g.right])
    rows = np.concatenate((g.left, g.right, g.left, g.right))
    columns = np.concatenate((g.left, g.right, g.right, g.left))
    values = np.concatenate((conductance, conductance, -conductance, -conductance))
    source = np.zeros(g.n_cells)
    for name, u in fixed.items():
        side = g.sides[name]
        contact = side.area * k[side.cells] / side.distance
        np.add.at(source, side.cells, contact * u)
        rows, columns = np.concatenate((rows, side.cells)), np.concatenate((columns, side.cells))
        values = np.concatenate((values, contact))
    matrix = sp.csc_matrix((values, (rows, columns)), shape=(g.n_cells, g.n_cells))
    return scipy.sparse.linalg.spsolve(matrix, source)


def _current(g, k, u, name, u_side):
    side = g.sides[name]
    return float(np.sum(side.area * k[side.cells] * (u_side - u[side.cells]) / side.distance))


def test_layers_in_series_are_exact_on_any_spacing():
    g = line([("a", graded(2.0, 7, 30.0)), ("b", graded(1.0, 5, 9.0, "left"))], area=0.3)
    k = np.where(g.in_region("a"), 4.0, 0.1)
    u = _solve(g, k, {"left": 1.0, "right": 0.0})
    assert _current(g, k, u, "left", 1.0) == pytest.approx(0.3 / (2.0 / 4.0 + 1.0 / 0.1), rel=1e-12)
    assert _current(g, k, u, "right", 0.0) == pytest.approx(-0.3 / (2.0 / 4.0 + 1.0 / 0.1), rel=1e-12)


@pytest.mark.parametrize(
    ("coordinates", "current"),
    [("cylindrical", 2 * np.pi / math.log(4.0)), ("spherical", 4 * np.pi / (1 - 1 / 4))],
)
def test_curved_shells_converge_at_second_order(coordinates, current):
    """Shell from r = 1 to 4: 2 pi/ln(b/a) per metre, 4 pi/(1/a - 1/b)."""
    errors = []
    for n in (20, 40, 80):
        g = line([("shell", graded(3.0, n, 6.0, "left"))], coordinates, inner_radius=1.0)
        k = np.ones(n)
        errors.append(abs(_current(g, k, _solve(g, k, {"left": 1.0, "right": 0.0}), "left", 1.0) / current - 1))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3 and np.all(np.abs(orders - 2) < 0.1)


@pytest.mark.parametrize("dim", [2, 3])
def test_a_field_in_a_graded_box_converges_at_second_order(dim):
    """u = cos(pi y) [cos(pi z)] sinh(a x)/sinh(a), a = pi sqrt(dim - 1), insulated walls across."""
    a, errors = math.pi * math.sqrt(dim - 1), []
    for n in (8, 16, 32) if dim == 2 else (6, 12, 24):
        half = graded(0.5, n // 2, 3.0)
        g = box([("a", half), ("b", half)], graded(1.0, n, 4.0), *[graded(1.0, n, 2.0, "left")] * (dim - 2))
        across = np.cos(np.pi * g.centers[:, 1:]).prod(axis=1)
        right = np.cos(np.pi * g.sides["right"].centers[:, 1:]).prod(axis=1)
        u = _solve(g, np.ones(g.n_cells), {"left": 0.0, "right": right})
        exact = across * np.sinh(a * g.centers[:, 0]) / math.sinh(a)
        errors.append(math.sqrt(np.sum(g.volumes * (u - exact) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 3e-3 and np.all(orders > 1.8)
