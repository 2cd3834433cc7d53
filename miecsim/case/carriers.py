"""Reads [[layer.carrier]]: the charged species of a layer."""

from __future__ import annotations

from miecsim.case.data import Carrier
from miecsim.case.fields import CONCENTRATION, DIFFUSIVITY, FLAG, choice, integer, name, number, tables
from miecsim.case.messages import MISSING, Problems, join_key
from miecsim.case.table import Raw, Row, key, named_items, read_table
from miecsim.units import format_quantity, quoted

CARRIERS = tables("[[layer.carrier]]", least=1)


class _CarrierTable(Row):
    name: str = key(name(reserved=("potential",)))
    charge: int = key(integer(-10, 10, nonzero=True))
    concentration: float = key(CONCENTRATION)
    mobile: bool = key(FLAG)
    statistics: str = key(choice("dilute", "lattice_gas"))
    diffusivity: float | None = key(DIFFUSIVITY, default=None)
    site_density: float | None = key(CONCENTRATION, default=None)
    thermodynamic_factor: float = key(number(1e-3, 1e4), default=1.0)


def read_carriers(raw: Raw, at: str, problems: Problems) -> tuple[Carrier, ...] | None:
    """The carriers of the layer `raw` at the dotted key `at`; None where one of them cannot be read.

    A mobile carrier needs a diffusivity; that of an immobile one may stay in the file and counts as 0. A lattice gas
    needs a site density above its concentration.
    """
    items = named_items(raw, "carrier", at, problems)
    result = [_carrier(item, here, problems) for here, item in items]
    complete = tuple(carrier for carrier in result if carrier is not None)
    return complete if complete and len(complete) == len(raw["carrier"]) else None


def _carrier(raw: Raw, at: str, problems: Problems) -> Carrier | None:
    c = read_table(_CarrierTable, raw, at, problems)
    if c is None:
        return None
    if c.mobile and c.diffusivity is None:
        problems.add(join_key(at, "diffusivity"), MISSING, f"{DIFFUSIVITY.expected} (the carrier is mobile)")
    sites = join_key(at, "site_density")
    if c.statistics == "lattice_gas" and c.site_density is None:
        problems.add(sites, MISSING, f"{CONCENTRATION.expected} (lattice_gas needs it)")
    if c.statistics == "lattice_gas" and c.site_density is not None and not c.site_density > c.concentration:
        below = format_quantity(c.concentration, "mol/m^3")
        problems.add(sites, quoted(str(raw["site_density"])), f"more sites than the concentration, {below}")
    if c.statistics != "lattice_gas" and c.site_density is not None:
        problems.add(sites, f'site_density with statistics = "{c.statistics}"', 'statistics = "lattice_gas" beside it')
    diffusivity = c.diffusivity if c.mobile and c.diffusivity is not None else 0.0
    return Carrier(
        c.name,
        c.charge,
        c.concentration,
        diffusivity,
        c.mobile,
        c.statistics,
        c.site_density,
        c.thermodynamic_factor,
    )
