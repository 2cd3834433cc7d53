"""What the index takes from the result of one point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miecsim.errors import InputError
from miecsim.typing import Array, Complex

Figures = dict[tuple[str, str], float]  # value by name and unit


@dataclass(frozen=True, eq=False)
class Found:
    """Figures, spectra (frequency [Hz], Z and its unit) by study, and how many checks failed."""

    figures: Figures
    spectra: Mapping[str, tuple[Array, Complex, str]]
    failed: int


def read(path: Path) -> Found | None:
    """What a result file says; None where there is none. Raises InputError where it cannot be read."""
    import h5py

    if not path.exists():
        return None
    try:
        with h5py.File(path) as file:
            return _read(file)
    except (OSError, KeyError, ValueError):
        raise InputError(f"{path}: not a result of miecsim; remove it, and sweep again") from None


def _read(file: Any) -> Found:
    figures: Figures = {}
    spectra = {}
    for study, group in file["impedance"].items():
        spectra[study] = (group["frequency"][()], group["Z"][()], str(group["Z"].attrs["units"]))
        for name, value in group["summary"].items():
            figures[f"{study}.{name}", str(value.attrs["units"])] = float(value[()])
    for experiment, group in file.get("technique", {}).items():
        for quantity, values in group["compared"].items():
            for kind in ("textbook", "true"):  # of the first analysis, as a check reads it
                unit = str(values[kind].attrs["units"])
                figures[f"{experiment}.{quantity}.{kind}", unit] = float(values[kind][0])
    checks = json.loads(file["meta/checks"][()])
    return Found(figures, spectra, sum(not check["passed"] for check in checks))
