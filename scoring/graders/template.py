"""Templates of graders: text with {{ item.x }} and {{ sample.output_text }}, and nothing that runs.

They are not Jinja: no filters, loops or calls, only ways through JSON.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scoring.errors import ScoringError
from scoring.messages import message

LONGEST_CHARS = 100_000
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WAY = re.compile(r"\s*(item|sample)((?:\.[^\W\d]\w*|\.\d+|\[\d+\]|\['[^'\]]*'\]|\[\"[^\"\]]*\"\])+)\s*")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\['([^'\]]*)'\]|\[\"([^\"\]]*)\"\]")
SAMPLE_KEYS = ("output_text", "output_json", "output_tools", "choices", "model", "finish_reason")


@dataclass(frozen=True)
class Template:
    """A template that was read; its ways are known to be ways."""

    source: str
    parts: tuple["str | tuple[str, ...]", ...]
    """Texts, and ways: the keys from "item" or "sample" on."""

    def render(self, *, item: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
        """Return the text. ScoringError names a way that leads nowhere in this row."""
        values = {"item": item, "sample": sample}
        return "".join(part if isinstance(part, str) else _written(_follow(values, part)) for part in self.parts)


def sample_of(text: str) -> dict[str, Any]:
    """Return the `sample` of an answer: its text, what it holds as JSON where it is JSON, and the tools it calls.

    An answer in words calls none.
    """
    sample: dict[str, Any] = {"output_text": text, "output_tools": []}
    with suppress(ValueError, RecursionError):
        sample["output_json"] = json.loads(text, parse_constant=_no_json)
    return sample


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_template(source: Any, *, field: str) -> Template:
    """Read a template; ScoringError where it is no text, too long, or holds anything but ways."""
    if not isinstance(source, str):
        raise ScoringError(message("grader_not_text", where=field), field=field)
    if len(source) > LONGEST_CHARS:
        raise ScoringError(message("grader_text_too_long", where=field, most=LONGEST_CHARS), field=field)
    return Template(source, tuple(_parts(source, field)))


def _parts(source: str, field: str) -> "Iterable[str | tuple[str, ...]]":
    end = 0
    for found in _PLACEHOLDER.finditer(source):
        yield _text(source[end : found.start()], field)
        way = _WAY.fullmatch(found[1])
        if way is None:
            raise _refused(found[0], field)
        keys = tuple(
            next(key for key in step if key is not None) for step in map(re.Match.groups, _STEP.finditer(way[2]))
        )
        if way[1] == "sample" and keys[0] not in SAMPLE_KEYS:
            raise _refused(found[0], field)
        yield (way[1], *keys)
        end = found.end()
    yield _text(source[end:], field)


def _text(text: str, field: str) -> str:
    # Somebody who writes these means Jinja, and would be surprised to see them in the judge's prompt.
    for mark in ("{%", "{#", "{{"):
        if mark in text:
            raise _refused(text[text.index(mark) :][:40], field)
    return text


def _refused(what: str, field: str) -> ScoringError:
    return ScoringError(message("grader_placeholder", where=field, text=what[:80]), field=field)


def _follow(values: Mapping[str, Any], way: tuple[str, ...]) -> Any:
    found: Any = values
    for key in way:
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, (list, tuple)) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise ScoringError(message("grader_value_missing", name=".".join(way)), field=".".join(way))
    return found


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
