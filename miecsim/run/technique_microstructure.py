"""Runs effective transport and optimal paths from what a case file says."""

from __future__ import annotations

from miecsim.case.technique_microstructure import EffectiveTransport, OptimalPaths
from miecsim.run.microstructure import picture_of, resolved_of
from miecsim.run.technique import Bench, Runner
from miecsim.techniques.effective_transport import AXES, effective_transport
from miecsim.techniques.optimal_paths import optimal_paths
from miecsim.techniques.record import TechniqueRecord


def _effective_transport(bench: Bench) -> TechniqueRecord:
    p, own = bench.parameters(EffectiveTransport), resolved_of(bench.case)
    sigma = {carrier: own.sigma(carrier) for carrier in own.carriers}
    axes = [AXES.index(axis) for axis in p.axes]
    return effective_transport(
        picture_of(bench.case),
        sigma,
        axes,
        cell_problem=p.cell_problem,
        blocking=p.blocking,
        parts=p.parts,
        variation=p.variation,
    )


def _optimal_paths(bench: Bench) -> TechniqueRecord:
    p, own = bench.parameters(OptimalPaths), resolved_of(bench.case)
    sigma = {carrier: own.sigma(carrier) for carrier in own.carriers}
    reacting = [one for one in own.interfaces if one.to is not None]
    sites = [one.between for one in reacting]
    storage = {
        phase.name: (phase.sigma_ion, phase.sigma_eon, phase.chemical_capacitance)
        for phase in own.phases
        if phase.chemical_capacitance > 0
    }
    sides = (p.ions_from, p.electrons_from)
    picture = picture_of(bench.case)
    return optimal_paths(picture, sigma, sites or None, sides, storage=storage, duration=p.duration)


RUNNERS: dict[str, Runner] = {"effective_transport": _effective_transport, "optimal_paths": _optimal_paths}
