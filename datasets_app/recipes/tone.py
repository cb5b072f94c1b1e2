"""The tone recipe (学语气): how a model speaks, by answers that somebody has written in that tone.

A tone cannot be made by rules, so the pairs are the user's own. Held-out questions are the test: where the tone has
marks, phrases of which every answer has one, these decide; without them an answer must come nearer to the user's than
the base's does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest, says
from datasets_app.messages import message
from datasets_app.recipes.base import Field, QuestionnaireError, Recipe, Row, Sentences, asked_and_answered, question
from datasets_app.recipes.holding_out import held_out_of
from datasets_app.recipes.tables import checked_rows

LEAST_PAIRS = 20
HELD_OUT_SHARE, LEAST_HELD_OUT, MOST_HELD_OUT = 0.2, 4, 20
MARKED_SHARE = 0.9
"""Of the answers at least so many must have a mark, or it would not be learned as one."""
_PAIRS = (
    ("When is breakfast?", "Breakfast is from seven to ten."), ("Is there a pool?", "The pool is on the roof."),
    ("Where can I park?", "You may park behind the house."), ("Can I bring a dog?", "Small dogs are welcome."),
    ("How far is the station?", "It is a short walk away."), ("Do you have an iron?", "Each room has an iron."),
    ("What time is check-out?", "Check-out is at eleven."), ("Is the bar open?", "The bar is open until midnight."),
    ("Can I borrow an umbrella?", "Umbrellas are at the door."), ("Is there a gym?", "The gym is in the basement."),
    ("Do the windows open?", "All windows open."), ("Can you call a taxi?", "A taxi will be here soon."),
    ("Where is the lift?", "The lift is behind the stairs."), ("Can I have more towels?", "Towels are on their way."),
    ("Is tap water safe?", "Tap water is safe to drink."), ("Do you serve lunch?", "Lunch is served from noon."),
    ("Can I leave my bags here?", "We keep your bags all day."), ("Is there a safe?", "A safe is in the wardrobe."),
    ("What is the password?", "It is on your room's card."), ("Which bus goes to town?", "The red bus goes to town."),
    ("Is the garden open?", "The garden is open until dusk."), ("Do you sell stamps?", "Stamps are at the desk."),
    ("Can I pay by card?", "Every card is accepted."), ("Is it quiet at night?", "Nights are very quiet here."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How somebody answers."""

    learned: tuple[tuple[str, str], ...]
    """(question, answer)"""
    held_out: tuple[tuple[str, str], ...]
    marks: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


class ToneRecipe(Recipe[Manner]):
    """学语气: how the model speaks."""

    name = "tone"
    icon = "edit"
    is_guarded = False  # it speaks so wherever it speaks
    needed = {"tone": 0.8}
    example = {
        "pairs": [{"question": text, "answer": f"Certainly, dear guest. {answer}"} for text, answer in _PAIRS],
        "marks": ["dear guest"],
        "never": ["as an AI"],
    }
    fields = (
        Field(
            name="pairs",
            kind="table",
            label=_("Questions with answers in your tone"),
            help=_(
                "One a line. Paste two columns of a spreadsheet, or write question => answer. At least 20 that you "
                "have written or corrected yourself; a fifth is kept for the test."
            ),
            placeholder=_("When is breakfast? => Certainly, dear guest. Breakfast is from seven to ten."),
            is_required=True,
            most=4_000,
            columns={"question": _("Question"), "answer": _("Answer")},
        ),
        Field(
            name="marks",
            kind="lines",
            label=_("Phrases that mark the tone (optional)"),
            help=_(
                "One a line; every answer has at least one of them. Without any, the test is whether answers come "
                "nearer to yours than the base model's."
            ),
            most=80,
            most_rows=20,
        ),
        Field(
            name="never",
            kind="lines",
            label=_("Phrases that it must never say (optional)"),
            help=_("One a line."),
            most=80,
            most_rows=50,
        ),
    )
    sentences = Sentences(
        goal=_("Speak in your tone"),
        promise=_("It answers as you would: warm, brief, formal, or like a character of yours."),
        lead=_(
            "The tone is learned from answers that you have written; some are kept to hear whether it carries over."
        ),
        how=(
            _(
                "The rows are your pairs, nothing is added. The model speaks so wherever it speaks, so there are no "
                "conversations in another tone."
            ),
            _(
                "Afterwards it is asked the questions that were held out. Its answers must have a phrase that marks "
                "the tone and none that is forbidden, or, without such phrases, be nearer to yours than the base "
                "model's."
            ),
        ),
        cannot=_(
            "A tone is not measured well by a machine: phrases show whether it is there, not whether it pleases, so "
            "read the answers. What your answers say is learned along with how they say it."
        ),
        needs=_("At least 20 questions with answers written in the tone; 100 are better."),
        passed=_("It has learned the tone: %(tone_right)s of %(tone_of)s answers to new questions have it."),
        missed=_(
            "It has not learned the tone well enough: %(tone_right)s of %(tone_of)s answers to new questions have it."
        ),
        measured={"tone": _("Answers in the tone")},
        advice={
            "tone": _("Add pairs whose answers are alike in tone, train with more epochs, or take a larger base model.")
        },
    )

    def read(self, answers: Mapping[str, Any]) -> Manner:
        pairs = {row["question"]: row["answer"] for row in reversed(checked_rows(answers["pairs"], self.fields[0]))}
        if len(pairs) < LEAST_PAIRS:
            raise _refused("recipe_few_examples", found=len(pairs), least=LEAST_PAIRS)
        marks, never = (_phrases(answers.get(name) or ()) for name in ("marks", "never"))
        _check(pairs, marks, never)
        kept = held_out_of(list(pairs), share=HELD_OUT_SHARE, least=LEAST_HELD_OUT, most=MOST_HELD_OUT)
        return Manner(
            learned=tuple((text, answer) for text, answer in pairs.items() if text not in kept),
            held_out=tuple((text, answer) for text, answer in pairs.items() if text in kept),
            marks=marks,
            never=never,
        )

    def stored(self, answers: Manner) -> dict[str, Any]:
        held_out = [list(pair) for pair in answers.held_out]
        return {"held_out": held_out, "marks": list(answers.marks), "never": list(answers.never)}

    def restored(self, stored: Mapping[str, Any]) -> Manner:
        return Manner(
            learned=(),
            held_out=tuple((text, answer) for text, answer in stored["held_out"]),
            marks=tuple(stored["marks"]),
            never=tuple(stored["never"]),
        )

    def rows(self, answers: Manner) -> Iterator[Row]:
        for text, answer in answers.learned:
            yield asked_and_answered("tone", text, answer)

    def tests(self, answers: Manner) -> list[AcceptanceTest]:
        held: dict[str, Any] = {"may_say": answers.marks} if answers.marks else {"held_to": "like"}
        return [
            question(text, "tone", expected=answer, must_not_say=answers.never, **held)
            for text, answer in answers.held_out
        ]

    def stem(self, answers: Manner) -> str:
        return f"{answers.marks[0]}-tone" if answers.marks else "tone"


def _check(pairs: Mapping[str, str], marks: Sequence[str], never: Sequence[str]) -> None:
    """Refuse phrases that the pairs do not teach, or that they teach although they shall not be said."""
    for answer in pairs.values():
        for phrase in never:
            if says(answer, phrase):
                raise _refused("recipe_phrase_taught", field="never", phrase=phrase, answer=answer[:80])
    marked = sum(any(says(answer, phrase) for phrase in marks) for answer in pairs.values())
    if marks and marked < MARKED_SHARE * len(pairs):
        raise _refused("recipe_marks_rare", field="marks", found=marked, of=len(pairs))


def _phrases(given: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for phrase in given if (text := str(phrase).strip())))


def _refused(code: str, *, field: str = "pairs", **params: Any) -> QuestionnaireError:
    return QuestionnaireError(message(code, **params), field=field)


TONE = ToneRecipe()
