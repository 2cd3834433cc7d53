"""Material laws given by numbers, functions or tables, evaluated alike and differentiable by the complex step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from miecsim.constants import GAS_CONSTANT
from miecsim.errors import InputError
from miecsim.typing import Array, Values

# A property as a function of composition (x, or c in mol/m3), real or complex, or a constant.
Curve = Callable[[Values], Values]
Property = float | Curve


def curve(value: Property) -> Curve:
    """`value` as a function; a number becomes the constant function."""
    if callable(value):
        return value
    constant = float(value)
    return lambda x: np.full(np.shape(x), constant) + 0.0 * x


@dataclass(frozen=True)
class Table:
    """A measured curve: a monotone cubic through the points (Fritsch and Carlson 1980, 10.1137/0717021), which has no
    bumps that the data have not, straight beyond its ends.

    Complex arguments are taken to first order about the real axis, which is what a complex step asks for. InputError
    for fewer than 4 points or an x that does not increase.
    """

    x: Sequence[float]
    y: Sequence[float]

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x, dtype=float), np.asarray(self.y, dtype=float)
        if x.ndim != 1 or x.shape != y.shape or x.size < 4 or not np.all(np.isfinite(x) & np.isfinite(y)):
            raise InputError("table: needs two columns of 4 or more finite numbers")
        if not np.all(np.diff(x) > 0):
            raise InputError("table: the first column must increase")

    @cached_property
    def _pieces(self) -> tuple[Any, Any]:
        from scipy.interpolate import PchipInterpolator

        value = PchipInterpolator(np.asarray(self.x, dtype=float), np.asarray(self.y, dtype=float))
        return value, value.derivative()

    def __call__(self, x: Values) -> Values:
        value, slope = self._pieces
        low, high = float(self.x[0]), float(self.x[-1])
        inside = np.clip(x.real, low, high)
        beyond = x - inside
        return np.asarray(value(inside) + slope(inside) * beyond)


def slope_of(law: Curve, x: Array) -> Array:
    """d law/dx by the complex step, (n,)."""
    step = 1e-30
    return np.asarray(np.imag(law(np.asarray(x, dtype=float) + 1j * step)) / step)


def arrhenius(energy: float, temperature: float, reference: float) -> float:
    """exp[(E/R)(1/T_ref - 1/T)]: the factor on a rate of activation energy E [J/mol]."""
    return float(np.exp(energy / GAS_CONSTANT * (1 / reference - 1 / temperature)))
