"""The name of a job and its model at /api/v1/jobs/{id}, and jobs looked up by it."""

from typing import Literal, TypedDict

from django.db.models import Q
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import team_of, user_of
from common.answers import answers
from common.reads import Body, body_of, query_of, reads
from jobs import services
from jobs.models import FineTuningJob, FineTuningJobQuerySet
from jobs.tuned_models import LONGEST_NAME, rename_job


class NewName(Body):
    """What people call it; "" goes back to the name that is made from data and base."""

    name = serializers.CharField(max_length=LONGEST_NAME, allow_blank=True)

    example = {"name": "Xiaozhi, second try"}


class NamedJobObject(TypedDict):
    """A job's name, given or made, beside its id and the name of its model at the API."""

    id: str
    object: Literal["job.name"]
    name: str
    is_given: bool
    fine_tuned_model: str | None


class JobNameView(APIView):
    """GET, PATCH /api/v1/jobs/{id}: what people call the job; OpenAI's object knows no name."""

    @answers(NamedJobObject)
    @reads()
    def get(self, request: Request, job_id: str) -> Response:
        query_of(request)
        return Response(name_as_json(services.get_job(team=team_of(request), job_id=job_id)))

    @answers(NamedJobObject)
    @reads(NewName)
    def patch(self, request: Request, job_id: str) -> Response:
        asked = body_of(request)
        job = services.get_job(team=team_of(request), job_id=job_id)
        return Response(name_as_json(rename_job(job=job, by=user_of(request), **asked)))


def name_as_json(job: FineTuningJob) -> NamedJobObject:
    return {
        "id": job.pk,
        "object": "job.name",
        "name": str(job),
        "is_given": bool(job.name),
        "fine_tuned_model": job.fine_tuned_model,
    }


def named_like(jobs: FineTuningJobQuerySet, text: str) -> FineTuningJobQuerySet:
    """Return those with `text` in their name, suffix, data or base model, or with it as their id; all for ""."""
    if not text:
        return jobs
    given = Q(name__icontains=text) | Q(suffix__icontains=text) | Q(pk=text)
    made = Q(file_ids__training_name__icontains=text) | Q(base_model__display_name__icontains=text)
    return jobs.filter(given | made)
