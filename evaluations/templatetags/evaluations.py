"""What pages of other apps show of evaluations."""

from collections.abc import Mapping
from typing import Any

from django import template

from evaluations.web.verdict_panel import panel_of
from jobs.models import FineTuningJob

register = template.Library()


@register.inclusion_tag("evaluations/_verdict.html", takes_context=True)
def verdict_panel(context: Mapping[str, Any], job: FineTuningJob) -> dict[str, object]:
    """The verdict on a job that has ended, and how far its evaluation is."""
    return {**panel_of(job), **{name: context.get(name) for name in ("may", "user", "csrf_token", "request")}}
