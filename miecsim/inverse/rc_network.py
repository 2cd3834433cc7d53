"""A circuit of resistors and capacitors only, in the form whose poles can be found: constant phase elements as their
ladders, and every element a voltage with a positive weight.

What has no such form is refused: controlled sources (a steady current flows: poles may then be complex), negative
capacitors (beyond a spinodal) and a user's admittance law.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.circuit.netlist import Elements, Kind, Netlist
from miecsim.errors import InputError
from miecsim.physics.elements import Lumped
from miecsim.physics.ladder import Ladder, cpe_ladder
from miecsim.solvers.nodal_form import NONE, NodalForm, Part
from miecsim.typing import Array, Bools, Ints

Rows = tuple[Ints, Array, Array]  # nodes (n, k), what each counts in the voltage (n, k), and weight (n,)

EQUAL = 1e-10  # of a pair of conductances: what counts as rounding
CPE_LOSS = "constant phase element"  # process of the resistors that its ladder consists of
# What stores beside a process that conducts, where one element of the circuit holds both.
STORES = {"charge transfer": "interface capacitance"}


@dataclass
class _Growing:
    """Elements so far and the number of nodes; ladders by exponent."""

    n_nodes: int
    ladders: dict[float, Ladder]
    band: tuple[float, float]
    tolerance: float
    groups: list[Elements]

    def ladder(self, alpha: float) -> Ladder:
        if alpha not in self.ladders:
            self.ladders[alpha] = cpe_ladder(alpha, *self.band, self.tolerance)
        return self.ladders[alpha]

    def nodes(self, count: int) -> Ints:
        """Numbers of `count` new nodes."""
        self.n_nodes += count
        return np.arange(self.n_nodes - count, self.n_nodes)

    def add(self, like: Elements, kind: Kind, process: str, ends: tuple[Ints, Ints], value: Array) -> None:
        plus, minus = ends
        self.groups.append(
            replace(like, kind=kind, process=process, plus=plus, minus=minus, value=value, alpha=1.0, law=None)
        )

    def add_cpe(self, like: Elements, process: str, ends: tuple[Ints, Ints], Q: Array, alpha: float) -> None:
        """The branches of Q (i w)^alpha, each a resistor with a capacitor behind it."""
        ladder = self.ladder(alpha)
        for r, c in zip(ladder.resistance, ladder.capacitance, strict=True):
            near = ends[0]
            if r > 0:
                near = self.nodes(like.n)
                self.add(like, "R", CPE_LOSS, (ends[0], near), Q / r)
            self.add(like, "C", process, (near, ends[1]), Q * c)

    def add_series(self, group: Elements) -> None:
        """Rs in series with R, C and a constant phase element in parallel."""
        law = group.law
        if not isinstance(law, Lumped):
            raise InputError(
                f"poles: {group.process} of rail {group.rail} is a user's admittance law, which has none; "
                "replace it by R, C and constant phase elements"
            )
        inner = self.nodes(group.n)
        ends, stores = (inner, group.minus), STORES.get(group.process, group.process)
        self.add(group, "R", group.process, (group.plus, inner), group.value / law.Rs)
        if law.R is not None:
            self.add(group, "R", group.process, ends, group.value / law.R)
        if law.C is not None:
            self.add(group, "C", stores, ends, group.value * law.C)
        if law.Q is not None:
            self.add_cpe(group, stores, ends, group.value * law.Q, law.alpha)


def without_cpe(netlist: Netlist, f_min: float, f_max: float, tolerance: float = 1e-8) -> tuple[Netlist, float]:
    """The circuit with every constant phase element as a ladder of R and C, good to `tolerance` between f_min and f_max
    [Hz], and series elements taken apart; and the largest error of a ladder (0 where there is none).

    The elements keep their place and process, but for the resistors of a ladder (CPE_LOSS). New nodes are numbered
    after the others. Raises InputError for a user's admittance law and what `cpe_ladder` raises.
    """
    grown = _Growing(netlist.n_nodes, {}, (f_min, f_max), tolerance, [])
    for group in netlist.elements:
        if group.kind == "CPE":
            grown.add_cpe(group, group.process, (group.plus, group.minus), group.value, group.alpha)
        elif group.kind == "Z":
            grown.add_series(group)
        else:
            grown.groups.append(group)
    new = grown.n_nodes - netlist.n_nodes
    worst = max((ladder.error for ladder in grown.ladders.values()), default=0.0)
    if not new:
        return replace(netlist, elements=tuple(grown.groups)), worst
    found = replace(
        netlist,
        node_rail=np.concatenate([netlist.node_rail, np.full(new, -1)]),
        node_place=np.concatenate([netlist.node_place, np.arange(new)]),
        node_x=np.concatenate([netlist.node_x, np.full(new, np.nan)]),
        elements=tuple(grown.groups),
    )
    return found, worst


def rc_form(netlist: Netlist, plus: int, ground: int) -> NodalForm:
    """The circuit of R, C and mutual conductances as a `NodalForm` with one port, node `plus` against `ground`.

    place (n_nodes, 1): the unknown of every node of the circuit, n for the ground, NONE where neither terminal reaches.
    Raises InputError for any other element, a negative one, or terminals that no element joins.
    """
    _check_passive(netlist)
    capacitors = [_two_poles(group) for group in netlist.elements if group.kind == "C"]
    taken, resistors = _coupled(netlist)
    resistors += [_two_poles(g) for i, g in enumerate(netlist.elements) if g.kind == "R" and i not in taken]
    reached = _reached(netlist.n_nodes, [*resistors, *capacitors], ground)
    if not reached[plus]:
        raise InputError(
            f"poles: no element joins terminals {netlist.name(plus)} and {netlist.name(ground)}: Z is infinite"
        )
    reached[ground] = False
    n = int(reached.sum())
    number = np.full(netlist.n_nodes, NONE)
    number[reached] = np.arange(n)
    number[ground] = n
    node = np.arange(n)
    node[number[plus]] = NONE
    parts = _part(n, number, resistors), _part(n, number, capacitors)
    return NodalForm(n, number[:, None], np.array([number[plus]]), node, parts, ())


def _check_passive(netlist: Netlist) -> None:
    for group in netlist.elements:
        if group.kind == "G" and not group.mutual:
            raise InputError(
                f"poles: {group.process} of rail {group.rail} has controlled sources, as a steady current leaves them; "
                "expected an operating point at rest"
            )
        if group.kind in ("CPE", "Z"):
            raise InputError(f"poles: {group.process} of rail {group.rail} is no resistor or capacitor")
        if group.kind != "G" and np.any(group.value < 0):
            raise InputError(
                f"poles: {group.process} of rail {group.rail} has a negative {group.kind} (beyond a spinodal?), so its "
                "circuit does not relax"
            )


def _two_poles(group: Elements) -> Rows:
    return np.stack([group.plus, group.minus], axis=1), np.tile([1.0, -1.0], (group.n, 1)), group.value


def _coupled(netlist: Netlist) -> tuple[set[int], list[Rows]]:
    """Resistors of two rails and the mutual conductance between them as voltages that count apart,

        L11 v1^2 + 2 L12 v1 v2 + L22 v2^2 = L11 (v1 + L12/L11 v2)^2 + (L22 - L12^2/L11) v2^2,

    and the numbers of the resistors' groups that are in them.
    """
    groups, taken, rows = netlist.elements, set[int](), list[Rows]()
    done: set[int] = set()
    for i, half in enumerate(groups):
        if half.kind != "G" or i in done:
            continue
        j = next((j for j, other in enumerate(groups) if j not in done and j != i and _is_turned(half, other)), None)
        own = [_resistor_beside(groups, g) for g in ((half, groups[j]) if j is not None else ())]
        if j is None or None in own or taken & {k for k in own if k is not None}:
            raise InputError(f"poles: a mutual conductance of rail {half.rail} is not that of two rails and reciprocal")
        done |= {i, j}
        first, second = (k for k in own if k is not None)
        taken |= {first, second}
        rows += _squares(groups[first], groups[second], half.value)
    return taken, rows


def _is_turned(half: Elements, other: Elements) -> bool:
    """Whether two mutual sources are one the other's reverse."""
    ends = ("plus", "control_plus"), ("minus", "control_minus"), ("control_plus", "plus"), ("control_minus", "minus")
    alike = other.kind == "G" and all(np.array_equal(getattr(half, a), getattr(other, b)) for a, b in ends)
    return alike and bool(np.all(np.abs(half.value - other.value) <= EQUAL * np.abs(half.value)))


def _resistor_beside(groups: tuple[Elements, ...], half: Elements) -> int | None:
    """Number of the resistors between the ends of a mutual source, of its rail and process."""
    for k, group in enumerate(groups):
        same = group.kind == "R" and (group.process, group.rail) == (half.process, half.rail)
        if same and np.array_equal(group.plus, half.plus) and np.array_equal(group.minus, half.minus):
            return k
    return None


def _squares(one: Elements, other: Elements, L: Array) -> list[Rows]:
    rest = other.value - L**2 / one.value
    if np.any(rest < -EQUAL * other.value):
        raise InputError(f"poles: conductances of rails {one.rail} and {other.rail} are not positive definite")
    nodes = np.stack([one.plus, one.minus, other.plus, other.minus], axis=1)
    ratio, nothing, ones = L / one.value, np.zeros(one.n), np.ones(one.n)
    rest = np.where(rest > 1e-14 * other.value, rest, 0.0)
    return [
        (nodes, np.stack([ones, -ones, ratio, -ratio], axis=1), one.value),
        (nodes, np.stack([nothing, nothing, ones, -ones], axis=1), rest),
    ]


def _reached(n_nodes: int, rows: list[Rows], ground: int) -> Bools:
    """Nodes (n_nodes,) that a path of elements joins to the ground."""
    ends = np.concatenate([nodes[:, a : a + 2] for nodes, _, _ in rows for a in range(0, nodes.shape[1], 2)])
    graph = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_nodes, n_nodes))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label == label[ground])


def _part(n: int, number: Ints, rows: list[Rows]) -> Part:
    """Rows among the n numbered nodes; those of nodes that nothing reaches are left out."""
    count, entries, weights = 0, [], []
    for nodes, coefficients, weight in rows:
        at = number[nodes]
        row = np.repeat(count + np.arange(len(weight)), nodes.shape[1])
        live = ((at != NONE) & (at < n)).ravel()
        entries.append((coefficients.ravel()[live], row[live], at.ravel()[live]))
        weights.append(weight)
        count += len(weight)
    if not count:
        return Part(sp.csr_matrix((0, n)), np.empty(0))
    value, row, column = (np.concatenate(part) for part in zip(*entries, strict=True))
    E = sp.csr_matrix((value, (row, column)), shape=(count, n))
    E.eliminate_zeros()
    weight = np.concatenate(weights)
    keep = np.flatnonzero((np.diff(E.indptr) > 0) & (weight > 0))
    return Part(E[keep], weight[keep])
