"""The client's types and operations are those of the platform's schema, and Python 3.9 can read all of it."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from console.schema.generating import schema
from luthier.generated import types
from luthier.generated.operations import Operations
from tools import client_types

CLIENT = Path(client_types.ROOT) / "client" / "luthier"


def test_are_what_the_schema_says() -> None:
    """Run python tools/client_types.py where this fails."""
    for name, text in client_types.written(schema()).items():
        assert (client_types.FOLDER / name).read_text() == text, name


def test_follow_a_change_of_the_schema() -> None:
    bow = {"hairs": {"type": ["integer", "null"]}, "kind": {"enum": ["a"]}}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Bow"}}}}
    query = [{"in": "query", "name": "from", "schema": {"type": "string"}}]
    operation = {"operationId": "get_bow", "summary": "Get a bow", "parameters": query, "responses": {"200": answer}}
    changed: dict[str, Any] = {
        "components": {"schemas": {"Bow": {"properties": bow, "required": ["hairs"]}}},
        "paths": {"/api/v1/bows/{bow_id}": {"get": operation}},
    }
    found = client_types.written(changed)
    assert '    hairs: int | None\n    kind: NotRequired[Literal["a"]]\n' in found["types.py"]
    assert "def get_bow(self, bow_id: str, *, from_: str | None = None) -> types.Bow:" in found["operations.py"]


def test_name_every_operation_and_every_component() -> None:
    methods = {name for name, _ in inspect.getmembers(Operations, inspect.isfunction) if name[0] != "_"}
    assert methods == {one["operationId"] for paths in schema()["paths"].values() for one in paths.values()}
    assert all(hasattr(types, name) for name in schema()["components"]["schemas"])


def test_an_operation_sends_what_it_was_given() -> None:
    sent: list[Any] = []

    def call(method: str, path: str, **options: Any) -> Any:
        sent.append((method, path, options))
        return {"data": []}

    api = Operations(call)
    assert api.get_usage(from_="2026-11-01") == {"data": []}
    assert sent[0][:2] == ("GET", "/api/v1/usage")
    assert sent[0][2]["query"]["from"] == "2026-11-01"
    api.patch_jobs_job_id("ftjob-1", body={"name": "Strad"})
    assert sent[1][2]["inside"] == {"job_id": "ftjob-1"}
    assert sent[1][2]["body"] == {"name": "Strad"}


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: path.name)
def test_python_3_9_reads_it(path: Path) -> None:
    """Syntax by its grammar; that annotations stay text is what makes `int | None` one of them."""
    text = path.read_text()
    tree = ast.parse(text, feature_version=(3, 9))
    has_union = any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) for node in ast.walk(tree))
    assert "from __future__ import annotations" in text or not has_union
