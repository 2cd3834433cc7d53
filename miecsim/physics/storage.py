"""Storage laws: what a control volume holds. Carrier rows hold charge [C/m3]; the row of phi is Poisson's or a
constraint.

Each law feeds `rows` from `columns` on `nodes`, weighted by `measure` (the volumes [m3], or a constant for a
constraint). `storage` is differentiated in time, `reaction` is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miecsim.constants import FARADAY
from miecsim.physics.state import LinearIn, State
from miecsim.typing import Array, Ints, Values


@dataclass(frozen=True)
class Density:
    """q_k = z_k F c_k  [C/m3] for one stored carrier."""

    carrier: int
    charge: int
    nodes: Ints
    measure: Array
    process: str = "chemical capacitance"
    linear_in: ClassVar[LinearIn] = "c"

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.carrier,)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.carrier,)

    def storage(self, state: State) -> Values:
        return np.asarray(self.charge * FARADAY * state.c[self.carrier])[None]

    def reaction(self, state: State) -> None:
        return None


@dataclass(frozen=True)
class SpaceCharge:
    """-rho = -(sum_k z_k F c_k + fixed)  [C/m3] on the row of phi: Poisson's source, or electroneutrality where
    nothing flows."""

    row: int
    charges: Array  # (K, n) charge numbers, zero where a carrier is absent
    fixed: Array  # (n,) [C/m3]
    nodes: Ints
    measure: Array
    process: str = "displacement"
    linear_in: ClassVar[LinearIn] = "c"

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.row,)

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(range(self.charges.shape[0]))

    def storage(self, state: State) -> None:
        return None

    def reaction(self, state: State) -> Values:
        return np.asarray(-(FARADAY * (self.charges * state.c).sum(axis=0) + self.fixed))[None]


@dataclass(frozen=True)
class ChemicalCapacitor:
    """q_1 = -q_2 = c_chem (Phi_1 - Phi_2)  [C/m3]: electroneutral storage between two rails (Jamnik and Maier 2001)."""

    pair: tuple[int, int]
    capacitance: Array  # (n,) [F/m3]
    nodes: Ints
    measure: Array
    process: str = "chemical capacitance"
    linear_in: ClassVar[LinearIn] = "Phi"

    @property
    def rows(self) -> tuple[int, ...]:
        return self.pair

    @property
    def columns(self) -> tuple[int, ...]:
        return self.pair

    def storage(self, state: State) -> Values:
        q = self.capacitance * (state.Phi[self.pair[0]] - state.Phi[self.pair[1]])
        return np.asarray(np.stack([q, -q]))

    def reaction(self, state: State) -> None:
        return None


@dataclass(frozen=True)
class NeutralContent:
    """q_1 = -q_2 = F c_k  [C/m3]: cations and what balances them, anions of a salt or electrons of a host, in equal
    numbers, of which the content of one carrier k is the unknown."""

    pair: tuple[int, int]
    carrier: int
    nodes: Ints
    measure: Array
    process: str
    linear_in: ClassVar[LinearIn] = "c"

    @property
    def rows(self) -> tuple[int, ...]:
        return self.pair

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.carrier,)

    def storage(self, state: State) -> Values:
        q = FARADAY * state.c[self.carrier]
        return np.asarray(np.stack([q, -q]))

    def reaction(self, state: State) -> None:
        return None


@dataclass(frozen=True)
class RailCapacitor:
    """q_k = c_k (Phi_k - phi)  [C/m3] from a rail to the electrostatic rail, whose source is -q_k (Jamnik and Maier
    2001)."""

    carrier: int
    row: int
    capacitance: Array  # (n,) [F/m3]
    nodes: Ints
    measure: Array
    process: str = "chemical capacitance"
    linear_in: ClassVar[LinearIn] = "Phi"

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.carrier, self.row)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.carrier, self.row)

    def storage(self, state: State) -> Values:
        q = self.capacitance * (state.Phi[self.carrier] - state.phi)
        return np.asarray(np.stack([q, 0.0 * q]))

    def reaction(self, state: State) -> Values:
        q = self.capacitance * (state.Phi[self.carrier] - state.phi)
        return np.asarray(np.stack([0.0 * q, -q]))
