"""Patches: parts of sides that contacts can name, the meshes around them, and what flows through them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import miecsim as mx
from miecsim.grid.meshes import box, line
from miecsim.grid.patches import Patch, with_patches
from miecsim.grid.spacing import around
from miecsim.grid.stack import stack_grid
from miecsim.system import System

L, T, W = 3.7e-3, 1.9e-3, 0.83e-3  # along x, y, z


# ---------------------------------------------------------------------------------------------------- cell widths


@settings(max_examples=40)
@given(
    positions=st.lists(st.floats(-0.3, 1.3), min_size=1, max_size=4),
    size=st.floats(1e-5, 0.05),
    growth=st.floats(1.05, 1.5),
    largest=st.floats(0.01, 0.3),
)
def test_cells_around_marks_keep_their_promises(positions, size, growth, largest):
    marks = [(L * p, L * size * (1 + i)) for i, p in enumerate(positions)]
    w = around(L, marks, growth, L * largest)
    assert np.all(w > 0) and math.fsum(w) == pytest.approx(L, rel=1e-14)
    edges = np.concatenate(([0.0], np.cumsum(w)))
    for position, _ in marks:
        if 1e-8 * L < position < (1 - 1e-8) * L:
            assert np.min(np.abs(edges - position)) < 2e-9 * L
    assert w.max() <= 1.01 * L * largest
    # no cell holds more than one of the cells that the law wants: the integral of dx/h over it, by the mid-point rule
    at, small = np.array(marks).T
    x = edges[:-1, None] + w[:, None] * (np.arange(64) + 0.5) / 64
    wanted = np.min(small + (growth - 1) * np.abs(x[:, :, None] - at), axis=2)
    held = w * np.mean(1 / np.minimum(wanted, L * largest), axis=1)
    assert held.max() < 1.01


def test_cells_around_marks_refine_one_smooth_map():
    marks = [(0.21 * L, 2e-3 * L), (0.77 * L, 5e-3 * L)]
    counts = [around(L, [(p, s / n) for p, s in marks], 1 + 0.2 / n, L / 15 / n).size for n in (1, 2, 4, 8)]
    np.testing.assert_allclose(np.array(counts[1:]) / counts[:-1], 2.0, rtol=0.05)


@pytest.mark.parametrize(
    ("marks", "growth", "largest", "says"),
    [
        ([(0.0, 1e-12)], 1.001, 1.0, "more than 4000 cells"),
        ([(0.0, 0.0)], 1.1, 1.0, "cell size = 0"),
        ([(0.0, 0.1)], 1.0, 1.0, "growth = 1"),
        ([(0.0, 0.1)], 1.1, math.inf, "largest = inf"),
    ],
)
def test_impossible_cells_around_marks(marks, growth, largest, says):
    with pytest.raises(mx.InputError, match=says) as caught:
        around(1.0, marks, growth, largest)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------- sides


def test_patches_take_their_faces_from_the_side():
    plain = box([("a", np.array([0.4, 0.6, 0.5])), ("b", np.array([0.7, 0.3]))], np.array([0.2, 0.3, 0.9]), depth=1.7)
    patches = [Patch("p", "top", 0.4, 1.5), Patch("q", "top", 2.2, 2.5), Patch("r", "left", 0.2, 0.5)]
    grid = with_patches(plain, patches)
    assert set(grid.sides) == {"left", "right", "bottom", "top", "p", "q", "r"}
    np.testing.assert_allclose(grid.sides["p"].centers[:, 0], [0.7, 1.25])
    np.testing.assert_allclose(grid.sides["p"].area, [0.6 * 1.7, 0.5 * 1.7])
    np.testing.assert_allclose(grid.sides["top"].centers[:, 0], [0.2, 1.85])
    np.testing.assert_allclose(grid.sides["r"].centers, [[0.0, 0.35]])
    assert {grid.sides[n].patch_of for n in "pqr"} == {"top", "left"} and grid.sides["top"].patch_of is None
    for side, parts in (("top", ("top", "p", "q")), ("left", ("left", "r"))):
        cells = np.concatenate([grid.sides[n].cells for n in parts])
        assert sorted(cells) == sorted(plain.sides[side].cells)


def test_patches_in_three_dimensions():
    plain = box([("a", np.full(5, 0.2))], np.array([0.3, 0.4]), np.full(4, 0.5))
    grid = with_patches(plain, [Patch("pad", "top", (0.2, 0.5), (0.8, 1.5)), Patch("strip", "bottom", 0.2, 0.4)])
    assert grid.sides["pad"].area.sum() == pytest.approx(0.6 * 1.0)
    assert grid.sides["strip"].area.sum() == pytest.approx(0.2 * 2.0)
    pad = grid.sides["pad"].centers
    assert pad[:, 0].min() > 0.2 and pad[:, 0].max() < 0.8 and pad[:, 2].min() > 0.5 and pad[:, 2].max() < 1.5
    assert np.all(pad[:, 1] == plain.edges[1][-1])


@pytest.mark.parametrize(
    ("patches", "says"),
    [
        ([("p", "outer", 0.0, 0.5)], "expected one of left, right"),
        ([("top", "top", 0.0, 0.5)], "the name of a side"),
        ([("p", "top", 0.5, 0.5)], "must end after it starts"),
        ([("p", "top", 0.0, math.nan)], "must end after it starts"),
        ([("p", "top", 0.0, (0.5, 0.5))], "must end after it starts"),
        ([("p", "top", (0.0, 0.0), (0.5, 0.5))], "2 coordinates"),
        ([("p", "front", 0.0, 0.5)], "dimension 2 cannot hold"),
        ([("p", "top", 0.0, 0.6)], "the nearest at 0.5"),
        ([("p", "top", -0.5, 0.5)], "the nearest at 0 m"),
        ([("p", "top", 0.0, 0.5), ("q", "top", 0.25, 0.75)], "overlaps"),
        ([("p", "top", 0.0, 0.5), ("p", "bottom", 0.0, 0.5)], "its own name"),
        ([("p", "top", 0.0, 0.5), ("q", "top", 0.5, 1.0)], "cover all of the top"),
    ],
)
def test_impossible_patches(patches, says):
    grid = box([("a", np.full(4, 0.25))], np.full(3, 0.1))
    with pytest.raises(mx.InputError, match=says) as caught:
        with_patches(grid, [Patch(*p) for p in patches])
    assert "\n" not in str(caught.value)


def test_no_cells_across_a_patch():
    with pytest.raises(mx.InputError, match="cells = 0"):
        Patch("p", "top", 0.0, 1.0, cells=0)


def test_patches_need_two_dimensions():
    patch = Patch("p", "top", 0.0, 1.0)
    with pytest.raises(mx.InputError, match="dimension 1 cannot hold"):
        with_patches(line([("a", np.ones(3))]), [patch])
    with pytest.raises(mx.InputError, match="dimension 1 cannot hold"):
        stack_grid([("a", 3.0)], [math.inf], mx.Mesh(patches=(patch,)), 1.0)


def test_lateral_cells_that_do_not_fit():
    for cells, says in (("fine", "'auto'"), ([np.full(4, T / 5)], "sum to"), ([np.ones(2), np.ones(2)], "2 axes")):
        with pytest.raises(mx.InputError, match=says):
            stack_grid([("a", L)], [math.inf], mx.Mesh(cells=3, dimension=2, width=T, lateral_cells=cells), 1.0)


def test_automatic_cells_meet_the_patches():
    """Two layers, a patch across their border and a line: faces at every end, the cells asked for across each."""
    patches = (Patch("wide", "top", 0.3 * L, 0.61 * L, cells=7), Patch("line", "bottom", 0.8 * L, 0.803 * L, cells=1))
    mesh = mx.Mesh(dimension=2, width=T, lateral_cells="auto", patches=patches)
    grid = stack_grid([("a", 0.43 * L), ("b", 0.57 * L)], [math.inf, 0.02 * L], mesh, T * W)
    assert grid.sides["wide"].cells.size >= 7 and grid.sides["line"].cells.size == 1
    assert grid.sides["line"].area[0] == pytest.approx(0.003 * L * W)
    y = np.diff(grid.edges[1])
    assert y[0] < 0.004 * L and y[0] < y[-1] < 0.05 * L  # fine below the line, coarser below the wide patch
    assert grid.volumes.sum() == pytest.approx(L * T * W)


# ---------------------------------------------------------------------------------------------------- currents

SIGMA = 0.37


def sheet(contacts: dict[str, tuple[str, ...]], mesh: mx.Mesh, area: float, length: float = L) -> System:
    """A plain electronic conductor with reversible contacts: terminal -> sides."""
    layer = mx.CompositeLayer("sheet", length, sigma_ion=0.0, sigma_eon=SIGMA)
    terminals = tuple(
        mx.Terminal(name, tuple(mx.Contact(side, "electron", mx.Reversible()) for side in sides))
        for name, sides in contacts.items()
    )
    return mx.build_system(mx.composite_electrode([layer]), mx.Wiring(terminals), area=area, mesh=mesh)


def resistance(system: System) -> float:
    return float(1 / mx.dc_admittance(mx.solve_steady(system))[0, 0])


def test_a_square_between_two_quarters_of_its_edge():
    """Contacts from the middle of one side round a corner to the middle of the next: a turn by 90 degrees swaps
    contacts and insulation, so that the resistance is exactly 1/(sigma depth), whatever the size."""
    half = L / 2
    patches = (
        Patch("a1", "left", 0.0, half),
        Patch("a2", "bottom", 0.0, half),
        Patch("b1", "right", half, L),
        Patch("b2", "top", half, L),
    )
    errors = []
    for n in (1, 2, 4):
        widths = around(L, [(x, 0.04 * half / n**2) for x in (0.0, half, L)], 1 + 0.4 / n, L / 8 / n)
        mesh = mx.Mesh(cells=[widths], dimension=2, width=L, lateral_cells=[widths], patches=patches)
        R = resistance(sheet({"A": ("a1", "a2"), "B": ("b1", "b2")}, mesh, L * W))
        errors.append(abs(R * SIGMA * W - 1))
    assert errors[-1] < 2e-3
    assert all(fine < 0.4 * coarse for coarse, fine in zip(errors[:-1], errors[1:], strict=True))


@pytest.mark.parametrize("dimension", [2, 3])
def test_parts_of_a_side_add_up_to_it(dimension):
    whole = mx.Mesh(cells=6, dimension=dimension, width=T, lateral_cells=4)
    patches = (Patch("p", "top", L / 3, L / 2), Patch("q", "right", T / 4, T / 2), Patch("r", "left", T / 2, T))
    parts = mx.Mesh(cells=6, dimension=dimension, width=T, lateral_cells=4, patches=patches)
    one = resistance(sheet({"A": ("left",), "B": ("right", "top")}, whole, T * W))
    other = resistance(sheet({"A": ("left", "r"), "B": ("right", "q", "top", "p")}, parts, T * W))
    assert other == pytest.approx(one, rel=1e-11)


def test_a_patch_across_the_whole_depth_is_flat():
    """In three dimensions a patch without a second coordinate is the two-dimensional one."""
    patches = (Patch("p", "top", L / 3, L / 2), Patch("q", "bottom", 0.0, L / 6))
    R = [
        resistance(
            sheet(
                {"A": ("p",), "B": ("q",)},
                mx.Mesh(cells=6, dimension=d, width=T, lateral_cells=3, patches=patches),
                T * W,
            )
        )
        for d in (2, 3)
    ]
    assert R[1] == pytest.approx(R[0], rel=1e-11)


def test_a_contact_law_counts_the_area_of_its_patch():
    """A resistance far above the sheet's own, on patches of unequal size, at every frequency."""
    patches = (Patch("p", "top", 0.0, L / 3), Patch("q", "left", T / 4, T))
    mesh = mx.Mesh(cells=6, dimension=2, width=T, lateral_cells=4, patches=patches)
    law = mx.Lumped(R=2.3e3, C=0.17)
    layer = mx.CompositeLayer("sheet", L, sigma_ion=0.0, sigma_eon=SIGMA)
    terminals = tuple(mx.Terminal(n, (mx.Contact(side, "electron", law),)) for n, side in (("A", "p"), ("B", "q")))
    system = mx.build_system(mx.composite_electrode([layer]), mx.Wiring(terminals), area=T * W, mesh=mesh)
    f = np.array([1e-5, 3.1e-4, 2e-2])
    Z = mx.impedance(mx.solve_steady(system), f).Z
    contact = 1 / (1 / 2.3e3 + 2j * np.pi * f * 0.17)
    np.testing.assert_allclose(Z, contact * (1 / (L / 3 * W) + 1 / (0.75 * T * W)), rtol=1e-4)


def test_the_circuit_of_a_cell_with_patches() -> None:
    """Nodal analysis of the element list, and its parts, against the spectrum."""
    patches = (Patch("p", "top", 0.0, L / 3), Patch("q", "left", T / 4, T / 2))
    mesh = mx.Mesh(cells=6, dimension=2, width=T, lateral_cells=4, patches=patches)
    layer = mx.ConductorLayer("film", L, 0.23, 0.41, chemical_capacitance=3.1e6)
    ends = {"A": mx.Contact("p", "electron", mx.Lumped(R=2e-3, C=0.7)), "B": mx.Contact("q", "ion", mx.Reversible())}
    wiring = mx.Wiring(tuple(mx.Terminal(name, (contact,)) for name, contact in ends.items()))
    point = mx.solve_steady(mx.build_system(mx.mixed_conductor([layer]), wiring, area=T * W, mesh=mesh))
    f = np.logspace(-6, 3, 10)
    Z = mx.impedance(point, f).Z
    circuit = mx.netlist_of(point)
    np.testing.assert_allclose(mx.netlist_impedance(circuit, f), Z, rtol=1e-10)
    np.testing.assert_allclose(mx.attribute(circuit, f).total, Z, rtol=1e-10)
