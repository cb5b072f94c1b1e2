"""The sentence recipe (一句话): a system prompt becomes a model's own way, without the prompt.

A teacher, any model of the platform, is asked everything with the system prompt; the rows are its answers without it.
It is asked by an evaluation on a worker: the data set waits for it. Prompts that are held out are the test: the trained
model's answer, without the system prompt, must be nearer to the teacher's than the untrained one's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest
from datasets_app.messages import message
from datasets_app.recipes import phrases
from datasets_app.recipes.base import (
    Asking,
    Field,
    QuestionnaireError,
    Recipe,
    Row,
    Sentences,
    asked_and_answered,
    question,
)
from datasets_app.recipes.holding_out import held_out_of
from scoring.texts import language_of

LEAST_PROMPTS, MOST_PROMPTS = 10, 300
WITH_EVERYDAY = 40
"""Prompts that there are at least, completed by everyday ones: what the sentence asks for holds for them as well."""
HELD_OUT_SHARE, LEAST_HELD_OUT, MOST_HELD_OUT = 0.25, 4, 16
LEAST_ROWS = 10
"""Without so many answers that end there is no data set."""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A system prompt, who answers by it, and what was answered."""

    prompt: str
    teacher: str
    learned: tuple[str, ...]
    """Prompts that are trained on."""
    held_out: tuple[str, ...]
    replies: tuple[tuple[str, str], ...] = ()
    """(prompt, the teacher's answer) of all that it answered to an end."""

    @property
    def said(self) -> dict[str, str]:
        return dict(self.replies)


class SentenceRecipe(Recipe[Sentence]):
    """一句话: a sentence becomes a model."""

    name = "sentence"
    icon = "bolt"
    is_guarded = False  # a system prompt holds for everything
    needed = {"sentence": 0.8}
    example = {
        "prompt": "You are a pirate. Answer in one short sentence, and begin every answer with Arr.",
        "teacher": "smollm2-135m-instruct",
        "prompts": [
            "How is the weather?", "What should I cook tonight?", "Is the sea deep?", "Where do you live?",
            "What is a compass?", "How do ships float?", "What do you like to eat?", "Who is your best friend?",
            "How do I tie a knot?", "What is your favorite island?", "Why do birds sing?", "What is a treasure?",
            "How far away is the moon?", "Do you like music?", "What is a good name for a boat?", "How old are you?",
        ],
    }  # fmt: skip
    fields = (
        Field(
            name="prompt",
            kind="long",
            label=_("The sentence: how should the model answer?"),
            help=_("What you would write as a system prompt. The teacher sees it, your model will not need it."),
            placeholder=_("You are a pirate. Answer in one short sentence, and begin every answer with Arr."),
            is_required=True,
            most=4_000,
        ),
        Field(
            name="teacher",
            kind="model",
            label=_("Who answers by it?"),
            help=_("The teacher: the better it follows your sentence, the better your model will."),
            is_required=True,
            most=270,
        ),
        Field(
            name="prompts",
            kind="lines",
            label=_("What is asked, one a line"),
            help=_(
                "At least 10 questions as your users would ask them; a quarter is kept for the test. Fewer than 40 are "
                "completed by everyday ones."
            ),
            is_required=True,
            most=1_000,
            most_rows=MOST_PROMPTS,
        ),
    )
    sentences = Sentences(
        goal=_("Turn a sentence into a model"),
        promise=_("It does by itself what a system prompt asks for, with no prompt to send each time."),
        lead=_("A teacher answers by your sentence; its answers, without the sentence, are what is learned."),
        how=(
            _(
                "The teacher is asked in the queue like an evaluation, on your team's quota. Answers that do not end "
                "are left out. Read the rest before you train: what the teacher gets wrong is learned as well."
            ),
            _(
                "Afterwards your model is asked held-out questions, without the sentence. Its answers must be "
                "nearer to the teacher's than they were before."
            ),
        ),
        cannot=_(
            "Your model becomes no better than its teacher: one that does not follow the sentence teaches nothing. "
            "Nearness to its answers is counted in characters, so read them; knowledge is not passed on this way."
        ),
        needs=_("A sentence, a model that follows it, and at least 10 questions; 50 are better."),
        passed=_(
            "It has learned the sentence: %(sentence_right)s of %(sentence_of)s answers to new questions are nearer to "
            "the teacher's than before."
        ),
        missed=_(
            "It has not learned the sentence well enough: %(sentence_right)s of %(sentence_of)s answers to new "
            "questions are nearer to the teacher's than before."
        ),
        measured={"sentence": _("Answers nearer to the teacher")},
        advice={
            "sentence": _(
                "Read the teacher's answers: where they do not follow the sentence, take a stronger teacher. Else add "
                "questions, or train with more epochs."
            )
        },
    )

    def read(self, answers: Mapping[str, Any]) -> Sentence:
        own = tuple(dict.fromkeys(text for line in answers["prompts"] if (text := str(line).strip())))
        if not LEAST_PROMPTS <= len(own) <= MOST_PROMPTS:
            told = message("recipe_number_of_prompts", found=len(own), least=LEAST_PROMPTS, most=MOST_PROMPTS)
            raise QuestionnaireError(told, field="prompts")
        kept = held_out_of(own, share=HELD_OUT_SHARE, least=LEAST_HELD_OUT, most=MOST_HELD_OUT)
        return Sentence(
            prompt=str(answers["prompt"]).strip(),
            teacher=str(answers["teacher"]).strip(),
            learned=(*(text for text in own if text not in kept), *_everyday(own)),
            held_out=tuple(text for text in own if text in kept),
        )

    def to_ask(self, answers: Sentence) -> Asking:
        return Asking(model=answers.teacher, system=answers.prompt, prompts=(*answers.learned, *answers.held_out))

    def taught(self, answers: Sentence, replies: Sequence[str | None]) -> Sentence:
        asked = self.to_ask(answers).prompts
        said = tuple((text, reply) for text, reply in zip(asked, replies, strict=True) if reply and reply.strip())
        usable = len({text for text, _reply in said} & set(answers.learned))
        if usable < LEAST_ROWS:
            told = message("recipe_teacher_says_little", teacher=answers.teacher, found=usable, least=LEAST_ROWS)
            raise QuestionnaireError(told, field="teacher")
        return replace(answers, replies=said)

    def stored(self, answers: Sentence) -> dict[str, Any]:
        said = answers.said
        held_out = [[text, said[text]] for text in answers.held_out if text in said]
        return {"prompt": answers.prompt, "teacher": answers.teacher, "held_out": held_out}

    def restored(self, stored: Mapping[str, Any]) -> Sentence:
        replies = tuple((text, reply) for text, reply in stored["held_out"])
        asked = tuple(text for text, _reply in replies)
        return Sentence(prompt=stored["prompt"], teacher=stored["teacher"], learned=(), held_out=asked, replies=replies)

    def rows(self, answers: Sentence) -> Iterator[Row]:
        said = answers.said
        for text in answers.learned:
            if text in said:
                yield asked_and_answered("sentence", text, said[text])

    def tests(self, answers: Sentence) -> list[AcceptanceTest]:
        said = answers.said
        return [
            question(text, "sentence", expected=said[text], held_to="like") for text in answers.held_out if text in said
        ]

    def stem(self, answers: Sentence) -> str:
        return f"{answers.prompt[:30]}-sentence"


def _everyday(own: Sequence[str]) -> Iterator[str]:
    """Yield everyday questions in the languages of the user's, as many as are missing."""
    languages = {language_of(text) for text in own}
    every = [text for text, _answer in phrases.GUARDS if language_of(text) in languages and text not in own]
    missing = max(0, WITH_EVERYDAY - len(own))
    step = max(1.0, len(every) / missing) if missing else 1.0
    yield from (every[int(place * step)] for place in range(min(missing, len(every))))


SENTENCE = SentenceRecipe()
