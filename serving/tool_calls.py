"""Finding calls of functions in an answer, as each family of models writes them."""

import json
import re
import uuid
from collections.abc import Collection
from typing import Any

from chat import ToolCall
from serving.call_forms import MISTRAL_MARK, Family
from serving.text import StopText

OPENING = "<tool_call>"
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_LEFT_OVER = re.compile(rf"\s*(?:<\|python_tag\|>|{re.escape(MISTRAL_MARK)})?\s*")
"""What may stand before a call of Llama or Mistral, where the tokenizer does not hide it."""
_FIRST = {Family.LLAMA: ("{", "<"), Family.MISTRAL: ("[",)}


class CallReader:
    """Takes an answer apart as it comes: text that may be a call waits until the answer is whole."""

    def __init__(self, family: Family, names: Collection[str]) -> None:
        self._family, self._names = family, names
        self._plain = StopText([OPENING])
        self._held = ""
        self._is_text = False

    def push(self, text: str) -> str:
        """Return the text that is certainly no call."""
        if self._is_text:
            return text
        self._held += text
        if self._family is Family.HERMES:
            return self._plain.push(text)
        begun = self._held.lstrip()
        if not begun or begun.startswith(_FIRST[self._family]):
            return ""
        self._is_text = True
        return self._held

    def end(self) -> tuple[str, list[ToolCall]]:
        """Return the text still owed and the calls."""
        if self._is_text:
            return "", []
        if self._family is Family.HERMES:
            if not self._plain.found:
                return self._plain.flush(), []
            return _hermes(self._held[self._held.find(OPENING) :])
        calls = _bare(self._held[_LEFT_OVER.match(self._held).end() :], self._names)  # type: ignore[union-attr]
        return ("", calls) if calls else (self._held, [])

    def split(self, text: str) -> tuple[str, list[ToolCall]]:
        """Return a whole answer without its calls, and these; what is no call in JSON stays text."""
        before = self.push(text)
        rest, calls = self.end()
        return ((before + rest).strip() if calls else text), calls


def _hermes(text: str) -> tuple[str, list[ToolCall]]:
    calls: list[ToolCall] = []

    def take(match: re.Match[str]) -> str:
        call = _call(_json(match[1]))
        if call is None:
            return match[0]
        calls.append(call)
        return ""

    rest = _CALL.sub(take, text)
    return (rest.strip() if calls else text), calls


def _bare(text: str, names: Collection[str]) -> list[ToolCall]:
    """Return the calls of an answer that is nothing but calls of known functions: an object, or a list of them."""
    value = _json(text.strip())
    calls = [_call(one) for one in (value if isinstance(value, list) else [value])]
    known = [call for call in calls if call is not None and call["function"]["name"] in names]
    return known if len(known) == len(calls) else []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _call(value: Any) -> ToolCall | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", value.get("parameters", {}))
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call_id = f"call_{uuid.uuid4().hex[:24]}"
    return {"id": call_id, "type": "function", "function": {"name": value["name"], "arguments": written}}
