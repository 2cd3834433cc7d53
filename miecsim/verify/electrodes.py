"""Electrodes that people use: mixed conducting oxygen cathodes, and composites of insertion particles."""

from __future__ import annotations

import numpy as np

from miecsim.circuit import cathodes, particles, tlm
from miecsim.circuit.elements import lumped
from miecsim.physics.elements import Admittance, Lumped, Reversible
from miecsim.physics.layers import CompositeLayer, ConductorLayer
from miecsim.physics.models import composite_electrode, mixed_conductor
from miecsim.physics.terminals import Link, preset
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Sample, continuum, direct_current, kramers_kronig, ladder, wired

FAMILY = "electrodes"
AREA = 5.3e-5
SHORT = 1e15  # conductivity of electrons that meet no resistance, in units of that of the ions
ADLER = "Adler, Lane and Steele 1996, 10.1149/1.1837252"
CHAIN = "the same with Z_c → Z_c cosh(θ/2), x → Nθ"

CATHODE = cathodes.als_from_chemical(
    temperature=973.0, gamma=1.37, c_v=913.0, D=7.1e-10, k=3.3e-7, a=2.9e6, eps=0.34, tau=1.9
)
DEPTH = 1.7 * CATHODE.depth
GRAPHITE = particles.Particle("sphere", 4.1e-6, 3.3e-14, 2.7e-5, R_ct=0.0021, C_dl=0.17)
POPULATIONS = [*particles.lognormal_particles(GRAPHITE, 0.43, 0.47, classes=5)]
KAPPA, SIGMA, THICKNESS = 0.037, 0.211, 71.3e-6  # S/m, S/m, m


def _cathode(name: str, title: str, sigma_eon: float, equation: str) -> Sample:
    wall = Lumped(R=1 / CATHODE.exchange, C=CATHODE.c_chem)  # per volume: the area density is 1/m
    layer = CompositeLayer("cathode", DEPTH, CATHODE.sigma_ion, sigma_eon, wall, 1.0)

    def exact(omega: Array) -> Complex:
        if sigma_eon > 1e6 * CATHODE.sigma_ion:
            return np.asarray(cathodes.als_impedance(omega, CATHODE, DEPTH) / AREA)
        return np.asarray(cathodes.als_with_electrons(omega, CATHODE, sigma_eon, DEPTH) / AREA)

    rate = 1 / (2 * np.pi * CATHODE.time)
    return Sample(
        f"{FAMILY}.{name}", title, FAMILY, composite_electrode([layer]), preset("battery"), AREA,
        (1e-2 * rate, 1e3 * rate), exact, equation, ADLER,
    )  # fmt: skip


def _thin_film() -> Sample:
    """A dense film: ions enter through an interface, oxygen leaves at the surface, electrons meet no resistance."""
    sigma, storage, length = 0.0173, 3.1e8, 0.43e-6
    interface, surface = Lumped(R=7.3e-4, C=0.31), Lumped(R=0.0137)
    layer = ConductorLayer("film", length, sigma, SHORT * sigma, storage)
    wiring = wired(
        ("A", "left", "ion", interface), ("B", "right", "electron", Reversible()),
        links=(Link("right", ("ion", "electron"), surface),),
    )  # fmt: skip
    rate = 1 / (2 * np.pi * 0.0137 * storage * length)

    def exact(omega: Array) -> Complex:
        into = lumped(omega, interface.R, interface.C)
        return np.asarray(cathodes.thin_film(omega, sigma, storage, length, 0.0137, into) / AREA)

    return Sample(
        f"{FAMILY}.thin_film", "dense film with surface exchange", FAMILY, mixed_conductor([layer]), wiring, AREA,
        (1e-2 * rate, 1e6 * rate), exact, "Z = Z_int + Z_c(R_s + Z_c tanh x)/(Z_c + R_s tanh x)",
        "Jamnik and Maier 2001, 10.1039/b100180i",
    )  # fmt: skip


def _composite() -> Sample:
    """Log-normal spheres in a composite electrode, their admittance given to the continuum as a law."""

    def law(omega: Array) -> Complex:
        return np.asarray(1 / particles.particle_wall(omega, POPULATIONS, 1.0))

    layer = CompositeLayer("electrode", THICKNESS, KAPPA, SIGMA, Admittance(law), 1.0)
    return Sample(
        f"{FAMILY}.particles", "composite of spheres of many sizes", FAMILY, composite_electrode([layer]),
        preset("battery"), AREA, (1e-4, 3e3),
        lambda omega: particles.porous_electrode(omega, KAPPA, SIGMA, THICKNESS, AREA, POPULATIONS),
        "two-rail line with 1/z_f = A Σ a_v,k/Z_k, Z_k = 1/(jωC_dl + 1/(R_ct + Z_D))",
        "Meyers, Doyle, Darling and Newman 2000, 10.1149/1.1393627",
    )  # fmt: skip


def _chain(omega: Array, cells: int) -> Complex:
    wall = particles.particle_wall(omega, POPULATIONS, AREA)
    line = tlm.ladder_admittance(1 / (KAPPA * AREA), 1 / (SIGMA * AREA), wall, THICKNESS, cells)
    return tlm.two_terminal(tlm.terminate(line, [tlm.Contact(0, 0, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]))


def proofs(settings: Settings) -> list[Proof]:
    """Oxygen cathodes with perfect and with resistive electrons, a dense film, a composite of particles."""
    coth = "Z = R_chem/q coth((L/l) q), q = √(1 + jωt), R_chem = RTγ/(4F²c_v √(D_eff a k))"
    perfect = _cathode("als", "porous oxygen cathode", SHORT * CATHODE.sigma_ion, coth)
    resistive = _cathode(
        "als_electrons", "porous oxygen cathode, resistive electrons", 2.3 * CATHODE.sigma_ion,
        "two-rail line with 1/z_f = A(a/r_s + jωc_chem)",
    )  # fmt: skip
    film, composite = _thin_film(), _composite()
    found = []
    for sample in (perfect, resistive, film, composite):
        found += [continuum(sample, settings), kramers_kronig(sample, settings)]
    steady = CATHODE.R_chem / np.tanh(DEPTH / CATHODE.depth) / AREA
    return [*found, direct_current(perfect, float(steady)), ladder(composite, _chain, settings, CHAIN)]
