"""Spectra and fields of an operating point by reduction, and where that pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.solvers.reduction import Reduced, reduce_network
from miecsim.solvers.shifted import MEMORY, factor_bytes
from miecsim.solvers.small_signal import SmallSignal
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex

# Below this many unknowns or frequencies a spectrum to round-off takes no longer than a person waits for anyway.
UNKNOWNS, FREQUENCIES = 5000, 8
FIELD_TOLERANCE = 1e-11  # of Z, whose error is the square of that of the fields


@dataclass(frozen=True)
class ReducedResponse:
    """Y (n_f, P, P) [S] of all ports, planes (n_f, R, P) [V/V], the estimated relative error of Z (n_f,), the worst
    residual of the shifted solves, and whether those were iterative."""

    Y: Complex
    planes: Complex
    estimate: Array
    solve_error: float
    iterated: bool


def reduce(
    point: OperatingPoint, f_min: float, f_max: float, tolerance: float = 1e-6, *, iterative: bool | None = None
) -> Reduced:
    """The network of `point` reduced for f_min to f_max [Hz], to an estimated relative error of Z below `tolerance`.

    iterative: conjugate gradients for the shifted systems, factors, or (None) whatever memory allows. Raises InputError
    (`NotReducible`) away from rest, SolveError where no set of shifts meets the tolerance.
    """
    return _reduce(SmallSignal(point.system, point.u, point.voltages), f_min, f_max, tolerance, iterative)


def is_worth_reducing(ready: SmallSignal, omega: Array) -> bool:
    """Whether a grid is so large that a spectrum to a tolerance beats one to round-off."""
    system = ready.system
    if system.nodes.chain or ready.condensed is not None:
        return False
    n = int(system.laws.active.sum())
    too_large = factor_bytes(n, system.nodes.n, system.grid.dim) > 2 * MEMORY
    return too_large or (n >= UNKNOWNS and omega.size >= FREQUENCIES)


def reduced_response(ready: SmallSignal, omega: Array, iterative: bool | None, tolerance: float) -> ReducedResponse:
    """What `impedance` needs of all ports at omega (n_f,) [rad/s]. Raises NotReducible and SolveError."""
    reduced = _reduce(ready, *_band(omega), tolerance, iterative)
    return ReducedResponse(*reduced.response(omega), reduced.estimate(omega), reduced.solve_error, reduced.iterated)


def reduced_amplitudes(ready: SmallSignal, omega: Array, iterative: bool, tolerance: float) -> tuple[Complex, float]:
    """Potentials (n_f, N, m) per volt between the first two ports, and the worst residual of the shifted solves."""
    squared = max(tolerance**2, FIELD_TOLERANCE)
    reduced = _reduce(ready, *_band(omega), squared, True if iterative else None)
    return reduced.fields(omega), reduced.solve_error


def _band(omega: Array) -> tuple[float, float]:
    return float(omega.min() / (2 * np.pi)), float(omega.max() / (2 * np.pi))


def _reduce(ready: SmallSignal, f_min: float, f_max: float, tolerance: float, iterative: bool | None) -> Reduced:
    network = ready.network
    readings = [network.functional(nodes, weights, row) for _, nodes, weights, row in ready.system.planes]
    return reduce_network(
        network, f_min, f_max, tolerance, dimension=ready.system.grid.dim, iterative=iterative, readings=readings
    )
