"""Writing result.h5. The layout is the contract with every reader:

    /impedance/<study>/            frequency [Hz]; Z (complex), Z_real, Z_imag; Z_matrix; Z_reference
        reference/<name>           closed forms, complex, with their largest relative error as an attribute
        attribution/               edges [m]; process/<name>, layer/<name> (complex parts of Z), along/<process>
        poles/                     tau [s], R, R_inf, C_dc; process; shares, storage (pole, process)
        profiles/                  profile_frequency [Hz], position [m], <rail> (complex, V per V applied)
        summary/<figure>           scalars with unit and note
    /technique/<experiment>/       conservation; remarks; <table>/<column>, one row for each of the table's first column
        compared/<quantity>/       textbook, true, error, how; row: where each stands among all that is compared
    /steady/<study>/               position [m], <potential or concentration>
    /fields/<study>/<name>         values per cell of the grid (2D and 3D: the same data as in /VTKHDF/CellData)
    /grid/                         volumes, centers, region, region_names, x_faces, y_faces, z_faces
    /meta/                         case (JSON), checks (JSON), versions, timings, solver/<study>, summary
    /VTKHDF/                       unstructured grid for ParaView (2D and 3D)

Every dataset has `units`; arrays carry HDF5 dimension scales, so that xarray opens each group with its coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miecsim.errors import InputError
from miecsim.results.atomic import atomic
from miecsim.results.hdf5 import group_in, put, scale
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
from miecsim.results.technique import check_experiment, write_experiment
from miecsim.results.vtkhdf import write_vtkhdf

if TYPE_CHECKING:
    from miecsim.inverse.poles import Poles

FORMAT = 1  # raised when a reader of an older version could no longer read the file


def write_result(path: str | Path, run: RunRecord) -> None:
    """Write `run` to an HDF5 file atomically.

    Raises InputError when two studies share a name, a name cannot be an HDF5 name, or an array has the wrong shape.
    """
    import h5py

    for kind, items in (("studies", run.studies), ("experiments", run.experiments)):
        names = [item.name for item in items]
        if len(set(names)) != len(names):
            raise InputError(f"{path}: {kind} need different names, read {', '.join(names)}")
    for study in run.studies:
        check_study(study, run.grid.volumes.size)
    for experiment in run.experiments:
        check_experiment(experiment)
    with atomic(path) as temporary, h5py.File(temporary, "w-", track_order=True) as file:
        file.attrs["miecsim_format"] = FORMAT
        file.attrs["title"] = run.title
        _write_meta(group_in(file, "meta"), run)
        grid = group_in(file, "grid")
        _write_grid(grid, run.grid)
        impedance = group_in(file, "impedance")
        for study in run.studies:
            _write_study(group_in(impedance, study.name), study)
            if study.steady:
                _write_steady(group_in(file, f"steady/{study.name}"), study)
        for experiment in run.experiments:
            write_experiment(group_in(file, f"technique/{experiment.name}"), experiment)
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
    if study.poles is not None:
        n_k, of_each = study.poles.tau.size, (study.poles.tau.size, len(study.poles.processes))
        shapes["R of the poles"] = study.poles.R.shape, (n_k,)
        shapes |= {f"{k} of the poles": (getattr(study.poles, k).shape, of_each) for k in ("shares", "storage")}
    for what, (read, expected) in shapes.items():
        if read != expected:
            raise InputError(f"study {study.name}: {what} has shape {read}, expected {expected}")
    if study.unit not in Z_UNITS:
        raise InputError(f"study {study.name}: unit of Z is {study.unit!r}, allowed: {', '.join(Z_UNITS)}")
    if study.ground not in study.terminals:
        raise InputError(f"study {study.name}: ground {study.ground!r} is none of {', '.join(study.terminals)}")


def _write_study(group: Any, study: StudyRecord) -> None:
    group.attrs["terminals"] = list(study.terminals)
    group.attrs["ground"] = study.ground
    frequency = scale(group, "frequency", study.frequency, "Hz")
    put(group, "Z", study.Z, study.unit, [frequency])
    put(group, "Z_real", study.Z.real, study.unit, [frequency])
    put(group, "Z_imag", study.Z.imag, study.unit, [frequency])
    others = [name for name in study.terminals if name != study.ground]
    terminal = scale(group, "terminal", others)
    driven = scale(group, "driven_terminal", others)
    put(group, "Z_matrix", study.Z_matrix, study.unit, [frequency, terminal, driven])
    if study.reference_planes:
        plane = scale(group, "reference_plane", study.reference_planes)
        put(group, "Z_reference", study.Z_reference, study.unit, [frequency, plane])
    errors = reference_errors(study)
    for name, values in study.references.items():
        put(group_in(group, "reference"), name, values, study.unit, [frequency], max_relative_error=errors[name][0])
    if study.attribution is not None:
        _write_attribution(group_in(group, "attribution"), study.attribution, study.unit, frequency)
    if study.poles is not None:
        write_poles(group_in(group, "poles"), study.poles)
    _write_profiles(group_in(group, "profiles"), study)
    _write_figures(group_in(group, "summary"), study.summary)


def _write_attribution(group: Any, parts: AttributionRecord, unit: str, frequency: Any) -> None:
    put(group, "edges", parts.edges, "m")
    middle = scale(group, "interval", 0.5 * (parts.edges[1:] + parts.edges[:-1]), "m")
    for kind, values in (("process", parts.processes), ("layer", parts.layers)):
        for name, part in values.items():
            put(group_in(group, kind), name, part, unit, [frequency])
    for name, part in parts.along.items():
        put(group_in(group, "along"), name, part, unit, [frequency, middle])


def write_poles(group: Any, poles: Poles) -> None:
    """Relaxation times and whose they are, into an HDF5 group."""
    tau, process = scale(group, "tau", poles.tau, "s"), scale(group, "process", poles.processes)
    put(group, "R", poles.R, poles.unit, [tau])
    put(group, "R_inf", poles.R_inf, poles.unit)
    put(group, "C_dc", poles.C_dc, "F" if poles.unit == "ohm" else "F/m^2")
    put(group, "shares", poles.shares, "1", [tau, process])
    put(group, "storage", poles.storage, "1", [tau, process])
    group.attrs["exact"], group.attrs["ladder_error"] = poles.exact, poles.ladder_error


def _write_profiles(group: Any, study: StudyRecord) -> None:
    # not called frequency: xarray wants one length per name down a branch of groups
    frequency = scale(group, "profile_frequency", study.profile_frequency, "Hz")
    position = scale(group, "position", study.profile_position, "m")
    for rail, values in study.profile_rails.items():
        put(group, rail, values, "V/V", [frequency, position])


def _write_steady(group: Any, study: StudyRecord) -> None:
    position = scale(group, "position", study.steady_position, "m")
    for name, (values, unit) in study.steady.items():
        put(group, name, values, unit, [position])


def _write_figures(group: Any, figures: Mapping[str, Quantity]) -> None:
    for name, figure in figures.items():
        put(group, name, figure.value, figure.unit, note=figure.note)


def _write_grid(group: Any, grid: GridRecord) -> None:
    group.attrs["dimension"] = grid.dimension
    cell = scale(group, "cell", np.arange(grid.volumes.size))
    axis = scale(group, "axis", list("xyz"[: grid.dimension]))
    scale(group, "region_names", grid.region_names)
    put(group, "volumes", grid.volumes, "m^3", [cell])
    put(group, "centers", grid.centers, "m", [cell, axis])
    put(group, "region", grid.region_ids, "1", [cell])
    for letter, coordinates in zip("xyz", grid.faces, strict=False):
        scale(group, f"{letter}_faces", coordinates, "m")


def _write_fields(file: Any, run: RunRecord) -> None:
    """Fields per cell; in 2D and 3D the data live in /VTKHDF/CellData and /fields holds second names of them."""
    drawn = run.grid.dimension > 1 and len(run.grid.faces) == run.grid.dimension
    if drawn:
        cell_data = write_vtkhdf(group_in(file, "VTKHDF"), run.grid)
        put(cell_data, "region", run.grid.region_ids)
    for study in run.studies:
        for name, (values, unit) in study.fields.items():
            group = group_in(file, f"fields/{study.name}")
            if not drawn:
                put(group, name, values, unit, [file["grid/cell"]])
            else:
                group[name] = put(cell_data, f"{study.name}:{name}", values, unit)


def _write_meta(group: Any, run: RunRecord) -> None:
    group.attrs["title"] = run.title
    group.attrs["model"] = run.model
    group.attrs["source"] = run.source
    group.attrs["input_hash"] = run.input_hash
    if run.area is not None:
        put(group, "area", run.area, "m^2")
    put(group, "case", to_json(run.case))
    put(group, "checks", to_json(run.checks))
    group.create_group("versions").attrs.update(run.versions)
    for name, seconds in run.timings.items():
        put(group_in(group, "timings"), name, seconds, "s")
    solver = group_in(group, "solver")
    for study in run.studies:
        # h5py cannot keep the order of more than eight attributes, so these groups do not try
        solver.create_group(study.name).attrs.update(study.solver)
    _write_figures(group_in(group, "summary"), run.summary)
