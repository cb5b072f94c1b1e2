"""Keys of a row that nothing reads: named once for a file, with how many rows have them, and asked about where they
hold what would be missed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from chat.parsing import MASKS
from common.texts import storable
from datasets_app.shapes.asking import Kind, Said, kind_of

BESIDE = (
    "id", "idx", "index", "source", "dataset", "metadata", "meta", "category", "type", "lang", "language", "tags",
    "score",
)  # fmt: skip
"""Keys that people keep beside a conversation for themselves: only mentioned, as long as they have no text."""
IN_MESSAGES = frozenset(
    {"role", "content", "from", "value", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
     "annotations", "id", *MASKS}
)  # fmt: skip
OTHER_LISTS = ("conversation", "dialog", "dialogue", "turns", "chat", "items")
"""Other names under which a row keeps its messages."""
IN_PAIRS = frozenset(
    {"human", "user", "question", "prompt", "input", "assistant", "gpt", "bot", "answer", "response", "output"}
)
LISTS = {
    "messages": ("messages", IN_MESSAGES),
    "conversations": ("messages", IN_MESSAGES),
    **{name: (name, IN_MESSAGES) for name in OTHER_LISTS},
    "request": ("request", IN_MESSAGES | {"text"}),
    "contents": ("contents", frozenset({"role", "parts"})),
    **{name: (name, IN_MESSAGES) for name in ("prompt", "input", "completion", "response", "answer", "output")},
}
"""Lists of messages, with what they are called in a name, and the keys that are read in them."""
PARSED = ("tools", "functions", "system", "system_prompt")
"""Keys that the parser of messages uses, though it may end before it reaches them."""
NAMELESS = "(no name)"
"""What a column without a name is called."""
LONGEST_NAME = 60
MOST_UNUSED = 50
"""The most keys that are named; a file with more has data in its keys."""
SHOWN_CHARACTERS = 300


class Read(dict[str, Any]):
    """A row that remembers which of its keys were read."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__(row)
        self.seen: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)


class Unused:
    """What nothing reads in the rows of one file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Keys with the number of rows that have them."""
        self.asked: dict[str, tuple[Kind, str]] = {}
        """Keys that are worth a question, with what they hold and the beginning of the first one."""

    def add_row(self, row: Read, said: Said) -> None:
        """Count what nothing has read in the row; `said` is what is learned of it."""
        for name, key, value in unused_of(row):
            is_open = name not in self.asked and len(self.asked) < MOST_UNUSED
            if is_open and (found := kind_of(key, value, said)) is not None:
                kind, text = found
                if kind == "text" and not isinstance(value, str) and not is_texts(value):
                    kind = "part"  # an object cannot be said by anybody
                self.asked[name] = kind, storable(text[:SHOWN_CHARACTERS])
            self.count(name)

    def add_part(self, name: str) -> None:
        """Count text inside of what is read, such as a thought, that is left out."""
        if len(self.asked) < MOST_UNUSED:
            self.asked.setdefault(name, ("part", ""))
        self.count(name)

    def count(self, name: str, number: int = 1) -> None:
        """Count a key that is not used; one that is named is counted to the end."""
        if name in self.counts or name in self.asked or len(self.counts) < MOST_UNUSED:
            self.counts[name] += number

    def to_json(self) -> dict[str, Any]:
        """Return the names with their counts, the most frequent first, and what is asked about, in lists: a JSON object
        has no order in the database."""
        ordered = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        asked = [[name, *self.asked[name]] for name, _count in ordered if name in self.asked]
        return {"unused": [list(pair) for pair in ordered], "asked": asked}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unused) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]


def unused_of(row: Read) -> Iterator[tuple[str, str, Any]]:
    """Yield (name as shown, key, value) of what a row and its messages contain and nothing uses."""
    for key, value in dict.items(row):
        if key not in row.seen and not is_empty(value):
            yield name_of(key), str(key), value
    found: dict[str, tuple[str, str, Any]] = {}
    for place, (prefix, keys) in LISTS.items():
        messages = dict.get(row, place) if place in row.seen else None
        for message in messages if isinstance(messages, list) else ():
            if not isinstance(message, Mapping):
                continue
            is_pair = keys is IN_MESSAGES and not {"role", "content", "from", "value"} & message.keys()
            known = IN_PAIRS if is_pair else keys
            for key, value in message.items():
                if key not in known and not is_empty(value):
                    name = f"{prefix}[].{name_of(key)}"
                    # Of one row one value for each name: the longest says most.
                    if name not in found or len(str(value)) > len(str(found[name][2])):
                        found[name] = name, str(key), value
    yield from found.values()


def name_of(key: object) -> str:
    """Return a key as it is shown and answered about."""
    return storable(str(key)[:LONGEST_NAME]) or NAMELESS


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def is_texts(value: Any) -> bool:
    """Return whether it is a list of texts."""
    return isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
