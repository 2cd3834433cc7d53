"""Runs homogenisation and sweeps of fractions from what a case file says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.case.technique_composites import FractionSweep, Homogenise
from miecsim.microstructure.structure import Microstructure
from miecsim.run.microstructure import picture_of, resolved_of
from miecsim.run.pictures import structure_of
from miecsim.run.technique import Bench, Runner
from miecsim.techniques.fraction_sweep import fraction_sweep
from miecsim.techniques.homogenise import homogenise
from miecsim.techniques.record import TechniqueRecord


def _homogenise(bench: Bench) -> TechniqueRecord:
    p, own = bench.parameters(Homogenise), resolved_of(bench.case)
    sigma = {carrier: own.sigma(carrier) for carrier in own.carriers}
    return homogenise(bench.system, picture_of(bench.case), sigma, np.asarray(p.frequency))


def _fraction_sweep(bench: Bench) -> TechniqueRecord:
    p, own = bench.parameters(FractionSweep), resolved_of(bench.case)
    parameters = own.picture.parameters

    def make(fraction: float, seed: int) -> Microstructure:
        one = replace(own.picture, parameters=replace(parameters, fraction=fraction, seed=seed))
        return structure_of(replace(own, picture=one), bench.case.file)

    return fraction_sweep(
        make,
        p.fractions,
        range(parameters.seed, parameters.seed + p.seeds),
        {carrier: own.sigma(carrier) for carrier in own.carriers},
        threshold=p.threshold,
        window=(p.window[0], p.window[1]),
        tell=bench.tell,
    )


RUNNERS: dict[str, Runner] = {"homogenise": _homogenise, "fraction_sweep": _fraction_sweep}
