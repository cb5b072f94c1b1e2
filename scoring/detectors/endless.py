"""Answers that do not end."""

from dataclasses import dataclass

SHORTEST_LOOP_CHARS = 48
"""A repeated end shorter than that may be meant: "ha ha ha", a row of dashes, "一、二、三"."""
FEWEST_TIMES = 4
"""Song lines and lists repeat themselves twice or three times; nobody says a thing four times and stops there."""
_LOOKED_AT_CHARS = 4000
"""A loop goes on to the end, so the end suffices."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What an answer says over and over at its end."""

    text: str
    times: int


def is_endless(answer: str, *, is_cut: bool) -> bool:
    """Return whether `answer` was cut off by the limit of tokens (`is_cut`), or turns in a loop at its end."""
    return is_cut or loop_of(answer) is not None


def loop_of(answer: str) -> Loop | None:
    """Return the shortest text that the end of `answer` repeats at least FEWEST_TIMES; the last time may be cut."""
    reversed_end = answer.rstrip()[-_LOOKED_AT_CHARS:][::-1]
    borders = _borders(reversed_end)
    for length in range(len(reversed_end), SHORTEST_LOOP_CHARS - 1, -1):
        period = length - borders[length]
        if length // period >= FEWEST_TIMES:
            text = reversed_end[length - period : length][::-1]
            return Loop(text=text, times=length // period) if text.strip() else None
    return None


def _borders(text: str) -> list[int]:
    """Return for each prefix the length of its longest border: Knuth, Morris and Pratt's failure function."""
    borders = [0] * (len(text) + 1)
    length = 0
    for end in range(1, len(text)):
        while length and text[end] != text[length]:
            length = borders[length]
        length += text[end] == text[length]
        borders[end + 1] = length
    return borders
