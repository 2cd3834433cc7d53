"""From time to frequency: the admittance that a recorded step of voltage contains, the impedance of one of current.

With V = V_0 + dV for t > 0 and Q the charge that has passed, Y(s) = s^2 int_0^inf (Q - Q_0) e^(-s t) dt / dV. Between
the integrator's steps Q is the cubic that meets Q and the current at both ends; after the last step it goes on at the
last current.
"""

from __future__ import annotations

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Complex

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
SHORT = 2.0  # |s| h below which an interval is integrated by quadrature, where the exact formula cancels


def step_admittance(time: Array, charge: Array, current: Array, voltage_step: float, frequency: Array) -> Complex:
    """Y (n_f,) [S] at frequencies [Hz] from a step at time[0]: current [A], and charge [C] since just before the step,
    which a capacitor between terminals has already taken up at time[0]; (n_t,) each.

    The step must be small, and time run long enough for the current to have settled. InputError where times do not
    rise or the step is zero.
    """
    if time.size < 3 or not np.all(np.diff(time) > 0):
        raise InputError("step response: times must rise")
    if voltage_step == 0:
        raise InputError("step response: the step of voltage is zero")
    t = time - time[0]
    values = [_laplace(t, charge, current, 2j * np.pi * f) for f in np.atleast_1d(frequency)]
    return np.array(values, dtype=np.complex128) / complex(voltage_step)


def step_impedance(time: Array, voltage: Array, rate: Array, current_step: float, frequency: Array) -> Complex:
    """Z (n_f,) [ohm] at frequencies [Hz] from a step of current at time[0]: the voltage's answer [V] (what the same run
    without the step has, subtracted) and its rate [V/s], (n_t,) each. Z(s) = s int_0^inf dV e^(-s t) dt / dI.

    The step must be small; after the last time the voltage goes on at the last rate, as a cell that is being charged
    does. InputError where times do not rise or the step is zero.
    """
    if time.size < 3 or not np.all(np.diff(time) > 0):
        raise InputError("step response: times must rise")
    if current_step == 0:
        raise InputError("step response: the step of current is zero")
    s = 2j * np.pi * np.atleast_1d(frequency)
    values = [_laplace(time - time[0], voltage, rate, one) / one for one in s]
    return np.array(values, dtype=np.complex128) / complex(current_step)


def _laplace(t: Array, Q: Array, rate: Array, s: complex) -> complex:
    """s^2 times the Laplace transform of Q."""
    h, a = np.diff(t), t[:-1]
    slope, rise = rate[:-1], np.diff(Q)
    # Q = Q_a + slope x + c2 x^2 + c3 x^3
    c2 = (3 * rise / h - 2 * slope - rate[1:]) / h
    c3 = (slope + rate[1:] - 2 * rise / h) / h**2
    short = np.abs(s) * h < SHORT
    x = 0.5 * h[short, None] * (_NODES + 1)
    cubic = Q[:-1][short, None] + x * (slope[short, None] + x * (c2[short, None] + x * c3[short, None]))
    total = np.sum(0.5 * h[short, None] * _WEIGHTS * cubic * np.exp(-s * (a[short, None] + x)))
    long = ~short
    for x_end, sign in ((np.zeros(h.size), 1.0), (h, -1.0)):
        p = Q[:-1] + x_end * (slope + x_end * (c2 + x_end * c3))
        p1 = slope + x_end * (2 * c2 + 3 * x_end * c3)
        terms = p / s + p1 / s**2 + (2 * c2 + 6 * x_end * c3) / s**3 + 6 * c3 / s**4
        total += sign * np.sum((np.exp(-s * (a + x_end)) * terms)[long])
    last = np.exp(-s * t[-1]) * (Q[-1] / s + rate[-1] / s**2)
    return complex(s**2 * (total + last))
