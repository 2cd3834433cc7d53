"""Synthetic spectra of a composite with noise, from a random truth, and the closed form to be fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.circuit import tlm
from miecsim.inverse.closed_forms import ClosedForm, Formula
from miecsim.inverse.forward import FitData, FreeParameter

LENGTH, SURFACE = 97e-6, 3.1e5  # m, 1/m
NOISE = 0.005
WIDE = np.logspace(-4, 6, 60)
NAMES = ("sigma_ion", "sigma_eon", "Q", "alpha", "R_contact")
MIDDLE = {"sigma_ion": 0.031, "sigma_eon": 0.031, "Q": 0.31, "R_contact": 3.1e-4}
UNITS = {"sigma_ion": "S/m", "sigma_eon": "S/m", "Q": "F s^(alpha-1)/m^2", "R_contact": "ohm m^2"}
CELLS = {"ion_blocking": "ee", "electron_blocking": "ii", "battery": "ie"}


def rails(p, frequency, cell):
    """Impedance [ohm m^2] of a composite behind a contact, closed form."""
    wall = 1 / (SURFACE * p["Q"] * (2j * np.pi * frequency) ** p["alpha"])
    z = tlm.two_rail_impedance(1 / p["sigma_ion"], 1 / p["sigma_eon"], wall, LENGTH, CELLS[cell])
    return z + p["R_contact"]


def formula(cell: str) -> Formula:
    return Formula(NAMES, lambda p, f: rails(p, f, cell), analytic=True, arrays=True)


def model(cells: Sequence[str], frequency=WIDE) -> ClosedForm:
    return ClosedForm(tuple(formula(cell) for cell in cells), (frequency,) * len(cells))


def free(decades: float = 2.5) -> tuple[FreeParameter, ...]:
    """Starts in the middle of what the truth is drawn from, bounds `decades` to either side."""
    out = []
    for name in NAMES:
        if name == "alpha":
            out.append(FreeParameter(name, 0.85, 0.4, 1.0, log=False))
        else:
            m = MIDDLE[name]
            out.append(FreeParameter(name, m, m / 10**decades, m * 10**decades, unit=UNITS[name]))
    return tuple(out)


def drawn(rng: np.random.Generator) -> dict[str, float]:
    """Three decades of each parameter."""
    truth = {name: m * 10 ** rng.uniform(-1.5, 1.5) for name, m in MIDDLE.items()}
    return {**truth, "alpha": rng.uniform(0.7, 0.98)}


def measured(truth, cells: Sequence[str], rng: np.random.Generator, frequency=WIDE) -> tuple[FitData, ...]:
    """By a ladder of so many cells that its error is far below the noise: not the formula that is fitted."""
    out = []
    for cell in cells:
        wall = 1 / (SURFACE * truth["Q"] * (2j * np.pi * frequency) ** truth["alpha"])
        z1, z2 = 1 / truth["sigma_ion"], 1 / truth["sigma_eon"]
        Z = tlm.ladder_impedance(z1, z2, wall, LENGTH, 30_000_000, CELLS[cell]) + truth["R_contact"]
        sigma = NOISE * np.abs(Z)
        Z = Z + sigma * (rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size))
        out.append(FitData(cell, frequency, Z, sigma))
    return tuple(out)
