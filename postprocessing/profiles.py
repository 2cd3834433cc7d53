"""Profiles of one run: small-signal amplitudes of the rails, steady profiles, or maps of 2D and 3D fields.

--kind rails   modulus and phase of each rail's potential along x at the stored frequencies (default)
--kind steady  potentials and concentrations along x at the operating point, one panel per unit
--kind map     a field on the cells of a 2D grid, or a slice of a 3D one
"""

from __future__ import annotations

import argparse

import _reading as reading
import numpy as np


def main() -> None:
    parser = reading.arguments(__doc__, "profiles.png")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kind", choices=("rails", "steady", "map"), default="rails")
    parser.add_argument("--field", metavar="NAME", help="which field to map (default: the first)")
    parser.add_argument("--layer", type=int, metavar="K", help="3D: which cell layer in z (default: the middle)")
    options = parser.parse_args()
    run = reading.open_result(options.result)
    name = reading.pick(run, options.study)[0]
    if options.kind == "rails":
        figure = rails(run["impedance"][name]["profiles"], name)
    elif options.kind == "steady":
        figure = steady(run, name)
    else:
        figure = field_map(run, name, options.field, options.layer)
    reading.save(figure, options.out)


def rails(group, name: str):
    frequency, x = group["profile_frequency"][()], reading.micrometres(group["position"])
    curves = [rail for rail in group if rail not in ("profile_frequency", "position")]
    if not curves:
        reading.fail(f"study {name} stores no profiles")
    figure = reading.new_figure(17.8, 8)
    panels = figure.subplots(2, frequency.size, sharex=True, sharey="row", squeeze=False)
    for k, f in enumerate(frequency):
        for number, rail in enumerate(curves):
            values = group[rail][k]
            look = {"color": reading.COLOURS[number % 6], "linestyle": reading.DASHES[number % 6]}
            panels[0, k].plot(x, np.abs(values), label=reading.readable(rail) if k == 0 else None, **look)
            sure = np.abs(values) > 1e-9 * np.nanmax(np.abs(values))
            panels[1, k].plot(x[sure], np.unwrap(np.angle(values[sure], deg=True), period=360), **look)
        panels[0, k].set_title(f"{f:g} Hz", fontsize=8, loc="left")
        panels[1, k].set_xlabel("x / µm")
        panels[1, k].set_xlim(x[0], x[-1])
    panels[0, 0].set_ylabel("|Φ| / (V/V)")
    panels[1, 0].set_ylabel("phase / °")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def steady(run, name: str):
    if f"steady/{name}" not in run:
        reading.fail(f"{run.filename}: study {name} stores no steady profiles")
    group = run[f"steady/{name}"]
    curves = [curve for curve in group if curve != "position"]
    units = list(dict.fromkeys(group[curve].attrs["units"] for curve in curves))
    figure = reading.new_figure(8.5, 1.5 + 4 * len(units))
    panels = figure.subplots(len(units), sharex=True, squeeze=False)[:, 0]
    x = reading.micrometres(group["position"])
    for number, curve in enumerate(curves):
        unit = group[curve].attrs["units"]
        look = {"color": reading.COLOURS[number % 6], "linestyle": reading.DASHES[number % 6]}
        panels[units.index(unit)].plot(x, group[curve][()], label=reading.readable(curve), **look)
    for panel, unit in zip(panels, units, strict=True):
        panel.set_ylabel(unit)
        panel.legend()
    panels[-1].set_xlabel("x / µm")
    panels[-1].set_xlim(x[0], x[-1])
    return figure


def field_map(run, name: str, field: str | None, layer: int | None):
    fields = run.get(f"fields/{name}", {})
    grid = run["grid"]
    if not fields or "y_faces" not in grid:
        reading.fail(f"{run.filename}: study {name} stores no fields on a 2D or 3D grid")
    field = field or next(iter(fields))
    if field not in fields:
        reading.fail(f"{run.filename}: no field {field!r}; it has {', '.join(fields)}")
    # cells are numbered with x running fastest, then y, then z
    x, y = reading.micrometres(grid["x_faces"]), reading.micrometres(grid["y_faces"])
    values = fields[field][()].reshape(-1, y.size - 1, x.size - 1)
    k = values.shape[0] // 2 if layer is None else layer
    if not 0 <= k < values.shape[0]:
        reading.fail(f"--layer {k}: the grid has layers 0 to {values.shape[0] - 1}")
    figure = reading.new_figure(8.5, 5.5)
    axes = figure.subplots()
    image = axes.pcolormesh(x, y, values[k], cmap="cividis", rasterized=True)
    axes.set_xlabel("x / µm")
    axes.set_ylabel("y / µm")
    figure.colorbar(image, label=f"{reading.readable(field)} / {fields[field].attrs['units']}")
    return figure


if __name__ == "__main__":
    main()
