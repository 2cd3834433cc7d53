"""Cells where theory has a formula: two rails, de Levie's pore, salts between electrodes, and kinetics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import porous_cells as cells
import pytest
from scipy.integrate import quad

import miecsim as mx
from miecsim.circuit import tlm
from miecsim.circuit.diffusion import warburg_short
from miecsim.circuit.electrolyte import salt_cell_impedance
from miecsim.circuit.mixed import symmetric_mixed_conductor
from miecsim.circuit.particles import Particle, particle_impedance
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.elements import Reversible
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import PorousLayer
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.system import System, build_system

X, RADIUS, I0, C_DL, L = 0.42, 2.6e-6, 1.37, 0.15, 63e-6
FREQUENCY = np.logspace(-4, 1.5, 12)  # where the current still enters the whole depth of the electrode
OMEGA = 2 * np.pi * FREQUENCY


def electrode(cells_: int, shells: int, diffusivity: float, sigma_eon: float = 3.1, area: float = 1.0) -> System:
    """Ions from the left, electrons to the right; one kind of spheres."""
    host = replace(cells.OXIDE, diffusivity=diffusivity)
    p = cells.particles("p", host, X, kinetics=Kinetics(I0), shells=shells, grading=12.0)
    layer = PorousLayer("cathode", L, cells.SOLID, 0.41, 0.23, sigma_eon, (p,))
    wiring = cells.ends(("A", "left", "ion", Reversible()), ("B", "right", "electron", Reversible()))
    return build_system(porous_cell([layer], temperature=cells.T), wiring, area=area, mesh=mx.Mesh(cells=cells_))


AREA_DENSITY = 3 * 0.37 / RADIUS
KAPPA = 0.21 * 0.23


def test_fast_diffusion_gives_the_two_rail_line() -> None:
    """Particles full of lithium at one potential are a wall of R_ct and the chemical capacitance, beside the double
    layer: the ladder of N cells in closed form, approached as 1/D to round-off."""
    C_chem = cells.OXIDE.capacity_density(X) * RADIUS / 3
    R_ct = thermal_voltage(cells.T) / I0
    y = 1j * OMEGA * C_DL + 1 / (R_ct + 1 / (1j * OMEGA * C_chem))
    z_f = 1 / (AREA_DENSITY * y)
    exact = tlm.ladder_impedance(1 / KAPPA, 1 / 3.1, z_f, L, 9, "ie")
    errors = []
    for D in (1e-11, 1e-10, 1e-9, 1e-5):
        Z = impedance(rest_point(electrode(9, 6, D)), FREQUENCY).Z
        errors.append(float(np.max(np.abs(Z / exact - 1))))
    assert errors[0] < 2e-2
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 10.0, rtol=2e-2)
    assert errors[3] < 1e-8


def test_perfect_electrons_give_de_levie_with_the_particle_as_wall() -> None:
    """sigma_eon -> infinity: Z = sqrt(r Z_w) coth(L sqrt(r/Z_w)), Z_w the particle's impedance over its surface per
    length; second order in the mesh, and the next correction as 1/sigma_eon."""
    D = 2.3e-14
    slope = -cells.OXIDE.slope(X) / cells.OXIDE.c_max
    one = Particle("sphere", RADIUS, D, slope, R_ct=thermal_voltage(cells.T) / I0, C_dl=C_DL)
    wall = particle_impedance(OMEGA, one) / AREA_DENSITY
    exact = tlm.de_levie(1 / KAPPA, wall, L)
    errors = []
    for n in (16, 32, 64):
        Z = impedance(rest_point(electrode(n, 2 * n, D, sigma_eon=1e9)), FREQUENCY).Z
        errors.append(float(np.max(np.abs(Z / exact - 1))))
    assert errors[-1] < 2e-3
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((orders > 1.8) & (orders < 2.2))
    reference = impedance(rest_point(electrode(8, 16, D, sigma_eon=1e9)), FREQUENCY).Z
    away = [
        float(np.max(np.abs(impedance(rest_point(electrode(8, 16, D, sigma_eon=s)), FREQUENCY).Z / reference - 1)))
        for s in (1e3, 1e4)
    ]
    assert away[0] / away[1] == pytest.approx(10.0, rel=1e-2)
    assert away[1] < 1e-4


# --- salts ----------------------------------------------------------------------------------------

SEPARATOR, POROSITY, TRANSPORT = 211e-6, 0.43, 0.31
SALT_FREQUENCY = np.logspace(-5, -1.5, 15)  # up to |s| = 4


def lithium_cell(salt: BinarySalt, n: int) -> System:
    layer = PorousLayer("separator", SEPARATOR, salt, POROSITY, TRANSPORT)
    wiring = cells.ends(("A", "left", "ion", Reversible()), ("B", "right", "ion", Reversible()))
    return build_system(porous_cell([layer], temperature=cells.T), wiring, area=0.0137, mesh=mx.Mesh(cells=n))


def of_salt(salt: BinarySalt, frequency: np.ndarray) -> np.ndarray:
    values = [salt.conductivity, salt.diffusivity, salt.transference_number, salt.thermodynamic_factor]
    c = salt.concentration
    kappa, D, t, tdf = (float(v(c)) if callable(v) else v for v in values)
    return salt_cell_impedance(
        2 * np.pi * frequency, TRANSPORT * kappa, TRANSPORT * D, t, c, SEPARATOR,
        thermodynamic_factor=tdf, porosity=POROSITY, temperature=cells.T, area=0.0137,
    )  # fmt: skip


def nernst_einstein(t: float, c: float = 830.0, D_plus: float = 1.9e-10) -> BinarySalt:
    """An ideal salt of independent ions: kappa = F c (D+ + D-)/V_T, D = 2 D+ D-/(D+ + D-)."""
    D_minus = D_plus * (1 - t) / t
    kappa = FARADAY * c * (D_plus + D_minus) / thermal_voltage(cells.T)
    return BinarySalt(c, kappa, 2 * D_plus * D_minus / (D_plus + D_minus), t)


@pytest.mark.parametrize("salt", [cells.SALT, nernst_einstein(0.37)], ids=["concentrated", "ideal"])
def test_lithium_salt_lithium(salt: BinarySalt) -> None:
    """Z = L/kappa + R_D tanh(s)/s with R_D = (1 - t)^2 (2 RT/F^2 c)(TDF) L/D: second order in the mesh,
    and on any mesh exact as the frequency goes to zero."""
    exact = of_salt(salt, SALT_FREQUENCY)
    errors = []
    for n in (40, 80, 160):
        Z = impedance(rest_point(lithium_cell(salt, n)), SALT_FREQUENCY).Z
        errors.append(float(np.max(np.abs(Z - exact) / np.abs(exact))))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all((orders > 1.9) & (orders < 2.1))
    assert errors[-1] < 1e-4
    slow = np.array([1e-9])
    Z = impedance(rest_point(lithium_cell(salt, 5)), slow).Z
    np.testing.assert_allclose(Z.real, of_salt(salt, slow).real, rtol=1e-10)


def test_half_and_half_is_a_finite_length_warburg() -> None:
    """Ions after Nernst and Einstein with t = 1/2, anions blocked: a resistance and a Warburg element of the same size,
    and, in other words, a mixed conductor of two equal rails whose electrons are blocked."""
    salt = nernst_einstein(0.5)
    w, D = 2 * np.pi * SALT_FREQUENCY, TRANSPORT * 1.9e-10
    kappa = TRANSPORT * float(salt.conductivity)  # type: ignore[arg-type]
    R = SEPARATOR / (kappa * 0.0137)
    warburg = R + warburg_short(w, R, POROSITY * SEPARATOR**2 / (4 * D))
    np.testing.assert_allclose(of_salt(salt, SALT_FREQUENCY), warburg, rtol=1e-12)
    c_chem = POROSITY * FARADAY * 830.0 / (2 * thermal_voltage(cells.T))
    rails = symmetric_mixed_conductor(w, kappa / 2, kappa / 2, c_chem, SEPARATOR, 0.0137, contact_eon=np.inf)
    np.testing.assert_allclose(rails, warburg, rtol=1e-12)
    Z = impedance(rest_point(lithium_cell(salt, 160)), SALT_FREQUENCY).Z
    assert np.max(np.abs(Z / warburg - 1)) < 1e-4


def test_nernst_einstein_at_any_transference_number() -> None:
    """R_D = (L/kappa) (1 - t)/t, and the same closed form of the mixed conductor."""
    t = 0.31
    salt = nernst_einstein(t)
    kappa = TRANSPORT * float(salt.conductivity)  # type: ignore[arg-type]
    slow = of_salt(salt, np.array([0.0]))
    np.testing.assert_allclose(slow, SEPARATOR / (kappa * 0.0137) / t, rtol=1e-13)
    c_chem = POROSITY * FARADAY * 830.0 / (2 * thermal_voltage(cells.T))
    w = 2 * np.pi * SALT_FREQUENCY
    rails = symmetric_mixed_conductor(w, t * kappa, (1 - t) * kappa, c_chem, SEPARATOR, 0.0137, contact_eon=np.inf)
    np.testing.assert_allclose(of_salt(salt, SALT_FREQUENCY), rails, rtol=1e-12)
    wall = 1 / (1j * w * c_chem * 0.0137)
    z1, z2 = (1 / (part * kappa * 0.0137) for part in (t, 1 - t))
    ladder = tlm.ladder_impedance(z1, z2, wall, SEPARATOR, 17, "ii")  # of 17 cells in closed form
    Z = impedance(rest_point(lithium_cell(salt, 17)), SALT_FREQUENCY).Z
    np.testing.assert_allclose(Z, ladder, rtol=1e-11)


def test_salt_cell_refuses_what_cannot_be() -> None:
    with pytest.raises(InputError, match="diffusivity: read -1e-10; expected a positive number"):
        salt_cell_impedance(np.ones(1), 1.0, -1e-10, 0.3, 1000.0, 1e-4)


# --- kinetics -------------------------------------------------------------------------------------

V_T = thermal_voltage(cells.T)
LAWS = {
    "Butler-Volmer": Kinetics(1.7, 0.37),
    "Marcus-Hush-Chidsey": Kinetics(1.7, reorganisation=0.31),
    "steep": Kinetics(1.7, reorganisation=0.05),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_slope_at_rest_is_the_exchange_current(law: Kinetics) -> None:
    """di/d eta = i0/V_T at eta = 0, by the complex step."""
    i = law.current(np.array([1e-20j]), np.ones(1), np.array([0.4]), V_T)
    assert i.imag[0] / 1e-20 == pytest.approx(1.7 / V_T, rel=1e-13)
    assert abs(i.real[0]) < 1e-30


@pytest.mark.parametrize("law", [LAWS["Marcus-Hush-Chidsey"], Kinetics(1.7, 0.5)], ids=["Marcus", "Butler-Volmer"])
def test_symmetric_kinetics(law: Kinetics) -> None:
    """As much current at -eta as at eta, outward."""
    eta = np.linspace(0.01, 0.7, 23)
    there, back = (law.current(sign * eta, np.ones(23), np.full(23, 0.4), V_T) for sign in (1, -1))
    np.testing.assert_allclose(there, -back, rtol=1e-12)


def test_exchange_current_is_symmetric_in_lithium_and_sites() -> None:
    """alpha = 1/2: i0(x) = i0(1 - x); any alpha: i0(x; alpha) = i0(1 - x; 1 - alpha), and i_ref at the reference."""
    x, c = np.linspace(0.03, 0.97, 31), np.full(31, 700.0)
    even = MassAction(2.1, 900.0, 0.5, 0.5)
    np.testing.assert_allclose(even(c, x), even(c, 1 - x), rtol=1e-13)
    one, other = MassAction(2.1, 700.0, 0.5, 0.31), MassAction(2.1, 700.0, 0.5, 0.69)
    np.testing.assert_allclose(one(c, x), other(c, 1 - x), rtol=1e-13)
    assert MassAction(2.1, 900.0, 0.23, 0.4)(np.array([900.0]), np.array([0.23]))[0] == pytest.approx(2.1, rel=1e-14)


def chidsey(v: float, reorganisation: float) -> float:
    """i/i0 by Chidsey's integral over the electrons of a metal, at v in thermal voltages: the rates to either side,
    over what each is at rest."""

    def rate(turned: float) -> float:
        def density(x: float) -> float:
            return float(np.exp(-((x - reorganisation + turned) ** 2) / (4 * reorganisation) - np.logaddexp(0.0, x)))

        edges = (-150.0, -40.0, -10.0, 0.0, 10.0, 40.0, 150.0)
        return sum(quad(density, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in zip(edges[:-1], edges[1:], strict=True))

    return (rate(v) - rate(-v)) / rate(0.0)


@pytest.mark.parametrize("reorganisation", [3.1, 11.0, 23.0])
@pytest.mark.parametrize("v", [0.3, 2.7, 9.1, 17.0])
def test_marcus_hush_chidsey_is_the_integral(v: float, reorganisation: float) -> None:
    law = Kinetics(1.7, reorganisation=reorganisation * V_T)
    i = law.current(np.array([v, -v]) * V_T, np.ones(2), np.full(2, 0.4), V_T)
    np.testing.assert_allclose(i, 1.7 * chidsey(v, reorganisation) * np.array([1, -1]), rtol=1e-9)


def test_marcus_with_a_large_reorganisation_energy_is_butler_volmer() -> None:
    """i -> 2 i0 sinh(v/2), as 1/l: Chidsey's integral is so, term by term."""
    v = np.array([0.4, 2.0, 5.0])
    tafel = Kinetics(1.7, 0.5).current(v * V_T, np.ones(3), np.full(3, 0.4), V_T)
    away = []
    for energy in (300.0, 3000.0):
        law = Kinetics(1.7, reorganisation=energy * V_T)
        away.append(law.current(v * V_T, np.ones(3), np.full(3, 0.4), V_T) / tafel - 1)
    np.testing.assert_allclose(away[0] / away[1], 10.0, rtol=0.05)
    assert np.max(np.abs(away[1])) < 3e-3
