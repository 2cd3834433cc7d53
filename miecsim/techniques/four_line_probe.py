"""Four lines across a slab: current through the outer pair, voltage between the inner pair.

The section of the slab is solved in two dimensions: x along it, over which the layers of the model are stacked, and y
through its thickness; the lines lie on the top and run across the whole width. They are strips of one potential each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log, pi

import numpy as np
import numpy.typing as npt

from miecsim.errors import InputError
from miecsim.grid.patches import Patch, patch_marks
from miecsim.grid.spacing import around
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import ChargedLayer
from miecsim.physics.models import Model
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import build_system
from miecsim.techniques.checks import array, positive
from miecsim.techniques.formulas_probe import four_line_slab
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex

LINES = ("I+", "V+", "V-", "I-")
GROWTH = 1.08  # from cell to cell at fineness 1
COARSEST = 1 / 16  # of the spacing, the thickness or the distance to an end: the largest cell at fineness 1
# Within these shares of the spacing the formula of one limit is right to 1e-3
THIN, THICK = 0.46, 5.0


@dataclass(frozen=True)
class _Probe:
    """Geometry of one reading [m]: distance of neighbouring lines s, thickness t, width w, distance of the middle of
    the probe from the middle of the slab, breadth of a line; cells across each line; fineness of the mesh."""

    spacing: float
    thickness: float
    width: float
    offset: float
    line: float
    cells: int
    fineness: float


def four_line_probe(
    model: Model,
    *,
    spacing: float,
    thickness: npt.ArrayLike,
    width: float,
    offset: npt.ArrayLike = 0.0,
    line: float | None = None,
    carrier: str = "electron",
    frequency: npt.ArrayLike | None = None,
    line_cells: int = 1,
    fineness: float = 1.0,
) -> TechniqueRecord:
    """The conductivity that four lines on a slab read, against the one that the slab has.

    model: the slab from end to end (its total thickness is the length [m] of the slab along x). spacing s [m] of
    neighbouring lines; thickness t and offset of the probe's middle from the slab's middle [m]: numbers or arrays that
    broadcast, one reading for each pair. width w [m] of slab and lines; line: breadth of a line [m] (default s/50);
    carrier: what the lines exchange, reversibly; frequency [Hz] adds the four-terminal impedance of the first reading.
    line_cells: 1 stands for a line without breadth (then `line` is the smallest cell); from 4 on, lines are strips that
    short what lies below them. fineness: cells away from the lines shrink by it; halving `line` and doubling `fineness`
    refines the whole mesh.

    The textbook reads sigma = g/(V/I) with three g: the slab's (2/pi w) ln[2 cosh(pi s/2t)] (exact for lines on an
    endless slab), the thin slab's s/(w t) and the thick one's (2 ln 2)/(pi w). True is the conductivity of the carrier
    in the layer below the middle of the probe. Tables: 'readings' (one row for each), 'slab' (where
    each layer ends along x, and its conductivity), 'impedance'.
    Raises InputError for a probe that does not fit on the slab and for a carrier that is not there.
    """
    line = spacing / 50 if line is None else line
    positive("four lines", spacing=spacing, thickness=thickness, width=width, line=line)
    if not (line_cells >= 1 and 1 <= fineness <= 100):
        raise InputError(f"four lines: read line_cells = {line_cells}, fineness = {fineness}; at least 1, at most 100")
    pairs = np.broadcast_arrays(np.atleast_1d(array(thickness)), np.atleast_1d(array(offset)))
    probes = [
        _Probe(spacing, float(t), width, float(o), line, line_cells, fineness) for t, o in zip(*pairs, strict=True)
    ]
    points = [_measured(model, probe, carrier) for probe in probes]
    R = np.array([_four_terminal(dc_admittance(point)[None].astype(complex))[0].real for point in points])
    sigma = [_true(model, probe, carrier) for probe in probes]
    read = {how: _textbook(how, probes, R) for how in ("slab", "thin slab", "thick slab")}
    tables: dict[str, Table] = {
        "readings": _readings(model, probes, R, np.array(sigma), read),
        "slab": {
            "end": (_ends(model), "m"),
            "conductivity": (np.array([_of_layer(model, i, carrier) for i in range(len(model.layers))]), "S/m"),
        },
    }
    if frequency is not None:
        f = np.atleast_1d(array(frequency))
        tables["impedance"] = {"frequency": (f, "Hz"), **_spectrum(points[0], f)}
    compared = tuple(
        Compared("conductivity", float(values[i]), sigma[i], "S/m", _name(how, probes, i))
        for i in range(len(probes))
        for how, values in read.items()
    )
    return TechniqueRecord("four_line_probe", tables, compared, _remarks(model, probes))


def _name(how: str, probes: Sequence[_Probe], i: int) -> str:
    return how if len(probes) == 1 else f"{how}, reading {i + 1}"


def _measured(model: Model, probe: _Probe, carrier: str) -> OperatingPoint:
    """The slab at rest with its four terminals."""
    patches = _lines(model, probe)
    size = probe.line / probe.cells
    growth = 1 + (GROWTH - 1) / probe.fineness
    ends = [patches[0].spans(2)[0][0], model.thickness - patches[-1].spans(2)[0][1]]
    largest = COARSEST / probe.fineness
    marks = patch_marks(patches, 0, 2, model.thickness)
    widths, start = [], 0.0
    for layer in model.layers:
        near = [(x - start, s) for x, s in marks]
        widths.append(around(layer.thickness, near, growth, largest * max(probe.spacing, *ends)))
        start += layer.thickness
    through = around(probe.thickness, [(probe.thickness, size)], growth, largest * probe.thickness)
    mesh = Mesh(cells=widths, dimension=2, width=probe.thickness, lateral_cells=[through], patches=patches)
    wiring = Wiring(tuple(Terminal(name, (Contact(name, carrier, Reversible()),)) for name in LINES))
    return solve_steady(build_system(model, wiring, area=probe.thickness * probe.width, mesh=mesh))


def _lines(model: Model, probe: _Probe) -> tuple[Patch, ...]:
    """The four strips on the top. InputError where they touch or do not lie on the slab."""
    if not probe.line < probe.spacing:
        raise InputError(f"four lines: read line = {probe.line:g} m; lines {probe.spacing:g} m apart are thinner")
    middle = model.thickness / 2 + probe.offset
    centres = middle + probe.spacing * np.array([-1.5, -0.5, 0.5, 1.5])
    half = probe.line / 2
    if not (isfinite(middle) and centres[0] - half > 0 and centres[-1] + half < model.thickness):
        raise InputError(
            f"four lines: {3 * probe.spacing + probe.line:g} m from the first line to the last, "
            f"{probe.offset:g} m off the middle, do not lie on a slab of {model.thickness:g} m"
        )
    return tuple(Patch(n, "top", c - half, c + half, probe.cells) for n, c in zip(LINES, centres.tolist(), strict=True))


def _four_terminal(Y: Complex) -> Complex:
    """Voltage between the inner lines per current through the outer pair [ohm], (n_f,), the inner ones open."""
    drive = np.array([1.0, 0.0, 0.0])  # into I+, out of I-, at which the others are counted
    V = np.linalg.solve(Y[:, :3, :3], np.broadcast_to(drive[:, None], (Y.shape[0], 3, 1)))[:, :, 0]
    return np.asarray(V[:, 1] - V[:, 2])


def _true(model: Model, probe: _Probe, carrier: str) -> float:
    """sigma [S/m] of the carrier in the layer below the middle of the probe."""
    return _of_layer(model, int(np.searchsorted(_ends(model), model.thickness / 2 + probe.offset)), carrier)


def _ends(model: Model) -> Array:
    """Where each layer ends along x [m]."""
    return np.cumsum([layer.thickness for layer in model.layers])


def _of_layer(model: Model, index: int, carrier: str) -> float:
    """sigma [S/m] of the carrier in one layer."""
    layer = model.layers[index]
    if not isinstance(layer, ChargedLayer):
        return layer.sigma_ion if carrier == "ion" else layer.sigma_eon
    return layer.sigma([c.name for c in layer.carriers].index(carrier), model.temperature)


def _textbook(how: str, probes: Sequence[_Probe], R: Array) -> Array:
    """sigma [S/m] of each reading by one formula."""
    s, t, w = (np.array([getattr(p, name) for p in probes]) for name in ("spacing", "thickness", "width"))
    unit = {"slab": four_line_slab(1.0, s, t, w), "thin slab": s / (w * t), "thick slab": 2 * log(2) / (pi * w)}[how]
    return np.asarray(unit / R)


def _readings(
    model: Model, probes: Sequence[_Probe], R: Array, sigma: Array, read: dict[str, Array]
) -> dict[str, tuple[Array, str]]:
    edge = np.array([_edge(model, p) for p in probes])
    return {
        "thickness": (np.array([p.thickness for p in probes]), "m"),
        "spacing": (np.array([p.spacing for p in probes]), "m"),
        "position": (np.array([model.thickness / 2 + p.offset for p in probes]), "m"),
        "edge distance": (edge, "m"),
        "width": (np.array([p.width for p in probes]), "m"),
        "resistance": (R, "ohm"),
        **{f"conductivity, {how}": (values, "S/m") for how, values in read.items()},
        "true conductivity": (sigma, "S/m"),
    }


def _edge(model: Model, probe: _Probe) -> float:
    """From the outer line that is nearer to an end of the slab to that end [m]."""
    return model.thickness / 2 - abs(probe.offset) - 1.5 * probe.spacing


def _spectrum(point: OperatingPoint, f: Array) -> dict[str, tuple[Array, str]]:
    Z = _four_terminal(impedance(point, f).Y)
    return {"Z real": (Z.real, "ohm"), "Z imaginary": (Z.imag, "ohm")}


def _remarks(model: Model, probes: Sequence[_Probe]) -> tuple[str, ...]:
    """What limits the formulas for these geometries."""
    out = []
    ratio = [p.thickness / p.spacing for p in probes]
    if max(ratio) > THIN:
        out.append(f"the thin slab's formula is more than 1e-3 off above t/s = {THIN}; t/s goes up to {max(ratio):.3g}")
    if min(ratio) < THICK:
        out.append(f"the thick slab's formula is off below t/s = {THICK}; t/s goes down to {min(ratio):.3g}")
    near = [p for p in probes if _edge(model, p) < 3 * min(p.thickness, p.spacing)]
    if near:
        closest = min(_edge(model, p) / p.spacing for p in near)
        out.append(f"an end of the slab lies {closest:.3g} spacings from an outer line: every formula takes it as far")
    broad = max(p.line / p.spacing for p in probes)
    if broad > 0.05:
        out.append(f"lines as broad as {broad:.2g} of their spacing: their potentials are means over what they short")
    if len(model.layers) > 1:
        out.append("the slab is not uniform along x; the true conductivity is that below the middle of the probe")
    return tuple(out)
