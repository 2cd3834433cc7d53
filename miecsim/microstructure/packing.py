"""Discs and spheres packed at random until they fill a picture to a given share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from miecsim.errors import InputError
from miecsim.typing import Array, Ints

TRIES = (8, 16, 32, 64)  # places tried for one particle, in rounds
PUSHES = 1000  # rounds of pushing particles apart before a packing counts as too dense
FINEST = 0.02  # the largest share that can be reached is sought to so many of the particles
SLACK = 5e-3  # particles are pushed apart by so much more than needed, so that the rounds come to an end
SKIN = 0.2  # pairs are looked up anew once a particle has moved by half this share of a diameter
WIDEST = 2.5  # sizes are drawn within so many standard deviations of ln(diameter)


@dataclass
class Packing:
    """Particles in a box that is periodic along every axis, and the picture cut out of it.

    shape, voxel [m]: of the picture. margin (dim,) [m]: how far the box goes beyond it on each side. overlap: two
    particles come no nearer than (1 - overlap)(r_1 + r_2). The picture keeps the distance from each voxel to the
    nearest particle's surface, negative inside; `covered` counts voxels whose centre is inside.
    """

    shape: tuple[int, ...]
    voxel: Array
    margin: Array
    overlap: float
    rng: np.random.Generator
    centres: Array = field(init=False)
    radii: Array = field(init=False)
    distance: Array = field(init=False)
    covered: int = 0

    def __post_init__(self) -> None:
        self.box = np.array(self.shape) * self.voxel + 2 * self.margin
        self.keep(np.empty((0, len(self.shape))), np.empty(0))

    def keep(self, centres: Array, radii: Array) -> None:
        """The particles are these from now on."""
        self.distance, self.covered = np.full(self.shape, np.inf), 0
        self.centres, self.radii = centres, radii
        for centre, radius in zip(centres, radii, strict=True):
            self._stamp(centre, radius)

    def add(self, centre: Array, radius: float) -> None:
        self.centres, self.radii = np.vstack([self.centres, centre]), np.append(self.radii, radius)
        self._stamp(centre, radius)

    def _stamp(self, centre: Array, radius: float) -> None:
        near, apart2 = [], np.zeros((1,) * len(self.shape))
        for k, n in enumerate(self.shape):
            at = (np.arange(n) + 0.5) * self.voxel[k] + self.margin[k] - centre[k]
            at -= self.box[k] * np.round(at / self.box[k])
            (close,) = np.nonzero(np.abs(at) <= radius)
            near.append(close)
            apart2 = apart2 + (at[close] ** 2).reshape(-1, *[1] * (len(self.shape) - 1 - k))
        window = np.ix_(*near)
        before = self.distance[window]
        after = np.minimum(before, np.sqrt(apart2) - radius)
        self.covered += int(np.count_nonzero(after <= 0) - np.count_nonzero(before <= 0))
        self.distance[window] = after

    def free_place(self, radius: float) -> Array | None:
        """A place drawn at random among those where a particle may go; None where none is found in a hundred tries."""
        reach = (1 - self.overlap) * (radius + self.radii)
        for tries in TRIES:
            places = self.rng.random((tries, len(self.shape))) * self.box
            away = places[:, None] - self.centres
            away -= self.box * np.round(away / self.box)
            (free,) = np.nonzero(np.all(np.sum(away**2, axis=2) >= reach**2, axis=1))
            if len(free):
                return np.asarray(places[free[0]])
        return None

    def pushed_apart(self, centres: Array, radii: Array) -> Array | None:
        """Places of all particles once pairs that are too near have been pushed apart; None where that has no end.

        In each round both particles of each such pair move by half of what is missing (Jodrey & Tory 1985 push one
        pair at a time)."""
        reach = (1 - self.overlap) * 2 * float(radii.max())
        listed: Array | None = None
        for _ in range(PUSHES):
            if listed is None or np.max(np.sum((centres - listed) ** 2, axis=1)) > (0.5 * SKIN * reach) ** 2:
                centres = np.mod(centres, self.box)
                centres = np.where(centres >= self.box, 0.0, centres)
                tree = cKDTree(centres, boxsize=self.box)
                i, j = tree.query_pairs(reach * (1 + SLACK + SKIN), output_type="ndarray").T
                needed, listed = (1 - self.overlap) * (radii[i] + radii[j]), centres
            away = centres[i] - centres[j]
            away -= self.box * np.round(away / self.box)
            apart = np.sqrt(np.sum(away**2, axis=1))
            if np.all(apart >= needed):
                return np.asarray(np.mod(centres, self.box))
            push = np.maximum(needed * (1 + SLACK) - apart, 0) / np.maximum(apart, 1e-9 * reach)
            centres = centres + 0.5 * _summed(i, j, push[:, None] * away, len(centres))
        return None


def _summed(i: Ints, j: Ints, push: Array, n: int) -> Array:
    """What the pushes (n_pairs, dim) add up to for each of n particles: forward for i, backward for j."""
    columns = [np.bincount(i, p, minlength=n) - np.bincount(j, p, minlength=n) for p in push.T]
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Sizes:
    """Diameters: one of `diameters` [m], each as likely, times exp(spread z) with z from the normal distribution
    between -2.5 and 2.5."""

    diameters: Array
    spread: float

    @property
    def largest(self) -> float:
        return float(self.diameters.max() * np.exp(WIDEST * self.spread))

    @property
    def smallest(self) -> float:
        return float(self.diameters.min() * np.exp(-WIDEST * self.spread))

    def radius(self, rng: np.random.Generator) -> float:
        z = np.inf
        while abs(z) > WIDEST:
            z = rng.standard_normal()
        return float(0.5 * rng.choice(self.diameters) * np.exp(self.spread * z))


def filled(packing: Packing, sizes: Sizes, wanted: int) -> Packing:
    """The packing with particles enough to cover `wanted` voxels.

    Particles are set one after another where there is room (random sequential addition). When no room is found, as
    many as are missing are set anywhere, and all are pushed apart. Raises InputError with the largest share that was
    reached where that fails.
    """
    while packing.covered < wanted:
        radius = sizes.radius(packing.rng)
        place = packing.free_place(radius)
        if place is None:
            return _compressed(packing, sizes, wanted)
        packing.add(place, radius)
    return packing


def _compressed(packing: Packing, sizes: Sizes, wanted: int) -> Packing:
    most = np.inf
    while packing.covered < wanted:
        missing = float((wanted - packing.covered) / np.prod(packing.shape) * np.prod(packing.box))
        radii: list[float] = []
        while missing > 0 and len(radii) < most:
            radii.append(sizes.radius(packing.rng))
            missing -= np.pi * radii[-1] ** 2 if len(packing.box) == 2 else 4 / 3 * np.pi * radii[-1] ** 3
        places = packing.rng.random((len(radii), len(packing.box))) * packing.box
        every = np.append(packing.radii, radii)
        centres = packing.pushed_apart(np.vstack([packing.centres, places]), every)
        if centres is not None:
            packing.keep(centres, every)
        elif len(radii) > max(1, FINEST * len(every)):
            most = max(len(radii) // 3, 1)
        else:
            size = packing.distance.size
            raise InputError(
                f"packing: asked for a volume fraction of {wanted / size:.4g} with overlap {packing.overlap:g}; "
                f"the largest reached is {packing.covered / size:.4g}: allow more overlap or a wider spread of sizes"
            )
    return packing
