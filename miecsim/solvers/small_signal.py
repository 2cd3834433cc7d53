"""What the spectra of an operating point need that depends on no frequency, each part found when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from miecsim.blocks import Blocks
from miecsim.linearise import linearise
from miecsim.solvers.condense import Condensed, condense
from miecsim.solvers.known_current import KnownCurrent, Planes, known_current
from miecsim.solvers.nodal_form import NodalForm, nodal_form
from miecsim.system import System
from miecsim.typing import Array


@dataclass(frozen=True)
class SmallSignal:
    """The small-signal equations of `system` about unknowns u (m, N) at port voltages (P,)."""

    system: System
    u: Array
    voltages: Array

    @cached_property
    def blocks(self) -> Blocks:
        """All of them, particles included."""
        return linearise(self.system, self.u, self.voltages)

    @cached_property
    def condensed(self) -> Condensed | None:
        """Without particles; None where there are none, or a reference plane lies in one."""
        found = condense(self.system, self.u, self.blocks)
        trunk = self.system.nodes.trunk
        if found is None or any(row not in found.rows or np.any(at >= trunk) for _, at, _, row in self.system.planes):
            return None
        return found

    @cached_property
    def known_current(self) -> KnownCurrent | None:
        """With the total current known; None without particles, or where it is not the same in every face."""
        return None if self.condensed is None else known_current(self.condensed, self.planes)

    @cached_property
    def network(self) -> NodalForm:
        """All of them as passive two-poles. Raises NotReducible away from rest."""
        return nodal_form(self.blocks)

    @property
    def planes(self) -> Planes:
        """Reference planes, their rows counted in the fields of the condensed equations."""
        if self.condensed is None:
            return self.system.planes
        rows = self.condensed.rows
        return tuple((name, at, weights, rows.index(row)) for name, at, weights, row in self.system.planes)
