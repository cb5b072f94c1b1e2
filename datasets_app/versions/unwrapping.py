"""Turns what another model's template has written into turns: of rows of text, of messages, of the lines of a text."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets_app.formats.base import Item, RawRow, RowFault
from datasets_app.formats.json_values import too_long
from datasets_app.formats.streams import LONGEST_ROW
from datasets_app.shapes.examples import Example, as_copy
from datasets_app.shapes.markup import Markup, Turns, found_in, is_answered_in, mark_of, markup_of_lines

LOOKED_AT = 1000
"""Lines of a text by which it is decided where its conversations begin."""
_KEYS = (("messages", "role", "content"), ("conversations", "from", "value"))
_PLAIN = {"human": "user", "gpt": "assistant"}
KEPT = ("messages", "conversations")
"""Shapes whose rows keep all else that they hold; rows of others are written as messages."""


def unwrapped(value: Any, example: Example | RowFault) -> tuple[Any, bool]:
    """Return the row with its turns, and whether it had other ones; `example` is what it was read as."""
    for key, role, text in _KEYS:
        if isinstance(value, Mapping) and isinstance(value.get(key), list):
            turns = _messages(value[key], role, text)
            return ({**value, key: turns}, True) if turns is not None else (value, False)
    if not isinstance(example, Example):
        return value, False
    if example.conversation is None:
        found = found_in(example.text or "")
        if found is None or found.turns is None:
            return value, False
        rest = {key: part for key, part in value.items() if key != "text"} if isinstance(value, Mapping) else {}
        said = [{"role": role or "system", "content": words} for role, words in found.turns]
        return {**rest, "messages": said}, True
    copy = as_copy(example)
    turns = _messages(copy["messages"], "role", "content")
    return ({**copy, "messages": turns}, True) if turns is not None else (copy, False)


def _messages(messages: list[Any], role: str, text: str) -> list[Any] | None:
    """Return the messages with those turns that stood in them; None where none did."""
    found: list[Any] = []
    is_changed = False
    has_system = any(isinstance(m, Mapping) and m.get(role) == "system" for m in messages)
    for message in messages:
        turns = _turns_of(message, role, text)
        if turns is None:
            found.append(message)
            continue
        is_changed = True
        may_be_system = not has_system and not found
        found += _split(message, _led(turns, message[role], may_be_system=may_be_system), role, text)
    return found if is_changed else None


def _turns_of(message: Any, role: str, text: str) -> Turns | None:
    if not isinstance(message, Mapping) or not isinstance(message.get(text), str):
        return None
    own = message.get(role)
    own = _PLAIN.get(own, own) if isinstance(own, str) else own
    found = found_in(message[text], role=own) if own in ("system", "user", "assistant") else None
    return found.turns if found is not None else None


def _led(turns: Turns, own: str, *, may_be_system: bool) -> Turns:
    """Return the turns with what comes before the first mark as the system's, or put before what follows."""
    if turns[0][0] or len(turns) == 1:
        return tuple((role or own, words) for role, words in turns)
    preface, rest = turns[0][1], turns[1:]
    if _PLAIN.get(own, own) != "user":
        return ((own, preface), *rest)
    if may_be_system:
        return (("system", preface), *rest)
    return ((rest[0][0], f"{preface}\n\n{rest[0][1]}"), *rest[1:])


def _split(message: Mapping[str, Any], turns: Turns, role: str, text: str) -> Iterator[dict[str, Any]]:
    """Yield a message for each turn; the message's other fields stay with the turns of its own role."""
    own = message[role]
    for speaker, words in turns:
        if speaker == _PLAIN.get(own, own):
            yield {**message, text: words}
        else:
            yield {role: speaker, text: words}


def chats_in_lines(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the lines of a text put together into one row for each conversation; as they are where they are none."""
    items = iter(items)
    head = list(itertools.islice(items, LOOKED_AT))
    lines = [item for item in head if isinstance(item, RawRow)]
    markup = markup_of_lines([_text(line) for line in lines])
    every = itertools.chain(head, items)
    yield from every if markup is None else _put_together(every, _Beginnings.of(lines, markup))


@dataclass(frozen=True, kw_only=True)
class _Beginnings:
    """Where conversations begin: at the preface that each of them has, else at a system prompt, else at a question
    behind a blank line, else at each question."""

    markup: Markup
    preface: str
    has_system: bool
    needs_gap: bool

    @classmethod
    def of(cls, lines: list[RawRow], markup: Markup) -> "_Beginnings":
        texts = [_text(line) for line in lines]
        roles = [mark_of(text, markup)[0] for text in texts]
        gaps = {
            role for before, line, role in zip(lines, lines[1:], roles[1:], strict=False) if line.line > before.line + 1
        }
        return cls(
            markup=markup,
            preface="" if roles[0] or texts.count(texts[0]) < 2 else texts[0],
            has_system="system" in roles,
            needs_gap="user" in gaps and "assistant" not in gaps,
        )

    def is_one(self, line: RawRow, last_line: int) -> bool:
        """Return whether `line` begins a conversation, where another has already been answered."""
        role, _mark = mark_of(_text(line), self.markup)
        if self.preface:
            return _text(line) == self.preface
        if self.has_system:
            return role == "system"
        return role == "user" and (not self.needs_gap or line.line > last_line + 1)


def _put_together(items: Iterable[Item], beginnings: _Beginnings) -> Iterator[Item]:
    pending: list[RawRow] = []
    size, is_answered = 0, False
    for item in items:
        if isinstance(item, RowFault):
            yield item
            continue
        if is_answered and beginnings.is_one(item, pending[-1].line):
            yield _row(pending, size)
            pending, size, is_answered = [], 0, False
        is_answered = is_answered or is_answered_in(_text(item), beginnings.markup)
        size += item.num_bytes
        if size <= LONGEST_ROW or not pending:
            pending.append(item)
    if pending:
        yield _row(pending, size)


def _row(lines: list[RawRow], size: int) -> Item:
    """Return the row of these lines, with the blank ones that stood between them."""
    if size > LONGEST_ROW:
        return too_long(lines[0].line)
    text = _text(lines[0])
    parts = [text]
    for before, line in itertools.pairwise(lines):
        parts += ["\n" * (line.line - before.line), _text(line)]
    return RawRow(line=lines[0].line, value={"text": "".join(parts)}, num_bytes=size)


def _text(line: RawRow) -> str:
    return str(line.value["text"])
