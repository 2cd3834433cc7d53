"""Reading result.h5 back into the records it was written from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from miecsim.errors import InputError
from miecsim.results.hdf5 import opened
from miecsim.results.records import AttributionRecord, GridRecord, Quantity, RunRecord, StudyRecord
from miecsim.results.technique import read_experiments
from miecsim.results.write import FORMAT
from miecsim.typing import Array, Complex

if TYPE_CHECKING:
    from miecsim.inverse.poles import Poles


def read_result(path: str | Path) -> RunRecord:
    """The run stored in `path`. Raises InputError when it is missing, not HDF5, or not a miecsim result."""
    with opened(path, "result file") as file:
        found = file.attrs.get("miecsim_format")
        if found is None:
            raise InputError(f"{path}: an HDF5 file, but not a miecsim result (no attribute miecsim_format)")
        if int(found) > FORMAT:
            raise InputError(f"{path}: result format {int(found)}; this version reads up to {FORMAT}")
        return _run(file)


def _run(file: Any) -> RunRecord:
    meta = file["meta"]
    return RunRecord(
        title=str(meta.attrs["title"]),
        model=str(meta.attrs["model"]),
        source=str(meta.attrs["source"]),
        case=json.loads(meta["case"].asstr()[()]),
        input_hash=str(meta.attrs["input_hash"]),
        versions={name: str(value) for name, value in meta["versions"].attrs.items()},
        timings={name: float(value[()]) for name, value in meta.get("timings", {}).items()},
        area=float(meta["area"][()]) if "area" in meta else None,
        grid=_grid(file["grid"]),
        studies=tuple(_study(file, name) for name in file["impedance"]),
        checks=tuple(json.loads(meta["checks"].asstr()[()])),
        summary=_figures(meta["summary"]),
        experiments=read_experiments(file["technique"]) if "technique" in file else (),
    )


def _study(file: Any, name: str) -> StudyRecord:
    group = file["impedance"][name]
    profiles = group["profiles"]
    frequency = _real(group["frequency"])
    steady = file[f"steady/{name}"] if f"steady/{name}" in file else {}
    fields = file[f"fields/{name}"] if f"fields/{name}" in file else {}
    planes = tuple(group["reference_plane"].asstr()[()]) if "reference_plane" in group else ()
    return StudyRecord(
        name=name,
        frequency=frequency,
        Z=_complex(group["Z"]),
        unit=str(group["Z"].attrs["units"]),
        terminals=tuple(str(terminal) for terminal in group.attrs["terminals"]),
        ground=str(group.attrs["ground"]),
        Z_matrix=_complex(group["Z_matrix"]),
        reference_planes=planes,
        Z_reference=_complex(group["Z_reference"]) if planes else np.zeros((frequency.size, 0), dtype=complex),
        references={key: _complex(values) for key, values in group.get("reference", {}).items()},
        profile_frequency=_real(profiles["profile_frequency"]),
        profile_position=_real(profiles["position"]),
        profile_rails={k: _complex(v) for k, v in profiles.items() if k not in ("profile_frequency", "position")},
        steady_position=_real(steady["position"]) if steady else np.zeros(0),
        steady={k: (_real(v), str(v.attrs["units"])) for k, v in steady.items() if k != "position"},
        summary=_figures(group["summary"]),
        solver={key: _attribute(value) for key, value in file[f"meta/solver/{name}"].attrs.items()},
        fields={key: (_real(values), str(values.attrs["units"])) for key, values in fields.items()},
        attribution=_attribution(group["attribution"]) if "attribution" in group else None,
        poles=read_poles(group["poles"]) if "poles" in group else None,
    )


def _attribution(group: Any) -> AttributionRecord:
    parts = [{key: _complex(values) for key, values in group.get(k, {}).items()} for k in ("process", "layer", "along")]
    return AttributionRecord(parts[0], parts[1], _real(group["edges"]), parts[2])


def read_poles(group: Any) -> Poles:
    """What `write_poles` has written."""
    from miecsim.inverse.poles import Poles  # the solvers are not light

    return Poles(
        tau=_real(group["tau"]),
        R=_real(group["R"]),
        R_inf=float(group["R_inf"][()]),
        C_dc=float(group["C_dc"][()]),
        shares=_real(group["shares"]),
        storage=_real(group["storage"]),
        processes=tuple(group["process"].asstr()[()]),
        unit=str(group["R"].attrs["units"]),
        exact=bool(group.attrs["exact"]),
        ladder_error=float(group.attrs["ladder_error"]),
    )


def _grid(group: Any) -> GridRecord:
    return GridRecord(
        dimension=int(group.attrs["dimension"]),
        volumes=_real(group["volumes"]),
        centers=_real(group["centers"]),
        region_names=tuple(group["region_names"].asstr()[()]),
        region_ids=np.asarray(group["region"][()], dtype=np.int64),
        faces=tuple(_real(group[f"{letter}_faces"]) for letter in "xyz" if f"{letter}_faces" in group),
    )


def _figures(group: Any) -> dict[str, Quantity]:
    return {k: Quantity(float(v[()]), str(v.attrs["units"]), str(v.attrs["note"])) for k, v in group.items()}


def _attribute(value: Any) -> str | float:
    return value if isinstance(value, str) else float(value)


def _real(dataset: Any) -> Array:
    return np.asarray(dataset[()], dtype=np.float64)


def _complex(dataset: Any) -> Complex:
    return np.asarray(dataset[()], dtype=np.complex128)
