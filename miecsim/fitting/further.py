"""Which further experiments a program can think of after a fit: other studies of the case, other thicknesses, more
decades of frequency, another temperature, and what the case itself names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np

from miecsim.case.fit_data import DataSet, Value
from miecsim.case.load import Case, case_from_dict, fitted_variant
from miecsim.case.messages import Refused
from miecsim.errors import InputError
from miecsim.fitting.data import Loaded
from miecsim.fitting.model import Seat
from miecsim.typing import Array, Bools
from miecsim.units import format_quantity

MOST = 24  # experiments weighed, but for those that the case names
FACTORS = (0.5, 2.0)  # of a thickness
DECADES = 2.0  # of further frequencies
LEAST_DECADES = 0.5
REACH = (1e-5, 3.2e7)  # Hz, of instruments
WARMER = 0.07  # of the absolute temperature: 20 K at room temperature, 70 K at 700 degC
STEP = 5.0  # K, to which temperatures are rounded
ZERO = 273.15  # K


@dataclass(frozen=True, eq=False)
class Experiment:
    """A spectrum that could be measured: what models it, and its frequencies (n_f,) [Hz]."""

    of: DataSet
    frequency: Array

    @property
    def name(self) -> str:
        return self.of.name


def experiments(case: Case, loaded: Sequence[Loaded], seats: Sequence[Seat], wanted: Bools) -> tuple[Experiment, ...]:
    """Experiments that may tell more of the seats that are `wanted` (n_p,): those that the case names, then at most
    MOST others. Those that the case cannot be made for are left out."""
    bases = _bases(loaded, [seat.group for seat, asked in zip(seats, wanted, strict=True) if asked])
    made = chain.from_iterable(
        kind(case, bases, seats) for kind in (_other_studies, _thicknesses, _frequencies, _temperatures)
    )
    return (*_named(case), *islice((one for one in made if _possible(case, one)), MOST))


def _bases(loaded: Sequence[Loaded], groups: Sequence[str]) -> list[Loaded]:
    """The data that have values of these groups, each study and setting once."""
    own = [one for one in loaded if "" in groups or one.of.group in groups] or list(loaded)
    return list({(one.of.study, one.of.settings): one for one in reversed(own)}.values())[::-1]


def _possible(case: Case, one: Experiment) -> bool:
    try:
        case_from_dict(fitted_variant(case.raw, one.of.study, one.of.settings), case.file)
    except (InputError, Refused):
        return False
    return True


def _like(base: DataSet, name: str, *changes: tuple[str, Value], study: str = "", group: str = "") -> DataSet:
    """The data of another experiment with what is set for those of `base`."""
    settings = tuple((dict(base.settings) | dict(changes)).items())
    study, group = study or base.study, group or base.group
    return replace(base, name=name, study=study, group=group, file="", settings=settings)


def _named(case: Case) -> Iterator[Experiment]:
    assert case.fit is not None  # there is no fit without its table
    for one in case.fit.further:
        of = DataSet(one.name, one.study, "", one.group, one.settings, (0.0, np.inf), "", "ohm", {})
        yield Experiment(of, np.array(one.frequency or _own_frequency(case, one.study)))


def _own_frequency(case: Case, study: str) -> tuple[float, ...]:
    return next(one.frequency for one in case.studies if one.name == study)


def _other_studies(case: Case, bases: Sequence[Loaded], seats: Sequence[Seat]) -> Iterator[Experiment]:
    """Studies of which there are no data of the same state, such as the other blocking cell."""
    grouped = any(seat.group for seat in seats)
    done = {(one.of.study, one.of.settings) for one in bases}
    stacks = {(one.of.group if grouped else "", one.of.settings): one.of for one in reversed(bases)}
    for study in case.studies:
        for base in reversed(stacks.values()):
            if (study.name, base.settings) not in done:
                name = study.name if len(stacks) == 1 else f"{study.name}, as {base.name}"
                yield Experiment(_like(base, name, study=study.name), np.array(study.frequency))


def _thicknesses(case: Case, bases: Sequence[Loaded], seats: Sequence[Seat]) -> Iterator[Experiment]:
    """Samples with one layer half, or twice, as thick. Where values are each those of one sample and not of a state of
    the material, the other sample has its own."""
    free = {seat.key.key for seat in seats}
    material = any(seat.group and not seat.key.study for seat in seats)
    for base in bases:
        layers = case_from_dict(fitted_variant(case.raw, base.of.study, base.of.settings), case.file).layers
        for number, layer in enumerate(layers):
            key = f"layer.{layer.name}.thickness"
            if free & {key, f"layer.{number}.thickness"}:
                continue
            for factor in FACTORS:
                thickness = factor * layer.thickness
                name = f"{base.of.name}, {layer.name} of {format_quantity(thickness, 'm', 3)}"
                group = base.of.group if material else name
                yield Experiment(_like(base.of, name, (key, f"{thickness!r} m"), group=group), base.data.frequency)


def _frequencies(_case: Case, bases: Sequence[Loaded], _seats: Sequence[Seat]) -> Iterator[Experiment]:
    """The decades below and above those that were measured, in steps like theirs."""
    for base in bases:
        f = np.sort(base.data.frequency)
        step = float(np.median(np.diff(np.log10(f))))
        for edge, far, way in ((f[0], REACH[0], -1), (f[-1], REACH[1], 1)):
            decades = min(DECADES, way * float(np.log10(far / edge)))
            if decades < LEAST_DECADES or step <= 0:
                continue
            count = max(int(np.ceil(decades / step)), 2)
            more = edge * 10 ** (way * decades * np.arange(1, count + 1) / count)
            ends = " to ".join(format_quantity(float(end), "Hz", 2) for end in (more[-1], edge)[::-way])
            yield Experiment(_like(base.of, f"{base.of.name}, {ends}"), more)


def _temperatures(case: Case, bases: Sequence[Loaded], seats: Sequence[Seat]) -> Iterator[Experiment]:
    """A warmer and a colder spectrum, where the fit itself says what temperature does: an activation energy is sought,
    or the data are of several temperatures and share values. Values of one temperature each are new there."""
    kelvin = [
        case_from_dict(fitted_variant(case.raw, one.of.study, one.of.settings), case.file).temperature for one in bases
    ]
    shared = len(set(kelvin)) > 1 and any(not seat.group for seat in seats)
    if not shared and not any(seat.key.key.endswith("activation_energy") for seat in seats):
        return
    pick: tuple[tuple[Callable[[Array], np.intp], float], ...] = ((np.argmax, 1 + WARMER), (np.argmin, 1 - WARMER))
    for extreme, factor in pick:
        base = bases[int(extreme(np.array(kelvin)))]
        celsius = STEP * round((factor * kelvin[bases.index(base)] - ZERO) / STEP)
        name = f"{base.of.name}, at {celsius:g} degC"
        of = _like(base.of, name, ("temperature", f"{celsius!r} degC"), group=name)
        yield Experiment(of, base.data.frequency)
