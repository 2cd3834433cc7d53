"""The model of a fit: a case with free keys, as spectra and their gradients.

Cells keep their share of a layer, whatever its thickness and the other parameters become: the spectrum is then a smooth
function of them all. Shares are those of the automatic grid at given values (`at`), for the frequencies of the data.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from miecsim.case.data import Bias
from miecsim.case.fits import DataSet, FitTable, FreeKey, as_written
from miecsim.case.load import Case, case_from_dict, fitted_variant
from miecsim.case.overrides import put
from miecsim.case.table import Raw
from miecsim.circuit.extract import netlist_of
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh, layer_widths
from miecsim.inverse.continuum import no_spectrum_there, spectrum_of
from miecsim.inverse.family import Family
from miecsim.inverse.forward import FreeParameter
from miecsim.inverse.gradients import gradients
from miecsim.inverse.parameters import Parts, Path, numbers_of
from miecsim.inverse.poles import Poles, model_poles
from miecsim.run.build import mesh_of, model_of, wiring_of
from miecsim.solvers.rest import rest_point
from miecsim.system import System, build_system
from miecsim.typing import Array, Complex, Ints

MARGIN = 0.5  # of the decay lengths: what grids resolve, so that parameters may move
_INSIDE = 1e-3  # of a bound: further than differences reach


@dataclass(frozen=True)
class Seat:
    """One free value: that of a key, for all data or (`group`) for those of one group."""

    key: FreeKey
    group: str = ""

    @property
    def name(self) -> str:
        return f"{self.key.key} [{self.group}]" if self.group else self.key.key


def seats_of(fit: FitTable, data: Sequence[DataSet]) -> tuple[Seat, ...]:
    """The free values of a fit: one per key, or per group of data where the key has `each`."""
    return tuple(Seat(key, group) for key in fit.parameters for group in (_groups(key, data) if key.each else ("",)))


def _groups(key: FreeKey, data: Sequence[DataSet]) -> tuple[str, ...]:
    """The groups of the data that have a key."""
    return tuple(dict.fromkeys(one.group for one in data if key.study in ("", one.study)))


def free_parameters(seats: Sequence[Seat]) -> tuple[FreeParameter, ...]:
    """Seats as a fit takes them."""
    keys = [(seat.name, seat.key) for seat in seats]
    return tuple(FreeParameter(n, k.start, k.low, k.high, k.log, k.prior, k.unit) for n, k in keys)


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """One of the data: its case without free keys, the seats (number, key) that it has, its frequencies (rising, each
    once) and where each point of the data finds its own. cells: widths over thickness, layer by layer; lengths: the
    decay lengths over thickness that they resolve, 0 where the case itself says how many there are."""

    raw: Raw
    free: tuple[tuple[int, str, FreeKey], ...]
    frequency: Array
    place: Ints
    cells: tuple[Array, ...] = ()
    lengths: Array = field(default_factory=lambda: np.zeros(0))


class CaseForward:
    """Spectra of a case at the frequencies of the data, and their gradients (`miecsim.inverse.forward.Forward`).

    data: sets and their frequencies (n_f,) [Hz]; at: the values (n_p,) for which the grids are made. Raises InputError
    where no case can be made of those.
    """

    def __init__(self, case: Case, seats: Sequence[Seat], data: Sequence[tuple[DataSet, Array]], at: Array) -> None:
        self.names = tuple(seat.name for seat in seats)
        self._case, self._seats, self._data = case, tuple(seats), tuple(data)
        self._parts = tuple(self._gridded(self._spectrum(*one), at) for one in data)
        self._families = tuple(self._family(one, at) for one in self._parts)

    def _spectrum(self, one: DataSet, frequency: Array) -> _Spectrum:
        raw = fitted_variant(self._case.raw, one.study, one.settings)
        found = [
            (i, s) for i, s in enumerate(self._seats) if s.group in ("", one.group) and s.key.study in ("", one.study)
        ]
        rising, place = np.unique(frequency, return_inverse=True)
        return _Spectrum(raw, tuple((i, s.name, s.key) for i, s in found), rising, place)

    def _gridded(self, one: _Spectrum, at: Array) -> _Spectrum:
        case = self._variant(one, self._own(one, at))
        own, lengths = case.grid, MARGIN * _decay_lengths(case, one.frequency)
        mesh = Mesh(cells="auto" if own.cells is None else own.cells, grading=own.grading)
        layers = enumerate(zip(case.layers, lengths, strict=True))
        cells = tuple(layer_widths(1.0, length, mesh, i) for i, (_, length) in layers)
        return replace(one, cells=cells, lengths=lengths if own.cells is None else np.zeros(lengths.size))

    def resolves(self, values: Array) -> bool:
        """Whether the grids are fine enough at other values."""
        for one in self._parts:
            case = self._variant(one, self._own(one, values))
            if np.any(_decay_lengths(case, one.frequency) < one.lengths):
                return False
        return True

    def gridded(self, at: Array) -> CaseForward:
        """The same model on grids that are made for other values."""
        return CaseForward(self._case, self._seats, self._data, at)

    def poles(self, values: Array, number: int) -> Poles:
        """Relaxation times of the model of one of the data, and whose they are. InputError away from rest."""
        one, family = self._parts[number], self._families[number]
        circuit = netlist_of(family(self._own(one, values)))
        return model_poles(circuit, float(one.frequency[0]), float(one.frequency[-1]))

    def finer(self, at: Array) -> CaseForward:
        """The same model with every cell cut in two."""
        other = copy.copy(self)
        other._parts = tuple(replace(p, cells=tuple(np.repeat(w / 2, 2) for w in p.cells)) for p in self._parts)
        other._families = tuple(other._family(one, at) for one in other._parts)
        return other

    def _variant(self, one: _Spectrum, values: Mapping[str, float]) -> Case:
        raw = dict(one.raw)
        for _, name, key in one.free:
            put(raw, key.key, as_written(values[name], key.unit))
        return case_from_dict(raw, self._case.file)

    def _system(self, one: _Spectrum, values: Mapping[str, float]) -> System:
        """The system of one of the data at other values, on the same shares of each layer."""
        case = self._variant(one, values)
        thickness = tuple(layer.thickness for layer in case.layers)
        cells = [share * t for share, t in zip(one.cells, thickness, strict=True)]
        mesh = replace(mesh_of(case, None, float(one.frequency[-1])), cells=cells, grading=1.0)
        return build_system(model_of(case), wiring_of(case, case.studies[0]), area=case.area, mesh=mesh)

    def _family(self, one: _Spectrum, at: Array) -> Family:
        """The operating points of one of the data: at rest where its reference state is one of rest."""
        own = self._own(one, at)
        (study,) = self._variant(one, own).studies
        bias, system = study.bias, partial(self._system, one)
        if bias is not None:
            imposed = partial(self._bias, one, bias)
            return Family(
                system, voltages=lambda v: dict(imposed(v).voltages), currents=lambda v: dict(imposed(v).currents)
            )
        try:
            rest_point(system(own))
        except InputError:
            return Family(system, voltages=lambda _: {})  # all terminals at 0 V
        return Family(system, numbers=partial(self._numbers, one))

    def _numbers(self, one: _Spectrum, values: Mapping[str, float]) -> dict[Path, float]:
        """Every number of the system at other values, with what its grid depends on."""
        case = self._variant(one, values)
        model, wiring = model_of(case), wiring_of(case, case.studies[0])
        parts = Parts(model.layers, model.junctions, wiring.terminals, wiring.links, model.temperature)
        shape: dict[Path, float] = {("area",): case.area or 1.0, ("grid", "radius"): case.grid.inner_radius}
        return {**numbers_of(parts), **shape}

    def _bias(self, one: _Spectrum, at_start: Bias, values: Mapping[str, float]) -> Bias:
        """What is imposed at other values: a bias can be free itself, and a current density follows the area."""
        if not any(key.key == "area" or key.key.split(".")[2:3] == ["bias"] for _, _, key in one.free):
            return at_start
        found = self._variant(one, values).studies[0].bias
        return at_start if found is None else found

    def check(self, values: Array) -> None:
        """Raises InputError and SolveError, as a run does, where the case has no operating point at these values."""
        for one, family in zip(self._parts, self._families, strict=True):
            family(self._own(one, values))

    def spectra(self, values: Array) -> tuple[Complex, ...]:
        """Z (n_f,) of each of the data."""
        return tuple(Z[one.place] for Z, one in zip(self._rising(values), self._parts, strict=True))

    def _rising(self, values: Array) -> list[Complex]:
        """Z at the rising frequencies of each of the data."""
        with no_spectrum_there():
            return [
                spectrum_of(family, self._own(one, values), one.frequency)
                for one, family in zip(self._parts, self._families, strict=True)
            ]

    def gradients(self, values: Array) -> tuple[tuple[Complex, Complex], ...]:
        """Z (n_f,) and dZ/dp (n_p, n_f) of each of the data.

        They are taken by moving parameters a little to both sides. Where the case cannot be made beyond a bound, as
        with an exponent above 1, they are those a thousandth inside of it.
        """
        try:
            found = [self._slopes(k, values) for k in range(len(self._parts))]
            Z = [own for own, _ in found]
        except InputError:
            with no_spectrum_there():
                found = [self._slopes(k, self._inside(values)) for k in range(len(self._parts))]
            Z = self._rising(values)
        return tuple((z[one.place], dZ[:, one.place]) for z, (_, dZ), one in zip(Z, found, self._parts, strict=True))

    def _slopes(self, k: int, values: Array) -> tuple[Complex, Complex]:
        """Z and dZ/dp of one of the data at its rising frequencies."""
        one = self._parts[k]
        dZ = np.zeros((len(self.names), one.frequency.size), dtype=complex)
        # the compiled twin, for it is one of many
        found = gradients(self._families[k], self._own(one, values), one.frequency, compiled=True)
        dZ[[i for i, _, _ in one.free]] = found.dZ
        return found.Z, dZ

    def _inside(self, values: Array) -> Array:
        """Values with those near a bound moved away from it."""
        low, high = (np.array([getattr(s.key, end) for s in self._seats]) for end in ("low", "high"))
        return np.asarray(np.clip(values, low + _INSIDE * np.abs(low), high - _INSIDE * np.abs(high)))

    @staticmethod
    def _own(one: _Spectrum, values: Array) -> dict[str, float]:
        return {name: float(values[i]) for i, name, _ in one.free}

    @property
    def unit(self) -> str:
        """Of Z: "ohm", or "ohm m^2" where the case is per area."""
        return "ohm m^2" if self._case.area is None else "ohm"


def _decay_lengths(case: Case, frequency: Array) -> Array:
    """Shortest decay length over thickness of each layer, at the highest frequency [Hz]."""
    model, omega = model_of(case), 2 * np.pi * float(frequency[-1])
    return np.array([model.decay_length(i, omega) / layer.thickness for i, layer in enumerate(case.layers)])
