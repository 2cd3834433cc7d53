"""TauFactor's answers to the questions of `tests/test_taufactor.py`: one JSON object in on standard input, one out.

Run by TauFactor's own interpreter, as a process of its own; imports nothing of miecsim. A question holds

    image      labels 0 and 1 as nested lists, 1 conducts; axis 0 is the through direction
    what       "through": the steady current          ->  tau
               "electrode": the blocking electrode    ->  tau_e, the last one reached
    criterion  of convergence, as TauFactor takes it        and in every answer: seconds, iterations

IPython and pyvista, which TauFactor imports to show things, are replaced by nothing where they are not installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import time
import types
import warnings

if importlib.util.find_spec("IPython") is None:
    display = types.ModuleType("IPython.display")
    display.clear_output = lambda *_, **__: None
    sys.modules["IPython"] = types.ModuleType("IPython")
    sys.modules["IPython.display"] = display
if importlib.util.find_spec("pyvista") is None:
    sys.modules["pyvista"] = types.ModuleType("pyvista")

import numpy as np
import torch
from taufactor import ElectrodeSolver, Solver


def through(question):
    solver = Solver(np.array(question["image"]), device="cpu")
    start = time.perf_counter()
    solver.solve(iter_limit=100_000, verbose=False, conv_crit=question["criterion"])
    seconds = time.perf_counter() - start
    return {"tau": float(np.ravel(solver.tau)[0]), "seconds": seconds, "iterations": int(solver.iter)}


def electrode(question):
    solver = ElectrodeSolver(np.array(question["image"]), device="cpu")
    start = time.perf_counter()
    solver.solve(iter_limit=100_000, verbose=False, conv_crit=question["criterion"])
    seconds = time.perf_counter() - start
    return {"tau_e": float(solver.tau_es[-1]), "seconds": seconds, "iterations": len(solver.tau_es)}


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    question = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        answer = {"through": through, "electrode": electrode}[question["what"]](question)
    json.dump(answer, sys.stdout)


main()
