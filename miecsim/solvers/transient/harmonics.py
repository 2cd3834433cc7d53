"""Nonlinear impedance: the second and third harmonic of the current, by expansion in the amplitude of the voltage.

With V = V_0 + Re(a e^(i w t)) on a terminal, y = y_0 + Re(a y_1 e^(i w t) + a^2 (y_20 + y_2 e^(2 i w t)) + a^3 (y_31
e^(i w t) + y_3 e^(3 i w t)) + ...). F(y, y') is linear in y', so that with J = dF/dy and M = dF/dy'

    (J + i h w M) y_h = -(what lower orders of F put on e^(i h w t)),

one linear solve per harmonic. The right-hand sides are read off F itself: its Fourier coefficients over one turn of the
known orders at a small amplitude. The current has the same expansion, I_h = i h w Q_h. Fuel-cell and battery workers
know it as nonlinear frequency response analysis (Kiel, Bohn and Sauer 2008; Murbach and Schwartz 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.solvers.linear import factorise
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import beginning, form_of
from miecsim.solvers.transient.timeform import TimeForm
from miecsim.typing import Array, Complex

TURN = 12  # points of one period: harmonics up to the fifth do not alias onto the third
# Amplitude of the probe, in volts of the largest potential: its error falls as the square, round-off grows as the cube.
PROBE = 3e-4
# The mean is taken as a response this much slower than the sine, tried in turn: what no terminal exchanges keeps its
# amount. Too fast is not yet settled, too slow loses that amount in rounding; the best is where the next changes least.
SLOWER = 10.0 ** -np.arange(1, 13)


@dataclass(frozen=True)
class Harmonics:
    """Response of the current to V = V_0 + Re(a e^(i w t)): per harmonic h its admittance Y_h, (n_f,) each [A/V^h].

    I(t) = I_0 + Re(a Y_1 e^(i w t) + a^2 (rectified + Y_2 e^(2 i w t)) + a^3 (Y_31 e^(i w t) + Y_3 e^(3 i w t))) +
    O(a^4). Y_1 = 1/Z; Y_31 is how the apparent impedance of a large sine drifts from it.
    """

    frequency: Array
    Y_1: Complex
    rectified: Array
    Y_2: Complex
    Y_31: Complex
    Y_3: Complex

    def apparent_impedance(self, amplitude: float) -> Complex:
        """Z (n_f,) [ohm] that the fundamental alone would show at `amplitude` [V], to the third order."""
        return np.asarray(1.0 / (self.Y_1 + amplitude**2 * self.Y_31))


def harmonics(point: OperatingPoint, frequency: Array, terminal: str | None = None) -> Harmonics:
    """Harmonics at frequencies [Hz] (n_f,) of the current into `terminal` (default: the first), whose voltage swings.

    Raises InputError for an unknown terminal, frequencies that are not positive, or an element without a form in time.
    """
    system, f = point.system, np.atleast_1d(np.asarray(frequency, dtype=float))
    name = system.terminals[0] if terminal is None else terminal
    if name not in system.terminals:
        raise InputError(f"terminal: read {name!r}; expected one of {', '.join(system.terminals)}")
    if f.size == 0 or not np.all(np.isfinite(f) & (f > 0)):
        raise InputError("frequency: expected one or more positive, finite numbers in Hz")
    held = {t: voltage(float(v)) for t, v in zip(system.terminals, point.voltages, strict=False)}
    form = form_of(system, Step("harmonics", held, 1.0), (0.1 * f.min(), 30 * f.max()))
    port = system.terminals.index(name)
    rows = [_at_frequency(form, beginning(point, form).y, port, 2 * np.pi * each) for each in f]
    Y_1, zero, Y_2, Y_31, Y_3 = (np.array(column) for column in zip(*rows, strict=True))
    return Harmonics(f, Y_1, zero.real, Y_2, Y_31, Y_3)


def _at_frequency(form: TimeForm, y: Array, port: int, omega: float) -> tuple[complex, ...]:
    """(Y_1, rectified, Y_2, Y_31, Y_3)."""
    J = form.jacobian(y, 0.0)
    M = form.jacobian(y, 1.0) - J
    contacts = form.first_charge + np.flatnonzero([p.port == port for p in form.system.ports])

    def solved(h: int, forcing: Complex) -> Complex:
        return np.asarray(factorise((J + 1j * h * omega * M).tocsc()).solve(-forcing), dtype=complex)

    def current(h: int, response: Complex) -> complex:
        return complex(1j * h * omega * response[contacts].sum())

    drive = np.zeros(form.size, dtype=complex)
    drive[form.first_port + port] = -1.0
    y_1 = solved(1, drive)
    scale = PROBE / float(np.max(np.abs(_potentials(form, y, y_1))))
    second = _forcing(form, y, {1: y_1}, scale, (0, 2))
    rate, y_0 = _mean(form, y, (J, M), second[0] / scale**2, omega)
    y_2 = solved(2, second[2] / scale**2)
    third = _forcing(form, y, {0: scale * y_0, 1: y_1, 2: scale * y_2}, scale, (1, 3))
    y_31, y_3 = solved(1, third[1] / scale**3), solved(3, third[3] / scale**3)
    rectified = float(rate * y_0[contacts].sum().real)
    return current(1, y_1), rectified, current(2, y_2), current(1, y_31), current(3, y_3)


def _mean(form: TimeForm, y: Array, matrices: tuple[Any, Any], forcing: Complex, omega: float) -> tuple[float, Complex]:
    """The settled response (size,) to a steady forcing, and the rate [1/s] at which it was taken."""
    J, M = matrices
    found: list[Complex] = []
    changes: list[float] = []
    for rate in SLOWER * omega:
        found.append(np.asarray(factorise((J + rate * M).tocsc()).solve(-forcing), dtype=complex))
        if len(found) > 1:
            changes.append(float(np.max(np.abs(_potentials(form, y, found[-1] - found[-2])))))
        if len(changes) > 2 and min(changes[-2:]) > 3 * min(changes):
            break
    best = int(np.argmin(changes)) + 1
    return float(SLOWER[best] * omega), found[best]


def _potentials(form: TimeForm, y: Array, y_1: Complex) -> Complex:
    """Change of every potential [V], and of every concentration relative to itself in thermal voltages."""
    system = form.system
    v_t = system.laws.state_map.thermal_voltage
    u = form.u(y)
    du = y_1[: u.size].reshape(-1, system.n_fields).T
    out = [du[-1]] if system.laws.state_map.has_phi else []
    for k, carrier in enumerate(system.laws.state_map.carriers):
        out.append(du[k] / u[k] * v_t if carrier.stored else du[k])
    return np.concatenate([np.where(np.isfinite(part), part, 0.0) for part in out])


def _forcing(
    form: TimeForm, y: Array, orders: dict[int, Complex], scale: float, wanted: tuple[int, ...]
) -> dict[int, Complex]:
    """Fourier coefficients of the nonlinear part of F(y(theta), 0) over a turn of theta.

    y(theta) = y + scale sum_h Re(y_h e^(i h theta)).
    """
    angles = 2 * np.pi * np.arange(TURN) / TURN
    values = np.zeros((TURN, form.size))
    still = np.zeros(form.size)
    for i, theta in enumerate(angles):
        shift = sum((np.real(y_h * np.exp(1j * h * theta)) for h, y_h in orders.items()), np.zeros(form.size))
        form.residual(0.0, y + scale * shift, still, values[i])
    base = np.zeros(form.size)
    form.residual(0.0, y, still, base)
    J = form.jacobian(y, 0.0)
    out: dict[int, Complex] = {}
    for h in wanted:
        weight = np.exp(-1j * h * angles) * ((1.0 if h == 0 else 2.0) / TURN)
        linear = scale * (J @ orders[h]) if h in orders else 0.0
        out[h] = (weight[:, None] * (values - base)).sum(axis=0) - linear
    return out
