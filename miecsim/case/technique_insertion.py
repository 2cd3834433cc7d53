"""Parameters of the techniques that step an insertion electrode: PITT, GITT and the error map of GITT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miecsim.case.bias import cell_current
from miecsim.case.data import Layer
from miecsim.case.fields import DURATION, THICKNESS, TOLERANCE, VOLTAGE, integer, list_of, number
from miecsim.case.nested import row
from miecsim.case.parameters import Conflict, Parameters, unknown_carrier
from miecsim.case.table import key
from miecsim.case.technique_polarisation import ELECTRON

_SHARE = number(1e-12, 1.0, zero=True)
# The earliest reading of a step or pulse, over its duration: what the automatic grid resolves.
EARLIEST = 1e-3


@dataclass(frozen=True)
class Pitt(Parameters):
    """Potential steps of the electrons' terminal against the ions', each held for `duration`."""

    potentials: tuple[float, ...] = key(list_of(VOLTAGE, 1, 1000, 'potentials, such as ["50 mV", "60 mV"]'))  # V
    duration: float = key(DURATION)  # s
    start: float | None = key(VOLTAGE, default=None)  # V, in equilibrium; None: the reference state
    electron: str = key(ELECTRON, default="electron")
    tolerance: float | None = key(TOLERANCE, default=None)  # of the steps in time, relative; None: by the step's size

    @property
    def resolve(self) -> float:
        return 1 / (EARLIEST * self.duration)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        return unknown_carrier("electron", self.electron, layers)


@dataclass(frozen=True)
class Gitt(Parameters):
    """Current pulses into the electrons' terminal, each followed by a rest."""

    current: float = key(cell_current())  # A (A/m^2 per area)
    pulse: float = key(DURATION)  # s
    rest: float = key(DURATION)  # s
    count: int = key(integer(1, 10000))
    start: float | None = key(VOLTAGE, default=None)  # V
    cut_off: float | None = key(VOLTAGE, default=None)  # V, ends the run
    window: tuple[float, ...] = key(list_of(_SHARE, 2, 2, "shares of a pulse"), default=(0.05, 1.0))
    electron: str = key(ELECTRON, default="electron")
    tolerance: float | None = key(TOLERANCE, default=None)  # None: by the change of composition in a pulse

    @property
    def resolve(self) -> float:
        return 1 / (EARLIEST * self.pulse)

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        yield from unknown_carrier("electron", self.electron, layers)
        low, high = self.window
        if not low < high:
            yield "window", f"[{low:g}, {high:g}]", "shares of a pulse that rise, such as [0.05, 1.0]"


@dataclass(frozen=True)
class Spot:
    """A place on the error map that is also run in time."""

    size: float = key(THICKNESS)  # m
    pulse: float = key(DURATION)  # s


@dataclass(frozen=True)
class GittErrorMap(Parameters):
    """Error of the textbook's D over pulse length and size of the electrode (its layer's thickness, or radius)."""

    sizes: tuple[float, ...] = key(list_of(THICKNESS, 2, 1000, 'lengths, such as ["1 um", "5 um"]'))  # m
    pulses: tuple[float, ...] = key(list_of(DURATION, 2, 1000, 'times, such as ["60 s", "600 s"]'))  # s
    rest: float | None = key(DURATION, default=None)  # s; None: until relaxed
    swing: float = key(number(1e-9, 0.1), default=1e-3)  # of the composition, at the spots
    spots: tuple[Spot, ...] = key(
        list_of(row(Spot, "size and pulse"), 0, 1000, 'places, such as [{ size = "1 um", pulse = "60 s" }]'), default=()
    )
    electron: str = key(ELECTRON, default="electron")

    @property
    def resolve(self) -> float:
        return 1 / (EARLIEST * min(self.pulses))

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        return unknown_carrier("electron", self.electron, layers)
