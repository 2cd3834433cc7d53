"""The intercalation electrode that PITT and GITT step: one mixed conductor that ions and electrons enter and leave.

E is the potential of the electrons' terminal against that of the ions, which is held at 0 V: a working electrode
against a reference of its own ions. Its current is that into the cell: negative while ions are inserted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.grid.spacing import graded
from miecsim.grid.stack import Mesh
from miecsim.physics.branches import PortBranch
from miecsim.physics.elements import ButlerVolmer, Lumped, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import mixed_conductor
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.solvers.transient.run import Tolerance
from miecsim.system import System, build_system
from miecsim.techniques.checks import positive
from miecsim.typing import Array

HostShape = Literal["planar", "sphere"]

RESOLVED = 1e-3  # of a step of the composition: the relative tolerance of a run
TWO_SIDED = 0.005  # ionic transference number from which a far collector is worth a remark


@dataclass(frozen=True)
class Host:
    """What the model itself says of an intercalation electrode: geometry, and its coefficients at a composition.

    size a [m]: thickness of a slab fed on one side, radius of a sphere; area S [m2] that is fed, volume [m3]; ion and
    electron: names of the terminals; charge z of the ion; far: whether electrons leave at the other side of a slab.
    contact [ohm]: resistance of the contacts at rest. Compositions c are concentrations of the ion [mol/m3].
    """

    system: System
    shape: HostShape
    size: float
    area: float
    volume: float
    ion: str
    electron: str
    charge: int
    far: bool
    contact: float
    rows: tuple[int, int]  # of the ion and the electron in the state

    @property
    def reference(self) -> float:
        """Composition of the reference state."""
        return self._carriers()[self.rows[0]].concentration

    def layer(self, c: float) -> ChargedLayer:
        """The material at the composition c, neutral; the ion first."""
        ion, electron = (self._carriers()[row] for row in self.rows)
        c_e = (self._background() - ion.charge * c) / electron.charge
        pair = replace(ion, concentration=c), replace(electron, concentration=c_e)
        return replace(self._material(), carriers=pair)

    def conductivities(self, c: float) -> tuple[float, float]:
        """sigma_ion, sigma_eon [S/m] at the composition c."""
        layer, T = self.layer(c), self.system.model.temperature
        return layer.sigma(0, T), layer.sigma(1, T)

    def diffusivity(self, c: float) -> float:
        """D_chem = sigma_ion sigma_eon/(sigma_ion + sigma_eon)/c_chem [m2/s] of the neutral component at c."""
        s_i, s_e = self.conductivities(c)
        return s_i * s_e / (s_i + s_e) / self.layer(c).chemical_capacitance(self.system.model.temperature)

    def slope(self, c: float) -> float:
        """dE/dc = -z F/c_chem [V m3/mol] of the equilibrium curve at c."""
        return -self.charge * FARADAY / self.layer(c).chemical_capacitance(self.system.model.temperature)

    def ion_share(self, c: float) -> float:
        """t_ion = sigma_ion/(sigma_ion + sigma_eon) at c."""
        s_i, s_e = self.conductivities(c)
        return s_i / (s_i + s_e)

    def two_sided(self, compositions: Iterable[float]) -> list[str]:
        """A remark where the formulas of a body fed on one side leave out what the far collector feeds; else none.

        With electrons blocked at one side and ions at the other, the shares t_eon and t_ion of the neutral component
        enter from the two sides; E spans both and goes as t_ion^2 + t_eon^2 at short times (two-rail line).
        """
        share = max(self.ion_share(float(c)) for c in compositions)
        if not self.far or share < TWO_SIDED:
            return []
        high = (share**2 + (1 - share) ** 2) ** -2
        return [
            f"ions carry {100 * share:.2g} % of the current: the far collector feeds this share of the neutral "
            f"component from its own side, which the formulas leave out; short pulses read D {high:.3g}-fold too high"
        ]

    def resistance(self, c: float) -> float:
        """Contacts, and the bulk that is crossed where the collector is far: R_contact + a/(sigma S) [ohm]."""
        return self.contact + (self.size / (sum(self.conductivities(c)) * self.area) if self.far else 0.0)

    def biot(self, c: float) -> float:
        """Lambda = R_d/R, R_d = |dE/dc| a/(z F D S) [ohm]; infinite where nothing resists at the surface."""
        lag = self.resistance(c) * self.diffusivity(c) * abs(self.charge) * FARADAY * self.area
        return abs(self.slope(c)) * self.size / lag if lag > 0 else inf

    def flux(self, current: float) -> float:
        """Ions into the body [mol/(m2 s)] under a current [A] at the electrons' terminal."""
        return -current / (self.charge * FARADAY * self.area)

    def mean(self, u: Array) -> float:
        """Mean composition of a state (m, N)."""
        volume = self.system.nodes.volume
        return float(u[self.rows[0]] @ volume / volume.sum())

    def surface(self, u: Array) -> float:
        """Composition at the fed surface of a state (m, N)."""
        (node,) = (p.nodes[0] for p in self.system.ports if p.row == self.rows[0])
        return float(u[self.rows[0], node])

    def potential(self, c: float) -> float:
        """E [V] in equilibrium at the composition c."""
        node = np.flatnonzero(self.system.laws.active.all(axis=1))[:1]
        u = np.zeros((self.system.n_fields, 1))
        layer = self.layer(c)
        for row, carrier in zip(self.rows, layer.carriers, strict=True):
            u[row] = carrier.concentration
        Phi = self.system.laws.state_map.at(u, node).Phi[:, 0]
        emf = {p.row: p.emf for p in self.system.ports}
        ion, electron = (Phi[row] - emf[row] for row in self.rows)
        return float(electron - ion)

    def _material(self) -> ChargedLayer:
        (layer,) = self.system.model.layers
        assert isinstance(layer, ChargedLayer)
        return layer

    def _carriers(self) -> list[CarrierIn]:
        return [c for c in self._material().carriers if c.mobile]

    def _background(self) -> float:
        """sum z c [mol/m3] of the mobile carriers wherever the body is neutral."""
        layer = self._material()
        if layer.fixed_charge is None:
            return sum(c.charge * c.concentration for c in self._carriers())
        still = sum(c.charge * c.concentration for c in layer.carriers if not c.mobile)
        return -layer.fixed_charge / FARADAY - still


def host_of(system: System, electron: str = "electron") -> Host:
    """Read an intercalation electrode from a system: one electroneutral ChargedLayer with two mobile carriers, of which
    `electron` is the electronic one; two terminals, one contacting each carrier; a line or a sphere.

    InputError for any other cell: what the textbook analyses do not cover.
    """
    layers = system.model.layers
    if len(layers) != 1 or not isinstance(layers[0], ChargedLayer) or layers[0].permittivity is not None:
        raise InputError("intercalation electrode: needs one layer of carriers without permittivity")
    mobile = [c.name for c in layers[0].carriers if c.mobile]
    if len(mobile) != 2 or electron not in mobile:
        raise InputError(f'intercalation electrode: needs two mobile carriers, one named "{electron}"; read {mobile}')
    names = system.laws.state_map.names
    ion = next(name for name in mobile if name != electron)
    rows = names.index(ion), names.index(electron)
    poles = {p.row: p for p in system.ports}
    if len(system.ports) != 2 or len(system.terminals) != 2 or set(poles) != set(rows) or system.branches:
        raise InputError("intercalation electrode: needs two terminals, one contacting the ion and one the electron")
    shape, far = _geometry(system, poles[rows[0]], poles[rows[1]])
    volume = float(system.nodes.volume.sum())
    return Host(
        system,
        shape,
        layers[0].thickness,
        system.area,
        volume,
        system.terminals[poles[rows[0]].port],
        system.terminals[poles[rows[1]].port],
        layers[0].carriers[[c.name for c in layers[0].carriers].index(ion)].charge,
        far,
        sum(_resistance(p) for p in poles.values()) / system.area,
        rows,
    )


def _geometry(system: System, ion: PortBranch, electron: PortBranch) -> tuple[HostShape, bool]:
    grid = system.grid
    same = np.array_equal(ion.nodes, electron.nodes)
    if grid.dim == 1 and grid.coordinates == "cartesian":
        return "planar", not same
    if grid.coordinates == "spherical" and grid.edges[0][0] == 0 and same:
        return "sphere", False
    raise InputError("intercalation electrode: needs a 1D slab, or a full sphere with both contacts at its surface")


def _resistance(p: PortBranch) -> float:
    """Resistance of a contact at rest [ohm m2]."""
    if isinstance(p.element, Reversible):
        return 0.0
    if isinstance(p.element, Lumped) and p.element.R is not None:
        return p.element.R + p.element.Rs
    if isinstance(p.element, ButlerVolmer):
        return p.element.thermal_voltage / p.element.exchange_current
    raise InputError("intercalation electrode: a contact blocks; needs reversible contacts, resistances or kinetics")


def at_rest(host: Host, potential: float | None) -> tuple[OperatingPoint, float]:
    """The electrode in equilibrium at E [V] (None: its reference state) and its composition [mol/m3]."""
    E = host.potential(host.reference) if potential is None else potential
    if not np.isfinite(E):
        raise InputError(f"intercalation electrode: start must be finite, read {E} V")
    point = solve_steady(host.system, {host.electron: E})
    return point, host.mean(point.u)


def tolerance_for(swing: float) -> Tolerance:
    """Time steps that resolve a step which moves the composition by the share `swing`: its own size counts, not c."""
    return Tolerance(float(np.clip(RESOLVED * swing, 1e-9, 1e-5)))


def insertion_electrode(
    size: float,
    area: float | None,
    concentration: float,
    diffusivity: float,
    electron_diffusivity: float,
    *,
    shape: HostShape = "planar",
    factor: float = 1.0,
    site_density: float = inf,
    resistance: float = 0.0,
    collector: Literal["far", "surface"] = "far",
    temperature: float = 298.15,
    cells: int = 100,
    grading: float = 30.0,
) -> System:
    """A host of a monovalent ion and its electron in equal numbers, reversible to ions at its surface.

    size [m] thickness or radius, area [m2] fed (None: per m2), concentration [mol/m3] at rest, diffusivities [m2/s] of
    ion and electron (Nernst-Einstein), factor W = d ln a_ion/d ln c beside the lattice gas of site_density [mol/m3],
    resistance [ohm m2] of the ions' charge transfer; collector of a slab: at the other side or, as in a sphere, at the
    surface. Terminals "ion" and "electron". The cells are finest at the fed surface.

    In a dilute host (site_density inf) D_chem = (1 + W) D_i D_e/(D_i + D_e) is the same at every composition.
    """
    positive("insertion electrode", size=size, concentration=concentration, factor=factor, grading=grading)
    if concentration >= site_density or not resistance >= 0:
        raise InputError("insertion electrode: needs concentration < site_density and a resistance of 0 or more")
    carriers = (
        CarrierIn("ion", 1, concentration, diffusivity, site_density=site_density, thermodynamic_factor=factor),
        CarrierIn("electron", -1, concentration, electron_diffusivity),
    )
    sphere = shape == "sphere"
    fed = "right" if sphere else "left"
    law = Lumped(R=resistance) if resistance > 0 else Reversible()
    behind = fed if sphere or collector == "surface" else "right"
    wiring = Wiring(
        (
            Terminal("ion", (Contact(fed, "ion", law),)),
            Terminal("electron", (Contact(behind, "electron", Reversible()),)),
        )
    )
    mesh = Mesh([graded(size, cells, grading, fed)], coordinates="spherical" if sphere else "cartesian")
    model = mixed_conductor([ChargedLayer("host", size, carriers)], temperature=temperature)
    return build_system(model, wiring, area=area, mesh=mesh)
