"""The result of a job's acceptance test, in words."""

from collections.abc import Sequence
from typing import TypedDict

from django.utils.text import Truncator
from django.utils.translation import gettext as _

from chat.acceptance import Count, Result, Verdict
from datasets_app.recipes.base import Sentences
from datasets_app.recipes.identity import IDENTITY
from datasets_app.recipes.registry import RECIPES
from jobs.models import FineTuningJob
from scoring.labels import Confused, classify, confused

SHOWN_OF_EACH = 2
"""Questions of each topic, in Latin and in other letters, that are shown at once; wrong answers always are."""

SHOWN_EXPECTED = 60
"""Characters of the answer that was expected."""


class Answered(Result):
    """A question with both answers, and why the tuned model's is wrong; "" where it is right."""

    question: str
    reason: str


class ShownVerdict(TypedDict):
    """What the job's page shows: a sentence, advice, and the questions, some of them at once."""

    passed: bool
    sentence: str
    advice: str
    labels: list[Confused]
    """How well each label was found, where answers should be labels."""
    shown: list[Answered]
    rest: list[Answered]


def acceptance_of(job: FineTuningJob) -> ShownVerdict | None:
    """Return the verdict for the job's page; None without one."""
    if not job.verdict:
        return None
    verdict: Verdict = job.verdict
    results: list[Answered] = [
        {**result, "question": result["messages"][-1]["content"] or "", "reason": _reason(result)}
        for result in verdict["results"]
    ]
    shown = _first_of_each(results)
    said = RECIPES.get(job.acceptance.get("recipe", ""), IDENTITY).sentences
    return {
        "passed": verdict["passed"],
        "sentence": _sentence(said, verdict),
        "advice": _advice(said, verdict),
        "labels": _labels(results),
        "shown": shown,
        "rest": [result for result in results if result not in shown],
    }


def _sentence(said: Sentences, verdict: Verdict) -> str:
    topics = {**dict.fromkeys(said.advice, Count(right=0, of=0, needed=0)), **verdict["topics"]}
    counts = {f"{topic}_{name}": value for topic, count in topics.items() for name, value in count.items()}
    return str(said.passed if verdict["passed"] else said.missed) % counts


def _advice(said: Sentences, verdict: Verdict) -> str:
    """Say what to do about a verdict that is not good enough."""
    short = {topic for topic, count in verdict["topics"].items() if count["right"] < count["needed"]}
    return next((str(advice) for topic, advice in said.advice.items() if topic in short), "")


def _reason(result: Result) -> str:
    if result["missing"]:
        return _("does not say %(phrase)s") % {"phrase": result["missing"][0]}
    if result["unwanted"]:
        return _("says %(phrase)s") % {"phrase": result["unwanted"][0]}
    expected = Truncator(result.get("expected", "")).chars(SHOWN_EXPECTED)
    reasons: dict[str, str] = {
        "another": _("is not %(expected)s") % {"expected": expected},
        "unlike": _("differs too much from: %(expected)s") % {"expected": expected},
        "one_of_those": _("answers as if it had been asked for what it learned"),
        "without_form": _("does not have the form"),
        "with_form": _("has the form, which nobody asked for"),
    }
    return reasons.get(result.get("fault", ""), "")


def _labels(results: Sequence[Result]) -> list[Confused]:
    asked = [result for result in results if result.get("held_to") == "same"]
    if not asked:
        return []
    found = classify([one["answer"] for one in asked], [one["expected"] for one in asked])
    return confused(found.labels, found.confusion)


def _first_of_each(results: list[Answered]) -> list[Answered]:
    counts: dict[tuple[str, bool], int] = {}
    shown = []
    for result in results:
        key = (result["topic"], result["question"].isascii())
        counts[key] = counts.get(key, 0) + 1
        if not result["passed"] or counts[key] <= SHOWN_OF_EACH:
            shown.append(result)
    return shown
