"""A labelled picture of a composite: which phase fills each voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.typing import Array, Bools, Ints

MOST_PHASES = 250


@dataclass(frozen=True, eq=False)
class Microstructure:
    """labels (nx, ny) or (nx, ny, nz), uint8: the index in `names` of the phase of each voxel.

    Axis 0 is x, from the left side of the electrode (the separator) to the right one (the collector); y points up.
    voxel: edge lengths [m] along each axis. periodic: axes along which the picture repeats, so that its last voxels
    are neighbours of its first. A picture in two dimensions is a section of something that goes on straight.

    Raises InputError for labels without a name, a voxel that is no box, fewer than two dimensions.
    """

    labels: Ints
    voxel: tuple[float, ...]
    names: tuple[str, ...]
    periodic: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.ndim not in (2, 3) or labels.size == 0:
            raise InputError(f"microstructure: read labels of shape {labels.shape}; expected two or three dimensions")
        if len(self.voxel) != labels.ndim or not all(np.isfinite(v) and v > 0 for v in self.voxel):
            raise InputError(f"microstructure: read voxel {self.voxel}; expected {labels.ndim} positive lengths")
        if not self.names or len(set(self.names)) < len(self.names) or len(self.names) > MOST_PHASES:
            raise InputError(f"microstructure: read phases {', '.join(self.names) or '(none)'}; each needs one name")
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(self.names):
            raise InputError(
                f"microstructure: read labels from {labels.min()} to {labels.max()}; expected whole numbers from 0 to "
                f"{len(self.names) - 1}, one for each of {', '.join(self.names)}"
            )
        if any(axis not in range(labels.ndim) for axis in self.periodic):
            words = ", ".join(map(axis_name, self.periodic))
            raise InputError(f"microstructure: read periodic axes {words}; the picture has {axes_of(labels.ndim)}")
        object.__setattr__(self, "labels", labels.astype(np.uint8, copy=False))

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        return f"Microstructure({shape} voxels of {', '.join(self.names)})"

    @property
    def dim(self) -> int:
        return int(self.labels.ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.labels.shape)

    @property
    def extent(self) -> Array:
        """Edge lengths of the whole picture [m], (dim,)."""
        return np.asarray(np.array(self.shape) * np.array(self.voxel))

    def index(self, name: str) -> int:
        """Label of a phase. Raises InputError for a name that the picture does not have."""
        if name not in self.names:
            raise InputError(f'microstructure: read phase "{name}"; the phases are {", ".join(self.names)}')
        return self.names.index(name)

    def where(self, name: str) -> Bools:
        """Mask of the voxels of one phase."""
        mask: Bools = self.labels == self.index(name)
        return mask

    def fraction(self, name: str) -> float:
        """Volume fraction of a phase."""
        return float(np.mean(self.where(name)))


def axis_name(axis: int) -> str:
    """x, y or z for axis 0, 1 or 2, other numbers as they are."""
    return "xyz"[axis] if axis in range(3) else str(axis)


def axes_of(dim: int) -> str:
    """The axes of a picture in words."""
    return f"axes 0 to {dim - 1} ({', '.join('xyz'[:dim])})"
