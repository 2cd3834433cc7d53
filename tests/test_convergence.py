"""Order of convergence of Z in the cell size, at low, middle and high frequency, on uniform and graded meshes."""

from __future__ import annotations

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit import mixed, pnp, tlm
from miecsim.circuit.pnp import FlatContact

LENGTH, AREA = 83.7e-6, 2.9e-5
CELLS = np.array([80, 160, 320, 640])


def _order(errors: np.ndarray) -> float:
    """Slope of log error against log h over the last three meshes."""
    return float(np.polyfit(-np.log(CELLS[1:]), np.log(errors[1:]), 1)[0])


def _spectra(model, wiring, frequency: np.ndarray, grading: float) -> list[np.ndarray]:
    out = []
    for n in CELLS:
        system = mx.build_system(model, wiring, area=AREA, mesh=mx.Mesh(cells=int(n), grading=grading))
        out.append(mx.impedance(mx.solve_steady(system), frequency).Z)
    return out


def _check(Z: list[np.ndarray], exact: np.ndarray, bound: float) -> None:
    errors = np.array([np.abs(z / exact - 1) for z in Z])
    for column in errors.T:
        assert abs(_order(column) - 2.0) <= 0.05
    assert errors[-1].max() < bound


@pytest.mark.parametrize("grading", [1.0, 12.0])
@pytest.mark.parametrize("configuration", ["ie", "ee", "ii"])
def test_composite_line(configuration: str, grading: float) -> None:
    s1, s2, a_v, R, Q, alpha = 0.0113, 0.207, 3.1e5, 0.0087, 0.11, 0.86
    layer = mx.CompositeLayer("electrode", LENGTH, s1, s2, mx.Lumped(R=R, Q=Q, alpha=alpha), a_v)
    preset = {"ie": "battery", "ee": "ion_blocking", "ii": "electron_blocking"}[configuration]
    f = np.array([0.013, 37.0, 2.9e3])
    z_f = 1 / (AREA * a_v * (1 / R + Q * (2j * np.pi * f) ** alpha))
    exact = tlm.two_rail_impedance(1 / (s1 * AREA), 1 / (s2 * AREA), z_f, LENGTH, configuration)
    _check(_spectra(mx.composite_electrode([layer]), mx.preset(preset), f, grading), exact, 5e-4)


@pytest.mark.parametrize("grading", [1.0, 12.0])
def test_mixed_conductor(grading: float) -> None:
    carriers = (mx.CarrierIn("ion", 2, 310.0, 3e-11), mx.CarrierIn("electron", -1, 14.0, 2e-8))
    layer = mx.ChargedLayer("oxide", LENGTH, carriers)
    temperature, C = 871.0, 0.4
    f = np.array([0.003, 0.3, 11.0])
    wiring = mx.Wiring(
        tuple(
            mx.Terminal(name, (mx.Contact(side, "ion", mx.Lumped(C=C)), mx.Contact(side, "electron", mx.Reversible())))
            for name, side in (("A", "left"), ("B", "right"))
        )
    )
    p = mixed.mixed_conductor_parameters((2, -1), (310.0, 14.0), (3e-11, 2e-8), temperature)
    exact = mixed.symmetric_mixed_conductor(
        2 * np.pi * f, p.sigma_ion, p.sigma_eon, p.c_chem, LENGTH, AREA, 1 / (2j * np.pi * f * C * AREA), 0.0
    )
    _check(_spectra(mx.mixed_conductor([layer], temperature=temperature), wiring, f, grading), exact, 1e-3)


@pytest.mark.parametrize("grading", [1.0, 30.0])
def test_nernst_planck_poisson(grading: float) -> None:
    length, eps, temperature = 61e-9, 3.3e-10, 317.0
    z, c, D = (1, -2), (7.4, 3.7), (3.1e-11, 9.5e-11)
    carriers = tuple(mx.CarrierIn(name, *row) for name, row in zip("ab", zip(z, c, D, strict=True), strict=True))
    layer = mx.ChargedLayer("electrolyte", length, carriers, permittivity=eps, fixed_charge=0.0)
    f = np.array([20.0, 2e4, 3e6])
    blocked = FlatContact(None, (0.0, 0.0))
    exact = pnp.linear_pnp_impedance(2 * np.pi * f, z, c, D, eps, length, temperature, blocked, blocked) / AREA
    _check(
        _spectra(mx.nernst_planck_poisson([layer], temperature=temperature), mx.metal_plates(), f, grading), exact, 1e-3
    )


def test_radial_shell() -> None:
    """A spherical shell between two reversible contacts: R = (1/a - 1/b) / (4 pi sigma), scaled to the outer area."""
    inner, thickness, sigma = 3.1e-6, 5.3e-6, 0.37
    outer = inner + thickness
    layer = mx.CompositeLayer("shell", thickness, sigma)
    wiring = mx.Wiring(
        (
            mx.Terminal("A", (mx.Contact("left", "ion", mx.Reversible()),)),
            mx.Terminal("B", (mx.Contact("right", "ion", mx.Reversible()),)),
        )
    )
    exact = (1 / inner - 1 / outer) / (4 * np.pi * sigma) * (4 * np.pi * outer**2 / AREA)
    errors = []
    for n in CELLS:
        mesh = mx.Mesh(cells=int(n), coordinates="spherical", inner_radius=inner)
        system = mx.build_system(mx.composite_electrode([layer]), wiring, area=AREA, mesh=mesh)
        errors.append(abs(mx.impedance(mx.solve_steady(system), np.array([1.0])).Z[0].real / exact - 1))
    assert abs(_order(np.array(errors)) - 2.0) <= 0.05
    assert errors[-1] < 1e-5
