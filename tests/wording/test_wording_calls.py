"""Every message that the source makes is in a catalogue, with the parameters of its sentence; none is left over."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from wording.message import _KNOWN

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "chat",
    "scoring",
    "trainer",
    "serving",
    "evaluating",
    "rundir",
    "layouts",
    "platform",
    "datasets_app",
    "jobs",
    "deployments",
    "batches",
    "evaluations",
)
REFUSALS = ("NotFound", "ParseError", "PermissionDenied", "Throttled", "UserError", "ValidationError")


@cache
def trees() -> dict[Path, ast.AST]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in paths if "migrations" not in path.parts}


def catalogues() -> dict[str, str]:
    """Import every catalogue; return the file of each code."""
    found = {}
    for path in trees():
        if path.name == "messages.py" or (path.parent.name == "messages" and path.name == "__init__.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            module = import_module(".".join(parts[1:] if parts[0] == "platform" else parts).removesuffix(".__init__"))
            found |= dict.fromkeys(module.CATALOGUE.sentences, str(path.relative_to(ROOT)))
    return found


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield (where, code, call) of every `message("code", …)`."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "message" and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", str(code.value), node


def test_every_call_names_a_code_and_its_parameters() -> None:
    known = catalogues()
    for where, code, call in calls():
        assert code in known, f"{where}: no catalogue has {code}"
        given = {keyword.arg for keyword in call.keywords}
        if None not in given:
            assert given == _KNOWN[code].placeholders, f"{where}: {code}"  # type: ignore[attr-defined]


def test_every_code_is_used() -> None:
    used = set()
    for path, tree in trees().items():
        if "messages" not in (path.stem, path.parent.name):
            used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert sorted(set(catalogues()) - {value for value in used if isinstance(value, str)}) == []


def test_no_refusal_is_english_alone() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in REFUSALS and node.args
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]
    assert bare == []
