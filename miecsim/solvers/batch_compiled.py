"""Spectra of many two-rail lines on one grid, compiled: a scalar ladder for each, with the total current known.

Between a left and a right node, the two rails of a face have resistances R_1, R_2 and what they share, R_12 (zero
without a cross term). The axial current J is the same in every face, and with u = Phi_1 - Phi_2 the first rail carries

    i_1 = kappa (u_L - u_R) + t_1 J,   kappa = 1/(R_1 + R_2 - 2 R_12),  t_1 = kappa (R_2 - R_12),  t_2 = 1 - t_1.

Nodes join the rails by y_i(w). So A u = b with A tridiagonal and symmetric, b_i what J and the contacts bring, and

    Z = b . A^-1 b + J^2 sum of (R_1 R_2 - R_12^2) kappa.

Forward elimination, with D = P + kappa and m = P/D: P' = kappa m + y', s' = b' + s kappa/D, and Z is the sum of
s^2/D. No conductance is subtracted from another: Re m = (Re P Re D + Im P^2)/|D|^2 and Im m = kappa Im P/|D|^2 are sums
of what a passive line has positive. Nor does a blocked rail lose its leak: with B_i the sum of b up to node i, which is
known without summing (t_2, -t_1, or what passes the contacts), s = B - w and w' = w + m s, so that what is left of s
where B vanishes has all its digits.

Frequencies run innermost, `W` lanes at a time: 42 operations a node and frequency, one of them a division.
"""

from __future__ import annotations

import numpy as np

from miecsim.solvers.chain_compiled import NEGLIGIBLE, _inline, compiled
from miecsim.typing import Array, Complex, Ints

W = 64
FLOPS = 42  # a node and frequency


@_inline
def _face(R1: float, R2: float, R12: float, has_1: bool, has_2: bool) -> tuple[float, float, float, float]:
    """kappa, t_1, t_2 and (R_1 R_2 - R_12^2) kappa of a face that one or both rails cross."""
    both = has_1 and has_2
    k = 1.0 / (R1 + R2 - 2.0 * R12) if both else 0.0
    t1 = k * (R2 - R12) if both else (1.0 if has_1 else 0.0)
    t2 = k * (R1 - R12) if both else (1.0 if has_2 else 0.0)
    alone = R1 if has_1 else (R2 if has_2 else np.inf)
    return k, t1, t2, (R1 * R2 - R12 * R12) * k if both else alone


# x: W numbers each of Re and Im of P, w and Z


@_inline
def _start(x: Array, y: Array, a: float, pad: float, lanes: int) -> None:
    """P of the first node; nothing else yet."""
    for f in range(lanes):
        x[f] = a * y[f] + pad
        x[W + f] = a * y[W + f]
        x[2 * W + f] = 0.0
        x[3 * W + f] = 0.0
        x[4 * W + f] = 0.0
        x[5 * W + f] = 0.0


@_inline
def _shift(x: Array, y: Array, lanes: int) -> None:
    """w += y."""
    for f in range(lanes):
        x[2 * W + f] += y[f]
        x[3 * W + f] += y[W + f]


@_inline
def _flush(x: Array, lanes: int) -> None:
    """What w still lacks dies away; numbers near 1e-308 would cost a hundred times the time."""
    for f in range(lanes):
        x[2 * W + f] = 0.0 if abs(x[2 * W + f]) < NEGLIGIBLE else x[2 * W + f]
        x[3 * W + f] = 0.0 if abs(x[3 * W + f]) < NEGLIGIBLE else x[3 * W + f]


@_inline
def _step(x: Array, y: Array, k: float, B: float, a: float, pad: float, lanes: int) -> None:
    """Eliminate a node with kappa = k to its right, and go on to the next, of admittance a y + pad."""
    for f in range(lanes):
        Pr, Pi, wr, wi = x[f], x[W + f], x[2 * W + f], x[3 * W + f]
        Dr, q, sr = Pr + k, Pi * Pi, B - wr
        over = 1.0 / (Dr * Dr + q)
        mr, mi = (Pr * Dr + q) * over, k * Pi * over
        zr, zi = (sr * Dr - wi * Pi) * over, -(wi * Dr + sr * Pi) * over
        x[4 * W + f] += sr * zr + wi * zi
        x[5 * W + f] += sr * zi - wi * zr
        x[2 * W + f] = wr + (mr * sr + mi * wi)
        x[3 * W + f] = wi + (mi * sr - mr * wi)
        x[f] = k * mr + (a * y[f] + pad)
        x[W + f] = k * mi + a * y[W + f]


@_inline
def _cross(x: Array, k: Array, B: Array, y: Array, a: float, pad: float, lanes: int) -> None:
    """The same across a face where kappa and B are complex."""
    for f in range(lanes):
        Pr, Pi, wr, wi = x[f], x[W + f], x[2 * W + f], x[3 * W + f]
        Dr, Di, sr, si = Pr + k[f], Pi + k[W + f], B[f] - wr, B[W + f] - wi
        over = 1.0 / (Dr * Dr + Di * Di)
        mr, mi = (Pr * Dr + Pi * Di) * over, (Pi * Dr - Pr * Di) * over
        zr, zi = (sr * Dr + si * Di) * over, (si * Dr - sr * Di) * over
        x[4 * W + f] += sr * zr - si * zi
        x[5 * W + f] += sr * zi + si * zr
        x[2 * W + f] = wr + (mr * sr - mi * si)
        x[3 * W + f] = wi + (mr * si + mi * sr)
        x[f] = k[f] * mr - k[W + f] * mi + (a * y[f] + pad)
        x[W + f] = k[f] * mi + k[W + f] * mr + a * y[W + f]


@_inline
def _line(
    rho: Array,
    layer: Ints,
    distance: Array,
    area: Array,
    seam_row: Ints,
    current: tuple[int, int, int],
    K: Array,
    B: Array,
    pad: Array,
) -> float:
    """Fill in kappa and B of all faces but seams, and S = 1 where a rail is absent; the resistance without interface
    current is returned."""
    n, constant, (J, enters, leaves) = len(layer), 0.0, current
    for i in range(n):
        r = rho[layer[i]]
        pad[i] = 0.0 if r[0] < np.inf and r[1] < np.inf else 1.0
    for i in range(n - 1):
        if seam_row[i] >= 0:
            continue
        a, b, d, e = rho[layer[i]], rho[layer[i + 1]], distance[:, 0, i], distance[:, 1, i]
        has_1, has_2 = a[0] < np.inf and b[0] < np.inf, a[1] < np.inf and b[1] < np.inf
        R12 = d[0] * a[2] + e[0] * b[2] if has_1 and has_2 else 0.0
        k, t1, t2, R = _face(d[0] * a[0] + e[0] * b[0], d[1] * a[1] + e[1] * b[1], R12, has_1, has_2)
        K[i] = k * area[i]
        B[i] = (t2 if enters else -t1) if J else float(enters)
        constant += R / area[i]
    B[n - 1] = enters - leaves
    return constant


@compiled
def spectra(
    rho: Array,
    layer: Ints,
    distance: Array,
    area: Array,
    row: Ints,
    size: Array,
    seam_row: Ints,
    table: Array,
    ends: Ints,
    n_f: int,
) -> Complex:
    """Z (B, n_f) of B lines of n nodes, without what stands in series with them.

    rho (B, L, 3) [ohm m]: rho_1, rho_2, rho_12 of every layer, inf for a rail that is absent; layer (n,) of every node;
    distance (2, 2, n-1) [m]: of either rail from the nodes on the left and right to the faces; area (n-1,) [m2]. The
    admittance of node i is size[i] (in m3 or m2) times row row[i] of table (B, groups, rows, 2 W): 64 real parts, then
    64 imaginary ones, of as many frequencies. seam_row (n,): where kappa and B depend on frequency across the face
    after a node, the row of kappa, with that of B behind it; else -1. ends: J; what enters rail 1 at the left and
    leaves it at the right (1, 0 or -1); whether u = 0 at the left and at the right end; rows of the table to be added
    to w before the first and the last node, or -1.
    """
    n, groups = len(layer), table.shape[1]
    lanes = -(-n_f // (8 * groups)) * 8  # whole vectors
    J, enters, leaves, left_short, right_short, left_row, right_row = ends
    out = np.empty((len(rho), n_f), dtype=np.complex128)
    x, K, B, pad = np.empty(6 * W), np.zeros(n), np.zeros(n), np.zeros(n)
    first, last = (1 if left_short else 0), (n - 2 if right_short else n - 1)
    for s in range(len(rho)):
        constant = _line(rho[s], layer, distance, area, seam_row, (J, enters, leaves), K, B, pad)
        for g in range(groups):
            y = table[s, g]
            _start(x, y[row[first]], size[first], pad[first], lanes)
            if left_short:
                for f in range(lanes):
                    x[f] += K[0]
                    x[2 * W + f] = B[0]
            if left_row >= 0:
                _shift(x, y[left_row], lanes)
            for i in range(first, last):
                if i % 8 == 0:
                    _flush(x, lanes)
                j = seam_row[i]
                if j < 0:
                    _step(x, y[row[i + 1]], K[i], B[i], size[i + 1], pad[i + 1], lanes)
                else:
                    _cross(x, y[j], y[j + 1], y[row[i + 1]], size[i + 1], pad[i + 1], lanes)
            if right_row >= 0:
                _shift(x, y[right_row], lanes)
            _step(x, y[row[last]], K[last], B[last], 0.0, 0.0, lanes)
            start = g * lanes
            for f in range(min(lanes, n_f - start)):
                out[s, start + f] = complex(x[4 * W + f] + J * constant, x[5 * W + f])
    return out
