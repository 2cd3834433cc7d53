"""Which further experiment would tell apart what the ones at hand leave open: the second blocking cell, another
thickness, other frequencies, a bias.

Information of independent experiments adds (Fisher). A candidate is worth what it takes off the errors of the
parameters that are still open; where several fix all of them, the smallest volume of what remains decides (the
D-criterion: Atkinson and Donev 1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.inverse.gradients import Gradients
from miecsim.inverse.identifiability import Information, information


@dataclass(frozen=True)
class Candidate:
    """One further experiment: what it fixes that was open before, what stays open, and the standard errors of ln p
    with it; gain: of ln(volume) of what is known, inf where it fixes a combination on which nothing was known."""

    name: str
    information: Information
    fixes: tuple[str, ...]
    open: tuple[str, ...]
    gain: float

    def __str__(self) -> str:
        fixes = f"fixes {', '.join(self.fixes)}" if self.fixes else "fixes nothing that is open"
        left = f"; {', '.join(self.open)} still open" if self.open else ""
        return f"{self.name}: {fixes}{left}"


def next_experiments(
    done: Sequence[Gradients], candidates: Mapping[str, Gradients], noise: float = 0.005
) -> tuple[Candidate, ...]:
    """The candidates, best first: those that leave least open, then those that narrow most what is known.

    done: spectra at hand, and of each candidate by its name the spectrum that it would give, at the same values of the
    parameters that they share; noise: relative error of all. Raises InputError without any spectrum, and as
    `information` does.
    """
    if not done:
        raise InputError("next_experiments: expected the gradients of one or more spectra at hand")
    before = information(done, noise)
    out = []
    for name, one in candidates.items():
        after = information([*done, one], noise)
        wanted = [n for n in before.names if n not in before.identified]
        fixes = tuple(n for n in wanted if n in after.identified)
        left = tuple(n for n in after.names if n not in after.identified)
        out.append(Candidate(name, after, fixes, left, _gain(before, after)))
    return tuple(sorted(out, key=lambda c: (len(c.open), -c.gain)))


def _gain(before: Information, after: Information) -> float:
    """ln of the ratio of the volumes in which the parameters of `before` may lie."""
    at = [after.names.index(name) for name in before.names]
    if not np.all(np.isfinite(after.error[at])):
        return 0.0
    if not np.all(np.isfinite(before.error)):
        return np.inf
    known = ((before.error, before.correlation), (after.error[at], after.correlation[np.ix_(at, at)]))
    sizes = [np.linalg.slogdet(np.outer(error, error) * correlation)[1] for error, correlation in known]
    return float(sizes[0] - sizes[1]) / 2
