"""Fine-tuning jobs over HTTP: OpenAI's surface to the letter, and Luthier's own routes beside it.

**A dropped reply to a create.** A client that gets no reply asks again. With an `Idempotency-Key` header the second
request gets the first one's reply, for 24 hours. OpenAI's SDK repeats by itself without such a key and only says so in
`x-stainless-retry-count`: a create with a count above 0 that is equal, byte for byte as JSON, to one of the same key
within the last 60 seconds gets the job which that one has made, and waits for it while it is still being made. Without
either header every create makes a job of its own.
"""

from typing import Any

from django.db.models import Prefetch
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import is_platform_admin
from accounts.requests import team_of, user_of
from accounts.roles import Role
from common.answers import ListObject, answers
from common.api import listed, one_page
from common.errors import NotFound, UserError
from common.idempotency import idempotent
from common.keysets import beyond, one_of
from common.reads import body_of, query_of, reads, require_no_body
from compute.administering.choosing import pool_for
from datasets_app.models import TrainingFile
from jobs import queueing, retrying, services
from jobs.estimates import estimating
from jobs.estimates.estimating import Estimate, HyperparameterObject
from jobs.hyperparameters import read_asked
from jobs.messages import message
from jobs.models import FineTuningJob, TunedModel
from jobs.training.parents import as_asked_of_base
from jobs.tuned_models import check_suffix
from jobs.web.command import arguments_of, command_of, data_address
from jobs.web.curves import MetricsObject, points_of
from jobs.web.logs import read_log
from jobs.web.requests import (
    ChangedInQueue,
    CheckpointPage,
    HyperparameterQuery,
    JobPage,
    LogPlace,
    MetricsPage,
    NewJob,
    Page,
    job_request_of,
)
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

_COLUMNS = [field.name for field in FineTuningJob._meta.concrete_fields]
SHOWN_OF_A_JOB = (*_COLUMNS, "team__slug", "training_file__use", "pool__name")
RESULT_NAMES = Prefetch("result_files", TrainingFile.objects.only("filename").order_by())


class JobsView(APIView):
    """GET, POST /v1/fine_tuning/jobs"""

    @answers(ListObject[FineTuningJobObject])
    @reads(query=JobPage)
    def get(self, request: Request) -> Response:
        page = query_of(request)
        jobs = FineTuningJob.objects.visible_to(team_of(request)).filter(metadata__contains=page.get("metadata", {}))
        jobs = jobs.select_related("team", "training_file", "pool").only(*SHOWN_OF_A_JOB)
        jobs = jobs.prefetch_related(RESULT_NAMES).order_by("-created_at", "-id")
        if "after" in page:
            last = services.get_job(team=team_of(request), job_id=page["after"], param="after")
            jobs = jobs.filter(beyond(last.created_at, last.pk))
        return one_page(jobs, page["limit"], lambda job: _as_json(request, job))

    @answers(FineTuningJobObject)
    @reads(NewJob)
    def post(self, request: Request) -> Response:
        job_request = job_request_of(request)

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
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.cancel_job(job=_job(request, job_id), by=user_of(request))))


class PauseView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/pause: the status changes once the checkpoint is written."""

    @answers(FineTuningJobObject)
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.pause_job(job=_job(request, job_id), by=user_of(request))))


class FinishView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/finish: it ends after its current step, with the best weights so far"""

    @answers(FineTuningJobObject)
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.finish_job_early(job=_job(request, job_id), by=user_of(request))))


class ResumeView(APIView):
    """POST /v1/fine_tuning/jobs/{id}/resume"""

    @answers(FineTuningJobObject)
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        return Response(_as_json(request, services.resume_job(job=_job(request, job_id), by=user_of(request))))


class RetryView(APIView):
    """POST /api/v1/jobs/{id}/retry: a new job like this failed one, with what its failure suggests to change"""

    @answers(FineTuningJobObject)
    @reads()
    def post(self, request: Request, job_id: str) -> Response:
        require_no_body(request)
        failed, by, is_admin = _job(request, job_id), user_of(request), is_platform_admin(request)

        def retry() -> Response:
            return Response(_as_json(request, retrying.retry_job(job=failed, by=by, may_be_urgent=is_admin)))

        return idempotent(request, retry)


class EventsView(APIView):
    """GET /v1/fine_tuning/jobs/{id}/events, newest first"""

    @answers(ListObject[JobEventObject])
    @reads(query=Page)
    def get(self, request: Request, job_id: str) -> Response:
        page = query_of(request)
        events = _job(request, job_id).events.order_by("-number")
        if "after" in page:
            last = one_of(events.filter(pk=page["after"]))
            events = events.filter(number__lt=_found(last, message("no_such_event", event=page["after"])).number)
        return one_page(events, page["limit"], event_as_json)


class CheckpointsView(APIView):
    """GET /v1/fine_tuning/jobs/{id}/checkpoints, newest first: those that are in storage"""

    @answers(ListObject[CheckpointObject])
    @reads(query=CheckpointPage)
    def get(self, request: Request, job_id: str) -> Response:
        page = query_of(request)
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
    @reads()
    def get(self, request: Request, job_id: str) -> Response:
        query_of(request)
        return Response(queueing.queue_of(_job(request, job_id)))

    @answers(queueing.QueueObject)
    @reads(ChangedInQueue)
    def post(self, request: Request, job_id: str) -> Response:
        asked = body_of(request)
        job = queueing.change_queued(
            job=_job(request, job_id), by=user_of(request), may_be_urgent=is_platform_admin(request), **asked
        )
        return Response(queueing.queue_of(job))


class LogView(APIView):
    """GET /api/v1/jobs/{id}/log?offset=&attempt=: part of the trainer's log; a negative offset counts from the end.

    `text` holds the sentences in that part; an administrator gets all of it as `raw_text` besides.
    """

    @answers(LogObject)
    @reads(query=LogPlace)
    def get(self, request: Request, job_id: str) -> Response:
        asked = query_of(request)
        part = read_log(_job(request, job_id), offset=asked["offset"], attempt=asked.get("attempt"))
        return Response(log_as_json(part, is_admin=is_platform_admin(request)))


class MetricsView(APIView):
    """GET /api/v1/jobs/{id}/metrics?limit=: what the page's curves are drawn from, in the order of the steps.

    Of a longer training about `limit` steps, evenly chosen; the lowest validation loss is always among them.
    """

    @answers(ListObject[MetricsObject])
    @reads(query=MetricsPage)
    def get(self, request: Request, job_id: str) -> Response:
        asked = query_of(request)
        return listed(points_of(_job(request, job_id), most=asked["limit"]))


class HyperparametersView(APIView):
    """GET /api/v1/hyperparameters?model=&file=: every parameter, its words, its automatic value and the reason"""

    @answers(ListObject[HyperparameterObject])
    @reads(query=HyperparameterQuery)
    def get(self, request: Request) -> Response:
        asked = query_of(request)
        found = estimating.describe(team=team_of(request), model=asked.get("model"), file_id=asked.get("file"))
        return listed(found)


class EstimateView(APIView):
    """POST /api/v1/jobs/estimate with the body of a create: rows, tokens, steps and seconds, without making a job"""

    roles = {"POST": Role.VIEWER}

    @answers(Estimate)
    @reads(NewJob)
    def post(self, request: Request) -> Response:
        job_request = job_request_of(request)
        check_suffix(job_request.suffix or "")
        services.check_metadata(job_request.metadata)
        services.parse_priority(job_request.priority, may_be_urgent=job_request.may_be_urgent)
        read = read_asked(
            hyperparameters=job_request.hyperparameters,
            method=job_request.method,
            seed=job_request.seed,
            system_prompt=job_request.system_prompt,
        )
        model, asked = as_asked_of_base(team=team_of(request), model=job_request.model, asked=read)
        found = estimating.estimate(
            team=team_of(request),
            model=model,
            file_id=job_request.training_file,
            asked=asked,
            accelerators=services.parse_accelerators(job_request.accelerators),
            pool=pool_for(team_of(request), job_request.pool),
            validation_file_id=job_request.validation_file,
        )
        return Response(found)


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
