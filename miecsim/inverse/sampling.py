"""The posterior distribution of fitted parameters, drawn by an ensemble of walkers (emcee)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.inverse.fit import Fit
from miecsim.inverse.forward import Forward
from miecsim.inverse.misfit import Misfit, checked
from miecsim.typing import Array

_SPREAD = 0.3  # of the walkers' starts, in standard errors; of a unit where there is none
_LONG_ENOUGH = 50  # autocorrelation times in a chain whose quantiles are to be trusted (emcee's advice)


@dataclass(frozen=True, eq=False)
class Samples:
    """values (n, n_p) in SI, draws of the posterior; correlated over `autocorrelation` (n_p,) steps of the chain of
    `steps`; acceptance: share of proposals taken."""

    names: tuple[str, ...]
    values: Array
    autocorrelation: Array
    steps: int
    acceptance: float

    @property
    def converged(self) -> bool:
        """Whether the chain is 50 autocorrelation times long."""
        return bool(np.all(self.steps > _LONG_ENOUGH * self.autocorrelation))

    def interval(self, name: str, confidence: float = 0.95) -> tuple[float, float]:
        """Equal-tailed credible interval of a parameter. InputError for an unknown name."""
        if name not in self.names:
            raise InputError(f"samples: read {name}; there are {', '.join(self.names)}")
        column = self.values[:, self.names.index(name)]
        low, high = np.quantile(column, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)


def sample(
    forward: Forward, fit: Fit, *, steps: int = 2000, burn: int = 500, walkers: int | None = None, seed: int = 0
) -> Samples:
    """Draw from the posterior of a fit: `walkers` (4 a parameter) of `steps` each, after `burn` that are thrown away.

    Uniform on the scaled axes between the bounds, times the priors; a common factor s that is not known is integrated
    over with weight 1/s, which gives chi2^(-n/2). Goodman and Weare 2010; Foreman-Mackey, Hogg, Lang, Goodman 2013.
    InputError where emcee is not installed, or for counts that are too small.
    """
    emcee = _emcee()
    misfit = replace(checked(forward, fit.parameters, fit.data), noise=fit.noise)
    count = 4 * len(fit.parameters) if walkers is None else walkers
    if steps < 1 or burn < 0 or count < 2 * len(fit.parameters) or count % 2:
        raise InputError(
            f"sample: read {steps} steps after {burn} with {count} walkers; expected an even number of walkers, "
            f"{2 * len(fit.parameters)} or more, and a step or more"
        )
    random = np.random.RandomState(seed)  # what emcee takes
    sampler = emcee.EnsembleSampler(count, len(fit.parameters), lambda x: _log_posterior(misfit, x))
    state = emcee.State(_first(misfit, fit, count, random), random_state=random.get_state())
    if burn:
        state = sampler.run_mcmc(state, burn)
        sampler.reset()
    sampler.run_mcmc(state, steps)
    chain = sampler.get_chain()
    times = emcee.autocorr.integrated_time(chain, tol=0)
    values = np.array([misfit.values(x) for x in chain.reshape(-1, len(fit.parameters))])
    share = float(np.mean(sampler.acceptance_fraction))
    return Samples(fit.names, values, np.asarray(times, dtype=np.float64), steps, share)


def _emcee() -> Any:
    try:
        import emcee  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        raise InputError('sampling needs emcee; install it with pip install "miecsim[sampling]"') from None
    return emcee


def _log_posterior(misfit: Misfit, x: Array) -> float:
    low, high = misfit.bounds
    if np.any(x < low) or np.any(x > high):
        return -np.inf
    try:
        residuals = misfit.residuals(misfit.spectra(x))
    except SolveError:
        return -np.inf
    total = -sum(((x[i] - mean) / d) ** 2 for i, mean, d in misfit.priors) / 2
    unknown, rows = 0.0, 0
    for one, residual in zip(misfit.data, residuals, strict=True):
        chi2 = float(np.sum(np.abs(residual) ** 2))
        if one.known:
            total -= chi2 / 2
        else:
            unknown, rows = unknown + chi2, rows + 2 * residual.size
    return float(total - rows / 2 * np.log(unknown)) if rows else float(total)


def _first(misfit: Misfit, fit: Fit, count: int, random: np.random.RandomState) -> Array:
    """Starts (count, n_p) of the walkers, around the fit and inside the bounds."""
    low, high = misfit.bounds
    spread = _SPREAD * np.minimum(fit.error, misfit.units)
    x = misfit.scaled(fit.values) + spread * random.standard_normal((count, low.size))
    edge = 1e-6 * misfit.units * random.uniform(1, 2, (count, low.size))
    return np.asarray(np.clip(x, low + edge, high - edge))
