"""PyBaMM's answers to the questions of `tests/test_pybamm.py`: one JSON object in on standard input, one out.

Run by PyBaMM's own interpreter, as a process of its own; imports nothing of miecsim. A question holds

    set        "Chen2020" or "Marquis2019"
    mesh       {"x_n", "x_s", "x_p", "r_n", "r_p"}: edges from 0 to 1 of every domain; absent: PyBaMM's default mesh
    what       "eis": frequency [Hz], surface_form "algebraic" or "differential"  ->  Z_real, Z_imag [ohm]
               "discharge": current [A], times [s]  ->  time, voltage [V] at these times until the cut-off voltage
               "speed": frequency, surface_form, repeats  ->  seconds of every spectrum of a simulation that is built,
               and of one with the first frequency alone (it finds its Jacobian anew in either)
    laws       "published": without the guards that PyBaMM puts around square roots and at the ends of the
               open-circuit curves; absent: as PyBaMM is
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")

import numpy as np
import pybamm

DOMAINS = {
    "x_n": "negative electrode",
    "x_s": "separator",
    "x_p": "positive electrode",
    "r_n": "negative particle",
    "r_p": "positive particle",
}


class Given(pybamm.SubMesh1D):
    """A mesh from its edges, of the length of the domain."""

    def __init__(self, lims, npts, edges):
        variable, ends, tabs = self.read_lims(lims)
        low, high = ends["min"], ends["max"]
        super().__init__(low + (high - low) * np.asarray(edges), coord_sys=variable.coord_sys, tabs=tabs)


def discretisation(question):
    """Keyword arguments of a simulation."""
    mesh = question.get("mesh")
    if mesh is None:
        return {}
    types = {DOMAINS[k]: pybamm.MeshGenerator(Given, {"edges": edges}) for k, edges in mesh.items()}
    types["current collector"] = pybamm.SubMesh0D
    return {"submesh_types": types, "var_pts": {k: len(edges) - 1 for k, edges in mesh.items()}}


def spectrum_of(question):
    model = pybamm.lithium_ion.DFN(options={"surface form": question["surface_form"]})
    values = pybamm.ParameterValues(question["set"])
    return pybamm.EISSimulation(model, parameter_values=values, **discretisation(question))


def eis(question):
    Z = spectrum_of(question).solve(np.array(question["frequency"])).impedance
    return {"Z_real": Z.real.tolist(), "Z_imag": Z.imag.tolist()}


def speed(question):
    simulation, frequency = spectrum_of(question), np.array(question["frequency"])
    simulation.solve(frequency)
    seconds, first = [], []
    for _ in range(question["repeats"]):
        start = time.perf_counter()
        simulation.solve(frequency[:1])
        first.append(time.perf_counter() - start)
        start = time.perf_counter()
        Z = simulation.solve(frequency).impedance
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "first": first, "Z_real": Z.real.tolist(), "Z_imag": Z.imag.tolist()}


def discharge(question):
    values = pybamm.ParameterValues(question["set"])
    values["Current function [A]"] = question["current"]
    solver = pybamm.IDAKLUSolver(rtol=1e-8, atol=1e-8)
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.DFN(), parameter_values=values, solver=solver, **discretisation(question)
    )
    solution = simulation.solve([0.0, question["times"][-1]], t_interp=np.array(question["times"]))
    return {"time": solution["Time [s]"].entries.tolist(), "voltage": solution["Voltage [V]"].entries.tolist()}


def main():
    question = json.load(sys.stdin)
    if question.get("laws") == "published":
        pybamm.settings.tolerances["reg_power"] = 0.0
        pybamm.parameters.lithium_ion_parameters.U_asymptotes = lambda sto: pybamm.Scalar(0.0)
    answer = {"eis": eis, "speed": speed, "discharge": discharge}[question["what"]](question)
    json.dump(answer | {"version": pybamm.__version__}, sys.stdout)


if __name__ == "__main__":
    main()
