"""The measured spectra of a fit: which file belongs to which study, what was left out of it and why, their weights."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from miecsim.case.fit_data import RELATIVE, DataSet
from miecsim.case.fits import FitTable
from miecsim.case.load import Case, case_from_dict, fitted_variant
from miecsim.case.messages import nearest, one_of, sentence
from miecsim.errors import InputError
from miecsim.fitting.doubts import check_once, sign_doubt, threshold_of
from miecsim.inverse.forward import FitData
from miecsim.inverse.kramers_kronig import filter_points
from miecsim.inverse.measured import Measured
from miecsim.inverse.readers import read_spectrum
from miecsim.typing import Array, Bools
from miecsim.units import UnitError, quoted, read_quantity

FOLDER = "$MIECSIM_DATA/"
FEWEST = 3  # points of a spectrum that is fitted


@dataclass(frozen=True)
class Removed:
    """A point that is not fitted: frequency [Hz], Z in the unit of the model, and why."""

    frequency: float
    Z: complex
    why: str


@dataclass(frozen=True, eq=False)
class Loaded:
    """One measured spectrum, ready to be fitted. `remarks`: what was found and done on the way."""

    of: DataSet
    path: Path
    digest: str  # SHA-256 of the file
    data: FitData
    removed: tuple[Removed, ...]
    remarks: tuple[str, ...]
    threshold: float = 0.0  # of the Kramers-Kronig filter; 0: all points were kept


def assigned(case: Case, given: Sequence[str]) -> tuple[tuple[DataSet, Path], ...]:
    """Each of the data of a case and its file: that of [[fit.data]], or what the command line says, FILE or NAME=FILE.

    NAME is that of a [[fit.data]], or of a study where there is none of that name, which is then fitted, too.
    Raises InputError where a file has no study, a study no file, or a file is not there.
    """
    fit = _fit_of(case)
    sets = {one.name: one for one in fit.data}
    files = {one.name: _beside(case, one) for one in fit.data if one.file}
    named: set[str] = set()  # on the command line
    for argument in given:
        name, path = _argument(case, sets, argument)
        if name in named:
            raise InputError(f"{argument}: read a second file for {name}; expected one")
        named.add(name)
        sets.setdefault(name, _bare(name))
        files[name] = path
    if not sets:
        raise InputError(
            f"{case.file}: fit.data: read nothing; expected [[fit.data]], or files behind the case: STUDY=FILE"
        )
    for name in sets:
        if name not in files:
            at = f"{case.file}: fit.data.{name}.file"
            raise InputError(f"{at}: read nothing (the key is missing); expected a file, here or as {name}=FILE")
        if not files[name].is_file():
            raise InputError(f"{case.file}: fit.data.{name}.file: {files[name]}: no such file")
    return tuple((one, files[name]) for name, one in sets.items())


def _fit_of(case: Case) -> FitTable:
    if case.fit is None:
        expected = "a [fit] table with one or more [[fit.parameter]], as cases/FORMAT.md describes it"
        raise InputError(f"{case.file}: fit: read nothing (the key is missing); expected {expected}")
    return case.fit


def _bare(study: str) -> DataSet:
    """The data of a study that [[fit.data]] does not name."""
    return DataSet(study, study, "", study, (), (0.0, float("inf")), "", "ohm", {})


def _beside(case: Case, one: DataSet) -> Path:
    """Where a file lies that a case names: beside it, or in the folder of data."""
    if not one.file.startswith(FOLDER):
        return Path(case.file).parent / one.file
    folder = os.environ.get("MIECSIM_DATA", "")
    if not folder:
        at = f"{case.file}: fit.data.{one.name}.file"
        told = sentence(
            f"{quoted(one.file)}, while MIECSIM_DATA is not set", "that variable to name the folder of data"
        )
        raise InputError(f"{at}: {told}")
    return Path(folder) / one.file.removeprefix(FOLDER)


def _argument(case: Case, sets: Mapping[str, DataSet], text: str) -> tuple[str, Path]:
    """Name of the data, and the file, of an argument of the command line."""
    studies = [study.name for study in case.studies]
    known = list(dict.fromkeys((*sets, *studies)))
    name, equals, path = text.partition("=")
    if equals and name in known:
        return name, Path(path)
    if equals and not Path(text).exists():
        expected = f"the name of data or of a study: {one_of(known)}"
        raise InputError(f"{text}: {sentence(quoted(name), expected, nearest(name, known))}")
    candidates = list(sets) or studies
    if len(candidates) != 1:
        raise InputError(f"{text}: read a file for one of {', '.join(candidates)}; expected NAME={text}")
    return candidates[0], Path(text)


def load(case: Case, found: Sequence[tuple[DataSet, Path]]) -> tuple[Loaded, ...]:
    """Every spectrum read, in the unit of the model, with its weights. Raises InputError in one line for a file that
    cannot be read, a unit that cannot be converted, and data of which too little is left."""
    loaded = tuple(_loaded(case, _fit_of(case), one, path) for one, path in found)
    try:
        check_once([(one.of.name, one.digest, (one.of.reading, one.of.window)) for one in loaded])
    except InputError as error:
        raise InputError(f"{case.file}: {error}") from None
    return loaded


def _loaded(case: Case, fit: FitTable, one: DataSet, path: Path) -> Loaded:
    try:
        read = read_spectrum(path, **one.reading)
        return _chosen(fit, one, path, read, _in_units(read, _area(case, one)))
    except InputError as error:
        raise InputError(f"{case.file}: fit.data.{one.name}: {error}") from None


def _chosen(fit: FitTable, one: DataSet, path: Path, read: Measured, whole: Measured) -> Loaded:
    """The points that are fitted, with their weights; why the others are not."""
    low, high = one.window
    inside = (whole.frequency >= low * (1 - 1e-9)) & (whole.frequency <= high * (1 + 1e-9))
    why = {int(i): f"outside {low:g} to {high:g} Hz" for i in np.flatnonzero(~inside)}
    why |= {int(i): "Z = 0 is no measurement" for i in np.flatnonzero(inside & (whole.Z == 0))}
    inside &= whole.Z != 0
    _check_left(inside, whole)
    remarks = [*whole.notes, *sign_doubt(whole.frequency[inside], whole.Z[inside])]
    threshold = 0.0
    if fit.kramers_kronig is not None:
        dropped, said, threshold = _inconsistent(whole, inside, fit.kramers_kronig)
        why |= dropped
        remarks += said
    keep = np.ones(len(whole), dtype=np.bool_)
    keep[list(why)] = False
    _check_left(keep, whole)
    sigma, known = _sigma(fit, one, read, whole, keep)
    removed = tuple(Removed(float(whole.frequency[i]), complex(whole.Z[i]), why[i]) for i in sorted(why))
    data = FitData(one.name, whole.frequency[keep], whole.Z[keep], sigma, known)
    return Loaded(one, path, hashlib.sha256(path.read_bytes()).hexdigest(), data, removed, tuple(remarks), threshold)


def _area(case: Case, one: DataSet) -> float | None:
    """The area [m^2] that the study of one of the data has, None where the case is per area."""
    area = case_from_dict(fitted_variant(case.raw, one.study, one.settings), case.file).area
    if (area is None) != (case.area is None):
        raise InputError('set.area: read "per area" beside an area of the case; expected areas, or "per area", for all')
    return area


def _in_units(read: Measured, area: float | None) -> Measured:
    """Z as the model has it: per area where the case is, else of the sample of the case."""
    if area is None:
        if read.units == "ohm" and read.area is None:
            told = "Z in ohm, of a case per area; expected area of the electrode, or a unit of Z times area"
            raise InputError(f"{read.source}: read {told}")
        return read.in_units("ohm m^2")
    return replace(read, area=area).in_units("ohm") if read.units == "ohm m^2" else read


def _sigma(fit: FitTable, one: DataSet, read: Measured, whole: Measured, keep: Bools) -> tuple[Array, bool]:
    """Standard deviation (n_f,) of the real and imaginary part each of the points kept, and whether it is known but for
    a factor."""
    at, modulus = np.flatnonzero(keep), np.abs(whole.Z[keep])
    if fit.weighting == "measured":
        return _from_column(one, read.picked(at, ""), modulus / np.abs(read.Z[at])), True
    level = 1.0 if fit.noise is None else fit.noise
    if fit.weighting == "unit":
        modulus = np.full(modulus.size, float(np.sqrt(np.mean(modulus**2))))
    return level * modulus, fit.noise is not None


def _from_column(one: DataSet, read: Measured, factor: Array) -> Array:
    """The standard deviation that a column of the file holds; `factor` leads from the unit read to the model's."""
    if one.noise_column not in read.columns:
        columns = list(read.columns)
        told = f"one of {', '.join(columns)}" if columns else "a file with further columns"
        told = sentence(quoted(one.noise_column), told, nearest(one.noise_column, columns))
        raise InputError(f"noise_column: {told}")
    values = read.columns[one.noise_column]
    if one.noise_unit == RELATIVE:
        sigma = values * np.abs(read.Z) * factor
    else:
        try:
            unit, kind = read_quantity(f"1 {one.noise_unit}", ("resistance", "area_resistance"))
        except UnitError as reason:
            raise InputError(f'noise_unit: {reason}, or "{RELATIVE}"') from None
        if (kind == "area_resistance") != (read.units == "ohm m^2"):
            raise InputError(f"noise_unit: {sentence(quoted(one.noise_unit), f'a unit of the data, {read.units}')}")
        sigma = values * unit * factor
    if not np.all(sigma > 0):
        row = int(np.argmin(sigma > 0))
        raise InputError(f"noise_column: read {values[row]:g} at {read.frequency[row]:g} Hz; expected numbers above 0")
    return np.asarray(sigma)


def _inconsistent(whole: Measured, inside: Bools, threshold: float) -> tuple[dict[int, str], list[str], float]:
    """Points that Kramers-Kronig's relations refuse, what to say of the rest, and the threshold that was used.
    threshold: 0 where it follows from the noise that the check finds."""
    at = np.flatnonzero(inside)
    f, Z = whole.frequency[at], whole.Z[at]
    found = filter_points(f, Z, threshold or threshold_of(f, Z))
    if not threshold and found.dropped:  # what is left tells the noise better
        found = filter_points(f, Z, threshold_of(f[found.mask], Z[found.mask]))
    dropped = {int(at[d.index]): f"Kramers-Kronig {d.reason} ({_larger(d.residual):.3g} of |Z|)" for d in found.dropped}
    left = f"Kramers-Kronig: largest residual of the points kept {float(found.check.worst.max()):.2g} of |Z|"
    if not found.consistent:
        left += f", still above {found.threshold:g}: the spectrum itself is not consistent"
    return dropped, [left], found.threshold


def _larger(residual: complex) -> float:
    return max(abs(residual.real), abs(residual.imag))


def _check_left(keep: Bools, whole: Measured) -> None:
    if int(keep.sum()) < FEWEST:
        low, high = whole.frequency.min(), whole.frequency.max()
        raise InputError(
            f"{int(keep.sum())} of {len(whole)} points from {low:.4g} to {high:.4g} Hz are left; "
            f"expected {FEWEST} or more"
        )
