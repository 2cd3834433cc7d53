"""What is fitted: a model of one or several spectra, its free parameters, and the measured spectra themselves.

A fit knows nothing of what a model is made of. A case, a closed form and a circuit are all asked the same two things.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Complex


class Forward(Protocol):
    """A model of several spectra that share parameters (n_p,), each at the frequencies of its own data.

    Values are in the units of `FreeParameter`, in the order of `names`. Raises SolveError where there is no spectrum
    for such values.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    def spectra(self, values: Array) -> tuple[Complex, ...]:
        """Z (n_f,) of each spectrum."""
        ...

    def gradients(self, values: Array) -> tuple[tuple[Complex, Complex], ...]:
        """Z (n_f,) and dZ/dp (n_p, n_f) of each spectrum; zero for a parameter that it does not have."""
        ...


@dataclass(frozen=True)
class FreeParameter:
    """start, between low and high, in SI (or a pure number). log: sought on a logarithmic scale, for which all three
    must be positive. prior: mean (in the unit of the parameter) and standard deviation (of ln p where log, else of p)
    of what is known beforehand. unit: for tables and figures only. InputError for bounds out of order, or a start
    outside them."""

    name: str
    start: float
    low: float
    high: float
    log: bool = True
    prior: tuple[float, float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"{self.name}: read bounds {self.low:g} and {self.high:g}; expected the lower one first")
        if not self.low <= self.start <= self.high:
            raise InputError(
                f"{self.name}: read a start of {self.start:g}; expected one from {self.low:g} to {self.high:g}"
            )
        if self.log and not self.low > 0:
            raise InputError(f"{self.name}: read a lower bound of {self.low:g} on a log scale; expected a positive one")
        if self.prior is not None and not (self.prior[1] > 0 and (self.prior[0] > 0 or not self.log)):
            mean, spread = self.prior
            raise InputError(f"{self.name}: read a prior of {mean:g} +- {spread:g}; expected positive numbers")

    def scaled(self, value: float) -> float:
        """What is sought: ln p, or p."""
        return float(np.log(value)) if self.log else value

    def value(self, scaled: float) -> float:
        """p of what is sought."""
        return float(np.exp(scaled)) if self.log else scaled


@dataclass(frozen=True, eq=False)
class FitData:
    """One measured spectrum: Z (n_f,) at frequency (n_f,) [Hz], in the units of the model.

    sigma (n_f,): standard deviation of the real and of the imaginary part each, in the units of Z, up to a common
    factor where `known` is False: that factor is then estimated from the residuals.
    """

    name: str
    frequency: Array
    Z: Complex
    sigma: Array
    known: bool = False
