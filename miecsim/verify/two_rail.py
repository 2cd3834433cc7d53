"""The two-rail line in every configuration of its terminals, with impedances and links at its ends."""

from __future__ import annotations

from miecsim.circuit import tlm
from miecsim.circuit.elements import lumped
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CompositeLayer
from miecsim.physics.models import composite_electrode
from miecsim.physics.terminals import Link, Wiring, preset
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Proof, Settings
from miecsim.verify.samples import (
    Sample,
    continuum,
    direct_current,
    kramers_kronig,
    ladder,
    reciprocity,
    wired,
)

FAMILY = "two_rail"
SOURCE = "Paasch 1993, 10.1016/0013-4686(93)85083-B; Bisquert 2000, 10.1021/jp993148h"
LENGTH, AREA, DENSITY = 74.3e-6, 3.3e-5, 3.2e5
SIGMA = (0.0393, 0.0157)  # S/m, ions and electrons
WALL = Lumped(R=0.0257, Q=0.137, alpha=0.83)
BAND = (2e-2, 3.1e4)
CHAIN = "the same with Z_c → Z_c cosh(θ/2), x → Nθ, sinh(θ/2) = (h/2)√(z_s/z_f)"

# configuration -> (preset, links, equation, low-frequency resistance of a faradaic wall or None)
EQUATIONS = {
    "ie": "Z = z_p(L + 2λ/sinh x) + λ (z₁² + z₂²)/z_s coth x",
    "ee": "Z = z_p L + 2λ z₂²/z_s tanh(x/2)",
    "ii": "Z = z_p L + 2λ z₁²/z_s tanh(x/2)",
    "ie_same": "Z = Z_c coth x",
    "ie_same_short": "Z = Z_c tanh x",
    "i_both": "Z = z_p L + λ z₁²/z_s tanh x",
    "e_both": "Z = z_p L + λ z₂²/z_s tanh x",
    "both_both": "Z = z_p L",
    "ii_ee": "Z = (Z_c/2) coth(x/2)",
}
PRESETS = {
    "ie": "battery",
    "ee": "ion_blocking",
    "ii": "electron_blocking",
    "ie_same": "both_rails_left",
    "ie_same_short": "both_rails_left",
    "i_both": "ion_both",
    "e_both": "electron_both",
    "both_both": "symmetric",
    "ii_ee": "both_rails_each_pole",
}
# What joins each rail end to its pole, and the rails to each other [ohm m2, F/m2]
ENDS = {
    ("A", "left", "ion"): Lumped(R=0.0137, C=0.071, Rs=0.0011),
    ("A", "left", "electron"): Lumped(R=0.0291, C=0.013),
    ("B", "right", "ion"): Lumped(R=0.0083, Q=0.19, alpha=0.91),
    ("B", "right", "electron"): Lumped(R=0.0019),
}
LINKS = {"left": Lumped(R=0.0413, C=0.029), "right": Lumped(R=0.0177, C=0.0043, Rs=0.0021)}


def rails() -> tuple[float, float]:
    """z_1, z_2 [ohm/m]."""
    return 1 / (SIGMA[0] * AREA), 1 / (SIGMA[1] * AREA)


def wall(omega: Array) -> Complex:
    """z_f [ohm m]."""
    return element(WALL, omega) / DENSITY


def steady_wall() -> float:
    """z_f [ohm m] of a steady current: R_ct/(A a_v)."""
    return float(WALL.R or 0) / (AREA * DENSITY)


def element(law: Lumped, omega: Array) -> Complex:
    """Impedance [ohm] of a law on the electrode's area."""
    return lumped(omega, law.R, law.C, law.Q, law.alpha, law.Rs) / AREA


def electrode() -> CompositeLayer:
    return CompositeLayer("electrode", LENGTH, *SIGMA, WALL, DENSITY)


def configuration(name: str) -> Sample:
    """One of the nine configurations."""
    wiring = preset(PRESETS[name])
    if name == "ie_same_short":
        wiring = Wiring(wiring.terminals, (Link("right", ("ion", "electron"), Reversible()),))
    return Sample(
        f"{FAMILY}.{name}", f"terminals {name}", FAMILY, composite_electrode([electrode()]), wiring, AREA, BAND,
        lambda omega: tlm.two_rail_impedance(*rails(), wall(omega), LENGTH, name), EQUATIONS[name], SOURCE,
    )  # fmt: skip


def chain(name: str, omega: Array, cells: int) -> Complex:
    """The N-cell ladder, wired as the configuration says."""
    line = tlm.ladder_admittance(*rails(), wall(omega), LENGTH, cells)
    return tlm.two_terminal(tlm.terminate(line, *terminals(name)))


def terminals(name: str) -> tuple[list[tlm.Contact], list[tuple[tlm.Side, float]]]:
    """Contacts and links of a configuration."""
    ends = [
        tlm.Contact(port, ("ion", "electron").index(c.carrier), "left" if c.side == "left" else "right", 0.0)
        for port, terminal in enumerate(preset(PRESETS[name]).terminals)
        for c in terminal.contacts
    ]
    return ends, [("right", 0.0)] if name == "ie_same_short" else []


def _ended() -> Sample:
    """Impedances at all four rail ends and between the rails at both ends."""
    links = tuple(Link(side, ("ion", "electron"), law) for side, law in LINKS.items())
    wiring = wired(*((*end, law) for end, law in ENDS.items()), links=links)
    return Sample(
        f"{FAMILY}.ends", "impedances at all four rail ends, links between the rails", FAMILY,
        composite_electrode([electrode()]), wiring, AREA, BAND,
        lambda omega: _network(tlm.two_rail_admittance(*rails(), wall(omega), LENGTH), omega),
        "Y(0,0) = g vvᵀ + (coth x/Z_c) ssᵀ, Y(0,L) = −g vvᵀ − (csch x/Z_c) ssᵀ; ends eliminated", SOURCE,
    )  # fmt: skip


def _network(line: Complex, omega: Array) -> Complex:
    contacts = [
        tlm.Contact("AB".index(pole), ("ion", "electron").index(rail), "left" if side == "left" else "right",
                    element(law, omega))
        for (pole, side, rail), law in ENDS.items()
    ]  # fmt: skip
    links: list[tuple[tlm.Side, Complex]] = [("left", element(LINKS["left"], omega))]
    links.append(("right", element(LINKS["right"], omega)))
    return tlm.two_terminal(tlm.terminate(line, contacts, links))


def _resistance(name: str) -> float:
    """Steady resistance [ohm] in closed form."""
    return float(tlm.two_rail_impedance(*rails(), steady_wall(), LENGTH, name)[0].real)


def proofs(settings: Settings) -> list[Proof]:
    """Each configuration against its formula and its ladder; causality, steady slope and reciprocity."""
    found = []
    for name in tlm.CONFIGURATIONS:
        sample = configuration(name)
        found.append(continuum(sample, settings))
        found.append(ladder(sample, lambda omega, n, name=name: chain(name, omega, n), settings, CHAIN))  # type: ignore[misc]
        if name != "both_both":  # a resistance at every frequency
            found.append(kramers_kronig(sample, settings))
        found.append(direct_current(sample, _resistance(name)))
    ends = _ended()

    def drawn(omega: Array, n: int) -> Complex:
        return _network(tlm.ladder_admittance(*rails(), wall(omega), LENGTH, n), omega)

    found += [continuum(ends, settings), ladder(ends, drawn, settings, CHAIN), kramers_kronig(ends, settings)]
    apart = wired(*((f"{pole}{rail}", side, rail, law) for (pole, side, rail), law in ENDS.items()))
    found.append(reciprocity(ends, apart, settings))
    free = wired(*((f"{pole}{rail}", side, rail, Reversible()) for pole, side, rail in ENDS))
    found.append(reciprocity(configuration("ie"), free, settings))
    return found
