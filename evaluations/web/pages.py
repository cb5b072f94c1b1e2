"""What pages say about evaluations: sentences, figures, and answers side by side. Nothing here changes anything."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from common.marks import Mark
from common.templatetags.luthier import duration
from common.wording import in_words
from compute.services import explain
from datasets_app.recipes.registry import RECIPES
from evaluations.models import Evaluation, Question, Sample, SampleQuerySet, Subject
from evaluations.results.scoring_answers import Figure, Pair
from scoring.labels import confused

STATUSES = {
    "queued": ("wait", "clock"),
    "running": ("busy", "loader"),
    "succeeded": ("ok", "circle-check"),
    "failed": ("bad", "circle-x"),
    "cancelled": ("wait", "x"),
}
LIGHTS = {
    "green": ("ok", "circle-check", gettext_lazy("Good")),
    "amber": ("wait", "alert-triangle", gettext_lazy("Look closer")),
    "red": ("bad", "circle-x", gettext_lazy("Not good")),
}
CHANGES = {
    "better": ("ok", "check"),
    "worse": ("bad", "alert-circle"),
    "changed": ("wait", "refresh"),
    "same": ("", "circle-dashed"),
}
METRICS: dict[str, tuple[Any, str]] = {
    "loss": (gettext_lazy("How far off its guesses are"), "loss"),
    "perplexity": (gettext_lazy("Between how many words it wavers"), "perplexity"),
    "token_accuracy": (gettext_lazy("Next words guessed right"), "token accuracy"),
    "exact_match": (gettext_lazy("Answers exactly as expected"), "exact match"),
    "chrf": (gettext_lazy("Answers like the expected ones, by letters"), "chrF"),
    "rouge_l": (gettext_lazy("Answers like the expected ones, by words"), "ROUGE-L"),
    "bleu": (gettext_lazy("Answers like the expected ones, by phrases"), "BLEU"),
    "json_valid": (gettext_lazy("Answers that are valid JSON"), "JSON"),
    **{
        f"{topic}_right": (words, "")
        for recipe in RECIPES.values()
        for topic, words in recipe.sentences.measured.items()
    },
    "unrelated_right": (gettext_lazy("Other answers free of what was learned"), ""),
    "general_right": (gettext_lazy("General questions right"), ""),
    "training_chrf": (gettext_lazy("Training rows said again, by letters"), "chrF"),
}
"""Of each measure what it tells in plain words, and its name; in the order in which they are shown."""
FALLING = ("loss", "perplexity")
"""Measures of which less is better."""
SHARES = ("token_accuracy", "exact_match", "rouge_l", "json_valid")
MOST_MARKED = 600
"""Words of an answer among which differences are looked for: more would take longer than a page may."""
_WORDS = re.compile(r"\s*(?:[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s])|\s+")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A model's figure, and what changed beside its base where that is beyond chance."""

    model: str
    value: str
    bounds: str = ""
    change: Mark | None = None


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """A measure in plain words and by its name, with every model's figure."""

    label: str
    term: str
    cells: list[Cell]


@dataclass(frozen=True, kw_only=True)
class ChangeCount:
    """How many answers of tuned models became what."""

    name: str
    word: str
    count: int


@dataclass(frozen=True, kw_only=True)
class ShownAnswer:
    """A model's answer in pieces, each with whether its base's lacks it."""

    model: str
    parts: list[tuple[str, bool]]
    change: Mark | None
    is_cut: bool
    is_unaskable: bool


@dataclass(frozen=True, kw_only=True)
class QuestionRow:
    """A question with every model's answer."""

    question: Question
    kind: str
    answers: list[ShownAnswer]


@dataclass(frozen=True)
class EvaluationRow:
    """An evaluation in a list."""

    evaluation: Evaluation

    @property
    def status(self) -> Mark:
        return status_of(self.evaluation)

    @property
    def sentence(self) -> str:
        return sentence_of(self.evaluation)

    @property
    def models(self) -> list[Subject]:
        return list(self.evaluation.subjects.all())


def status_of(evaluation: Evaluation) -> Mark:
    kind, icon = STATUSES[evaluation.state]
    return {"kind": kind, "icon": icon, "word": evaluation.get_state_display()}


def sentence_of(evaluation: Evaluation) -> str:
    """Return one sentence on the evaluation's state, and what it waits for."""
    if evaluation.is_stopping:
        return _("Stopping. The answers that are there stay.")
    if evaluation.state == Evaluation.State.QUEUED:
        return in_words(explain(evaluation.run) if evaluation.run else None) or _("It is about to begin.")
    if evaluation.state == Evaluation.State.RUNNING:
        return _running(evaluation)
    if evaluation.state == Evaluation.State.FAILED:
        return in_words(evaluation.error_message)
    if evaluation.state == Evaluation.State.CANCELLED:
        return _("Cancelled after %(done)s answers.") % {"done": evaluation.num_done}
    return _("Every question has been answered.")


def _running(evaluation: Evaluation) -> str:
    if not evaluation.num_done or not evaluation.num_total:
        return _("Loading the models.")
    numbers = {"done": evaluation.num_done, "total": evaluation.num_total}
    ends_at = evaluation.run.predicted_end_at if evaluation.run is not None else None
    if ends_at is None:
        return _("%(done)s of %(total)s answers are there.") % numbers
    left = max(1, round((ends_at - timezone.now()).total_seconds()))
    return _("%(done)s of %(total)s answers are there, about %(time)s left.") % {**numbers, "time": duration(left)}


def light_of(light: str | None) -> Mark | None:
    if light is None:
        return None
    kind, icon, word = LIGHTS[light]
    return {"kind": kind, "icon": icon, "word": str(word)}


def figures_of(evaluation: Evaluation, subjects: Sequence[Subject] = ()) -> list[FigureRow]:
    """Return a row for each measure: what it tells, and each model's figure with what changed beside its base.

    Without `subjects` those of all its models.
    """
    subjects = subjects or list(evaluation.subjects.all())
    known = {name for one in subjects for name in evaluation.results.get(one.name, {})}
    return [
        FigureRow(label=label, term=term, cells=[cell_of(evaluation, one, name) for one in subjects])
        for name in ordered_metrics(known)
        for label, term in [words_of(name)]
    ]


def ordered_metrics(known: set[str]) -> list[str]:
    """Return the measures in the order in which they are shown."""
    return [name for name in METRICS if name in known] + sorted(known - METRICS.keys())


def words_of(metric: str) -> tuple[str, str]:
    """Return what a measure tells in plain words, and its name."""
    label, term = METRICS.get(metric, (metric.removeprefix("grader."), ""))
    return str(label), term


def cell_of(evaluation: Evaluation, subject: Subject, name: str, *, called: str = "") -> Cell:
    """Return a model's figure, under its own name or as it is `called`."""
    figure: Figure | None = evaluation.results.get(subject.name, {}).get(name)
    called = called or subject.name
    if figure is None:
        return Cell(model=called, value="–")
    change = None
    pairs: list[Pair] = evaluation.pairs
    pair = next((pair for pair in pairs if (pair["model"], pair["metric"]) == (subject.name, name)), None)
    if pair is not None and pair["is_certain"]:
        is_up = pair["difference"]["value"] > 0
        change = change_of("worse" if is_up == (name in FALLING) else "better")
    bounds = f"{_number(name, figure['low'])} – {_number(name, figure['high'])}"
    return Cell(model=called, value=_number(name, figure["value"]), bounds=bounds, change=change)


def confusions_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return of each model whose answers should be labels how well it finds them, and what it takes them for."""
    return [
        {"model": model, "labels": confused(report["labels"], report["confusion"])}
        for model, report in evaluation.reports.items()
    ]


def _number(name: str, value: float) -> str:
    if name in SHARES or name.endswith("_right"):
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if name in FALLING or name.startswith("grader.") else f"{value:.1f}"


def change_of(change: str) -> Mark:
    kind, icon = CHANGES[change]
    return {"kind": kind, "icon": icon, "word": str(Sample.Change(change).label)}


def counts_of(evaluation: Evaluation) -> list[ChangeCount]:
    """Return how many answers of tuned models became what, for the filter."""
    changes = list(_compared(evaluation).values_list("change", flat=True))
    shown = [name for name in CHANGES if name != "same"]
    return [ChangeCount(name=name, word=str(Sample.Change(name).label), count=changes.count(name)) for name in shown]


def _compared(evaluation: Evaluation) -> SampleQuerySet:
    """Return the answers that stand beside a base's; of a job's own evaluation those of its model."""
    found = Sample.objects.of(evaluation).exclude(change="")
    return found.exclude(subject__kind=Subject.Kind.CHECKPOINT) if evaluation.job_id is not None else found


def summary_of(evaluation: Evaluation) -> str:
    """Say in a sentence what became of the answers beside the base's; "" where nothing stands beside a base."""
    found = {one.name: one.count for one in counts_of(evaluation)}
    whole = _compared(evaluation).count()
    if not whole:
        return ""
    return ngettext(
        "Of %(whole)s answer %(better)s is better than the base's, %(worse)s is worse, %(changed)s reads differently.",
        "Of %(whole)s answers %(better)s are better than the base's, %(worse)s are worse, %(changed)s read "
        "differently.",
        whole,
    ) % {"whole": whole, **found}


def rows_of(questions: list[Question]) -> list[QuestionRow]:
    """Return each question with its answers; what a tuned model's has and its base's has not is marked."""
    return [_row(question, list(question.samples.all())) for question in questions]


def _row(question: Question, samples: list[Sample]) -> QuestionRow:
    base = {sample.subject.base_model_id: sample for sample in samples if sample.subject.is_untuned}
    return QuestionRow(
        question=question,
        kind=question.get_kind_display(),
        answers=[answer_of(sample, base.get(sample.subject.base_model_id)) for sample in samples],
    )


def answer_of(sample: Sample, base: Sample | None, *, called: str = "") -> ShownAnswer:
    """Return an answer, under its model's name or as it is `called`, with what the one beside it lacks."""
    beside = base if base is not None and base is not sample else None
    return ShownAnswer(
        model=called or sample.subject.name,
        parts=marked(beside.answer, sample.answer) if beside is not None else [(sample.answer, False)],
        change=change_of(sample.change) if sample.change else None,
        is_cut=sample.stop_reason == "length",
        is_unaskable=sample.stop_reason == "unaskable",
    )


def marked(before: str, after: str) -> list[tuple[str, bool]]:
    """Return `after` in pieces, each with whether `before` lacks it."""
    every, old = _WORDS.findall(after), _WORDS.findall(before)[:MOST_MARKED]
    words, rest = every[:MOST_MARKED], "".join(every[MOST_MARKED:])
    pieces = [
        ("".join(words[start:end]), kind != "equal")
        for kind, _, _, start, end in difflib.SequenceMatcher(None, old, words).get_opcodes()
        if start < end
    ]
    return [*pieces, (rest, False)] if rest else pieces
