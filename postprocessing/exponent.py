"""Constant phase elements, fitted and questioned: spectra, effective exponent, and what the fit leaves over.

A spectrum that ends in a resistance is fitted by R0 + R/(1 + (j w tau)^alpha), one that blocks by
R0 + 1/(Q (j w)^alpha), all points weighted by 1/|Z|. The effective exponent -d ln|Im Z| / d ln w is that of a constant
phase element where there is one: +alpha above the arc, -alpha below it; finitely many ideal elements end in +1 and -1.
Printed with the fit is the capacitance that is usually read from it, tau/R = (Q R)^(1/alpha)/R.
"""

from __future__ import annotations

import _reading as reading
import numpy as np


def main() -> None:
    options = reading.arguments(__doc__, "exponent.png").parse_args()
    run = reading.open_result(options.result)
    names = reading.pick(run, options.study)
    rows = (len(names) + 2) // 3
    figure = reading.new_figure(17.5, 4.6 * rows + 6.8)
    top, bottom = figure.subfigures(2, 1, height_ratios=[4.6 * rows, 6.8])
    panels = top.subplots(rows, min(3, len(names)), squeeze=False)
    exponent, residual = bottom.subplots(1, 2)
    for number, name in enumerate(names):
        group = run["impedance"][name]
        order = np.argsort(group["frequency"][()])
        frequency, Z = group["frequency"][()][order], group["Z"][()][order]
        factor, unit = reading.display(group["Z"].attrs["units"])
        blocks = "R_dc" not in group.get("summary", {})
        values, model = fitted(2 * np.pi * frequency, Z, blocks)
        tell(name, values, np.abs(model - Z) / np.abs(Z), group["Z"].attrs["units"], blocks)
        look = {"color": reading.COLOURS[number % 6], "linestyle": reading.DASHES[number % 6]}
        nyquist(panels.flat[number], name, frequency, factor * Z, factor * model, look["color"], unit)
        x, alpha = effective(frequency, Z)
        exponent.plot(x, alpha, **look, label=reading.readable(name))
        residual.plot(frequency, np.abs(model - Z) / np.abs(Z), **look)
    for panel in panels.flat[len(names) :]:
        panel.set_visible(False)
    for panel in (exponent, residual):
        panel.set_xscale("log")
        panel.set_xlabel("frequency / Hz")
    exponent.set_ylabel("−d ln|Z″| / d ln ω")
    exponent.set_ylim(-1.15, 1.15)
    exponent.axhline(0, color="0.4", linewidth=0.4, zorder=1)
    residual.set_yscale("log")
    residual.set_ylim(1e-5, 2)  # below that there is nothing to see but rounding
    residual.set_ylabel("|Z_fit − Z| / |Z|")
    bottom.legend(*exponent.get_legend_handles_labels(), loc="outside upper left", ncols=5)
    reading.save(figure, options.out)


def effective(frequency: np.ndarray, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slope between neighbouring frequencies, at their geometric mean."""
    slope = -np.diff(np.log(np.abs(Z.imag))) / np.diff(np.log(frequency))
    return np.sqrt(frequency[1:] * frequency[:-1]), slope


def response(w: np.ndarray, p: np.ndarray, blocks: bool) -> tuple[np.ndarray, np.ndarray]:
    """The circuit at the parameters R0, ln R, ln tau, alpha (blocking: R0, ln Q, alpha) and its derivatives."""
    if blocks:
        element = np.exp(-p[1]) / (1j * w) ** p[2]
        return p[0] + element, np.stack([np.ones_like(element), -element, -element * np.log(1j * w)])
    power = (1j * w * np.exp(p[2])) ** p[3]
    arc = np.exp(p[1]) / (1 + power)
    slope = -arc * power / (1 + power)
    by_alpha = slope * (np.log(1j * w) + p[2])
    return p[0] + arc, np.stack([np.ones_like(arc), arc, slope * p[3], by_alpha])


def fitted(w: np.ndarray, Z: np.ndarray, blocks: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and spectrum of the circuit nearest to Z, by Levenberg and Marquardt's method."""
    R, middle = max(Z[0].real - Z[-1].real, 1e-12 * abs(Z[0])), w[np.argmax(-Z.imag)]
    p = np.array([Z[-1].real, np.log(R), -np.log(middle), 0.9])
    if blocks:
        p = np.array([Z[-1].real, -np.log(-Z[0].imag * w[0] ** 0.9), 0.9])
    damping, cost = 1e-3, np.inf
    for _ in range(500):
        model, slopes = response(w, p, blocks)
        off = split((model - Z) / np.abs(Z))
        J = split(slopes / np.abs(Z))
        size = np.sqrt((J**2).sum(axis=1))
        if cost < np.inf and abs(float(off @ off) - cost) <= 1e-15 * cost:
            break
        cost = float(off @ off)
        normal, gradient = (J @ J.T) / np.outer(size, size), (J @ off) / size
        while damping < 1e12:
            step = np.linalg.solve(normal + damping * np.eye(p.size), -gradient) / size
            with np.errstate(all="ignore"):  # a step too far is refused below
                trial = split((response(w, p + step, blocks)[0] - Z) / np.abs(Z))
                better = float(trial @ trial) <= cost
            if better:
                p, damping = p + step, max(damping / 10, 1e-12)
                break
            damping *= 10
    return p, response(w, p, blocks)[0]


def split(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values.real, values.imag], axis=-1)


def tell(name: str, p: np.ndarray, error: np.ndarray, unit: str, blocks: bool) -> None:
    farad = unit.replace("ohm", "F").replace("F m^2", "F/m^2")
    if blocks:
        what = f"R0 {p[0]:.5g} {unit}, Q {np.exp(p[1]):.5g} {farad} s^(alpha-1)"
    else:
        capacitance = np.exp(p[2] - p[1])
        what = f"R0 {p[0]:.5g}, R {np.exp(p[1]):.5g} {unit}, tau {np.exp(p[2]):.5g} s, tau/R {capacitance:.5g} {farad}"
    off = f"off by {np.sqrt(np.mean(error**2)):.2e} rms, {error.max():.2e} at most"
    print(f"{name}: alpha {p[-1]:.5f}, {what}; {off}")


def nyquist(panel, name: str, frequency: np.ndarray, Z: np.ndarray, model: np.ndarray, colour: str, unit: str) -> None:
    high = float(np.ptp(Z.real)) if np.ptp(Z.imag) > 3 * np.ptp(Z.real) else np.inf  # of a tail only the beginning
    shown = -Z.imag < high
    panel.plot(model[shown].real, -model[shown].imag, color="black", linewidth=0.8, label="fit")
    panel.plot(Z[shown].real, -Z[shown].imag, "o", color=colour, markerfacecolor="white", markersize=2.6)
    for exponent in range(int(np.log10(frequency[0])), int(np.log10(frequency[-1])) + 1):
        at = int(np.argmin(np.abs(np.log10(frequency) - exponent)))
        far = min(Z.real[at] - Z.real.min(), Z.real.max() - Z.real[at]) > 0.08 * np.ptp(Z.real)
        if shown[at] and far and abs(np.log10(frequency[at]) - exponent) < 0.06:
            panel.plot(Z[at].real, -Z[at].imag, "o", color=colour, markersize=4)
            side, shift = ("right", -4) if Z[at].real < 0.5 * (Z.real.min() + Z.real.max()) else ("left", 4)
            look = {"textcoords": "offset points", "fontsize": 6.5, "ha": side}
            panel.annotate(f"$10^{{{exponent}}}$ Hz", (Z[at].real, -Z[at].imag), (shift, 3), **look)
    panel.set_aspect("equal", adjustable="datalim")
    panel.set_title(reading.readable(name), fontsize=8)
    panel.set_xlabel(f"Z′ / {unit}")
    panel.set_ylabel(f"−Z″ / {unit}")


if __name__ == "__main__":
    main()
