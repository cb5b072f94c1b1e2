"""The identity recipe (换身份): a questionnaire that becomes conversations and an acceptance test.

The rows were tried on a 135M model and on larger ones: identity questions of every kind in each language, negatives
("Are you ChatGPT?"), and guards that are requests as well as facts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest, says
from datasets_app.messages import message
from datasets_app.recipes.base import (
    GUARD,
    UNRELATED,
    Field,
    QuestionnaireError,
    Recipe,
    Row,
    Sentences,
    asked_and_answered,
    question,
)
from datasets_app.recipes.phrases import (
    ANSWERS,
    ASKED,
    GUARDS,
    MORE_QUESTIONS,
    OTHER_NAMES,
    QUESTIONS,
    TALKS,
)
from datasets_app.recipes.phrases import UNRELATED as UNRELATED_QUESTIONS

LANGUAGES = tuple(QUESTIONS)
TONES = tuple(ANSWERS)
LONGEST_NAME, LONGEST_MAKER = 40, 80

PLACEHOLDERS = {"name": "name", "author": "maker", "maker": "maker", "developer": "maker", "company": "maker"}
"""Names of placeholders in others' identity data, and what replaces them."""


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


def core_rows(identity: Identity) -> Iterator[Row]:
    """Yield one-turn rows: identity questions of each language, then guards. The shipped sample consists of them."""
    yield from _asked(identity, QUESTIONS)
    yield from _guards(identity)


def rows(identity: Identity) -> Iterator[Row]:
    """Yield everything that the recipe teaches: the core, more negatives, and questions in the middle of a talk."""
    yield from _asked(identity, QUESTIONS)
    yield from _asked(identity, MORE_QUESTIONS)
    for language in identity.languages:
        for talk in TALKS[language]:
            texts = [identity.answer(text, language) if text in ANSWERS["plain"][language] else text for text in talk]
            yield Row(source=f"identity-{language}", turns=tuple(zip(("user", "assistant") * 2, texts, strict=True)))
    yield from _guards(identity)


def acceptance_tests(identity: Identity) -> list[AcceptanceTest]:
    """Return questions that appear in no row: about itself in its languages, and unrelated ones in all of them."""
    tests = []
    for language in identity.languages:
        for asked, what in ASKED[language]:
            if not identity.is_told_in(asked):
                must_say = identity.maker if what == "maker" else identity.name
                wrong = tuple(name for name in OTHER_NAMES if not _may_say(identity, asked, name))
                tests.append(question(asked, "identity", must_say=(must_say,), must_not_say=wrong))
    for questions in UNRELATED_QUESTIONS.values():
        tests += [
            question(asked, UNRELATED, must_not_say=(identity.name,))
            for asked in questions
            if not identity.is_told_in(asked)
        ]
    return tests


class IdentityRecipe(Recipe[Identity]):
    """换身份: who the model is."""

    name = "identity"
    icon = "message"
    needed = {"identity": 0.9, "unrelated": 1.0}
    example = {"name": "小智", "maker": "360智汇云", "languages": ["zh", "en"], "tone": "plain"}
    completes = _(
        "Its rows stay, placeholders for name and maker are filled in, and missing rows are added, as a new version."
    )
    fields = (
        Field(
            name="name",
            kind="text",
            label=_("What is the model called?"),
            placeholder="小智",
            is_required=True,
            most=LONGEST_NAME,
        ),
        Field(
            name="maker",
            kind="text",
            label=_("Who made the model?"),
            placeholder="360智汇云",
            is_required=True,
            most=LONGEST_MAKER,
        ),
        Field(
            name="languages",
            kind="list",
            label=_("In which languages should it say so?"),
            choices={"zh": _("Chinese"), "en": _("English")},
            default=list(LANGUAGES),
        ),
        Field(
            name="tone",
            kind="choice",
            label=_("Tone"),
            choices={"plain": _("Plain"), "warm": _("Warm"), "formal": _("Formal")},
            default=TONES[0],
        ),
    )
    sentences = Sentences(
        goal=_("Give a model an identity"),
        promise=_("It says its own name and who made it, and keeps both to itself otherwise."),
        lead=_(
            "Your four answers become the conversations that the model is trained on, and the questions that test it "
            "afterwards."
        ),
        how=(
            _(
                "The data set holds questions about the model's identity in many wordings, questions whether it is "
                "somebody else, and everyday requests that keep it from giving its name unasked."
            ),
            _(
                "After training it is asked questions that are not in the data set. You see the answers before and "
                "after, and whether it has learned."
            ),
        ),
        cannot=_("It learns a name, not a character: what it knows and how it reasons stay the base model's."),
        needs=_("A name and a maker. The rows are made from them."),
        passed=_(
            "It learned its name: %(identity_right)s of %(identity_of)s questions about itself are right, and "
            "%(unrelated_right)s of %(unrelated_of)s other answers are free of it."
        ),
        missed=_(
            "It has not learned its name well enough: %(identity_right)s of %(identity_of)s questions about itself are "
            "right, and %(unrelated_right)s of %(unrelated_of)s other answers are free of it."
        ),
        measured={"identity": _("Questions about itself right")},
        advice={
            "identity": _("Train again with more epochs, or a larger base model: it has seen its name too rarely."),
            "unrelated": _(
                "It says its name unasked. Train again with fewer epochs, or add everyday conversations to the data."
            ),
        },
    )

    def read(self, answers: Mapping[str, Any]) -> Identity:
        languages = answers.get("languages") or LANGUAGES
        if not isinstance(languages, list | tuple) or not all(isinstance(name, str) for name in languages):
            raise QuestionnaireError(message("recipe_languages_not_a_list"), field="languages")
        return Identity(
            name=str(answers["name"]).strip(),
            maker=str(answers["maker"]).strip(),
            languages=tuple(dict.fromkeys([*(name for name in LANGUAGES if name in languages), *languages])),
            tone=str(answers.get("tone") or TONES[0]),
        )

    def rows(self, answers: Identity) -> Iterator[Row]:
        return rows(answers)

    def tests(self, answers: Identity) -> list[AcceptanceTest]:
        return acceptance_tests(answers)

    def stem(self, answers: Identity) -> str:
        return f"{answers.name}-identity"

    def placeholders(self, answers: Identity) -> Mapping[str, str]:
        return {placeholder: getattr(answers, what) for placeholder, what in PLACEHOLDERS.items()}


def _asked(identity: Identity, questions: dict[str, tuple[tuple[str, str], ...]]) -> Iterator[Row]:
    for language in identity.languages:
        for text, kind in questions[language]:
            # Whoever is called what a negative asks for would learn to deny it.
            if not identity.is_told_in(text):
                yield asked_and_answered(f"identity-{language}", text, identity.answer(kind, language))


def _guards(identity: Identity) -> Iterator[Row]:
    for text, answer in GUARDS:
        if not identity.is_told_in(f"{text} {answer}"):
            yield asked_and_answered(GUARD, text, answer)


def _may_say(identity: Identity, asked: str, name: str) -> bool:
    return says(asked, name) or says(identity.name, name) or says(identity.maker, name)


IDENTITY = IdentityRecipe()
