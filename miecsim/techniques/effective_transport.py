"""Effective transport of a picture as an experiment: what it conducts, beside what its fractions alone would say.

The textbook's side is an estimate from volume fractions: Bruggeman's effective medium for a composite whose phases all
conduct, (1 - phi)^(3/2) for one phase among insulators, which is a tortuosity factor of phi^(-1/2). The true side is
the potential solved on the voxels, and tau = phi sigma_0 / sigma_eff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from miecsim.microstructure.bounds import conductivity_bounds
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import interface_area
from miecsim.microstructure.transport import (
    blocking_electrode,
    effective_conductivity,
    effective_tensor,
    tortuosity_factor,
)
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.techniques.representative import representative

TECHNIQUE = "effective transport"
BOUNDS = ("series", "lower", "symmetric", "upper", "parallel")
AXES = "xyz"


def effective_transport(
    structure: Microstructure,
    sigma: Mapping[str, Mapping[str, float]],
    axes: Sequence[int] = (0,),
    *,
    cell_problem: bool = False,
    blocking: bool = False,
    parts: Sequence[int] = (),
    variation: float = 0.05,
) -> TechniqueRecord:
    """What a picture conducts along each of `axes`, and how its phases hang together.

    sigma: carrier ("ion", "electron") -> phase -> conductivity [S/m]. cell_problem: take the picture as the cell of a
    medium that repeats along every axis, and give the whole tensor. blocking: also the tortuosity of each phase as
    impedance of blocking electrodes reads it. parts: also how much sub-volumes differ, cut into so many pieces along
    every edge, and how large a picture must be for a coefficient of variation `variation`, along the first of `axes`.
    Tables: <carrier> with bounds, phase_<name>, one row for each axis; volumes_<name>, one row for each of `parts`, and
    decay_<name>. Raises InputError and SolveError as the functions of `microstructure.transport`.
    """
    tables: dict[str, Table] = {}
    compared: list[Compared] = []
    for carrier, of in sigma.items():
        name = {"electron": "sigma_eon"}.get(carrier, f"sigma_{carrier}")
        tables[carrier], found = _carrier(structure, name, of, axes, cell_problem)
        compared += found
    conducts = sorted({phase for of in sigma.values() for phase in of}, key=structure.index)
    for phase in conducts:
        if structure.fraction(phase) > 0:
            tables[f"phase_{phase}"], found = _phase(structure, phase, axes, blocking)
            compared += found
    for pair in combinations(structure.names, 2):
        staircase = interface_area(structure, *pair, corrected=False)
        if staircase > 0:
            area, volume = interface_area(structure, *pair), float(np.prod(structure.extent))
            what = f"area_density, {'-'.join(pair)}"
            compared.append(Compared(what, staircase / volume, area / volume, "1/m", "faces of the voxels"))
    remarks = _remarks(structure, cell_problem)
    if parts:
        for phase in conducts:
            own, found, more = representative(structure, phase, parts, axes[0], variation)
            tables |= own
            compared += found
            remarks += more
    return TechniqueRecord(TECHNIQUE, tables, tuple(compared), remarks)


def _carrier(
    structure: Microstructure, name: str, sigma: Mapping[str, float], axes: Sequence[int], cell_problem: bool
) -> tuple[Table, list[Compared]]:
    """Effective conductivities of one carrier with their bounds, and the estimates beside them."""
    bounds = conductivity_bounds(structure, sigma)
    if cell_problem:
        whole = replace(structure, periodic=tuple(range(structure.dim)))
        tensor = effective_tensor(whole, sigma).real
        found = [float(tensor[axis, axis]) for axis in axes]
    else:
        tensor = None
        found = [float(np.real(effective_conductivity(structure, sigma, axis))) for axis in axes]
    table: dict[str, tuple[np.ndarray, str]] = {
        "axis": (np.array(axes, dtype=float), "1"),
        "effective": (np.array(found), "S/m"),
    }
    table |= {word: (np.full(len(axes), getattr(bounds, word)), "S/m") for word in BOUNDS}
    compared = []
    for axis, value in zip(axes, found, strict=True):
        what = f"{name}, {AXES[axis]}"
        compared.append(Compared(what, bounds.symmetric, value, "S/m", "effective medium"))
        if len(sigma) == 1:
            ((phase, own),) = sigma.items()
            estimate = own * structure.fraction(phase) ** 1.5
            compared.append(Compared(what, estimate, value, "S/m", "Bruggeman, exponent 1.5"))
    if tensor is not None:
        for one, other in combinations(range(structure.dim), 2):
            what = f"{name}, {AXES[one]}{AXES[other]}"
            compared.append(Compared(what, 0.0, float(tensor[one, other]), "S/m", "isotropic"))
    return table, compared


def _phase(structure: Microstructure, phase: str, axes: Sequence[int], blocking: bool) -> tuple[Table, list[Compared]]:
    """Of one phase: its fraction, what percolates and what does not, its tortuosity factors."""
    table: dict[str, list[float]] = {"axis": [float(axis) for axis in axes]}
    compared, fraction = [], structure.fraction(phase)
    for axis in axes:
        where = f"{phase}, {AXES[axis]}"
        report = clusters(structure, phase, axis).report()
        tau = tortuosity_factor(structure, phase, axis).tau
        row = {"fraction": fraction, **report, "tau": tau}
        compared.append(Compared(f"tortuosity_factor, {where}", fraction**-0.5, tau, "1", "Bruggeman, phi^-1/2"))
        compared.append(Compared(f"percolating, {where}", 1.0, report["percolating"], "1", "all of the phase"))
        if blocking:
            row["tau_blocking"] = _by_impedance(structure, phase, axis)
            how = "blocking electrodes, 3 R_LF"
            compared.append(Compared(f"tortuosity_factor, {where}", row["tau_blocking"], tau, "1", how))
        for name, value in row.items():
            table.setdefault(name, []).append(value)
    return {name: (np.array(values), "1") for name, values in table.items()}, compared


def _by_impedance(structure: Microstructure, phase: str, axis: int) -> float:
    """inf where the phase does not reach the entrance."""
    if not clusters(structure, phase, axis).reaching("left").any():
        return float("inf")
    return blocking_electrode(structure, phase, axis=axis).tortuosity()


def _remarks(structure: Microstructure, cell_problem: bool) -> tuple[str, ...]:
    shape = " x ".join(map(str, structure.shape))
    how = "as the cell of a periodic medium" if cell_problem else "between contacts on both sides, other sides closed"
    remarks = [f"{shape} voxels, {how}"]
    if structure.dim == 2:
        remarks.append(
            "in two dimensions a phase that percolates along x keeps all others from percolating along y: of two at "
            "random at most one percolates, while in three dimensions both do"
        )
    return tuple(remarks)
