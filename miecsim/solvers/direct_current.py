"""The slope of the steady current: what the impedance becomes as the frequency goes to zero."""

from __future__ import annotations

import numpy as np

from miecsim.linearise import linearise
from miecsim.solvers.bordered import bordered_solve, correction_basis
from miecsim.solvers.floating import floating_groups
from miecsim.solvers.sparse import port_currents
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array


def dc_admittance(point: OperatingPoint) -> Array:
    """Port admittance at w = 0, (P, P) [S]: the slope dI/dV of the steady state, floating inventories held."""
    system = point.system
    blocks = linearise(system, point.u, point.voltages)
    groups = floating_groups(blocks)
    n, m = blocks.n_nodes, blocks.n_fields
    b = np.zeros((n, m, blocks.n_ports))
    for c in blocks.contacts:
        y = np.ones(c.nodes.size) if c.strong else c.conductance + (c.capacitance if c.charge_row else 0.0)
        for i, node in enumerate(c.nodes):
            if c.strong:
                b[node, c.row] = 0.0
            b[node, c.row, c.port] += y[i]
    basis = correction_basis(blocks, system.laws.state_map.thermal_voltage)
    w = bordered_solve(blocks, basis, b.reshape(n * m, -1), groups, np.zeros(len(groups)))
    x = np.einsum("nij,njp->nip", basis, w.reshape(n, m, -1))
    Y = port_currents(blocks, np.zeros(1), x[None].astype(complex), list(range(blocks.n_ports)))[0].real
    off = Y - np.diag(np.diag(Y))
    return np.asarray(off - np.diag(off.sum(axis=0)))
