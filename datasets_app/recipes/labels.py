"""The labels recipe (分类): texts are sorted under labels, by examples of each.

Every row asks with the same instruction. Some examples of each label are held out, the same ones whenever they are read
again: they are the test, so that what it shows is not memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest
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
from datasets_app.recipes.holding_out import held_out_of
from datasets_app.recipes.tables import checked_rows
from scoring.texts import language_of, normalised

LEAST_EXAMPLES = 8
"""Of each label: six to learn and two to be tested with."""
LEAST_LABELS, MOST_LABELS = 2, 30
MOST_HELD_OUT = 60
LONGEST_LABEL = 60
HELD_OUT_SHARE = 0.25
LEAST_HELD_OUT = 2
INSTRUCTIONS = {
    "zh": "请判断下面的文字属于哪一类，只回答类别名称。类别：{labels}。",
    "en": "Which label fits the text? Answer with the label alone. Labels: {labels}.",
}
JOINED = {"zh": "、", "en": ", "}

_TEXTS = {
    "complaint": (
        "The parcel came two weeks late.", "My order arrived broken.", "The app crashes every morning.",
        "I was charged twice for one ticket.", "Nobody answers your phone.", "The soup was cold again.",
        "This charger stopped working after a day.", "You sent me the wrong colour.", "The room was dirty and loud.",
        "The update deleted my photos.", "The courier threw the box over a fence.", "Half the screws are missing.",
    ),
    "praise": (
        "The delivery was quicker than promised.", "Your staff were so kind to my mother.", "Best bread in town.",
        "The new version is a joy to use.", "Thank you for the fast refund.", "The guide made our trip wonderful.",
        "I love how light this bag is.", "Everything arrived perfectly packed.", "The view from the room was lovely.",
        "Support solved it within minutes.", "My children adore this book.", "A fair price for excellent work.",
    ),
    "question": (
        "Do you deliver on Sundays?", "How do I change my password?", "Is the blue one still in stock?",
        "When does the shop open tomorrow?", "Can I pay with a card?", "Where can I find my invoice?",
        "Does the price include breakfast?", "How long does shipping to Spain take?", "Is there a student discount?",
        "Which size fits a tall person?", "May I bring my dog?", "How many people fit into the boat?",
    ),
}  # fmt: skip
EXAMPLES = [{"text": text, "label": label} for label, texts in _TEXTS.items() for text in texts]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What is sorted under what."""

    instruction: str
    labels: tuple[str, ...]
    learned: tuple[tuple[str, str], ...]
    """(text, label)"""
    held_out: tuple[tuple[str, str], ...]

    def asked(self, text: str) -> str:
        """Return what the model is asked about a text, in the data and by whoever uses it later."""
        return f"{self.instruction}\n\n{text}"


class LabelsRecipe(Recipe[Labels]):
    """分类: which label a text belongs to."""

    name = "labels"
    icon = "box"
    example = {"examples": EXAMPLES}
    needed = {"labels": 0.8, "unrelated": 1.0}
    fields = (
        Field(
            name="examples",
            kind="table",
            label=_("Examples of each label"),
            help=_(
                "One a line: the text, then its label. Paste two columns of a spreadsheet, or write text => label. At "
                "least 8 of each label; a quarter is kept for the test."
            ),
            placeholder=_("The parcel came late => complaint"),
            is_required=True,
            most=2_000,
            columns={"text": _("Text"), "label": _("Label")},
            most_rows=2_000,
        ),
        Field(
            name="instruction",
            kind="long",
            label=_("What the model is asked (optional)"),
            help=_("Stands before every text, in the data and later. Left empty, it is written from your labels."),
            most=500,
        ),
    )
    sentences = Sentences(
        goal=_("Sort texts under labels"),
        promise=_("It answers with one of your labels: kinds of messages, moods, topics, urgency."),
        lead=_("Your examples become rows with one fixed instruction; some of each label are kept for the test."),
        how=(
            _(
                "Each row asks for the label of one text, and everyday conversations keep the model from answering "
                "everything with a label."
            ),
            _(
                "The examples that were held out are asked afterwards. You see how many labels are right, and which "
                "are confused with which."
            ),
        ),
        cannot=_(
            "It knows your labels by the examples alone: a text unlike all of them still gets a label, and it does not "
            "say how sure it is. Labels with few examples are guessed less often. Ask with the same instruction as in "
            "the data."
        ),
        needs=_("At least 2 labels with 8 examples each; 30 of each are better."),
        passed=_(
            "It has learned the labels: %(labels_right)s of %(labels_of)s texts that it had not seen are sorted right, "
            "and %(unrelated_right)s of %(unrelated_of)s other questions are answered as questions."
        ),
        missed=_(
            "It has not learned the labels well enough: %(labels_right)s of %(labels_of)s texts that it had not seen "
            "are sorted right, and %(unrelated_right)s of %(unrelated_of)s other questions are answered as questions."
        ),
        measured={"labels": _("Labels right")},
        advice={
            "labels": _(
                "Add examples of the labels that are confused, or take a larger base model. Where two labels overlap, "
                "join them or tell them apart more clearly."
            ),
            "unrelated": _(
                "It answers other questions with a label. Train again with fewer epochs, or add everyday conversations."
            ),
        },
    )

    def read(self, answers: Mapping[str, Any]) -> Labels:
        rows = checked_rows(answers["examples"], self.fields[0])
        by_label = _by_label([(row["text"], row["label"]) for row in rows])
        held_out: list[tuple[str, str]] = []
        learned: list[tuple[str, str]] = []
        most = max(LEAST_HELD_OUT, MOST_HELD_OUT // len(by_label))
        for label, texts in by_label.items():
            kept = held_out_of(texts, share=HELD_OUT_SHARE, least=LEAST_HELD_OUT, most=most)
            held_out += [(text, label) for text in texts if text in kept]
            learned += [(text, label) for text in texts if text not in kept]
        written = str(answers.get("instruction") or "").strip()
        return Labels(
            instruction=written or _instruction(list(by_label), [text for text, _label in learned]),
            labels=tuple(by_label),
            learned=tuple(learned),
            held_out=tuple(held_out),
        )

    def stored(self, answers: Labels) -> dict[str, Any]:
        held_out = [list(example) for example in answers.held_out]
        return {"instruction": answers.instruction, "labels": list(answers.labels), "held_out": held_out}

    def restored(self, stored: Mapping[str, Any]) -> Labels:
        return Labels(
            instruction=stored["instruction"],
            labels=tuple(stored["labels"]),
            learned=(),
            held_out=tuple((text, label) for text, label in stored["held_out"]),
        )

    def rows(self, answers: Labels) -> Iterator[Row]:
        for text, label in answers.learned:
            yield asked_and_answered(f"label-{label}", answers.asked(text), label)
        yield from guards(without=answers.labels)

    def tests(self, answers: Labels) -> list[AcceptanceTest]:
        found = [
            question(answers.asked(text), "labels", expected=label, held_to="same") for text, label in answers.held_out
        ]
        return found + [question(text, UNRELATED, must_not_be=answers.labels) for text in unrelated_questions()]

    def stem(self, answers: Labels) -> str:
        return f"{'-'.join(answers.labels[:3])}-labels"


def _by_label(examples: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the texts of each label, each once; QuestionnaireError where they cannot be learned from."""
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for text, written in examples:
        label = names.setdefault(normalised(written), written)
        if len(label) > LONGEST_LABEL or "\n" in label:
            raise _refused("recipe_label_unfit", label=label[:LONGEST_LABEL], most=LONGEST_LABEL)
        texts = found.setdefault(label, [])
        if normalised(text) not in seen:  # a text that is learned in capitals would be known in the test
            texts.append(text)
        other = seen.setdefault(normalised(text), label)
        if other != label:
            raise _refused("recipe_text_of_two_labels", text=text[:80], one=other, other=label)
    if not LEAST_LABELS <= len(found) <= MOST_LABELS:
        raise _refused("recipe_number_of_labels", found=len(found), least=LEAST_LABELS, most=MOST_LABELS)
    for label, texts in found.items():
        if len(texts) < LEAST_EXAMPLES:
            raise _refused("recipe_few_of_label", label=label, found=len(texts), least=LEAST_EXAMPLES)
    return found


def _refused(code: str, **params: Any) -> QuestionnaireError:
    return QuestionnaireError(message(code, **params), field="examples")


def _instruction(labels: Sequence[str], texts: Sequence[str]) -> str:
    """Return the instruction in the language of most texts."""
    chinese = sum(language_of(text) == "zh" for text in texts)
    language = "zh" if 2 * chinese > len(texts) else "en"
    return INSTRUCTIONS[language].format(labels=JOINED[language].join(labels))


LABELS = LabelsRecipe()
