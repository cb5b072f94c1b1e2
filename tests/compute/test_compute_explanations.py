"""Each code for which a Run may wait has a sentence of its own, and whoever gives it gives the sentence's numbers."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import compute
from compute.explanations import SAID, Code
from compute.messages import CATALOGUE

ROOM = Path(compute.__file__).parent
SOURCES = [*sorted((ROOM / "scheduler").glob("*.py")), ROOM / "services.py", ROOM / "node" / "bringing.py"]


def given() -> list[tuple[str, str, set[str]]]:
    """Return each place where an explanation is made, its code, and the names of the numbers beside it."""
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for function in functions.values():
            for made in ast.walk(function):
                if isinstance(made, ast.Dict) and (code := _fields(made).get("code")) is not None:
                    names = set(_names(made, functions))
                    found += [(f"{path.name}:{made.lineno}", text, names) for text in _texts(code, function)]
    return found


def _fields(made: ast.Dict) -> dict[object, ast.expr]:
    return {
        key.value: value for key, value in zip(made.keys, made.values, strict=True) if isinstance(key, ast.Constant)
    }


def _names(made: ast.Dict, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """Yield the keys of a dict, with those that a method puts in by `**self._numbers()`."""
    yield from (str(name) for name in _fields(made))
    for key, value in zip(made.keys, made.values, strict=True):
        if key is None and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            for node in ast.walk(functions.get(value.func.attr, ast.Pass())):
                if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
                    yield from _names(node.value, functions)


def _texts(value: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    """Yield what a text may be: itself, either side of a condition, or what its name was given."""
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body, function)
        yield from _texts(value.orelse, function)
    elif isinstance(value, ast.Name):
        for node in ast.walk(function):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == value.id:
                yield from _texts(node.value or node.target, function)


def test_each_code_has_a_sentence_of_its_own() -> None:
    assert set(get_args(Code)) == SAID.keys()
    assert len(set(SAID.values())) == len(SAID)


def test_each_code_is_given_somewhere() -> None:
    assert {code for _, code, _ in given()} == set(get_args(Code))


@pytest.mark.parametrize(("where", "code", "names"), given(), ids=lambda value: value if isinstance(value, str) else "")
def test_whoever_gives_a_code_gives_the_numbers_of_its_sentence(where: str, code: str, names: set[str]) -> None:
    assert CATALOGUE.sentences[SAID[code]].placeholders <= names
