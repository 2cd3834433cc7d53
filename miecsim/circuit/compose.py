"""How circuits compose: `R(20) + (CPE(1e-5, 0.9) | R(300) + WarburgOpen(50, 2.0))`.

`+` joins in series, `|` in parallel (and binds less tightly); the elements are in `two_poles`. Impedances follow
exp(+j w t) and are taken at angular frequencies [rad/s] from 0 to infinity; infinity is an open circuit, 0 a short.
Units may be per area throughout.

Every formula is analytic in its parameters, which may be complex: dZ/dp follows to rounding from values of Z on a small
circle around p in the complex plane. A parameter may be None, which is "not known yet": a circuit can be read, written
and compared so, but has no impedance.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from miecsim.circuit.elements import reciprocal
from miecsim.errors import InputError
from miecsim.typing import Array, Complex

Value: TypeAlias = float | complex | None
OPEN = complex(np.inf, 0)
_LABEL = re.compile(r"[0-9]+|[A-Za-z][A-Za-z0-9_]*|")


class Parameter(NamedTuple):
    """A number of an element: its name, unit, and the bounds of its value (`closed`: those that it may take)."""

    name: str
    unit: str
    low: float = 0.0
    high: float = math.inf
    closed: tuple[bool, bool] = (False, False)

    @property
    def allowed(self) -> str:
        """The bounds as a sentence."""
        low, high = ("<=" if closed else "<" for closed in self.closed)
        end = f" {high} {self.high:g}" if math.isfinite(self.high) or self.closed[1] else ", finite"
        return f"{self.low:g} {low} {self.name}{end}" + (f" [{self.unit}]" if self.unit else "")

    def holds(self, value: float) -> bool:
        """True if `value` lies within the bounds; never for NaN."""
        above = value >= self.low if self.closed[0] else value > self.low
        return above and (value <= self.high if self.closed[1] else value < self.high)


@dataclass(frozen=True)
class Circuit:
    """Anything between two terminals. Frozen, comparable and hashable; what is done to it gives a new one."""

    symbol: ClassVar[str] = ""
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()
    PARTS: ClassVar[tuple[str, ...]] = ()  # fields that hold circuits
    OPTIONAL: ClassVar[tuple[str, ...]] = ()  # those of PARTS that may be None
    ENDS: ClassVar[tuple[complex | str, complex | str]] = (OPEN, OPEN)  # at w = 0 and infinity, or the parameter
    label: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not _LABEL.fullmatch(self.label):
            raise InputError(f"{self.symbol}: label: read {self.label!r}; expected digits, or letters, digits and _")
        for parameter in self.PARAMETERS:
            object.__setattr__(self, parameter.name, _checked(self, parameter, getattr(self, parameter.name)))
        for name in self.PARTS:
            part = getattr(self, name)
            if not isinstance(part, Circuit) and not (part is None and name in self.OPTIONAL):
                raise InputError(f"{element_name(self)}: {name}: read {part!r}; expected a circuit")
        _named(self)  # refuses two elements of one name

    def __add__(self, other: Circuit) -> Series:
        return Series(self, other)

    def __or__(self, other: Circuit) -> Parallel:
        return Parallel(self, other)

    @property
    def parts(self) -> tuple[Circuit, ...]:
        """The circuits inside this one."""
        return tuple(part for name in self.PARTS if (part := getattr(self, name)) is not None)

    def elements(self) -> dict[str, Circuit]:
        """Name -> element, in the order of writing, an element before the circuits inside it.

        The name is symbol and label, as R0 or R_ct; elements without a label take the next free numbers from 1.
        """
        return _named(self)

    def parameters(self) -> dict[str, Value]:
        """Name -> value: `R0` for an element of one parameter, `CPE1.Q` and `CPE1.alpha` for one of more."""
        return {key: getattr(element, parameter.name) for key, element, parameter in self._entries()}

    def units(self) -> dict[str, str]:
        """Name of a parameter -> unit."""
        return {key: parameter.unit for key, _, parameter in self._entries()}

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Name of a parameter -> (lower, upper) bound; `Parameter.closed` says which of them a value may take."""
        return {key: (parameter.low, parameter.high) for key, _, parameter in self._entries()}

    def with_parameters(self, values: Mapping[str, Value]) -> Circuit:
        """The same circuit with other values, named as in `parameters`. InputError for an unknown name or bad value."""
        new = self.parameters()
        for name in values:
            if name not in new:
                raise InputError(f"circuit: parameter: read {name!r}; expected {one_of(new)}{did_you_mean(name, new)}")
        return self._rebuilt(iter({**new, **values}.values()))

    def impedance(self, omega: npt.ArrayLike) -> Complex:
        """Impedance [ohm] (n_f,) at omega [rad/s] (n_f,), 0 <= omega <= infinity; open circuits are infinite.

        InputError if a parameter has no value or omega is no angular frequency.
        """
        missing = [name for name, value in self.parameters().items() if value is None]
        if missing:
            raise InputError(f"circuit: no value for {', '.join(missing)}; give one before asking for the impedance")
        return self._at(_frequencies(omega))

    def _at(self, w: Array) -> Complex:
        """Impedance at w, here that of an element which states its own limits."""
        inside = (w > 0) & np.isfinite(w)
        at_zero, at_infinity = (getattr(self, end) if isinstance(end, str) else end for end in self.ENDS)
        z = self._inside(np.where(inside, w, 1.0))
        return np.where(inside, z, np.where(w == 0, at_zero, at_infinity))

    def _inside(self, w: Array) -> Complex:
        """Impedance at 0 < w < infinity."""
        raise NotImplementedError

    def _numbers(self) -> list[Any]:
        """The values of the parameters, all of them known."""
        return [getattr(self, parameter.name) for parameter in self.PARAMETERS]

    def _entries(self) -> Iterator[tuple[str, Circuit, Parameter]]:
        for name, element in self.elements().items():
            for parameter in element.PARAMETERS:
                yield name if len(element.PARAMETERS) == 1 else f"{name}.{parameter.name}", element, parameter

    def _rebuilt(self, values: Iterator[Value]) -> Circuit:
        new: dict[str, Any] = {parameter.name: next(values) for parameter in self.PARAMETERS}
        new |= {name: part._rebuilt(values) for name in self.PARTS if (part := getattr(self, name)) is not None}
        return dataclasses.replace(self, **new)


# --- connections ----------------------------------------------------------------------------------


@dataclass(frozen=True, init=False)
class Series(Circuit):
    """Two or more circuits one after the other, Z = sum of Z_i; a series within a series is one series."""

    items: tuple[Circuit, ...]

    def __init__(self, *items: Circuit) -> None:
        object.__setattr__(self, "items", _flattened(items, Series))
        _named(self)

    @property
    def parts(self) -> tuple[Circuit, ...]:
        return self.items

    def _at(self, w: Array) -> Complex:
        return add([item._at(w) for item in self.items])

    def _rebuilt(self, values: Iterator[Value]) -> Circuit:
        return Series(*(item._rebuilt(values) for item in self.items))


@dataclass(frozen=True, init=False)
class Parallel(Circuit):
    """Two or more circuits side by side, 1/Z = sum of 1/Z_i; a group within a group is one group."""

    items: tuple[Circuit, ...]

    def __init__(self, *items: Circuit) -> None:
        object.__setattr__(self, "items", _flattened(items, Parallel))
        _named(self)

    @property
    def parts(self) -> tuple[Circuit, ...]:
        return self.items

    def _at(self, w: Array) -> Complex:
        return reciprocal(add([reciprocal(item._at(w)) for item in self.items]))

    def _rebuilt(self, values: Iterator[Value]) -> Circuit:
        return Parallel(*(item._rebuilt(values) for item in self.items))


# --- names and checks -----------------------------------------------------------------------------


def element_name(element: Circuit, number: int | None = None) -> str:
    """Symbol and label, R0 or R_ct, or the symbol and `number` where there is no label."""
    label = element.label or ("" if number is None else str(number))
    return element.symbol + ("" if not label or label.isdigit() else "_") + label


def one_of(options: Iterable[str]) -> str:
    """'one of a, b, c', or the only option."""
    listed = list(options)
    return f"one of {', '.join(listed)}" if len(listed) > 1 else "".join(listed)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """'; did you mean <the option nearest to word>?', or nothing if none resembles it."""
    folded = {option.lower(): option for option in options}
    near = difflib.get_close_matches(str(word)[:100].lower(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def _walk(circuit: Circuit) -> Iterator[Circuit]:
    if circuit.symbol:
        yield circuit
    for part in circuit.parts:
        yield from _walk(part)


def _named(circuit: Circuit) -> dict[str, Circuit]:
    elements = list(_walk(circuit))
    counted = Counter(element_name(element) for element in elements if element.label)
    for name, times in counted.items():
        if times > 1:
            raise InputError(f"circuit: the name {name} is given to {times} elements; expected different labels")
    named: dict[str, Circuit] = {}
    last: Counter[str] = Counter()
    for element in elements:
        name = element_name(element)
        while not element.label and (name == element.symbol or name in counted):
            last[element.symbol] += 1
            name = element_name(element, last[element.symbol])
        named[name] = element
    return named


def _checked(element: Circuit, parameter: Parameter, value: Any) -> Value:
    """`value` as a float or complex number within the bounds of `parameter`; None stays None."""
    if value is None:
        return None
    number: float | complex | None = None
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, complex | np.complexfloating):
        number = complex(value)
    if number is None or not parameter.holds(number.real):
        raise InputError(f"{element_name(element)}: {parameter.name}: read {value!r}; expected {parameter.allowed}")
    return number


def _flattened(items: Sequence[Circuit], kind: type[Series] | type[Parallel]) -> tuple[Circuit, ...]:
    name = kind.__name__.lower()
    for item in items:
        if not isinstance(item, Circuit):
            raise InputError(f"{name} connection: read {item!r}; expected circuits")
    flat = tuple(inner for item in items for inner in (item.parts if isinstance(item, kind) else (item,)))
    if len(flat) < 2:
        raise InputError(f"{name} connection: read {len(flat)} circuits; expected two or more")
    return flat


def _frequencies(omega: npt.ArrayLike) -> Array:
    given = np.atleast_1d(np.asarray(omega))
    if given.ndim != 1 or given.dtype.kind not in "iuf" or not np.all(given >= 0):
        raise InputError("omega: read something else than a list of real numbers from 0 to infinity [rad/s]")
    return given.astype(np.float64)


def add(values: Sequence[Complex]) -> Complex:
    """Sum of impedances or admittances; infinite, without a phase, where one of them is."""
    total = np.sum(np.broadcast_arrays(*values), axis=0)
    return np.where(np.isinf(total), OPEN, total)
