"""What happens inside of particles that were eliminated, from what happens around them."""

from __future__ import annotations

import numpy as np

from miecsim.solvers.condense import Condensed, Pendant
from miecsim.typing import Array, Complex


def unfolded(condensed: Condensed, omega: Array, trunk: Complex, shape: tuple[int, int]) -> Complex:
    """Unknowns of every node and field, (n_f, N, m) with shape = (N, m), from those of the trunk (n_f, n, m_trunk)."""
    u = np.zeros((omega.size, *shape), dtype=complex)
    n = trunk.shape[1]
    u[:, :n, condensed.rows] = trunk
    for pendant in condensed.pendants:
        _fill(pendant, omega, u)
    return u


def _fill(p: Pendant, omega: Array, u: Complex) -> None:
    """The nodes of one kind of particles, from their control volumes."""
    around = u[:, p.nodes]  # (n_f, n, m)
    Y = p.ladders.passing(omega)[p.state].T  # (n_f, n)
    drive = np.einsum("nm,fnm->fn", p.into, around)
    if p.film is not None:
        film, surface = p.film, p.tree.particles.surface
        before, through = ((surface[:, None] * side.at(omega)[p.state]).T for side in (film.before, film.through))
        b = surface * film.b[p.state]
        fed = film.share * Y * drive + before * around[:, :, film.e] + through * around[:, :, film.i]
        beneath = fed / (b * Y + before + through)
        u[:, p.tree.surface, film.row] = beneath
        drive = drive - b / film.share * beneath
    per_surface = Y * drive / p.tree.particles.surface
    u[:, p.tree.ids, p.inside] = per_surface[:, :, None] * p.ladders.inside(omega)[:, p.state].transpose(2, 1, 0)
