"""The verdict on a job as its page and its evaluation's page show it: a light, reasons, and what a button does."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict, cast
from urllib.parse import urlencode

from django.urls import reverse

from common.marks import Mark
from common.wording import in_words
from evaluations.models import Evaluation
from evaluations.results.verdicts import FixObject, VerdictObject, verdict_of
from evaluations.web.pages import light_of
from jobs.models import FineTuningJob
from jobs.training.checkpoints import name_at
from scoring.messages import message as scoring_message


class FixLink(TypedDict):
    """What a fix says, and where it is made; "" where a person must do it by hand."""

    message: str
    url: str
    model: str
    """What a button deploys, instead of leading there; "" of any other fix."""


class ShownFinding(TypedDict):
    """A finding with its colour, and what helps."""

    light: Mark | None
    message: str
    fix: FixLink | None


class Panel(TypedDict):
    """What the panel shows."""

    job: FineTuningJob
    verdict: VerdictObject
    light: Mark | None
    findings: list[ShownFinding]
    is_under_way: bool
    percent: int
    may_be_made: bool
    better: FixLink | None
    """The checkpoint that did better than the model, where there is one."""
    is_better_offered: bool
    """A finding has that button already."""


def panel_of(job: FineTuningJob) -> Panel:
    """Return what the panel shows."""
    found = verdict_of(job)
    lights = [light_of(one["light"]) for one in found["findings"]]
    fixes = [link_of(job, one["fix"]) if one["fix"] else None for one in found["findings"]]
    better = _better(job, found["best_step"])
    return {
        "job": job,
        "verdict": found,
        "light": light_of(found["light"]),
        "findings": [
            {"light": light, "message": one["message"], "fix": fix}
            for one, light, fix in zip(found["findings"], lights, fixes, strict=True)
        ],
        "is_under_way": found["status"] in ("queued", "running"),
        "percent": round(100 * (found["progress"] or 0)),
        "may_be_made": job.status == FineTuningJob.Status.SUCCEEDED
        and found["status"] in (None, "failed", "cancelled"),
        "better": better,
        "is_better_offered": better is not None and better in fixes,
    }


def lights_of(jobs: Iterable[FineTuningJob]) -> dict[str, Mark | None]:
    """Return the light of each job that has a verdict, by the job's id, in one query."""
    found = (
        Evaluation.objects.filter(job__in=[job.pk for job in jobs]).exclude(verdict={}).values_list("job", "verdict")
    )
    return {job: light_of(verdict.get("light")) for job, verdict in found}


def link_of(job: FineTuningJob, fix: FixObject) -> FixLink:
    """Return what a fix says, and where it is made; "" where its file is gone."""
    params = fix["params"]
    model = name_at(job, cast(int, params["step"])) if fix["action"] == "use_step" else ""
    return {"message": fix["message"], "url": ADDRESSES[fix["action"]](job, params), "model": model}


def _better(job: FineTuningJob, step: int | None) -> FixLink | None:
    if step is None or step == job.result_step:
        return None
    said = in_words(scoring_message("fix_use_step", step=step))
    return link_of(job, {"action": "use_step", "params": {"step": step}, "message": said})


def _learning_rate(job: FineTuningJob, params: Mapping[str, Any]) -> str:
    rate = params.get("value") or float(job.hyperparameters["learning_rate"]) * float(params["factor"])
    return _again(job, learning_rate=f"{rate:g}")


def _training_file(job: FineTuningJob, params: Mapping[str, Any]) -> str:
    return reverse("dataset", args=[job.training_file_id]) if job.training_file_id else ""


def _validation_file(job: FineTuningJob, params: Mapping[str, Any]) -> str:
    return reverse("dataset", args=[job.validation_file_id]) if job.validation_file_id else ""


def _checkpoint(job: FineTuningJob, params: Mapping[str, Any]) -> str:
    return f"{reverse('deployments')}?{urlencode({'model': name_at(job, params['step'])})}"


def _again(job: FineTuningJob, **values: str) -> str:
    query = {"again": job.pk, **{f"hp-{name}": value for name, value in values.items()}}
    return f"{reverse('new_job')}?{urlencode(query)}"


ADDRESSES: dict[str, Callable[[FineTuningJob, Mapping[str, Any]], str]] = {
    "set_learning_rate": _learning_rate,
    "set_epochs": lambda job, params: _again(job, num_train_epochs=f"{params['value']}"),
    "use_step": _checkpoint,
    "add_rows": _training_file,
    "add_guards": _training_file,
    "add_general": _training_file,
    "remove_rows": _training_file,
    "remove_validation_rows": _validation_file,
}
"""Where each `Action` of a fix is made."""
