"""Reads [electrolyte] and [state] of a cell of porous layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from miecsim.case.cell_data import CellState, ElectrolyteIn, Porous
from miecsim.case.fields import CONCENTRATION, VOLTAGE, choice, number, table
from miecsim.case.messages import MISSING, Problems, join_key
from miecsim.case.properties import Material, material
from miecsim.case.table import Raw, Row, key, read_table, sub_table
from miecsim.units import shown

if TYPE_CHECKING:
    from miecsim.case.data import Layer

CELL = "porous_cell"
ELECTROLYTE = table('kind ("single_ion" or "binary_salt") and its properties')
STATE = table("soc or voltage")

_OF_SALT = ("c",)
_CONDUCTIVITY = material("conductivity", 1e-30, 1e9, _OF_SALT)
_DIFFUSIVITY = material("diffusivity", 1e-30, 1e2, _OF_SALT)
_TRANSFERENCE = material("dimensionless", 1e-6, 1.0, _OF_SALT)
_FACTOR = material("dimensionless", 1e-3, 1e4, _OF_SALT)


class _SingleIon(Row):
    kind: str = key(choice("single_ion", "binary_salt"))
    conductivity: Material = key(material("conductivity", 1e-30, 1e9))


class _Salt(Row):
    kind: str = key(choice("single_ion", "binary_salt"))
    conductivity: Material = key(_CONDUCTIVITY)
    concentration: float = key(CONCENTRATION)
    diffusivity: Material = key(_DIFFUSIVITY)
    transference_number: Material = key(_TRANSFERENCE)
    thermodynamic_factor: Material = key(_FACTOR, default=Material(1.0, _OF_SALT))


class _StateTable(Row):
    soc: float | None = key(number(1e-9, 1.0, zero=True), default=None)
    voltage: float | None = key(VOLTAGE, default=None)


def read_electrolyte(raw: Raw, problems: Problems) -> ElectrolyteIn | None:
    """The electrolyte of the case `raw`; None where it cannot be read."""
    if "electrolyte" not in raw:
        problems.add("electrolyte", MISSING, f"{ELECTROLYTE.expected} (model {CELL})")
    inner = sub_table(raw, "electrolyte")
    if inner is None:
        return None
    salt = read_table(_Salt, inner, "electrolyte", problems) if inner.get("kind") != "single_ion" else None
    if salt is not None:
        own = (salt.diffusivity, salt.transference_number, salt.thermodynamic_factor)
        return ElectrolyteIn(salt.kind, salt.conductivity, salt.concentration, *own)
    if inner.get("kind") != "single_ion":
        return None
    solid = read_table(_SingleIon, inner, "electrolyte", problems)
    return None if solid is None else ElectrolyteIn(solid.kind, solid.conductivity)


def read_state(raw: Raw, problems: Problems) -> CellState | None:
    """The state of the cell; None where the case leaves it to its layers, or where it cannot be read."""
    inner = sub_table(raw, "state")
    if inner is None:
        return None
    found = read_table(_StateTable, inner, "state", problems)
    given = [name for name in ("soc", "voltage") if name in inner]
    if found is not None and len(given) != 1:
        problems.add("state", " beside ".join(given) or "an empty table", "either soc or voltage")
        return None
    return None if found is None else CellState(found.soc, found.voltage)


def refuse_cell_keys(raw: Raw, problems: Problems) -> None:
    """What only a cell of porous layers has, in a case of another model."""
    for name in ("electrolyte", "state"):
        if name in raw:
            read = f"{name} beside model = {shown(raw.get('model'))}"
            problems.add(join_key("", name), read, f'model = "{CELL}" beside it')


def check_cell(raw: Raw, layers: Sequence[Layer | None], problems: Problems) -> None:
    """What must fit together in a cell: how its state is said, and no laws between its layers."""
    if raw.get("interface"):
        problems.add("interface", f"interface beside model = {shown(CELL)}", "no interface laws (a film on particles)")
    electrodes = [(la.name, la.material) for la in layers if la is not None and isinstance(la.material, Porous)]
    kinds = [(m, k) for _, m in electrodes for k in m.particles]
    of_cell = all(m.potential is None and k.stoichiometry is None and k.charged is not None for m, k in kinds)
    if of_cell and "state" not in raw and kinds:
        problems.add("state", MISSING, "soc or voltage of the cell, or the stoichiometry of each kind of particle")
        return
    for name, electrode in electrodes:
        _check_state(join_key("layer", name), electrode, "state" in raw, problems)


def _check_state(at: str, electrode: Porous, of_cell: bool, problems: Problems) -> None:
    """The state of an electrode is that of the cell, or its own potential, or the stoichiometry of each kind."""
    by_potential = electrode.potential is not None
    if of_cell and by_potential:
        problems.add(join_key(at, "potential"), "potential beside [state]", "either the state of the cell or this")
    for kind in electrode.particles:
        here = join_key(at, "particles", kind.name)
        given = kind.stoichiometry is not None
        other = "[state]" if of_cell else f"potential of {at}"
        if given and (of_cell or by_potential):
            problems.add(join_key(here, "stoichiometry"), f"stoichiometry beside {other}", "one of the two")
        if of_cell and kind.discharged is None:
            expected = "its values at 0 % and, as stoichiometry_charged, at 100 % ([state] counts between them)"
            problems.add(join_key(here, "stoichiometry_discharged"), MISSING, expected)
        if not (given or of_cell or by_potential):
            expected = "stoichiometry at rest, potential of the layer, or [state] of the cell"
            problems.add(join_key(here, "stoichiometry"), MISSING, expected)
