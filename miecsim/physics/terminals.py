"""Terminals: which rail ends a pole of the instrument is wired to, and through what."""

from __future__ import annotations

import math
from dataclasses import dataclass

from miecsim.errors import InputError
from miecsim.physics.elements import Element, Reversible


@dataclass(frozen=True)
class Contact:
    """One carrier at one side of the cell, joined to a terminal through `law`. A carrier without a contact is blocked.

    carrier: a carrier's name, or 'potential' for the electrostatic potential (a Stern layer, or a metal where
    reversible). emf [V]: what the electrode adds to the terminal's voltage V, so that a reversible contact holds
    Phi = V + emf and an element is driven by V + emf - Phi. An oxygen electrode at pO2 exchanges oxide ions at
    emf = -(RT/4F) ln(pO2 / pO2_ref), where the electrons of the same terminal are at V and the flat reference state is
    in equilibrium with pO2_ref. InputError unless finite.
    """

    side: str
    carrier: str
    law: Element | Reversible
    emf: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.emf):
            raise InputError(f"emf: read {self.emf!r}; expected a finite number of volts")


@dataclass(frozen=True)
class Terminal:
    """A named pole of the instrument with its contacts."""

    name: str
    contacts: tuple[Contact, ...]


@dataclass(frozen=True)
class Link:
    """An element between two carriers at one side, not wired to any terminal (a rail-to-rail end impedance)."""

    side: str
    carriers: tuple[str, str]
    law: Element | Reversible


@dataclass(frozen=True)
class ReferencePlane:
    """A probe that draws no current: the potential Phi of `carrier` at the distance `position` [m] from the left
    side."""

    name: str
    position: float
    carrier: str


@dataclass(frozen=True)
class Wiring:
    """Terminals, the first two being the poles of the usual two-terminal Z; links; reference planes."""

    terminals: tuple[Terminal, ...]
    links: tuple[Link, ...] = ()
    reference_planes: tuple[ReferencePlane, ...] = ()


# Cells people build, as (pole, pole) lists of (side, which rail), rail 0 the ion and rail 1 the electron. The two-rail
# line between each pair of poles has its own closed form, and its own low- and high-frequency resistance.
_PRESETS: dict[str, tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]] = {
    "ion_blocking": ((("left", 1),), (("right", 1),)),
    "electron_blocking": ((("left", 0),), (("right", 0),)),
    "battery": ((("left", 0),), (("right", 1),)),
    "both_rails_left": ((("left", 0),), (("left", 1),)),
    "both_rails_each_pole": ((("left", 0), ("right", 0)), (("left", 1), ("right", 1))),
    "ion_both": ((("left", 0),), (("right", 0), ("right", 1))),
    "electron_both": ((("left", 1),), (("right", 0), ("right", 1))),
    "symmetric": ((("left", 0), ("left", 1)), (("right", 0), ("right", 1))),
}
PRESETS = tuple(_PRESETS)


def preset(name: str, ion: str = "ion", electron: str = "electron") -> Wiring:
    """Reversible contacts of a common cell between the carriers `ion` and `electron`; KeyError for an unknown name."""
    rails = (ion, electron)
    poles = [
        Terminal(label, tuple(Contact(side, rails[r], Reversible()) for side, r in ends))
        for label, ends in zip(("A", "B"), _PRESETS[name], strict=True)
    ]
    return Wiring(tuple(poles))


def metal_plates(carriers: tuple[str, ...] = ()) -> Wiring:
    """Two metal plates that fix the electrostatic potential and are reversible to `carriers` (none: blocking)."""
    return Wiring(
        tuple(
            Terminal(label, tuple(Contact(side, name, Reversible()) for name in (*carriers, "potential")))
            for label, side in (("A", "left"), ("B", "right"))
        )
    )
