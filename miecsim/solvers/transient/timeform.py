"""The residual in time, F(t, y, y') = 0: the same balances as the steady state, with storage, memory and the ports.

y = [u of every node, node by node | own unknowns of elements with memory | charge Q passed through every contact [C] |
voltage of every port [V]]. Q' is the current of a contact into the cell, so that the charge through a terminal is
integrated with the same steps as the state, and what went in is what is stored, to the precision of Newton's method.

Rows of a node are its balances with stored charge q' added (currents [A]), Poisson's row or electroneutrality, or
Phi - V at a reversible contact, whose own balance then gives Q'. Electroneutrality makes the balances of index 2; where
a control volume holds several carriers under that constraint, the balance of the most abundant one is replaced by the
sum of all without storage, div i = 0 (index 1), and it follows from the constraint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from miecsim.blocks import Blocks
from miecsim.errors import InputError
from miecsim.linearise import linearise, store_jacobians
from miecsim.physics.elements import Reversible
from miecsim.physics.storage import SpaceCharge
from miecsim.solvers.bordered import block_diagonal
from miecsim.solvers.transient.memory import Memory, added_current, jacobians, memories, own_residual
from miecsim.system import System, field_potential, is_phi, unreplaced_balance
from miecsim.typing import Array, Ints

Waveform = Callable[[float], float]


@dataclass(frozen=True)
class Drive:
    """What is imposed on a port: its voltage [V] or the current [A] into the cell, as a function of time [s]."""

    kind: Literal["voltage", "current"]
    value: Waveform


@dataclass(frozen=True)
class TimeForm:
    """F(t, y, y') of a system; made by `time_form`. size is the length of y."""

    system: System
    memory: tuple[Memory, ...]
    first_charge: int
    first_port: int
    size: int
    keep: Any  # (size, N m) sparse: final rows from balances, currents and charges of memory
    store: Any  # (size, N m) sparse: final rows from the rates of storage laws
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

    def memory_voltage(self, memory: Memory, y: Array) -> Array:
        u = self.u(y)
        phi_b = field_potential(self.system, u, memory.row_b, memory.b)
        if memory.row_a < 0:
            return np.asarray(self.voltages(y)[memory.a] - phi_b)
        return np.asarray(field_potential(self.system, u, memory.row_a, memory.a) - phi_b)

    # --- residual ---------------------------------------------------------------------------------

    def residual(self, t: float, y: Array, yp: Array, out: Array) -> None:
        """F(t, y, y') written into `out` (size,)."""
        system, n, m = self.system, self.system.nodes.n, self.system.n_fields
        u, V = self.u(y), self.voltages(y)
        balance = unreplaced_balance(system, u, V).T.ravel()
        out[:] = 0.0
        for memory in self.memory:
            v = self.memory_voltage(memory, y)
            current = added_current(memory, v, y)
            if memory.has_charge:
                current = current + yp[memory.lead]
            np.subtract.at(balance, memory.b * m + memory.row_b, current)
            if memory.row_a >= 0:
                np.add.at(balance, memory.a * m + memory.row_a, current)
            own_residual(memory, v, y, yp, out)
            self._to_contact(memory, current, out)
        out += self.keep @ balance + self.store @ (self.M @ yp[: n * m])
        out[self.absent] = y[self.absent] - system.laws.rest.T.ravel()[self.absent]
        self._contacts(u, V, y, yp, out)
        for p, drive in enumerate(self.drives):
            row = self.first_port + p
            given = drive.value(t)
            out[row] = y[row] - given if drive.kind == "voltage" else self.port_currents(yp)[p] - given

    def _to_contact(self, memory: Memory, current: Array, out: Array) -> None:
        contact = self._contact_of(memory)
        if contact >= 0:
            out[self.first_charge + contact] -= current.sum()

    def _contact_of(self, memory: Memory) -> int:
        """Number of the contact that an element with memory belongs to, -1 for a branch inside the cell."""
        if memory.row_a >= 0:
            return -1
        return next(
            i
            for i, p in enumerate(self.system.ports)
            if p.row == memory.row_b and p.port == memory.a[0] and np.array_equal(p.nodes, memory.b)
        )

    def _contacts(self, u: Array, V: Array, y: Array, yp: Array, out: Array) -> None:
        """Rows Phi - V of reversible contacts, and Q' or Q of every contact (less what `keep` put there)."""
        m = self.system.n_fields
        for i, p in enumerate(self.system.ports):
            row, phi = self.first_charge + i, is_phi(self.system, p.row)
            out[row] += y[row] if phi else yp[row]
            v = V[p.port] - field_potential(self.system, u, p.row, p.nodes)
            if isinstance(p.element, Reversible):
                out[p.nodes * m + p.row] = -v
            else:
                law = p.element.charge if phi else p.element.current
                out[row] -= float(np.sum(np.asarray(law(v)) * p.weight))

    # --- Jacobian ---------------------------------------------------------------------------------

    def jacobian(self, y: Array, cj: float) -> Any:
        """dF/dy + cj dF/dy' (size, size), CSR."""
        system, n, m = self.system, self.system.nodes.n, self.system.n_fields
        blocks = linearise(system, self.u(y), self.voltages(y))
        balance = _static_matrix(blocks, self.size, self.first_port)
        own = sp.csr_matrix((self.size, self.size))
        for memory in self.memory:
            T = self._voltage_rows(memory, blocks.potential)
            added, mine = jacobians(memory, T, cj, self.size)
            if memory.has_charge:
                added = added + _unit(np.arange(memory.n), memory.lead, cj, memory.n, self.size)
            balance = balance - _gather(memory.b * m + memory.row_b, n * m, memory.n) @ added
            if memory.row_a >= 0:
                balance = balance + _gather(memory.a * m + memory.row_a, n * m, memory.n) @ added
            own = own + mine
            contact = self._contact_of(memory)
            if contact >= 0:
                at = np.full(memory.n, self.first_charge + contact)
                own = own - _gather(at, self.size, memory.n) @ added
        wide = sp.hstack([self.M, sp.csr_matrix((n * m, self.size - n * m))]).tocsr()
        return (self.keep @ balance + cj * (self.store @ wide) + own + self._rest_of_rows(blocks, cj)).tocsr()

    def _voltage_rows(self, memory: Memory, potential: Array) -> Any:
        """d(voltage of the element)/dy, (n, size)."""
        T = -_potential_rows(potential, memory.b, memory.row_b, self.size)
        if memory.row_a < 0:
            return T + _unit(np.arange(memory.n), self.first_port + memory.a, 1.0, memory.n, self.size)
        return T + _potential_rows(potential, memory.a, memory.row_a, self.size)

    def _rest_of_rows(self, blocks: Blocks, cj: float) -> Any:
        """Rows of absent fields, contacts and ports."""
        size = self.size
        out = _unit(self.absent, self.absent, 1.0, size, size)
        for i, (p, c) in enumerate(zip(self.system.ports, blocks.contacts, strict=True)):
            n, row = p.nodes.size, np.full(p.nodes.size, self.first_charge + i)
            out = out + _unit(row[:1], row[:1], 1.0 if c.charge_row else cj, size, size)
            drop = _potential_rows(blocks.potential, p.nodes, p.row, size)
            drop = drop - _unit(np.arange(n), np.full(n, self.first_port + p.port), 1.0, n, size)
            if c.strong:
                out = out + _gather(p.nodes * self.system.n_fields + p.row, size, n) @ drop
            else:
                y = c.capacitance if c.charge_row else c.conductance
                out = out + _unit(row, np.arange(n), y, size, n) @ drop
        for port, drive in enumerate(self.drives):
            at = np.array([self.first_port + port])
            if drive.kind == "voltage":
                out = out + _unit(at, at, 1.0, size, size)
            else:
                own = self.first_charge + np.flatnonzero([p.port == port for p in self.system.ports])
                out = out + _unit(np.full(own.size, at[0]), own, cj, size, size)
        return out


def _unit(rows: Ints, columns: Ints, value: Array | float, n_rows: int, n_columns: int) -> Any:
    values = np.broadcast_to(np.asarray(value, dtype=float), rows.shape)
    return sp.coo_matrix((values, (rows, columns)), shape=(n_rows, n_columns)).tocsr()


def _gather(rows: Ints, n_rows: int, n: int) -> Any:
    """Adds n values into `rows`, (n_rows, n)."""
    return _unit(rows, np.arange(n), 1.0, n_rows, n)


def _potential_rows(potential: Array, nodes: Ints, row: int, size: int) -> Any:
    """dPhi_row/dy at `nodes`, (n, size)."""
    n, m = nodes.size, potential.shape[1]
    rows = np.repeat(np.arange(n), m)
    columns = (nodes[:, None] * m + np.arange(m)).ravel()
    return sp.coo_matrix((potential[nodes, row].ravel(), (rows, columns)), shape=(n, size)).tocsr()


def _static_matrix(blocks: Blocks, size: int, first_port: int) -> Any:
    """d(unreplaced balance)/dy (N m, size): fluxes, reactions, branches and contacts without their memory."""
    n, m = blocks.n_nodes, blocks.n_fields
    local = np.arange(m)
    rows, columns, values = [], [], []

    def add(at_row: Ints, at_column: Ints, block: Array) -> None:
        rows.append(np.broadcast_to((at_row[:, None] * m + local)[:, :, None], block.shape).ravel())
        columns.append(np.broadcast_to((at_column[:, None] * m + local)[:, None, :], block.shape).ravel())
        values.append(block.ravel())

    left, right = blocks.left, blocks.right
    add(left, left, blocks.K_left)
    add(left, right, -blocks.K_right)
    add(right, left, -blocks.K_left)
    add(right, right, blocks.K_right)
    add(np.arange(n), np.arange(n), blocks.S_g)
    for c in blocks.contacts:
        if c.strong:
            continue
        y = c.capacitance if c.charge_row else c.conductance
        at = c.nodes * m + c.row
        rows += [np.repeat(at, m), at]
        columns += [(c.nodes[:, None] * m + local).ravel(), np.full(at.size, first_port + c.port)]
        values += [(y[:, None] * c.t).ravel(), -y]
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.coo_matrix(entries, shape=(n * m, size)).tocsr()


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
    keep, store = _row_maps(system, size, first_charge)
    absent = np.flatnonzero(~laws.active.ravel())
    return TimeForm(system, memory, first_charge, first_port, size, keep, store, M, absent, drives)


def _row_maps(system: System, size: int, first_charge: int) -> tuple[Any, Any]:
    """(size, N m) each: the final rows that balances, and that rates of storage, add to."""
    n, m, laws = system.nodes.n, system.n_fields, system.laws
    strong = np.zeros((n, m), dtype=bool)
    rows, columns, signs = [], [], []
    for i, p in enumerate(system.ports):
        if isinstance(p.element, Reversible):
            strong[p.nodes, p.row] = True
            rows.append(np.full(p.nodes.size, first_charge + i))
            columns.append(p.nodes * m + p.row)
            signs.append(np.full(p.nodes.size, -1.0))
    plain = laws.active & ~strong
    majority = _majority(system)
    summed = np.zeros((n, m), dtype=bool)
    nodes = np.flatnonzero(majority >= 0)
    summed[nodes, majority[nodes]] = True
    own = np.flatnonzero((plain & ~summed).ravel())
    rows.append(own)
    columns.append(own)
    signs.append(np.ones(own.size))
    store = sp.coo_matrix((np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), shape=(size, n * m))
    carriers = len(laws.state_map.carriers)
    for k in range(carriers):
        live = nodes[laws.active[nodes, k]]
        rows.append(live * m + majority[live])
        columns.append(live * m + k)
        signs.append(np.ones(live.size))
    keep = sp.coo_matrix((np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), shape=(size, n * m))
    return keep.tocsr(), store.tocsr()


def _majority(system: System) -> Ints:
    """Row of the most abundant carrier (by z^2 c) where electroneutrality binds stored carriers, -1 elsewhere, (N,)."""
    laws, n = system.laws, system.nodes.n
    out = np.full(n, -1)
    poisson = any(law.process == "displacement" for law, _ in laws.transports)
    constrained = any(isinstance(store, SpaceCharge) for store in laws.stores)
    if poisson or not constrained:
        return out
    charges = np.array([c.charge for c in laws.state_map.carriers])
    k_n = charges.size
    weight = np.where(laws.active[:, :k_n].T, charges[:, None] ** 2 * laws.rest[:k_n], 0.0)
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
