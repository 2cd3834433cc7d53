"""Profile likelihood: what the data say of one parameter when all others are free to make up for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from miecsim.errors import InputError
from miecsim.inverse.fit import Fit
from miecsim.inverse.forward import Forward
from miecsim.inverse.misfit import Descent, Misfit, checked, descend
from miecsim.inverse.ridge import Ridge, follow
from miecsim.typing import Array

_SPACING = 0.4  # of sqrt(rise) between two points


@dataclass(frozen=True, eq=False)
class Profile:
    """values (n,) of a parameter in SI, rising; rise (n,) of chi2/s^2 (and what priors add) above its minimum, the
    other parameters (n, n_p) being fitted again at each; best: value at the minimum. low68, high68, low, high: 68.27 %
    and 95 % limits, 0 or -inf and inf where the profile does not rise to them before the bound."""

    name: str
    unit: str
    log: bool
    best: float
    values: Array
    rise: Array
    parameters: Array
    low68: float
    high68: float
    low: float
    high: float
    levels: tuple[float, float]


def profile(forward: Forward, fit: Fit, name: str, *, reach: float = 1.3) -> Profile:
    """Profile of one parameter of a fit, out to `reach` times the sqrt(rise) of its 95 % limits, or to its bounds.

    The limits are where the rise is the square of Student's t (F of 1 and dof degrees of freedom), of the normal
    distribution where every sigma is known. InputError for a name that is not fitted.
    """
    if name not in fit.names:
        raise InputError(f"profile: read {name}; the fit has {', '.join(fit.names)}")
    if not reach >= 1:
        raise InputError(f"profile: read a reach of {reach:g}; expected 1 or more")
    i = fit.names.index(name)
    misfit = replace(checked(forward, fit.parameters, fit.data), noise=fit.noise)
    best = descend(misfit, misfit.scaled(fit.values))
    levels = fit.level(0.6827), fit.level(0.95)
    below, above = (follow(misfit, best, i, sign, fit.covariance, reach * levels[1], _SPACING) for sign in (-1, 1))
    return _joined(misfit, best, below, above, levels)


def _joined(misfit: Misfit, best: Descent, below: Ridge, above: Ridge, levels: tuple[float, float]) -> Profile:
    one, i = misfit.parameters[below.i], below.i
    x = np.concatenate([below.x[:0:-1], above.x])
    rise = np.concatenate([below.rise[:0:-1], above.rise])
    low68, low = (one.value(below.crossing(level)) for level in levels)
    high68, high = (one.value(above.crossing(level)) for level in levels)
    values = np.array([misfit.values(row) for row in x])
    value = float(misfit.values(best.x)[i])
    return Profile(one.name, one.unit, one.log, value, values[:, i], rise, values, low68, high68, low, high, levels)
