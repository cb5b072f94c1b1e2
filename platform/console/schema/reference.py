"""The reference that people read: operations by area, with what each reads and answers, and commands to paste."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from console.schema.generating import schema

Schema = dict[str, Any]
KEY = "sk-luthier-…"
DEEPEST = 4
"""Objects within objects that are shown."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    kind: str
    is_required: bool
    note: str = ""
    place: str = ""
    """path or query; "" in a body."""
    depth: int = 0


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one address."""

    id: str
    method: str
    path: str
    title: str
    about: str
    parameters: list[Field]
    body: list[Field]
    kind: str
    """The content type of the body; "" without one."""
    example: str
    files: list[str]
    """Names of a form's fields that are files."""
    answer: list[Field]
    answer_kinds: list[str]
    status: str
    is_open: bool
    commands: list[tuple[str, str]] = field(default_factory=list)
    """(language, program)"""


def areas() -> list[tuple[str, str, list[tuple[str, str, str, str]]]]:
    """Return every area: its name, its name in addresses, and (id, method, address, title) of what is in it."""
    made = schema()
    found: dict[str, list[tuple[str, str, str, str]]] = {tag["name"]: [] for tag in made["tags"]}
    for path, methods in made["paths"].items():
        for method, one in methods.items():
            found[one["tags"][0]].append((one["operationId"], method.upper(), path, one["summary"]))
    return [(name, slugify(name), inside) for name, inside in found.items()]


def operations(area: str) -> list[Operation]:
    """Return the operations of an area, by its name in addresses; none of one that there is not."""
    return [
        _operation(path, method, one)
        for path, methods in schema()["paths"].items()
        for method, one in methods.items()
        if slugify(one["tags"][0]) == area
    ]


def in_short() -> str:
    """Return the whole API as a page of text for a language model: llmstxt.org's shape."""
    url = settings.PUBLIC_URL
    lines = [
        "# Luthier", "",
        "> A platform that fine-tunes language models. Upload data, train, compare, deploy, ask: by OpenAI's API below "
        "/v1 and its own below /api/v1.", "",
        f"Base address: {url}. Send `Authorization: Bearer {KEY}`; people create keys on the page {url}/keys. "
        "Bodies and answers are JSON. Lists are {object, data, has_more}; the next page is `?after=LAST_ID`. Errors "
        "are {error: {message, type, param, code}}. `Idempotency-Key` makes a create safe to repeat.", "",
        "```python", "from openai import OpenAI", f'client = OpenAI(base_url="{url}/v1", api_key="{KEY}")',
        'file = client.files.create(file=open("data.jsonl", "rb"), purpose="fine-tune")',
        "job = client.fine_tuning.jobs.create(model=client.models.list().data[0].id, training_file=file.id)",
        "# poll client.fine_tuning.jobs.retrieve(job.id).status until succeeded, then:",
        "client.chat.completions.create(model=job.fine_tuned_model, messages=[...])", "```", "",
        f"- [OpenAPI 3.1]({url}/api/schema): every operation with its fields",
        f"- [Reference]({url}/api/docs): the same for people, with commands to paste",
        f"- {url}/mcp: tools for agents by the Model Context Protocol (streamable HTTP, the same keys)", "",
    ]  # fmt: skip
    for name, _slug, inside in areas():
        lines += [f"## {name}", "", *(f"- `{method} {path}`: {title}" for _id, method, path, title in inside), ""]
    return "\n".join(lines)


def _operation(path: str, method: str, one: Schema) -> Operation:
    content = one.get("requestBody", {}).get("content", {})
    kind, body = next(((kind, part["schema"]) for kind, part in content.items()), ("", {}))
    status, good = next((code, answer) for code, answer in one["responses"].items() if code != "default")
    kinds = good.get("content", {})
    examples = _followed(body).get("examples", [])
    example = json.dumps(examples[0], ensure_ascii=False, indent=2) if examples else ""
    properties = _followed(body).get("properties", {})
    made = Operation(
        id=one["operationId"], method=method.upper(), path=path, title=one["summary"],
        about=one.get("description", ""),
        parameters=[_parameter(part) for part in one.get("parameters", [])],
        body=_fields(body), kind=kind, example=example,
        files=[name for name, one_of in properties.items() if one_of.get("format") == "binary"],
        answer=_fields(next(iter(kinds.values()))["schema"]) if kinds else [],
        answer_kinds=list(kinds), status=status, is_open="security" not in one,
    )  # fmt: skip
    made.commands.extend(_commands(made))
    return made


def _parameter(part: Schema) -> Field:
    return Field(
        name=part["name"], kind=_kind(part["schema"]), is_required=part.get("required", False),
        note=part.get("description", ""), place=part["in"],
    )  # fmt: skip


def _fields(found: Schema, depth: int = 0) -> list[Field]:
    """Return the fields of an object, each followed by those of the object that it holds."""
    found = _followed(found)
    if "properties" not in found:
        items = found.get("items")
        return _fields(items, depth) if items and depth < DEEPEST else []
    made: list[Field] = []
    for name, part in found["properties"].items():
        is_required = name in found.get("required", [])
        made.append(
            Field(name=name, kind=_kind(part), is_required=is_required, note=part.get("description", ""), depth=depth)
        )
        if depth < DEEPEST:
            made += _fields(part, depth + 1)
    return made


def _followed(found: Schema) -> Schema:
    """Return what a schema is once null is left out and its reference followed."""
    choices = [one for one in _choices(found) if one != {"type": "null"}]
    if len(choices) == 1:
        return _followed(choices[0])
    if "allOf" in found:
        return _followed(found["allOf"][0])
    if "$ref" in found:
        return _followed(schema()["components"]["schemas"][found["$ref"].rpartition("/")[2]])
    return found


def _choices(found: Schema) -> list[Schema]:
    return list(found.get("oneOf") or found.get("anyOf") or [])


def _kind(found: Schema) -> str:
    """Return what a value is, in a few words."""
    if "enum" in found:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in found["enum"])
    if choices := _choices(found):
        return " | ".join(dict.fromkeys(_kind(one) for one in choices))
    if "$ref" in found or "allOf" in found:
        return _kind(_followed(found)) if "properties" not in _followed(found) else "object"
    kind = found.get("type", "any")
    words = kind if isinstance(kind, list) else [kind]
    if "array" in words:
        words = [f"list of {_kind(found.get('items', {}))}" if word == "array" else word for word in words]
    return " | ".join(words)


def _commands(one: Operation) -> list[tuple[str, str]]:
    address = f"{settings.PUBLIC_URL}{one.path}"
    return [("curl", _curl(one, address)), ("Python", _python(one, address)), ("JavaScript", _javascript(one, address))]


def _curl(one: Operation, address: str) -> str:
    lines = [f"curl -X {one.method} '{address}'"]
    if not one.is_open:
        lines.append(f"-H 'Authorization: Bearer {KEY}'")
    if "multipart" in one.kind:
        lines += [f"-F '{name}={'@' if name in one.files else ''}{value}'" for name, value in _sent(one).items()]
    elif one.example:
        quoted = json.dumps(_sent(one), ensure_ascii=False).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{quoted}'"]
    return " \\\n  ".join(lines)


def _python(one: Operation, address: str) -> str:
    arguments = [f'"{one.method}"', f'"{address}"']
    if not one.is_open:
        arguments.append(f'headers={{"Authorization": "Bearer {KEY}"}}')
    if "multipart" in one.kind:
        files = ", ".join(f'"{name}": open("{_sent(one)[name]}", "rb")' for name in one.files)
        arguments.append(f"files={{{files}}}")
        if others := {name: value for name, value in _sent(one).items() if name not in one.files}:
            arguments.append(f"data={others!r}")
    elif one.example:
        arguments.append(f"json={_sent(one)!r}")
    inside = "".join(f"    {argument},\n" for argument in arguments)
    read = "reply.json()" if _is_json(one) else "reply.text"
    return f"import httpx\n\nreply = httpx.request(\n{inside})\nprint({read})"


def _javascript(one: Operation, address: str) -> str:
    headers = {} if one.is_open else {"Authorization": f"Bearer {KEY}"}
    options = [f'method: "{one.method}"']
    body = ""
    if "multipart" in one.kind:
        body = "const form = new FormData();\n"
        for name, value in _sent(one).items():
            shown = "file" if name in one.files else json.dumps(value, ensure_ascii=False)
            body += f'form.append("{name}", {shown});\n'
        options.append("body: form")
    elif one.example:
        headers["Content-Type"] = "application/json"
        options.append(f"body: JSON.stringify({json.dumps(_sent(one), ensure_ascii=False)})")
    if headers:
        options.insert(1, f"headers: {json.dumps(headers, ensure_ascii=False)}")
    inside = "".join(f"  {option},\n" for option in options)
    read = "json" if _is_json(one) else "text"
    return f'{body}const reply = await fetch("{address}", {{\n{inside}}});\nconsole.log(await reply.{read}());'


def _sent(one: Operation) -> dict[str, Any]:
    """Return the example of what is sent."""
    found: dict[str, Any] = json.loads(one.example)
    return found


def _is_json(one: Operation) -> bool:
    return not one.answer_kinds or "application/json" in one.answer_kinds
