"""One node after another of `miecsim.solvers.chain`, on arrays and views of them that are made once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from miecsim.typing import Complex, Ints

NEGLIGIBLE = 1e-150  # what has died away to this is zero: numbers near 1e-308 are slow
Sources = tuple[dict[int, Complex], dict[int, Complex]]  # b and c of some nodes


class Elimination:
    """Arrays of one elimination, [D | Kb | rhs] -> [. | X | z], and the views that its steps act on, made once.

    The last two axes are the sides eliminated together (two halves of the chain, or its middle alone) and frequency.
    """

    def __init__(self, m: int, p: int, q: int, sides: int, f: int) -> None:
        self.m = m
        self.table = a = np.zeros((m, 2 * m + p, sides, f), dtype=complex)
        self.solved = a[:, m:]  # X and z side by side
        self.rows = np.zeros((m + q, m, sides, f), dtype=complex)  # P above t
        self.passed = np.zeros((m + q, m + p, sides, f), dtype=complex)  # [P; t] [X | z]
        self.s = np.zeros((m, p, sides, f), dtype=complex)  # s_i = b_i + Ka_{i-1} z_{i-1}
        self.term = np.empty_like(self.passed)
        self.pairs = [(self.rows[:, j, None], self.solved[None, j]) for j in range(m)]
        inverse = np.empty((m, sides, f), dtype=complex)
        factor = np.empty((m, 1, sides, f), dtype=complex)
        scratch = np.empty_like(a)
        self.down = [
            (a[k, k], inverse[k], a[k + 1 :, k, None], factor[k + 1 :], a[None, k, k + 1 :], a[k + 1 :, k + 1 :])
            + (scratch[k + 1 :, k + 1 :],)
            for k in range(m)
        ]
        self.up = [(inverse[k], a[k, m:], a[:k, k, None], a[None, k, m:], a[:k, m:], scratch[:k, m:]) for k in range(m)]
        self.up.reverse()

    def visit(self, nodes: Ints, S: Complex, Ka: Complex | float, Kb: Complex | float, sources: Sources) -> None:
        """One node of each side: P and t from the node before, then X, z and what they pass on."""
        m = self.m
        np.add(self.passed[:m, :m], S, out=self.rows[:m])
        self.rows[m:] = self.passed[m:, :m]
        for side, node in enumerate(nodes.tolist()):
            if node in sources[0]:
                self.s[:, :, side] += sources[0][node]
            if node in sources[1]:
                self.rows[m:, :, side] += sources[1][node]
        np.add(self.rows[:m], Ka, out=self.table[:, :m])
        self.table[:, m : 2 * m] = Kb
        self.table[:, 2 * m :] = self.s
        self._solve()
        (left, right), *others = self.pairs
        np.multiply(left, right, out=self.passed)
        for left, right in others:
            np.multiply(left, right, out=self.term)
            np.add(self.passed, self.term, out=self.passed)

    def _solve(self) -> None:
        """Gauss elimination without exchange of rows: row k owns unknown k."""
        for pivot, inverse, below, factor, row, rest, scratch in self.down:
            np.divide(1.0, pivot, out=inverse)
            if len(below):
                np.multiply(below, inverse, out=factor)
                np.multiply(factor, row, out=scratch)
                np.subtract(rest, scratch, out=rest)
        for inverse, own, above, row, rest, scratch in self.up:
            np.multiply(own, inverse, out=own)
            if len(above):
                np.multiply(above, row, out=scratch)
                np.subtract(rest, scratch, out=rest)

    def carry(self, Ka: Complex, cancelling: bool) -> None:
        """What the sources pass on, row by row from the less cancelling of its two expressions: Ka z = s - P z.

        Ka z is a difference of drift and diffusion that must vanish where a carrier is blocked; there s - P z holds
        the little that was stored. Where node and face are tightly coupled it is the other way about. With one
        element to a row of Ka nothing can cancel.
        """
        m, z = self.m, self.table[:, 2 * self.m :]
        through = dot(Ka, z)
        if cancelling:
            lost_more_at_face = dot(np.abs(Ka) - np.abs(self.rows[:m]), np.abs(z)) >= np.abs(self.s)
            np.subtract(self.s, self.passed[:m, m:], out=through, where=lost_more_at_face)
        self.s[...] = through

    def flush(self) -> None:
        for a in (self.s, self.passed[self.m :, : self.m]):
            np.copyto(a, 0.0, where=np.abs(a) < NEGLIGIBLE)


def dot(K: npt.NDArray[Any], u: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """K u for K (m, m, ...) and u (m, p, ...)."""
    product: npt.NDArray[Any] = K[:, 0, None] * u[0]
    for j in range(1, len(u)):
        product += K[:, j, None] * u[j]
    return product
