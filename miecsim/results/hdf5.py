"""Groups, datasets with units and dimension scales, as every part of result.h5 is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError

COMPRESS_ABOVE = 4096  # elements; below that a chunked dataset is larger than a plain one


@contextmanager
def opened(path: str | Path, what: str) -> Iterator[Any]:
    """An HDF5 file to be read. Raises InputError where `what`, as "result file", is missing or not HDF5, and where it
    turns out to be damaged within."""
    import h5py

    if not Path(path).is_file():
        raise InputError(f"{path}: no such {what}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not an HDF5 file") from error
    with file:
        try:
            yield file
        except (KeyError, OSError) as error:
            raise InputError(f"{path}: damaged {what}: {error.args[0] if error.args else error}") from error


def group_in(parent: Any, name: str) -> Any:
    """A group that remembers the order of its members; each part of `name` must be usable as an HDF5 name."""
    for part in name.split("/"):
        if part in ("", ".", ".."):
            raise InputError(f"{name!r} cannot be a name in a result file")
        parent = parent[part] if part in parent else parent.create_group(part, track_order=True)
    return parent


def put(
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


def scale(group: Any, name: str, values: npt.ArrayLike | Sequence[str], units: str = "1") -> Any:
    dataset = put(group, name, values, units)
    dataset.make_scale(name)
    return dataset
