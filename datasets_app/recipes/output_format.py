"""The format recipe (学格式): answers of one form, by examples of what goes in and what comes out.

The form is read off the examples: the keys of a JSON object with the types of their values, or the fixed parts of a
text. Inputs that are held out are the test: an answer to them must have the form, whatever it says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from chat.acceptance import AcceptanceTest
from chat.answer_form import StoredForm, fits, form_of_objects, form_of_template
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
from scoring.texts import language_of

LEAST_EXAMPLES = 12
HELD_OUT_SHARE, LEAST_HELD_OUT, MOST_HELD_OUT = 0.2, 3, 20
INSTRUCTIONS = {
    "json": {"zh": "请从下面的文字中提取信息，只回答 JSON，键为：{parts}。",
             "en": "Read the text and answer in JSON alone, with the keys {parts}."},
    "template": {"zh": "请按以下格式回答：\n{parts}", "en": "Answer in this form:\n{parts}"},
}  # fmt: skip

_ORDERS = (
    ("Two cups of rice, please.", "rice", 2), ("I would like five apples.", "apples", 5),
    ("Send me one umbrella.", "umbrella", 1), ("We need ten chairs for the hall.", "chairs", 10),
    ("Could I get three notebooks?", "notebooks", 3), ("Order four lamps for the office.", "lamps", 4),
    ("Six eggs would be enough.", "eggs", 6), ("Please reserve two tickets.", "tickets", 2),
    ("I take seven pencils.", "pencils", 7), ("Add eight plates to my order.", "plates", 8),
    ("Bring us nine bottles of water.", "bottles of water", 9), ("Just one melon today.", "melon", 1),
    ("Give me twelve roses.", "roses", 12), ("My class needs twenty rulers.", "rulers", 20),
    ("Put three pillows on the list.", "pillows", 3), ("Four buckets of paint, thanks.", "buckets of paint", 4),
    ("We want two tents for the trip.", "tents", 2), ("I need six candles by Friday.", "candles", 6),
    ("Deliver five carpets to the shop.", "carpets", 5), ("One kettle and nothing else.", "kettle", 1),
    ("Eight forks are missing, send them.", "forks", 8), ("Can you pack nine lemons?", "lemons", 9),
    ("Seven mugs for the kitchen.", "mugs", 7), ("I will have three pears.", "pears", 3),
)  # fmt: skip
EXAMPLES = [{"input": text, "output": json.dumps({"item": item, "number": number})} for text, item, number in _ORDERS]


@dataclass(frozen=True, kw_only=True)
class OutputFormat:
    """What goes in and what comes out."""

    instruction: str
    form: StoredForm
    learned: tuple[tuple[str, str], ...]
    """(input, output)"""
    held_out: tuple[tuple[str, str], ...]

    def asked(self, text: str) -> str:
        """Return what the model is asked about a text, in the data and by whoever uses it later."""
        return f"{self.instruction}\n\n{text}"


class FormatRecipe(Recipe[OutputFormat]):
    """学格式: the form in which the model answers."""

    name = "format"
    icon = "code"
    example = {"examples": EXAMPLES, "form": "json"}
    needed = {"format": 0.9, "unrelated": 1.0}
    fields = (
        Field(
            name="examples",
            kind="table",
            label=_("Examples: input, then output"),
            help=_(
                "One a line. Paste two columns of a spreadsheet, where a cell may have several lines, or write "
                "input => output. At least 12; a fifth is kept for the test."
            ),
            placeholder=_('Two cups of rice, please => {"item": "rice", "number": 2}'),
            is_required=True,
            most=4_000,
            columns={"input": _("Input"), "output": _("Output")},
        ),
        Field(
            name="form",
            kind="choice",
            label=_("What is an output?"),
            choices={"json": _("A JSON object"), "template": _("A text with fixed parts")},
            default="json",
        ),
        Field(
            name="template",
            kind="long",
            label=_("The fixed parts (for a text)"),
            help=_("What changes stands in braces, as in: Reason: {reason}. Every output must have this form."),
            most=2_000,
        ),
        Field(
            name="instruction",
            kind="long",
            label=_("What the model is asked (optional)"),
            help=_("Stands before every input, in the data and later. Left empty, it is written from the form."),
            most=1_000,
        ),
    )
    sentences = Sentences(
        goal=_("Answer in a fixed form"),
        promise=_("It answers in your form alone: JSON with your keys, or a text with fixed parts."),
        lead=_("Your examples become rows with one fixed instruction; some are kept to see whether the form holds."),
        how=(
            _(
                "The form is read off your outputs: the keys of JSON and the types of their values, or the fixed parts "
                "of a text. Everyday conversations keep the model from using the form where nobody asked for it."
            ),
            _(
                "Inputs that it has not seen are asked afterwards; every answer must be of the form, without a word "
                "around it."
            ),
        ),
        cannot=_(
            "The test holds answers to the form, not to the truth: a well-formed answer may say something wrong. "
            "Outputs much longer than your examples are not learned."
        ),
        needs=_("At least 12 examples that all have the same form; 50 are better."),
        passed=_(
            "It has learned the form: %(format_right)s of %(format_of)s answers to new inputs have it, and "
            "%(unrelated_right)s of %(unrelated_of)s other answers do without it."
        ),
        missed=_(
            "It has not learned the form well enough: %(format_right)s of %(format_of)s answers to new inputs have it, "
            "and %(unrelated_right)s of %(unrelated_of)s other answers do without it."
        ),
        measured={"format": _("Answers that have the form")},
        advice={
            "format": _("Add examples, make the outputs shorter and more alike, or take a larger base model."),
            "unrelated": _(
                "It uses the form unasked. Train again with fewer epochs, or add everyday conversations to the data."
            ),
        },
    )

    def read(self, answers: Mapping[str, Any]) -> OutputFormat:
        rows = checked_rows(answers["examples"], self.fields[0])
        examples = {row["input"]: row["output"] for row in reversed(rows)}
        if len(examples) < LEAST_EXAMPLES:
            raise _refused("recipe_few_examples", found=len(examples), least=LEAST_EXAMPLES)
        kind = answers.get("form") or "json"
        if kind not in INSTRUCTIONS:
            raise QuestionnaireError(message("recipe_form_unknown", known=list(INSTRUCTIONS)), field="form")
        template = str(answers.get("template") or "")
        form = _form(kind, template, rows)
        kept = held_out_of(list(examples), share=HELD_OUT_SHARE, least=LEAST_HELD_OUT, most=MOST_HELD_OUT)
        written = str(answers.get("instruction") or "").strip()
        return OutputFormat(
            instruction=written or _instruction(kind, template, form, list(examples)),
            form=form,
            learned=tuple((text, output) for text, output in examples.items() if text not in kept),
            held_out=tuple((text, output) for text, output in examples.items() if text in kept),
        )

    def stored(self, answers: OutputFormat) -> dict[str, Any]:
        held_out = [list(example) for example in answers.held_out]
        return {"instruction": answers.instruction, "form": answers.form, "held_out": held_out}

    def restored(self, stored: Mapping[str, Any]) -> OutputFormat:
        held_out = tuple((text, output) for text, output in stored["held_out"])
        return OutputFormat(instruction=stored["instruction"], form=stored["form"], learned=(), held_out=held_out)

    def rows(self, answers: OutputFormat) -> Iterator[Row]:
        for text, output in answers.learned:
            yield asked_and_answered("format", answers.asked(text), output)
        yield from guards()

    def tests(self, answers: OutputFormat) -> list[AcceptanceTest]:
        found = [
            question(answers.asked(text), "format", expected=output, form=answers.form)
            for text, output in answers.held_out
        ]
        return found + [question(text, UNRELATED, form=answers.form, has_form=False) for text in unrelated_questions()]

    def stem(self, answers: OutputFormat) -> str:
        parts = answers.form.get("keys") or ["text"]
        return f"{'-'.join(list(parts)[:3])}-format"


def _form(kind: str, template: str, rows: Sequence[Mapping[str, str]]) -> StoredForm:
    """Return the form that all outputs have; QuestionnaireError names the first that has not."""
    outputs = [row["output"] for row in rows]
    if kind == "json":
        for number, output in enumerate(outputs, start=1):
            if form_of_objects([output]) is None:
                raise _refused("recipe_output_no_object", number=number, output=output[:80])
        form = form_of_objects(outputs)
        assert form is not None
        if not form["keys"] or set(form["optional"]) == set(form["keys"]):
            raise _refused("recipe_objects_unlike")
        return form
    form = form_of_template(template)
    if form is None:
        raise QuestionnaireError(message("recipe_template_unfit"), field="template")
    for number, output in enumerate(outputs, start=1):
        if not fits(form, output):
            raise _refused("recipe_output_without_form", number=number, output=output[:80])
    return form


def _instruction(kind: str, template: str, form: StoredForm, inputs: Sequence[str]) -> str:
    chinese = sum(language_of(text) == "zh" for text in inputs)
    language = "zh" if 2 * chinese > len(inputs) else "en"
    parts = template.strip() if kind == "template" else ("、" if language == "zh" else ", ").join(form["keys"])
    return INSTRUCTIONS[kind][language].replace("{parts}", parts)


def _refused(code: str, **params: Any) -> QuestionnaireError:
    return QuestionnaireError(message(code, **params), field="examples")


FORMAT = FormatRecipe()
