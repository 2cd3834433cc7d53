"""Runs PITT, GITT and the error map of GITT from what a case file says."""

from __future__ import annotations

from dataclasses import replace

from miecsim.case.technique_insertion import Gitt, GittErrorMap, Pitt
from miecsim.errors import InputError
from miecsim.run.build import system_of
from miecsim.run.technique import Bench, Runner
from miecsim.solvers.transient.run import Tolerance
from miecsim.system import System
from miecsim.techniques.gitt import gitt, gitt_error_map
from miecsim.techniques.pitt import pitt
from miecsim.techniques.record import TechniqueRecord


def _tolerance(relative: float | None) -> Tolerance | None:
    return None if relative is None else Tolerance(relative)


def _pitt(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(Pitt)
    return pitt(
        bench.system, p.potentials, p.duration, start=p.start, electron=p.electron, tolerance=_tolerance(p.tolerance)
    )


def _gitt(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(Gitt)
    return gitt(
        bench.system,
        p.current,
        p.pulse,
        p.rest,
        p.count,
        start=p.start,
        cut_off=p.cut_off,
        window=(p.window[0], p.window[1]),
        electron=p.electron,
        tolerance=_tolerance(p.tolerance),
        progress=bench.tell,
    )


def _gitt_error_map(bench: Bench) -> TechniqueRecord:
    p = bench.parameters(GittErrorMap)
    if len(bench.case.layers) != 1:
        raise InputError(f"the error map changes the size of one layer; read {len(bench.case.layers)} layers")

    def build(size: float) -> System:
        layers = (replace(bench.case.layers[0], thickness=size),)
        return system_of(replace(bench.case, layers=layers), bench.experiment, None)

    spots = [(spot.size, spot.pulse) for spot in p.spots]
    return gitt_error_map(
        build, p.sizes, p.pulses, rest=p.rest, swing=p.swing, checks=spots, electron=p.electron, progress=bench.tell
    )


RUNNERS: dict[str, Runner] = {
    "pitt": _pitt,
    "gitt": _gitt,
    "gitt_error_map": _gitt_error_map,
}
