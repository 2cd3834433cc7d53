"""Relaxation times of distributed lines in closed form: what one line, one diffusion, shows as many times.

The impedance of a uniform line of length L between blocking ends, or open at one, is a meromorphic function of
x^2 = L^2 z_s/z_f, z_s the sum of its rails' resistances and z_f the impedance between them. Mittag-Leffler's expansions

    x coth x = 1 + 2 sum of x^2/(x^2 + (k pi)^2),   tanh(x)/x = 2 sum of 1/(x^2 + ((k - 1/2) pi)^2),   k >= 1,

and the like turn it into R_inf + sum of R_k/(1 + (i w tau_k)^alpha) + 1/(C (i w)^alpha): one term for each mode
cos(k pi y/L). With alpha = 1 these are the poles of the line; with a constant phase element between the rails each mode
is an element of Cole and Cole, whose distribution is known too. The slowest mode that direct current drives has
tau_1 = R C/pi^2 (or 4 R C/pi^2), and the k-th is k^2 times faster: peaks that stand 1/k^2 apart belong to one line.

de Levie 1963; Bisquert 2000 (lines); Cole and Cole 1941; Boukamp 2017 (finite-length diffusion); Crank 1975, chapter 6
(sphere). The coefficients of the two-rail lines were derived anew and are tested against their impedances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.optimize import brentq

from miecsim.errors import InputError
from miecsim.typing import Array, Complex

Shape = Literal["plane", "sphere"]

# Where current enters the difference of the rails, (at 0, at L), in parts of R1 and of R2, and whether the rails are
# joined at L. Signs: current of the first terminal enters rail 1 or leaves rail 2.
_Drive = tuple[tuple[float, float], tuple[float, float]]
_DRIVES: dict[str, tuple[_Drive, bool]] = {
    "ie": (((1.0, 0.0), (0.0, 1.0)), False),
    "ii": (((1.0, 0.0), (-1.0, 0.0)), False),
    "ee": (((0.0, 1.0), (0.0, -1.0)), False),
    "ie_same": (((1.0, 1.0), (0.0, 0.0)), False),
    "ii_ee": (((0.5, 0.5), (0.5, 0.5)), False),
    "ie_same_short": (((1.0, 1.0), (0.0, 0.0)), True),
    "i_both": (((1.0, 0.0), (0.0, 0.0)), True),
    "e_both": (((0.0, 1.0), (0.0, 0.0)), True),
}
# those whose net current passes along the line
_THROUGH = ("ie", "ii", "ee", "i_both", "e_both")


@dataclass(frozen=True, eq=False)
class LineTimes:
    """tau (n,) [s], descending, and R (n,) [ohm] of each mode: Z = R_inf + sum R/(1 + (i w tau)^alpha)
    + 1/(C_dc (i w)^alpha).

    `rest` [ohm] is the resistance of all faster modes, which the series leaves out. C_dc [F s^(alpha-1)] is inf where a
    direct current passes.
    """

    tau: Array
    R: Array
    R_inf: float
    rest: float
    C_dc: float = float("inf")
    alpha: float = 1.0

    @property
    def polarisation(self) -> float:
        """Sum of R over all modes, those left out included [ohm]."""
        return float(self.R.sum()) + self.rest

    def Z(self, frequency: Array) -> Complex:
        """The impedance (n_f,) [ohm] at frequency (n_f,) [Hz], what is left out counted as a resistance."""
        s = 2j * np.pi * np.atleast_1d(np.asarray(frequency, dtype=float))
        modes = (self.R / (1 + (s[:, None] * self.tau) ** self.alpha)).sum(axis=1)
        return np.asarray(self.R_inf + self.rest + modes + (1 / self.C_dc) / s**self.alpha)

    def gamma(self, tau: Array) -> Array:
        """Distribution [ohm per unit of ln tau] at tau (m,) [s] of the modes listed; C_dc is left out.

        Cole and Cole 1941: R sin((1 - alpha) pi)/(2 pi (cosh(alpha ln(tau/tau_k)) - cos((1 - alpha) pi))) each. Raises
        InputError for alpha = 1, where it is a set of lines.
        """
        if self.alpha == 1:
            raise InputError("gamma: the relaxation times of a line without constant phase element are separate lines")
        x = self.alpha * np.log(np.asarray(tau, dtype=float)[:, None] / self.tau)
        angle = (1 - self.alpha) * np.pi
        # cosh x overflows beyond 700, where the share is 0
        near = np.cosh(np.clip(x, -700, 700)) - np.cos(angle)
        return np.asarray((self.R / near).sum(axis=1) * np.sin(angle) / (2 * np.pi))


def two_rail_times(
    R1: float,
    R2: float,
    C: float,
    configuration: str,
    count: int = 50,
    *,
    R_ct: float = float("inf"),
    alpha: float = 1.0,
) -> LineTimes:
    """The slowest `count` modes of a two-rail line: rails of R1 and R2 [ohm] end to end, C [F] between them in all.

    configuration: as `circuit.tlm.two_rail_impedance` names them, "both_both" excepted, which has none. R_ct [ohm]: a
    charge transfer resistance beside C, of all the line. alpha < 1: C is a constant phase element, C (i w)^alpha. With
    R_s = R1 + R2, q_k = (k pi)^2 + R_s/R_ct (k pi becomes (k - 1/2) pi where the rails are joined at the far end),

        tau_k^alpha = R_s C/q_k,   R_k = (2 - delta_k0) (a_0 + (-1)^k a_L)^2/(R_s q_k),

    a_0 and a_L [ohm] what drives the difference of the rails at either end per ampere: R1 where current enters rail 1,
    R2 where it leaves rail 2, and so on. A line from rail 1 to rail 2 ("ie") has (R1 - R2)^2 in its odd and (R1 + R2)^2
    in its even modes: of equal rails the slowest time does not show at all. A blocking pore is R2 = 0, "ie_same".
    Derived from the impedances of Bisquert 2000. InputError for another configuration or what is no line.
    """
    if configuration not in _DRIVES:
        raise InputError(f"two-rail configuration: read {configuration!r}; allowed {', '.join(_DRIVES)}")
    _check(count, alpha, R1=R1, R2=R2, C=C, R_ct=R_ct)
    R_s = R1 + R2
    if R_s == 0:
        raise InputError("two-rail line: both rails have zero resistance")
    ends, joined = _DRIVES[configuration]
    a = _at_ends(ends[0], R1, R2), _at_ends(ends[1], R1, R2)
    # twice as many and two, since every other mode may not be driven
    k = np.arange(2.0 * count + 2) + (0.5 if joined else 0.0)
    drive = a[0] + np.where(k % 2 == 0, 1.0, -1.0) * (0.0 if joined else a[1])
    weight = np.where(k == 0, 1.0, 2.0) * drive**2 / R_s
    through = R1 * R2 / R_s if configuration in _THROUGH else 0.0
    q = (k * np.pi) ** 2 + R_s / R_ct
    blocked, driven = q == 0, (q > 0) & (weight > 1e-28 * R_s)
    C_dc = float(R_s * C / weight[0]) if blocked[0] and weight[0] > 0 else float("inf")
    used = np.flatnonzero(driven)[:count]
    R, whole = weight[used] / q[used], _whole(a, joined, R_s, R_ct)
    tau = (R_s * C / q[used]) ** (1 / alpha)
    return LineTimes(tau, R, through, max(whole - float(R.sum()), 0.0), C_dc, alpha)


def _at_ends(parts: tuple[float, float], R1: float, R2: float) -> float:
    return parts[0] * R1 + parts[1] * R2


def _whole(a: tuple[float, float], joined: bool, R_s: float, R_ct: float) -> float:
    """Sum of R_k over all modes but a blocked one [ohm]: the line at w = 0 less what it is at w = inf."""
    y = float(np.sqrt(R_s / R_ct))
    square, product = (a[0] ** 2 + a[1] ** 2) / R_s, 2 * a[0] * a[1] / R_s
    if joined:
        return float(square * (np.tanh(y) / y if y > 0 else 1.0))
    if y == 0:
        return square / 3 - product / 6
    # coth(y)/y and 1/(y sinh y), neither of which may overflow
    fade = np.exp(-y)
    return float((square * (1 + fade**2) + product * 2 * fade) / ((1 - fade**2) * y))


def pore_times(R: float, C: float, count: int = 50, *, R_ct: float = float("inf"), alpha: float = 1.0) -> LineTimes:
    """The slowest `count` modes of a pore with an insulating bottom: R [ohm] along it, C [F] of its wall.

    R_k = 2 R/((k pi)^2 + R/R_ct), tau_k = R C/((k pi)^2 + R/R_ct), and where a charge transfer R_ct [ohm] lets current
    through the wall the mode k = 0 of R_ct and tau = R_ct C besides; else the capacitor C. de Levie 1963.
    """
    return two_rail_times(R, 0.0, C, "ie_same", count, R_ct=R_ct, alpha=alpha)


def finite_length_times(R: float, tau: float, count: int = 50) -> LineTimes:
    """The slowest `count` times of diffusion to a reservoir, R tanh(s)/s with s^2 = i w tau, tau = L^2/D [s].

    R_k = 2 R/((k - 1/2) pi)^2, tau_k = tau/((k - 1/2) pi)^2: the slowest has 81 % of R, at 0.405 tau. Boukamp 2017.
    """
    _check(count, 1.0, R=R, tau=tau)
    return two_rail_times(R, 0.0, tau / R, "ie_same_short", count)


def finite_space_times(R: float, tau: float, count: int = 50, shape: Shape = "plane") -> LineTimes:
    """The slowest `count` times of diffusion into a closed body: a slab, R coth(s)/s, or a sphere, R tanh(s)/(s -
    tanh(s)), with s^2 = i w tau and tau = L^2/D or radius^2/D [s].

    R_k = 2 R/p_k^2, tau_k = tau/p_k^2, with p_k = k pi in a slab and the roots of tan p = p in a sphere, beside a
    capacitor of tau/R or tau/(3 R): R/3 and R/5 in all. Crank 1975, chapters 4 and 6.
    """
    _check(count, 1.0, R=R, tau=tau)
    if shape == "plane":
        return two_rail_times(R, 0.0, tau / R, "ie_same", count)
    if shape != "sphere":
        raise InputError(f"shape: read {shape!r}; allowed {', '.join(get_args(Shape))}")
    p = np.array([_sphere_root(k) for k in range(1, count + 1)])
    modes = 2 * R / p**2
    return LineTimes(tau / p**2, modes, 0.0, R / 5 - float(modes.sum()), tau / (3 * R))


def _sphere_root(k: int) -> float:
    """The k-th positive root of tan p = p, between k pi and (k + 1/2) pi."""
    return float(brentq(lambda p: np.sin(p) - p * np.cos(p), k * np.pi, (k + 0.5) * np.pi, xtol=1e-14, rtol=1e-14))


def gerischer_gamma(tau: Array, R: float, tau_0: float) -> Array:
    """Distribution [ohm per unit of ln tau] of R/sqrt(1 + i w tau_0) at tau (n,) [s]: no lines but a cut below tau_0,

    (R/pi) sqrt(tau/(tau_0 - tau)),   0 from tau_0 on: what the lines of `pore_times` become as the pore grows long.

    It is infinite at tau_0, integrably (`gerischer_resistance`). From the discontinuity across the cut (Stieltjes).
    """
    _check(1, 1.0, R=R, tau_0=tau_0)
    t = np.asarray(tau, dtype=float)
    inside = t < tau_0
    return np.asarray(np.where(inside, R / np.pi * np.sqrt(t / np.where(inside, tau_0 - t, 1.0)), 0.0))


def gerischer_resistance(tau: Array, R: float, tau_0: float) -> Array:
    """Resistance (n,) [ohm] of the times longer than tau (n,) [s] of R/sqrt(1 + i w tau_0): the integral of
    `gerischer_gamma`, (2 R/pi) arctan(sqrt(tau_0/tau - 1)); half of it lies between tau_0/2 and tau_0."""
    _check(1, 1.0, R=R, tau_0=tau_0)
    ratio = tau_0 / np.asarray(tau, dtype=float)
    return np.asarray(2 * R / np.pi * np.arctan(np.sqrt(np.maximum(ratio - 1, 0.0))))


def _check(count: int, alpha: float, **values: float) -> None:
    if count < 1:
        raise InputError(f"relaxation times of a line: read {count}; at least 1 is needed")
    if not 0 < alpha <= 1:
        raise InputError(f"alpha: read {alpha!r}; expected 0 < alpha <= 1")
    for name, value in values.items():
        least = "zero or a positive number" if name in ("R1", "R2") else "a positive number"
        infinite = value == np.inf and name == "R_ct"
        if not infinite and not (np.isfinite(value) and (value > 0 or (value == 0 and name in ("R1", "R2")))):
            raise InputError(f"{name}: read {value!r}; expected {least}")
