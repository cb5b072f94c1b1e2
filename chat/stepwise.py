"""Templates that write each message independently, worked out once for every kind of message.

Most chat templates are a loop whose body puts a message's text between constants. For a conversation of plain messages
what they write depends on nothing but the roles, so the template is run symbolically, with texts that nothing may look
into, once for each (first role, role, first or not); a conversation is then a concatenation. Whatever a template does
beyond that (to look ahead, at the length, into a text) is `Unsupported`, and the template itself is rendered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chat.sandbox import parse_template
from chat.symbolic import ROLES, Content, Frame, Part, Unsupported, merged

Around = tuple[str, str, bool]
"""What comes before and after a message's text, and whether the text is stripped."""


@dataclass(frozen=True)
class Step:
    """What is written around one message's text."""

    parts: tuple[Part, ...]

    def write(self, content: str, first: str) -> str:
        return "".join([part if isinstance(part, str) else _text(part, content, first) for part in self.parts])

    def around(self) -> Around | None:
        """Return what comes before and after the text, and whether it is stripped; None for any other step."""
        places = [place for place, part in enumerate(self.parts) if isinstance(part, Content)]
        if len(places) != 1 or places[0] > 1 or len(self.parts) > places[0] + 2:
            return None
        text = self.parts[places[0]]
        assert isinstance(text, Content)
        before, after = self.parts[: places[0]], self.parts[places[0] + 1 :]
        return None if text.is_first else ("".join(map(str, before)), "".join(map(str, after)), text.is_stripped)


def _text(part: Content, content: str, first: str) -> str:
    text = first if part.is_first else content
    return text.strip() if part.is_stripped else text


@dataclass(frozen=True, kw_only=True)
class Table:
    """All steps of conversations that begin with one role."""

    first: Around
    """Of the first message, with what comes before all of them."""
    later: dict[str, Around]
    """Of each role; a role that is missing cannot be worked out."""


class Stepwise:
    """A template in steps, as far as it can be worked out."""

    def __init__(self, source: str, variables: Mapping[str, Any]) -> None:
        """`variables` are the constants that every rendering gets, such as bos_token."""
        self._tree = parse_template(source)
        self._variables = {**variables, "tools": None, "documents": None, "add_generation_prompt": False}
        self._steps: dict[tuple[str, str, bool], Step | None] = {}
        self._heads: dict[str, Step | None] = {}
        self._tables: dict[str, Table | None] = {}

    def write(self, messages: Sequence[tuple[str, str]]) -> list[str] | None:
        """Return what comes before all messages, then what each (role, text) writes; None where it is not known."""
        if not messages:
            return None
        first_role, first = messages[0]
        head = self._head(first_role)
        if head is None:
            return None
        written = [head.write("", first)]
        for number, (role, content) in enumerate(messages):
            step = self.step(first_role, role, is_first=number == 0)
            if step is None:
                return None
            written.append(step.write(content, first))
        return written

    def step(self, first_role: str, role: str, *, is_first: bool) -> Step | None:
        """Return what is written around a message; None where it is not known."""
        key = (first_role, role, is_first)
        if key not in self._steps:
            self._steps[key] = self._worked_out(first_role, lambda frame: frame.message(role, is_first=is_first))
        return self._steps[key]

    def table(self, first_role: str) -> "Table | None":
        """Return the steps of conversations that begin with this role, where each is one text between constants."""
        if first_role not in self._tables:
            self._tables[first_role] = self._table(first_role)
        return self._tables[first_role]

    def _table(self, first_role: str) -> "Table | None":
        head, first = self._head(first_role), self.step(first_role, first_role, is_first=True)
        if head is None or first is None:
            return None
        own = [
            replace(part, is_first=False) if isinstance(part, Content) else part for part in head.parts + first.parts
        ]
        around = Step(tuple(merged(own))).around()
        if around is None:
            return None
        later = {role: self.step(first_role, role, is_first=False) for role in ROLES}
        known = {role: found for role, step in later.items() if step is not None and (found := step.around())}
        return Table(first=around, later=known)

    def _head(self, first_role: str) -> Step | None:
        if first_role not in self._heads:
            self._heads[first_role] = self._worked_out(first_role, lambda frame: frame.before)
        return self._heads[first_role]

    def _worked_out(self, first_role: str, work: Callable[["Frame"], Sequence[Part]]) -> Step | None:
        try:
            return Step(tuple(merged(work(Frame(self._tree, self._variables, first_role)))))
        except Unsupported:
            return None
