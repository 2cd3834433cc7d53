"""Spectra of a cell with a salt, 60 frequencies: everything by sparse LU, particles eliminated and all rails kept, and
particles eliminated with the total current known; plain and compiled, side by side.

Twenty control volumes a layer and twenty shells, and a hundred of each. Shortest of several turns each, in one run;
only ratios are asserted. The time of sparse LU is that of a few frequencies, scaled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stopwatch import shortest

import miecsim as mx
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers import line
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint

ATTEMPTS = 6
FREQUENCY = np.logspace(-4, 4, 60)
SALT = BinarySalt(1000.0, lambda c: 1.2e-3 * c * np.exp(-c / 1500.0), 3e-10, 0.3, lambda c: 1 + c / 2000.0)
OXIDE = Host("oxide", 5e4, lambda x: 4.2 - 0.8 * x - 0.1 * np.tanh(5 * (x - 0.5)), 4e-15)
CARBON = Host("carbon", 3e4, lambda x: 0.1 + 0.5 * np.exp(-20 * x) - 0.05 * np.tanh(8 * (x - 0.5)), 3e-14)
METHODS = ("LU", "line plain", "line compiled", "known current plain", "known current compiled")


def cell(cells: int) -> OperatingPoint:
    def electrode(name: str, host: Host, x: float, thickness: float, sigma: float) -> PorousLayer:
        kinetics = Kinetics(MassAction(1.5, 1000.0))
        p = ActiveParticles("p", host, 5e-6, 0.55, kinetics, x, double_layer=Lumped(C=0.2), shells=cells, grading=20.0)
        return PorousLayer(name, thickness, SALT, 0.35, 0.2, sigma, (p,))

    layers = [
        electrode("anode", CARBON, 0.8, 80e-6, 100.0),
        PorousLayer("separator", 20e-6, SALT, 0.5, 0.35),
        electrode("cathode", OXIDE, 0.35, 70e-6, 5.0),
    ]
    ends = (("B", "right"), ("A", "left"))
    wiring = Wiring(tuple(Terminal(n, (Contact(s, "electron", Reversible()),)) for n, s in ends))
    return rest_point(mx.build_system(porous_cell(layers), wiring, mesh=mx.Mesh(cells=cells)))


def contenders(point: OperatingPoint, few: int) -> list[Callable[[], np.ndarray]]:
    omega = 2 * np.pi * FREQUENCY
    condensed = point.small_signal.condensed

    def keeping_all_rails(compiled: bool) -> np.ndarray:
        ready = line.prepare(condensed.at(omega), omega, [0])
        return -1 / line.port_response(ready, [0], compiled)[:, 1, 0]

    return [
        lambda: impedance(point, FREQUENCY[:: 60 // few], method="sparse").Z,
        lambda: keeping_all_rails(False),
        lambda: keeping_all_rails(True),
        lambda: impedance(point, FREQUENCY, method="plain").Z,
        lambda: impedance(point, FREQUENCY, method="compiled").Z,
    ]


@pytest.mark.parametrize(
    ("cells", "few", "plain", "compiled"),
    [(20, 12, 25.0, 500.0), pytest.param(100, 3, 60.0, 2500.0, marks=pytest.mark.slow)],
)
def test_cell(cells: int, few: int, plain: float, compiled: float, record_property) -> None:
    """At least `plain` and `compiled` times as fast as sparse LU of everything; the fields that the known current and
    the eliminated rail save are worth at least a factor of two to compiled code."""
    pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError)
    point = cell(cells)
    runs = contenders(point, few)
    for run in runs[1:]:
        np.testing.assert_allclose(run()[:: 60 // few], runs[0](), rtol=1e-10)
    lu = shortest(runs[:1], 1, 0.02)[0] * 60 / few
    for _ in range(ATTEMPTS):
        times = np.r_[lu, shortest(runs[1:], 3, 0.02)]
        speed = lu / times
        if speed[3] >= plain and speed[4] >= compiled and speed[4] >= 2 * speed[2]:
            break
    listed = (f"{name} {1e3 * t:.3g} ms ({s:.0f} times)" for name, t, s in zip(METHODS, times, speed, strict=True))
    told = f"{point.system.nodes.n} nodes: " + ", ".join(listed)
    print(told)
    record_property("cell", told)
    assert speed[3] >= plain, told
    assert speed[4] >= compiled, told
    assert speed[4] >= 2 * speed[2], told
