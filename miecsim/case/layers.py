"""Reads [[layer]]: the model of the case decides which keys a layer has."""

from __future__ import annotations

import math
from typing import Any, Protocol

from miecsim.case.carriers import CARRIERS, read_carriers
from miecsim.case.cell_data import ElectrolyteIn
from miecsim.case.cell_layers import read_porous
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.data import AcceptorDopedCeria, Layer, Material, MixedCarriers, Poisson
from miecsim.case.electrolyte import CELL, read_electrolyte
from miecsim.case.fields import (
    CONCENTRATION,
    CONDUCTIVITY,
    CROSS_CONDUCTIVITY,
    DIFFUSIVITY,
    PERMITTIVITY,
    THICKNESS,
    VOLUME_CAPACITANCE,
    choice,
    name,
    number,
    quantity,
    table,
)
from miecsim.case.messages import Problems, join_key
from miecsim.case.rails import INTERFACE, MIXED_RAIL, RAIL, read_composite, read_mixed_rails
from miecsim.case.table import Context, Leaf, Raw, Row, key, named_items, read_table, sub_table
from miecsim.constants import FARADAY, VACUUM_PERMITTIVITY

_DEFECTS = table("model and the quantities of that model")
_RAIL_KEYS = ("ion", "electron", "chemical_capacitance", "cross_conductivity")
_DESCRIPTIONS = "ion and electron rails, [[layer.carrier]], or [layer.defects]"


def _fixed_charge() -> Leaf:
    density = quantity("charge_density", 1e-20, 1e12, zero=True, signed=True)

    def check(value: object, siblings: Any, context: Context) -> Any:
        return value if value == "neutralise" else density.check(value, siblings, context)

    return Leaf(f'{density.expected}, or "neutralise"', check)


FIXED_CHARGE = _fixed_charge()
RELATIVE_PERMITTIVITY = number(1.0, 1e7)


class _CompositeTable(Row):
    name: str = key(name())
    thickness: float = key(THICKNESS)
    ion: Raw | None = key(RAIL, default=None)
    electron: Raw | None = key(RAIL, default=None)
    interface: Raw | None = key(INTERFACE, default=None)
    cross_conductivity: float | None = key(CROSS_CONDUCTIVITY, default=None)


class _MixedTable(Row):
    name: str = key(name())
    thickness: float = key(THICKNESS)
    ion: Raw | None = key(MIXED_RAIL, default=None)
    electron: Raw | None = key(MIXED_RAIL, default=None)
    chemical_capacitance: float | None = key(VOLUME_CAPACITANCE, default=None)
    cross_conductivity: float | None = key(CROSS_CONDUCTIVITY, default=None)
    carrier: Raw | None = key(CARRIERS, default=None)
    permittivity: float | None = key(PERMITTIVITY, default=None)
    defects: Raw | None = key(_DEFECTS, default=None)


class _PoissonTable(Row):
    name: str = key(name())
    thickness: float = key(THICKNESS)
    fixed_charge: float | str = key(FIXED_CHARGE)
    carrier: Raw = key(CARRIERS)
    relative_permittivity: float | None = key(RELATIVE_PERMITTIVITY, default=None)
    permittivity: float | None = key(PERMITTIVITY, default=None)


class _DefectTable(Row):
    model: str = key(choice("acceptor_doped_ceria"))
    pO2: float = key(quantity("pressure", 1e-60, 1e10))
    dopant_concentration: float = key(CONCENTRATION)
    ion_diffusivity: float = key(DIFFUSIVITY)
    electron_diffusivity: float = key(DIFFUSIVITY)
    electron_conductivity_1atm: float = key(CONDUCTIVITY)


class _AnyTable(Row):
    name: str = key(name())
    thickness: float = key(THICKNESS)


def _layer(header: _CompositeTable | _MixedTable | _PoissonTable | None, material: Material | None) -> Layer | None:
    return None if header is None or material is None else Layer(header.name, header.thickness, material)


def _composite(raw: Raw, at: str, problems: Problems, context: Context) -> Layer | None:
    header = read_table(_CompositeTable, raw, at, problems)
    cross = None if header is None else header.cross_conductivity
    return _layer(header, read_composite(raw, at, problems, context, cross))


def _mixed(raw: Raw, at: str, problems: Problems, context: Context) -> Layer | None:
    header = read_table(_MixedTable, raw, at, problems)
    rails = [word for word in _RAIL_KEYS if word in raw]
    given = [*(["rails"] if rails else []), *(word for word in ("carrier", "defects") if word in raw)]
    if len(given) > 1:
        problems.add(at, f"{', '.join(rails) or 'carrier'} beside {given[-1]}", f"exactly one of {_DESCRIPTIONS}")
    elif not given and header is not None:
        problems.add(at, "no description of the mixed conductor", f"exactly one of {_DESCRIPTIONS}")
    if len(given) != 1:
        return None
    if "carrier" in raw:
        return _layer(header, _mixed_carriers(raw, at, problems, None if header is None else header.permittivity))
    if "defects" in raw:
        return _layer(header, _defects(raw, at, problems))
    if header is None:
        read_mixed_rails(raw, at, problems, None, None, None)
        return None
    own = (header.chemical_capacitance, header.permittivity, header.cross_conductivity)
    return _layer(header, read_mixed_rails(raw, at, problems, *own))


def _mixed_carriers(raw: Raw, at: str, problems: Problems, permittivity: float | None) -> MixedCarriers | None:
    species = read_carriers(raw, at, problems) if isinstance(raw["carrier"], list) else None
    if species is None:
        return None
    if not any(c.mobile for c in species):
        problems.add(join_key(at, "carrier"), "no mobile carrier", "at least one with mobile = true")
    return MixedCarriers(species, permittivity)


def _defects(raw: Raw, at: str, problems: Problems) -> AcceptorDopedCeria | None:
    if "permittivity" in raw:
        problems.add(join_key(at, "permittivity"), "permittivity beside defects", "rails or carriers beside it")
    inner = sub_table(raw, "defects")
    d = None if inner is None else read_table(_DefectTable, inner, join_key(at, "defects"), problems)
    if d is None:
        return None
    conductivity = d.electron_conductivity_1atm
    return AcceptorDopedCeria(d.pO2, d.dopant_concentration, d.ion_diffusivity, d.electron_diffusivity, conductivity)


def _poisson(raw: Raw, at: str, problems: Problems, context: Context) -> Layer | None:
    header = read_table(_PoissonTable, raw, at, problems)
    return _layer(header, charged_material(header, raw, at, problems))


class ChargedKeys(Protocol):
    """What a layer and a phase in their own field have in common."""

    fixed_charge: float | str
    relative_permittivity: float | None
    permittivity: float | None


def charged_material(header: ChargedKeys | None, raw: Raw, at: str, problems: Problems) -> Poisson | None:
    """The medium of the table `raw` at the dotted key `at`, whose other keys are read as `header`; one without carriers
    is a dielectric."""
    species = read_carriers(raw, at, problems) if isinstance(raw.get("carrier"), list) else None
    if "carrier" not in raw:
        species = ()
    given = [word for word in ("relative_permittivity", "permittivity") if word in raw]
    if len(given) != 1 and (header is not None or given):
        read = "relative_permittivity beside permittivity" if given else "no permittivity"
        problems.add(at, read, "exactly one of relative_permittivity and permittivity")
    if header is None or species is None:
        return None
    relative = (header.relative_permittivity or 1.0) * VACUUM_PERMITTIVITY
    neutralise = header.fixed_charge == "neutralise"
    background = -FARADAY * math.fsum(c.charge * c.concentration for c in species)
    charge = background if neutralise else float(header.fixed_charge)
    return Poisson(species, header.permittivity or relative, charge, neutralise)


def _porous(raw: Raw, at: str, problems: Problems, electrolyte: ElectrolyteIn | None) -> Layer | None:
    found = read_porous(raw, at, problems, electrolyte)
    return None if found is None else Layer(*found)


_READERS = {"composite_electrode": _composite, "mixed_conductor": _mixed, "nernst_planck_poisson": _poisson}
MODELS = (*_READERS, CELL, MICROSTRUCTURE)


def read_layers(raw: Raw, problems: Problems, context: Context) -> tuple[Layer | None, ...]:
    """The layers from left to right; None in place of one that cannot be read. `context.model` decides their keys."""
    result: list[Layer | None] = []
    electrolyte = read_electrolyte(raw, problems) if context.model == CELL else None
    for at, item in named_items(raw, "layer", "", problems):
        if context.model == CELL:
            result.append(_porous(item, at, problems, electrolyte))
        elif context.model in _READERS:
            result.append(_READERS[context.model](item, at, problems, context))
        else:  # without a model nothing can be said of the other keys
            read_table(_AnyTable, {k: v for k, v in item.items() if k in ("name", "thickness")}, at, problems)
            result.append(None)
    return tuple(result)
