"""Laws of contacts, links and interfaces: what passes a surface, per area, at a voltage across it.

All parameters are per area in SI; totals ("ohm", "F") have been converted with the area of the case.
"""

from __future__ import annotations

from dataclasses import dataclass

from miecsim.case.fields import ALPHA, quantity, surface
from miecsim.case.messages import MISSING, Problems, join_key, nearest, one_of
from miecsim.case.table import Context, Raw, key, keys_of, read_table
from miecsim.units import shown

_R = surface("area_resistance", "resistance", 1e-18, 1e15)
_RS = surface("area_resistance", "resistance", 1e-18, 1e15, zero=True)
_C = surface("area_capacitance", "capacitance", 1e-12, 1e9)
_C_OR_NONE = surface("area_capacitance", "capacitance", 1e-12, 1e9, zero=True)
_Q = surface("cpe_area", "cpe_total", 1e-15, 1e12)
_EXCHANGE = quantity("current_density", 1e-20, 1e10)


@dataclass(frozen=True)
class Reversible:
    """The rail voltage is imposed: no drop across the surface."""


@dataclass(frozen=True)
class Blocking:
    """Nothing passes."""


@dataclass(frozen=True)
class Resistance:
    """i = v / R."""

    R: float = key(_R)  # ohm m^2


@dataclass(frozen=True)
class Capacitor:
    """i = C dv/dt."""

    C: float = key(_C)  # F/m^2


@dataclass(frozen=True)
class RC:
    """z = Rs + 1 / (1/R + j w C)."""

    R: float = key(_R)  # ohm m^2
    C: float = key(_C)  # F/m^2
    Rs: float = key(_RS, default=0.0)  # ohm m^2


@dataclass(frozen=True)
class CPE:
    """z = 1 / (Q (j w)^alpha)."""

    alpha: float = key(ALPHA)
    Q: float = key(_Q)  # F s^(alpha-1) / m^2


@dataclass(frozen=True)
class RCPE:
    """z = Rs + 1 / (1/R + Q (j w)^alpha)."""

    alpha: float = key(ALPHA)
    R: float = key(_R)  # ohm m^2
    Q: float = key(_Q)  # F s^(alpha-1) / m^2
    Rs: float = key(_RS, default=0.0)  # ohm m^2


@dataclass(frozen=True)
class ButlerVolmer:
    """i = i0 [exp(alpha F v / RT) - exp(-(1 - alpha) F v / RT)] + C dv/dt."""

    exchange_current: float = key(_EXCHANGE)  # A/m^2
    alpha: float = key(ALPHA)
    C: float = key(_C_OR_NONE)  # F/m^2


Law = Reversible | Blocking | Resistance | Capacitor | RC | CPE | RCPE | ButlerVolmer

LAWS: dict[str, type[Law]] = {
    "reversible": Reversible,
    "blocking": Blocking,
    "resistance": Resistance,
    "capacitor": Capacitor,
    "r_c": RC,
    "cpe": CPE,
    "r_cpe": RCPE,
    "butler_volmer": ButlerVolmer,
}
CONTACT_LAWS = tuple(LAWS)
SURFACE_LAWS = tuple(name for name in LAWS if name != "reversible")  # of links and interfaces
STERN_LAWS = ("capacitor", "reversible", "blocking")  # of the electrostatic potential


def name_of(law: Law) -> str:
    """How the case file calls the law."""
    return next(name for name, cls in LAWS.items() if cls is type(law))


def read_law(
    raw: Raw, at: str, problems: Problems, context: Context, allowed: tuple[str, ...], beside: tuple[str, ...] = ()
) -> Law | None:
    """The law in the table `raw` at the dotted key `at`; `beside` names the keys of the table that say where it stands.

    Returns None where something is wrong, which `problems` then knows.
    """
    rest = {name: value for name, value in raw.items() if name not in beside}
    law = rest.pop("law", None)
    parameters = tuple(dict.fromkeys(name for cls in LAWS.values() for name in keys_of(cls)))
    if not isinstance(law, str) or law not in allowed:
        for name in rest:
            if name not in parameters:
                near = nearest(name, ("law", *beside, *parameters))
                problems.add(join_key(at, name), "an unknown key", one_of(("law", *beside, *parameters)), near)
        near = nearest(law, allowed) if isinstance(law, str) else None
        problems.add(join_key(at, "law"), MISSING if "law" not in raw else shown(law), one_of(allowed), near)
        return None
    return read_table(LAWS[law], rest, at, problems, context, also=("law", *beside))
