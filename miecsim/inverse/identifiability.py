"""What an experiment can tell about parameters: Fisher information of spectra, and combinations that it leaves open.

With independent relative errors s of the real and imaginary part, of |Z| each, parameters p on a logarithmic scale have

    F = sum over spectra and frequencies of  Re(conj(g_i) g_j) / s^2,   g_i = (dZ/d ln p_i) / |Z|,

and an unbiased fit of small noise the covariance F^-1 of ln p (Fisher; Cramer and Rao). An eigenvector of F with a
small eigenvalue is a combination that the data do not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.inverse.gradients import Gradients
from miecsim.typing import Array

UNKNOWN = 0.5  # standard error of ln p above which a parameter counts as not identified
SINGULAR = 1e-14  # eigenvalues of F below this share of the largest are rounding


@dataclass(frozen=True)
class Information:
    """names (n_p,); fisher (n_p, n_p) of ln p; error (n_p,) standard error of ln p, inf where nothing fixes it;
    correlation (n_p, n_p); values, vectors: eigenvalues of `fisher`, falling, and their combinations of ln p in the
    columns."""

    names: tuple[str, ...]
    fisher: Array
    error: Array
    correlation: Array
    values: Array
    vectors: Array

    @property
    def identified(self) -> tuple[str, ...]:
        """Parameters known to better than a factor of about e^0.5."""
        return tuple(name for name, error in zip(self.names, self.error, strict=True) if error < UNKNOWN)

    def open_combinations(self) -> tuple[str, ...]:
        """Each combination of ln p that the data leave open, in words of its largest parts."""
        out = []
        for value, vector in zip(self.values, self.vectors.T, strict=True):
            if value * UNKNOWN**2 < 1:
                largest = vector[np.argmax(np.abs(vector))]
                parts = [(c / largest, name) for c, name in zip(vector, self.names, strict=True)]
                out.append(" ".join(f"{c:+.2g} ln {name}" for c, name in parts if abs(c) > 0.05))
        return tuple(out)


def information(spectra: Sequence[Gradients], noise: float = 0.005) -> Information:
    """Fisher information of several spectra together, of relative error `noise` each.

    Parameters are those of all spectra, by name: one that a spectrum does not have does not act on it. Parameters must
    be positive, being taken on a logarithmic scale. InputError where they are not, or differ between spectra.
    """
    names = tuple(dict.fromkeys(name for one in spectra for name in one.names))
    known: dict[str, float] = {}
    fisher = np.zeros((len(names), len(names)))
    for one in spectra:
        for name, value in zip(one.names, one.values, strict=True):
            if not value > 0:
                raise InputError(f"information: {name} is {value:g}; expected a positive parameter")
            if known.setdefault(name, float(value)) != value:
                raise InputError(f"information: {name} is {value:g} in one spectrum and {known[name]:g} in another")
        g = one.values[:, None] * one.dZ / np.abs(one.Z)
        at = [names.index(name) for name in one.names]
        fisher[np.ix_(at, at)] += np.real(g.conj() @ g.T) / noise**2
    values, vectors = np.linalg.eigh(fisher)
    values, vectors = values[::-1], vectors[:, ::-1]
    seen = values > SINGULAR * values[0]
    with np.errstate(divide="ignore"):
        covariance = (vectors[:, seen] / values[seen]) @ vectors[:, seen].T
        lost = np.abs(vectors[:, ~seen]).max(axis=1, initial=0.0) > 1e-6
        error = np.where(lost, np.inf, np.sqrt(np.diagonal(covariance)))
    spread = np.sqrt(np.maximum(np.diagonal(covariance), np.finfo(float).tiny))
    return Information(names, fisher, error, covariance / np.outer(spread, spread), values, vectors)
