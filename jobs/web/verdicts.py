"""What a job's acceptance test has come to, in words."""

from typing import Any

from django.utils.translation import gettext as _

from jobs.models import FineTuningJob

SHOWN_OF_EACH = 2
"""Questions of each topic, in Latin and in other letters, that are shown at once; wrong answers always are."""


def acceptance_of(job: FineTuningJob) -> dict[str, Any] | None:
    """Return the verdict for the job's page: a sentence, advice, and the questions with both answers; None without."""
    if not job.verdict:
        return None
    results = [
        {**result, "question": result["messages"][-1]["content"], "reason": _reason(result)}
        for result in job.verdict["results"]
    ]
    shown = _first_of_each(results)
    return {
        "passed": job.verdict["passed"],
        "sentence": _sentence(job.verdict),
        "advice": _advice(job.verdict),
        "shown": shown,
        "rest": [result for result in results if result not in shown],
    }


def _sentence(verdict: dict[str, Any]) -> str:
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


def _advice(verdict: dict[str, Any]) -> str:
    """Say what to do about a verdict that is not good enough."""
    if verdict["passed"]:
        return ""
    short = [topic for topic, count in verdict["topics"].items() if count["right"] < count["needed"]]
    if "identity" in short:
        return _("Train again with more epochs, or a larger base model: it has met its name too seldom.")
    return _("It says its name unasked. Train again with fewer epochs, or add everyday conversations to the data.")


def _reason(result: dict[str, Any]) -> str:
    if result["missing"]:
        return _("does not say %(phrase)s") % {"phrase": result["missing"][0]}
    if result["unwanted"]:
        return _("says %(phrase)s") % {"phrase": result["unwanted"][0]}
    return ""


def _first_of_each(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, bool], int] = {}
    shown = []
    for result in results:
        key = (result["topic"], result["messages"][-1]["content"].isascii())
        counts[key] = counts.get(key, 0) + 1
        if not result["passed"] or counts[key] <= SHOWN_OF_EACH:
            shown.append(result)
    return shown
