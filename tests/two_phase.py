"""Random two-phase microstructures as blocks: ions in one phase, electrons in the other, a law on every interface."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from miecsim.blocks import Blocks, JunctionBlocks, PortContact

H = 1e-6  # voxel [m]; two dimensions are of unit depth
ION, ELECTRON, VOID = 0, 1, 2


def random_labels(shape, seed, smooth=1.2, fraction=0.5):
    """A smoothed random field cut at the quantile `fraction`: ION below, ELECTRON above."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smooth, mode="nearest")
    return (field > np.quantile(field, fraction)).astype(np.int64)


class _Table:
    def __init__(self, labels):
        self.phase = labels.ravel(order="F")
        self.n = labels.size
        self.left, self.right, self.K, self.active, self.contacts = [], [], [], [], []
        self.area = H ** (labels.ndim - 1)

    def add(self, left, right, K):
        self.left.append(left)
        self.right.append(right)
        self.K.append(K)

    def wall(self, cells, field, sigma, port):
        """Strong contacts of one phase on nodes of no volume, half a cell from the cells."""
        cells = cells[self.phase[cells] == field]
        t = np.zeros((len(cells), 2))
        t[:, field] = 1.0
        at, none = np.arange(self.n, self.n + len(cells)), np.zeros(len(cells))
        self.n += len(cells)
        self.add(cells, at, 2 * sigma * self.area / H * t[:, :, None] * t[:, None, :])
        self.active.append(t > 0)
        self.contacts.append(PortContact(port, field, at, t, True, False, none, none, none, None))


def neighbours(labels):
    """Cells (x fastest) on both sides of every face inside."""
    cell = np.arange(labels.size).reshape(labels.shape, order="F")
    pairs = [(np.delete(cell, -1, a).ravel(), np.delete(cell, 0, a).ravel()) for a in range(labels.ndim)]
    return tuple(np.concatenate(side) for side in zip(*pairs, strict=True))


def two_phase(labels, sigma=(0.1, 10.0), g=100.0, C=0.2, law=None, terminals=2):
    """sigma [S/m] of both phases; interface g [S/m2] || C [F/m2] || law [S/m2].

    Terminal 0 feeds ions on the left, 1 electrons on the right, 2 (of three) ions on top.
    """
    table, every = _Table(labels), np.arange(labels.size)
    cell = every.reshape(labels.shape, order="F")
    left, right = neighbours(labels)
    phase = np.stack([table.phase[left], table.phase[right]])
    K = np.zeros((len(left), 2, 2))
    for k in (ION, ELECTRON):
        inside = np.all(phase == k, axis=0)
        K[inside, k, k] = sigma[k] * table.area / H
    at = np.flatnonzero((phase[0] != phase[1]) & np.all(phase != VOID, axis=0))
    unit_left, unit_right = (np.repeat(np.eye(2)[side[at]][:, None, :], 2, axis=1) * table.area for side in phase)
    K_right = K.copy()
    K[at], K_right[at] = g * unit_left, g * unit_right
    table.add(left, right, K)
    table.active.append(table.phase[:, None] == np.arange(2))
    table.wall(cell[0].ravel(), ION, sigma[ION], 0)
    table.wall(cell[-1].ravel(), ELECTRON, sigma[ELECTRON], 1)
    if terminals == 3:
        table.wall(cell[:, -1].ravel(), ION, sigma[ION], 2)
    K = np.concatenate(table.K)
    return Blocks(
        *(np.concatenate(side) for side in (table.left, table.right)),
        *(K, np.concatenate([K_right, K[len(K_right) :]])),
        *np.zeros((2, table.n, 2, 2)),
        np.concatenate(table.active),
        terminals,
        tuple(table.contacts),
        junctions=(JunctionBlocks(at, C * unit_left, C * unit_right, law, unit_left, unit_right),),
    )


def two_poles(labels, sigma=(0.1, 10.0), g=100.0, C=0.2):
    """Conductances and capacitances straight from the picture, each (ends (n, 2), values (n,)); the last two vertices
    are the terminals on the left (ions) and on the right (electrons)."""
    phase, n = labels.ravel(order="F"), labels.size
    cell = np.arange(n).reshape(labels.shape, order="F")
    area = H ** (labels.ndim - 1)
    left, right = neighbours(labels)
    same = phase[left] == phase[right]
    ends, values = [np.stack([left, right], axis=1)[same]], [np.asarray(sigma)[phase[left[same]]] * area / H]
    across = np.stack([left, right], axis=1)[~same]
    for side, field, terminal in ((cell[0].ravel(), ION, n), (cell[-1].ravel(), ELECTRON, n + 1)):
        side = side[phase[side] == field]
        ends.append(np.stack([side, np.full_like(side, terminal)], axis=1))
        values.append(np.full(len(side), 2 * sigma[field] * area / H))
    ends.append(across)
    values.append(np.full(len(across), g * area))
    return (np.concatenate(ends), np.concatenate(values)), (across, np.full(len(across), C * area))


def incidence(ends, n):
    """+1 and -1 at the ends of every two-pole, (n_e, n)."""
    E = np.zeros((len(ends), n))
    E[np.arange(len(ends)), ends[:, 0]], E[np.arange(len(ends)), ends[:, 1]] = 1.0, -1.0
    return E
