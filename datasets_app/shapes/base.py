"""What a row shape is: how it is recognised, and what it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chat import ChatError
from datasets_app.messages import message
from wording import Message

Use = Literal["chat", "text", "preference", "reinforcement", "none"]
Row = Mapping[str, Any]
Columns = Mapping[str, str]
"""What a user says: {"prompt": column, "answer": column, "system": column}."""


@dataclass(frozen=True, kw_only=True)
class Turned:
    """A row as OpenAI writes it, and where each part stood in the row itself."""

    value: Row
    """{"messages": [...], "tools": [...]} or {"text": ...}."""
    places: Mapping[str, str] = field(default_factory=dict)
    """From a place in `value` to the row's own: {"messages[0].content": "instruction"}."""
    unused: tuple[str, ...] = ()
    """Names of what inside of the row's parts is not learned."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One meaning of a row: an entry of shapes.SHAPES each."""

    name: str
    """As stored and shown: messages, alpaca, …"""
    use: Use
    """What its rows can train."""
    words: Message
    """What such rows are called, for a sentence."""
    fits: Callable[[Row], bool]
    """Whether a row is of this shape, by its keys."""
    turn: Callable[[Row, Columns], Turned] | None = None
    """Rewrite a row, or raise ChatError; None where it is named only, because nothing here can learn from it."""


def text_of(row: Row, key: str) -> Any:
    """Return a cell as text; "" where it is absent or null, and numbers as they are written.

    Anything else (a list, an object, true) is returned unchanged: the conversation's parser refuses what is not text.
    """
    value = row.get(key)
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def unread(row: Row, key: str) -> Any:
    """Return a value to look at, without its key counting as read."""
    return dict.get(row, key) if isinstance(row, dict) else row.get(key)


def has(*keys: str) -> Callable[[Row], bool]:
    """Return a test for rows that have all of `keys`."""
    wanted = frozenset(keys)
    return lambda row: wanted <= row.keys()


def only_answer(value: Any, field: str) -> Any:
    """Return the one text of a list, or of a list in one, a number as it is written, and anything else itself.

    SQuAD puts answers into an object, with their places in the context, and says the same one several times. Raises
    ChatError for several.
    """
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        texts = value["text"]
        value = texts[:1] if texts.count(texts[0] if texts else None) == len(texts) else texts
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | str | int | float):
        value = value[0]
    texts = [part for part in value if isinstance(part, list | str)] if isinstance(value, list) else []
    if len(texts) > 1:
        raise ChatError(
            message("several_answers", key=field, answers=len(texts)).followed_by(message("keep_the_best")),
            field=field,
        )
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
