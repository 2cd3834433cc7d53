"""How a technique is run: what it finds on the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from miecsim.case import data
from miecsim.case.load import Case
from miecsim.case.parameters import Parameters
from miecsim.physics.models import Model
from miecsim.run.build import model_of, system_of
from miecsim.system import System
from miecsim.techniques.record import TechniqueRecord

P = TypeVar("P", bound=Parameters)


class Tell(Protocol):
    """Takes what is being done, and the part of the experiment that is over by then, where that is known."""

    def __call__(self, what: str, part: float = 0.0, /) -> None: ...


@dataclass(frozen=True)
class Bench:
    """A case as one of its experiments sees it; model and system are made when they are asked for."""

    case: Case
    experiment: data.Experiment
    tell: Tell  # what is being done, for the progress shown
    checkpoints: Path | None = None  # where a long run keeps how far it has come

    @cached_property
    def model(self) -> Model:
        return model_of(self.case)

    @cached_property
    def system(self) -> System:
        """The model on its grid, wired as the experiment says."""
        return system_of(self.case, self.experiment, None)

    def parameters(self, kind: type[P]) -> P:
        """What the file says, of the `kind` that the technique was registered with."""
        assert isinstance(self.experiment.parameters, kind)
        return self.experiment.parameters


Runner = Callable[[Bench], TechniqueRecord]
