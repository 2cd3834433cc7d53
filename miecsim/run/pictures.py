"""From what a case says of its picture to labelled voxels."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from miecsim.case.messages import Refused
from miecsim.case.picture_data import Edits, Picture, Resolved, Slab
from miecsim.case.picture_kinds import Image
from miecsim.case.pictures import image_path
from miecsim.errors import InputError
from miecsim.microstructure.generators import coated, cracked
from miecsim.microstructure.images import coarsen, crop, mirrored, read_image, section
from miecsim.microstructure.structure import Microstructure
from miecsim.run.picture_kinds import BUILDERS
from miecsim.typing import Ints


def structure_of(resolved: Resolved, case_file: str) -> Microstructure:
    """The picture of a case, whose names are its phases in their order. Raises InputError for an image that cannot be
    read, and for cuts that do not fit it."""
    names = tuple(phase.name for phase in resolved.phases)
    return _structure(resolved.picture, names, case_file, _version(resolved.picture, case_file))


def _version(picture: Picture, case_file: str) -> tuple[int, int] | None:
    """Time and size of the file of an image, which may be written anew while a Python session goes on."""
    if not isinstance(picture.parameters, Image):
        return None
    found = _image(picture.parameters, case_file).stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _structure(
    picture: Picture, names: tuple[str, ...], case_file: str, version: tuple[int, int] | None
) -> Microstructure:
    """`version` of the image: part of the key under which the picture is kept."""
    found = _edited(_source(picture, case_file), picture.edits)
    place = np.array([names.index(name) for name in found.names])
    return _enclosed(Microstructure(place[found.labels], found.voxel, names, found.periodic), picture.edits)


def _source(picture: Picture, case_file: str) -> Microstructure:
    parameters, edge = picture.parameters, picture.voxel
    if not isinstance(parameters, Image):
        return BUILDERS[picture.kind](parameters, edge, tuple(sorted(picture.edits.periodic)))
    path = _image(parameters, case_file)
    return read_image(path, edge[0] if len(edge) == 1 else edge, dict(parameters.grey), parameters.through)


def _image(parameters: Image, case_file: str) -> Path:
    try:
        return image_path(parameters.file, case_file)
    except Refused as error:
        raise InputError(f"microstructure.file: {error}") from None


def _edited(structure: Microstructure, edits: Edits) -> Microstructure:
    """Section, crop, coarsen, coat, crack, mirror, and name the axes along which the picture repeats, in this order."""
    if edits.section is not None:
        structure = section(structure, *edits.section)
    if edits.crop is not None:
        structure = crop(structure, *edits.crop)
    if edits.coarsen > 1:
        structure = coarsen(structure, edits.coarsen).structure
    structure = _altered(structure, edits)
    for axis in edits.mirrored:
        structure = mirrored(structure, axis)
    across = {axis for axis in (*structure.periodic, *edits.periodic) if axis != 0}  # x ends at the contacts
    return Microstructure(structure.labels, structure.voxel, structure.names, tuple(sorted(across)))


def _altered(structure: Microstructure, edits: Edits) -> Microstructure:
    """With shells around a phase, and cracks through one."""
    if edits.coating is not None:
        c = edits.coating
        structure = coated(structure, c.phase, c.thickness, c.shell, inward=c.inward)
    if edits.cracks is not None:
        k = edits.cracks
        structure = cracked(structure, k.phase, k.fragment, k.width, k.seed, name=k.filled_with, share=k.share)
    return structure


def _enclosed(structure: Microstructure, edits: Edits) -> Microstructure:
    """With the slabs on its left and right."""
    parts = [_slab(structure, edits.left), structure.labels, _slab(structure, edits.right)]
    return Microstructure(np.concatenate(parts, axis=0), structure.voxel, structure.names, structure.periodic)


def _slab(structure: Microstructure, slab: Slab | None) -> Ints:
    if slab is None:
        return structure.labels[:0]
    count = max(1, round(slab.thickness / structure.voxel[0]))
    if abs(count * structure.voxel[0] - slab.thickness) > 1e-6 * slab.thickness:
        raise InputError(
            f"microstructure: read a slab of {slab.thickness:.6g} m; expected a multiple of the voxel's edge along x, "
            f"{structure.voxel[0]:.6g} m, such as {count * structure.voxel[0]:.6g} m"
        )
    return np.full((count, *structure.shape[1:]), structure.index(slab.phase), dtype=structure.labels.dtype)
