"""Weighted least squares of a model to measured spectra, from several starts, and what the data say of each parameter.

A fit always ends somewhere. Whether a figure that it ends at is a measurement is judged here: by the Fisher information
at the minimum, by the bounds, by the profile of what is known badly, and by other minima that are as deep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit
from scipy.stats import qmc

from miecsim.errors import InputError, SolveError
from miecsim.inverse.forward import FitData, Forward, FreeParameter
from miecsim.inverse.misfit import Descent, Misfit, checked, descend
from miecsim.inverse.modes import UNKNOWN, UNLIMITED, Modes, combinations, modes
from miecsim.inverse.ridge import follow
from miecsim.typing import Array, Bools, Complex

SCREENED = 24  # points of the Sobol set whose cost is asked for, for each start that is followed
_LINEAR = 0.1  # standard error, in units of the parameter, up to which the linear view is taken for granted
_FIRST_NOISE = 1e-3  # of |Z|
_SPACING = 1.0  # of sqrt(rise) along a profile
_DEEPER = 0.05  # fall of the sum of squares that is another minimum
_MOST_RESTARTS = 3
_FROM_PRIOR = 0.8  # error in deviations of the prior: beyond it the data tell little
BEFOREHAND = "which is what was known of it beforehand"  # said of a value that is its prior
_DECADES = 2.0  # half-width of the Sobol set where a bound is infinite, in units of the parameter


@dataclass(frozen=True, eq=False)
class Start:
    """One descent: start and end (n_p,) in SI, cost (half the sum of squares), evaluations of spectra, and in `failed`
    why there is no end, "" otherwise."""

    start: Array
    end: Array
    cost: float
    evaluations: int
    failed: str = ""


@dataclass(frozen=True, eq=False)
class Fit:
    """The best fit. Scaled means ln p, or p for a parameter that is not on a logarithmic scale.

    values (n_p,) in SI; error (n_p,) standard error of the scaled parameter, inf where nothing fixes it to both sides;
    low, high (n_p,) 95 % bounds, 0 and inf (-inf and inf) where there is none; covariance, correlation (n_p, n_p) of
    scaled parameters; Z the fitted spectra (n_f,); residuals (Z_data - Z)/sigma (n_f,); chi2 the sum of their squared
    real and imaginary parts; dof rows less the combinations of parameters that they see; noise the factor of the sigma
    that are known only up to it; aic, bic with the whole likelihood; at_bound (n_p,) -1 at the lower, 1 at the upper
    bound, 0 inside; identified (n_p,). profiled: low and high are those of the profile likelihood, for something is
    known badly, and not those of the linear view; error is then what would give an interval of this width; alike: for
    each parameter some values (n, n_p) in SI that were seen to fit the data, between its limits. rivals: other minima
    that fit as well (n_p,) in SI, of those that the starts led to. starts, in the order of their cost;
    evaluations of spectra in them; converged: whether the descent stopped by itself.
    """

    parameters: tuple[FreeParameter, ...]
    data: tuple[FitData, ...]
    values: Array
    error: Array
    low: Array
    high: Array
    covariance: Array
    correlation: Array
    modes: Modes
    Z: tuple[Complex, ...]
    residuals: tuple[Complex, ...]
    chi2: float
    dof: float
    noise: float
    aic: float
    bic: float
    at_bound: Array
    identified: Bools
    profiled: bool
    rivals: tuple[Array, ...]
    starts: tuple[Start, ...]
    evaluations: int
    converged: bool
    alike: tuple[Array, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    def level(self, confidence: float) -> float:
        """Quantile of Student's t, two-sided; of the normal distribution where every sigma is known."""
        return _level(self.data, self.dof, confidence)

    def open_combinations(self) -> tuple[str, ...]:
        """Each combination of scaled parameters that the data leave open, in words of its largest parts."""
        labels = [f"ln {p.name}" if p.log else p.name for p in self.parameters]
        return combinations(self.modes.values, self.modes.vectors, labels)

    def report(self) -> tuple[str, ...]:
        """A line for each parameter: its value and 95 % bounds, or that it is not identified and why."""
        return tuple(_statement(self, i) for i in range(len(self.parameters)))


def fit(
    forward: Forward,
    parameters: Sequence[FreeParameter],
    data: Sequence[FitData],
    *,
    starts: int = 1,
    seed: int = 0,
    also: Sequence[Array] = (),
    tell: Callable[[int, float], None] | None = None,
    profiled: bool = True,
) -> Fit:
    """The parameters at which the model is nearest to the data, from the given start and `starts` - 1 others.

    The others are the best of a Sobol set between the bounds (`seed`), even on the scaled axes; and those of `also`
    (n_p,) in SI, such as minima that are known already. tell(start, cost) is called after each. A start at which the
    model has no spectrum is recorded as failed. Where any parameter is known badly the linear view misleads, and the
    profile likelihood of each is followed to its 95 % limits, unless not `profiled`. SolveError if all starts fail,
    InputError where parameters, model and data do not fit together.
    """
    misfit = _at_first(checked(forward, parameters, data))
    begins = [*_starts(misfit, starts, seed), *(misfit.scaled(values) for values in also)]
    found = _descents(misfit, begins, tell)
    best = min((end for end, _ in found if end is not None), key=lambda end: end.cost, default=None)
    if best is None:
        reasons = "; ".join(dict.fromkeys(record.failed for _, record in found))
        raise SolveError(f"fit: no start of {len(found)} led to a fit: {reasons}")
    records = tuple(sorted((record for _, record in found), key=lambda record: record.cost))
    result = _judged(*_with_noise(misfit, best), records)
    for _ in range(_MOST_RESTARTS):
        if not profiled or not _in_doubt(result):
            break
        result, deeper = _with_limits(result, replace(misfit, noise=result.noise))
        if deeper is None:
            break
        result = _judged(*_with_noise(misfit, descend(misfit, deeper)), records)
    return result


# ---- from several starts ----


def _starts(misfit: Misfit, starts: int, seed: int) -> list[Array]:
    """Scaled starts: the given one, then those of the Sobol set with the least cost, no two close together."""
    if starts < 1:
        raise InputError(f"fit: read {starts} starts; expected 1 or more")
    given = misfit.scaled(np.array([p.start for p in misfit.parameters]))
    if starts == 1:
        return [given]
    low, high = misfit.bounds
    low = np.where(np.isfinite(low), low, given - _DECADES * misfit.units)
    high = np.where(np.isfinite(high), high, given + _DECADES * misfit.units)
    count = int(np.ceil(np.log2(SCREENED * (starts - 1))))
    points = qmc.scale(qmc.Sobol(low.size, rng=seed).random_base2(count), low, high)
    order = points[np.argsort([_screened(misfit, x) for x in points], kind="stable")]
    chosen = [given]
    for apart in (0.25, 0.0):  # of the root mean square distance of two points of the set
        for x in order:
            near = min(float(np.sqrt(np.mean(((x - y) / (high - low)) ** 2))) for y in chosen)
            if len(chosen) < starts and near > apart * np.sqrt(1 / 6):
                chosen.append(x)
    return chosen


def _screened(misfit: Misfit, x: Array) -> float:
    """Sum of squares of ln Z, infinite where there is no spectrum."""
    try:
        rows = misfit.log_rows(x, misfit.spectra(x))
    except SolveError:
        return float("inf")
    return float(rows @ rows)


def _descents(
    misfit: Misfit, starts: Sequence[Array], tell: Callable[[int, float], None] | None
) -> list[tuple[Descent | None, Start]]:
    found: list[tuple[Descent | None, Start]] = []
    for number, x in enumerate(starts):
        values = misfit.values(x)
        try:
            end = descend(misfit, x)
            found.append((end, Start(values, misfit.values(end.x), end.cost, end.evaluations)))
        except SolveError as error:
            found.append((None, Start(values, np.full(values.size, np.nan), float("inf"), 0, str(error))))
        if tell is not None:
            tell(number, found[-1][1].cost)
    return found


def _mixed(misfit: Misfit) -> bool:
    """Whether the common factor of the noise moves the minimum: against priors, or spectra whose sigma is known."""
    return any(one.known for one in misfit.data) or bool(misfit.priors)


def _at_first(misfit: Misfit) -> Misfit:
    """With a factor that makes the noise small, where it matters, so that priors do not keep a fit from the data."""
    relative = [one.sigma / np.abs(one.Z) for one in misfit.data if not one.known]
    if not relative or not _mixed(misfit):
        return misfit
    return replace(misfit, noise=_FIRST_NOISE / float(np.median(np.concatenate(relative))))


def _with_noise(misfit: Misfit, end: Descent) -> tuple[Misfit, Descent]:
    """The common factor of the noise from the residuals, and the fit again where it moves the weights."""
    mixed = _mixed(misfit)
    if all(one.known for one in misfit.data):
        return misfit, end
    for _ in range(8 if mixed else 1):
        weighed = replace(misfit, noise=_noise(misfit, end))
        change = abs(np.log(weighed.noise / misfit.noise))
        misfit = weighed
        if not mixed or change < 1e-3:
            break
        moved = descend(misfit, end.x)
        end = replace(moved, evaluations=end.evaluations + moved.evaluations)
    return misfit, end


def _noise(misfit: Misfit, end: Descent) -> float:
    """s: root of chi2 over the degrees of freedom, of the spectra whose sigma is known up to a factor."""
    slopes = misfit.slopes(end.x)
    left, singular, _ = np.linalg.svd(misfit.jacobian(slopes) * misfit.units, full_matrices=False)
    leverage = np.sum(left[:, singular * UNLIMITED > 1] ** 2, axis=1)
    chi2, free, at = 0.0, 0.0, 0
    for one, residual in zip(misfit.data, misfit.residuals([Z for Z, _ in slopes]), strict=True):
        rows = slice(at, at + 2 * residual.size)
        at = rows.stop
        if not one.known:
            chi2 += float(np.sum(np.abs(residual) ** 2))
            free += 2 * residual.size - float(np.sum(leverage[rows]))
    tiny = np.finfo(float).tiny
    return float(np.sqrt(max(chi2, tiny) / max(free, 1.0)))


# ---- what the data say ----


def _judged(misfit: Misfit, end: Descent, starts: tuple[Start, ...]) -> Fit:
    """The linear view at the minimum."""
    slopes = misfit.slopes(end.x)
    spectra = tuple(Z for Z, _ in slopes)
    residuals = misfit.residuals(spectra)
    jacobian, units = misfit.jacobian(slopes), misfit.units
    found = modes(jacobian * units)
    error = found.error * units
    dof = float(max(jacobian.shape[0] - found.rank, 1))
    reach = _level(misfit.data, dof, 0.95) * error
    at_bound = _at_bound(misfit, end.x)
    rivals = _rivals(misfit, end.x, starts, error)
    likelihood = _likelihood(misfit, residuals)
    fitted = units.size + (0 if all(one.known for one in misfit.data) else 1)
    return Fit(
        parameters=misfit.parameters,
        data=misfit.data,
        values=misfit.values(end.x),
        error=error,
        low=_limits(misfit, end.x - reach),
        high=_limits(misfit, end.x + reach),
        covariance=found.covariance * np.outer(units, units),
        correlation=found.correlation,
        modes=found,
        Z=spectra,
        residuals=residuals,
        chi2=sum(float(np.sum(np.abs(r) ** 2)) for r in residuals),
        dof=dof,
        noise=misfit.noise,
        aic=likelihood + 2 * fitted,
        bic=likelihood + float(np.log(jacobian.shape[0])) * fitted,
        at_bound=at_bound,
        identified=_identified(misfit, error, at_bound, end.x, rivals),
        profiled=False,
        rivals=rivals,
        starts=starts,
        evaluations=sum(record.evaluations for record in starts),
        converged=end.converged,
    )


def _in_doubt(found: Fit) -> bool:
    """Whether something is known so badly that the model is not linear over its error."""
    return bool(np.any(found.modes.error > _LINEAR) or np.any(found.at_bound) or found.rivals)


def _with_limits(found: Fit, misfit: Misfit) -> tuple[Fit, Array | None]:
    """The fit with the limits of the profiles; or a deeper minimum that they led to."""
    best = descend(misfit, misfit.scaled(found.values))
    level, limits, sides = found.level(0.95), [], []
    for i in range(best.x.size):
        for sign in (-1, 1):
            ridge = follow(misfit, best, i, sign, found.covariance, level, _SPACING)
            if ridge.rise.min() < -_DEEPER:
                return found, np.asarray(ridge.x[np.argmin(ridge.rise)])
            limits.append(ridge.crossing(level))
            sides.append([misfit.values(x) for x in _some(ridge.x[ridge.rise <= level**2], i)])
    low, high = np.array(limits).reshape(-1, 2).T
    error = (high - low) / 2 / level
    identified = _identified(misfit, error, found.at_bound, best.x, found.rivals)
    limited = replace(
        found,
        error=error,
        low=_limits(misfit, low),
        high=_limits(misfit, high),
        identified=identified,
        profiled=True,
        alike=tuple(np.array([*b[::-1], *a]) for b, a in zip(sides[::2], sides[1::2], strict=True)),
    )
    return limited, None


def _some(x: Array, i: int) -> Array:
    """Of points outwards along parameter i: the one nearest to the middle of the way, and the last."""
    half = int(np.argmin(np.abs(x[:, i] - (x[0, i] + x[-1, i]) / 2)))
    return x[sorted({half, len(x) - 1} - {0})]


def _identified(misfit: Misfit, error: Array, at_bound: Array, x: Array, rivals: Sequence[Array]) -> Bools:
    known = (error < UNKNOWN * misfit.units) & (at_bound == 0)
    for rival in rivals:
        known &= np.abs(misfit.scaled(rival) - x) < UNKNOWN * misfit.units
    return np.asarray(known)


def _rivals(misfit: Misfit, x: Array, starts: tuple[Start, ...], error: Array) -> tuple[Array, ...]:
    """Ends of other starts that fit as well, and that differ by what the errors do not explain."""

    def depth(x: Array) -> float:
        rows = misfit.rows(x, misfit.spectra(x))
        return float(rows @ rows)

    deepest, alike, rivals = depth(x), _level(misfit.data, np.inf, 0.95) ** 2, [x]
    for end in (misfit.scaled(record.end) for record in starts if not record.failed):
        apart = [np.abs(end - other) > np.maximum(4 * error, UNKNOWN * misfit.units) for other in rivals]
        if all(differs.any() for differs in apart) and depth(end) - deepest < alike:
            rivals.append(end)
    return tuple(misfit.values(rival) for rival in rivals[1:])


def _limits(misfit: Misfit, x: Array) -> Array:
    return np.array([p.value(float(v)) for p, v in zip(misfit.parameters, x, strict=True)])


def _level(data: Sequence[FitData], dof: float, confidence: float) -> float:
    freedom = np.inf if all(one.known for one in data) else dof
    return float(stdtrit(freedom, (1 + confidence) / 2))


def _at_bound(misfit: Misfit, x: Array) -> Array:
    low, high = misfit.bounds
    near = 1e-3 * misfit.units
    return np.where(x - low < near, -1.0, np.where(high - x < near, 1.0, 0.0))


def _likelihood(misfit: Misfit, residuals: Sequence[Complex]) -> float:
    """-2 ln likelihood of the data."""
    total = 0.0
    for one, residual, factor in zip(misfit.data, residuals, misfit.factors, strict=True):
        total += float(np.sum(np.abs(residual / factor) ** 2 + 2 * np.log(2 * np.pi * (one.sigma * factor) ** 2)))
    return total


# ---- in words ----


def _statement(found: Fit, i: int) -> str:
    one, unit = found.parameters[i], f" {found.parameters[i].unit}" if found.parameters[i].unit else ""
    low, high = found.low[i], found.high[i]
    if found.identified[i]:
        told = f"{one.name} = {found.values[i]:.4g}{unit} (95 %: {low:.4g} to {high:.4g}{unit})"
        mostly = one.prior is not None and found.error[i] > _FROM_PRIOR * one.prior[1]
        return f"{told}, {BEFOREHAND}" if mostly else told
    from_below, from_above = low > one.low, high < one.high
    if from_below and from_above:
        told = f"anything from {low:.2g} to {high:.2g}{unit} fits the data (95 %)"
    elif from_below or from_above:
        told = f"the data say only that it is {f'above {low:.3g}' if from_below else f'below {high:.3g}'}{unit} (95 %)"
    else:
        told = f"anything between its bounds, {one.low:.4g} and {one.high:.4g}{unit}, fits the data"
    if found.at_bound[i]:
        which = "lower" if found.at_bound[i] < 0 else "upper"
        told += f"; the fit ends at its {which} bound, {one.low if found.at_bound[i] < 0 else one.high:.4g}{unit}"
    elif found.rivals and from_below and from_above:
        others = ", ".join(f"{rival[i]:.3g}" for rival in found.rivals)
        told = f"{found.values[i]:.3g} and {others}{unit} fit the data alike"
    return f"{one.name} is not identified: {told}"
