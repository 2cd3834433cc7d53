"""A composite with a [fit] table and data from its closed form, which the tests of fits share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from miecsim.circuit.tlm import two_rail_impedance
from miecsim.typing import Array, Complex

LENGTH, AREA, SURFACE = 83e-6, 0.785e-4, 3.7e5  # m, m^2, 1/m
TRUTH = {"ion": 0.0213, "electron": 0.171, "Q": 0.0137, "alpha": 0.913}
CELLS = {"ion_blocking": "ee", "electron_blocking": "ii"}
FREQUENCY = np.geomspace(93e3, 31e-3, 23)
ION, ELECTRON, Q, ALPHA = (
    "layer.composite.ion.conductivity",
    "layer.composite.electron.conductivity",
    "layer.composite.interface.Q",
    "layer.composite.interface.alpha",
)

CASE = """
title = "a composite"
model = "composite_electrode"
source = "made up"
temperature = "25 degC"
area = "0.785 cm^2"
[grid]
dimension = 1
cells = 45
grading = 25.0
[[layer]]
name = "composite"
thickness = "83 um"
[layer.ion]
conductivity = "0.05 S/m"
[layer.electron]
conductivity = "0.06 S/m"
[layer.interface]
area_density = "3.7e5 1/m"
law = "cpe"
Q = "0.04 F*s^(alpha-1)/m^2"
alpha = 0.8
"""
STUDY = """
[[study]]
name = "{0}"
terminals = "{0}"
frequency = {{ from = "93 kHz", to = "31 mHz", points_per_decade = 4 }}
profiles = ["1 Hz", "10 Hz", "100 Hz"]
reference = "two_rail"
[[check]]
study = "{0}"
quantity = "reference_error"
expected = 0.0
tolerance = 3e-3
source = "closed form"
"""
FREE = """
[[fit.parameter]]
key = "layer.composite.ion.conductivity"
from = "1 mS/m"
to = "1 S/m"
[[fit.parameter]]
key = "layer.composite.electron.conductivity"
from = "1 mS/m"
to = "10 S/m"
[[fit.parameter]]
key = "layer.composite.interface.Q"
from = "1e-3 F*s^(alpha-1)/m^2"
to = "1 F*s^(alpha-1)/m^2"
[[fit.parameter]]
key = "layer.composite.interface.alpha"
from = 0.5
to = 1.0
scale = "linear"
"""
HEAD = """
[fit]
starts = 1
noise = 0.005
"""
BOTH = """
[[fit.data]]
study = "ion_blocking"
file = "ion_blocking.csv"
[[fit.data]]
study = "electron_blocking"
file = "electron_blocking.csv"
"""


def closed_form(study: str, truth: Mapping[str, float] = TRUTH, frequency: Array = FREQUENCY) -> Complex:
    """Z [ohm] of the composite in a cell of blocking electrodes."""
    wall = 1 / (AREA * SURFACE * truth["Q"] * (2j * np.pi * frequency) ** truth["alpha"])
    return two_rail_impedance(1 / (truth["ion"] * AREA), 1 / (truth["electron"] * AREA), wall, LENGTH, CELLS[study])


def noisy(Z: Complex, seed: int, noise: float = 0.005) -> Complex:
    rng = np.random.default_rng(seed)
    return Z + noise * np.abs(Z) * (rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size))


def write_csv(
    path: Path, Z: Complex, frequency: Array = FREQUENCY, unit: str = "Ohm", more: Mapping[str, Array] | None = None
) -> None:
    columns = {"freq/Hz": frequency, f"Re(Z)/{unit}": Z.real, f"-Im(Z)/{unit}": -Z.imag, **(more or {})}
    rows = [",".join(columns), *(",".join(f"{v:.12g}" for v in row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def case_text(fit: str = HEAD + FREE + BOTH, studies: tuple[str, ...] = tuple(CELLS)) -> str:
    return CASE + "".join(STUDY.format(name) for name in studies) + fit


def case_in(folder: Path, fit: str = HEAD + FREE + BOTH, noise: float = 0.005) -> Path:
    """A directory with the case and both spectra."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.toml").write_text(case_text(fit), encoding="utf-8")
    for seed, study in enumerate(CELLS):
        write_csv(folder / f"{study}.csv", noisy(closed_form(study), seed + 1, noise))
    return folder
