"""Writing result.h5. The layout is the contract with every reader:

    /impedance/<study>/            frequency [Hz]; Z (complex), Z_real, Z_imag; Z_matrix; Z_reference
        reference/<name>           closed forms, complex, with their largest relative error as an attribute
        attribution/               edges [m]; process/<name>, layer/<name> (complex parts of Z), along/<process>
        profiles/                  profile_frequency [Hz], position [m], <rail> (complex, V per V applied)
        summary/<figure>           scalars with unit and note
    /steady/<study>/               position [m], <potential or concentration>
    /fields/<study>/<name>         values per cell of the grid (2D and 3D: the same data as in /VTKHDF/CellData)
    /grid/                         volumes, centers, region, region_names, x_faces, y_faces, z_faces
    /meta/                         case (JSON), checks (JSON), versions, timings, solver/<study>, summary
    /VTKHDF/                       unstructured grid for ParaView (2D and 3D)

Every dataset has `units`; arrays carry HDF5 dimension scales, so that xarray opens each group with its coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.results.atomic import atomic
from miecsim.results.records import (
    Z_UNITS,
    AttributionRecord,
    GridRecord,
    Quantity,
    RunRecord,
    StudyRecord,
    reference_errors,
)
from miecsim.results.summary import to_json
from miecsim.results.vtkhdf import write_vtkhdf

FORMAT = 1  # raised when a reader of an older version could no longer read the file
COMPRESS_ABOVE = 4096  # elements; below that a chunked dataset is larger than a plain one


def write_result(path: str | Path, run: RunRecord) -> None:
    """Write `run` to an HDF5 file atomically.

    Raises InputError when two studies share a name, a name cannot be an HDF5 name, or an array has the wrong shape.
    """
    import h5py

    names = [study.name for study in run.studies]
    if len(set(names)) != len(names):
        raise InputError(f"{path}: studies need different names, read {', '.join(names)}")
    for study in run.studies:
        check_study(study, run.grid.volumes.size)
    with atomic(path) as temporary, h5py.File(temporary, "w-", track_order=True) as file:
        file.attrs["miecsim_format"] = FORMAT
        file.attrs["title"] = run.title
        _write_meta(_group(file, "meta"), run)
        grid = _group(file, "grid")
        _write_grid(grid, run.grid)
        impedance = _group(file, "impedance")
        for study in run.studies:
            _write_study(_group(impedance, study.name), study)
            if study.steady:
                _write_steady(_group(file, f"steady/{study.name}"), study)
        _write_fields(file, run)


def check_study(study: StudyRecord, n_cells: int) -> None:
    """Raise InputError, naming study and array, unless every array has the shape stated in StudyRecord."""
    n_f, others = study.frequency.size, len(study.terminals) - 1
    along = (study.profile_frequency.size, study.profile_position.size)
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "frequency": (study.frequency.shape, (n_f,)),
        "Z": (study.Z.shape, (n_f,)),
        "Z_matrix": (study.Z_matrix.shape, (n_f, others, others)),
        "Z_reference": (study.Z_reference.shape, (n_f, len(study.reference_planes))),
    }
    shapes |= {f"reference {name}": (values.shape, (n_f,)) for name, values in study.references.items()}
    shapes |= {f"profile of {name}": (values.shape, along) for name, values in study.profile_rails.items()}
    shapes |= {f"steady {name}": (v.shape, study.steady_position.shape) for name, (v, _) in study.steady.items()}
    shapes |= {f"field {name}": (v.shape, (n_cells,)) for name, (v, _) in study.fields.items()}
    if study.attribution is not None:
        parts, intervals = study.attribution, study.attribution.edges.size - 1
        shapes |= {f"part {k}": (v.shape, (n_f,)) for k, v in (*parts.processes.items(), *parts.layers.items())}
        shapes |= {f"parts of {k} along x": (v.shape, (n_f, intervals)) for k, v in parts.along.items()}
    for what, (read, expected) in shapes.items():
        if read != expected:
            raise InputError(f"study {study.name}: {what} has shape {read}, expected {expected}")
    if study.unit not in Z_UNITS:
        raise InputError(f"study {study.name}: unit of Z is {study.unit!r}, allowed: {', '.join(Z_UNITS)}")
    if study.ground not in study.terminals:
        raise InputError(f"study {study.name}: ground {study.ground!r} is none of {', '.join(study.terminals)}")


def _group(parent: Any, name: str) -> Any:
    """A group that remembers the order of its members; each part of `name` must be usable as an HDF5 name."""
    for part in name.split("/"):
        if part in ("", ".", ".."):
            raise InputError(f"{name!r} cannot be a name in a result file")
        parent = parent[part] if part in parent else parent.create_group(part, track_order=True)
    return parent


def _put(
    group: Any,
    name: str,
    values: npt.ArrayLike | Sequence[str] | str,
    units: str = "1",
    scales: Sequence[Any] = (),
    **attributes: Any,
) -> Any:
    """One dataset with its units, other attributes, and the dimension scale of each axis."""
    import h5py

    if "/" in name or name in ("", ".", "..") or name in group:
        raise InputError(f"{group.name}: {name!r} cannot be the name of a dataset here")
    array = np.asarray(values)
    if array.dtype.kind in "UO":
        dataset = group.create_dataset(name, data=array.astype(object), dtype=h5py.string_dtype())
    else:
        packing = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if array.size > COMPRESS_ABOVE else {}
        dataset = group.create_dataset(name, data=array, **packing)
    dataset.attrs["units"] = units
    for key, value in attributes.items():
        dataset.attrs[key] = value
    for axis, scale in enumerate(scales):
        dataset.dims[axis].attach_scale(scale)
    return dataset


def _scale(group: Any, name: str, values: npt.ArrayLike | Sequence[str], units: str = "1") -> Any:
    dataset = _put(group, name, values, units)
    dataset.make_scale(name)
    return dataset


def _write_study(group: Any, study: StudyRecord) -> None:
    group.attrs["terminals"] = list(study.terminals)
    group.attrs["ground"] = study.ground
    frequency = _scale(group, "frequency", study.frequency, "Hz")
    _put(group, "Z", study.Z, study.unit, [frequency])
    _put(group, "Z_real", study.Z.real, study.unit, [frequency])
    _put(group, "Z_imag", study.Z.imag, study.unit, [frequency])
    others = [name for name in study.terminals if name != study.ground]
    terminal = _scale(group, "terminal", others)
    driven = _scale(group, "driven_terminal", others)
    _put(group, "Z_matrix", study.Z_matrix, study.unit, [frequency, terminal, driven])
    if study.reference_planes:
        plane = _scale(group, "reference_plane", study.reference_planes)
        _put(group, "Z_reference", study.Z_reference, study.unit, [frequency, plane])
    errors = reference_errors(study)
    for name, values in study.references.items():
        _put(_group(group, "reference"), name, values, study.unit, [frequency], max_relative_error=errors[name][0])
    if study.attribution is not None:
        _write_attribution(_group(group, "attribution"), study.attribution, study.unit, frequency)
    _write_profiles(_group(group, "profiles"), study)
    _write_figures(_group(group, "summary"), study.summary)


def _write_attribution(group: Any, parts: AttributionRecord, unit: str, frequency: Any) -> None:
    _put(group, "edges", parts.edges, "m")
    middle = _scale(group, "interval", 0.5 * (parts.edges[1:] + parts.edges[:-1]), "m")
    for kind, values in (("process", parts.processes), ("layer", parts.layers)):
        for name, part in values.items():
            _put(_group(group, kind), name, part, unit, [frequency])
    for name, part in parts.along.items():
        _put(_group(group, "along"), name, part, unit, [frequency, middle])


def _write_profiles(group: Any, study: StudyRecord) -> None:
    # not called frequency: xarray wants one length per name down a branch of groups
    frequency = _scale(group, "profile_frequency", study.profile_frequency, "Hz")
    position = _scale(group, "position", study.profile_position, "m")
    for rail, values in study.profile_rails.items():
        _put(group, rail, values, "V/V", [frequency, position])


def _write_steady(group: Any, study: StudyRecord) -> None:
    position = _scale(group, "position", study.steady_position, "m")
    for name, (values, unit) in study.steady.items():
        _put(group, name, values, unit, [position])


def _write_figures(group: Any, figures: Mapping[str, Quantity]) -> None:
    for name, figure in figures.items():
        _put(group, name, figure.value, figure.unit, note=figure.note)


def _write_grid(group: Any, grid: GridRecord) -> None:
    group.attrs["dimension"] = grid.dimension
    cell = _scale(group, "cell", np.arange(grid.volumes.size))
    axis = _scale(group, "axis", list("xyz"[: grid.dimension]))
    _scale(group, "region_names", grid.region_names)
    _put(group, "volumes", grid.volumes, "m^3", [cell])
    _put(group, "centers", grid.centers, "m", [cell, axis])
    _put(group, "region", grid.region_ids, "1", [cell])
    for letter, coordinates in zip("xyz", grid.faces, strict=False):
        _scale(group, f"{letter}_faces", coordinates, "m")


def _write_fields(file: Any, run: RunRecord) -> None:
    """Fields per cell; in 2D and 3D the data live in /VTKHDF/CellData and /fields holds second names of them."""
    drawn = run.grid.dimension > 1 and len(run.grid.faces) == run.grid.dimension
    if drawn:
        cell_data = write_vtkhdf(_group(file, "VTKHDF"), run.grid)
        _put(cell_data, "region", run.grid.region_ids)
    for study in run.studies:
        for name, (values, unit) in study.fields.items():
            group = _group(file, f"fields/{study.name}")
            if not drawn:
                _put(group, name, values, unit, [file["grid/cell"]])
            else:
                group[name] = _put(cell_data, f"{study.name}:{name}", values, unit)


def _write_meta(group: Any, run: RunRecord) -> None:
    group.attrs["title"] = run.title
    group.attrs["model"] = run.model
    group.attrs["source"] = run.source
    group.attrs["input_hash"] = run.input_hash
    if run.area is not None:
        _put(group, "area", run.area, "m^2")
    _put(group, "case", to_json(run.case))
    _put(group, "checks", to_json(run.checks))
    group.create_group("versions").attrs.update(run.versions)
    for name, seconds in run.timings.items():
        _put(_group(group, "timings"), name, seconds, "s")
    solver = _group(group, "solver")
    for study in run.studies:
        # h5py cannot keep the order of more than eight attributes, so these groups do not try
        solver.create_group(study.name).attrs.update(study.solver)
    _write_figures(_group(group, "summary"), run.summary)
