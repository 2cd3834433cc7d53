"""The misfit of a model to measured spectra as a vector of squares, its exact derivatives, and the way to a minimum.

Everything is on the scaled axis of `FreeParameter`, x = ln p or p, where spectra are nearly linear and decades are
steps of equal length. With Z_k the model and sigma_k the deviations of spectrum k, s the factor common to all spectra
whose sigma is known only up to it, and N(m, d) the priors,

    2 cost(x) = sum_k |(Z_data,k - Z_k(x))/(s_k sigma_k)|^2 + sum_priors ((x - m)/d)^2.

On these axes a descent finds its way from 2.5 decades off in each of five parameters of two blocking spectra, with
weights by modulus and with equal ones; going down the slope of ln Z first takes no fewer steps and gets no further.
Where there are several minima, other starts help.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from miecsim.errors import InputError, SolveError
from miecsim.inverse.forward import FitData, Forward, FreeParameter
from miecsim.typing import Array, Bools, Complex

FINE = 1e-8  # relative change of the cost, and of x, at which a descent stops
_MOST = 60  # evaluations in a descent, for each parameter 20 more
_INSIDE = 0.05  # units from a bound at which a descent starts, for steps shrink towards bounds
_SHARE = 1 / 4  # of the range of a parameter on a linear scale: what counts as one unit of it


@dataclass(frozen=True, eq=False)
class Misfit:
    """Model, parameters and data, and the common factor s of the sigma that are known only up to it."""

    forward: Forward
    parameters: tuple[FreeParameter, ...]
    data: tuple[FitData, ...]
    noise: float = 1.0

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Scaled bounds (n_p,), (n_p,)."""
        low = [p.scaled(p.low) for p in self.parameters]
        return np.array(low), np.array([p.scaled(p.high) for p in self.parameters])

    @property
    def units(self) -> Array:
        """(n_p,): a change of the scaled parameter that is neither small nor large: 1 of ln p, a quarter of a range."""
        low, high = self.bounds
        wide = np.where(np.isfinite(high - low), high - low, 1 / _SHARE)
        return np.array([1.0 if p.log else _SHARE * w for p, w in zip(self.parameters, wide, strict=True)])

    def values(self, x: Array) -> Array:
        """Parameters (n_p,) in SI of scaled ones; rounding does not take them across a bound."""
        return np.array([min(max(p.value(v), p.low), p.high) for p, v in zip(self.parameters, x, strict=True)])

    def scaled(self, values: Array) -> Array:
        """Scaled parameters (n_p,) of those in SI."""
        return np.array([p.scaled(float(v)) for p, v in zip(self.parameters, values, strict=True)])

    def spectra(self, x: Array) -> tuple[Complex, ...]:
        """Z (n_f,) of each spectrum. SolveError where the model has none, or one that is not finite."""
        found = self.forward.spectra(self.values(x))
        _check_finite(found)
        return found

    def slopes(self, x: Array) -> tuple[tuple[Complex, Complex], ...]:
        """Z (n_f,) and dZ/dx (n_p, n_f) of each spectrum."""
        values = self.values(x)
        factor = np.array([v if p.log else 1.0 for p, v in zip(self.parameters, values, strict=True)])
        found = tuple((Z, factor[:, None] * dZ) for Z, dZ in self.forward.gradients(values))
        _check_finite([dZ for _, dZ in found])
        return found

    def residuals(self, spectra: Sequence[Complex]) -> tuple[Complex, ...]:
        """(Z_data - Z)/sigma (n_f,) of each spectrum."""
        return tuple((one.Z - Z) / one.sigma for one, Z in zip(self.data, spectra, strict=True))

    @property
    def factors(self) -> tuple[float, ...]:
        """s of each spectrum: 1 where sigma is known."""
        return tuple(1.0 if one.known else self.noise for one in self.data)

    @property
    def priors(self) -> tuple[tuple[int, float, float], ...]:
        """Number of a parameter, scaled mean and deviation of what is known of it."""
        listed = [(i, p, p.prior) for i, p in enumerate(self.parameters)]
        return tuple((i, p.scaled(prior[0]), prior[1]) for i, p, prior in listed if prior is not None)

    def rows(self, x: Array, spectra: Sequence[Complex]) -> Array:
        """Weighted residuals (n,): real and imaginary parts of spectrum after spectrum, then the priors."""
        parts = [r / s for r, s in zip(self.residuals(spectra), self.factors, strict=True)]
        return np.concatenate([*_split(parts), np.array([(x[i] - mean) / d for i, mean, d in self.priors])])

    def jacobian(self, slopes: Sequence[tuple[Complex, Complex]]) -> Array:
        """d rows/dx (n, n_p)."""
        parts: list[Complex] = [
            -dZ / (one.sigma * s) for one, s, (_, dZ) in zip(self.data, self.factors, slopes, strict=True)
        ]
        return np.concatenate([np.hstack(_split(parts)).T, self._prior_jacobian])

    def log_rows(self, x: Array, spectra: Sequence[Complex]) -> Array:
        """ln(Z_data/Z) (n,), weighted where sigma says that a point is worth less than others."""
        with np.errstate(divide="ignore"):
            parts = [w * np.log(d.Z / Z) for d, w, Z in zip(self.data, self._log_weights, spectra, strict=True)]
        return np.concatenate([*_split(parts), np.array([(x[i] - mean) / d for i, mean, d in self.priors])])

    @property
    def _prior_jacobian(self) -> Array:
        rows = np.zeros((len(self.priors), len(self.parameters)))
        for row, (i, _, d) in enumerate(self.priors):
            rows[row, i] = 1 / d
        return rows

    @property
    def _log_weights(self) -> list[Array]:
        relative = [one.sigma / np.abs(one.Z) for one in self.data]
        usual = float(np.median(np.concatenate(relative)))
        return [np.minimum(1.0, usual / r) for r in relative]


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended: scaled parameters (n_p,), half the sum of squares, evaluations of spectra, and whether it
    stopped by itself."""

    x: Array
    cost: float
    evaluations: int
    converged: bool


def descend(misfit: Misfit, x: Array, *, free: Bools | None = None, tolerance: float = FINE) -> Descent:
    """From scaled parameters x (n_p,) down to a minimum within the bounds; only those that are `free` (n_p,) move.

    Trust-region reflective least squares (Branch, Coleman, Li 1999), the first step no longer than one unit of
    `Misfit.units`, until the cost or x changes by less than `tolerance`. Where the model has no spectrum the step is
    shortened. SolveError where it has none at x, or no gradients on the way.
    """
    moving = np.ones(x.size, dtype=np.bool_) if free is None else free
    low, high = misfit.bounds
    start, units = np.clip(x, low, high), misfit.units[moving]
    begin = misfit.rows(start, misfit.spectra(start))  # a model that has no spectrum here says so now

    def point(y: Array) -> Array:
        x = start.copy()
        x[moving] = np.clip(start[moving] + units * y, low[moving], high[moving])
        return x

    def value(y: Array) -> Array:
        if not y.any():
            return begin
        try:
            return misfit.rows(point(y), misfit.spectra(point(y)))
        except SolveError:
            return np.full(begin.size, np.inf)

    def slope(y: Array) -> Array:
        return np.asarray(misfit.jacobian(misfit.slopes(point(y)))[:, moving] * units)

    if not moving.any():
        return Descent(start, float(begin @ begin) / 2, 1, True)
    bounds = (low[moving] - start[moving]) / units, (high[moving] - start[moving]) / units
    inside = np.minimum(_INSIDE, (bounds[1] - bounds[0]) / 4)
    first = np.clip(0.0, bounds[0] + inside, bounds[1] - inside)
    stop = {"ftol": tolerance, "xtol": tolerance, "gtol": 1e-2 * tolerance, "max_nfev": _MOST + 20 * units.size}
    with np.errstate(invalid="ignore", over="ignore"):
        end = least_squares(value, first, slope, bounds, **stop)
    return Descent(point(end.x), float(end.cost), int(end.nfev) + 1, bool(end.status > 0))


def _split(parts: Iterable[npt.NDArray[Any]]) -> list[Array]:
    return [half for part in parts for half in (part.real, part.imag)]


def _check_finite(found: Sequence[Complex]) -> None:
    if not all(np.isfinite(part).all() for part in found):
        raise SolveError("fit: the model gives a spectrum that is not finite")


def checked(forward: Forward, parameters: Sequence[FreeParameter], data: Sequence[FitData]) -> Misfit:
    """The misfit of a model. InputError where names, shapes or numbers do not fit together."""
    names = tuple(p.name for p in parameters)
    if names != tuple(forward.names) or not names:
        raise InputError(f"fit: read parameters {', '.join(names) or 'none'}; the model has {', '.join(forward.names)}")
    for one in data:
        if one.Z.shape != one.frequency.shape or one.sigma.shape != one.Z.shape:
            raise InputError(f"{one.name}: read {one.Z.size} points with {one.sigma.size} sigma; expected as many")
        if not (np.isfinite(one.Z).all() and (one.Z != 0).all() and (np.isfinite(one.sigma) & (one.sigma > 0)).all()):
            raise InputError(f"{one.name}: read a Z or a sigma that is no number, or zero; leave such points out")
    if not data or 2 * sum(one.Z.size for one in data) <= len(names):
        points = sum(one.Z.size for one in data)
        raise InputError(f"fit: read {points} points for {len(names)} parameters; expected more data than parameters")
    return Misfit(forward, tuple(parameters), tuple(data))
