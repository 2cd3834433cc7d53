"""Which circuit node each potential of a discretisation is, and where along the cell elements lie.

Lithium in a particle is neutral: an ion with its electron. Its circuit node is the potential of the ion,

    Phi_p = Phi_lithium + Phi_eon(home),   Phi_lithium = -U,

read against the electrons that accompany it, those of its own node in a mixed conductor and else those of the control
volume that carries the particle (its home). In it a particle is a ladder from the ion rail to the electron rail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit.netlist import Elements, Place
from miecsim.system import System
from miecsim.typing import Array, Ints


@dataclass(frozen=True)
class CircuitNodes:
    """Circuit node of each potential, (N, m), before those that nobody reads are dropped; and what they are.

    home (N,): where the electrons are against which a node's lithium is read.
    """

    of: Ints
    rail: Ints
    place: Ints
    x: Array
    home: Ints


def circuit_nodes(system: System) -> CircuitNodes:
    """Number the ports, then every potential that no reversible contact ties to one of them."""
    n, m, p = system.nodes.n, system.n_fields, system.n_ports
    of = np.full((n, m), -2)
    for port in system.strong():
        of[port.nodes, port.row] = port.port
    free = np.argwhere((of == -2) & system.laws.active)
    of[free[:, 0], free[:, 1]] = p + np.arange(free.shape[0])
    rail = np.concatenate([np.full(p, -1), free[:, 1]])
    place = np.concatenate([np.arange(p), free[:, 0]])
    x = np.concatenate([np.full(p, np.nan), system.nodes.position[free[:, 0], 0]])
    return CircuitNodes(of, rail, place, x, _homes(system))


def _homes(system: System) -> Ints:
    home = np.arange(system.nodes.n)
    for tree in system.nodes.trees:
        electron = system.laws.state_map.row("electron")
        parents = np.broadcast_to(tree.particles.parents[:, None], tree.ids.shape)
        home[tree.ids] = np.where(system.laws.active[tree.ids, electron], tree.ids, parents)
    return home


def at_nodes(system: System, nodes: Ints) -> Place:
    """The place of elements inside control volumes."""
    x, region = system.nodes.position[nodes, 0], system.region[nodes]
    return Place(x, x, region, region, np.ones(nodes.size))


def at_faces(system: System, faces: Ints, share: Array) -> Place:
    """The place of elements between two nodes, of which `share` (n,) belongs to the left."""
    left, right, x = system.nodes.left[faces], system.nodes.right[faces], system.nodes.position[:, 0]
    return Place(x[left], x[right], system.region[left], system.region[right], share)


def source(
    process: str,
    rail: str,
    ends: tuple[Ints, Ints],
    control: tuple[Ints, Ints],
    value: Array,
    place: Place,
    mutual: bool = False,
) -> Elements:
    """Controlled current sources from the first to the second of `ends`."""
    return Elements(
        "G", process, rail, *ends, value, place, control_plus=control[0], control_minus=control[1], mutual=mutual
    )
