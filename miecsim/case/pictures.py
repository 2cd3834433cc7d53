"""Reads [microstructure]: an image or a generator, its voxels, and how the picture is cut, mirrored and enclosed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.fields import FLAG, THICKNESS, choice, integer, list_of, number, quantity, table, text
from miecsim.case.messages import MISSING, Problems, Refused, join_key, nearest, one_of, refuse
from miecsim.case.nested import nested
from miecsim.case.picture_data import Coating, Cracks, Edits, Picture, Slab
from miecsim.case.picture_kinds import GENERATORS, Image
from miecsim.case.table import Context, Leaf, Raw, Row, joined, key, keys_of, part_of, read_table
from miecsim.errors import InputError
from miecsim.units import shown

PICTURE = table("kind, voxel and the keys of the kind")
DATA = "$MIECSIM_DATA/"
AXES = ("x", "y", "z")
KINDS: dict[str, type] = {"image": Image, **GENERATORS}
_PHASE = text("the name of a phase")
_EDGE = quantity("length", 1e-10, 1e-2)
_MOST_VOXELS = 2 * 10**7


def _voxel() -> Leaf:
    several = list_of(_EDGE, 2, 3, 'edges, such as ["1 um", "2 um"]')

    def check(value: object, siblings: Mapping[str, Any], context: Context) -> tuple[float, ...]:
        if isinstance(value, list):
            found: tuple[float, ...] = several.check(value, siblings, context)
            return found
        return (float(_EDGE.check(value, siblings, context)),)

    return Leaf(f"{_EDGE.expected}, or a list of one for each axis", check)


class _SlabTable(Row):
    phase: str = key(_PHASE)
    thickness: float = key(THICKNESS)


class _CoatingTable(Row):
    phase: str = key(_PHASE)
    shell: str = key(_PHASE)
    thickness: float = key(_EDGE)
    inward: bool = key(FLAG, default=False)


class _CracksTable(Row):
    phase: str = key(_PHASE)
    filled_with: str = key(_PHASE)
    fragment: float = key(_EDGE)
    width: float = key(_EDGE)
    share: float = key(number(1e-6, 1.0), default=1.0)
    seed: int = key(integer(0, 2**31))


class _SectionTable(Row):
    axis: str = key(choice(*AXES))
    layer: int = key(integer(0, 10**5))


def _slab(raw: Raw, problems: Problems, context: Context) -> Slab | None:
    found = read_table(_SlabTable, raw, "", problems, context)
    return None if found is None else Slab(found.phase, found.thickness)


def _coating(raw: Raw, problems: Problems, context: Context) -> Coating | None:
    found = read_table(_CoatingTable, raw, "", problems, context)
    return None if found is None else Coating(found.phase, found.shell, found.thickness, found.inward)


def _cracks(raw: Raw, problems: Problems, context: Context) -> Cracks | None:
    c = read_table(_CracksTable, raw, "", problems, context)
    return None if c is None else Cracks(c.phase, c.filled_with, c.fragment, c.width, c.share, c.seed)


def _section(raw: Raw, problems: Problems, context: Context) -> tuple[int, int] | None:
    found = read_table(_SectionTable, raw, "", problems, context)
    return None if found is None else (AXES.index(found.axis), found.layer)


_SLAB = nested("phase and thickness", _slab)
_AXES = list_of(choice(*AXES), 0, 3, 'axes, such as ["y"]')
_RANGE = list_of(integer(0, 10**5), 2, 2, "voxels: the first, and the one after the last")


class _Common(Row):
    voxel: tuple[float, ...] = key(_voxel())
    staircase: bool = key(FLAG, default=False)
    section: tuple[int, int] | None = key(nested("axis and layer", _section), default=None)
    crop: tuple[tuple[int, int], ...] | None = key(list_of(_RANGE, 2, 3, "ranges, one for each axis"), default=None)
    coarsen: int = key(integer(1, 100), default=1)
    coating: Coating | None = key(nested("phase, shell and thickness", _coating), default=None)
    cracks: Cracks | None = key(nested("phase, filled_with, fragment, width and seed", _cracks), default=None)
    mirrored: tuple[str, ...] = key(_AXES, default=())
    periodic: tuple[str, ...] = key(_AXES, default=())
    left: Slab | None = key(_SLAB, default=None)
    right: Slab | None = key(_SLAB, default=None)


def read_picture(raw: Raw, problems: Problems, phases: Sequence[str] | None) -> Picture | None:
    """The picture of the case `raw`, None where it cannot be read. `phases`: the names of [[phase]], if known."""
    own = raw.get(MICROSTRUCTURE)
    if not isinstance(own, dict):
        return None
    kind = own.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        _unknown_kind(own, problems)
        return None
    rest = {name: value for name, value in own.items() if name != "kind"}
    found = read_table(joined(KINDS[kind], _Common), rest, MICROSTRUCTURE, problems, also=("kind",))
    if found is None:
        return None
    common = part_of(found, _Common)
    parameters: Any = part_of(found, KINDS[kind])
    edits = Edits(
        common.section,
        common.crop,
        common.coarsen,
        common.coating,
        common.cracks,
        tuple(AXES.index(axis) for axis in common.mirrored),
        tuple(AXES.index(axis) for axis in common.periodic),
        common.left,
        common.right,
    )
    picture = Picture(kind, parameters, common.voxel, edits, common.staircase)
    _check_axes(picture, problems)
    _check_phases(picture, problems, phases)
    if isinstance(parameters, Image):
        _check_file(parameters.file, problems)
    else:
        for what, read, expected in parameters.conflicts():
            problems.add(join_key(MICROSTRUCTURE, what), read, expected)
        _check_size(parameters.voxels, picture.voxel, problems)
    return picture


def image_path(file: str, case_file: str) -> Path:
    """Where an image of a case lies: in the case's directory, or in the folder that MIECSIM_DATA names.

    Raises Refused where it may not lie, or is not there."""
    root, inside = Path(case_file).parent, file
    if file.startswith(DATA):
        folder, inside = os.environ.get("MIECSIM_DATA", ""), file.removeprefix(DATA)
        if not folder:
            raise refuse(f"{shown(file)}, while MIECSIM_DATA is not set", "that variable to name the folder of data")
        root = Path(folder)
    if Path(inside).is_absolute() or ".." in Path(inside).parts or inside.startswith("$"):
        expected = f'an image beside the case, or in the folder of data ("{DATA}...")'
        raise refuse(f"{shown(file)} (outside the directory of the case)", expected)
    path = root / inside
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if there:
        return path
    names = sorted(p.name for p in path.parent.iterdir()) if len(inside) < 200 and path.parent.is_dir() else []
    raise refuse(f"{shown(file)}, which is not there", f"an image in {root}", nearest(path.name, names))


def picture_files(raw: Any) -> list[str]:
    """Every file that a case, or the `set` of what it measures, names as its picture."""
    found = []
    for name, value in raw.items() if isinstance(raw, dict) else ():
        if name == MICROSTRUCTURE and isinstance(value, dict) and isinstance(value.get("file"), str):
            found.append(value["file"])
        elif name == f"{MICROSTRUCTURE}.file" and isinstance(value, str):
            found.append(value)
        else:
            found += picture_files(value)
    for item in raw if isinstance(raw, list) else ():
        found += picture_files(item)
    return found


def digest_of_pictures(raw: Raw, case_file: str) -> bytes:
    """SHA-256 of the contents of all `picture_files`. Raises InputError where one is no longer there."""
    import hashlib

    whole = hashlib.sha256()
    for file in picture_files(raw):
        try:
            whole.update(image_path(file, case_file).read_bytes())
        except (Refused, OSError) as error:
            raise InputError(f"{case_file}: {MICROSTRUCTURE}.file: {error}") from None
    return whole.digest()


def _unknown_kind(own: Raw, problems: Problems) -> None:
    """Which keys belong here is not known then; those of no kind are told."""
    known = dict.fromkeys(("kind", *keys_of(_Common), *(k for one in KINDS.values() for k in keys_of(one))))
    for name in own:
        if name not in known:
            problems.add(join_key(MICROSTRUCTURE, name), "an unknown key", one_of(tuple(known)), nearest(name, known))
    value = own.get("kind")
    read = shown(value) if "kind" in own else MISSING
    near = nearest(value, KINDS) if isinstance(value, str) else None
    problems.add(join_key(MICROSTRUCTURE, "kind"), read, one_of(tuple(KINDS)), near)


def _check_axes(picture: Picture, problems: Problems) -> None:
    for word in ("mirrored", "periodic"):
        axes = getattr(picture.edits, word)
        if len(set(axes)) < len(axes):
            problems.add(join_key(MICROSTRUCTURE, word), "an axis twice", "each axis once")
    if 0 in picture.edits.periodic:
        problems.add(join_key(MICROSTRUCTURE, "periodic"), '"x"', '"y" or "z": x leads from contact to contact')
    if any(b <= a for a, b in picture.edits.crop or ()):
        problems.add(join_key(MICROSTRUCTURE, "crop"), "a range that is empty", "[first, one after the last] voxel")


def _check_phases(picture: Picture, problems: Problems, phases: Sequence[str] | None) -> None:
    if phases is None:
        return
    words = (("left", "phase"), ("right", "phase"), ("coating", "phase"), ("coating", "shell"), ("cracks", "phase"))
    edits = picture.edits
    used = [
        (f"{word}.{what}", getattr(one, what))
        for word, what in (*words, ("cracks", "filled_with"))
        if (one := getattr(edits, word)) is not None
    ]
    for word, what in (("coating", "shell"), ("cracks", "filled_with")):
        one = getattr(edits, word)
        if one is not None and getattr(one, what) == one.phase:
            key_of = join_key(MICROSTRUCTURE, f"{word}.{what}")
            problems.add(key_of, shown(one.phase), "another phase than the one that is altered")
    own = [(word, name) for word, names in picture.parameters.phase_names().items() for name in names]
    for word, name in (*own, *used):
        if name not in phases:
            expected = f"the name of a phase: {one_of(phases)}"
            problems.add(join_key(MICROSTRUCTURE, word), shown(name), expected, nearest(name, phases))


def _check_file(file: str, problems: Problems) -> None:
    try:
        image_path(file, problems.file)
    except Refused as error:
        problems.refused(join_key(MICROSTRUCTURE, "file"), error)


def _check_size(voxels: tuple[int, ...], voxel: tuple[float, ...], problems: Problems) -> None:
    total = 1
    for n in voxels:
        total *= n
    if total > _MOST_VOXELS:
        problems.add(join_key(MICROSTRUCTURE, "voxels"), f"{total} voxels in all", f"at most {_MOST_VOXELS}")
    if len(voxel) not in (1, len(voxels)):
        problems.add(join_key(MICROSTRUCTURE, "voxel"), f"{len(voxel)} edges", f"one, or {len(voxels)}, as voxels has")
