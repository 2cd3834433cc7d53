"""Distribution of relaxation times of a spectrum by ridge regression, with or without the constraint gamma >= 0.

Z(w) = R_inf + j w L + 1/(j w C) + integral of gamma(ln tau)/(1 + j w tau) d ln tau, gamma [ohm] per unit of ln tau.
gamma is piecewise linear over an even grid of ln tau, and smooth: the integral of the square of its derivative, times
lambda, is added to the sum of squared residuals. Impedances follow exp(+j w t).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log, pi
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.signal import find_peaks, peak_prominences

from miecsim.errors import InputError, SolveError
from miecsim.inverse.kramers_kronig import (
    N_ENDS,
    Part,
    check_part,
    checked_spectrum,
    end_columns,
    ends_of,
    real_rows,
    seen_ends,
    unseen_ends,
    with_unseen_ends,
)
from miecsim.typing import Array, Bools, Complex

Choice = Literal["cross-validation", "L-curve"]

# Five points of Gauss and Legendre an interval: the integrand's nearest pole lies pi/2 from the real axis of ln tau,
# and at five intervals a decade or more the error is below 1e-12.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_FEWEST_A_DECADE = 5
_DEARER = 1.4  # what a parameter costs in cross-validation
_LAMBDAS = np.geomspace(1e-9, 1.0, 37)


@dataclass(frozen=True)
class Peak:
    """One process: where gamma peaks, tau [s], the resistance [ohm] between its two minima, and how high [ohm].

    `measured`: tau lies within the range 1/w that was measured; otherwise the data hold but a flank of it.
    """

    tau: float
    resistance: float
    height: float
    measured: bool


@dataclass(frozen=True)
class RelaxationTimes:
    """gamma(ln tau) [ohm] at tau [s], both (n_tau,), and what stands in series: R_inf [ohm], L [H], inverse_C [1/F].

    frequency [Hz], Z and fitted [ohm] (n,). `regularisation` is lambda, `effective_parameters` the trace of the matrix
    that turns data into fit. What was tried, without the constraint gamma >= 0: `lambdas`, `misfits` (sum of squared
    weighted residuals), `roughness` (integral of the square of gamma's derivative, over the scale of Z squared) and
    `scores` (generalised cross-validation, or minus the L-curve's curvature: the least is taken).
    """

    frequency: Array
    Z: Complex
    fitted: Complex
    tau: Array
    gamma: Array
    R_inf: float
    L: float
    inverse_C: float
    regularisation: float
    effective_parameters: float
    lambdas: Array
    misfits: Array
    roughness: Array
    scores: Array

    @property
    def residual(self) -> Complex:
        """(Z - fitted)/|Z| (n,)."""
        return np.asarray((self.Z - self.fitted) / np.abs(self.Z))

    @property
    def polarisation(self) -> float:
        """Integral of gamma over ln tau [ohm]: the resistance at w = 0 less R_inf, unless a capacitor blocks."""
        return float(np.trapezoid(self.gamma, np.log(self.tau)))

    def peaks(self, smallest: float = 0.02) -> tuple[Peak, ...]:
        """Peaks of gamma, shortest tau first, that stand out by more than `smallest` of the highest.

        Each reaches from minimum to minimum, so that their resistances add up to the polarisation. The position is the
        vertex of the parabola through the highest point and its neighbours.
        """
        framed = np.concatenate([[0.0], self.gamma, [0.0]])
        found, _ = find_peaks(framed)
        found = found[framed[found] > 0]
        prominences, *_ = peak_prominences(framed, found)
        tops = (found - 1)[prominences > smallest * self.gamma.max(initial=0.0)]
        if not len(tops):
            return ()
        valleys = [a + int(np.argmin(self.gamma[a : b + 1])) for a, b in zip(tops[:-1], tops[1:], strict=True)]
        edges = [0, *valleys, len(self.tau) - 1]
        return tuple(self._peak(int(top), edges[k], edges[k + 1]) for k, top in enumerate(tops))

    def _peak(self, top: int, start: int, stop: int) -> Peak:
        x = np.log(self.tau)
        height, at = float(self.gamma[top]), float(x[top])
        if 0 < top < len(x) - 1:
            before, middle, after = self.gamma[top - 1 : top + 2]
            shift = (before - after) / (2 * (before - 2 * middle + after))
            height, at = float(middle - (before - after) * shift / 4), at + float(shift) * float(x[1] - x[0])
        resistance = float(np.trapezoid(self.gamma[start : stop + 1], x[start : stop + 1]))
        tau, omega = float(np.exp(at)), 2 * pi * self.frequency
        return Peak(tau, resistance, height, bool(1 / omega.max() <= tau <= 1 / omega.min()))


# ---- the linear problem ----


def hat_columns(omega: Array, tau: Array) -> Complex:
    """Impedance (n, n_tau) at omega [rad/s] of a gamma that is 1 ohm at one tau and falls linearly to its neighbours.

    tau [s], (n_tau,), ascending and even in ln tau.
    """
    x = np.log(tau)
    half = np.diff(x) / 2
    share = (1 + _NODES) / 2  # of the interval's right end
    nodes = x[:-1, None] + half[:, None] * (1 + _NODES)
    arcs = 1 / (1 + 1j * omega[:, None, None] * np.exp(nodes))
    columns = np.zeros((len(omega), len(tau)), dtype=np.complex128)
    columns[:, 1:] += (arcs @ (_WEIGHTS * share)) * half
    columns[:, :-1] += (arcs @ (_WEIGHTS * (1 - share))) * half
    return columns


def roughness_rows(n: int, step: float, order: int) -> Array:
    """Rows whose squared length is the integral of the square of gamma's derivative of `order` 0, 1 or 2 over ln tau.

    Beyond both ends gamma is 0, and its fall to 0 counts.
    """
    framed = np.vstack([np.zeros((order, n)), np.eye(n), np.zeros((order, n))])
    return np.asarray(np.diff(framed, n=order, axis=0) * step ** (0.5 - order))


@dataclass(frozen=True)
class _Problem:
    """Weighted rows of the terms that are fitted, in units in which Z is about 1 and every end term's column too."""

    matrix: Array
    target: Array
    penalty: Array

    def solve(self, regularisation: float, non_negative: bool = False) -> tuple[Array, float]:
        """The terms and the effective number of parameters, at one lambda; terms held at 0 count for none."""
        rows = np.vstack([self.matrix, np.sqrt(regularisation) * self.penalty])
        target = np.concatenate([self.target, np.zeros(len(self.penalty))])
        free = np.ones(rows.shape[1], dtype=np.bool_)
        x = np.zeros(rows.shape[1])
        if non_negative:
            x = _constrained(rows, target)
            free = x > 0
        q, r = np.linalg.qr(rows[:, free])
        if not non_negative:
            x = np.asarray(np.linalg.solve(r, q.T @ target))
        return x, float(np.sum(q[: len(self.target)] ** 2))

    def misfit(self, x: Array) -> float:
        left = self.target - self.matrix @ x
        return float(left @ left)

    def roughness(self, x: Array) -> float:
        bends = self.penalty @ x
        return float(bends @ bends)


def _constrained(rows: Array, target: Array) -> Array:
    try:
        return np.asarray(nnls(rows, target, maxiter=30 * rows.shape[1])[0])
    except RuntimeError:
        raise SolveError("relaxation times: the fit with gamma >= 0 did not converge; try a larger lambda") from None


# ---- choosing lambda ----


def _cross_validation(misfits: Array, roughness: Array, parameters: Array, rows: int) -> Array:
    """n misfit/(n - 1.4 p)^2 for every lambda: Golub, Heath, Wahba 1979, with the factor of Kim and Gu 2004.

    Without it lambda falls by several decades in one spectrum out of ten.
    """
    free = rows - _DEARER * parameters
    return np.where(free > 0, rows * misfits / np.where(free > 0, free, 1.0) ** 2, np.inf)


def _l_curve(misfits: Array, roughness: Array, parameters: Array, rows: int) -> Array:
    """Minus the curvature of (log misfit, log roughness) along log lambda: Hansen 1992. The ends never win."""
    tiny = np.finfo(np.float64).tiny
    x, y = np.log(misfits + tiny) / 2, np.log(roughness + tiny) / 2
    dx, dy = np.gradient(x), np.gradient(y)
    speed = (dx**2 + dy**2) ** 1.5
    curvature = np.divide(dx * np.gradient(dy) - dy * np.gradient(dx), speed, out=np.zeros_like(x), where=speed > 1e-12)
    curvature[[0, -1]] = -np.inf
    return np.asarray(-curvature)


_SCORES: dict[str, Callable[[Array, Array, Array, int], Array]] = {
    "cross-validation": _cross_validation,
    "L-curve": _l_curve,
}


@dataclass(frozen=True)
class _Trial:
    best: float
    lambdas: Array
    misfits: Array
    roughness: Array
    scores: Array


def _tried(problem: _Problem, regularisation: float | str) -> _Trial:
    """The lambda given, or the best of many; without the constraint, which both criteria were not made for.

    Under it they take far too small a lambda every so often: the terms held at 0 are not counted as fitted.
    """
    chosen = isinstance(regularisation, str)
    lambdas = _LAMBDAS if chosen else np.array([float(regularisation)])
    solved = [problem.solve(float(value)) for value in lambdas]
    misfits = np.array([problem.misfit(x) for x, _ in solved])
    roughness = np.array([problem.roughness(x) for x, _ in solved])
    parameters = np.array([count for _, count in solved])
    score = _SCORES[str(regularisation)] if chosen else _cross_validation
    scores = score(misfits, roughness, parameters, len(problem.target))
    return _Trial(float(lambdas[np.argmin(scores)]), lambdas, misfits, roughness, scores)


# ---- the inversion ----


def relaxation_times(
    frequency: npt.ArrayLike,
    Z: npt.ArrayLike,
    *,
    non_negative: bool = True,
    regularisation: float | Choice = "cross-validation",
    part: Part = "both",
    order: int = 1,
    inductance: bool = True,
    capacitance: bool = False,
    deviation: npt.ArrayLike | None = None,
    a_decade: int = 10,
    extend: float = 0.3,
) -> RelaxationTimes:
    """Minimise sum |(Z - fit)/deviation|^2 + lambda/Z0^2 times the integral of (gamma's derivative of `order`)^2.

    frequency [Hz], Z [ohm] and deviation [ohm], all (n,). deviation is |Z| unless given; only its ratios count, for it
    is scaled to a mean |Z/deviation|^2 of 1. Z0 is the median of |Z|, so that lambda is a pure number.
    `regularisation`: lambda, or how to choose it, which is done without the constraint. `non_negative` holds gamma,
    R_inf, L and 1/C at 0 or above. `part` says which part of Z is fitted; R_inf, or L and 1/C, then come from what is
    left of the other. tau has `a_decade` points a decade (5 or more) over the range 1/w measured and `extend` decades
    beyond. `capacitance` is for spectra that still rise at the lowest frequency: without it gamma piles up at the
    longest tau. InputError for what is no spectrum, SolveError where the constrained fit does not converge.
    Wan, Saccoccio, Chen, Ciucci 2015.
    """
    omega, z = checked_spectrum(frequency, Z)
    _check_choice(part, regularisation, order, a_decade, extend)
    sigma, tau = _deviation(deviation, z), _grid(omega, a_decade, extend)
    units = _units(omega, len(tau), float(np.median(np.abs(z))))
    columns = np.hstack([end_columns(omega), hat_columns(omega, tau)]) * units / sigma[:, None]
    used = np.concatenate([seen_ends(part, inductance, capacitance), np.ones(len(tau), dtype=np.bool_)])
    target = z / sigma
    problem = _problem(columns, target, used, part, order, tau)
    trial = _tried(problem, regularisation)
    x = np.zeros(len(used))
    x[used], parameters = problem.solve(trial.best, non_negative)
    x = with_unseen_ends(x, unseen_ends(part, inductance, capacitance), columns, target, part)
    terms = x * units
    return RelaxationTimes(
        *(omega / (2 * pi), z, columns @ x * sigma, tau, terms[N_ENDS:], *ends_of(terms)),
        *(trial.best, parameters, trial.lambdas, trial.misfits, trial.roughness, trial.scores),
    )


def _units(omega: Array, n: int, scale: float) -> Array:
    """Units of R_inf, L, 1/C and `n` gammas in which each one's impedance is about 1 where it matters."""
    return np.concatenate([scale * np.array([1, 1 / omega.max(), omega.min()]), np.full(n, scale)])


def _problem(columns: Complex, target: Complex, used: Bools, part: Part, order: int, tau: Array) -> _Problem:
    step = log(float(tau[-1] / tau[0])) / (len(tau) - 1)
    smooth = roughness_rows(len(tau), step, order)
    penalty = np.hstack([np.zeros((len(smooth), N_ENDS)), smooth])[:, used]
    return _Problem(real_rows(columns[:, used], part), real_rows(target, part), penalty)


def _grid(omega: Array, a_decade: int, extend: float) -> Array:
    decades = float(np.log10(omega.max() / omega.min())) + 2 * extend
    count = ceil(decades * a_decade - 1e-9) + 1
    return np.geomspace(1 / omega.max() / 10**extend, 1 / omega.min() * 10**extend, count)


def _check_choice(part: str, regularisation: float | str, order: int, a_decade: int, extend: float) -> None:
    check_part(part)
    if isinstance(regularisation, str):
        if regularisation not in get_args(Choice):
            allowed = ", ".join(get_args(Choice))
            raise InputError(f'regularisation: read "{regularisation}"; allowed: {allowed}, or a number above 0')
    elif not 0 < regularisation < float("inf"):
        raise InputError(f"regularisation: read {regularisation}; expected a number above 0")
    if order not in (0, 1, 2):
        raise InputError(f"order: read {order}; allowed: 0, 1, 2")
    if a_decade < _FEWEST_A_DECADE:
        raise InputError(f"a_decade: read {a_decade}; expected {_FEWEST_A_DECADE} or more")
    if not 0 <= extend < float("inf"):
        raise InputError(f"extend: read {extend}; expected 0 decades or more")


def _deviation(given: npt.ArrayLike | None, z: Complex) -> Array:
    if given is None:
        return np.asarray(np.abs(z))
    sigma = np.asarray(given, dtype=np.float64)
    if sigma.shape != z.shape or not np.all(np.isfinite(sigma) & (sigma > 0)):
        raise InputError(f"deviation: expected {len(z)} numbers above 0, one a frequency")
    return np.asarray(sigma * np.sqrt(np.mean(np.abs(z / sigma) ** 2)))
