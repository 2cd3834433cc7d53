"""A constant phase element as resistors and capacitors: a rational ladder with a stated error.

For 0 < alpha < 1 and Re s >= 0 (the Beta integral; a Stieltjes function of s),

    s^alpha = (sin(pi alpha)/pi) int_0^inf x^(alpha-1) s/(s + x) dx,

and s/(s + x) is the admittance of a resistor of 1 ohm in series with a capacitor of 1/x farad. Any quadrature with
positive weights therefore is a circuit of positive R and C in parallel branches. With x = e^t the trapezoidal rule of
step h is used: the integrand is analytic up to its pole at t = ln s - i pi, which for s = i w lies pi/2 off the real
axis, so that its relative error is 2 sin(pi alpha) exp(-pi^2/h), the same at every frequency (Trefethen and Weideman
2014, 10.1137/130932132, section 5): 10 decades of accuracy cost 5 branches per decade of frequency.

The rule has infinitely many points. Those slower than the range are, seen from it, a measure on 0 < x < w_min; those
faster one on 0 < 1/x < 1/w_max. A Gauss rule of a few points replaces either, again with positive weights (Golub and
Welsch 1969); its error falls geometrically, because s keeps its distance from the interval. All branches end in a
capacitor, so that a ladder blocks direct current as the element does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.typing import Array, Complex

FINEST, COARSEST = 1e-12, 0.1  # tolerances taken
QUADRATURE_SHARE = 0.3  # of the tolerance for the trapezoidal rule, the rest for what the two Gauss rules replace
MOST_TAIL = 24  # points of a Gauss rule
DEPTH = 45.0  # beyond e^-45 of its first point a tail is one mass at its end
PER_DECADE = 60  # frequencies per decade at which the error is measured


@dataclass(frozen=True)
class Ladder:
    """(i w)^alpha [S] as parallel branches, each `resistance` [ohm] in series with `capacitance` [F], shapes (n,).

    For an element of Q (i w)^alpha divide every resistance by Q and multiply every capacitance by Q. `error` is the
    largest |ladder/(i w)^alpha - 1| found between `f_min` and `f_max` [Hz]. A resistance of 0 (alpha = 1) is no
    resistor.
    """

    alpha: float
    f_min: float
    f_max: float
    resistance: Array
    capacitance: Array
    error: float

    @property
    def n(self) -> int:
        """Number of branches."""
        return int(self.resistance.size)

    def admittance(self, omega: Array) -> Complex:
        """Admittance (n_f,) [S] at omega [rad/s]."""
        s = 1j * np.atleast_1d(np.asarray(omega, dtype=float))[:, None]
        return np.asarray((s * self.capacitance / (1 + s * self.resistance * self.capacitance)).sum(axis=1))


def cpe_ladder(alpha: float, f_min: float, f_max: float, tolerance: float = 1e-9) -> Ladder:
    """The ladder of (i w)^alpha whose relative error between f_min and f_max [Hz] is at most `tolerance`.

    About 0.54 log10(2/tolerance) branches per decade of the range, and 1.6 log10(2/tolerance) for what lies outside it;
    alpha = 1 is one capacitor. Raises InputError for alpha outside (0, 1], frequencies that are not 0 < f_min < f_max,
    or a tolerance outside 1e-12 to 0.1.
    """
    if not 0 < alpha <= 1:
        raise InputError(f"alpha: read {alpha!r}; expected 0 < alpha <= 1")
    if not (0 < f_min < f_max < np.inf):
        raise InputError(f"frequency: read {f_min!r} to {f_max!r} Hz; expected 0 < f_min < f_max")
    if not FINEST <= tolerance <= COARSEST:
        raise InputError(f"tolerance: read {tolerance!r}; expected a number from {FINEST:g} to {COARSEST:g}")
    if alpha == 1:
        return Ladder(alpha, f_min, f_max, np.zeros(1), np.ones(1), 0.0)
    # in units of the geometric mean of the range, where no power overflows
    middle = 2 * np.pi * np.sqrt(f_min) * np.sqrt(f_max)
    reach = np.log(f_max / f_min) / 2
    h = np.pi**2 / np.log(max(2 * np.sin(np.pi * alpha) / (QUADRATURE_SHARE * tolerance), 8.0))
    omega = np.exp(np.linspace(-reach, reach, 2 + int(np.ceil(PER_DECADE * 2 * reach / np.log(10)))))
    error = np.inf
    for points in range(1, MOST_TAIL + 1):
        x, g = _branches(alpha, reach, h, points)
        c = g / x
        s = 1j * omega[:, None]
        error = float(np.max(np.abs((g * s / (s + x)).sum(axis=1) / (1j * omega) ** alpha - 1)))
        if error <= tolerance:
            return Ladder(alpha, f_min, f_max, middle**-alpha / g, c * middle ** (alpha - 1), error)
    raise SolveError(f"constant phase element, alpha {alpha:g}: its ladder reaches {error:.1e}, not {tolerance:g}")


def _branches(alpha: float, reach: float, h: float, points: int) -> tuple[Array, Array]:
    """Rates x [rad/s] and conductances g [S] of the branches: both tails and what lies between."""
    k = int(np.floor(reach / h))
    t = h * np.arange(-k, k + 1)
    weight = np.sin(np.pi * alpha) / np.pi * h
    slow, slow_mass = _tail(alpha, h, points)
    fast, fast_mass = _tail(1 - alpha, h, points)
    # slow: x = first x times the node; fast: 1/x = first 1/x times the node, and its mass is that of s/x
    first = np.exp(h * (k + 1))
    x = np.concatenate([slow / first, np.exp(t), first / fast])
    g = np.concatenate([slow_mass * first**-alpha, np.exp(alpha * t), fast_mass * first**alpha / fast])
    return x, weight * g


def _tail(power: float, h: float, points: int) -> tuple[Array, Array]:
    """Gauss rule for sum_(k >= 0) q^(power k) f(q^k) with q = e^-h: nodes in (0, 1] and weights, (points,) each."""
    k = np.arange(int(np.ceil(DEPTH / h)))
    node, mass = np.append(np.exp(-h * k), 0.0), np.exp(-h * power * k)
    rest = np.exp(-h * power * k.size) / -np.expm1(-h * power)
    return _gauss(node, np.append(mass, rest), points)


def _gauss(node: Array, mass: Array, points: int) -> tuple[Array, Array]:
    """Gauss rule of a discrete positive measure: Lanczos with full orthogonalisation, then Golub and Welsch."""
    total = float(mass.sum())
    basis = [np.sqrt(mass / total)]
    diagonal, beside = [], []
    for _ in range(points):
        v = node * basis[-1]
        diagonal.append(float(basis[-1] @ v))
        for _ in range(2):  # twice is enough
            for q in basis:
                v = v - (q @ v) * q
        length = float(np.linalg.norm(v))
        beside.append(length)
        basis.append(v / length)
    value, vector = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    return value, total * vector[0] ** 2
