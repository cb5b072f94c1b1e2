"""The identity recipe (换身份): a questionnaire that becomes conversations and an acceptance test.

The rows were tried on a 135M model and on larger ones: identity questions of every kind in each language, negatives
("Are you ChatGPT?"), and guards that are requests as well as facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chat.acceptance import AcceptanceTest, says
from chat.conversation import WrittenMessage
from datasets_app.messages import message
from datasets_app.recipes.phrases import (
    ANSWERS,
    ASKED,
    GUARDS,
    MORE_QUESTIONS,
    OTHER_NAMES,
    QUESTIONS,
    TALKS,
    UNRELATED,
)
from wording import Message

LANGUAGES = tuple(QUESTIONS)
TONES = tuple(ANSWERS)
LONGEST_NAME, LONGEST_MAKER = 40, 80

Turns = tuple[tuple[str, str], ...]
"""(role, text) of each message."""


class QuestionnaireError(ValueError):
    """An answer that no recipe can be made of."""

    def __init__(self, message: Message, *, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, kw_only=True)
class IdentityRow:
    """One conversation to learn."""

    source: str
    """identity-zh, identity-en or guard."""
    turns: Turns


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the model should be."""

    name: str
    maker: str
    languages: tuple[str, ...] = LANGUAGES
    tone: str = "plain"

    def __post_init__(self) -> None:
        for field, most in (("name", LONGEST_NAME), ("maker", LONGEST_MAKER)):
            value = getattr(self, field)
            if not value or value != value.strip() or len(value) > most or not value.isprintable():
                raise QuestionnaireError(message("recipe_text_unfit", field=field, most=most), field=field)
        if not self.languages or not set(self.languages) <= set(LANGUAGES):
            raise QuestionnaireError(message("recipe_languages", known=list(LANGUAGES)), field="languages")
        if self.tone not in TONES:
            raise QuestionnaireError(message("recipe_tone", known=list(TONES)), field="tone")

    def is_named_in(self, text: str) -> bool:
        """True when `text` says the name, in any case."""
        return says(text, self.name)

    def is_told_in(self, text: str) -> bool:
        """True when `text` says the name or the maker."""
        return says(text, self.name) or says(text, self.maker)

    def answer(self, kind: str, language: str) -> str:
        """Return what the model says to a question of this kind."""
        return ANSWERS[self.tone][language][kind].format(name=self.name, maker=self.maker)


def core_rows(identity: Identity) -> Iterator[IdentityRow]:
    """Yield one-turn rows: identity questions of each language, then guards. The shipped sample consists of them."""
    yield from _asked(identity, QUESTIONS)
    yield from _guards(identity)


def rows(identity: Identity) -> Iterator[IdentityRow]:
    """Yield everything that the recipe teaches: the core, more negatives, and questions in the middle of a talk."""
    yield from _asked(identity, QUESTIONS)
    yield from _asked(identity, MORE_QUESTIONS)
    for language in identity.languages:
        for talk in TALKS[language]:
            texts = [identity.answer(text, language) if text in ANSWERS["plain"][language] else text for text in talk]
            yield IdentityRow(
                source=f"identity-{language}", turns=tuple(zip(("user", "assistant") * 2, texts, strict=True))
            )
    yield from _guards(identity)


def acceptance_tests(identity: Identity) -> list[AcceptanceTest]:
    """Return questions that appear in no row: about itself in its languages, and unrelated ones in all of them."""
    tests = []
    for language in identity.languages:
        for question, what in ASKED[language]:
            if not identity.is_told_in(question):
                must_say = identity.maker if what == "maker" else identity.name
                wrong = tuple(name for name in OTHER_NAMES if not _may_say(identity, question, name))
                tests.append(_test(question, "identity", must_say=(must_say,), must_not_say=wrong))
    for questions in UNRELATED.values():
        tests += [
            _test(question, "unrelated", must_not_say=(identity.name,))
            for question in questions
            if not identity.is_told_in(question)
        ]
    return tests


def _asked(identity: Identity, questions: dict[str, tuple[tuple[str, str], ...]]) -> Iterator[IdentityRow]:
    for language in identity.languages:
        for question, kind in questions[language]:
            # Whoever is called what a negative asks for would learn to deny it.
            if not identity.is_told_in(question):
                turns = (("user", question), ("assistant", identity.answer(kind, language)))
                yield IdentityRow(source=f"identity-{language}", turns=turns)


def _guards(identity: Identity) -> Iterator[IdentityRow]:
    for question, answer in GUARDS:
        if not identity.is_told_in(f"{question} {answer}"):
            yield IdentityRow(source="guard", turns=(("user", question), ("assistant", answer)))


def _may_say(identity: Identity, question: str, name: str) -> bool:
    return says(question, name) or says(identity.name, name) or says(identity.maker, name)


def _test(
    question: str, topic: str, *, must_say: tuple[str, ...] = (), must_not_say: tuple[str, ...] = ()
) -> AcceptanceTest:
    asked: WrittenMessage = {"role": "user", "content": question}
    return AcceptanceTest(messages=(asked,), must_say=must_say, must_not_say=must_not_say, topic=topic)
