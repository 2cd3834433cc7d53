"""Labelled images in and out, and the cuts, coarser copies, mirrored and tiled pictures made from them."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from miecsim.errors import InputError
from miecsim.microstructure.structure import Microstructure, axes_of, axis_name
from miecsim.typing import Array, Ints, Values

PICTURES, STACKS, ARRAYS = (".png",), (".tif", ".tiff"), (".npy", ".npz")
# what one number per pixel looks like to Pillow; "P" holds the numbers of a palette, which are the labels
GREY_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
MOST_NAMED = 4
IMAGE_DESCRIPTION = 270


def read_image(
    path: str | Path,
    voxel: float | Sequence[float],
    names: Mapping[str, int | Sequence[int]],
    through: str = "x",
    periodic: tuple[int, ...] = (),
) -> Microstructure:
    """A segmented image: PNG, TIFF (every frame), .npy, or .npz with one array or one called `labels`.

    names: phase -> the grey value, or values, that stand for it; labels are given in this order. Columns of an image
    are x, rows count from the top and y points up, frames are z. Arrays are taken as (x, y[, z]). through: the axis of
    the image that leads from separator to collector, "x", "y" or "z", or "-x" ... to go the other way; it becomes
    axis 0, and the others follow in their order. voxel: edge [m], one for all or one for each axis x, y[, z] of the
    image. periodic: axes of the result.
    Raises InputError for a file that cannot be read whole, for colours, and for a grey value that no phase claims.
    """
    path = Path(path)
    greys = _read(path)
    labels = _labels(path, greys, names)
    edges = (float(voxel),) * labels.ndim if isinstance(voxel, int | float) else tuple(float(v) for v in voxel)
    if len(edges) != labels.ndim:
        raise InputError(f"{path}: read {len(edges)} voxel edges; the image has {labels.ndim} axes")
    axis, backwards = _through(path, through, labels.ndim)
    labels = np.moveaxis(labels, axis, 0)
    edges = (edges[axis], *edges[:axis], *edges[axis + 1 :])
    return Microstructure(np.ascontiguousarray(labels[::-1] if backwards else labels), edges, tuple(names), periodic)


def _through(path: Path, through: str, dim: int) -> tuple[int, bool]:
    axes = "xyz"[:dim]
    name = through.removeprefix("-")
    if len(name) != 1 or name not in axes:
        raise InputError(f'{path}: read through = "{through}"; the axes of the image are {", ".join(axes)}')
    return axes.index(name), through.startswith("-")


def _read(path: Path) -> Ints:
    """Grey values (nx, ny[, nz])."""
    kind = path.suffix.lower()
    if kind not in PICTURES + STACKS + ARRAYS:
        known = ", ".join(PICTURES + STACKS + ARRAYS)
        raise InputError(f'{path}: read the file type "{kind}"; allowed: {known}')
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if kind in ARRAYS:
        return _read_array(path)
    frames = _frames(path)
    stack = np.stack(frames, axis=-1)[::-1].swapaxes(0, 1)  # rows from the top -> y upwards -> x first
    return stack[:, :, 0] if len(frames) == 1 else stack


def _read_array(path: Path) -> Ints:
    try:
        with path.open("rb") as file:
            found = _only_array(path, np.load(file, allow_pickle=False))
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: this is no NumPy file that can be read ({_line(e)})") from None
    if found.ndim not in (2, 3) or found.dtype.kind not in "biu" or found.size == 0:
        shape = " x ".join(map(str, found.shape)) or "no"
        raise InputError(f"{path}: read {shape} values of type {found.dtype}; expected whole numbers along 2 or 3 axes")
    return np.asarray(found)


def _only_array(path: Path, read: Any) -> Values:
    if isinstance(read, np.ndarray):
        return read
    with read as archive:
        held = archive.files
        if len(held) != 1 and "labels" not in held:
            raise InputError(f"{path}: read the arrays {', '.join(held) or '(none)'}; expected one, or labels")
        return np.asarray(archive["labels" if "labels" in held else held[0]])


def _frames(path: Path) -> list[Ints]:
    """Grey values of each frame (rows, columns)."""
    frames: list[Ints] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with Image.open(path) as image:
                described = str(getattr(image, "tag_v2", {}).get(IMAGE_DESCRIPTION, ""))
                for frame in ImageSequence.Iterator(image):
                    if frame.mode not in GREY_MODES:
                        raise InputError(
                            f"{path}: frame {len(frames) + 1} has pixels of kind {frame.mode}; "
                            "expected one whole number per pixel: save labels as greyscale"
                        )
                    frames.append(np.asarray(frame))
        except (OSError, SyntaxError, ValueError, EOFError, Warning, Image.DecompressionBombError) as e:
            where = f"frame {len(frames) + 1} cannot be read" if frames else "this is no image that can be read"
            raise InputError(f"{path}: {where} ({_line(e)})") from None
    _check_stack(path, described, frames)
    return frames


def _check_stack(path: Path, described: str, frames: list[Ints]) -> None:
    """Whether the file holds the images that its description speaks of: some programs write the rest without a
    directory, where only they find it."""
    sizes = sorted({frame.shape[::-1] for frame in frames})
    if len(sizes) > 1:
        read = ", ".join(f"{w} x {h}" for w, h in sizes[:MOST_NAMED])
        raise InputError(f"{path}: read frames of {read} pixels; the frames of a stack are all of one size")
    promised = len(frames)
    if described.startswith("ImageJ"):
        said = dict(re.findall(r"^(\w+)=(\d+)", described, flags=re.MULTILINE))
        promised = int(said.get("images", len(frames)))
        if int(said.get("channels", 1)) > 1:
            raise InputError(f"{path}: read an ImageJ stack of {said['channels']} channels; expected one")
    elif described.startswith('{"shape"'):
        promised = _promised(described, frames[0].size) or len(frames)
    if promised != len(frames):
        raise InputError(
            f"{path}: its description speaks of {promised} images, {len(frames)} can be read; save the stack anew "
            "with one directory entry per image, or as .npy"
        )


def _promised(described: str, pixels: int) -> int:
    """Frames that the description of tifffile speaks of; 0 where it cannot be understood."""
    try:
        return int(np.prod(json.loads(described)["shape"])) // pixels
    except (ValueError, KeyError, TypeError):
        return 0


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]


def _labels(path: Path, greys: Ints, names: Mapping[str, int | Sequence[int]]) -> Ints:
    """uint8 labels of the grey values."""
    claimed: dict[int, str] = {}
    for name, values in names.items():
        for value in np.atleast_1d(values).tolist():
            if claimed.setdefault(value, name) != name:
                raise InputError(f'{path}: the grey value {value} is claimed by "{claimed[value]}" and by "{name}"')
    found, inverse, counts = _distinct(greys)
    strange = [i for i in np.argsort(-counts, kind="stable") if int(found[i]) not in claimed]
    if strange:
        raise InputError(f"{path}: {_strangers(found[strange], counts[strange] / greys.size, claimed)}")
    index = {name: i for i, name in enumerate(names)}
    table = np.array([index[claimed[int(value)]] for value in found], dtype=np.uint8)
    return np.asarray(table[inverse])


def _distinct(greys: Ints) -> tuple[Ints, Ints, Ints]:
    """Distinct values, the number of its value for each voxel, and how many voxels have each value."""
    low = int(greys.min())
    if int(greys.max()) - low >= 1 << 16:
        found, inverse, counts = np.unique(greys, return_inverse=True, return_counts=True)
        return found, inverse.reshape(greys.shape), counts
    above = (greys - low if low else greys).astype(np.uint16)
    counts = np.bincount(above.ravel())
    (held,) = np.nonzero(counts)
    number = np.zeros(len(counts), dtype=np.intp)
    number[held] = np.arange(len(held))
    return held + low, number[above], counts[held]


def _strangers(values: Ints, shares: Array, claimed: dict[int, str]) -> str:
    """The commonest grey values that no phase claims, with their shares, and what is claimed."""
    shown = ", ".join(f"{v} ({100 * share:.3g} %)" for v, share in zip(values[:MOST_NAMED], shares, strict=False))
    more = len(values) - MOST_NAMED
    shown += f" and {more} more ({100 * shares[MOST_NAMED:].sum():.3g} %)" if more > 0 else ""
    if not claimed:
        return f"read the grey values {shown}; no phase claims any"
    near = min(claimed, key=lambda value: abs(value - int(values[0])))
    allowed = ", ".join(f"{value} {name}" for value, name in list(claimed.items())[:12])
    word = "value" if len(values) == 1 else "values"
    return (
        f"read the grey {word} {shown}, which no phase claims; claimed: {allowed} "
        f'(nearest to {values[0]}: {near}, "{claimed[near]}")'
    )


def write_image(s: Microstructure, path: str | Path) -> dict[str, int]:
    """Writes a PNG (two dimensions), a TIFF, or a .npy of the labels, such that `read_image` gives the picture back.

    Returns the grey value of each phase: spread over 0 to 255 in PNG and TIFF, the label itself in .npy.
    Raises InputError for another file type, and for a PNG of three dimensions.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (*PICTURES, *STACKS, ".npy") or (kind in PICTURES and s.dim == 3):
        allowed = ".npy, .tif" + (", .png" if s.dim == 2 else "")
        raise InputError(f'{path}: asked for "{kind}" of a picture in {s.dim} dimensions; allowed: {allowed}')
    if kind == ".npy":
        np.save(path, s.labels, allow_pickle=False)
        return {name: i for i, name in enumerate(s.names)}
    step = 255 // max(len(s.names) - 1, 1)
    stack = (s.labels * np.uint8(step)).reshape(*s.shape[:2], -1).swapaxes(0, 1)[::-1]
    frames = [Image.fromarray(np.ascontiguousarray(stack[:, :, k])) for k in range(stack.shape[2])]
    if kind in PICTURES:
        frames[0].save(path)
    else:
        frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_deflate")
    return {name: i * step for i, name in enumerate(s.names)}


def crop(s: Microstructure, *ranges: tuple[int, int] | None) -> Microstructure:
    """Voxels start to stop - 1 along each axis, None for all of them. A cut axis is periodic no more.

    Raises InputError for as many ranges as the picture has no axes, and for a range that is empty or leaves it."""
    if len(ranges) != s.dim:
        raise InputError(f"crop: read {len(ranges)} ranges; the picture has {s.dim} axes")
    whole = tuple((0, n) for n in s.shape)
    wanted = tuple(full if r is None else r for r, full in zip(ranges, whole, strict=True))
    for axis, ((start, stop), n) in enumerate(zip(wanted, s.shape, strict=True)):
        if not 0 <= start < stop <= n:
            raise InputError(f"crop: read {start} to {stop} along axis {axis}; expected 0 <= start < stop <= {n}")
    labels = s.labels[tuple(slice(*r) for r in wanted)]
    periodic = tuple(k for k in s.periodic if wanted[k] == whole[k])
    return Microstructure(labels.copy(), s.voxel, s.names, periodic)


class Coarsened(NamedTuple):
    """A coarser picture, and by how much each phase's volume fraction grew."""

    structure: Microstructure
    change: dict[str, float]


def coarsen(s: Microstructure, factor: int | Sequence[int]) -> Coarsened:
    """Blocks of `factor` voxels along each axis become one voxel of the phase that fills most of the block.

    A tie goes to the tied phase that is met first in the block (its lowest corner; the last axis runs fastest), which
    favours no phase. Majority votes remove what is thinner than half a block: `change` says how much.
    Raises InputError for a factor that does not divide the picture.
    """
    factors = (factor,) * s.dim if isinstance(factor, int) else tuple(int(f) for f in factor)
    if len(factors) != s.dim or any(f < 1 or n % f for f, n in zip(factors, s.shape, strict=False)):
        shape = " x ".join(map(str, s.shape))
        raise InputError(f"coarsen: read the factor {factor}; expected whole numbers that divide {shape}: crop first")
    split = [m for n, f in zip(s.shape, factors, strict=True) for m in (n // f, f)]
    order = [*range(0, 2 * s.dim, 2), *range(1, 2 * s.dim, 2)]
    coarse = tuple(split[::2])
    blocks = s.labels.reshape(split).transpose(order).reshape(*coarse, -1)
    votes = np.stack([np.count_nonzero(blocks == i, axis=-1) for i in range(len(s.names))], axis=-1)
    leads = votes == votes.max(axis=-1, keepdims=True)
    first = np.argmax(np.take_along_axis(leads, blocks.astype(np.intp), axis=-1), axis=-1)
    labels = np.take_along_axis(blocks, first[..., None], axis=-1)[..., 0]
    voxel = tuple(v * f for v, f in zip(s.voxel, factors, strict=True))
    out = Microstructure(labels, voxel, s.names, s.periodic)
    return Coarsened(out, {name: out.fraction(name) - s.fraction(name) for name in s.names})


def mirrored(s: Microstructure, axis: int) -> Microstructure:
    """The picture followed along `axis` by its mirror image: twice as long, and periodic along it."""
    _check_axis(s, axis, "mirrored")
    labels = np.concatenate([s.labels, np.flip(s.labels, axis)], axis=axis)
    return Microstructure(labels, s.voxel, s.names, tuple(sorted({*s.periodic, axis})))


def tiled(s: Microstructure, repeats: Sequence[int]) -> Microstructure:
    """The picture repeated along each axis as often as told."""
    if len(repeats) != s.dim or any(r < 1 for r in repeats):
        raise InputError(f"tiled: read the repeats {tuple(repeats)}; expected {s.dim} whole numbers from 1")
    return Microstructure(np.tile(s.labels, tuple(repeats)), s.voxel, s.names, s.periodic)


def section(s: Microstructure, axis: int, index: int) -> Microstructure:
    """The layer `index` across `axis` of a picture in three dimensions; the other two axes keep their order."""
    _check_axis(s, axis, "section")
    if s.dim != 3:
        raise InputError(f"section: read a picture with {axes_of(s.dim)}; expected one in three dimensions")
    if not 0 <= index < s.shape[axis]:
        raise InputError(f"section: read layer {index} along {axis_name(axis)}; expected 0 to {s.shape[axis] - 1}")
    kept = [k for k in range(3) if k != axis]
    labels = np.ascontiguousarray(np.take(s.labels, index, axis=axis))
    periodic = tuple(i for i, k in enumerate(kept) if k in s.periodic)
    return Microstructure(labels, tuple(s.voxel[k] for k in kept), s.names, periodic)


def _check_axis(s: Microstructure, axis: int, what: str) -> None:
    if axis not in range(s.dim):
        raise InputError(f"{what}: read axis {axis_name(axis)}; the picture has {axes_of(s.dim)}")
