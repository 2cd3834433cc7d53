"""Reads [[experiment]]: a transport technique, run on the stack with its own parameters."""

from __future__ import annotations

from collections.abc import Callable

from miecsim.case.bias import terminal_names
from miecsim.case.data import Experiment
from miecsim.case.fields import name
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of, sentence
from miecsim.case.table import Raw, Row, joined, key, keys_of, named_items, part_of, read_table
from miecsim.case.techniques import TECHNIQUES, Technique
from miecsim.case.wiring import LINK, PRESET, REFERENCE_PLANE, SET, TERMINAL, View, Wires, read_wires
from miecsim.units import shown


class _Head(Row):
    name: str = key(name())
    set: Raw | None = key(SET, default=None)


class _Wiring(Row):
    terminals: str = key(PRESET)
    terminal: Raw | None = key(TERMINAL, default=None)
    link: Raw | None = key(LINK, default=None)
    reference_plane: Raw | None = key(REFERENCE_PLANE, default=None)


def read_experiments(raw: Raw, problems: Problems, view_of: Callable[[Raw], View]) -> tuple[Experiment, ...]:
    """The experiments of a case, each read against the stack that `view_of` shows it; what cannot be read is left out
    and told."""
    items = named_items(raw, "experiment", "", problems)
    found = (_experiment(item, at, problems, view_of(item)) for at, item in items)
    return tuple(experiment for experiment in found if experiment is not None)


def _experiment(raw: Raw, at: str, problems: Problems, view: View) -> Experiment | None:
    word = raw.get("technique")
    technique = TECHNIQUES.get(word) if isinstance(word, str) else None
    if technique is None or not isinstance(word, str):
        _unknown_technique(raw, at, problems)
        return None
    tables = (_Head, *((_Wiring,) if technique.wired else ()), technique.parameters)
    own = {name: value for name, value in raw.items() if name != "technique"}
    found = read_table(joined(*tables), own, at, problems, view.context, also=("technique",))
    wires = read_wires(raw, at, problems, view, "experiment") if technique.wired else Wires((), (), ())
    if found is None:
        return None
    head, parameters = part_of(found, _Head), part_of(found, technique.parameters)
    for what, read, expected in parameters.conflicts(view.layers):
        problems.add(join_key(at, what), read, expected)
    names = terminal_names(raw, wires.terminals)
    for what, read, expected in parameters.miswired(names) if names else ():
        problems.add(join_key(at, what), read, expected)
    preset = part_of(found, _Wiring).terminals if technique.wired else ""
    wiring = (preset, wires.terminals, wires.links, wires.planes)
    return Experiment(head.name, word, parameters, *wiring, tuple(head.set or ()))


def _unknown_technique(raw: Raw, at: str, problems: Problems) -> None:
    """Which keys belong here is not known then; those of no technique are told."""
    allowed = ("technique", *keys_of(_Head), *_keys(*TECHNIQUES.values()))
    for word in raw:
        if word not in allowed:
            problems.note(join_key(at, word), sentence("an unknown key", one_of(allowed), nearest(word, allowed)))
    read_table(joined(_Head), {word: raw[word] for word in keys_of(_Head) if word in raw}, at, problems)
    value = raw.get("technique")
    near = nearest(value, TECHNIQUES) if isinstance(value, str) else None
    read = shown(value) if "technique" in raw else MISSING
    problems.add(join_key(at, "technique"), read, f"a technique: {one_of(TECHNIQUES)}", near)


def _keys(*techniques: Technique) -> tuple[str, ...]:
    wiring = keys_of(_Wiring)
    return tuple(dict.fromkeys((*wiring, *(k for one in techniques for k in keys_of(one.parameters)))))
