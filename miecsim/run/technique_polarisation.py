"""Runs the polarisation of blocking cells by direct current from what a case file says."""

from __future__ import annotations

import numpy as np

from miecsim.case.data import AcceptorDopedCeria
from miecsim.case.laws import Law
from miecsim.case.technique_polarisation import (
    BruceVincent,
    CurrentCarrying,
    DcPolarisation,
    HebbWagner,
    OxygenMembrane,
)
from miecsim.constants import ATMOSPHERE
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.run.build import mesh_of
from miecsim.run.elements import element
from miecsim.run.technique import Bench, Runner
from miecsim.solvers.transient.run import Tolerance
from miecsim.techniques.bruce_vincent import bruce_vincent
from miecsim.techniques.current_carrying import current_carrying_electrode
from miecsim.techniques.dc_polarisation import dc_polarisation
from miecsim.techniques.hebb_wagner import hebb_wagner
from miecsim.techniques.oxygen_membrane import oxygen_membrane
from miecsim.techniques.record import TechniqueRecord


def _contact(bench: Bench, law: Law | None) -> Element | Reversible | None:
    return None if law is None else element(law, bench.case.temperature)


def _mesh(bench: Bench) -> Mesh | None:
    """The grid of the case. None where it is automatic and nothing says how fast the experiment is: the technique then
    takes its own."""
    resolve = bench.experiment.parameters.resolve
    if bench.case.grid.cells is None and resolve == 0:
        return None
    return mesh_of(bench.case, None, resolve or 1.0)  # a number of cells asks for no frequency


def _tolerance(relative: float | None) -> Tolerance | None:
    return None if relative is None else Tolerance(relative)


def _dc_polarisation(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(DcPolarisation)
    return dc_polarisation(
        bench.model,
        step=p.step,
        duration=p.duration,
        area=bench.case.area,
        mesh=_mesh(bench),
        ion=p.ion,
        electron=p.electron,
        ion_contact=_contact(bench, p.ion_contact),
        electron_contact=_contact(bench, p.electron_contact),
        frequency=None if p.frequency is None else np.asarray(p.frequency),
        tolerance=_tolerance(p.tolerance),
    )


def _current_carrying(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(CurrentCarrying)
    return current_carrying_electrode(
        bench.model,
        currents=p.currents,
        frequency=p.frequency,
        area=bench.case.area,
        mesh=_mesh(bench),
        ion=p.ion,
        electron=p.electron,
        contact=_contact(bench, p.contact),
    )


def _bruce_vincent(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(BruceVincent)
    return bruce_vincent(
        bench.model,
        p.voltages,
        frequency=p.frequency,
        contact=_contact(bench, p.contact),
        duration=p.duration,
        area=bench.case.area,
        mesh=_mesh(bench),
        cation=p.cation,
        anion=p.anion,
        tolerance=_tolerance(p.tolerance),
    )


def _cells(bench: Bench) -> dict[str, int]:
    """The number of cells, where the case says one."""
    cells = bench.case.grid.cells
    return {} if cells is None else {"cells": cells}


def _hebb_wagner(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(HebbWagner)
    material = bench.case.layers[0].material
    return hebb_wagner(
        bench.model,
        p.voltages,
        ion=p.ion,
        fit_up_to=p.fit_up_to,
        reference=material.pO2 if isinstance(material, AcceptorDopedCeria) else p.reference,
        area=bench.case.area,
        progress=bench.tell,
        **_cells(bench),
    )


def _oxygen_membrane(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(OxygenMembrane)
    R = p.surface_resistance or (0.0,)
    return oxygen_membrane(
        bench.model,
        p.high,
        p.low,
        surface_resistance=(R[0], R[-1]),
        thicknesses=p.thicknesses,
        reference=ATMOSPHERE if p.reference is None else p.reference,
        ion=p.ion,
        area=bench.case.area,
        progress=bench.tell,
        **_cells(bench),
    )


RUNNERS: dict[str, Runner] = {
    "dc_polarisation": _dc_polarisation,
    "bruce_vincent": _bruce_vincent,
    "current_carrying": _current_carrying,
    "hebb_wagner": _hebb_wagner,
    "oxygen_membrane": _oxygen_membrane,
}
