"""Time in two dimensions: a patch on one side, spreading below it, and the way to frequency and back."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.constants import FARADAY
from miecsim.grid.patches import Patch
from miecsim.solvers.transient import run
from miecsim.solvers.transient.fourier import step_admittance
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System

LENGTH, WIDTH, PAD, AREA = 23e-6, 31e-6, 9e-6, 7.7e-9
D_PLUS, D_MINUS = 4.1e-11, 1.7e-11
STEP = 1e-4  # V
LAST = 60 * LENGTH**2 / D_MINUS  # s
SHOWN = np.geomspace(1e-6, 0.5, 9) * LAST
FREQUENCY = np.geomspace(1e-5, 1.0, 13) * 3e3  # Hz: five decades


def spreading(resistance: float = 0.02) -> System:
    """A salt below a pad that covers the first 9 of 31 um of its left side, against all of its right side; the cation
    passes the pad by a resistance beside a double layer, the right side at once."""
    carriers = (mx.CarrierIn("cation", 1, 310.0, D_PLUS), mx.CarrierIn("anion", -1, 310.0, D_MINUS))
    pad = Patch("pad", "left", 0.0, PAD, 3)
    wiring = systems.wires(
        ("A", mx.Contact("pad", "cation", mx.Lumped(R=resistance, C=0.13))),
        ("B", mx.Contact("right", "cation", mx.Reversible())),
    )
    across = np.r_[np.full(3, PAD / 3), np.full(4, (WIDTH - PAD) / 4)]
    mesh = mx.Mesh(cells=8, grading=3.0, dimension=2, width=WIDTH, lateral_cells=[across], patches=(pad,))
    model = mx.mixed_conductor([mx.ChargedLayer("salt", LENGTH, carriers)])
    return mx.build_system(model, wiring, area=AREA, mesh=mesh)


def stepped(system: System, tolerance: float) -> Trace:
    step = Step("step", {"A": voltage(STEP)}, LAST, outputs=tuple(SHOWN))
    return solve_transient(mx.solve_steady(system), [step], tolerance=Tolerance(tolerance), fastest=1e6)


def admittance(trace: Trace) -> np.ndarray:
    at_pad = [i for i, port in enumerate(trace.system.ports) if port.port == 0]
    charge = trace.charge[:, at_pad].sum(axis=1)
    return step_admittance(trace.time, charge, trace.current[:, 0], STEP, FREQUENCY)


def test_the_step_response_of_a_patch_is_its_impedance() -> None:
    """Fourier transform of a small step against Z of the same grid over five decades, closer with the tolerance; and
    the spreading below the pad is there: current crowds, and Z is not that of a slab."""
    system = spreading()
    rest = mx.solve_steady(system)
    Z = mx.impedance(rest, FREQUENCY).Z
    errors, trace = [], None
    for tolerance in (1e-4, 1e-5):
        trace = stepped(system, tolerance)
        assert trace.conservation < 1e-9
        errors.append(np.max(np.abs(admittance(trace) * Z - 1)))
    assert errors[1] < 1e-3 and errors[1] < errors[0]
    x, y = system.nodes.position.T
    first = x == np.sort(x[x > 0])[0]
    change = trace.state[-1][0] - trace.state[0][0]  # of the cation at the end
    under, beside = (np.abs(change[first & part]) for part in (y < PAD, y > PAD))
    assert under.size == 3 and beside.size == 4 and np.min(under) > 1.1 * np.max(beside) > 0
    slab = LENGTH * systems.V_T / (FARADAY * 310.0 * (D_PLUS + D_MINUS) * AREA)
    assert Z[-1].real > 1.5 * slab


def test_both_solvers_of_a_time_step_give_the_same_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Band and sparse factorisation of the same small problem."""
    used, traces = [], []

    class Watched(run._Integrator):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            used.append(self.banded)

    monkeypatch.setattr(run, "_Integrator", Watched)
    for width in (1000, 0):
        monkeypatch.setattr(run, "BANDED_WIDTH", width)
        traces.append(stepped(spreading(), 1e-5))
    assert used == [True, False]
    shown = [np.searchsorted(trace.time, SHOWN * (1 - 1e-12)) for trace in traces]
    for trace, at in zip(traces, shown, strict=True):
        np.testing.assert_allclose(trace.time[at], SHOWN, rtol=1e-9)
    pairs = [
        [getattr(trace, name)[at] for trace, at in zip(traces, shown, strict=True)] for name in ("current", "charge")
    ]
    for band, sparse in (
        *pairs,
        [trace.state - trace.state[0] for trace in traces],
    ):  # states are kept where they are asked for
        # rounding takes the two along different time steps: equal to their tolerance
        np.testing.assert_allclose(band, sparse, rtol=1e-4, atol=1e-5 * np.abs(band).max())
