"""Stored English sentences in the reader's language, translated when they are shown."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from django.utils.translation import get_language, gettext

from common.sentences import SENTENCES
from common.wording import in_words
from wording import AS_WRITTEN, Message

MOST_CHARACTERS = 2000
"""A longer message stays as it is: matching must not become work."""
DEEPEST_PART = 3
"""A part that is itself a sentence is translated too, up to so many levels down."""

_PLACEHOLDER = re.compile(r"\{(\d)\}")
# A variable part ends where the sentence ends: otherwise one template would swallow the sentences before it.
_PART = r"((?:(?![.!?] +[^a-z\s]).)+?)"
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?]) +(?=[^a-z\s])")
_CHINESE_END = tuple("。！？：；")


@dataclass(frozen=True, kw_only=True)
class Template:
    """A sentence with {0}, {1}, … for its variable parts."""

    text: str
    literals: tuple[str, ...]
    """What stands between the parts: a message without all of it cannot match."""
    pattern: re.Pattern[str]

    def parts_of(self, message: str) -> list[str] | None:
        """Return the variable parts of `message`, in the template's order; None where it is another sentence."""
        if not all(literal in message for literal in self.literals):
            return None
        found = self.pattern.fullmatch(message)
        return None if found is None else list(found.groups())


def template_of(text: str) -> Template:
    literals = _PLACEHOLDER.split(text)[::2]
    pattern = re.compile(_PART.join(map(re.escape, literals)), re.DOTALL)
    return Template(text=text, literals=tuple(literals), pattern=pattern)


def _rank(template: Template) -> tuple[bool, int]:
    """Ask those that end with another sentence first, then the one that says most: "The file is {0}." is vague."""
    return not template.text.endswith("}"), -sum(map(len, template.literals))


_TEMPLATES = sorted(map(template_of, SENTENCES), key=_rank)


def spoken(message: object) -> str:
    """Return a stored English message in the reader's language; what is not known stays as it is.

    Several sentences are tried together first and one by one then, so that each known one is translated.
    """
    if isinstance(message, Message):
        return in_words(_guessed(message))
    text = str(message or "")
    language = get_language() or "en"
    if not text or language.startswith("en") or len(text) > MOST_CHARACTERS:
        return text
    return _in_language(language, text)


def _guessed(message: Message) -> Message:
    """Return `message` with each text that has no code of its own, such as an old one, in the reader's language."""
    if message.code == AS_WRITTEN:
        text = spoken(message.params["text"])
        return replace(message, params={"text": text}, then=tuple(map(_guessed, message.then)))
    params = {name: _guessed(part) if isinstance(part, Message) else part for name, part in message.params.items()}
    return replace(message, params=params, then=tuple(map(_guessed, message.then)))


@lru_cache(maxsize=4096)
def _in_language(language: str, text: str) -> str:
    """Translate into the active language, which is `language`: it only tells the cached ones apart."""
    return _translated(text, DEEPEST_PART)


def _translated(text: str, depth: int) -> str:
    if (whole := _matched(text, depth)) is not None:
        return whole
    return _joined(_sentences(text, lambda sentence: _matched(sentence, depth)))


def _sentences(text: str, translate: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the sentences of `text`, translated where they are known; the longest run of them first."""
    sentences = _BETWEEN_SENTENCES.split(text)
    at = 0
    while at < len(sentences):
        for end in range(min(len(sentences), at + 4), at, -1):
            if (found := translate(" ".join(sentences[at:end]))) is not None:
                yield found
                at = end
                break
        else:
            yield sentences[at]
            at += 1


def _joined(sentences: Iterator[str]) -> str:
    """Join sentences as each language does: with a space, but none after a Chinese full stop."""
    text = ""
    for sentence in sentences:
        space = "" if not text or text.endswith(_CHINESE_END) else " "
        text += space + sentence
    return text


def _matched(text: str, depth: int) -> str | None:
    """Return the translation of `text` by the first template that it matches."""
    for template in _TEMPLATES:
        if (parts := template.parts_of(text)) is not None:
            return _filled(gettext(template.text), parts, depth - 1)
    return None


def _filled(text: str, parts: list[str], depth: int) -> str:
    said = [_translated(part, depth) if depth > 0 else part for part in parts]
    return _PLACEHOLDER.sub(lambda found: said[int(found[1])], text)
