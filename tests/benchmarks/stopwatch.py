"""Timing for the benchmarks: the shortest of several turns, so that other work on the machine counts little."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def shortest(contenders: Sequence[Callable[[], object]], turns: int = 4, least: float = 0.05) -> np.ndarray:
    """Shortest time [s] of each, in turns of at least `least` seconds: as much time for the fast as for the slow."""
    times = np.full(len(contenders), np.inf)
    for _ in range(turns):
        for k, run in enumerate(contenders):
            turn = time.perf_counter()
            while time.perf_counter() - turn < least:
                start = time.perf_counter()
                run()
                times[k] = min(times[k], time.perf_counter() - start)
    return times


def shortest_process(repeats: int, *arguments: str) -> float:
    """Shortest wall time [s] of a Python process with these arguments."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment, timeout=120)
        times.append(time.perf_counter() - start)
    return min(times)
