"""A model on a grid with its terminals: one residual, from which everything else is derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.grid.nodes import Nodes, build_nodes
from miecsim.grid.stack import Mesh, stack_grid
from miecsim.physics.branches import Branch, PortBranch
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.islands import unjoined
from miecsim.physics.models import Laws, Model
from miecsim.physics.seams import single_seams
from miecsim.physics.state import State, Whole
from miecsim.physics.terminals import Contact, Link, ReferencePlane, Wiring
from miecsim.typing import Array, Bools, Ints


@dataclass(frozen=True, repr=False)
class System:
    """Grid + physics + terminals. m fields on N nodes; P ports, of which the first len(terminals) carry names.

    Further ports belong to rail ends that a reversible link ties together; nothing is connected to them outside.
    """

    model: Model
    wiring: Wiring
    grid: Grid
    nodes: Nodes
    laws: Laws
    ports: tuple[PortBranch, ...]
    branches: tuple[Branch, ...]
    terminals: tuple[str, ...]
    n_ports: int
    area: float
    per_area: bool  # True where no area was given: everything is then per m2
    planes: tuple[tuple[str, Ints, Array, int], ...]  # (name, nodes, weights, row) of each reference plane
    islands: Bools  # (N, m) fields that live at a node but that nothing joins to any terminal; they are left out

    def __repr__(self) -> str:
        layers = " | ".join(layer.name for layer in self.model.layers)
        return f"System({self.model.name}: {layers}; {self.nodes.n} nodes of {', '.join(self.laws.state_map.names)})"

    @property
    def n_fields(self) -> int:
        return self.laws.state_map.n_fields

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What depends on the system alone, kept with it by those who found it."""
        return {}

    @cached_property
    def face_ends(self) -> tuple[tuple[Ints | slice, Ints | slice], ...]:
        """Nodes on the left and right of the faces of each transport law, as slices where they follow each other."""
        nodes = self.nodes
        return tuple((as_slice(nodes.left[faces]), as_slice(nodes.right[faces])) for _, faces in self.laws.transports)

    @cached_property
    def store_nodes(self) -> tuple[Ints | slice, ...]:
        """Nodes of each storage law, as slices where they follow each other."""
        return tuple(as_slice(store.nodes) for store in self.laws.stores)

    @property
    def region(self) -> Ints:
        """Layer index of each node, (N,)."""
        return self.grid.region[self.nodes.cell]

    def strong(self) -> tuple[PortBranch, ...]:
        """Contacts that impose a potential: their balance row is replaced by Phi = V."""
        return tuple(p for p in self.ports if isinstance(p.element, Reversible))


def build_system(model: Model, wiring: Wiring, *, area: float | None = None, mesh: Mesh | None = None) -> System:
    """Put `model` on a grid of cross section `area` [m2] (None: per m2) and wire it.

    Raises InputError for a contact on a carrier or side that is not there, two reversible contacts on one rail end,
    and a contact on the electrostatic potential that is neither a metal nor a capacitor.
    """
    mesh = mesh or Mesh()
    per_area, area = area is None, 1.0 if area is None else area
    omega = 2 * np.pi * mesh.resolve
    lengths = [model.decay_length(i, omega) for i in range(len(model.layers))]
    for left, right in model.junction_pairs():
        if right != left + 1:
            a, b = model.layers[left].name, model.layers[right].name
            raise InputError(f"interface between {a} and {b}: these layers are not neighbours, from left to right")
    grid = stack_grid([(la.name, la.thickness) for la in model.layers], lengths, mesh, area)
    return assembled(model, wiring, grid, {"left", "right"}, (area, per_area), keep_islands=True)


def build_on_grid(model: Model, wiring: Wiring, grid: Grid, *, area: float | None = None) -> System:
    """Put `model` on a grid whose regions are its layers, by name and anywhere; thicknesses are not read. Wire it.

    area [m2]: what the currents are to be divided by where it is None, as in `build_system`: the grid's cross section
    is then 1 m2. Carriers that nothing joins to a terminal, as in a particle between pores, take no part
    (`System.islands`). Raises InputError for regions without a layer, and as `build_system`.
    """
    names = [layer.name for layer in model.layers]
    for name in grid.region_names:
        if name not in names:
            raise InputError(f"grid: region {name!r} has no material; there are {', '.join(names)}")
    place = np.array([names.index(name) for name in grid.region_names])
    grid = replace(grid, region=place[grid.region], region_names=tuple(names))
    return assembled(model, wiring, grid, set(), (1.0 if area is None else area, area is None), keep_islands=False)


def assembled(
    model: Model, wiring: Wiring, grid: Grid, sides: set[str], area: tuple[float, bool], *, keep_islands: bool
) -> System:
    """The system on a grid; area [m2] and whether it stands for none given. Islands are found before planes are laid,
    so that no plane reads a potential that has no value."""
    sides = sides | {c.side for t in wiring.terminals for c in t.contacts} | {k.side for k in wiring.links}
    nodes = build_nodes(grid, sorted(sides), model.junction_pairs(), single_seams(model.junctions))
    nodes = model.grow(nodes, grid.region[nodes.cell])
    laws = model.laws(nodes, grid.region[nodes.cell])
    _drop_empty_nodes(nodes, laws)
    ports, branches, n_ports = _wire(wiring, nodes, laws)
    branches = laws.branches + branches
    islands = np.zeros_like(laws.active) if keep_islands else unjoined(nodes, laws, branches, ports, n_ports)
    laws.active[islands] = False
    planes = tuple(_plane(plane, nodes, laws) for plane in wiring.reference_planes)
    names = tuple(t.name for t in wiring.terminals)
    return System(
        model,
        wiring,
        grid,
        nodes,
        laws,
        ports,
        branches,
        names,
        n_ports,
        *area,
        planes,
        islands,
    )


def _drop_empty_nodes(nodes: Nodes, laws: Laws) -> None:
    """A face of zero area (the centre of a sphere) carries nothing."""
    for name, ids in nodes.sides.items():
        laws.active[ids[nodes.side_area[name] == 0]] = False


def _row(carrier: str, laws: Laws) -> int:
    names = laws.state_map.names
    if carrier not in names:
        raise InputError(f"carrier: read {carrier!r}; expected one of {', '.join(names)}")
    return laws.state_map.row(carrier)


def _end(side: str, carrier: str, nodes: Nodes, laws: Laws) -> tuple[int, Ints, Array]:
    """(row, nodes, areas) of a rail end; InputError where the carrier does not reach that side."""
    row = _row(carrier, laws)
    if side not in nodes.sides:
        raise InputError(f"side: read {side!r}; expected one of {', '.join(nodes.sides)}")
    ids, area = nodes.sides[side], nodes.side_area[side]
    here = laws.active[ids, row]
    if not here.any():
        raise InputError(
            f"contact of {carrier} at the {side} side: this carrier is absent there, so it cannot be contacted"
        )
    return row, ids[here], area[here]


def _port_branch(contact: Contact, port: int, nodes: Nodes, laws: Laws) -> PortBranch:
    row, ids, area = _end(contact.side, contact.carrier, nodes, laws)
    law = contact.law
    if contact.carrier == "potential" and not isinstance(law, Reversible):
        stern = isinstance(law, Lumped) and law.R is None and law.Q is None and law.Rs == 0
        if not stern:
            raise InputError(
                "contact of the electrostatic potential: expected a capacitor (Stern layer) or reversible (metal)"
            )
    return PortBranch(law, port, row, ids, area, emf=contact.emf)


def _wire(wiring: Wiring, nodes: Nodes, laws: Laws) -> tuple[tuple[PortBranch, ...], tuple[Branch, ...], int]:
    names = [t.name for t in wiring.terminals]
    if len(names) < 2 or len(set(names)) != len(names):
        raise InputError(f"terminals: read {names}; expected two or more with different names")
    ports = [_port_branch(c, p, nodes, laws) for p, t in enumerate(wiring.terminals) for c in t.contacts]
    branches: list[Branch] = []
    n_ports = len(names)
    for link in wiring.links:
        if isinstance(link.law, Reversible):
            contacts = [Contact(link.side, name, Reversible()) for name in link.carriers]
            ports += [_port_branch(c, n_ports, nodes, laws) for c in contacts]
            n_ports += 1
        else:
            branches.append(_link_branch(link, nodes, laws))
    taken: set[tuple[int, int]] = set()
    for p in ports:
        if isinstance(p.element, Reversible):
            key = (p.row, int(p.nodes[0]))
            if key in taken:
                raise InputError(f"{laws.state_map.names[p.row]}: two reversible contacts on the same rail end")
            taken.add(key)
    return tuple(ports), tuple(branches), n_ports


def _link_branch(link: Link, nodes: Nodes, laws: Laws) -> Branch:
    if isinstance(link.law, Reversible):
        raise InputError("a reversible link is a port of its own")
    row_a, ids, area = _end(link.side, link.carriers[0], nodes, laws)
    row_b, others, _ = _end(link.side, link.carriers[1], nodes, laws)
    both = np.isin(ids, others)
    ids, area = ids[both], area[both]
    return Branch(link.law, row_a, ids, row_b, ids, area, "terminal")


def _plane(plane: ReferencePlane, nodes: Nodes, laws: Laws) -> tuple[str, Ints, Array, int]:
    """Nodes and weights that interpolate the potential at the plane, along the line or across the section (mean)."""
    row = _row(plane.carrier, laws)
    x = nodes.position[:, 0]
    xs, count = np.unique(np.round(x[laws.active[:, row]], 18), return_counts=True)
    if not xs.size or not xs[0] <= plane.position <= xs[-1]:
        raise InputError(f"reference plane {plane.name}: {plane.carrier} is not present at {plane.position:.4g} m")
    i = int(np.clip(np.searchsorted(xs, plane.position), 1, xs.size - 1))
    share = (plane.position - xs[i - 1]) / (xs[i] - xs[i - 1])
    ids, weights = [], []
    for at, w in ((xs[i - 1], 1 - share), (xs[i], share)):
        here = np.flatnonzero((np.abs(x - at) <= 1e-17) & laws.active[:, row])
        ids.append(here)
        weights.append(np.full(here.size, w / here.size))
    return plane.name, np.concatenate(ids), np.concatenate(weights), row


def rest_state(system: System) -> Array:
    """Unknowns (m, N) of the reference state, where nothing flows: every concentration at its reference, every Phi and
    phi zero, or, of electrons in a host, at its open-circuit potential."""
    return system.laws.rest.copy()


def balance(system: System, u: Array, voltages: Array | Sequence[float]) -> Array:
    """Residual (m, N) of the steady state at port voltages (P,): currents [A] leaving each node, charge [C] on the row
    of phi.

    Rows of reversible contacts read Phi - V - emf [V]; rows of absent fields read zero.
    """
    out = unreplaced_balance(system, u, np.asarray(voltages, dtype=float))
    for p in system.strong():
        out[p.row, p.nodes] = -contact_voltage(system, p, u, voltages)
    return out


def unreplaced_balance(system: System, u: Array, voltages: Array, state: Whole | None = None) -> Array:
    """The conservation rows of every node, also where a reversible contact imposes the potential (there: what it
    must supply). `state` at u, if it is known already."""
    laws, nodes = system.laws, system.nodes
    out = np.zeros_like(u)
    state = laws.state_map.at(u, np.arange(u.shape[1])) if state is None else state
    for (transport, faces), (left, right) in zip(laws.transports, system.face_ends, strict=True):
        current = transport.current(state.take(left), state.take(right))
        for row, values in zip(transport.rows, current * nodes.area[faces], strict=True):
            _add(out[row], left, values)
            _add(out[row], right, -values)
    for store, at in zip(laws.stores, system.store_nodes, strict=True):
        reaction = store.reaction(state.take(at))
        if reaction is not None:
            for row, values in zip(store.rows, reaction * store.measure, strict=True):
                _add(out[row], at, values)
    for b in system.branches:
        v = potential_in(system, state, b.row_a, b.nodes_a) - potential_in(system, state, b.row_b, b.nodes_b)
        values = np.asarray(b.element.current(v) * b.weight, dtype=float)
        out[b.row_a] += np.bincount(b.nodes_a, values, u.shape[1])
        out[b.row_b] -= np.bincount(b.nodes_b, values, u.shape[1])
    for p in system.ports:
        if not isinstance(p.element, Reversible):
            v = contact_voltage(system, p, u, voltages, state)
            law = p.element.charge if is_phi(system, p.row) else p.element.current
            out[p.row] -= np.bincount(p.nodes, np.asarray(law(v) * p.weight, dtype=float), u.shape[1])
    return np.where(laws.active.T, out, 0.0)


def as_slice(ids: Ints) -> Ints | slice:
    """`ids` as a slice where each is one more than the one before."""
    if ids.size and np.all(np.diff(ids) == 1):
        return slice(int(ids[0]), int(ids[-1]) + 1)
    return ids


def _add(out: Array, at: Ints | slice, values: Array) -> None:
    """Add values into `out`, where a node may occur several times."""
    if isinstance(at, slice):
        out[at] += values
    else:
        out += np.bincount(at, values, out.size)


def terminal_currents(system: System, u: Array, voltages: Array) -> Array:
    """Steady current [A] from each port into the cell, (P,). The charge on a metal plate is constant, so phi
    carries none."""
    total = np.zeros(system.n_ports)
    rows = unreplaced_balance(system, u, voltages)
    for p in system.ports:
        if is_phi(system, p.row):
            continue
        if isinstance(p.element, Reversible):
            total[p.port] += rows[p.row, p.nodes].sum()
        else:
            v = contact_voltage(system, p, u, voltages)
            total[p.port] += float(np.sum(p.element.current(v) * p.weight))
    return total


def contact_voltage(
    system: System, p: PortBranch, u: Array, voltages: Array | Sequence[float], state: State | None = None
) -> Array:
    """V + emf - Phi (or phi) at the nodes of a contact [V]: what drives its element, zero where it is reversible.

    `state` of all nodes at u, if it is known already."""
    if state is None:
        return np.asarray(voltages[p.port] + p.emf - field_potential(system, u, p.row, p.nodes))
    return np.asarray(voltages[p.port] + p.emf - potential_in(system, state, p.row, p.nodes))


def potential_in(system: System, state: State, row: int, ids: Ints) -> Array:
    """Phi of a carrier, or phi, at nodes `ids` of a state of all nodes [V]."""
    return np.asarray(state.phi[ids] if is_phi(system, row) else state.Phi[row, ids])


def is_phi(system: System, row: int) -> bool:
    """Whether a row belongs to the electrostatic potential."""
    return row == len(system.laws.state_map.carriers)


def field_potential(system: System, u: Array, row: int, ids: Ints) -> Array:
    """Phi of a carrier, or phi, at nodes `ids` [V]."""
    state = system.laws.state_map.at(u[:, ids], ids)
    return np.asarray(state.phi if is_phi(system, row) else state.Phi[row])
