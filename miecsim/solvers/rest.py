"""The reference state of a system as an operating point: what a cell is before anything is done to it."""

from __future__ import annotations

import numpy as np

from miecsim.errors import InputError
from miecsim.solvers.steady import OperatingPoint, relative_residual
from miecsim.system import System, field_potential, rest_state, terminal_currents
from miecsim.typing import Array

AT_REST = 1e-9  # of what one thermal voltage drives
EQUAL = 1e-9  # V, between what the contacts of one terminal would take


def rest_point(system: System) -> OperatingPoint:
    """The reference state with every terminal at the voltage that it takes there: of a cell, its open-circuit voltage.

    No equation is solved. Raises InputError where the contacts of a terminal would take different voltages, or where
    the reference state is not one of rest.
    """
    u = rest_state(system)
    voltages = rest_voltages(system, u)
    left = relative_residual(system, u, voltages)
    if left > AT_REST:
        raise InputError(f"rest: something flows in the reference state (a balance is off by {left:.1e})")
    return OperatingPoint(system, u, voltages, terminal_currents(system, u, voltages), "steady", left, 0)


def rest_voltages(system: System, u: Array) -> Array:
    """Voltage (P,) [V] of every port at which none of its contacts drives a current. Raises InputError as `rest_point`
    does."""
    voltages = np.zeros(system.n_ports)
    for port in range(system.n_ports):
        wanted = [field_potential(system, u, p.row, p.nodes) - p.emf for p in system.ports if p.port == port]
        level = np.concatenate(wanted) if wanted else np.zeros(1)
        if np.ptp(level) > EQUAL:
            name = system.terminals[port] if port < len(system.terminals) else "a link"
            raise InputError(f"rest: the contacts of {name} would take {level.min():.6g} and {level.max():.6g} V")
        voltages[port] = level[0]
    return voltages
