"""Newton's method for steady states: the exact Jacobian, bounded logarithmic updates.

The correction is sought in the potentials (Phi, phi), where a step of one thermal voltage is the natural unit, and
applied to what is stored. Unknown beside the fields: the voltage of every port whose current is imposed, with the exact
derivative of that current; and, where a state is sought at a given voltage of such a port, the share of the demand that
it stands for. Carriers that no terminal exchanges keep their inventory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from miecsim.blocks import Blocks
from miecsim.errors import SolveError
from miecsim.linearise import linearise
from miecsim.solvers.bordered import (
    Border,
    Load,
    Response,
    assembly,
    block_diagonal,
    bordered_solve,
    correction_basis,
    current_rows,
)
from miecsim.solvers.control import Control
from miecsim.solvers.floating import Group, inventories
from miecsim.system import System, balance, terminal_currents
from miecsim.typing import Array

TOLERANCE = 1e-9  # largest relative change of a concentration, or of a potential in thermal voltages, in the last step
MAX_STEPS = 60
# A state whose residual is this small against the currents and charges that make it up needs no step at all.
ROUND_OFF = 1e-13


@dataclass(frozen=True)
class Demand:
    """A straight way from control `base` at s = 0 to the values `end` (P,) at s = 1, on which the inventories (G,) [C]
    of the groups stay."""

    system: System
    base: Control
    end: Array
    groups: tuple[Group, ...]
    inventory: Array

    @property
    def direction(self) -> Array:
        return self.end - self.base.value

    def at(self, share: float) -> Control:
        value = self.end if share == 1.0 else self.base.value + share * self.direction
        return Control(self.base.held, value)


@dataclass(frozen=True)
class Solution:
    """Unknowns u (m, N), port voltages (P,), the share s of the demand and the Newton steps taken."""

    u: Array
    voltages: Array
    share: float
    steps: int


def solve(demand: Demand, start: Solution, slide: int = -1, most: int = MAX_STEPS) -> Solution:
    """The state at start.share, or, with `slide` naming a free port, at start.voltages[slide] and whatever share, in
    `most` steps.

    Raises SolveError with the balance and the place that failed.
    """
    now = replace(start, voltages=_held(demand, start.voltages, start.share))
    kept = inventories(demand.system, now.u, list(demand.groups), now.voltages)
    if slide < 0 and np.allclose(kept, demand.inventory, rtol=1e-14, atol=0) and residual(demand, now) < ROUND_OFF:
        return replace(now, steps=0)
    worst = np.zeros_like(now.u)
    # a step that overflows shows in what is not finite, and is told as a failure
    with np.errstate(all="ignore"):
        for step in range(1, most + 1):
            try:
                now, size, worst = _step(demand, now, slide)
            except (np.linalg.LinAlgError, SolveError, FloatingPointError):
                break
            if size < TOLERANCE:
                return replace(now, steps=step)
    place = _place(demand.system, worst)
    raise SolveError(f"steady state: Newton failed after {step} steps; largest residual in {place}")


def tangent(demand: Demand, now: Solution) -> Array:
    """dV/ds (P,) [V] along the demand at a solution. Raises SolveError where it has none."""
    blocks = linearise(demand.system, now.u, now.voltages)
    basis = correction_basis(blocks, demand.system.laws.state_map.thermal_voltage)
    zero = np.zeros((blocks.n_nodes * blocks.n_fields, 1))
    load = Load(zero, demand.direction[:, None], np.zeros((len(demand.groups), 1)))
    return bordered_solve(blocks, basis, load, Border(demand.base.free, demand.groups)).voltages[:, 0]


def _held(demand: Demand, voltages: Array, share: float) -> Array:
    control = demand.at(share)
    return np.where(control.held, control.value, voltages)


def _step(demand: Demand, now: Solution, slide: int) -> tuple[Solution, float, Array]:
    """One step: the new state, the size of the correction, and the residual (m, N) before it."""
    system, v_t = demand.system, demand.system.laws.state_map.thermal_voltage
    found, basis, worst = _correction(demand, now, slide)
    w = found.w[:, 0].reshape(system.nodes.n, system.n_fields).T
    du = np.einsum("nij,jn->in", basis, w)
    dV, ds = found.voltages[:, 0], float(found.share[0])
    if not (np.all(np.isfinite(du)) and np.all(np.isfinite(dV)) and np.isfinite(ds)):
        raise SolveError("a correction is not finite")
    free = list(demand.base.free)
    sizes = [_size(system, now.u, du, w), float(np.max(np.abs(dV[free]) / v_t, initial=0.0))]
    if slide >= 0:
        sizes.append(abs(ds) / max(abs(now.share + ds), 1e-12))
    share = now.share + ds
    full = Solution(now.u + du, _held(demand, now.voltages + dV, share), share, 0)
    if slide < 0 and max(sizes) > 1 and _answers(demand, full, now, worst):
        return full, max(sizes), worst
    bounded_V = now.voltages + v_t * _limited(dV / v_t)
    fields = w if max(sizes) <= 1 else du / v_t
    u = bounded_update(system, now.u, du, fields)
    return Solution(u, _held(demand, bounded_V, share), share, 0), max(sizes), worst


def _correction(demand: Demand, now: Solution, slide: int) -> tuple[Response, Array, Array]:
    """Newton's correction, its basis, and the residual of every balance (m, N) relative to its parts."""
    system, groups = demand.system, demand.groups
    blocks = linearise(system, now.u, now.voltages)
    basis = correction_basis(blocks, system.laws.state_map.thermal_voltage)
    r = balance(system, now.u, now.voltages)
    missing = demand.inventory - inventories(system, now.u, list(groups), now.voltages)
    wanted = np.where(demand.base.held, 0.0, demand.at(now.share).value)
    if demand.base.free:
        wanted = np.where(demand.base.held, 0.0, wanted - terminal_currents(system, now.u, now.voltages))
    load = Load(-r.T.reshape(-1, 1), wanted[:, None], missing[:, None])
    border = Border(demand.base.free, groups, slide, demand.direction)
    return bordered_solve(blocks, basis, load, border), basis, np.abs(r) / row_scale(blocks, system)


def residual(demand: Demand, now: Solution) -> float:
    """Largest residual of a balance, or of an imposed current, over the size of its parts."""
    blocks = linearise(demand.system, now.u, now.voltages)
    r = np.abs(balance(demand.system, now.u, now.voltages)) / row_scale(blocks, demand.system)
    return max(float(np.max(r)), _current_error(demand, now, blocks))


def _current_error(demand: Demand, now: Solution, blocks: Blocks) -> float:
    """Largest difference from an imposed current over what one thermal voltage everywhere would drive."""
    free = list(demand.base.free)
    if not free:
        return 0.0
    basis = correction_basis(blocks, demand.system.laws.state_map.thermal_voltage)
    parts = abs(current_rows(blocks, assembly(blocks))[0] @ block_diagonal(basis)).sum(axis=1)
    scale = np.where(np.asarray(parts).ravel() > 0, np.asarray(parts).ravel(), 1.0)
    error = terminal_currents(demand.system, now.u, now.voltages) - demand.at(now.share).value
    return float(np.max(np.abs(error[free]) / scale[free]))


def row_scale(blocks: Blocks, system: System) -> Array:
    """(m, N): the size of each balance row if every potential moved by one thermal voltage independently."""
    v_t = system.laws.state_map.thermal_voltage
    change, every = blocks.regular_potential(), np.arange(blocks.n_nodes)
    slope = np.abs(1 / change[:, range(blocks.n_fields), range(blocks.n_fields)])
    coupled = np.einsum("nij->n", change != 0, dtype=int) > blocks.n_fields  # elsewhere each has its own potential
    whole = [(blocks.S_g, every), (blocks.K_left, blocks.left), (blocks.K_right, blocks.right)]
    sizes = [np.einsum("nij,nj->ni", np.abs(K), slope[nodes]) for K, nodes in whole]
    for (K, nodes), size in zip(whole, sizes, strict=True):
        some = np.flatnonzero(coupled[nodes])
        size[some] = np.abs(K[some] @ np.linalg.inv(change[nodes[some]])).sum(axis=2)
    total, of_face = sizes[0] * v_t, (sizes[1] + sizes[2]) * v_t
    for nodes in (blocks.left, blocks.right):
        np.add.at(total, nodes, of_face)
    for c in blocks.contacts:
        total[c.nodes, c.row] = v_t if c.strong else total[c.nodes, c.row] + c.conductance * v_t
        if c.charge_row and not c.strong:
            total[c.nodes, c.row] += c.capacitance * v_t
    return np.where(total > 0, total, 1.0).T


def _place(system: System, worst: Array) -> str:
    """The balance and the place of the largest residual, in words."""
    row, node = np.unravel_index(int(np.argmax(np.nan_to_num(worst, nan=np.inf))), worst.shape)
    where = ", ".join(f"{value:.3g}" for value in system.nodes.position[node])
    layer = system.grid.region_names[system.region[node]]
    return f"the balance of {system.laws.state_map.names[row]} at ({where}) m, layer {layer}"


def _answers(demand: Demand, full: Solution, now: Solution, worst: Array) -> bool:
    """Whether the problem answers linearly to a full step, so that none of it need be held back."""
    stored = [k for k, c in enumerate(demand.system.laws.state_map.carriers) if c.stored]
    if not np.all(full.u[stored] > 0):
        return False
    before = float(worst.max())
    if demand.base.free:
        before = max(before, _current_error(demand, now, linearise(demand.system, now.u, now.voltages)))
    return residual(demand, full) < 1e-6 * before


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


def bounded_update(system: System, u: Array, du: Array, w: Array) -> Array:
    """ln c += ln(1 + lambda) where lambda > -0.9, else 2.558 lambda, not below -20; potentials by 5 (1 + ln(|x|/5))
    V_T beyond 5 V_T. du (m, N) the correction, w (m, N) that of the potentials in V_T."""
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


def extrapolated(demand: Demand, before: Solution, last: Solution, ratio: float) -> Solution:
    """A guess beyond `last`, by `ratio` of the way from `before`: concentrations along their logarithms, potentials and
    voltages straight. Site-limited carriers go along ln of the occupied over the vacant."""
    state_map = demand.system.laws.state_map
    u = last.u + ratio * (last.u - before.u)
    for k, carrier in enumerate(state_map.carriers):
        activity = state_map.activity[k]
        if carrier.stored and activity is not None:
            sites = activity.site_density
            ln = [np.log(s.u[k] / (1 - s.u[k] / sites)) for s in (before, last)]
            x = np.exp(np.clip(ln[1] + ratio * (ln[1] - ln[0]), -600.0, 600.0))
            u[k] = x / (1 + x / sites)
    voltages = last.voltages + ratio * (last.voltages - before.voltages)
    active = demand.system.laws.active.T
    return Solution(np.where(active, u, last.u), voltages, last.share + ratio * (last.share - before.share), 0)
