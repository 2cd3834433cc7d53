"""Run the experiments of a case: each technique on its bench, into a record with its name."""

from __future__ import annotations

from pathlib import Path

from miecsim.case.load import Case
from miecsim.errors import InputError, SolveError
from miecsim.results import ExperimentRecord, GridRecord
from miecsim.run import (
    technique_composites,
    technique_conductivity,
    technique_insertion,
    technique_microstructure,
    technique_polarisation,
    technique_profiles,
    technique_protocol,
    technique_tip,
)
from miecsim.run.grids import grid_record, stack_record
from miecsim.run.technique import Bench, Runner, Tell

RUNNERS: dict[str, Runner] = {
    **technique_insertion.RUNNERS,
    **technique_conductivity.RUNNERS,
    **technique_polarisation.RUNNERS,
    **technique_profiles.RUNNERS,
    **technique_protocol.RUNNERS,
    **technique_tip.RUNNERS,
    **technique_microstructure.RUNNERS,
    **technique_composites.RUNNERS,
}


def run_experiment(
    case: Case, name: str, tell: Tell, checkpoints: Path | None = None
) -> tuple[ExperimentRecord, GridRecord]:
    """The experiment `name` of `case`, and the grid of the stack. With a folder for `checkpoints`, a protocol goes on
    from where it was interrupted. Raises InputError and SolveError with the name of the experiment."""
    own = case.for_experiment(name)
    bench = Bench(own, own.experiments[0], tell, checkpoints)
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
