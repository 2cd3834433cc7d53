"""What a case says of a microstructure, as plain frozen data in SI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from miecsim.case.laws import Law

if TYPE_CHECKING:
    from miecsim.case.data import Poisson


@dataclass(frozen=True)
class Slab:
    """A layer of one phase on the left or the right of the picture."""

    phase: str
    thickness: float  # m


@dataclass(frozen=True)
class Coating:
    """A shell of another phase around a phase, or (inward) cut out of it."""

    phase: str
    shell: str
    thickness: float  # m
    inward: bool


@dataclass(frozen=True)
class Cracks:
    """A phase broken into fragments; `share` of the planes between them is open, filled with a phase."""

    phase: str
    filled_with: str
    fragment: float  # m
    width: float  # m
    share: float
    seed: int


@dataclass(frozen=True)
class Edits:
    """What is done to a picture before it is used, in this order. Axes are 0, 1, 2 for x, y, z."""

    section: tuple[int, int] | None  # (axis, layer) of a picture in three dimensions
    crop: tuple[tuple[int, int], ...] | None  # (start, stop) in voxels along each axis
    coarsen: int
    coating: Coating | None
    cracks: Cracks | None
    mirrored: tuple[int, ...]
    periodic: tuple[int, ...]
    left: Slab | None
    right: Slab | None


@dataclass(frozen=True)
class Picture:
    """[microstructure]: where the labels come from, by the `kind` and its parameters, and how they are cut."""

    kind: str
    parameters: Any  # of the type registered for the kind
    voxel: tuple[float, ...]  # m, one edge for all axes or one for each
    edits: Edits
    staircase: bool  # whether interface laws act on the area of the voxels' stairs


@dataclass(frozen=True)
class PhaseIn:
    """[[phase]] by its coefficients, 0 for what it does not conduct; or by its carriers in their own field."""

    name: str
    sigma_ion: float  # S/m
    sigma_eon: float  # S/m
    chemical_capacitance: float  # F/m^3, of a phase that conducts both
    charged: Poisson | None = None  # of a picture by Nernst-Planck-Poisson

    @property
    def carriers(self) -> tuple[str, ...]:
        if self.charged is not None:
            return self.charged.mobile
        found = (("ion", self.sigma_ion), ("electron", self.sigma_eon))
        return tuple(name for name, sigma in found if sigma > 0)


@dataclass(frozen=True)
class PatchIn:
    """A part of a side of the picture, which contacts may name as theirs."""

    name: str
    side: str
    start: tuple[float, ...]  # m, along the first axis that lies in the side, or along both
    stop: tuple[float, ...]


@dataclass(frozen=True)
class GapIn:
    """Where two phases do not touch: share of their interface, in patches of about `correlation` [m]."""

    fraction: float
    correlation: float
    seed: int


@dataclass(frozen=True)
class PhaseInterface:
    """A law between two phases wherever they meet: from `carrier` of the first to `to` of the second, or (None) on
    `carrier` across."""

    between: tuple[str, str]
    carrier: str
    to: str | None
    law: Law
    gap: GapIn | None


@dataclass(frozen=True)
class Resolved:
    """A picture with the physics of its phases and interfaces."""

    picture: Picture
    phases: tuple[PhaseIn, ...]
    interfaces: tuple[PhaseInterface, ...]
    patches: tuple[PatchIn, ...] = ()

    @property
    def charged(self) -> bool:
        """Whether the phases are given by carriers in their own field, not by conductivities."""
        return any(phase.charged is not None for phase in self.phases)

    @property
    def carriers(self) -> tuple[str, ...]:
        found = dict.fromkeys(word for phase in self.phases for word in phase.carriers)
        return tuple(found) if self.charged else tuple(word for word in ("ion", "electron") if word in found)

    @property
    def mobile(self) -> tuple[str, ...]:
        return self.carriers

    def carriers_of(self, phase: str) -> tuple[str, ...]:
        """What the phase of this name conducts."""
        return next(one.carriers for one in self.phases if one.name == phase)

    def phases_with(self, carrier: str) -> tuple[str, ...]:
        """Names of the phases that conduct `carrier`."""
        return tuple(phase.name for phase in self.phases if carrier in phase.carriers)

    def sigma(self, carrier: str) -> dict[str, float]:
        """Conductivity [S/m] for the `carrier` ion or electron of each phase that conducts it, of phases by
        conductivities."""
        of = {"ion": "sigma_ion", "electron": "sigma_eon"}[carrier]
        return {phase.name: getattr(phase, of) for phase in self.phases if getattr(phase, of) > 0}
