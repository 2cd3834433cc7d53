"""The closed form of a two-rail line beside a peer's element, and the continuum's compiled spectrum beside the formula.

The peer (pyimpspec, run as a program of its own) is asked for the same 60 frequencies of the same line: the
environment variable MIECSIM_PEERS names a Python that has it. Only ratios of times taken in one run are asserted, each
the best of several, the contenders taking turns; a busy machine gets a few more attempts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from stopwatch import shortest

import miecsim as mx
from miecsim.circuit import elements, tlm
from miecsim.linearise import linearise
from miecsim.solvers import line

ATTEMPTS = 6
FREQUENCY = np.logspace(-2, 4, 60)
R_ION, R_EON, R_WALL, Q_WALL, ALPHA = 63.0, 11.0, 41.0, 1.7e-3, 0.9
PEER = """
import json, sys, time
import numpy as np
from pyimpspec import parse_cdc
given = json.load(sys.stdin)
frequency = np.array(given["frequency"])
element = parse_cdc(given["cdc"]).get_elements()[0]
best, turn = float("inf"), time.perf_counter()
while time.perf_counter() - turn < 0.3:
    start = time.perf_counter()
    z = element.get_impedances(frequency)
    best = min(best, time.perf_counter() - start)
print(json.dumps({"seconds": best, "re": z.real.tolist(), "im": z.imag.tolist()}))
"""


def _formula() -> np.ndarray:
    wall = elements.lumped(2 * np.pi * FREQUENCY, R=R_WALL, Q=Q_WALL, alpha=ALPHA)
    return tlm.two_rail_impedance(R_ION, R_EON, wall, 1.0, "ie")


def _peer(python: str) -> tuple[float, np.ndarray]:
    cdc = f"Tlm{{L=1F, X_1=[R{{R={R_ION}}}], X_2=[R{{R={R_EON}}}], "
    cdc += f"Zeta=[(R{{R={R_WALL}}}Q{{Y={Q_WALL},n={ALPHA}}})], Z_A=open, Z_B=open}}"
    given = json.dumps({"cdc": cdc, "frequency": FREQUENCY.tolist()})
    done = subprocess.run([python, "-c", PEER], input=given, capture_output=True, text=True, timeout=120)
    if "No module named 'pyimpspec'" in done.stderr:
        pytest.skip(f"{python} has no pyimpspec; set MIECSIM_PEERS to a Python that has it")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["seconds"], np.array(told["re"]) + 1j * np.array(told["im"])


def test_beside_a_peers_element(record_property) -> None:
    """Wall and line in one evaluation, for both."""
    python = os.environ.get("MIECSIM_PEERS", sys.executable)
    for _ in range(ATTEMPTS):
        theirs, z = _peer(python)
        np.testing.assert_allclose(_formula(), z, rtol=1e-11)
        (ours,) = shortest([_formula])
        if ours <= theirs:
            break
    told = f"two rails, 60 frequencies: closed form {ours * 1e6:.0f} us, pyimpspec {theirs * 1e6:.0f} us"
    print(told)
    record_property("closed_form", told)
    assert ours <= theirs, told


def test_continuum_beside_the_formula(record_property) -> None:
    """100 cells by the compiled kernel, matrices at hand, against the formula with its wall at hand."""
    compiled = pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError)
    layer = mx.CompositeLayer("electrode", 1.0, 1 / R_ION, 1 / R_EON, mx.Lumped(R=R_WALL, Q=Q_WALL, alpha=ALPHA), 1.0)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), mesh=mx.Mesh(cells=100), area=1.0)
    point = mx.solve_steady(system)
    omega = 2 * np.pi * FREQUENCY
    ready = line.prepare(linearise(point.system, point.u, point.voltages), omega, [0])
    arguments = (ready.chain, ready.ends, ready.omega, ready.extra_values, ready.junctions)
    wall = elements.lumped(omega, R=R_WALL, Q=Q_WALL, alpha=ALPHA)
    exact = tlm.ladder_impedance(R_ION, R_EON, wall, 1.0, 100, "ie")
    np.testing.assert_allclose(mx.impedance(point, FREQUENCY).Z, exact, rtol=1e-10)
    contenders: list[Callable[[], object]] = [
        lambda: compiled.response(*arguments),
        lambda: tlm.two_rail_impedance(R_ION, R_EON, wall, 1.0, "ie"),
        lambda: tlm.ladder_impedance(R_ION, R_EON, wall, 1.0, 100, "ie"),
    ]
    for _ in range(ATTEMPTS):
        kernel, formula, ladder = shortest(contenders)
        if kernel <= 3 * formula:
            break
    told = f"100 cells, 60 frequencies: compiled {kernel * 1e6:.0f} us, formula {formula * 1e6:.0f} us"
    told += f" ({kernel / formula:.2f} times), ladder formula {ladder * 1e6:.0f} us"
    print(told)
    record_property("continuum", told)
    assert kernel <= 3 * formula, told
