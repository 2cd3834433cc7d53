"""Circuits of elements against the formulas at 50 digits: random trees over 12 decades, limits, derivatives, names."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import TERMINALS, exact_network, formula

from miecsim.circuit.compose import Parallel, Series
from miecsim.circuit.two_poles import (
    CPE,
    C,
    DeLevie,
    Gerischer,
    L,
    R,
    TwoRail,
    Warburg,
    WarburgOpen,
    WarburgShort,
)
from miecsim.errors import InputError

DIGITS = 50

# --- the formulas, in multiprecision ---

EXACT = {
    R: lambda s, r: r,
    C: lambda s, c: 1 / (s * c),
    L: lambda s, inductance: s * inductance,
    CPE: lambda s, q, alpha: 1 / (q * s**alpha),
    Warburg: lambda s, a: a * mp.sqrt(2) / mp.sqrt(s),
    WarburgShort: lambda s, r, tau: r * mp.tanh(mp.sqrt(s * tau)) / mp.sqrt(s * tau),
    WarburgOpen: lambda s, r, tau: r * mp.coth(mp.sqrt(s * tau)) / mp.sqrt(s * tau),
    Gerischer: lambda s, r, tau: r / mp.sqrt(1 + s * tau),
}


def exact(circuit, s, values):
    """Impedance at s = j omega; `values` iterates over those of the parameters in the order of `parameters()`."""
    if isinstance(circuit, Series):
        return mp.fsum(exact(item, s, values) for item in circuit.items)
    if isinstance(circuit, Parallel):
        return 1 / mp.fsum(1 / exact(item, s, values) for item in circuit.items)
    own = [next(values) for _ in circuit.PARAMETERS]
    inner = [exact(part, s, values) for part in circuit.parts]
    if isinstance(circuit, DeLevie):
        z_c, t = mp.sqrt(own[0] * inner[0]), mp.tanh(mp.sqrt(own[0] / inner[0]))
        return z_c / t if len(inner) == 1 else z_c * (inner[1] + z_c * t) / (z_c + inner[1] * t)
    if isinstance(circuit, TwoRail):
        return table(*own, inner[0], circuit.configuration)
    return EXACT[type(circuit)](s, *own)


def table(a, b, z_f, configuration):
    """Two-rail impedances of a line of length 1 by modes: sum current on z_p, difference current on z_s and z_f."""
    z_p, z_c, x = a * b / (a + b), mp.sqrt((a + b) * z_f), mp.sqrt((a + b) / z_f)
    v1, v2 = b / (a + b), a / (a + b)
    whole, half = z_c * mp.tanh(x), 2 * z_c * mp.tanh(x / 2)
    return {
        "ie": lambda: z_p + z_c * ((v1**2 + v2**2) * mp.coth(x) + 2 * v1 * v2 * mp.csch(x)),
        "ee": lambda: z_p + half * v1**2,
        "ii": lambda: z_p + half * v2**2,
        "ie_same": lambda: z_c * mp.coth(x),
        "ie_same_short": lambda: whole,
        "i_both": lambda: z_p + whole * v2**2,
        "e_both": lambda: z_p + whole * v1**2,
        "both_both": lambda: z_p,
        "ii_ee": lambda: z_c / 2 * mp.coth(x / 2),
    }[configuration]()


def error(circuit, omega):
    with np.errstate(all="raise"):
        (z,) = circuit.impedance(omega)
    with mp.workdps(DIGITS):
        reference = exact(circuit, mp.mpc(0, omega), map(mp.mpmathify, circuit.parameters().values()))
        return float(abs(mp.mpmathify(complex(z)) - reference) / abs(reference))


# --- random circuits ---

decades = st.floats(-6, 6).map(lambda exponent: 10.0**exponent)
alphas = st.floats(0.05, 1.0)
dissipative = st.one_of(
    st.builds(R, decades),
    st.builds(C, decades),
    st.builds(CPE, decades, alphas),
    st.builds(Warburg, decades),
    *(st.builds(kind, decades, decades) for kind in (WarburgShort, WarburgOpen, Gerischer)),
)


def trees(leaves, most=8):
    """Circuits of `leaves`, connections and lines; phases between 0 and -90 degrees stay there, so nothing cancels."""

    def grown(inner):
        return st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(lambda items: Series(*items)),
            st.lists(inner, min_size=2, max_size=4).map(lambda items: Parallel(*items)),
            st.builds(DeLevie, decades, inner, st.none() | inner),
            st.builds(TwoRail, decades, decades, inner, st.sampled_from(sorted(TERMINALS))),
        )

    return st.recursive(leaves, grown, max_leaves=most)


@settings(max_examples=300)
@given(trees(dissipative), decades)
def test_random_circuits_against_multiprecision(circuit, omega):
    assert error(circuit, omega) < 1e-10


inductive = st.recursive(
    st.builds(R, decades) | st.builds(L, decades),
    lambda inner: st.builds(Series, inner, inner) | st.builds(Parallel, inner, inner),
)


@settings(max_examples=40)
@given(inductive, decades)
def test_random_inductive_circuits_against_multiprecision(circuit, omega):
    assert error(circuit, omega) < 1e-10


@pytest.mark.parametrize("kind", sorted(EXACT, key=lambda kind: kind.__name__))
def test_each_element_over_all_decades(kind):
    rng = np.random.default_rng(7)
    for exponents in rng.uniform(-12, 12, (60, 3)):
        w, *p = 10.0 ** exponents[: 1 + len(kind.PARAMETERS)]
        p = [min(value, 0.5 + 1e-13 * value) if kind is CPE and i else value for i, value in enumerate(p)]
        assert error(kind(*p), w) < 1e-13


@pytest.mark.parametrize("configuration", sorted(TERMINALS))
def test_the_table_of_these_tests_against_the_matrix_exponential(configuration):
    """The independent figures above are themselves checked, on lines that no symmetry favours."""
    a, b, z_f = 3.7, 0.9, 1.3 - 2.1j
    with mp.workdps(DIGITS):
        expected = exact_network([(a, b, 0, z_f, 1.0)], *TERMINALS[configuration], 2)
        assert abs(complex(table(mp.mpf(a), mp.mpf(b), mp.mpc(z_f), configuration)) - expected) < 1e-14
        assert abs(complex(formula(a, b, z_f, 1.0, configuration)) - expected) < 1e-14


def test_a_randles_cell_worked_by_hand():
    # at w = 2000: Z_C = -j 25, Z_W = 20 (1 - j)/sqrt(2000)
    cell = R(7.0) + (C(2e-5) | R(30.0) + Warburg(20.0))
    branch = 30 + 20 * (1 - 1j) / np.sqrt(2000)
    assert cell.impedance(2000.0) == pytest.approx(7 + 1 / (1 / branch + 1 / -25j), rel=1e-15)


# --- limits ---

OPEN = complex(np.inf, 0)
ROOT = np.sqrt(1.7 * 0.9)


@pytest.mark.parametrize(
    ("element", "zero", "infinity"),
    [
        (R(3.5), 3.5, 3.5),
        (C(0.3), OPEN, 0),
        (L(0.3), 0, OPEN),
        (CPE(0.3, 0.7), OPEN, 0),
        (Warburg(1.7), OPEN, 0),
        (WarburgShort(1.7, 0.2), 1.7, 0),
        (WarburgOpen(1.7, 0.2), OPEN, 0),
        (Gerischer(1.7, 0.2), 1.7, 0),
        (R(2.0) + C(0.1), OPEN, 2.0),
        (R(2.0) | C(0.1), 2.0, 0),
        (R(2.0) | L(0.1), 0, 2.0),
        (R(2.0) | R(0.0), 0, 0),
        (R(2.0) | R(np.inf), 2.0, 2.0),
        (R(2.0) + R(np.inf), OPEN, OPEN),
        (C(0.1) | WarburgOpen(1.7, 0.2), OPEN, 0),
        (DeLevie(1.7, R(0.0)), 0, 0),
        (DeLevie(0.0, R(2.5)), 2.5, 2.5),
        (DeLevie(1.7, C(0.3)), OPEN, 0),
        (DeLevie(1.7, C(0.3), R(0.9)), 2.6, 0),
        (DeLevie(1.7, C(0.3), R(0.0)), 1.7, 0),
        (DeLevie(1.7, R(0.9), C(0.3)), ROOT / np.tanh(1.7 / ROOT), ROOT * np.tanh(1.7 / ROOT)),
        (TwoRail(0.0, 1.7, R(0.9), "ie_same"), ROOT / np.tanh(1.7 / ROOT), ROOT / np.tanh(1.7 / ROOT)),
    ],
)  # fmt: skip
def test_limits(element, zero, infinity):
    with np.errstate(all="raise"):
        z = element.impedance([0.0, np.inf])
    for value, expected in zip(z, (zero, infinity), strict=True):
        assert value == (expected if np.isinf(expected) else pytest.approx(expected, rel=1e-14, abs=0))
    assert not np.isnan(z).any()


@pytest.mark.parametrize("configuration", sorted(TERMINALS))
def test_a_line_approaches_its_limits(configuration):
    line = TwoRail(1.7, 0.6, C(0.3), configuration)
    with np.errstate(all="raise"):
        zero, low, high, infinity = line.impedance([0.0, 1e-13, 1e26, np.inf])
    if np.isinf(zero):
        assert abs(low) > 1e12
    else:
        assert low == pytest.approx(zero, rel=1e-12)
    assert high == pytest.approx(infinity, rel=1e-12, abs=1e-12)


# --- derivatives ---


def test_derivatives_by_complex_parameters():
    """dZ/dp of every parameter from Z on a circle around p (Cauchy), against differentiation in multiprecision."""
    wall = R(40.0) | CPE(2e-3, 0.83)
    circuit = (
        *(R(5.0), L(1e-3), C(0.04) | Gerischer(3.0, 0.7), Warburg(0.8), WarburgShort(2.0, 0.4)),
        *(WarburgOpen(1.5, 3.0), DeLevie(6.0, wall, R(0.8)), TwoRail(3.0, 0.7, wall, "ie")),
    )
    circuit = Series(*circuit)
    values = circuit.parameters()
    start = list(values.values())
    omega, radius, points = 7.3, 0.2, np.exp(2j * np.pi * np.arange(32) / 32)
    for i, (name, p) in enumerate(values.items()):
        ring = [circuit.with_parameters({name: p * (1 + radius * u)}).impedance(omega)[0] for u in points]
        slope = np.mean(np.array(ring) / points) / (radius * p)

        def z(value, i=i):
            return exact(circuit, mp.mpc(0, omega), map(mp.mpmathify, [*start[:i], value, *start[i + 1 :]]))

        with mp.workdps(DIGITS):
            expected = complex(mp.diff(z, p))
        assert abs(slope - expected) < 1e-9 * abs(expected), name


# --- composition, names, values ---


def test_operators_flatten_and_bind():
    a, b, c = R(1.0), C(2.0), L(3.0)
    assert a + b + c == a + (b + c) == Series(a, b, c)
    assert (a | b | c) == (a | (b | c)) == Parallel(a, b, c)
    assert (a + b | c) == Parallel(Series(a, b), c)
    assert a + b != b + a
    assert len({a + b, Series(R(1.0), C(2.0))}) == 1


def test_names_parameters_units_and_bounds():
    wall = R(9.0) | CPE(1e-3, 0.8, label="dl")
    circuit = R(1.0, label="2") + R(2.0) + R(3.0, label="ct") + R(4.0) + DeLevie(5.0, wall) + WarburgOpen(6.0, 7.0)
    assert circuit.parameters() == {
        **{"R2": 1.0, "R1": 2.0, "R_ct": 3.0, "R3": 4.0, "Pore1": 5.0, "R4": 9.0},
        **{"CPE_dl.Q": 1e-3, "CPE_dl.alpha": 0.8, "Wo1.R": 6.0, "Wo1.tau": 7.0},
    }
    assert list(circuit.elements()) == ["R2", "R1", "R_ct", "R3", "Pore1", "R4", "CPE_dl", "Wo1"]
    assert circuit.units()["CPE_dl.Q"] == "F s^(alpha-1)" and circuit.units()["Wo1.tau"] == "s"
    assert circuit.bounds()["CPE_dl.alpha"] == (0.0, 1.0) and circuit.bounds()["R2"] == (0.0, np.inf)
    changed = circuit.with_parameters({"R4": 90.0, "Wo1.tau": 70})
    assert changed.parameters() == {**circuit.parameters(), "R4": 90.0, "Wo1.tau": 70.0}
    assert changed.with_parameters(circuit.parameters()) == circuit != changed


@settings(max_examples=60)
@given(trees(dissipative | st.builds(L, decades)), st.data())
def test_parameters_come_back(circuit, data):
    values = circuit.parameters()
    assert circuit.with_parameters(values) == circuit
    new = {name: data.draw(alphas) for name in values}
    assert circuit.with_parameters(new).parameters() == new
    assert list(circuit.units()) == list(circuit.bounds()) == list(values)


def test_vectors_and_types():
    z = (R(1) + C(np.float64(0.5))).impedance([1, 2, 4])
    assert z.shape == (3,) and z.dtype == np.complex128
    assert z == pytest.approx(1 - 1j / (0.5 * np.array([1, 2, 4])), rel=1e-15)
    assert R(np.float32(0.5)) == R(0.5)


# --- errors ---

OMEGA_WANTED = "omega: read something else than a list of real numbers from 0 to infinity [rad/s]"


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: R(-1), "R: R: read -1; expected 0 <= R <= inf [ohm]"),
        (lambda: R("5", label="ct"), "R_ct: R: read '5'; expected 0 <= R <= inf [ohm]"),
        (lambda: R(True), "R: R: read True; expected 0 <= R <= inf [ohm]"),
        (lambda: C(0.0), "C: C: read 0.0; expected 0 < C, finite [F]"),
        (lambda: C(np.nan), "C: C: read nan; expected 0 < C, finite [F]"),
        (lambda: L(np.inf, label="3"), "L3: L: read inf; expected 0 < L, finite [H]"),
        (lambda: CPE(1.0, 1.2), "CPE: alpha: read 1.2; expected 0 < alpha <= 1"),
        (lambda: Gerischer(1.0, -0.1 + 1j), "G: tau: read (-0.1+1j); expected 0 < tau, finite [s]"),
        (lambda: R(1.0, label="a b"), "R: label: read 'a b'; expected digits, or letters, digits and _"),
        (lambda: DeLevie(1.0), "Pore: wall: read None; expected a circuit"),
        (lambda: DeLevie(1.0, R(1.0), 5), "Pore: end: read 5; expected a circuit"),
        (lambda: TwoRail(0, 0, R(1.0)), "Rails: R_ion, R_eon: read 0 and 0; expected at most one of them to be 0"),
        (
            lambda: TwoRail(1.0, 1.0, R(1.0), "ie_sam"),
            "Rails: configuration: read 'ie_sam'; expected one of ie, ee, ii, ie_same, ie_same_short, i_both, e_both, "
            "both_both, ii_ee; did you mean ie_same?",
        ),
        (lambda: Series(R(1.0)), "series connection: read 1 circuits; expected two or more"),
        (lambda: R(1.0) | 5, "parallel connection: read 5; expected circuits"),
        (
            lambda: R(1.0, label="0") + (C(1.0) | R(2.0, label="0")),
            "circuit: the name R0 is given to 2 elements; expected different labels",
        ),
        (
            lambda: (R(1.0) + CPE(1.0, 0.5)).with_parameters({"CPE1.alhpa": 1.0}),
            "circuit: parameter: read 'CPE1.alhpa'; expected one of R1, CPE1.Q, CPE1.alpha; did you mean CPE1.alpha?",
        ),
        (
            lambda: (R() + CPE(1.0)).impedance(1.0),
            "circuit: no value for R1, CPE1.alpha; give one before asking for the impedance",
        ),
        *(
            (lambda w=w: R(1.0).impedance(w), OMEGA_WANTED)
            for w in (-1.0, np.nan, 1j, [[1.0]], "fast")
        ),
    ],
)  # fmt: skip
def test_errors_are_one_clear_line(make, line):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == line
