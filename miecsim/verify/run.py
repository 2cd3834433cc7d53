"""Which proofs there are, and running them one by one."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from miecsim.errors import InputError, MiecsimError
from miecsim.verify.proof import Proof, Row, Settings, Skipped, failed, judge

# In the order of the table. Each is a module of this package with a function proofs(settings).
FAMILIES = {
    "de_levie": "porous electrode of de Levie",
    "two_rail": "two-rail line, all terminal configurations",
    "cross_conductivity": "two rails with Onsager cross conductivity",
    "layers": "layers in series",
    "diffusion": "Warburg and Gerischer elements",
    "mixed_conductor": "mixed conductors",
    "electrodes": "oxygen cathodes and composites of particles",
    "cells": "batteries: particles, salts, whole cells",
    "poisson": "space charge: Poisson-Nernst-Planck",
    "biased": "states away from rest",
    "pictures": "pictures of composites and bodies of revolution",
    "ladder": "finite ladders in closed form",
    "network": "the discretisation as a netlist",
    "published_errors": "formulas as printed, and as they should read",
}


def select(names: Sequence[str] | None) -> tuple[str, ...]:
    """The families named (all without names), each once, in table order; InputError for a name that is none."""
    if not names:
        return tuple(FAMILIES)
    for name in names:
        if name not in FAMILIES:
            near = difflib.get_close_matches(name[:100].lower(), FAMILIES, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"--family: read {name!r}; expected one of {', '.join(FAMILIES)}{hint}")
    return tuple(family for family in FAMILIES if family in names)


def proofs_of(families: Sequence[str], settings: Settings) -> list[Proof]:
    """The proofs of the families, none of them run yet."""
    found: list[Proof] = []
    for family in families:
        module = import_module(f"miecsim.verify.{family}")
        found += module.proofs(settings)
    return found


def run_proofs(
    proofs: Sequence[Proof], skipped: Callable[[Proof, str], None] | None = None
) -> Iterator[tuple[Proof, Row | None]]:
    """Run the proofs in turn; None and a call of `skipped` for one that cannot be run here."""
    for proof in proofs:
        started = time.perf_counter()
        try:
            outcome = proof.measure()
        except Skipped as reason:
            if skipped is not None:
                skipped(proof, str(reason))
            yield proof, None
            continue
        except MiecsimError as error:
            yield proof, failed(proof, f"{type(error).__name__}: {error}", time.perf_counter() - started)
            continue
        yield proof, judge(proof, outcome, time.perf_counter() - started)
