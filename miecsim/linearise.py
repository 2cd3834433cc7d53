"""Exact local derivatives of every law by the complex step: from a System and a state to Blocks.

The derivative of an analytic law f is Im f(u + i h) / h without subtraction, hence exact to round-off for any small h
(Squire and Trapp 1998, 10.1137/S003614459631241X). One vectorised call per local unknown serves all faces or nodes at
once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from miecsim.blocks import Blocks, JunctionBlocks, NodeExtra, PortContact
from miecsim.errors import InputError
from miecsim.physics.branches import Branch, PortBranch
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.models import Storage, Transport
from miecsim.physics.state import Stacked, State, Whole
from miecsim.system import System, as_slice, contact_voltage, field_potential, is_phi, potential_in
from miecsim.typing import Array, Ints, Values

# Relative to the unknown's own size; its square is lost against 1 even where a law is steep.
STEP = 1e-20


def linearise(system: System, u: Array, voltages: Array) -> Blocks:
    """Small-signal equations of `system` about the unknowns u (m, N) at port voltages (P,)."""
    nodes, laws = system.nodes, system.laws
    shifted = Shifted(system, u)
    potential = _potential(shifted)
    K_left, K_right, S_g, S_c = _fresh(system)
    _add_laws(shifted, False, (K_left, K_right, S_g, S_c))
    extras, junctions = _branch_blocks(shifted, potential, K_left, K_right, S_g, S_c)
    contacts = tuple(linearised_contact(system, p, u, potential, voltages) for p in system.ports)
    keep = laws.active
    return Blocks(
        left=nodes.left,
        right=nodes.right,
        K_left=K_left,
        K_right=K_right,
        S_g=S_g,
        S_c=S_c,
        active=keep,
        n_ports=system.n_ports,
        contacts=contacts,
        extras=tuple(extras),
        junctions=tuple(junctions),
        chain=nodes.chain and not nodes.trees,
        potential=potential,
        has_phi=laws.state_map.has_phi,
    )


def _fresh(system: System) -> tuple[Array, ...]:
    """The constant part, to add to: K_left and K_right, and S_g and S_c where anything is added to a node."""
    of_faces, of_nodes = _constant(system)[:2], _constant(system)[2:]
    added = any(not _is_linear(store, system) for store in system.laws.stores)
    if added or any(np.array_equal(b.nodes_a, b.nodes_b) for b in system.branches):
        of_nodes = tuple(part.copy() for part in of_nodes)
    return (*(part.copy() for part in of_faces), *of_nodes)


def _constant(system: System) -> tuple[Array, ...]:
    """K_left, K_right, S_g and S_c of the laws that are linear in the unknowns, found once per system."""
    if "linear laws" not in system.kept:
        faces, n, m = system.nodes.left.size, system.nodes.n, system.n_fields
        parts = tuple(np.zeros((size, m, m)) for size in (faces, faces, n, n))
        _add_laws(Shifted(system, system.laws.rest), True, parts)
        system.kept["linear laws"] = parts
    known: tuple[Array, ...] = system.kept["linear laws"]
    return known


def _is_linear(law: Transport | Storage, system: System) -> bool:
    """Whether a law is linear in the unknowns: in concentrations and phi, and in Phi where that is stored. A law that
    says nothing counts as nonlinear."""
    linear_in = getattr(law, "linear_in", "")
    if linear_in == "Phi":
        carriers = system.laws.state_map.carriers
        return not any(carriers[row].stored for row in law.columns if row < len(carriers))
    return bool(linear_in == "c")


def _add_laws(shifted: Shifted, linear: bool, out: tuple[Array, ...]) -> None:
    """Add the derivatives of the laws that are, or are not, linear to (K_left, K_right, S_g, S_c)."""
    system, (K_left, K_right, S_g, S_c) = shifted.system, out
    for transport, faces in system.laws.transports:
        if _is_linear(transport, system) == linear:
            _add_faces(shifted, transport, faces, (K_left, K_right), as_slice(faces), -1.0)
    chosen = [i for i, store in enumerate(system.laws.stores) if _is_linear(store, system) == linear]
    _add_stores(shifted, chosen, (S_g, S_c))


def _steps(u: Array) -> Array:
    return np.asarray(STEP * np.where(u == 0, 1.0, np.abs(u)))


class Shifted:
    """The state of a system at u, and with one unknown of every node stepped into the complex plane."""

    def __init__(self, system: System, u: Array) -> None:
        self.system, self.u, self.step = system, u, _steps(u)
        self.base = self._at(u)
        self._known: dict[int, Moved] = {}

    def _at(self, u: Values) -> Whole:
        return self.system.laws.state_map.at(u, np.arange(u.shape[1]))

    def by(self, j: int) -> Moved:
        """The state with i step[j] added to unknown j, wherever that is a field."""
        if j not in self._known:
            active = self.system.laws.active[:, j]
            live = np.flatnonzero(active)
            u = self.u[:, as_slice(live)].astype(complex)
            u[j] += 1j * self.step[j, live]
            place = None if live.size == self.u.shape[1] else np.where(active, np.cumsum(active) - 1, -1)
            self._known[j] = Moved(self.base, self.system.laws.state_map.at(u, live), live, place)
        return self._known[j]


@dataclass(frozen=True)
class Moved:
    """What is `base` everywhere but at the nodes `live`: there it is `moved`.

    place (N,) of a node among those, -1 where it is none of them; None where all are.
    """

    base: Whole
    moved: Whole
    live: Ints
    place: Ints | None

    def take(self, nodes: Ints | slice) -> State:
        """The state at some of the nodes."""
        if self.place is None:
            return self.moved.take(nodes)
        place = self.place[nodes]
        if np.all(place < 0):
            return self.base.take(nodes)
        if np.all(place >= 0):
            return self.moved.take(as_slice(place))
        to = np.flatnonzero(place >= 0)
        return _mixed(self.base.take(nodes), self.moved.take(place[to]), to)


def _mixed(base: State, moved: State, to: Ints) -> Whole:
    """`base`, with `moved` at the nodes `to`."""

    def part(still: Values, stepped: Values) -> Values:
        out = still.astype(complex)
        out[..., to] = stepped
        return out

    return Whole(
        part(base.Phi, moved.Phi),
        part(base.phi, moved.phi),
        part(base.c, moved.c),
        part(base.ln_a, moved.ln_a),
        part(base.ln_gamma, moved.ln_gamma),
    )


def potential_jacobian(system: System, u: Array) -> Array:
    """d(Phi_1 .. Phi_K, phi)/du of every node, (N, m, m): the change from the unknowns to the circuit's potentials,
    zero for an unknown that is no field there."""
    return _potential(Shifted(system, u))


def _potential(shifted: Shifted) -> Array:
    m, k_n = shifted.system.n_fields, len(shifted.system.laws.state_map.carriers)
    out = np.zeros((shifted.u.shape[1], m, m))
    for j in range(m):
        by, live = shifted.by(j), as_slice(shifted.by(j).live)
        for k in range(m):
            slope = (by.moved.Phi[k] if k < k_n else by.moved.phi).imag
            if slope.any():
                out[live, k, j] = slope / shifted.step[j, live]
    return out


def face_jacobians(system: System, law: Transport, faces: Ints, u: Array) -> tuple[Array, Array]:
    """d(current * area)/du_left and /du_right of one transport law, each (n_faces, m, m)."""
    m = system.n_fields
    left, right = (np.zeros((faces.size, m, m)) for _ in range(2))
    _add_faces(Shifted(system, u), law, faces, (left, right), slice(None))
    return left, right


def _add_faces(
    shifted: Shifted, law: Transport, faces: Ints, out: tuple[Array, Array], to: Ints | slice, flip: float = 1.0
) -> None:
    """Add d(current * area)/du_left, and `flip` times that by du_right, to out[..][to]."""
    nodes = shifted.system.nodes
    area = nodes.area[faces]
    ends = as_slice(nodes.left[faces]), as_slice(nodes.right[faces])
    still: list[State] = [shifted.base.take(at) for at in ends]
    moved: list[list[State]] = [[shifted.by(j).take(at) for j in law.columns] for at in ends]
    count = len(law.columns)
    # every unknown of either side at once: first those of the left, then those of the right
    left, right = Stacked(moved[0] + [still[0]] * count), Stacked([still[1]] * count + moved[1])
    slopes = law.current(left, right).imag * area
    rows, columns = np.array(law.rows)[:, None], np.array(law.columns)
    ids = np.arange(len(out[0]))[to][:, None, None]
    for side, (at, sign) in enumerate(zip(ends, (1.0, flip), strict=True)):
        own = sign * slopes[:, side * count : (side + 1) * count] / shifted.step[columns][:, at]
        out[side][ids, rows, columns] += own.transpose(2, 0, 1)


def store_jacobians(system: System, u: Array) -> tuple[Array, Array]:
    """Derivatives of all storage laws over the unknowns, each (N, m, m), volumes included: what is not, and what is,
    differentiated in time."""
    n, m = system.nodes.n, system.n_fields
    S_g, S_c = np.zeros((n, m, m)), np.zeros((n, m, m))
    _add_stores(Shifted(system, u), range(len(system.laws.stores)), (S_g, S_c))
    return S_g, S_c


def _add_stores(shifted: Shifted, chosen: Iterable[int], out: tuple[Array, Array]) -> None:
    """Add the same of the laws numbered `chosen` to `out`."""
    for store, at in ((shifted.system.laws.stores[i], shifted.system.store_nodes[i]) for i in chosen):
        for law, target in ((store.reaction, out[0]), (store.storage, out[1])):
            for j in store.columns:
                values = law(shifted.by(j).take(at))
                if values is None:
                    break
                per_step = store.measure / shifted.step[j, at]
                for row, value in zip(store.rows, values, strict=True):
                    target[at, row, j] += np.imag(value) * per_step


def element_jacobian(element: Element, v: Array) -> tuple[Array, Array]:
    """Differential conductance di/dv [S/m2] and capacitance dq/dv [F/m2] of an element at voltages v."""
    h = STEP
    stepped = v + 1j * h
    g, c = (np.asarray(np.imag(law(stepped)) / h, dtype=float) for law in (element.current, element.charge))
    return np.broadcast_to(g, v.shape).copy(), np.broadcast_to(c, v.shape).copy()


def branch_jacobian(system: System, b: Branch, u: Array, state: State | None = None) -> tuple[Array, Array]:
    """Differential conductance [S] and capacitance [F] of a branch at each of its nodes; `state` of all nodes at u, if
    it is known already."""
    if state is None:
        v = field_potential(system, u, b.row_a, b.nodes_a) - field_potential(system, u, b.row_b, b.nodes_b)
    else:
        v = potential_in(system, state, b.row_a, b.nodes_a) - potential_in(system, state, b.row_b, b.nodes_b)
    g, c = element_jacobian(b.element, v)
    return g * b.weight, c * b.weight


def _branch_blocks(
    shifted: Shifted, potential: Array, K_left: Array, K_right: Array, S_g: Array, S_c: Array
) -> tuple[list[NodeExtra], list[JunctionBlocks]]:
    """Add R and C of every branch to the blocks in place; return what depends on frequency otherwise."""
    extras: list[NodeExtra] = []
    junctions: list[JunctionBlocks] = []
    system, m = shifted.system, shifted.system.n_fields
    for b in system.branches:
        g, c = branch_jacobian(system, b, shifted.u, shifted.base)
        t_a, t_b = potential[b.nodes_a, b.row_a], potential[b.nodes_b, b.row_b]
        if b.row_a != b.row_b and np.array_equal(b.nodes_a, b.nodes_b):
            unit = _between(b.row_a, b.row_b, t_a, t_b, m)
            np.add.at(S_g, b.nodes_a, g[:, None, None] * unit)
            np.add.at(S_c, b.nodes_a, c[:, None, None] * unit)
            if b.element.excess is not None:
                extras.append(NodeExtra(b.element.excess, b.nodes_a, unit * b.weight[:, None, None]))
            continue
        left, right = np.zeros((b.weight.size, m, m)), np.zeros((b.weight.size, m, m))
        if b.row_a == b.row_b:
            left[:, b.row_a], right[:, b.row_b] = t_a, t_b
            faces = _junction_faces(system, b.nodes_a)
        else:
            faces, flip = _faces_to(system, b)
            t_left, t_right = (t_b, t_a) if flip else (t_a, t_b)
            # what leaves the one rail enters the other: each lives on its own side of the face only
            for row in (b.row_a, b.row_b):
                left[:, row], right[:, row] = t_left, t_right
        K_left[faces] += g[:, None, None] * left
        K_right[faces] += g[:, None, None] * right
        w = b.weight[:, None, None]
        if b.element.excess is not None or np.any(c):
            junctions.append(
                JunctionBlocks(
                    faces, c[:, None, None] * left, c[:, None, None] * right, b.element.excess, w * left, w * right
                )
            )
    return extras, junctions


def _junction_faces(system: System, near: Ints) -> Ints:
    """The face that leaves each near-side node of a junction (there is exactly one)."""
    face_of = np.full(system.nodes.n, -1)
    across = np.flatnonzero(system.nodes.junction >= 0)
    face_of[system.nodes.left[across]] = across
    return np.asarray(face_of[near])


def _faces_to(system: System, b: Branch) -> tuple[Ints, bool]:
    """The faces between a control volume and a surface of its particles that a branch spans, and whether its end a is
    the surface."""
    for tree in system.nodes.trees:
        for near, far, flip in ((b.nodes_a, b.nodes_b, False), (b.nodes_b, b.nodes_a, True)):
            if np.array_equal(near, tree.particles.parents) and np.array_equal(far, tree.surface):
                return np.asarray(tree.faces[:, 0]), flip
    raise InputError(f"branch {b.process}: no faces join its ends")


def _between(row_a: int, row_b: int, t_a: Array, t_b: Array, m: int) -> Array:
    """Stencil of a unit conductance between two fields of one node: rows a and b, columns the unknowns."""
    unit = np.zeros((t_a.shape[0], m, m))
    unit[:, row_a] = t_a - t_b
    unit[:, row_b] = t_b - t_a
    return unit


def linearised_contact(system: System, p: PortBranch, u: Array, potential: Array, voltages: Array) -> PortContact:
    zeros = np.zeros(p.nodes.size)
    strong = isinstance(p.element, Reversible)
    g, c, weight, law = zeros, zeros, zeros, None
    if not isinstance(p.element, Reversible):
        v = contact_voltage(system, p, u, voltages)
        g, c = (x * p.weight for x in element_jacobian(p.element, v))
        law, weight = p.element.excess, p.weight
    return PortContact(
        port=p.port,
        row=p.row,
        nodes=p.nodes,
        t=potential[p.nodes, p.row],
        strong=strong,
        charge_row=is_phi(system, p.row),
        conductance=g,
        capacitance=c,
        weight=weight,
        law=law,
    )
