"""Which system prompt a model works with when a conversation has none, baked into its template."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from chat.control import ControlTokens
from chat.conversation import WrittenMessage
from chat.errors import ChatError
from chat.messages import message
from wording import Message

MAX_SYSTEM_CHARS = 32_000

Render = Callable[..., str]
"""(template source, messages, generation prompt, tools) -> text."""


@dataclass(frozen=True)
class SystemChoice:
    """The template's own system prompt, none at all, or the user's. A conversation's own always wins."""

    kind: Literal["model_default", "none", "custom"]
    text: str = ""
    """Of "custom": the prompt."""

    def __post_init__(self) -> None:
        if self.kind not in ("model_default", "none", "custom"):
            raise _refused(message("unknown_system_choice", kind=repr(self.kind)))
        if (self.kind == "custom") != bool(self.text.strip()):
            raise _refused(message("system_prompt_empty").followed_by(message("write_one_or_choose_none")))
        if len(self.text) > MAX_SYSTEM_CHARS:
            raise _refused(message("system_prompt_too_long", characters=len(self.text), most=MAX_SYSTEM_CHARS))
        if any("\ud800" <= letter <= "\udfff" for letter in self.text):
            raise _refused(message("system_prompt_half_a_character").followed_by(message("save_it_as_utf8")))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a form or an API call says: "default", "none", or the prompt itself."""
        word = text.strip()
        if word in ("", "default", "model_default"):
            return cls("model_default")
        return cls("none") if word == "none" else cls("custom", text)

    @property
    def word(self) -> str:
        """Return the choice as `parse` reads it."""
        return {"model_default": "default", "none": "none"}.get(self.kind, self.text)

    def to_json(self) -> dict[str, str]:
        """Return the choice as a JSON object."""
        return {"kind": self.kind, "text": self.text}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` has written."""
        kind, text = value.get("kind"), value.get("text", "")
        if kind not in ("model_default", "none", "custom") or not isinstance(text, str):
            raise _refused(message("no_system_choice"))
        return cls(kind, text)


def _refused(why: Message) -> ChatError:
    return ChatError(why, code="bad_system_choice", field="system")


MODEL_DEFAULT = SystemChoice("model_default")

_USER = "Qx7userQx7"
_SYSTEM = "Qx7systemQx7"
_ANSWER = "Qx7answerQx7"
_TOOL = {
    "type": "function",
    "function": {"name": "find", "description": "d", "parameters": {"type": "object", "properties": {}}},
}


@dataclass(frozen=True, kw_only=True)
class OwnPrompt:
    """What a template slips in before a conversation without a system message."""

    text: str
    """The prompt, as a model reads it."""
    block: str
    """The prompt with the control tokens and headers around it; empty where it is not a separate turn."""
    raw: str
    """The part of `block` that may also come before a user's own system prompt, as written."""


def find_own_prompt(source: str, render: Render, control: ControlTokens) -> OwnPrompt | None:
    """Detect by rendering what `source` inserts unasked; None when it inserts nothing."""
    bare = render(source, [_user()])
    shared = _shared_with_given(source, render, control, bare)
    turn = _user_turn(source, render)
    if turn is None or not bare.endswith(turn):
        # The prompt stands inside the first question: it can be told, but not cut out.
        return OwnPrompt(text=shared.strip(), block="", raw=shared) if shared else None
    lead = _before_any_turn(bare, turn)
    block = bare[len(lead) : len(bare) - len(turn)]
    words = control.without(block).strip()
    if not words:
        return None  # Nothing, or a begin-of-text token alone.
    raw = shared if shared is not None else words.removeprefix("system")
    return OwnPrompt(text=raw.strip(), block=block, raw=raw)


def _shared_with_given(source: str, render: Render, control: ControlTokens, bare: str) -> str | None:
    """Return the words in the place of a conversation's own system prompt; None where the two do not compare."""
    try:
        given = render(source, [_system(), _user()])
    except ChatError:
        return None  # A template that refuses system messages.
    before, found, after = given.partition(_SYSTEM)
    if not found or not bare.startswith(before) or not bare.endswith(after) or len(bare) < len(before) + len(after):
        return None
    return before[control.end_of_last(before) :] + bare[len(before) : len(bare) - len(after)]


def with_custom_prompt(source: str, text: str) -> str:
    """Return a template that puts `text` before every conversation without a system message."""
    literal = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")
    message = f"{{'role': 'system', 'content': {literal}}}"
    condition = "not messages or messages[0]['role'] != 'system'"
    # Jinja swallows exactly one line break after a block: this one, never one of the template's own.
    return f"{{% if {condition} %}}{{% set messages = [{message}] + messages %}}{{% endif %}}\n{source}"


def without_own_prompt(source: str, own: OwnPrompt, render: Render, builtins: Mapping[str, str]) -> str:
    """Return a template that equals `source` but slips nothing in; ChatError when none can be derived."""
    for candidate in (*_without_literal(source, own), *builtins.values()):
        if own.block and _is_equal_without(source, candidate, own, render):
            return candidate
    raise ChatError(
        message("own_system_prompt_fixed").followed_by(message("choose_another_system_prompt")),
        field="system",
    )


def _without_literal(source: str, own: OwnPrompt) -> list[str]:
    """Return variants of the source whose literal prompt is gone: with its whole block, then also the bare text."""
    variants = []
    for block in _spellings(own.block):
        variants.append(source.replace(block, ""))
    for text in _spellings(own.text):
        variants += [variant.replace(text, "") for variant in (*variants, source)]
    return [variant for variant in dict.fromkeys(variants) if variant != source]


def _spellings(text: str) -> list[str]:
    """Return the ways in which a template may write `text` between quotes."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    spellings = [text, escaped, escaped.replace("'", "\\'"), escaped.replace('"', '\\"')]
    return [spelling for spelling in dict.fromkeys(spellings) if spelling]


def _is_equal_without(source: str, candidate: str, own: OwnPrompt, render: Render) -> bool:
    """Compare by rendering: equal but for the prompt on conversations with and without a system message."""
    for messages, generation_prompt in _samples():
        try:
            expected = render(source, messages, generation_prompt)
            found = render(candidate, messages, generation_prompt)
        except ChatError:
            return False
        if messages[0]["role"] == "system":
            if found not in (expected, expected.replace(own.raw, "", 1)):
                return False
        elif found != expected.replace(own.block, "", 1):
            return False
    return not _mentions_with_tools(source, candidate, own, render)


def _mentions_with_tools(source: str, candidate: str, own: OwnPrompt, render: Render) -> bool:
    """Return whether the candidate loses the tools that the source writes, or still writes the prompt beside them."""
    try:
        expected = render(source, [_user()], True, [_TOOL])
        found = render(candidate, [_user()], True, [_TOOL])
    except ChatError:
        return True
    return bool(own.text and own.text in found) or ('"find"' in expected) != ('"find"' in found)


def _samples() -> list[tuple[list[WrittenMessage], bool]]:
    answer: WrittenMessage = {"role": "assistant", "content": _ANSWER}
    return [
        ([_user()], True),
        ([_user(), answer], False),
        ([_user(), answer, _user()], True),
        ([_user(), answer, _user(), answer], False),
        ([_system(), _user()], True),
        ([_system(), _user(), answer, _user(), answer], False),
    ]


def _user_turn(source: str, render: Render) -> str | None:
    """Return what the template writes for a user's message, learned from the second of two turns."""
    answer = {"role": "assistant", "content": _ANSWER}
    try:
        one = render(source, [_system(), _user(), answer])
        two = render(source, [_system(), _user(), answer, {"role": "user", "content": _USER + "2"}])
    except ChatError:
        return None
    if not two.startswith(one):
        return None
    return two[len(one) :].replace(_USER + "2", _USER)


def _before_any_turn(bare: str, user_turn: str) -> str:
    """Return what comes before any turn, such as a begin-of-text token: all that the block does not begin with."""
    # A system block begins like a user's, up to the name of the role.
    opening = user_turn[: user_turn.find("user")] if "user" in user_turn else ""
    at = bare.find(opening) if opening else -1
    return bare[:at] if at > 0 else ""


def _user() -> WrittenMessage:
    return {"role": "user", "content": _USER}


def _system() -> WrittenMessage:
    return {"role": "system", "content": _SYSTEM}
