"""Conductivity over volume fraction: pictures of one kind, each fraction with several seeds, between nothing and all.

The textbook's side is Bruggeman's effective medium, which lets a phase among insulators percolate from a fraction of
1/d in d dimensions, its conductivity rising in proportion to what is above that. The true side are means over the
pictures: their threshold is the fraction at which half of them have a path from left to right, and their exponent t
is that of sigma_eff ~ (phi - phi_c)^t, fitted to fractions within a window above the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from miecsim.errors import InputError
from miecsim.microstructure.bounds import conductivity_bounds
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.transport import effective_conductivity
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

TECHNIQUE = "fraction sweep"
NAMES = {"ion": "sigma_ion", "electron": "sigma_eon"}
ENTRIES = ("conducting", "sigma", "medium", "percolating", "dead_end", "isolated")
LEAST = 3  # points of a fit

Maker = Callable[[float, int], Microstructure]
Tell = Callable[[str, float], None]


def fraction_sweep(
    make: Maker,
    fractions: Sequence[float],
    seeds: Sequence[int],
    sigma: Mapping[str, Mapping[str, float]],
    *,
    threshold: float | None = None,
    window: tuple[float, float] = (0.03, 0.15),
    tell: Tell = lambda what, part: None,
) -> TechniqueRecord:
    """Effective conductivity along x, and how the phases hang together, over the fraction of particles.

    make(fraction, seed) -> picture; fractions rising; sigma: carrier ("ion", "electron") -> phase -> conductivity
    [S/m]. threshold: volume fraction of the conducting phases from which the exponent counts, by default the measured
    one; window: from and up to how far above it fractions take part in the fit (nearer to it, within about L^-0.75 of
    L voxels in two dimensions, pictures are too small to tell). Table <carrier>, a row for each fraction: that of the
    conducting phases (mean over seeds, as all that follows), sigma_eff [S/m] and its standard error, the effective
    medium, shares of the conducting phases that percolate, that do so as dead ends, and that reach neither side, and
    the share of pictures that span. Table scaling_<carrier>: the fit.
    Raises InputError for fractions that do not rise, and for no seed.
    """
    if len(fractions) < 2 or np.any(np.diff(fractions) <= 0) or not seeds:
        raise InputError("fraction sweep: expected two rising fractions or more, and one seed or more")
    tables: dict[str, Table] = {}
    rows: dict[str, list[dict[str, float]]] = {carrier: [] for carrier in sigma}
    for number, fraction in enumerate(fractions):
        tell(f"fraction {fraction:g}", number / len(fractions))
        pictures = [make(float(fraction), seed) for seed in seeds]
        for carrier, of in sigma.items():
            rows[carrier].append(_row([_measured(picture, of) for picture in pictures]))
    compared: list[Compared] = []
    remarks: list[str] = []
    for carrier, found in rows.items():
        table = {name: np.array([row[name] for row in found]) for name in found[0]}
        units = {name: "S/m" if name in ("sigma", "sigma error", "medium") else "1" for name in table}
        named = {"fraction": (np.array(fractions, dtype=float), "1")}
        tables[carrier] = named | {name: (values, units[name]) for name, values in table.items()}
        values = {name: column for name, (column, _) in tables[carrier].items()}
        scaling = _scaling(values, max(sigma[carrier].values()), threshold, window)
        tables[f"scaling_{carrier}"] = {name: (np.array([v]), unit) for name, (v, unit) in scaling.items()}
        compared += _compared(carrier, values, pictures[0].dim, scaling["exponent"][0])
        islands = float(np.max(table["isolated"]))
        remarks.append(f"up to {100 * islands:.3g} % of what conducts {carrier}s is in islands that reach neither side")
    shape = " x ".join(map(str, pictures[0].shape))
    remarks.append(f"{shape} voxels, {len(seeds)} seeds; neighbours share a face")
    return TechniqueRecord(TECHNIQUE, tables, tuple(compared), tuple(remarks))


def _measured(picture: Microstructure, sigma: Mapping[str, float]) -> dict[str, float]:
    """One picture: ENTRIES."""
    phases = tuple(sigma)
    report = clusters(picture, phases).report()
    through = report["percolating"] > 0
    values = {
        "conducting": sum(picture.fraction(name) for name in phases),
        "sigma": float(np.real(effective_conductivity(picture, sigma))) if through else 0.0,
        "medium": conductivity_bounds(picture, sigma).symmetric,
    }
    return values | {name: report[name] for name in ENTRIES[3:]}


def _row(pictures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means over the pictures of one fraction, the standard error of sigma, and the share of pictures that span."""
    means = {name: float(np.mean([one[name] for one in pictures])) for name in ENTRIES}
    sigma = np.array([one["sigma"] for one in pictures])
    error = float(sigma.std(ddof=1)) / len(sigma) ** 0.5 if len(sigma) > 1 else 0.0
    return means | {"sigma error": error, "spanning": float(np.mean(sigma > 0))}


def _scaling(
    values: Mapping[str, Array], pure: float, threshold: float | None, window: tuple[float, float]
) -> dict[str, tuple[float, str]]:
    """The power law above the threshold, and from where to where it is fitted; nan where there is none."""
    half = spanning_half(values["conducting"], values["spanning"])
    start = half if threshold is None else threshold
    found = None if start is None else power_law(values["conducting"], values["sigma"], start, window)
    t, level = found or (float("nan"), float("nan"))
    return {
        "threshold": (float("nan") if start is None else start, "1"),
        "exponent": (t, "1"),
        "prefactor": (level, "S/m"),
        "from": (window[0], "1"),
        "to": (window[1], "1"),
        "pure": (pure, "S/m"),
    }


def _compared(carrier: str, values: Mapping[str, Array], dim: int, t: float) -> list[Compared]:
    name = NAMES[carrier]
    places = zip(values["fraction"], values["medium"], values["sigma"], strict=True)
    out = [Compared(f"{name} at {p:g}", float(m), float(s), "S/m", "effective medium") for p, m, s in places]
    half = spanning_half(values["conducting"], values["spanning"])
    if half is not None:
        out.append(Compared(f"threshold, {carrier}", 1 / dim, half, "1", "effective medium, 1/d"))
    if np.isfinite(t):
        out.append(Compared(f"exponent, {carrier}", 1.0, t, "1", "effective medium, 1"))
    return out


def spanning_half(conducting: Array, spanning: Array) -> float | None:
    """Volume fraction at which half of the pictures span, by straight lines between those measured; None where all or
    none of them do. Of several places, as noise makes them, the mean."""
    order = np.argsort(conducting)
    x, y = conducting[order], spanning[order] - 0.5
    places = [
        float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k]))
        for k in range(len(x) - 1)
        if (y[k] < 0) != (y[k + 1] < 0)
    ]
    return float(np.mean(places)) if places else None


def power_law(
    conducting: Array, sigma: Array, threshold: float, window: tuple[float, float]
) -> tuple[float, float] | None:
    """t and A [S/m] of sigma = A (phi - threshold)^t by least squares in logarithms, of fractions that are above the
    threshold by what the window holds; None for fewer than three of them."""
    above = conducting - threshold
    used = (above > 0) & (above >= window[0]) & (above <= window[1]) & (sigma > 0)
    if np.count_nonzero(used) < LEAST:
        return None
    t, level = np.polyfit(np.log(above[used]), np.log(sigma[used]), 1)
    return float(t), float(np.exp(level))
