"""What the scripts of this folder share: opening result files, picking studies, the look of figures, errors.

Nothing here knows miecsim: a result file explains itself through its groups, names and `units` attributes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

# Okabe and Ito's palette: colour-blind safe; markers and dashes tell series apart in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", ":", "-.", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
REFERENCE = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 1.5}
STYLE = {
    "font.size": 8,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.markersize": 3.2,
    "lines.linewidth": 1.2,
    "svg.fonttype": "none",
}


def fail(message: str) -> NoReturn:
    """One line on the error stream, exit code 2."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(2)


def arguments(description: str, out: str, *, many: bool = False) -> argparse.ArgumentParser:
    """The options that every script has."""
    parser = argparse.ArgumentParser(description=description)
    text = "result.h5, or the folder of a run" + (" (one or more)" if many else "")
    parser.add_argument("result", nargs="+" if many else None, help=text)
    parser.add_argument("-s", "--study", action="append", metavar="NAME", help="only this study (may be repeated)")
    parser.add_argument("-o", "--out", default=out, metavar="PATH", help=f"what to write (default: {out})")
    return parser


def open_result(given: str) -> h5py.File:
    """The result file at `given`, or in a run's folder of that name."""
    path = Path(given)
    if path.is_dir():
        inside = [path / "result.h5", path / "results" / "result.h5"]
        path = next((candidate for candidate in inside if candidate.is_file()), inside[0])
    if not path.is_file():
        fail(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError:
        fail(f"{path}: not an HDF5 file")
    if "miecsim_format" not in file.attrs or not {"impedance", "technique"} & set(file):
        fail(f"{path}: an HDF5 file, but not a miecsim result")
    return file


def pick(file: h5py.File, wanted: list[str] | None) -> list[str]:
    """Names of the wanted studies of a file, all of them when none is named, but those that no current passes."""
    found = list(file.get("impedance", {}))
    for name in wanted or []:
        if name not in found:
            fail(f"{file.filename}: no study {name!r}; it has {', '.join(found) or 'none'}")
    passed = [name for name in wanted or found if np.all(np.isfinite(file["impedance"][name]["Z"][()]))]
    if not passed:
        fail(f"{file.filename}: no study whose impedance is finite")
    return passed


def display(units: str) -> tuple[float, str]:
    """Factor and unit in which a figure shows an impedance stored in `units`."""
    return {"ohm": (1.0, "Ω"), "ohm m^2": (1e4, "Ω cm²")}.get(units, (1.0, units))


def micrometres(position: h5py.Dataset) -> np.ndarray:
    """A stored position [m] in µm."""
    return np.asarray(1e6 * position[()], dtype=float)


def readable(name: str) -> str:
    """A name as it stands in a figure."""
    return name.replace("_", " ").replace("$", r"\$")


def label(file: h5py.File, study: str, runs: int) -> str:
    """A study's name; where several runs share a figure, the run's folder or file comes first."""
    if runs == 1:
        return readable(study)
    path = Path(file.filename).resolve()
    folder = path.parent.parent if path.parent.name == "results" else path.parent
    return f"{readable(folder.name if path.name == 'result.h5' else path.stem)}: {readable(study)}"


def new_figure(width: float, height: float) -> Any:
    """An empty figure [cm]. matplotlib loads here, after the files have been found good."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(STYLE)
    return Figure(figsize=(width / 2.54, height / 2.54), dpi=200, layout="constrained")


def save(figure: Any, out: str) -> None:
    """Write the figure in the format that the name of `out` asks for, and say where."""
    path = Path(out)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        fail(f"{out}: the name must end in .png, .svg or .pdf")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        fail(f"{out}: cannot be written ({error.strerror})")
    print(path)
