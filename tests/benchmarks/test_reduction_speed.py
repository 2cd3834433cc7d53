"""Reduced spectra of large grids against one factorisation a frequency: processor time, growth and memory, in one run.

60 frequencies over 8 decades at 1e-6. Direct paths are run at a few of them and scaled to all. Every measurement is
made in a process of its own with one BLAS thread, so that its largest memory is its own and shared cores do not count.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]
FREQUENCY = np.geomspace(1e-2, 1e6, 60)
OMEGA = 2 * np.pi * FREQUENCY
SOME = np.array([3, 31, 56])  # frequencies of the direct paths

pytestmark = pytest.mark.slow


def two_carriers(n: int):
    """n x n cells, each with both carriers; conductivities of two random phases, contrast 1e3, and R || C between."""
    from sparse_blocks import IE, rails
    from two_phase import random_labels

    one = random_labels((n, n), 1, smooth=2.0) == 1
    return rails(np.stack([np.where(one, 0.1, 1e-4), np.where(one, 1e-2, 10.0)]), 1e6, IE, strong=False, g=1e6)


def timed(task: Callable[[], object]) -> tuple[float, object]:
    """Processor time [s], and the result."""
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


def reduced(blocks, dimension: int = 2):
    from miecsim.solvers.nodal_form import nodal_form
    from miecsim.solvers.reduction import reduce_network

    found = reduce_network(nodal_form(blocks), FREQUENCY[0], FREQUENCY[-1], dimension=dimension)
    return found, found.Z(OMEGA)


def our_direct(blocks) -> tuple[float, np.ndarray]:
    """Seconds that 60 frequencies would take by the sparse path, and Z at some."""
    from miecsim.solvers import sparse

    ahead, pattern = timed(lambda: sparse.SparsePattern.from_blocks(blocks))

    def spectrum():
        x, _ = sparse.solve(blocks, OMEGA[SOME], [0], pattern=pattern)
        return 1 / sparse.port_currents(blocks, OMEGA[SOME], x, [0])[:, 0, 0]

    each, Z = timed(spectrum)
    return ahead + each * len(OMEGA) / len(SOME), Z


def scipy_default(blocks) -> float:
    """Seconds that 60 frequencies would take by `splu` with nothing chosen; two are run."""
    from scipy.sparse.linalg import splu
    from test_sparse_speed import assembled

    seconds = []
    for omega in OMEGA[SOME[[0, 2]]]:
        A, b = assembled(blocks, omega)
        seconds.append(timed(lambda A=A, b=b: splu(A).solve(b))[0])
    return float(np.mean(seconds)) * len(OMEGA)


def race() -> dict[str, object]:
    blocks = two_carriers(200)
    seconds, (found, Z) = timed(lambda: reduced(blocks))
    sparse, exact = our_direct(blocks)
    error = float(np.max(np.abs(Z[SOME] / exact - 1)))
    estimate = float(found.estimate(OMEGA).max())
    told = {"reduced": seconds, "sparse": sparse, "error": error, "estimate": estimate, "shifts": len(found.shifts)}
    return told | {"default": scipy_default(blocks)}


def one_size(n: int, dimension: int) -> dict[str, float]:
    """Processor time, wall time [s] and largest memory [GiB] of one spectrum."""
    if dimension == 2:
        blocks = two_carriers(n)
    else:
        from two_phase import random_labels, two_phase

        blocks = two_phase(random_labels((n, n, n), 1), sigma=(0.1, 100.0))
    wall = time.perf_counter()
    seconds, (found, _) = timed(lambda: reduced(blocks, dimension))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "unknowns": found.form.n,
        "seconds": seconds,
        "wall": time.perf_counter() - wall,
        "memory": memory,
        "shifts": len(found.shifts),
        "estimate": float(found.estimate(OMEGA).max()),
        "iterated": found.iterated,
    }


def in_own_process(*arguments: object, threads: int = 1) -> dict[str, float]:
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "benchmarks")])
    env = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "PYTHONPATH": path}
    call = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(call, check=True, capture_output=True, env=env, timeout=1200, text=True)
    return json.loads(done.stdout)


def test_sixty_frequencies_on_200_by_200_cells(record_property):
    """At least 20 times faster than SciPy's default factorisation at each, and 5 times than our own direct path."""
    told = in_own_process("race")
    record_property("speed", told)
    print(
        f"{told['default'] / told['reduced']:.0f} times SciPy's default, {told['sparse'] / told['reduced']:.1f} times "
        f"the direct path: {told}"
    )
    assert told["error"] < 1e-6 and told["estimate"] <= 1e-6
    assert told["default"] >= 20 * told["reduced"], told
    assert told["sparse"] >= 5 * told["reduced"], told


def test_growth_with_the_grid(record_property):
    """50^2 to 400^2 cells: seconds per frequency grow little faster than the unknowns; memory stays below 4 GiB."""
    told = {n: in_own_process("size", n, 2) for n in (50, 100, 200, 400)}
    record_property("growth", told)
    unknowns, seconds = (np.array([t[key] for t in told.values()]) for key in ("unknowns", "seconds"))
    exponent = np.polyfit(np.log(unknowns), np.log(seconds), 1)[0]
    steps = np.diff(np.log(seconds)) / np.diff(np.log(unknowns))
    print(f"per frequency {seconds / 60} s, exponent {exponent:.2f}, from size to size {steps}: {told}")
    assert exponent < 1.5, told
    assert told[400]["memory"] < 4.0, told


def test_a_cube_of_64(record_property):
    """262,144 voxels of two phases by conjugate gradients: below 10 minutes and 8 GiB on two cores."""
    told = in_own_process("size", 64, 3, threads=2)
    record_property("cube", told)
    print(told)
    assert told["iterated"] and told["estimate"] <= 1e-6
    assert told["wall"] < 600.0 and told["memory"] < 8.0, told


if __name__ == "__main__":
    answer = race() if sys.argv[1] == "race" else one_size(int(sys.argv[2]), int(sys.argv[3]))
    json.dump(answer, sys.stdout)
