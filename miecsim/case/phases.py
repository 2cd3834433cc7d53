"""Reads [[phase]] and the [[interface]] tables between phases: the physics of a microstructure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.data import Layer
from miecsim.case.fields import (
    CONDUCTIVITY,
    PERMITTIVITY,
    THICKNESS,
    VOLUME_CAPACITANCE,
    choice,
    integer,
    list_of,
    name,
    number,
    tables,
    text,
)
from miecsim.case.laws import SURFACE_LAWS, read_law
from miecsim.case.layers import FIXED_CHARGE, RELATIVE_PERMITTIVITY, charged_material
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of
from miecsim.case.nested import nested
from miecsim.case.patches import read_patches
from miecsim.case.picture_data import GapIn, PhaseIn, PhaseInterface, Resolved
from miecsim.case.pictures import read_picture
from miecsim.case.table import Context, Leaf, Raw, Row, key, keys_of, named_items, read_table
from miecsim.units import quoted, shown

RAILS = ("ion", "electron")
SIGMA = {"ion": "sigma_ion", "electron": "sigma_eon"}
LAWS = tuple(word for word in SURFACE_LAWS if word != "blocking")  # where nothing passes there is a gap


class _PhaseTable(Row):
    name: str = key(name())
    sigma_ion: float = key(CONDUCTIVITY, default=0.0)
    sigma_eon: float = key(CONDUCTIVITY, default=0.0)
    chemical_capacitance: float = key(VOLUME_CAPACITANCE, default=0.0)


class _ChargedTable(Row):
    name: str = key(name())
    fixed_charge: float | str = key(FIXED_CHARGE)
    carrier: Raw | None = key(tables("[[phase.carrier]]", least=1), default=None)
    relative_permittivity: float | None = key(RELATIVE_PERMITTIVITY, default=None)
    permittivity: float | None = key(PERMITTIVITY, default=None)


class _GapTable(Row):
    fraction: float = key(number(1e-9, 1.0))
    correlation: float = key(THICKNESS, default=0.0)
    seed: int = key(integer(0, 2**31), default=0)


def _gap(raw: Raw, problems: Problems, context: Context) -> GapIn | None:
    found = read_table(_GapTable, raw, "", problems, context)
    return None if found is None else GapIn(found.fraction, found.correlation, found.seed)


def _carrier() -> Leaf:
    """Of a phase: a rail, or where phases are given by their carriers a name that is looked for there."""
    rails, names = choice(*RAILS), text("the name of a carrier")

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> str:
        return str((names if context.poisson else rails).check(value, siblings, context))

    return Leaf(f"{rails.expected}, or the name of a carrier of the phase", check)


class _Between(Row):
    between: tuple[str, ...] = key(list_of(text("the name of a phase"), 2, 2, "phases that meet"))
    carrier: str = key(_carrier())
    to: str | None = key(_carrier(), default=None)
    gap: GapIn | None = key(nested("fraction, correlation and seed", _gap), default=None)


def read_resolved(raw: Raw, problems: Problems, context: Context, names: Sequence[str] | None) -> Layer | None:
    """The microstructure of the case `raw` as its one layer, whose thickness follows from the picture; None where
    something is wrong. `names`: those of its phases, if all are known."""
    read = _charged if context.poisson else _conductor
    phases = [read(item, at, problems) for at, item in named_items(raw, "phase", "", problems)]
    known = tuple(phase for phase in phases if phase is not None)
    complete = bool(phases) and len(known) == len(phases)
    interfaces = _interfaces(raw, problems, context, names, known if complete else None)
    picture, patches = read_picture(raw, problems, names), read_patches(raw, problems)
    if complete and not any(phase.carriers for phase in known):
        of_one = "a mobile carrier" if context.poisson else "sigma_ion or sigma_eon"
        problems.add("phase", "no phase that conducts", f"{of_one} of at least one")
        return None
    listed = raw.get("interface", [])
    readable = isinstance(listed, list) and all(isinstance(one, dict) for one in listed)  # else told with the top level
    if picture is None or not complete or not readable:
        return None
    return Layer(MICROSTRUCTURE, 0.0, Resolved(picture, known, interfaces, patches))


def charged_in(raw: Raw) -> bool:
    """Whether the phases of the case `raw` are given by carriers in their own field: one has a key of such phases."""
    own = set(keys_of(_ChargedTable)) - set(keys_of(_PhaseTable))
    return any(own & set(item) for _, item in named_items(raw, "phase", "", Problems("")))


def _charged(raw: Raw, at: str, problems: Problems) -> PhaseIn | None:
    header = read_table(_ChargedTable, raw, at, problems)
    medium = charged_material(header, raw, at, problems)
    return None if header is None or medium is None else PhaseIn(header.name, 0.0, 0.0, 0.0, medium)


def _conductor(raw: Raw, at: str, problems: Problems) -> PhaseIn | None:
    found = read_table(_PhaseTable, raw, at, problems)
    if found is None:
        return None
    if found.chemical_capacitance > 0 and not (found.sigma_ion > 0 and found.sigma_eon > 0):
        read = f"{shown(raw['chemical_capacitance'])} of a phase that does not conduct both"
        problems.add(join_key(at, "chemical_capacitance"), read, "sigma_ion and sigma_eon beside it")
    return PhaseIn(found.name, found.sigma_ion, found.sigma_eon, found.chemical_capacitance)


def _interfaces(
    raw: Raw,
    problems: Problems,
    context: Context,
    names: Sequence[str] | None,
    phases: tuple[PhaseIn, ...] | None,
) -> tuple[PhaseInterface, ...]:
    result: list[PhaseInterface] = []
    per_interface = dataclasses.replace(context, totals=False)
    for at, item in named_items(raw, "interface", "", problems):
        own = {k: v for k, v in item.items() if k in keys_of(_Between)}
        place = read_table(_Between, own, at, problems, per_interface)
        law = read_law(item, at, problems, per_interface, LAWS, beside=keys_of(_Between))
        if place is None or names is None or not _known(place.between, at, problems, names) or law is None:
            continue
        if phases is not None:
            _check_carriers(place, at, problems, phases)
        a, b = place.between
        one = PhaseInterface((a, b), place.carrier, place.to, law, place.gap)
        _check_again(one, result, at, problems)
        result.append(one)
    return tuple(result)


def _known(between: Sequence[str], at: str, problems: Problems, names: Sequence[str]) -> bool:
    unknown = [(i, word) for i, word in enumerate(between) if word not in names]
    for index, word in unknown:
        problems.add(join_key(at, "between", index), shown(word), one_of(names), nearest(word, names))
    if not unknown and between[0] == between[1]:
        problems.add(join_key(at, "between"), f"{quoted(between[0])} twice", "two different phases")
    return not unknown and between[0] != between[1]


def _check_carriers(place: _Between, at: str, problems: Problems, phases: tuple[PhaseIn, ...]) -> None:
    """A law across acts on a carrier of both phases; one from carrier to carrier begins in the first phase."""
    first, second = (next(p for p in phases if p.name == word) for word in place.between)
    needed = [(first, place.carrier, "carrier")]
    if place.to is None and place.carrier not in second.carriers:
        whose = second.name if second.carriers else f"{first.name}, at its surface,"
        problems.add(join_key(at, "to"), MISSING, f"the carrier of {whose} to which the law leads")
    elif place.to is None:
        needed.append((second, place.carrier, "carrier"))
    elif place.to == place.carrier:
        problems.add(join_key(at, "to"), shown(place.to), f"the other carrier (or no such key: a law on {place.to})")
    elif place.to not in first.carriers:
        needed.append((second, place.to, "to"))
    for phase, carrier, word in needed:
        if carrier not in phase.carriers and phase.charged is not None:
            expected = f"a mobile carrier of {phase.name}: {one_of(phase.carriers)}"
            problems.add(join_key(at, word), shown(carrier), expected, nearest(carrier, phase.carriers))
        elif carrier not in phase.carriers:
            expected = f"a conductivity, for the {carrier} in the law {at}"
            problems.add(join_key("phase", phase.name, SIGMA[carrier]), MISSING, expected)


def _check_again(one: PhaseInterface, before: Sequence[PhaseInterface], at: str, problems: Problems) -> None:
    for other in before:
        same = set(other.between) == set(one.between)
        if same and other.between != one.between:
            expected = f"the order of the law before: {quoted(other.between[0])}, {quoted(other.between[1])}"
            problems.add(join_key(at, "between"), "the two phases in another order", expected)
        elif same and (other.carrier, other.to) == (one.carrier, one.to):
            problems.add(at, f"a second law for {one.carrier} between {' and '.join(one.between)}", "one law for each")
        if same and one.gap is not None and other.gap is not None:
            problems.add(join_key(at, "gap"), "a second gap between the same phases", "one gap")
