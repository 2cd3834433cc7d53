"""Contacts, rails and junctions against closed forms that know nothing of the engine."""

from __future__ import annotations

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit import pnp, tlm
from miecsim.circuit.pnp import FlatContact
from miecsim.constants import FARADAY, thermal_voltage

AREA = 3.3e-5


def _two_poles(left: list[tuple[str, object]], right: list[tuple[str, object]]) -> mx.Wiring:
    ends = (("A", "left", left), ("B", "right", right))
    return mx.Wiring(
        tuple(
            mx.Terminal(name, tuple(mx.Contact(side, carrier, law) for carrier, law in contacts))
            for name, side, contacts in ends
        )
    )


def _spectrum(model, wiring: mx.Wiring, f: np.ndarray, **mesh: object) -> np.ndarray:
    system = mx.build_system(model, wiring, area=AREA, mesh=mx.Mesh(resolve=f.max(), **mesh))
    return mx.impedance(mx.solve_steady(system), f).Z


@pytest.mark.parametrize("stern", [0.02, 0.4, None])
def test_stern_layers_and_leaky_contacts_of_a_charged_cell(stern: float | None) -> None:
    """Three carriers, one leaking through a resistance on the left and another reversible on the right."""
    length, eps, temperature, R = 37e-9, 4.4e-10, 305.0, 2.7e-6
    z, c, D = (1, -1, 2), (5.1, 9.3, 2.1), (3.1e-11, 2.2e-10, 0.9e-11)
    names = ("cation", "anion", "heavy")
    carriers = tuple(mx.CarrierIn(*row) for row in zip(names, z, c, D, strict=True))
    layer = mx.ChargedLayer("electrolyte", length, carriers, permittivity=eps)
    law = mx.Reversible() if stern is None else mx.Lumped(C=stern)
    wiring = _two_poles(
        [("potential", law), ("cation", mx.Lumped(R=R))], [("potential", law), ("anion", mx.Reversible())]
    )
    f = np.logspace(-2, 7, 10)
    left, right = FlatContact(stern, (1 / R, 0.0, 0.0)), FlatContact(stern, (0.0, np.inf, 0.0))
    exact = pnp.linear_pnp_impedance(2 * np.pi * f, z, c, D, eps, length, temperature, left, right) / AREA
    Z = _spectrum(mx.nernst_planck_poisson([layer], temperature=temperature), wiring, f)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


@pytest.mark.parametrize("phi", ["metal", "insulated"])
def test_dielectric_rail_of_a_mixed_conductor(phi: str) -> None:
    """Jamnik and Maier's third rail, from coefficients: electrons reversible, ions blocked by a double layer."""
    length, s_i, s_e, k_i, k_e, eps, C = 2.3e-7, 0.013, 0.41, 3.1e7, 0.9e7, 2.4e-8, 0.3
    layer = mx.ConductorLayer("film", length, s_i, s_e, capacitance_ion=k_i, capacitance_eon=k_e, permittivity=eps)
    contacts: list[tuple[str, object]] = [("ion", mx.Lumped(C=C)), ("electron", mx.Reversible())]
    if phi == "metal":
        contacts.append(("potential", mx.Reversible()))
    f = np.logspace(0, 8, 9)
    omega = 2 * np.pi * f
    contact = FlatContact(None if phi == "metal" else 0.0, (1j * omega * C, np.inf))
    exact = pnp.rails_impedance(omega, (s_i, s_e), (k_i, k_e), eps, length, contact, contact) / AREA
    Z = _spectrum(mx.mixed_conductor([layer]), _two_poles(contacts, contacts), f)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


@pytest.mark.parametrize("preset", ["battery", "ion_blocking", "electron_blocking", "both_rails_left", "symmetric"])
def test_cross_conductivity(preset: str) -> None:
    """Onsager cross conductivity adds the resistance rho_12 L to the path of the net current, and to nothing else."""
    s1, s2, s12, length, a_v = 0.043, 0.21, 0.061, 63e-6, 2.1e5
    interface = mx.Lumped(R=0.02, Q=0.3, alpha=0.83)
    layer = mx.CompositeLayer("electrode", length, s1, s2, interface, a_v, sigma_cross=s12)
    f = np.logspace(-2, 5, 8)
    configuration = dict(
        battery="ie", ion_blocking="ee", electron_blocking="ii", both_rails_left="ie_same", symmetric="both_both"
    )[preset]
    z1, z2, z12 = tlm.rail_resistances(s1, s2, AREA, s12)
    z_f = 1 / (AREA * a_v * (1 / 0.02 + 0.3 * (2j * np.pi * f) ** 0.83))
    exact = tlm.two_rail_impedance(z1, z2, z_f, length, configuration, z12)
    Z = _spectrum(mx.composite_electrode([layer]), mx.preset(preset), f)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("carrier", ["ion", "electron"])
def test_junction_between_layers(carrier: str, blocks: bool) -> None:
    """A Butler-Volmer junction with a double layer, at rest: its resistance V_T/i0 in parallel with C, for one
    carrier only; and one that nothing of the carrier crosses."""
    i0, C = 31.0, 0.04
    stack = [(41e-6, 0.021, 0.33), (23e-6, 0.052, 0.11)]
    R, Q, alpha, a_v = 0.017, 0.09, 0.88, 3e5
    layers = [
        mx.CompositeLayer(name, *row, mx.Lumped(R=R, Q=Q, alpha=alpha), a_v)
        for name, row in zip("ab", stack, strict=True)
    ]
    law = None if blocks else mx.ButlerVolmer(i0, thermal_voltage(298.15), 0.5, C)
    junction = mx.Junction(("a", "b"), carrier, law)
    f = np.logspace(-2, 6, 9)
    omega = 2 * np.pi * f
    z_f = 1 / (AREA * a_v * (1 / R + Q * (1j * omega) ** alpha))
    lines = [tlm.two_rail_admittance(1 / (s1 * AREA), 1 / (s2 * AREA), z_f, L) for L, s1, s2 in stack]
    z = np.inf if blocks else 1 / (AREA * (i0 / thermal_voltage(298.15) + 1j * omega * C))
    between = (z, 0.0) if carrier == "ion" else (0.0, z)
    contacts = [tlm.Contact(0, 0, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]
    exact = tlm.two_terminal(tlm.terminate(tlm.stack_admittance(lines, [between]), contacts))
    Z = _spectrum(mx.composite_electrode(layers, junctions=[junction]), mx.preset("battery"), f)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


def test_thermodynamic_factor_scales_the_chemical_capacitance_and_not_the_conductivity() -> None:
    """Electroneutral carriers with factors W: c_chem = (F/V_T) / sum W/(z^2 c), sigma = z^2 F c D / V_T, by
    statistics of three kinds."""
    temperature, length = 650.0, 91e-6
    v_t = thermal_voltage(temperature)
    c, D = (420.0, 130.0), (3e-11, 7e-10)
    sites, W, slope = 900.0, 1.8, 0.004
    ion = mx.CarrierIn("ion", 2, c[0], D[0], site_density=sites, thermodynamic_factor=W)
    electron = mx.CarrierIn("electron", -1, c[1], D[1], ln_gamma=lambda x: slope * x)
    factors = (W + c[0] / (sites - c[0]), 1 + slope * c[1])
    c_chem = FARADAY / v_t / (factors[0] / (4 * c[0]) + factors[1] / c[1])
    sigma = (4 * FARADAY * c[0] * D[0] / v_t, FARADAY * c[1] * D[1] / v_t)
    f = np.logspace(-4, 2, 7)
    z_f = 1 / (2j * np.pi * f * c_chem * AREA)
    exact = tlm.two_rail_impedance(1 / (sigma[0] * AREA), 1 / (sigma[1] * AREA), z_f, length, "ee")
    contacts: list[tuple[str, object]] = [("electron", mx.Reversible())]
    model = mx.mixed_conductor([mx.ChargedLayer("oxide", length, (ion, electron))], temperature=temperature)
    Z = _spectrum(model, _two_poles(contacts, contacts), f)
    assert np.max(np.abs(Z / exact - 1)) < 1e-3
