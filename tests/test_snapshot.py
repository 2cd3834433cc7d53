"""A spectrum in the middle of a transient: what it means, and when it means nothing."""

from __future__ import annotations

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.solvers.transient.protocol import Sine, Step, current, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.snapshot import drift, snapshot
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System


def film() -> System:
    """Electrons fast, ions slow and blocked: a polarisation that lasts."""
    carriers = (
        mx.CarrierIn("ion", 1, 310.0, 3e-12, thermodynamic_factor=3.1),
        mx.CarrierIn("electron", -1, 310.0, 2e-9),
    )
    layer = mx.ChargedLayer("film", 31e-6, carriers)
    wiring = systems.wires(
        ("A", mx.Contact("left", "electron", mx.Reversible())), ("B", mx.Contact("right", "electron", mx.Reversible()))
    )
    return mx.build_system(mx.mixed_conductor([layer]), wiring, mesh=mx.Mesh(cells=30))


def polarised(*more: Step) -> Trace:
    tau = 31e-6**2 / (2 * 3e-12 * 3.1)
    protocol = [Step("polarise", {"A": voltage(0.08)}, 0.3 * tau), *more]
    return solve_transient(mx.solve_steady(film()), protocol, tolerance=Tolerance(1e-7))


def test_the_spectrum_at_an_instant_is_what_a_small_sine_sees() -> None:
    """Half-way through a polarisation a sine of 0.1 mV, fast against the drift, is added in time."""
    f, a, per_period, periods = 5.0, 1e-4, 32, 4
    trace = polarised()
    Z = mx.impedance(snapshot(trace), np.array([f])).Z[0]
    assert drift(trace, np.array([f]))[0] < 3e-3
    rest = mx.impedance(mx.solve_steady(film()), np.array([f])).Z[0]
    assert abs(Z / rest - 1) > 0.02
    times = np.arange(1, per_period * periods) / (per_period * f)
    both = []
    for amplitude in (a, 0.0):  # the drift alone is taken away
        wave = Sine(0.08, amplitude, f)
        run = polarised(Step("sine", {"A": voltage(wave)}, periods / f, outputs=times))
        at = np.searchsorted(run.time, run.time[run.step == 1][0] + times[-per_period:] * (1 - 1e-9))
        both.append((run.time[at], run.current[at, 0], run.voltage[at, 0]))
    time = both[0][0]
    swing = np.exp(-2j * np.pi * f * time)
    measured = ((both[0][2] - both[1][2]) * swing).sum() / ((both[0][1] - both[1][1]) * swing).sum()
    assert abs(measured / Z - 1) < 5e-3


def test_a_state_that_moves_within_a_period_is_told() -> None:
    trace = polarised()
    with pytest.warns(RuntimeWarning, match="only from .* Hz up"):
        change = drift(trace, np.logspace(-6, 2, 9))
    assert np.all(np.diff(change) < 0)
    point = snapshot(trace)
    assert point.kind.startswith("transient, ")
    assert point.residual > 1e-6  # it is not a steady state, and says so
    resting = solve_transient(mx.solve_steady(film()), [Step("rest", {"A": current(0.0)}, 1.0)])
    assert drift(resting, np.array([1e-3]))[0] < 1e-6


def test_a_state_that_was_not_kept() -> None:
    trace = polarised()
    with pytest.raises(mx.InputError, match="kept 1 states"):
        snapshot(trace, 3)
