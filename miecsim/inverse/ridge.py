"""Along the ridge of the likelihood: one parameter held at values ever further out, the others fitted again at each.

With C the least sum of squares at a given x_i, sqrt(C(x_i) - C_min) is a straight line where the model is linear, and
crosses the quantile of Student's t at the confidence limits also where it is not (Venzon and Moolgavkar 1988). Where it
does not rise there is no limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from miecsim.errors import SolveError
from miecsim.inverse.misfit import Descent, Misfit, descend
from miecsim.typing import Array

_LOOSE = 1e-5  # relative tolerance of the fits along the way
_MOST_STEPS = 60
_LONGEST, _SHORTEST = 1.5, 1e-5  # step of any parameter, in units of it
_GROWTH = 3.0  # from one step to the next
_LEAP, _BACK = 2.5, 4.0  # a rise by so many spacings is not believed, and the step made so much shorter


@dataclass(frozen=True, eq=False)
class Ridge:
    """x (n, n_p) scaled parameters along the way, outwards in the direction `sign` of parameter i, the minimum first;
    rise (n,): C - C_min, negative where the way led to a deeper minimum."""

    i: int
    sign: int
    x: Array
    rise: Array

    def crossing(self, level: float) -> float:
        """Scaled parameter i at which C has risen by level^2; infinite, on that side, where it does not."""
        height = np.maximum.accumulate(np.sqrt(np.maximum(self.rise, 0.0)))
        if height[-1] < level:
            return self.sign * float("inf")
        steps = np.concatenate([[True], np.diff(height) > 1e-9])
        return float(PchipInterpolator(height[steps], self.x[steps, self.i])(level))


def follow(misfit: Misfit, best: Descent, i: int, sign: int, covariance: Array, level: float, spacing: float) -> Ridge:
    """From the minimum outwards along parameter i until sqrt(C - C_min) exceeds `level`, or to the bound.

    covariance (n_p, n_p) of scaled parameters: the direction of the first step; the later ones start on the line
    through the last two. spacing: of sqrt(C - C_min) from step to step. Where the model has no spectrum the way ends.
    """
    low, high = misfit.bounds
    unit, end, free = misfit.units[i], (high if sign > 0 else low)[i], np.arange(best.x.size) != i
    x, rise = [best.x], [0.0]
    slope = covariance[:, i] / covariance[i, i]
    step = min(spacing * float(np.sqrt(covariance[i, i])), 0.5 * unit)
    for _ in range(_MOST_STEPS):
        left = abs(end - x[-1][i])
        if left < 1e-9 * unit or rise[-1] > level**2:
            break
        pace = float(np.max(np.abs(slope) / misfit.units))
        step = min(max(min(step, _LONGEST / pace), _SHORTEST * unit), _LONGEST * unit, left)
        ahead = np.clip(x[-1] + sign * step * slope * min(1.0, _LONGEST / (pace * step)), low, high)
        ahead[i] = end if step == left else x[-1][i] + sign * step
        try:
            found = descend(misfit, ahead, free=free, tolerance=_LOOSE)
        except SolveError:
            break
        risen = 2 * (found.cost - best.cost)
        gained = float(np.sqrt(max(risen, 0.0)) - np.sqrt(max(rise[-1], 0.0)))
        if gained > _LEAP * spacing and step > _SHORTEST * unit:
            step /= _BACK  # too far for the others to follow, or a wall: closer steps tell
            continue
        slope = (found.x - x[-1]) / (found.x[i] - x[-1][i])
        x.append(found.x)
        rise.append(risen)
        step *= float(np.clip(spacing / max(gained, 1e-9), 1 / _GROWTH, _GROWTH))
    return Ridge(i, sign, np.array(x), np.array(rise))
