"""Bode plot of one or many runs: modulus and phase against frequency, closed forms dashed."""

from __future__ import annotations

import _reading as reading
import numpy as np


def main() -> None:
    options = reading.arguments(__doc__, "bode.png", many=True).parse_args()
    runs = [reading.open_result(given) for given in options.result]
    chosen = [(run, name) for run in runs for name in reading.pick(run, options.study)]
    units = {reading.display(run["impedance"][name]["Z"].attrs["units"]) for run, name in chosen}
    if len(units) > 1:
        reading.fail(f"impedances in {' and '.join(sorted(unit for _, unit in units))} cannot share a figure")
    factor, unit = units.pop()
    figure = reading.new_figure(8.5, 10)
    modulus, phase = figure.subplots(2, sharex=True, height_ratios=[4, 3])
    for number, (run, name) in enumerate(chosen):
        group = run["impedance"][name]
        frequency = group["frequency"][()]
        for reference in group.get("reference", {}).values():
            draw(modulus, phase, frequency, factor * reference[()], reading.REFERENCE)
        label = reading.label(run, name, len(runs))
        look = {"color": reading.COLOURS[number % 6], "marker": reading.MARKERS[number % 6], "label": label}
        look |= {"linestyle": "none", "markerfacecolor": "white", "markersize": 2.8}
        draw(modulus, phase, frequency, factor * group["Z"][()], look)
    modulus.set_xscale("log")
    modulus.set_yscale("log")
    modulus.set_ylabel(f"|Z| / {unit}")
    phase.set_ylabel("phase / °")
    phase.set_xlabel("frequency / Hz")
    figure.legend(*modulus.get_legend_handles_labels(), loc="outside upper left")
    reading.save(figure, options.out)


def draw(modulus, phase, frequency: np.ndarray, Z: np.ndarray, look: dict) -> None:
    modulus.plot(frequency, np.abs(Z), **look)
    phase.plot(frequency, np.angle(Z, deg=True), **look)


if __name__ == "__main__":
    main()
