"""Is a measured spectrum the response of a linear, stationary system? The linear Kramers-Kronig check and its filter.

A series of resistors beside capacitors obeys the Kramers-Kronig relations whatever its resistances, of either sign.
With time constants laid out evenly over log tau beforehand, fitting it is a linear problem; what it cannot follow is
noise, drift or a spoilt point. Impedances follow exp(+j w t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, pi
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Complex, Ints

Part = Literal["both", "real", "imaginary"]

# Order of the terms that come before the distributed ones in every fit: R_inf, L, 1/C
N_ENDS = 3
# More elements are worth having while they lower the variance by this factor: mu alone stops far short of a sharp arc,
# whose time constant between two of the grid takes resistances of both signs. Chance moves a variance by less.
_WORTH_MORE = 1.3
# Only so many longer series count: the longest of all can follow a point at an end wherever it lies.
_AHEAD = 12
_MOST_A_DECADE = 15
_FEWEST_POINTS = 6
_RCOND = 1e-14


@dataclass(frozen=True)
class KramersKronig:
    """A spectrum beside the nearest one that obeys the Kramers-Kronig relations.

    frequency [Hz] (n,), Z and fitted [ohm] (n,), tau [s] and R [ohm] (elements,) of the series, and what stands in
    series with it: R_inf [ohm], L [H], inverse_C [1/F]. `counts`, `mus` and `variances` tell what every number of
    elements that was tried came to.
    """

    frequency: Array
    Z: Complex
    fitted: Complex
    tau: Array
    R: Array
    R_inf: float
    L: float
    inverse_C: float
    mu: float
    counts: Ints
    mus: Array
    variances: Array

    @property
    def elements(self) -> int:
        """Number of elements R||C."""
        return len(self.tau)

    @property
    def residual(self) -> Complex:
        """(Z - fitted)/|Z| (n,): its real and imaginary parts are the residuals that are usually drawn."""
        return np.asarray((self.Z - self.fitted) / np.abs(self.Z))

    @property
    def worst(self) -> Array:
        """The larger of the real and imaginary residuals' moduli at each frequency (n,)."""
        return larger_part(self.residual)

    @property
    def root_mean_square(self) -> float:
        """Root of the mean of |residual|^2 over frequencies."""
        return float(np.sqrt(np.mean(np.abs(self.residual) ** 2)))

    def consistent(self, threshold: float) -> bool:
        """Whether no residual, real or imaginary, exceeds `threshold`."""
        return bool(np.all(self.worst <= threshold))

    def at(self, frequency: npt.ArrayLike) -> Complex:
        """The fitted spectrum [ohm] at any `frequency` [Hz]."""
        omega = 2 * pi * np.atleast_1d(np.asarray(frequency, dtype=np.float64))
        ends = np.array([self.R_inf, self.L, self.inverse_C])
        return np.asarray(end_columns(omega) @ ends + _arcs(omega, self.tau) @ self.R)


@dataclass(frozen=True)
class Dropped:
    """A point that a filter left out: where, its residual against the fit of the points kept, and why."""

    index: int
    frequency: float
    residual: complex
    reason: str


@dataclass(frozen=True)
class Filtered:
    """What a filter kept: `mask` (n,) over the spectrum that was given, the points dropped, the check of the rest.

    `consistent`: no point kept exceeds the threshold, but for those that the user protected.
    """

    mask: Bools
    dropped: tuple[Dropped, ...]
    check: KramersKronig
    threshold: float
    consistent: bool


# ---- parts that relaxation times share ----


def checked_spectrum(frequency: npt.ArrayLike, Z: npt.ArrayLike) -> tuple[Array, Complex]:
    """Angular frequency [rad/s] and Z [ohm], both (n,). InputError where they cannot be a spectrum."""
    f = np.asarray(frequency, dtype=np.float64)
    z = np.asarray(Z, dtype=np.complex128)
    if f.ndim != 1 or f.shape != z.shape:
        raise InputError(f"spectrum: frequency has shape {f.shape} and Z {z.shape}; expected two equal lists")
    if len(f) < _FEWEST_POINTS:
        raise InputError(f"spectrum: {len(f)} points; at least {_FEWEST_POINTS} are needed")
    for name, wrong in (
        ("frequency", ~(np.isfinite(f) & (f > 0))),
        ("Z", ~(np.isfinite(z) & (z != 0))),
    ):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            read = (f if name == "frequency" else z)[at]
            allowed = "positive and finite" if name == "frequency" else "finite and not 0"
            raise InputError(f"spectrum: {name} at point {at} is {read}; expected {allowed}")
    if f.max() == f.min():
        raise InputError(f"spectrum: every point is at {f[0]:g} Hz; expected a range of frequencies")
    return 2 * pi * f, z


def check_part(part: str) -> None:
    """InputError unless `part` is one of `Part`."""
    if part not in get_args(Part):
        raise InputError(f'part: read "{part}"; allowed: {", ".join(get_args(Part))}')


def larger_part(values: Complex) -> Array:
    """max(|Re|, |Im|) of each value."""
    return np.asarray(np.maximum(np.abs(values.real), np.abs(values.imag)))


def end_columns(omega: Array) -> Complex:
    """Impedance (n, 3) of R_inf = 1 ohm, L = 1 H and 1/C = 1/F at omega [rad/s]."""
    return np.stack([np.ones(omega.shape, dtype=np.complex128), 1j * omega, 1 / (1j * omega)], axis=1)


def real_rows(values: Complex, part: Part) -> Array:
    """Rows of the real and the imaginary parts one below the other, or of one of them alone."""
    rows = {"both": (values.real, values.imag), "real": (values.real,), "imaginary": (values.imag,)}[part]
    return np.concatenate(rows)


def seen_ends(part: Part, inductance: bool, capacitance: bool) -> Bools:
    """Which of R_inf, L, 1/C (3,) are wanted and show in `part` of the spectrum."""
    reactive = part != "real"
    return np.array([part != "imaginary", inductance and reactive, capacitance and reactive])


def unseen_ends(part: Part, inductance: bool, capacitance: bool) -> Bools:
    """Which of R_inf, L, 1/C (3,) are wanted and show only in the part that was not fitted."""
    if part == "both":
        return np.zeros(N_ENDS, dtype=np.bool_)
    other: Part = "imaginary" if part == "real" else "real"
    return seen_ends(other, inductance, capacitance)


def with_unseen_ends(x: Array, unseen: Bools, columns: Complex, target: Complex, part: Part) -> Array:
    """`x` with the `unseen` of its first three entries fitted to what it leaves of the part not yet used.

    columns (n, p) and target (n,) are weighted. The distributed terms stay as they are: the other part is predicted.
    """
    if not unseen.any():
        return x
    other: Part = "imaginary" if part == "real" else "real"
    where = np.flatnonzero(unseen)
    completed = x.copy()
    completed[where] = least_squares(real_rows(columns[:, where], other), real_rows(target - columns @ x, other))
    return completed


def ends_of(x: Array) -> tuple[float, float, float]:
    """R_inf, L, 1/C, with which a fit's terms begin."""
    return float(x[0]), float(x[1]), float(x[2])


def least_squares(matrix: Array, target: Array) -> Array:
    """x of smallest norm among those with the smallest |matrix x - target|, columns scaled to one length first."""
    length = np.linalg.norm(matrix, axis=0)
    length[length == 0] = 1
    return np.asarray(np.linalg.lstsq(matrix / length, target, rcond=_RCOND)[0] / length)


# ---- the check ----


def _arcs(omega: Array, tau: Array) -> Complex:
    return np.asarray(1 / (1 + 1j * omega[:, None] * tau))


@dataclass(frozen=True)
class _Problem:
    omega: Array
    Z: Complex
    part: Part
    inductance: bool
    capacitance: bool
    extend: float

    def times(self, count: int) -> Array:
        """`count` time constants [s] (count,), even in log tau over the range measured and `extend` decades beyond."""
        beyond = 10**self.extend
        return np.geomspace(1 / self.omega.max() / beyond, 1 / self.omega.min() * beyond, count)

    def fit(self, count: int) -> tuple[Array, float]:
        """Terms (3 + count,) and the variance of the weighted residuals, per degree of freedom left."""
        weight = 1 / np.abs(self.Z)
        columns = np.hstack([end_columns(self.omega), _arcs(self.omega, self.times(count))]) * weight[:, None]
        target = self.Z * weight
        seen = seen_ends(self.part, self.inductance, self.capacitance)
        used = np.flatnonzero(np.concatenate([seen, np.ones(count, dtype=np.bool_)]))
        matrix, wanted = real_rows(columns[:, used], self.part), real_rows(target, self.part)
        x = np.zeros(N_ENDS + count)
        x[used] = least_squares(matrix, wanted)
        left = wanted - matrix @ x[used]
        unseen = unseen_ends(self.part, self.inductance, self.capacitance)
        return with_unseen_ends(x, unseen, columns, target, self.part), float(left @ left) / (len(wanted) - len(used))


def mu_criterion(R: Array) -> float:
    """mu = 1 - sum |R_k < 0| / sum R_k >= 0: 1 while the series is too short, towards 0 once it follows noise.

    Schoenleber, Klotz, Ivers-Tiffee 2014 (10.1016/j.electacta.2014.01.034). 0 where negative resistances prevail.
    """
    positive, negative = float(R[R >= 0].sum()), float(-R[R < 0].sum())
    return max(0.0, 1 - negative / positive) if positive > 0 else 0.0


def kramers_kronig(
    frequency: npt.ArrayLike,
    Z: npt.ArrayLike,
    *,
    mu: float = 0.85,
    elements: int | None = None,
    part: Part = "both",
    inductance: bool = True,
    capacitance: bool = True,
    extend: float = 0.0,
) -> KramersKronig:
    """Fit Z(w) = R_inf + j w L + 1/(j w C) + sum R_k/(1 + j w tau_k), weighted by 1/|Z|.

    frequency [Hz] and Z [ohm], both (n,), in any order. The number of elements is the smallest with mu_criterion <=
    `mu` that none of the next few betters by a factor of 1.3 in variance, or `elements`. `part` says which part is
    fitted; the other is then predicted, but for R_inf, or L and 1/C. `extend`: decades that tau reaches beyond the
    range measured. InputError for what is no spectrum.
    Schoenleber, Klotz, Ivers-Tiffee 2014 (10.1016/j.electacta.2014.01.034).
    """
    omega, z = checked_spectrum(frequency, Z)
    check_part(part)
    _check_range("extend", extend, 0, 10)
    _check_range("mu", mu, 0, 1)
    problem = _Problem(omega, z, part, inductance, capacitance, extend)
    counts = _counts(omega, part, elements)
    fits = [problem.fit(int(count)) for count in counts]
    mus = np.array([mu_criterion(x[N_ENDS:]) for x, _ in fits])
    variances = np.array([variance for _, variance in fits])
    best = _chosen(mus, variances, mu)
    x, tau = fits[best][0], problem.times(int(counts[best]))
    fitted, ends = np.hstack([end_columns(omega), _arcs(omega, tau)]) @ x, ends_of(x)
    return KramersKronig(omega / (2 * pi), z, fitted, tau, x[N_ENDS:], *ends, float(mus[best]), counts, mus, variances)


def _check_range(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{key}: read {value}; expected {low:g} to {high:g}")


def _counts(omega: Array, part: Part, elements: int | None) -> Ints:
    """Numbers of elements to try: from one a decade to half the rows at hand, or 15 a decade."""
    decades = float(np.log10(omega.max() / omega.min()))
    rows = 2 * len(omega) if part == "both" else len(omega)
    most = max(2, min(rows // 2, rows - N_ENDS - 1, ceil(_MOST_A_DECADE * max(1.0, decades))))
    if elements is not None:
        if not 2 <= elements <= most:
            raise InputError(f"elements: read {elements}; expected 2 to {most} for {len(omega)} points")
        return np.array([elements])
    return np.arange(min(most, max(3, ceil(decades))), most + 1)


def _chosen(mus: Array, variances: Array, mu: float) -> int:
    """Index of the first fit that follows noise and that none a little longer betters by much; the last without one."""
    to_come = np.array([variances[i : i + _AHEAD].min() for i in range(len(variances))])
    reached = np.flatnonzero((mus <= mu) & (variances <= _WORTH_MORE * to_come))
    return int(reached[0]) if len(reached) else len(mus) - 1


# ---- the filter ----


def filter_points(
    frequency: npt.ArrayLike,
    Z: npt.ArrayLike,
    threshold: float = 0.01,
    *,
    drop: Sequence[int] = (),
    keep: Sequence[int] = (),
    low: float = 0.0,
    high: float = float("inf"),
    most: float = 0.25,
    mu: float = 0.85,
    extend: float = 0.0,
) -> Filtered:
    """Drop points one by one, the worst first, until no residual (real or imaginary, over |Z|) exceeds `threshold`.

    Each time the rest is fitted anew, for a spoilt point spoils its neighbours' residuals. The user says which points
    go (`drop`, indices; below `low` or above `high` [Hz]) and which stay (`keep`). At most the fraction `most` of the
    points goes for its residual: beyond that the spectrum is wrong and not a point, and `consistent` is False.
    A wrong imaginary part of the very first or last point cannot be told from a process beyond the range.
    """
    omega, z = checked_spectrum(frequency, Z)
    f = omega / (2 * pi)
    if not threshold > 0:
        raise InputError(f"threshold: read {threshold}; expected a number above 0")
    _check_range("most", most, 0, 1)
    reasons = _told(f, drop, low, high)
    stays = _marked(_indices("keep", keep, len(f)), len(f))
    told = len(reasons)
    while True:
        mask = ~_marked(list(reasons), len(f))
        check = kramers_kronig(f[mask], z[mask], mu=mu, extend=extend)
        may_go = ~stays[mask]
        consistent = not np.any(may_go & (check.worst > threshold))
        if consistent or len(reasons) - told >= int(most * len(f)) or mask.sum() <= _FEWEST_POINTS:
            break
        worst = int(np.argmax(np.where(may_go, _relief(check), -1.0)))
        reasons[int(np.flatnonzero(mask)[worst])] = f"residual above {threshold:g}"
    residual = (z - check.at(f)) / np.abs(z)
    dropped = tuple(Dropped(i, float(f[i]), complex(residual[i]), reasons[i]) for i in sorted(reasons))
    return Filtered(mask, dropped, check, threshold, consistent)


def _marked(points: Sequence[int], n: int) -> Bools:
    marks = np.zeros(n, dtype=np.bool_)
    marks[list(points)] = True
    return marks


def _relief(check: KramersKronig) -> Array:
    """By how much the sum of squared residuals falls when a point goes and the rest is fitted anew (n,).

    e^T (1 - H)^-1 e of a point's two residuals e and their block of the matrix H that turns data into fit. A point at
    an end draws the fit to itself: its neighbours' residuals are then larger than its own.
    """
    omega, n = 2 * pi * check.frequency, len(check.frequency)
    columns = np.hstack([end_columns(omega), _arcs(omega, check.tau)]) / np.abs(check.Z)[:, None]
    matrix = real_rows(columns, "both")
    u, singular, _ = np.linalg.svd(matrix / np.linalg.norm(matrix, axis=0), full_matrices=False)
    u = u[:, singular > _RCOND * singular[0]].reshape(2, n, -1)
    free = np.eye(2) - np.einsum("ank,bnk->nab", u, u)
    e = np.stack([check.residual.real, check.residual.imag], axis=1)
    share, axes = np.linalg.eigh(free)
    along = np.einsum("nab,na->nb", axes, e)
    return np.asarray(np.sum(along**2 / np.maximum(share, _RCOND), axis=1))


def _told(f: Array, drop: Sequence[int], low: float, high: float) -> dict[int, str]:
    """Points that go because the user says so, and the reason."""
    reasons = {int(i): f"below {low:g} Hz" for i in np.flatnonzero(f < low)}
    reasons |= {int(i): f"above {high:g} Hz" for i in np.flatnonzero(f > high)}
    return reasons | {i: "by hand" for i in _indices("drop", drop, len(f))}


def _indices(key: str, given: Sequence[int], n: int) -> list[int]:
    for i in given:
        if not -n <= i < n:
            raise InputError(f"{key}: read point {i}; the spectrum has points 0 to {n - 1}")
    return [int(i) % n for i in given]
