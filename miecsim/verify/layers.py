"""Layers in series: transfer of the closed form through a separator, a junction and two graded layers."""

from __future__ import annotations

import numpy as np

from miecsim.circuit import tlm
from miecsim.circuit.elements import lumped
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CompositeLayer, Junction
from miecsim.physics.models import composite_electrode
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Sample, continuum, direct_current, kramers_kronig, ladder, reciprocity, wired

FAMILY = "layers"
AREA = 2.71e-5
GRADED = (
    CompositeLayer("dense", 31.7e-6, 0.0173, 0.197, Lumped(R=0.0319, C=0.117), 2.3e5),
    CompositeLayer("open", 52.9e-6, 0.0437, 0.0311, Lumped(R=0.0127, Q=0.093, alpha=0.87), 1.9e5),
)
CELL = (CompositeLayer("separator", 21.3e-6, sigma_ion=0.0271), *GRADED)
JUNCTION = Lumped(R=7.3e-4, C=0.017)  # ohm m2, F/m2, for ions between separator and electrode
EQUATION = "Y of the stack: layers Y(0,0), Y(0,L) joined at shared rail ends, inner nodes eliminated"
SOURCE = "transfer of the two-rail line (Paasch 1993) through piecewise uniform layers"


def _line(layer: CompositeLayer, omega: Array, cells: int | None) -> Complex:
    """Four-terminal admittance [S] of a layer, of the continuum or of N cells."""
    z1, z2 = (float("inf") if s == 0 else 1 / (s * AREA) for s in (layer.sigma_ion, layer.sigma_eon))
    law = layer.interface
    if not isinstance(law, Lumped):  # a single rail, of which every ladder is exact
        return tlm.two_rail_admittance(z1, z2, np.inf, layer.thickness)
    wall = lumped(omega, law.R, law.C, law.Q, law.alpha) / (AREA * layer.area_density)
    if cells is None:
        return tlm.two_rail_admittance(z1, z2, wall, layer.thickness)
    return tlm.ladder_admittance(z1, z2, wall, layer.thickness, cells)


def _stack(layers: tuple[CompositeLayer, ...], junction: bool, omega: Array, cells: int | None) -> Complex:
    between: list[tuple[Complex | float, float] | None] = [None] * (len(layers) - 1)
    if junction:
        between[0] = (lumped(omega, JUNCTION.R, JUNCTION.C) / AREA, 0.0)
    line = tlm.stack_admittance([_line(layer, omega, cells) for layer in layers], between)
    return tlm.two_terminal(tlm.terminate(line, [tlm.Contact(0, 0, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]))


def _sample(name: str, title: str, layers: tuple[CompositeLayer, ...], junction: bool) -> Sample:
    junctions = [Junction(("separator", "dense"), "ion", JUNCTION)] if junction else []
    wiring = wired(("A", "left", "ion", Reversible()), ("B", "right", "electron", Reversible()))
    return Sample(
        f"{FAMILY}.{name}", title, FAMILY, composite_electrode(layers, junctions=junctions), wiring, AREA,
        (2e-2, 2.3e4), lambda omega: _stack(layers, junction, omega, None), EQUATION, SOURCE,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """A graded electrode; the same behind a separator with a charge-transfer junction."""
    found = []
    for name, title, layers, junction in (
        ("graded", "two graded layers", GRADED, False),
        ("junction", "separator, junction and two layers", CELL, True),
    ):
        sample = _sample(name, title, layers, junction)

        def drawn(omega: Array, n: int, layers: tuple[CompositeLayer, ...] = layers, j: bool = junction) -> Complex:
            return _stack(layers, j, omega, n)

        found += [
            continuum(sample, settings),
            ladder(sample, drawn, settings, "layers of N cells each, joined and eliminated"),
            kramers_kronig(sample, settings),
            direct_current(sample, _resistance(layers, junction)),
        ]
    graded = _sample("graded", "two graded layers", GRADED, False)
    ends = [(f"{side}{rail}", side, rail, Reversible()) for side in ("left", "right") for rail in ("ion", "electron")]
    return [*found, reciprocity(graded, wired(*ends), settings)]


def _resistance(layers: tuple[CompositeLayer, ...], junction: bool) -> float:
    """Steady resistance [ohm]: every capacitor open."""
    return float(_stack(layers, junction, np.zeros(1), None)[0].real)
