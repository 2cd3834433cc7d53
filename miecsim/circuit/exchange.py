"""A netlist as JSON that a person can read, another program can solve, and `read_netlist_json` reads back.

One object with these keys: `format` and `version`; `unit` of Z; `extent`, where the cell begins and ends [m]; the names
of `terminals`, `rails` and `layers`; `spectators`, the number of potentials left out because no current depends on
them; `nodes`, each with a `name` and, unless it is a terminal, the `rail`, the `place` (number of the control volume)
and `x` [m], of which a tie has the place only (a node of lithium in a particle is the potential of the ion there, and
its x that of the particle); and `groups` of elements that come from one law, with `kind`, `process`,
`rail` and the `unit` of their values. An element has `nodes` (plus and minus, by name; null for the far end of a
one-sided source), a `value`, `x` [m] and `layers` of the two control volumes that it joins and the `share` of it that
belongs to the first. By kind, the current from plus to minus is, with v the voltage between them,

    R    value v                                    value = 1/R in S
    C    value dv/dt                                value in F
    CPE  value (i w)^alpha v                        value in F s^(alpha-1); `alpha` stands in the group
    Z    value v / [Rs + 1/(1/R + i w C + Q (i w)^alpha)]      `law` of 1 m^2 in the group; value in m^2
    G    value (voltage between the two `controls`) value in S; `mutual` for one half of Onsager's cross conductivity

and the units of a circuit of unit area are per m^2. Numbers are written with the digits that identify a double.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

import numpy as np

from miecsim.circuit.netlist import KINDS, NOWHERE, Elements, Netlist, Place
from miecsim.errors import InputError
from miecsim.physics.elements import Lumped
from miecsim.typing import Array, Ints

FORMAT = "miecsim netlist"
VERSION = 1
LARGEST = 1e300  # of a number that is read
UNITS = {"R": "S", "C": "F", "CPE": "F s^(alpha-1)", "Z": "m^2", "G": "S"}
UNITS_PER_AREA = {"R": "S/m^2", "C": "F/m^2", "CPE": "F s^(alpha-1)/m^2", "Z": "1", "G": "S/m^2"}
OF_UNIT = {"ohm": UNITS, "ohm m^2": UNITS_PER_AREA}


# --- write ----------------------------------------------------------------------------------------


def netlist_json(netlist: Netlist) -> str:
    """`netlist` as JSON text, one node or element a line; the same netlist gives the same text.

    Raises InputError for a user's admittance law: a function cannot be written down.
    """
    names = _names(netlist)
    head = {
        "format": FORMAT,
        "version": VERSION,
        "unit": netlist.unit,
        "extent": list(netlist.extent),
        "terminals": list(netlist.terminals),
        "rails": list(netlist.rails),
        "layers": list(netlist.regions),
        "spectators": netlist.spectators,
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    nodes = ",\n".join(f"    {json.dumps(_node(netlist, names, i))}" for i in range(netlist.n_nodes))
    groups = ",\n".join(_group_text(netlist, group, names) for group in netlist.elements)
    return "\n".join(["{", *lines, '  "nodes": [', nodes, "  ],", '  "groups": [', groups, "  ]", "}", ""])


def _names(netlist: Netlist) -> list[str]:
    """A name for each node; a number is added where a terminal is called what a node of a rail is called."""
    taken: dict[str, int] = {}
    out = []
    for node in range(netlist.n_nodes):
        name = netlist.name(node)
        taken[name] = taken.get(name, 0) + 1
        out.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return out


def _node(netlist: Netlist, names: Sequence[str], i: int) -> dict[str, Any]:
    rail, place, x = int(netlist.node_rail[i]), int(netlist.node_place[i]), float(netlist.node_x[i])
    if i < len(netlist.terminals):
        return {"name": names[i]}
    if rail < 0:
        return {"name": names[i], "place": place}
    return {"name": names[i], "rail": netlist.rails[rail], "place": place, "x": x}


def _group_text(netlist: Netlist, group: Elements, names: Sequence[str]) -> str:
    head: dict[str, Any] = {"kind": group.kind, "process": group.process, "rail": group.rail}
    head["unit"] = OF_UNIT[netlist.unit][group.kind]
    if group.kind == "CPE":
        head["alpha"] = group.alpha
    if group.kind == "G":
        head["mutual"] = group.mutual
    if group.kind == "Z":
        if not isinstance(group.law, Lumped):
            raise InputError(
                f"JSON: {group.process} of rail {group.rail} is a user's admittance law, a function that cannot be "
                "written down; replace it by R, C and constant phase elements"
            )
        head["law"] = {key: value for key, value in asdict(group.law).items() if value is not None}
    elements = ",\n".join(f"      {json.dumps(_element(netlist, group, names, i))}" for i in range(group.n))
    return f'    {json.dumps(head)[:-1]}, "elements": [\n{elements}\n    ]}}'


def _element(netlist: Netlist, group: Elements, names: Sequence[str], i: int) -> dict[str, Any]:
    def named(*index: Ints) -> list[str | None]:
        return [None if at[i] == NOWHERE else names[at[i]] for at in index]

    place = group.place
    return {
        "nodes": named(group.plus, group.minus),
        **({"controls": named(group.control_plus, group.control_minus)} if group.kind == "G" else {}),
        "value": float(group.value[i]),
        "x": [float(place.x_left[i]), float(place.x_right[i])],
        "layers": [netlist.regions[place.left[i]], netlist.regions[place.right[i]]],
        "share": float(place.share[i]),
    }


# --- read -----------------------------------------------------------------------------------------


def read_netlist_json(text: str, file: str = "netlist") -> Netlist:
    """The netlist written in `text`; `file` names it in messages. All bits of all numbers are those written.

    Raises InputError with one line, `file: key: read ...; expected ...`, for the first thing that is wrong.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: read no JSON ({error}); expected a file made by `miecsim export --json`") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else raw
        raise InputError(f"{file}: format: read {_quoted(found)}; expected {json.dumps(FORMAT)}")
    if raw.get("version") != VERSION:
        raise InputError(f"{file}: version: read {_quoted(raw.get('version'))}; expected {VERSION}")
    top = _Table(raw, file)
    top.only("format", "version", "unit", "extent", "terminals", "rails", "layers", "spectators", "nodes", "groups")
    terminals, rails, layers = (top.names(key) for key in ("terminals", "rails", "layers"))
    unit = top.word("unit", OF_UNIT)
    names, node_rail, node_place, node_x = _read_nodes(top, terminals, rails)
    groups = [_read_group(table, names, layers, OF_UNIT[unit]) for table in top.tables("groups")]
    return Netlist(
        terminals=tuple(terminals),
        rails=tuple(rails),
        regions=tuple(layers),
        node_rail=node_rail,
        node_place=node_place,
        node_x=node_x,
        elements=tuple(groups),
        unit=unit,
        extent=_extent(top),
        spectators=top.integer("spectators"),
    )


def _quoted(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Table:
    """A JSON object, its keys taken one by one; `at` says where it stands."""

    def __init__(self, raw: dict[str, Any], at: str) -> None:
        self.raw, self.at = raw, at

    def refuse(self, key: str, read: object, expected: str) -> NoReturn:
        what = "nothing (the key is missing)" if read is None and key not in self.raw else _quoted(read)
        raise InputError(f"{self.at}: {key}: read {what}; expected {expected}")

    def only(self, *keys: str) -> None:
        """Refuse any other key."""
        for key in self.raw:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise InputError(f"{self.at}: read the key {_quoted(key)}; expected {', '.join(keys)}{hint}")

    def word(self, key: str, allowed: Iterable[str]) -> str:
        value, allowed = self.raw.get(key), list(allowed)
        if not isinstance(value, str) or value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, n=1)
            names = ", ".join(allowed) if len(allowed) <= 12 else f"one of {len(allowed)} names"
            self.refuse(key, value, names + (f"; did you mean {near[0]}?" if near else ""))
        return value

    def text(self, key: str) -> str:
        value = self.raw.get(key)
        return value if isinstance(value, str) else self.refuse(key, value, "a text")

    def number(self, key: str, above: float = -LARGEST) -> float:
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < LARGEST:
            self.refuse(key, value, "a number" if above == -LARGEST else f"a number above {above:g}")
        return float(value)

    def integer(self, key: str) -> int:
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
            self.refuse(key, value, "0, 1, 2, ...")
        return value

    def names(self, key: str) -> list[str]:
        value = self.raw.get(key)
        if not (isinstance(value, list) and value and all(isinstance(v, str) for v in value)):
            self.refuse(key, value, "a list of names")
        if len(set(value)) < len(value):
            self.refuse(key, value, "names that differ")
        return list(value)

    def pair(self, key: str) -> list[Any]:
        value = self.raw.get(key)
        return value if isinstance(value, list) and len(value) == 2 else self.refuse(key, value, "a list of two")

    def two_words(self, key: str, allowed: dict[str, int], nothing: bool = False) -> list[int]:
        """Indices of two names; NOWHERE for null in the second place, where `nothing` may stand there."""
        out = []
        for i, value in enumerate(self.pair(key)):
            if value is None and nothing and i == 1:
                out.append(NOWHERE)
            else:
                out.append(allowed[_Table({key: value}, self.at).word(key, allowed)])
        return out

    def two_numbers(self, key: str) -> list[float]:
        return [_Table({key: value}, self.at).number(key) for value in self.pair(key)]

    def tables(self, key: str) -> list[_Table]:
        value = self.raw.get(key)
        if not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
            self.refuse(key, value, "a list of objects")
        return [_Table(v, f"{self.at}: {key}[{i}]") for i, v in enumerate(value)]


def _read_nodes(
    top: _Table, terminals: Sequence[str], rails: Sequence[str]
) -> tuple[dict[str, int], Ints, Ints, Array]:
    """Index of each name, and rail, place and x of the nodes."""
    names: dict[str, int] = {}
    rail, place, x = [], [], []
    for i, table in enumerate(top.tables("nodes")):
        table.only("name", *(("rail", "place", "x") if i >= len(terminals) else ()))
        name = table.text("name")
        if i < len(terminals) and name != terminals[i]:
            table.refuse("name", name, f"the terminal {terminals[i]}: terminals come first, in their order")
        if name in names:
            table.refuse("name", name, "a name that no other node has")
        names[name] = i
        on_rail = "rail" in table.raw
        rail.append(rails.index(table.word("rail", rails)) if on_rail else -1)
        place.append(i if i < len(terminals) else table.integer("place"))
        x.append(table.number("x") if on_rail else np.nan)
    if len(names) < len(terminals):
        raise InputError(f"{top.at}: nodes: read {len(names)}; expected the {len(terminals)} terminals, and more")
    return names, np.array(rail, dtype=int), np.array(place, dtype=int), np.array(x)


def _read_group(table: _Table, names: dict[str, int], layers: Sequence[str], units: dict[str, str]) -> Elements:
    kind = next(k for k in KINDS if k == table.word("kind", KINDS))
    own = {"CPE": ("alpha",), "Z": ("law",), "G": ("mutual",)}.get(kind, ())
    table.only("kind", "process", "rail", "unit", "elements", *own)
    table.word("unit", [units[kind]])
    number = {layer: i for i, layer in enumerate(layers)}
    nodes, controls, values, x, sides, share = [], [], [], [], [], []
    for element in table.tables("elements"):
        element.only("nodes", "value", "x", "layers", "share", *(("controls",) if kind == "G" else ()))
        nodes.append(element.two_words("nodes", names, nothing=kind == "G"))
        if kind == "G":
            controls.append(element.two_words("controls", names))
        values.append(element.number("value"))
        x.append(element.two_numbers("x"))
        sides.append(element.two_words("layers", number))
        share.append(element.number("share"))
        if not 0 <= share[-1] <= 1:
            element.refuse("share", share[-1], "a number from 0 to 1")
    plus, minus = np.array(nodes, dtype=int).reshape(-1, 2).T
    x_left, x_right = np.array(x, dtype=float).reshape(-1, 2).T
    left, right = np.array(sides, dtype=int).reshape(-1, 2).T
    control_plus, control_minus = np.array(controls, dtype=int).reshape(-1, 2).T
    return Elements(
        kind=kind,
        process=table.text("process"),
        rail=table.text("rail"),
        plus=plus,
        minus=minus,
        value=np.array(values, dtype=float),
        place=Place(x_left, x_right, left, right, np.array(share, dtype=float)),
        alpha=_alpha(table) if kind == "CPE" else 1.0,
        law=_read_law(table) if kind == "Z" else None,
        control_plus=control_plus,
        control_minus=control_minus,
        mutual=kind == "G" and _truth(table, "mutual"),
    )


def _extent(top: _Table) -> tuple[float, float]:
    begin, end = top.two_numbers("extent")
    return (begin, end) if begin < end else top.refuse("extent", [begin, end], "two numbers, the second larger")


def _alpha(table: _Table) -> float:
    alpha = table.number("alpha", above=0.0)
    return alpha if alpha <= 1 else table.refuse("alpha", alpha, "0 < alpha <= 1")


def _truth(table: _Table, key: str) -> bool:
    value = table.raw.get(key)
    return value if isinstance(value, bool) else table.refuse(key, value, "true or false")


def _read_law(table: _Table) -> Lumped:
    raw = table.raw.get("law")
    if not isinstance(raw, dict):
        table.refuse("law", raw, "an object with R, C, Q, alpha, Rs")
    law = _Table(raw, f"{table.at}: law")
    law.only("R", "C", "Q", "alpha", "Rs")
    try:
        return Lumped(**{key: law.number(key) for key in raw})
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(law.at) else f"{law.at}: {text}") from None
