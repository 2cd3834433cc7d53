"""Nodal analysis of a netlist, from its element list alone: Y(w) v = i, with one terminal as ground.

The nodal admittance is Y(w) = sum over elements of factor(w) value stamp. It is factorised with rows and columns
scaled, and the solution is improved with the current balance of each node summed element by element from voltage
differences: the assembled diagonal has lost what a weak element adds to a strong one, the elements have not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from miecsim.circuit.netlist import NOWHERE, Elements, Netlist
from miecsim.errors import InputError, SolveError
from miecsim.solvers.linear import Factor, factorise
from miecsim.typing import Array, Complex, Ints

# Largest last correction of the voltages, relative to the largest of them.
CONVERGED = 1e-11
SETTLED = 1e-15  # no further correction is worth taking
CORRECTIONS = 40  # each divides the error of a graded cell by 7 or more


@dataclass(frozen=True)
class Response:
    """Voltages (n_f, n_nodes) [V per A] of every node for 1 A into node `plus` and out of node `ground`."""

    frequency: Array
    voltage: Complex
    plus: int
    ground: int

    @property
    def Z(self) -> Complex:
        return np.asarray(self.voltage[:, self.plus])


def nodal_admittance(netlist: Netlist, omega: float) -> Any:
    """Y(w) (n_nodes, n_nodes) CSR [S]: currents leaving each node per volt; a one-sided source acts on one."""
    rows, columns, values = [], [], []
    for group in netlist.elements:
        y = group.admittance(np.array([omega]))[0]
        for row, column, sign in _stamp(group):
            keep = (row != NOWHERE) & (column != NOWHERE)
            rows.append(row[keep])
            columns.append(column[keep])
            values.append(sign * y[keep])
    n = netlist.n_nodes
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.coo_matrix(entries, shape=(n, n)).tocsr()


def _stamp(group: Elements) -> Iterator[tuple[Ints, Ints, float]]:
    """(row, column, sign) of the four entries of each element."""
    control = (group.control_plus, group.control_minus) if group.kind == "G" else (group.plus, group.minus)
    for row, outward in ((group.plus, 1.0), (group.minus, -1.0)):
        for column, sign in zip(control, (1.0, -1.0), strict=True):
            yield row, column, outward * sign


def element_current(group: Elements, voltage: Complex, omega: Array) -> Complex:
    """Current (n_f, n) [A] of each element from plus to minus at node voltages (n_f, n_nodes)."""
    a, b = (group.control_plus, group.control_minus) if group.kind == "G" else (group.plus, group.minus)
    return group.admittance(omega) * (voltage[:, a] - voltage[:, b])


def element_voltage(group: Elements, voltage: Complex) -> Complex:
    """Voltage (n_f, n) [V] across each element; of a one-sided source, that of its node against ground."""
    far = np.where(group.minus == NOWHERE, 0.0, voltage[:, group.minus])
    return np.asarray(voltage[:, group.plus] - far)


def _leaving(netlist: Netlist, omega: Array, voltage: Complex, transposed: bool) -> Complex:
    """Current (n_nodes,) leaving each node, summed element by element."""
    total = np.zeros((2, netlist.n_nodes))
    for group in netlist.elements:
        near, far = (group.plus, group.minus), (group.plus, group.minus)
        if group.kind == "G":
            far = (group.control_plus, group.control_minus)
            near, far = (far, near) if transposed else (near, far)
        read = [np.where(node == NOWHERE, 0.0, voltage[node]) for node in far]
        current = group.admittance(omega)[0] * (read[0] - read[1])
        for node, sign in zip(near, (1.0, -1.0), strict=True):
            live = node != NOWHERE
            for part, out in ((current.real, total[0]), (current.imag, total[1])):
                out += sign * np.bincount(node[live], part[live], netlist.n_nodes)
    return np.asarray(total[0] + 1j * total[1])


def _solved(netlist: Netlist, Y: Any, keep: Ints, omega: Array, source: Complex, transposed: bool) -> Complex:
    """Voltages for currents `source` (n_nodes,) into the nodes, ground at zero, corrected until they stay."""
    change = np.inf
    for pivoting in (False, True):
        v, change = _corrected(netlist, factorise(Y, pivoting=pivoting), keep, omega, source, transposed)
        if change <= CONVERGED:
            return v
    raise SolveError(f"netlist: voltages settle only to {change:.1e} at {omega[0] / (2 * np.pi):.3g} Hz")


def _corrected(
    netlist: Netlist, factor: Factor, keep: Ints, omega: Array, source: Complex, transposed: bool
) -> tuple[Complex, float]:
    """Voltages, and their last correction over the largest of them."""
    v, change = np.zeros(netlist.n_nodes, dtype=complex), np.inf
    v[keep] = factor.apply(source[keep])
    for _ in range(CORRECTIONS):
        delta = factor.apply((source - _leaving(netlist, omega, v, transposed))[keep])
        now = float(np.max(np.abs(delta)) / np.max(np.abs(v)))
        if not now < change:
            break
        v[keep] += delta
        change = now
        if change < SETTLED:
            break
    return v, change


def solve(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None = None) -> Response:
    """Node voltages for 1 A from the first to the second of `terminals` (default: the first two), others open.

    frequency (n_f,) [Hz], positive. Raises InputError for an unknown terminal or a frequency that is not positive,
    SolveError where the nodes' currents cannot be balanced to round-off.
    """
    return _response(netlist, frequency, terminals, transposed=False)


def solve_adjoint(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None = None) -> Response:
    """`solve` for the circuit with every source turned round: the same where the circuit is reciprocal."""
    return _response(netlist, frequency, terminals, transposed=True)


def _response(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None, transposed: bool) -> Response:
    f = np.atleast_1d(np.asarray(frequency, dtype=float))
    if f.size == 0 or not np.all(np.isfinite(f) & (f > 0)):
        raise InputError("frequency: expected one or more positive, finite numbers in Hz")
    names = netlist.terminals[:2] if terminals is None else terminals
    plus, ground = (netlist.terminal(name) for name in names)
    if plus == ground:
        raise InputError(f"terminals: read {names[0]!r} twice; expected two different ones")
    keep = np.flatnonzero(np.arange(netlist.n_nodes) != ground)
    source = np.zeros(netlist.n_nodes, dtype=complex)
    source[plus] = 1.0
    voltage = np.zeros((f.size, netlist.n_nodes), dtype=complex)
    for i, omega in enumerate(2 * np.pi * f):
        Y = nodal_admittance(netlist, omega)[keep][:, keep]
        voltage[i] = _solved(netlist, Y.T if transposed else Y, keep, np.array([omega]), source, transposed)
    return Response(f, voltage, plus, ground)


def netlist_impedance(netlist: Netlist, frequency: Array, terminals: tuple[str, str] | None = None) -> Complex:
    """Z (n_f,) [`netlist.unit`] between two terminals by nodal analysis; see `solve`."""
    return solve(netlist, frequency, terminals).Z
