"""Reads a whole case, as tomllib returns it, into plain data: the top level, the grid, and what must fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from miecsim.case.cell_data import CellState
from miecsim.case.checks import read_checks
from miecsim.case.contacts import MICROSTRUCTURE, POISSON, Names, read_interfaces
from miecsim.case.data import Check, Experiment, Grid, Interface, Layer, Study
from miecsim.case.electrolyte import CELL, ELECTROLYTE, STATE, check_cell, read_state, refuse_cell_keys
from miecsim.case.experiments import read_experiments
from miecsim.case.fields import choice, integer, number, quantity, table, tables, text
from miecsim.case.fits import FIT, FitTable, read_fit
from miecsim.case.laws import Blocking
from miecsim.case.layers import MODELS, read_layers
from miecsim.case.messages import MISSING, Problems, Refused, refuse
from miecsim.case.overrides import stack_for
from miecsim.case.patches import PATCHES, sides_in
from miecsim.case.phases import charged_in, read_resolved
from miecsim.case.pictures import PICTURE
from miecsim.case.studies import read_studies
from miecsim.case.sweeps import SWEEP, Sweep, read_sweep
from miecsim.case.table import Context, Leaf, Raw, Row, key, keys_of, read_table, sub_table
from miecsim.case.wiring import View
from miecsim.units import shown

PER_AREA = "per area"
_MOST_CELLS = 10**7
VOXELS = Grid(0, "cartesian", 1, 1.0, 1, 0.0)  # of a microstructure: its picture says where cells are


def _area() -> Leaf:
    area = quantity("area", 1e-20, 1e4)

    def check(value: object, siblings: Any, context: Context) -> Any:
        return None if value == PER_AREA else area.check(value, siblings, context)

    return Leaf(f'{area.expected}, or "{PER_AREA}"', check)


def _cells() -> Leaf:
    words = '"auto" or a whole number from 2 to 100000'
    count = integer(2, 100000)

    def check(value: object, siblings: Any, context: Context) -> Any:
        if isinstance(value, str) and value != "auto":
            raise refuse(shown(value), words)
        return None if value == "auto" else count.check(value, siblings, context)

    return Leaf(words, check)


class _CaseTable(Row):
    title: str = key(text("what the case shows"))
    model: str = key(choice(*MODELS))
    source: str = key(text("the paper or derivation the parameters come from"))
    temperature: float = key(quantity("temperature", 1.0, 4000.0))
    area: float | None = key(_area())
    grid: Raw = key(table("dimension and cells"))
    electrolyte: Raw | None = key(ELECTROLYTE, default=None)
    state: Raw | None = key(STATE, default=None)
    layer: Raw = key(tables("[[layer]]", least=1))
    study: Raw | None = key(tables("[[study]]", least=1), default=None)
    experiment: Raw | None = key(tables("[[experiment]]", least=1), default=None)
    interface: Raw | None = key(tables("[[interface]]"), default=None)
    check: Raw | None = key(tables("[[check]]"), default=None)
    sweep: Raw | None = key(SWEEP, default=None)
    fit: Raw | None = key(FIT, default=None)


class _PictureTable(Row):
    """A case on a microstructure: phases in place of layers, voxels in place of a grid."""

    title: str = key(text("what the case shows"))
    model: str = key(choice(*MODELS))
    source: str = key(text("the paper or derivation the parameters come from"))
    temperature: float = key(quantity("temperature", 1.0, 4000.0))
    area: float | None = key(_area())
    microstructure: Raw = key(PICTURE)
    phase: Raw = key(tables("[[phase]]", least=1))
    study: Raw | None = key(tables("[[study]]", least=1), default=None)
    experiment: Raw | None = key(tables("[[experiment]]", least=1), default=None)
    interface: Raw | None = key(tables("[[interface]]"), default=None)
    patch: Raw | None = key(PATCHES, default=None)
    check: Raw | None = key(tables("[[check]]"), default=None)
    sweep: Raw | None = key(SWEEP, default=None)
    fit: Raw | None = key(FIT, default=None)


class _GridTable(Row):
    dimension: int = key(integer(1, 3))
    cells: int | None = key(_cells())
    coordinates: str = key(choice("cartesian", "cylindrical", "spherical"), default="cartesian")
    grading: float = key(number(1.0, 1e9), default=1.0)
    lateral_cells: int = key(integer(1, 1000), default=4)
    inner_radius: float = key(quantity("length", 1e-10, 10.0, zero=True), default=0.0)


@dataclass(frozen=True)
class Contents:
    """Everything a case says, in SI. `area` [m^2] is None where the case is per area."""

    title: str
    model: str
    source: str
    temperature: float  # K
    area: float | None
    grid: Grid
    layers: tuple[Layer, ...]
    state: CellState | None
    interfaces: tuple[Interface, ...]
    studies: tuple[Study, ...]
    experiments: tuple[Experiment, ...]
    checks: tuple[Check, ...]
    sweep: Sweep | None
    fit: FitTable | None


def names_in(raw: Raw, word: str) -> tuple[str, ...] | None:
    """Names of the items of an array of tables, in order; None where one of them has no readable name."""
    value = raw.get(word)
    items = value if isinstance(value, list) else [None]
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    known = tuple(name for name in names if isinstance(name, str) and name)
    return known if known and len(known) == len(names) else None


def _names_of(raw: Raw, word: str) -> Names:
    """As `names_in`, and no names where the case has no such table."""
    return names_in(raw, word) if word in raw else ()


def _grid(raw: Raw, problems: Problems) -> Grid | None:
    g = read_table(_GridTable, raw, "grid", problems)
    if g is None:
        return None
    curved = g.coordinates != "cartesian"
    if curved and g.dimension != 1:
        problems.add(
            "grid.coordinates", f'"{g.coordinates}" with dimension = {g.dimension}', "cartesian, or dimension = 1"
        )
    if "inner_radius" in raw and not curved:
        read = f'{shown(raw["inner_radius"])} with coordinates = "cartesian"'
        problems.add("grid.inner_radius", read, 'coordinates = "cylindrical" or "spherical" beside it')
    if g.cells is None and g.grading != 1.0:
        problems.add(
            "grid.grading", f'{shown(raw["grading"])} with cells = "auto"', "grading = 1, or a number of cells"
        )
    return Grid(g.dimension, g.coordinates, g.cells, g.grading, g.lateral_cells, g.inner_radius)


def _check_size(grid: Grid, layers: int, problems: Problems) -> None:
    total = (grid.cells or 2) * layers * grid.lateral_cells ** (grid.dimension - 1)
    if total > _MOST_CELLS:
        problems.add(
            "grid.cells", f"{total} cells in all", f"at most {_MOST_CELLS}: fewer cells, lateral_cells or layers"
        )


def _check_centre(grid: Grid, measured: Sequence[tuple[str, Study | Experiment]], problems: Problems) -> None:
    """At the axis or centre of curved coordinates there is no surface that a contact could touch."""
    if grid.coordinates == "cartesian" or grid.inner_radius > 0.0:
        return
    for word, one in measured:
        contacts = [c for terminal in one.terminals for c in terminal.contacts]
        if any(c.side == "left" and not isinstance(c.law, Blocking) for c in contacts):
            read = f'"0 m", while {word} "{one.name}" contacts the left, the centre of {grid.coordinates} coordinates'
            problems.add("grid.inner_radius", read, "an inner_radius above 0, or contacts at the right alone")
            return


def read_contents(raw: Raw, problems: Problems) -> Contents | None:
    """The contents of the case `raw`; None where anything is wrong. `problems` then knows everything that is."""
    header = read_table(_top(raw), raw, "", problems)
    pictured = raw.get("model") == MICROSTRUCTURE
    spaced = None if pictured else sub_table(raw, "grid")
    grid = VOXELS if pictured else None if spaced is None else _grid(spaced, problems)
    view = _view(raw, problems)
    area, per_area = view.context.area, view.context.per_area
    whole = tuple(layer for layer in view.layers if layer is not None)
    state = _cell(raw, view, problems)
    # those of a microstructure are of its phases
    interfaces = () if pictured else read_interfaces(raw, problems, view.context, view.names, view.layers)
    studies = read_studies(raw, problems, lambda study: _view_of(raw, study, view, problems.file))
    experiments = read_experiments(raw, problems, lambda one: _view_of(raw, one, view, problems.file))
    checks = read_checks(raw, problems, _names_of(raw, "study"), _names_of(raw, "experiment"))
    sweep, fit = read_sweep(raw, problems), read_fit(raw, problems)
    if "study" not in raw and "experiment" not in raw:
        problems.add("study", MISSING, "one or more tables, written [[study]] or [[experiment]]")
    if grid is not None and not pictured:
        _check_size(grid, len(view.layers), problems)
        measured: list[tuple[str, Study | Experiment]] = [("study", one) for one in studies]
        measured += [("experiment", one) for one in experiments]
        _check_centre(grid, measured, problems)
    if problems.items or header is None or grid is None:
        return None
    about = (header.title, header.model, header.source, header.temperature)
    size = None if per_area else area
    return Contents(*about, size, grid, whole, state, interfaces, studies, experiments, checks, sweep, fit)


def _cell(raw: Raw, view: View, problems: Problems) -> CellState | None:
    """The state of a cell of porous layers; other models have none."""
    if view.context.model != CELL:
        if view.context.model:
            refuse_cell_keys(raw, problems)
        return None
    state = read_state(raw, problems)
    check_cell(raw, view.layers, problems)
    return state


_UNKNOWN = View(Context(sides=()), None, ())


def _top(raw: Raw) -> type[_CaseTable] | type[_PictureTable]:
    """The keys of the top level, which the model decides."""
    return _PictureTable if raw.get("model") == MICROSTRUCTURE else _CaseTable


def _view(raw: Raw, problems: Problems) -> View:
    model = raw.get("model") if raw.get("model") in MODELS else ""
    context = Context(str(model), *_known_area(raw), poisson=model == POISSON)
    if model == MICROSTRUCTURE:
        context = replace(context, sides=sides_in(raw), patched=True, poisson=charged_in(raw))
        return View(context, (MICROSTRUCTURE,), (read_resolved(raw, problems, context, names_in(raw, "phase")),))
    return View(context, names_in(raw, "layer"), read_layers(raw, problems, context))


def _view_of(raw: Raw, study: Raw, base: View, file: str) -> View:
    """What the `set` of a study or an experiment makes of the stack, which may be another model with other carriers.
    Where something is wrong with that, nothing is known of the stack: it is told when the case is read as it is seen
    there."""
    if not isinstance(study.get("set"), dict):
        return base
    unseen = Problems(file)
    try:
        own = stack_for(raw, study)
    except Refused:
        return _UNKNOWN
    view = _view(own, unseen)
    return _UNKNOWN if unseen.items or set(own) - set(keys_of(_top(own))) else view


def _known_area(raw: Raw) -> tuple[float | None, bool]:
    """The area [m^2] where it can be read, and whether it is "per area". Errors are told with the top level."""
    value = raw.get("area")
    quiet = Problems("")
    found = read_table(_AreaTable, {"area": value} if "area" in raw else {}, "", quiet)
    return (None if found is None else found.area), value == PER_AREA


class _AreaTable(Row):
    area: float | None = key(_area())
