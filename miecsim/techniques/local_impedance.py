"""Local impedance spectroscopy: a micro-contact moved over the surface of a film that is not the same everywhere.

The section of the film is solved in two dimensions: x along the surface, over which the layers of the model lie side by
side, and y through the film. The contact is a strip across its whole width; the bottom of the film is a metal. A strip
sees farther than a disc of the same size: its resistance grows as the logarithm of the thickness over its breadth, so
that the thickness decides its resolution, where a disc has one of its own (`afm_impedance`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid.cylinder import COARSEST, EDGE, GROWTH, TIP
from miecsim.grid.patches import Patch
from miecsim.grid.spacing import around
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.layers import ChargedLayer
from miecsim.physics.models import Model
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import solve_steady
from miecsim.system import System, build_system
from miecsim.techniques.afm_impedance import RULE, tip_wiring
from miecsim.techniques.checks import array, positive
from miecsim.techniques.formulas_tip import strip_on_film
from miecsim.techniques.probed_volume import PARTS, Dissipation, dissipation, reach
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex

STRIP = "strip on a film"
COARSER = 2.0  # the edges of a strip need no finer cells than this times those of a disc: half as singular per ohm
SPAN = (0.1, 0.9)  # of a step: between them lies its width


@dataclass(frozen=True)
class _Contact:
    """Where the strip lies [m]: its middle x, breadth b, and the film's thickness t and width w."""

    x: float
    breadth: float
    thickness: float
    width: float
    fineness: float


@dataclass(frozen=True)
class _Measured:
    """Z (n_f,) [ohm] in one place, and the power per cell at the lowest frequency."""

    at: _Contact
    Z: Complex
    system: System
    low: Dissipation

    def distance(self) -> Array:
        """Of each cell from the middle of the strip, (n_cells,) [m]."""
        x = self.system.grid.centers - np.array([self.at.x, self.at.thickness])
        return np.asarray(np.hypot(x[:, 0], x[:, 1]))


def local_impedance(
    model: Model,
    *,
    breadth: float,
    positions: Sequence[float],
    thickness: float,
    width: float,
    frequency: npt.ArrayLike,
    carrier: str = "ion",
    contact: Element | Reversible | None = None,
    fineness: float = 1.0,
) -> TechniqueRecord:
    """Spectra along a line scan, the local conductivity read from them, and the true one below the contact.

    model: the film from end to end (thicknesses of its layers are their lengths along x), with the laws of the
    boundaries between them. breadth b of the strip, positions of its middle from the left end, thickness t and width w
    of the film [m]; frequency [Hz]; carrier: what strip and metal exchange; contact: element of the strip (default
    reversible). fineness: of the grid, graded as under a disc (`TipMesh`).

    The textbook reads sigma = K(k')/(2 w K(k) R), k = tanh(pi b/4t), from the real part R at the highest frequency:
    exact on a film without joints or ends. The spatial resolution, from 10 to 90 % of the step between two layers, or
    the width at half height of the arc over a boundary between like ones, is held against the rule of four tip radii,
    2 b. Where the scan does not hold the step there is no such row.
    Tables: 'scan' (one row for each position), 'impedance', 'sample' (where each layer ends, and its conductivity),
    'map' (power per area of the section with the contact beside the first joint, or in the middle position).
    Raises InputError for a strip that does not lie on the film and for a carrier that is not there.
    """
    f = np.sort(np.atleast_1d(array(frequency)))
    places = np.sort(np.atleast_1d(array(positions)))
    positive("local impedance", breadth=breadth, positions=places, thickness=thickness, width=width, frequency=f)
    law = contact or Reversible()
    ends = np.cumsum([layer.thickness for layer in model.layers])
    if places[0] <= breadth / 2 or places[-1] >= ends[-1] - breadth / 2:
        raise InputError(
            f"local impedance: a strip of {breadth:g} m at {places[0]:g} to {places[-1]:g} m does not lie on a film of "
            f"{ends[-1]:g} m"
        )
    sigma = np.array([_conductivity(model, i, carrier) for i in range(len(model.layers))])
    spots = [_Contact(float(x), breadth, thickness, width, fineness) for x in places]
    measured = [_measured(model, spot, f, carrier, law) for spot in spots]
    true = sigma[np.searchsorted(ends, places)]
    scan = _scan(measured, true)
    tables: dict[str, Table] = {
        "scan": scan,
        "impedance": _spectra(measured, f),
        "sample": {"end": (ends, "m"), "conductivity": (sigma, "S/m")},
        "map": _map(_shown(measured, ends)),
    }
    read = scan["conductivity"][0]
    compared = [
        Compared("conductivity", float(r), float(s), "S/m", STRIP if true.size == 1 else f"{STRIP}, position {i}")
        for i, (r, s) in enumerate(zip(read, true, strict=True), start=1)
    ]
    found = _resolution(places, read, scan["arc"][0], ends, sigma)
    if found is not None:
        compared.append(Compared("resolution", 2 * breadth, found, "m", RULE))
    return TechniqueRecord("local_impedance", tables, tuple(compared), _remarks(spots, ends, found, law))


def _measured(model: Model, at: _Contact, f: Array, carrier: str, law: Element | Reversible) -> _Measured:
    wiring = tip_wiring((carrier,), (carrier,), law)
    system = build_system(model, wiring, area=at.thickness * at.width, mesh=_mesh(model, at))
    point = solve_steady(system)
    return _Measured(at, impedance(point, f).Z, system, dissipation(point, f[0]))


def _mesh(model: Model, at: _Contact) -> Mesh:
    half = at.breadth / 2
    size, growth = COARSER * half * EDGE / at.fineness**2, 1 + (GROWTH - 1) / at.fineness
    largest = COARSEST / at.fineness
    widths, start = [], 0.0
    for layer in model.layers:
        near = [(at.x + side * half - start, size) for side in (-1, 1)]
        widths.append(around(layer.thickness, near, growth, largest * max(layer.thickness, at.thickness)))
        start += layer.thickness
    through = around(at.thickness, [(at.thickness, size)], growth, largest * at.thickness)
    patch = Patch(TIP, "top", at.x - half, at.x + half)
    return Mesh(cells=widths, dimension=2, width=at.thickness, lateral_cells=[through], patches=(patch,))


def _conductivity(model: Model, index: int, carrier: str) -> float:
    """sigma [S/m] of the carrier in one layer."""
    layer = model.layers[index]
    if not isinstance(layer, ChargedLayer):
        return {"ion": layer.sigma_ion, "electron": layer.sigma_eon}.get(carrier, 0.0)
    names = [c.name for c in layer.carriers]
    return layer.sigma(names.index(carrier), model.temperature) if carrier in names else 0.0


def _scan(measured: Sequence[_Measured], true: Array) -> Table:
    first = measured[0].at
    unit = float(strip_on_film(1.0, first.breadth, first.thickness, first.width))
    high, low = (np.array([one.Z[i].real for one in measured]) for i in (-1, 0))
    deep = np.array([[reach(one.distance(), one.low.cells, part) for part in PARTS] for one in measured])
    return {
        "position": (np.array([one.at.x for one in measured]), "m"),
        "R_high": (high, "ohm"),
        "R_low": (low, "ohm"),
        "arc": (low - high, "ohm"),
        "conductivity": (unit / high, "S/m"),
        "true conductivity": (true, "S/m"),
        **{f"depth of {100 * part:.0f} %": (deep[:, i], "m") for i, part in enumerate(PARTS)},
    }


def _spectra(measured: Sequence[_Measured], f: Array) -> Table:
    Z = np.concatenate([one.Z for one in measured])
    return {
        "position": (np.repeat([one.at.x for one in measured], f.size), "m"),
        "frequency": (np.tile(f, len(measured)), "Hz"),
        "Z real": (Z.real, "ohm"),
        "Z imaginary": (Z.imag, "ohm"),
    }


def _shown(measured: Sequence[_Measured], ends: Array) -> _Measured:
    """The reading whose map is kept."""
    if ends.size == 1:
        return measured[len(measured) // 2]
    beside = [one for one in measured if abs(one.at.x - ends[0]) >= one.at.breadth / 2]
    return min(beside or measured, key=lambda one: abs(one.at.x - ends[0]))


def _map(one: _Measured) -> Table:
    grid = one.system.grid
    return {
        "x": (grid.centers[:, 0], "m"),
        "depth": (one.at.thickness - grid.centers[:, 1], "m"),
        "share per area": (one.low.cells / grid.volumes * one.at.width / one.low.Z.real, "1/m^2"),
        "contact": (np.full(grid.n_cells, one.at.x), "m"),
        "half breadth": (np.full(grid.n_cells, one.at.breadth / 2), "m"),
    }


def _resolution(x: Array, read: Array, arc: Array, ends: Array, sigma: Array) -> float | None:
    """Width [m] of what is read across the first joint; None where the scan does not hold it."""
    if sigma.size < 2:
        return None
    if sigma[0] != sigma[1]:
        near = x < ends[1]
        part = (read[near] - sigma[0]) / (sigma[1] - sigma[0])
        return _between(x[near], part, *SPAN)
    # outermost crossings: a strip that lies on both grains alike sends no current across, so that the arc has two peaks
    top = float(arc.max())
    if not top > 2 * max(arc[0], arc[-1]):
        return None
    first, last = _crossing(x, arc / top, 0.5), _crossing(-x[::-1], arc[::-1] / top, 0.5)
    return None if first is None or last is None else -last - first


def _between(x: Array, part: Array, low: float, high: float) -> float | None:
    """Distance from where `part` first passes `low` to where it first passes `high`."""
    first, last = _crossing(x, part, low), _crossing(x, part, high)
    return None if first is None or last is None else last - first


def _crossing(x: Array, y: Array, level: float) -> float | None:
    """Where y first rises through a level, between the points of a scan."""
    rises = np.flatnonzero((y[:-1] < level) & (y[1:] >= level))
    if rises.size == 0:
        return None
    i = int(rises[0])
    return float(x[i] + (level - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i]))


def _remarks(spots: Sequence[_Contact], ends: Array, found: float | None, law: Element | Reversible) -> tuple[str, ...]:
    """What limits the readings, in numbers."""
    out = []
    b, t = spots[0].breadth, spots[0].thickness
    near = min(min(one.x, ends[-1] - one.x) for one in spots)
    if near < 3 * t:
        out.append(f"an end of the film lies {near / t:.3g} thicknesses from a contact: the formula takes it as far")
    if not isinstance(law, Reversible):
        out.append("the contact has an arc of its own, which is in what is gained at low frequency")
    if found is not None:
        out.append(f"step or arc are {found / b:.3g} breadths or {found / t:.3g} thicknesses wide")
    elif ends.size > 1:
        out.append("the scan does not hold the whole of the first step, which has no width therefore")
    return tuple(out)
