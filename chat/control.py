"""Keeps text inside a message from becoming a control token.

A message whose text holds something like a control token is rendered with private marks around it. The marks survive
the template, so that the text between them is tokenised as ordinary text while the template's own control tokens, in
the same rendered text, stay what they are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chat.errors import ChatError
from chat.messages import message
from chat.sandbox import template_literals

# Unicode's noncharacters, which no text should hold; a pair that the conversation does not hold is taken.
_MARKS = tuple((chr(code), chr(code + 1)) for code in range(0xFDD0, 0xFDEF, 2))
_MARKUP = re.compile(r"<\|.*\|>|<｜.*｜>|\[/?[A-Z_]+\]|</?s>", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A part of a rendered text."""

    text: str
    start: int
    """Its first character's place in the marked text."""
    is_plain: bool
    """True where nothing may match a control token."""
    is_fresh: bool
    """True at the very start of the text."""


class ControlTokens:
    """The tokens that structure a conversation, and how to keep texts from imitating them."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = frozenset(token for token in tokens if token)

    @classmethod
    def of(cls, added_tokens: Sequence[Mapping[str, Any]], template_source: str) -> "ControlTokens":
        """Take a tokenizer's special tokens, and of its other added ones those that the template writes or that
        look like markup. The rest (runs of spaces, HTML tags, words) are ordinary text to a model."""
        literals = template_literals(template_source)
        return cls(
            token["content"]
            for token in added_tokens
            if token.get("special") or _MARKUP.fullmatch(token["content"]) or _is_written(token["content"], literals)
        )

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Match a control token, or a part of one at either end of a text, which a template's text could complete."""
        whole = "|".join(map(re.escape, sorted(self.tokens, key=lambda token: (-len(token), token))))
        if not whole:
            return re.compile(r"(?!)")
        heads = {token[:size] for token in self.tokens for size in range(2, len(token))}
        tails = {token[size:] for token in self.tokens for size in range(1, len(token) - 1)}
        head = "|".join(map(re.escape, sorted(heads, key=lambda text: (-len(text), text)))) or "(?!)"
        tail = "|".join(map(re.escape, sorted(tails, key=lambda text: (-len(text), text)))) or "(?!)"
        return re.compile(rf"(?P<whole>{whole})|(?P<head>{head})(?=\s*\Z)|\A\s*(?P<tail>{tail})")

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        whole = "|".join(map(re.escape, sorted(self.tokens, key=lambda token: (-len(token), token))))
        return re.compile(whole or r"(?!)")

    @cached_property
    def _heads(self) -> tuple[str, ...]:
        return tuple({token[:size] for token in self.tokens for size in range(2, len(token))})

    @cached_property
    def _tails(self) -> tuple[str, ...]:
        return tuple({token[size:] for token in self.tokens for size in range(1, len(token) - 1)})

    @cached_property
    def _edges(self) -> tuple[str, ...]:
        """First and last characters of the tokens: a text with none of them holds no token, nor a part of one."""
        return tuple({token[0] for token in self.tokens} | {token[-1] for token in self.tokens})

    def occur_in(self, text: str) -> bool:
        """Return whether `text` holds a control token, or could form one together with a template's text."""
        for edge in self._edges:
            if edge in text:
                break
        else:
            return False
        return (
            self._whole.search(text) is not None
            or text.rstrip().endswith(self._heads)
            or text.lstrip().startswith(self._tails)
        )

    def first_in(self, text: str) -> str | None:
        """Return the first control token in `text`."""
        found = self._whole.search(text)
        return found[0] if found else None

    def end_of_last(self, text: str) -> int:
        """Return the position after the last control token in `text` and the rest of its line, a turn's header."""
        ends = [match.end() for match in self._whole.finditer(text)]
        if not ends:
            return 0
        header = re.match(r"[a-z]*\n+|\s*", text[ends[-1] :])
        return ends[-1] + (header.end() if header else 0)

    def without(self, text: str) -> str:
        """Return `text` without its control tokens."""
        return self._whole.sub("", text)

    def occur_anywhere(self, values: Any) -> bool:
        """Return whether any text inside nested lists and objects needs marks."""
        return any(self.occur_in(text) for text in texts_of(values))

    def mark(self, values: Any, marks: tuple[str, str]) -> Any:
        """Return `values` with every imitation of a control token between marks."""
        return _mapped(values, lambda text: self._marked(text, marks))

    def _marked(self, text: str, marks: tuple[str, str]) -> str:
        if not self.occur_in(text):
            return text
        opening, closing = marks

        def wrapped(match: re.Match[str]) -> str:
            if match["whole"]:
                return opening + match["whole"] + closing
            # A lone mark breaks the text, so that what follows or comes before cannot complete the token.
            return match[0] + closing if match["head"] else opening + match[0]

        return self.pattern.sub(wrapped, text)


def free_marks(values: Any) -> tuple[str, str]:
    """Return two characters that occur nowhere in `values`."""
    everything = set().union(*map(set, texts_of(values)))
    for marks in _MARKS:
        if everything.isdisjoint(marks):
            return marks
    raise ChatError(message("noncharacters_used_up").followed_by(message("remove_them")), code="content_not_unicode")


def pieces_of(text: str, marks: tuple[str, str] | None, offset: int) -> list[Piece]:
    """Split a part of a rendered text, which starts at `offset` of the whole, at its marks."""
    if marks is None:
        return [Piece(text=text, start=offset, is_plain=False, is_fresh=offset == 0)] if text else []
    opening, closing = marks
    pieces, position = [], 0
    for match in re.finditer(f"{opening}[^{opening}{closing}]*{closing}|[{opening}{closing}]", text):
        pieces.append((text[position : match.start()], position, False))
        pieces.append((match[0].strip(opening + closing), match.start() + 1, True))
        position = match.end()
    pieces.append((text[position:], position, False))
    return [
        Piece(text=part, start=offset + start, is_plain=is_plain, is_fresh=offset + start == 0)
        for part, start, is_plain in pieces
        if part
    ]


def unescape_marks(text: str, marks: tuple[str, str]) -> str:
    """Turn marks back that a template's `tojson(ensure_ascii=True)` has escaped."""
    for mark in marks:
        text = text.replace(f"\\u{ord(mark):04x}", mark)
    return text


def texts_of(values: Any) -> Iterable[str]:
    """Yield every text inside nested lists and objects, keys included, without recursion."""
    pending = [values]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            pending.extend(value.keys())
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)


def _mapped(value: Any, change: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return change(value)
    if depth > 200:
        raise ChatError(message("tools_too_deep"), code="too_deep")
    if isinstance(value, Mapping):
        return {_mapped(key, change, depth + 1): _mapped(item, change, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change, depth + 1) for item in value]
    return value


def _is_written(token: str, literals: str) -> bool:
    return token in literals and not token.isspace() and not token.isalnum()
