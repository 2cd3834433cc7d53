"""What a case says, as plain frozen data in SI. Nothing here reads a file or computes a field."""

from __future__ import annotations

from dataclasses import dataclass

from miecsim.case.cell_data import Porous
from miecsim.case.laws import Law, Reversible
from miecsim.case.parameters import Parameters
from miecsim.case.picture_data import Resolved


@dataclass(frozen=True)
class Grid:
    """How space is divided: `cells` per layer (None: chosen by the program), `lateral_cells` across in 2D and 3D."""

    dimension: int
    coordinates: str  # cartesian | cylindrical | spherical
    cells: int | None
    grading: float
    lateral_cells: int
    inner_radius: float  # m, the left end of the first layer where coordinates are curved


@dataclass(frozen=True)
class Rail:
    """One of the two rails of a layer."""

    conductivity: float  # S/m, effective: bulk * volume fraction / tortuosity factor where those are given
    bulk_conductivity: float | None = None  # S/m
    volume_fraction: float | None = None
    tortuosity_factor: float | None = None
    chemical_capacitance: float | None = None  # F/m^3, only with a dielectric rail


@dataclass(frozen=True)
class VolumeInterface:
    """The surface between the two phases of a composite: area per volume [1/m] and the law per interface area."""

    area_density: float
    law: Law


@dataclass(frozen=True)
class Composite:
    """Two phases, each one rail (None: absent), coupled by the interface between them."""

    ion: Rail | None
    electron: Rail | None
    interface: VolumeInterface | None
    cross_conductivity: float = 0.0  # S/m, Onsager

    @property
    def carriers(self) -> tuple[str, ...]:
        return tuple(name for name, rail in (("ion", self.ion), ("electron", self.electron)) if rail is not None)

    @property
    def mobile(self) -> tuple[str, ...]:
        return self.carriers


@dataclass(frozen=True)
class MixedRails:
    """One phase with two rails, coupled directly or (with `permittivity`) each to a dielectric rail."""

    ion: Rail
    electron: Rail
    chemical_capacitance: (
        float | None
    )  # F/m^3, between the rails; None with a dielectric rail, each rail has its own then
    permittivity: float | None  # F/m
    cross_conductivity: float = 0.0  # S/m, Onsager

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("ion", "electron")

    @property
    def mobile(self) -> tuple[str, ...]:
        return ("ion", "electron")


@dataclass(frozen=True)
class Carrier:
    """One charged species. `diffusivity` [m^2/s] is 0 where it is immobile."""

    name: str
    charge: int
    concentration: float  # mol/m^3
    diffusivity: float
    mobile: bool
    statistics: str  # dilute | lattice_gas
    site_density: float | None  # mol/m^3, of lattice_gas
    thermodynamic_factor: float = 1.0  # d ln a / d ln c of the carrier without its sites


@dataclass(frozen=True)
class MixedCarriers:
    """One phase with its carriers over an implied neutralising background."""

    species: tuple[Carrier, ...]
    permittivity: float | None  # F/m, adds the dielectric rail

    @property
    def carriers(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.species)

    @property
    def mobile(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.species if c.mobile)


@dataclass(frozen=True)
class AcceptorDopedCeria:
    """Vacancies and electrons in acceptor-doped ceria, dilute: the electron conductivity goes with pO2^(-1/4)."""

    pO2: float  # Pa
    dopant_concentration: float  # mol/m^3
    ion_diffusivity: float  # m^2/s
    electron_diffusivity: float  # m^2/s
    electron_conductivity_1atm: float  # S/m

    @property
    def carriers(self) -> tuple[str, ...]:
        return ("vacancy", "electron")

    @property
    def mobile(self) -> tuple[str, ...]:
        return ("vacancy", "electron")


@dataclass(frozen=True)
class Poisson:
    """Carriers in their own field: Nernst-Planck-Poisson."""

    species: tuple[Carrier, ...]
    permittivity: float  # F/m
    fixed_charge: float  # C/m^3
    neutralise: bool  # the fixed charge was chosen to make the sum 0

    @property
    def carriers(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.species)

    @property
    def mobile(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.species if c.mobile)


Material = Composite | MixedRails | MixedCarriers | AcceptorDopedCeria | Poisson | Porous | Resolved


@dataclass(frozen=True)
class Layer:
    """One layer of the stack, from left to right."""

    name: str
    thickness: float  # m; 0 of a microstructure, whose picture says it
    material: Material

    @property
    def carriers(self) -> tuple[str, ...]:
        """Names of what is present, in the order of the rails or of the file."""
        return self.material.carriers

    @property
    def mobile(self) -> tuple[str, ...]:
        """Names of what can move, and so carry a current through a contact."""
        return self.material.mobile


@dataclass(frozen=True)
class Interface:
    """Law per geometric area for one carrier between the layers `left` and `right`, which are neighbours."""

    left: str
    right: str
    carrier: str
    law: Law


@dataclass(frozen=True)
class Contact:
    """What a terminal imposes on one carrier ("potential": on the electrostatic potential) at one end of the stack.

    Its electrode adds `emf` to the voltage of the terminal, that of oxygen -(R T/4F) ln(p/p_ref).
    """

    side: str  # left | right; of a microstructure also bottom | top | front | back
    carrier: str
    law: Law = Reversible()
    emf: float = 0.0  # V
    oxygen: tuple[float, float] | None = None  # p and p_ref [Pa]: at the electrode, and of the stack's reference state

    @property
    def shifted(self) -> bool:
        """Whether the contact is in equilibrium at another voltage than the reference state."""
        return self.emf != 0.0 or (self.oxygen is not None and self.oxygen[0] != self.oxygen[1])


@dataclass(frozen=True)
class Terminal:
    """A port: everything that is held at one electrode voltage."""

    name: str
    contacts: tuple[Contact, ...]


@dataclass(frozen=True)
class Link:
    """Joins the ion and the electron rail at one end of the stack."""

    side: str
    law: Law


@dataclass(frozen=True)
class ReferencePlane:
    """Where a reference electrode senses the rail voltage of a carrier."""

    name: str
    layer: str
    position: float  # 0 at the left to 1 at the right of the layer
    carrier: str


@dataclass(frozen=True)
class Bias:
    """What the instrument imposes on terminals while a spectrum is taken; those in neither list are at 0 V."""

    voltages: tuple[tuple[str, float], ...]  # (terminal, V)
    currents: tuple[tuple[str, float], ...]  # (terminal, A into the cell; A/m^2 where the case is per area)


@dataclass(frozen=True)
class Study:
    """One virtual measurement. Terminals are explicit for presets too; an end that none of them contacts is blocked."""

    name: str
    preset: str  # the word in the file; "custom" where the file lists the terminals
    terminals: tuple[Terminal, ...]
    frequency: tuple[float, ...]  # Hz, in the order of the file
    profiles: tuple[float, ...]  # Hz, three
    reference: str
    links: tuple[Link, ...]
    reference_planes: tuple[ReferencePlane, ...]
    overrides: tuple[str, ...]  # dotted keys that this study sets
    attribution: bool = False  # whether Z is divided among processes, layers and places
    relaxation: bool = False  # whether the relaxation times of Z are found, and who owns them
    bias: Bias | None = None  # None: at rest
    method: str = "auto"  # how the spectrum is solved, see solvers.impedance
    tolerance: float | None = None  # of a reduced spectrum


@dataclass(frozen=True)
class Experiment:
    """One run of a transport technique. `parameters`: those of the technique, of the type registered for it. A
    technique that places its own contacts has no terminals."""

    name: str
    technique: str
    parameters: Parameters
    preset: str
    terminals: tuple[Terminal, ...]
    links: tuple[Link, ...]
    reference_planes: tuple[ReferencePlane, ...]
    overrides: tuple[str, ...]  # dotted keys that this experiment sets


@dataclass(frozen=True)
class Check:
    """A figure that must come out, of a study's summary or of what an experiment compares: `expected` [unit] within the
    relative `tolerance`. Either `study` or `experiment` is "". `read` of an experiment's figure is textbook, true or
    error (textbook/true - 1); `how` names the analysis where one quantity is read in several ways."""

    study: str
    quantity: str
    expected: float
    unit: str  # SI; "" for a pure number
    tolerance: float
    source: str
    experiment: str = ""
    read: str = ""
    how: str = ""
