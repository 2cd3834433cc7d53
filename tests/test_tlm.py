"""Lines in closed form against worked figures and the matrix exponential at 60 digits; formulas often misprinted."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from golden import BY_CASE
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import OMEGA, TERMINALS, exact_network, formula, nodal, relative

from miecsim.circuit import diffusion, elements, mixed, tlm


def golden(case):
    figures = BY_CASE[case]
    z = figures["expected"].get("Z")
    expected = None if z is None else np.array(z["re"]) + 1j * np.array(z["im"])
    omega = 2 * np.pi * np.array(figures["params"].get("freq_hz", [1.0]))
    return figures["params"], omega, expected, 1e-12  # the figures have 12 digits; double precision has more


def composite(p, omega, area):
    """(z1, z2, z_f, L) of a composite electrode in the notation of the worked figures."""
    interface = elements.lumped(omega, R=p["R_ct"], Q=p["Q"], alpha=p["alpha"])
    return 1 / (p["sigma_ion"] * area), 1 / (p["sigma_eon"] * area), interface / (area * p["a_v"]), p["L"]


def lumped(omega, spec):
    if spec is None:
        return np.inf
    return elements.lumped(omega, **spec) if isinstance(spec, dict) else spec


# --- worked figures ---


def test_de_levie_pore():
    p, omega, expected, rtol = golden("P001")
    wall = elements.lumped(omega, R=p["R_ct"], C=p["C"])
    assert relative(tlm.de_levie(p["R_ion"], wall, 1.0), expected) < rtol
    assert relative(tlm.de_levie(p["R_ion"] / 3e-4, wall * 3e-4, 3e-4), expected) < rtol


@pytest.mark.parametrize("case", ["P002", "P003", "P004"])
def test_two_rail_line(case):
    p, omega, expected, rtol = golden(case)
    line = composite(p, omega, p["area"])
    assert relative(tlm.two_rail_impedance(*line, p["config"]), expected) < rtol
    assert relative(nodal(tlm.two_rail_admittance(*line), p["config"]), expected) < rtol


def test_impedances_at_all_rail_ends():
    p, omega, expected, rtol = golden("P005")
    end = {key: elements.lumped(omega, **p[key]) for key in ("ZiL", "ZeL", "ZiR", "ZeR", "XL", "XR")}
    contacts = [
        *((0, 0, "left", end["ZiL"]), (0, 1, "left", end["ZeL"])),
        *((1, 0, "right", end["ZiR"]), (1, 1, "right", end["ZeR"])),
    ]
    line = tlm.two_rail_admittance(*composite(p, omega, p["area"]))
    ports = tlm.terminate(line, contacts, [("left", end["XL"]), ("right", end["XR"])])
    assert relative(tlm.two_terminal(ports), expected) < rtol


def test_graded_electrode():
    p, omega, expected, rtol = golden("P006")
    layers = [tlm.two_rail_admittance(*composite(layer, omega, p["area"])) for layer in p["layers"]]
    assert relative(nodal(tlm.stack_admittance(layers), "ie"), expected) < rtol


def test_symmetric_mixed_conductor():
    p, omega, expected, rtol = golden("P007")
    m = mixed.mixed_conductor_parameters(p["z"], p["c"], p["D"], p["T"])
    ion, eon = (lumped(omega, spec) for spec in p["left"])
    z = mixed.symmetric_mixed_conductor(omega, m.sigma_ion, m.sigma_eon, m.c_chem, p["L"], p["area"], ion, eon)
    assert relative(z, expected) < rtol
    z1, z2, z12 = tlm.rail_resistances(m.sigma_ion, m.sigma_eon, p["area"])
    line = tlm.two_rail_admittance(z1, z2, 1 / (1j * omega * m.c_chem * p["area"]), p["L"], z12)
    contacts = [(0, 0, "left", ion), (0, 1, "left", eon), (1, 0, "right", ion), (1, 1, "right", eon)]
    assert relative(tlm.two_terminal(tlm.terminate(line, contacts)), expected) < rtol


def test_mixed_conductor_parameters():
    p, _, _, rtol = golden("P008")
    m = mixed.mixed_conductor_parameters(p["z"], p["c"], p["D"], p["T"])
    for name, value in BY_CASE["P008"]["expected"].items():
        assert getattr(m, name) == pytest.approx(value, rel=rtol)
    # the ambipolar diffusivity is set by the minority carrier: t_eon D_ion + t_ion D_eon
    t_ion = m.sigma_ion / (m.sigma_ion + m.sigma_eon)
    assert pytest.approx((1 - t_ion) * p["D"][0] + t_ion * p["D"][1], rel=1e-13) == m.D_chem


def test_finite_space_warburg():
    p, omega, expected, rtol = golden("P009")
    assert relative(diffusion.warburg_open(omega, p["R"], p["tau"]), expected) < rtol


def test_finite_volume_ladder():
    p, omega, expected, rtol = golden("P025")
    assert relative(nodal(tlm.ladder_admittance(*composite(p, omega, p["area"]), p["N"]), p["config"]), expected) < rtol


# --- against multiprecision ---


@settings(max_examples=150)
@given(st.floats(-8, 6), st.floats(-0.999, 0.999))
def test_hyperbolic_functions(exponent, angle):
    x = 10**exponent * np.exp(1j * angle * np.pi / 4)
    with mp.workdps(50):
        z = mp.mpc(complex(x))
        reference = {
            "tanh": mp.tanh(z),
            "coth": mp.coth(z),
            "csch": mp.csch(z),
            "x_coth_x": z * mp.coth(z),
            "x_csch_x": z * mp.csch(z),
            "coth_excess": z * mp.coth(z) - 1,
            "csch_deficit": 1 - z * mp.csch(z),
            "tanh_over_x": mp.tanh(z) / z,
        }
        for name, exact in reference.items():
            value = complex(getattr(elements, name)(x)[0])
            if abs(exact) > 1e-290:  # below, 1/sinh underflows to 0
                # the argument's own rounding moves 1/sinh x by |x| eps
                assert abs(mp.mpc(value) - exact) < abs(exact) * 3e-15 * max(1.0, abs(x) if "csch" in name else 1), name
            else:
                assert abs(value) < 1e-280


@settings(max_examples=100)
@given(st.floats(-6, 12), st.floats(-6, 6), st.floats(-8, 6), st.floats(-0.99, 0.99), st.floats(-7, 0))
def test_every_configuration_and_the_nodal_route(scale, ratio, size, angle, length):
    """Rails of 1e-6 to 1e18 ohm/m, z2/z1 and |L/lambda| over twelve and fourteen decades, any passive interface."""
    z1, length = 10**scale, 10**length
    z2 = z1 * 10**ratio
    z_f = (z1 + z2) * length**2 / (10**size * np.exp(0.25j * np.pi * angle)) ** 2
    admittance = tlm.two_rail_admittance(z1, z2, z_f, length)
    assert admittance.shape == (1, 4, 4)
    assert np.all(admittance == admittance.transpose(0, 2, 1))
    with mp.workdps(50):
        for configuration in tlm.CONFIGURATIONS:
            exact = complex(formula(z1, z2, z_f, length, configuration))
            z = tlm.two_rail_impedance(z1, z2, z_f, length, configuration)
            assert relative(z, exact) < 1e-13, configuration
            assert relative(nodal(admittance, configuration), exact) < 1e-13, configuration


def test_a_whole_spectrum_at_once_is_the_same():
    z_f = 1 / (0.3 / OMEGA + 1j * OMEGA * 2.0)
    line = (3.0e4, 7.0, z_f, 1e-3)
    for configuration in tlm.CONFIGURATIONS:
        z = tlm.two_rail_impedance(*line, configuration)
        assert z.shape == OMEGA.shape
        assert relative(nodal(tlm.two_rail_admittance(*line), configuration), z) < 1e-13
        one = [tlm.two_rail_impedance(3.0e4, 7.0, z_f[k], 1e-3, configuration)[0] for k in range(OMEGA.size)]
        assert relative(z, np.array(one)) < 1e-15


passive = st.builds(
    lambda size, angle: 10**size * np.exp(0.5j * np.pi * angle), st.floats(-3, 5), st.floats(-0.98, 0.0)
)
layer = st.tuples(st.floats(1, 5), st.floats(1, 5), st.floats(-4, 1.2), st.floats(-0.99, 0.0), st.floats(-5, -3))
contact = st.tuples(
    st.integers(0, 2), st.integers(0, 1), st.sampled_from(["left", "right"]), st.one_of(st.just(0.0), passive)
)


def as_line(drawn, cross):
    """(z1, z2, z12, z_f, L) with |L/lambda| = 10^size and a cross conductivity of `cross` times its bound."""
    ion, eon, size, angle, length = drawn
    sigma_ion, sigma_eon = 10.0**-ion, 10.0**-eon
    z1, z2, z12 = tlm.rail_resistances(sigma_ion, sigma_eon, 1.0, cross * np.sqrt(sigma_ion * sigma_eon))
    z_f = (z1 + z2) * 10 ** (2 * length - 2 * size) * np.exp(0.5j * np.pi * angle)
    return z1, z2, z12, z_f, 10**length


@settings(max_examples=30)
@given(st.data())
def test_random_stacks_and_terminations(data):
    """One to three layers, interfaces between them, up to three ports, links, cross conductivity: exp(A L) agrees."""
    layers = [as_line(d, 0.0) for d in data.draw(st.lists(layer, min_size=1, max_size=3))]
    contacts = data.draw(st.lists(contact, min_size=2, max_size=6, unique_by=lambda c: c[1:3]))
    contacts = [(0, *contacts[0][1:]), (1, *contacts[1][1:]), *contacts[2:]]
    n_ports = max(c[0] for c in contacts) + 1
    sides = data.draw(st.lists(st.sampled_from(["left", "right"]), unique=True))
    links = [(side, data.draw(passive)) for side in sides]
    interfaces = [(data.draw(passive), data.draw(passive)) for _ in layers[1:]]
    lines = [tlm.two_rail_admittance(z1, z2, z_f, length, z12) for z1, z2, z12, z_f, length in layers]
    ports = tlm.terminate(tlm.stack_admittance(lines, interfaces), contacts, links)
    assert ports.shape == (1, n_ports, n_ports)
    with mp.workdps(60):
        exact = exact_network(layers, contacts, links, n_ports, interfaces)
    assert relative(tlm.two_terminal(ports), exact) < 1e-12


@settings(max_examples=30)
@given(layer, layer, st.floats(-0.98, 0.98), st.lists(contact, min_size=2, max_size=4, unique_by=lambda c: c[1:3]))
def test_cross_conductivity(first, second, cross, contacts):
    """The common resistance, which keeps every leak, and z12 inside the layers give the exact result."""
    contacts = [(0, *contacts[0][1:]), (1, *contacts[1][1:]), *((c[0] % 2, *c[1:]) for c in contacts[2:])]
    layers = [as_line(first, cross), as_line(second, 0.0)]
    apart = tlm.stack_admittance([tlm.two_rail_admittance(z1, z2, zf, ln) for z1, z2, _, zf, ln in layers])
    inside = tlm.stack_admittance([tlm.two_rail_admittance(z1, z2, zf, ln, z12) for z1, z2, z12, zf, ln in layers])
    common = sum(z12 * length for _, _, z12, _, length in layers)
    with mp.workdps(60):
        exact = exact_network(layers, contacts, [], 2)
    assert relative(tlm.two_terminal(tlm.terminate(apart, contacts, common=common)), exact) < 1e-12
    assert relative(tlm.two_terminal(tlm.terminate(inside, contacts)), exact) < 1e-6


def test_cross_conductivity_adds_only_where_a_net_current_flows():
    z1, z2, z12 = tlm.rail_resistances(0.3, 0.2, 1e-4, 0.1)
    z_f, length = 1 / (1j * OMEGA * 1e2), 1e-4
    line = tlm.two_rail_admittance(z1, z2, z_f, length)
    for configuration in tlm.CONFIGURATIONS:
        plain = tlm.two_rail_impedance(z1, z2, z_f, length, configuration)
        shifted = tlm.two_rail_impedance(z1, z2, z_f, length, configuration, z12)
        assert relative(nodal(line, configuration, z12 * length), shifted) < 1e-13
        through = configuration not in ("ie_same", "ie_same_short", "ii_ee")
        assert relative(shifted, plain + (z12 * length if through else 0)) < 1e-14
    # all current through both rails meets 1/(sum of the conductivity matrix)
    both = tlm.two_rail_impedance(z1, z2, z_f, length, "both_both", z12)
    assert relative(both, length / ((0.3 + 0.2 + 2 * 0.1) * 1e-4)) < 1e-14


# --- formulas that circulate misprinted ---


def test_misprinted_formulas():
    """What circulates for the ion | electron line, and why it cannot be right."""
    z1, z2, length = 5e6, 2e6, 1e-4
    z_f = elements.lumped(np.array([2 * np.pi]), R=3e-3, Q=0.02, alpha=0.9)
    right = tlm.two_rail_impedance(z1, z2, z_f, length, "ie")
    with mp.workdps(60):
        exact = exact_network([(z1, z2, 0, z_f[0], length)], TERMINALS["ie"][0], [], 2)
    assert relative(right, exact) < 1e-13

    def printed(z1, z2, z_f, length):
        z_s, lam = z1 + z2, np.sqrt(z_f / (z1 + z2))
        x = length / lam
        return z1 * z2 / z_s * (length + 2 * lam / np.sinh(x)) + lam * (z1 * z2 / z_s) ** 2 / np.tanh(x)

    wrong = printed(z1, z2, z_f, length)
    assert np.abs(wrong / right - 1) > 1e4
    # another unit of length (mm) must not change ohms: z [ohm/mm], z_f [ohm mm]
    millimetre = (z1 * 1e-3, z2 * 1e-3, z_f * 1e3, length * 1e3)
    assert relative(tlm.two_rail_impedance(*millimetre, "ie"), right) < 1e-14
    assert np.abs(printed(*millimetre) / wrong - 1) > 0.9
    # a perfect electron rail: de Levie, not zero
    assert relative(tlm.two_rail_impedance(z1, 0.0, z_f, length, "ie"), tlm.de_levie(z1, z_f, length)) < 1e-14
    assert printed(z1, 0.0, z_f, length) == 0


def test_the_decay_length_follows_the_sum_of_the_rails():
    """lambda = sqrt(z_f/(z1 + z2)): read from `ii` of a long line, lambda = (Z - z_p L) z_s/(2 z1^2)."""
    for ratio in 10.0 ** np.arange(-3, 4):
        z1, z2 = 1.0, ratio
        with mp.workdps(60):
            exact = exact_network([(z1, z2, 0, 1.0, 40 / np.sqrt(1 + ratio))], TERMINALS["ii"][0], [], 2)
        length = 40 / np.sqrt(1 + ratio)
        lam = (exact - z1 * z2 / (z1 + z2) * length) * (z1 + z2) / (2 * z1**2)
        assert lam == pytest.approx((1 + ratio) ** -0.5, rel=1e-9)
