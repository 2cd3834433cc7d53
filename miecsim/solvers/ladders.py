"""Chains of shells eliminated from the centre outwards, many chains and all frequencies at once.

Of one chain, with the flux K_left c_outer - K_right c_inner inwards across each face and the storage V of each shell,
start with c = 1, F = i w V in the innermost and go outwards,

    c_outer = (F + K_right c)/K_left,     F_outer = F + i w V c_outer,

so that nothing is subtracted and F/c at the surface is the admittance of all that lies behind it. With w = s c,
s_outer = s_inner K_left/K_right, a step is w += a F, F += i w b w, a = s_inner/K_right, b = V/s. (Shooting of the
three-term recurrence outwards is stable: the regular solution is the one that grows.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.typing import Array, Complex

RESCALE = 8  # shells between which numbers are brought back to the order of one


@dataclass(frozen=True)
class Ladders:
    """G chains of n shells: a (n, G) from the surface's face inwards and b (n, G) from the outermost shell inwards;
    s (1 + n, G) of the surface and of the shells; link (G,) what joins the surface to its control volume, k/s, k its
    conductance over c at the surface."""

    a: Array
    b: Array
    s: Array
    link: Array

    @classmethod
    def of(cls, K_left: Array, K_right: Array, V: Array, k: Array) -> Ladders | None:
        """From K of the faces behind the surface and V of the shells, (G, n) each inwards, and k (G,); None where a
        conductance vanishes or changes its sign from one side of a face to the other."""
        with np.errstate(all="ignore"):
            ratio = K_left / K_right
            if not np.all(np.isfinite(ratio) & (ratio > 0)):
                return None
            outer = np.cumprod(ratio[:, ::-1], axis=1)[:, ::-1]  # s of the surface and of all but the innermost shell
        s = np.concatenate([outer, np.ones((len(V), 1))], axis=1).T
        return cls(s[1:] / K_right.T, V.T / s[1:], s, k / s[0])

    @classmethod
    def joined(cls, parts: Sequence[Ladders]) -> Ladders:
        """Chains of the same number of shells side by side."""
        names = ("a", "b", "s", "link")
        return cls(*(np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in names))

    def passing(self, omega: Array, compiled: bool = False) -> Complex:
        """y/(y + k) (G, n_f), y the admittance behind the surface: the share of k that is felt in front of it."""
        if compiled:
            from miecsim.solvers import ladders_compiled

            return ladders_compiled.passing(self.a, self.b, self.link, omega)
        F, w = self._outwards(omega, None)
        return np.asarray(F / (F + self.link[:, None] * w))

    def inside(self, omega: Array) -> Complex:
        """c of the surface and of the shells inwards per unit of what enters at the surface, (1 + n, G, n_f)."""
        stored = np.ones((len(self.s), len(self.link), omega.size), dtype=complex)
        F, _ = self._outwards(omega, stored)
        return np.asarray(stored / (F * self.s[:, :, None]))

    def _outwards(self, omega: Array, stored: Complex | None) -> tuple[Complex, Complex]:
        """F and w at the surface (G, n_f), on a common scale with every w, kept in `stored` (1 + n, G, n_f)."""
        iw = 1j * omega
        w = np.ones((len(self.link), omega.size), dtype=complex)
        F = self.b[-1][:, None] * iw
        for j in range(len(self.a) - 1, -1, -1):
            w += self.a[j][:, None] * F
            if stored is not None:
                stored[j] = w
            if j:
                F += self.b[j - 1][:, None] * (iw * w)
            if j % RESCALE == 0:
                size = 1 / np.abs(w)
                w *= size
                F *= size
                if stored is not None:
                    stored[j:] *= size
        return F, w
