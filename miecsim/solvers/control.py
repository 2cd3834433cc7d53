"""What the instrument imposes on the terminals of a cell: a voltage or a current on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.solvers.floating import Group
from miecsim.system import System
from miecsim.typing import Array, Bools

Named = Mapping[str, float]
BALANCED = 1e-12  # of the largest current imposed on a group


@dataclass(frozen=True)
class Control:
    """value (P,) of each port: its voltage [V] where `held` (P,), elsewhere the current into the cell [A]."""

    held: Bools
    value: Array

    @property
    def free(self) -> tuple[int, ...]:
        """Ports whose voltage is unknown."""
        return tuple(int(p) for p in np.flatnonzero(~self.held))


def control_of(system: System, voltages: Named | None = None, currents: Named | None = None) -> Control:
    """Control by terminal voltages [V] and currents [A]. A terminal named in neither is at 0 V; the ports of reversible
    links have no name and carry no current.

    Raises InputError for an unknown name, one that is in both, a value that is not finite, and where no terminal is
    left to keep a voltage.
    """
    voltages, currents = dict(voltages or {}), dict(currents or {})
    held, value = np.zeros(system.n_ports, dtype=bool), np.zeros(system.n_ports)
    held[: len(system.terminals)] = True
    for name, given in [*voltages.items(), *currents.items()]:
        port = terminal_index(system, name)
        if not np.isfinite(given):
            raise InputError(f"terminal {name}: read {given!r}; expected a finite voltage or current")
        if name in voltages and name in currents:
            raise InputError(f"terminal {name}: read a voltage and a current; expected one of them")
        held[port], value[port] = name in voltages, float(given)
    if not held.any():
        raise InputError("currents: read one for every terminal; expected at least one terminal to keep a voltage")
    return Control(held, value)


def terminal_index(system: System, name: str) -> int:
    """Number of a named terminal; InputError for an unknown name."""
    if name not in system.terminals:
        raise InputError(f"terminal: read {name!r}; expected one of {', '.join(system.terminals)}")
    return system.terminals.index(name)


def check_currents(system: System, control: Control, groups: Sequence[Group]) -> None:
    """InputError where imposed currents cannot be steady: what they carry has no way to a terminal of given voltage."""
    for group in groups:
        given = control.value[group.ports]
        if abs(given.sum()) > BALANCED * np.abs(given).max(initial=0.0):
            names = [system.terminals[p] for p in group.ports if p < len(system.terminals)]
            read = ", ".join(f"{name} = {control.value[system.terminals.index(name)]:.6g} A" for name in names)
            raise InputError(
                f"currents: read {read}; expected a sum of zero, for no carrier passes from there "
                "to a terminal whose voltage is held"
            )
