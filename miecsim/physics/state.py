"""What the unknowns of a node mean: the state map u -> (c, ln c, Phi, phi).

Unknowns are what is conserved: the concentration of each carrier that is stored as a density, and phi; a rail without
a density of its own stores its potential Phi. With V_T = RT/F,

    ln a_k = ln(c_k / c_ref,k) + ln gamma_k(c_k),      Phi_k = phi + (V_T / z_k) ln a_k   [V]

is the electrochemical potential divided by z_k F. A carrier whose potential is not of this form brings a `Potential`.
Laws read the derived quantities, never the unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from miecsim.typing import Array, Ints, Values

ActivityLaw = Callable[[Values], Values]  # ln gamma(c), c in mol/m3; must accept complex input


# In what a law is linear: concentrations and phi, electrochemical potentials, or nothing.
LinearIn = Literal["c", "Phi", ""]


@dataclass(frozen=True)
class Carrier:
    """A charge carrier. `stored` says whether its concentration is the unknown (else its potential Phi is)."""

    name: str
    charge: int
    stored: bool


class State(Protocol):
    """The state at n nodes. Phi (K, n) [V]; phi (n,) [V] (zero where there is no such field); c (K, n) [mol/m3];
    ln_a (K, n) activity relative to the reference state; ln_gamma (K, n) ln a - ln c, which includes -ln c_ref."""

    @property
    def Phi(self) -> Values: ...
    @property
    def phi(self) -> Values: ...
    @property
    def c(self) -> Values: ...
    @property
    def ln_a(self) -> Values: ...
    @property
    def ln_gamma(self) -> Values: ...


@dataclass(frozen=True)
class Whole:
    """The state at all nodes that were asked for."""

    Phi: Values
    phi: Values
    c: Values
    ln_a: Values
    ln_gamma: Values

    def take(self, nodes: Ints | slice) -> Taken:
        """The state at some of the nodes."""
        return Taken(self, nodes)


class Taken:
    """The state at some nodes of a whole one; what no law reads is never gathered."""

    def __init__(self, whole: Whole, nodes: Ints | slice) -> None:
        self.whole, self.nodes = whole, nodes

    @cached_property
    def Phi(self) -> Values:
        return self.whole.Phi[:, self.nodes]

    @cached_property
    def phi(self) -> Values:
        return self.whole.phi[self.nodes]

    @cached_property
    def c(self) -> Values:
        return self.whole.c[:, self.nodes]

    @cached_property
    def ln_a(self) -> Values:
        return self.whole.ln_a[:, self.nodes]

    @cached_property
    def ln_gamma(self) -> Values:
        return self.whole.ln_gamma[:, self.nodes]


class Stacked:
    """Several states of the same nodes as one, with a new axis before that of the nodes."""

    def __init__(self, states: Sequence[State]) -> None:
        self.states = states

    @cached_property
    def Phi(self) -> Values:
        return np.stack([s.Phi for s in self.states], axis=1)

    @cached_property
    def phi(self) -> Values:
        return np.stack([s.phi for s in self.states])

    @cached_property
    def c(self) -> Values:
        return np.stack([s.c for s in self.states], axis=1)

    @cached_property
    def ln_a(self) -> Values:
        return np.stack([s.ln_a for s in self.states], axis=1)

    @cached_property
    def ln_gamma(self) -> Values:
        return np.stack([s.ln_gamma for s in self.states], axis=1)


@dataclass(frozen=True)
class Activity:
    """ln gamma = -ln(1 - c/c_max) + (W - 1) ln(c/c_ref) + law(c): lattice gas, constant factor W, or any function.

    site_density (N,) [mol/m3], inf where the statistics are dilute; factor (N,), 1 where ideal; laws: (mask (N,),
    function).
    """

    site_density: Array
    factor: Array
    laws: tuple[tuple[Array, ActivityLaw], ...] = ()

    @cached_property
    def ideal(self) -> bool:
        """Whether gamma is 1 everywhere."""
        return bool(np.all(np.isinf(self.site_density)) and np.all(self.factor == 1) and not self.laws)

    def ln_gamma(self, c: Values, c_ref: Array, nodes: Ints) -> Values:
        """ln gamma(c) - ln gamma(c_ref): the reference state has Phi = phi whatever its statistics."""
        if self.ideal:
            return np.zeros(c.shape)
        free = self.site_density[nodes]
        out = -np.log((1 - c / free) / (1 - c_ref / free)) + (self.factor[nodes] - 1) * np.log(c / c_ref)
        for mask, law in self.laws:
            out = out + np.where(mask[nodes] > 0, law(c) - law(c_ref), 0.0)
        return out


class Potential(Protocol):
    """The potential of a stored carrier by another law: that of a host material, or of a salt."""

    @property
    def site_density(self) -> Array:
        """(N,) [mol/m3] most that can be stored, inf where there is no limit."""

    def potential(self, c: Values, Phi: Values, nodes: Ints) -> Values:
        """Phi [V] (n,) at `nodes` from its concentration c (n,) and the potentials (K, n) of the carriers before it."""


@dataclass(frozen=True)
class StateMap:
    """Maps unknowns u (m, n) at given nodes to a State. Field order: carriers, then phi where `has_phi`."""

    carriers: tuple[Carrier, ...]
    has_phi: bool
    thermal_voltage: float
    reference: Array  # (K, N) c_ref of stored carriers [mol/m3]
    activity: tuple[Activity | Potential | None, ...]

    @property
    def n_fields(self) -> int:
        return len(self.carriers) + int(self.has_phi)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.carriers) + (("potential",) if self.has_phi else ())

    def row(self, name: str) -> int:
        """Index of the field `name`; the electrostatic potential is called 'potential'."""
        return self.names.index(name)

    def at(self, u: Values, nodes: Ints) -> Whole:
        """State at `nodes` from their unknowns u (m, n)."""
        k_n, n = len(self.carriers), u.shape[1]
        phi = u[k_n] if self.has_phi else np.zeros(n, dtype=u.dtype)
        Phi, c, ln_a, ln_gamma = (np.zeros((k_n, n), dtype=u.dtype) for _ in range(4))
        for k, carrier in enumerate(self.carriers):
            activity = self.activity[k]
            if not carrier.stored or activity is None:
                Phi[k] = u[k]
                continue
            if not isinstance(activity, Activity):
                c[k], Phi[k] = u[k], activity.potential(u[k], Phi, nodes)
                continue
            c_ref = self.reference[k, nodes]
            excess = activity.ln_gamma(u[k], c_ref, nodes)
            c[k] = u[k]
            ln_gamma[k] = excess - np.log(c_ref)
            ln_a[k] = np.log(u[k] / c_ref) + excess
            Phi[k] = phi + self.thermal_voltage / carrier.charge * ln_a[k]
        return Whole(Phi, phi, c, ln_a, ln_gamma)
