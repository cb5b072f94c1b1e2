"""The result of a job's acceptance test, in words."""

from typing import TypedDict

from django.utils.translation import gettext as _

from chat.acceptance import Result, Verdict
from jobs.models import FineTuningJob

SHOWN_OF_EACH = 2
"""Questions of each topic, in Latin and in other letters, that are shown at once; wrong answers always are."""


class Answered(Result):
    """A question with both answers, and why the tuned model's is wrong; "" where it is right."""

    question: str
    reason: str


class ShownVerdict(TypedDict):
    """What the job's page shows: a sentence, advice, and the questions, some of them at once."""

    passed: bool
    sentence: str
    advice: str
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
    return {
        "passed": verdict["passed"],
        "sentence": _sentence(verdict),
        "advice": _advice(verdict),
        "shown": shown,
        "rest": [result for result in results if result not in shown],
    }


def _sentence(verdict: Verdict) -> str:
    counts = {f"{topic}_{name}": value for topic, count in verdict["topics"].items() for name, value in count.items()}
    if verdict["passed"]:
        words = _(
            "It learned its name: %(identity_right)s of %(identity_of)s questions about itself are right, and "
            "%(unrelated_right)s of %(unrelated_of)s other answers are free of it."
        )
    else:
        words = _(
            "It has not learned its name well enough: %(identity_right)s of %(identity_of)s questions about itself are "
            "right, and %(unrelated_right)s of %(unrelated_of)s other answers are free of it."
        )
    return words % {"identity_right": 0, "identity_of": 0, "unrelated_right": 0, "unrelated_of": 0, **counts}


def _advice(verdict: Verdict) -> str:
    """Say what to do about a verdict that is not good enough."""
    if verdict["passed"]:
        return ""
    short = [topic for topic, count in verdict["topics"].items() if count["right"] < count["needed"]]
    if "identity" in short:
        return _("Train again with more epochs, or a larger base model: it has seen its name too rarely.")
    return _("It says its name unasked. Train again with fewer epochs, or add everyday conversations to the data.")


def _reason(result: Result) -> str:
    if result["missing"]:
        return _("does not say %(phrase)s") % {"phrase": result["missing"][0]}
    if result["unwanted"]:
        return _("says %(phrase)s") % {"phrase": result["unwanted"][0]}
    return ""


def _first_of_each(results: list[Answered]) -> list[Answered]:
    counts: dict[tuple[str, bool], int] = {}
    shown = []
    for result in results:
        key = (result["topic"], result["question"].isascii())
        counts[key] = counts.get(key, 0) + 1
        if not result["passed"] or counts[key] <= SHOWN_OF_EACH:
            shown.append(result)
    return shown
