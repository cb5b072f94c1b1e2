"""The small files that people tried, and made-up ones, as they are read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets_app.checking.report import Report
from datasets_app.shapes.examples import Example, open_examples
from tests.datasets_app.dataset_makers import Trickle, checked

SMALL = Path(__file__).parent / "cases" / "small"


def report_of(name: str) -> Report:
    """Return the verdict, which is the same whether rows are read the quick or the general way."""
    return checked((SMALL / name).read_bytes(), name)


def conversations(name: str) -> list[Any]:
    """Return what is learned of a small file."""
    return learned((SMALL / name).read_bytes(), name)


def learned(content: bytes, name: str = "rows.jsonl") -> list[Any]:
    """Return the conversations of a file."""
    items = open_examples(Trickle(content, 1 << 20), name)
    return [item.conversation for item in items if isinstance(item, Example)]


def said(content: bytes, name: str = "rows.jsonl") -> list[list[tuple[str, str]]]:
    """Return who says what in each conversation of a file that is good."""
    assert checked(content, name).kinds == {}
    return [[(message.role, message.content) for message in found.messages] for found in learned(content, name)]


def written(values: Iterable[Any]) -> bytes:
    """Return each value as a line of JSON."""
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values).encode()
