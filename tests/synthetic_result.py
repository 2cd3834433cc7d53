"""A run made of closed formulas only: a two-rail line between blocking electrodes, no solver involved.

Rails 1 (ions) and 2 (electrons) of total resistances R1, R2, coupled by a total capacitance C. With z_s = z1 + z2,
lambda = sqrt(z_f/z_s), z_p = z1 z2/z_s, x = L/lambda (Paasch 1993; Bisquert 2000):
battery (ion at 0 | electron at L)          Z = z_p (L + 2 lambda/sinh x) + lambda (z1^2 + z2^2)/z_s coth x
ion blocking (electron at 0 | electron at L) Z = z_p L + 2 lambda z2^2/z_s tanh(x/2)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.results import AttributionRecord, GridRecord, Quantity, RunRecord, StudyRecord
from miecsim.typing import Array, Complex

LENGTH = 470e-6  # m
R_ION, R_EON, CAPACITANCE = 360.0, 107.0, 2e-3  # ohm, ohm, F
FREQUENCY = np.logspace(6, -3, 91)


def _line(frequency: Array) -> tuple[float, float, Complex, Complex]:
    z1, z2 = R_ION / LENGTH, R_EON / LENGTH
    z_f = LENGTH / (2j * np.pi * frequency * CAPACITANCE)
    decay = np.sqrt(z_f / (z1 + z2))
    return z1, z2, z_f, decay


def battery(frequency: Array) -> Complex:
    z1, z2, _, decay = _line(frequency)
    x = LENGTH / decay
    e = np.exp(-x)
    csch, coth = 2 * e / (1 - e**2), (1 + e**2) / (1 - e**2)
    return z1 * z2 / (z1 + z2) * (LENGTH + 2 * decay * csch) + decay * (z1**2 + z2**2) / (z1 + z2) * coth


def ion_blocking(frequency: Array) -> Complex:
    z1, z2, _, decay = _line(frequency)
    return z1 * z2 / (z1 + z2) * LENGTH + 2 * decay * z2**2 / (z1 + z2) * np.tanh(LENGTH / decay / 2)


def battery_profiles(frequency: Array, position: Array) -> dict[str, Complex]:
    """Rail potentials per V applied: the difference u and the mean decouple; the electron rail's end is ground."""
    z1, z2, z_f, decay = (np.reshape(v, (-1, 1)) for v in _line(frequency))
    t1, t2 = z2 / (z1 + z2), z1 / (z1 + z2)
    j0, j_end = t2, -t1  # per unit current
    x = LENGTH / decay

    def cosh_over_sinh(a: Complex) -> Complex:  # cosh(a)/sinh(x), 0 <= Re a <= Re x, without overflow
        return np.exp(a - x) * (1 + np.exp(-2 * a)) / (1 - np.exp(-2 * x))

    u = z_f / decay * (j0 * cosh_over_sinh((LENGTH - position) / decay) - j_end * cosh_over_sinh(position / decay))
    mean = -z1 * z2 / (z1 + z2) * position
    ion, electron = mean + t2 * u, mean - t1 * u
    ion, electron = ion - electron[:, -1:], electron - electron[:, -1:]
    return {"ion": ion / ion[:, :1], "electron": electron / ion[:, :1]}


def study(name: str = "battery", frequency: Array = FREQUENCY, area: float | None = None) -> StudyRecord:
    """The battery or the ion_blocking study of the line; `area` [m^2] turns Z into an area-specific one."""
    scale = 1.0 if area is None else area
    exact = scale * {"battery": battery, "ion_blocking": ion_blocking}[name](frequency)
    # the figure that a discretisation would give: off by a relative 1e-4 that changes with frequency
    Z = exact * (1 + 1e-4 * np.sin(np.log(frequency)))
    position = np.linspace(0, LENGTH, 48)
    profile_frequency = np.array([1e-3, 1.0, 1e3])
    return StudyRecord(
        name=name,
        frequency=frequency,
        Z=Z,
        unit="ohm" if area is None else "ohm m^2",
        terminals=("A", "B", "sense"),
        ground="B",
        Z_matrix=np.stack([np.stack([Z, 0.5 * Z], -1), np.stack([0.5 * Z, 0.75 * Z], -1)], -2),
        reference_planes=("middle",),
        Z_reference=0.5 * Z[:, None],
        references={"two_rail": exact},
        profile_frequency=profile_frequency,
        profile_position=position,
        profile_rails=battery_profiles(profile_frequency, position),
        steady_position=position,
        steady={
            "Phi_ion": (np.zeros_like(position), "V"),
            "Phi_electron": (0.01 * (1 - position / LENGTH), "V"),
            "c_lithium": (2.0e4 + 3e3 * position / LENGTH, "mol/m^3"),
        },
        summary={"R_ion": Quantity(R_ION * scale, "ohm", "from the ion rail"), "alpha": Quantity(1.0, "1")},
        solver={"method": "closed form", "residual": 0.0, "backward_error": 1.5e-16},
        attribution=attribution(Z),
    )


def attribution(Z: Complex) -> AttributionRecord:
    """Parts that add up to Z: a resistance, what is left, and a pair that cancels, the second part negative."""
    R, edges = float(Z.real.min()), LENGTH * np.linspace(0, 1, 13) ** 1.5
    swing = 0.3 * (Z - R)
    processes = {
        "ion transport": np.full(Z.shape, R, dtype=complex),
        "charge transfer": Z - R + swing,
        "interface capacitance": -swing,
        "terminals": np.zeros(Z.shape, dtype=complex),
    }
    share = np.diff(edges) / LENGTH
    along = {name: part[:, None] * share for name, part in processes.items()}
    return AttributionRecord(processes, {"separator": 0.25 * Z, "cathode": 0.75 * Z}, edges, along)


def grid(dimension: int = 1, n: int = 12) -> GridRecord:
    """A Cartesian grid of two layers, graded along x, cells numbered with x running fastest."""
    faces = [LENGTH * np.linspace(0, 1, n + 1) ** 1.5, np.linspace(0, 1e-4, 4), np.linspace(0, 2e-4, 3)][:dimension]
    middles = [0.5 * (f[1:] + f[:-1]) for f in faces]
    widths = [np.diff(f) for f in faces]
    centers = np.stack([m.ravel(order="F") for m in np.meshgrid(*middles, indexing="ij")], -1)
    volumes = np.prod(np.stack([w.ravel(order="F") for w in np.meshgrid(*widths, indexing="ij")], -1), -1)
    region = (centers[:, 0] > faces[0][n // 3]).astype(np.int64)
    return GridRecord(dimension, volumes, centers, ("separator", "cathode"), region, tuple(faces))


def run(*studies: StudyRecord, dimension: int = 1) -> RunRecord:
    """A run of the given studies (both of the line by default), with a field per cell where dimension > 1."""
    mesh = grid(dimension)
    chosen = studies or (study("battery"), study("ion_blocking"))
    if dimension > 1:
        field = np.sin(1e4 * mesh.centers[:, 0]) * (1 + 1e4 * mesh.centers[:, 1])
        chosen = tuple(replace(s, fields={"Phi_ion": (field, "V")}) for s in chosen)
    check = dict(study="battery", quantity="R_ion", expected=360.0, read=R_ION, unit="ohm", tolerance=0.02)
    return RunRecord(
        title="two-rail line",
        model="composite_electrode",
        source="Paasch et al. 1993",
        case={"title": "two-rail line", "layer": [{"name": "cathode", "thickness": LENGTH}], "grid": {"dimension": 1}},
        input_hash="0123abcd",
        versions={"python": "3.11", "numpy": "2.4"},
        timings={"solve": 0.01, "write": 0.002},
        area=None if chosen[0].unit == "ohm m^2" else 7.85e-5,
        grid=mesh,
        studies=chosen,
        checks=(check | dict(error=0.0, passed=True, source="typed in"),),
        summary={"sigma_ion": Quantity(0.0166, "S/m")},
    )
