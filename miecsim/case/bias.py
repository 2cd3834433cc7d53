"""Reads what the instrument imposes: the bias of a study, and currents into the cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from miecsim.case.contacts import Names
from miecsim.case.data import Bias, Terminal
from miecsim.case.fields import VOLTAGE, quantity, table
from miecsim.case.messages import Problems, Refused, join_key, nearest, one_of, refuse
from miecsim.case.table import Context, Leaf, Raw, named_items, sub_table
from miecsim.units import UnitError, describe, read_quantity, shown

BIAS = table('terminal = voltage or current, such as { A = "0.1 V" }')
CURRENT = quantity("current", 1e-24, 1e6, zero=True, signed=True)
CURRENT_DENSITY = quantity("current_density", 1e-20, 1e10, zero=True, signed=True)
_LEAVES = {"potential": VOLTAGE, "current": CURRENT, "current_density": CURRENT_DENSITY}
_WHY_NO_TOTAL = ' (the area of the case is "per area")'


def read_bias(raw: Raw, at: str, problems: Problems, context: Context, terminals: Sequence[Terminal]) -> Bias | None:
    """The bias of the study `raw` at the dotted key `at`, None where it has none or it cannot be read.

    Currents are totals [A] where the area of the case is known: a density is multiplied with it.
    """
    imposed = sub_table(raw, "bias")
    if imposed is None:
        return None
    here, names = join_key(at, "bias"), terminal_names(raw, terminals)
    voltages: list[tuple[str, float]] = []
    currents: list[tuple[str, float]] = []
    for terminal, value in imposed.items():
        if names is not None and terminal not in names:
            expected = f"the name of a terminal: {one_of(names)}"
            problems.add(join_key(here, terminal), shown(terminal), expected, nearest(terminal, names))
        try:
            number, is_voltage = _value(value, context)
            (voltages if is_voltage else currents).append((terminal, number))
        except Refused as error:
            problems.refused(join_key(here, terminal), error)
    if not imposed:
        problems.add(here, "an empty table", BIAS.expected)
    elif names and set(names) <= {terminal for terminal, _ in currents}:
        problems.add(here, "a current for every terminal", "at least one at a voltage (0 V where it is left out)")
    if raw.get("reference") not in (None, "none"):
        problems.add(join_key(at, "reference"), f"{shown(raw['reference'])} beside a bias", '"none" (a form of rest)')
    return Bias(tuple(voltages), tuple(currents))


def terminal_names(raw: Raw, terminals: Sequence[Terminal]) -> Names:
    """Names of the terminals, None while they cannot all be read."""
    listed = len(named_items(raw, "terminal", "", Problems("")))
    return tuple(t.name for t in terminals) if terminals and len(terminals) >= listed else None


def _value(value: object, context: Context) -> tuple[float, bool]:
    """(voltage [V] or current [A; A/m^2 per area], whether it is a voltage)."""
    return _read(value, context, ("potential",))


def _read(value: object, context: Context, beside: tuple[str, ...]) -> tuple[float, bool]:
    """A current into the cell, or a quantity of the dimensions `beside`."""
    kinds = ("current_density", *(() if context.per_area else ("current",)), *beside)
    try:
        _, kind = read_quantity(value, kinds)
    except UnitError as reason:
        total = context.per_area and isinstance(value, str) and _is_current(value)
        raise Refused(("", f"{reason}{_WHY_NO_TOTAL if total else ''}")) from None
    number = float(_LEAVES[kind].check(value, {}, context))
    if kind == "current_density" and not context.per_area:
        number *= context.area or 0.0  # without a readable area the case is refused
    return number, kind == "potential"


def _is_current(value: str) -> bool:
    try:
        read_quantity(value, ("current",))
    except UnitError:
        return False
    return True


def imposed() -> Leaf:
    """What is imposed on a terminal: ("voltage", V) or ("current", A into the cell)."""

    def check(value: object, _siblings: Mapping[str, Any], context: Context) -> tuple[str, float]:
        number, is_voltage = _value(value, context)
        return "voltage" if is_voltage else "current", number

    return Leaf(describe(("current_density", "current", "potential")), check)


def cell_current() -> Leaf:
    """A current into the cell other than 0: a total, or a density (alone where the case is per area)."""
    expected = describe(("current_density", "current"))

    def check(value: object, _siblings: Mapping[str, Any], context: Context) -> float:
        number, _ = _read(value, context, ())
        if number == 0.0 and (context.per_area or context.area):
            raise refuse(f"{shown(value)} (no current)", f"{expected}, other than 0")
        return number

    return Leaf(expected, check)
