"""Sensitivities of a spectrum to the parameters of its model, at rest and at bias, by the adjoint.

Two responses a frequency, that of the equations and that of their transpose, serve any number of parameters: dZ/dp is a
sum of products of both with the derivatives of the local equations (`miecsim.inverse.slopes`). Those are taken along
the operating point, u(p): every state that the parameter moves is moved along, so that what Z owes to a shifted steady
state is in it. Differences are those of the equations, four points by Richardson's rule, and not of Z: an entry of the
equations knows its parameter to ten digits where Z has lost it among others.

Lines of two rails at rest are so quick to solve that moving their numbers is quicker still (`miecsim.inverse.rails`).
Other lines are eliminated block by block (`miecsim.solvers.adjoint`); grids of two and three dimensions, and particles,
go by their circuit (`miecsim.inverse.gradients_circuit`), which is also what the lines are tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.inverse.family import Family
from miecsim.inverse.gradients_circuit import by_circuit
from miecsim.inverse.rails import by_rails
from miecsim.inverse.slopes import by_line
from miecsim.solvers import line as line_solver
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex

Build = Callable[[Mapping[str, float]], OperatingPoint]
METHODS = ("auto", "rails", "line", "circuit")


@dataclass(frozen=True)
class Gradients:
    """Z (n_f,) at frequencies [Hz], and dZ (n_p, n_f): its derivative by each parameter, in ohm (or ohm m2) per unit
    of the parameter. values (n_p,): where they were taken."""

    names: tuple[str, ...]
    values: Array
    frequency: Array
    Z: Complex
    dZ: Complex

    @property
    def relative(self) -> Complex:
        """d ln Z / d ln p (n_p, n_f): the relative change of Z per relative change of each parameter."""
        return np.asarray(self.values[:, None] * self.dZ / self.Z)


def gradients(
    build: Build,
    parameters: Mapping[str, float],
    frequency: Array,
    *,
    method: str = "auto",
    compiled: bool | None = None,
) -> Gradients:
    """dZ/dp of the operating point that `build` makes of parameters, between its first two terminals.

    frequency (n_f,) [Hz]. `build` solves the state anew for the values that it is given, on a grid that does not depend
    on them (give the cells, or their widths). method: 'rails' (of a family that says its numbers), 'line', 'circuit',
    or 'auto', which takes the first where it can. compiled: which twin solves a line (the compiled one has to be
    loaded, once: half a second), None the one that is sooner done. Raises InputError where a parameter changes which
    equations there are, such as a conductivity that vanishes, or the grid, and what `build` raises.
    """
    f = np.atleast_1d(np.asarray(frequency, dtype=float))
    if method not in METHODS:
        raise InputError(f"method: read {method!r}; expected one of {', '.join(map(repr, METHODS))}")
    values = np.array(list(parameters.values()), dtype=float)
    if isinstance(build, Family) and method in ("auto", "rails"):
        found = by_rails(build, parameters, f)
        if found is not None:
            return Gradients(tuple(parameters), values, f, *found)
    if method == "rails":
        raise InputError("method 'rails': it needs a family of lines of two rails at rest that says its numbers")
    point = build(parameters)
    if method == "line" or (method == "auto" and _is_line(point, f)):
        Z, dZ = by_line(build, parameters, f, point, compiled)
    else:
        Z, dZ = by_circuit(build, parameters, f, point)
    return Gradients(tuple(parameters), values, f, Z, dZ)


def _is_line(point: OperatingPoint, f: Array) -> bool:
    if not point.system.nodes.chain or point.system.nodes.trees:
        return False
    return line_solver.keeps_digits(point.small_signal.blocks, 2 * np.pi * float(f.max()))
