"""What a transient leaves behind: time, voltages, currents and charges at every internal step, states where asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from miecsim.system import System
from miecsim.typing import Array, Ints

if TYPE_CHECKING:
    from miecsim.solvers.transient.timeform import TimeForm


@dataclass
class Kept:
    """The record of a run while it grows; what has passed and what is stored count from y `before` it.

    Contents are summed as differences from there: summed whole, the little that a small step adds would be rounded to
    the last digit of all there is.
    """

    before: Array
    step: list[int] = field(default_factory=list)
    time: list[float] = field(default_factory=list)
    voltage: list[Array] = field(default_factory=list)
    current: list[Array] = field(default_factory=list)
    charge: list[Array] = field(default_factory=list)  # through every contact
    stored: list[Array] = field(default_factory=list)  # gained by every row
    state_time: list[float] = field(default_factory=list)
    state: list[Array] = field(default_factory=list)
    state_rate: list[Array] = field(default_factory=list)
    state_voltage: list[Array] = field(default_factory=list)
    state_current: list[Array] = field(default_factory=list)
    events: list[tuple[float, int, int]] = field(default_factory=list)

    def add(self, number: int, t: float, y: Array, yp: Array, form: TimeForm) -> None:
        self.step.append(number)
        self.time.append(t)
        self.voltage.append(form.voltages(y).copy())
        self.current.append(form.port_currents(yp))
        self.charge.append(form.charges(y - self.before))
        self.stored.append(form.stored(y - self.before))

    def keep_state(self, t: float, y: Array, yp: Array, form: TimeForm) -> None:
        self.state_time.append(t)
        self.state.append(form.u(y).copy())
        self.state_rate.append(form.u(yp).copy())
        self.state_voltage.append(form.voltages(y).copy())
        self.state_current.append(form.port_currents(yp))


@dataclass(frozen=True)
class Trace:
    """Record of a run of n_t internal steps and n_s kept states; T terminals, P ports, C contacts, N nodes, m fields.

    charge is what passed each contact into the cell [C] since before the run, jumps of plates and capacitors included;
    stored what each balance has gained [C], summed over the cell. conservation is the largest |charge into a closed set
    of balances - its gain| over the largest charge that passed any contact. rounding is the machine's epsilon times the
    charge [C] that was stored before over that largest charge: conservation does not fall below a few times this.
    """

    system: System
    time: Array  # (n_t,) s
    step: Ints  # (n_t,) number of the step of the protocol
    step_names: tuple[str, ...]
    voltage: Array  # (n_t, T) V
    current: Array  # (n_t, T) A into the cell, displacement included
    charge: Array  # (n_t, C) C
    stored: Array  # (n_t, m) C
    state_time: Array  # (n_s,) s
    state: Array  # (n_s, m, N)
    state_rate: Array  # (n_s, m, N) per s
    state_voltage: Array  # (n_s, P) V
    state_current: Array  # (n_s, P) A
    events: tuple[tuple[float, int, int], ...]  # (time, step, number of the limit)
    conservation: float
    rounding: float

    def of(self, terminal: str) -> tuple[Array, Array]:
        """(voltage, current) of a terminal, (n_t,) each."""
        i = self.system.terminals.index(terminal)
        return self.voltage[:, i], self.current[:, i]


def collect(form: TimeForm, kept: Kept, names: Sequence[str]) -> Trace:
    """The record as arrays; `form` is that of any step of the protocol."""
    system, T = form.system, len(form.system.terminals)
    charge, stored = np.array(kept.charge), np.array(kept.stored)
    shape = (-1, system.n_fields, system.nodes.n)
    return Trace(
        system,
        np.array(kept.time),
        np.array(kept.step),
        tuple(names),
        np.array(kept.voltage)[:, :T],
        np.array(kept.current)[:, :T],
        charge,
        stored,
        np.array(kept.state_time),
        np.array(kept.state).reshape(shape),
        np.array(kept.state_rate).reshape(shape),
        np.array(kept.state_voltage).reshape(-1, system.n_ports),
        np.array(kept.state_current).reshape(-1, system.n_ports),
        tuple(kept.events),
        conservation(system, charge, stored),
        float(np.finfo(float).eps) * max(1.0, _ratio(form.content(kept.before), charge)),
    )


def conservation(system: System, charge: Array, stored: Array) -> float:
    """Charge that appeared from nowhere over the largest charge that passed a contact."""
    carriers = len(system.laws.state_map.carriers)
    into = np.zeros((charge.shape[0], carriers))
    for i, p in enumerate(system.ports):
        if p.row < carriers:
            into[:, p.row] += charge[:, i]
    missing = into - stored[:, :carriers]
    lost = [float(np.max(np.abs(missing[:, list(g)].sum(axis=1)))) for g in _exchanging(system, carriers)]
    net = float(np.max(np.abs(charge.sum(axis=1))))  # plates included: a cell as a whole stays neutral
    return _ratio(max(*lost, net), charge)


def _ratio(part: float, charge: Array) -> float:
    """`part` [C] over the largest charge that passed a contact, 0 where none did."""
    largest = float(np.max(np.abs(charge), initial=0.0))
    return part / largest if largest > 0.0 else 0.0


def _exchanging(system: System, carriers: int) -> list[set[int]]:
    """Sets of carriers between which branches, or what the model says, move charge inside the cell."""
    if system.laws.closed is not None:
        return [set(group) for group in system.laws.closed]
    sets = [{k} for k in range(carriers)]
    for b in system.branches:
        if b.row_a != b.row_b:
            one, other = (next(s for s in sets if row in s) for row in (b.row_a, b.row_b))
            if one is not other:
                sets.remove(other)
                one |= other
    return sets
