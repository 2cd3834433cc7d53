"""Impedance: the exact small-signal response of an operating point, (G + i w C) x = b.

Z is a matrix over named terminals. Only an OperatingPoint is accepted: linearising where nothing was solved gives
numbers that look like spectra and are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.blocks import Blocks
from miecsim.errors import InputError, SolveError
from miecsim.solvers import line as line_solver
from miecsim.solvers.interior import unfolded
from miecsim.solvers.known_current import KnownCurrent, Planes
from miecsim.solvers.nodal_form import NotReducible
from miecsim.solvers.reduced import is_worth_reducing, reduced_amplitudes, reduced_response
from miecsim.solvers.small_signal import SmallSignal
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex

# Healthy eliminations leave a backward error near 2e-16; above this a line is solved again by sparse factorisation.
ACCEPT = 1e-13
# Frequency-dependent elements, each a matrix of its own to sparse LU, above which particles are better kept in it.
MOST_ELEMENTS = 64
METHODS = ("auto", "plain", "compiled", "sparse", "reduced", "iterative")
# Products of nodes, fields cubed and frequencies above which compiling (or loading) the kernel pays.
COMPILE_ABOVE = 3e7


@dataclass(frozen=True)
class Spectrum:
    """frequency (n_f,) [Hz]; Y (n_f, T, T) admittance over the T named terminals [S], other ports left open.

    plane_voltage (n_f, R, T): potential of each reference plane per volt on each terminal; method and backward_error
    say how it was solved and how well; unit is 'ohm', or 'ohm m^2' for a system of unit area. error_estimate (n_f,):
    relative error of Z where the equations were reduced, None where they were solved as they are.
    """

    frequency: Array
    Y: Complex
    terminals: tuple[str, ...]
    planes: tuple[str, ...]
    plane_voltage: Complex
    unit: str
    method: str
    backward_error: float
    error_estimate: Array | None = None

    @property
    def Z(self) -> Complex:
        """Two-terminal impedance between the first two terminals, any others open, (n_f,)."""
        return self.between(self.terminals[0], self.terminals[1])

    def between(self, plus: str, minus: str) -> Complex:
        """Impedance (n_f,) between two terminals, all others carrying no current. InputError for an unknown name."""
        a, b = self._index(plus), self._index(minus)
        if a == b:
            raise InputError(f"terminals: read {plus!r} twice; expected two different ones")
        matrix = self.matrix(minus)
        a = a - (a > b)
        return matrix[:, a, a]

    def matrix(self, ground: str) -> Complex:
        """Z (n_f, T-1, T-1): voltages of the other terminals against `ground` per current into each of them.

        inf where no current can flow at all.
        """
        g = self._index(ground)
        keep = [i for i in range(len(self.terminals)) if i != g]
        reduced = self.Y[:, keep][:, :, keep]
        return _inverse(reduced)

    def plane(self, name: str, plus: str | None = None, minus: str | None = None) -> Complex:
        """Transfer impedance (n_f,): potential of a reference plane against `minus` per current from `plus` to `minus`.

        So `plane('ref')` is what a reference electrode there divides off Z on the side of the second terminal.
        """
        if name not in self.planes:
            raise InputError(f"reference plane: read {name!r}; expected one of {', '.join(self.planes) or '(none)'}")
        plus, minus = plus or self.terminals[0], minus or self.terminals[1]
        a, g = self._index(plus), self._index(minus)
        keep = [i for i in range(len(self.terminals)) if i != g]
        a = a - (a > g)
        voltages = self.matrix(minus)[:, :, a]
        return np.asarray(np.einsum("ft,ft->f", self.plane_voltage[:, self.planes.index(name)][:, keep], voltages))

    def _index(self, name: str) -> int:
        if name not in self.terminals:
            raise InputError(f"terminal: read {name!r}; expected one of {', '.join(self.terminals)}")
        return self.terminals.index(name)


@dataclass(frozen=True)
class Amplitudes:
    """Complex amplitudes per volt between the first two terminals: potentials (n_f, N, m) of every field at every
    node [V/V]."""

    frequency: Array
    potential: Complex
    backward_error: float


def impedance(point: OperatingPoint, frequency: Array, *, method: str = "auto", tolerance: float = 1e-6) -> Spectrum:
    """Spectrum of `point` at frequencies [Hz], (n_f,), all positive.

    method: 'auto', 'plain' (NumPy elimination along a line), 'compiled' (its numba twin), 'sparse' (LU, any dimension),
    'reduced' (at rest: a rational Krylov reduction, to an estimated relative error of Z below `tolerance`) or
    'iterative' (the same by conjugate gradients with multigrid). 'auto' reduces large grids at rest. Line and 'auto'
    eliminate insertion particles first; `method` of the result, which may then also be 'condensed' (sparse LU without
    particles), says what was done. Raises InputError for anything but an operating point, for bad frequencies, or for a
    reduction away from rest; SolveError where the equations could not be solved to round-off, or to `tolerance`.
    """
    if not isinstance(point, OperatingPoint):
        raise InputError(
            f"impedance: read a {type(point).__name__}; expected an operating point, such as solve_steady(system)"
        )
    f = np.atleast_1d(np.asarray(frequency, dtype=float))
    if f.ndim != 1 or f.size == 0 or not np.all(np.isfinite(f) & (f > 0)):
        raise InputError("frequency: expected one or more positive, finite numbers in Hz")
    if method not in METHODS:
        raise InputError(f"method: read {method!r}; expected one of {', '.join(map(repr, METHODS))}")
    if not 1e-12 <= tolerance <= 1e-2:
        raise InputError(f"tolerance: read {tolerance!r}; expected a number from 1e-12 to 1e-2")
    ready, estimate = _small_signal(point), None
    by_reduction = _reduced(ready, 2 * np.pi * f, method, tolerance)
    if by_reduction is not None:
        Y, planes, error, method, estimate = by_reduction
    else:
        Y, planes, error, method = _solved(ready, 2 * np.pi * f, method)
    unit = "ohm m^2" if point.system.per_area else "ohm"
    names = tuple(name for name, *_ in point.system.planes)
    return Spectrum(f, Y, point.system.terminals, names, planes, unit, method, float(error), estimate)


def amplitudes(point: OperatingPoint, frequency: Array, *, method: str = "auto", tolerance: float = 1e-6) -> Amplitudes:
    """Complex amplitude of every potential along the cell for 1 V between the first two terminals, others open.

    method: 'auto', 'reduced' or 'iterative' (see `impedance`), the last two with an error of about `tolerance` V.
    InputError away from rest for the last two, and for another method.
    """
    f = np.atleast_1d(np.asarray(frequency, dtype=float))
    ready, omega = _small_signal(point), 2 * np.pi * f
    if method not in ("auto", "reduced", "iterative"):
        raise InputError(f"method: read {method!r}; expected 'auto', 'reduced' or 'iterative'")
    if method != "auto":
        try:
            return Amplitudes(f, *reduced_amplitudes(ready, omega, method == "iterative", tolerance))
        except NotReducible as reason:
            raise InputError(f"method {method!r}: {reason}; use 'auto'") from None
    blocks = _condensed(ready, omega)
    x, error = _solve_profiles(blocks, omega, list(range(blocks.n_ports)))
    state = np.einsum("fnmp,fp->fnm", x, _open_voltages(blocks, omega, x))
    if ready.condensed is not None and blocks is not ready.blocks:
        state = unfolded(ready.condensed, omega, state, ready.blocks.active.shape)
    return Amplitudes(f, np.einsum("nkm,fnm->fnk", ready.blocks.potential, state), float(error.max()))


def _driven(n_ports: int) -> list[int]:
    """Two ports need one excitation; more need all but one."""
    return list(range(n_ports - 1))


def _small_signal(point: OperatingPoint) -> SmallSignal:
    """Kept with the point where it is small: along a line."""
    if point.system.nodes.chain:
        return point.small_signal
    return SmallSignal(point.system, point.u, point.voltages)


def _reduced(
    ready: SmallSignal, omega: Array, method: str, tolerance: float
) -> tuple[Complex, Complex, float, str, Array] | None:
    """Y, plane voltages, backward error, method and estimated error by reduction; None where another path is taken."""
    forced = method in ("reduced", "iterative")
    if not forced and (method != "auto" or not is_worth_reducing(ready, omega)):
        return None
    try:
        found = reduced_response(ready, omega, True if method == "iterative" else None, tolerance)
    except NotReducible as reason:
        if forced:
            raise InputError(f"method {method!r}: {reason}; use 'sparse'") from None
        return None
    except SolveError:
        if forced:
            raise
        return None
    Y, planes = _close_open_ports(found.Y, found.planes, len(ready.system.terminals))
    return Y, planes, found.solve_error, "iterative" if found.iterated else "reduced", found.estimate


def _solved(ready: SmallSignal, omega: Array, method: str) -> tuple[Complex, Complex, float, str]:
    """Y (n_f, T, T), plane voltages (n_f, R, T), backward error and method."""
    if method != "sparse" and ready.known_current is not None:
        known = ready.known_current
        kernel = _kernel(known.chain.S_g, omega) if method == "auto" else method
        Y, planes, error = _by_known_current(known, omega, kernel)
        if _is_good(Y, error):
            return Y, planes, error, kernel
        method = "sparse"
    system = ready.system
    blocks = _condensed(ready, omega) if method != "sparse" else ready.blocks
    method = _choose(blocks, omega, method)
    n_t, driven = len(system.terminals), _driven(blocks.n_ports)
    if method != "sparse":
        Y, planes, error = _by_line(ready.planes, blocks, omega, driven, method)
    elif blocks is not ready.blocks:
        method = "condensed"
        Y, planes, error = _by_sparse(ready.planes, blocks, omega, driven)
    if method == "sparse" or not _is_good(Y, error):
        method = "sparse"
        Y, planes, error = _by_sparse(system.planes, ready.blocks, omega, driven)
        if not _is_good(Y, error):
            raise SolveError(
                f"impedance: backward error {error:.1e} in the sparse solve; refine or rescale the problem"
            )
    Y, planes = _close_open_ports(_complete(Y, driven), planes, n_t)
    return Y, planes, error, method


def _condensed(ready: SmallSignal, omega: Array) -> Blocks:
    """The blocks without particles where that is possible, and pays."""
    condensed = ready.condensed
    if condensed is None or (not condensed.trunk.chain and condensed.n_values > MOST_ELEMENTS):
        return ready.blocks
    return condensed.at(omega)


def _is_good(Y: Complex, error: float) -> bool:
    return bool(np.all(np.isfinite(Y)) and error <= ACCEPT)


def _choose(blocks: Blocks, omega: Array, method: str) -> str:
    if method in ("plain", "compiled"):
        if not line_solver.is_line(blocks):
            raise InputError(f"method {method!r} needs a one-dimensional line; use 'sparse'")
        return method
    if method == "sparse" or not line_solver.keeps_digits(blocks, omega.max()):
        return "sparse"
    return _kernel(blocks.S_g, omega)


def _kernel(S: Array, omega: Array) -> str:
    """Which twin is sooner done with blocks S (n, m, m)."""
    n, m, _ = S.shape
    return "compiled" if n * m**3 * omega.size > COMPILE_ABOVE else "plain"


def _by_known_current(known: KnownCurrent, omega: Array, kernel: str) -> tuple[Complex, Complex, float]:
    """Port currents, plane potentials and the backward error at three frequencies."""
    Z, transfer, error = known.response(omega, kernel == "compiled")
    first, last = known.ports
    with np.errstate(all="ignore"):
        Y = (1 / Z)[:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
        share = transfer / Z[:, None]
    planes = np.empty((*share.shape, 2), dtype=complex)
    planes[:, :, first], planes[:, :, last] = share, 1 - share
    return Y, planes, error


def _by_line(
    planes: Planes, blocks: Blocks, omega: Array, driven: list[int], method: str
) -> tuple[Complex, Complex, float]:
    """Port currents (n_f, P, driven), plane potentials (n_f, R, P) and the backward error at three frequencies."""
    line = line_solver.prepare(blocks, omega, driven)
    Y = line_solver.port_response(line, driven, method == "compiled")
    ports = list(range(blocks.n_ports))
    probe = np.unique([0, omega.size // 2, omega.size - 1]) if not planes else np.arange(omega.size)
    x, error = line_solver.profiles(line_solver.prepare(blocks, omega[probe], ports), ports)
    return Y, _plane_voltages(planes, blocks, x), float(error.max())


def _by_sparse(planes: Planes, blocks: Blocks, omega: Array, driven: list[int]) -> tuple[Complex, Complex, float]:
    from miecsim.solvers import sparse

    ports = list(range(blocks.n_ports)) if planes else driven
    x, error = sparse.solve(blocks, omega, ports)
    Y = sparse.port_currents(blocks, omega, x, ports)[:, :, : len(driven)]
    return Y, _plane_voltages(planes, blocks, x), float(np.max(error))


def _solve_profiles(blocks: Blocks, omega: Array, ports: list[int]) -> tuple[Complex, Array]:
    if _choose(blocks, omega, "auto") != "sparse":
        return line_solver.profiles(line_solver.prepare(blocks, omega, ports), ports)
    from miecsim.solvers import sparse

    return sparse.solve(blocks, omega, ports)


def _currents(blocks: Blocks, omega: Array, x: Complex) -> Complex:
    """Port currents (n_f, P, P-1) of profiles driven at every port."""
    from miecsim.solvers import sparse

    ports = list(range(blocks.n_ports))
    return sparse.port_currents(blocks, omega, x, ports)[:, :, : blocks.n_ports - 1]


def _plane_voltages(planes: Planes, blocks: Blocks, x: Complex) -> Complex:
    """Potential of each reference plane per volt on each excited port, (n_f, R, P)."""
    rows = []
    for _, nodes, weights, row in planes:
        phi = np.einsum("nm,fnmp->fnp", blocks.potential[nodes, row], x[:, nodes])
        rows.append(np.einsum("n,fnp->fp", weights, phi))
    return np.stack(rows, axis=1) if rows else np.zeros((x.shape[0], 0, blocks.n_ports), dtype=complex)


def _complete(Y: Complex, driven: list[int]) -> Complex:
    """The full P x P admittance from its driven columns, using only currents read where nothing was imposed.

    Currents sum to zero over the ports, and so do voltages' effects: a driven port's own entry is minus the sum of the
    others.
    """
    n_f, ports, _ = Y.shape
    full = np.zeros((n_f, ports, ports), dtype=complex)
    for column, p in enumerate(driven):
        full[:, :, p] = Y[:, :, column]
        full[:, p, p] = 0.0
        full[:, p, p] = -full[:, :, p].sum(axis=1)
    last = ports - 1
    full[:, :, last] = -full[:, :, :last].sum(axis=2)
    if ports == 2:
        full[:, 0, 1] = full[:, 1, 0]
        full[:, 1, 1] = full[:, 0, 0]
    return full


def _open_voltages(blocks: Blocks, omega: Array, x: Complex) -> Complex:
    """Voltages (n_f, P) of all ports for 1 V and 0 V at the first two, the others open."""
    V = np.zeros((omega.size, blocks.n_ports), dtype=complex)
    V[:, 0] = 1.0
    if blocks.n_ports > 2:
        Y = _complete(_currents(blocks, omega, x), _driven(blocks.n_ports))
        V[:, 2:] = np.linalg.solve(Y[:, 2:, 2:], -Y[:, 2:, :1])[:, :, 0]
    return V


def _close_open_ports(Y: Complex, planes: Complex, n_terminals: int) -> tuple[Complex, Complex]:
    """Eliminate the ports that carry no name and no current (reversible links)."""
    if Y.shape[1] == n_terminals:
        return Y, planes
    t = n_terminals
    gain = -np.linalg.solve(Y[:, t:, t:], Y[:, t:, :t])
    reduced = Y[:, :t, :t] + Y[:, :t, t:] @ gain
    if planes.shape[1]:
        planes = planes[:, :, :t] + planes[:, :, t:] @ gain
    return reduced, planes[:, :, :t]


def _inverse(Y: Complex) -> Complex:
    """Inverse over the last two axes; inf where a 1 x 1 admittance is zero."""
    if Y.shape[1] == 1:
        out = np.full(Y.shape, np.inf + 0j)
        np.divide(1.0, Y, out=out, where=Y != 0)
        return out
    return np.asarray(np.linalg.inv(Y))


def frequency_grid(start: float, stop: float, points_per_decade: int) -> Array:
    """Logarithmic frequencies from `start` to `stop` [Hz], both included."""
    n = int(np.ceil(abs(np.log10(stop / start)) * points_per_decade)) + 1
    return np.asarray(np.logspace(np.log10(start), np.log10(stop), max(n, 2)))
