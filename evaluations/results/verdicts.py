"""The verdict on a job: what its training and its model's answers come to, for people and for programs."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from common.wording import in_words
from evaluations.models import Evaluation
from evaluations.results.answers import Answers
from evaluations.results.evidence import DIVERGED, evidence_of_job, evidence_of_training
from evaluations.results.scoring_answers import Found
from jobs.models import FineTuningJob
from scoring.verdict import StoredFinding, StoredVerdict, verdict
from webhooks.outbox import announce
from wording import Message

TOLD_AS = "fine_tuning.job.verdict"
NOTHING: StoredVerdict = {"light": None, "findings": [], "best_step": None}


class FixObject(TypedDict):
    """What would help, and what a button for it says."""

    action: str
    params: dict[str, object]
    message: str


class FindingObject(TypedDict):
    """One thing that was found, with the numbers behind it."""

    code: str
    light: Literal["green", "amber", "red"]
    params: dict[str, object]
    message: str
    evidence: dict[str, object]
    fix: FixObject | None


class VerdictObject(TypedDict):
    """A `fine_tuning.job.verdict`: the light is null until its evaluation has succeeded."""

    object: Literal["fine_tuning.job.verdict"]
    fine_tuning_job_id: str
    light: Literal["green", "amber", "red"] | None
    findings: list[FindingObject]
    best_step: int | None
    evaluation: str | None
    status: str | None
    progress: float | None


def verdict_on(job: FineTuningJob, answers: Answers, found: Found) -> StoredVerdict:
    """Return what is stored of the verdict on an evaluated job."""
    return verdict(evidence_of_job(job, answers, found)).to_json()


def tell_verdict(job: FineTuningJob, decided: Mapping[str, Any]) -> None:
    """Tell webhooks what an evaluation has come to, in the transaction in which it ends: the light and its reasons."""
    if decided["light"] is None:
        return
    reasons = [Message.restored(one["message"]) for one in decided["findings"]]
    because = reasons[0].followed_by(*reasons[1:]) if reasons else None
    announce(TOLD_AS, job.team, {"id": job.pk, "light": decided["light"]}, about=job, because=because)


def verdict_of(job: FineTuningJob) -> VerdictObject:
    """Return the verdict as it stands, in the reader's language."""
    evaluation = Evaluation.objects.filter(job=job).first()
    found: StoredVerdict = evaluation.verdict if evaluation is not None and evaluation.verdict else NOTHING
    if job.error_code == DIVERGED:
        found = verdict(evidence_of_training(job)).to_json()
    return {
        "object": "fine_tuning.job.verdict",
        "fine_tuning_job_id": job.pk,
        "light": found["light"],
        "findings": [_finding(one) for one in found["findings"]],
        "best_step": found["best_step"],
        "evaluation": evaluation.pk if evaluation is not None else None,
        "status": evaluation.state if evaluation is not None else None,
        "progress": evaluation.progress if evaluation is not None else None,
    }


def _finding(found: StoredFinding) -> FindingObject:
    fix = found["fix"]
    return {
        "code": found["code"],
        "light": found["light"],
        "params": found["params"],
        "message": _said(found["message"]),
        "evidence": found["evidence"],
        "fix": {"action": fix["action"], "params": fix["params"], "message": _said(fix["message"])} if fix else None,
    }


def _said(stored: Mapping[str, object]) -> str:
    return in_words(Message.restored(stored))
