"""What every technique returns: the raw record, what the textbook reads from it, and what is true of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from miecsim.typing import Array

# A table of the record: columns of one length, each (values, unit), e.g. {"time": (t, "s"), "current": (i, "A")}.
Table = Mapping[str, tuple[Array, str]]


@dataclass(frozen=True)
class Compared:
    """One figure as the textbook's analysis of the record reads it, beside the true value of the model.

    `how` names the analysis in a few words: 'Cottrell slope', 'Weppner-Huggins, pulse 3'.
    """

    quantity: str
    textbook: float
    true: float
    unit: str
    how: str

    @property
    def error(self) -> float:
        """textbook/true - 1; where nothing is true, textbook itself."""
        return self.textbook / self.true - 1.0 if self.true else self.textbook


@dataclass(frozen=True)
class TechniqueRecord:
    """A virtual experiment: `tables` by name (the raw record first), the figures compared, and remarks in one line each
    on what limits the analysis. conservation is the charge lost over the charge passed (0 where nothing is stepped in
    time)."""

    technique: str
    tables: Mapping[str, Table]
    compared: tuple[Compared, ...]
    remarks: tuple[str, ...] = ()
    conservation: float = 0.0

    def figure(self, quantity: str, how: str | None = None) -> Compared:
        """The first comparison of a quantity (by one analysis, where `how` is given). KeyError where there is none."""
        for one in self.compared:
            if one.quantity == quantity and how in (None, one.how):
                return one
        raise KeyError(quantity)
