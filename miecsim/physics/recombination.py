"""Electrons and holes that recombine inside: one electronic level at every place, whichever of them carries the
current."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.nodes import Nodes
from miecsim.physics.branches import Branch
from miecsim.physics.elements import Lumped
from miecsim.physics.models import Laws, Model
from miecsim.typing import Ints


def recombining(model: Model, electron: str, hole: str, resistance: float) -> Model:
    """`model` with (Phi_hole - Phi_electron)/R [A/m3] of holes into electrons everywhere, R = `resistance` [ohm m3].

    Near equilibrium R = (R T/F^2)/(k n p) for a rate k n p [mol/(m3 s)]; the smaller, the closer n p stays to its value
    in the reference state, wherever both live. Both conductivities [S/m] of that place give the length sqrt(R /
    (1/sigma_n + 1/sigma_p)) [m] beyond which the levels are one. InputError unless `electron` (charge -1) and `hole`
    (+1) are carriers of the model and R is positive and finite.
    """
    names = [c.name for c in model.carriers]
    for name, charge in ((electron, -1), (hole, 1)):
        if name not in names or model.carriers[names.index(name)].charge != charge:
            raise InputError(
                f"recombination: {name!r} is no carrier of charge {charge:+d}; they are {', '.join(names)}"
            )
    law, rows = Lumped(R=resistance), (names.index(hole), names.index(electron))

    def laws(nodes: Nodes, region: Ints) -> Laws:
        base = model.laws(nodes, region)
        at = np.flatnonzero((nodes.volume > 0) & base.active[:, rows].all(axis=1))
        branch = Branch(law, rows[0], at, rows[1], at, nodes.volume[at], "recombination")
        return replace(base, branches=(*base.branches, branch))

    return replace(model, laws=laws)
