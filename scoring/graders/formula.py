"""Formulas of `multi` graders: numbers, names of graders, + - * / ^ and a few functions. Evaluated without eval."""

import ast
import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scoring.errors import ScoringError
from scoring.messages import message

LONGEST_CHARS = 1_000
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil, "exp": math.exp, "sqrt": math.sqrt,
    "log": math.log,
}  # fmt: skip
_ONE_ARGUMENT = _FUNCTIONS.keys() - {"min", "max"}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: math.pow,
}  # fmt: skip


@dataclass(frozen=True)
class Formula:
    """A formula that was read."""

    source: str
    tree: ast.expr

    def value(self, scores: Mapping[str, float]) -> float:
        """Return the number; ScoringError where these scores give none, as in a division by 0."""
        try:
            found = float(_value(self.tree, scores))
        except (ArithmeticError, ValueError) as error:
            raise ScoringError(message("formula_failed", formula=self.source, reason=str(error))) from error
        if not math.isfinite(found):
            raise ScoringError(message("formula_failed", formula=self.source, reason=str(found)))
        return found


def parse_formula(source: Any, *, names: Collection[str], field: str) -> Formula:
    """Read a formula over `names`; ScoringError where it holds anything else."""
    if not isinstance(source, str) or not source.strip() or len(source) > LONGEST_CHARS:
        raise ScoringError(message("formula_not_text", where=field, most=LONGEST_CHARS), field=field)
    try:
        tree = ast.parse(source.strip().replace("^", "**"), mode="eval").body
        _check(tree, names, field)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ScoringError):
            raise
        raise _refused(source, field) from error
    return Formula(source, tree)


def _check(node: ast.expr, names: Collection[str], field: str) -> None:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ScoringError(message("formula_unknown_name", where=field, name=node.id), field=field)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        _check(node.operand, names, field)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _check(node.left, names, field)
        _check(node.right, names, field)
    elif _is_known_call(node):
        for argument in node.args:  # type: ignore[attr-defined]
            _check(argument, names, field)
    else:
        raise _refused(ast.unparse(node), field)


def _is_known_call(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.keywords:
        return False
    takes_one = node.func.id in _ONE_ARGUMENT
    return node.func.id in _FUNCTIONS and (len(node.args) == 1 if takes_one else len(node.args) >= 2)


def _refused(what: str, field: str) -> ScoringError:
    known = ["+", "-", "*", "/", "^", *_FUNCTIONS]
    return ScoringError(message("formula_refused", where=field, text=what[:80], known=known), field=field)


def _value(node: ast.expr, scores: Mapping[str, float]) -> float:
    match node:
        case ast.Constant():
            return float(node.value)  # type: ignore[arg-type]
        case ast.Name():
            return scores[node.id]
        case ast.UnaryOp():
            value = _value(node.operand, scores)
            return -value if isinstance(node.op, ast.USub) else value
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left, scores), _value(node.right, scores))
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(_value(argument, scores) for argument in node.args))
    raise AssertionError(f"{ast.unparse(node)} was let through.")
