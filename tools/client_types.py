"""`python tools/client_types.py`: writes the Python client's types and operations from the platform's schema.

client/luthier/generated holds what this writes and nothing else. `check` compares instead, and fails where they differ.
"""

import keyword
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

import django  # noqa: E402

django.setup()

from console.schema.generating import schema  # noqa: E402

Schema = dict[str, Any]
FOLDER = ROOT / "client" / "luthier" / "generated"
PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict[str, Any]",
}
HEAD = '''"""{about}

Written by tools/client_types.py from the platform's OpenAPI schema; not by hand.
"""

from __future__ import annotations

'''
TYPES = (
    HEAD.format(about="What the API reads and answers, each object with its fields.")
    + """\
from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired


"""
)
OPERATIONS = (
    HEAD.format(about="Every operation of the API, as one method each.")
    + '''\
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from luthier.generated import types


class Call(Protocol):
    def __call__(
        self, method: str, path: str, *, inside: dict[str, str], query: dict[str, Any],
        body: Any, kind: str, answers: str,
    ) -> Any: ...


class Operations:
    """Each operation by its name in the schema; `call` sends a request and returns what was answered."""

    def __init__(self, call: Call) -> None:
        self._call = call

'''
)


def main(arguments: list[str]) -> None:
    """Write both modules, or say which of them is not what the schema says."""
    for name, text in written(schema()).items():
        path = FOLDER / name
        if arguments != ["check"]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"{path.relative_to(ROOT)} is not what the schema says: run python tools/client_types.py")


def written(described: Schema) -> dict[str, str]:
    """Return the text of each module by its name."""
    components = described["components"]["schemas"]
    kinds = "\n\n".join(_typed_dict(name, one) for name, one in sorted(components.items()))
    methods = "\n".join(_method(path, verb, one) for path, verb, one in _operations(described))
    return {"types.py": TYPES + kinds, "operations.py": OPERATIONS + methods}


def _operations(described: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in sorted(described["paths"].items()):
        for verb, one in methods.items():
            yield path, verb.upper(), one


def _typed_dict(name: str, one: Schema) -> str:
    fields = one.get("properties", {})
    required = set(one.get("required", []))
    kinds = {field: _kind(part) for field, part in fields.items()}
    kinds = {field: kind if field in required else f"NotRequired[{kind}]" for field, kind in kinds.items()}
    if any(keyword.iskeyword(field) or not field.isidentifier() for field in fields):
        inside = ", ".join(f'"{field}": "{kind}"' for field, kind in kinds.items())
        return f'{name} = TypedDict("{name}", {{{inside}}})\n'
    lines = [f"    {field}: {kind}" for field, kind in kinds.items()] or ["    pass"]
    return "\n".join([f"class {name}(TypedDict):", *lines, ""])


def _kind(one: Schema, prefix: str = "") -> str:
    """Return a schema as a type of Python."""
    if "$ref" in one:
        return prefix + str(one["$ref"].rpartition("/")[2])
    if "enum" in one:
        values = [value for value in one["enum"] if value is not None]
        named = [f"Literal[{', '.join(_literal(value) for value in values)}]"] if values else []
        return " | ".join([*named, *(["None"] if None in one["enum"] else [])])
    if "const" in one:
        return f"Literal[{_literal(one['const'])}]"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in one:
            return " | ".join(dict.fromkeys(_kind(part, prefix) for part in one[several]))
    if one.get("format") == "binary":
        return "IO[bytes] | bytes | tuple[str, IO[bytes] | bytes]"
    said = one.get("type", "any")
    kinds = said if isinstance(said, list) else [said]
    return " | ".join(dict.fromkeys(_plain(kind, one, prefix) for kind in kinds))


def _plain(kind: str, one: Schema, prefix: str) -> str:
    if kind == "array":
        return f"list[{_kind(one.get('items', {}), prefix)}]"
    inside = one.get("additionalProperties")
    if kind == "object" and isinstance(inside, dict):
        return f"dict[str, {_kind(inside, prefix)}]"
    return PLAIN.get(kind, "Any")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _method(path: str, verb: str, one: Schema) -> str:
    inside = re.findall(r"\{(\w+)\}", path)
    query = [part for part in one.get("parameters", []) if part["in"] == "query"]
    content = one.get("requestBody", {}).get("content", {})
    kind, body = next(((kind, part["schema"]) for kind, part in content.items()), ("", None))
    named = ["*"] if query or body else []
    if body:
        named.append(f"body: {_kind(body, 'types.')}{'' if one['requestBody'].get('required') else ' | None = None'}")
    named += [_parameter(part) for part in sorted(query, key=lambda part: not part.get("required", False))]
    answers, returned = _answer(one)
    arguments = ", ".join(["self", *(f"{name}: str" for name in inside), *named])
    asked = ", ".join(f'"{part["name"]}": {_safe(part["name"])}' for part in query)
    places = ", ".join(f'"{name}": {name}' for name in inside)
    return (
        f"    def {one['operationId']}({arguments}) -> {returned}:\n"
        f'        """{one["summary"]}: {verb} {path}"""\n'
        f'        return self._call("{verb}", "{path}", inside={{{places}}}, query={{{asked}}}, '
        f'body={"body" if body else "None"}, kind="{kind}", answers="{answers}")\n'
    )


def _parameter(part: Schema) -> str:
    kind = _kind(part["schema"], "types.")
    return f"{_safe(part['name'])}: {kind}" if part.get("required") else f"{_safe(part['name'])}: {kind} | None = None"


def _answer(one: Schema) -> tuple[str, str]:
    """Return the content type of what is answered, and its type here."""
    good = next(answer for code, answer in one["responses"].items() if code != "default")
    content = good.get("content", {})
    if "application/json" in content:
        return "application/json", _kind(content["application/json"]["schema"], "types.")
    return (next(iter(content)), "bytes") if content else ("", "None")


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


if __name__ == "__main__":
    main(sys.argv[1:])
