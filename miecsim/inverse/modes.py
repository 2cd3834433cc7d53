"""Which combinations of parameters rows of residuals see, and how well: eigenvalues of the Fisher information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.typing import Array

UNKNOWN = 0.5  # standard error of ln p above which a parameter counts as not identified
UNLIMITED = 30.0  # standard error beyond which nothing fixes a parameter
_VAGUE = 1e3


@dataclass(frozen=True, eq=False)
class Modes:
    """What rows of weighted residuals say of n parameters, each in a unit of its own.

    values, vectors: eigenvalues of F = J^T J, falling, and their combinations in the columns. covariance (n, n) of what
    is seen; error (n,) standard errors, inf where nothing fixes a parameter; correlation (n, n); rank: combinations
    that are seen at all.
    """

    values: Array
    vectors: Array
    covariance: Array
    error: Array
    correlation: Array
    rank: int


def modes(jacobian: Array) -> Modes:
    """Modes of a Jacobian (rows, n): by its singular values, whose squares keep twice the digits of those of J^T J.

    What rounding leaves of a combination that is not seen must not leak into the others: each combination is taken as
    known to 1e3 beforehand.
    """
    n = jacobian.shape[1]
    _, singular, right = np.linalg.svd(np.vstack([jacobian, np.zeros((n, n))]), full_matrices=False)
    values, vectors = singular**2, right.T
    covariance = (vectors / (values + _VAGUE**-2)) @ vectors.T
    spread = np.sqrt(np.diagonal(covariance))
    error = np.where(spread > UNLIMITED, np.inf, spread)
    rank = int(np.sum(values > UNLIMITED**-2))
    return Modes(values, vectors, covariance, error, covariance / np.outer(spread, spread), rank)


def combinations(values: Array, vectors: Array, labels: Sequence[str]) -> tuple[str, ...]:
    """Each mode (`Modes.values`, `vectors`) that is left open by more than `UNKNOWN`, in words of its largest parts."""
    out = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value * UNKNOWN**2 < 1:
            largest = vector[np.argmax(np.abs(vector))]
            parts = [(c / largest, label) for c, label in zip(vector, labels, strict=True)]
            out.append(" ".join(f"{c:+.2g} {label}" for c, label in parts if abs(c) > 0.05))
    return tuple(out)
