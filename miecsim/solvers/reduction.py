"""A network of passive two-poles reduced to a small one that answers alike over a band of frequencies.

At real shifts s the network G + s C is symmetric and positive definite, so that one real factorisation serves a chain

    X_0 = (G + s C)^-1 B,   X_j = (G + s C)^-1 C X_(j-1),   j < k,

of responses to unit currents B into the terminals. In the span V of all chains the network is V^T (G + i w C) V, formed
element by element (`nodal_form`), and Z = B^T V (V^T (G + i w C) V)^-1 V^T B: a rational Krylov method (Ruhe 1984;
Druskin and Simoncini 2011). As a Galerkin method for a symmetric form it is passive for every V, and the error of Z is
the square of that of the fields. With admittance laws y(w), V^T (...) V is symmetric and complex, and
C + sum y(s)/s D takes the place of C in the chains.

The error is estimated by the difference to the same without the last block of every chain; shifts are added where it
is largest, until it is below the tolerance everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from miecsim.errors import InputError, SolveError
from miecsim.solvers import shifted
from miecsim.solvers.nodal_form import NodalForm
from miecsim.solvers.relaxation import Relaxations, relaxations
from miecsim.typing import Array, Bools, Complex, Ints

FIRST_SHIFTS, MOST_SHIFTS = 3, 30
BLOCKS, BLOCKS_ITERATED = 10, 8  # in a chain: of a factorisation, which pays for many solves, and of iterations
CLOSEST = 0.4  # distance of two shifts [decades]
PER_DECADE, NEIGHBOURS = 10, 3  # grid on which the error is estimated, and over how much of it the largest counts
FLOOR = 1e-7  # below this an estimate says no more
NOTHING = float(np.finfo(float).tiny)
DEPENDENT = 1e-14  # directions of the reduced network below this, relative to the largest, are noise
EXACT = 600  # unknowns up to which poles are those of the network itself
SPENT = 1e-12  # of a block, when what is orthogonal to its chain is less, the chain is complete

Solve = Callable[[float], shifted.Solver]


@dataclass(frozen=True)
class Projected:
    """A network of r unknowns: parts (r, r) as those of `form`, and b (r, q), unit currents into it (and readings)."""

    form: NodalForm
    parts: tuple[Array, ...]
    b: Array

    def without(self, last: Bools) -> Projected:
        """The same on fewer unknowns."""
        keep = ~last
        return Projected(self.form, tuple(part[keep][:, keep] for part in self.parts), self.b[keep])

    def responses(self, omega: Array, drive: Array) -> Complex:
        """drive^T b^T N(w)^-1 b drive, (n_f, k, k), of drive (q, k): what drives have in common cancels before the
        inverse can magnify it."""
        out = np.empty((len(omega), drive.shape[1], drive.shape[1]), dtype=complex)
        for at, base in self._bases(omega):
            b = base.T.T @ (self.b @ drive)
            out[at] = np.einsum("rp,frq->fpq", b, base.inverse_times(omega[at], b))
        return out

    def states(self, omega: Array, drive: Array) -> Complex:
        """N(w)^-1 b drive, (n_f, r), of drive (q,)."""
        out = np.empty((len(omega), len(self.b)), dtype=complex)
        for at, base in self._bases(omega):
            found = base.inverse_times(omega[at], (base.T.T @ (self.b @ drive))[:, None])
            out[at] = found[:, :, 0] @ base.T.T
        return out

    def _bases(self, omega: Array) -> list[tuple[Ints, _Base]]:
        """Numbers of the frequencies of each decade, and a basis that is well conditioned for all of them."""
        decade = np.round(np.log10(omega)).astype(np.int64)
        return [(np.flatnonzero(decade == d), _Base.of(self, 10.0**d)) for d in np.unique(decade)]


@dataclass(frozen=True)
class _Base:
    """A basis T (r, a) in which the parts, taken at the size that they have at `anchor`, add up to the identity.

    gamma (a,): share of the capacitances there, with the network diagonal; None where laws forbid that, then `parts`
    are those of the network in the basis.
    """

    network: Projected
    anchor: float
    T: Array
    gamma: Array | None
    parts: tuple[Array, ...]

    @classmethod
    def of(cls, network: Projected, anchor: float) -> _Base:
        size = np.abs(network.form.factors_at(np.array([anchor]))[0])
        N = sum(f * part for f, part in zip(size, network.parts, strict=True))
        d = 1.0 / np.sqrt(np.diagonal(N))
        value, vector = np.linalg.eigh(d[:, None] * N * d)
        keep = value > DEPENDENT * value[-1]
        T = d[:, None] * vector[:, keep] / np.sqrt(value[keep])
        C = T.T @ (anchor * network.parts[1]) @ T
        if network.form.laws:
            return cls(network, anchor, T, None, tuple(T.T @ part @ T for part in network.parts))
        gamma, rotation = np.linalg.eigh(C)
        return cls(network, anchor, T @ rotation, np.clip(gamma, 0.0, 1.0), ())

    def inverse_times(self, omega: Array, b: Array) -> Complex:
        """N(w)^-1 b in this basis, (n_f, a, p)."""
        if self.gamma is not None:
            diagonal = (1.0 - self.gamma) + 1j * (omega / self.anchor)[:, None] * self.gamma
            return np.asarray(b / diagonal[:, :, None])
        factors = self.network.form.factors_at(omega)
        N = sum(f[:, None, None] * part for f, part in zip(factors.T, self.parts, strict=True))
        return np.linalg.solve(np.asarray(N), np.broadcast_to(b, (len(omega), *b.shape)).astype(complex))


@dataclass
class _Basis:
    """The chains so far: V (n, r) as a list of chains, the network in their span, and which columns are last blocks."""

    form: NodalForm
    B: Array
    shifts: list[float] = field(default_factory=list)
    chains: list[Array] = field(default_factory=list)
    last: list[Bools] = field(default_factory=list)
    parts: list[Array] = field(default_factory=list)
    error: float = 0.0  # of linear solves

    def add(self, s: float, solver: shifted.Solver, blocks: int) -> None:
        chain, last = _chain(self.form, s, solver, self.B, blocks)
        self.chains.append(chain)
        self.last.append(last)
        self.shifts.append(s)
        self.error = max(self.error, solver.error)
        rows = [[part.between(chain, other) for other in self.chains] for part in self.form.parts]
        if not self.parts:
            self.parts = [own[0] for own in rows]
            return
        self.parts = [
            np.block([[old, np.hstack(new[:-1]).T], [np.hstack(new[:-1]), new[-1]]])
            for old, new in zip(self.parts, rows, strict=True)
        ]

    def projected(self) -> Projected:
        parts = tuple(0.5 * (part + part.T) for part in self.parts)
        return Projected(self.form, parts, np.concatenate([chain.T @ self.B for chain in self.chains]))


def _chain(form: NodalForm, s: float, solver: shifted.Solver, B: Array, blocks: int) -> tuple[Array, Bools]:
    """An orthonormal basis (n, r) of one chain, and which columns are of its last block (none if it is complete)."""
    factors = form.factors(s)
    factors[0], factors[1:] = 0.0, factors[1:] / s
    found: list[Array] = []
    X = solver.solve(B)
    while True:
        X = _orthonormal(X, found)
        if X.shape[1] == 0:
            return np.hstack(found), np.zeros(sum(x.shape[1] for x in found), dtype=bool)
        found.append(X)
        if len(found) == blocks:
            break
        moved = sum(f * part.times(X) for f, part in zip(factors, form.parts, strict=True) if f and len(part.weight))
        if np.ndim(moved) == 0:  # nothing stores: one solve says it all
            return X, np.zeros(X.shape[1], dtype=bool)
        X = solver.solve(np.asarray(moved))
    width = sum(x.shape[1] for x in found)
    return np.hstack(found), np.arange(width) >= width - found[-1].shape[1]


def _orthonormal(X: Array, found: Sequence[Array]) -> Array:
    """Orthonormal columns of what X (n, q) has beyond the blocks found; fewer than q where it has less."""
    before = np.linalg.norm(X, axis=0)
    X = X / np.where(before > 0, before, 1.0)
    for _ in range(2):
        for Q in found:
            X = X - Q @ (Q.T @ X)
    Q, R = np.linalg.qr(X)
    return np.asarray(Q[:, np.abs(np.diagonal(R)) > SPENT])


@dataclass(frozen=True)
class Reduced:
    """A reduced network, valid between two angular frequencies.

    shifts [rad/s], in the order they were chosen; tolerance asked; grid (n_g,) [rad/s] and error (n_g,), the estimate
    there; solve_error: worst residual of the shifted solves; iterated: whether they were iterative.
    """

    form: NodalForm
    network: Projected
    V: tuple[Array, ...]
    shifts: tuple[float, ...]
    grid: Array
    error: Array
    solve_error: float
    iterated: bool

    @property
    def order(self) -> int:
        """Number of unknowns."""
        return len(self.network.b)

    @property
    def n_ports(self) -> int:
        """Terminals, that on the ground included."""
        return len(self.form.ports) + 1

    def estimate(self, omega: Array) -> Array:
        """Estimated relative error of Z (n_f,), the largest between any two ports; not below FLOOR."""
        found = np.interp(np.log(omega), np.log(self.grid), np.log(_spread(self.error)))
        return np.asarray(np.maximum(np.exp(found), FLOOR))

    def response(self, omega: Array) -> tuple[Complex, Complex]:
        """Y (n_f, P, P) [S], currents into all ports per volt on each, and the potentials (n_f, R, P) [V/V] of what is
        read inside."""
        P, R = self.n_ports, self.network.b.shape[1] - (self.n_ports - 1)
        ends = _star(P)
        drive = np.zeros((P - 1 + R, P - 1 + R))
        drive[: P - 1, : P - 1], drive[P - 1 :, P - 1 :] = ends[:-1], np.eye(R)
        both = self.network.responses(omega, drive)
        per_volt = np.linalg.inv(both[:, : P - 1, : P - 1]) @ ends.T
        inside = both[:, P - 1 :, : P - 1] @ per_volt
        inside[:, :, -1] += 1.0  # potentials are counted from that of the last port
        return np.asarray(ends @ per_volt), inside

    def Z(self, omega: Array) -> Complex:
        """Impedance (n_f,) [ohm] between the first two ports, the others open."""
        return self.network.responses(omega, self._pair()[:, None])[:, 0, 0]

    def fields(self, omega: Array) -> Complex:
        """Potentials (n_f, N, m) per volt between the first two ports, the others open; the second is the zero."""
        y = self.network.states(omega, self._pair()) / self.Z(omega)[:, None]
        p, start = np.zeros((self.form.n, len(omega)), dtype=complex), 0
        for chain in self.V:
            p += chain @ y[:, start : start + chain.shape[1]].T
            start += chain.shape[1]
        ground = p[self.form.ports[1]] if self.n_ports > 2 else np.zeros(len(omega), dtype=complex)
        return np.asarray(np.moveaxis(self.form.lifted(p - ground, -ground), -1, 0))

    def poles(self) -> Relaxations:
        """Relaxation times and residues of Z: those of the discretisation where it has no more than EXACT unknowns,
        else of the reduced network. Raises InputError where there are admittance laws: they have no poles."""
        if self.form.laws:
            raise InputError("relaxation times: read an element such as a CPE; expected resistors and capacitors only")
        middle, drive = float(np.sqrt(self.grid[0] * self.grid[-1])), self._pair()
        V = np.hstack(self.V) if self.form.n > EXACT else np.eye(self.form.n)
        A, B = (part.root(V) for part in self.form.parts)
        return relaxations(A, B, drive @ V[self.form.ports], middle)

    def _pair(self) -> Array:
        """1 A from the first port to the second."""
        drive = np.zeros(self.network.b.shape[1])
        drive[0] = 1.0
        if self.n_ports > 2:
            drive[1] = -1.0
        return drive


def _star(P: int) -> Array:
    """Currents (P, P - 1) into all ports: 1 A from the first to the last, and from each other to the first."""
    ends = np.zeros((P, P - 1))
    ends[0], ends[-1, 0] = -1.0, -1.0
    ends[0, 0] = 1.0
    ends[np.arange(1, P - 1), np.arange(1, P - 1)] = 1.0
    return ends


def _pairs(P: int, q: int) -> Array:
    """1 A from each port to each other, (q, P (P - 1)/2), those to the last, which is the ground, first."""
    every = np.eye(q, P - 1)
    return np.column_stack([every, *(every[:, i] - every[:, j] for i in range(P - 1) for j in range(i))])


def _spread(error: Array) -> Array:
    """The largest over NEIGHBOURS on either side."""
    padded = np.pad(error, NEIGHBOURS, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1).max(axis=1))


def reduce_network(
    form: NodalForm,
    f_min: float,
    f_max: float,
    tolerance: float = 1e-6,
    *,
    dimension: int = 2,
    iterative: bool | None = None,
    readings: Sequence[Array] = (),
) -> Reduced:
    """The network reduced for f_min to f_max [Hz], to an estimated relative error of Z below `tolerance`.

    readings: vectors (n,) on the unknowns whose potentials are wanted to the same accuracy; where there is no port but
    the ground they are themselves the currents, and what they read of themselves is Z. iterative: how shifted
    systems are solved; None takes conjugate gradients where that is faster on a grid of `dimension`, or the factors
    would not fit in memory, and factors if they do and iterations fail. Raises NotReducible, or SolveError where no set
    of shifts meets the tolerance.
    """
    if iterative is None:
        size = form.n, form.n_nodes, dimension
        iterative = shifted.is_better_iterated(*size)
        if iterative and shifted.factor_bytes(*size) <= shifted.MEMORY:
            try:
                return reduce_network(form, f_min, f_max, tolerance, iterative=True, readings=readings)
            except SolveError:
                iterative = False
    B = np.zeros((form.n, len(form.ports)))
    B[form.ports, np.arange(len(form.ports))] = 1.0
    B = np.column_stack([B, *readings])
    solve, blocks = _solver(form, iterative, tolerance), BLOCKS_ITERATED if iterative else BLOCKS
    grid, basis = _grid(2 * np.pi * f_min, 2 * np.pi * f_max), _Basis(form, B)
    for s in np.geomspace(grid[0], grid[-1], FIRST_SHIFTS):
        basis.add(float(s), solve(float(s)), blocks)
    while True:
        network = basis.projected()
        error = _difference(network, np.concatenate(basis.last), grid)
        if np.all(_spread(error) <= tolerance):
            break
        s = _next_shift(error, grid, basis.shifts)
        basis.add(s, solve(s), blocks)
    return Reduced(form, network, tuple(basis.chains), tuple(basis.shifts), grid, error, basis.error, iterative)


def _solver(form: NodalForm, iterative: bool, tolerance: float) -> Solve:
    if iterative:
        # the error of Z is the square of that of the fields, which the projection makes the best of
        residual = float(np.clip(0.01 * np.sqrt(tolerance), 1e-8, 1e-5))
        return lambda s: shifted.Iterated.of(form.matrix(s), residual)
    order = shifted.elimination_order(form)
    return lambda s: shifted.Factorised.of(form.matrix(s), order)


def _grid(low: float, high: float) -> Array:
    """PER_DECADE angular frequencies from low to high, at least a decade in all."""
    wider = max(1.0, np.sqrt(10.0 * low / high))
    low, high = low / wider, high * wider
    return np.geomspace(low, high, 1 + int(np.ceil(PER_DECADE * np.log10(high / low))))


def _difference(network: Projected, last: Bools, grid: Array) -> Array:
    """What the last blocks change, (n_g,): of Z between any two ports, relative to it, and of the potentials inside
    relative to the voltages that cause them. Without two ports, of what each reading sees of itself as a current."""
    if not last.any():
        return np.full(len(grid), NOTHING)
    q, P = network.b.shape[1], len(network.form.ports) + 1
    inner = np.eye(q)[:, P - 1 :]
    drives, read = (_pairs(P, q), inner) if P > 1 else (inner, inner[:, :0])
    drive, pairs = np.column_stack([drives, read]), drives.shape[1]
    best = network.responses(grid, drive)
    change = np.abs(best - network.without(last).responses(grid, drive))
    voltage = np.abs(np.einsum("fpp->fp", best[:, :pairs, :pairs]))
    own = np.einsum("fpp->fp", change[:, :pairs, :pairs]) / voltage
    inside = change[:, pairs:, :pairs] / voltage[:, None, :]
    return np.asarray(np.maximum(np.maximum(own.max(axis=1), inside.max(axis=(1, 2), initial=0.0)), NOTHING))


def _next_shift(error: Array, grid: Array, shifts: Sequence[float]) -> float:
    """Where the error is largest, among the places that are not too close to a shift."""
    distance = np.abs(np.log10(grid[:, None]) - np.log10(np.array(shifts))).min(axis=1)
    free = distance > CLOSEST
    if not free.any() or len(shifts) == MOST_SHIFTS:
        raise SolveError(
            f"reduction: {len(shifts)} shifts leave an estimated error of {error.max():.1e}; use method 'sparse'"
        )
    return float(grid[np.argmax(np.where(free, error, 0.0))])
