"""Spectra of many sets of parameters on one grid, together.

The plain way makes a system of every set, brings it to its operating point and linearises it. Where the cell is a line
of two rails at rest (`miecsim.inverse.ladder_plan`), all sets go through one compiled kernel instead, without a system
of their own; what this does not solve to a finite number is left to the plain way, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError, MiecsimError, SolveError
from miecsim.inverse import ladder_plan
from miecsim.inverse.ladder_plan import Numbers, Plan, covers, plan_of
from miecsim.inverse.parameters import Path, changed, parts_of, paths_to, value_of, with_values
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import solve_steady
from miecsim.system import System
from miecsim.typing import Array, Complex, Ints

METHODS = ("auto", "plain", "compiled")
# Sets from which on the kernel pays for its import and loading (1 s) beside the plain way (15 ms a set).
COMPILE_FROM = 60
CHUNK = 2**15  # numbers of a row of the table: what the second-level cache holds


@dataclass(frozen=True, eq=False)
class Batch:
    """Z (B, n_f) of B sets of parameters at frequency (n_f,) [Hz]; unit 'ohm', or 'ohm m^2' for a system of unit area.

    parameters: (B,) by address. method: 'ladder' (compiled, all together) or 'plain' (one by one); alone: numbers of
    the sets that the ladder left to the plain way.
    """

    frequency: Array
    parameters: dict[str, Array]
    Z: Complex
    unit: str
    method: str
    alone: Ints


def spectra(
    system: System,
    parameters: Mapping[str, Array],
    frequency: Array,
    *,
    bias: Mapping[str, float] | None = None,
    method: str = "auto",
) -> Batch:
    """Impedance between the first two terminals of `system` with other numbers at some addresses, for many sets.

    parameters: address -> values (B,) in SI (see `miecsim.inverse.parameters`), one for each set; frequency (n_f,)
    [Hz]; bias: voltages of terminals [V], for spectra about the steady state there, else at rest. method: 'auto',
    'plain' (one system after the other) or 'compiled' (the kernel, for a line of two rails at rest).

    Raises InputError for bad addresses, shapes, frequencies or values, and where 'compiled' does not apply; SolveError
    naming the set that has no spectrum.
    """
    f, values = _frequencies(frequency), _sets(system, parameters)
    if method not in METHODS:
        raise InputError(f"method: read {method!r}; expected one of {', '.join(map(repr, METHODS))}")
    count = len(next(iter(values.values())))
    plan = _plan(system, values, bias)
    if method == "compiled" and plan is None:
        raise InputError("method 'compiled': it needs a line of two rails at rest, with two terminals; use 'plain'")
    Z = np.full((count, f.size), np.nan, dtype=complex)
    ladder = plan is not None and (method == "compiled" or (method == "auto" and count >= COMPILE_FROM))
    if plan is not None and ladder:
        given = {path: v for address, v in values.items() for path in paths_to(plan.parts, address)}
        Z = by_ladder(plan, given, f)
    left = np.flatnonzero(~np.isfinite(Z).all(axis=1))
    for i in left:
        Z[i] = _alone(system, {a: float(v[i]) for a, v in values.items()}, f, bias, int(i))
    unit = "ohm m^2" if system.per_area else "ohm"
    alone = left if ladder else np.empty(0, dtype=np.int64)
    return Batch(f, values, Z, unit, "ladder" if ladder else "plain", alone)


def _frequencies(frequency: Array) -> Array:
    f = np.atleast_1d(np.asarray(frequency, dtype=float))
    if f.ndim != 1 or f.size == 0 or not np.all(np.isfinite(f) & (f > 0)):
        raise InputError("frequency: expected one or more positive, finite numbers in Hz")
    return f


def _sets(system: System, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """The values of every address, (B,) each. InputError for bad addresses, shapes and numbers."""
    values = {address: np.atleast_1d(np.asarray(v, dtype=float)) for address, v in parameters.items()}
    if not values:
        raise InputError("parameters: read none; expected the values of one or more addresses")
    count = len(next(iter(values.values())))
    for address, v in values.items():
        value_of(system, address)
        if v.shape != (count,) or count == 0:
            raise InputError(
                f"parameter {address}: read values of shape {v.shape}; expected ({count},), as of the first"
            )
        if not np.all(np.isfinite(v)):
            raise InputError(f"parameter {address}: read {v[~np.isfinite(v)][0]!r}; expected finite numbers")
    return values


def _alone(
    system: System, values: dict[str, float], f: Array, bias: Mapping[str, float] | None, number: int
) -> Complex:
    """Z of one set."""
    told = ", ".join(f"{address} = {value:g}" for address, value in values.items())
    try:
        other = with_values(system, values)
        point = rest_point(other) if bias is None else solve_steady(other, dict(bias))
        Z = impedance(point, f).Z
    except MiecsimError as reason:
        raise type(reason)(f"set {number} ({told}): {reason}") from reason
    if not np.all(np.isfinite(Z)):
        raise SolveError(f"set {number} ({told}): no current can flow")
    return Z


# ---------------------------------------------------------------- all together


def _plan(system: System, values: dict[str, Array], bias: Mapping[str, float] | None) -> Plan | None:
    """How all sets can be solved together; None where they cannot. InputError for a number that a law refuses."""
    plan = plan_of(system) if bias is None else None
    if plan is None or not all(covers(plan, paths_to(plan.parts, address)[0]) for address in values):
        return None
    rest_point(system)
    parts = parts_of(system)
    for address, v in values.items():
        for value in {float(v.min()), float(v.max())}:  # laws allow intervals
            changed(parts, {address: value})
    return plan


def by_ladder(plan: Plan, values: Mapping[Path, Array], frequency: Array) -> Complex:
    """Z (B, n_f) of sets of values (B,) by path, all covered by the plan; not a number where the ladder gives none."""
    from miecsim.solvers import batch_compiled as kernel

    omega = 2 * np.pi * frequency
    Z = np.full((len(next(iter(values.values()))), omega.size), np.nan, dtype=complex)
    groups = -(-omega.size // kernel.W)
    lanes = -(-omega.size // (8 * groups)) * 8  # whole vectors; what is left over repeats the last frequency
    padded = np.concatenate([omega, np.full(groups * lanes - omega.size, omega[-1])])
    step = max(1, CHUNK // padded.size)
    for start in range(0, len(Z), step):
        at = slice(start, min(start + step, len(Z)))
        sets = at.stop - start
        numbers = Numbers(plan.parts, {path: v[at] for path, v in values.items()})
        rho, good = ladder_plan.resistivities(plan, numbers, sets)
        with np.errstate(all="ignore"):
            rows, series = ladder_plan.admittances(plan, numbers, rho, padded)
        table = np.zeros((sets, groups, plan.n_rows, 2 * kernel.W))
        for k, y in rows.items():
            y = np.broadcast_to(y, (len(y), padded.size)).reshape(-1, groups, lanes)
            table[:, :, k, :lanes], table[:, :, k, kernel.W : kernel.W + lanes] = y.real, y.imag
        line = (plan.layer, plan.distance, plan.area, plan.row, plan.size, plan.seam_row)
        found = kernel.spectra(rho, *line, table, plan.ends, omega.size)
        found += series[:, : omega.size] if series.shape[1] > 1 else series
        found[~good] = np.nan
        Z[at] = found
    return Z
