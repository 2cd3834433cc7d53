"""The slope of the steady current: what the impedance becomes as the frequency goes to zero."""

from __future__ import annotations

import numpy as np

from miecsim.linearise import linearise
from miecsim.solvers.balances import Readings
from miecsim.solvers.bordered import Border, Load, bordered_solve, correction_basis
from miecsim.solvers.floating import floating_groups
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array


def dc_admittance(point: OperatingPoint) -> Array:
    """Terminal admittance at w = 0, (T, T) [S]: the slope dI/dV of the steady state between the named terminals.

    Floating inventories are held, and no current enters through a link that ties rail ends together.
    """
    system = point.system
    blocks = linearise(system, point.u, point.voltages)
    n, m, named = blocks.n_nodes, blocks.n_fields, len(system.terminals)
    free = tuple(range(named, system.n_ports))
    groups = tuple(floating_groups(blocks, free))
    basis = correction_basis(blocks, system.laws.state_map.thermal_voltage)
    each = np.eye(system.n_ports)[:, :named]
    load = Load(np.zeros((n * m, named)), each, np.zeros((len(groups), named)))
    found = bordered_solve(blocks, basis, load, Border(free, groups))
    x = np.einsum("nij,njp->nip", basis, found.w.reshape(n, m, -1)).astype(complex)
    readings = Readings.of(blocks)
    factors = readings.balances.factors(np.zeros(1))[0]
    Y = readings.currents(0.0, factors, x, found.voltages.astype(complex)).real[:named]
    off = Y - np.diag(np.diag(Y))
    return np.asarray(off - np.diag(off.sum(axis=0)))
