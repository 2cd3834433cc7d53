"""Which of several models describes the same spectra, and which of them cannot: fits side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from miecsim.errors import InputError
from miecsim.inverse.fit import Fit
from miecsim.typing import Array, Complex

_SYSTEMATIC = 3.0  # standard deviations of what white noise gives
_UNLIKELY = 1e-3  # probability of a chi2 so large, where sigma is known


@dataclass(frozen=True)
class Comparison:
    """One fit of several to the same data.

    chi2, dof, noise, aic, bic as in `Fit`; behind: AIC above the least one; identified of `parameters` that are;
    largest: residual of the worst part of a point in standard deviations; autocorrelation of neighbouring residuals
    along the frequency, 0 for noise and 1 for a smooth misfit; runs: of residuals of one sign, in standard deviations
    from what chance gives, negative for too few; systematic: whether what is left is more than noise.
    """

    name: str
    parameters: int
    identified: int
    chi2: float
    dof: float
    noise: float
    aic: float
    bic: float
    behind: float
    largest: float
    autocorrelation: float
    runs: float
    systematic: bool

    def words(self) -> str:
        """One line."""
        left = "a systematic misfit is left" if self.systematic else "what is left is noise"
        return (
            f"{self.name}: {self.parameters} parameters, {self.identified} identified; "
            f"chi2/dof {self.chi2 / self.dof:.3g}, AIC {self.behind:+.1f}, "
            f"largest residual {self.largest:.1f} s, neighbours' correlation {self.autocorrelation:+.2f}: {left}"
        )


def compare(fits: Mapping[str, Fit]) -> tuple[Comparison, ...]:
    """Fits by name, the least AIC first. InputError unless all of them are of the same data with the same sigma.

    Residuals of a right model are white. Where the lag-1 autocorrelation of the residuals along the frequency, real and
    imaginary part of each spectrum, is beyond 3 standard deviations 1/sqrt(n) of white noise (Anderson 1942), or the
    number of runs of one sign too small by as much (Wald and Wolfowitz 1940), or chi2 too large for the sigma that is
    known, the model is wrong in a way that the data show.
    """
    listed = list(fits.items())
    if not listed:
        raise InputError("compare: read no fit; expected one or more")
    for name, found in listed[1:]:
        _check_same(listed[0][0], listed[0][1], name, found)
    least = min(found.aic for _, found in listed)
    return tuple(sorted((_compared(name, found, least) for name, found in listed), key=lambda row: row.aic))


def _compared(name: str, found: Fit, least: float) -> Comparison:
    parts = _rows(found)
    correlation, deviations = _autocorrelation(parts)
    runs = _runs(parts)
    known = all(one.known for one in found.data)
    systematic = deviations > _SYSTEMATIC or runs < -_SYSTEMATIC
    systematic = systematic or (known and float(chdtrc(found.dof, found.chi2)) < _UNLIKELY)
    return Comparison(
        *(name, len(found.parameters), int(found.identified.sum()), found.chi2, found.dof, found.noise),
        *(found.aic, found.bic, found.aic - least, max(float(np.abs(part).max()) for part in parts)),
        *(correlation, runs, bool(systematic)),
    )


def _rows(found: Fit) -> list[Array]:
    """Residuals in standard deviations by falling frequency: real, then imaginary part of each spectrum."""
    out: list[Array] = []
    for one, residual in zip(found.data, found.residuals, strict=True):
        ordered: Complex = residual[np.argsort(-one.frequency, kind="stable")] / (1.0 if one.known else found.noise)
        out += [ordered.real, ordered.imag]
    return out


def _autocorrelation(parts: Sequence[Array]) -> tuple[float, float]:
    """Lag-1 autocorrelation and how many standard deviations of white noise it is."""
    pairs = sum(part.size - 1 for part in parts)
    square = sum(float(part @ part) for part in parts) / sum(part.size for part in parts)
    correlation = sum(float(part[1:] @ part[:-1]) for part in parts) / max(pairs, 1) / (square or 1.0)
    return correlation, correlation * float(np.sqrt(pairs))


def _runs(parts: Sequence[Array]) -> float:
    """Runs of one sign less their mean by chance, in standard deviations."""
    excess, variance = 0.0, 0.0
    for part in parts:
        above = part > 0
        n, up, down = part.size, int(above.sum()), int((~above).sum())
        if up and down:
            mean = 1 + 2 * up * down / n
            excess += 1 + int(np.sum(above[1:] != above[:-1])) - mean
            variance += (mean - 1) * (mean - 2) / (n - 1) if n > 1 else 0.0
        else:
            excess -= n / 2
            variance += n / 4
    return float(excess / np.sqrt(variance)) if variance > 0 else 0.0


def _check_same(first: str, one: Fit, second: str, other: Fit) -> None:
    same = len(one.data) == len(other.data) and all(
        np.array_equal(a.frequency, b.frequency)
        and np.array_equal(a.Z, b.Z)
        and np.array_equal(a.sigma, b.sigma)
        and a.known == b.known
        for a, b in zip(one.data, other.data, strict=True)
    )
    if not same:
        raise InputError(f"compare: {first} and {second} were not fitted to the same data with the same sigma")
