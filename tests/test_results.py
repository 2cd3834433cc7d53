"""Results: what is written is what is read, in every reader that the file promises to serve."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import synthetic_result as synthetic

from miecsim.errors import InputError
from miecsim.results import (
    Quantity,
    atomic,
    layer_spans,
    read_result,
    reference_errors,
    software_versions,
    write_result,
    write_summary,
)
from miecsim.results.provenance import git_commit
from miecsim.results.summary import to_json
from miecsim.results.vtkhdf import points_and_cells


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The same run in 1D, 2D and 3D, as files."""
    folder = tmp_path_factory.mktemp("results")
    paths = {dimension: folder / f"{dimension}d.h5" for dimension in (1, 2, 3)}
    for dimension, path in paths.items():
        write_result(path, synthetic.run(dimension=dimension))
    return paths


def assert_same(a, b, where="run"):
    """Equal to the last bit, through dataclasses, mappings and tuples."""
    if hasattr(a, "__dataclass_fields__"):
        for field in fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, dict):
        assert list(a) == list(b) or set(a) == set(b), where
        for key in a:
            assert_same(a[key], b[key], f"{where}[{key}]")
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b), where
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same(one, other, f"{where}[{number}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True), where
    else:
        assert a == b and isinstance(b, type(a)), where


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_what_is_read_is_what_was_written(written, dimension):
    assert_same(synthetic.run(dimension=dimension), read_result(written[dimension]))


def test_order_of_studies_rails_and_profiles_survives(tmp_path):
    study = replace(synthetic.study("ion_blocking"), solver={f"entry_{k}": float(k) for k in range(12)})
    rails = {name: study.profile_rails["ion"] for name in ("zinc", "ion", "a")}
    study = replace(study, profile_rails=rails)
    write_result(tmp_path / "r.h5", synthetic.run(study, synthetic.study("battery")))
    found = read_result(tmp_path / "r.h5").studies
    assert [s.name for s in found] == ["ion_blocking", "battery"]
    assert list(found[0].profile_rails) == ["zinc", "ion", "a"]
    assert found[0].solver == study.solver


def test_empty_parts_and_nan_survive(tmp_path):
    study = synthetic.study()
    nan = np.full_like(study.profile_rails["ion"], np.nan)
    study = replace(
        study,
        reference_planes=(),
        Z_reference=np.zeros((study.frequency.size, 0), dtype=complex),
        references={},
        profile_rails={"ion": nan},
        steady={},
        steady_position=np.zeros(0),
        summary={"R_ion": Quantity(float("nan"), "ohm")},
    )
    write_result(tmp_path / "r.h5", synthetic.run(study))
    found = read_result(tmp_path / "r.h5").studies[0]
    assert np.isnan(found.summary["R_ion"].value)
    assert_same(replace(study, summary={}), replace(found, summary={}))


def test_area_specific_run_has_no_area_and_says_its_unit(tmp_path):
    write_result(tmp_path / "r.h5", synthetic.run(synthetic.study(area=7.85e-5)))
    run = read_result(tmp_path / "r.h5")
    assert run.area is None and run.studies[0].unit == "ohm m^2"
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["impedance/battery/Z"].attrs["units"] == "ohm m^2"


@pytest.mark.parametrize("dimension", [1, 2])
def test_every_dataset_has_units(written, dimension):
    missing, count = [], []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            count.append(name)
            if not str(item.attrs.get("units", "")):
                missing.append(name)

    with h5py.File(written[dimension]) as file:
        file.visititems(visit)
    assert len(count) > 30 and not missing


def test_layout_serves_a_reader_that_knows_only_h5py(written):
    with h5py.File(written[1]) as file:
        study = file["impedance/battery"]
        frequency, Z = study["frequency"][:], study["Z"][:]
        assert study["frequency"].attrs["units"] == "Hz" and study["Z"].attrs["units"] == "ohm"
        assert Z.dtype == np.complex128
        assert np.array_equal(study["Z_real"][:] + 1j * study["Z_imag"][:], Z)
        assert np.array_equal(study["reference/two_rail"][:], synthetic.battery(frequency))
        assert study["Z_matrix"].shape == (frequency.size, 2, 2)
        assert [scale.keys() for scale in study["Z_matrix"].dims] == [["frequency"], ["terminal"], ["driven_terminal"]]
        assert study["profiles/ion"].shape == (3, 48) and study["profiles/position"].attrs["units"] == "m"
        assert file["steady/battery/c_lithium"].attrs["units"] == "mol/m^3"
        assert json.loads(file["meta/case"].asstr()[()])["layer"][0]["name"] == "cathode"
        assert file["meta"].attrs["input_hash"] == "0123abcd"
        assert file["meta/solver/battery"].attrs["method"] == "closed form"
        assert file["grid/volumes"].attrs["units"] == "m^3"


def test_xarray_opens_studies_profiles_and_steady_states(written):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    for dimension in (1, 2):
        options = {"engine": "h5netcdf", "invalid_netcdf": True}
        with xarray.open_dataset(written[dimension], group="impedance/battery", **options) as study:
            assert study["Z_real"].dims == study["Z_imag"].dims == study["Z"].dims == ("frequency",)
            assert study["Z_matrix"].dims == ("frequency", "terminal", "driven_terminal")
            assert list(study["terminal"].values) == ["A", "sense"]
            at = study["Z_imag"].sel(frequency=1.0, method="nearest")
            assert float(at) == pytest.approx(synthetic.battery(np.array([1.0]))[0].imag, rel=1e-3)
            assert study["Z_real"].attrs["units"] == "ohm"
        with xarray.open_dataset(written[dimension], group="impedance/battery/profiles", engine="h5netcdf") as profiles:
            assert profiles["ion"].dims == ("profile_frequency", "position")
        with xarray.open_dataset(written[dimension], group="steady/battery", engine="h5netcdf") as steady:
            assert "position" in steady.coords and steady["Phi_ion"].dims == ("position",)


@pytest.mark.parametrize(("dimension", "corners", "kind"), [(2, 4, 9), (3, 8, 12)])
def test_vtkhdf_group_follows_the_format(written, dimension, corners, kind):
    grid = synthetic.grid(dimension)
    n = grid.volumes.size
    with h5py.File(written[dimension]) as file:
        group = file["VTKHDF"]
        assert group.attrs["Type"] == b"UnstructuredGrid" and list(group.attrs["Version"])[0] == 2
        kind_of_type = group.attrs.get_id("Type").get_type()
        assert not kind_of_type.is_variable_str()  # VTK refuses variable-length strings here
        assert group["NumberOfCells"][:] == [n]
        assert group["NumberOfPoints"][:] == [group["Points"].shape[0]]
        assert group["NumberOfConnectivityIds"][:] == [n * corners]
        assert np.array_equal(group["Offsets"][:], corners * np.arange(n + 1))
        assert group["Types"].dtype == np.uint8 and set(group["Types"][:]) == {kind}
        corner_points = group["Points"][:][group["Connectivity"][:].reshape(n, corners)]
        assert np.array_equal(group["CellData/battery:Phi_ion"][:], file["fields/battery/Phi_ion"][:])
        assert group["CellData/battery:Phi_ion"].attrs["units"] == "V"
        assert np.array_equal(group["CellData/region"][:], grid.region_ids)
    np.testing.assert_allclose(corner_points.mean(axis=1)[:, :dimension], grid.centers, rtol=1e-12)
    # corners run round each face, counter-clockwise: opposite sides parallel, areas and volumes positive
    sides = corner_points[:, [1, 2, 3, 0]] - corner_points[:, :4]
    np.testing.assert_allclose(sides[:, 0] + sides[:, 2], 0.0, atol=1e-18)
    a, b = corner_points[:, 1] - corner_points[:, 0], corner_points[:, 3] - corner_points[:, 0]
    normal = np.cross(a, b)
    height = corner_points[:, 4] - corner_points[:, 0] if dimension == 3 else np.array([[0.0, 0.0, 1.0]])
    np.testing.assert_allclose(np.sum(normal * height, axis=1), grid.volumes, rtol=1e-12)


def test_1d_run_has_no_vtk_group_but_keeps_fields(tmp_path, written):
    with h5py.File(written[1]) as file:
        assert "VTKHDF" not in file
    values = np.arange(12.0)
    study = replace(synthetic.study(), fields={"x_like": (values, "m")})
    write_result(tmp_path / "r.h5", synthetic.run(study))
    found, unit = read_result(tmp_path / "r.h5").studies[0].fields["x_like"]
    assert unit == "m" and np.array_equal(found, values)


def test_grid_numbered_the_wrong_way_round_is_refused():
    grid = synthetic.grid(2)
    transposed = grid.centers.reshape(3, 12, 2).swapaxes(0, 1).reshape(-1, 2)
    with pytest.raises(InputError, match="x running fastest"):
        points_and_cells(replace(grid, centers=transposed))
    with pytest.raises(InputError, match="36 cells, but its faces enclose 33"):
        points_and_cells(replace(grid, faces=(grid.faces[0][:-1], grid.faces[1])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Z": np.ones(3, dtype=complex)}, r"study battery: Z has shape \(3,\), expected \(91,\)"),
        ({"Z_matrix": np.ones((91, 1, 1), dtype=complex)}, "Z_matrix"),
        ({"profile_rails": {"ion": np.ones((3, 5), dtype=complex)}}, "profile of ion"),
        ({"steady": {"c": (np.ones(2), "mol/m^3")}}, "steady c"),
        ({"fields": {"c": (np.ones(2), "V")}}, "field c"),
        ({"unit": "Ohm"}, "unit of Z is 'Ohm'"),
        ({"ground": "C"}, "ground 'C' is none of A, B, sense"),
        ({"name": "a/.."}, "cannot be a name"),
        ({"references": {"a/b": np.ones(91, dtype=complex)}}, "'a/b' cannot be the name"),
        ({"profile_rails": {"position": np.ones((3, 48), dtype=complex)}}, "'position' cannot be the name"),
    ],
)
def test_records_that_do_not_fit_are_refused_and_leave_nothing_behind(tmp_path, change, message):
    study = replace(synthetic.study(), **change)
    with pytest.raises(InputError, match=message):
        write_result(tmp_path / "r.h5", synthetic.run(study))
    assert list(tmp_path.iterdir()) == []


def test_two_studies_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match="different names"):
        write_result(tmp_path / "r.h5", synthetic.run(synthetic.study(), synthetic.study()))


def test_a_write_that_fails_leaves_the_old_result(tmp_path):
    path = tmp_path / "results" / "result.h5"
    write_result(path, synthetic.run())
    before = path.read_bytes()
    broken = replace(synthetic.run(), timings={"a/b": 1.0})  # found out late, half-way through the file
    with pytest.raises(InputError):
        write_result(path, broken)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["result.h5"]
    write_result(path, replace(synthetic.run(), title="second"))
    assert read_result(path).title == "second" and len(list(path.parent.iterdir())) == 1


def test_atomic_renames_within_the_folder_and_cleans_up(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent and not target.exists()
    assert target.read_text() == "whole"
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~mask  # not the private mode of temporary files
    with pytest.raises(KeyboardInterrupt), atomic(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "whole" and len(list(target.parent.iterdir())) == 1


def test_missing_foreign_newer_and_damaged_files_are_one_clear_line(tmp_path):
    path = tmp_path / "r.h5"
    with pytest.raises(InputError, match="no such result file"):
        read_result(path)
    path.write_text("text")
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_result(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="not a miecsim result"):
        read_result(path)
    write_result(path, synthetic.run())
    with h5py.File(path, "a") as file:
        file.attrs["miecsim_format"] = 99
    with pytest.raises(InputError, match="result format 99"):
        read_result(path)
    write_result(path, synthetic.run())
    with h5py.File(path, "a") as file:
        del file["impedance/battery/Z"]
    with pytest.raises(InputError, match="damaged result") as error:
        read_result(path)
    assert "\n" not in str(error.value)


def test_summary_holds_figures_with_units_errors_and_checks(tmp_path):
    write_summary(tmp_path / "summary.json", synthetic.run())
    data = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    battery = data["studies"]["battery"]
    assert data["summary"]["sigma_ion"] == {"value": 0.0166, "unit": "S/m"}
    assert battery["summary"]["R_ion"] == {"value": 360.0, "unit": "ohm", "note": "from the ion rail"}
    error = battery["references"]["two_rail"]["max_relative_error"]
    assert error["value"] == pytest.approx(1e-4, rel=1e-2) and error["unit"] == "1"
    assert data["checks"][0]["quantity"] == "R_ion" and data["passed"] is True
    failed = replace(synthetic.run(), checks=(dict(synthetic.run().checks[0]) | {"passed": np.False_},))
    write_summary(tmp_path / "summary.json", failed)
    assert json.loads((tmp_path / "summary.json").read_text())["passed"] is False


def test_json_is_strict_whatever_the_numbers():
    data = {"a": np.float64(1.5), "b": np.int64(2), "c": np.array([1.0, np.nan]), "d": (np.True_, float("inf"))}
    assert json.loads(to_json(data), parse_constant=lambda name: pytest.fail(name)) == {
        "a": 1.5,
        "b": 2,
        "c": [1.0, None],
        "d": [True, None],
    }


def test_reference_errors_name_the_worst_frequency():
    study = synthetic.study()
    Z = study.references["two_rail"].copy()
    Z[17] *= 1 + 0.03j
    error, frequency = reference_errors(replace(study, Z=Z))["two_rail"]
    assert error == pytest.approx(0.03, rel=1e-12) and frequency == study.frequency[17]


def test_layer_spans_follow_the_faces():
    grid = synthetic.grid(2)
    (first, start, border), (second, other, end) = layer_spans(grid)
    assert (first, second) == ("separator", "cathode")
    assert start == 0.0 and border == other == grid.faces[0][4] and end == synthetic.LENGTH
    assert layer_spans(replace(grid, faces=())) == []


def test_versions_and_commit(tmp_path):
    versions = software_versions()
    assert versions["numpy"] == np.__version__ and {"python", "scipy", "fipy", "miecsim"} <= set(versions)
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text("abc123\n")
    assert git_commit(tmp_path) == ""  # somebody else's repository around an installed copy
    (tmp_path / "pyproject.toml").touch()
    assert git_commit(tmp_path) == "abc123"
    (git / "refs/heads/main").unlink()
    (git / "packed-refs").write_text("# pack-refs\nfeed42 refs/heads/main\n")
    assert git_commit(tmp_path) == "feed42"
    (git / "HEAD").write_text("0123\n")
    assert git_commit(tmp_path) == "0123"
    assert git_commit(Path("/nonexistent")) == ""


def test_the_synthetic_profiles_belong_to_the_closed_form():
    """The helper's profiles and Z come from different formulas: Ohm's law at the ion end joins them."""
    frequency = np.array([1e-2, 1.0, 10.0])
    step = synthetic.LENGTH * np.array([0.0, 1e-6, 1.0])
    ion = synthetic.battery_profiles(frequency, step)["ion"]
    current = (ion[:, 0] - ion[:, 1]) / (synthetic.R_ION * 1e-6)
    np.testing.assert_allclose(1 / current, synthetic.battery(frequency), rtol=1e-4)
