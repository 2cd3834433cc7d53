"""An instant of a transient as an operating point, and how far it is from standing still.

A spectrum of a state that moves is a spectrum only where the state hardly moves within a period: `drift` says by how
much it does, so that a reader can cut the spectrum where it stops to mean anything.
"""

from __future__ import annotations

import warnings

import numpy as np

from miecsim.errors import InputError
from miecsim.solvers.steady import OperatingPoint, relative_residual
from miecsim.solvers.transient.trace import Trace
from miecsim.typing import Array

# Largest change within a period, in thermal voltages or relative concentrations, that passes without a warning.
STILL = 0.01


def snapshot(trace: Trace, index: int = -1) -> OperatingPoint:
    """The kept state number `index` of a transient, for `impedance`. Its kind names the time [s].

    InputError where no such state was kept.
    """
    count = trace.state_time.size
    if not -count <= index < count:
        raise InputError(f"snapshot: read {index}; the run kept {count} states (see the outputs of its steps)")
    u, voltages, t = trace.state[index], trace.state_voltage[index], float(trace.state_time[index])
    residual = relative_residual(trace.system, u, voltages)
    currents = trace.state_current[index]
    return OperatingPoint(
        trace.system, u.copy(), voltages.copy(), currents.copy(), f"transient, {t:.6g} s", residual, 0
    )


def drift(trace: Trace, frequency: Array, index: int = -1) -> Array:
    """Largest change of the state within one period at each frequency [Hz], (n_f,): of a potential in thermal voltages,
    of a concentration relative to itself. Warns (RuntimeWarning) where it exceeds `STILL`.
    """
    system, f = trace.system, np.atleast_1d(np.asarray(frequency, dtype=float))
    u, rate = trace.state[index], trace.state_rate[index]
    state_map = system.laws.state_map
    parts = [0.0]
    for k, carrier in enumerate(state_map.carriers):
        live = system.laws.active[:, k]
        size = np.abs(u[k, live]) if carrier.stored else state_map.thermal_voltage
        parts.append(float(np.max(np.abs(rate[k, live]) / size, initial=0.0)))
    if state_map.has_phi:
        parts.append(float(np.max(np.abs(rate[-1]))) / state_map.thermal_voltage)
    change = max(parts) / f
    if change.max() > STILL:
        slowest = float(np.min(f[change <= STILL], initial=np.inf))
        above = "at no frequency asked" if np.isinf(slowest) else f"only from {slowest:.3g} Hz up"
        warnings.warn(
            f"the state moves by {change.max():.2g} thermal voltages within a period at {f.min():.3g} Hz: the spectrum "
            f"describes it {above}",
            RuntimeWarning,
            stacklevel=2,
        )
    return np.asarray(change)
