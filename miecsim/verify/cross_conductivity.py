"""Two rails whose currents drag each other: i_k = -sum_m sigma_km Phi_m', an exact transformation of the plain line."""

from __future__ import annotations

from dataclasses import replace

from miecsim.circuit import tlm
from miecsim.physics.elements import Reversible
from miecsim.physics.models import composite_electrode
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Sample, continuum, direct_current, kramers_kronig, ladder, reciprocity, wired
from miecsim.verify.two_rail import AREA, CHAIN, LENGTH, configuration, electrode, steady_wall, wall

FAMILY = "cross_conductivity"
SIGMA = (0.0431, 0.0713, 0.0317)  # S/m: ions, electrons, cross
EQUATION = "Z = ρ₁₂ L + Z_two-rail(z₁ = ρ₁₁ − ρ₁₂, z₂ = ρ₂₂ − ρ₁₂), ρ = σ⁻¹"
SOURCE = "Onsager 1931, 10.1103/PhysRev.37.405; transformation derived for miecsim"


def _sample(name: str) -> Sample:
    layer = replace(electrode(), sigma_ion=SIGMA[0], sigma_eon=SIGMA[1], sigma_cross=SIGMA[2])
    z1, z2, z12 = tlm.rail_resistances(SIGMA[0], SIGMA[1], AREA, SIGMA[2])
    return replace(
        configuration(name),
        id=f"{FAMILY}.{name}",
        family=FAMILY,
        model=composite_electrode([layer]),
        exact=lambda omega: tlm.two_rail_impedance(z1, z2, wall(omega), LENGTH, name, z12),
        equation=EQUATION,
        source=SOURCE,
    )


def _chain(omega: Array, cells: int) -> Complex:
    z1, z2, z12 = tlm.rail_resistances(SIGMA[0], SIGMA[1], AREA, SIGMA[2])
    line = tlm.ladder_admittance(z1, z2, wall(omega), LENGTH, cells, z12)
    return tlm.two_terminal(tlm.terminate(line, [tlm.Contact(0, 0, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]))


def proofs(settings: Settings) -> list[Proof]:
    """Four configurations; ladder, causality, steady slope and reciprocity of the battery."""
    found = [continuum(_sample(name), settings) for name in ("ie", "ee", "ii", "ie_same", "both_both")]
    battery = _sample("ie")
    z1, z2, z12 = tlm.rail_resistances(SIGMA[0], SIGMA[1], AREA, SIGMA[2])
    steady = tlm.two_rail_impedance(z1, z2, steady_wall(), LENGTH, "ie", z12)[0].real
    found += [
        ladder(battery, _chain, settings, CHAIN),
        kramers_kronig(battery, settings),
        direct_current(battery, float(steady)),
    ]
    ends = [(f"{side}{rail}", side, rail, Reversible()) for side in ("left", "right") for rail in ("ion", "electron")]
    return [*found, reciprocity(battery, wired(*ends), settings)]
