"""The circuit that a linearised discretisation is: resistors, capacitors, constant phase elements, controlled sources.

A circuit node is a potential of the discretisation: the electrochemical potential Phi_k of one carrier at one balance
node, the electrostatic potential phi there, or a terminal; of lithium in a particle it is the potential of the ion,
Phi_p = Phi_lithium + Phi_eon (`numbering`). An element joins two of them and knows where it comes from:
its rail, its place, its layer and the process it belongs to. Elements that come from one law are kept together as
arrays, an `Elements` each, so that a 2D netlist of 10^5 elements is handled at the speed of NumPy.

`extract.netlist_of` makes a netlist from an operating point, `nodal` solves it, `spice` and `exchange` write it down,
`attribution` asks which element owns which part of Z.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from miecsim.errors import InputError
from miecsim.physics.elements import Admittance, Lumped
from miecsim.typing import Array, Bools, Complex, Ints

# R resistor, C capacitor, CPE constant phase element, Z series-parallel or user's element, G controlled current source.
Kind = Literal["R", "C", "CPE", "Z", "G"]
KINDS: tuple[Kind, ...] = ("R", "C", "CPE", "Z", "G")
NOWHERE = -1  # the far end of a one-sided source: its current is a constraint on one node, and leaves no other


@dataclass(frozen=True)
class Place:
    """Where elements lie: the positions x [m] along the cell of the two control volumes that they join, and the layer
    of each. Both are the same for an element inside a control volume.

    `share` is the part of each element that belongs to its left: of a face's resistance, that of the left half cell.
    """

    x_left: Array  # (n,)
    x_right: Array  # (n,)
    left: Ints  # (n,) layer index
    right: Ints  # (n,)
    share: Array  # (n,)

    def select(self, keep: Bools | Ints) -> Place:
        return Place(self.x_left[keep], self.x_right[keep], self.left[keep], self.right[keep], self.share[keep])


@dataclass(frozen=True)
class Elements:
    """n elements of one kind from one law. The current from `plus` to `minus` at voltages v is, by kind,

    R: value (v_plus - v_minus), value = 1/R [S];   C: i w value (v_plus - v_minus), value [F];
    CPE: value (i w)^alpha (v_plus - v_minus), value [F s^(alpha-1)];   Z: value y(w) (v_plus - v_minus), value [m2] and
    y of `law` [S/m2];   G: value (v_control_plus - v_control_minus), value [S].

    Per unit area (a system without an area) every value is per m2. A `mutual` G is one half of a pair that is equal
    under exchange of the two rails: Onsager's cross conductivity, which no two-pole resistor with R > 0 can be.
    """

    kind: Kind
    process: str
    rail: str
    plus: Ints
    minus: Ints
    value: Array
    place: Place
    alpha: float = 1.0
    law: Lumped | Admittance | None = None
    control_plus: Ints = field(default_factory=lambda: np.empty(0, dtype=int))
    control_minus: Ints = field(default_factory=lambda: np.empty(0, dtype=int))
    mutual: bool = False

    @property
    def n(self) -> int:
        return int(self.value.size)

    def admittance(self, omega: Array) -> Complex:
        """Admittance (or transconductance) of each element, (n_f, n) [S], at omega [rad/s]."""
        return np.asarray(self.factor(omega)[:, None] * self.value)

    def factor(self, omega: Array) -> Complex:
        """What `value` is multiplied by at omega, (n_f,): 1, i w, (i w)^alpha or y(w)."""
        w = np.asarray(omega, dtype=float)
        if self.kind == "C":
            return 1j * w
        if self.kind == "CPE":
            return np.asarray((1j * w) ** self.alpha)
        if self.kind == "Z":
            assert self.law is not None  # held by extract and exchange
            return law_admittance(self.law, w)
        return np.ones(w.size, dtype=complex)

    def select(self, keep: Bools | Ints) -> Elements:
        """The elements of a mask or of indices."""
        source = self.kind == "G"
        return replace(
            self,
            plus=self.plus[keep],
            minus=self.minus[keep],
            value=self.value[keep],
            place=self.place.select(keep),
            control_plus=self.control_plus[keep] if source else self.control_plus,
            control_minus=self.control_minus[keep] if source else self.control_minus,
        )


def law_admittance(law: Lumped | Admittance, omega: Array) -> Complex:
    """y(w) [S/m2] of a linear law, (n_f,)."""
    g, c = (float(np.imag(part(np.array([1e-30j]))[0]) / 1e-30) for part in (law.current, law.charge))
    excess = 0.0 if law.excess is None else law.excess(omega)
    return np.asarray(g + 1j * omega * c + excess, dtype=complex)


@dataclass(frozen=True)
class Netlist:
    """Circuit nodes and elements. Terminals come first among the nodes, then ties (rail ends that a reversible link
    joins), then potentials of the grid."""

    terminals: tuple[str, ...]
    rails: tuple[str, ...]  # names of the potentials, the electrostatic one last where there is one
    regions: tuple[str, ...]  # names of the layers
    node_rail: Ints  # (n_nodes,) index into `rails`, -1 for terminals and ties
    node_place: Ints  # (n_nodes,) balance node of the grid; number of the port for terminals and ties
    node_x: Array  # (n_nodes,) [m], nan for terminals and ties
    elements: tuple[Elements, ...]
    unit: str  # of Z: 'ohm', or 'ohm m^2' for a system of unit area
    extent: tuple[float, float]  # where the cell begins and ends [m]
    spectators: int = 0  # potentials left out because no current depends on them

    @property
    def n_nodes(self) -> int:
        return int(self.node_rail.size)

    def name(self, node: int) -> str:
        """Readable name of a circuit node: a terminal's own, 'tie_2', or 'ion_17'."""
        if node == NOWHERE:
            return "0"
        if node < len(self.terminals):
            return self.terminals[node]
        rail, place = int(self.node_rail[node]), int(self.node_place[node])
        return f"tie_{place}" if rail < 0 else f"{self.rails[rail]}_{place}"

    def terminal(self, name: str) -> int:
        """Circuit node of a terminal. InputError for an unknown name."""
        if name not in self.terminals:
            raise InputError(f"terminal: read {name!r}; expected one of {', '.join(self.terminals)}")
        return self.terminals.index(name)

    def count(self, kind: Kind) -> int:
        """Number of elements of a kind; halves of Onsager pairs are not counted among the controlled sources."""
        return sum(group.n for group in self.elements if group.kind == kind and not group.mutual)

    @property
    def controlled_sources(self) -> int:
        """Controlled sources other than Onsager pairs: none at equilibrium."""
        return self.count("G")

    @property
    def reciprocal(self) -> bool:
        """Whether exchanging any two terminals' roles leaves the circuit's response as it was."""
        return self.controlled_sources == 0

    def negative(self) -> list[tuple[Elements, int]]:
        """Elements other than sources whose value is not positive, as (group, index): a negative capacitance marks a
        spinodal, as does that of a particle with the diffusion resistances of Fick's law beside it; any other negative
        resistance is an error."""
        return [
            (group, int(i)) for group in self.elements if group.kind != "G" for i in np.flatnonzero(group.value <= 0)
        ]

    def processes(self) -> tuple[str, ...]:
        """Names of the processes, in the order of the elements."""
        return tuple(dict.fromkeys(group.process for group in self.elements))
