"""Results of the case directories that `expand` wrote, brought into the folder of the sweep."""

from __future__ import annotations

from pathlib import Path

from miecsim.case.load import Case
from miecsim.errors import InputError
from miecsim.results import atomic
from miecsim.sweep.expand import LIST
from miecsim.sweep.index import Index, read_index, write_index
from miecsim.sweep.plan import POINTS, plan_of, points_of, write_plan
from miecsim.sweep.solve import failure_of, result_of


def collect(case: Case, cases: Path, folder: Path) -> tuple[Index, int]:
    """Copy the result of each case directory in `cases` that is a point of the sweep of `case` into `folder`, and write
    the index; returns it, and how many were copied. Nothing is solved, and what `folder` has already is kept.

    Raises InputError where `cases` holds no expanded sweep, a result cannot be read, or none is of this sweep.
    """
    if not (cases / LIST).is_file():
        raise InputError(f"{cases / LIST}: no such file; expected a directory that --expand has written")
    points = points_of(case)
    names = {point.hash for point in points}
    found = {}
    for path in sorted(cases.glob("*/results/result.h5")):
        found[_hash_of(path)] = path
    if found and not names & found.keys():
        raise InputError(f"{cases}: read {len(found)} results, none of which is of a point of {case.file}")
    place = folder / POINTS
    place.mkdir(parents=True, exist_ok=True)
    write_plan(folder, plan_of(case, points))
    new = [name for name in names & found.keys() if not result_of(place, name).exists()]
    for name in new:
        with atomic(result_of(place, name)) as temporary:
            temporary.write_bytes(found[name].read_bytes())
        failure_of(place, name).unlink(missing_ok=True)
    index = read_index(folder)
    write_index(folder, index)
    return index, len(new)


def _hash_of(path: Path) -> str:
    """The hash of the input that a result is of."""
    import h5py

    try:
        with h5py.File(path) as file:
            return str(file["meta"].attrs["input_hash"])
    except (OSError, KeyError):
        raise InputError(f"{path}: not a result of miecsim; run that case again") from None
