"""What the old models are asked: the questions of their own validation and training rows, or a file of prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.errors import LuthierError
from luthier.rescue.folder import Folder, rows_of
from luthier.speaking import _

PER_MESSAGE = 4
"""Tokens around each message."""


@dataclass(frozen=True)
class Prompt:
    """A conversation up to the answer, and the answer of the row that it comes from."""

    messages: list[dict[str, Any]]
    reference: str | None = None
    tools: list[Any] | None = None
    origin: str = ""

    @property
    def key(self) -> str:
        """Return what tells this question from every other."""
        text = json.dumps([self.messages, self.tools], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def tokens(self) -> int:
        """Return about how many tokens it is: four letters each, of Chinese one. The server's own count comes later."""
        texts = [json.dumps(one, ensure_ascii=False) for one in [*self.messages, *(self.tools or [])]]
        wide = sum(ord(letter) > 0x2E7F for text in texts for letter in text)
        return (sum(map(len, texts)) - wide) // 4 + wide + PER_MESSAGE * len(self.messages)


def prompts_for(folder: Folder, job: dict[str, Any], *, given: Path | None, most: int) -> list[Prompt]:
    """Return up to `most` questions for a job's model, the same ones at every call.

    From a file of prompts where one is given, else from the validation rows and then the training rows. Which rows is
    chance, decided by their content.
    """
    if given is not None:
        return _few(_of_file(given, "prompts"), most)
    found: list[Prompt] = []
    for origin in ("validation_file", "training_file"):
        path = folder.data(job.get(origin))
        if path is not None and len(found) < most:
            known = {one.key for one in found}
            found += [one for one in _few(_of_file(path, origin), most) if one.key not in known]
    return found[:most]


def _few(found: Iterator[Prompt], most: int) -> list[Prompt]:
    unique = {one.key: one for one in found}
    return [unique[key] for key in sorted(unique)[:most]]


def _of_file(path: Path, origin: str) -> Iterator[Prompt]:
    """Yield the questions of rows in OpenAI's shape, of {"prompt", "reference"}, or of plain lines."""
    if not path.is_file():
        raise LuthierError(_("There is no file {path}.").format(path=path), code="no_such_file")
    if origin == "prompts" and path.suffix not in (".jsonl", ".json"):
        lines = path.read_text("utf-8-sig").splitlines()
        yield from (
            Prompt([{"role": "user", "content": line.strip()}], None, None, origin) for line in lines if line.strip()
        )
        return
    for row in rows_of(path):
        if isinstance(row.get("prompt"), str):
            yield Prompt([{"role": "user", "content": row["prompt"]}], row.get("reference"), None, origin)
        elif isinstance(row.get("messages"), list):
            yield from _of_row(row, origin)


def _of_row(row: dict[str, Any], origin: str) -> Iterator[Prompt]:
    """Yield the conversation up to its last answer."""
    messages = [
        {name: value for name, value in one.items() if name != "weight"}
        for one in row["messages"]
        if isinstance(one, dict)
    ]
    last = max((place for place, one in enumerate(messages) if one.get("role") == "assistant"), default=None)
    if last is None:
        if messages and messages[-1].get("role") == "user":
            yield Prompt(messages, None, row.get("tools"), origin)
    elif last > 0:
        yield Prompt(messages[:last], text_of(messages[last]), row.get("tools"), origin)


def text_of(message: dict[str, Any]) -> str:
    """Return what an answer says: its text, or the calls of tools that it makes."""
    calls = message.get("tool_calls")
    if calls:
        made = [one.get("function", {}) for one in calls]
        return json.dumps([[one.get("name"), _arguments(one.get("arguments"))] for one in made], ensure_ascii=False)
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _arguments(text: Any) -> Any:
    """Return a call's arguments as JSON has them, so that spaces make no difference."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text
