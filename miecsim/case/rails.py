"""Reads the layers that are described by an ion and an electron rail: composites, and mixed conductors given so."""

from __future__ import annotations

import dataclasses
import math

from miecsim.case.data import Composite, MixedRails, Rail, VolumeInterface
from miecsim.case.fields import CONDUCTIVITY, PERMITTIVITY, VOLUME_CAPACITANCE, number, quantity, table
from miecsim.case.laws import SURFACE_LAWS, read_law
from miecsim.case.messages import MISSING, Problems, join_key
from miecsim.case.table import Context, Raw, Row, key, read_table, sub_table
from miecsim.units import format_quantity, shown

RAIL = table("conductivity, or bulk_conductivity, volume_fraction and tortuosity_factor")
MIXED_RAIL = table("conductivity")
INTERFACE = table("area_density, law and the parameters of the law")
RAIL_NAMES = ("ion", "electron")
_THREE = ("bulk_conductivity", "volume_fraction", "tortuosity_factor")


class _RailTable(Row):
    conductivity: float | None = key(CONDUCTIVITY, default=None)
    bulk_conductivity: float | None = key(CONDUCTIVITY, default=None)
    volume_fraction: float | None = key(number(1e-6, 1.0), default=None)
    tortuosity_factor: float | None = key(number(1.0, 1e9), default=None)


class _MixedRailTable(Row):
    conductivity: float = key(CONDUCTIVITY)
    chemical_capacitance: float | None = key(VOLUME_CAPACITANCE, default=None)


class _InterfacePlace(Row):
    area_density: float = key(quantity("area_density", 1e-6, 1e12))


def _rail(raw: Raw, at: str, problems: Problems) -> Rail | None:
    found = read_table(_RailTable, raw, at, problems)
    if found is None:
        return None
    given = [word for word in _THREE if getattr(found, word) is not None]
    if found.conductivity is not None:
        if given:
            problems.add(at, f"conductivity beside {', '.join(given)}", "either conductivity alone or the other three")
            return None
        return Rail(found.conductivity)
    if not given:
        problems.add(at, "no conductivity", f"either conductivity or all of {', '.join(_THREE)}")
        return None
    for word in _THREE:
        if word not in given:
            problems.add(join_key(at, word), MISSING, f"all of {', '.join(_THREE)}, or conductivity alone")
    bulk, fraction, tortuosity = found.bulk_conductivity, found.volume_fraction, found.tortuosity_factor
    if bulk is None or fraction is None or tortuosity is None:
        return None
    return Rail(bulk * fraction / tortuosity, bulk, fraction, tortuosity)


def _check_cross(raw: Raw, cross: float, ion: Rail, electron: Rail, at: str, problems: Problems) -> None:
    """The conductivity matrix must stay positive definite, or the layer would make entropy disappear."""
    limit = math.sqrt(ion.conductivity * electron.conductivity)
    if not abs(cross) < limit:
        expected = f"a magnitude below sqrt(ion * electron conductivity) = {format_quantity(limit, 'S/m')}"
        problems.add(join_key(at, "cross_conductivity"), shown(raw["cross_conductivity"]), expected)


def _volume_interface(raw: Raw, at: str, problems: Problems, context: Context) -> VolumeInterface | None:
    place = {name: value for name, value in raw.items() if name == "area_density"}
    surface = read_table(_InterfacePlace, place, at, problems)
    per_interface = dataclasses.replace(context, totals=False)
    law = read_law(raw, at, problems, per_interface, SURFACE_LAWS, beside=("area_density",))
    return None if surface is None or law is None else VolumeInterface(surface.area_density, law)


def read_composite(raw: Raw, at: str, problems: Problems, context: Context, cross: float | None) -> Composite | None:
    """Two rails, or one, and the interface between them; `cross` is the cross conductivity [S/m] that was read."""
    present = [word for word in RAIL_NAMES if word in raw]
    tables = {word: sub_table(raw, word) for word in present}
    rails = {word: _rail(t, join_key(at, word), problems) for word, t in tables.items() if t is not None}
    between = sub_table(raw, "interface")
    interface = None if between is None else _volume_interface(between, join_key(at, "interface"), problems, context)
    if not present:
        problems.add(at, "neither ion nor electron", "a table ion, a table electron, or both")
    joint = [word for word in ("interface", "cross_conductivity") if word in raw]
    if joint and len(present) == 1:
        absent = next(word for word in RAIL_NAMES if word not in present)
        expected = f"{RAIL.expected}; or else no {' and no '.join(joint)} in this layer"
        problems.add(join_key(at, absent), MISSING, expected)
        return None
    if len(present) == 2 and "interface" not in raw:
        problems.add(join_key(at, "interface"), MISSING, f"{INTERFACE.expected} (both rails are present)")
    ion, electron = rails.get("ion"), rails.get("electron")
    if ion is None or electron is None:
        return Composite(ion, electron, None) if len(present) == 1 and (ion or electron) else None
    fractions = (ion.volume_fraction or 0.0) + (electron.volume_fraction or 0.0)
    if fractions > 1.0 + 1e-12:
        problems.add(at, f"volume fractions of ion and electron that sum to {fractions:g}", "a sum of at most 1")
    _check_cross(raw, cross or 0.0, ion, electron, at, problems)
    return None if interface is None else Composite(ion, electron, interface, cross or 0.0)


def _mixed_rail(raw: Raw, at: str, problems: Problems, dielectric: bool) -> Rail | None:
    found = read_table(_MixedRailTable, raw, at, problems)
    if found is None:
        return None
    if dielectric and found.chemical_capacitance is None:
        here = join_key(at, "chemical_capacitance")
        problems.add(here, MISSING, f"{VOLUME_CAPACITANCE.expected} (beside permittivity each rail has its own)")
    return Rail(found.conductivity, chemical_capacitance=found.chemical_capacitance)


def _check_storage(raw: Raw, at: str, problems: Problems) -> None:
    """One chemical capacitance between the rails, or a dielectric rail and a capacitance from each rail to it."""
    own = [word for word in RAIL_NAMES if "chemical_capacitance" in (sub_table(raw, word) or ())]
    together = join_key(at, "chemical_capacitance")
    if "permittivity" in raw:
        if "chemical_capacitance" in raw:
            read = "chemical_capacitance beside permittivity"
            problems.add(together, read, "one in each rail, ion and electron, in its place")
    elif own and "chemical_capacitance" in raw:
        read = f"chemical_capacitance beside that of {' and '.join(own)}"
        problems.add(together, read, "only one of them, or permittivity in its place")
    elif own:
        expected = f"{PERMITTIVITY.expected} (each rail has a capacitance to it)"
        problems.add(join_key(at, "permittivity"), MISSING, expected)
    elif "chemical_capacitance" not in raw:
        problems.add(together, MISSING, VOLUME_CAPACITANCE.expected)


def read_mixed_rails(
    raw: Raw, at: str, problems: Problems, capacitance: float | None, permittivity: float | None, cross: float | None
) -> MixedRails | None:
    """Both rails of one phase; `capacitance` [F/m^3], `permittivity` [F/m], `cross` [S/m] are keys of the layer."""
    dielectric = "permittivity" in raw
    rails: dict[str, Rail] = {}
    for word in RAIL_NAMES:
        here, inner = join_key(at, word), sub_table(raw, word)
        if word not in raw:
            problems.add(here, MISSING, f"{MIXED_RAIL.expected} (a mixed conductor has both rails)")
        rail = None if inner is None else _mixed_rail(inner, here, problems, dielectric)
        if rail is not None:
            rails[word] = rail
    _check_storage(raw, at, problems)
    if len(rails) < 2:
        return None
    _check_cross(raw, cross or 0.0, rails["ion"], rails["electron"], at, problems)
    return MixedRails(rails["ion"], rails["electron"], capacitance, permittivity, cross or 0.0)
