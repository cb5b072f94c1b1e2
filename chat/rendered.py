"""A conversation as a model sees it, and where each of its messages is among the tokens."""

import itertools
from dataclasses import dataclass

from chat.conversation import WrittenMessage
from chat.encoding import PieceIds


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Token ids with the mask of what is learned."""

    ids: list[int]
    trained: list[bool]
    """As long as `ids`: True where the token itself is learned."""
    spans: tuple[tuple[int, int, str], ...]
    """(start, end, role) of each message, in token positions; an assistant's span is what a training may learn."""

    @property
    def num_trained(self) -> int:
        """Return how many tokens are learned."""
        return sum(self.trained)

    def truncate(self, max_len: int) -> "Rendered":
        """Keep the first `max_len` tokens; an answer cut short loses its end-of-turn token with the rest."""
        if len(self.ids) <= max_len:
            return self
        spans = tuple((start, min(end, max_len), role) for start, end, role in self.spans if start < max_len)
        return Rendered(ids=self.ids[:max_len], trained=self.trained[:max_len], spans=spans)


@dataclass(frozen=True)
class Located:
    """A rendered conversation with the places where answers begin."""

    text: str
    answers: tuple[tuple[int, int], ...]
    """(message's index, place in `text`) of each assistant's message whose prompt is the text before it."""
    marks: tuple[str, str] | None
    """The marks around imitated control tokens in `text`, where there are any."""
    messages: list[WrittenMessage]
    """What the template was given."""


def spans_of(
    located: Located, found: list[list[PieceIds]], answers: dict[int, tuple[int, int]]
) -> tuple[tuple[int, int, str], ...]:
    """Return each message's tokens: an answer with its end of turn, of other messages the text."""
    spans = []
    place = 0
    pieces = [piece for segment in found for piece in segment]
    starts = [0, *itertools.accumulate(len(piece.ids) for piece in pieces)]
    answer_places = dict(located.answers)
    for number, turn in enumerate(located.messages):
        if number in answers:
            spans.append((*answers[number], turn["role"]))
            place = answer_places[number]
        content = (turn["content"] or "").strip()
        at = located.text.find(content, place) if content else -1
        if at < 0:
            continue
        place = at + len(content)
        if number not in answers:
            spans.append((_token_at(at, pieces, starts), _token_at(place, pieces, starts), turn["role"]))
    return tuple(spans)


def _token_at(place: int, pieces: list[PieceIds], starts: list[int]) -> int:
    for found, start in zip(pieces, starts, strict=False):
        if place < found.piece.start + len(found.piece.text):
            return start + found.token_at(place)
    return starts[-1]
