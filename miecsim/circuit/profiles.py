"""Inside a two-rail line: currents and potentials at any depth, what a micro-reference electrode sees.

With z_s = z1 + z2, lambda = sqrt(z_f/z_s), x = L/lambda, Z_c = sqrt(z_s z_f), t1 = z2/z_s, t2 = z1/z_s and the total
current I = i_1 + i_2, u = Phi_1 - Phi_2 and j = i_1 - t1 I obey u' = -z_s j, j' = -u/z_f, and Phi* = t1 Phi_1 + t2
Phi_2 falls by (z_p + z12) I per length:

    u(y) = [u_0 sinh((L-y)/lambda) + u_L sinh(y/lambda)]/sinh x,   Z_c j(y) = [u_0 cosh(..) - u_L cosh(..)]/sinh x
    j(y) = [j_0 sinh((L-y)/lambda) + j_L sinh(y/lambda)]/sinh x,   u(y)/Z_c = [j_0 cosh(..) - j_L cosh(..)]/sinh x

    Phi_1 = Phi* + t2 u,   Phi_2 = Phi* - t1 u,   i_1 = t1 I + j,   i_2 = t2 I - j.

At direct current with linear kinetics this is the current distribution of J. S. Newman, C. W. Tobias, J. Electrochem.
Soc. 109 (1962) 1183.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from miecsim.circuit.elements import Impedance, as_complex, branches_of, eliminate, reciprocal
from miecsim.circuit.tlm import Contact, Side, terminate
from miecsim.errors import InputError
from miecsim.typing import Array, Complex


@dataclass(frozen=True)
class LineProfile:
    """A line from the inside; every field but y has shape (n_f, n_y)."""

    y: Array  # m, from the left end (n_y,)
    i_1: Complex  # A, towards increasing y
    i_2: Complex
    Phi_1: Complex  # V
    Phi_2: Complex
    u: Complex  # V, Phi_1 - Phi_2, to its own accuracy however far the decay went


class _Rails(NamedTuple):
    """Broadcast to (n_f, 1)."""

    z_s: Complex
    t1: Complex
    t2: Complex
    slope: Complex  # z_p + z12, ohm/m
    x: Complex


@np.errstate(under="ignore")
def profile_from_potentials(
    y: Array,
    z1: Impedance,
    z2: Impedance,
    z_f: Impedance,
    length: float,
    left: Sequence[Impedance],
    right: Sequence[Impedance],
    z12: Impedance = 0.0,
) -> LineProfile:
    """Profile for given end potentials left = (Phi_1, Phi_2)(0) and right = (Phi_1, Phi_2)(L) [V].

    y [m] (n_y,) within [0, L]; z1, z2, z12 [ohm/m], z_f [ohm m], potentials scalar or (n_f,). z_f may be infinite.
    InputError for a depth outside the line, or rails that both have no resistance.
    """
    depth, rails = _depth(y, length), _rails(z1, z2, z_f, length, z12)
    if np.any(rails.slope == 0):
        raise InputError("line profile: a rail of zero resistance carries any current; give the currents")
    (p1, p2), (q1, q2) = ([_column(v) for v in side] for side in (left, right))
    u_0, u_L = p1 - p2, q1 - q2
    u = _share(length - depth, depth, rails.x) * u_0 + _share(depth, length - depth, rails.x) * u_L
    j = _difference(depth, rails.x, length, u_0, u_L) / (rails.z_s * length)
    star_0, star_L = rails.t1 * p1 + rails.t2 * p2, rails.t1 * q1 + rails.t2 * q2
    total = (rails.t1 * (p1 - q1) + rails.t2 * (p2 - q2)) / (rails.slope * length)
    return _assembled(depth, rails, u, j, total, star_0 * (1 - depth / length) + star_L * (depth / length))


@np.errstate(under="ignore")
def profile_from_currents(
    y: Array,
    z1: Impedance,
    z2: Impedance,
    z_f: Impedance,
    length: float,
    left: Sequence[Impedance],
    right_ion: Impedance,
    z12: Impedance = 0.0,
) -> LineProfile:
    """Profile for given end currents left = (i_1, i_2)(0) and i_1(L) = right_ion [A], all towards increasing y.

    i_2(L) follows from the charge that is conserved. Potentials count from Phi_2(0) = 0. Arguments as in
    `profile_from_potentials`; a rail may have no resistance. InputError for an infinite z_f, across which the currents
    say nothing of the potential.
    """
    depth, rails = _depth(y, length), _rails(z1, z2, z_f, length, z12)
    if not np.all(np.isfinite(as_complex(z_f))):
        raise InputError("line profile: z_f is infinite; give the potentials")
    i_1, i_2, i_end = (_column(v) for v in (*left, right_ion))
    total = i_1 + i_2
    j_0, j_L = rails.t2 * i_1 - rails.t1 * i_2, i_end - rails.t1 * total
    j = _share(length - depth, depth, rails.x) * j_0 + _share(depth, length - depth, rails.x) * j_L
    u = _difference(depth, rails.x, length, j_0, j_L) * (_column(z_f) / length)
    at_start = _difference(np.zeros(1), rails.x, length, j_0, j_L) * (_column(z_f) / length)
    return _assembled(depth, rails, u, j, total, rails.t1 * at_start - rails.slope * total * depth)


@np.errstate(under="ignore")
def rail_end_potentials(
    line: Complex,
    contacts: Sequence[Contact | tuple[int, int, Side, Impedance]],
    links: Sequence[tuple[Side, Impedance]] = (),
    common: Impedance = 0.0,
) -> Complex:
    """Potentials [V per A] (n_f, 4) of (rail 1, 0), (rail 2, 0), (rail 1, L), (rail 2, L), as a reference would read.

    One ampere enters at port 0 and leaves at port 1, which is at zero; other ports are open. Arguments as in
    `miecsim.circuit.tlm.terminate`. Given to `profile_from_potentials` they are the inside of a line of any
    termination. NaN where a rail end hangs on nothing.
    """
    listed = [Contact(*contact) for contact in contacts]
    first = 1 + max((contact.port for contact in listed), default=-1)
    ends: tuple[tuple[int, Side], ...] = ((0, "left"), (1, "left"), (0, "right"), (1, "right"))
    # what draws no current reads the same through any resistance
    probes = [Contact(first + k, rail, side, 1.0) for k, (rail, side) in enumerate(ends)]
    ports = branches_of(terminate(line, [*listed, *probes], links, common))
    found = np.full((ports.shape[0], len(ends)), complex(np.nan), dtype=np.complex128)
    for k in range(len(ends)):
        others = [port for port in range(2, first + len(ends)) if port != first + k]
        three = eliminate(ports, others)
        direct, plus, minus = three[:, 0, 1], three[:, 0, 2], three[:, 1, 2]
        held = plus + minus != 0
        # V_0 = 1/(direct + plus minus/(plus + minus)), of which the probe sees plus/(plus + minus)
        spread = direct[held] * (plus + minus)[held] + (plus * minus)[held]
        found[held, k] = plus[held] / spread
    return found


def _column(value: Impedance) -> Complex:
    return as_complex(value)[:, None]


def _depth(y: Array, length: float) -> Array:
    depth = np.atleast_1d(np.asarray(y, dtype=np.float64))
    if not (np.all(depth >= 0) and np.all(depth <= length)):
        raise InputError(f"line profile: depths must lie within 0 and {length} m")
    return depth


def _rails(z1: Impedance, z2: Impedance, z_f: Impedance, length: float, z12: Impedance) -> _Rails:
    a, b = _column(z1), _column(z2)
    z_s = a + b
    if not z_s.all():
        raise InputError("line profile: both rails have zero resistance")
    x = np.sqrt(length * length * z_s * reciprocal(z_f)[:, None])
    return _Rails(z_s, b / z_s, a / z_s, a * b / z_s + _column(z12), x)


def _assembled(depth: Array, rails: _Rails, u: Complex, j: Complex, total: Complex, star: Complex) -> LineProfile:
    return LineProfile(
        depth, rails.t1 * total + j, rails.t2 * total - j, star + rails.t2 * u, star - rails.t1 * u, np.asarray(u)
    )


def _share(s: Array, rest: Array, x: Complex) -> Complex:
    """sinh(x s/L)/sinh x, L = s + rest: 1 at s = L, 0 at s = 0, s/L for x -> 0."""
    flat, length = x == 0, s + rest
    z = np.where(flat, 1, x)
    ratio = np.exp(-z * (rest / length)) * np.expm1(-2 * z * (s / length)) / np.expm1(-2 * z)
    return np.where(flat, s / length, ratio)


def _difference(depth: Array, x: Complex, length: float, start: Complex, end: Complex) -> Complex:
    """x [start cosh(x (L - y)/L) - end cosh(x y/L)]/sinh x; start - end for x -> 0.

    Short lines by mean and difference of the ends, x mean sinh c/cosh(x/2) + difference x cosh c/(2 sinh(x/2)) with
    c = x (1/2 - y/L), where the two terms above would cancel.
    """
    f, g, flat = depth / length, (length - depth) / length, x == 0
    near = np.abs(x) < 1
    z = np.where(near | flat, 1, x)
    decay = -np.expm1(-2 * z)
    far = start * np.exp(-z * f) * (1 + np.exp(-2 * z * g)) - end * np.exp(-z * g) * (1 + np.exp(-2 * z * f))
    far = z / decay * far
    low = np.where(near & ~flat, x, 0.5)
    c = low * (0.5 - f)
    short = low * (0.5 * (start + end)) * np.sinh(c) / np.cosh(low / 2)
    short = short + (start - end) * low * np.cosh(c) / (2 * np.sinh(low / 2))
    return np.where(flat, (start - end) * np.ones_like(f), np.where(near, short, far))
