"""Closed forms and circuits as models to be fitted, through the same interface as the continuum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from miecsim.circuit.cdc import parse_cdc, parse_string
from miecsim.circuit.compose import Circuit, did_you_mean
from miecsim.errors import InputError, SolveError
from miecsim.inverse.forward import FreeParameter
from miecsim.typing import Array, Complex

STEP = 2e-3  # of a parameter, or of 1 where it is zero, along the real axis: the error is its fourth power
TURN = 3e-6  # the same in the imaginary direction: the error is its square
_DECADES = 3.0  # to either side of the start: bounds of a parameter that the circuit does not bound
_LOWEST = 0.3  # of the range of a parameter that it does, such as the exponent of a constant phase element
Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Formula:
    """Z(values by name, frequency [Hz] (n_f,)) -> (n_f,) of one spectrum, and the names of its parameters.

    analytic: Z takes complex values of parameters and is analytic in them; its slopes are then taken in the imaginary
    direction, in which no bound is crossed. Otherwise along the real axis, to the inside where an InputError or a
    SolveError says that one is crossed. arrays: Z also takes values (n_f,), one a frequency; all slopes then come from
    a single call.
    """

    names: tuple[str, ...]
    Z: Callable[[Values, Array], Complex]
    analytic: bool = False
    arrays: bool = False

    def slopes(self, values: Values, frequency: Array) -> Complex:
        """dZ/dp (n_p, n_f) by differences: to 1e-8 or better."""
        if self.analytic and self.arrays:
            return self._slopes_at_once(values, frequency)
        turned = self._turned if self.analytic else self._moved
        return np.array([turned(values, name, frequency) for name in self.names])

    def _slopes_at_once(self, values: Values, frequency: Array) -> Complex:
        n = len(self.names)
        steps = np.array([_step(values[name], TURN) for name in self.names])
        moves = np.concatenate([np.diag(1j * steps), np.diag(-1j * steps)])
        every = {name: np.repeat(values[name] + moves[:, i], frequency.size) for i, name in enumerate(self.names)}
        Z = np.asarray(self.Z(every, np.tile(frequency, 2 * n))).reshape(2, n, frequency.size)
        return np.asarray((Z[0] - Z[1]) / (2j * steps[:, None]))

    def _turned(self, values: Values, name: str, frequency: Array) -> Complex:
        """To the second order of a small step: about 1e-9, for two calls."""
        h = _step(values[name], TURN)
        above, below = (self.Z({**values, name: values[name] + 1j * sign * h}, frequency) for sign in (1, -1))
        return np.asarray((above - below) / (2j * h))

    def _moved(self, values: Values, name: str, frequency: Array) -> Complex:
        """To the fourth order, by Richardson's rule."""
        step = _step(values[name], STEP)

        def moved(distance: float) -> Complex:
            return self.Z({**values, name: values[name] + distance}, frequency)

        try:
            near, far = ((moved(h) - moved(-h)) / (2 * h) for h in (step / 2, step))
            return np.asarray((4 * near - far) / 3)
        except (InputError, SolveError):
            return _one_sided(moved, step / 4)


def _step(value: float, share: float) -> float:
    return share * (abs(value) or 1.0)


def _one_sided(moved: Callable[[float], Complex], step: float) -> Complex:
    """Slope to the fourth order from one side, whichever has values."""
    weights = (-25 / 12, 4.0, -3.0, 4 / 3, -1 / 4)
    try:
        return np.asarray(sum(w * moved(k * step) for k, w in enumerate(weights)) / step)
    except (InputError, SolveError):
        return np.asarray(sum(w * moved(-k * step) for k, w in enumerate(weights)) / -step)


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A `Forward` of one formula a spectrum, each with its own frequencies [Hz] (n_f,). Parameters of the same name are
    shared; `names` go in the order in which the formulas first have them. InputError unless there are as many formulas
    as spectra."""

    formulas: tuple[Formula, ...]
    frequencies: tuple[Array, ...]

    def __post_init__(self) -> None:
        if len(self.formulas) != len(self.frequencies) or not self.formulas:
            raise InputError(
                f"closed form: read {len(self.formulas)} formulas and frequencies of {len(self.frequencies)} spectra; "
                "expected as many"
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for formula in self.formulas for name in formula.names))

    def spectra(self, values: Array) -> tuple[Complex, ...]:
        """Z (n_f,) of each spectrum."""
        named = dict(zip(self.names, values.tolist(), strict=True))
        with np.errstate(all="ignore"):
            return tuple(
                np.asarray(formula.Z({name: named[name] for name in formula.names}, f), dtype=np.complex128)
                for formula, f in zip(self.formulas, self.frequencies, strict=True)
            )

    def gradients(self, values: Array) -> tuple[tuple[Complex, Complex], ...]:
        """Z (n_f,) and dZ/dp (n_p, n_f) of each spectrum."""
        names, out = self.names, []
        named = dict(zip(names, values.tolist(), strict=True))
        for formula, f, Z in zip(self.formulas, self.frequencies, self.spectra(values), strict=True):
            own = {name: named[name] for name in formula.names}
            dZ = np.zeros((len(names), f.size), dtype=np.complex128)
            with np.errstate(all="ignore"):
                dZ[[names.index(name) for name in formula.names]] = formula.slopes(own, f)
            out.append((Z, dZ))
        return tuple(out)


# ---- circuits ----


def read_circuit(text: str) -> Circuit:
    """The circuit of a string as in impedance.py, "R0-p(R1,CPE1)", or else of a description code, "R(RQ)".

    InputError of the first reading where neither understands it.
    """
    try:
        return parse_string(text)
    except InputError as error:
        try:
            return parse_cdc(text)
        except InputError:
            raise error from None


def circuit_formula(circuit: Circuit | str, fixed: Mapping[str, float] | None = None) -> Formula:
    """A circuit as a formula: the parameters of its elements, as R0 or CPE1.alpha, but for those that are `fixed`.

    InputError for a circuit that cannot be read and a fixed parameter that it does not have.
    """
    held = dict(fixed or {})
    whole = read_circuit(circuit) if isinstance(circuit, str) else circuit
    unknown = [name for name in held if name not in whole.parameters()]
    if unknown:
        names = whole.parameters()
        raise InputError(
            f"circuit: read a fixed {unknown[0]}; it has {', '.join(names)}{did_you_mean(unknown[0], names)}"
        )

    def impedance(values: Values, frequency: Array) -> Complex:
        return whole.with_parameters({**held, **values}).impedance(2 * np.pi * frequency)

    return Formula(tuple(name for name in whole.parameters() if name not in held), impedance, analytic=True)


def circuit_parameters(
    circuit: Circuit | str, fixed: Sequence[str] = (), decades: float = _DECADES
) -> tuple[FreeParameter, ...]:
    """Free parameters of a circuit: its values as starts, bounds `decades` to either side on a logarithmic scale; from
    0.3 of the range on a linear scale where the element bounds it. InputError for a parameter without a value."""
    whole = read_circuit(circuit) if isinstance(circuit, str) else circuit
    units, bounds, out = whole.units(), whole.bounds(), []
    for name, value in whole.parameters().items():
        if name in fixed:
            continue
        if value is None or isinstance(value, complex):
            raise InputError(f"circuit: {name} has no value to start from; give one in braces, {name}{{...}}")
        low, high = bounds[name]
        if np.isfinite(high):
            lowest = min(low + _LOWEST * (high - low), value)
            out.append(FreeParameter(name, value, lowest, high, log=False, unit=units[name]))
        else:
            out.append(FreeParameter(name, value, value / 10**decades, value * 10**decades, log=True, unit=units[name]))
    return tuple(out)
