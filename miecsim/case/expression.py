"""Formulas in case files: '1.97 * exp(-39.4*x) + 0.25', read by a white list and never evaluated as code.

    numbers, the variables that the key allows, pi, + - * / ** (or ^), brackets, and exp log log10 sqrt sin cos tan
    sinh cosh tanh arctan erf of one argument (ln is log, atan is arctan)

A formula becomes nested functions on NumPy arrays, real or complex, so that the complex step sees through it.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from miecsim.case.messages import nearest, one_of
from miecsim.units import quoted

FUNCTIONS = (
    *("exp", "log", "ln", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "atan", "erf"),
)
_ALIASES = {"ln": "log", "atan": "arctan"}
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_LONGEST = 20_000  # characters
_DEEPEST = 200  # operations within each other
_PI = 3.141592653589793

Values = Mapping[str, Any]  # variable: array or number
Compiled = Callable[[Values], Any]


class ExpressionError(ValueError):
    """A formula that cannot be used; the text says what was read and what is allowed."""


@dataclass(frozen=True)
class Expression:
    """A formula of `variables`. It is read where it is made: ExpressionError where something in it is not allowed.

    Two expressions are equal where their texts are.
    """

    text: str
    variables: tuple[str, ...]

    def __post_init__(self) -> None:
        self._compiled  # noqa: B018  (read at once, so that a mistake is told where it was written)

    @cached_property
    def _compiled(self) -> Compiled:
        if len(self.text) > _LONGEST:
            raise ExpressionError(f"a formula of {len(self.text)} characters; expected at most {_LONGEST}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python, about what is refused below
                tree = ast.parse(self.text.strip().replace("^", "**"), mode="eval")
            return _compile(tree.body, self.variables, _DEEPEST)
        except SyntaxError as error:
            raise ExpressionError(f"a formula that breaks off{_near(error)}; expected {_allowed(())}") from None
        except (RecursionError, MemoryError):
            raise ExpressionError("a formula nested too deep; expected a shorter one") from None
        except ValueError as error:
            if isinstance(error, ExpressionError):
                raise
            raise ExpressionError("a formula with characters that cannot stand in one; expected plain text") from None

    def __call__(self, **values: Any) -> Any:
        """The value of the formula, an array as its variables are; each of them must be given."""
        return self._compiled(values)


def _near(error: SyntaxError) -> str:
    begin = max(0, (error.offset or 1) - 12)
    return f" near {quoted(error.text[begin:].strip(), 24)}" if error.text else ""


def _allowed(variables: tuple[str, ...]) -> str:
    what = f"numbers, {', '.join(variables)}, " if variables else "numbers, "
    return f"{what}+ - * / **, brackets and {one_of(FUNCTIONS)}"


def _compile(node: ast.expr, variables: tuple[str, ...], deepest: int) -> Compiled:
    if not deepest:
        raise RecursionError
    deepest -= 1
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return _constant(value)
        case ast.Name(id=name):
            return _name(name, variables)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            negated = _compile(inner, variables, deepest)
            return lambda values: -negated(values)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _compile(inner, variables, deepest)
        case ast.BinOp(op=sign, left=a, right=b) if type(sign) in _OPERATORS:
            apply, left, right = (
                _OPERATORS[type(sign)],
                _compile(a, variables, deepest),
                _compile(b, variables, deepest),
            )
            return lambda values: apply(left(values), right(values))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return _function(name, _compile(argument, variables, deepest))
        case ast.Call(func=ast.Name(id=name), args=args) if name in FUNCTIONS:
            raise ExpressionError(f"{name} of {len(args)} arguments; expected {name} of one argument")
        case ast.Call(func=ast.Name(id=name)):
            raise _unknown("function", name, FUNCTIONS)
    raise ExpressionError(f"{quoted(_source(node), 40)} in a formula; expected {_allowed(variables)}")


def _constant(value: float) -> Compiled:
    from numpy import float64  # of NumPy, so that 1/0 and 9**9**9 become inf, which is refused in our words

    try:
        number = float64(value)
    except OverflowError:
        raise ExpressionError("a number with too many digits; expected a finite number") from None
    return lambda _values: number


def _name(name: str, variables: tuple[str, ...]) -> Compiled:
    if name in variables:
        return lambda values: values[name]
    if name == "pi":
        return lambda _values: _PI
    raise _unknown("variable", name, (*variables, "pi"))


def _unknown(what: str, name: str, options: tuple[str, ...]) -> ExpressionError:
    near = nearest(name, options)
    hint = f"; did you mean {near}?" if near else ""
    return ExpressionError(f"the {what} {quoted(name, 30)} in a formula; expected {one_of(options)}{hint}")


def _function(name: str, argument: Compiled) -> Compiled:
    if name == "erf":
        from scipy.special import erf as function
    else:
        import numpy as np

        function = getattr(np, _ALIASES.get(name, name))
    return lambda values: function(argument(values))


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__
