"""Every way of getting one key of a case file wrong: for each key of a TOML text, texts in which only that is spoilt.

`mutations(text)` yields (label, key_path, mutated_text); `legitimate(label, key_path, data)` says which of them are
still good cases (a zero series resistance, a negative charge, a missing optional key); `dotted(data, key_path)` is the
key as messages write it; `faults(label, key_path, mutated_text, data)` loads one and lists what is wrong with that.
Used on the examples of the tests and on every shipped case.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from toml_text import KeyPath, dumps

from miecsim.case import case_from_text
from miecsim.case.techniques import TECHNIQUES
from miecsim.errors import InputError

QUANTITY = re.compile(r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(.*)")
WORDS = (
    *("model", "coordinates", "cells", "law", "side", "carrier", "statistics", "terminals", "reference"),
    *("layer", "study", "experiment", "technique", "read", "kind"),
)
OPTIONAL = (
    "grading",
    "lateral_cells",
    "cross_conductivity",
    "Rs",
    "check",
    "link",
    "reference_plane",
    "set",
    "attribution",
    "relaxation",
    "bias",
    "thermodynamic_factor",
    "how",
    "self_diffusion",
    "double_layer",
    "film",
    "shells",
    "reorganisation_energy",
    "method",
    "gap",
    "correlation",
)
PICTURE_OPTIONAL = (
    *("staircase", "section", "crop", "coarsen", "coating", "cracks", "mirrored", "periodic", "left", "right"),
    *("angle", "offset", "spread", "overlap", "exact", "grain", "through", "share", "inward"),
)
ASKED_OPTIONAL = (
    "kind",
    "scale",
    "noise",
    "starts",
    "kramers_kronig",
    "each",
    "data",
    "circuit",
    "relaxation",
)  # of [sweep], [fit]
CARRIERS = ("ion", "electron", "cation", "anion", "carrier")
SIGNED = ("cross_conductivity", "fixed_charge", "charge", "expected", "current", "currents", "step")
SIGNED_OR_ZERO = (
    *("start", "cut_off", "potentials", "offset", "bias"),
    *("others", "flat_band", "emf", "x", "y", "entropic_coefficient"),
)  # counted from a zero
# Of the steps of a protocol, which have a kind: what may be left out, and what is counted from a zero.
STEP_OPTIONAL = ("limits", "points", "profiles_at", "spectra_at", "others", "count", "offset")
STEP_SIGNED = ("voltage", "height", "from", "to", "offset")
# without one of those that a study sets, what it measures may be no stack
TOGETHER = {"model", "layer", "phase", "interface"}
LINE = re.compile(r"case\.toml: .+: read .+; expected .+")
FOREIGN = re.compile(
    r"Traceback|pydantic|validation error|Input should|Field required|Extra inputs|<class|Error\(", re.I
)
ENORMOUS = 10**40
SPOILT: set[Any] = set()  # what has been spoilt in another case already, of the tests or shipped


def mutations(raw_text: str, seen: set[Any] | None = None, beside: bool = True) -> Iterator[tuple[str, KeyPath, str]]:
    """(label, key path, TOML text) for every key of the case and every way of spoiling it.

    With a set `seen`, only the first of items that have the same keys and units is spoilt (of studies that differ in
    their name alone); the set remembers them from one text to the next. Not `beside`: whatever stands beside them.
    """
    data = tomllib.loads(raw_text)
    for path, value in _walk(data):
        names = tuple(part for part in path if isinstance(part, str))
        names = names[2:] if len(path) > 4 and names[:2] == ("study", "set") else names  # read as those of the case are
        model = data["model"] if names[0] in ("model", "layer") or "carrier" in names or "terminals" in names else ""
        others = _shape(_lookup(data, path[:-1]), path) if beside else None
        kind = (model, names, others, _shape(value, path))
        if seen is not None:
            if kind in seen:
                continue
            seen.add(kind)
        if isinstance(path[-1], str):
            if not _part_of_a_stack(path, value):
                yield "missing", path, dumps(_without(data, path))
            yield "misspelt", path, dumps(_renamed(data, path))
            yield "duplicated", path, dumps(data, twice=path)
        for label, wrong in _wrong_values(path, value):
            yield label, path, dumps(_replaced(data, path, wrong))


def _part_of_a_stack(path: KeyPath, value: Any) -> bool:
    return path[-1] in TOGETHER if path[-2:-1] == ("set",) else path[-1] == "set" and bool(TOGETHER & set(value))


def legitimate(label: str, path: KeyPath, data: dict[str, Any]) -> bool:
    """Whether the case is still good after this mutation."""
    parent, key, value = _lookup(data, path[:-1]), path[-1], _lookup(data, path)
    target = str(key).split(".")[-1]
    if _homogenised(path, data) and label in ("missing", "empty"):
        return False
    if path[0] == "sweep" or (path[0] == "fit" and "set" not in path[:-1]):
        return _asked_may(label, path, data)
    if path[0] == "patch" and target == "start":
        return label == "zero"
    if label == "missing" and path[0] == "phase" and target.startswith("sigma_"):
        return _phase_may_do_without(path, data, target)
    if "microstructure" in ".".join(map(str, path)).split("."):
        if _of(path).split(".")[-1] == "grey":  # which grey values an image has shows when it is read
            return label in ("missing", "list", "negative", "zero", "large")
        if _of(path[:-1]).split(".")[-1] == "crop":  # the first voxel of a range
            return path[-1] == 0 and (label == "zero" or (label == "negative" and value == 0))
        return _picture_may(label, target, value) or (label == "missing" and _of(path) == "set")
    if target == "seed" and _of(path).split(".")[-1] == "gap":
        return label in ("missing", "zero", "large") or (label == "negative" and value == 0)
    if path[0] == "phase" and target == "chemical_capacitance" and label == "missing":
        return True
    if label == "missing":
        return _may_be_missing(path, parent, key, value)
    if label in ("zero", "negative", "tiny") and target.endswith("temperature") and str(value).endswith("degC"):
        return label != "negative" or float(value.split()[0]) < 272.0
    if label in ("zero", "negative") and _of(path) == "voltages":  # which must rise
        return float(str(value).split()[0]) == 0.0
    if path[0] == "electrolyte" and target.startswith(("transf", "thermo")) and label in ("table", "int"):
        return label == "table" or target == "thermodynamic_factor"  # { value = 1 }, and 7
    if target == "voltage" and _of(path) == "state" and label in ("zero", "negative"):
        return True
    if label == "float":
        return target in ("relative_permittivity", "grading", "tortuosity_factor", "expected")
    if label == "negative":
        is_zero = float(str(value).split()[0]) == 0.0
        signed = bool({target, _of(path)} & {*SIGNED, *SIGNED_OR_ZERO}) or _step_signed(target, parent)
        return _zero_is_good(path, target, parent) if is_zero else signed
    if label == "zero":
        return _zero_is_good(path, target, parent)
    if label == "dimension":
        return target == "expected"
    if label in ("int", "bare number"):
        return target == "expected" or (label == "int" and target == "cells")
    return (
        label == "empty"
        and (len(path) <= 3 or path[-2] == "set")
        and target in ("check", "interface", "link", "reference_plane", "spots")
    )


def _homogenised(path: KeyPath, data: dict[str, Any]) -> bool:
    """Whether the key is the interfaces of a case without which an experiment has nothing to average, or a study
    nothing to change, or a fit nothing to seek."""
    items = (*data.get("study", ()), *data.get("experiment", ()))
    free = data.get("fit", {}).get("parameter", ())
    return path == ("interface",) and (
        any(one["key"].startswith("interface.") for one in free)
        or any(one.get("technique") == "homogenise" or "interface." in "".join(one.get("set", ())) for one in items)
    )


def _asked_may(label: str, path: KeyPath, data: dict[str, Any]) -> bool:
    """Whether a key of [sweep] or [fit] may be left out, or have this value: points that cannot be are told when it
    runs, and data can be named on the command line."""
    if label in ("enormous", "tiny"):
        return path[-1] in ("from", "to") and path[0] == "sweep"
    if label == "empty":
        return path in (("fit", "data"), ("fit", "circuit"))
    if label != "missing":
        return False
    if path[:2] == ("fit", "data") and len(path) == 4 and path[-1] == "study":
        return len(data["study"]) == 1
    return len(path) == 1 or path[-1] in ASKED_OPTIONAL or path[:2] == ("fit", "data")


def _picture_may(label: str, key: str, value: Any) -> bool:
    """Whether a key of a picture may be left out, or have this value."""
    if label == "missing":
        return key in PICTURE_OPTIONAL
    if label == "negative":
        return key == "angle" or (key == "seed" and value == 0)
    good = {
        "zero": ("angle", "offset", "spread", "overlap", "seed", "layer"),
        "tiny": ("angle", "offset"),
        "large": ("seed",),
        "list": ("diameter",),
        "empty": ("periodic", "mirrored"),
        "float": ("angle",),
    }
    return key in good.get(label, ())


def _phase_may_do_without(path: KeyPath, data: dict[str, Any], key: str) -> bool:
    """Whether another phase conducts the carrier, and no interface law needs that this one does."""
    phase = data["phase"][int(path[1])]
    others = (other for other in data["phase"] if other is not phase)
    bound = any(phase["name"] in one["between"] for one in data.get("interface", ()))
    bound = bound or "chemical_capacitance" in phase
    return not bound and any(key in other for other in others)


def _of(path: KeyPath) -> str:
    """The key of the list or table that the value at `path` is in."""
    return str(path[-2]) if len(path) > 1 else ""


def _zero_is_good(path: KeyPath, key: str, parent: Any) -> bool:
    if key == "C" and parent.get("law") == "butler_volmer":
        return True
    if {key, _of(path)} & {*SIGNED_OR_ZERO, "surface_resistance"} or path[-2:] == ("window", 0):
        return True
    if _step_signed(key, parent):
        other = {"from": "to", "to": "from"}.get(key)
        return other is None or float(str(parent[other]).split()[0]) != 0.0
    return key in ("Rs", "cross_conductivity", "fixed_charge", "position", "expected", "soc")


def _step_signed(key: str, parent: Any) -> bool:
    """Whether a value is imposed by a step of a protocol, or limits one."""
    return isinstance(parent, dict) and (
        ("kind" in parent and key in STEP_SIGNED) or (key in ("above", "below") and "carrier" not in parent)
    )


def _may_be_missing(path: KeyPath, parent: Any, key: str | int, value: Any) -> bool:
    if len(path) > 1 and path[-2] == "set":
        return True
    if isinstance(parent, dict) and "kind" in parent and path[0] != "electrolyte":
        return key in STEP_OPTIONAL
    if isinstance(parent, dict) and {"above", "below"} & set(parent):
        return key in ("terminal", "ends_run")
    if key == "frequency" and any("spectra_at" in step for step in parent.get("step", ())):
        return False
    if path[0] == "experiment" and len(path) == 3 and parent.get("technique") in TECHNIQUES:
        fields = TECHNIQUES[parent["technique"]].parameters.__dataclass_fields__  # type: ignore[attr-defined]
        if key in CARRIERS and key in fields:  # whose default is the name of a carrier
            return bool(fields[key].default == value)
        return key in OPTIONAL or (key in fields and fields[key].default is not dataclasses.MISSING)
    if path in (("study",), ("experiment",)):
        other = {"study": "experiment", "experiment": "study"}[str(key)]
        return other in parent and not any(key in check for check in parent.get("check", ()))
    if _of(path) == "bias":
        return len(parent) > 1
    if key == "coordinates":
        return value == "cartesian" or "inner_radius" not in parent  # a sphere from its centre is a slab without it
    if key == "diffusivity":
        return parent.get("mobile") is False
    if key == "permittivity":
        return "carrier" in parent and "fixed_charge" not in parent
    if "contacts" in path and key in ("emf", "pO2"):
        return "pO2_reference" not in parent
    return key in OPTIONAL or path == ("interface",)


def dotted(data: dict[str, Any], path: KeyPath) -> str:
    """The key as messages write it: items of a list by name, where they have one, else by index."""
    parts, node = [], data
    for part in path:
        node = node[part] if isinstance(node, list) or part in node else {}
        name = node.get("name") if isinstance(part, int) and isinstance(node, dict) else None
        parts.append(name if isinstance(name, str) and name else str(part))
    return ".".join(parts)


def _shape(node: Any, path: KeyPath) -> Any:
    """What decides how a value is read: its type, its unit; the keys of a table and its law; the length of a list."""
    if isinstance(node, dict):
        return (tuple(node), node.get("law"), node.get("mobile")) if len(path) > 2 else "top"
    if isinstance(node, list):
        return len(node), type(node[0]) if node else None
    found = QUANTITY.fullmatch(node) if isinstance(node, str) and path[-1] != "expression" else None
    return (str, found and found[2], found and float(found[1]) == 0.0) if isinstance(node, str) else type(node)


def faults(label: str, path: KeyPath, text: str, data: dict[str, Any], file: str = "case.toml") -> list[str]:
    """What is wrong with how the mutated `text` of the case `data` is received; nothing, if it is as it should be."""
    where = f"{label} {'.'.join(map(str, path))}"
    try:
        case_from_text(text, file)
    except InputError as error:
        message = str(error)
    except Exception as error:  # the very thing that must not happen
        return [f"{where}: raised {error!r}"]
    else:
        return [] if legitimate(label, path, data) else [f"{where}: was accepted"]
    found = [f"{where}: refused, but it is legitimate: {message}"] if legitimate(label, path, data) else []
    lines = message.split("\n")
    if len(message.splitlines()) != len(lines) or not all(LINE.fullmatch(line) for line in lines):
        found.append(f"{where}: not one line per error: {message!r}")
    if FOREIGN.search(message):
        found.append(f"{where}: not in our words: {message!r}")
    words = ("laws from carrier to carrier", "fit.parameter")  # of the experiment, or the parameter, that needs one
    told = any(word in message for word in words) and _homogenised(path, data)
    told = told or (path == ("patch",) and "or the name of a [[patch]]" in message)  # by the contacts that name one
    if not told and not any(_names_key(line, label, path, data, file) for line in lines):
        found.append(f"{where}: does not name the key: {message!r}")
    return found


def _names_key(line: str, label: str, path: KeyPath, data: dict[str, Any], file: str) -> bool:
    key = next(part for part in reversed(path) if isinstance(part, str))
    if label == "duplicated":
        return (
            re.match(rf"{file}: line \d+: read .*{re.escape(key)}.*; expected each key and table once", line)
            is not None
        )
    told = line.removeprefix(f"{file}: ").split(": ")[0].replace('"', "")
    full = dotted(data, path)
    if path[0] == "fit" and told.endswith(".set"):  # told of the set, and behind it of the key
        return key in line
    if label == "misspelt":
        return told == f"{full}{key[-1]}" or (key == "name" and told.endswith(".namee"))
    renamed = key == "name" or (path[-1] == key and isinstance(_lookup(data, path), list))
    beside = told.rpartition(".")[0] == full.rpartition(".")[0]
    return told.startswith(full) or (key in line and (full.startswith(told) or beside or renamed))


def _walk(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if not (isinstance(key, int) and isinstance(value, dict)):
            yield (*path, key), value
        yield from _walk(value, (*path, key))


def _wrong_values(path: KeyPath, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, list):
        yield "list", [value]
    if not isinstance(value, dict):
        yield "table", {"value": 1}
    if not isinstance(value, bool):
        yield "bool", True
    if not isinstance(value, str):
        yield "string", "nonsense"
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield "int", 7
    if isinstance(value, str):
        yield from _wrong_texts(path, value)
    elif isinstance(value, list):
        yield "empty", []
        yield "nested", [value]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _wrong_numbers(value)


def _wrong_texts(path: KeyPath, value: str) -> Iterator[tuple[str, Any]]:
    yield "empty", ""
    yield "blank", " \t"
    yield "long", (value + " and ") * 1000
    found = QUANTITY.fullmatch(value)
    words = [part for part in path if isinstance(part, str)]
    if words[-1] == "expression":
        yield "variable", f"({value}) * voltage"
        yield "code", f"__import__('os').getcwd() + {value}"
        yield "broken", f"({value}"
        yield "nan", f"({value}) / 0"
        return
    if found is None or words[-1] in ("title", "source", "name", "unit", "table", "file"):
        if words[-1] in (*WORDS, "between", "fixed_charge", "temperature", "area"):
            yield "word", value[:-1] + "x"
            yield "control", value + "\n\u2028x"
        return
    number, unit = found[1], found[2]
    yield "dimension", f"{number} kg^3"
    yield "unknown unit", f"{number} foo{unit}"
    yield "no unit", number
    yield "bare number", float(number)
    if not unit[:1].isdigit():
        yield "no number", unit
    yield "negative", f"{number[1:] if number.startswith('-') else '-' + number} {unit}"
    for label, other in (("zero", "0"), ("nan", "nan"), ("inf", "inf"), ("enormous", "1e300"), ("tiny", "1e-300")):
        yield label, f"{other} {unit}"


def _wrong_numbers(value: int | float) -> Iterator[tuple[str, Any]]:
    yield "negative", -value
    yield "zero", 0 * value
    yield "nan", float("nan")
    yield "inf", float("inf")
    if isinstance(value, int):
        yield "float", value + 0.5
        yield "enormous", ENORMOUS
        yield "large", 10**9
    else:
        yield "enormous", 1e300
        yield "enormous", ENORMOUS
        yield "tiny", 1e-300


def _lookup(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _replaced(data: dict[str, Any], path: KeyPath, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(data)
    _lookup(result, path[:-1])[path[-1]] = value
    return result


def _without(data: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    result = copy.deepcopy(data)
    del _lookup(result, path[:-1])[path[-1]]
    return result


def misspell(key: str) -> str:
    """The key with a letter doubled at its end: near enough for a nearest match."""
    return key + key[-1]


def _renamed(data: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    result = copy.deepcopy(data)
    parent, key = _lookup(result, path[:-1]), path[-1]
    items = [(misspell(k) if k == key else k, v) for k, v in parent.items()]
    parent.clear()
    parent.update(items)
    return result
