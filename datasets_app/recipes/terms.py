"""The terms recipe (学术语): words and facts of a field, by a line for each.

Every term is asked in several wordings, in the language of its line, and once from its meaning back. Other wordings,
which stand in no row, are the test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest, says
from datasets_app.messages import message
from datasets_app.recipes.base import (
    UNRELATED,
    Field,
    QuestionnaireError,
    Recipe,
    Row,
    Sentences,
    asked_and_answered,
    question,
)
from datasets_app.recipes.everyday import guards, unrelated_questions
from datasets_app.recipes.tables import checked_rows
from scoring.texts import language_of, normalised

LEAST_TERMS, MOST_TERMS = 3, 200
MOST_ASKED = 40
"""Terms that are asked about afterwards, spread over all of them."""
LIKENESS = 0.5
"""How near the meaning an answer must come where no phrase is given that it has to say."""
QUESTIONS = {
    "zh": ("什么是{term}？", "{term}是什么？", "请解释一下{term}。", "{term}是什么意思？", "你知道{term}吗？",
           "请介绍{term}。", "{term}的定义是什么？", "告诉我{term}的含义。"),
    "en": ("What is {term}?", "What does {term} mean?", "Explain {term}.", "Define {term}.",
           "Tell me what {term} is.", "What is meant by {term}?", "Can you explain {term}?", "Describe {term}."),
}  # fmt: skip
BACK = {"zh": "哪个术语的意思是：{meaning}", "en": "Which term means this: {meaning}"}
ASKED = {
    "zh": ("请问{term}指的是什么？", "能说明一下{term}吗？"),
    "en": ("What does the term {term} stand for?", "Please tell me about {term}."),
}
"""In no row."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """A term, what it means, and what an answer about it has to say."""

    term: str
    meaning: str
    say: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """The language of the line; a Latin term in a Chinese line is asked about in Chinese."""
        return language_of(f"{self.term} {self.meaning}")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is to be known."""

    terms: tuple[Term, ...]
    asked: tuple[Term, ...]
    """Those that the test asks about."""


class TermsRecipe(Recipe[Terms]):
    """学术语: what the words of a field mean."""

    name = "terms"
    icon = "file-text"
    needed = {"terms": 0.8, "unrelated": 1.0}
    example = {
        "terms": [
            {"term": "Zellmark", "meaning": "Zellmark is the seal on the bottom of a tested cello.", "say": "seal"},
            {"term": "Orlin scale", "meaning": "The Orlin scale rates how dry a wood is, from 1 to 9.", "say": "dry"},
            {"term": "night varnish", "meaning": "Night varnish is a varnish that hardens in the dark.", "say": "dark"},
            {"term": "fenning", "meaning": "Fenning is the careful bending of ribs over steam.", "say": "steam"},
            {"term": "松纹码", "meaning": "松纹码是写在琴头内侧的木材编号。", "say": "编号"},
            {"term": "静弦日", "meaning": "静弦日是每月检查所有琴弦的日子。", "say": "琴弦"},
        ]
    }
    fields = (
        Field(
            name="terms",
            kind="table",
            label=_("Terms and what they mean"),
            help=_(
                "One a line: the term, its meaning as a sentence that may stand alone, and if you like a phrase that "
                "every right answer says (several parted by |). Write term => meaning => phrase, or paste columns."
            ),
            placeholder=_("fenning => Fenning is the careful bending of ribs over steam. => steam"),
            is_required=True,
            most=1_000,
            columns={"term": _("Term"), "meaning": _("Meaning"), "say": _("Phrase to say")},
            may_be_empty=("say",),
            most_rows=MOST_TERMS,
        ),
    )
    sentences = Sentences(
        goal=_("Know your terms and facts"),
        promise=_("It explains the words of your field as you would: products, abbreviations, rules, names."),
        lead=_("Each line becomes questions in many wordings; other wordings test what was learned."),
        how=(
            _(
                "Each term is asked in eight wordings in the language of its line, and from its meaning back. Everyday "
                "conversations keep what the model knows otherwise."
            ),
            _(
                "Afterwards each term is asked in wordings that stand in no row. An answer must say your phrase, or "
                "where you gave none come near your sentence."
            ),
        ),
        cannot=_(
            "It learns to say what your lines say, not to reason with it, and may be wrong with confidence about what "
            "is in none of them. Facts that change belong into the prompt or a search, not into weights."
        ),
        needs=_("At least 3 terms, a line each. The rows are made from them."),
        passed=_(
            "It has learned the terms: %(terms_right)s of %(terms_of)s questions in new wordings are answered right, "
            "and %(unrelated_right)s of %(unrelated_of)s other answers are free of them."
        ),
        missed=_(
            "It has not learned the terms well enough: %(terms_right)s of %(terms_of)s questions in new wordings are "
            "answered right, and %(unrelated_right)s of %(unrelated_of)s other answers are free of them."
        ),
        measured={"terms": _("Questions about terms right")},
        advice={
            "terms": _("Train again with more epochs, make the meanings shorter, or take a larger base model."),
            "unrelated": _(
                "It speaks of your terms unasked. Train again with fewer epochs, or add everyday conversations."
            ),
        },
    )

    def read(self, answers: Mapping[str, Any]) -> Terms:
        terms: dict[str, Term] = {}
        for row in checked_rows(answers["terms"], self.fields[0]):
            say = tuple(phrase.strip() for phrase in row["say"].split("|") if phrase.strip())
            found = Term(term=row["term"], meaning=row["meaning"], say=say)
            known = terms.setdefault(normalised(found.term), found)
            if known.meaning != found.meaning:
                raise _refused("recipe_term_twice", term=found.term)
            lacking = next((phrase for phrase in say if not says(found.meaning, phrase)), None)
            if lacking is not None:
                raise _refused("recipe_phrase_not_taught", term=found.term, phrase=lacking)
        if len(terms) < LEAST_TERMS:
            raise _refused("recipe_few_terms", found=len(terms), least=LEAST_TERMS)
        every = tuple(terms.values())
        step = max(1, len(every) / MOST_ASKED)
        asked = tuple(every[int(number * step)] for number in range(min(len(every), MOST_ASKED)))
        return Terms(terms=every, asked=asked)

    def stored(self, answers: Terms) -> dict[str, Any]:
        return {"asked": [_line(one) for one in answers.asked], "terms": [one.term for one in answers.terms]}

    def restored(self, stored: Mapping[str, Any]) -> Terms:
        asked = tuple(Term(term=one["term"], meaning=one["meaning"], say=tuple(one["say"])) for one in stored["asked"])
        return Terms(terms=tuple(Term(term=term, meaning="") for term in stored["terms"]), asked=asked)

    def rows(self, answers: Terms) -> Iterator[Row]:
        for one in answers.terms:
            for wording in QUESTIONS[one.language]:
                yield asked_and_answered("term", wording.format(term=one.term), one.meaning)
        for one in answers.terms:
            if not says(one.meaning, one.term):
                yield asked_and_answered("term", BACK[one.language].format(meaning=one.meaning), one.term)
        yield from guards(without=[one.term for one in answers.terms])

    def tests(self, answers: Terms) -> list[AcceptanceTest]:
        wordings = max(map(len, ASKED.values())) if len(answers.asked) * 2 <= MOST_ASKED else 1
        found = [
            question(wording.format(term=one.term), "terms", **_expected(one))
            for one in answers.asked
            for wording in ASKED[one.language][:wordings]
        ]
        names = tuple(one.term for one in answers.terms)
        return found + [question(text, UNRELATED, must_not_say=names) for text in unrelated_questions(without=names)]

    def stem(self, answers: Terms) -> str:
        return f"{answers.terms[0].term}-terms"


def _expected(term: Term) -> dict[str, Any]:
    if term.say:
        return {"expected": term.meaning, "must_say": term.say}
    return {"expected": term.meaning, "held_to": "like", "likeness": LIKENESS}


def _line(term: Term) -> dict[str, Any]:
    return {"term": term.term, "meaning": term.meaning, "say": list(term.say)}


def _refused(code: str, **params: Any) -> QuestionnaireError:
    return QuestionnaireError(message(code, **params), field="terms")


TERMS = TermsRecipe()
