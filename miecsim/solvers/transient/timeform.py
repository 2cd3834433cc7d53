"""The residual in time, F(t, y, y') = 0: the same balances as the steady state, with storage, memory and the ports.

y = [u of every node, node by node | own unknowns of elements with memory | charge Q passed through every contact [C] |
voltage of every port [V]]. Q' is the current of a contact into the cell, so that the charge through a terminal is
integrated with the same steps as the state, and what went in is what is stored, to rounding.

Rows of a node are its balances with stored charge q' added (currents [A]), Poisson's row or electroneutrality, or
Phi - V at a reversible contact, whose own balance then gives Q'. Electroneutrality makes the balances of index 2; where
a control volume holds several carriers under that constraint, the balance of the most abundant one is replaced by the
sum of all without storage, div i = 0 (index 1), and it follows from the constraint. Which that is may change while a
cell is driven; it is chosen wherever the integrator starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from miecsim.errors import InputError
from miecsim.linearise import store_jacobians
from miecsim.physics.elements import Reversible
from miecsim.physics.state import State, Whole
from miecsim.physics.storage import SpaceCharge
from miecsim.solvers.bordered import block_diagonal
from miecsim.solvers.transient.jacobian import Places, entries, find_places
from miecsim.solvers.transient.memory import Memory, added_current, memories, own_residual
from miecsim.system import System, contact_voltage, is_phi, potential_in, unreplaced_balance
from miecsim.typing import Array, Ints

Waveform = Callable[[float], float]


@dataclass(frozen=True)
class Drive:
    """What is imposed on a port: its voltage [V] or the current [A] into the cell, and its rate, of time [s]."""

    kind: Literal["voltage", "current"]
    value: Waveform
    rate: Waveform


@dataclass(frozen=True)
class RowMap:
    """Where values of balances are added among the final rows: target (N m,), -1 for nowhere, with a sign."""

    target: Ints
    sign: Array

    @cached_property
    def live(self) -> tuple[Ints, Ints, Array]:
        """(balance, final row, sign) of those that go somewhere."""
        at = np.flatnonzero(self.target >= 0)
        return at, self.target[at], self.sign[at]

    def add(self, values: Array, out: Array) -> None:
        at, to, sign = self.live
        if at.size:
            out += np.bincount(to, sign * values[at], out.size)


@dataclass(frozen=True)
class TimeForm:
    """F(t, y, y') of a system; made by `time_form`. size is the length of y."""

    system: System
    memory: tuple[Memory, ...]
    first_charge: int
    first_port: int
    size: int
    own: RowMap  # final row of each balance
    total: RowMap  # final row of the sum that each balance is part of, its storage apart
    M: Any  # (N m, N m) sparse: rates of storage laws per du/dt
    absent: Ints  # rows u = rest
    drives: tuple[Drive, ...]

    # --- the parts of y ---------------------------------------------------------------------------

    def u(self, y: Array) -> Array:
        """Unknowns (m, N) of y."""
        n, m = self.system.nodes.n, self.system.n_fields
        return np.asarray(y[: n * m].reshape(n, m).T)

    def voltages(self, y: Array) -> Array:
        return np.asarray(y[self.first_port :])

    def charges(self, y: Array) -> Array:
        """Charge [C] of every contact, in the order of `system.ports`; of a metal plate, the charge on it."""
        return np.asarray(y[self.first_charge : self.first_port])

    def port_currents(self, yp: Array) -> Array:
        """Current [A] from each port into the cell, displacement included, (P,)."""
        total = np.zeros(self.system.n_ports)
        np.add.at(total, [p.port for p in self.system.ports], self.charges(yp))
        return total

    def stored(self, y: Array) -> Array:
        """Charge [C] held by the balances of each row, capacitors of interfaces and contacts included, (m,)."""
        n, m = self.system.nodes.n, self.system.n_fields
        total = (self.M @ y[: n * m]).reshape(n, m).sum(axis=0)
        for memory in self.memory:
            if memory.has_charge and memory.row_a >= 0:
                q = float(y[memory.lead].sum())
                total[memory.row_a] += q
                total[memory.row_b] -= q
        return np.asarray(total)

    def content(self, y: Array) -> float:
        """Sum of the magnitudes of all stored charges [C]."""
        return float(np.sum(np.abs(self.M @ y[: self.M.shape[0]])))

    def state(self, y: Array) -> Whole:
        """The state of all nodes."""
        return self.system.laws.state_map.at(self.u(y), np.arange(self.system.nodes.n))

    def is_state(self, y: Array) -> bool:
        """Whether every concentration is positive, so that it has a potential."""
        u, active = self.u(y), self.system.laws.active
        return all(
            bool(np.all(u[k, active[:, k]] > 0)) for k, c in enumerate(self.system.laws.state_map.carriers) if c.stored
        )

    def memory_voltage(self, memory: Memory, y: Array, state: State) -> Array:
        phi_b = potential_in(self.system, state, memory.row_b, memory.b)
        if memory.row_a < 0:
            return np.asarray(self.voltages(y)[memory.a] + memory.emf - phi_b)
        return np.asarray(potential_in(self.system, state, memory.row_a, memory.a) - phi_b)

    def chosen_at(self, y: Array) -> TimeForm:
        """The form whose balances that follow from electroneutrality are those of the most abundant carriers at y."""
        own, total = _row_maps(self.system, self.first_charge, self.u(y))
        if np.array_equal(own.target, self.own.target):
            return self
        return replace(self, own=own, total=total)

    # --- residual ---------------------------------------------------------------------------------

    def residual(self, t: float, y: Array, yp: Array, out: Array) -> None:
        """F(t, y, y') written into `out` (size,)."""
        system, n, m = self.system, self.system.nodes.n, self.system.n_fields
        u, V = self.u(y), self.voltages(y)
        state = self.state(y)
        balance = unreplaced_balance(system, u, V, state).T.ravel()
        out[:] = 0.0
        for memory in self.memory:
            v = self.memory_voltage(memory, y, state)
            current = added_current(memory, v, y)
            if memory.has_charge:
                current = current + yp[memory.lead]
            np.subtract.at(balance, memory.b * m + memory.row_b, current)
            if memory.row_a >= 0:
                np.add.at(balance, memory.a * m + memory.row_a, current)
            own_residual(memory, v, y, yp, out)
            if memory.row_a < 0:
                out[self.first_charge + self.contact_of(memory)] -= current.sum()
        self.own.add(balance + self.M @ yp[: n * m], out)
        self.total.add(balance, out)
        out[self.absent] = y[self.absent] - system.laws.rest.T.ravel()[self.absent]
        self._contacts(u, V, state, y, yp, out)
        for p, drive in enumerate(self.drives):
            row = self.first_port + p
            given = drive.value(t)
            out[row] = y[row] - given if drive.kind == "voltage" else self.port_currents(yp)[p] - given

    def contact_of(self, memory: Memory) -> int:
        """Number of the contact that an element with memory belongs to."""
        return next(
            i
            for i, p in enumerate(self.system.ports)
            if p.row == memory.row_b and p.port == memory.a[0] and np.array_equal(p.nodes, memory.b)
        )

    def _contacts(self, u: Array, V: Array, state: State, y: Array, yp: Array, out: Array) -> None:
        """Rows Phi - V of reversible contacts, and Q' or Q of every contact, less the balances that `own` put."""
        m = self.system.n_fields
        for i, p in enumerate(self.system.ports):
            row, phi = self.first_charge + i, is_phi(self.system, p.row)
            out[row] += y[row] if phi else yp[row]
            v = contact_voltage(self.system, p, u, V, state)
            if isinstance(p.element, Reversible):
                out[p.nodes * m + p.row] = -v
            else:
                law = p.element.charge if phi else p.element.current
                out[row] -= float(np.sum(np.asarray(law(v)) * p.weight))

    def imposed_rates(self, t: float) -> Array:
        """b'(t) of the rows that impose a voltage b [V/s], zero elsewhere, (size,)."""
        out = np.zeros(self.size)
        out[self.first_port :] = [d.rate(t) if d.kind == "voltage" else 0.0 for d in self.drives]
        return out

    # --- Jacobian ---------------------------------------------------------------------------------

    @cached_property
    def M_entries(self) -> tuple[Ints, Ints, Array]:
        """(row, column, value) of M."""
        entries = sp.coo_matrix(self.M)
        return entries.row.astype(int), entries.col.astype(int), entries.data

    @cached_property
    def places(self) -> Places:
        """Where the Jacobian can have entries."""
        return find_places(self)

    def jacobian(self, y: Array, cj: float) -> Any:
        """dF/dy + cj dF/dy' (size, size), CSC with the pattern of `places`."""
        return self.places.matrix(entries(self, y, cj))


def time_form(system: System, drives: tuple[Drive, ...], slowest: float, fastest: float) -> TimeForm:
    """The DAE of `system` with one drive per port; `slowest` and `fastest` [Hz] bound the ladders of CPEs."""
    if len(drives) != system.n_ports:
        raise InputError(f"{len(drives)} drives for {system.n_ports} ports")
    n, m, laws = system.nodes.n, system.n_fields, system.laws
    memory = tuple(memories(system, n * m, slowest, fastest))
    first_charge = n * m + sum(one.size for one in memory)
    first_port = first_charge + len(system.ports)
    size = first_port + system.n_ports
    M = block_diagonal(_linear_storage(system)).tocsr()
    own, total = _row_maps(system, first_charge, laws.rest)
    absent = np.flatnonzero(~laws.active.ravel())
    return TimeForm(system, memory, first_charge, first_port, size, own, total, M, absent, drives)


def _row_maps(system: System, first_charge: int, u: Array) -> tuple[RowMap, RowMap]:
    """Final rows of the balances: to each its own (of a reversible contact: the contact's charge), and where the
    balance of the carrier most abundant at u (m, N) is the sum of all: that sum."""
    n, m, laws = system.nodes.n, system.n_fields, system.laws
    own, sign = np.where(laws.active.ravel(), np.arange(n * m), -1), np.ones(n * m)
    majority = _majority(system, u)
    nodes = np.flatnonzero(majority >= 0)
    total = np.full((n, m), -1)
    carriers = len(laws.state_map.carriers)
    total[nodes[:, None], np.arange(carriers)] = (nodes * m + majority[nodes])[:, None]
    total[~laws.active] = -1
    own[nodes * m + majority[nodes]] = -1
    for i, p in enumerate(system.ports):
        if isinstance(p.element, Reversible):
            own[p.nodes * m + p.row] = first_charge + i
            sign[p.nodes * m + p.row] = -1.0
    return RowMap(own, sign), RowMap(total.ravel(), np.ones(n * m))


def _majority(system: System, u: Array) -> Ints:
    """Row of the most abundant carrier (by z^2 c) at u (m, N) where electroneutrality binds stored carriers, -1
    elsewhere, (N,)."""
    laws, n = system.laws, system.nodes.n
    out = np.full(n, -1)
    poisson = any(law.process == "displacement" for law, _ in laws.transports)
    constrained = any(isinstance(store, SpaceCharge) for store in laws.stores)
    if poisson or not constrained:
        return out
    charges = np.array([c.charge for c in laws.state_map.carriers])
    k_n = charges.size
    weight = np.where(laws.active[:, :k_n].T, charges[:, None] ** 2 * u[:k_n], 0.0)
    inside = system.nodes.volume > 0
    out[inside] = weight.argmax(axis=0)[inside]
    return out


def _linear_storage(system: System) -> Array:
    """Derivatives of the storage laws (N, m, m): constant, or the content would not be conserved to round-off."""
    rest = system.laws.rest
    moved = np.where(rest != 0, rest * 1.37, 0.1)
    one, other = (store_jacobians(system, u)[1] for u in (rest, moved))
    if not np.allclose(one, other, rtol=1e-12, atol=0):
        raise InputError("a storage law is not linear in the unknowns; make its content an unknown")
    return one
