"""Islands: carriers in places that nothing joins to any terminal, neither a current nor a field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from miecsim.grid.nodes import Nodes
from miecsim.physics.branches import Branch, PortBranch
from miecsim.physics.models import Laws, Transport
from miecsim.typing import Bools, Ints

Pairs = tuple[Ints, Ints]


def unjoined(nodes: Nodes, laws: Laws, branches: Iterable[Branch], ports: Sequence[PortBranch], n_ports: int) -> Bools:
    """Mask (N, m) of the fields that live in a connected set which no terminal reaches at any frequency.

    Their potentials have no value, and no terminal ever notices them. A set that is joined through a capacitor is no
    island, nor is one that only a charge transfer reaches.
    """
    n, m = laws.active.shape
    pairs = [pair for law, faces in laws.transports for pair in _across(nodes, law, faces, m)]
    pairs += [pair for store in laws.stores for pair in _within(store.nodes, (*store.rows, *store.columns), m)]
    for b in branches:
        acts = b.weight > 0
        pairs.append((b.nodes_a[acts] * m + b.row_a, b.nodes_b[acts] * m + b.row_b))
    pairs += [(p.nodes * m + p.row, np.full(p.nodes.size, n * m + p.port)) for p in ports]
    live = np.append(laws.active.ravel(), np.ones(n_ports, dtype=bool))
    end_a, end_b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    joined = live[end_a] & live[end_b]
    size = n * m + n_ports
    graph = coo_matrix((np.ones(int(joined.sum())), (end_a[joined], end_b[joined])), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    reached = np.zeros(size, dtype=bool)
    reached[label[n * m :]] = True
    return np.asarray(laws.active & ~reached[label[: n * m]].reshape(n, m))


def _across(nodes: Nodes, law: Transport, faces: Ints, m: int) -> list[Pairs]:
    """Fields that a transport law moves from one side of its faces to the other, and those that it couples."""
    left, right = nodes.left[faces], nodes.right[faces]
    pairs = [(left * m + row, right * m + row) for row in law.rows]
    return pairs + [pair for end in (left, right) for pair in _within(end, (*law.rows, *law.columns), m)]


def _within(at: Ints, fields: Sequence[int], m: int) -> list[Pairs]:
    """Fields that a law couples at each of its nodes."""
    first, *others = dict.fromkeys(fields)
    return [(at * m + first, at * m + row) for row in others]
