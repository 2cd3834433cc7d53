"""Real, symmetric, positive definite systems (G + s C) x = b of large grids: factorised, or by conjugate gradients.

A factorisation in the order of nested dissection is exact and cheap for every further right-hand side, but its memory
grows as n log n in two dimensions and as n^(4/3) in three (George 1973). Conjugate gradients with one V-cycle of
algebraic multigrid (Ruge and Stueben 1987) need the memory of a few matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import cg

from miecsim.errors import SolveError
from miecsim.solvers.linear import Factor, factorise, nested_dissection
from miecsim.solvers.nodal_form import NONE, NodalForm
from miecsim.typing import Array, Ints

# Bytes of both factors of N nodes with one unknown each, measured: in 2D per N log2 N, in 3D per N^(4/3).
BYTES_2D, BYTES_3D = 40.0, 130.0
# Above this estimate [bytes] the factors are not formed unless that is asked for.
MEMORY = 1.0 * 2**30
# Unknowns from which iterations are faster in three dimensions: even at 20^3, four times at 32^3.
ITERATED_3D = 10_000
STEPS = 500  # of conjugate gradients


class Solver(Protocol):
    """What solves one shifted system."""

    def solve(self, b: Array) -> Array:
        """x (n, k) with (G + s C) x = b, (n, k). Raises SolveError."""
        ...

    @property
    def error(self) -> float:
        """Worst residual so far, relative to the right-hand side or, of a factorisation, backward."""
        ...


def factor_bytes(n: int, nodes: int, dimension: int) -> float:
    """Memory [bytes] that the factors of n unknowns on the nodes of a grid of 1, 2 or 3 dimensions will take."""
    of_nodes = BYTES_3D * nodes ** (4 / 3) if dimension == 3 else BYTES_2D * nodes * np.log2(nodes + 1)
    return float(of_nodes * (n / nodes) ** 2)


def is_better_iterated(n: int, nodes: int, dimension: int) -> bool:
    """Whether conjugate gradients are faster than factors, or the only way."""
    return (dimension == 3 and n > ITERATED_3D) or factor_bytes(n, nodes, dimension) > MEMORY


def elimination_order(form: NodalForm) -> Ints:
    """order[k] is the unknown eliminated k-th, (n,): nested dissection of the nodes, terminals last."""
    graph = sum(abs(part.E).T @ abs(part.E) for part in form.parts)
    _, group = np.unique(np.where(form.node == NONE, form.node.max(initial=0) + 1, form.node), return_inverse=True)
    inside = np.flatnonzero(form.node != NONE)
    gather = sp.csr_matrix((np.ones(len(inside)), (group[inside], inside)), shape=(group.max() + 1, form.n))
    order = nested_dissection(gather @ graph @ gather.T)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.argsort(np.where(form.node == NONE, len(order), rank[group]), kind="stable")


@dataclass
class Factorised:
    """The system at one shift by LU in symmetric mode, every solve checked and refined."""

    order: Ints
    factor: Factor
    error: float = 1e-12  # what `Factor.solve` accepts

    @classmethod
    def of(cls, matrix: Any, order: Ints) -> Factorised:
        return cls(order, factorise(matrix[order][:, order], ordered=True))

    def solve(self, b: Array) -> Array:
        x = np.empty_like(b)
        x[self.order] = self.factor.solve(b[self.order])
        return x


@dataclass
class Iterated:
    """The system at one shift by conjugate gradients, preconditioned by multigrid, to a relative residual `tolerance`.

    Classical coarsening by strength of connection on the unscaled network (Ruge and Stueben 1987) takes no notice of
    contrast; smoothed aggregation and scaled matrices took up to 30 times more steps on two-phase microstructures.
    """

    matrix: Any
    preconditioner: Any
    tolerance: float
    error: float = 0.0

    @classmethod
    def of(cls, matrix: Any, tolerance: float) -> Iterated:
        import pyamg  # type: ignore[import-untyped]

        levels = pyamg.ruge_stuben_solver(matrix, interpolation="direct", max_coarse=200)
        return cls(matrix, levels.aspreconditioner(cycle="V"), tolerance)

    def solve(self, b: Array) -> Array:
        return np.stack([self._one(column) for column in b.T], axis=1)

    def _one(self, b: Array) -> Array:
        x, _ = cg(self.matrix, b, rtol=self.tolerance, atol=0.0, maxiter=STEPS, M=self.preconditioner)
        residual = float(np.linalg.norm(b - self.matrix @ x) / np.linalg.norm(b))
        if not residual <= 10 * self.tolerance:
            raise SolveError(
                f"conjugate gradients: residual {residual:.1e} after {STEPS} steps on {len(b)} unknowns; "
                f'expected {self.tolerance:.0e}: method "sparse" factorises instead'
            )
        self.error = max(self.error, residual)
        return np.asarray(x)
