"""A calculator: arithmetic that a model wrote, evaluated from its syntax tree and bounded in size."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from infraray.agents.chat.tools.tool import Tool

MAX_CHARACTERS = 500
LARGEST = 10**30
MOST_DIGITS = 30


def _round(number: Any, digits: Any = 0) -> Any:
    # Python computes ten to the power of the digits, in one call that nothing can interrupt.
    if abs(digits) > MOST_DIGITS:
        raise ValueError(f"round takes at most {MOST_DIGITS} digits")
    return round(number, digits or None)


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: math.pow(base, exponent),
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
    "round": _round,
    "sqrt": math.sqrt,
    "sum": lambda *numbers: sum(numbers),
}


class Calculator(Tool):
    """Plain arithmetic."""

    description = (
        "Evaluates arithmetic such as (3 + 4.5) / 2 with + - * / // % ** and the functions "
        "abs, ceil, exp, floor, log, max, min, round, sqrt, sum."
    )

    def use(self, text: str) -> str:
        """The value, or what is wrong with the expression, in words."""
        expression = text.strip().rstrip("=").strip()
        if len(expression) > MAX_CHARACTERS:
            return f"error: longer than {MAX_CHARACTERS} characters"
        try:
            value = _value(ast.parse(expression, mode="eval").body)
        except (ArithmeticError, ValueError, TypeError) as error:
            return f"error: {error}"
        except (SyntaxError, RecursionError, MemoryError):
            return "error: not an arithmetic expression"
        return f"{value:.10g}" if isinstance(value, float) else str(value)


def _value(node: ast.expr) -> Any:
    value: Any
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
    elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        value = _BINARY[type(node.op)](_value(node.left), _value(node.right))
    elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        value = _UNARY[type(node.op)](_value(node.operand))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in _FUNCTIONS:
            raise ValueError(f"no function {node.func.id}; there are {', '.join(_FUNCTIONS)}")
        value = _FUNCTIONS[node.func.id](*map(_value, node.args))
    else:
        raise ValueError("only numbers, + - * / // % **, parentheses and the named functions are known")
    if abs(value) > LARGEST:
        raise ValueError("the number is too large")
    return value
