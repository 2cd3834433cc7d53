"""What three times the low-frequency span of battery-type spectra reads, over the ionic resistance that is there.

Left, Z from the high-frequency end on, over R_ion: the shortcut R_ion = 3 (R_low - R_high) holds where the tail stands
at 1/3. Right, its ratio to R_ion against R_eon/R_ion, with (1 + b) - 3 b/(1 + b) for an ideal capacitance
(10.1149/2.0331711jes). Every blocking study whose summary holds `shortcut_ratio` is a point, of one run or many.
"""

from __future__ import annotations

import argparse

import _reading as reading
import numpy as np


def main() -> None:
    parser = reading.arguments(__doc__, "shortcut.png", many=True)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--right", type=float, default=0.5, metavar="VALUE", help="Re Z / R_ion at the right edge")
    options = parser.parse_args()
    points = gather([reading.open_result(given) for given in options.result], options.study)
    figure = reading.new_figure(17.8, 8.6 + 0.36 * (len(points) // 3))
    plane, ratio = figure.subplots(1, 2)
    spectra(plane, points, options.right)
    against_theory(ratio, points)
    figure.legend(*ratio.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    reading.save(figure, options.out)


def gather(runs: list, wanted: list[str] | None) -> list[tuple[str, float, float, np.ndarray, np.ndarray]]:
    """(label, R_eon/R_ion, ratio, frequency, (Z - R_high)/R_ion) of every study that has a ratio, by R_eon/R_ion."""
    points = []
    for run in runs:
        for name in reading.pick(run, wanted):
            group = run["impedance"][name]
            figures = {key: float(value[()]) for key, value in group.get("summary", {}).items()}
            if "shortcut_ratio" in figures:
                order = np.argsort(group["frequency"][()])
                Z = (group["Z"][()][order] - figures["R_high"]) / figures["R_ion"]
                beta = figures["R_eon"] / figures["R_ion"]
                label = reading.label(run, name, len(runs))
                points.append((label, beta, figures["shortcut_ratio"], group["frequency"][()][order], Z))
    if not points:
        reading.fail("no chosen study has a shortcut_ratio in its summary (battery terminals, one layer, no exchange)")
    points.sort(key=lambda point: point[1])
    for label, beta, read, *_ in points:
        print(f"{label}: R_eon/R_ion {beta:.4g}, shortcut/R_ion {read:.4g}, formula {formula(beta):.4g}")
    return points


def formula(beta):
    return (1 + beta) - 3 * beta / (1 + beta)


def look(number: int) -> dict:
    """Ten series that differ in shape, colour and filling."""
    colour = reading.COLOURS[number % 5]
    face = colour if (number // 5) % 2 else "white"
    return {"marker": reading.MARKERS[number % 6], "color": colour, "markerfacecolor": face}


def spectra(axes, points: list, right: float) -> None:
    """Spectra whose tail stands left of the edge, from their high-frequency ends, with marks at the decades."""
    top = 1.15 * right
    axes.axvline(1 / 3, color="black", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.text(1 / 3 + 0.012 * right, 0.98 * top, "1/3:\nthe shortcut\nholds", fontsize=6.5, va="top")
    taken: list[tuple[float, float]] = []
    for number, (_, _, read, frequency, Z) in enumerate(points):
        if read / 3 > right:
            continue
        axes.plot(Z.real, -Z.imag, color=look(number)["color"], linewidth=0.8)
        decade = 10 ** np.arange(np.ceil(np.log10(frequency[0])), np.floor(np.log10(frequency[-1])) + 0.5)
        x, y = (np.interp(np.log10(decade), np.log10(frequency), part) for part in (Z.real, -Z.imag))
        axes.plot(x, y, linestyle="none", markersize=3.8, **look(number))
        name_decades(axes, x, y, decade, (right, top), taken)
    axes.set_aspect("equal")
    axes.set_xlim(-0.04 * right, right)
    axes.set_ylim(-0.04 * right, top)
    axes.set_xlabel(r"(Z′ − $R_\mathrm{high}$) / $R_\mathrm{ion}$")
    axes.set_ylabel(r"−Z″ / $R_\mathrm{ion}$")
    axes.set_title("a marker at each decade of frequency", fontsize=6.5, loc="left")


def name_decades(axes, x: np.ndarray, y: np.ndarray, decade: np.ndarray, box: tuple, taken: list) -> None:
    """Frequencies beside the marks on the way up, where no other label stands (`taken`, places of labels)."""
    right, top = box
    for a, b, f in zip(x, y, decade, strict=True):
        inside = 0.1 * top < b < 0.93 * top and a < 0.85 * right
        free = all(abs(b - d) > 0.035 * top or abs(a - c) > 0.16 * right for c, d in taken)
        if inside and free:
            axes.annotate(f"{f:g} Hz", (a, b), (5, -1), textcoords="offset points", fontsize=5.5, color="0.3", va="top")
            taken.append((a, b))


def against_theory(axes, points: list) -> None:
    """The ratio on logarithmic axes: the formula as a curve, the spectra as points."""
    beta = np.array([point[1] for point in points])
    curve = np.geomspace(min(3e-3, 0.5 * beta.min()), max(30.0, 2 * beta.max()), 400)
    axes.axhline(1, color="black", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.plot(curve, formula(curve), color="0.45", linewidth=1.0, label="(1 + β) − 3β/(1 + β)", zorder=1.5)
    for number, (label, b, read, _, _) in enumerate(points):
        axes.plot([b], [read], linestyle="none", markersize=4.5, label=f"{label}: {read:.3g}", **look(number))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"β = $R_\mathrm{eon}$ / $R_\mathrm{ion}$")
    axes.set_ylabel(r"3 ($R_\mathrm{low}$ − $R_\mathrm{high}$) / $R_\mathrm{ion}$")


if __name__ == "__main__":
    main()
