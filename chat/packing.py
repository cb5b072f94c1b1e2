"""Many conversations rendered at once into flat arrays: what a token cache holds, at the speed of the tokenizer."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chat.conversation import Conversation, Message
from chat.rendered import Rendered

if TYPE_CHECKING:
    from chat.chat_format import ChatFormat

BATCH = 256
"""Conversations tokenised together."""


Plain = Sequence[tuple[str, str]]
"""(role, text) of each message of a conversation that has nothing else; every answer of it is learned."""


def plain_key(plain: Plain) -> bytes:
    """Return `as_conversation(plain).canonical_key()`, sooner."""
    messages = ", ".join([f'{{"content": {_quoted(content)}, "role": "{role}"}}' for role, content in plain])
    return f'{{"messages": [{messages}], "tools": []}}'.encode()


def as_conversation(plain: Plain) -> Conversation:
    return Conversation(messages=tuple(Message(role=role, content=content) for role, content in plain))


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Rendered conversations one after another."""

    ids: NDArray[np.uint32]
    """[tokens]"""
    trained: NDArray[np.uint8]
    """[tokens]: 1 where the token is learned."""
    lengths: NDArray[np.int64]
    """[rows]: tokens of each."""
    num_trained: NDArray[np.int64]
    """[rows]: learned tokens of each."""
    is_cut: NDArray[np.bool_]
    """[rows]: True where it was longer than it may be."""

    @classmethod
    def joined(cls, parts: Sequence["Packed"]) -> "Packed":
        """Return several batches as one."""
        return cls(
            ids=np.concatenate([part.ids for part in parts]),
            trained=np.concatenate([part.trained for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
            num_trained=np.concatenate([part.num_trained for part in parts]),
            is_cut=np.concatenate([part.is_cut for part in parts]),
        )

    def select(self, chosen: NDArray[np.bool_]) -> "Packed":
        """Return the rows where `chosen` [rows] is True."""
        if chosen.all():
            return self
        tokens = np.repeat(chosen, self.lengths)
        return Packed(
            ids=self.ids[tokens],
            trained=self.trained[tokens],
            lengths=self.lengths[chosen],
            num_trained=self.num_trained[chosen],
            is_cut=self.is_cut[chosen],
        )


def pack(chat_format: "ChatFormat", conversations: Iterable[Conversation | Plain], *, max_len: int) -> Iterator[Packed]:
    """Yield `ChatFormat.render` of the conversations, cut to `max_len` tokens, in batches and in order.

    Raises ChatError for a conversation that the template cannot write; which one of its batch is not said.
    """
    pending = iter(conversations)
    while batch := list(itertools.islice(pending, BATCH)):
        yield _packed(chat_format, batch, max_len)


def _packed(chat_format: "ChatFormat", batch: Sequence[Conversation | Plain], max_len: int) -> Packed:
    """Pack one batch: ordinary conversations are tokenised together, the others the general way."""
    segments = [segments_of(chat_format, conversation) for conversation in batch]
    encoded = iter(chat_format.encode_texts([text for found in segments if found is not None for text in found]))
    flat = _Flat(max_len)
    for conversation, found in zip(batch, segments, strict=True):
        parts = list(itertools.islice(encoded, len(found))) if found is not None else []
        if not parts or not flat.add_answers(parts, chat_format.stop_ids, _is_learned(conversation)):
            flat.add_rendered(_rendered(chat_format, conversation))
    return flat.packed()


def segments_of(chat_format: "ChatFormat", conversation: Conversation | Plain) -> list[str] | None:
    """Return the text cut where each answer begins; None for a conversation that is not ordinary.

    Ordinary are plain messages without imitated control tokens, in a template that writes them one by one and begins
    an answer as it asks for one.
    """
    plain = _as_plain(conversation) if isinstance(conversation, Conversation) else conversation
    header, steps = chat_format.answer_header, chat_format.stepwise
    if not plain or steps is None or not header or plain[0][0] == "assistant":
        return None
    table = steps.table(plain[0][0])
    if table is None:
        return None
    imitates, later, size = chat_format.imitates_control, table.later, len(header)
    segments, current, around = [], "", table.first
    for number, (role, content) in enumerate(plain):
        if number:
            found = later.get(role)
            if found is None:
                return None
            around = found
        if imitates(content):
            return None
        before, after, is_stripped = around
        if is_stripped:
            content = content.strip()
        if role != "assistant":
            current += before + content + after
            continue
        if not before.startswith(header):
            return None
        segments.append(current + header)
        current = before[size:] + content + after
    segments.append(current)
    return segments


def _as_plain(conversation: Conversation) -> Plain | None:
    if conversation.tools:
        return None
    plain = []
    for message in conversation.messages:
        if message.tool_calls or message.tool_call_id or message.name or message.content is None:
            return None
        plain.append((message.role, message.content))
    return plain


def _is_learned(conversation: Conversation | Plain) -> list[bool] | None:
    """Return which answers are learned; None for all of them."""
    if not isinstance(conversation, Conversation):
        return None
    return [message.is_trained for message in conversation.messages if message.role == "assistant"]


def _rendered(chat_format: "ChatFormat", conversation: Conversation | Plain) -> Rendered:
    if not isinstance(conversation, Conversation):
        conversation = as_conversation(conversation)
    return chat_format.render(conversation)


class _Flat:
    """Rows one after another, as they come."""

    def __init__(self, max_len: int) -> None:
        self._max_len = max_len
        self._ids: list[int] = []
        self._spans: list[tuple[int, int]] = []
        self._lengths: list[int] = []
        self._num_trained: list[int] = []
        self._is_cut: list[bool] = []

    def add_answers(self, parts: Sequence[list[int]], stop_ids: Sequence[int], learned: list[bool] | None) -> bool:
        """Append a conversation in parts, each but the first an answer up to the next one's prompt.

        False, with nothing appended, where an answer has no end of turn.
        """
        start, spans, place = len(self._ids), [], len(parts[0])
        for number in range(1, len(parts)):
            part = parts[number]
            end = _first_of(stop_ids, part)
            if end is None:
                return False
            if learned is None or learned[number - 1]:
                spans.append((place, place + end + 1))
            place += len(part)
        for part in parts:
            self._ids += part
        self._end_row(start, spans)
        return True

    def add_rendered(self, rendered: Rendered) -> None:
        start = len(self._ids)
        edges = np.flatnonzero(np.diff(np.asarray(rendered.trained, dtype=np.int8), prepend=0, append=0)).tolist()
        self._ids += rendered.ids
        self._end_row(start, list(zip(edges[::2], edges[1::2], strict=True)))

    def _end_row(self, start: int, spans: Sequence[tuple[int, int]]) -> None:
        length, most = len(self._ids) - start, self._max_len
        num_trained = 0
        for first, last in spans:
            last = min(last, most)
            if first < last:
                self._spans.append((start + first, start + last))
                num_trained += last - first
        if length > most:
            del self._ids[start + most :]
        self._lengths.append(min(length, most))
        self._num_trained.append(num_trained)
        self._is_cut.append(length > most)

    def packed(self) -> Packed:
        trained = np.zeros(len(self._ids), dtype=np.uint8)
        for first, last in self._spans:
            trained[first:last] = 1
        return Packed(
            ids=np.asarray(self._ids, dtype=np.uint32),
            trained=trained,
            lengths=np.asarray(self._lengths, dtype=np.int64),
            num_trained=np.asarray(self._num_trained, dtype=np.int64),
            is_cut=np.asarray(self._is_cut, dtype=np.bool_),
        )


def _first_of(wanted: Sequence[int], ids: list[int]) -> int | None:
    """Return the place of the first of the wanted ids."""
    places = []
    for token in wanted:
        try:
            places.append(ids.index(token))
        except ValueError:
            continue
    return min(places, default=None)
