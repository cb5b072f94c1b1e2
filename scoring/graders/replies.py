"""Reads what judges reply: JSON where they keep to the format, and words where they do not."""

import json
import re
from collections.abc import Sequence
from typing import Any

from scoring.errors import ScoringError
from scoring.messages import message
from scoring.texts import HAN

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
_OBJECT = re.compile(r"\{[^{}]*\}")


def score_format(bounds: tuple[float, float]) -> dict[str, Any]:
    """Return OpenAI's response_format for a score: reasons first, since a number after them is the better one."""
    low, high = bounds
    result = {"type": "number", "minimum": low, "maximum": high}
    return _format("score", {"steps": {"type": "string"}, "result": result})


def label_format(labels: Sequence[str]) -> dict[str, Any]:
    """Return OpenAI's response_format for one of `labels`."""
    return _format("label", {"steps": {"type": "string"}, "result": {"type": "string", "enum": list(labels)}})


def score_closing(bounds: tuple[float, float]) -> str:
    """Return what a judge is told that nothing holds to a format."""
    low, high = (f"{bound:g}" for bound in bounds)
    return f"Say in a few words why, then end with the score alone: a number from {low} to {high}."


def label_closing(labels: Sequence[str]) -> str:
    """Return what a judge is told that nothing holds to a format."""
    return f"Say in a few words why, then end with one of these labels alone: {', '.join(labels)}."


def read_score(reply: str, bounds: tuple[float, float]) -> float:
    """Return the score in a judge's reply; ScoringError without one, or with one outside `bounds`.

    In words the last number counts: judges reason first. One such as "8/10" or "8 out of 10" is eight.
    """
    found = _from_json(reply, ("result", "score", "rating", "grade"))
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        numbers = _NUMBER.findall(re.sub(r"(\d)\s*(?:/|out of|分之)\s*\d+(?:\.\d+)?", r"\1", reply))
        found = float(numbers[-1]) if numbers else None
    if found is None or not bounds[0] <= found <= bounds[1]:
        low, high = (f"{bound:g}" for bound in bounds)
        raise ScoringError(message("judge_without_score", reply=_shown(reply), low=low, high=high))
    return float(found)


def read_label(reply: str, labels: Sequence[str]) -> str:
    """Return the label in a judge's reply; ScoringError without one.

    In words the label that is said last counts; of two that end alike the longer one ("not correct", "correct").
    """
    found = _from_json(reply, ("result", "label", "answer", "verdict"))
    text = found if isinstance(found, str) else reply
    places = [(end, len(label), label) for label in labels for end in _ends(text, label)]
    if not places:
        raise ScoringError(message("judge_without_label", reply=_shown(reply), labels=list(labels)))
    return max(places)[2]


def _ends(text: str, label: str) -> list[int]:
    """Return where `label` ends in `text`, as words of its own where it begins or ends with a Latin letter."""
    before = r"(?<![^\W" + HAN + r"])" if re.match(r"\w", label) and not re.match(f"[{HAN}]", label) else ""
    after = r"(?![^\W" + HAN + r"])" if re.search(r"\w$", label) and not re.search(f"[{HAN}]$", label) else ""
    return [found.end() for found in re.finditer(before + re.escape(label) + after, text, re.IGNORECASE)]


def _from_json(reply: str, keys: Sequence[str]) -> Any:
    """Return the value of the first of `keys` in the reply's JSON object; None without one."""
    for text in (reply, *reversed(_OBJECT.findall(reply))):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(body, dict):
            return next((body[key] for key in keys if key in body), None)
    return None


def _format(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}


def _shown(reply: str) -> str:
    return " ".join(reply.split())[:120]
