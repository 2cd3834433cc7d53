"""Branches: two-pole elements that join a field at one set of nodes to another field, another node, or a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from miecsim.physics.elements import Element, Reversible
from miecsim.typing import Array, Ints


@dataclass(frozen=True)
class Branch:
    """An element of area `weight` [m2] per node; its current flows from (row_a, nodes_a) to (row_b, nodes_b).

    Inside an electrode a is the electron rail and b the ion rail, so that a Butler-Volmer current is anodic where
    positive. row_a == row_b on different nodes is a junction between layers; different rows on one node is an
    interface inside a volume.
    """

    element: Element
    row_a: int
    nodes_a: Ints
    row_b: int
    nodes_b: Ints
    weight: Array
    process: str


@dataclass(frozen=True)
class PortBranch:
    """An element (or a reversible contact) between terminal number `port` and the field `row` at `nodes`.

    The current counts from the terminal into the cell (anodic for a metal electrode that feeds ions).
    On the row of phi the element must be a capacitor (a Stern layer) or reversible (a metal that fixes phi).
    The contact's poles stand at V_port + emf and at Phi (or phi) of the nodes.
    """

    element: Element | Reversible
    port: int
    row: int
    nodes: Ints
    weight: Array
    process: str = "terminal"
    emf: float = 0.0  # V
