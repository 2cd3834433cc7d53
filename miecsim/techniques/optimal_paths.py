"""Shortest conduction paths to every reaction site as an experiment.

The textbook's side is the straight line from the side where a carrier comes from; the true side goes through the
phases. Which carrier is held up is judged twice: by the longer path, as diagrams of L* do, and by the larger
resistance L*/sigma, which decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from miecsim.microstructure.paths import PathLengths, limits, path_lengths, quantiles
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.travel import travel_lengths
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

TECHNIQUE = "optimal paths"
AXES = "xyz"


def optimal_paths(
    structure: Microstructure,
    sigma: Mapping[str, Mapping[str, float]],
    sites: Sequence[tuple[str, str]] | None = None,
    sides: tuple[str, str] = ("left", "right"),
    *,
    storage: Mapping[str, tuple[float, float, float]] | None = None,
    duration: float | None = None,
) -> TechniqueRecord:
    """L*_ion and L*_eon of all reaction sites; see `microstructure.paths`.

    sigma: "ion" and "electron" -> phase -> conductivity [S/m]. sites: pairs of phases that react. storage: phase ->
    (sigma_ion, sigma_eon, c_chem) of those that store, whose travel lengths in `duration` [s] are given, too: another
    length of the same symbol. Raises InputError as `path_lengths`.
    """
    paths = path_lengths(structure, sigma["ion"], sigma["electron"], sites=sites, sides=sides)
    which, unreached = limits(paths), paths.unreached()
    on = paths.reached
    compared = []
    for word, L, depth in (("ion", paths.L_ion, paths.depth_ion), ("eon", paths.L_eon, paths.depth_eon)):
        straight, length = (float(quantiles(values[on], paths.area[on], (0.5,))[0]) for values in (depth, L))
        compared.append(Compared(f"L_{word}", straight, length, "m", "straight line, medians"))
        tau = float(np.average(L[on] / depth[on], weights=paths.area[on]))
        compared.append(Compared(f"path_tortuosity_{word}", 1.0, tau, "1", "straight line, means"))
    longer = float(paths.area[on & (paths.L_ion > paths.L_eon)].sum() / paths.area[on].sum())
    compared.append(Compared("limited_by_ion", longer, which.ion, "1", "the longer path"))
    compared.append(Compared("unreached", 0.0, unreached["either"], "1", "every site reacts"))
    travel, told = _travel(storage or {}, duration)
    remarks = (
        f"by length alone {100 * which.misjudged:.3g} % of the area that both carriers reach is misjudged",
        f"{100 * unreached['ion']:.3g} % of the area is not reached by ions, {100 * unreached['eon']:.3g} % not by "
        "electrons",
        *told,
    )
    return TechniqueRecord(TECHNIQUE, _tables(structure, paths, sigma) | travel, tuple(compared), remarks)


def _travel(
    storage: Mapping[str, tuple[float, float, float]], duration: float | None
) -> tuple[dict[str, Table], list[str]]:
    """How far storage reaches in a time, by wiring: a table of one row for each phase, and a line of words."""
    tables: dict[str, Table] = {}
    told = []
    for name, (ion, eon, c_chem) in storage.items() if duration is not None else ():
        assert duration is not None
        reach = travel_lengths(ion, eon, c_chem, duration)
        wired = {"ion_wired": reach.ion_wired, "electron_wired": reach.electron_wired, "both": reach.both}
        tables[f"travel_{name}"] = {word: (np.array([value]), "m") for word, value in wired.items()}
        told.append(
            f"not L* but how far storage reaches in {name} in {duration:.4g} s: {reach.ion_wired:.3g} m where ions are "
            f"at hand everywhere, {reach.electron_wired:.3g} m where electrons are, {reach.both:.3g} m from the surface"
        )
    return tables, told


def _tables(
    structure: Microstructure, paths: PathLengths, sigma: Mapping[str, Mapping[str, float]]
) -> dict[str, Table]:
    """sites; voxels (x fastest); picture, one row per axis; phases, a column for each with its two conductivities."""
    places = {f"position_{AXES[k]}": (paths.position[:, k], "m") for k in range(structure.dim)}
    labels: Array = structure.labels.ravel(order="F").astype(float)
    maps = {"L_ion": (paths.map_ion.ravel(order="F"), "m"), "L_eon": (paths.map_eon.ravel(order="F"), "m")}
    sites = places | {"area": (paths.area, "m^2" if structure.dim == 3 else "m")}
    sites |= {name: (getattr(paths, name), "m") for name in ("depth_ion", "depth_eon", "L_ion", "L_eon")}
    sites |= {f"cell_{side}": (paths.cells[:, k].astype(float), "1") for k, side in enumerate(("left", "right"))}
    return {
        "sites": sites,
        "voxels": {"phase": (labels, "1")} | maps,
        "picture": {
            "voxels": (np.array(structure.shape, dtype=float), "1"),
            "edge": (np.array(structure.voxel), "m"),
        },
        "phases": {
            name: (np.array([sigma[carrier].get(name, 0.0) for carrier in ("ion", "electron")]), "S/m")
            for name in structure.names
        },
    }
