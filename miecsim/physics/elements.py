"""Laws of a two-pole: what joins a rail to a terminal, or two rails to each other, per unit area.

Every element has i = current(v) + d/dt charge(v) in the time domain and, linearised,
y(w) = conductance + i w capacitance + excess(w) [S/m2], where `excess` vanishes as w -> 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Complex, Values


@dataclass(frozen=True)
class Reversible:
    """No impedance at all: the two poles share one electrochemical potential."""


@dataclass(frozen=True)
class Lumped:
    """Z(w) = Rs + 1 / (1/R + i w C + Q (i w)^alpha)  [ohm m2]; an absent branch is None.

    R, Rs in ohm m2; C in F/m2; Q in F s^(alpha-1)/m2. A constant phase element has no time-domain charge: in a steady
    state it carries no current, and in a transient it must be replaced by a ladder.
    """

    R: float | None = None
    C: float | None = None
    Q: float | None = None
    alpha: float = 1.0
    Rs: float = 0.0

    def __post_init__(self) -> None:
        for name in ("R", "C", "Q"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}: read {value!r}; expected a positive number, or None for an absent branch")
        if not 0 < self.alpha <= 1:
            raise InputError(f"alpha: read {self.alpha!r}; expected 0 < alpha <= 1")
        if not (np.isfinite(self.Rs) and self.Rs >= 0):
            raise InputError(f"Rs: read {self.Rs!r}; expected zero or a positive number")
        if self.R is None and self.C is None and self.Q is None:
            raise InputError("element: needs at least one of R, C, Q; a blocked carrier is simply not connected")

    def current(self, v: Values) -> Values:
        """Steady current density [A/m2] at the voltage v [V]."""
        return v * (0.0 if self.R is None else 1.0 / (self.R + self.Rs))

    def charge(self, v: Values) -> Values:
        """Stored charge density [C/m2]; with a series resistance it is not a function of v alone (see `excess`)."""
        return v * (self.C if self.C is not None and self.Rs == 0 else 0.0)

    @property
    def excess(self) -> Callable[[Array], Complex] | None:
        """The part of y(w) that is neither conductance nor capacitance, or None."""
        if self.Q is None and (self.C is None or self.Rs == 0):
            return None
        return self._excess

    def _excess(self, omega: Array) -> Complex:
        g = 0.0 if self.R is None else 1.0 / self.R
        p = np.zeros(np.shape(omega), dtype=complex)
        if self.Q is not None:
            p = p + self.Q * (1j * np.asarray(omega)) ** self.alpha
        if self.Rs == 0:
            return np.asarray(p, dtype=complex)
        if self.C is not None:
            p = p + 1j * omega * self.C
        # y - g/(1 + Rs g), written without the subtraction
        return np.asarray(p / ((1 + self.Rs * g) * (1 + self.Rs * (g + p))), dtype=complex)


@dataclass(frozen=True)
class ButlerVolmer:
    """i = i0 [exp(alpha v / V_T) - exp(-(1 - alpha) v / V_T)] + C dv/dt, one electron, v from equilibrium.

    i0 [A/m2] exchange current density, alpha the anodic transfer coefficient, C [F/m2], V_T = RT/F [V].
    Charge-transfer resistance at rest: V_T / i0 (Newman and Thomas-Alyea 2004, chapter 8).
    """

    exchange_current: float
    thermal_voltage: float
    alpha: float = 0.5
    C: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.exchange_current) and self.exchange_current > 0):
            raise InputError(f"exchange_current: read {self.exchange_current!r}; expected a positive number")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha: read {self.alpha!r}; expected 0 < alpha < 1")
        if not (np.isfinite(self.C) and self.C >= 0):
            raise InputError(f"C: read {self.C!r}; expected zero or a positive number")

    def current(self, v: Values) -> Values:
        x = v / self.thermal_voltage
        # exp(a x) - exp(-(1-a) x) = exp(-(1-a) x) expm1(x): exact at small v
        return self.exchange_current * np.exp(-(1 - self.alpha) * x) * expm1(x)

    def charge(self, v: Values) -> Values:
        return v * self.C

    @property
    def excess(self) -> None:
        return None


@dataclass(frozen=True)
class Admittance:
    """A user-supplied linear admittance y(w) [S/m2], `law` taking angular frequencies (n,) [rad/s].

    `conductance` [S/m2] is its value at w = 0, which the steady state needs.
    """

    law: Callable[[Array], Complex]
    conductance: float = 0.0

    def current(self, v: Values) -> Values:
        return v * self.conductance

    def charge(self, v: Values) -> Values:
        return v * 0.0

    @property
    def excess(self) -> Callable[[Array], Complex]:
        return self._excess

    def _excess(self, omega: Array) -> Complex:
        return np.asarray(self.law(omega) - self.conductance, dtype=complex)


Element = Lumped | ButlerVolmer | Admittance


def expm1(x: Values) -> Values:
    """exp(x) - 1 without cancellation, for real arguments and for complex steps about them."""
    if not np.iscomplexobj(x):
        return np.expm1(x)
    a, b = x.real, x.imag
    # e^a cos b - 1 = expm1(a) - 2 e^a sin^2(b/2)
    return np.asarray(np.expm1(a) - 2 * np.exp(a) * np.sin(b / 2) ** 2 + 1j * np.exp(a) * np.sin(b), dtype=complex)
