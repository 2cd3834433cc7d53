"""Conduction through a picture: div(sigma grad Phi) = 0 on its voxels, real or complex sigma.

Two-point fluxes: every face is the series connection of two half voxels, every contacted end half a voxel. Sides that
are not contacted are insulated, or joined where the picture is periodic. A picture in two dimensions is 1 m deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError
from miecsim.microstructure.networks import Network, through
from miecsim.microstructure.structure import Microstructure, axes_of, axis_name
from miecsim.typing import Bools, Ints, Values

# Conductivity [S/m] of phases by name (those not named insulate), or of every voxel in the shape of the labels.
Sigma = Mapping[str, float] | Mapping[str, complex] | Values


@dataclass(frozen=True, eq=False)
class Conduction:
    """A picture with 1 V at its first side along `axis` and 0 V at its last one.

    conductance [S]; conductivity [S/m] = conductance * length / section, both complex where sigma is; potential [V] in
    the shape of the picture, nan in voxels that no contact reaches; carrying: voxels of clusters that join both sides;
    error: estimated relative error of the solve (not of the grid); method: "direct", "iterative" or "none".
    """

    structure: Microstructure
    sigma: Values
    axis: int
    conductance: complex
    conductivity: complex
    potential: Values
    carrying: Bools
    error: float
    method: str

    def current_density(self) -> Values:
        """-sigma grad Phi [A/m2] at 1 V, mean of the two faces of every voxel, (dim, *shape); 0 in islands."""
        parts = [_mean_flux(self, axis) for axis in range(self.structure.dim)]
        return np.stack(parts)


def conduct(structure: Microstructure, sigma: Sigma, axis: int = 0, method: str = "auto") -> Conduction:
    """Current through a picture between the two sides of an axis (0: x), whether or not it is periodic along it.

    sigma [S/m], real or complex with a real part >= 0: {phase: value}, phases not named insulate; or per voxel.
    method: "direct", "iterative", "auto" by size. InputError for what cannot be, SolveError as in `through`.
    """
    conductivity = voxel_sigma(structure, sigma)
    network = voxel_network(structure, conductivity, axis)
    solved = through(network, method)
    first, second = network.reached()
    shape, extent, area = structure.shape, structure.extent, _section(structure, axis)
    return Conduction(
        structure=structure,
        sigma=conductivity,
        axis=axis,
        conductance=solved.conductance,
        conductivity=solved.conductance * float(extent[axis]) / area,
        potential=solved.potential.reshape(shape, order="F"),
        carrying=(first & second).reshape(shape, order="F"),
        error=solved.error,
        method=solved.method,
    )


def voxel_sigma(structure: Microstructure, sigma: Sigma) -> Values:
    """Conductivity [S/m] of every voxel, in the shape of the picture. InputError for what cannot be."""
    if isinstance(sigma, Mapping):
        values = np.zeros(len(structure.names), dtype=np.result_type(np.float64, *sigma.values()))
        for name, value in sigma.items():
            values[structure.index(name)] = value
        out: Values = values[structure.labels]
    else:
        out = np.asarray(sigma) * 1.0
    if out.shape != structure.shape:
        raise InputError(f"conduction: read sigma of shape {out.shape}; the picture is {structure.shape}")
    if not (np.all(np.isfinite(out)) and np.all(out.real >= 0)):
        raise InputError("conduction: sigma has to be finite with a real part of at least 0")
    return out


def voxel_network(structure: Microstructure, sigma: Values, axis: int) -> Network:
    """The voxels (x fastest) as nodes, their faces as conductances [S], contacts on both sides of `axis`."""
    check_axis(structure, axis)
    faces = [voxel_faces(structure, sigma, d, wrap=d != axis and d in structure.periodic) for d in range(structure.dim)]
    number = voxel_numbers(structure)
    ends = [np.take(number, at, axis=axis).ravel() for at in (0, -1)]
    node = np.concatenate(ends)
    half = 2 * _section_of_voxel(structure, axis) / structure.voxel[axis]
    return Network(
        n=number.size,
        left=np.concatenate([f[0] for f in faces]),
        right=np.concatenate([f[1] for f in faces]),
        g=np.concatenate([f[2] for f in faces]),
        node=node,
        side=np.repeat(np.arange(2), len(ends[0])),
        g_contact=half * sigma.ravel(order="F")[node],
        dim=structure.dim,
    )


def voxel_faces(structure: Microstructure, sigma: Values, axis: int, wrap: bool) -> tuple[Ints, Ints, Values]:
    """Voxels before and behind every face across an axis, and its conductance [S]; `wrap` joins the last and first."""
    number = voxel_numbers(structure)
    n = structure.shape[axis]
    before = np.arange(n if wrap else n - 1)
    left, right = (np.take(number, (before + step) % n, axis=axis).ravel() for step in (0, 1))
    values = sigma.ravel(order="F")
    s, t = values[left], values[right]
    total = np.where(s + t == 0, 1.0, s + t)
    # s t first divided: their product may underflow where both are small
    g = 2 * (s / total) * t * (_section_of_voxel(structure, axis) / structure.voxel[axis])
    return left, right, np.where((s == 0) | (t == 0), 0.0, g)


def voxel_numbers(structure: Microstructure) -> Ints:
    """Number of every voxel, x fastest, in the shape of the picture."""
    return np.arange(structure.labels.size).reshape(structure.shape, order="F")


def check_axis(structure: Microstructure, axis: int) -> None:
    if axis not in range(structure.dim):
        raise InputError(f"conduction: read axis {axis_name(axis)}; the picture has {axes_of(structure.dim)}")


def _section_of_voxel(structure: Microstructure, axis: int) -> float:
    """Area [m2] of a voxel's face across an axis; of a picture in two dimensions 1 m deep."""
    return float(np.prod([v for d, v in enumerate(structure.voxel) if d != axis]))


def _section(structure: Microstructure, axis: int) -> float:
    return float(np.prod(np.delete(structure.extent, axis)))


def _mean_flux(conduction: Conduction, axis: int) -> Values:
    structure, sigma = conduction.structure, conduction.sigma
    phi = np.nan_to_num(conduction.potential.ravel(order="F"), nan=0.0)
    wrap = axis != conduction.axis and axis in structure.periodic
    left, right, g = voxel_faces(structure, sigma, axis, wrap)
    current = g * (phi[left] - phi[right])
    out = np.zeros(phi.size, dtype=current.dtype)
    np.add.at(out, left, current)
    np.add.at(out, right, current)
    if axis == conduction.axis:
        network = voxel_network(structure, sigma, axis)
        out[network.node] += network.g_contact * np.where(network.side == 0, 1 - phi[network.node], phi[network.node])
    density: Values = out / (2 * _section_of_voxel(structure, axis))
    return density.reshape(structure.shape, order="F")
