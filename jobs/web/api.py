"""Fine-tuning jobs over HTTP: OpenAI's surface to the letter, and Luthier's own routes beside it.

**A dropped reply to a create.** A client that gets no reply asks again. With an `Idempotency-Key` header the second
request gets the first one's reply, for 24 hours. OpenAI's SDK repeats by itself without such a key and only says so in
`x-stainless-retry-count`: a create with a count above 0 that is equal, byte for byte as JSON, to one of the same key
within the last 60 seconds gets the job which that one has made, and waits for it while it is still being made. Without
either header every create makes a job of its own.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import is_platform_admin
from accounts.requests import team_of, user_of
from accounts.roles import Role
from common.answers import ListObject, answers
from common.api import body_of, listed, one_page, query_of, require_no_body
from common.errors import NotFound, UserError
from common.idempotency import HEADER, idempotent
from common.texts import is_storable, sendable
from jobs import queueing, services
from jobs.estimates import estimating
from jobs.estimates.estimating import Estimate, HyperparameterObject
from jobs.hyperparameters import read_asked
from jobs.messages import message
from jobs.models import FineTuningJob, TunedModel
from jobs.tuned_models import check_suffix
from jobs.web.command import arguments_of, command_of, data_address
from jobs.web.logs import read_log
from jobs.web.wire import (
    AcceptanceObject,
    CheckpointObject,
    CommandObject,
    FineTuningJobObject,
    JobEventObject,
    LogObject,
    acceptance_as_json,
    checkpoint_as_json,
    event_as_json,
    job_as_json,
    log_as_json,
)
from wording import Message

RETRY_COUNT = "x-stainless-retry-count"
JOB_REQUEST_FIELDS = (
    "model",
    "training_file",
    "validation_file",
    "hyperparameters",
    "method",
    "seed",
    "suffix",
    "metadata",
    "accelerators",
    "priority",
    "system_prompt",
)


class _Page(serializers.Serializer):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class _Checkpoints(_Page):
    limit = serializers.IntegerField(default=10, min_value=1, max_value=100)


class _Log(serializers.Serializer):
    offset = serializers.IntegerField(default=0, min_value=-(2**40), max_value=2**40)
    attempt = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class _Queued(serializers.Serializer):
    accelerators = serializers.JSONField(required=False)
    priority = serializers.JSONField(required=False)


class _Hyperparameters(serializers.Serializer):
    model = serializers.CharField(required=False, max_length=200)
    file = serializers.CharField(required=False, max_length=60)


class JobsView(APIView):
    """GET, POST /v1/fine_tuning/jobs"""

    @answers(ListObject[FineTuningJobObject])
    def get(self, request: Request) -> Response:
        page = _query(_Page, request, is_list=True)
        jobs = FineTuningJob.objects.visible_to(team_of(request)).with_metadata(_metadata_filter(request))
        jobs = (
            jobs.select_related("team", "training_file").prefetch_related("result_files").order_by("-created_at", "-id")
        )
        if "after" in page:
            last = services.get_job(team=team_of(request), job_id=page["after"], param="after")
            earlier = jobs.filter(created_at__lt=last.created_at)
            jobs = earlier | jobs.filter(created_at=last.created_at, pk__lt=last.pk)
        return one_page(jobs, page["limit"], lambda job: _as_json(request, job))

    @answers(FineTuningJobObject)
    def post(self, request: Request) -> Response:
        job_request = _job_request(request)

        def create() -> Response:
            return Response(
                _as_json(
                    request, services.create_job(team=team_of(request), by=user_of(request), job_request=job_request)
                )
            )

        return idempotent(request, create)


class JobView(APIView):
    """GET /v1/fine_tuning/jobs/{id}"""

    @answers(FineTuningJobObject)
    def get(self, request: Request, job_id: str) -> Response:
        return Response(_as_json(request, _job(request, job_id)))


class AcceptanceView(APIView):
    """GET /api/v1/jobs/{id}/acceptance"""

    @answers(AcceptanceObject)
    def get(self, request: Request, job_id: str) -> Response:
        return Response(acceptance_as_json(_job(request, job_id)))


class CancelView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/cancel"""

    @answers(FineTuningJobObject)
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.cancel_job(job=_job(request, job_id), by=user_of(request))))


class PauseView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/pause: the status changes once the checkpoint is written."""

    @answers(FineTuningJobObject)
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.pause_job(job=_job(request, job_id), by=user_of(request))))


class FinishView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/finish: it ends after its current step, with the best weights so far"""

    @answers(FineTuningJobObject)
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.finish_job_early(job=_job(request, job_id), by=user_of(request))))


class ResumeView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/resume"""

    @answers(FineTuningJobObject)
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.resume_job(job=_job(request, job_id), by=user_of(request))))


class EventsView(APIView):
    """GET /v1/fine_tuning/jobs/{id}/events, newest first"""

    @answers(ListObject[JobEventObject])
    def get(self, request: Request, job_id: str) -> Response:
        page = _query(_Page, request)
        events = _job(request, job_id).events.order_by("-number")
        if "after" in page:
            last = events.filter(pk=page["after"]).first()
            events = events.filter(number__lt=_found(last, message("no_such_event", event=page["after"])).number)
        return one_page(events, page["limit"], event_as_json)


class CheckpointsView(APIView):
    """GET /v1/fine_tuning/jobs/{id}/checkpoints, newest first: those that are in storage"""

    @answers(ListObject[CheckpointObject])
    def get(self, request: Request, job_id: str) -> Response:
        page = _query(_Checkpoints, request)
        job = _job(request, job_id)
        _require_model(job)
        checkpoints = job.checkpoints.filter(published_at__isnull=False).order_by("-step")
        if "after" in page:
            last = checkpoints.filter(pk=page["after"]).first()
            checkpoints = checkpoints.filter(
                step__lt=_found(last, message("no_such_checkpoint", checkpoint=page["after"])).step
            )
        return one_page(checkpoints, page["limit"], lambda checkpoint: checkpoint_as_json(checkpoint, job))


class CommandView(APIView):
    """GET /api/v1/jobs/{id}/command: the job as a DeepSpeed command that runs by hand"""

    @answers(CommandObject)
    def get(self, request: Request, job_id: str) -> Response:
        job = _job(request, job_id)
        found: CommandObject = {
            "object": "command",
            "argv": arguments_of(job),
            "command": command_of(job),
            "data_url": data_address(job),
        }
        return Response(found)


class QueueView(APIView):
    """GET /api/v1/jobs/{id}/queue: place in line, reason, expected start and what would help, while the job waits.

    POST {"accelerators": 1} or {"priority": "high"} has it ask for something else, without losing its place.
    """

    @answers(queueing.QueueObject)
    def get(self, request: Request, job_id: str) -> Response:
        query_of(serializers.Serializer, request)
        return Response(queueing.queue_of(_job(request, job_id)))

    @answers(queueing.QueueObject)
    def post(self, request: Request, job_id: str) -> Response:
        asked = body_of(_Queued, request)
        job = queueing.change_queued(
            job=_job(request, job_id), by=user_of(request), may_be_urgent=is_platform_admin(request), **asked
        )
        return Response(queueing.queue_of(job))


class LogView(APIView):
    """GET /api/v1/jobs/{id}/log?offset=&attempt=: part of the trainer's log; a negative offset counts from the end.

    `text` holds the sentences in that part; an administrator gets all of it as `raw_text` besides.
    """

    @answers(LogObject)
    def get(self, request: Request, job_id: str) -> Response:
        asked = _query(_Log, request)
        part = read_log(_job(request, job_id), offset=asked["offset"], attempt=asked.get("attempt"))
        return Response(log_as_json(part, is_admin=is_platform_admin(request)))


class HyperparametersView(APIView):
    """GET /api/v1/hyperparameters?model=&file=: every parameter, its words, its automatic value and the reason"""

    @answers(ListObject[HyperparameterObject])
    def get(self, request: Request) -> Response:
        asked = _query(_Hyperparameters, request)
        found = estimating.describe(team=team_of(request), model=asked.get("model"), file_id=asked.get("file"))
        return listed(found)


class EstimateView(APIView):
    """POST /api/v1/jobs/estimate with the body of a create: rows, tokens, steps and seconds, without making a job"""

    roles = {"POST": Role.VIEWER}

    @answers(Estimate)
    def post(self, request: Request) -> Response:
        job_request = _job_request(request)
        check_suffix(job_request.suffix or "")
        services.check_metadata(job_request.metadata)
        services.parse_priority(job_request.priority, may_be_urgent=job_request.may_be_urgent)
        found = estimating.estimate(
            team=team_of(request),
            model=job_request.model,
            file_id=job_request.training_file,
            asked=read_asked(
                hyperparameters=job_request.hyperparameters,
                method=job_request.method,
                seed=job_request.seed,
                system_prompt=job_request.system_prompt,
            ),
            accelerators=services.parse_accelerators(job_request.accelerators),
            validation_file_id=job_request.validation_file,
        )
        return Response(found)


def _job_request(request: Request) -> services.JobRequest:
    """Return what the body asks for; a field that nobody knows would be ignored in silence, so it is refused."""
    body = request.data
    if not isinstance(body, dict):
        raise UserError(message("body_must_be_object"), code="invalid_type")
    body = dict(body.items())
    if body.pop("integrations", None):
        raise UserError(message("integrations_not_offered"), code="unsupported_integration", param="integrations")
    if unknown := sorted(set(body) - set(JOB_REQUEST_FIELDS)):
        name = sendable(unknown[0])
        raise UserError(message("job_field_unknown", name=name), code="unknown_parameter", param=name)
    for name in ("model", "training_file"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise UserError(message("id_missing", name=name), code="missing_required_parameter", param=name)
    for name in ("validation_file", "suffix", "system_prompt"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise UserError(message("must_be_text", name=name), code="invalid_type", param=name)
    return services.JobRequest(**body, may_be_urgent=is_platform_admin(request), **_repetition(request))


def _repetition(request: Request) -> dict[str, Any]:
    """Return what distinguishes a repeated create from a new one; an `Idempotency-Key` is handled elsewhere."""
    if request.headers.get(HEADER):
        return {}
    key_id = str(getattr(request.auth, "pk", "")) or f"user-{request.user.pk}"
    count = request.headers.get(RETRY_COUNT, "0")
    fingerprint = services.fingerprint_of(key_id=key_id, body=request.data)
    return {"fingerprint": fingerprint, "is_repeated": count.isdecimal() and count.strip("0") != ""}


def _metadata_filter(request: Request) -> dict[str, str]:
    """Return the pairs of metadata[key]=value in the query."""
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in request.query_params.dict().items()
        if _is_metadata(name) and is_storable(name + value)
    }


def _is_metadata(name: str) -> bool:
    return name.startswith("metadata[") and name.endswith("]")


def _query(kind: type[serializers.Serializer], request: Request, *, is_list: bool = False) -> dict[str, Any]:
    """Return the query's fields, checked."""
    found = query_of(kind, request, beside=_is_metadata if is_list else lambda name: False)
    if any(not is_storable(value) for value in found.values() if isinstance(value, str)):
        raise ValidationError("The address holds characters that no text has.")
    return found


def _found(row: Any, refusal: Message) -> Any:
    if row is None:
        raise NotFound(refusal, code="not_found", param="after")
    return row


def _require_model(job: FineTuningJob) -> None:
    """Say that checkpoints were deleted, instead of listing none as if there had been none."""
    if TunedModel.objects.deleted().filter(job=job).exists():
        gone = message("deleted_with_checkpoints", name=job.fine_tuned_model)
        raise UserError(gone, code="model_deleted", status=410)


def _as_json(request: Request, job: FineTuningJob) -> FineTuningJobObject:
    return job_as_json(job, is_admin=is_platform_admin(request))


def _job(request: Request, job_id: str) -> FineTuningJob:
    return services.get_job(team=team_of(request), job_id=job_id)
