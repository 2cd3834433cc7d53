"""Probes on bodies of revolution: the constriction of a disc, four points in a row on a slab."""

from __future__ import annotations

from math import pi

import numpy as np

from miecsim.grid import Grid
from miecsim.grid.cylinder import TIP, TipMesh, cylinder, under_tip
from miecsim.grid.patches import Patch, with_patches
from miecsim.grid.spacing import uniform
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import CompositeLayer
from miecsim.physics.models import composite_electrode
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import amplitudes
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint
from miecsim.system import build_on_grid
from miecsim.techniques import formulas_probe, formulas_tip
from miecsim.verify.proof import Outcome, Proof, single
from miecsim.verify.samples import CONTINUUM, wired

RESISTIVITY, SPACING, THICKNESS = 1.81, 0.00257, 0.000794
RADIUS = 37e-9
NEWMAN = "Newman 1966, J. Electrochem. Soc. 113, 501"
FOUR_POINTS = 1e-4
BETWEEN = np.array([-1, 9, 9, -1]) / 16  # value at the face amid four equal cells, third order


def _fed(grid: Grid, layer: str, thickness: float, far: str, radius: float) -> OperatingPoint:
    """An ion conductor between the disc and another side of the body."""
    model = composite_electrode([CompositeLayer(layer, thickness, sigma_ion=1 / RESISTIVITY)])
    wiring = wired(("A", TIP, "ion", Reversible()), ("B", far, "ion", Reversible()))
    return rest_point(build_on_grid(model, wiring, grid, area=pi * radius**2))


def _disc(thickness: float, outer: float, fineness: float) -> float:
    """R [ohm] from the disc to the base of a film."""
    grid = under_tip([("film", thickness)], TipMesh(RADIUS, outer, fineness))
    return float(1 / dc_admittance(_fed(grid, "film", thickness, "bottom", RADIUS))[0, 0])


def _disc_outcome(thickness: float, outer: float, exact: float, note: str) -> Outcome:
    """Extrapolated from two meshes, one twice as fine, the error being of the second order; that order."""
    film = formulas_tip.disc_on_film(RESISTIVITY, RADIUS, thickness)
    coarse, fine = (_disc(thickness, outer, n) for n in (0.7, 1.4))
    order = float(np.log2((coarse - film) / (fine - film)))
    said = f"{note}; extrapolated from two meshes, the finer {fine / exact - 1:.1e} high"
    return single((4 * fine - coarse) / 3, exact, "ohm", said, order=order)


def _half_space() -> Outcome:
    exact = float(formulas_probe.disc_resistance(RESISTIVITY, RADIUS))
    return _disc_outcome(3000 * RADIUS, 9000 * RADIUS, exact, "3000 radii deep")


def _film() -> Outcome:
    exact = formulas_tip.disc_on_film(RESISTIVITY, RADIUS, 3.1 * RADIUS)
    return _disc_outcome(3.1 * RADIUS, 32 * RADIUS, exact, "3.1 radii thick")


def _transfer(n: int) -> float:
    """V/I [ohm] of four points on n cells per spacing: each of the two that feed acts on the two that read alike.

    A point is a disc of one cell's width, its counterpart a ring: beyond one thickness the field does not tell.
    """
    rings = 4 * n
    body = cylinder([("slab", uniform(THICKNESS, n // 3))], uniform(4 * SPACING, rings))
    radius = SPACING / n
    point = _fed(with_patches(body, [Patch(TIP, "top", 0.0, radius)]), "slab", THICKNESS, "right", radius)
    potential = amplitudes(point, np.array([1.0])).potential[0, : body.n_cells, 0].real[-rings:]
    near, far = (float(BETWEEN @ potential[k * n - 2 : k * n + 2]) for k in (1, 2))
    return float(2 * (near - far) / dc_admittance(point)[0, 0])


def _four_points() -> Outcome:
    exact = float(formulas_probe.four_point_slab(RESISTIVITY, SPACING, THICKNESS))
    coarse, fine = (_transfer(n) / exact - 1 for n in (12, 24))
    note = f"{THICKNESS / SPACING:.3g} spacings thick, 24 cells to a spacing"
    return single(exact * (1 + fine), exact, "ohm", note, order=float(np.log2(coarse / fine)))


def proofs(family: str) -> list[Proof]:
    """A disc on a half space and on a film; four points on a slab."""
    return [
        Proof(
            f"{family}.disc.half_space", "constriction under a disc", family, "R = ρ/4a", NEWMAN, CONTINUUM,
            _half_space, order=2.0,
        ),
        Proof(
            f"{family}.disc.film", "constriction under a disc on a film", family,
            "g(s) − (2/π)∫g(u)∫2 cos ks cos ku/(e²ᵏᵗ + 1) dk du = 2/π, R = ρ/(2π∫g ds)",
            "dual integral equations of the mixed boundary", CONTINUUM, _film, order=2.0,
        ),
        Proof(
            f"{family}.four_points", "four points in a row on a slab", family,
            "V/I = (ρ/2πs)[1 + 4Σ(1/√(1 + (2nt/s)²) − 1/√(4 + (2nt/s)²))]",
            "Valdes 1954, Proc. IRE 42, 420", FOUR_POINTS, _four_points, order=2.0,
        ),
    ]  # fmt: skip
