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
from miecsim.typing import Array, Bools, Complex, Ints

BACKWARD_TOLERANCE = 1e-14  # per equation, max_i |r| / max_i (|A||x| + |b|)
# Corrections shrink by a factor from one to the next, which tells how much is still to come: an error in what the
# rounded matrix has stiffened would hide in a first correction, however small. At least two are made.
FORWARD_TOLERANCE = 1e-12  # of the largest unknown of a field
ROUND_OFF = 1e-13  # corrections below this say no more
NOISE = 1e-10  # what rounding may leave in a field, of the largest scaled unknown of all
CORRECTIONS, WINDOW = 20, 3
WEAK = 1e-6  # faces this much weaker than others separate inventories
HELD = 1.0  # a set that its nodes and contacts hold better, relative to its faces, needs no inventory

Progress = Callable[[int, int], None]
# Per part of A(w): places in the pattern, and the values that go there.
Entries = tuple[tuple[Ints, Array], ...]


# ---------------------------------------------------------------- the linear system and its solution


@dataclass(frozen=True)
class Inventories:
    """Sets of balances whose sum stands in the place of one of them, `targets` (g,), `sizes` (g,) balances each."""

    targets: Ints
    sizes: Ints
    rows: Terms  # (g, N m)
    drive: Terms  # (g, P)
    hold: Array  # (g, k) what each part of nodes and contacts adds to the hold on the set, relative to its faces

    @classmethod
    def of(cls, balances: Balances, rank: Ints) -> Inventories:
        """One for each set joined by faces within a factor `WEAK` of each other, that no contact of that order holds.

        The target is eliminated last, by `rank`, among those tied best to their neighbours, who hold it when its own
        balance is gone. Where only storage is left of a sum it is divided by i w, which serves w = 0 as well.
        """
        size, by_rank = len(rank), np.argsort(rank)
        strength, contact = balances.strengths()
        tie = (abs(balances.incidence) @ sp.diags(strength)).max(axis=1).toarray().ravel()
        depth = int(np.log(np.min(strength[strength > 0], initial=1.0)) / np.log(WEAK))
        taken = (np.diff(balances.fixed.indptr) > 0) | (contact > WEAK)
        targets, members, owners, n_sets = [], [], [], 0
        # large sets first, parts of them later: what exchanges charge, each balance, and grains joined weakly
        for weakest in (-1.0, 0.0, *(WEAK**k for k in range(depth, 0, -1))):
            fluxes = np.flatnonzero((strength > 0) & (strength >= weakest))
            label = balances.connected(fluxes, exchange=weakest < 0)
            free = np.bincount(label) > 1
            free[label[taken]] = False
            best, last = np.zeros(len(free)), np.zeros(len(free), dtype=np.int64)
            np.maximum.at(best, label, tie)
            tied = by_rank[(tie >= 0.1 * best[label])[by_rank]]
            last[label[tied]] = tied  # of several assignments the last stands
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
        return cls(np.concatenate(targets), np.diff(W.indptr), *_divided(rows, drive), _hold(balances, W))

    def needed(self, s: Complex) -> Bools:
        """(g,) whether the faces of a set are so much stronger than its hold that its level drowns at this frequency.

        A sum over strong nodes, on the other hand, drowns what single nodes do.
        """
        return np.asarray(self.hold @ np.abs(s) < HELD)


def _hold(balances: Balances, W: Any) -> Array:
    """Largest ratio, over unknowns that faces act on, of the coefficients of nodes and contacts to those of faces."""
    n_nodes, m = balances.shape
    by_field = sp.csr_matrix(np.tile(np.eye(m), (n_nodes, 1)))
    faces = (W @ (abs(balances.incidence) @ (abs(balances.faces.parts[0]) @ by_field))).toarray()
    out = np.zeros((W.shape[0], len(balances.nodes.parts)))
    for k, part in enumerate(balances.nodes.plus(balances.contacts).after(W).parts):
        own = (abs(part) @ by_field).toarray()
        out[:, k] = np.divide(own, faces, out=np.zeros_like(own), where=faces > 0.0).max(axis=1, initial=0.0)
    return out


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
    rank: Ints  # (N m,) its inverse
    structure: Structure
    plain: Entries  # without inventories
    sums: Entries  # the rows of inventories

    @classmethod
    def from_blocks(cls, blocks: Blocks) -> SparsePattern:
        own = Balances.from_blocks(blocks)
        n_nodes, m = own.shape
        ends = (np.r_[blocks.left, blocks.right], np.r_[blocks.right, blocks.left])
        graph = sp.coo_matrix((np.ones(len(ends[0])), ends), shape=(n_nodes, n_nodes))
        order = unknowns(nested_dissection(graph), m).ravel()
        inventories = Inventories.of(own, _inverse(order))
        # a sum over much of the cell has a place in most columns: it is eliminated last, so that it spreads nowhere
        large = inventories.targets[inventories.sizes > len(order) // 20]
        order = np.concatenate([order[~np.isin(order, large)], large])
        balanced = sp.diags((np.diff(own.fixed.indptr) == 0).astype(float))
        plain = own.faces.after(own.incidence).plus(own.nodes).plus(own.contacts).after(balanced)
        plain = Terms((plain.parts[0] + own.fixed, *plain.parts[1:]))
        g = np.arange(len(inventories.targets))
        sums = inventories.rows.after(sp.csr_matrix((np.ones(len(g)), (inventories.targets, g)), (len(order), len(g))))
        return cls(own, inventories, order, _inverse(order), *_aligned(plain, sums, order))

    def solve(self, omega: float, s: Complex, V: Complex) -> Response:
        """Port voltages V (P, P_exc). Raises SolveError, naming the frequency, where no digits can be vouched for."""
        system = _System(self, s, V, self.inventories.needed(s))
        try:
            factor = system.factorise()
            x, error, steps, good = system.refined(factor)
            if not good and not factor.pivoting:
                factor.pivot()
                x, error, steps, good = system.refined(factor)
            if not good:
                raise SolveError(
                    f"no digits can be vouched for (backward error {error:.1e} after {steps} corrections): "
                    "singular to rounding"
                )
        except SolveError as failure:
            raise SolveError(f"small signal at {omega / (2 * np.pi):.4g} Hz: {failure}") from failure
        return Response(omega, x.reshape(*self.balances.shape, -1), error, steps, factor.pivoting)


@dataclass(frozen=True)
class _System:
    """A(w) x = b(w) at one frequency."""

    pattern: SparsePattern
    s: Complex  # factors of the parts
    V: Complex
    needed: Bools  # inventories in use

    @property
    def targets(self) -> Ints:
        return self.pattern.inventories.targets[self.needed]

    def matrix(self) -> Complex:
        """Entries of A(w) in the places of the pattern."""
        p = self.pattern
        data = np.zeros(len(p.structure.rows), dtype=complex)
        for (places, values), factor in zip(p.plain, self.s, strict=True):
            data[places] += factor * values
        if self.needed.any():
            replaced = np.zeros(len(p.order), dtype=bool)
            replaced[p.rank[self.targets]] = True
            data[replaced[p.structure.rows]] = 0.0
            for (places, values), factor in zip(p.sums, self.s, strict=True):
                data[places] += factor * values * replaced[p.structure.rows[places]]
        return data

    def factorise(self) -> Factor:
        """Raises SolveError when nothing fixes the level of a field, or the matrix is singular."""
        p, at, data = self.pattern, self.pattern.structure, self.matrix()
        magnitude = np.abs(data.real) + np.abs(data.imag)
        empty = np.flatnonzero(np.maximum.reduceat(magnitude[at.by_row], at.row_start[:-1]) == 0.0)
        if len(empty):
            node, field = divmod(int(p.order[empty[0]]), p.balances.shape[1])
            raise SolveError(f"nothing fixes the level of field {field} around node {node}: no contact and no storage")
        row, column = at.scales(magnitude, 4)
        # sums are made small, or they would be chosen as pivots long before their turn
        row[p.rank[self.targets]] *= np.exp2(-np.ceil(np.log2(p.inventories.sizes[self.needed])))
        scaled = (data * row[at.rows] * column[at.columns], at.rows, at.column_start)
        return factorise_scaled(sp.csc_matrix(scaled, shape=(len(row),) * 2), row, column, ordered=True)

    def right_side(self) -> Complex:
        """b(w), (N m, P_exc)."""
        own = self.pattern.balances
        b = own.drive.times(self.s, self.V)
        b[self.targets] = self.pattern.inventories.drive.times(self.s, self.V)[self.needed]
        return np.asarray(b + own.fixed_drive @ self.V)

    def applied(self, x: Complex) -> Complex:
        """A(w) x, every flux formed once and those inside an inventory not at all."""
        own = self.pattern.balances
        out = own.nodes.times(self.s, x) + own.contacts.times(self.s, x)
        out += own.incidence @ own.faces.times(self.s, x)
        out[self.targets] = self.pattern.inventories.rows.times(self.s, x)[self.needed]
        fixed = np.diff(own.fixed.indptr) > 0
        out[fixed] = (own.fixed @ x)[fixed]
        return np.asarray(out)

    def refined(self, factor: Factor) -> tuple[Complex, float, int, bool]:
        """x, its backward error, the corrections made, and whether it can be vouched for."""
        b = self.right_side()
        past, steps = [self._inverse_times(factor, b)], list[float]()
        size = self._sizes(factor, past[0], b)
        while True:
            residual = b - self.applied(past[-1])
            error = self._backward_error(residual, size)
            settled = self._settled(factor, past, steps)
            if settled and error <= BACKWARD_TOLERANCE:
                return past[-1], error, len(steps), True
            if settled is False or not np.isfinite(error) or len(steps) == CORRECTIONS:
                return past[-1], error, len(steps), False
            correction = self._inverse_times(factor, residual)
            past = [*past[-WINDOW:], past[-1] + correction]
            steps.append(self._step(factor, correction, past[-1]))

    def _settled(self, factor: Factor, past: list[Complex], steps: list[float]) -> bool | None:
        """Whether further corrections would change x by less than they may (None: not known yet)."""
        if len(steps) < 2:
            return None
        step, gain = steps[-1], steps[-1] / steps[-2] if steps[-2] > 0.0 else 0.0
        if step <= ROUND_OFF or (gain <= 0.5 and step * gain <= FORWARD_TOLERANCE * (1.0 - gain)):
            return True
        recent = steps[-WINDOW:]
        if len(steps) < 2 + WINDOW or gain <= 0.5 or max(recent) > 10.0 * min(recent):
            return None
        # rounding sends x to and fro around its place; an error that corrections hardly touch shifts it steadily
        drift = self._step(factor, past[-1] - past[-1 - WINDOW], past[-1])
        noise = self._step(factor, past[-1] - past[-2], past[-1], floor=1.0)
        return drift <= 2.0 * max(recent) and noise <= NOISE

    def _inverse_times(self, factor: Factor, b: Complex) -> Complex:
        return np.asarray(factor.apply(b[self.pattern.order])[self.pattern.rank])

    def _sizes(self, factor: Factor, x: Complex, b: Complex) -> Array:
        """|A||x| + |b|, (N m, P_exc)."""
        order, rank = self.pattern.order, self.pattern.rank
        scaled = abs(factor.matrix) @ (np.abs(x[order]) / factor.column[:, None])
        return np.asarray((scaled / factor.row[:, None])[rank] + np.abs(b))

    def _backward_error(self, residual: Complex, size: Array) -> float:
        """Worst over equations and excitations of max_i |r| / max_i size; an inventory is an equation of its own."""
        if not np.all(np.isfinite(residual)):
            return float("inf")
        left, whole = np.abs(residual), size.copy()
        worst = _ratio(left[self.targets], whole[self.targets])
        left[self.targets] = whole[self.targets] = 0.0
        by_equation = (v.reshape(*self.pattern.balances.shape, -1).max(axis=0) for v in (left, whole))
        return max(worst, _ratio(*by_equation))

    def _step(self, factor: Factor, correction: Complex, x: Complex, floor: float = 1e-2) -> float:
        """Largest correction relative to the largest unknown of its field, or `floor` of that of all, when scaled."""
        scale = factor.column[self.pattern.rank][:, None]
        change, value = (
            (np.abs(v) / scale).reshape(*self.pattern.balances.shape, -1).max(axis=0) for v in (correction, x)
        )
        return _ratio(change, np.maximum(value, floor * value.max(axis=0)))


def _ratio(part: Array, whole: Array) -> float:
    """Largest part / whole; 0 / 0 counts as 0."""
    return float(np.max(np.divide(part, whole, out=np.where(part > 0.0, np.inf, 0.0), where=whole > 0.0), initial=0.0))


def _inverse(order: Ints) -> Ints:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _aligned(plain: Terms, sums: Terms, order: Ints) -> tuple[Structure, Entries, Entries]:
    """Union of the patterns of all parts and the diagonal, in the order of elimination, and where each entry stands."""
    n = len(order)
    parts = [clean(part)[order][:, order].tocsc() for part in (*plain.parts, *sums.parts)]
    union = sp.csc_matrix(sum((abs(part) for part in parts), sp.identity(n)))
    union.sort_indices()
    keys = np.repeat(np.arange(n, dtype=np.int64), np.diff(union.indptr)) * n + union.indices
    entries = []
    for part in parts:
        part.sort_indices()
        own = np.repeat(np.arange(n, dtype=np.int64), np.diff(part.indptr)) * n + part.indices
        entries.append((np.searchsorted(keys, own), part.data))
    return Structure.of(union), tuple(entries[: len(plain.parts)]), tuple(entries[len(plain.parts) :])


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
