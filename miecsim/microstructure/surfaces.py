"""Area of the interfaces between phases, and how much of it is staircase.

The faces between voxels of a smooth surface are a staircase: their area is 4/pi times that of a circle's
circumference and 3/2 times that of a sphere, however fine the voxels, since refining a staircase does not flatten it.
A face of area A_f across axis k counts here as A_f |n_k|, n the unit normal of the surface there. This is exact for
planes, where the faces across axis k add up to A |n_k| and the n_k^2 to one, and so for smooth surfaces in the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from miecsim.errors import InputError
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.structure import Microstructure
from miecsim.typing import Array, Ints

SMOOTHING = 2.0  # width of the Gaussian in voxels: wide enough to level steps, narrow enough for particles of ten
# Below this share of the gradient at a plane there is no telling where the normal points: layers of one voxel.
FAINT = 1e-3


@dataclass(frozen=True, eq=False)
class InterfaceFaces:
    """Faces across one axis between a voxel of phase a and a voxel of phase b.

    cells_a, cells_b (n,): the voxels on either side, numbered x fastest, `labels.ravel(order="F")`. area: of one face
    [m^2]; in two dimensions per metre of depth [m]. weights (n,): |n_k|, so that area * weights adds up to the area
    of the surface.
    """

    axis: int
    cells_a: Ints
    cells_b: Ints
    area: float
    weights: Array

    def total(self, corrected: bool = True) -> float:
        return self.area * float(np.sum(self.weights) if corrected else len(self.weights))


def interface_faces(s: Microstructure, a: str, b: str, smoothing: float = SMOOTHING) -> tuple[InterfaceFaces, ...]:
    """The faces between phases a and b across each axis, those of periodic seams included, each with its weight.

    Raises InputError for unknown phases, or one phase twice.
    """
    if a == b:
        raise InputError(f'interface: read phase "{a}" on both sides; expected two phases')
    in_a, in_b = s.where(a), s.where(b)
    gradient = _gradient(s, s.index(a), s.index(b), smoothing)
    found = []
    for axis in range(s.dim):
        left, right = _neighbours(s, axis)
        of_a, of_b = in_a.ravel(order="F"), in_b.ravel(order="F")
        forth, back = of_a[left] & of_b[right], of_b[left] & of_a[right]
        cells_a, cells_b = np.r_[left[forth], right[back]], np.r_[right[forth], left[back]]
        weights = _weights(s, gradient, cells_a, cells_b, axis, smoothing)
        found.append(InterfaceFaces(axis, cells_a, cells_b, face_area(s, axis), weights))
    return tuple(found)


def interface_area(s: Microstructure, a: str, b: str, corrected: bool = True) -> float:
    """Area between phases a and b [m^2]; in two dimensions the length of their boundary [m].

    corrected: each face counts by its weight; otherwise the whole staircase counts. Raises InputError as
    `interface_faces`."""
    return sum(faces.total(corrected) for faces in interface_faces(s, a, b))


def connected_area(
    s: Microstructure,
    a: str,
    b: str,
    side_a: str = "left",
    side_b: str = "right",
    axis: int = 0,
    corrected: bool = True,
) -> float:
    """The active part of `interface_area`: faces whose voxel of phase a hangs together through phase a with the side
    `side_a` ("left" or "right" along `axis`), and whose voxel of phase b hangs together through b with `side_b`.

    Raises InputError for unknown phases, sides and axes."""
    from_a = clusters(s, a, axis).reaching(side_a).ravel(order="F")
    from_b = clusters(s, b, axis).reaching(side_b).ravel(order="F")
    total = 0.0
    for faces in interface_faces(s, a, b):
        active = from_a[faces.cells_a] & from_b[faces.cells_b]
        total += faces.area * float(np.sum(faces.weights[active]) if corrected else np.count_nonzero(active))
    return total


def face_weights(
    s: Microstructure, left_cells: Ints, right_cells: Ints, axis: int, smoothing: float = SMOOTHING
) -> Array:
    """|n_k| (n,) of the faces across `axis` between the voxels left_cells and right_cells (n,), numbered x fastest.

    Each pair of phases has its own normal. A face inside a phase belongs to no surface: its weight is 1.
    """
    labels = s.labels.ravel(order="F")
    left, right = np.asarray(left_cells), np.asarray(right_cells)
    low, high = np.minimum(labels[left], labels[right]), np.maximum(labels[left], labels[right])
    weights = np.ones(len(left))
    pairs = low.astype(np.int64) * len(s.names) + high
    for pair in np.unique(pairs[low != high]):
        at = pairs == pair
        gradient = _gradient(s, *divmod(int(pair), len(s.names)), smoothing)
        weights[at] = _weights(s, gradient, left[at], right[at], axis, smoothing)
    return weights


def face_area(s: Microstructure, axis: int) -> float:
    """Area of a voxel's face across `axis` [m^2]; in two dimensions its length [m]."""
    return float(np.prod([v for k, v in enumerate(s.voxel) if k != axis]))


def _neighbours(s: Microstructure, axis: int) -> tuple[Ints, Ints]:
    """Numbers of the voxels before and after each face across `axis`."""
    numbers = np.arange(s.labels.size).reshape(s.shape, order="F")
    n = s.shape[axis]
    after = np.arange(n if axis in s.periodic else n - 1) + 1
    left, right = np.take(numbers, after - 1, axis=axis), np.take(numbers, after % n, axis=axis)
    return left.ravel(), right.ravel()


def _gradient(s: Microstructure, a: int, b: int, smoothing: float) -> list[Array]:
    """Gradient [1/voxel] along each axis of (1_a - 1_b)/2, the mean of the two phases' indicators as seen from either
    side, smoothed by a Gaussian; one array in the order x fastest for each axis."""
    f = 0.5 * ((s.labels == a).astype(np.float32) - (s.labels == b).astype(np.float32))
    mode = ["wrap" if k in s.periodic else "reflect" for k in range(s.dim)]
    out = []
    for axis in range(s.dim):
        order = [int(k == axis) for k in range(s.dim)]
        out.append(ndimage.gaussian_filter(f, smoothing, order=order, mode=mode).ravel(order="F"))
    return out


def _weights(s: Microstructure, gradient: list[Array], one: Ints, other: Ints, axis: int, smoothing: float) -> Array:
    """|n_k| with n along the mean of the gradients [1/m] in the voxels on both sides; 1 where there is no telling."""
    g = np.stack([0.5 * (part[one].astype(float) + part[other]) for part in gradient])
    clear = np.max(np.abs(g), axis=0, initial=0.0) > FAINT / (np.sqrt(2 * np.pi) * smoothing)
    g /= np.array(s.voxel)[:, None]
    weights = np.ones(len(one))
    weights[clear] = np.abs(g[axis, clear]) / np.linalg.norm(g[:, clear], axis=0)
    return weights
