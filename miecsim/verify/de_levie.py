"""de Levie's porous electrode: a resistive pore in an ideally conducting wall."""

from __future__ import annotations

import numpy as np

from miecsim.circuit import tlm
from miecsim.circuit.elements import lumped
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import CompositeLayer
from miecsim.physics.models import composite_electrode
from miecsim.physics.terminals import Link, preset
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Sample, continuum, direct_current, kramers_kronig, ladder

FAMILY = "de_levie"
SOURCE = "de Levie 1963, 10.1016/0013-4686(63)80042-0"
LENGTH, AREA, SIGMA, DENSITY = 83.7e-6, 2.9e-5, 0.0113, 3.1e5
WALL_CONDUCTS = 1e15  # times better than the pore: its resistance is lost in rounding

WALLS = {
    "blocking": ("capacitor wall", Lumped(C=0.137)),
    "faradaic": ("R || C wall", Lumped(R=0.0087, C=0.173)),
    "cpe": ("R || CPE wall", Lumped(R=0.0213, Q=0.11, alpha=0.86)),
}
BOTTOM = Lumped(R=0.0091, C=0.31)  # per area of the pore's bottom


def _wall(law: Lumped, omega: Array) -> Complex:
    """z_w [ohm m]: wall impedance times length of the whole electrode."""
    return lumped(omega, law.R, law.C, law.Q, law.alpha) / (AREA * DENSITY)


def _sample(name: str, title: str, law: Lumped, bottom: Lumped | None) -> Sample:
    layer = CompositeLayer("electrode", LENGTH, SIGMA, WALL_CONDUCTS * SIGMA, law, DENSITY)
    wiring = preset("battery")
    if bottom is not None:
        wiring = type(wiring)(wiring.terminals, (Link("right", ("ion", "electron"), bottom),))

    def exact(omega: Array) -> Complex:
        end = None if bottom is None else lumped(omega, bottom.R, bottom.C) / AREA
        return tlm.de_levie(1 / (SIGMA * AREA), _wall(law, omega), LENGTH, end)

    ended = "Z = Z_c (Z_e + Z_c tanh x)/(Z_c + Z_e tanh x), Z_c = √(r z_w), x = L√(r/z_w)"
    opened = "Z = √(r z_w) coth(L √(r/z_w))"
    return Sample(
        f"{FAMILY}.{name}", title, FAMILY, composite_electrode([layer]), wiring, AREA, (3e-3, 2.1e3), exact,
        opened if bottom is None else ended, SOURCE,
    )  # fmt: skip


def continued_fraction(law: Lumped, bottom: Lumped | None, omega: Array, cells: int) -> Complex:
    """The pore as N cells, each r h/2, wall, r h/2: from the bottom up as a continued fraction."""
    h = LENGTH / cells
    half, wall = h / (2 * SIGMA * AREA), _wall(law, omega) / h
    admittance = np.zeros(omega.size, complex)
    if bottom is not None:
        admittance = 1 / (half + lumped(omega, bottom.R, bottom.C) / AREA)
    for _ in range(cells):
        Z = half + 1 / (1 / wall + admittance)
        admittance = 1 / (half + Z)
    return Z


def proofs(settings: Settings) -> list[Proof]:
    """Three walls, a pore with a conducting bottom, and the resistance of a faradaic wall."""
    found = []
    cases: list[tuple[str, str, Lumped, Lumped | None]] = [(name, *rest, None) for name, rest in WALLS.items()]
    cases.append(("bottom", "R || C wall, conducting bottom", WALLS["faradaic"][1], BOTTOM))
    for name, title, law, bottom in cases:
        sample = _sample(name, f"pore, {title}", law, bottom)

        def formula(omega: Array, n: int, law: Lumped = law, bottom: Lumped | None = bottom) -> Complex:
            return continued_fraction(law, bottom, omega, n)

        fraction = "Z = rh/2 + 1/(h/z_w + 1/(rh + 1/(h/z_w + …)))"
        found += [continuum(sample, settings), ladder(sample, formula, settings, fraction)]
        found.append(kramers_kronig(sample, settings))
        if name == "faradaic":
            r_ion, r_ct = LENGTH / (SIGMA * AREA), float(law.R or 0) / (AREA * DENSITY * LENGTH)
            x = np.sqrt(r_ion / r_ct)
            found.append(direct_current(sample, float(np.sqrt(r_ion * r_ct) / np.tanh(x))))
    return found
