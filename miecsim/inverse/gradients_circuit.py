"""Sensitivities of a spectrum to the parameters of its model by its circuit: in any dimension, with particles, plainly.

The circuit of an operating point has the admittance matrix Y(w); with v the voltages for 1 A between two terminals and
lambda those of the circuit with every source turned round (the adjoint),

    dZ/dp = - sum over elements e of  lambda_e (dy_e/dp) v_e

with lambda_e the adjoint voltage across the element and v_e the voltage that drives it (Tellegen's theorem in its
adjoint form: Director and Rohrer 1969). Two solves a frequency serve any number of parameters. dy_e/dp is taken along
the operating point, u(p), so that what Z owes to a shifted steady state is in it. Differences are those of the
elements, four points by Richardson's rule, and not of Z: an element moves by its own parameter alone, and its
difference keeps ten digits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Elements, Netlist
from miecsim.circuit.nodal import element_voltage, solve, solve_adjoint
from miecsim.errors import InputError
from miecsim.inverse.colours import Parts, difference, step_of
from miecsim.inverse.family import Family, Parameters, along, colours_in
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array, Complex

Build = Callable[[Parameters], OperatingPoint]


def by_circuit(
    build: Build, parameters: Parameters, f: Array, point: OperatingPoint | None = None
) -> tuple[Complex, Complex]:
    """Z (n_f,) and dZ/dp (n_p, n_f) at frequencies f [Hz]; see `miecsim.inverse.gradients.gradients`. point: what
    `build` makes of the parameters, where it is known already."""
    point = build(parameters) if point is None else point
    omega, circuit = 2 * np.pi * f, netlist_of(point)
    response = solve(circuit, f)
    adjoint = response if circuit.reciprocal else solve_adjoint(circuit, f)
    pairs = [element_voltage(group, adjoint.voltage) * _driving(group, response.voltage) for group in circuit.elements]
    beside = along(build, parameters, point) if isinstance(build, Family) else build

    def elements_at(values: Parameters) -> Parts:
        moved = netlist_of(beside(values))
        _check_same(circuit, moved)
        return [group.admittance(omega) for group in moved.elements]

    out = np.zeros((len(parameters), f.size), dtype=complex)
    colours = None
    if isinstance(build, Family) and build.at_rest:
        colours = colours_in(build, "circuit", elements_at, parameters)
    for group in [(name,) for name in parameters] if colours is None else colours.groups:
        steps = {name: step_of(parameters[name]) for name in group}
        slopes = difference(elements_at, parameters, steps)
        for name, step in steps.items():
            i = list(parameters).index(name)
            for k, (pair, slope) in enumerate(zip(pairs, slopes, strict=True)):
                own = slope if colours is None else np.where(colours.own[name][k], slope, 0.0)
                out[i] -= np.sum(pair * own, axis=1) / step
    return response.Z, out


def _driving(group: Elements, voltage: Complex) -> Complex:
    """Voltage (n_f, n) that an element's current is proportional to."""
    if group.kind != "G":
        return element_voltage(group, voltage)
    return np.asarray(voltage[:, group.control_plus] - voltage[:, group.control_minus])


def _check_same(circuit: Netlist, moved: Netlist) -> None:
    """Whether two circuits have the same elements between the same nodes."""
    same = circuit.n_nodes == moved.n_nodes and len(circuit.elements) == len(moved.elements)
    for one, other in zip(circuit.elements, moved.elements, strict=False):
        ends = ((one.plus, other.plus), (one.minus, other.minus), (one.control_plus, other.control_plus))
        same = same and one.kind == other.kind and all(np.array_equal(a, b) for a, b in ends)
    if not same:
        raise InputError(
            "gradients: a small change of a parameter changes which elements there are; use a grid that does not "
            "depend on it, and values at which nothing vanishes"
        )
