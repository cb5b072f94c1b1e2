"""The verdict on a job as its page and its evaluation's page show it: a light, reasons, and what a button does."""

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from evaluations.results.verdicts import FixObject, verdict_of
from evaluations.web.pages import light_of
from jobs.models import FineTuningJob

OF_DATA = ("add_rows", "add_guards", "add_general", "remove_rows")
"""Fixes that are made in the data set."""


def panel_of(job: FineTuningJob) -> dict[str, Any]:
    """Return what the panel shows."""
    found = verdict_of(job)
    lights = [light_of(one["light"]) for one in found["findings"]]
    return {
        "job": job,
        "verdict": found,
        "light": light_of(found["light"]),
        "findings": [
            {"light": light, "message": one["message"], "fix": one["fix"] and _link(job, one["fix"])}
            for one, light in zip(found["findings"], lights, strict=True)
        ],
        "is_under_way": found["status"] in ("queued", "running"),
        "percent": round(100 * (found["progress"] or 0)),
        "may_be_made": job.status == FineTuningJob.Status.SUCCEEDED
        and found["status"] in (None, "failed", "cancelled"),
    }


def _link(job: FineTuningJob, fix: FixObject) -> dict[str, str]:
    """Return what a fix says, and where it is made; "" where a person must do it by hand."""
    action, params = fix["action"], fix["params"]
    url = ""
    if action == "set_learning_rate":
        rate = params.get("value") or float(job.hyperparameters["learning_rate"]) * float(str(params["factor"]))
        url = _again(job, learning_rate=f"{rate:g}")
    elif action == "set_epochs":
        url = _again(job, num_train_epochs=f"{params['value']}")
    elif action in OF_DATA and job.training_file_id:
        url = reverse("dataset", args=[job.training_file_id])
    elif action == "remove_validation_rows" and job.validation_file_id:
        url = reverse("dataset", args=[job.validation_file_id])
    return {"message": fix["message"], "url": url}


def _again(job: FineTuningJob, **values: str) -> str:
    query = {"again": job.pk, **{f"hp-{name}": value for name, value in values.items()}}
    return f"{reverse('new_job')}?{urlencode(query)}"
