"""Mixed conductors, from coefficients and from carriers of any charge, between contacts of every kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit import mixed, tlm
from miecsim.circuit.elements import lumped
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer, ConductorLayer
from miecsim.physics.models import Model, mixed_conductor
from miecsim.physics.terminals import Link, Wiring
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Sample, continuum, direct_current, kramers_kronig, ladder, reciprocity, wired

FAMILY = "mixed_conductor"
AREA, LENGTH, TEMPERATURE = 2.3e-5, 91.7e-6, 871.0
JAMNIK = "Jamnik and Maier 1999, 10.1149/1.1392611; 2001, 10.1039/b100180i"
LAI = "Lai and Haile 2005, J. Am. Ceram. Soc. 88, 2979"
GENERAL = "Z = L/σA + 2[Z_a Z_b + X(t_i² Z_a + t_e² Z_b)]/(Z_a + Z_b + X), X = Z_c tanh(L/2λ)"
DROP = "Z = R_∞ + (R_0 − R_∞) tanh s/s, s = √(jωL²/4D̃)"
ENDED = "Y of the line with z_f = 1/(jω c_chem A), contacts eliminated"
CHAIN = "the same with Z_c → Z_c cosh(θ/2), x → Nθ"

End = tuple[str, str, str, Lumped]
LATTICE = (1300.0, 87.0)  # sites of ions and electrons of a lattice gas, mol/m3
ASYMMETRIC: tuple[End, ...] = (  # ohm m2, F/m2
    ("A", "left", "ion", Lumped(R=1.9e-3, C=0.41)),
    ("A", "left", "electron", Lumped(R=2.3e-4, C=0.17)),
    ("B", "right", "ion", Lumped(C=0.73)),
    ("B", "right", "electron", Lumped(R=7.1e-4)),
)


@dataclass(frozen=True)
class Material:
    """A model of one layer with the coefficients that its line has: S/m, S/m, F/m3."""

    model: Model
    sigma_ion: float
    sigma_eon: float
    c_chem: float

    @property
    def band(self) -> tuple[float, float]:
        """From below to above the relaxation of the neutral component [Hz]."""
        ambipolar = self.sigma_ion * self.sigma_eon / (self.sigma_ion + self.sigma_eon)
        rate = ambipolar / self.c_chem / LENGTH**2
        return 3e-2 * rate, 3e2 * rate

    @property
    def rails(self) -> tuple[float, float]:
        """z_1, z_2 [ohm/m]."""
        return 1 / (self.sigma_ion * AREA), 1 / (self.sigma_eon * AREA)


def coefficients() -> Material:
    """A layer stated by its coefficients."""
    sigma_ion, sigma_eon, c_chem = 0.0131, 0.417, 2.9e6
    layer = ConductorLayer("film", LENGTH, sigma_ion, sigma_eon, c_chem)
    return Material(mixed_conductor([layer], temperature=TEMPERATURE), sigma_ion, sigma_eon, c_chem)


def dilute(charges: tuple[int, int], concentrations: tuple[float, float], D: tuple[float, float]) -> Material:
    """A layer stated by its carriers, coefficients from the closed form."""
    p = mixed.mixed_conductor_parameters(charges, concentrations, D, TEMPERATURE)
    rows = zip(("ion", "electron"), charges, concentrations, D, strict=True)
    layer = ChargedLayer("oxide", LENGTH, tuple(CarrierIn(*row) for row in rows))
    return Material(mixed_conductor([layer], temperature=TEMPERATURE), p.sigma_ion, p.sigma_eon, p.c_chem)


def lattice_gas() -> Material:
    """Carriers on limited sites: W_k = 1/(1 - c_k/N_k), c_chem = (F/V_T)/sum W_k/(z_k^2 c_k)."""
    charges, c, D = (2, -1), (310.0, 39.0), (4.3e-11, 2.3e-9)
    rows = zip(("ion", "electron"), charges, c, D, LATTICE, strict=True)
    carriers = tuple(CarrierIn(name, z, c_k, D_k, site_density=N) for name, z, c_k, D_k, N in rows)
    model = mixed_conductor([ChargedLayer("oxide", LENGTH, carriers)], temperature=TEMPERATURE)
    scale = FARADAY / thermal_voltage(TEMPERATURE)
    stiffness = sum(1 / (z * z * c_k * (1 - c_k / N)) for z, c_k, N in zip(charges, c, LATTICE, strict=True))
    sigma = [scale * z * z * c_k * D_k for z, c_k, D_k in zip(charges, c, D, strict=True)]
    return Material(model, sigma[0], sigma[1], scale / stiffness)


def _impedance(law: Lumped, omega: Array) -> Complex:
    return lumped(omega, law.R, law.C) / AREA


def _symmetric(
    name: str, title: str, m: Material, ion: Lumped | None, electron: Lumped | None, equation: str, source: str
) -> Sample:
    """Equal contacts on either side: ions blocked without `ion`, electrons reversible without `electron`."""
    ends = [
        (pole, side, rail, law)
        for pole, side in (("A", "left"), ("B", "right"))
        for rail, law in (("ion", ion), ("electron", electron or Reversible()))
        if law is not None
    ]

    def exact(omega: Array) -> Complex:
        a = np.inf if ion is None else _impedance(ion, omega)
        b = 0.0 if electron is None else _impedance(electron, omega)
        return mixed.symmetric_mixed_conductor(omega, m.sigma_ion, m.sigma_eon, m.c_chem, LENGTH, AREA, a, b)

    return Sample(f"{FAMILY}.{name}", title, FAMILY, m.model, wired(*ends), AREA, m.band, exact, equation, source)


def _terminated(m: Material, ends: tuple[End, ...], omega: Array, cells: int | None) -> Complex:
    """The line of the continuum, or of N cells, with its contacts."""
    z_f = np.asarray(1 / (1j * omega * m.c_chem * AREA))
    if cells is None:
        line = tlm.two_rail_admittance(*m.rails, z_f, LENGTH)
    else:
        line = tlm.ladder_admittance(*m.rails, z_f, LENGTH, cells)
    contacts = [
        tlm.Contact("AB".index(pole), ("ion", "electron").index(rail), "left" if side == "left" else "right",
                    _impedance(law, omega))
        for pole, side, rail, law in ends
    ]  # fmt: skip
    return tlm.two_terminal(tlm.terminate(line, contacts))


def _film() -> Sample:
    """An ion line on an electron-blocking substrate, its surface exchanging with the gas."""
    sigma, storage = 3.1e-4, 7.3e6
    layer = ConductorLayer("film", LENGTH, sigma, 1e15 * sigma, storage)
    into, surface, substrate = Lumped(R=0.011), Lumped(R=0.37, C=310.0), Lumped(C=1.3)
    links = (Link("left", ("ion", "electron"), substrate), Link("right", ("ion", "electron"), surface))
    wiring = wired(("A", "left", "ion", into), ("B", "right", "electron", Reversible()), links=links)
    rate = sigma / storage / LENGTH**2
    return Sample(
        f"{FAMILY}.film", "film on a substrate that blocks electrons", FAMILY,
        mixed_conductor([layer], temperature=TEMPERATURE), wiring, AREA, (1e-2 * rate, 3e2 * rate),
        lambda omega: mixed.film_on_blocking_substrate(
            omega, 0.011 / AREA, LENGTH / (sigma * AREA), storage * LENGTH * AREA, 1.3 * AREA, 0.37 / AREA, 310.0 * AREA
        ),
        "Z = R_0 + [R_i z_d tanh a + z_d z_a a]/[(R_i + z_a z_d a²/R_i) tanh a + (z_a + z_d) a]",
        "La1-xSrxMnO3 microelectrodes, github.com/hailegroup/LSM-type_fitting",
    )  # fmt: skip


def _materials() -> dict[str, tuple[str, Material]]:
    return {
        "coefficients": ("coefficients", coefficients()),
        "carriers": ("carriers z = 2, −1", dilute((2, -1), (310.0, 14.0), (3.1e-11, 2.3e-8))),
        "high_charge": ("carriers z = 3, −2", dilute((3, -2), (83.0, 51.0), (1.7e-11, 4.9e-11))),
        "lattice_gas": ("lattice gas", lattice_gas()),
    }


def proofs(settings: Settings) -> list[Proof]:
    """Each material with ions blocked, behind contacts, and asymmetric; the film on a blocking substrate."""
    found = []
    for name, (title, m) in _materials().items():
        drop = _symmetric(f"{name}.blocked", f"{title}, ions blocked", m, None, None, DROP, JAMNIK)
        found += [continuum(drop, settings), kramers_kronig(drop, settings)]
        found.append(direct_current(drop, LENGTH / (m.sigma_eon * AREA)))
        contacted = _symmetric(
            f"{name}.contacts", f"{title}, C for ions, R || C for electrons", m, Lumped(C=0.37),
            Lumped(R=3.1e-4, C=0.11), GENERAL, LAI,
        )  # fmt: skip
        found.append(continuum(contacted, settings))
        found += _asymmetric(f"{name}.asymmetric", f"{title}, four different contacts", m, settings)
    film = _film()
    return [*found, continuum(film, settings), kramers_kronig(film, settings)]


def _asymmetric(name: str, title: str, m: Material, settings: Settings) -> list[Proof]:
    sample = Sample(
        f"{FAMILY}.{name}", title, FAMILY, m.model, wired(*ASYMMETRIC), AREA, m.band,
        lambda omega: _terminated(m, ASYMMETRIC, omega, None), ENDED, LAI,
    )  # fmt: skip
    apart: Wiring = wired(*((f"{pole} {rail}", side, rail, law) for pole, side, rail, law in ASYMMETRIC))
    return [
        continuum(sample, settings),
        ladder(sample, lambda omega, n: _terminated(m, ASYMMETRIC, omega, n), settings, CHAIN),
        reciprocity(sample, apart, settings),
    ]
