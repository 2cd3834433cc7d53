"""The [fit] table of a case: which keys are sought between which bounds, and which spectra they must explain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miecsim.case.fields import FLAG, choice, integer, name, number, table, tables, text
from miecsim.case.fit_data import NOT_FREE, Further, Value, read_data_sets, read_further
from miecsim.case.fit_data import DataSet as DataSet
from miecsim.case.messages import Problems, Refused, join_key, nearest, one_of, refuse, sentence
from miecsim.case.overrides import value_at
from miecsim.case.table import Context, Leaf, Raw, Row, key, named_items, read_table, sub_table
from miecsim.errors import InputError
from miecsim.units import DIMENSIONS, UnitError, parse_any, quoted, read_quantity, shown

WEIGHTINGS = ("modulus", "unit", "measured")
THRESHOLD = 0.01  # of a Kramers-Kronig residual where the case says no other, but never below
BEYOND = 4.0  # times the noise
_ANY_ALPHA = 0.77  # an exponent no quantity is written with: the unit of a CPE holds it as a word


@dataclass(frozen=True)
class FreeKey:
    """One free parameter: a dotted key, and its start and bounds in SI `unit` ("" for a pure number). prior: mean
    [unit] and standard deviation, of ln p where `log`, else of p. each: one value per group of data."""

    key: str
    start: float
    low: float
    high: float
    unit: str
    log: bool
    prior: tuple[float, float] | None
    each: bool

    @property
    def study(self) -> str:
        """The study whose wiring the key is in, "" of a key that all data have."""
        return _study_of(self.key)


@dataclass(frozen=True)
class FittedCircuit:
    """A circuit fitted to the data beside the continuum. bounds by element value; others follow from the data."""

    name: str
    string: str
    bounds: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class FitTable:
    """`noise` relative to |Z| ("unit": to its root mean square), None where the residuals must say it. `profile`: keys
    whose likelihood is followed. `kramers_kronig`: largest residual of a point that is kept, 0: it follows from
    the noise that the check finds, None: all points are kept. `next`: whether experiments that would tell more are
    sought, `further` among them."""

    weighting: str
    noise: float | None
    starts: int
    seed: int
    profile: tuple[str, ...]
    kramers_kronig: float | None
    parameters: tuple[FreeKey, ...]
    data: tuple[DataSet, ...]
    circuits: tuple[FittedCircuit, ...]
    relaxation: bool = False
    next: bool = True
    further: tuple[Further, ...] = ()


_VALUE = 'a quantity or number as the key takes it, such as "1 mS/m" or 0.4'
_KEY = "a dotted key of the case, such as layer.cathode.thickness"
_WIRING = ("terminal", "link", "bias")  # what a parameter can be in a study
_BOUNDS = 'a table of element values, such as { R0 = [1, 100], "CPE1.Q" = [1e-7, 1e-3] } (SI)'


def _plain(value: object, _siblings: Any, _context: Context) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        raise refuse(shown(value), _VALUE)
    return value


def _profile(value: object, _siblings: Any, _context: Context) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise refuse(shown(value), "true, false, or a list of keys of [[fit.parameter]]")


def _threshold(value: object, siblings: Any, context: Context) -> Any:
    if isinstance(value, bool):
        noise = siblings.get("noise")
        return (max(THRESHOLD, BEYOND * noise) if noise else 0.0) if value else None
    return _SHARE.check(value, siblings, context)


def _bounds(value: object, _siblings: Any, _context: Context) -> Any:
    if not isinstance(value, dict):
        raise refuse(shown(value), _BOUNDS)
    found = {}
    for element, ends in value.items():
        good = isinstance(ends, list) and len(ends) == 2 and all(type(e) in (int, float) for e in ends)
        if not good or not 0 < ends[0] < ends[1] < math.inf:
            raise Refused((element, sentence(shown(ends), "two numbers above 0, the lower one first")))
        found[element] = (float(ends[0]), float(ends[1]))
    return found


_SHARE = number(1e-9, 1.0, what="a number above 0 and up to 1, or true or false")


class _FitKeys(Row):
    weighting: str = key(choice(*WEIGHTINGS), default="modulus")
    noise: float | None = key(number(1e-12, 1.0, what="a relative error above 0 and up to 1"), default=None)
    starts: int = key(integer(1, 10000), default=4)
    seed: int = key(integer(0, 2**31 - 1), default=0)
    profile: bool | tuple[str, ...] = key(Leaf("true, false, or a list of keys", _profile), default=False)
    kramers_kronig: float | None = key(Leaf("true, false or a threshold", _threshold), default=None)
    parameter: list[Raw] = key(tables("[[fit.parameter]]", least=1))
    data: list[Raw] | None = key(tables("[[fit.data]]"), default=None)
    circuit: list[Raw] | None = key(tables("[[fit.circuit]]"), default=None)
    relaxation: bool = key(FLAG, default=False)
    next: bool = key(FLAG, default=True)
    candidate: list[Raw] | None = key(tables("[[fit.candidate]]"), default=None)


class _ParameterKeys(Row):
    path: str = key(text(_KEY), toml="key")
    low: Any = key(Leaf(_VALUE, _plain), toml="from")
    high: Any = key(Leaf(_VALUE, _plain), toml="to")
    start: Any = key(Leaf(_VALUE, _plain), default=None)
    scale: str | None = key(choice("log", "linear"), default=None)
    prior: Raw | None = key(table("mean and spread"), default=None)
    each: bool = key(FLAG, default=False)


class _PriorKeys(Row):
    mean: Any = key(Leaf(_VALUE, _plain))
    spread: Any = key(Leaf(_VALUE, _plain))


class _CircuitKeys(Row):
    name: str = key(name())
    string: str = key(text("a circuit such as R0-p(R1,C1)"))
    bounds: Any = key(Leaf(_BOUNDS, _bounds), default=None)


FIT = table("weighting, noise, starts, [[fit.parameter]], [[fit.data]]")


def read_fit(raw: Raw, problems: Problems) -> FitTable | None:
    """The fit of the case `raw`; None where it has none, or one that is wrong. `problems` then says what."""
    own = sub_table(raw, "fit")
    before = len(problems.items)
    found = None if own is None else read_table(_FitKeys, own, "fit", problems)
    if found is None or own is None:
        return None
    parameters = [_parameter(raw, item, f"fit.parameter.{i}", problems) for i, item in enumerate(found.parameter)]
    free: list[Any] = [item.get("key") for item in found.parameter]
    for i, path in enumerate(free):
        if path in free[:i]:
            problems.add(f"fit.parameter.{i}.key", f"{shown(path)} a second time", "a key that no other has")
    data = read_data_sets(raw, own, found.weighting, problems)
    further = read_further(raw, own, problems)
    circuits = [
        read_table(_CircuitKeys, item, at, problems) for at, item in named_items(own, "circuit", "fit", problems)
    ]
    if found.weighting == "measured" and found.noise is not None:
        problems.add("fit.noise", f'{found.noise:g} with weighting = "measured"', "the noise of the data alone")
    profile = tuple(free) if found.profile is True else found.profile or ()
    for i, path in enumerate(profile):
        if path not in free:
            keys = [k for k in free if isinstance(k, str)]
            problems.add(
                f"fit.profile.{i}", shown(path), f"a key of [[fit.parameter]]: {one_of(keys)}", nearest(path, keys)
            )
    if len(problems.items) > before:
        return None
    whole = tuple(FittedCircuit(c.name, c.string, c.bounds or {}) for c in circuits if c is not None)
    kept = tuple(p for p in parameters if p is not None)
    how = (found.weighting, found.noise, found.starts, found.seed)
    return FitTable(
        *how, profile, found.kramers_kronig, kept, tuple(data), whole, found.relaxation, found.next, tuple(further)
    )


# ---- parameters ----


def quantity_of(value: Value, at: str) -> tuple[float, str]:
    """SI value and SI unit ("" of a pure number) of what a key takes, also of a CPE, whose unit names its exponent.
    Raises InputError where it is neither a quantity nor a number."""
    if not isinstance(value, str):
        return float(value), ""
    if "alpha" not in value:
        return parse_any(value, at)
    try:
        found, kind = read_quantity(value, ("cpe_total", "cpe_area"), _ANY_ALPHA)
    except UnitError as reason:
        raise InputError(f"{at}: {reason}") from None
    return found, DIMENSIONS[kind].unit


def as_written(value: float, unit: str) -> Value:
    """A value [SI unit] as a case file has it, to the last digit."""
    return f"{float(value)!r} {unit}" if unit else float(value)


def _parameter(raw: Raw, item: Raw, at: str, problems: Problems) -> FreeKey | None:
    found = read_table(_ParameterKeys, item, at, problems)
    if found is None:
        return None
    before = len(problems.items)
    own = _own_value(raw, found.path, join_key(at, "key"), problems)
    low, unit = _in_unit(found.low, None, join_key(at, "from"), problems)
    high, _ = _in_unit(found.high, (found.low, unit), join_key(at, "to"), problems)
    start = own[0] if own is not None else math.nan
    if len(problems.items) == before and own is not None and own[1] != unit and own[0] != 0.0:
        problems.add(join_key(at, "from"), shown(found.low), f"a value like that of the case, {shown(own[2])}")
    if found.start is not None:
        start, _ = _in_unit(found.start, (found.low, unit), join_key(at, "start"), problems)
    if len(problems.items) > before:
        return None
    if not low < high:
        problems.add(join_key(at, "to"), shown(found.high), f"a value above from, {shown(found.low)}")
        return None
    log = found.scale == "log" or (found.scale is None and low > 0)
    if log and not low > 0:
        problems.add(join_key(at, "from"), f'{shown(found.low)} with scale = "log"', "a value above 0")
        return None
    if found.start is not None and not low <= start <= high:
        problems.add(
            join_key(at, "start"), shown(found.start), f"a value from {shown(found.low)} to {shown(found.high)}"
        )
    if not low <= start <= high:  # the case says none, or one outside
        start = math.sqrt(low * high) if log else 0.5 * (low + high)
    prior = _prior(found, unit, log, join_key(at, "prior"), problems)
    if len(problems.items) > before:
        return None
    return FreeKey(found.path, start, low, high, unit, log, prior, found.each)


def _study_of(path: str) -> str:
    """The study whose contacts, links or bias a key is one of; "" of every other key."""
    parts = path.split(".")
    return parts[1] if len(parts) > 3 and parts[0] == "study" and parts[2] in _WIRING else ""


def _own_value(raw: Raw, path: str, at: str, problems: Problems) -> tuple[float, str, Value] | None:
    """SI value, unit and text of what the case has under a key; None where it has nothing there."""
    if path.split(".")[0] in NOT_FREE and not _study_of(path):
        problems.add(at, quoted(path), _KEY)
        return None
    try:
        value = value_at(raw, path)
    except Refused as error:
        problems.refused(at, error)
        return None
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, str | int | float):
        try:
            return (*quantity_of(value, at), value)
        except InputError:
            pass
    problems.add(at, f"{quoted(path)}, which is {shown(value)}", "a key whose value is a quantity or a number")
    return None


def _in_unit(value: Value, like: tuple[Value, str] | None, at: str, problems: Problems) -> tuple[float, str]:
    """SI value of a quantity like another, (its text, its unit); NaN where it is not, which is told."""
    try:
        found, unit = quantity_of(value, at)
    except InputError as error:
        problems.note(*str(error).split(": ", 1))
        return math.nan, ""
    if like is not None and unit != like[1]:
        problems.add(at, shown(value), f"a value of the same kind as from, {shown(like[0])}")
        return math.nan, ""
    return found, unit


def _prior(found: Any, unit: str, log: bool, at: str, problems: Problems) -> tuple[float, float] | None:
    own = None if found.prior is None else read_table(_PriorKeys, found.prior, at, problems)
    if own is None:
        return None
    mean, _ = _in_unit(own.mean, (found.low, unit), join_key(at, "mean"), problems)
    if log and not isinstance(own.spread, int | float):
        problems.add(join_key(at, "spread"), shown(own.spread), "the standard deviation of ln p, a number such as 0.1")
        return None
    spread, _ = (
        (float(own.spread), "") if log else _in_unit(own.spread, (found.low, unit), join_key(at, "spread"), problems)
    )
    if spread <= 0 or (log and mean <= 0):
        problems.add(at, f"{shown(own.mean)} and {shown(own.spread)}", "a mean and a spread above 0")
        return None
    return mean, spread
