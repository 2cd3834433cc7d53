"""Relaxation times of a network of resistors and capacitors: its impedance as a sum of poles.

A symmetric, positive semidefinite pair (G, C) and a real drive b have

    Z(w) = b^T (G + i w C)^-1 b = R_inf + sum over k of R_k/(1 + i w tau_k) + 1/(i w C_dc),

with every R_k and tau_k positive (Foster 1924): the distribution of relaxation times is a set of lines. Of a full
discretisation these are its own, exactly; of a reduced network they are fewer, and say the same within its band.

The pair is taken as G = A^T A and C = B^T B, and never formed: the cosine-sine decomposition of A and B keeps the small
share of resistors in a slow mode, and that of capacitors in a fast one, to all digits (Van Loan 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.typing import Array, Complex

DEPENDENT = 1e-8  # directions of (A, B) below this, relative to the largest, are noise
ROUND_OFF = 1e-14  # of the shares of G and C that a mode has: below it, it has none
UNSEEN = 1e-14  # residues below this, relative to the sum of all, are left out


@dataclass(frozen=True)
class Relaxations:
    """tau (k,) [s], ascending, and R (k,) [ohm] of each; R_inf [ohm]; C_dc [F], inf where a direct current passes."""

    tau: Array
    R: Array
    R_inf: float
    C_dc: float

    def Z(self, omega: Array) -> Complex:
        """The impedance (n_f,) [ohm] that the poles add up to, at omega (n_f,) [rad/s]."""
        jw = 1j * np.asarray(omega, dtype=float)
        poles = (self.R / (1.0 + jw[:, None] * self.tau)).sum(axis=1)
        return np.asarray(self.R_inf + poles + (1.0 / self.C_dc) / jw)


def relaxations(A: Array, B: Array, b: Array, anchor: float) -> Relaxations:
    """Poles of b^T (A^T A + i w B^T B)^-1 b, A (k, n), B (l, n), b (n,); anchor [rad/s]: a frequency amid those asked.

    Times more than 14 decades from 1/anchor count as 0 or infinite.
    """
    return modes(A, B, b, anchor)[0]


def modes(A: Array, B: Array, b: Array, anchor: float) -> tuple[Relaxations, Array]:
    """`relaxations`, and x (n, poles): the shape that decays with each of them, A^T A x = B^T B x/tau.

    In a basis that makes A^T A + anchor B^T B the identity both are diagonal, with shares 1 - gamma and gamma:
    tau = gamma/((1 - gamma) anchor). Each x is of length 1 in that sense.
    """
    both = np.concatenate([A, np.sqrt(anchor) * B])
    d = 1.0 / np.linalg.norm(both, axis=0)
    Q, size, V = np.linalg.svd(both * d, full_matrices=False)
    keep = size > DEPENDENT * size[0]
    Q, basis = Q[:, keep], d[:, None] * V[keep].T / size[keep]
    _, sine, rotation = np.linalg.svd(Q[len(A) :], full_matrices=True)
    gamma = np.zeros(rotation.shape[0])
    gamma[: len(sine)] = np.minimum(sine, 1.0) ** 2
    resistive = ((Q[: len(A)] @ rotation.T) ** 2).sum(axis=0)  # 1 - gamma, without the difference
    weight = (rotation @ (basis.T @ b)) ** 2
    fast, blocked = gamma < ROUND_OFF, resistive < ROUND_OFF
    seen = np.flatnonzero(~fast & ~blocked & (weight > UNSEEN * weight.sum()))
    seen = seen[np.argsort(gamma[seen] / resistive[seen])]
    stiff = float(weight[blocked].sum())
    C_dc = 1.0 / (anchor * stiff) if stiff > UNSEEN * weight.sum() else float("inf")
    tau = gamma[seen] / (resistive[seen] * anchor)
    found = Relaxations(tau, weight[seen] / resistive[seen], float(weight[fast].sum()), C_dc)
    return found, basis @ rotation[seen].T
