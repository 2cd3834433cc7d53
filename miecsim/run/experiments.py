"""Run the experiments of a case: each technique on its bench, into a record with its name."""

from __future__ import annotations

from collections.abc import Callable

from miecsim.case.load import Case
from miecsim.errors import InputError, SolveError
from miecsim.results import ExperimentRecord, GridRecord
from miecsim.run import technique_conductivity, technique_insertion, technique_polarisation, technique_profiles
from miecsim.run.grids import grid_record, stack_record
from miecsim.run.technique import Bench, Runner

RUNNERS: dict[str, Runner] = {
    **technique_insertion.RUNNERS,
    **technique_conductivity.RUNNERS,
    **technique_polarisation.RUNNERS,
    **technique_profiles.RUNNERS,
}


def run_experiment(case: Case, name: str, tell: Callable[[str], None]) -> tuple[ExperimentRecord, GridRecord]:
    """The experiment `name` of `case`, and the grid of the stack. Raises InputError and SolveError with its name."""
    own = case.for_experiment(name)
    bench = Bench(own, own.experiments[0], tell)
    technique = bench.experiment.technique
    try:
        record = RUNNERS[technique](bench)
        return ExperimentRecord(name, technique, record), _grid(bench)
    except SolveError as error:
        raise SolveError(f"{case.file}: experiment {name}: {error}") from None
    except InputError as error:
        raise InputError(f"{case.file}: experiment {name}: {error}") from None


def _grid(bench: Bench) -> GridRecord:
    """The grid that was solved on; of a technique that makes its own, the stack as the case divides it."""
    if bench.experiment.terminals:
        return grid_record(bench.system.grid)
    return stack_record(bench.case, bench.experiment.parameters.resolve)
