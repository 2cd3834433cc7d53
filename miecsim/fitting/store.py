"""fit.h5 and fit.json. The layout of fit.h5:

/parameters/          name, value, unit, error, low, high, start, bounds, identified, statement ... one row each;
                      covariance, correlation
/data/<name>/         frequency [Hz]; Z, fitted (complex, and _real, _imag); sigma; residual (of sigma);
                      removed_frequency, removed_Z, removed_why; remarks
/profile/<number>/    value, rise of chi2 (attributes: name, low, high, limit)
/starts/              start, end (rows), cost, failed
/circuit/<number>/    name, value, unit, error, statement; fitted (attributes: name, string, data, chi2 ...)
/agreement/           data, model, parameters, rms, largest, at, systematic
/further/<number>/    name of an open parameter, unit, log, error, best, worst, fixed, sure (attributes: name, study,
                      settings, low, high, points)
/meta/                case, fit (JSON), remarks, open_combinations, versions, timings; attributes
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.fitting.data import Removed
from miecsim.fitting.record import (
    Agreement,
    CircuitRecord,
    FitRecord,
    FurtherRecord,
    ParameterRecord,
    Prediction,
    ProfileRecord,
    SpectrumRecord,
    StartRecord,
)
from miecsim.results import atomic
from miecsim.results.hdf5 import group_in, opened, put, scale
from miecsim.results.read import read_poles
from miecsim.results.summary import to_json
from miecsim.results.write import write_poles
from miecsim.typing import Array, Complex

FORMAT = 1
_NUMBERS = ("value", "error", "low", "high", "start")
_FIGURES = ("chi2", "dof", "noise", "aic", "bic")


def write_fit(path: str | Path, record: FitRecord) -> None:
    """Write `record` to an HDF5 file atomically."""
    import h5py

    with atomic(path) as temporary, h5py.File(temporary, "w-", track_order=True) as file:
        file.attrs["miecsim_fit_format"] = FORMAT
        _write_meta(group_in(file, "meta"), record)
        _write_parameters(group_in(file, "parameters"), record)
        for spectrum in record.spectra:
            _write_spectrum(group_in(file, f"data/{spectrum.name}"), spectrum)
        for number, profile in enumerate(record.profiles):
            _write_profile(group_in(file, f"profile/{number}"), profile)
        _write_starts(group_in(file, "starts"), record.starts)
        for number, circuit in enumerate(record.circuits):
            _write_circuit(group_in(file, f"circuit/{number}"), circuit)
        for number, one in enumerate(record.further):
            _write_further(group_in(file, f"further/{number}"), one)
        group = group_in(file, "agreement")
        for name in (f.name for f in fields(Agreement)):
            put(group, name, [getattr(one, name) for one in record.agreements])


def _write_meta(group: Any, record: FitRecord) -> None:
    for name in ("title", "source", "file", "input_hash", "weighting", "evaluations", "weighed"):
        group.attrs[name] = getattr(record, name)
    for name in _FIGURES:
        put(group, name, getattr(record, name))
    put(group, "case", to_json(record.case))
    put(group, "fit", to_json(record.fit_table))
    put(group, "remarks", list(record.remarks))
    put(group, "open_combinations", list(record.open_combinations))
    group.create_group("versions").attrs.update(record.versions)
    for name, seconds in record.timings.items():
        put(group_in(group, "timings"), name, seconds, "s")


def _write_parameters(group: Any, record: FitRecord) -> None:
    own = record.parameters
    name = scale(group, "name", [p.name for p in own])
    other = scale(group, "other_name", [p.name for p in own])
    for word in ("key", "group", "unit", "statement", "log", "identified", "at_bound"):
        put(group, word, [getattr(p, word) for p in own], scales=[name])
    for word in _NUMBERS:
        put(group, word, [getattr(p, word) for p in own], "see unit", [name])
    put(group, "bounds", [p.bounds for p in own], "see unit")
    put(group, "prior", [p.prior or (np.nan, np.nan) for p in own], "see unit")
    put(group, "covariance", record.covariance, scales=[name, other])
    put(group, "correlation", record.correlation, scales=[name, other])


def _write_spectrum(group: Any, one: SpectrumRecord) -> None:
    for word in ("study", "group", "file", "digest", "known"):
        group.attrs[word] = getattr(one, word)
    group.attrs["settings"] = to_json(one.settings)
    frequency = scale(group, "frequency", one.frequency, "Hz")
    for word, Z in (("Z", one.Z), ("fitted", one.fitted)):
        put(group, word, Z, one.unit, [frequency])
        put(group, f"{word}_real", Z.real, one.unit, [frequency])
        put(group, f"{word}_imag", Z.imag, one.unit, [frequency])
    put(group, "sigma", one.sigma, one.unit, [frequency])
    put(group, "residual", one.residual, "1", [frequency])
    put(group, "removed_frequency", np.array([r.frequency for r in one.removed], dtype=float), "Hz")
    put(group, "removed_Z", np.array([r.Z for r in one.removed], dtype=complex), one.unit)
    put(group, "removed_why", _texts([r.why for r in one.removed]))
    put(group, "remarks", _texts(one.remarks))
    group.attrs["threshold"] = one.threshold
    if one.poles is not None:
        write_poles(group_in(group, "poles"), one.poles)


def _texts(values: Sequence[str]) -> Any:
    """Texts as an array that keeps their type where there is none."""
    return np.array(list(values), dtype=object if values else "U1")


def _write_profile(group: Any, one: ProfileRecord) -> None:
    for word in ("name", "unit", "log", "low", "high", "limit", "remark"):
        group.attrs[word] = getattr(one, word)
    value = scale(group, "value", one.values, one.unit or "1")
    put(group, "rise", one.rise, "1", [value])


def _write_starts(group: Any, starts: Sequence[StartRecord]) -> None:
    put(group, "start", [s.start for s in starts], "see parameters/unit")
    put(group, "end", [s.end for s in starts], "see parameters/unit")
    put(group, "cost", [s.cost for s in starts])
    put(group, "failed", _texts([s.failed for s in starts]))


def _write_circuit(group: Any, one: CircuitRecord) -> None:
    for word in ("name", "string", "data", "chi2", "dof", "aic"):
        group.attrs[word] = getattr(one, word)
    put(group, "name", _texts(one.names))
    put(group, "unit", _texts(one.units))
    put(group, "statement", _texts(one.statements))
    put(group, "value", one.values, "see unit")
    put(group, "error", one.errors)
    put(group, "fitted", one.fitted, "as data")


def _write_further(group: Any, one: FurtherRecord) -> None:
    for word in ("name", "study", "low", "high", "points"):
        group.attrs[word] = getattr(one, word)
    group.attrs["settings"] = to_json(one.settings)
    for word in (f.name for f in fields(Prediction)):
        put(group, word, [getattr(p, word) for p in one.predictions])


# ---- reading ----


def read_fit(path: str | Path) -> FitRecord:
    """The fit stored in `path`. Raises InputError where it is missing, not HDF5, or not a fit of miecsim."""
    with opened(path, "fit") as file:
        found = file.attrs.get("miecsim_fit_format")
        if found is None or int(found) > FORMAT:
            raise InputError(f"{path}: read no fit of miecsim, or one of a newer version")
        return _record(file)


def _record(file: Any) -> FitRecord:
    meta = file["meta"]
    text: dict[str, Any] = {
        name: str(meta.attrs[name]) for name in ("title", "source", "file", "input_hash", "weighting")
    }
    figures: dict[str, Any] = {name: float(meta[name][()]) for name in _FIGURES}
    return FitRecord(
        **text,
        **figures,
        evaluations=int(meta.attrs["evaluations"]),
        case=json.loads(meta["case"].asstr()[()]),
        fit_table=json.loads(meta["fit"].asstr()[()]),
        versions={name: str(value) for name, value in meta["versions"].attrs.items()},
        timings={name: float(value[()]) for name, value in meta.get("timings", {}).items()},
        remarks=_strings(meta["remarks"]),
        open_combinations=_strings(meta["open_combinations"]),
        parameters=_parameters(file["parameters"]),
        covariance=_reals(file["parameters/covariance"]),
        correlation=_reals(file["parameters/correlation"]),
        spectra=tuple(_spectrum(name, group) for name, group in file["data"].items()),
        profiles=tuple(_profile(group) for group in file.get("profile", {}).values()),
        starts=_starts(file["starts"]),
        circuits=tuple(_circuit(group) for group in file.get("circuit", {}).values()),
        agreements=_agreements(file["agreement"]),
        further=tuple(_further(group) for group in file.get("further", {}).values()),
        weighed=int(meta.attrs.get("weighed", 0)),
    )


def _parameters(group: Any) -> tuple[ParameterRecord, ...]:
    out = []
    words = {word: _strings(group[word]) for word in ("name", "key", "group", "unit", "statement")}
    for i in range(len(words["name"])):
        prior = tuple(map(float, group["prior"][i]))
        own: dict[str, Any] = {word: values[i] for word, values in words.items()}
        own |= {word: float(group[word][i]) for word in _NUMBERS}
        out.append(
            ParameterRecord(
                **own,
                log=bool(group["log"][i]),
                bounds=(float(group["bounds"][i][0]), float(group["bounds"][i][1])),
                prior=None if np.isnan(prior[0]) else (prior[0], prior[1]),
                identified=bool(group["identified"][i]),
                at_bound=int(group["at_bound"][i]),
            )
        )
    return tuple(out)


def _spectrum(name: str, group: Any) -> SpectrumRecord:
    rows = zip(group["removed_frequency"][()], group["removed_Z"][()], _strings(group["removed_why"]), strict=True)
    about: dict[str, Any] = {word: str(group.attrs[word]) for word in ("study", "group", "file", "digest")}
    return SpectrumRecord(
        name=name,
        **about,
        settings=json.loads(group.attrs["settings"]),
        unit=str(group["Z"].attrs["units"]),
        frequency=_reals(group["frequency"]),
        Z=_complexes(group["Z"]),
        sigma=_reals(group["sigma"]),
        known=bool(group.attrs["known"]),
        fitted=_complexes(group["fitted"]),
        residual=_complexes(group["residual"]),
        removed=tuple(Removed(float(f), complex(Z), why) for f, Z, why in rows),
        remarks=_strings(group["remarks"]),
        threshold=float(group.attrs["threshold"]),
        poles=read_poles(group["poles"]) if "poles" in group else None,
    )


def _profile(group: Any) -> ProfileRecord:
    a = group.attrs
    ends = (float(a["low"]), float(a["high"]), float(a["limit"]))
    about = (str(a["name"]), str(a["unit"]), bool(a["log"]))
    return ProfileRecord(*about, _reals(group["value"]), _reals(group["rise"]), *ends, str(a["remark"]))


def _starts(group: Any) -> tuple[StartRecord, ...]:
    rows = zip(group["start"][()], group["end"][()], group["cost"][()], _strings(group["failed"]), strict=True)
    return tuple(StartRecord(tuple(map(float, s)), tuple(map(float, e)), float(c), why) for s, e, c, why in rows)


def _circuit(group: Any) -> CircuitRecord:
    a = group.attrs
    return CircuitRecord(
        name=str(a["name"]),
        string=str(a["string"]),
        data=str(a["data"]),
        names=_strings(group["name"]),
        units=_strings(group["unit"]),
        values=_reals(group["value"]),
        errors=_reals(group["error"]),
        fitted=_complexes(group["fitted"]),
        chi2=float(a["chi2"]),
        dof=float(a["dof"]),
        aic=float(a["aic"]),
        statements=_strings(group["statement"]),
    )


def _agreements(group: Any) -> tuple[Agreement, ...]:
    columns = [group[word][()] for word in ("parameters", "rms", "largest", "at")]
    texts = [_strings(group[word]) for word in ("data", "model", "systematic")]
    return tuple(
        Agreement(data, model, int(count), float(rms), float(largest), float(at), said)
        for data, model, said, count, rms, largest, at in zip(*texts, *columns, strict=True)
    )


def _further(group: Any) -> FurtherRecord:
    a = group.attrs
    texts = [_strings(group[word]) for word in ("name", "unit")]
    columns = [group[word][()].tolist() for word in ("log", "error", "best", "worst", "fixed", "sure")]
    told = tuple(Prediction(*row) for row in zip(*texts, *columns, strict=True))
    ends = (float(a["low"]), float(a["high"]), int(a["points"]))
    return FurtherRecord(str(a["name"]), str(a["study"]), json.loads(a["settings"]), *ends, told)


def _strings(dataset: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in dataset.asstr()[()]) if dataset.size else ()


def _reals(dataset: Any) -> Array:
    return np.asarray(dataset[()], dtype=float)


def _complexes(dataset: Any) -> Complex:
    return np.asarray(dataset[()], dtype=complex)


# ---- the summary ----


def write_summary(path: str | Path, record: FitRecord) -> None:
    """fit.json: values with units and errors, what is identified in words, how well each spectrum is explained."""
    told = {
        "title": record.title,
        "parameters": {
            p.name: {
                "value": p.value if p.identified else None,
                "best": p.value,
                "unit": p.unit or "1",
                "standard_error": p.error * (p.value if p.log else 1.0),
                "low": p.low,
                "high": p.high,
                "identified": p.identified,
                "statement": p.statement,
            }
            for p in record.parameters
        },
        "correlated": [{"pair": [a, b], "correlation": r} for a, b, r in record.correlated],
        "open_combinations": list(record.open_combinations),
        "spectra": {
            s.name: {
                "study": s.study,
                "file": s.file,
                "points": s.frequency.size,
                "removed": [{"frequency": r.frequency, "why": r.why} for r in s.removed],
                "remarks": list(s.remarks),
            }
            for s in record.spectra
        },
        "agreement": [{f.name: getattr(a, f.name) for f in fields(a)} for a in record.agreements],
        "remarks": list(record.remarks),
        "further": [{**asdict(one), "fixes": [p.name for p in one.fixes]} for one in record.further],
        "weighed": record.weighed,
        **{name: getattr(record, name) for name in (*_FIGURES, "evaluations", "weighting", "input_hash")},
        "versions": dict(record.versions),
        "timings": {name: {"value": seconds, "unit": "s"} for name, seconds in record.timings.items()},
    }
    with atomic(path) as temporary:
        temporary.write_text(to_json(told, indent=2) + "\n", encoding="utf-8")
