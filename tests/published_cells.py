"""Two published full cells as `porous_cell` systems, to compare with other programs: values and where they are from.

chen2020: LG M50 21700 (NMC 811 | graphite-SiO_x), C.-H. Chen et al., J. Electrochem. Soc. 167 (2020) 080534,
10.1149/1945-7111/ab9050; its electrolyte is that of A. Nyman, M. Behm, G. Lindbergh, Electrochim. Acta 53 (2008) 6356
(LiPF6 in EC:EMC).

marquis2019: Kokam SLPB78205130H (LiCoO2 | graphite), S. G. Marquis et al., J. Electrochem. Soc. 166 (2019) A3693,
10.1149/2.0341915jes; its curves, rates and diffusivities are those of Newman's Dualfoil (1998), its electrolyte is that
of C. Capiglia et al., J. Power Sources 81-82 (1999) 859 (LiPF6 in EC:DMC), in Dualfoil's fit.

Numbers as the sets of these names in PyBaMM 26.10 have them, at 298.15 K, where all Arrhenius factors are one, and at
their initial concentrations (full charge for Chen). Effective electronic conductivity: the papers' measured value for
Chen, sigma (1 - porosity)^1.5 for Marquis. Functions take complex arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

import miecsim as mx
from miecsim.grid.spacing import graded
from miecsim.system import System

C_DL = 0.2  # F/m2 of particle surface: PyBaMM's value in both sets, not from the papers


@dataclass(frozen=True)
class Cell:
    """Layers from the negative to the positive current collector, area [m2], 1C current [A] and lowest voltage [V]."""

    name: str
    layers: tuple[mx.PorousLayer, ...]
    area: float
    current_1C: float
    cut_off: float


# --- Chen2020 ---


def _chen_graphite(x):
    """U [V] of graphite-SiO_x, Chen et al. 2020."""
    peaks = 0.0909 * np.tanh(29.8538 * (x - 0.1234)) + 0.04478 * np.tanh(14.9159 * (x - 0.2769))
    return 1.9793 * np.exp(-39.3631 * x) + 0.2482 - peaks - 0.0205 * np.tanh(30.4444 * (x - 0.6103))


def _chen_nmc(x):
    """U [V] of NMC 811, Chen et al. 2020."""
    pair = -17.7326 * np.tanh(15.7890 * (x - 0.3117)) + 17.5842 * np.tanh(15.9308 * (x - 0.3120))
    return -0.8090 * x + 4.4875 - 0.0428 * np.tanh(18.5138 * (x - 0.5542)) + pair


def _nyman_conductivity(c):
    """kappa [S/m], c in mol/m3."""
    m = c / 1000
    return 0.1297 * m**3 - 2.51 * m**1.5 + 3.329 * m


def _nyman_diffusivity(c):
    """D [m2/s]."""
    m = c / 1000
    return 8.794e-11 * m**2 - 3.972e-10 * m + 4.862e-10


def _exchange(m_ref: float, c_max: float) -> mx.Kinetics:
    """i0 = m_ref sqrt(c_e c (c_max - c)), m_ref [A/m2 (m3/mol)^1.5]."""
    return mx.Kinetics(mx.MassAction(m_ref * c_max * 0.5))


def chen2020() -> Cell:
    salt = mx.BinarySalt(1000.0, _nyman_conductivity, _nyman_diffusivity, 0.2594, 1.0)
    graphite = mx.Host("graphite", 33133.0, _chen_graphite, 3.3e-14)
    nmc = mx.Host("NMC 811", 63104.0, _chen_nmc, 4e-15)
    negative = mx.ActiveParticles("graphite", graphite, 5.86e-6, 0.75, _exchange(6.48e-7, 33133.0), 29866.0 / 33133.0)
    positive = mx.ActiveParticles("NMC", nmc, 5.22e-6, 0.665, _exchange(3.42e-6, 63104.0), 17038.0 / 63104.0)
    layers = (
        mx.PorousLayer("negative", 85.2e-6, salt, 0.25, 0.25**1.5, 215.0, (negative,)),
        mx.PorousLayer("separator", 12e-6, salt, 0.47, 0.47**1.5),
        mx.PorousLayer("positive", 75.6e-6, salt, 0.335, 0.335**1.5, 0.18, (positive,)),
    )
    return Cell("Chen2020", layers, 0.065 * 1.58, 5.0, 2.5)


# --- Marquis2019 ---


def _dualfoil_graphite(x):
    """U [V] of MCMB 2528 graphite, Dualfoil 1998."""
    steps = (
        *((0.0351, 0.286, 0.083), (-0.0045, 0.849, 0.119), (-0.035, 0.9233, 0.05), (-0.0147, 0.5, 0.034)),
        *((-0.102, 0.194, 0.142), (-0.022, 0.9, 0.0164), (-0.011, 0.124, 0.0226), (0.0155, 0.105, 0.029)),
    )
    return 0.194 + 1.5 * np.exp(-120.0 * x) + sum(a * np.tanh((x - at) / width) for a, at, width in steps)


def _dualfoil_lco(x):
    """U [V] of LiCoO2, Dualfoil 1998, with its stretched composition."""
    s = 1.062 * x
    wide = 0.07645 * np.tanh(30.834 - 54.4806 * s) + 2.1581 * np.tanh(52.294 - 50.294 * s)
    middle = -0.14169 * np.tanh(11.0923 - 19.8543 * s) + 0.2051 * np.tanh(1.4684 - 5.4888 * s)
    return 2.16216 + wide + middle + 0.2531 * np.tanh((0.56478 - s) / 0.1316) - 0.02167 * np.tanh((s - 0.525) / 0.006)


def _capiglia_conductivity(c):
    """kappa [S/m]."""
    m = c / 1000
    return 0.0911 + 1.9101 * m - 1.052 * m**2 + 0.1554 * m**3


def _capiglia_diffusivity(c):
    """D [m2/s]."""
    return 5.34e-10 * np.exp(-0.65 * c / 1000)


def marquis2019() -> Cell:
    salt = mx.BinarySalt(1000.0, _capiglia_conductivity, _capiglia_diffusivity, 0.4, 1.0)
    c_n, c_p = 24983.2619938437, 51217.9257309275
    graphite = mx.Host("graphite", c_n, _dualfoil_graphite, 3.9e-14)
    lco = mx.Host("LiCoO2", c_p, _dualfoil_lco, 1e-13)
    negative = mx.ActiveParticles("graphite", graphite, 1e-5, 0.6, _exchange(2e-5, c_n), 19986.609595075 / c_n)
    positive = mx.ActiveParticles("LiCoO2", lco, 1e-5, 0.5, _exchange(6e-7, c_p), 30730.7554385565 / c_p)
    layers = (
        mx.PorousLayer("negative", 100e-6, salt, 0.3, 0.3**1.5, 100.0 * 0.7**1.5, (negative,)),
        mx.PorousLayer("separator", 25e-6, salt, 1.0, 1.0),
        mx.PorousLayer("positive", 100e-6, salt, 0.3, 0.3**1.5, 10.0 * 0.7**1.5, (positive,)),
    )
    return Cell("Marquis2019", layers, 0.137 * 0.207, 0.680616, 3.105)


CELLS = {"Chen2020": chen2020, "Marquis2019": marquis2019}


# --- the same on a mesh ---


def with_meshes(cell: Cell, shells: int, grading: float, double_layer: bool = False) -> Cell:
    """The particles cut into shells, with a double layer or without."""
    change = {"shells": shells, "grading": grading, "double_layer": mx.Lumped(C=C_DL) if double_layer else None}
    layers = tuple(replace(la, particles=tuple(replace(p, **change) for p in la.particles)) for la in cell.layers)
    return replace(cell, layers=layers)


def build(cell: Cell, cells: int | Sequence[int], grading: float = 1.0) -> System:
    """On `cells` control volumes per layer (or one number for each), largest over smallest `grading`. Terminals
    'positive' and 'negative'."""
    numbers = [cells] * len(cell.layers) if isinstance(cells, int) else list(cells)
    widths = [graded(la.thickness, n, grading) for la, n in zip(cell.layers, numbers, strict=True)]
    wiring = mx.Wiring(
        (
            mx.Terminal("positive", (mx.Contact("right", "electron", mx.Reversible()),)),
            mx.Terminal("negative", (mx.Contact("left", "electron", mx.Reversible()),)),
        )
    )
    return mx.build_system(mx.porous_cell(cell.layers), wiring, area=cell.area, mesh=mx.Mesh(cells=widths))
