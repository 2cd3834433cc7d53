"""A measured impedance spectrum: frequencies, Z, what else the file held, and what was done to it on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Complex, Ints

UNITS = ("ohm", "ohm m^2")


@dataclass(frozen=True, eq=False)
class Measured:
    """frequency (n,) [Hz] and Z (n,) complex, in `units`: "ohm" of the sample, or "ohm m^2" per area of electrode.

    Z follows exp(+i w t): a capacitor has Im Z < 0, an inductance Im Z > 0. Points keep the order of the file.
    area [m^2] of the electrode, None where it was not given. columns: further columns of numbers (n,), named as in
    the file. metadata: what its header said. notes: what was found and done (sign, units, points left out).

    A format without a reader becomes a spectrum from its arrays; Z is the conjugate where the file has -Im Z:

        import numpy as np
        f, real, minus_imag = np.loadtxt("other.dat", skiprows=7, usecols=(0, 2, 3), unpack=True)
        data = Measured(f, real - 1j * minus_imag, area=1.13e-4, source="other.dat").in_units("ohm m^2")

    Raises InputError for arrays of different length, no point, frequencies that are not positive, numbers that are
    not finite, other units, an area that is not positive.
    """

    frequency: Array
    Z: Complex
    units: str = "ohm"
    area: float | None = None
    columns: Mapping[str, Array] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    source: str = "arrays"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frequency, Z = np.asarray(self.frequency, dtype=float), np.asarray(self.Z, dtype=complex)
        columns = {name: np.asarray(values, dtype=float) for name, values in self.columns.items()}
        if frequency.ndim != 1 or frequency.size == 0 or Z.shape != frequency.shape:
            raise InputError(
                f"{self.source}: read frequencies of shape {frequency.shape} and Z of shape {Z.shape}; "
                "expected one row of each, equally long and not empty"
            )
        for name, values in columns.items():
            if values.shape != frequency.shape:
                raise InputError(
                    f"{self.source}: read column {name} of shape {values.shape}; expected {frequency.shape}"
                )
        bad = ~(np.isfinite(frequency) & (frequency > 0) & np.isfinite(Z))
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(
                f"{self.source}: read {frequency[at]:g} Hz and Z = {Z[at]:g} at point {at + 1}; "
                "expected a positive frequency and finite numbers"
            )
        if self.units not in UNITS:
            raise InputError(f'{self.source}: read units "{self.units}"; expected "ohm" or "ohm m^2"')
        if self.area is not None and not (np.isfinite(self.area) and self.area > 0):
            raise InputError(f"{self.source}: read an area of {self.area:g} m^2; expected a positive one")
        for name, value in (("frequency", frequency), ("Z", Z), ("columns", columns)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.frequency)

    def __repr__(self) -> str:
        low, high = self.frequency.min(), self.frequency.max()
        return f"Measured({self.source}: {len(self)} points, {low:.4g} to {high:.4g} Hz, {self.units})"

    def in_units(self, units: str) -> Measured:
        """The same spectrum as "ohm m^2" (Z times the area) or "ohm" (divided by it).

        Raises InputError where that needs the area and none is known, and for other units.
        """
        if units == self.units:
            return self
        if units not in UNITS:
            raise InputError(f'{self.source}: read units "{units}"; expected "ohm" or "ohm m^2"')
        if self.area is None:
            raise InputError(f"{self.source}: Z is in {self.units}; give the electrode's area to have it in {units}")
        factor = self.area if units == "ohm m^2" else 1.0 / self.area
        note = f"from {self.units} to {units} with an area of {self.area:.6g} m^2"
        return replace(self, Z=self.Z * factor, units=units, notes=(*self.notes, note))

    def keep(self, points: Bools, why: str) -> Measured:
        """Only the points where `points` (n,) is true; `why` goes to the notes with the frequencies left out [Hz].

        Raises InputError for a choice of another length or of no point.
        """
        points = np.asarray(points)
        if points.dtype != np.bool_ or points.shape != self.frequency.shape or not points.any():
            raise InputError(
                f"{self.source}: expected true or false for each of {len(self)} points, true at least once"
            )
        if points.all():
            return self
        gone = ", ".join(f"{f:.6g}" for f in self.frequency[~points])
        note = f"{int((~points).sum())} of {len(self)} points left out, {why}: {gone} Hz"
        return self.picked(np.flatnonzero(points), note)

    def rising(self) -> Measured:
        """The same points in the order of rising frequency; equal frequencies keep their order."""
        order = np.argsort(self.frequency, kind="stable")
        return self if np.array_equal(order, np.arange(len(self))) else self.picked(order, "sorted by frequency")

    def averaged(self) -> Measured:
        """Points of equal frequency (to 1e-9) made one, in the place of the first: the mean of Z and of each column."""
        group = _groups(self.frequency)
        count = np.bincount(group)
        if len(count) == len(self):
            return self

        def mean(values: Array) -> Array:
            return np.bincount(group, weights=values) / count

        where = ", ".join(f"{f:.6g}" for f in mean(self.frequency)[count > 1])
        note = f"{len(self) - len(count)} of {len(self)} points averaged into those of equal frequency: {where} Hz"
        return replace(
            self,
            frequency=mean(self.frequency),
            Z=mean(self.Z.real) + 1j * mean(self.Z.imag),
            columns={name: mean(values) for name, values in self.columns.items()},
            notes=(*self.notes, note),
        )

    @property
    def repeated(self) -> Array:
        """Frequencies [Hz] that occur more than once (equal to 1e-9), each of them once."""
        group = _groups(self.frequency)
        first = np.unique(group, return_index=True)[1]
        found: Array = self.frequency[first[np.bincount(group) > 1]]
        return found

    def picked(self, at: Ints, note: str) -> Measured:
        """The points numbered `at`, in that order, with a note."""
        columns = {name: values[at] for name, values in self.columns.items()}
        return replace(self, frequency=self.frequency[at], Z=self.Z[at], columns=columns, notes=(*self.notes, note))


def _groups(frequency: Array) -> Ints:
    """(n,) number of the group of equal frequencies each point belongs to, numbered as they first appear."""
    order = np.argsort(frequency, kind="stable")
    ordered = frequency[order]
    of_sorted = np.concatenate([[0], np.cumsum(np.diff(ordered) > 1e-9 * ordered[1:])])
    label = np.empty(len(frequency), dtype=np.int64)
    label[order] = of_sorted
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    result: Ints = rank[inverse]
    return result
