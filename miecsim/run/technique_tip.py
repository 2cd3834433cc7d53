"""Runs the local probes from what a case file says."""

from __future__ import annotations

from miecsim.case.laws import Law
from miecsim.case.technique_tip import AfmImpedance, LocalImpedance, StrainMicroscopy
from miecsim.physics.elements import Element, Reversible
from miecsim.run.elements import element
from miecsim.run.technique import Bench, Runner
from miecsim.techniques.afm_impedance import afm_impedance
from miecsim.techniques.local_impedance import local_impedance
from miecsim.techniques.record import TechniqueRecord
from miecsim.techniques.strain_microscopy import strain_microscopy


def _contact(bench: Bench, law: Law | None) -> Element | Reversible | None:
    return None if law is None else element(law, bench.case.temperature)


def _local_impedance(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(LocalImpedance)
    return local_impedance(
        bench.model,
        breadth=p.breadth,
        positions=p.positions,
        thickness=p.thickness,
        width=p.width,
        frequency=p.frequency,
        carrier=p.carrier,
        contact=_contact(bench, p.contact),
        fineness=p.fineness,
    )


def _afm_impedance(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(AfmImpedance)
    return afm_impedance(
        bench.model,
        radius=p.radius,
        frequency=p.frequency,
        grain=p.grain,
        depth=p.depth,
        carrier=p.carrier,
        contact=_contact(bench, p.contact),
        fineness=p.fineness,
    )


def _strain_microscopy(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(StrainMicroscopy)
    return strain_microscopy(
        bench.model,
        radius=p.radius,
        frequency=p.frequency,
        expansion=p.expansion,
        poisson_ratio=p.poisson_ratio,
        tip=p.tip,
        base=p.base,
        contact=_contact(bench, p.contact),
        elastic=p.elastic,
        ion=p.ion,
        electron=p.electron,
        fineness=p.fineness,
    )


RUNNERS: dict[str, Runner] = {
    "local_impedance": _local_impedance,
    "afm_impedance": _afm_impedance,
    "strain_microscopy": _strain_microscopy,
}
