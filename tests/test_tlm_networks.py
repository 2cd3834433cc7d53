"""Networks of lines: stacks, absent rails, ports, ladders; and the limits that every formula must meet."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from lines import OMEGA, nodal, relative

from miecsim.circuit import diffusion, elements, mixed, tlm
from miecsim.errors import InputError

# --- absent rails, interfaces, ports --------------------------------------------------------------


def test_a_separator_adds_its_ionic_resistance_and_nothing_else():
    electrode = (2e4, 5e2, 1 / (1j * OMEGA * 3.0), 1e-4)
    separator = tlm.two_rail_admittance(4e3, np.inf, np.inf, 2e-5)
    stack = tlm.stack_admittance([separator, separator, tlm.two_rail_admittance(*electrode)])
    assert relative(nodal(stack, "ie"), 2 * 4e3 * 2e-5 + tlm.two_rail_impedance(*electrode, "ie")) < 1e-13
    # the electronic conductor on the right, the ions' end behind it blocked
    collector = tlm.two_rail_admittance(np.inf, 30.0, np.inf, 1e-3)
    full = tlm.stack_admittance([stack, collector])
    expected = 2 * 4e3 * 2e-5 + tlm.two_rail_impedance(*electrode, "ie") + 30.0 * 1e-3
    assert relative(nodal(full, "ie"), expected) < 1e-13
    assert np.all(np.isinf(nodal(full, "ee"))) and np.all(np.isinf(nodal(full, "ii")))


def test_interfaces_between_layers():
    z_f = 1 / (1j * OMEGA * 3.0)
    layer = tlm.two_rail_admittance(2e4, 5e2, z_f, 1e-4)
    whole = tlm.two_rail_admittance(2e4, 5e2, z_f, 2e-4)
    for interfaces in (None, [None], [(0.0, 0.0)]):
        assert relative(nodal(tlm.stack_admittance([layer, layer], interfaces), "ie"), nodal(whole, "ie")) < 1e-13
    # ions cannot cross: the ionic line ends in the middle, the electronic one goes on
    open_ions = tlm.stack_admittance([layer, layer], [(np.inf, 2.0)])
    expected = 2.0 + 2 * tlm.two_rail_impedance(2e4, 5e2, z_f, 1e-4, "ee")
    assert relative(nodal(open_ions, "ee"), expected) < 1e-13
    severed = tlm.stack_admittance([layer, layer], [(np.inf, np.inf)])
    assert relative(nodal(severed, "ie_same"), nodal(layer, "ie_same")) < 1e-13
    r_ion = elements.lumped(OMEGA, R=3.0, C=1e-3)
    plain = tlm.two_rail_admittance(1e3, 1e3, np.inf, 1e-3)
    assert relative(nodal(tlm.stack_admittance([plain, plain], [(r_ion, 1.0)]), "ii"), 2.0 + r_ion) < 1e-13


def test_three_ports():
    """A third electrode that draws no current reads the potential; joining it to nothing changes nothing."""
    line = tlm.two_rail_admittance(2e4, 5e2, 1 / (1j * OMEGA * 3.0), 1e-4)
    contacts = [(0, 0, "left", 0), (1, 1, "right", 0), (2, 0, "right", 5.0)]
    ports = tlm.terminate(line, contacts)
    assert relative(tlm.two_terminal(ports), nodal(line, "ie")) < 1e-13
    assert relative(tlm.two_terminal(ports, 0, 2), nodal(line, "ii") + 5.0) < 1e-13
    assert np.max(np.abs(ports.sum(axis=2))) < 1e-14 * np.max(np.abs(ports))
    # by symmetry of the ionic end and reciprocity
    assert relative(tlm.two_terminal(ports, 2, 1), tlm.two_terminal(ports, 1, 2)) == 0


def test_what_cannot_be_joined_is_refused():
    line = tlm.two_rail_admittance(1.0, 1.0, 1.0, 1.0)
    with pytest.raises(InputError, match="join two ports"):
        tlm.terminate(line, [(0, 0, "left", 0), (1, 0, "left", 0)])
    with pytest.raises(InputError, match="join two ports"):
        tlm.terminate(line, [(0, 0, "left", 0), (1, 1, "left", 0)], [("left", 0)])
    with pytest.raises(InputError, match="at least two ports"):
        tlm.terminate(line, [(0, 0, "left", 0)])
    with pytest.raises(InputError, match="'middle'"):
        tlm.terminate(line, [(0, 0, "left", 0), (1, 0, "middle", 0)])
    with pytest.raises(InputError, match="some frequencies"):
        tlm.terminate(line, [(0, 0, "left", np.array([0.0, 1.0])), (1, 0, "right", 0)])
    with pytest.raises(InputError, match="not a number"):
        tlm.terminate(line, [(0, 0, "left", np.nan), (1, 0, "right", 0)])
    with pytest.raises(InputError, match="rail of a line"):
        tlm.terminate(line, [(0, 2, "left", 0), (1, 0, "right", 0)])
    with pytest.raises(InputError, match="both rails are absent"):
        tlm.two_rail_admittance(np.inf, np.inf, 1.0, 1.0)
    with pytest.raises(InputError, match="zero resistance"):
        tlm.two_rail_admittance(1.0, 0.0, 1.0, 1.0)
    with pytest.raises(InputError, match="ie_same_short"):
        tlm.two_rail_impedance(1.0, 1.0, 1.0, 1.0, "battery")
    with pytest.raises(InputError, match="positive definite"):
        tlm.rail_resistances(1.0, 1.0, 1.0, 1.1)
    with pytest.raises(InputError, match="1 interfaces; 2 are given"):
        tlm.stack_admittance([line, line], [None, None])
    with pytest.raises(InputError, match="alpha is 1.5"):
        elements.lumped(OMEGA, Q=1.0, alpha=1.5)
    with pytest.raises(InputError, match="C is -1.0"):
        elements.lumped(OMEGA, C=-1.0)


# --- lumped elements and known limits -------------------------------------------------------------


def test_lumped_elements():
    w = np.array([0.0, 2.0])
    assert np.all(np.isinf(elements.lumped(w)))
    assert np.isinf(elements.lumped(w, C=1.0)[0]) and elements.lumped(w, C=1.0)[1] == pytest.approx(-0.5j)
    assert np.all(elements.lumped(w, R=0.0, C=1.0, Rs=3.0) == 3.0)
    assert elements.lumped(w, R=2.0, C=0.25, Q=0.5, Rs=1.0)[1] == pytest.approx(1 + 1 / (0.5 + 1.5j))
    assert np.angle(elements.lumped(w, Q=3.0, alpha=0.8)[1]) == pytest.approx(-0.4 * np.pi)


def test_de_levie_limits():
    r_ion, c = 30.0, 2e-3
    z = tlm.de_levie(r_ion, 1 / (1j * OMEGA * c), 1.0)
    assert z[0].real == pytest.approx(r_ion / 3, rel=1e-9) and z[0].imag == pytest.approx(-1 / (OMEGA[0] * c), rel=1e-9)
    assert z[-1] == pytest.approx(np.sqrt(r_ion / (1j * OMEGA[-1] * c)), rel=1e-12)
    # a perfect electron rail makes the two-rail line a pore
    assert relative(tlm.two_rail_impedance(r_ion, 0.0, 1 / (1j * OMEGA * c), 1.0, "ie"), z) < 1e-14
    assert relative(tlm.de_levie(r_ion, 1 / (1j * OMEGA * c), 1.0, np.inf), z) < 1e-14
    # halving: a pore closed by a pore of the same kind
    half = tlm.de_levie(r_ion, 1 / (1j * OMEGA * c), 0.5)
    assert relative(tlm.de_levie(r_ion, 1 / (1j * OMEGA * c), 0.5, half), z) < 1e-13
    assert relative(tlm.de_levie(0.0, 7.0, 1.0, 3.0), 1 / (1 / 7 + 1 / 3)) < 1e-15


def test_diffusion_elements():
    short, opened = diffusion.warburg_short(OMEGA, 5.0, 0.1), diffusion.warburg_open(OMEGA, 5.0, 0.1)
    s = np.sqrt(0.1j * OMEGA)
    assert short[0].real == pytest.approx(5.0, rel=1e-9)
    assert opened[0].real == pytest.approx(5.0 / 3, rel=1e-9)
    assert relative(short * opened, (5.0 / s) ** 2) < 1e-13
    # semi-infinite: a pore with a leak to the wall
    pore = tlm.de_levie(4.0, elements.lumped(OMEGA, R=9.0, C=2.0), 1e3)
    assert relative(diffusion.gerischer(OMEGA, 6.0, 18.0), pore) < 1e-13


def test_film_on_a_blocking_substrate_is_the_printed_formula():
    r_0, r_i, c_i, c_e, r_s, c_s = 40.0, 3e3, 2e-3, 4e-6, 8e4, 5e-5
    z = mixed.film_on_blocking_substrate(OMEGA, r_0, r_i, c_i, c_e, r_s, c_s)
    with mp.workdps(40):
        for w, value in zip(OMEGA, z, strict=True):
            s = mp.mpc(0, float(w))
            a, z_d, z_a = mp.sqrt(s * r_i * c_i), 1 / (s * c_e), r_s / (1 + s * r_s * c_s)
            t = mp.tanh(a)
            exact = r_0 + (r_i * z_d * t + z_d * z_a * a) / ((r_i + z_a * z_d * a**2 / r_i) * t + (z_a + z_d) * a)
            assert abs(mp.mpc(complex(value)) - exact) < 1e-14 * abs(exact)


def test_symmetric_mixed_conductor_limits():
    args = (OMEGA, 0.3, 2.0, 1e5, 1e-3, 1e-4)
    r_both, r_eon = 1e-3 / (2.3 * 1e-4), 1e-3 / (2.0 * 1e-4)
    assert relative(mixed.symmetric_mixed_conductor(*args), r_both) < 1e-14
    blocked = mixed.symmetric_mixed_conductor(*args, np.inf, 0.0)
    d_chem = 0.3 * 2.0 / 2.3 / 1e5
    half_drop = r_both + (r_eon - r_both) * elements.tanh_over_x(np.sqrt(1j * OMEGA * 1e-6 / (4 * d_chem)))
    assert relative(blocked, half_drop) < 1e-13
    assert np.all(np.isinf(mixed.symmetric_mixed_conductor(*args, np.inf, np.inf)))
    ions_only = mixed.symmetric_mixed_conductor(*args, 0.0, np.inf)
    assert ions_only[0].real == pytest.approx(1e-3 / (0.3 * 1e-4), rel=1e-9)
    nearly = mixed.symmetric_mixed_conductor(*args, 1e30, 7.0)
    assert relative(nearly, mixed.symmetric_mixed_conductor(*args, np.inf, 7.0)) < 1e-14


def test_totals_form_and_the_shortcut_that_is_wrong():
    """Z from totals R_e, R_i, Z_t (10.1149/2.0331711jes), and 3 Re Z(LF)-like readings of R_ion when R_e matters."""
    for r_i, r_e in ((10.0, 0.3), (10.0, 7.32), (10.0, 20.0)):
        z_t = 1 / (1j * OMEGA * 1e-3)
        nu = np.sqrt((r_e + r_i) / z_t)
        series = slice(0, 19)  # cosh overflows beyond
        cosh, sinh = np.cosh(nu[series]), np.sinh(nu[series])
        parallel = r_e * r_i / (r_e + r_i)
        printed = parallel * (1 + (2 + (r_e / r_i + r_i / r_e) * cosh) / (nu[series] * sinh))
        z = tlm.two_rail_impedance(r_i, r_e, z_t, 1.0, "ie")
        assert relative(z[series], printed) < 1e-8
        assert relative(z, tlm.two_rail_impedance(r_e, r_i, z_t, 1.0, "ie")) < 1e-14
        assert z[0].real == pytest.approx((r_e + r_i) / 3, rel=1e-9)
        highest = tlm.two_rail_impedance(r_i, r_e, 1e-18j, 1.0, "ie")[0]
        assert highest.real == pytest.approx(parallel, rel=1e-6)
    # 3 (R_LF - R_HF)/R_i for beta = R_e/R_i
    for beta, ratio in ((0.01, 0.980), (0.1, 0.827), (0.732, 0.464), (2.0, 1.0), (10.0, 8.27)):
        z = tlm.two_rail_impedance(1.0, beta, 1 / (1j * np.array([1e-6, 1e18])), 1.0, "ie").real
        assert 3 * (z[0] - z[1]) == pytest.approx(ratio, abs=6e-3 if beta == 10.0 else 6e-4)


def test_terminals_decide_the_spectrum():
    line = (6e6, 1e6, elements.lumped(np.array([2 * np.pi]), R=2e-3, Q=0.03, alpha=0.9), 1e-5)
    values = [tlm.two_rail_impedance(*line, name)[0] for name in tlm.CONFIGURATIONS]
    apart = [abs(a - b) for i, a in enumerate(values) for b in values[:i]]
    assert min(apart) > 1e-6 * max(map(abs, values))
    z = tlm.two_rail_impedance(6e6, 1e6, 1 / (1j * OMEGA * 1e3), 1e-5, "both_both")
    assert np.all(z == z[0])


# --- ladders --------------------------------------------------------------------------------------


def chain(z1, z2, z_f, length, n, configuration):
    """The same ladder by dense nodal analysis: nodes (rail, cell) and the four rail ends."""
    h = length / n
    size = 2 * n + 4
    matrix = np.zeros((size, size), dtype=complex)

    def join(i, j, y):
        matrix[i, i] += y
        matrix[j, j] += y
        matrix[i, j] -= y
        matrix[j, i] -= y

    for rail, z in enumerate((z1, z2)):
        cells = [rail * n + k for k in range(n)]
        join(2 * n + rail, cells[0], 2 / (z * h))
        join(2 * n + 2 + rail, cells[-1], 2 / (z * h))
        for a, b in zip(cells, cells[1:], strict=False):
            join(a, b, 1 / (z * h))
    for k in range(n):
        join(k, n + k, h / z_f)
    inner, outer = slice(0, 2 * n), slice(2 * n, size)
    y4 = matrix[outer, outer] - matrix[outer, inner] @ np.linalg.solve(matrix[inner, inner], matrix[inner, outer])
    return nodal(y4[None], configuration)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("configuration", tlm.CONFIGURATIONS)
def test_ladder_against_nodal_analysis(n, configuration):
    for size in (0.3, 3.0, 30.0):
        z_f = (3.0 + 0.4) * 0.2**2 / (size**2 * 1j)
        ladder = nodal(tlm.ladder_admittance(3.0, 0.4, z_f, 0.2, n), configuration)
        assert relative(ladder, chain(3.0, 0.4, z_f, 0.2, n, configuration)) < 1e-11


def test_ladder_approaches_the_line_with_order_two():
    z_f = 1 / (1j * np.array([0.1, 10.0, 300.0]))
    line = nodal(tlm.two_rail_admittance(3.0, 0.4, z_f, 1.0), "ie")
    errors = np.array([np.abs(nodal(tlm.ladder_admittance(3.0, 0.4, z_f, 1.0, n), "ie") - line) for n in (400, 800)])
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=2e-3)
    # and never loses the leak of a blocking interface, nor the line's limit
    slow = 1 / (1j * np.array([1e-15]))
    many = nodal(tlm.ladder_admittance(3.0, 0.4, slow, 1.0, 1000), "ie_same")
    assert relative(many, nodal(tlm.two_rail_admittance(3.0, 0.4, slow, 1.0), "ie_same")) < 1e-13


def test_ladder_keeps_a_spurious_resistance_at_high_frequency():
    z1, z2, length, n = 3.0, 0.4, 1.0, 20
    z = nodal(tlm.ladder_admittance(z1, z2, 1 / (1j * np.array([1e14])), length, n), "ie")[0]
    z_p = z1 * z2 / (z1 + z2)
    assert z.real == pytest.approx(z_p * length * (1 - 1 / n) + (z1 + z2) * length / (2 * n), rel=1e-9)


@pytest.mark.parametrize("centred", ["cell", "vertex"])
@pytest.mark.parametrize("configuration", tlm.CONFIGURATIONS)
def test_ladder_formulas(configuration, centred):
    """Each configuration's own formula is the ladder between its terminals; a thousand cells come near the line."""
    z_f = elements.lumped(OMEGA, R=0.9, Q=2.0, alpha=0.83)
    for n in (1, 2, 9, 1000):
        formula = tlm.ladder_impedance(3.0, 0.4, z_f, 0.7, n, configuration, centred=centred)
        network = tlm.ladder_admittance(3.0, 0.4, z_f, 0.7, n, centred=centred)
        assert relative(nodal(network, configuration), formula) < 1e-12
    slow = z_f[:12]
    line = tlm.two_rail_impedance(3.0, 0.4, slow, 0.7, configuration, 0.2)
    ladder = tlm.ladder_impedance(3.0, 0.4, slow, 0.7, 1000, configuration, 0.2, centred)
    assert relative(ladder, line) < 1e-6


def test_ladders_err_from_either_side():
    """Z_c grows by (h/lambda)^2/8 with cell-centred volumes and shrinks by as much with vertex-centred ones."""
    n, z_f = 100, 1e-4
    square = 3.4 * (1 / n) ** 2 / z_f
    line = tlm.two_rail_impedance(3.0, 0.4, z_f, 1.0, "ie_same")
    for centred, sign in (("cell", 1), ("vertex", -1)):
        ladder = tlm.ladder_impedance(3.0, 0.4, z_f, 1.0, n, "ie_same", centred=centred)
        assert (ladder / line - 1)[0].real == pytest.approx((1 + square / 4) ** (sign / 2) - 1, rel=1e-9)
    # R (1/3 + 1/(6 n^2)) at low frequency
    slow = 1 / 1e-9j
    for n in (3, 20):
        blocked = tlm.ladder_impedance(3.0, 0.4, slow, 1.0, n, "ie_same")[0]
        assert blocked.real == pytest.approx(3.4 * (1 / 3 - 1 / (12 * n**2) + 1 / (4 * n**2)), rel=1e-7)
    with pytest.raises(InputError, match="'edge'"):
        tlm.ladder_admittance(3.0, 0.4, 1.0, 1.0, 3, centred="edge")
    with pytest.raises(InputError, match="0 cells"):
        tlm.ladder_impedance(3.0, 0.4, 1.0, 1.0, 0, "ie")


# --- mixed conductors -----------------------------------------------------------------------------


def test_contacts_of_their_own_on_either_side():
    """A battery, a fuel cell and a permeation cell of one material; the cross term; the parallel capacitance."""
    sigma, c_chem, length, area = (0.02, 1.3), 2e5, 3e-4, 1.7e-4
    given = (OMEGA, *sigma, c_chem, length, area)
    line = (1 / (0.02 * area), 1 / (1.3 * area), 1 / (1j * OMEGA * c_chem * area), length)
    for name, left, right in (
        ("ie", (0, np.inf), (np.inf, 0)),
        ("ee", (np.inf, 0), (np.inf, 0)),
        ("i_both", (0, np.inf), (0, 0)),
        ("both_both", (0, 0), (0, 0)),
    ):
        z = mixed.mixed_conductor_impedance(*given, left, right)
        assert relative(z, tlm.two_rail_impedance(*line, name)) < 1e-13
        loaded = mixed.mixed_conductor_impedance(*given, (left[0], left[1] + 2.5), right, C_geo=1e-9)
        bare = mixed.mixed_conductor_impedance(*given, (left[0], left[1] + 2.5), right)
        assert relative(1 / loaded, 1 / bare + 1j * OMEGA * 1e-9) < 1e-13
        crossed = mixed.mixed_conductor_impedance(*given, left, right, sigma_cross=0.07)
        z1, z2, z12 = tlm.rail_resistances(*sigma, area, 0.07)
        assert relative(crossed, tlm.two_rail_impedance(z1, z2, line[2], length, name, z12)) < 1e-13
    assert np.all(np.isinf(mixed.mixed_conductor_impedance(*given, (np.inf, np.inf), (0, 0))))
    alone = mixed.mixed_conductor_impedance(*given, (np.inf, np.inf), (0, 0), C_geo=1e-9)
    assert relative(alone, 1 / (1j * OMEGA * 1e-9)) < 1e-14
    # frequency zero: electrons alone where ions are blocked, nothing where each is blocked somewhere
    static = (np.array([0.0]), *sigma, c_chem, length, area)
    for left, right, r in (((np.inf, 0), (5.0, 0), length / (1.3 * area)), ((np.inf, 0), (0, np.inf), np.inf)):
        assert mixed.mixed_conductor_impedance(*static, left, right)[0].real == pytest.approx(r, rel=1e-13)


def test_a_parallel_capacitance_is_not_the_dielectric_rail():
    """Ions blocked, electrons free, up to w L^2/D = 1: apart by some 2/(length in Debye lengths), exact rail beside."""
    sigma, kappa, eps = np.array([0.3, 2.0]), np.array([4.1e7, 3.3e7]), 3e-10
    debye, c_chem = np.sqrt(eps / kappa.sum()), 1 / (1 / kappa).sum()
    d_chem = 1 / (1 / sigma).sum() / c_chem
    errors = []
    for length in np.array([50, 200, 800]) * debye:
        omega = d_chem / length**2 * np.logspace(-4, 0, 9)
        blocked = ((np.inf, 0.0), (np.inf, 0.0))
        rail = mixed.dielectric_mixed_conductor(omega, tuple(sigma), tuple(kappa), eps, length, 1e-4, *blocked)
        given = (omega, *sigma, c_chem, length, 1e-4, *blocked)
        short = mixed.mixed_conductor_impedance(*given, C_geo=eps * 1e-4 / length)
        errors.append(relative(short, rail))
    assert np.all(np.array(errors) > 1e-5)
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 4.0, rtol=0.1)
    # with contacts that pass both carriers, the potential has nothing left to say
    both = mixed.dielectric_mixed_conductor(omega, tuple(sigma), tuple(kappa), eps, length, 1e-4)
    assert relative(both, length / ((sigma.sum() + 1j * omega * eps) * 1e-4)) < 1e-13
    # thick, with impedances of its own at either side: the electroneutral line
    contacts = ((3.0, 0.4), (0.2, 7.0))
    thick, omega = 1e6 * debye, d_chem / (1e6 * debye) ** 2 * np.array([0.1, 10.0])
    rail = mixed.dielectric_mixed_conductor(omega, tuple(sigma), tuple(kappa), eps, thick, 1e-4, *contacts)
    assert relative(mixed.mixed_conductor_impedance(omega, *sigma, c_chem, thick, 1e-4, *contacts), rail) < 1e-5
