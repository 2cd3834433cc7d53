"""Nonlinear storage that couples unknowns: its derivative enters the spectrum at the operating point, cross terms
included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import systems

import miecsim as mx
from miecsim.circuit import tlm
from miecsim.linearise import linearise
from miecsim.system import System

Q0, WIDTH = 4.1e6, 0.083  # C/m3, V


@dataclass(frozen=True)
class Insertion:
    """q = Q0 tanh(v/w) (1 + v/3 V), v = Phi_ion - Phi_eon: charge of a host between two rails, taken from both."""

    nodes: np.ndarray
    measure: np.ndarray
    rows: tuple[int, int] = (0, 1)
    columns: tuple[int, int] = (0, 1)
    process: str = "chemical capacitance"

    def storage(self, state):
        v = state.Phi[0] - state.Phi[1]
        q = Q0 * np.tanh(v / WIDTH) * (1 + v / 3)
        return np.stack([q, -q])

    def reaction(self, state):
        return None


def capacitance(v: float) -> float:
    """dq/dv [F/m3] by hand."""
    t = np.tanh(v / WIDTH)
    return Q0 * ((1 - t * t) / WIDTH * (1 + v / 3) + t / 3)


def _system(dimension: int, preset: str = "battery") -> System:
    layer = mx.ConductorLayer("host", systems.LENGTH, 0.013, 0.41, chemical_capacitance=1.0)
    mesh = mx.Mesh(cells=120, grading=20.0, dimension=dimension, lateral_cells=2)
    system = mx.build_system(mx.mixed_conductor([layer]), mx.preset(preset), area=systems.AREA, mesh=mesh)
    cells = np.flatnonzero(system.nodes.volume > 0)
    store = Insertion(cells, system.nodes.volume[cells])
    return replace(system, laws=replace(system.laws, stores=(store,)))


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("bias", [0.0, 0.041, -0.11])
def test_spectrum_of_an_insertion_host_follows_its_operating_point(bias: float, dimension: int) -> None:
    """Between ion and electron terminals no steady current flows: v is the bias everywhere, and the line has c =
    dq/dv there."""
    point = mx.solve_steady(_system(dimension), {"A": bias})
    f = np.logspace(-4, 1, 8)
    z_f = 1 / (2j * np.pi * f * capacitance(bias) * systems.AREA)
    exact = tlm.two_rail_impedance(1 / (0.013 * systems.AREA), 1 / (0.41 * systems.AREA), z_f, systems.LENGTH, "ie")
    np.testing.assert_allclose(mx.impedance(point, f).Z, exact, rtol=1e-3)


def test_inventory_of_a_floating_rail_is_held_by_nonlinear_storage() -> None:
    """Ion-blocking cell: the ion rail floats, and its charge, nonlinear in both potentials, must not change under
    bias."""
    system = _system(1, "ion_blocking")
    point = mx.solve_steady(system, {"A": 0.3})
    state = system.laws.state_map.at(point.u, np.arange(system.nodes.n))
    store = system.laws.stores[0]
    held = store.storage(system.laws.state_map.at(point.u[:, store.nodes], store.nodes))[0] * store.measure
    assert abs(held.sum()) < 1e-12 * np.abs(held).sum()
    # no ionic current in the steady state: the ion rail is flat, and the electrons see Ohm's law
    assert np.ptp(state.Phi[0]) < 1e-12
    assert point.currents[0] == pytest.approx(0.3 * 0.41 * systems.AREA / systems.LENGTH, rel=1e-12)


def test_blocks_hold_the_cross_terms() -> None:
    system = _system(1)
    point = mx.solve_steady(system, {"A": 0.06})
    S_c = linearise(system, point.u, point.voltages).S_c[5] / system.nodes.volume[5]
    c = capacitance(0.06)
    np.testing.assert_allclose(S_c, [[c, -c], [-c, c]], rtol=1e-12)
