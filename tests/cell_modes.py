"""The spectrum of a cell at rest without a mesh: eigenmodes of every layer, joined at the interfaces.

At rest the equations of Doyle, Fuller and Newman (1993, 10.1149/1.2221597) have constant coefficients. With amplitudes
c of the salt, v = phi_s - phi_e, N of the anion's flux and i of the current in the electrolyte, per current density I
through the cell (from negative to positive in the electrolyte: a discharge),

    c' = -(N + (1 - t) i/F)/D         N' = -j w eps c
    v' = i/kappa - (I - i)/sigma - g c'      i' = a_v Y v          g = 2 (1 - t) V_T TDF/c_0

Y the admittance of a particle's surface with its closed diffusion impedance (sphere) and double layer, charged by
cations; where it is by anions (as in PyBaMM 26.10), N' = -j w (eps c + a_v C_dl v/F). Every layer has two pairs of
modes exp(+-lambda x), counted from the end where each is largest: nothing overflows at any frequency. Written in the
terms of the papers, without miecsim's discretisation, potentials or laws.
"""

from __future__ import annotations

import numpy as np
from published_cells import Cell

from miecsim.constants import FARADAY, thermal_voltage

V_T = thermal_voltage(298.15)


def surface_admittance(omega: float, particle, c_e: float) -> tuple[complex, complex]:
    """1/(R_ct + Z_D) and j w C_dl  [S per m2 of particle]."""
    x, host = particle.stoichiometry, particle.host
    slope = float(np.imag(host.U(np.array([x + 1e-30j]))[0]) / 1e-30)
    q = np.sqrt(1j * omega * particle.radius**2 / host.diffusivity)
    Z_D = -slope / host.c_max * particle.radius / (FARADAY * host.diffusivity) * np.tanh(q) / (q - np.tanh(q))
    i0 = float(particle.kinetics.i0(np.array([c_e]), np.array([x]))[0])
    C = particle.double_layer.C if particle.double_layer else 0.0
    return 1 / (V_T / i0 + Z_D), 1j * omega * C


class _Layer:
    """Modes of one layer: state (c, v, N, i), in a separator (c, N); x from 0 to L."""

    def __init__(self, layer, omega: float, anions: bool) -> None:
        salt = layer.electrolyte
        c0, self.t = np.array([salt.concentration]), salt.transference_number
        D, self.kappa = (layer.transport * float(law(c0)[0]) for law in (salt.diffusivity, salt.conductivity))
        self.g = 2 * (1 - self.t) * V_T * salt.thermodynamic_factor / c0[0]
        self.sigma, self.L, drag = layer.sigma_eon, layer.thickness, (1 - self.t) / FARADAY
        if layer.particles:
            (p,) = layer.particles
            transfer, charging = 3 * p.volume_fraction / p.radius * np.array(surface_admittance(omega, p, c0[0]))
            A = np.zeros((4, 4), dtype=complex)
            A[0, 2:] = -1 / D, -drag / D
            A[1, 2:] = self.g / D, 1 / self.kappa + 1 / self.sigma + self.g * drag / D
            A[2, :2] = -1j * omega * layer.porosity, -charging / FARADAY if anions else 0.0
            A[3, 1] = transfer + charging
            forced = np.array([0, -1 / self.sigma, 0, 0])
            unit = np.array([c0[0], V_T, D * c0[0] / self.L, FARADAY * D * c0[0] / self.L])
        else:
            A = np.array([[0, -1 / D], [-1j * omega * layer.porosity, 0]])
            forced = np.array([-drag / D, 0])
            unit = np.array([c0[0], D * c0[0] / self.L])
        self.rates, vectors = np.linalg.eig(A * unit / unit[:, None])
        self.vectors = vectors * unit[:, None]
        self.particular = -np.linalg.solve(A, forced)

    def at(self, x: float) -> np.ndarray:
        """State per amplitude of every mode, (states, modes), at x."""
        start = np.where(self.rates.real < 0, 0.0, self.L)
        return np.asarray(self.vectors * np.exp(self.rates * (x - start)))


def _amplitudes(n: _Layer, s: _Layer, p: _Layer) -> list[np.ndarray]:
    """Of the modes of the three layers, per unit of I: no flux at the collectors, no electrons at the separator, salt
    and its flux continuous."""
    rows, right = [], []

    def demand(left, of_left, other, of_other, value):
        row = [np.zeros(layer.rates.size, dtype=complex) for layer in (n, s, p)]
        layer, end, k = left
        row[layer] += of_left * (n, s, p)[layer].at(end)[k]
        value -= of_left * (n, s, p)[layer].particular[k]
        if other is not None:
            layer, end, k = other
            row[layer] += of_other * (n, s, p)[layer].at(end)[k]
            value -= of_other * (n, s, p)[layer].particular[k]
        rows.append(np.concatenate(row))
        right.append(value)

    for layer, outer, inner in ((0, 0.0, n.L), (2, p.L, 0.0)):
        middle = 0.0 if layer == 0 else s.L
        demand((layer, outer, 2), 1, None, 0, 0.0)
        demand((layer, outer, 3), 1, None, 0, 0.0)
        demand((layer, inner, 0), 1, (1, middle, 0), -1, 0.0)
        demand((layer, inner, 2), 1, (1, middle, 1), -1, 0.0)
        demand((layer, inner, 3), 1, None, 0, 1.0)
    M = np.array(rows)
    size = np.abs(M).max(axis=1)
    M, b = M / size[:, None], np.array(right) / size
    column = np.abs(M).max(axis=0)
    x = np.linalg.solve(M / column, b) / column
    return np.split(x, np.cumsum([n.rates.size, s.rates.size]))


def impedance(cell: Cell, frequency: np.ndarray, charged_by_anions: bool = False) -> np.ndarray:
    """Z [ohm] of the whole cell at rest, (n_f,)."""
    out = []
    for omega in 2 * np.pi * np.asarray(frequency):
        layers = n, s, p = [_Layer(layer, omega, charged_by_anions) for layer in cell.layers]
        parts = _amplitudes(n, s, p)
        ends = [
            [layer.particular + layer.at(x) @ a for x in (0.0, layer.L)] for layer, a in zip(layers, parts, strict=True)
        ]
        drop = s.L / s.kappa  # of phi_e by ohmic currents: int i/kappa dx
        for layer, (left, right) in ((n, ends[0]), (p, ends[2])):
            whole = right[1] - left[1] + layer.L / layer.sigma + layer.g * (right[0] - left[0])
            drop += whole * layer.sigma / (layer.kappa + layer.sigma)
        phi_e = n.g * (ends[2][1][0] - ends[0][0][0]) - drop
        V = ends[2][1][1] - ends[0][0][1] + phi_e
        out.append(-V / cell.area)
    return np.array(out)
