"""The records of a run: plain data, SI units, no behaviour beyond a few derived figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from miecsim.techniques.record import TechniqueRecord
from miecsim.typing import Array, Complex, Ints

if TYPE_CHECKING:  # the solvers are not light
    from miecsim.inverse.poles import Poles

# Unit of Z: of a sample with a stated area, or of one taken per area.
Z_UNITS = ("ohm", "ohm m^2")


@dataclass(frozen=True)
class Quantity:
    """A figure with its unit ("1" when it has none) and, where useful, a remark on how it was read."""

    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class AttributionRecord:
    """Parts of Z that add up to it, in the unit of Z: by process, by layer, and by process in n_x intervals of x."""

    processes: Mapping[str, Complex]  # each (n_f,)
    layers: Mapping[str, Complex]  # each (n_f,)
    edges: Array  # (n_x + 1,) m
    along: Mapping[str, Complex]  # each process (n_f, n_x)


@dataclass(frozen=True, eq=False)
class StudyRecord:
    """One small-signal study: n_f frequencies, P terminals, n positions along the electrode.

    Z is two-terminal, in `unit`. `Z_matrix[f, r, c]` is the potential of terminal r against ground per unit current
    into terminal c, over the terminals except `ground`, in the order of `terminals`. `Z_reference[f, r]` is the
    potential of reference plane r against ground per unit current through the main pair. `profile_rails[name][k]` is
    the complex amplitude of a rail's potential [V per V applied] at `profile_frequency[k]`, nan where it is absent.
    """

    name: str
    frequency: Array  # (n_f,) Hz
    Z: Complex  # (n_f,)
    unit: str  # "ohm" | "ohm m^2"
    terminals: tuple[str, ...]
    ground: str
    Z_matrix: Complex  # (n_f, P-1, P-1)
    reference_planes: tuple[str, ...]
    Z_reference: Complex  # (n_f, n_ref)
    references: Mapping[str, Complex]  # closed forms compared, each (n_f,), in `unit`
    profile_frequency: Array  # (n_k,) Hz
    profile_position: Array  # (n,) m
    profile_rails: Mapping[str, Complex]  # each (n_k, n)
    steady_position: Array  # (n_s,) m
    steady: Mapping[str, tuple[Array, str]]  # each ((n_s,), unit): potentials, concentrations
    summary: Mapping[str, Quantity]
    solver: Mapping[str, str | float]
    fields: Mapping[str, tuple[Array, str]] = field(default_factory=dict)  # each ((n_cells,), unit), on the grid
    attribution: AttributionRecord | None = None
    poles: Poles | None = None  # relaxation times of Z, at rest


@dataclass(frozen=True, eq=False)
class ExperimentRecord:
    """One run of a transport technique (its name in the case file): what was recorded, read and true."""

    name: str
    technique: str
    record: TechniqueRecord


@dataclass(frozen=True, eq=False)
class GridRecord:
    """The control volumes. `faces` holds the face coordinates (xs,), (xs, ys) or (xs, ys, zs) of a structured grid.

    Cells of a structured grid are numbered with x running fastest, then y, then z.
    """

    dimension: int
    volumes: Array  # (n_cells,) m^3
    centers: Array  # (n_cells, dimension) m
    region_names: tuple[str, ...]
    region_ids: Ints  # (n_cells,) index into region_names
    faces: tuple[Array, ...] = ()  # m


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything a run says about itself. `area` is None when the case is stated per area (Z in ohm m^2).

    Each of `checks` has the keys study or experiment, quantity, expected, read, unit, tolerance, error, passed, source;
    one of an experiment also `of` (textbook, true or error) and `how`.
    """

    title: str
    model: str
    source: str
    case: Mapping[str, Any]  # the resolved case, as JSON would hold it
    input_hash: str
    versions: Mapping[str, str]
    timings: Mapping[str, float]  # s
    area: float | None  # m^2
    grid: GridRecord
    studies: tuple[StudyRecord, ...]
    checks: tuple[Mapping[str, Any], ...] = ()
    summary: Mapping[str, Quantity] = field(default_factory=dict)
    experiments: tuple[ExperimentRecord, ...] = ()


def reference_errors(study: StudyRecord) -> dict[str, tuple[float, float]]:
    """max over f of |Z - Z_ref| / |Z_ref| for each closed form, and the frequency [Hz] where it stands."""
    found: dict[str, tuple[float, float]] = {}
    for name, reference in study.references.items():
        error = np.abs(study.Z - reference) / np.abs(reference)
        worst = int(np.argmax(error))
        found[name] = (float(error[worst]), float(study.frequency[worst]))
    return found


def layer_spans(grid: GridRecord) -> list[tuple[str, float, float]]:
    """(region, start, end) [m] of each run of equal regions along x, read in the first row of cells.

    Empty when the grid stores no face coordinates.
    """
    if not grid.faces:
        return []
    xs = grid.faces[0]
    ids = grid.region_ids[: xs.size - 1]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ids)) + 1))
    ends = np.append(starts[1:], ids.size)
    return [(grid.region_names[ids[a]], float(xs[a]), float(xs[b])) for a, b in zip(starts, ends, strict=True)]
