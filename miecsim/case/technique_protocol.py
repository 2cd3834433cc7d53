"""Parameters of a protocol in time: steps of imposed voltages and currents, what ends them, and what is kept of them.

Steps are read into a flat list: a pulse becomes its pulses and rests, a repeated group as many copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from miecsim.case.bias import CURRENT, CURRENT_DENSITY, cell_current, imposed
from miecsim.case.data import Layer
from miecsim.case.fields import (
    CONCENTRATION,
    DURATION,
    FLAG,
    FREQUENCY,
    TOLERANCE,
    VOLTAGE,
    integer,
    list_of,
    quantity,
    text,
)
from miecsim.case.messages import MISSING, Problems, Refused, join_key, nearest, one_of, refuse
from miecsim.case.nested import FREQUENCIES, nested
from miecsim.case.parameters import Conflict, Parameters, unknown_carrier
from miecsim.case.table import Context, Leaf, Raw, Row, joined, key, keys_of, part_of, read_table
from miecsim.units import UnitError, describe, format_quantity, read_quantity, shown

EARLIEST = 1e-3  # of the shortest step: what the automatic grid resolves
MOST_STEPS = 100_000

Imposed = tuple[str, float]  # ("voltage", V) or ("current", A into the cell; A/m^2 where the case is per area)
OnTerminal = tuple[str, str, float]  # terminal and what is imposed on it


@dataclass(frozen=True)
class StepLimit:
    """Ends a step, or the run, where a quantity passes `value` on its `side`."""

    quantity: str  # voltage | current | concentration
    of: str | None  # a terminal (None: the driven one), or the carrier of a concentration
    side: str  # above | below
    value: float
    ends_run: bool


@dataclass(frozen=True)
class TimedStep:
    """One step of a protocol. `quantity` goes from `start` to `end` (the same where it is held); a sine swings by
    `amplitude` about `start`. Times [s] count from its beginning; `at` is its key in the file."""

    kind: str
    quantity: str
    start: float
    end: float
    duration: float
    amplitude: float = 0.0
    frequency: float = 0.0  # Hz
    limits: tuple[StepLimit, ...] = ()
    outputs: tuple[float, ...] = ()
    profiles_at: tuple[float, ...] = ()
    spectra_at: tuple[float, ...] = ()
    others: tuple[OnTerminal, ...] = ()
    at: str = ""


# ------------------------------------------------------------------------------------- parts of a step


def _terminals(raw: Raw, problems: Problems, context: Context) -> tuple[OnTerminal, ...]:
    if not raw:
        problems.add("", "an empty table", 'a table: terminal = voltage or current, such as { B = "0.1 V" }')
    found = []
    for terminal, value in raw.items():
        try:
            found.append((terminal, *_IMPOSED.check(value, {}, context)))
        except Refused as error:
            problems.refused(join_key("", terminal), error)
    return tuple(found)


_LIMIT_KINDS = {"potential": "voltage", "current": "current", "current_density": "current", "concentration": ""}
_LIMIT_LEAVES = {
    "potential": VOLTAGE,
    "current": CURRENT,
    "current_density": CURRENT_DENSITY,
    "concentration": CONCENTRATION,
}


def _limit_value() -> Leaf:
    """A voltage, a current or a concentration, told apart by its unit."""

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> Imposed:
        kinds = ("concentration", "current_density", *(() if context.per_area else ("current",)), "potential")
        try:
            _, kind = read_quantity(value, kinds)
        except UnitError as reason:
            raise Refused(("", str(reason))) from None
        number = float(_LIMIT_LEAVES[kind].check(value, siblings, context))
        if kind == "current_density" and not context.per_area:
            number *= context.area or 0.0  # without a readable area the case is refused
        return _LIMIT_KINDS[kind] or kind, number

    return Leaf(describe(("concentration", "current_density", "current", "potential")), check)


class _LimitTable(Row):
    above: Imposed | None = key(_limit_value(), default=None)
    below: Imposed | None = key(_limit_value(), default=None)
    terminal: str | None = key(text("the name of a terminal"), default=None)
    carrier: str | None = key(text("the name of a carrier"), default=None)
    ends_run: bool = key(FLAG, default=False)


def _limit(raw: Raw, problems: Problems, context: Context) -> StepLimit | None:
    found = read_table(_LimitTable, raw, "", problems, context)
    if found is None:
        return None
    given = [(side, value) for side in ("above", "below") if (value := getattr(found, side)) is not None]
    if len(given) != 1:
        problems.add("above", "above beside below" if given else MISSING, "either above or below")
        return None
    (side, (what, value)), concentration = given[0], given[0][1][0] == "concentration"
    if concentration and found.carrier is None:
        problems.add("carrier", f"{MISSING} beside a concentration", "the name of a carrier")
    for word, wanted in (("carrier", concentration), ("terminal", not concentration)):
        if getattr(found, word) is not None and not wanted:
            problems.add(word, f"a {word} beside a {what}", f"no {word} there")
    return StepLimit(what, found.carrier if concentration else found.terminal, side, value, found.ends_run)


_IMPOSED = imposed()
_HELD = nested('terminal = voltage or current, such as { B = "0.1 V" }', _terminals)
_TIMES = list_of(DURATION, 1, 1000, 'times since the beginning of the step, such as ["1 s", "10 s"]')


class _Any(Row):
    limits: tuple[StepLimit, ...] = key(
        list_of(nested("above or below, and what of", _limit), 1, 20, 'limits, such as [{ above = "0.5 V" }]'),
        default=(),
    )
    points: int | None = key(integer(1, MOST_STEPS), default=None)
    profiles_at: tuple[float, ...] = key(_TIMES, default=())
    spectra_at: tuple[float, ...] = key(_TIMES, default=())
    others: tuple[OnTerminal, ...] = key(_HELD, default=())


# ---------------------------------------------------------------------------------------- kinds of step


class _Hold(Row):
    voltage: float = key(VOLTAGE)
    duration: float = key(DURATION)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        return [TimedStep("hold", "voltage", p.voltage, p.voltage, p.duration)]


class _Current(Row):
    current: float = key(cell_current())
    duration: float = key(DURATION)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        return [TimedStep("current", "current", p.current, p.current, p.duration)]


class _Rest(Row):
    duration: float = key(DURATION)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        return [TimedStep("rest", "current", 0.0, 0.0, p.duration)]


class _Ramp(Row):
    start: Imposed = key(_IMPOSED, toml="from")
    end: Imposed = key(_IMPOSED, toml="to")
    duration: float | None = key(DURATION, default=None)
    rate: float | None = key(quantity("sweep_rate", 1e-15, 1e12), default=None)  # V/s

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        (what, start), (other, end) = p.start, p.end
        before = len(problems.items)
        if what != other:
            problems.add("to", shown(raw["to"]), f"a {what}, as in from")
        elif start == end:
            problems.add("to", f"{shown(raw['to'])}, the same as from", "another value than from (or a hold)")
        if p.duration is None and p.rate is None:
            problems.add("duration", MISSING, "a duration, or for a voltage a rate")
        elif p.duration is not None and p.rate is not None:
            problems.add("rate", "a rate beside a duration", "either rate or duration")
        elif p.rate is not None and what == "current":
            problems.add("rate", f"{shown(raw['rate'])} for a current", "a duration")
        if len(problems.items) > before:
            return []
        duration = abs(end - start) / p.rate if p.duration is None else p.duration
        return [TimedStep("ramp", what, start, end, duration)]


class _Pulse(Row):
    height: Imposed = key(_IMPOSED)
    duration: float = key(DURATION)
    rest: float = key(DURATION)
    count: int = key(integer(1, MOST_STEPS // 2), default=1)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        what, height = p.height
        rest = TimedStep("rest", "current", 0.0, 0.0, p.rest)
        return [TimedStep("pulse", what, height, height, p.duration), rest] * p.count


class _Sine(Row):
    amplitude: Imposed = key(_IMPOSED)
    frequency: float = key(FREQUENCY)
    periods: int = key(integer(1, MOST_STEPS))
    offset: Imposed | None = key(_IMPOSED, default=None)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        what, amplitude = p.amplitude
        if amplitude <= 0:
            problems.add("amplitude", shown(raw["amplitude"]), f"a {what} above 0")
        if p.offset is not None and p.offset[0] != what:
            problems.add("offset", shown(raw["offset"]), f"a {what}, as amplitude")
        middle = 0.0 if p.offset is None else p.offset[1]
        return [TimedStep("sine", what, middle, middle, p.periods / p.frequency, amplitude, p.frequency)]


def _check_steps(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[TimedStep, ...]:
    """All steps of a list of tables, in the order in which they are run."""
    parts = _STEP_LIST.check(value, siblings, context)
    steps = [
        replace(one, at=join_key(f"step.{i}", one.at) if one.at else f"step.{i}")
        for i, part in enumerate(parts)
        for one in part
    ]
    if len(steps) > MOST_STEPS:
        raise refuse(f"{len(steps)} steps", f"at most {MOST_STEPS} steps in all")
    return tuple(steps)


_STEP_LIST = list_of(
    nested("kind and its parameters", lambda raw, problems, context: _step(raw, problems, context)),
    1,
    1000,
    "steps, written [[experiment.step]]",
)
STEPS = Leaf(_STEP_LIST.expected, _check_steps)


class _Repeat(Row):
    times: int = key(integer(1, MOST_STEPS))
    step: tuple[TimedStep, ...] = key(STEPS)

    @staticmethod
    def steps(p: Any, raw: Raw, problems: Problems) -> list[TimedStep]:
        if p.times * len(p.step) > MOST_STEPS:
            problems.add("times", f"{p.times} times {len(p.step)} steps", f"at most {MOST_STEPS} steps in all")
            return []
        steps: list[TimedStep] = list(p.step)
        return steps * int(p.times)


_KINDS: dict[str, Any] = {
    "hold": _Hold,
    "current": _Current,
    "ramp": _Ramp,
    "pulse": _Pulse,
    "rest": _Rest,
    "sine": _Sine,
    "repeat": _Repeat,
}


def _step(raw: Raw, problems: Problems, context: Context) -> tuple[TimedStep, ...]:
    """The steps that one table stands for."""
    word = raw.get("kind")
    table = _KINDS.get(word) if isinstance(word, str) else None
    if table is None:
        allowed = ("kind", *dict.fromkeys(k for one in (*_KINDS.values(), _Any) for k in keys_of(one)))
        for name in raw:
            if name not in allowed:
                problems.add(name, "an unknown key", one_of(allowed), nearest(name, allowed))
        near = nearest(word, _KINDS) if isinstance(word, str) else None
        problems.add("kind", shown(word) if "kind" in raw else MISSING, one_of(_KINDS), near)
        return ()
    rest = {name: value for name, value in raw.items() if name != "kind"}
    grouped = table is _Repeat
    found = read_table(table if grouped else joined(table, _Any), rest, "", problems, context, also=("kind",))
    if found is None:
        return ()
    steps = table.steps(found, raw, problems)
    return tuple(steps) if grouped else tuple(_kept(one, part_of(found, _Any), raw, problems) for one in steps)


def _kept(step: TimedStep, extra: _Any, raw: Raw, problems: Problems) -> TimedStep:
    """The step with what ends it and what is kept of it; of a pulse, the rest has no limits."""
    for word in ("profiles_at", "spectra_at"):
        for index, time in enumerate(getattr(extra, word)):
            if time > step.duration * (1 + 1e-12):
                within = f"a time within the {step.kind}, up to {format_quantity(step.duration, 's')}"
                problems.add(f"{word}.{index}", shown(raw[word][index]), within)
    resting = raw["kind"] == "pulse" and step.kind == "rest"
    at = [min(t, step.duration) for t in (*extra.profiles_at, *extra.spectra_at)]
    at += [] if extra.points is None else [step.duration * i / extra.points for i in range(1, extra.points + 1)]
    return replace(
        step,
        limits=() if resting else extra.limits,
        outputs=tuple(sorted(set(at))),
        profiles_at=extra.profiles_at,
        spectra_at=extra.spectra_at,
        others=extra.others,
    )


# ------------------------------------------------------------------------------------------ the protocol


@dataclass(frozen=True)
class Protocol(Parameters):
    """Steps imposed on one terminal, from rest or from a steady state, with profiles and spectra at instants."""

    step: tuple[TimedStep, ...] = key(STEPS)
    driven: str | None = key(text("the name of a terminal"), default=None)  # None: the first
    start: tuple[OnTerminal, ...] | None = key(_HELD, default=None)  # the steady state before; None: rest
    frequency: tuple[float, ...] | None = key(FREQUENCIES, default=None)  # Hz, of the spectra
    tolerance: float = key(TOLERANCE, default=1e-6)  # of the steps in time, relative

    @property
    def resolve(self) -> float:
        fastest = max(one.frequency for one in self.step)
        shortest = min(one.duration for one in self.step)
        return max(*(self.frequency or (0.0,)), fastest, 1 / (EARLIEST * shortest))

    def conflicts(self, layers: Sequence[Layer | None]) -> Iterator[Conflict]:
        if self.frequency is None and any(one.spectra_at for one in self.step):
            yield "frequency", f"{MISSING} beside spectra_at", "the frequencies of the spectra"
        for one in self.step:
            for index, limit in enumerate(one.limits):
                if limit.quantity == "concentration" and limit.of is not None:
                    yield from unknown_carrier(f"{one.at}.limits.{index}.carrier", limit.of, layers)

    def miswired(self, terminals: Sequence[str]) -> Iterator[Conflict]:
        driven = terminals[0] if self.driven is None else self.driven
        named = [("driven", driven), *((join_key("start", name), name) for name, _, _ in self.start or ())]
        for one in self.step:
            named += [(join_key(one.at, "others", name), name) for name, _, _ in one.others]
            limits = [limit for limit in one.limits if limit.quantity != "concentration" and limit.of is not None]
            named += [(f"{one.at}.limits.{one.limits.index(limit)}.terminal", str(limit.of)) for limit in limits]
        for where, name in dict.fromkeys(named):
            if name not in terminals:
                yield where, shown(name), f"the name of a terminal: {one_of(terminals)}"
        for one in self.step:
            if driven in (name for name, _, _ in one.others):
                yield join_key(one.at, "others", driven), "the terminal that the step itself drives", "another terminal"
            currents = {name for name, what, _ in one.others if what == "current"}
            if one.quantity == "current" and set(terminals) <= {driven, *currents}:
                yield join_key(one.at, "others"), "a current for every terminal", "at least one at a voltage"
        if self.start and set(terminals) <= {name for name, what, _ in self.start if what == "current"}:
            yield "start", "a current for every terminal", "at least one at a voltage (0 V where it is left out)"
