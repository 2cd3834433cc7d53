"""How far simpler descriptions of one specimen are from the full one: spectra, relative difference, where it passes.

Studies are named DESCRIPTION_SPECIMEN, such as full_60nm and simple_60nm. For every specimen that has the description
`--full`, each other description is compared with it, |Z - Z_full| / |Z_full|, and once more with a capacitor in
parallel: the one that the full spectrum ends in at its highest frequency, Im(1/Z)/w. Printed and marked are the
frequencies between which the difference is above `--limit`.
"""

from __future__ import annotations

import _reading as reading
import numpy as np

CAPACITOR = " + C"


def main() -> None:
    parser = reading.arguments(__doc__, "differences.png")
    parser.add_argument("--full", required=True, metavar="NAME", help="the description to hold the others against")
    parser.add_argument("--limit", type=float, default=0.01, help="relative difference to mark (default: 0.01)")
    parser.add_argument("--show", metavar="SPECIMEN", help="the specimen whose spectra are drawn (default: the first)")
    options = parser.parse_args()
    run = reading.open_result(options.result)
    specimens = grouped(run, reading.pick(run, options.study), options.full)
    shown = options.show or next(iter(specimens))
    if shown not in specimens:
        reading.fail(f"{run.filename}: no specimen {shown!r}; it has {', '.join(specimens)}")
    others = list(dict.fromkeys(name for found in specimens.values() for name in found if name != options.full))
    wanted = [name + more for name in others for more in ("", CAPACITOR)]
    factor, unit = reading.display(run["impedance"][f"{options.full}_{shown}"]["Z"].attrs["units"])
    drawn = {name: of for name, of in specimens[shown].items() if name in (options.full, *others)}
    rows, above = (len(wanted) + 1) // 2, height_of(drawn)
    figure = reading.new_figure(17.5, above + 5.2 * rows)
    top, bottom = figure.subfigures(2, 1, height_ratios=[above, 5.2 * rows])
    spectra(top, drawn, factor, unit)
    top.suptitle(f"{reading.readable(shown)}, the same scale for all", fontsize=8)
    axes = bottom.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    print(f"{'study':<24}{'difference at the lowest frequency':>36}{'largest':>12}{f'above {options.limit:g}':>28}")
    for panel, name in zip(axes.flat, wanted, strict=False):
        curves(panel, name, specimens, options)
    for row in axes:
        row[0].set_ylabel(f"|Z − Z_{options.full}| / |Z_{options.full}|")
    for panel in axes[-1]:
        panel.set_xlabel("frequency / Hz")
    bottom.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper")
    reading.save(figure, options.out)


def grouped(run, names: list[str], full: str) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """{specimen: {description: (frequency, Z)}} of the specimens that have the full description."""
    found: dict = {}
    for name in names:
        description, _, specimen = name.partition("_")
        group = run["impedance"][name]
        order = np.argsort(group["frequency"][()])
        found.setdefault(specimen, {})[description] = (group["frequency"][()][order], group["Z"][()][order])
    found = {specimen: of for specimen, of in found.items() if full in of and len(of) > 1}
    if not found:
        reading.fail(f"{run.filename}: no two studies are named {full}_SPECIMEN and OTHER_SPECIMEN")
    for specimen, of in found.items():
        if any(not np.array_equal(frequency, of[full][0]) for frequency, _ in of.values()):
            reading.fail(f"{run.filename}: the studies of {specimen} have different frequencies")
    width = {specimen: abs(of[full][1][0]) for specimen, of in found.items()}
    return dict(sorted(found.items(), key=lambda item: width[item[0]]))


def height_of(drawn: dict) -> float:
    """Height [cm] of a row of Nyquist plots with equal axes."""
    Z = np.concatenate([Z for _, Z in drawn.values()])
    return 2.8 + (17.5 / len(drawn) - 1.6) * min(1.0, np.ptp(Z.imag) / np.ptp(Z.real))


def spectra(figure, drawn: dict, factor: float, unit: str) -> None:
    panels = figure.subplots(1, len(drawn), sharex=True, sharey=True)
    for number, (panel, (name, (_, Z))) in enumerate(zip(panels, drawn.items(), strict=True)):
        panel.plot(factor * Z.real, -factor * Z.imag, color=reading.COLOURS[number % 6])
        panel.set_title(reading.readable(name), fontsize=8, pad=12)
        panel.set_xlabel(f"Z′ / {unit}")
        panel.set_aspect("equal", adjustable="box")
        panel.axhline(0, color="0.4", linewidth=0.4, zorder=1)
    for number, (panel, (frequency, Z)) in enumerate(zip(panels, drawn.values(), strict=True)):
        mark(panel, frequency, factor * Z.real, -factor * Z.imag, reading.COLOURS[number % 6])
    panels[0].set_ylabel(f"−Z″ / {unit}")


def mark(panel, frequency: np.ndarray, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    """Whole decades of frequency as dots, named where they stand apart."""
    size, named = np.ptp(x) + np.ptp(y), []
    for exponent in range(int(np.floor(np.log10(frequency[-1]) + 1e-9)), int(np.log10(frequency[0])) - 1, -1):
        at = int(np.argmin(np.abs(np.log10(frequency) - exponent)))
        if abs(np.log10(frequency[at]) - exponent) > 0.06:
            continue
        panel.plot(x[at], y[at], "o", color=colour, markerfacecolor="white", zorder=3)
        here = np.array([x[at], y[at]])
        if all(np.hypot(*(here - there)) > 0.15 * size for there in named):
            right, up = free_side(here, x, y, panel.get_xlim())
            look = {"textcoords": "offset points", "fontsize": 6.5, "ha": "left" if right > 0 else "right"}
            look["va"] = "bottom" if up > 0 else "top"
            panel.annotate(f"$10^{{{exponent}}}$ Hz", here, (3 * right, 2 * up), **look)
            named.append(here)


def free_side(here: np.ndarray, x: np.ndarray, y: np.ndarray, limits: tuple[float, float]) -> tuple[int, int]:
    """The side of a point, (right or left, above or below), on which a label hides least of the curve."""
    sides = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
    fine = np.linspace(0, x.size - 1, 20 * x.size)
    right, up = (np.interp(fine, np.arange(x.size), v) - h for v, h in ((x, here[0]), (y, here[1])))
    wide, tall = 0.2 * np.ptp(limits), 0.1 * np.ptp(limits)
    hidden = [np.sum((a * right > 0) & (a * right < wide) & (b * up > 0) & (b * up < tall)) for a, b in sides]
    if here[0] - wide < limits[0]:
        hidden[0], hidden[3] = fine.size, fine.size  # there stands the axis
    return sides[int(np.argmin(hidden))]


def curves(panel, name: str, specimens: dict, options) -> None:
    """The difference of one description against frequency for every specimen, and where it passes the limit."""
    for number, (specimen, of) in enumerate(specimens.items()):
        description = name.removesuffix(CAPACITOR)
        if description not in of:
            continue
        frequency, full = of[options.full]
        simple = of[description][1]
        if name.endswith(CAPACITOR):
            w = 2 * np.pi * frequency
            simple = 1 / (1 / simple + 1j * w * (1 / full[-1]).imag / w[-1])
        difference = np.abs(simple - full) / np.abs(full)
        look = {"color": reading.COLOURS[number % 6], "linestyle": reading.DASHES[number % 6]}
        panel.plot(frequency, difference, **look, label=reading.readable(specimen))
        crossings = passes(frequency, difference, options.limit)
        panel.plot(crossings, np.full(len(crossings), options.limit), "o", color=look["color"], markerfacecolor="white")
        told = ", ".join(f"{at:.3g}" for at in crossings)
        text = f"{told} Hz" if crossings else ("everywhere" if difference[0] > options.limit else "nowhere")
        print(f"{f'{name}, {specimen}':<24}{difference[0]:>36.2e}{difference.max():>12.2e}{text:>28}")
    panel.axhline(options.limit, color="0.4", linewidth=0.6, linestyle=":")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(reading.readable(name) + (" in parallel" if name.endswith(CAPACITOR) else ""), fontsize=8)


def passes(frequency: np.ndarray, difference: np.ndarray, limit: float) -> list[float]:
    """Frequencies at which the difference passes the limit, between points by a power law."""
    x, y = np.log(frequency), np.log(np.maximum(difference, 1e-300) / limit)
    at = np.flatnonzero((y[:-1] > 0) != (y[1:] > 0))
    return [float(np.exp(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))) for i in at]


if __name__ == "__main__":
    main()
