"""Circuit strings and description codes: worked examples, round trips over random circuits, one-line errors."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from lines import TERMINALS

from miecsim.circuit.cdc import parse_cdc, parse_string, split_string, write_cdc, write_string
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

RANDLES = R(20.0, label="0") + (R(300.0, label="1") | CPE(1e-5, 0.83, label="1")) + WarburgOpen(50.0, 2.3, label="1")

# --- worked examples ---


def test_a_string_with_values_in_all_forms():
    text = "R0-p(R1,CPE1)-Wo1"
    indexed = {"R0": 20, "R1": 300, "CPE1_0": 1e-5, "CPE1_1": 0.83, "Wo1_0": 50, "Wo1_1": 2.3}
    assert parse_string(text, indexed) == RANDLES
    assert parse_string(text, RANDLES.parameters()) == RANDLES
    assert parse_string("R0{20}-p(R1{R=300},CPE1{alpha=.83,Q=1E-5})-Wo1{50,tau=2.3}") == RANDLES
    assert parse_string(" R0 {20} - p ( R1{R = 3e2} , CPE1{1e-5, 0.83} )\n- Wo1{50,2.3} ") == RANDLES
    assert parse_string("R0{1}-p(R1{300},CPE1{1e-5,.83})-Wo1{50,2.3}", {"R0": 20}) == RANDLES
    assert split_string(RANDLES) == (text, indexed)
    bare = parse_string(text)
    assert bare.parameters() == dict.fromkeys(RANDLES.parameters())
    assert bare.with_parameters(RANDLES.parameters()) == RANDLES


def test_names_in_a_string():
    circuit = parse_string("R_ct{1}-C_0{2}-L-Ws12")
    assert circuit == Series(R(1.0, label="ct"), C(2.0, label="0"), L(), WarburgShort(label="12"))
    assert write_string(circuit) == "R_ct{R=1.0}-C0{C=2.0}-L-Ws12"
    assert split_string(R(1.0) + R(2.0, label="1") + R(3.0)) == ("R2-R1-R3", {"R2": 1.0, "R1": 2.0, "R3": 3.0})
    same = R(1.5)
    assert split_string(same + same) == ("R1-R2", {"R1": 1.5, "R2": 1.5})


@pytest.mark.parametrize(
    ("text", "circuit"),
    [
        ("R", R()),
        ("[R]", R()),
        ("R(RC)", R() + (R() | C())),
        ("R([RW]Q)", R() + (R() + Warburg() | CPE())),
        ("LR(Q[R(CG)])", L() + R() + (CPE() | R() + (C() | Gerischer()))),
        ("(RC(LQ))", Parallel(R(), C(), L(), CPE())),
        ("[R[CL]]", Series(R(), C(), L())),
        ("R{R=100}([R{R=2e3}W]Q{Y=1e-5,n=0.8})", R(100.0) + (R(2e3) + Warburg() | CPE(1e-5, 0.8))),
        ("R{1.5:ct} ( C{C=2e-6} Ga{tau=.5,R=3} )", R(1.5, label="ct") + (C(2e-6) | Gerischer(3.0, 0.5))),
        ("!V=1![R{:a}Q{Y=1e-5:b}]", R(label="a") + CPE(1e-5, label="b")),
        ("[R{R=1.5E+01F/0.0/inf:a}W{n=5.0E-01F/0/1}C{C=3E-03/10%/20%}]", R(15.0, label="a") + Warburg() + C(3e-3)),
        (
            "Pore{R=5,wall=R(RC),end=(LR):x}Rails{R_ion=4,R_eon=1,interface=[RQ],configuration=i_both}",
            DeLevie(5.0, R() + (R() | C()), L() | R(), label="x") + TwoRail(4.0, 1.0, R() + CPE(), "i_both"),
        ),
    ],
)  # fmt: skip
def test_description_codes(text, circuit):
    assert parse_cdc(text) == circuit


def test_writing():
    circuit = R(100.0) + (R(2e3, label="ct") + Warburg() | CPE(1e-5, 0.8))
    assert write_cdc(circuit) == "R{R=100.0}([R{R=2000.0:ct}W]Q{Q=1e-05,alpha=0.8})"
    assert write_cdc(circuit, "admittances") == "R{R=100.0}([R{R=2000.0:ct}W]Q{Y=1e-05,n=0.8})"
    assert write_cdc(circuit, "none") == "R([RW]Q)"
    assert write_string(circuit) == "R{R=100.0}-p(R_ct{R=2000.0}-W,CPE{Q=1e-05,alpha=0.8})"
    pore = DeLevie(5.0, R(1.0) | C(2.0))
    assert write_cdc(pore) == "Pore{R=5.0,wall=(R{R=1.0}C{C=2.0})}"
    assert write_string(pore) == "Pore{R=5.0,wall=p(R{R=1.0},C{C=2.0})}"
    assert write_cdc(R(1.0, label="0") | R(2.0, label="a"), "admittances") == "(R{R=1.0}R{R=2.0:a})"


# --- other conventions ---


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("Q{Y=3e-3,n=0.83}", lambda s: 1 / (mp.mpf("3e-3") * s ** mp.mpf("0.83"))),
        ("W{Y=0.07}", lambda s: 1 / (mp.mpf("0.07") * mp.sqrt(s))),
        ("Ws{Y=0.07,B=2.3}", lambda s: mp.tanh(mp.sqrt(mp.mpf("2.3") * s)) / mp.sqrt(mp.mpf("0.07") * s)),
        ("Wo{Y=0.07,B=2.3,n=0.5}", lambda s: mp.coth(mp.sqrt(mp.mpf("2.3") * s)) / mp.sqrt(mp.mpf("0.07") * s)),
        ("O{Y=0.07,B=2.3}", lambda s: mp.tanh(mp.mpf("2.3") * mp.sqrt(s)) / (mp.mpf("0.07") * mp.sqrt(s))),
        ("T{B=2.3,Y=0.07}", lambda s: mp.coth(mp.mpf("2.3") * mp.sqrt(s)) / (mp.mpf("0.07") * mp.sqrt(s))),
        ("G{Y=0.07,k=2.3}", lambda s: 1 / (mp.mpf("0.07") * mp.sqrt(mp.mpf("2.3") + s))),
    ],
)
def test_elements_in_terms_of_admittances(text, formula):
    omega = np.logspace(-5, 7, 13)
    circuit = parse_cdc(text)
    again = parse_cdc(write_cdc(circuit, "admittances"))
    for z in (circuit.impedance(omega), again.impedance(omega)):
        for value, w in zip(z, omega, strict=True):
            expected = complex(formula(mp.mpc(0, w)))
            assert abs(value - expected) < 4e-15 * abs(expected)


def test_output_of_another_program():
    """Written by pyimpspec 5.1.3, with its limits, from the code that `write_cdc(..., "admittances")` gave it."""
    text = (
        "[R{R=2.000E+01/0.000E+00/inf}Ws{Y=6.122E-03/1.000E-24/inf,B=3.000E-01/0.000E+00/inf,"
        "n=5.000E-01F/0.000E+00/1.000E+00:d}G{Y=1.286E-02/1.000E-24/inf,k=5.000E+01/1.000E-24/inf,"
        "n=5.000E-01F/0.000E+00/1.000E+00}L{L=1.000E-06/0.000E+00/1.000E+03}]"
    )
    values = parse_cdc(text).parameters()
    assert list(values) == ["R1", "Ws_d.R", "Ws_d.tau", "G1.R", "G1.tau", "L1"]
    assert list(values.values()) == pytest.approx([20.0, 7.0, 0.3, 11.0, 0.02, 1e-6], rel=1e-3)


# --- round trips ---

numbers = st.none() | st.floats(1e-12, 1e12)
shares = st.none() | st.floats(1e-3, 1.0)
labels = st.just("") | st.integers(0, 10**9).map(str) | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,6}", fullmatch=True)
leaves = st.one_of(
    *(st.builds(kind, numbers, label=labels) for kind in (R, C, L, Warburg)),
    *(st.builds(kind, numbers, numbers, label=labels) for kind in (WarburgShort, WarburgOpen, Gerischer)),
    st.builds(CPE, numbers, shares, label=labels),
    st.sampled_from([R(0.0), R(np.inf)]),
)


def connected(kind, items):
    try:
        return kind(*items)
    except InputError:  # two elements drew one label
        reject()


circuits = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(connected, st.sampled_from([Series, Parallel]), st.lists(inner, min_size=2, max_size=4)),
        st.builds(connected, st.just(DeLevie), st.tuples(numbers, inner) | st.tuples(numbers, inner, inner)),
        st.builds(connected, st.just(TwoRail), st.tuples(numbers, numbers, inner, st.sampled_from(sorted(TERMINALS)))),
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(circuits)
def test_round_trips(circuit):
    assert parse_string(write_string(circuit)) == circuit
    assert parse_cdc(write_cdc(circuit)) == circuit
    assert write_cdc(parse_string(write_string(parse_cdc(write_cdc(circuit))))) == write_cdc(circuit)


plain = st.recursive(
    leaves,
    lambda inner: st.builds(connected, st.sampled_from([Series, Parallel]), st.lists(inner, min_size=2, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=100)
@given(plain)
def test_round_trips_without_braces(circuit):
    text, values = split_string(circuit)
    assert "{" not in text
    again = parse_string(text, values)
    assert again.parameters() == circuit.parameters()
    assert split_string(again) == (text, values)
    assert write_cdc(parse_cdc(write_cdc(circuit, "none")), "none") == write_cdc(circuit, "none")


@settings(max_examples=100)
@given(st.text(alphabet="RCLQWGpsoaPore0123456789_{}()[]=,:-+.e%/F! \n", max_size=40))
def test_no_text_breaks_the_readers(text):
    """A text is a circuit, which comes back, or one line of what is wrong with it."""
    for parse, write in ((parse_string, write_string), (parse_cdc, write_cdc)):
        try:
            circuit = parse(text)
        except InputError as error:
            assert "\n" not in str(error) and "position" in str(error)
        else:
            assert parse(write(circuit)) == circuit


# --- errors ---

IN_STRING = "R, C, L, CPE, W, Ws, Wo, G, Pore, Rails"
IN_CDC = "R, C, L, W, Ws, Wo, G, Pore, Rails, Q, O, T, Ga"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f'position 1: read the end; expected "p(" or an element, one of {IN_STRING}'),
        ("R0-", f'position 4: read the end; expected "p(" or an element, one of {IN_STRING}'),
        ("R0--C1", f'position 4: read "-"; expected "p(" or an element, one of {IN_STRING}'),
        (
            "R0-p(R1,CPX1)-Wo1",
            f'position 9: read "CPX"; expected "p(" or an element, one of {IN_STRING}; did you mean CPE?',
        ),
        ("r0", f'position 1: read "r"; expected "p(" or an element, one of {IN_STRING}; did you mean R?'),
        ("R0;C1", 'position 3: read ";"; expected "-" or the end'),
        ("R0)", 'position 3: read ")"; expected "-" or the end'),
        ("p(R1)", "position 1: read a parallel group of one branch; expected two or more branches"),
        ("R0-p(R1,C1", 'position 11: read the end; expected ",", "-" or ")"'),
        ("R0-R0", 'position 4: read "R" with the label 0 once more; expected another number or label'),
        ("R0{R=abc}", 'position 6: read "abc"; expected a number'),
        ("R0{1e999}", 'position 4: read "1e999"; expected a number below 1.8e308'),
        ("R0{1,2}", 'position 6: read "2"; expected "}"'),
        ("CPE1{1,alhpa=2}", 'position 8: read "alhpa"; expected alpha and "="; did you mean alpha?'),
        ("CPE1{1e-5,1.2}", "position 1: CPE1: alpha: read 1.2; expected 0 < alpha <= 1"),
        ("Pore1{R=1,wal=R1}", 'position 11: read "wal"; expected one of wall, end and "="; did you mean wall?'),
        ("Pore1{R=1}", "position 1: Pore1: wall: read None; expected a circuit"),
    ],
)
def test_errors_in_strings(text, message):
    with pytest.raises(InputError) as caught:
        parse_string(text)
    assert str(caught.value) == f"circuit string {text!r}, {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R(RX)", f'position 4: read "X"; expected "(" or "[" or an element, one of {IN_CDC}'),
        ("R-C", f'position 2: read "-"; expected "(" or "[" or an element, one of {IN_CDC}'),
        ("R()", f'position 3: read ")"; expected "(" or "[" or an element, one of {IN_CDC}'),
        ("R(R)", "position 2: read a parallel group of one branch; expected two or more branches"),
        ("R(RC", 'position 5: read the end; expected ")"'),
        ("([RC}L)", 'position 5: read "}"; expected "]"'),
        ("RC]", 'position 3: read "]"; expected the end'),
        ("R{R=1", 'position 6: read the end; expected "," or "}"'),
        ("R{Y=1}", 'position 3: read "Y"; expected R and "="'),
        ("R{R=1:}", 'position 7: read "}"; expected a label of letters, digits and _'),
        ("R{:a}R{:a}", 'position 6: read "R" with the label a once more; expected another number or label'),
        ("Q{Y=1,alpha=.5}", "position 1: read Q with alpha, Y; expected Q and alpha, or Y and n"),
        ("CWs{Y=1}", "position 2: read Ws with Y; expected R and tau, or Y and B"),
        ("Wo{Y=1,B=-2}", "position 1: read Wo with Y = 1, B = -2; expected positive numbers"),
        ("W{Y=1,n=.6}", "position 1: read W with another exponent n; expected n = 0.5; a Q takes any"),
        ("G{Y=1e-320,k=1e-320}", "position 1: G: R: read inf; expected 0 < R, finite [ohm]"),
        (
            "Rails{R_ion=1,R_eon=1,interface=R,configuration=ie_sam}",
            "position 1: Rails: configuration: read 'ie_sam'; expected one of ie, ee, ii, ie_same, ie_same_short, "
            "i_both, e_both, both_both, ii_ee; did you mean ie_same?",
        ),
    ],
)
def test_errors_in_description_codes(text, message):
    with pytest.raises(InputError) as caught:
        parse_cdc(text)
    assert str(caught.value) == f"circuit description code {text!r}, {message}"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: parse_string("R0-CPE1", {"CPE1_3": 1.0}),
            "circuit string: value: read 'CPE1_3'; expected one of R0, CPE1_0, CPE1_1; did you mean CPE1_1?",
        ),
        (lambda: parse_string("C1", {"C1": 0}), "C1: C: read 0; expected 0 < C, finite [F]"),
        (lambda: parse_string(5), "circuit string: read 5; expected a text"),
        (
            lambda: write_cdc(R(), "all"),
            "values of a description code: read 'all'; expected one of own, admittances, none",
        ),
        (
            lambda: write_cdc(DeLevie(1.0, R(), label="2"), "none"),
            "description code: Pore2 holds a circuit; write it with its values",
        ),
        (
            lambda: split_string(R() + DeLevie(1.0, R())),
            "circuit string: Pore1 holds a circuit, which no value can; use write_string",
        ),
        (
            lambda: write_cdc(Gerischer(1.0), "admittances"),
            "description code: G: expected a value for each of R, tau",
        ),
        (
            lambda: write_string(R(1 + 2j, label="0")),
            "R0: read the complex value (1+2j); expected real numbers in a text",
        ),
    ],
)
def test_errors_in_values_and_writing(act, message):
    with pytest.raises(InputError) as caught:
        act()
    assert str(caught.value) == message


def test_brackets_too_deep():
    with pytest.raises(InputError, match="position 61: read one more level of brackets; expected at most 60$"):
        parse_cdc("[" * 100000)
    with pytest.raises(InputError, match="read one more level of brackets; expected at most 60$"):
        parse_string("p(" * 100000)
