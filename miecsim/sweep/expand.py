"""A sweep as plain case directories, and the script that runs them as an array of jobs under SLURM."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from miecsim.case.load import FILE_NAME, Case
from miecsim.case.pictures import picture_files
from miecsim.case.toml import toml_of
from miecsim.errors import InputError
from miecsim.results import atomic
from miecsim.sweep.plan import Point, points_of

LIST, SCRIPT = "points.txt", "array.slurm"

_SCRIPT = """#!/bin/bash
# {title}: {count} points. Run it in this directory: sbatch {script}
#SBATCH --job-name=miecsim
#SBATCH --array=0-{last}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --output=point_%a.log

set -eu
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
point=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {list})
exec miecsim run "$point"
"""


def expand(case: Case, folder: Path) -> list[Path]:
    """Write each point of the sweep of `case` as a directory with a case.toml of its own, `points.txt` with their
    names, and `array.slurm`; returns the directories.

    Raises InputError where the sweep has no points, a point cannot be read as a case (which is told with its settings),
    or the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: read a directory that is not empty; expected a new one")
    points = points_of(case)
    for point in points:
        if point.refused:
            settings = ", ".join(f"{name} = {value}" for name, value in point.settings.items())
            raise InputError(f"{case.file}: point {settings}: {point.refused.splitlines()[0]}")
    names = names_of(points)
    for name, point in zip(names, points, strict=True):
        _write_case(folder / name, point, Path(case.file).parent)
    with atomic(folder / LIST) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    with atomic(folder / SCRIPT) as temporary:
        temporary.write_text(script_of(case.title, len(points)), encoding="utf-8")
    return [folder / name for name in names]


def names_of(points: Sequence[Point]) -> list[str]:
    """Names of directories: the number of the point and the beginning of its hash."""
    digits = len(str(len(points) - 1))
    return [f"{number:0{digits}d}_{point.hash[:12]}" for number, point in enumerate(points)]


def script_of(title: str, count: int) -> str:
    """The array job that runs each line of points.txt on one core."""
    plain = " ".join(title.split())
    return _SCRIPT.format(title=plain, count=count, last=count - 1, script=SCRIPT, list=LIST)


def _write_case(target: Path, point: Point, home: Path) -> None:
    """One case directory, with the pictures that lie beside the case. Tables of numbers are in it by then."""
    with atomic(target / FILE_NAME) as temporary:
        temporary.write_text(toml_of(point.raw), encoding="utf-8")
    for name in dict.fromkeys(picture_files(point.raw)):
        if (home / name).is_file() and not Path(name).is_absolute():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / name, target / name)
