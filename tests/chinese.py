"""Messages as a Chinese page says them, by the source of the translations: the compiled file may be older."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel.messages import pofile

from wording import Message

SOURCE = Path(__file__).parents[1] / "locale/zh_Hans/LC_MESSAGES/django.po"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Words that only a sentence left in English holds: what a message names may be English.
LEFT_IN_ENGLISH = re.compile(r"\b(?:the|is|has|have|not|was|were|must|cannot|which)\b", re.IGNORECASE)


@cache
def _translations() -> dict[str, str]:
    with SOURCE.open("rb") as stream:
        messages = pofile.read_po(stream, locale="zh_Hans")
    found = {}
    for entry in messages:
        ids, texts = (entry.id, entry.string) if isinstance(entry.id, tuple) else ((entry.id,), (entry.string,))
        found |= {one: str(texts[0]) for one in ids if texts and texts[0]}
    return found


def in_chinese(message: Message) -> str:
    """Return what a Chinese page shows."""
    return message.in_words(lambda one, many=None, number=1: _translations().get(one, one))


def assert_is_chinese(message: Message) -> None:
    said = in_chinese(message)
    assert CHINESE.search(said), message
    assert not LEFT_IN_ENGLISH.search(said), f"{message} → {said}"


def refusal(act: Callable[[], object], *kinds: type[Exception]) -> Message:
    """Return the message with which `act` is refused."""
    try:
        act()
    except kinds as error:
        message = error.message  # type: ignore[attr-defined]
        assert isinstance(message, Message)
        return message
    raise AssertionError("It was not refused.")
