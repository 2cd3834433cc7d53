"""Formulas of case files: the values of Python's own arithmetic, derivatives by the complex step, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miecsim.case.expression import FUNCTIONS, Expression, ExpressionError

CHEN_GRAPHITE = (
    "1.9793*exp(-39.3631*x) + 0.2482 - 0.0909*tanh(29.8538*(x - 0.1234)) - 0.04478*tanh(14.9159*(x - 0.2769)) "
    "- 0.0205*tanh(30.4444*(x - 0.6103))"
)


def test_a_published_potential_against_the_same_in_python() -> None:
    """Graphite of 10.1149/1945-7111/ab9050, equation 9, and its derivative by hand."""

    def by_hand(x: float) -> tuple[float, float]:
        value, slope = 1.9793 * math.exp(-39.3631 * x) + 0.2482, -39.3631 * 1.9793 * math.exp(-39.3631 * x)
        for a, k, at in ((0.0909, 29.8538, 0.1234), (0.04478, 14.9159, 0.2769), (0.0205, 30.4444, 0.6103)):
            value -= a * math.tanh(k * (x - at))
            slope -= a * k / math.cosh(k * (x - at)) ** 2
        return value, slope

    formula = Expression(CHEN_GRAPHITE, ("x",))
    x = np.array([0.031, 0.127, 0.283, 0.44, 0.613, 0.871])
    stepped = formula(x=x + 1e-30j)
    expected = np.array([by_hand(at) for at in x])
    np.testing.assert_allclose(formula(x=x), expected[:, 0], rtol=1e-14)
    np.testing.assert_allclose(stepped.imag / 1e-30, expected[:, 1], rtol=1e-12)


GRAMMAR = {
    "2 - 3 - 4": -5.0,
    "2^3^2": 512.0,
    "-2**2": -4.0,
    "+3.5e-2*1E3": 35.0,
    "(1 + 2)*3/4": 2.25,
    "ln(exp(2.5)) + log10(1e3) + sqrt(2.25)": 7.0,
    "cosh(0.7)^2 - sinh(0.7)^2": 1.0,
    "sin(pi/6) + cos(pi/3) + tan(pi/4)": 2.0,
    "arctan(1) + atan(1) - pi/2": 0.0,
    "erf(0.4)": math.erf(0.4),
    "c*T/(x + 1)": 7.0 * 300.0 / 1.25,
}


@pytest.mark.parametrize(("text", "value"), GRAMMAR.items(), ids=GRAMMAR)
def test_grammar(text: str, value: float) -> None:
    formula = Expression(text, ("x", "c", "T"))
    assert float(formula(x=0.25, c=7.0, T=300.0)) == pytest.approx(value, abs=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_derivative(name: str) -> None:
    formula = Expression(f"{name}(x)", ("x",))
    at, step = 0.37, 1e-6
    by_difference = (formula(x=at + step) - formula(x=at - step)) / (2 * step)
    assert float(np.imag(formula(x=at + 1e-30j)) / 1e-30) == pytest.approx(float(by_difference), rel=1e-8)


REFUSED = {
    "__import__('os').system('ls')": "__import__('os').system",
    "x.real": '"x.real" in a formula',
    "x[0]": '"x[0]" in a formula',
    "[x for x in (1,)]": "in a formula",
    "lambda: x": "in a formula",
    "x if x > 1 else 2": "in a formula",
    "x > 1": "in a formula",
    "x // 2": "in a formula",
    "x % 2": "in a formula",
    "'x'": "in a formula",
    "True": "in a formula",
    "2j*x": "in a formula",
    "y + 1": 'the variable "y" in a formula; expected one of x, T, pi',
    "tahn(x)": 'the function "tahn" in a formula; expected one of exp, ',
    "exp(x, 2)": "exp of 2 arguments; expected exp of one argument",
    "exp()": "exp of 0 arguments",
    "exp(x=2)": "of 0 arguments",
    "exp": 'the variable "exp" in a formula',
    "abs(x)": 'the function "abs" in a formula',
    "eval('1')": 'the function "eval" in a formula',
    "1 +": "a formula that breaks off",
    "(x": "a formula that breaks off",
    "x x": "a formula that breaks off",
    "": "a formula that breaks off",
    "x = 2": "a formula that breaks off",
    "x; x": "a formula that breaks off",
    "x\0": "in a formula|a formula",
    "(" * 3000 + "x" + ")" * 3000: "a formula",
    "-" * 5000 + "x": "a formula",
    "x+" * 300 + "x": "a formula nested too deep",
    "x+" * 11000 + "x": "at most 20000",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=[str(i) for i in range(len(REFUSED))])
def test_what_is_not_on_the_list_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text, ("x", "T"))
    assert "\n" not in str(caught.value)
    assert any(part in str(caught.value) for part in told.split("|"))


def test_the_nearest_word_is_offered() -> None:
    with pytest.raises(ExpressionError, match="did you mean sqrt"):
        Expression("sqt(x)", ("x",))


def test_overflow_is_a_number_that_is_not_finite() -> None:
    with np.errstate(all="ignore"):
        assert not np.isfinite(Expression("9^9^9^9", ())())
        assert not np.isfinite(Expression("1/(x - x)", ("x",))(x=np.float64(2.0)))


@given(st.text(alphabet="x1234567890.+-*/^() eptanhlogsqr", max_size=40))
def test_no_text_does_anything_but_compute_or_be_refused(text: str) -> None:
    try:
        formula = Expression(text, ("x",))
    except ExpressionError as error:
        assert "\n" not in str(error)
    else:
        with np.errstate(all="ignore"):
            complex(formula(x=np.float64(0.3)))


def test_expressions_are_equal_by_their_text() -> None:
    assert Expression("x + 1", ("x",)) == Expression("x + 1", ("x",)) != Expression("x + 2", ("x",))
