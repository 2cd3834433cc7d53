"""Two-poles that remember: what a capacitance, a series resistance or a constant phase element adds to the balances.

An element between Phi_a (or a port) and Phi_b, area w per node, carries in the steady state w i(v). Beside it, in time,

    charge:   q = w C v, and the current gains q';
    Rs:       an inner potential v_in with (v - v_in)/Rs = v_in/R + C v_in' + currents of the ladder;
    CPE:      branches k of R_k and C_k in series (`physics.ladder`), R_k C_k w_k' = v - w_k (v_in with Rs),
              each carrying (v - w_k)/R_k.

The charge is an unknown of its own, so that its sum is conserved to round-off whatever the error of a time step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.physics.elements import Admittance, Element, Lumped, Reversible
from miecsim.physics.ladder import Ladder, cpe_ladder
from miecsim.system import System, is_phi
from miecsim.typing import Array, Ints

LADDER_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Memory:
    """One element on n nodes whose current depends on more than its voltage now. Own unknowns start at `first`:

    n charges, or n inner voltages where Rs > 0, then n voltages per branch of the ladder.
    """

    element: Element
    weight: Array  # (n,)
    row_a: int  # -1: a port
    a: Ints  # (n,) nodes, or the port
    row_b: int
    b: Ints
    emf: float  # V, of a contact
    first: int
    C: float  # F/m2
    Rs: float  # ohm m2
    g_inner: float  # S/m2, 1/R behind Rs
    resistance: Array  # (k,) ohm m2, of the ladder
    capacitance: Array  # (k,) F/m2

    @property
    def n(self) -> int:
        return int(self.weight.size)

    @property
    def has_charge(self) -> bool:
        return self.Rs == 0 and self.C > 0

    @property
    def lead(self) -> Ints:
        """Indices of the charges or inner voltages, (n,) or empty."""
        count = self.n if self.has_charge or self.Rs > 0 else 0
        return self.first + np.arange(count)

    def branch(self, k: int) -> Ints:
        """Indices of the voltages of branch k of the ladder, (n,)."""
        return self.first + self.lead.size + k * self.n + np.arange(self.n)

    @property
    def size(self) -> int:
        return int(self.lead.size + self.resistance.size * self.n)


def memories(system: System, first: int, slowest: float, fastest: float) -> list[Memory]:
    """Every element of `system` with memory; own unknowns numbered from `first`. `slowest` and `fastest` [Hz] bound the
    ladders of constant phase elements. InputError for an admittance that has no form in time."""
    out: list[Memory] = []
    listed: list[tuple[Element | Reversible, Array, int, Ints, int, Ints, float]] = [
        (b.element, b.weight, b.row_a, b.nodes_a, b.row_b, b.nodes_b, 0.0) for b in system.branches
    ]
    listed += [
        (p.element, p.weight, -1, np.full(p.nodes.size, p.port), p.row, p.nodes, p.emf)
        for p in system.ports
        if not is_phi(system, p.row)
    ]
    for element, weight, row_a, a, row_b, b, emf in listed:
        if isinstance(element, Reversible):
            continue
        if isinstance(element, Admittance):
            raise InputError("an element given by its admittance has no form in time; use R, C and CPE")
        parts = _parts(element, slowest, fastest)
        if parts is not None:
            memory = Memory(element, weight, row_a, a, row_b, b, emf, first, *parts)
            out.append(memory)
            first += memory.size
    return out


def _parts(element: Element, slowest: float, fastest: float) -> tuple[float, float, float, Array, Array] | None:
    """(C, Rs, 1/R behind Rs, R_k, C_k), or None for an element without memory."""
    C, Rs, g = float(getattr(element, "C", 0.0) or 0.0), 0.0, 0.0
    ladder: Ladder | None = None
    if isinstance(element, Lumped):
        Rs, g = element.Rs, 0.0 if element.R is None else 1.0 / element.R
        if element.Q is not None and element.alpha == 1:
            C += element.Q
        elif element.Q is not None:
            ladder = cpe_ladder(element.alpha, slowest, fastest, LADDER_TOLERANCE)
        if C == 0 and ladder is None:
            return None
    elif C == 0:
        return None
    Q = element.Q if isinstance(element, Lumped) and element.Q is not None else 1.0
    empty = np.empty(0)
    r, c = (empty, empty) if ladder is None else (ladder.resistance / Q, ladder.capacitance * Q)
    return C, Rs, g, r, c


def added_current(memory: Memory, v: Array, y: Array) -> Array:
    """Current [A] (n,) beside w i(v) and q': through Rs instead of w i(v), or of the ladder."""
    w = memory.weight
    if memory.Rs > 0:
        return np.asarray(w * (v - y[memory.lead]) / memory.Rs - w * memory.element.current(v))
    total = np.zeros(memory.n)
    for k in range(memory.resistance.size):
        total += w * (v - y[memory.branch(k)]) / memory.resistance[k]
    return total


def own_residual(memory: Memory, v: Array, y: Array, yp: Array, out: Array) -> None:
    """Rows of the own unknowns, written into `out`."""
    lead, inner = memory.lead, v
    if memory.has_charge:
        out[lead] = y[lead] - memory.weight * memory.C * v
    elif memory.Rs > 0:
        inner = y[lead]
        out[lead] = (v - inner) / memory.Rs - memory.g_inner * inner - memory.C * yp[lead]
    for k, (r, c) in enumerate(zip(memory.resistance, memory.capacitance, strict=True)):
        at = memory.branch(k)
        out[at] = r * c * yp[at] - (inner - y[at])
        if memory.Rs > 0:
            out[lead] -= (inner - y[at]) / r
