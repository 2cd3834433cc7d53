"""Figures of shortest paths show the numbers of the paths: maps, diagrams, distributions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from miecsim.errors import InputError
from miecsim.microstructure.paths import limits, path_lengths
from miecsim.microstructure.structure import Microstructure
from miecsim.plot.paths import path_diagrams, path_distributions, path_maps

SIGMA = ({"solid_electrolyte": 0.013}, {"active_material": 0.37})


def comb(depth=None):
    """Straight layers of electrolyte and active material, an island in the former and a pore in the latter."""
    labels = np.zeros((60, 24), dtype=np.uint8)
    labels[:, 9:] = 1
    labels[30:36, 3:6] = 1
    labels[20:24, 15:20] = 2
    labels = labels if depth is None else np.repeat(labels[:, :, None], depth, axis=2)
    voxel = (0.25e-6, 0.5e-6, 0.4e-6)[: labels.ndim]
    return Microstructure(labels, voxel, ("solid_electrolyte", "active_material", "void"))


STRUCTURE = comb()
PATHS = path_lengths(STRUCTURE, *SIGMA)
CURRENT = np.where(PATHS.reached, -PATHS.area * np.exp(-PATHS.position[:, 0] / 2e-6), 0.0)


def texts(figure):
    return " | ".join(t.get_text() for axes in figure.axes for t in axes.texts)


def test_maps_show_both_lengths_in_place():
    """In um on equal axes and one colour scale, x to the right; what is not reached is named."""
    figure = path_maps(STRUCTURE, PATHS)
    ions, electrons, scale = figure.axes
    for axes, values in ((ions, PATHS.map_ion), (electrons, PATHS.map_eon)):
        mesh = axes.collections[-2]
        shown = np.ma.filled(mesh.get_array(), np.nan)
        reached = np.isfinite(values)
        np.testing.assert_allclose(shown[reached.T], 1e6 * values.T[reached.T], rtol=1e-12)
        assert np.all(np.isnan(shown[~reached.T]))
        assert mesh.get_clim() == pytest.approx((0.0, 1e6 * PATHS.map_eon[np.isfinite(PATHS.map_eon)].max()))
        assert axes.get_aspect() == 1.0 and axes.get_xlabel() == "x / µm"
        assert axes.get_xlim() == pytest.approx((0, 15)) and axes.get_ylim() == pytest.approx((0, 12))
    assert ions.get_ylabel() == "y / µm" and scale.get_ylabel() == "L* / µm"
    assert [axes.get_title("left") for axes in (ions, electrons)] == ["L* of ions", "L* of electrons"]
    names = [t.get_text() for t in figure.legends[0].get_texts()]
    assert set(names) == {"conducts, not reached", "active material", "solid electrolyte", "void"}


def test_outline_is_the_boundary_of_the_phases():
    lines = path_maps(STRUCTURE, PATHS).axes[0].collections[-1].get_segments()
    length = sum(np.hypot(*np.diff(np.asarray(line), axis=0)[0]) for line in lines)
    # um: the layers; island and pore, each twice its width and height
    assert length == pytest.approx(15 + 2 * (6 * 0.25 + 3 * 0.5) + 2 * (4 * 0.25 + 5 * 0.5))


def test_section_of_three_dimensions():
    thick = comb(5)
    paths = path_lengths(thick, *SIGMA)
    for section in (None, 1):
        mesh = path_maps(thick, paths, section=section).axes[0].collections[-2]
        layer = paths.map_ion[:, :, 2 if section is None else section]
        shown = np.where(np.isfinite(layer), 1e6 * layer, np.nan).T
        np.testing.assert_allclose(np.ma.filled(mesh.get_array(), np.nan), shown, rtol=1e-12)
    with pytest.raises(InputError, match="read section 5; the picture has layers 0 to 4"):
        path_maps(thick, paths, section=5)
    with pytest.raises(InputError, match="and a picture of"):
        path_maps(thick, PATHS)


def test_diagrams_hold_all_shares_and_say_what_decides():
    """Shares add up to 100 %; with a current the deepest colour is where it flows; the words are those of `limits`."""
    by_area, by_current = path_diagrams(PATHS), path_diagrams(PATHS, CURRENT)
    for figure, what in ((by_area, "interface area"), (by_current, "reaction current")):
        lengths, resistances, scale = figure.axes
        assert scale.get_ylabel() == f"share of the {what} / %"
        for axes in (lengths, resistances):
            assert axes.get_aspect() == 1.0 and axes.get_xlim() == axes.get_ylim()
            assert np.nansum(np.ma.filled(axes.collections[1].get_array(), np.nan)) == pytest.approx(100, abs=1)
            (line,) = axes.lines
            np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
        assert lengths.get_xlabel() == "L* of ions / µm" and resistances.get_ylabel().startswith("L*/σ of electrons / ")
    found = limits(PATHS, CURRENT)
    assert f"ions are held up more on {100 * found.ion:.3g} % of the area" in texts(by_area)
    assert f"of the area, {100 * found.ion_current:.3g} % of the current" in texts(by_current)
    assert f"name the wrong one on {100 * found.misjudged:.3g} % of the area" in texts(by_area)
    mesh = by_current.axes[0].collections[1]
    edges = mesh.get_coordinates()[0, :, 0]
    _, column = np.unravel_index(np.nanargmax(np.ma.filled(mesh.get_array(), np.nan)), mesh.get_array().shape)
    assert edges[column] < 1.0  # um from the separator
    spread = np.count_nonzero(~np.ma.getmaskarray(by_area.axes[0].collections[1].get_array()))
    assert spread == np.count_nonzero(~np.ma.getmaskarray(by_current.axes[0].collections[0].get_array()))


def test_diagram_of_resistances_is_that_of_lengths_over_conductivities():
    """The same sites, x and y stretched each by its own conductivity."""
    sigma_equal = replace(PATHS, sigma_eon=PATHS.sigma_ion)
    assert limits(sigma_equal).misjudged == 0.0
    axes = path_diagrams(PATHS).axes[1]
    mesh = axes.collections[1]
    grid = mesh.get_coordinates()
    y, x = np.nonzero(~np.ma.getmaskarray(mesh.get_array()))
    display = {"Ω cm²": 1e4, "mΩ cm²": 1e7}[axes.get_xlabel().split(" / ")[1]]
    on = PATHS.reached
    for coordinate, r in ((grid[0, x, 0], PATHS.r_ion[on]), (grid[y, 0, 1], PATHS.r_eon[on])):
        step = grid[0, 1, 0] / grid[0, 0, 0]
        assert coordinate.min() <= r.min() * display <= coordinate.min() * step
        assert coordinate.max() <= r.max() * display * (1 + 1e-12) and r.max() * display <= coordinate.max() * step


def test_distributions_integrate_to_one_hundred():
    """Straight layers: L* of ions grows with x, so that by a current that decays along x it is shorter."""
    figure = path_distributions(PATHS, CURRENT)
    left, right = figure.axes
    assert left.get_xlabel() == "L* / µm" and left.get_ylabel() == "share per L* / % µm⁻¹"
    assert len(left.patches) == 4 and len(figure.legends[0].get_texts()) == 4
    means = []
    for stairs in left.patches:
        density, edges, _ = stairs.get_data()
        assert np.sum(density * np.diff(edges)) == pytest.approx(100)
        means.append(np.sum(density * np.diff(edges) * 0.5 * (edges[1:] + edges[:-1])) / 100)
    on = PATHS.reached
    width = np.diff(left.patches[0].get_data()[1])[0]
    assert means[0] == pytest.approx(1e6 * np.average(PATHS.L_ion[on], weights=PATHS.area[on]), abs=width / 2)
    assert means[2] == pytest.approx(1e6 * np.average(PATHS.L_ion[on], weights=-CURRENT[on]), abs=width / 2)
    medians = [line.get_xdata()[0] for line in left.lines]
    assert medians[0] == pytest.approx(7.5, abs=0.4) and medians[1] == pytest.approx(7.5, abs=0.4)
    for line in right.lines:
        assert np.all(np.diff(line.get_ydata()) >= 0) and line.get_ydata()[-1] <= 100 + 1e-9
    dashes = {(str(line.get_color()), str(line._dash_pattern)) for line in right.lines}
    assert len(dashes) == 4
    assert len(path_distributions(PATHS).axes[0].patches) == 2


def test_nothing_reached_is_one_line():
    cut = replace(PATHS, L_ion=np.full_like(PATHS.L_ion, np.inf))
    with pytest.raises(InputError, match="reach no common site"):
        path_diagrams(cut)
    with pytest.raises(InputError, match="no site is reached"):
        path_distributions(cut)
    with pytest.raises(InputError, match="finite numbers"):
        path_distributions(PATHS, CURRENT[:-1])
    nowhere = np.full_like(PATHS.map_ion, np.inf)
    with pytest.raises(InputError, match="no voxel of this section"):
        path_maps(STRUCTURE, replace(PATHS, map_ion=nowhere, map_eon=nowhere))
