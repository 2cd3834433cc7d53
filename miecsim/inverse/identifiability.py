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
from miecsim.inverse.modes import UNKNOWN, combinations, modes
from miecsim.typing import Array


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
        return combinations(self.values, self.vectors, [f"ln {name}" for name in self.names])


def information(spectra: Sequence[Gradients], noise: float = 0.005) -> Information:
    """Fisher information of several spectra together, of relative error `noise` each.

    Parameters are those of all spectra, by name: one that a spectrum does not have does not act on it. Parameters must
    be positive, being taken on a logarithmic scale. InputError where they are not, or differ between spectra.
    """
    names = tuple(dict.fromkeys(name for one in spectra for name in one.names))
    known: dict[str, float] = {}
    rows = []
    for one in spectra:
        for name, value in zip(one.names, one.values, strict=True):
            if not value > 0:
                raise InputError(f"information: {name} is {value:g}; expected a positive parameter")
            if known.setdefault(name, float(value)) != value:
                raise InputError(f"information: {name} is {value:g} in one spectrum and {known[name]:g} in another")
        g = one.values[:, None] * one.dZ / np.abs(one.Z)
        at = [names.index(name) for name in one.names]
        full = np.zeros((len(names), one.Z.size), dtype=complex)
        full[at] = g / noise
        rows += [full.real.T, full.imag.T]
    jacobian = np.vstack(rows)
    found = modes(jacobian)
    return Information(names, jacobian.T @ jacobian, found.error, found.correlation, found.values, found.vectors)
