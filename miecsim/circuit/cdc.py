"""Circuits as text, in and out: strings as in impedance.py, and circuit description codes (CDC).

    string   R0-p(R1,CPE1)-Wo1    "-" in series, p(...,...) in parallel; elements named by a number or _word
    CDC      R(Q[RW])             side by side in series, (...) in parallel, [...] in series

Round brackets of a CDC are always parallel, square ones series; a code whose round brackets alternate by level (B. A.
Boukamp, Solid State Ionics 20 (1986) 31) needs its inner ones written as [...]. Both kinds take values in braces after
an element, `CPE1{Q=1e-5, alpha=0.8}`, by name or in order, and circuits inside an element: `Pore{R=5, wall=p(R1,C1),
end=R2}`, `Rails{R_ion=5, R_eon=1, interface=(RQ), configuration=ee}`. A label of a CDC follows a colon, `R{R=1:ct}`.
An element without values is read with None in their place.

| string | CDC   | element      | values       | other values in a CDC                                                 |
|--------|-------|--------------|--------------|-----------------------------------------------------------------------|
| R      | R     | R            | R            |                                                                       |
| C      | C     | C            | C            |                                                                       |
| L      | L     | L            | L            |                                                                       |
| CPE    | Q     | CPE          | Q, alpha     | Y, n: 1/(Y (j w)^n)                                                   |
| W      | W     | Warburg      | A_W          | Y: 1/(Y sqrt(j w)), Y = 1/(A_W sqrt 2)                                |
| Ws     | Ws    | WarburgShort | R, tau       | Y, B: tanh(sqrt(B j w))/sqrt(Y j w), B = tau, Y = tau/R^2             |
|        | O     | WarburgShort | R, tau       | Y, B: tanh(B sqrt(j w))/(Y sqrt(j w)), B = sqrt(tau), Y = sqrt(tau)/R |
| Wo     | Wo    | WarburgOpen  | R, tau       | Y, B: as Ws with coth                                                 |
|        | T     | WarburgOpen  | R, tau       | Y, B: as O with coth                                                  |
| G      | G, Ga | Gerischer    | R, tau       | Y, k for G: 1/(Y sqrt(k + j w)), k = 1/tau, Y = sqrt(tau)/R           |
| Pore   | Pore  | DeLevie      | R            | circuits wall, end                                                    |
| Rails  | Rails | TwoRail      | R_ion, R_eon | circuit interface, word configuration                                 |

R to G of the strings are those of impedance.py, parameters in its order. Q, W, Wo, Ws, G with Y, B, k and Ga are those
of pyimpspec, whose exponent n must be 0.5 but for Q; O and T those of Boukamp and of instrument makers. Fixed marks and
limits of a CDC, `R{R=100F/0/1e3}`, belong to a fit and not to a circuit: they are read and left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from miecsim.circuit.compose import Circuit, Parallel, Series, Value, did_you_mean, element_name, one_of
from miecsim.circuit.two_poles import (
    CPE,
    C,
    DeLevie,
    Gerischer,
    L,
    R,
    TwoRail,
    Warburg,
    WarburgOpen,
    WarburgShort,
)
from miecsim.errors import InputError

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf"
_DEEPEST = 60


class _Admittances(NamedTuple):
    """Other names of the parameters, and the way from and to them."""

    names: tuple[str, ...]
    read: Callable[..., tuple[float, ...]]
    write: Callable[..., tuple[float, ...]]


class _Symbol(NamedTuple):
    kind: type[Circuit]
    other: _Admittances | None = None
    half: bool = False  # takes an exponent n that must be 0.5


_ROOT = _Admittances(("Y", "B"), lambda y, b: (math.sqrt(b / y), b), lambda r, tau: (tau / r / r, tau))
_BOUKAMP = _Admittances(("Y", "B"), lambda y, b: (b / y, b * b), lambda r, tau: (math.sqrt(tau) / r, math.sqrt(tau)))
_RATE = _Admittances(("Y", "k"), lambda y, k: (1 / y / math.sqrt(k), 1 / k), lambda r, tau: (tau**0.5 / r, 1 / tau))
_WARBURG = _Admittances(("Y",), lambda y: (math.sqrt(0.5) / y,), lambda a: (math.sqrt(0.5) / a,))
_CPE = _Admittances(("Y", "n"), lambda y, n: (y, n), lambda q, alpha: (q, alpha))

_STRING = {kind.symbol: _Symbol(kind) for kind in (R, C, L, CPE, Warburg, WarburgShort, WarburgOpen, Gerischer)}
_STRING |= {kind.symbol: _Symbol(kind) for kind in (DeLevie, TwoRail)}
_CDC = {name: symbol for name, symbol in _STRING.items() if name != "CPE"}
_CDC |= {
    "Q": _Symbol(CPE, _CPE),
    "W": _Symbol(Warburg, _WARBURG, half=True),
    "Ws": _Symbol(WarburgShort, _ROOT, half=True),
    "Wo": _Symbol(WarburgOpen, _ROOT, half=True),
    "O": _Symbol(WarburgShort, _BOUKAMP),
    "T": _Symbol(WarburgOpen, _BOUKAMP),
    "G": _Symbol(Gerischer, _RATE, half=True),
    "Ga": _Symbol(Gerischer, half=True),
}


def parse_string(text: str, values: Mapping[str, Value] | None = None) -> Circuit:
    """The circuit of a string such as "R0-p(R1,CPE1)-Wo1" or "R0{R=20}-C1".

    `values` go by the names of impedance.py (R0; CPE1_0, CPE1_1 in order) or of `Circuit.parameters` (CPE1.alpha) and
    replace those in the text. InputError in one line with the position (from 1), what was read and what is allowed.
    """
    circuit = _Reader(text, "circuit string", _STRING).whole()
    return circuit if values is None else _with_values(circuit, values)


def parse_cdc(text: str) -> Circuit:
    """The circuit of a description code such as "R(RC)" or "R{R=100}([R{R=2e3}W]Q{Y=1e-5,n=0.8})".

    InputError in one line with the position (from 1), what was read and what is allowed.
    """
    return _Reader(text, "circuit description code", _CDC).whole()


def write_string(circuit: Circuit) -> str:
    """The string from which `parse_string` reads an equal circuit, values in braces."""
    return _string(circuit, lambda element: element_name(element) + _braces(_string_values(element)))


def split_string(circuit: Circuit) -> tuple[str, dict[str, Value]]:
    """String and values for impedance.py and the like: every element named, no braces; `parse_string(*it)` reads it.

    impedance.py itself takes numbers as labels, no words. InputError for an element that holds circuits (a line), which
    such programs do not know.
    """
    values: dict[str, Value] = {}
    for name, element in circuit.elements().items():
        if element.PARTS:
            raise InputError(f"circuit string: {name} holds a circuit, which no value can; use write_string")
        for i, parameter in enumerate(element.PARAMETERS):
            values[_key(name, element, i)] = getattr(element, parameter.name)
    names = iter(circuit.elements())
    return _string(circuit, lambda element: next(names)), values


def write_cdc(circuit: Circuit, values: str = "own") -> str:
    """The description code of a circuit, with `values`:

    own          by the names of this program; `parse_cdc` reads an equal circuit
    admittances  Y, B, k, n as pyimpspec reads them (equal to rounding); labels that are numbers are left out
    none         no values, no labels: R(RC). InputError for an element that holds circuits.
    """
    if values not in ("own", "admittances", "none"):
        raise InputError(f"values of a description code: read {values!r}; expected one of own, admittances, none")
    return _cdc(circuit, values)


# --- writing --------------------------------------------------------------------------------------


def _key(name: str, element: Circuit, index: int) -> str:
    """The name of a parameter in impedance.py."""
    return name if len(element.PARAMETERS) == 1 else f"{name}_{index}"


def _with_values(circuit: Circuit, values: Mapping[str, Value]) -> Circuit:
    known = {name: name for name in circuit.parameters()}
    for name, element in circuit.elements().items():
        own = (p.name for p in element.PARAMETERS) if len(element.PARAMETERS) > 1 else ()
        known |= {_key(name, element, i): f"{name}.{parameter}" for i, parameter in enumerate(own)}
    for name in values:
        if name not in known:
            expected = one_of(key for key in known if "." not in key)
            raise InputError(f"circuit string: value: read {name!r}; expected {expected}{did_you_mean(name, known)}")
    return circuit.with_parameters({known[name]: value for name, value in values.items()})


def _string(circuit: Circuit, element: Callable[[Circuit], str]) -> str:
    if isinstance(circuit, Series):
        return "-".join(_string(item, element) for item in circuit.items)
    if isinstance(circuit, Parallel):
        return f"p({','.join(_string(item, element) for item in circuit.items)})"
    return element(circuit)


def _string_values(element: Circuit) -> dict[str, str]:
    values = {p.name: _digits(element, getattr(element, p.name)) for p in element.PARAMETERS}
    return values | _inner(element, write_string)


def _cdc(circuit: Circuit, values: str, bracket: bool = False) -> str:
    if isinstance(circuit, Series):
        text = "".join(_cdc(item, values) for item in circuit.items)
        return f"[{text}]" if bracket else text
    if isinstance(circuit, Parallel):
        return f"({''.join(_cdc(item, values, bracket=True) for item in circuit.items)})"
    symbol = "Q" if isinstance(circuit, CPE) else circuit.symbol
    if values == "none":
        if circuit.PARTS:
            raise InputError(f"description code: {element_name(circuit)} holds a circuit; write it with its values")
        return symbol
    numbers = {p.name: getattr(circuit, p.name) for p in circuit.PARAMETERS}
    label = circuit.label
    if values == "admittances":
        label = "" if label.isdigit() else label
        numbers = _admittances(circuit, _CDC[symbol].other, numbers)
    texts = {name: _digits(circuit, value) for name, value in numbers.items()}
    return symbol + _braces(texts | _inner(circuit, lambda inner: _cdc(inner, values)), label)


def _admittances(element: Circuit, other: _Admittances | None, numbers: dict[str, Value]) -> dict[str, Value]:
    known = [value for value in numbers.values() if value is not None]
    if other is None or not known:
        return numbers
    if len(known) < len(numbers):
        raise InputError(
            f"description code: {element_name(element)}: expected a value for each of {', '.join(numbers)}"
        )
    return dict(zip(other.names, other.write(*known), strict=True))


def _inner(element: Circuit, write: Callable[[Circuit], str]) -> dict[str, str]:
    """The circuits and words inside an element."""
    parts = {name: write(part) for name in element.PARTS if (part := getattr(element, name)) is not None}
    return parts | ({"configuration": element.configuration} if isinstance(element, TwoRail) else {})


def _digits(element: Circuit, value: Value) -> str:
    if isinstance(value, complex):
        raise InputError(f"{element_name(element)}: read the complex value {value}; expected real numbers in a text")
    return "" if value is None else repr(value)


def _braces(texts: Mapping[str, str], label: str = "") -> str:
    inside = ",".join(f"{name}={text}" for name, text in texts.items() if text) + (f":{label}" if label else "")
    return f"{{{inside}}}" if inside else ""


# --- reading --------------------------------------------------------------------------------------


@dataclass
class _Reader:
    """A text read from left to right; each method takes what it is named after and leaves `at` behind it."""

    text: str
    what: str
    symbols: Mapping[str, _Symbol]
    at: int = 0
    depth: int = 0
    seen: set[tuple[type[Circuit], str]] = field(default_factory=set)  # elements with a label

    @property
    def is_cdc(self) -> bool:
        return self.symbols is _CDC

    def whole(self) -> Circuit:
        if not isinstance(self.text, str):
            raise InputError(f"{self.what}: read {self.text!r}; expected a text")
        if self.is_cdc:
            self.take(r"!V=[0-9]+!")
        circuit = self.series()
        if self.peek():
            raise self.fail(self.at, self.word(), "the end" if self.is_cdc else '"-" or the end')
        return circuit

    def series(self) -> Circuit:
        self.deeper()
        items = [self.item()]
        while self.peek() and self.peek() not in ")]},:" if self.is_cdc else self.take("-"):
            items.append(self.item())
        self.depth -= 1
        return items[0] if len(items) == 1 else self.build(self.at, Series, *items)

    def item(self) -> Circuit:
        start = self.at
        if self.is_cdc and self.take(r"\["):
            inner = self.series()
            self.need(r"\]", '"]"')
            return inner
        if self.take(r"\(" if self.is_cdc else r"p\s*\("):
            return self.parallel(start)
        return self.element()

    def parallel(self, start: int) -> Circuit:
        self.deeper()
        items = [self.item() if self.is_cdc else self.series()]
        while self.peek() not in ("", ")") if self.is_cdc else self.take(","):
            items.append(self.item() if self.is_cdc else self.series())
        self.need(r"\)", '")"' if self.is_cdc else '",", "-" or ")"')
        self.depth -= 1
        if len(items) < 2:
            raise self.fail(start, "a parallel group of one branch", "two or more branches")
        return self.build(start, Parallel, *items)

    def element(self) -> Circuit:
        self.peek()
        start = self.at
        name = self.take(r"[A-Z][a-z]*" if self.is_cdc else r"[A-Za-z]+")
        if name not in self.symbols:
            self.at = start
            also = '"(" or "["' if self.is_cdc else '"p("'
            read = self.word() if not name else f'"{name}"'
            expected = f"{also} or an element, {one_of(self.symbols)}"
            raise self.fail(start, read, expected + did_you_mean(name, self.symbols))
        label = "" if self.is_cdc else self.take(r"[0-9]+|_[A-Za-z0-9_]+").removeprefix("_")
        symbol = self.symbols[name]
        fields = self.braces(symbol) if self.take(r"\{") else {}
        label = fields.setdefault("label", label)
        if label and (symbol.kind, label) in self.seen:
            raise self.fail(start, f'"{name}" with the label {label} once more', "another number or label")
        self.seen.add((symbol.kind, label))
        return self.build(start, symbol.kind, **self.own_values(start, name, symbol, fields))

    def braces(self, symbol: _Symbol) -> dict[str, Any]:
        """What stands between the braces of an element."""
        kind = symbol.kind
        words = ("configuration",) if kind is TwoRail else ()
        numbers = [p.name for p in kind.PARAMETERS]
        other = [*(symbol.other.names if symbol.other else ()), *(("n",) if symbol.half else ())]
        fields: dict[str, Any] = {}
        while not self.take(r"\}"):
            if self.is_cdc and self.take(":"):
                fields["label"] = self.need("[A-Za-z0-9_]+", "a label of letters, digits and _")
                self.need(r"\}", '"}"')
                break
            if fields:
                self.need(",", '"," or "}"')
            self.peek()
            start = self.at
            name = self.take("[A-Za-z_][A-Za-z0-9_]*(?=\\s*=)")
            if not name and len(fields) < len(numbers) and list(fields) == numbers[: len(fields)]:
                fields[numbers[len(fields)]] = self.number()
                continue
            allowed = [f for f in dict.fromkeys([*numbers, *other, *kind.PARTS, *words]) if f not in fields]
            if name not in allowed:
                expected = f'{one_of(allowed)} and "="' if allowed else '"}"'
                raise self.fail(start, f'"{name}"' if name else self.word(), expected, did_you_mean(name, allowed))
            self.need("=", '"="')
            if name in kind.PARTS:
                fields[name] = self.series()
            else:
                fields[name] = self.need("[A-Za-z_]+", "a word") if name in words else self.number()
        return fields

    def number(self) -> float:
        start = self.at
        written = self.need(_NUMBER, "a number")
        value = float(written)
        if math.isinf(value) and "inf" not in written:
            raise self.fail(start, f'"{written[:40]}"', "a number below 1.8e308")
        if self.is_cdc:
            self.take(rf"[fF]?(?:\s*/\s*(?:{_NUMBER})\s*%?){{0,2}}")
        return value

    def own_values(self, start: int, name: str, symbol: _Symbol, fields: dict[str, Any]) -> dict[str, Any]:
        """`fields` in terms of the element's own parameters."""
        if symbol.half and fields.pop("n", 0.5) != 0.5:
            raise self.fail(start, f"{name} with another exponent n", "n = 0.5; a Q takes any")
        other = symbol.other
        given = [n for n in (other.names if other else ()) if n in fields]
        if other is None or not given:
            return fields
        own = [p.name for p in symbol.kind.PARAMETERS]
        mixed = [n for n in own if n in fields]
        if mixed or (len(given) < len(other.names) and other is not _CPE):
            expected = f"{' and '.join(own)}, or {' and '.join(other.names)}"
            raise self.fail(start, f"{name} with {', '.join(mixed + given)}", expected)
        values = [fields.pop(n, None) for n in other.names]
        if other is not _CPE and not all(value > 0 for value in values):
            raise self.fail(
                start, f"{name} with {' = {:g}, '.join(given)} = {{:g}}".format(*values), "positive numbers"
            )
        return fields | dict(zip(own, other.read(*values), strict=True))

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail(self.at, "one more level of brackets", f"at most {_DEEPEST}")

    # --- characters ---

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, pattern: str) -> str:
        """What matches `pattern` here, "" if nothing does."""
        self.peek()
        match = re.compile(pattern).match(self.text, self.at)
        if match:
            self.at = match.end()
        return match[0] if match else ""

    def need(self, pattern: str, expected: str) -> str:
        found = self.take(pattern)
        if not found:
            raise self.fail(self.at, self.word(), expected)
        return found

    def word(self) -> str:
        """What stands here, for a message."""
        self.peek()
        match = re.compile(r"[A-Za-z0-9_.]+|.", re.DOTALL).match(self.text, self.at)
        return f'"{match[0][:40]}"' if match else "the end"

    def build(self, start: int, kind: Callable[..., Circuit], *items: Circuit, **fields: Any) -> Circuit:
        try:
            return kind(*items, **fields)
        except InputError as error:
            raise InputError(f"{self.where(start)}: {error}") from None

    def fail(self, at: int, read: str, expected: str, near: str = "") -> InputError:
        return InputError(f"{self.where(at)}: read {read}; expected {expected}{near}")

    def where(self, at: int) -> str:
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"{self.what} {shown!r}, position {at + 1}"
