"""Array types used in signatures. Shapes and units are stated in each docstring."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# What a law accepts: real states, or complex ones while a Jacobian is being formed by the complex step.
Values = npt.NDArray[Any]
