"""Extremes: rails 24 decades apart, Debye lengths of 1e-5 of the thickness, frequencies from 1e-9 to 1e9 Hz.

Each must meet a closed form that is itself accurate there, without a warning (warnings are errors in these tests).
"""

from __future__ import annotations

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit import mixed, pnp, tlm
from miecsim.circuit.pnp import FlatContact

FREQUENCY = np.logspace(-9, 9, 19)
OMEGA = 2 * np.pi * FREQUENCY
LENGTH, AREA, CELLS = 47.3e-6, 3.1e-5, 90


def _ladder(s1: float, s2: float, z_f: np.ndarray, contacts: list[tlm.Contact]) -> np.ndarray:
    line = tlm.ladder_admittance(1 / (s1 * AREA), 1 / (s2 * AREA), z_f, LENGTH, CELLS)
    return tlm.two_terminal(tlm.terminate(line, contacts))


@pytest.mark.parametrize("method", ["auto", "sparse"])
@pytest.mark.parametrize("preset", ["battery", "ion_blocking", "electron_blocking", "both_rails_left"])
@pytest.mark.parametrize("ratio", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_rails_of_any_ratio(ratio: float, preset: str, method: str) -> None:
    """A blocking composite against the exact ladder: the same N cells, so that only round-off separates the two."""
    s1, s2 = 0.031, 0.031 * ratio
    a_v, C = 2.7e5, 0.23
    layer = mx.CompositeLayer("electrode", LENGTH, s1, s2, mx.Lumped(C=C), a_v)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset(preset), area=AREA, mesh=mx.Mesh(cells=CELLS))
    Z = mx.impedance(mx.solve_steady(system), FREQUENCY, method=method).Z
    poles = {
        "battery": [(0, 0, "left"), (1, 1, "right")],
        "ion_blocking": [(0, 1, "left"), (1, 1, "right")],
        "electron_blocking": [(0, 0, "left"), (1, 0, "right")],
        "both_rails_left": [(0, 0, "left"), (1, 1, "left")],
    }[preset]
    exact = _ladder(s1, s2, 1 / (1j * OMEGA * a_v * C * AREA), [tlm.Contact(*p, 0.0) for p in poles])
    assert np.max(np.abs(Z / exact - 1)) < 1e-9


@pytest.mark.parametrize("method", ["plain", "compiled"])
@pytest.mark.parametrize("charges", [(1, -1), (2, -1)])
@pytest.mark.parametrize("debye", [1e-1, 1e-3, 1e-5])
def test_debye_layers_of_any_thickness(debye: float, charges: tuple[int, int], method: str) -> None:
    """Blocking Poisson-Nernst-Planck cells against exact modes, on the default mesh."""
    length, temperature, eps = 13.1e-6, 311.0, 5.3e-10
    D = (3.1e-10, 8.7e-11)
    c = [3.0 / abs(z) for z in charges]
    target = debye * length
    c = [x * (pnp.debye_length(charges, c, eps, temperature) / target) ** 2 for x in c]
    carriers = tuple(mx.CarrierIn(name, *row) for name, row in zip("ab", zip(charges, c, D, strict=True), strict=True))
    layer = mx.ChargedLayer("electrolyte", length, carriers, permittivity=eps, fixed_charge=None)
    system = mx.build_system(
        mx.nernst_planck_poisson([layer], temperature=temperature), mx.metal_plates(), mesh=mx.Mesh(resolve=1e6)
    )
    Z = mx.impedance(mx.solve_steady(system), FREQUENCY, method=method).Z
    blocked = FlatContact(None, (0.0, 0.0))
    exact = pnp.linear_pnp_impedance(OMEGA, charges, c, D, eps, length, temperature, blocked, blocked)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3
    middle = (FREQUENCY > 1e-6 / debye) & (np.abs(exact.imag) < 1e6 * exact.real)
    assert np.max(np.abs(Z.real[middle] / exact.real[middle] - 1), initial=0.0) < 1e-3


@pytest.mark.parametrize("electron", [1e-12, 1e-4, 1e4])
def test_mixed_conductor_with_minority_electrons(electron: float) -> None:
    """Electron-reversible, ion-blocking contacts; the electron conductivity 12 decades below the ionic or far above
    it."""
    temperature, C = 973.0, 0.3
    z, c, D = (2, -1), (2089.0, 2089.0 * electron), (4e-10, 5e-9)
    carriers = tuple(
        mx.CarrierIn(n, *row) for n, row in zip(("ion", "electron"), zip(z, c, D, strict=True), strict=True)
    )
    layer = mx.ChargedLayer("oxide", LENGTH, carriers)
    wiring = mx.Wiring(
        tuple(
            mx.Terminal(name, (mx.Contact(side, "ion", mx.Lumped(C=C)), mx.Contact(side, "electron", mx.Reversible())))
            for name, side in (("A", "left"), ("B", "right"))
        )
    )
    f = np.logspace(-9, 5, 15)
    omega = 2 * np.pi * f
    system = mx.build_system(
        mx.mixed_conductor([layer], temperature=temperature), wiring, area=AREA, mesh=mx.Mesh(resolve=f.max())
    )
    Z = mx.impedance(mx.solve_steady(system), f).Z
    p = mixed.mixed_conductor_parameters(z, c, D, temperature)
    exact = mixed.symmetric_mixed_conductor(
        omega, p.sigma_ion, p.sigma_eon, p.c_chem, LENGTH, AREA, 1 / (1j * omega * C * AREA), 0.0
    )
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


@pytest.mark.parametrize("ratio", [1e-12, 1.0, 1e12])
def test_two_dimensions_over_the_same_range(ratio: float) -> None:
    """The same ladder across a 2D grid, by the sparse path: right to 1e-9 or refused, never wrong."""
    s1, s2 = 0.031, 0.031 * ratio
    a_v, C = 2.7e5, 0.23
    layer = mx.CompositeLayer("electrode", LENGTH, s1, s2, mx.Lumped(C=C), a_v)
    mesh = mx.Mesh(cells=CELLS, dimension=2, lateral_cells=3)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("ion_blocking"), area=AREA, mesh=mesh)
    point = mx.solve_steady(system)
    contacts = [tlm.Contact(0, 1, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]
    exact = _ladder(s1, s2, 1 / (1j * OMEGA * a_v * C * AREA), contacts)
    for f, reference in zip(FREQUENCY, exact, strict=True):
        try:
            Z = mx.impedance(point, np.array([f])).Z[0]
        except mx.SolveError:
            assert not 1e-6 < f < 1e6  # refusals only far outside what is measured
            continue
        assert abs(Z / reference - 1) < 1e-9
