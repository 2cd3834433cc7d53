"""From the data of a case to the objects of the engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.case import data
from miecsim.case.cell_data import Porous
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.electrolyte import CELL
from miecsim.case.load import Case
from miecsim.case.picture_data import Resolved
from miecsim.constants import thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh, layer_widths
from miecsim.physics import defects
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer, ConductorLayer, Junction
from miecsim.physics.models import Model, composite_electrode, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Contact, Link, ReferencePlane, Terminal, Wiring
from miecsim.run.elements import element, inner
from miecsim.system import System, build_system
from miecsim.typing import Array


def _species(c: data.Carrier) -> CarrierIn:
    density = np.inf if c.site_density is None else c.site_density
    return CarrierIn(c.name, c.charge, c.concentration, c.diffusivity, c.mobile, density, c.thermodynamic_factor)


def _layer(layer: data.Layer, temperature: float) -> CompositeLayer | ConductorLayer | ChargedLayer:
    name, thickness, m = layer.name, layer.thickness, layer.material
    assert not isinstance(m, Porous | Resolved)  # of models of their own
    match m:
        case data.Composite():
            ion, electron = (0.0 if rail is None else rail.conductivity for rail in (m.ion, m.electron))
            law = None if m.interface is None else inner(m.interface.law, temperature)
            density = 0.0 if m.interface is None else m.interface.area_density
            return CompositeLayer(name, thickness, ion, electron, law, density, m.cross_conductivity)
        case data.MixedRails():
            return ConductorLayer(
                name,
                thickness,
                m.ion.conductivity,
                m.electron.conductivity,
                chemical_capacitance=m.chemical_capacitance or 0.0,
                capacitance_ion=m.ion.chemical_capacitance or 0.0,
                capacitance_eon=m.electron.chemical_capacitance or 0.0,
                permittivity=m.permittivity,
                sigma_cross=m.cross_conductivity,
            )
        case data.MixedCarriers():
            return ChargedLayer(name, thickness, tuple(_species(c) for c in m.species), m.permittivity)
        case data.AcceptorDopedCeria():
            return ChargedLayer(name, thickness, _ceria(m, temperature))
        case data.Poisson():
            return charged_layer(name, thickness, m)


def charged_layer(name: str, thickness: float, m: data.Poisson) -> ChargedLayer:
    """A layer, or a phase, of carriers in their own field."""
    fixed = None if m.neutralise else m.fixed_charge
    return ChargedLayer(name, thickness, tuple(_species(c) for c in m.species), m.permittivity, fixed)


def _ceria(m: data.AcceptorDopedCeria, temperature: float) -> tuple[CarrierIn, ...]:
    K = defects.reduction_constant_from_dilute_conductivity(
        m.electron_conductivity_1atm, m.electron_diffusivity, m.dopant_concentration, temperature
    )
    state = defects.ceria_defects(m.pO2, m.dopant_concentration, K)
    return (
        CarrierIn("vacancy", 2, float(state.vacancy), m.ion_diffusivity),
        CarrierIn("electron", -1, float(state.electron), m.electron_diffusivity),
    )


def model_of(case: Case) -> Model:
    """The model of a case, with its interface laws between layers."""
    if case.model == CELL:
        from miecsim.run.cells import cell_model

        return cell_model(case)
    if case.model == MICROSTRUCTURE:
        from miecsim.run.microstructure import microstructure_model

        return microstructure_model(case)
    layers = [_layer(layer, case.temperature) for layer in case.layers]
    junctions = [Junction((i.left, i.right), i.carrier, inner(i.law, case.temperature)) for i in case.interfaces]
    maker = {
        "composite_electrode": composite_electrode,
        "mixed_conductor": mixed_conductor,
        "nernst_planck_poisson": nernst_planck_poisson,
    }[case.model]
    return maker(layers, temperature=case.temperature, junctions=junctions)  # type: ignore[operator,no-any-return]


def wiring_of(case: Case, study: data.Study | data.Experiment) -> Wiring:
    """Terminals, links and reference planes of a study or an experiment; blocked contacts are left out."""
    terminals = []
    for t in study.terminals:
        laws_of = [(c, element(c.law, case.temperature)) for c in t.contacts]
        found = (Contact(c.side, c.carrier, law, _emf(c, case.temperature)) for c, law in laws_of if law is not None)
        terminals.append(Terminal(t.name, tuple(found)))
    links = [
        Link(link.side, ("electron", "ion"), law)
        for link in study.links
        if (law := element(link.law, case.temperature)) is not None
    ]
    planes = tuple(ReferencePlane(p.name, _position(case, p), p.carrier) for p in study.reference_planes)
    return Wiring(tuple(terminals), tuple(links), planes)


def _emf(contact: data.Contact, temperature: float) -> float:
    """What the electrode of a contact adds to the voltage of its terminal [V]."""
    if contact.oxygen is None:
        return contact.emf
    pressure, reference = contact.oxygen
    return contact.emf - thermal_voltage(temperature) / 4 * float(np.log(pressure / reference))


def _position(case: Case, plane: data.ReferencePlane) -> float:
    start = 0.0
    for layer in case.layers:
        if layer.name == plane.layer:
            return start + plane.position * layer.thickness
        start += layer.thickness
    raise InputError(f"reference plane {plane.name}: no layer {plane.layer!r}")


def mesh_of(case: Case, widths: Sequence[Array] | None, resolve: float) -> Mesh:
    """Mesh of a case: its own number of cells, or the widths that serve all its studies."""
    g = case.grid
    cells: int | str | Sequence[Array] = g.cells if g.cells is not None else widths if widths is not None else "auto"
    return Mesh(
        cells=cells,
        grading=g.grading,
        dimension=g.dimension,
        lateral_cells=g.lateral_cells,
        coordinates=g.coordinates,
        inner_radius=g.inner_radius,
        resolve=resolve,
    )


def shared_widths(cases: Sequence[Case]) -> list[Array] | None:
    """Cell widths fine enough for every study of a case, given as one case per study; None where their layers
    differ."""
    stacks = {tuple(layer.thickness for layer in case.layers) for case in cases}
    if len(stacks) != 1:  # also where there is no study
        return None
    models = [model_of(case) for case in cases]
    top = [2 * np.pi * max(max(study.frequency) for study in case.studies) for case in cases]
    return [
        layer_widths(thickness, min(m.decay_length(i, w) for m, w in zip(models, top, strict=True)), Mesh(), i)
        for i, thickness in enumerate(stacks.pop())
    ]


def system_of(case: Case, study: data.Study | data.Experiment, widths: Sequence[Array] | None) -> System:
    """The wired system of one study or experiment of a case."""
    if case.model == MICROSTRUCTURE:
        from miecsim.run.microstructure import microstructure_system

        return microstructure_system(case, wiring_of(case, study))
    resolve = max(study.frequency) if isinstance(study, data.Study) else study.parameters.resolve
    mesh = mesh_of(case, widths, resolve)
    return build_system(model_of(case), wiring_of(case, study), area=case.area, mesh=mesh)
