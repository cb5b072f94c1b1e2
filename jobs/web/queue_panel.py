"""The panel of a job that waits: its place, when it should start, what is in the way, and what would help."""

from datetime import UTC, datetime
from typing import TypedDict

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from compute.forecasting.helping import NOW_SECONDS, clock
from jobs.models import FineTuningJob
from jobs.queueing import WhatIfObject, queue_of


class HelpButton(TypedDict):
    """A change that would help, with the form that makes it."""

    message: str
    url: str
    field: str
    value: str
    label: str
    question: str


def queue_panel(job: FineTuningJob) -> dict[str, object]:
    """Return what the panel shows; `queue` is None when the job does not wait for accelerators."""
    found = queue_of(job)
    if found["position"] is None:
        return {"job": job, "queue": None}
    return {
        "job": job,
        "queue": found,
        "start": _start(found["eta_low"], found["eta_high"]),
        "helps": [_button(job, one) for one in found["what_if"] or []],
    }


def _start(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return _("Its start cannot be estimated yet: it is not known how long the running work will take.")
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (low, high))
    if (last - timezone.now()).total_seconds() < NOW_SECONDS:
        return _("It should start within a minute.")
    return _("It should start between %(low)s and %(high)s.") % dict(
        zip(("low", "high"), clock(first, last), strict=True)
    )


def _button(job: FineTuningJob, found: WhatIfObject) -> HelpButton:
    change = found["change"]
    for field, label in (("accelerators", _("Ask for %(number)s")), ("priority", _("Raise the priority"))):
        if field in change:
            return {
                "message": found["message"],
                "url": reverse("job_queue", args=[job.pk]),
                "field": field,
                "value": str(change[field]),
                "label": label % {"number": change[field]},
                "question": "",
            }
    return {
        "message": found["message"],
        "url": reverse("pause_deployment", args=[change["pause_deployment"]]),
        "field": "job",
        "value": job.pk,
        "label": _("Pause it"),
        "question": _("Pause this deployment? It sleeps, and its next request queues for accelerators again."),
    }
