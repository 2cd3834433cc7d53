"""Steady states: Newton on the exact Jacobian, with bounded logarithmic updates and continuation in the applied
voltages.

The correction is sought in the potentials (Phi, phi), where a step of one thermal voltage is the natural unit, and
applied to what is stored. Carriers that no terminal exchanges keep their inventory: in one cell the balance gives way
to a pin on Phi, and the multiple of its response that restores sum V q is added (a bordered row, without forming the
border).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from miecsim.blocks import Blocks
from miecsim.errors import SolveError
from miecsim.linearise import linearise
from miecsim.solvers.bordered import bordered_solve, correction_basis
from miecsim.solvers.floating import Group, floating_groups, inventories
from miecsim.system import System, balance, rest_state, terminal_currents
from miecsim.typing import Array

TOLERANCE = 1e-9  # largest relative change of a concentration, or of a potential in thermal voltages, in the last step
MAX_STEPS = 60
# A state whose residual is this small against the currents and charges that make it up needs no step at all.
ROUND_OFF = 1e-13


@dataclass(frozen=True)
class OperatingPoint:
    """A solved state: unknowns u (m, N), port voltages (P,) [V], port currents (P,) [A], and how it was reached.

    kind is 'steady'; residual is the largest balance left over relative to its parts; steps counts Newton iterations.
    """

    system: System
    u: Array
    voltages: Array
    currents: Array
    kind: str
    residual: float
    steps: int


def solve_steady(
    system: System,
    voltages: dict[str, float] | None = None,
    *,
    start: Array | None = None,
    progress: Callable[[str], None] | None = None,
) -> OperatingPoint:
    """Steady state at terminal voltages [V] (missing names: 0 V; all zero: rest).

    Starts from the flat reference state, or from unknowns `start` (m, N), jumps to the full voltages and falls back to
    continuation. Raises SolveError naming the largest fraction of the voltages that was reached.
    """
    target = np.zeros(system.n_ports)
    for name, value in (voltages or {}).items():
        if name not in system.terminals:
            raise SolveError(f"terminal: read {name!r}; expected one of {', '.join(system.terminals)}")
        target[system.terminals.index(name)] = value
    u0 = rest_state(system) if start is None else start.copy()
    groups = floating_groups(linearise(system, u0, target))
    inventory = inventories(system, u0, groups)
    try:
        u, steps = _newton(system, u0, target, groups, inventory)
    except SolveError as error:
        if not np.any(target):
            raise
        u, steps = _continue(system, u0, target, groups, inventory, progress, error)
    residual = relative_residual(system, u, target)
    return OperatingPoint(system, u, target, terminal_currents(system, u, target), "steady", residual, steps)


def relative_residual(system: System, u: Array, voltages: Array) -> float:
    """Largest residual over the size of its parts, row by row (parts: what one thermal voltage would drive)."""
    r = np.abs(balance(system, u, voltages))
    scale = _row_scale(linearise(system, u, voltages), system)
    return float(np.max(r / scale))


def _row_scale(blocks: Blocks, system: System) -> Array:
    """(m, N): the size of each balance row if every potential moved by one thermal voltage independently."""
    v_t = system.laws.state_map.thermal_voltage
    inverse = np.linalg.inv(blocks.regular_potential())
    total = np.zeros((blocks.n_nodes, blocks.n_fields))
    for nodes, K in ((blocks.left, blocks.K_left), (blocks.right, blocks.K_right)):
        np.add.at(total, blocks.left, np.abs(K @ inverse[nodes]).sum(axis=2) * v_t)
        np.add.at(total, blocks.right, np.abs(K @ inverse[nodes]).sum(axis=2) * v_t)
    total += np.abs(blocks.S_g @ inverse).sum(axis=2) * v_t
    for c in blocks.contacts:
        total[c.nodes, c.row] = v_t if c.strong else total[c.nodes, c.row] + c.conductance * v_t
        if c.charge_row and not c.strong:
            total[c.nodes, c.row] += c.capacitance * v_t
    return np.where(total > 0, total, 1.0).T


def _correction(
    system: System, u: Array, voltages: Array, groups: list[Group], inventory: Array
) -> tuple[Array, Array, Array]:
    """Newton's correction of u, the same in (Phi, phi)/V_T, and the residual norm, each (m, N)."""
    blocks = linearise(system, u, voltages)
    n, m = blocks.n_nodes, blocks.n_fields
    basis = correction_basis(blocks, system.laws.state_map.thermal_voltage)
    r = balance(system, u, voltages)
    w = bordered_solve(blocks, basis, -r.T.reshape(-1, 1), groups, inventory - inventories(system, u, groups))
    w = w[:, 0].reshape(n, m)
    return np.einsum("nij,nj->in", basis, w), w.T, np.asarray(np.abs(r) / _row_scale(blocks, system))


def _newton(system: System, u: Array, voltages: Array, groups: list[Group], inventory: Array) -> tuple[Array, int]:
    """Newton from u; returns the solution and the number of steps. Raises SolveError with the field and place that
    failed."""
    u = u.copy()
    held = np.allclose(inventories(system, u, groups), inventory, rtol=1e-14, atol=0)
    if held and relative_residual(system, u, voltages) < ROUND_OFF:
        return u, 0
    worst = np.zeros_like(u)
    # a step that overflows shows in what is not finite, and is told as a failure
    with np.errstate(all="ignore"):
        for step in range(1, MAX_STEPS + 1):
            try:
                du, w, worst = _correction(system, u, voltages, groups, inventory)
            except np.linalg.LinAlgError:
                break
            if not np.all(np.isfinite(du)):
                break
            size = _size(system, u, du, w)
            u = _linear_step(system, u, du, voltages, worst) if size > 1 else _bounded(system, u, du, w)
            if size < TOLERANCE:
                return u, step
    raise SolveError(f"steady state: Newton failed after {step} steps; largest residual in {_place(system, worst)}")


def _place(system: System, worst: Array) -> str:
    """The balance and the place of the largest residual, in words."""
    row, node = np.unravel_index(int(np.argmax(np.nan_to_num(worst, nan=np.inf))), worst.shape)
    where = ", ".join(f"{value:.3g}" for value in system.nodes.position[node])
    layer = system.grid.region_names[system.region[node]]
    return f"the balance of {system.laws.state_map.names[row]} at ({where}) m, layer {layer}"


def _linear_step(system: System, u: Array, du: Array, voltages: Array, worst: Array) -> Array:
    """The full step where the problem answers linearly to it, the bounded one otherwise."""
    full = u + du
    stored = [k for k, c in enumerate(system.laws.state_map.carriers) if c.stored]
    if np.all(full[stored] > 0):
        if relative_residual(system, full, voltages) < 1e-6 * float(worst.max()):
            return np.asarray(full)
    return _bounded(system, u, du, du / system.laws.state_map.thermal_voltage)


def _size(system: System, u: Array, du: Array, w: Array) -> float:
    """Largest relative change of a concentration or change of a potential in thermal voltages."""
    active = system.laws.active.T
    parts = [0.0]
    for k, carrier in enumerate(system.laws.state_map.carriers):
        change = du[k] / u[k] if carrier.stored else w[k]
        parts.append(float(np.max(np.abs(change[active[k]]), initial=0.0)))
    if system.laws.state_map.has_phi:
        parts.append(float(np.max(np.abs(w[-1]))))
    return max(parts)


def _bounded(system: System, u: Array, du: Array, w: Array) -> Array:
    """ln c += ln(1 + lambda) where lambda > -0.9, else 2.558 lambda, not below -20; potentials by 5 (1 + ln(|x|/5))
    V_T beyond 5 V_T."""
    v_t = system.laws.state_map.thermal_voltage
    out = u.copy()
    for k, carrier in enumerate(system.laws.state_map.carriers):
        activity = system.laws.state_map.activity[k]
        if carrier.stored and activity is not None:
            free = activity.site_density - u[k]  # vacant sites shrink by the same rule as occupied ones
            out[k] = np.where(du[k] < 0, _shrunk(u[k], du[k]), u[k] + np.where(np.isinf(free), du[k], 0.0))
            limited = np.isfinite(free) & (du[k] >= 0)
            out[k][limited] = activity.site_density[limited] - _shrunk(free[limited], -du[k][limited])
        else:
            out[k] = u[k] + v_t * _limited(w[k])
    if system.laws.state_map.has_phi:
        out[-1] = u[-1] + _limited(du[-1] / v_t) * v_t
    return np.where(system.laws.active.T, out, u)


def _shrunk(c: Array, dc: Array) -> Array:
    """c + dc for a fall by less than 90 %, an exponential approach to zero beyond; dc <= 0."""
    lam = np.minimum(dc / c, 0.0)
    return np.asarray(c * np.where(lam > -0.9, 1 + np.maximum(lam, -0.9), np.exp(np.maximum(2.558 * lam, -20.0))))


def _limited(x: Array) -> Array:
    big = np.abs(x) > 5
    return np.where(big, np.sign(x) * 5 * (1 + np.log(np.maximum(np.abs(x), 5) / 5)), x)


def _continue(
    system: System,
    u: Array,
    target: Array,
    groups: list[Group],
    inventory: Array,
    progress: Callable[[str], None] | None,
    cause: SolveError,
) -> tuple[Array, int]:
    """Raise the voltages in steps: doubled when easy, halved when hard, a third when Newton fails."""
    reached, width, total = 0.0, 0.25, 0
    while reached < 1.0:
        if width < 1e-4:
            raise SolveError(
                f"{cause}; continuation reached {100 * reached:.3g} % of the voltages "
                f"({', '.join(f'{n} = {v * reached:.4g} V' for n, v in zip(system.terminals, target, strict=False))})"
            )
        ahead = min(1.0, reached + width)
        try:
            u_next, steps = _newton(system, u, target * ahead, groups, inventory)
        except SolveError:
            width /= 3
            continue
        u, reached, total = u_next, ahead, total + steps
        if progress is not None:
            progress(f"steady state: {100 * reached:.0f} % of the applied voltage")
        width *= 2 if steps <= 5 else 0.5 if steps > 9 else 1
    return u, total
