"""One point of a sweep solved, and what it leaves: its result, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from miecsim.case.load import case_from_dict
from miecsim.case.sweeps import Value
from miecsim.case.table import Raw
from miecsim.errors import MiecsimError
from miecsim.results import atomic, write_result
from miecsim.sweep.plan import without_file


@dataclass(frozen=True)
class Job:
    """A point to be solved, and the folder for what it leaves; `file` names its case in messages."""

    hash: str
    settings: Mapping[str, Value]
    raw: Raw
    file: str
    folder: Path


def result_of(folder: Path, name: str) -> Path:
    """Where the result of the point with this hash lies."""
    return folder / f"{name}.h5"


def failure_of(folder: Path, name: str) -> Path:
    """Where the reason lies for which the point with this hash has no result."""
    return folder / f"{name}.failed.json"


def solve(job: Job) -> str:
    """Run the point and write its result, or why it has none; returns the reason, "" where it was solved."""
    from miecsim.run.run import run_case

    try:
        record = run_case(case_from_dict(job.raw, job.file))
        write_result(result_of(job.folder, job.hash), record)
    except MiecsimError as error:
        return write_failure(job, without_file(error, job.file))
    except Exception as error:  # a fault of the program in one point is no reason to lose the others
        return write_failure(job, f"internal error: {type(error).__name__}: {error}")
    failure_of(job.folder, job.hash).unlink(missing_ok=True)
    return ""


def write_failure(job: Job, reason: str) -> str:
    """Leave the reason for which a point has no result; returns it."""
    told = {"hash": job.hash, "settings": dict(job.settings), "reason": reason}
    with atomic(failure_of(job.folder, job.hash)) as temporary:
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return reason
