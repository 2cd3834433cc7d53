"""Laws at the seams between materials: where each carrier lives there, and which elements act.

A seam has a face node on either side where some carrier's own law acts across it, and otherwise a common one, at which
the carriers of both sides meet. A law from a carrier of one material to another carrier of the other (charge transfer,
a double layer) joins the two at the node on the far side, up to which the first carrier then reaches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.errors import InputError
from miecsim.grid.nodes import Nodes, Seam
from miecsim.physics.branches import Branch
from miecsim.physics.layers import Junction
from miecsim.typing import Array, Bools, Ints


def seam_pairs(junctions: Sequence[Junction]) -> list[tuple[str, str]]:
    """The pairs of materials that have laws between them, each once, in the order that numbers the seams.

    Raises InputError where laws name the two materials of a pair now in one order, now in the other.
    """
    pairs = list(dict.fromkeys(junction.between for junction in junctions))
    for a, b in pairs:
        if (b, a) in pairs:
            raise InputError(f"interface between {a} and {b}: name them in the same order in all its laws")
    return pairs


def single_seams(junctions: Sequence[Junction]) -> list[int]:
    """Numbers of the seams that have one node: no law acts on a carrier across them."""
    across = {junction.between for junction in junctions if junction.to is None}
    return [j for j, pair in enumerate(seam_pairs(junctions)) if pair not in across]


def interrupted(junctions: Sequence[Junction], carrier: str) -> list[int]:
    """Numbers of the seams across which a law acts on `carrier`."""
    pairs = seam_pairs(junctions)
    return [pairs.index(j.between) for j in junctions if j.carrier == carrier and j.to is None]


class Seams:
    """Which carriers live at which node of a set of seams.

    present (L, K): whether material i has carrier k. home (K, N): the material whose properties carrier k has at each
    node; active (N, K).
    """

    def __init__(
        self,
        nodes: Nodes,
        region: Ints,
        junctions: Sequence[Junction],
        materials: Sequence[str],
        carriers: Sequence[str],
        present: Bools,
    ) -> None:
        self.nodes, self.junctions = nodes, tuple(junctions)
        self.materials, self.carriers, self.present = list(materials), list(carriers), present
        self.pairs = seam_pairs(junctions)
        self.home = np.tile(region, (len(self.carriers), 1))
        self._check()
        for j, (a, b) in enumerate(self.pairs):
            seam, own, other = nodes.seams[j], self.materials.index(a), self.materials.index(b)
            for k in range(len(self.carriers)):
                if seam.single and not present[own, k]:
                    self.home[k, seam.near] = other
                if self._reaches(j, k):
                    self.home[k, seam.far] = own
        self.active = np.array([present[self.home[k], k] for k in range(len(self.carriers))]).T

    def distances(self, k: int) -> tuple[Array, Array, Bools]:
        """`Nodes.distances` of carrier k."""
        reaching = [j for j in range(len(self.pairs)) if self._reaches(j, k)]
        return self.nodes.distances(interrupted(self.junctions, self.carriers[k]), reaching)

    def branches(self) -> list[Branch]:
        """The elements of all laws; what joins two carriers runs from the carrier of the first material."""
        out = []
        for junction in self.junctions:
            seam, row = self.nodes.seams[self.pairs.index(junction.between)], self.carriers.index(junction.carrier)
            if junction.law is None:
                continue
            if junction.to is None:
                out.append(Branch(junction.law, row, seam.near, row, seam.far, seam.area, "interface"))
            else:
                at, to = self._place(junction, seam), self.carriers.index(junction.to)
                out.append(Branch(junction.law, row, at, to, at, seam.area, "charge transfer"))
        return out

    def _place(self, junction: Junction, seam: Seam) -> Ints:
        """The far node, or the near one of a reaction at the surface of the first material."""
        return seam.far if self._has(junction.between[1], junction.to) else seam.near

    def _has(self, material: str, carrier: str | None) -> bool:
        return carrier is not None and bool(self.present[self.materials.index(material), self.carriers.index(carrier)])

    def _reaches(self, j: int, k: int) -> bool:
        """Whether carrier k ends at the far node of seam j, on its own side's material."""
        return not self.nodes.seams[j].single and any(
            junction.carrier == self.carriers[k]
            and junction.between == self.pairs[j]
            and self._has(junction.between[1], junction.to)
            for junction in self.junctions
            if junction.to is not None
        )

    def _check(self) -> None:
        for junction in self.junctions:
            a, b = junction.between
            where = f"interface between {a} and {b}"
            for name in (a, b):
                if name not in self.materials:
                    raise InputError(f"{where}: {name!r} is none of {', '.join(self.materials)}")
            for carrier in (junction.carrier, junction.to):
                if carrier is not None and carrier not in self.carriers:
                    raise InputError(f"{where}: read carrier {carrier!r}; expected one of {', '.join(self.carriers)}")
            if junction.to is None:
                lacking = [name for name in (a, b) if not self._has(name, junction.carrier)]
                if junction.law is not None and lacking:
                    raise InputError(f"{where}: {lacking[0]} has no {junction.carrier}, so no law of it acts across")
                continue
            if not self._has(a, junction.carrier):
                raise InputError(f"{where}: {a} has no {junction.carrier}, from which the law runs to {junction.to}")
            if not self._has(b, junction.to) and not self._has(a, junction.to):
                raise InputError(f"{where}: neither has the {junction.to} to which the law runs")
            double = any(other.between == (a, b) and other.to is None for other in self.junctions)
            if double and self._has(b, junction.to) and self._has(b, junction.carrier):
                raise InputError(
                    f"{where}: a law runs from {junction.carrier} to {junction.to}, but {b} has {junction.carrier}, "
                    "too, and another law acts across: give only one of them"
                )
