"""Effective transport of a picture: conductivities, tensors, tortuosity factors, blocking electrodes.

Two tortuosities of one phase are in use, and they differ:

through   tau = fraction * sigma_0 / sigma_eff of a steady current from one side to the other; the inverse of
          fraction / tau is MacMullin's number. Dead ends do not count in sigma_eff, but do in fraction. inf where no
          cluster joins the sides.
blocking  tau_e = fraction * R_ion * sigma_0 * section / length with R_ion = 3 Re Z(w -> 0) of the same phase entered
          at one side, its walls blocked by a capacitance per area: what impedance of symmetric cells with blocking
          electrodes measures (Landesfeind et al. 2016). The current thins out on its way, dead ends are charged, too,
          and walls are wherever the picture has them; the two agree for straight pores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from miecsim.errors import InputError, SolveError
from miecsim.microstructure.conduction import (
    Sigma,
    check_axis,
    conduct,
    voxel_faces,
    voxel_network,
    voxel_numbers,
    voxel_sigma,
)
from miecsim.microstructure.networks import LARGEST_ERROR, Network, solve_nodal
from miecsim.microstructure.structure import Microstructure
from miecsim.solvers.linear import factorise, nested_dissection
from miecsim.solvers.nodal_form import NONE, NodalForm, Part
from miecsim.solvers.reduction import reduce_network
from miecsim.typing import Array, Bools, Complex, Ints, Values


def effective_conductivity(structure: Microstructure, sigma: Sigma, axis: int = 0, method: str = "auto") -> complex:
    """sigma_eff [S/m] between contacts on both sides of an axis, the other sides insulated or periodic; see `conduct`.

    A float where sigma is real. 0 where nothing that conducts joins the sides.
    """
    return conduct(structure, sigma, axis, method).conductivity


def effective_tensor(structure: Microstructure, sigma: Sigma, method: str = "auto") -> Values:
    """Tensor of effective conductivity [S/m] (dim, dim), symmetric, complex where sigma is.

    Axes along which the picture is periodic: a cell problem, Phi = periodic - E . x, <j> = sigma_eff E, every element.
    Other axes: the picture continued by mirroring, which is what contacts and insulated sides amount to; by symmetry
    their off-diagonal elements vanish, and the diagonal one is that of `effective_conductivity`.
    """
    values = voxel_sigma(structure, sigma)
    tensor = np.zeros((structure.dim, structure.dim), dtype=np.result_type(values, np.float64))
    for axis in range(structure.dim):
        if axis not in structure.periodic:
            tensor[axis, axis] = effective_conductivity(structure, values, axis, method)
    if structure.periodic:
        axes = np.array(sorted(set(structure.periodic)))
        tensor[np.ix_(axes, axes)] = _cell_problem(structure, values, axes, method)
    return tensor


def _cell_problem(structure: Microstructure, sigma: Values, axes: Ints, method: str) -> Values:
    """Elements of the tensor between periodic axes: the power of two fields, sum of g d_i d_j over the volume."""
    faces = [voxel_faces(structure, sigma, d, wrap=d in axes) for d in range(structure.dim)]
    left, right, g = (np.concatenate([f[part] for f in faces]) for part in range(3))
    across = np.repeat(np.arange(structure.dim), [len(f[0]) for f in faces])
    none = np.empty(0, dtype=np.int64)
    seam = left >= right
    network = Network(structure.labels.size, left, right, g, none, none, np.empty(0), structure.dim)
    cluster = network.clusters()
    # A cluster that crosses no seam carries nothing: it takes the potential -x, and has no power.
    crossing = np.isin(cluster, cluster[left[seam & (g != 0)]])
    g = np.where(crossing[left], g, 0.0)
    keep = crossing.copy()
    keep[np.unique(cluster, return_index=True)[1]] = False  # the potential of each cluster is free up to a constant
    A, number = network.laplacian(keep)
    i, j = number[left], number[right]
    grounded = _to_grounded(network, keep, number)
    A = A + sp.diags(grounded)
    drops = []
    for axis in axes:
        step = np.where(across == axis, structure.voxel[axis], 0.0)
        b = np.zeros(A.shape[0], dtype=sigma.dtype)
        np.add.at(b, i[i >= 0], (g * step)[i >= 0])
        np.add.at(b, j[j >= 0], -(g * step)[j >= 0])
        w = np.zeros(network.n, dtype=sigma.dtype)
        if len(b):
            w[keep], error, _ = solve_nodal(A, b, structure.dim, method)
            if not error <= LARGEST_ERROR * max(abs(np.sum(g * step**2)), np.finfo(float).tiny):
                raise SolveError(f"conduction: the cell problem of {len(b)} voxels has an error of {error:.1e} W")
        drops.append(step - (w[left] - w[right]))
    volume = float(np.prod(structure.extent))
    return np.array([[np.sum(g * one * other) for other in drops] for one in drops]) / volume


def _to_grounded(network: Network, keep: Bools, number: Ints) -> Values:
    """Conductance [S] of every kept node to the nodes left out."""
    out = np.zeros(int(keep.sum()), dtype=network.g.dtype)
    for here, there in ((network.left, network.right), (network.right, network.left)):
        at = keep[here] & ~keep[there]
        np.add.at(out, number[here[at]], network.g[at])
    return out


@dataclass(frozen=True)
class Tortuosity:
    """Transport through one phase. tau: tortuosity factor [-], inf where it does not join the sides.

    fraction: of the volume; percolating: share of the phase in clusters that join both sides; relative: sigma_eff /
    sigma_0. Some divide by the percolating fraction alone: that is tau * percolating.
    """

    phase: str
    axis: int
    fraction: float
    percolating: float
    relative: float
    tau: float
    error: float

    @property
    def macmullin(self) -> float:
        """sigma_0 / sigma_eff."""
        return np.inf if self.relative == 0 else 1 / self.relative


def tortuosity_factor(structure: Microstructure, phase: str, axis: int = 0, method: str = "auto") -> Tortuosity:
    """tau = fraction * sigma_0 / sigma_eff of a phase in insulating surroundings, along an axis. See the module."""
    fraction = _present(structure, phase)
    conduction = conduct(structure, {phase: 1.0}, axis, method)
    relative = float(np.real(conduction.conductivity))
    tau = np.inf if relative == 0 else fraction / relative
    percolating = float(np.mean(conduction.carrying)) / fraction
    return Tortuosity(phase, axis, fraction, percolating, relative, tau, conduction.error)


def _present(structure: Microstructure, phase: str) -> float:
    fraction = structure.fraction(phase)
    if fraction == 0:
        raise InputError(f'transport: phase "{phase}" fills no voxel')
    return fraction


@dataclass(frozen=True, eq=False)
class BlockingElectrode:
    """One phase entered at one side of an axis, capacitors on its walls and far end; a network and its capacitors.

    phase, axis, fraction, sigma [S/m], length [m], section [m2] (1 m deep in two dimensions). Nodes are the voxels
    that reach the entrance; wall_node, wall_g [S], wall_area [m2]: their voxel faces to other phases (and to the far
    end), half a voxel in series with each. reached: share of the phase that is entered.
    """

    phase: str
    axis: int
    fraction: float
    sigma: float
    length: float
    section: float
    reached: float
    matrix: sp.csr_matrix
    entrance: Array  # (n,) [S]
    wall_node: Ints
    wall_g: Array
    wall_area: Array
    dim: int

    @property
    def area(self) -> float:
        """Area of the blocking walls that the entrance reaches [m2], staircase as drawn."""
        return float(self.wall_area.sum())

    def impedance(self, omega: Array, capacitance: float, tolerance: float | None = None) -> Complex:
        """Z [ohm] (n_f,) with a capacitance [F/m2] on the walls, the other side of which is one electrode.

        Voxels by their conductances, walls by half a voxel in series with their capacitor; omega [rad/s] > 0. Frequency
        by frequency; with a tolerance from a network reduced to that relative error, much sooner for many of them.
        """
        w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
        if not (np.all(w > 0) and np.all(np.isfinite(w)) and capacitance > 0):
            raise InputError("transport: a blocking electrode needs frequencies and a capacitance above 0")
        if tolerance is not None:
            form, hertz = self._form(capacitance), w / (2 * np.pi)
            return reduce_network(form, hertz.min(), hertz.max(), tolerance, dimension=self.dim).Z(w)
        order = nested_dissection(self.matrix)
        return np.array([self._at(1j * each * capacitance, order) for each in w])

    def _form(self, capacitance: float) -> NodalForm:
        """The voxels, a node on every wall, and the entrance as the terminal; the electrode is the ground."""
        voxels, walls = self.matrix.shape[0], len(self.wall_node)
        n, at, on = voxels + walls + 1, np.arange(voxels), voxels + np.arange(walls)
        upper = sp.triu(self.matrix, k=1).tocoo()
        left = np.r_[upper.row, at, self.wall_node]
        right = np.r_[upper.col, np.full(voxels, n - 1), on]
        g = np.r_[-upper.data, self.entrance, self.wall_g]
        real = np.flatnonzero(g > 0)
        rows = np.r_[np.arange(real.size), np.arange(real.size)]
        ends = np.r_[np.ones(real.size), -np.ones(real.size)]
        between = sp.csr_matrix((ends, (rows, np.r_[left[real], right[real]])), shape=(real.size, n))
        held = sp.csr_matrix((np.ones(walls), (np.arange(walls), on)), shape=(walls, n))
        parts = Part(between, g[real]), Part(held, capacitance * self.wall_area)
        node = np.r_[at, self.wall_node, NONE]
        return NodalForm(n, np.arange(voxels)[:, None], np.array([n - 1]), node, parts, ())

    def _at(self, admittance: complex, order: Ints) -> complex:
        wall = 1 / (1 / self.wall_g + 1 / (admittance * self.wall_area))
        load = np.zeros(self.matrix.shape[0], dtype=np.complex128)
        np.add.at(load, self.wall_node, wall)
        matrix = sp.csr_matrix(self.matrix + sp.diags(load))[order][:, order]
        sunk = factorise(matrix, ordered=True).solve(load[order])  # 1 V - Phi, little at low frequency
        return complex(1 / np.sum(self.entrance[order] * sunk))

    def resistance(self, method: str = "auto") -> float:
        """Re Z [ohm] for omega -> 0 (a third of R_ion in a uniform pore), whatever the capacitance: exact limit.

        Re Z = (a G^-1 a + sum a_f^2/g_f) / (sum a_f)^2,   a the wall area of every node, G with the entrance held
        """
        area = np.bincount(self.wall_node, self.wall_area, minlength=self.matrix.shape[0])
        x, error, _ = solve_nodal(self.matrix, area, self.dim, method)
        inner = float(area @ x)
        if not error <= LARGEST_ERROR * inner:
            raise SolveError(f"transport: the blocking electrode of {len(x)} voxels errs by {error / inner:.1e}")
        return (inner + float(np.sum(self.wall_area**2 / self.wall_g))) / self.area**2

    def tortuosity(self, method: str = "auto") -> float:
        """tau_e = fraction * 3 Re Z(w -> 0) * sigma * section / length [-]."""
        return self.fraction * 3 * self.resistance(method) * self.sigma * self.section / self.length


def blocking_electrode(
    structure: Microstructure, phase: str, sigma: float = 1.0, axis: int = 0, far_end: bool = False
) -> BlockingElectrode:
    """A phase of conductivity sigma [S/m] entered at the first side of an axis; see `BlockingElectrode`.

    far_end: whether the phase's voxels at the last side carry a wall there, too (a collector), or end insulated.
    Sides of the other axes are insulated or periodic. InputError for a phase without a voxel at the entrance or a wall.
    """
    check_axis(structure, axis)
    if not (np.isfinite(sigma) and sigma > 0):
        raise InputError(f"sigma: read {sigma!r}; expected a positive number")
    fraction, mine = _present(structure, phase), structure.where(phase)
    network = voxel_network(structure, sigma * mine, axis)
    keep = network.reached()[0]
    if not keep.any():
        raise InputError(f'transport: phase "{phase}" has no voxel at the first side of axis {axis}')
    matrix, number = _entered(network, keep)
    at = (network.side == 0) & keep[network.node]
    entrance = np.zeros(matrix.shape[0])
    entrance[number[network.node[at]]] = network.g_contact[at]
    node, area, g = _walls(structure, mine, sigma, axis, far_end)
    held = keep[node]
    if not held.any():
        raise InputError(f'transport: phase "{phase}" has no wall that the first side of axis {axis} reaches')
    return BlockingElectrode(
        phase=phase,
        axis=axis,
        fraction=fraction,
        sigma=sigma,
        length=float(structure.extent[axis]),
        section=float(np.prod(np.delete(structure.extent, axis))),
        reached=float(keep.sum() / mine.sum()),
        matrix=matrix,
        entrance=entrance,
        wall_node=number[node[held]],
        wall_g=g[held],
        wall_area=area[held],
        dim=structure.dim,
    )


def _entered(network: Network, keep: Bools) -> tuple[sp.csr_matrix, Ints]:
    """Nodal matrix [S] of the voxels to keep with the first contact held and the last one taken away."""
    first = network.side == 0
    entered = Network(
        network.n,
        network.left,
        network.right,
        network.g,
        network.node[first],
        network.side[first],
        network.g_contact[first],
        network.dim,
    )
    return entered.laplacian(keep)


def _walls(structure: Microstructure, mine: Bools, sigma: float, axis: int, far_end: bool) -> tuple[Ints, Array, Array]:
    """Voxels of a phase at its walls, area [m2] of each voxel face there, conductance [S] of half a voxel before it."""
    number, inside = voxel_numbers(structure), mine.ravel(order="F")
    nodes, areas, steps = [], [], []
    for d in range(structure.dim):
        left, right, _ = voxel_faces(structure, np.ones(structure.shape), d, d != axis and d in structure.periodic)
        wall = inside[left] != inside[right]
        at = [np.where(inside[left[wall]], left[wall], right[wall])]
        if far_end and d == axis:
            last = np.take(number, -1, axis=axis).ravel()
            at.append(last[inside[last]])
        nodes.append(np.concatenate(at))
        face = np.prod(structure.voxel) / structure.voxel[d]
        areas.append(np.full(len(nodes[-1]), face))
        steps.append(np.full(len(nodes[-1]), structure.voxel[d]))
    node, area, step = np.concatenate(nodes), np.concatenate(areas), np.concatenate(steps)
    return node, area, 2 * sigma * area / step
