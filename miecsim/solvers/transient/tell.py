"""Tells how far a protocol has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from miecsim.solvers.transient.protocol import Step
from miecsim.solvers.transient.run import Progress

OFTEN = 0.1  # s of wall time between two messages


class Teller:
    """Passes on, now and then, the name of the step and the share of the protocol's time that is over: to be called as
    `progress` of `solve_transient`. Steps that a limit ended count as whole."""

    def __init__(self, tell: Callable[[str, float], None], steps: Sequence[Step]) -> None:
        self.share, self._tell, self._said = 0.0, tell, 0.0
        self._names = [step.name for step in steps]
        self._before = np.concatenate([[0.0], np.cumsum([step.duration for step in steps])])

    def __call__(self, now: Progress) -> None:
        self.share = float((self._before[now.step] + now.in_step) / self._before[-1])
        if time.monotonic() - self._said > OFTEN and now.step < len(self._names):
            self._tell(f"step {self._names[now.step]}, {self.share:.0%} of the protocol", self.share)
            self._said = time.monotonic()
