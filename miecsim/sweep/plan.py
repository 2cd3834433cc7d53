"""The points of a sweep: each is the case with some of its keys set, known by the hash of its resolved input."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from miecsim.case.columns import with_columns
from miecsim.case.load import Case, case_from_dict
from miecsim.case.messages import Problems, Refused, join_key
from miecsim.case.overrides import set_key
from miecsim.case.resolve import canonical
from miecsim.case.sweeps import DRAWN, Sweep, Value
from miecsim.case.table import Raw
from miecsim.errors import InputError
from miecsim.results import atomic

PLAN = "sweep.json"
POINTS = "points"


@dataclass(frozen=True)
class Point:
    """One point: its settings by dotted key, the case that they make, and its hash. Where no case can be read from it,
    `refused` says why, and the hash is of what was tried."""

    settings: Mapping[str, Value]
    raw: Raw
    hash: str
    refused: str = ""


@dataclass(frozen=True)
class Plan:
    """What a folder of results is of: every point by hash, in order, with its settings."""

    title: str
    kind: str
    keys: tuple[str, ...]
    points: tuple[tuple[str, Mapping[str, Value]], ...]


def points_of(case: Case) -> tuple[Point, ...]:
    """Every point of the sweep of `case`, in order; the last axis of a grid runs fastest.

    A point keeps those checks of the case that hold whatever its parameters are, the agreement with closed forms.
    Raises InputError where the case has no sweep, where no point at all can be read as a case, and where two points
    are the same.
    """
    if case.sweep is None:
        expected = "a [sweep] table with one or more [[sweep.axis]], as cases/FORMAT.md describes it"
        raise InputError(f"{case.file}: sweep: read nothing (the key is missing); expected {expected}")
    base = {name: copy.deepcopy(value) for name, value in case.raw.items() if name not in ("sweep", "check", "fit")}
    kept = [check for check in case.raw.get("check", ()) if check["quantity"] == "reference_error"]
    if kept:
        base["check"] = kept
    points = tuple(_point(base, settings, case.file) for settings in settings_of(case.sweep))
    if all(point.refused for point in points):
        raise InputError("\n".join(f"{case.file}: {line}" for line in points[0].refused.splitlines()))
    first: dict[str, int] = {}
    for number, point in enumerate(points):
        if first.setdefault(point.hash, number) != number:
            told = ", ".join(f"{name} = {value}" for name, value in point.settings.items())
            raise InputError(
                f"{case.file}: sweep: read points {first[point.hash]} and {number} that are the same ({told}); "
                "expected each point once"
            )
    return points


def settings_of(sweep: Sweep) -> Iterator[dict[str, Value]]:
    """The settings of each point, in order."""
    if sweep.kind == "list":
        yield from (dict(settings) for settings in sweep.listed)
        return
    keys = [axis.key for axis in sweep.axes]
    values = [axis.values for axis in sweep.axes]
    if sweep.kind in DRAWN:
        rows: Iterator[tuple[Value, ...]] = _drawn(sweep)
    else:
        rows = itertools.product(*values) if sweep.kind == "grid" else zip(*values, strict=True)
    yield from (dict(zip(keys, row, strict=True)) for row in rows)


def _drawn(sweep: Sweep) -> Iterator[tuple[Value, ...]]:
    """Points of SciPy's Latin hypercube or of its scrambled Sobol sequence, between the ends of each axis."""
    import numpy as np
    from scipy.stats import qmc

    sampler = qmc.Sobol if sweep.kind == "sobol" else qmc.LatinHypercube
    rows = sampler(len(sweep.axes), seed=np.random.default_rng(sweep.seed)).random(sweep.points)
    spans = [axis.span for axis in sweep.axes]
    for row in rows.tolist():
        yield tuple(span.at(part) for span, part in zip(spans, row, strict=True) if span is not None)


def _point(base: Raw, settings: Mapping[str, Value], file: str) -> Point:
    raw = base
    try:
        for name, value in settings.items():
            try:
                raw = set_key(raw, name, value)
            except Refused as error:
                raise InputError(f"{file}: {join_key('', *name.split('.'))}: {error}") from None
        problems = Problems(file)
        raw = with_columns(raw, Path(file).parent, problems)
        problems.raise_if_any()
        return Point(settings, raw, case_from_dict(raw, file).input_hash)
    except InputError as error:
        return Point(settings, raw, hashlib.sha256(canonical(raw).encode()).hexdigest(), without_file(error, file))


def without_file(error: Exception, file: str) -> str:
    """What an error says, without the name of the case's file, which depends on where the program was started."""
    return "\n".join(line.removeprefix(f"{file}: ") for line in str(error).splitlines())


def plan_of(case: Case, points: tuple[Point, ...]) -> Plan:
    """The plan of the sweep of `case`, whose `points` were found before."""
    assert case.sweep is not None  # points_of asks for it
    found = tuple((point.hash, dict(point.settings)) for point in points)
    return Plan(case.title, case.sweep.kind, tuple(points[0].settings), found)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write `sweep.json` atomically."""
    told = {
        "title": plan.title,
        "kind": plan.kind,
        "keys": plan.keys,
        "points": [{"hash": name, "settings": settings} for name, settings in plan.points],
    }
    with atomic(folder / PLAN) as temporary:
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def read_plan(folder: Path) -> Plan:
    """The plan of a folder of results. Raises InputError where it holds none."""
    path = folder / PLAN
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        points = tuple((point["hash"], point["settings"]) for point in told["points"])
        return Plan(told["title"], told["kind"], tuple(told["keys"]), points)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not the plan of a sweep; expected what `miecsim sweep` writes") from None
