"""A rendered conversation, and where each of its messages stands among the tokens."""

import itertools
from dataclasses import dataclass

from chat.conversation import WrittenMessage
from chat.encoding import PieceIds


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
