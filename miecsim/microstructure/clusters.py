"""Connected pieces of a phase: which of them join the two sides, and which part of those carries current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from miecsim.errors import InputError
from miecsim.microstructure.structure import Microstructure, axes_of, axis_name
from miecsim.typing import Bools, Ints

SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of a phase, or of several phases taken as one: voxels that hang together through faces.

    labels: shape of the picture; 0 outside the phases, else the number of the cluster, from 1.
    sizes (n + 1,): voxels of each cluster; sizes[0] counts those outside. left, right (n + 1,): whether a cluster has
    a voxel in the first or the last layer along `axis`. Clusters join through the seams of periodic axes, except
    through that of `axis` itself, where the terminals are.
    """

    structure: Microstructure
    phases: tuple[str, ...]
    axis: int
    labels: Ints
    sizes: Ints
    left: Bools
    right: Bools

    def reaching(self, side: str) -> Bools:
        """Mask of the voxels of the phases that hang together with the "left" or the "right" side.

        Raises InputError for another side."""
        if side not in SIDES:
            raise InputError(f'clusters: read side "{side}"; the sides are left and right')
        return np.asarray((self.left if side == "left" else self.right)[self.labels])

    @property
    def percolating(self) -> Bools:
        """Mask of the voxels of clusters that join left and right."""
        return np.asarray((self.left & self.right)[self.labels])

    @property
    def isolated(self) -> Bools:
        """Mask of the voxels of clusters that reach neither side."""
        return np.asarray(~(self.left | self.right)[self.labels] & (self.labels > 0))

    @cached_property
    def carrying(self) -> Bools:
        """Mask of the voxels that a through-current can reach: those on a path from left to right that visits no voxel
        twice. The other voxels of percolating clusters are dead ends. (A voxel on such a path may still carry no
        current where the potential happens to be balanced, as in a Wheatstone bridge.)"""
        from miecsim.microstructure.clusters_compiled import carrying

        return carrying(self.percolating, self.structure.periodic, self.axis)

    def report(self) -> dict[str, float]:
        """Shares of the phases' volume: percolating (joined to both sides), left (to the left one only), right,
        isolated (to neither); these four add up to 1. dead_end: the share that percolates without carrying a
        through-current, a part of `percolating`. All are 0 where the picture has none of the phases."""
        voxels = max(int(self.sizes[1:].sum()), 1)
        both, sizes = self.left & self.right, self.sizes.copy()
        sizes[0] = 0
        through = int(sizes[both].sum())
        return {
            "percolating": through / voxels,
            "left": int(sizes[self.left & ~both].sum()) / voxels,
            "right": int(sizes[self.right & ~both].sum()) / voxels,
            "isolated": int(sizes[~(self.left | self.right)].sum()) / voxels,
            "dead_end": (through - int(np.count_nonzero(self.carrying))) / voxels if through else 0.0,
        }


def clusters(s: Microstructure, phases: str | Sequence[str], axis: int = 0) -> Clusters:
    """Clusters of the voxels of `phases` by shared faces (4 neighbours in two dimensions, 6 in three).

    Left and right are the two ends of `axis`. Raises InputError for an unknown phase or axis.
    """
    names = (phases,) if isinstance(phases, str) else tuple(phases)
    if axis not in range(s.dim):
        raise InputError(f"clusters: read axis {axis_name(axis)}; the picture has {axes_of(s.dim)}")
    mask = np.isin(s.labels, [s.index(name) for name in names])
    labels, n = ndimage.label(mask)
    labels, n = _joined_at_seams(labels, n, [k for k in s.periodic if k != axis])
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    ends = []
    for layer in (0, -1):
        there = np.zeros(n + 1, dtype=bool)
        there[np.unique(np.take(labels, layer, axis=axis))] = True
        there[0] = False
        ends.append(there)
    return Clusters(s, names, axis, labels, sizes, ends[0], ends[1])


def _joined_at_seams(labels: Ints, n: int, axes: Sequence[int]) -> tuple[Ints, int]:
    """The same labels with one number for what meets across the seams of `axes`, and how many are left."""
    first = [np.take(labels, 0, axis=k).ravel() for k in axes]
    last = [np.take(labels, -1, axis=k).ravel() for k in axes]
    if not axes or n == 0:
        return labels, n
    a, b = np.concatenate(first), np.concatenate(last)
    met = (a > 0) & (b > 0)
    links = sparse.coo_array((np.ones(np.count_nonzero(met)), (a[met] - 1, b[met] - 1)), shape=(n, n))
    n, number = connected_components(links, directed=False)
    renamed = np.concatenate([[0], number + 1])
    return renamed[labels], n
