"""Which transport limits a composite between battery terminals, over its thickness and a conductivity: from a sweep.

Left, the process with the largest part of R at zero frequency at each point, by the attribution in the point's result
(process/..., at its lowest frequency): the fuller the colour, the larger its share. Since
R = sum of R_k dR/dR_k, a share is also by how many per cent R falls where that conductivity grows by one per cent.
Lines are theory: with L*^2 = (R_ct/a)/(1/sigma_ion + 1/sigma_eon), r_k = 1/sigma_k and u = L/L*

    R = [r_ion r_eon L + L* (2 r_ion r_eon / sinh u + (r_ion^2 + r_eon^2) / tanh u)] / (r_ion + r_eon),

black where two of its parts are equal and largest; dashed where the usual estimates L/(3 sigma_ion), L/(3 sigma_eon)
and R_ct/(a L) are. R_ct/a is read from R_dc of the one point in which charge transfer has the largest share. Right,
R_dc of all points as a map, and the thickness with the least R: circles, of the points; line, theory.

`result` is the folder of a sweep (index.h5 and points/) over the thickness and one conductivity of one layer.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import _reading as reading
import h5py
import numpy as np

# label of each part, and the processes of an attribution that make it
PARTS = {
    "ion transport": ("ion transport",),
    "electron transport": ("electron transport",),
    "charge transfer": ("charge transfer", "interface capacitance"),
}
LABELS = {"sigma_ion": r"$\sigma_\mathrm{ion}$ / S m$^{-1}$", "sigma_eon": r"$\sigma_\mathrm{eon}$ / S m$^{-1}$"}
LIGHTEST, FULLEST = 0.12, 0.75  # how full the colour of a cell is, at a share of one third and of one


@dataclass(frozen=True)
class Sweep:
    """Tables over conductivity (rows) and thickness (columns): L [m], sigma_ion and sigma_eon [S/m], R [ohm m^2], parts
    (3, ...) of R. `varied` names the conductivity."""

    varied: str
    L: np.ndarray
    sigma_ion: np.ndarray
    sigma_eon: np.ndarray
    R: np.ndarray
    parts: np.ndarray

    @property
    def sigma(self) -> np.ndarray:
        return getattr(self, self.varied)


def main() -> None:
    parser = reading.arguments(__doc__, "transport_map.png")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    options = parser.parse_args()
    if options.study and len(options.study) > 1:
        reading.fail("--study: one study at a time")
    sweep = gather(Path(options.result), (options.study or [None])[0])
    wall = charge_transfer(sweep)
    tell(sweep, wall)
    figure = reading.new_figure(17.8, 8.6)
    left, right = figure.subplots(1, 2)
    dominance(left, sweep, wall)
    resistance(right, sweep, wall)
    reading.save(figure, options.out)


def gather(folder: Path, study: str | None) -> Sweep:
    """The tables of a sweep, of its study `study` (or its only one)."""
    path = folder / "index.h5"
    if not path.is_file():
        reading.fail(f"{path}: no such file; expected the folder of a sweep")
    with h5py.File(path, "r") as file:
        found = sorted(name.rsplit(".", 1)[0] for name in file if name.endswith(".R_dc"))
        study = study or (found[0] if len(found) == 1 else None)
        if study is None or study not in found:
            reading.fail(f"{path}: name one --study of those with R_dc: {', '.join(found) or 'none'}")
        names = ("R_dc", "R_ion", "sigma_ion", "sigma_eon")
        columns = {name: file[f"{study}.{name}"][()] for name in names if f"{study}.{name}" in file}
        hashes = [name.decode() for name in file["hash"][()]]
    if len(columns) < len(names):
        reading.fail(f"{path}: {study} has no two rails of one layer ({', '.join(names)})")
    done = np.isfinite(columns["R_dc"])
    read = [attributed(folder / "points" / f"{hashes[i]}.h5", study) for i in np.flatnonzero(done)]
    area = np.array([a for a, _ in read])
    own = {name: values[done] for name, values in columns.items()}
    L, R = own["R_ion"] * area * own["sigma_ion"], own["R_dc"] * area
    parts = np.array([part for _, part in read]).T * area
    return tables(path, L, own["sigma_ion"], own["sigma_eon"], R, parts)


def attributed(path: Path, study: str) -> tuple[float, list[float]]:
    """Area of a point (1 where it is per area), and its parts of Re Z at the lowest frequency."""
    with reading.open_result(str(path)) as file:
        group = file["impedance"][study]
        if "attribution" not in group:
            reading.fail(f"{path}: {study} has no attribution; expected attribution = true in the case")
        slowest = int(np.argmin(group["frequency"][()]))
        by = {name: float(value[slowest].real) for name, value in group["attribution/process"].items()}
        area = float(file["meta"]["area"][()]) if "area" in file["meta"] else 1.0
    return area, [sum(by.get(name, 0.0) for name in names) for names in PARTS.values()]


def tables(path: Path, L, sigma_ion, sigma_eon, R, parts) -> Sweep:
    """Points, in any order, as tables."""
    spread = {name: np.ptp(np.log(values)) for name, values in (("sigma_ion", sigma_ion), ("sigma_eon", sigma_eon))}
    varied = max(spread, key=lambda name: spread[name])
    other = next(name for name in spread if name != varied)
    sigma = {"sigma_ion": sigma_ion, "sigma_eon": sigma_eon}[varied]
    shape = (np.unique(sigma.round(15)).size, np.unique(L.round(12)).size)
    if spread[other] > 1e-9 or min(shape) < 2 or shape[0] * shape[1] != L.size:
        reading.fail(f"{path}: expected a grid over the thickness and one conductivity, every point of it done")
    order = np.lexsort((L, sigma.round(15)))
    put = [
        np.asarray(values[..., order]).reshape(*values.shape[:-1], *shape) for values in (L, sigma_ion, sigma_eon, R)
    ]
    return Sweep(varied, *put, parts[:, order].reshape(3, *shape))


def closed_form(r_ion, r_eon, wall, L):
    """R [ohm m^2] at zero frequency of two rails [ohm m] joined by `wall` = R_ct/a [ohm m^3]."""
    depth = np.sqrt(wall / (r_ion + r_eon))
    e = np.exp(-L / depth)  # 1/sinh u = 2 e/(1 - e^2), 1/tanh u = (1 + e^2)/(1 - e^2): nothing overflows
    ends = (4 * r_ion * r_eon * e + (r_ion**2 + r_eon**2) * (1 + e**2)) / (1 - e**2)
    return (r_ion * r_eon * L + depth * ends) / (r_ion + r_eon)


def parts_of(r_ion, r_eon, wall, L) -> np.ndarray:
    """R_k dR/dR_k (3, ...) of ions, electrons and charge transfer, by the complex step."""
    step, values = 1e-20j, (r_ion, r_eon, wall)
    turned = [[v * (1 + step) if i == k else v for i, v in enumerate(values)] for k in range(3)]
    return np.array([closed_form(*own, L).imag / 1e-20 for own in turned])


def charge_transfer(sweep: Sweep) -> float:
    """R_ct/a [ohm m^3] from R of the point in which charge transfer has the largest share, by bisection."""
    at = np.unravel_index(int(np.argmax(sweep.parts[2] / sweep.R)), sweep.R.shape)
    r_ion, r_eon, L, R = 1 / sweep.sigma_ion[at], 1 / sweep.sigma_eon[at], sweep.L[at], sweep.R[at]
    low, high = 1e-9 * R * L, R * L
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if closed_form(r_ion, r_eon, middle, L) < R else (low, middle)
    return float(np.sqrt(low * high))


def tell(sweep: Sweep, wall: float) -> None:
    theory = closed_form(1 / sweep.sigma_ion, 1 / sweep.sigma_eon, wall, sweep.L)
    shares = parts_of(1 / sweep.sigma_ion, 1 / sweep.sigma_eon, wall, sweep.L) / theory
    apart = np.abs(sweep.parts / sweep.R - shares).max()
    print(
        f"R_ct/a {wall:.5g} ohm m3; R_dc within {np.abs(sweep.R / theory - 1).max():.1e} of theory, parts {apart:.1e}"
    )
    largest = np.argmax(sweep.parts, axis=0)
    print("; ".join(f"{name} largest at {np.sum(largest == k)}" for k, name in enumerate(PARTS)), f"of {sweep.R.size}")


def fine(sweep: Sweep) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """L, sigma_ion, sigma_eon and the varied conductivity on a fine mesh of the map."""
    L = np.geomspace(*edges(sweep.L[0])[[0, -1]], 301)
    sigma = np.geomspace(*edges(sweep.sigma[:, 0])[[0, -1]], 301)
    x, y = np.meshgrid(L, sigma)
    fixed = {"sigma_ion": np.full_like(y, sweep.sigma_ion[0, 0]), "sigma_eon": np.full_like(y, sweep.sigma_eon[0, 0])}
    fixed[sweep.varied] = y
    return x, fixed["sigma_ion"], fixed["sigma_eon"], y


def edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around rising centres, on a logarithmic scale."""
    inner = np.sqrt(centres[1:] * centres[:-1])
    return np.concatenate(([centres[0] ** 2 / inner[0]], inner, [centres[-1] ** 2 / inner[-1]]))


def dominance(axes, sweep: Sweep, wall: float) -> None:
    """Cells coloured by their largest part, and where theory has the boundaries."""
    from matplotlib.colors import to_rgb

    largest = np.argmax(sweep.parts, axis=0)
    share = np.max(sweep.parts, axis=0) / sweep.R
    full = LIGHTEST + (FULLEST - LIGHTEST) * np.clip((share - 1 / 3) / (2 / 3), 0, 1)
    plain = np.array([to_rgb(reading.COLOURS[k]) for k in range(3)])[largest]
    colours = 1 - full[..., None] * (1 - plain)
    axes.pcolormesh(1e6 * edges(sweep.L[0]), edges(sweep.sigma[:, 0]), colours)
    x, ion, eon, y = fine(sweep)
    exact = parts_of(1 / ion, 1 / eon, wall, x)
    usual = np.array([x / (3 * ion), x / (3 * eon), wall / x])
    for parts, look in ((usual, {"colors": "0.35", "linestyles": "--"}), (exact, {"colors": "black"})):
        boundary(axes, x, y, parts, linewidths=1.0, **look)
    region, better = np.argmax(exact, axis=0), eon > ion  # the two rails change places where sigma_eon = sigma_ion
    for k, name in enumerate(PARTS):
        for half in (better, ~better) if k < 2 else (np.full_like(better, True),):
            if np.any((region == k) & half):
                spot = widest((region == k) & half)
                words = name.replace(" ", "\n")
                axes.text(1e6 * x[spot], y[spot], words, ha="center", va="center", fontsize=7.5, fontweight="bold")
    logarithmic(axes, sweep)
    lines = [axes.plot([], [], **look)[0] for look in ({"color": "black"}, {"color": "0.35", "linestyle": "--"})]
    names = ["equal parts, theory", "estimates L/3σ, R$_\\mathrm{ct}$/aL"]
    axes.figure.legend(lines, names, loc="outside upper left", ncols=2, fontsize=7.5)


def boundary(axes, x, y, parts, **look) -> None:
    """Lines on which the two largest of three parts are equal."""
    for i, j in ((0, 1), (0, 2), (1, 2)):
        third = parts[3 - i - j]
        difference = np.where(np.minimum(parts[i], parts[j]) >= 0.995 * third, np.log(parts[i] / parts[j]), np.nan)
        if np.nanmin(difference) < 0 < np.nanmax(difference):
            axes.contour(1e6 * x, y, difference, levels=[0.0], **look)


def widest(inside: np.ndarray) -> tuple[int, int]:
    """The place of a region that is furthest from its edge."""
    room, depth = inside.copy(), np.zeros(inside.shape, dtype=int)
    while room.any():  # peeled until nothing is left
        depth += room
        around = np.pad(room, 1)
        room = room & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.unravel_index(int(np.argmax(depth)), depth.shape)


def resistance(axes, sweep: Sweep, wall: float) -> None:
    """R of all points, and the thickness of the least R at each conductivity."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    drawn = axes.pcolormesh(
        1e6 * edges(sweep.L[0]), edges(sweep.sigma[:, 0]), 1e4 * sweep.R, cmap="viridis", norm=LogNorm()
    )
    x, ion, eon, y = fine(sweep)
    R = closed_form(1 / ion, 1 / eon, wall, x)
    least = np.argmin(R, axis=1)
    inside = (least > 0) & (least < x.shape[1] - 1)
    axes.plot(1e6 * x[0, least[inside]], y[inside, 0], color="white", linewidth=1.2)
    best = np.argmin(sweep.R, axis=1)
    own = (best > 0) & (best < sweep.L.shape[1] - 1)
    look = {"marker": "o", "linestyle": "none", "color": "black", "markerfacecolor": "white", "markersize": 4}
    axes.plot(1e6 * sweep.L[0, best[own]], sweep.sigma[own, 0], **look)
    logarithmic(axes, sweep)
    bar = axes.figure.colorbar(drawn, ax=axes)
    bar.set_label("R at zero frequency / Ω cm²")
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    axes.set_title("circles, line: thickness of least R", fontsize=7.5)


def logarithmic(axes, sweep: Sweep) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*1e6 * edges(sweep.L[0])[[0, -1]])
    axes.set_ylim(*edges(sweep.sigma[:, 0])[[0, -1]])
    axes.set_xlabel("thickness / µm")
    axes.set_ylabel(LABELS[sweep.varied])


if __name__ == "__main__":
    main()
