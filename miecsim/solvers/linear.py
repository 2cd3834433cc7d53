"""Sparse linear systems, real (Newton) or complex (spectra): scaled, factorised with little fill, and checked.

SuperLU given a matrix in SI units returns wrong numbers without a word; a few max-norm equilibration passes cure that
(Ruiz 2001, RAL-TR-2001-034). A discretised balance has a nearly symmetric pattern and usable diagonal pivots, so an
ordering of A + A' with diagonal pivots preferred costs a fraction of column ordering with free pivoting; the latter
is kept for what the former cannot solve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import splu

from miecsim.errors import SolveError
from miecsim.typing import Array, Complex, Ints

# Backward error, relative to max(|A||x| + |b|) of the equilibrated system, above which a solve is not accepted.
BACKWARD_TOLERANCE = 1e-12
REFINEMENTS = 3
GROWTH = 1e16


@dataclass(frozen=True)
class Structure:
    """Where the entries of a CSC matrix stand, kept so that many matrices of one pattern are scaled fast."""

    rows: Ints  # (nnz,) row of each entry
    columns: Ints  # (nnz,) column of each entry
    column_start: Ints  # (n + 1,)
    by_row: Ints  # (nnz,) the entries sorted by row
    row_start: Ints  # (n + 1,)

    @classmethod
    def of(cls, A: Any) -> Structure:
        n = A.shape[1]
        places = sp.csc_matrix((np.arange(1, A.nnz + 1), A.indices, A.indptr), shape=A.shape).tocsr()
        columns = np.repeat(np.arange(n), np.diff(A.indptr))
        return cls(A.indices, columns, A.indptr, places.data - 1, places.indptr)

    def scales(self, magnitude: Array, passes: int) -> tuple[Array, Array]:
        """Row and column factors, powers of two so that scaling rounds nothing; 1 for an empty row or column."""
        row, column = np.ones(len(self.row_start) - 1), np.ones(len(self.column_start) - 1)
        now, width = np.array(magnitude, dtype=float), np.diff(self.column_start)
        for _ in range(passes):
            by_row = 1.0 / np.sqrt(_largest(now[self.by_row], self.row_start))
            by_column = 1.0 / np.sqrt(_largest(now, self.column_start))
            now *= by_row[self.rows]
            now *= np.repeat(by_column, width)
            row *= by_row
            column *= by_column
        return np.exp2(np.round(np.log2(row))), np.exp2(np.round(np.log2(column)))


def _largest(values: Array, start: Ints) -> Array:
    """Largest value of each segment; 1 where the segment is empty or zero."""
    out = np.zeros(len(start) - 1)
    filled = np.diff(start) > 0
    out[filled] = np.maximum.reduceat(values, start[:-1][filled])
    out[out == 0.0] = 1.0
    return out


def largest_ratio(part: Array, whole: Array) -> float:
    """Largest over columns of max |part| / max |whole|; 0 / 0 counts as 0."""
    part, whole = part.max(axis=0, initial=0.0), whole.max(axis=0, initial=0.0)
    unbounded = np.where(part > 0.0, np.inf, 0.0)
    return float(np.max(np.divide(part, whole, out=unbounded, where=whole > 0.0), initial=0.0))


def equilibrate(A: Any, passes: int = 4) -> tuple[Any, Array, Array]:
    """Scale rows and columns towards largest entries of 1: returns (diag(row) A diag(column) as CSC, row, column).

    The factors are powers of two: the scaled entries are exact. Zero rows and columns keep a factor of 1.
    """
    A = sp.csc_matrix(A)
    structure = Structure.of(A)
    row, column = structure.scales(np.abs(A.data), passes)
    data = A.data * row[structure.rows] * column[structure.columns]
    return sp.csc_matrix((data, A.indices, A.indptr), shape=A.shape), row, column


@dataclass
class Factor:
    """An LU factorisation of an equilibrated square matrix; `pivoting` says that free pivoting was needed."""

    matrix: Any  # the scaled matrix, CSC
    row: Array
    column: Array
    pivoting: bool = False
    _lu: Any = field(default=None, repr=False)

    def apply(self, b: Array | Complex) -> Any:
        """A^-1 b as the factors give it: (n,) or (n, k), unchecked."""
        shape = (slice(None),) + (None,) * (b.ndim - 1)
        scaled = b * self.row[shape]
        if np.iscomplexobj(scaled) and not np.iscomplexobj(self.matrix.data):
            x = self._lu.solve(np.ascontiguousarray(scaled.real)) + 1j * self._lu.solve(
                np.ascontiguousarray(scaled.imag)
            )
        else:
            x = self._lu.solve(scaled.astype(self.matrix.dtype, copy=False))
        return x * self.column[shape]

    def solve(self, b: Array | Complex) -> Any:
        """Solve A x = b, (n,) or (n, k), with a backward error (worst right-hand side) below `BACKWARD_TOLERANCE`.

        Refines, then falls back to free pivoting, only where that needs it: on a nearly singular matrix a correction
        is worth less than the solution. Raises SolveError if nothing helps, or if the solution exceeds the right-hand
        side `GROWTH` times, both equilibrated: then the matrix is singular to rounding.
        """
        if not np.all(np.isfinite(b)):
            raise SolveError("linear solve: the right-hand side is not finite")
        x, error, growth = self._refined(b)
        if not (error <= BACKWARD_TOLERANCE and growth <= GROWTH) and not self.pivoting:
            self.pivot()
            x, error, growth = self._refined(b)
        if not (error <= BACKWARD_TOLERANCE and growth <= GROWTH):
            raise SolveError(
                f"linear solve: the matrix of {len(b)} unknowns is singular to rounding (backward error {error:.1e}, "
                f"solution {growth:.1e} times the right-hand side)"
            )
        return x

    def _refined(self, b: Array | Complex) -> tuple[Any, float, float]:
        """x, its backward error and its growth over b, both in the equilibrated system."""
        shape = (slice(None),) + (None,) * (b.ndim - 1)
        row, column, magnitude = self.row[shape], self.column[shape], abs(self.matrix)
        x, error = self.apply(b), np.inf
        for sweep in range(REFINEMENTS + 1):
            residual = b * row - self.matrix @ (x / column)
            size = magnitude @ np.abs(x / column) + np.abs(b * row)
            if not np.all(np.isfinite(size)):
                return x, np.inf, np.inf
            error = largest_ratio(np.abs(residual), size)
            if error <= BACKWARD_TOLERANCE or sweep == REFINEMENTS:
                break
            x = x + self.apply(residual / row)
        return x, error, largest_ratio(np.abs(x / column), np.abs(b * row))

    def pivot(self) -> None:
        """Factorise again with column ordering and free partial pivoting."""
        self.pivoting = True
        self._lu = _lu(self.matrix, pivoting=True, ordered=False)


def factorise(A: Any, ordered: bool = False, pivoting: bool = False) -> Factor:
    """Equilibrate and factorise a square sparse matrix, real or complex.

    `ordered` says that A already stands in an order that limits fill (see `nested_dissection`). Raises SolveError
    when an entry is not finite, a row or column is empty, or the matrix is exactly singular.
    """
    scaled, row, column = equilibrate(A)
    return factorise_scaled(scaled, row, column, ordered=ordered, pivoting=pivoting)


def factorise_scaled(scaled: Any, row: Array, column: Array, ordered: bool = False, pivoting: bool = False) -> Factor:
    """As `factorise`, of a matrix that has already been scaled with `row` and `column`."""
    if scaled.shape[0] != scaled.shape[1]:
        raise SolveError(f"linear solve: the matrix is {scaled.shape[0]} x {scaled.shape[1]}, not square")
    if not np.all(np.isfinite(scaled.data)):
        raise SolveError("linear solve: an entry of the matrix is not finite")
    factor = Factor(scaled, row, column, pivoting=pivoting)
    if not pivoting:
        try:
            factor._lu = _lu(scaled, pivoting=False, ordered=ordered)
            return factor
        except SolveError:
            pass
    factor.pivot()
    return factor


def _lu(scaled: Any, pivoting: bool, ordered: bool) -> Any:
    try:
        if pivoting:
            return splu(scaled, permc_spec="COLAMD")
        spec = "NATURAL" if ordered else "MMD_AT_PLUS_A"
        return splu(scaled, permc_spec=spec, diag_pivot_thresh=1e-3, options={"SymmetricMode": True})
    except RuntimeError as error:
        raise SolveError(f"linear solve: the matrix of {scaled.shape[0]} unknowns is singular") from error
    except MemoryError as error:
        raise SolveError(f"linear solve: not enough memory to factorise {scaled.shape[0]} unknowns") from error


def nested_dissection(graph: Any, leaf: int = 200) -> Ints:
    """An elimination order of the vertices of a symmetric sparse graph, (n,): order[k] is eliminated k-th.

    The graph is cut at the smallest middle level of a breadth-first search from a far end, both halves first and the
    cut last, down to pieces of `leaf` vertices which minimum degree orders (George 1973; George & Liu 1978). Against
    minimum degree alone: 10 % fewer operations on 100 x 100, 25 % on 200 x 200 and half on 20 x 20 x 20 cells.
    """
    graph = abs(sp.csr_matrix(graph))
    order: list[Ints] = []
    pieces: list[tuple[Ints, bool]] = [(np.arange(graph.shape[0]), False)]
    while pieces:  # the order is built from its end: a cut is written before the halves it separates
        vertices, final = pieces.pop()
        if final:
            order.append(vertices[::-1])
        elif len(vertices) <= leaf:
            order.append(vertices[_minimum_degree(graph[vertices][:, vertices])][::-1])
        else:
            parts, cut = _divided(graph[vertices][:, vertices], leaf)
            pieces += [(vertices[part], False) for part in parts if len(part)]
            pieces += [(vertices[cut], True)] if len(cut) else []
    return np.concatenate(order)[::-1].astype(np.int64)


def _minimum_degree(graph: Any) -> Ints:
    if graph.shape[0] < 3:
        return np.arange(graph.shape[0])
    degree = np.asarray(abs(graph).sum(axis=1)).ravel()
    dominant = sp.csc_matrix(sp.diags(degree + 1.0) - abs(graph))
    lu = splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return np.argsort(lu.perm_c)


def _divided(graph: Any, leaf: int) -> tuple[list[Ints], Ints]:
    """Vertices on either side of a cut, and the cut; what is not connected is split into its parts without a cut,
    small ones together."""
    n, start = graph.shape[0], 0
    for _ in range(3):
        level = dijkstra(graph, indices=start, unweighted=True)
        reached = np.isfinite(level)
        if not reached.all():
            return _unconnected(graph, leaf), np.empty(0, dtype=np.int64)
        start = int(np.argmax(level))
    level = level.astype(np.int64)
    count = np.bincount(level)
    middle = (np.cumsum(count) - count / 2) / n
    allowed = np.flatnonzero(np.abs(middle - 0.5) <= 0.15)
    k = allowed[np.argmin(count[allowed])] if len(allowed) else int(np.argmin(np.abs(middle - 0.5)))
    return [np.flatnonzero(level < k), np.flatnonzero(level > k)], np.flatnonzero(level == k)


def _unconnected(graph: Any, leaf: int) -> list[Ints]:
    """The connected parts of a graph, those of fewer than `leaf` vertices gathered to about so many."""
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label)
    smallest_first = np.argsort(size, kind="stable")
    group = np.empty(len(size), dtype=np.int64)
    group[smallest_first] = np.cumsum(size[smallest_first]) // leaf
    by_group = np.argsort(group[label], kind="stable")
    return np.split(by_group, np.flatnonzero(np.diff(group[label][by_group])) + 1)
