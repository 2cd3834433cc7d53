"""Quantities written with units: "470 um" is read as 4.7e-4 (SI), and 0.0166 S/m is shown as "16.6 mS/m".

Common units and their SI prefixes are read from a table by a small grammar of our own, in microseconds:

    unit     = factor (("*" | "/" | " ") factor)*        "a/b c" is (a/b) c, as in pint; "/a" is "1/a"
    factor   = (name | "1" | "(" unit ")") ["^" exponent]
    exponent = number | "alpha" | "(" sum of numbers, fractions and alpha ")"

Nothing is evaluated. A name that the table lacks is looked up in pint, which is imported only then (it takes
most of a second).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from miecsim.constants import ATMOSPHERE, ELEMENTARY_CHARGE
from miecsim.errors import InputError

Powers = tuple[float, float, float, float, float, float]  # of kg, m, s, A, K, mol
_BASE = ("kg", "m", "s", "A", "K", "mol")
_PINT_BASE = ("[mass]", "[length]", "[time]", "[current]", "[temperature]", "[substance]")
_PREFIXES = dict(a=-18, f=-15, p=-12, n=-9, u=-6, m=-3, c=-2, d=-1, k=3, M=6, G=9, T=12)
_CELSIUS = ("degC", "celsius")
_ZERO_CELSIUS = 273.15  # K


class UnitError(ValueError):
    """A quantity that cannot be used; the text is one sentence: 'read ...; expected ...'."""


class _Unit(NamedTuple):
    """factor * 10^ten * base units to `powers`; ten stands apart so that "0.785 cm^2" is 7.85e-5 exactly."""

    factor: float
    ten: float
    powers: Powers

    def times(self, other: _Unit, power: float = 1.0) -> _Unit:
        a, b, c, d, e, f = self.powers
        g, h, i, j, k, m = other.powers
        powers = (a + power * g, b + power * h, c + power * i, d + power * j, e + power * k, f + power * m)
        return _Unit(self.factor * math.pow(other.factor, power), self.ten + power * other.ten, powers)


_ONE = _Unit(1.0, 0.0, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))


_PREFIXED: dict[str, _Unit] = {}  # units that take a prefix; filled from _DEFINITIONS below
_PLAIN: dict[str, _Unit] = {}  # units that take none
_DEFINITIONS = {  # each in terms of those before it
    "Hz": "1/s", "N": "kg*m/s^2", "Pa": "N/m^2", "J": "N*m", "W": "J/s", "C": "A*s", "V": "W/A", "F": "C/V",
    "ohm": "V/A", "S": "A/V", "L": "dm^3", "l": "L",
}  # fmt: skip


@cache
def _registry() -> Any:
    """The one pint registry of the program."""
    import pint

    return pint.UnitRegistry()


@cache
def _from_pint(name: str) -> _Unit | None:
    """The unit that pint knows by this name; None if it knows none or one with an offset, a logarithm, other bases."""
    registry = _registry()
    try:
        unit = registry.parse_units(name)
        zero = registry.Quantity(0.0, unit).to_base_units()
        factor = float(registry.Quantity(1.0, unit).to_base_units().magnitude)
        powers = {str(base): float(power) for base, power in zero.dimensionality.items()}
    except Exception:  # pint raises errors of many unrelated kinds on strange names; all of them mean "not a unit"
        return None
    if zero.magnitude != 0.0 or not set(powers) <= set(_PINT_BASE):
        return None
    kg, m, s, ampere, kelvin, mol = (powers.get(base, 0.0) for base in _PINT_BASE)
    return _Unit(factor, 0.0, (kg, m, s, ampere, kelvin, mol))


@cache
def _named(name: str) -> _Unit:
    if name in _PLAIN:
        return _PLAIN[name]
    if name in _PREFIXED:
        return _PREFIXED[name]
    prefix, rest = name[:1], name[1:]
    if prefix in _PREFIXES and rest in _PREFIXED:
        unit = _PREFIXED[rest]
        return unit._replace(ten=unit.ten + _PREFIXES[prefix])
    if name in _CELSIUS:
        raise UnitError(f"{name} cannot stand in a product: use K")
    unit_or_none = _from_pint(name)
    if unit_or_none is None:
        raise UnitError(f"unknown unit {quoted(name)}{_suggest(name)}")
    return unit_or_none


def _suggest(name: str) -> str:
    """', nearest "ohm"' where some unit resembles `name`, else ''."""
    known = [*_PREFIXED, *_PLAIN, *_CELSIUS, *(p + u for u in _PREFIXED for p in _PREFIXES)]
    trailing = re.fullmatch(r"([A-Za-z]+)([0-9]+)", name)
    if trailing and trailing[1] in known:
        return f', nearest "{trailing[1]}^{trailing[2]}"'
    folded = {k.lower(): k for k in reversed(known)}
    for near in difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6):
        return f', nearest "{folded[near]}"'
    return ""


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SPELLINGS = {
    "\u00b5": "u", "\u03bc": "u", "\u2126": "ohm", "\u03a9": "ohm", "\u00b0C": "degC", "\u00c5": "angstrom",
    "\u212b": "angstrom", "\u00b7": "*", "\u22c5": "*", "\u00d7": "*", "\u2212": "-",
}  # fmt: skip
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(rf"\s*(?:(?P<number>{_NUMBER})|(?P<name>[A-Za-z_%][A-Za-z0-9_]*)|(?P<mark>\*\*|[*/^()+-]))")
_QUANTITY = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE]([+-]?[0-9]+))?\s*(.*?)\s*", re.DOTALL)
_NOT_FINITE = re.compile(r"\s*[+-]?(?:nan|inf|infinity)(?![A-Za-z])", re.IGNORECASE)
_LONGEST = 200  # characters of a quantity


def _plain_spelling(text: str) -> str:
    if text.isascii():
        return text
    for odd, plain in _SPELLINGS.items():
        text = text.replace(odd, plain)
    return re.sub("[⁰¹²³⁴-⁹⁻]+", lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text)


class _UnitReader:
    """Reads one unit; the only state is the place reached in the list of tokens."""

    def __init__(self, text: str, alpha: float | None) -> None:
        self.alpha, self.at = alpha, 0
        self.tokens = list(self._split(text))

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise UnitError(f"{quoted(text[at : at + 1])} cannot stand in a unit")
            yield str(found.lastgroup), found[str(found.lastgroup)]
            at = found.end()

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *marks: str) -> str | None:
        kind, text = self.peek()
        if kind != "mark" or text not in marks:
            return None
        self.at += 1
        return text

    def unit(self) -> _Unit:
        result = _ONE if self.peek()[1] == "/" else self.factor()
        while True:
            kind, text = self.peek()
            if kind == "mark" and text in ("*", "/"):
                self.at += 1
            elif kind != "name" and text != "(":
                return result
            result = result.times(self.factor(), -1.0 if text == "/" else 1.0)

    def factor(self) -> _Unit:
        kind, text = self.peek()
        self.at += 1
        if kind == "name":
            result = _named(text)
        elif (kind, text) == ("number", "1"):
            result = _ONE
        elif text == "(":
            result = self.unit()
            self.close()
        else:
            raise UnitError(f"the unit breaks off at {quoted(text)}" if text else "the unit breaks off at its end")
        if self.take("^", "**"):
            power = self.exponent()
            if not abs(power) <= 10:
                raise UnitError(f"the exponent {power:g} lies beyond 10")
            result = _ONE.times(result, power)
        return result

    def close(self) -> None:
        if not self.take(")"):
            raise UnitError("a bracket is not closed")

    def exponent(self) -> float:
        if not self.take("("):
            sign = -1.0 if self.take("-", "+") == "-" else 1.0
            return sign * self.exponent_value()
        total, mark = 0.0, self.take("+", "-") or "+"
        while mark:
            term = self.exponent_value()
            if self.take("/"):
                below = self.exponent_value()
                term = term / below if below else math.inf
            total += -term if mark == "-" else term
            mark = self.take("+", "-") or ""
        self.close()
        return total

    def exponent_value(self) -> float:
        kind, text = self.peek()
        self.at += 1
        if kind == "number":
            return float(text)
        if text == "alpha" and self.alpha is not None:
            return self.alpha
        raise UnitError(f"the exponent cannot be {quoted(text)}" if text else "an exponent is missing")


@lru_cache(maxsize=1024)
def _read_unit(text: str, alpha: float | None = None) -> _Unit:
    """The unit written as `text`; '' is 1. Raises UnitError with the reason alone ('unknown unit "fF2"')."""
    if not text:
        return _ONE
    reader = _UnitReader(text, alpha)
    result = reader.unit()
    if reader.at < len(reader.tokens):
        kind, rest = reader.peek()
        last_kind, last = reader.tokens[reader.at - 1]
        caret = last_kind == "name" and (kind == "number" or rest in "+-")
        hint = ', powers are written with "^", as in "cm^-2"' if caret else ""
        raise UnitError(f"{quoted(rest)} after {quoted(last)}{hint}")
    return result


def _define() -> None:
    for at, base in enumerate(_BASE):
        one = [1.0 if at == i else 0.0 for i in range(6)]
        _PREFIXED["g" if base == "kg" else base] = _Unit(1.0, -3.0 if base == "kg" else 0.0, tuple(one))  # type: ignore[arg-type]
    for name, definition in _DEFINITIONS.items():
        _PREFIXED[name] = _UnitReader(definition, None).unit()
    _PREFIXED["bar"] = _PREFIXED["Pa"]._replace(ten=5.0)
    _PREFIXED["eV"] = _PREFIXED["J"]._replace(factor=ELEMENTARY_CHARGE)
    _PLAIN["min"] = _PREFIXED["s"]._replace(factor=60.0)
    _PLAIN["h"] = _PREFIXED["s"]._replace(factor=3600.0)
    _PLAIN["atm"] = _PREFIXED["Pa"]._replace(factor=ATMOSPHERE)
    _PLAIN["angstrom"] = _PREFIXED["m"]._replace(ten=-10.0)
    _PLAIN["percent"] = _PLAIN["%"] = _ONE._replace(ten=-2.0)


_define()


class Dimension(NamedTuple):
    """What a quantity measures: its SI unit, how a sentence calls it, and an example for error messages."""

    unit: str
    phrase: str
    example: str


DIMENSIONS = {
    "dimensionless": Dimension("", "a pure number", "0.5"),
    "length": Dimension("m", "a length", "470 um"),
    "area": Dimension("m^2", "an area", "0.785 cm^2"),
    "volume": Dimension("m^3", "a volume", "1 cm^3"),
    "area_density": Dimension("1/m", "an area per volume", "5e5 1/m"),
    "time": Dimension("s", "a time", "10 s"),
    "frequency": Dimension("Hz", "a frequency", "1 kHz"),
    "mass": Dimension("kg", "a mass", "1 mg"),
    "temperature": Dimension("K", "a temperature", "25 degC"),
    "pressure": Dimension("Pa", "a pressure", "1 atm"),
    "energy": Dimension("J", "an energy", "1 eV"),
    "power": Dimension("W", "a power", "1 W"),
    "concentration": Dimension("mol/m^3", "a concentration", "1000 mol/m^3"),
    "diffusivity": Dimension("m^2/s", "a diffusivity", "1e-9 m^2/s"),
    "charge": Dimension("C", "a charge", "1 C"),
    "charge_density": Dimension("C/m^3", "a charge density", "10 C/m^3"),
    "current": Dimension("A", "a current", "1 mA"),
    "current_density": Dimension("A/m^2", "a current density", "1 A/m^2"),
    "potential": Dimension("V", "a potential", "10 mV"),
    "sweep_rate": Dimension("V/s", "a sweep rate", "1 mV/s"),
    "resistance": Dimension("ohm", "a resistance", "10 ohm"),
    "area_resistance": Dimension("ohm*m^2", "a resistance times area", "0.01 ohm*m^2"),
    "resistivity": Dimension("ohm*m", "a resistivity", "1 ohm*m"),
    "conductance": Dimension("S", "a conductance", "1 mS"),
    "conductivity": Dimension("S/m", "a conductivity", "1 mS/cm"),
    "capacitance": Dimension("F", "a capacitance", "1 uF"),
    "area_capacitance": Dimension("F/m^2", "a capacitance per area", "10 uF/cm^2"),
    "volume_capacitance": Dimension("F/m^3", "a capacitance per volume", "1e8 F/m^3"),
    "permittivity": Dimension("F/m", "a permittivity", "2.6e-10 F/m"),
    "molar_energy": Dimension("J/mol", "an energy per amount", "30 kJ/mol"),
    "entropic": Dimension("V/K", "a potential per temperature", "-0.1 mV/K"),
    "molar_volume": Dimension("m^3/mol", "a molar volume", "2 cm^3/mol"),
    "molar_flux": Dimension("mol/m^2/s", "an amount per area and time", "1e-6 mol/m^2/s"),
    "rate_constant": Dimension("m^2.5/mol^0.5/s", "a rate constant", "1e-11 m^2.5/mol^0.5/s"),
    "current_rate": Dimension("A*m^2.5/mol^1.5", "a rate constant with its charge", "1e-6 A*m^2.5/mol^1.5"),
    "cpe_total": Dimension("F*s^(alpha-1)", "a CPE coefficient", "1e-6 F*s^(alpha-1)"),
    "cpe_area": Dimension("F*s^(alpha-1)/m^2", "a CPE coefficient per area", "0.1 F*s^(alpha-1)/m^2"),
}


def quoted(text: str, longest: int = 60) -> str:
    """`text` in double quotes on one line: whatever cannot be printed is escaped, and a long text is cut."""
    short = text if len(text) <= longest else text[: longest - 3] + "..."
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short) + '"'


def shown(value: object) -> str:
    """How a value of any type appears in a message: one short line."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**18:
        return f"an integer near {'-' if value < 0 else ''}10^{round(value.bit_length() * math.log10(2))}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return "a table" if isinstance(value, dict) else str(value)


def describe(dimensions: Sequence[str]) -> str:
    """'a length, such as "470 um"'; with several dimensions: 'a resistance or a resistance times area, such as ...'."""
    known = [DIMENSIONS[name] for name in dimensions]
    example = known[-1].example
    return " or ".join(d.phrase for d in known) + (
        f', such as "{example}"' if known[-1].unit else f", such as {example}"
    )


def _name_of(powers: Powers) -> str | None:
    for name, dimension in DIMENSIONS.items():
        if "alpha" not in dimension.unit and math.dist(_read_unit(dimension.unit).powers, powers) < 1e-9:
            return name
    return None


def _unit_of(powers: Powers) -> str:
    name = _name_of(powers)
    if name is not None:
        return DIMENSIONS[name].unit
    return "*".join(f"{base}^{power:g}" for base, power in zip(_BASE, powers, strict=True) if power) or ""


def _split_number(text: object, expected: str) -> tuple[str, int, str]:
    """Mantissa, decimal exponent and unit of a quantity; UnitError where there is no finite number."""
    if not isinstance(text, str):
        number = isinstance(text, int | float) and not isinstance(text, bool)
        raise UnitError(f"read {shown(text)}{' (a number without a unit)' if number else ''}; expected {expected}")
    if len(text) > _LONGEST:
        raise UnitError(f"read {shown(text)} ({len(text)} characters); expected {expected}")
    plain = _plain_spelling(text)
    found = _QUANTITY.fullmatch(plain)
    if found is None:
        finite = "not a finite number" if _NOT_FINITE.match(plain) else "no number in front"
        raise UnitError(f"read {shown(text)} ({finite}); expected {expected}")
    return found[1], int(found[2] or 0), found[3]


def _value(mantissa: str, exponent: int, unit: _Unit) -> float:
    """SI value of mantissa * 10^exponent * unit, correctly rounded where the unit is a power of ten."""
    if unit.factor == 1.0 and unit.ten == int(unit.ten):
        return float(f"{mantissa}e{exponent + int(unit.ten)}")
    return float(f"{mantissa}e{exponent}") * unit.factor * math.pow(10.0, unit.ten)


def _read(text: object, expected: str, alpha: float | None) -> tuple[float, _Unit]:
    mantissa, exponent, unit_text = _split_number(text, expected)
    celsius = unit_text in _CELSIUS
    try:
        unit = _PREFIXED["K"] if celsius else _read_unit(unit_text, alpha)
        value = _value(mantissa, exponent, unit) + (_ZERO_CELSIUS if celsius else 0.0)
    except UnitError as reason:
        raise UnitError(f"read {shown(text)} ({reason}); expected {expected}") from None
    except OverflowError:
        value = math.inf
    if not math.isfinite(value) or (value == 0.0 and any(digit in mantissa for digit in "123456789")):
        raise UnitError(f"read {shown(text)} (beyond what can be computed with); expected {expected}")
    return value, unit


def read_quantity(text: object, dimensions: Sequence[str], alpha: float | None = None) -> tuple[float, str]:
    """SI value of a quantity written with its unit, and the one of `dimensions` (keys of DIMENSIONS) that it has.

    `alpha` is the exponent of a constant-phase element: it replaces the word in "F*s^(alpha-1)".
    Raises UnitError: a sentence 'read ...; expected ...' without the place, which the caller knows.
    """
    expected = describe(dimensions)
    value, unit = _read(text, expected, alpha)
    for name in dimensions:
        if math.dist(_read_unit(DIMENSIONS[name].unit, alpha).powers, unit.powers) < 1e-6:
            return value, name
    if not any(unit.powers):
        raise UnitError(f"read {shown(text)} (no unit); expected {expected}")
    other = _name_of(unit.powers)
    meaning = DIMENSIONS[other].phrase if other else f"in base units: {_unit_of(unit.powers)}"
    raise UnitError(f"read {shown(text)} ({meaning}); expected {expected}")


def parse(text: object, dimension: str, where: str, alpha: float | None = None) -> float:
    """SI value of `text`, such as "470 um", which must have `dimension` (a key of DIMENSIONS).

    Temperatures are absolute: "25 degC" is 298.15. `where` names the file and key in the message of the InputError
    that is raised for no number, no unit, an unknown unit, a wrong dimension, and values that are not finite.
    """
    try:
        return read_quantity(text, (dimension,), alpha)[0]
    except UnitError as reason:
        raise InputError(f"{where}: {reason}") from None


def parse_any(text: object, where: str) -> tuple[float, str]:
    """SI value and SI unit ('' for a pure number) of a quantity of any dimension. Raises InputError as `parse` does."""
    try:
        value, unit = _read(text, 'a quantity with its unit, such as "107 ohm"', None)
    except UnitError as reason:
        raise InputError(f"{where}: {reason}") from None
    return value, _unit_of(unit.powers)


def format_quantity(value: float, unit: str, digits: int = 3) -> str:
    """`value` [unit] for reading: rounded to `digits` with an engineering prefix, "360 ohm", "16.6 mS/m".

    The prefix goes to the first symbol of the unit; where that cannot take one (m^2, 1/m, K, a pure number) a large
    or small number is written with an exponent. The text can be read back by `parse`, to the digits shown.
    """
    tail = f" {unit}" if unit else ""
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}{tail}"
    digits_text, ten_text = f"{value:.{digits - 1}e}".split("e")
    ten = int(ten_text)
    first = re.match(r"([A-Za-z]+)(?!\^|\*\*|[A-Za-z])", unit)
    if first and first[1] in _PREFIXED and first[1] not in ("K", "g"):
        group = 3 * (ten // 3)
        for prefix, power in {**_PREFIXES, "": 0}.items():
            if power == group:
                return f"{float(f'{digits_text}e{ten - group}'):.15g} {prefix}{unit}"
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{float(f'{digits_text}e{ten}'):g}") + tail
