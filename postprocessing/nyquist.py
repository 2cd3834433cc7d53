"""Nyquist plot of one or many runs: every chosen study of every result file in one figure, closed forms dashed."""

from __future__ import annotations

import _reading as reading
import numpy as np


def main() -> None:
    parser = reading.arguments(__doc__, "nyquist.png", many=True)
    parser.add_argument("--top", type=float, metavar="VALUE", help="upper limit of -Im Z, in the unit of the figure")
    parser.add_argument("--whole", action="store_true", help="draw capacitive tails to their end")
    options = parser.parse_args()
    runs = [reading.open_result(given) for given in options.result]
    spectra, unit = gather(runs, options.study)
    (left, right), (low, high), remark = limits([Z for _, Z, _ in spectra], options.top, options.whole)
    height = 6.8 * (high - low) / (right - left) + 1.6 + 0.4 * len(spectra)
    figure = reading.new_figure(8.5, min(height, 20.0))
    axes = figure.subplots()
    for number, (label, Z, references) in enumerate(spectra):
        for reference in references:
            axes.plot(reference.real, -reference.imag, **reading.REFERENCE)
        colour, marker = reading.COLOURS[number % 6], reading.MARKERS[number % 6]
        axes.plot(Z.real, -Z.imag, marker, color=colour, markerfacecolor="white", label=label)
    axes.set_aspect("equal")
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.set_title(remark and f"{remark} {unit}", fontsize=6.5, loc="left")
    axes.axhline(0, color="0.4", linewidth=0.4, zorder=1)
    axes.set_xlabel(f"Z′ / {unit}")
    axes.set_ylabel(f"−Z″ / {unit}")
    figure.legend(loc="outside upper left")
    reading.save(figure, options.out)


def gather(runs: list, wanted: list[str] | None) -> tuple[list[tuple[str, np.ndarray, list[np.ndarray]]], str]:
    """(label, Z, closed forms) of every study, in the unit of the figure; runs are named when there are several."""
    spectra, units = [], set()
    for run in runs:
        for name in reading.pick(run, wanted):
            group = run["impedance"][name]
            factor, unit = reading.display(group["Z"].attrs["units"])
            units.add(unit)
            label = reading.label(run, name, len(runs))
            references = [factor * reference[()] for reference in group.get("reference", {}).values()]
            spectra.append((label, factor * group["Z"][()], references))
    if len(units) > 1:
        reading.fail(f"impedances in {' and '.join(sorted(units))} cannot share a figure")
    return spectra, units.pop()


def limits(spectra: list[np.ndarray], top: float | None, whole: bool) -> tuple[tuple, tuple, str]:
    """Limits of x and y for equal axes, and a remark when something is cut.

    A spectrum over three times as tall as wide ends in a capacitive tail, which is cut unless asked otherwise.
    """
    real, imag = np.concatenate(spectra).real, -np.concatenate(spectra).imag
    height, low = float(imag.max()), min(0.0, float(imag.min()))
    width = float(np.ptp(real)) or 0.2 * float(np.abs(real).max()) or 1.0
    if top is None:
        top = width if height > 3 * width and not whole else max(height, 0.5 * width)
    shown = real[imag <= top]
    left, right = (float(shown.min()), float(shown.max())) if shown.size else (0.0, top)
    spare = max(0.0, 0.8 * (top - low) - (right - left)) / 2 + 0.05 * max(width, top)
    remark = f"tail cut off: −Z″ rises to {height:.3g}" if height > 1.05 * top else ""
    return (left - spare, right + spare), (low - 0.05 * top, 1.05 * top), remark


if __name__ == "__main__":
    main()
