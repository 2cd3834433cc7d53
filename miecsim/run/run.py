"""Run a case: every study and every experiment solved, compared and summarised into one record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from miecsim.case import data
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.load import Case
from miecsim.circuit.attribution import attribute
from miecsim.circuit.extract import netlist_of
from miecsim.errors import InputError, SolveError
from miecsim.inverse.poles import model_poles
from miecsim.results import (
    AttributionRecord,
    ExperimentRecord,
    GridRecord,
    Quantity,
    RunRecord,
    StudyRecord,
    software_versions,
)
from miecsim.run.build import shared_widths, system_of
from miecsim.run.checks import evaluate, figures_of, refuse_unknown
from miecsim.run.flows import flow_fields, reaction_depth
from miecsim.run.grids import grid_record
from miecsim.run.particles import stoichiometries
from miecsim.run.references import reference
from miecsim.run.summary import summarise
from miecsim.solvers.impedance import Amplitudes, Spectrum, amplitudes, impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import System
from miecsim.typing import Array, Bools, Complex, Ints

Progress = Callable[[str, float], None]  # (what is being done, fraction of the whole)

FIELD_ERROR = 1e-5  # of the voltage between the terminals: of potentials inside a large grid, which is reduced


def run_case(case: Case, progress: Progress | None = None, checkpoints: Path | None = None) -> RunRecord:
    """Solve every study and experiment of `case`. With a folder for `checkpoints`, a protocol in time that Ctrl-C
    interrupts leaves <experiment>.checkpoint.npz there (InterruptedRunError) and goes on from it when it is run again.

    Raises InputError (with the name of the case's file) and SolveError (with the study's or experiment's)."""
    tell = progress or (lambda what, done: None)
    try:
        refuse_unknown(case)
    except InputError as error:
        raise InputError(f"{case.file}: {error}") from None
    started = time.perf_counter()
    timings: dict[str, float] = {}
    count = len(case.studies) + len(case.experiments)
    studies, grid = _run_studies(case, lambda what, part: tell(what, part / count), timings)
    experiments, another = _run_experiments(
        case, lambda what, part: tell(what, (len(studies) + part) / count), timings, checkpoints
    )
    grid = grid or another
    checks = evaluate(case.checks, studies, experiments)
    timings["solve"] = time.perf_counter() - started
    assert grid is not None  # a case has a study or an experiment
    return RunRecord(
        title=case.title,
        model=case.model,
        source=case.source,
        case=case.resolved,
        input_hash=case.input_hash,
        versions=software_versions(),
        timings=timings,
        area=case.area,
        grid=grid,
        studies=tuple(studies),
        checks=checks,
        summary=_case_summary(studies),
        experiments=tuple(experiments),
    )


def _run_studies(case: Case, tell: Progress, timings: dict[str, float]) -> tuple[list[StudyRecord], GridRecord | None]:
    """Every study, and the grid of the first; `tell` counts in studies."""
    variants = [case.for_study(study.name) for study in case.studies]
    widths = shared_widths(variants) if case.grid.cells is None else None
    studies: list[StudyRecord] = []
    first: System | None = None
    for i, own in enumerate(variants):
        begin, study = time.perf_counter(), own.studies[0]

        def step(what: str, part: float, i: int = i, name: str = study.name) -> None:
            tell(f"{name}: {what}", i + part)

        try:
            record, system = _run_study(own, study, widths, step)
        except SolveError as error:
            raise SolveError(f"{case.file}: study {study.name}: {error}") from None
        except InputError as error:
            raise InputError(f"{case.file}: {error}") from None
        first = first or system
        studies.append(record if _same_cells(system, first) else replace(record, fields={}))
        timings[f"study {study.name}"] = time.perf_counter() - begin
    return studies, None if first is None else grid_record(first.grid)


def _same_cells(one: System, other: System) -> bool:
    """Whether fields of both can be drawn on one grid."""
    pairs = zip(one.grid.edges, other.grid.edges, strict=False)
    return one.grid.n_cells == other.grid.n_cells and all(a.size == b.size and np.allclose(a, b) for a, b in pairs)


def _run_experiments(
    case: Case, tell: Progress, timings: dict[str, float], checkpoints: Path | None
) -> tuple[list[ExperimentRecord], GridRecord | None]:
    """Every experiment, and the grid of the first; `tell` counts in experiments."""
    if not case.experiments:
        return [], None
    from miecsim.run.experiments import run_experiment  # the solvers in time are not light

    out = []
    for i, experiment in enumerate(case.experiments):
        begin = time.perf_counter()

        def step(what: str, part: float = 0.0, /, i: int = i, name: str = experiment.name) -> None:
            tell(f"{name}: {what}", i + part)

        step(experiment.technique)
        out.append(run_experiment(case, experiment.name, step, checkpoints))
        timings[f"experiment {experiment.name}"] = time.perf_counter() - begin
    return [record for record, _ in out], out[0][1]


def _run_study(
    case: Case, study: data.Study, widths: Sequence[Array] | None, step: Callable[[str, float], None]
) -> tuple[StudyRecord, System]:
    step("grid", 0.0)
    system = system_of(case, study, widths)
    step("steady state", 0.2)
    point = operating_point(system, study.bias)
    step("impedance", 0.3)
    frequency = np.asarray(study.frequency)
    how = {} if study.tolerance is None else {"tolerance": study.tolerance}
    spectrum = impedance(point, frequency, method=study.method, **how)
    step("amplitudes", 0.7)
    inside = "auto" if spectrum.error_estimate is None else spectrum.method
    profile = amplitudes(point, np.asarray(study.profiles), method=inside, tolerance=FIELD_ERROR)
    parts = None
    if study.attribution and _finite(spectrum):
        step("attribution", 0.75)
        parts = _attribution(point, frequency)
    poles = None
    if study.relaxation and _finite(spectrum):
        step("relaxation times", 0.85)
        band = float(frequency.min()), float(frequency.max())
        poles = model_poles(netlist_of(point), *band, dimension=system.grid.dim)
    step("reference", 0.9)
    return replace(_record(case, study, point, spectrum, profile), attribution=parts, poles=poles), system


def _finite(spectrum: Spectrum) -> bool:
    """Whether a path joins the terminals; otherwise Z is infinite and has no parts."""
    return bool(np.all(np.isfinite(spectrum.Z)))


def operating_point(system: System, bias: data.Bias | None) -> OperatingPoint:
    """The steady state that a study's spectrum is taken at: at rest, or under its bias."""
    if bias is None:
        # rails are at rest where nothing is imposed; to solve for it would take as long as a frequency on a picture
        known = system.grid.dim > 1 and not system.model.has_phi and not any(port.emf for port in system.ports)
        return rest_point(system) if system.nodes.trees or known else solve_steady(system)
    return solve_steady(system, dict(bias.voltages), currents=dict(bias.currents))


def _attribution(point: OperatingPoint, frequency: Array) -> AttributionRecord:
    """Z divided by Tellegen's theorem, along x in the cells of the grid (or 200 intervals where it has no such)."""
    parts = attribute(netlist_of(point), frequency)
    edges = point.system.grid.edges
    along = edges[0] if edges else np.linspace(0.0, point.system.model.thickness, 201)
    return AttributionRecord(parts.by_process(), parts.by_layer(), along, parts.along(along))


def _record(
    case: Case, study: data.Study, point: OperatingPoint, spectrum: Spectrum, profile: Amplitudes
) -> StudyRecord:
    system = point.system
    x, rails = _along(system, profile)
    position, steady = steady_profiles(point)
    ground = spectrum.terminals[1]
    pictured = reaction_depth(point, profile) if case.model == MICROSTRUCTURE else {}
    record = StudyRecord(
        name=study.name,
        frequency=spectrum.frequency,
        Z=spectrum.Z,
        unit=spectrum.unit,
        terminals=spectrum.terminals,
        ground=ground,
        Z_matrix=spectrum.matrix(ground),
        reference_planes=spectrum.planes,
        Z_reference=np.stack([spectrum.plane(p) for p in spectrum.planes], axis=1)
        if spectrum.planes
        else np.zeros((spectrum.frequency.size, 0), dtype=complex),
        references=reference(case, study),
        profile_frequency=profile.frequency,
        profile_position=x,
        profile_rails=rails,
        steady_position=position,
        steady=steady,
        summary=summarise(case, study, point, spectrum) | pictured,
        solver={
            "method": spectrum.method,
            "nodes": float(system.nodes.n),
            "unknowns": float(system.nodes.n * system.n_fields),
            "steady residual": point.residual,
            "newton steps": float(point.steps),
            "backward error": spectrum.backward_error,
            **({} if spectrum.error_estimate is None else {"estimated error": float(spectrum.error_estimate.max())}),
            "profile backward error": profile.backward_error,
        },
        fields=_fields(case, point, profile, study.attribution and _finite(spectrum))
        if system.nodes.position.shape[1] > 1
        else {},
    )
    return replace(record, summary=dict(figures_of(record)))


def _sections(system: System) -> tuple[Array, Ints]:
    """Distinct positions along x and the one of each node, so that 2D and 3D results have a profile along the cell.
    Nodes within particles are left out."""
    x = system.nodes.position[: system.nodes.trunk, 0]
    if system.nodes.chain:  # both nodes of a junction are kept
        return x, np.arange(x.size)
    xs, section = np.unique(x, return_inverse=True)
    return xs, section


def _mean(values: Array | Complex, active: Bools, section: Ints) -> Complex:
    """Mean over each section of the nodes where a field lives, nan where it does not."""
    n = int(section.max()) + 1
    count = np.bincount(section[active], minlength=n)
    parts = [np.bincount(section[active], part[active], minlength=n) for part in (values.real, values.imag)]
    with np.errstate(invalid="ignore"):
        return np.asarray((parts[0] + 1j * parts[1]) / count, dtype=complex)


def _along(system: System, profile: Amplitudes) -> tuple[Array, dict[str, Complex]]:
    x, section = _sections(system)
    active = system.laws.active[: system.nodes.trunk]
    rails = {
        name: np.stack([_mean(a[: len(active), k], active[:, k], section) for a in profile.potential])
        for k, name in enumerate(system.laws.state_map.names)
        if active[:, k].any()
    }
    return x, rails


def steady_profiles(point: OperatingPoint) -> tuple[Array, dict[str, tuple[Array, str]]]:
    """Positions [m] along x, and there potentials [V] and concentrations [mol/m3], each with its unit."""
    system = point.system
    x, section = _sections(system)
    state_map, active = system.laws.state_map, system.laws.active[: system.nodes.trunk]
    state = state_map.at(point.u[:, : system.nodes.trunk], np.arange(system.nodes.trunk))
    out: dict[str, tuple[Array, str]] = {}
    for k, carrier in enumerate(state_map.carriers):
        if not active[:, k].any():
            continue  # it lives in particles alone
        out[f"potential_{carrier.name}"] = (_mean(state.Phi[k], active[:, k], section).real, "V")
        if carrier.stored:
            out[f"concentration_{carrier.name}"] = (_mean(state.c[k], active[:, k], section).real, "mol/m^3")
    for name, values in stoichiometries(point).items():
        known = ~np.isnan(values)
        out[name] = (_mean(values, known, section).real, "1")
    if state_map.has_phi:
        out["potential"] = (_mean(state.phi, active[:, -1], section).real, "V")
    return x, out


def _fields(case: Case, point: OperatingPoint, profile: Amplitudes, shares: bool) -> dict[str, tuple[Array, str]]:
    """Amplitudes of every rail in the cells, for maps; on a microstructure also what flows where."""
    system, n_cells = point.system, point.system.grid.volumes.size
    out: dict[str, tuple[Array, str]] = {}
    for i, f in enumerate(profile.frequency):
        for k, name in enumerate(system.laws.state_map.names):
            values = np.where(
                system.laws.active[:n_cells, k], profile.potential[i, :n_cells, k], complex(np.nan, np.nan)
            )
            out[f"{name}_real_{f:.4g}Hz"] = (values.real, "V/V")
            out[f"{name}_imag_{f:.4g}Hz"] = (values.imag, "V/V")
    if case.model != MICROSTRUCTURE:
        return out
    phase = (system.grid.region.astype(float), "1")
    return {"phase": phase} | out | flow_fields(point, profile, shares)


def _case_summary(studies: Sequence[StudyRecord]) -> dict[str, Quantity]:
    """Figures that are the same in every study belong to the case."""
    common = dict(studies[0].summary) if studies else {}
    for study in studies[1:]:
        common = {n: q for n, q in common.items() if n in study.summary and study.summary[n].value == q.value}
    of_spectrum = ("R_dc", "R_total", "R_low", "R_high", "C_low", "shortcut", "reference", "voltage", "current")
    return {n: q for n, q in common.items() if not n.startswith(of_spectrum)}
