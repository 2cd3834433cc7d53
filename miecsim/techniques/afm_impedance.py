"""AFM impedance: a conducting tip of 10 to 200 nm on one grain of a film, in cylindrical symmetry.

The tip is a disc on the free surface of the film, on the axis of the grain under it; the bottom of the film is a metal.
Beyond the boundary of that grain the film is one with the properties of the next layer of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.circuit.attribution import BETWEEN
from miecsim.errors import InputError
from miecsim.grid import Grid
from miecsim.grid.cylinder import TIP, TipMesh, as_region, under_tip
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.layers import ChargedLayer
from miecsim.physics.models import Model, small_signal_admittance
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import solve_steady
from miecsim.system import build_on_grid
from miecsim.techniques.checks import array, positive
from miecsim.techniques.formulas_probe import disc_resistance
from miecsim.techniques.formulas_tip import disc_on_film
from miecsim.techniques.probed_volume import PARTS, Dissipation, dissipation, reach
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex

BASE = "base"
FAR = 8.0  # thicknesses of film around the tip or the grain; the current decays as exp(-pi r/2t) over the metal
DISC, FILM, WALL, RULE = "disc", "disc on a film", "arc times the wall of the grain", "four tip radii"
RULE_PART = 0.75  # what a sunk hemisphere has within four radii of its centre
DEEPEST = 20.0  # tip radii per thickness up to which the film's formula goes


@dataclass(frozen=True)
class _Reading:
    """One tip on one grain [m]: tip radius, radius of the grain (None: one film) and depth of it (None: columnar)."""

    radius: float
    grain: float | None
    depth: float | None
    fineness: float


@dataclass(frozen=True)
class _Measured:
    """A reading with its spectrum Z (n_f,) [ohm] and the powers at the lowest and at the highest frequency."""

    reading: _Reading
    Z: Complex
    grid: Grid
    low: Dissipation
    high: Dissipation

    def reaches(self) -> list[float]:
        """Distances [m] from the middle of the tip that hold 50, 75 and 90 % of the resistance of the film."""
        return [reach(self.distance, self.low.cells, part) for part in PARTS]

    @property
    def distance(self) -> Array:
        """Of each cell from the middle of the tip, (n_cells,) [m]."""
        return np.asarray(np.hypot(self.grid.centers[:, 0], self.grid.edges[1][-1] - self.grid.centers[:, 1]))


def afm_impedance(
    model: Model,
    *,
    radius: npt.ArrayLike,
    frequency: npt.ArrayLike,
    grain: npt.ArrayLike | None = None,
    depth: float | None = None,
    carrier: str = "ion",
    contact: Element | Reversible | None = None,
    fineness: float = 1.0,
) -> TechniqueRecord:
    """Spectra of a tip on a grain, what is read from them, and how much of them each place has.

    model: the film (one layer), or the grain under the tip and the film around it (two layers of one thickness, with
    the law of their boundary). radius: of the tip, a [m], and grain: radius of the grain [m], numbers or arrays that
    broadcast, one reading for each pair; depth [m] of the grain (None: as deep as the film). frequency [Hz]; carrier:
    what tip and metal exchange; contact: element of the tip (default reversible). fineness: of the grid (`TipMesh`).

    The textbook reads the conductivity of the grain from the real part at the highest frequency as 1/(4 a R), of a disc
    on a half space, or by the exact resistance of a disc on a film; and the resistance of the boundary, per its area,
    as the real part gained down to the lowest frequency times the area of the grain's wall. The probed depth is held
    against the rule that a contact sees four of its radii: true is the distance from the middle of the tip that holds
    75 % of the film's part of Re Z at the lowest frequency. Tables: 'readings', 'impedance', 'shares' (parts of Re Z),
    'held' (share within a distance), 'map' (power per volume, of the first reading).
    Raises InputError for models and sizes that cannot be.
    """
    f = np.sort(np.atleast_1d(array(frequency)))
    positive("AFM impedance", radius=radius, frequency=f)
    readings = _readings(model, radius, grain, depth, fineness)
    sigma = _conductivity(model, carrier)
    law = contact or Reversible()
    measured = [_measured(model, reading, f, carrier, law) for reading in readings]
    tables: dict[str, Table] = {
        "readings": _table(model, measured, sigma),
        "impedance": _spectra(measured, f),
        "shares": _shares(measured),
        "held": _held(measured),
        "map": _map(measured[0]),
    }
    return TechniqueRecord("afm_impedance", tables, _compared(model, measured, sigma), _remarks(model, measured, law))


def tip_wiring(tip: Sequence[str], base: Sequence[str], law: Element | Reversible) -> Wiring:
    """The tip, with the element `law` for the carriers `tip`, against the metal below, reversible to the `base`."""
    return Wiring(
        (
            Terminal(TIP, tuple(Contact(TIP, name, law) for name in tip)),
            Terminal(BASE, tuple(Contact("bottom", name, Reversible()) for name in base)),
        )
    )


def _readings(
    model: Model, radius: npt.ArrayLike, grain: npt.ArrayLike | None, depth: float | None, fineness: float
) -> list[_Reading]:
    """InputError where model and sizes do not belong together."""
    t = model.layers[0].thickness
    if len(model.layers) != (1 if grain is None else 2):
        raise InputError(
            f"AFM impedance: read {len(model.layers)} layers; expected one film, or with a radius of the grain two, "
            "the grain and what surrounds it"
        )
    if grain is None:
        if depth is not None:
            raise InputError("AFM impedance: a depth of the grain needs its radius")
        return [_Reading(a, None, None, fineness) for a in np.atleast_1d(array(radius)).tolist()]
    positive("AFM impedance", grain=grain)
    if model.layers[1].thickness != t:
        raise InputError("AFM impedance: grain and surroundings are one film; give both the same thickness")
    if depth is not None and not 0 < depth < t:
        raise InputError(f"AFM impedance: read depth = {depth:g} m of the grain; expected less than the film's {t:g} m")
    pairs = np.broadcast_arrays(np.atleast_1d(array(radius)), np.atleast_1d(array(grain)))
    out = [_Reading(float(a), float(g), depth, fineness) for a, g in zip(*pairs, strict=True)]
    for one in out:
        if one.grain is not None and not one.radius < one.grain:
            raise InputError(f"AFM impedance: a tip of {one.radius:g} m does not fit on a grain of {one.grain:g} m")
    return out


def _measured(model: Model, reading: _Reading, f: Array, carrier: str, law: Element | Reversible) -> _Measured:
    wiring = tip_wiring((carrier,), (carrier,), law)
    system = build_on_grid(model, wiring, _grid(model, reading), area=np.pi * reading.radius**2)
    point = solve_steady(system)
    Z = impedance(point, f).Z
    return _Measured(reading, Z, system.grid, dissipation(point, f[0]), dissipation(point, f[-1]))


def _grid(model: Model, reading: _Reading) -> Grid:
    """The film under the tip; cells end at the wall of the grain."""
    t = model.layers[0].thickness
    outer = max(reading.radius, reading.grain or 0.0) + FAR * t
    rings = () if reading.grain is None else (reading.grain,)
    mesh = TipMesh(reading.radius, outer, reading.fineness, rings)
    name, around = model.layers[0].name, model.layers[-1].name
    if reading.grain is None:
        return under_tip([(name, t)], mesh)
    deep = reading.depth or t
    stack = [(name, t)] if reading.depth is None else [(around, t - deep), (name, deep)]
    grid = under_tip(stack, mesh)
    return as_region(grid, around, grid.in_region(name) & (grid.centers[:, 0] > reading.grain))


def _conductivity(model: Model, carrier: str) -> float:
    """sigma [S/m] of the carrier in the grain. InputError where it has none."""
    layer = model.layers[0]
    if isinstance(layer, ChargedLayer):
        names = [c.name for c in layer.carriers]
        sigma = layer.sigma(names.index(carrier), model.temperature) if carrier in names else 0.0
    else:
        sigma = {"ion": layer.sigma_ion, "electron": layer.sigma_eon}.get(carrier, 0.0)
    if not sigma > 0:
        raise InputError(f"AFM impedance: {layer.name} does not conduct {carrier!r}")
    return sigma


def _wall(model: Model, reading: _Reading) -> float:
    """Area [m2] of the boundary around the grain."""
    assert reading.grain is not None
    t = model.layers[0].thickness
    under = 0.0 if reading.depth is None else np.pi * reading.grain**2
    return 2 * np.pi * reading.grain * (reading.depth or t) + under


def _compared(model: Model, measured: Sequence[_Measured], sigma: float) -> tuple[Compared, ...]:
    out = []
    t = model.layers[0].thickness
    for number, one in enumerate(measured, start=1):
        name = f", reading {number}" if len(measured) > 1 else ""
        a, R = one.reading.radius, float(one.Z[-1].real)
        out.append(Compared("conductivity", float(disc_resistance(1.0, a)) / R, sigma, "S/m", DISC + name))
        if a < DEEPEST * t:
            out.append(Compared("conductivity", disc_on_film(1.0, a, t) / R, sigma, "S/m", FILM + name))
        law = model.junctions[0].law if model.junctions else None
        if law is not None:
            gained = float(one.Z[0].real) - R
            true = 1 / small_signal_admittance(law, 0.0).real
            area = _wall(model, one.reading)
            out.append(Compared("boundary resistance", gained * area, true, "ohm m^2", WALL + name))
        out.append(Compared("probed depth", 4 * a, one.reaches()[PARTS.index(RULE_PART)], "m", RULE + name))
    return tuple(out)


def _table(model: Model, measured: Sequence[_Measured], sigma: float) -> Table:
    a = np.array([one.reading.radius for one in measured])
    t = model.layers[0].thickness
    high, low = (np.array([one.Z[i].real for one in measured]) for i in (-1, 0))
    deep = np.array([one.reaches() for one in measured])
    film = np.array([disc_on_film(1 / sigma, x, t) if x < DEEPEST * t else np.nan for x in a])
    return {
        "radius": (a, "m"),
        "grain": (np.array([np.nan if m.reading.grain is None else m.reading.grain for m in measured]), "m"),
        "R_high": (high, "ohm"),
        "R_low": (low, "ohm"),
        "disc": (disc_resistance(1 / sigma, a), "ohm"),
        "disc on a film": (film, "ohm"),
        **{f"depth of {100 * part:.0f} %": (deep[:, i], "m") for i, part in enumerate(PARTS)},
    }


def _spectra(measured: Sequence[_Measured], f: Array) -> Table:
    Z = np.concatenate([one.Z for one in measured])
    return {
        "reading": (np.repeat(np.arange(1.0, len(measured) + 1), f.size), "-"),
        "frequency": (np.tile(f, len(measured)), "Hz"),
        "Z real": (Z.real, "ohm"),
        "Z imaginary": (Z.imag, "ohm"),
    }


def _shares(measured: Sequence[_Measured]) -> Table:
    """Parts of Re Z at the lowest and the highest frequency of each reading."""
    rows = []
    for number, one in enumerate(measured, start=1):
        for power in (one.low, one.high):
            whole = power.Z.real
            inside, around = (float(power.cells[one.grid.region == i].sum() / whole) for i in (0, 1))
            wall, tip = (power.elsewhere.get(name, 0.0) / whole for name in BETWEEN)
            rows.append((number, power.frequency, inside, around, wall, tip))
    columns = np.array(rows, dtype=float).T
    units = ("-", "Hz", "-", "-", "-", "-")
    names = ("reading", "frequency", "grain", "around", "boundary", "contact")
    return {name: (values, unit) for name, values, unit in zip(names, columns, units, strict=True)}


def _held(measured: Sequence[_Measured]) -> Table:
    """Share of the film's part of Re Z at the lowest frequency within each distance from the middle of the tip."""
    reach_of = np.geomspace(0.3, 100.0, 40)
    at, share = [], []
    for one in measured:
        order = np.argsort(one.distance)
        held = np.cumsum(one.low.cells[order]) / one.low.cells.sum()
        at.append(reach_of * one.reading.radius)
        share.append(np.interp(at[-1], one.distance[order], held))
    number = np.repeat(np.arange(1.0, len(measured) + 1), reach_of.size)
    return {"reading": (number, "-"), "distance": (np.concatenate(at), "m"), "share": (np.concatenate(share), "-")}


def _map(one: _Measured) -> Table:
    """Power per volume at the lowest frequency, over the whole, in each cell."""
    return {
        "r": (one.grid.centers[:, 0], "m"),
        "depth": (one.grid.edges[1][-1] - one.grid.centers[:, 1], "m"),
        "share per volume": (one.low.cells / one.grid.volumes / one.low.Z.real, "1/m^3"),
    }


def _remarks(model: Model, measured: Sequence[_Measured], law: Element | Reversible) -> tuple[str, ...]:
    """What limits the readings, in numbers."""
    out = []
    t = model.layers[0].thickness
    broad = max(one.reading.radius for one in measured) / t
    if broad > 0.02:
        out.append(f"tips of up to {broad:.2g} film thicknesses: the metal below is felt, R < rho/(4a)")
    if not isinstance(law, Reversible):
        out.append("the contact of the tip has an arc of its own, which is read as that of the boundary")
    if model.junctions:
        part = [1 - one.Z[-1].real / one.Z[0].real for one in measured]
        out.append(f"the arc of the boundary is {100 * min(part):.2g} to {100 * max(part):.2g} % of Re Z")
    out.append("no dielectric displacement in the grains: their own arc, at sigma/(2 pi eps), is left out")
    return tuple(out)
