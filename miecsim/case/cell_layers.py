"""Reads [[layer]] of a cell of porous layers: pores, electrons, and [[layer.particles]]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from miecsim.case.cell_data import (
    ElectrolyteIn,
    ExchangeCurrentIn,
    KineticsIn,
    ParticlesIn,
    Porous,
    Sizes,
)
from miecsim.case.fields import (
    CONCENTRATION,
    CONDUCTIVITY,
    FLAG,
    THICKNESS,
    VOLTAGE,
    choice,
    integer,
    list_of,
    name,
    number,
    quantity,
    table,
    tables,
)
from miecsim.case.messages import MISSING, Problems, Refused, join_key, one_of
from miecsim.case.nested import nested, surface_law
from miecsim.case.properties import Material, material
from miecsim.case.table import Context, Leaf, Raw, Row, key, keys_of, named_items, read_table, sub_table
from miecsim.units import UnitError, describe, read_quantity, shown

FRACTION = number(1e-6, 1.0)
RADIUS = quantity("length", 1e-10, 1e-2)
STOICHIOMETRY = number(1e-6, 1 - 1e-6, what="a stoichiometry between 0 and 1")
ELECTRON = table("conductivity, or bulk_conductivity, volume_fraction and tortuosity_factor or bruggeman")
PARTICLES = tables("[[layer.particles]]", least=1)
_TRANSPORT = ("tortuosity_factor", "bruggeman", "transport_efficiency")
_BULK = ("bulk_conductivity", "volume_fraction")
_EXPONENT = number(0.1, 20.0)
_TORTUOSITY = number(1.0, 1e9)
MOST_CLASSES = 60


# ----------------------------------------------------------------------------------------------- particle sizes


class _LogNormal(Row):
    median: float = key(RADIUS)
    spread: float = key(number(1e-3, 2.0))
    classes: int = key(integer(1, MOST_CLASSES))


class _List(Row):
    values: tuple[float, ...] = key(list_of(RADIUS, 1, MOST_CLASSES, "radii"))
    fractions: tuple[float, ...] = key(list_of(FRACTION, 1, MOST_CLASSES, "volume fractions of the particles"))


class _Histogram(Row):
    edges: tuple[float, ...] = key(list_of(RADIUS, 2, MOST_CLASSES + 1, "radii, rising"))
    fractions: tuple[float, ...] = key(list_of(FRACTION, 1, MOST_CLASSES, "volume fractions of the particles"))


_SIZES: dict[str, type] = {"median": _LogNormal, "values": _List, "edges": _Histogram}


def _sizes(raw: Raw, problems: Problems, _context: Context) -> Sizes | None:
    """Log-normal by volume, a list, or a histogram by volume."""
    kind = next((word for word in _SIZES if word in raw), None)
    if kind is None:
        known = {k for one in _SIZES.values() for k in keys_of(one)}
        for word in raw:
            if word not in known:
                problems.add(word, "an unknown key", one_of(sorted(known)))
        problems.add("", "no sizes", "median, spread and classes; values and fractions; or edges and fractions")
        return None
    found: Any = read_table(_SIZES[kind], raw, "", problems)
    if found is None:
        return None
    if kind == "median":
        return log_normal(found.median, found.spread, found.classes)
    radii = found.values if kind == "values" else found.edges
    if len(found.fractions) != len(radii) - (kind == "edges"):
        problems.add("fractions", f"{len(found.fractions)} fractions of {len(radii)} {kind}", "one for each class")
    elif abs(math.fsum(found.fractions) - 1.0) > 1e-6:
        problems.add("fractions", f"fractions that add up to {math.fsum(found.fractions):g}", "a sum of 1")
    elif kind == "edges" and any(b <= a for a, b in zip(radii, radii[1:], strict=False)):
        problems.add("edges", "edges that do not rise", "rising radii")
    else:
        return Sizes(radii if kind == "values" else _surface_means(radii), found.fractions)
    return None


def _radius() -> Leaf:
    """One radius, or a table of sizes."""
    table_of = nested("median, spread and classes; values and fractions; or edges and fractions", _sizes)

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> Sizes:
        if isinstance(value, dict):
            found: Sizes = table_of.check(value, siblings, context)
            return found
        return Sizes((float(RADIUS.check(value, siblings, context)),), (1.0,))

    return Leaf(f"{RADIUS.expected}, or a table of sizes", check)


def log_normal(median: float, spread: float, classes: int) -> Sizes:
    """Log-normal by volume: ln(r) is normal about ln(median) with standard deviation `spread`. Gauss-Hermite classes,
    so that the surface is exact to all digits with few of them (sum share/r = exp(spread^2/2)/median)."""
    import numpy as np

    nodes, weights = np.polynomial.hermite.hermgauss(classes)
    radii = median * np.exp(math.sqrt(2) * spread * nodes)
    return Sizes(tuple(map(float, radii)), tuple(map(float, weights / weights.sum())), (median, spread))


def _surface_means(edges: tuple[float, ...]) -> tuple[float, ...]:
    """The radius of each class [a, b] of even volume per radius that has its surface: (b - a)/ln(b/a)."""
    return tuple((b - a) / math.log(b / a) for a, b in zip(edges, edges[1:], strict=False))


# ----------------------------------------------------------------------------------------------------- kinetics


_I0 = material("current_density", 1e-20, 1e10, ("c", "x"))
_FLUX = material("molar_flux", 1e-30, 1e6)
_RATE = material("rate_constant", 1e-30, 1e6)
_CURRENT_RATE = material("current_rate", 1e-25, 1e11)
_RATES = ("molar_flux", "current_rate", "rate_constant")
_KINDS = {"flux": _FLUX, "rate": _RATE, "current_rate": _CURRENT_RATE}
_THERMAL = ("activation_energy", "reference_temperature")


class _MassAction(Row):
    at: Material | None = key(material("current_density", 1e-20, 1e10), default=None)
    rate_constant: Any = key(Leaf(describe(_RATES), lambda v, _s, _c: v), default=None)
    stoichiometry: float | None = key(STOICHIOMETRY, default=None)
    concentration: float | None = key(CONCENTRATION, default=None)
    activation_energy: Any = key(Leaf("an energy per amount", lambda v, _s, _c: v), default=None)
    reference_temperature: Any = key(Leaf("a temperature", lambda v, _s, _c: v), default=None)


def _check_exchange_current(value: object, siblings: Mapping[str, Any], context: Context) -> ExchangeCurrentIn:
    if not isinstance(value, dict) or {"value", "expression", "table", "x", "y", "unit"} & set(value):
        return ExchangeCurrentIn("given", _I0.check(value, siblings, context))
    problems = Problems("")
    found = _mass_action(value, problems)
    if problems.items or found is None:
        raise Refused(*((p.key, p.text) for p in problems.items))
    return found


def _mass_action(raw: Raw, problems: Problems) -> ExchangeCurrentIn | None:
    found = read_table(_MassAction, raw, "", problems)
    if found is None:
        return None
    if not {"at", "rate_constant"} & set(raw):
        problems.add("", "no exchange current", _EXCHANGE_WORDS)
        return None
    word = "rate_constant" if "rate_constant" in raw else "at"
    if {"at", "rate_constant"} <= set(raw):
        problems.add("at", "at beside rate_constant", "one of the two")
    thermal = {name: raw[name] for name in _THERMAL if name in raw}
    kind = "reference"
    value: Material | None = None
    if word == "at":
        value = _with(_I0, raw["at"], thermal, "at", problems)
        if found.stoichiometry is None:
            problems.add("stoichiometry", MISSING, f"{STOICHIOMETRY.expected} (that of at)")
    else:
        kind = _kind_of_rate(raw[word], problems)
        if kind:
            value = _with(_KINDS[kind], raw[word], thermal, word, problems)
        if "stoichiometry" in raw:
            problems.add("stoichiometry", "stoichiometry beside rate_constant", "a rate constant alone")
        if kind.endswith("rate") and "concentration" in raw and value is not None:
            read = "concentration beside a rate constant that has the unit of one"
            problems.add("concentration", read, "a rate constant in mol/m^2/s, or no concentration")
    return None if value is None else ExchangeCurrentIn(kind, value, found.concentration, found.stoichiometry)


def _kind_of_rate(value: object, problems: Problems) -> str:
    """What the unit of a rate constant says; "" where that is told to be wrong."""
    try:
        _, dimension = read_quantity(value, _RATES)
    except UnitError as reason:
        problems.note("rate_constant", str(reason))
        return ""
    return {"molar_flux": "flux", "rate_constant": "rate"}.get(dimension, dimension)


def _with(leaf: Leaf, value: object, thermal: Raw, word: str, problems: Problems) -> Material | None:
    """A plain value with the temperature keys beside it."""
    try:
        found: Material = leaf.check({"value": value, **thermal} if thermal else value, {}, Context())
        return found
    except Refused as error:
        for rest, why in error.parts:
            problems.note(word if rest in ("", "value") else rest, why)
        return None


_EXCHANGE_WORDS = "a current density, a table with an expression, or a table with at or rate_constant (mass action)"
_ENERGY = quantity("energy", 1.602e-22, 1.602e-18)


class _KineticsTable(Row):
    exchange_current: ExchangeCurrentIn = key(Leaf(_EXCHANGE_WORDS, _check_exchange_current))
    alpha: float = key(number(1e-3, 0.999))
    reorganisation_energy: float | None = key(_ENERGY, default=None)


def _kinetics(raw: Raw, problems: Problems, context: Context) -> KineticsIn | None:
    from miecsim.constants import ELEMENTARY_CHARGE

    found = read_table(_KineticsTable, raw, "", problems, context)
    if found is None:
        return None
    energy = found.reorganisation_energy
    if found.exchange_current.kind.endswith("rate") and found.alpha != 0.5:
        problems.add("alpha", shown(raw["alpha"]), "0.5 (the unit of the rate constant says so)")
        return None
    volts = None if energy is None else energy / ELEMENTARY_CHARGE
    return KineticsIn(found.exchange_current, found.alpha, volts)


# ---------------------------------------------------------------------------------------------------- particles


class _ParticleTable(Row):
    name: str = key(name())
    shape: str = key(choice("sphere", "cylinder", "planar"))
    radius: Sizes = key(_radius())
    volume_fraction: float = key(FRACTION)
    maximum_concentration: float = key(CONCENTRATION)
    open_circuit_potential: Material = key(material("potential", 1e-12, 20.0, ("x",), signed=True, zero=True))
    diffusivity: Material = key(material("diffusivity", 1e-30, 1e2, ("x",)))
    kinetics: KineticsIn = key(nested("exchange_current and alpha", _kinetics))
    self_diffusion: bool = key(FLAG, default=False)
    double_layer: Any = key(surface_law("capacitor", "cpe"), default=None)
    film: Any = key(surface_law("resistance", "r_c"), default=None)
    shells: int = key(integer(2, 1000), default=30)
    grading: float = key(number(1.0, 1e4), default=30.0)
    electronic_conductivity: Material | None = key(material("conductivity", 1e-30, 1e9, ("x",)), default=None)
    contact_resistance: float | None = key(quantity("area_resistance", 1e-18, 1e15), default=None)
    stoichiometry: float | None = key(STOICHIOMETRY, default=None)
    stoichiometry_discharged: float | None = key(STOICHIOMETRY, default=None)
    stoichiometry_charged: float | None = key(STOICHIOMETRY, default=None)


def _particles(raw: Raw, at: str, problems: Problems, electrolyte: ElectrolyteIn | None) -> ParticlesIn | None:
    p = read_table(_ParticleTable, raw, at, problems)
    if p is None:
        return None
    if getattr(p.film, "Rs", 0.0) > 0:
        problems.add(join_key(at, "film", "Rs"), shown(raw["film"]["Rs"]), "a film without Rs")
    ends = (p.stoichiometry_discharged, p.stoichiometry_charged)
    if (ends[0] is None) != (ends[1] is None):
        absent = "stoichiometry_discharged" if ends[0] is None else "stoichiometry_charged"
        problems.add(join_key(at, absent), MISSING, "both stoichiometry_discharged and stoichiometry_charged, or none")
    if ends[0] is not None and ends[0] == ends[1]:
        read = f"{shown(ends[1])}, the same as stoichiometry_discharged"
        problems.add(join_key(at, "stoichiometry_charged"), read, "another stoichiometry")
    if (p.electronic_conductivity is None) != (p.contact_resistance is None):
        absent = "contact_resistance" if p.contact_resistance is None else "electronic_conductivity"
        expected = "both contact_resistance and electronic_conductivity (of a mixed conductor), or none"
        problems.add(join_key(at, absent), MISSING, expected)
    elif p.electronic_conductivity is not None and not p.self_diffusion:
        problems.add(join_key(at, "self_diffusion"), "false beside electronic_conductivity", "true (of the ions alone)")
    _check_reference(raw, at, problems, p.kinetics.exchange_current, electrolyte)
    about = (p.name, p.shape, p.radius, p.volume_fraction, p.maximum_concentration, p.open_circuit_potential)
    surface = (p.kinetics, p.double_layer, p.film)
    inside = (p.electronic_conductivity, p.contact_resistance)
    mesh = (p.shells, p.grading)
    return ParticlesIn(*about, p.diffusivity, p.self_diffusion, *surface, *mesh, *inside, p.stoichiometry, *ends)


def _check_reference(
    raw: Raw, at: str, problems: Problems, i0: ExchangeCurrentIn, electrolyte: ElectrolyteIn | None
) -> None:
    """Mass action needs the salt concentration that its figure belongs to, where there is a salt."""
    if electrolyte is None or i0.kind == "given":
        return
    here = join_key(at, "kinetics", "exchange_current", "concentration")
    salt = electrolyte.kind == "binary_salt"
    if salt and i0.concentration is None and not i0.kind.endswith("rate"):
        problems.add(here, MISSING, f"{CONCENTRATION.expected} (of the salt, that the figure belongs to)")
    if not salt and i0.kind.endswith("rate"):
        read = "a rate constant per concentration of a salt"
        wanted = "a rate constant in mol/m^2/s, or at (the electrolyte is a single-ion conductor)"
        problems.add(here.rpartition(".")[0], read, wanted)
    if not salt and i0.concentration is not None:
        read = shown(raw["kinetics"]["exchange_current"]["concentration"])
        problems.add(here, read, "no concentration (the electrolyte is a single-ion conductor)")


# ------------------------------------------------------------------------------------------------------- layers


class _PorousTable(Row):
    name: str = key(name())
    thickness: float = key(THICKNESS)
    porosity: float = key(FRACTION)
    tortuosity_factor: float | None = key(_TORTUOSITY, default=None)
    bruggeman: float | None = key(_EXPONENT, default=None)
    transport_efficiency: float | None = key(FRACTION, default=None)
    electron: Raw | None = key(ELECTRON, default=None)
    particles: Raw | None = key(PARTICLES, default=None)
    potential: float | None = key(VOLTAGE, default=None)


class _ElectronTable(Row):
    conductivity: float | None = key(CONDUCTIVITY, default=None)
    bulk_conductivity: float | None = key(CONDUCTIVITY, default=None)
    volume_fraction: float | None = key(FRACTION, default=None)
    tortuosity_factor: float | None = key(_TORTUOSITY, default=None)
    bruggeman: float | None = key(_EXPONENT, default=None)


def _electron(raw: Raw, at: str, problems: Problems) -> float | None:
    """sigma_eon [S/m], effective."""
    e = read_table(_ElectronTable, raw, at, problems)
    if e is None:
        return None
    beside = [word for word in (*_BULK, "tortuosity_factor", "bruggeman") if word in raw]
    if e.conductivity is not None:
        if beside:
            problems.add(at, f"conductivity beside {', '.join(beside)}", "either conductivity alone or the others")
        return e.conductivity
    if not beside:
        problems.add(at, "no conductivity", ELECTRON.expected)
        return None
    for word in _BULK:
        if word not in raw:
            problems.add(join_key(at, word), MISSING, f"{' and '.join(_BULK)}, or conductivity alone")
    paths = [word for word in ("tortuosity_factor", "bruggeman") if word in raw]
    if len(paths) != 1:
        problems.add(at, " beside ".join(paths) or "no bruggeman", "either tortuosity_factor or bruggeman")
        return None
    if e.bulk_conductivity is None or e.volume_fraction is None:
        return None
    return e.bulk_conductivity * _factor(e.volume_fraction, e.tortuosity_factor, e.bruggeman)


def _factor(fraction: float, tortuosity: float | None, bruggeman: float | None) -> float:
    """sigma_eff/sigma = fraction/tortuosity, or fraction^bruggeman."""
    return fraction / tortuosity if tortuosity is not None else math.pow(fraction, bruggeman or 0.0)


def read_porous(
    raw: Raw, at: str, problems: Problems, electrolyte: ElectrolyteIn | None
) -> tuple[str, float, Porous] | None:
    """Name, thickness [m] and description of the layer `raw` at the dotted key `at`; None where it cannot be read."""
    header = read_table(_PorousTable, raw, at, problems)
    given = [word for word in _TRANSPORT if word in raw]
    if len(given) != 1:
        problems.add(at, " beside ".join(given) or f"no {_TRANSPORT[0]}", one_of(_TRANSPORT))
    inner = sub_table(raw, "electron")
    sigma = None if inner is None else _electron(inner, join_key(at, "electron"), problems)
    items = named_items(raw, "particles", at, problems)
    kinds = [_particles(item, here, problems, electrolyte) for here, item in items]
    if items and "electron" not in raw:
        problems.add(join_key(at, "electron"), MISSING, f"{ELECTRON.expected} (the particles need electrons)")
    if "electron" in raw and "particles" not in raw:
        problems.add(join_key(at, "particles"), MISSING, f"{PARTICLES.expected} (where electrons are)")
    if "potential" in raw and not items:
        problems.add(join_key(at, "potential"), f"{shown(raw['potential'])} without particles", "[[layer.particles]]")
    if header is None or len(given) != 1 or any(kind is None for kind in kinds) or electrolyte is None:
        return None
    if (sigma is None) != ("electron" not in raw):
        return None
    whole = tuple(kind for kind in kinds if kind is not None)
    filled = math.fsum((header.porosity, *(kind.volume_fraction for kind in whole)))
    if filled > 1.0 + 1e-12:
        problems.add(at, f"porosity and particles that fill {filled:g} of the volume", "a sum of at most 1")
    transport = header.transport_efficiency
    if transport is None:
        transport = _factor(header.porosity, header.tortuosity_factor, header.bruggeman)
    material_of = Porous(electrolyte, header.porosity, transport, sigma or 0.0, whole, header.potential)
    return header.name, header.thickness, material_of
