"""Port admittances and profiles of a one-dimensional system: ends eliminated, chain swept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.blocks import Blocks
from miecsim.solvers import chain as plain
from miecsim.solvers.chain import Chain, Ends, Junctions
from miecsim.solvers.ends import End, eliminate_end
from miecsim.typing import Array, Complex, Ints

# Rails more tightly coupled than this lose digits in the elimination along a line (see `coupling`).
LARGEST_COUPLING = 1e6


@dataclass(frozen=True)
class Line:
    """A chain system at given frequencies, ready for either kernel."""

    blocks: Blocks
    omega: Array
    chain: Chain
    ends: Ends
    extra_values: Complex
    junctions: Junctions | None
    first: End
    last: End


def is_line(blocks: Blocks) -> bool:
    """Whether block-tridiagonal elimination applies: a chain with something between its ends."""
    return blocks.chain and blocks.n_nodes >= 4


def keeps_digits(blocks: Blocks, omega: float) -> bool:
    """Whether the elimination along the line serves these equations up to angular frequency omega [rad/s]: they are a
    line, and no rail drowns in its coupling to another."""
    return is_line(blocks) and coupling(blocks, omega) <= LARGEST_COUPLING


def coupling(blocks: Blocks, omega: float) -> float:
    """Largest conductance between two rails of one node over that of the weaker rail to its neighbours.

    Beyond about 1e6 the weaker rail drowns in the block that couples the two, and with it what only that rail decides.
    On a mesh that resolves the line this is of order (h/lambda)^2, far below one.
    """
    carriers = blocks.n_fields - int(blocks.has_phi)
    direction = np.linalg.inv(blocks.regular_potential())
    S = np.abs(blocks.S_g @ direction) + omega * np.abs(blocks.S_c @ direction)
    for extra in blocks.extras:
        y = float(np.abs(extra.law(np.array([omega]))[0]))
        np.add.at(S, extra.nodes, y * np.abs(extra.matrix @ direction[extra.nodes]))
    along = np.zeros((blocks.n_nodes, carriers))
    for nodes, K in ((blocks.left, blocks.K_left), (blocks.right, blocks.K_right)):
        g = np.abs(np.einsum("nkj,njk->nk", K, direction[nodes]))[:, :carriers]
        np.maximum.at(along, nodes, g)
    worst = 0.0
    for a in range(carriers):
        for b in range(a + 1, carriers):
            weaker = np.minimum(along[:, a], along[:, b])
            live = weaker > 0
            worst = max(worst, float(np.max(S[live, a, b] / weaker[live], initial=0.0)))
    return worst


def prepare(blocks: Blocks, omega: Array, driven: list[int]) -> Line:
    """Gather the interior chain and eliminate both ends; columns of the response are the `driven` ports."""
    n = blocks.n_nodes
    inner = slice(1, n - 1)
    first, last = eliminate_end(blocks, 0, 0, omega), eliminate_end(blocks, n - 1, n - 2, omega)
    S_g = blocks.S_g[inner].copy()
    absent = ~blocks.active[inner]
    node, k = np.nonzero(absent)
    S_g[node, k, k] = 1.0
    index, matrix = _elements(blocks)
    values = np.array([extra.law(omega) for extra in blocks.extras], dtype=complex).reshape(-1, omega.size)
    chain = Chain(
        blocks.K_left[1 : n - 2], blocks.K_right[1 : n - 2], S_g, blocks.S_c[inner], index[inner], matrix[inner]
    )
    ends = Ends(first.S, last.S, first.b[:, :, driven], last.b[:, :, driven], first.c, last.c)
    return Line(blocks, omega, chain, ends, values, _junctions(blocks, omega), first, last)


def _elements(blocks: Blocks) -> tuple[Ints, Array]:
    """Index (n, E) and matrix (n, E, m, m) of the frequency-dependent elements of every node."""
    place, count = [], np.zeros(blocks.n_nodes, dtype=np.int64)
    for extra in blocks.extras:
        place.append(count[extra.nodes])
        count[extra.nodes] += 1
    shape = (blocks.n_nodes, max(1, int(count.max())))
    index, matrix = np.full(shape, -1), np.zeros((*shape, blocks.n_fields, blocks.n_fields))
    for j, (extra, e) in enumerate(zip(blocks.extras, place, strict=True)):
        index[extra.nodes, e], matrix[extra.nodes, e] = j, extra.matrix
    return index, matrix


def _junctions(blocks: Blocks, omega: Array) -> Junctions | None:
    """Faces whose K depends on frequency, numbered along the interior chain."""
    total: dict[int, tuple[Complex, Complex]] = {}
    iw = 1j * omega[:, None, None]
    for block in blocks.junctions:
        y = np.zeros(omega.size) if block.law is None else block.law(omega)
        for i, face in enumerate(block.faces):
            left, right = total.get(int(face), (blocks.K_left[face], blocks.K_right[face]))
            left = left + iw * block.left_c[i] + y[:, None, None] * block.left_e[i]
            right = right + iw * block.right_c[i] + y[:, None, None] * block.right_e[i]
            total[int(face)] = (left, right)
    if not total:
        return None
    faces = np.array(sorted(total))
    K_left = np.stack([total[f][0] for f in faces], axis=1).astype(complex)
    K_right = np.stack([total[f][1] for f in faces], axis=1).astype(complex)
    return Junctions(faces - 1, K_left, K_right)


def port_response(line: Line, driven: list[int], compiled: bool) -> Complex:
    """Currents of every port per volt on each driven port, (n_f, P, len(driven))."""
    if compiled:
        from miecsim.solvers import chain_compiled

        inner = chain_compiled.response(line.chain, line.ends, line.omega, line.extra_values, line.junctions)
    else:
        inner = plain.response(line.chain, line.ends, line.omega, line.extra_values, line.junctions)
    return np.asarray(inner + line.first.d[:, :, driven] + line.last.d[:, :, driven])


def profiles(line: Line, driven: list[int]) -> tuple[Complex, Array]:
    """Unknowns of every node per volt on each driven port, (n_f, N, m, len(driven)), and the backward error (n_f,)."""
    x, error = plain.refined_profile(line.chain, line.ends, line.omega, line.extra_values, line.junctions)
    first = line.first.X @ x[:, 0] + line.first.Z[:, :, driven]
    last = line.last.X @ x[:, -1] + line.last.Z[:, :, driven]
    return np.concatenate([first[:, None], x, last[:, None]], axis=1), error
