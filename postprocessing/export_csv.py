"""Spectra and profiles of a run as CSV: <study>.csv, <study>_profiles.csv and <study>_steady.csv in a folder.

Numbers keep all their digits; column names carry the unit; complex columns become a real and an imaginary one.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import _reading as reading
import numpy as np


def main() -> None:
    parser = reading.arguments(__doc__, "csv")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    options = parser.parse_args()
    run = reading.open_result(options.result)
    names = reading.pick(run, options.study)
    folder = Path(options.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reading.fail(f"{folder}: cannot be made ({error.strerror})")
    for name in names:
        group = run["impedance"][name]
        columns = real_column(group["frequency"], "frequency") | complex_columns(group["Z"], "Z")
        for key, reference in group.get("reference", {}).items():
            columns |= complex_columns(reference, key)
        write(folder / f"{name}.csv", columns)
        write(folder / f"{name}_profiles.csv", profile_columns(group["profiles"]))
        if f"steady/{name}" in run:
            columns = {}
            for key, values in run[f"steady/{name}"].items():
                columns |= real_column(values, key)
            write(folder / f"{name}_steady.csv", columns)


def real_column(dataset, name: str) -> dict[str, np.ndarray]:
    return {f"{name} [{dataset.attrs['units']}]": dataset[()]}


def complex_columns(dataset, name: str) -> dict[str, np.ndarray]:
    units, values = dataset.attrs["units"], dataset[()]
    return {f"{name}_real [{units}]": values.real, f"{name}_imag [{units}]": values.imag}


def profile_columns(group) -> dict[str, np.ndarray]:
    """One row per frequency and position."""
    frequency, position = group["profile_frequency"][()], group["position"][()]
    columns = {
        "frequency [Hz]": np.repeat(frequency, position.size),
        "position [m]": np.tile(position, frequency.size),
    }
    for rail, values in group.items():
        if rail not in ("profile_frequency", "position"):
            flat = complex_columns(values, rail)
            columns |= {key: part.ravel() for key, part in flat.items()}
    return columns


def write(path: Path, columns: dict[str, np.ndarray]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    except OSError as error:
        reading.fail(f"{path}: cannot be written ({error.strerror})")
    print(path)


if __name__ == "__main__":
    main()
