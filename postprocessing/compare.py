"""A run against the closed forms stored with it: |Z| above, relative residuals below, largest errors printed."""

from __future__ import annotations

import _reading as reading
import numpy as np


def main() -> None:
    options = reading.arguments(__doc__, "compare.png").parse_args()
    run = reading.open_result(options.result)
    pairs = [
        (name, reference)
        for name in reading.pick(run, options.study)
        for reference in run["impedance"][name].get("reference", {})
    ]
    if not pairs:
        reading.fail(f"{run.filename}: no closed form is stored with the chosen studies")
    figure = reading.new_figure(8.5, 10.5)
    modulus, residual = figure.subplots(2, sharex=True, height_ratios=[3, 3])
    for number, (name, reference) in enumerate(pairs):
        draw(modulus, residual, run["impedance"][name], name, reference, number)
    _, unit = reading.display(run["impedance"][pairs[0][0]]["Z"].attrs["units"])
    modulus.set_xscale("log")
    modulus.set_yscale("log")
    modulus.set_ylabel(f"|Z| / {unit}")
    residual.axhline(0, color="0.4", linewidth=0.4, zorder=1)
    residual.set_ylabel("(Z − Z_ref) / |Z_ref|")
    residual.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
    residual.set_xlabel("frequency / Hz")
    residual.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0)
    figure.legend(*modulus.get_legend_handles_labels(), loc="outside upper left")
    reading.save(figure, options.out)


def draw(modulus, residual, group, name: str, reference: str, number: int) -> None:
    frequency, Z, exact = group["frequency"][()], group["Z"][()], group["reference"][reference][()]
    factor, _ = reading.display(group["Z"].attrs["units"])
    error = (Z - exact) / np.abs(exact)
    worst = int(np.argmax(np.abs(error)))
    print(f"{name} against {reference}: at most {abs(error[worst]):.3e} at {frequency[worst]:.4g} Hz")
    colour, marker = reading.COLOURS[number % 6], reading.MARKERS[number % 6]
    label = f"{reading.readable(name)}, {reading.readable(reference)} dashed"
    modulus.plot(frequency, factor * np.abs(exact), **reading.REFERENCE)
    modulus.plot(frequency, factor * np.abs(Z), marker, color=colour, markerfacecolor="white", label=label)
    first = number == 0
    residual.plot(frequency, error.real, color=colour, linewidth=1, label="real part" if first else None)
    residual.plot(frequency, error.imag, "--", color=colour, linewidth=1, label="imaginary part" if first else None)


if __name__ == "__main__":
    main()
