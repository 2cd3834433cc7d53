"""What a proof is, and what running it leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Complex

ORDER_TOLERANCE = 0.1  # of a fitted order of convergence about its expected value
FEWEST = 20  # cells that resolve every sample well enough for an order of convergence
MISREAD = 10.0  # a printed formula must lie this many tolerances away from the continuum to be called wrong


@dataclass(frozen=True)
class Settings:
    """How much work to do: `quick` takes fewer frequencies and meshes, `cells` equal cells go into ladders, netlists
    and the coarsest of the refined meshes."""

    quick: bool = False
    cells: int = 60

    def __post_init__(self) -> None:
        if self.cells < FEWEST:
            raise InputError(f"cells: read {self.cells}; expected {FEWEST} or more, below which no order can be fitted")

    @property
    def refined(self) -> tuple[int, ...]:
        """Cells of the meshes from which the order of convergence is fitted."""
        return (self.cells, 2 * self.cells) if self.quick else (self.cells, 2 * self.cells, 4 * self.cells)


@dataclass(frozen=True, eq=False)
class SpectrumCurve:
    """A computed spectrum beside its closed form: frequency (n_f,) [Hz], Z and exact (n_f,) in `unit`."""

    frequency: Array
    Z: Complex
    exact: Complex
    unit: str


@dataclass(frozen=True, eq=False)
class ConvergenceCurve:
    """Largest relative error of Z on meshes of `cells` equal cells per layer, or per what `each` says."""

    cells: Array
    error: Array
    each: str = "cells per layer"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a measurement found: the figure read, the one it should be, how far apart they are.

    value, reference: at the frequency of the largest error, |Z| for a spectrum, in `unit`. error: relative. `printed`:
    the figure that a misprinted formula gives, where the proof is about one. order: None where nothing converges.
    """

    value: float
    reference: float
    error: float
    unit: str = "ohm"
    order: float | None = None
    printed: float | None = None
    note: str = ""
    spectrum: SpectrumCurve | None = None
    convergence: ConvergenceCurve | None = None


@dataclass(frozen=True)
class Proof:
    """A statement to be tested. `measure` may raise SolveError, which fails it, or Skipped, which leaves it out.

    order: the order of convergence that the outcome must show, where it has one.
    """

    id: str
    title: str
    family: str
    equation: str
    source: str
    tolerance: float
    measure: Callable[[], Outcome]
    order: float | None = None


class Skipped(Exception):
    """A proof that cannot be run here; the text says what is missing."""


@dataclass(frozen=True, eq=False)
class Row:
    """A proof that was run. value, reference and error are None where the solve failed, as `note` then says."""

    id: str
    title: str
    family: str
    equation: str
    source: str
    value: float | None
    reference: float | None
    printed: float | None
    unit: str
    error: float | None
    tolerance: float
    order: float | None
    passed: bool
    seconds: float
    note: str = ""
    spectrum: SpectrumCurve | None = None
    convergence: ConvergenceCurve | None = None

    def as_json(self) -> dict[str, Any]:
        """Every field but the curves; numbers that JSON cannot hold become null."""
        fields = asdict(self)
        del fields["spectrum"], fields["convergence"]
        return {name: _finite(value) for name, value in fields.items()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge(proof: Proof, outcome: Outcome, seconds: float) -> Row:
    """A proof holds if the error is within its tolerance, the order within 0.1, and the misprint clearly off."""
    passed = bool(outcome.error <= proof.tolerance)
    if proof.order is not None and outcome.order is not None:
        passed &= abs(outcome.order - proof.order) <= ORDER_TOLERANCE
    if outcome.printed is not None:
        scale = max(abs(outcome.value), abs(outcome.reference))
        passed &= abs(outcome.printed - outcome.value) > MISREAD * proof.tolerance * scale
    return _row(
        proof,
        seconds,
        value=outcome.value,
        reference=outcome.reference,
        printed=outcome.printed,
        unit=outcome.unit,
        error=outcome.error,
        order=outcome.order,
        passed=bool(passed),
        note=outcome.note,
        spectrum=outcome.spectrum,
        convergence=outcome.convergence,
    )


def failed(proof: Proof, why: str, seconds: float) -> Row:
    """A proof whose solve failed."""
    return _row(
        proof,
        seconds,
        value=None,
        reference=None,
        printed=None,
        unit="",
        error=None,
        order=None,
        passed=False,
        note=why,
    )


def _row(proof: Proof, seconds: float, **found: Any) -> Row:
    named = {name: getattr(proof, name) for name in ("id", "title", "family", "equation", "source", "tolerance")}
    return Row(**named, **found, seconds=seconds)


def single(value: complex, reference: complex, unit: str, note: str, **more: Any) -> Outcome:
    """One figure, real or complex, beside what it should be; `more` as the fields of an outcome."""
    return Outcome(float(abs(value)), float(abs(reference)), float(abs(value / reference - 1)), unit, note=note, **more)


def compare(Z: Complex, exact: Complex) -> tuple[float, float, float, int]:
    """(|Z|, |exact|, largest relative error, its index) of two spectra; an error that is not a number counts as
    infinite."""
    error = np.abs(Z - exact) / np.abs(exact)
    error = np.where(np.isfinite(error), error, np.inf)
    worst = int(np.argmax(error))
    return float(abs(Z[worst])), float(abs(exact[worst])), float(error[worst]), worst
