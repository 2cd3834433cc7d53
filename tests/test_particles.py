"""Insertion particles and electrodes of them: worked figures, 50 digits over twelve decades, and limits."""

from __future__ import annotations

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from golden_closed import BY_CASE
from hypothesis import strategies as st
from lines import close, decades, effort, formula, hold, precise, relative

from miecsim.circuit import elements, particles, tlm
from miecsim.circuit.particles import Particle
from miecsim.constants import FARADAY
from miecsim.errors import InputError

STRICT = {"all": "raise"}
SHAPES = ("planar", "cylinder", "sphere")
ALLOY = Particle("sphere", 0.7e-6, 3e-15, 4e-5, 2e-3, 0.15, 4e-4, 2e-3)


def golden(case):
    figures = BY_CASE[case]
    p, z = figures["params"], figures["expected"]["Z"]
    return p, 2 * np.pi * np.array(p["freq_hz"]), np.array(z["re"]) + 1j * np.array(z["im"]), figures["rtol"]


def particle(p, shape="sphere"):
    return Particle(shape, p["a"], p["D"], p["dUdc"], p["R_ct"], p["C_dl"], p["R_film"], p["C_film"])


def parts_agree(z, expected, rtol):
    np.testing.assert_allclose(z.real, expected.real, rtol=rtol)
    np.testing.assert_allclose(z.imag, expected.imag, rtol=rtol)


# --- worked figures ---


def test_particle():
    p, omega, expected, rtol = golden("P015")
    parts_agree(particles.particle_impedance(omega, particle(p, p["shape"])), expected, rtol)


def test_porous_electrode():
    p, omega, expected, rtol = golden("P016")
    populations = [(particle(one), one["a_v"]) for one in p["particles"]]
    z = particles.porous_electrode(omega, p["kappa_eff"], p["sigma_eff"], p["L"], p["area"], populations, p["config"])
    parts_agree(z, expected, rtol)


# --- multiprecision ---


def exact_shape(shape, s):
    if shape == "planar":
        return mp.coth(s) / s
    if shape == "sphere":
        return mp.tanh(s) / (s - mp.tanh(s))
    if abs(s) > 2000:  # Hankel's expansions, whose first terms are exact here to 50 digits' worth of the test
        return _hankel(0, s) / (s * _hankel(1, s))
    return mp.besseli(0, s) / (s * mp.besseli(1, s))


def _hankel(order, s):
    total, term = mp.mpf(1), mp.mpf(1)
    for k in range(1, 12):
        term *= -(mp.mpf(4 * order**2) - (2 * k - 1) ** 2) / (k * 8 * s)
        total += term
    return total


def test_both_references_of_the_cylinder_agree():
    with mp.workdps(50):
        s = mp.sqrt(mp.mpc(0, 2100.0**2))
        value = mp.besseli(0, s) / (s * mp.besseli(1, s))
        assert abs(exact_shape("cylinder", s) - value) < 1e-30 * abs(value)


@effort(60)
def test_diffusion_in_every_shape(examples):
    """Real part as well: the resistance that hides behind the capacitance at low frequency."""

    def check(omega, tau, shape):
        with np.errstate(**STRICT):
            found = particles.diffusion_shape(np.array([omega]), shape, tau)
        with mp.workdps(60):
            w, t = precise(omega, tau)
            exact = exact_shape(shape, mp.sqrt(mp.mpc(0, w * t)))
            close(found, exact, 3e-15)
            close(found.real, exact.real, 1e-13)
            close(found.imag, exact.imag, 1e-13)

    hold(check, examples, omega=decades, tau=decades, shape=st.sampled_from(SHAPES))


def exact_particle(w, p):
    a, d, slope, r_ct, c_dl, r_f, c_f = precise(p.radius, p.diffusivity, p.dU_dc, p.R_ct, p.C_dl, p.R_film, p.C_film)
    jw = mp.mpc(0, w)
    z_d = slope * a / (mp.mpf(FARADAY) * d) * exact_shape(p.shape, a * mp.sqrt(jw / d))
    return r_f / (1 + jw * r_f * c_f) + 1 / (jw * c_dl + 1 / (r_ct + z_d))


random_particle = st.builds(Particle, st.sampled_from(SHAPES), *[decades] * 7)


@effort(30)
def test_particles_and_electrodes(examples):
    def check(omega, one, two, shares, kappa, sigma, length, area):
        populations, w = [(one, shares[0]), (two, shares[1])], np.array([omega])
        with np.errstate(**STRICT):
            surface = particles.particle_impedance(w, one)
            electrodes = {
                name: particles.porous_electrode(w, kappa, sigma, length, area, populations, name)
                for name in tlm.CONFIGURATIONS
            }
        with mp.workdps(60):
            w, k, s, a = precise(omega, kappa, sigma, area)
            close(surface, exact_particle(w, one))
            leak = sum(mp.mpf(a_v) / exact_particle(w, p) for p, a_v in populations)
            for name, z in electrodes.items():
                close(z, formula(1 / (k * a), 1 / (s * a), 1 / (a * leak), length, name))

    names = ("omega", "kappa", "sigma", "length", "area")
    shares = st.tuples(decades, decades)
    hold(check, examples, one=random_particle, two=random_particle, shares=shares, **dict.fromkeys(names, decades))


# --- limits ---


@pytest.mark.parametrize(("shape", "faces", "resistance"), [("planar", 1, 3), ("cylinder", 2, 4), ("sphere", 3, 5)])
def test_low_frequency(shape, faces, resistance):
    """Z_D = U' a/(r F D) + n U'/(j w F a); with everything around it, R_ct in series and the film beside."""
    p = replace(ALLOY, shape=shape, C_dl=0.0)
    omega = np.array([1e-7])
    z = particles.particle_impedance(omega, p)[0]
    z_d = p.dU_dc * p.radius / (resistance * FARADAY * p.diffusivity)
    assert z.real == pytest.approx(p.R_film + p.R_ct + z_d, rel=1e-7)
    assert z.imag == pytest.approx(-faces * p.dU_dc / (omega[0] * FARADAY * p.radius), rel=1e-7)
    assert np.isinf(particles.particle_impedance(np.array([0.0]), p)[0])
    fast = particles.particle_impedance(np.array([1e13]), replace(ALLOY, shape=shape))[0]
    assert fast == pytest.approx(1 / (1e13j * ALLOY.C_dl) + 1 / (1e13j * ALLOY.C_film), rel=1e-6)
    assert np.all(np.isinf(particles.porous_electrode(np.array([0.0]), 0.1, 1.0, 1e-4, 1e-4, [(p, 1e6)])))


def test_a_thick_enough_particle_is_flat():
    """Far above its diffusion frequency every shape is a semi-infinite plane."""
    omega = 1e14 / (ALLOY.radius**2 / ALLOY.diffusivity) * np.array([1.0])
    values = [particles.diffusion_shape(omega, shape, ALLOY.radius**2 / ALLOY.diffusivity)[0] for shape in SHAPES]
    np.testing.assert_allclose(values, values[0], rtol=2e-7)


def test_lognormal_sizes():
    spread, volume = 0.42, 0.55
    classes = particles.lognormal_particles(ALLOY, spread, volume)
    total = sum(a_v for _, a_v in classes)
    assert total == pytest.approx(3 * volume * np.exp(spread**2 / 2) / ALLOY.radius, rel=1e-12)
    assert sum(a_v * p.radius / 3 for p, a_v in classes) == pytest.approx(volume, rel=1e-13)
    mean = sum(a_v * p.radius**2 / 3 for p, a_v in classes) / volume
    assert mean == pytest.approx(ALLOY.radius * np.exp(spread**2 / 2), rel=1e-12)
    # the spectrum by quadrature over the distribution itself
    omega = 2 * np.pi * np.logspace(-5, 4, 10)
    x = np.linspace(-9, 9, 1801)
    density = volume * np.exp(-x * x / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
    radii = ALLOY.radius * np.exp(spread * x)
    admittance = sum(
        3 * share / a / particles.particle_impedance(omega, replace(ALLOY, radius=float(a)))
        for share, a in zip(density, radii, strict=True)
    )
    wall = particles.particle_wall(omega, particles.lognormal_particles(ALLOY, spread, volume, 40), 2e-4)
    assert relative(wall, 1 / (2e-4 * admittance)) < 1e-7
    assert relative(particles.particle_wall(omega, classes, 2e-4), 1 / (2e-4 * admittance)) < 2e-3


def test_one_kind_of_particle_on_a_perfect_conductor_is_a_pore():
    omega = 2 * np.pi * np.logspace(-4, 5, 19)
    wall = particles.particle_impedance(omega, ALLOY) / (1e-4 * 8e5)
    z = particles.porous_electrode(omega, 0.3, 1e30, 7e-5, 1e-4, [(ALLOY, 8e5)])
    assert relative(z, tlm.de_levie(1 / (0.3 * 1e-4), wall, 7e-5)) < 1e-13
    # a particle without film and double layer, transfer alone
    bare = Particle("planar", 1e-6, 1e-14, 2e-5, R_ct=3e-3)
    z = particles.particle_impedance(omega, bare)
    unit = bare.dU_dc * bare.radius / (FARADAY * bare.diffusivity)
    s = np.sqrt(1j * omega * bare.radius**2 / bare.diffusivity)
    assert relative(z, 3e-3 + unit * elements.coth(s) / s) < 1e-14


def test_what_is_refused():
    for change, message in (
        ({"shape": "cube"}, "shape 'cube'"),
        ({"radius": 0.0}, "must be positive"),
        ({"R_ct": -1.0}, "R_ct is -1.0"),
        ({"C_film": np.nan}, "C_film is nan"),
    ):
        with pytest.raises(InputError, match=message):
            replace(ALLOY, **change)
    with pytest.raises(InputError, match="shape 'cube'"):
        particles.diffusion_shape(np.array([1.0]), "cube", 1.0)
    with pytest.raises(InputError, match="at least one class"):
        particles.particle_wall(np.array([1.0]), [], 1.0)
    with pytest.raises(InputError, match="spread > 0"):
        particles.lognormal_particles(ALLOY, 0.0, 0.5)
