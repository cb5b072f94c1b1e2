"""Catalogues: the one place where a code has its sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wording.message import Message, Template, register

_PLACEHOLDER = re.compile(r"%\((\w+)\)[^a-zA-Z]*[a-zA-Z]")


@dataclass(frozen=True)
class Sentence:
    """One sentence, or a few, with `%(name)s` for its parameters and `%%` for a percent sign."""

    text: str

    def chosen(self, params: Mapping[str, Any]) -> Template:
        return (self.text,)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        return frozenset(_PLACEHOLDER.findall(self.text))


@dataclass(frozen=True)
class Plural:
    """A sentence that reads differently where the parameter `by` is 1."""

    one: str
    many: str
    by: str

    def chosen(self, params: Mapping[str, Any]) -> Template:
        number = params[self.by]
        return self.one, self.many, number if isinstance(number, int) else 2

    @cached_property
    def placeholders(self) -> frozenset[str]:
        return frozenset([*_PLACEHOLDER.findall(self.one), *_PLACEHOLDER.findall(self.many), self.by])


def sentence(text: str) -> Sentence:
    """Mark `text` for translation: the message catalogues are extracted by this name."""
    return Sentence(text)


def plural(one: str, many: str, *, by: str) -> Plural:
    """Mark both forms for translation; `by` names the parameter that is counted."""
    return Plural(one, many, by)


class Catalogue:
    """The sentences of one package, by code. A code is known to the whole platform, so it exists once."""

    def __init__(self, sentences: Mapping[str, Sentence | Plural]) -> None:
        self.sentences = dict(sentences)
        for code, found in self.sentences.items():
            register(code, found)
        self._plain = {code: Message(code) for code, found in self.sentences.items() if not found.placeholders}
        """Those without parameters, made once: the advice behind a hundred thousand faults is one."""

    def message(self, code: str, /, **params: Any) -> Message:
        """Return the message `code` with its parameters: JSON values, or messages that are part of the sentence.

        Raises LookupError for a code that this catalogue lacks, TypeError where the parameters are not the sentence's.
        """
        if not params and code in self._plain:
            return self._plain[code]
        wanted = self.sentences[code].placeholders
        if wanted != params.keys():
            raise TypeError(f"{code} takes {sorted(wanted)}, not {sorted(params)}.")
        return Message(code, params)
