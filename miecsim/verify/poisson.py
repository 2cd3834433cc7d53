"""Space charge: Poisson-Nernst-Planck cells about a flat state, for any charges, diffusivities and contacts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.circuit import mixed, pnp
from miecsim.circuit.pnp import FlatContact
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer, ConductorLayer
from miecsim.physics.models import mixed_conductor, nernst_planck_poisson
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import Formula, Sample, continuum, direct_current, kramers_kronig, reciprocity, wired

FAMILY = "poisson"
AREA, TEMPERATURE, PERMITTIVITY = 7.9e-5, 317.0, 3.3e-10
WIDTH = 13.7  # thickness in Debye lengths
STERN = 0.083  # F/m2
LEAK = 0.0021  # ohm m2
MACDONALD = "Macdonald 1953, 10.1103/PhysRev.92.4"
MODES = "n_s'' = Σ_k M_sk n_k, M = diag(jω/D_s) + [z_s c_s z_k F²/(εRT)], Poisson, linear contacts"
EQUAL = "Z = 2/(jωεA b²) {tanh(bL/2)/(λ_D² b) + jωL/(2D)}, b² = λ_D⁻² + jω/D"
DIFFUSE = "Bazant, Thornton and Ajdari 2004, 10.1103/PhysRevE.70.021506; Jamnik and Maier 1999, 10.1149/1.1392611"

Species = tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]  # z, mol/m3, m2/s
BINARY: Species = ((1, -1), (1.13, 1.13), (5.3e-11, 5.3e-11))
ONE: Species = ((2,), (0.27,), (3.4e-10,))
UNEQUAL: Species = ((1, -2), (7.4, 3.7), (3.1e-11, 9.5e-11))
THREE: Species = ((3, -1, 1), (0.41, 1.93, 0.70), (1.7e-11, 2.3e-10, 7.1e-11))


def _length(species: Species) -> float:
    return WIDTH * pnp.debye_length(species[0], species[1], PERMITTIVITY, TEMPERATURE)


def _names(species: Species) -> list[str]:
    return [f"species {i + 1}" for i in range(len(species[0]))]


def _sample(
    name: str, title: str, species: Species, contacts: Sequence[tuple[str, str, Lumped | Reversible]], exact: Formula,
    equation: str, source: str,
) -> Sample:  # fmt: skip
    """A cell of `species`; contacts as (side, carrier, law)."""
    rows = zip(_names(species), *species, strict=True)
    layer = ChargedLayer("electrolyte", _length(species), tuple(CarrierIn(*row) for row in rows), PERMITTIVITY, None)
    wiring = wired(*(("A" if side == "left" else "B", side, carrier, law) for side, carrier, law in contacts))
    # slow diffusion across the cell, and the relaxation of space charge
    band = (0.1 * min(species[2]) / _length(species) ** 2, 30 * max(species[2]) * (WIDTH / _length(species)) ** 2)
    model = nernst_planck_poisson([layer], temperature=TEMPERATURE)
    return Sample(f"{FAMILY}.{name}", title, FAMILY, model, wiring, AREA, band, exact, equation, source)


def _general(species: Species, left: FlatContact, right: FlatContact) -> Formula:
    def exact(omega: Array) -> Complex:
        cell = (PERMITTIVITY, _length(species), TEMPERATURE)
        return np.asarray(pnp.linear_pnp_impedance(omega, *species, *cell, left, right) / AREA)

    return exact


def _equal(species: Species, stern: float | None) -> Formula:
    z, c, D = species

    def exact(omega: Array) -> Complex:
        Z = pnp.macdonald_impedance(omega, z, c, D[0], PERMITTIVITY, _length(species), TEMPERATURE, stern)
        return np.asarray(Z / AREA)

    return exact


METAL: tuple[tuple[str, str, Lumped | Reversible], ...] = (
    ("left", "potential", Reversible()),
    ("right", "potential", Reversible()),
)
COATED: tuple[tuple[str, str, Lumped | Reversible], ...] = (
    ("left", "potential", Lumped(C=STERN)),
    ("right", "potential", Lumped(C=STERN)),
)


def _samples() -> list[Sample]:
    blocked = FlatContact()
    leaky = (*METAL, ("left", "species 1", Lumped(R=LEAK)), ("right", "species 1", Reversible()))
    passing = [(side, name, Reversible()) for side in ("left", "right") for name in _names(UNEQUAL)]
    return [
        _sample("macdonald", "binary, equal D, blocked", BINARY, METAL, _equal(BINARY, None), EQUAL, MACDONALD),
        _sample("one_mobile", "one mobile species, blocked", ONE, METAL, _equal(ONE, None), EQUAL, MACDONALD),
        _sample("stern", "binary behind Stern layers", BINARY, COATED, _equal(BINARY, STERN), EQUAL + " + 2/(jωC_S A)",
                MACDONALD),
        _sample("unequal", "z = 1, −2, unequal D, blocked", UNEQUAL, METAL, _general(UNEQUAL, blocked, blocked), MODES,
                DIFFUSE),
        _sample("three", "z = 3, −1, 1, blocked", THREE, METAL, _general(THREE, blocked, blocked), MODES, DIFFUSE),
        _sample("leaky", "cation through R and reversible, anion blocked", UNEQUAL, leaky,
                _general(UNEQUAL, FlatContact(None, (1 / LEAK, 0.0)), FlatContact(None, (np.inf, 0.0))), MODES,
                DIFFUSE),
        _sample("reversible", "all species reversible", UNEQUAL, [*METAL, *passing],
                _general(UNEQUAL, *[FlatContact(None, (np.inf, np.inf))] * 2), "Z = L/((σ + jωε)A)", DIFFUSE),
    ]  # fmt: skip


def _dielectric() -> Sample:
    """A mixed conductor by coefficients with its dielectric rail: ions behind a capacitor, electrons reversible."""
    sigma, kappa, permittivity = (0.0131, 0.209), (3.1e6, 0.9e6), 4.1e-9
    length = WIDTH * float(np.sqrt(permittivity / sum(kappa)))
    layer = ConductorLayer(
        "film", length, *sigma, capacitance_ion=kappa[0], capacitance_eon=kappa[1], permittivity=permittivity
    )
    double_layer, stern = 0.37, 0.057  # F/m2
    ends = [
        (pole, side, carrier, law)
        for pole, side in (("A", "left"), ("B", "right"))
        for carrier, law in (
            ("ion", Lumped(C=double_layer)), ("electron", Reversible()), ("potential", Lumped(C=stern)),
        )
    ]  # fmt: skip

    def exact(omega: Array) -> Complex:
        contact = FlatContact(stern, (np.asarray(1j * omega * double_layer), np.inf))
        return np.asarray(pnp.rails_impedance(omega, sigma, kappa, permittivity, length, contact, contact) / AREA)

    rates = [s / k / length**2 for s, k in zip(sigma, kappa, strict=True)]
    return Sample(
        f"{FAMILY}.dielectric", "mixed conductor with dielectric rail", FAMILY,
        mixed_conductor([layer], temperature=TEMPERATURE), wired(*ends), AREA,
        (0.1 * min(rates), 30 * max(rates) * WIDTH**2), exact,
        "σ_k Φ_k'' = jω κ_k(Φ_k − φ), jωε φ'' = −jω Σ κ_k(Φ_k − φ)", DIFFUSE,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Every cell against its closed form and Kramers-Kronig; steady conduction where something passes."""
    samples = [*_samples(), _dielectric()]
    found = []
    for sample in samples:
        found += [continuum(sample, settings), kramers_kronig(sample, settings)]
    by_name = {sample.id.partition(".")[2]: sample for sample in samples}
    leaky, passing = by_name["leaky"], by_name["reversible"]
    p = mixed.mixed_conductor_parameters(*UNEQUAL, TEMPERATURE)
    found.append(direct_current(leaky, (_length(UNEQUAL) / p.sigma_ion + LEAK) / AREA))
    found.append(direct_current(passing, _length(UNEQUAL) / (p.sigma_ion + p.sigma_eon) / AREA))
    ends = [(f"{side} {name}", side, name, Reversible()) for side in ("left", "right") for name in _names(UNEQUAL)] + [
        (f"{side} metal", side, "potential", Lumped(C=STERN)) for side in ("left", "right")
    ]
    return [*found, reciprocity(by_name["unequal"], wired(*ends), settings)]
