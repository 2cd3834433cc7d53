"""A whole fit: data read, the case fitted, the grid checked, likelihoods followed, circuits compared."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.fits import FitTable
from miecsim.case.load import Case
from miecsim.case.resolve import canonical
from miecsim.circuit.compose import Circuit
from miecsim.errors import InputError, SolveError
from miecsim.fitting.circuits import agreement, circuits_of, fit_circuit
from miecsim.fitting.data import Loaded, assigned, load
from miecsim.fitting.doubts import contradicted, moved_by_grid, outliers
from miecsim.fitting.model import CaseForward, Seat, free_parameters, seats_of
from miecsim.fitting.record import (
    INTERRUPTED,
    Agreement,
    CircuitRecord,
    FitRecord,
    FurtherRecord,
    ParameterRecord,
    ProfileRecord,
    SpectrumRecord,
    StartRecord,
)
from miecsim.fitting.weighing import weigh
from miecsim.inverse.fit import Fit, fit
from miecsim.inverse.forward import FreeParameter
from miecsim.inverse.profile_likelihood import profile
from miecsim.results import software_versions
from miecsim.typing import Array, Complex

Progress = Callable[[str, float], None]  # (what is being done, fraction of the whole)

GRIDS = 3  # made at most: where a fit ends far from its start, its cells follow
SAME = 1e-3  # relative: costs of starts that ended at one minimum


@dataclass(frozen=True, eq=False)
class Job:
    """A case and the spectra that it is fitted to. input_hash: of the case, its [fit] table and the data."""

    case: Case
    fit: FitTable
    loaded: tuple[Loaded, ...]
    seats: tuple[Seat, ...]
    circuits: tuple[Circuit, ...]
    input_hash: str


@dataclass(eq=False)
class _Counted:
    """A model that tells how often it was asked, so that a long fit is seen to go on."""

    forward: CaseForward
    tell: Callable[[int], None]
    asked: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return self.forward.names

    def spectra(self, values: Array) -> tuple[Complex, ...]:
        self._count()
        return self.forward.spectra(values)

    def gradients(self, values: Array) -> tuple[tuple[Complex, Complex], ...]:
        self._count()
        return self.forward.gradients(values)

    def _count(self) -> None:
        self.asked += 1
        self.tell(self.asked)


def prepare(case: Case, given: Sequence[str]) -> Job:
    """Everything read that a fit needs; `given`: FILE or NAME=FILE of the command line. Raises InputError."""
    if case.fit is not None and not case.studies:
        raise InputError(
            f"{case.file}: study: read nothing (the key is missing); expected [[study]], which data are of"
        )
    found = assigned(case, given)
    assert case.fit is not None  # assigned asks for it
    if case.model == MICROSTRUCTURE:
        raise InputError(f'{case.file}: fit: read model = "{MICROSTRUCTURE}"; expected a case of layers')
    loaded = load(case, found)
    seats = seats_of(case.fit, [one.of for one in loaded])
    told = [case.input_hash, canonical(case.raw["fit"]), *(f"{one.of.name}={one.digest}" for one in loaded)]
    circuits = circuits_of(case.fit, case.file)
    return Job(case, case.fit, loaded, seats, circuits, hashlib.sha256("\n".join(told).encode()).hexdigest())


def run_fit(job: Job, progress: Progress | None = None) -> FitRecord:
    """The fit of a case to its data.

    Ctrl-C while likelihoods are followed or circuits fitted leaves those out, which a remark says; before, it ends the
    run. Raises InputError where the case cannot be solved at its start, SolveError where no start led to a fit.
    """
    tell = progress or (lambda what, done: None)
    timings: dict[str, float] = {}
    begin = time.perf_counter()
    try:
        forward, found = _fitted(job, tell)
    except InputError as error:
        raise InputError(f"{job.case.file}: {error}") from None
    except SolveError as error:
        raise SolveError(f"{job.case.file}: {error}") from None
    timings["fit"] = time.perf_counter() - begin
    profiles: list[ProfileRecord] = []
    circuits: list[tuple[CircuitRecord, Agreement]] = []
    further: tuple[tuple[FurtherRecord, ...], int] = ((), 0)
    remarks = [*_of_starts(found), *outliers(found), *contradicted(found), *_of_grid(forward, found)]
    begin = time.perf_counter()
    try:
        _follow(job, forward, found, profiles, tell)
        timings["profiles"] = time.perf_counter() - begin
        remarks += _compare(job, circuits, tell)
        begin = time.perf_counter()
        if job.fit.next:
            further = weigh(job.case, job.loaded, job.seats, forward, found, tell)
        timings["next"] = time.perf_counter() - begin
    except KeyboardInterrupt:
        left = len(job.fit.profile) + len(job.fit.circuits)
        said = f"{INTERRUPTED}of {left} profiles and circuits, those that were not done are left out"
        remarks.append(said + (", and so are further experiments" if job.fit.next else ""))
    record = _record(job, forward, found, profiles, circuits, remarks, timings)
    if job.fit.relaxation:
        record = _with_poles(record, forward, found, tell)
    return replace(record, further=further[0], weighed=further[1])


def _with_poles(record: FitRecord, forward: CaseForward, found: Fit, tell: Progress) -> FitRecord:
    """With the relaxation times of the model of each of the data; a remark for one that has none."""
    spectra, said = [], []
    for i, one in enumerate(record.spectra):
        tell(f"relaxation times: {one.name}", 0.97)
        try:
            spectra.append(replace(one, poles=forward.poles(found.values, i)))
        except (InputError, SolveError) as error:
            said.append(f"{one.name}: no relaxation times of the model, {error}")
            spectra.append(one)
    return replace(record, spectra=tuple(spectra), remarks=(*record.remarks, *said))


def _fitted(job: Job, tell: Progress) -> tuple[CaseForward, Fit]:
    """The fit, on grids that resolve the spectra where it ends."""
    parameters = free_parameters(job.seats)
    data = [one.data for one in job.loaded]
    start = np.array([p.start for p in parameters])
    tell("grid", 0.0)
    forward = CaseForward(job.case, job.seats, [(one.of, one.data.frequency) for one in job.loaded], start)
    forward.check(start)
    count, done, said = job.fit.starts, 0.0, "first start" if job.fit.starts == 1 else "spectra of possible starts"

    def during(asked: int) -> None:
        tell(f"{said} ({asked} evaluations)", done)

    def after(number: int, cost: float) -> None:
        nonlocal done, said
        done, said = 0.5 * (number + 1) / count, f"start {min(number + 2, count)} of {count}, misfit so far {cost:.4g}"

    found = fit(_Counted(forward, during), parameters, data, starts=count, seed=job.fit.seed, tell=after)
    for _ in range(GRIDS - 1):
        if forward.resolves(found.values):
            break
        said = "fit on a finer grid"
        forward = forward.gridded(found.values)
        again = fit(_Counted(forward, during), _from(parameters, found), data, also=found.rivals)
        found = replace(again, starts=found.starts)
    return forward, found


def _from(parameters: Sequence[FreeParameter], found: Fit) -> list[FreeParameter]:
    """The parameters with the values of a fit as start."""
    return [replace(p, start=float(v)) for p, v in zip(parameters, found.values, strict=True)]


def _of_starts(found: Fit) -> list[str]:
    """What the starts say together."""
    if len(found.starts) == 1:
        return []
    best = min(one.cost for one in found.starts)
    alike = sum(1 for one in found.starts if one.cost <= best * (1 + SAME))
    failed = sum(1 for one in found.starts if one.failed)
    return [
        f"{alike} of {len(found.starts)} starts ended at the best misfit" + (f", {failed} failed" if failed else "")
    ]


def _of_grid(forward: CaseForward, found: Fit) -> list[str]:
    try:
        return moved_by_grid(forward, forward.finer(found.values).spectra(found.values), found)
    except (InputError, SolveError):
        return []  # a grid that fails where the other does not tells nothing of it


def _follow(job: Job, forward: CaseForward, found: Fit, out: list[ProfileRecord], tell: Progress) -> None:
    """The likelihood along the parameters that the case names."""
    wanted = [seat for seat in job.seats if seat.key.key in job.fit.profile]
    for number, seat in enumerate(wanted):
        part, said = 0.5 + 0.4 * number / len(wanted), f"likelihood along {seat.name}"
        counted = _Counted(forward, partial(_tell_count, tell, said, part))
        try:
            p = profile(counted, found, seat.name)
        except SolveError as error:
            nothing = np.zeros(0)
            out.append(
                ProfileRecord(seat.name, seat.key.unit, seat.key.log, nothing, nothing, 0.0, np.inf, 0.0, str(error))
            )
            continue
        out.append(ProfileRecord(p.name, p.unit, p.log, p.values, p.rise, p.low, p.high, p.levels[1] ** 2))


def _tell_count(tell: Progress, said: str, part: float, asked: int) -> None:
    tell(f"{said} ({asked} evaluations)", part)


def _compare(job: Job, out: list[tuple[CircuitRecord, Agreement]], tell: Progress) -> list[str]:
    """Every circuit of the case, fitted to each of the data alone; a line for each that cannot be."""
    said = []
    for circuit, composed in zip(job.fit.circuits, job.circuits, strict=True):
        for one in job.loaded:
            tell(f"circuit {circuit.name}: {one.of.name}", 0.9)
            try:
                out.append(fit_circuit(circuit, composed, one.data, job.fit.starts, job.fit.seed))
            except (InputError, SolveError) as error:
                said.append(f"circuit {circuit.name}: {one.of.name}: left out, {error}")
    return said


# ---- the record ----


def _record(
    job: Job,
    forward: CaseForward,
    found: Fit,
    profiles: Sequence[ProfileRecord],
    circuits: Sequence[tuple[CircuitRecord, Agreement]],
    remarks: Sequence[str],
    timings: dict[str, float],
) -> FitRecord:
    spectra = tuple(
        _spectrum(one, forward.unit, Z, r) for one, Z, r in zip(job.loaded, found.Z, found.residuals, strict=True)
    )
    own = [agreement("continuum", len(job.seats), found, i) for i in range(len(job.loaded))]
    return FitRecord(
        title=job.case.title,
        source=job.case.source,
        file=job.case.file,
        case=job.case.resolved,
        fit_table=job.case.raw["fit"],
        input_hash=job.input_hash,
        versions=software_versions(),
        timings=timings,
        weighting=job.fit.weighting,
        parameters=tuple(_parameter(seat, found, i, profiles) for i, seat in enumerate(job.seats)),
        covariance=found.covariance,
        correlation=found.correlation,
        spectra=spectra,
        profiles=tuple(profiles),
        starts=tuple(_start(one.start, one.end, one.cost, one.failed) for one in found.starts),
        circuits=tuple(record for record, _ in circuits),
        agreements=(*own, *(how for _, how in circuits)),
        open_combinations=found.open_combinations(),
        remarks=tuple(remarks),
        chi2=found.chi2,
        dof=float(found.dof),
        noise=found.noise,
        aic=found.aic,
        bic=found.bic,
        evaluations=found.evaluations,
    )


def _start(start: Array, end: Array, cost: float, failed: str) -> StartRecord:
    return StartRecord(tuple(map(float, start)), tuple(map(float, end)), float(cost), failed)


def _spectrum(one: Loaded, unit: str, Z: Complex, residual: Complex) -> SpectrumRecord:
    of, data = one.of, one.data
    about = (of.name, of.study, of.group, str(one.path), one.digest, dict(of.settings), unit)
    points = (data.frequency, data.Z, data.sigma, data.known, Z, residual)
    return SpectrumRecord(*about, *points, one.removed, one.remarks, one.threshold)


def _parameter(seat: Seat, found: Fit, i: int, profiles: Sequence[ProfileRecord]) -> ParameterRecord:
    """A fitted value. A likelihood that does not rise on either side says that there is none."""
    key = seat.key
    own = next((p for p in profiles if p.name == seat.name and p.values.size), None)
    identified, said = bool(found.identified[i]), found.report()[i]
    low, high = float(found.low[i]), float(found.high[i])
    if own is not None:
        low, high = own.low, own.high
        flat = [side for side, end in (("below", own.low), ("above", own.high)) if end in (0.0, np.inf, -np.inf)]
        if identified and flat:
            identified = False
            said = f"{seat.name} is not identified: its likelihood does not fall {' or '.join(flat)} the best value"
    return ParameterRecord(
        seat.name,
        key.key,
        seat.group,
        key.unit,
        key.log,
        float(found.values[i]),
        float(found.error[i]),
        low,
        high,
        key.start,
        (key.low, key.high),
        key.prior,
        identified,
        int(found.at_bound[i]),
        said,
    )
