"""Consistent states: what a jump of voltage or current does at once, and the rates with which it goes on.

A jump leaves everything that is stored as it was and moves what is not, in an instant: charge flows through capacitors
that lie directly between terminals and rails. That is the limit of one implicit Euler step of vanishing length, which
is what is taken; the charge that passed is booked in Q. Modes faster than that step are left over in part, so a few
more follow, each of which divides them by their number of time constants; then a linear step a thousand times shorter
gives the rates. Increments are kept apart from the state, so that steps of 1e-9 of the time scale cost no digits.
"""

from __future__ import annotations

import numpy as np

from miecsim.errors import SolveError
from miecsim.solvers.linear import Factor, factorise
from miecsim.solvers.newton import bounded_update
from miecsim.solvers.transient.timeform import TimeForm
from miecsim.typing import Array

MAX_STEPS = 60
MODIFIED = 8  # corrections with a Jacobian found before
SMOOTHING = 4  # implicit Euler steps after a jump, the jump's own included
SETTLED = 1e-10  # last correction, in thermal voltages or relative concentrations


def consistent(form: TimeForm, y: Array, dt: float) -> tuple[float, Array, Array]:
    """(t, y, y') at t = SMOOTHING dt [s] of a step, from y just before it. Raises SolveError where Newton's method does
    not settle."""
    y, t = _euler(form, 0.0, y, dt, None), dt
    known = factorise(form.jacobian(y, 1.0 / dt))
    for _ in range(SMOOTHING - 1):
        y, t = _euler(form, t, y, dt, known), t + dt
    return t, y, _rates(form, t, y, 1e-3 * dt)


def _euler(form: TimeForm, t: float, y: Array, dt: float, known: Factor | None) -> Array:
    """An implicit Euler step of dt [s] to t + dt, with a Jacobian that is nearly right (`known`) or new ones."""
    delta, out = np.zeros(form.size), np.zeros(form.size)
    with np.errstate(all="ignore"):
        for count in range(MAX_STEPS):
            form.residual(t + dt, y + delta, delta / dt, out)
            factor = known if known is not None and count < MODIFIED else None
            step = (factor or factorise(form.jacobian(y + delta, 1.0 / dt))).solve(-out)
            if not np.all(np.isfinite(step)):
                break
            taken = _within_bounds(form, y + delta, step)
            delta += taken
            if _size(form, y + delta, step) < SETTLED:
                return np.asarray(y + delta)
    raise SolveError("transient: no consistent state after the jump of voltage or current")


def _rates(form: TimeForm, t: float, y: Array, dt: float) -> Array:
    """y' just after t, from a linear implicit step of dt [s]."""
    out = np.zeros(form.size)
    form.residual(t + dt, y, np.zeros(form.size), out)
    return np.asarray(factorise(form.jacobian(y, 1.0 / dt)).solve(-out) / dt)


def _within_bounds(form: TimeForm, y: Array, step: Array) -> Array:
    """The step with concentrations kept positive and potentials moved by a few thermal voltages at most; a full step
    where nothing is large."""
    system = form.system
    n, m = system.nodes.n, system.n_fields
    du = step[: n * m].reshape(n, m).T
    if not any(c.stored for c in system.laws.state_map.carriers) or _size(form, y, step) <= 1.0:
        return step
    u = form.u(y)
    w = du / system.laws.state_map.thermal_voltage
    limited = step.copy()
    limited[: n * m] = (bounded_update(system, u, du, w) - u).T.ravel()
    return limited


def _size(form: TimeForm, y: Array, step: Array) -> float:
    """Largest relative change of a concentration or change of a potential in thermal voltages."""
    system, v_t = form.system, form.system.laws.state_map.thermal_voltage
    u, du = form.u(y), form.u(step)
    parts = [0.0, float(np.max(np.abs(form.voltages(step)), initial=0.0)) / v_t]
    for k, carrier in enumerate(system.laws.state_map.carriers):
        live = system.laws.active[:, k]
        change = du[k] / np.maximum(np.abs(u[k]), 1e-300) if carrier.stored else du[k] / v_t
        parts.append(float(np.max(np.abs(change[live]), initial=0.0)))
    if system.laws.state_map.has_phi:
        parts.append(float(np.max(np.abs(du[-1]))) / v_t)
    return max(parts)
