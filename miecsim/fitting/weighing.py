"""What further experiments would make of the parameters that a fit leaves open.

Information of independent experiments adds: that of the data at hand with their own weights, that of what is known
beforehand, and that of a further spectrum with the relative noise of the data (`miecsim.inverse.experiments`). It is
that of the linear view where the fit ends. Where a parameter is open this may be far from the truth: the best
experiments are looked at where other values fit the data as well, too, and the worst that comes of it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.case.load import Case
from miecsim.errors import InputError, SolveError
from miecsim.fitting.data import Loaded
from miecsim.fitting.further import Experiment, experiments
from miecsim.fitting.model import CaseForward, Seat, free_parameters, seats_of
from miecsim.fitting.record import FurtherRecord, Prediction
from miecsim.inverse.experiments import next_experiments
from miecsim.inverse.fit import Fit
from miecsim.inverse.forward import FitData, FreeParameter
from miecsim.inverse.gradients import Gradients
from miecsim.inverse.identifiability import information
from miecsim.inverse.misfit import Misfit
from miecsim.inverse.modes import UNKNOWN
from miecsim.typing import Array, Bools, Complex

OPEN = 0.2  # standard error, relative, above which a parameter is worth another experiment
LESS = 0.7  # of the error without it: an experiment that narrows by less is not what fixes a parameter
SHOWN = 3
_LOOKED_INTO = 4  # of the best, at other values that fit
_OTHERS = 4  # of these values

Tell = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class _Question:
    """A fit, the parameters (n_p,) that it leaves open, and the error of each scaled parameter that is asked for."""

    case: Case
    loaded: tuple[Loaded, ...]
    seats: tuple[Seat, ...]
    misfit: Misfit
    open: Bools
    asked: Array

    @property
    def noise(self) -> float:
        """Of |Z|, of the data."""
        own = zip(self.misfit.data, self.misfit.factors, strict=True)
        return float(np.median(np.concatenate([s * one.sigma / np.abs(one.Z) for one, s in own])))


@dataclass(frozen=True, eq=False)
class _Answer:
    """What an experiment makes of the errors (n_p,) of scaled parameters, and which open ones it fixes."""

    name: str
    error: Array
    fixed: Bools


def weigh(
    case: Case, loaded: Sequence[Loaded], seats: Sequence[Seat], forward: CaseForward, found: Fit, tell: Tell
) -> tuple[tuple[FurtherRecord, ...], int]:
    """The best further experiments and how many were weighed; () and 0 where the fit leaves nothing open."""
    misfit = Misfit(forward, found.parameters, found.data, found.noise)
    asked = _asked(found.parameters, found.values, misfit.units)
    question = _Question(case, tuple(loaded), tuple(seats), misfit, ~found.identified | (found.error > asked), asked)
    if not question.open.any():
        return (), 0
    named = {one.name: one for one in experiments(case, loaded, seats, question.open)}
    tell(f"{len(named)} further experiments", 0.9)
    ranked = _answers(question, found.values, named)
    best = {one.name: named[one.name] for one in ranked[:_LOOKED_INTO]}
    elsewhere = []
    for number, values in enumerate(_other_values(question, found)):
        tell(f"further experiments at other values that fit ({number + 1})", 0.9)
        elsewhere.append({one.name: one for one in _answers(question, values, best)})
    records = [_record(question, named[one.name], one, elsewhere) for one in ranked[:_LOOKED_INTO]]
    records.sort(key=lambda one: (-sum(p.sure for p in one.predictions), -len(one.fixes)))
    return tuple(records[:SHOWN]), len(ranked)


def _asked(parameters: Sequence[FreeParameter], values: Array, units: Array) -> Array:
    """OPEN of ln p; of p on a linear scale, but no more than what counts as identified."""
    linear = [min(OPEN * abs(v), UNKNOWN * u) or UNKNOWN * u for v, u in zip(values, units, strict=True)]
    return np.array([OPEN if p.log else own for p, own in zip(parameters, linear, strict=True)])


def _other_values(question: _Question, found: Fit) -> list[Array]:
    """Values (n_p,) in SI that fit as well: other minima, and values along what is known worst."""
    worst = sorted(np.flatnonzero(question.open), key=lambda i: -found.error[i])
    along = [found.alike[i] for i in worst] if found.alike else []
    return [*found.rivals, *(values for points in along for values in points)][:_OTHERS]


# ---- at given values ----


def _answers(question: _Question, values: Array, named: dict[str, Experiment]) -> list[_Answer]:
    """The answer of each experiment at these values (n_p,), best first; without those that have no spectrum there."""
    try:
        done = _done(question, values)
    except SolveError:
        return []
    before = information(done, 1.0).error
    candidates = {}
    for name, one in named.items():
        try:
            candidates[name] = _would_give(question, one, values)
        except (InputError, SolveError):
            continue
    out = []
    for found in next_experiments(done, candidates, 1.0):
        after = found.information.error[: values.size]  # the parameters of `done` come first
        narrowed = (after < UNKNOWN) & (after < LESS * before) & question.open
        out.append(_Answer(found.name, after * question.asked / UNKNOWN, np.asarray(narrowed)))
    return sorted(out, key=lambda one: -int(one.fixed.sum()))


def _done(question: _Question, values: Array) -> list[Gradients]:
    """The data at hand and what is known beforehand, as spectra of unit noise by parameters near 1, of which UNKNOWN is
    the error that is asked for."""
    misfit, units = question.misfit, question.asked / UNKNOWN
    names = tuple(p.name for p in misfit.parameters)
    slopes = misfit.slopes(misfit.scaled(values))
    own = zip(misfit.data, misfit.factors, slopes, strict=True)
    rows = [dZ / (s * one.sigma) for one, s, (_, dZ) in own]
    return [_of_unit_noise(names, units, row) for row in (*rows, _priors(misfit))]


def _would_give(question: _Question, one: Experiment, values: Array) -> Gradients:
    """The same of a further experiment, with the values of `each` parameters that it alone has."""
    fit = question.case.fit
    assert fit is not None  # there is no fit without its table
    new = [seat for seat in seats_of(fit, [one.of]) if seat not in question.seats]
    seats = (*question.seats, *new)
    free = free_parameters(seats)
    all_values = np.array([*values, *(_guess(question, seat, values) for seat in new)])
    forward = CaseForward(question.case, seats, [(one.of, one.frequency)], all_values)
    ones = np.ones(one.frequency.size)
    misfit = Misfit(forward, free, (FitData(one.name, one.frequency, ones.astype(complex), ones),))
    ((Z, dZ),) = misfit.slopes(misfit.scaled(all_values))
    asked = _asked(free, all_values, misfit.units)
    rows = np.hstack([dZ / (question.noise * np.abs(Z)), _priors(misfit, len(question.seats))])
    return _of_unit_noise(tuple(p.name for p in free), asked / UNKNOWN, rows)


def _guess(question: _Question, seat: Seat, values: Array) -> float:
    """A value of the same key for other data: the middle of what was found for those at hand."""
    own = [i for i, other in enumerate(question.seats) if other.key.key == seat.key.key]
    if not own:
        return seat.key.start
    middle = np.mean(question.misfit.scaled(values)[own])
    return float(np.clip(question.misfit.parameters[own[0]].value(float(middle)), seat.key.low, seat.key.high))


def _of_unit_noise(names: tuple[str, ...], units: Array, rows: Complex) -> Gradients:
    ones = np.ones(rows.shape[1])
    return Gradients(names, np.ones(units.size), ones, ones.astype(complex), units[:, None] * rows)


def _priors(misfit: Misfit, first: int = 0) -> Complex:
    """What is known beforehand of the parameters from number `first`, a column each."""
    own = [(i, d) for i, _, d in misfit.priors if i >= first]
    out = np.zeros((len(misfit.parameters), len(own)), dtype=complex)
    for column, (i, d) in enumerate(own):
        out[i, column] = 1 / d
    return out


# ---- the record ----


def _record(
    question: _Question, one: Experiment, answer: _Answer, elsewhere: Sequence[dict[str, _Answer]]
) -> FurtherRecord:
    told = []
    all_of = [answer, *(found[one.name] for found in elsewhere if one.name in found)]
    for i in np.flatnonzero(question.open):
        seat = question.seats[i]
        errors, fixed = [float(own.error[i]) for own in all_of], [bool(own.fixed[i]) for own in all_of]
        about = (seat.name, seat.key.unit, seat.key.log, errors[0])
        told.append(Prediction(*about, min(errors), max(errors), any(fixed), all(fixed)))
    f, of = one.frequency, one.of
    return FurtherRecord(of.name, of.study, dict(of.settings), float(f.min()), float(f.max()), f.size, tuple(told))
