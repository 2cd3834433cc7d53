"""A case with its defaults written out, and the canonical JSON from which it is known again."""

from __future__ import annotations

import copy
import json
from typing import Any

from miecsim.case.laws import LAWS
from miecsim.case.overrides import MEASURED
from miecsim.case.table import Raw, defaults_of, keys_of
from miecsim.case.techniques import TECHNIQUES

_PARTICLES = {"self_diffusion": False, "shells": 30, "grading": 30.0}
_GRID = {"coordinates": "cartesian", "grading": 1.0, "lateral_cells": 4}


def with_defaults(raw: Raw) -> Raw:
    """A copy of a valid case in which every optional key that has a default is written out.

    It is without its sweep and its fit, of which one run knows nothing."""
    result = copy.deepcopy({name: value for name, value in raw.items() if name not in ("sweep", "fit")})
    if "grid" in result:
        _grid(result["grid"])
    measured = [item for word in MEASURED for item in result.get(word, ())]
    stacks = [result.get("layer", ()), *(item.get("set", {}).get("layer", ()) for item in measured)]
    for layer in (layer for stack in stacks for layer in stack):
        for carrier in layer.get("carrier", ()):
            carrier.setdefault("thermodynamic_factor", 1.0)
        if "ion" in layer and "electron" in layer:
            layer.setdefault("cross_conductivity", "0 S/m")
        for kind in layer.get("particles", ()):
            for name, value in _PARTICLES.items():
                kind.setdefault(name, value)
    if result.get("electrolyte", {}).get("kind") == "binary_salt":
        result["electrolyte"].setdefault("thermodynamic_factor", 1.0)
    for study in result.get("study", ()):
        study.setdefault("attribution", False)
        study.setdefault("relaxation", False)
        study.setdefault("method", "auto")
    for experiment in result.get("experiment", ()):
        for name, value in defaults_of(TECHNIQUES[experiment["technique"]].parameters).items():
            experiment.setdefault(name, list(value) if isinstance(value, tuple) else value)
    _series_resistances(result)
    return result


def _grid(grid: Raw) -> None:
    for name, value in _GRID.items():
        grid.setdefault(name, value)
    if grid["coordinates"] != "cartesian":
        grid.setdefault("inner_radius", "0 m")


def _series_resistances(node: Any) -> None:
    if isinstance(node, dict):
        law = node.get("law")
        if isinstance(law, str) and law in LAWS and "Rs" in keys_of(LAWS[law]):
            node.setdefault("Rs", "0 ohm*m^2")
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _series_resistances(child)


def canonical(raw: Raw) -> str:
    """JSON with sorted keys, in which 1.0 and 1 are the same number."""
    return json.dumps(_plain(raw), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node
