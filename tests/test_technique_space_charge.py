"""Space charge at a grain boundary: half-space formulas are met where they are exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import nernst_planck_poisson
from miecsim.plot.technique_space_charge import space_charge_arcs, technique_space_charge
from miecsim.techniques.record import Compared, TechniqueRecord
from miecsim.techniques.space_charge import bicrystal, space_charge

T, EPS, N = 773.0, 2.302e-10, 313.0
VACANCY = CarrierIn("vacancy", 2, N, 1.3e-13)
SALT = (CarrierIn("cation", 1, 41.0, 1.1e-13), CarrierIn("anion", -1, 41.0, 3.7e-13))


def _layer(*carriers: CarrierIn, thickness: float = 37e-9) -> ChargedLayer:
    return ChargedLayer("grain", thickness, carriers, EPS)


def test_depletion_layers_of_a_grain_boundary() -> None:
    errors = []
    for per_debye in (15, 30):
        record = space_charge(
            bicrystal(_layer(VACANCY), 0.31e-9, 0.17, mobility=0.7, temperature=T), per_debye=per_debye
        )
        across = record.figure("resistance across, vacancy", "depletion layer")
        errors.append([across.error, record.figure("conductance along").error])
    assert np.all(np.abs(errors[1]) < [5e-3, 3e-4])
    assert np.all(np.abs(errors[1]) < 0.3 * np.abs(errors[0]))
    # Mott and Schottky's estimate is short by about 1/Psi, its capacitance good
    assert -0.2 < record.figure("resistance across, vacancy", "Mott-Schottky").error < -0.05
    assert 0 < record.figure("capacitance", "Mott-Schottky").error < 1e-3
    table = record.tables["resistances"]
    whole = sum(table[name][0] for name in ("bulk", "core", "layers"))
    assert table["whole"][0] == pytest.approx(whole, rel=1e-12)
    # what is read from the resistance counts the core's own width as space charge
    assert record.figure("potential of the core").error > 0.05
    assert any("core's own width" in line for line in record.remarks)


def test_the_profile_solves_poissons_equation_and_the_core_is_neutralised() -> None:
    Q = 0.11
    record = space_charge(bicrystal(_layer(VACANCY), 0.31e-9, Q, temperature=T), per_debye=40)
    table = record.tables["profile"]
    x, phi, c = (table[name][0] for name in ("position", "potential", "vacancy"))
    assert c == pytest.approx(N * np.exp(-2 * phi / thermal_voltage(T)), rel=1e-9)
    edges = np.concatenate([[0.0], np.cumsum(_widths(x))])
    assert np.sum((c - N) * np.diff(edges)) * 2 * FARADAY == pytest.approx(-Q, rel=1e-6)
    # an independent integration from the bulk to the core, started on the linear tail
    unit, lam = thermal_voltage(T) / 2, np.sqrt(EPS * thermal_voltage(T) / (4 * FARADAY * N))

    def poisson(_: float, y: np.ndarray) -> list[float]:
        return [y[1], -np.expm1(-y[0]) / lam**2]

    left = 37e-9
    start = np.interp(left - 12 * lam, x, phi) / unit
    near = (x > left - 7 * lam) & (x < left - 0.1 * lam)
    found = solve_ivp(poisson, (left - 12 * lam, left), [start, start / lam], rtol=1e-9, atol=1e-14, dense_output=True)
    # start values carry the mesh's error, which grows as the potential does: compare phi' at phi, not x
    y, slope = found.sol(np.linspace(left - 12 * lam, left, 4000))
    model_slope = np.gradient(phi, x)[near] / unit
    assert model_slope == pytest.approx(np.interp(phi[near] / unit, y, slope), rel=1e-2)


def _widths(x: np.ndarray) -> np.ndarray:
    """Cell widths from centres: the first cell begins at 0."""
    out, edge = [], 0.0
    for centre in x:
        out.append(2 * (centre - edge))
        edge += out[-1]
    return np.array(out)


@pytest.mark.parametrize("charge", [-0.05, 0.043])
def test_gouy_chapman_layers_of_a_grain_boundary(charge: float) -> None:
    errors = []
    for per_debye in (12, 24):
        record = space_charge(bicrystal(_layer(*SALT), 0.31e-9, charge, temperature=T), per_debye=per_debye)
        errors.append([one.error for one in record.compared])
        assert len(record.compared) == 3
    assert np.all(np.abs(errors[1]) < 1e-3) and np.all(np.abs(errors[1]) < 0.3 * np.abs(errors[0]))
    cation, anion = (record.figure(f"resistance across, {name}").true for name in ("cation", "anion"))
    assert cation * anion < 0 and (cation > 0) == (charge > 0)


def test_the_spectrum_ends_at_the_direct_current_resistance() -> None:
    record = space_charge(bicrystal(_layer(VACANCY), 0.31e-9, 0.17, temperature=T), per_debye=15)
    spectrum = record.tables["spectrum"]
    assert spectrum["Z_real"][0][0] == pytest.approx(record.tables["resistances"]["whole"][0][0], rel=1e-4)
    arc = record.figure("capacitance", "top of the arc")
    assert abs(arc.error) < 0.15


def test_excess_resistance_by_quadrature() -> None:
    """The layers' resistance of the model against a quadrature in phi, by the first integral of Poisson's equation."""
    record = space_charge(bicrystal(_layer(VACANCY), 0.31e-9, 0.12, temperature=T), per_debye=40)
    table, unit = record.tables["profile"], thermal_voltage(T) / 2
    x, phi = table["position"][0], table["potential"][0]
    edge = float(np.interp(37e-9, x, phi)) / unit
    lam = np.sqrt(EPS * thermal_voltage(T) / (4 * FARADAY * N))
    sigma = 4 * FARADAY * N * 1.3e-13 / thermal_voltage(T)
    total = quad(lambda y: np.expm1(y) / np.sqrt(2 * (y + np.expm1(-y))), 1e-9, edge, epsrel=1e-9)[0]
    assert record.tables["resistances"]["layers"][0][0] == pytest.approx(2 * lam / sigma * total, rel=2e-2)


def test_a_grain_too_small_for_a_bulk_says_so() -> None:
    small = space_charge(bicrystal(_layer(VACANCY, thickness=1.7e-9), 0.31e-9, 0.17, temperature=T), per_debye=10)
    assert any("holds no bulk" in line for line in small.remarks)


def test_figures() -> None:
    boundary = space_charge(bicrystal(_layer(*SALT), 0.31e-9, 0.043, temperature=T), per_debye=8)
    assert technique_space_charge(boundary).axes[1].get_xlabel() == "distance from the core / nm"
    (axes,) = space_charge_arcs(boundary).axes
    assert axes.get_xlabel() == "Z′ / Ω cm²" and axes.get_aspect() == 1
    bulk, whole = axes.lines[-1].get_xdata()  # the direct current: of the grains alone, and of what the arcs end at
    assert np.max(axes.lines[0].get_xdata()) == pytest.approx(whole, rel=1e-3)
    sigma = FARADAY * 41.0 * (1.1e-13 + 3.7e-13) / thermal_voltage(T)
    assert bulk == pytest.approx(1e4 * 2 * 37e-9 / sigma, rel=1e-9)
    other = TechniqueRecord("pitt", {}, (Compared("D", 1.0, 1.0, "m^2/s", "fit"),))
    for draw in (technique_space_charge, space_charge_arcs):
        with pytest.raises(InputError, match='"pitt"'):
            draw(other)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: bicrystal(_layer(VACANCY), 0.0, 0.1), "core_width must be positive"),
        (lambda: bicrystal(_layer(VACANCY), 1e-9, np.inf), "core_charge must be finite"),
        (lambda: bicrystal(ChargedLayer("g", 1e-8, (VACANCY,)), 1e-9, 0.1), "needs a permittivity"),
        (lambda: space_charge(nernst_planck_poisson([_layer(VACANCY)])), "a grain, a core"),
        (lambda: space_charge(bicrystal(_layer(VACANCY, SALT[0]), 1e-9, 0.1)), "opposite charge"),
        (lambda: space_charge(bicrystal(_layer(CarrierIn("v", 2, N, 1e-13, site_density=1e4)), 1e-9, 0.1)), "dilute"),
    ],
)
def test_impossible_experiments_are_refused(call, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        call()
    assert "\n" not in str(error.value)
