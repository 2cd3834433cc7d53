"""The same physics on a 2D or 3D grid: a cell that is uniform across gives the line, and one that is not gives more."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx

FREQUENCY = np.logspace(-3, 6, 10)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", list(systems.ALL))
def test_uniform_cross_section_gives_the_line(name: str, dimension: int) -> None:
    line, sheet = (
        mx.impedance(mx.solve_steady(systems.ALL[name](d), {"A": 0.07}), FREQUENCY).Z for d in (1, dimension)
    )
    np.testing.assert_allclose(sheet, line, rtol=1e-10)


def test_direct_current_in_two_dimensions() -> None:
    line, sheet = (mx.dc_admittance(mx.solve_steady(systems.poisson(d), {"A": 0.07})) for d in (1, 2))
    np.testing.assert_allclose(sheet, line, rtol=1e-10)


def test_amplitudes_agree_with_the_line() -> None:
    f = np.array([1.0, 1e3])
    line, sheet = (mx.solve_steady(systems.composite(d)) for d in (1, 2))
    along, across = mx.amplitudes(line, f), mx.amplitudes(sheet, f)
    x1, x2 = line.system.nodes.position[:, 0], sheet.system.nodes.position[:, 0]
    cells = sheet.system.grid.n_cells
    for k in range(line.system.n_fields):
        inside = line.system.nodes.volume > 0
        reference = np.interp(x2[:cells], x1[inside], along.potential[0, inside, k].real)
        np.testing.assert_allclose(across.potential[0, :cells, k].real, reference, atol=1e-10)


def test_compiled_and_plain_and_sparse_agree() -> None:
    point = mx.solve_steady(systems.composite(1), {"A": 0.05})
    plain, compiled, sparse = (mx.impedance(point, FREQUENCY, method=m).Z for m in ("plain", "compiled", "sparse"))
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)
    np.testing.assert_allclose(sparse, plain, rtol=1e-10)


def test_amplitudes_go_the_way_of_the_spectrum() -> None:
    """A coarse mesh far above its frequencies: the current of the amplitudes through the ends is the spectrum's own."""
    s1, s2, length = 0.031, 0.031e-12, 47e-6
    layer = mx.CompositeLayer("electrode", length, s1, s2, mx.Lumped(C=0.23), 2.7e5)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("ion_blocking"), mesh=mx.Mesh(cells=90))
    point = mx.solve_steady(system)
    f = np.array([1e6, 1e9])
    phi = mx.amplitudes(point, f).potential[:, :, 1]
    current = 2 * s2 / (length / 90) * (phi[:, -2] - phi[:, -1])  # through the last half cell
    np.testing.assert_allclose(1 / current, mx.impedance(point, f).Z, rtol=1e-9)
