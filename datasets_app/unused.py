"""Keys of a row that nothing reads: named once for a file, with how many rows have them."""

from collections.abc import Iterator, Mapping
from typing import Any

from chat.parsing import MASKS

BESIDE = frozenset(
    {"id", "idx", "index", "source", "dataset", "metadata", "meta", "category", "type", "lang", "language", "tags",
     "score"}
)  # fmt: skip
"""Keys that people keep beside a conversation for themselves, and that mean nothing here."""
IN_MESSAGES = frozenset(
    {"role", "content", "from", "value", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio",
     "annotations", "id", *MASKS}
)  # fmt: skip
LONGEST_NAME = 60


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

    def items(self) -> Any:
        """Return all pairs: whoever asks for them carries every key over."""
        self.seen.update(self)
        return super().items()


def unused_keys(row: Read) -> Iterator[str]:
    """Yield the keys of a row, and of its messages, that hold something and that nothing has read."""
    for key, value in dict.items(row):
        if key not in row.seen and key not in BESIDE and not _is_empty(value):
            yield str(key)[:LONGEST_NAME]
    messages = dict.get(row, "messages") or dict.get(row, "conversations")
    found: dict[str, None] = {}
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping):
            found |= {
                str(k)[:LONGEST_NAME]: None for k, v in message.items() if k not in IN_MESSAGES and not _is_empty(v)
            }
    yield from (f"messages[].{key}" for key in found)


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
