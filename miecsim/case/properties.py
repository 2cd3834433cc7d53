"""Properties of materials: a number with its unit, a formula, or a measured curve, each with its temperature.

    "3.3e-14 m^2/s"
    { value = "3.3e-14 m^2/s", activation_energy = "30 kJ/mol", reference_temperature = "25 degC" }
    { expression = "8.8e-11*(c/1000)^2 - 4e-10*(c/1000) + 4.9e-10", unit = "m^2/s" }
    { table = "ocp.csv", x = "stoichiometry", y = "potential", unit = "V" }          # columns of a file beside the case
    { x = [0.1, 0.3, 0.6, 0.9], y = [4.3, 4.0, 3.8, 3.6], unit = "V" }

Formulas know x (the stoichiometry), c (the salt's concentration in mol/m^3) and T (K), as the key allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from miecsim.case.expression import Expression, ExpressionError
from miecsim.case.fields import list_of, number, quantity, text
from miecsim.case.messages import MISSING, Problems, Refused, one_of, refuse
from miecsim.case.table import Context, Leaf, Raw, Row, joined, key, read_table
from miecsim.errors import InputError
from miecsim.units import DIMENSIONS, UnitError, describe, read_quantity, shown

ENERGY = quantity("molar_energy", 1.0, 1e6)
TEMPERATURE = quantity("temperature", 1.0, 4000.0)
ENTROPIC = quantity("entropic", 1e-12, 1.0, zero=True, signed=True)
TYPICAL = {"x": 0.5, "c": 1000.0, "T": 298.15}  # where a formula is tried
MEANING = {"x": "x (the stoichiometry)", "c": "c (the salt in mol/m^3)"}
_FORMS = ("value", "expression", "x")
_FEWEST, _MOST_POINTS = 4, 100_000


@dataclass(frozen=True)
class Measured:
    """A curve through points, straight beyond its ends."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Material:
    """A property in SI: `law` times `factor`, at `reference_temperature` where it has an activation energy [J/mol].
    What it is at a temperature, `run.materials` says.

    `entropic` [V/K] is that of an open-circuit potential, which adds (T - T_ref) dU/dT.
    """

    law: float | Expression | Measured
    variables: tuple[str, ...]
    factor: float = 1.0
    activation_energy: float = 0.0
    reference_temperature: float | None = None
    entropic: Material | None = None


def _column() -> Leaf:
    """A column of a measured curve: its numbers (names of columns of a file have been replaced by them)."""
    numbers = list_of(number(1e-30, 1e30, zero=True, signed=True), _FEWEST, _MOST_POINTS, "numbers")

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> Any:
        if isinstance(value, str):
            raise refuse(shown(value), "the name of a column of a table that can be read, or a list of numbers")
        return numbers.check(value, siblings, context)

    return Leaf("a list of numbers, or the name of a column of the table", check)


class _MaterialTable(Row):
    value: Any = key(text("a quantity with its unit"), default=None)  # read by the leaf of the property itself
    expression: str | None = key(Leaf("a formula, such as '1.2 * exp(-3 * x)'", lambda v, _s, _c: v), default=None)
    table: str | None = key(text("a CSV file beside the case"), default=None)
    x: tuple[float, ...] | None = key(_column(), default=None)
    y: tuple[float, ...] | None = key(_column(), default=None)
    unit: str | None = key(Leaf('a unit, such as "V"', lambda v, _s, _c: v), default=None)
    activation_energy: float | None = key(ENERGY, default=None)
    reference_temperature: float | None = key(TEMPERATURE, default=None)


class _Entropic(Row):
    entropic_coefficient: Any = key(Leaf('dU/dT, such as "-0.1 mV/K"', lambda v, _s, _c: v), default=None)


_PotentialTable = joined(_MaterialTable, _Entropic)


def material(
    dimension: str, low: float, high: float, variables: tuple[str, ...] = (), signed: bool = False, zero: bool = False
) -> Leaf:
    """A property of `dimension` within [low, high] in SI, which may depend on `variables`; of an open-circuit potential
    ("potential") also on the temperature by its entropic coefficient."""
    pure = dimension == "dimensionless"
    plain = number(low, high, zero, signed) if pure else quantity(dimension, low, high, zero, signed)
    expected = f"{describe((dimension,))}, or a table with a value, an expression or columns x and y"

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> Material:
        if not isinstance(value, dict):
            return Material(float(plain.check(value, siblings, context)), variables)
        problems = Problems("")
        found = _table(value, problems, dimension, plain, variables)
        if problems.items or found is None:
            raise Refused(*((p.key, p.text) for p in problems.items))
        trial = _trial(found, variables)
        within = low <= (abs(trial) if signed else trial) <= high or (zero and trial == 0.0)
        if not within:
            where = ", ".join(f"{name} = {TYPICAL[name]:g}" for name in (*variables, "T"))
            word = "expression" if isinstance(found.law, Expression) else "y"
            raise Refused((word, f"read a value of {trial:g} at {where}; expected {plain.expected}"))
        return found

    return Leaf(expected, check)


def _trial(found: Material, variables: tuple[str, ...]) -> float:
    """The property where a formula is tried [SI]."""
    import numpy as np  # here, so that reading a case without formulas stays light

    with np.errstate(all="ignore"):
        if isinstance(found.law, Expression):
            return float(np.real(found.factor * found.law(**{name: TYPICAL[name] for name in (*variables, "T")})))
        if isinstance(found.law, Measured):
            middle = found.law.y[len(found.law.y) // 2]
            return found.factor * middle
        return found.law


def _table(raw: Raw, problems: Problems, dimension: str, plain: Leaf, variables: tuple[str, ...]) -> Material | None:
    potential = dimension == "potential"
    shape = _PotentialTable if potential else _MaterialTable
    found: Any = read_table(shape, {k: v for k, v in raw.items() if k != "value"}, "", problems, also=("value",))
    forms = [name for name in _FORMS if name in raw] or (["x"] if {"y", "table"} & set(raw) else [])
    if len(forms) != 1:
        problems.add("", f"{' beside '.join(forms)}" if forms else "no value", f"{one_of(_FORMS)} (with y)")
        return None
    if found is None:
        return None
    law, factor = _law(forms[0], raw, found, problems, dimension, plain, variables)
    thermal = potential and "entropic_coefficient" in raw
    energy = found.activation_energy is not None
    if energy and potential:
        problems.add("activation_energy", shown(raw["activation_energy"]), "entropic_coefficient (of a potential)")
    for given, name in ((energy, "activation_energy"), (thermal, "entropic_coefficient")):
        if given and found.reference_temperature is None:
            problems.add("reference_temperature", MISSING, f"{TEMPERATURE.expected} (beside {name})")
    if found.reference_temperature is not None and not (energy or thermal):
        wanted = "entropic_coefficient" if potential else "activation_energy"
        problems.add("reference_temperature", "reference_temperature alone", f"{wanted} beside it")
    entropic = _entropic(raw["entropic_coefficient"], problems) if thermal else None
    if law is None or problems.items:
        return None
    return Material(law, variables, factor, found.activation_energy or 0.0, found.reference_temperature, entropic)


def _entropic(value: object, problems: Problems) -> Material | None:
    try:
        leaf = material("entropic", 1e-12, 1.0, ("x",), signed=True, zero=True)
        return cast(Material, leaf.check(value, {}, Context()))
    except Refused as error:
        problems.refused("entropic_coefficient", error)
        return None


def _law(
    form: str, raw: Raw, found: Any, problems: Problems, dimension: str, plain: Leaf, variables: tuple[str, ...]
) -> tuple[float | Expression | Measured | None, float]:
    """The law and its factor to SI; None where something is wrong."""
    if form == "value":
        for name in ("unit", "y", "table"):
            if name in raw:
                problems.add(name, f"{name} beside value", "a value alone, with its unit")
        try:
            return float(plain.check(raw["value"], {}, Context())), 1.0
        except Refused as error:
            problems.refused("value", error)
            return None, 1.0
    factor = _factor(raw, problems, dimension)
    if form == "expression":
        for name in ("y", "table"):
            if name in raw:
                problems.add(name, f"{name} beside expression", "an expression alone")
        return _expression(raw["expression"], problems, variables), factor
    for name in ("x", "y"):
        if name not in raw:
            problems.add(name, MISSING, "a list of numbers, or the name of a column of the table")
    if not variables:
        problems.add("x", "a curve", f"{plain.expected} (this depends on no composition)")
    if found.x is None or found.y is None:
        return None, factor
    from miecsim.physics.curves import Table

    try:
        Table(found.x, found.y)
    except InputError as error:
        what, _, rest = str(error).removeprefix("table: ").partition(";")
        problems.add("x", f"{len(found.x)} and {len(found.y)} numbers", f"as many y as x, x rising ({what}{rest})")
        return None, factor
    return Measured(found.x, found.y), factor


def _factor(raw: Raw, problems: Problems, dimension: str) -> float:
    """What a number of the stated unit is in SI."""
    about = DIMENSIONS[dimension]
    if dimension == "dimensionless":
        if "unit" in raw:
            problems.add("unit", shown(raw["unit"]), "no unit (a pure number)")
        return 1.0
    if "unit" not in raw:
        problems.add("unit", MISSING, f'the unit of the values, such as "{about.unit}"')
        return 1.0
    unit = raw["unit"]
    try:
        if not isinstance(unit, str) or not unit.strip():
            raise UnitError(f'read {shown(unit)}; expected the unit of the values, such as "{about.unit}"')
        return read_quantity(f"1 {unit}", (dimension,))[0]
    except UnitError as reason:
        problems.note("unit", str(reason).replace(f'"1 {unit}"', shown(unit)))
        return 1.0


def _expression(value: object, problems: Problems, variables: tuple[str, ...]) -> Expression | None:
    names = (*variables, "T")
    if not isinstance(value, str) or not value.strip():
        problems.add("expression", shown(value), f"a formula of {', '.join(MEANING.get(n, n) for n in names)}")
        return None
    try:
        formula = Expression(value, names)
    except ExpressionError as error:
        problems.note("expression", f"read {error}")
        return None
    import numpy as np

    with np.errstate(all="ignore"):
        trial = complex(formula(**{name: TYPICAL[name] for name in names}))
    if not np.isfinite(trial):
        at = ", ".join(f"{name} = {TYPICAL[name]:g}" for name in names)
        problems.add("expression", f"{trial.real:g} at {at}", "a formula that is finite there")
        return None
    return formula
