"""Which transport limits a porous electrode: the resistances of its rails against the depth that its reaction reaches.

With L* = sqrt(R_w/(a (1/sigma_ion + 1/sigma_eon))), R_w the charge transfer and diffusion of its particles per surface,
the rails cost as much as the particles at L = sqrt(3) L*: R = L/(3 sigma_ion) + L/(3 sigma_eon) + R_w/(a L). Left,
L/sigma_ion against L/sigma_eon: electrodes of one material lie on a line of slope 1, on which a star stands at L = L*;
above and below the diagonal another rail limits. Right, for the material with the most thicknesses, the parts of R over
L as curves, R_total of the studies on them, and as crosses the parts by attribution at the lowest frequency, where a
study stores them. Every study of one porous layer with R_total in its summary is a point.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import _reading as reading
import numpy as np

# label of each part, and the processes of an attribution that make it
PARTS = {
    "L/3σ_ion": ("ion transport",),
    "L/3σ_eon": ("electron transport",),
    "charge transfer": ("charge transfer", "interface capacitance", "film"),
    "particle diffusion": ("particle diffusion", "particle storage"),
}


@dataclass(frozen=True)
class Electrode:
    """Thickness [m], conductivities [S/m]; resistances of charge transfer and of all, parts of these [ohm m^2]."""

    name: str
    L: float
    sigma: tuple[float, float]
    R_ct: float
    R: float
    parts: dict[str, float]

    @property
    def rails(self) -> tuple[float, float]:
        return self.L / self.sigma[0], self.L / self.sigma[1]

    @property
    def R_w(self) -> float:
        """Charge transfer and diffusion of all particles."""
        return self.R - sum(self.rails) / 3

    def depth(self, R: float) -> float:
        """Depth that a reaction with this resistance of all particles reaches [m]."""
        return self.L * float(np.sqrt(R / sum(self.rails)))


def main() -> None:
    parser = reading.arguments(__doc__, "limits.png")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    options = parser.parse_args()
    run = reading.open_result(options.result)
    found = gather(run, reading.pick(run, options.study))
    figure = reading.new_figure(17.8, 9.6)
    rails, thickness = figure.subplots(1, 2)
    materials = grouped(found)
    diagram(rails, materials)
    against_thickness(thickness, max(materials, key=len))
    reading.save(figure, options.out)


def gather(run, names: list[str]) -> list[Electrode]:
    area = float(run["meta"]["area"][()]) if "area" in run["meta"] else 1.0
    found = []
    for name in names:
        group = run["impedance"][name]
        figures = {key: float(value[()]) for key, value in group.get("summary", {}).items()}
        if {"sigma_ion", "sigma_eon", "R_ion", "R_ct", "R_total"} <= figures.keys():
            sigma = figures["sigma_ion"], figures["sigma_eon"]
            L = figures["R_ion"] * area * sigma[0]
            own = Electrode(name, L, sigma, figures["R_ct"] * area, figures["R_total"] * area, parts(group, area))
            found.append(own)
            tell(own)
    if not found:
        reading.fail("no chosen study is a cell of one porous layer with particles")
    return found


def parts(group, area: float) -> dict[str, float]:
    """Real parts of the processes at the lowest frequency, by PARTS; empty where the study has no attribution."""
    if "attribution" not in group:
        return {}
    slowest = int(np.argmin(group["frequency"][()]))
    by_process = {name: float(value[slowest].real) * area for name, value in group["attribution/process"].items()}
    return {label: sum(by_process.get(n, 0.0) for n in names) for label, names in PARTS.items()}


def tell(e: Electrode) -> None:
    limit = "particles" if e.R_w > sum(e.rails) / 3 else ("ions" if e.rails[0] > e.rails[1] else "electrons")
    print(
        f"{e.name}: L {1e6 * e.L:.4g} um, L* {1e6 * e.depth(e.R_w):.4g} um ({1e6 * e.depth(e.R_ct):.4g} um of charge "
        f"transfer), L/3sigma ion {1e4 * e.rails[0] / 3:.4g} eon {1e4 * e.rails[1] / 3:.4g}, particles "
        f"{1e4 * e.R_w:.4g}, all {1e4 * e.R:.4g} ohm cm2: {limit}"
    )


def grouped(found: list[Electrode]) -> list[list[Electrode]]:
    """Electrodes of the same conductivities together, by thickness."""
    groups: dict[tuple[str, str], list[Electrode]] = {}
    for e in found:
        groups.setdefault((f"{e.sigma[0]:.5g}", f"{e.sigma[1]:.5g}"), []).append(e)
    return [sorted(group, key=lambda e: e.L) for group in groups.values()]


def diagram(axes, materials: list[list[Electrode]]) -> None:
    """L/sigma_ion against L/sigma_eon on equal logarithmic axes."""
    stars = [float(np.mean([e.depth(e.R_w) for e in group])) for group in materials]
    values = [1e4 * r for group in materials for e in group for r in e.rails]
    values += [1e4 * depth / s for group, depth in zip(materials, stars, strict=True) for s in group[0].sigma]
    low, high = 0.4 * min(values), 12 * max(values)
    axes.plot([low, high], [low, high], color="0.6", linewidth=0.8, zorder=1)
    beside = {"xytext": (6, -5), "textcoords": "offset points", "fontsize": 6.5}
    for number, (group, depth) in enumerate(zip(materials, stars, strict=True)):
        colour, marker = reading.COLOURS[number % 6], reading.MARKERS[number % 6]
        ratio = group[0].sigma[1] / group[0].sigma[0]  # (L/sigma_ion)/(L/sigma_eon)
        x = np.array([max(low, low / ratio), min(high, high / ratio)])
        axes.plot(x, ratio * x, color=colour, linewidth=0.8, linestyle=reading.DASHES[number % 6], zorder=1.5)
        for e in group:
            ion, eon = (1e4 * r for r in e.rails)
            axes.plot([eon], [ion], marker=marker, color=colour, markersize=5, linestyle="none")
            axes.annotate(reading.readable(e.name), (eon, ion), **beside)
        ion, eon = (1e4 * depth / s for s in group[0].sigma)
        axes.plot([eon], [ion], marker="*", color=colour, markersize=9, linestyle="none", markeredgecolor="black")
        axes.annotate(f"L* = {1e6 * depth:.3g} µm", (eon, ion), **beside)
    for words, spot, ha in (("ions limit", (0.03, 0.97), "left"), ("electrons limit", (0.97, 0.03), "right")):
        va = "top" if spot[1] > 0.5 else "bottom"
        axes.text(*spot, words, transform=axes.transAxes, fontsize=8, color="0.35", ha=ha, va=va)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.set_xlabel(r"L / $\sigma_\mathrm{eon}$ / Ω cm²")
    axes.set_ylabel(r"L / $\sigma_\mathrm{ion}$ / Ω cm²")


def against_thickness(axes, group: list[Electrode]) -> None:
    """Parts of R of one material over L; what was attributed as crosses."""
    depth = float(np.mean([e.depth(e.R_w) for e in group]))
    L = np.geomspace(0.5 * min(group[0].L, depth), 2 * max(group[-1].L, depth), 200)
    R_ct, R_w = (float(np.mean([e.L * R for e, R in zip(group, all_of, strict=True)])) / L for all_of in wall(group))
    curves = dict(zip(PARTS, (L / (3 * group[0].sigma[0]), L / (3 * group[0].sigma[1]), R_ct, R_w - R_ct), strict=True))
    for number, (label, values) in enumerate(curves.items()):
        look = {"color": reading.COLOURS[number], "linestyle": reading.DASHES[number]}
        axes.plot(1e6 * L, 1e4 * values, label=shown(label), **look)
        at = [e for e in group if e.parts]
        x, y = [1e6 * e.L for e in at], [1e4 * e.parts[label] for e in at]
        axes.plot(x, y, color=reading.COLOURS[number], marker="x", markersize=6, linestyle="none")
    axes.plot(1e6 * L, 1e4 * sum(curves.values()), color="black", linewidth=1.4, label="all")
    axes.plot([1e6 * e.L for e in group], [1e4 * e.R for e in group], "o", color="black", markerfacecolor="white")
    for length, words in ((depth, "L*"), (np.sqrt(3) * depth, "√3 L*")):
        axes.axvline(1e6 * length, color="0.6", linewidth=0.8, zorder=1)
        axes.annotate(
            words, (1e6 * length, 1.0), (2, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
            fontsize=7, va="top",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis)
    axes.set_xlabel("thickness L / µm")
    axes.set_ylabel("R / Ω cm²")
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def plain_numbers(axis) -> None:
    """Ticks at 1, 2 and 5 of each decade, as plain numbers."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def wall(group: list[Electrode]) -> tuple[list[float], list[float]]:
    """Resistances of all particles of each electrode: charge transfer, and with diffusion."""
    return [e.R_ct for e in group], [e.R_w for e in group]


def shown(label: str) -> str:
    return label.replace("σ_ion", r"$\sigma_\mathrm{ion}$").replace("σ_eon", r"$\sigma_\mathrm{eon}$")


if __name__ == "__main__":
    main()
