"""Reads how a study or an experiment is wired: terminals by a preset or a list, links, and reference planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miecsim.case.contacts import POISSON, Names, read_links, read_terminals
from miecsim.case.data import Layer, Link, ReferencePlane, Terminal
from miecsim.case.fields import name, number, table, tables, text
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of
from miecsim.case.presets import expand, missing_part, presets_of
from miecsim.case.table import Context, Raw, Row, key, named_items, read_table
from miecsim.units import shown

PRESET = text('a preset, such as "ion_blocking", or "custom"')
SET = table('dotted keys, such as "layer.cathode.thickness" = "300 um"')
LINK = tables("link = [{ side = ..., law = ... }]")
TERMINAL = tables("[[study.terminal]]", least=1)
REFERENCE_PLANE = tables("reference_plane = [{ name = ..., layer = ... }]")


class _PlaneTable(Row):
    name: str = key(name())
    layer: str = key(text("the name of a layer"))
    position: float = key(number(1e-9, 1.0, zero=True))
    carrier: str = key(text("the name of a carrier"))


@dataclass(frozen=True)
class View:
    """The stack that is measured. `names`: all its layers, if known; `layers`: None for one that is not."""

    context: Context
    names: Names
    layers: tuple[Layer | None, ...]


@dataclass(frozen=True)
class Wires:
    """What one study or experiment is wired to."""

    terminals: tuple[Terminal, ...]
    links: tuple[Link, ...]
    planes: tuple[ReferencePlane, ...]


def read_wires(raw: Raw, at: str, problems: Problems, view: View, word: str) -> Wires:
    """The wiring of the item `raw` of [[word]] at the dotted key `at`, read against the stack that it measures; what
    cannot be read is left out and told."""
    terminals = _terminals(raw, at, problems, view.context, view.layers, word)
    if word == "experiment" and any(c.shifted for t in terminals for c in t.contacts):
        expected = "contacts in equilibrium with the stack: an emf or a pO2 belongs to a study"
        problems.add(join_key(at, "terminal"), "a contact with an emf", expected)
    links = read_links(raw, at, problems, view.context, view.layers)
    return Wires(terminals, links, _planes(raw, at, problems, view.names, view.layers))


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
    raw: Raw, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None], word: str
) -> tuple[Terminal, ...]:
    """The terminals of an item of [[word]], presets written out. What cannot be read is left out and told."""
    here, preset = join_key(at, "terminals"), raw.get("terminals")
    options = presets_of(POISSON if context.poisson else context.model)
    listed = read_terminals(raw, at, problems, context, layers) if "terminal" in raw else ()
    first, last = (layers[0], layers[-1]) if layers else (None, None)
    if isinstance(preset, str) and preset.strip() and preset not in options:
        if context.model:
            expected = f"{one_of(options)} (model {context.model})"
            problems.add(here, shown(preset), expected, nearest(preset, options))
        return ()
    if preset == "custom":
        if "terminal" not in raw:
            problems.add(join_key(at, "terminal"), MISSING, f'two or more [[{word}.terminal]] (terminals = "custom")')
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
