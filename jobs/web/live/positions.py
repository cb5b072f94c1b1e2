"""How far a reader of a job's stream is: in its events, and in the log of one of its attempts."""

import re
from dataclasses import dataclass, replace
from typing import Self

WRITTEN = re.compile(r"(\d{1,9})\.(\d{1,6})\.(\d{1,15})")


@dataclass(frozen=True)
class Position:
    """What a reader has. As text it is the id that a browser sends back when its connection broke."""

    number: int = 0
    """Of the newest event."""
    attempt: int = 0
    offset: int = 0
    """Bytes of the attempt's log, always whole lines."""

    def __str__(self) -> str:
        return f"{self.number}.{self.attempt}.{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        found = WRITTEN.fullmatch(text.strip())
        return cls(*map(int, found.groups())) if found else None

    def at_event(self, number: int) -> Self:
        return replace(self, number=number)

    def in_log(self, attempt: int, offset: int) -> Self:
        return replace(self, attempt=attempt, offset=offset)
