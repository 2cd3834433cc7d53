"""The index of a sweep: settings, headline figures and spectra of every point, made from the files of its folder alone.

    index.csv    one row for each point: number, hash, status, settings, figures, reason
    index.h5     the same along the dimension `point`, and Z of each study along `point` and its frequency

Both are the same, byte for byte, for the same results, in whatever order and by however many runs these were found.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from miecsim.case.sweeps import Value, kind_of
from miecsim.errors import InputError
from miecsim.results import atomic
from miecsim.results.hdf5 import put, scale
from miecsim.sweep.found import Found
from miecsim.sweep.found import read as read_found
from miecsim.sweep.plan import POINTS, Plan, read_plan
from miecsim.sweep.solve import failure_of, result_of
from miecsim.typing import Array, Complex
from miecsim.units import parse_any

DONE, FAILED, WAITING = "done", "failed", "waiting"


@dataclass(frozen=True, eq=False)
class Spectra:
    """Z of one study at every point, nan where there is none."""

    frequency: Array  # (n_f,) Hz
    Z: Complex  # (n_points, n_f)
    unit: str


@dataclass(frozen=True, eq=False)
class Index:
    """`status` and `reason` of every point of `plan`; `settings` its values in SI (or as texts) with the unit of each
    key; `figures` by name and unit, nan where a point has none; `spectra` of every study whose frequencies are the same
    at all points; `checks` counts the checks that failed."""

    plan: Plan
    status: tuple[str, ...]
    reason: tuple[str, ...]
    settings: Mapping[str, tuple[Array | tuple[str, ...], str]]
    figures: Mapping[tuple[str, str], Array]
    spectra: Mapping[str, Spectra]
    checks: tuple[int, ...]


def read_index(folder: Path, known: Mapping[str, Found] | None = None) -> Index:
    """The index of the sweep in `folder`; `known` holds what has been read of its results already, by hash.

    Raises InputError where there is no plan, or a result cannot be read."""
    plan, place, known = read_plan(folder), folder / POINTS, known or {}
    found = [known.get(name) or read_found(result_of(place, name)) for name, _ in plan.points]
    reasons = tuple(
        "" if own is not None else _reason(failure_of(place, name))
        for own, (name, _) in zip(found, plan.points, strict=True)
    )
    status = tuple(
        DONE if own is not None else FAILED if why else WAITING for own, why in zip(found, reasons, strict=True)
    )
    names = sorted({name for own in found if own is not None for name in own.figures})
    figures = {name: np.array([np.nan if f is None else f.figures.get(name, np.nan) for f in found]) for name in names}
    settings = {key: _column([values[key] for _, values in plan.points]) for key in plan.keys}
    checks = tuple(0 if own is None else own.failed for own in found)
    return Index(plan, status, reasons, settings, figures, _spectra(found), checks)


def _reason(path: Path) -> str:
    """Why a point has no result; "" where it is still to be solved."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except OSError:
        return ""
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: cannot be read; remove it, and sweep again") from None


def _column(values: Sequence[Value]) -> tuple[Array | tuple[str, ...], str]:
    """The settings of one key in SI with their unit; as texts where they are not quantities of one dimension."""
    kinds = {kind_of(value) for value in values}
    if len(kinds) > 1 or "text" in kinds:
        return tuple(str(value) for value in values), "1"
    if kinds == {""}:
        return np.array([float(value) for value in values]), "1"
    return np.array([parse_any(value, "")[0] for value in values]), kinds.pop()


def _spectra(found: Sequence[Found | None]) -> dict[str, Spectra]:
    done = [own for own in found if own is not None]
    out: dict[str, Spectra] = {}
    for study in sorted({name for own in done for name in own.spectra}):
        have = [own.spectra[study] for own in done if study in own.spectra]
        frequency, _, unit = have[0]
        if any(not np.array_equal(f, frequency) or u != unit for f, _, u in have):
            continue
        Z = np.full((len(found), frequency.size), complex(np.nan, np.nan))
        for i, own in enumerate(found):
            if own is not None and study in own.spectra:
                Z[i] = own.spectra[study][1]
        out[study] = Spectra(frequency, Z, unit)
    return out


def write_index(folder: Path, index: Index) -> None:
    """Write `index.csv` and `index.h5` atomically."""
    with atomic(folder / "index.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_rows(index))
    _write_h5(folder / "index.h5", index)


def column_name(name: str, unit: str) -> str:
    """'pore.R_low [ohm]'; without brackets where there is no unit."""
    return name if unit in ("", "1") else f"{name} [{unit}]"


def _rows(index: Index) -> list[list[str]]:
    settings = {column_name(key, unit): values for key, (values, unit) in index.settings.items()}
    figures = {column_name(*name): values for name, values in index.figures.items()}
    rows = [["point", "hash", "status", *settings, *figures, "failed_checks", "reason"]]
    for i, (name, _) in enumerate(index.plan.points):
        own = [values[i] if isinstance(values[i], str) else repr(float(values[i])) for values in settings.values()]
        read = ["" if np.isnan(values[i]) else repr(float(values[i])) for values in figures.values()]
        reason = index.reason[i].replace("\n", "; ")
        rows.append([str(i), name, index.status[i], *own, *read, str(index.checks[i]), reason])
    return rows


def _write_h5(path: Path, index: Index) -> None:
    import h5py

    twice = [name for name, _ in index.figures]
    with atomic(path) as temporary, h5py.File(temporary, "w-", track_order=True) as file:
        file.attrs["title"] = index.plan.title
        file.attrs["kind"] = index.plan.kind
        file.attrs["keys"] = list(index.plan.keys)
        point = scale(file, "point", np.arange(len(index.status)))
        put(file, "hash", [name for name, _ in index.plan.points], scales=[point])
        put(file, "status", index.status, scales=[point])
        put(file, "reason", index.reason, scales=[point])
        put(file, "failed_checks", np.array(index.checks), scales=[point])
        for key, (values, unit) in index.settings.items():
            put(file, key, values, unit, [point])
        for (name, unit), figure in index.figures.items():
            label = name if twice.count(name) == 1 else f"{name} [{unit.replace('/', ' per ')}]"
            put(file, label, figure, unit, [point])
        for study, spectra in index.spectra.items():
            frequency = scale(file, f"{study}.frequency", spectra.frequency, "Hz")
            put(file, f"{study}.Z_real", spectra.Z.real, spectra.unit, [point, frequency])
            put(file, f"{study}.Z_imag", spectra.Z.imag, spectra.unit, [point, frequency])
