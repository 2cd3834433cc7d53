"""Algebraic rows that are linear, g(y) = A y - b(t) = 0, kept to rounding by an integrator that reuses its Jacobians.

Poisson's row, electroneutrality, the charge on a metal plate and an imposed voltage hold no rates, and the charge in
a cell is counted by them. IDA keeps a Jacobian made at cj_0 while cj changes (cj is the leading coefficient of y' over
the time step) and takes corrections 2/(1 + cj/cj_0) times. On a row without cj that leaves (cj - cj_0)/(cj + cj_0) of
the error, which the next prediction, of order k, magnifies up to 2^(k+1) - 1 times: rounding grows from step to step
until Newton's tolerance stops it, and charge is lost and found again at 1e-8. With

    g + kappa (A y' - b') = 0,   kappa = 1/cj_0

in its place the entries of the row hold 1 + cj/cj_0, a correction leaves nothing, and a remaining error dies away
within a few steps. The solution is the same where b is constant or linear in time; a voltage that bends is followed
within the tolerance of the time steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from miecsim.physics.elements import Reversible
from miecsim.typing import Array, Bools, Ints

if TYPE_CHECKING:
    from miecsim.solvers.transient.timeform import TimeForm

LINEAR = 1e-12  # change of a row's entries between states, over the largest


def linear_rows(form: TimeForm, rows: Ints, values: list[Array]) -> Bools:
    """Which rows are algebraic and linear, (size,): any but the balances of carriers whose entries, given for several
    states and several cj, are always the same. `rows` says where each entry stands."""
    n, m, ports = form.system.nodes.n, form.system.n_fields, form.system.ports
    wanted = np.ones(form.size, dtype=bool)
    wanted[: n * m].reshape(n, m)[:, : len(form.system.laws.state_map.carriers)] = False
    for p in ports:
        if isinstance(p.element, Reversible):
            wanted[p.nodes * m + p.row] = True
    largest, moved = np.zeros(form.size), np.zeros(form.size)
    np.maximum.at(largest, rows, np.abs(values[0]))
    np.maximum.at(moved, rows, np.ptp(values, axis=0))
    return np.asarray(wanted & (moved <= LINEAR * largest))


@dataclass
class Constraints:
    """The linear algebraic rows of a form while an integrator runs.

    Their residual is weight (g + kappa (A y' - b')) and their entries are `held` A. kappa changes between time steps
    only; the weight then makes the residual fit the Jacobian that the integrator holds.
    """

    form: TimeForm
    kappa: float  # s
    weight: float = 1.0
    held: float = 1.0
    cj: float | None = None  # of a Jacobian made since kappa changed

    @property
    def rows(self) -> Bools:
        return self.form.places.linear_rows

    def add(self, t: float, yp: Array, out: Array) -> None:
        """Turn g in `out` (size,) into the residual."""
        moved = self.form.places.linear @ yp - self.form.imposed_rates(t)
        out[self.rows] = self.weight * (out + self.kappa * moved)[self.rows]

    def entries(self, cj: float) -> float:
        """The factor of A in a Jacobian made now."""
        self.held, self.cj = self.weight * (1.0 + self.kappa * cj), cj
        return self.held

    def between_steps(self) -> None:
        """Let kappa follow the Jacobian that the last time step made, if any."""
        if self.cj is not None:
            self.kappa, self.weight, self.cj = 1.0 / self.cj, 0.5 * self.held, None
