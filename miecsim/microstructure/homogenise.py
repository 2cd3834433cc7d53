"""From the picture to the line: the parameters of a two-rail line without a fit, and what the line makes of the rest.

Of a resolved electrode of two rails, the line of the same thickness has

    sigma_ion, sigma_eon    effective conductivities by through-transport of each rail alone
    a_v                     area of the interface between the connected rails per volume [1/m]
    z_f = 1/(a_v y)         with y the law of the interface [S/m2]

In the picture current also has to spread, from the paths that conduct through the thickness to the interface and on
into the particles. Its resistance has no place in such a line, and a fit of the line calls it charge transfer. The
*closure* finds it: draw a current evenly from the volume of one rail and return it evenly to that of the other, with
nothing flowing along; the difference between the mean potentials of the rails, per current and volume, is the z_f that
the line should have had (two-equation averaging: Quintard and Whitaker 1993), and

    constriction(w) = z_f,closure(w) - 1/(a_v y(w))    [ohm m3]

is what spreading adds at each frequency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.blocks import AdmittanceLaw, Blocks, PortContact
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.linearise import linearise
from miecsim.microstructure.conduction import conduct
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.branches import Branch
from miecsim.physics.elements import Admittance
from miecsim.physics.fluxes import Ohmic
from miecsim.physics.layers import CompositeLayer, ConductorLayer
from miecsim.physics.models import composite_electrode, small_signal_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.nodal_form import NONE, NodalForm, nodal_form
from miecsim.solvers.reduction import Reduced, reduce_network
from miecsim.solvers.rest import rest_point
from miecsim.system import System, build_system, rest_state
from miecsim.typing import Array, Bools, Complex, Ints

ION, EON = 0, 1
CLOSURE = 1e-7  # relative tolerance of the interface that averaging finds


@dataclass(frozen=True, eq=False)
class Line:
    """The two-rail line of a resolved electrode at rest; `constriction` and `spectrum` ask for frequencies.

    thickness [m]; sigma_ion, sigma_eon effective conductivities [S/m]; area_density [1/m] of the interface that joins
    the ions connected to the left side to the electrons connected to the right one; all_area_density [1/m] of every
    interface; fraction_ion, fraction_eon: volume of the connected rails.
    """

    system: System
    thickness: float
    sigma_ion: float
    sigma_eon: float
    area_density: float
    all_area_density: float
    fraction_ion: float
    fraction_eon: float
    law: Branch
    rails: tuple[Ints, Ints]

    def spectrum(self, frequency: Array, closure: bool = False) -> Complex:
        """Z (n_f,) of the line, wired as the picture is and with as many cells along it, so that the difference is not
        one of grids; with `closure`, with the interface that averaging finds."""
        law = Admittance(self._law(frequency)) if closure else self.law.element
        density = 1.0 if closure else self.area_density
        layer = CompositeLayer("line", self.thickness, self.sigma_ion, self.sigma_eon, law, density)
        area = None if self.system.per_area else self.system.area
        mesh = Mesh(cells=len(self.system.grid.edges[0]) - 1)
        system = build_system(composite_electrode([layer]), self.system.wiring, area=area, mesh=mesh)
        return impedance(rest_point(system), frequency).Z

    def interface(self, frequency: Array) -> Complex:
        """1/(a_v y) [ohm m3] (n_f,): the interface of the line by area and law alone."""
        y = [small_signal_admittance(self.law.element, w) for w in 2 * np.pi * np.atleast_1d(frequency)]
        return np.asarray(1 / (self.area_density * np.array(y, dtype=complex)))

    def closure(self, frequency: Array) -> Complex:
        """z_f [ohm m3] (n_f,): what averaging the picture gives in its place."""
        f = np.atleast_1d(np.asarray(frequency, dtype=float))
        return np.asarray(1 / self._law(f)(2 * np.pi * f))

    def constriction(self, frequency: Array) -> Complex:
        """closure - interface [ohm m3] (n_f,)."""
        return np.asarray(self.closure(frequency) - self.interface(frequency))

    @cached_property
    def _network(self) -> tuple[NodalForm, Array]:
        """The picture without terminals, and even currents (n,) of 1 A in all."""
        blocks = linearise(self.system, rest_state(self.system), np.zeros(self.system.n_ports))
        form = nodal_form(_grounded(blocks, int(self.rails[ION][0])))
        drive = np.zeros(form.n + 1)
        for row, sign in ((EON, 1.0), (ION, -1.0)):
            cells = self.rails[row]
            cells = cells[form.place[cells, row] != NONE]  # what touches its side alone, and no interface, has no part
            volume = self.system.nodes.volume[cells]
            np.add.at(drive, form.place[cells, row], sign * volume / volume.sum())
        return form, drive[: form.n]

    @cached_property
    def _reduced(self) -> dict[tuple[float, float], Reduced]:
        return {}

    def _law(self, frequency: Array) -> AdmittanceLaw:
        """1/z_f [S/m3] of the closure as a function of angular frequencies within the band of `frequency`."""
        form, drive = self._network
        band = float(np.min(frequency)), float(np.max(frequency))
        if band not in self._reduced:
            dimension = self.system.grid.dim
            self._reduced[band] = reduce_network(form, *band, CLOSURE, dimension=dimension, readings=[drive])
        network, volume = self._reduced[band].network, float(self.system.nodes.volume.sum())
        whole = np.ones((1, 1))
        return lambda omega: np.asarray(1 / (network.responses(np.atleast_1d(omega), whole)[:, 0, 0] * volume))


def line_of(system: System, structure: Microstructure) -> Line:
    """The line of a resolved electrode of phases given by coefficients, with one law between its electrons and ions.

    Raises InputError where there are several laws, or where a rail does not reach from side to side: there is no line
    then.
    """
    laws = [b for b in system.branches if b.process == "charge transfer"]
    phases = [layer for layer in system.model.layers if isinstance(layer, ConductorLayer)]
    if len(laws) != 1 or len(phases) < len(system.model.layers) or system.n_fields != 2:
        raise InputError("homogenise: expected phases given by conductivities with one law of charge transfer")
    if any(layer.sigma_ion > 0 and layer.sigma_eon > 0 for layer in phases):
        raise InputError("homogenise: a phase that conducts both ions and electrons is a line of its own")
    law = laws[0]
    sigma = []
    for name in ("sigma_ion", "sigma_eon"):
        found = conduct(structure, {layer.name: float(getattr(layer, name)) for layer in phases}, axis=0)
        if not found.conductivity:
            raise InputError(f"homogenise: the phases with {name} do not reach from left to right, so there is no line")
        sigma.append(float(np.real(found.conductivity)))
    connected = [_connected(system, ION, "left"), _connected(system, EON, "right")]
    cells = system.nodes.volume > 0
    rails = tuple(np.flatnonzero(connected[row] & cells) for row in (ION, EON))
    volume = float(system.nodes.volume.sum())
    active = connected[EON][law.nodes_a] & connected[ION][law.nodes_b]
    if not active.any():
        raise InputError("homogenise: the connected rails meet nowhere")
    return Line(
        system=system,
        thickness=float(structure.extent[0]),
        sigma_ion=sigma[ION],
        sigma_eon=sigma[EON],
        area_density=float(law.weight[active].sum()) / volume,
        all_area_density=float(law.weight.sum()) / volume,
        fraction_ion=float(system.nodes.volume[rails[ION]].sum()) / volume,
        fraction_eon=float(system.nodes.volume[rails[EON]].sum()) / volume,
        law=law,
        rails=(rails[ION], rails[EON]),
    )


def _connected(system: System, row: int, side: str) -> Bools:
    """Mask (N,) of the nodes that a carrier reaches from a side without any interface."""
    nodes = system.nodes
    faces = np.concatenate(
        [at for law, at in system.laws.transports if isinstance(law, Ohmic) and row in law.rows]
    ).astype(int)
    start = np.flatnonzero(system.grid.sides[side].area > 0)
    cells = system.grid.sides[side].cells[start]
    graph = sp.coo_matrix((np.ones(faces.size), (nodes.left[faces], nodes.right[faces])), shape=(nodes.n, nodes.n))
    _, label = connected_components(graph, directed=False)
    alive = system.laws.active[:, row]
    return np.asarray(alive & np.isin(label, label[cells[alive[cells]]]))


def _grounded(blocks: Blocks, node: int) -> Blocks:
    """The equations without terminals, the ions at one node at zero."""
    zero = np.zeros(1)
    t = np.eye(blocks.n_fields)[[ION]]
    contact = PortContact(0, ION, np.array([node]), t, True, False, zero, zero, zero, None)
    return replace(blocks, contacts=(contact,), n_ports=1)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Spectra [ohm m2 or ohm] (n_f,) of a resolved electrode, of its line, and of the line with the closure.

    interface, constriction [ohm m3] (n_f,): what the line takes for the interface, and what spreading adds to it.
    """

    line: Line
    frequency: Array
    Z: Complex
    Z_line: Complex
    Z_closure: Complex
    interface: Complex
    constriction: Complex

    @property
    def error(self) -> Array:
        """|Z_line / Z - 1| (n_f,): the error of homogenisation."""
        return np.asarray(np.abs(self.Z_line / self.Z - 1))

    @property
    def error_closure(self) -> Array:
        """|Z_closure / Z - 1| (n_f,)."""
        return np.asarray(np.abs(self.Z_closure / self.Z - 1))

    @property
    def charge_transfer(self) -> tuple[float, float]:
        """Resistance [ohm m2] of the interface at the lowest frequency: by its law, and as a line that fits the picture
        has it, the constriction included."""
        own, more = float(self.interface[0].real), float(self.constriction[0].real)
        return own * self.line.area_density, (own + more) * self.line.area_density


def compare(system: System, structure: Microstructure, frequency: Array) -> Comparison:
    """A resolved electrode beside its own line at frequencies [Hz], (n_f,), rising. Raises as `line_of`."""
    line = line_of(system, structure)
    return Comparison(
        line=line,
        frequency=frequency,
        Z=impedance(rest_point(system), frequency).Z,
        Z_line=line.spectrum(frequency),
        Z_closure=line.spectrum(frequency, closure=True),
        interface=line.interface(frequency),
        constriction=line.constriction(frequency),
    )
