"""Differences by many parameters at once, of equations in which each parameter has entries of its own.

Parameters that change no entry in common can be moved together: each entry then tells of its own (Curtis, Powell and
Reid 1974). Which entries a parameter changes is found once, by moving it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.typing import Bools, Values

Parts = list[Values]
PartsAt = Callable[[Mapping[str, float]], Parts]
STEP = 3e-4  # of a parameter, or of 1 where it is zero; the error of the rule is its fourth power
RULE = ((1.0, 2 / 3), (2.0, -1 / 12))  # (steps, weight): f' = sum of weight (f(+) - f(-)) / step


@dataclass(frozen=True)
class Colours:
    """groups: parameters that are moved together; own: of each parameter the entries of every part that it changes."""

    groups: tuple[tuple[str, ...], ...]
    own: Mapping[str, tuple[Bools, ...]]


def step_of(value: float) -> float:
    return STEP * (abs(value) or 1.0)


def colours_of(parts_at: PartsAt, parameters: Mapping[str, float]) -> Colours:
    """Which parameters may be moved together, from moving each alone."""
    still = parts_at(parameters)
    own = {}
    for name, value in parameters.items():
        moved = parts_at({**parameters, name: value + step_of(value)})
        own[name] = tuple(np.asarray(a != b) for a, b in zip(still, moved, strict=True))
    groups: list[list[str]] = []
    for name, mask in own.items():
        for group in groups:
            if not any(np.any(a & b) for other in group for a, b in zip(mask, own[other], strict=True)):
                group.append(name)
                break
        else:
            groups.append([name])
    return Colours(tuple(map(tuple, groups)), own)


def differences(parts_at: PartsAt, parameters: Mapping[str, float], colours: Colours | None = None) -> Parts:
    """d/dp of every part, (n_p, ...), to the fourth order of the step; without colours one parameter at a time."""
    groups: Sequence[Sequence[str]] = [[name] for name in parameters] if colours is None else colours.groups
    place = {name: i for i, name in enumerate(parameters)}
    out: Parts = []
    for group in groups:
        steps = {name: step_of(parameters[name]) for name in group}
        total = difference(parts_at, parameters, steps)
        if not out:
            out = [np.zeros((len(place), *part.shape), dtype=part.dtype) for part in total]
        for name, step in steps.items():
            for k, part in enumerate(total):
                own = part if colours is None else np.where(colours.own[name][k], part, 0.0)
                out[k][place[name]] = own / step
    return out


def difference(parts_at: PartsAt, parameters: Mapping[str, float], steps: Mapping[str, float]) -> Parts:
    """What a step of all these parameters changes, to first order."""
    total: Parts = []
    for count, weight in RULE:
        for sign in (1.0, -1.0):
            moved = {name: parameters[name] + sign * count * step for name, step in steps.items()}
            parts = [sign * weight * part for part in parts_at({**parameters, **moved})]
            total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
    return total
