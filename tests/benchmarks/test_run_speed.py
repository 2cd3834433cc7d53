"""How long the main case takes from the shell, beside what its imports alone take in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASE = ROOT / "cases" / "301_ncm622_lpscl_composite"


def _best(repeats: int, *arguments: str) -> float:
    """Shortest wall time [s] of a Python process."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment, timeout=120)
        times.append(time.perf_counter() - start)
    return min(times)


def test_main_case_from_the_shell(tmp_path, record_property) -> None:
    """Twelve figures, two spectra: at most six times the import of the libraries that every plotting script needs."""
    names = "numpy, scipy.sparse.linalg, h5py, matplotlib.figure, matplotlib.backends.backend_agg"
    libraries = _best(4, "-c", f"import {names}")
    run = _best(4, "-m", "miecsim", "run", str(CASE), "--out", str(tmp_path / "out"), "--force")
    told = (
        f"case 301 from the shell: {run:.2f} s, {run / libraries:.1f} times its libraries' import ({libraries:.2f} s)"
    )
    record_property("run", told)
    print(told)
    assert run < 6 * libraries
