"""dF/dy + cj dF/dy' of a `TimeForm`, as triplets whose places never change: only values are computed anew.

The integrator wants a fixed sparsity. The places of all entries, zeros included, are found once; each Jacobian is then
one vector of values, summed into the compressed columns by a `bincount`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from miecsim.blocks import Blocks
from miecsim.errors import SolveError
from miecsim.linearise import linearise
from miecsim.solvers.transient.constraints import linear_rows
from miecsim.typing import Array, Bools, Ints

if TYPE_CHECKING:
    from miecsim.solvers.transient.memory import Memory
    from miecsim.solvers.transient.timeform import RowMap, TimeForm


@dataclass
class Triplets:
    """(row, column, value) of matrix entries while they are collected; values alone where the places are known."""

    placed: bool = True
    rows: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)

    def add(self, rows: Ints, columns: Ints, values: Array | float) -> None:
        """Arrays that broadcast to one shape."""
        if not self.placed:
            shape = np.broadcast_shapes(np.shape(rows), np.shape(columns), np.shape(values))
            self.values.append(np.broadcast_to(np.asarray(values, dtype=float), shape).ravel())
            return
        whole = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=float))
        for collected, part in zip((self.rows, self.columns, self.values), whole, strict=True):
            collected.append(part.ravel())  # type: ignore[attr-defined]

    def joined(self) -> tuple[Ints, Ints, Array]:
        empty = np.empty(0, dtype=int)
        values = np.concatenate(self.values) if self.values else np.empty(0)
        if not self.rows:
            return empty, empty, values
        return np.concatenate(self.rows), np.concatenate(self.columns), values


@dataclass(frozen=True)
class Move:
    """Entries of balances (`live` among all) and where they go, with a sign."""

    live: Ints
    rows: Ints
    columns: Ints
    sign: Array


@dataclass(frozen=True)
class Places:
    """Where the triplets of a form go: CSC pattern (size, size), which triplets can differ from zero, and the index of
    each of those into the pattern's data; moves: where entries of balances go. linear (size, size), CSR, holds the rows
    that never change (`linear_rows`, (size,)), and zeros elsewhere."""

    pattern: Any
    used: Bools
    index: Ints
    moves: tuple[Move, ...]
    linear_rows: Bools
    linear: Any

    def data(self, values: Array) -> Array:
        """The pattern's data from all triplets. SolveError where one that was taken for zero is not."""
        if np.any(values[~self.used]):
            raise SolveError("transient: the Jacobian has an entry outside its pattern")
        return np.asarray(np.bincount(self.index, values[self.used], self.pattern.nnz), dtype=float)

    def matrix(self, values: Array) -> Any:
        """CSC matrix of the pattern."""
        return sp.csc_matrix((self.data(values), self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape)


def find_places(form: TimeForm) -> Places:
    """The entries that differ from zero at states away from any symmetry, and the diagonal."""
    rng = np.random.default_rng(1)
    rest, state_map = form.system.laws.rest, form.system.laws.state_map
    stored = [k for k, c in enumerate(state_map.carriers) if c.stored]
    values: list[Array] = []
    for cj in (1.7, 1.7, 0.0):
        shift = rng.uniform(0.6, 1.4, rest.shape)
        u = rest + state_map.thermal_voltage * (shift - 1)
        u[stored] = rest[stored] * shift[stored]
        y = np.concatenate([u.T.ravel(), 1e-3 * rng.normal(size=form.size - u.size)])
        rows, columns, found, moves = triplets(form, y, cj)
        values.append(found)
    used = np.any(values, axis=0) | (rows == columns)
    key = columns[used].astype(np.int64) * form.size + rows[used]
    unique, index = np.unique(key, return_inverse=True)
    start = np.searchsorted(unique // form.size, np.arange(form.size + 1))
    pattern = sp.csc_matrix((np.ones(unique.size), unique % form.size, start), shape=(form.size, form.size))
    linear = linear_rows(form, rows, values)
    kept = linear[rows] & used
    A = sp.csr_matrix((values[0][kept], (rows[kept], columns[kept])), shape=(form.size, form.size))
    return Places(pattern, used, index.ravel(), moves, linear, A)


def entries(form: TimeForm, y: Array, cj: float) -> Array:
    """Values of `triplets`, whose places are known."""
    return _collected(form, y, cj, form.places.moves)[0].joined()[2]


def triplets(form: TimeForm, y: Array, cj: float) -> tuple[Ints, Ints, Array, tuple[Move, ...]]:
    """All entries of dF/dy + cj dF/dy', always in the same order, and where those of the balances go."""
    final, moves = _collected(form, y, cj, None)
    return *final.joined(), moves


def _collected(
    form: TimeForm, y: Array, cj: float, known: tuple[Move, ...] | None
) -> tuple[Triplets, tuple[Move, ...]]:
    system = form.system
    blocks = linearise(system, form.u(y), form.voltages(y))
    balance, final = Triplets(known is None), Triplets(known is None)
    _fluxes(blocks, form.first_port, balance)
    for memory in form.memory:
        _memory(form, memory, blocks.potential, cj, balance, final)
    rows, columns, values = balance.joined()
    stored = form.M_entries
    if known is None:
        known = (*(_move(each, rows, columns) for each in (form.own, form.total)), _move(form.own, *stored[:2]))
    for move, part in zip(known, (values, values, cj * stored[2]), strict=True):
        final.add(move.rows, move.columns, move.sign * part[move.live])
    _rest(form, blocks, cj, final)
    return final, known


def _move(row_map: RowMap, rows: Ints, columns: Ints) -> Move:
    target = row_map.target[rows]
    live = np.flatnonzero(target >= 0)
    return Move(live, target[live], columns[live], row_map.sign[rows[live]])


def _fluxes(blocks: Blocks, first_port: int, out: Triplets) -> None:
    """d(unreplaced balance)/dy: fluxes, reactions, branches and contacts without their memory."""
    n, m = blocks.n_nodes, blocks.n_fields
    local = np.arange(m)
    here, there = blocks.left[:, None] * m + local, blocks.right[:, None] * m + local
    for rows, columns, block in (
        (here, here, blocks.K_left),
        (here, there, -blocks.K_right),
        (there, here, -blocks.K_left),
        (there, there, blocks.K_right),
    ):
        out.add(rows[:, :, None], columns[:, None, :], block)
    own = np.arange(n)[:, None] * m + local
    out.add(own[:, :, None], own[:, None, :], blocks.S_g)
    for c in blocks.contacts:
        if not c.strong:
            y = c.capacitance if c.charge_row else c.conductance
            at = c.nodes * m + c.row
            out.add(at[:, None], c.nodes[:, None] * m + local, y[:, None] * c.t)
            out.add(at, np.full(at.size, first_port + c.port), -y)


def _potential(potential: Array, nodes: Ints, row: int) -> tuple[Ints, Array]:
    """Columns and values (n, m) of dPhi_row/dy at `nodes`."""
    m = potential.shape[1]
    return nodes[:, None] * m + np.arange(m), potential[nodes, row]


def _voltage(form: TimeForm, memory: Memory, potential: Array) -> tuple[Ints, Array]:
    """Columns and values (n, q) of dv/dy of an element's voltage."""
    columns_b, values_b = _potential(potential, memory.b, memory.row_b)
    if memory.row_a < 0:
        columns_a, values_a = (form.first_port + memory.a)[:, None], np.ones((memory.n, 1))
    else:
        columns_a, values_a = _potential(potential, memory.a, memory.row_a)
    return np.hstack([columns_a, columns_b]), np.hstack([values_a, -values_b])


def _memory(form: TimeForm, memory: Memory, potential: Array, cj: float, balance: Triplets, final: Triplets) -> None:
    """Rows of an element's own unknowns, and what its current adds to balances and to its contact."""
    m = form.system.n_fields
    v = _voltage(form, memory, potential)
    current = Triplets()  # rows number the nodes of the element
    lead, w, node = memory.lead, memory.weight, np.arange(memory.n)

    def along_v(rows: Ints, factor: Array, out: Triplets) -> None:
        out.add(rows[:, None], v[0], factor[:, None] * v[1])

    ones = np.ones(memory.n)
    if memory.has_charge:
        final.add(lead, lead, 1.0)
        along_v(lead, -w * memory.C, final)
        current.add(node, lead, cj)
    elif memory.Rs > 0:
        slope = np.imag(memory.element.current(np.full(memory.n, 1e-30j))) / 1e-30
        along_v(node, w / memory.Rs - w * slope, current)
        current.add(node, lead, -w / memory.Rs)
        own = -1 / memory.Rs - memory.g_inner - cj * memory.C - float(np.sum(1 / memory.resistance))
        final.add(lead, lead, own)
        along_v(lead, ones / memory.Rs, final)
    for k, (r, c) in enumerate(zip(memory.resistance, memory.capacitance, strict=True)):
        at = memory.branch(k)
        final.add(at, at, cj * r * c + 1.0)
        if memory.Rs > 0:
            final.add(at, lead, -1.0)
            final.add(lead, at, 1 / r)
        else:
            along_v(at, -ones, final)
            along_v(node, w / r, current)
            current.add(node, at, -w / r)
    rows, columns, values = current.joined()
    balance.add(memory.b[rows] * m + memory.row_b, columns, -values)
    if memory.row_a >= 0:
        balance.add(memory.a[rows] * m + memory.row_a, columns, values)
    else:
        final.add(np.full(rows.size, form.first_charge + form.contact_of(memory)), columns, -values)


def _rest(form: TimeForm, blocks: Blocks, cj: float, out: Triplets) -> None:
    """Rows of absent fields, contacts and ports."""
    m, ports = form.system.n_fields, form.system.ports
    out.add(form.absent, form.absent, 1.0)
    for i, (p, c) in enumerate(zip(ports, blocks.contacts, strict=True)):
        n, charge = p.nodes.size, np.full(p.nodes.size, form.first_charge + i)
        out.add(charge[:1], charge[:1], 1.0 if c.charge_row else cj)
        columns, values = _potential(blocks.potential, p.nodes, p.row)
        port = np.full(n, form.first_port + p.port)
        rows, factor = (p.nodes * m + p.row, np.ones(n)) if c.strong else (charge, c.conductance)
        if c.charge_row and not c.strong:
            factor = c.capacitance
        out.add(rows[:, None], columns, factor[:, None] * values)
        out.add(rows, port, -factor)
    for number, drive in enumerate(form.drives):
        at = np.array([form.first_port + number])
        if drive.kind == "voltage":
            out.add(at, at, 1.0)
        else:
            own = form.first_charge + np.flatnonzero([p.port == number for p in ports])
            out.add(np.full(own.size, at[0]), own, cj)
