"""Operating points away from rest: conserved ions, and the spectrum about a non-uniform state."""

from __future__ import annotations

import numpy as np
import pytest
from golden import BY_CASE

import miecsim as mx
from miecsim.constants import FARADAY


def _blocking_cell(**mesh: object) -> tuple[mx.System, dict]:
    p = BY_CASE["P014"]["params"]
    cation = mx.CarrierIn("cation", p["z"], p["c0"], p["D_plus"])
    carriers = (cation, mx.CarrierIn("anion", -p["z"], p["c0"], p["D_minus"]))
    layer = mx.ChargedLayer("electrolyte", p["L"], carriers, p["eps"], 0.0)
    model = mx.nernst_planck_poisson([layer], temperature=p["T"])
    grid = mx.Mesh(resolve=max(p["freq_hz"]), **mesh)
    return mx.build_system(model, mx.metal_plates(), area=p["area"], mesh=grid), p


@pytest.mark.parametrize("method", ["plain", "compiled", "sparse"])
def test_spectrum_about_a_biased_state_with_conserved_ions(method: str) -> None:
    """P014: a seven-digit spectral solution of the linearised equations about Poisson-Boltzmann with a fixed number
    of ions."""
    system, p = _blocking_cell()
    expected = BY_CASE["P014"]["expected"]["Z"]
    reference = np.array(expected["re"]) + 1j * np.array(expected["im"])
    Z = mx.impedance(mx.solve_steady(system, {"A": p["V"]}), np.array(p["freq_hz"]), method=method).Z
    assert np.max(np.abs(Z / reference - 1)) < 1e-3  # suggested for a discretised solution: 5e-3


@pytest.mark.parametrize("voltage", [0.1, 0.5, 2.0])
def test_blocked_ions_keep_their_number(voltage: float) -> None:
    system, p = _blocking_cell()
    point = mx.solve_steady(system, {"A": voltage})
    volume = system.nodes.volume
    for k in (0, 1):
        assert (point.u[k] * volume).sum() == pytest.approx(p["c0"] * volume.sum(), rel=1e-12)
        assert point.u[k].min() > 0
    assert np.all(np.abs(point.currents) < 1e-20)


def test_limiting_current_of_a_binary_electrolyte() -> None:
    """Electroneutral 1:1 salt, anions blocked, cations reversible: i = i_lim tanh(F V / 4 R T), i_lim = 4 F D c0 /
    L."""
    length, c0, D, temperature = 23e-6, 830.0, 2.3e-10, 313.0
    carriers = (mx.CarrierIn("cation", 1, c0, D), mx.CarrierIn("anion", -1, c0, 3.1 * D))
    model = mx.mixed_conductor([mx.ChargedLayer("electrolyte", length, carriers)], temperature=temperature)
    wiring = mx.Wiring(
        tuple(
            mx.Terminal(name, (mx.Contact(side, "cation", mx.Reversible()),))
            for name, side in (("A", "left"), ("B", "right"))
        )
    )
    system = mx.build_system(model, wiring, mesh=mx.Mesh(cells=200, grading=50.0))
    v_t = system.laws.state_map.thermal_voltage
    limit = 4 * FARADAY * D * c0 / length
    for x in (0.5, 3.0, 12.0):
        point = mx.solve_steady(system, {"A": x * v_t})
        assert point.currents[0] == pytest.approx(limit * np.tanh(x / 4), rel=1e-3)


def test_uniform_field_flux_is_exact_on_any_mesh() -> None:
    """Goldman-Hodgkin-Katz: Scharfetter-Gummel reproduces the flux in a uniform field exactly, whatever the mesh."""
    length, D, temperature, u = 17e-9, 3e-10, 300.0, 3.7
    # a trace carrier in the field of two plates: its own space charge is nothing against the permittivity
    layer = mx.ChargedLayer("film", length, (mx.CarrierIn("ion", 1, 1e-9, D),), permittivity=1e-9, fixed_charge=0.0)
    contacts = [mx.Contact("left", "ion", mx.Reversible()), mx.Contact("left", "potential", mx.Reversible())]
    right = [mx.Contact("right", c.carrier, c.law) for c in contacts]
    wiring = mx.Wiring((mx.Terminal("A", tuple(contacts)), mx.Terminal("B", tuple(right))))
    for cells, grading in ((3, 1.0), (11, 40.0)):
        model = mx.nernst_planck_poisson([layer], temperature=temperature)
        system = mx.build_system(model, wiring, mesh=mx.Mesh(cells=cells, grading=grading))
        v_t = system.laws.state_map.thermal_voltage
        point = mx.solve_steady(system, {"A": u * v_t})
        # both contacts hold the concentration at its reference: N = D u c / L
        assert point.currents[0] == pytest.approx(FARADAY * D * u * 1e-9 / length, rel=1e-9)


def test_unreachable_state_is_told_with_what_was_reached() -> None:
    """Voltages far beyond what can be represented end in one line, not in numbers."""
    system, _ = _blocking_cell(cells=20)
    with pytest.raises(mx.SolveError, match="continuation reached"):
        mx.solve_steady(system, {"A": 1e9})
