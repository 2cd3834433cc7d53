"""Systems that differ in parameters alone, the state that each settles into, and how that moves with the parameters.

A steady state u(p) under imposed voltages and currents solves F(u, p) = 0. Its slope needs no second state,

    F_u du/dp = - F_p,

one factorisation for all parameters; a state at rest is the reference state of each system itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from miecsim.inverse.colours import Colours, PartsAt, colours_of, differences
from miecsim.inverse.parameters import Path
from miecsim.solvers.bordered import Border, Load, bordered_solve, correction_basis
from miecsim.solvers.control import control_of
from miecsim.solvers.floating import inventories
from miecsim.solvers.newton import Demand
from miecsim.solvers.rest import rest_point, rest_voltages
from miecsim.solvers.steady import OperatingPoint, demand_of, solve_steady
from miecsim.system import System, balance, rest_state, terminal_currents
from miecsim.typing import Array

Parameters = Mapping[str, float]
Imposed = Callable[[Parameters], Mapping[str, float]]


@dataclass(frozen=True, eq=False)
class Family:
    """An operating point for any values of parameters: of the system made from them, at rest, or under voltages [V]
    and currents [A] of its terminals, which may depend on them, too. What `miecsim.gradients` knows how to
    differentiate without solving every moved state again.

    numbers: all numbers that the system of some values is made of, by path (see `miecsim.inverse.parameters`), and any
    others that it depends on (its area, say, by a name of their own), where they are sooner known than the system:
    lines of two rails then need no other system than one.

    Grids must not depend on the parameters (give the cells, or their widths). Raises what `system`, `rest_point` and
    `solve_steady` raise.
    """

    system: Callable[[Parameters], System]
    voltages: Imposed | None = None
    currents: Imposed | None = None
    numbers: Callable[[Parameters], Mapping[Path, float]] | None = None
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __call__(self, values: Parameters) -> OperatingPoint:
        system = self.system(values)
        if self.at_rest:
            return rest_point(system)
        return solve_steady(system, self._voltages(values), currents=self._currents(values))

    @property
    def at_rest(self) -> bool:
        return self.voltages is None and self.currents is None

    def _voltages(self, values: Parameters) -> Mapping[str, float]:
        return {} if self.voltages is None else self.voltages(values)

    def _currents(self, values: Parameters) -> Mapping[str, float]:
        return {} if self.currents is None else self.currents(values)

    def demand(self, system: System, values: Parameters) -> Demand:
        """What is imposed on one of the systems."""
        return demand_of(system, self._voltages(values), self._currents(values), None)[0]

    def left_over(self, point: OperatingPoint, demand: Demand, system: System, values: Parameters) -> list[Array]:
        """What is left of the equations of another member, `system`, at the state and in the groups of `point`:
        balances (N m,), port voltages or currents (P,), and inventories (G,) over those of its reference state."""
        u, V, groups = point.u, point.voltages, list(demand.groups)
        wanted = control_of(system, self._voltages(values), self._currents(values)).value
        currents = terminal_currents(system, u, V) if demand.base.free else np.zeros(V.size)
        ports = np.where(demand.base.held, V, currents) - wanted
        kept = inventories(system, u, groups, V) - inventories(system, rest_state(system), groups, np.zeros(V.size))
        return [balance(system, u, V).T.ravel(), ports, kept]


def rest_of(system: System) -> tuple[Array, Array]:
    """Unknowns (m, N) and port voltages (P,) of a system at rest."""
    u = rest_state(system)
    return u, rest_voltages(system, u)


def moved_by(point: OperatingPoint, demand: Demand, slopes: list[Array]) -> tuple[Array, Array]:
    """du/dp (n_p, m, N) and dV/dp (n_p, P) from the slopes of `Family.left_over`, each (n_p, ...)."""
    system, blocks = point.system, point.small_signal.blocks
    basis = correction_basis(blocks, system.laws.state_map.thermal_voltage)
    load = Load(*(-slope.T for slope in slopes))
    found = bordered_solve(blocks, basis, load, Border(demand.base.free, demand.groups))
    w = found.w.reshape(system.nodes.n, system.n_fields, -1)
    return np.einsum("nij,njp->pin", basis, w), found.voltages.T


def disturbed(point: OperatingPoint) -> OperatingPoint:
    """A state beside that of `point` in which every flux flows and nothing is equal to anything else."""
    random, state_map = np.random.default_rng(1), point.system.laws.state_map
    u = point.u.copy()
    for k, row in enumerate(u):
        stored = k < len(state_map.carriers) and state_map.carriers[k].stored
        row += 0.01 * random.uniform(-1, 1, row.size) * (row if stored else state_map.thermal_voltage)
    voltages = point.voltages + state_map.thermal_voltage * random.uniform(-1, 1, point.voltages.size)
    return replace(point, u=u, voltages=voltages)


def along(family: Family, parameters: Parameters, point: OperatingPoint) -> Callable[[Parameters], OperatingPoint]:
    """Operating points at parameters beside those of `point`, right to first order, without solving for them."""

    def with_state(system: System, u: Array, V: Array) -> OperatingPoint:
        return replace(point, system=system, u=u, voltages=V)

    if family.at_rest:

        def resting(values: Parameters) -> OperatingPoint:
            system = family.system(values)
            return with_state(system, *rest_of(system))

        return resting
    demand = family.demand(point.system, parameters)

    def left(values: Parameters) -> list[Array]:
        return family.left_over(point, demand, family.system(values), values)

    du, dV = moved_by(point, demand, differences(left, parameters))

    def moved(values: Parameters) -> OperatingPoint:
        way = np.array([values[name] - parameters[name] for name in parameters])
        u, V = (still + np.tensordot(way, slope, 1) for still, slope in ((point.u, du), (point.voltages, dV)))
        return with_state(family.system(values), u, V)

    return moved


def colours_in(family: Family, kind: str, parts_at: PartsAt, parameters: Parameters) -> Colours:
    """Which parameters may be moved together; found once per family and kind of parts."""
    known = ("colours", kind, *parameters)
    if known not in family.kept:
        family.kept[known] = colours_of(parts_at, parameters)
    found: Colours = family.kept[known]
    return found
