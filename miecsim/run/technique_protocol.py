"""Runs a protocol in time from what a case file says: what passes, what is stored, and spectra at instants of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from miecsim.case.technique_protocol import OnTerminal, Protocol, StepLimit, TimedStep
from miecsim.errors import InputError, InterruptedRunError, SolveError
from miecsim.results.checkpoint import Checkpoint, fingerprint
from miecsim.run.interrupt import deferred
from miecsim.run.rested import rested
from miecsim.run.run import operating_point, steady_profiles
from miecsim.run.technique import Bench, Runner
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.solvers.transient.protocol import Control, Limit, Ramp, Sine, Step, current, voltage
from miecsim.solvers.transient.run import Progress, Tolerance, solve_transient
from miecsim.solvers.transient.snapshot import drift, snapshot
from miecsim.solvers.transient.tell import Teller
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex, Ints
from miecsim.units import format_quantity

NOTHING = 1e-9  # of the largest charge or current: counts as none

TendsTo = Callable[[int, int], OperatingPoint | None]  # `_tends_to` of a run, over step and kept state


@dataclass(frozen=True)
class Run:
    """A protocol and what it left behind; `driven` is the number of the terminal that its steps drive."""

    bench: Bench
    parameters: Protocol
    trace: Trace
    driven: int

    @property
    def system(self) -> System:
        return self.trace.system

    @property
    def fills(self) -> bool:
        """Whether it is a cell of insertion particles between two terminals, which a current fills or empties."""
        return bool(self.system.nodes.trees) and len(self.system.terminals) == 2

    def name(self, step: int) -> str:
        return f"{self.parameters.step[step].kind}, step {step + 1}"

    def told(self) -> list[int]:
        """Steps whose ends are compared: of those that a pulse train or a repeated group runs again, the last."""
        steps = range(int(self.trace.step[-1]) + 1)
        return sorted({(self.parameters.step[k].at, self.parameters.step[k].kind): k for k in steps}.values())


@dataclass(frozen=True)
class Moment:
    """A kept state: its number, its step, how long after the beginning of that [s], and what is asked for of it."""

    state: int
    step: int
    since: float
    profile: bool
    spectrum: bool


def _protocol(bench: Bench) -> TechniqueRecord:
    p, system = bench.parameters(Protocol), bench.system
    terminals = list(system.terminals)
    driven = 0 if p.driven is None else terminals.index(p.driven)
    steps = [_step_of(system, one, i, terminals[driven]) for i, one in enumerate(p.step)]
    bench.tell("steady state")
    start = operating_point(system, None) if p.start is None else _steady(system, p.start)
    return _record(Run(bench, p, _solved(bench, start, steps, Tolerance(p.tolerance)), driven))


def _step_of(system: System, one: TimedStep, number: int, driven: str) -> Step:
    """The engine's step. InputError for a limit of something without a concentration."""
    wave: float | Ramp | Sine = one.start
    if one.kind == "ramp":
        wave = Ramp(one.start, one.end)
    elif one.kind == "sine":
        wave = Sine(one.start, one.amplitude, one.frequency)
    controls = {driven: _control(one.quantity, wave)}
    controls |= {name: _control(quantity, value) for name, quantity, value in one.others}
    limits = [_limit_of(system, limit, driven) for limit in one.limits]
    return Step(f"{number + 1} ({one.kind})", controls, one.duration, limits, one.outputs)


def _control(quantity: str, wave: float | Ramp | Sine) -> Control:
    return voltage(wave) if quantity == "voltage" else current(wave)


def _limit_of(system: System, limit: StepLimit, driven: str) -> Limit:
    if limit.quantity == "concentration":
        stored = [carrier.name for carrier in system.laws.state_map.carriers if carrier.stored]
        if limit.of not in stored:
            known = ", ".join(stored) or "(none: the layers have no carriers)"
            raise InputError(f"limit of {limit.of}: has no concentration in this model; expected one of {known}")
    return Limit(limit.quantity, limit.of or driven, limit.side, limit.value, limit.ends_run)  # type: ignore[arg-type]


def _steady(system: System, imposed: Sequence[OnTerminal], start: OperatingPoint | None = None) -> OperatingPoint:
    volts = {name: value for name, quantity, value in imposed if quantity == "voltage"}
    amperes = {name: value for name, quantity, value in imposed if quantity == "current"}
    return solve_steady(system, volts, currents=amperes, start=start)


# ------------------------------------------------------------------------------ progress and interruption


def _solved(bench: Bench, start: OperatingPoint, steps: Sequence[Step], tolerance: Tolerance) -> Trace:
    """The run; with a folder for checkpoints it goes on from where it was interrupted, and can be again."""
    tell = Teller(bench.tell, steps)
    if bench.checkpoints is None:
        return solve_transient(start, steps, tolerance=tolerance, progress=tell)
    mark = fingerprint(start, steps, tolerance, bench.case.input_hash)
    path = bench.checkpoints / f"{bench.experiment.name}.checkpoint.npz"
    with deferred() as asked:
        checkpoint = Checkpoint(path, mark, stop=asked)
        try:
            resume = checkpoint.resume()
        except InputError:
            raise InputError(
                f"{path}: holds an interrupted run of another input (or of the case before it was edited); --force "
                "begins anew, --out DIR keeps both"
            ) from None

        def progress(now: Progress) -> None:
            tell(now)
            checkpoint(now)

        try:
            return solve_transient(start, steps, tolerance=tolerance, resume=resume, progress=progress)
        except InterruptedRunError:
            kept = f"{path} keeps it, and the same command goes on from there"
            lost = "too early to be worth keeping, and the same command begins anew"
            where = f"experiment {bench.experiment.name} after {tell.share:.0%} of its protocol"
            raise InterruptedRunError(f"{where}: {kept if path.exists() else lost}") from None


# ------------------------------------------------------------------------------------------------ record


def _record(run: Run) -> TechniqueRecord:
    trace = run.trace
    moments = _moments(run)
    tends_to = cache(partial(_tends_to, run))  # asked for the end of a step twice where a spectrum is taken there
    spectra, of_spectra, notes = _spectra(run, [one for one in moments if one.spectrum], tends_to)
    tables: dict[str, Table] = {"record": _table_of_record(run), "steps": _table_of_steps(run)}
    profiles = [one for one in moments if one.profile]
    if profiles:
        tables["profiles"] = _profiles(run, profiles)
    if spectra:
        tables["spectra"] = spectra
    ended, steady = _remarks(run), _against_steady(run, tends_to)
    compared = (*_charges(run), *steady, *of_spectra)
    return TechniqueRecord("protocol", tables, compared, (*ended, *notes), trace.conservation)


def _began(trace: Trace) -> Array:
    """When each step of the protocol that was run began [s]."""
    return np.concatenate([[0.0], trace.time[_last(trace)[:-1]]])


def _last(trace: Trace) -> Ints:
    """The last internal step of each step of the protocol that was run."""
    return np.searchsorted(trace.step, np.arange(trace.step[-1] + 1), side="right") - 1


def _moments(run: Run) -> list[Moment]:
    """Every kept state."""
    trace, began, out = run.trace, _began(run.trace), []
    for i, t in enumerate(trace.state_time):
        k = max(0, int(np.searchsorted(began * (1 + 1e-12), t, side="left")) - 1)
        one, since = run.parameters.step[k], float(t - began[k])
        profile, spectrum = (
            any(abs(since - at) <= 1e-9 * one.duration for at in times) for times in (one.profiles_at, one.spectra_at)
        )
        out.append(Moment(i, k, since, profile, spectrum))
    return out


def _table_of_record(run: Run) -> Table:
    """Every internal step: time, step (from 1), voltage, current and charge of the driven terminal, and of the others
    where there is more to tell than that they are at 0 V and carry it away."""
    trace, system = run.trace, run.system
    per = "/m^2" if system.per_area else ""
    table = {"time": (trace.time, "s"), "step": (np.asarray(trace.step, dtype=float) + 1, "-")}
    for i in (run.driven, *(i for i in range(len(system.terminals)) if i != run.driven)):
        more = "" if i == run.driven else f", {system.terminals[i]}"
        if not more or len(system.terminals) > 2 or np.any(trace.voltage[:, i]):
            table[f"voltage{more}"] = (trace.voltage[:, i], "V")
            table[f"current{more}"] = (trace.current[:, i], f"A{per}")
            table[f"charge{more}"] = (_charge(trace, i), f"C{per}")
    return table


def _charge(trace: Trace, terminal: int) -> Array:
    """Charge (n_t,) that passed all contacts of a terminal into the cell since before the run."""
    return np.asarray(trace.charge[:, [p.port == terminal for p in trace.system.ports]].sum(axis=1))


def _table_of_steps(run: Run) -> Table:
    trace, began = run.trace, _began(run.trace)
    last = _last(trace)
    per = "/m^2" if run.system.per_area else ""
    return {
        "step": (np.arange(1.0, began.size + 1), "-"),
        "start": (began, "s"),
        "lasted": (trace.time[last] - began, "s"),
        "voltage": (trace.voltage[last, run.driven], "V"),
        "current": (trace.current[last, run.driven], f"A{per}"),
        "charge": (_gains(_charge(trace, run.driven), last), f"C{per}"),
    }


def _gains(charge: Array, last: Ints) -> Array:
    """Charge that passed within each step, given that of every internal step and the last of each step."""
    return np.diff(charge[last], prepend=0.0)


def _profiles(run: Run, moments: Sequence[Moment]) -> Table:
    """Potentials and concentrations along the cell at each kept time, one below the other."""
    columns: dict[str, tuple[list[Array], str]] = {"time": ([], "s"), "position": ([], "m")}
    for one in moments:
        x, profiles = steady_profiles(snapshot(run.trace, one.state))
        columns["time"][0].append(np.full(x.size, run.trace.state_time[one.state]))
        columns["position"][0].append(x)
        for name, (values, unit) in profiles.items():
            columns.setdefault(name, ([], unit))[0].append(values)
    return {name: (np.concatenate(parts), unit) for name, (parts, unit) in columns.items()}


# ----------------------------------------------------------------------------------------------- compared


def _charges(run: Run) -> list[Compared]:
    """What passed the driven terminal in each step, against what left by all others: no charge is stored in a cell."""
    trace, last = run.trace, _last(run.trace)
    others = [i for i in range(len(run.system.terminals)) if i != run.driven]
    into = _gains(_charge(trace, run.driven), last)
    out = -sum((_gains(_charge(trace, i), last) for i in others), np.zeros(last.size))
    unit = "C/m^2" if run.system.per_area else "C"
    least = NOTHING * float(np.max(np.abs(into), initial=0.0))
    steps = [k for k in run.told() if abs(into[k]) > least]
    return [Compared("charge", float(into[k]), float(out[k]), unit, run.name(k)) for k in steps]


def _against_steady(run: Run, tends_to: TendsTo) -> list[Compared]:
    """What each step at a constant voltage or current ended with, against the steady state that it tends to."""
    trace, last, out = run.trace, _last(run.trace), []
    scale = float(np.max(np.abs(trace.current[:, run.driven]), initial=0.0))
    volts = float(np.max(np.abs(trace.voltage[:, run.driven]), initial=0.0))
    for k in run.told():
        one, end = run.parameters.step[k], last[k]
        number = int(np.flatnonzero(trace.state_time == trace.time[end])[0])
        steady = tends_to(k, number)
        if steady is None:
            continue
        what = "current" if one.quantity == "voltage" else "voltage"
        if what == "current":
            read, true, unit, size = trace.current[end], steady.currents, "A/m^2" if run.system.per_area else "A", scale
        else:
            read, true, unit, size = trace.voltage[end], steady.voltages, "V", volts
        value = float(true[run.driven])
        if what == "voltage" and run.fills:  # at rest the cell floats
            other = 1 - run.driven
            value -= float(true[other] - trace.voltage[end, other])
        value = value if abs(value) > NOTHING * size else 0.0
        out.append(Compared(what, float(read[run.driven]), value, unit, run.name(k)))
    return out


def _tends_to(run: Run, step: int, state: int) -> OperatingPoint | None:
    """The steady state under the control of a step, None where its control changes or there is none; what no terminal
    exchanges keeps its amount. A cell that a current fills or empties has none, and is compared with itself at rest."""
    one = run.parameters.step[step]
    if one.kind in ("ramp", "sine"):
        return None
    if run.fills and one.quantity == "current":
        return None if one.others else _rested(run, state)
    imposed = ((run.system.terminals[run.driven], one.quantity, one.start), *one.others)
    try:
        return _steady(run.system, imposed, snapshot(run.trace, state))
    except (SolveError, InputError):
        return None  # a current that charges the cell has none


def _rested(run: Run, state: int) -> OperatingPoint | None:
    """The cell at rest with the lithium that each electrode holds at a kept state, None where it has no such state."""
    try:
        return rested(run.bench, run.trace.state[state])
    except InputError:
        return None


def _spectra(run: Run, moments: Sequence[Moment], tends_to: TendsTo) -> tuple[Table, list[Compared], list[str]]:
    """Spectra at the kept instants with the change of the state within a period, each beside that of the steady state
    that its step tends to or, of a cell under current, of the cell at rest with the same content; the ends of each
    against those of that; and how far the state moves."""
    if not moments or run.parameters.frequency is None:
        return {}, [], []
    f = np.asarray(run.parameters.frequency)
    columns: dict[str, list[Array]] = {name: [] for name in ("time", "step", "frequency", *_SPECTRUM)}
    compared, notes = [], []
    for one in moments:
        when = f"{run.name(one.step)}, {one.since:.6g} s"
        spectrum = impedance(snapshot(run.trace, one.state), f)
        point, step = tends_to(one.step, one.state), run.parameters.step[one.step]
        cell = run.fills and step.quantity == "current"
        still = [_of(None if cell else point, f), _of(point if cell else None, f)]
        change, note = _drift(run.trace, f, one.state)
        notes.append(f"spectrum of {when}: {note}")
        Z = spectrum.Z
        now = (np.full(f.size, run.trace.state_time[one.state]), np.full(f.size, one.step + 1.0), f)
        parts = [part for values in still for part in (values.real, values.imag)]
        for name, values in zip(columns, (*now, Z.real, Z.imag, change, *parts), strict=True):
            columns[name].append(values)
        reference = still[int(cell)]
        for quantity, at in (("R_high", np.argmax(f)), ("R_low", np.argmin(f))):
            if np.all(np.isfinite(reference)):
                compared.append(Compared(quantity, float(Z.real[at]), float(reference.real[at]), spectrum.unit, when))
    if np.all(np.isnan(columns["Z_real_rest"])):
        del columns["Z_real_rest"], columns["Z_imag_rest"]
    units = {"time": "s", "frequency": "Hz"} | {name: spectrum.unit for name in _SPECTRUM if name.startswith("Z")}
    return {name: (np.concatenate(v), units.get(name, "-")) for name, v in columns.items()}, compared, notes


_SPECTRUM = ("Z_real", "Z_imag", "drift", "Z_real_steady", "Z_imag_steady", "Z_real_rest", "Z_imag_rest")


def _of(point: OperatingPoint | None, frequency: Array) -> Complex:
    return np.full(frequency.size, np.nan + 0j) if point is None else impedance(point, frequency).Z


def _drift(trace: Trace, frequency: Array, state: int) -> tuple[Array, str]:
    """Change of the state within a period at each frequency, and in words with what the solver warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        change = drift(trace, frequency, state)
    rate = float(change[0] * frequency[0])
    words = f"the state drifts by {rate:.2g} thermal voltages (or relative concentrations) per second"
    return change, "; ".join([words, *(str(warning.message) for warning in caught)])


def _remarks(run: Run) -> tuple[str, ...]:
    """Steps that a limit ended."""
    out = []
    for t, k, number in run.trace.events:
        limit, since = run.parameters.step[k].limits[number], t - _began(run.trace)[k]
        of = limit.of or run.system.terminals[run.driven]
        unit = {"voltage": "V", "concentration": "mol/m^3"}.get(limit.quantity, "A/m^2" if run.system.per_area else "A")
        passed = f"{limit.quantity} of {of} {limit.side} {format_quantity(limit.value, unit)}"
        after = f"{run.name(k)}: ended after {format_quantity(since, 's')}, {passed}"
        lost = [at for at in (*run.parameters.step[k].profiles_at, *run.parameters.step[k].spectra_at) if at > since]
        out.append(
            after
            + (f"; nothing is kept of {format_quantity(min(lost), 's')} and later" if lost else "")
            + ("; the run ended there" if limit.ends_run else "")
        )
    return tuple(out)


RUNNERS: dict[str, Runner] = {"protocol": _protocol}
