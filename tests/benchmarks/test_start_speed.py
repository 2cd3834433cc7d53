"""How long a user waits for `import miecsim` and for `miecsim --help`, best of five, beside a bare interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def best_of_five(*arguments: str) -> float:
    """Shortest wall time [s] of a Python process with these arguments."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=env, timeout=60)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize(
    ("arguments", "limit"),
    # times a bare interpreter, which takes 0.02 s on a common machine: 0.5 s to import, 0.3 s to help
    [(("-c", "import miecsim"), 25), (("-m", "miecsim", "--help"), 15)],
    ids=["import", "help"],
)
def test_start(arguments, limit, record_property):
    bare, ours = best_of_five("-c", "pass"), best_of_five(*arguments)
    told = f"python {' '.join(arguments)}: {ours:.3f} s, {ours / bare:.1f} times a bare interpreter ({bare:.3f} s)"
    record_property("start", told)
    print(told)
    assert ours < limit * bare, f"{told}; the limit is {limit} times"
