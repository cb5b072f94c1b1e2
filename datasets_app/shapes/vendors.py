"""Conversations as other vendors' tuning takes them, or as their products export them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from datasets_app.formats.raw_json import is_message
from datasets_app.messages import message
from datasets_app.shapes.base import Columns, Row, Shape, Turned, text_of
from datasets_app.shapes.others import is_lone

ANSWERS = ("completion", "response", "answer", "output")
_MARK = re.compile(r"\s*<\|[^|<>]{1,40}\|>:\s?")
_END = re.compile(r"\s*<eo[a-z]>\s*\Z")
_PLAIN_TURN = re.compile(r"\[(Human|MOSS)\]:\s?(.*?)<eo[ha]>\s*", re.DOTALL)


class _Turns:
    """Messages as they are gathered, with the place of each in the row and what of it is left out."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.places: dict[str, str] = {}
        self.left_out: dict[str, None] = {}

    def add(self, message: Any, place: str) -> None:
        self.places[f"messages[{len(self.messages)}]"] = place
        self.messages.append(message)

    def say(self, role: str, content: Any, place: str) -> None:
        self.places[f"messages[{len(self.messages)}].content"] = place
        self.messages.append({"role": role, "content": content})

    def turned(self, **more: Any) -> Turned:
        return Turned(value={"messages": self.messages, **more}, places=self.places, unused=tuple(self.left_out))


def _gemini(row: Row, columns: Columns) -> Turned:
    """Return Google's contents, whose parts are texts, calls of functions or what these return."""
    turns = _Turns()
    for key in ("systemInstruction", "system_instruction"):
        if (said := row.get(key)) not in (None, "", {}):
            parts = said.get("parts") if isinstance(said, Mapping) else said
            turns.say("system", _gemini_texts(parts, key, turns), f"{key}.parts")
    for number, content in enumerate(row["contents"]):
        place = f"contents[{number}]"
        if not isinstance(content, Mapping):
            turns.add(content, place)
            continue
        role = content.get("role", "user")
        for turn in _gemini_messages("assistant" if role == "model" else role, content.get("parts"), place, turns):
            turns.places[f"messages[{len(turns.messages)}].content"] = f"{place}.parts"
            turns.add(turn, place)
    tools = _gemini_tools(row.get("tools"))
    return turns.turned(**({"tools": tools} if tools else {}))


def _gemini_messages(role: Any, parts: Any, place: str, turns: _Turns) -> Iterator[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    rest: list[Any] = []
    for part in parts if isinstance(parts, list) else ():
        result, call = _mapping(part, "functionResponse"), _mapping(part, "functionCall")
        if result:
            content = json.dumps(result.get("response"), ensure_ascii=False)
            yield {"role": "tool", "name": result.get("name"), "content": content}
        elif call:
            function = {"name": call.get("name"), "arguments": call.get("args") or {}}
            calls.append({"id": f"call_{len(calls)}", "type": "function", "function": function})
        else:
            rest.append(part)
    if calls:
        said = _gemini_texts(rest, place, turns) or None
        yield {"role": role, "content": said, "tool_calls": calls}
    elif rest or not parts or not isinstance(parts, list):
        yield {"role": role, "content": _gemini_texts(rest if isinstance(parts, list) else parts, place, turns)}


def _gemini_texts(parts: Any, place: str, turns: _Turns) -> Any:
    """Return the parts as OpenAI's; what is not text stays unchanged, and the conversation's parser refuses it."""
    if not isinstance(parts, list):
        return parts
    texts: list[Any] = []
    for part in parts:
        if isinstance(part, Mapping) and part.get("thought"):
            turns.left_out[f"{place.partition('[')[0]}[].parts[].thought"] = None
        elif isinstance(part, Mapping) and {"inlineData", "fileData"} & part.keys():
            texts.append({"type": "file"})
        else:
            texts.append({"text": part} if isinstance(part, str) else part)  # as Google's SDK takes it
    return texts


def _gemini_tools(tools: Any) -> Any:
    if not isinstance(tools, list):
        return tools
    found: list[Any] = []
    for tool in tools:
        declared = tool.get("functionDeclarations") if isinstance(tool, Mapping) else None
        found += [{"type": "function", "function": f} for f in declared] if isinstance(declared, list) else [tool]
    return found


def _yandex(row: Row, columns: Columns) -> Turned:
    """Return the messages of the request, whose texts are called `text`, and the response."""
    turns = _Turns()
    for number, said in enumerate(row["request"]):
        place = f"request[{number}]"
        if isinstance(said, Mapping) and "text" in said and "content" not in said:
            said = {("content" if key == "text" else key): part for key, part in said.items()}
            turns.places[f"messages[{len(turns.messages)}].content"] = f"{place}.text"
        turns.add(said, place)
    turns.say("assistant", text_of(row, "response"), "response")
    return turns.turned()


def _moss(row: Row, columns: Columns) -> Turned:
    """Return MOSS's rounds without their marks; its thoughts, tool calls and their results are left out."""
    turns = _Turns()
    if said := text_of(row, "meta_instruction"):
        turns.say("system", said, "meta_instruction")
    row.get("conversation_id"), row.get("num_turns")
    rounds = row["chat"]
    for key in sorted(rounds, key=lambda key: (len(str(key)), str(key))):
        part = rounds[key]
        if not isinstance(part, Mapping):
            turns.add(part, f"chat.{key}")
            continue
        for name, text in part.items():
            if name not in ("Human", "MOSS") and _unmarked(text) not in ("", "None", None):
                turns.left_out[f"chat.turn.{name}"] = None
        turns.say("user", _unmarked(part.get("Human")), f"chat.{key}.Human")
        turns.say("assistant", _unmarked(part.get("MOSS")), f"chat.{key}.MOSS")
    return turns.turned()


def _unmarked(text: Any) -> Any:
    return _END.sub("", _MARK.sub("", text, count=1)) if isinstance(text, str) else text


def _plain_moss(row: Row, columns: Columns) -> Turned:
    """Return the rounds of MOSS's older form, one text: [Human]: …<eoh> [MOSS]: …<eoa>"""
    turns = _Turns()
    if said := text_of(row, "prefix"):
        turns.say("system", said, "prefix")
    row.get("num_turns")
    for found in _PLAIN_TURN.finditer(row["plain_text"]):
        turns.say("user" if found[1] == "Human" else "assistant", found[2].strip(), "plain_text")
    if _PLAIN_TURN.sub("", row["plain_text"]).strip():
        turns.left_out["plain_text (beside the turns)"] = None
    return turns.turned()


def _chatgpt(row: Row, columns: Columns) -> Turned:
    """Return the branch that was shown last; tools, thoughts and what is hidden are left out."""
    for key in row:  # the title, times and the like are the export's
        row.get(key)
    nodes, turns = row["mapping"], _Turns()
    path = _branch(nodes, row.get("current_node"))
    if any(_shown_text(node) for key, node in nodes.items() if key not in path):
        turns.left_out["mapping (other branches)"] = None
    for key in path:
        said = _message(nodes[key])
        text = _shown_text(nodes[key])
        if text is None:
            kind = _mapping(said, "content").get("content_type")
            if kind and any(_texts(said)):
                turns.left_out[f"mapping[].message ({str(kind)[:30]})"] = None
            continue
        role = str(_mapping(said, "author").get("role"))
        last = turns.messages[-1] if turns.messages else {}
        if role == "assistant" == last.get("role") and isinstance(text, str) and isinstance(last["content"], str):
            last["content"] += f"\n\n{text}"  # with what a tool did between them
        elif text:
            turns.say(role, text, f"mapping.{str(key)[:40]}")
    return turns.turned()


def _branch(nodes: Mapping[str, Any], last: Any) -> dict[str, None]:
    """Return the names of the nodes from the root to `last`, or to a leaf where that is unknown."""
    leaves = [key for key, node in nodes.items() if isinstance(node, Mapping) and not node.get("children")]
    key = last if isinstance(last, str) and last in nodes else next(reversed(leaves), None)
    path: dict[str, None] = {}
    while isinstance(key, str) and key in nodes and key not in path and isinstance(nodes[key], Mapping):
        path[key] = None
        key = nodes[key].get("parent")
    return dict.fromkeys(reversed(path))


def _message(node: Any) -> Mapping[str, Any]:
    return _mapping(node, "message")


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _texts(message: Mapping[str, Any]) -> list[str]:
    content = _mapping(message, "content")
    parts = content.get("parts")
    every = parts if isinstance(parts, list) else list(content.values())[1:]
    return [part for part in every if isinstance(part, str) and part.strip()]


def _shown_text(node: Any) -> Any:
    """Return what a message of the system, the user or the assistant says to be read; None for anything else."""
    message = _message(node)
    content = _mapping(message, "content")
    is_shown = not _mapping(message, "metadata").get("is_visually_hidden_from_conversation")
    is_text = content.get("content_type") in ("text", "multimodal_text") and isinstance(content.get("parts"), list)
    role = _mapping(message, "author").get("role")
    if not is_text or not is_shown or role == "tool" or message.get("recipient", "all") not in ("all", None):
        return None
    parts = content["parts"]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts) if "".join(parts).strip() or role == "user" else None
    return [{"type": "text", "text": part} if isinstance(part, str) else {"type": "file"} for part in parts]


def _prompt_messages(row: Row, columns: Columns) -> Turned:
    """Return the messages of the prompt and those of the completion, or its text."""
    prompt, answer = _of_messages(row)
    turns = _Turns()
    for number, said in enumerate(row[prompt]):
        turns.add(said, f"{prompt}[{number}]")
    if isinstance(row[answer], list):
        for number, said in enumerate(row[answer]):
            turns.add(said, f"{answer}[{number}]")
    else:
        turns.say("assistant", text_of(row, answer), answer)
    return turns.turned(**({"tools": row["tools"]} if row.get("tools") else {}))


def _of_messages(row: Row) -> tuple[str, str]:
    """Return the keys of a list of messages and of its answer; "" where there are none."""
    prompt = next(
        (k for k in ("prompt", "input") if isinstance(row.get(k), list) and row[k] and is_message(row[k][0])), ""
    )
    answer = next((key for key in ANSWERS if key in row), "")
    return (prompt, answer) if prompt and answer else ("", "")


def _is_gemini(row: Row) -> bool:
    contents = row.get("contents")
    return isinstance(contents, list) and any(isinstance(part, Mapping) and "parts" in part for part in contents)


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping)


SHAPES = (
    Shape(name="gemini", use="chat", words=message("shape_gemini"),
          fits=_is_gemini, turn=_gemini),
    Shape(name="yandexgpt", use="chat", words=message("shape_yandexgpt"),
          fits=lambda row: "response" in row and isinstance(row.get("request"), list), turn=_yandex),
    Shape(name="moss", use="chat", words=message("shape_moss"),
          fits=lambda row: any(str(key).startswith("turn_") for key in _mapping(row, "chat")), turn=_moss),
    Shape(name="moss", use="chat", words=message("shape_moss"),
          fits=lambda row: isinstance(row.get("plain_text"), str) and "[MOSS]:" in row["plain_text"],
          turn=_plain_moss),
    Shape(name="chatgpt", use="chat", words=message("shape_chatgpt"),
          fits=lambda row: any("message" in node for node in _mapping(row, "mapping").values() if _is_node(node)),
          turn=_chatgpt),
    Shape(name="prompt_messages", use="chat", words=message("shape_prompt_messages"),
          fits=lambda row: bool(_of_messages(row)[0]), turn=_prompt_messages),
)  # fmt: skip
LAST = (
    Shape(name="lone_message", use="none", words=message("shape_lone_message"), fits=is_lone),
)  # fmt: skip
