"""Where a transient stands, on disk: written whole or not at all, read back to the last bit."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.results.atomic import atomic
from miecsim.solvers.transient.run import Progress
from miecsim.solvers.transient.trace import Kept

FORMAT = 1
_LISTS = ("step", "time", "voltage", "current", "charge", "stored")
_STATES = ("state_time", "state", "state_rate", "state_voltage", "state_current", "events")


def save_progress(path: str | Path, progress: Progress) -> None:
    """Write `progress` to `path` (.npz), atomically."""
    kept = progress.kept
    arrays: dict[str, Any] = {name: np.asarray(getattr(kept, name)) for name in (*_LISTS, *_STATES)}
    now = np.array([progress.step, progress.t, progress.in_step])
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            format=FORMAT,
            now=now,
            y=progress.y,
            yp=progress.yp,
            charge_before=kept.charge_before,
            stored_before=kept.stored_before,
            **arrays,
        )


def load_progress(path: str | Path) -> Progress:
    """What `save_progress` wrote, to be passed as `resume`. InputError where the file is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                raise InputError(f"{path}: checkpoint format {int(file['format'])}; this version reads {FORMAT}")
            kept = Kept(file["charge_before"], file["stored_before"])
            for name in (*_LISTS, *_STATES):
                setattr(kept, name, list(file[name]))
            kept.step = [int(i) for i in kept.step]
            kept.events = [(float(t), int(step), int(limit)) for t, step, limit in kept.events]
            step, t, in_step = file["now"]
            return Progress(int(step), float(t), float(in_step), file["y"], file["yp"], kept)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a checkpoint of a transient") from error
