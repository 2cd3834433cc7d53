"""Parameters of a system by address: what its numbers are called, and the same system with others.

An address is the way to a number from a name: `temperature`; `cathode.sigma_ion`, of a layer; `cathode.interface.R`, of
what a layer is made of; `cathode.ion.diffusivity`, of one of its carriers (or kinds of particles); `A.ion.R` and
`A.ion.emf`, of a contact (`A.ion.left.R` where a terminal has two of this carrier); `left.link.R`, of a link;
`separator|cathode.ion.R`, of an interface between two materials; `electrolyte.concentration`, of the salt that all
layers of a cell share. Of two links at one side the second is `left.link#2`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.elements import ButlerVolmer
from miecsim.physics.layers import Junction
from miecsim.physics.models import AnyLayer, Model, composite_electrode, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Link, Terminal
from miecsim.system import System, assembled

Path = tuple[str | int, ...]

# numbers that decide the cells, or how many unknowns there are
OF_THE_GRID = ("thickness", "radius", "grading", "position")
_FACTORIES: dict[str, Callable[..., Model]] = {
    "composite_electrode": composite_electrode,
    "mixed_conductor": mixed_conductor,
    "nernst_planck_poisson": nernst_planck_poisson,
    "porous_cell": porous_cell,
}


@dataclass(frozen=True)
class Parts:
    """What a system is made of, apart from its grid."""

    layers: tuple[AnyLayer, ...]
    junctions: tuple[Junction, ...]
    terminals: tuple[Terminal, ...]
    links: tuple[Link, ...]
    temperature: float


def parts_of(system: System) -> Parts:
    """The parts of a system as they were given."""
    model, wiring = system.model, system.wiring
    return Parts(model.layers, model.junctions, wiring.terminals, wiring.links, model.temperature)


def addresses(system: System) -> tuple[str, ...]:
    """Addresses of all numbers that `with_values` can change."""
    return tuple(a for a, paths in _places(parts_of(system)).items() if paths[0][-1] not in OF_THE_GRID)


def numbers_of(parts: Parts) -> dict[Path, float]:
    """Every number of the parts, by its path."""
    found: dict[Path, float] = {("temperature",): parts.temperature}
    for i, layer in enumerate(parts.layers):
        found |= {path: float(_at(layer, path[2:])) for _, path in _numbers(layer, ("layers", i))}
    for _, where, part in _wired(parts):
        found |= {path: float(_at(part, path[len(where) :])) for _, path in _numbers(part, where)}
    return found


def with_numbers(parts: Parts, numbers: Mapping[Path, float]) -> Parts:
    """The parts with other numbers at some paths, each checked by what holds it (not by the model)."""
    out = _updated(parts, list(numbers.items())) if numbers else parts
    assert isinstance(out, Parts)
    return out


def value_of(system: System, address: str) -> float:
    """The number at an address, in SI. InputError where there is none."""
    parts = parts_of(system)
    return float(_at(parts, paths_to(parts, address)[0]))


def with_values(system: System, values: Mapping[str, float]) -> System:
    """The same grid and terminals with other numbers at some addresses, in SI; nothing else changes.

    The model is made anew, and checked as it was at first. `temperature` [K] is that of the model, and of every
    Butler-Volmer law, whose V_T it scales. Raises InputError for an address that there is not, for a number that
    decides the grid, and for what the model refuses.
    """
    parts = changed(parts_of(system), values)
    model, wiring = system.model, replace(system.wiring, terminals=parts.terminals, links=parts.links)
    sides, area = set(system.nodes.sides), (system.area, system.per_area)
    keep = not bool(system.islands.any())
    return assembled(_model(model.name, parts), wiring, system.grid, sides, area, keep_islands=keep)


def changed(parts: Parts, values: Mapping[str, float]) -> Parts:
    """The parts with other numbers at some addresses; see `with_values`."""
    changes: list[tuple[Path, float]] = []
    for address, value in values.items():
        if np.isnan(value):
            raise InputError(f"parameter {address}: read {value!r}; expected a number")
        paths = paths_to(parts, address)
        if paths[0][-1] in OF_THE_GRID:
            raise InputError(f"parameter {address}: it decides the grid; build a new system for another value")
        changes += [(path, float(value)) for path in paths]
    if "temperature" in values:
        if not values["temperature"] > 0:
            raise InputError(f"temperature: read {values['temperature']!r}; expected a positive number of kelvin")
        parts = _heated(parts, float(values["temperature"]) / parts.temperature)
    out = _updated(parts, changes)
    assert isinstance(out, Parts)
    return out


def paths_to(parts: Parts, address: str) -> tuple[Path, ...]:
    """Where the number at an address stands; in several places where layers share it. InputError for a bad address."""
    places = _places(parts)
    if address in places:
        return places[address]
    near = difflib.get_close_matches(address, places, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"parameter: read {address!r}; expected the address of a number of the system{hint}")


def _model(name: str, parts: Parts) -> Model:
    if name not in _FACTORIES:
        raise InputError(f"parameters: a model called {name!r} cannot be made anew; there are {', '.join(_FACTORIES)}")
    junctions = {} if name == "porous_cell" else {"junctions": parts.junctions}
    return _FACTORIES[name](parts.layers, temperature=parts.temperature, **junctions)


# ---------------------------------------------------------------- addresses


def _places(parts: Parts) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {"temperature": (("temperature",),)}
    shared = _has_common_salt(parts)
    for i, layer in enumerate(parts.layers):
        for names, path in _numbers(layer, ("layers", i)):
            if shared and names[0] == "electrolyte":
                address = ".".join(names)
                found[address] = (*found.get(address, ()), path)
            else:
                found.setdefault(".".join((layer.name, *names)), (path,))
    for prefix, path, part in _wired(parts):
        for names, at in _numbers(part, path):
            found.setdefault(".".join((prefix, *names)), (at,))
    return found


def _different(names: Sequence[str]) -> list[str]:
    """The names, with their number where one returns."""
    before = [names[:i].count(name) for i, name in enumerate(names)]
    return [f"{name}#{k + 1}" if k else name for name, k in zip(names, before, strict=True)]


def _has_common_salt(parts: Parts) -> bool:
    return isinstance(getattr(parts.layers[0], "electrolyte", None), BinarySalt)


def _wired(parts: Parts) -> Iterator[tuple[str, Path, object]]:
    """(prefix, path, part) of every contact, link and interface law."""
    for t, terminal in enumerate(parts.terminals):
        carriers = [contact.carrier for contact in terminal.contacts]
        for c, contact in enumerate(terminal.contacts):
            side = f".{contact.side}" if carriers.count(contact.carrier) > 1 else ""
            yield f"{terminal.name}.{contact.carrier}{side}", ("terminals", t, "contacts", c), contact
    links = _different([f"{link.side}.link" for link in parts.links])
    for k, (name, link) in enumerate(zip(links, parts.links, strict=True)):
        yield name, ("links", k), link
    laws = _different([_of_junction(junction) for junction in parts.junctions])
    for k, (name, junction) in enumerate(zip(laws, parts.junctions, strict=True)):
        yield name, ("junctions", k), junction


def _of_junction(junction: Junction) -> str:
    to = "" if junction.to is None else f"-{junction.to}"
    return f"{'|'.join(junction.between)}.{junction.carrier}{to}"


def _numbers(part: object, path: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """(names, path) of every number within a part: its own, and those of what it is made of."""
    for name in _field_names(type(part)):
        value = getattr(part, name)
        if isinstance(value, float | np.floating):
            yield (name,), (*path, name)
        elif isinstance(value, tuple):
            for i, one in enumerate(value):
                if is_dataclass(one):
                    yield from (((_name(one, i), *rest), at) for rest, at in _numbers(one, (*path, name, i)))
        elif is_dataclass(value):
            # a law belongs to its contact: A.ion.R, not A.ion.law.R
            own = () if name == "law" else (name,)
            yield from (((*own, *rest), at) for rest, at in _numbers(value, (*path, name)))
        elif isinstance(value, int) and not isinstance(value, bool) and name not in ("charge", "shells"):
            yield (name,), (*path, name)


def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()


def _name(part: object, number: int) -> str:
    return str(getattr(part, "name", number))


# ---------------------------------------------------------------- values


def _at(part: Any, path: Path) -> Any:
    for step in path:
        part = part[step] if isinstance(step, int) else getattr(part, step)
    return part


def _updated(part: Any, changes: Sequence[tuple[Path, Any]]) -> Any:
    """The part with all changes made at once, so that it is checked with all of them."""
    if changes and not changes[-1][0]:
        return changes[-1][1]
    ordered = sorted(changes, key=lambda change: str(change[0][0]))
    new = {
        step: _updated(_at(part, (step,)), [(path[1:], value) for path, value in group])
        for step, group in groupby(ordered, key=lambda change: change[0][0])
    }
    if isinstance(part, tuple):
        return tuple(new.get(i, one) for i, one in enumerate(part))
    return replace(part, **new)


def _heated(part: Any, factor: float) -> Any:
    """The part with V_T of all Butler-Volmer laws in it scaled."""
    if isinstance(part, ButlerVolmer):
        return replace(part, thermal_voltage=factor * part.thermal_voltage)
    if isinstance(part, tuple):
        return tuple(_heated(one, factor) for one in part)
    names = [name for name in _field_names(type(part)) if _holds_parts(getattr(part, name))]
    new = {name: _heated(getattr(part, name), factor) for name in names}
    moved = {name: value for name, value in new.items() if value is not getattr(part, name)}
    return replace(part, **moved) if moved and is_dataclass(part) and not isinstance(part, type) else part


def _holds_parts(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_holds_parts(one) for one in value)
    return is_dataclass(value) and not isinstance(value, type)
