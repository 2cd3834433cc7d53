"""Runs reference electrodes and space charge from what a case file says."""

from __future__ import annotations

import numpy as np

from miecsim.case.technique_profiles import ContactCapacitance, ReferenceElectrode, SpaceCharge
from miecsim.run.technique import Bench, Runner
from miecsim.techniques.contact_capacitance import contact_capacitance
from miecsim.techniques.record import TechniqueRecord
from miecsim.techniques.reference_electrode import reference_electrode
from miecsim.techniques.space_charge import space_charge


def _reference_electrode(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(ReferenceElectrode)
    return reference_electrode(bench.system, p.current, p.positions, width=p.width or 0.0, frequency=p.frequency)


def _space_charge(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(SpaceCharge)
    frequency = None if p.frequency is None else np.asarray(p.frequency)
    return space_charge(bench.model, per_debye=p.per_debye, frequency=frequency)


def _contact_capacitance(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(ContactCapacitance)
    return contact_capacitance(
        bench.model,
        p.voltages,
        flat_band=p.flat_band,
        area=bench.case.area,
        per_debye=p.per_debye,
        progress=bench.tell,
    )


RUNNERS: dict[str, Runner] = {
    "reference_electrode": _reference_electrode,
    "space_charge": _space_charge,
    "contact_capacitance": _contact_capacitance,
}
