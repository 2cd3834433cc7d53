"""Families of two-rail lines at rest, at the price of a formula: all values that a gradient moves are one batch.

Parameters act on a line through the numbers that it is made of, dZ/dp = sum over numbers a of dZ/da da/dp. A batch
(`miecsim.inverse.batches`) knows Z to 1e-12 at 20 microseconds a spectrum, so that its four-point differences are good
to 1e-9 and cost less than the adjoint of one spectrum; da/dp needs no system, only what a family says of its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.inverse.batches import by_ladder
from miecsim.inverse.colours import RULE, Parts, differences, step_of
from miecsim.inverse.family import Family, Parameters, colours_in
from miecsim.inverse.ladder_plan import Plan, covers, plan_of
from miecsim.inverse.parameters import Path, changed, numbers_of, parts_of, paths_to, with_numbers, with_values
from miecsim.system import System
from miecsim.typing import Array, Complex


def addressed(system: System, addresses: Mapping[str, str]) -> Family:
    """The family of a system at rest whose parameters are numbers of it: name -> address. Raises InputError for an
    address that is not there, or decides the grid."""
    parts = parts_of(system)
    still = numbers_of(parts)
    paths = {name: paths_to(parts, address) for name, address in addresses.items()}
    changed(parts, {address: float(still[paths[name][0]]) for name, address in addresses.items()})

    def at(values: Parameters) -> System:
        return with_values(system, {address: values[name] for name, address in addresses.items()})

    def numbers(values: Parameters) -> dict[Path, float]:
        return {**still, **{path: values[name] for name in addresses for path in paths[name]}}

    heated = any(address == "temperature" for address in addresses.values())  # which changes other numbers, too
    return Family(at, numbers=None if heated else numbers)


def spectrum(family: Family, values: Parameters, f: Array) -> Complex | None:
    """Z (n_f,) of a member at frequencies f [Hz]; None where it is not a line of two rails at rest."""
    line = _line(family, values)
    sets = None if line is None else line.sets(line.vector(family, values))
    Z = None if line is None or sets is None else by_ladder(line.plan, sets, f)
    return Z[0] if Z is not None and np.all(np.isfinite(Z)) else None


def by_rails(family: Family, parameters: Parameters, f: Array) -> tuple[Complex, Complex] | None:
    """Z (n_f,) and dZ/dp (n_p, n_f); None where the members are not lines of two rails at rest, or a parameter changes
    more than their numbers."""
    line = _line(family, parameters)
    if line is None:
        return None
    still = line.vector(family, parameters)
    sets = line.sets(still)
    if sets is None:
        return None

    def numbers_at(values: Parameters) -> Parts:
        return [line.vector(family, values)]

    (slopes,) = differences(numbers_at, parameters, colours_in(family, "rails", numbers_at, parameters))
    if not np.all(np.isfinite(slopes)):
        return None
    moving = np.flatnonzero(np.any(slopes != 0, axis=0))
    if np.any(still[moving] == 0) or not all(line.covered[i] for i in moving):
        return None
    steps = np.array([step_of(still[i]) for i in moving])
    both = [(sign * count, sign * weight) for count, weight in RULE for sign in (1.0, -1.0)]
    ways, weights = np.array(both).T
    size = 1 + ways.size * moving.size
    sets = {path: np.repeat(v, size) for path, v in sets.items()}
    for k, i in enumerate(moving):
        own = sets.setdefault(line.paths[i], np.full(size, still[i]))
        own[1 + ways.size * k : 1 + ways.size * (k + 1)] += ways * steps[k]
    Z = by_ladder(line.plan, sets, f)
    if not np.all(np.isfinite(Z)):
        return None
    by_number = np.einsum("k,akf->af", weights, Z[1:].reshape(moving.size, ways.size, -1)) / steps[:, None]
    return Z[0], np.asarray(slopes[:, moving] @ by_number)


@dataclass(frozen=True, eq=False)
class _Line:
    """The plan of one member and its numbers, in an order that stays."""

    plan: Plan
    paths: tuple[Path, ...]
    numbers: Array
    covered: tuple[bool, ...]

    def vector(self, family: Family, values: Parameters) -> Array:
        """The numbers of another member; not a number where it is made of other parts."""
        assert family.numbers is not None
        found = family.numbers(values)
        if len(found) != len(self.paths):
            return np.full(self.numbers.shape, np.nan)
        return np.array([found.get(path, np.nan) for path in self.paths], dtype=float)

    def sets(self, found: Array) -> dict[Path, Array] | None:
        """The numbers (1,) that another member has different; None where the plan does not cover them. Raises
        InputError for a number that is refused where it stands: the ladder would not notice."""
        other = np.flatnonzero(found != self.numbers)
        if not np.all(np.isfinite(found)) or not all(self.covered[i] for i in other):
            return None
        with_numbers(self.plan.parts, {self.paths[i]: float(found[i]) for i in other})
        return {self.paths[i]: found[i : i + 1] for i in other} or {self.paths[0]: found[:1]}


def _line(family: Family, values: Parameters) -> _Line | None:
    """Found once per family, from the first member that is asked for."""
    if family.numbers is None or not family.at_rest:
        return None
    if "rails" not in family.kept:
        family.kept["rails"] = _planned(family, values)
    found: _Line | None = family.kept["rails"]
    return found


def _planned(family: Family, values: Parameters) -> _Line | None:
    assert family.numbers is not None
    plan = plan_of(family.system(values))
    if plan is None:
        return None
    known, given = numbers_of(plan.parts), dict(family.numbers(values))
    covered = tuple(path in known and covers(plan, path) for path in given)
    return _Line(plan, tuple(given), np.array(list(given.values()), dtype=float), covered)
