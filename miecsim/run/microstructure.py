"""A case on a microstructure: its system, the figures of its picture, and what flows where."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from miecsim.case import data
from miecsim.case.load import Case
from miecsim.case.picture_data import Resolved
from miecsim.grid import Grid
from miecsim.grid.patches import Patch, with_patches
from miecsim.grid.voxels import voxel_grid
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.resolved import Gap, gap_faces, phase, resolved_system, with_surface
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.surfaces import interface_faces
from miecsim.physics.layers import Junction
from miecsim.physics.models import Model, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Wiring
from miecsim.results import Quantity
from miecsim.run.build import charged_layer
from miecsim.run.elements import inner
from miecsim.run.pictures import structure_of
from miecsim.system import System
from miecsim.typing import Bools, Ints

SIDES = ("left", "right")


def resolved_of(case: Case) -> Resolved:
    """What a case of this model says."""
    (layer,) = case.layers
    assert isinstance(layer.material, Resolved)
    return layer.material


def picture_of(case: Case) -> Microstructure:
    """The picture of a case. Raises InputError as `structure_of`."""
    return structure_of(resolved_of(case), case.file)


def microstructure_model(case: Case) -> Model:
    """Phases as the layers of a mixed conductor, or of Nernst-Planck-Poisson, their laws between them."""
    own = resolved_of(case)
    junctions = [Junction(one.between, one.carrier, inner(one.law, case.temperature), one.to) for one in own.interfaces]
    if own.charged:
        media = [charged_layer(p.name, 0.0, p.charged) for p in own.phases if p.charged is not None]
        return nernst_planck_poisson(media, temperature=case.temperature, junctions=junctions)
    layers = [phase(p.name, p.sigma_ion, p.sigma_eon, p.chemical_capacitance) for p in own.phases]
    return mixed_conductor(layers, temperature=case.temperature, junctions=junctions)


def microstructure_system(case: Case, wiring: Wiring) -> System:
    """The model on the voxels of the picture."""
    own = resolved_of(case)
    return resolved_system(
        picture_of(case),
        microstructure_model(case),
        wiring,
        area=case.area,
        gaps=_gaps(own),
        patches=_patches(own),
        staircase=own.picture.staircase,
    )


def picture_grid(case: Case) -> Grid:
    """The voxels of the picture, with patches on its sides."""
    s = picture_of(case)
    whole = voxel_grid(s.labels, s.names, s.voxel, s.periodic, case.area or 1.0)
    return with_patches(whole, _patches(resolved_of(case)))


def picture_figures(case: Case, study: data.Study) -> dict[str, Quantity]:
    """Of the picture: volume fractions, what of each carrier's way percolates, areas where phases meet."""
    own, structure = resolved_of(case), picture_of(case)
    out = {
        f"volume_fraction.{p.name}": Quantity(structure.fraction(p.name), "1")
        for p in own.phases
        if structure.fraction(p.name) > 0
    }
    reached: dict[str, Bools] = {}
    for carrier in own.carriers:
        found = clusters(structure, own.phases_with(carrier))
        voxels = max(int(found.sizes[1:].sum()), 1)
        both, neither = (float(np.count_nonzero(mask)) / voxels for mask in (found.percolating, found.isolated))
        out[f"percolating.{carrier}"] = Quantity(both, "1", "of the phases that conduct it")
        out[f"isolated.{carrier}"] = Quantity(neither, "1", "reaches neither left nor right")
        sides = sorted({c.side for t in study.terminals for c in t.contacts if c.carrier == carrier})
        if sides and set(sides) <= set(SIDES):
            reached[carrier] = np.any([found.reaching(side) for side in sides], axis=0)
    for a, b in combinations(structure.names, 2):
        out |= _interface_figures(own, structure, (a, b), reached)
    return out


def _interface_figures(
    own: Resolved, structure: Microstructure, pair: tuple[str, str], reached: dict[str, Bools]
) -> dict[str, Quantity]:
    """Area per volume where two phases meet, what a staircase would make of it, and which share reacts."""
    faces = interface_faces(structure, *pair)
    staircase = sum(f.total(corrected=False) for f in faces)
    if staircase == 0:
        return {}
    area, volume, name = sum(f.total() for f in faces), float(np.prod(structure.extent)), "-".join(pair)
    out = {
        f"area_density.{name}": Quantity(area / volume, "1/m", "where the phases meet, per volume"),
        f"staircase_ratio.{name}": Quantity(staircase / area, "1", "area of the voxels' faces over this area"),
    }
    for one in own.interfaces:
        if set(one.between) == set(pair) and one.to is not None and {one.carrier, one.to} <= reached.keys():
            away, back = (reached[word].ravel(order="F") for word in (one.carrier, one.to))
            first, second = ("cells_a", "cells_b") if one.between == pair else ("cells_b", "cells_a")
            if one.to not in own.carriers_of(one.between[1]):  # at the surface of the first phase
                second = first
            lost = _lost(own, structure, pair)
            active = 0.0
            for f in faces:
                reacts = away[getattr(f, first)] & back[getattr(f, second)]
                reacts &= ~np.isin(_pairs(f.cells_a, f.cells_b), lost)
                active += f.area * float(np.sum(f.weights[reacts]))
            note = f"of the area, reached by {one.carrier} and {one.to}"
            out[f"active_share.{name}"] = Quantity(active / area, "1", note)
    return out


def _patches(own: Resolved) -> list[Patch]:
    return [Patch(p.name, p.side, p.start, p.stop) for p in own.patches]


def _gaps(own: Resolved) -> list[Gap]:
    return [
        Gap(one.between, one.gap.fraction, one.gap.correlation, one.gap.seed)
        for one in own.interfaces
        if one.gap is not None
    ]


def _lost(own: Resolved, structure: Microstructure, pair: tuple[str, str]) -> Ints:
    """The faces between two phases that gaps have taken away, by the voxels on their sides (`_pairs`)."""
    gaps = [gap for gap in _gaps(own) if set(gap.between) == set(pair)]
    if not gaps:
        return np.zeros(0, dtype=int)
    grid = voxel_grid(structure.labels, structure.names, structure.voxel, structure.periodic)
    if not own.picture.staircase:
        grid = with_surface(grid, structure)
    gone = np.any([gap_faces(grid, structure, gap) for gap in gaps], axis=0)
    return _pairs(grid.left[gone], grid.right[gone])


def _pairs(a: Ints, b: Ints) -> Ints:
    """One number for each pair of voxels, whichever comes first."""
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    return np.asarray(low << 32 | high)
