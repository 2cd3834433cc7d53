"""The small-signal equations of a discretisation, kept as local blocks and never summed.

Node i (a control volume, or a face of zero volume) carries m unknowns u_i; face f joins a left and a right node.
With excitation V_p of port p the balance of row r at node i is, at angular frequency w,

    sum_f (+/-) [K_left,f(w) u_left - K_right,f(w) u_right]_r + [S_i(w) u_i]_r
        = sum over contacts  y(w) (V_p - t . u_i)

with S = S_g + i w S_c + sum_k Y_k(w) S_k, and K likewise (only junctions have a K that depends on w). Rows of charge
carriers are currents [A]; the row of phi is a charge [C] (Poisson) or a constraint. A *strong* contact replaces its
row by t . u_i = V_p, and its current is what the replaced balance then leaves over.

Keeping the face and node parts apart is what lets a solver eliminate without ever subtracting conductances: the
assembled diagonal has already lost the leak that a blocked carrier sees at 1e-9 Hz.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from miecsim.typing import Array, Bools, Complex, Ints

# Complex admittance [S] (or per area, [S/m2]) of an element that is neither R nor C, at angular frequencies [rad/s].
AdmittanceLaw = Callable[[Array], Complex]


@dataclass(frozen=True)
class NodeExtra:
    """A frequency-dependent node element: S_i += law(w) * matrix, on a subset of nodes."""

    law: AdmittanceLaw
    nodes: Ints  # (n,)
    matrix: Array  # (n, m, m)


@dataclass(frozen=True)
class JunctionBlocks:
    """Frequency-dependent part of some faces: K += i w c + law(w) * e (law is None where there is none)."""

    faces: Ints  # (n,)
    left_c: Array  # (n, m, m)
    right_c: Array  # (n, m, m)
    law: AdmittanceLaw | None
    left_e: Array  # (n, m, m)
    right_e: Array  # (n, m, m)


@dataclass(frozen=True)
class PortContact:
    """A linearised contact of one field with one port on n nodes: current V-driven, I = y(w) (V - t . u) summed.

    y = conductance + i w capacitance + law(w) * weight per node [S]; `strong` means y is infinite. On a charge row
    (phi) `capacitance` acts without i w in the balance, and the port current is i w times the charge.
    """

    port: int
    row: int
    nodes: Ints  # (n,)
    t: Array  # (n, m): potential of the field as a function of the node's unknowns
    strong: bool
    charge_row: bool
    conductance: Array  # (n,)
    capacitance: Array  # (n,)
    weight: Array  # (n,)
    law: AdmittanceLaw | None

    def admittance(self, omega: Array) -> Complex:
        """y(w) of each node as it enters the balance row, shape (n_frequencies, n)."""
        per_charge = np.ones(omega.size) if self.charge_row else 1j * omega
        y = self.conductance + per_charge[:, None] * self.capacitance
        if self.law is not None:
            y = y + self.law(omega)[:, None] * self.weight
        return np.asarray(y, dtype=complex)


@dataclass(frozen=True)
class Blocks:
    """Everything a small-signal solver needs; see the module docstring. N nodes, F faces, m unknowns, P ports."""

    left: Ints  # (F,) node on the left of each face
    right: Ints  # (F,)
    K_left: Array  # (F, m, m), area included
    K_right: Array  # (F, m, m)
    S_g: Array  # (N, m, m), volume included
    S_c: Array  # (N, m, m)
    active: Bools  # (N, m): False where a field does not live; its row is then u = 0
    n_ports: int
    contacts: tuple[PortContact, ...]
    extras: tuple[NodeExtra, ...] = ()
    junctions: tuple[JunctionBlocks, ...] = ()
    # A chain: node i is joined to i+1 by face i, so that block-tridiagonal elimination applies.
    chain: bool = False
    # (N, m, m): d(Phi)/du, the change to the circuit's potentials
    potential: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    has_phi: bool = False  # whether the last field is the electrostatic potential

    @property
    def n_nodes(self) -> int:
        return int(self.S_g.shape[0])

    @property
    def n_fields(self) -> int:
        return int(self.S_g.shape[1])

    def regular_potential(self) -> Array:
        """`potential` with ones where a field is absent: invertible, and the columns of its inverse are du/dPhi."""
        return regular(self.potential, self.active)


def regular(potential: Array, active: Bools) -> Array:
    """d(Phi)/du (N, m, m) with ones where a field is absent, or its potential does not change with its content (a
    plateau): invertible."""
    out = potential.copy()
    diagonal = np.arange(out.shape[1])
    node, k = np.nonzero(out[:, diagonal, diagonal] == 0)
    out[node, k, k] = 1.0
    node, k = np.nonzero(~active)
    out[node, k, :] = 0.0
    out[node, k, k] = 1.0
    return np.asarray(out)
