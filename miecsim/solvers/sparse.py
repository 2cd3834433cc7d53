"""Small-signal systems of any dimension by sparse LU, one factorisation a frequency, checked face by face.

The assembled matrix A = E D + S (E the incidence of faces, D their fluxes, S what nodes and contacts do) has rounded
away the leak of a carrier that is blocked, or of a grain joined weakly to its surroundings: its diagonal is good to
1e-16 of the conductances inside, and all that fixes the level of a potential may be smaller. Two things bring the
digits back. For every set of nodes joined more strongly inside than to anything else, one balance gives way to the sum
of them all, its *inventory*, in which the fluxes inside cancel exactly because they are never written. And the solution
is refined with a residual in which every face flux is formed once, leaving one node as it enters the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from miecsim.blocks import Blocks
from miecsim.errors import InputError, SolveError
from miecsim.solvers.balances import Balances, Readings, Terms, clean, unknowns
from miecsim.solvers.linear import Factor, Structure, factorise_scaled, nested_dissection
from miecsim.typing import Array, Complex, Ints

BACKWARD_TOLERANCE = 1e-14  # per equation, max_i |r| / max_i (|A||x| + |b|)
FORWARD_TOLERANCE = 1e-11  # what a further correction would still change, relative to the largest unknown of its field
CORRECTIONS = 8  # a healthy system takes one; each further one gains at least a factor two
WEAK = 1e-6  # faces this much weaker than others separate inventories
_FLOOR = 1e-6  # fields smaller than this, scaled, are judged against it

Progress = Callable[[int, int], None]


# ---------------------------------------------------------------- the linear system and its solution


@dataclass(frozen=True)
class Inventories:
    """Sets of balances whose sum stands in the place of one of them, `targets` (g,), `sizes` (g,) balances each."""

    targets: Ints
    sizes: Ints
    rows: Terms  # (g, N m)
    drive: Terms  # (g, P)

    @classmethod
    def of(cls, balances: Balances, rank: Ints) -> Inventories:
        """One for each set, joined by faces within a factor `WEAK` of each other, that no contact as good as those holds.

        The target is the balance eliminated last, by `rank`. Where only storage is left of a sum it is divided by
        i w, which serves w = 0 as well.
        """
        size, by_rank = len(rank), np.argsort(rank)
        strength, contact = balances.strengths()
        depth = int(np.log(np.min(strength[strength > 0], initial=1.0)) / np.log(WEAK))
        taken = (np.diff(balances.fixed.indptr) > 0) | (contact > WEAK)
        targets, members, owners, n_sets = [], [], [], 0
        for weakest in (0.0, *(WEAK**k for k in range(depth, 0, -1))):  # large sets first; a part of one comes later
            label = balances.connected(np.flatnonzero((strength > 0) & (strength >= weakest)))
            free = np.bincount(label) > 1
            free[label[taken]] = False
            last = np.zeros(len(free), dtype=np.int64)
            last[label[by_rank]] = by_rank  # of several assignments the last stands
            inside = np.flatnonzero(free[label])
            targets.append(last[free])
            members.append(inside)
            owners.append((np.cumsum(free) - 1 + n_sets)[label[inside]])
            taken[last[free]] = True
            n_sets += int(free.sum())
        W = sp.csr_matrix(
            (np.ones(sum(map(len, members))), (np.concatenate(owners), np.concatenate(members))), shape=(n_sets, size)
        )
        rows = balances.nodes.plus(balances.contacts).after(W).plus(balances.faces.after(clean(W @ balances.incidence)))
        drive = balances.drive.after(W)
        return cls(np.concatenate(targets), np.diff(W.indptr), *_divided(rows, drive))


def _divided(rows: Terms, drive: Terms) -> tuple[Terms, Terms]:
    """Divide by i w what has nothing but storage in it."""
    other = np.zeros(rows.parts[0].shape[0], dtype=np.int64)
    for part in (rows.parts[0], drive.parts[0], *rows.parts[2:], *drive.parts[2:]):
        other += np.diff(part.indptr)
    take, leave = sp.diags((other == 0).astype(float)), sp.diags((other > 0).astype(float))
    return tuple(  # type: ignore[return-value]
        Terms((clean(t.parts[0] + take @ t.parts[1]), clean(leave @ t.parts[1]), *t.parts[2:])) for t in (rows, drive)
    )


@dataclass(frozen=True)
class Response:
    """Unknowns x (N, m, P_exc) per volt on each excited port at one frequency, and how well they were found."""

    omega: float
    x: Complex
    backward_error: float
    corrections: int
    pivoting: bool


@dataclass(frozen=True)
class SparsePattern:
    """What all frequencies share: the order of elimination, the inventories, and where each value goes."""

    balances: Balances
    inventories: Inventories
    order: Ints  # (N m,) order[k] is the unknown eliminated k-th
    kept: Array  # (N m,) 1 where a row is the balance itself
    weight: Array  # (N m,) of each row in that order: keeps inventories from being chosen as pivots early
    structure: Structure
    values: tuple[tuple[Ints, Array], ...]  # entries of each part of A(w), and what it puts there

    @classmethod
    def from_blocks(cls, blocks: Blocks) -> SparsePattern:
        balances = Balances.from_blocks(blocks)
        n_nodes, m = balances.shape
        size = n_nodes * m
        ones = np.ones(2 * len(blocks.left))
        ends = (np.r_[blocks.left, blocks.right], np.r_[blocks.right, blocks.left])
        order = unknowns(nested_dissection(sp.coo_matrix((ones, ends), shape=(n_nodes, n_nodes))), m).ravel()
        inventories = Inventories.of(balances, _inverse(order))
        large = inventories.targets[inventories.sizes > size // 20]
        order = np.concatenate([order[~np.isin(order, large)], large])
        kept = np.ones(size)
        kept[inventories.targets] = 0.0
        kept[np.diff(balances.fixed.indptr) > 0] = 0.0
        weight = np.ones(size)
        weight[_inverse(order)[inventories.targets]] = np.exp2(-np.ceil(np.log2(np.maximum(inventories.sizes, 1))))
        return cls(balances, inventories, order, kept, weight, *_aligned(balances, inventories, kept, order))

    def matrix(self, s: Complex) -> Complex:
        """Entries of A(w) in the places of `structure`."""
        data = np.zeros(len(self.structure.rows), dtype=complex)
        for (places, values), factor in zip(self.values, s, strict=True):
            data[places] += factor * values
        return data

    def factorise(self, s: Complex) -> Factor:
        """Raises SolveError when nothing fixes the level of a field, or the matrix is singular."""
        data, at = self.matrix(s), self.structure
        magnitude = np.abs(data.real) + np.abs(data.imag)
        empty = np.flatnonzero(np.maximum.reduceat(magnitude[at.by_row], at.row_start[:-1]) == 0.0)
        if len(empty):
            node, row = divmod(int(self.order[empty[0]]), self.balances.shape[1])
            raise SolveError(f"nothing fixes field {row} around node {node}: neither contact nor storage")
        row_scale, column = at.scales(magnitude, 4)
        row_scale = row_scale * self.weight
        scaled = sp.csc_matrix(
            (data * row_scale[at.rows] * column[at.columns], at.rows, at.column_start), shape=(len(column),) * 2
        )
        return factorise_scaled(scaled, row_scale, column, ordered=True)

    def right_side(self, s: Complex, V: Complex) -> Complex:
        """b(w), (N m, P_exc), for port voltages V (P, P_exc)."""
        b = self.kept[:, None] * self.balances.drive.times(s, V)
        b[self.inventories.targets] = self.inventories.drive.times(s, V)
        return np.asarray(b + self.balances.fixed_drive @ V)

    def applied(self, s: Complex, x: Complex) -> Complex:
        """A(w) x, every flux formed once and the fluxes inside an inventory not at all."""
        own = self.balances
        out = own.nodes.times(s, x) + own.contacts.times(s, x) + own.incidence @ own.faces.times(s, x)
        out *= self.kept[:, None]
        out[self.inventories.targets] = self.inventories.rows.times(s, x)
        return np.asarray(out + own.fixed @ x)

    def solve(self, omega: float, s: Complex, V: Complex) -> Response:
        """Raises SolveError, naming the frequency, where the answer cannot be stood behind."""
        try:
            factor = self.factorise(s)
            x, error, steps, good = self._refined(factor, s, V)
            if not good and not factor.pivoting:
                factor.pivot()
                x, error, steps, good = self._refined(factor, s, V)
        except SolveError as failure:
            raise SolveError(f"small signal at {omega / (2 * np.pi):.4g} Hz: {failure}") from failure
        if not good:
            raise SolveError(
                f"small signal at {omega / (2 * np.pi):.4g} Hz: no digits can be vouched for (backward error "
                f"{error:.1e} after {steps} corrections): the system is singular to rounding there"
            )
        return Response(omega, x.reshape(*self.balances.shape, -1), error, steps, factor.pivoting)

    def _refined(self, factor: Factor, s: Complex, V: Complex) -> tuple[Complex, float, int, bool]:
        """x, its backward error, corrections made, and whether another would change x by less than it may."""
        b = self.right_side(s, V)
        x, step, left, error = self._apply(factor, b), 1.0, np.inf, np.inf
        size = self._sizes(factor, x, b)
        for count in range(CORRECTIONS + 1):
            residual = b - self.applied(s, x)
            error = self._backward_error(residual, size)
            if error <= BACKWARD_TOLERANCE and left <= FORWARD_TOLERANCE:
                return x, error, count, True
            if not np.isfinite(error) or count == CORRECTIONS:
                break
            correction = self._apply(factor, residual)
            x = x + correction
            before, step = step, self._step(factor, correction, x)
            gain = step / before if before > 0.0 else 0.0
            if count and gain > 0.5 and step > FORWARD_TOLERANCE:
                break
            # corrections shrink by `gain`, so that this much is still to come
            left = step if count == 0 or step <= FORWARD_TOLERANCE else step * gain / (1.0 - gain)
        return x, error, count, False

    def _apply(self, factor: Factor, b: Complex) -> Complex:
        x = np.empty_like(b)
        x[self.order] = factor.apply(b[self.order])
        return x

    def _sizes(self, factor: Factor, x: Complex, b: Complex) -> Array:
        """|A||x| + |b|, (N m, P_exc)."""
        size = np.empty(b.shape)
        size[self.order] = abs(factor.matrix) @ (np.abs(x[self.order]) / factor.column[:, None]) / factor.row[:, None]
        return np.asarray(size + np.abs(b))

    def _backward_error(self, residual: Complex, size: Array) -> float:
        """Worst over equations and excitations of max_i |r| / max_i size; an inventory is an equation of its own."""
        if not np.all(np.isfinite(residual)):
            return float("inf")
        left, single = np.abs(residual), self.inventories.targets
        worst = [_ratio(left[single], size[single])]
        n_nodes, m = self.balances.shape
        for row in range(m):
            own = np.arange(n_nodes) * m + row
            own = own[self.kept[own] > 0]
            if len(own):
                worst.append(_ratio(left[own].max(axis=0), size[own].max(axis=0)))
        return max(worst)

    def _step(self, factor: Factor, correction: Complex, x: Complex) -> float:
        """Largest correction relative to the largest unknown, field by field, in the scaled unknowns."""
        scale = np.empty(len(self.order))
        scale[self.order] = factor.column
        change, value = (
            (np.abs(v) / scale[:, None]).reshape(*self.balances.shape, -1).max(axis=0) for v in (correction, x)
        )
        return _ratio(change, np.maximum(value, _FLOOR * value.max(axis=0)))


def _ratio(part: Array, whole: Array) -> float:
    """Largest part / whole; 0 / 0 counts as 0."""
    return float(np.max(np.divide(part, whole, out=np.where(part > 0.0, np.inf, 0.0), where=whole > 0.0), initial=0.0))


def _inverse(order: Ints) -> Ints:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _aligned(
    balances: Balances, inventories: Inventories, kept: Array, order: Ints
) -> tuple[Structure, tuple[tuple[Ints, Array], ...]]:
    """Union of the patterns of the parts of A(w), in the order of elimination, and where each entry stands in it."""
    n, g = len(order), len(inventories.targets)
    inject = sp.csr_matrix((np.ones(g), (inventories.targets, np.arange(g))), shape=(n, g))
    keep = sp.diags(kept)
    whole = balances.faces.after(balances.incidence).plus(balances.nodes).plus(balances.contacts)
    parts = [keep @ a + inject @ i for a, i in zip(whole.parts, inventories.rows.parts, strict=True)]
    parts[0] = parts[0] + balances.fixed
    # a row without entries keeps a zero, so that it is seen
    parts = [clean(part)[order][:, order].tocsc() for part in parts]
    union = sp.csc_matrix(sum((abs(part) for part in parts), sp.identity(n) if g else sp.csc_matrix((n, n))))
    union.sort_indices()
    keys = np.repeat(np.arange(n, dtype=np.int64), np.diff(union.indptr)) * n + union.indices
    values = []
    for part in parts:
        part.sort_indices()
        own = np.repeat(np.arange(n, dtype=np.int64), np.diff(part.indptr)) * n + part.indices
        values.append((np.searchsorted(keys, own), part.data))
    return Structure.of(union), tuple(values)


# ---------------------------------------------------------------- what the rest of the program calls


def solve(
    blocks: Blocks,
    omega: Array,
    ports: Sequence[int] | None = None,
    progress: Progress | None = None,
    pattern: SparsePattern | None = None,
) -> tuple[Complex, Array]:
    """Unknowns x (n_f, N, m, P_exc) per volt on each of `ports` (default: all), others at 0 V; backward errors (n_f,).

    omega (n_f,) [rad/s], 0 included. progress(done, n_f) is called after each frequency. Raises SolveError, naming the
    frequency, where no correct digits can be vouched for.
    """
    found = list(responses(blocks, omega, ports, progress, pattern))
    return np.stack([r.x for r in found]), np.array([r.backward_error for r in found])


def responses(
    blocks: Blocks,
    omega: Array,
    ports: Sequence[int] | None = None,
    progress: Progress | None = None,
    pattern: SparsePattern | None = None,
) -> Iterator[Response]:
    """As `solve`, one frequency after the other, so that profiles need not be kept."""
    omega = _checked(omega)
    pattern = SparsePattern.from_blocks(blocks) if pattern is None else pattern
    V = _voltages(blocks, ports)
    for done, (w, s) in enumerate(zip(omega, pattern.balances.factors(omega), strict=True), 1):
        yield pattern.solve(float(w), s, V)
        if progress is not None:
            progress(done, len(omega))


def _checked(omega: Array) -> Array:
    omega = np.atleast_1d(np.asarray(omega, dtype=float))
    if omega.ndim != 1 or omega.size == 0 or not np.all(np.isfinite(omega) & (omega >= 0)):
        raise InputError("omega: expected one or more finite angular frequencies, none negative, in rad/s")
    return omega


def _voltages(blocks: Blocks, ports: Sequence[int] | None) -> Complex:
    return np.eye(blocks.n_ports, dtype=complex)[:, list(range(blocks.n_ports) if ports is None else ports)]


def port_currents(blocks: Blocks, omega: Array, x: Complex, ports: Sequence[int] | None = None) -> Complex:
    """Currents from each port into the cell, (n_f, P, P_exc) [A per V], of x (n_f, N, m, P_exc) solved for `ports`.

    An ordinary contact carries sum y (V - t . u), a strong one what the balance that it replaced leaves over; on a
    charge row that is a charge, and the current i w times it. The most doubtful of the currents whose sum is known
    (usually the driven one) is read from the others where that is cleaner: see `Readings`.
    """
    omega, V = _checked(omega), _voltages(blocks, ports)
    readings = Readings.of(blocks)
    s = readings.balances.factors(omega)
    return np.stack([readings.currents(w, s[k], x[k], V) for k, w in enumerate(omega)])
