"""Conduction between two contacts through a network of conductances, real or complex.

The conductance is read from the dissipated power, in which an error of the potential is squared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.errors import InputError, SolveError
from miecsim.solvers.linear import factorise, nested_dissection
from miecsim.typing import Bools, Ints, Values

METHODS = ("auto", "direct", "iterative")
# Nodes up to which a factorisation is quicker than multigrid: measured on random two-phase pictures, by dimension.
DIRECT_NODES = {1: 1_000_000, 2: 200_000, 3: 8_000}
# Nodes from which on a matrix is ordered by cuts, which take four times as long as a small factorisation.
LEAST_CUT = 20_000
RESIDUAL = 1e-8  # of the iterative solve, relative to the right-hand side; the conductance errs by its square
MOST_ITERATIONS = 400
RESTART = 60  # of generalised minimum residuals
LARGEST_ERROR = 1e-8  # estimated relative error of a conductance above which no number is returned


@dataclass(frozen=True, eq=False)
class Network:
    """Conductances [S] between nodes (left, right, g: (m,)) and from nodes to contact 0 or 1 (node, side, g_contact).

    `dim`: dimension of the lattice it comes from, by which the way to solve it is chosen.
    """

    n: int
    left: Ints
    right: Ints
    g: Values
    node: Ints
    side: Ints
    g_contact: Values
    dim: int = 2

    def clusters(self) -> Ints:
        """Number of the cluster (nodes joined by non-zero conductances) of each node, (n,)."""
        on = self.g != 0
        graph = sp.coo_matrix((np.ones(on.sum()), (self.left[on], self.right[on])), shape=(self.n, self.n))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

    def reached(self) -> tuple[Bools, Bools]:
        """Which nodes are joined to contact 0, and which to contact 1, (n,) each."""
        cluster, on = self.clusters(), self.g_contact != 0
        touched = []
        for side in (0, 1):
            has = np.zeros(int(cluster.max(initial=-1)) + 1, dtype=bool)
            has[cluster[self.node[on & (self.side == side)]]] = True
            touched.append(has[cluster])
        return touched[0], touched[1]

    def laplacian(self, keep: Bools) -> tuple[Any, Ints]:
        """Nodal matrix [S] of the nodes to keep, contacts grounded, CSR; and their numbers in it (-1: left out)."""
        number = np.where(keep, np.cumsum(keep) - 1, -1)
        i, j = number[self.left], number[self.right]
        on = (i >= 0) & (j >= 0) & (self.g != 0)
        at = number[self.node]
        i, j, g, held, contact = i[on], j[on], self.g[on], at[at >= 0], self.g_contact[at >= 0]
        rows, columns = np.concatenate([i, j, i, j, held]), np.concatenate([j, i, i, j, held])
        values = np.concatenate([-g, -g, g, g, contact])
        size = int(keep.sum())
        return sp.coo_matrix((values, (rows, columns)), shape=(size, size)).tocsr(), number


class Through(NamedTuple):
    """Answer of `through`: 1 V at contact 0, 0 V at contact 1."""

    conductance: complex  # [S], real for real networks
    potential: Values  # (n,) [V]; of one contact's potential in clusters that reach no other, nan in islands
    error: float  # estimated relative error of the conductance
    method: str  # "direct", "iterative", or "none" where no cluster joins the contacts


def through(network: Network, method: str = "auto") -> Through:
    """Conductance of a network between its two contacts, real or complex (no conjugates: reciprocal, not Hermitian).

        G = sum over all conductances of g (difference of Phi)^2,

    stationary about the solution (Thomson's and Dirichlet's principles). Only clusters that join both contacts are
    solved for: directly, or by conjugate gradients with algebraic multigrid (generalised minimum residuals where g is
    complex). InputError for an unknown method, SolveError where the estimated error of G exceeds `LARGEST_ERROR`.
    """
    if method not in METHODS:
        raise InputError(f'conduction: read method "{method}"; expected one of {", ".join(METHODS)}')
    _check_network(network)
    first, second = network.reached()
    kind = np.result_type(network.g, network.g_contact, np.float64)
    potential = np.full(network.n, np.nan, dtype=kind)
    potential[first & ~second], potential[second & ~first] = 1.0, 0.0
    keep = first & second
    if not keep.any():
        return Through(kind.type(0.0).item(), potential, 0.0, "none")
    A, number = network.laplacian(keep)
    b = np.zeros(A.shape[0], dtype=kind)
    driven = (network.side == 0) & (number[network.node] >= 0)
    np.add.at(b, number[network.node[driven]], network.g_contact[driven])
    x, error, used = solve_nodal(A, b, network.dim, method)
    potential[keep] = x
    G = kind.type(np.sum(power(network, potential))).item()
    relative = error / abs(G)
    if not relative <= LARGEST_ERROR:
        raise SolveError(f"conduction: the conductance of {A.shape[0]} nodes has an estimated error of {relative:.1e}")
    return Through(G, potential, relative, used)


def power(network: Network, potential: Values) -> Values:
    """g (difference of Phi)^2 of every conductance and then of every contact, (m + contacts,) [W]; 0 in islands."""
    inner = network.g * (potential[network.left] - potential[network.right]) ** 2
    outer = network.g_contact * (potential[network.node] - (network.side == 0)) ** 2
    out: Values = np.nan_to_num(np.concatenate([inner, outer]), nan=0.0)
    return out


def _check_network(network: Network) -> None:
    for values in (network.g, network.g_contact):
        if not (np.all(np.isfinite(values)) and np.all(np.real(values) >= 0)):
            raise InputError("conduction: a conductance is negative or not finite")


def solve_nodal(A: Any, b: Values, dim: int, method: str = "auto") -> tuple[Values, float, str]:
    """x of A x = b for a nodal matrix, the energy |r A^-1 r| that the residual r stands for, and how it was solved.

    A: CSR, symmetric (not Hermitian where complex), diagonally dominant where real; b (n,).
    """
    direct = A.shape[0] <= DIRECT_NODES[dim] if method == "auto" else method == "direct"
    if direct:
        cut = A.shape[0] >= LEAST_CUT
        order = nested_dissection(A) if cut else np.arange(A.shape[0])
        factor = factorise(A[order][:, order], ordered=cut)
        x = np.empty(len(b), dtype=np.result_type(A.dtype, b.dtype))
        x[order] = factor.solve(b[order])
        r = (b - A @ x)[order]
        return x, float(abs(r @ factor.apply(r))), "direct"
    x, cycle = _iterate(A, b)
    r = b - A @ x
    return x, float(abs(r @ (cycle @ r))), "iterative"


def _iterate(A: Any, b: Values) -> tuple[Values, Any]:
    """Solution to `RESIDUAL`, and one multigrid cycle as an operator."""
    import pyamg  # type: ignore[import-untyped]
    from scipy.sparse.linalg import LinearOperator, cg, gmres

    hierarchy = pyamg.smoothed_aggregation_solver(_magnitudes(A), max_coarse=400)
    inner = hierarchy.aspreconditioner(cycle="V")

    def apply(v: Values) -> Values:
        out: Values = inner @ v.real + 1j * (inner @ v.imag) if np.iscomplexobj(v) else inner @ v
        return out

    cycle = LinearOperator(A.shape, matvec=apply, dtype=A.dtype)
    if np.iscomplexobj(A.data):
        x, failed = gmres(A, b, rtol=RESIDUAL, restart=RESTART, maxiter=MOST_ITERATIONS // RESTART + 1, M=cycle)
    else:
        x, failed = cg(A, b, rtol=RESIDUAL, maxiter=MOST_ITERATIONS, M=cycle)
    if failed:
        raise SolveError(f"conduction: multigrid did not reach a residual of {RESIDUAL:.0e} on {len(b)} nodes")
    return x, cycle


def _magnitudes(A: Any) -> Any:
    """A real nodal matrix: of every conductance g its Re g + |Im g|, by which a complex one is preconditioned."""
    if not np.iscomplexobj(A.data):
        return A
    off = A - sp.diags(A.diagonal())
    off.data = -np.abs(off.data.real) - np.abs(off.data.imag)
    off = sp.csr_matrix((off.data.real, off.indices, off.indptr), shape=A.shape)
    to_ground = np.asarray(A.sum(axis=1)).ravel()
    diagonal = np.abs(to_ground.real) + np.abs(to_ground.imag) - np.asarray(off.sum(axis=1)).ravel()
    return sp.csr_matrix(off + sp.diags(diagonal))
