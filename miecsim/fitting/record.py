"""What a fit found, as plain data: what is stored, drawn and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from miecsim.fitting.data import Removed
from miecsim.inverse.poles import Poles
from miecsim.typing import Array, Complex


@dataclass(frozen=True)
class ParameterRecord:
    """One fitted value in SI `unit` ("" for a pure number). error: standard error of ln p where `log`, else of p, inf
    where nothing fixes it; low, high: its 95 % limits. group: of the data that it belongs to, "" for all. at_bound: -1
    at the lower, 1 at the upper, 0 inside. statement: the value in words, or that it is not identified and why."""

    name: str
    key: str
    group: str
    unit: str
    log: bool
    value: float
    error: float
    low: float
    high: float
    start: float
    bounds: tuple[float, float]
    prior: tuple[float, float] | None
    identified: bool
    at_bound: int
    statement: str


@dataclass(frozen=True, eq=False)
class SpectrumRecord:
    """One measured spectrum and its fit, Z in `unit`. residual: (Z - fitted)/sigma; sigma up to the common factor of
    FitRecord where `known` is False. threshold: of the Kramers-Kronig filter, 0 where all points were kept; poles: the
    relaxation times of the model, where they were asked for."""

    name: str
    study: str
    group: str
    file: str
    digest: str
    settings: Mapping[str, Any]
    unit: str
    frequency: Array
    Z: Complex
    sigma: Array
    known: bool
    fitted: Complex
    residual: Complex
    removed: tuple[Removed, ...]
    remarks: tuple[str, ...]
    threshold: float = 0.0
    poles: Poles | None = None


@dataclass(frozen=True, eq=False)
class ProfileRecord:
    """How the misfit rises along one parameter while all others are fitted again: rise of chi2 (n,) at values (n,) of
    the parameter, and where it crosses the 95 % `limit`, infinite (or 0) where it does not."""

    name: str
    unit: str
    log: bool
    values: Array
    rise: Array
    low: float
    high: float
    limit: float
    remark: str = ""


@dataclass(frozen=True)
class StartRecord:
    """One descent: where it began and ended (in SI, in the order of the parameters), half the sum of squares, and in
    `failed` why it did not end."""

    start: tuple[float, ...]
    end: tuple[float, ...]
    cost: float
    failed: str


@dataclass(frozen=True, eq=False)
class CircuitRecord:
    """A circuit fitted to one of the data, for comparison with the continuum: values (n,) with the standard errors of
    their logarithms, the fitted spectrum, and what is said of each value."""

    name: str
    string: str
    data: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: Array
    errors: Array
    fitted: Complex
    chi2: float
    dof: float
    aic: float
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """How well a model explains one of the data: root mean square and largest residual, of |Z|, and what is said of
    the order of the residuals (empty where they are as random as noise)."""

    data: str
    model: str
    parameters: int
    rms: float
    largest: float
    at: float  # Hz, of the largest
    systematic: str


@dataclass(frozen=True)
class Prediction:
    """What a further experiment would make of an open parameter: its standard error (of ln p where `log`, else of p)
    where the fit ends, and the best and the worst of the values seen that fit as well. fixed: whether it would then be
    known well enough at some of these values; sure: at all."""

    name: str
    unit: str
    log: bool
    error: float
    best: float
    worst: float
    fixed: bool
    sure: bool


@dataclass(frozen=True)
class FurtherRecord:
    """A further experiment that was weighed: `points` frequencies between low and high [Hz]."""

    name: str
    study: str
    settings: Mapping[str, Any]
    low: float
    high: float
    points: int
    predictions: tuple[Prediction, ...]

    @property
    def fixes(self) -> tuple[Prediction, ...]:
        return tuple(p for p in self.predictions if p.fixed)


@dataclass(frozen=True, eq=False)
class FitRecord:
    """A fit. covariance, correlation (n_p, n_p): of ln p (p where a parameter is not on a logarithmic scale). noise:
    the factor of the sigma that are known only up to it. open_combinations: what the data leave open, in words.
    further: the best of the further experiments that were `weighed`, none where nothing is open."""

    title: str
    source: str
    file: str
    case: Mapping[str, Any]
    fit_table: Mapping[str, Any]
    input_hash: str
    versions: Mapping[str, str]
    timings: Mapping[str, float]
    weighting: str
    parameters: tuple[ParameterRecord, ...]
    covariance: Array
    correlation: Array
    spectra: tuple[SpectrumRecord, ...]
    profiles: tuple[ProfileRecord, ...]
    starts: tuple[StartRecord, ...]
    circuits: tuple[CircuitRecord, ...]
    agreements: tuple[Agreement, ...]
    open_combinations: tuple[str, ...]
    remarks: tuple[str, ...]
    chi2: float
    dof: float
    noise: float
    aic: float
    bic: float
    evaluations: int
    further: tuple[FurtherRecord, ...] = ()
    weighed: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C left something out."""
        return any(remark.startswith(INTERRUPTED) for remark in self.remarks)

    @property
    def correlated(self) -> tuple[tuple[str, str, float], ...]:
        """Pairs of parameters whose correlation exceeds 0.95 in modulus."""
        names = [p.name for p in self.parameters]
        pairs = [(i, j) for i in range(len(names)) for j in range(i)]
        return tuple(
            (names[j], names[i], float(self.correlation[i, j]))
            for i, j in pairs
            if abs(self.correlation[i, j]) > CORRELATED
        )


CORRELATED = 0.95
INTERRUPTED = "interrupted: "  # how such a remark begins
