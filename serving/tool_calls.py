"""Finding tool calls in an answer, for model families that write them as Hermes and Qwen do."""

import json
import re
import uuid

from chat import ToolCall

OPENING = "<tool_call>"
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def split_tool_calls(text: str) -> tuple[str, list[ToolCall]]:
    """Return the answer without its `<tool_call>{json}</tool_call>` blocks, and these as OpenAI's tool calls.

    A block that is not a call in JSON stays text: the caller sees what the model wrote.
    """
    calls: list[ToolCall] = []

    def take(match: re.Match[str]) -> str:
        call = _parse(match[1])
        if call is None:
            return match[0]
        calls.append(call)
        return ""

    rest = _CALL.sub(take, text)
    return (rest.strip() if calls else text), calls


def _parse(text: str) -> ToolCall | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", {})
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call_id = f"call_{uuid.uuid4().hex[:24]}"
    return {"id": call_id, "type": "function", "function": {"name": value["name"], "arguments": written}}
