"""Insertion hosts: what lithium (any inserted neutral species) costs in a solid, and how it moves there.

Its potential counts in volts, Phi = mu/F = -U(x), x = c/c_max, with U the open-circuit potential against the metal: an
insertion reaction Li+ + e- = Li is at rest where Phi_ion - Phi_eon = Phi. U may be any function, falling or not: where
dU/dx > 0 the host would rather separate into two phases, and the capacity -F c_max dx/dU of the circuit is negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import ClassVar

import numpy as np

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.physics.curves import Property, curve, slope_of
from miecsim.physics.fluxes import half_share
from miecsim.physics.state import LinearIn, State
from miecsim.typing import Array, Bools, Ints, Values


@dataclass(frozen=True)
class Host:
    """A host material: c_max [mol/m3]; U(x) [V]; diffusivity [m2/s], a number or a function of x.

    The diffusivity is the chemical one (Fick's law, as a GITT experiment reads it); with `self_diffusion` it is that of
    a single ion, D_chem = -D x (1 - x) (F/RT) dU/dx, and the flux follows the potential. sigma_eon [S/m], a number or a
    function of x: electrons then have a rail of their own, and the host is a mixed conductor with
    sigma_ion = F c (1 - x) D/V_T (needs `self_diffusion`); None: they are everywhere at once.
    """

    name: str
    c_max: float
    U: Property
    diffusivity: Property
    self_diffusion: bool = False
    sigma_eon: Property | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.c_max) and self.c_max > 0):
            raise InputError(f"host {self.name}: c_max is {self.c_max!r}; expected a positive concentration")
        if self.sigma_eon is not None and not self.self_diffusion:
            raise InputError(f"host {self.name}: a mixed conductor needs the diffusivity of its ions (self_diffusion)")

    def potential(self, x: Values) -> Values:
        """U [V] at x."""
        return curve(self.U)(x)

    def slope(self, x: float) -> float:
        """dU/dx [V] at x."""
        return float(slope_of(curve(self.U), np.array([x]))[0])

    def capacity_density(self, x: float) -> float:
        """-F c_max dx/dU  [F/m3 of host], the chemical capacitance against the metal; negative between spinodals."""
        slope = self.slope(x)
        return -FARADAY * self.c_max / slope if slope != 0 else inf

    def chemical_diffusivity(self, x: float, thermal_voltage: float) -> float:
        """D_chem [m2/s] at x."""
        D = float(np.real(curve(self.diffusivity)(np.array([x]))[0]))
        return -D * x * (1 - x) * self.slope(x) / thermal_voltage if self.self_diffusion else D

    def stoichiometry(self, potential: float, low: float = 1e-6, high: float = 1 - 1e-6) -> float:
        """x in [low, high] with U(x) = `potential` [V]. InputError where U does not pass it, or passes it more than
        once."""
        from scipy.optimize import brentq

        x = np.linspace(low, high, 2001)
        above = np.real(self.potential(x)) - potential
        crossings = np.flatnonzero(np.diff(above >= 0))  # a value of just zero is one crossing
        if crossings.size != 1:
            found = f"{crossings.size} times" if crossings.size else "nowhere"
            span = f"{above.min() + potential:.4g} to {above.max() + potential:.4g} V"
            raise InputError(
                f"host {self.name}: its open-circuit potential ({span}) passes {potential:.6g} V {found}; give the "
                "stoichiometry"
            )
        i = int(crossings[0])
        return float(brentq(lambda at: float(np.real(self.potential(np.array([at]))[0])) - potential, x[i], x[i + 1]))


@dataclass(frozen=True)
class InHost:
    """The potential of the inserted species at every node: Phi = -U(c/c_max) of the host that is there (N nodes)."""

    hosts: tuple[tuple[Bools, Host], ...]  # (mask (N,), host)
    c_max: Array  # (N,), inf where there is no host

    @property
    def site_density(self) -> Array:
        return self.c_max

    def potential(self, c: Values, Phi: Values, nodes: Ints) -> Values:
        out = np.zeros(c.shape, dtype=c.dtype)
        for mask, host in self.hosts:
            at = np.flatnonzero(mask[nodes])
            out[at] = -host.potential(c[at] / host.c_max)
        return out


@dataclass(frozen=True)
class HostDiffusion:
    """i = F D (c_left - c_right)/d  [A/m2] between two shells, D at their mean composition; or, of ions that follow
    their potential, i = (F/V_T) D m (Phi_left - Phi_right)/d with the mean m of c (1 - c/c_max)."""

    row: int
    host: Host
    conductance: Array  # (n_faces,) 1/d [1/m]
    thermal_voltage: float
    process: str = "particle diffusion"
    share: Array = field(default_factory=half_share)

    @property
    def linear_in(self) -> LinearIn:
        """Fick's law with a constant diffusivity is linear."""
        return "" if callable(self.host.diffusivity) or self.host.self_diffusion else "c"

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.row,)

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.row,)

    def current(self, left: State, right: State) -> Values:
        a, b, c_max = left.c[self.row], right.c[self.row], self.host.c_max
        D = curve(self.host.diffusivity)(0.5 * (a + b) / c_max)
        if not self.host.self_diffusion:
            return np.asarray(FARADAY * self.conductance * D * (a - b))[None]
        mobile = 0.5 * (a * (1 - a / c_max) + b * (1 - b / c_max)) / self.thermal_voltage
        return np.asarray(FARADAY * self.conductance * D * mobile * (left.Phi[self.row] - right.Phi[self.row]))[None]


@dataclass(frozen=True)
class MixedDiffusion:
    """Ions and electrons [A/m2] between two shells of a mixed conductor, each along its own potential:

    i_ion = sigma_ion (Phi_p,left - Phi_p,right)/d,  i_eon = sigma_eon (Phi_eon,left - Phi_eon,right)/d,

    Phi_p = Phi_lithium + Phi_eon the ion's potential in the host, sigma_ion the mean of F c (1 - x) D/V_T.
    """

    row: int
    electron: int
    host: Host
    conductance: Array  # (n_faces,) 1/d [1/m]
    thermal_voltage: float
    process: str = "particle diffusion"
    linear_in: ClassVar[LinearIn] = ""
    share: Array = field(default_factory=half_share)

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.row, self.electron)

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(sorted(self.rows))

    def current(self, left: State, right: State) -> Values:
        a, b, c_max = left.c[self.row], right.c[self.row], self.host.c_max
        x = 0.5 * (a + b) / c_max
        mobile = 0.5 * (a * (1 - a / c_max) + b * (1 - b / c_max)) / self.thermal_voltage
        drop = left.Phi[self.electron] - right.Phi[self.electron]
        along = left.Phi[self.row] - right.Phi[self.row] + drop
        ions = FARADAY * curve(self.host.diffusivity)(x) * mobile * along
        assert self.host.sigma_eon is not None
        electrons = curve(self.host.sigma_eon)(x) * drop
        return np.asarray(self.conductance * np.stack([ions, electrons]))
