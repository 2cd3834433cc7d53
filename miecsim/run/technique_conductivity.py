"""Runs the four-line probe and the relaxation of a conductivity from what a case file says."""

from __future__ import annotations

from miecsim.case.technique_conductivity import ConductivityRelaxation, FourLineProbe
from miecsim.physics.elements import Reversible
from miecsim.run.elements import element
from miecsim.run.technique import Bench, Runner
from miecsim.techniques.conductivity_relaxation import conductivity_relaxation
from miecsim.techniques.four_line_probe import four_line_probe
from miecsim.techniques.record import TechniqueRecord


def _four_line_probe(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(FourLineProbe)
    return four_line_probe(
        bench.model,
        spacing=p.spacing,
        thickness=p.thickness,
        width=p.width,
        offset=p.offset or 0.0,
        line=p.line,
        carrier=p.carrier,
        frequency=p.frequency,
        line_cells=p.line_cells,
        fineness=p.fineness,
    )


def _conductivity_relaxation(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(ConductivityRelaxation)
    exchange = element(p.exchange, bench.case.temperature)
    assert exchange is not None and not isinstance(exchange, Reversible)  # the file allows laws that resist alone
    cells = bench.case.grid.cells
    return conductivity_relaxation(
        bench.model,
        exchange,
        step=p.step,
        half_width=p.half_width,
        carriers=None if p.carriers is None else (p.carriers[0], p.carriers[1]),
        duration=p.duration,
        tolerance=p.tolerance,
        **({} if cells is None else {"cells": cells}),
    )


RUNNERS: dict[str, Runner] = {
    "four_line_probe": _four_line_probe,
    "conductivity_relaxation": _conductivity_relaxation,
}
