"""Asks PyBaMM, which runs in an interpreter of its own: the environment variable MIECSIM_PYBAMM holds its path."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from miecsim.grid.pendants import shell_edges
from miecsim.grid.spacing import graded

SCRIPT = Path(__file__).with_name("pybamm_peer.py")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Level(NamedTuple):
    """A mesh that both programs are given: cells in every layer, shells in every particle, largest over smallest."""

    cells: int
    grading: float
    shells: int
    shell_grading: float

    def edges(self) -> dict[str, list[float]]:
        """From 0 to 1, by PyBaMM's names of the axes."""
        x = np.concatenate([[0.0], np.cumsum(graded(1.0, self.cells, self.grading))])
        r = shell_edges(1.0, self.shells, self.shell_grading)
        x, r = (x / x[-1]).tolist(), (r / r[-1]).tolist()
        return {"x_n": x, "x_s": x, "x_p": x, "r_n": r, "r_p": r}


def interpreter() -> str:
    """The test is skipped where there is none."""
    python = os.environ.get("MIECSIM_PYBAMM", "")
    if not python:
        pytest.skip("MIECSIM_PYBAMM is not set: it names the Python interpreter of an environment with pybamm")
    if not Path(python).is_file():
        pytest.fail(f"MIECSIM_PYBAMM: no interpreter at {python}")
    return python


def environment() -> dict[str, str]:
    """Of a process that sees none of our packages and uses one thread, as we do."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return kept | dict.fromkeys(THREADS, "1")


def ask(question: dict[str, Any], level: Level | None = None) -> dict[str, Any]:
    """PyBaMM's answer (`pybamm_peer`), on a mesh of ours or on its default one."""
    given = question if level is None else question | {"mesh": level.edges()}
    done = subprocess.run(
        [interpreter(), str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def spectrum(answer: dict[str, Any]) -> np.ndarray:
    return np.array(answer["Z_real"]) + 1j * np.array(answer["Z_imag"])
