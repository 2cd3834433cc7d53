"""Porous electrodes and cells: spectra against closed forms, discharge, and what they have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit.particles import Particle, particle_impedance, porous_electrode
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, SingleIon
from miecsim.physics.elements import ButlerVolmer, Lumped, Reversible
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.system import System, build_system

T = 311.0
HOST = Host("oxide", 4.7e4, lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), 1.7e-14)
PARTICLES = ActiveParticles("p", HOST, 2.6e-6, 0.47, Kinetics(MassAction(1.6)), 0.38, double_layer=Lumped(C=0.15))
LAYER = PorousLayer("cathode", 63e-6, SingleIon(0.21), 0.41, 0.41**1.7, 3.1, (PARTICLES,))
WIRING = Wiring(
    (
        Terminal("A", (Contact("left", "ion", Reversible()),)),
        Terminal("B", (Contact("right", "electron", Reversible()),)),
    )
)
FREQUENCY = np.logspace(-4, 3, 22)


def electrode(cells: int, shells: int, **changes: object) -> System:
    particles = replace(PARTICLES, shells=shells, grading=20.0, **changes)  # type: ignore[arg-type]
    layer = replace(LAYER, particles=(particles,))
    return build_system(porous_cell([layer], temperature=T), WIRING, mesh=mx.Mesh(cells=cells, grading=6.0))


def closed_form(frequency: np.ndarray, **changes: object) -> np.ndarray:
    p = replace(PARTICLES, **changes)  # type: ignore[arg-type]
    i0 = float(np.real(p.kinetics.i0(np.ones(1), np.array([p.stoichiometry])))[0])
    film = {} if p.film is None else {"R_film": p.film.R, "C_film": p.film.C or 0.0}
    C_dl = 0.0 if p.double_layer is None else p.double_layer.C
    dU = -p.host.slope(p.stoichiometry) / p.host.c_max
    R_ct = thermal_voltage(T) / i0
    one = Particle(p.shape, p.radius, 1.7e-14, dU, R_ct=R_ct, C_dl=C_dl, **film)  # type: ignore[arg-type]
    kappa = LAYER.transport * 0.21
    return porous_electrode(2 * np.pi * frequency, kappa, 3.1, LAYER.thickness, 1.0, [(one, p.area_density)])


CHANGES = {
    "sphere": {},
    "cylinder": {"shape": "cylinder"},
    "planar": {"shape": "planar"},
    "film": {"film": Lumped(R=0.02, C=0.004)},
    "bare film": {"film": Lumped(R=0.02), "double_layer": None},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_meyers_electrode(changes: dict[str, object]) -> None:
    """Second order in both meshes towards the closed form of Meyers et al., where the finer resolves the skin of the
    particles (without a double layer the current of every frequency enters it)."""
    frequency = FREQUENCY if changes.get("double_layer", 1) else FREQUENCY[FREQUENCY < 10]
    exact = closed_form(frequency, **changes)
    errors = []
    for cells, shells in ((8, 12), (16, 24), (32, 48)):
        Z = impedance(rest_point(electrode(cells, shells, **changes)), frequency).Z
        errors.append(float(np.max(np.abs(Z / exact - 1))))
    assert errors[-1] < 2e-3
    assert 1.8 < np.log2(errors[0] / errors[-1]) / 2 < 2.3


def test_one_cell_is_the_single_particle() -> None:
    """Far better conductors than particles: the electrode is all its particles in parallel."""
    layer = replace(LAYER, electrolyte=SingleIon(1e5), sigma_eon=1e7)
    layer = replace(layer, particles=(replace(PARTICLES, shells=60, grading=20.0),))
    system = build_system(porous_cell([layer], temperature=T), WIRING, mesh=mx.Mesh(cells=1))
    i0 = float(np.real(PARTICLES.kinetics.i0(np.ones(1), np.array([0.38])))[0])
    one = Particle("sphere", 2.6e-6, 1.7e-14, -HOST.slope(0.38) / HOST.c_max, R_ct=thermal_voltage(T) / i0, C_dl=0.15)
    exact = particle_impedance(2 * np.pi * FREQUENCY, one) / (PARTICLES.area_density * LAYER.thickness)
    Z = impedance(rest_point(system), FREQUENCY).Z
    assert np.max(np.abs(Z / exact - 1)) < 1e-3


def test_rest_is_the_open_circuit_voltage() -> None:
    point = rest_point(electrode(5, 6))
    assert point.voltages[1] == pytest.approx(float(HOST.potential(np.array([0.38]))[0]), rel=1e-14)
    assert np.all(point.currents == 0)


def test_low_frequency_capacitance() -> None:
    """-1/(w Im Z) is the capacity -F c_max dx/dU of all particles as w -> 0 (and the double layer's)."""
    f = np.array([1e-8])
    Z = impedance(rest_point(electrode(12, 12)), f).Z
    C = -1 / (2 * np.pi * f * Z.imag)
    volume = 0.47 * LAYER.thickness
    want = -FARADAY * HOST.c_max / HOST.slope(0.38) * volume + 0.15 * PARTICLES.area_density * LAYER.thickness
    assert C[0] == pytest.approx(want, rel=1e-6)


def test_particles_out_of_equilibrium_are_refused() -> None:
    other = replace(PARTICLES, name="q", stoichiometry=0.5, volume_fraction=0.05)
    with pytest.raises(InputError, match="not in equilibrium with each other: p at 3.9.* V, q at"):
        replace(LAYER, particles=(PARTICLES, other))


def mixed(sigma_eon: float | None, contact: float | None) -> System:
    host = replace(HOST, self_diffusion=True, sigma_eon=sigma_eon)
    particles = replace(PARTICLES, host=host, contact_resistance=contact, shells=10, grading=5.0)
    layer = replace(LAYER, particles=(particles,))
    return build_system(porous_cell([layer], temperature=T), WIRING, mesh=mx.Mesh(cells=6))


def test_particles_are_mixed_conductors_of_which_meyers_is_a_limit() -> None:
    """Ionic and electronic rails in every particle: the particle of Meyers et al. is left, first order in 1/sigma_eon,
    as electrons become fast."""
    limit = impedance(rest_point(mixed(None, None)), FREQUENCY).Z
    errors = []
    for fast in (1.0, 1e2, 1e4):
        Z = impedance(rest_point(mixed(1e-2 * fast, 1e-7 / fast)), FREQUENCY).Z
        errors.append(float(np.max(np.abs(Z / limit - 1))))
    assert errors[0] > 1e-3
    assert errors[1] == pytest.approx(1e-2 * errors[0], rel=0.1)
    assert errors[2] == pytest.approx(1e-2 * errors[1], rel=0.1)


def test_slow_electrons_in_the_particle() -> None:
    """A slab that one rail crosses: with its surface fed by ions and electrons alike, the two-rail closed form of a
    mixed conductor is that of an ambipolar one, D_chem = sigma_ion sigma_eon/(sigma_ion + sigma_eon)/c_chem."""
    sigma_eon, x, c_max = 3e-6, 0.38, HOST.c_max
    host = replace(HOST, self_diffusion=True, sigma_eon=sigma_eon)
    particles = replace(PARTICLES, host=host, shape="planar", contact_resistance=1e-6, shells=200, grading=60.0)
    layer = replace(LAYER, particles=(particles,), electrolyte=SingleIon(1e5), sigma_eon=1e7)
    system = build_system(porous_cell([layer], temperature=T), WIRING, mesh=mx.Mesh(cells=1))
    v_t = thermal_voltage(T)
    c_chem = HOST.capacity_density(x)
    sigma_ion = FARADAY * c_max * x * (1 - x) * 1.7e-14 / v_t
    D = sigma_ion * sigma_eon / (sigma_ion + sigma_eon) / c_chem
    i0 = float(np.real(PARTICLES.kinetics.i0(np.ones(1), np.array([x])))[0])
    one = Particle("planar", PARTICLES.radius, D, -HOST.slope(x) / c_max)
    omega = 2 * np.pi * FREQUENCY
    # electrons and ions enter at one surface: the pair diffuses as one, and its resistances add to the kinetics
    faradaic = v_t / i0 + 1e-6 + particle_impedance(omega, one)
    exact = 1 / (1j * omega * 0.15 + 1 / faradaic) / (particles.area_density * LAYER.thickness)
    Z = impedance(rest_point(system), FREQUENCY).Z
    assert np.max(np.abs(Z / exact - 1)) < 2e-3


def lithium_symmetric(cells: int) -> System:
    salt = BinarySalt(930.0, lambda c: 1.2e-3 * c * np.exp(-c / 1500), 3.1e-10, 0.28, lambda c: 1 + c / 2000)
    law = ButlerVolmer(17.0, thermal_voltage(T), alpha=0.43)
    sides = (("A", "left"), ("B", "right"))
    wiring = Wiring(tuple(Terminal(name, (Contact(side, "ion", law),)) for name, side in sides))
    model = porous_cell([PorousLayer("separator", 43e-6, salt, 0.47, 0.47**1.6)], temperature=T)
    return build_system(model, wiring, mesh=mx.Mesh(cells=cells))


def test_limiting_current_of_a_salt() -> None:
    """2 F D_eff c/((1 - t) L), whatever kappa and the activities; the salt's inventory stays."""
    found = mx.limiting_current(lithium_symmetric(40), "A")
    assert isinstance(found, mx.Plateau)
    exact = 2 * FARADAY * 3.1e-10 * 0.47**1.6 * 930 / (0.72 * 43e-6)
    assert found.current == pytest.approx(exact, rel=1e-5)
    volume = found.point.system.nodes.volume
    assert found.point.u[2] @ volume / volume.sum() == pytest.approx(930.0, rel=1e-10)


def test_spectrum_at_bias_ends_in_the_slope() -> None:
    """Half-way to the limiting current, concentration-dependent kappa and activities."""
    system = lithium_symmetric(30)
    point = mx.solve_steady(system, {"A": 0.31})
    h = 2e-4
    slope = (
        mx.solve_steady(system, {"A": 0.31 + h}).currents[0] - mx.solve_steady(system, {"A": 0.31 - h}).currents[0]
    ) / (2 * h)
    far = (
        mx.solve_steady(system, {"A": 0.31 + 2 * h}).currents[0]
        - mx.solve_steady(system, {"A": 0.31 - 2 * h}).currents[0]
    ) / (4 * h)
    Z = impedance(point, np.array([1e-9])).Z[0]
    assert Z.real == pytest.approx(1 / ((4 * slope - far) / 3), rel=1e-7)


TWO_PHASE = Host("two-phase", 2.3e4, lambda x: 3.4 + 0.02 * np.log((1 - x) / x) + 0.09 * (x - 0.5), 4e-15)


def test_a_host_between_its_spinodals_has_a_negative_capacity() -> None:
    """U that rises with x: the capacity at low frequency is negative, of the size of F c_max dx/dU."""
    assert TWO_PHASE.slope(0.5) > 0 > TWO_PHASE.slope(0.1)
    f = np.array([1e-8])
    Z = impedance(rest_point(electrode(6, 8, host=TWO_PHASE, stoichiometry=0.5)), f).Z
    volume = 0.47 * LAYER.thickness
    want = TWO_PHASE.capacity_density(0.5) * volume + 0.15 * PARTICLES.area_density * LAYER.thickness
    assert want < 0
    assert (-1 / (2 * np.pi * f * Z.imag))[0] == pytest.approx(want, rel=1e-6)
    with pytest.raises(InputError, match="would separate into two phases"):
        replace(PARTICLES, host=replace(TWO_PHASE, self_diffusion=True), stoichiometry=0.5)


def test_a_discharge_through_two_phases() -> None:
    """Fick's law crosses the loop of U: ions are conserved, and the composition ends where the charge says."""
    system = electrode(5, 8, host=TWO_PHASE, stoichiometry=0.1)
    rest = rest_point(system)
    amperes, t = -4.0, 6000.0
    controls = {"B": mx.current(amperes), "A": mx.voltage(0.0)}
    trace = mx.solve_transient(rest, [mx.Step("d", controls, t)])
    shells = system.nodes.trees[0].shells.ravel()
    volume = system.nodes.volume[shells]
    mean = trace.state[-1][system.laws.state_map.row("lithium"), shells] @ volume / volume.sum()
    gained = -amperes * t / (FARADAY * TWO_PHASE.c_max * 0.47 * LAYER.thickness)
    assert mean / TWO_PHASE.c_max == pytest.approx(0.1 + gained, rel=1e-4)  # the double layers took some of it
    assert 0.3 < gained
    assert trace.conservation < 1e-10


def test_a_plateau_rests_and_answers() -> None:
    """U that is level: nothing but the transport of ions and the reaction at low frequency, no capacity in the way."""
    flat = electrode(5, 6, host=Host("plateau", 2.3e4, 3.42, 4e-15), stoichiometry=0.5)
    point = rest_point(flat)
    assert point.voltages[1] == pytest.approx(3.42)
    Z = impedance(point, np.array([1e-9])).Z[0]
    assert abs(Z.imag) < 1e-6 * Z.real
