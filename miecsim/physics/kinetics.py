"""Insertion kinetics Li+ + e- = Li from electrochemical potentials: at rest where the affinity vanishes, whatever the
free energies, and with a rate that the activities around the surface set.

With eta = Phi_eon - Phi_ion - U (the affinity in volts, positive where lithium leaves the host) and v = eta/V_T,

    Butler-Volmer:         i = i0 [exp(alpha v) - exp(-(1 - alpha) v)]
    Marcus-Hush-Chidsey:   i = 2 i0 sinh(v/2) exp(-v^2/(4 l)) J(v)/J(0),
                           J(v) = int_0^inf exp(-x^2/(4 l)) cosh(x v/(2 l)) / cosh(x/2) dx,

l the reorganisation energy over RT: the integral of Chidsey (Science 251 (1991) 919) with its square completed, scaled
so that i0 is what the charge-transfer resistance V_T/i0 shows at rest; Butler and Volmer's law with alpha = 1/2 as l
grows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.physics.elements import expm1
from miecsim.physics.fluxes import half_share
from miecsim.physics.state import LinearIn, State
from miecsim.typing import Array, Values

# i0 [A/m2] from the concentration of the salt [mol/m3] (1 in a single-ion conductor) and x = c/c_max at the surface.
ExchangeCurrent = Callable[[Values, Values], Values]


@dataclass(frozen=True)
class MassAction:
    """i0 = i_ref (c_e/c_ref)^alpha (1 - x)^alpha x^(1 - alpha) / [(1 - x_ref)^alpha x_ref^(1 - alpha)]  [A/m2].

    i_ref [A/m2] at the salt concentration c_ref [mol/m3] and the stoichiometry x_ref (Newman's form; Doyle, Fuller,
    Newman 1993, 10.1149/1.2221597, with i_ref = F k c_ref^alpha c_max ... at x_ref). In a single-ion conductor the salt
    counts as 1: keep c_ref = 1.
    """

    i_ref: float
    c_ref: float = 1.0
    x_ref: float = 0.5
    alpha: float = 0.5

    def __call__(self, c_e: Values, x: Values) -> Values:
        a = self.alpha
        sites = ((1 - x) / (1 - self.x_ref)) ** a * (x / self.x_ref) ** (1 - a)
        return np.asarray(self.i_ref * (c_e / self.c_ref) ** a * sites)


def rate_constant(k: float, c_max: float, alpha: float = 0.5) -> MassAction:
    """MassAction from i0 = F k c_e^alpha (c_max - c)^alpha c^(1 - alpha), k [m^(2.5)/(mol^0.5 s) where alpha = 0.5]."""
    return MassAction(FARADAY * k * c_max * 0.5, 1.0, 0.5, alpha)


@dataclass(frozen=True)
class Kinetics:
    """i0 [A/m2], a number or a function; alpha the anodic transfer coefficient; reorganisation energy [V] where the law
    is Marcus-Hush-Chidsey (alpha is then not used)."""

    exchange_current: float | ExchangeCurrent
    alpha: float = 0.5
    reorganisation: float | None = None

    def __post_init__(self) -> None:
        i0 = self.exchange_current
        if not callable(i0) and not (np.isfinite(i0) and i0 > 0):
            raise InputError(f"exchange_current: read {i0!r}; expected a positive number of A/m^2")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha: read {self.alpha!r}; expected 0 < alpha < 1")
        if self.reorganisation is not None and not self.reorganisation > 0:
            raise InputError(f"reorganisation: read {self.reorganisation!r}; expected a positive energy in eV")

    def i0(self, c_e: Values, x: Values) -> Values:
        """Exchange current density [A/m2]."""
        law = self.exchange_current
        return law(c_e, x) if callable(law) else np.full(np.shape(x), law) + 0.0 * x

    def current(self, eta: Values, c_e: Values, x: Values, thermal_voltage: float) -> Values:
        """i [A/m2], anodic positive."""
        v, i0 = eta / thermal_voltage, self.i0(c_e, x)
        if self.reorganisation is None:
            return np.asarray(i0 * np.exp(-(1 - self.alpha) * v) * expm1(v))
        return np.asarray(i0 * _marcus(v, self.reorganisation / thermal_voltage))


def _marcus(v: Values, reorganisation: float) -> Values:
    """i/i0: slope 1 at rest, level for |v| beyond the reorganisation energy. J by the trapezoidal rule, which is right
    to rounding for an integrand analytic about the real axis."""
    reach = 40 + 12 * np.sqrt(reorganisation) + float(np.max(np.abs(np.real(v)), initial=0.0))
    half = np.arange(0.25, reach, 0.5)
    x = np.concatenate([-half, half])
    weight = -(x**2) / (4 * reorganisation) - np.abs(x) / 2 - np.log1p(np.exp(-np.abs(x)))

    def twice(at: Values) -> Values:
        # 2 cosh(v/2) with the integrand, so that nothing overflows
        each = weight + ((2 * x - at[..., None]) * at[..., None]) / (4 * reorganisation)
        return np.asarray((np.exp(each + at[..., None] / 2) + np.exp(each - at[..., None] / 2)).sum(axis=-1))

    return np.asarray(2 * np.tanh(v / 2) * twice(v) / twice(np.zeros(1)))


@dataclass(frozen=True)
class Insertion:
    """The reaction between a control volume (left: electrons, salt and, without a film, ions) and the surface of its
    particles (right: lithium and, beneath a film, ions), as a flux that changes its name on the way [A/m2].

    electron leaves on the left with i; lithium leaves on the right with i; ions take it up where they are. A row feeds
    the side on which its field is active, so that one flux serves all three. In a mixed conductor (`mixed`) the
    electrons stay in the host: an ion crosses, lithium's row counts ions, and eta takes the electrons of the surface.
    """

    electron: int
    ion: int
    lithium: int
    anion: int | None
    film: int | None
    c_max: float
    kinetics: Kinetics
    thermal_voltage: float
    mixed: bool = False
    process: str = "charge transfer"
    linear_in: ClassVar[LinearIn] = ""
    share: Array = field(default_factory=half_share)

    @property
    def rows(self) -> tuple[int, ...]:
        ion = self.ion if self.film is None else self.film
        return (self.lithium, ion) if self.mixed else (self.lithium, ion, self.electron)

    @property
    def columns(self) -> tuple[int, ...]:
        salt = () if self.anion is None else (self.anion,)
        return tuple(sorted({*self.rows, self.electron, *salt}))

    def current(self, left: State, right: State) -> Values:
        ions = left.Phi[self.ion] if self.film is None else right.Phi[self.film]
        electrons = right.Phi[self.electron] if self.mixed else left.Phi[self.electron]
        eta = electrons - ions + right.Phi[self.lithium]
        x = right.c[self.lithium] / self.c_max
        c_e = np.ones(np.shape(x)) if self.anion is None else left.c[self.anion]
        i = self.kinetics.current(eta, c_e, x, self.thermal_voltage)
        feeds = [-i, -i if self.film is None else i, i]
        return np.asarray(np.stack(feeds[: len(self.rows)]))
