"""Electrodes resolved on pictures against the ladders that they are by construction, and against their reduction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from miecsim.circuit import tlm
from miecsim.circuit.elements import lumped
from miecsim.microstructure.homogenise import line_of
from miecsim.microstructure.resolved import phase, resolved_system
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import Junction
from miecsim.physics.models import Model, mixed_conductor
from miecsim.physics.terminals import preset
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.system import System
from miecsim.typing import Array, Complex
from miecsim.verify.proof import Outcome, Proof, Settings, SpectrumCurve, compare, single

AREA = 2.3e-5
SIGMA_EON, SIGMA_ION = 1.9, 0.31
WALL = Lumped(R=0.013, C=0.2)
PHASES = ("active", "electrolyte", "pore")

LADDER = 1e-11  # strips: the same network
UNIFORM = 1e-8
SPREADING = 1e-5  # found by reduction
REDUCED = 1e-6  # as asked for

IE = "Z = z_p(L + 2λ/sinh Nθ) + λ (z₁² + z₂²)/z_s coth Nθ of N cells"
PAASCH = "Paasch 1993, 10.1016/0013-4686(93)85083-B"


def _electrode() -> Model:
    phases = [phase("active", sigma_eon=SIGMA_EON), phase("electrolyte", sigma_ion=SIGMA_ION), phase("pore")]
    return mixed_conductor(phases, junctions=(Junction(("active", "electrolyte"), "electron", WALL, to="ion"),))


def _system(structure: Microstructure, model: Model) -> System:
    """Between an electrolyte on the left and a collector on the right."""
    return resolved_system(structure, model, preset("battery"), area=AREA)


def _random(shape: tuple[int, int], seed: int) -> Microstructure:
    """Smoothed noise, a tenth of it pores: islands and dead ends of every phase."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2, mode="reflect")
    labels = np.searchsorted(np.quantile(field, [0.45, 0.9]), field)
    return Microstructure(labels, (1.3e-6, 1.1e-6), PHASES)


def _spectrum(system: System, settings: Settings, exact: Callable[[Array], Complex], note: str) -> Outcome:
    f = np.logspace(-2, 6, 9 if settings.quick else 25)
    Z, expected = impedance(rest_point(system), f).Z, exact(2 * np.pi * f)
    value, reference, error, worst = compare(Z, expected)
    curve = SpectrumCurve(f, Z, expected, "ohm")
    return Outcome(value, reference, error, note=f"{note}; worst at {f[worst]:.3g} Hz", spectrum=curve)


def _strips(settings: Settings) -> Outcome:
    """One strip of each material: every pair of voxels is a cell, its wall in series with half a voxel of either."""
    n, h, width = 13, 1.7e-6, 2.3e-6
    structure = Microstructure(np.tile([0, 1], (n, 1)), (h, width), PHASES)
    rails = (2 / (SIGMA_ION * AREA), 2 / (SIGMA_EON * AREA))
    halves = width / 2 * (1 / SIGMA_ION + 1 / SIGMA_EON)

    def exact(omega: Array) -> Complex:
        wall = lumped(omega, WALL.R, WALL.C, Rs=halves) * 2 * width / AREA
        return tlm.ladder_impedance(*rails, wall, n * h, n, "ie")

    return _spectrum(_system(structure, _electrode()), settings, exact, f"2 × {n} voxels")


def _uniform(settings: Settings) -> Outcome:
    """Three materials that differ in name alone."""
    sigma_ion, sigma_eon, store = 0.07, 2.1, 3.3e6
    structure = _random((9, 7), 3)
    model = mixed_conductor([phase(name, sigma_ion, sigma_eon, store) for name in PHASES])
    length, rails = float(structure.extent[0]), (1 / (sigma_ion * AREA), 1 / (sigma_eon * AREA))

    def exact(omega: Array) -> Complex:
        z_f: Complex = np.asarray(1 / (1j * omega * store * AREA))
        return tlm.ladder_impedance(*rails, z_f, length, structure.shape[0], "ie")

    return _spectrum(_system(structure, model), settings, exact, "9 × 7 voxels of three names")


def _spreading() -> Outcome:
    """Even currents leave a strip of half width a by a parabola, on n voxels in the half width by its polygon."""
    voxels, h = (7, 10), 0.7e-6
    labels = np.repeat([0, 1], voxels)
    structure = Microstructure(np.tile(labels, (20, 1)), (1.7e-6, h), PHASES, (1,))
    line = line_of(_system(structure, _electrode()), structure)
    density = 2 / (labels.size * h)
    half = [(n / 2, sigma) for n, sigma in zip(voxels, (SIGMA_EON, SIGMA_ION), strict=True)]
    exact = sum(n * h / sigma * (1 / 3 + 1 / (6 * n * n)) for n, sigma in half) / density
    found = float(line.constriction(np.logspace(-2, 1, 4))[0].real)
    own = float(WALL.R or 0) / density
    note = f"strips of {voxels[0]} and {voxels[1]} voxels; the interface itself has {own:.3g} ohm m³"
    return single(found, exact, "ohm m^3", note)


def _reduced(settings: Settings) -> Outcome:
    system = _system(_random((30, 26), 5), _electrode())
    f = np.logspace(-5, 7, 40 if settings.quick else 200)
    point = rest_point(system)
    reduced, direct = impedance(point, f, method="reduced", tolerance=REDUCED), impedance(point, f, method="sparse")
    value, reference, error, worst = compare(reduced.Z, direct.Z)
    note = f"{f.size} frequencies over 12 decades; worst at {f[worst]:.3g} Hz"
    return Outcome(value, reference, error, note=note, spectrum=SpectrumCurve(f, reduced.Z, direct.Z, "ohm"))


def proofs(family: str, settings: Settings) -> list[Proof]:
    """Strips, a uniform mixture, spreading into strips, a reduced spectrum."""
    return [
        Proof(
            f"{family}.strips", "strips of single voxels = ladder of two rails", family, IE, PAASCH, LADDER,
            lambda: _strips(settings),
        ),
        Proof(
            f"{family}.uniform", "a picture of equal materials = ladder of a mixed conductor", family,
            f"{IE}, z_f = 1/(jω c_chem A)", PAASCH, UNIFORM, lambda: _uniform(settings),
        ),
        Proof(
            f"{family}.spreading", "resistance of spreading into strips, found by averaging", family,
            "Δz_f = Σ (a/σ)(1/3 + 1/6n²)/a_v", "Quintard and Whitaker 1993; balance of a row of voxels", SPREADING,
            _spreading,
        ),
        Proof(
            f"{family}.reduced", "reduced spectrum of a picture = direct spectrum", family,
            "Z = bᵀV (Vᵀ(G + jωC)V)⁻¹ Vᵀb", "Ruhe 1984; Druskin and Simoncini 2011", REDUCED,
            lambda: _reduced(settings),
        ),
    ]  # fmt: skip
