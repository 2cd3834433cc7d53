"""Circuit elements as plain objects; `compose` joins them. Impedances at omega [rad/s], exp(+j w t).

| class        | symbol | parameters      | impedance                                             | w = 0 | infinity |
|--------------|--------|-----------------|-------------------------------------------------------|-------|----------|
| R            | R      | R               | R                                                     | R     | R        |
| C            | C      | C               | 1/(j w C)                                             | open  | 0        |
| L            | L      | L               | j w L                                                 | 0     | open     |
| CPE          | CPE    | Q, alpha        | 1/(Q (j w)^alpha)                                     | open  | 0        |
| Warburg      | W      | A_W             | A_W (1 - j)/sqrt(w)                                   | open  | 0        |
| WarburgShort | Ws     | R, tau          | R tanh(s)/s, s = sqrt(j w tau)                        | R     | 0        |
| WarburgOpen  | Wo     | R, tau          | R coth(s)/s                                           | open  | 0        |
| Gerischer    | G      | R, tau          | R/sqrt(1 + j w tau)                                   | R     | 0        |
| DeLevie      | Pore   | R               | sqrt(R Z_w) coth sqrt(R/Z_w), Z_w of `wall`; `end`    | as wall and end  |
| TwoRail      | Rails  | R_ion, R_eon    | as `configuration` says, Z_f of `interface`           | as the interface |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit.compose import OPEN, Circuit, Parameter, Value, add, did_you_mean, element_name, one_of
from miecsim.circuit.diffusion import gerischer, warburg_open, warburg_short
from miecsim.circuit.elements import as_complex
from miecsim.circuit.tlm import CONFIGURATIONS, de_levie, two_rail_impedance
from miecsim.errors import InputError
from miecsim.typing import Array, Complex

_DIFFUSION = (Parameter("R", "ohm"), Parameter("tau", "s"))


@dataclass(frozen=True)
class R(Circuit):
    """Resistor, Z = R [ohm]; 0 is a short, infinity an open circuit."""

    symbol = "R"
    PARAMETERS = (Parameter("R", "ohm", closed=(True, True)),)
    ENDS = ("R", "R")
    R: Value = None

    def _inside(self, w: Array) -> Complex:
        return np.full(w.shape, self._numbers()[0], dtype=np.complex128)


@dataclass(frozen=True)
class C(Circuit):
    """Capacitor, Z = 1/(j w C), C [F]."""

    symbol = "C"
    PARAMETERS = (Parameter("C", "F"),)
    ENDS = (OPEN, 0)
    C: Value = None

    def _inside(self, w: Array) -> Complex:
        return as_complex(1 / (1j * w * self._numbers()[0]))


@dataclass(frozen=True)
class L(Circuit):
    """Inductor, Z = j w L, L [H]."""

    symbol = "L"
    PARAMETERS = (Parameter("L", "H"),)
    ENDS = (0, OPEN)
    L: Value = None

    def _inside(self, w: Array) -> Complex:
        return as_complex(1j * w * self._numbers()[0])


@dataclass(frozen=True)
class CPE(Circuit):
    """Constant phase element, Z = 1/(Q (j w)^alpha), Q [F s^(alpha-1)], 0 < alpha <= 1 (1 is a capacitor)."""

    symbol = "CPE"
    PARAMETERS = (Parameter("Q", "F s^(alpha-1)"), Parameter("alpha", "", high=1.0, closed=(False, True)))
    ENDS = (OPEN, 0)
    Q: Value = None
    alpha: Value = None

    def _inside(self, w: Array) -> Complex:
        q, alpha = self._numbers()
        return as_complex(w**-alpha * np.exp(-0.5j * np.pi * alpha) / q)


@dataclass(frozen=True)
class Warburg(Circuit):
    """Semi-infinite diffusion, Z = A_W (1 - j)/sqrt(w), A_W [ohm s^-1/2]. E. Warburg, Ann. Phys. 303 (1899) 493."""

    symbol = "W"
    PARAMETERS = (Parameter("A_W", "ohm s^-1/2"),)
    ENDS = (OPEN, 0)
    A_W: Value = None

    def _inside(self, w: Array) -> Complex:
        return as_complex(self._numbers()[0] * (1 - 1j) / np.sqrt(w))


@dataclass(frozen=True)
class WarburgShort(Circuit):
    """Finite-length (transmissive) diffusion, Z = R tanh(s)/s, s = sqrt(j w tau); R [ohm] at w = 0, tau = l^2/D [s]."""

    symbol = "Ws"
    PARAMETERS = _DIFFUSION
    ENDS = ("R", 0)
    R: Value = None
    tau: Value = None

    def _inside(self, w: Array) -> Complex:
        return warburg_short(w, *self._numbers())


@dataclass(frozen=True)
class WarburgOpen(Circuit):
    """Finite-space (reflective) diffusion, Z = R coth(s)/s, s = sqrt(j w tau): R/3 and a capacity tau/R at low w."""

    symbol = "Wo"
    PARAMETERS = _DIFFUSION
    ENDS = (OPEN, 0)
    R: Value = None
    tau: Value = None

    def _inside(self, w: Array) -> Complex:
        return warburg_open(w, *self._numbers())


@dataclass(frozen=True)
class Gerischer(Circuit):
    """Semi-infinite diffusion with a reaction of rate 1/tau, Z = R/sqrt(1 + j w tau), R [ohm], tau [s]."""

    symbol = "G"
    PARAMETERS = _DIFFUSION
    ENDS = ("R", 0)
    R: Value = None
    tau: Value = None

    def _inside(self, w: Array) -> Complex:
        return gerischer(w, *self._numbers())


@dataclass(frozen=True)
class DeLevie(Circuit):
    """A pore whose wall is any circuit, in totals: Z = sqrt(R Z_w) coth sqrt(R/Z_w), see `tlm.de_levie`.

    R [ohm] along the whole pore, `wall` the impedance [ohm] of the whole wall, `end` that of the pore's bottom (None:
    insulating). R. de Levie, Electrochim. Acta 8 (1963) 751.
    """

    symbol = "Pore"
    PARAMETERS = (Parameter("R", "ohm", closed=(True, False)),)
    PARTS = ("wall", "end")
    OPTIONAL = ("end",)
    R: Value = None
    wall: Circuit | None = None
    end: Circuit | None = None

    def _at(self, w: Array) -> Complex:
        (rail,) = self._numbers()
        wall, *ends = (part._at(w) for part in self.parts)
        bottom = ends[0] if ends else np.full_like(wall, OPEN)
        opened, shorted = np.isinf(wall), wall == 0
        z = de_levie(rail, np.where(opened | shorted, 1, wall), 1.0, bottom if ends else None)
        return np.where(shorted, 0, np.where(opened, add([as_complex(rail), bottom]), z))


@dataclass(frozen=True)
class TwoRail(Circuit):
    """A two-rail line between named terminals, in totals: R_ion, R_eon [ohm] along the rails, see `tlm`.

    `interface` is any circuit, the impedance [ohm] of the whole interface between the rails; `configuration` names the
    terminals as in `tlm.two_rail_impedance` (ions are rail 1, electrons rail 2), whose formulas it evaluates.
    """

    symbol = "Rails"
    PARAMETERS = (
        Parameter("R_ion", "ohm", closed=(True, False)),
        Parameter("R_eon", "ohm", closed=(True, False)),
    )
    PARTS = ("interface",)
    R_ion: Value = None
    R_eon: Value = None
    interface: Circuit | None = None
    configuration: str = "ie"

    def __post_init__(self) -> None:
        super().__post_init__()
        name, read = element_name(self), self.configuration
        if read not in CONFIGURATIONS:
            near = did_you_mean(read, CONFIGURATIONS)
            raise InputError(f"{name}: configuration: read {read!r}; expected {one_of(CONFIGURATIONS)}{near}")
        if self.R_ion == 0 and self.R_eon == 0:
            raise InputError(f"{name}: R_ion, R_eon: read 0 and 0; expected at most one of them to be 0")

    def _at(self, w: Array) -> Complex:
        ion, eon = self._numbers()
        interface = self.parts[0]._at(w)
        opened, shorted = np.isinf(interface), interface == 0
        z = two_rail_impedance(ion, eon, np.where(opened | shorted, 1, interface), 1.0, self.configuration)
        through = ion * eon / (ion + eon)
        # what is left of the line without its interface, and with one that joins the rails everywhere
        alone = dict(ee=eon, ii=ion, i_both=ion, e_both=eon, both_both=through, ie_same_short=ion + eon)
        joined = 0 if self.configuration in ("ie_same", "ie_same_short", "ii_ee") else through
        return np.where(opened, alone.get(self.configuration, OPEN), np.where(shorted, joined, z))
