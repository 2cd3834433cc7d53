"""When a composite is its line: the error of homogenisation over frequency, and what spreading adds to the interface.

For every `homogenise` experiment of one run, |Z_line / Z_picture - 1| against frequency, and the constriction over the
impedance that the law of the interface has at that frequency. Printed: thickness, the resistance at the lowest
frequency, the error there and at the highest one, and the frequency from which on it is above `--limit`.
"""

from __future__ import annotations

import _reading as reading
import numpy as np


def main() -> None:
    parser = reading.arguments(__doc__, "homogenisation.png")
    parser.add_argument("--limit", type=float, default=0.05, help="error to mark (default: 0.05)")
    options = parser.parse_args()
    run = reading.open_result(options.result)
    found = experiments(run, options.study)
    figure = reading.new_figure(17.5, 8)
    error, spreading = figure.subplots(1, 2)
    print(
        f"{'experiment':<22}{'thickness / µm':>16}{'R_low':>14}{'error':>10}{'at the top':>12}{'above limit from':>20}"
    )
    for number, (name, table) in enumerate(found.items()):
        look = {"color": reading.COLOURS[number % 6], "linestyle": reading.DASHES[number % 6]}
        look |= {"marker": reading.MARKERS[number % 6], "label": reading.readable(name), "markevery": 4}
        f, own = table["frequency"], table["error"]
        error.loglog(f, own, **look)
        share = np.abs(table["constriction"] / table["interface"])
        spreading.loglog(f, share, **look)
        print(told(name, table, options.limit))
    error.axhline(options.limit, **reading.REFERENCE)
    error.set_ylabel("|Z_line / Z_picture − 1|")
    spreading.set_ylabel("constriction / interface of the line")
    for axes in (error, spreading):
        axes.set_xlabel("frequency / Hz")
    figure.legend(*error.get_legend_handles_labels(), loc="outside upper left", ncols=4)
    reading.save(figure, options.out)


def experiments(run, wanted: list[str] | None) -> dict[str, dict]:
    """{name: columns} of the wanted `homogenise` experiments, all of them when none is named."""
    groups = run.get("technique", {})
    names = [name for name in groups if groups[name].attrs["technique"] == "homogenise"]
    for name in wanted or []:
        if name not in names:
            reading.fail(f"{run.filename}: no homogenise experiment {name!r}; it has {', '.join(names) or 'none'}")
    if not names:
        reading.fail(f"{run.filename}: no homogenise experiment")
    return {name: columns(groups[name]) for name in wanted or names}


def columns(group) -> dict:
    table = {name: values[()] for name, values in group["spectrum"].items()}
    for name in ("Z", "interface", "constriction"):
        table[name] = table[f"{name} real"] + 1j * table[f"{name} imaginary"]
    factor, unit = reading.display(group["spectrum/Z real"].attrs["units"])
    return table | {"thickness": float(group["line/thickness"][0]), "factor": factor, "unit": unit}


def told(name: str, table: dict, limit: float) -> str:
    """One line on an experiment."""
    f, own = table["frequency"], table["error"]
    above = f[own > limit]
    low = f"{table['factor'] * table['Z'][0].real:.4g} {table['unit']}"
    first = f"{above.min():.3g} Hz" if above.size else "nowhere"
    return f"{name:<22}{1e6 * table['thickness']:>16.4g}{low:>14}{own[0]:>10.2g}{own[-1]:>12.2g}{first:>20}"


if __name__ == "__main__":
    main()
