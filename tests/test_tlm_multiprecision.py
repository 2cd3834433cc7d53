"""Lines, ladders and diffusion elements at 50 digits over twelve decades of each parameter; nothing may warn.

NumPy raises on every overflow, underflow, division by zero and invalid operation while a closed form is evaluated.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
from hypothesis import strategies as st
from lines import TERMINALS, close, decades, effort, formula, hold, modal_network, nodal, passive, precise, terminated

from miecsim.circuit import diffusion, mixed, pnp, tlm
from miecsim.constants import FARADAY, GAS_CONSTANT

STRICT = {"all": "raise"}
side = st.sampled_from(["left", "right"])
contact = st.tuples(st.integers(0, 2), st.integers(0, 1), side, st.one_of(st.just(0.0), passive))
layer = st.tuples(decades, decades, passive, decades)


# --- two rails ------------------------------------------------------------------------------------


@effort(25)
def test_every_configuration(examples):
    def check(z1, z2, z_f, length):
        with np.errstate(**STRICT):
            found = {name: tlm.two_rail_impedance(z1, z2, z_f, length, name) for name in tlm.CONFIGURATIONS}
            line = tlm.two_rail_admittance(z1, z2, z_f, length)
            network = {name: nodal(line, name) for name in tlm.CONFIGURATIONS}
        with mp.workdps(50):
            for name in tlm.CONFIGURATIONS:
                exact = formula(z1, z2, z_f, length, name)
                close(found[name], exact, 1e-13)
                close(network[name], exact, 1e-12)

    hold(check, examples, z1=decades, z2=decades, z_f=passive, length=decades)


@effort(40)
def test_de_levie(examples):
    def check(r, z_wall, length, end):
        with np.errstate(**STRICT):
            closed, opened = tlm.de_levie(r, z_wall, length), tlm.de_levie(r, z_wall, length, end)
        with mp.workdps(50):
            r, z, length, z_e = precise(r, z_wall, length, end)
            z_c, x = mp.sqrt(r * z), length * mp.sqrt(r / z)
            close(closed, z_c * mp.coth(x), 1e-13)
            close(opened, z_c * (z_e + z_c * mp.tanh(x)) / (z_c + z_e * mp.tanh(x)), 1e-12)

    hold(check, examples, r=decades, z_wall=passive, length=decades, end=passive)


@effort(12)
def test_stacks_and_terminations(examples):
    """One to three layers, interfaces, links, up to three ports, impedances at all rail ends."""

    def check(data):
        layers = data.draw(st.lists(layer, min_size=1, max_size=3))
        contacts = data.draw(st.lists(contact, min_size=2, max_size=6, unique_by=lambda c: c[1:3]))
        contacts = [(0, *contacts[0][1:]), (1, *contacts[1][1:]), *contacts[2:]]
        links = [(at, data.draw(passive)) for at in data.draw(st.lists(side, unique=True))]
        interfaces = [(data.draw(passive), data.draw(passive)) for _ in layers[1:]]
        with np.errstate(**STRICT):
            stack = tlm.stack_admittance([tlm.two_rail_admittance(*values) for values in layers], interfaces)
            found = tlm.two_terminal(tlm.terminate(stack, contacts, links))
        with mp.workdps(120):
            full = [(z1, z2, 0, z_f, length) for z1, z2, z_f, length in layers]
            exact = modal_network(full, contacts, links, max(c[0] for c in contacts) + 1, interfaces)
            close(found, exact)

    hold(check, examples, data=st.data())


@effort(15)
def test_cross_conductivity(examples):
    def check(ion, eon, share, z_f, length, contacts):
        contacts = [(0, *contacts[0][1:]), (1, *contacts[1][1:]), *((c[0] % 2, *c[1:]) for c in contacts[2:])]
        with np.errstate(**STRICT):
            z1, z2, z12 = tlm.rail_resistances(ion, eon, 1.0, share * np.sqrt(ion * eon))
            line = tlm.two_rail_admittance(z1, z2, z_f, length)
            found = tlm.two_terminal(tlm.terminate(line, contacts, common=z12 * length))
            named = {name: tlm.two_rail_impedance(z1, z2, z_f, length, name, z12) for name in tlm.CONFIGURATIONS}
        with mp.workdps(120):
            close(found, modal_network([(z1, z2, z12, z_f, length)], contacts, [], 2))
            for name in tlm.CONFIGURATIONS:
                through = name not in ("ie_same", "ie_same_short", "ii_ee")
                own = mp.mpf(float(z12)) * mp.mpf(length) if through else 0
                close(named[name], formula(z1, z2, z_f, length, name) + own)

    contacts = st.lists(contact, min_size=2, max_size=4, unique_by=lambda c: c[1:3])
    # a cross term that would nearly cancel the rails cancels digits too: the matrix is then singular
    share = st.integers(-9, 9).map(lambda tenths: tenths / 10)
    hold(check, examples, ion=decades, eon=decades, share=share, z_f=passive, length=decades, contacts=contacts)


# --- ladders --------------------------------------------------------------------------------------


def chain(z1, z2, z_f, length, n, centred):
    """Carries (Phi_1, Phi_2, i_1, i_2) through n cells of series resistances and shunts, one after the other."""
    z1, z2, z_f, length = (mp.mpmathify(complex(value)) for value in (z1, z2, z_f, length))
    h = length / n

    def series(share):
        step = mp.eye(4)
        step[0, 2], step[1, 3] = -z1 * h * share, -z2 * h * share
        return step

    def shunt(share):
        step, y = mp.eye(4), h * share / z_f
        step[2, 0], step[2, 1], step[3, 0], step[3, 1] = -y, y, y, -y
        return step

    half = mp.mpf(1) / 2
    cell = series(half) * shunt(1) * series(half) if centred == "cell" else shunt(half) * series(1) * shunt(half)
    return cell**n


@effort(12)
def test_ladders(examples):
    def check(z1, z2, z_f, length, n, centred):
        with np.errstate(**STRICT):
            line = tlm.ladder_admittance(z1, z2, z_f, length, n, centred=centred)
            network = {name: nodal(line, name) for name in tlm.CONFIGURATIONS}
            found = {
                name: tlm.ladder_impedance(z1, z2, z_f, length, n, name, centred=centred) for name in tlm.CONFIGURATIONS
            }
        with mp.workdps(60 + int(n * 26 + 40)):
            transfer = chain(z1, z2, z_f, length, n, centred)
            for name, (contacts, links) in TERMINALS.items():
                exact = terminated(transfer, contacts, links, 2)
                close(found[name], exact)
                close(network[name], exact)

    n, centred = st.sampled_from([1, 2, 3, 7]), st.sampled_from(["cell", "vertex"])
    hold(check, examples, z1=decades, z2=decades, z_f=passive, length=decades, n=n, centred=centred)


# --- mixed conductors and diffusion elements ------------------------------------------------------


@effort(15)
def test_mixed_conductors(examples):
    """Contacts of their own on either side; equal ones also by the two-terminal formula."""

    def check(ion, eon, c_chem, length, area, omega, contacts):
        left, right = contacts[:2], contacts[2:]
        given = (np.array([omega]), ion, eon, c_chem, length, area)
        with np.errstate(**STRICT):
            found = mixed.mixed_conductor_impedance(*given, left, right)
            twin = mixed.mixed_conductor_impedance(*given, left, left)
            symmetric = mixed.symmetric_mixed_conductor(*given, *left)
        with mp.workdps(120):
            s1, s2, c, a, w = precise(ion, eon, c_chem, area, omega)
            line = (1 / (s1 * a), 1 / (s2 * a), 0, 1 / (mp.mpc(0, 1) * w * c * a), length)
            for value, far in ((found, right), (twin, left), (symmetric, left)):
                joins = [(0, 0, "left", left[0]), (0, 1, "left", left[1])]
                joins += [(1, 0, "right", far[0]), (1, 1, "right", far[1])]
                close(value, modal_network([line], joins, [], 2))

    hold(
        check,
        examples,
        **dict.fromkeys(("ion", "eon", "c_chem", "length", "area", "omega"), decades),
        contacts=st.tuples(passive, passive, passive, passive),
    )


@effort(30)
def test_films_on_a_blocking_substrate(examples):
    """The printed form; see `film_on_blocking_substrate`."""

    def check(omega, r_0, r_i, c_i, c_e, r_s, c_s):
        with np.errstate(**STRICT):
            found = mixed.film_on_blocking_substrate(np.array([omega]), r_0, r_i, c_i, c_e, r_s, c_s)
        with mp.workdps(50):
            w, r_0, r_i, c_i, c_e, r_s, c_s = precise(omega, r_0, r_i, c_i, c_e, r_s, c_s)
            s = mp.mpc(0, w)
            a, z_d, z_a = mp.sqrt(s * r_i * c_i), 1 / (s * c_e), r_s / (1 + s * r_s * c_s)
            t = mp.tanh(a)
            inner = (r_i * z_d * t + z_d * z_a * a) / ((r_i + z_a * z_d * a**2 / r_i) * t + (z_a + z_d) * a)
            close(found, r_0 + inner, 1e-13)

    hold(check, examples, **dict.fromkeys(("omega", "r_0", "r_i", "c_i", "c_e", "r_s", "c_s"), decades))


@effort(20)
def test_blocking_plates_with_a_dielectric(examples):
    """Equal diffusivities: Macdonald's formula, and the dielectric rail beside two rails; 1e-3 to 1e5 Debye lengths."""

    def check(omega, c, D, eps, size):
        w, charges, eps = np.array([omega]), (1, -1), 1e-12 * eps
        length = 10.0**size * pnp.debye_length(charges, (c, c), eps, 298.15)
        with np.errstate(**STRICT):
            closed = pnp.macdonald_impedance(w, charges, (c, c), D, eps, length, 298.15)
            kappa = FARADAY**2 * c / (GAS_CONSTANT * 298.15)
            ends = (np.inf, np.inf)
            rails = mixed.dielectric_mixed_conductor(w, (kappa * D,) * 2, (kappa,) * 2, eps, length, 1.0, ends, ends)
        with mp.workdps(50):
            w, c, D, eps, ln, temperature = precise(omega, c, D, eps, length, 298.15)
            screening = 2 * c * mp.mpf(FARADAY) ** 2 / (eps * mp.mpf(GAS_CONSTANT) * temperature)
            jw = mp.mpc(0, w)
            b = mp.sqrt(screening + jw / D)
            exact = 2 / (jw * eps * b**2) * (screening * mp.tanh(b * ln / 2) / b + jw * ln / (2 * D))
            close(closed, exact)
            close(rails, exact)

    names = ("omega", "c", "D", "eps")
    hold(check, examples, **dict.fromkeys(names, decades), size=st.floats(-3.0, 5.0))


@effort(40)
def test_diffusion_elements(examples):
    def check(omega, R, tau):
        w = np.array([omega])
        with np.errstate(**STRICT):
            short, opened = diffusion.warburg_short(w, R, tau), diffusion.warburg_open(w, R, tau)
            infinite, reacting = diffusion.warburg_infinite(w, R), diffusion.gerischer(w, R, tau)
        with mp.workdps(50):
            w, R, tau = precise(omega, R, tau)
            s = mp.sqrt(mp.mpc(0, w * tau))
            low = R * mp.coth(s) / s
            close(short, R * mp.tanh(s) / s, 1e-14)
            close(opened, low, 1e-14)
            close(opened.real, low.real, 1e-12)  # the resistance, however small beside the capacitance
            close(infinite, R / mp.sqrt(mp.mpc(0, w)), 1e-14)
            close(reacting, R / mp.sqrt(1 + mp.mpc(0, w * tau)), 1e-14)

    hold(check, examples, omega=decades, R=decades, tau=decades)


def test_relaxations_of_a_warburg_element():
    """Pole by pole, with the sum of all resistances; what is left out falls as the cube of the number at finite w."""
    R, tau, omega = 3.7, 0.21, np.array([0.4, 19.0, 260.0])
    exact = diffusion.warburg_short(omega, R, tau)
    errors = []
    for count in (50, 100):
        r, t = diffusion.warburg_short_poles(R, tau, count)
        assert np.all(np.diff(t) < 0) and R - r.sum() < 2 * R / (np.pi**2 * count)
        z = (r / (1 + 1j * omega[:, None] * t)).sum(axis=1) + (R - r.sum())
        errors.append(np.abs(z - exact))
    assert np.all(errors[1] < 1e-4)
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 3.0, atol=0.03)
