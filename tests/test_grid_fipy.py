"""The adapter on every class of FiPy mesh, and what FiPy is allowed to see and to leave behind when it is imported."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from miecsim.errors import InputError
from miecsim.grid.meshes import from_fipy, load_fipy

OUTWARD = {"left": (0, -1), "right": (0, 1), "bottom": (1, -1), "top": (1, 1), "front": (2, -1), "back": (2, 1)}
W, V, U = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 1.5, 2.0]), np.array([0.3, 0.7])


def _meshes():
    f = load_fipy()
    return {
        "UniformGrid1D": (f.Grid1D(nx=5, dx=0.2), 1.0),
        "NonUniformGrid1D": (f.Grid1D(dx=W), 6.0),
        "UniformGrid2D": (f.Grid2D(nx=5, dx=0.2, ny=4, dy=0.5), 2.0),
        "NonUniformGrid2D": (f.Grid2D(dx=W, dy=V), 30.0),
        "UniformGrid3D": (f.Grid3D(nx=3, dx=0.2, ny=4, dy=0.5, nz=2, dz=1.0), 2.4),
        "NonUniformGrid3D": (f.Grid3D(dx=W, dy=V, dz=U), 30.0),
        "shifted": (f.Grid2D(dx=W, dy=V) + ((-7.0,), (1.0,)), 30.0),
        "CylindricalUniformGrid1D": (f.CylindricalGrid1D(nr=5, dr=0.2, origin=(1.0,)), np.pi * 3),
        "CylindricalNonUniformGrid1D": (f.CylindricalGrid1D(dr=W), np.pi * 36),
        "SphericalUniformGrid1D": (f.SphericalGrid1D(nr=5, dr=0.2), 4 / 3 * np.pi),
        "SphericalNonUniformGrid1D": (f.SphericalGrid1D(dr=W, origin=(1.0,)), 4 / 3 * np.pi * (343 - 1)),
        "CylindricalUniformGrid2D": (f.CylindricalGrid2D(nr=5, dr=0.2, nz=2, dz=0.5), np.pi),
        "CylindricalNonUniformGrid2D": (f.CylindricalGrid2D(dr=W, dz=V), np.pi * 36 * 5),
        "Tri2D": (f.Tri2D(nx=5, dx=0.2, ny=4, dy=0.2), 0.8),
        "Tri2D oblong": (f.Tri2D(nx=5, dx=0.2, ny=2, dy=0.5), 1.0),
    }


@pytest.fixture(scope="module")
def meshes():
    return _meshes()


NAMES = list(_meshes())
ORTHOGONAL = [n for n in NAMES if n != "Tri2D oblong"]


@pytest.mark.parametrize("name", NAMES)
def test_adapter_reads_plain_arrays_of_the_right_size(meshes, name):
    mesh, volume = meshes[name]
    g = from_fipy(mesh)
    assert g.volumes.sum() == pytest.approx(volume, rel=1e-13) and np.all(g.volumes > 0)
    faces = {a: getattr(g, a) for a in ("area", "d_left", "d_right", "left", "right")}
    faces |= {"centers": g.face_centers[:, 0], "all": np.zeros(int(mesh.interiorFaces.value.sum()))}
    assert {len(v) for v in faces.values()} == {g.n_faces}
    for side in g.sides.values():
        faces |= {f"side {id(side)}": side.area, f"distance {id(side)}": side.distance}
    for array in [*faces.values(), g.centers, g.volumes]:
        assert type(array) is np.ndarray and array.dtype in (np.float64, np.int64) and np.all(np.isfinite(array))
    assert g.centers.shape == (mesh.numberOfCells, mesh.dim) and g.dim == mesh.dim
    assert sum(len(s.cells) for s in g.sides.values()) == int(np.asarray(mesh.exteriorFaces.value).sum())
    assert set(g.sides) == set(list(OUTWARD)[: 2 * g.dim])
    assert g.region_names == ("all",) and not g.region.any()


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_the_sum_of_the_pyramids_over_their_faces(meshes, name):
    """Sum of area x distance over a cell's faces = dim x volume; tests areas, both half-distances and connectivity."""
    g = from_fipy(meshes[name][0])
    if g.coordinates != "cartesian":
        # exact in a curved shell to second order only: compare the faces with the derivative of the volume instead
        order = 3 if g.coordinates == "spherical" else 2
        r_in, r_out = np.zeros(g.n_cells), np.zeros(g.n_cells)
        radial = g.centers[g.right, 0] - g.centers[g.left, 0] > 0
        r_out[g.left[radial]] = r_in[g.right[radial]] = g.face_centers[radial, 0]
        r_in[g.sides["left"].cells] = g.sides["left"].centers[:, 0]
        r_out[g.sides["right"].cells] = g.sides["right"].centers[:, 0]
        height = _by_cell(g, g.d_left, g.d_right, ~radial, ("bottom", "top")) if g.dim == 2 else 1.0
        shape = {2: np.pi, 3: 4 / 3 * np.pi}[order]
        np.testing.assert_allclose(g.volumes, shape * (r_out**order - r_in**order) * height, rtol=1e-12)
        edge_area = order * shape * g.face_centers[radial, 0] ** (order - 1)
        np.testing.assert_allclose(g.area[radial], edge_area * (height if g.dim == 1 else height[g.left[radial]]))
        np.testing.assert_allclose(g.area[~radial], (g.volumes / height)[g.left[~radial]] if g.dim == 2 else [])
    else:
        total = _by_cell(g, g.area * g.d_left, g.area * g.d_right, slice(None), g.sides, weight=True)
        np.testing.assert_allclose(total, g.dim * g.volumes, rtol=1e-12)


def _by_cell(g, on_left, on_right, faces, sides, weight=False):
    total = np.zeros(g.n_cells)
    np.add.at(total, g.left[faces], on_left[faces])
    np.add.at(total, g.right[faces], on_right[faces])
    for name in sides:
        side = g.sides[name]
        np.add.at(total, side.cells, side.distance * (side.area if weight else 1.0))
    return total


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_surfaces_are_closed(meshes, name):
    """Sum of area x outward normal vanishes; normals come from the cell centres and from the names of the sides."""
    g = from_fipy(meshes[name][0])
    joint = g.centers[g.right] - g.centers[g.left]
    normal = joint / np.linalg.norm(joint, axis=1)[:, None]
    total = np.zeros((g.n_cells, g.dim))
    np.add.at(total, g.left, g.area[:, None] * normal)
    np.add.at(total, g.right, -g.area[:, None] * normal)
    for side_name, side in g.sides.items():
        axis, sign = OUTWARD[side_name]
        np.add.at(total[:, axis], side.cells, sign * side.area)
    if g.coordinates == "cartesian":
        curved = np.zeros(g.n_cells)
    else:  # the integral of div(e_r) = (order - 1)/r over the cell; with r at its middle exact but for spheres
        order = 3 if g.coordinates == "spherical" else 2
        curved = (order - 1) * g.volumes / g.centers[:, 0]
    if g.coordinates == "spherical":
        width = np.concatenate((g.d_left, g.sides["right"].distance)) * 2
        curved /= 1 + (width / g.centers[:, 0]) ** 2 / 12
    np.testing.assert_allclose(total[:, 0], curved, rtol=1e-12, atol=1e-13 * g.area.max())
    np.testing.assert_allclose(total[:, 1:], 0.0, atol=1e-13 * g.area.max())
    np.testing.assert_allclose(g.d_left + g.d_right, np.linalg.norm(joint, axis=1), rtol=1e-12)
    main = (np.abs(normal) > 1e-6).argmax(axis=1)
    assert np.all(joint[np.arange(g.n_faces), main] > 0), "left is the cell at smaller x (or y, z)"
    assert g.skew < 1e-12


def test_structured_edges_and_skew_tell_the_kind_of_mesh(meshes):
    g = from_fipy(meshes["NonUniformGrid3D"][0])
    for edges, widths in zip(g.edges, (W, V, U), strict=True):
        np.testing.assert_allclose(np.diff(edges), widths, rtol=1e-14)
    assert from_fipy(meshes["Tri2D"][0]).edges == ()
    # two triangles of a 0.2 x 0.5 rectangle, centroids (0.1, 0.5/6) and (1/6, 0.25), share half a diagonal
    joint, normal = np.array([0.2 / 3, 0.5 / 3]), np.array([0.5, 0.2]) / math.hypot(0.5, 0.2)
    sine = math.sqrt(1 - (joint @ normal / np.linalg.norm(joint)) ** 2)
    assert from_fipy(meshes["Tri2D oblong"][0]).skew == pytest.approx(sine, rel=1e-12)


def test_regions_cover_each_cell_once(meshes):
    mesh = meshes["NonUniformGrid2D"][0]
    x = from_fipy(mesh).centers[:, 0]
    g = from_fipy(mesh, {"b": x > 1, "a": x < 1})
    assert g.region_names == ("b", "a")
    np.testing.assert_array_equal(g.in_region("a"), x < 1)
    for bad in ({"a": x < 1}, {"a": x < 4, "b": x > 1}, {"a": np.ones(3)}):
        with pytest.raises(InputError, match="exactly one"):
            from_fipy(mesh, bad)


def test_faces_on_no_side_are_outer():
    """An octagon made of eight triangles around its centre: no face but those normal to an axis lies on a side."""
    f = load_fipy()
    from fipy.meshes.mesh2D import Mesh2D

    angle = np.arange(8) * np.pi / 4 + np.pi / 8
    points = np.c_[np.r_[0, np.cos(angle)], np.r_[0, np.sin(angle)]].T
    spokes = np.array([np.zeros(8, dtype=int), np.arange(1, 9)])
    rim = np.array([np.arange(1, 9), np.roll(np.arange(1, 9), -1)])
    cells = np.array([np.arange(8), 8 + np.arange(8), (np.arange(8) + 1) % 8])
    g = from_fipy(Mesh2D(points, np.hstack((spokes, rim)), cells))
    assert {k: len(s.cells) for k, s in g.sides.items()} == {"left": 1, "right": 1, "bottom": 1, "top": 1, "outer": 4}
    np.testing.assert_allclose(g.volumes, np.sin(np.pi / 4) / 2, rtol=1e-13)
    np.testing.assert_allclose(g.sides["outer"].distance, np.cos(np.pi / 8) / 3, rtol=1e-13)
    assert f.__name__ == "fipy"


@pytest.mark.skipif(shutil.which("gmsh") is None, reason="gmsh is not installed")
def test_gmsh_meshes_are_read():
    mesh = load_fipy().Gmsh2D(
        """
        h = 0.2;
        Point(1) = {0, 0, 0, h}; Point(2) = {2, 0, 0, h}; Point(3) = {2, 1, 0, h}; Point(4) = {0, 1, 0, h};
        Line(1) = {1, 2}; Line(2) = {2, 3}; Line(3) = {3, 4}; Line(4) = {4, 1};
        Line Loop(1) = {1, 2, 3, 4};
        Plane Surface(1) = {1};
        """
    )
    g = from_fipy(mesh)
    assert g.volumes.sum() == pytest.approx(2.0, rel=1e-9)
    lengths = {name: side.area.sum() for name, side in g.sides.items()}
    assert lengths == pytest.approx({"left": 1.0, "right": 1.0, "bottom": 2.0, "top": 2.0}, rel=1e-9)
    assert 0 < g.skew < 1 and g.edges == ()


def test_periodic_and_tangled_meshes_are_refused():
    f = load_fipy()
    with pytest.raises(InputError, match="do not close"):
        from_fipy(f.PeriodicGrid1D(nx=5, dx=0.2))
    folded = f.SkewedGrid2D(nx=5, dx=0.2, ny=5, dy=0.2, rand=0.02)
    folded.cellVolumes[3] *= -1
    with pytest.raises(InputError, match="negative volume"):
        from_fipy(folded)


# --------------------------------------------------------------------------------------------------- importing FiPy

PROBE = """
import json, logging, os, sys
records = []
class Keep(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())
logging.basicConfig(level=logging.DEBUG, handlers=[Keep()])
sys.argv = ["miecsim", "--petsc", "--inline", "--set", "a=1"]
import miecsim.grid, miecsim.grid.spacing, miecsim.grid.meshes as meshes
early = "fipy" in sys.modules
fipy = meshes.load_fipy()
from fipy.tools import inline
print(json.dumps({"early": early, "argv": sys.argv, "suite": os.environ["FIPY_SOLVERS"], "inline": inline.doInline,
    "log": records, "matplotlib": "matplotlib" in sys.modules, "seen": fipy._fipy_environment["argv"]}))
import matplotlib.pyplot
"""


def test_fipy_sees_no_command_line_logs_nothing_and_leaves_matplotlib_alone():
    env = {k: v for k, v in os.environ.items() if k not in ("FIPY_SOLVERS", "FIPY_LOG_CONFIG")} | {"SECRET": "hush"}
    command = [sys.executable, "-W", "error", "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["early"] is False, "FiPy is imported only when a mesh is made"
    assert told["argv"] == ["miecsim", "--petsc", "--inline", "--set", "a=1"] and told["seen"] == ["miecsim"]
    assert told["suite"] == "scipy" and not told["inline"] and told["matplotlib"] is False
    assert not any("hush" in line or "fipy" in line for line in told["log"])
