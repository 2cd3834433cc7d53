"""Sensitivities of a spectrum to the parameters of its model by its circuit: in any dimension, with particles, plainly.

The circuit of an operating point has the admittance matrix Y(w); with v the voltages for 1 A between two terminals and
lambda those of the circuit with every source turned round (the adjoint),

    dZ/dp = - sum over elements e of  lambda_e (dy_e/dp) v_e

with lambda_e the adjoint voltage across the element and v_e the voltage that drives it (Tellegen's theorem in its
adjoint form: Director and Rohrer 1969). Two solves a frequency serve any number of parameters. dy_e/dp is taken along
the operating point, u(p): every state that the parameter moves is solved again, so that what Z owes to a shifted
steady state is in it. Differences are those of the elements, four points by Richardson's rule, and not of Z: an element
moves by its own parameter alone, and its difference keeps ten digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Elements, Netlist
from miecsim.circuit.nodal import element_voltage, solve, solve_adjoint
from miecsim.errors import InputError
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex

STEP = 1e-3  # of a parameter, or of 1 where it is zero; the error of the rule is its fourth power
Build = Callable[[Mapping[str, float]], OperatingPoint]


def by_circuit(
    build: Build, parameters: Mapping[str, float], f: Array, point: OperatingPoint | None = None
) -> tuple[Complex, Complex]:
    """Z (n_f,) and dZ/dp (n_p, n_f) at frequencies f [Hz]; see `miecsim.inverse.gradients.gradients`. point: what
    `build` makes of the parameters, where it is known already."""
    omega, circuit = 2 * np.pi * f, netlist_of(build(parameters) if point is None else point)
    response = solve(circuit, f)
    adjoint = response if circuit.reciprocal else solve_adjoint(circuit, f)
    pairs = [element_voltage(group, adjoint.voltage) * _driving(group, response.voltage) for group in circuit.elements]
    out = np.zeros((len(parameters), f.size), dtype=complex)
    for i, name in enumerate(parameters):
        slopes = _slopes(build, parameters, name, circuit, omega)
        for pair, slope in zip(pairs, slopes, strict=True):
            out[i] -= np.sum(pair * slope, axis=1)
    return response.Z, out


def _driving(group: Elements, voltage: Complex) -> Complex:
    """Voltage (n_f, n) that an element's current is proportional to."""
    if group.kind != "G":
        return element_voltage(group, voltage)
    return np.asarray(voltage[:, group.control_plus] - voltage[:, group.control_minus])


def _slopes(build: Build, parameters: Mapping[str, float], name: str, circuit: Netlist, omega: Array) -> list[Complex]:
    """dy/dp (n_f, n) of the elements of each group, to the fourth order of the step."""
    step = STEP * (abs(parameters[name]) or 1.0)

    def difference(h: float) -> list[Complex]:
        ends = []
        for sign in (1.0, -1.0):
            moved = netlist_of(build({**parameters, name: parameters[name] + sign * h}))
            _check_same(circuit, moved, name)
            ends.append([group.admittance(omega) for group in moved.elements])
        return [(above - below) / (2 * h) for above, below in zip(*ends, strict=True)]

    coarse, fine = difference(step), difference(step / 2)
    return [(4 * near - far) / 3 for near, far in zip(fine, coarse, strict=True)]


def _check_same(circuit: Netlist, moved: Netlist, name: str) -> None:
    """Whether two circuits have the same elements between the same nodes."""
    same = circuit.n_nodes == moved.n_nodes and len(circuit.elements) == len(moved.elements)
    for one, other in zip(circuit.elements, moved.elements, strict=False):
        ends = ((one.plus, other.plus), (one.minus, other.minus), (one.control_plus, other.control_plus))
        same = same and one.kind == other.kind and all(np.array_equal(a, b) for a, b in ends)
    if not same:
        raise InputError(
            f"gradients: a small change of {name} changes which elements there are; use a grid that does not depend on "
            "it, and values at which nothing vanishes"
        )
