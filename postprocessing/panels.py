"""Nyquist plots of one run side by side on one page: a panel per study, all on the same equal axes.

Above each panel a sketch shows which ends of the two rails the poles hold, where the result file tells. `--panel` puts
several studies into one panel and prints how far apart their spectra are. Closed forms are dashed.
"""

from __future__ import annotations

import argparse
import json

import _reading as reading
import numpy as np

PREFIXES = {-6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
ION, ELECTRON = "#0072B2", "#D55E00"
# (side, rail) that the poles A and B hold, by the word that a case gives for `terminals`
PRESETS = {
    "ion_blocking": ([("left", "electron")], [("right", "electron")]),
    "electron_blocking": ([("left", "ion")], [("right", "ion")]),
    "battery": ([("left", "ion")], [("right", "electron")]),
    "ion_both": ([("left", "ion")], [("right", "ion"), ("right", "electron")]),
    "electron_both": ([("left", "electron")], [("right", "ion"), ("right", "electron")]),
    "both_rails_left": ([("left", "ion")], [("left", "electron")]),
    "symmetric": ([("left", "ion"), ("left", "electron")], [("right", "ion"), ("right", "electron")]),
}


def main() -> None:
    parser = reading.arguments(__doc__, "panels.png")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--panel", action="append", metavar="A,B", help="studies of one panel (may be repeated)")
    parser.add_argument("--columns", type=int, default=3, metavar="N", help="panels in a row (default: 3)")
    parser.add_argument("--top", type=float, metavar="VALUE", help="upper limit of -Im Z, in the unit of the figure")
    options = parser.parse_args()
    if options.columns < 1:
        reading.fail(f"--columns {options.columns}: at least 1")
    run = reading.open_result(options.result)
    groups = chosen(run, options.study, options.panel)
    factor, unit = reading.display(run["impedance"][groups[0][0]]["Z"].attrs["units"])
    spectra = {name: spectrum(run, name, factor) for group in groups for name in group}
    box = window([Z for _, Z in spectra.values()], options.top)
    figure, panels = page(len(groups), options.columns, box)
    explain(figure, run, groups)
    for number, (group, (axes, drawing)) in enumerate(zip(groups, panels, strict=True)):
        fill(axes, drawing, run, group, spectra, box, factor)
        if number % options.columns == 0:
            axes.set_ylabel(f"−Z″ / {unit}")
        if number + options.columns >= len(groups):
            axes.set_xlabel(f"Z′ / {unit}")
        tell_distance(group, spectra)
    reading.save(figure, options.out)


def chosen(run, studies: list[str] | None, panels: list[str] | None) -> list[list[str]]:
    """The studies of each panel, in the order asked for or else that of the case."""
    if panels:
        return [reading.pick(run, [name.strip() for name in panel.split(",")]) for panel in panels]
    return [[name] for name in (reading.pick(run, studies) if studies else studies_in_order(run))]


def spectrum(run, name: str, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Rising frequencies [Hz] and Z in the unit of the figure."""
    frequency, Z = run["impedance"][name]["frequency"][()], run["impedance"][name]["Z"][()]
    order = np.argsort(frequency)
    return frequency[order], factor * Z[order]


def window(spectra: list[np.ndarray], top: float | None) -> tuple[float, float, float, float]:
    """Limits x0, x1, y0, y1 for all panels: resistances whole, capacitive tails cut at half of the width."""
    resistive = [Z[np.abs(Z.imag) <= Z.real] for Z in spectra]
    right = max(
        float(part.real.max()) if part.size else float(np.abs(Z).max())
        for part, Z in zip(resistive, spectra, strict=True)
    )
    arcs = max(float(-part.imag.min()) if part.size else 0.0 for part in resistive)
    height = max(float(-Z.imag.min()) for Z in spectra)
    low = min(0.0, min(float(-Z.imag.max()) for Z in spectra))
    upper = top or max(min(1.08 * height, max(0.5 * right, 1.12 * arcs)), 0.25 * right)
    return -0.05 * right, 1.15 * right, low - 0.05 * right, upper


def page(count: int, columns: int, box: tuple):
    """A figure with `count` pairs of axes: the plot, and the strip for a sketch above it. All lengths in cm."""
    columns = min(columns, count)
    rows = -(-count // columns)
    total = 17.8 if columns > 1 else 8.5
    margin, gap, strip, key = 1.35, 1.15, 1.0, 0.6 if columns > 1 else 1.0
    width = (total - margin - 0.3 - gap * (columns - 1)) / columns
    height = width * (box[3] - box[2]) / (box[1] - box[0])
    cell = height + strip + 0.85
    whole = rows * cell + key + 0.4
    figure = reading.new_figure(total, whole)
    figure.set_layout_engine("none")
    panels = []
    for k in range(count):
        row, column = divmod(k, columns)
        left, bottom = margin + column * (width + gap), whole - key - (row + 1) * cell + 0.65
        plot = figure.add_axes((left / total, bottom / whole, width / total, height / whole))
        drawing = figure.add_axes((left / total, (bottom + height + 0.1) / whole, 1.5 / total, 0.8 / whole))
        plot.yaxis.set_label_coords((0.35 - margin) / width, 0.5)
        panels.append((plot, drawing))
    return figure, panels


def explain(figure, run, groups: list[list[str]]) -> None:
    """What the signs of the sketches mean, along the top; only signs that occur."""
    from matplotlib.lines import Line2D

    wired = [w for group in groups if (w := wiring(run, group[0]))]
    dot = {"marker": "o", "linestyle": "none", "color": "black", "markersize": 3.8}
    entries = []
    if wired:
        entries = [Line2D([], [], color=ION, label="ion rail")]
        entries += [Line2D([], [], color=ELECTRON, label="electron rail")]
        entries += [Line2D([], [], **dot, label="pole A")]
        entries += [Line2D([], [], **dot, markerfacecolor="white", label="pole B")]
    if any(len(terminals) > 2 for terminals, _ in wired):
        entries += [Line2D([], [], **dot, markerfacecolor="0.7", label="no net current")]
    if any(run["impedance"][name].get("reference") for group in groups for name in group):
        entries += [Line2D([], [], **reading.REFERENCE, label="closed form")]
    if entries:
        columns = 6 if figure.get_figwidth() > 5 else 3  # inches
        figure.legend(handles=entries, loc="upper right", ncols=columns, columnspacing=1.4, handletextpad=0.5)


def fill(axes, drawing, run, group: list[str], spectra: dict, box: tuple, factor: float) -> None:
    """One panel: spectra, closed forms, decades of frequency, sketch and title."""
    axes.set_xlim(box[0], box[1])
    axes.set_ylim(box[2], box[3])
    axes.set_aspect("equal")
    same_ticks(axes, box)
    axes.axhline(0, color="0.4", linewidth=0.4, zorder=1)
    named: list[complex] = []
    for number, name in enumerate(group):
        for reference in run["impedance"][name].get("reference", {}).values():
            axes.plot(factor * reference[()].real, -factor * reference[()].imag, **reading.REFERENCE)
        frequency, Z = spectra[name]
        axes.plot(Z.real, -Z.imag, **look(number, len(group)), label=reading.readable(name))
        decades(axes, frequency, Z, box, (number, len(group)), named)
    if max(-spectra[name][1].imag.min() for name in group) > box[3]:
        axes.text(0.99, 0.98, "tail cut off", transform=axes.transAxes, ha="right", va="top", fontsize=6, color="0.35")
    wired = wiring(run, group[0])
    drawing.set_axis_off()
    if wired:
        draw_sketch(drawing, *wired)
    if len(group) == 1:
        axes.set_title(reading.readable(group[0]), fontsize=8, loc="right", pad=7)
    else:
        place = {"loc": "lower right", "bbox_to_anchor": (1.07, 0.98), "fontsize": 6}
        axes.legend(**place, borderpad=0.2, handlelength=0.8, handletextpad=0.4, labelspacing=0.3)


def same_ticks(axes, box: tuple) -> None:
    """One step for both axes, small enough for a second tick upwards."""
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    for bins in range(6, 20):
        ticks = MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10]).tick_values(box[0], box[1])
        if ticks[1] - ticks[0] < 0.95 * box[3]:
            break
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(float(ticks[1] - ticks[0])))


def look(number: int, count: int) -> dict:
    """Rings, then crosses and smaller signs inside them: spectra that coincide stay visible."""
    colour = reading.COLOURS[number % 6]
    if count == 1:
        return {"marker": "o", "linestyle": "none", "color": colour, "markerfacecolor": "white", "markersize": 3.2}
    marker = "o+x^Dv"[number % 6]
    inside = {"markersize": 4.6, "markerfacecolor": "none"} if number == 0 else {"markersize": 3.4}
    return {"marker": marker, "linestyle": "none", "color": colour, "markeredgewidth": 0.8, "zorder": 2.2} | inside


def decades(
    axes, frequency: np.ndarray, Z: np.ndarray, box: tuple, place: tuple[int, int], named: list[complex]
) -> None:
    """Filled markers at the powers of ten of spectrum `place` (number, of how many), named beside the curve where
    there is room: away from the labels `named` before, and not where a curve rises from the real axis."""
    number, count = place
    width, colour = box[1] - box[0], reading.COLOURS[number % 6]
    if np.ptp(Z.real) + np.ptp(Z.imag) < 0.01 * width:
        text = f"{in_hertz(frequency[0])} to {in_hertz(frequency[-1])}"
        axes.annotate(text, (Z[0].real, -Z[0].imag), (0, 5), textcoords="offset points", fontsize=6, color=colour)
        return
    logs = np.log10(frequency)
    powers = np.arange(np.ceil(logs[0] - 1e-9), np.floor(logs[-1] + 1e-9) + 0.5)
    around = np.array([powers - 0.05, powers, powers + 0.05])
    points = np.interp(around, logs, Z.real) - 1j * np.interp(around, logs, Z.imag)  # as drawn: -Im Z upwards
    for (before, here, after), power in zip(points.T, powers, strict=True):
        if not (box[0] <= here.real <= box[1] and box[2] <= here.imag <= box[3]):
            continue
        axes.plot([here.real], [here.imag], "o", color=colour, markersize=3.0 if count == 1 else 3.6, zorder=3)
        along = before - after  # towards lower frequencies
        foot = 0 <= here.imag < 0.07 * width and along.imag > 0.5 * along.real
        if not foot and all(abs(here - other) > 0.11 * width for other in named):
            named.append(here)
            name_point(axes, here, along, in_hertz(10.0**power), colour, box)


def name_point(axes, here: complex, along: complex, text: str, colour: str, box: tuple) -> None:
    """A label beside a point; `along` is the way the curve goes there."""
    rising = along.imag > 0.5 * along.real
    normal = along * (-1j if rising else 1j)  # right of a rising curve, outside of a closing arc
    normal = normal / abs(normal) if abs(normal) > 0 else 1 + 0j
    crowded = here.real + 0.17 * (box[1] - box[0]) > box[1]
    if crowded and normal.real > -0.3:
        normal = -1 + 0j
    on_axis = abs(here.imag) < 0.03 * (box[1] - box[0])
    where = {"ha": "left" if normal.real > 0.3 else "right" if normal.real < -0.3 else "center"}
    where["va"] = "bottom" if normal.imag > 0.6 or on_axis else "top" if normal.imag < -0.6 else "center"
    offset = (4.5 * normal.real, max(1.5, 4.5 * normal.imag) if on_axis else 4.5 * normal.imag)
    axes.annotate(text, (here.real, here.imag), offset, textcoords="offset points", fontsize=6, color=colour, **where)


def in_hertz(frequency: float) -> str:
    """A frequency with its prefix, such as 10 kHz."""
    power = 3 * int(np.floor(np.log10(frequency) / 3 + 1e-9))
    power = min(max(power, min(PREFIXES)), max(PREFIXES))
    return f"{frequency / 10.0**power:.3g} {PREFIXES[power]}Hz"


def tell_distance(group: list[str], spectra: dict) -> None:
    """How far the other spectra of a panel are from its first, relative to that."""
    first_f, first = spectra[group[0]]
    for name in group[1:]:
        frequency, Z = spectra[name]
        if frequency.size == first_f.size and np.allclose(frequency, first_f):
            apart = np.abs(Z - first) / np.abs(first)
            worst = int(np.argmax(apart))
            print(f"{name} and {group[0]}: at most {apart[worst]:.3e} apart, at {frequency[worst]:.4g} Hz")


def case_of(file) -> dict:
    """The resolved case of a result file; empty where there is none."""
    return json.loads(file["meta/case"][()]) if "meta/case" in file else {}


def studies_in_order(file) -> list[str]:
    """Studies of a result file in the order of its case."""
    stored = reading.pick(file, None)
    named = [study.get("name") for study in case_of(file).get("study", [])]
    return [name for name in named if name in stored] + [name for name in stored if name not in named]


def wiring(file, name: str) -> tuple[list[list[tuple[str, str, bool]]], list[str]] | None:
    """Per terminal the ends that it holds, (side, rail, with an impedance), and the sides of links; None where the
    file does not tell, or where the ends are not those of an ion and an electron rail."""
    study = next((s for s in case_of(file).get("study", []) if s.get("name") == name), {})
    preset = study.get("terminals")
    if preset in PRESETS:
        terminals = [[(*end, False) for end in ends] for ends in PRESETS[preset]]
    else:
        terminals = [
            [
                (c["side"], "electron" if c["carrier"] == "electron" else "ion", c["law"] != "reversible")
                for c in terminal["contacts"]
                if c["law"] != "blocking"
            ]
            for terminal in study.get("terminal", [])
        ]
    carriers = {c["carrier"] for terminal in study.get("terminal", []) for c in terminal["contacts"]}
    if not terminals or "potential" in carriers:
        return None
    return terminals, [link["side"] for link in study.get("link", [])]


def draw_sketch(axes, terminals: list[list[tuple[str, str, bool]]], links: list[str]) -> None:
    """Draw the wiring into axes of their own, the rails from 0 to 1: the ion rail above, the electron rail below.

    The ends that a terminal holds are wired to its dot: pole A filled, pole B open, a third terminal grey. A small
    square is a contact with an impedance, or a link between the rails.
    """
    axes.set_axis_off()
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(-0.35, 1.35)
    for y, colour in ((1, ION), (0, ELECTRON)):
        axes.plot([0, 1], [y, y], color=colour, linewidth=1.4, solid_capstyle="butt")
    for x in (0.2, 0.4, 0.6, 0.8):  # the interface, a capacitor at each place
        for y in ((0, 0.42), (0.58, 1)):
            axes.plot([x, x], y, color="0.65", linewidth=0.5, zorder=1)
        for y in (0.42, 0.58):
            axes.plot([x - 0.06, x + 0.06], [y, y], color="0.65", linewidth=0.7, zorder=1)
    for side in links:
        x = -0.06 if side == "left" else 1.06
        axes.plot([x, x], [0, 1], color="black", linewidth=0.7)
        axes.plot([x], [0.5], "s", color="black", markersize=3.5, markerfacecolor="white")
    for number, ends in enumerate(terminals):
        pole(axes, number, ends)


def pole(axes, number: int, ends: list[tuple[str, str, bool]]) -> None:
    """Wires from the ends of rails to the dot of a terminal, at the side where it holds something."""
    reach = 0.3
    fill = ("black", "white", "0.7")[min(number, 2)]
    for side in ("left", "right"):
        held = [(0.0 if rail == "electron" else 1.0, impeded) for s, rail, impeded in ends if s == side]
        if not held:
            continue
        start, end = (0.0, -reach) if side == "left" else (1.0, 1.0 + reach)
        for y, impeded in held:
            axes.plot([start, end], [y, y], color="black", linewidth=0.8, zorder=2)
            if impeded:
                axes.plot([0.5 * (start + end)], [y], "s", color="black", markersize=3, markerfacecolor="white")
        levels = [y for y, _ in held]
        if len(held) > 1:
            axes.plot([end, end], [min(levels), max(levels)], color="black", linewidth=0.8, zorder=2)
        middle = sum(levels) / len(levels)
        axes.plot([end], [middle], "o", color="black", markersize=3.8, markerfacecolor=fill, zorder=3)


if __name__ == "__main__":
    main()
