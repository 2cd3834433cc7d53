"""Checks of what the textbook formulas are given: one line that names the value and what is allowed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.typing import Array


def array(values: npt.ArrayLike) -> Array:
    """`values` as real numbers."""
    return np.asarray(values, dtype=np.float64)


def finite(where: str, **values: npt.ArrayLike) -> None:
    """InputError unless every value (a number or an array of them) is finite."""
    for name, value in values.items():
        if not np.all(np.isfinite(array(value))):
            raise InputError(f"{where}: {name} must be finite, read {array(value)}")


def not_negative(where: str, **values: npt.ArrayLike) -> None:
    """InputError unless every value is zero or positive, and finite."""
    finite(where, **values)
    for name, value in values.items():
        if not np.all(array(value) >= 0):
            raise InputError(f"{where}: {name} must not be negative, read {array(value)}")


def positive(where: str, **values: npt.ArrayLike) -> None:
    """InputError unless every value is positive and finite."""
    finite(where, **values)
    for name, value in values.items():
        if not np.all(array(value) > 0):
            raise InputError(f"{where}: {name} must be positive, read {array(value)}")
