"""What a cell of insertion particles comes to when it is left alone: the same lithium in each electrode, at one
potential."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.physics.cells import porous_cell
from miecsim.physics.porous import PorousLayer
from miecsim.run.build import mesh_of, wiring_of
from miecsim.run.technique import Bench
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import System, build_system
from miecsim.typing import Array


def rested(bench: Bench, u: Array) -> OperatingPoint:
    """The cell at rest with as much lithium in the particles of every layer as in the state u (n_fields, N), spread so
    that all of it is at one potential; the salt even, the terminals at the open-circuit voltage. What double layers
    hold is not counted. The system is one of its own, whose reference state this is.

    InputError where the particles of a layer have no common potential with that content.
    """
    system = bench.system
    layers = [layer for layer in system.model.layers if isinstance(layer, PorousLayer)]
    contents = iter(_contents(system, u))
    at_rest = [_filled(layer, [next(contents) for _ in layer.particles]) for layer in layers]
    model = porous_cell(at_rest, temperature=system.model.temperature)
    mesh = mesh_of(bench.case, None, bench.experiment.parameters.resolve)
    return rest_point(build_system(model, wiring_of(bench.case, bench.experiment), area=bench.case.area, mesh=mesh))


def _contents(system: System, u: Array) -> list[float]:
    """Mean concentration [mol/m3] in each kind of particle, in the order of layers and of the kinds in each."""
    lithium = u[system.laws.state_map.names.index("lithium")]
    out = []
    for tree in system.nodes.trees:
        volume = system.nodes.volume[tree.shells]
        out.append(float(np.sum(lithium[tree.shells] * volume) / np.sum(volume)))
    return out


def _filled(layer: PorousLayer, means: list[float]) -> PorousLayer:
    """The layer with its lithium at one potential, given the mean concentration of each kind of particle."""
    from scipy.optimize import brentq

    kinds = layer.particles
    x = [mean / kind.host.c_max for mean, kind in zip(means, kinds, strict=True)]
    if len(kinds) > 1:
        weight = np.array([kind.volume_fraction * kind.host.c_max for kind in kinds])
        U = [float(np.real(kind.host.potential(np.array([at]))[0])) for kind, at in zip(kinds, x, strict=True)]
        held = float(weight @ np.array(x))

        def common(potential: float) -> list[float]:
            return [kind.host.stoichiometry(potential) for kind in kinds]

        def excess(potential: float) -> float:
            return float(weight @ np.array(common(potential))) - held

        x = common(float(brentq(excess, min(U) - 1e-9, max(U) + 1e-9, xtol=1e-13)))
    return replace(layer, particles=tuple(replace(kind, stoichiometry=at) for kind, at in zip(kinds, x, strict=True)))
