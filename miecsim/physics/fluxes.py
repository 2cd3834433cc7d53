"""Transport laws: current densities between two neighbouring states. A flux is exactly zero where every Phi is flat.

Each law names the rows it feeds and the fields it reads; `current(left, right)` returns (n_rows, n_faces) from left to
right, or (n_rows, n_states, n_faces) for a stack of states. Distances to the face enter only through the conductance
per area that the law was given. `share` (n_rows, n_faces) is the part of each face's resistance that lies on its left:
bookkeeping for who owns a drop, not physics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from miecsim.constants import FARADAY
from miecsim.physics.state import LinearIn, State
from miecsim.typing import Array, Ints, Values


def half_share() -> Array:
    """The share of a law that was given none."""
    return np.full((1, 1), 0.5)


@dataclass(frozen=True)
class Ohmic:
    """i_a = sum_b g_ab (Phi_b,left - Phi_b,right)  [A/m2]; g (n_faces, K, K) [S/m2] symmetric, zero where a carrier is
    absent.

    g is the inverse of the area resistance of the two half cells in series, d_l rho_l + d_r rho_r with rho = sigma^-1;
    off-diagonal entries are the Onsager cross conductivity (Wagner; see Lee and Yoo 2000 for its measurement).
    """

    rows: tuple[int, ...]
    g: Array
    process: str = "transport"
    linear_in: ClassVar[LinearIn] = "Phi"
    share: Array = field(default_factory=half_share)

    @property
    def columns(self) -> tuple[int, ...]:
        return self.rows

    def current(self, left: State, right: State) -> Values:
        drop = left.Phi[list(self.rows)] - right.Phi[list(self.rows)]
        return np.asarray(np.einsum("fab,b...f->a...f", self.g, drop))


def series_conductance(sigma_left: Array, sigma_right: Array, d_left: Array, d_right: Array) -> Array:
    """Conductance per area [S/m2] of two half cells in series, (n, K, K) from conductivity matrices (n, K, K) [S/m].

    A carrier with zero conductivity on either side of the face does not cross it, and carries no current in the half
    cell where it lives: the resistance seen by the others is then that of the other carriers at zero current of this
    one.
    """
    n, k_n = sigma_left.shape[:2]
    g = np.zeros((n, k_n, k_n))
    diagonal = np.arange(k_n)
    blocked_l = (sigma_left[:, diagonal, diagonal] == 0) & (d_left > 0)[:, None]
    blocked_r = (sigma_right[:, diagonal, diagonal] == 0) & (d_right > 0)[:, None]
    crosses = ~(blocked_l | blocked_r)
    for pattern in np.unique(crosses, axis=0):
        keep = np.flatnonzero(pattern)
        at = np.flatnonzero((crosses == pattern).all(axis=1))
        if keep.size == 0 or at.size == 0:
            continue
        rho = _half_cell(sigma_left[at], d_left[at], keep) + _half_cell(sigma_right[at], d_right[at], keep)
        g[np.ix_(at, keep, keep)] = np.linalg.inv(rho) if keep.size > 1 else 1.0 / rho
    return g


def left_share(left: Array, right: Array) -> Array:
    """left / (left + right), the part of a face's resistance (or inverse capacitance) on its left; half where neither
    resists."""
    total = left + right
    return np.asarray(np.divide(left, total, out=np.full(total.shape, 0.5), where=total > 0))


def _half_cell(sigma: Array, d: Array, keep: Ints) -> Array:
    """d * (sigma^-1) restricted to the carriers that cross, (n, k, k) [ohm m2]."""
    out = np.zeros((sigma.shape[0], keep.size, keep.size))
    present = sigma[:, np.arange(sigma.shape[1]), np.arange(sigma.shape[1])] > 0
    for pattern in np.unique(present, axis=0):
        lives = np.flatnonzero(pattern)
        at = np.flatnonzero((present == pattern).all(axis=1) & (d > 0))
        if lives.size == 0 or at.size == 0:
            continue
        rho = np.linalg.inv(sigma[np.ix_(at, lives, lives)])
        place = np.searchsorted(lives, keep)
        out[at] = rho[np.ix_(np.arange(at.size), place, place)]
    return out * d[:, None, None]


@dataclass(frozen=True)
class Drift:
    """Nernst-Planck flux of one stored carrier, i = -z F (D/d) c^ (eta_right - eta_left)  [A/m2].

    eta = z F Phi / (R T) = ln a + z psi. With x = Delta eta - Delta ln c, the Sedan face concentration

        c^ = exp{[ln c_l + ln c_r + |Delta eta| - |x|] / 2} G(|x|) / G(|Delta eta|),   G(t) = t / (1 - e^-t)

    makes this the exponentially fitted flux (Scharfetter and Gummel 1969) generalised by the excess chemical potential
    (Sedan; see Cances et al. 2021, 10.1007/s00211-021-01187-1 for the family), written so that a flat eta gives zero
    to the last bit.
    """

    carrier: int
    charge: int
    conductance: Array  # (n_faces,) D/d of the two half cells in series [m/s]
    thermal_voltage: float
    columns: tuple[int, ...]
    process: str = "transport"
    linear_in: ClassVar[LinearIn] = ""
    share: Array = field(default_factory=half_share)

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.carrier,)

    def current(self, left: State, right: State) -> Values:
        k, z = self.carrier, self.charge
        dpsi = (right.phi - left.phi) / self.thermal_voltage
        a_l, a_r, g_l, g_r = left.ln_a[k], right.ln_a[k], left.ln_gamma[k], right.ln_gamma[k]
        drift = z * dpsi
        d_eta = a_r - a_l + drift
        size, shift = _modulus(d_eta), _modulus(g_r - g_l + drift)
        ln_face = 0.5 * ((a_l - g_l) + (a_r - g_r) + size - shift)  # a - g is ln c
        face = np.exp(ln_face) * bernoulli(shift) / bernoulli(size)
        return np.asarray(-z * FARADAY * self.conductance * face * d_eta)[None]


@dataclass(frozen=True)
class Displacement:
    """D = (eps/d) (phi_left - phi_right)  [C/m2], the flux of Poisson's equation div D = rho."""

    row: int
    permittivity: Array  # (n_faces,) eps/d of the two half cells in series [F/m2]
    process: str = "displacement"
    linear_in: ClassVar[LinearIn] = "c"
    share: Array = field(default_factory=half_share)

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.row,)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.row,)

    def current(self, left: State, right: State) -> Values:
        return np.asarray(self.permittivity * (left.phi - right.phi))[None]


def _modulus(x: Values) -> Values:
    """|x| by the sign of the real part: analytic on either side of zero, as the complex step needs."""
    return np.where(x.real < 0, -x, x)


def bernoulli(t: Values) -> Values:
    """G(t) = t / (1 - exp(-t)) for Re t >= 0, by its series near zero (relative error below 1e-16)."""
    if not np.iscomplexobj(t):
        away = np.where(t == 0, 1.0, t)
        return np.where(t == 0, 1.0, away / -np.expm1(-away))
    small = np.abs(t.real) < 0.3
    if small.all():
        return _bernoulli_series(t)
    series = _bernoulli_series(np.where(small, t, 0.0)) if small.any() else 1.0
    safe = np.where(small, 1.0, t)
    return np.asarray(np.where(small, series, safe / (1 - np.exp(-safe))))


def _bernoulli_series(s: Values) -> Values:
    s2 = s * s
    return np.asarray(1 + s / 2 + s2 / 12 * (1 - s2 / 60 * (1 - s2 / 42 * (1 - s2 / 40 * (1 - 5 * s2 / 198)))))
