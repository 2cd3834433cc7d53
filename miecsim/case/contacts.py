"""Reads what touches the stack: [[study.terminal]], links, and [[interface]] between layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.data import (
    AcceptorDopedCeria,
    Contact,
    Interface,
    Layer,
    Link,
    MixedCarriers,
    Poisson,
    Terminal,
)
from miecsim.case.fields import PRESSURE, VOLTAGE, choice, list_of, name, tables, text
from miecsim.case.laws import CONTACT_LAWS, STERN_LAWS, SURFACE_LAWS, Blocking, Reversible, name_of, read_law
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of, refuse
from miecsim.case.presets import carrier_in_part
from miecsim.case.table import Context, Leaf, Raw, Row, key, keys_of, named_items, read_table
from miecsim.units import quoted, shown

Names = tuple[str, ...] | None  # of all layers or studies of the file; None where one of them has no readable name
POISSON = "nernst_planck_poisson"
MICROSTRUCTURE = "microstructure"
_SIDE = choice("left", "right")
_CARRIER = text("the name of a carrier")


class _TerminalTable(Row):
    name: str = key(name())
    contacts: Raw = key(tables('contacts = [{ side = "left", carrier = "ion", law = "reversible" }]', least=1))


def _any_side() -> Leaf:
    """Where the case has a side, or a patch of one."""
    place = "the side of the contact, such as left"

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> str:
        if isinstance(value, str) and (value in context.sides or not context.sides):
            return value
        expected = one_of(context.sides) if context.sides else place
        expected += ", or the name of a [[patch]]" if context.patched else ""
        raise refuse(shown(value), expected, nearest(value, context.sides) if isinstance(value, str) else None)

    return Leaf(place, check)


class _Place(Row):
    side: str = key(_any_side())
    carrier: str = key(_CARRIER)


class _Electrode(Row):
    """What the electrode of a contact is in equilibrium with, where it is not the reference state of the stack."""

    emf: float = key(VOLTAGE, default=0.0)
    pO2: float | None = key(PRESSURE, default=None)
    pO2_reference: float | None = key(PRESSURE, default=None)


class _Side(Row):
    side: str = key(_SIDE)


class _Between(Row):
    between: tuple[str, ...] = key(
        list_of(text("the name of a layer"), 2, 2, "neighbouring layers, from left to right")
    )
    carrier: str = key(_CARRIER)


def _part(raw: Raw, *names: str) -> Raw:
    return {k: v for k, v in raw.items() if k in names}


def _check_carrier(
    carrier: str, side: str, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None]
) -> None:
    """A contact or interface needs a carrier that is there, on that side, and can move."""
    layer = (layers[0] if side == "left" else layers[-1]) if layers else None
    if layer is None or carrier in layer.mobile:
        return
    here = join_key(at, "carrier")
    extra = ("potential",) if context.poisson else ()
    expected = f"a mobile carrier of {layer.name}, the {side} end: {one_of((*layer.mobile, *extra))}"
    if carrier in layer.carriers:
        problems.add(here, f"{shown(carrier)}, which is immobile there", expected)
    elif any(other is not None and carrier in other.carriers for other in layers):
        problems.add(here, f'{shown(carrier)}, which layer "{layer.name}" does not have', expected)
    else:
        problems.add(here, shown(carrier), expected, nearest(carrier, (*layer.mobile, *extra)))


def _contact(raw: Raw, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None]) -> Contact | None:
    place = read_table(_Place, _part(raw, *keys_of(_Place)), at, problems, context)
    electrode = read_table(_Electrode, _part(raw, *keys_of(_Electrode)), at, problems)
    law = read_law(raw, at, problems, context, CONTACT_LAWS, beside=(*keys_of(_Place), *keys_of(_Electrode)))
    if place is not None and place.carrier == "potential" and context.poisson:
        if law is not None and name_of(law) not in STERN_LAWS:
            expected = f"{one_of(STERN_LAWS)} (the potential meets a dielectric, not a reaction)"
            problems.add(join_key(at, "law"), shown(raw["law"]), expected)
    elif place is not None:
        _check_carrier(place.carrier, place.side, at, problems, context, layers)
    if place is None or law is None or electrode is None:
        return None
    oxygen = _oxygen(electrode, place, raw, at, problems, layers)
    contact = Contact(place.side, place.carrier, law, electrode.emf, oxygen)
    if contact.shifted and isinstance(law, Blocking):
        problems.add(join_key(at, "law"), f"{shown(raw['law'])} beside an emf", "a law that lets something pass")
    return contact


def _oxygen(
    electrode: _Electrode, place: _Place, raw: Raw, at: str, problems: Problems, layers: Sequence[Layer | None]
) -> tuple[float, float] | None:
    """Pressures of oxygen at the electrode and of the reference state [Pa], None where the electrode knows no gas."""
    layer = (layers[0] if place.side == "left" else layers[-1]) if layers else None
    if electrode.pO2 is None:
        if electrode.pO2_reference is not None:
            problems.add(join_key(at, "pO2_reference"), f"{shown(raw['pO2_reference'])} without pO2", "pO2 beside it")
        return None
    if "emf" in raw:
        problems.add(join_key(at, "emf"), f"{shown(raw['emf'])} beside pO2", "either emf or pO2")
        return None
    if layer is None or place.carrier not in (*layer.carriers, "potential"):  # which has been told
        return None
    if not _exchanges_oxygen(layer, place.carrier):
        expected = f"pO2 only where oxygen ions pass: a carrier of charge 2 or -2 of {layer.name}, or its ion"
        problems.add(join_key(at, "pO2"), f"{shown(raw['pO2'])} on {place.carrier}", expected)
        return None
    own = layer.material.pO2 if isinstance(layer.material, AcceptorDopedCeria) else None
    given, here = electrode.pO2_reference, join_key(at, "pO2_reference")
    if given is None and own is None:
        problems.add(here, MISSING, f"the pressure with which the carriers of {layer.name} are in equilibrium as given")
    elif given is not None and own is not None:
        expected = f"no such key: the defects of {layer.name} have their own pO2"
        problems.add(here, shown(raw["pO2_reference"]), expected)
    reference = given if own is None else own
    return None if reference is None else (electrode.pO2, reference)


def _exchanges_oxygen(layer: Layer, carrier: str) -> bool:
    """Whether the carrier is one of oxygen: of charge 2 or -2, or the ion of a layer that names no charge."""
    if isinstance(layer.material, MixedCarriers | Poisson):
        return any(c.name == carrier and abs(c.charge) == 2 for c in layer.material.species)
    return carrier == carrier_in_part(layer, "ion")


def read_terminals(
    raw: Raw, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None]
) -> tuple[Terminal, ...]:
    """The listed terminals of the study `raw` at the dotted key `at`; what cannot be read is left out and told.

    There must be two or more, each with a contact that is not blocking; no end of a rail may be held at the voltage of
    two contacts.
    """
    result = []
    held: dict[tuple[str, str], str] = {}
    items = named_items(raw, "terminal", at, problems)
    for here, item in items:
        found = read_table(_TerminalTable, item, here, problems)
        places = named_items(item, "contacts", here, problems)
        contacts = [(where, _contact(c, where, problems, context, layers)) for where, c in places]
        for where, contact in contacts:
            if contact is not None and isinstance(contact.law, Reversible):
                _hold(contact, where, held, problems)
        whole = tuple(contact for _, contact in contacts if contact is not None)
        if found is not None and len(whole) == len(contacts) and all(isinstance(c.law, Blocking) for c in whole):
            problems.add(
                join_key(here, "contacts"), "only blocking contacts", "at least one contact that is not blocking"
            )
        if found is not None:
            result.append(Terminal(found.name, whole))
    if len(items) == 1:
        problems.add(join_key(at, "terminal"), "one terminal", "at least two")
    return tuple(result)


def _hold(contact: Contact, at: str, held: dict[tuple[str, str], str], problems: Problems) -> None:
    """Two reversible contacts on one end of a rail would impose two voltages on it."""
    end = (contact.side, contact.carrier)
    if end in held:
        read = f"a second reversible contact on {contact.carrier} at the {contact.side} (the first: {held[end]})"
        problems.add(at, read, "one reversible contact for each end of a rail")
    held.setdefault(end, at)


def read_links(
    raw: Raw, at: str, problems: Problems, context: Context, layers: Sequence[Layer | None]
) -> tuple[Link, ...]:
    """The links of the study `raw`: each joins the ion and the electron rail at one end, which must both be there."""
    result: list[Link] = []
    for here, item in named_items(raw, "link", at, problems):
        place = read_table(_Side, _part(item, "side"), here, problems)
        law = read_law(item, here, problems, context, SURFACE_LAWS, beside=("side",))
        if place is None:
            continue
        layer = (layers[0] if place.side == "left" else layers[-1]) if layers else None
        if layer is not None and not all(carrier_in_part(layer, part) for part in ("ion", "electron")):
            read = f'a link at the {place.side}, where layer "{layer.name}" has {one_of(layer.carriers)}'
            problems.add(here, read, "an end where both an ion and an electron rail arrive")
        if any(link.side == place.side for link in result):
            problems.add(join_key(here, "side"), f"{shown(place.side)} a second time", "one link for each end")
        if law is not None:
            result.append(Link(place.side, law))
    return tuple(result)


def _check_between(
    found: _Between, at: str, problems: Problems, names: Sequence[str], layers: Sequence[Layer | None]
) -> bool:
    """Whether the two layers are neighbours, from left to right, that both have the carrier."""
    here = join_key(at, "between")
    unknown = [(i, word) for i, word in enumerate(found.between) if word not in names]
    for index, word in unknown:
        problems.add(join_key(here, index), shown(word), one_of(names), nearest(word, names))
    if unknown:
        return False
    left, right = found.between
    if names.index(right) != names.index(left) + 1:
        pairs = " or ".join(f"[{quoted(a)}, {quoted(b)}]" for a, b in zip(names, names[1:], strict=False))
        expected = f"neighbouring layers from left to right: {pairs}" if pairs else "an interface only between layers"
        problems.add(here, f"[{quoted(left)}, {quoted(right)}]", expected)
        return False
    for layer in layers:
        if layer is not None and layer.name in found.between and found.carrier not in layer.mobile:
            expected = f"a mobile carrier of {layer.name}: {one_of(layer.mobile)}"
            problems.add(join_key(at, "carrier"), shown(found.carrier), expected, nearest(found.carrier, layer.mobile))
    return True


def read_interfaces(
    raw: Raw, problems: Problems, context: Context, names: Names, layers: Sequence[Layer | None]
) -> tuple[Interface, ...]:
    """The laws between neighbouring layers (`names`: all layers of the file, from left to right, if known)."""
    result: list[Interface] = []
    for at, item in named_items(raw, "interface", "", problems):
        place = read_table(_Between, _part(item, "between", "carrier"), at, problems)
        law = read_law(item, at, problems, context, SURFACE_LAWS, beside=("between", "carrier"))
        if place is None or names is None or not _check_between(place, at, problems, names, layers) or law is None:
            continue
        left, right = place.between
        if any((one.left, one.right, one.carrier) == (left, right, place.carrier) for one in result):
            problems.add(at, f"a second law for {place.carrier} between {left} and {right}", "one law for each")
        result.append(Interface(left, right, place.carrier, law))
    return tuple(result)
