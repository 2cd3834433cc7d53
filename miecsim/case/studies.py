"""Reads [[study]] and [[check]]: what is measured on the stack, and what must come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from miecsim.case.contacts import Names, read_links, read_terminals
from miecsim.case.data import Check, Layer, ReferencePlane, Study, Terminal
from miecsim.case.fields import FLAG, FREQUENCY, choice, integer, list_of, name, number, table, tables, text
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of, refuse
from miecsim.case.presets import expand, missing_part, presets_of
from miecsim.case.table import Context, Leaf, Raw, Row, key, keys_of, named_items, read_table, sub_table
from miecsim.errors import InputError
from miecsim.units import format_quantity, parse_any, shown

REFERENCES = ("none", "de_levie", "two_rail", "mixed_conductor", "film_on_blocking_substrate", "linear_pnp")
_MOST_FREQUENCIES = 10000


class _Sweep(Row):
    start: float = key(FREQUENCY, toml="from")
    stop: float = key(FREQUENCY, toml="to")
    points_per_decade: int = key(integer(1, 1000))


class _Values(Row):
    values: tuple[float, ...] = key(list_of(FREQUENCY, 1, _MOST_FREQUENCIES, 'frequencies, such as ["1 Hz", "1 kHz"]'))


class _StudyTable(Row):
    name: str = key(name())
    terminals: str = key(text('a preset, such as "ion_blocking", or "custom"'))
    frequency: Raw = key(table("from, to and points_per_decade, or values"))
    profiles: tuple[float, ...] = key(list_of(FREQUENCY, 3, 3, 'frequencies, such as ["1 mHz", "1 Hz", "1 kHz"]'))
    reference: str = key(choice(*REFERENCES))
    set: Raw | None = key(table('dotted keys, such as "layer.cathode.thickness" = "300 um"'), default=None)
    terminal: Raw | None = key(tables("[[study.terminal]]", least=1), default=None)
    link: Raw | None = key(tables("link = [{ side = ..., law = ... }]"), default=None)
    attribution: bool = key(FLAG, default=False)
    reference_plane: Raw | None = key(tables("reference_plane = [{ name = ..., layer = ... }]"), default=None)


class _PlaneTable(Row):
    name: str = key(name())
    layer: str = key(text("the name of a layer"))
    position: float = key(number(1e-9, 1.0, zero=True))
    carrier: str = key(text("the name of a carrier"))


def sweep(start: float, stop: float, points_per_decade: int) -> tuple[float, ...]:
    """Frequencies [Hz] from `start` to `stop`, both included, evenly spaced in log f, at least so many a decade."""
    decades = abs(math.log10(stop / start))
    steps = max(1, math.ceil(decades * points_per_decade - 1e-9))
    between = (start * (stop / start) ** (i / steps) for i in range(1, steps))
    return (start, *between, stop)


def _frequency(raw: Raw, at: str, problems: Problems) -> tuple[float, ...] | None:
    swept_keys = keys_of(_Sweep)
    if not raw:
        problems.add(at, "an empty table", "from, to and points_per_decade, or values")
        return None
    if "values" in raw or not any(word in raw for word in swept_keys):
        found = read_table(_Values, raw, at, problems, also=swept_keys)
        if found is not None and len(set(found.values)) < len(found.values):
            problems.add(join_key(at, "values"), "the same frequency twice", "different frequencies")
        return None if found is None else found.values
    swept = read_table(_Sweep, raw, at, problems, also=("values",))
    if swept is None:
        return None
    if math.isclose(swept.start, swept.stop, rel_tol=1e-9):
        problems.add(join_key(at, "to"), f"{shown(raw['to'])}, the same as from", "another frequency than from")
        return None
    return sweep(swept.start, swept.stop, swept.points_per_decade)


def _check_profiles(
    raw: Raw, profiles: Sequence[float], frequency: Sequence[float], at: str, problems: Problems
) -> None:
    low, high = min(frequency), max(frequency)
    expected = f"a frequency within the sweep, {format_quantity(low, 'Hz')} to {format_quantity(high, 'Hz')}"
    for index, value in enumerate(profiles):
        here = join_key(at, "profiles", index)
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
            problems.add(here, shown(raw["profiles"][index]), expected)
        if value in profiles[:index]:
            problems.add(here, f"{shown(raw['profiles'][index])} a second time", "three different frequencies")


def _planes(
    raw: Raw, at: str, problems: Problems, names: Names, layers: Sequence[Layer | None]
) -> tuple[ReferencePlane, ...]:
    result = []
    for here, item in named_items(raw, "reference_plane", at, problems):
        plane = read_table(_PlaneTable, item, here, problems)
        if plane is None:
            continue
        if names is not None and plane.layer not in names:
            problems.add(join_key(here, "layer"), shown(plane.layer), one_of(names), nearest(plane.layer, names))
        layer = next((one for one in layers if one is not None and one.name == plane.layer), None)
        if layer is not None and plane.carrier not in layer.carriers:
            near = nearest(plane.carrier, layer.carriers)
            expected = f"a carrier of {layer.name}: {one_of(layer.carriers)}"
            problems.add(join_key(here, "carrier"), shown(plane.carrier), expected, near)
        result.append(ReferencePlane(plane.name, plane.layer, plane.position, plane.carrier))
    return tuple(result)


def _terminals(
    raw: Raw, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None]
) -> tuple[Terminal, ...]:
    """The terminals of a study, presets written out. What cannot be read is left out and told."""
    here, preset, options = join_key(at, "terminals"), raw.get("terminals"), presets_of(context.model)
    listed = read_terminals(raw, at, problems, context, layers) if "terminal" in raw else ()
    first, last = (layers[0], layers[-1]) if layers else (None, None)
    if isinstance(preset, str) and preset.strip() and preset not in options:
        if context.model:
            expected = f"{one_of(options)} (model {context.model})"
            problems.add(here, shown(preset), expected, nearest(preset, options))
        return ()
    if preset == "custom":
        if "terminal" not in raw:
            problems.add(join_key(at, "terminal"), MISSING, 'two or more [[study.terminal]] (terminals = "custom")')
        return listed
    if "terminal" in raw and isinstance(preset, str):
        problems.add(join_key(at, "terminal"), f"terminal beside terminals = {shown(preset)}", 'terminals = "custom"')
    if first is None or last is None or not isinstance(preset, str) or preset not in options:
        return ()
    gap = missing_part(preset, first, last)
    if gap is not None:
        part, side, layer = gap
        read = f'{shown(preset)}, which contacts {part} at the {side}, where layer "{layer.name}" has no {part}'
        problems.add(here, read, 'a preset on carriers that are present, or "custom"')
    if preset == "reversible" and not (first.mobile and last.mobile):
        problems.add(here, '"reversible" where an end layer has no mobile carrier', '"blocking" or "custom"')
    return expand(preset, first, last)


@dataclass(frozen=True)
class View:
    """The stack that a study measures. `names`: all its layers, if known; `layers`: None for one that is not."""

    context: Context
    names: Names
    layers: tuple[Layer | None, ...]


def read_studies(raw: Raw, problems: Problems, view_of: Callable[[Raw], View]) -> tuple[Study, ...]:
    """The studies of a case, each read against the stack that `view_of` shows it; what cannot be read is left out and
    told."""
    result = []
    for at, item in named_items(raw, "study", "", problems):
        found = read_table(_StudyTable, item, at, problems)
        spectrum = sub_table(item, "frequency")
        frequency = None if spectrum is None else _frequency(spectrum, join_key(at, "frequency"), problems)
        view = view_of(item)
        terminals = _terminals(item, at, problems, view.context, view.layers)
        links = read_links(item, at, problems, view.context, view.layers)
        planes = _planes(item, at, problems, view.names, view.layers)
        if found is None or frequency is None:
            continue
        _check_profiles(item, found.profiles, frequency, at, problems)
        overrides = tuple(found.set or ())
        measured = (frequency, found.profiles, found.reference)
        listed = (links, planes, overrides)
        result.append(Study(found.name, found.terminals, terminals, *measured, *listed, found.attribution))
    return tuple(result)


def _expected() -> Leaf:
    words = 'a quantity with its unit, such as "107 ohm", or a number without quotes'
    plain = number(1e-30, 1e30, zero=True, signed=True)

    def check(value: object, siblings: Any, context: Context) -> tuple[float, str]:
        if not isinstance(value, str):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise refuse(shown(value), words)
            return plain.check(value, siblings, context), ""
        try:
            result, unit = parse_any(value, "")
        except InputError:
            raise refuse(shown(value), words) from None
        if not unit and "%" not in value and "percent" not in value:
            raise refuse(shown(value), words)
        plain.check(result, siblings, context)
        return result, unit

    return Leaf(words, check)


class _CheckTable(Row):
    study: str = key(text("the name of a study"))
    quantity: str = key(text("a key of the summary"))
    expected: tuple[float, str] = key(_expected())
    tolerance: float = key(number(1e-15, math.nextafter(1.0, 0.0), what="a relative tolerance above 0 and below 1"))
    source: str = key(text("where the expected figure comes from"))


def read_checks(raw: Raw, problems: Problems, names: Names) -> tuple[Check, ...]:
    """The checks of a case, each on one of the studies `names` (None where those are not all known)."""
    result = []
    for at, item in named_items(raw, "check", "", problems):
        found = read_table(_CheckTable, item, at, problems)
        study = item.get("study")
        if names is not None and isinstance(study, str) and study.strip() and study not in names:
            expected = f"the name of a study: {one_of(names)}"
            problems.add(join_key(at, "study"), shown(study), expected, nearest(study, names))
        if found is not None:
            value, unit = found.expected
            result.append(Check(found.study, found.quantity, value, unit, found.tolerance, found.source))
    return tuple(result)
