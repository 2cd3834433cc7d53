"""Where a transient stands, on disk: written whole or not at all, read back to the last bit."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from miecsim.errors import InputError, InterruptedRunError
from miecsim.linearise import linearise
from miecsim.results.atomic import atomic
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step
from miecsim.solvers.transient.run import Progress, Tolerance
from miecsim.solvers.transient.trace import Kept

FORMAT = 2
EVERY = 30.0  # s of wall time between checkpoints
_LISTS = ("step", "time", "voltage", "current", "charge", "stored")
_STATES = ("state_time", "state", "state_rate", "state_voltage", "state_current")
_GROWING = (*_LISTS, *_STATES, "events")


def fingerprint(point: OperatingPoint, protocol: Sequence[Step], tolerance: Tolerance, label: str = "") -> str:
    """`label`:SHA-256 of what a run is: the state that it begins in, the equations linearised there, the protocol and
    the tolerance. `label` is anything else that it depends on, such as the hash of a case."""
    import hashlib

    found = hashlib.sha256(f"{point.system.terminals}\n{tolerance}\n".encode())
    blocks = linearise(point.system, point.u, point.voltages)
    arrays = [value for f in fields(blocks) if isinstance(value := getattr(blocks, f.name), np.ndarray)]
    for array in (point.u, point.voltages, *arrays):
        found.update(np.ascontiguousarray(array).tobytes())
    for step in protocol:
        found.update(f"{replace(step, outputs=tuple(float(t) for t in step.outputs))}\n".encode())
    return f"{label}:{found.hexdigest()}"


def label_of(path: str | Path) -> str:
    """The label of the run that a checkpoint belongs to, "" where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return str(file["fingerprint"]).rpartition(":")[0]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return ""


def save_progress(path: str | Path, progress: Progress, fingerprint: str = "") -> None:
    """Write `progress` to `path` (.npz), atomically, as that of the run with this `fingerprint`."""
    kept = progress.kept
    arrays: dict[str, Any] = {name: np.asarray(getattr(kept, name)) for name in _GROWING}
    now = np.array([progress.step, progress.t, progress.in_step])
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            format=FORMAT,
            fingerprint=fingerprint,
            now=now,
            y=progress.y,
            yp=progress.yp,
            before=kept.before,
            **arrays,
        )


def load_progress(path: str | Path, fingerprint: str | None = None) -> Progress:
    """What `save_progress` wrote, to be passed as `resume`. InputError where the file is not one, or (with a
    `fingerprint`) where it belongs to another run."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                raise InputError(f"{path}: checkpoint format {int(file['format'])}; this version reads {FORMAT}")
            if fingerprint is not None and str(file["fingerprint"]) != fingerprint:
                raise InputError(f"{path}: a checkpoint of another system or protocol; it cannot be gone on from here")
            kept = Kept(file["before"])
            for name in (*_LISTS, *_STATES):
                setattr(kept, name, list(file[name]))
            kept.step = [int(i) for i in kept.step]
            kept.events = [(float(t), int(step), int(limit)) for t, step, limit in file["events"]]
            step, t, in_step = file["now"]
            return Progress(int(step), float(t), float(in_step), file["y"], file["yp"], kept)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a checkpoint of a transient") from error


class Checkpoint:
    """Keeps a run on disk while it goes on: the `progress` of `solve_transient`, and `resume()` its `resume`.

    Writes `path` every `every` seconds of wall time and, where `stop()` says so, once more before it raises
    InterruptedRunError. What is written is always a place from which the run goes on to the same answer to the last
    bit: the beginning of a step of the protocol, or of a thousand internal steps within one.
    """

    def __init__(
        self, path: str | Path, fingerprint: str, *, stop: Callable[[], bool] | None = None, every: float = EVERY
    ) -> None:
        self.path, self.fingerprint = Path(path), fingerprint
        self._stop, self._every, self._saved = stop or (lambda: False), every, time.monotonic()
        self._good: tuple[Progress, dict[str, int]] | None = None  # not on disk yet

    def resume(self) -> Progress | None:
        """Where the run stood, None where nothing is on disk. InputError where that belongs to another run."""
        return load_progress(self.path, self.fingerprint) if self.path.exists() else None

    def __call__(self, progress: Progress) -> None:
        if progress.taken == 0:
            lengths = {name: len(getattr(progress.kept, name)) for name in _GROWING}
            self._good = replace(progress, y=progress.y.copy(), yp=progress.yp.copy()), lengths
        stop = self._stop()
        if stop or time.monotonic() - self._saved > self._every:
            if self._good is not None:
                save_progress(self.path, _as_it_stood(*self._good), self.fingerprint)
            self._good, self._saved = None, time.monotonic()
        if stop:
            raise InterruptedRunError("interrupted")


def _as_it_stood(progress: Progress, lengths: dict[str, int]) -> Progress:
    """With the record, which only grows, as long as it was."""
    kept = Kept(progress.kept.before)
    for name, length in lengths.items():
        setattr(kept, name, getattr(progress.kept, name)[:length])
    return replace(progress, kept=kept)
