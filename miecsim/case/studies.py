"""Reads [[study]]: the spectra that are measured on the stack."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from miecsim.case.bias import BIAS, read_bias
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.data import Study
from miecsim.case.fields import FLAG, FREQUENCY, TOLERANCE, choice, integer, list_of, name, table
from miecsim.case.messages import Problems, join_key
from miecsim.case.table import Raw, Row, key, keys_of, named_items, read_table, sub_table
from miecsim.case.wiring import LINK, PRESET, REFERENCE_PLANE, SET, TERMINAL, View, read_wires
from miecsim.units import format_quantity, shown

REFERENCES = (
    *("none", "de_levie", "two_rail", "mixed_conductor", "film_on_blocking_substrate", "linear_pnp"),
    *("porous_electrode", "salt_cell"),
)
METHODS = ("auto", "sparse", "reduced", "iterative")
_MOST_FREQUENCIES = 10000


class _Sweep(Row):
    start: float = key(FREQUENCY, toml="from")
    stop: float = key(FREQUENCY, toml="to")
    points_per_decade: int = key(integer(1, 1000))


class _Values(Row):
    values: tuple[float, ...] = key(list_of(FREQUENCY, 1, _MOST_FREQUENCIES, 'frequencies, such as ["1 Hz", "1 kHz"]'))


class _StudyTable(Row):
    name: str = key(name())
    terminals: str = key(PRESET)
    frequency: Raw = key(table("from, to and points_per_decade, or values"))
    profiles: tuple[float, ...] = key(list_of(FREQUENCY, 3, 3, 'frequencies, such as ["1 mHz", "1 Hz", "1 kHz"]'))
    reference: str = key(choice(*REFERENCES))
    set: Raw | None = key(SET, default=None)
    terminal: Raw | None = key(TERMINAL, default=None)
    link: Raw | None = key(LINK, default=None)
    attribution: bool = key(FLAG, default=False)
    relaxation: bool = key(FLAG, default=False)
    reference_plane: Raw | None = key(REFERENCE_PLANE, default=None)
    bias: Raw | None = key(BIAS, default=None)
    method: str = key(choice(*METHODS), default="auto")
    tolerance: float | None = key(TOLERANCE, default=None)


def sweep(start: float, stop: float, points_per_decade: int) -> tuple[float, ...]:
    """Frequencies [Hz] from `start` to `stop`, both included, evenly spaced in log f, at least so many a decade."""
    decades = abs(math.log10(stop / start))
    steps = max(1, math.ceil(decades * points_per_decade - 1e-9))
    between = (start * (stop / start) ** (i / steps) for i in range(1, steps))
    return (start, *between, stop)


def read_frequency(raw: Raw, at: str, problems: Problems) -> tuple[float, ...] | None:
    """The frequencies [Hz] of the table `raw` at the dotted key `at`, None where they cannot be read."""
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


def _check_resolved(raw: Raw, at: str, problems: Problems) -> None:
    """What a microstructure does not have: closed forms, and rails with a middle and an end."""
    if raw.get("reference") not in (None, "none") and raw.get("reference") in REFERENCES:
        problems.add(join_key(at, "reference"), shown(raw["reference"]), '"none" (no line describes a microstructure)')
    for word in ("link", "reference_plane"):
        if raw.get(word):
            problems.add(join_key(at, word), f"{word} with a microstructure", "terminals alone")


def read_studies(raw: Raw, problems: Problems, view_of: Callable[[Raw], View]) -> tuple[Study, ...]:
    """The studies of a case, each read against the stack that `view_of` shows it; what cannot be read is left out and
    told."""
    result = []
    for at, item in named_items(raw, "study", "", problems):
        found = read_table(_StudyTable, item, at, problems)
        spectrum = sub_table(item, "frequency")
        frequency = None if spectrum is None else read_frequency(spectrum, join_key(at, "frequency"), problems)
        view = view_of(item)
        wires = read_wires(item, at, problems, view, "study")
        bias = read_bias(item, at, problems, view.context, wires.terminals)
        shifted = any(c.shifted for t in wires.terminals for c in t.contacts)
        if shifted and item.get("reference") not in (None, "none"):
            problems.add(
                join_key(at, "reference"), f"{shown(item['reference'])} beside an emf", '"none" (a form of rest)'
            )
        if view.context.model == MICROSTRUCTURE:
            _check_resolved(item, at, problems)
        if "tolerance" in item and item.get("method") == "sparse":
            problems.add(join_key(at, "tolerance"), 'a tolerance beside method = "sparse"', "a reduced spectrum")
        if found is None or frequency is None:
            continue
        _check_profiles(item, found.profiles, frequency, at, problems)
        measured = (frequency, found.profiles, found.reference)
        listed = (wires.links, wires.planes, tuple(found.set or ()))
        if found.relaxation and bias is not None:
            problems.add(join_key(at, "relaxation"), "true beside a bias", "relaxation times at rest")
        own = (found.name, found.terminals, wires.terminals, *measured, *listed, found.attribution, found.relaxation)
        result.append(Study(*own, bias, method=found.method, tolerance=found.tolerance))
    return tuple(result)
