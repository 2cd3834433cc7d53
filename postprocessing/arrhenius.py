"""Arrhenius lines through what a fit found at several temperatures: p = p_0 exp(-E/kT), with errors of both.

Reads fit.h5. Takes every parameter with one value for each group of data (`each = true`), where the data of each group
have a temperature of their own in their `set`. A conductivity (S/m) is multiplied by T, as is usual. The line is the
least-squares one in ln p with the whole covariance of the fit between temperatures, so that its errors are those of a
fit of E and p_0 to all spectra at once, as far as ln p is normally distributed. chi2 well above the number of points
less two says that these are not points of one line.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import _reading as reading
import h5py
import numpy as np

K = 8.617333262e-5  # eV/K


@dataclass(frozen=True)
class Line:
    """Values (n,) [unit] of one key at temperatures (n,) [K], times T where `times_T`, with the covariance of ln of
    them; E [eV], ln p_0 and their covariance; chi2 of the line."""

    key: str
    unit: str
    times_T: bool
    T: np.ndarray
    values: np.ndarray
    covariance: np.ndarray
    E: float
    ln_p0: float
    errors: np.ndarray  # of E, of ln p_0
    chi2: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", help="fit.h5, or the folder of a fit")
    parser.add_argument("-o", "--out", default="arrhenius.png", metavar="PATH", help="what to write")
    options = parser.parse_args()
    lines = gather(Path(options.result))
    for line in lines:
        tell(line)
    figure = reading.new_figure(17.8, 8.8)
    draw(figure, lines)
    reading.save(figure, options.out)


def gather(given: Path) -> list[Line]:
    path = given / "fit.h5" if given.is_dir() else given
    try:
        with h5py.File(path, "r") as file:
            if "miecsim_fit_format" not in file.attrs:
                reading.fail(f"{path}: an HDF5 file, but not a fit of miecsim")
            temperature = temperatures(file["data"])
            own = file["parameters"]
            words = {name: [text.decode() for text in own[name][()]] for name in ("key", "group", "unit")}
            known, log = own["identified"][()].astype(bool), own["log"][()].astype(bool)
            values, covariance = own["value"][()], own["covariance"][()]
    except OSError:
        reading.fail(f"{path}: no such file, or not an HDF5 file")
    lines = []
    for key in dict.fromkeys(words["key"]):
        at = [i for i, name in enumerate(words["key"]) if name == key and words["group"][i] in temperature]
        at = [i for i in at if known[i] and log[i]]
        if len(at) > 2:
            T = np.array([temperature[words["group"][i]] for i in at])
            lines.append(fitted(key, words["unit"][at[0]], T, values[at], covariance[np.ix_(at, at)]))
    if not lines:
        reading.fail(f"{path}: no parameter that is identified at three or more temperatures")
    return lines


def temperatures(data) -> dict[str, float]:
    """T [K] of each group of data that sets one."""
    found = {}
    for own in data.values():
        text = json.loads(own.attrs["settings"]).get("temperature")
        if text is not None:
            number, unit = str(text).split()
            found[str(own.attrs["group"])] = float(number) + (0.0 if unit == "K" else 273.15)
    return found


def fitted(key: str, unit: str, T, values, covariance) -> Line:
    """The line through ln p (or ln pT) over 1/T, by least squares with the covariance of ln p."""
    times_T = unit == "S/m"
    shown = values * T if times_T else values
    design = np.column_stack([-1 / (K * T), np.ones_like(T)])
    weight = np.linalg.inv(covariance)
    own = np.linalg.inv(design.T @ weight @ design)
    E, ln_p0 = own @ (design.T @ weight @ np.log(shown))
    left = np.log(shown) - design @ (E, ln_p0)
    return Line(key, unit, times_T, T, shown, covariance, E, ln_p0, np.sqrt(np.diag(own)), float(left @ weight @ left))


def symbol(line: Line) -> str:
    name = reading.readable(line.key.rsplit(".", 1)[-1])
    return f"{name} × T" if line.times_T else name


def unit_of(line: Line) -> str:
    return "S K/m" if line.times_T else line.unit


def tell(line: Line) -> None:
    p0, n = np.exp(line.ln_p0), line.T.size
    print(
        f"{symbol(line)}: E {line.E:.5g} +- {line.errors[0]:.2g} eV, p_0 {p0:.4g} {unit_of(line)} "
        f"+- {100 * line.errors[1]:.2g} %, chi2 {line.chi2:.3g} of {n - 2}"
    )


def draw(figure, lines: list[Line]) -> None:
    """One panel for each unit; points with 95 % bars, lines, E beside them."""
    units = list(dict.fromkeys(unit_of(line) for line in lines))
    panels = np.atleast_1d(figure.subplots(1, len(units)))
    for axes, unit in zip(panels, units, strict=True):
        for line in (line for line in lines if unit_of(line) == unit):
            number = lines.index(line)
            colour, marker = reading.COLOURS[number % 6], reading.MARKERS[number % 6]
            error = 1.96 * np.sqrt(np.diag(line.covariance))
            bars = [line.values * (1 - np.exp(-error)), line.values * (np.exp(error) - 1)]
            look = {"color": colour, "marker": marker, "markerfacecolor": "white", "linestyle": "none", "capsize": 2}
            axes.errorbar(1e3 / line.T, line.values, yerr=bars, **look)
            x = np.linspace((1e3 / line.T).min() - 0.02, (1e3 / line.T).max() + 0.02, 2)
            words = f"{symbol(line)}: {line.E:.3f} ± {line.errors[0]:.3f} eV"
            drawn = np.exp(line.ln_p0 - line.E * x / (1e3 * K))
            axes.plot(x, drawn, color=colour, linestyle=reading.DASHES[number % 6], label=words)
        axes.set_yscale("log")
        axes.set_xlabel("1000 K / T")
        axes.set_ylabel(f"p / {unit.replace('^2', '²')}")
        top = axes.secondary_xaxis("top", functions=(celsius, celsius_back))
        top.set_xlabel("temperature / °C")
        marks = sorted({round(float(T) - 273.15) for line in lines for T in line.T})
        top.set_xticks(marks[:: max(1, len(marks) // 6)])
    figure.legend(loc="outside lower center", ncols=min(2, len(lines)))


def celsius(x):
    return 1e3 / np.maximum(x, 1e-3) - 273.15


def celsius_back(t):
    return 1e3 / (np.asarray(t, dtype=float) + 273.15)


if __name__ == "__main__":
    main()
