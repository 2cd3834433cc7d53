"""Homogenisation as an experiment: a resolved electrode beside the line that its averages make.

The textbook's side is the two-rail line with the parameters of the picture and no fit; the true side is the picture.
What the current needs to spread from the paths that conduct to the interface has no place in the line, and who fits it
calls that charge transfer; the line with the closure has it (see `microstructure.homogenise`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from miecsim.microstructure.bounds import conductivity_bounds
from miecsim.microstructure.homogenise import Comparison, compare
from miecsim.microstructure.structure import Microstructure
from miecsim.system import System
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex

TECHNIQUE = "homogenise"
PLAIN, CLOSED = "line", "line with the closure"


def homogenise(
    system: System, structure: Microstructure, sigma: Mapping[str, Mapping[str, float]], frequency: Array
) -> TechniqueRecord:
    """A resolved electrode and its line at frequencies [Hz] (n_f,), in any order.

    sigma: "ion" and "electron" -> phase -> conductivity [S/m], for the effective medium that volume fractions suggest.
    Tables: spectrum; line, one row. largest_error is |Z_line/Z - 1| at its worst frequency, against 0. charge_transfer
    [ohm m2] is per area of the interface: by its law alone (textbook), and with the constriction (true).
    Raises InputError as `line_of`.
    """
    found = compare(system, structure, np.sort(np.asarray(frequency, dtype=float)))
    unit = "ohm m^2" if system.per_area else "ohm"
    return TechniqueRecord(TECHNIQUE, _tables(found, unit), _compared(found, structure, sigma, unit), _remarks(found))


def _compared(
    found: Comparison, structure: Microstructure, sigma: Mapping[str, Mapping[str, float]], unit: str
) -> tuple[Compared, ...]:
    line, out = found.line, []
    for carrier, word in (("ion", "sigma_ion"), ("electron", "sigma_eon")):
        medium = conductivity_bounds(structure, sigma[carrier]).symmetric
        out.append(Compared(word, medium, getattr(line, word), "S/m", "effective medium"))
    law, fitted = found.charge_transfer
    out.append(Compared("area_density", line.all_area_density, line.area_density, "1/m", "whole interface"))
    out.append(Compared("charge_transfer", law, fitted, "ohm m^2", "law alone"))
    for how, Z, error in ((PLAIN, found.Z_line, found.error), (CLOSED, found.Z_closure, found.error_closure)):
        out.append(Compared("R_low", float(Z[0].real), float(found.Z[0].real), unit, how))
        out.append(Compared("R_high", float(Z[-1].real), float(found.Z[-1].real), unit, how))
        out.append(Compared("largest_error", float(error.max()), 0.0, "1", how))
    return tuple(out)


def _tables(found: Comparison, unit: str) -> dict[str, Table]:
    columns: dict[str, tuple[Array, str]] = {"frequency": (found.frequency, "Hz")}
    for name, Z in (("Z", found.Z), ("line", found.Z_line), ("closure", found.Z_closure)):
        columns |= _parts(name, Z, unit)
    columns |= {"error": (found.error, "1"), "error closure": (found.error_closure, "1")}
    columns |= _parts("interface", found.interface, "ohm m^3") | _parts("constriction", found.constriction, "ohm m^3")
    line = found.line
    own = {
        "thickness": (line.thickness, "m"),
        "sigma_ion": (line.sigma_ion, "S/m"),
        "sigma_eon": (line.sigma_eon, "S/m"),
        "area_density": (line.area_density, "1/m"),
        "all_area_density": (line.all_area_density, "1/m"),
        "fraction_ion": (line.fraction_ion, "1"),
        "fraction_eon": (line.fraction_eon, "1"),
    }
    return {"spectrum": columns, "line": {name: (np.array([value]), unit) for name, (value, unit) in own.items()}}


def _parts(name: str, Z: Complex, unit: str) -> dict[str, tuple[Array, str]]:
    return {f"{name} real": (Z.real, unit), f"{name} imaginary": (Z.imag, unit)}


def _remarks(found: Comparison) -> tuple[str, ...]:
    worst = int(np.argmax(found.error))
    law, fitted = found.charge_transfer
    idle = 1 - found.line.area_density / found.line.all_area_density
    return (
        f"the line errs most at {found.frequency[worst]:.3g} Hz, by {100 * found.error[worst]:.3g} %; with the closure "
        f"by {100 * float(found.error_closure.max()):.3g} % at most",
        f"of the charge transfer that a line fitted to the picture has, {100 * (1 - law / fitted):.3g} % is spreading",
        f"{100 * idle:.3g} % of the interface joins no connected rails",
    )
